// Geometry of pooling over volumes of three axes; images have a depth of 1, signals a height of 1 as well.
#pragma once
#include <cstdint>

namespace flambeau::backend {

inline constexpr int kPoolAxes = 3;

// Max pooling over `planes` contiguous volumes. `padding` is the one before the first element of an axis;
// windows may run past the other edge (ceil_mode). Every pointer read from must have 128 readable bytes after
// its last element.
struct PoolShape {
  int64_t planes;
  int64_t input[kPoolAxes], kernel[kPoolAxes], stride[kPoolAxes], padding[kPoolAxes], dilation[kPoolAxes],
      output[kPoolAxes];
  // Above 0: the channels lie last, so many, in the input, the output and the places of the maxima. Of
  // float32 and float64, with windows of at most 255 elements that are not dilated.
  int64_t channels = 0;
};

// How the place of each maximum is told: not at all, as PyTorch does (the int64 position (d * height + h) *
// width + w in the volume), or as the uint8 number of the window's element, which needs a kernel of at most
// 255 elements.
enum class PoolIndex : uint8_t { None, Position, Choice };

// Windows without gaps, given axis by axis: output o covers first[o] <= i < last[o]. Their mean is the sum
// over the product of `count[o]`. The tables lie in the host's memory.
struct PoolWindows {
  int64_t planes;
  int64_t input[kPoolAxes], output[kPoolAxes];
  const int64_t *first[kPoolAxes], *last[kPoolAxes], *count[kPoolAxes];  // max pooling counts nothing
  bool own_tables;  // whether each volume has a table of its own, one after the other
  int64_t channels =
      0;  // above 0: the channels lie last, so many; of float32 and float64, without own tables
};

}  // namespace flambeau::backend
