// Arithmetic and geometric progressions.
#include <algorithm>
#include <cmath>
#include <functional>
#include <type_traits>

#include "core/math/complex_functions.h"
#include "core/ops/creation/creation.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

// Runs write(T* items) on a contiguous destination for `result` and copies where that is another one.
template <class Write>
void write_items(const Tensor& result, const char* operator_name, Write write) {
  const DType dtype = compute_dtype(result.dtype());
  const bool direct = result.is_contiguous() && dtype == result.dtype() && host_readable(result.device());
  const Tensor contiguous = direct ? result : empty_on_host(result.sizes(), dtype);
  const auto visit = [&]<class T>() { write(contiguous.data<T>()); };
  is_complex(dtype) ? visit_complex(dtype, operator_name, visit) : visit_number(dtype, operator_name, visit);
  if (contiguous != result) copy_into(result, contiguous);
}

// items[i] = value(i) for i in [begin, end), the index as a double.
template <class T, class Value>
void fill_sequence(T* items, int64_t begin, int64_t end, Value value) {
  constexpr int kBlock = 256;  // constant, so that the compiler vectorises it
  const WithoutGil guard(end - begin);
  parallel_for(begin, end, 32 * kBlock, [=](int64_t first, int64_t last) {
    for (; last - first >= kBlock; first += kBlock) {
      const double base = static_cast<double>(first);
      for (int i = 0; i < kBlock; ++i) items[first + i] = value(base + static_cast<double>(i));
    }
    for (; first < last; ++first) items[first] = value(static_cast<double>(first));
  });
}

bool all_integers(const Scalar& a, const Scalar& b, const Scalar& c) {
  return !a.is_floating() && !b.is_floating() && !c.is_floating();
}

Tensor arithmetic_progression(const Scalar& start, const Scalar& end, const Scalar& step, bool with_end,
                              const Options& options, const Out& out, DType dtype) {
  if (is_complex(dtype))
    fail<NotImplementedError>(with_end ? "\"range_cpu\"" : "\"arange_cpu\"", " not implemented for '",
                              scalar_type_name(dtype), "'");
  const double first = start.to_double(), last = end.to_double(), stride = step.to_double();
  check(stride != 0, "step must be nonzero, got ", step);
  check(std::isfinite(first) && std::isfinite(last), "unsupported range: ", start, " -> ", end,
        ": both ends must be finite");
  check(stride > 0 ? last >= first : last <= first,
        "upper bound and lower bound inconsistent with step sign: ", start, " -> ", end, " by ", step);
  double count = 0;
  if (with_end) {
    count = std::floor((last - first) / stride) + 1;
  } else if (dtype == DType::Int64 || all_integers(start, end, step)) {  // beyond 2^53 a double would not do
    const int64_t by = step.to_int();
    check<ValueError>(by != 0, "step must be nonzero: as an integer, ", step, " is 0");
    int64_t width = 0;
    const bool too_wide = __builtin_sub_overflow(end.to_int(), start.to_int(), &width) || width == INT64_MIN;
    check(!too_wide, "invalid size, possible overflow? ", start, " -> ", end, " is more than 2^63 wide");
    count = static_cast<double>(width / by + (width % by != 0));
  } else {
    count = std::ceil((last - first) / stride);
  }
  check(count >= 0 && count <= 9.0e18, "invalid size, possible overflow? ", count, " items from ", start,
        " to ", end, " by ", step);
  const int64_t n = static_cast<int64_t>(count);
  if (out.target && out.target->numel != n && out.target->numel != 0 && warn && !with_end)
    warn(concat(
        "The number of elements in the out tensor of shape ", out.target->sizes, " is ", out.target->numel,
        " which does not match the computed number of elements ", n,
        ". Note that this may occur as a result of rounding error. The out tensor will be resized to a "
        "tensor of shape (",
        n, ",)."));
  const Tensor result = sequence_result(out, n, dtype);
  write_items(result, with_end ? "range_cpu" : "arange_cpu", [&]<class T>(T* items) {
    if constexpr (std::is_integral_v<T>) {
      // Unsigned, so that the last sum may overflow as PyTorch's does.
      uint64_t value = static_cast<uint64_t>(start.to_int());
      for (int64_t i = 0; i < n; ++i, value += static_cast<uint64_t>(step.to_int()))
        items[i] = static_cast<T>(value);
    } else {
      fill_sequence(items, 0, n, [=](double i) { return static_cast<T>(first + stride * i); });
    }
  });
  return finished(result, options);
}

Tensor arange_step(const Scalar& start, const Scalar& end, const Scalar& step, const Options& options,
                   const Out& out) {
  const DType natural = all_integers(start, end, step) ? DType::Int64 : default_dtype();
  return arithmetic_progression(start, end, step, false, options, out, chosen_dtype(options, out, natural));
}
Tensor arange_end(const Scalar& end, const Options& options, const Out& out) {
  return arange_step(0, end, 1, options, out);
}

/// The numbers start, start + step, ... before `end`.
///
/// Args:
///     start: 0 by default
///     end: where they stop; it is not reached
///     step: not zero
///     dtype, layout, device, pin_memory, requires_grad: int64 if all three are integers, else the default
///     dtype
///
/// Raises:
///     RuntimeError: a step of zero, or one that leads away from the end.
///
/// >>> torch.arange(1, 7, 2).tolist()
/// [1, 3, 5]
EXPOSE("arange(Number start, Number end, Number step=1, *, options) -> Tensor", arange_step, function | out);
EXPOSE("arange(Number end, *, options) -> Tensor", arange_end, function | out);

Tensor range(const Scalar& start, const Scalar& end, const Scalar& step, const Options& options,
             const Out& out) {
  warn(
      "torch.range is deprecated and will be removed in a future release because its behavior is "
      "inconsistent with "
      "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).");
  return arithmetic_progression(start, end, step, true, options, out,
                                chosen_dtype(options, out, default_dtype()));
}

/// The numbers start, start + step, ... up to and including `end`; `arange` is better.
///
/// Args:
///     start, end, step: numbers
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// >>> torch.range(1, 3).tolist()
/// [1.0, 2.0, 3.0]
EXPOSE("range(Number start, Number end, Number step=1, *, options) -> Tensor", range, function | out);

Scalar number_of(const Operand& operand, const char* function, const char* argument) {
  if (!operand.is_tensor()) return operand.scalar();
  const Tensor& t = operand.tensor();
  check(t.dim() == 0, function, " only supports 0-dimensional start and end tensors, but got ", argument,
        " with ", t.dim(), " dimension(s).");
  const DeviceScope scope(on_host(t, function).device());
  if (is_complex(t.dtype())) return Scalar(*cast_copy(t, DType::Complex128).data<Complex<double>>());
  const Tensor value = cast_copy(t, is_floating(t.dtype()) ? DType::Float64 : DType::Int64);
  return is_floating(t.dtype()) ? Scalar(*value.data<double>()) : Scalar(*value.data<int64_t>());
}

// Complex where an end is; a dtype that was asked for must hold that.
DType dtype_of_ends(const char* function, const Scalar& start, const Scalar& end, const Options& options,
                    const Out& out) {
  const bool complex = start.is_complex() || end.is_complex();
  const DType natural = complex ? default_complex() : default_dtype();
  const DType dtype = chosen_dtype(options, out, natural);
  check(!complex || is_complex(dtype), "torch.", function, "(): inferred dtype ", c_type_name(natural),
        " can't be safely cast to passed dtype ", scalar_type_name(dtype));
  return dtype;
}

// transform(x) for `steps` numbers x from start to end, each reckoned from the nearer end, for symmetry.
// transform(x) is rounded as `round` rounds.
template <class Step, class T, class Transform, class Round>
void fill_evenly(T* items, T start, T end, int64_t steps, Round round, Transform transform) {
  const Step low = round(static_cast<Step>(start)), high = round(static_cast<Step>(end));
  const Step step = round(steps > 1 ? (high - low) / static_cast<Step>(steps - 1) : Step{});
  const int64_t half = steps == 1 ? 1 : steps / 2;
  const double last = static_cast<double>(steps - 1);
  fill_sequence(items, 0, half,
                [=](double i) { return transform(low + round(step * static_cast<Step>(i))); });
  fill_sequence(items, half, steps,
                [=](double i) { return transform(high - round(step * static_cast<Step>(last - i))); });
}

Tensor linspace(const Operand& start, const Operand& end, int64_t steps, const Options& options,
                const Out& out) {
  check(steps >= 0, "number of steps must be non-negative, got ", steps);
  const Scalar first = number_of(start, "linspace", "start"), last = number_of(end, "linspace", "end");
  const Tensor result = sequence_result(out, steps, dtype_of_ends("linspace", first, last, options, out));
  write_items(result, "linspace_cpu", [&]<class T>(T* items) {
    using Step = std::conditional_t<std::is_integral_v<T>, double, T>;
    const auto store = [](Step x) { return static_cast<T>(x); };
    if constexpr (std::is_same_v<T, float>)
      if (is_half(
              result.dtype()))  // as in PyTorch, no step of the computation is more precise than the result
        return fill_evenly<Step>(
            items, first.to<T>(), last.to<T>(), steps,
            [d = result.dtype()](Step x) { return static_cast<Step>(as_stored(d, x)); }, store);
    fill_evenly<Step>(items, first.to<T>(), last.to<T>(), steps, std::identity{}, store);
  });
  return finished(result, options);
}

/// `steps` numbers at equal distances, both ends included.
///
/// Args:
///     start, end: numbers, or tensors without dimensions
///     steps: how many, not negative
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// Raises:
///     RuntimeError: a negative number of steps.
///
/// >>> torch.linspace(0, 1, 3).tolist()
/// [0.0, 0.5, 1.0]
EXPOSE("linspace(Tensor|Number start, Tensor|Number end, int steps, *, options) -> Tensor", linspace,
       function | out);

Tensor logspace(const Operand& start, const Operand& end, int64_t steps, double base, const Options& options,
                const Out& out) {
  check(steps >= 0, "number of steps must be non-negative, got ", steps);
  const Scalar first = number_of(start, "logspace", "start"), last = number_of(end, "logspace", "end");
  const Tensor result = sequence_result(out, steps, dtype_of_ends("logspace", first, last, options, out));
  write_items(result, "logspace_cpu", [&]<class T>(T* items) {
    if constexpr (math::is_complex_type<T>) {
      const T rate = T(math::log(Complex<double>(base)));
      fill_evenly<T>(items, first.to<T>(), last.to<T>(), steps, std::identity{},
                     [=](T x) { return math::exp(x * rate); });
    } else if (steps == 1) {
      items[0] = static_cast<T>(std::pow(base, first.to_double()));
    } else if constexpr (std::is_integral_v<T>) {
      const float step = static_cast<float>(last.to<T>() - first.to<T>()) / static_cast<float>(steps - 1);
      for (int64_t i = 0; i < steps; ++i) {
        items[i] = static_cast<T>(std::pow(base, first.to<T>() + step * static_cast<float>(i)));
      }
    } else {
      fill_evenly<T>(items, first.to<T>(), last.to<T>(), steps, std::identity{},
                     [=](T x) { return static_cast<T>(std::pow(base, static_cast<double>(x))); });
    }
  });
  return finished(result, options);
}

/// base^start to base^end in `steps` numbers whose logarithms have equal distances.
///
/// Args:
///     start, end: exponents
///     steps: how many, not negative
///     base: a number
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// >>> torch.logspace(0, 2, 3).tolist()
/// [1.0, 10.0, 100.0]
EXPOSE("logspace(Tensor|Number start, Tensor|Number end, int steps, float base=10.0, *, options) -> Tensor",
       logspace, function | out);

}  // namespace
}  // namespace flambeau
