// The broadcasting iterator behind every pointwise operator: type promotion, broadcasting, strides, threads.
#pragma once
#include <initializer_list>

#include "core/autograd/differentiable.h"
#include "core/backend/backend.h"

namespace flambeau {

using backend::Pointwise;

// The dtype that PyTorch's promotion gives these operands: tensors with dimensions first, then 0-d tensors,
// then numbers, each later group mattering only where its kind (bool, integer, floating) is higher.
DType result_type(std::initializer_list<Operand> operands);

// Computes `op` over the broadcast inputs in the dtype that the operator's rule gives (promoted; or promoted
// to a floating dtype for true division and transcendental functions), or in `promoted` where it is given;
// half precision passes through float32. Results of predicates are bool. The result goes to `out`
// (result_for), cast to its dtype. Throws RuntimeError naming operator and dtype where there is no such
// kernel.
Tensor pointwise(const Out& out, Pointwise op, std::initializer_list<Operand> inputs);
Tensor pointwise_as(const Out& out, Pointwise op, DType promoted, std::initializer_list<Operand> inputs);

// Element for element with broadcasting and conversion; the raw work behind copy_, to, contiguous. No
// history.
void copy_into(const Tensor& target, const Operand& source);
// A contiguous (or, with keep_order, dense as t's) copy. No history.
Tensor contiguous_copy(const Tensor& t);
Tensor cast_copy(const Tensor& t, DType dtype);
// t itself if it is contiguous, else a copy; raw, no history. For kernels that want contiguous input.
inline Tensor as_contiguous(const Tensor& t) { return t->contiguous ? t : contiguous_copy(t); }
// Half precision outside of the pointwise kernels, which convert as they load and store: an operator hands
// its kernel `widened` operands (float32; anything else is itself) and rounds once what comes back, by
// `narrowed` to the dtype that it is to have. Raw, no history; an undefined tensor stays one.
inline Tensor widened(const Tensor& t) { return t && is_half(t.dtype()) ? cast_copy(t, DType::Float32) : t; }
inline Tensor narrowed(const Tensor& t, DType dtype) {
  return t && t.dtype() != dtype ? cast_copy(t, dtype) : t;
}
// As above, and with kReadableTail readable bytes after its end.
Tensor as_contiguous_padded(const Tensor& t);
Tensor fill_raw(const Tensor& t, const Scalar& value);  // writes value everywhere; no history, no version

}  // namespace flambeau
