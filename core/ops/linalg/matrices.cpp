#include "core/ops/linalg/matrices.h"

#include <cmath>

#include "core/ops/pointwise/pointwise.h"

namespace flambeau {

// ---- checks

void check_matrices_of(const char* name, const Tensor& a, const char* argument) {
  check(a.dim() >= 2, name, ": The input tensor ", argument, " must have at least 2 dimensions.");
}

void check_square_of(const char* name, const Tensor& a, const char* argument) {
  check_matrices_of(name, a, argument);
  check(rows_of(a) == columns_of(a), name, ": ", argument,
        " must be batches of square matrices, but they are ", rows_of(a), " by ", columns_of(a), " matrices");
}

void check_inexact(const char* name, const Tensor& a, bool halves) {
  const DType dtype = a.dtype();
  check(is_floating(dtype) || is_complex(dtype), name,
        ": Expected a floating point or complex tensor as input. Got ", scalar_type_name(dtype));
  check(halves || !is_half(dtype), name, ": Low precision dtypes not supported. Got ",
        scalar_type_name(dtype));
}

void check_lapack_type(const char* kernel, DType dtype) {
  if (dtype != DType::Float32 && dtype != DType::Float64 && !is_complex(dtype))
    fail<NotImplementedError>('"', kernel, "\" not implemented for '", scalar_type_name(dtype), "'");
}

void check_system(const char* name, const Tensor& b, const Tensor& a) {
  check(b.dtype() == a.dtype(), "Expected b and A to have the same dtype, but found b of type ",
        scalar_type_name(b.dtype()), " and A of type ", scalar_type_name(a.dtype()), " instead.");
  check(rows_of(a) == columns_of(a), "A must be batches of square matrices, but they are ", rows_of(a),
        " by ", columns_of(a), " matrices");
  check(rows_of(a) == rows_of(b), "Incompatible matrix sizes for ", name, ": each A matrix is ", rows_of(a),
        " by ", columns_of(a), " but each b matrix is ", rows_of(b), " by ", columns_of(b));
}

// ---- layout

int64_t rows_of(const Tensor& a) { return a->sizes[a.dim() - 2]; }
int64_t columns_of(const Tensor& a) { return a->sizes[a.dim() - 1]; }

Dims batch_sizes(const Tensor& a) {
  Dims sizes = a.sizes();
  sizes.resize(sizes.count - 2);
  return sizes;
}

Dims with_matrix(Dims batch, int64_t rows, int64_t columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

Tensor empty_in_columns(const Dims& sizes, DType dtype) {
  const int n = sizes.count;
  Dims strides = sizes;
  strides[n - 2] = 1;
  strides[n - 1] = std::max<int64_t>(1, sizes[n - 2]);
  int64_t step = strides[n - 1] * std::max<int64_t>(1, sizes[n - 1]);
  for (int i = n - 3; i >= 0; --i) {
    strides[i] = step;
    step *= std::max<int64_t>(1, sizes[i]);
  }
  return empty_strided(sizes, strides, dtype);
}

Tensor in_columns(const Tensor& a) {
  Tensor copy = empty_in_columns(a.sizes(), a.dtype());
  copy_into(copy, a);
  return copy;
}

Tensor in_columns(const Tensor& a, const Dims& batch) {
  Tensor copy = empty_in_columns(with_matrix(batch, rows_of(a), columns_of(a)), a.dtype());
  copy_into(copy, a);
  return copy;
}

MatrixBatch matrices(const Tensor& in_columns) {
  const int64_t rows = rows_of(in_columns), columns = columns_of(in_columns);
  const int64_t leading = std::max<int64_t>(1, rows);
  const int64_t count = rows * columns > 0 ? in_columns.numel() / (rows * columns) : 0;
  return {in_columns->data, count, rows, columns, leading, leading * columns};
}

std::optional<MatrixBatch> matrices_in_place(const Tensor& a, const Dims& batch) {
  const int n = a.dim();
  const int64_t rows = rows_of(a), columns = columns_of(a), leading = a->strides[n - 1];
  if ((rows > 1 && a->strides[n - 2] != 1) || (columns > 1 && leading < std::max<int64_t>(1, rows)))
    return std::nullopt;
  int64_t count = 1;
  std::optional<int64_t> step, next;       // between matrices; what the next dimension's stride must be
  for (int i = 0; i < batch.count; ++i) {  // from the last dimension on
    const int64_t size = batch[batch.count - 1 - i];
    const int at = n - 3 - i;
    count *= size;
    if (size == 1) continue;
    const int64_t stride = at < 0 || a->sizes[at] == 1 ? 0 : a->strides[at];
    if (next && stride != *next) return std::nullopt;
    if (!step) step = stride;
    next = stride * size;
  }
  return MatrixBatch{
      a->data, count, rows, columns, columns > 1 ? leading : std::max<int64_t>(1, rows), step.value_or(0)};
}

ReadableMatrices readable_matrices(const Tensor& a, const Dims& batch) {
  if (const auto there = matrices_in_place(a, batch)) return {a, *there, false};
  if (const auto there = matrices_in_place(swapped(a), batch)) return {a, *there, true};
  const Tensor copy = in_columns(a, batch);
  return {copy, matrices(copy), false};
}

Tensor swapped(const Tensor& a) {
  Dims sizes = a.sizes(), strides = a.strides();
  std::swap(sizes[a.dim() - 1], sizes[a.dim() - 2]);
  std::swap(strides[a.dim() - 1], strides[a.dim() - 2]);
  return alias(a, sizes, strides, 0);
}

Tensor identity(int64_t rows, int64_t columns, DType dtype) {
  const Tensor result = zeros({rows, columns}, dtype);
  fill_raw(alias(result, {std::min(rows, columns)}, {columns + 1}, 0), Scalar(1));
  return result;
}

Tensor transposed(const Tensor& a) { return matrix_transpose(a); }
Tensor adjoint(const Tensor& a) { return matrix_transpose(a, "mH"); }

// ---- formulas of derivatives

Tensor as_row(const Tensor& numbers) { return unsqueeze(numbers, -2); }
Tensor as_column(const Tensor& numbers) { return unsqueeze(numbers, -1); }

Tensor on_diagonal(const Tensor& numbers) {
  const int64_t n = numbers.sizes().back();
  return where(identity(n, n, DType::Bool), as_row(numbers), Scalar(0));
}

void check_phases(const Tensor& turn, const Tensor& other, const char* message) {
  if (!backend::current().has_values) return;
  const NoGrad no_grad;
  const auto phases = [](const Tensor& m) {
    return on_host(cast_copy(imag(diagonal(m, 0, -2, -1)), DType::Float64), "a gradient of complex vectors");
  };
  const Tensor first = phases(turn), second = other ? phases(other) : Tensor();
  for (int64_t i = 0; i < first.numel(); ++i) {
    const double beside = second ? second.data<double>()[i] : 0;
    check(std::abs(first.data<double>()[i] + beside) <= 1e-2 + 1e-2 * std::abs(beside), message);
  }
}

// ---- infos

namespace {

[[noreturn]] void fail_attempt(const std::string& where, Attempt attempt, int32_t info) {
  switch (attempt) {
    case Attempt::Cholesky:
      fail<LinAlgError>(where,
                        "The factorization could not be completed because the input is not "
                        "positive-definite (the leading minor of order ",
                        info, " is not positive-definite).");
    case Attempt::Inverse:
      fail<LinAlgError>(
          where, "The diagonal element ", info,
          " is zero, the inversion could not be completed because the input matrix is singular.");
    case Attempt::Solve:
      fail<LinAlgError>(where, "The solver failed because the input matrix is singular.");
    case Attempt::Lu:
      fail<RuntimeError>(where, "U[", info, ",", info,
                         "] is zero and using it on lu_solve would result in a division by zero. If you "
                         "still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
                         "linalg.lu_factor_ex(A, pivot)");
    case Attempt::Eigenvalues:
      fail<LinAlgError>(where,
                        "The algorithm failed to converge because the input matrix is ill-conditioned or has "
                        "too many repeated eigenvalues (error code: ",
                        info, ").");
    case Attempt::Svd:
      if (info == -4)
        fail<LinAlgError>(where,
                          "The algorithm failed to converge because the input matrix contained non-finite "
                          "values.");
      fail<LinAlgError>(where,
                        "The algorithm failed to converge because the input matrix is ill-conditioned or has "
                        "too many repeated singular values (error code: ",
                        info, ").");
    case Attempt::LeastSquares:
      if (info < 0)
        fail<LinAlgError>(
            where,
            "The least squares solution could not be computed because the input matrix contained "
            "non-finite values.");
      fail<LinAlgError>(where,
                        "The least squares solution could not be computed because the input matrix does not "
                        "have full rank (error code: ",
                        info, ").");
    case Attempt::Ldl:
      break;
  }
  fail<RuntimeError>(where, "D[", info, ",", info,
                     "] is zero and using it on ldl_solve would result in a division by zero; "
                     "linalg.ldl_factor_ex gives the factorization all the same");
}

}  // namespace

void check_infos(const char* name, Attempt attempt, const Tensor& infos) {
  if (!backend::current().has_values) return;
  const int32_t* const values = on_host(infos, name).data<int32_t>();
  for (int64_t i = 0; i < infos.numel(); ++i)
    if (values[i]) [[unlikely]]
      fail_attempt(infos.dim() ? concat(name, ": (Batch element ", i, "): ") : concat(name, ": "), attempt,
                   values[i]);
}

}  // namespace flambeau
