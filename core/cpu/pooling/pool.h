#pragma once

#include <cstdint>

#include "core/backend/pooling.h"

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

// Means of integers, cut off after the point.
void mean_of_windows(const PoolWindows& windows, const int64_t* input, int64_t* output);

// The maxima of windows and their positions, for windows that follow no stride.
void max_of_windows(const PoolWindows& windows, const float* input, float* output, int64_t* position);
void max_of_windows(const PoolWindows& windows, const double* input, double* output, int64_t* position);

namespace baseline {
void fill(PoolKernels& table);
void fill(MeanPoolKernels& table);
}  // namespace baseline
namespace v3 {
void fill(PoolKernels& table);
void fill(MeanPoolKernels& table);
}  // namespace v3
namespace v4 {
void fill(PoolKernels& table);
void fill(MeanPoolKernels& table);
}  // namespace v4

}  // namespace flambeau::cpu
