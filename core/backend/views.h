// Geometry of the operators that move elements about.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/tensor/dims.h"

namespace flambeau::backend {

// A part of every row of a result that joins tensors.
struct Piece {
  const char* data;
  int64_t bytes;  // of one row
};

// Which items of a flat buffer a tensor of these sizes shows.
struct StridedWindow {
  int dims;
  const int64_t* sizes;
  const int64_t* strides;  // in items
  int64_t offset;
};

// A source read with steps (in bytes) of either sign, row by row.
struct SteppedRows {
  int dims;
  const int64_t* sizes;
  int64_t steps[kMaxDims];
  size_t item;
};

// Matrices of which one triangle is kept and the rest becomes 0.
enum class Triangle : uint8_t { Lower, Upper };

// Blocks of `planes` images laid out as columns: for each element of a block, for each block, one item. The
// arrays are of heights and widths.
struct ImageBlocks {
  int64_t planes;
  int64_t image[2], kernel[2], dilation[2], padding[2], stride[2];
  int64_t blocks[2];  // how many, down and across

  int64_t pixels() const { return image[0] * image[1]; }
  int64_t items() const { return kernel[0] * kernel[1] * blocks[0] * blocks[1]; }  // of a plane's columns
};

// An array whose axes are extended, cut or repeated: element o along axis d of the output is element
// source[d][o] of the input, or where that is below 0 a constant. The tables lie in the host's memory; null:
// an axis that stays.
struct Extension {
  int dims;
  int64_t input[kMaxDims], output[kMaxDims];
  const int64_t* source[kMaxDims];
};

}  // namespace flambeau::backend
