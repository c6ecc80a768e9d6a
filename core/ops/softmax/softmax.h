// What the losses need of the softmax family beyond the operators.
#pragma once
#include "core/autograd/differentiable.h"
#include "core/backend/softmax.h"

namespace flambeau {

// [outer][size][inner] around dimension `dim` (0 <= dim) of a contiguous tensor.
backend::SoftmaxShape softmax_shape(const Dims& sizes, int64_t dim);

// The gradient of log_softmax's input from its result y. Differentiable.
Tensor log_softmax_gradient(const Tensor& grad, const Tensor& y, int64_t dim);

}  // namespace flambeau
