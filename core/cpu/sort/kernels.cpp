// Keys, and sorting words by digits. A kernel source: compiled once per instruction set.
#include "core/cpu/lanes.h"
#include "core/cpu/sort/sort.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// ---- keys

// Unsigned integers are their own keys; the sign bit of signed ones is turned over.
template <class Bits, Bits kFlip>
struct IntegerKey {
  using Item = Bits;
  static Bits of(Bits x) { return x ^ kFlip; }
};
// Floating numbers of both signs: the bits of negative ones are turned over, NaN is the largest key, and the
// zeros are equal.
template <class Bits, Bits kInfinity>
struct FloatingKey {
  using Item = Bits;
  static constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  static Bits of(Bits x) {
    const Bits magnitude = x & static_cast<Bits>(~kSign);
    const Bits sign = magnitude == 0 ? Bits{0} : static_cast<Bits>(x & kSign);
    const Bits ordered = static_cast<Bits>(sign ? ~magnitude & ~kSign : magnitude | kSign);
    return magnitude > kInfinity ? static_cast<Bits>(~Bits{0}) : ordered;
  }
};
struct TruthKey {
  using Item = uint8_t;
  static uint8_t of(uint8_t x) { return x != 0; }
};

template <class Key>
[[gnu::always_inline]] inline KeyRange make_keys(const typename Key::Item* x, int64_t stride, int64_t n,
                                                 typename Key::Item mask, auto* keys) {
  using Item = typename Key::Item;
  Item low = static_cast<Item>(~Item{0}), high = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Item key = static_cast<Item>(Key::of(x[i * stride]) ^ mask);
    keys[i] = key;
    low = key < low ? key : low;
    high = key > high ? key : high;
  }
  return {low, high};
}

template <class Key>
KeyRange keys(const void* items, int64_t stride, int64_t n, bool complement, void* to) {
  using Item = typename Key::Item;
  const Item* const x = static_cast<const Item*>(items);
  const Item mask = complement ? static_cast<Item>(~Item{0}) : Item{0};
  if constexpr (sizeof(Item) == 8) {
    uint64_t* const k = static_cast<uint64_t*>(to);
    return stride == 1 ? make_keys<Key>(x, 1, n, mask, k) : make_keys<Key>(x, stride, n, mask, k);
  } else {
    uint32_t* const k = static_cast<uint32_t*>(to);
    return stride == 1 ? make_keys<Key>(x, 1, n, mask, k) : make_keys<Key>(x, stride, n, mask, k);
  }
}

void pack_narrow(const uint32_t* keys, int64_t first, int64_t last, uint64_t low, uint64_t* words) {
  for (int64_t i = first; i < last; ++i) words[i] = (keys[i] - low) << 32 | static_cast<uint64_t>(i);
}
void pack_wide(const uint64_t* keys, int64_t first, int64_t last, uint64_t low, int shift, uint64_t* words) {
  for (int64_t i = first; i < last; ++i) words[i] = (keys[i] - low) >> shift << 32 | static_cast<uint64_t>(i);
}

// ---- sorting words

// Up to here each word's rank is counted (words differ, by their places): always, and where there are many
// bits.
constexpr int64_t kRanked = kVectorBytes >= 32 ? 32 : 16, kRankedForManyBits = kVectorBytes == 64   ? 96
                                                                               : kVectorBytes == 32 ? 64
                                                                                                    : 24;
// Above this the upper eight bits come first, so that what follows stays in the first-level cache.
constexpr int64_t kInCache = 4096;

void sort_by_rank(const uint64_t* from, uint64_t* to, int64_t n) {
  constexpr int64_t kN = kLanes<uint64_t>;
  alignas(64) uint64_t words[kRankedForManyBits + kN];
  const int64_t groups = (n + kN - 1) / kN;
  for (int64_t i = 0; i < n; ++i) words[i] = from[i];
  for (int64_t i = n; i < groups * kN; ++i) words[i] = ~uint64_t{0};
  for (int64_t g = 0; g < groups; ++g) {
    const Vec<uint64_t> mine = load(words + g * kN);
    Vec<int64_t> rank{};
    for (int64_t j = 0; j < n; ++j) rank += broadcast(words[j]) < mine;  // true is -1
    const int64_t count = smaller(kN, n - g * kN);
    for (int64_t l = 0; l < count; ++l) to[-rank[l]] = mine[l];
  }
}

// From the lowest digit to the highest.
template <int kPasses>
void sort_by_low_digits(uint64_t* from, uint64_t* other, int64_t n, int bits, bool into_other) {
  uint32_t counts[kPasses][256];
  const int width = (bits + kPasses - 1) / kPasses;
  const uint64_t mask = (uint64_t{1} << width) - 1;
  for (int d = 0; d < kPasses; ++d)
    for (int k = 0; k < 256; ++k) counts[d][k] = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int d = 0; d < kPasses; ++d) ++counts[d][from[i] >> (32 + d * width) & mask];
  bool in_other = false;
  for (int d = 0; d < kPasses; ++d) {
    const int shift = 32 + d * width;
    const uint64_t* const source = in_other ? other : from;
    uint64_t* const target = in_other ? from : other;
    if (counts[d][source[0] >> shift & mask] == static_cast<uint64_t>(n)) continue;  // all alike
    uint32_t begin = 0;
    for (uint64_t k = 0; k <= mask; ++k) {
      const uint32_t count = counts[d][k];
      counts[d][k] = begin;
      begin += count;
    }
    for (int64_t i = 0; i < n; ++i) target[counts[d][source[i] >> shift & mask]++] = source[i];
    in_other = !in_other;
  }
  if (in_other == into_other) return;
  const uint64_t* const source = in_other ? other : from;
  uint64_t* const target = in_other ? from : other;
  for (int64_t i = 0; i < n; ++i) target[i] = source[i];
}

void count_digits(const uint64_t* words, int64_t n, int shift, uint32_t* counts) {
  for (int k = 0; k < 256; ++k) counts[k] = 0;
  for (int64_t i = 0; i < n; ++i) ++counts[words[i] >> shift & 255];
}
void scatter_digits(const uint64_t* words, int64_t n, int shift, uint32_t* next, uint64_t* to) {
  for (int64_t i = 0; i < n; ++i) to[next[words[i] >> shift & 255]++] = words[i];
}

void sort_words(uint64_t* from, uint64_t* other, int64_t n, int bits, bool into_other) {
  if (n <= kRanked || (n <= kRankedForManyBits && bits > 16))
    return sort_by_rank(from, into_other ? other : from, n);
  if (n <= kInCache || bits <= 8) {
    if (bits > 24) return sort_by_low_digits<4>(from, other, n, bits, into_other);
    if (bits > 16) return sort_by_low_digits<3>(from, other, n, bits, into_other);
    if (bits > 8) return sort_by_low_digits<2>(from, other, n, bits, into_other);
    return sort_by_low_digits<1>(from, other, n, bits, into_other);
  }
  uint32_t counts[256], next[256];
  const int shift = 32 + bits - 8;
  count_digits(from, n, shift, counts);
  uint32_t begin = 0;
  for (int k = 0; k < 256; ++k) {
    next[k] = begin;
    begin += counts[k];
  }
  scatter_digits(from, n, shift, next, other);
  begin = 0;
  for (int k = 0; k < 256; ++k) {
    if (counts[k]) sort_words(other + begin, from + begin, counts[k], bits - 8, !into_other);
    begin += counts[k];
  }
}

// ---- filters: mostly nothing is found, so whole blocks are looked at first

template <class Key, class Take>
[[gnu::always_inline]] inline void filter(const Key* keys, int64_t n, Key limit, Take take) {
  constexpr int64_t kBlock = 32;
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    Key any = 0;
    for (int64_t k = 0; k < kBlock; ++k) any |= static_cast<Key>(keys[i + k] < limit);
    if (!any) continue;
    for (int64_t k = 0; k < kBlock; ++k) take(i + k);
  }
  for (; i < n; ++i) take(i);
}

int64_t filter_narrow(const uint32_t* keys, int64_t n, uint32_t limit, uint64_t first, uint64_t* words) {
  int64_t found = 0;
  filter(keys, n, limit, [&](int64_t i) {
    words[found] = static_cast<uint64_t>(keys[i]) << 32 | (first + static_cast<uint64_t>(i));
    found += keys[i] < limit;
  });
  return found;
}
int64_t filter_wide(const uint64_t* keys, int64_t n, uint64_t limit, uint64_t first, WideWord* words) {
  int64_t found = 0;
  filter(keys, n, limit, [&](int64_t i) {
    words[found] = {keys[i], first + static_cast<uint64_t>(i)};
    found += keys[i] < limit;
  });
  return found;
}

}  // namespace

void fill(SortKernels& kernels) {
  const auto set = [&](DType dtype, KeysKernel kernel) { kernels.keys[static_cast<int>(dtype)] = kernel; };
  set(DType::Bool, keys<TruthKey>);
  set(DType::UInt8, keys<IntegerKey<uint8_t, 0>>);
  set(DType::UInt16, keys<IntegerKey<uint16_t, 0>>);
  set(DType::UInt32, keys<IntegerKey<uint32_t, 0>>);
  set(DType::UInt64, keys<IntegerKey<uint64_t, 0>>);
  set(DType::Int8, keys<IntegerKey<uint8_t, 0x80>>);
  set(DType::Int16, keys<IntegerKey<uint16_t, 0x8000>>);
  set(DType::Int32, keys<IntegerKey<uint32_t, uint32_t{1} << 31>>);
  set(DType::Int64, keys<IntegerKey<uint64_t, uint64_t{1} << 63>>);
  set(DType::Float16, keys<FloatingKey<uint16_t, 0x7c00>>);
  set(DType::BFloat16, keys<FloatingKey<uint16_t, 0x7f80>>);
  set(DType::Float32, keys<FloatingKey<uint32_t, 0x7f800000>>);
  set(DType::Float64, keys<FloatingKey<uint64_t, 0x7ff0000000000000>>);
  kernels.pack_narrow = pack_narrow;
  kernels.pack_wide = pack_wide;
  kernels.sort_words = sort_words;
  kernels.count_digits = count_digits;
  kernels.scatter_digits = scatter_digits;
  kernels.filter_narrow = filter_narrow;
  kernels.filter_wide = filter_wide;
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
