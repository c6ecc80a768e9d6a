// Matrices and vectors as they lie in memory: transposed and batched operands are told by their strides.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// A matrix, or a batch of them, seen through its strides (in items).
struct Matrix {
  char* data;
  int64_t rows, columns, row_stride, column_stride;
  int64_t batch_stride = 0;
  Matrix transposed() const { return {data, columns, rows, column_stride, row_stride, batch_stride}; }
};

// With a stride in items.
struct Vector {
  char* data;
  int64_t stride;
};

}  // namespace flambeau::backend
