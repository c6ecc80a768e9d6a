// Activations, losses and their derivatives, as PyTorch defines each at its corners.
#include "core/cpu/pointwise/loops.h"
#include "core/math/erf.h"
#include "core/math/exp.h"
#include "core/math/log.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

struct Relu {
  template <class T>
  static T of(T x) {
    return x < T(0) ? T(0) : x;
  }
};
struct ReluBackward {
  template <class T>
  static T of(T g, T x) {
    return x <= T(0) ? T(0) : g;
  }
};
struct Threshold {
  template <class T>
  static T of(T x, T threshold, T value) {
    return x <= threshold ? value : x;
  }
};
struct ThresholdBackward {
  template <class T>
  static T of(T g, T x, T threshold) {
    return x <= threshold ? T(0) : g;
  }
};
struct LeakyRelu {
  template <class T>
  static T of(T x, T slope) {
    return x > T(0) ? x : x * slope;
  }
};
struct LeakyReluBackward {
  template <class T>
  static T of(T g, T x, T slope) {
    return x > T(0) ? g : g * slope;
  }
};
struct Elu {
  template <class T>
  static T of(T x, T alpha, T scale) {
    return scale * (x > T(0) ? x : alpha * math::expm1(x));
  }
};
struct EluBackward {
  template <class T>
  static T of(T g, T x, T alpha, T scale) {
    return g * scale * (x > T(0) ? T(1) : alpha * math::exp(x));
  }
};
struct Softplus {
  template <class T>
  static T of(T x, T beta, T threshold) {
    const T z = x * beta;
    return z > threshold ? x : math::log1p(math::exp(z)) / beta;
  }
};
struct SoftplusBackward {
  template <class T>
  static T of(T g, T x, T beta, T threshold) {
    const T z = x * beta;
    return z > threshold ? g : g * math::sigmoid(z);
  }
};
struct SigmoidBackward {
  template <class T>
  static T of(T g, T y) {
    return g * (T(1) - y) * y;
  }
};
struct TanhBackward {
  template <class T>
  static T of(T g, T y) {
    return g * (T(1) - y * y);
  }
};
struct LogSigmoidBackward {
  template <class T>
  static T of(T g, T x) {
    return g * math::sigmoid(-x);
  }
};
struct Silu {
  template <class T>
  static T of(T x) {
    return x / (T(1) + math::exp(-x));
  }
};
struct SiluBackward {
  template <class T>
  static T of(T g, T x) {
    const T s = math::sigmoid(x);
    return g * s * (T(1) + x * (T(1) - s));
  }
};

// tanh(softplus(x)) = n / (n + 2) with n = e (e + 2), e = exp(x); 1 beyond 20 to the last bit of a double.
template <class T>
T tanh_of_softplus(T x) {
  const T e = math::exp(x > T(20) ? T(20) : x), n = e * (e + T(2));
  return n / (n + T(2));
}
struct Mish {
  template <class T>
  static T of(T x) {
    return x * tanh_of_softplus(x);
  }
};
struct MishBackward {
  template <class T>
  static T of(T g, T x) {
    const T t = tanh_of_softplus(x);
    return g * (t + x * math::sigmoid(x) * (T(1) - t * t));
  }
};

template <class T>
inline constexpr T kSqrtHalf = static_cast<T>(0.70710678118654752440);
template <class T>
T normal_cdf(T x) {
  return T(0.5) * (T(1) + math::erf(x * kSqrtHalf<T>));
}
struct Gelu {
  template <class T>
  static T of(T x) {
    return x * normal_cdf(x);
  }
};
struct GeluBackward {
  template <class T>
  static T of(T g, T x) {
    const T density = T(0.39894228040143267794) * math::exp(T(-0.5) * x * x);
    return g * (normal_cdf(x) + x * density);
  }
};

// Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016): tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
template <class T>
inline constexpr T kGeluScale = static_cast<T>(0.79788456080286535588);
template <class T>
inline constexpr T kGeluCubic = static_cast<T>(0.044715);
template <class T>
T gelu_tanh_argument(T x) {
  return kGeluScale<T> * (x + kGeluCubic<T> * x * x * x);
}
struct GeluTanh {
  template <class T>
  static T of(T x) {
    return T(0.5) * x * (T(1) + math::tanh(gelu_tanh_argument(x)));
  }
};
struct GeluTanhBackward {
  template <class T>
  static T of(T g, T x) {
    const T t = math::tanh(gelu_tanh_argument(x));
    const T slope = kGeluScale<T> * (T(1) + T(3) * kGeluCubic<T> * x * x);
    return g * (T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * slope);
  }
};

template <class T>
T relu6(T x) {
  const T positive = x < T(0) ? T(0) : x;
  return positive > T(6) ? T(6) : positive;
}
struct Hardsigmoid {
  template <class T>
  static T of(T x) {
    return relu6(x + T(3)) / T(6);
  }
};
struct HardsigmoidBackward {
  template <class T>
  static T of(T g, T x) {
    return (x > T(-3)) & (x < T(3)) ? g / T(6) : T(0);
  }
};
struct Hardswish {
  template <class T>
  static T of(T x) {
    return x * relu6(x + T(3)) / T(6);
  }
};
struct HardswishBackward {
  template <class T>
  static T of(T g, T x) {
    const T inner = x <= T(3) ? g * (x / T(3) + T(0.5)) : g;
    return x < T(-3) ? T(0) : inner;
  }
};
struct ClampBackward {
  template <class T>
  static T of(T g, T x, T low, T high) {
    return (x >= low) & (x <= high) ? g : T(0);
  }
};
struct HardtanhBackward {
  template <class T>
  static T of(T g, T x, T low, T high) {
    return (x <= low) | (x >= high) ? T(0) : g;
  }
};

// The share of the target that the logit denies costs |x|; none costs nothing, even at infinity.
struct BceWithLogits {
  template <class T>
  static T of(T x, T target) {
    const T distance = math::abs(x), denied = x > T(0) ? T(1) - target : target;
    return (denied == T(0) ? T(0) : denied * distance) + math::log1p(math::exp(-distance));
  }
};
struct BceWithLogitsBackward {
  template <class T>
  static T of(T g, T x, T target) {
    return g * (math::sigmoid(x) - target);
  }
};
struct Bce {
  template <class T>
  static T of(T p, T target) {
    const T log_p = math::log(p), log_q = math::log1p(-p);
    return (target - T(1)) * (log_q < T(-100) ? T(-100) : log_q) -
           target * (log_p < T(-100) ? T(-100) : log_p);
  }
};
struct BceBackward {
  template <class T>
  static T of(T g, T p, T target) {
    const T variance = (T(1) - p) * p;
    return g * (p - target) / (variance < T(1e-12) ? T(1e-12) : variance);
  }
};
struct SmoothL1 {
  template <class T>
  static T of(T x, T target, T beta) {
    const T distance = math::abs(x - target);
    return distance < beta ? T(0.5) * distance * distance / beta : distance - T(0.5) * beta;
  }
};
struct SmoothL1Backward {
  template <class T>
  static T of(T g, T x, T target, T beta) {
    const T difference = x - target;
    const T inner = difference >= beta ? g : g * difference / beta;
    return difference <= -beta ? -g : inner;
  }
};
struct Huber {
  template <class T>
  static T of(T x, T target, T delta) {
    const T distance = math::abs(x - target);
    return distance <= delta ? T(0.5) * distance * distance : delta * (distance - T(0.5) * delta);
  }
};
struct HuberBackward {
  template <class T>
  static T of(T g, T x, T target, T delta) {
    const T difference = x - target;
    const T upper = difference > delta ? delta : difference;
    return g * (upper < -delta ? -delta : upper);
  }
};

}  // namespace

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
