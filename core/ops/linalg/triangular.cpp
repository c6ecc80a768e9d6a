// Equations with triangular matrices.
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

// The part of a gradient that belongs to a triangular matrix; its diagonal is no variable where it is one.
Tensor triangle_of(const Tensor& grad, bool upper, bool unit_diagonal) {
  const int64_t diagonal = unit_diagonal ? 1 : 0;
  return upper ? triu(grad, diagonal) : tril(grad, -diagonal);
}

Tensor solved(const Tensor& a, const Tensor& b, const Dims& batch, backend::TriangularSolve how) {
  const Tensor x = in_columns(b, batch);
  const ReadableMatrices factor = readable_matrices(a, batch);
  if (factor.transposed) {
    how.upper = !how.upper;
    how.op = MatrixOp::Transposed;
  }
  backend::current().solve_triangular(b.dtype(), factor.batch, matrices(x), how);
  return x;
}

}  // namespace

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool left, bool unitriangular) {
  const char* const name = "linalg.solve_triangular";
  check_square_of(name, a);
  check_matrices_of(name, b, "B");
  check(columns_of(a) == (left ? rows_of(b) : columns_of(b)), name,
        ": Incompatible shapes of A and B for the equation ", left ? "AX = B" : "XA = B", " (", rows_of(a),
        "x", columns_of(a), " and ", rows_of(b), "x", columns_of(b), ")");
  const Dims batch = broadcast_sizes(batch_sizes(b), batch_sizes(a));
  check_lapack_type("triangular_solve_cpu", b.dtype());
  check(a.dtype() == b.dtype(), name, ": Expected A and B to have the same dtype, but found A of type ",
        scalar_type_name(a.dtype()), " and B of type ", scalar_type_name(b.dtype()), " instead");
  const auto gradient_of_b = [upper, left, unitriangular](const Tensor& grad, const Tensor& factor) {
    return solve_triangular(adjoint(factor), grad, !upper, left, unitriangular);
  };
  return differentiable(
      "LinalgSolveTriangularBackward0", {},
      [&] { return solved(a, b, batch, {left, upper, MatrixOp::Plain, unitriangular}); },
      wrt(a,
          [factor = saved(a), gradient_of_b, upper, left, unitriangular](const Tensor& grad,
                                                                         const Tensor& x) {
            const Tensor of_b = gradient_of_b(grad, factor()), h = adjoint(x);
            return triangle_of(neg(left ? matmul(of_b, h) : matmul(h, of_b)), upper, unitriangular);
          }),
      wrt(b,
          [factor = saved(a), gradient_of_b](const Tensor& grad) { return gradient_of_b(grad, factor()); }));
}

/// The solution X of A X = B, or of X A = B, with triangular A.
///
/// Only the triangle of A that `upper` names is read. Leading dimensions broadcast.
///
/// Args:
///     self: (..., n, n), the A: float32, float64 or complex; a zero on the diagonal gives inf or NaN
///     B: (..., n, k), or (..., k, n) where A stands on the right
///     upper: whether A is upper triangular
///     left: whether A stands on the left
///     unitriangular: takes the diagonal of A to be ones, and does not read it
///
/// Returns:
///     Of B's shape, broadcast.
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> torch.linalg.solve_triangular(torch.tensor([[2.0]]), torch.tensor([[4.0]]), upper=False)
/// tensor([[2.]])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 3.1.
EXPOSE(
    "solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> "
    "Tensor",
    solve_triangular, Forms::linalg | Forms::out);

namespace {

// The older form, which returns A as well.
std::tuple<Tensor, Tensor> triangular_solve(const Tensor& self, const Tensor& a, bool upper, bool transpose,
                                            bool unitriangular) {
  static bool warned = false;
  if (!std::exchange(warned, true))
    warn(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular, whose arguments "
        "come in "
        "another order and which returns no copy of A: X = torch.linalg.solve_triangular(A, B, upper=...).");
  check(self.dim() >= 2, "torch.triangular_solve: Expected b to have at least 2 dimensions, but it has ",
        self.dim(), " dimensions instead");
  check(a.dim() >= 2, "torch.triangular_solve: Expected A to have at least 2 dimensions, but it has ",
        a.dim(), " dimensions instead");
  check_system("triangular_solve", self, a);
  const Dims batch = broadcast_sizes(batch_sizes(self), batch_sizes(a));
  check_lapack_type("triangular_solve_cpu", self.dtype());
  Tensor coefficient = expand(a, with_matrix(batch, rows_of(a), columns_of(a)));
  coefficient = transposed(clone(transposed(coefficient), MemoryFormat::Contiguous));
  const Tensor matrix = transpose ? transposed(a) : a;
  return {solve_triangular(matrix, self, upper != transpose, true, unitriangular), coefficient};
}

}  // namespace

/// The solution of A X = B with a triangular A, and a copy of A; deprecated for `linalg.solve_triangular`.
///
/// Args:
///     self: (..., n, k), the B
///     A: (..., n, n), of the same dtype
///     upper: whether A is upper triangular
///     transpose: solves A^T X = B
///     unitriangular: takes the diagonal of A to be ones, and does not read it
///
/// >>> torch.triangular_solve(torch.tensor([[4.0]]), torch.tensor([[2.0]])).solution.tolist()
/// [[2.0]]
EXPOSE(
    "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool "
    "unitriangular=False) -> "
    "(Tensor, Tensor)",
    triangular_solve, Forms::function | Forms::method | Forms::out | Forms::float32,
    "triangular_solve solution cloned_coefficient");

}  // namespace flambeau
