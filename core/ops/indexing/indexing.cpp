// x[i, j], x[mask] and writing through them: any mix of integer index tensors, masks and whole dimensions.
#include "core/ops/indexing/indexing.h"

#include <algorithm>

#include "core/ops/creation/creation.h"
#include "core/tensor/gil.h"

namespace flambeau {

// ---- shared pieces

Tensor as_positions(const Tensor& index) {
  return as_contiguous(index.dtype() == DType::Int64 ? index : cast_copy(index, DType::Int64));
}

Tensor byte_offsets(const Tensor& positions, int64_t size, int64_t stride_bytes, bool wrap, int64_t& bad) {
  Tensor offsets = empty(Dims{positions.numel()}, DType::Int64);
  const int64_t at = backend::current().add_offsets(positions.data<int64_t>(), positions.numel(), size, wrap,
                                                    stride_bytes, true, offsets.data<int64_t>(), nullptr);
  if (at < 0) return offsets;
  bad = positions.data<int64_t>()[at];
  return {};
}

backend::IndexedBlocks blocks_of(const Tensor& t, int first, int covered, const Tensor& offsets) {
  const auto item = static_cast<int64_t>(item_size(t.dtype()));
  backend::IndexedBlocks blocks{{}, offsets.data<int64_t>(), offsets.numel(), {}, item};
  auto append = [&](backend::Walk& walk, int d) {
    if (t.sizes()[d] == 1) return;
    walk.sizes[walk.dims] = t.sizes()[d];
    walk.strides[walk.dims++] = wrapping_mul(t.strides()[d], item);
  };
  for (int d = 0; d < first; ++d) append(blocks.outer, d);
  int last = t.dim();
  while (last > first + covered &&
         (t.sizes()[last - 1] == 1 || wrapping_mul(t.strides()[last - 1], item) == blocks.run))
    blocks.run *= t.sizes()[--last];
  for (int d = first + covered; d < last; ++d) append(blocks.inner, d);
  return blocks;
}

Destination::Destination(const Out& out, const Dims& sizes, DType dtype,
                         std::initializer_list<Tensor> inputs) {
  if (!out.target) {
    work_ = empty(sizes, dtype);
    return;
  }
  target_ = result_for(out, sizes, dtype);
  bool direct = target_.is_contiguous() && target_.dtype() == dtype;
  for (const Tensor& input : inputs) direct &= !shares_storage(input, target_);
  work_ = direct ? target_ : empty(sizes, dtype);
}
Tensor Destination::finish() {
  if (!target_ || target_ == work_) return work_;
  copy_into(target_, work_);
  return target_;
}

Tensor modifiable(const Out& out, const Tensor& self) {
  Tensor result = result_for(out, self.sizes(), self.dtype());
  if (!out.inplace) copy_into(result, self);
  return result;
}

bool is_expanded(const Tensor& t) {
  if (t->contiguous || t.numel() == 0) return false;
  for (int i = 0; i < t.dim(); ++i)
    if (t.strides()[i] == 0 && t.sizes()[i] > 1) return true;
  return false;
}

void warn_of_expanded(const char* name) {
  warn(concat(
      "Use of ", name,
      " on expanded tensors is deprecated. Please clone() the tensor before performing this operation. "
      "This also applies to advanced indexing e.g. tensor[mask] = scalar"));
}

Tensor modifiable_with_warning(const char* name, const Out& out, const Tensor& self, bool recorded) {
  if (!out.inplace || !is_expanded(self)) [[likely]]
    return modifiable(out, self);
  warn_of_expanded(name);
  if (recorded) check_no_internal_overlap(self);
  self->bump_version();
  return self;
}

void fill_expanded(const Tensor& self, const Tensor& mask, const Operand& value) {
  Dims sizes = self.sizes(), shared;
  for (int i = 0; i < sizes.count; ++i)
    if (self.strides()[i] == 0 && sizes[i] > 1) {
      sizes[i] = 1;
      shared.push_back(i);
    }
  const Tensor any = amax(expand(mask, self.sizes()), shared, true);
  const Tensor window = alias(self, sizes, self.strides(), 0);
  pointwise_as(Out{window.get(), nullptr, true}, Pointwise::Where, self.dtype(), {any, value, window});
}

// ---- what an index means

namespace {

// Where the indexed dimensions lie and what takes their place. The indexed dimensions, brought together by
// `order`, act as one dimension on which a single list of positions selects.
struct Plan {
  Dims order, before, indexed, after, broadcast;
  bool in_order = true;  // `order` is the identity

  Dims result() const { return joined(before, broadcast, after); }
  Dims result_flat() const { return joined(before, Dims{count(broadcast)}, after); }
  Dims source() const { return joined(before, indexed, after); }
  Dims source_flat() const { return joined(before, Dims{count(indexed)}, after); }
  static int64_t count(const Dims& dims) {
    int64_t n = 1;
    for (int64_t size : dims) n *= size;
    return n;
  }
  static Dims joined(const Dims& a, const Dims& b, const Dims& c) {
    Dims all = a;
    for (const Dims* part : {&b, &c})
      for (int64_t size : *part) {
        check(all.count < kMaxDims, "the result of indexing would have more than ", kMaxDims, " dimensions");
        all.push_back(size);
      }
    return all;
  }
};

// One index: positions over `dims` dimensions from `first` on (a mask covers as many as it has).
struct Entry {
  int first, dims;
  Tensor positions;  // shaped as the index broadcasts
  bool wrap;         // from an integer tensor: negative ones count from the end
};

struct Resolved {
  Plan plan;
  Tensor offsets;  // bytes, into self
  Tensor linear;   // positions on the flattened indexed dimensions; only where a gradient needs them
  bool distinct;   // no element twice
};

bool is_mask(const Tensor& index) { return index.dtype() == DType::Bool || index.dtype() == DType::UInt8; }

std::vector<Entry> entries_of(const Tensor& self, TensorList indices) {
  std::vector<Entry> entries;
  int d = 0;
  for (const Tensor& index : indices) {
    const int dims = !index ? 1 : is_mask(index) ? index.dim() : 1;
    if (index && index.device() != self.device() && index.device() != Device::Type::Cpu)
      fail<RuntimeError>("indices should be either on cpu or on the same device as the indexed tensor (",
                         name(self.device()), ")");
    check<IndexError>(d + dims <= self.dim(), "too many indices for tensor of dimension ", self.dim());
    if (index && is_mask(index)) {
      if (index.dtype() == DType::UInt8 && warn)
        warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.");
      for (int i = 0; i < dims; ++i)
        check<IndexError>(index.sizes()[i] == self.sizes()[d + i], "The shape of the mask ", index.sizes(),
                          " at index ", i, " does not match the shape of the indexed tensor ", self.sizes(),
                          " at index ", d + i);
      entries.push_back({d, dims, mask_positions(count_mask(index)), false});
    } else if (index) {
      check<IndexError>(
          is_integral(index.dtype()) && !is_wide_unsigned(index.dtype()) && index.dtype() >= DType::Int32,
          "tensors used as indices must be long, int, byte or bool tensors, but got ",
          scalar_type_name(index.dtype()));
      entries.push_back({d, dims, as_positions(index), true});
    }
    d += dims;
  }
  return entries;
}

Dims broadcast_of(const std::vector<Entry>& entries) {
  Dims sizes;
  for (const Entry& entry : entries) {
    const Dims& own = entry.positions.sizes();
    for (int i = 1; i <= std::min(sizes.count, own.count); ++i) {
      const int64_t a = sizes[sizes.count - i], b = own[own.count - i];
      if (a == b || a == 1 || b == 1) continue;
      std::string shapes;
      for (const Entry& e : entries)  // a mask counts as an index for each of its dimensions
        for (int k = 0; k < e.dims; ++k)
          shapes += (shapes.empty() ? "" : ", ") + to_string(e.positions.sizes());
      fail<IndexError>("shape mismatch: indexing tensors could not be broadcast together with shapes ",
                       shapes);
    }
    sizes = broadcast_sizes(sizes, own);
  }
  return sizes;
}

Plan plan_of(const Tensor& self, const std::vector<Entry>& entries) {
  Plan plan;
  plan.broadcast = broadcast_of(entries);
  uint64_t indexed = 0;
  bool together = true;
  int end = entries.empty() ? 0 : entries[0].first;
  for (const Entry& entry : entries) {
    together &= entry.first == end;
    end = entry.first + entry.dims;
    for (int i = 0; i < entry.dims; ++i) indexed |= uint64_t{1} << (entry.first + i);
  }
  // Indices that stand apart put their dimensions in front, as in NumPy.
  const int front = together && !entries.empty() ? entries[0].first : 0;
  for (int d = 0; d < front; ++d) plan.order.push_back(d);
  for (int d = 0; d < self.dim(); ++d)
    if (indexed >> d & 1) plan.order.push_back(d);
  for (int d = front; d < self.dim(); ++d)
    if (!(indexed >> d & 1)) plan.order.push_back(d);
  for (int i = 0; i < self.dim(); ++i) {
    const int d = static_cast<int>(plan.order[i]);
    plan.in_order &= d == i;
    Dims& part = indexed >> d & 1 ? plan.indexed : i < front ? plan.before : plan.after;
    part.push_back(self.sizes()[d]);
  }
  return plan;
}

// Adds one entry's share to the offsets.
void add_entry(const Tensor& self, const Entry& entry, const Dims& broadcast, bool first, int64_t* offsets,
               int64_t* linear) {
  const auto item = static_cast<int64_t>(item_size(self.dtype()));
  Tensor positions = entry.positions;
  if (!(positions.sizes() == broadcast)) positions = contiguous_copy(expand(positions, broadcast));
  const auto* p = positions.data<int64_t>();
  const int64_t n = positions.numel();
  if (entry.dims == 1) {
    const int64_t size = self.sizes()[entry.first];
    const int64_t bad = backend::current().add_offsets(
        p, n, size, entry.wrap, wrapping_mul(self.strides()[entry.first], item), first, offsets, linear);
    check<IndexError>(bad < 0, "index ", bad < 0 ? 0 : p[bad], " is out of bounds for dimension ",
                      entry.first, " with size ", size);
    return;
  }
  on_host(positions, "a mask over several dimensions");
  int64_t total = 1;
  for (int i = 0; i < entry.dims; ++i) total *= self.sizes()[entry.first + i];
  for (int64_t j = 0; j < n; ++j) {  // a mask over several dimensions
    int64_t rest = p[j];
    if (linear) linear[j] = linear[j] * total + rest;
    for (int i = entry.dims - 1; i >= 0; --i) {
      const int64_t size = self.sizes()[entry.first + i];
      offsets[j] += rest % size * self.strides()[entry.first + i] * item;
      rest /= size;
    }
  }
}

Resolved resolve(const Tensor& self, TensorList indices, bool need_linear) {
  NoGrad no_grad;
  const std::vector<Entry> entries = entries_of(self, indices);
  Resolved r{plan_of(self, entries), {}, {}, entries.size() == 1 && !entries[0].wrap};
  const int64_t n = Plan::count(r.plan.broadcast);
  // Most often there is one entry, which writes what others would have to be added to.
  bool first = !entries.empty() && entries[0].dims == 1;
  r.offsets = first ? empty(Dims{n}, DType::Int64) : zeros(Dims{n}, DType::Int64);
  if (need_linear) r.linear = first ? empty(Dims{n}, DType::Int64) : zeros(Dims{n}, DType::Int64);
  for (const Entry& entry : entries) {
    add_entry(self, entry, r.plan.broadcast, first, r.offsets.data<int64_t>(),
              need_linear ? r.linear.data<int64_t>() : nullptr);
    first = false;
  }
  return r;
}

// self with its indexed dimensions together; raw.
Tensor in_order(const Tensor& self, const Plan& plan) {
  if (plan.in_order) return self;
  Dims sizes, strides;
  for (int64_t d : plan.order) {
    sizes.push_back(self.sizes()[static_cast<int>(d)]);
    strides.push_back(self.strides()[static_cast<int>(d)]);
  }
  return alias(self, sizes, strides, 0);
}
backend::IndexedBlocks blocks_for(const Tensor& ordered, const Resolved& r) {
  return blocks_of(ordered, r.plan.before.count, r.plan.indexed.count, r.offsets);
}

// ---- the derivatives, by operators on the flattened indexed dimension

Tensor flattened(const Tensor& t, const Plan& plan) {
  return reshape(plan.in_order ? t : permute(t, plan.order), plan.source_flat());
}
Tensor unflattened(const Tensor& flat, const Plan& plan) {
  Tensor t = reshape(flat, plan.source());
  if (plan.in_order) return t;
  Dims inverse = plan.order;
  for (int i = 0; i < inverse.count; ++i) inverse[static_cast<int>(plan.order[i])] = i;
  return permute(t, inverse);
}
Tensor taken(const Tensor& t, const Plan& plan, const Tensor& linear) {
  return reshape(index_select(flattened(t, plan), plan.before.count, linear), plan.result());
}
Tensor spread(const Tensor& grad, const Plan& plan, const Tensor& linear) {
  Tensor flat = reshape(grad, plan.result_flat());
  return unflattened(index_spread(flat, plan.before.count, linear, plan.source_flat()), plan);
}
Tensor zeroed(const Tensor& grad, const Plan& plan, const Tensor& linear) {
  return unflattened(index_fill(flattened(grad, plan), plan.before.count, linear, Scalar(0)), plan);
}

// The one mask that covers all of self, if that is the index.
const Tensor* whole_mask(const Tensor& self, TensorList indices) {
  if (indices.size() != 1 || !indices[0] || indices[0].dtype() != DType::Bool || self.dim() == 0)
    return nullptr;
  return indices[0].sizes() == self.sizes() ? &indices[0] : nullptr;
}

Tensor compressed(const Tensor& self, const Tensor& mask) {
  const MaskCount where = count_mask(mask);
  Tensor from = as_contiguous(self), result = empty(Dims{where.total()}, self.dtype());
  const char* in = from.data<char>();
  char* to = result.data<char>();
  const size_t item = item_size(self.dtype());
  WithoutGil guard(move_nanoseconds(from.numel(), self.dtype()));
  backend::current().compress(item, in, where.data(), from.numel(), where.starts, to);
  return result;
}

}  // namespace

// indices[i] indexes dimension i (a mask: as many dimensions as it has); undefined entries stand for all of
// theirs.
Tensor index(const Tensor& self, TensorList indices) {
  if (const Tensor* mask = whole_mask(self, indices))
    return differentiable(
        "IndexBackward0", {}, [&] { return compressed(self, *mask); },
        wrt(self, [m = saved(*mask)](const Tensor& grad) { return masked_spread(grad, m()); }));
  Resolved r = resolve(self, indices, grad_enabled() && requires_grad(self));
  return differentiable(
      "IndexBackward0", {},
      [&] {
        Tensor result = empty(r.plan.result(), self.dtype()), from = in_order(self, r.plan);
        const backend::IndexedBlocks blocks = blocks_for(from, r);
        const char* in = from.data<char>();
        char* to = result.data<char>();
        WithoutGil guard(move_nanoseconds(result.numel(), self.dtype()));
        backend::current().gather_blocks(blocks, in, to);
        return result;
      },
      wrt(self, [plan = r.plan, linear = saved(r.linear)](const Tensor& grad) {
        return spread(grad, plan, linear());
      }));
}

namespace {
// Leading dimensions of one, beyond those of the place written to, say nothing.
Tensor without_extra_ones(const Tensor& values, int dims) {
  int drop = 0;
  while (values.dim() - drop > dims && values.sizes()[drop] == 1) ++drop;
  if (drop == 0) return values;
  Dims sizes;
  for (int i = drop; i < values.dim(); ++i) sizes.push_back(values.sizes()[i]);
  return reshape(values, sizes);
}

// The values in the shape and memory order of the blocks.
Tensor dense_values(const Tensor& self, const Operand& values, const Dims& sizes) {
  if (!values.is_tensor()) return fill_raw(empty(sizes, self.dtype()), values.scalar());
  Tensor v = without_extra_ones(values.tensor(), sizes.count);
  if (v.sizes() == sizes && v.is_contiguous() && !shares_storage(v, self)) return v;
  Tensor dense = empty(sizes, self.dtype());
  copy_into(dense, v);
  return dense;
}

void check_values(const Tensor& self, const Operand& values, const Dims& sizes) {
  if (!values.is_tensor()) return check_fits(values.scalar(), self.dtype());
  const Tensor& v = values.tensor();
  check(v.dtype() == self.dtype(), "Index put requires the source and destination dtypes match, got ",
        scalar_type_name(self.dtype()), " for the destination and ", scalar_type_name(v.dtype()),
        " for the source.");
  bool fits = true;
  for (int i = 1; i <= v.dim(); ++i) {
    const int64_t own = v.sizes()[v.dim() - i];
    fits &= own == 1 || (i <= sizes.count && own == sizes[sizes.count - i]);
  }
  check(fits, "shape mismatch: value tensor of shape ", v.sizes(),
        " cannot be broadcast to indexing result of shape ", sizes);
}

// Undoes both kinds of broadcast of the values: extra ones in front, and repetition.
Tensor gradient_of_values(const Tensor& grad, const Dims& sizes) {
  if (sizes.count <= grad.dim()) return sum_to(grad, sizes);
  Dims core;
  for (int i = sizes.count - grad.dim(); i < sizes.count; ++i) core.push_back(sizes[i]);
  return reshape(sum_to(grad, core), sizes);
}

// One value of any dtype everywhere under a mask of self's own shape.
Tensor fill_under_mask(const Tensor& self, const Tensor& mask, const Operand& value, const Out& out) {
  if (out.inplace && is_expanded(self)) [[unlikely]] {
    warn_of_expanded("index_put_");  // masked_fill_ warns too
    if (grad_enabled() && (requires_grad(self) || requires_grad(value))) check_no_internal_overlap(self);
  }
  // As assignment converts, not as masked_fill, which refuses a fraction for integers.
  const bool truncate = !value.is_tensor() && value.scalar().is_floating() && is_integral(self.dtype());
  const Operand item = !truncate                     ? value
                       : self.dtype() == DType::Bool ? Scalar(value.scalar().to_bool())
                                                     : Scalar(value.scalar().to_int());
  return differentiable(
      "IndexPutBackward0", out,
      [&] {
        if (!item.is_tensor()) return masked_fill(self, mask, item, out);
        return masked_fill(self, mask, reshape(item.tensor(), Dims{}), out);
      },
      wrt(self, [m = saved(mask)](const Tensor& grad) { return masked_fill(grad, m(), Scalar(0)); }),
      wrt(value, [m = saved(mask), sizes = value.sizes()](const Tensor& grad) {
        return reshape(sum(masked_select(grad, m())), sizes);
      }));
}

// The only index, if it is a mask.
const Tensor* lone_mask(TensorList indices) {
  const Tensor* found = nullptr;
  for (const Tensor& index : indices) {
    if (!index) continue;
    if (found || !is_mask(index)) return nullptr;
    found = &index;
  }
  return found;
}

Tensor index_put_to(const Tensor& self, TensorList indices, const Operand& values, bool accumulate,
                    const Out& out) {
  const bool one_value = !values.is_tensor() || values.tensor().numel() == 1;
  if (const Tensor* mask = lone_mask(indices); mask && one_value && !accumulate) {  // filled, as masked_fill
    if (mask->dtype() == DType::UInt8) entries_of(self, indices);  // whose refusals come first
    check_mask(*mask);
    if (whole_mask(self, indices)) return fill_under_mask(self, *mask, values, out);
    if (values.is_tensor() && values.dtype() != self.dtype()) {
      check_number_fits(values.tensor(), self.dtype());
      return index_put_to(self, indices, to_dtype(values.tensor(), self.dtype()), false, out);
    }
  }
  const bool recorded = grad_enabled() && (requires_grad(self) || requires_grad(values));
  Resolved r = resolve(self, indices, recorded);
  check_values(self, values, r.plan.result());
  if (values.is_tensor() && values.tensor().device() != self.device() && values.sizes().count)
    fail<RuntimeError>("Expected all tensors to be on the same device, but found at least two devices, ",
                       name(self.device()), " and ", name(values.tensor().device()), "!");
  return differentiable(
      "IndexPutBackward0", out,
      [&] {
        Tensor dense = dense_values(self, values, r.plan.result());
        Tensor target = modifiable_with_warning("index_put_", out, self, recorded);
        if (!(target.strides() == self.strides())) r = resolve(target, indices, false);
        const backend::IndexedBlocks blocks = blocks_for(in_order(target, r.plan), r);
        const char* in = dense.data<char>();
        char* to = target.data<char>();
        const DType dtype = self.dtype();
        const bool distinct = r.distinct && !is_expanded(target);
        WithoutGil guard(2 * move_nanoseconds(dense.numel(), dtype));
        if (accumulate)
          backend::current().combine_blocks(dtype, backend::ScatterOp::Add, blocks, to, in);
        else
          backend::current().scatter_blocks(blocks, to, in, distinct);
        return target;
      },
      wrt(self, [plan = r.plan, linear = saved(r.linear), accumulate](
                    const Tensor& grad) { return accumulate ? grad : zeroed(grad, plan, linear()); }),
      wrt(values, [plan = r.plan, linear = saved(r.linear), sizes = values.sizes()](const Tensor& grad) {
        return gradient_of_values(taken(grad, plan, linear()), sizes);
      }));
}
}  // namespace

Tensor index_put_(const Tensor& self, TensorList indices, const Operand& values, bool accumulate) {
  return index_put_to(self, indices, values, accumulate, Out{self.get(), nullptr, true});
}

namespace {
Tensor index_put(const Tensor& self, TensorList indices, const Tensor& values, bool accumulate,
                 const Out& out) {
  return index_put_to(self, indices, values, accumulate, out);
}
}  // namespace

/// A copy in which the elements that indices name are replaced: out[indices] = values.
///
/// Args:
///     self: any shape
///     indices: a tuple of index tensors, int64 or bool, that broadcast
///     values: broadcasts with the indices' result
///     accumulate: whether values are added to what is there
///
/// Raises:
///     IndexError: an index out of range.
///
/// >>> torch.zeros(3).index_put((torch.tensor([1]),), torch.tensor(5.0)).tolist()
/// [0.0, 5.0, 0.0]
EXPOSE("index_put(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> Tensor", index_put,
       function | method | inplace | inplace_function);

}  // namespace flambeau
