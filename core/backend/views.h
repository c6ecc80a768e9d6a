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

}  // namespace flambeau::backend
