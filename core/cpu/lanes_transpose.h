// Square blocks transposed in registers. For kernel sources only.
#pragma once
#include <cstdint>
#include <utility>

#include "core/cpu/lanes.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Items of a and b whose index has bit kStep clear (of b shifted up by kStep, filling the gaps of a), then
// the others.
template <int kStep, class V, int... kIndex>
[[gnu::always_inline]] inline V exchange_low(V a, V b, std::integer_sequence<int, kIndex...>) {
  constexpr int kN = sizeof...(kIndex);
  return __builtin_shufflevector(a, b, (kIndex & kStep ? kN + kIndex - kStep : kIndex)...);
}
template <int kStep, class V, int... kIndex>
[[gnu::always_inline]] inline V exchange_high(V a, V b, std::integer_sequence<int, kIndex...>) {
  constexpr int kN = sizeof...(kIndex);
  return __builtin_shufflevector(a, b, (kIndex & kStep ? kN + kIndex : kIndex + kStep)...);
}

// Eklundh's algorithm (1972): blocks of 1, 2, 4 ... items change places across the diagonal.
template <int kN, class V, int kStep = 1>
[[gnu::always_inline]] inline void transpose_square(V (&rows)[kN]) {
  if constexpr (kStep < kN) {
    const auto indices = std::make_integer_sequence<int, kN>{};
#pragma GCC unroll 64
    for (int i = 0; i < kN; ++i) {
      if (i & kStep) continue;
      const V a = rows[i], b = rows[i + kStep];
      rows[i] = exchange_low<kStep>(a, b, indices);
      rows[i + kStep] = exchange_high<kStep>(a, b, indices);
    }
    transpose_square<kN, V, 2 * kStep>(rows);
  }
}

// to[j * to_row + i] = from[i * from_row + j] for i < rows, j < columns, in blocks of kN x kN.
template <class T, int kN = kLanes<T>>
void transpose_copy(const T* from, int64_t from_row, int64_t rows, int64_t columns, T* to, int64_t to_row) {
  int64_t i = 0;
  for (; i + kN <= rows; i += kN) {
    int64_t j = 0;
    for (; j + kN <= columns; j += kN) {
      Vec<T, kN> block[kN];
#pragma GCC unroll 64
      for (int r = 0; r < kN; ++r) block[r] = load_lanes<kN>(from + (i + r) * from_row + j);
      transpose_square<kN>(block);
#pragma GCC unroll 64
      for (int r = 0; r < kN; ++r) store(to + (j + r) * to_row + i, block[r]);
    }
    for (; j < columns; ++j)
      for (int64_t r = i; r < i + kN; ++r) to[j * to_row + r] = from[r * from_row + j];
  }
  for (; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[j * to_row + i] = from[i * from_row + j];
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
