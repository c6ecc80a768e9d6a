// Equations with square matrices, inverses and determinants, all by the LU decomposition.
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;
constexpr unsigned kFunctionMethodOut = Forms::function | Forms::method | Forms::out;
using Pair = std::tuple<Tensor, Tensor>;

// ---- LU decompositions that stay inside

// That of each matrix, or, where those lie in rows, of its transpose, which is then no more than a copy.
struct Lu {
  Tensor factors, pivots, infos;
  bool of_transpose;

  explicit Lu(const Tensor& a) : of_transpose(a.is_contiguous()) {
    factors = of_transpose ? empty(a.sizes(), a.dtype()) : empty_in_columns(a.sizes(), a.dtype());
    Dims sizes = batch_sizes(a);
    infos = zeros(sizes, DType::Int32);
    sizes.push_back(rows_of(a));
    pivots = empty(sizes, DType::Int32);
  }
  static MatrixBatch batch(const Tensor& factors, bool of_transpose) {
    return matrices(of_transpose ? swapped(factors) : factors);
  }
  MatrixBatch batch() const { return batch(factors, of_transpose); }
  void factor(const Tensor& a) const {
    copy_into(factors, a);
    backend::current().lu_factor(a.dtype(), batch(), pivots.data<int32_t>(), infos.data<int32_t>());
  }
};

// What a derivative keeps of one.
struct SavedLu {
  Saved factors, pivots, infos;
  bool of_transpose;
  explicit SavedLu(const Lu& lu)
      : factors(saved(lu.factors)),
        pivots(saved(lu.pivots)),
        infos(saved(lu.infos)),
        of_transpose(lu.of_transpose) {}
};

}  // namespace

// ---- equations

namespace {

struct Solution {
  Tensor x, infos;
};

// op(A) X = B for B in columns, from decompositions of fewer matrices perhaps.
void lu_solve_in_place(Tensor factors, bool of_transpose, Tensor pivots, const Tensor& b, const Dims& batch,
                       MatrixOp op) {
  std::optional<MatrixBatch> lu = matrices_in_place(of_transpose ? swapped(factors) : factors, batch);
  if (!lu) {  // some dimensions of the batch broadcast, others do not
    const int64_t n = rows_of(factors);
    Dims sizes = batch;
    sizes.push_back(n);
    pivots = contiguous_copy(expand(pivots, sizes));
    factors = of_transpose ? contiguous_copy(expand(factors, with_matrix(batch, n, n)))
                           : in_columns(factors, batch);
    lu = Lu::batch(factors, of_transpose);
  }
  backend::current().lu_solve(b.dtype(), *lu, pivots.data<int32_t>(), matrices(b), op);
}

// inv(A)^H B, or B inv(A)^H: of the decomposition that is there where nothing is recorded. On the right, B's
// transpose is solved for; and what is to be conjugated is the matrix, or else both sides of the equation.
Tensor adjoint_solved(const Saved& a, const SavedLu& lu, const Tensor& b, bool left) {
  if (grad_enabled()) return solve(adjoint(a()), b, left);
  const bool conjugate = left == lu.of_transpose && is_complex(b.dtype());
  const Tensor source = conjugate ? conj(b) : b;
  const Dims batch = batch_sizes(b);
  const Tensor x = left ? in_columns(source, batch) : contiguous_copy(source);
  lu_solve_in_place(lu.factors(), lu.of_transpose, lu.pivots(), left ? x : swapped(x), batch,
                    left == lu.of_transpose ? MatrixOp::Plain : MatrixOp::Adjoint);
  return conjugate ? conj(x) : x;
}

// X of A X = B with matrices B, or, on the right, of X A = B: the transposes of that have B in rows.
Solution solved(const Tensor& a, const Tensor& b, bool left) {
  const Dims batch = broadcast_sizes(batch_sizes(b), batch_sizes(a));
  const Lu lu(a);
  Dims sizes = with_matrix(batch, rows_of(b), columns_of(b));
  const Tensor x = left ? empty_in_columns(sizes, b.dtype()) : empty(sizes, b.dtype());
  differentiable_many(
      "LinalgSolveExBackward0",
      [&]() -> std::vector<Tensor> {
        lu.factor(a);
        copy_into(x, b);
        lu_solve_in_place(lu.factors, lu.of_transpose, lu.pivots, left ? x : swapped(x), batch,
                          left == lu.of_transpose ? MatrixOp::Transposed : MatrixOp::Plain);
        return {x};
      },
      wrt(a,
          [matrix = saved(a), factors = SavedLu(lu), solution = Saved(x, 0),
           left](std::span<const Tensor> grads) {
            if (!grads[0]) return Tensor();
            const Tensor of_b = adjoint_solved(matrix, factors, grads[0], left), h = adjoint(solution());
            return neg(left ? matmul(of_b, h) : matmul(h, of_b));
          }),
      wrt(b, [matrix = saved(a), factors = SavedLu(lu), left](std::span<const Tensor> grads) {
        return grads[0] ? adjoint_solved(matrix, factors, grads[0], left) : Tensor();
      }));
  return {x, lu.infos};
}

// As PyTorch's: B is a vector, or a batch of them that fits A's.
bool is_vector(const Tensor& a, const Tensor& b) {
  if (b.dim() == 1) return true;
  if (b.dim() != a.dim() - 1) return false;
  for (int i = 0; i < b.dim(); ++i)
    if (b->sizes[i] != a->sizes[i]) return false;
  return true;
}

Solution solved_any(const Tensor& a, const Tensor& b, bool left) {
  const char* const name = "linalg.solve";
  check_inexact(name, a);
  check_square_of(name, a);
  check(a.dtype() == b.dtype(), name, ": Expected A and B to have the same dtype, but found A of type ",
        scalar_type_name(a.dtype()), " and B of type ", scalar_type_name(b.dtype()), " instead");
  const bool vector = is_vector(a, b);
  const Tensor columns = vector ? unsqueeze(b, -1) : b;
  check_matrices_of(name, columns, "B");
  check(columns_of(a) == (left ? rows_of(columns) : columns_of(columns)), name,
        ": Incompatible shapes of A and B for the equation ", left ? "AX = B" : "XA = B", " (", rows_of(a),
        "x", columns_of(a), " and ", rows_of(columns), "x", columns_of(columns), ")");
  check(left || !vector, name,
        ": Vector broadcasting of the left hand side is not supported for left=False. In "
        "this case linalg.solve is equivalent to B / A.squeeze(-1)");
  check_lapack_type("lu_cpu", a.dtype());
  Solution solution = solved(a, columns, left);
  if (vector) {
    const int64_t last[] = {-1};
    solution.x = squeeze(solution.x, last);
  }
  return solution;
}

Pair solve_ex(const Tensor& a, const Tensor& b, bool left, bool check_errors) {
  const auto [x, infos] = solved_any(a, b, left);
  if (check_errors) check_infos("torch.linalg.solve_ex", Attempt::Solve, infos);
  return {x, infos};
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b, bool left) {
  const auto [x, infos] = solved_any(a, b, left);
  check_infos("torch.linalg.solve", Attempt::Solve, infos);
  return x;
}

/// The solution X of A X = B, or of X A = B, for square A.
///
/// Leading dimensions broadcast. B is taken for vectors where it has one dimension, or A's shape without the
/// last.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///     B: (..., n, k), (n,) or (..., n); (..., k, n) where A stands on the right
///     left: whether A stands on the left
///
/// Returns:
///     Of B's shape, broadcast.
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///     LinAlgError: a singular A; the message names the batch element.
///
/// >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 2.0])).tolist()
/// [1.0, 0.5]
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 3.4.
EXPOSE("solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", solve, kLinalgOut | Forms::float32);

/// The solution of A X = B with an info instead of an exception.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///     B: (..., n, k), (n,) or (..., n); (..., k, n) where A stands on the right
///     left: whether A stands on the left
///     check_errors: raises LinAlgError all the same
///
/// Returns:
///     X, and int32 of A's batch: 0, or the first i for which U[i, i] of the LU decomposition is zero.
///
/// >>> torch.linalg.solve_ex(torch.zeros(2, 2), torch.ones(2)).info
/// tensor(1, dtype=torch.int32)
EXPOSE("solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor, Tensor)",
       solve_ex, kLinalgOut, "linalg_solve_ex result info");

// ---- inverses

namespace {

struct Inverse {
  Tensor matrix, infos;
};

Inverse inverted(const Tensor& self) {
  check_inexact("linalg.inv", self, false);
  check_square_of("linalg.inv", self);
  const Tensor result = empty_in_columns(self.sizes(), self.dtype());
  const Tensor infos = zeros(batch_sizes(self), DType::Int32);
  differentiable_many(
      "LinalgInvExBackward0",
      [&]() -> std::vector<Tensor> {
        copy_into(result, self);
        backend::current().inverse(self.dtype(), matrices(result), infos.data<int32_t>());
        return {result};
      },
      wrt(self, [inverse_of = Saved(result, 0)](std::span<const Tensor> grads) {
        if (!grads[0]) return Tensor();
        const Tensor h = adjoint(inverse_of());
        return neg(matmul(h, matmul(grads[0], h)));
      }));
  return {result, infos};
}

Pair inv_ex(const Tensor& self, bool check_errors) {
  const auto [result, infos] = inverted(self);
  if (check_errors) check_infos("linalg.inv_ex", Attempt::Inverse, infos);
  return {result, infos};
}

}  // namespace

Tensor inverse(const Tensor& self) {
  const auto [result, infos] = inverted(self);
  check_infos("linalg.inv", Attempt::Inverse, infos);
  return result;
}

/// The inverses of square matrices.
///
/// To multiply by an inverse, `solve` is faster and more accurate.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///
/// Raises:
///     RuntimeError: no square matrices, or integers.
///     LinAlgError: a singular matrix; the message names the batch element.
///
/// >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
/// [[0.5, 0.0], [0.0, 0.25]]
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 3.4.
EXPOSE("inv(Tensor A) -> Tensor", inverse, kLinalgOut | Forms::float32);

/// The inverses of square matrices; the same as `linalg.inv`.
///
/// >>> torch.inverse(torch.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
/// [[0.5, 0.0], [0.0, 0.25]]
EXPOSE("inverse(Tensor self) -> Tensor", inverse, kFunctionMethodOut | Forms::float32);

/// The inverses of square matrices with an info instead of an exception.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///     check_errors: raises LinAlgError all the same
///
/// Returns:
///     The inverse, NaN where there is none; and (...) int32: 0, or the first i for which U[i, i] of the LU
///     decomposition is zero.
///
/// >>> torch.linalg.inv_ex(torch.zeros(2, 2)).info
/// tensor(1, dtype=torch.int32)
EXPOSE("inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor, Tensor)", inv_ex,
       kLinalgOut | Forms::float32, "linalg_inv_ex inverse info");

// ---- determinants

namespace {

Tensor per_matrix(const Tensor& numbers) { return unsqueeze(unsqueeze(numbers, -1), -1); }

// factor inv(A)^H, one factor a matrix, from an LU decomposition.
Tensor scaled_adjoint_inverse(const Tensor& factors, bool of_transpose, const Tensor& pivots,
                              const Tensor& factor) {
  const Tensor x =
      in_columns(identity(rows_of(factors), rows_of(factors), factors.dtype()), batch_sizes(factors));
  // inv(A)^H is the conjugate of inv(A^T).
  backend::current().lu_solve(x.dtype(), Lu::batch(factors, of_transpose), pivots.data<int32_t>(),
                              matrices(x), of_transpose ? MatrixOp::Plain : MatrixOp::Adjoint);
  return mul(of_transpose ? conj(x) : x, per_matrix(factor));
}

// The decompositions with something small in the place of the zeros on U's diagonal.
Tensor without_zeros(const Tensor& factors, double small) {
  const Tensor result = empty_like(factors, factors.dtype());
  copy_into(result, factors);
  const Tensor pivots = diagonal(result, 0, -2, -1);
  copy_into(pivots, where(eq(pivots, Scalar(0)), Scalar(small), pivots));
  return result;
}

bool some_failed(const Tensor& infos) {
  if (!backend::current().has_values) return false;
  const int32_t* const values = on_host(infos, "linalg.det").data<int32_t>();
  return std::any_of(values, values + infos.numel(), [](int32_t info) { return info != 0; });
}

double epsilon(DType dtype) {
  return dtype == DType::Float32 || dtype == DType::Complex64 ? 1.1920928955078125e-07
                                                              : 2.220446049250313e-16;
}

Tensor determinants(const Tensor& factors, bool of_transpose, const Tensor& pivots,
                    const Tensor& logarithms) {
  const Tensor result = empty(batch_sizes(factors), factors.dtype());
  if (rows_of(factors) == 0) {
    fill_raw(result, Scalar(1));
    if (logarithms) fill_raw(logarithms, Scalar(0));
    return result;
  }
  backend::current().lu_determinant(factors.dtype(), Lu::batch(factors, of_transpose), pivots.data<int32_t>(),
                                    result->data, logarithms ? logarithms->data : nullptr);
  return result;
}

Tensor determinant_named(const char* name, const Tensor& self);

// det(A) inv(A)^H, which is continuous where A is singular: there A is moved a little, so that U's diagonal
// has no zeros. With `again` the result is differentiable with respect to A.
Tensor adjugate_h(const Tensor& a, const SavedLu& lu, bool again) {
  const bool singular = some_failed(lu.infos());
  const Tensor factors = lu.factors(), pivots = lu.pivots();
  if (!again) {
    const NoGrad no_grad;
    const Tensor regular = singular ? without_zeros(factors, epsilon(a.dtype())) : factors;
    return scaled_adjoint_inverse(regular, lu.of_transpose, pivots,
                                  conj(determinants(regular, lu.of_transpose, pivots, {})));
  }
  Tensor moved = a;
  if (singular) {
    const NoGrad no_grad;
    // A second derivative divides rounding errors by the distance: its root balances the two.
    const Tensor columns = lu.of_transpose ? swapped(factors) : factors;
    const int64_t n = rows_of(a);
    const Tensor distance = triu(sub(without_zeros(columns, std::sqrt(epsilon(a.dtype()))), columns));
    const Tensor lower = add(tril(columns, -1), identity(n, n, a.dtype()));
    Dims sizes = pivots.sizes();
    const Tensor order = empty(sizes, DType::Int64);
    backend::current().pivots_to_permutation(pivots.data<int32_t>(), order.numel() / n, n, n, true,
                                             order.data<int64_t>());
    const Tensor step = gather(matmul(lower, distance), -2, expand(unsqueeze(order, -1), columns.sizes()));
    moved = lu.of_transpose ? swapped(step) : step;
  }
  if (singular) moved = add(a, moved);
  const Tensor factor = conj(determinant_named("linalg.det", moved));
  return mul(inverse(adjoint(moved)), per_matrix(factor));
}

Tensor determinant_named(const char* name, const Tensor& self) {
  check_inexact(name, self);
  check_square_of(name, self);
  check_lapack_type("lu_cpu", self.dtype());
  const Lu lu(self);
  return differentiable(
      "LinalgDetBackward0", {},
      [&] {
        lu.factor(self);
        return determinants(lu.factors, lu.of_transpose, lu.pivots, {});
      },
      wrt(self, [a = saved(self), factors = SavedLu(lu)](const Tensor& grad) {
        if (a()->numel == 0) return zeros(a().sizes(), grad.dtype());
        return mul(adjugate_h(a(), factors, grad_enabled()), per_matrix(grad));
      }));
}

Tensor det(const Tensor& self) { return determinant_named("linalg.det", self); }

// The real part of the factor of inv(A)^H belongs to log |det|, the imaginary one to the sign's angle.
Tensor slogdet_factor(const Tensor& of_sign, const Tensor& of_log, const Tensor& sign) {
  if (!is_complex(sign.dtype())) return of_log;
  if (!of_sign) return to_dtype(of_log, sign.dtype());
  const Tensor angle = neg(imag(mul(conj(of_sign), sign)));
  return complex(of_log ? of_log : zeros(angle.sizes(), angle.dtype()), angle);
}

Pair slogdet_named(const char* name, const Tensor& self) {
  check_inexact(name, self, false);
  check_square_of(name, self);
  const Lu lu(self);
  const Tensor signs = empty(batch_sizes(self), self.dtype());
  const Tensor logarithms = empty(batch_sizes(self), real_of(self.dtype()));
  differentiable_many(
      "LinalgSlogdetBackward0",
      [&]() -> std::vector<Tensor> {
        lu.factor(self);
        copy_into(signs, determinants(lu.factors, lu.of_transpose, lu.pivots, logarithms));
        return {signs, logarithms};
      },
      wrt(self, [a = saved(self), lu = SavedLu(lu), sign = Saved(signs, 0)](std::span<const Tensor> grads) {
        if (!grads[1] && (!grads[0] || !is_complex(grads[0].dtype()))) return Tensor();
        const Tensor factor = slogdet_factor(grads[0], grads[1], sign());
        if (grad_enabled()) return mul(inverse(adjoint(a())), per_matrix(factor));
        return scaled_adjoint_inverse(lu.factors(), lu.of_transpose, lu.pivots(), factor);
      }));
  return {signs, logarithms};
}

Pair slogdet(const Tensor& self) { return slogdet_named("linalg.slogdet", self); }

Tensor logdet(const Tensor& self) {
  const auto [sign, logarithm] = slogdet_named("logdet", self);
  if (is_complex(self.dtype())) return add(log(sign), logarithm);
  return where(eq(sign, Scalar(-1)), Scalar(std::numeric_limits<double>::quiet_NaN()), logarithm);
}

}  // namespace

/// The determinants of square matrices.
///
/// The gradient is right for singular matrices too.
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///
/// Returns:
///     (...); 1 where n is 0.
///
/// Raises:
///     RuntimeError: no square matrices, or integers.
///
/// >>> torch.linalg.det(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
/// tensor(-2.)
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 3.2.
EXPOSE("det(Tensor A) -> Tensor", det, kLinalgOut);

/// The determinants of square matrices; the same as `linalg.det`.
///
/// >>> torch.det(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
/// tensor(-2.)
EXPOSE("det(Tensor self) -> Tensor", det, Forms::function | Forms::method);

/// Sign and logarithm of the magnitude of determinants, without overflow: det = sign exp(logabsdet).
///
/// Args:
///     A: (..., n, n), float32, float64 or complex
///
/// Returns:
///     sign (...), 0 for singular matrices, of magnitude 1 otherwise; logabsdet (...), real, -inf for
///     singular matrices.
///
/// Raises:
///     RuntimeError: no square matrices, or integers.
///
/// >>> torch.linalg.slogdet(torch.diag(torch.tensor([-1.0, 1.0]))).sign
/// tensor(-1.)
EXPOSE("slogdet(Tensor A) -> (Tensor, Tensor)", slogdet, kLinalgOut, "linalg_slogdet sign logabsdet");

/// Sign and logarithm of the magnitude of determinants; the same as `linalg.slogdet`.
///
/// >>> torch.slogdet(torch.eye(2)).logabsdet
/// tensor(0.)
EXPOSE("slogdet(Tensor self) -> (Tensor, Tensor)", slogdet, kFunctionMethodOut, "slogdet sign logabsdet");

/// The logarithms of determinants; NaN where a real one is negative.
///
/// Args:
///     self: (..., n, n), float32, float64 or complex
///
/// >>> torch.logdet(torch.eye(2))
/// tensor(0.)
EXPOSE("logdet(Tensor self) -> Tensor", logdet, Forms::function | Forms::method);

}  // namespace flambeau
