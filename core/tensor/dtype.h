// The element types, and PyTorch's rules for combining them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/math/complex.h"

namespace flambeau {

enum class DType : uint8_t {
  Bool,
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  UInt16,
  UInt32,
  UInt64,
  Float16,
  BFloat16,
  Float32,
  Float64,
  Complex64,
  Complex128
};
inline constexpr int kDTypes = 15;

// Not local to item_size: every call would write it to the stack first.
inline constexpr uint8_t kItemSizes[kDTypes] = {1, 1, 1, 2, 4, 8, 2, 4, 8, 2, 2, 4, 8, 8, 16};
constexpr size_t item_size(DType d) { return kItemSizes[static_cast<int>(d)]; }
constexpr bool is_complex(DType d) { return d >= DType::Complex64; }
constexpr bool is_floating(DType d) { return d >= DType::Float16 && d <= DType::Float64; }
constexpr bool is_integral(DType d) { return d <= DType::UInt64; }  // bool included
// The unsigned types beyond uint8, with which little more than storing, comparing and multiplying is
// possible.
constexpr bool is_wide_unsigned(DType d) { return d >= DType::UInt16 && d <= DType::UInt64; }
constexpr bool is_signed(DType d) { return d != DType::Bool && d != DType::UInt8 && !is_wide_unsigned(d); }
constexpr bool is_half(DType d) { return d == DType::Float16 || d == DType::BFloat16; }
// The dtype in which kernels compute: half precision has none of its own.
constexpr DType compute_dtype(DType d) { return is_half(d) ? DType::Float32 : d; }
// Whether arithmetic exists for it.
constexpr bool is_supported(DType d) { return d <= DType::Int64 || is_floating(d) || is_complex(d); }
// Binary digits of a floating dtype's numbers, the leading one included.
constexpr int significant_bits(DType d) {
  return d == DType::Float16 ? 11 : d == DType::BFloat16 ? 8 : d == DType::Float32 ? 24 : 53;
}

// The type of a complex number's parts; a real type itself.
constexpr DType real_of(DType d) {
  return d == DType::Complex64 ? DType::Float32 : d == DType::Complex128 ? DType::Float64 : d;
}
// The complex type whose parts have the precision of d.
constexpr DType complex_of(DType d) {
  return d == DType::Float64 || d == DType::Complex128 ? DType::Complex128 : DType::Complex64;
}

// "float32", as in torch.float32.
const char* name(DType d);
// "Float", as PyTorch's error messages say.
const char* scalar_type_name(DType d);
// "float", the type in C++, as others of them say.
const char* c_type_name(DType d);

// The common type of two tensors of the same category of dimension.
DType promote(DType a, DType b);

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::Bool;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::UInt8;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::Int8;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::Int16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::Int32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::Int64;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::UInt16;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::UInt32;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::UInt64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::Float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::Float64;
};
template <>
struct DTypeOf<Complex<float>> {
  static constexpr DType value = DType::Complex64;
};
template <>
struct DTypeOf<Complex<double>> {
  static constexpr DType value = DType::Complex128;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace flambeau
