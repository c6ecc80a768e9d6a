// Products of matrices of 16-bit numbers: float32 sums, rounded once.
//
// bfloat16 goes to kernels that multiply pairs of its numbers (AVX512-BF16), where the CPU has them. All else
// is widened block after block, as many elements as the second-level cache holds, for the kernels of float32.
#pragma once
#include <cstdint>

#include "core/tensor/dtype.h"

namespace flambeau::cpu {

// c = alpha * a b + beta * c + bias. Of the strides of a, and of b, one is 1; rows of c are contiguous.
// With beta 0, c is not read.
struct HalfGemm {
  int64_t m, n, k;
  float alpha = 1;
  const uint16_t* a;
  int64_t a_row, a_column;
  const uint16_t* b;
  int64_t b_row, b_column;
  float beta = 0;
  uint16_t* c;
  int64_t ldc;
  const uint16_t* bias = nullptr;  // [n], added to every row
  float* sums = nullptr;           // in place of c (with its ldc), and the product is added to them
};
// `batch` products, their matrices at fixed distances. dtype: Float16 or BFloat16.
void half_gemm(DType dtype, const HalfGemm& g, int64_t batch, int64_t a_step, int64_t b_step, int64_t c_step);

// A product of bfloat16 on the calling thread; only where there are kernels for pairs. `sums` may be given.
void brain_gemm_here(const HalfGemm& g);

// ---- the kernels for pairs of bfloat16

// Columns of b lie packed in panels of so many, each [pairs of rows][kBrainPanel][2], beyond the matrix 0.
constexpr int64_t kBrainPanel = 64;
constexpr int64_t kBrainTileRows = 6;
struct BrainKernels {
  // Panels first to last of b.
  void (*pack)(const HalfGemm& g, int64_t first, int64_t last, uint32_t* packed);
  // Rows first_row to last_row of c, panels first to last.
  void (*multiply)(const HalfGemm& g, int64_t first_row, int64_t last_row, int64_t first, int64_t last,
                   const uint32_t* packed);
};
// In 32-bit items.
constexpr int64_t brain_panel_size(int64_t k) { return (k + 1) / 2 * kBrainPanel; }

namespace brain {
void fill(BrainKernels& kernels);
}

}  // namespace flambeau::cpu
