// The logarithms, and the inverse hyperbolic functions made of them.
//
// x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); with s = f / (2 + f), log(1 + f) = 2 s + s R(s^2),
// arranged as in FDLIBM's e_log.c: f - (f^2/2 - s (f^2/2 + R)).
#pragma once
#include "core/math/numeric.h"

namespace flambeau::math {

template <class T>
struct LogReduction {
  T exponent, mantissa;  // x = 2^exponent mantissa, sqrt(1/2) <= mantissa < sqrt(2)
};

// x > 0 and finite; denormals are scaled first. Other x give some finite numbers.
template <class T>
FLAMBEAU_MATH LogReduction<T> reduce_by_two(T x) {
  using Bits = typename Format<T>::Bits;
  constexpr int kShift = Format<T>::kMantissaBits;
  constexpr Bits kOne = Bits(Format<T>::kBias) << kShift;
  constexpr Bits kSqrtHalf = is_float32<T> ? Bits(0x3f3504f3) : Bits(0x3fe6a09e667f3bcdULL);
  constexpr Bits kMantissa = (Bits(1) << kShift) - 1;
  const bool denormal = x < Format<T>::kMinNormal;
  const Bits bits = to_bits(denormal ? x * T(0x1p54f) : x) + (kOne - kSqrtHalf);
  // An integer below 2^mantissa, placed in the mantissa of kIntegral, is that integer plus kIntegral.
  const T biased =
      from_bits<T>((bits >> kShift) | to_bits(kIntegral<T>)) - (kIntegral<T> + T(Format<T>::kBias));
  return {denormal ? biased - T(54) : biased, from_bits<T>((bits & kMantissa) + kSqrtHalf)};
}

// R(s^2) / s^2
template <class T>
FLAMBEAU_MATH T log_series(T z) {
  if constexpr (is_float32<T>) {
    return polynomial(z, 0.666666687f, 0.400001228f, 0.285507798f, 0.233316138f);
  } else {
    return polynomial(z, 0.666666666666667, 0.3999999999989889, 0.28571428626253836, 0.22222211089379496,
                      0.1818289243253687, 0.15331611722055008, 0.14617807153417325);
  }
}

// f^2/2 - s (f^2/2 + R) - extra, so that log(1 + f) + extra = f - this.
template <class T>
FLAMBEAU_MATH T log_correction(T f, T extra) {
  const T s = f / (T(2) + f), z = s * s, half_square = T(0.5) * f * f;
  return half_square - (s * (half_square + z * log_series(z)) + extra);
}

// The values outside (0, inf) put in place.
template <class T>
FLAMBEAU_MATH T log_limits(T x, T result) {
  const T outside = x == T(0) ? -kInfinity<T> : kNaN<T>;
  const T inside = x < kInfinity<T> ? result : kInfinity<T>;
  return x > T(0) ? inside : outside;
}

template <class T>
inline constexpr T kLn2High = is_float32<T> ? T(0.693115234375f) : T(0.6931471803691238);
template <class T>
inline constexpr T kLn2Low = is_float32<T> ? T(3.1946184945309415e-05f) : T(1.9082149292705877e-10);

template <class T>
FLAMBEAU_MATH T log(T x) {
  const auto [e, m] = reduce_by_two(x);
  const T f = m - T(1);
  return log_limits(x, e * kLn2High<T> + (f - log_correction(f, e * kLn2Low<T>)));
}

// log(x) to 2^-32 of itself; x > 0.
FLAMBEAU_MATH double log_for_float(double x) {
  const auto [e, m] = reduce_by_two(x);
  const double s = (m - 1) / (m + 1), z = s * s;
  const double series = polynomial(z, 2.0, 0.6666666666737868, 0.3999999879244169, 0.28571755535032944,
                                   0.22191337428065783, 0.19363884986633198);
  return log_limits(x, e * kLn2High<double> + (s * series + e * kLn2Low<double>));
}

template <class T>
FLAMBEAU_MATH T log2(T x) {
  const auto [e, m] = reduce_by_two(x);
  const T f = m - T(1);
  return log_limits(x, e + (f - log_correction(f, T(0))) * T(1.4426950408889634));
}

template <class T>
FLAMBEAU_MATH T log10(T x) {
  constexpr T kHigh = is_float32<T> ? T(0.301025390625f) : T(0.3010299955494702);
  constexpr T kLow = is_float32<T> ? T(4.605038981195214e-06f) : T(1.1451100898021838e-10);
  const auto [e, m] = reduce_by_two(x);
  const T f = m - T(1);
  return log_limits(x, e * kHigh + ((f - log_correction(f, T(0))) * T(0.4342944819032518) + e * kLow));
}

// log(1 + x): with u = fl(1 + x), log(u) + (x - (u - 1)) / u.
template <class T>
FLAMBEAU_MATH T log1p(T x) {
  const T u = T(1) + x;
  const T lost = x > T(1) ? T(1) - (u - x) : x - (u - T(1));
  const auto [e, m] = reduce_by_two(u);
  const T f = m - T(1);
  const T result = e * kLn2High<T> + (f - log_correction(f, e * kLn2Low<T> + lost / u));
  constexpr T kIdentity = is_float32<T> ? T(1e-8f) : T(1e-17);
  return abs(x) < kIdentity ? x : log_limits(u, result);
}

template <class T>
FLAMBEAU_MATH T atanh(T x) {
  const T a = abs(x);
  return copysign(T(0.5) * log1p(T(2) * a / (T(1) - a)), x);
}

template <class T>
FLAMBEAU_MATH T asinh(T x) {
  const T a = abs(x);
  const bool huge = a > (is_float32<T> ? T(1e9f) : T(1e18));  // asinh(a) = log(2 a)
  const T direct = a + a * a / (T(1) + sqrt(a * a + T(1)));
  const T result = log1p(huge ? a : direct) + (huge ? T(0.69314718055994530942) : T(0));
  return copysign(result, x);
}

template <class T>
FLAMBEAU_MATH T acosh(T x) {
  const bool huge = x > (is_float32<T> ? T(1e9f) : T(1e18));
  const T t = x - T(1);
  const T result = log1p(huge ? x : t + sqrt(t * (t + T(2)))) + (huge ? T(0.69314718055994530942) : T(0));
  return x >= T(1) ? result : kNaN<T>;
}

}  // namespace flambeau::math
