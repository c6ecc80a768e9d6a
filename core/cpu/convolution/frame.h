#pragma once

// How a correlation sees its image: in place, or as a zero-padded copy of some rows, split by stride phase,
// in which every tap of the kernel is a constant offset. For kernel sources only.
//
// Three dimensions are seen as two: every output slice is an image of its own, whose channels are the planes
// that the kernel's taps along the depth meet, for each of the image's channels.

#include "core/cpu/convolution/tile.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// out[n][m][u][v] = bias[m] + sum over (c, r, s) of
//     weight[m][c][r][s] image[n][c][u stride_0 + r dilation_0 - padding_0][v stride_1 + s dilation_1 -
//     padding_1]
// with zeros outside of the image; every group has its own image channels, weights and output channels.
// n counts output slices, c pairs of an image channel and a tap along the depth.
template <class T>
struct Correlation;

// Where a correlation finds its weights: those of a group's output channel m, pair c of a channel and a depth
// tap, and tap (r, s) lie at first + m row + offset(c) + r tap[0] + s tap[1], groups `group` apart.
template <class T>
struct TapWeights {
  const T* first;
  int64_t group, row, channel, plane, tap[2];

  int64_t offset(const Correlation<T>& p, int64_t c) const {
    return c / p.depth_taps * channel + c % p.depth_taps * plane;
  }
  // Whether a row's taps lie in the order in which they are counted.
  bool contiguous(const Correlation<T>& p) const {
    const int64_t window = p.kernel[0] * p.kernel[1];
    return tap[1] == 1 && tap[0] == p.kernel[1] && plane == window && channel == p.depth_taps * window;
  }
};

template <class T>
struct Correlation {
  int64_t batch, groups;
  int64_t channels, out_channels;                                              // of one group
  int64_t input[2], kernel[2], stride[2], padding[2], dilation[2], output[2];  // padding may be negative
  int64_t slices;                                                              // of one image's output
  int64_t planes, depth_taps, depth_stride, depth_padding, depth_dilation;
  const T* image;
  int64_t image_batch, image_group, image_channel, image_plane;  // strides; rows are contiguous
  TapWeights<T> weights;
  const T* bias;  // or null
  T* out;
  int64_t out_batch, out_channel, out_slice, out_step[2];  // strides

  int64_t taps() const { return channels * kernel[0] * kernel[1]; }
  int64_t positions() const { return output[0] * output[1]; }

  // Where slice n begins, in the output and, but for the padding, in the image.
  int64_t out_offset(int64_t n) const {
    return slices == 1 ? n * out_batch : n / slices * out_batch + n % slices * out_slice;
  }
  int64_t image_offset(int64_t n) const {
    return slices == 1 ? n * image_batch : n / slices * image_batch + n % slices * depth_stride * image_plane;
  }
};

constexpr int64_t greatest_common_divisor(int64_t a, int64_t b) {
  return b == 0 ? a : greatest_common_divisor(b, a % b);
}

// Along one axis, tap t reads image[u stride + t dilation - padding]. With period = stride / gcd(stride,
// dilation), taps of equal t % period lie whole strides apart: they share a phase, a copy of every stride-th
// element, in which tap t is (t / period) step elements further on.
struct TapAxis {
  int64_t period, phases, step, reach;

  TapAxis() = default;
  TapAxis(int64_t kernel, int64_t stride, int64_t dilation) {
    const int64_t divisor = greatest_common_divisor(stride, dilation);
    period = stride / divisor;
    phases = smaller(period, kernel);
    step = dilation / divisor;
    reach = kernel > 0 ? (kernel - 1) / period * step : 0;
  }
  int64_t phase(int64_t tap) const { return tap % period; }
  int64_t shift(int64_t tap) const { return tap / period * step; }
};

// A run of consecutive output positions (n, u, v), v fastest, and the part of the image they need.
struct Span {
  int64_t first, count;
  int64_t batch, row;  // of the first position
};

template <class T>
struct Frame {
  TapAxis axis[2];
  bool in_place;
  bool shares_padding;  // the zeros before a row of the copy are also those after the row above
  int64_t rows;         // of a phase of the copy
  int64_t width;        // of a row
  int64_t phase_size;   // elements of one phase of one channel
  int64_t channel_size, image_size;
  int64_t span_images;  // the most images a span touches

  // For spans of at most `span_count` positions.
  Frame(const Correlation<T>& p, int64_t span_count) : samples{} {
    in_place = true;
    for (int d = 0; d < 2; ++d) {
      axis[d] = TapAxis(p.kernel[d], p.stride[d], p.dilation[d]);
      const int64_t last = p.output[d] - 1 + (p.kernel[d] - 1) * p.dilation[d] - p.padding[d];
      in_place &= p.stride[d] == 1 && p.padding[d] <= 0 && last < p.input[d];
    }
    const int64_t last_plane =
        (p.slices - 1) * p.depth_stride + (p.depth_taps - 1) * p.depth_dilation - p.depth_padding;
    in_place &= p.depth_padding <= 0 && last_plane < p.planes;
    if (in_place) {
      shares_padding = false;
      rows = p.input[0], width = p.input[1];
      phase_size = channel_size = p.image_plane;
      image_size = span_images = 0;
      return;
    }
    const int64_t full_width = p.output[1] + axis[1].reach;
    width = full_width;
    if (p.stride[1] == 1 && p.padding[1] > 0)
      width = larger(p.output[1],
                     smaller(full_width, larger(p.input[1], p.output[1] + axis[1].reach - 2 * p.padding[1]) +
                                             p.padding[1]));
    shares_padding = width < full_width;
    rows = smaller(p.output[0], ceil_div(span_count, p.output[1]) + 1) + axis[0].reach +
           (shares_padding ? 1 : 0);
    phase_size = rows * width;
    channel_size = phase_size * axis[0].phases * axis[1].phases;
    image_size = channel_size * p.channels;
    span_images = smaller(p.batch, (span_count - 1) / p.positions() + 2);
    for (int64_t b = 0; b < smaller(axis[1].phases, kSamples); ++b) samples[b] = sample_of(p, b);
  }

  int64_t copy_size() const { return span_images * image_size; }

  void tap_offsets(const Correlation<T>& p, int64_t* offset) const {
    for (int64_t c = 0; c < p.channels; ++c)
      for (int64_t r = 0; r < p.kernel[0]; ++r)
        for (int64_t s = 0; s < p.kernel[1]; ++s)
          *offset++ = channel_offset(p, c) +
                      (axis[0].phase(r) * axis[1].phases + axis[1].phase(s)) * phase_size +
                      axis[0].shift(r) * width + axis[1].shift(s);
  }

  // Where position (n, u, v) of the span finds its tap (0, 0, 0), from the base that `prepare` returned.
  int64_t position_offset(const Correlation<T>& p, const Span& span, int64_t n, int64_t u, int64_t v) const {
    if (in_place) return p.image_offset(n) + (u - p.padding[0]) * width + v - p.padding[1];
    return (n - span.batch) * image_size + (u - (n == span.batch ? span.row : 0)) * width + v;
  }

  // Copies what the span needs, unless the image can be read in place; returns the base of its offsets.
  const T* prepare(const Correlation<T>& p, int64_t group, const Span& span, T* copy) const {
    const T* image = p.image + group * p.image_group;
    if (in_place) return image - p.depth_padding * p.image_plane;
    const int64_t last = span.first + span.count - 1;
    const int64_t last_batch = last / p.positions();
    for (int64_t n = span.batch; n <= last_batch; ++n) {
      const int64_t u0 = n == span.batch ? span.row : 0;
      const int64_t u1 = n == last_batch ? last % p.positions() / p.output[1] + 1 : p.output[0];
      copy_rows(p, image + n / p.slices * p.image_batch, n % p.slices * p.depth_stride - p.depth_padding, u0,
                u1 - u0 + axis[0].reach, copy + (n - span.batch) * image_size);
    }
    return copy;
  }

  // Of pair c of channel and depth tap, from the base that `prepare` returned.
  int64_t channel_offset(const Correlation<T>& p, int64_t c) const {
    if (!in_place) return c * channel_size;
    return c / p.depth_taps * p.image_channel + c % p.depth_taps * p.depth_dilation * p.image_plane;
  }

 private:
  // The planes of every channel that a slice reads whose first tap is at `depth`.
  void copy_rows(const Correlation<T>& p, const T* image, int64_t depth, int64_t u0, int64_t count,
                 T* copy) const {
    for (int64_t c = 0; c < p.channels; image += p.image_channel)
      for (int64_t t = 0; t < p.depth_taps; ++t, ++c, copy += channel_size) {
        const int64_t z = depth + t * p.depth_dilation;
        copy_plane(p, z >= 0 && z < p.planes ? image + z * p.image_plane : nullptr, u0, count, copy);
      }
  }

  // The part [first, last) of a row that lies in the image: its element i is image element start + i step.
  struct RowSample {
    int64_t first, last, start, step;

    RowSample() = default;
    RowSample(int64_t start, int64_t step, int64_t size, int64_t width) : start(start), step(step) {
      first = smaller(width, start < 0 ? ceil_div(-start, step) : 0);
      last = start < size ? larger(first, smaller((size - 1 - start) / step + 1, width)) : first;
    }
  };

  RowSample sample_of(const Correlation<T>& p, int64_t phase) const {
    return {phase * p.dilation[1] - p.padding[1], p.stride[1], p.input[1], width};
  }

  // Rows are written in ascending order and in whole vectors: what spills over, the next row overwrites.
  // No plane, as in the padding, is one of zeros.
  void copy_plane(const Correlation<T>& p, const T* plane, int64_t u0, int64_t count, T* copy) const {
    for (int64_t a = 0; a < axis[0].phases; ++a)
      for (int64_t b = 0; b < axis[1].phases; ++b, copy += phase_size) {
        const RowSample sample = b < kSamples ? samples[b] : sample_of(p, b);
        const int64_t y0 = u0 * p.stride[0] + a * p.dilation[0] - p.padding[0];
        if (sample.step == 1)
          copy_rows_by<1>(p, sample, plane, y0, count, copy);
        else if (sample.step == 2)
          copy_rows_by<2>(p, sample, plane, y0, count, copy);
        else
          copy_rows_by<0>(p, sample, plane, y0, count, copy);
        if (shares_padding) clear(copy + count * width, p.padding[1]);
      }
  }

  static void clear(T* to, int64_t n) {
    if (n <= 0) return;
    store(to, Vec<T>{});
    for (int64_t i = kLanes<T>; i < n; i += kLanes<T>) store(to + i, Vec<T>{});
  }

  // Every Step-th element of rows; Step 0 is any other.
  template <int Step>
  void copy_rows_by(const Correlation<T>& p, const RowSample& sample, const T* plane, int64_t y0,
                    int64_t count, T* copy) const {
    for (int64_t t = 0; t < count; ++t, copy += width) {
      const int64_t y = y0 + t * p.stride[0];
      if (plane && y >= 0 && y < p.input[0])
        copy_row<Step>(copy, plane + y * p.input[1] + sample.start, sample);
      else
        clear(copy, width);
    }
  }

  template <int Step>
  void copy_row(T* to, const T* from, const RowSample& sample) const {
    constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
    constexpr int64_t L = kLanes<T>;
    clear(to, sample.first);
    int64_t i = sample.first;
    if constexpr (Step == 0) {
      for (; i < sample.last; ++i) to[i] = from[i * sample.step];
    } else {
      const auto at = [&](int64_t j) {
        if constexpr (Step == 1)
          return load(from + j);
        else
          return take_even(load(from + 2 * j), load(from + 2 * j + L), lanes);
      };
      for (; i + L <= sample.last; i += L) store(to + i, at(i));
      if (i < sample.last) {  // with zeros behind the image
        store(to + i, keep_first<T>(at(i), sample.last - i));
        i += L;
      }
    }
    clear(to + i, width - i);
  }

  static constexpr int64_t kSamples = 4;
  RowSample samples[kSamples];  // of the first phases
};

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
