// Comparisons, predicates and bitwise operators.
#include "core/cpu/pointwise/loops.h"
#include "core/math/pointwise_comparison.h"

namespace flambeau::cpu::FLAMBEAU_ISA {

using namespace math;

void fill_comparison(PointwiseKernels& kernels) {
  set<Eq>(kernels, Pointwise::Eq, Any());
  set<Ne>(kernels, Pointwise::Ne, Any());
  set<Lt>(kernels, Pointwise::Lt, Any());
  set<Le>(kernels, Pointwise::Le, Any());
  set<Gt>(kernels, Pointwise::Gt, Any());
  set<Ge>(kernels, Pointwise::Ge, Any());
  set<LogicalAnd>(kernels, Pointwise::LogicalAnd, Any());
  set<LogicalOr>(kernels, Pointwise::LogicalOr, Any());
  set<LogicalXor>(kernels, Pointwise::LogicalXor, Any());
  set<LogicalNot>(kernels, Pointwise::LogicalNot, Any());
  set<IsNan>(kernels, Pointwise::IsNan, Floating());
  set<IsInf>(kernels, Pointwise::IsInf, Floating());
  set<IsFinite>(kernels, Pointwise::IsFinite, Floating());
  set<SignBit>(kernels, Pointwise::SignBit, Any());
  set<BitwiseAnd>(kernels, Pointwise::BitwiseAnd, Bits());
  set<BitwiseOr>(kernels, Pointwise::BitwiseOr, Bits());
  set<BitwiseXor>(kernels, Pointwise::BitwiseXor, Bits());
  set<BitwiseNot>(kernels, Pointwise::BitwiseNot, Bits());
  set<ShiftLeft>(kernels, Pointwise::ShiftLeft, Integers());
  set<ShiftRight>(kernels, Pointwise::ShiftRight, Integers());
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
