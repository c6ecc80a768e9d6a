// Kernel source: compiled once per instruction set.
#include "core/cpu/convolution/conv.h"

#include "core/cpu/convolution/by_channels.h"
#include "core/cpu/convolution/correlation.h"
#include "core/cpu/convolution/depthwise.h"
#include "core/cpu/convolution/weight_dots.h"
#include "core/cpu/convolution/weight_gradient.h"
#include "core/cpu/convolution/winograd.h"
#include "core/cpu/convolution/winograd_gradient.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// How the kernel meets the image along one axis.
struct AxisWindow {
  int64_t kernel, stride, padding, dilation, output;
};

// The image's side; channels are those of all groups.
template <class T>
Correlation<T> correlation(const ConvShape& s, int64_t channels, int64_t out_channels, const T* image,
                           const int64_t* size, const AxisWindow (&window)[kConvAxes]) {
  Correlation<T> p{};
  p.slices = window[0].output;
  p.batch = s.batch * p.slices;
  p.groups = s.groups;
  p.planes = size[0];
  p.depth_taps = window[0].kernel;
  p.depth_stride = window[0].stride;
  p.depth_padding = window[0].padding;
  p.depth_dilation = window[0].dilation;
  p.channels = channels / s.groups * p.depth_taps;
  p.out_channels = out_channels / s.groups;
  for (int d = 0; d < 2; ++d) {
    p.input[d] = size[d + 1];
    p.kernel[d] = window[d + 1].kernel;
    p.stride[d] = window[d + 1].stride;
    p.padding[d] = window[d + 1].padding;
    p.dilation[d] = window[d + 1].dilation;
    p.output[d] = window[d + 1].output;
  }
  p.image = image;
  p.image_plane = size[1] * size[2];
  p.image_channel = size[0] * p.image_plane;
  p.image_group = channels / s.groups * p.image_channel;
  p.image_batch = channels * p.image_channel;
  return p;
}

// The output's side: every step[d]-th element of planes of this size.
template <class T>
void write_to(Correlation<T>& p, T* out, const int64_t* size, const int64_t* step) {
  p.out = out;
  p.out_channel = size[0] * size[1] * size[2];
  p.out_batch = p.groups * p.out_channels * p.out_channel;
  p.out_slice = step[0] * size[1] * size[2];
  p.out_step[0] = step[1] * size[2];
  p.out_step[1] = step[2];
}

template <class T>
Correlation<T> forward_correlation(const ConvShape& s, const T* input, T* output) {
  AxisWindow window[kConvAxes];
  for (int d = 0; d < kConvAxes; ++d)
    window[d] = {s.kernel[d], s.stride[d], s.padding[d], s.dilation[d], s.output[d]};
  Correlation<T> p = correlation(s, s.in_channels, s.out_channels, input, s.input, window);
  constexpr int64_t step[kConvAxes] = {1, 1, 1};
  write_to(p, output, s.output, step);
  return p;
}

template <class T>
void correlate(const Correlation<T>& p) {
  if (p.batch == 0 || p.positions() == 0 || p.out_channels == 0) return;
  if (Depthwise<T>::possible(p) && p.out_step[1] == 1 && p.out_step[0] == p.output[1])
    Depthwise<T>(&p, 1, p.out, p.output[0], p.output[1]).run(p.out);
  else if (winograd_is_cheaper(p))
    Winograd<T>(p).run();
  else if (winograd_of_parts_is_cheaper(p))
    for (int64_t a = 0; a < p.dilation[0]; ++a)
      for (int64_t b = 0; b < p.dilation[1]; ++b) Winograd<T>(undilated_part(p, a, b)).run();
  else {
    const double flat = flat_cost(p), packed = packed_cost(p);
    if (ByChannels<T>::possible(p) && ByChannels<T>::cost(p) < smaller(flat, packed))
      ByChannels<T>(p).run();
    else if (flat < packed)
      correlate_flat(p);
    else
      correlate_packed(p);
  }
}

template <class T>
void forward(const ConvShape& s, const T* input, const T* weight, const T* bias, T* output) {
  Correlation<T> p = forward_correlation(s, input, output);
  const int64_t plane = s.kernel[1] * s.kernel[2], window = s.window(), taps = p.taps();
  p.weights = {weight, p.out_channels * taps, taps, window, plane, {s.kernel[2], 1}};
  p.bias = bias;
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
  int64_t tap(int64_t t) const { return first_tap + t * tap_step; }
};

template <class T>
Correlation<T> phase_correlation(const ConvShape& s, const GradientPhase (&phase)[kConvAxes],
                                 const T* grad_output, const T* weight, const T* bias, T* grad_input) {
  const auto& [z, y, x] = phase;
  AxisWindow window[kConvAxes];
  for (int d = 0; d < kConvAxes; ++d)
    window[d] = {phase[d].taps, 1, phase[d].padding, phase[d].dilation, phase[d].count};
  Correlation<T> p = correlation(s, s.out_channels, s.in_channels, grad_output, s.output, window);
  write_to(p, grad_input + (z.first * s.input[1] + y.first) * s.input[2] + x.first, s.input, s.stride);
  p.bias = bias;

  // Tap t of the correlation is tap (taps - 1 - t) of the phase.
  const int64_t kernel = s.window(), plane = s.kernel[1] * s.kernel[2];
  const auto last = [](const GradientPhase& axis) { return axis.taps == 0 ? 0 : axis.tap(axis.taps - 1); };
  p.weights = {weight + last(z) * plane + last(y) * s.kernel[2] + last(x),
               s.out_channels / s.groups * p.out_channels * kernel,
               kernel,
               p.out_channels * kernel,
               -z.tap_step * plane,
               {-y.tap_step * s.kernel[2], -x.tap_step}};
  return p;
}

template <class T>
void input_gradient(const ConvShape& s, const T* grad_output, const T* weight, const T* bias, T* grad_input) {
  constexpr int kMostTogether = 9;
  const bool together = s.stride[0] == 1 && s.stride[1] * s.stride[2] <= kMostTogether;
  Correlation<T> parts[kMostTogether];
  int count = 0;
  for (int64_t a = 0; a < s.stride[0]; ++a)
    for (int64_t b = 0; b < s.stride[1]; ++b)
      for (int64_t c = 0; c < s.stride[2]; ++c) {
        const GradientPhase phase[kConvAxes] = {{s, 0, a}, {s, 1, b}, {s, 2, c}};
        if (phase[0].count <= 0 || phase[1].count <= 0 || phase[2].count <= 0) continue;
        const Correlation<T> p = phase_correlation(s, phase, grad_output, weight, bias, grad_input);
        if (together && Depthwise<T>::possible(p))
          parts[count++] = p;
        else
          correlate(p);
      }
  if (count > 0 && s.batch > 0)
    Depthwise<T>(parts, count, grad_input, s.input[1], s.input[2]).run(grad_input);
}

template <class T>
void weight_gradient(const ConvShape& s, const T* input, const T* grad_output, T* grad_weight, T* grad_bias) {
  const Correlation<T> p = forward_correlation(s, input, static_cast<T*>(nullptr));
  if (p.batch == 0 || p.positions() == 0) {
    for (int64_t i = 0; i < s.out_channels * p.taps(); ++i) grad_weight[i] = 0;
    for (int64_t o = 0; grad_bias && o < s.out_channels; ++o) grad_bias[o] = 0;
    return;
  }
  if (s.out_channels == 0) return;
  if (!grad_bias && Depthwise<T>::possible(p) && p.groups > (num_threads() - 1) * kLanes<T>)
    return Depthwise<T>(&p, 1, p.out, p.output[0], p.output[1]).weight_gradient(grad_output, grad_weight);
  // With few output channels to a group, lanes along the channels would stay empty.
  if (p.groups >= num_threads() && p.groups > 1 && 2 * p.out_channels < kLanes<T>)
    weight_gradient_by_dots(p, grad_output, grad_weight, grad_bias);
  else if (!grad_bias && winograd_is_cheaper(p))
    WinogradGradient<T>(p, grad_output, grad_weight).run();
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
