// Kernel source: compiled once per instruction set. Resampling axis by axis: those that shrink first, from
// the outermost, then those that grow, from the innermost, so that what lies between is small.
#include <cstring>

#include "core/cpu/lanes.h"
#include "core/cpu/resample/resample.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kGrain = 1 << 13;  // elements worth waking another thread for

// Along an axis that has rows of `inner` elements behind it: whole rows are weighed and added.
template <class T>
void map_rows(const AxisMap& m, int64_t inner, const T* in, T* out) {
  const T* weight = static_cast<const T*>(m.weight);
  for (int64_t o = 0; o < m.output; ++o, out += inner) {
    const int64_t count = m.count[o], n = m.output;
    const auto row = [&](int64_t k) { return in + m.index[k * n + o] * inner; };
    const auto factor = [&](int64_t k) { return weight[k * n + o]; };
    if (count == 0) {
      std::memset(out, 0, static_cast<size_t>(inner) * sizeof(T));
    } else if (count == 1 && factor(0) == 1) {
      std::memcpy(out, row(0), static_cast<size_t>(inner) * sizeof(T));
    } else if (count == 1) {
      const T *a = row(0), wa = factor(0);
      for (int64_t i = 0; i < inner; ++i) out[i] = wa * a[i];
    } else {
      const T *a = row(0), *b = row(1);
      const T wa = factor(0), wb = factor(1);
      int64_t k = 2;
      if (count >= 4) {
        const T *c = row(2), *d = row(3);
        const T wc = factor(2), wd = factor(3);
        k = 4;
        for (int64_t i = 0; i < inner; ++i) out[i] = (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i]);
      } else {
        for (int64_t i = 0; i < inner; ++i) out[i] = wa * a[i] + wb * b[i];
      }
      for (; k < count; ++k) {
        const T *e = row(k), we = factor(k);
        for (int64_t i = 0; i < inner; ++i) out[i] += we * e[i];
      }
    }
  }
}

// Along the last axis, for `rows` rows: neighbouring outputs are computed together.
template <class T>
void map_columns(const AxisMap& m, int64_t rows, const T* in, T* out) {
  const T* __restrict weight = static_cast<const T*>(m.weight);
  const int32_t* __restrict index = m.index;
  const int64_t n = m.output;
  for (int64_t r = 0; r < rows; ++r, in += m.input, out += n) {
    const T* __restrict from = in;
    T* __restrict to = out;
    if (m.taps == 1) {
      for (int64_t o = 0; o < n; ++o) to[o] = weight[o] * from[index[o]];
    } else if (m.taps == 2) {
      for (int64_t o = 0; o < n; ++o) to[o] = weight[o] * from[index[o]] + weight[n + o] * from[index[n + o]];
    } else if (m.taps == 4) {
      for (int64_t o = 0; o < n; ++o)
        to[o] = (weight[o] * from[index[o]] + weight[n + o] * from[index[n + o]]) +
                (weight[2 * n + o] * from[index[2 * n + o]] + weight[3 * n + o] * from[index[3 * n + o]]);
    } else {
      for (int64_t o = 0; o < n; ++o) to[o] = 0;
      for (int64_t k = 0; k < m.taps; ++k)
        for (int64_t o = 0; o < n; ++o) to[o] += weight[k * n + o] * from[index[k * n + o]];
    }
  }
}

bool is_identity(const AxisMap& m) { return m.taps == 0; }

// One axis of a volume of the given sizes.
template <class T>
void map_axis(const AxisMap& m, int axis, const int64_t* sizes, const T* in, T* out) {
  if (axis == kImageAxes - 1) return map_columns(m, sizes[0] * sizes[1], in, out);
  const int64_t inner = axis == 0 ? sizes[1] * sizes[2] : sizes[2];
  const int64_t outer = axis == 0 ? 1 : sizes[0];
  for (int64_t i = 0; i < outer; ++i)
    map_rows(m, inner, in + i * m.input * inner, out + i * m.output * inner);
}

template <class T>
void resample(const Resampling& r, const T* input, T* output) {
  int order[kImageAxes], steps = 0;
  for (int d = 0; d < kImageAxes; ++d)
    if (!is_identity(r.axes[d]) && r.axes[d].output <= r.axes[d].input) order[steps++] = d;
  for (int d = kImageAxes - 1; d >= 0; --d)
    if (!is_identity(r.axes[d]) && r.axes[d].output > r.axes[d].input) order[steps++] = d;

  int64_t in = 1, out = 1, largest = 0, between[kImageAxes];
  for (int d = 0; d < kImageAxes; ++d) in *= r.axes[d].input, out *= r.axes[d].output;
  for (int d = 0; d < kImageAxes; ++d) between[d] = r.axes[d].input;
  for (int s = 0; s + 1 < steps; ++s) {
    between[order[s]] = r.axes[order[s]].output;
    largest = larger(largest, between[0] * between[1] * between[2]);
  }
  parallel_for(0, r.planes, kGrain / (in + out + 1) + 1, [&](int64_t first, int64_t last) {
    T* scratch[2];
    for (int i = 0; i < 2; ++i)
      scratch[i] = static_cast<T*>(thread_scratch(i, static_cast<size_t>(largest) * sizeof(T)));
    for (int64_t plane = first; plane < last; ++plane) {
      const T* from = input + plane * in;
      T* result = output + plane * out;
      if (steps == 0) std::memcpy(result, from, static_cast<size_t>(in) * sizeof(T));
      int64_t sizes[kImageAxes];
      for (int d = 0; d < kImageAxes; ++d) sizes[d] = r.axes[d].input;
      for (int s = 0; s < steps; ++s) {
        T* to = s + 1 == steps ? result : scratch[s % 2];
        map_axis(r.axes[order[s]], order[s], sizes, from, to);
        sizes[order[s]] = r.axes[order[s]].output;
        from = to;
      }
    }
  });
}

}  // namespace

void fill(ResampleKernels& table) {
  table.f32 = resample<float>;
  table.f64 = resample<double>;
  fill(table.grid);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
