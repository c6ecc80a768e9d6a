#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace flambeau {

template <class Signature>
class FunctionRef;

// A non-owning reference to a callable: two words, no allocation. The callable must outlive the reference, so
// use it for parameters only. Everything is forced inline because kernel sources, compiled once per
// instruction set, use it and must not emit shared (weak) functions.
template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> &&
             std::is_invocable_r_v<Result, Callable&, Args...>)
  [[gnu::always_inline]] FunctionRef(Callable&& callable)
      : object_(const_cast<void*>(static_cast<const volatile void*>(__builtin_addressof(callable)))),
        call_(&call<std::remove_reference_t<Callable>>) {}

  [[gnu::always_inline]] Result operator()(Args... args) const {
    return call_(object_, static_cast<Args&&>(args)...);
  }

 private:
  template <class Callable>
  static Result call(void* object, Args... args) {
    return (*static_cast<Callable*>(object))(static_cast<Args&&>(args)...);
  }

  void* object_;
  Result (*call_)(void*, Args...);
};

}  // namespace flambeau
