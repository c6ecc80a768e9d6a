// Moving blocks of memory by lists of positions: indexing, masks, gather and scatter. Plain code: memory is
// the limit, not the instruction set.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/tensor/dtype.h"

namespace flambeau::cpu {

inline constexpr int kIndexDims = 16;

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

// dense = strided
void gather_blocks(const IndexedBlocks& blocks, const char* strided, char* dense);
// strided = dense. Unless the offsets are `distinct`, a later block overwrites an earlier one.
void scatter_blocks(const IndexedBlocks& blocks, char* strided, const char* dense, bool distinct);
// strided += dense, block after block; bool: or.
void add_blocks(DType dtype, const IndexedBlocks& blocks, char* strided, const char* dense);

// offsets[j] += (wrapped positions[j]) * stride and, where given, linear[j] = linear[j] * size + wrapped.
// Negative positions count from the end where `wrap`. Returns the place of a position outside the range, or
// -1.
int64_t add_offsets(const int64_t* positions, int64_t n, int64_t size, bool wrap, int64_t stride,
                    int64_t* offsets, int64_t* linear);

// ---- masks: n bytes, true where not 0

// Where each stretch of kMaskBlock bytes begins among the true ones; the last entry is their number.
inline constexpr int64_t kMaskBlock = 8192;
std::vector<int64_t> mask_starts(const uint8_t* mask, int64_t n);
// out = the items of `in` where the mask is true
void compress(size_t item_size, const char* in, const uint8_t* mask, int64_t n,
              const std::vector<int64_t>& starts, char* out);
// out[i] = the next item of `in` wherever mask[i] is true
void decompress(size_t item_size, const char* in, const uint8_t* mask, int64_t n,
                const std::vector<int64_t>& starts, char* out);
// The positions of the true bytes.
void true_positions(const uint8_t* mask, int64_t n, const std::vector<int64_t>& starts, int64_t* out);
// The same as coordinates in a row-major array: out[k * dims + d].
void true_coordinates(const uint8_t* mask, int64_t n, const std::vector<int64_t>& starts, int dims,
                      const int64_t* sizes, int64_t* out);

// ---- one index per element: gather, scatter

// The elements with the coordinates c of `index` (contiguous, `dims` dimensions): in `self` the coordinate
// along `dim` is index[c], the others are c's; in `other` all are c's. Strides count bytes.
struct IndexedElements {
  int dims, dim;
  const int64_t* sizes;  // of index
  const int64_t* index;
  const int64_t* self_strides;
  const int64_t* other_strides;
};
enum class ScatterOp : uint8_t { Assign, Add, Multiply, Max, Min };

void gather_elements(size_t item_size, const IndexedElements& elements, const char* self, char* other);
// Elements of `other` reach one element of `self` in row-major order. Max and Min: not for complex numbers.
void scatter_elements(DType dtype, ScatterOp op, const IndexedElements& elements, char* self,
                      const char* other);

}  // namespace flambeau::cpu
