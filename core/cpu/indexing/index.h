// Moving blocks of memory by lists of positions: indexing, masks, gather and scatter. Plain code: memory is
// the limit, not the instruction set.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/backend/indexing.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// dense = strided
void gather_blocks(const IndexedBlocks& blocks, const char* strided, char* dense);
// strided = dense. Unless the offsets are `distinct`, a later block overwrites an earlier one.
void scatter_blocks(const IndexedBlocks& blocks, char* strided, const char* dense, bool distinct);
// strided = op(strided, dense), block after block; the sum of bools is or.
void combine_blocks(DType dtype, ScatterOp op, const IndexedBlocks& blocks, char* strided, const char* dense);

// offsets[j] += (wrapped positions[j]) * stride and, where given, linear[j] = linear[j] * size + wrapped;
// where these are the `first` positions, both count as 0 before. Negative positions count from the end where
// `wrap`. Returns the place of a position outside the range, or -1.
int64_t add_offsets(const int64_t* positions, int64_t n, int64_t size, bool wrap, int64_t stride,
                    bool first_positions, int64_t* offsets, int64_t* linear);

// Whether every position lies in [0, size), or [-size, size) where `wrap`: the place of the first that does
// not, or -1. Writes them, with `size` added to the negative ones, to `wrapped` unless it is null (it may be
// `positions`); stops at a bad one.
int64_t wrap_positions(const int64_t* positions, int64_t n, int64_t size, bool wrap, int64_t* wrapped);

// ---- masks: n bytes, true where not 0

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

// The place of the first index out of range, or -1.
int64_t gather_elements(size_t item_size, const IndexedElements& elements, const char* self, char* other);
// Elements of `other` reach one element of `self` in row-major order. Max and Min: not for complex numbers.
int64_t scatter_elements(DType dtype, ScatterOp op, const IndexedElements& elements, char* self,
                         const char* other);

}  // namespace flambeau::cpu
