// What core/ops asks of a device: entry points on raw memory and geometry, one row per device type.
//
// Operators call `backend::current().softmax(...)`: the row of the device of the running call. Pointers
// belong to that device; nobody on this side of the seam may read through them (on_host() in
// core/tensor/tensor.h is for who must). The CPU's row is core/cpu/row.cpp, meta's is core/backend/meta.cpp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/backend/pointwise.h"
#include "core/tensor/device.h"

namespace flambeau::backend {

struct Row {
  // ---- pointwise
  bool (*has_pointwise)(Pointwise op, DType compute);
  bool (*has_cast)(DType to, DType from);
  void (*pointwise)(Pointwise op, DType compute, PointwiseCall& call);
  void (*small_pointwise)(Pointwise op, DType compute, const SmallPointwiseCall& call);
  // Operand 1 to operand 0, converted to its dtype.
  void (*copy)(PointwiseCall& call);
  void (*copy_bytes)(void* to, const void* from, size_t bytes);
  // n copies of one item, which lies in the host's memory.
  void (*fill)(void* data, const void* item, size_t item_size, int64_t n);
  // Whether some item is 0; false where values cannot be asked for.
  bool (*any_zero)(DType dtype, const void* data, int64_t n);
};

extern const Row* rows[kDeviceTypes];  // null: no such device in this build
extern const Row cpu_row, meta_row;
inline const Row& current() { return *rows[static_cast<int>(current_device)]; }

}  // namespace flambeau::backend
