// From a dtype to the C++ type of its items.
#pragma once
#include "core/tensor/dtype.h"
#include "core/tensor/error.h"

namespace flambeau {

// visit.operator()<T>() for float32 and float64.
template <class Visitor>
auto visit_floating(DType dtype, const char* operator_name, Visitor visit) {
  switch (dtype) {
    case DType::Float32:
      return visit.template operator()<float>();
    case DType::Float64:
      return visit.template operator()<double>();
    default:
      fail<NotImplementedError>('"', operator_name, "\" not implemented for '", scalar_type_name(dtype), "'");
  }
}

// The same for these and the integers.
template <class Visitor>
auto visit_number(DType dtype, const char* operator_name, Visitor visit) {
  switch (dtype) {
    case DType::UInt8:
      return visit.template operator()<uint8_t>();
    case DType::Int8:
      return visit.template operator()<int8_t>();
    case DType::Int16:
      return visit.template operator()<int16_t>();
    case DType::Int32:
      return visit.template operator()<int32_t>();
    case DType::Int64:
      return visit.template operator()<int64_t>();
    default:
      return visit_floating(dtype, operator_name, visit);
  }
}

// The same for these and bool.
template <class Visitor>
auto visit_real(DType dtype, const char* operator_name, Visitor visit) {
  if (dtype == DType::Bool) return visit.template operator()<bool>();
  return visit_number(dtype, operator_name, visit);
}

// The same for these and the other unsigned integers: everything whose items are numbers of C++.
template <class Visitor>
auto visit_item(DType dtype, const char* operator_name, Visitor visit) {
  switch (dtype) {
    case DType::UInt16:
      return visit.template operator()<uint16_t>();
    case DType::UInt32:
      return visit.template operator()<uint32_t>();
    case DType::UInt64:
      return visit.template operator()<uint64_t>();
    default:
      return visit_real(dtype, operator_name, visit);
  }
}

// visit.operator()<T>() for complex64 and complex128.
template <class Visitor>
auto visit_complex(DType dtype, const char* operator_name, Visitor visit) {
  switch (dtype) {
    case DType::Complex64:
      return visit.template operator()<Complex<float>>();
    case DType::Complex128:
      return visit.template operator()<Complex<double>>();
    default:
      fail<NotImplementedError>('"', operator_name, "\" not implemented for '", scalar_type_name(dtype), "'");
  }
}

// The same for all of these.
template <class Visitor>
auto visit_any(DType dtype, const char* operator_name, Visitor visit) {
  if (is_complex(dtype)) return visit_complex(dtype, operator_name, visit);
  return visit_item(dtype, operator_name, visit);
}

}  // namespace flambeau
