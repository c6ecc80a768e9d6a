// The elementary and special functions, on float and double.
#include "core/cpu/pointwise/loops.h"
#include "core/math/pointwise_elementary.h"

namespace flambeau::cpu::FLAMBEAU_ISA {

using namespace math;

void fill_elementary(PointwiseKernels& kernels) {
  set<Exp>(kernels, Pointwise::Exp, Floating());
  set<Exp2>(kernels, Pointwise::Exp2, Floating());
  set<Expm1>(kernels, Pointwise::Expm1, Floating());
  set<Log>(kernels, Pointwise::Log, Floating());
  set<Log2>(kernels, Pointwise::Log2, Floating());
  set<Log10>(kernels, Pointwise::Log10, Floating());
  set<Log1p>(kernels, Pointwise::Log1p, Floating());
  set<Sin>(kernels, Pointwise::Sin, Floating());
  set<Cos>(kernels, Pointwise::Cos, Floating());
  set<Tan>(kernels, Pointwise::Tan, Floating());
  set<Asin>(kernels, Pointwise::Asin, Floating());
  set<Acos>(kernels, Pointwise::Acos, Floating());
  set<Atan>(kernels, Pointwise::Atan, Floating());
  set<Sinh>(kernels, Pointwise::Sinh, Floating());
  set<Cosh>(kernels, Pointwise::Cosh, Floating());
  set<Tanh>(kernels, Pointwise::Tanh, Floating());
  set<Asinh>(kernels, Pointwise::Asinh, Floating());
  set<Acosh>(kernels, Pointwise::Acosh, Floating());
  set<Atanh>(kernels, Pointwise::Atanh, Floating());
  set<Sigmoid>(kernels, Pointwise::Sigmoid, Floating());
  set<LogSigmoid>(kernels, Pointwise::LogSigmoid, Floating());
  set<Erf>(kernels, Pointwise::Erf, Floating());
  set<Erfc>(kernels, Pointwise::Erfc, Floating());
  set<Atan2>(kernels, Pointwise::Atan2, Floating());
  set<Hypot>(kernels, Pointwise::Hypot, Floating());
  set<Copysign>(kernels, Pointwise::Copysign, Floating());
  set<LogAddExp>(kernels, Pointwise::LogAddExp, Floating());
  set<Xlogy>(kernels, Pointwise::Xlogy, Floating());
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
