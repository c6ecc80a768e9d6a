// sin, cos and tan.
//
// x = q pi/2 + r with |r| <= pi/4, then a polynomial in r chosen by q mod 4. The reduction is Cody and
// Waite's in double: two parts of pi/2 for a float argument, four for a double one, right for |x| <=
// kTrigonometricLimit. Beyond that, `sin_large` and its sisters reduce with Payne and Hanek's method; they
// branch, so a kernel calls them apart.
#pragma once
#include "core/math/numeric.h"

namespace flambeau::math {

inline constexpr double kTrigonometricLimit = 1.0e6;

// pi/2 in parts of 33 bits, the last with what a double holds; n times a part is exact for n below 2^20.
inline constexpr double kHalfPi1 = 0x1.921fb544p+0;
inline constexpr double kHalfPi2 = 0x1.0b4611a6p-34;
inline constexpr double kHalfPi3 = 0x1.3198a2e0p-69;
inline constexpr double kHalfPi4 = 0x1.b839a252049c1p-104;
inline constexpr double kHalfPi2Rest = 6.077100506506192e-11;  // pi/2 - kHalfPi1
inline constexpr double kTwoOverPi = 0.63661977236758134308;

// The angle r = high + low and the quarter turns q; q as a small integral number.
struct ReducedAngle {
  double quarters, high, low;
};

FLAMBEAU_MATH ReducedAngle reduce_angle(double x) {
  const double n = nearest_small(x * kTwoOverPi);
  const double first = (x - n * kHalfPi1) - n * kHalfPi2;
  const DoubleDouble second = two_sum(first, -(n * kHalfPi3));
  const DoubleDouble r = fast_two_sum(second.high, second.low - n * kHalfPi4);
  return {n, r.high, r.low};
}

// For results in float the low part does not matter.
FLAMBEAU_MATH ReducedAngle reduce_angle(float x) {
  const double wide = x, n = nearest_small(wide * kTwoOverPi);
  return {n, (wide - n * kHalfPi1) - n * kHalfPi2Rest, 0.0};
}

// n mod 4 of an integral number: its bits stand at the end of the mantissa once kRounder is added.
FLAMBEAU_MATH Format<double>::Bits quarter_bits(double n) { return to_bits(n + kRounder<double>); }

// sin and cos of |r| <= pi/4, as FDLIBM's k_sin.c and k_cos.c take the low part in.
FLAMBEAU_MATH DoubleDouble sin_double_double(double r, double low) {
  const double z = r * r;
  const double p = polynomial(z, 0.008333333333333331, -0.0001984126984126504, 2.755731921932058e-06,
                              -2.50521062259944e-08, 1.6058530596645953e-10, -7.586636882825159e-13);
  const double cube = z * r;
  return fast_two_sum(r, -((z * (0.5 * low - cube * p) - low) + cube * 0.16666666666666666));
}
FLAMBEAU_MATH DoubleDouble cos_double_double(double r, double low) {
  const double z = r * r, half = 0.5 * z, w = 1.0 - half;
  const double p = polynomial(z, 0.041666666666666664, -0.0013888888888887389, 2.48015872987544e-05,
                              -2.755731726587808e-07, 2.087614504941318e-09, -1.138254464534925e-11);
  return fast_two_sum(w, ((1.0 - w) - half) + (z * (z * p) - r * low));
}
FLAMBEAU_MATH float sin_reduced(float r) {
  const float z = r * r;
  return r + (r * z) * polynomial(z, -0.166666642f, 0.00833274703f, -0.00019587639f);
}
FLAMBEAU_MATH float cos_reduced(float r) {
  const float z = r * r;
  return 1.0f + (z * z * polynomial(z, 0.0416666642f, -0.00138883013f, 2.45476895e-05f) - 0.5f * z);
}

// sin of the angle advanced by `turn` more quarters: 0 for sin, 1 for cos.
FLAMBEAU_MATH double sin_of(const ReducedAngle& angle, double turn) {
  const auto bits = quarter_bits(angle.quarters + turn);
  const double s = sin_double_double(angle.high, angle.low).high,
               c = cos_double_double(angle.high, angle.low).high;
  const double value = (bits & 1) != 0 ? c : s;
  return from_bits<double>(to_bits(value) ^ ((bits & 2) << 62));
}
FLAMBEAU_MATH float sin_of_float(const ReducedAngle& angle, double turn) {
  const double n = angle.quarters + turn;
  const double safe = abs(n) < 0x1p30 ? n : 0.0;  // NaN and the arguments that are not ours
  const auto bits = static_cast<unsigned>(static_cast<int>(safe));
  const float r = static_cast<float>(angle.high);
  const float s = sin_reduced(r), c = cos_reduced(r);
  const float value = (bits & 1) != 0 ? c : s;
  return from_bits<float>(to_bits(value) ^ ((bits & 2) << 30));
}
// The quotient, corrected to first order for what its two terms lost to rounding.
FLAMBEAU_MATH double tan_of(const ReducedAngle& angle) {
  const DoubleDouble s = sin_double_double(angle.high, angle.low),
                     c = cos_double_double(angle.high, angle.low);
  const bool odd = (quarter_bits(angle.quarters) & 1) != 0;
  const double numerator = odd ? -c.high : s.high, numerator_low = odd ? -c.low : s.low;
  const double denominator = odd ? s.high : c.high, denominator_low = odd ? s.low : c.low;
  const double quotient = numerator / denominator;
  return quotient + (numerator_low - quotient * denominator_low) / denominator;
}
// In double, so that the quotient's three roundings do not show in a float.
FLAMBEAU_MATH double tan_of_float(const ReducedAngle& angle) {
  const double r = angle.high, z = r * r;
  const double s = r + (r * z) * polynomial(z, -0.16666666663844049, 0.008333331870341349,
                                            -0.00019840084376422702, 2.724962008007533e-06);
  const double c =
      1.0 +
      (z * z * polynomial(z, 0.04166666465348879, -0.001388830186756237, 2.454768977246003e-05) - 0.5 * z);
  const bool odd = (quarter_bits(angle.quarters) & 1) != 0;
  return (odd ? -c : s) / (odd ? s : c);
}

// |x| <= kTrigonometricLimit; inf and NaN give NaN. A zero keeps its sign.
FLAMBEAU_MATH double sin(double x) { return x == 0 ? x : sin_of(reduce_angle(x), 0); }
FLAMBEAU_MATH double cos(double x) { return sin_of(reduce_angle(x), 1); }
FLAMBEAU_MATH double tan(double x) { return x == 0 ? x : tan_of(reduce_angle(x)); }
FLAMBEAU_MATH float sin(float x) { return x == 0 ? x : sin_of_float(reduce_angle(x), 0); }
FLAMBEAU_MATH float cos(float x) { return sin_of_float(reduce_angle(x), 1); }
FLAMBEAU_MATH float tan(float x) { return x == 0 ? x : static_cast<float>(tan_of_float(reduce_angle(x))); }

// Payne and Hanek (1983): only the bits of 2/pi that matter for x mod 2 pi are multiplied. Finite |x| > 1.
FLAMBEAU_MATH_OUT_OF_LINE ReducedAngle reduce_large_angle(double x) {
  using Word = __UINT64_TYPE__;
  using Wide = unsigned __int128;
  // 64 zeros, then the binary digits of 2/pi.
  constexpr Word kDigits[] = {0,
                              0xa2f9836e4e441529,
                              0xfc2757d1f534ddc0,
                              0xdb6295993c439041,
                              0xfe5163abdebbc561,
                              0xb7246e3a424dd2e0,
                              0x06492eea09d1921c,
                              0xfe1deb1cb129a73e,
                              0xe88235f52ebb4484,
                              0xe99c7026b45f7e41,
                              0x3991d639835339f4,
                              0x9c845f8bbdf9283b,
                              0x1ff897ffde05980f,
                              0xef2f118b5a0a6d1f,
                              0x6d367ecf27cb09b7,
                              0x4f463f669e5fea2d,
                              0x7527bac7ebe5f17b,
                              0x3d0739f78a5292ea,
                              0x6bfb5fb11f8d5d08,
                              0x56033046fc7b6bab,
                              0xf0cfbc209af4361d};
  const Word bits = to_bits(abs(x));
  const Word mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
  const int exponent = static_cast<int>(bits >> 52) - 1023 - 52;  // |x| = mantissa 2^exponent
  // Digits of weight 4 2^-exponent and more only add whole turns.
  const int position = exponent - 2 + 64;
  const int word = position / 64, shift = position % 64;
  Word window[3];
  for (int i = 0; i < 3; ++i) {
    window[i] = shift == 0 ? kDigits[word + i]
                           : (kDigits[word + i] << shift) | (kDigits[word + i + 1] >> (64 - shift));
  }
  // mantissa * window mod 2^192: quarter turns modulo 4, with 190 bits of fraction.
  const Wide low = static_cast<Wide>(mantissa) * window[2];
  const Wide middle = static_cast<Wide>(mantissa) * window[1] + static_cast<Word>(low >> 64);
  const Word top = mantissa * window[0] + static_cast<Word>(middle >> 64);
  int quarters = static_cast<int>(top >> 62);
  Wide fraction = ((static_cast<Wide>(top) << 64) | static_cast<Word>(middle)) << 2 |
                  static_cast<Word>(low) >> 62;  // of one quarter, times 2^128
  const bool above_half = static_cast<bool>(fraction >> 127);
  if (above_half) {
    fraction = -fraction;
    quarters += 1;
  }
  const Word upper = static_cast<Word>(fraction >> 64);
  const int zeros = upper != 0 ? __builtin_clzll(upper) : 63;
  fraction <<= zeros;
  const double unit = power_of_two(static_cast<double>(-53 - zeros));
  const double high = static_cast<double>(static_cast<Word>(fraction >> 75)) * unit;
  const double low_part =
      static_cast<double>(static_cast<Word>(fraction >> 22) & 0x1fffffffffffff) * unit * 0x1p-53;
  const DoubleDouble product = two_product(high, 1.5707963267948966);
  const DoubleDouble r = fast_two_sum(
      product.high, product.low + (high * 6.123233995736766e-17 + low_part * 1.5707963267948966));
  const double sign = (above_half != (x < 0)) ? -1.0 : 1.0;
  return {static_cast<double>(x < 0 ? -quarters : quarters), sign * r.high, sign * r.low};
}

// Whether `sin`, `cos` and `tan` above do not serve; infinities are theirs (they give NaN).
template <class T>
FLAMBEAU_MATH bool is_large_angle(T x) {
  return (abs(x) > T(kTrigonometricLimit)) & (abs(x) < kInfinity<T>);
}
template <class T>
FLAMBEAU_MATH T sin_large(T x) {
  return static_cast<T>(sin_of(reduce_large_angle(x), 0));
}
template <class T>
FLAMBEAU_MATH T cos_large(T x) {
  return static_cast<T>(sin_of(reduce_large_angle(x), 1));
}
template <class T>
FLAMBEAU_MATH T tan_large(T x) {
  return static_cast<T>(tan_of(reduce_large_angle(x)));
}

}  // namespace flambeau::math
