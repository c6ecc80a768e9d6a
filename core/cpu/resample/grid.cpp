// Kernel source: compiled once per instruction set. Images looked up by a grid.
//
// A place's pixels and weights are worked out once for all channels, a block of places at a time. Where there
// are several channels, the image is first turned so that a pixel's channels lie side by side: a pixel is
// then a few vectors in one place of memory, rather than items far from each other.
#include <cstring>

#include "core/cpu/lanes_transpose.h"
#include "core/cpu/resample/resample.h"
#include "core/math/numeric.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kGrain = 1 << 13;  // elements worth waking another thread for
constexpr int kBlock = 64;           // places
constexpr int kAxisTaps = 4, kMostTaps = 16;

template <class T>
using Line = T[kBlock];
// Pixel numbers are 32 bits wide, so that they and float weights form vectors of one length; -1 is outside.
using Index = int32_t;

int taps_per_axis(GridMode mode) {
  return mode == GridMode::Nearest ? 1 : mode == GridMode::Linear ? 2 : kAxisTaps;
}
int taps_of(const GridSampling& s) {
  const int n = taps_per_axis(s.mode);
  return s.axes == 2 ? n * n : n * n * n;
}
int64_t pixels_of(const GridSampling& s) { return s.sizes[0] * s.sizes[1] * s.sizes[2]; }

// x with so many bits less, to the nearest; ties to even.
[[gnu::always_inline]] inline float rounded(float x, int dropped) {
  const uint32_t bits = math::to_bits(x), last = bits >> dropped & 1, half = (1U << dropped >> 1);
  return dropped == 0 ? x : math::from_bits<float>((bits + (half - 1 + last)) & ~((1U << dropped) - 1));
}
[[gnu::always_inline]] inline double rounded(double x, int) { return x; }

// A product that has been rounded stays so: what follows is not contracted with it.
template <class T>
[[gnu::always_inline]] inline void keep_rounded(Line<T>& x) {
  asm volatile("" : "+m"(x));
}

// Mirrors x at the borders until it lies between them; `slope` changes its sign with each reflection.
template <class T>
[[gnu::always_inline]] inline T reflected(T x, T low, T span, T& slope) {
  if (span == 0) {
    slope = 0;
    return 0;
  }
  const T away = x - low, distance = math::abs(away), twice = 2 * span;
  const T extra = distance - math::trunc(distance / twice) * twice, back = twice - extra;
  slope *= (away < 0) != (extra > back) ? T(-1) : T(1);
  return (extra > back ? back : extra) + low;
}
// x within the image; what is no number becomes 0, and no slope comes from where x was not strictly inside.
template <class T>
[[gnu::always_inline]] inline T clipped(T x, T last, T& slope) {
  slope = (x > 0) & (x < last) ? slope : T(0);
  const T above = x > 0 ? x : T(0);
  return above < last ? above : last;
}

// What a block of places weighs along one axis.
template <class T>
struct AxisBlock {
  Line<Index> index[kAxisTaps];
  Line<T> weight[kAxisTaps];
  Line<T> slope[kAxisTaps];  // the weight's derivative by the grid's coordinate

  // Keys' cubic with a = -0.75: its value or a derivative at t, the part of the way from tap 1 to tap 2.
  static void cubic_weights(const T* t, const T* scale, int order, Line<T>* to) {
    constexpr T a = T(-0.75);
    // Polynomials in t for the taps at -1, 0, 1 and 2.
    constexpr T kCubics[kAxisTaps][4] = {
        {0, a, -2 * a, a}, {1, 0, -(a + 3), a + 2}, {0, -a, 2 * a + 3, -(a + 2)}, {0, 0, a, -a}};
    for (int k = 0; k < kAxisTaps; ++k) {
      T c[4];
      for (int i = 0; i < 4; ++i) c[i] = kCubics[k][i];
      for (int d = 0; d < order; ++d) {
        for (int i = 0; i < 3; ++i) c[i] = c[i + 1] * T(i + 1);
        c[3] = 0;
      }
      for (int p = 0; p < kBlock; ++p) {
        T factor = 1;
        for (int d = 0; d < order; ++d) factor *= scale[p];
        to[k][p] = (((c[3] * t[p] + c[2]) * t[p] + c[1]) * t[p] + c[0]) * factor;
      }
    }
  }

  static void linear_weights(const T* x, const T* below, const T* scale, int order, Line<T>* to) {
    for (int p = 0; p < kBlock; ++p) {
      to[0][p] = order == 0 ? (below[p] + 1) - x[p] : order == 1 ? -scale[p] : T(0);
      to[1][p] = order == 0 ? x[p] - below[p] : order == 1 ? scale[p] : T(0);
    }
  }

  // `x` are coordinates of the grid; they are overwritten.
  void fill(const GridSampling& s, int64_t size, int order, bool wants_slope, Line<T>& x) {
    const T last = static_cast<T>(size - 1);
    const T unit = s.align_corners ? last / 2 : static_cast<T>(size) / 2,
            shift = s.align_corners ? T(0) : T(0.5);
    const T low = s.align_corners ? T(0) : T(-0.5), span = s.align_corners ? last : static_cast<T>(size);
    // In a volume PyTorch gives what is no number, and what has no end, no weight at all.
    const bool only_finite = s.axes == 3 && s.padding == GridPadding::Zeros;
    Line<T> scale, below;
    for (int p = 0; p < kBlock; ++p) {
      x[p] = rounded(rounded(x[p] + 1, s.dropped_bits) * unit, s.dropped_bits);
      scale[p] = unit;
    }
    keep_rounded(x);
    for (int p = 0; p < kBlock; ++p) {
      const T at = rounded(x[p] - shift, s.dropped_bits);
      x[p] = only_finite && !math::is_finite(at) ? T(-4) : at;
    }
    const auto pad = [&](T at, T& slope) {
      if (s.padding == GridPadding::Reflection) at = reflected(at, low, span, slope);
      return clipped(at, last, slope);
    };
    if (s.mode != GridMode::Cubic && s.padding != GridPadding::Zeros)
      for (int p = 0; p < kBlock; ++p) x[p] = pad(x[p], scale[p]);
    const int taps = taps_per_axis(s.mode);
    if (s.mode == GridMode::Nearest) {
      for (int p = 0; p < kBlock; ++p) {
        below[p] = math::round_even(x[p]);
        weight[0][p] = order == 0;
      }
    } else {
      for (int p = 0; p < kBlock; ++p) below[p] = math::floor(x[p]);
      if (s.mode == GridMode::Linear) {
        linear_weights(x, below, scale, order, weight);
        if (wants_slope) linear_weights(x, below, scale, order + 1, slope);
      } else {
        for (int p = 0; p < kBlock; ++p) x[p] -= below[p];
        cubic_weights(x, scale, order, weight);
        if (wants_slope) cubic_weights(x, scale, order + 1, slope);
      }
    }
    const T first = s.mode == GridMode::Cubic ? T(-1) : T(0);
    const bool pads = s.mode == GridMode::Cubic && s.padding != GridPadding::Zeros;
    for (int k = 0; k < taps; ++k) {
      const T step = first + static_cast<T>(k);
      if (pads) {
        for (int p = 0; p < kBlock; ++p) {
          T slope = 1;
          index[k][p] = static_cast<Index>(pad(below[p] + step, slope));
        }
      } else {
        for (int p = 0; p < kBlock; ++p) {
          const T at = below[p] + step;
          const bool inside = (at >= 0) & (at <= last);
          const Index i = static_cast<Index>(inside ? at : T(0));
          index[k][p] = inside ? i : Index(-1);
        }
      }
    }
  }
};

// The pixels of a block of places.
template <class T>
struct Block {
  AxisBlock<T> axes[kImageAxes];
  Line<Index> index[kMostTaps];
  Line<T> weight[kMostTaps];
  int per_axis, taps;

  bool all_inside() const {
    Index signs = 0;
    for (int k = 0; k < taps; ++k)
      for (int p = 0; p < kBlock; ++p) signs |= index[k][p];
    return signs >= 0;
  }

  // The tap along each axis, the outermost first, that tap k belongs to.
  int tap(const GridSampling& s, int k, int axis) const {
    for (int d = s.axes - 1; d > axis; --d) k /= per_axis;
    return k % per_axis;
  }
  AxisBlock<T>& axis(const GridSampling& s, int d) { return axes[kImageAxes - s.axes + d]; }

  void fill(const GridSampling& s, const T* grid, int count, bool wants_slope) {
    per_axis = taps_per_axis(s.mode);
    taps = taps_of(s);
    for (int d = 0; d < s.axes; ++d) {
      Line<T> x;
      const T* from = grid + s.axes - 1 - d;
      if (count == kBlock && s.axes == 2)
        for (int p = 0; p < kBlock; ++p) x[p] = from[2 * p];
      else
        for (int p = 0; p < kBlock; ++p) x[p] = from[smaller(p, count - 1) * s.axes];
      const int at = kImageAxes - s.axes + d;
      axes[at].fill(s, s.sizes[at], s.orders[at], wants_slope, x);
    }
    for (int k = 0; k < taps; ++k) {
      for (int d = 0; d < s.axes; ++d) {
        const int at = kImageAxes - s.axes + d, t = tap(s, k, d);
        const Index* i = axes[at].index[t];
        const T* w = axes[at].weight[t];
        if (d == 0) {
          for (int p = 0; p < kBlock; ++p) index[k][p] = i[p], weight[k][p] = w[p];
        } else {
          const Index size = static_cast<Index>(s.sizes[at]);
          for (int p = 0; p < kBlock; ++p) {
            const Index inner = index[k][p] * size + i[p];
            index[k][p] = (index[k][p] | i[p]) < 0 ? -1 : inner;
            weight[k][p] *= w[p];
          }
        }
      }
    }
  }

  // The grid's gradient from `dots`, by how much each tap's weight counts.
  void gradient(const GridSampling& s, const Line<T>* dots, int count, T* grad_grid) {
    for (int d = 0; d < s.axes; ++d) {
      Line<T> sum;
      for (int p = 0; p < kBlock; ++p) sum[p] = 0;
      for (int k = 0; k < taps; ++k) {
        Line<T> term;
        for (int p = 0; p < kBlock; ++p) term[p] = dots[k][p];
        for (int e = 0; e < s.axes; ++e) {
          const T* factor = e == d ? axis(s, e).slope[tap(s, k, e)] : axis(s, e).weight[tap(s, k, e)];
          for (int p = 0; p < kBlock; ++p) term[p] *= factor[p];
        }
        for (int p = 0; p < kBlock; ++p) sum[p] += term[p];
      }
      for (int p = 0; p < count; ++p) grad_grid[p * s.axes + s.axes - 1 - d] = sum[p];
    }
  }
};

// ---- channel after channel: few channels, or few places

// The nearest pixels have no weights.
bool copies(const GridSampling& s) {
  return s.mode == GridMode::Nearest && s.orders[0] + s.orders[1] + s.orders[2] == 0;
}
template <class T>
void copy_pixels(const Block<T>& block, bool inside, int count, const T* plane, T* to) {
  const Index* index = block.index[0];
  for (int p = 0; p < count; ++p) {
    int64_t i = index[p];
    asm("" : "+r"(i));  // single loads are faster than gathered ones
    if (inside) {
      to[p] = plane[i];
    } else {  // without a branch: nobody can foresee it
      const auto bits = math::to_bits(plane[i & ~(i >> 63)]);
      to[p] = math::from_bits<T>(bits & ~static_cast<decltype(bits)>(i >> 63));
    }
  }
}

template <class T>
void sample_planes(const GridSampling& s, const T* image, const T* grid, T* output) {
  const int64_t pixels = pixels_of(s);
  parallel_for(0, s.points, kGrain / (s.channels + 4) + 1, [&](int64_t first, int64_t last) {
    Block<T> block;
    for (int64_t at = first; at < last; at += kBlock) {
      const int count = static_cast<int>(smaller<int64_t>(kBlock, last - at));
      block.fill(s, grid + at * s.axes, count, false);
      const bool inside = block.all_inside();
      for (int64_t c = 0; c < s.channels; ++c) {
        const T* plane = image + c * pixels;
        if (copies(s)) {
          copy_pixels(block, inside, count, plane, output + c * s.points + at);
          continue;
        }
        Line<T> sum;
        for (int p = 0; p < kBlock; ++p) sum[p] = 0;
        for (int k = 0; k < block.taps; ++k) {
          const Index* __restrict index = block.index[k];
          const T* __restrict weight = block.weight[k];
          for (int p = 0; p < kBlock; ++p) {
            const T value = plane[index[p] < 0 ? 0 : index[p]];
            sum[p] += (index[p] < 0 ? T(0) : value) * weight[p];
          }
        }
        std::memcpy(output + c * s.points + at, sum, static_cast<size_t>(count) * sizeof(T));
      }
    }
  });
}

template <class T>
void spread_planes(const GridSampling& s, const T* grad_output, const T* image, const T* grid, T* grad_image,
                   T* grad_grid) {
  const int64_t pixels = pixels_of(s);
  if (grad_image) std::memset(grad_image, 0, static_cast<size_t>(s.channels * pixels) * sizeof(T));
  Block<T> block;
  for (int64_t at = 0; at < s.points; at += kBlock) {
    const int count = static_cast<int>(smaller<int64_t>(kBlock, s.points - at));
    block.fill(s, grid + at * s.axes, count, grad_grid != nullptr);
    Line<T> dots[kMostTaps] = {};
    for (int64_t c = 0; c < s.channels; ++c) {
      Line<T> g = {};
      std::memcpy(g, grad_output + c * s.points + at, static_cast<size_t>(count) * sizeof(T));
      for (int k = 0; k < block.taps; ++k) {
        const Index* __restrict index = block.index[k];
        if (grad_image) {
          T* plane = grad_image + c * pixels;
          for (int p = 0; p < count; ++p)
            if (index[p] >= 0) plane[index[p]] += block.weight[k][p] * g[p];
        }
        if (grad_grid) {
          const T* plane = image + c * pixels;
          for (int p = 0; p < kBlock; ++p) {
            const T value = plane[index[p] < 0 ? 0 : index[p]];
            dots[k][p] += (index[p] < 0 ? T(0) : value) * g[p];
          }
        }
      }
    }
    if (grad_grid) block.gradient(s, dots, count, grad_grid + at * s.axes);
  }
}

// ---- pixel after pixel: rows of channels, in vectors of kN

// rows[i * width + c] = planes[c * step + i] for first <= i < last; channels beyond the last are 0.
template <int kN, class T>
void planes_to_rows(const T* planes, int64_t step, int64_t channels, int64_t first, int64_t last,
                    int64_t width, T* rows) {
  for (int64_t c = 0; c < width; c += kN) {
    const T* from = planes + c * step;
    const int64_t some = smaller<int64_t>(kN, channels - c);
    int64_t i = first;
    for (; i + kN <= last; i += kN) {
      Vec<T, kN> block[kN];
      if (some == kN) {
#pragma GCC unroll 64
        for (int r = 0; r < kN; ++r) block[r] = load_lanes<kN>(from + r * step + i);
      } else {
        for (int r = 0; r < kN; ++r) block[r] = r < some ? load_lanes<kN>(from + r * step + i) : Vec<T, kN>{};
      }
      transpose_square<kN>(block);
#pragma GCC unroll 64
      for (int r = 0; r < kN; ++r) store(rows + (i + r) * width + c, block[r]);
    }
    for (; i < last; ++i)
      for (int r = 0; r < kN; ++r) rows[i * width + c + r] = r < some ? from[r * step + i] : T(0);
  }
}
// planes[c * step + i] = rows[i * width + c]
template <int kN, class T>
void rows_to_planes(const T* rows, int64_t width, int64_t count, int64_t channels, int64_t step, T* planes) {
  for (int64_t c = 0; c < width; c += kN) {
    T* to = planes + c * step;
    const int64_t some = smaller<int64_t>(kN, channels - c);
    int64_t i = 0;
    for (; i + kN <= count; i += kN) {
      Vec<T, kN> block[kN];
#pragma GCC unroll 64
      for (int r = 0; r < kN; ++r) block[r] = load_lanes<kN>(rows + (i + r) * width + c);
      transpose_square<kN>(block);
      if (some == kN) {
#pragma GCC unroll 64
        for (int r = 0; r < kN; ++r) store(to + r * step + i, block[r]);
      } else {
        for (int r = 0; r < some; ++r) store(to + r * step + i, block[r]);
      }
    }
    for (; i < count; ++i)
      for (int r = 0; r < some; ++r) to[r * step + i] = rows[i * width + c + r];
  }
}

template <class T>
T* scratch_items(int slot, int64_t count) {
  return static_cast<T*>(thread_scratch(slot, static_cast<size_t>(count) * sizeof(T)));
}

// The image in rows: its own memory where that has them, or `scratch`.
template <int kN, class T>
const T* image_rows(const GridSampling& s, const T* image, int64_t width, T* scratch) {
  const int64_t pixels = pixels_of(s);
  if (s.channels_last && width == s.channels) return image;
  parallel_for(0, pixels, kGrain / width + 1, [&](int64_t first, int64_t last) {
    if (!s.channels_last) return planes_to_rows<kN>(image, pixels, s.channels, first, last, width, scratch);
    for (int64_t i = first; i < last; ++i) {
      std::memcpy(scratch + i * width, image + i * s.channels, static_cast<size_t>(s.channels) * sizeof(T));
      for (int64_t c = s.channels; c < width; ++c) scratch[i * width + c] = 0;
    }
  });
  return scratch;
}

// Places of which some pixels lie outside read those from a row of zeros.
template <int kN, int kTaps, bool kInside, class T>
void weigh_rows(const Block<T>& block, int count, const T* rows, const T* outside, int64_t width, T* found) {
  for (int p = 0; p < count; ++p) {
    const T* row[kTaps];
#pragma GCC unroll 16
    for (int k = 0; k < kTaps; ++k) {
      const int64_t i = block.index[k][p];
      row[k] = kInside || i >= 0 ? rows + i * width : outside;
    }
    for (int64_t c = 0; c < width; c += kN) {
      Vec<T, kN> sum = load_lanes<kN>(row[0] + c) * block.weight[0][p];
#pragma GCC unroll 16
      for (int k = 1; k < kTaps; ++k) sum += load_lanes<kN>(row[k] + c) * block.weight[k][p];
      store(found + p * width + c, sum);
    }
  }
}

template <int kN, class T>
void sample_rows(const GridSampling& s, const T* image, const T* grid, T* output) {
  const int64_t width = (s.channels + kN - 1) / kN * kN;
  const T* rows = image_rows<kN>(s, image, width, scratch_items<T>(0, pixels_of(s) * width));
  parallel_for(0, s.points, kGrain / width + 1, [&](int64_t first, int64_t last) {
    T* found = scratch_items<T>(1, (kBlock + 1) * width);
    T* outside = found + kBlock * width;
    for (int64_t c = 0; c < width; ++c) outside[c] = 0;
    Block<T> block;
    const auto weigh = [&]<int kTaps>(std::integer_sequence<int, kTaps>, int count) {
      if (block.all_inside())
        weigh_rows<kN, kTaps, true>(block, count, rows, outside, width, found);
      else
        weigh_rows<kN, kTaps, false>(block, count, rows, outside, width, found);
    };
    for (int64_t at = first; at < last; at += kBlock) {
      const int count = static_cast<int>(smaller<int64_t>(kBlock, last - at));
      block.fill(s, grid + at * s.axes, count, false);
      if (block.taps == 4)
        weigh(std::integer_sequence<int, 4>{}, count);
      else if (block.taps == 8)
        weigh(std::integer_sequence<int, 8>{}, count);
      else if (block.taps == 16)
        weigh(std::integer_sequence<int, 16>{}, count);
      else
        weigh(std::integer_sequence<int, 1>{}, count);
      rows_to_planes<kN>(found, width, count, s.channels, s.points, output + at);
    }
  });
}

template <int kN, class V>
[[gnu::always_inline]] inline auto sum_of_lanes(V v) {
  auto total = v[0];
#pragma GCC unroll 16
  for (int i = 1; i < kN; ++i) total += v[i];
  return total;
}

template <int kN, class T>
void spread_rows(const GridSampling& s, const T* grad_output, const T* image, const T* grid, T* grad_image,
                 T* grad_grid) {
  const int64_t width = (s.channels + kN - 1) / kN * kN, pixels = pixels_of(s);
  const T* rows = grad_grid ? image_rows<kN>(s, image, width, scratch_items<T>(0, pixels * width)) : nullptr;
  T* grads = nullptr;
  if (grad_image) {
    grads = scratch_items<T>(2, pixels * width);
    std::memset(grads, 0, static_cast<size_t>(pixels * width) * sizeof(T));
  }
  T* given = scratch_items<T>(1, (kBlock + 1) * width);
  Block<T> block;
  for (int64_t at = 0; at < s.points; at += kBlock) {
    const int count = static_cast<int>(smaller<int64_t>(kBlock, s.points - at));
    block.fill(s, grid + at * s.axes, count, grad_grid != nullptr);
    planes_to_rows<kN>(grad_output + at, s.points, s.channels, 0, count, width, given);
    Line<T> dots[kMostTaps];
    for (int k = 0; k < block.taps; ++k)
      for (int p = 0; p < count; ++p) {
        const Index i = block.index[k][p];
        dots[k][p] = 0;
        if (i < 0) continue;
        const T* g = given + p * width;
        if (grad_image) {
          const T weight = block.weight[k][p];
          T* to = grads + i * width;
          for (int64_t c = 0; c < width; c += kN)
            store(to + c, load_lanes<kN>(to + c) + load_lanes<kN>(g + c) * weight);
        }
        if (grad_grid) {
          const T* from = rows + i * width;
          Vec<T, kN> sum = load_lanes<kN>(from) * load_lanes<kN>(g);
          for (int64_t c = kN; c < width; c += kN) sum += load_lanes<kN>(from + c) * load_lanes<kN>(g + c);
          dots[k][p] = sum_of_lanes<kN>(sum);
        }
      }
    for (int k = 0; k < block.taps; ++k)
      for (int p = count; p < kBlock; ++p) dots[k][p] = 0;
    if (grad_grid) block.gradient(s, dots, count, grad_grid + at * s.axes);
  }
  if (grad_image) rows_to_planes<kN>(grads, width, pixels, s.channels, pixels, grad_image);
}

// Turning the image costs about as much as looking up a quarter of its pixels, or all of them once.
bool in_rows(const GridSampling& s) {
  return s.channels_last || (s.channels > 2 && s.mode != GridMode::Nearest && s.points * 4 >= pixels_of(s));
}

template <class T, class F>
void with_row_width(const GridSampling& s, F f) {
  constexpr int kLargest = smaller(kLanes<T>, 16);
  if constexpr (kLargest > 8)
    if (s.channels > 8) return f(std::integer_sequence<int, 16>{});
  if constexpr (kLargest > 4)
    if (s.channels > 4) return f(std::integer_sequence<int, 8>{});
  f(std::integer_sequence<int, 4>{});
}

template <class T>
void forward(const GridSampling& s, const T* input, const T* grid, T* output) {
  const int64_t image = s.channels * pixels_of(s), work = s.channels * s.points;
  if (work == 0) return;
  parallel_for(0, s.batch, kGrain / work + 1, [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      const T *x = input + n * image, *places = grid + n * s.points * s.axes;
      T* y = output + n * work;
      if (!in_rows(s))
        sample_planes(s, x, places, y);
      else
        with_row_width<T>(s,
                          [&]<int kN>(std::integer_sequence<int, kN>) { sample_rows<kN>(s, x, places, y); });
    }
  });
}

template <class T>
void backward(const GridSampling& s, const T* grad_output, const T* input, const T* grid, T* grad_input,
              T* grad_grid) {
  const int64_t image = s.channels * pixels_of(s), work = s.channels * s.points, places = s.points * s.axes;
  parallel_for(0, s.batch, kGrain / (work + image + 1) + 1, [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      const T *g = grad_output + n * work, *x = input ? input + n * image : nullptr, *at = grid + n * places;
      T* dx = grad_input ? grad_input + n * image : nullptr;
      T* dgrid = grad_grid ? grad_grid + n * places : nullptr;
      if (dgrid && s.mode == GridMode::Nearest) {  // steps
        std::memset(dgrid, 0, static_cast<size_t>(places) * sizeof(T));
        dgrid = nullptr;
      }
      if (!in_rows(s) || work == 0)
        spread_planes(s, g, x, at, dx, dgrid);
      else
        with_row_width<T>(
            s, [&]<int kN>(std::integer_sequence<int, kN>) { spread_rows<kN>(s, g, x, at, dx, dgrid); });
    }
  });
}

}  // namespace

void fill(GridKernels& table) {
  table.f32 = {forward<float>, backward<float>};
  table.f64 = {forward<double>, backward<double>};
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
