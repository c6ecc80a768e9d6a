// Giving a tensor's window more room.
#pragma once
#include "core/tensor/tensor.h"

namespace flambeau {

// A storage of at least so many bytes that begins with those of `storage`: itself where it is large enough,
// else a larger copy, which other tensors on the old one do not see. Throws RuntimeError where the memory is
// another's (NumPy's, a file's) and too small.
Ref<Storage> with_room(const Ref<Storage>& storage, size_t bytes);

}  // namespace flambeau
