// Products of bfloat16 matrices with AVX512-BF16, whose one instruction adds the products of two pairs to a
// float32 sum. Compiled for such CPUs only, whatever instruction sets the other kernels are compiled for.
#include <immintrin.h>

#include "core/cpu/lanes_transpose.h"
#include "core/cpu/linalg/half_gemm.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::brain {
namespace {

constexpr int kTileRows = kBrainTileRows, kPanel = kBrainPanel, kVectors = kPanel / 16;
constexpr int64_t kDepth = 1024;     // pairs of rows of b worked on at a time: a panel of them fits the
                                     // second-level cache
constexpr int64_t kBlockRows = 192;  // rows of a packed at a time
constexpr int kScratch = 7;

[[gnu::always_inline]] inline uint32_t pair(uint16_t low, uint16_t high) {
  return low | static_cast<uint32_t>(high) << 16;
}

// ---- packing: to[p * to_row + i] = the pair of elements 2p and 2p + 1 of line i

// Elements of a line lie `step` apart, those of its neighbours beside them.
template <int kWidth>
void interleave(const uint16_t* from, int64_t step, int64_t k, int64_t width, uint32_t* to, int64_t to_row) {
  for (int64_t j = 0; j < k; j += 2, from += 2 * step, to += to_row) {
    const uint16_t* const low = from;
    const uint16_t* const high = from + step;
    if (j + 1 == k) {
      for (int64_t i = 0; i < width; ++i) to[i] = low[i];
    } else if (width == kWidth) {
      for (int i = 0; i < kWidth; ++i) to[i] = pair(low[i], high[i]);
    } else {
      for (int64_t i = 0; i < width; ++i) to[i] = pair(low[i], high[i]);
    }
  }
}

// Elements of a line lie beside each other, lines `step` apart: pairs transposed, 16 lines at a time. Lines
// beyond the last are written as copies of it.
void transpose(const uint16_t* from, int64_t step, int64_t k, int64_t lines, uint32_t* to, int64_t to_row) {
  const int64_t pairs = k / 2, whole = pairs / 16 * 16;
  for (int64_t i = 0; i < lines; i += 16) {
    const int64_t last = smaller<int64_t>(16, lines - i) - 1;
    for (int64_t p = 0; p < whole; p += 16) {
      Vec<int32_t, 16> block[16];
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r)
        block[r] = reinterpret_cast<Vec<int32_t, 16>>(
            _mm512_loadu_si512(from + (i + smaller<int64_t>(r, last)) * step + 2 * p));
      transpose_square<16>(block);
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r)
        _mm512_storeu_si512(to + (p + r) * to_row + i, reinterpret_cast<__m512i>(block[r]));
    }
    for (int64_t r = 0; r <= last; ++r) {
      const uint16_t* const line = from + (i + r) * step;
      for (int64_t p = whole; p < pairs; ++p) to[p * to_row + i + r] = pair(line[2 * p], line[2 * p + 1]);
      if (k % 2) to[pairs * to_row + i + r] = line[k - 1];
    }
  }
}

void pack(const HalfGemm& g, int64_t first, int64_t last, uint32_t* packed) {
  const int64_t size = brain_panel_size(g.k);
  for (int64_t p = first; p < last; ++p) {
    const int64_t column = p * kPanel, columns = smaller<int64_t>(kPanel, g.n - column);
    uint32_t* const to = packed + p * size;
    const uint16_t* const from = g.b + column * g.b_column;
    if (g.b_column == 1)
      interleave<kPanel>(from, g.b_row, g.k, columns, to, kPanel);
    else
      transpose(from, g.b_column, g.k, columns, to, kPanel);
    if (columns < kPanel)
      for (int64_t i = 0; i < (g.k + 1) / 2; ++i)
        for (int64_t j = columns; j < kPanel; ++j) to[i * kPanel + j] = 0;
  }
}

// ---- tiles

struct Tile {
  const uint32_t* b;  // of a panel
  int64_t pairs;
  bool odd;  // one more element behind the pairs
  // Element pairs of a row of a, `a_step` bytes apart, rows `a_row` bytes apart.
  const char* a;
  int64_t a_row, a_step;
  float* sums;  // [rows][kPanel]: of the pairs before and behind, where there are any
  bool first, last;
  const HalfGemm* g;
  int64_t c;  // its place in c, or in g's sums
  const uint16_t* bias;
  int64_t columns;
};

[[gnu::always_inline]] inline __m512 widen(__m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
[[gnu::always_inline]] inline __m512 dot(__m512 sum, uint32_t a, __m512i b) {
  return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)), (__m512bh)b);
}

template <int kRows, int kV>
void tile(const Tile& t) {
  __m512 sums[kRows][kV];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v)
      sums[i][v] = t.first ? _mm512_setzero_ps() : _mm512_loadu_ps(t.sums + i * kPanel + 16 * v);
  const uint32_t* b = t.b;
  const char* a = t.a;
  for (int64_t p = 0; p < t.pairs; ++p, b += kPanel, a += t.a_step) {
    __m512i row[kV];
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v) row[v] = _mm512_loadu_si512(b + 16 * v);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      uint32_t item;
      __builtin_memcpy(&item, a + i * t.a_row, sizeof(item));
#pragma GCC unroll 8
      for (int v = 0; v < kV; ++v) sums[i][v] = dot(sums[i][v], item, row[v]);
    }
  }
  if (t.odd)
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      uint16_t item;
      __builtin_memcpy(&item, a + i * t.a_row, sizeof(item));
#pragma GCC unroll 8
      for (int v = 0; v < kV; ++v) sums[i][v] = dot(sums[i][v], item, _mm512_loadu_si512(b + 16 * v));
    }
  if (!t.last) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kV; ++v) _mm512_storeu_ps(t.sums + i * kPanel + 16 * v, sums[i][v]);
    return;
  }
  const HalfGemm& g = *t.g;
#pragma GCC unroll 8
  for (int v = 0; v < kV; ++v) {
    const int64_t columns = smaller<int64_t>(16, t.columns - 16 * v);
    const auto lanes = static_cast<__mmask16>((1u << columns) - 1);
    if (g.sums) {
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        float* const to = g.sums + t.c + i * g.ldc + 16 * v;
        _mm512_mask_storeu_ps(to, lanes, _mm512_maskz_loadu_ps(lanes, to) + sums[i][v]);
      }
      continue;
    }
    const __m512 bias =
        t.bias ? widen(_mm256_maskz_loadu_epi16(lanes, t.bias + 16 * v)) : _mm512_setzero_ps();
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      uint16_t* const c = g.c + t.c + i * g.ldc + 16 * v;
      __m512 value = sums[i][v];
      if (g.alpha != 1) value = value * _mm512_set1_ps(g.alpha);
      if (g.beta != 0) value += _mm512_set1_ps(g.beta) * widen(_mm256_maskz_loadu_epi16(lanes, c));
      if (t.bias) value += bias;
      _mm256_mask_storeu_epi16(c, lanes, (__m256i)_mm512_cvtneps_pbh(value));
    }
  }
}

using TileKernel = void (*)(const Tile& t);
constexpr TileKernel kTiles[kTileRows][kVectors] = {
    {tile<1, 1>, tile<1, 2>, tile<1, 3>, tile<1, 4>}, {tile<2, 1>, tile<2, 2>, tile<2, 3>, tile<2, 4>},
    {tile<3, 1>, tile<3, 2>, tile<3, 3>, tile<3, 4>}, {tile<4, 1>, tile<4, 2>, tile<4, 3>, tile<4, 4>},
    {tile<5, 1>, tile<5, 2>, tile<5, 3>, tile<5, 4>}, {tile<6, 1>, tile<6, 2>, tile<6, 3>, tile<6, 4>}};

void multiply(const HalfGemm& g, int64_t first_row, int64_t last_row, int64_t first, int64_t last,
              const uint32_t* packed) {
  const int64_t pairs = (g.k + 1) / 2, size = brain_panel_size(g.k);
  const bool in_rows = g.a_column == 1;
  for (int64_t block = first_row; block < last_row; block += kBlockRows) {
    const int64_t rows = smaller<int64_t>(kBlockRows, last_row - block);
    // Rows of a that do not lie along k: [pairs][rows], of a width that vectors divide.
    const int64_t width = (rows + 15) / 16 * 16;
    const int64_t sums_size = pairs > kDepth ? kBlockRows * kPanel : 0;
    auto* const sums = static_cast<float*>(thread_scratch(
        kScratch, static_cast<size_t>(sums_size + (in_rows ? 0 : width * pairs)) * sizeof(float)));
    auto* const packed_a = reinterpret_cast<uint32_t*>(sums + sums_size);
    if (!in_rows)
      for (int64_t i = 0; i < rows; i += 16)
        interleave<16>(g.a + block + i, g.a_column, g.k, smaller<int64_t>(16, rows - i), packed_a + i, width);
    Tile t{};
    t.g = &g;
    t.a_row = in_rows ? g.a_row * 2 : 4;
    t.a_step = in_rows ? 4 : width * 4;
    const char* const a = in_rows ? reinterpret_cast<const char*>(g.a + block * g.a_row)
                                  : reinterpret_cast<const char*>(packed_a);
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t column = panel * kPanel;
      t.columns = smaller<int64_t>(kPanel, g.n - column);
      t.bias = g.bias ? g.bias + column : nullptr;
      const auto& kernels = kTiles;
      const int vectors = static_cast<int>((t.columns + 15) / 16);
      for (int64_t k = 0; k < pairs; k += kDepth) {
        const int64_t depth = smaller(kDepth, pairs - k);
        t.first = k == 0;
        t.last = k + depth == pairs;
        t.odd = t.last && in_rows && g.k % 2;
        t.pairs = depth - t.odd;
        t.b = packed + panel * size + k * kPanel;
        for (int64_t i = 0; i < rows; i += kTileRows) {
          t.a = a + i * t.a_row + k * t.a_step;
          t.sums = sums + i * kPanel;
          t.c = (block + i) * g.ldc + column;
          kernels[smaller<int64_t>(kTileRows, rows - i) - 1][vectors - 1](t);
        }
      }
    }
  }
}

}  // namespace

void fill(BrainKernels& kernels) { kernels = {pack, multiply}; }

}  // namespace flambeau::cpu::brain
