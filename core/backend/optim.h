// The update formulas of the optimizers.
#pragma once
#include <cstdint>
#include <span>

namespace flambeau::backend {

// Stochastic gradient descent with momentum (I. Sutskever et al., ICML 2013, in PyTorch's form):
//   g = (maximize ? -grad : grad) + weight_decay * param
//   buffer = momentum * buffer + (1 - dampening) * g;  step = nesterov ? g + momentum * buffer : buffer
//   param -= lr * step
struct SgdOptions {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize;
};

// Adam (D. P. Kingma, J. Ba, ICLR 2015), AMSGrad (S. J. Reddi et al., ICLR 2018), AdamW (I. Loshchilov,
// F. Hutter, ICLR 2019):
//   g = (maximize ? -grad : grad) + weight_decay * param
//   (decoupled weight decay: param *= 1 - lr * weight_decay in place of the second term)
//   m += (1 - beta1) * (g - m);  v = beta2 * v + (1 - beta2) * g^2;  v_max = max(v_max, v)
//   param -= lr / (1 - beta1^t) * m / (sqrt((v or v_max) / (1 - beta2^t)) + eps)
struct AdamOptions {
  double lr, beta1, beta2, eps, weight_decay;
  bool amsgrad, maximize, decoupled_weight_decay;
};

// What depends on the count of steps t: lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t).
struct AdamScales {
  double step_size, root_scale;
};

// Items that a step does not share out: waking up a thread for fewer costs more than it saves.
inline constexpr int64_t kOptimGrain = 32768;

// A parameter's arrays as a step takes them: of one floating type and in one order, without gaps.
struct OptimPiece {
  enum Array { kParam, kGrad, kState };
  void* arrays[5] = {};  // parameter, gradient, then the optimizer's averages; null where there is none
  int64_t first = 0;     // items of the pieces before
  int64_t numel = 0;
  bool is_double = false;
  AdamScales scales = {};
};
// The pieces of one step. `independent`: no two share memory.
struct OptimStep {
  std::span<const OptimPiece> pieces;
  int64_t items = 0;
  bool independent = true;
};

}  // namespace flambeau::backend
