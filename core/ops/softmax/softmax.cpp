// Softmax, log-softmax and logsumexp.
#include "core/ops/softmax/softmax.h"

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/ops/reduce/reduction.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

constexpr unsigned kFunctionMethodOut = Forms::function | Forms::method | Forms::out;

int64_t nanoseconds(const Tensor& x) { return 2 * x.numel(); }

using Kernel = void (*)(DType, backend::SoftmaxShape, const void*, void*);
using BackwardKernel = void (*)(DType, backend::SoftmaxShape, const void*, const void*, void*);

Tensor apply(Kernel kernel, const char* name, const Out& out, const Tensor& self, int64_t dim) {
  if (!is_floating(self.dtype()) || !is_supported(self.dtype())) {
    const bool last = dim == self.dim() - 1;
    not_implemented_for((std::string(name) + (last ? "_lastdim" : "") + "_kernel_impl").c_str(),
                        self.dtype());
  }
  const Tensor x = as_contiguous(widened(self));
  Tensor result = result_for(out, self.sizes(), self.dtype());
  const bool direct = result.is_contiguous() && result.dtype() == x.dtype();
  const Tensor y = direct ? result : empty(self.sizes(), x.dtype());
  {
    const WithoutGil guard(nanoseconds(x));
    kernel(x.dtype(), softmax_shape(self.sizes(), dim), x->data, y->data);
  }
  if (!direct) copy_into(result, y);
  return result;
}

Tensor apply_backward(BackwardKernel kernel, const Tensor& grad, const Tensor& y, int64_t dim) {
  const Tensor g = as_contiguous(widened(grad)), result = as_contiguous(widened(y));
  Tensor grad_input = empty(y.sizes(), result.dtype());
  {
    const WithoutGil guard(nanoseconds(y));
    kernel(result.dtype(), softmax_shape(y.sizes(), dim), g->data, result->data, grad_input->data);
  }
  return narrowed(grad_input, y.dtype());
}

Tensor sum_along(const Tensor& x, int64_t dim) {
  const int64_t dims[] = {dim};
  return sum_dims(x, dims, true);
}

// y (g - sum(g y)), which is symmetric in what it does to g.
Tensor softmax_gradient(const Tensor& grad, const Tensor& y, int64_t dim) {
  return differentiable(
      "SoftmaxBackwardDataBackward0", {},
      [&] { return apply_backward(backend::current().softmax_backward, grad, y, dim); },
      wrt(grad, [y = saved(y), dim](const Tensor& gg) { return softmax_gradient(gg, y(), dim); }),
      wrt(y, [g = saved(grad), y = saved(y), dim](const Tensor& gg) {
        const Tensor grad = g(), result = y();
        return sub(mul(gg, sub(grad, sum_along(mul(grad, result), dim))),
                   mul(grad, sum_along(mul(gg, result), dim)));
      }));
}

}  // namespace

// g - exp(y) sum(g)
Tensor log_softmax_gradient(const Tensor& grad, const Tensor& y, int64_t dim) {
  return differentiable(
      "LogSoftmaxBackwardDataBackward0", {},
      [&] { return apply_backward(backend::current().log_softmax_backward, grad, y, dim); },
      wrt(grad, [y = saved(y), dim](const Tensor& gg) { return sub(gg, sum_along(mul(gg, exp(y())), dim)); }),
      wrt(y, [g = saved(grad), y = saved(y), dim](const Tensor& gg) {
        return neg(mul(mul(gg, exp(y())), sum_along(g(), dim)));
      }));
}

backend::SoftmaxShape softmax_shape(const Dims& sizes, int64_t dim) {
  backend::SoftmaxShape shape{1, 1, 1};
  for (int i = 0; i < sizes.count; ++i)
    (i < dim ? shape.outer : i == dim ? shape.size : shape.inner) *= sizes[i];
  return shape;
}

namespace {

using Gradient = Tensor (*)(const Tensor&, const Tensor&, int64_t);

Tensor normalised(const char* node, Kernel kernel, const char* name, Gradient gradient, const Tensor& self,
                  int64_t dim, std::optional<DType> dtype, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  return differentiable(
      node, out,
      [&] {
        const bool convert = dtype && *dtype != self.dtype();
        return apply(kernel, name, out, convert ? cast_copy(self, *dtype) : self, axis);
      },
      wrt(self, [gradient, axis, d = self.dtype()](const Tensor& grad, const Tensor& y) {
        return to_dtype(gradient(grad, y, axis), d);
      }));
}

Tensor softmax_out(const Tensor& self, int64_t dim, std::optional<DType> dtype, const Out& out) {
  return normalised("SoftmaxBackward0", backend::current().softmax, "softmax", softmax_gradient, self, dim,
                    dtype, out);
}
Tensor log_softmax_out(const Tensor& self, int64_t dim, std::optional<DType> dtype, const Out& out) {
  return normalised("LogSoftmaxBackward0", backend::current().log_softmax, "log_softmax",
                    log_softmax_gradient, self, dim, dtype, out);
}

}  // namespace

Tensor softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype) {
  return softmax_out(self, dim, dtype, {});
}
Tensor log_softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype) {
  return log_softmax_out(self, dim, dtype, {});
}

/// e^x / sum e^x along a dimension, without overflow.
///
/// Args:
///     self: any shape, floating point
///     dim: which dimension
///     dtype: converted to beforehand
///
/// >>> torch.softmax(torch.tensor([0.0, 0.0]), 0).tolist()
/// [0.5, 0.5]
EXPOSE("softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor", softmax_out, kFunctionMethodOut);

/// x - log(sum e^x) along a dimension, without overflow.
///
/// Args:
///     self: any shape, floating point
///     dim: which dimension
///     dtype: converted to beforehand
///
/// >>> torch.log_softmax(torch.tensor([5.0]), 0).tolist()
/// [0.0]
EXPOSE("log_softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor", log_softmax_out, kFunctionMethodOut);

/// e^x / sum e^x along a dimension; as `flambeau.softmax`.
///
/// Args:
///     self: any shape, floating point
///     dim: which dimension
///     dtype: converted to beforehand
///
/// >>> torch.special.softmax(torch.tensor([0.0, 0.0]), 0).tolist()
/// [0.5, 0.5]
EXPOSE("softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor", softmax_out,
       Forms::special | Forms::out);

/// x - log(sum e^x) along a dimension; as `flambeau.log_softmax`.
///
/// Args:
///     self: any shape, floating point
///     dim: which dimension
///     dtype: converted to beforehand
///
/// >>> torch.special.log_softmax(torch.tensor([5.0]), 0).tolist()
/// [0.0]
EXPOSE("log_softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor", log_softmax_out,
       Forms::special | Forms::out);

// ---- logsumexp

namespace {

// The reduced dimensions moved to the end and merged: [kept][reduced].
Tensor rows_of(const Tensor& x, uint64_t mask) {
  Dims order, kept;
  int64_t columns = 1;
  for (int i = 0; i < x.dim(); ++i)
    if (!(mask >> i & 1)) {
      order.push_back(i);
      kept.push_back(x.sizes()[i]);
    }
  for (int i = 0; i < x.dim(); ++i)
    if (mask >> i & 1) {
      order.push_back(i);
      columns *= x.sizes()[i];
    }
  const Tensor moved = as_contiguous(permute(x, order));
  const int64_t rows = checked_numel(kept);
  return alias(moved, {rows, columns}, {columns, 1}, 0);
}

Tensor raw_logsumexp(const Out& out, const Tensor& input, uint64_t mask, bool keepdim) {
  const Tensor self = widened(input);
  const bool one = __builtin_popcount(mask) == 1 && self.dim() > 0;
  const Tensor x = one ? as_contiguous(self) : rows_of(self, mask);
  const backend::SoftmaxShape shape = one ? softmax_shape(self.sizes(), __builtin_ctz(mask))
                                          : backend::SoftmaxShape{x->sizes[0], x->sizes[1], 1};
  Tensor result = result_for(out, reduced_sizes(self.sizes(), mask, keepdim), input.dtype());
  const bool direct = result.is_contiguous() && result.dtype() == self.dtype();
  const Tensor y = direct ? result : empty(result.sizes(), self.dtype());
  {
    const WithoutGil guard(nanoseconds(x));
    backend::current().logsumexp(self.dtype(), shape, x->data, y->data);
  }
  if (!direct) copy_into(result, y);
  return result;
}

// The greatest real part comes out of the sum, so that no exponential overflows.
Tensor complex_logsumexp(const Out& out, const Tensor& self, IntList dim, uint64_t mask, bool keepdim) {
  const NoGrad no_grad;
  const Tensor top = amax(real(self), dim, true);
  const Tensor shift = where(pointwise({}, Pointwise::IsFinite, {top}), top, Scalar(0));
  const Tensor total = log(sum_dims(exp(sub(self, shift)), dim, keepdim));
  return add(total, reshape(shift, reduced_sizes(self.sizes(), mask, keepdim)), 1, out);
}

Tensor logsumexp(const Tensor& self, IntList dim, bool keepdim, const Out& out) {
  const uint64_t mask = reduction_mask(self.sizes(), dim);
  if (is_integral(self.dtype())) return logsumexp(to_dtype(self, default_dtype()), dim, keepdim, out);
  if (!is_supported(self.dtype())) not_implemented_for("logsumexp", self.dtype());
  return differentiable(
      "LogsumexpBackward0", out,
      [&] {
        return is_complex(self.dtype()) ? complex_logsumexp(out, self, dim, mask, keepdim)
                                        : raw_logsumexp(out, self, mask, keepdim);
      },
      wrt(self, [x = saved(self), mask, keepdim](const Tensor& grad, const Tensor& y) {
        const Tensor input = x();
        const Tensor g = with_reduced_dims(grad, input.sizes(), mask, keepdim);
        const Tensor result = with_reduced_dims(y, input.sizes(), mask, keepdim);
        return mul(g, conj(exp(sub(input, result))));
      }));
}
}  // namespace

/// log(sum e^x) over dimensions, without overflow.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///     dim: dimensions
///     keepdim: whether they stay, with size 1
///
/// >>> torch.logsumexp(torch.tensor([1000.0]), 0)
/// tensor(1000.)
EXPOSE("logsumexp(Tensor self, int[] dim, bool keepdim=False) -> Tensor", logsumexp, kFunctionMethodOut);

/// log(sum e^x) over dimensions; as `flambeau.logsumexp`.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///     dim: dimensions
///     keepdim: whether they stay, with size 1
///
/// >>> torch.special.logsumexp(torch.tensor([1000.0]), 0)
/// tensor(1000.)
EXPOSE("logsumexp(Tensor self, int[] dim, bool keepdim=False) -> Tensor", logsumexp,
       Forms::special | Forms::out);

}  // namespace flambeau
