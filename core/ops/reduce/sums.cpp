// Sums, means, products, and what is counted.
#include "core/ops/reduce/reduction.h"

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"

namespace flambeau {
namespace {

using backend::Reduce;

constexpr unsigned kFunctionMethod = Forms::function | Forms::method;
constexpr unsigned kFunctionMethodOut = kFunctionMethod | Forms::out;

// The input in the dtype in which it is reduced: integers that become wider integers are widened by the
// kernel.
Tensor in_dtype(const Tensor& self, DType wanted) {
  if (is_wide_unsigned(self.dtype()) && is_integral(wanted))
    return cast_copy(self, DType::Int64);  // no kernels
  if (self.dtype() == wanted || (is_integral(self.dtype()) && is_integral(wanted) && wanted != DType::Bool))
    return self;
  return cast_copy(self, wanted);
}

// A sum given out= is computed in its dtype.
DType sum_dtype(const Tensor& self, std::optional<DType> dtype, const Out& out = {}) {
  if (!dtype) dtype = out.dtype();
  return dtype.value_or(is_integral(self.dtype()) ? DType::Int64 : self.dtype());
}

Tensor raw_sum(const Out& out, const Tensor& self, uint64_t mask, bool keepdim, DType dtype) {
  if (is_wide_unsigned(dtype)) not_implemented_for("sum_cpu", dtype);
  if (dtype == DType::Bool) return reduce(out, Reduce::Any, "sum_cpu", self, mask, keepdim, dtype);
  return reduce(out, Reduce::Sum, "sum_cpu", in_dtype(self, dtype), mask, keepdim, dtype);
}

}  // namespace

// ---- sum

Tensor sum(const Tensor& self, std::optional<DType> dtype) {
  return differentiable(
      "SumBackward0", {},
      [&] {
        return raw_sum({}, self, reduction_mask(self.sizes(), std::nullopt), false, sum_dtype(self, dtype));
      },
      wrt(self, [sizes = self.sizes(), d = self.dtype()](const Tensor& grad) {
        return expand(to_dtype(grad, d), sizes);
      }));
}

Tensor sum_dims(const Tensor& self, std::optional<IntList> dim, bool keepdim, std::optional<DType> dtype,
                const Out& out) {
  const uint64_t mask = reduction_mask(self.sizes(), dim);
  return differentiable(
      "SumBackward1", out, [&] { return raw_sum(out, self, mask, keepdim, sum_dtype(self, dtype, out)); },
      wrt(self, [sizes = self.sizes(), d = self.dtype(), mask, keepdim](const Tensor& grad) {
        return expand_reduced(to_dtype(grad, d), sizes, mask, keepdim);
      }));
}
namespace {
Tensor sum_out(const Tensor& self, std::optional<DType> dtype, const Out& out) {
  return out.target ? sum_dims(self, std::nullopt, false, dtype, out) : sum(self, dtype);
}
}  // namespace

/// The sum of all elements, or over dimensions.
///
/// Args:
///     self: any shape
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///     dtype: converted to beforehand; int64 for bool and smaller integers
///
/// >>> torch.sum(torch.tensor([[1, 2], [3, 4]]), 0).tolist()
/// [4, 6]
///
/// Source: pairwise summation; Higham, The accuracy of floating point summation, 1993.
EXPOSE("sum(Tensor self, *, dtype? dtype=None) -> Tensor", sum_out, kFunctionMethodOut);
EXPOSE("sum(Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor", sum_dims,
       kFunctionMethodOut);

namespace {
Tensor nansum(const Tensor& self, std::optional<IntList> dim, bool keepdim, std::optional<DType> dtype,
              const Out& out) {
  const DType made = sum_dtype(self, dtype, out);
  check(!is_complex(self.dtype()), "nansum on CPU does not support complex inputs");
  if (!is_floating(self.dtype())) return sum_dims(self, dim, keepdim, dtype, out);
  if (!is_floating(made)) not_implemented_for("nansum_cpu", made);
  const uint64_t mask = reduction_mask(self.sizes(), dim);
  return differentiable(
      "NansumBackward0", out,
      [&] { return reduce(out, Reduce::NanSum, "nansum_cpu", in_dtype(self, made), mask, keepdim, made); },
      wrt(self, [x = saved(self), mask, keepdim](const Tensor& grad) {
        const Tensor input = x();
        const Tensor number = eq(input, input);
        return mul(expand_reduced(to_dtype(grad, input.dtype()), input.sizes(), mask, keepdim), number);
      }));
}
}  // namespace

/// The sum of the elements that are not NaN.
///
/// Args:
///     self: any shape
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///     dtype: converted to beforehand
///
/// >>> torch.nansum(torch.tensor([1.0, float("nan")]))
/// tensor(1.)
EXPOSE("nansum(Tensor self, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor", nansum,
       kFunctionMethodOut);

// ---- mean

namespace {
DType mean_dtype(const Tensor& self, std::optional<DType> dtype) {
  const DType made = dtype.value_or(self.dtype());
  if (!is_floating(made) && !is_complex(made))
    fail<RuntimeError>("mean(): could not infer output dtype. ", dtype ? "Optional" : "Input",
                       " dtype must be either a floating point or complex dtype. Got: ",
                       scalar_type_name(made), ". Pass dtype=torch.float32, for example");
  return made;
}
// The gradient of a mean, while it is still small: every element gets the same share.
Tensor share(const Tensor& grad, DType dtype, int64_t count) {
  return div(to_dtype(grad, dtype), Scalar(static_cast<double>(count)));
}
}  // namespace

Tensor mean(const Tensor& self, std::optional<DType> dtype) {
  const DType made = mean_dtype(self, dtype);
  return differentiable(
      "MeanBackward0", {},
      [&] {
        return reduce({}, Reduce::Mean, "mean_cpu", in_dtype(self, made),
                      reduction_mask(self.sizes(), std::nullopt), false, made);
      },
      wrt(self, [sizes = self.sizes(), d = self.dtype(), n = self.numel()](const Tensor& grad) {
        return expand(share(grad, d, n), sizes);
      }));
}

Tensor mean_dims(const Tensor& self, std::optional<IntList> dim, bool keepdim, std::optional<DType> dtype,
                 const Out& out) {
  DType made = mean_dtype(self, dtype);
  const std::optional<DType> wanted = dtype ? std::nullopt : out.dtype();
  const bool computed_in_target = wanted && !is_integral(*wanted);
  if (computed_in_target) made = *wanted;
  const Out& to = wanted && !computed_in_target ? out.by_casting() : out;
  const uint64_t mask = reduction_mask(self.sizes(), dim);
  return differentiable(
      "MeanBackward1", to,
      [&] { return reduce(to, Reduce::Mean, "mean_cpu", in_dtype(self, made), mask, keepdim, made); },
      wrt(self, [sizes = self.sizes(), d = self.dtype(), mask, keepdim](const Tensor& grad) {
        return expand_reduced(share(grad, d, reduced_count(sizes, mask)), sizes, mask, keepdim);
      }));
}

namespace {
Tensor nanmean(const Tensor& self, std::optional<IntList> dim, bool keepdim, std::optional<DType> dtype,
               const Out& out) {
  check(!is_integral(self.dtype()),
        "nanmean(): expected input to have floating point or complex dtype but got ",
        scalar_type_name(self.dtype()));
  const Tensor numbers = sum_dims(eq(detach(self), detach(self)), dim, keepdim);
  return div(nansum(self, dim, keepdim, dtype, {}), numbers, out);
}
Tensor mean_out(const Tensor& self, std::optional<DType> dtype, const Out& out) {
  return out.target ? mean_dims(self, std::nullopt, false, dtype, out) : mean(self, dtype);
}
}  // namespace

/// The mean of all elements, or over dimensions; NaN of none.
///
/// Args:
///     self: any shape, floating point
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///     dtype: converted to beforehand
///
/// Raises:
///     RuntimeError: an integer input without a floating-point dtype.
///
/// >>> torch.mean(torch.tensor([1.0, 3.0]))
/// tensor(2.)
EXPOSE("mean(Tensor self, *, dtype? dtype=None) -> Tensor", mean_out, kFunctionMethodOut);
EXPOSE("mean(Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor", mean_dims,
       kFunctionMethodOut);

/// The mean of the elements that are not NaN.
///
/// Args:
///     self: any shape, floating point
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///     dtype: converted to beforehand
///
/// >>> torch.nanmean(torch.tensor([1.0, float("nan")]))
/// tensor(1.)
EXPOSE("nanmean(Tensor self, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor", nanmean,
       kFunctionMethodOut);

// ---- prod

namespace {

Tensor raw_prod(const Out& out, const Tensor& self, uint64_t mask, bool keepdim, DType dtype) {
  if (is_wide_unsigned(dtype)) not_implemented_for("prod_out_cpu", dtype);
  if (dtype == DType::Bool) return reduce(out, Reduce::All, "prod_cpu", self, mask, keepdim, dtype);
  return reduce(out, Reduce::Prod, "prod_cpu", in_dtype(self, dtype), mask, keepdim, dtype);
}

bool any_zero(const Tensor& x) {
  const Tensor all =
      reduce({}, Reduce::All, "all", x, reduction_mask(x.sizes(), std::nullopt), false, DType::Bool);
  return !host_readable(all.device()) || !*all.data<bool>();  // the general way where nobody can look
}

// The products of all other elements along `dim`: of those before it times those after it, doubling the reach
// of both each time (Hillis and Steele's scan), so that every step is differentiable and a zero does no harm.
Tensor product_of_others(const Tensor& x, int64_t dim) {
  const int64_t n = x.sizes()[static_cast<int>(dim)];
  Dims edge = x.sizes();
  const auto ones = [&](int64_t length) {
    edge[static_cast<int>(dim)] = length;
    Tensor t = empty(edge, x.dtype());
    return fill_raw(t, 1);
  };
  if (n == 1) return ones(1);
  const auto joined = [&](const Tensor& a, const Tensor& b) {
    const Tensor parts[] = {a, b};
    return cat(parts, dim);
  };
  Tensor before = joined(ones(1), narrow(x, dim, 0, n - 1)),
         after = joined(narrow(x, dim, 1, n - 1), ones(1));
  for (int64_t reach = 1; reach < n; reach *= 2) {
    before = mul(before, joined(ones(reach), narrow(before, dim, 0, n - reach)));
    after = mul(after, joined(narrow(after, dim, reach, n - reach), ones(reach)));
  }
  return mul(before, after);
}

Tensor prod_gradient(const Tensor& grad, const Tensor& x, const Tensor& result, int64_t dim) {
  if (x.dim() == 0) return grad;
  if (x.numel() == 0) return zeros(x.sizes(), x.dtype());
  if (!any_zero(x)) return div(mul(grad, result), x);
  return mul(grad, product_of_others(x, dim));
}

Tensor prod(const Tensor& self, std::optional<DType> dtype) {
  const DType made = sum_dtype(self, dtype);
  return differentiable(
      "ProdBackward0", {},
      [&] { return raw_prod({}, self, reduction_mask(self.sizes(), std::nullopt), false, made); },
      wrt(self, [x = saved(self)](const Tensor& grad, const Tensor& y) {
        const Tensor input = conj(x());
        const Tensor g = to_dtype(grad, input.dtype()), result = to_dtype(conj(y), input.dtype());
        if (input.dim() == 0) return g;
        const int64_t flat[] = {input.numel()};
        return reshape(prod_gradient(g, reshape(input, flat), result, 0), input.sizes());
      }));
}

Tensor prod_dim(const Tensor& self, int64_t dim, bool keepdim, std::optional<DType> dtype, const Out& out) {
  const DType made = sum_dtype(self, dtype, out);
  const int64_t dims[] = {dim};
  const uint64_t mask = reduction_mask(self.sizes(), dims);
  return differentiable(
      "ProdBackward1", out, [&] { return raw_prod(out, self, mask, keepdim, made); },
      wrt(self, [x = saved(self), mask, keepdim](const Tensor& grad, const Tensor& y) {
        const Tensor input = conj(x());
        return prod_gradient(
            with_reduced_dims(to_dtype(grad, input.dtype()), input.sizes(), mask, keepdim), input,
            with_reduced_dims(to_dtype(conj(y), input.dtype()), input.sizes(), mask, keepdim),
            __builtin_ctz(mask | 0x80000000u));
      }));
}

}  // namespace

/// The product of all elements, or along a dimension.
///
/// Args:
///     self: any shape
///     dim: which dimension, all by default
///     keepdim: whether it stays, with size 1
///     dtype: converted to beforehand; int64 for bool and smaller integers
///
/// >>> torch.prod(torch.tensor([2, 3, 4]))
/// tensor(24)
EXPOSE("prod(Tensor self, *, dtype? dtype=None) -> Tensor", prod, kFunctionMethod | Forms::float32);
EXPOSE("prod(Tensor self, int dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor", prod_dim,
       kFunctionMethodOut | Forms::float32);

// ---- any, all, count_nonzero

namespace {

// An empty list of dimensions reduces nothing here, unlike in sum.
uint64_t logical_mask(const Dims& sizes, std::optional<IntList> dim) {
  return dim && dim->empty() ? 0 : reduction_mask(sizes, dim);
}
// uint8 was the truth value before bool was, and keeps its dtype.
DType logical_dtype(const Tensor& self) { return self.dtype() == DType::UInt8 ? DType::UInt8 : DType::Bool; }

Tensor any(const Tensor& self, std::optional<IntList> dim, bool keepdim, const Out& out) {
  return reduce(out, Reduce::Any, "any_cpu", self, logical_mask(self.sizes(), dim), keepdim,
                logical_dtype(self));
}
Tensor all(const Tensor& self, std::optional<IntList> dim, bool keepdim, const Out& out) {
  return reduce(out, Reduce::All, "all_cpu", self, logical_mask(self.sizes(), dim), keepdim,
                logical_dtype(self));
}
Tensor count_nonzero(const Tensor& self, std::optional<IntList> dim) {
  return reduce({}, Reduce::CountNonzero, "count_nonzero_cpu", self, reduction_mask(self.sizes(), dim), false,
                DType::Int64);
}
}  // namespace

/// Whether any element differs from zero: a bool tensor.
///
/// Args:
///     self: any shape
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///
/// >>> torch.any(torch.tensor([0, 1]))
/// tensor(True)
EXPOSE("any(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", any, kFunctionMethodOut);

/// Whether all elements differ from zero: a bool tensor, true of none.
///
/// Args:
///     self: any shape
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///
/// >>> torch.all(torch.tensor([0, 1]))
/// tensor(False)
EXPOSE("all(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", all, kFunctionMethodOut);

/// How many elements differ from zero, int64.
///
/// Args:
///     self: any shape
///     dim: dimensions, all by default
///
/// >>> torch.count_nonzero(torch.tensor([0, 1, 2]))
/// tensor(2)
EXPOSE("count_nonzero(Tensor self, int[]? dim=None) -> Tensor", count_nonzero, kFunctionMethod);

}  // namespace flambeau
