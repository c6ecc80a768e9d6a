// The ranges of the element types.
#pragma once
#include <limits>

#include "core/tensor/dtype.h"

namespace flambeau {

// The largest finite number of a floating type.
inline double largest_number(DType dtype) {
  switch (dtype) {
    case DType::Float16:
      return 65504;
    case DType::BFloat16:
      return 0x1.fep127;
    case DType::Float32:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

}  // namespace flambeau
