// Matrix products of tensors as they lie in memory: transposed and batched operands are passed on by their
// strides. No history and no checks of shapes; the operators are in linalg.cpp.
#pragma once
#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

namespace flambeau {

using backend::Matrix;
using backend::Vector;
Matrix matrix_of(const Tensor& t);  // 2-D
Matrix batch_of(const Tensor& t);   // 3-D: its last two dimensions

// c = alpha * a b + beta * c + bias (one number a column, contiguous, or null), `batch` times. With beta 0, c
// is not read. c must not overlap the others. Releases the GIL if that takes long. Throws NotImplementedError
// where the dtype has no products, naming PyTorch's kernel `name`.
void product(const char* name, DType dtype, const Matrix& c, const Matrix& a, const Matrix& b,
             const Scalar& alpha = 1, const Scalar& beta = 0, const void* bias = nullptr, int64_t batch = 1);

// y = alpha * a x + beta * y.
void product(const char* name, DType dtype, const Vector& y, const Matrix& a, const Vector& x,
             const Scalar& alpha = 1, const Scalar& beta = 0);

}  // namespace flambeau
