// The kernels of layer and group normalisation. A kernel source: compiled once per instruction set.
//
// A row passes through the cache a few times: for its mean, for its variance about that mean (one pass for
// both would cancel), and for the result. Sums go over short stretches in the row's dtype, and from stretch
// to stretch in float64.
#include "core/cpu/normalisation/sums.h"
#include "core/math/half.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int kInputSlot = 0, kGradientSlot = 1, kResultSlot = 2;  // of thread_scratch

// The sums of the two numbers, vectors of them, that items(i, kind of number, a, b) adds to a and b.
template <class T, class Items>
[[gnu::always_inline]] inline TwoSums sum_two(int64_t n, Items items) {
  constexpr int kL = kLanes<T>;
  TwoSums total{0, 0};
  for (int64_t start = 0; start < n; start += kStretch) {
    const int64_t end = smaller(n, start + kStretch);
    Vec<T> a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
    int64_t i = start;
    for (; i + 4 * kL <= end; i += 4 * kL) {
      items(i, a0, b0);
      items(i + kL, a1, b1);
      items(i + 2 * kL, a2, b2);
      items(i + 3 * kL, a3, b3);
    }
    for (; i + kL <= end; i += kL) items(i, a0, b0);
    T a = sum_of_lanes<T, kL>((a0 + a1) + (a2 + a3)), b = sum_of_lanes<T, kL>((b0 + b1) + (b2 + b3));
    for (; i < end; ++i) items(i, a, b);
    total.first += static_cast<double>(a);
    total.second += static_cast<double>(b);
  }
  return total;
}

template <class T>
double sum_of(const T* x, int64_t n) {
  return sum_two<T>(n,
                    [x](int64_t i, auto& a, auto&) __attribute__((always_inline)) { a += item<T>(x + i, a); })
      .first;
}

// The sum, and the sum of squares, about a shift.
template <class T>
TwoSums sums_about(const T* x, int64_t n, T shift) {
  return sum_two<T>(n, [x, shift](int64_t i, auto& a, auto& b) __attribute__((always_inline)) {
    const auto d = item<T>(x + i, a) - shift;
    a += d;
    b += d * d;
  });
}

template <class T>
void normalize_one(const NormShape& s, const T* x, const T* weight, const T* bias, T* y, T* mean_of,
                   T* scale_of) {
  const int64_t n = s.size();
  const double count = static_cast<double>(n);
  const T mean = static_cast<T>(sum_of(x, n) / count);
  // The mean's own rounding is taken out of the sum of squares.
  const TwoSums about = sums_about(x, n, mean);
  double variance = (about.second - about.first * about.first / count) / count;
  if (variance < 0) variance = 0;
  const T scale = static_cast<T>(1 / __builtin_sqrt(variance + s.eps));
  *mean_of = mean;
  *scale_of = scale;
  if (s.inner > 1) {
    for (int64_t c = 0; c < s.channels; ++c) {
      const T factor = weight ? scale * weight[c] : scale, summand = bias ? bias[c] : T(0);
      const T* const from = x + c * s.inner;
      T* const to = y + c * s.inner;
      for (int64_t i = 0; i < s.inner; ++i) to[i] = (from[i] - mean) * factor + summand;
    }
  } else if (weight && bias) {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
  } else if (weight) {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale * weight[i];
  } else if (bias) {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale + bias[i];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale;
  }
}

// Halves are widened row by row: S is the dtype in memory, T that of the arithmetic.
template <class S, class T>
constexpr bool kSame = __is_same(S, T);

template <class T>
T* scratch_row(int slot, int64_t n) {
  return static_cast<T*>(thread_scratch(slot, static_cast<size_t>(n) * sizeof(T)));
}
template <class S, class T>
[[gnu::always_inline]] inline const T* widened_row(const S* from, int64_t n, int slot) {
  if constexpr (kSame<S, T>) {
    return from;
  } else {
    T* const to = scratch_row<T>(slot, n);
    for (int64_t i = 0; i < n; ++i) to[i] = from[i];
    return to;
  }
}
template <class S, class T>
[[gnu::always_inline]] inline void narrow_row(const T* from, int64_t n, S* to) {
  if constexpr (!kSame<S, T>)
    for (int64_t i = 0; i < n; ++i) to[i] = S::of(from[i]);
}

template <class S, class T>
void forward(const NormShape& s, int64_t first, int64_t last, const void* x, const void* weight,
             const void* bias, void* y, void* means, void* scales) {
  const T* const w = static_cast<const T*>(weight);
  const T* const b = static_cast<const T*>(bias);
  const int64_t n = s.size();
  for (int64_t r = first; r < last; ++r) {
    const int64_t channel = r % s.groups * s.channels;
    S* const result = static_cast<S*>(y) + r * n;
    T* to;
    if constexpr (kSame<S, T>)
      to = result;
    else
      to = scratch_row<T>(kResultSlot, n);
    normalize_one(s, widened_row<S, T>(static_cast<const S*>(x) + r * n, n, kInputSlot),
                  w ? w + channel : nullptr, b ? b + channel : nullptr, to, static_cast<T*>(means) + r,
                  static_cast<T*>(scales) + r);
    narrow_row<S, T>(to, n, result);
  }
}

// With h = (x - mean) * scale and u = g * weight:
// dx = scale * (u - mean(u) - h * mean(u * h)), dweight = sum(g * h), dbias = sum(g).
template <class T>
struct BackwardRow {
  const T *g, *x, *weight;
  T mean, scale;
  T *grad_input, *grad_weight, *grad_bias;
};

template <class T>
void backward_elements(const BackwardRow<T>& row, int64_t n) {
  const auto [g, x, weight, mean, scale, grad_input, grad_weight, grad_bias] = row;
  if (grad_input) {
    const auto of_row = [&](auto weighted) __attribute__((always_inline)) {
      const TwoSums sums = sum_two<T>(n, [&](int64_t i, auto& a, auto& b) __attribute__((always_inline)) {
        const auto u = weighted(i, item<T>(g + i, a));
        a += u;
        b += u * ((item<T>(x + i, a) - mean) * scale);
      });
      const T mean_u = static_cast<T>(sums.first / static_cast<double>(n));
      const T mean_uh = static_cast<T>(sums.second / static_cast<double>(n));
      for (int64_t i = 0; i < n; ++i)
        grad_input[i] = scale * (weighted(i, g[i]) - mean_u - (x[i] - mean) * scale * mean_uh);
    };
    if (weight)
      of_row([weight](int64_t i, const auto& v)
                 __attribute__((always_inline)) { return v * item<T>(weight + i, v); });
    else
      of_row([](int64_t, const auto& v) __attribute__((always_inline)) { return v; });
  }
  if (grad_weight && grad_bias) {
    for (int64_t i = 0; i < n; ++i) {
      grad_weight[i] += g[i] * ((x[i] - mean) * scale);
      grad_bias[i] += g[i];
    }
  } else if (grad_weight) {
    for (int64_t i = 0; i < n; ++i) grad_weight[i] += g[i] * ((x[i] - mean) * scale);
  } else if (grad_bias) {
    for (int64_t i = 0; i < n; ++i) grad_bias[i] += g[i];
  }
}

template <class T>
void backward_channels(const BackwardRow<T>& row, const NormShape& s) {
  const auto [g, x, weight, mean, scale, grad_input, grad_weight, grad_bias] = row;
  double sum_u = 0, sum_uh = 0;
  for (int64_t c = 0; c < s.channels; ++c) {
    const T* const gc = g + c * s.inner;
    const T* const xc = x + c * s.inner;
    const T m = mean, k = scale;
    const TwoSums sums =
        sum_two<T>(s.inner, [gc, xc, m, k](int64_t i, auto& a, auto& b) __attribute__((always_inline)) {
          const auto v = item<T>(gc + i, a);
          a += v;
          b += v * ((item<T>(xc + i, a) - m) * k);
        });
    const double w = weight ? static_cast<double>(weight[c]) : 1.0;
    sum_u += w * sums.first;
    sum_uh += w * sums.second;
    if (grad_weight) grad_weight[c] += static_cast<T>(sums.second);
    if (grad_bias) grad_bias[c] += static_cast<T>(sums.first);
  }
  if (!grad_input) return;
  const T mean_u = static_cast<T>(sum_u / static_cast<double>(s.size()));
  const T mean_uh = static_cast<T>(sum_uh / static_cast<double>(s.size()));
  for (int64_t c = 0; c < s.channels; ++c) {
    const T* const gc = g + c * s.inner;
    const T* const xc = x + c * s.inner;
    T* const to = grad_input + c * s.inner;
    const T w = weight ? weight[c] : T(1), m = mean, k = scale;
    for (int64_t i = 0; i < s.inner; ++i) to[i] = k * (gc[i] * w - mean_u - (xc[i] - m) * k * mean_uh);
  }
}

template <class S, class T>
void backward(const NormShape& s, int64_t first, int64_t last, const void* grad_output, const void* x,
              const void* weight, const void* means, const void* scales, void* grad_input, void* grad_weight,
              void* grad_bias) {
  const auto at = [](auto* p, int64_t offset) { return p ? p + offset : nullptr; };
  const int64_t n = s.size();
  for (int64_t r = first; r < last; ++r) {
    const int64_t channel = r % s.groups * s.channels, start = r * n;
    S* const result = at(static_cast<S*>(grad_input), start);
    T* to = nullptr;
    if constexpr (kSame<S, T>)
      to = result;
    else if (result)
      to = scratch_row<T>(kResultSlot, n);
    const BackwardRow<T> row{widened_row<S, T>(static_cast<const S*>(grad_output) + start, n, kGradientSlot),
                             widened_row<S, T>(static_cast<const S*>(x) + start, n, kInputSlot),
                             at(static_cast<const T*>(weight), channel),
                             static_cast<const T*>(means)[r],
                             static_cast<const T*>(scales)[r],
                             to,
                             at(static_cast<T*>(grad_weight), channel),
                             at(static_cast<T*>(grad_bias), channel)};
    if (s.inner > 1)
      backward_channels(row, s);
    else
      backward_elements(row, n);
    if (result) narrow_row<S, T>(to, n, result);
  }
}

template <class S, class T>
void fill_type(NormKernels& kernels, DType dtype) {
  kernels.forward[static_cast<int>(dtype)] = forward<S, T>;
  kernels.backward[static_cast<int>(dtype)] = backward<S, T>;
}

}  // namespace

void fill(NormKernels& kernels) {
  kernels = {};
  fill_type<math::Half, float>(kernels, DType::Float16);
  fill_type<math::BFloat16, float>(kernels, DType::BFloat16);
  fill_type<float, float>(kernels, DType::Float32);
  fill_type<double, double>(kernels, DType::Float64);
  fill_channels(kernels.channels);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
