#include "core/ops/reduce/reduction.h"

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"

namespace flambeau {

uint64_t reduction_mask(const Dims& sizes, std::optional<IntList> dim) {
  const uint64_t all = all_dims(sizes.count);
  if (!dim || dim->empty()) return all;
  uint64_t mask = 0;
  for (int64_t d : *dim) {
    const int64_t wrapped = wrap_dim(d, sizes.count);
    if (mask >> wrapped & 1)
      fail<RuntimeError>("dim ", wrapped, " appears multiple times in the list of dims");
    mask |= uint64_t{1} << wrapped;
  }
  return mask;
}

Dims reduced_sizes(const Dims& sizes, uint64_t mask, bool keepdim) {
  Dims result;
  for (int i = 0; i < sizes.count; ++i) {
    if (!(mask >> i & 1))
      result.push_back(sizes[i]);
    else if (keepdim)
      result.push_back(1);
  }
  return result;
}

int64_t reduced_count(const Dims& sizes, uint64_t mask) {
  int64_t count = 1;
  for (int i = 0; i < sizes.count; ++i)
    if (mask >> i & 1) count *= sizes[i];
  return count;
}

Tensor delivered(const Tensor& fresh, const Out& out) {
  if (!out.target) return fresh;
  Tensor result = result_for(out, fresh.sizes(), fresh.dtype());
  copy_into(result, fresh);
  return result;
}

backend::Reduction reduction_over(const Tensor& self, uint64_t mask) {
  return backend::Reduction::over(self.dim(), self.sizes().values, self.strides().values, mask);
}

namespace {

using backend::Reduce;

Tensor delivered(const Out& out, const Tensor& fresh, DType dtype) {
  if (!out.target && fresh.dtype() == dtype) return fresh;
  const Tensor result = result_for(out, fresh.sizes(), dtype);
  copy_into(result, fresh);
  return result;
}

// The product along the dimensions of the mask: halves are multiplied element by element until one is left.
Tensor complex_product(Tensor x, uint64_t mask) {
  for (int d = 0; d < x.dim(); ++d) {
    if (!(mask >> d & 1)) continue;
    Dims edge = x.sizes();
    edge[d] = 1;
    if (x.sizes()[d] == 0) {
      x = fill_raw(empty(edge, x.dtype()), 1);
      continue;
    }
    for (int64_t n = x.sizes()[d]; n > 1; n /= 2) {
      const int64_t half = n / 2;
      Tensor folded = pointwise({}, Pointwise::Mul, {narrow(x, d, 0, half), narrow(x, d, half, half)});
      if (n % 2 != 0) {
        const Tensor first = narrow(folded, d, 0, 1);
        pointwise(Out{first.get(), nullptr, true}, Pointwise::Mul, {first, narrow(x, d, n - 1, 1)});
      }
      x = folded;
    }
  }
  return x;
}

// Reductions of complex numbers are reductions of their parts, or of real numbers made of them.
Tensor reduce_complex(const Out& out, Reduce op, const char* name, const Tensor& self, uint64_t mask,
                      bool keepdim, DType result) {
  const NoGrad no_grad;
  mask &= all_dims(self.dim());  // a 0-d tensor's dimension 0 is not that of the parts
  const DType real_dtype = real_of(self.dtype());
  switch (op) {
    case Reduce::Sum:
    case Reduce::Mean: {
      const Tensor parts = reduce({}, op, name, view_as_real(self), mask, keepdim, real_dtype);
      return delivered(out, view_as_complex(parts), result);
    }
    case Reduce::Prod: {
      const Tensor product = complex_product(self, mask);
      const Dims sizes = reduced_sizes(self.sizes(), mask, keepdim);
      const Tensor dense = shares_storage(product, self) ? contiguous_copy(product) : contiguous(product);
      return delivered(out, reshape(dense, sizes), result);
    }
    case Reduce::Any:
    case Reduce::All:
    case Reduce::CountNonzero:
      return reduce(out, op, name, ne(self, Scalar(0)), mask, keepdim, result);
    case Reduce::Norm: {
      const Tensor parts = view_as_real(self);
      const Tensor norm = reduce({}, op, name, parts, mask | uint64_t{1} << self.dim(), keepdim, real_dtype);
      return delivered(out, keepdim ? select(norm, -1, 0) : norm, result);
    }
    case Reduce::SumOfAbs:
    case Reduce::MaxOfAbs:
      return reduce(out, op, name, abs(self), mask, keepdim, result);
    default:
      fail<NotImplementedError>('"', name, "\" not implemented for '", scalar_type_name(self.dtype()), "'");
  }
}

}  // namespace

Tensor reduce(const Out& out, backend::Reduce op, const char* name, const Tensor& input, uint64_t mask,
              bool keepdim, DType result_dtype) {
  const Tensor self = widened(input);
  if (is_complex(self.dtype())) return reduce_complex(out, op, name, self, mask, keepdim, result_dtype);
  if (is_wide_unsigned(self.dtype()) && (op == Reduce::Any || op == Reduce::All))
    return reduce(out, op, name, ne(self, Scalar(0)), mask, keepdim, result_dtype);
  if (!backend::current().has_reduce(op, self.dtype())) [[unlikely]]
    fail<NotImplementedError>('"', name, "\" not implemented for '", scalar_type_name(input.dtype()), "'");
  const DType made = backend::reduce_output(op, self.dtype());
  const Dims sizes = reduced_sizes(self.sizes(), mask, keepdim);
  Tensor result = result_for(out, sizes, result_dtype);
  const bool same_bytes = result.dtype() == made || (made == DType::Bool && result.dtype() == DType::UInt8);
  const bool direct =
      same_bytes && (!out.target || (result.is_contiguous() && !shares_storage(result, input)));
  const Tensor target = direct ? result : empty(sizes, made);
  {
    const WithoutGil guard(self.numel() / 2);
    backend::current().reduce(op, self.dtype(), reduction_over(self, mask), self->data, target->data);
  }
  if (!direct) copy_into(result, target);
  return result;
}

Tensor with_reduced_dims(const Tensor& reduced, const Dims& sizes, uint64_t mask, bool keepdim) {
  return keepdim || reduced.dim() == sizes.count ? reduced
                                                 : reshape(reduced, reduced_sizes(sizes, mask, true));
}
Tensor expand_reduced(const Tensor& reduced, const Dims& sizes, uint64_t mask, bool keepdim) {
  return expand(with_reduced_dims(reduced, sizes, mask, keepdim), sizes);
}

}  // namespace flambeau
