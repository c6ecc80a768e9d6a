// The special functions: those of floats run in vectors, those of doubles branch.
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
  const Types<float> single;  // special_once.cpp has the others
  set<Erfcx>(kernels, Pointwise::Erfcx, single);
  set<LogNdtr>(kernels, Pointwise::LogNdtr, single);
  set<BesselK0>(kernels, Pointwise::K0, single);
  set<ScaledBesselK0>(kernels, Pointwise::K0e, single);
  set<BesselK1>(kernels, Pointwise::K1, single);
  set<ScaledBesselK1>(kernels, Pointwise::K1e, single);
  set<BesselJ0>(kernels, Pointwise::J0, types);
  set<BesselJ1>(kernels, Pointwise::J1, types);
  set<BesselY0>(kernels, Pointwise::Y0, types);
  set<BesselY1>(kernels, Pointwise::Y1, types);
  set<SphericalBesselJ0>(kernels, Pointwise::SphericalJ0, single);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
