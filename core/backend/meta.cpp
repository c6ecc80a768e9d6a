// The device `meta`: shapes, strides and dtypes without memory. Every entry does nothing, and can what the
// CPU can.
#include <cstdint>

#include "core/backend/backend.h"

namespace flambeau::backend {

namespace {

// A function of the entry's signature that does nothing.
template <class Function>
struct Nothing;
template <class R, class... A>
struct Nothing<R (*)(A...)> {
  static R run(A...) { return R(); }
};

struct Anything {
  template <class Function>
  operator Function() const {
    return &Nothing<Function>::run;
  }
};
constexpr Anything nothing;

// An address that is not null, so that offsets from it are addresses too; nobody looks there.
void* allocate(size_t) { return reinterpret_cast<void*>(uintptr_t{64}); }
const DeviceMemory memory = {
    .allocate = allocate, .deallocate = [](void*, size_t) noexcept {}, .zero = nothing, .upload = nothing};

struct Installed {
  Installed() { device_memory[static_cast<int>(Device::Type::Meta)] = &memory; }
} const installed;

}  // namespace

const Row meta_row = {
    .has_pointwise = [](Pointwise op, DType compute) { return cpu_row.has_pointwise(op, compute); },
    .has_cast = [](DType to, DType from) { return cpu_row.has_cast(to, from); },
    .pointwise = nothing,
    .small_pointwise = nothing,
    .copy = nothing,
    .copy_bytes = nothing,
    .fill = nothing,
    .any_zero = nothing,
};

const Row* rows[kDeviceTypes] = {&cpu_row, nullptr, &meta_row};

}  // namespace flambeau::backend
