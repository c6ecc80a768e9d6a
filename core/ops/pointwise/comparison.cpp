// Comparisons, predicates, logic and bits.
#include <limits>

#include "core/ops/pointwise/rules.h"

namespace flambeau {

namespace {

constexpr unsigned kComparison = Forms::function | Forms::method | Forms::inplace | Forms::out;
const Scalar kZero(0);

bool holds(DType d, int64_t value) {
  const auto fits = [value]<class T>(T) {
    return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
  };
  switch (d) {
    case DType::UInt8:
      return fits(uint8_t{});
    case DType::Int8:
      return fits(int8_t{});
    case DType::Int16:
      return fits(int16_t{});
    case DType::Int32:
      return fits(int32_t{});
    default:
      return true;
  }
}

// An integer that self's dtype cannot hold is compared as it is, not as what would be left of it.
Tensor compared(Pointwise op, const Operand& self, const Operand& other, const Out& out) {
  if (!other.is_tensor() && other.scalar().is_beyond_int() && is_integral(self.dtype()) &&
      self.dtype() != DType::UInt64) [[unlikely]] {
    // Above whatever self holds, as everything is at or above the least integer.
    const bool always = op == Pointwise::Ne || op == Pointwise::Lt || op == Pointwise::Le;
    return pointwise_as(out, always ? Pointwise::Ge : Pointwise::Lt, DType::Int64,
                        {self, Scalar(std::numeric_limits<int64_t>::min())});
  }
  if (!other.is_tensor() && other.scalar().kind() == Scalar::Kind::Int &&
      !holds(self.dtype(), other.scalar().to_int())) [[unlikely]]
    return pointwise_as(out, op, DType::Int64, {self, other});
  return pointwise(out, op, {self, other});
}

// A result of its own carries no gradient; one written over self cuts self's history off.
Tensor predicate(const char* node, Pointwise op, const Operand& self, const Operand& other, const Out& out) {
  if (!out.inplace) return compared(op, self, other, out);
  return differentiable(node, out, [&] { return compared(op, self, other, out); }, wrt(self, no_slope));
}

}  // namespace

Tensor eq(const Operand& self, const Operand& other, const Out& out) {
  return predicate("EqBackward1", Pointwise::Eq, self, other, out);
}
Tensor ne(const Operand& self, const Operand& other, const Out& out) {
  return predicate("NeBackward1", Pointwise::Ne, self, other, out);
}
Tensor lt(const Operand& self, const Operand& other, const Out& out) {
  return predicate("LtBackward1", Pointwise::Lt, self, other, out);
}
Tensor le(const Operand& self, const Operand& other, const Out& out) {
  return predicate("LeBackward1", Pointwise::Le, self, other, out);
}
Tensor gt(const Operand& self, const Operand& other, const Out& out) {
  return predicate("GtBackward1", Pointwise::Gt, self, other, out);
}
Tensor ge(const Operand& self, const Operand& other, const Out& out) {
  return predicate("GeBackward1", Pointwise::Ge, self, other, out);
}

/// Whether a = b: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.eq(torch.tensor([1]), torch.tensor([1])).tolist()
/// [True]
EXPOSE("eq(Tensor self, Tensor|Number other) -> Tensor", tensor_first<eq>, kComparison);

/// Whether a differs from b: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.ne(torch.tensor([1]), torch.tensor([1])).tolist()
/// [False]
EXPOSE("ne(Tensor self, Tensor|Number other) -> Tensor", tensor_first<ne>, kComparison);

/// Whether a < b: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.lt(torch.tensor([1]), torch.tensor([2])).tolist()
/// [True]
EXPOSE("lt(Tensor self, Tensor|Number other) -> Tensor", tensor_first<lt>, kComparison);

/// Whether a <= b: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.le(torch.tensor([2]), torch.tensor([2])).tolist()
/// [True]
EXPOSE("le(Tensor self, Tensor|Number other) -> Tensor", tensor_first<le>, kComparison);

/// Whether a > b: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.gt(torch.tensor([1]), torch.tensor([2])).tolist()
/// [False]
EXPOSE("gt(Tensor self, Tensor|Number other) -> Tensor", tensor_first<gt>, kComparison);

/// Whether a >= b: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.ge(torch.tensor([2]), torch.tensor([2])).tolist()
/// [True]
EXPOSE("ge(Tensor self, Tensor|Number other) -> Tensor", tensor_first<ge>, kComparison);

/// The same as `ne`.
///
/// >>> torch.not_equal(torch.tensor([1]), torch.tensor([2])).tolist()
/// [True]
EXPOSE("not_equal(Tensor self, Tensor|Number other) -> Tensor", tensor_first<ne>, kComparison);

/// The same as `lt`.
///
/// >>> torch.less(torch.tensor([1]), torch.tensor([2])).tolist()
/// [True]
EXPOSE("less(Tensor self, Tensor|Number other) -> Tensor", tensor_first<lt>, kComparison);

/// The same as `le`.
///
/// >>> torch.less_equal(torch.tensor([1]), torch.tensor([2])).tolist()
/// [True]
EXPOSE("less_equal(Tensor self, Tensor|Number other) -> Tensor", tensor_first<le>, kComparison);

/// The same as `gt`.
///
/// >>> torch.greater(torch.tensor([1]), torch.tensor([2])).tolist()
/// [False]
EXPOSE("greater(Tensor self, Tensor|Number other) -> Tensor", tensor_first<gt>, kComparison);

/// The same as `ge`.
///
/// >>> torch.greater_equal(torch.tensor([1]), torch.tensor([2])).tolist()
/// [False]
EXPOSE("greater_equal(Tensor self, Tensor|Number other) -> Tensor", tensor_first<ge>, kComparison);

// ---- predicates of one tensor

namespace {
Tensor isnan(const Tensor& self) { return pointwise({}, Pointwise::IsNan, {self}); }
Tensor isinf(const Tensor& self) { return pointwise({}, Pointwise::IsInf, {self}); }
Tensor isfinite(const Tensor& self) { return pointwise({}, Pointwise::IsFinite, {self}); }
Tensor isreal(const Tensor& self) {
  if (is_complex(self.dtype())) return pointwise({}, Pointwise::Eq, {imag(detach(self)), kZero});
  return fill_raw(empty(self.sizes(), DType::Bool), Scalar(true));
}
Tensor isposinf(const Tensor& self, const Out& out) {
  refuse_complex<RuntimeError>(self, "isposinf does not support complex inputs.");
  return pointwise(out, Pointwise::Eq, {self, Scalar(std::numeric_limits<double>::infinity())});
}
Tensor isneginf(const Tensor& self, const Out& out) {
  refuse_complex<RuntimeError>(self, "isneginf does not support complex inputs.");
  return pointwise(out, Pointwise::Eq, {self, Scalar(-std::numeric_limits<double>::infinity())});
}
Tensor signbit(const Tensor& self, const Out& out) {
  refuse_complex(self, "signbit is not implemented for complex tensors.");
  return pointwise(out, Pointwise::SignBit, {self});
}
}  // namespace

/// Whether each element is NaN: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.isnan(torch.tensor([float("nan")])).tolist()
/// [True]
EXPOSE("isnan(Tensor self) -> Tensor", isnan, function | method);

/// Whether each element is infinite: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.isinf(torch.tensor([float("-inf")])).tolist()
/// [True]
EXPOSE("isinf(Tensor self) -> Tensor", isinf, function | method);

/// Whether each element is neither infinite nor NaN: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.isfinite(torch.tensor([1.0])).tolist()
/// [True]
EXPOSE("isfinite(Tensor self) -> Tensor", isfinite, function | method);

/// Whether each element has no imaginary part: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.isreal(torch.tensor([1.0])).tolist()
/// [True]
EXPOSE("isreal(Tensor self) -> Tensor", isreal, function | method);

/// Whether each element is positive infinity: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.isposinf(torch.tensor([float("inf")])).tolist()
/// [True]
EXPOSE("isposinf(Tensor self) -> Tensor", isposinf, function | method | out);

/// Whether each element is negative infinity: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.isneginf(torch.tensor([float("-inf")])).tolist()
/// [True]
EXPOSE("isneginf(Tensor self) -> Tensor", isneginf, function | method | out);

/// Whether the sign bit of each element is set, -0.0 included: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.signbit(torch.tensor([-0.0])).tolist()
/// [True]
EXPOSE("signbit(Tensor self) -> Tensor", signbit, function | method | out);

// ---- whole tensors compared

namespace {

bool all_true(const Tensor& condition) {
  const Tensor flags = as_contiguous(on_host(condition, "comparing whole tensors"));
  return !backend::current().any_zero(DType::Bool, flags->data, flags.numel());
}

bool equal(const Tensor& self, const Tensor& other) {
  return self.sizes() == other.sizes() && all_true(pointwise({}, Pointwise::Eq, {self, other}));
}

// |self - other| <= atol + rtol |other|; equal infinities are close.
Tensor isclose(const Tensor& self, const Tensor& other, double rtol, double atol, bool equal_nan) {
  check(self.dtype() == other.dtype(), scalar_type_name(self.dtype()), " did not match ",
        scalar_type_name(other.dtype()));
  check(rtol >= 0, "rtol must be greater than or equal to zero, but got ", rtol);
  check(atol >= 0, "atol must be greater than or equal to zero, but got ", atol);
  NoGrad no_grad;
  Tensor close = eq(self, other);
  if (equal_nan && !is_integral(self.dtype()))
    close = pointwise({}, Pointwise::LogicalOr,
                      {close, pointwise({}, Pointwise::LogicalAnd, {isnan(self), isnan(other)})});
  if (rtol == 0 && atol == 0) return close;
  const DType dtype = is_integral(self.dtype()) ? default_dtype() : self.dtype();
  const Tensor a = to_dtype(self, dtype), b = to_dtype(other, dtype);
  const Tensor allowed = add(abs(mul(b, Scalar(rtol))), Scalar(atol));
  const Tensor error = abs(sub(a, b));
  const Tensor within = pointwise({}, Pointwise::LogicalAnd, {isfinite(error), le(error, allowed)});
  return pointwise({}, Pointwise::LogicalOr, {close, within});
}

bool allclose(const Tensor& self, const Tensor& other, double rtol, double atol, bool equal_nan) {
  return all_true(isclose(self, other, rtol, atol, equal_nan));
}

}  // namespace

/// Whether two tensors have the same shape and the same elements: a Python bool. NaN equals nothing.
///
/// Args:
///     self, other: any shapes
///
/// >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
/// True
EXPOSE("equal(Tensor self, Tensor other) -> bool", equal, function | method);

/// Whether abs(a - b) <= atol + rtol abs(b): a bool tensor.
///
/// Args:
///     self, other: of one dtype; shapes broadcast
///     rtol, atol: tolerances, not negative
///     equal_nan: whether NaN is close to NaN
///
/// Raises:
///     RuntimeError: dtypes that differ, negative tolerances.
///
/// >>> torch.isclose(torch.tensor([1.0]), torch.tensor([1.000001])).tolist()
/// [True]
EXPOSE(
    "isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
    isclose, function | method);

/// Whether all elements are close: abs(a - b) <= atol + rtol abs(b); a Python bool.
///
/// Args:
///     self, other: of one dtype; shapes broadcast
///     rtol, atol: tolerances, not negative
///     equal_nan: whether NaN is close to NaN
///
/// >>> torch.allclose(torch.ones(2), torch.ones(2) + 1e-7)
/// True
EXPOSE(
    "allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool",
    allclose, function | method);

// ---- logic and bits

Tensor logical_and(const Tensor& self, const Tensor& other, const Out& out) {
  return predicate("LogicalAndBackward0", Pointwise::LogicalAnd, self, other, out);
}
Tensor logical_not(const Tensor& self, const Out& out) {
  if (!out.inplace) return pointwise(out, Pointwise::LogicalNot, {self});
  return unary("LogicalNotBackward0", Pointwise::LogicalNot, self, out, no_slope);
}
namespace {
Tensor logical_or(const Tensor& self, const Tensor& other, const Out& out) {
  return predicate("LogicalOrBackward0", Pointwise::LogicalOr, self, other, out);
}
Tensor logical_xor(const Tensor& self, const Tensor& other, const Out& out) {
  return predicate("LogicalXorBackward0", Pointwise::LogicalXor, self, other, out);
}
}  // namespace

/// Whether both elements differ from zero: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.logical_and(torch.tensor([1]), torch.tensor([0])).tolist()
/// [False]
EXPOSE("logical_and(Tensor self, Tensor other) -> Tensor", logical_and, kComparison);

/// Whether at least one of two elements differs from zero: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.logical_or(torch.tensor([1]), torch.tensor([0])).tolist()
/// [True]
EXPOSE("logical_or(Tensor self, Tensor other) -> Tensor", logical_or, kComparison);

/// Whether exactly one of two elements differs from zero: a bool tensor.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.logical_xor(torch.tensor([1]), torch.tensor([1])).tolist()
/// [False]
EXPOSE("logical_xor(Tensor self, Tensor other) -> Tensor", logical_xor, kComparison);

/// Whether each element is zero: a bool tensor.
///
/// Args:
///     self: any shape
///
/// >>> torch.logical_not(torch.tensor([0.0])).tolist()
/// [True]
EXPOSE("logical_not(Tensor self) -> Tensor", logical_not, kComparison);

namespace {

Tensor bitwise(const char* name, const char* kernel, Pointwise op, const Operand& self, const Operand& other,
               const Out& out) {
  refuse_two_numbers(name, self, other);
  const DType dtype = result_type({self, other});
  const bool is_shift = op == Pointwise::ShiftLeft || op == Pointwise::ShiftRight;
  if (!is_integral(dtype) || (is_shift && dtype == DType::Bool)) not_implemented_for(kernel, dtype);
  return pointwise_as(out, op, dtype, {self, other});
}
Tensor bitwise_and(const Operand& self, const Operand& other, const Out& out) {
  return bitwise("bitwise_and", "bitwise_and_cpu", Pointwise::BitwiseAnd, self, other, out);
}
Tensor bitwise_or(const Operand& self, const Operand& other, const Out& out) {
  return bitwise("bitwise_or", "bitwise_or_cpu", Pointwise::BitwiseOr, self, other, out);
}
Tensor bitwise_xor(const Operand& self, const Operand& other, const Out& out) {
  return bitwise("bitwise_xor", "bitwise_xor_cpu", Pointwise::BitwiseXor, self, other, out);
}
Tensor bitwise_left_shift(const Operand& self, const Operand& other, const Out& out) {
  return bitwise("bitwise_left_shift", "lshift_cpu", Pointwise::ShiftLeft, self, other, out);
}
Tensor bitwise_right_shift(const Operand& self, const Operand& other, const Out& out) {
  return bitwise("bitwise_right_shift", "rshift_cpu", Pointwise::ShiftRight, self, other, out);
}
Tensor bitwise_not(const Tensor& self, const Out& out) {
  if (!is_integral(self.dtype())) not_implemented_for("bitwise_not_cpu", self.dtype());
  return pointwise(out, Pointwise::BitwiseNot, {self});
}

}  // namespace

/// The bits set in both of two integers; and of bools.
///
/// Args:
///     self, other: integers or bools; shapes broadcast, dtypes promote
///
/// Raises:
///     NotImplementedError: floating-point operands.
///
/// >>> torch.bitwise_and(torch.tensor([6]), torch.tensor([3])).tolist()
/// [2]
EXPOSE("bitwise_and(Tensor|Number self, Tensor|Number other) -> Tensor", bitwise_and, kComparison);

/// The bits set in at least one of two integers; or of bools.
///
/// Args:
///     self, other: integers or bools; shapes broadcast, dtypes promote
///
/// Raises:
///     NotImplementedError: floating-point operands.
///
/// >>> torch.bitwise_or(torch.tensor([6]), torch.tensor([3])).tolist()
/// [7]
EXPOSE("bitwise_or(Tensor|Number self, Tensor|Number other) -> Tensor", bitwise_or, kComparison);

/// The bits set in exactly one of two integers; exclusive or of bools.
///
/// Args:
///     self, other: integers or bools; shapes broadcast, dtypes promote
///
/// Raises:
///     NotImplementedError: floating-point operands.
///
/// >>> torch.bitwise_xor(torch.tensor([6]), torch.tensor([3])).tolist()
/// [5]
EXPOSE("bitwise_xor(Tensor|Number self, Tensor|Number other) -> Tensor", bitwise_xor, kComparison);

/// a 2^b: the bits of a moved up by b places.
///
/// Args:
///     self, other: integers or bools; shapes broadcast, dtypes promote
///
/// Raises:
///     NotImplementedError: floating-point operands.
///
/// >>> torch.bitwise_left_shift(torch.tensor([3]), torch.tensor([2])).tolist()
/// [12]
EXPOSE("bitwise_left_shift(Tensor|Number self, Tensor|Number other) -> Tensor", bitwise_left_shift,
       kComparison);

/// a / 2^b, rounded down: the bits of a moved down by b places, the sign kept.
///
/// Args:
///     self, other: integers or bools; shapes broadcast, dtypes promote
///
/// Raises:
///     NotImplementedError: floating-point operands.
///
/// >>> torch.bitwise_right_shift(torch.tensor([12]), torch.tensor([2])).tolist()
/// [3]
EXPOSE("bitwise_right_shift(Tensor|Number self, Tensor|Number other) -> Tensor", bitwise_right_shift,
       kComparison);

/// The bits of an integer inverted; not of a bool.
///
/// Args:
///     self: any shape, integer or bool
///
/// Raises:
///     NotImplementedError: a floating-point input.
///
/// >>> torch.bitwise_not(torch.tensor([0, 5])).tolist()
/// [-1, -6]
EXPOSE("bitwise_not(Tensor self) -> Tensor", bitwise_not, kComparison);

}  // namespace flambeau
