// What the kernels of normalisation share: how lanes are summed, and for how long in the operands' dtype. For
// kernel sources only.
#pragma once
#include "core/cpu/lanes.h"
#include "core/cpu/normalisation/normalisation.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Sums of so many elements are made in their dtype, and added up in float64.
constexpr int64_t kStretch = 4096;

template <class T, int kN>
[[gnu::always_inline]] inline T sum_of_lanes(Vec<T, kN> v) {
  if constexpr (kN == 2) {
    return v[0] + v[1];
  } else {
    alignas(kVectorBytes) T items[kN];
    store(items, v);
    return sum_of_lanes<T, kN / 2>(load_lanes<kN / 2>(items) + load_lanes<kN / 2>(items + kN / 2));
  }
}

template <class T>
[[gnu::always_inline]] inline Vec<T> item(const T* p, const Vec<T>&) {
  return load(p);
}
template <class T>
[[gnu::always_inline]] inline T item(const T* p, const T&) {
  return *p;
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
