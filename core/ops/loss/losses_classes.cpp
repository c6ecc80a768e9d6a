// Losses over classes: negative log likelihood and cross entropy.
#include <limits>

#include "core/ops/loss/losses.h"
#include "core/ops/pointwise/rules.h"
#include "core/ops/softmax/softmax.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

constexpr int kClassDim = 1;

// The arguments that the forward and every derivative share. Scores are [N][C][d...] or [C], targets
// [N][d...] or [].
struct LossOptions {
  int64_t ignore_index = -100;
  double label_smoothing = 0;
  LossReduction reduction = LossReduction::Mean;
};

int class_dim(const Dims& scores) { return scores.count == 1 ? 0 : kClassDim; }

void check_shapes(const Dims& scores, const Tensor& target, const Tensor& weight, DType dtype) {
  const int dims = scores.count;
  if (dims < 1) fail<ValueError>("Expected 1 or more dimensions (got 0)");
  const int64_t classes = scores[class_dim(scores)];
  if (dims == 1) {
    check(target.dim() <= 1, "multi-target not supported, got a target of size ", target.sizes(),
          " for scores of one sample");
    check<ValueError>(target.numel() == 1, "Expected input batch_size (1) to match target batch_size (",
                      target.numel(), ").");
  } else {
    const int64_t batch = target.dim() ? target.sizes()[0] : 0;
    check<ValueError>(scores[0] == batch, "Expected input batch_size (", scores[0],
                      ") to match target batch_size (", batch, ").");
    Dims expected{scores[0]};
    for (int i = 2; i < dims; ++i) expected.push_back(scores[i]);
    if (target.sizes() != expected) {
      check(dims > 2, "0D or 1D target tensor expected, multi-target not supported; the target's size is ",
            target.sizes());
      fail<RuntimeError>("Expected target size ", expected, ", got ", target.sizes());
    }
  }
  if (target.dtype() != DType::Int64 && target.dtype() != DType::UInt8)
    fail<RuntimeError>("expected target dtype to be Long or Byte, but got ",
                       scalar_type_name(target.dtype()));
  if (weight) {
    if (weight.dim() != 1 || weight.numel() != classes)
      fail<RuntimeError>("weight tensor should be defined either for all ", classes,
                         " classes or no classes but got weight "
                         "tensor of shape: ",
                         weight.sizes());
    check(weight.dtype() == dtype, "expected scalar type ", scalar_type_name(dtype), " but found ",
          scalar_type_name(weight.dtype()));
  }
}

// The kernel's view of the arguments; keeps the contiguous forms of targets and weight alive.
class Arguments {
 public:
  Arguments(const Dims& scores, const Tensor& target, const Tensor& weight, const LossOptions& options)
      : target_(as_contiguous(target.dtype() == DType::Int64 ? target : cast_copy(target, DType::Int64))),
        weight_(weight ? as_contiguous(widened(weight)) : Tensor()) {
    loss_.shape = softmax_shape(scores, class_dim(scores));
    loss_.targets = target_.data<const int64_t>();
    loss_.weight = weight_ ? weight_->data : nullptr;
    loss_.ignore_index = options.ignore_index;
    loss_.label_smoothing = options.label_smoothing;
    loss_.reduction = options.reduction;
  }
  const backend::ClassLoss& operator*() const { return loss_; }
  // Targets may have changed since they were checked in the forward: derivatives check again.
  const Arguments& checked() const {
    const int64_t bad = backend::current().find_bad_target(loss_);
    if (bad >= 0) [[unlikely]]
      fail<IndexError>("Target ", loss_.targets[bad], " is out of bounds.", " There are ", loss_.shape.size,
                       " classes");
    return *this;
  }

 private:
  Tensor target_, weight_;
  backend::ClassLoss loss_{};
};

Dims loss_sizes(const Tensor& target, const LossOptions& options) {
  return options.reduction == LossReduction::None ? target.sizes() : Dims{};
}

bool is_2d_loss(const Dims& scores) { return scores.count > 2; }

// ---- negative log likelihood

Tensor nll(const Tensor& scores, const Tensor& target, const Tensor& weight, const LossOptions& options);

// The derivative of nll by its scores; linear in grad, and nll is its derivative in turn. The scores' values
// do not matter, yet the result counts as a function of them, as in PyTorch.
Tensor nll_gradient(const Tensor& grad, const Tensor& scores, const Tensor& target, const Tensor& weight,
                    const Tensor& total_weight, const LossOptions& options) {
  const Dims& sizes = scores.sizes();
  return differentiable(
      is_2d_loss(sizes) ? "NllLoss2DBackwardBackward0" : "NllLossBackwardBackward0", {},
      [&] {
        const Tensor g = as_contiguous(widened(grad));
        Tensor result = empty(sizes, g.dtype());
        const Arguments arguments(sizes, target, weight, options);
        arguments.checked();
        {
          const WithoutGil guard(result.numel());
          backend::current().nll_loss_backward(g.dtype(), *arguments, g->data, total_weight->data,
                                               result->data);
        }
        return narrowed(result, grad.dtype());
      },
      wrt(grad, [t = saved(target), w = saved(weight),
                 options](const Tensor& gg) { return nll(gg, t(), w(), options); }),
      wrt(scores, no_slope));
}

Tensor nll(const Tensor& scores, const Tensor& target, const Tensor& weight, const LossOptions& options) {
  const Tensor total_weight = empty({}, compute_dtype(scores.dtype()));
  return differentiable(
      is_2d_loss(scores.sizes()) ? "NllLoss2DBackward0" : "NllLossBackward0", {},
      [&] {
        const Tensor x = as_contiguous(widened(scores));
        Tensor result = empty(loss_sizes(target, options), x.dtype());
        const Arguments arguments(scores.sizes(), target, weight, options);
        arguments.checked();
        {
          const WithoutGil guard(2 * target.numel());
          backend::current().nll_loss(x.dtype(), *arguments, x->data, result->data, total_weight->data);
        }
        return narrowed(result, scores.dtype());
      },
      wrt(scores,
          [x = saved(scores), t = saved(target), w = saved(weight), total = saved(total_weight),
           options](const Tensor& grad) { return nll_gradient(grad, x(), t(), w(), total(), options); }));
}

Tensor nll_loss(const Tensor& self, const Tensor& target, const OptionalTensor& weight, int64_t reduction,
                int64_t ignore_index) {
  check_shapes(self.sizes(), target, weight, self.dtype());
  if (!is_floating(self.dtype()) || !is_supported(self.dtype()))
    not_implemented_for("nll_loss_out_frame", self.dtype());
  return nll(self, target, weight, {ignore_index, 0, loss_reduction(reduction)});
}

// ---- cross entropy with class indices

// Of the smoothing term, by the log-probabilities: each position's share, spread over the classes by their
// weights.
Tensor smoothing_gradient(const Tensor& grad, const Dims& sizes, const Tensor& target, const Tensor& weight,
                          const Tensor& total_weight, const LossOptions& options) {
  const int dim = class_dim(sizes);
  Tensor share = mul(grad, to_dtype(ne(target, Scalar(options.ignore_index)), grad.dtype()));
  if (options.reduction == LossReduction::Mean) share = div(share, total_weight);
  share = mul(unsqueeze(reshape(share, target.sizes()), dim), Scalar(-1.0 / static_cast<double>(sizes[dim])));
  if (!weight) return expand(share, sizes);
  Dims shape;
  for (int i = 0; i < sizes.count; ++i) shape.push_back(i == dim ? sizes[dim] : 1);
  return mul(share, view(weight, shape));
}

Tensor with_smoothing(const Tensor& of_target, const Tensor& of_all, double smoothing) {
  return add(mul(of_target, Scalar(1 - smoothing)), of_all, Scalar(smoothing));
}

Tensor class_cross_entropy(const Tensor& self, const Tensor& target, const Tensor& weight,
                           const LossOptions& options) {
  Dims positions;
  for (int i = 0; i < self.dim(); ++i)
    if (i != class_dim(self.sizes())) positions.push_back(self.sizes()[i]);
  const DType compute = compute_dtype(self.dtype());
  const Tensor normalizer = empty(positions, compute), total_weight = empty({}, compute);
  return differentiable(
      is_2d_loss(self.sizes()) ? "NllLoss2DBackward0" : "NllLossBackward0", {},
      [&] {
        const Tensor x = as_contiguous(widened(self));
        Tensor result = empty(loss_sizes(target, options), x.dtype());
        const Arguments arguments(self.sizes(), target, weight, options);
        arguments.checked();
        {
          const WithoutGil guard(2 * self.numel());
          backend::current().cross_entropy(x.dtype(), *arguments, x->data, result->data, normalizer->data,
                                           total_weight->data);
        }
        return narrowed(result, self.dtype());
      },
      wrt(self, [x = saved(self), t = saved(target), w = saved(weight), n = saved(normalizer),
                 total = saved(total_weight), options](const Tensor& grad) {
        const Tensor logits = x(), classes = t(), weights = w(), divisor = total();
        const Dims& sizes = logits.sizes();
        if (grad_enabled()) {  // the gradient is itself to be differentiated
          Tensor g = nll_gradient(grad, detach(logits), classes, weights, divisor, options);
          if (options.label_smoothing > 0)
            g = with_smoothing(g, smoothing_gradient(grad, sizes, classes, weights, divisor, options),
                               options.label_smoothing);
          const int dim = class_dim(sizes);
          return log_softmax_gradient(g, log_softmax(logits, dim), dim);
        }
        const Tensor g = as_contiguous(widened(grad)), scores = as_contiguous(widened(logits)),
                     normalizers = n();
        Tensor result = empty(sizes, scores.dtype());
        const Arguments arguments(sizes, classes, weights, options);
        arguments.checked();
        {
          const WithoutGil guard(2 * logits.numel());
          backend::current().cross_entropy_backward(scores.dtype(), *arguments, g->data, scores->data,
                                                    normalizers->data, divisor->data, result->data);
        }
        return narrowed(result, logits.dtype());
      }));
}

// ---- cross entropy with class probabilities

Tensor probability_cross_entropy(const Tensor& self, const Tensor& target, const Tensor& weight,
                                 const LossOptions& options) {
  const Dims& sizes = self.sizes();
  const int dim = class_dim(sizes);
  check(is_floating(target.dtype()), "Expected floating point type for target with class probabilities, got ",
        scalar_type_name(target.dtype()));
  check(options.ignore_index < 0, "ignore_index is not supported for floating point target");
  const int64_t classes = sizes[dim];
  check(!weight || (weight.dim() == 1 && weight.numel() == classes),
        "cross_entropy: weight tensor should be defined either "
        "for all ",
        classes, " classes or no classes but got weight tensor of shape: ", weight ? weight.sizes() : Dims{});
  Tensor aim = target;
  if (options.label_smoothing > 0)
    aim = add(mul(target, Scalar(1 - options.label_smoothing)),
              Scalar(options.label_smoothing / static_cast<double>(classes)));
  Tensor likelihood = mul(log_softmax(self, dim), aim);
  if (weight) {
    Dims shape;
    for (int i = 0; i < sizes.count; ++i) shape.push_back(i == dim ? classes : 1);
    likelihood = mul(likelihood, view(weight, shape));
  }
  if (options.reduction == LossReduction::None) {
    const int64_t dims[] = {dim};
    return neg(sum_dims(likelihood, dims));
  }
  const Tensor total = neg(sum(likelihood));
  if (options.reduction == LossReduction::Sum) return total;
  return div(total, Scalar(classes ? static_cast<double>(self.numel() / classes) : 0.0));
}

Tensor cross_entropy(const Tensor& self, const Tensor& target, const OptionalTensor& weight,
                     int64_t reduction, int64_t ignore_index, double label_smoothing) {
  const LossOptions options{ignore_index, label_smoothing, loss_reduction(reduction)};
  check(label_smoothing >= 0 && label_smoothing <= 1,
        "label_smoothing must be between 0.0 and 1.0. Got: ", label_smoothing);
  if (self.dim() && self.sizes() == target.sizes())
    return probability_cross_entropy(self, target, weight, options);
  if (!is_floating(self.dtype()) || !is_supported(self.dtype()))
    not_implemented_for("log_softmax_lastdim_kernel_impl", self.dtype());
  check_shapes(self.sizes(), target, weight, self.dtype());
  return class_cross_entropy(self, target, weight, options);
}

}  // namespace

/// The negative log likelihood: -weight[y] x[y].
///
/// Args:
///     self: log probabilities, (N, C, ...) or (C,)
///     target: classes, (N, ...)
///     weight: (C,)
///     reduction: 0 none, 1 the weighted mean, 2 sum; `torch.nn.functional` names them
///     ignore_index: a class that counts for nothing
///
/// Raises:
///     IndexError: a class out of range.
///
/// >>> torch.nn.functional.nll_loss(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
/// tensor(2.)
EXPOSE(
    "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> "
    "Tensor",
    nll_loss, Forms::nn | Forms::float32);

/// The negative log likelihood of softmax(x): -weight[y] log_softmax(x)[y].
///
/// Args:
///     self: logits, (N, C, ...) or (C,)
///     target: classes, (N, ...), or probabilities of the logits' shape
///     weight: (C,)
///     reduction: 0 none, 1 the weighted mean, 2 sum; `torch.nn.functional` names them
///     ignore_index: a class that counts for nothing
///     label_smoothing: in [0, 1]: how much of the target is spread over all classes
///
/// >>> torch.nn.functional.cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
/// tensor(0.6931)
///
/// Source: Szegedy et al., Rethinking the Inception architecture, 2016, section 7, for label smoothing.
EXPOSE(
    "cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, "
    "float label_smoothing=0.0) -> Tensor",
    cross_entropy, Forms::nn | Forms::float32);

}  // namespace flambeau
