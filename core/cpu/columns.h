// Tables of many columns, walked in tiles of columns whose sums stay in registers. For kernel sources only.
#pragma once
#include "core/cpu/lanes.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <class T>
[[gnu::always_inline]] inline Vec<T> item(const T* p, const Vec<T>&) {
  return load(p);
}
template <class T>
[[gnu::always_inline]] inline T item(const T* p, const T&) {
  return *p;
}

// Calls tile(first column, first column that no tile before had, whatever tells the width) over all columns,
// in tiles of four vectors, one, or, where there are fewer columns than lanes, single numbers.
template <int kVectors, class V>
struct Width {};
template <class T, class Tile>
[[gnu::always_inline]] inline void each_tile(int64_t columns, Tile tile) {
  constexpr int kL = kLanes<T>;
  int64_t c = 0;
  for (; c + 4 * kL <= columns; c += 4 * kL) tile(c, c, Width<4, Vec<T>>{});
  for (; c + kL <= columns; c += kL) tile(c, c, Width<1, Vec<T>>{});
  if (c == columns) return;
  if (columns >= kL)
    tile(columns - kL, c, Width<1, Vec<T>>{});
  else
    for (; c < columns; ++c) tile(c, c, Width<1, T>{});
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
