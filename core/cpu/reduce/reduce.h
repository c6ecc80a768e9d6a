// Reductions over any set of axes of a strided array, without copying it.
//
//   cpu::Reduction r = cpu::Reduction::over(rank, sizes, strides, mask);
//   cpu::reduce(cpu::Reduce::Sum, DType::Float32, r, input, output);
//
// The functions below choose the loop, split it over threads and are deterministic for a given number of
// threads; the kernels under `ReduceKernels` are their single-threaded parts, one set per instruction set.
#pragma once
#include <cstdint>

#include "core/backend/reduce.h"
#include "core/backend/softmax.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// `output` has the dtype reduce_output(op, dtype).
void reduce(Reduce op, DType dtype, const Reduction& reduction, const void* input, void* output);

// Max or min along one axis and where it stands; the first of equals, the first NaN if there is one. `values`
// (dtype of the input) or `indices` may be null. The reduction must have at most one reduced axis (flatten
// for dim=None) and a count above 0.
void arg_reduce(ArgReduce op, DType dtype, const Reduction& reduction, const void* input, void* values,
                int64_t* indices);

// Sum of squared deviations / max(0, count - correction), and the mean; either output may be null. One pass
// over memory (Chan, Golub and LeVeque, 1979, over blocks). Floating only. With `standard_deviation` the root
// of it.
void variance(DType dtype, const Reduction& reduction, double correction, bool standard_deviation,
              const void* input, void* variances, void* means);

// Running sum, product, maximum or minimum along the middle axis of contiguous [outer][size][inner]. Sum and
// Prod: the output has the dtype reduce_output(Sum, dtype); Max and Min also fill `indices` (the last of
// equals wins, as in cummax).
void scan(Scan op, DType dtype, int64_t outer, int64_t size, int64_t inner, const void* input, void* output,
          int64_t* indices = nullptr);

// log(exp(x_0) + ... + exp(x_i)) along the middle axis; floating dtypes.
void log_sum_exp_scan(DType dtype, SoftmaxShape shape, const void* x, void* y);

// ---- the kernels, one set per instruction set

using ReduceKernel = void (*)(const Reduction&, const void* input, void* output);
using ArgReduceKernel = void (*)(const Reduction&, const void* input, void* values, int64_t* indices);
// Writes the sum of squared deviations over the divisor, or the root of that, and the mean.
using MomentsKernel = void (*)(const Reduction&, const void* input, void* deviations, void* means,
                               double divisor, bool root);
// `outer` blocks of [size][inner]; within a block, rows are `row_stride` apart and blocks follow each other
// after `size` rows. Sum and Prod take the accumulator to start from (double for floating dtypes, 64 bits
// wide for integers) in `carry` and leave the last one there if it is not null (one row only); with a null
// output they do just that.
struct ScanRange {
  int64_t outer, size, inner, row_stride;
};
using ScanKernel = void (*)(const ScanRange& range, const void* input, void* output, int64_t* indices,
                            void* carry);

struct ReduceKernels {
  ReduceKernel reduce[kReduceOps][kDTypes];  // null where there is none
  ArgReduceKernel arg_reduce[2][kDTypes];
  MomentsKernel moments[kDTypes];
  MomentsKernel moments_parts[kDTypes];  // with double results
  ScanKernel scan[4][kDTypes];
};

namespace baseline {
void fill(ReduceKernels& kernels);
}
namespace v3 {
void fill(ReduceKernels& kernels);
}
namespace v4 {
void fill(ReduceKernels& kernels);
}

}  // namespace flambeau::cpu
