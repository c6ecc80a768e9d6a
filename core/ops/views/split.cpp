// Several views of one tensor, made by one operation.
#include <algorithm>

#include "core/ops/operators.h"
#include "core/tensor/allocator.h"
#include "core/tensor/listed.h"

namespace flambeau {

namespace {
// An expanded dimension can be longer than memory has room for its pieces.
void check_count(int64_t pieces) {
  size_t bytes;
  if (__builtin_mul_overflow(static_cast<size_t>(pieces), sizeof(TensorImpl) + sizeof(Tensor), &bytes))
    bytes = SIZE_MAX;
  check_memory_left(bytes);
}

// Gradients of the pieces, zero where none flowed.
std::vector<Tensor> filled(std::span<const Tensor> grads, const Dims& sizes, int d,
                           std::span<const int64_t> lengths) {
  DType dtype = DType::Float32;
  for (const Tensor& g : grads)
    if (g) dtype = g.dtype();
  std::vector<Tensor> pieces(grads.begin(), grads.end());
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i]) continue;
    Dims piece = sizes;
    if (lengths.empty())
      piece.erase(d);
    else
      piece[d] = lengths[i];
    pieces[i] = zeros(piece, dtype);
  }
  return pieces;
}

// Whether the pieces are views of the whole to autograd, or tensors of their own that merely lie in its
// memory: written in place, these change it without its history and version taking note.
enum class Pieces { Views, Apart };

std::vector<Tensor> split_at(const Tensor& self, std::vector<int64_t> lengths, int d, Pieces kind,
                             const char* name) {
  return differentiable_many(
      name,
      [&] {
        std::vector<Tensor> pieces;
        pieces.reserve(lengths.size());
        Dims sizes = self.sizes();
        int64_t start = 0;
        for (int64_t length : lengths) {
          sizes[d] = length;
          const int64_t offset = start * self.strides()[d];
          if (kind == Pieces::Views) {
            pieces.push_back(make_view(self, sizes, self.strides(), offset, ViewKind::OneOfMany));
          } else {
            Tensor piece = alias(self, sizes, self.strides(), offset);
            piece->own_version = Ref<VersionCounter>(new VersionCounter);
            pieces.push_back(std::move(piece));
          }
          start += length;
        }
        return pieces;
      },
      wrt(self, [sizes = self.sizes(), lengths, d](std::span<const Tensor> grads) {
        return cat(filled(grads, sizes, d, lengths), d);
      }));
}

std::vector<Tensor> split_as(const Tensor& self, int64_t split_size, int64_t dim, Pieces kind) {
  check(self.dim() > 0, "split expects at least a 1-dimensional tensor");
  check(split_size >= 0, "split expects split_size be non-negative, but got split_size=", split_size);
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  const int64_t size = self.sizes()[d];
  check(split_size > 0 || size == 0,
        "split_size can only be 0 if dimension size is 0, but got dimension size of ", size);
  check_count(split_size ? (size - 1) / split_size + 1 : 1);
  std::vector<int64_t> lengths;
  for (int64_t start = 0; start < size; start += std::min(split_size, size - start))
    lengths.push_back(std::min(split_size, size - start));
  if (lengths.empty()) lengths.push_back(0);
  return split_at(self, std::move(lengths), d, kind,
                  kind == Pieces::Views ? "SplitBackward0" : "UnsafeSplitBackward0");
}

std::vector<Tensor> split_with_sizes_as(const Tensor& self, IntList sizes, int64_t dim, Pieces kind) {
  check(self.dim() > 0, "split expects at least a 1-dimensional tensor");
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  int64_t total = 0;
  bool overflow = false;
  for (int64_t size : sizes) {
    check(size >= 0,
          "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=",
          Listed{sizes});
    overflow |= __builtin_add_overflow(total, size, &total);
  }
  check(!overflow && total == self.sizes()[d], "split_with_sizes expects split_sizes to sum exactly to ",
        self.sizes()[d], " (input tensor's size at dimension ", d, "), but got split_sizes=", Listed{sizes});
  return split_at(self, {sizes.begin(), sizes.end()}, d, kind,
                  kind == Pieces::Views ? "SplitWithSizesBackward0" : "UnsafeSplitWithSizesBackward0");
}

std::vector<Tensor> chunk_as(const Tensor& self, int64_t chunks, int64_t dim, Pieces kind) {
  check(self.dim() > 0, "chunk expects at least a 1-dimensional tensor");
  check(chunks > 0, "chunk expects `chunks` to be greater than 0, got: ", chunks);
  const int64_t size = self.size(dim);
  if (size == 0) check_count(chunks);
  if (size == 0)
    return split_with_sizes_as(self, std::vector<int64_t>(static_cast<size_t>(chunks), 0), dim, kind);
  return split_as(self, (size - 1) / chunks + 1, dim, kind);
}

std::vector<Tensor> unsafe_split(const Tensor& self, int64_t split_size, int64_t dim) {
  return split_as(self, split_size, dim, Pieces::Apart);
}
std::vector<Tensor> unsafe_split_with_sizes(const Tensor& self, IntList sizes, int64_t dim) {
  return split_with_sizes_as(self, sizes, dim, Pieces::Apart);
}
std::vector<Tensor> unsafe_chunk(const Tensor& self, int64_t chunks, int64_t dim) {
  return chunk_as(self, chunks, dim, Pieces::Apart);
}
}  // namespace

std::vector<Tensor> split(const Tensor& self, int64_t split_size, int64_t dim) {
  return split_as(self, split_size, dim, Pieces::Views);
}
std::vector<Tensor> split_with_sizes(const Tensor& self, IntList sizes, int64_t dim) {
  return split_with_sizes_as(self, sizes, dim, Pieces::Views);
}
std::vector<Tensor> chunk(const Tensor& self, int64_t chunks, int64_t dim) {
  return chunk_as(self, chunks, dim, Pieces::Views);
}

/// Views of parts of a dimension.
///
/// Args:
///     self: at least one dimension
///     split_size: the size of each part, the last one perhaps smaller; or a list of sizes
///     dim: which dimension
///
/// Raises:
///     RuntimeError: a negative size, or sizes that do not add up.
///
/// >>> [p.tolist() for p in torch.split(torch.arange(3), 2)]
/// [[0, 1], [2]]
EXPOSE("split(Tensor self, int split_size, int dim=0) -> Tensor[]", split, function | method);
EXPOSE("split(Tensor self, int[] split_size, int dim=0) -> Tensor[]", split_with_sizes, function | method);
// torch.split names its parameter so.
EXPOSE("split(Tensor self, int split_size_or_sections, int dim=0) -> Tensor[]", split, function);
EXPOSE("split(Tensor self, int[] split_size_or_sections, int dim=0) -> Tensor[]", split_with_sizes, function);

/// Views of parts of a dimension, of given sizes.
///
/// Args:
///     self: at least one dimension
///     split_sizes: they add up to the dimension's size
///     dim: which dimension
///
/// >>> [p.tolist() for p in torch.split_with_sizes(torch.arange(3), [1, 2])]
/// [[0], [1, 2]]
EXPOSE("split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]", split_with_sizes,
       function | method);

/// Views of at most `chunks` parts of equal size of a dimension, the last one perhaps smaller.
///
/// Args:
///     self: at least one dimension
///     chunks: positive
///     dim: which dimension
///
/// >>> [p.tolist() for p in torch.chunk(torch.arange(3), 2)]
/// [[0, 1], [2]]
EXPOSE("chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", chunk, function | method);

/// `split` into tensors that autograd does not take for views: they share the memory, but a piece may be
/// written in place, which neither the whole nor the other pieces take note of.
///
/// Args:
///     self: at least one dimension, not used once a piece is written
///     split_size: the size of each part, the last one perhaps smaller
///     dim: which dimension
///
/// >>> [p.tolist() for p in torch.arange(3).unsafe_split(2)]
/// [[0, 1], [2]]
EXPOSE("unsafe_split(Tensor self, int split_size, int dim=0) -> Tensor[]", unsafe_split, function | method);

/// `split_with_sizes` into tensors that autograd does not take for views; see `unsafe_split`.
///
/// Args:
///     self: at least one dimension, not used once a piece is written
///     split_sizes: they add up to the dimension's size
///     dim: which dimension
///
/// >>> [p.tolist() for p in torch.arange(3).unsafe_split_with_sizes([1, 2])]
/// [[0], [1, 2]]
EXPOSE("unsafe_split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]",
       unsafe_split_with_sizes, function | method);

/// `chunk` into tensors that autograd does not take for views; see `unsafe_split`.
///
/// Args:
///     self: at least one dimension, not used once a piece is written
///     chunks: positive
///     dim: which dimension
///
/// >>> [p.tolist() for p in torch.arange(4).unsafe_chunk(2)]
/// [[0, 1], [2, 3]]
EXPOSE("unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", unsafe_chunk, function | method);

std::vector<Tensor> unbind(const Tensor& self, int64_t dim) {
  check<IndexError>(self.dim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  return differentiable_many(
      "UnbindBackward0",
      [&] {
        Dims sizes = self.sizes(), strides = self.strides();
        sizes.erase(d);
        strides.erase(d);
        std::vector<Tensor> pieces;
        check_count(self.sizes()[d]);
        pieces.reserve(static_cast<size_t>(self.sizes()[d]));
        for (int64_t i = 0; i < self.sizes()[d]; ++i)
          pieces.push_back(make_view(self, sizes, strides, i * self.strides()[d], ViewKind::OneOfMany));
        return pieces;
      },
      wrt(self, [sizes = self.sizes(), d](std::span<const Tensor> grads) {
        return stack(filled(grads, sizes, d, {}), d);
      }));
}

/// Views of all slices of a dimension, without it.
///
/// Args:
///     self: at least one dimension
///     dim: which dimension
///
/// >>> [p.tolist() for p in torch.unbind(torch.eye(2))]
/// [[1.0, 0.0], [0.0, 1.0]]
EXPOSE("unbind(Tensor self, int dim=0) -> Tensor[]", unbind, function | method);

// ---- splits that are slices: each piece is its own operation

namespace {
std::vector<Tensor> tensor_split_at(const Tensor& self, IntList indices, int64_t dim) {
  check(self.dim() > 0, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with ",
        self.dim(), " dims");
  std::vector<Tensor> pieces;
  pieces.reserve(indices.size() + 1);
  int64_t start = 0;
  for (int64_t index : indices) {
    pieces.push_back(slice(self, dim, start, index, 1));
    start = index;
  }
  pieces.push_back(slice(self, dim, start, self.size(dim), 1));
  return pieces;
}
std::vector<Tensor> tensor_split(const Tensor& self, int64_t sections, int64_t dim) {
  check(self.dim() > 0, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with ",
        self.dim(), " dims");
  check(sections > 0, "number of sections must be larger than 0, got ", sections);
  check_count(sections);
  const int64_t size = self.size(dim), least = size / sections, longer = size % sections;
  std::vector<Tensor> pieces;
  int64_t start = 0;
  for (int64_t i = 0; i < sections; ++i) {
    const int64_t length = least + (i < longer);
    pieces.push_back(slice(self, dim, start, start + length, 1));
    start += length;
  }
  return pieces;
}
std::vector<Tensor> tensor_split_by_tensor(const Tensor& self, const Tensor& indices_or_sections,
                                           int64_t dim) {
  check(indices_or_sections.dtype() == DType::Int64,
        "tensor_split expected tensor_indices_or_sections to have dtype of long, but got ",
        scalar_type_name(indices_or_sections.dtype()));
  check(indices_or_sections.dim() <= 1,
        "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
        "one-dimensional tensor, but got a tensor with ",
        indices_or_sections.dim(), " dims");
  const auto* items = on_host(indices_or_sections, "tensor_split with a tensor of sections").data<int64_t>();
  if (indices_or_sections.dim() == 0) return tensor_split(self, *items, dim);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < indices_or_sections.numel(); ++i)
    indices.push_back(items[i * indices_or_sections.strides()[0]]);
  return tensor_split_at(self, indices, dim);
}

// hsplit, vsplit, dsplit: along columns, rows, depth.
struct Direction {
  const char* name;
  int least_dims;
  int64_t dim;
};
template <const Direction& direction>
int64_t split_dim(const Tensor& self, int64_t sections) {
  check(self.dim() >= direction.least_dims, "torch.", direction.name, " requires a tensor with at least ",
        direction.least_dims, " dimension, but got a tensor with ", self.dim(), " dimensions!");
  const int64_t dim = direction.dim == 1 && self.dim() == 1 ? 0 : direction.dim;
  check(sections != 0 && self.size(dim) % sections == 0, "torch.", direction.name,
        " attempted to split along dimension ", dim, ", but the size of the dimension ", self.size(dim),
        " is not divisible by the split_size ", sections, "!");
  return dim;
}
inline constexpr char kHsplit[] = "hsplit", kVsplit[] = "vsplit", kDsplit[] = "dsplit";
inline constexpr Direction kColumns{kHsplit, 1, 1}, kRows{kVsplit, 2, 0}, kDepth{kDsplit, 3, 2};
template <const Direction& direction>
std::vector<Tensor> split_into(const Tensor& self, int64_t sections) {
  return tensor_split(self, sections, split_dim<direction>(self, sections));
}
template <const Direction& direction>
std::vector<Tensor> split_along(const Tensor& self, IntList indices) {
  return tensor_split_at(self, indices, split_dim<direction>(self, 1));
}
}  // namespace

/// Views of parts of a dimension: as many as named, their sizes differing by one at most; or cut at given
/// places.
///
/// Args:
///     self: at least one dimension
///     sections: how many; or `indices`, where to cut
///     dim: which dimension
///
/// >>> [p.tolist() for p in torch.tensor_split(torch.arange(5), 2)]
/// [[0, 1, 2], [3, 4]]
EXPOSE("tensor_split(Tensor self, int sections, int dim=0) -> Tensor[]", tensor_split, function | method);
EXPOSE("tensor_split(Tensor self, int[] indices, int dim=0) -> Tensor[]", tensor_split_at, function | method);
EXPOSE("tensor_split(Tensor self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor[]",
       tensor_split_by_tensor, function | method);

/// `tensor_split` along the second dimension, or the only one.
///
/// Args:
///     self: at least one dimension
///     sections: how many, a divisor of the size; or `indices`, where to cut
///
/// >>> [p.tolist() for p in torch.hsplit(torch.arange(4), 2)]
/// [[0, 1], [2, 3]]
EXPOSE("hsplit(Tensor self, int sections) -> Tensor[]", split_into<kColumns>, function | method);
EXPOSE("hsplit(Tensor self, int[] indices) -> Tensor[]", split_along<kColumns>, function | method);

/// `tensor_split` along the first of at least two dimensions.
///
/// Args:
///     self: at least two dimensions
///     sections: how many, a divisor of the size; or `indices`, where to cut
///
/// >>> [p.tolist() for p in torch.vsplit(torch.eye(2), 2)]
/// [[[1.0, 0.0]], [[0.0, 1.0]]]
EXPOSE("vsplit(Tensor self, int sections) -> Tensor[]", split_into<kRows>, function | method);
EXPOSE("vsplit(Tensor self, int[] indices) -> Tensor[]", split_along<kRows>, function | method);

/// `tensor_split` along the third of at least three dimensions.
///
/// Args:
///     self: at least three dimensions
///     sections: how many, a divisor of the size; or `indices`, where to cut
///
/// >>> len(torch.dsplit(torch.ones(1, 1, 4), 2))
/// 2
EXPOSE("dsplit(Tensor self, int sections) -> Tensor[]", split_into<kDepth>, function | method);
EXPOSE("dsplit(Tensor self, int[] indices) -> Tensor[]", split_along<kDepth>, function | method);

}  // namespace flambeau
