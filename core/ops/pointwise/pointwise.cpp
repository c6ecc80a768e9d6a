#include "core/ops/pointwise/pointwise.h"

#include <algorithm>
#include <cstring>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/gil.h"

namespace flambeau {

namespace {

constexpr int kMaxOperands = 6;      // the result and up to five inputs
constexpr int64_t kChunk = 1024;     // items brought into contiguous form at a time
constexpr int64_t kLongRow = 128;    // rows of at least this many items are worked on where they lie
constexpr int64_t kGrain = 1 << 15;  // items a thread is worth waking for

const char* const kNames[] = {"add",  "sub", "mul", "add", "div",  "floor_divide", "div", "remainder",
                              "fmod", "pow", "neg", "abs", "sign", "square",       "pow"};
const char* operator_name(Pointwise op) {
  auto i = static_cast<size_t>(op);
  return i < std::size(kNames) ? kNames[i] : "this operator";
}

struct Operands {
  int count = 0;  // operand 0 is the result
  char* data[kMaxOperands];
  DType stored[kMaxOperands];               // dtype in memory
  DType wanted[kMaxOperands];               // dtype the kernel sees
  int64_t strides[kMaxOperands][kMaxDims];  // bytes
  int dims = 0;
  int64_t sizes[kMaxDims];
  int64_t numel = 1;
};

// Long strides outside, then neighbouring dimensions that are one stretch for every operand become one.
void order_and_coalesce(Operands& o) {
  int order[kMaxDims];
  int n = 0;
  for (int d = 0; d < o.dims; ++d)
    if (o.sizes[d] != 1) order[n++] = d;
  auto outside = [&](int a, int b) {  // by the result's stride, then by the inputs'
    for (int k = 0; k < o.count; ++k) {
      int64_t x = std::abs(o.strides[k][a]), y = std::abs(o.strides[k][b]);
      if (x != y && x && y) return x > y;
    }
    return false;
  };
  for (int i = 1; i < n; ++i)  // insertion sort: few dimensions, and the comparison is no strict weak order
    for (int j = i; j > 0 && outside(order[j], order[j - 1]); --j) std::swap(order[j], order[j - 1]);
  int64_t sizes[kMaxDims], strides[kMaxOperands][kMaxDims];
  int m = 0;
  for (int i = 0; i < n; ++i) {
    int d = order[i];
    bool joins = m > 0;
    for (int k = 0; k < o.count && joins; ++k) joins = strides[k][m - 1] == o.strides[k][d] * o.sizes[d];
    if (joins) {
      sizes[m - 1] *= o.sizes[d];
      for (int k = 0; k < o.count; ++k) strides[k][m - 1] = o.strides[k][d];
    } else {
      sizes[m] = o.sizes[d];
      for (int k = 0; k < o.count; ++k) strides[k][m] = o.strides[k][d];
      ++m;
    }
  }
  o.dims = m;
  for (int d = 0; d < m; ++d) {
    o.sizes[d] = sizes[d];
    for (int k = 0; k < o.count; ++k) o.strides[k][d] = strides[k][d];
  }
}

// Position in the iteration space: a multi-index and each operand's address there.
struct Cursor {
  int64_t index[kMaxDims];
  char* at[kMaxOperands];
  const Operands& o;

  Cursor(const Operands& operands, int64_t linear) : o(operands) {
    for (int k = 0; k < o.count; ++k) at[k] = o.data[k];
    for (int d = o.dims - 1; d >= 0; --d) {
      index[d] = linear % o.sizes[d];
      linear /= o.sizes[d];
      for (int k = 0; k < o.count; ++k) at[k] += index[d] * o.strides[k][d];
    }
  }
  // Moves on by `step` items, which must not pass the end of the innermost row.
  void advance(int64_t step) {
    int d = o.dims - 1;
    index[d] += step;
    for (int k = 0; k < o.count; ++k) at[k] += step * o.strides[k][d];
    while (d > 0 && index[d] == o.sizes[d]) {
      for (int k = 0; k < o.count; ++k) at[k] += o.strides[k][d - 1] - o.sizes[d] * o.strides[k][d];
      index[d] = 0;
      ++index[--d];
    }
  }
  int64_t row_left() const { return o.sizes[o.dims - 1] - index[o.dims - 1]; }
};

void load(void* to, const char* from, int64_t stride, DType stored, DType wanted, int64_t n) {
  const auto& kernels = cpu::kernels().pointwise;
  auto size = static_cast<int64_t>(item_size(stored));
  int slot = cpu::item_size_slot(static_cast<size_t>(size));
  if (stored == wanted) {
    if (stride == size)
      std::memcpy(to, from, static_cast<size_t>(n * size));
    else if (stride == 0)
      kernels.fill[slot](to, from, n);
    else
      kernels.gather[slot](to, from, stride, n);
    return;
  }
  auto cast = kernels.cast[static_cast<int>(wanted)][static_cast<int>(stored)];
  if (stride == size) {
    cast(to, from, n);
    return;
  }
  alignas(64) char packed[kChunk * 16];
  if (stride == 0)
    kernels.fill[slot](packed, from, n);
  else
    kernels.gather[slot](packed, from, stride, n);
  cast(to, packed, n);
}

void store(char* to, const void* from, int64_t stride, DType stored, DType computed, int64_t n) {
  const auto& kernels = cpu::kernels().pointwise;
  auto size = static_cast<int64_t>(item_size(stored));
  int slot = cpu::item_size_slot(static_cast<size_t>(size));
  alignas(64) char packed[kChunk * 16];
  if (stored != computed) {
    auto cast = kernels.cast[static_cast<int>(stored)][static_cast<int>(computed)];
    if (stride == size) {
      cast(to, from, n);
      return;
    }
    cast(packed, from, n);
    from = packed;
  }
  if (stride == size)
    std::memcpy(to, from, static_cast<size_t>(n * size));
  else
    kernels.scatter[slot](to, from, stride, n);
}

// Works through [first, last) of the iteration space.
void run_range(const Operands& o, cpu::PointwiseKernel kernel, int64_t first, int64_t last) {
  const int inner = o.dims - 1, count = o.count;
  // direct: contiguous within a row; linear: over the whole space; constant: one item; periodic: the same in
  // every row.
  bool direct[kMaxOperands] = {}, linear[kMaxOperands] = {}, constant[kMaxOperands] = {},
       periodic[kMaxOperands] = {};
  for (int k = 0; k < count; ++k) {
    int64_t run = static_cast<int64_t>(item_size(o.stored[k]));
    linear[k] = o.stored[k] == o.wanted[k];
    for (int d = inner; d >= 0; --d) {
      linear[k] &= o.strides[k][d] == run;
      run *= o.sizes[d];
    }
    periodic[k] = k > 0;
    for (int d = 0; d < inner; ++d) periodic[k] &= o.strides[k][d] == 0;
    direct[k] =
        o.stored[k] == o.wanted[k] && o.strides[k][inner] == static_cast<int64_t>(item_size(o.stored[k]));
    constant[k] = k > 0;
    for (int d = 0; d < o.dims; ++d) constant[k] &= o.strides[k][d] == 0;
  }
  alignas(64) char buffers[kMaxOperands][kChunk * 8];
  const void* in[kMaxOperands];
  bool all_direct = true;
  for (int k = 0; k < count; ++k) {
    all_direct &= direct[k];
    if (constant[k]) load(buffers[k], o.data[k], 0, o.stored[k], o.wanted[k], std::min(kChunk, last - first));
  }
  bool walks = !linear[0];  // some operand's addresses have to be followed row by row
  for (int k = 1; k < count; ++k) walks |= !linear[k] && !periodic[k] && !constant[k];
  Cursor cursor(o, first);
  const bool long_rows = o.sizes[inner] >= kLongRow || o.dims == 1;
  for (int64_t i = first; i < last;) {
    if (long_rows) {
      int64_t row = std::min(cursor.row_left(), last - i);
      if (!all_direct) row = std::min(row, kChunk);
      for (int k = 1; k < count; ++k) {
        if (direct[k])
          in[k - 1] = cursor.at[k];
        else {
          if (!constant[k])
            load(buffers[k], cursor.at[k], o.strides[k][inner], o.stored[k], o.wanted[k], row);
          in[k - 1] = buffers[k];
        }
      }
      if (direct[0])
        kernel(cursor.at[0], in, row);
      else {
        kernel(buffers[0], in, row);
        store(cursor.at[0], buffers[0], o.strides[0][inner], o.stored[0], o.wanted[0], row);
      }
      cursor.advance(row);
      i += row;
      continue;
    }
    // Short rows: bring a chunk of many of them into contiguous form, compute once. Chunks are whole rows
    // long, so that what is the same in every row has to be laid out only once.
    const int64_t n = std::min(kChunk / o.sizes[inner] * o.sizes[inner], last - i);
    Cursor writer = cursor;
    for (int64_t filled = 0; filled < n && (walks || i == first);) {
      int64_t row = std::min(cursor.row_left(), n - filled);
      for (int k = 1; k < count; ++k)
        if (!constant[k] && !linear[k] && !(periodic[k] && i > first))
          load(buffers[k] + filled * static_cast<int64_t>(item_size(o.wanted[k])), cursor.at[k],
               o.strides[k][inner], o.stored[k], o.wanted[k], row);
      cursor.advance(row);
      filled += row;
    }
    const auto address = [&](int k) { return o.data[k] + i * static_cast<int64_t>(item_size(o.stored[k])); };
    for (int k = 1; k < count; ++k) in[k - 1] = linear[k] ? static_cast<const void*>(address(k)) : buffers[k];
    kernel(linear[0] ? address(0) : buffers[0], in, n);
    for (int64_t done = 0; done < n && !linear[0];) {
      int64_t row = std::min(writer.row_left(), n - done);
      store(writer.at[0], buffers[0] + done * static_cast<int64_t>(item_size(o.wanted[0])),
            o.strides[0][inner], o.stored[0], o.wanted[0], row);
      writer.advance(row);
      done += row;
    }
    i += n;
  }
}

void run(Operands& o, cpu::PointwiseKernel kernel) {
  if (o.numel == 0) return;
  order_and_coalesce(o);
  if (o.dims == 0) {  // one item
    o.dims = 1;
    o.sizes[0] = 1;
    for (int k = 0; k < o.count; ++k) o.strides[k][0] = static_cast<int64_t>(item_size(o.stored[k]));
  }
  WithoutGil guard(o.numel);
  parallel_for(0, o.numel, kGrain, [&](int64_t first, int64_t last) { run_range(o, kernel, first, last); });
}

void add_tensor(Operands& o, const Tensor& t, DType wanted, const Dims& sizes) {
  int k = o.count++;
  o.data[k] = t->data;
  o.stored[k] = t.dtype();
  o.wanted[k] = wanted;
  auto size = static_cast<int64_t>(item_size(t.dtype()));
  int missing = sizes.count - t.dim();
  for (int d = 0; d < sizes.count; ++d)
    o.strides[k][d] = d < missing || t.sizes()[d - missing] == 1 ? 0 : t.strides()[d - missing] * size;
}

// What a kernel writes must not be what it still has to read, unless it is the very same element.
Tensor without_overlap(const Tensor& input, const Tensor& target) {
  if (!shares_storage(input, target) || input.numel() == 0 || target.numel() == 0) return input;
  if (input->data == target->data && input.sizes() == target.sizes() && input.strides() == target.strides() &&
      input.dtype() == target.dtype())
    return input;
  auto extent = [](const Tensor& t) {
    int64_t last = 0;
    for (int d = 0; d < t.dim(); ++d) last += (t.sizes()[d] - 1) * t.strides()[d];
    return (last + 1) * static_cast<int64_t>(item_size(t.dtype()));
  };
  if (input->data >= target->data + extent(target) || target->data >= input->data + extent(input))
    return input;
  if (is_dense(input.sizes(), input.strides()) && is_dense(target.sizes(), target.strides()) &&
      input.numel() > 1)
    fail<RuntimeError>(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
        "single "
        "memory location. Please clone() the tensor before performing the operation.");
  return contiguous_copy(input);
}

// May change both: `promoted` where integers become floating, `compute` where the kernel works in another
// type.
cpu::PointwiseKernel find_kernel(Pointwise op, DType& promoted, DType& compute) {
  const auto& table = cpu::kernels().pointwise;
  compute = promoted;
  if (auto kernel = table(op, promoted)) [[likely]]
    return kernel;
  if (promoted == DType::Float16 || promoted == DType::BFloat16) {  // half precision is computed in float32
    compute = DType::Float32;
    if (auto kernel = table(op, compute)) return kernel;
  }
  bool floating_only = !table(op, DType::Int64) && !table(op, DType::Bool);
  if (is_integral(promoted) && floating_only)
    if (auto kernel = table(op, default_dtype())) {
      compute = promoted = default_dtype();
      return kernel;
    }
  fail<NotImplementedError>("\"", operator_name(op), "\" not implemented for '", scalar_type_name(promoted),
                            "'; convert the tensor, for example with .float()");
}

Tensor compute_into(const Out& out, Pointwise op, cpu::PointwiseKernel kernel, DType compute, DType promoted,
                    std::initializer_list<Operand> inputs) {
  const DType kernel_dtype = cpu::returns_bool(op) ? DType::Bool : compute;  // what the kernel writes
  const DType result_dtype = cpu::returns_bool(op) ? DType::Bool : promoted;
  // Small or large, most calls have contiguous tensors of one shape and dtype, and perhaps numbers.
  const TensorImpl* first = nullptr;
  bool plain = kernel_dtype == result_dtype;
  for (const Operand& input : inputs) {
    const TensorImpl* t = input.impl();
    if (!t) continue;
    const bool condition = op == Pointwise::Where && &input == inputs.begin();
    if (t->dtype != (condition ? DType::Bool : compute) || !t->contiguous ||
        (first && !(t->sizes == first->sizes))) {
      plain = false;
      break;
    }
    first = t;
  }
  if (plain && first && first->numel <= kChunk &&
      (!out.target || (out.target->contiguous && out.target->dtype == result_dtype &&
                       out.target->sizes == first->sizes && out.inplace))) {
    Tensor result;
    bool safe = true;
    if (out.target) {
      result = Tensor(out.target);
      for (const Operand& input : inputs)
        safe &= !input.impl() || input.impl()->data == out.target->data ||
                input.impl()->storage != out.target->storage;
    } else {
      result = empty(first->sizes, result_dtype);
    }
    if (safe) {
      const int64_t n = first->numel;
      const void* in[kMaxOperands];
      alignas(64) char numbers[kMaxOperands][kChunk * 8];
      int k = 0;
      for (const Operand& input : inputs) {
        if (const TensorImpl* t = input.impl())
          in[k] = t->data;
        else {
          alignas(16) char item[16];
          input.scalar().store(item, compute);
          cpu::kernels().pointwise.fill[cpu::item_size_slot(item_size(compute))](numbers[k], item, n);
          in[k] = numbers[k];
        }
        ++k;
      }
      kernel(result->data, in, n);
      if (out.target) result->bump_version();
      return result;
    }
  }

  Dims sizes;
  const TensorImpl* layout = nullptr;  // every tensor has its shape and strides
  bool same_layout = true;
  for (const Operand& input : inputs) {
    const TensorImpl* t = input.impl();
    if (!t) continue;
    if (!layout) {
      layout = t;
      sizes = t->sizes;
    } else if (!(t->sizes == sizes) || !(t->strides == layout->strides)) {
      same_layout = false;
      if (!(t->sizes == sizes)) sizes = broadcast_sizes(sizes, t->sizes);
    }
  }
  Tensor result;
  if (!out.target && same_layout && layout && !layout->contiguous && is_dense(layout->sizes, layout->strides))
    result = empty_strided(layout->sizes, layout->strides, result_dtype);
  else
    result = result_for(out, sizes, result_dtype);

  Operands o;
  o.dims = sizes.count;
  for (int d = 0; d < sizes.count; ++d) o.sizes[d] = sizes[d];
  o.numel = result.numel();
  add_tensor(o, result, kernel_dtype, sizes);
  Tensor holders[kMaxOperands];
  alignas(16) char numbers[kMaxOperands][16];
  int k = 0;
  for (const Operand& input : inputs) {
    const DType wanted = op == Pointwise::Where && k == 0 ? DType::Bool : compute;
    if (input.is_tensor()) {
      holders[k] = out.target ? without_overlap(input.tensor(), result) : input.tensor();
      add_tensor(o, holders[k], wanted, sizes);
    } else {
      input.scalar().store(numbers[k], wanted);
      int slot = o.count++;
      o.data[slot] = numbers[k];
      o.stored[slot] = o.wanted[slot] = wanted;
      for (int d = 0; d < sizes.count; ++d) o.strides[slot][d] = 0;
    }
    ++k;
  }
  run(o, kernel);
  return result;
}

}  // namespace

DType result_type(std::initializer_list<Operand> operands) {
  // One candidate per group: tensors with dimensions, 0-d tensors, numbers.
  bool have[3] = {false, false, false};
  DType type[3] = {DType::Bool, DType::Bool, DType::Bool};
  for (const Operand& operand : operands) {
    int group;
    DType d;
    if (const TensorImpl* t = operand.impl()) {
      group = t->wrapped_number ? 2 : t->sizes.count ? 0 : 1;
      d = t->dtype;
      if (group == 2) d = is_floating(d) ? default_dtype() : d;
    } else {
      group = 2;
      d = promote_scalar(DType::Bool, operand.scalar().kind());
    }
    type[group] = have[group] ? promote(type[group], d) : d;
    have[group] = true;
  }
  auto category = [](DType d) { return d == DType::Bool ? 0 : is_integral(d) ? 1 : is_floating(d) ? 2 : 3; };
  bool any = false;
  DType result = DType::Bool;
  for (int g = 0; g < 3; ++g) {
    if (!have[g]) continue;
    if (!any)
      result = type[g];
    else if (category(type[g]) > category(result))
      result = promote(result, type[g]);
    any = true;
  }
  return result;
}

Tensor pointwise(const Out& out, Pointwise op, std::initializer_list<Operand> inputs) {
  // The common case without the rules: tensors of one dtype, and numbers of no higher kind.
  DType compute = DType::Bool;
  const TensorImpl* first = nullptr;
  bool agree = op != Pointwise::Where;
  for (const Operand& input : inputs) {
    if (const TensorImpl* t = input.impl()) {
      if (first && t->dtype != compute) agree = false;
      first = t;
      compute = t->dtype;
    }
  }
  if (first && agree)
    for (const Operand& input : inputs)
      if (!input.is_tensor() && promote_scalar(compute, input.scalar().kind()) != compute) agree = false;
  if (!first || !agree) {
    if (op == Pointwise::Where)
      compute = result_type({inputs.begin()[1], inputs.begin()[2]});
    else
      switch (inputs.size()) {
        case 1:
          compute = result_type({inputs.begin()[0]});
          break;
        case 2:
          compute = result_type({inputs.begin()[0], inputs.begin()[1]});
          break;
        case 3:
          compute = result_type({inputs.begin()[0], inputs.begin()[1], inputs.begin()[2]});
          break;
        case 4:
          compute = result_type({inputs.begin()[0], inputs.begin()[1], inputs.begin()[2], inputs.begin()[3]});
          break;
        default:
          fail<RuntimeError>("a pointwise operator takes one to four inputs");
      }
  }
  return pointwise_as(out, op, compute, inputs);
}

Tensor pointwise_as(const Out& out, Pointwise op, DType promoted, std::initializer_list<Operand> inputs) {
  DType compute;
  auto kernel = find_kernel(op, promoted, compute);
  return compute_into(out, op, kernel, compute, promoted, inputs);
}

// ---- copies

namespace {
void copy_kernel_1(void* out, const void* const* in, int64_t n) {
  if (out != in[0]) std::memcpy(out, in[0], static_cast<size_t>(n));
}
void copy_kernel_2(void* out, const void* const* in, int64_t n) {
  if (out != in[0]) std::memcpy(out, in[0], static_cast<size_t>(n) * 2);
}
void copy_kernel_4(void* out, const void* const* in, int64_t n) {
  if (out != in[0]) std::memcpy(out, in[0], static_cast<size_t>(n) * 4);
}
void copy_kernel_8(void* out, const void* const* in, int64_t n) {
  if (out != in[0]) std::memcpy(out, in[0], static_cast<size_t>(n) * 8);
}
cpu::PointwiseKernel copy_kernel(DType d) {
  switch (item_size(d)) {
    case 1:
      return copy_kernel_1;
    case 2:
      return copy_kernel_2;
    case 4:
      return copy_kernel_4;
    case 8:
      return copy_kernel_8;
    default:
      fail<NotImplementedError>("copying torch.", name(d), " is not implemented yet");
  }
}

// A plain 2-d transposition (or a batch of them) goes tile by tile: row by row it would miss the cache at
// every element.
bool try_transposed_copy(const Operands& o) {
  if (o.stored[0] != o.stored[1] || o.dims < 2) return false;
  auto item = static_cast<int64_t>(item_size(o.stored[0]));
  const int r = o.dims - 2, c = o.dims - 1;
  if (o.strides[0][c] != item || o.strides[1][r] != item || o.strides[1][c] == item) return false;
  if (o.sizes[r] < 8 || o.sizes[c] < 8) return false;
  int64_t matrices = o.numel / (o.sizes[r] * o.sizes[c]);
  WithoutGil guard(o.numel);
  for (int64_t m = 0; m < matrices; ++m) {
    char *to = o.data[0], *from = o.data[1];
    int64_t rest = m;
    for (int d = r - 1; d >= 0; --d) {
      to += (rest % o.sizes[d]) * o.strides[0][d];
      from += (rest % o.sizes[d]) * o.strides[1][d];
      rest /= o.sizes[d];
    }
    cpu::copy_transposed(static_cast<size_t>(item),
                         {.rows = o.sizes[r],
                          .columns = o.sizes[c],
                          .in_stride = o.strides[1][c] / item,
                          .out_stride = o.strides[0][r] / item},
                         from, to);
  }
  return true;
}
}  // namespace

void copy_into(const Tensor& target, const Operand& source) {
  if (target.numel() == 0 && !source.is_tensor()) return;
  const DType d = target.dtype();
  if (!source.is_tensor()) {
    fill_raw(target, source.scalar());
    return;
  }
  Tensor from = source.tensor();
  if (from->data == target->data && from.strides() == target.strides() && from.sizes() == target.sizes() &&
      from.dtype() == d)
    return;
  // Contiguous on both sides: one pass.
  if (target->contiguous && from->contiguous && from.dtype() == d && from.numel() == target.numel() &&
      !shares_storage(from, target)) {
    auto bytes = static_cast<int64_t>(item_size(d)) * target.numel();
    char* to = target->data;
    const char* at = from->data;
    WithoutGil guard(bytes / 8);
    parallel_for(0, bytes, 1 << 18, [&](int64_t first, int64_t last) {
      std::memcpy(to + first, at + first, static_cast<size_t>(last - first));
    });
    return;
  }
  if (shares_storage(from, target)) from = without_overlap(from, target);
  Operands o;
  const Dims& sizes = target.sizes();
  o.dims = sizes.count;
  for (int i = 0; i < sizes.count; ++i) o.sizes[i] = sizes[i];
  o.numel = target.numel();
  if (from.dim() > sizes.count || !(broadcast_sizes(sizes, from.sizes()) == sizes)) {
    Dims lead = from.sizes();  // leading ones may be dropped
    while (lead.count > sizes.count && lead[0] == 1) lead.erase(0);
    if (lead.count > sizes.count || !(broadcast_sizes(sizes, lead) == sizes))
      fail<RuntimeError>("The expanded size of the tensor must match the existing size: cannot copy shape ",
                         from.sizes(), " into shape ", sizes);
    Dims strides;
    for (int i = from.dim() - lead.count; i < from.dim(); ++i) strides.push_back(from.strides()[i]);
    from = alias(from, lead, strides, 0);
  }
  if (o.numel == 0) return;
  add_tensor(o, target, from.dtype(), sizes);
  add_tensor(o, from, from.dtype(), sizes);
  if (from.dtype() != d &&
      !cpu::kernels().pointwise.cast[static_cast<int>(d)][static_cast<int>(from.dtype())])
    fail<NotImplementedError>("converting torch.", name(from.dtype()), " to torch.", name(d),
                              " is not implemented yet");
  Operands ordered = o;
  order_and_coalesce(ordered);
  if (try_transposed_copy(ordered)) return;
  run(o, copy_kernel(from.dtype()));
}

Tensor contiguous_copy(const Tensor& t) {
  Tensor copy = empty(t.sizes(), t.dtype());
  copy_into(copy, t);
  return copy;
}

Tensor cast_copy(const Tensor& t, DType dtype) {
  Tensor copy = empty_like(t, dtype);
  copy_into(copy, t);
  return copy;
}

Tensor as_contiguous_padded(const Tensor& t) {
  if (t->contiguous && (t->storage->readable_tail || t->numel == 0 ||
                        t->data + static_cast<size_t>(t->numel) * item_size(t->dtype) + kReadableTail <=
                            t->storage->data + t->storage->bytes))
    return t;
  return contiguous_copy(t);
}

Tensor fill_raw(const Tensor& t, const Scalar& value) {
  if (t.numel() == 0) return t;
  alignas(16) char item[16];
  value.store(item, t.dtype());
  const auto size = item_size(t.dtype());
  auto fill = cpu::kernels().pointwise.fill[cpu::item_size_slot(size)];
  if (is_dense(t.sizes(), t.strides())) {
    char* data = t->data;
    WithoutGil guard(t.numel() / 4);
    parallel_for(0, t.numel(), 1 << 17, [&](int64_t first, int64_t last) {
      fill(data + first * static_cast<int64_t>(size), item, last - first);
    });
    return t;
  }
  Operands o;
  o.dims = t.dim();
  for (int i = 0; i < t.dim(); ++i) o.sizes[i] = t.sizes()[i];
  o.numel = t.numel();
  add_tensor(o, t, t.dtype(), t.sizes());
  o.count = 2;
  o.data[1] = item;
  o.stored[1] = o.wanted[1] = t.dtype();
  for (int d = 0; d < t.dim(); ++d) o.strides[1][d] = 0;
  run(o, copy_kernel(t.dtype()));
  return t;
}

}  // namespace flambeau
