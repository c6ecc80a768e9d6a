// The largest and the smallest, and where they stand.
#include "core/ops/reduce/reduction.h"

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/gil.h"

namespace flambeau {

Tensor shared_gradient(const Tensor& grad, const Tensor& x, const Tensor& result, uint64_t mask,
                       bool keepdim) {
  const Tensor g = with_reduced_dims(grad, x.sizes(), mask, keepdim);
  const Tensor y = with_reduced_dims(result, x.sizes(), mask, keepdim);
  const Tensor a = detach(x), b = detach(y);
  // Among bools, + is "or" and * is "and": NaN holds the result NaN.
  const Tensor holders = to_dtype(add(eq(a, b), mul(ne(a, a), ne(b, b))), grad.dtype());
  if (x.dim() == 0) return mul(g, holders);
  Dims dims;
  for (int i = 0; i < x.dim(); ++i)
    if (mask >> i & 1) dims.push_back(i);
  const Tensor count = sum_dims(holders, IntList(dims), true);
  return mul(div(g, count), holders);
}

namespace {

using backend::ArgReduce;
using backend::Reduce;

constexpr unsigned kFunctionMethod = Forms::function | Forms::method;
constexpr unsigned kFunctionMethodOut = kFunctionMethod | Forms::out;

template <class Error = RuntimeError>
void check_has_elements(const char* name, const Tensor& self) {
  check<Error>(self.numel() > 0, name,
               "(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
               "reduction dim with the 'dim' argument.");
}
void check_dims_not_empty(const char* name, const Dims& sizes, uint64_t mask) {
  for (int i = 0; i < sizes.count; ++i)
    if (mask >> i & 1)
      check<IndexError>(sizes[i] > 0, name, "(): Expected reduction dim ", i, " to have non-zero size.");
}

// ---- max(x), min(x), amax, amin

Tensor extreme(const char* node, Reduce op, const char* kernel, const Tensor& self, uint64_t mask,
               bool keepdim, const Out& out) {
  return differentiable(
      node, out, [&] { return reduce(out, op, kernel, self, mask, keepdim, self.dtype()); },
      wrt(self, [x = saved(self), mask, keepdim](const Tensor& grad, const Tensor& y) {
        return shared_gradient(grad, x(), y, mask, keepdim);
      }));
}

Tensor extreme_of_all(const char* node, const char* name, const char* kernel, Reduce op, const Tensor& self,
                      const Out& out) {
  check_has_elements(name, self);
  return extreme(node, op, kernel, self, reduction_mask(self.sizes(), std::nullopt), false, out);
}

Tensor extreme_of_dims(const char* node, const char* name, const char* kernel, Reduce op, const Tensor& self,
                       IntList dim, bool keepdim, const Out& out) {
  if (dim.empty()) check_has_elements(name, self);
  const uint64_t mask = reduction_mask(self.sizes(), dim);
  check_dims_not_empty(name, self.sizes(), mask);
  return extreme(node, op, kernel, self, mask, keepdim, out);
}

// ---- max(x, dim), min(x, dim): the gradient goes to the element whose index is given

using Pair = std::tuple<Tensor, Tensor>;

// `values` gets the dtype in which self's are computed.
void find(ArgReduce op, const char* kernel, const Tensor& input, uint64_t mask, Tensor* values,
          const Tensor& indices) {
  const Tensor self = widened(input);
  if (!backend::current().has_arg_reduce(op, self.dtype()))
    fail<NotImplementedError>('"', kernel, "\" not implemented for '", scalar_type_name(self.dtype()), "'");
  const WithoutGil guard(self.numel());
  backend::current().arg_reduce(op, self.dtype(), reduction_over(self, mask), self->data,
                                values ? (*values)->data : nullptr, indices.data<int64_t>());
}

Pair extreme_along(const char* node, const char* name, ArgReduce op, const Tensor& self, int64_t dim,
                   bool keepdim, const Out& out) {
  const int64_t dims[] = {dim};
  const uint64_t mask = reduction_mask(self.sizes(), dims);
  const int64_t wrapped = wrap_dim(dim, self.dim());
  check_dims_not_empty(name, self.sizes(), mask);
  check(!is_complex(self.dtype()), name, "(): does not support complex input");
  const Dims sizes = reduced_sizes(self.sizes(), mask, keepdim);
  const Tensor indices = empty(sizes, DType::Int64);
  Tensor values = differentiable(
      node, out,
      [&] {
        Tensor fresh = empty(sizes, compute_dtype(self.dtype()));
        find(op, name, self, mask, &fresh, indices);
        return delivered(narrowed(fresh, self.dtype()), out);
      },
      wrt(self, [chosen = saved(indices), shape = self.sizes(), wrapped, mask, keepdim](const Tensor& grad) {
        if (shape.count == 0) return grad;
        return scatter_add(zeros(shape, grad.dtype()), wrapped,
                           with_reduced_dims(chosen(), shape, mask, keepdim),
                           with_reduced_dims(grad, shape, mask, keepdim));
      }));
  return {values, delivered(indices, out.for_second())};
}

Tensor arg_extreme(const char* name, ArgReduce op, const Tensor& self, std::optional<int64_t> dim,
                   bool keepdim, const Out& out) {
  check(self.dtype() != DType::Bool, name, "(): does not support bool input");
  check(!is_complex(self.dtype()), name, "(): does not support complex input");
  std::optional<IntList> dims;
  if (dim)
    dims = IntList(&*dim, 1);
  else
    check_has_elements<IndexError>(name, self);
  const uint64_t mask = reduction_mask(self.sizes(), dims);
  check_dims_not_empty(name, self.sizes(), mask);
  const Tensor indices = empty(reduced_sizes(self.sizes(), mask, keepdim), DType::Int64);
  // Over several dimensions the index counts in row-major order.
  if (dim)
    find(op, name, self, mask, nullptr, indices);
  else
    find(op, name, alias(as_contiguous(self), {self.numel()}, {1}, 0), 1, nullptr, indices);
  return delivered(indices, out);
}

Pair max_along(const Tensor& self, int64_t dim, bool keepdim, const Out& out) {
  return extreme_along("MaxBackward0", "max", ArgReduce::Max, self, dim, keepdim, out);
}
Pair min_along(const Tensor& self, int64_t dim, bool keepdim, const Out& out) {
  return extreme_along("MinBackward0", "min", ArgReduce::Min, self, dim, keepdim, out);
}
Tensor max_of_all(const Tensor& self, const Out& out) {
  return extreme_of_all("MaxBackward1", "max", "max_all", Reduce::Max, self, out);
}
Tensor min_of_all(const Tensor& self, const Out& out) {
  return extreme_of_all("MinBackward1", "min", "min_all", Reduce::Min, self, out);
}

}  // namespace

/// The largest element; along a dimension, the largest elements and where they stand; of two tensors,
/// `maximum`.
///
/// Args:
///     self: any shape
///     dim: which dimension; it must have elements
///     keepdim: whether it stays, with size 1
///
/// Returns:
///     A tensor, or the named tuple (values, indices).
///
/// Raises:
///     RuntimeError, IndexError: no elements, or a dimension out of range.
///
/// >>> torch.max(torch.tensor([[1, 5], [7, 3]]), 1).values.tolist()
/// [5, 7]
EXPOSE("max(Tensor self) -> Tensor", max_of_all, kFunctionMethodOut);
EXPOSE("max(Tensor self, Tensor other) -> Tensor", maximum, kFunctionMethodOut);
EXPOSE("max(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)", max_along, kFunctionMethodOut,
       "max values indices");

/// The smallest element; along a dimension, the smallest elements and where they stand; of two tensors,
/// `minimum`.
///
/// Args:
///     self: any shape
///     dim: which dimension; it must have elements
///     keepdim: whether it stays, with size 1
///
/// Returns:
///     A tensor, or the named tuple (values, indices).
///
/// Raises:
///     RuntimeError, IndexError: no elements, or a dimension out of range.
///
/// >>> torch.min(torch.tensor([[1, 5], [7, 3]]), 1).indices.tolist()
/// [0, 1]
EXPOSE("min(Tensor self) -> Tensor", min_of_all, kFunctionMethodOut);
EXPOSE("min(Tensor self, Tensor other) -> Tensor", minimum, kFunctionMethodOut);
EXPOSE("min(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)", min_along, kFunctionMethodOut,
       "min values indices");

Tensor amax(const Tensor& self, IntList dim, bool keepdim, const Out& out) {
  return extreme_of_dims("AmaxBackward0", "amax", "max_values_cpu", Reduce::Max, self, dim, keepdim, out);
}

namespace {
Tensor amax_over(const Tensor& self, std::optional<IntList> dim, bool keepdim, const Out& out) {
  return amax(self, dim.value_or(IntList{}), keepdim, out);
}
}  // namespace

/// The largest elements over dimensions; the gradient is shared by equal ones.
///
/// Args:
///     self: any shape
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///
/// >>> torch.amax(torch.tensor([[1, 5], [7, 3]]), 0).tolist()
/// [7, 5]
EXPOSE("amax(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", amax_over, kFunctionMethodOut);

namespace {
Tensor amin(const Tensor& self, IntList dim, bool keepdim, const Out& out) {
  return extreme_of_dims("AminBackward0", "amin", "min_values_cpu", Reduce::Min, self, dim, keepdim, out);
}
Tensor amin_over(const Tensor& self, std::optional<IntList> dim, bool keepdim, const Out& out) {
  return amin(self, dim.value_or(IntList{}), keepdim, out);
}
Pair aminmax(const Tensor& self, std::optional<int64_t> dim, bool keepdim, const Out& out) {
  const IntList dims = dim ? IntList(&*dim, 1) : IntList{};
  if (dim)
    check_dims_not_empty("aminmax", self.sizes(), reduction_mask(self.sizes(), dims));
  else
    check(self.numel() > 0,
          "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
  return {amin(self, dims, keepdim, Out{out.target, nullptr, false, out.rule}),
          amax(self, dims, keepdim, out.for_second())};
}
Tensor argmax(const Tensor& self, std::optional<int64_t> dim, bool keepdim, const Out& out) {
  return arg_extreme("argmax", ArgReduce::Max, self, dim, keepdim, out);
}
Tensor argmin(const Tensor& self, std::optional<int64_t> dim, bool keepdim, const Out& out) {
  return arg_extreme("argmin", ArgReduce::Min, self, dim, keepdim, out);
}
}  // namespace

/// The smallest elements over dimensions; the gradient is shared by equal ones.
///
/// Args:
///     self: any shape
///     dim: dimensions, all by default
///     keepdim: whether they stay, with size 1
///
/// >>> torch.amin(torch.tensor([[1, 5], [7, 3]]), 0).tolist()
/// [1, 3]
EXPOSE("amin(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", amin_over, kFunctionMethodOut);

/// The smallest and the largest elements.
///
/// Args:
///     self: any shape
///     dim: a dimension, all by default
///     keepdim: whether it stays, with size 1
///
/// Returns:
///     The named tuple (min, max).
///
/// >>> torch.aminmax(torch.tensor([3, 1, 2])).max
/// tensor(3)
EXPOSE("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor, Tensor)", aminmax,
       kFunctionMethodOut, "aminmax min max");

/// Where the largest element stands, the first of equal ones; in the flattened tensor if no dimension is
/// given.
///
/// Args:
///     self: any shape
///     dim: which dimension
///     keepdim: whether it stays, with size 1
///
/// >>> torch.argmax(torch.tensor([1, 5, 3]))
/// tensor(1)
EXPOSE("argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmax, kFunctionMethodOut);

/// Where the smallest element stands, the first of equal ones; in the flattened tensor if no dimension is
/// given.
///
/// Args:
///     self: any shape
///     dim: which dimension
///     keepdim: whether it stays, with size 1
///
/// >>> torch.argmin(torch.tensor([4, 5, 3]))
/// tensor(2)
EXPOSE("argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmin, kFunctionMethodOut);

}  // namespace flambeau
