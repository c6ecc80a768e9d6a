// Convolutions of integers: the defining sums modulo 2^64, of which every narrower type's result is the rest.
#include <algorithm>

#include "core/cpu/convolution/conv.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {

namespace {

// The outputs along an axis whose window has tap `tap` inside of the image.
struct Reached {
  int64_t first, last;
  Reached(const ConvShape& s, int axis, int64_t tap) {
    const int64_t offset = tap * s.dilation[axis] - s.padding[axis], stride = s.stride[axis];
    first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    last = offset >= s.input[axis] ? 0 : std::min(s.output[axis], (s.input[axis] - 1 - offset) / stride + 1);
  }
};

void add_tap(const ConvShape& s, int64_t row_tap, int64_t column_tap, uint64_t weight, const uint64_t* image,
             uint64_t* plane) {
  const Reached rows(s, 0, row_tap), columns(s, 1, column_tap);
  for (int64_t y = rows.first; y < rows.last; ++y) {
    const int64_t row = y * s.stride[0] + row_tap * s.dilation[0] - s.padding[0];
    const uint64_t* from = image + row * s.input[1] + column_tap * s.dilation[1] - s.padding[1];
    uint64_t* to = plane + y * s.output[1];
    for (int64_t x = columns.first; x < columns.last; ++x) to[x] += weight * from[x * s.stride[1]];
  }
}

}  // namespace

void integer_convolution(const ConvShape& s, const int64_t* input, const int64_t* weight, const int64_t* bias,
                         int64_t* output) {
  const int64_t channels = s.in_channels / s.groups, group_outputs = s.out_channels / s.groups;
  const int64_t image = s.input[0] * s.input[1], positions = s.output[0] * s.output[1];
  const int64_t taps = channels * s.kernel[0] * s.kernel[1];
  const int64_t work = std::max<int64_t>(1, taps * positions);
  parallel_for(0, s.batch * s.out_channels, (1 << 16) / work + 1, [&](int64_t first, int64_t last) {
    for (int64_t item = first; item < last; ++item) {
      const int64_t n = item / s.out_channels, o = item % s.out_channels;
      const auto* w = reinterpret_cast<const uint64_t*>(weight) + o * taps;
      const auto* x = reinterpret_cast<const uint64_t*>(input) +
                      (n * s.in_channels + o / group_outputs * channels) * image;
      auto* plane = reinterpret_cast<uint64_t*>(output) + item * positions;
      std::fill(plane, plane + positions, bias ? static_cast<uint64_t>(bias[o]) : 0);
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t i = 0; i < s.kernel[0]; ++i)
          for (int64_t j = 0; j < s.kernel[1]; ++j) add_tap(s, i, j, *w++, x + c * image, plane);
    }
  });
}

}  // namespace flambeau::cpu
