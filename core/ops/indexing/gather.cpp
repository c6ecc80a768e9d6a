// Selecting, adding and writing slices at a list of positions (index_*), and single elements (gather,
// scatter, take).
#include <algorithm>

#include "core/autograd/sparse.h"
#include "core/ops/creation/creation.h"
#include "core/ops/indexing/indexing.h"
#include "core/tensor/gil.h"

namespace flambeau {

namespace {
// Throws what PyTorch throws for `index` where it is no vector of integers.
template <class Error>
void check_vector(const char* name, const Tensor& index, std::string_view text) {
  check<Error>(index.dim() <= 1, name, text);
  check(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, name,
        "(): Expected dtype int32 or int64 for index, but got ", scalar_type_name(index.dtype()));
}

// Byte offsets of the slices of t along d.
template <class Error>
Tensor offsets_along(const Tensor& t, int d, const Tensor& index, bool wrap, const char* prefix) {
  int64_t bad = 0;
  const int64_t size = t.sizes()[d];
  Tensor offsets =
      byte_offsets(as_positions(index), size,
                   wrapping_mul(t.strides()[d], static_cast<int64_t>(item_size(t.dtype()))), wrap, bad);
  check<Error>(static_cast<bool>(offsets), prefix, "index ", bad, " is out of bounds for dimension ", d,
               " with size ", size);
  return offsets;
}

// The items of a vector at the positions; `result` is contiguous. The place of the first position out of
// range, or -1.
int64_t gather_items(const Tensor& vector, const Tensor& positions, const Tensor& result) {
  const int64_t sizes[] = {positions.numel()}, item = static_cast<int64_t>(item_size(vector.dtype()));
  const int64_t strides[] = {wrapping_mul(vector.strides()[0], item)};
  const backend::IndexedElements elements{1,       0,    vector.numel(), sizes, positions.data<int64_t>(),
                                          strides, &item};
  const char* const from = vector.data<char>();
  char* const to = result.data<char>();
  const WithoutGil guard(sizes[0]);
  return backend::current().gather_elements(static_cast<size_t>(item), elements, from, to);
}

// What happens to the slices at the positions.
enum class Slices { Read, Write, Add };
void move_slices(Slices what, const Tensor& strided, int d, const Tensor& offsets, const Tensor& dense) {
  const backend::IndexedBlocks blocks = blocks_of(strided, d, 1, offsets);
  char* a = strided.data<char>();
  char* b = dense.data<char>();
  const DType dtype = strided.dtype();
  WithoutGil guard(move_nanoseconds(dense.numel(), dtype));
  if (what == Slices::Read)
    backend::current().gather_blocks(blocks, a, b);
  else if (what == Slices::Write)
    backend::current().scatter_blocks(blocks, a, b, false);
  else
    backend::current().combine_blocks(dtype, backend::ScatterOp::Add, blocks, a, b);
}
}  // namespace

Tensor combined_slices(backend::ScatterOp op, const Tensor& self, int d, const Tensor& positions,
                       const Tensor& slices, const Out& out) {
  Tensor dense = as_contiguous(slices);
  if (out.target && shares_storage(dense, Tensor(out.target))) dense = contiguous_copy(dense);
  const Tensor result = modifiable(out, self), target = with_dims(result);
  const Tensor offsets = offsets_along<IndexError>(target, d, positions, false, "");
  const backend::IndexedBlocks blocks = blocks_of(target, d, 1, offsets);
  char* to = target.data<char>();
  const char* from = dense.data<char>();
  const WithoutGil guard(move_nanoseconds(dense.numel(), self.dtype()));
  if (op == backend::ScatterOp::Assign)
    backend::current().scatter_blocks(blocks, to, from, false);
  else
    backend::current().combine_blocks(self.dtype(), op, blocks, to, from);
  return result;
}

// ---- slices

Tensor index_select(const Tensor& self, int64_t dim, const Tensor& index, const Out& out) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  check_vector<IndexError>("index_select", index, "(): Index is supposed to be a vector");
  check(self.dim() > 0 || index.numel() == 1, "index_select(): Index to scalar can have only 1 value, got ",
        index.numel(), " value(s)");
  Dims sizes = self.sizes();
  if (sizes.count) sizes[d] = index.numel();
  return differentiable(
      "IndexSelectBackward0", out,
      [&] {
        Tensor from = with_dims(self);
        const int64_t size = from.sizes()[d];
        const Tensor positions = as_positions(index);
        check(!out.target || out.target->dtype == self.dtype(),
              "index_select(): self and result must have the same scalar type");
        const auto refuse = [&](int64_t bad) {
          fail<IndexError>("index out of range in self: index ", bad, ", but dimension ", d, " has size ",
                           size);
        };
        if (from.dim() == 1) {
          Destination result(out, sizes, self.dtype(), {self, index});
          const int64_t place = gather_items(from, positions, result.tensor());
          if (place >= 0) refuse(positions.data<int64_t>()[place]);
          return result.finish();
        }
        int64_t bad = 0;
        const Tensor offsets = byte_offsets(
            positions, size, wrapping_mul(from.strides()[d], static_cast<int64_t>(item_size(self.dtype()))),
            false, bad);
        if (!offsets) refuse(bad);
        Destination result(out, sizes, self.dtype(), {self, index});
        move_slices(Slices::Read, from, d, offsets, result.tensor());
        return result.finish();
      },
      wrt(self, [sizes = self.sizes(), d, at = saved(index)](const Tensor& grad) {
        return index_spread(grad, d, at(), sizes);
      }));
}

Tensor index_spread(const Tensor& grad, int d, const Tensor& index, const Dims& sizes) {
  return differentiable(
      "IndexAddBackward0", {},
      [&] {
        Tensor result = zeros(sizes, grad.dtype()), target = with_dims(result);
        move_slices(Slices::Add, target, d, offsets_along<IndexError>(target, d, index, false, ""),
                    as_contiguous(grad));
        return result;
      },
      wrt(grad, [d, at = saved(index)](const Tensor& g) { return index_select(g, d, at()); }));
}

namespace {
// Checks common to index_add and index_copy, whose messages differ in the type of the error.
template <class CountError>
void check_source(const char* name, const Tensor& self, int d, const Tensor& index, const Tensor& source) {
  check(self.dtype() == source.dtype(), name, "(): self (", scalar_type_name(self.dtype()), ") and source (",
        scalar_type_name(source.dtype()), ") must have the same scalar type");
  const Dims own = with_dims(self.sizes()), theirs = with_dims(source.sizes());
  check<CountError>(d < theirs.count && theirs[d] == index.numel(), name, "(): Number of indices (",
                    index.numel(), ") should be equal to source.size(dim): (",
                    d < theirs.count ? theirs[d] : 0, "), for dim: ", d);
  bool same = own.count == theirs.count;
  for (int i = 0; same && i < own.count; ++i) same = i == d || own[i] == theirs[i];
  check(same,
        "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape "
        "= ",
        self.sizes(), " source.shape = ", source.sizes());
}
// The gradient of a source: the slices at the index, in the source's shape.
auto gradient_of_source(int d, const Tensor& index, const Dims& sizes) {
  return [d, at = saved(index), sizes](const Tensor& grad) {
    Tensor slices = index_select(grad, d, at());
    return slices.sizes() == sizes ? slices : reshape(slices, sizes);
  };
}
}  // namespace

void check_slices(const char* name, const Tensor& self, int d, const Tensor& index, const Tensor& source) {
  check<IndexError>(index.dim() <= 1, name,
                    "(): Index is supposed to be a vector, but got dim: ", index.dim(),
                    " with type: ", scalar_type_name(index.dtype()), " and size: ", index.sizes());
  check_vector<IndexError>(name, index, "");
  check_source<RuntimeError>(name, self, d, index, source);
}

Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                 const Scalar& alpha, const Out& out) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  check_slices("index_add_", self, d, index, source);
  const bool scaled = !alpha.equals(1);
  return differentiable(
      "IndexAddBackward0", out,
      [&] {
        Tensor dense = as_contiguous(scaled ? mul(source, alpha) : source);
        if (out.target && shares_storage(dense, Tensor(out.target))) dense = contiguous_copy(dense);
        const Tensor from = with_dims(self);
        Tensor offsets =
            offsets_along<RuntimeError>(from, d, index, false, "");  // before anything is written
        Tensor result = modifiable(out, self), target = with_dims(result);
        if (target.strides()[d] != from.strides()[d])
          offsets = offsets_along<RuntimeError>(target, d, index, false, "");
        move_slices(Slices::Add, target, d, offsets, dense);
        return result;
      },
      wrt(self, [](const Tensor& grad) { return grad; }),
      wrt(source, [slices = gradient_of_source(d, index, source.sizes()), alpha, scaled](const Tensor& grad) {
        Tensor g = slices(grad);
        return scaled ? mul(g, alpha.conj()) : g;
      }));
}

namespace {
Tensor index_copy(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                  const Out& out) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  check<IndexError>(index.dim() <= 1, "index_copy_(): Index should have dimension 1 or 0 (got ", index.dim(),
                    ")");
  check(index.dtype() == DType::Int64, "index_copy_(): Expected a long tensor for index, but got ",
        scalar_type_name(index.dtype()));
  check(self.dtype() == source.dtype(),
        "index_copy_(): self and source expected to have the same dtype, but got (self) ",
        scalar_type_name(self.dtype()), " and (source) ", scalar_type_name(source.dtype()));
  const Dims own = with_dims(self.sizes()), theirs = with_dims(source.sizes());
  check<IndexError>(d < theirs.count && theirs[d] == index.numel(), "index_copy_(): Number of indices (",
                    index.numel(), ") should be equal to source.size(dim) (",
                    d < theirs.count ? theirs[d] : 0, ")");
  for (int i = 0; i < own.count; ++i)
    check(own.count == theirs.count && (i == d || own[i] == theirs[i]),
          "index_copy_(): Source/destination tensor must have same slice shapes. Destination shape: ",
          self.sizes(), " and source shape: ", source.sizes(), " at dimension ", d, ".");
  return differentiable(
      "IndexCopyBackward0", out,
      [&] {
        Tensor dense = as_contiguous(source);
        if (out.target && shares_storage(dense, Tensor(out.target))) dense = contiguous_copy(dense);
        const Tensor from = with_dims(self);
        Tensor offsets = offsets_along<IndexError>(from, d, index, false, "index_copy_(): ");
        Tensor result = modifiable(out, self), target = with_dims(result);
        if (target.strides()[d] != from.strides()[d])
          offsets = offsets_along<IndexError>(target, d, index, false, "index_copy_(): ");
        move_slices(Slices::Write, target, d, offsets, dense);
        return result;
      },
      wrt(self, [d, at = saved(index)](const Tensor& grad) { return index_fill(grad, d, at(), Scalar(0)); }),
      wrt(source, gradient_of_source(d, index, source.sizes())));
}
}  // namespace

Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, const Operand& value,
                  const Out& out) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  check<IndexError>(index.dtype() == DType::Int64, "index_fill_(): Expected dtype int64 for index.");
  check(index.dim() <= 1, "Index has to be a vector/scalar");
  check(!value.is_tensor() || value.tensor().dim() == 0,
        "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
        value.is_tensor() ? value.tensor().dim() : 0, " dimension(s).");
  if (!value.is_tensor()) check_fits(value.scalar(), self.dtype());
  const bool recorded = grad_enabled() && (requires_grad(self) || requires_grad(value));
  return differentiable(
      value.is_tensor() ? "IndexFillBackward1" : "IndexFillBackward0", out,
      [&] {
        Tensor from = with_dims(self);
        Dims sizes = from.sizes();
        sizes[d] = index.numel();
        Tensor dense = empty(sizes, self.dtype());
        if (value.is_tensor())
          copy_into(dense, value);
        else
          fill_raw(dense, value.scalar());
        Tensor offsets = offsets_along<IndexError>(from, d, index, true, "");
        Tensor result = modifiable_with_warning("index_fill_", out, self, recorded),
               target = with_dims(result);
        if (target.strides()[d] != from.strides()[d])
          offsets = offsets_along<IndexError>(target, d, index, true, "");
        move_slices(Slices::Write, target, d, offsets, dense);
        return result;
      },
      wrt(self, [d, at = saved(index)](const Tensor& grad) { return index_fill(grad, d, at(), Scalar(0)); }),
      wrt(value, [d, at = saved(index), size = with_dims(self.sizes())[d]](const Tensor& grad) {
        Tensor positions = at();
        return sum(
            index_select(grad, d, where(lt(positions, Scalar(0)), add(positions, Scalar(size)), positions)));
      }));
}

/// The slices of a dimension that an index names, in its order.
///
/// Args:
///     self: any shape
///     dim: which dimension
///     index: (n,), int32 or int64
///
/// Returns:
///     Size n in `dim`.
///
/// Raises:
///     IndexError: an index out of range, or not a vector.
///
/// >>> torch.tensor([[1, 2], [3, 4]]).index_select(0, torch.tensor([1])).tolist()
/// [[3, 4]]
EXPOSE("index_select(Tensor self, int dim, Tensor index) -> Tensor", index_select, function | method | out);

/// A copy to which slices are added: out[index[i]] += alpha source[i] along `dim`; repeated indices add up.
///
/// Args:
///     self: any shape
///     index: (n,), int32 or int64
///     source: self's shape with size n in `dim`
///     alpha: a number
///
/// Raises:
///     IndexError, RuntimeError: an index out of range, or shapes that do not fit.
///
/// >>> torch.zeros(2).index_add(0, torch.tensor([1, 1]), torch.tensor([1.0, 2.0])).tolist()
/// [0.0, 3.0]
EXPOSE("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Number alpha=1) -> Tensor", index_add,
       function | method | inplace | out);

/// A copy in which slices are replaced: out[index[i]] = source[i] along `dim`.
///
/// Args:
///     self: any shape
///     index: (n,), int64
///     source: self's shape with size n in `dim`
///
/// Raises:
///     IndexError, RuntimeError: an index out of range, or shapes that do not fit.
///
/// >>> torch.zeros(2).index_copy(0, torch.tensor([1]), torch.tensor([5.0])).tolist()
/// [0.0, 5.0]
EXPOSE("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", index_copy,
       function | method | inplace | out | Forms::widest);

/// A copy in which the slices that an index names hold one value.
///
/// Args:
///     self: any shape
///     index: (n,), int64
///     value: a number, or a tensor without dimensions
///
/// >>> torch.zeros(2).index_fill(0, torch.tensor([1]), 5).tolist()
/// [0.0, 5.0]
EXPOSE("index_fill(Tensor self, int dim, Tensor index, Tensor|Number value) -> Tensor", index_fill,
       function | method | inplace);

// ---- single elements

namespace {
void check_index_type(const char* name, const Tensor& index) {
  check(index.numel() == 0 || index.dtype() == DType::Int64 || index.dtype() == DType::Int32, name,
        "(): Expected dtype int32/int64 for index, but got ", scalar_type_name(index.dtype()));
}
// index may be larger than the other tensor along dim only.
bool within(const Dims& index, const Dims& sizes, int but) {
  for (int i = 0; i < index.count; ++i)
    if (i != but && index[i] > sizes[i]) return false;
  return true;
}
// Throws where there is a place in the index that holds a bad position.
void check_position(int64_t place, const Tensor& positions, int64_t size, int d) {
  check(place < 0, "index ", place < 0 ? 0 : positions.data<int64_t>()[place],
        " is out of bounds for dimension ", d, " with size ", size);
}
Tensor checked_positions(const Tensor& index, int64_t size, int d) {
  Tensor positions = as_positions(index);
  check_position(
      backend::current().wrap_positions(positions.data<int64_t>(), positions.numel(), size, false, nullptr),
      positions, size, d);
  return positions;
}

struct ByteStrides {
  int64_t values[kMaxDims];
  explicit ByteStrides(const Tensor& t) {
    for (int i = 0; i < t.dim(); ++i)
      values[i] = wrapping_mul(t.strides()[i], static_cast<int64_t>(item_size(t.dtype())));
  }
};
}  // namespace

Tensor slice_numbers(const Tensor& t, const Tensor& index, int d) {
  if (index.dim() < 2 || index.dim() != t.dim() || index.numel() == 0) return {};
  bool repeated = false;
  for (int i = 0; i < index.dim(); ++i) {
    if (i == d) continue;
    if (index.sizes()[i] != t.sizes()[i] || (index.sizes()[i] != 1 && index.strides()[i] != 0)) return {};
    repeated |= index.sizes()[i] != 1;
  }
  if (!repeated) return {};
  const Tensor line = alias(index, Dims{index.sizes()[d]}, Dims{index.strides()[d]}, 0);
  return checked_positions(line, t.sizes()[d], d);
}

Tensor gather(const Tensor& self, int64_t dim, const Tensor& index, bool sparse_grad, const Out& out) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  check_index_type("gather", index);
  const Dims own = with_dims(self.sizes()), sizes = with_dims(index.sizes());
  if (index.numel()) {
    check(own.count == sizes.count,
          "Index tensor must have the same number of dimensions as input tensor: got ", index.dim(), " and ",
          self.dim());
    for (int i = 0; i < sizes.count; ++i)
      check(i == d || sizes[i] <= own[i], "Size does not match at dimension ", i, " expected index ",
            index.sizes(), " to be no larger than self ", self.sizes(), " apart from dimension ", d);
  }
  if (const Tensor line = slice_numbers(self, index, d); line && !sparse_grad)
    return differentiable(
        "GatherBackward0", out, [&] { return index_select(self, d, line, out); },
        wrt(self, [sizes = self.sizes(), d, at = saved(line)](const Tensor& grad) {
          return index_spread(grad, d, at(), sizes);
        }));
  return differentiable(
      "GatherBackward0", out,
      [&] {
        Tensor from = with_dims(self);
        const Tensor positions = as_positions(index);
        Destination result(out, index.sizes(), self.dtype(), {self, index});
        if (index.numel() == 0) return result.finish();
        Tensor to = with_dims(result.tensor());
        const ByteStrides from_strides(from), to_strides(to);
        const backend::IndexedElements elements{
            sizes.count,      d, own[d], sizes.values, positions.data<int64_t>(), from_strides.values,
            to_strides.values};
        const char* in = from.data<char>();
        char* target = to.data<char>();
        const size_t item = item_size(self.dtype());
        int64_t bad = -1;
        {
          WithoutGil guard(index.numel());
          bad = backend::current().gather_elements(item, elements, in, target);
        }
        check_position(bad, positions, own[d], d);
        return result.finish();
      },
      wrt(self, [sizes = self.sizes(), d, at = saved(index), sparse_grad](const Tensor& grad) {
        if (sparse_grad) return sparse_bridge.elements(at(), d, grad, sizes);
        if (grad.numel() == 0) return zeros(sizes, grad.dtype());
        return scatter_add(zeros(sizes, grad.dtype()), d, at(), grad);
      }));
}

Tensor scattered(backend::ScatterOp op, const Tensor& self, int d, const Tensor& index, const Operand& src,
                 const Out& out) {
  // Nothing is written in place before all is known to be good.
  const int64_t size = with_dims(self).sizes()[d];
  Tensor positions = out.target ? checked_positions(index, size, d) : as_positions(index);
  const Dims sizes = with_dims(index.sizes());
  Tensor from = src.is_tensor() ? with_dims(src.tensor())
                                : Tensor(expand(scalar_tensor(src.scalar(), self.dtype()), sizes));
  if (out.target) {  // what is read must not change meanwhile: positions have been checked
    const Tensor written(out.target);
    if (shares_storage(from, written)) from = contiguous_copy(from);
    if (shares_storage(positions, written)) positions = contiguous_copy(positions);
  }
  Tensor result = modifiable(out, self);
  if (index.numel() == 0) return result;
  Tensor target = with_dims(result);
  const ByteStrides target_strides(target), from_strides(from);
  const backend::IndexedElements elements{sizes.count,
                                          d,
                                          target.sizes()[d],
                                          sizes.values,
                                          positions.data<int64_t>(),
                                          target_strides.values,
                                          from_strides.values};
  char* to = target.data<char>();
  const char* in = from.data<char>();
  const DType dtype = self.dtype();
  int64_t bad = -1;
  {
    const WithoutGil guard(index.numel());
    bad = backend::current().scatter_elements(dtype, op, elements, to, in);
  }
  check_position(bad, positions, size, d);
  return result;
}

int check_scatter(const char* name, const Tensor& self, int64_t dim, const Tensor& index,
                  const Operand& src) {
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  check_index_type(name, index);
  if (src.is_tensor())
    check(src.tensor().dtype() == self.dtype(), name,
          "(): Expected self.dtype to be equal to src.dtype, but got ", scalar_type_name(self.dtype()),
          " and ", scalar_type_name(src.tensor().dtype()));
  if (index.numel() == 0) return d;
  const Dims own = with_dims(self.sizes()), sizes = with_dims(index.sizes());
  check(own.count == sizes.count, "Index tensor must have the same number of dimensions as self tensor: got ",
        index.dim(), " and ", self.dim());
  if (!src.is_tensor()) {
    check(within(sizes, own, d), "Expected index ", index.sizes(), " to be no larger than self ",
          self.sizes(), " apart from dimension ", d);
    return d;
  }
  const Dims theirs = with_dims(src.tensor().sizes());
  check(theirs.count == sizes.count,
        "Index tensor must have the same number of dimensions as src tensor: got ", index.dim(), " and ",
        src.tensor().dim());
  check(within(sizes, own, d) && within(sizes, theirs, -1), "Expected index ", index.sizes(),
        " to be no larger than self ", self.sizes(), " apart from dimension ", d,
        " and to be no larger size than src ", src.tensor().sizes());
  return d;
}

Tensor with_zeros_to(const Tensor& grad, const Dims& sizes) {
  Tensor g = grad;
  for (int i = 0; i < sizes.count; ++i) {
    if (g.sizes()[i] == sizes[i]) continue;
    Dims rest = g.sizes();
    rest[i] = sizes[i] - g.sizes()[i];
    Tensor parts[] = {g, zeros(rest, g.dtype())};
    g = cat(parts, i);
  }
  return g;
}

namespace {
// The gradient of src: gathered, and zero where the index did not reach.
auto gradient_of_src(int d, const Tensor& index, const Operand& src) {
  return [d, at = saved(index), sizes = src.sizes()](const Tensor& grad) {
    return with_zeros_to(gather(grad, d, at()), sizes);
  };
}
}  // namespace

Tensor scatter_to(const Tensor& self, int64_t dim, const Tensor& index, const Operand& src, const Out& out) {
  const int d = check_scatter("scatter", self, dim, index, src);
  return differentiable(
      src.is_tensor() ? "ScatterBackward0" : "ScatterBackward1", out,
      [&] { return scattered(backend::ScatterOp::Assign, self, d, index, src, out); },
      wrt(self,
          [d, at = saved(index)](const Tensor& grad) { return scatter_to(grad, d, at(), Scalar(0), {}); }),
      wrt(src, gradient_of_src(d, index, src)));
}

namespace {
Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, const Out& out) {
  return scatter_to(self, dim, index, src, out);
}
Tensor scatter_value(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
                     const Out& out) {
  check_fits(value, self.dtype());
  return scatter_to(self, dim, index, value, out);
}

Tensor scatter_combined(const Tensor& self, int64_t dim, const Tensor& index, const Operand& src,
                        std::string_view reduce, const Out& out) {
  const int d = check_scatter("scatter", self, dim, index, src);
  check(reduce == "add" || reduce == "multiply", "reduce argument must be either add or multiply.");
  auto refuse = [](const Tensor&) -> Tensor {
    fail<RuntimeError>("the derivative for 'scatter' with reduce is not implemented.");
  };
  return differentiable(
      "NotImplemented", out,
      [&] {
        return scattered(reduce == "add" ? backend::ScatterOp::Add : backend::ScatterOp::Multiply, self, d,
                         index, src, out);
      },
      wrt(self, refuse), wrt(src, refuse));
}
Tensor scatter_reduced(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                       std::string_view reduce, const Out& out) {
  return scatter_combined(self, dim, index, src, reduce, out);
}
Tensor scatter_value_reduced(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
                             std::string_view reduce, const Out& out) {
  check_fits(value, self.dtype());
  return scatter_combined(self, dim, index, value, reduce, out);
}
}  // namespace

Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, const Out& out) {
  const int d = check_scatter("scatter_add", self, dim, index, src);
  if (const Tensor line = src.sizes() == index.sizes() ? slice_numbers(self, index, d) : Tensor())
    return differentiable(
        "ScatterAddBackward0", out,
        [&] { return combined_slices(backend::ScatterOp::Add, self, d, line, src, out); },
        wrt(self, [](const Tensor& grad) { return grad; }),
        wrt(src, [d, at = saved(line)](const Tensor& grad) { return index_select(grad, d, at()); }));
  return differentiable(
      "ScatterAddBackward0", out,
      [&] { return scattered(backend::ScatterOp::Add, self, d, index, src, out); },
      wrt(self, [](const Tensor& grad) { return grad; }), wrt(src, gradient_of_src(d, index, src)));
}

/// Elements along a dimension: out[i, j] = self[index[i, j], j] for dim = 0, and so on.
///
/// Args:
///     self: any shape
///     index: as many dimensions, int64, no larger than self outside of `dim`
///     sparse_grad: whether self's gradient is a sparse tensor
///
/// Returns:
///     The shape of the index.
///
/// Raises:
///     RuntimeError: an index out of range, or shapes that do not fit.
///
/// >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[1], [0]])).tolist()
/// [[2], [3]]
EXPOSE("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", gather,
       function | method | out);

/// The opposite of `gather`: a copy with out[index[i, j], j] = src[i, j] for dim = 0, and so on.
///
/// Args:
///     self: any shape
///     index: as many dimensions, int64
///     src: at least as large as the index, or a number `value`
///     reduce: 'add' or 'multiply' combine with what is there
///
/// Raises:
///     RuntimeError: an index out of range, or shapes that do not fit.
///
/// >>> torch.zeros(1, 3).scatter(1, torch.tensor([[2]]), 7).tolist()
/// [[0.0, 0.0, 7.0]]
EXPOSE("scatter(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", scatter,
       function | method | inplace | out);
EXPOSE("scatter(Tensor self, int dim, Tensor index, Number value) -> Tensor", scatter_value,
       function | method | inplace | out);
EXPOSE("scatter(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor", scatter_reduced,
       function | method | inplace | out);
EXPOSE("scatter(Tensor self, int dim, Tensor index, Number value, *, str reduce) -> Tensor",
       scatter_value_reduced, function | method | inplace | out);

/// A copy to which elements are added: out[index[i, j], j] += src[i, j] for dim = 0; repeated indices add up.
///
/// Args:
///     self: any shape
///     index: as many dimensions, int64
///     src: at least as large as the index
///
/// Raises:
///     RuntimeError: an index out of range, or shapes that do not fit.
///
/// >>> torch.zeros(2).scatter_add(0, torch.tensor([1, 1]), torch.tensor([1.0, 2.0])).tolist()
/// [0.0, 3.0]
EXPOSE("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", scatter_add,
       function | method | inplace | out);

// ---- positions in the flattened tensor

namespace {
// Wrapped positions, checked.
Tensor flat_positions(const char* name, const Tensor& self, const Tensor& index) {
  check(index.dtype() == DType::Int64, name, "(): Expected a long tensor for index, but got ",
        scalar_type_name(index.dtype()));
  const int64_t n = self.numel();
  check<IndexError>(n > 0 || index.numel() == 0, name, "(): tried to take from an empty tensor");
  const Tensor given = alias(as_contiguous(index), Dims{index.numel()}, Dims{1}, 0);
  const auto* p = given.data<int64_t>();
  if (backend::current().wrap_positions(p, index.numel(), n, false, nullptr) < 0) return given;
  const Tensor positions = empty({index.numel()}, DType::Int64);
  const int64_t bad = backend::current().wrap_positions(p, index.numel(), n, true, positions.data<int64_t>());
  check<IndexError>(bad < 0, "out of range: tried to access index ", bad < 0 ? 0 : p[bad], " on a tensor of ",
                    n, " elements.");
  return positions;
}
}  // namespace

Tensor take(const Tensor& self, const Tensor& index, const Out& out) {
  Tensor positions = flat_positions("take", self, index);
  check(!out.target || out.target->dtype == self.dtype(),
        "take(): self and out expected to have the same dtype, but got self.dtype = ",
        scalar_type_name(self.dtype()),
        " and out.dtype = ", out.target ? scalar_type_name(out.target->dtype) : "");
  return differentiable(
      "TakeBackward0", out,
      [&] {
        Tensor from = as_contiguous(self);
        Tensor flat = alias(from, Dims{self.numel()}, Dims{1}, 0);
        Destination result(out, index.sizes(), self.dtype(), {self, index});
        gather_items(flat, positions, result.tensor());
        return result.finish();
      },
      wrt(self, [sizes = self.sizes(), n = self.numel(), at = saved(positions)](const Tensor& grad) {
        return reshape(index_spread(reshape(grad, Dims{-1}), 0, at(), Dims{n}), sizes);
      }));
}

namespace {
Tensor put(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate, const Out& out) {
  check(self.dtype() == source.dtype(),
        "put_(): self and source expected to have the same dtype, but got self.dtype = ",
        scalar_type_name(self.dtype()), " and source.dtype = ", scalar_type_name(source.dtype()));
  check<IndexError>(source.numel() == index.numel(),
                    "put_(): Expected source and index to have the same number of elements, but got "
                    "source.numel() = ",
                    source.numel(), ", index.numel() = ", index.numel());
  Tensor positions = flat_positions("put_", self, index);
  return differentiable(
      "PutBackward0", out,
      [&] {
        Tensor work = contiguous_copy(self), dense = as_contiguous(source);
        Tensor flat = alias(work, Dims{self.numel()}, Dims{1}, 0);
        move_slices(accumulate ? Slices::Add : Slices::Write, flat, 0,
                    offsets_along<IndexError>(flat, 0, positions, false, ""), dense);
        if (!out.target) return work;
        Tensor target = result_for(out, self.sizes(), self.dtype());
        copy_into(target, work);
        return target;
      },
      wrt(self,
          [at = saved(positions), accumulate](const Tensor& grad) {
            if (accumulate) return grad;
            return reshape(index_fill(reshape(grad, Dims{-1}), 0, at(), Scalar(0)), grad.sizes());
          }),
      wrt(source, [at = saved(positions), sizes = source.sizes()](const Tensor& grad) {
        return reshape(index_select(reshape(grad, Dims{-1}), 0, at()), sizes);
      }));
}

Tensor take_along_dim(const Tensor& self, const Tensor& indices, std::optional<int64_t> dim, const Out& out) {
  check(indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32,
        "torch.take_along_dim(): dtype of indices should be Long but got ",
        scalar_type_name(indices.dtype()));
  if (!dim) return gather(reshape(self, Dims{-1}), 0, reshape(indices, Dims{-1}), false, out);
  check(self.dim() == indices.dim(),
        "torch.take_along_dim(): input and indices should have the same number of dimensions, but got ",
        self.dim(), " dimensions for input, and ", indices.dim(), " dimensions for indices");
  const int d = static_cast<int>(wrap_dim(*dim, self.dim()));
  Dims own = self.sizes(), theirs = indices.sizes();
  if (own.count) own[d] = theirs[d] = 1;
  own = theirs = broadcast_sizes(own, theirs);
  if (own.count) {
    own[d] = self.sizes()[d];
    theirs[d] = indices.sizes()[d];
  }
  // Along a dimension, as NumPy's, negative ones count from the end; gather tells what is out of range.
  Tensor at = as_positions(theirs == indices.sizes() ? indices : expand(indices, theirs));
  const int64_t size = own.count ? own[d] : 1;
  if (backend::current().wrap_positions(at.data<int64_t>(), at.numel(), size, false, nullptr) >= 0) {
    at = contiguous_copy(at);
    auto* p = at.data<int64_t>();
    backend::current().wrap_positions(p, at.numel(), size, true, p);
  }
  return gather(own == self.sizes() ? self : expand(self, own), d, at, false, out);
}
}  // namespace

/// Elements by their place in the flattened tensor.
///
/// Args:
///     self: any shape
///     index: any shape, int64
///
/// Returns:
///     The shape of the index.
///
/// Raises:
///     IndexError: an index out of range.
///
/// >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([3, 0])).tolist()
/// [4, 1]
EXPOSE("take(Tensor self, Tensor index) -> Tensor", take, function | method | out);

/// A copy in which elements are replaced by their place in the flattened tensor.
///
/// Args:
///     self: any shape
///     index: any shape, int64
///     source: as many elements
///     accumulate: whether they are added to what is there
///
/// >>> torch.zeros(3).put(torch.tensor([1]), torch.tensor([5.0])).tolist()
/// [0.0, 5.0, 0.0]
EXPOSE("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor", put,
       function | method | inplace);

/// Elements along a dimension, by indices as `argmax` gives them; `gather` with broadcasting.
///
/// Args:
///     self: any shape
///     indices: int64, broadcasts with self outside of `dim`
///     dim: which dimension; None stands for the flattened tensor
///
/// >>> torch.take_along_dim(torch.tensor([[3, 1]]), torch.tensor([[1]]), 1).tolist()
/// [[1]]
EXPOSE("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", take_along_dim,
       function | method | out);

}  // namespace flambeau
