// Rows of a table by their numbers.
#include "core/autograd/sparse.h"
#include "core/ops/indexing/indexing.h"

namespace flambeau {

Tensor divided_by_counts(const Tensor& table, const Tensor& numbers, int64_t rows) {
  Tensor ones = empty(numbers.sizes(), table.dtype());
  fill_raw(ones, Scalar(1));
  const Tensor times = clamp(index_spread(ones, 0, numbers, Dims{rows}), Operand(Scalar(1)), {});
  return div(table, unsqueeze(times, 1));
}

namespace {

// A gradient of the rows as one of the table: rows that were looked up several times add up, or are averaged
// (`by_count`); the padding's is 0.
Tensor table_gradient(const Tensor& grad, const Tensor& numbers, const Dims& table, int64_t padding,
                      bool by_count) {
  Tensor g = index_spread(reshape(grad, Dims{-1, table[1]}), 0, numbers, table);
  if (by_count) g = divided_by_counts(g, numbers, table[0]);
  if (padding < 0) return g;
  Tensor place = empty(Dims{1}, DType::Int64);
  fill_raw(place, Scalar(padding));
  return index_fill(g, 0, place, Scalar(0));
}

Tensor embedding(const Tensor& weight, const Tensor& indices, int64_t padding_idx, bool scale_grad_by_freq,
                 bool sparse, const Out& out) {
  check(weight.dim() == 2, "'weight' must be 2-D");
  check(indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32,
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but "
        "got ",
        "torch.", scalar_type_name(indices.dtype()),
        "Tensor instead (while checking arguments for embedding)");
  const Tensor numbers = reshape(indices, Dims{-1});
  Dims sizes = indices.sizes();
  sizes.push_back(weight.sizes()[1]);
  return differentiable(
      "EmbeddingBackward0", out,
      [&] {
        Tensor rows = index_select(weight, 0, numbers);
        rows = view(rows, sizes);
        if (!out.target) return rows;
        Tensor result = result_for(out, sizes, weight.dtype());
        copy_into(result, rows);
        return result;
      },
      wrt(weight, [at = saved(numbers), table = weight.sizes(), padding_idx, scale_grad_by_freq,
                   sparse](const Tensor& grad) {
        check(!sparse || !scale_grad_by_freq,
              "embedding_backward: scale_grad_by_freq not supported with sparse gradients");
        if (sparse)
          return sparse_bridge.rows(at(), reshape(grad, Dims{at().numel(), table[1]}), table[0], padding_idx);
        return table_gradient(grad, at(), table, padding_idx, scale_grad_by_freq);
      }));
}

/// Looks up rows of a table.
///
/// Args:
///     weight: (rows, width), the table
///     indices: any shape, numbers of rows, int32 or int64
///     padding_idx: a row that gets no gradient; -1: none
///     scale_grad_by_freq: whether a row's gradient is divided by how often it was looked up
///     sparse: whether the table's gradient is a sparse tensor
///
/// Returns:
///     The shape of the indices and the width.
///
/// Raises:
///     IndexError: a number that is no row's.
///
/// >>> torch.embedding(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0])).tolist()
/// [[3.0, 4.0], [1.0, 2.0]]
EXPOSE(
    "embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool "
    "sparse=False) -> Tensor",
    embedding, function | out);

}  // namespace
}  // namespace flambeau
