// Pooling that nobody runs in a hot loop: integers, and windows that follow no stride.
#include <limits>

#include "core/cpu/pooling/pool.h"
#include "core/cpu/reduce/reduce.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {
namespace {

int64_t volume(const int64_t (&sizes)[kPoolAxes]) { return sizes[0] * sizes[1] * sizes[2]; }

// Calls f(plane, i, at) for window i of every plane, at[d] being its place in the tables of axis d.
template <class F>
void for_each_window(const PoolWindows& w, const F& f) {
  const int64_t work = volume(w.input) + volume(w.output);
  parallel_for(0, w.planes, (1 << 13) / (work + 1) + 1, [&](int64_t first, int64_t last) {
    for (int64_t plane = first; plane < last; ++plane) {
      int64_t i = 0, table[kPoolAxes];
      for (int d = 0; d < kPoolAxes; ++d) table[d] = w.own_tables ? plane * w.output[d] : 0;
      for (int64_t t = 0; t < w.output[0]; ++t)
        for (int64_t u = 0; u < w.output[1]; ++u)
          for (int64_t v = 0; v < w.output[2]; ++v, ++i) {
            const int64_t at[kPoolAxes] = {table[0] + t, table[1] + u, table[2] + v};
            f(plane, i, at);
          }
    }
  });
}

// Calls f(position) for the elements of a window.
template <class F>
void for_each_element(const PoolWindows& w, const int64_t (&at)[kPoolAxes], const F& f) {
  for (int64_t d = w.first[0][at[0]]; d < w.last[0][at[0]]; ++d)
    for (int64_t r = w.first[1][at[1]]; r < w.last[1][at[1]]; ++r)
      for (int64_t c = w.first[2][at[2]]; c < w.last[2][at[2]]; ++c) f((d * w.input[1] + r) * w.input[2] + c);
}

// Whether there is but one window, which has the whole of the volume.
bool is_whole(const PoolWindows& w) {
  bool whole = volume(w.output) == 1 && !w.own_tables && w.planes > 0;
  for (int d = 0; whole && d < kPoolAxes; ++d) whole = w.first[d][0] == 0 && w.last[d][0] == w.input[d];
  return whole;
}

template <class T>
void maxima(const PoolWindows& w, const T* input, T* output, int64_t* position) {
  const int64_t in = volume(w.input), out = volume(w.output);
  if (is_whole(w) && in > 0) {
    const Reduction rows = Reduction::axis(w.planes, in, 1);
    arg_reduce(ArgReduce::Max, sizeof(T) == sizeof(float) ? DType::Float32 : DType::Float64, rows, input,
               output, position);
    // A reduction names the first NaN, a pooling the last one.
    for (int64_t plane = 0; plane < w.planes; ++plane)
      if (output[plane] != output[plane])
        for (int64_t i = 0; i < in; ++i)
          if (input[plane * in + i] != input[plane * in + i]) position[plane] = i;
    return;
  }
  for_each_window(w, [&](int64_t plane, int64_t i, const int64_t (&at)[kPoolAxes]) {
    const T* from = input + plane * in;
    T maximum = -std::numeric_limits<T>::infinity();
    int64_t best = -1;
    for_each_element(w, at, [&](int64_t element) {
      const T value = from[element];
      if (best < 0 || value > maximum || value != value) maximum = value, best = element;
    });
    output[plane * out + i] = maximum;
    position[plane * out + i] = best;
  });
}

}  // namespace

void max_of_windows(const PoolWindows& windows, const float* input, float* output, int64_t* position) {
  maxima(windows, input, output, position);
}
void max_of_windows(const PoolWindows& windows, const double* input, double* output, int64_t* position) {
  maxima(windows, input, output, position);
}

void mean_of_windows(const PoolWindows& w, const int64_t* input, int64_t* output) {
  const int64_t in = volume(w.input), out = volume(w.output);
  for_each_window(w, [&](int64_t plane, int64_t i, const int64_t (&at)[kPoolAxes]) {
    uint64_t sum = 0;  // wraps around
    for_each_element(w, at,
                     [&](int64_t element) { sum += static_cast<uint64_t>(input[plane * in + element]); });
    const int64_t count = w.count[0][at[0]] * w.count[1][at[1]] * w.count[2][at[2]];
    const auto total = static_cast<int64_t>(sum);
    output[plane * out + i] = count == -1 ? static_cast<int64_t>(-sum) : total / count;
  });
}

}  // namespace flambeau::cpu
