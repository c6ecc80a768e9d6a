// Views of one tensor: the same memory seen with other sizes and strides.
#include <algorithm>

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/alignment.h"
#include "core/tensor/listed.h"

namespace flambeau {

// ---- other sizes over the same elements

namespace {
Dims strides_for_view(const Tensor& self, const Dims& sizes) {
  Dims strides;
  if (self->contiguous) return contiguous_strides(sizes);
  if (!view_strides(self.sizes(), self.strides(), sizes, strides))
    fail<RuntimeError>(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans "
        "across two contiguous subspaces). Use .reshape(...) instead. The shape is ",
        self.sizes(), " with strides ", self.strides(), ", the wanted shape ", sizes);
  return strides;
}
}  // namespace

Tensor view(const Tensor& self, IntList size) {
  Dims sizes = infer_size(size, self.numel());
  return differentiable(
      "ViewBackward0", {}, [&] { return make_view(self, sizes, strides_for_view(self, sizes), 0); },
      wrt(self, [sizes = self.sizes()](const Tensor& grad) { return reshape(grad, sizes); }));
}

namespace {
// The bytes seen as another dtype: a plain alias, since there is no derivative of a bit pattern.
Tensor view_as_dtype(const Tensor& self, DType dtype) {
  if (dtype == self.dtype()) return self;
  const auto from = static_cast<int64_t>(item_size(self.dtype())),
             to = static_cast<int64_t>(item_size(dtype));
  Dims sizes = self.sizes(), strides = self.strides();
  if (from != to) {
    const char* names[] = {scalar_type_name(self.dtype()), scalar_type_name(dtype)};
    check(self.dim() > 0, "self.dim() cannot be 0 to view ", names[0], " as ", names[1],
          " (different element sizes)");
    check(sizes.back() <= 1 || strides.back() == 1, "self.stride(-1) must be 1 to view ", names[0], " as ",
          names[1], " (different element sizes), but got ", strides.back());
    if (to > from) {
      const int64_t ratio = to / from;
      check(sizes.back() % ratio == 0, "self.size(-1) must be divisible by ", ratio, " to view ", names[0],
            " as ", names[1], " (different element sizes), but got ", sizes.back());
      check(self->storage_offset() % ratio == 0, "self.storage_offset() must be divisible by ", ratio,
            " to view ", names[0], " as ", names[1], " (different element sizes), but got ",
            self->storage_offset());
      sizes.back() /= ratio;
      for (int i = 0; i + 1 < strides.count; ++i) {
        check(strides[i] % ratio == 0, "self.stride(", i, ") must be divisible by ", ratio, " to view ",
              names[0], " as ", names[1], " (different element sizes), but got ", strides[i]);
        strides[i] /= ratio;
      }
    } else {
      const int64_t ratio = from / to;
      check(!__builtin_mul_overflow(sizes.back(), ratio, &sizes.back()), "view() of ", self.sizes(), " as ",
            name(dtype), ": no tensor can have that many elements");
      for (int i = 0; i + 1 < strides.count; ++i) strides[i] = wrapping_mul(strides[i], ratio);
    }
    strides.back() = 1;
  }
  check_aligned(self->data, dtype, "view()");
  Tensor result = alias(self);
  result->dtype = dtype;
  set_geometry(result.get(), sizes, strides);
  return result;
}

Tensor view_as(const Tensor& self, const Tensor& other) { return view(self, other.sizes()); }
}  // namespace

/// The same memory in another shape; or, with a dtype, its bytes as elements of that type.
///
/// Args:
///     size: as many elements; one size may be -1
///     dtype: the type to read the bytes as
///
/// Raises:
///     RuntimeError: strides that do not allow it; `reshape` copies then.
///
/// >>> torch.arange(4).view(2, 2).tolist()
/// [[0, 1], [2, 3]]
EXPOSE("view(Tensor self, dtype dtype) -> Tensor", view_as_dtype, method);
EXPOSE("view(Tensor self, int[] size) -> Tensor", view, method);

/// `view` in another tensor's shape.
///
/// >>> torch.arange(2).view_as(torch.ones(2, 1)).tolist()
/// [[0], [1]]
EXPOSE("view_as(Tensor self, Tensor other) -> Tensor", view_as, method);

Tensor unflatten(const Tensor& self, int64_t dim, IntList sizes) {
  dim = wrap_dim(dim, self.dim());
  check(!sizes.empty(), "unflatten: sizes must be non-empty");
  check<IndexError>(self.dim() > 0, "unflatten: a 0-dim tensor has no dimension to unflatten");
  const int d = static_cast<int>(dim);
  int64_t product = 1, inferred = 0;
  for (int64_t size : sizes) size == -1 ? static_cast<void>(++inferred) : static_cast<void>(product *= size);
  check(inferred > 1 ||
            (inferred ? product != 0 && self.sizes()[d] % product == 0 : product == self.sizes()[d]),
        "unflatten: Provided sizes ", Listed{sizes}, " don't multiply up to the size of dim ", d, " (",
        self.sizes()[d], ") in the input tensor");
  Dims part = infer_size(sizes, self.sizes()[d]), shape = self.sizes();
  shape.erase(d);
  for (int i = 0; i < part.count; ++i) shape.insert(d + i, part[i]);
  return view(self, shape);
}

/// A dimension as several.
///
/// Args:
///     self: any shape
///     dim: which dimension
///     sizes: their product is its size; one may be -1
///
/// >>> torch.unflatten(torch.ones(2, 6), 1, (2, 3)).shape
/// torch.Size([2, 2, 3])
EXPOSE("unflatten(Tensor self, int dim, int[] sizes) -> Tensor", unflatten, function | method);

// ---- repeating without copying

Tensor expand(const Tensor& self, IntList size) {
  const int before = static_cast<int>(size.size()) - self.dim();
  check(before >= 0, "expand(torch.", scalar_type_name(self.dtype()), "Tensor{", self.sizes(),
        "}, size=", Listed{size}, "): the number of sizes provided (", size.size(),
        ") must be greater or equal to the number of dimensions in the tensor (", self.dim(), ")");
  Dims sizes{size}, strides;
  strides.resize(sizes.count);
  for (int i = sizes.count - 1; i >= 0; --i) {
    const bool fresh = i < before;
    const int64_t present = fresh ? 1 : self.sizes()[i - before];
    if (sizes[i] == -1) {
      check(!fresh,
            "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ", i);
      sizes[i] = present;
    }
    check(sizes[i] == present || (present == 1 && sizes[i] >= 0), "The expanded size of the tensor (",
          sizes[i], ") must match the existing size (", present, ") at non-singleton dimension ", i,
          ".  Target sizes: ", Listed{size}, ".  Tensor sizes: ", self.sizes());
    if (sizes[i] != present)
      strides[i] = 0;
    else if (!fresh)
      strides[i] = self.strides()[i - before];
    else
      strides[i] = i + 1 < sizes.count ? sizes[i + 1] * strides[i + 1] : 1;
  }
  checked_numel(sizes);
  return differentiable(
      "ExpandBackward0", {}, [&] { return make_view(self, sizes, strides, 0); },
      wrt(self, [sizes = self.sizes()](const Tensor& grad) { return sum_to(grad, sizes); }));
}

namespace {
Tensor expand_as(const Tensor& self, const Tensor& other) { return expand(self, other.sizes()); }
}  // namespace

/// A view in which dimensions of size 1 are repeated, without memory.
///
/// Args:
///     size: the new shape; -1 leaves a dimension as it is
///
/// Raises:
///     RuntimeError: a dimension that is not 1 would change.
///
/// >>> torch.tensor([[1], [2]]).expand(2, 3).tolist()
/// [[1, 1, 1], [2, 2, 2]]
EXPOSE("expand(Tensor self, int[] size) -> Tensor", expand, method);

/// `expand` to another tensor's shape.
///
/// >>> torch.tensor([1]).expand_as(torch.ones(2)).tolist()
/// [1, 1]
EXPOSE("expand_as(Tensor self, Tensor other) -> Tensor", expand_as, method);

/// A view in which dimensions of size 1 are repeated; the same as `expand`.
///
/// >>> torch.broadcast_to(torch.tensor([1]), (2,)).tolist()
/// [1, 1]
EXPOSE("broadcast_to(Tensor self, int[] size) -> Tensor", expand, function | method);

std::vector<Tensor> broadcast_tensors(TensorList tensors) {
  Dims sizes;
  for (const Tensor& t : tensors) sizes = broadcast_sizes(sizes, t.sizes());
  std::vector<Tensor> result;
  result.reserve(tensors.size());
  for (const Tensor& t : tensors) result.push_back(t.sizes() == sizes ? t : expand(t, sizes));
  return result;
}

// ---- other orders of the dimensions

Tensor permute(const Tensor& self, IntList dims) {
  const int n = self.dim();
  check(static_cast<int>(dims.size()) == n,
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
        "desired ordering of "
        "dimensions i.e. input.dim() = ",
        n, " is not equal to len(dims) = ", dims.size());
  Dims sizes, strides, inverse;
  for (Dims* dims : {&sizes, &strides, &inverse}) dims->resize(n);
  uint64_t seen = 0;
  for (int i = 0; i < n; ++i) {
    const int d = static_cast<int>(wrap_dim(dims[i], n));
    check(!(seen >> d & 1), "permute(): duplicate dims are not allowed; dim ", d, " appears twice in ",
          Listed{dims});
    seen |= uint64_t{1} << d;
    sizes[i] = self.sizes()[d];
    strides[i] = self.strides()[d];
    inverse[d] = i;
  }
  return differentiable(
      "PermuteBackward0", {}, [&] { return make_view(self, sizes, strides, 0); },
      wrt(self, [inverse](const Tensor& grad) { return permute(grad, inverse); }));
}

namespace {
Tensor swapped(const char* name, const Tensor& self, int a, int b) {
  return differentiable(
      name, {},
      [&] {
        Dims sizes = self.sizes(), strides = self.strides();
        if (a != b) {
          std::swap(sizes[a], sizes[b]);
          std::swap(strides[a], strides[b]);
        }
        return make_view(self, sizes, strides, 0);
      },
      wrt(self, [a, b](const Tensor& grad) { return a == b ? grad : transpose(grad, a, b); }));
}
void check_t(const char* name, const Tensor& self) {
  check(self.dim() <= 2, name, "() expects a tensor with <= 2 dimensions, but self is ", self.dim(),
        "D; use transpose or permute");
}
}  // namespace

Tensor transpose(const Tensor& self, int64_t dim0, int64_t dim1) {
  const int a = static_cast<int>(wrap_dim(dim0, self.dim())),
            b = static_cast<int>(wrap_dim(dim1, self.dim()));
  return swapped("TransposeBackward0", self, a, b);
}
Tensor t(const Tensor& self) {
  check_t("t", self);
  return swapped("TBackward0", self, 0, self.dim() == 2 ? 1 : 0);
}

// The property T: all dimensions in reverse.
Tensor numpy_T(const Tensor& self) {
  Dims dims;
  for (int i = self.dim() - 1; i >= 0; --i) dims.push_back(i);
  return permute(self, dims);
}
// The properties mT and mH.
Tensor matrix_transpose(const Tensor& self, const char* property) {
  check(self.dim() >= 2, "tensor.", property, " is only supported on matrices or batches of matrices. Got ",
        self.dim(), "-D tensor.");
  const Tensor transposed = transpose(self, -2, -1);
  return property[1] == 'T' ? transposed : conj(transposed);
}
// The property H.
Tensor matrix_H(const Tensor& self) {
  check(self.dim() == 2 || self.dim() == 0, "tensor.H is only supported on matrices (2-D tensors). Got ",
        self.dim(), "-D tensor.", self.dim() > 2 ? " For batches of matrices, consider using tensor.mH" : "");
  return conj(transpose(self, 0, self.dim() ? 1 : 0));
}

namespace {
Tensor adjoint(const Tensor& self) { return matrix_transpose(self, "adjoint()"); }

Tensor movedim(const Tensor& self, IntList source, IntList destination) {
  const int n = self.dim();
  check(source.size() == destination.size(), "movedim: Invalid source or destination dims: source (",
        Listed{source}, " dims) should contain the same number of dims as destination (", Listed{destination},
        " dims)");
  int64_t order[kMaxDims];  // by result dimension
  std::fill(order, order + kMaxDims, -1);
  uint64_t from = 0;
  for (size_t i = 0; i < source.size(); ++i) {
    const int64_t s = wrap_dim(source[i], n), d = wrap_dim(destination[i], n);
    check(!(from >> s & 1), "movedim: repeated dim in `source` (", Listed{source}, ")");
    check(order[d] < 0, "movedim: repeated dim in `destination` (", Listed{destination}, ")");
    from |= uint64_t{1} << s;
    order[d] = s;
  }
  if (n == 0) return alias(self);
  int next = 0;
  for (int d = 0; d < n; ++d) {
    if (order[d] >= 0) continue;
    while (from >> next & 1) ++next;
    order[d] = next++;
  }
  return permute(self, IntList(order, static_cast<size_t>(n)));
}
}  // namespace

/// A view with the dimensions in another order.
///
/// Args:
///     self: any shape
///     dims: the order
///
/// Raises:
///     RuntimeError: an order that is no permutation.
///
/// >>> torch.permute(torch.ones(2, 3, 4), (2, 0, 1)).shape
/// torch.Size([4, 2, 3])
EXPOSE("permute(Tensor self, int[] dims) -> Tensor", permute, function | method);

/// A view with two dimensions exchanged.
///
/// Args:
///     self: any shape
///     dim0, dim1: which
///
/// >>> torch.transpose(torch.tensor([[1, 2]]), 0, 1).tolist()
/// [[1], [2]]
EXPOSE("transpose(Tensor self, int dim0, int dim1) -> Tensor", transpose, function | method);

/// A view with two dimensions exchanged; the same as `transpose`.
///
/// >>> torch.swapaxes(torch.tensor([[1, 2]]), 0, 1).tolist()
/// [[1], [2]]
EXPOSE("swapaxes(Tensor self, int axis0, int axis1) -> Tensor", transpose, function | method);

/// A view with two dimensions exchanged; the same as `transpose`.
///
/// >>> torch.swapdims(torch.tensor([[1, 2]]), 0, 1).tolist()
/// [[1], [2]]
EXPOSE("swapdims(Tensor self, int dim0, int dim1) -> Tensor", transpose, function | method);

/// The transpose of a matrix; vectors and scalars as they are.
///
/// Raises:
///     RuntimeError: more than two dimensions.
///
/// >>> torch.t(torch.tensor([[1, 2]])).tolist()
/// [[1], [2]]
EXPOSE("t(Tensor self) -> Tensor", t, function | method);

/// The conjugate transpose of matrices: the last two dimensions exchanged.
///
/// Args:
///     self: (..., m, n)
///
/// >>> torch.adjoint(torch.tensor([[1.0, 2.0]])).tolist()
/// [[1.0], [2.0]]
EXPOSE("adjoint(Tensor self) -> Tensor", adjoint, function | method);

/// A view with dimensions moved to other places; the others keep their order.
///
/// Args:
///     self: any shape
///     source, destination: numbers, or sequences of one length
///
/// >>> torch.movedim(torch.ones(2, 3, 4), 0, 2).shape
/// torch.Size([3, 4, 2])
EXPOSE("movedim(Tensor self, int[] source, int[] destination) -> Tensor", movedim, function | method);

/// A view with dimensions moved; the same as `movedim`.
///
/// >>> torch.moveaxis(torch.ones(2, 3, 4), 0, 2).shape
/// torch.Size([3, 4, 2])
EXPOSE("moveaxis(Tensor self, int[] source, int[] destination) -> Tensor", movedim, function | method);

// ---- dimensions of size one

namespace {
constexpr uint64_t kEveryDim = ~uint64_t{0};

uint64_t dim_mask(const Tensor& self, IntList dims) {
  uint64_t mask = 0;
  for (int64_t dim : dims) {
    const int64_t d = wrap_dim(dim, self.dim());
    check(!(mask >> d & 1), "dim ", d, " appears multiple times in the list of dims");
    mask |= uint64_t{1} << d;
  }
  return mask;
}
void drop_ones(const Tensor& self, uint64_t mask, Dims& sizes, Dims& strides) {
  for (int i = 0; i < self.dim(); ++i)
    if (!(mask >> i & 1) || self.sizes()[i] != 1) {
      sizes.push_back(self.sizes()[i]);
      strides.push_back(self.strides()[i]);
    }
}
Tensor squeezed(const char* name, const Tensor& self, uint64_t mask) {
  return differentiable(
      name, {},
      [&] {
        Dims sizes, strides;
        drop_ones(self, mask, sizes, strides);
        return make_view(self, sizes, strides, 0);
      },
      wrt(self, [sizes = self.sizes()](const Tensor& grad) { return reshape(grad, sizes); }));
}
Tensor squeeze_all(const Tensor& self) { return squeezed("SqueezeBackward0", self, kEveryDim); }
Tensor squeeze_one(const Tensor& self, int64_t dim) {
  return squeezed("SqueezeBackward1", self, uint64_t{1} << wrap_dim(dim, self.dim()));
}
void insert_one(const Tensor& self, int d, Dims& sizes, Dims& strides) {
  strides.insert(d, d < self.dim() ? wrapping_mul(sizes[d], strides[d]) : 1);
  sizes.insert(d, 1);
}
}  // namespace

Tensor squeeze(const Tensor& self, IntList dims) {
  return squeezed("SqueezeBackward2", self, dim_mask(self, dims));
}

Tensor unsqueeze(const Tensor& self, int64_t dim) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim() + 1));
  return differentiable(
      "UnsqueezeBackward0", {},
      [&] {
        Dims sizes = self.sizes(), strides = self.strides();
        insert_one(self, d, sizes, strides);
        return make_view(self, sizes, strides, 0);
      },
      wrt(self, [d](const Tensor& grad) { return squeeze_one(grad, d); }));
}

/// A view without dimensions of size 1; with `dim`, without those among them.
///
/// Args:
///     self: any shape
///     dim: a number or several
///
/// >>> torch.squeeze(torch.ones(1, 2, 1)).shape
/// torch.Size([2])
EXPOSE("squeeze(Tensor self) -> Tensor", squeeze_all, function | method);
EXPOSE("squeeze(Tensor self, int dim) -> Tensor", squeeze_one, function | method);
EXPOSE("squeeze(Tensor self, int[] dim) -> Tensor", squeeze, function | method);

/// A view with a new dimension of size 1.
///
/// Args:
///     self: any shape
///     dim: where it stands
///
/// >>> torch.unsqueeze(torch.ones(2), 1).shape
/// torch.Size([2, 1])
EXPOSE("unsqueeze(Tensor self, int dim) -> Tensor", unsqueeze, function | method);

// ---- the same window

// x[...]: a view, with history.
Tensor view_alias(const Tensor& self) {
  return differentiable(
      "AliasBackward0", {}, [&] { return make_view(self, self.sizes(), self.strides(), 0); },
      wrt(self, [](const Tensor& grad) { return grad; }));
}
Tensor detach(const Tensor& self) { return alias(self); }

namespace {
Tensor detach_(const Tensor& self) {
  check(!self->view_base,
        "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) "
        "for training, and "
        "gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() "
        "cannot be called on "
        "these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
        "torch/optim/optimizer.py as the solution.");
  if (self->grad_fn) set_history(self, nullptr);
  self->requires_grad_leaf = false;
  return self;
}
}  // namespace

/// The same memory outside of the graph: gradients do not flow back from it.
///
/// >>> torch.ones(1, requires_grad=True).detach().requires_grad
/// False
EXPOSE("detach(Tensor self) -> Tensor", detach, function | method);

/// Takes the tensor out of the graph in place.
///
/// >>> (torch.ones(1, requires_grad=True) * 2).detach_().requires_grad
/// False
EXPOSE("detach_(Tensor self) -> Tensor", detach_, function | method);

// ---- in place: the tensor itself takes another geometry

namespace {
template <class F>
Tensor change_geometry(const char* name, const Tensor& self, const Dims& sizes, const Dims& strides,
                       F gradient) {
  if (self->view_base) {
    // Its history follows from its window on the base and is rebuilt when next asked for.
    set_geometry(self.get(), sizes, strides);
    self->bump_version();
    return self;
  }
  return differentiable(
      name, Out{self.get(), nullptr, true},
      [&] {
        set_geometry(self.get(), sizes, strides);
        self->bump_version();  // who saved the tensor expects its old shape
        return self;
      },
      wrt(self, std::move(gradient)));
}

Tensor transpose_in_place(const char* name, const Tensor& self, int a, int b) {
  Dims sizes = self.sizes(), strides = self.strides();
  if (a != b) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
  }
  return change_geometry(name, self, sizes, strides,
                         [a, b](const Tensor& grad) { return a == b ? grad : transpose(grad, a, b); });
}
Tensor transpose_(const Tensor& self, int64_t dim0, int64_t dim1) {
  const int a = static_cast<int>(wrap_dim(dim0, self.dim())),
            b = static_cast<int>(wrap_dim(dim1, self.dim()));
  return transpose_in_place("TransposeBackward1", self, a, b);
}
Tensor t_(const Tensor& self) {
  check_t("t_", self);
  return transpose_in_place("TBackward1", self, 0, self.dim() == 2 ? 1 : 0);
}
Tensor squeeze_in_place(const char* name, const Tensor& self, uint64_t mask) {
  Dims sizes, strides;
  drop_ones(self, mask, sizes, strides);
  return change_geometry(name, self, sizes, strides,
                         [sizes = self.sizes()](const Tensor& grad) { return reshape(grad, sizes); });
}
Tensor squeeze_all_(const Tensor& self) { return squeeze_in_place("SqueezeBackward3", self, kEveryDim); }
Tensor squeeze_one_(const Tensor& self, int64_t dim) {
  return squeeze_in_place("SqueezeBackward4", self, uint64_t{1} << wrap_dim(dim, self.dim()));
}
Tensor squeeze_(const Tensor& self, IntList dims) {
  return squeeze_in_place("SqueezeBackward5", self, dim_mask(self, dims));
}
Tensor unsqueeze_(const Tensor& self, int64_t dim) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim() + 1));
  Dims sizes = self.sizes(), strides = self.strides();
  insert_one(self, d, sizes, strides);
  return change_geometry("UnsqueezeBackward1", self, sizes, strides,
                         [d](const Tensor& grad) { return squeeze_one(grad, d); });
}
}  // namespace

/// `transpose` in place.
///
/// >>> torch.tensor([[1, 2]]).transpose_(0, 1).tolist()
/// [[1], [2]]
EXPOSE("transpose_(Tensor self, int dim0, int dim1) -> Tensor", transpose_, method | writes_self);

/// `swapaxes` in place.
///
/// >>> torch.tensor([[1, 2]]).swapaxes_(0, 1).tolist()
/// [[1], [2]]
EXPOSE("swapaxes_(Tensor self, int axis0, int axis1) -> Tensor", transpose_, method | writes_self);

/// `swapdims` in place.
///
/// >>> torch.tensor([[1, 2]]).swapdims_(0, 1).tolist()
/// [[1], [2]]
EXPOSE("swapdims_(Tensor self, int dim0, int dim1) -> Tensor", transpose_, method | writes_self);

/// `t` in place.
///
/// >>> torch.tensor([[1, 2]]).t_().tolist()
/// [[1], [2]]
EXPOSE("t_(Tensor self) -> Tensor", t_, method | writes_self);

/// `squeeze` in place.
///
/// >>> torch.ones(1, 2).squeeze_().shape
/// torch.Size([2])
EXPOSE("squeeze_(Tensor self) -> Tensor", squeeze_all_, method | writes_self);
EXPOSE("squeeze_(Tensor self, int dim) -> Tensor", squeeze_one_, method | writes_self);
EXPOSE("squeeze_(Tensor self, int[] dim) -> Tensor", squeeze_, method | writes_self);

/// `unsqueeze` in place.
///
/// >>> torch.ones(2).unsqueeze_(0).shape
/// torch.Size([1, 2])
EXPOSE("unsqueeze_(Tensor self, int dim) -> Tensor", unsqueeze_, method | writes_self);

}  // namespace flambeau
