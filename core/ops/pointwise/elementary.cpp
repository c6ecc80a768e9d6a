// Elementary and special functions of each element, and rounding.
#include <limits>
#include <numbers>

#include "core/ops/pointwise/rules.h"

namespace flambeau {

namespace {

const Scalar kOne(1.0);
const Scalar kTwo(2.0);
constexpr unsigned kEveryForm =
    Forms::function | Forms::method | Forms::inplace | Forms::out | Forms::inplace_function;
constexpr unsigned kBinaryForm = Forms::function | Forms::method | Forms::inplace | Forms::out;

// 1 - x^2, x^2 + 1, x^2 - 1
Tensor one_minus_square(const Tensor& x) { return sub(kOne, mul(x, x)); }
Tensor square_plus_one(const Tensor& x) { return add(mul(x, x), kOne); }
Tensor square_minus_one(const Tensor& x) { return sub(mul(x, x), kOne); }

}  // namespace

// ---- exponentials and logarithms

Tensor exp(const Tensor& self, const Out& out) {
  return analytic("ExpBackward0", Pointwise::Exp, self, out,
                  [](const Tensor& grad, const Tensor& y) { return mul(grad, y); });
}

/// The exponential function: e^x.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.exp(torch.tensor([0.0])).tolist()
/// [1.0]
EXPOSE("exp(Tensor self) -> Tensor", exp, kEveryForm);

namespace {
Tensor exp2(const Tensor& self, const Out& out) {
  return analytic("Exp2Backward0", Pointwise::Exp2, self, out, [](const Tensor& grad, const Tensor& y) {
    return mul(grad, mul(y, Scalar(std::numbers::ln2)));
  });
}
Tensor expm1(const Tensor& self, const Out& out) {
  return analytic("Expm1Backward0", Pointwise::Expm1, self, out,
                  [](const Tensor& grad, const Tensor& y) { return mul(grad, add(y, kOne)); });
}
}  // namespace

/// Two to the power of each element: 2^x.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.exp2(torch.tensor([3.0])).tolist()
/// [8.0]
EXPOSE("exp2(Tensor self) -> Tensor", exp2, kEveryForm);

/// e^x - 1, accurate near zero.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.expm1(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("expm1(Tensor self) -> Tensor", expm1, kEveryForm);

Tensor log(const Tensor& self, const Out& out) {
  return analytic("LogBackward0", Pointwise::Log, self, out,
                  [x = saved(self)](const Tensor& grad) { return div(grad, x()); });
}

/// The natural logarithm; NaN below zero, -inf at zero.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.log(torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("log(Tensor self) -> Tensor", log, kEveryForm);

namespace {
Tensor log2(const Tensor& self, const Out& out) {
  return analytic("Log2Backward0", Pointwise::Log2, self, out, [x = saved(self)](const Tensor& grad) {
    return div(grad, mul(x(), Scalar(std::numbers::ln2)));
  });
}
Tensor log10(const Tensor& self, const Out& out) {
  return analytic("Log10Backward0", Pointwise::Log10, self, out, [x = saved(self)](const Tensor& grad) {
    return div(grad, mul(x(), Scalar(std::numbers::ln10)));
  });
}
Tensor log1p(const Tensor& self, const Out& out) {
  return analytic("Log1PBackward0", Pointwise::Log1p, self, out,
                  [x = saved(self)](const Tensor& grad) { return div(grad, add(x(), kOne)); });
}
}  // namespace

/// The logarithm to base 2.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.log2(torch.tensor([8.0])).tolist()
/// [3.0]
EXPOSE("log2(Tensor self) -> Tensor", log2, kEveryForm);

/// The logarithm to base 10.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.log10(torch.tensor([1000.0])).tolist()
/// [3.0]
EXPOSE("log10(Tensor self) -> Tensor", log10, kEveryForm);

/// log(1 + x), accurate near zero.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.log1p(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("log1p(Tensor self) -> Tensor", log1p, kEveryForm);

// ---- roots

Tensor sqrt(const Tensor& self, const Out& out) {
  return analytic("SqrtBackward0", Pointwise::Sqrt, self, out,
                  [](const Tensor& grad, const Tensor& y) { return div(grad, mul(y, kTwo)); });
}

/// The square root; NaN below zero.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.sqrt(torch.tensor([9.0])).tolist()
/// [3.0]
EXPOSE("sqrt(Tensor self) -> Tensor", sqrt, kEveryForm);

Tensor rsqrt(const Tensor& self, const Out& out) {
  return analytic("RsqrtBackward0", Pointwise::Rsqrt, self, out, [](const Tensor& grad, const Tensor& y) {
    return mul(mul(grad, Scalar(-0.5)), pow(y, Scalar(3)));
  });
}

/// The reciprocal of the square root: 1 / sqrt(x).
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.rsqrt(torch.tensor([4.0])).tolist()
/// [0.5]
EXPOSE("rsqrt(Tensor self) -> Tensor", rsqrt, kEveryForm);

// ---- trigonometric functions and their inverses

Tensor sin(const Tensor& self, const Out& out) {
  return analytic("SinBackward0", Pointwise::Sin, self, out,
                  [x = saved(self)](const Tensor& grad) { return mul(grad, cos(x())); });
}

/// The sine of an angle in radians.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.sin(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("sin(Tensor self) -> Tensor", sin, kEveryForm);

Tensor cos(const Tensor& self, const Out& out) {
  return analytic("CosBackward0", Pointwise::Cos, self, out,
                  [x = saved(self)](const Tensor& grad) { return mul(grad, neg(sin(x()))); });
}

/// The cosine of an angle in radians.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.cos(torch.tensor([0.0])).tolist()
/// [1.0]
EXPOSE("cos(Tensor self) -> Tensor", cos, kEveryForm);

namespace {
Tensor tan(const Tensor& self, const Out& out) {
  return analytic("TanBackward0", Pointwise::Tan, self, out,
                  [](const Tensor& grad, const Tensor& y) { return mul(grad, square_plus_one(y)); });
}
Tensor asin(const Tensor& self, const Out& out) {
  return analytic("AsinBackward0", Pointwise::Asin, self, out,
                  [x = saved(self)](const Tensor& grad) { return mul(grad, rsqrt(one_minus_square(x()))); });
}
Tensor acos(const Tensor& self, const Out& out) {
  return analytic("AcosBackward0", Pointwise::Acos, self, out, [x = saved(self)](const Tensor& grad) {
    return mul(grad, neg(rsqrt(one_minus_square(x()))));
  });
}
Tensor atan(const Tensor& self, const Out& out) {
  return analytic("AtanBackward0", Pointwise::Atan, self, out,
                  [x = saved(self)](const Tensor& grad) { return div(grad, square_plus_one(x())); });
}
}  // namespace

/// The tangent of an angle in radians.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.tan(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("tan(Tensor self) -> Tensor", tan, kEveryForm);

/// The angle in [-pi/2, pi/2] whose sine is x; NaN beyond [-1, 1].
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.asin(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("asin(Tensor self) -> Tensor", asin, kEveryForm);

/// The same as `asin`.
///
/// >>> torch.arcsin(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("arcsin(Tensor self) -> Tensor", asin, kEveryForm);

/// The angle in [0, pi] whose cosine is x; NaN beyond [-1, 1].
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.acos(torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("acos(Tensor self) -> Tensor", acos, kEveryForm);

/// The same as `acos`.
///
/// >>> torch.arccos(torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("arccos(Tensor self) -> Tensor", acos, kEveryForm);

/// The angle in (-pi/2, pi/2) whose tangent is x.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.atan(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("atan(Tensor self) -> Tensor", atan, kEveryForm);

/// The same as `atan`.
///
/// >>> torch.arctan(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("arctan(Tensor self) -> Tensor", atan, kEveryForm);

namespace {
Tensor atan2(const Tensor& self, const Tensor& other, const Out& out) {
  return differentiable(
      "Atan2Backward0", out, [&] { return pointwise(out, Pointwise::Atan2, {self, other}); },
      wrt(self,
          [y = saved(self), x = saved(other)](const Tensor& grad) {
            const Tensor b = x(), a = y();
            return mul(grad, div(b, add(mul(a, a), mul(b, b))));
          }),
      wrt(other, [y = saved(self), x = saved(other)](const Tensor& grad) {
        const Tensor b = x(), a = y();
        return mul(grad, div(neg(a), add(mul(a, a), mul(b, b))));
      }));
}
}  // namespace

/// The angle in (-pi, pi] of the point (other, self): of a / b, in the right quadrant.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.atan2(torch.tensor([0.0]), torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("atan2(Tensor self, Tensor other) -> Tensor", atan2, kBinaryForm);

/// The same as `atan2`.
///
/// >>> torch.arctan2(torch.tensor([0.0]), torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("arctan2(Tensor self, Tensor other) -> Tensor", atan2, kBinaryForm);

// ---- hyperbolic functions and their inverses

namespace {
Tensor cosh(const Tensor& self, const Out& out);
Tensor sinh(const Tensor& self, const Out& out) {
  return analytic("SinhBackward0", Pointwise::Sinh, self, out,
                  [x = saved(self)](const Tensor& grad) { return mul(grad, cosh(x(), {})); });
}
Tensor cosh(const Tensor& self, const Out& out) {
  return analytic("CoshBackward0", Pointwise::Cosh, self, out,
                  [x = saved(self)](const Tensor& grad) { return mul(grad, sinh(x(), {})); });
}
Tensor asinh(const Tensor& self, const Out& out) {
  return analytic("AsinhBackward0", Pointwise::Asinh, self, out,
                  [x = saved(self)](const Tensor& grad) { return mul(grad, rsqrt(square_plus_one(x()))); });
}
Tensor acosh(const Tensor& self, const Out& out) {
  return analytic("AcoshBackward0", Pointwise::Acosh, self, out,
                  [x = saved(self)](const Tensor& grad) { return mul(grad, rsqrt(square_minus_one(x()))); });
}
Tensor atanh(const Tensor& self, const Out& out) {
  return analytic("AtanhBackward0", Pointwise::Atanh, self, out,
                  [x = saved(self)](const Tensor& grad) { return div(grad, one_minus_square(x())); });
}
}  // namespace

/// The hyperbolic sine: (e^x - e^-x) / 2.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.sinh(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("sinh(Tensor self) -> Tensor", sinh, kEveryForm);

/// The hyperbolic cosine: (e^x + e^-x) / 2.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.cosh(torch.tensor([0.0])).tolist()
/// [1.0]
EXPOSE("cosh(Tensor self) -> Tensor", cosh, kEveryForm);

/// The inverse of the hyperbolic sine: log(x + sqrt(x^2 + 1)).
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.asinh(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("asinh(Tensor self) -> Tensor", asinh, kEveryForm);

/// The same as `asinh`.
///
/// >>> torch.arcsinh(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("arcsinh(Tensor self) -> Tensor", asinh, kEveryForm);

/// The inverse of the hyperbolic cosine: log(x + sqrt(x^2 - 1)); NaN below 1.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.acosh(torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("acosh(Tensor self) -> Tensor", acosh, kEveryForm);

/// The same as `acosh`.
///
/// >>> torch.arccosh(torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("arccosh(Tensor self) -> Tensor", acosh, kEveryForm);

/// The inverse of the hyperbolic tangent: log((1 + x) / (1 - x)) / 2; NaN beyond [-1, 1].
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.atanh(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("atanh(Tensor self) -> Tensor", atanh, kEveryForm);

/// The same as `atanh`.
///
/// >>> torch.arctanh(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("arctanh(Tensor self) -> Tensor", atanh, kEveryForm);

// ---- the error function

namespace {
Tensor gaussian_slope(const Tensor& grad, const Tensor& x, double sign) {
  return mul(mul(grad, Scalar(sign * 2 * std::numbers::inv_sqrtpi)), exp(neg(mul(x, x))));
}
Tensor erf(const Tensor& self, const Out& out) {
  return analytic("ErfBackward0", Pointwise::Erf, self, out,
                  [x = saved(self)](const Tensor& grad) { return gaussian_slope(grad, x(), 1); });
}
Tensor erfc(const Tensor& self, const Out& out) {
  return analytic("ErfcBackward0", Pointwise::Erfc, self, out,
                  [x = saved(self)](const Tensor& grad) { return gaussian_slope(grad, x(), -1); });
}
}  // namespace

/// The error function: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.erf(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("erf(Tensor self) -> Tensor", erf, kEveryForm);

/// The complement of the error function: 1 - erf(x), accurate for large x.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.erfc(torch.tensor([0.0])).tolist()
/// [1.0]
EXPOSE("erfc(Tensor self) -> Tensor", erfc, kEveryForm);

// ---- two inputs

namespace {

Tensor hypot(const Tensor& self, const Tensor& other, const Out& out) {
  const DType dtype = result_type({self, other});
  if (is_integral(dtype)) not_implemented_for("hypot_cpu", dtype);
  return differentiable(
      "HypotBackward0", out, [&] { return pointwise(out, Pointwise::Hypot, {self, other}); },
      wrt(self, [a = saved(self)](const Tensor& grad, const Tensor& y) { return mul(grad, div(a(), y)); }),
      wrt(other, [b = saved(other)](const Tensor& grad, const Tensor& y) { return mul(grad, div(b(), y)); }));
}

Tensor copysign(const Tensor& self, const Operand& other, const Out& out) {
  return differentiable(
      other.is_tensor() ? "CopysignBackward0" : "CopysignBackward1", out,
      [&] { return pointwise(out, Pointwise::Copysign, {self, other}); },
      wrt(self,
          [x = saved(self)](const Tensor& grad, const Tensor& y) {
            const Tensor value = x();
            return mul(grad, masked_fill(div(y, value), eq(value, Scalar(0)), Scalar(0)));
          }),
      wrt(other, no_slope));
}

// The addend with the greater real part comes out of the sum, so that no exponential overflows.
Tensor complex_logaddexp(const Tensor& self, const Tensor& other, const Out& out) {
  const Tensor first = ge(real(self), real(other));
  const Tensor high = where(first, self, other), low = where(first, other, self);
  const Tensor sum = add(high, log1p(exp(sub(low, high)), {}));
  // Where both are log 0, so is the sum.
  const Tensor nothing = eq(real(high), Scalar(-std::numeric_limits<double>::infinity()));
  return pointwise(out, Pointwise::Where, {nothing, high, sum});
}

}  // namespace

Tensor logaddexp(const Tensor& self, const Tensor& other, const Out& out) {
  const DType dtype = result_type({self, other});
  if (is_integral(dtype)) not_implemented_for("logaddexp_cpu", dtype);
  return differentiable(
      "LogaddexpBackward0", out,
      [&] {
        return is_complex(dtype) ? complex_logaddexp(self, other, out)
                                 : pointwise(out, Pointwise::LogAddExp, {self, other});
      },
      wrt(self, [a = saved(self), b = saved(other)](
                    const Tensor& grad) { return div(grad, conj(add(exp(sub(b(), a())), kOne))); }),
      wrt(other, [a = saved(self), b = saved(other)](const Tensor& grad) {
        return div(grad, conj(add(exp(sub(a(), b())), kOne)));
      }));
}

namespace {

Tensor xlogy(const Operand& self, const Operand& other, const Out& out) {
  refuse_two_numbers("xlogy", self, other);
  const char* node = !self.is_tensor()   ? "XlogyBackward1"
                     : other.is_tensor() ? "XlogyBackward0"
                                         : "XlogyBackward2";
  return differentiable(
      node, out, [&] { return pointwise(out, Pointwise::Xlogy, {self, other}); },
      wrt(self,
          [x = saved(self), y = saved(other)](const Tensor& grad) {
            const auto value = y();
            const Tensor base = value.tensor ? value.tensor : scalar_tensor(value.scalar, grad.dtype());
            const Tensor constant = logical_and(eq(x(), Scalar(0)), le(base, Scalar(0)));
            return mul(grad, masked_fill(expand(log(base), constant.sizes()), constant, Scalar(0)));
          }),
      wrt(other,
          [x = saved(self), y = saved(other)](const Tensor& grad) { return div(mul(grad, x()), y()); }));
}

}  // namespace

/// The length of the hypotenuse: sqrt(a^2 + b^2), without overflow.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.hypot(torch.tensor([3.0]), torch.tensor([4.0])).tolist()
/// [5.0]
EXPOSE("hypot(Tensor self, Tensor other) -> Tensor", hypot, kBinaryForm);

/// The magnitude of a with the sign of b.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.copysign(torch.tensor([3.0]), torch.tensor([-1.0])).tolist()
/// [-3.0]
EXPOSE("copysign(Tensor self, Tensor|Number other) -> Tensor", copysign, kBinaryForm);

/// log(e^a + e^b), without overflow.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.logaddexp(torch.tensor([1000.0]), torch.tensor([-1000.0])).tolist()
/// [1000.0]
EXPOSE("logaddexp(Tensor self, Tensor other) -> Tensor", logaddexp, function | method | out);

/// a log(b), and 0 where a is 0.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.xlogy(torch.tensor([0.0]), torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("xlogy(Tensor|Number self, Tensor|Number other) -> Tensor", xlogy, kEveryForm);

// ---- rounding

namespace {

// Integers are whole already.
Tensor rounded(const char* node, const char* kernel, Pointwise op, const Tensor& self, const Out& out) {
  if (self.dtype() == DType::Bool) not_implemented_for(kernel, DType::Bool);
  return differentiable(
      node, out,
      [&] {
        if (!is_integral(self.dtype())) return pointwise(out, op, {self});
        const Tensor result = result_for(out, self.sizes(), self.dtype());
        copy_into(result, self);
        return result;
      },
      wrt(self, no_slope));
}

Tensor floor(const Tensor& self, const Out& out) {
  refuse_complex(self, "floor is not supported for complex inputs");
  return rounded("FloorBackward0", "floor_vml_cpu", Pointwise::Floor, self, out);
}
Tensor ceil(const Tensor& self, const Out& out) {
  refuse_complex(self, "ceil is not supported for complex inputs");
  return rounded("CeilBackward0", "ceil_vml_cpu", Pointwise::Ceil, self, out);
}
Tensor trunc(const Tensor& self, const Out& out) {
  refuse_complex(self, "trunc is not supported for complex inputs");
  return rounded("TruncBackward0", "trunc_vml_cpu", Pointwise::Trunc, self, out);
}
Tensor round(const Tensor& self, const Out& out) {
  return rounded("RoundBackward0", "round_vml_cpu", Pointwise::Round, self, out);
}

Tensor round_decimals(const Tensor& self, int64_t decimals, const Out& out) {
  if (!is_floating(self.dtype()))
    not_implemented_for(decimals == 0 ? "round_vml_cpu" : "round_cpu", self.dtype());
  if (decimals == 0) return round(self, out);
  return differentiable(
      "RoundBackward1", out,
      [&] {
        double power = 1;
        for (int64_t i = 0; i < std::abs(decimals); ++i) power *= 10;
        const Scalar scale(power);
        const NoGrad no_grad;
        const Tensor x = widened(self);
        const auto scaled = [&](const Out& to) {
          if (decimals > 0) return div(pointwise({}, Pointwise::Round, {mul(x, scale)}), scale, to);
          return mul(pointwise({}, Pointwise::Round, {div(x, scale)}), scale, to);
        };
        return out.target || !is_half(self.dtype()) ? scaled(out) : narrowed(scaled({}), self.dtype());
      },
      wrt(self, no_slope));
}

Tensor frac(const Tensor& self, const Out& out) {
  if (is_integral(self.dtype())) not_implemented_for("frac_cpu", self.dtype());
  return unary("FracBackward0", Pointwise::Frac, self, out, [](const Tensor& grad) { return grad; });
}

}  // namespace

/// The largest integer not above each element.
///
/// Args:
///     self: any shape
///
/// >>> torch.floor(torch.tensor([-1.5])).tolist()
/// [-2.0]
EXPOSE("floor(Tensor self) -> Tensor", floor, kEveryForm);

/// The smallest integer not below each element.
///
/// Args:
///     self: any shape
///
/// >>> torch.ceil(torch.tensor([1.5])).tolist()
/// [2.0]
EXPOSE("ceil(Tensor self) -> Tensor", ceil, kEveryForm);

/// The integer part: digits behind the point are dropped.
///
/// Args:
///     self: any shape
///
/// >>> torch.trunc(torch.tensor([-1.5])).tolist()
/// [-1.0]
EXPOSE("trunc(Tensor self) -> Tensor", trunc, kEveryForm);

/// The same as `trunc`.
///
/// >>> torch.fix(torch.tensor([-1.5])).tolist()
/// [-1.0]
EXPOSE("fix(Tensor self) -> Tensor", trunc, kEveryForm);

/// The nearest integer, halves to the even one; with `decimals`, the nearest multiple of 10^-decimals.
///
/// Args:
///     self: any shape
///     decimals: digits kept behind the point, before it if negative
///
/// >>> torch.round(torch.tensor([0.5, 1.5, 2.4])).tolist()
/// [0.0, 2.0, 2.0]
EXPOSE("round(Tensor self) -> Tensor", round, kEveryForm);
EXPOSE("round(Tensor self, *, int decimals) -> Tensor", round_decimals, kEveryForm);

/// The part behind the point: x - trunc(x).
///
/// Args:
///     self: any shape
///
/// >>> torch.frac(torch.tensor([-1.5])).tolist()
/// [-0.5]
EXPOSE("frac(Tensor self) -> Tensor", frac, kEveryForm);

// ---- units, and values put in order

namespace {

// A float of its own for integers, as PyTorch gives.
Tensor scaled_angle(const char* node, const Tensor& self, double factor, const Out& out) {
  return differentiable(
      node, out, [&] { return mul(self, Scalar(factor), out); },
      wrt(self, [factor](const Tensor& grad) { return mul(grad, Scalar(factor)); }));
}
Tensor deg2rad(const Tensor& self, const Out& out) {
  refuse_complex<RuntimeError>(self, "deg2rad is not supported for complex tensors.");
  return scaled_angle("Deg2RadBackward0", self, std::numbers::pi / 180, out);
}
Tensor rad2deg(const Tensor& self, const Out& out) {
  refuse_complex<RuntimeError>(self, "rad2deg is not supported for complex tensors.");
  return scaled_angle("Rad2DegBackward0", self, 180 / std::numbers::pi, out);
}

Tensor nan_to_num(const Tensor& self, std::optional<double> nan, std::optional<double> posinf,
                  std::optional<double> neginf, const Out& out) {
  if (is_complex(self.dtype())) {
    const Tensor fixed = view_as_complex(nan_to_num(view_as_real(self), nan, posinf, neginf, {}));
    return out.target ? mul(fixed, Scalar(1), out) : fixed;
  }
  const bool narrow = self.dtype() == DType::Float32;
  const double largest = narrow ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  const double infinity = std::numeric_limits<double>::infinity();
  return differentiable(
      "NanToNumBackward0", out,
      [&] {
        if (is_integral(self.dtype())) {
          const Tensor result = result_for(out, self.sizes(), self.dtype());
          copy_into(result, self);
          return result;
        }
        const DType dtype = self.dtype();
        const Tensor no_nan =
            pointwise_as({}, Pointwise::Where, dtype,
                         {pointwise({}, Pointwise::IsNan, {self}), Scalar(nan.value_or(0)), self});
        const Tensor no_high = pointwise_as({}, Pointwise::Where, dtype,
                                            {pointwise({}, Pointwise::Eq, {self, Scalar(infinity)}),
                                             Scalar(posinf.value_or(largest)), no_nan});
        return pointwise_as(out, Pointwise::Where, dtype,
                            {pointwise({}, Pointwise::Eq, {self, Scalar(-infinity)}),
                             Scalar(neginf.value_or(-largest)), no_high});
      },
      wrt(self, [x = saved(self)](const Tensor& grad) {
        return mul(grad, pointwise({}, Pointwise::IsFinite, {x()}));
      }));
}

}  // namespace

/// Degrees to radians: x pi / 180.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.deg2rad(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("deg2rad(Tensor self) -> Tensor", deg2rad, kEveryForm);

/// Radians to degrees: x 180 / pi.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.rad2deg(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("rad2deg(Tensor self) -> Tensor", rad2deg, kEveryForm);

/// Replaces NaN and infinities by numbers.
///
/// Args:
///     self: any shape
///     nan: instead of NaN, 0 by default
///     posinf, neginf: instead of infinities; the largest and smallest finite numbers of the dtype by default
///
/// >>> torch.nan_to_num(torch.tensor([float("nan"), float("inf")]), posinf=9.0).tolist()
/// [0.0, 9.0]
EXPOSE("nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
       nan_to_num, kEveryForm);

}  // namespace flambeau
