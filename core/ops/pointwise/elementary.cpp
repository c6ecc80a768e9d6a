// Elementary and special functions of each element.
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

/// 2^x; the same as `torch.exp2`.
///
/// >>> torch.special.exp2(torch.tensor([3.0])).tolist()
/// [8.0]
EXPOSE("exp2(Tensor self) -> Tensor", exp2, special | out);

/// e^x - 1, accurate near zero.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.expm1(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("expm1(Tensor self) -> Tensor", expm1, kEveryForm);

/// e^x - 1, accurate near zero; the same as `torch.expm1`.
///
/// >>> torch.special.expm1(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("expm1(Tensor self) -> Tensor", expm1, special | out);

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

/// log(1 + x), accurate near zero; the same as `torch.log1p`.
///
/// >>> torch.special.log1p(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("log1p(Tensor self) -> Tensor", log1p, special | out);

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

// ---- degrees and radians

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

/// The error function; the same as `torch.erf`.
///
/// >>> torch.special.erf(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("erf(Tensor self) -> Tensor", erf, special | out);

/// The complement of the error function: 1 - erf(x), accurate for large x.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.erfc(torch.tensor([0.0])).tolist()
/// [1.0]
EXPOSE("erfc(Tensor self) -> Tensor", erfc, kEveryForm);

/// 1 - erf(x); the same as `torch.erfc`.
///
/// >>> torch.special.erfc(torch.tensor([0.0])).tolist()
/// [1.0]
EXPOSE("erfc(Tensor self) -> Tensor", erfc, special | out);

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

/// x log(y), and 0 where x is 0; the same as `torch.xlogy`.
///
/// >>> torch.special.xlogy(torch.tensor([0.0]), torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("xlogy(Tensor|Number self, Tensor|Number other) -> Tensor", xlogy, special | out);

}  // namespace flambeau
