// The strides of new tensors: with the channels last, or in the order of another tensor's axes.
#pragma once
#include <algorithm>

#include "core/tensor/dims.h"

namespace flambeau {

// Of a dense tensor (N, C, H, W) or (N, C, D, H, W) whose channels lie innermost.
inline Dims channels_last_strides(const Dims& sizes) {
  Dims strides = sizes;
  strides[1] = 1;
  int64_t step = sizes[1];
  for (int i = sizes.count - 1; i >= 2; --i) {
    strides[i] = step;
    step = wrapping_mul(step, sizes[i]);
  }
  strides[0] = step;
  return strides;
}

// Of a dense tensor. compare(a, b) is above 0 where axis `a` must lie outside of `b`, below 0 where inside,
// and 0 where that does not matter; axes that nothing tells apart keep their order.
template <class Compare>
Dims ordered_strides(const Dims& sizes, Compare compare) {
  Dims order;  // the innermost axis first
  for (int d = sizes.count - 1; d >= 0; --d) order.push_back(d);
  for (int i = 1; i < sizes.count; ++i) {
    int at = i;
    for (int before = i - 1; before >= 0; --before) {
      const int side = compare(static_cast<int>(order[before]), static_cast<int>(order[at]));
      if (side > 0) {
        std::swap(order[before], order[at]);
        at = before;
      } else if (side < 0) {
        break;
      }
    }
  }
  Dims strides = sizes;
  int64_t step = 1;
  for (int i = 0; i < sizes.count; ++i) {
    const int d = static_cast<int>(order[i]);
    strides[d] = step;
    step = wrapping_mul(step, std::max<int64_t>(sizes[d], 1));
  }
  return strides;
}

// What one tensor of these sizes and strides says of the order of two axes.
inline int compare_axes(const Dims& sizes, int64_t stride_of_a, int64_t stride_of_b, int a, int b) {
  if (stride_of_a == 0 || stride_of_b == 0) return 0;  // a broadcast axis does not tell
  if (stride_of_a != stride_of_b) return stride_of_a > stride_of_b ? 1 : -1;
  return sizes[a] > sizes[b] ? 1 : 0;
}

}  // namespace flambeau
