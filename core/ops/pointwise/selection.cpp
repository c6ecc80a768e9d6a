// The operators that choose between values: the larger and the smaller, limits, conditions.
#include <limits>

#include "core/ops/creation/creation.h"
#include "core/ops/indexing/indexing.h"
#include "core/ops/pointwise/rules.h"

namespace flambeau {

namespace {

const Scalar kZero(0);
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr unsigned kEveryForm =
    Forms::function | Forms::method | Forms::inplace | Forms::out | Forms::inplace_function;

}  // namespace

// ---- the larger and the smaller

namespace {

// Where the two are equal, each gets half the gradient.
Tensor share_of_extreme(const Tensor& grad, const Tensor& mine, const Tensor& theirs, Pointwise loses) {
  const Tensor halved = where(eq(mine, theirs), div(grad, Scalar(2)), grad);
  return masked_fill(halved, pointwise({}, loses, {mine, theirs}), Scalar(0));
}

Tensor extreme(const char* node, Pointwise op, Pointwise loses, const Tensor& self, const Tensor& other,
               const Out& out) {
  return differentiable(
      node, out, [&] { return pointwise(out, op, {self, other}); },
      wrt(self, [a = saved(self), b = saved(other),
                 loses](const Tensor& grad) { return share_of_extreme(grad, a(), b(), loses); }),
      wrt(other, [a = saved(self), b = saved(other), loses](const Tensor& grad) {
        return share_of_extreme(grad, b(), a(), loses);
      }));
}

// Whether fmax (fmin) took the first: it wins ties, and against NaN.
Tensor takes_first(const Tensor& a, const Tensor& b, Pointwise wins) {
  return pointwise({}, Pointwise::LogicalOr,
                   {pointwise({}, wins, {a, b}), pointwise({}, Pointwise::IsNan, {b})});
}

Tensor number_extreme(const char* node, Pointwise op, Pointwise wins, const Tensor& self, const Tensor& other,
                      const Out& out) {
  return differentiable(
      node, out, [&] { return pointwise(out, op, {self, other}); },
      wrt(self, [a = saved(self), b = saved(other),
                 wins](const Tensor& grad) { return where(takes_first(a(), b(), wins), grad, kZero); }),
      wrt(other, [a = saved(self), b = saved(other), wins](const Tensor& grad) {
        return where(takes_first(a(), b(), wins), kZero, grad);
      }));
}

Tensor fmax(const Tensor& self, const Tensor& other, const Out& out) {
  refuse_complex<RuntimeError>(self, "fmax not implemented for complex tensors.");
  refuse_complex<RuntimeError>(other, "fmax not implemented for complex tensors.");
  return number_extreme("FmaxBackward0", Pointwise::Fmax, Pointwise::Ge, self, other, out);
}
Tensor fmin(const Tensor& self, const Tensor& other, const Out& out) {
  refuse_complex<RuntimeError>(self, "fmin not implemented for complex tensors.");
  refuse_complex<RuntimeError>(other, "fmin not implemented for complex tensors.");
  return number_extreme("FminBackward0", Pointwise::Fmin, Pointwise::Le, self, other, out);
}

}  // namespace

Tensor maximum(const Tensor& self, const Tensor& other, const Out& out) {
  refuse_complex<RuntimeError>(self, "maximum not implemented for complex tensors.");
  refuse_complex<RuntimeError>(other, "maximum not implemented for complex tensors.");
  return extreme("MaximumBackward0", Pointwise::Maximum, Pointwise::Lt, self, other, out);
}
Tensor minimum(const Tensor& self, const Tensor& other, const Out& out) {
  refuse_complex<RuntimeError>(self, "minimum not implemented for complex tensors.");
  refuse_complex<RuntimeError>(other, "minimum not implemented for complex tensors.");
  return extreme("MinimumBackward0", Pointwise::Minimum, Pointwise::Gt, self, other, out);
}

/// The larger of two elements; NaN where either is NaN.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.maximum(torch.tensor([1]), torch.tensor([2])).tolist()
/// [2]
EXPOSE("maximum(Tensor self, Tensor other) -> Tensor", maximum, function | method | out);

/// The smaller of two elements; NaN where either is NaN.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.minimum(torch.tensor([1]), torch.tensor([2])).tolist()
/// [1]
EXPOSE("minimum(Tensor self, Tensor other) -> Tensor", minimum, function | method | out);

/// The larger of two elements; where one is NaN, the other.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.fmax(torch.tensor([1.0]), torch.tensor([2.0])).tolist()
/// [2.0]
EXPOSE("fmax(Tensor self, Tensor other) -> Tensor", fmax, function | method | out);

/// The smaller of two elements; where one is NaN, the other.
///
/// Args:
///     self, other: shapes broadcast, dtypes promote
///
/// Raises:
///     RuntimeError: shapes that do not broadcast.
///
/// >>> torch.fmin(torch.tensor([1.0]), torch.tensor([2.0])).tolist()
/// [1.0]
EXPOSE("fmin(Tensor self, Tensor other) -> Tensor", fmin, function | method | out);

// ---- clamp

namespace {

// g where low <= x <= high, else 0.
Tensor clamp_backward(const Tensor& grad, const Tensor& x, const Scalar& low, const Scalar& high) {
  return differentiable(
      "ClampBackwardBackward0", Out{},
      [&] { return pointwise({}, Pointwise::ClampBackward, {grad, x, low, high}); },
      wrt(grad, [x = saved(x), low, high](const Tensor& g) { return clamp_backward(g, x(), low, high); }));
}

Tensor clamp_numbers(const char* node, const Tensor& self, std::optional<Scalar> min,
                     std::optional<Scalar> max, const Out& out) {
  return differentiable(
      node, out,
      [&] {
        if (min && max) return pointwise(out, Pointwise::Clamp, {self, *min, *max});
        return min ? pointwise(out, Pointwise::ClampMin, {self, *min})
                   : pointwise(out, Pointwise::ClampMax, {self, *max});
      },
      wrt(self, [x = saved(self), min, max](const Tensor& grad) {
        const Scalar low = min.value_or(Scalar(-kInfinity)), high = max.value_or(Scalar(kInfinity));
        return clamp_backward(grad, x(), low, high);
      }));
}

// The condition under which x passes; bounds that are not given are undefined.
Tensor passes(const Tensor& x, const Tensor& min, const Tensor& max) {
  if (!max) return ge(x, min);
  if (!min) return le(x, max);
  return pointwise({}, Pointwise::LogicalAnd, {ge(x, min), le(x, max)});
}

Tensor clamp_tensors(const char* node, const Tensor& self, const Tensor& min, const Tensor& max,
                     const Out& out) {
  return differentiable(
      node, out,
      [&] {
        if (min && max) return pointwise(out, Pointwise::Clamp, {self, min, max});
        return min ? pointwise(out, Pointwise::ClampMin, {self, min})
                   : pointwise(out, Pointwise::ClampMax, {self, max});
      },
      wrt(self,
          [x = saved(self), low = saved(min), high = saved(max), has_low = bool(min),
           has_high = bool(max)](const Tensor& grad) {
            const Tensor inside = passes(x(), has_low ? low() : Tensor(), has_high ? high() : Tensor());
            return where(inside, grad, kZero);
          }),
      wrt(min,
          [x = saved(self), low = saved(min), high = saved(max), has_high = bool(max)](const Tensor& grad) {
            const Tensor bound = low();
            Tensor binds = lt(x(), bound);
            if (has_high) binds = pointwise({}, Pointwise::LogicalAnd, {binds, lt(bound, high())});
            return where(binds, grad, kZero);
          }),
      wrt(max,
          [x = saved(self), low = saved(min), high = saved(max), has_low = bool(min)](const Tensor& grad) {
            const Tensor bound = high();
            Tensor binds = gt(x(), bound);
            if (has_low) binds = pointwise({}, Pointwise::LogicalOr, {binds, lt(bound, low())});
            return where(binds, grad, kZero);
          }));
}

std::optional<Scalar> number_of(const std::optional<Operand>& bound) {
  return bound ? std::optional(bound->scalar()) : std::nullopt;
}

Tensor clamp_as(const char* numbers_node, const char* tensors_node, const Tensor& self,
                const std::optional<Operand>& min, const std::optional<Operand>& max, const Out& out) {
  refuse_complex(self, "clamp is not supported for complex types");
  for (const auto& bound : {min, max}) {
    if (bound && bound->is_tensor()) refuse_complex(*bound, "clamp is not supported for complex types");
    if (bound && !bound->is_tensor()) bound->scalar().to_double();  // refuses what is not real
  }
  check(min || max, "torch.clamp: At least one of 'min' or 'max' must not be None");
  const bool min_tensor = min && min->is_tensor(), max_tensor = max && max->is_tensor();
  if (!min_tensor && !max_tensor)
    return clamp_numbers(numbers_node, self, number_of(min), number_of(max), out);
  check<TypeError>(
      (!min || min_tensor) && (!max || max_tensor),
      "clamp() received an invalid combination of arguments: 'min' and 'max' must both be Tensors or both be "
      "Numbers");
  return clamp_tensors(tensors_node, self, min ? min->tensor() : Tensor(), max ? max->tensor() : Tensor(),
                       out);
}

Tensor clamp_min(const Tensor& self, const Operand& min, const Out& out) {
  return clamp_as("ClampMinBackward0", "ClampMinBackward1", self, min, std::nullopt, out);
}
Tensor clamp_max(const Tensor& self, const Operand& max, const Out& out) {
  return clamp_as("ClampMaxBackward0", "ClampMaxBackward1", self, std::nullopt, max, out);
}

}  // namespace

Tensor clamp(const Tensor& self, std::optional<Operand> min, std::optional<Operand> max, const Out& out) {
  return clamp_as("ClampBackward1", "ClampBackward0", self, min, max, out);
}

/// Elements held within limits: min(max(x, min), max).
///
/// Args:
///     self: any shape
///     min, max: numbers, or tensors that broadcast; None is no limit, one must be given
///
/// Raises:
///     RuntimeError: neither limit is given.
///
/// >>> torch.clamp(torch.tensor([-2.0, 0.5, 2.0]), -1, 1).tolist()
/// [-1.0, 0.5, 1.0]
EXPOSE("clamp(Tensor self, Tensor|Number? min=None, Tensor|Number? max=None) -> Tensor", clamp, kEveryForm);

/// Elements held within limits; the same as `clamp`.
///
/// >>> torch.clip(torch.tensor([-2.0, 0.5]), min=0).tolist()
/// [0.0, 0.5]
EXPOSE("clip(Tensor self, Tensor|Number? min=None, Tensor|Number? max=None) -> Tensor", clamp, kEveryForm);

/// max(x, min).
///
/// Args:
///     self: any shape
///     min: a number, or a tensor that broadcasts
///
/// >>> torch.clamp_min(torch.tensor([-2, 2]), 0).tolist()
/// [0, 2]
EXPOSE("clamp_min(Tensor self, Tensor|Number min) -> Tensor", clamp_min, kEveryForm);

/// min(x, max).
///
/// Args:
///     self: any shape
///     max: a number, or a tensor that broadcasts
///
/// >>> torch.clamp_max(torch.tensor([-2, 2]), 0).tolist()
/// [-2, 0]
EXPOSE("clamp_max(Tensor self, Tensor|Number max) -> Tensor", clamp_max, kEveryForm);

// ---- choosing by a condition

Tensor where(const Tensor& condition, const Operand& self, const Operand& other, const Out& out) {
  check(condition.dtype() == DType::Bool || condition.dtype() == DType::UInt8,
        "where expected condition to be a boolean tensor, but got a tensor with dtype ",
        scalar_type_name(condition.dtype()));
  if (condition.dtype() == DType::UInt8) [[unlikely]] {
    if (warn)
      warn(
          "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a "
          "future "
          "version of PyTorch. Use a boolean condition instead.");
    return where(to_dtype(condition, DType::Bool), self, other, out);
  }
  return differentiable(
      "WhereBackward0", out, [&] { return pointwise(out, Pointwise::Where, {condition, self, other}); },
      wrt(self, [c = saved(condition)](const Tensor& grad) { return where(c(), grad, kZero); }),
      wrt(other, [c = saved(condition)](const Tensor& grad) { return where(c(), kZero, grad); }));
}

namespace {
// Numbers from Python have to fit into the result, which is not to hold what they wrap around to.
Tensor checked_where(const Tensor& condition, const Operand& self, const Operand& other, const Out& out) {
  const DType made = result_type({self, other});
  for (const Operand* operand : {&self, &other})
    if (!operand->is_tensor()) check_fits(operand->scalar(), made);
  return where(condition, self, other, out);
}
Tensor where_method(const Tensor& self, const Tensor& condition, const Operand& other) {
  return checked_where(condition, self, other, {});
}
}  // namespace

/// `self` where the condition holds, `other` elsewhere; with the condition alone, the places where it holds.
///
/// Args:
///     condition: bool; shapes broadcast
///     self, other: tensors or numbers
///
/// Raises:
///     RuntimeError: a condition that is neither bool nor uint8; a number that the result cannot hold.
///
/// >>> torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), 0).tolist()
/// [1, 0]
EXPOSE("where(Tensor condition, Tensor|Number self, Tensor|Number other) -> Tensor", checked_where,
       function | out);
EXPOSE("where(Tensor self, Tensor condition, Tensor|Number other) -> Tensor", where_method, method);

void check_mask(const Tensor& mask) {
  check(mask.dtype() == DType::Bool, "masked_fill_ only supports boolean masks, but got mask with dtype ",
        c_type_name(mask.dtype()));
}

void check_number_fits(const Tensor& number, DType dtype) {
  if (number.dtype() == dtype || !host_readable(number.device())) return;
  const DeviceScope here(number.device());  // a number of the CPU may stand beside tensors of another device
  if (is_integral(number.dtype())) {
    check_fits(Scalar(*cast_copy(number, DType::Int64).data<int64_t>()), dtype);
    return;
  }
  const auto value = *cast_copy(number, DType::Complex128).data<Complex<double>>();
  check_fits(value.imag == 0 ? Scalar(value.real) : Scalar(value), dtype);
}

Tensor masked_fill(const Tensor& self, const Tensor& mask, const Operand& value, const Out& out) {
  check_mask(mask);
  if (value.is_tensor())
    check(value.tensor().dim() == 0,
          "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
          value.tensor().dim(), " dimension(s).");
  if (value.is_tensor())
    check_number_fits(value.tensor(), self.dtype());
  else
    check_fits(value.scalar(), self.dtype());
  bool shared = out.inplace && is_expanded(self);
  if (shared) [[unlikely]] {
    warn_of_expanded("masked_fill_");
    shared = !(grad_enabled() && (requires_grad(self) || requires_grad(value))) &&
             broadcast_sizes(self.sizes(), mask.sizes()) == self.sizes();  // else refused below
  }
  return differentiable(
      value.is_tensor() ? "MaskedFillBackward1" : "MaskedFillBackward0", out,
      [&] {
        if (!shared) [[likely]]
          return pointwise_as(out, Pointwise::Where, self.dtype(), {mask, value, self});
        fill_expanded(self, mask, value);
        return self;
      },
      wrt(self, [m = saved(mask)](const Tensor& grad) { return masked_fill(grad, m(), kZero); }),
      wrt(value, [m = saved(mask)](const Tensor& grad) { return where(m(), grad, kZero); }));
}

/// A copy in which `value` stands where the mask holds.
///
/// Args:
///     self: any shape
///     mask: bool, broadcasts with self
///     value: a number or a tensor of one element
///
/// Raises:
///     RuntimeError: a mask that is not bool, or a value of several elements.
///
/// >>> torch.tensor([1, 2, 3]).masked_fill(torch.tensor([True, False, True]), 0).tolist()
/// [0, 2, 0]
EXPOSE("masked_fill(Tensor self, Tensor mask, Tensor|Number value) -> Tensor", masked_fill,
       function | method | inplace);

// ---- what is no number, or too large for one

namespace {

Tensor nan_to_num(const Tensor& self, std::optional<double> nan, std::optional<double> posinf,
                  std::optional<double> neginf, const Out& out) {
  if (is_complex(self.dtype())) {
    const Tensor fixed = view_as_complex(nan_to_num(view_as_real(self), nan, posinf, neginf, {}));
    return out.target ? mul(fixed, Scalar(1), out) : fixed;
  }
  const bool narrow = self.dtype() == DType::Float32;
  const double largest = narrow ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
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
                                            {pointwise({}, Pointwise::Eq, {self, Scalar(kInfinity)}),
                                             Scalar(posinf.value_or(largest)), no_nan});
        return pointwise_as(out, Pointwise::Where, dtype,
                            {pointwise({}, Pointwise::Eq, {self, Scalar(-kInfinity)}),
                             Scalar(neginf.value_or(-largest)), no_high});
      },
      wrt(self, [x = saved(self)](const Tensor& grad) {
        return mul(grad, pointwise({}, Pointwise::IsFinite, {x()}));
      }));
}

}  // namespace

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
