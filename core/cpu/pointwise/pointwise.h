// The pointwise operators as kernels over contiguous arrays of one type.
//
// A kernel sees `n` items, contiguous, of one dtype (its *compute dtype*, the table's second index); the
// iterator brings strided, broadcast and other-dtype operands into that form. Scalars are operands like any
// other. `out` has the compute dtype, or bool for a predicate (`returns_bool`); it may be the very same array
// as an input, but not overlap one otherwise. Kernels are single-threaded and never throw.
#pragma once
#include <cstdint>

#include "core/backend/pointwise.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

using CastKernel = void (*)(void* out, const void* in, int64_t n);
using StridedCopyKernel = void (*)(void* out, const void* in, int64_t stride_bytes, int64_t n);
using FillKernel = void (*)(void* out, const void* item, int64_t n);
using AnyZeroKernel = bool (*)(const void* in, int64_t n);

// The slot of an item size (1, 2, 4, 8 or 16 bytes) in `gather`, `scatter` and `fill`.
inline constexpr int kItemSizes = 5;
constexpr int item_size_slot(size_t item_size) { return __builtin_ctzll(item_size); }

struct PointwiseKernels : PointwiseTable {
  // cast[to][from], as C++ converts, except that bool is `!= 0`, and a float outside an integer's range gives
  // what x86's conversion and truncation give. `out` and `in` may be the same array only if the item sizes
  // agree.
  CastKernel cast[kDTypes][kDTypes];
  // gather: `in` has the stride, `out` is contiguous; scatter: the reverse. By item_size_slot.
  StridedCopyKernel gather[kItemSizes];
  StridedCopyKernel scatter[kItemSizes];
  // n copies of one item.
  FillKernel fill[kItemSizes];
  // Whether an item is 0; integer dtypes only.
  AnyZeroKernel any_zero[kDTypes];
};

// Broadcasts, strides and other dtypes: brings a call's operands into the form that kernels take, chunk by
// chunk, and splits it over threads.
void run_pointwise(Pointwise op, DType compute, PointwiseCall& call);
// The same with a copy of the bits as the operation: operand 1 to operand 0, perhaps converted.
void run_copy(PointwiseCall& call);

// The complex dtypes' kernels, compiled once: there is little in them for vectors.
void fill_complex(PointwiseKernels& kernels);
// The rarer special functions, compiled once: they branch.
void fill_special_once(PointwiseKernels& kernels);

// Each sets every member but those.
namespace baseline {
void fill(PointwiseKernels& kernels);
}
namespace v3 {
void fill(PointwiseKernels& kernels);
}
namespace v4 {
void fill(PointwiseKernels& kernels);
}

}  // namespace flambeau::cpu
