// Factorizations of matrices and what is solved with them: small matrices by loops of our own, large ones by
// LAPACK; batches in parallel. Everything happens in place, see core/backend/backend.h. Each releases the GIL
// if it takes long, and throws NotImplementedError for other dtypes than the four of LAPACK, RuntimeError
// where LAPACK is needed and not there.
#pragma once
#include "core/backend/linalg.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// The triangle that the factor does not use is zeroed.
void cholesky(DType dtype, const MatrixBatch& a, bool upper, int32_t* infos);
void cholesky_inverse(DType dtype, const MatrixBatch& a, bool upper, int32_t* infos);
void cholesky_solve(DType dtype, const MatrixBatch& factor, const MatrixBatch& b, bool upper);
void lu_factor(DType dtype, const MatrixBatch& a, int32_t* pivots, int32_t* infos);
void lu_solve(DType dtype, const MatrixBatch& lu, const int32_t* pivots, const MatrixBatch& b, MatrixOp op);
// Of singular matrices: NaN.
void inverse(DType dtype, const MatrixBatch& a, int32_t* infos);
void pivots_to_permutation(const int32_t* pivots, int64_t count, int64_t exchanges, int64_t rows,
                           bool inverse, int64_t* permutation);
void lu_determinant(DType dtype, const MatrixBatch& lu, const int32_t* pivots, void* determinants,
                    void* logarithms);
void solve_triangular(DType dtype, const MatrixBatch& a, const MatrixBatch& b, const TriangularSolve& how);
void ldl_factor(DType dtype, const MatrixBatch& a, bool hermitian, int32_t* pivots, int32_t* infos);
void ldl_solve(DType dtype, const MatrixBatch& ld, const int32_t* pivots, bool hermitian,
               const MatrixBatch& b);
void qr_factor(DType dtype, const MatrixBatch& a, void* tau);
void qr_columns(DType dtype, const MatrixBatch& a, int64_t reflectors, const void* tau);
void qr_multiply(DType dtype, const MatrixBatch& reflectors, const void* tau, const MatrixBatch& c, bool left,
                 MatrixOp op);

}  // namespace flambeau::cpu
