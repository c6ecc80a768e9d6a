// Discrete Fourier transforms of a few points, in every lane. For kernel sources only.
#pragma once
#include <cstdint>

#include <type_traits>

#include "core/cpu/lanes.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <class T>
struct Pair {  // complex numbers, one per lane
  Vec<T> re, im;
};

template <class T>
[[gnu::always_inline]] inline Pair<T> operator+(Pair<T> a, Pair<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class T>
[[gnu::always_inline]] inline Pair<T> operator-(Pair<T> a, Pair<T> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class T>
[[gnu::always_inline]] inline Pair<T> operator*(Pair<T> a, Pair<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class T>
[[gnu::always_inline]] inline Pair<T> operator*(T a, Pair<T> b) {
  return {a * b.re, a * b.im};
}
template <class T>
[[gnu::always_inline]] inline Pair<T> minus_i(Pair<T> a) {  // -i a
  return {a.im, -a.re};
}

template <class T>
[[gnu::always_inline]] inline void butterfly(Pair<T> (&a)[2]) {
  const Pair<T> b = a[0] - a[1];
  a[0] = a[0] + a[1];
  a[1] = b;
}

template <class T>
[[gnu::always_inline]] inline void butterfly(Pair<T> (&a)[3]) {
  const Pair<T> sum = a[1] + a[2], turn = minus_i(T(0.86602540378443864676) * (a[1] - a[2]));
  const Pair<T> middle = a[0] - T(0.5) * sum;
  a[0] = a[0] + sum;
  a[1] = middle + turn;
  a[2] = middle - turn;
}

template <class T>
[[gnu::always_inline]] inline void butterfly(Pair<T> (&a)[4]) {
  const Pair<T> even = a[0] + a[2], odd = a[1] + a[3], b = a[0] - a[2], c = minus_i(a[1] - a[3]);
  a[0] = even + odd;
  a[1] = b + c;
  a[2] = even - odd;
  a[3] = b - c;
}

template <class T>
[[gnu::always_inline]] inline void butterfly(Pair<T> (&a)[5]) {
  constexpr T c1 = T(0.30901699437494742410), c2 = T(-0.80901699437494742410);
  constexpr T s1 = T(0.95105651629515357212), s2 = T(0.58778525229247312917);
  const Pair<T> p1 = a[1] + a[4], m1 = minus_i(a[1] - a[4]), p2 = a[2] + a[3], m2 = minus_i(a[2] - a[3]);
  const Pair<T> u = a[0] + c1 * p1 + c2 * p2, v = a[0] + c2 * p1 + c1 * p2;
  const Pair<T> x = s1 * m1 + s2 * m2, y = s2 * m1 - s1 * m2;
  a[0] = a[0] + p1 + p2;
  a[1] = u + x;
  a[2] = v + y;
  a[3] = v - y;
  a[4] = u - x;
}

template <class T>
[[gnu::always_inline]] inline void butterfly(Pair<T> (&a)[7]) {
  constexpr T c1 = T(0.62348980185873353053), c2 = T(-0.22252093395631440429),
              c3 = T(-0.90096886790241912624);
  constexpr T s1 = T(0.78183148246802980871), s2 = T(0.97492791218182360702), s3 = T(0.43388373911755812048);
  const Pair<T> p1 = a[1] + a[6], m1 = minus_i(a[1] - a[6]), p2 = a[2] + a[5], m2 = minus_i(a[2] - a[5]),
                p3 = a[3] + a[4], m3 = minus_i(a[3] - a[4]);
  const Pair<T> u = a[0] + c1 * p1 + c2 * p2 + c3 * p3, v = a[0] + c2 * p1 + c3 * p2 + c1 * p3,
                w = a[0] + c3 * p1 + c1 * p2 + c2 * p3;
  const Pair<T> x = s1 * m1 + s2 * m2 + s3 * m3, y = s2 * m1 - s3 * m2 - s1 * m3,
                z = s3 * m1 - s1 * m2 + s2 * m3;
  a[0] = a[0] + p1 + p2 + p3;
  a[1] = u + x;
  a[2] = v + y;
  a[3] = w + z;
  a[4] = w - z;
  a[5] = v - y;
  a[6] = u - x;
}

template <class T>
[[gnu::always_inline]] inline void butterfly(Pair<T> (&a)[8]) {
  constexpr T h = T(0.70710678118654752440);
  Pair<T> even[4] = {a[0], a[2], a[4], a[6]}, odd[4] = {a[1], a[3], a[5], a[7]};
  butterfly(even);
  butterfly(odd);
  // odd[k] e^(-pi i k / 4)
  odd[1] = {h * (odd[1].re + odd[1].im), h * (odd[1].im - odd[1].re)};
  odd[2] = minus_i(odd[2]);
  odd[3] = {h * (odd[3].im - odd[3].re), -h * (odd[3].re + odd[3].im)};
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    a[k] = even[k] + odd[k];
    a[k + 4] = even[k] - odd[k];
  }
}

// Four transforms of four points, turned, and four across them.
template <class T>
[[gnu::always_inline]] inline void butterfly(Pair<T> (&a)[16]) {
  constexpr T h = T(0.70710678118654752440), c = T(0.92387953251128675613), s = T(0.38268343236508977173);
  // e^(-2 pi i k / 16)
  constexpr T re[10] = {1, c, h, s, 0, -s, -h, -c, -1, -c}, im[10] = {0, -s, -h, -c, -1, -c, -h, -s, 0, s};
  Pair<T> part[4][4];
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    Pair<T> b[4] = {a[k], a[k + 4], a[k + 8], a[k + 12]};
    butterfly(b);
    part[0][k] = b[0];
#pragma GCC unroll 4
    for (int j = 1; j < 4; ++j)
      part[j][k] = k == 0 ? b[j] : b[j] * Pair<T>{broadcast(re[k * j]), broadcast(im[k * j])};
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    butterfly(part[j]);
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) a[j + 4 * m] = part[j][m];
  }
}

template <class T>
[[gnu::always_inline]] inline Pair<T> load_pair(const T* p) {
  return {load(p), load(p + kLanes<T>)};
}
template <class T>
[[gnu::always_inline]] inline void store_pair(T* p, Pair<T> v) {
  store(p, v.re);
  store(p + kLanes<T>, v.im);
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
