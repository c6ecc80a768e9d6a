// The kernels of layer and group normalisation. A kernel source: compiled once per instruction set.
//
// Sums go over short stretches in the row's dtype, and from stretch to stretch in float64.
#include "core/cpu/normalisation/sums.h"
#include "core/math/half.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kColumns = 1024;  // of long rows, all of whose operands fit into the first-level cache
constexpr int kInputSlot = 0, kGradientSlot = 1, kResultSlot = 2;  // of thread_scratch

template <class T>
void normalize_one(const NormShape& s, const T* x, const T* weight, const T* bias, T* y, T* mean_of,
                   T* scale_of) {
  const int64_t n = s.size();
  const double count = static_cast<double>(n);
  T mean = 0;
  double variance;
  if (s.centred) {
    const Moments of_row = moments_of(x, n);
    mean = static_cast<T>(of_row.mean);
    variance = larger(of_row.squares / count, 0.0);
  } else {
    variance = sums_about(x, n, T(0)).second / count;
  }
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
void backward_elements(const BackwardRow<T>& row, int64_t n, bool centred) {
  const auto [g, x, weight, mean, scale, grad_input, grad_weight, grad_bias] = row;
  if (grad_input) {
    const auto of_row = [&](auto weighted) __attribute__((always_inline)) {
      const TwoSums sums = sum_two<T>(n, [&](int64_t i, auto& a, auto& b) __attribute__((always_inline)) {
        const auto u = weighted(i, item<T>(g + i, a));
        a += u;
        b += u * ((item<T>(x + i, a) - mean) * scale);
      });
      const T mean_u = centred ? static_cast<T>(sums.first / static_cast<double>(n)) : T(0);
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
  const T mean_u = s.centred ? static_cast<T>(sum_u / static_cast<double>(s.size())) : T(0);
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
      backward_elements(row, n, s.centred);
    if (result) narrow_row<S, T>(to, n, result);
  }
}

// ---- long rows: first the sums that a row's gradient wants, then all three gradients of a few columns after
// the others, of all rows

template <class S, class T>
TwoSums row_sums(const NormShape& s, int64_t row, const void* grad_output, const void* x, const void* weight,
                 const void* means, const void* scales) {
  const int64_t n = s.size();
  const T mean = static_cast<const T*>(means)[row], scale = static_cast<const T*>(scales)[row];
  TwoSums total{0, 0};
  for (int64_t start = 0; start < n; start += kStretch) {
    const int64_t count = smaller(n - start, kStretch);
    const T* const g =
        widened_row<S, T>(static_cast<const S*>(grad_output) + row * n + start, count, kGradientSlot);
    const T* const from = widened_row<S, T>(static_cast<const S*>(x) + row * n + start, count, kInputSlot);
    const T* const w = weight ? static_cast<const T*>(weight) + start : nullptr;
    const auto add = [&](auto weighted) __attribute__((always_inline)) {
      const TwoSums sums = sum_two<T>(count, [&](int64_t i, auto& a, auto& b) __attribute__((always_inline)) {
        const auto u = weighted(i, item<T>(g + i, a));
        a += u;
        b += u * ((item<T>(from + i, a) - mean) * scale);
      });
      total.first += sums.first;
      total.second += sums.second;
    };
    if (w)
      add([w](int64_t i, const auto& v) __attribute__((always_inline)) { return v * item<T>(w + i, v); });
    else
      add([](int64_t, const auto& v) __attribute__((always_inline)) { return v; });
  }
  return total;
}

template <class S, class T>
void column_gradients(const NormShape& s, int64_t first, int64_t last, const void* grad_output, const void* x,
                      const void* weight, const void* means, const void* scales, const TwoSums* sums,
                      void* grad_input, void* grad_weight, void* grad_bias) {
  const int64_t n = s.size();
  const double length = static_cast<double>(n);
  for (int64_t start = first; start < last; start += kColumns) {
    const int64_t count = smaller(last - start, kColumns);
    const T* const w = weight ? static_cast<const T*>(weight) + start : nullptr;
    T* const gw = grad_weight ? static_cast<T*>(grad_weight) + start : nullptr;
    T* const gb = grad_bias ? static_cast<T*>(grad_bias) + start : nullptr;
    for (int64_t i = 0; gw && i < count; ++i) gw[i] = 0;
    for (int64_t i = 0; gb && i < count; ++i) gb[i] = 0;
    for (int64_t row = 0; row < s.rows; ++row) {
      const int64_t place = row * n + start;
      const T mean = static_cast<const T*>(means)[row], scale = static_cast<const T*>(scales)[row];
      const T mean_u = s.centred ? static_cast<T>(sums[row].first / length) : T(0);
      const T mean_uh = static_cast<T>(sums[row].second / length);
      const T* const g = widened_row<S, T>(static_cast<const S*>(grad_output) + place, count, kGradientSlot);
      const T* const from = widened_row<S, T>(static_cast<const S*>(x) + place, count, kInputSlot);
      S* const result = grad_input ? static_cast<S*>(grad_input) + place : nullptr;
      T* to = nullptr;
      if constexpr (kSame<S, T>)
        to = result;
      else if (result)
        to = scratch_row<T>(kResultSlot, count);
      if (to && w)
        for (int64_t i = 0; i < count; ++i)
          to[i] = scale * (g[i] * w[i] - mean_u - (from[i] - mean) * scale * mean_uh);
      else if (to)
        for (int64_t i = 0; i < count; ++i)
          to[i] = scale * (g[i] - mean_u - (from[i] - mean) * scale * mean_uh);
      if (gw)
        for (int64_t i = 0; i < count; ++i) gw[i] += g[i] * ((from[i] - mean) * scale);
      if (gb)
        for (int64_t i = 0; i < count; ++i) gb[i] += g[i];
      if (result) narrow_row<S, T>(to, count, result);
    }
  }
}

template <class S, class T>
void fill_type(NormKernels& kernels, DType dtype) {
  kernels.forward[static_cast<int>(dtype)] = forward<S, T>;
  kernels.backward[static_cast<int>(dtype)] = backward<S, T>;
  kernels.row_sums[static_cast<int>(dtype)] = row_sums<S, T>;
  kernels.column_gradients[static_cast<int>(dtype)] = column_gradients<S, T>;
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
