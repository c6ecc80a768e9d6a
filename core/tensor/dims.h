// Sizes, strides and lists of dimensions: at most kMaxDims integers, held inline.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>

namespace flambeau {

inline constexpr int kMaxDims = 16;
using IntList = std::span<const int64_t>;

struct Dims {
  int64_t values[kMaxDims];  // only the first `count` are set
  int32_t count = 0;

  Dims() {}
  Dims(const Dims& other) { copy(other); }
  Dims(std::initializer_list<int64_t> list) { assign(list.begin(), static_cast<int>(list.size())); }
  explicit Dims(IntList list);  // throws RuntimeError if there are too many
  Dims& operator=(const Dims& other) {
    if (this != &other) copy(other);
    return *this;
  }
  int size() const { return count; }
  int64_t& operator[](int i) { return values[i]; }
  int64_t operator[](int i) const { return values[i]; }
  int64_t& back() { return values[count - 1]; }
  int64_t back() const { return values[count - 1]; }
  void push_back(int64_t value) { values[count++] = value; }
  void insert(int at, int64_t value);
  void erase(int at);
  void resize(int n, int64_t value) {
    for (int i = count; i < n; ++i) values[i] = value;
    count = n;
  }
  int64_t* begin() { return values; }
  int64_t* end() { return values + count; }
  const int64_t* begin() const { return values; }
  const int64_t* end() const { return values + count; }
  operator IntList() const { return {values, static_cast<size_t>(count)}; }
  bool operator==(const Dims& other) const {
    if (count != other.count) return false;
    for (int i = 0; i < count; ++i)
      if (values[i] != other.values[i]) return false;
    return true;
  }

 private:
  void assign(const int64_t* from, int n) {
    count = n;
    for (int i = 0; i < n; ++i) values[i] = from[i];
  }
  // Most tensors have up to four dimensions: two moves of 16 bytes each rather than a call of memmove for a
  // short loop.
  void copy(const Dims& other) {
    __builtin_memcpy(values, other.values, 4 * sizeof(int64_t));
    for (int i = 4; i < other.count; ++i) values[i] = other.values[i];
    count = other.count;
  }
};

std::string to_string(IntList list);  // "[2, 3]"
std::ostream& operator<<(std::ostream& stream, const Dims& dims);

// The product; throws RuntimeError on a negative size or overflow.
int64_t checked_numel(IntList sizes);
Dims contiguous_strides(const Dims& sizes);
bool is_contiguous(const Dims& sizes, const Dims& strides);
// Every element has its own address and no gaps lie between them, in some order of the dimensions.
bool is_dense(const Dims& sizes, const Dims& strides);
// Some two elements may share an address (expanded tensors, among others).
bool may_overlap(const Dims& sizes, const Dims& strides);
// Throws RuntimeError naming both shapes where they do not broadcast.
Dims broadcast_sizes(const Dims& a, const Dims& b);
// -dim..dim-1 to 0..dim-1, a 0-d tensor counting as 1-d; throws IndexError.
int64_t wrap_dim(int64_t dim, int dims);
// Strides with which `sizes` over the same memory gives `new_sizes`; false where a copy is needed.
bool view_strides(const Dims& sizes, const Dims& strides, const Dims& new_sizes, Dims& new_strides);
// Replaces one -1 in `wanted` so that the product is numel; throws RuntimeError.
Dims infer_size(IntList wanted, int64_t numel);

}  // namespace flambeau
