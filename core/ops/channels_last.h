// Operators that compute in the order of their input's memory, where its channels lie last.
#pragma once
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/layout.h"

namespace flambeau {

// Dense, with the channels innermost.
inline bool lies_channels_last(const Tensor& t) {
  if (t->contiguous || (t.dim() != 4 && t.dim() != 5)) return false;
  const Dims strides = channels_last_strides(t.sizes());
  for (int i = 0; i < t.dim(); ++i)
    if (t.sizes()[i] != 1 && t.strides()[i] != strides[i]) return false;
  return true;
}

// The order of the memory of inputs, gradients and results.
struct Layout {
  bool channels_last = false;

  // Without a copy where it lies so, in this dtype.
  Tensor of(const Tensor& t, DType dtype) const {
    if (!channels_last) return as_contiguous(t.dtype() == dtype ? t : cast_copy(t, dtype));
    const Tensor laid = lies_channels_last(t) ? t : with_channels_last(t);
    return laid.dtype() == dtype ? laid : cast_copy(laid, dtype);
  }
  Tensor fresh(const Dims& sizes, DType dtype) const {
    return channels_last ? empty_strided(sizes, channels_last_strides(sizes), dtype) : empty(sizes, dtype);
  }
};

}  // namespace flambeau
