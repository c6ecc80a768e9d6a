// Views that show a part of one tensor: slices and diagonals. Their gradient is zero around the part.
#include <algorithm>

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {

namespace {
// The gradient of a view that shows a part: zero elsewhere. `part` takes the window of the part in a fresh
// tensor.
template <class Part>
Tensor zeros_around(const Tensor& grad, const Dims& sizes, Part part) {
  return differentiable(
      "SliceScatterBackward0", {},
      [&] {
        Tensor result = zeros(sizes, grad.dtype());
        if (grad.numel()) copy_into(part(result), grad);
        return result;
      },
      wrt(grad, [part](const Tensor& g) { return part(g); }));
}

Tensor sliced(const Tensor& self, int d, int64_t start, int64_t length, int64_t step) {
  return differentiable(
      "SliceBackward0", {},
      [&] {
        Dims sizes = self.sizes(), strides = self.strides();
        sizes[d] = length;
        const int64_t offset = wrapping_mul(start, strides[d]);
        strides[d] = wrapping_mul(strides[d], step);
        return make_view(self, sizes, strides, offset);
      },
      wrt(self, [sizes = self.sizes(), d, start, length, step](const Tensor& grad) {
        return zeros_around(grad, sizes, [d, start, length, step](const Tensor& whole) {
          return sliced(whole, d, start, length, step);
        });
      }));
}

// index lies in 0 .. size - 1
Tensor selected(const Tensor& self, int d, int64_t index) {
  return differentiable(
      "SelectBackward0", {},
      [&] {
        return make_view(self, self.sizes().without(d), self.strides().without(d),
                         wrapping_mul(index, self.strides()[d]));
      },
      wrt(self, [sizes = self.sizes(), d, index](const Tensor& grad) {
        return zeros_around(grad, sizes,
                            [d, index](const Tensor& whole) { return selected(whole, d, index); });
      }));
}
}  // namespace

Tensor select(const Tensor& self, int64_t dim, int64_t index) {
  if (self.dim() == 0) [[unlikely]]
    fail<IndexError>("select() cannot be applied to a 0-dim tensor.");
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  const int64_t size = self.sizes()[d];
  if (index < -size || index >= size) [[unlikely]]
    fail<IndexError>("select(): index ", index, " out of range for tensor of size ", self.sizes(),
                     " at dimension ", d);
  return selected(self, d, index < 0 ? index + size : index);
}

Tensor select_item(const Tensor& self, int64_t dim, int64_t index) {
  const int d = static_cast<int>(dim);
  const int64_t size = self.sizes()[d];
  if (index < -size || index >= size) [[unlikely]]
    fail<IndexError>("index ", index, " is out of bounds for dimension ", d, " with size ", size);
  return selected(self, d, index < 0 ? index + size : index);
}

Tensor slice(const Tensor& self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step) {
  check(self.dim() > 0, "slice() cannot be applied to a 0-dim tensor.");
  check(step > 0, "slice step must be positive");
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  const int64_t size = self.sizes()[d];
  auto clamped = [size](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size); };
  const int64_t first = clamped(start.value_or(0)), last = std::max(first, clamped(end.value_or(size)));
  const int64_t length = (last - first) / step + ((last - first) % step != 0);
  // A step beyond the end must not overflow the stride.
  return sliced(self, d, first, length, length > 1 ? step : std::min(step, std::max<int64_t>(size, 1)));
}

Tensor narrow(const Tensor& self, int64_t dim, int64_t start, int64_t length) {
  check(self.dim() > 0, "narrow() cannot be applied to a 0-dim tensor.");
  check(length >= 0, "narrow(): length must be non-negative.");
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  const int64_t size = self.sizes()[d];
  check<IndexError>(start >= -size && start <= size, "start out of range (expected to be in range of [",
                    -size, ", ", size, "], but got ", start, ")");
  if (start < 0) start += size;
  check(start <= size - length, "start (", start, ") + length (", length, ") exceeds dimension size (", size,
        ").");
  return sliced(self, d, start, length, 1);
}

namespace {
Tensor narrow_from(const Tensor& self, int64_t dim, const Tensor& start, int64_t length) {
  check(start.dim() == 0 && is_integral(start.dtype()) && start.dtype() != DType::Bool,
        "start must be an 0-dim integral Tensor.");
  const DeviceScope scope(on_host(start, "narrow with a tensor as start").device());
  return narrow(self, dim, cast_copy(start, DType::Int64).data<int64_t>()[0], length);
}
Tensor narrow_copy(const Tensor& self, int64_t dim, int64_t start, int64_t length, const Out& out) {
  check(self.dim() > 0, "narrow() cannot be applied to a 0-dim tensor.");
  check(dim < self.dim(), "narrow_copy(): dim ", dim, " is out of range for a tensor of ", self.dim(),
        " dimensions");
  Tensor part = narrow(self, dim, start, length);
  if (!out.target) return clone(part, MemoryFormat::Contiguous);
  Tensor result = result_for(out, part.sizes(), part.dtype());
  copy_into(result, part);
  return result;
}
}  // namespace

/// A view of one slice of a dimension, without it.
///
/// Args:
///     self: at least one dimension
///     dim: which dimension
///     index: which slice
///
/// Raises:
///     IndexError: dim or index out of range.
///
/// >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 0, 1).tolist()
/// [3, 4]
EXPOSE("select(Tensor self, int dim, int index) -> Tensor", select, function | method);

/// A view of `length` slices of a dimension.
///
/// Args:
///     self: at least one dimension
///     dim: which dimension
///     start: the first slice, a number or a tensor without dimensions
///     length: how many
///
/// Raises:
///     RuntimeError, IndexError: slices beyond the end.
///
/// >>> torch.narrow(torch.arange(4), 0, 1, 2).tolist()
/// [1, 2]
EXPOSE("narrow(Tensor self, int dim, int start, int length) -> Tensor", narrow, function | method);
EXPOSE("narrow(Tensor self, int dim, Tensor start, int length) -> Tensor", narrow_from, function | method);

/// A copy of `length` slices of a dimension.
///
/// Args:
///     self: at least one dimension
///     dim, start, length: as of `narrow`
///
/// >>> torch.narrow_copy(torch.arange(4), 0, 1, 2).tolist()
/// [1, 2]
EXPOSE("narrow_copy(Tensor self, int dim, int start, int length) -> Tensor", narrow_copy,
       function | method | out);

Tensor diagonal(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
  const int a = static_cast<int>(wrap_dim(dim1, self.dim())),
            b = static_cast<int>(wrap_dim(dim2, self.dim()));
  check(a != b, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  const int64_t rows = self.sizes()[a], columns = self.sizes()[b];
  const int64_t length = std::max<int64_t>(offset >= 0 ? std::min(rows, columns - std::min(offset, columns))
                                                       : std::min(rows - std::min(-offset, rows), columns),
                                           0);
  return differentiable(
      "DiagonalBackward0", {},
      [&] {
        Dims sizes = self.sizes(), strides = self.strides();
        const int64_t start = length == 0   ? 0
                              : offset >= 0 ? wrapping_mul(offset, strides[b])
                                            : wrapping_mul(-offset, strides[a]);
        const int64_t step = wrapping_add(strides[a], strides[b]);
        sizes.erase(std::max(a, b));
        sizes.erase(std::min(a, b));
        strides.erase(std::max(a, b));
        strides.erase(std::min(a, b));
        sizes.push_back(length);
        strides.push_back(step);
        return make_view(self, sizes, strides, start);
      },
      wrt(self, [sizes = self.sizes(), offset, a, b](const Tensor& grad) {
        return zeros_around(grad, sizes,
                            [offset, a, b](const Tensor& whole) { return diagonal(whole, offset, a, b); });
      }));
}

/// A view of the diagonals of two dimensions, as the last dimension.
///
/// Args:
///     self: at least two dimensions
///     offset: which one: above the main diagonal if positive, below if negative
///     dim1, dim2: rows and columns
///
/// >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]])).tolist()
/// [1, 4]
EXPOSE("diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", diagonal, function | method);

}  // namespace flambeau
