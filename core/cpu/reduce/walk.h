// How a reduction walks its axes; shared by the reduction kernels. For kernel sources only.
#pragma once
#include <cstdint>

#include "core/cpu/lanes.h"
#include "core/cpu/reduce/reduce.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Columns are reduced in tiles that stay in the first-level cache.
constexpr int64_t kTileColumns = 512, kTileRows = 128;
// Narrow rows are seen as fewer, wider ones as long as this many are left.
constexpr int64_t kFoldedRows = 16;
// Elements that do not lie side by side are first gathered, so many columns of so many rows at a time.
constexpr int64_t kGatherRows = 8;

// Calls f(input offset, output offset) for every index of the axes but `skip` (-1: of all).
template <class F>
void each(const Reduction::Axis* axes, int rank, int skip, F f) {
  Reduction::Axis left[kMaxReduceDims];
  int64_t index[kMaxReduceDims];
  int n = 0;
  for (int i = 0; i < rank; ++i) {
    if (i == skip) continue;
    index[n] = 0;
    left[n++] = axes[i];
  }
  int64_t in = 0, out = 0;
  for (;;) {
    f(in, out);
    int d = n - 1;
    for (; d >= 0; --d) {
      in += left[d].stride;
      out += left[d].out_stride;
      if (++index[d] < left[d].size) break;
      in -= left[d].size * left[d].stride;
      out -= left[d].size * left[d].out_stride;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

// The kept axis whose neighbours lie nearer to each other than those of the innermost reduced axis, or -1.
inline int column_axis(const Reduction& r) {
  if (r.reduced_rank == 0) return -1;
  const int64_t row_stride = r.reduced[r.reduced_rank - 1].stride;
  if (row_stride == 1) return -1;
  for (int i = r.kept_rank - 1; i >= 0; --i)
    if (r.kept[i].stride >= 1) return row_stride == 0 || r.kept[i].stride < row_stride ? i : -1;
  return -1;
}

template <class Op, class In>
auto fold_strided(const In* x, int64_t n, int64_t stride) {
  In items[kTileColumns];
  auto acc = Op::identity();
  for (int64_t first = 0; first < n; first += kTileColumns) {
    const int64_t count = smaller(kTileColumns, n - first);
    for (int64_t i = 0; i < count; ++i) items[i] = x[(first + i) * stride];
    Op::combine(acc, Op::row(items, count));
  }
  return acc;
}

template <class Op, class In, class Acc>
void fold_strided_columns(const In* x, int64_t rows, int64_t row_stride, int64_t width, int64_t stride,
                          Acc* acc) {
  In items[kGatherRows * kTileColumns];
  for (int64_t first = 0; first < rows; first += kGatherRows) {
    const int64_t count = smaller(kGatherRows, rows - first);
    for (int64_t r = 0; r < count; ++r)
      for (int64_t c = 0; c < width; ++c) items[r * width + c] = x[(first + r) * row_stride + c * stride];
    Op::columns(items, count, width, width, acc);
  }
}

template <class Op, class In, class Emit>
void walk_rows(const Reduction& r, const In* in, Emit emit) {
  const int inner = r.reduced_rank - 1;
  const Reduction::Axis row = inner < 0 ? Reduction::Axis{1, 1, 0} : r.reduced[inner];
  const auto fold = [&](const In* x) {
    return row.stride == 1 ? Op::row(x, row.size) : fold_strided<Op>(x, row.size, row.stride);
  };
  each(r.kept, r.kept_rank, -1, [&](int64_t at, int64_t out) {
    if (inner <= 0) return emit(out, fold(in + at));
    auto acc = Op::identity();
    each(r.reduced, r.reduced_rank, inner,
         [&](int64_t offset, int64_t) { Op::combine(acc, fold(in + at + offset)); });
    emit(out, acc);
  });
}

template <class Op, class In, class Emit>
void walk_columns(const Reduction& r, int axis, const In* in, Emit emit) {
  const Reduction::Axis column = r.kept[axis], row = r.reduced[r.reduced_rank - 1];
  // Narrow rows that lie end to end are seen as fewer, wider ones, whose columns are folded at the end.
  const int64_t fold = column.stride == 1 && row.stride == column.size && column.size <= kTileColumns / 4
                           ? larger<int64_t>(1, smaller(kTileColumns / column.size, row.size / kFoldedRows))
                           : 1;
  const int64_t tiles = (column.size + kTileColumns - 1) / kTileColumns;
  const int64_t tile =
      fold > 1 ? column.size : smaller(column.size, ((column.size + tiles - 1) / tiles + 15) / 16 * 16);
  typename Op::Acc acc[kTileColumns];
  each(r.kept, r.kept_rank, axis, [&](int64_t at, int64_t out) {
    for (int64_t first = 0; first < column.size; first += tile) {
      const int64_t width = smaller(tile, column.size - first);
      for (int64_t c = 0; c < width * fold; ++c) acc[c] = Op::identity();
      each(r.reduced, r.reduced_rank, r.reduced_rank - 1, [&](int64_t offset, int64_t) {
        const In* x = in + at + first * column.stride + offset;
        if (column.stride != 1)
          return fold_strided_columns<Op>(x, row.size, row.stride, width, column.stride, acc);
        const int64_t rows = row.size / fold, stride = row.stride * fold;
        for (int64_t i = 0; i < rows; i += kTileRows)
          Op::columns(x + i * stride, smaller(kTileRows, rows - i), stride, width * fold, acc);
        Op::columns(x + rows * stride, row.size - rows * fold, row.stride, width, acc);
      });
      for (int64_t c = 0; c < width; ++c) {
        for (int64_t k = 1; k < fold; ++k) Op::combine(acc[c], acc[k * width + c]);
        emit(out + (first + c) * column.out_stride, acc[c]);
      }
    }
  });
}

// Calls emit(output offset, accumulator) for every output.
template <class Op, class In, class Emit>
void walk(const Reduction& r, const In* in, Emit emit) {
  if (r.outputs == 0) return;
  if (r.count == 0) {
    const auto nothing = Op::identity();
    each(r.kept, r.kept_rank, -1, [&](int64_t, int64_t out) { emit(out, nothing); });
    return;
  }
  const int axis = column_axis(r);
  if (axis < 0)
    walk_rows<Op>(r, in, emit);
  else
    walk_columns<Op>(r, axis, in, emit);
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
