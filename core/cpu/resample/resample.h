#pragma once

#include <cstdint>

#include "core/backend/resample.h"

namespace flambeau::cpu {

using namespace backend;

template <class T>
struct GridFunctions {
  void (*forward)(const GridSampling& sampling, const T* input, const T* grid, T* output);
  void (*backward)(const GridSampling& sampling, const T* grad_output, const T* input, const T* grid,
                   T* grad_input, T* grad_grid);
};
struct GridKernels {
  GridFunctions<float> f32;
  GridFunctions<double> f64;
};

struct ResampleKernels {
  void (*f32)(const Resampling& r, const float* input, float* output);
  void (*f64)(const Resampling& r, const double* input, double* output);
  GridKernels grid;
};

// Bytes, as PyTorch resamples them: weights are integers of 16 bits, and every axis, the last one first,
// rounds its results.
void resample_bytes(const Resampling& r, const uint8_t* input, uint8_t* output);

namespace baseline {
void fill(ResampleKernels& table);
void fill(GridKernels& table);
}  // namespace baseline
namespace v3 {
void fill(ResampleKernels& table);
void fill(GridKernels& table);
}  // namespace v3
namespace v4 {
void fill(ResampleKernels& table);
void fill(GridKernels& table);
}  // namespace v4

}  // namespace flambeau::cpu
