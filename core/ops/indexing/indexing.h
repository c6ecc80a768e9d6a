// What the indexing operators share.
#pragma once
#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {

// Contiguous int64 positions from an integer index tensor.
Tensor as_positions(const Tensor& index);
// Byte offsets of `positions` along a dimension of this size and stride; throws Error("<prefix>index i is out
// of bounds ..").
Tensor byte_offsets(const Tensor& positions, int64_t size, int64_t stride_bytes, bool wrap, int64_t& bad);

// The blocks that `offsets` name when they replace the dimensions first .. first + covered of t.
backend::IndexedBlocks blocks_of(const Tensor& t, int first, int covered, const Tensor& offsets);

// An estimate for releasing the GIL: the bytes moved at memory speed.
inline int64_t move_nanoseconds(int64_t items, DType dtype) {
  return items * static_cast<int64_t>(item_size(dtype)) / 4;
}

// A tensor that the forward of an operator fills: the destination itself where it is contiguous, of that
// dtype and apart from the inputs, else a fresh one that `finish` copies there.
class Destination {
 public:
  Destination(const Out& out, const Dims& sizes, DType dtype, std::initializer_list<Tensor> inputs);
  const Tensor& tensor() const { return work_; }
  Tensor finish();

 private:
  Tensor target_, work_;
};

// A copy of self to modify, or self itself for an in-place form. Call after every check.
Tensor modifiable(const Out& out, const Tensor& self);

// Whether elements share their memory, as after expand().
bool is_expanded(const Tensor& t);
// As modifiable(), for the operators that write to an expanded tensor with a warning, unless they are
// recorded.
Tensor modifiable_with_warning(const char* name, const Out& out, const Tensor& self, bool recorded);
void warn_of_expanded(const char* name);
// Sets the elements of an expanded tensor to `value` where the mask, which broadcasts to it, holds for any of
// those that share their memory.
void fill_expanded(const Tensor& self, const Tensor& mask, const Operand& value);

// masked_fill's conditions: a mask is bool, and the one number in a tensor that is to fill one of `dtype`
// fits there as one from Python must.
void check_mask(const Tensor& mask);
void check_number_fits(const Tensor& number, DType dtype);

// Throws where a vector of indices along d and the slices that it sends to self do not fit.
void check_slices(const char* name, const Tensor& self, int d, const Tensor& index, const Tensor& source);

// ---- one index per element: scatter and its kin
// A 0-d tensor counts as one of a single element here.
inline Tensor with_dims(const Tensor& t) { return t.dim() ? t : alias(t, Dims{1}, Dims{1}, 0); }
inline Dims with_dims(const Dims& sizes) { return sizes.count ? sizes : Dims{1}; }
// The wrapped dimension; throws where index and src do not fit self.
int check_scatter(const char* name, const Tensor& self, int64_t dim, const Tensor& index, const Operand& src);
// Where `index` is no more than a number for each slice along d, expanded to the slices of t: those numbers,
// checked.
Tensor slice_numbers(const Tensor& t, const Tensor& index, int d);
// src's elements (all of index's shape, or more) or one number, combined into self at the indices. Raw: no
// history.
Tensor scattered(backend::ScatterOp op, const Tensor& self, int d, const Tensor& index, const Operand& src,
                 const Out& out);
// self with slices along d, one for each of the good positions, combined into it. Raw: no history.
Tensor combined_slices(backend::ScatterOp op, const Tensor& self, int d, const Tensor& positions,
                       const Tensor& slices, const Out& out);
// The operator scatter without reduction.
Tensor scatter_to(const Tensor& self, int64_t dim, const Tensor& index, const Operand& src, const Out& out);
// A gradient by what the index of a scatter reached, as one by all of its source.
Tensor with_zeros_to(const Tensor& grad, const Dims& sizes);

// ---- the linear maps behind the derivatives
// zeros of `sizes` with grad's slices along d added at `index` (index_select's derivative).
Tensor index_spread(const Tensor& grad, int d, const Tensor& index, const Dims& sizes);
// Each row of a table's gradient divided by how often `numbers` names it.
Tensor divided_by_counts(const Tensor& table, const Tensor& numbers, int64_t rows);
// self with the slices at `index` along d set to value.
Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, const Operand& value,
                  const Out& out = {});
// zeros of mask's shape with the items of grad in order where the mask is true (masked_select's derivative).
Tensor masked_spread(const Tensor& grad, const Tensor& mask);

// The number of true elements and the mask as contiguous bytes.
struct MaskCount {
  Tensor bytes;
  std::vector<int64_t> starts;
  int64_t total() const { return starts.back(); }
  const uint8_t* data() const { return bytes.data<uint8_t>(); }
};
MaskCount count_mask(const Tensor& mask);
// The row-major positions of the true elements.
Tensor mask_positions(const MaskCount& mask);

}  // namespace flambeau
