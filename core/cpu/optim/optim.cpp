#include "core/cpu/optim/optim.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }

enum class Momentum { None, Plain, Nesterov };

template <class T, bool decay, Momentum kind>
void sgd_loop(T* __restrict param, const T* __restrict grad, T* __restrict buffer, int64_t n,
              const SgdOptions& o) {
  const T sign = o.maximize ? T(-1) : T(1), lr = T(o.lr), weight_decay = T(o.weight_decay);
  const T momentum = T(o.momentum), share = T(1 - o.dampening);
  for (int64_t i = 0; i < n; ++i) {
    T g = sign * grad[i];
    if constexpr (decay) g += weight_decay * param[i];
    if constexpr (kind != Momentum::None) {
      const T b = momentum * buffer[i] + share * g;
      buffer[i] = b;
      g = kind == Momentum::Nesterov ? g + momentum * b : b;
    }
    param[i] -= lr * g;
  }
}

template <class T, Momentum kind>
void sgd_with(T* param, const T* grad, T* buffer, int64_t n, const SgdOptions& o) {
  if (o.weight_decay != 0)
    sgd_loop<T, true, kind>(param, grad, buffer, n, o);
  else
    sgd_loop<T, false, kind>(param, grad, buffer, n, o);
}

template <class T>
void sgd(T* param, const T* grad, T* buffer, int64_t n, const SgdOptions& o) {
  if (!buffer)
    sgd_with<T, Momentum::None>(param, grad, buffer, n, o);
  else if (o.nesterov)
    sgd_with<T, Momentum::Nesterov>(param, grad, buffer, n, o);
  else
    sgd_with<T, Momentum::Plain>(param, grad, buffer, n, o);
}

enum class Decay { None, Penalty, Decoupled };

template <class T, Decay decay, bool amsgrad>
void adam_loop(const AdamArrays<T>& arrays, int64_t n, const AdamScales& scales, const AdamOptions& o) {
  T* __restrict param = arrays.param;
  const T* __restrict grad = arrays.grad;
  T* __restrict m = arrays.exp_avg;
  T* __restrict v = arrays.exp_avg_sq;
  T* __restrict v_max = arrays.max_exp_avg_sq;
  const T sign = o.maximize ? T(-1) : T(1), eps = T(o.eps);
  const T penalty = T(o.weight_decay), keep = T(1 - o.lr * o.weight_decay);
  const T m_share = T(1 - o.beta1), v_keep = T(o.beta2), v_share = T(1 - o.beta2);
  const T step_size = T(scales.step_size), root_scale = T(scales.root_scale);
  for (int64_t i = 0; i < n; ++i) {
    T p = param[i], g = sign * grad[i];
    if constexpr (decay == Decay::Penalty) g += penalty * p;
    if constexpr (decay == Decay::Decoupled) p *= keep;
    const T average = m[i] + m_share * (g - m[i]);
    T square = v_keep * v[i] + v_share * (g * g);
    m[i] = average;
    v[i] = square;
    if constexpr (amsgrad) {
      // As torch.maximum: a NaN on either side stays.
      square = v_max[i] > square || v_max[i] != v_max[i] ? v_max[i] : square;
      v_max[i] = square;
    }
    param[i] = p - step_size * average / (square_root(square) * root_scale + eps);
  }
}

template <class T, Decay decay>
void adam_with(const AdamArrays<T>& arrays, int64_t n, const AdamScales& scales, const AdamOptions& o) {
  if (o.amsgrad)
    adam_loop<T, decay, true>(arrays, n, scales, o);
  else
    adam_loop<T, decay, false>(arrays, n, scales, o);
}

template <class T>
void adam(const AdamArrays<T>& arrays, int64_t n, const AdamScales& scales, const AdamOptions& o) {
  if (o.weight_decay == 0)
    adam_with<T, Decay::None>(arrays, n, scales, o);
  else if (o.decoupled_weight_decay)
    adam_with<T, Decay::Decoupled>(arrays, n, scales, o);
  else
    adam_with<T, Decay::Penalty>(arrays, n, scales, o);
}

}  // namespace

void fill(OptimKernels& table) {
  table.sgd_float = sgd<float>;
  table.sgd_double = sgd<double>;
  table.adam_float = adam<float>;
  table.adam_double = adam<double>;
  fill_updates(table);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
