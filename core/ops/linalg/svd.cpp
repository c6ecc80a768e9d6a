// The singular value decomposition.
#include <string>
#include <tuple>
#include <vector>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;
constexpr unsigned kFunctionMethodOut = Forms::function | Forms::method | Forms::out;
using Triple = std::tuple<Tensor, Tensor, Tensor>;

// With P = U^H dA V and E_ij = S_j^2 - S_i^2: dS is the real diagonal of P, and the vectors turn by U^H dU =
// (P S + S P^H) / E and V^H dV = (S P + P^H S) / E. What leaves the spaces of U and V comes on top: (I - U
// U^H) dA V / S, and the same for V. Both vectors of a complex pair may turn by one phase, of which nothing
// can depend; the whole angle is put on U. Source: Townsend, Differentiating the singular value
// decomposition, 2016.
Tensor svd_gradient(Tensor of_u, const Tensor& of_s, Tensor of_vh, const Tensor& all_u, const Tensor& s,
                    const Tensor& all_vh) {
  const int64_t m = rows_of(all_u), n = columns_of(all_vh), k = s.sizes().back();
  const Tensor u = narrow(all_u, -1, 0, k), vh = narrow(all_vh, -2, 0, k);  // those of null spaces are any
  if (!of_u && !of_vh) return matmul(mul(u, as_row(of_s)), vh);
  if (of_u) of_u = narrow(of_u, -1, 0, k);
  if (of_vh) of_vh = narrow(of_vh, -2, 0, k);
  const auto skew = [](const Tensor& x) { return sub(x, adjoint(x)); };
  const Tensor u_turn = of_u ? matmul(adjoint(u), of_u) : Tensor();
  const Tensor v_turn = of_vh ? matmul(of_vh, adjoint(vh)) : Tensor();
  const Tensor u_skew = of_u ? skew(u_turn) : Tensor(), v_skew = of_vh ? skew(adjoint(v_turn)) : Tensor();
  const bool phases = is_complex(u.dtype());
  if (phases)
    check_phases(of_u ? u_skew : v_skew, of_u ? v_skew : Tensor(),
                 "svd_backward: The singular vectors in the complex case are specified up to multiplication "
                 "by e^{i phi}. The specified loss function depends on this phase term, making it "
                 "ill-defined.");
  const Tensor row = as_row(s), column = as_column(s);
  Tensor inner;
  if (of_u) inner = mul(u_skew, row);
  if (of_vh) {
    const Tensor of_v = mul(column, v_skew);
    inner = inner ? add(inner, of_v) : of_v;
  }
  // 1 instead of 0 on the diagonal, where nothing is to be divided.
  inner = div(inner, add(mul(sub(row, column), add(row, column)), identity(k, k, s.dtype())));
  if (phases && of_u) inner = add(inner, on_diagonal(div(diagonal(u_skew, 0, -2, -1), mul(s, Scalar(2)))));
  if (of_s) inner = add(inner, on_diagonal(of_s));
  Tensor result = matmul(matmul(u, inner), vh);
  if (of_u && m > k) result = add(result, matmul(div(sub(of_u, matmul(u, u_turn)), row), vh));
  if (of_vh && n > k) result = add(result, matmul(u, div(sub(of_vh, matmul(v_turn, vh)), column)));
  return result;
}

}  // namespace

Svd svd(const Tensor& a, bool full_matrices, bool vectors) {
  check_matrices_of("linalg.svd", a);
  check_inexact("linalg.svd", a);
  check_lapack_type("linalg_svd_cpu", a.dtype());
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n);
  const Dims batch = batch_sizes(a);
  Dims sizes = batch;
  sizes.push_back(k);
  vectors |= grad_enabled() && requires_grad(a);
  Svd result;
  result.s = empty(sizes, real_of(a.dtype()));
  if (vectors) {
    result.u = empty_in_columns(with_matrix(batch, m, full_matrices ? m : k), a.dtype());
    result.vh = empty_in_columns(with_matrix(batch, full_matrices ? n : k, n), a.dtype());
  }
  Dims infos_sizes = batch;
  const Tensor infos = zeros(infos_sizes, DType::Int32);
  const auto forward = [&]() -> std::vector<Tensor> {
    if (k == 0 && vectors) {
      copy_into(result.u, identity(m, columns_of(result.u), a.dtype()));
      copy_into(result.vh, identity(rows_of(result.vh), n, a.dtype()));
    } else {
      const Tensor copy = in_columns(a);
      const MatrixBatch none{nullptr, 0, 0, 0, 1, 0};
      backend::current().svd(a.dtype(), matrices(copy), result.s->data, vectors ? matrices(result.u) : none,
                             vectors ? matrices(result.vh) : none, infos.data<int32_t>());
    }
    if (!vectors) return {result.s};
    return {result.u, result.s, result.vh};
  };
  differentiable_many("LinalgSvdBackward0", forward,
                      wrt(a, [u = Saved(result.u, 0), s = Saved(result.s, 1),
                              vh = Saved(result.vh, 2)](std::span<const Tensor> grads) {
                        if (!grads[0] && !grads[1] && !grads[2]) return Tensor();
                        return svd_gradient(grads[0], grads[1], grads[2], u(), s(), vh());
                      }));
  check_infos("linalg.svd", Attempt::Svd, infos);
  return result;
}

namespace {

void check_driver(bool given) {
  check(
      !given,
      "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.");
}

Triple svd_exposed(const Tensor& a, bool full_matrices, std::optional<std::string_view> driver) {
  check_driver(driver.has_value());
  Svd result = svd(a, full_matrices);
  return {result.u, result.s, result.vh};
}

Tensor svdvals(const Tensor& a, std::optional<std::string_view> driver) {
  check_driver(driver.has_value());
  return svd(a, false, false).s;
}

Triple svd_old(const Tensor& self, bool some, bool compute_uv) {
  check(self.dim() >= 2, "linalg.svd: input should have at least 2 dimensions, but has ", self.dim(),
        " dimensions instead");
  if (compute_uv) {
    const Svd result = svd(self, !some);
    return {result.u, result.s, adjoint(result.vh)};
  }
  const int64_t m = rows_of(self), n = columns_of(self);
  const Dims batch = batch_sizes(self);
  const Tensor values = svd(self, false, false).s;
  const Tensor v = empty_in_columns(with_matrix(batch, n, n), self.dtype());
  fill_raw(v, Scalar(0));
  return {zeros(with_matrix(batch, m, m), self.dtype()), values, v};
}

}  // namespace

/// The singular value decomposition A = U diag(S) Vh.
///
/// The gradient is finite where singular values differ; that through U and Vh alone is undefined up to signs,
/// or phases, of their columns and rows, of which a function of them must not depend. Vectors beyond the
/// first k have none.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     full_matrices: gives square U and Vh; otherwise they have k = min(m, n) columns and rows
///     driver: None; there is a choice on CUDA only
///
/// Returns:
///     U (..., m, m or k), S (..., k), real and falling, and Vh (..., n or k, n); U and Vh have orthonormal
///     columns and rows.
///
/// Raises:
///     RuntimeError: no matrices, integers, or a driver.
///     LinAlgError: NaN in A, or no convergence.
///
/// >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
/// tensor([4., 3.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 8.6.
EXPOSE("svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor, Tensor, Tensor)", svd_exposed,
       kLinalgOut | Forms::float32, "linalg_svd U S Vh");

/// The singular values of matrices.
///
/// Args:
///     A: (..., m, n), float32, float64 or complex
///     driver: None; there is a choice on CUDA only
///
/// Returns:
///     (..., min(m, n)), real and falling.
///
/// Raises:
///     RuntimeError: no matrices, integers, or a driver.
///     LinAlgError: NaN in A, or no convergence.
///
/// >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
/// tensor([4., 3.])
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 8.6.
EXPOSE("svdvals(Tensor A, *, str? driver=None) -> Tensor", svdvals, kLinalgOut | Forms::float32);

/// The singular value decomposition A = U diag(S) V^H; `linalg.svd` gives V^H itself.
///
/// Args:
///     self: (..., m, n), float32, float64 or complex
///     some: whether U and V have min(m, n) columns only
///     compute_uv: False gives zeros for U (..., m, m) and V (..., n, n)
///
/// Raises:
///     RuntimeError: no matrices, or integers.
///     LinAlgError: NaN in A, or no convergence.
///
/// >>> torch.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
/// tensor([4., 3.])
EXPOSE("svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor, Tensor, Tensor)", svd_old,
       kFunctionMethodOut | Forms::float32, "svd U S V");

// ---- the nuclear norm

Tensor nuclear_norm(const Tensor& self, std::optional<IntList> dim, bool keepdim,
                    std::optional<DType> dtype) {
  const char* const name = "linalg.matrix_norm";
  check_matrices_of(name, self);
  std::vector<int64_t> dims;
  if (dim)
    dims.assign(dim->begin(), dim->end());
  else
    for (int i = 0; i < self.dim(); ++i) dims.push_back(i);
  if (dims.size() != 2) {
    std::string list;
    for (const int64_t d : dims) list += concat(list.empty() ? "" : " ", d);
    fail<RuntimeError>(name, ": dim must be a 2-tuple. Got ", list);
  }
  check_inexact(name, self, false);
  check_norm_dtype(name, self.dtype(), dtype);
  const int64_t given[] = {dims[0], dims[1]};
  for (int64_t& d : dims) d = wrap_dim(d, self.dim());
  check(dims[0] != dims[1], name, ": dims must be different. Got (", given[0], ", ", given[1], ")");
  std::vector<int64_t> order;
  for (int64_t i = 0; i < self.dim(); ++i)
    if (i != dims[0] && i != dims[1]) order.push_back(i);
  order.insert(order.end(), dims.begin(), dims.end());
  const Tensor a = dtype ? to_dtype(self, *dtype) : self;
  const int64_t last[] = {-1};
  Tensor result = sum_dims(svd(permute(a, order), false, false).s, IntList(last));
  if (keepdim)
    for (const int64_t d : {std::min(dims[0], dims[1]), std::max(dims[0], dims[1])})
      result = unsqueeze(result, d);
  return result;
}

namespace {

Tensor nuclear_norm_of_last(const Tensor& self, bool keepdim) {
  const int64_t last[] = {-2, -1};
  return nuclear_norm(self, IntList(last), keepdim, std::nullopt);
}

Tensor nuclear_norm_of(const Tensor& self, IntList dim, bool keepdim) {
  return nuclear_norm(self, dim, keepdim, std::nullopt);
}

}  // namespace

/// The nuclear norm of matrices: the sum of their singular values.
///
/// Args:
///     self: (..., m, n), float32, float64 or complex
///     dim: where the matrices' rows and columns stand, the last two by default
///     keepdim: leaves these dimensions with size 1
///
/// Raises:
///     RuntimeError: no matrices, integers or half precision, or not two dimensions.
///
/// >>> torch.nuclear_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
/// tensor(7.)
EXPOSE("nuclear_norm(Tensor self, *, bool keepdim=False) -> Tensor", nuclear_norm_of_last,
       Forms::function | Forms::out);
EXPOSE("nuclear_norm(Tensor self, int[] dim, bool keepdim=False) -> Tensor", nuclear_norm_of,
       Forms::function | Forms::out);

}  // namespace flambeau
