// Layer and group normalisation, forward and backward, each row in one go.
//
// The functions split the work over threads; the kernels under `NormKernels` are their single-threaded parts,
// one set per instruction set. Of half precision are `x`, `y`, `grad_output` and
// `grad_input` only: the parameters, their gradients and the statistics are then float32.
#pragma once
#include <cstdint>

#include "core/backend/normalisation.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// y = (x - mean) * scale * weight + bias, scale = 1 / sqrt(variance + eps). `weight` and `bias` may be null;
// `means` and `scales` have one item a row.
void normalize_rows(DType dtype, const NormShape& shape, const void* x, const void* weight, const void* bias,
                    void* y, void* means, void* scales);
// Any of the three gradients may be null.
void normalize_rows_backward(DType dtype, const NormShape& shape, const void* grad_output, const void* x,
                             const void* weight, const void* means, const void* scales, void* grad_input,
                             void* grad_weight, void* grad_bias);

// ---- the kernels, one set per instruction set: rows [first, last)

using NormKernel = void (*)(const NormShape& shape, int64_t first, int64_t last, const void* x,
                            const void* weight, const void* bias, void* y, void* means, void* scales);
// Adds to grad_weight and grad_bias.
using NormBackwardKernel = void (*)(const NormShape& shape, int64_t first, int64_t last,
                                    const void* grad_output, const void* x, const void* weight,
                                    const void* means, const void* scales, void* grad_input,
                                    void* grad_weight, void* grad_bias);

struct NormKernels {
  NormKernel forward[kDTypes];
  NormBackwardKernel backward[kDTypes];
};

namespace baseline {
void fill(NormKernels& kernels);
}
namespace v3 {
void fill(NormKernels& kernels);
}
namespace v4 {
void fill(NormKernels& kernels);
}

}  // namespace flambeau::cpu
