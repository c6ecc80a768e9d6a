#include "core/cpu/indexing/index.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "core/cpu/indexing/items.h"
#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {

namespace {

// Waking a thread takes microseconds.
constexpr int64_t kGrainBytes = 256 << 10, kGrainItems = 32768;

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
// f.operator()<T, op>()
template <class F>
void with_type_and_op(DType dtype, ScatterOp op, F f) {
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    switch (op) {
      case ScatterOp::Assign:
        return f.template operator()<T, ScatterOp::Assign>();
      case ScatterOp::Add:
        return f.template operator()<T, ScatterOp::Add>();
      case ScatterOp::Multiply:
        return f.template operator()<T, ScatterOp::Multiply>();
      case ScatterOp::Max:
        if constexpr (!math::is_complex_type<T>) f.template operator()<T, ScatterOp::Max>();
        return;
      case ScatterOp::Min:
        if constexpr (!math::is_complex_type<T>) f.template operator()<T, ScatterOp::Min>();
        return;
    }
  });
}
}  // namespace

void combine_blocks(DType dtype, ScatterOp op, const IndexedBlocks& b, char* strided, const char* dense) {
  if (b.outer.count() * b.count * b.inner.count() * b.run == 0) return;
  with_type_and_op(dtype, op, [&]<class T, ScatterOp kOp>() {
    if (b.run == static_cast<int64_t>(sizeof(T)))  // single elements
      return scatter_shared(b, [=](int64_t to, int64_t from, int64_t) {
        combine<T, kOp>(*reinterpret_cast<T*>(strided + to), *reinterpret_cast<const T*>(dense + from));
      });
    scatter_shared(b, [=](int64_t to, int64_t from, int64_t n) {
      auto* __restrict items = reinterpret_cast<T*>(strided + to);
      const auto* __restrict more = reinterpret_cast<const T*>(dense + from);
      for (int64_t i = 0; i < n / static_cast<int64_t>(sizeof(T)); ++i) combine<T, kOp>(items[i], more[i]);
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
bool any_outside(const int64_t* positions, int64_t n, int64_t lift, int64_t size) {
  if (n <= 16) {
    bool outside = false;
    for (int64_t j = 0; j < n; ++j) outside |= positions[j] < -lift || positions[j] >= size;
    return outside;
  }
  return kernels().mask.any_outside(positions, n, lift, size);
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
// The same without dimensions of one element, and with neighbours that lie in one stretch (of the index, of
// self and of the other tensor) as one: few long lines rather than many short ones.
struct Elements {
  IndexedElements e;
  int64_t sizes[kIndexDims], self_strides[kIndexDims], other_strides[kIndexDims];

  explicit Elements(const IndexedElements& given) : e(given) {
    int n = 0, dim = -1;
    for (int d = 0; d < given.dims; ++d) {
      const int64_t size = given.sizes[d], self = given.self_strides[d], other = given.other_strides[d];
      if (size == 1 && d != given.dim) continue;
      if (n && d != given.dim && n - 1 != dim && self_strides[n - 1] == size * self &&
          other_strides[n - 1] == size * other) {
        sizes[n - 1] *= size;
        self_strides[n - 1] = self;
        other_strides[n - 1] = other;
        continue;
      }
      if (d == given.dim) dim = n;
      sizes[n] = size;
      self_strides[n] = self;
      other_strides[n++] = other;
    }
    e.dims = n;
    e.dim = dim;
    e.sizes = sizes;
    e.self_strides = self_strides;
    e.other_strides = other_strides;
  }
  Elements(const Elements&) = delete;
};

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

namespace {
// move(index, self, other, length) for pieces of lines, as long as their indices are good; the place of the
// first bad one, or -1.
template <class Self, class Other, class Move>
int64_t for_pieces(const IndexedElements& e, bool writes, Self* self, Other* other, Move move) {
  const LineSteps s(e);
  FirstBad bad;
  parallel_lines(e, writes, [&](const int64_t* index, int64_t self_at, int64_t other_at, int64_t length) {
    constexpr int64_t kPiece = 512;  // short enough to leave room for self in the first-level cache
    for (int64_t at = 0; at < length; at += kPiece) {
      const int64_t n = std::min(kPiece, length - at);
      if (any_outside(index + at, n, 0, e.size)) {
        int64_t j = at;
        while (index[j] >= 0 && index[j] < e.size) ++j;
        return bad.note(index + j - e.index);
      }
      move(index + at, self + self_at + at * s.along, other + other_at + at * s.step, n);
    }
  });
  return bad.place();
}
}  // namespace

int64_t gather_elements(size_t item_size, const IndexedElements& given, const char* self, char* other) {
  const Elements elements(given);
  const IndexedElements& e = elements.e;
  const LineSteps s(e);
  int64_t bad = -1;
  with_run(static_cast<int64_t>(item_size), [&](auto item) {
    const size_t bytes = static_cast<size_t>(item);
    if (s.within(item))
      bad = for_pieces(e, false, self, other, [=](const int64_t* index, const char* x, char* y, int64_t n) {
        for (int64_t j = 0; j < n; ++j) std::memcpy(y + j * item, x + index[j] * item, bytes);
      });
    else if (s.across(item))
      bad = for_pieces(e, false, self, other, [=](const int64_t* index, const char* x, char* y, int64_t n) {
        for (int64_t j = 0; j < n; ++j) std::memcpy(y + j * item, x + j * item + index[j] * s.stride, bytes);
      });
    else
      bad = for_pieces(e, false, self, other, [=](const int64_t* index, const char* x, char* y, int64_t n) {
        for (int64_t j = 0; j < n; ++j)
          std::memcpy(y + j * s.step, x + j * s.along + index[j] * s.stride, bytes);
      });
  });
  return bad;
}

namespace {
template <class T, ScatterOp op>
int64_t scatter_typed(const IndexedElements& e, char* self, const char* other) {
  const LineSteps s(e);
  if (s.within(sizeof(T)))
    return for_pieces(e, true, self, other, [](const int64_t* index, char* to, const char* from, int64_t n) {
      T* const y = reinterpret_cast<T*>(to);
      const T* const x = reinterpret_cast<const T*>(from);
      for (int64_t j = 0; j < n; ++j) combine<T, op>(y[index[j]], x[j]);
    });
  return for_pieces(e, true, self, other, [s](const int64_t* index, char* to, const char* from, int64_t n) {
    for (int64_t j = 0; j < n; ++j)
      combine<T, op>(*reinterpret_cast<T*>(to + j * s.along + index[j] * s.stride),
                     *reinterpret_cast<const T*>(from + j * s.step));
  });
}
}  // namespace

int64_t scatter_elements(DType dtype, ScatterOp op, const IndexedElements& given, char* self,
                         const char* other) {
  const Elements elements(given);
  int64_t bad = -1;
  with_type_and_op(dtype, op,
                   [&]<class T, ScatterOp kOp>() { bad = scatter_typed<T, kOp>(elements.e, self, other); });
  return bad;
}

}  // namespace flambeau::cpu
