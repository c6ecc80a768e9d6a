// Connectionist temporal classification.
#include <algorithm>
#include <limits>

#include "core/ops/loss/losses.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

constexpr const char* kWhere = " (while checking arguments for ctc_loss_allocate_outputs)";

// The lengths and starts of the samples, which forward and derivative share.
struct Sequences {
  std::vector<int64_t> inputs, targets, starts;
  int64_t blank, states;
  bool zero_infinity;
};

Sequences checked_sequences(const Tensor& scores, const Tensor& targets, IntList input_lengths,
                            IntList target_lengths, int64_t blank, bool zero_infinity) {
  const int64_t steps = scores.sizes()[0], batch = scores.sizes()[1];
  check(scores.numel() > 0, "log_probs tensor must not be empty");
  check(blank >= 0 && blank < scores.sizes()[2], "blank must be in label range");
  check(static_cast<int64_t>(input_lengths.size()) == batch, "input_lengths must be of size batch_size");
  check(static_cast<int64_t>(target_lengths.size()) == batch, "target_lengths must be of size batch_size");
  check(targets.dim() == 1 || targets.dim() == 2, "Expected 1 to 2 dimensions, but got ", targets.dim(),
        "-dimensional tensor for argument #2 'targets'", kWhere);
  Sequences s{{input_lengths.begin(), input_lengths.end()},
              {target_lengths.begin(), target_lengths.end()},
              {},
              blank,
              0,
              zero_infinity};
  int64_t total = 0, longest = 0;
  for (int64_t length : s.targets) {
    check(length >= 0, "Expected target_lengths to have value at least 0, but got value ", length, kWhere);
    s.starts.push_back(targets.dim() == 1 ? total
                                          : static_cast<int64_t>(s.starts.size()) * targets.sizes()[1]);
    check(!__builtin_add_overflow(total, length, &total), "target_lengths are too large", kWhere);
    longest = std::max(longest, length);
  }
  if (targets.dim() == 1) {
    check(targets.sizes()[0] == total, "Expected tensor to have size ", total,
          " at dimension 0, but got size ", targets.sizes()[0], " for argument #2 'targets'", kWhere);
  } else {
    check(targets.sizes()[0] == batch, "Expected tensor to have size ", batch,
          " at dimension 0, but got size ", targets.sizes()[0], " for argument #2 'targets'", kWhere);
    check(targets.sizes()[1] >= longest, "Expected tensor to have size at least ", longest,
          " at dimension 1, but got size ", targets.sizes()[1], " for argument #2 'targets'", kWhere);
  }
  for (int64_t length : s.inputs) {
    check(length >= 0, "Expected input_lengths to have value at least 0, but got value ", length, kWhere);
    check(length <= steps, "Expected input_lengths to have value at most ", steps, ", but got value ", length,
          kWhere);
  }
  s.states = 2 * longest + 1;
  return s;
}

backend::CtcLoss geometry(const Dims& sizes, const Tensor& labels, const Sequences& s) {
  return {sizes[0],        sizes[1],        sizes[2],         s.blank,  labels.data<const int64_t>(),
          s.starts.data(), s.inputs.data(), s.targets.data(), s.states, s.zero_infinity};
}

int64_t nanoseconds(const backend::CtcLoss& loss) { return loss.steps * loss.batch * loss.states * 10; }

// Targets may have changed since they were checked in the forward: derivatives check again.
void check_labels(const backend::CtcLoss& loss) {
  const int64_t bad = backend::current().find_bad_label(loss);
  if (bad >= 0) [[unlikely]]
    fail<IndexError>("Target ", loss.targets[bad], " is out of bounds. There are ", loss.classes, " classes");
}

Tensor gradient(const Tensor& grad, const Tensor& scores, const Tensor& labels, const Tensor& losses,
                const Tensor& alphas, const Sequences& s) {
  auto refuse = [](const Tensor&) -> Tensor {
    fail<RuntimeError>("derivative for aten::_ctc_loss_backward is not implemented");
  };
  return differentiable(
      "NotImplemented", {},
      [&] {
        const Tensor x = as_contiguous(scores), g = as_contiguous(grad);
        Tensor result = empty(x.sizes(), x.dtype());
        const backend::CtcLoss loss = geometry(x.sizes(), labels, s);
        check_labels(loss);
        const WithoutGil guard(nanoseconds(loss));
        backend::current().ctc_loss_backward(x.dtype(), loss, g->data, x->data, losses->data, alphas->data,
                                             result->data);
        return result;
      },
      wrt(grad, refuse), wrt(scores, refuse));
}

// [steps][batch][classes] to [batch].
Tensor losses_of(const Tensor& scores, const Tensor& labels, const Sequences& s) {
  const Tensor alphas = empty(Dims{scores.sizes()[1], scores.sizes()[0], s.states}, scores.dtype());
  return differentiable(
      "CtcLossBackward0", {},
      [&] {
        const Tensor x = as_contiguous(scores);
        Tensor result = empty(Dims{x.sizes()[1]}, x.dtype());
        const backend::CtcLoss loss = geometry(x.sizes(), labels, s);
        check_labels(loss);
        const WithoutGil guard(nanoseconds(loss));
        backend::current().ctc_loss(x.dtype(), loss, x->data, result->data, alphas->data);
        return result;
      },
      wrt(scores, [x = saved(scores), t = saved(labels), a = saved(alphas), s](const Tensor& grad,
                                                                               const Tensor& losses) {
        return gradient(grad, x(), t(), losses, a(), s);
      }));
}

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, IntList input_lengths, IntList target_lengths,
                int64_t blank, int64_t reduction, bool zero_infinity) {
  check(log_probs.dim() == 2 || log_probs.dim() == 3, "Expected 2 to 3 dimensions, but got ", log_probs.dim(),
        "-dimensional tensor for argument #1 'log_probs'", kWhere);
  const bool batched = log_probs.dim() == 3;
  const Tensor scores = batched ? log_probs : unsqueeze(log_probs, 1);
  const Sequences s = checked_sequences(scores, targets, input_lengths, target_lengths, blank, zero_infinity);
  if (scores.dtype() != DType::Float32 && scores.dtype() != DType::Float64)
    not_implemented_for("ctc_loss_cpu", scores.dtype());
  const Tensor labels =
      as_contiguous(targets.dtype() == DType::Int64 ? targets : cast_copy(targets, DType::Int64));
  Tensor losses = losses_of(scores, labels, s);
  if (zero_infinity)
    losses = where(eq(losses, Scalar(std::numeric_limits<double>::infinity())), Scalar(0), losses);
  if (reduction == static_cast<int64_t>(LossReduction::Mean)) {
    std::vector<Tensor> divisors;
    for (int64_t length : s.targets)
      divisors.push_back(
          scalar_tensor(Scalar(static_cast<double>(std::max<int64_t>(length, 1))), losses.dtype()));
    return mean(div(losses, stack(divisors, 0)));
  }
  if (reduction == static_cast<int64_t>(LossReduction::Sum)) return sum(losses);
  return batched ? losses : squeeze(losses, Dims{0});
}

std::vector<int64_t> lengths(const char* name, const Tensor& t) {
  check(t.dtype() <= DType::Int64 && t.dtype() != DType::Bool, name, " must be integral");
  const Tensor values =
      as_contiguous(on_host(t.dtype() == DType::Int64 ? t : cast_copy(t, DType::Int64), name));
  const auto* first = values.data<const int64_t>();
  return {first, first + values.numel()};
}

Tensor ctc_loss_tensors(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                        const Tensor& target_lengths, int64_t blank, int64_t reduction, bool zero_infinity) {
  const std::vector<int64_t> inputs = lengths("input_lengths", input_lengths),
                             outputs = lengths("target_lengths", target_lengths);
  return ctc_loss(log_probs, targets, inputs, outputs, blank, reduction, zero_infinity);
}

/// The negative logarithm of the probability that a sequence of class scores spells a target, over all ways
/// to stretch the target by repetition and blanks.
///
/// Args:
///     log_probs: (T, N, C) or (T, C), logarithms of probabilities (log_softmax)
///     targets: (N, S), or all labels in a row; none is `blank`
///     input_lengths: (N,), how many steps of each sample count
///     target_lengths: (N,), how many labels of each sample count
///     blank: the class between labels
///     reduction: 0 for a loss each, 1 for the mean of those divided by the target's length, 2 for the sum
///     zero_infinity: whether infinite losses, of targets that are too long, count as 0
///
/// Raises:
///     RuntimeError: lengths that do not fit.
///
/// >>> scores = torch.full((2, 1, 2), 0.5).log()  # three of four sequences spell the label
/// >>> torch.ctc_loss(scores, torch.tensor([[1]]), (2,), (1,)).exp()
/// tensor(1.3333)
///
/// Source: Graves, Fernandez, Gomez and Schmidhuber, Connectionist temporal classification, 2006.
EXPOSE(
    "ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int "
    "reduction=1, bool zero_infinity=False) -> Tensor",
    ctc_loss, function | Forms::float32);
EXPOSE(
    "ctc_loss(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, "
    "int "
    "reduction=1, bool zero_infinity=False) -> Tensor",
    ctc_loss_tensors, function | Forms::float32);

}  // namespace
}  // namespace flambeau
