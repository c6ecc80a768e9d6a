// What the operators over LAPACK share: tensors as batches of matrices, checks, and what infos mean.
#pragma once
#include <optional>
#include <string>

#include "core/backend/backend.h"
#include "core/ops/operators.h"

namespace flambeau {

using backend::MatrixBatch;
using backend::MatrixOp;

// ---- checks; `name` is the operator's in messages

void check_matrices_of(const char* name, const Tensor& a, const char* argument = "A");
void check_square_of(const char* name, const Tensor& a, const char* argument = "A");
// Floating point or complex; half precision, where `halves` is false, is refused by name too.
void check_inexact(const char* name, const Tensor& a, bool halves = true);
// LAPACK's four types, else NotImplementedError in the name of PyTorch's kernel.
void check_lapack_type(const char* kernel, DType dtype);
// Of the older solvers: square matrices of b's dtype and rows.
void check_system(const char* name, const Tensor& b, const Tensor& a);

// ---- layout

Dims batch_sizes(const Tensor& a);  // all but the last two dimensions
Dims with_matrix(Dims batch, int64_t rows, int64_t columns);
int64_t rows_of(const Tensor& a);
int64_t columns_of(const Tensor& a);
// Uninitialised; compact, with each matrix in columns.
Tensor empty_in_columns(const Dims& sizes, DType dtype);
// A copy of that layout, broadcast to `batch`. No history.
Tensor in_columns(const Tensor& a);
Tensor in_columns(const Tensor& a, const Dims& batch);
// What such a tensor is to a kernel.
MatrixBatch matrices(const Tensor& in_columns);
// The same for any tensor whose matrices, broadcast to `batch`, lie in columns at equal distances; nothing if
// they do not.
std::optional<MatrixBatch> matrices_in_place(const Tensor& a, const Dims& batch);
// What a kernel may read: matrices as they lie, those that lie in rows as their transposes, or a copy.
struct ReadableMatrices {
  Tensor holder;
  MatrixBatch batch;
  bool transposed;
};
ReadableMatrices readable_matrices(const Tensor& a, const Dims& batch);
// The last two dimensions exchanged; no history.
Tensor swapped(const Tensor& a);
Tensor identity(int64_t rows, int64_t columns, DType dtype);
Tensor transposed(const Tensor& a);  // of the last two dimensions; recorded
Tensor adjoint(const Tensor& a);     // with conjugation; recorded

// ---- formulas of derivatives

Tensor as_row(const Tensor& numbers);     // (..., 1, n); recorded
Tensor as_column(const Tensor& numbers);  // (..., n, 1); recorded
// A matrix with these numbers (...) on its diagonal and zeros elsewhere; recorded.
Tensor on_diagonal(const Tensor& numbers);
// Raises `message` where the gradient changes with the phases of complex vectors: where the diagonal of
// `turn` (or, given another, of their sum) has imaginary parts.
void check_phases(const Tensor& turn, const Tensor& other, const char* message);

// ---- infos

enum class Attempt : uint8_t { Cholesky, Inverse, Solve, Lu, Ldl, Eigenvalues, Svd, LeastSquares };
// Raises what PyTorch does where some info is not 0, naming the batch element.
void check_infos(const char* name, Attempt attempt, const Tensor& infos);

// ---- operators for each other's derivatives

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool left, bool unitriangular);
Tensor lu_solve(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool left, bool adjoint);
Tensor solve(const Tensor& a, const Tensor& b, bool left);
Tensor inverse(const Tensor& a);
// Singular values and vectors, of which only the values are there where no vectors are wanted.
struct Svd {
  Tensor u, s, vh;
};
Svd svd(const Tensor& a, bool full_matrices, bool vectors = true);
struct Eigh {
  Tensor values, vectors;
};
Eigh eigh(const Tensor& a, bool upper, bool vectors = true);
Tensor pinv(const Tensor& a);
// Of p = pinv(a).
Tensor pinv_gradient(const Tensor& grad, const Tensor& p, const Tensor& a);

}  // namespace flambeau
