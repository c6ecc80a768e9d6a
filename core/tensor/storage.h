// The bytes under one or more tensors.
#pragma once
#include "core/tensor/allocator.h"
#include "core/tensor/counted.h"
#include "core/tensor/device.h"

namespace flambeau {

// Counts in-place writes for tensors that no storage unites: x.data, or the views of what x was before
// x.data = y.
struct VersionCounter : Counted {
  uint32_t version = 0;
};
template <>
inline void destroy(VersionCounter* counter) noexcept {
  delete counter;
}

struct Storage : Counted {
  char* data = nullptr;
  size_t bytes = 0;
  uint32_t version = 0;  // counts in-place writes, unless `shared` does
  Device::Type device = Device::Type::Cpu;
  bool readable_tail = true;  // see kReadableTail; false for memory that is not ours
  // Set for foreign memory (NumPy's, a file mapping): called once with `owner` when the storage dies.
  void (*release)(void* owner) noexcept = nullptr;
  void* owner = nullptr;
  Ref<VersionCounter> shared;  // set once a tensor takes the counter elsewhere

  // Of every view that has no counter of its own.
  uint32_t& counter() { return shared ? shared->version : version; }
  // The same as an object, which outlives the storage.
  const Ref<VersionCounter>& shared_counter();

  static Ref<Storage> make(size_t bytes, Device::Type device = current_device);
  static Ref<Storage> foreign(void* data, size_t bytes, void* owner, void (*release)(void*) noexcept);

 private:
  bool inline_ = false;  // header and bytes are one block
  template <class T>
  friend void destroy(T*) noexcept;
};
template <>
void destroy(Storage* storage) noexcept;

}  // namespace flambeau
