// Distances between the rows of matrices.
#pragma once
#include <cstdint>

#include "core/backend/linalg.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// Float32 and Float64. Splits over threads.
void row_distances(DType dtype, const RowDistances& how, const void* x1, const void* x2, void* result);

// ---- the kernels, one set per instruction set

// From one row to `count` others that follow each other.
using DistanceKernel = void (*)(int64_t count, int64_t width, double p, const void* row, const void* others,
                                void* result);

struct DistanceKernels {
  DistanceKernel from_row[kDTypes];
};

namespace baseline {
void fill(DistanceKernels& kernels);
}
namespace v3 {
void fill(DistanceKernels& kernels);
}
namespace v4 {
void fill(DistanceKernels& kernels);
}

}  // namespace flambeau::cpu
