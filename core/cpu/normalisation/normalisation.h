// Layer, group and root-mean-square normalisation, each row in one go; batch normalisation.
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

// y = (x - mean) * scale * weight + bias, scale = 1 / sqrt(variance + eps); not `centred`: mean = 0, and the
// mean square is the variance. `weight` and `bias` may be null; `means` and `scales` have one item a row.
// With the channels last, halves are not taken.
void normalize_rows(DType dtype, const NormShape& shape, const void* x, const void* weight, const void* bias,
                    void* y, void* means, void* scales);
// Any of the three gradients may be null.
void normalize_rows_backward(DType dtype, const NormShape& shape, const void* grad_output, const void* x,
                             const void* weight, const void* means, const void* scales, void* grad_input,
                             void* grad_weight, void* grad_bias);

// The same with the channels last, for them.
void normalize_groups_last(DType dtype, const NormShape& shape, const void* x, const void* weight,
                           const void* bias, void* y, void* means, void* scales);
void normalize_groups_last_backward(DType dtype, const NormShape& shape, const void* grad_output,
                                    const void* x, const void* weight, const void* means, const void* scales,
                                    void* grad_input, void* grad_weight, void* grad_bias);

// Batch normalisation, of float32 and float64. An input without elements leaves the running statistics alone.
void normalize_channels(DType dtype, const ChannelShape& shape, const ChannelNorm& norm, const void* x,
                        void* y);
// Any of the three gradients may be null.
void normalize_channels_backward(DType dtype, const ChannelShape& shape, const ChannelNorm& norm,
                                 const void* grad_output, const void* x, void* grad_input, void* grad_weight,
                                 void* grad_bias);

// ---- the kernels, one set per instruction set: rows [first, last)

struct TwoSums {
  double first, second;
};

using NormKernel = void (*)(const NormShape& shape, int64_t first, int64_t last, const void* x,
                            const void* weight, const void* bias, void* y, void* means, void* scales);
// Adds to grad_weight and grad_bias.
using NormBackwardKernel = void (*)(const NormShape& shape, int64_t first, int64_t last,
                                    const void* grad_output, const void* x, const void* weight,
                                    const void* means, const void* scales, void* grad_input,
                                    void* grad_weight, void* grad_bias);

// In place of NormBackwardKernel where rows are long and every element has a factor of its own: of a row, the
// sums of u = grad_output * weight and of u * (x - mean) * scale; then the gradients of columns [first,
// last).
using RowSumsKernel = TwoSums (*)(const NormShape& shape, int64_t row, const void* grad_output, const void* x,
                                  const void* weight, const void* means, const void* scales);
using ColumnGradientsKernel = void (*)(const NormShape& shape, int64_t first, int64_t last,
                                       const void* grad_output, const void* x, const void* weight,
                                       const void* means, const void* scales, const TwoSums* sums,
                                       void* grad_input, void* grad_weight, void* grad_bias);

// By channel: of samples [first, last) of one channel, or, where the channels lie last, of rows [first, last)
// of them all. Arrays have an element for every channel, in the dtype or float64, and only those of the block
// are read or written.
struct ChannelBlock {
  int64_t channel, first, last;
};
struct ChannelKernels {
  // Means, and sums of squares about them.
  void (*moments[kDTypes])(const ChannelShape& shape, const ChannelBlock& block, const void* x, double* means,
                           double* squares);
  // Sums of the gradients, and of their products with x - mean.
  void (*products[kDTypes])(const ChannelShape& shape, const ChannelBlock& block, const void* grad_output,
                            const void* x, const void* means, double* sums, double* products);
  // y = (x - mean) * factor + summand
  void (*scale[kDTypes])(const ChannelShape& shape, const ChannelBlock& block, const void* x,
                         const void* means, const void* factors, const void* summands, void* y);
  // of_gradient * grad_output + of_x * (x - mean) + summand; of_x null: the first product alone
  void (*combine[kDTypes])(const ChannelShape& shape, const ChannelBlock& block, const void* grad_output,
                           const void* x, const void* means, const void* of_gradient, const void* of_x,
                           const void* summands, void* grad_input);
};

struct NormKernels {
  NormKernel forward[kDTypes];
  NormBackwardKernel backward[kDTypes];
  RowSumsKernel row_sums[kDTypes];
  ColumnGradientsKernel column_gradients[kDTypes];
  ChannelKernels channels[2];  // in planes; last
};

namespace baseline {
void fill(NormKernels& kernels);
void fill_channels(ChannelKernels (&layouts)[2]);
}  // namespace baseline
namespace v3 {
void fill(NormKernels& kernels);
void fill_channels(ChannelKernels (&layouts)[2]);
}  // namespace v3
namespace v4 {
void fill(NormKernels& kernels);
void fill_channels(ChannelKernels (&layouts)[2]);
}  // namespace v4

}  // namespace flambeau::cpu
