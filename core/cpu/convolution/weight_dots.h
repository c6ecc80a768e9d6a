#pragma once

// The weight gradient of groups with few output channels (depthwise convolutions): every element is a dot
// product over output positions, computed in lanes along the rows. For kernel sources only.

#include "core/cpu/convolution/correlation.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kDotTaps = kAccumulators / 2 + 3;  // taps of one pass: 9 sums in 16 registers, 15 in 32

// sums[k] (a vector each) += grad * image at tap k, over all positions of one image.
template <int64_t Taps, class T>
void add_dots(const T* grad, const T* image, const int64_t* offset, int64_t rows, int64_t columns,
              int64_t width, T* sums) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[Taps];
#pragma GCC unroll 16
  for (int k = 0; k < Taps; ++k) sum[k] = load(sums + k * L);
  for (int64_t u = 0; u < rows; ++u, grad += columns, image += width) {
    int64_t v = 0;
    for (; v + L <= columns; v += L) {
      const Vec<T> g = load(grad + v);
#pragma GCC unroll 16
      for (int k = 0; k < Taps; ++k) sum[k] += g * load(image + offset[k] + v);
    }
    if (v < columns) {
      const Vec<T> g = keep_first<T>(load(grad + v), columns - v);
#pragma GCC unroll 16
      for (int k = 0; k < Taps; ++k) sum[k] += g * keep_first<T>(load(image + offset[k] + v), columns - v);
    }
  }
#pragma GCC unroll 16
  for (int k = 0; k < Taps; ++k) store(sums + k * L, sum[k]);
}

template <class T>
T sum_of_lanes(const T* lanes) {
  T total = 0;
  for (int i = 0; i < kLanes<T>; ++i) total += lanes[i];
  return total;
}

template <class T>
T sum_of_elements(const T* from, int64_t n) {
  Vec<T> sum{};
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) sum += load(from + i);
  if (i < n) sum += keep_first<T>(load(from + i), n - i);
  T lanes[kLanes<T>];
  store(lanes, sum);
  return sum_of_lanes(lanes);
}

// Only the image's side of p is used; `grad_bias` may be null.
template <class T>
void weight_gradient_by_dots(const Correlation<T>& p, const T* grad_output, T* grad_weight, T* grad_bias) {
  constexpr int64_t L = kLanes<T>;
  const int64_t taps = p.taps(), positions = p.positions(), sums_size = p.out_channels * taps * L;
  const Frame<T> frame(p, positions);
  int64_t* offset = scratch<int64_t>(kOffsetSlot, taps);
  frame.tap_offsets(p, offset);
  parallel_items(p.groups, p.batch * positions * taps * p.out_channels, [&](int64_t group) {
    T* copy = scratch<T>(kFrameSlot, frame.copy_size());
    T* sums = scratch<T>(kTileSlot, sums_size);
    for (int64_t i = 0; i < sums_size; ++i) sums[i] = 0;
    for (int64_t n = 0; n < p.batch; ++n) {
      const Span span{n * positions, positions, n, 0};
      const T* image = frame.prepare(p, group, span, copy) + frame.position_offset(p, span, n, 0, 0);
      for (int64_t o = 0; o < p.out_channels; ++o) {
        const T* grad = grad_output + p.out_offset(n) + (group * p.out_channels + o) * p.out_channel;
        for (int64_t k = 0; k < taps; k += kDotTaps)
          with_constant<kDotTaps>(smaller(kDotTaps, taps - k), [&](auto count) {
            add_dots<decltype(count)::value>(grad, image, offset + k, p.output[0], p.output[1], frame.width,
                                             sums + (o * taps + k) * L);
          });
      }
    }
    for (int64_t i = 0; i < p.out_channels * taps; ++i)
      grad_weight[group * p.out_channels * taps + i] = sum_of_lanes(sums + i * L);
    if (!grad_bias) return;
    for (int64_t o = group * p.out_channels; o < (group + 1) * p.out_channels; ++o) {
      grad_bias[o] = 0;
      for (int64_t n = 0; n < p.batch; ++n)
        grad_bias[o] += sum_of_elements(grad_output + p.out_offset(n) + o * p.out_channel, positions);
    }
  });
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
