// Kernel source: compiled once per instruction set.
#include "core/cpu/convolution/conv.h"

#include "core/cpu/convolution/correlation.h"
#include "core/cpu/convolution/weight_dots.h"
#include "core/cpu/convolution/weight_gradient.h"
#include "core/cpu/convolution/winograd.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <class T>
Correlation<T> forward_correlation(const ConvShape& s, const T* input) {
  Correlation<T> p{};
  p.batch = s.batch;
  p.groups = s.groups;
  p.channels = s.in_channels / s.groups;
  p.out_channels = s.out_channels / s.groups;
  for (int d = 0; d < 2; ++d) {
    p.input[d] = s.input[d];
    p.kernel[d] = s.kernel[d];
    p.stride[d] = s.stride[d];
    p.padding[d] = s.padding[d];
    p.dilation[d] = s.dilation[d];
    p.output[d] = s.output[d];
  }
  p.image = input;
  p.image_channel = s.input[0] * s.input[1];
  p.image_batch = s.in_channels * p.image_channel;
  return p;
}

template <class T>
void correlate(const Correlation<T>& p) {
  if (p.batch == 0 || p.positions() == 0 || p.out_channels == 0) return;
  if (winograd_is_cheaper(p))
    Winograd<T>(p).run();
  else if (flat_is_cheaper(p))
    correlate_flat(p);
  else
    correlate_packed(p);
}

template <class T>
void forward(const ConvShape& s, const T* input, const T* weight, const T* bias, T* output) {
  Correlation<T> p = forward_correlation(s, input);
  const int64_t taps = p.taps();
  T* packed = scratch<T>(kWeightSlot, s.out_channels * taps);
  for (int64_t g = 0; g < p.groups; ++g) {
    const T* from = weight + g * p.out_channels * taps;
    pack_weight(p.out_channels, taps, packed + g * p.out_channels * taps,
                [&](int64_t m, int64_t k) { return from[m * taps + k]; });
  }
  p.weight = packed;
  p.bias = bias;
  p.out = output;
  p.out_channel = p.positions();
  p.out_batch = s.out_channels * p.out_channel;
  p.out_step[0] = s.output[1];
  p.out_step[1] = 1;
  correlate(p);
}

// Along one axis, the inputs i with (i + padding) % stride == phase, and the taps that reach them: input
// i = first + stride u' receives tap first_tap + (taps - 1 - t) tap_step from output u' + t dilation -
// padding.
struct GradientPhase {
  int64_t first, count, first_tap, taps, tap_step, dilation, padding;

  GradientPhase(const ConvShape& s, int d, int64_t phase) {
    const int64_t stride = s.stride[d], before = s.padding[d];
    const int64_t divisor = greatest_common_divisor(stride, s.dilation[d]);
    tap_step = stride / divisor;
    dilation = s.dilation[d] / divisor;
    const int64_t u0 = before > phase ? ceil_div(before - phase, stride) : 0;
    first = stride * u0 + phase - before;
    count = first < s.input[d] ? (s.input[d] - 1 - first) / stride + 1 : 0;
    first_tap = 0;
    while (first_tap < tap_step && first_tap * s.dilation[d] % stride != phase) ++first_tap;
    taps = first_tap < tap_step && first_tap < s.kernel[d] ? (s.kernel[d] - 1 - first_tap) / tap_step + 1 : 0;
    padding = taps == 0 ? 0 : (first_tap * s.dilation[d] - phase) / stride + (taps - 1) * dilation - u0;
  }
};

template <class T>
void input_gradient_phase(const ConvShape& s, const GradientPhase& y, const GradientPhase& x,
                          const T* grad_output, const T* weight, T* grad_input) {
  const GradientPhase* phase[2] = {&y, &x};
  Correlation<T> p{};
  p.batch = s.batch;
  p.groups = s.groups;
  p.channels = s.out_channels / s.groups;
  p.out_channels = s.in_channels / s.groups;
  for (int d = 0; d < 2; ++d) {
    p.input[d] = s.output[d];
    p.kernel[d] = phase[d]->taps;
    p.stride[d] = 1;
    p.padding[d] = phase[d]->padding;
    p.dilation[d] = phase[d]->dilation;
    p.output[d] = phase[d]->count;
  }
  p.image = grad_output;
  p.image_channel = s.output[0] * s.output[1];
  p.image_batch = s.out_channels * p.image_channel;

  const int64_t taps = p.taps(), window = s.kernel[0] * s.kernel[1];
  int64_t* source = scratch<int64_t>(kPositionSlot, taps);
  int64_t k = 0;
  for (int64_t o = 0; o < p.channels; ++o)
    for (int64_t r = y.taps - 1; r >= 0; --r)
      for (int64_t c = x.taps - 1; c >= 0; --c)
        source[k++] = o * p.out_channels * window + (y.first_tap + r * y.tap_step) * s.kernel[1] +
                      x.first_tap + c * x.tap_step;
  T* packed = scratch<T>(kWeightSlot, s.in_channels * taps);
  for (int64_t g = 0; g < p.groups; ++g) {
    const T* from = weight + g * p.channels * p.out_channels * window;
    pack_weight(p.out_channels, taps, packed + g * p.out_channels * taps,
                [&](int64_t m, int64_t tap) { return from[m * window + source[tap]]; });
  }
  p.weight = packed;
  p.out = grad_input + y.first * s.input[1] + x.first;
  p.out_channel = s.input[0] * s.input[1];
  p.out_batch = s.in_channels * p.out_channel;
  p.out_step[0] = s.stride[0] * s.input[1];
  p.out_step[1] = s.stride[1];
  correlate(p);
}

template <class T>
void input_gradient(const ConvShape& s, const T* grad_output, const T* weight, T* grad_input) {
  for (int64_t a = 0; a < s.stride[0]; ++a) {
    const GradientPhase y(s, 0, a);
    for (int64_t b = 0; y.count > 0 && b < s.stride[1]; ++b) {
      const GradientPhase x(s, 1, b);
      if (x.count > 0) input_gradient_phase(s, y, x, grad_output, weight, grad_input);
    }
  }
}

template <class T>
void weight_gradient(const ConvShape& s, const T* input, const T* grad_output, T* grad_weight, T* grad_bias) {
  const Correlation<T> p = forward_correlation(s, input);
  if (p.batch == 0 || p.positions() == 0) {
    for (int64_t i = 0; i < s.out_channels * p.taps(); ++i) grad_weight[i] = 0;
    for (int64_t o = 0; grad_bias && o < s.out_channels; ++o) grad_bias[o] = 0;
    return;
  }
  if (s.out_channels == 0) return;
  // With few output channels to a group, lanes along the channels would stay empty.
  if (p.groups >= num_threads() && p.groups > 1 && 2 * p.out_channels <= kLanes<T>)
    weight_gradient_by_dots(p, grad_output, grad_weight, grad_bias);
  else
    WeightGradient<T>(p, grad_output, grad_weight, grad_bias).run();
}

template <class T>
constexpr ConvFunctions<T> kFunctions = {forward<T>, input_gradient<T>, weight_gradient<T>};

}  // namespace

void fill(ConvKernels& table) {
  table.f32 = kFunctions<float>;
  table.f64 = kFunctions<double>;
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
