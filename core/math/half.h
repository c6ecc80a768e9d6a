// Conversions between float and the bits of the two 16-bit formats, rounding to nearest, ties to even.
#pragma once
#include "core/math/numeric.h"

namespace flambeau::math {

using HalfBits = __UINT16_TYPE__;

// IEEE binary16. The exponent's bias is put right by a multiplication, which normalises denormals as well.
FLAMBEAU_MATH float float_from_half(HalfBits half) {
  using Bits = Format<float>::Bits;
  const Bits wide = half;
  const float magnitude = from_bits<float>((wide & 0x7fff) << 13) * 0x1p112f;
  const Bits special = magnitude >= 0x1p16f ? Bits(0x7f800000) : Bits(0);  // infinity, NaN
  return from_bits<float>(to_bits(magnitude) | special | ((wide & 0x8000) << 16));
}

FLAMBEAU_MATH HalfBits half_from_float(float x) {
  using Bits = Format<float>::Bits;
  const Bits bits = to_bits(x), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  // Adding 1/2 makes the float's last place that of a denormal half.
  const Bits denormal = to_bits(from_bits<float>(magnitude) + 0.5f) - to_bits(0.5f);
  // Rebias by 127 - 15, round: half a unit in the last place, less one unless the last bit is odd.
  const Bits normal = (magnitude - (Bits(112) << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  const Bits finite = magnitude < Bits(113) << 23 ? denormal : normal;
  const Bits special = magnitude > 0x7f800000 ? Bits(0x7e00) : Bits(0x7c00);
  return static_cast<HalfBits>(sign | (magnitude >= Bits(143) << 23 ? special : finite));
}

FLAMBEAU_MATH float float_from_bfloat16(HalfBits x) {
  return from_bits<float>(static_cast<Format<float>::Bits>(x) << 16);
}

FLAMBEAU_MATH HalfBits bfloat16_from_float(float x) {
  const auto bits = to_bits(x);
  const auto rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return static_cast<HalfBits>(is_nan(x) ? 0x7fc0 : rounded);
}

#if defined(__CUDACC__)
#define FLAMBEAU_HALF_MEMBER __host__ __device__
#else
#define FLAMBEAU_HALF_MEMBER [[gnu::always_inline]]
#endif

// The formats as types: bits in memory, float in arithmetic.
struct Half {
  HalfBits bits;
  FLAMBEAU_HALF_MEMBER operator float() const { return float_from_half(bits); }
  FLAMBEAU_HALF_MEMBER static Half of(float x) { return {half_from_float(x)}; }
};
struct BFloat16 {
  HalfBits bits;
  FLAMBEAU_HALF_MEMBER operator float() const { return float_from_bfloat16(bits); }
  FLAMBEAU_HALF_MEMBER static BFloat16 of(float x) { return {bfloat16_from_float(x)}; }
};

}  // namespace flambeau::math
