// The special functions that programs rarely run. Compiled once, not per instruction set: they branch.
#define FLAMBEAU_ISA any_set
#include "core/cpu/pointwise/loops.h"
#include "core/math/pointwise_special.h"

namespace flambeau::cpu {

void fill_special_once(PointwiseKernels& kernels) {
  using namespace any_set;
  using namespace math;
  const Floating types;
  set<InDouble<&erfcx>>(kernels, Pointwise::Erfcx, types);
  set<InDouble<&log_ndtr>>(kernels, Pointwise::LogNdtr, types);
  set<InDouble<&bessel_k0>>(kernels, Pointwise::K0, types);
  set<InDouble<&scaled_bessel_k0>>(kernels, Pointwise::K0e, types);
  set<InDouble<&bessel_k1>>(kernels, Pointwise::K1, types);
  set<InDouble<&scaled_bessel_k1>>(kernels, Pointwise::K1e, types);
  set<InDouble<&bessel_j0>>(kernels, Pointwise::J0, types);
  set<InDouble<&bessel_j1>>(kernels, Pointwise::J1, types);
  set<InDouble<&bessel_y0>>(kernels, Pointwise::Y0, types);
  set<InDouble<&bessel_y1>>(kernels, Pointwise::Y1, types);
  set<InDouble<&spherical_bessel_j0>>(kernels, Pointwise::SphericalJ0, types);
  set<InDouble<&airy_ai>>(kernels, Pointwise::AiryAi, types);
}

}  // namespace flambeau::cpu
