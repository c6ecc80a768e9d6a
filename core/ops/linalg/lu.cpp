// The LU decomposition, and what is solved with it.
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;
using Pair = std::tuple<Tensor, Tensor>;
using Triple = std::tuple<Tensor, Tensor, Tensor>;

// ---- factorization

// For row k of a matrix with the exchanges of `pivots`: which row it was before (or, inverse, will be).
Tensor permutation_of(const Tensor& pivots, int64_t rows, bool inverse) {
  Dims sizes = pivots.sizes();
  const int64_t exchanges = sizes.back();
  sizes.back() = rows;
  const Tensor order = empty(sizes, DType::Int64);
  const Tensor from = as_contiguous(pivots);
  backend::current().pivots_to_permutation(from.data<int32_t>(), rows ? order.numel() / rows : 0, exchanges,
                                           rows, inverse, order.data<int64_t>());
  return order;
}
// The rows of x in that order; recorded.
Tensor rows_in_order(const Tensor& x, const Tensor& order) {
  return gather(x, -2, expand(unsqueeze(order, -1), x.sizes()));
}

// A = P L U; with S = inv(L) P^T dA inv(U), dL = L tril(S, -1) and dU = triu(S) U on the leading square, and
// the rest follows from it by triangular equations.
Tensor lu_gradient(const Tensor& grad, const Tensor& lu, const Tensor& pivots) {
  const int64_t m = rows_of(lu), n = columns_of(lu), k = std::min(m, n);
  const auto top = [k](const Tensor& x) { return narrow(x, -2, 0, k); };
  const auto bottom = [k, m](const Tensor& x) { return narrow(x, -2, k, m - k); };
  const auto before = [k](const Tensor& x) { return narrow(x, -1, 0, k); };
  const auto behind = [k, n](const Tensor& x) { return narrow(x, -1, k, n - k); };
  const Tensor square = before(top(lu));
  const Tensor lower_h = adjoint(add(tril(square, -1), identity(k, k, lu.dtype())));
  const Tensor upper_h = adjoint(triu(square));
  Tensor of_lower = matmul(lower_h, tril(before(top(grad)), -1));
  Tensor of_upper = matmul(triu(before(top(grad))), upper_h);
  if (m > n) of_upper = sub(of_upper, matmul(adjoint(bottom(lu)), bottom(grad)));
  if (m < n) of_lower = sub(of_lower, matmul(behind(top(grad)), adjoint(behind(lu))));
  const Tensor both = add(tril(of_lower, -1), triu(of_upper));
  Tensor result =
      solve_triangular(lower_h, solve_triangular(upper_h, both, false, false, false), true, true, true);
  if (m > n) {
    const Tensor parts[] = {result, solve_triangular(upper_h, bottom(grad), false, false, false)};
    result = cat(parts, -2);
  }
  if (m < n) {
    const Tensor parts[] = {result, solve_triangular(lower_h, behind(grad), true, true, true)};
    result = cat(parts, -1);
  }
  return rows_in_order(result, permutation_of(pivots, m, true));
}

// lu_factor_ex without its checks: LU, pivots, infos.
Triple factored(const Tensor& self, bool pivot) {
  check_lapack_type("lu_cpu", self.dtype());
  check(pivot, "linalg.lu_factor: LU without pivoting is not implemented on the CPU");
  const Tensor lu = empty_in_columns(self.sizes(), self.dtype());
  Dims sizes = batch_sizes(self);
  const Tensor infos = zeros(sizes, DType::Int32);
  sizes.push_back(std::min(rows_of(self), columns_of(self)));
  const Tensor pivots = empty(sizes, DType::Int32);
  differentiable_many(
      "LinalgLuFactorExBackward0",
      [&]() -> std::vector<Tensor> {
        copy_into(lu, self);
        backend::current().lu_factor(self.dtype(), matrices(lu), pivots.data<int32_t>(),
                                     infos.data<int32_t>());
        return {lu};
      },
      wrt(self, [factors = Saved(lu, 0), exchanges = saved(pivots)](std::span<const Tensor> grads) {
        return grads[0] ? lu_gradient(grads[0], factors(), exchanges()) : Tensor();
      }));
  return {lu, pivots, infos};
}

void check_dimensions(const char* name, const Tensor& self) {
  check(self.dim() >= 2, name, ": Expected tensor with 2 or more dimensions. Got size: ", self.sizes(),
        " instead");
}

Triple lu_factor_ex(const Tensor& self, bool pivot, bool check_errors) {
  check_dimensions("torch.lu_factor", self);
  Triple result = factored(self, pivot);
  if (check_errors) check_infos("torch.linalg.lu_factor_ex", Attempt::Lu, std::get<2>(result));
  return result;
}

Pair lu_factor(const Tensor& self, bool pivot) {
  check_dimensions("torch.lu_factor", self);
  const auto [lu, pivots, infos] = factored(self, pivot);
  check_infos("torch.linalg.lu_factor", Attempt::Lu, infos);
  return {lu, pivots};
}

// ---- its three matrices

Triple unpacked(const Tensor& lu, const Tensor& pivots, bool data, bool permutation) {
  const int64_t m = rows_of(lu), n = columns_of(lu), k = std::min(m, n);
  Tensor p = empty(Dims{0}, lu.dtype()), lower = empty(Dims{0}, lu.dtype()),
         upper = empty(Dims{0}, lu.dtype());
  if (data) {
    lower = add(tril(narrow(lu, -1, 0, k), -1), identity(m, k, lu.dtype()));
    upper = triu(narrow(lu, -2, 0, k));
  }
  if (permutation) {
    const NoGrad no_grad;
    const Tensor order = permutation_of(pivots, m, true);
    p = index_select(identity(m, m, lu.dtype()), 0, flatten(order, 0, -1));
    p = reshape(p, with_matrix(batch_sizes(lu), m, m));
  }
  return {p, lower, upper};
}

Triple lu(const Tensor& self, bool pivot) {
  check_dimensions("linalg.lu", self);
  const auto [factors, pivots, infos] = factored(self, pivot);
  return unpacked(factors, pivots, true, true);
}

// Refuses what would reach beyond the matrix.
void check_pivots(const Tensor& pivots, int64_t rows, const char* too_small, const char* too_large) {
  if (!backend::current().has_values || pivots.numel() == 0) return;
  const Tensor values = as_contiguous(on_host(pivots, "lu_solve"));
  const int32_t* const p = values.data<int32_t>();
  const auto [least, most] = std::minmax_element(p, p + values.numel());
  check(*least >= 1, too_small);
  check(*most <= rows, too_large);
}

Triple lu_unpack(const Tensor& lu, const Tensor& pivots, bool data, bool permutation) {
  check(pivots.dtype() == DType::Int32,
        "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this "
        "function is intended to be used with the output produced by torch.linalg.lu_factor");
  check_matrices_of("torch.lu_unpack", lu, "LU_data");
  if (permutation) {
    const int64_t exchanges = std::min(rows_of(lu), columns_of(lu));
    Dims wanted = batch_sizes(lu);
    wanted.push_back(exchanges);
    check(pivots.sizes() == wanted, "torch.lu_unpack: LU_pivots is expected to be of shape ", wanted,
          " for LU_data of shape ", lu.sizes(), ", but is of shape ", pivots.sizes());
    const char* const words =
        "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the "
        "result of lu_factor?";
    check_pivots(pivots, rows_of(lu), words, words);
  }
  return unpacked(lu, pivots, data, permutation);
}

// ---- equations

MatrixOp op_of(bool adjoint) { return adjoint ? MatrixOp::Adjoint : MatrixOp::Plain; }

Tensor lu_solved(const Tensor& lu, const Tensor& pivots, const Tensor& b, const Dims& batch, bool left,
                 bool adjoint) {
  // X op(A) = B is op(A)^T X^T = B^T: with B in rows its transpose lies in columns.
  const bool conjugate = !left && adjoint && is_complex(b.dtype());
  const Tensor source = conjugate ? conj(b) : b;
  const Tensor x = left ? in_columns(source, batch) : swapped(in_columns(swapped(source), batch));
  ReadableMatrices factors{lu, {}, false};
  if (const auto there = matrices_in_place(lu, batch)) {
    factors.batch = *there;
  } else {
    factors.holder = in_columns(lu, batch);
    factors.batch = matrices(factors.holder);
  }
  Dims sizes = batch;
  sizes.push_back(pivots.sizes().back());
  const Tensor exchanges = as_contiguous(factors.batch.batch_stride ? expand(pivots, sizes) : pivots);
  const MatrixOp op = left ? op_of(adjoint) : adjoint ? MatrixOp::Plain : MatrixOp::Transposed;
  backend::current().lu_solve(b.dtype(), factors.batch, exchanges.data<int32_t>(),
                              matrices(left ? x : swapped(x)), op);
  return conjugate ? conj(x) : x;
}

// Of X = inv(op(A)) B with respect to the factors in one matrix, by X alone: inv(L) P^T B is U X, and so on.
Tensor factors_gradient(const Tensor& grad, const Tensor& x, const Tensor& lu, const Tensor& pivots,
                        bool adjoint_of) {
  const int64_t n = rows_of(lu);
  const Tensor upper = triu(lu), lower = add(tril(lu, -1), identity(n, n, lu.dtype()));
  if (!adjoint_of) {
    const Tensor of_z = solve_triangular(adjoint(upper), grad, false, true, false);
    const Tensor z = matmul(upper, x);
    const Tensor of_lower = solve_triangular(adjoint(lower), of_z, true, true, true);
    return neg(add(triu(matmul(of_z, adjoint(x))), tril(matmul(of_lower, adjoint(z)), -1)));
  }
  const Tensor order = expand(permutation_of(pivots, n, false), [&] {
    Dims sizes = batch_sizes(x);
    sizes.push_back(n);
    return sizes;
  }());
  const Tensor w = rows_in_order(x, order), v = matmul(adjoint(lower), w);
  const Tensor of_v = solve_triangular(lower, rows_in_order(grad, order), false, true, true);
  const Tensor of_b = solve_triangular(upper, of_v, true, true, false);
  return neg(add(tril(matmul(w, adjoint(of_v)), -1), triu(matmul(v, adjoint(of_b)))));
}

}  // namespace

Tensor lu_solve(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool left, bool adjoint_of) {
  const char* const name = "linalg.lu_solve";
  check_square_of("torch.linalg.lu_solve", lu);
  check_inexact("torch.linalg.lu_solve", lu);
  check(lu.dtype() == b.dtype(), name, ": Expected LU and B to have the same dtype, but found LU of type ",
        scalar_type_name(lu.dtype()), " and B of type ", scalar_type_name(b.dtype()), " instead");
  check(pivots.dtype() == DType::Int32, name, ": pivots should be a Tensor of scalar type torch.int32");
  check_matrices_of(name, b, "B");
  check(columns_of(lu) == (left ? rows_of(b) : columns_of(b)), name,
        ": Incompatible shapes of A and B for the equation ", left ? "AX = B" : "XA = B", " (", rows_of(lu),
        "x", columns_of(lu), " and ", rows_of(b), "x", columns_of(b), ")");
  check(pivots.dim() >= 1 && pivots.sizes().back() == rows_of(lu), name,
        ": Number of pivots per batch should be same as the dimension of the matrix");
  Dims wanted = lu.sizes();
  wanted.resize(wanted.count - 1);
  check(pivots.sizes() == wanted, name,
        ": Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape ",
        pivots.sizes(), " instead");
  check_lapack_type("linalg.lu_solve_cpu", lu.dtype());
  const Dims batch = broadcast_sizes(batch_sizes(b), batch_sizes(lu));
  check_pivots(
      pivots, rows_of(lu),
      "Pivots given to lu_solve must all be greater or equal to 1. Did you properly pass the result "
      "of lu_factor?",
      "Pivots given to lu_solve must all be smaller or equal to LU.size(-2). Did you properly pass the "
      "result of lu_factor?");
  return differentiable(
      "LinalgLuSolveBackward0", {}, [&] { return lu_solved(lu, pivots, b, batch, left, adjoint_of); },
      wrt(lu,
          [factors = saved(lu), exchanges = saved(pivots), left, adjoint_of](const Tensor& grad,
                                                                             const Tensor& x) {
            if (left) return factors_gradient(grad, x, factors(), exchanges(), adjoint_of);
            return factors_gradient(adjoint(grad), adjoint(x), factors(), exchanges(), !adjoint_of);
          }),
      wrt(b, [factors = saved(lu), exchanges = saved(pivots), left, adjoint_of](const Tensor& grad) {
        return lu_solve(factors(), exchanges(), grad, left, !adjoint_of);
      }));
}

namespace {
Tensor lu_solve_old(const Tensor& self, const Tensor& lu, const Tensor& pivots) {
  static bool warned = false;
  if (!std::exchange(warned, true))
    warn(
        "torch.lu_solve is deprecated in favor of torch.linalg.lu_solve, whose arguments come in another "
        "order: X "
        "= torch.linalg.lu_solve(LU, pivots, B).");
  return lu_solve(lu, pivots, self, true, false);
}
}  // namespace

/// The LU decomposition with partial pivoting, P^T A = L U, in one matrix.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     pivot: True; there is no decomposition without pivoting on the CPU
///
/// Returns:
///     LU (..., m, n), U on and above the diagonal and L, whose diagonal is ones, below it; and int32 pivots
///     (..., min(m, n)): row i was exchanged with row pivots[i], counted from 1.
///
/// Raises:
///     RuntimeError: a zero on the diagonal of U; the message names the batch element.
///
/// >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [4.0, 2.0]]))
/// >>> LU.tolist(), pivots.tolist()
/// ([[4.0, 2.0], [0.25, 1.5]], [2, 2])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 3.4.
EXPOSE("lu_factor(Tensor A, *, bool pivot=True) -> (Tensor, Tensor)", lu_factor, kLinalgOut,
       "linalg_lu_factor LU pivots");

/// The LU decomposition with an info instead of an exception.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     pivot: True; there is no decomposition without pivoting on the CPU
///     check_errors: raises all the same
///
/// Returns:
///     LU and pivots as of `lu_factor`, and (...) int32: 0, or the first i for which U[i, i] is zero, counted
///     from 1.
///
/// >>> torch.linalg.lu_factor_ex(torch.zeros(2, 2)).info
/// tensor(1, dtype=torch.int32)
EXPOSE("lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor, Tensor, Tensor)",
       lu_factor_ex, kLinalgOut, "linalg_lu_factor_ex LU pivots info");

/// The LU decomposition with partial pivoting: A = P L U.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     pivot: True; there is no decomposition without pivoting on the CPU
///
/// Returns:
///     P (..., m, m), a permutation; L (..., m, k), lower triangular with ones on its diagonal; U (..., k,
///     n), upper triangular; k = min(m, n).
///
/// >>> P, L, U = torch.linalg.lu(torch.tensor([[1.0, 2.0], [4.0, 2.0]]))
/// >>> (P @ L @ U).tolist()
/// [[1.0, 2.0], [4.0, 2.0]]
EXPOSE("lu(Tensor A, *, bool pivot=True) -> (Tensor, Tensor, Tensor)", lu, kLinalgOut, "linalg_lu P L U");

/// The matrices P, L and U of what `lu_factor` returns.
///
/// Args:
///     LU_data: (..., m, n)
///     LU_pivots: (..., min(m, n)), int32
///     unpack_data: whether L and U are wanted; otherwise they are empty
///     unpack_pivots: whether P is wanted; otherwise it is empty
///
/// Raises:
///     RuntimeError: pivots of another dtype, or beyond the matrix.
///
/// >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [4.0, 2.0]]))).P.tolist()
/// [[0.0, 1.0], [1.0, 0.0]]
EXPOSE(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor, "
    "Tensor, Tensor)",
    lu_unpack, Forms::function | Forms::out, "lu_unpack P L U");

/// The solution X of A X = B, or X A = B, from the LU decomposition of A.
///
/// Leading dimensions broadcast.
///
/// Args:
///     LU: (..., n, n), of `lu_factor`
///     pivots: (..., n), of `lu_factor`
///     B: (..., n, k), or (..., k, n) where A stands on the right
///     left: whether A stands on the left
///     adjoint: takes the conjugate transpose of A instead
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit, or pivots beyond the matrix.
///
/// >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[0.0, 2.0], [1.0, 0.0]]))
/// >>> torch.linalg.lu_solve(LU, pivots, torch.tensor([[2.0], [3.0]])).tolist()
/// [[3.0], [1.0]]
EXPOSE("lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
       lu_solve, kLinalgOut | Forms::float32);

/// The solution of A X = B from the LU decomposition of A; deprecated for `linalg.lu_solve`.
///
/// Args:
///     self: (..., n, k), the B
///     LU_data: (..., n, n), of `linalg.lu_factor`
///     LU_pivots: (..., n), of `linalg.lu_factor`
///
/// >>> LU, pivots = torch.linalg.lu_factor(torch.eye(1))
/// >>> torch.lu_solve(torch.ones(1, 1), LU, pivots).tolist()
/// [[1.0]]
EXPOSE("lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor", lu_solve_old,
       Forms::function | Forms::method | Forms::out | Forms::float32);

}  // namespace flambeau
