#include "core/cpu/softmax/softmax.h"

#include <algorithm>
#include <memory>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {
namespace {

// Elements that are worth a thread of their own: an exponential each.
constexpr int64_t kGrain = 8192;

// body(first, last) over ranges of the outer axis.
template <class Body>
void over_outer(const SoftmaxShape& shape, Body body) {
  const int64_t block = std::max<int64_t>(1, shape.size * shape.inner);
  parallel_for(0, shape.outer, (kGrain + block - 1) / block, body);
}

template <class Item>
Item* offset(Item* p, int64_t items, DType dtype) {
  using Byte = std::conditional_t<std::is_const_v<Item>, const char, char>;
  return p ? static_cast<Byte*>(p) + items * static_cast<int64_t>(item_size(dtype)) : nullptr;
}

void run(const SoftmaxKernel kernel, DType dtype, SoftmaxShape shape, const void* x, void* y,
         int64_t y_block) {
  if (y_block == 0) return;  // the outer axis of nothing may be as long as it likes
  over_outer(shape, [&](int64_t first, int64_t last) {
    kernel({last - first, shape.size, shape.inner}, offset(x, first * shape.size * shape.inner, dtype),
           offset(y, first * y_block, dtype));
  });
}

void run_backward(const SoftmaxBackwardKernel kernel, DType dtype, SoftmaxShape shape,
                  const void* grad_output, const void* y, void* grad_input) {
  if (shape.size * shape.inner == 0) return;
  over_outer(shape, [&](int64_t first, int64_t last) {
    const int64_t at = first * shape.size * shape.inner;
    kernel({last - first, shape.size, shape.inner}, offset(grad_output, at, dtype), offset(y, at, dtype),
           offset(grad_input, at, dtype));
  });
}

ClassLoss part_of(const ClassLoss& loss, int64_t first, int64_t last) {
  ClassLoss part = loss;
  part.shape.outer = last - first;
  part.targets += first * loss.shape.inner;
  return part;
}

// The losses' sum, or their sum over the weights' sum.
template <class T>
void reduce_losses(LossReduction reduction, int64_t n, const T* losses, const T* weights, T* output,
                   T* total_weight) {
  double loss = 0, weight = 0;
  for (int64_t i = 0; i < n; ++i) {
    loss += static_cast<double>(losses[i]);
    weight += static_cast<double>(weights[i]);
  }
  if (total_weight) *total_weight = static_cast<T>(weight);
  if (reduction != LossReduction::None)
    *output = static_cast<T>(reduction == LossReduction::Mean ? loss / weight : loss);
}

// Runs body(losses, weights) with buffers for one number a position, and reduces what it wrote.
template <class T, class Body>
void with_reduction(const ClassLoss& loss, void* output, void* total_weight, Body body) {
  const int64_t n = loss.shape.outer * loss.shape.inner;
  const bool keep = loss.reduction == LossReduction::None;
  const auto buffer = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(2 * n));
  T* const losses = keep ? static_cast<T*>(output) : buffer.get() + n;
  body(losses, buffer.get());
  reduce_losses(loss.reduction, n, losses, buffer.get(), static_cast<T*>(output),
                static_cast<T*>(total_weight));
}

double divisor_of(const ClassLoss& loss, DType dtype, const void* total_weight) {
  if (loss.reduction != LossReduction::Mean) return 1;
  return dtype == DType::Float32 ? static_cast<double>(*static_cast<const float*>(total_weight))
                                 : *static_cast<const double*>(total_weight);
}

template <class T>
void nll(const ClassLoss& loss, const T* scores, void* output, void* total_weight) {
  const SoftmaxShape s = loss.shape;
  const T* const weight = static_cast<const T*>(loss.weight);
  with_reduction<T>(loss, output, total_weight, [&](T* losses, T* weights) {
    parallel_for(0, s.outer, kGrain / std::max<int64_t>(1, s.inner) + 1, [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o)
        for (int64_t c = 0; c < s.inner; ++c) {
          const int64_t at = o * s.inner + c, target = loss.targets[at];
          const bool counts = target != loss.ignore_index;
          const T w = !counts ? T(0) : weight ? weight[target] : T(1);
          weights[at] = w;
          losses[at] = counts ? -w * scores[(o * s.size + target) * s.inner + c] : T(0);
        }
    });
  });
}

template <class T>
void nll_backward(const ClassLoss& loss, const T* grad_output, double divisor, T* grad_input) {
  const SoftmaxShape s = loss.shape;
  const T* const weight = static_cast<const T*>(loss.weight);
  const int64_t stride = loss.reduction == LossReduction::None;
  over_outer(s, [&](int64_t first, int64_t last) {
    std::fill(grad_input + first * s.size * s.inner, grad_input + last * s.size * s.inner, T(0));
    for (int64_t o = first; o < last; ++o)
      for (int64_t c = 0; c < s.inner; ++c) {
        const int64_t at = o * s.inner + c, target = loss.targets[at];
        if (target == loss.ignore_index) continue;
        const double w = weight ? static_cast<double>(weight[target]) : 1.0;
        grad_input[(o * s.size + target) * s.inner + c] =
            static_cast<T>(-w * static_cast<double>(grad_output[at * stride]) / divisor);
      }
  });
}

}  // namespace

void softmax(DType dtype, SoftmaxShape shape, const void* x, void* y) {
  run(kernels().softmax.softmax[static_cast<int>(dtype)], dtype, shape, x, y, shape.size * shape.inner);
}
void log_softmax(DType dtype, SoftmaxShape shape, const void* x, void* y) {
  run(kernels().softmax.log_softmax[static_cast<int>(dtype)], dtype, shape, x, y, shape.size * shape.inner);
}
void logsumexp(DType dtype, SoftmaxShape shape, const void* x, void* y) {
  run(kernels().softmax.logsumexp[static_cast<int>(dtype)], dtype, shape, x, y, shape.inner);
}
void softmax_backward(DType dtype, SoftmaxShape shape, const void* grad_output, const void* y,
                      void* grad_input) {
  run_backward(kernels().softmax.softmax_backward[static_cast<int>(dtype)], dtype, shape, grad_output, y,
               grad_input);
}
void log_softmax_backward(DType dtype, SoftmaxShape shape, const void* grad_output, const void* y,
                          void* grad_input) {
  run_backward(kernels().softmax.log_softmax_backward[static_cast<int>(dtype)], dtype, shape, grad_output, y,
               grad_input);
}

int64_t find_bad_target(const ClassLoss& loss) {
  const int64_t n = loss.shape.outer * loss.shape.inner;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t target = loss.targets[i];
    if ((target < 0 || target >= loss.shape.size) && target != loss.ignore_index) return i;
  }
  return -1;
}

void nll_loss(DType dtype, const ClassLoss& loss, const void* log_probabilities, void* output,
              void* total_weight) {
  if (dtype == DType::Float32)
    nll(loss, static_cast<const float*>(log_probabilities), output, total_weight);
  else
    nll(loss, static_cast<const double*>(log_probabilities), output, total_weight);
}

void nll_loss_backward(DType dtype, const ClassLoss& loss, const void* grad_output, const void* total_weight,
                       void* grad_input) {
  const double divisor = divisor_of(loss, dtype, total_weight);
  if (dtype == DType::Float32)
    nll_backward(loss, static_cast<const float*>(grad_output), divisor, static_cast<float*>(grad_input));
  else
    nll_backward(loss, static_cast<const double*>(grad_output), divisor, static_cast<double*>(grad_input));
}

void cross_entropy(DType dtype, const ClassLoss& loss, const void* logits, void* output, void* log_normalizer,
                   void* total_weight) {
  const ClassLossKernel kernel = kernels().softmax.cross_entropy[static_cast<int>(dtype)];
  const SoftmaxShape s = loss.shape;
  const auto fill = [&](void* losses, void* weights) {
    over_outer(s, [&](int64_t first, int64_t last) {
      const int64_t at = first * s.inner;
      kernel(part_of(loss, first, last), offset(logits, at * s.size, dtype), offset(losses, at, dtype),
             offset(weights, at, dtype), offset(log_normalizer, at, dtype));
    });
  };
  if (dtype == DType::Float32)
    with_reduction<float>(loss, output, total_weight, fill);
  else
    with_reduction<double>(loss, output, total_weight, fill);
}

void cross_entropy_backward(DType dtype, const ClassLoss& loss, const void* grad_output, const void* logits,
                            const void* log_normalizer, const void* total_weight, void* grad_logits) {
  const ClassLossBackwardKernel kernel = kernels().softmax.cross_entropy_backward[static_cast<int>(dtype)];
  const SoftmaxShape s = loss.shape;
  const int64_t stride = loss.reduction == LossReduction::None;
  const double divisor = divisor_of(loss, dtype, total_weight);
  over_outer(s, [&](int64_t first, int64_t last) {
    const int64_t at = first * s.inner;
    kernel(part_of(loss, first, last), offset(grad_output, at * stride, dtype), stride, divisor,
           offset(logits, at * s.size, dtype), offset(log_normalizer, at, dtype),
           offset(grad_logits, at * s.size, dtype));
  });
}

}  // namespace flambeau::cpu
