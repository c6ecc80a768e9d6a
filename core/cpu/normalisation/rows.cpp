#include "core/cpu/normalisation/normalisation.h"

#include <algorithm>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

// Elements that are worth a thread of their own.
constexpr int64_t kGrain = 16384;
// Rows are summed into so many gradients of the parameters at most, which are then added in their order: the
// result does not depend on the number of threads, except where one gradient is itself large.
constexpr int64_t kParts = 32, kLarge = 65536;

int64_t parts_of(const NormShape& shape) {
  const int64_t parts = std::min({kParts, shape.rows, 1 + shape.rows * shape.size() / kGrain});
  return shape.parameters() <= kLarge ? parts : std::min<int64_t>(parts, num_threads());
}

template <class T>
void add_parts(const T* parts, int64_t count, int64_t n, T* sums) {
  if (!sums) return;
  parallel_for(0, n, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      double sum = 0;
      for (int64_t p = 0; p < count; ++p) sum += static_cast<double>(parts[p * n + i]);
      sums[i] = static_cast<T>(sum);
    }
  });
}

template <class T>
void backward(NormBackwardKernel kernel, const NormShape& shape, const void* grad_output, const void* x,
              const void* weight, const void* means, const void* scales, void* grad_input, T* grad_weight,
              T* grad_bias) {
  const int64_t parts = parts_of(shape), n = shape.parameters();
  std::vector<T> weights(static_cast<size_t>(grad_weight ? parts * n : 0));
  std::vector<T> biases(static_cast<size_t>(grad_bias ? parts * n : 0));
  parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p)
      kernel(shape, shape.rows * p / parts, shape.rows * (p + 1) / parts, grad_output, x, weight, means,
             scales, grad_input, grad_weight ? weights.data() + p * n : nullptr,
             grad_bias ? biases.data() + p * n : nullptr);
  });
  add_parts(weights.data(), parts, n, grad_weight);
  add_parts(biases.data(), parts, n, grad_bias);
}

// Rows so long that their parts of the parameters' gradients should not be kept apart.
bool is_long(const NormShape& s) {
  return s.inner == 1 && s.groups == 1 && (s.channels > kLarge || (s.channels > 4096 && s.rows <= 64));
}

void backward_of_long_rows(DType dtype, const NormShape& shape, const void* grad_output, const void* x,
                           const void* weight, const void* means, const void* scales, void* grad_input,
                           void* grad_weight, void* grad_bias) {
  const NormKernels& kernels = cpu::kernels().normalisation;
  std::vector<TwoSums> sums(static_cast<size_t>(shape.rows));
  if (grad_input)
    parallel_for(0, shape.rows, 1, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r)
        sums[static_cast<size_t>(r)] =
            kernels.row_sums[static_cast<int>(dtype)](shape, r, grad_output, x, weight, means, scales);
    });
  parallel_for(0, shape.size(), std::max<int64_t>(1024, kGrain / shape.rows),
               [&](int64_t first, int64_t last) {
                 kernels.column_gradients[static_cast<int>(dtype)](shape, first, last, grad_output, x, weight,
                                                                   means, scales, sums.data(), grad_input,
                                                                   grad_weight, grad_bias);
               });
}

}  // namespace

void normalize_rows(DType dtype, const NormShape& shape, const void* x, const void* weight, const void* bias,
                    void* y, void* means, void* scales) {
  if (shape.size() == 0) return;  // the statistics of nothing are asked for by nobody
  if (shape.channels_last) return normalize_groups_last(dtype, shape, x, weight, bias, y, means, scales);
  const NormKernel kernel = kernels().normalisation.forward[static_cast<int>(dtype)];
  parallel_for(0, shape.rows, 1 + kGrain / shape.size(), [&](int64_t first, int64_t last) {
    kernel(shape, first, last, x, weight, bias, y, means, scales);
  });
}

void normalize_rows_backward(DType dtype, const NormShape& shape, const void* grad_output, const void* x,
                             const void* weight, const void* means, const void* scales, void* grad_input,
                             void* grad_weight, void* grad_bias) {
  const NormBackwardKernel kernel = kernels().normalisation.backward[static_cast<int>(dtype)];
  NormShape rows = shape;
  if (shape.size() == 0) rows.rows = 0;
  if (rows.rows > 0 && shape.channels_last)
    return normalize_groups_last_backward(dtype, shape, grad_output, x, weight, means, scales, grad_input,
                                          grad_weight, grad_bias);
  if (rows.rows > 0 && is_long(shape))
    return backward_of_long_rows(dtype, shape, grad_output, x, weight, means, scales, grad_input, grad_weight,
                                 grad_bias);
  visit_floating(compute_dtype(dtype), "native_layer_norm_backward", [&]<class T>() {
    backward(kernel, rows, grad_output, x, weight, means, scales, grad_input, static_cast<T*>(grad_weight),
             static_cast<T*>(grad_bias));
  });
}

}  // namespace flambeau::cpu
