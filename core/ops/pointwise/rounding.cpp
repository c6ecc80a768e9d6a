// Rounding, the quotients that round, and their remainders.
#include <cstdlib>

#include "core/ops/pointwise/rules.h"

namespace flambeau {

// ---- rounding

namespace {

constexpr unsigned kEveryForm =
    Forms::function | Forms::method | Forms::inplace | Forms::out | Forms::inplace_function;

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

/// The nearest integer, halves to the even one; the same as `torch.round`.
///
/// >>> torch.special.round(torch.tensor([0.5, 1.5])).tolist()
/// [0.0, 2.0]
EXPOSE("round(Tensor self, *, int decimals=0) -> Tensor", round_decimals, special | out);

/// The part behind the point: x - trunc(x).
///
/// Args:
///     self: any shape
///
/// >>> torch.frac(torch.tensor([-1.5])).tolist()
/// [-0.5]
EXPOSE("frac(Tensor self) -> Tensor", frac, kEveryForm);

// ---- quotients that round, and their remainders

namespace {

// The compute dtype; refuses bool, and integers divided by zero.
DType integer_division(const char* kernel, const Operand& self, const Operand& other) {
  const DType dtype = result_type({self, other});
  if (dtype == DType::Bool) not_implemented_for(kernel, dtype);
  if (!is_integral(dtype)) return dtype;
  bool zero = false;
  if (!other.is_tensor()) {
    zero = other.scalar().to_int() == 0;
  } else if (other.tensor().numel() != 0) {
    const Tensor divisor = as_contiguous(other.tensor());
    zero = backend::current().any_zero(divisor.dtype(), divisor->data, divisor.numel());
  }
  check(!zero, "ZeroDivisionError: an integer was divided by 0");
  return dtype;
}

Tensor rounded_quotient(Pointwise op, const char* kernel, const Operand& self, const Operand& other,
                        const Out& out) {
  return pointwise_as(out, op, integer_division(kernel, self, other), {self, other});
}
Tensor floor_quotient(const Operand& self, const Operand& other, const Out& out = {}) {
  return rounded_quotient(Pointwise::FloorDiv, "div_floor_cpu", self, other, out);
}
Tensor trunc_quotient(const Operand& self, const Operand& other, const Out& out = {}) {
  return rounded_quotient(Pointwise::TruncDiv, "div_trunc_cpu", self, other, out);
}

Tensor div_rounding(const Operand& self, const Operand& other, std::optional<std::string_view> rounding_mode,
                    const Out& out) {
  if (!rounding_mode) return div(self, other, out);
  const bool trunc = *rounding_mode == "trunc";
  check(trunc || *rounding_mode == "floor",
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", *rounding_mode, "'");
  return differentiable(
      other.is_tensor() ? "DivBackward2" : "DivBackward3", out,
      [&] { return trunc ? trunc_quotient(self, other, out) : floor_quotient(self, other, out); },
      wrt(self, no_slope), wrt(other, no_slope));
}

[[noreturn]] Tensor no_derivative(const char* name) {
  fail<NotImplementedError>("derivative for aten::", name, " is not implemented");
}

Tensor floor_divide(const Operand& self, const Operand& other, const Out& out) {
  return differentiable(
      "NotImplemented", out, [&] { return floor_quotient(self, other, out); },
      wrt(self, [](const Tensor&) { return no_derivative("floor_divide"); }),
      wrt(other, [](const Tensor&) { return no_derivative("floor_divide"); }));
}

// x - y q(x, y), q the rounded quotient, which has no slope.
Tensor remainder_like(const char* node, const char* kernel, Pointwise op, const Operand& self,
                      const Operand& other, const Out& out) {
  return differentiable(
      node, out, [&] { return pointwise_as(out, op, integer_division(kernel, self, other), {self, other}); },
      wrt(self, [](const Tensor& grad) { return grad; }),
      wrt(other, [x = saved(self), y = saved(other), op](const Tensor& grad) {
        const Tensor quotient = div_rounding(x(), y(), op == Pointwise::Fmod ? "trunc" : "floor", {});
        return mul(neg(grad), quotient);
      }));
}

Tensor remainder(const Operand& self, const Operand& other, const Out& out) {
  refuse_two_numbers("remainder", self, other);
  return remainder_like(other.is_tensor() ? "RemainderBackward1" : "RemainderBackward0", "remainder_cpu",
                        Pointwise::Remainder, self, other, out);
}
Tensor fmod(const Tensor& self, const Operand& other, const Out& out) {
  return remainder_like(other.is_tensor() ? "FmodBackward1" : "FmodBackward0", "fmod_cpu", Pointwise::Fmod,
                        self, other, out);
}

}  // namespace
EXPOSE("div(Tensor|Number self, Tensor|Number other, *, str? rounding_mode) -> Tensor", div_rounding,
       function | method | inplace | out);
EXPOSE("divide(Tensor|Number self, Tensor|Number other, *, str? rounding_mode) -> Tensor", div_rounding,
       function | method | inplace | out);

/// The largest integer not above a / b.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.floor_divide(torch.tensor([-7]), torch.tensor([2])).tolist()
/// [-4]
EXPOSE("floor_divide(Tensor|Number self, Tensor|Number other) -> Tensor", floor_divide,
       function | method | inplace | out);

/// a - b floor(a / b): the sign is that of b.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.remainder(torch.tensor([-7]), torch.tensor([2])).tolist()
/// [1]
EXPOSE("remainder(Tensor|Number self, Tensor|Number other) -> Tensor", remainder,
       function | method | inplace | out);

/// a - b trunc(a / b): the sign is that of a.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.fmod(torch.tensor([-7]), torch.tensor([2])).tolist()
/// [-1]
EXPOSE("fmod(Tensor self, Tensor|Number other) -> Tensor", fmod, function | method | inplace | out);

}  // namespace flambeau
