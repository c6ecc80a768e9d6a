// Joining tensors, and repeating or rearranging the elements of one.
#include <algorithm>
#include <cstring>

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"

namespace flambeau {

namespace {
int64_t copy_nanoseconds(int64_t bytes) { return bytes / 8; }

using Piece = backend::Piece;

// A tensor of shape {0} joins with anything, by old custom.
bool is_legacy_empty(const Tensor& t) { return t.dim() == 1 && t.sizes()[0] == 0; }

// Writes the tensors side by side along d; those of `join` with their d-th size, or as one slice each where
// `stacked`.
void join_into(const Tensor& result, TensorList tensors, int d, bool stacked) {
  const auto item = static_cast<int64_t>(item_size(result.dtype()));
  bool plain = result.is_contiguous();
  for (const Tensor& t : tensors)
    plain &= t.numel() == 0 || (t.is_contiguous() && t.dtype() == result.dtype());
  if (plain) {
    int64_t rows = 1, inner = 1;
    for (int i = 0; i < d; ++i) rows *= result.sizes()[i];
    for (int i = d + 1; i < result.dim(); ++i) inner *= result.sizes()[i];
    if (rows == 0) return;
    std::vector<Piece> pieces;
    pieces.reserve(tensors.size());
    for (const Tensor& t : tensors)
      if (t.numel()) pieces.push_back({t.data<char>(), (stacked ? 1 : t.sizes()[d]) * inner * item});
    const WithoutGil guard(copy_nanoseconds(result.numel() * item));
    backend::current().interleave_rows(pieces, rows, result.data<char>());
    return;
  }
  int64_t start = 0;
  for (const Tensor& t : tensors) {
    if (is_legacy_empty(t) && !stacked) continue;
    Dims sizes = result.sizes(), strides = result.strides();
    const int64_t offset = start * strides[d];
    if (stacked) {
      sizes.erase(d);
      strides.erase(d);
    } else {
      sizes[d] = t.sizes()[d];
    }
    if (t.numel()) copy_into(alias(result, sizes, strides, offset), t);
    start += stacked ? 1 : t.sizes()[d];
  }
}

DType joined_dtype(TensorList tensors, const Out& out) {
  DType dtype = tensors[0].dtype();
  for (const Tensor& t : tensors) dtype = promote(dtype, t.dtype());
  if (out.target) {
    for (const Tensor& t : tensors)
      check(!shares_storage(t, Tensor(out.target)) || t.numel() == 0,
            "unsupported operation: some elements of the input tensor "
            "and the written-to tensor refer to a single memory location. Please clone() the tensor before "
            "performing the "
            "operation.");
  }
  return dtype;
}

Dims channels_last_strides(const Dims& sizes) {
  Dims strides = sizes;
  int64_t step = 1;
  for (int i = 0; i < sizes.count; ++i) {
    const int d = i == 0 ? 1 : i == sizes.count - 1 ? 0 : sizes.count - i;
    strides[d] = step;
    step *= std::max<int64_t>(sizes[d], 1);
  }
  return strides;
}

Tensor joined(const Out& out, const Dims& sizes, DType dtype, TensorList tensors, int d, bool stacked) {
  const auto last = [](const Tensor& t) { return has_channels_last(t); };
  const bool channels_last = !out.target && !stacked && std::all_of(tensors.begin(), tensors.end(), last);
  Tensor result = channels_last ? empty_strided(sizes, channels_last_strides(sizes), dtype)
                                : result_for(out, sizes, dtype);
  join_into(result, tensors, d, stacked);
  return result;
}
}  // namespace

Tensor cat(TensorList tensors, int64_t dim, const Out& out) {
  check<ValueError>(!tensors.empty(), "torch.cat(): expected a non-empty list of Tensors");
  const Tensor* model = nullptr;  // the first that counts
  for (size_t i = 0; i < tensors.size(); ++i) {
    check(tensors[i].dim() > 0, "zero-dimensional tensor (at position ", i, ") cannot be concatenated");
    if (!model && !is_legacy_empty(tensors[i])) model = &tensors[i];
  }
  const bool all_empty = !model;  // then no dimension is wrong
  if (all_empty) model = &tensors[0];
  const int d = all_empty ? 0 : static_cast<int>(wrap_dim(dim, model->dim()));
  Dims sizes = model->sizes();
  sizes[d] = 0;
  bool record = false;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    record |= requires_grad(t);
    if (is_legacy_empty(t)) continue;
    check(t.dim() == model->dim(), "Tensors must have same number of dimensions: got ", model->dim(), " and ",
          t.dim());
    for (int k = 0; k < sizes.count; ++k)
      check(k == d || t.sizes()[k] == sizes[k], "Sizes of tensors must match except in dimension ", d,
            ". Expected size ", sizes[k], " but got size ", t.sizes()[k], " for tensor number ", i,
            " in the list.");
    sizes[d] += t.sizes()[d];
  }
  const DType dtype = joined_dtype(tensors, out);
  auto forward = [&] { return joined(out, sizes, dtype, tensors, d, false); };
  if (!record || !grad_enabled()) return forward();
  struct Part {
    int64_t start, length;
    DType dtype;
    bool skipped;
  };
  std::vector<Part> parts;
  int64_t start = 0;
  for (const Tensor& t : tensors) {
    const bool skipped = is_legacy_empty(t);
    parts.push_back({start, skipped ? 0 : t.sizes()[d], t.dtype(), skipped});
    start += parts.back().length;
  }
  return differentiable_list("CatBackward0", out, forward, tensors,
                             [d, parts = std::move(parts)](const Tensor& grad, size_t i) {
                               const Part& part = parts[i];
                               if (part.skipped) return zeros(Dims{0}, part.dtype);
                               return to_dtype(narrow(grad, d, part.start, part.length), part.dtype);
                             });
}

Tensor stack(TensorList tensors, int64_t dim, const Out& out) {
  check(!tensors.empty(), "stack expects a non-empty TensorList");
  Dims sizes = tensors[0].sizes();
  const int d = static_cast<int>(wrap_dim(dim, sizes.count + 1));
  bool record = false;
  for (size_t i = 0; i < tensors.size(); ++i) {
    check(tensors[i].sizes() == sizes, "stack expects each tensor to be equal size, but got ", sizes,
          " at entry 0 and ", tensors[i].sizes(), " at entry ", i);
    record |= requires_grad(tensors[i]);
  }
  sizes.insert(d, static_cast<int64_t>(tensors.size()));
  const DType dtype = joined_dtype(tensors, out);
  auto forward = [&] { return joined(out, sizes, dtype, tensors, d, true); };
  if (!record || !grad_enabled()) return forward();
  std::vector<DType> dtypes;
  for (const Tensor& t : tensors) dtypes.push_back(t.dtype());
  return differentiable_list("StackBackward0", out, forward, tensors,
                             [d, dtypes = std::move(dtypes)](const Tensor& grad, size_t i) {
                               return to_dtype(select(grad, d, static_cast<int64_t>(i)), dtypes[i]);
                             });
}

/// Joins tensors along a dimension they have.
///
/// Args:
///     tensors: one shape outside of `dim`; dtypes promote; (0,) counts for nothing
///     dim: which dimension
///
/// Raises:
///     RuntimeError: no tensors, or shapes that do not fit.
///
/// >>> torch.cat([torch.tensor([1]), torch.tensor([2, 3])]).tolist()
/// [1, 2, 3]
EXPOSE("cat(Tensor[] tensors, int dim=0) -> Tensor", cat, function | out | Forms::widest);

/// Joins tensors along a dimension; the same as `cat`.
///
/// >>> torch.concat([torch.tensor([1]), torch.tensor([2])]).tolist()
/// [1, 2]
EXPOSE("concat(Tensor[] tensors, int dim=0) -> Tensor", cat, function | out | Forms::widest);

/// Joins tensors along a dimension; the same as `cat`.
///
/// >>> torch.concatenate([torch.tensor([1]), torch.tensor([2])]).tolist()
/// [1, 2]
EXPOSE("concatenate(Tensor[] tensors, int dim=0) -> Tensor", cat, function | out | Forms::widest);

/// Joins tensors along a new dimension.
///
/// Args:
///     tensors: of one shape; dtypes promote
///     dim: where the new dimension stands
///
/// Raises:
///     RuntimeError: no tensors, or shapes that differ.
///
/// >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], 1).tolist()
/// [[1, 3], [2, 4]]
EXPOSE("stack(Tensor[] tensors, int dim=0) -> Tensor", stack, function | out | Forms::widest);

/// Views of tensors in the one shape that all broadcast to.
///
/// Args:
///     tensors: shapes that broadcast
///
/// Raises:
///     RuntimeError: shapes that do not.
///
/// >>> a, b = torch.broadcast_tensors(torch.ones(2, 1), torch.ones(3))
/// >>> a.shape
/// torch.Size([2, 3])
EXPOSE("broadcast_tensors(Tensor[] tensors...) -> Tensor[]", broadcast_tensors, function);

// ---- at least so many dimensions, and the stacks built on it

namespace {
template <int n>
Tensor atleast(const Tensor& self) {
  if (self.dim() >= n) return self;
  if (self.dim() == 0) return reshape(self, Dims(IntList(std::array<int64_t, 3>{1, 1, 1}).first(n)));
  if constexpr (n == 3)
    return self.dim() == 1 ? unsqueeze(unsqueeze(self, 0), -1) : unsqueeze(self, -1);
  else
    return unsqueeze(self, 0);
}
template <int n>
std::vector<Tensor> atleast_all(TensorList tensors) {
  std::vector<Tensor> result;
  for (const Tensor& t : tensors) result.push_back(atleast<n>(t));
  return result;
}
Tensor hstack(TensorList tensors, const Out& out) {
  check(!tensors.empty(), "hstack expects a non-empty TensorList");
  std::vector<Tensor> parts = atleast_all<1>(tensors);
  return cat(parts, parts[0].dim() == 1 ? 0 : 1, out);
}
Tensor vstack(TensorList tensors, const Out& out) {
  check(!tensors.empty(), "vstack expects a non-empty TensorList");
  return cat(atleast_all<2>(tensors), 0, out);
}
Tensor dstack(TensorList tensors, const Out& out) {
  check(!tensors.empty(), "dstack expects a non-empty TensorList");
  return cat(atleast_all<3>(tensors), 2, out);
}
Tensor column_stack(TensorList tensors, const Out& out) {
  check(!tensors.empty(), "column_stack expects a non-empty TensorList");
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors) parts.push_back(t.dim() <= 1 ? reshape(t, Dims{t.numel(), 1}) : t);
  return hstack(parts, out);
}
}  // namespace

/// A view with one dimension at least; of several tensors, a tuple.
///
/// Args:
///     tensors: any shapes
///
/// >>> torch.atleast_1d(torch.tensor(1)).tolist()
/// [1]
EXPOSE("atleast_1d(Tensor self) -> Tensor", atleast<1>, function);
EXPOSE("atleast_1d(Tensor[] tensors...) -> Tensor[]", atleast_all<1>, function);

/// A view with two dimensions at least, (n,) as (1, n); of several tensors, a tuple.
///
/// Args:
///     tensors: any shapes
///
/// >>> torch.atleast_2d(torch.tensor([1, 2])).tolist()
/// [[1, 2]]
EXPOSE("atleast_2d(Tensor self) -> Tensor", atleast<2>, function);
EXPOSE("atleast_2d(Tensor[] tensors...) -> Tensor[]", atleast_all<2>, function);

/// A view with three dimensions at least, (n,) as (1, n, 1), (m, n) as (m, n, 1); of several tensors, a
/// tuple.
///
/// Args:
///     tensors: any shapes
///
/// >>> torch.atleast_3d(torch.tensor([1, 2])).shape
/// torch.Size([1, 2, 1])
EXPOSE("atleast_3d(Tensor self) -> Tensor", atleast<3>, function);
EXPOSE("atleast_3d(Tensor[] tensors...) -> Tensor[]", atleast_all<3>, function);

/// Joins tensors side by side: vectors along their dimension, others along the second.
///
/// Args:
///     tensors: shapes that fit; scalars count as vectors
///
/// >>> torch.hstack([torch.tensor([1]), torch.tensor([2])]).tolist()
/// [1, 2]
EXPOSE("hstack(Tensor[] tensors) -> Tensor", hstack, function | out);

/// Joins tensors as rows: along the first of two dimensions at least.
///
/// Args:
///     tensors: shapes that fit; vectors count as single rows
///
/// >>> torch.vstack([torch.tensor([1, 2]), torch.tensor([3, 4])]).tolist()
/// [[1, 2], [3, 4]]
EXPOSE("vstack(Tensor[] tensors) -> Tensor", vstack, function | out);

/// Joins tensors as rows; the same as `vstack`.
///
/// >>> torch.row_stack([torch.tensor([1]), torch.tensor([2])]).tolist()
/// [[1], [2]]
EXPOSE("row_stack(Tensor[] tensors) -> Tensor", vstack, function | out);

/// Joins tensors along the third of three dimensions at least.
///
/// Args:
///     tensors: shapes that fit; see `atleast_3d`
///
/// >>> torch.dstack([torch.tensor([1]), torch.tensor([2])]).tolist()
/// [[[1, 2]]]
EXPOSE("dstack(Tensor[] tensors) -> Tensor", dstack, function | out);

/// Joins tensors side by side, vectors as columns.
///
/// Args:
///     tensors: shapes that fit
///
/// >>> torch.column_stack([torch.tensor([1, 2]), torch.tensor([3, 4])]).tolist()
/// [[1, 3], [2, 4]]
EXPOSE("column_stack(Tensor[] tensors) -> Tensor", column_stack, function | out);

// ---- repeating

namespace {
// The repeated tensor with a dimension of its own for every repetition: sizes r0, s0, r1, s1 .. (leaving out
// r of one).
struct Repetition {
  Dims sizes;     // interleaved
  Dims strides;   // of the source in them: 0 along a repetition
  Dims repeated;  // which dimensions of `sizes` repeat
  Dims result;
};
Repetition repetition_of(const Tensor& self, IntList repeats) {
  check(static_cast<int>(repeats.size()) >= self.dim(),
        "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: got ",
        repeats.size(), " and ", self.dim());
  Repetition plan;
  plan.result = Dims{repeats};
  const int fresh = static_cast<int>(repeats.size()) - self.dim();
  auto append = [&](int64_t size, int64_t stride) {
    check<NotImplementedError>(plan.sizes.count < kMaxDims, "repeat along more than ", kMaxDims / 2,
                               " dimensions at once is not implemented");
    plan.sizes.push_back(size);
    plan.strides.push_back(stride);
  };
  for (int i = 0; i < plan.result.count; ++i) {
    if (repeats[i] != 1) {
      plan.repeated.push_back(plan.sizes.count);
      append(repeats[i], 0);
    }
    if (i < fresh) continue;
    append(self.sizes()[i - fresh], self.strides()[i - fresh]);
    check(!__builtin_mul_overflow(plan.result[i], self.sizes()[i - fresh], &plan.result[i]),
          "repeat: the size of dimension ", i, " overflows");
  }
  checked_numel(plan.result);
  return plan;
}
}  // namespace

Tensor repeat(const Tensor& self, IntList repeats) {
  Repetition plan = repetition_of(self, repeats);
  return differentiable(
      "RepeatBackward0", {},
      [&] {
        Tensor result = empty(plan.result, self.dtype());
        if (result.numel())
          copy_into(alias(result, plan.sizes, contiguous_strides(plan.sizes), 0),
                    alias(self, plan.sizes, plan.strides, 0));
        return result;
      },
      wrt(self, [sizes = self.sizes(), parts = plan.sizes, repeated = plan.repeated](const Tensor& grad) {
        if (grad.numel() == 0) return zeros(sizes, grad.dtype());
        Tensor apart = reshape(grad, parts);
        return reshape(repeated.count ? sum_dims(apart, IntList(repeated)) : apart, sizes);
      }));
}

namespace {
Tensor tile(const Tensor& self, IntList dims) {
  Dims repeats{dims};
  while (repeats.count < self.dim()) repeats.insert(0, 1);
  return repeat(self, repeats);
}

Tensor repeat_each(const Tensor& self, int64_t repeats, std::optional<int64_t> dim,
                   std::optional<int64_t> output_size) {
  check(repeats >= 0, "Repeats must be non-negative");
  Tensor input = dim ? self : reshape(self, Dims{-1});
  const bool scalar = input.dim() == 0;
  if (scalar) input = reshape(input, Dims{1});
  const int d = static_cast<int>(wrap_dim(dim.value_or(0), input.dim()));
  check(!output_size || *output_size == input.sizes()[d] * repeats,
        "repeat_interleave: Invalid output_size, expected ", input.sizes()[d] * repeats, " but got ",
        output_size.value_or(0));
  Dims flat = input.sizes();
  check(!__builtin_mul_overflow(flat[d], repeats, &flat[d]), "repeat_interleave: the size of dimension ", d,
        " overflows");
  checked_numel(flat);
  int64_t inner = 1;
  for (int i = d + 1; i < flat.count; ++i) inner *= flat[i];
  Dims apart = input.sizes();
  apart.insert(d + 1, repeats);
  return differentiable(
      "RepeatInterleaveBackward0", {},
      [&] {
        const Tensor result = empty(flat, self.dtype());
        if (result.numel() == 0) return result;
        const Tensor x = as_contiguous(input);
        const int64_t block = inner * static_cast<int64_t>(item_size(self.dtype()));
        if (block >= 64) {
          const std::vector<backend::Piece> copies(static_cast<size_t>(repeats), {x.data<char>(), block});
          const WithoutGil guard(copy_nanoseconds(result.numel() * block / inner));
          backend::current().interleave_rows(copies, x.numel() / inner, result.data<char>());
          return result;
        }
        // One copy after another, each to every repeats-th place.
        Dims strides = contiguous_strides(apart), sizes = apart;
        sizes[d + 1] = 1;
        for (int64_t k = 0; k < repeats; ++k)
          copy_into(alias(result, sizes, strides, k * inner), alias(x, sizes, contiguous_strides(sizes), 0));
        return result;
      },
      wrt(input, [apart, d, shape = input.sizes()](const Tensor& grad) {
        if (grad.numel() == 0) return zeros(shape, grad.dtype());
        const int64_t dims[] = {d + 1};
        return sum_dims(reshape(grad, apart), dims);
      }));
}

// repeats[i] times the number i.
Tensor repeated_positions(const Tensor& repeats, std::optional<int64_t> output_size) {
  check(repeats.dim() <= 1, "repeat_interleave only accept 1D vector as repeat");
  check(repeats.dtype() == DType::Int64 || repeats.dtype() == DType::Int32,
        "repeats has to be Long or Int tensor");
  const DeviceScope scope(on_host(repeats, "repeat_interleave with a tensor of repeats").device());
  Tensor counts = as_contiguous(to_dtype(detach(repeats), DType::Int64));
  const auto* n = counts.data<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < counts.numel(); ++i) {
    check(n[i] >= 0, "repeats can not be negative");
    check(!__builtin_add_overflow(total, n[i], &total),
          "repeat_interleave: the repeats sum to more than fits");
  }
  check(!output_size || *output_size == total, "allocated size does not match required size: output_size is ",
        output_size.value_or(0), " but the repeats sum to ", total);
  Tensor result = empty(Dims{total}, repeats.dtype());
  auto write = [&](auto* out) {
    for (int64_t i = 0; i < counts.numel(); ++i)
      out = std::fill_n(out, n[i], static_cast<std::remove_reference_t<decltype(*out)>>(i));
  };
  if (repeats.dtype() == DType::Int64)
    write(result.data<int64_t>());
  else
    write(result.data<int32_t>());
  return result;
}

Tensor repeat_by_counts(const Tensor& self, const Tensor& repeats, std::optional<int64_t> dim,
                        std::optional<int64_t> output_size) {
  Tensor input = dim ? self : reshape(self, Dims{-1});
  if (input.dim() == 0) input = reshape(input, Dims{1});
  const int d = static_cast<int>(wrap_dim(dim.value_or(0), input.dim()));
  const int64_t size = input.sizes()[d];
  Tensor counts = repeats;
  if (repeats.dim() == 0 || (repeats.dim() == 1 && repeats.sizes()[0] == 1))
    counts = expand(reshape(repeats, Dims{1}), Dims{size});
  else
    check(repeats.dim() == 1 && repeats.sizes()[0] == size,
          "repeats must have the same size as input along dim, but got repeats.size(0) = ",
          repeats.sizes()[0], " and input.size(", d, ") = ", size);
  return index_select(input, d, repeated_positions(counts, output_size));
}
}  // namespace

/// The tensor repeated along each dimension, copied.
///
/// Args:
///     repeats: how often, for at least as many dimensions as there are
///
/// Raises:
///     RuntimeError: fewer numbers than dimensions, or negative ones.
///
/// >>> torch.tensor([1, 2]).repeat(2).tolist()
/// [1, 2, 1, 2]
EXPOSE("repeat(Tensor self, int[] repeats) -> Tensor", repeat, method);

/// The tensor repeated along its last dimensions.
///
/// Args:
///     self: any shape
///     dims: how often; missing ones are 1
///
/// >>> torch.tile(torch.tensor([1, 2]), (2,)).tolist()
/// [1, 2, 1, 2]
EXPOSE("tile(Tensor self, int[] dims) -> Tensor", tile, function | method);

/// Each element repeated.
///
/// Args:
///     self: any shape
///     repeats: how often, a number, or a vector with one for each
///     dim: along which dimension; the flattened tensor by default
///     output_size: the size of the result, where it is known
///
/// >>> torch.repeat_interleave(torch.tensor([1, 2]), 2).tolist()
/// [1, 1, 2, 2]
EXPOSE("repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
       repeat_each, function | method);
EXPOSE("repeat_interleave(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
       repeat_by_counts, function | method);
EXPOSE("repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor", repeated_positions, function);

// ---- the same elements elsewhere

namespace {
Tensor rolled(const Tensor& self, int64_t shift, int d) {
  const int64_t size = self.sizes()[d];
  Tensor result = empty(self.sizes(), self.dtype());
  if (result.numel() == 0) return result;
  const int64_t split = ((shift % size) + size) % size;  // result[split:] = self[:size - split]
  auto copy_part = [&](int64_t to, int64_t from, int64_t length) {
    if (length == 0) return;
    Dims sizes = self.sizes();
    sizes[d] = length;
    copy_into(alias(result, sizes, result.strides(), to * result.strides()[d]),
              alias(self, sizes, self.strides(), from * self.strides()[d]));
  };
  copy_part(split, 0, size - split);
  copy_part(0, size - split, split);
  return result;
}
}  // namespace

Tensor roll(const Tensor& self, IntList shifts, IntList dims) {
  check(!shifts.empty(), "`shifts` required");
  if (dims.empty() && shifts.size() == 1)
    return reshape(roll(reshape(self, Dims{-1}), shifts, Dims{0}), self.sizes());
  check(shifts.size() == dims.size(), "shifts and dimensions must align. shifts: ", shifts.size(),
        ", dims:", dims.size());
  Dims back_shifts, back_dims;
  for (size_t i = 0; i < dims.size(); ++i) {
    check<IndexError>(self.dim() > 0, "Dimension specified as ", dims[i], " but tensor has no dimensions");
    back_dims.push_back(wrap_dim(dims[i], self.dim()));
    back_shifts.push_back(static_cast<int64_t>(-static_cast<uint64_t>(shifts[i])));
  }
  return differentiable(
      "RollBackward0", {},
      [&] {
        Tensor result = self;
        for (size_t i = 0; i < dims.size(); ++i)
          result = rolled(result, shifts[i], static_cast<int>(back_dims[static_cast<int>(i)]));
        return result;
      },
      wrt(self, [back_shifts, back_dims](const Tensor& grad) { return roll(grad, back_shifts, back_dims); }));
}
namespace {
Tensor roll_over(const Tensor& self, IntList shifts, std::optional<IntList> dims) {
  return roll(self, shifts, dims.value_or(IntList{}));
}
}  // namespace

namespace {
void copy_flipped(const Tensor& self, uint64_t mask, const Tensor& result) {
  const auto item = static_cast<int64_t>(item_size(self.dtype()));
  backend::SteppedRows rows{self.dim(), self.sizes().values, {}, static_cast<size_t>(item)};
  const char* start = self.data<char>();
  for (int i = 0; i < rows.dims; ++i) {
    rows.steps[i] = wrapping_mul(self.strides()[i], item);
    if (!(mask >> i & 1)) continue;
    start += (self.sizes()[i] - 1) * rows.steps[i];
    rows.steps[i] = -rows.steps[i];
  }
  const WithoutGil guard(copy_nanoseconds(self.numel() * item));
  backend::current().copy_stepped_rows(rows, self.numel(), start, result.data<char>());
}
}  // namespace

Tensor flip(const Tensor& self, IntList dims) {
  uint64_t mask = 0;
  for (int64_t dim : dims) {
    const int64_t d = wrap_dim(dim, self.dim());
    check(!(mask >> d & 1), "dim ", d, " appears multiple times in the list of dims");
    mask |= uint64_t{1} << d;
  }
  return differentiable(
      "FlipBackward0", {},
      [&] {
        Tensor result = empty(self.sizes(), self.dtype());
        if (self.dim() == 0)
          copy_into(result, self);
        else if (self.numel())
          copy_flipped(self, mask, result);
        return has_channels_last(self) ? with_channels_last(result) : result;
      },
      wrt(self, [dims = Dims{dims}](const Tensor& grad) { return flip(grad, dims); }));
}

namespace {
Tensor fliplr(const Tensor& self) {
  check(self.dim() >= 2, "Input must be >= 2-d.");
  return flip(self, Dims{1});
}
Tensor flipud(const Tensor& self) {
  check(self.dim() >= 1, "Input must be >= 1-d.");
  return flip(self, Dims{0});
}
Tensor rot90(const Tensor& self, int64_t k, IntList dims) {
  check(dims.size() == 2, "expected total rotation dims == 2, but got dims = ", dims.size());
  check(self.dim() >= 2, "expected total dims >= 2, but got total dims = ", self.dim());
  const int64_t a = wrap_dim(dims[0], self.dim()), b = wrap_dim(dims[1], self.dim());
  check(a != b, "expected rotation dims to be different, but got dim0 = ", dims[0], " and dim1 = ", dims[1]);
  switch (((k % 4) + 4) % 4) {
    case 1:
      return transpose(flip(self, Dims{b}), a, b);
    case 2:
      return flip(self, Dims{a, b});
    case 3:
      return transpose(flip(self, Dims{a}), a, b);
    default:
      return clone(self, MemoryFormat::Contiguous);
  }
}
}  // namespace

/// Elements moved along dimensions; those that leave at the end come in at the front.
///
/// Args:
///     self: any shape
///     shifts: by how much
///     dims: along which; the flattened tensor by default
///
/// >>> torch.roll(torch.tensor([1, 2, 3]), 1).tolist()
/// [3, 1, 2]
EXPOSE("roll(Tensor self, int[] shifts, int[]? dims=None) -> Tensor", roll_over, function | method);

/// The order of elements reversed along dimensions, copied.
///
/// Args:
///     self: any shape
///     dims: which
///
/// >>> torch.flip(torch.tensor([1, 2, 3]), (0,)).tolist()
/// [3, 2, 1]
EXPOSE("flip(Tensor self, int[] dims) -> Tensor", flip, function | method);

/// The second dimension reversed.
///
/// Args:
///     self: at least two dimensions
///
/// >>> torch.fliplr(torch.tensor([[1, 2]])).tolist()
/// [[2, 1]]
EXPOSE("fliplr(Tensor self) -> Tensor", fliplr, function | method);

/// The first dimension reversed.
///
/// Args:
///     self: at least one dimension
///
/// >>> torch.flipud(torch.tensor([1, 2])).tolist()
/// [2, 1]
EXPOSE("flipud(Tensor self) -> Tensor", flipud, function | method);

/// A quarter turn, k times, in the plane of two dimensions.
///
/// Args:
///     self: at least two dimensions
///     k: how often; backwards if negative
///     dims: from the first towards the second
///
/// >>> torch.rot90(torch.tensor([[1, 2], [3, 4]])).tolist()
/// [[2, 4], [1, 3]]
EXPOSE("rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor", rot90, function | method);

}  // namespace flambeau
