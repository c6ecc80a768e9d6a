// Arithmetic, rounding and selection on every dtype they make sense for.
#include "core/cpu/pointwise/loops.h"
#include "core/math/pointwise_arithmetic.h"

namespace flambeau::cpu::FLAMBEAU_ISA {

using namespace math;

void fill_arithmetic(PointwiseKernels& kernels) {
  set<Add>(kernels, Pointwise::Add, Any());
  set<Sub>(kernels, Pointwise::Sub, Numbers());
  set<Mul>(kernels, Pointwise::Mul, Any());
  set<MulOrZero>(kernels, Pointwise::MulOrZero, Floating());
  set<AddScaled>(kernels, Pointwise::AddScaled, Any());
  set<AddCMul>(kernels, Pointwise::AddCMul, Numbers());
  set<AddCDiv>(kernels, Pointwise::AddCDiv, Floating());
  set<SquaredDifference>(kernels, Pointwise::SquaredDifference, Numbers());
  set<Lerp>(kernels, Pointwise::Lerp, Floating());
  set<Div>(kernels, Pointwise::Div, Floating());
  set<Reciprocal>(kernels, Pointwise::Reciprocal, Floating());
  set<FloorDiv>(kernels, Pointwise::FloorDiv, Numbers());
  set<TruncDiv>(kernels, Pointwise::TruncDiv, Numbers());
  set<Remainder>(kernels, Pointwise::Remainder, Numbers());
  set<Fmod>(kernels, Pointwise::Fmod, Numbers());
  set<Pow>(kernels, Pointwise::Pow, Numbers());
  set<Neg>(kernels, Pointwise::Neg, Numbers());
  set<Abs>(kernels, Pointwise::Abs, Numbers());
  set<Sign>(kernels, Pointwise::Sign, Any());
  set<Square>(kernels, Pointwise::Square, Numbers());
  set<Cube>(kernels, Pointwise::Cube, Numbers());
  set<Sqrt>(kernels, Pointwise::Sqrt, Floating());
  set<Rsqrt>(kernels, Pointwise::Rsqrt, Floating());
  set<Floor>(kernels, Pointwise::Floor, Floating());
  set<Ceil>(kernels, Pointwise::Ceil, Floating());
  set<Round>(kernels, Pointwise::Round, Floating());
  set<Trunc>(kernels, Pointwise::Trunc, Floating());
  set<Frac>(kernels, Pointwise::Frac, Floating());
  set<Maximum>(kernels, Pointwise::Maximum, Any());
  set<Minimum>(kernels, Pointwise::Minimum, Any());
  set<Fmax>(kernels, Pointwise::Fmax, Any());
  set<Fmin>(kernels, Pointwise::Fmin, Any());
  set<Clamp>(kernels, Pointwise::Clamp, Numbers());
  set<Maximum>(kernels, Pointwise::ClampMin, Any());
  set<Minimum>(kernels, Pointwise::ClampMax, Any());
  set<Where>(kernels, Pointwise::Where, Any());
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
