// Variance, standard deviation and norms.
#include <cmath>
#include <limits>

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/ops/reduce/reduction.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::Reduce;

constexpr unsigned kFunctionMethod = Forms::function | Forms::method;
constexpr unsigned kFunctionMethodOut = kFunctionMethod | Forms::out;

// ---- variance

struct Spread {
  uint64_t mask;
  bool keepdim;
  double correction;
};

void check_floating(const Tensor& self) {
  check(!is_integral(self.dtype()), "std and var only support floating point and complex dtypes");
  if (!is_supported(self.dtype())) not_implemented_for("std_cpu", self.dtype());
}

// Either tensor may be undefined. The outputs are contiguous, of the dtype in which self's variance is
// computed; variances are real.
void raw_variance(const Tensor& input, const Spread& spread, bool deviation, const Tensor& variances,
                  const Tensor& means) {
  const Tensor self = widened(input);
  if (is_complex(self.dtype())) {
    const NoGrad no_grad;
    const Tensor parts = view_as_real(self);
    // A 0-d tensor's dimension 0 is not that of the parts.
    const Spread over{spread.mask & all_dims(self.dim()), false, spread.correction};
    const Tensor of_parts = empty(reduced_sizes(parts.sizes(), over.mask, false), parts.dtype());
    raw_variance(parts, over, deviation, of_parts, {});
    if (variances) {
      // The norm, and not the root of a sum, whose squares may be out of range.
      const Reduce both = deviation ? Reduce::Norm : Reduce::Sum;
      const Tensor total =
          reduce({}, both, "std_cpu", of_parts, uint64_t{1} << (of_parts.dim() - 1), false, of_parts.dtype());
      copy_into(variances, reshape(total, variances.sizes()));
    }
    if (means)
      copy_into(means, reduce({}, Reduce::Mean, "mean_cpu", self, spread.mask, spread.keepdim, self.dtype()));
    return;
  }
  const WithoutGil guard(self.numel());
  backend::current().variance(self.dtype(), reduction_over(self, spread.mask), spread.correction, deviation,
                              self->data, variances ? variances->data : nullptr,
                              means ? means->data : nullptr);
}

Tensor mean_of(const Tensor& x, const Spread& spread) {
  Dims dims;
  for (int i = 0; i < x.dim(); ++i)
    if (spread.mask >> i & 1) dims.push_back(i);
  return mean_dims(x, IntList(dims), true);
}

// 2 / (n - correction) * grad * (x - mean)
Tensor variance_gradient(const Tensor& grad, const Tensor& x, const Spread& spread) {
  const double divisor = static_cast<double>(reduced_count(x.sizes(), spread.mask)) - spread.correction;
  const Tensor g = with_reduced_dims(grad, x.sizes(), spread.mask, spread.keepdim);
  const double scale = divisor > 0 ? 2 / divisor : std::numeric_limits<double>::infinity();
  return mul(mul(g, Scalar(scale)), sub(x, mean_of(x, spread)));
}

// d sqrt(v) = dv / (2 sqrt(v)), 0 where nothing varies.
Tensor deviation_gradient(const Tensor& grad, const Tensor& deviation) {
  return masked_fill(div(grad, mul(deviation, Scalar(2.0))), eq(detach(deviation), Scalar(0.0)), Scalar(0.0));
}

Tensor variance(const Tensor& self, const Spread& spread, bool deviation, const Out& out) {
  check_floating(self);
  return differentiable(
      deviation ? "StdBackward0" : "VarBackward0", out,
      [&] {
        const Dims sizes = reduced_sizes(self.sizes(), spread.mask, spread.keepdim);
        const DType real = real_of(self.dtype());
        const Tensor fresh = empty(sizes, compute_dtype(real));
        raw_variance(self, spread, deviation, fresh, {});
        if (!out.target) return narrowed(fresh, real);
        Tensor result = result_for(out, sizes, real);
        copy_into(result, fresh);
        return result;
      },
      wrt(self, [x = saved(self), spread, deviation](const Tensor& grad, const Tensor& y) {
        return variance_gradient(deviation ? deviation_gradient(grad, y) : grad, x(), spread);
      }));
}

std::tuple<Tensor, Tensor> variance_and_mean(const Tensor& self, const Spread& spread, bool deviation) {
  check_floating(self);
  const Dims sizes = reduced_sizes(self.sizes(), spread.mask, spread.keepdim);
  Tensor spreads = empty(sizes, compute_dtype(real_of(self.dtype()))),
         means = empty(sizes, compute_dtype(self.dtype()));
  raw_variance(self, spread, deviation, spreads, means);
  spreads = narrowed(spreads, real_of(self.dtype()));
  std::vector<Tensor> results = differentiable_many(
      deviation ? "StdMeanBackward0" : "VarMeanBackward0",
      [&] { return std::vector<Tensor>{alias(spreads), narrowed(means, self.dtype())}; },
      wrt(self, [x = saved(self), y = saved(spreads), spread, deviation](std::span<const Tensor> grads) {
        const Tensor input = x();
        Tensor total;
        if (grads[0]) {
          // The deviation again, as a function of the input, for second derivatives.
          const Tensor root = !deviation       ? Tensor()
                              : grad_enabled() ? variance(input, spread, true, {})
                                               : y();
          total = variance_gradient(deviation ? deviation_gradient(grads[0], root) : grads[0], input, spread);
        }
        if (grads[1]) {
          const Tensor g = expand_reduced(grads[1], input.sizes(), spread.mask, spread.keepdim);
          const Tensor of_mean =
              div(g, Scalar(static_cast<double>(reduced_count(input.sizes(), spread.mask))));
          total = total ? add(total, of_mean) : of_mean;
        }
        return total;
      }));
  return {results[0], results[1]};
}

Spread spread_of(const Tensor& self, std::optional<IntList> dim, bool keepdim, double correction) {
  return {reduction_mask(self.sizes(), dim), keepdim, correction};
}

Tensor var(const Tensor& self, std::optional<IntList> dim, std::optional<Scalar> correction, bool keepdim,
           const Out& out) {
  return variance(self, spread_of(self, dim, keepdim, correction ? correction->to_double() : 1), false, out);
}
Tensor var_unbiased(const Tensor& self, std::optional<IntList> dim, bool unbiased, bool keepdim,
                    const Out& out) {
  return variance(self, spread_of(self, dim, keepdim, unbiased), false, out);
}
Tensor var_of_all(const Tensor& self, bool unbiased) {
  return variance(self, spread_of(self, std::nullopt, false, unbiased), false, {});
}
Tensor stddev(const Tensor& self, std::optional<IntList> dim, std::optional<Scalar> correction, bool keepdim,
              const Out& out) {
  return variance(self, spread_of(self, dim, keepdim, correction ? correction->to_double() : 1), true, out);
}
Tensor stddev_unbiased(const Tensor& self, std::optional<IntList> dim, bool unbiased, bool keepdim,
                       const Out& out) {
  return variance(self, spread_of(self, dim, keepdim, unbiased), true, out);
}
Tensor stddev_of_all(const Tensor& self, bool unbiased) {
  return variance(self, spread_of(self, std::nullopt, false, unbiased), true, {});
}

using Pair = std::tuple<Tensor, Tensor>;

Pair var_mean(const Tensor& self, std::optional<IntList> dim, std::optional<Scalar> correction,
              bool keepdim) {
  return variance_and_mean(self, spread_of(self, dim, keepdim, correction ? correction->to_double() : 1),
                           false);
}
Pair var_mean_unbiased(const Tensor& self, std::optional<IntList> dim, bool unbiased, bool keepdim) {
  return variance_and_mean(self, spread_of(self, dim, keepdim, unbiased), false);
}
Pair var_mean_of_all(const Tensor& self, bool unbiased) {
  return variance_and_mean(self, spread_of(self, std::nullopt, false, unbiased), false);
}
Pair std_mean(const Tensor& self, std::optional<IntList> dim, std::optional<Scalar> correction,
              bool keepdim) {
  return variance_and_mean(self, spread_of(self, dim, keepdim, correction ? correction->to_double() : 1),
                           true);
}
Pair std_mean_unbiased(const Tensor& self, std::optional<IntList> dim, bool unbiased, bool keepdim) {
  return variance_and_mean(self, spread_of(self, dim, keepdim, unbiased), true);
}
Pair std_mean_of_all(const Tensor& self, bool unbiased) {
  return variance_and_mean(self, spread_of(self, std::nullopt, false, unbiased), true);
}

}  // namespace

/// The variance: sum (x - mean)^2 / (n - correction).
///
/// Args:
///     self: any shape, floating point
///     dim: dimensions, all by default
///     correction: 1 by default, which is Bessel's; `unbiased=False` is 0
///     keepdim: whether the dimensions stay, with size 1
///
/// >>> torch.var(torch.tensor([1.0, 3.0]))
/// tensor(2.)
///
/// Source: Welford, Note on a method for calculating corrected sums of squares and products, 1962.
EXPOSE("var(Tensor self, bool unbiased) -> Tensor", var_of_all, kFunctionMethod);
EXPOSE("var(Tensor self, int[]? dim=None, *, Number? correction=None, bool keepdim=False) -> Tensor", var,
       kFunctionMethodOut);
EXPOSE("var(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> Tensor", var_unbiased,
       kFunctionMethodOut);

/// The standard deviation: the root of the variance.
///
/// Args:
///     self: any shape, floating point
///     dim: dimensions, all by default
///     correction: 1 by default, which is Bessel's; `unbiased=False` is 0
///     keepdim: whether the dimensions stay, with size 1
///
/// >>> torch.std(torch.tensor([1.0, 3.0]), correction=0)
/// tensor(1.)
EXPOSE("std(Tensor self, bool unbiased) -> Tensor", stddev_of_all, kFunctionMethod);
EXPOSE("std(Tensor self, int[]? dim=None, *, Number? correction=None, bool keepdim=False) -> Tensor", stddev,
       kFunctionMethodOut);
EXPOSE("std(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> Tensor", stddev_unbiased,
       kFunctionMethodOut);

/// The variance and the mean, in one pass.
///
/// Args:
///     self: any shape, floating point
///     dim, correction, keepdim: as of `var`
///
/// >>> [v.item() for v in torch.var_mean(torch.tensor([1.0, 3.0]))]
/// [2.0, 2.0]
EXPOSE("var_mean(Tensor self, bool unbiased) -> (Tensor, Tensor)", var_mean_of_all, Forms::function);
EXPOSE(
    "var_mean(Tensor self, int[]? dim=None, *, Number? correction=None, bool keepdim=False) -> (Tensor, "
    "Tensor)",
    var_mean, Forms::function);
EXPOSE("var_mean(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)",
       var_mean_unbiased, Forms::function);

/// The standard deviation and the mean, in one pass.
///
/// Args:
///     self: any shape, floating point
///     dim, correction, keepdim: as of `var`
///
/// >>> [v.item() for v in torch.std_mean(torch.tensor([1.0, 3.0]), correction=0)]
/// [1.0, 2.0]
EXPOSE("std_mean(Tensor self, bool unbiased) -> (Tensor, Tensor)", std_mean_of_all, Forms::function);
EXPOSE(
    "std_mean(Tensor self, int[]? dim=None, *, Number? correction=None, bool keepdim=False) -> (Tensor, "
    "Tensor)",
    std_mean, Forms::function);
EXPOSE("std_mean(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)",
       std_mean_unbiased, Forms::function);

// ---- norms

namespace {

Tensor raw_norm(const Out& out, const Tensor& x, double order, uint64_t mask, bool keepdim) {
  const char* const kernel = "norm_cpu";
  const DType d = real_of(x.dtype());
  const auto plain = [&](Reduce op) { return reduce(out, op, kernel, x, mask, keepdim, d); };
  if (order == 1) return plain(Reduce::SumOfAbs);
  if (order == std::numeric_limits<double>::infinity()) return plain(Reduce::MaxOfAbs);
  if (order == 2) return plain(Reduce::Norm);
  if (order == 0) return reduce(out, Reduce::CountNonzero, kernel, x, mask, keepdim, d);
  const Tensor magnitude = abs(x);
  if (order == -std::numeric_limits<double>::infinity())
    return reduce(out, Reduce::Min, kernel, magnitude, mask, keepdim, d);
  if (x.numel() == 0) return reduce(out, Reduce::Sum, kernel, magnitude, mask, keepdim, d);
  // In double, as shares of the magnitude that weighs most: no power of one is out of range.
  const Tensor wide = to_dtype(magnitude, DType::Float64);
  const Tensor most =
      reduce({}, order > 0 ? Reduce::Max : Reduce::Min, kernel, wide, mask, true, DType::Float64);
  const Tensor usable =
      logical_and(gt(most, Scalar(0.0)), lt(most, Scalar(std::numeric_limits<double>::infinity())));
  const Tensor unit = masked_fill(most, logical_not(usable), Scalar(1.0));
  const Tensor powers =
      reduce({}, Reduce::Sum, kernel, pow(div(wide, unit), Scalar(order)), mask, true, DType::Float64);
  const Tensor root =
      reshape(mul(pow(powers, Scalar(1 / order)), unit), reduced_sizes(x.sizes(), mask, keepdim));
  if (!out.target) return to_dtype(root, d);
  const Tensor result = result_for(out, root.sizes(), d);
  copy_into(result, root);
  return result;
}

Tensor norm_gradient(const Tensor& grad, const Tensor& x, const Tensor& norm, double order, uint64_t mask,
                     bool keepdim) {
  if (order == 0) return zeros(x.sizes(), x.dtype());
  if (order == 1) return mul(sgn(x), with_reduced_dims(grad, x.sizes(), mask, keepdim));
  const Tensor g = with_reduced_dims(grad, x.sizes(), mask, keepdim),
               y = with_reduced_dims(norm, x.sizes(), mask, keepdim);
  // Not grad / norm, which a small norm takes out of range.
  if (order == 2) return masked_fill(mul(div(x, y), g), eq(detach(y), Scalar(0.0)), Scalar(0.0));
  if (std::isinf(order)) {
    // Shared by all elements whose magnitude is the norm.
    const Tensor holders = to_dtype(eq(detach(abs(x)), detach(y)), y.dtype());
    Dims dims;
    for (int i = 0; i < x.dim(); ++i)
      if (mask >> i & 1) dims.push_back(i);
    const Tensor count = x.dim() ? sum_dims(holders, IntList(dims), true) : holders;
    return mul(mul(sgn(x), holders), div(g, count));
  }
  // sgn(x) (|x| / norm)^(p - 1) grad: the quotient is in range where neither power need be.
  const Tensor share = pow(div(abs(x), y), Scalar(order - 1));
  const Tensor nothing = order < 1 ? eq(detach(x), Scalar(0.0)) : eq(detach(y), Scalar(0.0));
  return mul(mul(sgn(x), masked_fill(share, nothing, Scalar(0.0))), g);
}

}  // namespace

void check_norm_dtype(const char* name, DType input, std::optional<DType> dtype) {
  if (!dtype) return;
  check(is_floating(*dtype) || is_complex(*dtype), name,
        ": dtype should be floating point or complex, but got ", scalar_type_name(*dtype));
  const char* const kind = is_complex(input) ? "complex" : "real";
  check(is_complex(*dtype) == is_complex(input), name, ": dtype should be ", kind, " for ", kind,
        " inputs, but got ", scalar_type_name(*dtype));
  check(promote(input, *dtype) == *dtype, name, ": the dtype of the input (", scalar_type_name(input),
        ") should be convertible without narrowing to the specified dtype (", scalar_type_name(*dtype), ")");
}

namespace {

Tensor vector_norm(const Tensor& self, const Scalar& ord, std::optional<IntList> dim, bool keepdim,
                   std::optional<DType> dtype, const Out& out) {
  if (!is_floating(self.dtype()) && !is_complex(self.dtype()))
    fail<RuntimeError>("linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
                       scalar_type_name(self.dtype()), "; convert it, for example with .to(torch.float32)");
  check_norm_dtype("linalg.vector_norm", self.dtype(), dtype);
  if (dtype && *dtype != self.dtype())
    return vector_norm(to_dtype(self, *dtype), ord, dim, keepdim, std::nullopt, out);
  const uint64_t mask = reduction_mask(self.sizes(), dim);
  const double order = ord.to_double();
  if (std::isinf(order) || order < 0) {
    check(self.numel() > 0 || reduced_count(self.sizes(), mask) > 0 || !dim,
          "linalg.vector_norm cannot compute the ", order, " norm on the dimension ",
          dim && !dim->empty() ? (*dim)[0] : 0,
          " because this dimension is empty and the operation "
          "does not have an identity");
    check(reduced_count(self.sizes(), mask) > 0, "linalg.vector_norm cannot compute the ", order,
          " norm on an empty tensor "
          "because the operation does not have an identity");
  }
  return differentiable(
      "LinalgVectorNormBackward0", out, [&] { return raw_norm(out, self, order, mask, keepdim); },
      wrt(self, [x = saved(self), order, mask, keepdim](const Tensor& grad, const Tensor& y) {
        return norm_gradient(grad, x(), y, order, mask, keepdim);
      }));
}

Tensor norm(const Tensor& self, std::optional<Scalar> p, std::optional<IntList> dim, bool keepdim,
            std::optional<DType> dtype, const Out& out) {
  return vector_norm(self, p.value_or(Scalar(2.0)), dim, keepdim, dtype, out);
}
Tensor norm_named(const Tensor& self, std::string_view p, std::optional<IntList> dim, bool keepdim,
                  std::optional<DType> dtype, const Out& out) {
  if (p == "fro") return vector_norm(self, Scalar(2.0), dim, keepdim, dtype, out);
  if (p == "nuc") return delivered(nuclear_norm(self, dim, keepdim, dtype), out);
  fail<RuntimeError>("norm: unsupported p='", p, "'; use a number, 'fro' or 'nuc'");
}
Tensor dist(const Tensor& self, const Tensor& other, const Scalar& p) {
  return vector_norm(sub(self, other), p, std::nullopt, false, std::nullopt, {});
}

}  // namespace

/// The p-norm: (sum abs(x)^p)^(1/p); the largest magnitude for inf, the smallest for -inf, the count of
/// nonzeros for 0.
///
/// Args:
///     self: any shape, floating point
///     ord: p
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///     dtype: converted to before anything is computed
///
/// Raises:
///     RuntimeError: an integer input.
///
/// >>> torch.linalg.vector_norm(torch.tensor([3.0, 4.0]))
/// tensor(5.)
EXPOSE(
    "vector_norm(Tensor self, Number ord=2, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> "
    "Tensor",
    vector_norm, Forms::linalg | Forms::out);

/// The p-norm of a vector, or of the flattened tensor; `linalg.vector_norm` and `linalg.matrix_norm` say more
/// plainly which.
///
/// Args:
///     self: any shape, floating point
///     p: the order, or 'fro' for the root of the sum of squares
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///     dtype: converted to before anything is computed
///
/// >>> torch.norm(torch.tensor([3.0, 4.0]))
/// tensor(5.)
EXPOSE("norm(Tensor self, Number? p=2, int[]? dim=None, bool keepdim=False, dtype? dtype=None) -> Tensor",
       norm, kFunctionMethodOut);
EXPOSE("norm(Tensor self, str p, int[]? dim=None, bool keepdim=False, dtype? dtype=None) -> Tensor",
       norm_named, kFunctionMethodOut);

/// The p-norm of the difference of two tensors.
///
/// Args:
///     self, other: shapes broadcast
///     p: the order
///
/// >>> torch.dist(torch.tensor([3.0, 4.0]), torch.zeros(2))
/// tensor(5.)
EXPOSE("dist(Tensor self, Tensor other, Number p=2) -> Tensor", dist, kFunctionMethod);

}  // namespace flambeau
