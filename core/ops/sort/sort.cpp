// Sorted order: whole rows, their first elements, one rank, the commonest and the distinct elements.
#include "core/backend/sort.h"

#include <limits>

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/ops/reduce/reduction.h"
#include "core/ops/softmax/softmax.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::Rank;
using Pair = std::tuple<Tensor, Tensor>;

constexpr unsigned kFunctionMethod = Forms::function | Forms::method;
constexpr unsigned kFunctionMethodOut = kFunctionMethod | Forms::out;

// Memory for the backend's work; undefined where it wants none.
class Workspace {
 public:
  explicit Workspace(backend::SortShape shape) {
    const size_t bytes = backend::current().sort_workspace(shape);
    if (bytes) memory_ = empty({static_cast<int64_t>(bytes)}, DType::UInt8);
  }
  void* data() const { return memory_ ? memory_->data : nullptr; }

 private:
  Tensor memory_;
};

int64_t sort_nanoseconds(const Tensor& x) { return 4 * x.numel(); }

// The gradient of a selection: what came for each selected element, at its place.
auto gradient_at_places(const Tensor& indices, const Dims& sizes, int64_t axis) {
  return [places = saved(indices), sizes, axis](const Tensor& grad) {
    if (sizes.count == 0) return grad;
    return scatter_add(zeros(sizes, grad.dtype()), axis, places(), grad);
  };
}

// ---- sort

// The axis in memory of a dense tensor, in whatever order its dimensions lie.
backend::SortShape shape_in_memory(const Tensor& dense, int64_t axis) {
  if (dense.dim() == 0) return {1, 1, 1};
  const int d = static_cast<int>(axis);
  const int64_t size = dense.sizes()[d];
  if (dense.numel() == 0) return {0, size, 0};
  if (size == 1) return {dense.numel(), 1, 1};
  const int64_t inner = dense.strides()[d];
  return {dense.numel() / size / inner, size, inner};
}

void check_sortable(const Tensor& self) {
  check(!is_complex(self.dtype()), " Sort does not support complex dtypes on CPU");
}

// Values and places in self's memory order; `values` may be null.
void raw_sort(const Tensor& self, int64_t axis, bool descending, Tensor* values, Tensor& indices) {
  indices = empty_like(self, DType::Int64);
  Tensor x = self;
  if (indices.strides() != self.strides()) {
    x = empty_like(self, self.dtype());
    copy_into(x, self);
  }
  if (values) *values = empty_like(x, self.dtype());
  const backend::SortShape shape = shape_in_memory(x, axis);
  const Workspace workspace(shape);
  const WithoutGil guard(sort_nanoseconds(x));
  backend::current().sort(x.dtype(), shape, descending, x->data, values ? (*values)->data : nullptr,
                          indices.data<int64_t>(), workspace.data());
}

Pair sorted(const char* node, const Tensor& self, int64_t dim, bool descending, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  check_sortable(self);
  Tensor indices, fresh;
  raw_sort(self, axis, descending, &fresh, indices);
  Tensor values = differentiable(
      node, out, [&] { return delivered(fresh, out); },
      wrt(self, gradient_at_places(indices, self.sizes(), axis)));
  return {values, delivered(indices, out.for_second())};
}

Pair sort(const Tensor& self, int64_t dim, bool descending, const Out& out) {
  return sorted("SortBackward0", self, dim, descending, out);
}
Pair sort_stable(const Tensor& self, std::optional<bool>, int64_t dim, bool descending, const Out& out) {
  return sorted("SortBackward1", self, dim, descending, out);
}

Tensor argsort(const Tensor& self, int64_t dim, bool descending) {
  const int64_t axis = wrap_dim(dim, self.dim());
  check_sortable(self);
  Tensor indices;
  raw_sort(self, axis, descending, nullptr, indices);
  return indices;
}
Tensor argsort_stable(const Tensor& self, bool, int64_t dim, bool descending, const Out& out) {
  return delivered(argsort(self, dim, descending), out);
}

Tensor msort(const Tensor& self, const Out& out) {
  return std::get<0>(sort(self, 0, false, Out{out.target, nullptr, out.inplace, out.rule}));
}

// ---- topk

Pair topk(const Tensor& self, int64_t k, int64_t dim, bool largest, bool, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  check(k >= 0 && k <= (self.dim() ? self.size(axis) : 1), "selected index k out of range");
  check(!is_complex(self.dtype()), " topk does not support complex dtypes on CPU");
  check(self.dtype() != DType::Bool, "topk does not support bool dtypes on CPU");
  if (is_wide_unsigned(self.dtype())) not_implemented_for("topk_cpu", self.dtype());
  Dims sizes = self.sizes();
  if (sizes.count) sizes[static_cast<int>(axis)] = k;
  const Tensor indices = empty(sizes, DType::Int64), fresh = empty(sizes, self.dtype());
  if (fresh.numel()) {
    const Tensor x = as_contiguous(self);
    const backend::SortShape shape = softmax_shape(self.sizes(), axis);
    const Workspace workspace(shape);
    const WithoutGil guard(self.numel());
    backend::current().top_k(x.dtype(), shape, self.dim() ? k : 1, largest, x->data, fresh->data,
                             indices.data<int64_t>(), workspace.data());
  }
  Tensor values = differentiable(
      "TopkBackward0", out, [&] { return delivered(fresh, out); },
      wrt(self, gradient_at_places(indices, self.sizes(), axis)));
  return {values, delivered(indices, out.for_second())};
}

// ---- kthvalue, median, nanmedian, mode

void check_ranked(const char* kernel, const Tensor& self) {
  if (!is_supported(self.dtype()) || self.dtype() == DType::Bool || is_complex(self.dtype()))
    not_implemented_for(kernel, self.dtype());
}

// One element of each row, found by `find(shape, x, values, indices, workspace)`.
template <class Find>
Pair one_of_each_row(const char* node, const Tensor& self, int64_t axis, bool keepdim, const Out& out,
                     Find find) {
  const uint64_t mask = self.dim() ? uint64_t{1} << axis : 0;
  const Dims sizes = reduced_sizes(self.sizes(), mask, keepdim);
  const Tensor indices = empty(sizes, DType::Int64), fresh = empty(sizes, self.dtype());
  if (fresh.numel()) {
    const Tensor x = as_contiguous(self);
    const backend::SortShape shape = softmax_shape(self.sizes(), axis);
    const Workspace workspace(shape);
    const WithoutGil guard(sort_nanoseconds(self));
    find(shape, x->data, fresh->data, indices.data<int64_t>(), workspace.data());
  }
  Tensor values = differentiable(
      node, out, [&] { return delivered(fresh, out); },
      wrt(self, [places = saved(indices), shape = self.sizes(), axis, mask, keepdim](const Tensor& grad) {
        if (shape.count == 0) return grad;
        return scatter_add(zeros(shape, grad.dtype()), axis,
                           with_reduced_dims(places(), shape, mask, keepdim),
                           with_reduced_dims(grad, shape, mask, keepdim));
      }));
  return {values, delivered(indices, out.for_second())};
}

void check_row_not_empty(const char* name, const Tensor& self, int64_t axis) {
  if (self.dim())
    check<IndexError>(self.size(axis) > 0, name, "(): Expected reduction dim ", axis,
                      " to have non-zero size.");
}

Pair kthvalue(const Tensor& self, int64_t k, int64_t dim, bool keepdim, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  check_row_not_empty("kthvalue", self, axis);
  check(k >= 1 && k <= (self.dim() ? self.size(axis) : 1),
        "kthvalue(): selected number k out of range for dimension ", axis);
  check_ranked("kthvalue_cpu", self);
  return one_of_each_row("KthvalueBackward0", self, axis, keepdim, out,
                         [&](auto shape, const void* x, void* values, int64_t* indices, void* workspace) {
                           backend::current().select_rank(self.dtype(), shape, Rank::Kth, k, x, values,
                                                          indices, workspace);
                         });
}

Pair median_along(const char* node, const char* name, Rank rank, const Tensor& self, int64_t dim,
                  bool keepdim, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  check_row_not_empty(name, self, axis);
  check_ranked("median_out", self);
  return one_of_each_row(node, self, axis, keepdim, out,
                         [&](auto shape, const void* x, void* values, int64_t* indices, void* workspace) {
                           backend::current().select_rank(self.dtype(), shape, rank, 0, x, values, indices,
                                                          workspace);
                         });
}
Pair median_dim(const Tensor& self, int64_t dim, bool keepdim, const Out& out) {
  return median_along("MedianBackward1", "median", Rank::Median, self, dim, keepdim, out);
}
Pair nanmedian_dim(const Tensor& self, int64_t dim, bool keepdim, const Out& out) {
  return median_along("NanmedianBackward1", "nanmedian", Rank::NanMedian, self, dim, keepdim, out);
}

Tensor median_of_all(const char* node, Rank rank, const Tensor& self) {
  check_ranked("median_cpu", self);
  const uint64_t mask = all_dims(self.dim());
  return differentiable(
      node, {},
      [&] {
        if (self.numel() == 0)
          return cast_copy(scalar_tensor(std::numeric_limits<double>::quiet_NaN(), DType::Float64),
                           self.dtype());
        const Tensor x = as_contiguous(self), result = empty({}, self.dtype());
        const backend::SortShape shape{1, self.numel(), 1};
        const Workspace workspace(shape);
        const WithoutGil guard(sort_nanoseconds(self));
        backend::current().select_rank(x.dtype(), shape, rank, 0, x->data, result->data, nullptr,
                                       workspace.data());
        return result;
      },
      wrt(self, [x = saved(self), mask](const Tensor& grad, const Tensor& y) {
        return shared_gradient(grad, x(), y, mask, false);
      }));
}
Tensor median(const Tensor& self) { return median_of_all("MedianBackward0", Rank::Median, self); }
Tensor nanmedian(const Tensor& self) { return median_of_all("NanmedianBackward0", Rank::NanMedian, self); }

Pair mode(const Tensor& self, int64_t dim, bool keepdim, const Out& out) {
  const int64_t axis = wrap_dim(dim, self.dim());
  check_row_not_empty("mode", self, axis);
  if (!is_supported(self.dtype()) || is_complex(self.dtype())) not_implemented_for("mode_cpu", self.dtype());
  return one_of_each_row("ModeBackward0", self, axis, keepdim, out,
                         [&](auto shape, const void* x, void* values, int64_t* indices, void* workspace) {
                           backend::current().mode(self.dtype(), shape, x, values, indices, workspace);
                         });
}

// ---- unique

std::tuple<Tensor, Tensor, Tensor> unique2(const Tensor& self, bool, bool return_inverse,
                                           bool return_counts) {
  if (is_complex(self.dtype())) not_implemented_for("unique", self.dtype());
  on_host(self, "unique");
  const int64_t n = self.numel();
  const Tensor x = as_contiguous(self);
  const Tensor values = empty({n}, self.dtype());
  const Tensor inverse = return_inverse ? empty(self.sizes(), DType::Int64) : empty({0}, DType::Int64);
  const Tensor counts = empty({return_counts ? n : 0}, DType::Int64);
  int64_t found = 0;
  {
    const Workspace workspace({1, n, 1});
    const WithoutGil guard(sort_nanoseconds(self));
    found = backend::current().unique(x.dtype(), n, x->data,
                                      {values->data, return_inverse ? inverse.data<int64_t>() : nullptr,
                                       return_counts ? counts.data<int64_t>() : nullptr},
                                      workspace.data());
  }
  // The results own no more memory than they show.
  const auto first = [&](const Tensor& t) {
    return found == t.numel() ? t : contiguous_copy(alias(t, Dims{found}, Dims{1}, 0));
  };
  const auto refuse = [](const Tensor&) -> Tensor {
    fail<NotImplementedError>("the derivative for '_unique2' is not implemented.");
  };
  return {differentiable(
              "Unique2Backward0", {}, [&] { return first(values); }, wrt(self, refuse)),
          inverse, return_counts ? first(counts) : counts};
}

}  // namespace

/// The elements along a dimension in ascending order, and where each stood; NaN is above everything.
///
/// Equal elements keep their order, whether `stable` asks for it or not.
///
/// Args:
///     self: any shape, real
///     dim: which dimension
///     descending: from the largest to the smallest
///     stable: whether equal elements must keep their order
///
/// Returns:
///     The named tuple (values, indices), each of the shape of `self`.
///
/// Raises:
///     IndexError, RuntimeError: a dimension out of range, complex elements.
///
/// >>> torch.sort(torch.tensor([3, 1, 2])).values.tolist()
/// [1, 2, 3]
///
/// Source: sorting by digits; Knuth, The Art of Computer Programming, volume 3, section 5.2.5.
EXPOSE("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor, Tensor)", sort, kFunctionMethodOut,
       "sort values indices");
EXPOSE("sort(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor, Tensor)",
       sort_stable, kFunctionMethodOut, "sort values indices");

/// The places of the elements along a dimension in ascending order: the indices of `sort`.
///
/// Args:
///     self: any shape, real
///     dim: which dimension
///     descending: from the largest to the smallest
///     stable: whether equal elements must keep their order; they do in any case
///
/// Returns:
///     int64, the shape of `self`.
///
/// Raises:
///     IndexError, RuntimeError: a dimension out of range, complex elements.
///
/// >>> torch.argsort(torch.tensor([3, 1, 2])).tolist()
/// [1, 2, 0]
EXPOSE("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor", argsort, kFunctionMethod);
EXPOSE("argsort(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", argsort_stable,
       kFunctionMethodOut);

/// The elements along the first dimension in ascending order.
///
/// Args:
///     self: any shape, real
///
/// >>> torch.msort(torch.tensor([[3, 1], [2, 4]])).tolist()
/// [[2, 1], [3, 4]]
EXPOSE("msort(Tensor self) -> Tensor", msort, kFunctionMethodOut);

/// The k largest (or smallest) elements along a dimension, and where they stand, the first of equal ones.
///
/// Args:
///     self: any shape, real
///     k: how many
///     dim: which dimension
///     largest: False for the smallest
///     sorted: whether they must come in order; they do in any case
///
/// Returns:
///     The named tuple (values, indices), with size k in `dim`.
///
/// Raises:
///     RuntimeError: k out of range; complex or bool elements.
///
/// >>> torch.topk(torch.tensor([1, 5, 3]), 2).values.tolist()
/// [5, 3]
EXPOSE("topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor, Tensor)", topk,
       kFunctionMethodOut, "topk values indices");

/// The k-th smallest element along a dimension, and where it stands, one of equal ones.
///
/// Args:
///     self: any shape, real
///     k: from 1
///     dim: which dimension
///     keepdim: whether it stays, with size 1
///
/// Returns:
///     The named tuple (values, indices).
///
/// Raises:
///     IndexError, RuntimeError: an empty dimension, k out of range.
///
/// >>> torch.kthvalue(torch.tensor([4, 7, 1]), 2).values
/// tensor(4)
///
/// Source: selection by counting digits, from the highest on.
EXPOSE("kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor, Tensor)", kthvalue,
       kFunctionMethodOut, "kthvalue values indices");

/// The median, the lower one of two; along a dimension, also where it stands. NaN if there is one.
///
/// Args:
///     self: any shape, real
///     dim: which dimension; all, without indices, by default
///     keepdim: whether it stays, with size 1
///
/// Returns:
///     A tensor without dimensions, or the named tuple (values, indices).
///
/// Raises:
///     IndexError, NotImplementedError: an empty dimension; bool or complex elements.
///
/// >>> torch.median(torch.tensor([1.0, 9.0, 3.0, 4.0]))
/// tensor(3.)
EXPOSE("median(Tensor self) -> Tensor", median, kFunctionMethod);
EXPOSE("median(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)", median_dim, kFunctionMethodOut,
       "median values indices");

/// The median of the elements that are not NaN, the lower one of two; along a dimension, also where it
/// stands.
///
/// Args:
///     self: any shape, real
///     dim: which dimension; all, without indices, by default
///     keepdim: whether it stays, with size 1
///
/// Returns:
///     A tensor without dimensions, or the named tuple (values, indices); NaN where there is nothing else.
///
/// Raises:
///     IndexError, NotImplementedError: an empty dimension; bool or complex elements.
///
/// >>> torch.nanmedian(torch.tensor([1.0, float('nan'), 3.0]))
/// tensor(1.)
EXPOSE("nanmedian(Tensor self) -> Tensor", nanmedian, kFunctionMethod);
EXPOSE("nanmedian(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)", nanmedian_dim,
       kFunctionMethodOut, "nanmedian values indices");

/// The commonest element along a dimension, the smallest of those equally common, and its last place.
///
/// Args:
///     self: any shape, real
///     dim: which dimension
///     keepdim: whether it stays, with size 1
///
/// Returns:
///     The named tuple (values, indices).
///
/// Raises:
///     IndexError: an empty dimension.
///
/// >>> torch.mode(torch.tensor([2, 5, 5, 2, 5]))[0]
/// tensor(5)
EXPOSE("mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor, Tensor)", mode, kFunctionMethodOut,
       "mode values indices");

/// The distinct elements in ascending order, for each element which of them it is, and how often each occurs.
///
/// Args:
///     self: any shape, real
///     sorted: they are in any case
///     return_inverse: whether the second result is filled, with the shape of `self`
///     return_counts: whether the third is
///
/// Returns:
///     Three tensors, empty where not asked for.
///
/// >>> torch._unique2(torch.tensor([3, 1, 3]), return_counts=True)[2].tolist()
/// [1, 2]
EXPOSE(
    "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> "
    "(Tensor, Tensor, Tensor)",
    unique2, Forms::function);

}  // namespace flambeau
