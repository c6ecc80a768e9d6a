// Group normalisation of images whose channels lie last, by the kernels of batch normalisation: sample by
// sample, and in it by channel; a group's moments are joined from its channels'.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

constexpr int64_t kGrain = 16384;

ChannelShape of_channels(const NormShape& s) {
  return {s.rows / s.groups, s.parameters(), s.inner, true, s.eps};
}

// Calls body(sample) on a few threads.
template <class Body>
void for_samples(const ChannelShape& s, Body body) {
  parallel_for(0, s.samples, 1 + kGrain / (s.channels * s.inner), [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) body(n);
  });
}
// Calls body(block) over blocks of a sample's rows, on a few threads where the caller is alone.
template <class Body>
void for_rows(const ChannelShape& s, int64_t sample, Body body) {
  parallel_for(sample * s.inner, (sample + 1) * s.inner, 1 + kGrain / s.channels,
               [&](int64_t first, int64_t last) { body(ChannelBlock{0, first, last}); });
}

template <class T>
void forward(DType dtype, const NormShape& shape, const void* x, const T* weight, const T* bias, void* y,
             T* means, T* scales) {
  const ChannelKernels& kernels = cpu::kernels().normalisation.channels[1];
  const ChannelShape s = of_channels(shape);
  const double inner = static_cast<double>(s.inner), channels = static_cast<double>(shape.channels);
  for_samples(s, [&](int64_t n) {
    std::vector<double> moments(static_cast<size_t>(2 * s.channels));
    std::vector<T> factors(static_cast<size_t>(3 * s.channels));
    double* const mean_of = moments.data();
    double* const squares_of = mean_of + s.channels;
    T* const mean = factors.data();
    T* const factor = mean + s.channels;
    T* const summand = factor + s.channels;
    kernels.moments[static_cast<int>(dtype)](s, {0, n * s.inner, (n + 1) * s.inner}, x, mean_of, squares_of);
    for (int64_t g = 0; g < shape.groups; ++g) {
      const int64_t c0 = g * shape.channels, c1 = c0 + shape.channels, row = n * shape.groups + g;
      double group_mean = 0, squares = 0;
      for (int64_t c = c0; c < c1; ++c) group_mean += mean_of[c];
      group_mean /= channels;
      for (int64_t c = c0; c < c1; ++c) {
        const double step = mean_of[c] - group_mean;
        squares += squares_of[c] + step * step * inner;
      }
      const double scale = 1 / std::sqrt(std::max(squares, 0.0) / (inner * channels) + s.eps);
      means[row] = static_cast<T>(group_mean);
      scales[row] = static_cast<T>(scale);
      for (int64_t c = c0; c < c1; ++c) {
        mean[c] = means[row];
        factor[c] = static_cast<T>(weight ? scale * static_cast<double>(weight[c]) : scale);
        summand[c] = bias ? bias[c] : T(0);
      }
    }
    for_rows(s, n, [&](const ChannelBlock& block) {
      kernels.scale[static_cast<int>(dtype)](s, block, x, mean, factor, summand, y);
    });
  });
}

// The formulas are those of the rows: dx = scale * (u - mean(u) - h * mean(u * h)), u = g * weight.
template <class T>
void backward(DType dtype, const NormShape& shape, const void* g, const void* x, const T* weight,
              const T* means, const T* scales, void* grad_input, T* grad_weight, T* grad_bias) {
  const ChannelKernels& kernels = cpu::kernels().normalisation.channels[1];
  const ChannelShape s = of_channels(shape);
  const double size = static_cast<double>(shape.size());
  // Of every sample, its parts of the gradients of summands and factors.
  std::vector<double> parts(static_cast<size_t>(2 * s.samples * s.channels));
  for_samples(s, [&](int64_t n) {
    std::vector<T> factors(static_cast<size_t>(4 * s.channels));
    T* const mean = factors.data();
    T* const of_gradient = mean + s.channels;
    T* const of_input = of_gradient + s.channels;
    T* const summand = of_input + s.channels;
    double* const sums = parts.data() + 2 * n * s.channels;
    double* const products = sums + s.channels;
    for (int64_t c = 0; c < s.channels; ++c) mean[c] = means[n * shape.groups + c / shape.channels];
    kernels.products[static_cast<int>(dtype)](s, {0, n * s.inner, (n + 1) * s.inner}, g, x, mean, sums,
                                              products);
    for (int64_t group = 0; group < shape.groups; ++group) {
      const int64_t c0 = group * shape.channels, c1 = c0 + shape.channels;
      const double scale = static_cast<double>(scales[n * shape.groups + group]);
      double sum_u = 0, sum_uh = 0;
      for (int64_t c = c0; c < c1; ++c) {
        const double w = weight ? static_cast<double>(weight[c]) : 1.0;
        products[c] *= scale;
        sum_u += w * sums[c];
        sum_uh += w * products[c];
        of_gradient[c] = static_cast<T>(scale * w);
      }
      for (int64_t c = c0; c < c1; ++c) {
        of_input[c] = static_cast<T>(-scale * scale * (sum_uh / size));
        summand[c] = static_cast<T>(-scale * (sum_u / size));
      }
    }
    if (grad_input)
      for_rows(s, n, [&](const ChannelBlock& block) {
        kernels.combine[static_cast<int>(dtype)](s, block, g, x, mean, of_gradient, of_input, summand,
                                                 grad_input);
      });
  });
  for (int64_t c = 0; c < s.channels; ++c) {
    double sum = 0, product = 0;
    for (int64_t n = 0; n < s.samples; ++n) {
      sum += parts[static_cast<size_t>(2 * n * s.channels + c)];
      product += parts[static_cast<size_t>((2 * n + 1) * s.channels + c)];
    }
    if (grad_bias) grad_bias[c] = static_cast<T>(sum);
    if (grad_weight) grad_weight[c] = static_cast<T>(product);
  }
}

}  // namespace

void normalize_groups_last(DType dtype, const NormShape& shape, const void* x, const void* weight,
                           const void* bias, void* y, void* means, void* scales) {
  visit_floating(dtype, "group_norm", [&]<class T>() {
    forward<T>(dtype, shape, x, static_cast<const T*>(weight), static_cast<const T*>(bias), y,
               static_cast<T*>(means), static_cast<T*>(scales));
  });
}

void normalize_groups_last_backward(DType dtype, const NormShape& shape, const void* grad_output,
                                    const void* x, const void* weight, const void* means, const void* scales,
                                    void* grad_input, void* grad_weight, void* grad_bias) {
  visit_floating(dtype, "group_norm_backward", [&]<class T>() {
    backward<T>(dtype, shape, grad_output, x, static_cast<const T*>(weight), static_cast<const T*>(means),
                static_cast<const T*>(scales), grad_input, static_cast<T*>(grad_weight),
                static_cast<T*>(grad_bias));
  });
}

}  // namespace flambeau::cpu
