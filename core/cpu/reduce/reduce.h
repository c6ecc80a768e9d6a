// Reductions over any set of axes of a strided array, without copying it.
//
//   cpu::Reduction r = cpu::Reduction::over(rank, sizes, strides, mask);
//   cpu::reduce(cpu::Reduce::Sum, DType::Float32, r, input, output);
//
// The functions below choose the loop, split it over threads and are deterministic for a given number of
// threads; the kernels under `ReduceKernels` are their single-threaded parts, one set per instruction set.
#pragma once
#include <cstdint>

#include "core/tensor/dtype.h"

namespace flambeau::cpu {

inline constexpr int kMaxReduceDims = 16;

// What is reduced: the *kept* axes, one output each, and the *reduced* axes. Strides count elements, sizes
// are above 1, the innermost axis is the last.
struct Reduction {
  struct Axis {
    int64_t size, stride;
    int64_t out_stride;  // of the output, for a kept axis
  };
  int kept_rank = 0, reduced_rank = 0;
  Axis kept[kMaxReduceDims], reduced[kMaxReduceDims];
  int64_t outputs = 1;  // product of the kept sizes
  int64_t count = 1;    // product of the reduced sizes: how many elements make one output

  // Bit i of `reduced_mask` set: axis i is reduced. The output is contiguous in the order of the kept axes
  // (so that keepdim makes no difference to it). Neighbouring axes are merged.
  static Reduction over(int rank, const int64_t* sizes, const int64_t* strides, uint32_t reduced_mask);
  // The same with an output of any strides; entries of reduced axes are not read.
  static Reduction over(int rank, const int64_t* sizes, const int64_t* strides, const int64_t* out_strides,
                        uint32_t reduced_mask);
  // One reduced axis in the middle of a contiguous array [outer][size][inner].
  static Reduction axis(int64_t outer, int64_t size, int64_t inner);
};

// Output dtypes: see `reduce_output`. An empty reduction gives the identity (Mean: NaN); Max and Min have
// none on an empty range, the caller refuses it first.
enum class Reduce : uint8_t {
  Sum,   // integers and bool add up in int64
  Mean,  // floating only
  Prod,  // integers and bool multiply in int64
  Max,
  Min,  // NaN wins
  Any,
  All,  // of x != 0
  CountNonzero,
  SumOfSquares,  // floating only
  SumOfAbs,      // floating only
  MaxOfAbs,      // floating only; 0 on an empty range
  NanSum,        // floating only: NaN counts as 0
  kCount
};
inline constexpr int kReduceOps = static_cast<int>(Reduce::kCount);

constexpr DType reduce_output(Reduce op, DType input) {
  switch (op) {
    case Reduce::Sum:
    case Reduce::Prod:
      return is_integral(input) ? DType::Int64 : input;
    case Reduce::Any:
    case Reduce::All:
      return DType::Bool;
    case Reduce::CountNonzero:
      return DType::Int64;
    default:
      return input;
  }
}

// `output` has the dtype reduce_output(op, dtype).
void reduce(Reduce op, DType dtype, const Reduction& reduction, const void* input, void* output);

enum class ArgReduce : uint8_t { Max, Min };
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

enum class Scan : uint8_t { Sum, Prod, Max, Min };
// Running sum, product, maximum or minimum along the middle axis of contiguous [outer][size][inner]. Sum and
// Prod: the output has the dtype reduce_output(Sum, dtype); Max and Min also fill `indices` (the last of
// equals wins, as in cummax).
void scan(Scan op, DType dtype, int64_t outer, int64_t size, int64_t inner, const void* input, void* output,
          int64_t* indices = nullptr);

// ---- the kernels, one set per instruction set

using ReduceKernel = void (*)(const Reduction&, const void* input, void* output);
using ArgReduceKernel = void (*)(const Reduction&, const void* input, void* values, int64_t* indices);
// Writes the sum of squared deviations and the mean.
using MomentsKernel = void (*)(const Reduction&, const void* input, void* deviations, void* means);
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
