// Means of windows: avg_pool1d, avg_pool2d, avg_pool3d and the adaptive ones. They are linear; the gradient
// is an operator whose derivative is the mean again.
#include <algorithm>
#include <array>

#include "core/ops/channels_last.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pooling/pooling.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using namespace pooling;
using backend::PoolWindows;

int64_t estimated_nanoseconds(const WindowGeometry& g) {
  const auto volume = [](const int64_t (&n)[kPoolAxes]) { return n[0] * n[1] * n[2]; };
  return g.windows.planes * (volume(g.windows.input) + volume(g.windows.output)) / 4;
}

void check_dtype(DType dtype, const Kind& kind) {
  if (!backend::current().has_mean_pool(compute_dtype(dtype)) || (is_integral(dtype) && !kind.takes_integers))
    fail<NotImplementedError>('"', kind.kernel, "\" not implemented for '", scalar_type_name(dtype), "'");
}

Tensor mean_backward(const Tensor& grad_output, const Tensor& pooled, const WindowGeometry& g);

// The windows as they lie over images whose channels lie last, many enough of them.
PoolWindows windows_of(const WindowGeometry& g, bool channels_last, DType dtype) {
  PoolWindows windows = g.windows;
  if (channels_last && is_floating(dtype) && g.input[1] >= kFewChannels) windows.channels = g.input[1];
  return windows;
}

Tensor mean_of_windows(const Tensor& self, const WindowGeometry& g, const Out& out = {}) {
  return differentiable(
      g.kind->node, out,
      [&] {
        check_dtype(self.dtype(), *g.kind);
        const PoolWindows windows =
            windows_of(g, !self.is_contiguous() && has_channels_last(self), self.dtype());
        const bool last = windows.channels > 0;
        const Tensor wide = widened(self);
        const Tensor x = last ? Layout{true}.of(wide, wide.dtype()) : as_contiguous_padded(wide);
        const Tensor output = Layout{last}.fresh(g.output, x.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(g));
          backend::current().mean_pool(x.dtype(), windows, x->data, output->data);
        }
        const Tensor result = narrowed(output, self.dtype());
        if (out.target) {
          const Tensor target = result_for(out, g.output, self.dtype());
          copy_into(target, result);
          return target;
        }
        if (last) return g.channels_last ? result : as_contiguous(result);
        return in_order(result, g.channels_last);
      },
      wrt(self, [g, pooled = g.kind->gradient_knows_input ? history_of(self) : Tensor()](const Tensor& grad) {
        return mean_backward(grad, pooled, g);
      }));
}

// As in PyTorch the result may depend on the pooled tensor too, with derivative zero.
Tensor mean_backward(const Tensor& grad_output, const Tensor& pooled, const WindowGeometry& g) {
  return differentiable(
      g.kind->backward_node, Out{},
      [&] {
        const PoolWindows windows = windows_of(g, g.channels_last, grad_output.dtype());
        const bool last = windows.channels > 0;
        const Tensor wide = widened(grad_output);
        const Tensor dy = last ? Layout{true}.of(wide, wide.dtype()) : as_contiguous_padded(wide);
        const Tensor grad_input = Layout{last}.fresh(g.input, dy.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(g));
          backend::current().mean_pool_backward(dy.dtype(), windows, dy->data, grad_input->data);
        }
        const Tensor result = narrowed(grad_input, grad_output.dtype());
        return last ? result : in_order(result, g.channels_last);
      },
      wrt(grad_output, [g](const Tensor& grad) { return mean_of_windows(grad, g); }),
      wrt(pooled, [g](const Tensor& grad) { return zeros(g.input, grad.dtype()); }));
}

constexpr Kind kAverage2d{"AvgPool2DBackward0", "AvgPool2DBackwardBackward0", "avg_pool2d", true, true};
constexpr Kind kAverage3d{"AvgPool3DBackward0", "AvgPool3DBackwardBackward0", "avg_pool3d_out_frame", false,
                          true};
constexpr Kind kAdaptive2d{"AdaptiveAvgPool2DBackward0", "AdaptiveAvgPool2DBackwardBackward0",
                           "adaptive_avg_pool2d", true, false};
// PyTorch takes the mean of a whole image as any mean.
constexpr Kind kWhole{"MeanBackward1", "DivBackward0", "mean", false, false, false};
constexpr Kind kAdaptive3d{"AdaptiveAvgPool3DBackward0", "AdaptiveAvgPool3DBackwardBackward0",
                           "adaptive_avg_pool3d_cpu", false, false};

// The windows of an average pooling, cut off at the borders. What a mean divides by is a product over the
// axes: the window's size, which may count the padding, or one number for all.
WindowGeometry average_windows(const Geometry& g, bool count_include_pad, std::optional<int64_t> divisor) {
  const backend::PoolShape& s = g.shape;
  WindowGeometry result{g.kind, {}, g.input, g.output, g.channels_last, Tensor()};
  backend::PoolWindows& w = result.windows;
  w.planes = s.planes;
  w.own_tables = false;
  for (int d = 0; d < kPoolAxes; ++d) w.input[d] = s.input[d], w.output[d] = s.output[d];
  make_tables(result, [&](int d, int64_t* first, int64_t* last, int64_t* count) {
    for (int64_t o = 0; o < s.output[d]; ++o) {
      const int64_t start = o * s.stride[d] - s.padding[d];
      const int64_t padded_end = std::min(start + s.kernel[d], s.input[d] + s.padding[d]);
      first[o] = std::max<int64_t>(start, 0);
      last[o] = std::min(padded_end, s.input[d]);
      // A window of padding alone has the mean 0.
      count[o] = divisor ? (d == 0 ? *divisor : 1)
                         : std::max<int64_t>(1, count_include_pad ? padded_end - start : last[o] - first[o]);
    }
  });
  return result;
}

Tensor avg_pool(const Tensor& self, const Arguments& arguments, bool count_include_pad,
                std::optional<int64_t> divisor, const Out& out) {
  check(divisor != 0, "divisor must be not zero");
  const Geometry g = geometry(self, arguments, arguments.axes == 2 ? kAverage2d : kAverage3d);
  return mean_of_windows(self, average_windows(g, count_include_pad, divisor), out);
}

constexpr int64_t kOne = 1;
constexpr IntList kUndilated(&kOne, 1);
constexpr int64_t kHeight = -2;

}  // namespace

Tensor avg_pool2d(const Tensor& self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                  bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override,
                  const Out& out) {
  return avg_pool(self, arguments("avg_pool2d", 2, kernel_size, stride, padding, kUndilated, ceil_mode),
                  count_include_pad, divisor_override, out);
}

/// The mean of each window.
///
/// Args:
///     self: (N, C, H, W) or (C, H, W), floating point or int64
///     kernel_size: the window, a number or two
///     stride: its step, the window's size by default
///     padding: how many zeros are put around the input, at most half the window
///     ceil_mode: whether windows may reach beyond the end
///     count_include_pad: whether the zeros count
///     divisor_override: what sums are divided by instead of the window's size
///
/// Returns:
///     (N, C, H', W') with H' = (H + 2 padding - kernel) // stride + 1.
///
/// Raises:
///     RuntimeError: padding above half the window, a divisor of 0, or an output without elements.
///
/// >>> torch.nn.functional.avg_pool2d(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), 2).tolist()
/// [[[3.0]]]
EXPOSE(
    "avg_pool2d(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, bool ceil_mode=False, "
    "bool count_include_pad=True, int? divisor_override=None) -> Tensor",
    avg_pool2d, nn | out);

Tensor avg_pool3d(const Tensor& self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                  bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override,
                  const Out& out) {
  return avg_pool(self, arguments("avg_pool3d", 3, kernel_size, stride, padding, kUndilated, ceil_mode),
                  count_include_pad, divisor_override, out);
}

/// The mean of each window.
///
/// Args:
///     self: (N, C, D, H, W) or (C, D, H, W), floating point or int64
///     kernel_size, stride, padding: a number or three
///     ceil_mode, count_include_pad, divisor_override: as of `avg_pool2d`
///
/// Returns:
///     (N, C, D', H', W').
///
/// Raises:
///     RuntimeError: padding above half the window, a window larger than the input, a divisor of 0.
///
/// >>> torch.nn.functional.avg_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
/// [[[[3.5]]]]
EXPOSE(
    "avg_pool3d(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, bool ceil_mode=False, "
    "bool count_include_pad=True, int? divisor_override=None) -> Tensor",
    avg_pool3d, nn | out | Forms::float32);

namespace pooling {

void check_signal(const Tensor& self, const char* name) {
  check(self.dim() == 2 || self.dim() == 3, "Expected 2 to 3 dimensions, but got ", self.dim(),
        "-dimensional tensor for argument #1 'self' (while checking arguments for ", name, ")");
}
void check_single(IntList values, const char* name, const char* argument) {
  check(values.size() == 1, name, "() argument '", argument, "' should contain one int (got ", values.size(),
        ")");
}

}  // namespace pooling

// As an image of height 1.
Tensor avg_pool1d(const Tensor& self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                  bool ceil_mode, bool count_include_pad) {
  const IntList steps = stride && !stride->empty() ? *stride : kernel_size;
  check_signal(self, "avg_pool1d");
  check_single(kernel_size, "avg_pool1d", "kernel_size");
  check_single(steps, "avg_pool1d", "stride");
  check_single(padding, "avg_pool1d", "padding");
  const std::array<int64_t, 2> kernel = {1, kernel_size[0]}, step = {1, steps[0]}, pad = {0, padding[0]};
  const Tensor image = unsqueeze(self, -2);
  return squeeze(
      avg_pool2d(image, kernel, IntList(step), pad, ceil_mode, count_include_pad, std::nullopt, {}),
      IntList(&kHeight, 1));
}

/// The mean of each window.
///
/// Args:
///     self: (N, C, L) or (C, L), floating point or int64
///     kernel_size, stride, padding, ceil_mode, count_include_pad: as of `torch.nn.functional.avg_pool2d`
///
/// Returns:
///     (N, C, L').
///
/// Raises:
///     RuntimeError: padding above half the window, or an output without elements.
///
/// >>> torch.avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
/// [[2.0, 1.0]]
EXPOSE(
    "avg_pool1d(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, bool ceil_mode=False, "
    "bool count_include_pad=True) -> Tensor",
    avg_pool1d, function | nn);

namespace {

// The mean over the last axes, each of which is to become 1. As in PyTorch whatever has a mean may come here.
Tensor mean_of_all(const Tensor& self, IntList ones) {
  const int axes = static_cast<int>(ones.size());
  constexpr std::array<int64_t, 3> last = {-1, -2, -3};
  const bool image = self.dim() == axes + 1 || self.dim() == axes + 2;
  if (!image || self.numel() == 0 || !is_floating(self.dtype()))
    return mean_dims(self, IntList(last.data(), ones.size()), true);
  return mean_of_windows(self, adaptive_windows(self, axes, ones, kWhole));
}

}  // namespace

Tensor adaptive_avg_pool2d(const Tensor& self, IntList output_size) {
  check(output_size.size() == 2, "adaptive_avg_pool2d: output_size must be 2");
  check(output_size[0] >= 0 && output_size[1] >= 0,
        "adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0 but received {",
        output_size[0], ", ", output_size[1], "}");
  if (output_size[0] == 1 && output_size[1] == 1) return mean_of_all(self, output_size);
  check(self.dim() == 3 || self.dim() == 4, "adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got ",
        self.sizes());
  for (int i = self.dim() - 2; i < self.dim(); ++i)
    check(
        self.sizes()[i] > 0,
        "adaptive_avg_pool2d(): Expected input to have non-zero size for non-batch dimensions, but input has "
        "sizes ",
        self.sizes(), " with dimension ", i, " being empty");
  return mean_of_windows(self, adaptive_windows(self, 2, output_size, kAdaptive2d));
}

/// Means of windows that share the image evenly: output i covers rows floor(i H / H') to ceil((i + 1) H /
/// H').
///
/// Args:
///     self: (N, C, H, W) or (C, H, W), floating point
///     output_size: H' and W'
///
/// Returns:
///     (N, C, H', W').
///
/// Raises:
///     RuntimeError: an image without elements, a negative size.
///
/// >>> torch._C._nn.adaptive_avg_pool2d(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), [1, 2]).tolist()
/// [[[2.0, 4.0]]]
EXPOSE("adaptive_avg_pool2d(Tensor self, int[] output_size) -> Tensor", adaptive_avg_pool2d, nn);

Tensor adaptive_avg_pool3d(const Tensor& self, IntList output_size) {
  check(output_size.size() == 3, "adaptive_avg_pool3d: output_size must be 3");
  check(output_size[0] >= 0 && output_size[1] >= 0 && output_size[2] >= 0,
        "adaptive_avg_pool3d: elements of output_size must be greater than or equal to 0 but received {",
        output_size[0], ", ", output_size[1], ",", output_size[2], "}");
  if (output_size[0] == 1 && output_size[1] == 1 && output_size[2] == 1)
    return mean_of_all(self, output_size);
  check(self.dim() == 4 || self.dim() == 5, "adaptive_avg_pool3d(): Expected 4D or 5D tensor, but got ",
        self.sizes());
  for (int i = 1; i < self.dim(); ++i)
    check(
        self.sizes()[i] > 0,
        "adaptive_avg_pool3d(): Expected input to have non-zero size for non-batch dimensions, but input has "
        "sizes ",
        self.sizes(), " with dimension ", i, " being empty");
  return mean_of_windows(self, adaptive_windows(self, 3, output_size, kAdaptive3d));
}

/// Means of windows that share the volume evenly; see `adaptive_avg_pool2d`.
///
/// Args:
///     self: (N, C, D, H, W) or (C, D, H, W), floating point
///     output_size: D', H' and W'
///
/// Returns:
///     (N, C, D', H', W').
///
/// >>> torch._C._nn.adaptive_avg_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), [1, 1, 2]).tolist()
/// [[[[3.0, 4.0]]]]
EXPOSE("adaptive_avg_pool3d(Tensor self, int[] output_size) -> Tensor", adaptive_avg_pool3d,
       nn | Forms::float32);

Tensor adaptive_avg_pool1d(const Tensor& self, IntList output_size) {
  check_signal(self, "adaptive_avg_pool1d");
  check_single(output_size, "adaptive_avg_pool1d", "output_size");
  const std::array<int64_t, 2> size = {1, output_size[0]};
  return squeeze(adaptive_avg_pool2d(unsqueeze(self, -2), size), IntList(&kHeight, 1));
}

/// Means of windows that share the signal evenly: output i covers floor(i L / L') to ceil((i + 1) L / L').
///
/// Args:
///     self: (N, C, L) or (C, L), floating point
///     output_size: L'
///
/// Returns:
///     (N, C, L').
///
/// Raises:
///     RuntimeError: a signal without elements, a negative size.
///
/// >>> torch.adaptive_avg_pool1d(torch.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
/// [[2.0, 2.5]]
EXPOSE("adaptive_avg_pool1d(Tensor self, int[] output_size) -> Tensor", adaptive_avg_pool1d, function | nn);

}  // namespace flambeau
