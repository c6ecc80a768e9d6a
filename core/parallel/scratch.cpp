#include "core/parallel/scratch.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace flambeau {
namespace {

struct Free {
  void operator()(void* block) const { std::free(block); }
};

struct Slot {
  std::unique_ptr<void, Free> block;
  size_t size = 0;
};

constexpr size_t kSlack = 256, kPage = 4096;

thread_local Slot slots[kScratchSlots];

}  // namespace

void* thread_scratch(int slot, size_t bytes) {
  Slot& entry = slots[slot];
  if (!entry.block || entry.size < bytes + kSlack) {
    const size_t size = (bytes + bytes / 8 + kSlack + kPage - 1) / kPage * kPage;
    entry.block.reset();
    entry.size = 0;
    entry.block.reset(std::aligned_alloc(64, size));
    if (!entry.block) throw std::bad_alloc();
    entry.size = size;
  }
  return entry.block.get();
}

}  // namespace flambeau
