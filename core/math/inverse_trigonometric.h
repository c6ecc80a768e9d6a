// asin, acos, atan and atan2: an odd polynomial near zero, identities elsewhere.
#pragma once
#include "core/math/numeric.h"

namespace flambeau::math {

template <class T>
inline constexpr T kHalfPiHigh = is_float32<T> ? T(1.57079637f) : T(1.5707963267948966);
template <class T>
inline constexpr T kHalfPiLow = is_float32<T> ? T(-4.37113883e-8f) : T(6.123233995736766e-17);

// (asin(x)/x - 1) of z = x^2 <= 1/4.
template <class T>
FLAMBEAU_MATH T asin_series(T z) {
  if constexpr (is_float32<T>) {
    return z * polynomial(z, 0.166666657f, 0.0750009418f, 0.0445994027f, 0.0311006624f, 0.0171492379f,
                          0.0336908475f);
  } else {
    return z * polynomial(z, 0.16666666666666669, 0.07499999999998433, 0.04464285714635543,
                          0.030381944138531247, 0.02237217294214989, 0.017352392720869973,
                          0.013971212973552933, 0.011479177415184906, 0.01032281435018578,
                          0.005457506718640358, 0.01740087944269402, -0.014851887071247204,
                          0.028757851367421566);
  }
}

// Beyond 1/2: asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)).
template <class T>
FLAMBEAU_MATH T asin(T x) {
  const T a = abs(x);
  const bool far = a > T(0.5);
  const T z = far ? (T(1) - a) * T(0.5) : a * a;
  const T s = far ? sqrt(z) : a, rest = s * asin_series(z);
  const T near_one = (kHalfPiHigh<T> - T(2) * s) - (T(2) * rest - kHalfPiLow<T>);
  return copysign(far ? near_one : s + rest, x);
}

template <class T>
FLAMBEAU_MATH T acos(T x) {
  const T a = abs(x);
  const bool far = a > T(0.5);
  const T z = far ? (T(1) - a) * T(0.5) : a * a;
  const T s = far ? sqrt(z) : x, rest = s * asin_series(z);
  const T near_one = T(2) * (s + rest);
  const T near_minus_one = (T(2) * kHalfPiHigh<T> - T(2) * s) - (T(2) * rest - T(2) * kHalfPiLow<T>);
  const T near_zero = kHalfPiHigh<T> - (s - (kHalfPiLow<T> - rest));
  return far ? (x > T(0) ? near_one : near_minus_one) : near_zero;
}

// atan of a = numerator / denominator >= 0, both given so that a quotient need not be divided twice.
template <class T>
FLAMBEAU_MATH T atan_quotient(T numerator, T denominator) {
  // tan(pi/8) and tan(3 pi/8) part three ranges: a; (a - 1) / (a + 1) about pi/4; -1/a about pi/2.
  const bool steep = numerator > T(2.414213562373095) * denominator;
  const bool middle = numerator > T(0.41421356237309503) * denominator;
  const T top = steep ? -denominator : (middle ? numerator - denominator : numerator);
  const T bottom = steep ? numerator : (middle ? numerator + denominator : denominator);
  const T base = steep ? kHalfPiHigh<T> : (middle ? T(0.5) * kHalfPiHigh<T> : T(0));
  const T base_low = steep ? kHalfPiLow<T> : (middle ? T(0.5) * kHalfPiLow<T> : T(0));
  const T t = top / bottom, z = t * t;
  T p;
  if constexpr (is_float32<T>) {
    p = polynomial(z, -0.333333313f, 0.199995384f, -0.142638966f, 0.107430995f, -0.06449835f);
  } else {
    p = polynomial(z, -0.3333333333333333, 0.1999999999999548, -0.14285714284657894, 0.11111111014561013,
                   -0.09090904549884611, 0.07692182535116648, -0.06664502215671447, 0.058580687568615106,
                   -0.05085030492810941, 0.03921955253255129, -0.019162068915902573);
  }
  return base + (t + (t * (z * p) + base_low));
}

template <class T>
FLAMBEAU_MATH T atan(T x) {
  return copysign(atan_quotient(abs(x), T(1)), x);
}

template <class T>
FLAMBEAU_MATH T atan2(T y, T x) {
  const T a = abs(y), b = abs(x);
  const bool steep = a > b;
  const bool both_infinite = (a == kInfinity<T>)&(b == kInfinity<T>);
  const T small = both_infinite ? T(1) : (steep ? b : a);
  const T large = both_infinite ? T(1) : (steep ? a : b);
  T angle = atan_quotient(small, large == T(0) ? T(1) : large);
  angle = steep ? kHalfPiHigh<T> - (angle - kHalfPiLow<T>) : angle;
  angle = is_negative(x) ? T(2) * kHalfPiHigh<T> - (angle - T(2) * kHalfPiLow<T>) : angle;
  return is_nan(x) | is_nan(y) ? kNaN<T> : copysign(angle, y);
}

}  // namespace flambeau::math
