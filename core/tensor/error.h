// Exceptions with PyTorch's types; the Python side maps each to its namesake.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace flambeau {

struct TypeError : std::runtime_error {
  using runtime_error::runtime_error;
};
struct IndexError : std::runtime_error {
  using runtime_error::runtime_error;
};
struct ValueError : std::runtime_error {
  using runtime_error::runtime_error;
};
struct NotImplementedError : std::runtime_error {
  using runtime_error::runtime_error;
};
struct RuntimeError : std::runtime_error {
  using runtime_error::runtime_error;
};
// Of a matrix that has no inverse, no factorization ...: torch.linalg.LinAlgError, a RuntimeError.
struct LinAlgError : std::runtime_error {
  using runtime_error::runtime_error;
};
// A Python exception is already set: carry it to the boundary as it is.
struct PythonError : std::exception {};

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

// fail<IndexError>("index ", i, " is out of range")
template <class Error, class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) {
  throw Error(concat(parts...));
}
template <class Error = RuntimeError, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail<Error>(parts...);
}

}  // namespace flambeau
