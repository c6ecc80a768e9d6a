// Geometry of convolutions.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// The axes are depth, height and width; a convolution of fewer has size 1 along the first ones.
inline constexpr int kConvAxes = 3;

// A convolution of contiguous tensors (batch, channels, depth, height, width). The sizes are consistent:
//   output[d] = (input[d] + 2 padding[d] - dilation[d] (kernel[d] - 1) - 1) / stride[d] + 1
// with a weight of shape (out_channels, in_channels / groups, kernel...). `padding` is the one before the
// first element of an axis; `output` may ask for more or less than the symmetric padding gives
// (padding='same', and a transposed convolution's output_padding).
struct ConvShape {
  int64_t batch, in_channels, out_channels, groups;
  int64_t input[kConvAxes], kernel[kConvAxes], stride[kConvAxes], padding[kConvAxes], dilation[kConvAxes],
      output[kConvAxes];

  int64_t image() const { return input[0] * input[1] * input[2]; }
  int64_t window() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t positions() const { return output[0] * output[1] * output[2]; }
};

}  // namespace flambeau::backend
