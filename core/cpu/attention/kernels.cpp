// Rows of scores. A kernel source: compiled once per instruction set.
#include "core/cpu/attention/attention.h"
#include "core/cpu/lanes.h"
#include "core/math/exp_nonpositive.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

using math::exp_of_nonpositive;

template <class T>
constexpr T kInfinity = static_cast<T>(__builtin_huge_val());

// How many columns a row may attend to, and that rounded up to whole vectors, which the stride has room for.
struct Reach {
  int64_t seen, padded;
};
template <class T>
Reach reach(const ScoreBlock<T>& b, int64_t row) {
  const int64_t seen = larger<int64_t>(0, smaller(b.columns, b.seen + row));
  return {seen, (seen + kLanes<T> - 1) / kLanes<T> * kLanes<T>};
}

template <class T>
void zero(T* to, int64_t first, int64_t last) {
  for (int64_t j = first; j < last; ++j) to[j] = 0;
}

template <class T>
T max_of(const T* x, int64_t whole) {
  constexpr int kL = kLanes<T>;
  Vec<T> best = broadcast(-kInfinity<T>);
  for (int64_t j = 0; j < whole; j += kL) {
    const Vec<T> items = load(x + j);
    best = items > best ? items : best;
  }
  T max = best[0];
  for (int l = 1; l < kL; ++l) max = larger(max, T(best[l]));
  return max;
}

template <class T>
T sum_of(const T* x, int64_t whole) {
  constexpr int kL = kLanes<T>;
  Vec<T> sums{};
  for (int64_t j = 0; j < whole; j += kL) sums += load(x + j);
  T sum = sums[0];
  for (int l = 1; l < kL; ++l) sum += sums[l];
  return sum;
}

template <class T>
void exponentials(T* x, int64_t count, T shift) {
  for (int64_t j = 0; j < count; ++j) x[j] = exp_of_nonpositive(x[j] - shift);
}

template <class T>
void online_softmax(const ScoreBlock<T>& b, T* maxima, T* sums, T* factors) {
  for (int64_t r = 0; r < b.rows; ++r) {
    T* const x = b.scores + r * b.stride;
    const auto [seen, padded] = reach(b, r);
    for (int64_t j = seen; j < padded; ++j) x[j] = -kInfinity<T>;
    const T max = larger(maxima[r], max_of(x, padded));
    // NaN is never the maximum, but makes the sum NaN; where all are -inf, so is the maximum, and the sum is
    // 0.
    const T shift = max == -kInfinity<T> ? T(0) : max;
    exponentials(x, padded, shift);
    zero(x, padded, b.columns);
    factors[r] = maxima[r] == max ? T(1) : exp_of_nonpositive(maxima[r] - shift);
    sums[r] = sums[r] * factors[r] + sum_of(x, padded);
    maxima[r] = max;
  }
}

template <class T>
void weights(const ScoreBlock<T>& b, const T* normalizers) {
  for (int64_t r = 0; r < b.rows; ++r) {
    T* const x = b.scores + r * b.stride;
    const auto [seen, padded] = reach(b, r);
    exponentials(x, padded, normalizers[r] == -kInfinity<T> ? T(0) : normalizers[r]);
    zero(x, seen, b.columns);
  }
}

template <class T>
void score_gradients(const ScoreBlock<T>& b, T* gradients, const T* means, T scale) {
  for (int64_t r = 0; r < b.rows; ++r) {
    const T* const w = b.scores + r * b.stride;
    T* const g = gradients + r * b.stride;
    const T mean = means[r];
    for (int64_t j = 0; j < b.columns; ++j) g[j] = scale * w[j] * (g[j] - mean);
  }
}

template <class T>
void scale_rows(T* rows, int64_t count, int64_t width, int64_t stride, const T* factors) {
  for (int64_t r = 0; r < count; ++r) {
    const T factor = factors[r];
    if (factor == T(1)) continue;
    T* const x = rows + r * stride;
    for (int64_t i = 0; i < width; ++i) x[i] *= factor;
  }
}

template <class T>
T dot(const T* x, const T* y, int64_t n) {
  constexpr int kL = kLanes<T>;
  const int64_t whole = n / kL * kL;
  Vec<T> sums{};
  for (int64_t i = 0; i < whole; i += kL) sums += load(x + i) * load(y + i);
  T sum = sums[0];
  for (int l = 1; l < kL; ++l) sum += sums[l];
  for (int64_t i = whole; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

template <class T>
constexpr AttentionKernelsOf<T> table() {
  return {online_softmax<T>, weights<T>, score_gradients<T>, scale_rows<T>, dot<T>};
}

}  // namespace

void fill(AttentionKernels& kernels) { kernels = {table<float>(), table<double>()}; }

}  // namespace flambeau::cpu::FLAMBEAU_ISA
