// Activations, losses and their derivatives, as PyTorch defines each at its corners.
#include "core/cpu/pointwise/loops.h"
#include "core/math/pointwise_activation.h"

namespace flambeau::cpu::FLAMBEAU_ISA {

using namespace math;

void fill_activation(PointwiseKernels& kernels) {
  set<Relu>(kernels, Pointwise::Relu, Numbers());
  set<ReluBackward>(kernels, Pointwise::ReluBackward, Floating());
  set<Threshold>(kernels, Pointwise::Threshold, Numbers());
  set<ThresholdBackward>(kernels, Pointwise::ThresholdBackward, Floating());
  set<LeakyRelu>(kernels, Pointwise::LeakyRelu, Floating());
  set<LeakyReluBackward>(kernels, Pointwise::LeakyReluBackward, Floating());
  set<Elu>(kernels, Pointwise::Elu, Floating());
  set<EluBackward>(kernels, Pointwise::EluBackward, Floating());
  set<Softplus>(kernels, Pointwise::Softplus, Floating());
  set<SoftplusBackward>(kernels, Pointwise::SoftplusBackward, Floating());
  set<SigmoidBackward>(kernels, Pointwise::SigmoidBackward, Floating());
  set<TanhBackward>(kernels, Pointwise::TanhBackward, Floating());
  set<LogSigmoidBackward>(kernels, Pointwise::LogSigmoidBackward, Floating());
  set<Silu>(kernels, Pointwise::Silu, Floating());
  set<SiluBackward>(kernels, Pointwise::SiluBackward, Floating());
  set<Mish>(kernels, Pointwise::Mish, Floating());
  set<MishBackward>(kernels, Pointwise::MishBackward, Floating());
  set<Gelu>(kernels, Pointwise::Gelu, Floating());
  set<GeluBackward>(kernels, Pointwise::GeluBackward, Floating());
  set<GeluTanh>(kernels, Pointwise::GeluTanh, Floating());
  set<GeluTanhBackward>(kernels, Pointwise::GeluTanhBackward, Floating());
  set<Hardsigmoid>(kernels, Pointwise::Hardsigmoid, Floating());
  set<HardsigmoidBackward>(kernels, Pointwise::HardsigmoidBackward, Floating());
  set<Hardswish>(kernels, Pointwise::Hardswish, Floating());
  set<HardswishBackward>(kernels, Pointwise::HardswishBackward, Floating());
  set<ClampBackward>(kernels, Pointwise::ClampBackward, Floating());
  set<HardtanhBackward>(kernels, Pointwise::HardtanhBackward, Floating());
  set<BceWithLogits>(kernels, Pointwise::BceWithLogits, Floating());
  set<BceWithLogitsBackward>(kernels, Pointwise::BceWithLogitsBackward, Floating());
  set<Bce>(kernels, Pointwise::Bce, Floating());
  set<BceBackward>(kernels, Pointwise::BceBackward, Floating());
  set<SmoothL1>(kernels, Pointwise::SmoothL1, Floating());
  set<SmoothL1Backward>(kernels, Pointwise::SmoothL1Backward, Floating());
  set<Huber>(kernels, Pointwise::Huber, Floating());
  set<HuberBackward>(kernels, Pointwise::HuberBackward, Floating());
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
