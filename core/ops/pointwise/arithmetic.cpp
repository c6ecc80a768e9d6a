// Arithmetic: sums, products, quotients, powers, and their combinations.
#include <cmath>

#include "core/math/complex_functions.h"
#include "core/ops/pointwise/rules.h"

namespace flambeau {

namespace {

void check_alpha(const Operand& self, const Operand& other, const Scalar& alpha) {
  const DType dtype = result_type({self, other});
  check(!alpha.is_bool() || dtype == DType::Bool, "Boolean alpha only supported for Boolean results.");
  check(!(alpha.is_floating() || alpha.is_complex()) || !is_integral(dtype),
        "For integral input tensors, argument alpha must not be a floating point number.");
  check(!alpha.is_beyond_int() || !is_integral(dtype),
        "value cannot be converted to type int64_t without overflow: ", alpha);
  check(!alpha.is_complex() || is_complex(dtype),
        "For non-complex input tensors, argument alpha must not be a complex number.");
}

void refuse_bool_subtraction(const Operand& self, const Operand& other) {
  const bool left = self.dtype() == DType::Bool, right = other.dtype() == DType::Bool;
  check(!left || !right,
        "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
        "`logical_xor()` operator "
        "instead.");
  check(!left && !right,
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a "
        "mask, use the "
        "`~` or `logical_not()` operator instead.");
}

Tensor scaled(const Tensor& grad, const Scalar& factor) {
  return factor.equals(1) ? grad : mul(grad, factor);
}

}  // namespace

Tensor add(const Operand& self, const Operand& other, const Scalar& alpha, const Out& out) {
  const bool plain = alpha.equals(1) && !alpha.is_bool();
  if (!plain) check_alpha(self, other, alpha);
  return differentiable(
      "AddBackward0", out,
      [&] {
        return plain ? pointwise(out, Pointwise::Add, {self, other})
                     : pointwise(out, Pointwise::AddScaled, {self, other, alpha});
      },
      wrt(self, [](const Tensor& grad) { return grad; }),
      wrt(other, [alpha](const Tensor& grad) { return scaled(grad, alpha.conj()); }));
}

/// The sum a + alpha b.
///
/// Args:
///     self, other: tensors or numbers; shapes broadcast, dtypes promote
///     alpha: a number, whole for integers
///
/// Raises:
///     RuntimeError: shapes that do not broadcast, or a fractional alpha for integers.
///
/// >>> torch.add(torch.tensor([1, 2]), torch.tensor([10, 20]), alpha=2).tolist()
/// [21, 42]
EXPOSE("add(Tensor|Number self, Tensor|Number other, *, Number alpha=1) -> Tensor", add,
       function | method | inplace | out);

Tensor sub(const Operand& self, const Operand& other, const Scalar& alpha, const Out& out) {
  refuse_bool_subtraction(self, other);
  const bool plain = alpha.equals(1) && !alpha.is_bool();
  if (!plain) check_alpha(self, other, alpha);
  return differentiable(
      "SubBackward0", out,
      [&] {
        return plain ? pointwise(out, Pointwise::Sub, {self, other})
                     : pointwise(out, Pointwise::AddScaled, {self, other, -alpha});
      },
      wrt(self, [](const Tensor& grad) { return grad; }),
      wrt(other, [alpha](const Tensor& grad) { return scaled(grad, (-alpha).conj()); }));
}

/// The difference a - alpha b.
///
/// Args:
///     self, other: tensors or numbers; shapes broadcast, dtypes promote
///     alpha: a number, whole for integers
///
/// Raises:
///     RuntimeError: shapes that do not broadcast, bool operands, or a fractional alpha for integers.
///
/// >>> torch.sub(torch.tensor([5, 6]), 1).tolist()
/// [4, 5]
EXPOSE("sub(Tensor|Number self, Tensor|Number other, *, Number alpha=1) -> Tensor", sub,
       function | method | inplace | out);

/// The difference a - alpha b; the same as `sub`.
///
/// >>> torch.subtract(torch.tensor([5, 6]), 1).tolist()
/// [4, 5]
EXPOSE("subtract(Tensor|Number self, Tensor|Number other, *, Number alpha=1) -> Tensor", sub,
       function | method | inplace | out);

namespace {
Tensor rsub(const Tensor& self, const Operand& other, const Scalar& alpha) {
  refuse_bool_subtraction(self, other);
  if (!alpha.equals(1)) check_alpha(self, other, alpha);
  return differentiable(
      other.is_tensor() ? "RsubBackward0" : "RsubBackward1", Out{},
      [&] {
        return alpha.equals(1) ? pointwise({}, Pointwise::Sub, {other, self})
                               : pointwise({}, Pointwise::AddScaled, {other, self, -alpha});
      },
      wrt(self, [alpha](const Tensor& grad) { return scaled(grad, (-alpha).conj()); }),
      wrt(other, [](const Tensor& grad) { return grad; }));
}
}  // namespace

namespace {
// Of old, the factor stood before the operand that it scales.
template <auto function>
Tensor factor_first(const Operand& self, const Scalar& alpha, const Operand& other, const Out& out) {
  return function(self, other, alpha, out);
}
}  // namespace
EXPOSE("add(Tensor|Number self, Number alpha, Tensor|Number other) -> Tensor|deprecated", factor_first<add>,
       function | method | inplace | out);
EXPOSE("sub(Tensor|Number self, Number alpha, Tensor|Number other) -> Tensor|deprecated", factor_first<sub>,
       function | method | inplace | out);

/// The difference b - alpha a: `sub` with its operands exchanged.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///     alpha: a number, whole for integers
///
/// >>> torch.rsub(torch.tensor([1, 2]), 10).tolist()
/// [9, 8]
EXPOSE("rsub(Tensor self, Tensor|Number other, *, Number alpha=1) -> Tensor", rsub, function);

Tensor mul(const Operand& self, const Operand& other, const Out& out) {
  return differentiable(
      "MulBackward0", out, [&] { return pointwise(out, Pointwise::Mul, {self, other}); },
      wrt(self, [y = saved(other)](const Tensor& grad) { return mul(grad, conjugate(y())); }),
      wrt(other, [x = saved(self)](const Tensor& grad) { return mul(grad, conjugate(x())); }));
}

/// The product a b.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.mul(torch.tensor([3]), torch.tensor([4])).tolist()
/// [12]
EXPOSE("mul(Tensor|Number self, Tensor|Number other) -> Tensor", mul, function | method | inplace | out);

/// The same as `mul`.
///
/// >>> torch.multiply(torch.tensor([3]), torch.tensor([4])).tolist()
/// [12]
EXPOSE("multiply(Tensor|Number self, Tensor|Number other) -> Tensor", mul, function | method | inplace | out);

Tensor mul_or_zero(const Tensor& self, const Tensor& factor, const Out& out) {
  if (!is_floating(self.dtype())) return mul(self, factor, out);
  return differentiable(
      "MulBackward0", out, [&] { return pointwise(out, Pointwise::MulOrZero, {self, factor}); },
      wrt(self, [y = saved(factor)](const Tensor& grad) { return mul_or_zero(grad, y()); }),
      wrt(factor, [x = saved(self)](const Tensor& grad) { return mul(grad, conj(x())); }));
}

Tensor div(const Operand& self, const Operand& other, const Out& out) {
  return differentiable(
      "DivBackward0", out, [&] { return pointwise(out, Pointwise::Div, {self, other}); },
      wrt(self, [y = saved(other)](const Tensor& grad) { return div(grad, conjugate(y())); }),
      wrt(other, [x = saved(self), y = saved(other)](const Tensor& grad) {
        return mul(neg(grad), conj(div(div(x(), y()), y())));
      }));
}

/// The quotient a / b; of integers too it is a fraction, unless it is rounded.
///
/// Args:
///     self, other: tensors or numbers; shapes broadcast, dtypes promote
///     rounding_mode: None, 'trunc' towards zero, or 'floor' downwards
///
/// Raises:
///     RuntimeError: shapes that do not broadcast, another rounding mode, or integers rounded after division
///     by zero.
///
/// >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor").tolist()
/// [3, -4]
EXPOSE("div(Tensor|Number self, Tensor|Number other) -> Tensor", div, function | method | inplace | out);

/// The quotient a / b as a fraction; `div` without rounding.
///
/// Args:
///     self, other: tensors or numbers; shapes broadcast, dtypes promote
///
/// >>> torch.true_divide(torch.tensor([1, 2]), 2).tolist()
/// [0.5, 1.0]
EXPOSE("true_divide(Tensor|Number self, Tensor|Number other) -> Tensor", div,
       function | method | inplace | out);

/// The quotient a / b; the same as `div`.
///
/// >>> torch.divide(torch.tensor([1.0]), 2).tolist()
/// [0.5]
EXPOSE("divide(Tensor|Number self, Tensor|Number other) -> Tensor", div, function | method | inplace | out);

// ---- signs and small powers

Tensor neg(const Tensor& self, const Out& out) {
  check(self.dtype() != DType::Bool,
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
        "use the `~` "
        "or `logical_not()` operator instead.");
  return unary("NegBackward0", Pointwise::Neg, self, out, [](const Tensor& grad) { return neg(grad); });
}

/// The negative of each element; bool has none.
///
/// Args:
///     self: any shape
///
/// >>> torch.neg(torch.tensor([2.0])).tolist()
/// [-2.0]
EXPOSE("neg(Tensor self) -> Tensor", neg, function | method | inplace | out | inplace_function);

/// The same as `neg`.
///
/// >>> torch.negative(torch.tensor([2.0])).tolist()
/// [-2.0]
EXPOSE("negative(Tensor self) -> Tensor", neg, function | method | inplace | out | inplace_function);

namespace {
Tensor positive(const Tensor& self) {
  check(self.dtype() != DType::Bool, "The `+` operator, on a bool tensor is not supported.");
  return self;
}
}  // namespace

/// The tensor itself; bool has no sign.
///
/// Args:
///     self: any shape
///
/// >>> torch.positive(torch.tensor([2.0])).tolist()
/// [2.0]
EXPOSE("positive(Tensor self) -> Tensor", positive, function | method);

Tensor abs(const Tensor& self, const Out& out) {
  if (self.dtype() == DType::Bool) not_implemented_for("abs_cpu", DType::Bool);
  check(!out.inplace || !is_complex(self.dtype()), "In-place abs is not supported for complex tensors.");
  return unary("AbsBackward0", Pointwise::Abs, self, is_complex(self.dtype()) ? out.by_casting() : out,
               [x = saved(self)](const Tensor& grad) { return mul(grad, sgn(x())); });
}

/// The magnitude of each element.
///
/// Args:
///     self: any shape
///
/// >>> torch.abs(torch.tensor([-2.0])).tolist()
/// [2.0]
EXPOSE("abs(Tensor self) -> Tensor", abs, function | method | inplace | out | inplace_function);

/// The same as `abs`.
///
/// >>> torch.absolute(torch.tensor([-2.0])).tolist()
/// [2.0]
EXPOSE("absolute(Tensor self) -> Tensor", abs, function | method | inplace | out);

Tensor sign(const Tensor& self, const Out& out) {
  check<NotImplementedError>(
      !is_complex(self.dtype()),
      "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
      "torch.sgn instead.");
  return unary("SignBackward0", Pointwise::Sign, self, out, no_slope);
}

/// -1, 0 or 1, as the element is below, at or above zero.
///
/// Args:
///     self: any shape
///
/// >>> torch.sign(torch.tensor([-3.0])).tolist()
/// [-1.0]
EXPOSE("sign(Tensor self) -> Tensor", sign, function | method | inplace | out);

Tensor reciprocal(const Tensor& self, const Out& out) {
  return analytic("ReciprocalBackward0", Pointwise::Reciprocal, self, out,
                  [](const Tensor& grad, const Tensor& y) { return mul(neg(grad), mul(y, y)); });
}

/// One over each element: 1 / x.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.reciprocal(torch.tensor([4.0])).tolist()
/// [0.25]
EXPOSE("reciprocal(Tensor self) -> Tensor", reciprocal, function | method | inplace | out | inplace_function);

Tensor square(const Tensor& self, const Out& out) { return pow(self, Scalar(2), out); }

/// Each element times itself.
///
/// Args:
///     self: any shape
///
/// >>> torch.square(torch.tensor([3.0])).tolist()
/// [9.0]
EXPOSE("square(Tensor self) -> Tensor", square, function | method | inplace | out | inplace_function);

// ---- powers

namespace {

// x ^ exponent for a number, by the cheapest kernel that is exact for it.
Tensor power_of(const Tensor& self, const Scalar& exponent, const Out& out) {
  const DType dtype = result_type({self, exponent});
  if (exponent.equals(0) || exponent.equals(1)) {
    const Tensor result = result_for(out, self.sizes(), dtype);
    copy_into(result, exponent.equals(0) ? Operand(Scalar(1)) : Operand(self));
    return result;
  }
  if (is_integral(dtype)) {
    check(exponent.to_int() >= 0, "Integers to negative integer powers are not allowed.");
  } else if (exponent.equals(0.5)) {
    return pointwise_as(out, Pointwise::Sqrt, dtype, {self});
  } else if (exponent.equals(-0.5)) {
    return pointwise_as(out, Pointwise::Rsqrt, dtype, {self});
  } else if (exponent.equals(-1)) {
    return pointwise_as(out, Pointwise::Reciprocal, dtype, {self});
  }
  if (exponent.equals(2)) return pointwise_as(out, Pointwise::Square, dtype, {self});
  if (exponent.equals(3)) return pointwise_as(out, Pointwise::Cube, dtype, {self});
  return pointwise_as(out, Pointwise::Pow, dtype, {self, exponent});
}

// exponent * x ^ (exponent - 1), and 0 for a zero exponent even where x is 0 or infinite.
Tensor power_slope(const Tensor& self, const Scalar& exponent) {
  if (exponent.equals(0)) return zeros(self.sizes(), self.dtype());
  if (exponent.equals(1)) return pow(self, Scalar(0));
  if (exponent.equals(2)) return mul(self, Scalar(2));
  const Scalar lower = exponent.is_complex()    ? Scalar(exponent.to_complex() - Complex<double>(1))
                       : exponent.is_floating() ? Scalar(exponent.to_double() - 1)
                                                : Scalar(exponent.to_int() - 1);
  return mul(pow(self, lower), exponent);
}

Tensor power_number(const Tensor& self, const Scalar& exponent, const Out& out) {
  return differentiable(
      "PowBackward0", out, [&] { return power_of(self, exponent, out); },
      wrt(self, [x = saved(self), exponent](const Tensor& grad) {
        return mul(grad, conj(power_slope(x(), exponent)));
      }));
}

}  // namespace

Tensor pow(const Operand& self, const Operand& exponent, const Out& out) {
  if (!exponent.is_tensor() && self.is_tensor()) return power_number(self.tensor(), exponent.scalar(), out);
  refuse_two_numbers("pow", self, exponent);
  if (result_type({self, exponent}) == DType::Bool) not_implemented_for("pow", DType::Bool);
  return differentiable(
      self.is_tensor() ? "PowBackward1" : "PowBackward2", out,
      [&] { return pointwise(out, Pointwise::Pow, {self, exponent}); },
      wrt(self,
          [x = saved(self), y = saved(exponent)](const Tensor& grad) {
            const auto base = x(), power = y();
            const Tensor slope = mul(power, pow(base, sub(power, Scalar(1))));
            return where(eq(power, Scalar(0)), Scalar(0.0), mul(grad, conj(slope)));
          }),
      wrt(exponent, [x = saved(self), y = saved(exponent)](const Tensor& grad, const Tensor& result) {
        const auto base = x(), power = y();
        // 0 ^ y is constant for y >= 0, though log(0) is infinite.
        if (!base.tensor) {
          const Scalar& value = base.scalar;
          const bool wide = value.is_complex() || (is_complex(power.tensor.dtype()) && value.to_double() < 0);
          const Scalar logarithm = wide ? Scalar(math::log(value.to_complex())) : std::log(value.to_double());
          const Tensor slope = mul(grad, conj(mul(result, logarithm)));
          return value.equals(0) ? where(ge(real(power.tensor), Scalar(0)), Scalar(0.0), slope) : slope;
        }
        const Tensor exponent = power.tensor;
        const Tensor constant = logical_and(eq(base, Scalar(0)), ge(real(exponent), Scalar(0)));
        // The result's dtype, so that a negative base of a complex result has its logarithm.
        const Tensor logarithm =
            log(is_complex(result.dtype()) ? to_dtype(base.tensor, result.dtype()) : base.tensor);
        return where(constant, Scalar(0.0), mul(grad, conj(mul(result, logarithm))));
      }));
}

/// a^b; integers to negative powers raise RuntimeError.
///
/// Args:
///     self, exponent: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.pow(torch.tensor([2]), torch.tensor([3])).tolist()
/// [8]
EXPOSE("pow(Tensor|Number self, Tensor|Number exponent) -> Tensor", pow, function | method | inplace | out);

namespace {
Tensor float_power(const Operand& self, const Operand& exponent, const Out& out) {
  refuse_two_numbers("float_power", self, exponent);
  const bool wide = is_complex(self.dtype()) || is_complex(exponent.dtype());
  const DType dtype = wide ? DType::Complex128 : DType::Float64;
  const auto widened = [dtype](const Operand& operand) {
    return operand.is_tensor() ? to_dtype(operand.tensor(), dtype) : Tensor();
  };
  const auto number = [wide](const Scalar& value) {
    return wide ? Scalar(value.to_complex()) : Scalar(value.to_double());
  };
  const Tensor base = widened(self), power = widened(exponent);
  if (out.target)
    check(out.target->dtype == dtype, "the output given to float_power has dtype ",
          scalar_type_name(out.target->dtype), " but the operation's result requires dtype ",
          scalar_type_name(dtype));
  return pow(base ? Operand(base) : Operand(number(self.scalar())),
             power ? Operand(power) : Operand(number(exponent.scalar())), out);
}
Tensor ldexp(const Tensor& self, const Tensor& other, const Out& out) {
  return mul(self, pow(Scalar(2.0), other), out);
}
}  // namespace

/// a^b, computed in float64.
///
/// Args:
///     self, exponent: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.float_power(torch.tensor([2]), torch.tensor([3])).tolist()
/// [8.0]
EXPOSE("float_power(Tensor|Number self, Tensor|Number exponent) -> Tensor", float_power,
       function | method | inplace | out);

/// a 2^b.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.ldexp(torch.tensor([3.0]), torch.tensor([2])).tolist()
/// [12.0]
EXPOSE("ldexp(Tensor self, Tensor other) -> Tensor", ldexp,
       function | method | inplace | out | inplace_function);

// ---- combinations

namespace {

Tensor addcmul(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value,
               const Out& out) {
  const DType dtype = result_type({self, tensor1, tensor2});
  if (dtype == DType::Bool) not_implemented_for("addcmul_cpu_out", dtype);
  return differentiable(
      "AddcmulBackward0", out,
      [&] { return pointwise_as(out, Pointwise::AddCMul, dtype, {self, tensor1, tensor2, value}); },
      wrt(self, [](const Tensor& grad) { return grad; }),
      wrt(tensor1,
          [b = saved(tensor2), value](const Tensor& grad) { return mul(grad, conj(scaled(b(), value))); }),
      wrt(tensor2,
          [a = saved(tensor1), value](const Tensor& grad) { return mul(grad, conj(scaled(a(), value))); }));
}

Tensor addcdiv(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const Scalar& value,
               const Out& out) {
  check(
      !is_integral(tensor1.dtype()) || !is_integral(tensor2.dtype()),
      "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
      "true "
      "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
      "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
      "tensor2) "
      "for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * "
      "tensor1 / "
      "tensor2), for all dtypes.");
  const DType dtype = result_type({self, tensor1, tensor2});
  return differentiable(
      "AddcdivBackward0", out,
      [&] { return pointwise_as(out, Pointwise::AddCDiv, dtype, {self, tensor1, tensor2, value}); },
      wrt(self, [](const Tensor& grad) { return grad; }),
      wrt(tensor1,
          [b = saved(tensor2), value](const Tensor& grad) { return mul(grad, conj(div(value, b()))); }),
      wrt(tensor2, [a = saved(tensor1), b = saved(tensor2), value](const Tensor& grad) {
        const Tensor divisor = b();
        return mul(grad, conj(mul(div(a(), mul(divisor, divisor)), -value)));
      }));
}

Tensor lerp(const Tensor& self, const Tensor& end, const Operand& weight, const Out& out) {
  check(end.dtype() == self.dtype(), "expected dtype ", c_type_name(self.dtype()),
        " for `end` but got dtype ", c_type_name(end.dtype()));
  check(!weight.is_tensor() || weight.dtype() == self.dtype(), "expected dtype ", c_type_name(self.dtype()),
        " for `weight` but got dtype ", c_type_name(weight.dtype()));
  if (!weight.is_tensor() && !is_complex(self.dtype())) weight.scalar().to_double();  // refuses complex ones
  if (is_integral(self.dtype()))
    not_implemented_for(weight.is_tensor() ? "lerp_kernel_tensor" : "lerp_kernel_scalar", self.dtype());
  return differentiable(
      weight.is_tensor() ? "LerpBackward1" : "LerpBackward0", out,
      [&] { return pointwise(out, Pointwise::Lerp, {self, end, weight}); },
      wrt(self,
          [w = saved(weight)](const Tensor& grad) {
            const auto value = conjugate(w());
            if (value.tensor) return mul(grad, sub(Scalar(1), value.tensor));
            if (value.scalar.is_complex())
              return mul(grad, Scalar(Complex<double>(1) - value.scalar.to_complex()));
            return mul(grad, Scalar(1 - value.scalar.to_double()));
          }),
      wrt(end, [w = saved(weight)](const Tensor& grad) { return mul(grad, conjugate(w())); }),
      wrt(weight,
          [a = saved(self), b = saved(end)](const Tensor& grad) { return mul(grad, conj(sub(b(), a()))); }));
}

}  // namespace

/// self + value tensor1 tensor2.
///
/// Args:
///     self, tensor1, tensor2: shapes broadcast, dtypes promote
///     value: a number
///
/// >>> torch.addcmul(torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0]), value=2).tolist()
/// [13.0]
EXPOSE("addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Number value=1) -> Tensor", addcmul,
       function | method | inplace | out);

/// self + value tensor1 / tensor2.
///
/// Args:
///     self, tensor1, tensor2: floating point; shapes broadcast
///     value: a number
///
/// Raises:
///     RuntimeError: tensor1 and tensor2 are both integers.
///
/// >>> torch.addcdiv(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([2.0])).tolist()
/// [2.5]
EXPOSE("addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Number value=1) -> Tensor", addcdiv,
       function | method | inplace | out);

namespace {
// Of old, the factor stood before the operands that it scales.
template <auto function>
Tensor value_first(const Tensor& self, const Scalar& value, const Tensor& tensor1, const Tensor& tensor2,
                   const Out& out) {
  return function(self, tensor1, tensor2, value, out);
}
}  // namespace
EXPOSE("addcmul(Tensor self, Number value, Tensor tensor1, Tensor tensor2) -> Tensor|deprecated",
       value_first<addcmul>, function | method | inplace | out);
EXPOSE("addcdiv(Tensor self, Number value, Tensor tensor1, Tensor tensor2) -> Tensor|deprecated",
       value_first<addcdiv>, function | method | inplace | out);

/// The point between start and end: self + weight (end - self).
///
/// Args:
///     self, end: of one dtype; shapes broadcast
///     weight: a number, or a tensor that broadcasts
///
/// Raises:
///     RuntimeError: dtypes that differ.
///
/// >>> torch.lerp(torch.tensor([0.0]), torch.tensor([10.0]), 0.25).tolist()
/// [2.5]
EXPOSE("lerp(Tensor self, Tensor end, Tensor|Number weight) -> Tensor", lerp,
       function | method | inplace | out);

}  // namespace flambeau
