// Copies between a matrix and its transpose, in tiles that fit the cache.
#pragma once
#include <cstddef>
#include <cstdint>

namespace flambeau::cpu {

// out[i * out_stride + j] = in[i + j * in_stride] for i < rows, j < columns: `out` runs along j, `in` along
// i. Strides count elements. The two must not overlap.
struct TransposedCopy {
  int64_t rows, columns;
  int64_t in_stride, out_stride;
  int64_t batch = 1, in_batch_stride = 0, out_batch_stride = 0;
};

// item_size is 1, 2, 4, 8 or 16. Splits over threads.
void copy_transposed(size_t item_size, const TransposedCopy& copy, const void* in, void* out);

// ---- the kernels, one set per instruction set

using TransposeKernel = void (*)(int64_t rows, int64_t columns, const void* in, int64_t in_stride, void* out,
                                 int64_t out_stride);

struct TransposeKernels {
  TransposeKernel copy[5];  // by the binary logarithm of the item size
};

namespace baseline {
void fill(TransposeKernels& kernels);
}
namespace v3 {
void fill(TransposeKernels& kernels);
}
namespace v4 {
void fill(TransposeKernels& kernels);
}

}  // namespace flambeau::cpu
