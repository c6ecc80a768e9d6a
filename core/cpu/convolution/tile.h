#pragma once

// The register tile of the convolutions: vectors, and the outer-product micro-kernel. For kernel sources
// only: it is compiled once per instruction set.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/cpu/lanes.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// The tile fills the register file: kTileRows x kTileVectors accumulators, one row of B, one broadcast value
// of A.
#if defined(__AVX512F__)
constexpr int64_t kTileRows = 8, kTileVectors = 3, kAccumulators = 24;
#else
constexpr int64_t kTileRows = 6, kTileVectors = 2, kAccumulators = 12;
#endif

template <class T>
constexpr int64_t kTileColumns = kTileVectors * kLanes<T>;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// A division of rows into blocks of at most kTileRows. Blocks too small to hide the latency of a
// multiplication are avoided: the last two share their rows evenly.
struct RowBlocks {
  int64_t rows, count, uneven;  // blocks before the last `uneven` ones are full

  explicit RowBlocks(int64_t n) : rows(n), count(ceil_div(n, kTileRows)) {
    constexpr int64_t kLatencyTimesThroughput = 8;
    const int64_t rest = n % kTileRows;
    uneven = rest == 0 ? 0 : rest * kTileVectors < kLatencyTimesThroughput && count > 1 ? 2 : 1;
  }
  int64_t first(int64_t block) const {
    if (block <= count - uneven) return block * kTileRows;
    const int64_t full = (count - uneven) * kTileRows;
    return block == count ? rows : full + ceil_div(rows - full, uneven);
  }
  int64_t size(int64_t block) const { return first(block + 1) - first(block); }
};

template <int64_t N>
struct Constant {
  static constexpr int64_t value = N;
};

// Calls f(Constant<n>{}) for a run-time n in [1, Max].
template <int64_t Max, class F>
[[gnu::always_inline]] inline void with_constant(int64_t n, F&& f) {
  if constexpr (Max > 1) {
    if (n == Max)
      f(Constant<Max>{});
    else
      with_constant<Max - 1>(n, f);
  } else {
    f(Constant<1>{});
  }
}

// Three ways to find A(i, k): rows packed together as [k][Rows], rows at a stride, or rows of an image read
// at a table of positions.
template <class T, int64_t Rows>
struct PackedRows {
  const T* data;
  [[gnu::always_inline]] T at(int64_t i, int64_t k) const { return data[k * Rows + i]; }
};

template <class T>
struct StridedRows {
  const T* data;
  int64_t stride;
  [[gnu::always_inline]] T at(int64_t i, int64_t k) const { return data[i * stride + k]; }
};

template <class T, int64_t Rows>
struct GatheredRows {
  const T* row[Rows];
  const int64_t* position;
  [[gnu::always_inline]] T at(int64_t i, int64_t k) const { return row[i][position[k]]; }
};

// Three ways to find row k of B: packed as [k][Columns], at a stride, or in an image at a table of offsets.
template <class T, int64_t Columns>
struct PackedColumns {
  const T* data;
  [[gnu::always_inline]] const T* row(int64_t k) const { return data + k * Columns; }
};

template <class T>
struct StridedColumns {
  const T* data;
  int64_t stride;
  [[gnu::always_inline]] const T* row(int64_t k) const { return data + k * stride; }
};

template <class T>
struct OffsetColumns {
  const T* data;
  const int64_t* offset;
  [[gnu::always_inline]] const T* row(int64_t k) const { return data + offset[k]; }
};

// C[i][j] = start + sum over k < depth of A(i, k) B(k, j), where start is C[i][j] itself or bias[i].
template <int64_t Rows, int64_t Vectors, class T, class A, class B>
[[gnu::always_inline]] inline void multiply_tile(const A& a, const B& b, int64_t depth, bool accumulate,
                                                 const T* bias, T* c, int64_t c_stride) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[Rows][Vectors];
  if (accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) sum[i][j] = load(c + i * c_stride + j * L);
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) sum[i][j] = broadcast(bias[i]);
  }
#pragma GCC unroll 4
  for (int64_t k = 0; k < depth; ++k) {
    const T* row = b.row(k);
    Vec<T> v[Vectors];
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) v[j] = load(row + j * L);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec<T> value = broadcast(a.at(i, k));
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) sum[i][j] += value * v[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) store(c + i * c_stride + j * L, sum[i][j]);
}

// As many vectors as keep `rows` rows within the register file.
constexpr int64_t flat_vectors(int64_t rows) { return smaller<int64_t>(8, kAccumulators / rows); }

template <class V, size_t... I>
[[gnu::always_inline]] inline V take_even(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...);
}

template <class V, size_t... I>
[[gnu::always_inline]] inline V take_odd(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I + 1)...);
}

template <class V, size_t... I>
[[gnu::always_inline]] inline V interleave_low(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (I / 2 + I % 2 * sizeof...(I))...);
}

template <class V, size_t... I>
[[gnu::always_inline]] inline V interleave_high(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (sizeof...(I) / 2 + I / 2 + I % 2 * sizeof...(I))...);
}

// The even and the odd ones of 2 kLanes consecutive elements.
template <class T>
[[gnu::always_inline]] inline void load_pairs(const T* from, Vec<T>& even, Vec<T>& odd) {
  constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
  constexpr int64_t L = kLanes<T>;
  // The odd ones are the even ones from one element further on, but for the last, which must not be read.
  const Vec<T> low = load(from), high = load(from + L);
  even = take_even(low, high, lanes);
  odd = take_odd(low, high, lanes);
}

// Zeros every lane from `count` on: what lies beyond a row's end may be NaN.
template <class T>
[[gnu::always_inline]] inline Vec<T> keep_first(Vec<T> v, int64_t count) {
  Vec<MaskItem<T>> lane;
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = static_cast<MaskItem<T>>(i);
  return lane < static_cast<MaskItem<T>>(count) ? v : Vec<T>{};
}

// Copies n elements, between N and 2 N, in two pieces that may overlap.
template <int N, class T>
[[gnu::always_inline]] inline void copy_twice(T* to, const T* from, int64_t n) {
  const Vec<T, N> first = load_lanes<N>(from), last = load_lanes<N>(from + n - N);
  store(to, first);
  store(to + n - N, last);
}

// Copies n elements without touching anything beyond them.
template <class T>
[[gnu::always_inline]] inline void copy_row(T* to, const T* from, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  if (n >= L) {
    for (int64_t i = 0; i + L <= n; i += L) store(to + i, load(from + i));
    store(to + n - L, load(from + n - L));
    return;
  }
  if constexpr (L > 8)
    if (n >= 8) return copy_twice<8>(to, from, n);
  if constexpr (L > 4)
    if (n >= 4) return copy_twice<4>(to, from, n);
  for (int64_t i = 0; i < n; ++i) to[i] = from[i];
}

// to[2 i] = from[i]; between the first and the last of them, elements are written with what they hold.
template <class T>
[[gnu::always_inline]] inline void put_every_second(T* to, const T* from, int64_t n) {
  constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
  constexpr int64_t L = kLanes<T>;
  int64_t i = 0;
  for (; i + L < n; i += L) {
    const Vec<T> v = load(from + i), low = load(to + 2 * i), high = load(to + 2 * i + L);
    const Vec<T> kept = take_odd(low, high, lanes);
    store(to + 2 * i, interleave_low(v, kept, lanes));
    store(to + 2 * i + L, interleave_high(v, kept, lanes));
  }
  for (; i < n; ++i) to[2 * i] = from[i];
}

// One row of results: every `step`-th element of `to`.
template <class T>
[[gnu::always_inline]] inline void write_row(T* to, const T* from, int64_t n, int64_t step) {
  if (step == 1) return copy_row(to, from, n);
  if (step == 2) return put_every_second(to, from, n);
  for (int64_t i = 0; i < n; ++i) to[i * step] = from[i];
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
