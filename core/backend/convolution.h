// Geometry of convolutions.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// A two-dimensional convolution of contiguous NCHW tensors; a one-dimensional one has height 1. The sizes are
// consistent:
//   output[d] = (input[d] + 2 padding[d] - dilation[d] (kernel[d] - 1) - 1) / stride[d] + 1
// with a weight of shape (out_channels, in_channels / groups, kernel[0], kernel[1]). `padding` is the one
// before the first row and column; `output` may ask for more or less than the symmetric padding gives
// (padding='same').
struct ConvShape {
  int64_t batch, in_channels, out_channels, groups;
  int64_t input[2], kernel[2], stride[2], padding[2], dilation[2], output[2];
};

}  // namespace flambeau::backend
