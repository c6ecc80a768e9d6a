// Connectionist temporal classification. Floating dtypes only (Float32, Float64).
#pragma once
#include <cstdint>

#include "core/backend/loss.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// The place in `targets` of a label that is no class, or -1. What is below relies on good labels.
int64_t find_bad_label(const CtcLoss& loss);
// losses: [batch]. alphas: [batch][steps][states], the logarithms of the forward variables, for the gradient.
void ctc_loss(DType dtype, const CtcLoss& loss, const void* log_probabilities, void* losses, void* alphas);
// Writes all of grad_input, which takes the scores for a log-softmax: it is the gradient by what that was of.
void ctc_loss_backward(DType dtype, const CtcLoss& loss, const void* grad_output,
                       const void* log_probabilities, const void* losses, const void* alphas,
                       void* grad_input);

}  // namespace flambeau::cpu
