// Whether elements may be read where they lie. Memory of this library always may; memory of others, and what
// is cut out of it by the byte, need not, and kernels read whole elements.
#pragma once
#include <cstdint>

#include "core/tensor/dtype.h"
#include "core/tensor/error.h"

namespace flambeau {

inline bool is_aligned(const void* data, DType dtype) {
  return reinterpret_cast<uintptr_t>(data) % item_size(dtype) == 0;
}

// For what has to share the memory, and so cannot copy it instead.
inline void check_aligned(const void* data, DType dtype, const char* function) {
  check(is_aligned(data, dtype), function, ": the memory is not aligned to elements of torch.", name(dtype),
        "; clone it first");
}

}  // namespace flambeau
