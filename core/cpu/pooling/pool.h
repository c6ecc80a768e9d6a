#pragma once

#include <cstdint>

#include "core/backend/pooling.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// The first maximum of a window wins, and NaN beats everything. Where the maximum was is told by PoolIndex.
template <class T>
struct PoolFunctions {
  void (*forward)(const PoolShape& shape, const T* input, T* output);
  void (*forward_with_position)(const PoolShape& shape, const T* input, T* output, int64_t* position);
  void (*forward_with_choice)(const PoolShape& shape, const T* input, T* output, uint8_t* choice);
  // Adds each output's gradient to the element it came from, zero elsewhere; null for integers.
  void (*backward_by_position)(const PoolShape& shape, const T* grad_output, const int64_t* position,
                               T* grad_input);
  void (*backward_by_choice)(const PoolShape& shape, const T* grad_output, const uint8_t* choice,
                             T* grad_input);
  // output = input at the given places: the derivative of the backward; null for integers.
  void (*gather_by_position)(const PoolShape& shape, const T* input, const int64_t* position, T* output);
  void (*gather_by_choice)(const PoolShape& shape, const T* input, const uint8_t* choice, T* output);
};

struct PoolKernels {
  PoolFunctions<float> f32;
  PoolFunctions<double> f64;
  PoolFunctions<uint8_t> u8;
  PoolFunctions<int8_t> i8;
  PoolFunctions<int16_t> i16;
  PoolFunctions<int32_t> i32;
  PoolFunctions<int64_t> i64;
};

// Means of windows, and what they hand back: each window's gradient, divided by its count, to its elements.
template <class T>
struct MeanPoolFunctions {
  void (*forward)(const PoolWindows& windows, const T* input, T* output);
  void (*backward)(const PoolWindows& windows, const T* grad_output, T* grad_input);
};

struct MeanPoolKernels {
  MeanPoolFunctions<float> f32;
  MeanPoolFunctions<double> f64;
};

// With the channels last: what becomes of one element of an image, in all channels at once. `offsets` tell
// where the images have the elements, `taps` of them, that it is made of.
template <class T>
struct PixelFunctions {
  // The maxima, and where they were: the tag of the element, plus `start` as a position. Either may be null.
  void (*max)(const T* input, const int64_t* offsets, const int32_t* tags, int64_t taps, int64_t channels,
              T* output, uint8_t* choice, int64_t* position, int64_t start);
  void (*mean)(const T* input, const int64_t* offsets, int64_t taps, int64_t channels, T count, T* output);
  // The gradients of the windows that have the element, each divided by its count.
  void (*spread)(const T* grad_output, const int64_t* offsets, const T* counts, int64_t taps,
                 int64_t channels, T* grad_input);
  // The gradients of the windows whose maximum it was: that have chosen this tag.
  void (*chosen)(const T* grad_output, const uint8_t* choice, const int64_t* offsets, const int32_t* tags,
                 int64_t taps, int64_t channels, T* grad_input);
};
struct PixelKernels {
  PixelFunctions<float> f32;
  PixelFunctions<double> f64;
};

// Pooling of volumes whose channels lie last.
void max_pool_last(DType dtype, const PoolShape& shape, const void* input, void* output, void* index,
                   PoolIndex kind);
void max_pool_last_backward(DType dtype, const PoolShape& shape, const void* grad_output, const void* index,
                            PoolIndex kind, void* grad_input);
void max_pool_last_gather(DType dtype, const PoolShape& shape, const void* input, const void* index,
                          PoolIndex kind, void* output);
void mean_pool_last(DType dtype, const PoolWindows& windows, const void* input, void* output);
void mean_pool_last_backward(DType dtype, const PoolWindows& windows, const void* grad_output,
                             void* grad_input);

// Means of integers, cut off after the point.
void mean_of_windows(const PoolWindows& windows, const int64_t* input, int64_t* output);

// The maxima of windows and their positions, for windows that follow no stride.
void max_of_windows(const PoolWindows& windows, const float* input, float* output, int64_t* position);
void max_of_windows(const PoolWindows& windows, const double* input, double* output, int64_t* position);

namespace baseline {
void fill(PoolKernels& table);
void fill(MeanPoolKernels& table);
void fill(PixelKernels& table);
}  // namespace baseline
namespace v3 {
void fill(PoolKernels& table);
void fill(MeanPoolKernels& table);
void fill(PixelKernels& table);
}  // namespace v3
namespace v4 {
void fill(PoolKernels& table);
void fill(MeanPoolKernels& table);
void fill(PixelKernels& table);
}  // namespace v4

}  // namespace flambeau::cpu
