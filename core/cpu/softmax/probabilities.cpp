#include "core/cpu/softmax/softmax.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

template <class T>
bool all_in_unit_interval(const T* x, int64_t n) {
  int outside = 0;
  for (int64_t i = 0; i < n; ++i) outside |= !(x[i] >= 0) | !(x[i] <= 1);
  return !outside;
}

}  // namespace

bool all_in_unit_interval(DType dtype, const void* x, int64_t n) {
  return visit_floating(dtype, "binary_cross_entropy",
                        [&]<class T>() { return all_in_unit_interval(static_cast<const T*>(x), n); });
}

}  // namespace flambeau::cpu
