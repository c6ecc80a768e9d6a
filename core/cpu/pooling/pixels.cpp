// Pooling of volumes whose channels lie last: which elements a window has, and which windows an element is
// in, is worked out once for all channels.
#include <algorithm>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth waking another thread for

int64_t volume(const int64_t (&sizes)[kPoolAxes]) { return sizes[0] * sizes[1] * sizes[2]; }

template <class T>
const PixelFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float))
    return kernels().pixels.f32;
  else
    return kernels().pixels.f64;
}

// Calls body(sample, d, r, c, i) for the elements of all volumes of these sizes, i counting them, on several
// threads; `scratch` makes what a thread keeps.
template <class Scratch, class Body>
void for_each_element(int64_t samples, const int64_t (&sizes)[kPoolAxes], int64_t work,
                      const Scratch& scratch, const Body& body) {
  const int64_t lines = samples * sizes[0] * sizes[1];
  parallel_for(0, lines, 1 + kGrain / (1 + sizes[2] * work), [&](int64_t first, int64_t last) {
    auto own = scratch();
    for (int64_t line = first; line < last; ++line) {
      const int64_t r = line % sizes[1], d = line / sizes[1] % sizes[0], n = line / sizes[1] / sizes[0];
      for (int64_t c = 0; c < sizes[2]; ++c) body(own, n, d, r, c, line * sizes[2] + c);
    }
  });
}

struct Span {
  int64_t first, last;
  int64_t size() const { return last - first; }
};

// The elements of a window, and their tags, numbers in the window or places in the volume.
struct Window {
  Span axes[kPoolAxes] = {{0, 0}, {0, 0}, {0, 0}};
  std::vector<int64_t> offsets;
  std::vector<int32_t> tags;

  // Of elements that stand from `begin` on at these places of the window, beside each other.
  void set(const Span (&spans)[kPoolAxes], const int64_t (&input)[kPoolAxes],
           const int64_t (&kernel)[kPoolAxes], int64_t channels, bool numbered) {
    offsets.clear();
    tags.clear();
    std::copy(spans, spans + kPoolAxes, axes);
    for (int64_t d = spans[0].first; d < spans[0].last; ++d)
      for (int64_t r = spans[1].first; r < spans[1].last; ++r)
        for (int64_t c = spans[2].first; c < spans[2].last; ++c) {
          const int64_t place = (d * input[1] + r) * input[2] + c;
          offsets.push_back(place * channels);
          tags.push_back(static_cast<int32_t>(numbered ? (d * kernel[1] + r) * kernel[2] + c : place));
        }
  }
  bool is(const Span (&spans)[kPoolAxes]) const {
    bool same = !offsets.empty();
    for (int d = 0; d < kPoolAxes; ++d)
      same &= axes[d].first == spans[d].first && axes[d].last == spans[d].last;
    return same;
  }
};

template <class T>
void max_forward(const PoolShape& s, const T* input, T* output, void* index, PoolIndex kind) {
  const int64_t in = volume(s.input), channels = s.channels;
  auto* const choice = kind == PoolIndex::Choice ? static_cast<uint8_t*>(index) : nullptr;
  auto* const position = kind == PoolIndex::Position ? static_cast<int64_t*>(index) : nullptr;
  for_each_element(
      s.planes / channels, s.output, channels * volume(s.kernel), [] { return Window(); },
      [&](Window& window, int64_t n, int64_t t, int64_t u, int64_t v, int64_t i) {
        const int64_t at[kPoolAxes] = {t, u, v};
        int64_t start[kPoolAxes];
        Span spans[kPoolAxes];
        for (int d = 0; d < kPoolAxes; ++d) {
          start[d] = at[d] * s.stride[d] - s.padding[d];
          spans[d] = {std::max<int64_t>(0, -start[d]), std::min(s.kernel[d], s.input[d] - start[d])};
        }
        if (!window.is(spans)) window.set(spans, s.input, s.kernel, channels, choice != nullptr);
        const int64_t first = (start[0] * s.input[1] + start[1]) * s.input[2] + start[2];
        functions<T>().max(input + (n * in + first) * channels, window.offsets.data(), window.tags.data(),
                           static_cast<int64_t>(window.offsets.size()), channels, output + i * channels,
                           choice ? choice + i * channels : nullptr,
                           position ? position + i * channels : nullptr, first);
      });
}

// The windows that have an element: of a span along every axis.
template <class T>
struct Around {
  std::vector<int64_t> offsets;
  std::vector<int32_t> tags;
  std::vector<T> counts;
};

template <class T>
void max_backward(const PoolShape& s, const T* grad_output, const uint8_t* choice, T* grad_input) {
  const int64_t out = volume(s.output), channels = s.channels;
  for_each_element(
      s.planes / channels, s.input, channels, [] { return Around<T>(); },
      [&](Around<T>& around, int64_t n, int64_t d, int64_t r, int64_t c, int64_t i) {
        const int64_t at[kPoolAxes] = {d, r, c};
        Span windows[kPoolAxes];
        for (int a = 0; a < kPoolAxes; ++a) {
          const int64_t end = at[a] + s.padding[a];  // of the last window that may have it
          windows[a] = {end < s.kernel[a] ? 0 : (end - s.kernel[a]) / s.stride[a] + 1,
                        std::min(s.output[a], end / s.stride[a] + 1)};
        }
        around.offsets.clear();
        around.tags.clear();
        for (int64_t t = windows[0].first; t < windows[0].last; ++t)
          for (int64_t u = windows[1].first; u < windows[1].last; ++u)
            for (int64_t v = windows[2].first; v < windows[2].last; ++v) {
              const int64_t depth = d + s.padding[0] - t * s.stride[0],
                            row = r + s.padding[1] - u * s.stride[1],
                            column = c + s.padding[2] - v * s.stride[2];
              around.offsets.push_back((n * out + (t * s.output[1] + u) * s.output[2] + v) * channels);
              around.tags.push_back(static_cast<int32_t>((depth * s.kernel[1] + row) * s.kernel[2] + column));
            }
        functions<T>().chosen(grad_output, choice, around.offsets.data(), around.tags.data(),
                              static_cast<int64_t>(around.offsets.size()), channels,
                              grad_input + i * channels);
      });
}

bool inside(int64_t position, int64_t size) { return position >= 0 && position < size; }

// Where in its volume a maximum was.
int64_t position_of(const PoolShape& s, int64_t t, int64_t u, int64_t v, int64_t number) {
  const int64_t c = number % s.kernel[2], r = number / s.kernel[2] % s.kernel[1],
                d = number / s.kernel[2] / s.kernel[1];
  return ((t * s.stride[0] - s.padding[0] + d) * s.input[1] + u * s.stride[1] - s.padding[1] + r) *
             s.input[2] +
         v * s.stride[2] - s.padding[2] + c;
}

template <class T>
void max_backward(const PoolShape& s, const T* grad_output, const int64_t* position, T* grad_input) {
  const int64_t in = volume(s.input), out = volume(s.output), channels = s.channels;
  parallel_for(0, s.planes / channels, 1 + kGrain / (1 + in * channels), [&](int64_t first, int64_t last) {
    std::fill(grad_input + first * in * channels, grad_input + last * in * channels, T(0));
    for (int64_t n = first; n < last; ++n) {
      T* const to = grad_input + n * in * channels;
      for (int64_t i = n * out; i < (n + 1) * out; ++i)
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t at = position[i * channels + c];
          if (inside(at, in)) to[at * channels + c] += grad_output[i * channels + c];
        }
    }
  });
}

template <class T>
void max_gather(const PoolShape& s, const T* input, const void* index, PoolIndex kind, T* output) {
  const int64_t in = volume(s.input), channels = s.channels;
  const auto* const choice = static_cast<const uint8_t*>(index);
  const auto* const position = static_cast<const int64_t*>(index);
  for_each_element(
      s.planes / channels, s.output, channels, [] { return 0; },
      [&](int, int64_t n, int64_t t, int64_t u, int64_t v, int64_t i) {
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t at = kind == PoolIndex::Choice ? position_of(s, t, u, v, choice[i * channels + c])
                                                       : position[i * channels + c];
          output[i * channels + c] = inside(at, in) ? input[(n * in + at) * channels + c] : T(0);
        }
      });
}

template <class T>
void mean_forward(const PoolWindows& w, const T* input, T* output) {
  const int64_t in = volume(w.input), out = volume(w.output), channels = w.channels;
  for_each_element(
      w.planes / channels, w.output, channels * (1 + in / (1 + out)), [] { return Window(); },
      [&](Window& window, int64_t n, int64_t t, int64_t u, int64_t v, int64_t i) {
        const int64_t at[kPoolAxes] = {t, u, v};
        int64_t first[kPoolAxes];
        Span spans[kPoolAxes];
        for (int d = 0; d < kPoolAxes; ++d) {
          first[d] = w.first[d][at[d]];
          spans[d] = {0, std::max<int64_t>(0, w.last[d][at[d]] - first[d])};
        }
        if (!window.is(spans)) window.set(spans, w.input, w.input, channels, false);
        const int64_t start = (first[0] * w.input[1] + first[1]) * w.input[2] + first[2];
        functions<T>().mean(input + (n * in + start) * channels, window.offsets.data(),
                            static_cast<int64_t>(window.offsets.size()), channels,
                            static_cast<T>(w.count[0][t] * w.count[1][u] * w.count[2][v]),
                            output + i * channels);
      });
}

template <class T>
void mean_backward(const PoolWindows& w, const T* grad_output, T* grad_input) {
  const int64_t out = volume(w.output), channels = w.channels;
  // Windows follow one another on each axis: those that have an element are neighbours.
  std::vector<Span> tables[kPoolAxes];
  for (int d = 0; d < kPoolAxes; ++d) {
    tables[d].assign(static_cast<size_t>(w.input[d]), Span{w.output[d], 0});
    for (int64_t o = 0; o < w.output[d]; ++o)
      for (int64_t i = w.first[d][o]; i < w.last[d][o]; ++i) {
        Span& span = tables[d][static_cast<size_t>(i)];
        span = {std::min(span.first, o), std::max(span.last, o + 1)};
      }
  }
  for_each_element(
      w.planes / channels, w.input, channels, [] { return Around<T>(); },
      [&](Around<T>& around, int64_t n, int64_t d, int64_t r, int64_t c, int64_t i) {
        const Span depths = tables[0][static_cast<size_t>(d)], rows = tables[1][static_cast<size_t>(r)],
                   columns = tables[2][static_cast<size_t>(c)];
        around.offsets.clear();
        around.counts.clear();
        for (int64_t t = depths.first; t < depths.last; ++t)
          for (int64_t u = rows.first; u < rows.last; ++u)
            for (int64_t v = columns.first; v < columns.last; ++v) {
              around.offsets.push_back((n * out + (t * w.output[1] + u) * w.output[2] + v) * channels);
              around.counts.push_back(static_cast<T>(w.count[0][t] * w.count[1][u] * w.count[2][v]));
            }
        functions<T>().spread(grad_output, around.offsets.data(), around.counts.data(),
                              static_cast<int64_t>(around.offsets.size()), channels,
                              grad_input + i * channels);
      });
}

}  // namespace

void max_pool_last(DType dtype, const PoolShape& shape, const void* input, void* output, void* index,
                   PoolIndex kind) {
  visit_floating(dtype, "max_pool", [&]<class T>() {
    max_forward(shape, static_cast<const T*>(input), static_cast<T*>(output), index, kind);
  });
}

void max_pool_last_backward(DType dtype, const PoolShape& shape, const void* grad_output, const void* index,
                            PoolIndex kind, void* grad_input) {
  visit_floating(dtype, "max_pool_backward", [&]<class T>() {
    const auto* const dy = static_cast<const T*>(grad_output);
    if (kind == PoolIndex::Choice)
      max_backward(shape, dy, static_cast<const uint8_t*>(index), static_cast<T*>(grad_input));
    else
      max_backward(shape, dy, static_cast<const int64_t*>(index), static_cast<T*>(grad_input));
  });
}

void max_pool_last_gather(DType dtype, const PoolShape& shape, const void* input, const void* index,
                          PoolIndex kind, void* output) {
  visit_floating(dtype, "max_pool", [&]<class T>() {
    max_gather(shape, static_cast<const T*>(input), index, kind, static_cast<T*>(output));
  });
}

void mean_pool_last(DType dtype, const PoolWindows& windows, const void* input, void* output) {
  visit_floating(dtype, "avg_pool", [&]<class T>() {
    mean_forward(windows, static_cast<const T*>(input), static_cast<T*>(output));
  });
}

void mean_pool_last_backward(DType dtype, const PoolWindows& windows, const void* grad_output,
                             void* grad_input) {
  visit_floating(dtype, "avg_pool_backward", [&]<class T>() {
    mean_backward(windows, static_cast<const T*>(grad_output), static_cast<T*>(grad_input));
  });
}

}  // namespace flambeau::cpu
