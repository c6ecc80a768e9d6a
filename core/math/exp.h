// The exponential family: exp, exp2, expm1, and the functions that are a few operations away from them.
//
// x = n ln 2 + r with |r| <= ln(2) / 2 (Cody and Waite's two-part reduction), exp(x) = 2^n exp(r); the
// polynomials interpolate at Chebyshev nodes.
#pragma once
#include "core/math/numeric.h"

namespace flambeau::math {

template <class T>
struct ExpReduction {
  T n, r;
};

// |x| < 1100.
template <class T>
FLAMBEAU_MATH ExpReduction<T> reduce_by_ln2(T x) {
  constexpr T kHigh = is_float32<T> ? T(0.693359375f) : T(6.93147180369123816490e-01);
  constexpr T kLow = is_float32<T> ? T(-2.12194440e-4f) : T(1.90821492927058770002e-10);
  const T n = nearest_small(x * T(1.4426950408889634));
  return {n, (x - n * kHigh) - n * kLow};
}

// exp(r) - 1 for |r| <= ln(2) / 2.
template <class T>
FLAMBEAU_MATH T expm1_reduced(T r) {
  T q;
  if constexpr (is_float32<T>) {
    q = polynomial(r, 0.5f, 0.166665748f, 0.0416665524f, 0.0083634723f, 0.00139265507f);
  } else {
    q = polynomial(r, 0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333325848,
                   0.0013888888888883544, 0.00019841269875819578, 2.4801587326261104e-05,
                   2.755725413931689e-06, 2.7557272742699346e-07, 2.5105739219586713e-08,
                   2.0915059884917686e-09);
  }
  return r + (r * r) * q;
}

// y 2^n for integral n, over- and underflowing gradually: two factors, as 2^n itself may not be a normal
// number.
template <class T>
FLAMBEAU_MATH T scale(T y, T n) {
  const T half = nearest_small(n * T(0.5));
  return (y * power_of_two(half)) * power_of_two(n - half);
}

// Where exp and sinh overflow for certain, and where exp is 0 for certain.
template <class T>
inline constexpr T kExpMax = is_float32<T> ? T(89.5) : T(710.5);
template <class T>
inline constexpr T kExpMin = is_float32<T> ? T(-104) : T(-746);

// NaN stays NaN, as no comparison with it holds.
template <class T>
FLAMBEAU_MATH T clamp_exponent(T x, T lowest, T highest) {
  x = x > highest ? highest : x;
  return x < lowest ? lowest : x;
}

template <class T>
FLAMBEAU_MATH T exp(T x) {
  const auto [n, r] = reduce_by_ln2(clamp_exponent(x, kExpMin<T>, kExpMax<T>));
  return scale(T(1) + expm1_reduced(r), n);
}

// exp where the result is a normal number: |x| < 87 for float, 708 for double.
template <class T>
FLAMBEAU_MATH T exp_normal(T x) {
  const auto [n, r] = reduce_by_ln2(x);
  return (T(1) + expm1_reduced(r)) * power_of_two(n);
}

// exp(high + low), for |low| far below |high|.
FLAMBEAU_MATH double exp(DoubleDouble x) {
  const auto [n, r] = reduce_by_ln2(clamp_exponent(x.high, kExpMin<double>, kExpMax<double>));
  return scale(1.0 + expm1_reduced(r + x.low), n);
}

template <class T>
FLAMBEAU_MATH T exp2(T x) {
  x = clamp_exponent(x, is_float32<T> ? T(-151) : T(-1076), is_float32<T> ? T(128) : T(1024));
  const T n = nearest_small(x);
  return scale(T(1) + expm1_reduced((x - n) * T(0.69314718055994530942)), n);
}

// expm1(x) / 4, so that neither 2^n nor sinh overflows early: 2^(n-2) (exp(r) - 1) + (2^(n-2) - 1/4).
template <class T>
FLAMBEAU_MATH T quarter_expm1(T x) {
  const auto [n, r] = reduce_by_ln2(clamp_exponent(x, is_float32<T> ? T(-20) : T(-40), kExpMax<T>));
  const T power = power_of_two(n - T(2));
  return power * expm1_reduced(r) + (power - T(0.25));
}

template <class T>
FLAMBEAU_MATH T expm1(T x) {
  constexpr T kIdentity = is_float32<T> ? T(1e-8f) : T(1e-17);
  return abs(x) < kIdentity ? x : T(4) * quarter_expm1(x);
}

// 1 / (1 + exp(-x)), by way of exp(-|x|), which does not overflow.
template <class T>
FLAMBEAU_MATH T sigmoid(T x) {
  const T e = exp(-abs(x));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

template <class T>
FLAMBEAU_MATH T sinh(T x) {
  constexpr T kHuge = is_float32<T> ? T(1e9f) : T(1e18);
  const T a = abs(x), z = x * x;
  T p;
  if constexpr (is_float32<T>) {
    p = polynomial(z, 0.166666672f, 0.00833333936f, 0.000198381022f, 2.80628024e-06f);
  } else {
    p = polynomial(z, 0.16666666666666666, 0.008333333333333333, 0.00019841269841269773,
                   2.755731922404034e-06, 2.505210836405804e-08, 1.6059048396350562e-10,
                   7.646625361656657e-13, 2.8445264169895285e-15);
  }
  const T small = a + a * (z * p);
  const T half = T(2) * quarter_expm1(a);  // expm1(|x|) / 2
  const T large = half > kHuge ? half : half + half / (T(2) * half + T(1));
  return copysign(a < T(1) ? small : large, x);
}

template <class T>
FLAMBEAU_MATH T cosh(T x) {
  const auto [n, r] = reduce_by_ln2(clamp_exponent(abs(x), T(0), is_float32<T> ? T(90) : T(711)));
  const T y = T(1) + expm1_reduced(r);
  const T power = power_of_two(n - T(2));  // exp(|x|) / 4 does not overflow where cosh does not
  const T quarter = y * power;
  return T(2) * quarter + T(0.125) / quarter;
}

template <class T>
FLAMBEAU_MATH T tanh(T x) {
  constexpr T kThreshold = is_float32<T> ? T(0.625f) : T(0.55);
  const T a = abs(x), z = x * x;
  T p;
  if constexpr (is_float32<T>) {
    p = polynomial(z, -0.333333284f, 0.133327693f, -0.0538509078f, 0.0209971797f, -0.00609671418f);
  } else {
    p = polynomial(z, -0.3333333333333333, 0.13333333333332714, -0.053968253967434016, 0.021869488493666944,
                   -0.008863234397814355, 0.003592110378689024, -0.001455661830100716, 0.0005889360520074057,
                   -0.0002346347410887237, 8.511313685577672e-05, -2.060276537636634e-05);
  }
  const T small = a + a * (z * p);
  // Beyond 10 (20) the result is 1.
  constexpr T kSaturated = is_float32<T> ? T(10) : T(20);
  const T e = exp_normal(T(2) * (a > kSaturated ? kSaturated : a));
  const T large = T(1) - T(2) / (e + T(1));
  return copysign(a < kThreshold ? small : large, x);
}

}  // namespace flambeau::math
