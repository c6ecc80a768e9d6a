// The loops of backend::UpdateRule, which has their formulas.
#include "core/cpu/optim/optim.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }
inline float absolute(float x) { return __builtin_fabsf(x); }
inline double absolute(double x) { return __builtin_fabs(x); }

template <class T>
void penalize(T* __restrict g, const T* __restrict grad, const T* __restrict param, int64_t n, double sign,
              double penalty) {
  const T s = T(sign), p = T(penalty);
  if (penalty == 0)  // an infinite parameter must not make its gradient NaN
    for (int64_t i = 0; i < n; ++i) g[i] = s * grad[i];
  else
    for (int64_t i = 0; i < n; ++i) g[i] = s * grad[i] + p * param[i];
}

template <class T>
void shrink(T* param, int64_t n, double factor) {
  const T f = T(factor);
  for (int64_t i = 0; i < n; ++i) param[i] *= f;
}

template <class T>
void adagrad(const UpdateArrays<T>& a, int64_t n, const double* c, const double* k) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict v = a.states[0];
  const T eps = T(c[0]), rate = T(k[0]);
  for (int64_t i = 0; i < n; ++i) {
    const T g = grad[i], sum = v[i] + g * g;
    v[i] = sum;
    param[i] -= rate * (g / (square_root(sum) + eps));
  }
}

template <class T>
void adadelta(const UpdateArrays<T>& a, int64_t n, const double* c, const double*) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict v = a.states[0];
  T* __restrict u = a.states[1];
  const T lr = T(c[0]), keep = T(c[1]), share = T(1 - c[1]), eps = T(c[2]);
  for (int64_t i = 0; i < n; ++i) {
    const T g = grad[i], square = keep * v[i] + share * (g * g);
    const T delta = square_root(u[i] + eps) / square_root(square + eps) * g;
    v[i] = square;
    u[i] = keep * u[i] + share * (delta * delta);
    param[i] -= lr * delta;
  }
}

template <class T>
void adamax(const UpdateArrays<T>& a, int64_t n, const double* c, const double* k) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict m = a.states[0];
  T* __restrict u = a.states[1];
  const T share = T(1 - c[0]), keep = T(c[1]), eps = T(c[2]), rate = T(k[0]);
  for (int64_t i = 0; i < n; ++i) {
    const T g = grad[i], average = m[i] + share * (g - m[i]);
    const T before = keep * u[i], now = absolute(g) + eps;
    const T largest = before > now || before != before ? before : now;  // as torch.maximum: a NaN stays
    m[i] = average;
    u[i] = largest;
    param[i] -= rate * (average / largest);
  }
}

template <class T>
void asgd(const UpdateArrays<T>& a, int64_t n, const double* c, const double* k) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict mean = a.states[0];
  const T keep = T(1 - c[0] * k[0]), eta = T(k[0]), mu = T(k[1]);
  if (k[1] == 1)
    for (int64_t i = 0; i < n; ++i) mean[i] = param[i] = keep * param[i] - eta * grad[i];
  else
    for (int64_t i = 0; i < n; ++i) {
      const T p = keep * param[i] - eta * grad[i];
      param[i] = p;
      mean[i] += mu * (p - mean[i]);
    }
}

template <class T>
void nadam(const UpdateArrays<T>& a, int64_t n, const double* c, const double* k) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict m = a.states[0];
  T* __restrict v = a.states[1];
  const T m_share = T(1 - c[0]), v_keep = T(c[1]), v_share = T(1 - c[1]), eps = T(c[2]);
  const T of_grad = T(k[0]), of_average = T(k[1]), correction = T(k[2]);
  for (int64_t i = 0; i < n; ++i) {
    const T g = grad[i], average = m[i] + m_share * (g - m[i]);
    const T square = v_keep * v[i] + v_share * (g * g);
    m[i] = average;
    v[i] = square;
    param[i] -= (of_grad * g + of_average * average) / (square_root(square * correction) + eps);
  }
}

template <class T>
void radam(const UpdateArrays<T>& a, int64_t n, const double* c, const double* k) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict m = a.states[0];
  T* __restrict v = a.states[1];
  const T m_share = T(1 - c[0]), v_keep = T(c[1]), v_share = T(1 - c[1]), eps = T(c[2]);
  const bool rectified = k[1] != 0;
  const T rate = T(rectified ? k[0] * k[1] : k[0]);
  if (rectified)
    for (int64_t i = 0; i < n; ++i) {
      const T g = grad[i], average = m[i] + m_share * (g - m[i]);
      const T square = v_keep * v[i] + v_share * (g * g);
      m[i] = average;
      v[i] = square;
      param[i] -= rate * (average / (square_root(square) + eps));
    }
  else
    for (int64_t i = 0; i < n; ++i) {
      const T g = grad[i], average = m[i] + m_share * (g - m[i]);
      m[i] = average;
      v[i] = v_keep * v[i] + v_share * (g * g);
      param[i] -= rate * average;
    }
}

template <class T, bool momentum, bool centered>
void rmsprop_loop(const UpdateArrays<T>& a, int64_t n, const double* c) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict v = a.states[0];
  T* __restrict buffer = a.states[1];
  T* __restrict m = a.states[2];
  const T lr = T(c[0]), keep = T(c[1]), share = T(1 - c[1]), eps = T(c[2]), mu = T(c[3]);
  for (int64_t i = 0; i < n; ++i) {
    const T g = grad[i];
    T square = keep * v[i] + share * (g * g);
    v[i] = square;
    if constexpr (centered) {
      const T average = m[i] + share * (g - m[i]);
      m[i] = average;
      square -= average * average;
    }
    T update = g / (square_root(square) + eps);
    if constexpr (momentum) buffer[i] = update = mu * buffer[i] + update;
    param[i] -= lr * update;
  }
}
template <class T>
void rmsprop(const UpdateArrays<T>& a, int64_t n, const double* c, const double*) {
  const bool momentum = a.states[1], centered = a.states[2];
  if (momentum && centered)
    rmsprop_loop<T, true, true>(a, n, c);
  else if (momentum)
    rmsprop_loop<T, true, false>(a, n, c);
  else if (centered)
    rmsprop_loop<T, false, true>(a, n, c);
  else
    rmsprop_loop<T, false, false>(a, n, c);
}

template <class T>
void rprop(const UpdateArrays<T>& a, int64_t n, const double* c, const double*) {
  T* __restrict param = a.param;
  const T* __restrict grad = a.grad;
  T* __restrict last = a.states[0];
  T* __restrict sizes = a.states[1];
  const T shrinking = T(c[0]), growing = T(c[1]), least = T(c[2]), largest = T(c[3]);
  for (int64_t i = 0; i < n; ++i) {
    const T agreement = grad[i] * last[i];
    const bool turned = agreement < 0;
    const T factor = turned ? shrinking : agreement > 0 ? growing : agreement == 0 ? T(1) : agreement;
    T size = sizes[i] * factor;  // a NaN stays in what follows, as in torch.clamp
    size = size < least ? least : size;
    size = size > largest ? largest : size;
    const T g = turned ? T(0) : grad[i];
    sizes[i] = size;
    last[i] = g;
    param[i] -= (g > 0 ? T(1) : g < 0 ? T(-1) : T(0)) * size;
  }
}

template <class T>
void fill_rules(UpdateKernel<T>* table) {
  const auto set = [&](UpdateRule rule, UpdateKernel<T> kernel) { table[static_cast<int>(rule)] = kernel; };
  set(UpdateRule::Adagrad, adagrad<T>);
  set(UpdateRule::Adadelta, adadelta<T>);
  set(UpdateRule::Adamax, adamax<T>);
  set(UpdateRule::ASGD, asgd<T>);
  set(UpdateRule::NAdam, nadam<T>);
  set(UpdateRule::RAdam, radam<T>);
  set(UpdateRule::RMSprop, rmsprop<T>);
  set(UpdateRule::Rprop, rprop<T>);
}

}  // namespace

void fill_updates(OptimKernels& table) {
  fill_rules(table.update_float);
  fill_rules(table.update_double);
  table.penalize_float = penalize<float>;
  table.penalize_double = penalize<double>;
  table.shrink_float = shrink<float>;
  table.shrink_double = shrink<double>;
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
