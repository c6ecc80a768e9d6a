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

// ---- what LAPACK does

// Matrices as LAPACK takes them: column-major, `count` of them; distances in items. With a batch_stride of 0
// one matrix stands for all.
struct MatrixBatch {
  char* data;
  int64_t count, rows, columns, leading, batch_stride;
};

enum class MatrixOp : uint8_t { Plain, Transposed, Adjoint };

// op(A) X = B, or X op(A) = B where A stands on the right.
struct TriangularSolve {
  bool left, upper;
  MatrixOp op;
  bool unit_diagonal;
};

}  // namespace flambeau::backend
