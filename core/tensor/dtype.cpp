#include "core/tensor/dtype.h"

#include <algorithm>

#include "core/tensor/error.h"

namespace flambeau {

const char* name(DType d) {
  static const char* const names[kDTypes] = {"bool",     "uint8",   "int8",    "int16",     "int32",
                                             "int64",    "uint16",  "uint32",  "uint64",    "float16",
                                             "bfloat16", "float32", "float64", "complex64", "complex128"};
  return names[static_cast<int>(d)];
}
const char* scalar_type_name(DType d) {
  static const char* const names[kDTypes] = {"Bool",     "Byte",   "Char",   "Short",        "Int",
                                             "Long",     "UInt16", "UInt32", "UInt64",       "Half",
                                             "BFloat16", "Float",  "Double", "ComplexFloat", "ComplexDouble"};
  return names[static_cast<int>(d)];
}
const char* c_type_name(DType d) {
  static const char* const names[kDTypes] = {"bool",
                                             "unsigned char",
                                             "signed char",
                                             "short int",
                                             "int",
                                             "long int",
                                             "short unsigned int",
                                             "unsigned int",
                                             "long unsigned int",
                                             "c10::Half",
                                             "c10::BFloat16",
                                             "float",
                                             "double",
                                             "c10::complex<float>",
                                             "c10::complex<double>"};
  return names[static_cast<int>(d)];
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if ((is_wide_unsigned(a) && !is_floating(b)) || (is_wide_unsigned(b) && !is_floating(a)))
    fail<RuntimeError>("Promotion for uint16, uint32, uint64 types is not supported, attempted to promote ",
                       scalar_type_name(a), " and ", scalar_type_name(b));
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
