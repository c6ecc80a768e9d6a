// Other shapes of the same elements, and sums that undo a broadcast.
#include "core/ops/operators.h"

namespace flambeau {

// ---- reshape

namespace {
// A fresh copy under other sizes: no longer a view of it, since nothing else sees the copy.
Tensor unsafe_view(const Tensor& self, const Dims& sizes) {
  return differentiable(
      "UnsafeViewBackward0", {}, [&] { return alias(self, sizes, contiguous_strides(sizes), 0); },
      wrt(self, [old = self.sizes()](const Tensor& grad) { return reshape(grad, old); }));
}
}  // namespace

Tensor reshape(const Tensor& self, IntList shape) {
  if (self->contiguous) return view(self, shape);
  Dims sizes = infer_size(shape, self.numel()), strides;
  if (!view_strides(self.sizes(), self.strides(), sizes, strides))
    return unsafe_view(clone(self, MemoryFormat::Contiguous), sizes);
  return differentiable(
      "ReshapeAliasBackward0", {}, [&] { return make_view(self, sizes, strides, 0); },
      wrt(self, [old = self.sizes()](const Tensor& grad) { return reshape(grad, old); }));
}

Tensor flatten(const Tensor& self, int64_t start_dim, int64_t end_dim) {
  const int n = self.dim();
  const int start = static_cast<int>(wrap_dim(start_dim, n)), end = static_cast<int>(wrap_dim(end_dim, n));
  check(start <= end, "flatten() has invalid args: start_dim cannot come after end_dim");
  if (n == 0) return reshape(self, Dims{1});
  if (start == end) return self;
  Dims sizes;
  int64_t flat = 1;
  for (int i = 0; i < n; ++i) {
    if (i < start || i > end)
      sizes.push_back(self.sizes()[i]);
    else
      flat *= self.sizes()[i];
    if (i == end) sizes.push_back(flat);
  }
  return reshape(self, sizes);
}

namespace {
Tensor reshape_as(const Tensor& self, const Tensor& other) { return reshape(self, other.sizes()); }
Tensor ravel(const Tensor& self) { return view(contiguous(self), Dims{-1}); }
}  // namespace

/// The same elements in another shape: a view where that is possible, else a copy.
///
/// Args:
///     self: any shape
///     shape: as many elements; one size may be -1
///
/// Raises:
///     RuntimeError: another number of elements.
///
/// >>> torch.reshape(torch.arange(4), (2, 2)).tolist()
/// [[0, 1], [2, 3]]
EXPOSE("reshape(Tensor self, int[] shape) -> Tensor", reshape, function | method);

/// `reshape` to another tensor's shape.
///
/// >>> torch.arange(2).reshape_as(torch.ones(2, 1)).tolist()
/// [[0], [1]]
EXPOSE("reshape_as(Tensor self, Tensor other) -> Tensor", reshape_as, method);

/// Dimensions start_dim to end_dim as one.
///
/// Args:
///     self: any shape
///     start_dim, end_dim: the first and the last of them
///
/// Raises:
///     RuntimeError: start_dim behind end_dim.
///
/// >>> torch.flatten(torch.ones(2, 3, 4), 1).shape
/// torch.Size([2, 12])
EXPOSE("flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor", flatten, function | method);

/// All elements as a vector: a view where that is possible.
///
/// >>> torch.ravel(torch.eye(2)).tolist()
/// [1.0, 0.0, 0.0, 1.0]
EXPOSE("ravel(Tensor self) -> Tensor", ravel, function | method);

// ---- undoing a broadcast

Tensor sum_to(const Tensor& grad, const Dims& sizes) {
  if (grad.sizes() == sizes) return grad;
  const int leading = grad.dim() - sizes.count;
  Dims dims;
  for (int i = 0; i < leading; ++i) dims.push_back(i);
  for (int i = leading; i < grad.dim(); ++i)
    if (sizes[i - leading] == 1 && grad.sizes()[i] != 1) dims.push_back(i);
  const bool only_leading = dims.count == leading;
  Tensor total = sum_dims(grad, IntList(dims), !only_leading);
  return leading && !only_leading ? reshape(total, sizes) : total;
}

Tensor gradient_for(const Tensor& grad, const Dims& sizes, DType dtype) {
  return to_dtype(sum_to(grad, sizes), dtype);
}

namespace {
Tensor sum_to_size(const Tensor& self, IntList size) {
  const Dims sizes{size};
  bool fits = sizes.count <= self.dim();
  for (int i = 1; fits && i <= sizes.count; ++i)
    fits = sizes[sizes.count - i] == 1 || sizes[sizes.count - i] == self.sizes()[self.dim() - i];
  check(fits, "size {", sizes, "} is not expandable to size {", self.sizes(), "}.");
  return sizes.count ? sum_to(self, sizes) : sum(self);
}
}  // namespace

/// Sums over the dimensions that broadcasting from `size` would have added or enlarged.
///
/// Args:
///     size: a shape that broadcasts to this tensor's
///
/// Raises:
///     RuntimeError: a shape that does not.
///
/// >>> torch.ones(2, 3).sum_to_size(1, 3).tolist()
/// [[2.0, 2.0, 2.0]]
EXPOSE("sum_to_size(Tensor self, int[] size) -> Tensor", sum_to_size, method);

}  // namespace flambeau
