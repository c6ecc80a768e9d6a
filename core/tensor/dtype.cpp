#include "core/tensor/dtype.h"

#include <algorithm>

namespace flambeau {

const char* name(DType d) {
  static const char* const names[kDTypes] = {"bool",    "uint8",   "int8",      "int16",
                                             "int32",   "int64",   "float16",   "bfloat16",
                                             "float32", "float64", "complex64", "complex128"};
  return names[static_cast<int>(d)];
}
const char* scalar_type_name(DType d) {
  static const char* const names[kDTypes] = {"Bool",  "Byte",   "Char",         "Short",
                                             "Int",   "Long",   "Half",         "BFloat16",
                                             "Float", "Double", "ComplexFloat", "ComplexDouble"};
  return names[static_cast<int>(d)];
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);  // a is the lower in the enumeration
  if (b == DType::Complex64 && a == DType::Float64) return DType::Complex128;
  if (is_complex(b)) return b;
  if (is_floating(b)) {
    if (a == DType::Float16 && b == DType::BFloat16) return DType::Float32;
    return b;
  }
  if (a == DType::UInt8 && b == DType::Int8) return DType::Int16;
  return b;
}

}  // namespace flambeau
