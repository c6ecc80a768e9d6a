// The LDL decomposition of symmetric and Hermitian matrices, and what is solved with it.
#include <algorithm>
#include <tuple>

#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kLinalgOut = Forms::linalg | Forms::out;
using Pair = std::tuple<Tensor, Tensor>;
using Triple = std::tuple<Tensor, Tensor, Tensor>;

[[noreturn]] Tensor no_derivative(const char* name) {
  fail<RuntimeError>("derivative for aten::", name, " is not implemented");
}

Triple ldl_factor_ex(const Tensor& self, bool hermitian, bool check_errors) {
  check_inexact("torch.linalg.ldl_factor_ex", self);
  check_square_of("torch.linalg.ldl_factor_ex", self);
  check_lapack_type("ldl_factor_kernel_cpu", self.dtype());
  const Tensor ld = empty_in_columns(self.sizes(), self.dtype());
  Dims sizes = batch_sizes(self);
  const Tensor infos = zeros(sizes, DType::Int32);
  sizes.push_back(rows_of(self));
  const Tensor pivots = empty(sizes, DType::Int32);
  differentiable_many(
      "NotImplemented",
      [&]() -> std::vector<Tensor> {
        copy_into(ld, tril(self));
        backend::current().ldl_factor(self.dtype(), matrices(ld), hermitian, pivots.data<int32_t>(),
                                      infos.data<int32_t>());
        return {ld};
      },
      wrt(self, [](std::span<const Tensor>) { return no_derivative("linalg_ldl_factor_ex"); }));
  if (check_errors) check_infos("torch.linalg.ldl_factor_ex", Attempt::Ldl, infos);
  return {ld, pivots, infos};
}

Pair ldl_factor(const Tensor& self, bool hermitian) {
  const auto [ld, pivots, infos] = ldl_factor_ex(self, hermitian, false);
  check_infos("torch.linalg.ldl_factor", Attempt::Ldl, infos);
  return {ld, pivots};
}

// A row's number, or of both rows of a block of two its negative.
void check_pivots(const Tensor& pivots, int64_t n) {
  if (!backend::current().has_values) return;
  const Tensor values = as_contiguous(on_host(pivots, "linalg.ldl_solve"));
  const int32_t* const p = values.data<int32_t>();
  for (int64_t i = 0; i < values.numel(); ++i)
    check(p[i] != 0 && p[i] <= n && p[i] >= -n,
          "torch.linalg.ldl_solve: pivots must be between 1 and LD.size(-2), or their negatives. Did you "
          "properly pass "
          "the result of ldl_factor?");
}

Tensor ldl_solve(const Tensor& ld, const Tensor& pivots, const Tensor& b, bool hermitian) {
  const char* const name = "torch.linalg.ldl_solve";
  check_inexact(name, ld);
  check_square_of(name, ld);
  check<IndexError>(b.dim() >= 1, "Dimension specified as -2 but tensor has no dimensions");
  check<IndexError>(b.dim() >= 2, "Dimension out of range (expected to be in range of [-1, 0], but got -2)");
  check_system(name, b, ld);
  check(is_integral(pivots.dtype()) && pivots.dtype() == DType::Int32, name,
        ": Expected pivots to be integers of dtype torch.int32. Got ", scalar_type_name(pivots.dtype()));
  Dims wanted = ld.sizes();
  wanted.resize(wanted.count - 1);
  check(pivots.sizes() == wanted, name,
        ": Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with "
        "shape ",
        pivots.sizes(), " instead");
  const Dims batch = broadcast_sizes(batch_sizes(b), batch_sizes(ld));
  check_lapack_type("ldl_solve_kernel_cpu", ld.dtype());
  check_pivots(pivots, rows_of(ld));
  return differentiable(
      "LinalgLdlSolveBackward0", {},
      [&] {
        const Tensor x = in_columns(b, batch);
        const Tensor factors = in_columns(ld, batch);
        Dims sizes = batch;
        sizes.push_back(rows_of(ld));
        const Tensor exchanges = contiguous_copy(expand(pivots, sizes));
        backend::current().ldl_solve(b.dtype(), matrices(factors), exchanges.data<int32_t>(), hermitian,
                                     matrices(x));
        return x;
      },
      wrt(ld, [](const Tensor&) { return no_derivative("linalg_ldl_solve"); }),
      wrt(b, [](const Tensor&) { return no_derivative("linalg_ldl_solve"); }));
}

}  // namespace

/// The LDL decomposition of symmetric or Hermitian matrices, P A P^T = L D L^H, in one matrix.
///
/// D has blocks of one or two rows. Only the lower triangle is read. There is no derivative.
///
/// Args:
///     self: (..., n, n), float32, float64 or complex
///     hermitian: whether complex matrices are Hermitian rather than symmetric
///
/// Returns:
///     LD (..., n, n), and int32 pivots (..., n), negative for both rows of a block of two.
///
/// Raises:
///     RuntimeError: no square matrices, integers, or a zero on the diagonal of D.
///
/// >>> torch.linalg.ldl_factor(torch.tensor([[2.0, 0.0], [0.0, 3.0]])).LD.tolist()
/// [[2.0, 0.0], [0.0, 3.0]]
///
/// Source: Bunch and Kaufman, Some stable methods for calculating inertia and solving symmetric linear
/// systems, 1977.
EXPOSE("ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor, Tensor)", ldl_factor, kLinalgOut,
       "linalg_ldl_factor LD pivots");

/// The LDL decomposition with an info instead of an exception.
///
/// Args:
///     self: (..., n, n), float32, float64 or complex
///     hermitian: whether complex matrices are Hermitian rather than symmetric
///     check_errors: raises all the same
///
/// Returns:
///     LD and pivots as of `ldl_factor`, and (...) int32: 0, or the first i for which D[i, i] is zero.
///
/// >>> torch.linalg.ldl_factor_ex(torch.zeros(1, 1)).info
/// tensor(1, dtype=torch.int32)
EXPOSE(
    "ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor, Tensor, "
    "Tensor)",
    ldl_factor_ex, kLinalgOut, "linalg_ldl_factor_ex LD pivots info");

/// The solution X of A X = B from the LDL decomposition of A.
///
/// Leading dimensions broadcast. There is no derivative.
///
/// Args:
///     LD: (..., n, n), of `ldl_factor`
///     pivots: (..., n), of `ldl_factor`
///     B: (..., n, k)
///     hermitian: as it was for `ldl_factor`
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit, or pivots beyond the matrix.
///
/// >>> LD, pivots = torch.linalg.ldl_factor(torch.tensor([[2.0]]))
/// >>> torch.linalg.ldl_solve(LD, pivots, torch.tensor([[4.0]])).tolist()
/// [[2.0]]
EXPOSE("ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor", ldl_solve,
       kLinalgOut);

}  // namespace flambeau
