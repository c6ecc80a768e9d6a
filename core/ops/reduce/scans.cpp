// Running sums, products, extremes and logarithms of sums of exponentials along a dimension.
#include <cmath>
#include <limits>

#include "core/ops/indexing/indexing.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/ops/reduce/reduction.h"
#include "core/ops/softmax/softmax.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

constexpr unsigned kEveryForm = Forms::function | Forms::method | Forms::inplace | Forms::out;
constexpr unsigned kFunctionMethodOut = Forms::function | Forms::method | Forms::out;

Tensor reversed(const Tensor& x, int64_t dim) {
  const int64_t dims[] = {dim};
  return x.dim() ? flip(x, dims) : x;
}

// ---- cumsum, cumprod

DType scan_dtype(const Tensor& self, std::optional<DType> dtype, const Out& out, const char* kernel) {
  const DType made = dtype                       ? *dtype
                     : out.target                ? out.target->dtype  // that of self, in place
                     : is_integral(self.dtype()) ? DType::Int64
                                                 : self.dtype();
  if (!is_supported(made) || made == DType::Bool) not_implemented_for(kernel, made);
  return made;
}

// The running product, doubling the reach of every element's at each step (Hillis and Steele's scan).
Tensor complex_running_product(const Tensor& x, int64_t dim) {
  const NoGrad no_grad;
  Tensor y = contiguous_copy(x);
  if (x.dim() == 0) return y;
  const int64_t n = x.size(dim);
  for (int64_t reach = 1; reach < n; reach *= 2) {
    const Tensor late = narrow(y, dim, reach, n - reach);
    copy_into(late, mul(late, narrow(y, dim, 0, n - reach)));
  }
  return y;
}
// One after another: the imaginary part of a logarithm of a sum depends on the order.
Tensor complex_running_logaddexp(const Tensor& x, int64_t dim) {
  const NoGrad no_grad;
  Tensor y = contiguous_copy(x);
  if (x.dim() == 0) return y;
  for (int64_t i = 1; i < x.size(dim); ++i) {
    const Tensor next = select(y, dim, i);
    copy_into(next, logaddexp(select(y, dim, i - 1), next));
  }
  return y;
}

Tensor raw_scan(const Out& out, backend::Scan op, const Tensor& self, int64_t dim, DType made) {
  const bool widens = is_integral(made) && is_integral(self.dtype());
  const Tensor own = is_wide_unsigned(self.dtype()) && widens ? cast_copy(self, DType::Int64) : self;
  const Tensor x = as_contiguous(widened(widens ? own : narrowed(self, made)));
  if (is_complex(made) && op == backend::Scan::Prod) return delivered(complex_running_product(x, dim), out);
  const DType scanned = widens ? DType::Int64 : x.dtype();
  const auto scan_into = [&](const Tensor& to) {
    const WithoutGil guard(self.numel());
    const backend::SoftmaxShape shape = softmax_shape(self.sizes(), dim);
    const int64_t parts = is_complex(made) ? 2 : 1;  // a complex number's are summed side by side
    backend::current().scan(op, real_of(x.dtype()), shape.outer, shape.size, shape.inner * parts, x->data,
                            to->data, nullptr);
  };
  if (scanned == made) {  // where it lies, if it can
    Destination result(out, self.sizes(), made, {x});
    scan_into(result.tensor());
    return result.finish();
  }
  const Tensor fresh = empty(self.sizes(), scanned);
  scan_into(fresh);
  return delivered(narrowed(fresh, made), out);
}

Tensor cumsum(const Tensor& self, int64_t dim, std::optional<DType> dtype, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  const DType made = scan_dtype(self, dtype, out, "cumsum_out_cpu");
  return differentiable(
      "CumsumBackward0", out, [&] { return raw_scan(out, backend::Scan::Sum, self, axis, made); },
      wrt(self, [axis, d = self.dtype()](const Tensor& grad) {
        return to_dtype(reversed(cumsum(reversed(grad, axis), axis, std::nullopt, {}), axis), d);
      }));
}

Tensor cumprod(const Tensor& self, int64_t dim, std::optional<DType> dtype, const Out& out);

// Element j of the derivative is the product before j times sum over i >= j of g_i times the product of j+1
// .. i.
Tensor cumprod_gradient_with_zeros(const Tensor& grad, const Tensor& x, int64_t dim) {
  const int64_t n = x.sizes()[static_cast<int>(dim)];
  Dims edge = x.sizes();
  edge[static_cast<int>(dim)] = 1;
  const Tensor one = fill_raw(empty(edge, x.dtype()), 1);
  std::vector<Tensor> slices;
  for (int64_t j = 0; j < n; ++j) {
    const int64_t dims[] = {dim};
    const Tensor parts[] = {one, narrow(x, dim, j + 1, n - j - 1)};
    const Tensor after = cumprod(j + 1 < n ? cat(parts, dim) : one, dim, std::nullopt, {});
    Tensor slice = sum_dims(mul(narrow(grad, dim, j, n - j), after), dims, true);
    if (j > 0)
      slice = mul(slice, narrow(cumprod(narrow(x, dim, 0, j), dim, std::nullopt, {}), dim, j - 1, 1));
    slices.push_back(slice);
  }
  return cat(slices, dim);
}

Tensor cumprod_gradient(const Tensor& grad, const Tensor& x, const Tensor& y, int64_t dim) {
  if (x.dim() == 0 || x.numel() == 0 || x->sizes[dim] == 1) return grad;
  const Tensor nonzero =
      reduce({}, backend::Reduce::All, "all", x, reduction_mask(x.sizes(), std::nullopt), false, DType::Bool);
  if (host_readable(nonzero.device()) && !*nonzero.data<bool>())
    return cumprod_gradient_with_zeros(grad, x, dim);
  return div(reversed(cumsum(reversed(mul(grad, y), dim), dim, std::nullopt, {}), dim), x);
}

Tensor cumprod(const Tensor& self, int64_t dim, std::optional<DType> dtype, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  const DType made = scan_dtype(self, dtype, out, "cumprod_out_cpu");
  return differentiable(
      "CumprodBackward0", out, [&] { return raw_scan(out, backend::Scan::Prod, self, axis, made); },
      wrt(self, [x = saved(self), axis](const Tensor& grad, const Tensor& y) {
        const Tensor input = conj(x());
        return cumprod_gradient(to_dtype(grad, input.dtype()), input, to_dtype(conj(y), input.dtype()), axis);
      }));
}

// ---- cummax, cummin

using Pair = std::tuple<Tensor, Tensor>;

Pair running_extreme(const char* node, backend::Scan op, const char* kernel, const Tensor& self, int64_t dim,
                     const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  if (!is_supported(self.dtype()) || is_complex(self.dtype())) not_implemented_for(kernel, self.dtype());
  if (is_wide_unsigned(self.dtype())) not_implemented_for(kernel, self.dtype());
  const Tensor indices = empty(self.sizes(), DType::Int64);
  Tensor values = differentiable(
      node, out,
      [&] {
        const Tensor x = as_contiguous(widened(self)), fresh = empty(self.sizes(), x.dtype());
        {
          const WithoutGil guard(2 * self.numel());
          const backend::SoftmaxShape shape = softmax_shape(self.sizes(), axis);
          backend::current().scan(op, x.dtype(), shape.outer, shape.size, shape.inner, x->data, fresh->data,
                                  indices.data<int64_t>());
        }
        return delivered(narrowed(fresh, self.dtype()), out);
      },
      wrt(self, [chosen = saved(indices), axis](const Tensor& grad) {
        if (grad.dim() == 0) return grad;
        return scatter_add(zeros(grad.sizes(), grad.dtype()), axis, chosen(), grad);
      }));
  return {values, delivered(indices, out.for_second())};
}

Pair cummax(const Tensor& self, int64_t dim, const Out& out) {
  return running_extreme("CummaxBackward0", backend::Scan::Max, "cummax_cpu", self, dim, out);
}
Pair cummin(const Tensor& self, int64_t dim, const Out& out) {
  return running_extreme("CumminBackward0", backend::Scan::Min, "cummin_cpu", self, dim, out);
}

// ---- logcumsumexp

Tensor logcumsumexp(const Tensor& self, int64_t dim, const Out& out);

Tensor reverse_logcumsumexp(const Tensor& x, int64_t dim) {
  return reversed(logcumsumexp(reversed(x, dim), dim, {}), dim);
}
// log of the positive entries of g, and for the others a number so low that its exponential is 0, yet finite:
// the derivatives take differences of such numbers.
Tensor log_of_positive(const Tensor& g) {
  const Tensor others = le(detach(g), Scalar(0.0));
  const double lowest = g.dtype() == DType::Float32
                            ? static_cast<double>(std::numeric_limits<float>::lowest())
                            : std::numeric_limits<double>::lowest();
  return masked_fill(log(masked_fill(g, others, Scalar(1.0))), others, Scalar(lowest));
}

Tensor logcumsumexp(const Tensor& self, int64_t dim, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  if (is_integral(self.dtype())) not_implemented_for("logcumsumexp_out_cpu", self.dtype());
  return differentiable(
      "LogcumsumexpBackward0", out,
      [&] {
        if (is_complex(self.dtype())) return delivered(complex_running_logaddexp(self, axis), out);
        const Tensor x = as_contiguous(widened(self)), fresh = empty(self.sizes(), x.dtype());
        {
          const WithoutGil guard(20 * self.numel());
          backend::current().log_sum_exp_scan(x.dtype(), softmax_shape(self.sizes(), axis), x->data,
                                              fresh->data);
        }
        return delivered(narrowed(fresh, self.dtype()), out);
      },
      // sum over i >= j of g_i exp(x_j - y_i), the positive and the negative g apart, in logarithms.
      wrt(self, [x = saved(self), axis](const Tensor& grad, const Tensor& y) {
        if (grad.dim() == 0 || grad.numel() == 0) return grad;
        const Tensor input = x();
        if (is_complex(input.dtype()))
          return conj(exp(add(reverse_logcumsumexp(sub(log(conj(grad)), y), axis), input)));
        const auto part = [&](const Tensor& g) {
          return exp(add(reverse_logcumsumexp(sub(log_of_positive(g), y), axis), input));
        };
        return sub(part(grad), part(neg(grad)));
      }));
}

}  // namespace

/// The running sum along a dimension: out[i] = x[0] + ... + x[i].
///
/// Args:
///     self: any shape
///     dim: which dimension
///     dtype: converted to beforehand; int64 for smaller integers
///
/// >>> torch.cumsum(torch.tensor([1, 2, 3]), 0).tolist()
/// [1, 3, 6]
EXPOSE("cumsum(Tensor self, int dim, *, dtype? dtype=None) -> Tensor", cumsum, kEveryForm);

/// The running product along a dimension: out[i] = x[0] ... x[i].
///
/// Args:
///     self: any shape
///     dim: which dimension
///     dtype: converted to beforehand; int64 for smaller integers
///
/// >>> torch.cumprod(torch.tensor([1, 2, 3]), 0).tolist()
/// [1, 2, 6]
EXPOSE("cumprod(Tensor self, int dim, *, dtype? dtype=None) -> Tensor", cumprod, kEveryForm);

/// The running maximum along a dimension, and where it stands, the last of equal ones.
///
/// Args:
///     self: any shape
///     dim: which dimension
///
/// Returns:
///     The named tuple (values, indices).
///
/// >>> torch.cummax(torch.tensor([1, 3, 2]), 0).values.tolist()
/// [1, 3, 3]
EXPOSE("cummax(Tensor self, int dim) -> (Tensor, Tensor)", cummax, kFunctionMethodOut,
       "cummax values indices");

/// The running minimum along a dimension, and where it stands, the last of equal ones.
///
/// Args:
///     self: any shape
///     dim: which dimension
///
/// Returns:
///     The named tuple (values, indices).
///
/// >>> torch.cummin(torch.tensor([2, 3, 1]), 0).values.tolist()
/// [2, 2, 1]
EXPOSE("cummin(Tensor self, int dim) -> (Tensor, Tensor)", cummin, kFunctionMethodOut,
       "cummin values indices");

/// The logarithm of the running sum of exponentials: log(e^x[0] + ... + e^x[i]), without overflow.
///
/// Args:
///     self: any shape, floating point
///     dim: which dimension
///
/// >>> torch.logcumsumexp(torch.tensor([1000.0]), 0).tolist()
/// [1000.0]
EXPOSE("logcumsumexp(Tensor self, int dim) -> Tensor", logcumsumexp, kFunctionMethodOut);

}  // namespace flambeau
