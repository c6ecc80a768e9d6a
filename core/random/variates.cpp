// Distributions whose every sample has its own parameters, by rejection.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/random/distributions.h"
#include "core/tensor/dispatch.h"

namespace flambeau::random {
namespace {

// Hoermann, "The transformed rejection method for generating Poisson random variables", 1993: algorithm PTRS.
double transformed_poisson(Generator& generator, double mean) {
  const double log_mean = std::log(mean);
  const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = standard_uniform(generator) - 0.5, v = standard_uniform(generator);
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double log_ratio = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    if (log_ratio <= -mean + k * log_mean - std::lgamma(k + 1)) return k;
  }
}

// Knuth, The Art of Computer Programming, vol. 2, 3.4.1: arrivals at unit rate before time `mean`.
double counted_poisson(Generator& generator, double mean) {
  const double end = std::exp(-mean);
  double product = standard_uniform(generator), k = 0;
  for (; product > end; ++k) product *= standard_uniform(generator);
  return k;
}

// log(k!) less its Stirling approximation in k + 1 (Hoermann, 1993, table 1, and the series past it).
double stirling_tail(double k) {
  static constexpr double kTail[] = {
      0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
      0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287};
  if (k < 10) return kTail[static_cast<int>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Hoermann, "The generation of binomial random variates", 1993: algorithm BTRS; count * p >= 10, p <= 1/2.
// Where an expression is of type T, its rounding is part of PyTorch's stream.
template <class T>
T transformed_binomial(Generator& generator, T count, T p) {
  const double deviation = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = count * p + 0.5, v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * deviation;
  const double odds = p / (1 - p), mode = std::floor((count + 1) * p);
  for (;;) {
    const double u = standard_uniform(generator) - 0.5, v = standard_uniform(generator);
    const double us = 0.5 - std::abs(u);
    const T k = static_cast<T>(std::floor((2 * a / us + b) * u + c));
    if (k < 0 || k > count) continue;
    if (us >= 0.07 && v <= v_r) return k;
    const double bound = (mode + 0.5) * std::log((mode + 1) / (odds * (count - mode + 1))) +
                         (count + 1) * std::log((count - mode + 1) / (count - k + 1)) +
                         (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) + stirling_tail(mode) +
                         stirling_tail(count - mode) - stirling_tail(k) - stirling_tail(count - k);
    if (std::log(v * alpha / (a / (us * us) + b)) <= bound) return k;
  }
}

// Devroye, Non-Uniform Random Variate Generation, 1986, X.4.3: sums of geometric waiting times.
template <class T>
T waiting_binomial(Generator& generator, T count, T p) {
  const double log_failure = std::log1p(-p);
  double waited = 0;
  for (T successes = 0;; ++successes) {
    waited += std::ceil(std::log(standard_uniform(generator)) / log_failure);
    if (waited > count) return successes;
  }
}

template <class T>
T one_binomial(Generator& generator, T count, T p) {
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  // Rejection would not end.
  if (!std::isfinite(count) || std::isnan(p)) return std::numeric_limits<T>::quiet_NaN();
  if (p > T(0.5)) return count - one_binomial(generator, count, T(1 - p));
  return count * p >= 10 ? transformed_binomial(generator, count, p) : waiting_binomial(generator, count, p);
}

// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000.
template <class T>
double one_gamma(Generator& generator, T shape) {
  if (!std::isfinite(shape)) return shape;  // rejection would not end
  double scale = 1;
  if (shape < 1) {
    if (shape == 0) return 0;
    scale = std::pow(1 - standard_uniform(generator), static_cast<double>(T{1} / shape));
    shape += 1;
  }
  const double d = shape - 1.0f / 3.0f, c = 1 / std::sqrt(9 * d);
  for (;;) {
    double x, root;
    do {
      x = standard_normal(generator);
      root = 1 + c * x;
    } while (root <= 0);
    const double v = root * root * root, u = 1 - standard_uniform(generator), square = x * x;
    if (u < 1 - 0.0331f * square * square) return scale * d * v;
    if (std::log(u) < 0.5 * square + d * (1 - v + std::log(v))) return scale * d * v;
  }
}

}  // namespace

void poisson(Generator& generator, DType dtype, void* out, int64_t n, const void* mean) {
  visit_floating(dtype, "poisson_cpu", [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) {
      const double m = static_cast<const T*>(mean)[i];
      static_cast<T*>(out)[i] = static_cast<T>(m >= 10  ? transformed_poisson(generator, m)
                                               : m == 0 ? 0
                                                        : counted_poisson(generator, m));
    }
  });
}

void binomial(Generator& generator, DType dtype, void* out, int64_t n, const void* count, const void* p) {
  visit_floating(dtype, "binomial_cpu", [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) {
      static_cast<T*>(out)[i] =
          one_binomial(generator, static_cast<const T*>(count)[i], static_cast<const T*>(p)[i]);
    }
  });
}

void standard_gamma(Generator& generator, DType dtype, void* out, int64_t n, const void* shape) {
  visit_floating(dtype, "gamma_cpu", [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) {
      const T sample = static_cast<T>(one_gamma(generator, static_cast<const T*>(shape)[i]));
      static_cast<T*>(out)[i] = std::max(std::numeric_limits<T>::min(), sample);
    }
  });
}

}  // namespace flambeau::random
