// The kernels of argmax and argmin. A kernel source: compiled once per instruction set.
#include <type_traits>

#include "core/cpu/lanes.h"
#include "core/cpu/reduce/reduce.h"
#include "core/cpu/reduce/truth.h"
#include "core/cpu/reduce/walk.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// better(x, best): x replaces best, which came first. A NaN is better than any number.
template <class T>
struct Greater {
  static bool better(T x, T best) { return (x > best) | ((x != x) & (best == best)); }
};
template <class T>
struct Less {
  static bool better(T x, T best) { return (x < best) | ((x != x) & (best == best)); }
};

template <class T>
struct Found {
  T value;
  int64_t index;
};

// The first byte that is (or is not) 0, or n.
int64_t find_truth(const Truth* x, int64_t n, bool wanted) {
  constexpr int64_t kBlock = 256;
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    uint8_t found = 0;
    for (int64_t k = 0; k < kBlock; ++k) found |= (x[i + k].byte != 0) == wanted;
    if (found) break;
  }
  while (i < n && (x[i].byte != 0) != wanted) ++i;
  return i;
}

// The best of each block first, in lanes, then its place in the block that holds the best of all.
template <class T, class Order>
Found<T> find_in_row(const T* x, int64_t n) {
  if constexpr (std::is_same_v<T, Truth>) {  // nothing is better than the first one
    const int64_t first = find_truth(x, n, std::is_same_v<Order, Greater<T>>);
    const int64_t at = first < n ? first : 0;
    return {x[at], at};
  }
  constexpr int kWays = 4 * kLanes<T>, kBlock = 32 * kWays;
  T best = x[0];
  int64_t start = 0;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t block = smaller<int64_t>(kBlock, n - first);
    const T* p = x + first;
    T found = p[0];
    if (block >= kWays) {
      T ways[kWays];
      for (int w = 0; w < kWays; ++w) ways[w] = p[w];
      int64_t i = kWays;
      for (; i + kWays <= block; i += kWays)
        for (int w = 0; w < kWays; ++w) ways[w] = Order::better(p[i + w], ways[w]) ? p[i + w] : ways[w];
      for (int w = 0; w < kWays; ++w) found = Order::better(ways[w], found) ? ways[w] : found;
      for (; i < block; ++i) found = Order::better(p[i], found) ? p[i] : found;
    } else {
      for (int64_t i = 1; i < block; ++i) found = Order::better(p[i], found) ? p[i] : found;
    }
    if (Order::better(found, best)) {
      best = found;
      start = first;
    }
    if (best != best) break;
  }
  int64_t i = start;
  if (best != best)
    while (x[i] == x[i]) ++i;
  else
    while (x[i] != best) ++i;
  return {x[i], i};
}

template <class T, class Order>
Found<T> find_strided(const T* x, int64_t n, int64_t stride) {
  Found<T> found{x[0], 0};
  for (int64_t i = 1; i < n; ++i)
    if (Order::better(x[i * stride], found.value)) found = {x[i * stride], i};
  return found;
}

template <class T, class Order>
void find_in_columns(const T* x, int64_t rows, int64_t stride, int64_t width, T* __restrict best,
                     int32_t* __restrict index) {
  for (int64_t c = 0; c < width; ++c) {
    best[c] = x[c];
    index[c] = 0;
  }
  for (int32_t r = 1; r < rows; ++r) {
    const T* __restrict row = x + r * stride;
    for (int64_t c = 0; c < width; ++c) {
      const T item = row[c], old = best[c];
      const bool better = Order::better(item, old);
      best[c] = better ? item : old;
      index[c] = better ? r : index[c];
    }
  }
}

template <class T, class Order>
void find(const Reduction& r, const void* input, void* out_values, int64_t* out_indices) {
  if (r.outputs == 0) return;
  const T* const in = static_cast<const T*>(input);
  T* const values = static_cast<T*>(out_values);
  const auto emit = [&](int64_t at, T value, int64_t index) {
    if (values) values[at] = value;
    if (out_indices) out_indices[at] = index;
  };
  const Reduction::Axis row = r.reduced_rank ? r.reduced[0] : Reduction::Axis{1, 1, 0};
  const int axis = row.size > INT32_MAX ? -1 : column_axis(r);
  if (axis < 0 || r.kept[axis].stride != 1) {
    each(r.kept, r.kept_rank, -1, [&](int64_t at, int64_t out) {
      const Found<T> found = row.stride == 1 ? find_in_row<T, Order>(in + at, row.size)
                                             : find_strided<T, Order>(in + at, row.size, row.stride);
      emit(out, found.value, found.index);
    });
    return;
  }
  const Reduction::Axis column = r.kept[axis];
  T best[kTileColumns];
  int32_t index[kTileColumns];
  each(r.kept, r.kept_rank, axis, [&](int64_t at, int64_t out) {
    for (int64_t first = 0; first < column.size; first += kTileColumns) {
      const int64_t width = smaller(kTileColumns, column.size - first);
      find_in_columns<T, Order>(in + at + first, row.size, row.stride, width, best, index);
      for (int64_t c = 0; c < width; ++c) emit(out + (first + c) * column.out_stride, best[c], index[c]);
    }
  });
}

template <class T>
void fill_type(ReduceKernels& kernels, DType dtype) {
  kernels.arg_reduce[static_cast<int>(ArgReduce::Max)][static_cast<int>(dtype)] = find<T, Greater<T>>;
  kernels.arg_reduce[static_cast<int>(ArgReduce::Min)][static_cast<int>(dtype)] = find<T, Less<T>>;
}

}  // namespace

void fill_index(ReduceKernels& kernels) {
  fill_type<Truth>(kernels, DType::Bool);
  fill_type<uint8_t>(kernels, DType::UInt8);
  fill_type<int8_t>(kernels, DType::Int8);
  fill_type<int16_t>(kernels, DType::Int16);
  fill_type<int32_t>(kernels, DType::Int32);
  fill_type<int64_t>(kernels, DType::Int64);
  fill_type<float>(kernels, DType::Float32);
  fill_type<double>(kernels, DType::Float64);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
