#include "core/cpu/views/transpose.h"

#include <algorithm>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {

void copy_transposed(size_t item_size, const TransposedCopy& copy, const void* in, void* out) {
  // Threads share bands of rows: neighbours then write to different cache lines and pages.
  constexpr int64_t kBand = 64, kGrainBytes = 1 << 17;
  const TransposeKernel kernel = kernels().transpose.copy[__builtin_ctzll(item_size)];
  const int64_t item = static_cast<int64_t>(item_size), bands = (copy.rows + kBand - 1) / kBand;
  const int64_t band_bytes = std::max<int64_t>(1, kBand * copy.columns * item);
  parallel_for(
      0, bands * copy.batch, (kGrainBytes + band_bytes - 1) / band_bytes, [&](int64_t first, int64_t last) {
        while (first < last) {
          const int64_t batch = first / bands, begin = first % bands * kBand;
          const int64_t count = std::min(bands - first % bands, last - first);
          kernel(std::min(copy.rows - begin, count * kBand), copy.columns,
                 static_cast<const char*>(in) + (batch * copy.in_batch_stride + begin) * item, copy.in_stride,
                 static_cast<char*>(out) + (batch * copy.out_batch_stride + begin * copy.out_stride) * item,
                 copy.out_stride);
          first += count;
        }
      });
}

}  // namespace flambeau::cpu
