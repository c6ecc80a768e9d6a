#include "core/cpu/sort/sort.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"
#include "core/tensor/error.h"

namespace flambeau::cpu {
namespace {

const SortKernels& kernels() { return cpu::kernels().sort; }

// A row up to here is sorted by one thread in its scratch memory.
constexpr int64_t kOneThread = 1 << 15;
// Elements to select from that are worth waking a thread for.
constexpr int64_t kSelectGrain = 1 << 14;
// Columns of an axis that is not the last are taken together, so that whole cache lines are read.
constexpr int64_t kTile = 16;
constexpr int64_t kTileItems = 1 << 17;
constexpr int kKeysSlot = 0, kWordsSlot = 1, kOtherSlot = 2;

constexpr uint64_t kPlace = 0xffffffff;

constexpr size_t key_size(DType dtype) { return item_size(dtype) == 8 ? 8 : 4; }

struct Memory {
  void* keys;
  uint64_t *words, *other;
};
Memory scratch(int64_t size, int64_t columns) {
  const size_t bytes = static_cast<size_t>(size) * sizeof(uint64_t);
  return {thread_scratch(kKeysSlot, bytes),
          static_cast<uint64_t*>(thread_scratch(kWordsSlot, bytes * static_cast<size_t>(columns))),
          static_cast<uint64_t*>(thread_scratch(kOtherSlot, bytes))};
}
Memory part_of(void* workspace, int64_t size) {
  uint64_t* const start = static_cast<uint64_t*>(workspace);
  return {start, start + size, start + 2 * size};
}
bool in_scratch(int64_t size) { return size <= kOneThread; }

void check_size(int64_t size) {
  check<NotImplementedError>(static_cast<uint64_t>(size) <= kPlace,
                             "sorting more than 2^32 - 1 elements along a dimension is not implemented");
}

KeyRange keys_of(DType dtype, const char* items, int64_t stride, int64_t n, bool complement, char* keys) {
  const KeysKernel kernel = kernels().keys[static_cast<int>(dtype)];
  if (n <= kOneThread || in_parallel_region()) return kernel(items, stride, n, complement, keys);
  KeyRange ranges[64];
  const int64_t parts = std::min<int64_t>(num_threads(), 64), length = (n + parts - 1) / parts;
  parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      const int64_t begin = std::min(n, p * length), end = std::min(n, begin + length);
      ranges[p] = kernel(items + begin * stride * static_cast<int64_t>(item_size(dtype)), stride, end - begin,
                         complement, keys + begin * static_cast<int64_t>(key_size(dtype)));
    }
  });
  KeyRange all = ranges[0];
  for (int64_t p = 1; p < parts; ++p)
    if (p * length < n) all = {std::min(all.low, ranges[p].low), std::max(all.high, ranges[p].high)};
  return all;
}

// Words of a long row: one step by the upper eight bits over all threads, then the threads share the parts.
// Returns where the result is: `words`, or `other` where one step was enough.
uint64_t* sort_long(uint64_t* words, uint64_t* other, int64_t n, int bits) {
  if (n <= kOneThread || num_threads() == 1 || in_parallel_region()) {
    kernels().sort_words(words, other, n, bits, false);
    return words;
  }
  constexpr int kMaxParts = 64;
  const int parts = std::min(num_threads(), kMaxParts);
  const int64_t length = (n + parts - 1) / parts;
  const int shift = 32 + std::max(0, bits - 8);
  std::vector<uint32_t> counts(static_cast<size_t>(parts) * 256);
  const auto each_part = [&](auto work) {
    parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t p = first; p < last; ++p) {
        const int64_t begin = std::min(n, p * length), end = std::min(n, begin + length);
        work(words + begin, end - begin, counts.data() + p * 256);
      }
    });
  };
  each_part([&](const uint64_t* part, int64_t count, uint32_t* own) {
    kernels().count_digits(part, count, shift, own);
  });
  int64_t begins[257];
  uint32_t begin = 0;
  for (int k = 0; k < 256; ++k) {
    begins[k] = begin;
    for (int p = 0; p < parts; ++p) {
      uint32_t& own = counts[static_cast<size_t>(p) * 256 + static_cast<size_t>(k)];
      const uint32_t count = own;
      own = begin;
      begin += count;
    }
  }
  begins[256] = n;
  each_part([&](const uint64_t* part, int64_t count, uint32_t* own) {
    kernels().scatter_digits(part, count, shift, own, other);
  });
  if (bits <= 8) return other;
  // The buckets that begin in a thread's stretch of places are its own.
  parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int k = 0; k < 256; ++k) {
      const int64_t from = begins[k], count = begins[k + 1] - from;
      if (count && from >= first * length && from < last * length)
        kernels().sort_words(other + from, words + from, count, bits - 8, true);
    }
  });
  return words;
}

// Runs of words with equal upper halves, each sorted by the `shift` low bits of its keys.
void sort_runs(const uint64_t* keys, uint64_t low, int shift, uint64_t* words, uint64_t* other, int64_t n) {
  const uint64_t rest = (uint64_t{1} << shift) - 1;
  for (int64_t i = 0; i < n;) {
    int64_t end = i + 1;
    while (end < n && words[end] >> 32 == words[i] >> 32) ++end;
    if (end - i > 1) {
      for (int64_t k = i; k < end; ++k) {
        const uint64_t place = words[k] & kPlace;
        words[k] = ((keys[place] - low) & rest) << 32 | place;
      }
      kernels().sort_words(words + i, other + i, end - i, shift, false);
    }
    i = end;
  }
}

// The places of a row's elements in ascending order of the keys: the lower halves of what it returns, `words`
// or (of long rows alone) `other`.
const uint64_t* sort_keys(bool wide, const void* keys, KeyRange range, int64_t n, uint64_t* words,
                          uint64_t* other) {
  if (n == 0) return words;
  const int bits = 64 - std::countl_zero(range.high - range.low);
  const int shift = std::max(0, bits - 32);
  parallel_for(0, n, kOneThread, [&](int64_t first, int64_t last) {
    if (wide)
      kernels().pack_wide(static_cast<const uint64_t*>(keys), first, last, range.low, shift, words);
    else
      kernels().pack_narrow(static_cast<const uint32_t*>(keys), first, last, range.low, words);
  });
  uint64_t* const sorted = sort_long(words, other, n, bits - shift);
  if (shift) sort_runs(static_cast<const uint64_t*>(keys), range.low, shift, sorted, other, n);
  return sorted;
}

// move.operator()<Item>() by the size of the items.
template <class Move>
void with_item(DType dtype, Move move) {
  switch (item_size(dtype)) {
    case 1:
      return move.template operator()<uint8_t>();
    case 2:
      return move.template operator()<uint16_t>();
    case 4:
      return move.template operator()<uint32_t>();
    default:
      return move.template operator()<uint64_t>();
  }
}

// ---- few different keys: how often each occurs says where its elements go

constexpr int kCountedBits = 11;
constexpr int64_t kCountedRow = 1 << 12;  // shorter rows are not worth the table
bool can_count(KeyRange range, int64_t n) {
  return n >= kCountedRow && (range.high - range.low) >> kCountedBits == 0;
}

template <class Key, class Item>
void place_by_counts(const Key* keys, KeyRange range, int64_t n, const Item* x, Item* y, int64_t* places) {
  constexpr int64_t kMostParts = 64;
  const bool alone = n <= kOneThread || in_parallel_region();
  const int64_t parts = alone ? 1 : std::min<int64_t>(num_threads(), kMostParts),
                length = (n + parts - 1) / parts;
  const auto low = static_cast<Key>(range.low);
  const int64_t values = static_cast<int64_t>(range.high - range.low) + 1;
  std::vector<uint32_t> counts(static_cast<size_t>(parts * values));
  const auto each_part = [&](auto work) {
    parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t p = first; p < last; ++p)
        work(std::min(n, p * length), std::min(n, (p + 1) * length), counts.data() + p * values);
    });
  };
  each_part([&](int64_t begin, int64_t end, uint32_t* own) {
    for (int64_t i = begin; i < end; ++i) ++own[static_cast<Key>(keys[i] - low)];
  });
  uint32_t next = 0;
  for (int64_t v = 0; v < values; ++v)
    for (int64_t p = 0; p < parts; ++p) {
      uint32_t& own = counts[static_cast<size_t>(p * values + v)];
      const uint32_t count = own;
      own = next;
      next += count;
    }
  each_part([&](int64_t begin, int64_t end, uint32_t* own) {
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t to = own[static_cast<Key>(keys[i] - low)]++;
      if (places) places[to] = i;
      if (y) y[to] = x[i];
    }
  });
}

// Sorts tile after tile of columns and hands each to `take(base, columns, words)`: the tile's first item lies
// at `base`, and its sorted words stand column after column. Of rows that lie in one piece `counted(base,
// keys, range)` says first whether it has put them in order itself.
template <class Counted, class Take>
void each_sorted_tile(DType dtype, SortShape shape, bool descending, const void* items, void* workspace,
                      Counted counted, Take take) {
  check_size(shape.size);
  const bool wide = key_size(dtype) == 8;
  const char* const x = static_cast<const char*>(items);
  // Null: it has been counted.
  const auto sort_column = [&](int64_t base, const Memory& memory, uint64_t* words) -> const uint64_t* {
    const KeyRange range = keys_of(dtype, x + base * static_cast<int64_t>(item_size(dtype)), shape.inner,
                                   shape.size, descending, static_cast<char*>(memory.keys));
    if (shape.inner == 1 && can_count(range, shape.size) && counted(base, memory.keys, range)) return nullptr;
    return sort_keys(wide, memory.keys, range, shape.size, words, memory.other);
  };
  if (!in_scratch(shape.size)) {
    const Memory memory = part_of(workspace, shape.size);
    for (int64_t o = 0; o < shape.outer; ++o)
      for (int64_t c = 0; c < shape.inner; ++c) {
        const int64_t base = o * shape.size * shape.inner + c;
        if (const uint64_t* words = sort_column(base, memory, memory.words)) take(base, 1, words);
      }
    return;
  }
  const int64_t width =
      std::min({shape.inner, kTile, std::max<int64_t>(1, kTileItems / std::max<int64_t>(1, shape.size))});
  const int64_t across = width ? (shape.inner + width - 1) / width : 0;
  const int64_t grain = 4096 / std::max<int64_t>(1, shape.size * width) + 1;
  parallel_for(0, shape.outer * across, grain, [&](int64_t first, int64_t last) {
    const Memory memory = scratch(shape.size, width);
    for (int64_t tile = first; tile < last; ++tile) {
      const int64_t column = tile % across * width;
      const int64_t base = tile / across * shape.size * shape.inner + column;
      const int64_t columns = std::min(width, shape.inner - column);
      bool sorted = false;
      for (int64_t c = 0; c < columns; ++c)
        sorted |= sort_column(base + c, memory, memory.words + c * shape.size) != nullptr;
      if (sorted) take(base, columns, memory.words);
    }
  });
}

// The first `count` of each sorted row of a tile, to results [outer][count][inner] of which the tile's first
// lies at `to`.
template <class Item>
void deliver(const SortShape& shape, int64_t base, int64_t to, int64_t columns, const uint64_t* words,
             int64_t count, const void* items, void* values, int64_t* indices) {
  const Item* const x = static_cast<const Item*>(items) + base;
  Item* const y = values ? static_cast<Item*>(values) + to : nullptr;
  int64_t* const at = indices ? indices + to : nullptr;
  parallel_for(0, count, kOneThread, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t place = static_cast<int64_t>(words[c * shape.size + i] & kPlace);
        if (y) y[i * shape.inner + c] = x[place * shape.inner + c];
        if (at) at[i * shape.inner + c] = place;
      }
  });
}

void sort_to(DType dtype, SortShape shape, int64_t count, bool descending, const void* items, void* values,
             int64_t* indices, void* workspace) {
  each_sorted_tile(
      dtype, shape, descending, items, workspace,
      [&](int64_t base, const void* keys, KeyRange range) {
        if (count != shape.size) return false;
        with_item(dtype, [&]<class Item>() {
          const Item* const x = static_cast<const Item*>(items) + base;
          Item* const y = values ? static_cast<Item*>(values) + base : nullptr;
          int64_t* const places = indices ? indices + base : nullptr;
          if (key_size(dtype) == 8)
            place_by_counts(static_cast<const uint64_t*>(keys), range, shape.size, x, y, places);
          else
            place_by_counts(static_cast<const uint32_t*>(keys), range, shape.size, x, y, places);
        });
        return true;
      },
      [&](int64_t base, int64_t columns, const uint64_t* words) {
        const int64_t row = std::max<int64_t>(1, shape.size * shape.inner);
        const int64_t to = base / row * count * shape.inner + base % row;
        with_item(dtype, [&]<class Item>() {
          deliver<Item>(shape, base, to, columns, words, count, items, values, indices);
        });
      });
}

// ---- the first k

struct Narrow {
  using Key = uint32_t;
  using Word = uint64_t;
  static Word word(Key key, int64_t place) {
    return static_cast<uint64_t>(key) << 32 | static_cast<uint64_t>(place);
  }
  static Key key(Word word) { return static_cast<Key>(word >> 32); }
  static int64_t place(Word word) { return static_cast<int64_t>(word & kPlace); }
  static int64_t filter(const Key* keys, int64_t n, Key limit, int64_t first, Word* words) {
    return kernels().filter_narrow(keys, n, limit, static_cast<uint64_t>(first), words);
  }
};
struct Wide {
  using Key = uint64_t;
  using Word = WideWord;
  static Word word(Key key, int64_t place) { return {key, static_cast<uint64_t>(place)}; }
  static Key key(const Word& word) { return word.key; }
  static int64_t place(const Word& word) { return static_cast<int64_t>(word.place); }
  static int64_t filter(const Key* keys, int64_t n, Key limit, int64_t first, Word* words) {
    return kernels().filter_wide(keys, n, limit, static_cast<uint64_t>(first), words);
  }
};

// Keeps the k best so far and what came since that beats the worst of them.
template <class Kind>
const typename Kind::Word* first_k(DType dtype, const char* x, int64_t stride, int64_t n, int64_t k,
                                   bool largest) {
  using Key = typename Kind::Key;
  using Word = typename Kind::Word;
  constexpr int64_t kBlock = 256;
  Key keys[kBlock];
  const KeysKernel make_keys = kernels().keys[static_cast<int>(dtype)];
  const int64_t room = std::max<int64_t>(2 * k, 64), step = stride * static_cast<int64_t>(item_size(dtype));
  Word* const words =
      static_cast<Word*>(thread_scratch(kWordsSlot, static_cast<size_t>(room + kBlock) * sizeof(Word)));
  int64_t count = 0;
  bool limited = false;
  for (int64_t i = 0; i < n;) {
    const int64_t length = std::min({kBlock, n - i, limited ? kBlock : room - count});
    make_keys(x + i * step, stride, length, largest, keys);
    if (limited) {
      count += Kind::filter(keys, length, Kind::key(words[k - 1]), i, words + count);
    } else {
      for (int64_t j = 0; j < length; ++j) words[count++] = Kind::word(keys[j], i + j);
    }
    i += length;
    if (count >= room || i == n) {
      std::nth_element(words, words + k - 1, words + count);
      count = k;
      limited = true;
    }
  }
  std::sort(words, words + k);
  return words;
}

template <class Kind>
void top_k_rows(DType dtype, const SortShape& shape, int64_t k, bool largest, const void* items, void* values,
                int64_t* indices) {
  parallel_for(0, shape.outer * shape.inner, kSelectGrain / shape.size + 1, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const int64_t o = row / shape.inner, c = row % shape.inner;
      const int64_t base = o * shape.size * shape.inner + c, to = o * k * shape.inner + c;
      const auto* const words = first_k<Kind>(
          dtype, static_cast<const char*>(items) + base * static_cast<int64_t>(item_size(dtype)), shape.inner,
          shape.size, k, largest);
      with_item(dtype, [&]<class Item>() {
        for (int64_t i = 0; i < k; ++i) {
          const int64_t place = Kind::place(words[i]);
          static_cast<Item*>(values)[to + i * shape.inner] =
              static_cast<const Item*>(items)[base + place * shape.inner];
          indices[to + i * shape.inner] = place;
        }
      });
    }
  });
}

// ---- one rank

// The k-th smallest key, from 0: counts by digits from the highest on, and goes on with the digit that holds
// it.
template <class Key>
Key kth_key(const Key* keys, Key* spare, int64_t n, int64_t k, KeyRange range) {
  constexpr int64_t kFew = 64;
  const Key* from = keys;
  while (n > kFew && range.high > range.low) {
    const int bits = 64 - std::countl_zero(range.high - range.low);
    const int digit = std::min(bits, n > 16384 ? 11 : 8), shift = bits - digit;
    uint32_t counts[2048];
    std::fill_n(counts, int64_t{1} << digit, 0);
    const Key low = static_cast<Key>(range.low);
    for (int64_t i = 0; i < n; ++i) ++counts[static_cast<Key>(from[i] - low) >> shift];
    uint64_t d = 0;
    while (k >= counts[d]) k -= counts[d++];
    int64_t kept = 0;
    for (int64_t i = 0; i < n; ++i) {
      const Key key = from[i];
      spare[kept] = key;
      kept += static_cast<Key>(key - low) >> shift == d;
    }
    from = spare;
    n = kept;
    range.low += d << shift;
    range.high = std::min(range.high, range.low + ((uint64_t{1} << shift) - 1));
  }
  if (range.high == range.low) return static_cast<Key>(range.low);
  if (from == keys) std::copy_n(keys, n, spare);
  std::nth_element(spare, spare + k, spare + n);
  return spare[k];
}

uint64_t nan_key(DType dtype) {
  return item_size(dtype) == 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * item_size(dtype)) - 1;
}

// Which of equal elements the k-th of a short row is depends on the order of exchanges: this is the one that
// users of PyTorch see. Keys are written; places are 0, 1 ...
//
// Source: Hoare's selection with the median of three, as in Press et al., Numerical Recipes, section 8.5.
template <class Key>
uint64_t place_by_partition(Key* keys, uint64_t* places, int64_t n, int64_t k) {
  const auto exchange = [&](int64_t i, int64_t j) {
    std::swap(keys[i], keys[j]);
    std::swap(places[i], places[j]);
  };
  const auto put_in_order = [&](int64_t lower, int64_t upper) {
    if (keys[lower] > keys[upper]) exchange(lower, upper);
  };
  int64_t left = 0, right = n - 1;
  while (right > left + 1) {
    exchange(left + (right - left) / 2, left + 1);
    put_in_order(left + 1, right);
    put_in_order(left, right);
    put_in_order(left + 1, left);
    const Key pivot = keys[left];
    int64_t i = left + 1, j = right;
    for (;;) {
      while (keys[++i] < pivot) {
      }
      while (keys[--j] > pivot) {
      }
      if (j < i) break;
      exchange(i, j);
    }
    exchange(left, j);
    if (j <= k) left = i;
    if (j >= k) right = j - 1;
  }
  if (right == left + 1) put_in_order(left, right);
  return places[k];
}

// The place of the wanted rank: the first among equals, but of short rows the one that `kthvalue` is known
// for.
template <class Key>
int64_t place_of_rank(DType dtype, Rank rank, int64_t k, const Key* keys, Key* spare, uint64_t* places,
                      int64_t n, KeyRange range) {
  constexpr int64_t kShort = 256;
  const bool has_nan = is_floating(dtype) && range.high == nan_key(dtype);
  Key wanted;
  if (rank == Rank::Kth && n <= kShort) {
    std::copy_n(keys, n, spare);
    for (int64_t i = 0; i < n; ++i) places[i] = static_cast<uint64_t>(i);
    return static_cast<int64_t>(place_by_partition(spare, places, n, k - 1));
  }
  if (rank == Rank::Kth) {
    wanted = kth_key(keys, spare, n, k - 1, range);
  } else if (!has_nan) {
    wanted = kth_key(keys, spare, n, (n - 1) / 2, range);
  } else {
    wanted = static_cast<Key>(nan_key(dtype));
    const int64_t numbers = n - std::count(keys, keys + n, wanted);
    if (rank == Rank::NanMedian && numbers) wanted = kth_key(keys, spare, n, (numbers - 1) / 2, range);
  }
  return std::find(keys, keys + n, wanted) - keys;
}

// work(base, memory, to) for each row; long rows one after another, with all threads at each.
template <class Work>
void each_row(const SortShape& shape, void* workspace, Work work) {
  check_size(shape.size);
  const auto run = [&](int64_t first, int64_t last, const Memory& memory) {
    for (int64_t row = first; row < last; ++row)
      work(row / shape.inner * shape.size * shape.inner + row % shape.inner, memory, row);
  };
  const int64_t rows = shape.outer * shape.inner;
  if (!in_scratch(shape.size)) return run(0, rows, part_of(workspace, shape.size));
  parallel_for(0, rows, kSelectGrain / std::max<int64_t>(1, shape.size) + 1,
               [&](int64_t first, int64_t last) { run(first, last, scratch(shape.size, 1)); });
}

// A row whose places are sorted, and which of its elements are equal; no NaN equals another.
struct SortedRow {
  const uint64_t* words;
  const uint64_t* wide_keys;  // where words do not hold the whole key
  bool has_nan;
  uint64_t nan;  // as it stands in a word, or among the wide keys

  SortedRow(DType dtype, const Memory& memory, KeyRange range, int64_t n) {
    const bool wide = key_size(dtype) == 8;
    words = sort_keys(wide, memory.keys, range, n, memory.words, memory.other);
    wide_keys = wide && (range.high - range.low) >> 32 ? static_cast<const uint64_t*>(memory.keys) : nullptr;
    has_nan = is_floating(dtype) && range.high == nan_key(dtype);
    nan = nan_key(dtype) - (wide_keys ? 0 : range.low);
  }
  int64_t place(int64_t i) const { return static_cast<int64_t>(words[i] & kPlace); }
  uint64_t key(int64_t i) const { return wide_keys ? wide_keys[place(i)] : words[i] >> 32; }
  bool begins_run(int64_t i) const { return key(i) != key(i - 1) || (has_nan && key(i) == nan); }
};

}  // namespace

size_t sort_workspace(SortShape shape) {
  return in_scratch(shape.size) ? 0 : static_cast<size_t>(shape.size) * 3 * sizeof(uint64_t);
}

void sort(DType dtype, SortShape shape, bool descending, const void* items, void* values, int64_t* indices,
          void* workspace) {
  sort_to(dtype, shape, shape.size, descending, items, values, indices, workspace);
}

void top_k(DType dtype, SortShape shape, int64_t k, bool largest, const void* items, void* values,
           int64_t* indices, void* workspace) {
  if (k == 0) return;
  check_size(shape.size);
  if (shape.size <= 128 || k > shape.size / 8)
    return sort_to(dtype, shape, k, largest, items, values, indices, workspace);
  if (key_size(dtype) == 8)
    top_k_rows<Wide>(dtype, shape, k, largest, items, values, indices);
  else
    top_k_rows<Narrow>(dtype, shape, k, largest, items, values, indices);
}

void select_rank(DType dtype, SortShape shape, Rank rank, int64_t k, const void* items, void* values,
                 int64_t* indices, void* workspace) {
  const size_t size = item_size(dtype);
  each_row(shape, workspace, [&](int64_t base, const Memory& memory, int64_t to) {
    const char* const x = static_cast<const char*>(items) + base * static_cast<int64_t>(size);
    const KeyRange range = keys_of(dtype, x, shape.inner, shape.size, false, static_cast<char*>(memory.keys));
    const auto place = [&]<class Key>(Key*) {
      return place_of_rank(dtype, rank, k, static_cast<const Key*>(memory.keys),
                           reinterpret_cast<Key*>(memory.other), memory.words, shape.size, range);
    };
    const int64_t at = key_size(dtype) == 8 ? place(static_cast<uint64_t*>(nullptr))
                                            : place(static_cast<uint32_t*>(nullptr));
    if (indices) indices[to] = at;
    std::copy_n(x + at * shape.inner * static_cast<int64_t>(size), size,
                static_cast<char*>(values) + to * static_cast<int64_t>(size));
  });
}

void mode(DType dtype, SortShape shape, const void* items, void* values, int64_t* indices, void* workspace) {
  const int64_t size = static_cast<int64_t>(item_size(dtype));
  each_row(shape, workspace, [&](int64_t base, const Memory& memory, int64_t to) {
    const char* const x = static_cast<const char*>(items) + base * size;
    const KeyRange range = keys_of(dtype, x, shape.inner, shape.size, false, static_cast<char*>(memory.keys));
    const SortedRow row(dtype, memory, range, shape.size);
    int64_t best = 0, at = 0, begin = 0;
    for (int64_t i = 1; i <= shape.size; ++i) {
      if (i < shape.size && !row.begins_run(i)) continue;
      if (i - begin > best) {
        best = i - begin;
        at = row.place(i - 1);
      }
      begin = i;
    }
    indices[to] = at;
    std::copy_n(x + at * shape.inner * size, size, static_cast<char*>(values) + to * size);
  });
}

namespace {
int64_t unique_truths(int64_t n, const uint8_t* x, const UniqueResults& results) {
  const int64_t some = cpu::kernels().mask.count(x, n), counts[] = {n - some, some};
  int64_t found = 0;
  for (uint8_t value = 0; value < 2; ++value) {
    if (counts[value] == 0) continue;
    static_cast<uint8_t*>(results.values)[found] = value;
    if (results.counts) results.counts[found] = counts[value];
    ++found;
  }
  if (results.inverse)
    for (int64_t i = 0; i < n; ++i) results.inverse[i] = found == 2 && x[i];
  return found;
}
}  // namespace

int64_t unique(DType dtype, int64_t n, const void* items, const UniqueResults& results, void* workspace) {
  if (n == 0) return 0;
  if (dtype == DType::Bool) return unique_truths(n, static_cast<const uint8_t*>(items), results);
  check_size(n);
  const Memory memory = in_scratch(n) ? scratch(n, 1) : part_of(workspace, n);
  const KeyRange range =
      keys_of(dtype, static_cast<const char*>(items), 1, n, false, static_cast<char*>(memory.keys));
  const SortedRow row(dtype, memory, range, n);
  int64_t found = 0;
  with_item(dtype, [&]<class Item>() {
    const Item* const x = static_cast<const Item*>(items);
    Item* const y = static_cast<Item*>(results.values);
    int64_t begin = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (i == 0 || row.begins_run(i)) {
        if (i && results.counts) results.counts[found - 1] = i - begin;
        begin = i;
        y[found++] = x[row.place(i)];
      }
      if (results.inverse) results.inverse[row.place(i)] = found - 1;
    }
    if (results.counts) results.counts[found - 1] = n - begin;
  });
  return found;
}

}  // namespace flambeau::cpu
