// The operators as C++ functions, for use by other operators' derivatives. Each is defined, differentiated
// and exposed in the file named above its group.
#pragma once
#include "core/autograd/differentiable.h"
#include "core/ops/expose.h"

namespace flambeau {

// ---- pointwise/arithmetic.cpp
Tensor add(const Operand& self, const Operand& other, const Scalar& alpha = 1, const Out& out = {});
Tensor sub(const Operand& self, const Operand& other, const Scalar& alpha = 1, const Out& out = {});
Tensor mul(const Operand& self, const Operand& other, const Out& out = {});
// self * factor, and 0 where the factor is 0, whatever self is there.
Tensor mul_or_zero(const Tensor& self, const Tensor& factor, const Out& out = {});
Tensor div(const Operand& self, const Operand& other, const Out& out = {});
Tensor neg(const Tensor& self, const Out& out = {});
Tensor reciprocal(const Tensor& self, const Out& out = {});
Tensor square(const Tensor& self, const Out& out = {});
Tensor pow(const Operand& self, const Operand& exponent, const Out& out = {});
Tensor abs(const Tensor& self, const Out& out = {});
Tensor sign(const Tensor& self, const Out& out = {});

// ---- pointwise/complex.cpp
Tensor view_as_real(const Tensor& self);
Tensor view_as_complex(const Tensor& self);
Tensor real(const Tensor& self);  // self, where it is real
Tensor imag(const Tensor& self);
Tensor complex(const Tensor& real_part, const Tensor& imag_part, const Out& out = {});
Tensor conj(const Tensor& self);  // self, where it is real
Tensor sgn(const Tensor& self, const Out& out = {});

// ---- pointwise/elementary.cpp
Tensor exp(const Tensor& self, const Out& out = {});
Tensor log(const Tensor& self, const Out& out = {});
Tensor sqrt(const Tensor& self, const Out& out = {});
Tensor rsqrt(const Tensor& self, const Out& out = {});
Tensor sin(const Tensor& self, const Out& out = {});
Tensor cos(const Tensor& self, const Out& out = {});
Tensor tanh(const Tensor& self, const Out& out = {});
Tensor sigmoid(const Tensor& self, const Out& out = {});
Tensor logaddexp(const Tensor& self, const Tensor& other, const Out& out = {});

// ---- pointwise/comparison.cpp
Tensor eq(const Operand& self, const Operand& other, const Out& out = {});
Tensor ne(const Operand& self, const Operand& other, const Out& out = {});
Tensor lt(const Operand& self, const Operand& other, const Out& out = {});
Tensor le(const Operand& self, const Operand& other, const Out& out = {});
Tensor gt(const Operand& self, const Operand& other, const Out& out = {});
Tensor ge(const Operand& self, const Operand& other, const Out& out = {});
Tensor where(const Tensor& condition, const Operand& self, const Operand& other, const Out& out = {});
Tensor maximum(const Tensor& self, const Tensor& other, const Out& out = {});
Tensor minimum(const Tensor& self, const Tensor& other, const Out& out = {});
Tensor clamp(const Tensor& self, std::optional<Operand> min, std::optional<Operand> max, const Out& out = {});
Tensor masked_fill(const Tensor& self, const Tensor& mask, const Operand& value, const Out& out = {});
Tensor logical_and(const Tensor& self, const Tensor& other, const Out& out = {});
Tensor logical_not(const Tensor& self, const Out& out = {});

// ---- views/views.cpp (all share memory with self)
Tensor view(const Tensor& self, IntList size);
Tensor expand(const Tensor& self, IntList size);
Tensor permute(const Tensor& self, IntList dims);
Tensor transpose(const Tensor& self, int64_t dim0, int64_t dim1);
Tensor t(const Tensor& self);
Tensor squeeze(const Tensor& self, IntList dims);
Tensor unsqueeze(const Tensor& self, int64_t dim);
Tensor select(const Tensor& self, int64_t dim, int64_t index);
Tensor select_item(const Tensor& self, int64_t dim,
                   int64_t index);  // the same, as x[index] reports a wrong index
Tensor slice(const Tensor& self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step);
Tensor narrow(const Tensor& self, int64_t dim, int64_t start, int64_t length);
Tensor as_strided(const Tensor& self, IntList size, IntList stride, std::optional<int64_t> storage_offset);
Tensor detach(const Tensor& self);
Tensor view_alias(const Tensor& self);  // x[...]: all of it, as a recorded view
Tensor numpy_T(const Tensor& self);     // the property T
Tensor matrix_transpose(const Tensor& self, const char* property = "mT");  // the properties mT and mH
Tensor matrix_H(const Tensor& self);                                       // the property H
Tensor diagonal(const Tensor& self, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1);
Tensor unflatten(const Tensor& self, int64_t dim, IntList sizes);
std::vector<Tensor> broadcast_tensors(TensorList tensors);

// ---- views/split.cpp
std::vector<Tensor> split(const Tensor& self, int64_t split_size, int64_t dim = 0);
std::vector<Tensor> split_with_sizes(const Tensor& self, IntList sizes, int64_t dim);
std::vector<Tensor> chunk(const Tensor& self, int64_t chunks, int64_t dim = 0);
std::vector<Tensor> unbind(const Tensor& self, int64_t dim = 0);

// ---- views/copies.cpp
Tensor contiguous(const Tensor& self);
Tensor clone(const Tensor& self);
Tensor clone(const Tensor& self, std::optional<MemoryFormat> format);
// Whether an image of two or three axes lies with its channels innermost (or could be said to).
bool has_channels_last(const Tensor& self);
// A copy in that order, outside of the graph.
Tensor with_channels_last(const Tensor& self);
Tensor copy_(const Tensor& self, const Operand& source);    // in place; recorded
Tensor to_dtype(const Tensor& self, DType dtype);           // on the current device
Tensor to_device(const Tensor& self, Device::Type device);  // self itself where it has the dtype
Tensor fill_(const Tensor& self, const Operand& value);
Tensor zero_(const Tensor& self);

// ---- views/shape.cpp (copies where needed)
Tensor reshape(const Tensor& self, IntList shape);
Tensor flatten(const Tensor& self, int64_t start_dim, int64_t end_dim);
// Sums a gradient down to `sizes`, undoing a broadcast; grad itself where the sizes agree already.
// Differentiable.
Tensor sum_to(const Tensor& grad, const Dims& sizes);
// The gradient of the input of a broadcasting operator: sums to its sizes and casts to its dtype.
Tensor gradient_for(const Tensor& grad, const Dims& sizes, DType dtype);

// ---- views/join.cpp
Tensor cat(TensorList tensors, int64_t dim, const Out& out = {});
Tensor stack(TensorList tensors, int64_t dim, const Out& out = {});
Tensor flip(const Tensor& self, IntList dims);

// ---- reduce/sums.cpp, extremes.cpp, moments.cpp
Tensor sum(const Tensor& self, std::optional<DType> dtype = std::nullopt);
Tensor sum_dims(const Tensor& self, std::optional<IntList> dim, bool keepdim = false,
                std::optional<DType> dtype = std::nullopt, const Out& out = {});
Tensor mean(const Tensor& self, std::optional<DType> dtype = std::nullopt);
Tensor mean_dims(const Tensor& self, std::optional<IntList> dim, bool keepdim = false,
                 std::optional<DType> dtype = std::nullopt, const Out& out = {});
Tensor amax(const Tensor& self, IntList dim, bool keepdim = false, const Out& out = {});
// Refuses a dtype=, in the norm's name, that is not of the input's kind or narrower.
void check_norm_dtype(const char* name, DType input, std::optional<DType> dtype);

// ---- softmax/softmax.cpp
Tensor softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype = std::nullopt);
Tensor log_softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype = std::nullopt);

// ---- linalg/linalg.cpp
Tensor mm(const Tensor& self, const Tensor& mat2, const Out& out = {});
Tensor bmm(const Tensor& self, const Tensor& mat2, const Out& out = {});
Tensor mv(const Tensor& self, const Tensor& vec, const Out& out = {});
Tensor dot(const Tensor& self, const Tensor& tensor, const Out& out = {});
Tensor matmul(const Tensor& self, const Tensor& other, const Out& out = {});
Tensor outer(const Tensor& self, const Tensor& vec2, const Out& out = {});
Tensor linear(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, const Out& out = {});

// ---- linalg/svd.cpp
// The sum of the singular values, of matrices in two dimensions (all there are by default).
Tensor nuclear_norm(const Tensor& self, std::optional<IntList> dim, bool keepdim, std::optional<DType> dtype);

// ---- indexing/indexing.cpp
// indices[i] indexes dimension i (a mask: as many dimensions as it has); undefined entries stand for ':'.
Tensor index(const Tensor& self, TensorList indices);
Tensor index_put_(const Tensor& self, TensorList indices, const Operand& values, bool accumulate = false);

// ---- indexing/masks.cpp
Tensor nonzero(const Tensor& self, const Out& out = {});
std::vector<Tensor> nonzero_tuple(const Tensor& self);
Tensor masked_select(const Tensor& self, const Tensor& mask, const Out& out = {});

// ---- indexing/gather.cpp
Tensor index_select(const Tensor& self, int64_t dim, const Tensor& index, const Out& out = {});
Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                 const Scalar& alpha = 1, const Out& out = {});
Tensor gather(const Tensor& self, int64_t dim, const Tensor& index, bool sparse_grad = false,
              const Out& out = {});
// self with source added along dim at index (on zeros: the derivative of gather).
Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                   const Out& out = {});
Tensor take(const Tensor& self, const Tensor& index, const Out& out = {});

// ---- random/sampling.cpp
Tensor dropout(const Tensor& input, double p, bool train, const Out& out = {});

// ---- creation/creation.cpp
Tensor tril(const Tensor& self, int64_t diagonal = 0, const Out& out = {});
Tensor triu(const Tensor& self, int64_t diagonal = 0, const Out& out = {});

}  // namespace flambeau
