// Caching allocator: fresh pages from the kernel are the largest hidden cost of training on a CPU.
#pragma once
#include <cstddef>
#include <cstdint>

namespace flambeau {

// Every block is 64-byte aligned and has kReadableTail readable bytes after its end, so that kernels may load
// whole vectors past a row. Called with the GIL held.
inline constexpr size_t kReadableTail = 128;
void* allocate(size_t bytes);  // throws RuntimeError where the machine or its cgroup lacks the memory
void deallocate(void* block, size_t bytes) noexcept;
// The same refusal for working memory that comes from elsewhere; any thread may ask.
void check_memory_left(size_t bytes);

struct MemoryStats {
  size_t allocated_bytes = 0, peak_allocated_bytes = 0, cached_bytes = 0;
  uint64_t allocations = 0, cache_hits = 0;
};
MemoryStats memory_stats();
void reset_peak_memory_stats();
void empty_cache();
size_t memory_limit();  // bytes this process may use: the cgroup's limit or the machine's memory

// A free list of fixed-size blocks for the small objects of the core (tensors, nodes, storage headers).
class SmallPool {
 public:
  static constexpr size_t kMaxBytes = 1024;
  static void* take(size_t bytes);
  static void give(void* block, size_t bytes) noexcept;
};

}  // namespace flambeau
