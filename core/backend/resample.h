// Geometry of resampling: changing the size of an image, and looking it up at given places.
#pragma once
#include <cstdint>

namespace flambeau::backend {

inline constexpr int kImageAxes = 3;

// A linear map along one axis: out[o] = sum of weight[k * output + o] in[index[k * output + o]] over
// 0 <= k < taps. Taps from count[o] on have weight 0. The tables lie in the host's memory; weights are of the
// tensors' element type, float64 for bytes.
struct AxisMap {
  int64_t input, output, taps;
  const int32_t* index;
  const int64_t* count;
  const void* weight;
};

// Maps along the axes of `planes` contiguous volumes; images have a depth of 1.
struct Resampling {
  int64_t planes;
  AxisMap axes[kImageAxes];
};

}  // namespace flambeau::backend
