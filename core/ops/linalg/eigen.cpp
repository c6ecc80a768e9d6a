// Eigenvalues and eigenvectors.
#include <cmath>
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;
using Pair = std::tuple<Tensor, Tensor>;

// With P = inv(V) dA V: dL is the diagonal of P, and V turns by inv(V) dV = P / E off the diagonal, E_ij =
// L_j
// - L_i (here 1 on the diagonal). Source: Giles, Collected matrix derivative results for forward and reverse
// mode algorithmic differentiation, 2008.
Tensor distances(const Tensor& values) {
  const int64_t n = values.sizes().back();
  return add(sub(as_row(values), as_column(values)), identity(n, n, values.dtype()));
}

Tensor without_diagonal(const Tensor& a) {
  const int64_t n = rows_of(a);
  return masked_fill(a, identity(n, n, DType::Bool), Scalar(0));
}

Tensor eigh_gradient(const Tensor& of_values, const Tensor& of_vectors, const Tensor& l, const Tensor& v) {
  if (!of_vectors) return matmul(mul(v, as_row(of_values)), adjoint(v));
  const Tensor turn = matmul(adjoint(v), of_vectors);
  if (is_complex(v.dtype()))
    check_phases(
        turn, {},
        "linalg_eigh_backward: The eigenvectors in the complex case are specified up to "
        "multiplication by e^{i phi}. The specified loss function depends on this quantity, so it is "
        "ill-defined.");
  // Unitary matrices turn by skew-Hermitian ones alone.
  const Tensor skew = mul(sub(turn, adjoint(turn)), Scalar(0.5));
  Tensor inner = without_diagonal(div(skew, distances(l)));
  if (of_values) inner = add(inner, on_diagonal(of_values));
  return matmul(v, matmul(inner, adjoint(v)));
}

// Vectors keep their length 1, by which those that are not orthogonal turn a little less.
Tensor eig_gradient(const Tensor& of_values, const Tensor& of_vectors, const Tensor& l, const Tensor& v) {
  const Tensor vh = adjoint(v);
  if (!of_vectors) return solve(vh, mul(as_column(of_values), vh), true);
  const Tensor turn = matmul(vh, of_vectors);
  check_phases(
      turn, {},
      "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by "
      "e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined.");
  const Tensor growth = real(diagonal(turn, 0, -2, -1));
  const Tensor free = sub(turn, mul(matmul(vh, v), as_row(growth)));
  Tensor inner = without_diagonal(div(free, conj(distances(l))));
  if (of_values) inner = add(inner, on_diagonal(of_values));
  return solve(vh, matmul(inner, vh), true);
}

Dims value_sizes(const Tensor& a) {
  Dims sizes = batch_sizes(a);
  sizes.push_back(rows_of(a));
  return sizes;
}

}  // namespace

Eigh eigh(const Tensor& a, bool upper, bool vectors) {
  check_square_of("linalg.eigh", a);
  check_lapack_type("linalg_eigh_cpu", a.dtype());
  vectors |= grad_enabled() && requires_grad(a);
  const Tensor values = empty(value_sizes(a), real_of(a.dtype()));
  const Tensor v = empty_in_columns(a.sizes(), a.dtype());
  const Tensor infos = zeros(batch_sizes(a), DType::Int32);
  differentiable_many(
      "LinalgEighBackward0",
      [&]() -> std::vector<Tensor> {
        copy_into(v, a);
        backend::current().eigh(a.dtype(), matrices(v), values->data, upper, vectors, infos.data<int32_t>());
        return {values, v};
      },
      wrt(a, [l = Saved(values, 0), v = Saved(v, 1)](std::span<const Tensor> grads) {
        return grads[0] || grads[1] ? eigh_gradient(grads[0], grads[1], l(), v()) : Tensor();
      }));
  check_infos("linalg.eigh", Attempt::Eigenvalues, infos);
  return {values, vectors ? v : Tensor()};
}

namespace {

bool wants_upper(std::string_view uplo) {
  const char letter = uplo.size() == 1 ? uplo[0] : 0;
  check(letter == 'L' || letter == 'l' || letter == 'U' || letter == 'u',
        "Expected UPLO argument to be 'L' or 'U', but got ", std::string(uplo));
  return letter == 'U' || letter == 'u';
}

Pair eigh_exposed(const Tensor& a, std::string_view uplo) {
  check_square_of("linalg.eigh", a);
  const Eigh result = eigh(a, wants_upper(uplo));
  return {result.values, result.vectors};
}

Tensor eigvalsh(const Tensor& a, std::string_view uplo) {
  check_square_of("linalg.eigh", a);
  return eigh(a, wants_upper(uplo), false).values;
}

bool all_finite(const Tensor& a) {
  if (!backend::current().has_values) return true;
  const NoGrad no_grad;
  // 0 x is 0 where x is finite and NaN elsewhere.
  const Tensor zero = sum(mul(is_complex(a.dtype()) ? view_as_real(a) : a, Scalar(0)));
  return !std::isnan(on_host(cast_copy(zero, DType::Float64), "linalg.eig").data<double>()[0]);
}

Pair decomposed(const char* name, const Tensor& a, bool vectors) {
  check_square_of(name, a);
  check(is_floating(a.dtype()) || is_complex(a.dtype()), "Unknown Complex ScalarType for ",
        scalar_type_name(a.dtype()));
  check_lapack_type("linalg_eig_out_cpu", a.dtype());
  check(all_finite(a), "torch.linalg.eig: input tensor should not contain infs or NaNs.");
  vectors |= grad_enabled() && requires_grad(a);
  const DType dtype = complex_of(a.dtype());
  const Tensor values = empty(value_sizes(a), dtype);
  const Tensor v = vectors ? empty_in_columns(a.sizes(), dtype) : Tensor();
  const Tensor infos = zeros(batch_sizes(a), DType::Int32);
  differentiable_many(
      "LinalgEigBackward0",
      [&]() -> std::vector<Tensor> {
        const Tensor copy = in_columns(a);
        backend::current().eig(a.dtype(), matrices(copy), values->data, vectors ? v->data : nullptr,
                               infos.data<int32_t>());
        if (!vectors) return {values};
        return {values, v};
      },
      wrt(a, [l = Saved(values, 0), v = Saved(v, 1)](std::span<const Tensor> grads) {
        return grads[0] || grads[1] ? eig_gradient(grads[0], grads[1], l(), v()) : Tensor();
      }));
  check_infos("linalg.eig", Attempt::Eigenvalues, infos);
  return {values, v};
}

Pair eig(const Tensor& a) { return decomposed("linalg.eig", a, true); }
Tensor eigvals(const Tensor& a) { return std::get<0>(decomposed("linalg.eigvals", a, false)); }

}  // namespace

/// Eigenvalues and eigenvectors of Hermitian matrices: A = V diag(L) V^H.
///
/// Only one triangle is read, but the gradient goes to all of A. It is finite where eigenvalues differ; that
/// through V is defined for functions that do not depend on the signs, or phases, of V's columns.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///     UPLO: 'L' or 'U', the triangle that is read
///
/// Returns:
///     eigenvalues (..., n), real and growing; eigenvectors (..., n, n), orthonormal columns.
///
/// Raises:
///     RuntimeError: no square matrices, integers, or another UPLO.
///     LinAlgError: NaN in A, or no convergence.
///
/// >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
/// tensor([1., 2.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, chapter 8.
EXPOSE("eigh(Tensor A, str UPLO='L') -> (Tensor, Tensor)", eigh_exposed, kLinalgOut | Forms::float32,
       "linalg_eigh eigenvalues eigenvectors");

/// The eigenvalues of Hermitian matrices.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///     UPLO: 'L' or 'U', the triangle that is read
///
/// Returns:
///     (..., n), real and growing.
///
/// Raises:
///     RuntimeError: no square matrices, integers, or another UPLO.
///     LinAlgError: NaN in A, or no convergence.
///
/// >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
/// tensor([1., 2.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, chapter 8.
EXPOSE("eigvalsh(Tensor A, str UPLO='L') -> Tensor", eigvalsh, kLinalgOut | Forms::float32);

/// Eigenvalues and eigenvectors of any square matrices: A V = V diag(L).
///
/// The gradient is finite where eigenvalues differ; that through V is defined for functions that do not
/// depend on the phases of V's columns.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///
/// Returns:
///     eigenvalues (..., n), in no order; eigenvectors (..., n, n), columns of norm 1. Both are complex.
///
/// Raises:
///     RuntimeError: no square matrices, integers, or elements that are not finite.
///     LinAlgError: no convergence.
///
/// >>> torch.linalg.eig(torch.tensor([[0.0, 2.0], [-2.0, 0.0]])).eigenvalues.imag.abs().round()
/// tensor([2., 2.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, chapter 7.
EXPOSE("eig(Tensor A) -> (Tensor, Tensor)", eig, kLinalgOut | Forms::float32,
       "linalg_eig eigenvalues eigenvectors");

/// The eigenvalues of any square matrices.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///
/// Returns:
///     (..., n), complex, in no order.
///
/// Raises:
///     RuntimeError: no square matrices, integers, or elements that are not finite.
///     LinAlgError: no convergence.
///
/// >>> torch.linalg.eigvals(torch.tensor([[0.0, 2.0], [-2.0, 0.0]])).imag.abs().round()
/// tensor([2., 2.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, chapter 7.
EXPOSE("eigvals(Tensor A) -> Tensor", eigvals, kLinalgOut | Forms::float32);

}  // namespace flambeau
