// Kernels that pick items by a mask (n bytes, true where not 0) or by their numbers.
#pragma once
#include <cstdint>

#include "core/cpu/indexing/bags.h"

namespace flambeau::cpu {

// Writes the items whose mask is true one after another; exactly `count` of the n masks are. Single-threaded.
using CompressKernel = void (*)(const void* in, const uint8_t* mask, int64_t n, void* out, int64_t count);
// The same for the positions first, first + 1 ...
using PositionsKernel = void (*)(const uint8_t* mask, int64_t n, int64_t first, int64_t* out, int64_t count);

struct MaskKernels {
  CompressKernel compress[5];  // by item_size_slot (pointwise.h)
  PositionsKernel positions;
  int64_t (*count)(const uint8_t* mask, int64_t n);
  // Whether any of n positions lies outside [-lift, size).
  bool (*any_outside)(const int64_t* positions, int64_t n, int64_t lift, int64_t size);
  BagKernels bags;
};

namespace baseline {
void fill(MaskKernels& kernels);
}
namespace v3 {
void fill(MaskKernels& kernels);
}
namespace v4 {
void fill(MaskKernels& kernels);
}

}  // namespace flambeau::cpu
