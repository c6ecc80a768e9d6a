// What the pointwise operators' files share: refusals of dtypes, and the bookkeeping of their derivatives.
#pragma once
#include "core/autograd/differentiable.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {

// PyTorch names the kernel, not the operator: "abs_cpu" not implemented for 'Bool'.
[[noreturn]] inline void not_implemented_for(const char* kernel, DType dtype) {
  fail<NotImplementedError>("\"", kernel, "\" not implemented for '", scalar_type_name(dtype), "'");
}

// What an operator that orders or rounds numbers says of complex ones, in PyTorch's words.
template <class Exception = NotImplementedError>
void refuse_complex(const Operand& operand, const char* text) {
  check<Exception>(!is_complex(operand.dtype()), text);
}

// Either input of a binary operator may be a number, but not both.
inline void refuse_two_numbers(const char* name, const Operand& self, const Operand& other) {
  check<TypeError>(
      self.is_tensor() || other.is_tensor(), name,
      "() received an invalid combination of arguments - got two numbers, but at least one must be a Tensor");
}

// The same operator for schemas whose first input must be a tensor.
template <auto function>
Tensor tensor_first(const Tensor& self, const Operand& other, const Out& out) {
  return function(self, other, out);
}

// The gradient of a step function.
inline Tensor no_slope(const Tensor& grad) { return zeros(grad.sizes(), grad.dtype()); }

// The derivative of a function that is complex differentiable, in PyTorch's convention: the gradient times
// the conjugate of f'(x). `derivative`, linear in the gradient, gives the gradient times f'(x); between two
// conjugations it gives that.
template <class F>
auto holomorphic(F derivative) {
  if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&>)
    return [f = std::move(derivative)](const Tensor& grad, const Tensor& result) {
      return is_complex(grad.dtype()) ? conj(f(conj(grad), result)) : f(grad, result);
    };
  else
    return [f = std::move(derivative)](const Tensor& grad) {
      return is_complex(grad.dtype()) ? conj(f(conj(grad))) : f(grad);
    };
}
inline SavedOperand::Value conjugate(SavedOperand::Value value) {
  if (!value.tensor)
    value.scalar = value.scalar.conj();
  else if (is_complex(value.tensor.dtype()))
    value.tensor = conj(value.tensor);
  return value;
}

// An operator of one input: name of the node, kernel, and the closure for its derivative.
template <class F>
Tensor unary(const char* node, Pointwise op, const Tensor& self, const Out& out, F&& derivative) {
  return differentiable(
      node, out, [&] { return pointwise(out, op, {self}); }, wrt(self, std::forward<F>(derivative)));
}

// The same for a complex differentiable function.
template <class F>
Tensor analytic(const char* node, Pointwise op, const Tensor& self, const Out& out, F derivative) {
  return unary(node, op, self, out, holomorphic(std::move(derivative)));
}

}  // namespace flambeau
