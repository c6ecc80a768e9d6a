// Eigenvalues, singular values and least squares, by LAPACK, batches in parallel; see core/backend/backend.h.
// Each releases the GIL if it takes long, and throws NotImplementedError for other dtypes than the four of
// LAPACK, RuntimeError where LAPACK is not there.
#pragma once
#include "core/backend/linalg.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

void svd(DType dtype, const MatrixBatch& a, void* values, const MatrixBatch& u, const MatrixBatch& vh,
         int32_t* infos);
void eigh(DType dtype, const MatrixBatch& a, void* values, bool upper, bool vectors, int32_t* infos);
void eig(DType dtype, const MatrixBatch& a, void* values, void* vectors, int32_t* infos);
void lstsq(DType dtype, const MatrixBatch& a, const MatrixBatch& b, LeastSquares method, double rcond,
           int64_t* ranks, void* values, int32_t* infos);

}  // namespace flambeau::cpu
