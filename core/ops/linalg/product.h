// Matrix products of tensors as they lie in memory: transposed and batched operands are passed on by their
// strides. No history and no checks of shapes; the operators are in linalg.cpp.
#pragma once
#include "core/tensor/tensor.h"

namespace flambeau {

// A matrix, or a batch of them, seen through its strides (in items).
struct Matrix {
  char* data;
  int64_t rows, columns, row_stride, column_stride;
  int64_t batch_stride = 0;
  Matrix transposed() const { return {data, columns, rows, column_stride, row_stride, batch_stride}; }
};
Matrix matrix_of(const Tensor& t);  // 2-D
Matrix batch_of(const Tensor& t);   // 3-D: its last two dimensions

// c = alpha * a b + beta * c + bias (one number a column, contiguous, or null), `batch` times. With beta 0, c
// is not read. c must not overlap the others. Releases the GIL if that takes long. Throws NotImplementedError
// where the dtype has no products, naming PyTorch's kernel `name`.
void product(const char* name, DType dtype, const Matrix& c, const Matrix& a, const Matrix& b,
             const Scalar& alpha = 1, const Scalar& beta = 0, const void* bias = nullptr, int64_t batch = 1);

// y = alpha * a x + beta * y, vectors with a stride in items.
struct Vector {
  char* data;
  int64_t stride;
};
void product(const char* name, DType dtype, const Vector& y, const Matrix& a, const Vector& x,
             const Scalar& alpha = 1, const Scalar& beta = 0);

}  // namespace flambeau
