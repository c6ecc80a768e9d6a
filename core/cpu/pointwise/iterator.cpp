// The iterator behind every pointwise operator on the CPU: kernels see contiguous chunks of one dtype.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/error.h"

namespace flambeau::cpu {

namespace {

constexpr int64_t kChunk = 1024;     // items brought into contiguous form at a time
constexpr int64_t kLongRow = 128;    // rows of at least this many items are worked on where they lie
constexpr int64_t kGrain = 1 << 15;  // items a thread is worth waking for

using Operands = PointwiseCall;

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
  int slot = item_size_slot(static_cast<size_t>(size));
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
  int slot = item_size_slot(static_cast<size_t>(size));
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
void run_range(const Operands& o, PointwiseKernel kernel, int64_t first, int64_t last) {
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
  alignas(64) char buffers[kMaxOperands][kChunk * 16];
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

void run(Operands& o, PointwiseKernel kernel) {
  if (o.numel == 0) return;
  order_and_coalesce(o);
  if (o.dims == 0) {  // one item
    o.dims = 1;
    o.sizes[0] = 1;
    for (int k = 0; k < o.count; ++k) o.strides[k][0] = static_cast<int64_t>(item_size(o.stored[k]));
  }
  parallel_for(0, o.numel, kGrain, [&](int64_t first, int64_t last) { run_range(o, kernel, first, last); });
}

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
void copy_kernel_16(void* out, const void* const* in, int64_t n) {
  if (out != in[0]) std::memcpy(out, in[0], static_cast<size_t>(n) * 16);
}
// A bool's byte, which memory seen as another dtype before may have left at anything, becomes 0 or 1.
void copy_kernel_bool(void* out, const void* const* in, int64_t n) {
  constexpr auto kBool = static_cast<int>(DType::Bool);
  kernels().pointwise.cast[kBool][kBool](out, in[0], n);
}
PointwiseKernel copy_kernel(DType d) {
  if (d == DType::Bool) return copy_kernel_bool;
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
      return copy_kernel_16;
  }
}

// Many small matrices of items as large as Item, each transposed by plain loops.
template <class Item>
void transpose_each(const Operands& o, int64_t first, int64_t last) {
  const int r = o.dims - 2, c = o.dims - 1;
  const int64_t rows = o.sizes[r], columns = o.sizes[c];
  const int64_t in_stride = o.strides[1][c] / static_cast<int64_t>(sizeof(Item)),
                out_stride = o.strides[0][r] / static_cast<int64_t>(sizeof(Item));
  for (int64_t m = first; m < last; ++m) {
    char *to = o.data[0], *from = o.data[1];
    int64_t rest = m;
    for (int d = r - 1; d > 0; --d) {
      to += (rest % o.sizes[d]) * o.strides[0][d];
      from += (rest % o.sizes[d]) * o.strides[1][d];
      rest /= o.sizes[d];
    }
    if (r > 0) {
      to += rest * o.strides[0][0];
      from += rest * o.strides[1][0];
    }
    const Item* const x = reinterpret_cast<const Item*>(from);
    Item* const y = reinterpret_cast<Item*>(to);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) y[i * out_stride + j] = x[j * in_stride + i];
  }
}

// A plain 2-d transposition (or a batch of them) goes tile by tile: row by row it would miss the cache at
// every element. Batches of small ones are shared out among the threads.
bool try_transposed_copy(const Operands& o) {
  if (o.stored[0] != o.stored[1] || o.dims < 2) return false;
  auto item = static_cast<int64_t>(item_size(o.stored[0]));
  const int r = o.dims - 2, c = o.dims - 1;
  if (o.strides[0][c] != item || o.strides[1][r] != item || o.strides[1][c] == item) return false;
  const int64_t size = o.sizes[r] * o.sizes[c], matrices = o.numel / size;
  const bool tiles = o.sizes[r] >= 8 && o.sizes[c] >= 8;
  if (!tiles) {
    if (size > 64 || (item != 4 && item != 8)) return false;
    parallel_for(0, matrices, std::max<int64_t>(1, kGrain / size), [&](int64_t first, int64_t last) {
      (item == 4 ? transpose_each<uint32_t> : transpose_each<uint64_t>)(o, first, last);
    });
    return true;
  }
  // One dimension of batches is told by its strides, more are walked through.
  const int64_t batch = r == 1 ? matrices : 1;
  for (int64_t m = 0; m < matrices; m += batch) {
    char *to = o.data[0], *from = o.data[1];
    int64_t rest = m;
    for (int d = r - 1; d >= 0; --d) {
      to += (rest % o.sizes[d]) * o.strides[0][d];
      from += (rest % o.sizes[d]) * o.strides[1][d];
      rest /= o.sizes[d];
    }
    copy_transposed(static_cast<size_t>(item),
                    {.rows = o.sizes[r],
                     .columns = o.sizes[c],
                     .in_stride = o.strides[1][c] / item,
                     .out_stride = o.strides[0][r] / item,
                     .batch = batch,
                     .in_batch_stride = r == 1 ? o.strides[1][0] / item : 0,
                     .out_batch_stride = r == 1 ? o.strides[0][0] / item : 0},
                    from, to);
  }
  return true;
}
}  // namespace

void run_pointwise(Pointwise op, DType compute, PointwiseCall& call) {
  run(call, kernels().pointwise(op, compute));
}

void run_copy(PointwiseCall& call) {
  order_and_coalesce(call);
  if (try_transposed_copy(call)) {
    if (call.stored[1] != DType::Bool) return;
    call.data[1] = call.data[0];
    std::copy_n(call.strides[0], call.dims, call.strides[1]);
  }
  run(call, copy_kernel(call.stored[1]));
}

}  // namespace flambeau::cpu
