#include "core/tensor/resize.h"

#include <cstring>

namespace flambeau {

Ref<Storage> with_room(const Ref<Storage>& storage, size_t bytes) {
  if (bytes <= storage->bytes) return storage;
  check(!storage->release, "Trying to resize storage that is not resizable");
  Ref<Storage> grown = Storage::make(bytes, storage->device);
  if (storage->bytes && host_readable(storage->device))  // a device whose memory is not readable holds none
    std::memcpy(grown->data, storage->data, storage->bytes);
  // Other tensors stay on the old storage, and go on counting together with the one that has grown.
  if (storage->owners() == 1)
    grown->version = storage->counter();
  else
    grown->shared = storage->shared_counter();
  return grown;
}

}  // namespace flambeau
