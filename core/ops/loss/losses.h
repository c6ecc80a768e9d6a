// What the losses' files share.
#pragma once
#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {

using backend::LossReduction;

// PyTorch's numbers: 0 none, 1 mean, 2 sum.
LossReduction loss_reduction(int64_t reduction);
// The losses themselves, their mean or their sum. Differentiable.
Tensor reduce_loss(const Tensor& losses, LossReduction reduction);

}  // namespace flambeau
