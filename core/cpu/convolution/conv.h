#pragma once

#include <cstdint>

namespace flambeau::cpu {

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

// Every pointer read from must have 128 readable bytes after its last element (Flambeau's allocator sees to
// it).
template <class T>
struct ConvFunctions {
  // `bias` may be null.
  void (*forward)(const ConvShape& shape, const T* input, const T* weight, const T* bias, T* output);
  void (*input_gradient)(const ConvShape& shape, const T* grad_output, const T* weight, T* grad_input);
  // `grad_bias` may be null.
  void (*weight_gradient)(const ConvShape& shape, const T* input, const T* grad_output, T* grad_weight,
                          T* grad_bias);
};

struct ConvKernels {
  ConvFunctions<float> f32;
  ConvFunctions<double> f64;
};

namespace baseline {
void fill(ConvKernels& table);
}
namespace v3 {
void fill(ConvKernels& table);
}
namespace v4 {
void fill(ConvKernels& table);
}

}  // namespace flambeau::cpu
