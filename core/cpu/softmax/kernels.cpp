// The kernels of softmax, log-softmax, logsumexp and cross entropy. A kernel source: compiled once per
// instruction set.
//
// Along rows (inner 1) a row passes through the first-level cache a few times; otherwise tiles of columns are
// worked on side by side, one row of them at a time. Short rows are transposed into such tiles: a row alone
// would be one long chain of dependent operations.
#include "core/cpu/lanes.h"
#include "core/cpu/lanes_transpose.h"
#include "core/cpu/softmax/softmax.h"
#include "core/math/exp_nonpositive.h"
#include "core/math/log.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

using math::exp_of_nonpositive;

constexpr int64_t kTile = 256;
constexpr int64_t kShortRow = 32;

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

template <class T>
T row_sum_of_exp(const T* x, int64_t n, T shift) {
  T items[kTile], sum = 0;
  for (int64_t first = 0; first < n; first += kTile) {
    const int64_t count = smaller(kTile, n - first);
    for (int64_t i = 0; i < count; ++i) items[i] = exp_of_nonpositive(x[first + i] - shift);
    sum += row_sum(items, count);
  }
  return sum;
}

// What is subtracted before exp: the maximum, but 0 for a row of -inf or one with +inf, so that logsumexp is
// theirs.
template <class T>
T finite_shift(T max) {
  return max - max == 0 || max != max ? max : T(0);
}

// ---- columns side by side: `width` of them, `stride` between rows

template <class T>
struct Columns {
  const T* first;   // x, or the gradient of the output
  const T* second;  // the output, in backward
  T* result;
  int64_t size, stride, width;
};

template <class T>
[[gnu::always_inline]] inline void column_max(const Columns<T>& p, T* max) {
  for (int64_t c = 0; c < p.width; ++c) max[c] = static_cast<T>(-__builtin_huge_val());
  for (int64_t i = 0; i < p.size; ++i)
    for (int64_t c = 0; c < p.width; ++c) max[c] = nan_or_larger(max[c], p.first[i * p.stride + c]);
}
template <class T>
[[gnu::always_inline]] inline void column_sum_of_exp(const Columns<T>& p, const T* shift, T* sum) {
  for (int64_t c = 0; c < p.width; ++c) sum[c] = 0;
  for (int64_t i = 0; i < p.size; ++i)
    for (int64_t c = 0; c < p.width; ++c) sum[c] += exp_of_nonpositive(p.first[i * p.stride + c] - shift[c]);
}

struct Softmax {
  template <class T>
  [[gnu::always_inline]] static void columns(const Columns<T>& p) {
    T max[kTile], sum[kTile];
    column_max(p, max);
    for (int64_t c = 0; c < p.width; ++c) sum[c] = 0;
    for (int64_t i = 0; i < p.size; ++i)
      for (int64_t c = 0; c < p.width; ++c) {
        const T e = exp_of_nonpositive(p.first[i * p.stride + c] - max[c]);
        p.result[i * p.stride + c] = e;
        sum[c] += e;
      }
    for (int64_t c = 0; c < p.width; ++c) sum[c] = T(1) / sum[c];
    for (int64_t i = 0; i < p.size; ++i)
      for (int64_t c = 0; c < p.width; ++c) p.result[i * p.stride + c] *= sum[c];
  }
  template <class T>
  static void row(const T* x, const T*, T* y, int64_t n) {
    const T max = row_max(x, n);
    for (int64_t i = 0; i < n; ++i) y[i] = exp_of_nonpositive(x[i] - max);
    const T scale = T(1) / row_sum(y, n);
    for (int64_t i = 0; i < n; ++i) y[i] *= scale;
  }
};

struct LogSoftmax {
  template <class T>
  [[gnu::always_inline]] static void columns(const Columns<T>& p) {
    T max[kTile], sum[kTile];
    column_max(p, max);
    column_sum_of_exp(p, max, sum);
    for (int64_t c = 0; c < p.width; ++c) sum[c] = math::log(sum[c]);
    for (int64_t i = 0; i < p.size; ++i)
      for (int64_t c = 0; c < p.width; ++c)
        p.result[i * p.stride + c] = (p.first[i * p.stride + c] - max[c]) - sum[c];
  }
  template <class T>
  static void row(const T* x, const T*, T* y, int64_t n) {
    const T max = row_max(x, n);
    const T log_sum = math::log(row_sum_of_exp(x, n, max));
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - max) - log_sum;
  }
};

// One result a column: `result` is a single row.
struct LogSumExp {
  template <class T>
  [[gnu::always_inline]] static void columns(const Columns<T>& p) {
    T max[kTile], shift[kTile], sum[kTile];
    column_max(p, max);
    for (int64_t c = 0; c < p.width; ++c) shift[c] = finite_shift(max[c]);
    column_sum_of_exp(p, shift, sum);
    for (int64_t c = 0; c < p.width; ++c)
      p.result[c] = max[c] - max[c] == 0 ? max[c] + math::log(sum[c]) : max[c];
  }
  template <class T>
  static void row(const T* x, const T*, T* y, int64_t n) {
    const T max = row_max(x, n);
    *y = max - max != 0 ? max : max + math::log(row_sum_of_exp(x, n, max));
  }
};

struct SoftmaxBackward {
  template <class T>
  [[gnu::always_inline]] static void columns(const Columns<T>& p) {
    T sum[kTile];
    for (int64_t c = 0; c < p.width; ++c) sum[c] = 0;
    for (int64_t i = 0; i < p.size; ++i)
      for (int64_t c = 0; c < p.width; ++c) sum[c] += p.first[i * p.stride + c] * p.second[i * p.stride + c];
    for (int64_t i = 0; i < p.size; ++i)
      for (int64_t c = 0; c < p.width; ++c)
        p.result[i * p.stride + c] = p.second[i * p.stride + c] * (p.first[i * p.stride + c] - sum[c]);
  }
  template <class T>
  static void row(const T* g, const T* y, T* result, int64_t n) {
    const T sum = row_dot(g, y, n);
    for (int64_t i = 0; i < n; ++i) result[i] = y[i] * (g[i] - sum);
  }
};

struct LogSoftmaxBackward {
  template <class T>
  [[gnu::always_inline]] static void columns(const Columns<T>& p) {
    T sum[kTile];
    for (int64_t c = 0; c < p.width; ++c) sum[c] = 0;
    for (int64_t i = 0; i < p.size; ++i)
      for (int64_t c = 0; c < p.width; ++c) sum[c] += p.first[i * p.stride + c];
    for (int64_t i = 0; i < p.size; ++i)
      for (int64_t c = 0; c < p.width; ++c)
        p.result[i * p.stride + c] =
            p.first[i * p.stride + c] - exp_of_nonpositive(p.second[i * p.stride + c]) * sum[c];
  }
  template <class T>
  static void row(const T* g, const T* y, T* result, int64_t n) {
    const T sum = row_sum(g, n);
    for (int64_t i = 0; i < n; ++i) result[i] = g[i] - exp_of_nonpositive(y[i]) * sum;
  }
};

template <class Op>
constexpr bool kReduces = __is_same(Op, LogSumExp);

// ---- the walk over an array

// Fewer rows than lanes: the others are 0.
template <class T>
void load_short_rows(const T* from, int64_t rows, int64_t size, T* to) {
  constexpr int kL = kLanes<T>;
  if (rows == kL) return transpose_copy(from, size, kL, size, to, kL);
  for (int64_t i = 0; i < size * kL; ++i) to[i] = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < size; ++i) to[i * kL + r] = from[r * size + i];
}

// `rows` <= lanes rows of [size]; `second` may be null.
template <class T, class Op>
void short_rows(const T* first, const T* second, T* result, int64_t rows, int64_t size) {
  constexpr int kL = kLanes<T>;
  alignas(64) T a[kShortRow * kL], b[kShortRow * kL];
  load_short_rows(first, rows, size, a);
  if (second) load_short_rows(second, rows, size, b);
  if constexpr (kReduces<Op>) {
    T sums[kL];
    Op::columns(Columns<T>{a, b, sums, size, kL, kL});
    for (int64_t r = 0; r < rows; ++r) result[r] = sums[r];
  } else {
    Op::columns(Columns<T>{a, b, a, size, kL, kL});
    if (rows == kL) return transpose_copy(a, kL, size, kL, result, size);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < size; ++i) result[r * size + i] = a[i * kL + r];
  }
}

template <class T, class Op>
void walk(SoftmaxShape s, const T* first, const T* second, T* result) {
  constexpr int kL = kLanes<T>;
  const int64_t block = s.size * s.inner, result_block = kReduces<Op> ? s.inner : block;
  if (s.inner == 1 && s.size <= kShortRow) {
    for (int64_t o = 0; o < s.outer; o += kL)
      short_rows<T, Op>(first + o * block, second ? second + o * block : nullptr, result + o * result_block,
                        smaller<int64_t>(kL, s.outer - o), s.size);
    return;
  }
  for (int64_t o = 0; o < s.outer; ++o) {
    const T* const x = first + o * block;
    const T* const y = second ? second + o * block : nullptr;
    T* const to = result + o * result_block;
    if (s.inner == 1) {
      Op::row(x, y, to, s.size);
      continue;
    }
    for (int64_t c = 0; c < s.inner; c += kTile)
      Op::columns(
          Columns<T>{x + c, y ? y + c : nullptr, to + c, s.size, s.inner, smaller(kTile, s.inner - c)});
  }
}

template <class T, class Op>
void forward(SoftmaxShape s, const void* x, void* y) {
  walk<T, Op>(s, static_cast<const T*>(x), nullptr, static_cast<T*>(y));
}
template <class T, class Op>
void backward(SoftmaxShape s, const void* grad_output, const void* y, void* grad_input) {
  walk<T, Op>(s, static_cast<const T*>(grad_output), static_cast<const T*>(y), static_cast<T*>(grad_input));
}

// ---- cross entropy

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
  walk<T, LogSumExp>(s, x, nullptr, normalizer);
  // A logit of +inf has no logarithm of a probability: the loss and its whole gradient are NaN.
  for (int64_t i = 0; i < s.outer * s.inner; ++i)
    if (normalizer[i] == static_cast<T>(__builtin_huge_val()))
      normalizer[i] = static_cast<T>(__builtin_nan(""));
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

// y = factor exp(x - shift). The last items pass through a whole vector: the exponential of single ones is
// slow.
template <class T>
void scaled_exp(const T* x, int64_t n, T shift, T factor, T* y) {
  constexpr int kL = kLanes<T>;
  const int64_t whole = n / kL * kL;
  for (int64_t i = 0; i < whole; ++i) y[i] = factor * exp_of_nonpositive(x[i] - shift);
  if (whole == n) return;
  T rest[kL] = {};
  for (int64_t i = whole; i < n; ++i) rest[i - whole] = x[i] - shift;
  for (int i = 0; i < kL; ++i) rest[i] = factor * exp_of_nonpositive(rest[i]);
  for (int64_t i = whole; i < n; ++i) y[i] = rest[i - whole];
}

// No part of a softmax: 0, but NaN where the softmax is, as it is everywhere in an ignored position whose
// logits hold +inf or NaN.
template <class T>
T nothing_of(T normalizer) {
  return normalizer - normalizer;
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
  if (s.inner == 1) {
    for (int64_t o = 0; o < s.outer; ++o) {
      factors(o, 1);
      const T* const row = x + o * s.size;
      T* const g = grad + o * s.size;
      if (loss.targets[o] == loss.ignore_index) {
        const T nothing = nothing_of(normalizer[o]);
        for (int64_t k = 0; k < s.size; ++k) g[k] = nothing;
        continue;
      }
      scaled_exp(row, s.size, normalizer[o], on_softmax[0], g);
      g[loss.targets[o]] -= on_target[0];
      if (smoothing != 0)
        for (int64_t k = 0; k < s.size; ++k) g[k] -= share * scale[0] * (weight ? weight[k] : T(1));
    }
    return;
  }
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t first = 0; first < s.inner; first += kTile) {
      const int64_t width = smaller(kTile, s.inner - first), position = o * s.inner + first;
      const int64_t at = o * s.size * s.inner + first;
      factors(position, width);
      for (int64_t k = 0; k < s.size; ++k) {
        const T w = share * (weight ? weight[k] : T(1));
        const T* const row = x + at + k * s.inner;
        T* const g = grad + at + k * s.inner;
        for (int64_t c = 0; c < width; ++c) {
          const T value =
              on_softmax[c] * exp_of_nonpositive(row[c] - normalizer[position + c]) - w * scale[c];
          g[c] = on_softmax[c] == 0 ? nothing_of(normalizer[position + c]) : value;
        }
      }
      for (int64_t c = 0; c < width; ++c)
        if (loss.targets[position + c] != loss.ignore_index)
          grad[at + loss.targets[position + c] * s.inner + c] -= on_target[c];
    }
}

template <class T>
void fill_type(SoftmaxKernels& kernels, DType dtype) {
  const int d = static_cast<int>(dtype);
  kernels.softmax[d] = forward<T, Softmax>;
  kernels.log_softmax[d] = forward<T, LogSoftmax>;
  kernels.logsumexp[d] = forward<T, LogSumExp>;
  kernels.softmax_backward[d] = backward<T, SoftmaxBackward>;
  kernels.log_softmax_backward[d] = backward<T, LogSoftmaxBackward>;
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
