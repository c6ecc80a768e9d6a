// What the scalar functions stand on: bits of a number, polynomials, rounding, exact sums and products.
//
// Every function of this directory is branch-free unless it says otherwise, so that a plain loop over it
// vectorises, and always inlined, so that each instruction set's kernels keep their own copy. No standard
// header is needed.
#pragma once

#if defined(__CUDACC__)
#define FLAMBEAU_MATH __host__ __device__ static inline
#define FLAMBEAU_MATH_OUT_OF_LINE __host__ __device__ static
#define FLAMBEAU_FUNCTOR __host__ __device__ static
#else
#define FLAMBEAU_MATH [[gnu::always_inline]] static inline
#define FLAMBEAU_MATH_OUT_OF_LINE [[maybe_unused, gnu::noinline]] static
#define FLAMBEAU_FUNCTOR [[gnu::always_inline]] static inline
#endif

namespace flambeau::math {

template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = __UINT32_TYPE__;
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  static constexpr float kMinNormal = 0x1p-126f;
};
template <>
struct Format<double> {
  using Bits = __UINT64_TYPE__;
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  static constexpr double kMinNormal = 0x1p-1022;
};

template <class T>
inline constexpr bool is_float32 = sizeof(T) == 4;
template <class T>
inline constexpr T kInfinity = static_cast<T>(__builtin_inf());
template <class T>
inline constexpr T kNaN = static_cast<T>(__builtin_nan(""));
template <class T>
inline constexpr T kPi = static_cast<T>(3.14159265358979323846);
// From here on every number of the type is integral.
template <class T>
inline constexpr T kIntegral = is_float32<T> ? T(0x1p23) : T(0x1p52);
// Adding and subtracting it rounds |x| < 2^22 (2^51) to the nearest integer.
template <class T>
inline constexpr T kRounder = T(1.5) * kIntegral<T>;

template <class T>
FLAMBEAU_MATH typename Format<T>::Bits to_bits(T x) {
  return __builtin_bit_cast(typename Format<T>::Bits, x);
}
template <class T>
FLAMBEAU_MATH T from_bits(typename Format<T>::Bits bits) {
  return __builtin_bit_cast(T, bits);
}

FLAMBEAU_MATH float abs(float x) { return __builtin_fabsf(x); }
FLAMBEAU_MATH double abs(double x) { return __builtin_fabs(x); }
FLAMBEAU_MATH float copysign(float magnitude, float sign) { return __builtin_copysignf(magnitude, sign); }
FLAMBEAU_MATH double copysign(double magnitude, double sign) { return __builtin_copysign(magnitude, sign); }
FLAMBEAU_MATH float sqrt(float x) { return __builtin_sqrtf(x); }
FLAMBEAU_MATH double sqrt(double x) { return __builtin_sqrt(x); }
template <class T>
FLAMBEAU_MATH bool is_negative(T x) {
  return copysign(T(1), x) < 0;
}
template <class T>
FLAMBEAU_MATH bool is_nan(T x) {
  return x != x;
}
template <class T>
FLAMBEAU_MATH bool is_finite(T x) {
  return abs(x) < kInfinity<T>;
}

template <class T>
struct EvenOdd {
  T even, odd;
};
template <class T>
FLAMBEAU_MATH EvenOdd<T> even_and_odd(T, T c0, T c1) {
  return {c0, c1};
}
template <class T>
FLAMBEAU_MATH EvenOdd<T> even_and_odd(T square, T c0, T c1, T c2) {
  return {c0 + square * c2, c1};
}
template <class T, class... Rest>
FLAMBEAU_MATH EvenOdd<T> even_and_odd(T square, T c0, T c1, T c2, T c3, Rest... rest) {
  const EvenOdd<T> higher = even_and_odd(square, c2, c3, rest...);
  return {c0 + square * higher.even, c1 + square * higher.odd};
}

// c0 + c1 x + c2 x^2 + ...: Horner's scheme; a long one as two that run side by side, for its latency.
template <class T>
FLAMBEAU_MATH T polynomial(T, T c0) {
  return c0;
}
template <class T, class... Rest>
FLAMBEAU_MATH T polynomial(T x, T c0, Rest... rest) {
  if constexpr (sizeof...(Rest) < 5) {
    return c0 + x * polynomial(x, rest...);
  } else {
    const EvenOdd<T> parts = even_and_odd(x * x, c0, rest...);
    return parts.even + x * parts.odd;
  }
}

// The nearest integer, ties to even; |x| < 2^22 (float) or 2^51 (double).
template <class T>
FLAMBEAU_MATH T nearest_small(T x) {
  return (x + kRounder<T>)-kRounder<T>;
}

// 2^n for an integral n of the exponent's normal range: n plus the bias is shifted from the mantissa's low
// bits.
template <class T>
FLAMBEAU_MATH T power_of_two(T n) {
  return from_bits<T>(to_bits(n + (kRounder<T> + Format<T>::kBias)) << Format<T>::kMantissaBits);
}

#if defined(__SSE4_1__) || defined(__aarch64__)
FLAMBEAU_MATH float round_even(float x) { return __builtin_rintf(x); }
FLAMBEAU_MATH double round_even(double x) { return __builtin_rint(x); }
FLAMBEAU_MATH float trunc(float x) { return __builtin_truncf(x); }
FLAMBEAU_MATH double trunc(double x) { return __builtin_trunc(x); }
FLAMBEAU_MATH float floor(float x) { return __builtin_floorf(x); }
FLAMBEAU_MATH double floor(double x) { return __builtin_floor(x); }
FLAMBEAU_MATH float ceil(float x) { return __builtin_ceilf(x); }
FLAMBEAU_MATH double ceil(double x) { return __builtin_ceil(x); }
#else
template <class T>
FLAMBEAU_MATH T round_even_magnitude(T a) {
  const T rounded = (a + kIntegral<T>)-kIntegral<T>;
  return a < kIntegral<T> ? rounded : a;
}
template <class T>
FLAMBEAU_MATH T round_even(T x) {
  return copysign(round_even_magnitude(abs(x)), x);
}
template <class T>
FLAMBEAU_MATH T trunc(T x) {
  const T a = abs(x), r = round_even_magnitude(a);
  return copysign(r > a ? r - 1 : r, x);
}
template <class T>
FLAMBEAU_MATH T floor(T x) {
  const T r = round_even(x);
  return copysign(r > x ? r - 1 : r, x);
}
template <class T>
FLAMBEAU_MATH T ceil(T x) {
  const T r = round_even(x);
  return copysign(r < x ? r + 1 : r, x);
}
#endif

// An unevaluated sum; |low| is at most half a unit in the last place of high.
struct DoubleDouble {
  double high, low;
};

// a + b exactly (Knuth).
FLAMBEAU_MATH DoubleDouble two_sum(double a, double b) {
  const double sum = a + b, b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}
// a + b exactly, where |a| >= |b| or a == 0 (Dekker).
FLAMBEAU_MATH DoubleDouble fast_two_sum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

#if defined(__FMA__) || defined(__aarch64__) || defined(__CUDA_ARCH__)
FLAMBEAU_MATH DoubleDouble two_product(double a, double b) {
  const double product = a * b;
  return {product, __builtin_fma(a, b, -product)};
}
#else
// a * b exactly, without a fused multiply-add: Veltkamp's split and Dekker's product. Overflows where |a| or
// |b| > 2^996.
FLAMBEAU_MATH DoubleDouble two_product(double a, double b) {
  constexpr double kSplitter = 0x1p27 + 1;
  const double a_scaled = kSplitter * a, b_scaled = kSplitter * b;
  const double a_high = a_scaled - (a_scaled - a), a_low = a - a_high;
  const double b_high = b_scaled - (b_scaled - b), b_low = b - b_high;
  const double product = a * b;
  return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}
#endif

}  // namespace flambeau::math
