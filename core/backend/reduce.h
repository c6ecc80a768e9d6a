// Reductions over any set of axes of a strided array: what is reduced, and how.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/tensor/dims.h"
#include "core/tensor/dtype.h"

namespace flambeau::backend {

inline constexpr int kMaxReduceDims = kMaxDims;

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

  Reduction() = default;
  Reduction(const Reduction& other) { *this = other; }
  Reduction& operator=(const Reduction& other) {  // the axes in use, not the room for them
    kept_rank = other.kept_rank;
    reduced_rank = other.reduced_rank;
    std::copy_n(other.kept, kept_rank, kept);
    std::copy_n(other.reduced, reduced_rank, reduced);
    outputs = other.outputs;
    count = other.count;
    return *this;
  }

  // Bit i of `reduced_mask` set: axis i is reduced. The output is contiguous in the order of the kept axes
  // (so that keepdim makes no difference to it). Neighbouring axes are merged.
  static Reduction over(int rank, const int64_t* sizes, const int64_t* strides, uint64_t reduced_mask);
  // The same with an output of any strides; entries of reduced axes are not read.
  static Reduction over(int rank, const int64_t* sizes, const int64_t* strides, const int64_t* out_strides,
                        uint64_t reduced_mask);
  // One reduced axis in the middle of a contiguous array [outer][size][inner].
  static Reduction axis(int64_t outer, int64_t size, int64_t inner);
};

// Joins neighbouring axes that are one stretch (of the output too, where `with_output`); the new rank.
int merge_neighbours(Reduction::Axis* axes, int rank, bool with_output);

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
  Norm,      // the root of the sum of squares; floating only
  SumOfAbs,  // floating only
  MaxOfAbs,  // floating only; 0 on an empty range
  NanSum,    // floating only: NaN counts as 0
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

enum class ArgReduce : uint8_t { Max, Min };
enum class Scan : uint8_t { Sum, Prod, Max, Min };

}  // namespace flambeau::backend
