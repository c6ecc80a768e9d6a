#include "core/backend/reduce.h"

#include <algorithm>

namespace flambeau::backend {
namespace {

using Axis = Reduction::Axis;

// Outer axes first; equal strides (broadcast axes) keep their order.
void sort_by_stride(Axis* axes, int rank) {
  for (int i = 1; i < rank; ++i)
    for (int j = i; j > 0 && axes[j].stride > axes[j - 1].stride; --j) std::swap(axes[j], axes[j - 1]);
}

Reduction build(int rank, const int64_t* sizes, const int64_t* strides, const int64_t* out_strides,
                uint64_t mask) {
  Reduction r;
  int64_t step = 1;
  for (int i = rank - 1; i >= 0; --i) {
    if (mask >> i & 1) {
      r.count *= sizes[i];
      if (sizes[i] != 1) r.reduced[r.reduced_rank++] = {sizes[i], strides[i], 0};
    } else {
      if (sizes[i] != 1) r.kept[r.kept_rank++] = {sizes[i], strides[i], out_strides ? out_strides[i] : step};
      r.outputs *= sizes[i];
      step *= sizes[i];
    }
  }
  std::reverse(r.kept, r.kept + r.kept_rank);
  std::reverse(r.reduced, r.reduced + r.reduced_rank);
  sort_by_stride(r.kept, r.kept_rank);
  sort_by_stride(r.reduced, r.reduced_rank);
  r.kept_rank = merge_neighbours(r.kept, r.kept_rank, true);
  r.reduced_rank = merge_neighbours(r.reduced, r.reduced_rank, false);
  return r;
}

}  // namespace

int merge_neighbours(Reduction::Axis* axes, int rank, bool with_output) {
  int last = 0;
  for (int i = 1; i < rank; ++i) {
    Axis& outer = axes[last];
    const Axis& inner = axes[i];
    if (outer.stride == inner.size * inner.stride &&
        (!with_output || outer.out_stride == inner.size * inner.out_stride)) {
      outer = {outer.size * inner.size, inner.stride, inner.out_stride};
    } else {
      axes[++last] = inner;
    }
  }
  return rank ? last + 1 : 0;
}

Reduction Reduction::over(int rank, const int64_t* sizes, const int64_t* strides, uint64_t reduced_mask) {
  return build(rank, sizes, strides, nullptr, reduced_mask);
}
Reduction Reduction::over(int rank, const int64_t* sizes, const int64_t* strides, const int64_t* out_strides,
                          uint64_t reduced_mask) {
  return build(rank, sizes, strides, out_strides, reduced_mask);
}
Reduction Reduction::axis(int64_t outer, int64_t size, int64_t inner) {
  const int64_t sizes[] = {outer, size, inner}, strides[] = {size * inner, inner, 1};
  return build(3, sizes, strides, nullptr, 2);
}

}  // namespace flambeau::backend
