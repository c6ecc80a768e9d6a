// The gamma function's family, the inverse error function, I0 and I1.
#include "core/cpu/pointwise/loops.h"
#include "core/math/pointwise_special.h"

namespace flambeau::cpu::FLAMBEAU_ISA {

using namespace math;

void fill_special(PointwiseKernels& kernels) {
  const Floating types;
  set<Lgamma>(kernels, Pointwise::Lgamma, types);
  set<Digamma>(kernels, Pointwise::Digamma, types);
  set<Trigamma>(kernels, Pointwise::Trigamma, types);
  set<Summed<&polygamma>>(kernels, Pointwise::Polygamma, types);
  set<Summed<&zeta>>(kernels, Pointwise::Zeta, types);
  set<Summed<&lower_gamma>>(kernels, Pointwise::Igamma, types);
  set<Summed<&upper_gamma>>(kernels, Pointwise::Igammac, types);
  set<Erfinv>(kernels, Pointwise::Erfinv, types);
  set<Ndtri>(kernels, Pointwise::Ndtri, types);
  set<BesselI0>(kernels, Pointwise::I0, types);
  set<ScaledBesselI0>(kernels, Pointwise::I0e, types);
  set<BesselI1>(kernels, Pointwise::I1, types);
  set<ScaledBesselI1>(kernels, Pointwise::I1e, types);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
