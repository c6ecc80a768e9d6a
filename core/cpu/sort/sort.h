// Sorting by keys: unsigned integers whose order is that of the elements. Keys of a row, less the smallest,
// are packed with the elements' places into words of 64 bits (key above, place below), and words are sorted
// by their digits. Keys of more than 32 bits are sorted by their upper 32, and then runs of equal ones by the
// rest.
//
// Source: Knuth, The Art of Computer Programming, volume 3, section 5.2.5 (sorting by digits).
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/backend/sort.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// Bytes that `sort`, `select_rank`, `mode` and `unique` want as workspace; 0 where they have enough.
size_t sort_workspace(SortShape shape);
// `values` or `indices` may be null.
void sort(DType dtype, SortShape shape, bool descending, const void* items, void* values, int64_t* indices,
          void* workspace);
// The k first of each row in descending (`largest`) or ascending order: results [outer][k][inner].
void top_k(DType dtype, SortShape shape, int64_t k, bool largest, const void* items, void* values,
           int64_t* indices, void* workspace);
void select_rank(DType dtype, SortShape shape, Rank rank, int64_t k, const void* items, void* values,
                 int64_t* indices, void* workspace);
// The commonest element, the smallest of those equally common, and its last place.
void mode(DType dtype, SortShape shape, const void* items, void* values, int64_t* indices, void* workspace);
// The distinct elements in ascending order; how many there are.
int64_t unique(DType dtype, int64_t n, const void* items, const UniqueResults& results, void* workspace);

// ---- the kernels, one set per instruction set

struct KeyRange {
  uint64_t low, high;
};
// The keys of n items `stride` apart, complemented for descending order: 32 bits wide, 64 for items of 8
// bytes.
using KeysKernel = KeyRange (*)(const void* items, int64_t stride, int64_t n, bool complement, void* keys);

// A key of 64 bits and its place.
struct WideWord {
  uint64_t key, place;
  bool operator<(const WideWord& other) const {
    return key < other.key || (key == other.key && place < other.place);
  }
};

struct SortKernels {
  KeysKernel keys[kDTypes];  // null where there is no order
  // words[i] = (keys[i] - low) >> shift above, i below, for first <= i < last
  void (*pack_narrow)(const uint32_t* keys, int64_t first, int64_t last, uint64_t low, uint64_t* words);
  void (*pack_wide)(const uint64_t* keys, int64_t first, int64_t last, uint64_t low, int shift,
                    uint64_t* words);
  // Sorts n words at `from` by the `bits` lowest bits of their upper half, stably, into `from` or `other`;
  // both are written.
  void (*sort_words)(uint64_t* from, uint64_t* other, int64_t n, int bits, bool into_other);
  // How many words have each value of the eight bits above `shift`, and moving words to next[value]++.
  void (*count_digits)(const uint64_t* words, int64_t n, int shift, uint32_t* counts);
  void (*scatter_digits)(const uint64_t* words, int64_t n, int shift, uint32_t* next, uint64_t* to);
  // Writes the words (key above, first + i below) of the keys below a limit; how many. Room for n.
  int64_t (*filter_narrow)(const uint32_t* keys, int64_t n, uint32_t limit, uint64_t first, uint64_t* words);
  int64_t (*filter_wide)(const uint64_t* keys, int64_t n, uint64_t limit, uint64_t first, WideWord* words);
};

namespace baseline {
void fill(SortKernels& kernels);
}
namespace v3 {
void fill(SortKernels& kernels);
}
namespace v4 {
void fill(SortKernels& kernels);
}

}  // namespace flambeau::cpu
