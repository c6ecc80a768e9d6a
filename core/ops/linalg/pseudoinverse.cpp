// The pseudoinverse and the rank: what singular values above a limit say.
#include <cmath>
#include <limits>
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr int64_t kLast[] = {-1};
constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;

// Values of size above atol and above rtol times the largest are told from 0. Undefined: by PyTorch's rule.
struct Limits {
  OptionalTensor atol, rtol;
};

double default_rtol(const Tensor& a) {
  const bool twice = real_of(a.dtype()) == DType::Float64;
  const double epsilon =
      twice ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  return epsilon * static_cast<double>(std::max(rows_of(a), columns_of(a)));
}

Tensor number(double value, const Tensor& a) { return scalar_tensor(Scalar(value), real_of(a.dtype())); }

Limits limits_from(const Tensor& a, std::optional<double> atol, std::optional<double> rtol) {
  const double relative = rtol ? *rtol : atol.value_or(0) > 0 ? 0 : default_rtol(a);
  return {OptionalTensor(number(atol.value_or(0), a).get()), OptionalTensor(number(relative, a).get())};
}

Limits limits_from(const char* name, const Tensor& a, const OptionalTensor& atol,
                   const OptionalTensor& rtol) {
  for (const auto& [limit, word] : {std::pair(&atol, "atol"), std::pair(&rtol, "rtol")})
    check(!*limit || !is_complex((*limit).dtype()), name, ": ", word,
          " tensor of complex type is not supported. Got ", *limit ? scalar_type_name((*limit).dtype()) : "");
  Limits limits{atol, rtol};
  if (!rtol) {
    const Tensor usual = number(default_rtol(a), a);
    limits.rtol = OptionalTensor((atol ? where(gt(atol, Scalar(0)), Scalar(0.0), usual) : usual).get());
  }
  if (!atol) limits.atol = OptionalTensor(number(0, a).get());
  return limits;
}

struct Spectrum {
  Tensor left, values, right;  // A = left diag(values) right
};

Spectrum spectrum(const Tensor& a, bool hermitian, bool vectors) {
  if (hermitian) {
    const Eigh e = eigh(a, false, vectors);
    return {e.vectors, e.values, vectors ? adjoint(e.vectors) : Tensor()};
  }
  const Svd s = svd(a, false, vectors);
  return {s.u, s.s, s.vh};
}

// Which of the values count.
Tensor above(const Tensor& sizes, const Limits& limits) {
  const Tensor largest = amax(sizes, kLast, true);
  return gt(sizes, maximum(unsqueeze(limits.atol, -1), mul(unsqueeze(limits.rtol, -1), largest)));
}

}  // namespace

// dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P, with products of the smaller size. Source:
// Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose
// variables separate, 1973.
Tensor pinv_gradient(const Tensor& grad, const Tensor& p, const Tensor& a) {
  const Tensor ph = adjoint(p), gh = adjoint(grad);
  if (rows_of(a) <= columns_of(a)) {
    const Tensor k = matmul(gh, p);
    const Tensor right = sub(sub(k, matmul(a, matmul(p, k))), adjoint(k));
    return add(matmul(right, ph), matmul(matmul(ph, p), sub(gh, matmul(k, a))));
  }
  const Tensor k = matmul(p, gh);
  const Tensor left = sub(sub(k, matmul(matmul(k, p), a)), adjoint(k));
  return add(matmul(ph, left), matmul(sub(gh, matmul(a, k)), matmul(p, ph)));
}

namespace {

Tensor pinv(const Tensor& a, const Limits& limits, bool hermitian) {
  return differentiable(
      "LinalgPinvBackward0", {},
      [&] {
        const NoGrad no_grad;
        const int64_t m = rows_of(a), n = columns_of(a);
        if (m == 0 || n == 0) return zeros(with_matrix(batch_sizes(a), n, m), a.dtype());
        const Spectrum s = spectrum(a, hermitian, true);
        const Tensor sizes = hermitian ? abs(s.values) : s.values;
        const Tensor inverses = where(above(sizes, limits), reciprocal(s.values), Scalar(0));
        return matmul(mul(adjoint(s.right), as_row(inverses)), adjoint(s.left));
      },
      wrt(a, [a = saved(a)](const Tensor& grad, const Tensor& p) { return pinv_gradient(grad, p, a()); }));
}

void check_pinv(const Tensor& a) {
  const DType dtype = a.dtype();
  check(a.dim() >= 2 && (dtype == DType::Float32 || dtype == DType::Float64 || is_complex(dtype)),
        "linalg.pinv(", scalar_type_name(dtype), "{", a.sizes(),
        "}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types");
}

Tensor pinv_by_tensors(const Tensor& a, const OptionalTensor& atol, const OptionalTensor& rtol,
                       bool hermitian) {
  check_pinv(a);
  return pinv(a, limits_from("torch.linalg.pinv", a, atol, rtol), hermitian);
}

Tensor pinv_by_numbers(const Tensor& a, std::optional<double> atol, std::optional<double> rtol,
                       bool hermitian) {
  check_pinv(a);
  return pinv(a, limits_from(a, atol, rtol), hermitian);
}

Tensor pinv_by_rcond_tensor(const Tensor& a, const Tensor& rcond, bool hermitian) {
  check_pinv(a);
  check(!is_complex(rcond.dtype()), "torch.linalg.pinv: rcond tensor of complex type is not supported. Got ",
        scalar_type_name(rcond.dtype()));
  return pinv(a, limits_from("torch.linalg.pinv", a, {}, OptionalTensor(rcond.get())), hermitian);
}

Tensor pinv_by_rcond(const Tensor& a, double rcond, bool hermitian) {
  return pinv_by_numbers(a, {}, rcond, hermitian);
}

}  // namespace

Tensor pinv(const Tensor& a) { return pinv_by_numbers(a, {}, {}, false); }

namespace {

Tensor pinverse(const Tensor& self, double rcond) { return pinv_by_numbers(self, {}, rcond, false); }

// ---- rank

void check_rank(const Tensor& a) {
  check_matrices_of("torch.linalg.matrix_rank", a, "input");
  check(is_floating(a.dtype()) || is_complex(a.dtype()),
        "This function doesn't handle types other than float and double");
}

Tensor matrix_rank(const Tensor& a, const Limits& limits, bool hermitian) {
  const NoGrad no_grad;
  if (a.numel() == 0) return zeros(batch_sizes(a), DType::Int64);
  const Tensor values = spectrum(a, hermitian, false).values;
  return sum_dims(above(hermitian ? abs(values) : values, limits), IntList(kLast));
}

Tensor rank_by_tensors(const Tensor& a, const OptionalTensor& atol, const OptionalTensor& rtol,
                       bool hermitian) {
  check_rank(a);
  return matrix_rank(a, limits_from("torch.linalg.matrix_rank", a, atol, rtol), hermitian);
}

Tensor rank_by_numbers(const Tensor& a, std::optional<double> atol, std::optional<double> rtol,
                       bool hermitian) {
  check_rank(a);
  return matrix_rank(a, limits_from(a, atol, rtol), hermitian);
}

Tensor rank_by_tol_tensor(const Tensor& a, const Tensor& tol, bool hermitian) {
  check_rank(a);
  const OptionalTensor none(number(0, a).get());
  return matrix_rank(a, limits_from("torch.linalg.matrix_rank", a, OptionalTensor(tol.get()), none),
                     hermitian);
}

Tensor rank_by_tol(const Tensor& a, double tol, bool hermitian) {
  return rank_by_numbers(a, tol, 0, hermitian);
}

}  // namespace

/// The pseudoinverse of Moore and Penrose: A^+ = V diag(1 / S) U^H over the singular values above a limit.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     atol: values up to this count as 0; a number, or a tensor that broadcasts with (...)
///     rtol: values up to this share of the largest count as 0; by default max(m, n) times the dtype's
///     epsilon,
///         or 0 where atol is above 0. Given by position it is called rcond.
///     hermitian: takes A to be Hermitian, reads its lower triangle and uses eigenvalues
///
/// Returns:
///     (..., n, m).
///
/// Raises:
///     RuntimeError: no matrices, another dtype, or complex limits.
///     LinAlgError: NaN in A.
///
/// >>> torch.linalg.pinv(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
/// tensor([[0.5000, 0.0000],
///         [0.0000, 0.0000]])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 5.5.
EXPOSE("pinv(Tensor A, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
       pinv_by_numbers, kLinalgOut);
EXPOSE("pinv(Tensor A, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
       pinv_by_tensors, kLinalgOut);
EXPOSE("pinv(Tensor A, float rcond, bool hermitian=False) -> Tensor", pinv_by_rcond, kLinalgOut);
EXPOSE("pinv(Tensor A, Tensor rcond, bool hermitian=False) -> Tensor", pinv_by_rcond_tensor, kLinalgOut);

/// The pseudoinverse; the same as `linalg.pinv`.
///
/// Args:
///     self: (..., m, n), float32, float64 or complex
///     rcond: singular values up to this share of the largest count as 0
///
/// Returns:
///     (..., n, m).
///
/// >>> torch.pinverse(torch.tensor([[2.0], [0.0]]))
/// tensor([[0.5000, 0.0000]])
EXPOSE("pinverse(Tensor self, float rcond=1e-15) -> Tensor", pinverse,
       Forms::function | Forms::method | Forms::float32);

/// The rank of matrices: how many singular values are above a limit.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     atol: values up to this count as 0; a number, or a tensor that broadcasts with (...). By position it
///     is
///         called tol, and rtol is then 0.
///     rtol: values up to this share of the largest count as 0; by default max(m, n) times the dtype's
///     epsilon,
///         or 0 where atol is above 0
///     hermitian: takes A to be Hermitian, reads its lower triangle and uses eigenvalues
///
/// Returns:
///     (...), int64.
///
/// Raises:
///     RuntimeError: no matrices, integers, or complex limits.
///     LinAlgError: NaN in A.
///
/// >>> torch.linalg.matrix_rank(torch.ones(3, 3))
/// tensor(1)
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 5.5.
EXPOSE("matrix_rank(Tensor A, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
       rank_by_numbers, kLinalgOut | Forms::float32);
EXPOSE("matrix_rank(Tensor A, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
       rank_by_tensors, kLinalgOut | Forms::float32);
EXPOSE("matrix_rank(Tensor A, float tol, bool hermitian=False) -> Tensor", rank_by_tol,
       kLinalgOut | Forms::float32);
EXPOSE("matrix_rank(Tensor A, Tensor tol, bool hermitian=False) -> Tensor", rank_by_tol_tensor,
       kLinalgOut | Forms::float32);

}  // namespace flambeau
