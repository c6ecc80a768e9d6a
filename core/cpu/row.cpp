// The CPU's row of backend entry points.
#include <cstring>

#include "core/backend/backend.h"
#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"

namespace flambeau::backend {

namespace {

void copy_bytes(void* to, const void* from, size_t bytes) {
  parallel_for(0, static_cast<int64_t>(bytes), 1 << 18, [&](int64_t first, int64_t last) {
    std::memcpy(static_cast<char*>(to) + first, static_cast<const char*>(from) + first,
                static_cast<size_t>(last - first));
  });
}

void fill(void* data, const void* item, size_t item_size, int64_t n) {
  const auto kernel = cpu::kernels().pointwise.fill[cpu::item_size_slot(item_size)];
  parallel_for(0, n, 1 << 17, [&](int64_t first, int64_t last) {
    kernel(static_cast<char*>(data) + first * static_cast<int64_t>(item_size), item, last - first);
  });
}

bool any_zero(DType dtype, const void* data, int64_t n) {
  const auto kernel = cpu::kernels().pointwise.any_zero[static_cast<int>(dtype)];
  return kernel && kernel(data, n);
}

}  // namespace

const Row cpu_row = {
    .has_pointwise = [](Pointwise op,
                        DType compute) { return cpu::kernels().pointwise(op, compute) != nullptr; },
    .has_cast =
        [](DType to, DType from) {
          return cpu::kernels().pointwise.cast[static_cast<int>(to)][static_cast<int>(from)] != nullptr;
        },
    .pointwise = cpu::run_pointwise,
    .small_pointwise = cpu::run_small_pointwise,
    .copy = cpu::run_copy,
    .copy_bytes = copy_bytes,
    .fill = fill,
    .any_zero = any_zero,
};

}  // namespace flambeau::backend
