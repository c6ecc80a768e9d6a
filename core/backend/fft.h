// Geometry of discrete Fourier transforms along one dimension.
#pragma once
#include <cstdint>

#include "core/tensor/dims.h"

namespace flambeau::backend {

enum class Fourier : uint8_t {
  Complex,     // points numbers to as many
  RealToHalf,  // points real numbers to the points / 2 + 1 first ones of their spectrum
  RealToFull,  // the same to all of it
  HalfToReal   // its inverse: the imaginary parts of what must be real do not count
};

// One transform for each line of an array. Strides are in items: pairs where they are complex. Input and
// output are the same array, of one geometry, or do not overlap; only Complex may work in place.
struct FourierLines {
  Fourier kind;
  bool forward;  // the sign of the exponent is -1
  double scale;  // what the result is multiplied by
  int64_t points;
  int64_t in_stride, out_stride;    // along a line
  Dims batch, in_steps, out_steps;  // of the lines: the last dimension is the innermost
};

}  // namespace flambeau::backend
