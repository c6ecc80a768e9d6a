// Distances between rows, without a derivative: cdist and pdist (flambeau/ops/distances.py) take these where
// nothing is recorded.
#include "core/ops/linalg/matrices.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

void check_distance_type(const char* name, DType dtype) {
  if (dtype != DType::Float32 && dtype != DType::Float64)
    fail<NotImplementedError>('"', name, "\" not implemented for '", scalar_type_name(dtype), "'");
}

Tensor cdist_forward(const Tensor& x1, const Tensor& x2, double p) {
  check_matrices_of("cdist_forward", x1, "x1");
  check_matrices_of("cdist_forward", x2, "x2");
  check(columns_of(x1) == columns_of(x2) && x1.dtype() == x2.dtype() && p >= 0,
        "cdist_forward: rows of equal length and dtype, and p of at least 0, are expected");
  check_distance_type("cdist", x1.dtype());
  const Dims batch = broadcast_sizes(batch_sizes(x1), batch_sizes(x2));
  const int64_t rows = rows_of(x1), others = rows_of(x2), width = columns_of(x1);
  const Tensor result = empty(with_matrix(batch, rows, others), x1.dtype());
  if (result.numel() == 0) return result;
  const auto spread = [&](const Tensor& x, int64_t count) {
    return as_contiguous(expand(detach(x), with_matrix(batch, count, width)));
  };
  const Tensor left = spread(x1, rows), right = spread(x2, others);
  backend::current().row_distances(x1.dtype(),
                                   {result.numel() / (rows * others), rows, others, width, p, false},
                                   left->data, right->data, result->data);
  return result;
}

Tensor pdist_forward(const Tensor& self, double p) {
  check(self.dim() == 2 && p >= 0, "pdist_forward: a matrix, and p of at least 0, are expected");
  check_distance_type("pdist", self.dtype());
  const int64_t n = rows_of(self);
  const Tensor result = empty({n * (n - 1) / 2}, self.dtype());
  if (result.numel() == 0) return result;
  const Tensor x = as_contiguous(self);
  backend::current().row_distances(self.dtype(), {1, n, n, columns_of(self), p, true}, x->data, x->data,
                                   result->data);
  return result;
}

}  // namespace

/// The distances of `cdist`, without a derivative.
///
/// Args:
///     x1: (..., P, M), float32 or float64
///     x2: (..., R, M)
///     p: the order of the norm, at least 0
///
/// Returns:
///     (..., P, R).
///
/// >>> torch._core._nn.cdist_forward(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), 2)
/// tensor([[5.]])
EXPOSE("cdist_forward(Tensor x1, Tensor x2, float p) -> Tensor", cdist_forward, Forms::nn);

/// The distances of `pdist`, without a derivative.
///
/// Args:
///     self: (N, M), float32 or float64
///     p: the order of the norm, at least 0
///
/// Returns:
///     (N (N - 1) / 2,).
///
/// >>> torch._core._nn.pdist_forward(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), 2)
/// tensor([5.])
EXPOSE("pdist_forward(Tensor self, float p=2) -> Tensor", pdist_forward, Forms::nn);

}  // namespace flambeau
