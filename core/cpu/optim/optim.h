// The update formulas of the optimizers, over contiguous arrays of one parameter.
//
// Each is one pass: the parameter, its gradient and its running averages are read once and written once. The
// arrays do not overlap. Kernels are single-threaded; a caller splits long arrays.
#pragma once
#include <cstdint>

#include "core/backend/optim.h"

namespace flambeau::cpu {

using namespace backend;

template <class T>
struct AdamArrays {
  T* param;
  const T* grad;
  T* exp_avg;
  T* exp_avg_sq;
  T* max_exp_avg_sq;  // null unless amsgrad
};

struct OptimKernels {
  // `buffer` is null without momentum.
  void (*sgd_float)(float* param, const float* grad, float* buffer, int64_t n, const SgdOptions& options);
  void (*sgd_double)(double* param, const double* grad, double* buffer, int64_t n, const SgdOptions& options);
  void (*adam_float)(const AdamArrays<float>& arrays, int64_t n, const AdamScales& scales,
                     const AdamOptions& options);
  void (*adam_double)(const AdamArrays<double>& arrays, int64_t n, const AdamScales& scales,
                      const AdamOptions& options);
};

// One step over all pieces, split over threads.
void sgd_step(const OptimStep& step, const SgdOptions& options);
void adam_step(const OptimStep& step, const AdamOptions& options);

namespace baseline {
void fill(OptimKernels& table);
}
namespace v3 {
void fill(OptimKernels& table);
}
namespace v4 {
void fill(OptimKernels& table);
}

}  // namespace flambeau::cpu
