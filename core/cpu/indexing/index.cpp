#include "core/cpu/indexing/index.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "core/cpu/kernels.h"
#include "core/math/half.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {

namespace {

// Waking a thread takes microseconds.
constexpr int64_t kGrainBytes = 256 << 10, kGrainItems = 32768;

// A run of a size known when compiling is copied by one move; others by memcpy.
template <class F>
void with_run(int64_t run, F f) {
  switch (run) {
    case 1:
      return f(std::integral_constant<int64_t, 1>{});
    case 2:
      return f(std::integral_constant<int64_t, 2>{});
    case 4:
      return f(std::integral_constant<int64_t, 4>{});
    case 8:
      return f(std::integral_constant<int64_t, 8>{});
    case 16:
      return f(std::integral_constant<int64_t, 16>{});
    default:
      return f(run);
  }
}

// Half precision computes in float and rounds each result.
using math::BFloat16;
using math::Half;
template <class T>
inline constexpr bool is_half = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    return a || b;
  else if constexpr (is_half<T>)
    return T::of(float(a) + float(b));
  else if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <class T>
T product_of(T a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    return a && b;
  else if constexpr (is_half<T>)
    return T::of(float(a) * float(b));
  else if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

template <class F>
void with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::Bool:
      return f(bool{});
    case DType::UInt8:
      return f(uint8_t{});
    case DType::Int8:
      return f(int8_t{});
    case DType::Int16:
      return f(int16_t{});
    case DType::Int32:
      return f(int32_t{});
    case DType::Int64:
      return f(int64_t{});
    case DType::UInt16:
      return f(uint16_t{});
    case DType::UInt32:
      return f(uint32_t{});
    case DType::UInt64:
      return f(uint64_t{});
    case DType::Float16:
      return f(Half{});
    case DType::BFloat16:
      return f(BFloat16{});
    case DType::Float32:
      return f(float{});
    case DType::Float64:
      return f(double{});
    case DType::Complex64:
      return f(Complex<float>{});
    case DType::Complex128:
      return f(Complex<double>{});
  }
}

int64_t offset_at(const Walk& walk, int64_t number) {
  int64_t offset = 0;
  for (int d = walk.dims - 1; d >= 0; --d) {
    offset += number % walk.sizes[d] * walk.strides[d];
    number /= walk.sizes[d];
  }
  return offset;
}

// body(strided offset, dense offset) for the blocks first..last of outer x count, inner dimensions included.
template <class Body>
void for_blocks(const IndexedBlocks& b, int64_t first, int64_t last, int64_t inner_count, Body body) {
  const int64_t block_bytes = inner_count * b.run;
  const int64_t* const offsets = b.offsets;
  for (int64_t at = first; at < last;) {
    const int64_t outer = at / b.count, from = at % b.count, to = std::min(b.count, from + last - at);
    const int64_t base = offset_at(b.outer, outer);
    int64_t dense = at * block_bytes;
    if (inner_count == 1) {
      for (int64_t j = from; j < to; ++j, dense += block_bytes) body(base + offsets[j], dense);
    } else {
      for (int64_t j = from; j < to; ++j) {
        int64_t index[kIndexDims], offset = base + offsets[j];
        std::fill_n(index, b.inner.dims, 0);
        for (int64_t k = 0; k < inner_count; ++k, dense += b.run) {
          body(offset, dense);
          for (int d = b.inner.dims - 1; d >= 0; --d) {
            offset += b.inner.strides[d];
            if (++index[d] < b.inner.sizes[d]) break;
            offset -= index[d] * b.inner.strides[d];
            index[d] = 0;
          }
        }
      }
    }
    at += to - from;
  }
}

// Calls move(strided offset, dense offset, bytes) for everything, in parallel such that nothing in strided
// memory is written by two threads although offsets may repeat: by outer dimensions, or by columns of the
// run.
template <class Move>
void scatter_shared(const IndexedBlocks& b, Move move) {
  const int64_t outer_count = b.outer.count(), inner_count = b.inner.count();
  const int64_t total = outer_count * b.count, bytes = total * inner_count * b.run;
  constexpr int64_t kColumn = 64;
  if (outer_count >= 16 || b.run < 2 * kColumn) {
    const int64_t per_outer = std::max<int64_t>(b.count * inner_count * b.run, 1);
    bool apart = true;  // the outer dimensions of an expanded tensor meet in the same memory
    for (int d = 0; d < b.outer.dims; ++d) apart &= b.outer.strides[d] != 0 || b.outer.sizes[d] <= 1;
    parallel_for(0, outer_count, apart ? std::max<int64_t>(kGrainBytes / per_outer, 1) : outer_count,
                 [&](int64_t first, int64_t last) {
                   for_blocks(b, first * b.count, last * b.count, inner_count,
                              [&](int64_t to, int64_t from) { move(to, from, b.run); });
                 });
    return;
  }
  const int64_t columns = (b.run + kColumn - 1) / kColumn;
  parallel_for(0, columns, std::max<int64_t>(kGrainBytes * columns / std::max<int64_t>(bytes, 1), 1),
               [&](int64_t first, int64_t last) {
                 const int64_t begin = first * kColumn, end = std::min(last * kColumn, b.run);
                 for_blocks(b, 0, total, inner_count,
                            [&](int64_t to, int64_t from) { move(to + begin, from + begin, end - begin); });
               });
}

}  // namespace

void gather_blocks(const IndexedBlocks& b, const char* strided, char* dense) {
  const int64_t inner_count = b.inner.count(), total = b.outer.count() * b.count;
  if (total == 0 || inner_count == 0 || b.run == 0) return;
  const int64_t grain = std::max<int64_t>(kGrainBytes / (inner_count * std::max<int64_t>(b.run, 16)), 1);
  parallel_for(0, total, grain, [&](int64_t first, int64_t last) {
    with_run(b.run, [&](auto run) {
      // By value: bytes written could be those of what a reference leads to, and it would be read again each
      // time.
      for_blocks(b, first, last, inner_count, [in = strided, out = dense, run](int64_t from, int64_t to) {
        std::memcpy(out + to, in + from, static_cast<size_t>(run));
      });
    });
  });
}

void scatter_blocks(const IndexedBlocks& b, char* strided, const char* dense, bool distinct) {
  const int64_t inner_count = b.inner.count(), total = b.outer.count() * b.count;
  if (total == 0 || inner_count == 0 || b.run == 0) return;
  if (!distinct && b.run > 16) {
    scatter_shared(b, [=](int64_t to, int64_t from, int64_t n) {
      std::memcpy(strided + to, dense + from, static_cast<size_t>(n));
    });
    return;
  }
  auto work = [&](int64_t first, int64_t last) {
    with_run(b.run, [&](auto run) {
      for_blocks(b, first, last, inner_count, [out = strided, in = dense, run](int64_t to, int64_t from) {
        std::memcpy(out + to, in + from, static_cast<size_t>(run));
      });
    });
  };
  if (!distinct)
    work(0, total);
  else
    parallel_for(0, total, std::max<int64_t>(kGrainBytes / (inner_count * std::max<int64_t>(b.run, 16)), 1),
                 work);
}

void add_blocks(DType dtype, const IndexedBlocks& b, char* strided, const char* dense) {
  if (b.outer.count() * b.count * b.inner.count() * b.run == 0) return;
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    scatter_shared(b, [=](int64_t to, int64_t from, int64_t n) {
      auto* items = reinterpret_cast<T*>(strided + to);
      const auto* added = reinterpret_cast<const T*>(dense + from);
      for (int64_t i = 0; i < n / static_cast<int64_t>(sizeof(T)); ++i) items[i] = sum_of(items[i], added[i]);
    });
  });
}

namespace {
// The place of the first bad position, whichever thread met it.
class FirstBad {
 public:
  void note(int64_t place) {
    int64_t known = place_.load();
    while (place < known && !place_.compare_exchange_weak(known, place)) {
    }
  }
  int64_t place() const { return place_ == kNone ? -1 : place_.load(); }

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> place_{kNone};
};
// Whether any of n positions lies outside [-lift, size).
bool any_outside(const int64_t* positions, int64_t n, int64_t lift, int64_t size) {
  // The sign of p + lift or of size - 1 - p is set where p lies outside.
  uint64_t signs = 0;
  for (int64_t j = 0; j < n; ++j) {
    const uint64_t p = static_cast<uint64_t>(positions[j]);
    signs |= (p + static_cast<uint64_t>(lift)) | (static_cast<uint64_t>(size - 1) - p);
  }
  return signs >> 63;
}
}  // namespace

int64_t wrap_positions(const int64_t* positions, int64_t n, int64_t size, bool wrap, int64_t* wrapped) {
  FirstBad bad;
  const int64_t lift = wrap ? size : 0;
  parallel_for(0, n, kGrainItems, [&](int64_t first, int64_t last) {
    const bool outside = any_outside(positions + first, last - first, lift, size);
    if (!outside && !wrapped) return;
    for (int64_t j = first; j < last; ++j) {
      const int64_t p = positions[j];
      if (p >= size || p < -lift) return bad.note(j);
      if (wrapped) wrapped[j] = p < 0 ? p + size : p;
    }
  });
  return bad.place();
}

int64_t add_offsets(const int64_t* positions, int64_t n, int64_t size, bool wrap, int64_t stride,
                    bool first_positions, int64_t* offsets, int64_t* linear) {
  FirstBad bad;
  const int64_t lift = wrap ? size : 0;
  parallel_for(0, n, kGrainItems, [&](int64_t first, int64_t last) {
    bool outside = false;
    for (int64_t j = first; j < last; ++j) {
      int64_t p = positions[j];
      p += p < 0 ? lift : 0;
      outside |= static_cast<uint64_t>(p) >= static_cast<uint64_t>(size);
      const int64_t offset = static_cast<int64_t>(static_cast<uint64_t>(p) * static_cast<uint64_t>(stride));
      offsets[j] = first_positions ? offset : offsets[j] + offset;
      if (linear)
        linear[j] =
            first_positions
                ? p
                : static_cast<int64_t>(static_cast<uint64_t>(linear[j]) * static_cast<uint64_t>(size) +
                                       static_cast<uint64_t>(p));
    }
    if (!outside) return;
    for (int64_t j = first; j < last; ++j)
      if (positions[j] >= size || positions[j] < -lift) return bad.note(j);
  });
  return bad.place();
}

// ---- masks

namespace {
template <class Body>
void for_mask_blocks(int64_t n, const std::vector<int64_t>& starts, Body body) {
  const auto blocks = static_cast<int64_t>(starts.size()) - 1;
  parallel_for(0, blocks, 4, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      if (starts[b] == starts[b + 1]) continue;
      body(b * kMaskBlock, std::min(n, (b + 1) * kMaskBlock), starts[b], starts[b + 1]);
    }
  });
}

uint64_t eight(const uint8_t* mask) {
  uint64_t word;
  std::memcpy(&word, mask, 8);
  return word;
}

// Calls visit(i) for each true byte, in order.
template <class Visit>
void for_true(const uint8_t* mask, int64_t first, int64_t last, Visit visit) {
  int64_t i = first;
  for (; i + 8 <= last; i += 8) {
    if (!eight(mask + i)) continue;
    for (int64_t j = i; j < i + 8; ++j)
      if (mask[j]) visit(j);
  }
  for (; i < last; ++i)
    if (mask[i]) visit(i);
}
}  // namespace

std::vector<int64_t> mask_starts(const uint8_t* mask, int64_t n) {
  const int64_t blocks = (n + kMaskBlock - 1) / kMaskBlock;
  std::vector<int64_t> starts(static_cast<size_t>(blocks + 1));
  int64_t* counts = starts.data() + 1;
  const auto count = kernels().mask.count;
  parallel_for(0, blocks, 8, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b)
      counts[b] = count(mask + b * kMaskBlock, std::min(kMaskBlock, n - b * kMaskBlock));
  });
  for (int64_t b = 0; b < blocks; ++b) starts[b + 1] += starts[b];
  return starts;
}

void compress(size_t item_size, const char* in, const uint8_t* mask, int64_t n,
              const std::vector<int64_t>& starts, char* out) {
  const auto item = static_cast<int64_t>(item_size);
  const auto kernel = kernels().mask.compress[item_size_slot(item_size)];
  for_mask_blocks(n, starts, [&](int64_t first, int64_t last, int64_t k, int64_t end) {
    kernel(in + first * item, mask + first, last - first, out + k * item, end - k);
  });
}

void decompress(size_t item_size, const char* in, const uint8_t* mask, int64_t n,
                const std::vector<int64_t>& starts, char* out) {
  for_mask_blocks(n, starts, [&](int64_t first, int64_t last, int64_t k, int64_t) {
    with_run(static_cast<int64_t>(item_size), [&](auto item) {
      for_true(mask, first, last,
               [&](int64_t i) { std::memcpy(out + i * item, in + k++ * item, static_cast<size_t>(item)); });
    });
  });
}

void true_positions(const uint8_t* mask, int64_t n, const std::vector<int64_t>& starts, int64_t* out) {
  const auto kernel = kernels().mask.positions;
  for_mask_blocks(n, starts, [&](int64_t first, int64_t last, int64_t k, int64_t end) {
    kernel(mask + first, last - first, first, out + k, end - k);
  });
}

void true_coordinates(const uint8_t* mask, int64_t n, const std::vector<int64_t>& starts, int dims,
                      const int64_t* sizes, int64_t* out) {
  for_mask_blocks(n, starts, [&](int64_t first, int64_t last, int64_t k, int64_t) {
    const int64_t length = sizes[dims - 1];
    int64_t index[kIndexDims] = {}, row = -1, row_end = 0;
    for_true(mask, first, last, [&](int64_t i) {
      if (i >= row_end || row < 0) {
        row = i / length;
        row_end = (row + 1) * length;
        int64_t rest = row;
        for (int d = dims - 2; d >= 0; --d) {
          index[d] = rest % sizes[d];
          rest /= sizes[d];
        }
      }
      int64_t* to = out + k++ * dims;
      for (int d = 0; d + 1 < dims; ++d) to[d] = index[d];
      to[dims - 1] = i - row * length;
    });
  });
}

// ---- one index per element

namespace {
// line(index, self offset, other offset, length) for the lines along the last dimension of the part
// first..last of dimension `split`.
template <class Line>
void for_lines(const IndexedElements& e, int split, int64_t first, int64_t last, Line line) {
  const int n = e.dims;
  int64_t begin[kIndexDims], end[kIndexDims], at[kIndexDims], index_strides[kIndexDims];
  int64_t step = 1;
  for (int d = n - 1; d >= 0; --d) {
    begin[d] = d == split ? first : 0;
    end[d] = d == split ? last : e.sizes[d];
    at[d] = begin[d];
    index_strides[d] = step;
    step *= e.sizes[d];
  }
  for (;;) {
    int64_t i = 0, self = 0, other = 0;
    for (int d = 0; d < n; ++d) {
      i += at[d] * index_strides[d];
      if (d != e.dim) self += at[d] * e.self_strides[d];
      other += at[d] * e.other_strides[d];
    }
    line(e.index + i, self, other, end[n - 1] - begin[n - 1]);
    int d = n - 2;
    for (; d >= 0; --d) {
      if (++at[d] < end[d]) break;
      at[d] = begin[d];
    }
    if (d < 0) return;
  }
}

// Splits the longest dimension, or, for writes, the longest but `dim`: no two threads meet at an element of
// self.
template <class Line>
void parallel_lines(const IndexedElements& e, bool writes, Line line) {
  int64_t total = 1;
  int split = -1;
  for (int d = 0; d < e.dims; ++d) {
    total *= e.sizes[d];
    if (writes && d == e.dim) continue;
    if (split < 0 || e.sizes[d] > e.sizes[split]) split = d;
  }
  if (total == 0) return;
  if (split < 0) return for_lines(e, e.dims, 0, 0, line);
  const int64_t grain = std::max<int64_t>(kGrainItems * e.sizes[split] / total, 1);
  parallel_for(0, e.sizes[split], grain,
               [&](int64_t first, int64_t last) { for_lines(e, split, first, last, line); });
}
}  // namespace

// Bytes from an element of a line to the next one: in self, where not along `dim`, for each step of the
// index, and in the other tensor.
struct LineSteps {
  int64_t along, stride, step;
  explicit LineSteps(const IndexedElements& e)
      : along(e.dim == e.dims - 1 ? 0 : e.self_strides[e.dims - 1]),
        stride(e.self_strides[e.dim]),
        step(e.other_strides[e.dims - 1]) {}
  // Lines in dense memory, for which loops have a form of their own.
  bool within(int64_t item) const { return step == item && along == 0 && stride == item; }
  bool across(int64_t item) const { return step == item && along == item; }
};

int64_t gather_elements(size_t item_size, const IndexedElements& e, const char* self, char* other) {
  const LineSteps s(e);
  FirstBad bad;
  // move(index, from, to, length) for pieces of lines, as long as they are good.
  const auto each_piece = [&](auto move) {
    parallel_lines(e, false, [&](const int64_t* index, int64_t from, int64_t to, int64_t length) {
      constexpr int64_t kPiece = 1024;
      for (int64_t at = 0; at < length; at += kPiece) {
        const int64_t n = std::min(kPiece, length - at);
        if (any_outside(index + at, n, 0, e.size)) {
          int64_t j = at;
          while (index[j] >= 0 && index[j] < e.size) ++j;
          return bad.note(index + j - e.index);
        }
        move(index + at, self + from + at * s.along, other + to + at * s.step, n);
      }
    });
  };
  with_run(static_cast<int64_t>(item_size), [&](auto item) {
    const size_t bytes = static_cast<size_t>(item);
    if (s.within(item))
      each_piece([=](const int64_t* index, const char* x, char* y, int64_t n) {
        for (int64_t j = 0; j < n; ++j) std::memcpy(y + j * item, x + index[j] * item, bytes);
      });
    else if (s.across(item))
      each_piece([=](const int64_t* index, const char* x, char* y, int64_t n) {
        for (int64_t j = 0; j < n; ++j) std::memcpy(y + j * item, x + j * item + index[j] * s.stride, bytes);
      });
    else
      each_piece([=](const int64_t* index, const char* x, char* y, int64_t n) {
        for (int64_t j = 0; j < n; ++j)
          std::memcpy(y + j * s.step, x + j * s.along + index[j] * s.stride, bytes);
      });
  });
  return bad.place();
}

namespace {
template <class T, ScatterOp op>
void combine(T& to, T from) {
  if constexpr (op == ScatterOp::Assign)
    to = from;
  else if constexpr (op == ScatterOp::Add)
    to = sum_of(to, from);
  else if constexpr (op == ScatterOp::Multiply)
    to = product_of(to, from);
  else if constexpr (op == ScatterOp::Max)
    to = from > to || from != from ? from : to;
  else
    to = from < to || from != from ? from : to;
}
template <class T, ScatterOp op>
void scatter_typed(const IndexedElements& e, char* self, const char* other) {
  const LineSteps s(e);
  if (s.within(sizeof(T)))
    return parallel_lines(e, true, [=](const int64_t* index, int64_t to, int64_t from, int64_t length) {
      T* const y = reinterpret_cast<T*>(self + to);
      const T* const x = reinterpret_cast<const T*>(other + from);
      for (int64_t j = 0; j < length; ++j) combine<T, op>(y[index[j]], x[j]);
    });
  parallel_lines(e, true, [=](const int64_t* index, int64_t to, int64_t from, int64_t length) {
    for (int64_t j = 0; j < length; ++j)
      combine<T, op>(*reinterpret_cast<T*>(self + to + j * s.along + index[j] * s.stride),
                     *reinterpret_cast<const T*>(other + from + j * s.step));
  });
}
}  // namespace

void scatter_elements(DType dtype, ScatterOp op, const IndexedElements& e, char* self, const char* other) {
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    switch (op) {
      case ScatterOp::Assign:
        return scatter_typed<T, ScatterOp::Assign>(e, self, other);
      case ScatterOp::Add:
        return scatter_typed<T, ScatterOp::Add>(e, self, other);
      case ScatterOp::Multiply:
        return scatter_typed<T, ScatterOp::Multiply>(e, self, other);
      case ScatterOp::Max:
        if constexpr (!math::is_complex_type<T>) scatter_typed<T, ScatterOp::Max>(e, self, other);
        return;
      case ScatterOp::Min:
        if constexpr (!math::is_complex_type<T>) scatter_typed<T, ScatterOp::Min>(e, self, other);
        return;
    }
  });
}

}  // namespace flambeau::cpu
