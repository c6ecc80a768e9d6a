// Vectors of the instruction set being compiled for, on the compilers' vector extensions. For kernel sources
// only.
#pragma once
#include <cstdint>

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T, int N>
struct VectorOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <class T, int N = kLanes<T>>
using Vec = typename VectorOf<T, N>::type;

// The integer type as wide as T: comparisons of Vec<T> give vectors of it.
template <int Bytes>
struct IntegerOf;
template <>
struct IntegerOf<1> {
  using type = int8_t;
};
template <>
struct IntegerOf<2> {
  using type = int16_t;
};
template <>
struct IntegerOf<4> {
  using type = int32_t;
};
template <>
struct IntegerOf<8> {
  using type = int64_t;
};
template <class T>
using MaskItem = typename IntegerOf<static_cast<int>(sizeof(T))>::type;

template <int N, class T>
[[gnu::always_inline]] inline Vec<T, N> load_lanes(const T* p) {
  return *reinterpret_cast<const typename VectorOf<T, N>::unaligned*>(p);
}
template <class T>
[[gnu::always_inline]] inline Vec<T> load(const T* p) {
  return load_lanes<kLanes<T>>(p);
}
template <class V, class T>
[[gnu::always_inline]] inline void store(T* p, V v) {
  if constexpr (sizeof(V) == sizeof(T))
    *p = v;
  else
    *reinterpret_cast<typename VectorOf<T, static_cast<int>(sizeof(V) / sizeof(T))>::unaligned*>(p) = v;
}
// x - 0 is x, the sign of a zero included: one instruction.
template <class T>
[[gnu::always_inline]] inline Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

template <class T>
constexpr T smaller(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T larger(T a, T b) {
  return a < b ? b : a;
}

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

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
