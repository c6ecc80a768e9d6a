// Activations, losses, and their derivatives, element by element: the functors behind the pointwise
// operators.
//
// A functor is a struct with a static function template `of<T>`; the output and operand types are those of
// of<T>'s signature. One whose `of` does not serve every argument has `is_hard<T>` and `hard<T>` too. No
// standard header, one mark for host and device: a compiler for GPUs takes this file as it is.
#pragma once
#include "core/math/erf.h"
#include "core/math/exp.h"
#include "core/math/log.h"
#include "core/math/numeric.h"

namespace flambeau::math {

struct Relu {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return x < T(0) ? T(0) : x;
  }
};
struct ReluBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    return x <= T(0) ? T(0) : g;
  }
};
struct Threshold {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T threshold, T value) {
    return x <= threshold ? value : x;
  }
};
struct ThresholdBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T threshold) {
    return x <= threshold ? T(0) : g;
  }
};
struct LeakyRelu {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T slope) {
    return x > T(0) ? x : x * slope;
  }
};
struct LeakyReluBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T slope) {
    return x > T(0) ? g : g * slope;
  }
};
struct Elu {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T alpha, T scale) {
    return scale * (x > T(0) ? x : alpha * math::expm1(x));
  }
};
struct EluBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T alpha, T scale) {
    return g * scale * (x > T(0) ? T(1) : alpha * math::exp(x));
  }
};
struct Softplus {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T beta, T threshold) {
    const T z = x * beta;
    return z > threshold ? x : math::log1p(math::exp(z)) / beta;
  }
};
struct SoftplusBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T beta, T threshold) {
    const T z = x * beta;
    return z > threshold ? g : g * math::sigmoid(z);
  }
};
struct SigmoidBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T y) {
    return g * (T(1) - y) * y;
  }
};
struct TanhBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T y) {
    return g * (T(1) - y * y);
  }
};
struct LogSigmoidBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    return g * math::sigmoid(-x);
  }
};
struct Silu {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return x / (T(1) + math::exp(-x));
  }
};
struct SiluBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    const T s = math::sigmoid(x);
    return g * s * (T(1) + x * (T(1) - s));
  }
};

// tanh(softplus(x)) = n / (n + 2) with n = e (e + 2), e = exp(x); 1 beyond 20 to the last bit of a double.
template <class T>
FLAMBEAU_MATH T tanh_of_softplus(T x) {
  const T e = math::exp(x > T(20) ? T(20) : x), n = e * (e + T(2));
  return n / (n + T(2));
}
struct Mish {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return x * tanh_of_softplus(x);
  }
};
struct MishBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    const T t = tanh_of_softplus(x);
    return g * (t + x * math::sigmoid(x) * (T(1) - t * t));
  }
};

// The normal distribution function and its density.
template <class T>
struct Normal {
  T cdf, density;
};
FLAMBEAU_MATH Normal<double> normal_law(double x) {
  return {0.5 * (1 + math::erf(x * 0.70710678118654752440)),
          0.39894228040143267794 * math::exp(-0.5 * x * x)};
}
// The tail is exp(-x^2 / 2) t p(t) with t = 1 / (1 + 0.3 |x|): one exponential serves both, and small values
// keep their digits. Beyond 13 it is 0.
FLAMBEAU_MATH Normal<float> normal_law(float x) {
  const float a = abs(x), half_square = 0.5f * a * a;
  const float e = exp_normal(-(half_square > 86.0f ? 86.0f : half_square));
  const float t = 1.0f / (1.0f + 0.3f * a);
  const float p = polynomial(t, 0.11962454f, 0.120826296f, 0.099465191f, 0.130032197f, -0.0564493202f,
                             0.209345564f, -0.158933252f, 0.0360887274f);
  const float tail = a > 13.0f ? 0.0f : e * (t * p);
  return {x < 0.0f ? tail : 1.0f - tail, 0.398942280f * e};
}
struct Gelu {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return x * normal_law(x).cdf;
  }
};
struct GeluBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    const auto [cdf, density] = normal_law(x);
    return g * (cdf + x * density);
  }
};

// Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016): x (1 + tanh(u)) / 2 = x / (1 + exp(-2 u)) with
// u = sqrt(2 / pi) (x + 0.044715 x^3).
template <class T>
inline constexpr T kGeluScale = static_cast<T>(0.79788456080286535588);
template <class T>
inline constexpr T kGeluCubic = static_cast<T>(0.044715);
// 1 / (1 + exp(-2 u)), 0 or 1 where the exponential vanishes.
template <class T>
FLAMBEAU_MATH T gelu_tanh_step(T x) {
  constexpr T kVanishes = is_float32<T> ? T(86) : T(700);
  const T u = kGeluScale<T> * (x + kGeluCubic<T> * x * x * x), a = T(2) * abs(u);
  const T e = a > kVanishes ? T(0) : exp_normal(-(a > kVanishes ? kVanishes : a));
  return (u < T(0) ? e : T(1)) / (T(1) + e);
}
struct GeluTanh {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return x * gelu_tanh_step(x);
  }
};
struct GeluTanhBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    const T s = gelu_tanh_step(x);
    const T slope = kGeluScale<T> * (T(1) + T(3) * kGeluCubic<T> * x * x);
    return g * (s + T(2) * x * s * (T(1) - s) * slope);
  }
};

template <class T>
FLAMBEAU_MATH T relu6(T x) {
  const T positive = x < T(0) ? T(0) : x;
  return positive > T(6) ? T(6) : positive;
}
struct Hardsigmoid {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return relu6(x + T(3)) / T(6);
  }
};
struct HardsigmoidBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    return (x > T(-3)) & (x < T(3)) ? g / T(6) : T(0);
  }
};
struct Hardswish {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return x * relu6(x + T(3)) / T(6);
  }
};
struct HardswishBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x) {
    const T inner = x <= T(3) ? g * (x / T(3) + T(0.5)) : g;
    return x < T(-3) ? T(0) : inner;
  }
};
struct ClampBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T low, T high) {
    return (x >= low) & (x <= high) ? g : T(0);
  }
};
struct HardtanhBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T low, T high) {
    return (x <= low) | (x >= high) ? T(0) : g;
  }
};

// The share of the target that the logit denies costs |x|; none costs nothing, even at infinity.
struct BceWithLogits {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T target) {
    const T distance = math::abs(x), denied = x > T(0) ? T(1) - target : target;
    return (denied == T(0) ? T(0) : denied * distance) + math::log1p(math::exp(-distance));
  }
};
struct BceWithLogitsBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T target) {
    return g * (math::sigmoid(x) - target);
  }
};
struct Bce {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T p, T target) {
    const T log_p = math::log(p), log_q = math::log1p(-p);
    return (target - T(1)) * (log_q < T(-100) ? T(-100) : log_q) -
           target * (log_p < T(-100) ? T(-100) : log_p);
  }
};
struct BceBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T p, T target) {
    const T variance = (T(1) - p) * p;
    return g * (p - target) / (variance < T(1e-12) ? T(1e-12) : variance);
  }
};
struct SmoothL1 {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T target, T beta) {
    const T distance = math::abs(x - target);
    return distance < beta ? T(0.5) * distance * distance / beta : distance - T(0.5) * beta;
  }
};
struct SmoothL1Backward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T target, T beta) {
    const T difference = x - target;
    const T inner = difference >= beta ? g : g * difference / beta;
    return difference <= -beta ? -g : inner;
  }
};
struct Huber {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T target, T delta) {
    const T distance = math::abs(x - target);
    return distance <= delta ? T(0.5) * distance * distance : delta * (distance - T(0.5) * delta);
  }
};
struct HuberBackward {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T g, T x, T target, T delta) {
    const T difference = x - target;
    const T upper = difference > delta ? delta : difference;
    return g * (upper < -delta ? -delta : upper);
  }
};

}  // namespace flambeau::math
