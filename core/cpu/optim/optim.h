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

// The gradient of an UpdateRule is complete: with its sign, and with the penalty added.
template <class T>
struct UpdateArrays {
  T* param;
  const T* grad;
  T* states[3];  // null where the rule has none
};
template <class T>
using UpdateKernel = void (*)(const UpdateArrays<T>& arrays, int64_t n, const double* c, const double* k);

struct OptimKernels {
  // `buffer` is null without momentum.
  void (*sgd_float)(float* param, const float* grad, float* buffer, int64_t n, const SgdOptions& options);
  void (*sgd_double)(double* param, const double* grad, double* buffer, int64_t n, const SgdOptions& options);
  void (*adam_float)(const AdamArrays<float>& arrays, int64_t n, const AdamScales& scales,
                     const AdamOptions& options);
  void (*adam_double)(const AdamArrays<double>& arrays, int64_t n, const AdamScales& scales,
                      const AdamOptions& options);
  UpdateKernel<float> update_float[static_cast<int>(UpdateRule::Count)];
  UpdateKernel<double> update_double[static_cast<int>(UpdateRule::Count)];
  // g = sign * grad + penalty * param
  void (*penalize_float)(float* g, const float* grad, const float* param, int64_t n, double sign,
                         double penalty);
  void (*penalize_double)(double* g, const double* grad, const double* param, int64_t n, double sign,
                          double penalty);
  void (*shrink_float)(float* param, int64_t n, double factor);
  void (*shrink_double)(double* param, int64_t n, double factor);
};

// One step over all pieces, split over threads.
void sgd_step(const OptimStep& step, const SgdOptions& options);
void adam_step(const OptimStep& step, const AdamOptions& options);
void update_step(const OptimStep& step, const UpdateOptions& options);

namespace baseline {
void fill(OptimKernels& table);
void fill_updates(OptimKernels& table);
}  // namespace baseline
namespace v3 {
void fill(OptimKernels& table);
void fill_updates(OptimKernels& table);
}  // namespace v3
namespace v4 {
void fill(OptimKernels& table);
void fill_updates(OptimKernels& table);
}  // namespace v4

}  // namespace flambeau::cpu
