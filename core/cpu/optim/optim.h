// The update formulas of the optimizers, over contiguous arrays of one parameter.
//
// Each is one pass: the parameter, its gradient and its running averages are read once and written once. The
// arrays do not overlap. Kernels are single-threaded; a caller splits long arrays.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

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

template <class T>
struct AdamArrays {
  T* param;
  const T* grad;
  T* exp_avg;
  T* exp_avg_sq;
  T* max_exp_avg_sq;  // null unless amsgrad
};

struct OptimKernels {
  // `buffer` is null without momentum.
  void (*sgd_float)(float* param, const float* grad, float* buffer, int64_t n, const SgdOptions& options);
  void (*sgd_double)(double* param, const double* grad, double* buffer, int64_t n, const SgdOptions& options);
  void (*adam_float)(const AdamArrays<float>& arrays, int64_t n, const AdamScales& scales,
                     const AdamOptions& options);
  void (*adam_double)(const AdamArrays<double>& arrays, int64_t n, const AdamScales& scales,
                      const AdamOptions& options);
};

namespace baseline {
void fill(OptimKernels& table);
}
namespace v3 {
void fill(OptimKernels& table);
}
namespace v4 {
void fill(OptimKernels& table);
}

}  // namespace flambeau::cpu
