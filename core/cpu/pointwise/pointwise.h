// The pointwise operators as kernels over contiguous arrays of one type.
//
// A kernel sees `n` items, contiguous, of one dtype (its *compute dtype*, the table's second index); the
// iterator brings strided, broadcast and other-dtype operands into that form. Scalars are operands like any
// other. `out` has the compute dtype, or bool for a predicate (`returns_bool`); it may be the very same array
// as an input, but not overlap one otherwise. Kernels are single-threaded and never throw.
#pragma once
#include <cstdint>

#include "core/tensor/dtype.h"

namespace flambeau::cpu {

enum class Pointwise : uint8_t {
  // (x, y). On bool: Add is or, Mul is and. Integers wrap.
  Add,
  Sub,
  Mul,
  // (x, y, alpha): x + alpha * y.
  AddScaled,
  // (x, y): true division; floating dtypes only.
  Div,
  // (x, y). An integer division by zero gives 0 and does not trap: check with `any_zero` first, PyTorch
  // raises.
  FloorDiv,
  TruncDiv,
  Remainder,
  Fmod,
  // (x, y). Integer to a negative integer power: 1, -1 or 0, as PyTorch's pow of two tensors.
  Pow,
  // (x)
  Neg,
  Abs,
  Sign,
  Square,
  Cube,
  Sqrt,
  Rsqrt,
  Reciprocal,
  Exp,
  Exp2,
  Expm1,
  Log,
  Log2,
  Log10,
  Log1p,
  Sin,
  Cos,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Tanh,
  Asinh,
  Acosh,
  Atanh,
  Sigmoid,
  LogSigmoid,
  Erf,
  Erfc,
  Floor,
  Ceil,
  Round,
  Trunc,
  Frac,
  // (x, y); a NaN on either side is the result.
  Maximum,
  Minimum,
  // (x, y); a NaN loses against a number.
  Fmax,
  Fmin,
  // (x, lo, hi): min(max(x, lo), hi); (x, lo); (x, hi). A NaN anywhere is the result.
  Clamp,
  ClampMin,
  ClampMax,
  // (x, y) to bool
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  LogicalAnd,
  LogicalOr,
  LogicalXor,
  // (x) to bool
  LogicalNot,
  IsNan,
  IsInf,
  IsFinite,
  SignBit,
  // (x, y), integers and bool; the shifts on integers only (a shift of the width or more, or below 0, is as
  // PyTorch's).
  BitwiseAnd,
  BitwiseOr,
  BitwiseXor,
  ShiftLeft,
  ShiftRight,
  // (x), integers and bool
  BitwiseNot,
  // (condition, x, y): the condition is always an array of bool.
  Where,
  // (x, y)
  Atan2,
  Hypot,
  Copysign,
  LogAddExp,
  Xlogy,
  // (x, y, weight): x + weight * (y - x), from the nearer end.
  Lerp,
  // (x, a, b, value): x + value * a * b; x + value * a / b.
  AddCMul,
  AddCDiv,
  // (x, y): (x - y)^2.
  SquaredDifference,

  // Activations and their derivatives; g is the gradient of the result.
  Relu,                 // (x)
  ReluBackward,         // (g, x or result): g where it is > 0, else 0
  Threshold,            // (x, threshold, value): x where x > threshold, else value
  ThresholdBackward,    // (g, x, threshold)
  LeakyRelu,            // (x, slope)
  LeakyReluBackward,    // (g, x, slope)
  Elu,                  // (x, alpha, scale): scale * (x > 0 ? x : alpha * expm1(x))
  EluBackward,          // (g, x, alpha, scale)
  Softplus,             // (x, beta, threshold)
  SoftplusBackward,     // (g, x, beta, threshold)
  SigmoidBackward,      // (g, y = sigmoid(x)): g * y * (1 - y)
  TanhBackward,         // (g, y = tanh(x)): g * (1 - y^2)
  LogSigmoidBackward,   // (g, x)
  Silu,                 // (x)
  SiluBackward,         // (g, x)
  Mish,                 // (x)
  MishBackward,         // (g, x)
  Gelu,                 // (x): with erf
  GeluBackward,         // (g, x)
  GeluTanh,             // (x): the tanh approximation
  GeluTanhBackward,     // (g, x)
  Hardsigmoid,          // (x)
  HardsigmoidBackward,  // (g, x)
  Hardswish,            // (x)
  HardswishBackward,    // (g, x)
  ClampBackward,        // (g, x, lo, hi): g where lo <= x <= hi, else 0
  HardtanhBackward,     // (g, x, lo, hi): g where lo < x < hi, else 0

  // Losses, element by element, before any reduction; t is the target.
  BceWithLogits,          // (x, t): max(x, 0) - x t + log1p(exp(-|x|))
  BceWithLogitsBackward,  // (g, x, t): g * (sigmoid(x) - t)
  Bce,                    // (p, t): -(t max(log p, -100) + (1 - t) max(log1p(-p), -100))
  BceBackward,            // (g, p, t): g * (p - t) / max(p (1 - p), 1e-12)
  SmoothL1,               // (x, t, beta)
  SmoothL1Backward,       // (g, x, t, beta)
  Huber,                  // (x, t, delta)
  HuberBackward,          // (g, x, t, delta)

  kCount
};
inline constexpr int kPointwiseOperators = static_cast<int>(Pointwise::kCount);

// Whether the operator's results are bool whatever its compute dtype.
constexpr bool returns_bool(Pointwise op) { return op >= Pointwise::Eq && op <= Pointwise::SignBit; }

using PointwiseKernel = void (*)(void* out, const void* const* in, int64_t n);
using CastKernel = void (*)(void* out, const void* in, int64_t n);
using StridedCopyKernel = void (*)(void* out, const void* in, int64_t stride_bytes, int64_t n);
using FillKernel = void (*)(void* out, const void* item, int64_t n);
using AnyZeroKernel = bool (*)(const void* in, int64_t n);

// The slot of an item size (1, 2, 4, 8 or 16 bytes) in `gather`, `scatter` and `fill`.
inline constexpr int kItemSizes = 5;
constexpr int item_size_slot(size_t item_size) { return __builtin_ctzll(item_size); }

struct PointwiseKernels {
  // By operator and compute dtype; null where there is no such kernel.
  PointwiseKernel table[kPointwiseOperators][kDTypes];
  // cast[to][from], as C++ converts, except that bool is `!= 0`, and a float outside an integer's range gives
  // what x86's conversion and truncation give. `out` and `in` may be the same array only if the item sizes
  // agree. Null for complex.
  CastKernel cast[kDTypes][kDTypes];
  // gather: `in` has the stride, `out` is contiguous; scatter: the reverse. By item_size_slot.
  StridedCopyKernel gather[kItemSizes];
  StridedCopyKernel scatter[kItemSizes];
  // n copies of one item.
  FillKernel fill[kItemSizes];
  // Whether an item is 0; integer dtypes only.
  AnyZeroKernel any_zero[kDTypes];

  PointwiseKernel operator()(Pointwise op, DType compute) const {
    return table[static_cast<int>(op)][static_cast<int>(compute)];
  }
};

// Each sets every member.
namespace baseline {
void fill(PointwiseKernels& kernels);
}
namespace v3 {
void fill(PointwiseKernels& kernels);
}
namespace v4 {
void fill(PointwiseKernels& kernels);
}

}  // namespace flambeau::cpu
