// The QR decomposition, and products of Householder's reflections.
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;
constexpr unsigned kFunctionMethodOut = Forms::function | Forms::method | Forms::out;
using Pair = std::tuple<Tensor, Tensor>;

Dims tau_sizes(const Tensor& a) {
  Dims sizes = batch_sizes(a);
  sizes.push_back(std::min(rows_of(a), columns_of(a)));
  return sizes;
}

// `count` rows or columns as they lie; no history.
Tensor rows_from(const Tensor& a, int64_t first, int64_t count) {
  Dims sizes = a.sizes();
  sizes[a.dim() - 2] = count;
  return alias(a, sizes, a.strides(), first * a->strides[a.dim() - 2]);
}
Tensor columns_from(const Tensor& a, int64_t first, int64_t count) {
  return swapped(rows_from(swapped(a), first, count));
}

// The first `rows` rows of R in the place of a factorization, in columns.
Tensor upper_part(const Tensor& factored, int64_t rows) {
  return swapped(tril(swapped(rows_from(factored, 0, rows))));
}

// ---- decomposition

// With C = dA inv(R): dR = T R and dQ = C - Q T, where T is the upper triangle of Q^H C, the conjugate of the
// lower one added and the diagonal real. Source: Walter, Lehmann, Algorithmic differentiation of linear
// algebra functions, 2010, for tall matrices; wide ones are A = Q [U V] with V = Q^H Y.
Tensor square_gradient(const Tensor& of_q, const Tensor& of_r, const Tensor& q, const Tensor& r) {
  Tensor inner;
  if (of_r) inner = matmul(of_r, adjoint(r));
  if (of_q) {
    const Tensor product = matmul(adjoint(q), of_q);
    inner = inner ? sub(inner, product) : neg(product);
  }
  const Tensor halved = mul(add(triu(inner), triu(inner, 1)), Scalar(0.5));
  Tensor result = matmul(q, add(halved, adjoint(halved)));
  if (of_q) result = add(of_q, result);
  return solve_triangular(adjoint(r), result, false, false, false);
}

Tensor qr_gradient(Tensor of_q, Tensor of_r, const Tensor& q, const Tensor& r) {
  const int64_t m = rows_of(q), n = columns_of(r), k = rows_of(r);
  if (m >= n) return square_gradient(of_q, of_r, q, r);
  const Tensor u = narrow(r, -1, 0, k), v = narrow(r, -1, k, n - k);
  if (!of_r) of_r = zeros(r.sizes(), r.dtype());
  const Tensor of_u = narrow(of_r, -1, 0, k), of_v = narrow(of_r, -1, k, n - k);
  const Tensor through_v = matmul(matmul(q, v), adjoint(of_v));
  of_q = of_q ? add(of_q, through_v) : through_v;
  const Tensor parts[] = {square_gradient(of_q, of_u, q, u), matmul(q, of_v)};
  return cat(parts, -1);
}

Pair qr(const Tensor& a, std::string_view mode) {
  check(mode == "reduced" || mode == "complete" || mode == "r", "qr received unrecognized mode '",
        std::string(mode), "' but expected one of 'reduced' (default), 'r', or 'complete'");
  check_matrices_of("linalg.qr", a);
  check_inexact("linalg.qr", a);
  check_lapack_type("geqrf_cpu", a.dtype());
  const bool complete = mode == "complete", only_r = mode == "r";
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n), width = complete ? m : k;
  const Dims batch = batch_sizes(a);
  const Tensor q =
      only_r ? empty(Dims{0}, a.dtype()) : empty_in_columns(with_matrix(batch, m, width), a.dtype());
  const Tensor r = empty_in_columns(with_matrix(batch, width, n), a.dtype());
  const bool tall = complete && m > n;
  differentiable_many(
      "LinalgQrBackward0",
      [&]() -> std::vector<Tensor> {
        // The reflectors go where Q comes to lie, if they fit in there.
        const bool fits = !only_r && width >= n;
        const Tensor factored = fits ? columns_from(q, 0, n) : empty_in_columns(a.sizes(), a.dtype());
        copy_into(factored, a);
        const Tensor tau = empty(tau_sizes(a), a.dtype());
        MatrixBatch lie = matrices(factored);
        lie.batch_stride = m * (fits ? width : n);
        backend::current().qr_factor(a.dtype(), lie, tau->data);
        if (width > n) {  // complete: the rows of R below the square one are zero
          fill_raw(r, Scalar(0));
          copy_into(rows_from(r, 0, n), upper_part(factored, n));
        } else {
          copy_into(r, upper_part(factored, width));
        }
        if (only_r) return {q, r};
        if (!fits) copy_into(q, columns_from(factored, 0, k));
        if (width > n) fill_raw(columns_from(q, n, width - n), Scalar(0));
        backend::current().qr_columns(a.dtype(), matrices(q), k, tau->data);
        return {q, r};
      },
      wrt(a, [left = Saved(q, 0), right = Saved(r, 1), only_r, tall](std::span<const Tensor> grads) {
        check(!only_r,
              "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
              "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr.");
        check(!tall, "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.");
        return grads[0] || grads[1] ? qr_gradient(grads[0], grads[1], left(), right()) : Tensor();
      }));
  return {q, r};
}

Pair qr_old(const Tensor& self, bool some) {
  static bool warned = false;
  if (!std::exchange(warned, true))
    warn(
        "torch.qr is deprecated in favor of torch.linalg.qr, whose mode is 'reduced' for some=True and "
        "'complete' for "
        "some=False.");
  return qr(self, some ? "reduced" : "complete");
}

}  // namespace

/// The QR decomposition A = Q R: Q with orthonormal columns, R upper triangular.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     mode: 'reduced', 'complete' for a square Q, or 'r' for R alone, with an empty Q
///
/// Returns:
///     Q (..., m, k) and R (..., k, n), k = min(m, n); (..., m, m) and (..., m, n) with 'complete'. The
///     diagonal of R may be negative.
///
/// Raises:
///     RuntimeError: no matrices, integers, or another mode; in the derivative, mode 'r', or 'complete' with
///     m > n.
///
/// >>> torch.linalg.qr(torch.tensor([[3.0], [4.0]])).R.abs()
/// tensor([[5.]])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 5.2.
EXPOSE("qr(Tensor A, str mode='reduced') -> (Tensor, Tensor)", qr, kLinalgOut | Forms::float32,
       "linalg_qr Q R");

/// The QR decomposition; deprecated for `linalg.qr`.
///
/// Args:
///     self: (..., m, n), float32, float64 or complex
///     some: whether Q has no more columns than A
///
/// >>> torch.qr(torch.tensor([[3.0], [4.0]])).R.abs()
/// tensor([[5.]])
EXPOSE("qr(Tensor self, bool some=True) -> (Tensor, Tensor)", qr_old, kFunctionMethodOut | Forms::float32,
       "qr Q R");

// ---- the reflections themselves

namespace {

[[noreturn]] Tensor no_derivative() {
  fail<NotImplementedError>("the derivative for 'geqrf' is not implemented.");
}

Pair geqrf(const Tensor& self) {
  check(self.dim() >= 2, "torch.geqrf: input must have at least 2 dimensions.");
  check_lapack_type("geqrf_cpu", self.dtype());
  const Tensor a = empty_in_columns(self.sizes(), self.dtype()), tau = empty(tau_sizes(self), self.dtype());
  differentiable_many(
      "GeqrfBackward0",
      [&]() -> std::vector<Tensor> {
        copy_into(a, self);
        backend::current().qr_factor(self.dtype(), matrices(a), tau->data);
        return {a, tau};
      },
      wrt(self, [](std::span<const Tensor>) { return no_derivative(); }));
  return {a, tau};
}

// The product of the reflections I - tau_i v_i v_i^H is I - V T V^H with T = inv(I + D S) D: V the
// reflectors, S the strict upper triangle of V^H V, D the factors tau. Source: Walker, Implementation of the
// GMRES method using Householder transformations, 1988; Joffrain et al., Accumulating Householder
// transformations, revisited, 2006.
struct Compact {
  Tensor v, t;
  Compact(const Tensor& reflectors, const Tensor& tau) {
    const int64_t k = tau.sizes().back();
    v = add(tril(narrow(reflectors, -1, 0, k), -1), identity(rows_of(reflectors), k, tau.dtype()));
    const Tensor d = unsqueeze(tau, -1), one = identity(k, k, tau.dtype());
    const Tensor s = triu(matmul(adjoint(v), v), 1);
    t = solve_triangular(add(one, mul(d, s)), mul(d, one), true, true, true);
  }
};

bool recorded(std::initializer_list<const Tensor*> inputs) {
  return grad_enabled() &&
         std::any_of(inputs.begin(), inputs.end(), [](const Tensor* t) { return requires_grad(*t); });
}

void check_reflectors(const char* name, const Tensor& input, const Tensor& tau) {
  check(input.dim() >= 2, name, ": input must have at least 2 dimensions.");
  check(input.dim() - tau.dim() == 1, name,
        ": Expected tau to have one dimension less than input, but got tau.ndim "
        "equal to ",
        tau.dim(), " and input.ndim is equal to ", input.dim());
  for (int i = 0; i < input.dim() - 2; ++i)
    if (tau->sizes[i] != input->sizes[i]) {
      Dims sizes = tau.sizes();
      sizes.resize(sizes.count - 1);
      fail<RuntimeError>(name, ": Expected batch dimensions of tau to be equal to input.shape[:-2], but got ",
                         sizes);
    }
}

Tensor householder_product(const Tensor& input, const Tensor& tau) {
  const char* const name = "torch.linalg.householder_product";
  check(input.dim() >= 2, name, ": input must have at least 2 dimensions.");
  check(rows_of(input) >= columns_of(input), name,
        ": input.shape[-2] must be greater than or equal to input.shape[-1]");
  check<IndexError>(tau.dim() >= 1, "Dimension specified as -1 but tensor has no dimensions");
  check(columns_of(input) >= tau.sizes().back(), name,
        ": input.shape[-1] must be greater than or equal to tau.shape[-1]");
  check_reflectors(name, input, tau);
  check(tau.dtype() == input.dtype(), name, ": tau dtype ", scalar_type_name(tau.dtype()),
        " does not match input dtype ", scalar_type_name(input.dtype()));
  check_lapack_type("orgqr_cpu", input.dtype());
  if (tau.numel() == 0 || input.numel() == 0)
    return differentiable(
        "LinalgHouseholderProductBackward0", {},
        [&] {
          const Tensor result = empty_in_columns(input.sizes(), input.dtype());
          copy_into(result, identity(rows_of(input), columns_of(input), input.dtype()));
          return result;
        },
        wrt(input, [](const Tensor&) { return Tensor(); }), wrt(tau, [](const Tensor&) { return Tensor(); }));
  if (recorded({&input, &tau})) {
    const Compact q(input, tau);
    const int64_t n = columns_of(input);
    return sub(identity(rows_of(input), n, input.dtype()),
               matmul(q.v, matmul(q.t, adjoint(narrow(q.v, -2, 0, n)))));
  }
  const Tensor result = in_columns(input), factors = as_contiguous(tau);
  backend::current().qr_columns(input.dtype(), matrices(result), tau.sizes().back(), factors->data);
  return result;
}

Tensor ormqr(const Tensor& input, const Tensor& tau, const Tensor& other, bool left, bool transpose) {
  const char* const name = "torch.ormqr";
  check(input.dim() >= 2, name, ": input must have at least 2 dimensions.");
  check(other.dim() >= 2, name, ": other must have at least 2 dimensions.");
  const int side = left ? 2 : 1;
  const int64_t order = other->sizes[other.dim() - side];
  check<IndexError>(tau.dim() >= 1, "Dimension specified as -1 but tensor has no dimensions");
  check(order >= tau.sizes().back(), name, ": other.shape[", -side,
        "] must be greater than or equal to tau.shape[-1]");
  check(order == rows_of(input), name, ": other.shape[", -side, "] must be equal to input.shape[-2]");
  check(tau.sizes().back() == std::min(order, columns_of(input)), name,
        ": tau.shape[-1] must be equal to min(other.shape[", -side, "], input.shape[-1])");
  check_reflectors(name, input, tau);
  check(batch_sizes(other) == batch_sizes(input), name,
        ": Expected batch dimensions of other to be equal to input.shape[:-2], but got ", batch_sizes(other));
  check(tau.dtype() == input.dtype(), name,
        ": Expected input and tau to have the same dtype, but input has dtype",
        scalar_type_name(input.dtype()), " and tau has dtype ", scalar_type_name(tau.dtype()));
  check(other.dtype() == input.dtype(), name,
        ": Expected input and other to have the same dtype, but input has dtype",
        scalar_type_name(input.dtype()), " and other has dtype ", scalar_type_name(other.dtype()));
  check_lapack_type("ormqr_cpu", input.dtype());
  if (recorded({&input, &tau, &other})) {
    const Compact q(input, tau);
    const Tensor t = transpose ? adjoint(q.t) : q.t;
    if (left) return sub(other, matmul(q.v, matmul(t, matmul(adjoint(q.v), other))));
    return sub(other, matmul(matmul(matmul(other, q.v), t), adjoint(q.v)));
  }
  const Tensor result = in_columns(other), factors = as_contiguous(tau);
  const Tensor reflectors = in_columns(narrow(input, -1, 0, tau.sizes().back()));
  backend::current().qr_multiply(input.dtype(), matrices(reflectors), factors->data, matrices(result), left,
                                 transpose ? MatrixOp::Adjoint : MatrixOp::Plain);
  return result;
}

}  // namespace

/// The QR decomposition as LAPACK leaves it: R, and Householder's reflections that multiply to Q.
///
/// Args:
///     self: (..., m, n), float32, float64 or complex; there is no derivative
///
/// Returns:
///     a (..., m, n), R on and above the diagonal and the reflectors v_i, which start with a one, below it;
///     and tau (..., min(m, n)): Q is the product of the I - tau_i v_i v_i^H.
///
/// >>> torch.geqrf(torch.tensor([[3.0], [4.0]])).a[0].abs()
/// tensor([5.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 5.1.
EXPOSE("geqrf(Tensor self) -> (Tensor, Tensor)", geqrf, kFunctionMethodOut | Forms::float32, "geqrf a tau");

/// The first columns of the product of Householder's reflections I - tau_i v_i v_i^H, as of `geqrf`.
///
/// Args:
///     input: (..., m, n), m >= n: the reflectors below the diagonal, above which nothing is read
///     tau: (..., k), k <= n
///
/// Returns:
///     (..., m, n), with orthonormal columns.
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> a, tau = torch.geqrf(torch.tensor([[3.0], [4.0]]))
/// >>> torch.linalg.householder_product(a, tau).abs().flatten()
/// tensor([0.6000, 0.8000])
EXPOSE("householder_product(Tensor input, Tensor tau) -> Tensor", householder_product,
       kLinalgOut | Forms::float32);

/// The first columns of the product of Householder's reflections; the same as `linalg.householder_product`.
///
/// >>> a, tau = torch.geqrf(torch.tensor([[3.0], [4.0]]))
/// >>> torch.orgqr(a, tau).abs().flatten()
/// tensor([0.6000, 0.8000])
EXPOSE("orgqr(Tensor self, Tensor input2) -> Tensor", householder_product,
       kFunctionMethodOut | Forms::float32);

/// The product of a matrix and the whole Q of `geqrf`, which is not formed: Q C, or C Q.
///
/// Args:
///     self: (..., m, k'), the reflectors
///     input2: (..., k), their factors tau, k <= k'
///     input3: (..., m, n), the C; (..., n, m) where Q stands on the right
///     left: whether Q stands on the left
///     transpose: takes the conjugate transpose of Q
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> a, tau = torch.geqrf(torch.tensor([[3.0], [4.0]]))
/// >>> torch.ormqr(a, tau, torch.tensor([[3.0], [4.0]]), transpose=True).abs()[0].round()
/// tensor([5.])
EXPOSE("ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
       ormqr, kFunctionMethodOut | Forms::float32);

}  // namespace flambeau
