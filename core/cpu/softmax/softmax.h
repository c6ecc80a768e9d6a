// Softmax and its relatives, forward and backward, and the losses over class scores, each in one pass over
// memory.
//
// The functions split the work over threads; the kernels under `SoftmaxKernels` are their single-threaded
// parts, one set per instruction set. Floating dtypes only (Float32, Float64).
#pragma once
#include <cstdint>

#include "core/backend/softmax.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// y = exp(x - max) / sum(exp(x - max)). `y` may be `x`.
void softmax(DType dtype, SoftmaxShape shape, const void* x, void* y);
// y = x - max - log(sum(exp(x - max))). `y` may be `x`.
void log_softmax(DType dtype, SoftmaxShape shape, const void* x, void* y);
// grad_input = y * (grad_output - sum(grad_output * y)). `grad_input` may be `grad_output`.
void softmax_backward(DType dtype, SoftmaxShape shape, const void* grad_output, const void* y,
                      void* grad_input);
// grad_input = grad_output - exp(y) * sum(grad_output), y being the log-softmax. `grad_input` may be
// `grad_output`.
void log_softmax_backward(DType dtype, SoftmaxShape shape, const void* grad_output, const void* y,
                          void* grad_input);
// log(sum(exp(x))) along the axis: [outer][inner]; -inf for an empty axis.
void logsumexp(DType dtype, SoftmaxShape shape, const void* x, void* y);

// The first target that is neither a class nor `ignore_index`, as its position in `targets`; -1 if all are
// good. The losses below rely on good targets.
int64_t find_bad_target(const ClassLoss& loss);

// Negative log likelihood of log-probabilities. `output`: [outer][inner] for None, else one number.
// `total_weight` (one number, may be null) is the divisor of Mean: the sum of the targets' weights.
void nll_loss(DType dtype, const ClassLoss& loss, const void* log_probabilities, void* output,
              void* total_weight);
// Writes all of grad_input. `grad_output` is shaped as `output` was; `total_weight` as nll_loss gave it.
void nll_loss_backward(DType dtype, const ClassLoss& loss, const void* grad_output, const void* total_weight,
                       void* grad_input);

// nll_loss(log_softmax(logits)) with label smoothing, fused: saves log_normalizer, [outer][inner] (logsumexp
// of the logits), instead of all the log-probabilities.
void cross_entropy(DType dtype, const ClassLoss& loss, const void* logits, void* output, void* log_normalizer,
                   void* total_weight);
void cross_entropy_backward(DType dtype, const ClassLoss& loss, const void* grad_output, const void* logits,
                            const void* log_normalizer, const void* total_weight, void* grad_logits);

// Whether every item lies in [0, 1]; a NaN does not. Floating dtypes.
bool all_in_unit_interval(DType dtype, const void* x, int64_t n);

// ---- the kernels, one set per instruction set

using SoftmaxKernel = void (*)(SoftmaxShape shape, const void* x, void* y);
using SoftmaxBackwardKernel = void (*)(SoftmaxShape shape, const void* grad_output, const void* y,
                                       void* grad_input);
// The loss of each position, unreduced, its weight (how much it counts in Mean), and, for cross entropy, its
// logsumexp.
using ClassLossKernel = void (*)(const ClassLoss& loss, const void* scores, void* losses, void* weights,
                                 void* log_normalizer);
// `scale`: per position, what the upstream gradient and the mean's divisor amount to.
using ClassLossBackwardKernel = void (*)(const ClassLoss& loss, const void* scale, int64_t scale_stride,
                                         double divisor, const void* logits, const void* log_normalizer,
                                         void* grad);

struct SoftmaxKernels {
  SoftmaxKernel softmax[kDTypes], log_softmax[kDTypes], logsumexp[kDTypes];
  SoftmaxBackwardKernel softmax_backward[kDTypes], log_softmax_backward[kDTypes];
  ClassLossKernel cross_entropy[kDTypes];
  ClassLossBackwardKernel cross_entropy_backward[kDTypes];
};

namespace baseline {
void fill(SoftmaxKernels& kernels);
}
namespace v3 {
void fill(SoftmaxKernels& kernels);
}
namespace v4 {
void fill(SoftmaxKernels& kernels);
}

}  // namespace flambeau::cpu
