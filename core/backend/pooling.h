// Geometry of pooling.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// Max pooling over `planes` contiguous images. `padding` is the one before the first row and column; windows
// may run past the other edge (ceil_mode). Every pointer read from must have 128 readable bytes after its
// last element.
struct PoolShape {
  int64_t planes;
  int64_t input[2], kernel[2], stride[2], padding[2], dilation[2], output[2];
};

// How the place of each maximum is told: not at all, as PyTorch does (the int64 position h * width + w in the
// plane), or as the uint8 position r * kernel[1] + s in the window, which needs a kernel of at most 255
// elements.
enum class PoolIndex : uint8_t { None, Position, Choice };

}  // namespace flambeau::backend
