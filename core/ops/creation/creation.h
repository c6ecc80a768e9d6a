// What operators that make tensors share: the choice of dtype, the destination, the final touches.
#pragma once
#include <optional>

#include "core/ops/expose.h"

namespace flambeau {

// Of options.dtype, out='s dtype and the fallback, the first there is; throws RuntimeError where the first
// two differ.
DType chosen_dtype(const Options& options, const Out& out, DType fallback);

// Throws RuntimeError where an item of the dtype cannot hold the value at all. Negative integers wrap to
// unsigned ones, as in C.
void check_fits(const Scalar& value, DType dtype);

// The tensor to write: that given as out=, resized, or a fresh uninitialised one.
Tensor creation_result(const Out& out, const Dims& sizes, DType dtype);
// The same for n items in a row: out= of that many keeps its shape, any other is resized.
Tensor sequence_result(const Out& out, int64_t n, DType dtype);

// Uninitialised, in the given format; nothing and Preserve mean like's own order.
Tensor empty_like(const Tensor& like, DType dtype, std::optional<MemoryFormat> format);

// Applies requires_grad; throws RuntimeError where the dtype cannot.
Tensor finished(Tensor tensor, const Options& options);

// The derivative of an operator whose result does not depend on the value of its input.
inline auto zeros_for(const Tensor& input) {
  return [sizes = input.sizes(), dtype = input.dtype()](const Tensor&) { return zeros(sizes, dtype); };
}

}  // namespace flambeau
