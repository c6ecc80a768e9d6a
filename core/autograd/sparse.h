// Gradients of sparse layout: what the engine asks of flambeau/sparse, where such tensors are written.
#pragma once
#include "core/tensor/tensor.h"

namespace flambeau {

struct SparseBridge {
  // sum + grad, of which at least one is sparse; `sum` may be undefined. With `in_place` a dense sum is
  // written.
  Tensor (*add)(const Tensor& sum, const Tensor& grad, bool create_graph, bool in_place) = nullptr;
  Tensor (*to_dense)(const Tensor& t) = nullptr;
  // zeros of (rows, width) with the rows of `values` added at `index`; what has the number `padding` is left
  // out.
  Tensor (*rows)(const Tensor& index, const Tensor& values, int64_t rows, int64_t padding) = nullptr;
  // zeros of `sizes` with the elements of `values` added at the places that `gather` along `dim` reads.
  Tensor (*elements)(const Tensor& index, int dim, const Tensor& values, const Dims& sizes) = nullptr;
};
extern SparseBridge sparse_bridge;  // core/python fills it in

inline bool is_sparse(const Tensor& t) { return t->device == Device::Type::SparseCpu; }

}  // namespace flambeau
