// Geometry of indexing: blocks of memory at lists of positions, masks, one index per element.
#pragma once
#include <cstdint>

#include "core/tensor/dims.h"

namespace flambeau::backend {

inline constexpr int kIndexDims = kMaxDims;

// Dimensions walked by a counter; strides count bytes.
struct Walk {
  int dims = 0;
  int64_t sizes[kIndexDims];
  int64_t strides[kIndexDims];

  int64_t count() const {
    int64_t n = 1;
    for (int i = 0; i < dims; ++i) n *= sizes[i];
    return n;
  }
};

// Blocks at outer + offsets[j] + inner in strided memory, and the same blocks one after another in dense
// memory: the dense side has the sizes [outer.., count, inner.., run].
struct IndexedBlocks {
  Walk outer;
  const int64_t* offsets;  // in bytes
  int64_t count;
  Walk inner;
  int64_t run;  // bytes that are contiguous on both sides
};

// The elements with the coordinates c of `index` (contiguous, `dims` dimensions): in `self` the coordinate
// along `dim` is index[c], the others are c's; in `other` all are c's. Strides count bytes.
struct IndexedElements {
  int dims, dim;
  int64_t size;          // of self along dim: what an index must be below
  const int64_t* sizes;  // of index
  const int64_t* index;
  const int64_t* self_strides;
  const int64_t* other_strides;
};
// Bags of a table's rows: bag b holds the rows that numbers[i] names for offsets[b] <= i < offsets[b + 1].
// The table is contiguous, rows x width.
struct RowBags {
  int64_t bags, rows, width;
  const int64_t* numbers;
  const int64_t* offsets;  // bags + 1
  int64_t padding;         // a number that counts for nothing; -1: none
  bool looked_up;          // the row of numbers[i] is the i-th of the "table"
  bool mean;               // sums are divided by how many rows they are of
};
enum class ScatterOp : uint8_t { Assign, Add, Multiply, Max, Min };

// Where each stretch of kMaskBlock bytes begins among the true ones; the last entry is their number.
inline constexpr int64_t kMaskBlock = 8192;

}  // namespace flambeau::backend
