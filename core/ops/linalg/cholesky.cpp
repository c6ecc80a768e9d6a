// Cholesky's factorization, and what is solved with it.
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kFunctionMethodOut = Forms::function | Forms::method | Forms::out;
constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;

// With dL = L tril(S), diagonal halved, for S = inv(L) dA inv(L)^H; dA is taken to be Hermitian, and so is
// the gradient. Source: Murray, Differentiation of the Cholesky decomposition, 2016, equation 10.
Tensor cholesky_gradient(const Tensor& grad, const Tensor& factor, bool upper) {
  const Tensor l = upper ? adjoint(factor) : factor;
  const Tensor product = tril(matmul(adjoint(l), upper ? adjoint(grad) : grad));
  const Tensor halved = mul(add(product, tril(product, -1)), Scalar(0.5));
  const Tensor symmetric = mul(add(halved, adjoint(halved)), Scalar(0.5));
  const Tensor right = solve_triangular(l, symmetric, false, false, false);
  return solve_triangular(adjoint(l), right, true, true, false);
}

struct Cholesky {
  Tensor factor, infos;
};

Cholesky factored(const Tensor& self, bool upper) {
  check_lapack_type("cholesky_cpu", self.dtype());
  const Tensor factor = empty_in_columns(self.sizes(), self.dtype());
  const Tensor infos = zeros(batch_sizes(self), DType::Int32);
  differentiable_many(
      "LinalgCholeskyExBackward0",
      [&]() -> std::vector<Tensor> {
        copy_into(factor, self);
        backend::current().cholesky(self.dtype(), matrices(factor), upper, infos.data<int32_t>());
        return {factor};
      },
      wrt(self, [l = Saved(factor, 0), upper](std::span<const Tensor> grads) {
        return grads[0] ? cholesky_gradient(grads[0], l(), upper) : Tensor();
      }));
  return {factor, infos};
}

using Pair = std::tuple<Tensor, Tensor>;

Pair cholesky_ex(const Tensor& self, bool upper, bool check_errors) {
  check_square_of("linalg.cholesky", self);
  check_inexact("linalg.cholesky", self);
  const auto [factor, infos] = factored(self, upper);
  if (check_errors) check_infos("linalg.cholesky_ex", Attempt::Cholesky, infos);
  return {factor, infos};
}

Tensor cholesky(const Tensor& self, bool upper) {
  check_square_of("linalg.cholesky", self);
  check_inexact("linalg.cholesky", self);
  const auto [factor, infos] = factored(self, upper);
  check_infos("linalg.cholesky", Attempt::Cholesky, infos);
  return factor;
}

}  // namespace

/// The Cholesky factor of Hermitian positive-definite matrices: A = L L^H, L lower triangular.
///
/// Only the triangle that belongs to the factor is read. The gradient is that with respect to a Hermitian A.
///
/// Args:
///     self: (..., n, n), float32, float64 or complex
///     upper: gives U = L^H instead, A = U^H U
///
/// Returns:
///     (..., n, n), zero in the other triangle.
///
/// Raises:
///     RuntimeError: no square matrices, or integers.
///     LinAlgError: a matrix that is not positive definite; the message names the leading minor.
///
/// >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]])).tolist()
/// [[2.0, 0.0], [1.0, 2.0]]
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 4.2.
EXPOSE("cholesky(Tensor self, *, bool upper=False) -> Tensor", cholesky, kLinalgOut | Forms::float32);

/// Cholesky's factorization, with an info instead of an exception.
///
/// Args:
///     self: (..., n, n), float32, float64 or complex
///     upper: gives U = L^H instead, A = U^H U
///     check_errors: raises LinAlgError all the same
///
/// Returns:
///     The factor, and (...) int32: 0, or the order of the first leading minor that is not positive definite,
///     of which matrix the factor is then unfinished.
///
/// >>> torch.linalg.cholesky_ex(torch.tensor([[-1.0]])).info
/// tensor(1, dtype=torch.int32)
EXPOSE("cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor, Tensor)",
       cholesky_ex, kLinalgOut | Forms::float32, "linalg_cholesky_ex L info");

// ---- with the factor at hand

namespace {

Tensor cholesky_old(const Tensor& self, bool upper) {
  static bool warned = false;
  if (!std::exchange(warned, true))
    warn(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky: L = torch.linalg.cholesky(A), and U "
        "= "
        "torch.linalg.cholesky(A).mH for upper=True.");
  check_square_of("cholesky", self);
  const auto [factor, infos] = factored(self, upper);
  check_infos("cholesky", Attempt::Cholesky, infos);
  return factor;
}

// Of a function of A = L L^H, or U^H U, whose gradient with respect to A is given.
Tensor through_product(const Tensor& of_a, const Tensor& factor, bool upper) {
  const Tensor both = add(of_a, adjoint(of_a));
  return upper ? matmul(factor, both) : matmul(both, factor);
}

Tensor cholesky_inverse(const Tensor& self, bool upper) {
  check_square_of("cholesky_inverse", self);
  check_lapack_type("cholesky_inverse_out_cpu", self.dtype());
  return differentiable(
      "CholeskyInverseBackward0", {},
      [&] {
        const Tensor result = in_columns(self);
        const Tensor infos = zeros(batch_sizes(self), DType::Int32);
        backend::current().cholesky_inverse(self.dtype(), matrices(result), upper, infos.data<int32_t>());
        check_infos("cholesky_inverse", Attempt::Inverse, infos);
        return result;
      },
      wrt(self, [factor = saved(self), upper](const Tensor& grad, const Tensor& result) {
        const Tensor of_a = neg(matmul(result, matmul(grad, result)));
        return through_product(of_a, factor(), upper);
      }));
}

Tensor cholesky_solve(const Tensor& self, const Tensor& input2, bool upper) {
  check(self.dim() >= 2, "b should have at least 2 dimensions, but has ", self.dim(), " dimensions instead");
  check(input2.dim() >= 2, "u should have at least 2 dimensions, but has ", input2.dim(),
        " dimensions instead");
  check_system("cholesky_solve", self, input2);
  const Dims batch = broadcast_sizes(batch_sizes(self), batch_sizes(input2));
  check_lapack_type("cholesky_solve_cpu", self.dtype());
  return differentiable(
      "CholeskySolveBackward0", {},
      [&] {
        const Tensor x = in_columns(self, batch);
        ReadableMatrices factor = readable_matrices(input2, batch);
        if (factor.transposed && is_complex(self.dtype())) {
          factor.holder = in_columns(input2, batch);
          factor = {factor.holder, matrices(factor.holder), false};
        }
        backend::current().cholesky_solve(self.dtype(), factor.batch, matrices(x),
                                          upper != factor.transposed);
        return x;
      },
      wrt(self, [factor = saved(input2),
                 upper](const Tensor& grad) { return cholesky_solve(grad, factor(), upper); }),
      wrt(input2, [factor = saved(input2), upper](const Tensor& grad, const Tensor& x) {
        const Tensor of_a = neg(matmul(cholesky_solve(grad, factor(), upper), adjoint(x)));
        return through_product(of_a, factor(), upper);
      }));
}

}  // namespace

/// The Cholesky factor; deprecated for `linalg.cholesky`.
///
/// Args:
///     self: (..., n, n), float32, float64 or complex
///     upper: gives U = L^H instead
///
/// >>> torch.cholesky(torch.tensor([[4.0]])).tolist()
/// [[2.0]]
EXPOSE("cholesky(Tensor self, bool upper=False) -> Tensor", cholesky_old,
       kFunctionMethodOut | Forms::float32);

/// The inverse of A = L L^H from its Cholesky factor L.
///
/// Args:
///     self: (..., n, n), lower triangular, or upper triangular with A = U^H U
///     upper: whether the factor is upper triangular
///
/// Raises:
///     LinAlgError: a zero on the diagonal.
///
/// >>> torch.cholesky_inverse(torch.tensor([[2.0]])).tolist()
/// [[0.25]]
EXPOSE("cholesky_inverse(Tensor self, bool upper=False) -> Tensor", cholesky_inverse,
       kFunctionMethodOut | Forms::float32);

/// The solution X of A X = B from the Cholesky factor of A = L L^H.
///
/// Leading dimensions broadcast.
///
/// Args:
///     self: (..., n, k), the B
///     input2: (..., n, n), lower triangular, or upper triangular with A = U^H U
///     upper: whether the factor is upper triangular
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> torch.cholesky_solve(torch.tensor([[8.0]]), torch.tensor([[2.0]])).tolist()
/// [[2.0]]
EXPOSE("cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", cholesky_solve,
       kFunctionMethodOut | Forms::float32);

}  // namespace flambeau
