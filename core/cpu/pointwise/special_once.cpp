// The special functions that programs rarely run, in double. Compiled once, not per instruction set: they
// branch.
#define FLAMBEAU_ISA any_set
#include "core/cpu/pointwise/loops.h"
#include "core/math/pointwise_special.h"

namespace flambeau::cpu {

void fill_special_once(PointwiseKernels& kernels) {
  using namespace any_set;
  using namespace math;
  set<InDouble<&airy_ai>>(kernels, Pointwise::AiryAi, Floating());
  const Types<double> wide;  // special.cpp has those of floats
  set<Erfcx>(kernels, Pointwise::Erfcx, wide);
  set<LogNdtr>(kernels, Pointwise::LogNdtr, wide);
  set<BesselK0>(kernels, Pointwise::K0, wide);
  set<ScaledBesselK0>(kernels, Pointwise::K0e, wide);
  set<BesselK1>(kernels, Pointwise::K1, wide);
  set<ScaledBesselK1>(kernels, Pointwise::K1e, wide);
  set<SphericalBesselJ0>(kernels, Pointwise::SphericalJ0, wide);
}

}  // namespace flambeau::cpu
