// The gamma function's family, inverse error function, Bessel and Airy functions of each element.
#include <limits>
#include <numbers>

#include "core/ops/pointwise/rules.h"

namespace flambeau {

namespace {

constexpr unsigned kEveryForm = Forms::function | Forms::method | Forms::inplace | Forms::out;
constexpr unsigned kSpecial = Forms::special | Forms::out;
const Scalar kOne(1.0);

}  // namespace

// ---- the logarithm of the gamma function and its derivatives

namespace {

Tensor polygamma(int64_t n, const Tensor& self, const Out& out) {
  check(n >= 0, "polygamma(n, x) does not support negative n.");
  return differentiable(
      "PolygammaBackward0", out,
      [&] {
        if (n == 0) return pointwise(out, Pointwise::Digamma, {self});
        if (n == 1) return pointwise(out, Pointwise::Trigamma, {self});
        return pointwise(out, Pointwise::Polygamma, {Scalar(n), self});
      },
      wrt(self, [n, x = saved(self)](const Tensor& grad) { return mul(grad, polygamma(n + 1, x(), {})); }));
}
Tensor polygamma_of(const Tensor& self, int64_t n, const Out& out) { return polygamma(n, self, out); }

Tensor digamma(const Tensor& self, const Out& out) {
  return unary("DigammaBackward0", Pointwise::Digamma, self, out,
               [x = saved(self)](const Tensor& grad) { return mul(grad, polygamma(1, x(), {})); });
}

Tensor lgamma(const Tensor& self, const Out& out) {
  return unary("LgammaBackward0", Pointwise::Lgamma, self, out,
               [x = saved(self)](const Tensor& grad) { return mul(grad, digamma(x(), {})); });
}

}  // namespace

/// The logarithm of the absolute value of the gamma function; inf at its poles 0, -1, -2, ...
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: complex numbers.
///
/// >>> torch.lgamma(torch.tensor([1.0, 0.0])).tolist()
/// [0.0, inf]
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 6.1.
EXPOSE("lgamma(Tensor self) -> Tensor", lgamma, kEveryForm);

/// The logarithm of the absolute value of the gamma function; the same as `torch.lgamma`.
///
/// >>> torch.special.gammaln(torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("gammaln(Tensor self) -> Tensor", lgamma, kSpecial);

/// The derivative of the logarithm of the gamma function; NaN at its poles -1, -2, ..., an infinity at 0.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: complex numbers.
///
/// >>> torch.digamma(torch.tensor([1.0]))  # minus Euler's constant
/// tensor([-0.5772])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 6.3.
EXPOSE("digamma(Tensor self) -> Tensor", digamma, kEveryForm);

/// The derivative of the logarithm of the gamma function; the same as `torch.digamma`.
///
/// >>> torch.special.digamma(torch.tensor([1.0]))
/// tensor([-0.5772])
EXPOSE("digamma(Tensor self) -> Tensor", digamma, kSpecial);

/// The derivative of the logarithm of the gamma function; the same as `torch.digamma`.
///
/// >>> torch.special.psi(torch.tensor([1.0]))
/// tensor([-0.5772])
EXPOSE("psi(Tensor self) -> Tensor", digamma, kSpecial);

/// The n-th derivative of `digamma`: (-1)^(n + 1) n! zeta(n + 1, x) for n above 0.
///
/// Args:
///     n: not negative
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     RuntimeError: a negative n.
///     NotImplementedError: complex numbers.
///
/// >>> torch.polygamma(1, torch.tensor([1.0]))  # pi^2 / 6
/// tensor([1.6449])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 6.4.
EXPOSE("polygamma(int n, Tensor self) -> Tensor", polygamma, function | out);
EXPOSE("polygamma(Tensor self, int n) -> Tensor", polygamma_of, method | inplace);

/// The n-th derivative of `digamma`; the same as `torch.polygamma`.
///
/// >>> torch.special.polygamma(1, torch.tensor([1.0]))
/// tensor([1.6449])
EXPOSE("polygamma(int n, Tensor self) -> Tensor", polygamma, kSpecial);

// ---- Hurwitz's zeta function

namespace {

Tensor zeta(const Operand& self, const Operand& other, const Out& out) {
  refuse_two_numbers("zeta", self, other);
  const char* node = !self.is_tensor()   ? "SpecialZetaBackward1"
                     : other.is_tensor() ? "SpecialZetaBackward0"
                                         : "SpecialZetaBackward2";
  return differentiable(
      node, out, [&] { return pointwise(out, Pointwise::Zeta, {self, other}); },
      wrt(self,
          [](const Tensor&) -> Tensor {
            fail<NotImplementedError>("the derivative for 'zeta' is not implemented.");
          }),
      wrt(other, [s = saved(self), q = saved(other)](const Tensor& grad) {
        const auto exponent = s();
        const Tensor power = exponent.tensor ? exponent.tensor : scalar_tensor(exponent.scalar, grad.dtype());
        return mul(grad, mul(neg(power), zeta(add(power, kOne), q().tensor, {})));
      }));
}

}  // namespace

/// Hurwitz's zeta function: the sum of (k + other)^-self over k = 0, 1, 2, ...
///
/// Args:
///     self: the exponent: NaN below 1, inf at 1; integers are converted to the default dtype
///     other: the offset; inf at 0, -1, -2, ...
///
/// Raises:
///     NotImplementedError: half precision, complex numbers; the derivative by `self`.
///
/// >>> torch.special.zeta(torch.tensor([2.0]), 1)  # pi^2 / 6
/// tensor([1.6449])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 23.2, summed by Euler and Maclaurin's
/// formula.
EXPOSE("zeta(Tensor|Number self, Tensor|Number other) -> Tensor", zeta, kSpecial);

// ---- the incomplete gamma functions

namespace {

// sign times the density x^(a - 1) e^-x / gamma(a).
Tensor density_slope(const Tensor& grad, const Tensor& a, const Tensor& x, bool negative) {
  const Tensor exponent = sub(sub(mul(sub(a, kOne), log(x)), x), lgamma(a, {}));
  return mul(grad, negative ? neg(exp(exponent)) : exp(exponent));
}

Tensor incomplete_gamma(const Tensor& self, const Tensor& other, const Out& out, bool upper) {
  const DType dtype = result_type({self, other});
  if (!is_floating(dtype)) not_implemented_for(upper ? "igammac_cpu" : "igamma_cpu", dtype);
  return differentiable(
      upper ? "IgammacBackward0" : "IgammaBackward0", out,
      [&] { return pointwise(out, upper ? Pointwise::Igammac : Pointwise::Igamma, {self, other}); },
      wrt(self,
          [upper](const Tensor&) -> Tensor {
            fail<NotImplementedError>("the derivative for '", upper ? "igammac" : "igamma",
                                      ": input' is not implemented.");
          }),
      wrt(other, [a = saved(self), x = saved(other), upper](const Tensor& grad) {
        return density_slope(grad, a(), x(), upper);
      }));
}
Tensor igamma(const Tensor& self, const Tensor& other, const Out& out) {
  return incomplete_gamma(self, other, out, false);
}
Tensor igammac(const Tensor& self, const Tensor& other, const Out& out) {
  return incomplete_gamma(self, other, out, true);
}

}  // namespace

/// The regularised lower incomplete gamma function P(a, x): the integral of t^(a - 1) e^-t from 0 to x, over
/// gamma(a).
///
/// Args:
///     self: a, not negative (else NaN), floating point
///     other: x, not negative (else NaN); shapes broadcast, dtypes promote
///
/// Raises:
///     NotImplementedError: integers, complex numbers; the derivative by `self`.
///
/// >>> torch.igamma(torch.tensor([1.0]), torch.tensor([2.0]))  # 1 - e^-2
/// tensor([0.8647])
///
/// Source: Gautschi, A computational procedure for incomplete gamma functions, 1979; Temme's expansion,
/// DLMF 8.12.
EXPOSE("igamma(Tensor self, Tensor other) -> Tensor", igamma, kEveryForm);

/// The regularised lower incomplete gamma function; the same as `torch.igamma`.
///
/// >>> torch.special.gammainc(torch.tensor([1.0]), torch.tensor([2.0]))
/// tensor([0.8647])
EXPOSE("gammainc(Tensor self, Tensor other) -> Tensor", igamma, kSpecial);

/// The regularised upper incomplete gamma function: 1 - igamma(a, x), accurate where that is small.
///
/// Args:
///     self: a, not negative (else NaN), floating point
///     other: x, not negative (else NaN); shapes broadcast, dtypes promote
///
/// Raises:
///     NotImplementedError: integers, complex numbers; the derivative by `self`.
///
/// >>> torch.igammac(torch.tensor([1.0]), torch.tensor([2.0]))  # e^-2
/// tensor([0.1353])
///
/// Source: Gautschi, A computational procedure for incomplete gamma functions, 1979; Temme's expansion,
/// DLMF 8.12.
EXPOSE("igammac(Tensor self, Tensor other) -> Tensor", igammac, kEveryForm);

/// The regularised upper incomplete gamma function; the same as `torch.igammac`.
///
/// >>> torch.special.gammaincc(torch.tensor([1.0]), torch.tensor([2.0]))
/// tensor([0.1353])
EXPOSE("gammaincc(Tensor self, Tensor other) -> Tensor", igammac, kSpecial);

// ---- the error function's relatives

namespace {

Tensor erfinv(const Tensor& self, const Out& out) {
  return unary("ErfinvBackward0", Pointwise::Erfinv, self, out, [](const Tensor& grad, const Tensor& y) {
    return mul(grad, mul(exp(mul(y, y)), Scalar(0.5 / std::numbers::inv_sqrtpi)));
  });
}

Tensor erfcx(const Tensor& self, const Out& out) {
  return unary("SpecialErfcxBackward0", Pointwise::Erfcx, self, out,
               [x = saved(self)](const Tensor& grad, const Tensor& y) {
                 return mul(grad, sub(mul(mul(x(), y), Scalar(2.0)), Scalar(2 * std::numbers::inv_sqrtpi)));
               });
}

Tensor ndtri(const Tensor& self, const Out& out) {
  return unary("SpecialNdtriBackward0", Pointwise::Ndtri, self, out, [](const Tensor& grad, const Tensor& y) {
    const double root = std::numbers::sqrt2 / std::numbers::inv_sqrtpi;  // of 2 pi
    return mul(grad, mul(exp(mul(mul(y, y), Scalar(0.5))), Scalar(root)));
  });
}

Tensor log_ndtr(const Tensor& self, const Out& out) {
  return unary("SpecialLogNdtrBackward0", Pointwise::LogNdtr, self, out,
               [x = saved(self)](const Tensor& grad) {
                 const Tensor tail = erfcx(mul(x(), Scalar(-1 / std::numbers::sqrt2)), {});
                 return mul(div(grad, tail), Scalar(std::numbers::sqrt2 * std::numbers::inv_sqrtpi));
               });
}

}  // namespace

/// The inverse of the error function: erf(erfinv(x)) = x; NaN beyond [-1, 1].
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: complex numbers.
///
/// >>> torch.erfinv(torch.tensor([0.0, 1.0])).tolist()
/// [0.0, inf]
///
/// Source: Giles, Approximating the erfinv function, 2010.
EXPOSE("erfinv(Tensor self) -> Tensor", erfinv, kEveryForm);

/// The inverse of the error function; the same as `torch.erfinv`.
///
/// >>> torch.special.erfinv(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("erfinv(Tensor self) -> Tensor", erfinv, kSpecial);

/// The scaled complement of the error function: exp(x^2) erfc(x).
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.erfcx(torch.tensor([0.0, 100.0]))
/// tensor([1.0000, 0.0056])
///
/// Source: Shepherd and Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x, 1981.
EXPOSE("erfcx(Tensor self) -> Tensor", erfcx, kSpecial);

/// The quantiles of the standard normal distribution, the inverse of `ndtr`; NaN beyond [0, 1].
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.ndtri(torch.tensor([0.0, 0.975]))
/// tensor([ -inf, 1.9600])
EXPOSE("ndtri(Tensor self) -> Tensor", ndtri, kSpecial);

/// The logarithm of the standard normal distribution function, accurate far below zero.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.log_ndtr(torch.tensor([0.0, -100.0]))
/// tensor([-6.9315e-01, -5.0055e+03])
EXPOSE("log_ndtr(Tensor self) -> Tensor", log_ndtr, kSpecial);

// ---- modified Bessel functions of the first kind

namespace {

Tensor i1(const Tensor& self, const Out& out);
Tensor i1e(const Tensor& self, const Out& out);

// The slope of I1(x) / x and its like has the limit 1/2 at zero, where the formula has none.
template <class F>
Tensor half_at_zero(const Tensor& x, F slope) {
  const double tiny = x.dtype() == DType::Float64 ? std::numeric_limits<double>::epsilon()
                                                  : std::numeric_limits<float>::epsilon();
  const Tensor away = gt(abs(x), Scalar(tiny));
  return where(away, slope(where(away, x, Scalar(tiny))), Scalar(0.5));
}

Tensor i0(const Tensor& self, const Out& out) {
  return unary("I0Backward0", Pointwise::I0, self, out,
               [x = saved(self)](const Tensor& grad) { return mul(grad, i1(x(), {})); });
}
Tensor i0e(const Tensor& self, const Out& out) {
  return unary("SpecialI0EBackward0", Pointwise::I0e, self, out,
               [x = saved(self)](const Tensor& grad, const Tensor& y) {
                 const Tensor value = x();
                 return mul(grad, sub(i1e(value, {}), mul(sign(value), y)));
               });
}
Tensor i1(const Tensor& self, const Out& out) {
  return unary(
      "SpecialI1Backward0", Pointwise::I1, self, out, [x = saved(self)](const Tensor& grad, const Tensor& y) {
        return mul(grad,
                   half_at_zero(x(), [&y](const Tensor& safe) { return sub(i0(safe, {}), div(y, safe)); }));
      });
}
Tensor i1e(const Tensor& self, const Out& out) {
  return unary("SpecialI1EBackward0", Pointwise::I1e, self, out,
               [x = saved(self)](const Tensor& grad, const Tensor& y) {
                 return mul(grad, half_at_zero(x(), [&y](const Tensor& safe) {
                              return sub(i0e(safe, {}), mul(y, add(sign(safe), reciprocal(safe))));
                            }));
               });
}

}  // namespace

/// The modified Bessel function of the first kind of order 0.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: complex numbers.
///
/// >>> torch.i0(torch.tensor([0.0, 1.0]))
/// tensor([1.0000, 1.2661])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 9.6.
EXPOSE("i0(Tensor self) -> Tensor", i0, kEveryForm | inplace_function);

/// The modified Bessel function of the first kind of order 0; the same as `torch.i0`.
///
/// >>> torch.special.i0(torch.tensor([0.0])).tolist()
/// [1.0]
EXPOSE("i0(Tensor self) -> Tensor", i0, kSpecial);

/// exp(-|x|) times the modified Bessel function of the first kind of order 0.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: complex numbers.
///
/// >>> torch.special.i0e(torch.tensor([0.0, 1.0]))
/// tensor([1.0000, 0.4658])
EXPOSE("i0e(Tensor self) -> Tensor", i0e, kSpecial);

/// The modified Bessel function of the first kind of order 1.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: complex numbers.
///
/// >>> torch.special.i1(torch.tensor([0.0, 1.0]))
/// tensor([0.0000, 0.5652])
EXPOSE("i1(Tensor self) -> Tensor", i1, kSpecial);

/// exp(-|x|) times the modified Bessel function of the first kind of order 1.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: complex numbers.
///
/// >>> torch.special.i1e(torch.tensor([0.0, 1.0]))
/// tensor([0.0000, 0.2079])
EXPOSE("i1e(Tensor self) -> Tensor", i1e, kSpecial);

// ---- functions without a derivative here, as in PyTorch

namespace {

// I0 and I1 under another name, for single and double precision only.
Tensor modified_bessel(Pointwise op, const char* kernel, const Tensor& self, const Out& out) {
  if (is_half(self.dtype()) || is_complex(self.dtype())) not_implemented_for(kernel, self.dtype());
  return pointwise(out, op, {self});
}

Tensor modified_bessel_i0(const Tensor& self, const Out& out) {
  return modified_bessel(Pointwise::I0, "modified_bessel_i0_cpu", self, out);
}
Tensor modified_bessel_i1(const Tensor& self, const Out& out) {
  return modified_bessel(Pointwise::I1, "modified_bessel_i1_cpu", self, out);
}
Tensor modified_bessel_k0(const Tensor& self, const Out& out) {
  return pointwise(out, Pointwise::K0, {self});
}
Tensor modified_bessel_k1(const Tensor& self, const Out& out) {
  return pointwise(out, Pointwise::K1, {self});
}
Tensor scaled_modified_bessel_k0(const Tensor& self, const Out& out) {
  return pointwise(out, Pointwise::K0e, {self});
}
Tensor scaled_modified_bessel_k1(const Tensor& self, const Out& out) {
  return pointwise(out, Pointwise::K1e, {self});
}
Tensor bessel_j0(const Tensor& self, const Out& out) { return pointwise(out, Pointwise::J0, {self}); }
Tensor bessel_j1(const Tensor& self, const Out& out) { return pointwise(out, Pointwise::J1, {self}); }
Tensor bessel_y0(const Tensor& self, const Out& out) { return pointwise(out, Pointwise::Y0, {self}); }
Tensor bessel_y1(const Tensor& self, const Out& out) { return pointwise(out, Pointwise::Y1, {self}); }
Tensor spherical_bessel_j0(const Tensor& self, const Out& out) {
  return pointwise(out, Pointwise::SphericalJ0, {self});
}
Tensor airy_ai(const Tensor& self, const Out& out) { return pointwise(out, Pointwise::AiryAi, {self}); }

}  // namespace

/// The modified Bessel function of the first kind of order 0, as `i0`.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.modified_bessel_i0(torch.tensor([0.0, 1.0]))
/// tensor([1.0000, 1.2661])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("modified_bessel_i0(Tensor self) -> Tensor", modified_bessel_i0, kSpecial);

/// The modified Bessel function of the first kind of order 1, as `i1`.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.modified_bessel_i1(torch.tensor([0.0, 1.0]))
/// tensor([0.0000, 0.5652])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("modified_bessel_i1(Tensor self) -> Tensor", modified_bessel_i1, kSpecial);

/// The modified Bessel function of the second kind of order 0; inf at zero, NaN below.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.modified_bessel_k0(torch.tensor([0.0, 1.0]))
/// tensor([   inf, 0.4210])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("modified_bessel_k0(Tensor self) -> Tensor", modified_bessel_k0, kSpecial);

/// The modified Bessel function of the second kind of order 1; inf at zero, NaN below.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.modified_bessel_k1(torch.tensor([0.0, 1.0]))
/// tensor([   inf, 0.6019])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("modified_bessel_k1(Tensor self) -> Tensor", modified_bessel_k1, kSpecial);

/// e^x times the modified Bessel function of the second kind of order 0; inf at zero, NaN below.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     x: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.scaled_modified_bessel_k0(torch.tensor([0.0, 1.0]))
/// tensor([   inf, 1.1445])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("scaled_modified_bessel_k0(Tensor x) -> Tensor", scaled_modified_bessel_k0, kSpecial);

/// e^x times the modified Bessel function of the second kind of order 1; inf at zero, NaN below.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     x: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.scaled_modified_bessel_k1(torch.tensor([0.0, 1.0]))
/// tensor([   inf, 1.6362])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("scaled_modified_bessel_k1(Tensor x) -> Tensor", scaled_modified_bessel_k1, kSpecial);

/// The Bessel function of the first kind of order 0.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.bessel_j0(torch.tensor([0.0, 1.0]))
/// tensor([1.0000, 0.7652])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("bessel_j0(Tensor self) -> Tensor", bessel_j0, kSpecial);

/// The Bessel function of the first kind of order 1.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.bessel_j1(torch.tensor([0.0, 1.0]))
/// tensor([0.0000, 0.4401])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("bessel_j1(Tensor self) -> Tensor", bessel_j1, kSpecial);

/// The Bessel function of the second kind of order 0; -inf at zero, NaN below.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.bessel_y0(torch.tensor([0.0, 1.0]))
/// tensor([  -inf, 0.0883])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("bessel_y0(Tensor self) -> Tensor", bessel_y0, kSpecial);

/// The Bessel function of the second kind of order 1; -inf at zero, NaN below.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.bessel_y1(torch.tensor([0.0, 1.0]))
/// tensor([   -inf, -0.7812])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 9.
EXPOSE("bessel_y1(Tensor self) -> Tensor", bessel_y1, kSpecial);

/// The spherical Bessel function of the first kind of order 0: sin(x) / x.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     x: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.spherical_bessel_j0(torch.tensor([0.0, 1.0]))
/// tensor([1.0000, 0.8415])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 9 and 10.
EXPOSE("spherical_bessel_j0(Tensor x) -> Tensor", spherical_bessel_j0, kSpecial);

/// Airy's function of the first kind: the solution of y'' = x y that vanishes at infinity.
///
/// There is no derivative, as in PyTorch: the result requires none.
///
/// Args:
///     x: any shape; integers are converted to the default dtype
///
/// Raises:
///     NotImplementedError: half precision, complex numbers.
///
/// >>> torch.special.airy_ai(torch.tensor([0.0, 1.0]))
/// tensor([0.3550, 0.1353])
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 9 and 10.
EXPOSE("airy_ai(Tensor x) -> Tensor", airy_ai, kSpecial);

}  // namespace flambeau
