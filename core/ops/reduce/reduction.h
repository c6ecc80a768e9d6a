// What the reductions' files share: which dimensions go, the result's shape, and the raw work.
#pragma once
#include <cstdint>
#include <optional>

#include "core/autograd/differentiable.h"
#include "core/backend/backend.h"

namespace flambeau {

// Bit i: dimension i is reduced. No dimension named means all of them. Throws IndexError, and RuntimeError
// where one is named twice.
// A bit per dimension.
inline uint64_t all_dims(int dims) { return dims < 64 ? (uint64_t{1} << dims) - 1 : ~uint64_t{0}; }
uint64_t reduction_mask(const Dims& sizes, std::optional<IntList> dim);
Dims reduced_sizes(const Dims& sizes, uint64_t mask, bool keepdim);
// The number of elements that make one of the result's.
int64_t reduced_count(const Dims& sizes, uint64_t mask);
backend::Reduction reduction_over(const Tensor& self, uint64_t mask);

// The raw reduction, cast to `result` where that is not what the kernel gives. `name` is PyTorch's kernel,
// for dtypes that have none.
Tensor reduce(const Out& out, backend::Reduce op, const char* name, const Tensor& self, uint64_t mask,
              bool keepdim, DType result);

// A reduced tensor (a gradient, a result) with its reduced dimensions back as ones, which broadcast against
// the input. Differentiable.
Tensor with_reduced_dims(const Tensor& reduced, const Dims& sizes, uint64_t mask, bool keepdim);
// The same, expanded to the input's sizes.
Tensor expand_reduced(const Tensor& reduced, const Dims& sizes, uint64_t mask, bool keepdim);

// A fresh result, copied to where it was asked for.
Tensor delivered(const Tensor& fresh, const Out& out);

// The gradient of a value that elements of x have: they share it, those that are equal to the result.
Tensor shared_gradient(const Tensor& grad, const Tensor& x, const Tensor& result, uint64_t mask,
                       bool keepdim);

}  // namespace flambeau
