// Rows of overlapping windows as vectors: what every first or second element of a row is. For kernel sources
// only.
#pragma once
#include <utility>

#include "core/cpu/lanes.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <class V, size_t... I>
[[gnu::always_inline]] inline V every_second(V a, V b, std::index_sequence<I...>, int odd) {
  return odd ? __builtin_shufflevector(a, b, (2 * I + 1)...) : __builtin_shufflevector(a, b, (2 * I)...);
}

template <class V, size_t... I>
[[gnu::always_inline]] inline V interleave(V a, V b, std::index_sequence<I...>, int high) {
  constexpr size_t n = sizeof...(I);
  return high ? __builtin_shufflevector(a, b, (n / 2 + I / 2 + I % 2 * n)...)
              : __builtin_shufflevector(a, b, (I / 2 + I % 2 * n)...);
}

template <class T, size_t... I>
[[gnu::always_inline]] inline Vec<T> load_lanes_apart(const T* p, int64_t step, std::index_sequence<I...>) {
  return Vec<T>{p[static_cast<int64_t>(I) * step]...};
}

// Every third element, from three vectors that follow one another.
template <class V, size_t... I>
[[gnu::always_inline]] inline V every_third(V a, V b, V c, std::index_sequence<I...>) {
  constexpr size_t n = sizeof...(I);
  const V of_two = __builtin_shufflevector(a, b, (3 * I < 2 * n ? 3 * I : I)...);
  return __builtin_shufflevector(of_two, c, (3 * I < 2 * n ? I : 3 * I - n)...);
}

// p[0], p[step], p[2 step] ...; reads whole vectors where Step, the step if it is known, is 1, 2 or 3.
template <int Step, class T>
[[gnu::always_inline]] inline Vec<T> load_every(const T* p, int64_t step) {
  constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
  if constexpr (Step == 1)
    return load(p);
  else if constexpr (Step == 2)
    return every_second(load(p), load(p + kLanes<T>), lanes, 0);
  else if constexpr (Step == 3)
    return every_third(load(p), load(p + kLanes<T>), load(p + 2 * kLanes<T>), lanes);
  else
    return load_lanes_apart(p, step, lanes);
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
