#include "core/ops/reduce/reduction.h"

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"

namespace flambeau {

uint32_t reduction_mask(const Dims& sizes, std::optional<IntList> dim) {
  const uint32_t all = (1u << sizes.count) - 1;
  if (!dim || dim->empty()) return all;
  uint32_t mask = 0;
  for (int64_t d : *dim) {
    const int64_t wrapped = wrap_dim(d, sizes.count);
    if (mask >> wrapped & 1)
      fail<RuntimeError>("dim ", wrapped, " appears multiple times in the list of dims");
    mask |= 1u << wrapped;
  }
  return mask;
}

Dims reduced_sizes(const Dims& sizes, uint32_t mask, bool keepdim) {
  Dims result;
  for (int i = 0; i < sizes.count; ++i) {
    if (!(mask >> i & 1))
      result.push_back(sizes[i]);
    else if (keepdim)
      result.push_back(1);
  }
  return result;
}

int64_t reduced_count(const Dims& sizes, uint32_t mask) {
  int64_t count = 1;
  for (int i = 0; i < sizes.count; ++i)
    if (mask >> i & 1) count *= sizes[i];
  return count;
}

backend::Reduction reduction_over(const Tensor& self, uint32_t mask) {
  return backend::Reduction::over(self.dim(), self.sizes().values, self.strides().values, mask);
}

Tensor reduce(const Out& out, backend::Reduce op, const char* name, const Tensor& self, uint32_t mask,
              bool keepdim, DType result_dtype) {
  if (!backend::current().has_reduce(op, self.dtype())) [[unlikely]]
    fail<NotImplementedError>('"', name, "\" not implemented for '", scalar_type_name(self.dtype()), "'");
  const DType made = backend::reduce_output(op, self.dtype());
  const Dims sizes = reduced_sizes(self.sizes(), mask, keepdim);
  Tensor result = result_for(out, sizes, result_dtype);
  const bool same_bytes = result.dtype() == made || (made == DType::Bool && result.dtype() == DType::UInt8);
  const bool direct =
      same_bytes && (!out.target || (result.is_contiguous() && !shares_storage(result, self)));
  const Tensor target = direct ? result : empty(sizes, made);
  {
    const WithoutGil guard(self.numel() / 2);
    backend::current().reduce(op, self.dtype(), reduction_over(self, mask), self->data, target->data);
  }
  if (!direct) copy_into(result, target);
  return result;
}

Tensor with_reduced_dims(const Tensor& reduced, const Dims& sizes, uint32_t mask, bool keepdim) {
  return keepdim || reduced.dim() == sizes.count ? reduced
                                                 : reshape(reduced, reduced_sizes(sizes, mask, true));
}
Tensor expand_reduced(const Tensor& reduced, const Dims& sizes, uint32_t mask, bool keepdim) {
  return expand(with_reduced_dims(reduced, sizes, mask, keepdim), sizes);
}

}  // namespace flambeau
