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

// By which of LAPACK's routines: QR, QR with pivots, singular values (by division and conquest, or by
// iteration).
enum class LeastSquares : uint8_t { Gels, Gelsy, Gelsd, Gelss };

// ---- distances

// Of `batch` pairs of contiguous matrices: those between each of `rows` rows and each of `others`, by the
// p-norm. With `pairs`, of one matrix, each pair of rows once, in the order of the upper triangle.
struct RowDistances {
  int64_t batch, rows, others, width;
  double p;
  bool pairs;
};

}  // namespace flambeau::backend
