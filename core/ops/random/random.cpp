// Tensors of independent, identically distributed random numbers, fresh or in place.
#include "core/ops/random/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>
#include <numbers>
#include <type_traits>

#include "core/ops/creation/creation.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/rules.h"
#include "core/random/distributions.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"
#include "core/tensor/limits.h"

namespace flambeau {

void draw_items(Generator* generator, void* items, int64_t n, int64_t nanoseconds_per_item, Draw draw) {
  // The generator is the host's. Where a device has no values to draw it keeps its state.
  if (!backend::current().has_values) return;
  Generator& source = generator ? *generator : default_generator();
  const WithoutGil guard(n * nanoseconds_per_item);
  const std::lock_guard lock(source.mutex());  // after the GIL is gone: its holder may be waiting for us
  draw(source, items);
}

Dims memory_order(const Tensor& t) {
  Dims order;
  for (int d = 0; d < t.dim(); ++d) order.push_back(d);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return t.strides()[static_cast<int>(a)] > t.strides()[static_cast<int>(b)];
  });
  return order;
}

Tensor permuted_alias(const Tensor& t, const Dims& order) {
  Dims sizes, strides;
  for (const int64_t d : order) {
    sizes.push_back(t.sizes()[static_cast<int>(d)]);
    strides.push_back(t.strides()[static_cast<int>(d)]);
  }
  return alias(t, sizes, strides, 0);
}

void draw_into(const Tensor& target, Generator* generator, int64_t nanoseconds_per_item, Draw draw) {
  if (target.numel() == 0) return;
  const DType drawn = compute_dtype(target.dtype());
  if (target.is_contiguous() && drawn == target.dtype())
    return draw_items(generator, target->data, target.numel(), nanoseconds_per_item, draw);
  check_no_internal_overlap(target);
  const Tensor ordered = permuted_alias(target, memory_order(target));
  const bool direct = ordered.is_contiguous() && drawn == target.dtype();
  const Tensor items = direct ? ordered : empty(ordered.sizes(), drawn);
  draw_items(generator, items->data, items.numel(), nanoseconds_per_item, draw);
  if (items != ordered) copy_into(ordered, items);
}

void draw_normal(const Tensor& target, Generator* generator, double mean, double std) {
  if (is_complex(target.dtype())) {  // each part has half the variance
    const NoGrad no_grad;
    draw_normal(view_as_real(target), generator, 0, std / std::numbers::sqrt2);
    if (mean != 0) add(target, Scalar(mean), 1, Out{target.get(), nullptr, true});
    return;
  }
  const int64_t n = target.numel();
  const DType dtype = target.dtype();
  const auto order = random::normal_order(n, target.is_contiguous());
  draw_into(target, generator, 3,
            [=](Generator& g, void* items) { random::normal(g, dtype, items, n, mean, std, order); });
}

namespace {

// An in-place operator that overwrites self: the gradient of what was there is 0.
template <class Write>
Tensor overwritten(const char* node, const Tensor& self, Write write) {
  return differentiable(
      node, Out{self.get(), nullptr, true},
      [&] {
        write();
        self->bump_version();
        return self;
      },
      wrt(self, zeros_for(self)));
}

// ---- uniform

void check_bounds_of_uniform(DType dtype, double from, double to) {
  if (!is_floating(dtype)) not_implemented_for("check_uniform_bounds", dtype);
  const double largest = largest_number(dtype);
  const char* const type = c_type_name(dtype);
  check(std::abs(from) <= largest, "from is out of bounds for ", type, ", got ", from);
  check(std::abs(to) <= largest, "to is out of bounds for ", type, ", got ", to);
  check(from <= to, "uniform_ expects to return a [from, to) range, but found from=", from, " > to=", to);
  check(to - from <= largest, "uniform_ expects to-from <= std::numeric_limits<", scalar_type_name(dtype),
        ">::max(), but found to=", to, " and from=", from, " which result in to-from to exceed the limit");
}

void draw_uniform(const Tensor& target, Generator* generator, double from = 0, double to = 1) {
  if (is_complex(target.dtype())) {
    const NoGrad no_grad;
    return draw_uniform(view_as_real(target), generator, from, to);
  }
  const int64_t n = target.numel();
  const DType dtype = target.dtype();
  check_bounds_of_uniform(dtype, from, to);
  draw_into(target, generator, 1,
            [=](Generator& g, void* items) { random::uniform(g, dtype, items, n, from, to); });
}

Tensor uniform_(const Tensor& self, double from, double to, Generator* generator) {
  return overwritten("UniformBackward0", self, [&] { draw_uniform(self, generator, from, to); });
}

/// Fills the tensor with numbers uniform in [from, to).
///
/// Args:
///     from, to: the interval
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: to < from, or an integer tensor.
///
/// >>> bool((torch.empty(9).uniform_(1, 2) >= 1).all())
/// True
EXPOSE("uniform_(Tensor self, float from=0.0, float to=1.0, *, Generator? generator=None) -> Tensor",
       uniform_, method | writes_self);

Tensor rand(IntList size, Generator* generator, const Options& options, const Out& out) {
  const Tensor result = creation_result(out, Dims(size), chosen_dtype(options, out, default_dtype()));
  draw_uniform(result, generator);
  return finished(result, options);
}

/// Numbers uniform in [0, 1).
///
/// Args:
///     size: numbers, or a sequence of them
///     generator: the source of randomness, the default one if None
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// >>> torch.rand(2, 3).shape
/// torch.Size([2, 3])
EXPOSE("rand(int[] size, *, Generator? generator=None, options) -> Tensor", rand, function | out);

Tensor rand_like(const Tensor& self, Generator* generator, const Options& options,
                 std::optional<MemoryFormat> memory_format) {
  const Tensor result = empty_like(self, options.dtype.value_or(self.dtype()), memory_format);
  draw_uniform(result, generator);
  return finished(result, options);
}

/// Numbers uniform in [0, 1), in another tensor's shape and dtype.
///
/// Args:
///     self: any shape, floating point
///     dtype, layout, device, pin_memory, requires_grad, memory_format: instead of self's
///
/// >>> torch.rand_like(torch.ones(2)).shape
/// torch.Size([2])
EXPOSE(
    "rand_like(Tensor self, *, Generator? generator=None, options, memory_format? memory_format=None) -> "
    "Tensor",
    rand_like, function);

// ---- normal

void check_std(double std) { check(std >= 0, "normal expects std >= 0.0, but found std ", std); }

Tensor normal_(const Tensor& self, double mean, double std, Generator* generator) {
  check_std(std);
  return overwritten("NormalBackward0", self, [&] { draw_normal(self, generator, mean, std); });
}

/// Fills the tensor with normal numbers.
///
/// Args:
///     mean, std: of the distribution; std not negative
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: a negative std.
///
/// >>> torch.empty(2).normal_(5, 0).tolist()
/// [5.0, 5.0]
///
/// Source: Box and Muller, A note on the generation of random normal deviates, 1958.
EXPOSE("normal_(Tensor self, float mean=0.0, float std=1.0, *, Generator? generator=None) -> Tensor", normal_,
       method | writes_self);

Tensor normal_sized(double mean, double std, IntList size, Generator* generator, const Options& options,
                    const Out& out) {
  check_std(std);
  const Tensor result = creation_result(out, Dims(size), chosen_dtype(options, out, default_dtype()));
  draw_normal(result, generator, mean, std);
  return finished(result, options);
}

Tensor randn(IntList size, Generator* generator, const Options& options, const Out& out) {
  return normal_sized(0, 1, size, generator, options, out);
}

/// Standard normal numbers.
///
/// Args:
///     size: numbers, or a sequence of them
///     generator: the source of randomness, the default one if None
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// >>> torch.randn(2, 3).shape
/// torch.Size([2, 3])
EXPOSE("randn(int[] size, *, Generator? generator=None, options) -> Tensor", randn, function | out);

Tensor randn_like(const Tensor& self, Generator* generator, const Options& options,
                  std::optional<MemoryFormat> memory_format) {
  const Tensor result = empty_like(self, options.dtype.value_or(self.dtype()), memory_format);
  draw_normal(result, generator);
  return finished(result, options);
}

/// Standard normal numbers, in another tensor's shape and dtype.
///
/// Args:
///     self: any shape, floating point
///     dtype, layout, device, pin_memory, requires_grad, memory_format: instead of self's
///
/// >>> torch.randn_like(torch.ones(2)).shape
/// torch.Size([2])
EXPOSE(
    "randn_like(Tensor self, *, Generator? generator=None, options, memory_format? memory_format=None) -> "
    "Tensor",
    randn_like, function);

void check_stds(const Tensor& of_any_precision) {
  const Tensor std = widened(of_any_precision);
  check(!is_complex(std.dtype()), "normal expects standard deviation to be non-complex");
  visit_floating(std.dtype(), "normal_kernel_cpu", [&]<class T>() {
    const Tensor items = as_contiguous(std);
    const T* first = items.data<T>();
    if (!host_readable(std.device())) return;
    check(std::all_of(first, first + items.numel(), [](T s) { return s >= 0; }),
          "normal expects all elements of std >= 0.0");
  });
}

// mean + std * z, where the tensors among them broadcast, in the dtype of the first tensor.
Tensor normal_around(const Operand& mean, const Operand& std, Generator* generator, const Out& out) {
  const Dims sizes = broadcast_sizes(mean.sizes(), std.sizes());
  const Tensor& first = mean.is_tensor() ? mean.tensor() : std.tensor();
  const Tensor result = creation_result(out, sizes, out.target ? out.target->dtype : first.dtype());
  const Out in_place{result.get(), nullptr, true};
  draw_normal(result, generator, 0, std.is_tensor() ? 1 : std.scalar().to_double());
  if (std.is_tensor()) mul(result, std, in_place);
  return add(result, mean, 1, in_place);
}

Tensor normal_tensor_tensor(const Tensor& mean, const Tensor& std, Generator* generator, const Out& out) {
  check_stds(std);
  return differentiable(
      "NormalBackward3", out, [&] { return normal_around(mean, std, generator, out); },
      wrt(mean, zeros_for(mean)), wrt(std, zeros_for(std)));
}
Tensor normal_tensor_number(const Tensor& mean, double std, Generator* generator, const Out& out) {
  check_std(std);
  return differentiable(
      "NormalBackward1", out, [&] { return normal_around(mean, Scalar(std), generator, out); },
      wrt(mean, zeros_for(mean)));
}
Tensor normal_number_tensor(double mean, const Tensor& std, Generator* generator, const Out& out) {
  check_stds(std);
  return differentiable(
      "NormalBackward2", out, [&] { return normal_around(Scalar(mean), std, generator, out); },
      wrt(std, zeros_for(std)));
}

/// Normal numbers, each with its own mean and standard deviation.
///
/// Args:
///     mean, std: tensors that broadcast, or numbers
///     size: of the result where both are numbers
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: a negative std.
///
/// >>> torch.normal(torch.tensor([1.0, 2.0]), 0.0).tolist()
/// [1.0, 2.0]
EXPOSE("normal(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_tensor_tensor,
       function | out);
EXPOSE("normal(Tensor mean, float std=1.0, *, Generator? generator=None) -> Tensor", normal_tensor_number,
       function | out);
EXPOSE("normal(float mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_number_tensor,
       function | out);
EXPOSE("normal(float mean, float std, int[] size, *, Generator? generator=None, options) -> Tensor",
       normal_sized, function | out);

// ---- integers

// The number of bits up to the highest one set, of magnitude |x|.
int magnitude_bits(int64_t x) {
  const uint64_t magnitude = x < 0 ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  return 63 - std::countl_zero(magnitude | 1);
}

// x as a floating number of so many significant bits (ties to even) and back, or the nearest that int64
// holds.
int64_t to_and_fro(int64_t x, int bits) {
  const int excess = magnitude_bits(x) + 1 - bits;
  if (excess <= 0) return x;
  const uint64_t magnitude = x < 0 ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  const uint64_t unit = uint64_t{1} << excess, rest = magnitude & (unit - 1);
  uint64_t kept = magnitude - rest;
  if (rest > unit / 2 || (rest == unit / 2 && (kept & unit))) kept += unit;
  if (kept >> 63) return x < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  return x < 0 ? -static_cast<int64_t>(kept) : static_cast<int64_t>(kept);
}
// Large integers round when converted to a floating dtype; these move a bound inwards, to the nearest that
// does not leave the range.
int64_t rounded_from(int64_t from, int bits) {
  const int64_t after = from == std::numeric_limits<int64_t>::max() ? from : from + 1,
                next = to_and_fro(after, bits);
  return next >= from ? from : next + (int64_t{1} << (magnitude_bits(after) - bits + 1));
}
int64_t rounded_to(int64_t to, int bits) {
  const int64_t last = to_and_fro(to - 1, bits);
  return last < to ? to : last - (int64_t{1} << (magnitude_bits(to - 1) - bits + 1));
}

void warn_beyond_precision(const char* bound_name, int64_t bound, DType dtype) {
  const int bits = significant_bits(dtype);
  if (bound >= -(int64_t{1} << bits) && bound <= int64_t{1} << bits) return;
  warn(concat(bound_name, " is out of bounds [-(2^", bits, "), 2^", bits, "]. Due to precision limitations ",
              c_type_name(dtype),
              " can support discrete uniform distribution only within this range. This warning will "
              "become an error in version 1.7 release, please fix the code in advance"));
}

// The range [base, base + range) of integers that the arguments of random_ mean for a dtype; 0 stands for
// 2^64.
struct IntegerRange {
  uint64_t range;
  int64_t base;
};

IntegerRange integer_range(DType dtype, int64_t from, std::optional<int64_t> to) {
  if (!to && from == std::numeric_limits<int64_t>::lowest()) return {0, 0};
  check(!to || from < *to, "random_ expects 'from' to be less than 'to', but got from=", from,
        " >= to=", to.value_or(0));
  check(!is_complex(dtype), "check_random_bounds handles only integral, floating-point and boolean types");
  int64_t last = 0;
  if (is_floating(dtype)) {
    const int bits = significant_bits(dtype);
    from = rounded_from(from, bits);
    last = to ? rounded_to(*to, bits) - 1 : int64_t{1} << bits;
    check(from <= last,
          "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=", from,
          " >= to=", to.value_or(last));
    warn_beyond_precision("from", from, dtype);
    warn_beyond_precision("to - 1", last, dtype);
  } else {
    visit_item(dtype, "random_from_to_kernel_cpu", [&]<class T>() {
      if constexpr (std::is_integral_v<T>) {
        constexpr int64_t kFirst = std::numeric_limits<T>::lowest();
        constexpr int64_t kLast =  // of uint64, as far as the arguments reach
            std::is_same_v<T, uint64_t> ? std::numeric_limits<int64_t>::max() : std::numeric_limits<T>::max();
        last = to ? *to - 1 : kLast;
        check(from >= kFirst && from <= kLast, "from is out of bounds for ", c_type_name(dtype), ": ", from,
              " is not in [", kFirst, ", ", kLast, "]");
        check(last >= kFirst && last <= kLast, "to - 1 is out of bounds for ", c_type_name(dtype), ": ", last,
              " is not in [", kFirst, ", ", kLast, "]");
      }
    });
  }
  return {static_cast<uint64_t>(last) - static_cast<uint64_t>(from) + 1, from};
}

void draw_integers(const Tensor& target, Generator* generator, int64_t from, std::optional<int64_t> to) {
  const int64_t n = target.numel();
  const DType dtype = target.dtype();
  const IntegerRange r = integer_range(dtype, from, to);
  draw_into(target, generator, 2,
            [=](Generator& g, void* items) { random::integers(g, dtype, items, n, r.range, r.base); });
}

Tensor random_from_to(const Tensor& self, int64_t from, std::optional<int64_t> to, Generator* generator) {
  return overwritten("RandomBackward0", self, [&] { draw_integers(self, generator, from, to); });
}
Tensor random_to(const Tensor& self, int64_t to, Generator* generator) {
  return overwritten("RandomBackward1", self, [&] { draw_integers(self, generator, 0, to); });
}
Tensor random_any(const Tensor& self, Generator* generator) {
  return overwritten("RandomBackward2", self, [&] {
    const int64_t n = self.numel();
    const DType dtype = self.dtype();
    draw_into(self, generator, 2, [=](Generator& g, void* items) { random::integers(g, dtype, items, n); });
  });
}

/// Fills the tensor with integers uniform in [from, to - 1]; by default up to what the dtype represents
/// exactly.
///
/// Args:
///     from, to: the interval, `to` excluded
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: an empty interval, or limits that the dtype cannot hold.
///
/// >>> bool((torch.empty(9).random_(5) < 5).all())
/// True
EXPOSE("random_(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor", random_from_to,
       method | writes_self);
EXPOSE("random_(Tensor self, int to, *, Generator? generator=None) -> Tensor", random_to,
       method | writes_self);
EXPOSE("random_(Tensor self, *, Generator? generator=None) -> Tensor", random_any, method | writes_self);

Tensor randint_between(int64_t low, int64_t high, IntList size, Generator* generator, const Options& options,
                       const Out& out) {
  const Tensor result = creation_result(out, Dims(size), chosen_dtype(options, out, DType::Int64));
  draw_integers(result, generator, low, high);
  return finished(result, options);
}
Tensor randint_below(int64_t high, IntList size, Generator* generator, const Options& options,
                     const Out& out) {
  return randint_between(0, high, size, generator, options, out);
}

/// Integers uniform in [low, high).
///
/// Args:
///     low: 0 by default
///     high: excluded
///     size: a sequence of numbers
///     generator: the source of randomness, the default one if None
///     dtype, layout, device, pin_memory, requires_grad: int64 by default
///
/// Raises:
///     RuntimeError: low >= high.
///
/// >>> torch.randint(3, 4, (2,)).tolist()
/// [3, 3]
EXPOSE("randint(int low, int high, int[] size, *, Generator? generator=None, options) -> Tensor",
       randint_between, function | out);
EXPOSE("randint(int high, int[] size, *, Generator? generator=None, options) -> Tensor", randint_below,
       function | out);

Tensor randint_like_between(const Tensor& self, int64_t low, int64_t high, Generator* generator,
                            const Options& options, std::optional<MemoryFormat> memory_format) {
  const Tensor result = empty_like(self, options.dtype.value_or(self.dtype()), memory_format);
  draw_integers(result, generator, low, high);
  return finished(result, options);
}
Tensor randint_like_below(const Tensor& self, int64_t high, Generator* generator, const Options& options,
                          std::optional<MemoryFormat> memory_format) {
  return randint_like_between(self, 0, high, generator, options, memory_format);
}

/// Integers uniform in [low, high), in another tensor's shape and dtype.
///
/// Args:
///     self: any shape
///     low: 0 by default
///     high: excluded
///     dtype, layout, device, pin_memory, requires_grad, memory_format: instead of self's
///
/// >>> torch.randint_like(torch.zeros(2), 1).tolist()
/// [0.0, 0.0]
EXPOSE(
    "randint_like(Tensor self, int low, int high, *, Generator? generator=None, options, "
    "memory_format? memory_format=None) -> Tensor",
    randint_like_between, function);
EXPOSE(
    "randint_like(Tensor self, int high, *, Generator? generator=None, options, "
    "memory_format? memory_format=None) -> Tensor",
    randint_like_below, function);

Tensor randperm(int64_t n, Generator* generator, const Options& options, const Out& out) {
  const DType dtype = chosen_dtype(options, out, DType::Int64);
  check(n >= 0, "Trying to create tensor with negative dimension ", n, ": [", n, "]");
  const DType drawn = compute_dtype(dtype);
  visit_number(drawn, "randperm", [&]<class T>() {
    if constexpr (std::is_floating_point_v<T>) {
      const int bits = significant_bits(dtype);
      check(n <= (int64_t{1} << bits) + 1, "n cannot be greater than 2^", bits, "+1 for ",
            scalar_type_name(dtype), " type.");
    } else {
      check(n - 1 <= static_cast<int64_t>(std::numeric_limits<T>::max()),
            "value cannot be converted to type ", name(dtype), " without overflow: n is ", n);
    }
  });
  const Tensor result = creation_result(out, {n}, dtype);
  const Tensor items = result.is_contiguous() && drawn == dtype ? result : empty({n}, drawn);
  if (n > 0) {
    draw_items(generator, items->data, n, 4,
               [=](Generator& g, void* data) { random::permutation(g, drawn, data, n); });
  }
  if (items != result) copy_into(result, items);
  return finished(result, options);
}

/// The integers 0 to n - 1 in random order.
///
/// Args:
///     n: how many
///     generator: the source of randomness, the default one if None
///     dtype, layout, device, pin_memory, requires_grad: int64 by default
///
/// >>> sorted(torch.randperm(4).tolist())
/// [0, 1, 2, 3]
///
/// Source: Fisher and Yates; Durstenfeld, Algorithm 235, 1964.
EXPOSE("randperm(int n, *, Generator? generator=None, options) -> Tensor", randperm, function | out);

// ---- further distributions, in place

Tensor exponential_(const Tensor& self, double lambd, Generator* generator) {
  const DType dtype = self.dtype();
  check(is_floating(dtype),
        "Exponential distribution is a continuous probability distribution. dtype must be a floating "
        "point but you specified ",
        scalar_type_name(dtype));
  check(lambd > 0, "exponential_ expects lambda > 0.0, but found lambda=", lambd);
  return overwritten("ExponentialBackward0", self, [&, n = self.numel()] {
    draw_into(self, generator, 15,
              [=](Generator& g, void* items) { random::exponential(g, dtype, items, n, lambd); });
  });
}

/// Fills the tensor with numbers of density lambd e^(-lambd x).
///
/// Args:
///     lambd: the rate, positive
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: a rate that is not positive.
///
/// >>> bool((torch.empty(9).exponential_() >= 0).all())
/// True
EXPOSE("exponential_(Tensor self, float lambd=1.0, *, Generator? generator=None) -> Tensor", exponential_,
       method | writes_self);

Tensor cauchy_(const Tensor& self, double median, double sigma, Generator* generator) {
  const DType dtype = self.dtype();
  check(sigma > 0, "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  check(is_floating(dtype),
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
        "point but you specified ",
        scalar_type_name(dtype));
  return overwritten("CauchyBackward0", self, [&, n = self.numel()] {
    draw_into(self, generator, 30,
              [=](Generator& g, void* items) { random::cauchy(g, dtype, items, n, median, sigma); });
  });
}

/// Fills the tensor with numbers of the Cauchy distribution: sigma / (pi ((x - median)^2 + sigma^2)).
///
/// Args:
///     median, sigma: sigma positive
///     generator: the source of randomness, the default one if None
///
/// >>> torch.empty(3).cauchy_().shape
/// torch.Size([3])
EXPOSE("cauchy_(Tensor self, float median=0.0, float sigma=1.0, *, Generator? generator=None) -> Tensor",
       cauchy_, method | writes_self);

Tensor log_normal_(const Tensor& self, double mean, double std, Generator* generator) {
  check(std > 0, "log_normal_ expects std > 0.0, but found std=", std);
  return overwritten("LogNormalBackward0", self, [&, n = self.numel(), dtype = self.dtype()] {
    draw_into(self, generator, 50,
              [=](Generator& g, void* items) { random::log_normal(g, dtype, items, n, mean, std); });
  });
}

/// Fills the tensor with numbers whose logarithms are normal.
///
/// Args:
///     mean, std: of the logarithms; std positive
///     generator: the source of randomness, the default one if None
///
/// >>> bool((torch.empty(9).log_normal_() > 0).all())
/// True
EXPOSE("log_normal_(Tensor self, float mean=1.0, float std=2.0, *, Generator? generator=None) -> Tensor",
       log_normal_, method | writes_self);

Tensor geometric_(const Tensor& self, double p, Generator* generator) {
  check(p > 0 && p < 1, "geometric_ expects p to be in (0, 1), but got p=", p);
  return overwritten("GeometricBackward0", self, [&, n = self.numel(), dtype = self.dtype()] {
    draw_into(self, generator, 15,
              [=](Generator& g, void* items) { random::geometric(g, dtype, items, n, p); });
  });
}

/// Fills the tensor with numbers of trials until the first success: P(k) = (1 - p)^(k - 1) p, k = 1, 2, ...
///
/// Args:
///     p: in (0, 1)
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: p outside of (0, 1).
///
/// >>> bool((torch.empty(9).geometric_(0.5) >= 1).all())
/// True
EXPOSE("geometric_(Tensor self, float p, *, Generator? generator=None) -> Tensor", geometric_,
       method | writes_self);

}  // namespace

}  // namespace flambeau
