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

enum class GridMode : uint8_t { Linear, Nearest, Cubic };
enum class GridPadding : uint8_t { Zeros, Border, Reflection };

// Images looked up at `points` places each: sums of 1, 2 or 4 pixels along each axis, weighed by how far the
// place is from them. A place lies in the grid as `axes` coordinates, the last axis' first.
struct GridSampling {
  int64_t batch, channels, points;
  int axes;                   // 2 or 3
  int64_t sizes[kImageAxes];  // of an image, the outermost axis first; beside 3 axes the last is 1
  GridMode mode;
  GridPadding padding;
  bool align_corners;
  int dropped_bits;        // of the mantissa: coordinates of halves are rounded wherever they are worked out
  bool channels_last;      // the image's channels lie side by side; all else is contiguous
  int orders[kImageAxes];  // how often the weights along an axis are differentiated by its coordinate
};

}  // namespace flambeau::backend
