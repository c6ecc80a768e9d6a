// Kernel source: compiled once per instruction set. Means of windows: the rows of a window are added up
// first, as whole rows, then each window's stretch of the sum.
#include <cstring>

#include "core/cpu/pooling/pool.h"
#include "core/cpu/pooling/strided.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth waking another thread for
constexpr int kRowSlot = 0;

int64_t volume(const int64_t (&sizes)[kPoolAxes]) { return sizes[0] * sizes[1] * sizes[2]; }

// Calls f(plane, row, counts), with the scratch of its thread: a row of the input, and for each column of
// outputs the number of columns that its mean divides by.
template <class T, class F>
void for_each_plane(const PoolWindows& w, const F& f) {
  const int64_t size = volume(w.input) + 4 * volume(w.output);
  parallel_for(0, w.planes, kGrain / (size + 1) + 1, [&](int64_t first, int64_t last) {
    const int64_t row_size = w.input[2] + 4 * kLanes<T>;
    T* row = static_cast<T*>(
        thread_scratch(kRowSlot, static_cast<size_t>(row_size + w.output[2] + 4 * kLanes<T>) * sizeof(T)));
    T* counts = row + row_size;
    for (int64_t v = 0; v < w.output[2]; ++v) counts[v] = static_cast<T>(w.count[2][v]);
    for (int64_t plane = first; plane < last; ++plane) f(plane, row, counts);
  });
}

// The columns of outputs first <= v < last whose windows have one width and follow one another at one step.
struct Regular {
  int64_t first = 0, last = 0, width = 0, step = 0;

  // The longest such stretch that starts at one of the first two columns.
  explicit Regular(const PoolWindows& w) {
    for (int64_t begin = 0; begin < smaller<int64_t>(2, w.output[2] - 1); ++begin) {
      const int64_t *from = w.first[2] + begin, *to = w.last[2] + begin;
      const int64_t most = w.output[2] - begin, wide = to[0] - from[0], apart = from[1] - from[0];
      int64_t n = 1;
      while (n < most && to[n] - from[n] == wide && from[n] - from[n - 1] == apart) ++n;
      if (n > last - first) first = begin, last = begin + n, width = wide, step = apart;
    }
  }
  // Whether vectors pay.
  bool short_steps() const { return (step == 1 || step == 2) && width <= 8 && last - first >= 4; }
};

template <class T>
[[gnu::always_inline]] inline T sum_of(const T* p, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  T sum = 0;
  int64_t i = 0;
  if (n >= L) {
    Vec<T> a{}, b{}, c{}, d{};
    for (; i + 4 * L <= n; i += 4 * L) {
      a += load(p + i);
      b += load(p + i + L);
      c += load(p + i + 2 * L);
      d += load(p + i + 3 * L);
    }
    for (; i + L <= n; i += L) a += load(p + i);
    sum = sum_of_lanes<T, kLanes<T>>((a + b) + (c + d));
  }
  for (; i < n; ++i) sum += p[i];
  return sum;
}

// Sums of `count` windows of a row, as whole vectors; `row` has readable bytes behind it.
template <int Step, class T>
void regular_sums(const T* row, int64_t count, int64_t width, T* output) {
  constexpr int64_t L = kLanes<T>;
  const auto sums = [&](int64_t v) __attribute__((always_inline)) {
    Vec<T> sum = load_every<Step>(row + v * Step, Step);
    for (int64_t c = 1; c < width; ++c) sum += load_every<Step>(row + v * Step + c, Step);
    return sum;
  };
  if (count < L) {
    const Vec<T> sum = sums(0);
    for (int64_t v = 0; v < count; ++v) output[v] = sum[v];
    return;
  }
  for (int64_t at = 0; at < count; at += L) {
    const int64_t v = smaller(at, count - L);
    store(output + v, sums(v));
  }
}

template <class T>
void row_sums(const PoolWindows& w, const Regular& regular, const T* row, T* output) {
  const int64_t *first = w.first[2], *last = w.last[2];
  int64_t v = 0;
  if (regular.short_steps()) {
    for (; v < regular.first; ++v) output[v] = sum_of(row + first[v], last[v] - first[v]);
    const int64_t count = regular.last - v;
    if (regular.step == 1)
      regular_sums<1>(row + first[v], count, regular.width, output + v);
    else
      regular_sums<2>(row + first[v], count, regular.width, output + v);
    v = regular.last;
  }
  for (; v < w.output[2]; ++v) output[v] = sum_of(row + first[v], last[v] - first[v]);
}

// The sum of the rows of a window's depths and heights; the row itself where there is but one. Whole vectors
// reach beyond the width, where what is read does not matter and `sum` has room.
template <class T>
const T* added_rows(const PoolWindows& w, int64_t t, int64_t u, const T* plane, T* sum) {
  constexpr int64_t L = kLanes<T>;
  const int64_t width = w.input[2], top = w.first[1][u], bottom = w.last[1][u];
  const int64_t first = w.first[0][t], last = w.last[0][t];
  if (last - first == 1 && bottom - top == 1) return plane + (first * w.input[1] + top) * width;
  for (int64_t c = 0; c < width; c += L) {
    Vec<T> total{};
    for (int64_t d = first; d < last; ++d) {
      const T* from = plane + (d * w.input[1] + top) * width + c;
      for (int64_t r = top; r < bottom; ++r, from += width) total += load(from);
    }
    store(sum + c, total);
  }
  return sum;
}

// Whether each window spans whole rows, so that those of one depth are one stretch of memory.
bool spans_rows(const PoolWindows& w) {
  return w.output[2] == 1 && w.first[2][0] == 0 && w.last[2][0] == w.input[2];
}

// Whether there is but one window, which has the whole of the volume.
bool is_whole(const PoolWindows& w) {
  bool whole = volume(w.output) == 1;
  for (int d = 0; whole && d < kPoolAxes; ++d) whole = w.first[d][0] == 0 && w.last[d][0] == w.input[d];
  return whole;
}

template <class T>
void forward(const PoolWindows& w, const T* input, T* output) {
  const int64_t in = volume(w.input), out = volume(w.output);
  const Regular regular(w);
  const bool whole_rows = spans_rows(w);
  if (whole_rows && is_whole(w)) {
    const T count = static_cast<T>(w.count[0][0] * w.count[1][0] * w.count[2][0]);
    return parallel_for(0, w.planes, kGrain / (in + 1) + 1, [&](int64_t first, int64_t last) {
      for (int64_t plane = first; plane < last; ++plane)
        output[plane] = sum_of(input + plane * in, in) / count;
    });
  }
  for_each_plane<T>(w, [&](int64_t plane, T* row, const T* counts) {
    const T* from = input + plane * in;
    T* to = output + plane * out;
    for (int64_t t = 0; t < w.output[0]; ++t)
      for (int64_t u = 0; u < w.output[1]; ++u, to += w.output[2]) {
        if (whole_rows) {
          const int64_t top = w.first[1][u], height = w.last[1][u] - top;
          *to = 0;
          for (int64_t d = w.first[0][t]; d < w.last[0][t]; ++d)
            *to += sum_of(from + (d * w.input[1] + top) * w.input[2], height * w.input[2]);
        } else {
          row_sums(w, regular, added_rows(w, t, u, from, row), to);
        }
        const T rows = static_cast<T>(w.count[0][t] * w.count[1][u]);
        for (int64_t v = 0; v < w.output[2]; ++v) to[v] /= rows * counts[v];
      }
  });
}

// The gradients of a row of windows, each spread over its columns.
template <class T>
void spread(const PoolWindows& w, bool pairs, const T* grad, T rows, const T* counts, T* row) {
  int64_t v = 0;
  if (pairs) {  // every two columns are a window
    constexpr int64_t L = kLanes<T>;
    constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
    for (; v + L <= w.output[2]; v += L) {
      const Vec<T> g = load(grad + v) / (rows * load(counts + v));
      store(row + 2 * v, interleave(g, g, lanes, 0));
      store(row + 2 * v + L, interleave(g, g, lanes, 1));
    }
    for (; v < w.output[2]; ++v) row[2 * v] = row[2 * v + 1] = grad[v] / (rows * counts[v]);
    for (int64_t c = 2 * v; c < w.input[2]; ++c) row[c] = 0;
    return;
  }
  std::memset(row, 0, static_cast<size_t>(w.input[2]) * sizeof(T));
  for (; v < w.output[2]; ++v) {
    const T g = grad[v] / (rows * counts[v]);
    for (int64_t c = w.first[2][v]; c < w.last[2][v]; ++c) row[c] += g;
  }
}

template <class T>
void backward(const PoolWindows& w, const T* grad_output, T* grad_input) {
  const int64_t in = volume(w.input), out = volume(w.output), width = w.input[2];
  const Regular regular(w);
  const bool one = spans_rows(w) && out == 1 && w.input[0] == 1 && w.first[1][0] == 0 &&
                   w.last[1][0] == w.input[1];  // the mean of all
  const bool pairs = regular.step == 2 && regular.width == 2 && regular.first == 0 &&
                     regular.last == w.output[2] && w.first[2][0] == 0;
  for_each_plane<T>(w, [&](int64_t plane, T* row, const T* counts) {
    const T* from = grad_output + plane * out;
    T* to = grad_input + plane * in;
    int64_t reached = 0;  // rows of a plane without depth that have been written
    if (w.input[0] != 1) std::memset(to, 0, static_cast<size_t>(in) * sizeof(T)), reached = w.input[1];
    for (int64_t t = 0; t < w.output[0]; ++t)
      for (int64_t u = 0; u < w.output[1]; ++u, from += w.output[2]) {
        if (one) {
          const T g = *from / static_cast<T>(w.count[1][0] * w.count[2][0]);
          for (int64_t i = 0; i < in; ++i) to[i] = g;
          reached = w.input[1];
          continue;
        }
        spread(w, pairs, from, static_cast<T>(w.count[0][t] * w.count[1][u]), counts, row);
        for (int64_t d = w.first[0][t]; d < w.last[0][t]; ++d)
          for (int64_t r = w.first[1][u]; r < w.last[1][u]; ++r) {
            T* line = to + (d * w.input[1] + r) * width;
            if (r < reached) {
              for (int64_t c = 0; c < width; ++c) line[c] += row[c];
              continue;
            }
            std::memset(to + reached * width, 0, static_cast<size_t>((r - reached) * width) * sizeof(T));
            std::memcpy(line, row, static_cast<size_t>(width) * sizeof(T));
            reached = r + 1;
          }
      }
    std::memset(to + reached * width, 0, static_cast<size_t>((w.input[1] - reached) * width) * sizeof(T));
  });
}

}  // namespace

void fill(MeanPoolKernels& table) {
  table.f32 = {forward<float>, backward<float>};
  table.f64 = {forward<double>, backward<double>};
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
