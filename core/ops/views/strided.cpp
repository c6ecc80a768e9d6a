// Views by explicit strides. Their windows may overlap, which the derivative has to count.
#include <algorithm>

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/listed.h"

namespace flambeau {

namespace {

// Which items of a flat buffer a tensor of these sizes shows.
struct Window {
  Dims sizes, strides;
  int64_t offset = 0;

  int64_t extent() const {  // one past the last item
    int64_t last = offset;
    for (int i = 0; i < sizes.count; ++i) {
      if (sizes[i] == 0) return 0;
      last += (sizes[i] - 1) * strides[i];
    }
    return last + 1;
  }
};

backend::StridedWindow raw(const Window& w) {
  return {w.sizes.count, w.sizes.values, w.strides.values, w.offset};
}

// Adds t's items into a flat zero buffer through the window `from`, divides each buffer item by how often
// `counted` shows it, and reads the result through the window `to`. With (from, to, counted) = (output,
// input, input) that is as_strided's derivative: an input that shows an item several times shares its
// gradient among them, as PyTorch does. The transposed map swaps `from` and `to`.
Tensor through_buffer(const Tensor& t, const Window& from, const Window& to, const Window& counted) {
  return differentiable(
      "AsStridedScatterBackward0", {},
      [&] {
        Tensor buffer = zeros(Dims{std::max({from.extent(), to.extent(), counted.extent()})}, t.dtype());
        const bool twice = may_overlap(counted.sizes, counted.strides);
        check<NotImplementedError>(t.dtype() == DType::Float32 || t.dtype() == DType::Float64 ||
                                       is_complex(t.dtype()) ||
                                       (!twice && !may_overlap(from.sizes, from.strides)),
                                   "the derivative of an overlapping as_strided is not implemented for '",
                                   scalar_type_name(t.dtype()), "'");
        if (!may_overlap(from.sizes, from.strides)) {
          if (t.numel()) copy_into(alias(buffer, from.sizes, from.strides, from.offset), t);
        } else {
          Tensor items = as_contiguous(t);
          backend::current().add_through(t.dtype(), raw(from), items->data, buffer->data);
        }
        if (twice) {
          Tensor counts = zeros(buffer.sizes(), DType::Int32);
          backend::current().divide_by_counts(t.dtype(), raw(counted), buffer.numel(), buffer->data,
                                              counts.data<int32_t>());
        }
        Tensor result = alias(buffer, to.sizes, to.strides, to.offset);
        return may_overlap(to.sizes, to.strides) ? contiguous_copy(result) : result;
      },
      wrt(t, [from, to, counted](const Tensor& grad) { return through_buffer(grad, to, from, counted); }));
}

Window window_of(const Tensor& t) { return {t.sizes(), t.strides(), t->storage_offset()}; }

Window checked_window(const Tensor& self, IntList size, IntList stride,
                      std::optional<int64_t> storage_offset) {
  check(size.size() == stride.size(), "mismatch in length of strides and shape: got ", stride.size(),
        " strides and ", size.size(), " sizes");
  const int64_t offset = storage_offset.value_or(self->storage_offset());
  Window window{Dims{size}, Dims{stride}, offset};
  check(offset >= 0, "Tensor: invalid storage offset ", offset);
  const int64_t numel = checked_numel(size);
  int64_t end = offset;
  bool overflow = false;
  for (size_t i = 0; i < size.size(); ++i) {
    int64_t reach = 0;
    check(stride[i] >= 0,
          "as_strided: Negative strides are not supported at the moment, got strides: ", Listed{stride});
    if (numel == 0) continue;
    overflow |= __builtin_mul_overflow(size[i] - 1, stride[i], &reach);
    overflow |= __builtin_add_overflow(end, reach, &end);
  }
  const auto item = static_cast<int64_t>(item_size(self.dtype()));
  int64_t bytes = 0;
  overflow |= __builtin_add_overflow(end, numel ? 1 : 0, &end) || __builtin_mul_overflow(end, item, &bytes);
  check(!overflow && (numel == 0 || bytes <= static_cast<int64_t>(self->storage->bytes)),
        "setStorage: sizes ", Listed{size}, ", strides ", Listed{stride}, ", storage offset ", offset,
        ", and itemsize ", item, " requiring a storage size of ", bytes,
        " are out of bounds for storage of size ", self->storage->bytes);
  if (numel == 0) window.offset = std::min(offset, static_cast<int64_t>(self->storage->bytes) / item);
  return window;
}
}  // namespace

// storage_offset counts from the start of the storage, as in PyTorch; by default self's own.
Tensor as_strided(const Tensor& self, IntList size, IntList stride, std::optional<int64_t> storage_offset) {
  const Window window = checked_window(self, size, stride, storage_offset);
  return differentiable(
      "AsStridedBackward0", {},
      [&] { return make_view(self, window.sizes, window.strides, window.offset - self->storage_offset()); },
      wrt(self, [window, input = window_of(self)](const Tensor& grad) {
        Window from = window, to = input;
        const int64_t first =
            std::min(from.offset, to.offset);  // the buffer starts where the earlier window does
        from.offset -= first;
        to.offset -= first;
        return through_buffer(grad, from, to, to);
      }));
}

namespace {
Tensor as_strided_(const Tensor& self, IntList size, IntList stride, std::optional<int64_t> storage_offset) {
  check<NotImplementedError>(!requires_grad(self),
                             "as_strided_ of a tensor with a gradient history is not implemented; use "
                             "as_strided");
  const Window window = checked_window(self, size, stride, storage_offset);
  self->data = self->storage->data + window.offset * static_cast<int64_t>(item_size(self.dtype()));
  set_geometry(self.get(), window.sizes, window.strides);
  return self;
}

Window unfolded(const Dims& sizes, const Dims& strides, int d, int64_t size, int64_t step) {
  Window window{sizes, strides, 0};
  if (sizes.count == 0) {
    window.sizes.push_back(size);
    window.strides.push_back(1);
    return window;
  }
  window.sizes[d] = (sizes[d] - size) / step + 1;
  window.strides[d] = wrapping_mul(window.strides[d], step);
  window.sizes.push_back(size);
  window.strides.push_back(strides[d]);
  return window;
}

Tensor unfold(const Tensor& self, int64_t dimension, int64_t size, int64_t step) {
  const int d = static_cast<int>(wrap_dim(dimension, self.dim()));
  const int64_t longest = self.dim() ? self.sizes()[d] : 1;
  check(size >= 0, "size is ", size, " but must be >= 0");
  check(size <= longest, "maximum size for tensor at dimension ", d, " is ", longest, " but size is ", size);
  check(step > 0, "step is ", step, " but must be > 0");
  check(self.dim() < kMaxDims, "unfold: a tensor can have at most ", kMaxDims, " dimensions here");
  return differentiable(
      "UnfoldBackward0", {},
      [&] {
        Window window = unfolded(self.sizes(), self.strides(), d, size, longest > size ? step : 1);
        return make_view(self, window.sizes, window.strides, 0);
      },
      wrt(self, [sizes = self.sizes(), d, size, step](const Tensor& grad) {
        const Window whole{sizes, contiguous_strides(sizes), 0};
        return through_buffer(grad, unfolded(sizes, whole.strides, d, size, step), whole, whole);
      }));
}

// What unfold along the last dimension undoes: frames (..., count, size), each `step` behind the one before,
// added up in (..., length).
Tensor overlap_add(const Tensor& frames, int64_t length, int64_t step) {
  check(frames.dim() >= 2 && step > 0, "frames have two dimensions or more, and a positive step");
  const int d = frames.dim() - 2;
  const int64_t count = frames.sizes()[d], size = frames.sizes()[d + 1];
  check(count > 0 && length >= size && (length - size) / step + 1 == count, "a signal of ", length,
        " points does not have ", count, " frames of ", size, " points, ", step, " apart");
  Dims sizes = frames.sizes().without(d);
  sizes[d] = length;
  const Window whole{sizes, contiguous_strides(sizes), 0};
  return through_buffer(frames, unfolded(sizes, whole.strides, d, size, step), whole, whole);
}
}  // namespace

/// A view of the storage by sizes, strides and offset, counted in elements.
///
/// Args:
///     self: any shape
///     size, stride: sequences of one length
///     storage_offset: where it starts, as self by default
///
/// Raises:
///     RuntimeError: a view that leads out of the storage.
///
/// >>> torch.as_strided(torch.arange(4), (2, 2), (1, 1)).tolist()
/// [[0, 1], [1, 2]]
EXPOSE("as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", as_strided,
       function | method);

/// Changes sizes, strides and offset in place; see `as_strided`.
///
/// >>> torch.arange(4).as_strided_((2,), (2,)).tolist()
/// [0, 2]
EXPOSE("as_strided_(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", as_strided_,
       function | method | writes_self);

/// A view of all windows of a dimension, in a new last dimension.
///
/// Args:
///     dimension: which dimension
///     size: the window
///     step: the distance of windows
///
/// Raises:
///     RuntimeError: a window larger than the dimension, or a step below 1.
///
/// >>> torch.arange(4).unfold(0, 2, 1).tolist()
/// [[0, 1], [1, 2], [2, 3]]
EXPOSE("unfold(Tensor self, int dimension, int size, int step) -> Tensor", unfold, method);

/// Adds up frames where they overlap: the transposed of `unfold` along the last dimension.
///
/// Args:
///     frames: (..., count, size)
///     length: of the signal, which has so many frames
///     step: from the start of one frame to that of the next
///
/// >>> torch._C._fft._overlap_add(torch.ones(2, 3), 5, 2).tolist()
/// [1.0, 1.0, 2.0, 1.0, 1.0]
EXPOSE("_overlap_add(Tensor frames, int length, int step) -> Tensor", overlap_add, Forms::fft);

}  // namespace flambeau
