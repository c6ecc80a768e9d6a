// Pointwise operators as every device knows them: their names, and the geometry of one call.
#pragma once
#include <cstdint>

#include "core/tensor/dims.h"
#include "core/tensor/dtype.h"

namespace flambeau::backend {

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
  // (x), complex: the conjugate; the argument, a real number.
  Conj,
  Angle,
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
  // (x, factor): x * factor, and 0 where the factor is 0, whatever x is; floating dtypes only.
  MulOrZero,

  // Special functions, floating dtypes only: (x) where nothing else is said.
  Lgamma,
  Digamma,
  Trigamma,
  Polygamma,  // (n, x): the n-th derivative of digamma, n >= 2
  Zeta,       // (s, q): Hurwitz's
  Igamma,     // (a, x): the regularised lower incomplete gamma function; Igammac: the upper
  Igammac,
  Erfinv,
  Erfcx,  // exp(x^2) erfc(x)
  Ndtri,
  LogNdtr,
  // Bessel functions, modified of the first and second kind (e: scaled by exp(-|x|), exp(x)) and not.
  I0,
  I0e,
  I1,
  I1e,
  K0,
  K0e,
  K1,
  K1e,
  J0,
  J1,
  Y0,
  Y1,
  SphericalJ0,
  AiryAi,

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

// The dtype of the operator's results in terms of its compute dtype: bool for predicates, real for a complex
// number's modulus and argument.
constexpr DType kernel_result(Pointwise op, DType compute) {
  if (returns_bool(op)) return DType::Bool;
  return op == Pointwise::Abs || op == Pointwise::Angle ? real_of(compute) : compute;
}

// Computes n items, contiguous and of one dtype on each side.
using PointwiseKernel = void (*)(void* out, const void* const* in, int64_t n);

// By operator and compute dtype; null where there is no such kernel.
struct PointwiseTable {
  PointwiseKernel table[kPointwiseOperators][kDTypes];
  PointwiseKernel operator()(Pointwise op, DType compute) const {
    return table[static_cast<int>(op)][static_cast<int>(compute)];
  }
};

inline constexpr int kMaxOperands = 6;  // the result and up to five inputs

// One call on strided memory: operand 0 is the result. Strides count bytes.
struct PointwiseCall {
  int count = 0;
  char* data[kMaxOperands];
  bool on_host[kMaxOperands];  // numbers and 0-d tensors of the CPU beside those of another device
  DType stored[kMaxOperands];  // dtype in memory
  DType wanted[kMaxOperands];  // dtype in which it is computed
  int64_t strides[kMaxOperands][kMaxDims];  // bytes
  int dims = 0;
  int64_t sizes[kMaxDims];
  int64_t numel = 1;
};

}  // namespace flambeau::backend
