// Random numbers whose distribution is given by tensors, and dropout.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/ops/creation/creation.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/random/random.h"
#include "core/random/distributions.h"
#include "core/tensor/dispatch.h"

namespace flambeau {
namespace {

// ---- Bernoulli

void check_probabilities(const Tensor& p) {
  if (!host_readable(p.device())) return;
  visit_floating(p.dtype(), "bernoulli_tensor_cpu_p_", [&]<class T>() {
    const T* first = p.data<T>();
    const T* wrong = std::find_if(first, first + p.numel(), [](T x) { return !(x >= 0 && x <= 1); });
    if (wrong == first + p.numel()) return;
    fail<RuntimeError>("Expected p_in >= 0 && p_in <= 1 to be true, but got false: ", *wrong,
                       " among the probabilities is not in [0, 1]");
  });
}

// 1 or 0 in `target`, with probabilities that broadcast to it.
void draw_bernoulli(const Tensor& target, const Tensor& p, Generator* generator) {
  if (target.numel() == 0) return;
  const Tensor wide = widened(p);
  const Tensor probabilities =
      as_contiguous(permuted_alias(expand(wide, target.sizes()), memory_order(target)));
  check_probabilities(probabilities);
  const int64_t n = target.numel();
  const DType dtype = target.dtype(), p_dtype = wide.dtype();
  draw_into(target, generator, 3, [=, weights = probabilities.data()](Generator& g, void* items) {
    random::bernoulli(g, dtype, items, n, p_dtype, weights);
  });
}
// `one` with probability p, else 0.
void draw_bernoulli(const Tensor& target, double p, Generator* generator, double one = 1) {
  const int64_t n = target.numel();
  const DType dtype = target.dtype();
  draw_into(target, generator, 2,
            [=](Generator& g, void* items) { random::bernoulli(g, dtype, items, n, p, one); });
}

void check_probability(double p) {
  check(p >= 0 && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
}

Tensor bernoulli(const Tensor& self, Generator* generator, const Out& out) {
  return differentiable(
      "BernoulliBackward0", out,
      [&] {
        const Tensor result = creation_result(out, self.sizes(), chosen_dtype({}, out, self.dtype()));
        draw_bernoulli(result, self, generator);
        return result;
      },
      wrt(self, zeros_for(self)));
}
Tensor bernoulli_number(const Tensor& self, double p, Generator* generator) {
  check_probability(p);
  return differentiable(
      "BernoulliBackward0", {},
      [&] {
        const Tensor result = empty(self.sizes(), self.dtype());
        draw_bernoulli(result, p, generator);
        return result;
      },
      wrt(self, zeros_for(self)));
}

/// Ones and zeros, ones with the probability that each element gives, or with probability p.
///
/// Args:
///     self: probabilities in [0, 1]
///     p: one probability for all
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: a probability outside of [0, 1].
///
/// >>> torch.bernoulli(torch.tensor([0.0, 1.0])).tolist()
/// [0.0, 1.0]
EXPOSE("bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", bernoulli, function | method | out);
EXPOSE("bernoulli(Tensor self, float p, *, Generator? generator=None) -> Tensor", bernoulli_number,
       function | method);

Tensor bernoulli_inplace(const Tensor& self, const Tensor& p, Generator* generator) {
  return differentiable(
      "BernoulliBackward1", Out{self.get(), nullptr, true},
      [&] {
        draw_bernoulli(self, p, generator);
        self->bump_version();
        return self;
      },
      wrt(self, zeros_for(self)), wrt(p, zeros_for(p)));
}
Tensor bernoulli_inplace_number(const Tensor& self, double p, Generator* generator) {
  check_probability(p);
  return differentiable(
      "BernoulliBackward2", Out{self.get(), nullptr, true},
      [&] {
        draw_bernoulli(self, p, generator);
        self->bump_version();
        return self;
      },
      wrt(self, zeros_for(self)));
}

/// Fills the tensor with ones and zeros.
///
/// Args:
///     p: the probability of ones, a number or a tensor that broadcasts
///     generator: the source of randomness, the default one if None
///
/// >>> torch.empty(2).bernoulli_(1.0).tolist()
/// [1.0, 1.0]
EXPOSE("bernoulli_(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor", bernoulli_inplace,
       method | writes_self);
EXPOSE("bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor",
       bernoulli_inplace_number, method | writes_self);

// ---- multinomial

// Each row's weights finite, none negative, some positive; without replacement, one for each sample.
template <class T>
void check_weights(const T* weights, int64_t rows, int64_t categories, bool replacement, int64_t samples) {
  for (int64_t row = 0; row < rows; ++row, weights += categories) {
    T sum = 0;
    int64_t positive = 0;
    for (int64_t i = 0; i < categories; ++i) {
      const T w = weights[i];
      if (!replacement) {
        check(w >= 0 && std::isfinite(w),
              "probability tensor contains either `inf`, `nan` or element < 0: ", w);
      } else {
        check(!(w < 0), "invalid multinomial distribution (encountering probability entry < 0): ", w);
        check(std::isfinite(w),
              "invalid multinomial distribution (encountering probability entry = infinity or NaN): ", w);
      }
      sum += w;
      positive += w > 0;
    }
    check(sum > 0, "invalid multinomial distribution (sum of probabilities <= 0)");
    check(std::isfinite(sum), "invalid multinomial distribution (sum of probabilities is not finite)");
    check(replacement || positive >= samples,
          "invalid multinomial distribution (with replacement=False, not enough non-zero categories to "
          "sample: ",
          positive, " for ", samples, " samples)");
  }
}

// The largest w / e, with e exponential variates, are a sample without replacement (Efraimidis and Spirakis,
// "Weighted random sampling with a reservoir", 2006). `keys` holds e and then the quotients; `order` is room
// for a row's indices.
template <class T>
void take_largest(const T* weights, T* keys, int64_t* order, int64_t rows, int64_t categories,
                  int64_t samples, int64_t* out) {
  for (int64_t row = 0; row < rows; ++row, weights += categories, keys += categories, out += samples) {
    // Below every quotient, even one that is rounded to 0: what has no weight.
    for (int64_t i = 0; i < categories; ++i) keys[i] = weights[i] > 0 ? weights[i] / keys[i] : T(-1);
    std::iota(order, order + categories, int64_t{0});
    std::partial_sort(order, order + samples, order + categories, [keys](int64_t a, int64_t b) {
      return keys[a] > keys[b] || (keys[a] == keys[b] && a < b);
    });
    std::copy(order, order + samples, out);
  }
}

Tensor multinomial(const Tensor& self, int64_t num_samples, bool replacement, Generator* generator,
                   const Out& out) {
  const DType dtype = compute_dtype(self.dtype());
  check(self.dim() == 1 || self.dim() == 2, "prob_dist must be 1 or 2 dim, got ", self.dim());
  check(is_floating(dtype),
        "multinomial only supports floating-point dtypes for input, got: ", scalar_type_name(self.dtype()));
  check(!out.target || out.target->dtype == DType::Int64,
        "multinomial expects Long tensor out, got: ", out.target ? scalar_type_name(out.target->dtype) : "");
  check(num_samples > 0, "cannot sample n_sample <= 0 samples, got ", num_samples);
  const int64_t categories = self.size(-1), rows = self.dim() == 2 ? self.size(0) : 1;
  check(replacement || num_samples <= categories,
        "cannot sample n_sample > prob_dist.size(-1) samples without "
        "replacement: ",
        num_samples, " of ", categories);
  check(categories <= int64_t{1} << 24, "number of categories cannot exceed 2^24, got ", categories);
  const Dims sizes = self.dim() == 2 ? Dims{rows, num_samples} : Dims{num_samples};
  const Tensor samples = empty(sizes, DType::Int64), weights = as_contiguous(widened(self));
  // One sample with replacement is one without: PyTorch draws it so.
  const bool by_keys = !replacement || num_samples == 1;
  // By keys: of every row. Otherwise: one row's cumulative distribution.
  const Tensor work = empty({by_keys ? rows * categories : categories}, dtype);
  visit_floating(dtype, "multinomial", [&]<class T>() {
    const T* weight = weights.data<T>();
    T* scratch = work.data<T>();
    int64_t* sample = samples.data<int64_t>();
    if (samples.numel() == 0 || !backend::current().has_values) return;
    check_weights(weight, rows, categories, !by_keys, num_samples);
    if (by_keys) {
      draw_items(generator, scratch, rows * categories, 15, [=](Generator& g, void* keys) {
        random::exponential(g, dtype, keys, rows * categories, 1);
      });
      const Tensor order = empty({categories}, DType::Int64);
      if (is_half(self.dtype())) {  // PyTorch keeps the variates in the weights' dtype
        const Tensor rounded = widened(narrowed(work, self.dtype()));
        std::copy_n(rounded.data<T>(), rows * categories, scratch);
      }
      take_largest(weight, scratch, order.data<int64_t>(), rows, categories, num_samples, sample);
    } else {
      draw_items(generator, sample, rows * (num_samples + categories), 10, [=](Generator& g, void*) {
        for (int64_t row = 0; row < rows; ++row) {
          random::multinomial(g, dtype, weight + row * categories, scratch, categories,
                              sample + row * num_samples, num_samples);
        }
      });
    }
  });
  if (!out.target) return samples;
  const Tensor result = result_for(out, sizes, DType::Int64);
  copy_into(result, samples);
  return result;
}

/// Indices drawn with given weights.
///
/// Args:
///     self: weights, (n,) or (m, n), not negative, not all zero
///     num_samples: how many are drawn
///     replacement: whether an index may be drawn again
///     generator: the source of randomness, the default one if None
///
/// Returns:
///     (num_samples,) or (m, num_samples), int64.
///
/// Raises:
///     RuntimeError: weights that are negative, infinite or all zero; too many samples without replacement.
///
/// >>> torch.multinomial(torch.tensor([0.0, 1.0]), 1).tolist()
/// [1]
EXPOSE(
    "multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> "
    "Tensor",
    multinomial, function | method | out);

// ---- counts

Tensor poisson(const Tensor& self, Generator* generator) {
  return differentiable(
      "PoissonBackward0", {},
      [&] {
        const Tensor rate = as_contiguous(widened(self)), result = empty(self.sizes(), rate.dtype());
        const DType dtype = rate.dtype();
        const int64_t n = self.numel();
        visit_floating(dtype, "poisson_cpu", [&]<class T>() {
          if (!host_readable(self.device())) return;
          for (int64_t i = 0; i < n; ++i) {
            const T r = rate.data<T>()[i];
            check(r >= 0, "invalid Poisson rate, expected rate to be non-negative, got ", r);
            check(std::isfinite(r), "invalid Poisson rate, expected rate to be finite, got ", r);
          }
        });
        draw_items(generator, result->data, n, 100, [=, rates = rate.data()](Generator& g, void* items) {
          random::poisson(g, dtype, items, n, rates);
        });
        return narrowed(result, self.dtype());
      },
      wrt(self, zeros_for(self)));
}

/// Numbers of events of a Poisson process, with the rate that each element gives.
///
/// Args:
///     self: rates, not negative
///     generator: the source of randomness, the default one if None
///
/// Raises:
///     RuntimeError: a negative rate.
///
/// >>> torch.poisson(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("poisson(Tensor self, Generator? generator=None) -> Tensor", poisson, function);

Tensor binomial(const Tensor& count, const Tensor& prob, Generator* generator) {
  check<ValueError>(
      is_floating(count.dtype()),
      "binomial only supports floating-point dtypes for count, got: ", scalar_type_name(count.dtype()));
  check<ValueError>(is_floating(prob.dtype()), "binomial only supports floating-point dtypes for prob, got: ",
                    scalar_type_name(prob.dtype()));
  check(count.dtype() == prob.dtype(), "Found dtype ", scalar_type_name(prob.dtype()), " but expected ",
        scalar_type_name(count.dtype()), ": count and prob must have one dtype");
  return differentiable(
      "BinomialBackward0", {},
      [&] {
        const Dims sizes = broadcast_sizes(count.sizes(), prob.sizes());
        const Tensor counts = as_contiguous(expand(count, sizes));
        const Tensor p = as_contiguous(expand(prob, sizes)), result = empty(sizes, p.dtype());
        const DType dtype = p.dtype();
        const int64_t n = result.numel();
        draw_items(generator, result->data, n, 100,
                   [=, trials = counts.data(), chances = p.data()](Generator& g, void* items) {
                     random::binomial(g, dtype, items, n, trials, chances);
                   });
        return result;
      },
      wrt(count, zeros_for(count)), wrt(prob, zeros_for(prob)));
}

/// Numbers of successes among `count` trials.
///
/// Args:
///     count: floating point, broadcasts
///     prob: in [0, 1], broadcasts
///     generator: the source of randomness, the default one if None
///
/// >>> torch.binomial(torch.tensor([4.0]), torch.tensor([1.0])).tolist()
/// [4.0]
EXPOSE("binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor", binomial, function);

// ---- dropout

// Whether dropout leaves the input as it is; throws RuntimeError where it cannot work.
bool nothing_dropped(const Tensor& input, double p, bool train) {
  check(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ", p);
  if (p == 0 || !train || input.numel() == 0) return true;
  check(can_carry_gradient(input), "result type Float can't be cast to the desired output type ",
        scalar_type_name(input.dtype()), ": dropout needs floating-point input");
  return false;
}

// 1 / (1 - p) with probability 1 - p, else 0.
void draw_noise(const Tensor& noise, double p) {
  if (p == 1)
    fill_raw(noise, 0);
  else
    draw_bernoulli(noise, 1 - p, nullptr, 1 / (1 - p));
}

// input * noise, and 0 for what is dropped, even if it is infinite.
Tensor masked(const Tensor& input, const Tensor& noise, double p, const Out& out) {
  return differentiable(
      "MulBackward0", out,
      [&] {
        draw_noise(noise, p);
        return mul_or_zero(input, noise, out);
      },
      wrt(input, [noise = saved(noise)](const Tensor& grad) { return mul_or_zero(grad, noise()); }));
}

// One number for each sample and channel.
Tensor feature_noise(const Tensor& input) {
  check(input.dim() >= 2, "Feature dropout requires at least 2 dimensions in the input, got ", input.dim());
  Dims sizes = input.sizes();
  for (int d = 2; d < sizes.count; ++d) sizes[d] = 1;
  return empty(sizes, input.dtype());
}

// Klambauer et al., "Self-Normalizing Neural Networks", 2017, appendix 7: what is dropped takes SELU's limit
// for large negative input, and an affine map restores mean and variance.
Tensor alpha_masked(const Tensor& input, const Tensor& noise, double p, const Out& out) {
  if (p == 1) {
    fill_raw(noise, 0);
    return mul_or_zero(input, noise, out);
  }
  constexpr double kLimit = 1.7580993408473766;
  const double scale = 1 / std::sqrt((kLimit * kLimit * p + 1) * (1 - p));
  draw_bernoulli(noise, 1 - p, nullptr);
  const Tensor shift = add(mul(add(noise, Scalar(-1)), Scalar(kLimit * scale)), Scalar(kLimit * scale * p));
  mul(noise, Scalar(scale), Out{noise.get(), nullptr, true});
  return add(mul_or_zero(input, noise, out), shift, 1, out);
}

}  // namespace

Tensor dropout(const Tensor& input, double p, bool train, const Out& out) {
  if (nothing_dropped(input, p, train)) return input;
  return masked(input, empty_like(input, input.dtype()), p, out);
}

/// Sets elements to zero with probability p and scales the others by 1 / (1 - p).
///
/// Args:
///     input: any shape
///     p: in [0, 1]
///     train: nothing happens otherwise
///
/// Raises:
///     RuntimeError: p outside of [0, 1].
///
/// >>> torch.dropout(torch.ones(2), 1.0, True).tolist()
/// [0.0, 0.0]
///
/// Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014.
EXPOSE("dropout(Tensor input, float p, bool train) -> Tensor", dropout,
       function | inplace | inplace_function | nn);

namespace {

Tensor feature_dropout(const Tensor& input, double p, bool train, const Out& out) {
  if (nothing_dropped(input, p, train)) return input;
  return masked(input, feature_noise(input), p, out);
}

/// Dropout of whole channels.
///
/// Args:
///     input: (N, C, ...)
///     p: in [0, 1]
///     train: nothing happens otherwise
///
/// >>> torch.feature_dropout(torch.ones(1, 2, 1), 1.0, True).flatten().tolist()
/// [0.0, 0.0]
///
/// Source: Tompson et al., Efficient object localization using convolutional networks, 2015.
EXPOSE("feature_dropout(Tensor input, float p, bool train) -> Tensor", feature_dropout,
       function | inplace | inplace_function | nn);

Tensor alpha_dropout(const Tensor& input, double p, bool train, const Out& out) {
  if (nothing_dropped(input, p, train)) return input;
  return alpha_masked(input, empty_like(input, input.dtype()), p, out);
}

/// Dropout that keeps mean and variance of what `selu` gives: dropped elements take the negative limit of
/// selu.
///
/// Args:
///     input: any shape
///     p: in [0, 1]
///     train: nothing happens otherwise
///
/// >>> torch.alpha_dropout(torch.ones(2), 0.5, False).tolist()
/// [1.0, 1.0]
///
/// Source: Klambauer et al., Self-normalizing neural networks, 2017.
EXPOSE("alpha_dropout(Tensor input, float p, bool train) -> Tensor", alpha_dropout,
       function | inplace | inplace_function | nn);

Tensor feature_alpha_dropout(const Tensor& input, double p, bool train, const Out& out) {
  if (nothing_dropped(input, p, train)) return input;
  return alpha_masked(input, feature_noise(input), p, out);
}

/// `alpha_dropout` of whole channels.
///
/// Args:
///     input: (N, C, ...)
///     p: in [0, 1]
///     train: nothing happens otherwise
///
/// >>> torch.feature_alpha_dropout(torch.ones(1, 2, 1), 0.5, False).flatten().tolist()
/// [1.0, 1.0]
EXPOSE("feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor", feature_alpha_dropout,
       function | inplace | inplace_function | nn);

}  // namespace

}  // namespace flambeau
