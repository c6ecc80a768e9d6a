#pragma once

// Convolutions whose groups have one image channel each, in lanes along the groups: the planes of kLanes
// groups are transposed together, with zeros around them, so that a tap of any stride and dilation is one
// aligned load for all of them. For kernel sources only.

#include "core/cpu/convolution/correlation.h"
#include "core/cpu/convolution/weight_gradient.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Some correlations that share an image and fill planes together: a forward pass alone, or the phases of an
// input gradient. They differ in taps, padding and the outputs they write.
template <class T>
class Depthwise {
 public:
  // `out` is where the planes of height x width begin. Of a weight gradient's one part, only the image's side
  // and the places of its outputs count.
  Depthwise(const Correlation<T>* parts, int count, const T* out, int64_t height, int64_t width)
      : p_(parts), parts_(count), out_(out), height_(height), width_(width) {
    int64_t after = 0;
    for (int i = 0; i < parts_; ++i) {
      const Correlation<T>& p = p_[i];
      taps_ += p.taps();
      before_ = larger(before_, p.padding[1]);
      after = larger(after, (p.output[1] - 1) * p.stride[1] + (p.kernel[1] - 1) * p.dilation[1] -
                                p.padding[1] - (p.input[1] - 1));
    }
    pitch_ = p_->input[1] + before_ + after;
    strip_ = smaller(height_, larger<int64_t>(1, kStripSize / larger(pitch_ * p_->stride[0], width_)));
    blocks_ = ceil_div(p_->groups, L);
    strips_ = ceil_div(height_, strip_);
    for (int64_t y = 0; y < height_; y += strip_)
      image_rows_ = larger(image_rows_, inputs(y, smaller(height_, y + strip_)).count);
    offset_ = scratch<int64_t>(kOffsetSlot, taps_);
    int64_t* offset = offset_;
    for (int i = 0; i < parts_; ++i)
      for (int64_t r = 0; r < p_[i].kernel[0]; ++r)
        for (int64_t s = 0; s < p_[i].kernel[1]; ++s)
          *offset++ = (r * p_[i].dilation[0] * pitch_ + s * p_[i].dilation[1]) * L;
    const int64_t image_size = image_rows_ * p_->input[1];
    place_ = scratch<int64_t>(kPositionSlot, image_size);
    for (int64_t i = 0; i < image_size; ++i)
      place_[i] = (i / p_->input[1] * pitch_ + before_ + i % p_->input[1]) * L;
  }

  static bool possible(const Correlation<T>& p) {
    return p.channels == 1 && p.slices == 1 && p.planes == 1 && p.depth_padding == 0 && p.groups >= L / 2;
  }

  // All parts, into the planes that begin at `out`.
  void run(T* out) const {
    const T* weights = pack();
    parallel_items(p_->batch * blocks_ * strips_, strip_ * width_ * L * (taps_ + 8) / parts_, [&](int64_t i) {
      const int64_t block = i / strips_ % blocks_, n = i / strips_ / blocks_;
      const int64_t first = i % strips_ * strip_, last = smaller(height_, first + strip_);
      const Rows rows = inputs(first, last);
      T* image = scratch<T>(kPanelSlot, image_rows_ * pitch_ * L);
      T* result = scratch<T>(kTileSlot, (strip_ * width_ + L) * L);
      gather(n, block, rows, image);
      for (int64_t m = 0; m < p_->out_channels; ++m) {
        int64_t tap = 0;
        for (int part = 0; part < parts_; tap += p_[part++].taps())
          multiply(p_[part], offset_ + tap, weights + ((block * p_->out_channels + m) * taps_ + tap) * L,
                   bias(block, m), first, last, image - rows.first * pitch_ * L, result);
        transpose_out(
            result, (last - first) * width_, smaller(L, p_->groups - block * L),
            out + n * p_->out_batch + (block * L * p_->out_channels + m) * p_->out_channel + first * width_);
      }
    });
  }

  // From the gradient of the outputs.
  void weight_gradient(const T* grad_output, T* grad_weight) const {
    parallel_items(blocks_, p_->batch * height_ * width_ * L * (taps_ + 8), [&](int64_t block) {
      const int64_t channels = p_->out_channels;
      T* sums = scratch<T>(kSumSlot, channels * taps_ * L);
      for (int64_t i = 0; i < channels * taps_ * L; i += L) store(sums + i, Vec<T>{});
      T* image = scratch<T>(kPanelSlot, image_rows_ * pitch_ * L);
      T* grad = scratch<T>(kTileSlot, strip_ * width_ * L);
      for (int64_t n = 0; n < p_->batch; ++n)
        for (int64_t first = 0; first < height_; first += strip_) {
          const int64_t last = smaller(height_, first + strip_);
          const Rows rows = inputs(first, last);
          gather(n, block, rows, image);
          for (int64_t m = 0; m < channels; ++m) {
            transpose_in(grad_output + n * p_->out_batch + m * p_->out_channel + first * width_, block,
                         channels * p_->out_channel, (last - first) * width_, grad,
                         [](int64_t i) { return i * L; });
            for (int64_t u = first; u < last; ++u)
              add_row(grad + (u - first) * width_ * L, image + window(*p_, u, 0) - rows.first * pitch_ * L,
                      sums + m * taps_ * L);
          }
        }
      for (int64_t i = 0; i < smaller(L, p_->groups - block * L); ++i)
        for (int64_t k = 0; k < channels * taps_; ++k)
          grad_weight[(block * L + i) * channels * taps_ + k] = sums[k * L + i];
    });
  }

 private:
  static constexpr int64_t L = kLanes<T>, kUnit = 8;
  static constexpr int64_t kStripSize = (256 << 10) / kVectorBytes;  // in the second-level cache
  static constexpr int64_t kSums =
      10;  // taps of one pass over a row: more have no registers for their places

  struct Rows {
    int64_t first, count;
  };

  // The outputs of a part that come before row y of the planes.
  int64_t outputs_before(const Correlation<T>& p, int64_t y) const {
    const int64_t first = (p.out - out_) / width_, step = p.out_step[0] / width_;
    return y <= first ? 0 : smaller(p.output[0], ceil_div(y - first, step));
  }

  // The image rows that rows [first, last) of the planes depend on, those of the padding included.
  Rows inputs(int64_t first, int64_t last) const {
    int64_t begin = p_->input[0], end = 0;
    for (int i = 0; i < parts_; ++i) {
      const Correlation<T>& p = p_[i];
      const int64_t u0 = outputs_before(p, first), u1 = outputs_before(p, last);
      if (u0 == u1 || p.taps() == 0) continue;
      begin = smaller(begin, u0 * p.stride[0] - p.padding[0]);
      end = larger(end, (u1 - 1) * p.stride[0] + (p.kernel[0] - 1) * p.dilation[0] - p.padding[0] + 1);
    }
    return {begin, larger<int64_t>(0, end - begin)};
  }

  // Where a part's output (u, v) finds its first tap, if row 0 of the image were the first one gathered.
  int64_t window(const Correlation<T>& p, int64_t u, int64_t v) const {
    return ((u * p.stride[0] - p.padding[0]) * pitch_ + v * p.stride[1] - p.padding[1] + before_) * L;
  }

  // [block of groups][output channel][tap][group]
  const T* pack() const {
    T* packed = scratch<T>(kWeightSlot, blocks_ * p_->out_channels * taps_ * L);
    T* to = packed;
    for (int64_t block = 0; block < blocks_; ++block)
      for (int64_t m = 0; m < p_->out_channels; ++m)
        for (int part = 0; part < parts_; ++part) {
          const TapWeights<T>& w = p_[part].weights;
          for (int64_t r = 0; r < p_[part].kernel[0]; ++r)
            for (int64_t s = 0; s < p_[part].kernel[1]; ++s, to += L)
              for (int64_t i = 0; i < L; ++i)
                to[i] = w.first[smaller(block * L + i, p_->groups - 1) * w.group + m * w.row + r * w.tap[0] +
                                s * w.tap[1]];
        }
    return packed;
  }

  Vec<T> bias(int64_t block, int64_t m) const {
    Vec<T> result{};
    for (int64_t i = 0; p_->bias && i < smaller(L, p_->groups - block * L); ++i)
      result[i] = p_->bias[(block * L + i) * p_->out_channels + m];
    return result;
  }

  // The rows of a block's planes as [row][column][group], with zeros around the image.
  void gather(int64_t n, int64_t block, const Rows& rows, T* image) const {
    const int64_t height = p_->input[0], width = p_->input[1];
    const int64_t first = larger<int64_t>(0, rows.first), end = smaller(height, rows.first + rows.count);
    for (int64_t y = rows.first; y < rows.first + rows.count; ++y) {
      T* row = image + (y - rows.first) * pitch_ * L;
      const bool inside = y >= first && y < end;
      for (int64_t x = 0; x < (inside ? before_ : pitch_); ++x) store(row + x * L, Vec<T>{});
      for (int64_t x = before_ + width; x < (inside ? pitch_ : 0); ++x) store(row + x * L, Vec<T>{});
    }
    if (first < end)
      transpose_in(p_->image + n * p_->image_batch + first * width, block, p_->image_group,
                   (end - first) * width, image + (first - rows.first) * pitch_ * L,
                   [&](int64_t i) { return place_[i]; });
  }

  // to[place(i)][group] = element i of each of a block's planes.
  template <class Place>
  void transpose_in(const T* from, int64_t block, int64_t plane, int64_t count, T* to,
                    const Place& place) const {
    const T* lane[L];
    for (int64_t i = 0; i < L; ++i) lane[i] = from + smaller(block * L + i, p_->groups - 1) * plane;
    for (int64_t j = 0; j < count; j += L) {
      Vec<T> row[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) row[i] = load(lane[i] + j);
      transpose_square<kLanes<T>>(row);
      if (count - j >= L) {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) store(to + place(j + i), row[i]);
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i)
          if (i < count - j) store(to + place(j + i), row[i]);
      }
    }
  }

  // Element i of each of `planes` planes, from from[i][group].
  void transpose_out(const T* from, int64_t count, int64_t planes, T* out) const {
    const int64_t step = p_->out_channels * p_->out_channel;
    for (int64_t i = 0; i < count; i += L) {
      const int64_t first = count < L ? 0 : smaller(i, count - L);
      Vec<T> row[L];
#pragma GCC unroll 16
      for (int j = 0; j < L; ++j) row[j] = load(from + (first + j) * L);
      transpose_square<kLanes<T>>(row);
      if (count >= L && planes == L) {
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) store(out + j * step + first, row[j]);
      } else {
        alignas(64) T spilt[L * L];
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) store(spilt + j * L, row[j]);
        for (int64_t j = 0; j < planes; ++j)
          copy_row(out + j * step + first, spilt + j * L, smaller(L, count));
      }
    }
  }

  // A part's outputs in rows [first, last) of the planes, to result[position][group].
  void multiply(const Correlation<T>& p, const int64_t* offset, const T* weights, Vec<T> bias, int64_t first,
                int64_t last, const T* image, T* result) const {
    const int64_t row = (p.out - out_) / width_, column = (p.out - out_) % width_;
    const int64_t units = ceil_div(p.output[1], kUnit), taps = p.taps();
    for (int64_t u = outputs_before(p, first); u < outputs_before(p, last); ++u) {
      T* to = result + ((row + u * (p.out_step[0] / width_) - first) * width_ + column) * L;
      for (int64_t i = 0; i < units; ++i) {
        const int64_t v = p.output[1] * i / units;
        const T* from = image + window(p, u, v);
        with_constant<kUnit>(p.output[1] * (i + 1) / units - v, [&](auto size) {
          constexpr int64_t kSize = decltype(size)::value;
          if (p.stride[1] == 1)
            multiply_unit<kSize>(from, Constant<L>{}, offset, weights, taps, bias, to + v * p.out_step[1] * L,
                                 p.out_step[1] * L);
          else
            multiply_unit<kSize>(from, Step{p.stride[1] * L}, offset, weights, taps, bias,
                                 to + v * p.out_step[1] * L, p.out_step[1] * L);
        });
      }
    }
  }

  struct Step {
    int64_t value;
  };

  template <int64_t Size, class FromStep>
  static void multiply_unit(const T* from, FromStep step, const int64_t* offset, const T* weight,
                            int64_t taps, Vec<T> bias, T* to, int64_t to_step) {
    Vec<T> sum[Size];
#pragma GCC unroll 8
    for (int i = 0; i < Size; ++i) sum[i] = bias;
    for (int64_t k = 0; k < taps; ++k) {
      const Vec<T> w = load(weight + k * L);
      const T* tap = from + offset[k];
#pragma GCC unroll 8
      for (int i = 0; i < Size; ++i) sum[i] += w * load(tap + i * step.value);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Size; ++i) store(to + i * to_step, sum[i]);
  }

  // sums[tap][group] += what one row of outputs adds.
  void add_row(const T* grad, const T* image, T* sums) const {
    const int64_t passes = ceil_div(taps_, kSums);
    for (int64_t i = 0; i < passes; ++i) {
      const int64_t k = taps_ * i / passes;
      with_constant<kSums>(taps_ * (i + 1) / passes - k, [&](auto size) {
        add_taps<decltype(size)::value>(grad, image, width_, p_->stride[1] * L, offset_ + k, sums + k * L);
      });
    }
  }

  template <int64_t Taps>
  static void add_taps(const T* grad, const T* image, int64_t columns, int64_t step, const int64_t* offset,
                       T* sums) {
    Vec<T> sum[Taps];
    const T* tap[Taps];
#pragma GCC unroll 16
    for (int k = 0; k < Taps; ++k) sum[k] = Vec<T>{}, tap[k] = image + offset[k];
    for (int64_t v = 0, at = 0; v < columns; ++v, at += step) {
      const Vec<T> g = load(grad + v * L);
#pragma GCC unroll 16
      for (int k = 0; k < Taps; ++k) sum[k] += g * load(tap[k] + at);
    }
#pragma GCC unroll 16
    for (int k = 0; k < Taps; ++k) store(sums + k * L, load(sums + k * L) + sum[k]);
  }

  const Correlation<T>* p_;
  const int parts_;
  const T* out_;
  const int64_t height_, width_;
  int64_t taps_ = 0, before_ = 0, pitch_, strip_, blocks_, strips_, image_rows_ = 0;
  int64_t *offset_, *place_;
};

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
