#pragma once

#include <cstdint>

#include "core/backend/resample.h"

namespace flambeau::cpu {

using namespace backend;

struct ResampleKernels {
  void (*f32)(const Resampling& r, const float* input, float* output);
  void (*f64)(const Resampling& r, const double* input, double* output);
};

// Bytes, as PyTorch resamples them: weights are integers of 16 bits, and every axis, the last one first,
// rounds its results.
void resample_bytes(const Resampling& r, const uint8_t* input, uint8_t* output);

namespace baseline {
void fill(ResampleKernels& table);
}
namespace v3 {
void fill(ResampleKernels& table);
}
namespace v4 {
void fill(ResampleKernels& table);
}

}  // namespace flambeau::cpu
