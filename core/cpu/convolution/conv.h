#pragma once

#include <cstdint>

#include "core/backend/convolution.h"

namespace flambeau::cpu {

using namespace backend;

// Every pointer read from must have 128 readable bytes after its last element (Flambeau's allocator sees to
// it).
template <class T>
struct ConvFunctions {
  // `bias` may be null.
  void (*forward)(const ConvShape& shape, const T* input, const T* weight, const T* bias, T* output);
  // `bias` is added to every element of grad_input, which is then a transposed convolution; it may be null.
  void (*input_gradient)(const ConvShape& shape, const T* grad_output, const T* weight, const T* bias,
                         T* grad_input);
  // `grad_bias` may be null.
  void (*weight_gradient)(const ConvShape& shape, const T* input, const T* grad_output, T* grad_weight,
                          T* grad_bias);
};

// The forward pass, and a transposed convolution, for integers, modulo 2^64; `bias` may be null.
void integer_convolution(const ConvShape& shape, const int64_t* input, const int64_t* weight,
                         const int64_t* bias, int64_t* output);
void integer_transposed_convolution(const ConvShape& shape, const int64_t* input, const int64_t* weight,
                                    const int64_t* bias, int64_t* output);

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
