#include "core/tensor/storage.h"

#include <new>

namespace flambeau {

PythonBridge python_bridge;

namespace {
constexpr size_t kHeader = (sizeof(Storage) + 63) / 64 * 64;
constexpr size_t kInlineBytes = 4096;  // small tensors: header and bytes in one block, one allocation
}  // namespace

Ref<Storage> Storage::make(size_t bytes, Device::Type device) {
  if (device != Device::Type::Cpu) [[unlikely]] {
    auto* storage = new (SmallPool::take(sizeof(Storage))) Storage;
    Ref<Storage> holder(storage);
    storage->device = device;
    storage->data = static_cast<char*>(device_memory[static_cast<int>(device)]->allocate(bytes));
    storage->bytes = bytes;
    return holder;
  }
  if (bytes <= kInlineBytes) {
    auto* storage = new (allocate(kHeader + bytes)) Storage;
    storage->data = reinterpret_cast<char*>(storage) + kHeader;
    storage->bytes = bytes;
    storage->inline_ = true;
    return Ref<Storage>(storage);
  }
  void* data = allocate(bytes);
  auto* storage = new (SmallPool::take(sizeof(Storage))) Storage;
  storage->data = static_cast<char*>(data);
  storage->bytes = bytes;
  return Ref<Storage>(storage);
}

Ref<Storage> Storage::foreign(void* data, size_t bytes, void* owner, void (*release)(void*) noexcept) {
  Storage* storage;
  try {  // the owner is taken over, even where this throws
    storage = new (SmallPool::take(sizeof(Storage))) Storage;
  } catch (...) {
    release(owner);
    throw;
  }
  storage->data = static_cast<char*>(data);
  storage->bytes = bytes;
  storage->owner = owner;
  storage->release = release;
  storage->readable_tail = false;
  return Ref<Storage>(storage);
}

const Ref<VersionCounter>& Storage::shared_counter() {
  if (!shared) {
    shared = Ref<VersionCounter>(new VersionCounter);
    shared->version = version;
  }
  return shared;
}

template <>
void destroy(Storage* storage) noexcept {
  storage->shared = {};  // no destructor runs: the header may lie in the block of the bytes
  if (storage->release)
    storage->release(storage->owner);
  else if (storage->device != Device::Type::Cpu) {
    if (storage->data)
      device_memory[static_cast<int>(storage->device)]->deallocate(storage->data, storage->bytes);
  } else if (!storage->inline_)
    deallocate(storage->data, storage->bytes);
  if (storage->inline_)
    deallocate(storage, kHeader + storage->bytes);
  else
    SmallPool::give(storage, sizeof(Storage));
}

}  // namespace flambeau
