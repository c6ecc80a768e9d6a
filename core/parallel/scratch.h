#pragma once

#include <cstddef>

namespace flambeau {

constexpr int kScratchSlots = 8;

// Working memory of the calling thread: 64-byte aligned, with 256 usable bytes beyond `bytes`, uninitialised.
// A slot's block stays valid until the same thread asks for the same slot again; it only ever grows, and dies
// with its thread.
void* thread_scratch(int slot, size_t bytes);

}  // namespace flambeau
