// Moving elements about: joining, flipping, windows, triangles. Plain code: memory is the limit, not the
// instruction set.
#pragma once
#include "core/backend/views.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// Writes rows each of which is one row of every piece after another.
void interleave_rows(std::span<const Piece> pieces, int64_t rows, char* out);
// Writes the source's numel items, in row-major order, to `out`. numel is above 0, and so is the number of
// dimensions.
void copy_stepped_rows(const SteppedRows& rows, int64_t numel, const char* start, char* out);
// buffer[position of element k in the window] += items[k]; float32 and float64.
void add_through(DType dtype, const StridedWindow& window, const void* items, void* buffer);
// Divides each of the buffer's `extent` items by how often the window shows it; `counts` is zeroed room for
// as many.
void divide_by_counts(DType dtype, const StridedWindow& window, int64_t extent, void* buffer,
                      int32_t* counts);
// Blocks of contiguous images as columns, and back: elements of blocks that meet in a pixel add up.
void unfold_images(size_t item, const ImageBlocks& blocks, const char* images, char* columns);
void fold_images(DType dtype, const ImageBlocks& blocks, const char* columns, char* images);
// Contiguous arrays extended along their axes; each element of the input gets the sum of its copies.
void extend(size_t item, const Extension& extension, const char* input, const char* constant, char* output);
void extend_backward(DType dtype, const Extension& extension, const char* grad_output, char* grad_input);
// Contiguous matrices of `item` bytes an element.
void keep_triangle(Triangle triangle, char* matrices, int64_t count, int64_t rows, int64_t columns,
                   int64_t diagonal, size_t item);

}  // namespace flambeau::cpu
