// Conversions between dtypes, strided copies and fills; and the table put together.
#include "core/cpu/pointwise/loops.h"
#include "core/math/half.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

using math::BFloat16;
using math::Half;

template <class T>
inline constexpr DType kDTypeOf = dtype_of<T>;
template <>
inline constexpr DType kDTypeOf<Half> = DType::Float16;
template <>
inline constexpr DType kDTypeOf<BFloat16> = DType::BFloat16;

template <class T>
T unpack(T x) {
  return x;
}
float unpack(Half x) { return x; }
float unpack(BFloat16 x) { return x; }

// What x86 gives for a number no int32_t (int64_t) can hold, NaN included.
template <class F>
int32_t truncate_to_32(F x) {
  const bool inside = (x > F(-2147483648.0) - F(1)) & (x < F(2147483648.0));
  const auto value = static_cast<int32_t>(inside ? x : F(0));
  return inside ? value : INT32_MIN;
}
template <>
int32_t truncate_to_32(float x) {
  const bool inside = (x >= -2147483648.0f) & (x < 2147483648.0f);
  const auto value = static_cast<int32_t>(inside ? x : 0.0f);
  return inside ? value : INT32_MIN;
}
template <class F>
int64_t truncate_to_64(F x) {
  const bool inside = (x >= F(-0x1p63)) & (x < F(0x1p63));
  const auto value = static_cast<int64_t>(inside ? x : F(0));
  return inside ? value : INT64_MIN;
}

// From 2^63 on, what is above it.
template <class F>
uint64_t truncate_to_unsigned_64(F x) {
  constexpr F kHalfRange = F(0x1p63);
  const bool high = x >= kHalfRange;
  const auto value = static_cast<uint64_t>(truncate_to_64(high ? x - kHalfRange : x));
  return high ? value ^ (uint64_t{1} << 63) : value;
}

template <class To, class From>
To convert(From x) {
  if constexpr (__is_same(To, bool)) {
    return x != From(0);
  } else if constexpr (__is_same(From, float) || __is_same(From, double)) {
    if constexpr (__is_same(To, Half) || __is_same(To, BFloat16))
      return To::of(static_cast<float>(x));
    else if constexpr (__is_same(To, float) || __is_same(To, double))
      return static_cast<To>(x);
    else if constexpr (__is_same(To, int64_t))
      return truncate_to_64(x);
    else if constexpr (__is_same(To, uint64_t))
      return truncate_to_unsigned_64(x);
    else if constexpr (__is_same(To, uint32_t))
      return static_cast<To>(truncate_to_64(x));
    // Through 64 bits, as PyTorch does; a float of 2^31 and more has no low byte to lose.
    else if constexpr (__is_same(To, uint8_t) && __is_same(From, double))
      return static_cast<To>(truncate_to_64(x));
    else
      return static_cast<To>(truncate_to_32(x));
  } else if constexpr (__is_same(To, Half) || __is_same(To, BFloat16)) {
    return convert<To>(static_cast<float>(x));
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
[[gnu::flatten]] void cast(void* output, const void* input, int64_t n) {
  if constexpr (__is_same(To, From) && !__is_same(To, bool)) {  // a bool's byte becomes 0 or 1
    __builtin_memmove(output, input, static_cast<size_t>(n) * sizeof(To));
  } else {
    auto* out = static_cast<InMemory<To>*>(output);
    const auto* in = static_cast<const InMemory<From>*>(input);
    FLAMBEAU_INDEPENDENT_LOOP
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<InMemory<To>>(convert<To>(unpack(static_cast<From>(in[i]))));
    }
  }
}

template <class From, class... To>
void set_casts_from(PointwiseKernels& kernels, Types<To...>) {
  ((kernels.cast[static_cast<int>(kDTypeOf<To>)][static_cast<int>(kDTypeOf<From>)] = cast<To, From>), ...);
}
template <class... T>
void set_casts(PointwiseKernels& kernels, Types<T...> types) {
  (set_casts_from<T>(kernels, types), ...);
}

// Items are moved as bytes: a foreign buffer's need not be aligned.
template <int kSize>
void gather(void* output, const void* input, int64_t stride, int64_t n) {
  auto* out = static_cast<char*>(output);
  const auto* in = static_cast<const char*>(input);
  for (int64_t i = 0; i < n; ++i) __builtin_memcpy(out + i * kSize, in + i * stride, kSize);
}
template <int kSize>
void scatter(void* output, const void* input, int64_t stride, int64_t n) {
  auto* out = static_cast<char*>(output);
  const auto* in = static_cast<const char*>(input);
  for (int64_t i = 0; i < n; ++i) __builtin_memcpy(out + i * stride, in + i * kSize, kSize);
}

struct Pair {
  uint64_t first, second;
};
template <class T>
void fill_items(void* output, const void* item, int64_t n) {
  auto* out = static_cast<T*>(output);
  T value;
  __builtin_memcpy(&value, item, sizeof(T));
  for (int64_t i = 0; i < n; ++i) out[i] = value;
}

template <class T>
bool any_zero(const void* input, int64_t n) {
  const auto* in = static_cast<const InMemory<T>*>(input);
  int found = 0;
  for (int64_t i = 0; i < n; ++i) found |= in[i] == 0 ? 1 : 0;
  return found != 0;
}
template <class... T>
void set_any_zero(PointwiseKernels& kernels, Types<T...>) {
  ((kernels.any_zero[static_cast<int>(dtype_of<T>)] = any_zero<T>), ...);
}

}  // namespace

void fill_copy(PointwiseKernels& kernels) {
  set_casts(kernels, Types<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t,
                           Half, BFloat16, float, double>());
  kernels.gather[0] = gather<1>, kernels.scatter[0] = scatter<1>, kernels.fill[0] = fill_items<uint8_t>;
  kernels.gather[1] = gather<2>, kernels.scatter[1] = scatter<2>, kernels.fill[1] = fill_items<uint16_t>;
  kernels.gather[2] = gather<4>, kernels.scatter[2] = scatter<4>, kernels.fill[2] = fill_items<uint32_t>;
  kernels.gather[3] = gather<8>, kernels.scatter[3] = scatter<8>, kernels.fill[3] = fill_items<uint64_t>;
  kernels.gather[4] = gather<16>, kernels.scatter[4] = scatter<16>, kernels.fill[4] = fill_items<Pair>;
  set_any_zero(kernels, Bits());
}

void fill(PointwiseKernels& kernels) {
  kernels = PointwiseKernels{};
  fill_arithmetic(kernels);
  fill_comparison(kernels);
  fill_elementary(kernels);
  fill_activation(kernels);
  fill_special(kernels);
  fill_copy(kernels);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
