// Sizes, strides and lists of dimensions: at most kMaxDims integers, a few of them inline.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <utility>

namespace flambeau {

inline constexpr int kMaxDims = 64;
using IntList = std::span<const int64_t>;

// Nearly every tensor has at most kInline dimensions; the others keep them in a block of their own, which has
// room for kMaxDims.
struct Dims {
  static constexpr int kInline = 5;

  // Read as an integer; changed through resize, push_back, insert and erase alone, which see to the room.
  class Count {
   public:
    operator int() const { return n_; }

   private:
    friend struct Dims;
    int32_t n_ = 0;
  };

  int64_t* values = few_;  // only the first `count` are set
  Count count;

  Dims() {}
  Dims(const Dims& other) { copy(other); }
  Dims(Dims&& other) noexcept { take(other); }
  Dims(std::initializer_list<int64_t> list) : Dims(IntList(list.begin(), list.size())) {}
  explicit Dims(IntList list) {  // throws RuntimeError if there are too many
    resize(list.size() > kMaxDims ? kMaxDims + 1 : static_cast<int>(list.size()));
    for (size_t i = 0; i < list.size(); ++i) values[i] = list[i];
  }
  Dims& operator=(const Dims& other) {
    if (this != &other) copy(other);
    return *this;
  }
  Dims& operator=(Dims&& other) noexcept {
    if (this != &other) {
      drop_block();
      take(other);
    }
    return *this;
  }
  ~Dims() { drop_block(); }

  int size() const { return count; }
  int64_t& operator[](int i) { return values[i]; }
  int64_t operator[](int i) const { return values[i]; }
  int64_t& back() { return values[count - 1]; }
  int64_t back() const { return values[count - 1]; }
  void push_back(int64_t value) {
    resize(count + 1);
    values[count - 1] = value;
  }
  void insert(int at, int64_t value);
  void erase(int at);
  Dims without(int at) const {
    Dims rest;
    rest.resize(count - 1);
    for (int i = 0; i < at; ++i) rest.values[i] = values[i];
    for (int i = at + 1; i < count; ++i) rest.values[i - 1] = values[i];
    return rest;
  }
  // What is new is not set.
  void resize(int n) {
    if (n > kInline && values == few_) [[unlikely]]
      make_block();
    if (n > kMaxDims) [[unlikely]]
      refuse(n);
    count.n_ = n;
  }
  void resize(int n, int64_t value) {
    const int before = count;
    resize(n);
    for (int i = before; i < n; ++i) values[i] = value;
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
  // Moves of fixed number, rather than a loop or a call of memmove; and one by one, as sizes are written: a
  // load of two of them at once would have to wait until both are in the cache.
  void copy_few(const Dims& other) {
    int64_t* to = values;
    const int64_t* from = other.values;
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to[4] = from[4];
    static_assert(kInline == 5);
    count.n_ = other.count.n_;
  }
  void copy(const Dims& other) {
    if (other.count > kInline) [[unlikely]]
      copy_many(other);
    else
      copy_few(other);
  }
  void take(Dims& other) {
    if (other.values == other.few_) [[likely]] {
      copy_few(other);
      return;
    }
    values = std::exchange(other.values, other.few_);
    count.n_ = std::exchange(other.count.n_, 0);
  }
  void drop_block() {
    if (values != few_) [[unlikely]]
      free_block();
  }
  void copy_many(const Dims& other);
  void make_block();
  void free_block() noexcept;
  [[noreturn]] static void refuse(int n);

  int64_t few_[kInline];
};

// Beside a size of 0 sizes and strides may be so large that their products do not fit. Nobody follows such
// strides, so arithmetic on them may wrap.
constexpr int64_t wrapping_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
constexpr int64_t wrapping_mul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

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
