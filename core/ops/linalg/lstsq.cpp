// Least squares.
#include <limits>
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

using backend::LeastSquares;
constexpr int64_t kLast[] = {-1}, kRows[] = {-2};
using Results4 = std::tuple<Tensor, Tensor, Tensor, Tensor>;

LeastSquares method_named(std::string_view driver) {
  if (driver == "gels") return LeastSquares::Gels;
  if (driver == "gelsy") return LeastSquares::Gelsy;
  if (driver == "gelsd") return LeastSquares::Gelsd;
  check(driver == "gelss",
        "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)");
  return LeastSquares::Gelss;
}

Dims with_last(Dims sizes, int64_t last) {
  sizes.push_back(last);
  return sizes;
}

// One entry for each matrix of A, of a result that has one for each of the broadcast batch.
Tensor unbroadcast(const Tensor& per_matrix, const Tensor& a) {
  Tensor result = per_matrix;
  for (int i = 0; i < a.dim() - 2; ++i)
    if (result->sizes[i] != a->sizes[i]) result = narrow(result, i, 0, a->sizes[i]);
  return as_contiguous(result);
}

bool is_vector(const Tensor& a, const Tensor& b) {
  if (b.dim() == 1) return true;
  Dims sizes = a.sizes();
  sizes.resize(sizes.count - 1);
  return b.dim() == a.dim() - 1 && b.sizes() == sizes;
}

void check_arguments(const Tensor& a, const Tensor& b, std::optional<double> rcond) {
  check(a.dim() >= 2, "torch.linalg.lstsq: input must have at least 2 dimensions.");
  check(b.dim() >= 1, "torch.linalg.lstsq: other must have at least 1 dimension.");
  check(a.dtype() == b.dtype(),
        "torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype ",
        scalar_type_name(a.dtype()), " and other's dtype ", scalar_type_name(b.dtype()));
  check(a.dim() >= b.dim() && a.dim() - b.dim() <= 1,
        "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - "
        "other.dim()) <= 1");
  const int from_last = is_vector(a, b) ? 1 : 2;
  check(b.dim() >= from_last && rows_of(a) == b->sizes[b.dim() - from_last],
        "torch.linalg.lstsq: input.size(-2) should match other.size(", -from_last, ")");
  const bool lapacks = a.dtype() == DType::Float32 || a.dtype() == DType::Float64 || is_complex(a.dtype());
  check(lapacks || rcond, "This function doesn't handle types other than float and double");
  check_lapack_type("linalg_lstsq_cpu", a.dtype());
}

double usual_rcond(const Tensor& a) {
  const double epsilon = real_of(a.dtype()) == DType::Float64 ? std::numeric_limits<double>::epsilon()
                                                              : std::numeric_limits<float>::epsilon();
  return epsilon * static_cast<double>(std::max(rows_of(a), columns_of(a)));
}

// Of the sums of squares |A X - B|^2: that with respect to A X - B.
Tensor residual_gradient(const Tensor& of_sums, const Tensor& a, const Tensor& x, const Tensor& b) {
  return mul(mul(sub(matmul(a, x), b), as_row(of_sums)), Scalar(2));
}

Results4 lstsq(const Tensor& a, const Tensor& b, std::optional<double> rcond,
               std::optional<std::string_view> driver) {
  check_arguments(a, b, rcond);
  const LeastSquares method = driver ? method_named(*driver) : LeastSquares::Gelsy;
  const double limit = rcond.value_or(usual_rcond(a));
  const bool vector = is_vector(a, b), ranked = method != LeastSquares::Gels;
  const bool valued = method == LeastSquares::Gelsd || method == LeastSquares::Gelss;
  const Tensor b_columns = vector ? unsqueeze(b, -1) : b;
  const Dims batch = broadcast_sizes(batch_sizes(a), batch_sizes(b_columns));
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n), columns = columns_of(b_columns);
  const DType real = real_of(a.dtype());
  Tensor solution, residuals;
  Tensor ranks = ranked ? zeros(batch, DType::Int64) : empty(Dims{0}, DType::Int64);
  Tensor values = valued ? empty(with_last(batch, k), real) : empty(Dims{0}, real);
  const Tensor infos = zeros(batch, DType::Int32);
  differentiable_many(
      "LinalgLstsqBackward0",
      [&]() -> std::vector<Tensor> {
        const NoGrad no_grad;
        const Tensor x = empty_in_columns(with_matrix(batch, std::max(m, n), columns), a.dtype());
        const Tensor top = narrow(x, -2, 0, m);
        copy_into(top, b_columns);
        if (a.numel() == 0) {
          fill_raw(narrow(x, -2, 0, n), Scalar(0));
        } else {
          const Tensor copy = in_columns(a, batch);
          backend::current().lstsq(a.dtype(), matrices(copy), matrices(x), method, limit,
                                   ranked ? ranks.data<int64_t>() : nullptr, valued ? values->data : nullptr,
                                   infos.data<int32_t>());
        }
        check_infos("torch.linalg.lstsq", Attempt::LeastSquares, infos);
        const Tensor head = narrow(x, -2, 0, n);
        solution = alias(head, head.sizes(), head.strides(), 0);
        if (vector) solution = alias(squeeze(solution, kLast));
        bool full = backend::current().has_values;
        if (full && ranked) {
          const int64_t* const each = on_host(ranks, "linalg.lstsq").data<int64_t>();
          full = std::all_of(each, each + ranks.numel(), [n](int64_t rank) { return rank == n; });
        }
        if (m > n && method != LeastSquares::Gelsy && full) {
          const Tensor rest = a.numel() == 0 ? b_columns : narrow(x, -2, n, m - n);
          residuals = sum_dims(square(abs(rest)), IntList(kRows));
        } else {
          residuals = empty(Dims{0}, real);
        }
        return {solution, residuals};
      },
      wrt(a,
          [a = saved(a), b = saved(b), vector](std::span<const Tensor> grads) {
            if (!grads[0] && !grads[1]) return Tensor();
            const Tensor matrix = a(), right = vector ? unsqueeze(b(), -1) : b();
            const Tensor inverse = pinv(matrix), x = matmul(inverse, right);
            Tensor result;
            if (grads[0])
              result = pinv_gradient(matmul(vector ? unsqueeze(grads[0], -1) : grads[0], adjoint(right)),
                                     inverse, matrix);
            if (grads[1] && grads[1].numel()) {
              const Tensor of_sums = matmul(residual_gradient(grads[1], matrix, x, right), adjoint(x));
              result = result ? add(result, of_sums) : of_sums;
            }
            return result;
          }),
      wrt(b, [a = saved(a), b = saved(b), vector](std::span<const Tensor> grads) {
        if (!grads[0] && !grads[1]) return Tensor();
        const Tensor matrix = a(), right = vector ? unsqueeze(b(), -1) : b();
        const Tensor inverse = pinv(matrix);
        Tensor result;
        if (grads[0]) result = matmul(adjoint(inverse), vector ? unsqueeze(grads[0], -1) : grads[0]);
        if (grads[1] && grads[1].numel()) {
          const Tensor of_sums = neg(residual_gradient(grads[1], matrix, matmul(inverse, right), right));
          result = result ? add(result, of_sums) : of_sums;
        }
        return result && vector ? squeeze(result, kLast) : result;
      }));
  if (ranked) ranks = unbroadcast(ranks, a);
  if (a.numel() == 0)
    values = empty(Dims{0}, real);
  else if (valued)
    values = unbroadcast(values, a);
  return {solution, residuals, ranks, values};
}

}  // namespace

/// The X for which |A X - B| is smallest, and of several the smallest one.
///
/// The gradient is that of A^+ B, for matrices of full rank.
///
/// Args:
///     input: the A, (..., m, n), float32, float64 or complex
///     b: (..., m, k), or vectors (..., m)
///     rcond: singular values up to this share of the largest count as 0; by default max(m, n) times the
///         dtype's epsilon. Not used by 'gels'.
///     driver: LAPACK's routine: 'gels' (QR, for full rank), 'gelsy' (QR with pivots, the default), 'gelsd'
///     or
///         'gelss' (singular values)
///
/// Returns:
///     solution (..., n, k); residuals (..., k), the sums of squares |A X - B|^2, empty unless m > n, the
///     ranks are full and the driver is not 'gelsy'; rank (...), empty with 'gels'; singular_values (...,
///     min(m, n)), empty but with 'gelsd' and 'gelss'.
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit, or another driver.
///     LinAlgError: a rank that is not full with 'gels', or elements of A that are not finite.
///
/// >>> A = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
/// >>> torch.linalg.lstsq(A, torch.tensor([[1.0], [3.0], [5.0]])).solution.round().flatten()
/// tensor([1., 2.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, chapter 5; Golub and Pereyra, 1973, for the
/// gradient.
EXPOSE(
    "lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor, Tensor, Tensor, "
    "Tensor)",
    lstsq, Forms::linalg | Forms::out | Forms::float32,
    "linalg_lstsq solution residuals rank singular_values");

}  // namespace flambeau
