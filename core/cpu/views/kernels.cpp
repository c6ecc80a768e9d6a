// The kernel of transposed copies. A kernel source: compiled once per instruction set.
#include "core/cpu/lanes_transpose.h"
#include "core/cpu/views/transpose.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

struct Pair {
  uint64_t first, second;
};

// Blocks of one cache line by one cache line: each line is read and written once, whole, however many rows of
// a power-of-two stride fall into one set of the cache.
template <class T, int kN>
void copy(int64_t rows, int64_t columns, const void* in, int64_t in_stride, void* out, int64_t out_stride) {
  constexpr int64_t kBlock = 64 / sizeof(T);
  const T* const from = static_cast<const T*>(in);
  T* const to = static_cast<T*>(out);
  for (int64_t i = 0; i < rows; i += kBlock)
    for (int64_t j = 0; j < columns; j += kBlock)
      transpose_copy<T, kN>(from + i + j * in_stride, in_stride, smaller(kBlock, columns - j),
                            smaller(kBlock, rows - i), to + i * out_stride + j, out_stride);
}

void copy_pairs(int64_t rows, int64_t columns, const void* in, int64_t in_stride, void* out,
                int64_t out_stride) {
  constexpr int64_t kBlock = 16;
  const Pair* const from = static_cast<const Pair*>(in);
  Pair* const to = static_cast<Pair*>(out);
  for (int64_t i = 0; i < rows; i += kBlock)
    for (int64_t j = 0; j < columns; j += kBlock)
      for (int64_t r = i; r < smaller(rows, i + kBlock); ++r)
        for (int64_t c = j; c < smaller(columns, j + kBlock); ++c)
          to[r * out_stride + c] = from[r + c * in_stride];
}

}  // namespace

void fill(TransposeKernels& kernels) {
  kernels.copy[0] = copy<uint8_t, 16>;
  kernels.copy[1] = copy<uint16_t, 8>;
  kernels.copy[2] = copy<uint32_t, smaller(kLanes<uint32_t>, 8)>;
  kernels.copy[3] = copy<uint64_t, smaller(kLanes<uint64_t>, 8)>;
  kernels.copy[4] = copy_pairs;
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
