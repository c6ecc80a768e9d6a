#include "core/cpu/linalg/half_gemm.h"

#include <algorithm>

#include "core/cpu/kernels.h"
#include "core/cpu/linalg/gemm.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu {
namespace {

// Multiplications that are worth a thread of their own.
constexpr int64_t kGrain = 1 << 19;
constexpr int kScratchB = 6;

HalfGemm columns_of(HalfGemm g, int64_t first, int64_t count) {
  g.n = count;
  g.b += first * g.b_column;
  if (g.sums)
    g.sums += first;
  else
    g.c += first;
  if (g.bias) g.bias += first;
  return g;
}
HalfGemm member(HalfGemm g, int64_t i, int64_t a_step, int64_t b_step, int64_t c_step) {
  g.a += i * a_step;
  g.b += i * b_step;
  g.c += i * c_step;
  return g;
}

// ---- pairs of bfloat16

// As many columns of b as are packed at a time: 4 MiB of them.
int64_t packed_columns(const HalfGemm& g) {
  const int64_t panels = std::max<int64_t>(1, (int64_t{1} << 20) / brain_panel_size(g.k));
  return std::min(g.n, panels * kBrainPanel);
}

void brain_gemm(const HalfGemm& whole, bool threaded) {
  const BrainKernels& kernel = kernels().brain;
  const int64_t step = packed_columns(whole);
  for (int64_t column = 0; column < whole.n; column += step) {
    const HalfGemm g = columns_of(whole, column, std::min(step, whole.n - column));
    const int64_t panels = (g.n + kBrainPanel - 1) / kBrainPanel, panel_size = brain_panel_size(g.k);
    auto* const packed = static_cast<uint32_t*>(
        thread_scratch(kScratchB, static_cast<size_t>(panels * panel_size) * sizeof(uint32_t)));
    const int64_t work = g.m * g.n * g.k;
    if (!threaded || work < 2 * kGrain) {
      kernel.pack(g, 0, panels, packed);
      kernel.multiply(g, 0, g.m, 0, panels, packed);
      continue;
    }
    // A number packed costs about as much as eight multiplications.
    parallel_for(0, panels, kGrain / 8 / (g.k * kBrainPanel) + 1,
                 [&](int64_t first, int64_t last) { kernel.pack(g, first, last, packed); });
    const int64_t tiles = (g.m + kBrainTileRows - 1) / kBrainTileRows;
    if (tiles >= num_threads())
      parallel_for(0, tiles, kGrain / (g.n * g.k * kBrainTileRows) + 1, [&](int64_t first, int64_t last) {
        kernel.multiply(g, first * kBrainTileRows, std::min(g.m, last * kBrainTileRows), 0, panels, packed);
      });
    else
      parallel_for(0, panels, kGrain / (g.m * g.k * kBrainPanel) + 1,
                   [&](int64_t first, int64_t last) { kernel.multiply(g, 0, g.m, first, last, packed); });
  }
}

// ---- widened blocks

constexpr int64_t kBlockRows = 96, kBlockColumns = 512, kBlockDepth = 512;
constexpr int kScratchBlocks = 5;

// A block of a matrix as float32, in the order in which it lies: rows along the dimension whose stride is 1.
void widen_block(DType dtype, const uint16_t* from, int64_t row, int64_t column, int64_t rows,
                 int64_t columns, float* to) {
  const auto cast = kernels().pointwise.cast[static_cast<int>(DType::Float32)][static_cast<int>(dtype)];
  const bool along = column == 1;
  const int64_t lines = along ? rows : columns, length = along ? columns : rows, step = along ? row : column;
  for (int64_t i = 0; i < lines; ++i) cast(to + i * length, from + i * step, length);
}

// Rows of a product, on the calling thread.
void widened_rows(DType dtype, const HalfGemm& g, int64_t first_row, int64_t last_row) {
  const auto to_float = kernels().pointwise.cast[static_cast<int>(DType::Float32)][static_cast<int>(dtype)];
  const auto to_half = kernels().pointwise.cast[static_cast<int>(dtype)][static_cast<int>(DType::Float32)];
  auto* const blocks = static_cast<float*>(thread_scratch(
      kScratchBlocks, static_cast<size_t>(kBlockColumns * kBlockDepth + kBlockRows * kBlockDepth +
                                          kBlockRows * kBlockColumns + 2 * kBlockColumns) *
                          sizeof(float)));
  float* const b = blocks;
  float* const a = b + kBlockColumns * kBlockDepth;
  float* const sums = a + kBlockRows * kBlockDepth;
  float* const line = sums + kBlockRows * kBlockColumns;
  float* const bias = line + kBlockColumns;
  // With all of a row of sums at hand, blocks of b are widened once; a's again for every block of columns.
  for (int64_t column = 0; column < g.n; column += kBlockColumns) {
    const int64_t columns = std::min(kBlockColumns, g.n - column);
    if (g.bias) to_float(bias, g.bias + column, columns);
    for (int64_t row = first_row; row < last_row; row += kBlockRows) {
      const int64_t rows = std::min(kBlockRows, last_row - row);
      for (int64_t k = 0; k < g.k; k += kBlockDepth) {
        const int64_t depth = std::min(kBlockDepth, g.k - k);
        if (g.k > kBlockDepth || row == first_row)
          widen_block(dtype, g.b + k * g.b_row + column * g.b_column, g.b_row, g.b_column, depth, columns, b);
        widen_block(dtype, g.a + row * g.a_row + k * g.a_column, g.a_row, g.a_column, rows, depth, a);
        Gemm<float> part{};
        part.trans_a = g.a_column != 1;
        part.trans_b = g.b_column != 1;
        part.m = rows;
        part.n = columns;
        part.k = depth;
        part.a = a;
        part.lda = part.trans_a ? rows : depth;
        part.b = b;
        part.ldb = part.trans_b ? depth : columns;
        part.beta = k == 0 ? 0.0f : 1.0f;
        part.c = sums;
        part.ldc = columns;
        kernels().gemm.f32.gemm(part);
      }
      for (int64_t i = 0; i < rows; ++i) {
        float* const sum = sums + i * columns;
        uint16_t* const c = g.c + (row + i) * g.ldc + column;
        for (int64_t j = 0; j < columns; ++j) sum[j] *= g.alpha;
        if (g.beta != 0) {
          to_float(line, c, columns);
          for (int64_t j = 0; j < columns; ++j) sum[j] += g.beta * line[j];
        }
        if (g.bias)
          for (int64_t j = 0; j < columns; ++j) sum[j] += bias[j];
        to_half(c, sum, columns);
      }
    }
  }
}

void widened_gemm(DType dtype, const HalfGemm& g, bool threaded) {
  const int64_t grain = threaded ? kGrain / 4 / (g.n * g.k) + 1 : g.m;
  if (!threaded || g.m >= 8 * num_threads())
    return parallel_for(0, g.m, grain,
                        [&](int64_t first, int64_t last) { widened_rows(dtype, g, first, last); });
  parallel_for(0, g.n, kGrain / 4 / (g.m * g.k) + 1, [&](int64_t first, int64_t last) {
    widened_rows(dtype, columns_of(g, first, last - first), 0, g.m);
  });
}

void one_gemm(DType dtype, const HalfGemm& g, bool threaded) {
  if (dtype == DType::BFloat16 && kernels().brain.pack) return brain_gemm(g, threaded);
  widened_gemm(dtype, g, threaded);
}

}  // namespace

void brain_gemm_here(const HalfGemm& g) { brain_gemm(g, false); }

void half_gemm(DType dtype, const HalfGemm& g, int64_t batch, int64_t a_step, int64_t b_step,
               int64_t c_step) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {  // nothing is read of operands without elements
    const auto to_float = kernels().pointwise.cast[static_cast<int>(DType::Float32)][static_cast<int>(dtype)];
    const auto to_half = kernels().pointwise.cast[static_cast<int>(dtype)][static_cast<int>(DType::Float32)];
    for (int64_t i = 0; i < batch * g.m * g.n; ++i) {
      uint16_t* const c = g.c + i / (g.m * g.n) * c_step + i / g.n % g.m * g.ldc + i % g.n;
      float value = 0, bias = 0;
      if (g.beta != 0) to_float(&value, c, 1);
      if (g.bias) to_float(&bias, g.bias + i % g.n, 1);
      value = g.beta * value + bias;
      to_half(c, &value, 1);
    }
    return;
  }
  const int64_t work = g.m * g.n * g.k;
  if (batch < num_threads() && work > 4 * kGrain) {
    for (int64_t i = 0; i < batch; ++i) one_gemm(dtype, member(g, i, a_step, b_step, c_step), true);
    return;
  }
  parallel_for(0, batch, kGrain / work + 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) one_gemm(dtype, member(g, i, a_step, b_step, c_step), false);
  });
}

}  // namespace flambeau::cpu
