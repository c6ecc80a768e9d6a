// Places in sorted rows, counts of numbers and of points in intervals, distinct rows.
#include <vector>

#include "core/backend/sort.h"
#include "core/ops/indexing/indexing.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/ops/reduce/reduction.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

// ---- searchsorted, bucketize

// A contiguous operand of the type in which both are compared.
Tensor compared_as(DType dtype, const Operand& operand) {
  if (!operand.is_tensor()) return scalar_tensor(operand.scalar(), dtype);
  return as_contiguous(narrowed(operand.tensor(), dtype));
}

Tensor places_in(const Tensor& boundaries, const Operand& values, bool right, bool out_int32,
                 const Out& out) {
  const DType promoted = result_type({boundaries, values});
  if (promoted == DType::Bool || is_complex(promoted) || is_wide_unsigned(promoted))
    not_implemented_for("searchsorted_out_cpu", promoted);
  const DType dtype = compute_dtype(promoted);
  const Tensor rows = compared_as(dtype, boundaries), x = compared_as(dtype, values);
  const Tensor places = empty(values.sizes(), DType::Int64);
  const int64_t size = rows.size(-1);
  const bool one_row = rows.dim() == 1;
  const int64_t per_row = one_row ? x.numel() : x.size(-1);
  if (x.numel()) {
    const WithoutGil guard(20 * x.numel());
    backend::current().search_sorted(
        dtype, {rows->data, size, x->data, x.numel() / per_row, per_row, one_row, right},
        places.data<int64_t>());
  }
  return delivered(narrowed(places, out_int32 ? DType::Int32 : DType::Int64), out);
}

Tensor searchsorted(const Tensor& boundaries, const Operand& self, bool out_int32, bool right,
                    std::optional<std::string_view> side, const OptionalTensor& sorter, const Out& out) {
  check(!side || *side == "left" || *side == "right",
        "torch.searchsorted(): side can only be 'left' or 'right' but got ", side.value_or(""));
  check(!(side && *side == "left" && right),
        "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was "
        "True");
  check(boundaries.dim() > 0,
        "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension");
  const Dims& rows = boundaries.sizes();
  const Dims sizes = self.sizes();
  if (rows.count > 1) {
    check(sizes.count > 0,
          "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but "
          "we got boundaries tensor dim(",
          rows.count, ")");
    bool same = sizes.count == rows.count;
    for (int i = 0; same && i + 1 < rows.count; ++i) same = sizes[i] == rows[i];
    check(same,
          "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
          "boundaries tensor and input value tensor must match, but we got boundaries tensor ",
          rows, " and input value tensor ", sizes);
  }
  Tensor ordered = detach(boundaries);
  if (sorter) {
    check(sorter.sizes() == rows,
          "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor ", rows,
          " and got sorter tensor ", sorter.sizes());
    check(sorter.dtype() == DType::Int64, "torch.searchsorted(): sorter must be of long dtype but got dtype ",
          scalar_type_name(sorter.dtype()));
    const Tensor positions = as_positions(sorter);
    check(backend::current().wrap_positions(positions.data<int64_t>(), positions.numel(), rows.back(), false,
                                            nullptr) < 0,
          "torch.searchsorted(): sorter index out of range");
    ordered = gather(ordered, -1, positions);
  }
  return places_in(ordered, self, right || (side && *side == "right"), out_int32, out);
}

Tensor bucketize(const Operand& self, const Tensor& boundaries, bool out_int32, bool right, const Out& out) {
  check(boundaries.dim() == 1, "boundaries tensor must be 1 dimension, but got dim(", boundaries.dim(), ")");
  return places_in(boundaries, self, right, out_int32, out);
}

// ---- bincount

Tensor bincount(const Tensor& self, const OptionalTensor& weights, int64_t minlength) {
  if (!is_integral(self.dtype()) || self.dtype() == DType::Bool || is_wide_unsigned(self.dtype()))
    not_implemented_for("bincount_cpu", self.dtype());
  check(minlength >= 0, "minlength should be >= 0");
  if (self.dim() == 1 && self.numel() == 0) return zeros({minlength}, DType::Int64);
  on_host(self, "bincount");
  check(self.dim() == 1, "bincount only supports 1-d non-negative integral inputs.");
  const Tensor numbers = as_contiguous(narrowed(self, DType::Int64));
  const int64_t n = numbers.numel();
  const int64_t* const x = numbers.data<int64_t>();
  // Mostly the numbers are small: the pass that looks how large they are counts them at once.
  constexpr int64_t kSmall = 4096;
  const int64_t limit = weights || n < kSmall / 4 ? 0 : kSmall;
  const Tensor small = empty({limit}, DType::Int64);
  backend::SmallCounts range;
  {
    const WithoutGil guard(2 * n);
    range = backend::current().count_small(x, n, limit, small.data<int64_t>());
  }
  check(range.low >= 0, "bincount only supports 1-d non-negative integral inputs.");
  check(!weights || weights.sizes() == self.sizes(),
        "weights should be 1-d and have the same length as input");
  const int64_t bins = std::max(range.high == INT64_MAX ? range.high : range.high + 1, minlength);
  if (bins <= limit) return contiguous_copy(alias(small, Dims{bins}, Dims{1}, 0));
  const DType dtype = !weights                            ? DType::Int64
                      : weights.dtype() == DType::Float32 ? DType::Float32
                                                          : DType::Float64;
  const Tensor addends = weights ? as_contiguous(narrowed(weights, dtype)) : Tensor();
  const Tensor counts = zeros({bins}, dtype);
  const WithoutGil guard(2 * n);
  backend::current().count_values(x, n, dtype, addends ? addends->data : nullptr, counts->data);
  return counts;
}

// ---- histograms

// The points' weights by interval; `find` is a backend::Histogram::Find.
Tensor count_in_bins(const Tensor& self, TensorList edges, const OptionalTensor& weight, int64_t find) {
  const Tensor points = as_contiguous(self);
  std::vector<Tensor> kept;
  std::vector<backend::Histogram::Axis> axes;
  Dims bins;
  for (const Tensor& e : edges) {
    check(e.dim() == 1 && e.numel() > 1 && e.dtype() == self.dtype(),
          "edges are vectors of the points' dtype");
    kept.push_back(as_contiguous(e));
    const Tensor limits[] = {select(e, 0, 0), select(e, 0, -1)};
    on_host(e, "a histogram");
    const auto value = [](const Tensor& t) {
      return t.dtype() == DType::Float32 ? static_cast<double>(*t.data<float>()) : *t.data<double>();
    };
    bins.push_back(e.numel() - 1);
    axes.push_back({kept.back()->data, e.numel() - 1, value(limits[0]), value(limits[1])});
  }
  const Tensor weights = weight ? as_contiguous(weight) : Tensor();
  const Tensor counts = empty(bins, self.dtype());
  const int count = static_cast<int>(axes.size());
  const WithoutGil guard(5 * points.numel());
  backend::current().histogram(
      self.dtype(),
      {static_cast<backend::Histogram::Find>(find), count ? points.numel() / count : 0, count, axes.data(),
       points->data, weights ? weights->data : nullptr},
      counts->data);
  return counts;
}

// ---- distinct rows

std::tuple<Tensor, Tensor, Tensor> unique_rows(const Tensor& self) {
  on_host(self, "unique");
  const Tensor x = as_contiguous(self);
  const int64_t rows = x.size(0);
  const Tensor firsts = empty({rows}, DType::Int64), inverse = empty({rows}, DType::Int64),
               counts = empty({rows}, DType::Int64);
  int64_t found = 0;
  {
    const WithoutGil guard(20 * x.numel());
    found = backend::current().unique_rows(x.dtype(), rows, x.size(1), x->data,
                                           {firsts->data, inverse.data<int64_t>(), counts.data<int64_t>()});
  }
  const auto first = [&](const Tensor& t) {
    return found == rows ? t : contiguous_copy(alias(t, Dims{found}, Dims{1}, 0));
  };
  return {first(firsts), inverse, first(counts)};
}

}  // namespace

/// Where values would have to be inserted into sorted rows to keep them sorted.
///
/// Args:
///     sorted_sequence: (..., n), rows in ascending order, or (n,) for all values
///     self: (..., m), or a number
///     out_int32: int32 instead of int64
///     right: the last such place among equal elements instead of the first; `side='right'` is the same
///     sorter: (..., n), the order that would sort the rows
///
/// Returns:
///     The shape of the values: i with row[i - 1] < value <= row[i], or row[i - 1] <= value < row[i] with
///     `right`.
///
/// Raises:
///     RuntimeError: shapes that do not fit, another side, a sorter out of range.
///
/// >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6])).tolist()
/// [1, 3]
///
/// Source: binary search; Knuth, The Art of Computer Programming, volume 3, section 6.2.1.
EXPOSE(
    "searchsorted(Tensor sorted_sequence, Tensor|Number self, *, bool out_int32=False, bool right=False, "
    "str? side=None, Tensor? sorter=None) -> Tensor",
    searchsorted, Forms::function | Forms::out);

/// The number of the interval between boundaries in which each value lies.
///
/// Args:
///     self: any shape, or a number
///     boundaries: (n,), in ascending order
///     out_int32: int32 instead of int64
///     right: whether intervals are closed on the left instead of the right
///
/// Returns:
///     The shape of the values: i with boundaries[i - 1] < value <= boundaries[i].
///
/// Raises:
///     RuntimeError: boundaries that are no vector.
///
/// >>> torch.bucketize(torch.tensor([0, 3, 9]), torch.tensor([1, 3, 5])).tolist()
/// [0, 1, 3]
EXPOSE(
    "bucketize(Tensor|Number self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> "
    "Tensor",
    bucketize, Forms::function | Forms::out);

/// How often each number from 0 occurs, or the sum of the weights of its occurrences.
///
/// Args:
///     self: (n,), integers not below 0
///     weights: (n,); sums are float64 unless the weights are float32
///     minlength: the least length of the result
///
/// Returns:
///     (max(largest number + 1, minlength),).
///
/// Raises:
///     RuntimeError: not a vector of non-negative integers, weights of another shape, a negative minlength.
///     NotImplementedError: other types than integers.
///
/// >>> torch.bincount(torch.tensor([0, 2, 2])).tolist()
/// [1, 0, 2]
EXPOSE("bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor", bincount,
       Forms::function | Forms::method);

/// The weight of points in each cell of a grid; the kernel of the histograms.
///
/// Args:
///     self: (points, axes), float32 or float64
///     edges: for each axis the edges of its intervals, ascending
///     weight: (points,), ones by default
///     find: how a point's interval is found: 0 by the edges, 1 by the width, 2 by the width and the edges
///     nearby
///
/// Returns:
///     A dimension for each axis.
///
/// >>> torch._count_in_bins(torch.tensor([[0.5], [2.0]]), [torch.tensor([0.0, 1.0, 2.0])]).tolist()
/// [1.0, 1.0]
EXPOSE("_count_in_bins(Tensor self, Tensor[] edges, Tensor? weight=None, int find=0) -> Tensor",
       count_in_bins, Forms::function);

/// The distinct rows of a matrix in ascending order: the first place of each, which of them each row is, and
/// how often it occurs.
///
/// Args:
///     self: (n, m), real
///
/// >>> torch._unique_rows(torch.tensor([[2, 1], [1, 5], [2, 1]]))[0].tolist()
/// [1, 0]
EXPOSE("_unique_rows(Tensor self) -> (Tensor, Tensor, Tensor)", unique_rows, Forms::function);

}  // namespace flambeau
