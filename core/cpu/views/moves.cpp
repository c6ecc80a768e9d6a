#include "core/cpu/views/moves.h"

#include <algorithm>
#include <cstring>

#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {

namespace {

constexpr int64_t kCopyGrain = 128 << 10;  // bytes: a thread's share worth waking it for

// Calls f(position in the buffer, number of the element in row-major order).
template <class F>
void for_each_item(const StridedWindow& window, F f) {
  const int n = window.dims;
  int64_t index[kMaxDims] = {}, at = window.offset, numel = 1;
  for (int d = 0; d < n; ++d) numel *= window.sizes[d];
  for (int64_t k = 0; k < numel; ++k) {
    f(at, k);
    for (int d = n - 1; d >= 0; --d) {
      at += window.strides[d];
      if (++index[d] < window.sizes[d]) break;
      at -= index[d] * window.strides[d];
      index[d] = 0;
    }
  }
}

template <class T>
void add_through(const StridedWindow& window, const T* items, T* buffer) {
  for_each_item(window, [=](int64_t at, int64_t k) { buffer[at] = buffer[at] + items[k]; });
}
template <class T>
void divide_by_counts(const StridedWindow& window, int64_t extent, T* buffer, int32_t* counts) {
  for_each_item(window, [=](int64_t at, int64_t) { ++counts[at]; });
  for (int64_t i = 0; i < extent; ++i)
    if (counts[i] > 1) buffer[i] = buffer[i] / static_cast<T>(counts[i]);
}

// One matrix of `item` bytes an element, contiguous; what lies outside the triangle becomes 0.
void keep_triangle(Triangle triangle, char* matrix, int64_t rows, int64_t columns, int64_t diagonal,
                   size_t item) {
  for (int64_t i = 0; i < rows; ++i, matrix += static_cast<size_t>(columns) * item) {
    // The first column past the triangle (lower), or in it (upper).
    const int64_t border = triangle == Triangle::Lower ? i + diagonal + 1 : i + diagonal;
    const size_t split = static_cast<size_t>(std::clamp<int64_t>(border, 0, columns)) * item;
    if (triangle == Triangle::Lower)
      std::memset(matrix + split, 0, static_cast<size_t>(columns) * item - split);
    else
      std::memset(matrix, 0, split);
  }
}

}  // namespace

void interleave_rows(std::span<const Piece> pieces, int64_t rows, char* out) {
  int64_t row_bytes = 0;
  for (const Piece& piece : pieces) row_bytes += piece.bytes;
  const int64_t total = row_bytes * rows;
  if (total == 0) return;
  parallel_for(0, total, kCopyGrain, [&](int64_t first, int64_t last) {
    int64_t row = first / row_bytes, within = first % row_bytes;
    size_t p = 0;
    while (within >= pieces[p].bytes) within -= pieces[p++].bytes;
    for (int64_t at = first; at < last;) {
      const int64_t n = std::min(pieces[p].bytes - within, last - at);
      std::memcpy(out + at, pieces[p].data + row * pieces[p].bytes + within, static_cast<size_t>(n));
      at += n;
      within = 0;
      if (++p == pieces.size()) {
        p = 0;
        ++row;
      }
    }
  });
}

void copy_stepped_rows(const SteppedRows& rows_of, int64_t numel, const char* start, char* out) {
  const int n = rows_of.dims;
  const auto item = static_cast<int64_t>(rows_of.item);
  const int64_t length = rows_of.sizes[n - 1], step = rows_of.steps[n - 1], rows = numel / length;
  const int64_t *sizes = rows_of.sizes, *steps = rows_of.steps;
  auto copy_row = [=](char* to, const char* from) {
    if (step == item)
      std::memcpy(to, from, static_cast<size_t>(length * item));
    else if (item == 4)
      for (int64_t i = 0; i < length; ++i) std::memcpy(to + i * 4, from + i * step, 4);
    else if (item == 8)
      for (int64_t i = 0; i < length; ++i) std::memcpy(to + i * 8, from + i * step, 8);
    else
      for (int64_t i = 0; i < length; ++i)
        std::memcpy(to + i * item, from + i * step, static_cast<size_t>(item));
  };
  parallel_for(0, rows, std::max<int64_t>(kCopyGrain / (length * item), 1), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const char* from = start;
      int64_t rest = row;
      for (int d = n - 2; d >= 0; --d) {
        from += rest % sizes[d] * steps[d];
        rest /= sizes[d];
      }
      copy_row(out + row * length * item, from);
    }
  });
}

namespace {
// visit.operator()<T>() for every dtype that carries gradients and has kernels.
template <class Visitor>
void visit_gradient(DType dtype, Visitor visit) {
  const char* name = "as_strided_backward";
  is_complex(dtype) ? visit_complex(dtype, name, visit) : visit_floating(dtype, name, visit);
}
}  // namespace

void add_through(DType dtype, const StridedWindow& window, const void* items, void* buffer) {
  visit_gradient(
      dtype, [&]<class T>() { add_through(window, static_cast<const T*>(items), static_cast<T*>(buffer)); });
}
void divide_by_counts(DType dtype, const StridedWindow& window, int64_t extent, void* buffer,
                      int32_t* counts) {
  visit_gradient(dtype,
                 [&]<class T>() { divide_by_counts(window, extent, static_cast<T*>(buffer), counts); });
}

void keep_triangle(Triangle triangle, char* matrices, int64_t count, int64_t rows, int64_t columns,
                   int64_t diagonal, size_t item) {
  for (int64_t k = 0; k < count; ++k)
    keep_triangle(triangle, matrices + static_cast<size_t>(k * rows * columns) * item, rows, columns,
                  diagonal, item);
}

}  // namespace flambeau::cpu
