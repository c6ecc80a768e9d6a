// nanobind's bridge to Tensor: classes and functions bound with nanobind take and return tensors.
#pragma once
#include "core/python/python.h"

#include <nanobind/nanobind.h>

namespace nanobind::detail {

template <>
struct type_caster<flambeau::Tensor> {
  NB_TYPE_CASTER(flambeau::Tensor, const_name("Tensor"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    if (!flambeau::python::is_tensor(source.ptr())) return false;
    value = flambeau::python::tensor_of(source.ptr());
    return true;
  }
  static handle from_cpp(const flambeau::Tensor& tensor, rv_policy, cleanup_list*) noexcept {
    return flambeau::python::wrap(tensor);
  }
};

}  // namespace nanobind::detail
