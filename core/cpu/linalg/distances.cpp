#include "core/cpu/linalg/distances.h"

#include <algorithm>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/gil.h"

namespace flambeau::cpu {

void row_distances(DType dtype, const RowDistances& how, const void* x1, const void* x2, void* result) {
  const DistanceKernel kernel = kernels().distances.from_row[static_cast<int>(dtype)];
  const bool simple = how.p == 0 || how.p == 1 || how.p == 2 || how.p > 1e300;
  const int64_t item = static_cast<int64_t>(item_size(dtype)), row_bytes = how.width * item;
  const int64_t nanoseconds = 2 + how.width * (simple ? 1 : 8) / 4;  // of one distance
  const WithoutGil guard(how.batch * how.rows * how.others * nanoseconds);
  const char* const left = static_cast<const char*>(x1);
  const char* const right = static_cast<const char*>(x2);
  char* const to = static_cast<char*>(result);
  const int64_t grain = std::max<int64_t>(1, 20'000 / std::max<int64_t>(1, how.others * nanoseconds));
  // Of pairs, threads take rows from both ends, which are long and short.
  parallel_for(0, how.batch * how.rows, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      if (how.pairs) {
        const int64_t n = how.rows, row = i % 2 ? n - 1 - i / 2 : i / 2;
        kernel(n - 1 - row, how.width, how.p, left + row * row_bytes, left + (row + 1) * row_bytes,
               to + (row * (2 * n - row - 1) / 2) * item);
      } else {
        kernel(how.others, how.width, how.p, left + i * row_bytes,
               right + i / how.rows * how.others * row_bytes, to + i * how.others * item);
      }
    }
  });
}

}  // namespace flambeau::cpu
