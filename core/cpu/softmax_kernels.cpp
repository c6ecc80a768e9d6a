// The kernels of softmax, log-softmax, logsumexp and cross entropy. A kernel source: compiled once per
// instruction set.
//
// Along rows (inner 1) a row passes through the first-level cache a few times; otherwise tiles of columns are
// worked on side by side, one row of them at a time.
#include "core/cpu/lanes.h"
#include "core/cpu/softmax.h"
#include "core/math/exp.h"
#include "core/math/log.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kTile = 256;

// exp(x) for x <= 0 or a little above; 0 where the result would not be a normal number, NaN for NaN.
template <class T>
[[gnu::always_inline]] inline T exp_of_nonpositive(T x) {
  constexpr T kLowest = sizeof(T) == 4 ? T(-87) : T(-708);
  const auto [n, r] = math::reduce_by_ln2(x < kLowest ? kLowest : x);
  const T y = (T(1) + math::expm1_reduced(r)) * math::power_of_two(n);
  return x < kLowest ? T(0) : y;
}

template <class T>
[[gnu::always_inline]] inline T nan_or_larger(T a, T b) {
  return a != a ? a : b <= a ? a : b;
}

template <class T, int kN, class Combine>
[[gnu::always_inline]] inline T fold_lanes(Vec<T, kN> v, Combine combine) {
  if constexpr (kN == 2) {
    return combine(T(v[0]), T(v[1]));
  } else {
    alignas(kVectorBytes) T items[kN];
    store(items, v);
    return fold_lanes<T, kN / 2>(combine(load_lanes<kN / 2>(items), load_lanes<kN / 2>(items + kN / 2)),
                                 combine);
  }
}

// Four vectors of partial results: combine(vector, vector) and combine(T, T).
template <class T, class Load, class Combine>
[[gnu::always_inline]] inline T fold_row(int64_t n, T start, Load item, Combine combine) {
  constexpr int kL = kLanes<T>;
  T total = start;
  int64_t i = 0;
  if (n >= kL) {
    Vec<T> v0 = broadcast(start), v1 = v0, v2 = v0, v3 = v0;
    for (; i + 4 * kL <= n; i += 4 * kL) {
      v0 = combine(v0, item(i, Vec<T>{}));
      v1 = combine(v1, item(i + kL, Vec<T>{}));
      v2 = combine(v2, item(i + 2 * kL, Vec<T>{}));
      v3 = combine(v3, item(i + 3 * kL, Vec<T>{}));
    }
    for (; i + kL <= n; i += kL) v0 = combine(v0, item(i, Vec<T>{}));
    total = combine(total, fold_lanes<T, kL>(combine(combine(v0, v1), combine(v2, v3)), combine));
  }
  for (; i < n; ++i) total = combine(total, item(i, T{}));
  return total;
}

struct Loader {
  template <class T>
  [[gnu::always_inline]] static Vec<T> get(const T* p, Vec<T>) {
    return load(p);
  }
  template <class T>
  [[gnu::always_inline]] static T get(const T* p, T) {
    return *p;
  }
};

template <class T>
T row_max(const T* x, int64_t n) {
  return fold_row(
      n, static_cast<T>(-__builtin_huge_val()),
      [x](int64_t i, auto kind) __attribute__((always_inline)) { return Loader::get<T>(x + i, kind); },
      [](auto a, auto b) __attribute__((always_inline)) { return nan_or_larger(a, b); });
}
template <class T>
T row_sum(const T* x, int64_t n) {
  return fold_row(
      n, T(0),
      [x](int64_t i, auto kind) __attribute__((always_inline)) { return Loader::get<T>(x + i, kind); },
      [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}
template <class T>
T row_dot(const T* x, const T* y, int64_t n) {
  return fold_row(
      n, T(0),
      [x, y](int64_t i, auto kind) __attribute__((always_inline)) {
        return Loader::get<T>(x + i, kind) * Loader::get<T>(y + i, kind);
      },
      [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

// A piece of a row, filled up with -inf to whole vectors, so that short rows need no loop over single items.
template <class T>
class Tile {
 public:
  Tile(const T* x, int64_t n) : size_((n + kL - 1) / kL * kL) {
    int64_t i = 0;
    for (; i + kL <= n; i += kL) store(items_ + i, load(x + i));
    if (i < n) store(items_ + i, broadcast(static_cast<T>(-__builtin_huge_val())));
    for (; i < n; ++i) items_[i] = x[i];
  }
  T max() const { return row_max(items_, size_); }
  // Replaces each item by its exponential; returns their sum.
  T exp(T shift) {
    for (int64_t i = 0; i < size_; ++i) items_[i] = exp_of_nonpositive(items_[i] - shift);
    return row_sum(items_, size_);
  }
  const T* items() const { return items_; }

 private:
  static constexpr int kL = kLanes<T>;
  alignas(64) T items_[kTile];
  int64_t size_;
};

template <class T>
T row_sum_of_exp(const T* x, int64_t n, T shift) {
  T sum = 0;
  for (int64_t first = 0; first < n; first += kTile)
    sum += Tile<T>(x + first, smaller(kTile, n - first)).exp(shift);
  return sum;
}

// What is subtracted before exp: the maximum, but 0 for a row of -inf or one with +inf, so that logsumexp is
// theirs.
template <class T>
T finite_shift(T max) {
  return max - max == 0 || max != max ? max : T(0);
}

template <class T>
T row_logsumexp(const T* x, int64_t n) {
  if (n <= kTile) {
    Tile<T> tile(x, n);
    const T max = tile.max();
    return max - max != 0 ? max : max + math::log(tile.exp(max));
  }
  const T max = row_max(x, n);
  if (max - max != 0) return max;  // infinite or NaN
  return max + math::log(row_sum_of_exp(x, n, max));
}

// Maxima and sums of exponentials of `width` columns, `stride` between rows.
template <class T>
void column_max(const T* x, int64_t size, int64_t stride, int64_t width, T* max) {
  for (int64_t c = 0; c < width; ++c) max[c] = static_cast<T>(-__builtin_huge_val());
  for (int64_t i = 0; i < size; ++i, x += stride)
    for (int64_t c = 0; c < width; ++c) max[c] = nan_or_larger(max[c], x[c]);
}
template <class T>
void column_sum_of_exp(const T* x, int64_t size, int64_t stride, int64_t width, const T* shift, T* sum) {
  for (int64_t c = 0; c < width; ++c) sum[c] = 0;
  for (int64_t i = 0; i < size; ++i, x += stride)
    for (int64_t c = 0; c < width; ++c) sum[c] += exp_of_nonpositive(x[c] - shift[c]);
}
template <class T>
void column_logsumexp(const T* x, int64_t size, int64_t stride, int64_t width, T* result) {
  T shift[kTile], sum[kTile];
  column_max(x, size, stride, width, result);
  for (int64_t c = 0; c < width; ++c) shift[c] = finite_shift(result[c]);
  column_sum_of_exp(x, size, stride, width, shift, sum);
  for (int64_t c = 0; c < width; ++c)
    result[c] = result[c] - result[c] == 0 ? result[c] + math::log(sum[c]) : result[c];
}

// Calls row(offset) where inner is 1, else columns(offset, width) for tiles.
template <class Row, class Columns>
void walk(SoftmaxShape s, Row row, Columns columns) {
  for (int64_t o = 0; o < s.outer; ++o) {
    if (s.inner == 1) {
      row(o * s.size, o);
      continue;
    }
    for (int64_t c = 0; c < s.inner; c += kTile)
      columns(o * s.size * s.inner + c, smaller(kTile, s.inner - c), o * s.inner + c);
  }
}

template <class T>
void softmax(SoftmaxShape s, const void* input, void* output) {
  walk(
      s,
      [&](int64_t at, int64_t) {
        const T* const x = static_cast<const T*>(input) + at;
        T* const y = static_cast<T*>(output) + at;
        if (s.size <= kTile) {
          Tile<T> tile(x, s.size);
          const T scale = T(1) / tile.exp(tile.max());
          for (int64_t i = 0; i < s.size; ++i) y[i] = tile.items()[i] * scale;
          return;
        }
        const T max = row_max(x, s.size);
        for (int64_t i = 0; i < s.size; ++i) y[i] = exp_of_nonpositive(x[i] - max);
        const T scale = T(1) / row_sum(y, s.size);
        for (int64_t i = 0; i < s.size; ++i) y[i] *= scale;
      },
      [&](int64_t at, int64_t width, int64_t) {
        const T* const x = static_cast<const T*>(input) + at;
        T* const y = static_cast<T*>(output) + at;
        T max[kTile], sum[kTile];
        column_max(x, s.size, s.inner, width, max);
        for (int64_t c = 0; c < width; ++c) sum[c] = 0;
        for (int64_t i = 0; i < s.size; ++i)
          for (int64_t c = 0; c < width; ++c) {
            const T e = exp_of_nonpositive(x[i * s.inner + c] - max[c]);
            y[i * s.inner + c] = e;
            sum[c] += e;
          }
        for (int64_t c = 0; c < width; ++c) sum[c] = T(1) / sum[c];
        for (int64_t i = 0; i < s.size; ++i)
          for (int64_t c = 0; c < width; ++c) y[i * s.inner + c] *= sum[c];
      });
}

template <class T>
void log_softmax(SoftmaxShape s, const void* input, void* output) {
  walk(
      s,
      [&](int64_t at, int64_t) {
        const T* const x = static_cast<const T*>(input) + at;
        T* const y = static_cast<T*>(output) + at;
        T max, sum;
        if (s.size <= kTile) {
          Tile<T> tile(x, s.size);
          max = tile.max();
          sum = tile.exp(max);
        } else {
          max = row_max(x, s.size);
          sum = row_sum_of_exp(x, s.size, max);
        }
        const T log_sum = math::log(sum);
        for (int64_t i = 0; i < s.size; ++i) y[i] = (x[i] - max) - log_sum;
      },
      [&](int64_t at, int64_t width, int64_t) {
        const T* const x = static_cast<const T*>(input) + at;
        T* const y = static_cast<T*>(output) + at;
        T max[kTile], sum[kTile];
        column_max(x, s.size, s.inner, width, max);
        column_sum_of_exp(x, s.size, s.inner, width, max, sum);
        for (int64_t c = 0; c < width; ++c) sum[c] = math::log(sum[c]);
        for (int64_t i = 0; i < s.size; ++i)
          for (int64_t c = 0; c < width; ++c) y[i * s.inner + c] = (x[i * s.inner + c] - max[c]) - sum[c];
      });
}

template <class T>
void logsumexp(SoftmaxShape s, const void* input, void* output) {
  const T* const x = static_cast<const T*>(input);
  T* const y = static_cast<T*>(output);
  walk(
      s, [&](int64_t at, int64_t out) { y[out] = row_logsumexp(x + at, s.size); },
      [&](int64_t at, int64_t width, int64_t out) {
        column_logsumexp(x + at, s.size, s.inner, width, y + out);
      });
}

template <class T>
void softmax_backward(SoftmaxShape s, const void* grad_output, const void* output, void* grad_input) {
  walk(
      s,
      [&](int64_t at, int64_t) {
        const T* const g = static_cast<const T*>(grad_output) + at;
        const T* const y = static_cast<const T*>(output) + at;
        T* const result = static_cast<T*>(grad_input) + at;
        const T sum = row_dot(g, y, s.size);
        for (int64_t i = 0; i < s.size; ++i) result[i] = y[i] * (g[i] - sum);
      },
      [&](int64_t at, int64_t width, int64_t) {
        const T* const g = static_cast<const T*>(grad_output) + at;
        const T* const y = static_cast<const T*>(output) + at;
        T* const result = static_cast<T*>(grad_input) + at;
        T sum[kTile] = {};
        for (int64_t i = 0; i < s.size; ++i)
          for (int64_t c = 0; c < width; ++c) sum[c] += g[i * s.inner + c] * y[i * s.inner + c];
        for (int64_t i = 0; i < s.size; ++i)
          for (int64_t c = 0; c < width; ++c)
            result[i * s.inner + c] = y[i * s.inner + c] * (g[i * s.inner + c] - sum[c]);
      });
}

template <class T>
void log_softmax_backward(SoftmaxShape s, const void* grad_output, const void* output, void* grad_input) {
  walk(
      s,
      [&](int64_t at, int64_t) {
        const T* const g = static_cast<const T*>(grad_output) + at;
        const T* const y = static_cast<const T*>(output) + at;
        T* const result = static_cast<T*>(grad_input) + at;
        const T sum = row_sum(g, s.size);
        for (int64_t i = 0; i < s.size; ++i) result[i] = g[i] - exp_of_nonpositive(y[i]) * sum;
      },
      [&](int64_t at, int64_t width, int64_t) {
        const T* const g = static_cast<const T*>(grad_output) + at;
        const T* const y = static_cast<const T*>(output) + at;
        T* const result = static_cast<T*>(grad_input) + at;
        T sum[kTile] = {};
        for (int64_t i = 0; i < s.size; ++i)
          for (int64_t c = 0; c < width; ++c) sum[c] += g[i * s.inner + c];
        for (int64_t i = 0; i < s.size; ++i)
          for (int64_t c = 0; c < width; ++c)
            result[i * s.inner + c] = g[i * s.inner + c] - exp_of_nonpositive(y[i * s.inner + c]) * sum[c];
      });
}

// ---- cross entropy
// ------------------------------------------------------------------------------------------------

// Label smoothing (Szegedy et al., 2016): the target has 1 - e of the probability, e is spread evenly over
// all classes.
template <class T>
void cross_entropy(const ClassLoss& loss, const void* scores, void* out_losses, void* out_weights,
                   void* out_normalizer) {
  const SoftmaxShape s = loss.shape;
  const T* const weight = static_cast<const T*>(loss.weight);
  const T* const x = static_cast<const T*>(scores);
  T* const losses = static_cast<T*>(out_losses);
  T* const weights = static_cast<T*>(out_weights);
  T* const normalizer = static_cast<T*>(out_normalizer);
  logsumexp<T>(s, scores, out_normalizer);
  const T smoothing = static_cast<T>(loss.label_smoothing), share = smoothing / static_cast<T>(s.size);
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t c = 0; c < s.inner; ++c) {
      const int64_t at = o * s.inner + c, target = loss.targets[at];
      const T* const column = x + o * s.size * s.inner + c;
      losses[at] = weights[at] = 0;
      if (target == loss.ignore_index) continue;
      const T w = weight ? weight[target] : T(1);
      weights[at] = w;
      losses[at] = (T(1) - smoothing) * w * (normalizer[at] - column[target * s.inner]);
      if (smoothing == 0) continue;
      T all = 0;
      for (int64_t k = 0; k < s.size; ++k)
        all += (weight ? weight[k] : T(1)) * (normalizer[at] - column[k * s.inner]);
      losses[at] += share * all;
    }
}

template <class T>
void cross_entropy_backward(const ClassLoss& loss, const void* grad_losses, int64_t grad_stride,
                            double divisor, const void* scores, const void* log_normalizer,
                            void* grad_scores) {
  const SoftmaxShape s = loss.shape;
  const T* const weight = static_cast<const T*>(loss.weight);
  const T* const x = static_cast<const T*>(scores);
  const T* const upstream = static_cast<const T*>(grad_losses);
  const T* const normalizer = static_cast<const T*>(log_normalizer);
  T* const grad = static_cast<T*>(grad_scores);
  const T smoothing = static_cast<T>(loss.label_smoothing), share = smoothing / static_cast<T>(s.size);
  const T inverse = static_cast<T>(1 / divisor);
  T all_weights = static_cast<T>(s.size);
  if (weight) all_weights = row_sum(weight, s.size);
  // d loss / d x_k = on_softmax softmax_k - on_target [k = target] - share scale w_k
  T scale[kTile], on_softmax[kTile], on_target[kTile];
  const auto factors = [&](int64_t position, int64_t count) {
    for (int64_t c = 0; c < count; ++c) {
      const int64_t target = loss.targets[position + c];
      const bool counts = target != loss.ignore_index;
      scale[c] = counts ? upstream[(position + c) * grad_stride] * inverse : T(0);
      on_target[c] = counts ? (T(1) - smoothing) * scale[c] * (weight ? weight[target] : T(1)) : T(0);
      on_softmax[c] = on_target[c] + share * scale[c] * all_weights;
    }
  };
  walk(
      s,
      [&](int64_t at, int64_t position) {
        factors(position, 1);
        T* const g = grad + at;
        const T shift = normalizer[position], factor = on_softmax[0];
        if (loss.targets[position] == loss.ignore_index) {
          for (int64_t k = 0; k < s.size; ++k) g[k] = 0;
          return;
        }
        for (int64_t first = 0; first < s.size; first += kTile) {
          const int64_t count = smaller(kTile, s.size - first);
          Tile<T> tile(x + at + first, count);
          tile.exp(shift);
          for (int64_t k = 0; k < count; ++k) g[first + k] = factor * tile.items()[k];
        }
        g[loss.targets[position]] -= on_target[0];
        if (smoothing != 0)
          for (int64_t k = 0; k < s.size; ++k) g[k] -= share * scale[0] * (weight ? weight[k] : T(1));
      },
      [&](int64_t at, int64_t width, int64_t position) {
        factors(position, width);
        for (int64_t k = 0; k < s.size; ++k) {
          const T w = share * (weight ? weight[k] : T(1));
          const T* const row = x + at + k * s.inner;
          T* const g = grad + at + k * s.inner;
          for (int64_t c = 0; c < width; ++c) {
            const T value =
                on_softmax[c] * exp_of_nonpositive(row[c] - normalizer[position + c]) - w * scale[c];
            g[c] = on_softmax[c] == 0 ? T(0) : value;
          }
        }
        for (int64_t c = 0; c < width; ++c)
          if (loss.targets[position + c] != loss.ignore_index)
            grad[at + loss.targets[position + c] * s.inner + c] -= on_target[c];
      });
}

template <class T>
void fill_type(SoftmaxKernels& kernels, DType dtype) {
  const int d = static_cast<int>(dtype);
  kernels.softmax[d] = softmax<T>;
  kernels.log_softmax[d] = log_softmax<T>;
  kernels.logsumexp[d] = logsumexp<T>;
  kernels.softmax_backward[d] = softmax_backward<T>;
  kernels.log_softmax_backward[d] = log_softmax_backward<T>;
  kernels.cross_entropy[d] = cross_entropy<T>;
  kernels.cross_entropy_backward[d] = cross_entropy_backward<T>;
}

}  // namespace

void fill(SoftmaxKernels& kernels) {
  kernels = {};
  fill_type<float>(kernels, DType::Float32);
  fill_type<double>(kernels, DType::Float64);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
