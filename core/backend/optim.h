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

// The other optimizers. All of them begin with
//   g = (maximize ? -grad : grad) + weight_decay * param, or, decoupled: param *= 1 - lr * weight_decay,
// and name in order their states, the constants c of the group, and the factors k of a parameter, which
// depend on its count of steps t. A state in parentheses may be missing, and its term with it.
enum class UpdateRule {
  // v; c = eps; k = lr / (1 + (t - 1) lr_decay):  v += g^2;  param -= k0 g / (sqrt(v) + c0)
  Adagrad,
  // v, u; c = lr, rho, eps:  v = c1 v + (1 - c1) g^2;  d = sqrt(u + c2) / sqrt(v + c2) g;
  //   u = c1 u + (1 - c1) d^2;  param -= c0 d
  Adadelta,
  // m, u; c = beta1, beta2, eps; k = lr / (1 - beta1^t):
  //   m += (1 - c0) (g - m);  u = max(c1 u, |g| + c2);  param -= k0 m / u
  Adamax,
  // p's average; c = lambda; k = eta, mu:
  //   param = (1 - c0 k0) param - k0 g;  average += k1 (param - average)
  ASGD,
  // m, v; c = beta1, beta2, eps; k = lr (1 - mu_t) / (1 - prod mu), lr mu_{t+1} / (1 - prod mu mu_{t+1}),
  // 1 / (1 - beta2^t):
  //   m, v as in Adam;  param -= (k0 g + k1 m) / (sqrt(k2 v) + c2)
  NAdam,
  // m, v; c = beta1, beta2, eps; k = lr / (1 - beta1^t), the rectification times sqrt(1 - beta2^t), or 0
  // while
  // there is none:  m, v as in Adam;  param -= k1 ? k0 k1 m / (sqrt(v) + c2) : k0 m
  RAdam,
  // v, (b), (m); c = lr, alpha, eps, momentum:
  //   v = c1 v + (1 - c1) g^2;  m += (1 - c1) (g - m);  d = sqrt(v - m^2) + c2;
  //   b = c3 b + g / d;  param -= c0 (b, or g / d)
  RMSprop,
  // the last g, step sizes s; c = eta-, eta+, least and largest step: s *= g last < 0 ? c0 : > 0 ? c1 : 1,
  // between
  //   c2 and c3;  where it shrank g = 0;  param -= sign(g) s;  last = g
  Rprop,
  Count
};
struct UpdateOptions {
  UpdateRule rule;
  double lr;  // for the decoupled decay
  double weight_decay;
  bool decoupled, maximize;
  double constants[4];
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
  double factors[3] = {};  // the k of an UpdateRule
};
// The pieces of one step. `independent`: no two share memory.
struct OptimStep {
  std::span<const OptimPiece> pieces;
  int64_t items = 0;
  bool independent = true;
};

}  // namespace flambeau::backend
