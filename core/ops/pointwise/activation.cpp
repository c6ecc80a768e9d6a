// Activation functions. Each backward is one fused kernel, itself differentiable: linear in the gradient, and
// with the second derivative written out.
#include <cmath>
#include <numbers>

#include "core/ops/pointwise/rules.h"
#include "core/tensor/limits.h"

namespace flambeau {

namespace {

const Scalar kZero(0);
const Scalar kOne(1.0);
constexpr unsigned kActivation = Forms::nn | Forms::inplace | Forms::out;

// Up to two numbers that an activation takes beside its input.
struct Parameters {
  Scalar first, second;
  int count = 0;
};

// g f''(x), given the product g of the incoming gradients.
using SecondDerivative = Tensor (*)(const Tensor& product, const Tensor& x, const Parameters& parameters);

Tensor with_parameters(const Out& out, Pointwise op, const Tensor& x, const Parameters& p) {
  switch (p.count) {
    case 0:
      return pointwise(out, op, {x});
    case 1:
      return pointwise(out, op, {x, p.first});
    default:
      return pointwise(out, op, {x, p.first, p.second});
  }
}
Tensor with_parameters(const Out& out, Pointwise op, const Tensor& grad, const Tensor& x,
                       const Parameters& p) {
  switch (p.count) {
    case 0:
      return pointwise(out, op, {grad, x});
    case 1:
      return pointwise(out, op, {grad, x, p.first});
    default:
      return pointwise(out, op, {grad, x, p.first, p.second});
  }
}

struct Activation {
  const char* node;
  const char* backward_node;
  const char* kernel;  // as PyTorch's refusal of a dtype names it
  Pointwise forward, backward;
  SecondDerivative second;
};

// g f'(x)
Tensor activation_backward(const Activation& f, const Tensor& grad, const Tensor& x, const Parameters& p) {
  return differentiable(
      f.backward_node, Out{}, [&] { return with_parameters({}, f.backward, grad, x, p); },
      wrt(grad, [&f, x = saved(x), p](const Tensor& g) { return activation_backward(f, g, x(), p); }),
      wrt(x, [&f, grad = saved(grad), x = saved(x), p](const Tensor& g) {
        return f.second(mul(g, grad()), x(), p);
      }));
}

Tensor activate(const Activation& f, const Tensor& self, const Parameters& p, const Out& out) {
  if (!is_floating(self.dtype())) not_implemented_for(f.kernel, self.dtype());
  return differentiable(
      f.node, out, [&] { return with_parameters(out, f.forward, self, p); },
      wrt(self,
          [&f, x = saved(self), p](const Tensor& grad) { return activation_backward(f, grad, x(), p); }));
}

Tensor none(const Tensor& product, const Tensor&, const Parameters&) { return no_slope(product); }

}  // namespace

// ---- sigmoid and tanh: their derivatives follow from their values

namespace {

Tensor sigmoid_backward(const Tensor& grad, const Tensor& y) {
  return differentiable(
      "SigmoidBackwardBackward0", Out{}, [&] { return pointwise({}, Pointwise::SigmoidBackward, {grad, y}); },
      wrt(grad, [y = saved(y)](const Tensor& g) { return sigmoid_backward(g, y()); }),
      wrt(y, [grad = saved(grad), y = saved(y)](const Tensor& g) {
        return mul(mul(g, grad()), sub(kOne, mul(y(), Scalar(2.0))));
      }));
}

Tensor tanh_backward(const Tensor& grad, const Tensor& y) {
  return differentiable(
      "TanhBackwardBackward0", Out{}, [&] { return pointwise({}, Pointwise::TanhBackward, {grad, y}); },
      wrt(grad, [y = saved(y)](const Tensor& g) { return tanh_backward(g, y()); }),
      wrt(y, [grad = saved(grad), y = saved(y)](const Tensor& g) {
        return mul(mul(g, grad()), mul(y(), Scalar(-2.0)));
      }));
}

constexpr unsigned kEveryForm =
    Forms::function | Forms::method | Forms::inplace | Forms::out | Forms::inplace_function;

}  // namespace

Tensor sigmoid(const Tensor& self, const Out& out) {
  return analytic("SigmoidBackward0", Pointwise::Sigmoid, self, out, [](const Tensor& grad, const Tensor& y) {
    return is_complex(y.dtype()) ? mul(grad, mul(y, sub(kOne, y))) : sigmoid_backward(grad, y);
  });
}

/// The logistic function: 1 / (1 + e^-x).
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.sigmoid(torch.tensor([0.0])).tolist()
/// [0.5]
EXPOSE("sigmoid(Tensor self) -> Tensor", sigmoid, kEveryForm);

/// The logistic function, 1 / (1 + e^-x); the same as `torch.sigmoid`.
///
/// >>> torch.special.expit(torch.tensor([0.0])).tolist()
/// [0.5]
EXPOSE("expit(Tensor self) -> Tensor", sigmoid, special | out);

Tensor tanh(const Tensor& self, const Out& out) {
  return analytic("TanhBackward0", Pointwise::Tanh, self, out, [](const Tensor& grad, const Tensor& y) {
    return is_complex(y.dtype()) ? mul(grad, sub(kOne, mul(y, y))) : tanh_backward(grad, y);
  });
}

/// The hyperbolic tangent: (e^x - e^-x) / (e^x + e^-x).
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.tanh(torch.tensor([0.0])).tolist()
/// [0.0]
EXPOSE("tanh(Tensor self) -> Tensor", tanh, kEveryForm);

namespace {

// log(x / (1 - x)), x first clamped to [eps, 1 - eps] if eps is given; outside it the gradient is 0.
Tensor logit(const Tensor& self, std::optional<double> eps, const Out& out) {
  if (is_complex(self.dtype())) not_implemented_for("logit_cpu", self.dtype());
  const double low = eps.value_or(-1), high = 1 - low;
  return differentiable(
      "LogitBackward0", out,
      [&] {
        const Tensor real = is_integral(self.dtype()) ? cast_copy(self, default_dtype()) : self;
        const Tensor x = eps ? pointwise({}, Pointwise::Clamp, {real, Scalar(low), Scalar(high)}) : real;
        return log(div(x, sub(kOne, x)), out);
      },
      wrt(self, [x = saved(self), eps, low, high](const Tensor& grad) {
        const Tensor value = x();
        const Tensor slope = div(grad, mul(value, sub(kOne, value)));
        if (!eps) return where(logical_and(ge(value, kZero), le(value, kOne)), slope, Scalar(NAN));
        return where(logical_and(ge(value, Scalar(low)), le(value, Scalar(high))), slope, kZero);
      }));
}

}  // namespace

/// The inverse of the logistic function: log(x / (1 - x)).
///
/// Args:
///     self: any shape; outside of [0, 1] the result is NaN
///     eps: where given, elements are brought into [eps, 1 - eps] first
///
/// >>> torch.logit(torch.tensor([0.5])).tolist()
/// [0.0]
EXPOSE("logit(Tensor self, float? eps=None) -> Tensor", logit, kEveryForm);

/// log(x / (1 - x)), the inverse of `expit`; the same as `torch.logit`.
///
/// >>> torch.special.logit(torch.tensor([0.5])).tolist()
/// [0.0]
EXPOSE("logit(Tensor self, float? eps=None) -> Tensor", logit, special | out);

// ---- piecewise linear

namespace {

Tensor threshold_backward(const Tensor& grad, const Tensor& x, const Scalar& threshold) {
  return differentiable(
      "ThresholdBackwardBackward0", Out{},
      [&] {
        return threshold.equals(0) ? pointwise({}, Pointwise::ReluBackward, {grad, x})
                                   : pointwise({}, Pointwise::ThresholdBackward, {grad, x, threshold});
      },
      wrt(grad, [x = saved(x), threshold](const Tensor& g) { return threshold_backward(g, x(), threshold); }),
      wrt(x, no_slope));
}

Tensor relu(const Tensor& self, const Out& out) {
  check(self.dtype() != DType::Bool, "Boolean inputs not supported for relu");
  refuse_complex(self, "clamp is not supported for complex types");
  return unary("ReluBackward0", Pointwise::Relu, self, out,
               [](const Tensor& grad, const Tensor& y) { return threshold_backward(grad, y, kZero); });
}

Tensor threshold(const Tensor& self, const Scalar& threshold, const Scalar& value, const Out& out) {
  return differentiable(
      "ThresholdBackward0", out,
      [&] { return pointwise_as(out, Pointwise::Threshold, self.dtype(), {self, threshold, value}); },
      wrt(self, [x = saved(self), threshold](const Tensor& grad) {
        return threshold_backward(grad, x(), threshold);
      }));
}

const Activation kLeakyRelu{"LeakyReluBackward0", "LeakyReluBackwardBackward0", "leaky_relu_cpu",
                            Pointwise::LeakyRelu, Pointwise::LeakyReluBackward, none};
Tensor leaky_relu(const Tensor& self, const Scalar& negative_slope, const Out& out) {
  return activate(kLeakyRelu, self, {negative_slope, {}, 1}, out);
}

Tensor hardtanh_backward(const Tensor& grad, const Tensor& x, const Scalar& low, const Scalar& high) {
  return differentiable(
      "HardtanhBackwardBackward0", Out{},
      [&] { return pointwise({}, Pointwise::HardtanhBackward, {grad, x, low, high}); },
      wrt(grad, [x = saved(x), low, high](const Tensor& g) { return hardtanh_backward(g, x(), low, high); }),
      wrt(x, no_slope));
}
Tensor hardtanh(const Tensor& self, const Scalar& min_val, const Scalar& max_val, const Out& out) {
  check(self.dtype() != DType::Bool, "Bool inputs not supported for hardtanh");
  check(self.dtype() != DType::UInt8 || (min_val.to_double() >= 0 && max_val.to_double() >= 0),
        "cannot do hardtanh on an unsigned type with negative limits");
  refuse_complex(self, "clamp is not supported for complex types");
  check<ValueError>(min_val.to_double() <= max_val.to_double(), "min_val cannot be greater than max_val");
  return differentiable(
      "HardtanhBackward0", out,
      [&] { return pointwise_as(out, Pointwise::Clamp, self.dtype(), {self, min_val, max_val}); },
      wrt(self, [x = saved(self), min_val, max_val](const Tensor& grad) {
        return hardtanh_backward(grad, x(), min_val, max_val);
      }));
}
Tensor relu6(const Tensor& self, const Out& out) { return hardtanh(self, Scalar(0), Scalar(6), out); }

const Activation kHardsigmoid{"HardsigmoidBackward0", "HardsigmoidBackwardBackward0", "hardsigmoid_cpu",
                              Pointwise::Hardsigmoid, Pointwise::HardsigmoidBackward, none};
Tensor hardsigmoid(const Tensor& self, const Out& out) { return activate(kHardsigmoid, self, {}, out); }

Tensor hardswish_second(const Tensor& product, const Tensor& x, const Parameters&) {
  const Tensor inside = logical_and(gt(x, Scalar(-3)), lt(x, Scalar(3)));
  return where(inside, div(product, Scalar(3.0)), kZero);
}
const Activation kHardswish{"HardswishBackward0", "HardswishBackwardBackward0", "hardswish_cpu",
                            Pointwise::Hardswish, Pointwise::HardswishBackward, hardswish_second};
Tensor hardswish(const Tensor& self, const Out& out) { return activate(kHardswish, self, {}, out); }

}  // namespace

/// max(x, 0).
///
/// Args:
///     self: any shape
///
/// >>> torch.relu(torch.tensor([-1.0])).tolist()
/// [0.0]
EXPOSE("relu(Tensor self) -> Tensor", relu, function | method | inplace | inplace_function);

/// x above the threshold, `value` elsewhere.
///
/// Args:
///     self: any shape
///     threshold, value: numbers
///
/// >>> torch.threshold(torch.tensor([-1.0, 2.0]), 0, 5).tolist()
/// [5.0, 2.0]
EXPOSE("threshold(Tensor self, Number threshold, Number value) -> Tensor", threshold,
       function | inplace | out | inplace_function);

/// x above zero, negative_slope x below it.
///
/// Args:
///     self: any shape
///     negative_slope: the slope below zero
///
/// >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]), 0.5).tolist()
/// [-0.5, 2.0]
///
/// Source: Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models, 2013.
EXPOSE("leaky_relu(Tensor self, Number negative_slope=0.01) -> Tensor", leaky_relu, kActivation);

/// x, held within [min_val, max_val].
///
/// Args:
///     self: any shape
///     min_val, max_val: the limits
///
/// >>> torch.nn.functional.hardtanh(torch.tensor([-3.0, 0.5])).tolist()
/// [-1.0, 0.5]
EXPOSE("hardtanh(Tensor self, Number min_val=-1, Number max_val=1) -> Tensor", hardtanh, kActivation);

/// min(max(x, 0), 6).
///
/// Args:
///     self: any shape
///
/// >>> torch.nn.functional.relu6(torch.tensor([-1.0, 8.0])).tolist()
/// [0.0, 6.0]
EXPOSE("relu6(Tensor self) -> Tensor", relu6, kActivation);

/// min(max(x + 3, 0), 6) / 6, a piecewise linear sigmoid.
///
/// Args:
///     self: any shape, floating point
///
/// >>> torch.nn.functional.hardsigmoid(torch.tensor([-3.0, 0.0, 3.0])).tolist()
/// [0.0, 0.5, 1.0]
EXPOSE("hardsigmoid(Tensor self) -> Tensor", hardsigmoid, kActivation);

/// x min(max(x + 3, 0), 6) / 6.
///
/// Args:
///     self: any shape, floating point
///
/// >>> torch.nn.functional.hardswish(torch.tensor([-3.0, 3.0])).abs().tolist()
/// [0.0, 3.0]
///
/// Source: Howard et al., Searching for MobileNetV3, 2019, section 5.2.
EXPOSE("hardswish(Tensor self) -> Tensor", hardswish, kActivation);

// ---- exponential pieces

namespace {

// scale * alpha * exp(x) below zero
Tensor elu_second(const Tensor& product, const Tensor& x, const Parameters& p) {
  const Scalar factor(p.first.to_double() * p.second.to_double());
  return where(gt(x, kZero), kZero, mul(mul(product, factor), exp(x)));
}
const Activation kElu{"EluBackward0", "EluBackwardBackward0", "elu_cpu",
                      Pointwise::Elu, Pointwise::EluBackward, elu_second};

// scale * (x > 0 ? x : alpha * expm1(input_scale * x)). Clevert, Unterthiner and Hochreiter (2015).
Tensor elu(const Tensor& self, const Scalar& alpha, const Scalar& scale, const Scalar& input_scale,
           const Out& out) {
  if (input_scale.equals(1)) return activate(kElu, self, {alpha, scale, 2}, out);
  // With x' = input_scale x: alpha' = alpha, scale' = scale / input_scale, and alpha is scaled up for it
  // again.
  const double inner = input_scale.to_double();
  const Scalar rescaled_alpha(alpha.to_double() * inner), rescaled(scale.to_double() / inner);
  return differentiable(
      "EluBackward0", out,
      [&] {
        const Tensor x = pointwise({}, Pointwise::Mul, {self, input_scale});
        return pointwise(out, Pointwise::Elu, {x, rescaled_alpha, rescaled});
      },
      wrt(self, [x = saved(self), rescaled_alpha, scale, input_scale](const Tensor& grad) {
        return activation_backward(kElu, grad, mul(x(), input_scale), {rescaled_alpha, scale, 2});
      }));
}

// Klambauer et al., "Self-Normalizing Neural Networks" (2017).
Tensor selu(const Tensor& self, const Out& out) {
  constexpr double kAlpha = 1.6732632423543772848170429916717, kScale = 1.0507009873554804934193349852946;
  return elu(self, Scalar(kAlpha), Scalar(kScale), Scalar(1), out);
}
// Barron (2017).
Tensor celu(const Tensor& self, const Scalar& alpha, const Out& out) {
  check(alpha.to_double() != 0, "ZeroDivisionError: celu's alpha cannot be 0");
  return elu(self, alpha, kOne, Scalar(1 / alpha.to_double()), out);
}

// beta s (1 - s) with s = sigmoid(beta x), up to the threshold
Tensor softplus_second(const Tensor& product, const Tensor& x, const Parameters& p) {
  const Tensor z = mul(x, p.first), s = sigmoid(z);
  return where(gt(z, p.second), kZero, mul(mul(product, p.first), mul(s, sub(kOne, s))));
}
const Activation kSoftplus{"SoftplusBackward0", "SoftplusBackwardBackward0", "softplus_cpu",
                           Pointwise::Softplus, Pointwise::SoftplusBackward, softplus_second};
Tensor softplus(const Tensor& self, const Scalar& beta, const Scalar& threshold, const Out& out) {
  return activate(kSoftplus, self, {beta, threshold, 2}, out);
}

// -s (1 - s) with s = sigmoid(x)
Tensor log_sigmoid_second(const Tensor& product, const Tensor& x, const Parameters&) {
  const Tensor s = sigmoid(x);
  return mul(neg(product), mul(s, sub(kOne, s)));
}
const Activation kLogSigmoid{"LogSigmoidBackward0", "LogSigmoidBackwardBackward0", "log_sigmoid_cpu",
                             Pointwise::LogSigmoid, Pointwise::LogSigmoidBackward, log_sigmoid_second};
Tensor log_sigmoid(const Tensor& self, const Out& out) { return activate(kLogSigmoid, self, {}, out); }

}  // namespace

/// x above zero, alpha (e^x - 1) below it.
///
/// Args:
///     self: any shape, floating point
///     alpha: the limit for large negative x is -alpha
///     scale, input_scale: factors of the result and of x below zero
///
/// >>> torch.nn.functional.elu(torch.tensor([0.0, 2.0])).tolist()
/// [0.0, 2.0]
///
/// Source: Clevert, Unterthiner and Hochreiter, Exponential linear units, 2016.
EXPOSE("elu(Tensor self, Number alpha=1, Number scale=1, Number input_scale=1) -> Tensor", elu, kActivation);

/// scale (max(x, 0) + min(alpha (e^x - 1), 0)) with alpha = 1.6733 and scale = 1.0507, which keeps mean and
/// variance.
///
/// Args:
///     self: any shape, floating point
///
/// >>> torch.selu(torch.tensor([0.0])).tolist()
/// [0.0]
///
/// Source: Klambauer et al., Self-normalizing neural networks, 2017.
EXPOSE("selu(Tensor self) -> Tensor", selu, function | inplace | inplace_function);

/// max(x, 0) + min(alpha (e^(x / alpha) - 1), 0).
///
/// Args:
///     self: any shape, floating point
///     alpha: not zero
///
/// Raises:
///     RuntimeError: alpha is zero.
///
/// >>> torch.celu(torch.tensor([0.0, 2.0])).tolist()
/// [0.0, 2.0]
///
/// Source: Barron, Continuously differentiable exponential linear units, 2017.
EXPOSE("celu(Tensor self, Number alpha=1.0) -> Tensor", celu, function | inplace | inplace_function);

/// log(1 + e^(beta x)) / beta, a smooth max(x, 0); x itself where beta x is above the threshold.
///
/// Args:
///     self: any shape, floating point
///     beta: the sharpness
///     threshold: where the line takes over
///
/// >>> torch.nn.functional.softplus(torch.tensor([30.0])).tolist()
/// [30.0]
EXPOSE("softplus(Tensor self, Number beta=1, Number threshold=20) -> Tensor", softplus, kActivation);

/// log(1 / (1 + e^-x)), accurate for large negative x.
///
/// Args:
///     self: any shape, floating point
///
/// >>> torch.nn.functional.logsigmoid(torch.tensor([-1000.0])).tolist()
/// [-1000.0]
EXPOSE("log_sigmoid(Tensor self) -> Tensor", log_sigmoid, kActivation);

// ---- x times a smooth step

namespace {

// s (1 - s) (2 + x (1 - 2 s)) with s = sigmoid(x)
Tensor silu_second(const Tensor& product, const Tensor& x, const Parameters&) {
  const Tensor s = sigmoid(x), rest = sub(kOne, s);
  const Tensor bend = add(mul(x, sub(kOne, mul(s, Scalar(2.0)))), Scalar(2.0));
  return mul(mul(product, mul(s, rest)), bend);
}
const Activation kSilu{"SiluBackward0", "SiluBackwardBackward0", "silu_cpu",
                       Pointwise::Silu, Pointwise::SiluBackward, silu_second};
Tensor silu(const Tensor& self, const Out& out) {
  return is_complex(self.dtype()) ? mul(self, sigmoid(self), out) : activate(kSilu, self, {}, out);
}

// s (1 - t^2) (2 + x (1 - s) - 2 x t s) with s = sigmoid(x), t = tanh(softplus(x))
Tensor mish_second(const Tensor& product, const Tensor& x, const Parameters&) {
  const Tensor s = sigmoid(x), t = tanh(activate(kSoftplus, x, {Scalar(1), Scalar(20), 2}, {}));
  const Tensor bend = sub(add(mul(x, sub(kOne, s)), Scalar(2.0)), mul(mul(x, mul(t, s)), Scalar(2.0)));
  return mul(mul(product, mul(s, sub(kOne, mul(t, t)))), bend);
}
const Activation kMish{"MishBackward0", "MishBackwardBackward0", "mish_cpu",
                       Pointwise::Mish, Pointwise::MishBackward, mish_second};
Tensor mish(const Tensor& self, const Out& out) { return activate(kMish, self, {}, out); }

// (2 - x^2) phi(x), phi the normal density
Tensor gelu_second(const Tensor& product, const Tensor& x, const Parameters&) {
  const Tensor squared = mul(x, x);
  const Tensor density = mul(exp(mul(squared, Scalar(-0.5))), Scalar(0.39894228040143267794));
  return mul(product, mul(density, sub(Scalar(2.0), squared)));
}
const Activation kGelu{"GeluBackward0", "GeluBackwardBackward0", "GeluKernelImpl",
                       Pointwise::Gelu, Pointwise::GeluBackward, gelu_second};

// With u = k (x + c x^3), t = tanh(u): (1 - t^2) (u' + x u'' / 2 - x t u'^2)
Tensor gelu_tanh_second(const Tensor& product, const Tensor& x, const Parameters&) {
  constexpr double k = 0.79788456080286535588, c = 0.044715;
  const Tensor squared = mul(x, x);
  const Tensor t = tanh(mul(mul(x, add(mul(squared, Scalar(c)), kOne)), Scalar(k)));
  const Tensor slope = add(mul(squared, Scalar(3 * k * c)), Scalar(k));
  const Tensor half_x_curvature = mul(squared, Scalar(3 * k * c));
  const Tensor bend = sub(add(slope, half_x_curvature), mul(mul(x, t), mul(slope, slope)));
  return mul(mul(product, sub(kOne, mul(t, t))), bend);
}
const Activation kGeluTanh{"GeluBackward0",     "GeluBackwardBackward0",     "GeluKernelImpl",
                           Pointwise::GeluTanh, Pointwise::GeluTanhBackward, gelu_tanh_second};

// Hendrycks and Gimpel (2016).
Tensor gelu(const Tensor& self, std::string_view approximate, const Out& out) {
  check(approximate == "none" || approximate == "tanh", "approximate argument must be either none or tanh.");
  return activate(approximate == "tanh" ? kGeluTanh : kGelu, self, {}, out);
}

}  // namespace

/// x / (1 + e^-x), also called swish.
///
/// Args:
///     self: any shape, floating point
///
/// >>> torch.nn.functional.silu(torch.tensor([0.0])).tolist()
/// [0.0]
///
/// Source: Elfwing, Uchibe and Doya, Sigmoid-weighted linear units, 2018.
EXPOSE("silu(Tensor self) -> Tensor", silu, kActivation);

/// x tanh(log(1 + e^x)).
///
/// Args:
///     self: any shape, floating point
///
/// >>> torch.nn.functional.mish(torch.tensor([0.0])).tolist()
/// [0.0]
///
/// Source: Misra, Mish: a self regularized non-monotonic activation function, 2019.
EXPOSE("mish(Tensor self) -> Tensor", mish, kActivation);

/// x Phi(x), Phi the distribution function of the standard normal; with approximate='tanh',
/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
///
/// Args:
///     self: any shape, floating point
///     approximate: 'none' or 'tanh'
///
/// Raises:
///     RuntimeError: another approximation.
///
/// >>> torch.nn.functional.gelu(torch.tensor([0.0])).tolist()
/// [0.0]
///
/// Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
EXPOSE("gelu(Tensor self, *, str approximate='none') -> Tensor", gelu, kActivation);

// ---- shrinking

namespace {

// g where |x| > bound, else 0
Tensor shrink_backward(const Tensor& grad, const Tensor& x, double bound) {
  return differentiable(
      "HardshrinkBackwardBackward0", Out{},
      [&] {
        const Tensor dropped = logical_and(ge(x, Scalar(-bound)), le(x, Scalar(bound)));
        return pointwise({}, Pointwise::Where, {dropped, kZero, grad});
      },
      wrt(grad, [x = saved(x), bound](const Tensor& g) { return shrink_backward(g, x(), bound); }),
      wrt(x, no_slope));
}

// x outside [-lambd, lambd], else 0; softly: moved towards 0 by lambd.
Tensor shrink(const char* node, const Tensor& self, const Scalar& lambd, bool soft, const Out& out) {
  const double bound = lambd.to_double();
  if (is_integral(self.dtype()))
    not_implemented_for(soft ? "softshrink_check" : "hardshrink_cpu", self.dtype());
  if (soft) {
    const double largest = largest_number(self.dtype());
    check(bound >= 0 && bound <= largest, "lambda must be in range [0, ", largest, "] for input dtype ",
          scalar_type_name(self.dtype()), ", but found ", bound);
  }
  return differentiable(
      node, out,
      [&] {
        const Tensor inside = pointwise({}, Pointwise::LogicalAnd,
                                        {pointwise({}, Pointwise::Ge, {self, Scalar(-bound)}),
                                         pointwise({}, Pointwise::Le, {self, Scalar(bound)})});
        if (!soft) return pointwise_as(out, Pointwise::Where, self.dtype(), {inside, kZero, self});
        const Tensor kept = pointwise({}, Pointwise::Clamp, {self, Scalar(-bound), Scalar(bound)});
        return pointwise(out, Pointwise::Sub, {self, kept});
      },
      wrt(self, [x = saved(self), bound](const Tensor& grad) { return shrink_backward(grad, x(), bound); }));
}

Tensor hardshrink(const Tensor& self, const Scalar& lambd, const Out& out) {
  return shrink("HardshrinkBackward0", self, lambd, false, out);
}
Tensor softshrink(const Tensor& self, const Scalar& lambd, const Out& out) {
  return shrink("SoftshrinkBackward0", self, lambd, true, out);
}

// g where x is positive, else slope g
Tensor prelu_backward(const Tensor& grad, const Tensor& x, const Tensor& slopes) {
  return differentiable(
      "PreluKernelBackwardBackward0", Out{},
      [&] { return pointwise({}, Pointwise::LeakyReluBackward, {grad, x, slopes}); },
      wrt(grad, [x = saved(x), w = saved(slopes)](const Tensor& g) { return prelu_backward(g, x(), w()); }),
      wrt(x, no_slope), wrt(slopes, [grad = saved(grad), x = saved(x)](const Tensor& g) {
        return where(gt(x(), kZero), kZero, mul(g, grad()));
      }));
}

// x where positive, else weight x; one weight, or one for each channel (dimension 1).
Tensor prelu(const Tensor& self, const Tensor& weight) {
  check(self.dtype() == weight.dtype(), "prelu: Type promoting not supported. Got ",
        c_type_name(self.dtype()), " and ", c_type_name(weight.dtype()));
  if (!is_floating(self.dtype())) not_implemented_for("prelu_cpu", self.dtype());
  const int64_t channels = self.dim() > 1 ? self.sizes()[1] : 1;
  check(weight.numel() == 1 || self.dim() > 0, "Not allow zero-dim input tensor.");
  check(weight.numel() == 1 || weight.numel() == channels,
        "Mismatch of parameter numbers and input channel size. Found parameter numbers = ", weight.numel(),
        " and channel size = ", channels, ".");
  check(weight.dim() <= 1,
        "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", weight.dim());
  Dims sizes;
  for (int d = 0; d < self.dim(); ++d) sizes.push_back(d == 1 ? weight.numel() : 1);
  if (self.dim() == 1 && weight.numel() == 1) sizes[0] = 1;
  const Tensor slopes = reshape(weight, sizes);
  return differentiable(
      "PreluKernelBackward0", Out{}, [&] { return pointwise({}, Pointwise::LeakyRelu, {self, slopes}); },
      wrt(self, [x = saved(self),
                 w = saved(slopes)](const Tensor& grad) { return prelu_backward(grad, x(), w()); }),
      wrt(slopes, [x = saved(self)](const Tensor& grad) {
        const Tensor value = x();
        return where(gt(value, kZero), kZero, mul(grad, value));
      }));
}

}  // namespace

/// x where abs(x) > lambd, 0 elsewhere.
///
/// Args:
///     self: any shape
///     lambd: the half-width of the gap
///
/// >>> torch.hardshrink(torch.tensor([0.25, -2.0])).tolist()
/// [0.0, -2.0]
EXPOSE("hardshrink(Tensor self, Number lambd=0.5) -> Tensor", hardshrink, function | method | out);

/// x drawn towards zero by lambd, 0 within [-lambd, lambd].
///
/// Args:
///     self: any shape
///     lambd: the half-width of the gap, not negative
///
/// Raises:
///     RuntimeError: a negative lambd.
///
/// >>> torch.nn.functional.softshrink(torch.tensor([0.25, -2.0])).tolist()
/// [0.0, -1.5]
EXPOSE("softshrink(Tensor self, Number lambd=0.5) -> Tensor", softshrink, nn | out);

/// x above zero, weight x below it; the weight is learned.
///
/// Args:
///     self: (N, C, ...) or any shape
///     weight: (1,) or (C,)
///
/// Raises:
///     RuntimeError: as many weights as neither 1 nor the channels.
///
/// >>> torch.prelu(torch.tensor([-2.0, 2.0]), torch.tensor([0.25])).tolist()
/// [-0.5, 2.0]
///
/// Source: He et al., Delving deep into rectifiers, 2015.
EXPOSE("prelu(Tensor self, Tensor weight) -> Tensor", prelu, function | method | Forms::lower_precision);

}  // namespace flambeau
