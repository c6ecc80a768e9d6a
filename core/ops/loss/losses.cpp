// Losses on numbers: squared, absolute, Huber, binary cross entropy. Those over classes are in
// losses_classes.cpp.
#include "core/ops/loss/losses.h"

#include "core/ops/pointwise/rules.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau {

LossReduction loss_reduction(int64_t reduction) {
  check<ValueError>(reduction >= 0 && reduction <= 2, reduction, " is not a valid value for reduction");
  return static_cast<LossReduction>(reduction);
}

Tensor reduce_loss(const Tensor& losses, LossReduction reduction) {
  if (reduction == LossReduction::None) return losses;
  return reduction == LossReduction::Mean ? mean(losses) : sum(losses);
}

namespace {

// What an element's derivative is multiplied by.
Tensor element_gradient(const Tensor& grad, LossReduction reduction, int64_t count) {
  return reduction == LossReduction::Mean ? mul(grad, Scalar(1.0 / static_cast<double>(count))) : grad;
}

int64_t broadcast_count(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() ? a.numel() : checked_numel(broadcast_sizes(a.sizes(), b.sizes()));
}

// A loss of the difference: forward kernel, and the derivative by the difference as a differentiable
// function.
template <class Derivative>
Tensor difference_loss(const char* node, const char* kernel, Pointwise op, const Tensor& self,
                       const Tensor& target, std::optional<Scalar> parameter, LossReduction reduction,
                       Derivative derivative) {
  const DType common = result_type({self, target});
  if (!is_floating(common)) not_implemented_for(kernel, common);
  const int64_t count = broadcast_count(self, target);
  return differentiable(
      node, {},
      [&] {
        return reduce_loss(
            parameter ? pointwise({}, op, {self, target, *parameter}) : pointwise({}, op, {self, target}),
            reduction);
      },
      wrt(self,
          [x = saved(self), t = saved(target), reduction, count, derivative](const Tensor& grad) {
            return mul(derivative(sub(x(), t())), element_gradient(grad, reduction, count));
          }),
      wrt(target, [x = saved(self), t = saved(target), reduction, count, derivative](const Tensor& grad) {
        return mul(derivative(sub(t(), x())), element_gradient(grad, reduction, count));
      }));
}

}  // namespace

// ---- differences

namespace {

Tensor mse_loss(const Tensor& self, const Tensor& target, int64_t reduction) {
  return difference_loss("MseLossBackward0", "mse_cpu", Pointwise::SquaredDifference, self, target,
                         std::nullopt, loss_reduction(reduction),
                         [](const Tensor& d) { return mul(d, Scalar(2.0)); });
}

Tensor l1_loss(const Tensor& self, const Tensor& target, int64_t reduction) {
  return reduce_loss(abs(sub(self, target)), loss_reduction(reduction));
}

Tensor smooth_l1_loss(const Tensor& self, const Tensor& target, int64_t reduction, double beta) {
  check(beta >= 0, "smooth_l1_loss does not support negative values for beta.");
  if (beta == 0) return l1_loss(self, target, reduction);
  return difference_loss("SmoothL1LossBackward0", "smooth_l1_cpu", Pointwise::SmoothL1, self, target,
                         Scalar(beta), loss_reduction(reduction), [beta](const Tensor& d) {
                           return clamp(div(d, Scalar(beta)), Operand(Scalar(-1.0)), Operand(Scalar(1.0)));
                         });
}

Tensor huber_loss(const Tensor& self, const Tensor& target, int64_t reduction, double delta) {
  check(delta > 0, "huber_loss does not support non-positive values for delta.");
  return difference_loss("HuberLossBackward0", "huber_cpu", Pointwise::Huber, self, target, Scalar(delta),
                         loss_reduction(reduction), [delta](const Tensor& d) {
                           return clamp(d, Operand(Scalar(-delta)), Operand(Scalar(delta)));
                         });
}

}  // namespace

/// The squared error: (x - y)^2.
///
/// Args:
///     self, target: one shape
///     reduction: 0 none, 1 mean, 2 sum; `torch.nn.functional` names them
///
/// >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]))
/// tensor(2.)
EXPOSE("mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", mse_loss,
       Forms::nn | Forms::float32);

/// The absolute error: abs(x - y).
///
/// Args:
///     self, target: one shape
///     reduction: 0 none, 1 mean, 2 sum; `torch.nn.functional` names them
///
/// >>> torch.nn.functional.l1_loss(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]))
/// tensor(1.)
EXPOSE("l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", l1_loss, Forms::nn | Forms::float32);

/// (x - y)^2 / (2 beta) where abs(x - y) < beta, abs(x - y) - beta / 2 elsewhere.
///
/// Args:
///     self, target: one shape
///     reduction: 0 none, 1 mean, 2 sum; `torch.nn.functional` names them
///     beta: not negative
///
/// Source: Girshick, Fast R-CNN, 2015.
///
/// >>> torch.nn.functional.smooth_l1_loss(torch.tensor([1.0]), torch.tensor([3.0]))
/// tensor(1.5000)
EXPOSE("smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.0) -> Tensor",
       smooth_l1_loss, Forms::nn | Forms::float32);

/// (x - y)^2 / 2 where abs(x - y) < delta, delta (abs(x - y) - delta / 2) elsewhere.
///
/// Args:
///     self, target: one shape
///     reduction: 0 none, 1 mean, 2 sum; `torch.nn.functional` names them
///     delta: positive
///
/// Source: Huber, Robust estimation of a location parameter, 1964.
///
/// >>> torch.nn.functional.huber_loss(torch.tensor([1.0]), torch.tensor([3.0]))
/// tensor(1.5000)
EXPOSE("huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.0) -> Tensor", huber_loss,
       Forms::nn | Forms::float32);

// ---- binary cross entropy

namespace {

const Scalar kOne(1.0);

void check_probabilities(const char* name, const Tensor& x) {
  const Tensor dense = as_contiguous(widened(x));
  const WithoutGil guard(x.numel() / 4);
  const bool good = backend::current().all_in_unit_interval(dense.dtype(), dense->data, x.numel());
  check(good, "all elements of ", name, " should be between 0 and 1");
}

// The weight of each element, where there is one, is a factor of its loss.
Tensor weighted(const Tensor& losses, const Tensor& weight) { return weight ? mul(losses, weight) : losses; }

Tensor binary_cross_entropy(const Tensor& self, const Tensor& target, const OptionalTensor& weight,
                            int64_t mode) {
  const LossReduction reduction = loss_reduction(mode);
  if (self.sizes() != target.sizes())
    fail<ValueError>("Using a target size (torch.Size(", target.sizes(),
                     ")) that is different to the input size (torch.Size(", self.sizes(),
                     ")) is deprecated. Please ensure they have the same size.");
  check(self.dtype() == target.dtype(), "Found dtype ", scalar_type_name(target.dtype()), " but expected ",
        scalar_type_name(self.dtype()));
  if (!is_floating(self.dtype())) not_implemented_for("binary_cross_entropy", self.dtype());
  check_probabilities("input", self);
  check_probabilities("target", target);
  const int64_t count = self.numel();
  return differentiable(
      "BinaryCrossEntropyBackward0", {},
      [&] { return reduce_loss(weighted(pointwise({}, Pointwise::Bce, {self, target}), weight), reduction); },
      wrt(self,
          [x = saved(self), t = saved(target), w = saved(weight), reduction, count](const Tensor& grad) {
            const Tensor p = x();
            const Tensor slope =
                div(sub(p, t()), clamp(mul(p, sub(kOne, p)), Operand(Scalar(1e-12)), std::nullopt));
            return weighted(mul(slope, element_gradient(grad, reduction, count)), w());
          }),
      wrt(target, [x = saved(self), w = saved(weight), reduction, count](const Tensor& grad) {
        const Tensor p = x();
        const std::optional<Operand> least = Operand(Scalar(-100.0));
        const Tensor slope =
            sub(clamp(log(sub(kOne, p)), least, std::nullopt), clamp(log(p), least, std::nullopt));
        return weighted(mul(slope, element_gradient(grad, reduction, count)), w());
      }));
}

// softplus(-x) = log(1 + exp(-x)), as the loss of target 1.
Tensor softplus_of_negative(const Tensor& x) {
  return differentiable(
      "SoftplusBackward0", {}, [&] { return pointwise({}, Pointwise::BceWithLogits, {x, kOne}); },
      wrt(x, [x = saved(x)](const Tensor& grad) { return mul(grad, sub(sigmoid(x()), kOne)); }));
}

// With positive weights p: (1 - t) softplus(x) + p t softplus(-x); without, p is 1. A term whose factor is 0
// is 0, at infinite logits, too.
Tensor binary_cross_entropy_with_logits(const Tensor& self, const Tensor& target,
                                        const OptionalTensor& weight, const OptionalTensor& pos_weight,
                                        int64_t mode) {
  const LossReduction reduction = loss_reduction(mode);
  if (self.sizes() != target.sizes())
    fail<ValueError>("Target size (torch.Size(", target.sizes(),
                     ")) must be the same as input size (torch.Size(", self.sizes(), "))");
  check(!requires_grad(pos_weight) || !grad_enabled(),
        "The function 'binary_cross_entropy_with_logits' is not differentiable with respect to argument "
        "'pos_weight'. "
        "This input cannot have requires_grad True.");
  if (!is_floating(self.dtype())) not_implemented_for("log_sigmoid_cpu", self.dtype());
  if (!is_floating(target.dtype()))
    fail<RuntimeError>("result type ", scalar_type_name(result_type({self, target})),
                       " can't be cast to the desired output type ", scalar_type_name(target.dtype()),
                       "; the target must be floating too");
  const int64_t count = self.numel();
  return differentiable(
      "BinaryCrossEntropyWithLogitsBackward0", {},
      [&] {
        Tensor losses;
        if (pos_weight) {
          losses = add(mul_or_zero(softplus_of_negative(neg(self)), sub(kOne, target)),
                       mul_or_zero(softplus_of_negative(self), mul(pos_weight, target)));
        } else {
          losses = pointwise({}, Pointwise::BceWithLogits, {self, target});
        }
        return reduce_loss(weighted(losses, weight), reduction);
      },
      wrt(self,
          [x = saved(self), t = saved(target), w = saved(weight), p = saved(pos_weight), reduction,
           count](const Tensor& grad) {
            const Tensor aim = t(), probability = sigmoid(x()), positive = p();
            Tensor slope;
            if (positive) {
              const Tensor pt = mul(positive, aim);
              slope = sub(mul(sub(add(pt, kOne), aim), probability), pt);
            } else {
              slope = sub(probability, aim);
            }
            return weighted(mul(slope, element_gradient(grad, reduction, count)), w());
          }),
      wrt(target, [x = saved(self), w = saved(weight), p = saved(pos_weight), reduction,
                   count](const Tensor& grad) {
        const Tensor logits = x(), positive = p();
        Tensor slope = neg(logits);
        if (positive)
          slope = sub(mul_or_zero(softplus_of_negative(logits), positive), softplus_of_negative(neg(logits)));
        return weighted(mul(slope, element_gradient(grad, reduction, count)), w());
      }));
}

}  // namespace

/// -weight (y log(x) + (1 - y) log(1 - x)), logarithms not below -100.
///
/// Args:
///     self: probabilities in [0, 1]
///     target: the same shape
///     weight: broadcasts
///     reduction: 0 none, 1 mean, 2 sum; `torch.nn.functional` names them
///
/// Raises:
///     RuntimeError: elements outside of [0, 1].
///
/// >>> torch.nn.functional.binary_cross_entropy(torch.tensor([1.0]), torch.tensor([1.0]))
/// tensor(0.)
EXPOSE("binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
       binary_cross_entropy, Forms::nn | Forms::float32);

/// The binary cross entropy of sigmoid(x): weight (max(x, 0) - x y + log(1 + e^-abs(x))).
///
/// Args:
///     self: logits
///     target: the same shape
///     weight, pos_weight: broadcast; pos_weight is the weight of y = 1
///     reduction: 0 none, 1 mean, 2 sum; `torch.nn.functional` names them
///
/// >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor([0.0]), torch.tensor([1.0]))
/// tensor(0.6931)
EXPOSE(
    "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? "
    "pos_weight=None, "
    "int reduction=1) -> Tensor",
    binary_cross_entropy_with_logits, Forms::nn | Forms::float32);

}  // namespace flambeau
