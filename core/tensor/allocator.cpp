#include "core/tensor/allocator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "core/tensor/error.h"

namespace flambeau {

namespace {

struct FreeBlock {
  FreeBlock* next;
};

// Size classes: four per doubling, from 64 bytes on, so that at most a fifth of a block is waste.
constexpr size_t kMinBlock = 64;
constexpr int kClasses = 4 * 34;
constexpr size_t kHugePage = 2u << 20;
constexpr size_t kCheckedBytes = 64u << 20;  // requests from here on are held against the memory left

// AddressSanitizer sees what is done to a block that is free or past its end only where blocks are not kept
// for later and are as large as was asked. The readable tail belongs to the block; that nobody writes into it
// is looked at when the block is freed.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kWatched = true;
#else
constexpr bool kWatched = false;
#endif
constexpr int kTailByte =
    0xff;  // NaN in floating point, -1 in integers: conspicuous where it gets into a result

int size_class(size_t bytes) {
  if (bytes <= kMinBlock) return 0;
  size_t units = (bytes - 1) / kMinBlock;  // >= 1
  int log = std::bit_width(units) - 1;
  int quarter =
      log >= 2 ? static_cast<int>((units >> (log - 2)) & 3) : static_cast<int>((units << (2 - log)) & 3);
  return 4 * log + quarter + 1;
}
size_t class_bytes(int c) {
  if (c == 0) return kMinBlock;
  int log = (c - 1) / 4, quarter = (c - 1) % 4;
  return (((size_t{5} + quarter) << log) + 3) / 4 * kMinBlock;
}

FreeBlock* bins[kClasses];
MemoryStats stats;

// Large blocks that nobody took for a while go back to the system when a new one has to come from there: what
// a program used before stays cached as long as it is used, and no longer.
struct Kept {
  uint32_t count = 0;   // blocks of a class in the cache
  uint32_t unused = 0;  // the fewest there were since the last look: so many nobody needed
};
constexpr int kFirstLarge = 4 * 14 + 1;  // blocks of more than 1 MiB
constexpr std::chrono::milliseconds kBetweenLooks{50};
Kept kept[kClasses];

[[gnu::cold]] void release_unused() {
  static std::chrono::steady_clock::time_point last{};
  const auto now = std::chrono::steady_clock::now();
  if (now - last < kBetweenLooks) return;
  last = now;
  for (int c = kFirstLarge; c < kClasses; ++c) {
    for (; kept[c].unused > 0; --kept[c].unused, --kept[c].count) {
      FreeBlock* block = bins[c];
      bins[c] = block->next;
      stats.cached_bytes -= class_bytes(c);
      std::free(block);
    }
    kept[c].unused = kept[c].count;
  }
}

size_t read_number(const char* path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word) || word == "max") return SIZE_MAX;
  char* end = nullptr;
  unsigned long long value = std::strtoull(word.c_str(), &end, 10);
  return end == word.c_str() ? SIZE_MAX : static_cast<size_t>(value);
}

size_t available_memory() {
  size_t available = SIZE_MAX;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string key, unit; meminfo >> key;) {
    size_t kib = 0;
    meminfo >> kib;
    std::getline(meminfo, unit);
    if (key == "MemAvailable:") available = kib << 10;
  }
  size_t limit = read_number("/sys/fs/cgroup/memory.max"),
         used = read_number("/sys/fs/cgroup/memory.current");
  if (limit == SIZE_MAX) {
    limit = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    used = read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes");
  }
  if (limit != SIZE_MAX && used != SIZE_MAX && limit < (size_t{1} << 60))
    available = std::min(available, limit > used ? limit - used : 0);
  return available;
}

size_t cache_bound() {
  static const size_t bound = std::min<size_t>(memory_limit() / 8, size_t{2} << 30);
  return bound;
}

[[noreturn]] void out_of_memory(size_t bytes) {
  fail<RuntimeError>("not enough memory: you tried to allocate ", bytes, " bytes; ", stats.allocated_bytes,
                     " bytes are in use by tensors and the machine or its container offers no more");
}

void* aligned(size_t align, size_t total) {
  void* block = nullptr;
  return posix_memalign(&block, align, total) ? nullptr : block;
}

void* fresh(size_t bytes) {
  if (bytes >= kCheckedBytes && bytes > available_memory()) {
    empty_cache();
    if (bytes > available_memory()) out_of_memory(bytes);
  }
  size_t align = bytes >= 2 * kHugePage ? kHugePage : 64;
  size_t total = bytes + kReadableTail;
  if (!kWatched) total = (total + align - 1) / align * align;
  void* block = aligned(align, total);
  if (!block) {
    empty_cache();
    block = aligned(align, total);
    if (!block) out_of_memory(bytes);
  }
#ifdef MADV_HUGEPAGE
  if (align == kHugePage) madvise(block, total, MADV_HUGEPAGE);  // fewer page faults; advice only
#endif
  if (kWatched) std::memset(static_cast<char*>(block) + bytes, kTailByte, kReadableTail);
  return block;
}

void check_tail(const char* tail) {
  for (size_t i = 0; i < kReadableTail; ++i)
    if (tail[i] != static_cast<char>(kTailByte)) {
      std::fprintf(stderr, "a block's tail was written to, %zu bytes past its end\n", i);
      std::abort();
    }
}

// What a request takes: the bytes of its size class.
size_t rounded(size_t bytes, int c) { return kWatched ? bytes : class_bytes(c); }

}  // namespace

void* allocate(size_t bytes) {
  int c = size_class(bytes);
  check(c < kClasses, "not enough memory: you tried to allocate ", bytes, " bytes");
  size_t size = rounded(bytes, c);
  ++stats.allocations;
  void* block;
  if (FreeBlock* cached = bins[c]) [[likely]] {
    bins[c] = cached->next;
    stats.cached_bytes -= size;
    ++stats.cache_hits;
    block = cached;
    if (c >= kFirstLarge) kept[c].unused = std::min(kept[c].unused, --kept[c].count);
  } else {
    if (c >= kFirstLarge) release_unused();
    block = fresh(size);
  }
  stats.allocated_bytes += size;
  stats.peak_allocated_bytes = std::max(stats.peak_allocated_bytes, stats.allocated_bytes);
  return block;
}

void check_memory_left(size_t bytes) {
  if (bytes >= kCheckedBytes && bytes > available_memory()) out_of_memory(bytes);
}

void deallocate(void* block, size_t bytes) noexcept {
  int c = size_class(bytes);
  size_t size = rounded(bytes, c);
  stats.allocated_bytes -= size;
  if (kWatched) check_tail(static_cast<char*>(block) + size);
  if (kWatched || stats.cached_bytes + size > cache_bound()) {
    std::free(block);
    return;
  }
  auto* free_block = static_cast<FreeBlock*>(block);
  free_block->next = bins[c];
  bins[c] = free_block;
  stats.cached_bytes += size;
  if (c >= kFirstLarge) ++kept[c].count;
}

MemoryStats memory_stats() { return stats; }
void reset_peak_memory_stats() { stats.peak_allocated_bytes = stats.allocated_bytes; }

void empty_cache() {
  for (FreeBlock*& bin : bins)
    while (FreeBlock* block = bin) {
      bin = block->next;
      std::free(block);
    }
  for (Kept& each : kept) each = {};
  stats.cached_bytes = 0;
}

size_t memory_limit() {
  static const size_t limit = [] {
    size_t machine =
        static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return std::min({machine, read_number("/sys/fs/cgroup/memory.max"),
                     read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes")});
  }();
  return limit;
}

namespace {
constexpr size_t kStep = 32;
FreeBlock* small_bins[SmallPool::kMaxBytes / kStep + 1];
}  // namespace

void* SmallPool::take(size_t bytes) {
  if (kWatched || bytes > kMaxBytes) [[unlikely]]
    return ::operator new(bytes);
  FreeBlock*& bin = small_bins[(bytes + kStep - 1) / kStep];
  if (FreeBlock* block = bin) [[likely]] {
    bin = block->next;
    return block;
  }
  return ::operator new((bytes + kStep - 1) / kStep * kStep);
}
void SmallPool::give(void* block, size_t bytes) noexcept {
  if (kWatched || bytes > kMaxBytes) [[unlikely]]
    return ::operator delete(block);
  FreeBlock*& bin = small_bins[(bytes + kStep - 1) / kStep];
  auto* free_block = static_cast<FreeBlock*>(block);
  free_block->next = bin;
  bin = free_block;
}

}  // namespace flambeau
