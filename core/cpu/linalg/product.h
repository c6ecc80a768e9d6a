// Products of matrices and vectors with any strides: brings them into a layout that gemm.h takes.
#pragma once
#include "core/backend/linalg.h"
#include "core/tensor/dtype.h"
#include "core/tensor/scalar.h"

namespace flambeau::cpu {

using namespace backend;

// c = alpha * a b + beta * c + bias (one number a column, contiguous, or null), `batch` times. With beta 0, c
// is not read. c must not overlap the others. Releases the GIL if that takes long. Throws NotImplementedError
// where the dtype has no products, naming PyTorch's kernel `name`.
void product(const char* name, DType dtype, const Matrix& c, const Matrix& a, const Matrix& b,
             const Scalar& alpha, const Scalar& beta, const void* bias, int64_t batch);
// y = alpha * a x + beta * y
void product(const char* name, DType dtype, const Vector& y, const Matrix& a, const Vector& x,
             const Scalar& alpha, const Scalar& beta);
// The scalar product of n items; floating dtypes.
void dot(DType dtype, int64_t n, const Vector& x, const Vector& y, void* result);

}  // namespace flambeau::cpu
