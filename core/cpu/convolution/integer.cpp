// Convolutions of integers: plain sums modulo 2^64, of which every narrower type's result is the rest.
#include <algorithm>

#include "core/cpu/convolution/conv.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {

namespace {

// The outputs along an axis whose window has tap `tap` inside of the image; `offset` is where the first
// output of all would find it.
struct Reached {
  int64_t first, last, offset;
  Reached(const ConvShape& s, int axis, int64_t tap) : offset(tap * s.dilation[axis] - s.padding[axis]) {
    const int64_t stride = s.stride[axis];
    first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    last = offset >= s.input[axis] ? 0 : std::min(s.output[axis], (s.input[axis] - 1 - offset) / stride + 1);
  }
};

// Calls f(row of the image, row of the output, reached columns) for every pair of rows that a tap connects.
template <class F>
void for_rows(const ConvShape& s, const int64_t (&tap)[kConvAxes], const F& f) {
  const Reached slices(s, 0, tap[0]), rows(s, 1, tap[1]), columns(s, 2, tap[2]);
  for (int64_t z = slices.first; z < slices.last; ++z)
    for (int64_t y = rows.first; y < rows.last; ++y)
      f((z * s.stride[0] + slices.offset) * s.input[1] + y * s.stride[1] + rows.offset, z * s.output[1] + y,
        columns);
}

// Calls f(taps of the window, their number) in the order in which a weight holds them.
template <class F>
void for_taps(const ConvShape& s, const F& f) {
  int64_t tap[kConvAxes], k = 0;
  for (tap[0] = 0; tap[0] < s.kernel[0]; ++tap[0])
    for (tap[1] = 0; tap[1] < s.kernel[1]; ++tap[1])
      for (tap[2] = 0; tap[2] < s.kernel[2]; ++tap[2]) f(tap, k++);
}

// Fills every plane of `to` (batch, channels) with its bias and lets f(batch item, channel, plane) add to it.
template <class F>
void for_planes(int64_t batch, int64_t channels, int64_t size, int64_t work, const int64_t* bias, int64_t* to,
                const F& f) {
  parallel_for(0, batch * channels, (1 << 16) / std::max<int64_t>(1, work) + 1,
               [&](int64_t first, int64_t last) {
                 for (int64_t item = first; item < last; ++item) {
                   const int64_t channel = item % channels;
                   auto* plane = reinterpret_cast<uint64_t*>(to) + item * size;
                   std::fill(plane, plane + size, bias ? static_cast<uint64_t>(bias[channel]) : 0);
                   f(item / channels, channel, plane);
                 }
               });
}

}  // namespace

void integer_convolution(const ConvShape& s, const int64_t* input, const int64_t* weight, const int64_t* bias,
                         int64_t* output) {
  const int64_t channels = s.in_channels / s.groups, group_outputs = s.out_channels / s.groups;
  const auto* images = reinterpret_cast<const uint64_t*>(input);
  for_planes(s.batch, s.out_channels, s.positions(), channels * s.window() * s.positions(), bias, output,
             [&](int64_t n, int64_t o, uint64_t* plane) {
               for (int64_t c = 0; c < channels; ++c) {
                 const uint64_t* image =
                     images + (n * s.in_channels + o / group_outputs * channels + c) * s.image();
                 const auto* w = reinterpret_cast<const uint64_t*>(weight) + (o * channels + c) * s.window();
                 for_taps(s, [&](const int64_t (&tap)[kConvAxes], int64_t k) {
                   for_rows(s, tap, [&](int64_t image_row, int64_t row, const Reached& columns) {
                     const uint64_t* from = image + image_row * s.input[2] + columns.offset;
                     uint64_t* to = plane + row * s.output[2];
                     for (int64_t x = columns.first; x < columns.last; ++x)
                       to[x] += w[k] * from[x * s.stride[2]];
                   });
                 });
               }
             });
}

void integer_transposed_convolution(const ConvShape& s, const int64_t* input, const int64_t* weight,
                                    const int64_t* bias, int64_t* output) {
  const int64_t channels = s.in_channels / s.groups, group_inputs = s.out_channels / s.groups;
  const auto* planes = reinterpret_cast<const uint64_t*>(input);
  for_planes(s.batch, s.in_channels, s.image(), group_inputs * s.window() * s.positions(), bias, output,
             [&](int64_t n, int64_t c, uint64_t* image) {
               const int64_t first = c / channels * group_inputs;
               for (int64_t o = first; o < first + group_inputs; ++o) {
                 const uint64_t* plane = planes + (n * s.out_channels + o) * s.positions();
                 const auto* w =
                     reinterpret_cast<const uint64_t*>(weight) + (o * channels + c % channels) * s.window();
                 for_taps(s, [&](const int64_t (&tap)[kConvAxes], int64_t k) {
                   for_rows(s, tap, [&](int64_t image_row, int64_t row, const Reached& columns) {
                     uint64_t* to = image + image_row * s.input[2] + columns.offset;
                     const uint64_t* from = plane + row * s.output[2];
                     for (int64_t x = columns.first; x < columns.last; ++x)
                       to[x * s.stride[2]] += w[k] * from[x];
                   });
                 });
               }
             });
}

}  // namespace flambeau::cpu
