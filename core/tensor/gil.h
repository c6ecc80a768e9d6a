// Long kernels let other Python threads run.
#pragma once
#include <cstdint>

#include "core/tensor/counted.h"

namespace flambeau {

// Releases the GIL for its lifetime if the work is estimated to take more than 50 us. Meanwhile only raw
// pointers may be touched: reference counts are not atomic.
class WithoutGil {
 public:
  static bool releases(int64_t estimated_nanoseconds) {
    return estimated_nanoseconds > 50'000 && python_bridge.release_gil;
  }
  explicit WithoutGil(int64_t estimated_nanoseconds) {
    if (releases(estimated_nanoseconds)) state_ = python_bridge.release_gil();
  }
  ~WithoutGil() {
    if (state_) python_bridge.acquire_gil(state_);
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  void* state_ = nullptr;
};

}  // namespace flambeau
