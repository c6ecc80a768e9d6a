// Max pooling over windows that follow no stride: adaptive, and fractional.
#include <algorithm>
#include <array>

#include "core/math/half.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pooling/pooling.h"
#include "core/tensor/gil.h"
#include "core/tensor/listed.h"

namespace flambeau {
namespace {

using namespace pooling;

// The gradient's way back by positions asks for the sizes alone.
Geometry sizes_of(const WindowGeometry& w) {
  Geometry g{w.kind, {}, w.input, w.output, w.channels_last};
  g.shape.planes = w.windows.planes;
  for (int d = 0; d < kPoolAxes; ++d) {
    g.shape.input[d] = w.windows.input[d];
    g.shape.output[d] = w.windows.output[d];
    g.shape.kernel[d] = g.shape.stride[d] = g.shape.dilation[d] = 1;
    g.shape.padding[d] = 0;
  }
  return g;
}

std::tuple<Tensor, Tensor> max_of_windows(const Tensor& self, const WindowGeometry& w) {
  if (!is_floating(self.dtype()))
    fail<NotImplementedError>('"', w.kind->kernel, "\" not implemented for '", scalar_type_name(self.dtype()),
                              "'");
  const Tensor index = empty(w.output, DType::Int64);
  const Geometry g = sizes_of(w);
  const Tensor values = differentiable(
      w.kind->node, Out{},
      [&] {
        const Tensor x = as_contiguous(widened(self));
        Tensor output = empty(w.output, x.dtype());
        {
          const WithoutGil guard(x.numel() + output.numel());
          backend::current().max_pool_windows(x.dtype(), w.windows, x->data, output->data,
                                              index.data<int64_t>());
        }
        return in_order(narrowed(output, self.dtype()), w.channels_last);
      },
      wrt(self, [g, where = saved(index), pooled = history_of(self)](const Tensor& grad) {
        return max_backward(grad, where(), pooled, g);
      }));
  return {values, in_order(index, w.channels_last)};
}

// ---- adaptive

constexpr Kind kAdaptive2d{"AdaptiveMaxPool2DBackward0", "AdaptiveMaxPool2DBackwardBackward0",
                           "adaptive_max_pool2d", true, false};
constexpr Kind kAdaptive3d{"AdaptiveMaxPool3DBackward0", "AdaptiveMaxPool3DBackwardBackward0",
                           "adaptive_max_pool3d_cpu", false, false};

void check_filled(const Tensor& self, const char* name) {
  const Dims& sizes = self.sizes();
  for (int i = 1; i < self.dim(); ++i)
    check(sizes[i] > 0, name,
          "(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ", sizes,
          " with dimension ", i, " being empty");
}

std::tuple<Tensor, Tensor> adaptive_max(const Tensor& self, int axes, IntList output_size) {
  const char* name = axes == 2 ? "adaptive_max_pool2d" : "adaptive_max_pool3d";
  check(self.dim() == axes + 1 || self.dim() == axes + 2, name, "(): Expected ", axes + 1, "D or ", axes + 2,
        "D tensor, but got: ", self.sizes());
  check_filled(self, name);
  check(output_size.size() == static_cast<size_t>(axes), name,
        "(): internal error: output_size.size() must be ", axes);
  return max_of_windows(self,
                        adaptive_windows(self, axes, output_size, axes == 2 ? kAdaptive2d : kAdaptive3d));
}

}  // namespace

std::tuple<Tensor, Tensor> adaptive_max_pool2d(const Tensor& self, IntList output_size) {
  return adaptive_max(self, 2, output_size);
}

/// Maxima of windows that share the image evenly: output i covers rows floor(i H / H') to ceil((i + 1) H /
/// H').
///
/// Args:
///     self: (N, C, H, W) or (C, H, W), floating point
///     output_size: H' and W'
///
/// Returns:
///     The values and their positions in the flattened image (int64), both (N, C, H', W').
///
/// Raises:
///     RuntimeError: an image without elements, a negative size.
///
/// >>> values, indices = torch._C._nn.adaptive_max_pool2d(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), [1, 2])
/// >>> indices.tolist()
/// [[[2, 3]]]
EXPOSE("adaptive_max_pool2d(Tensor self, int[] output_size) -> (Tensor, Tensor)", adaptive_max_pool2d, nn);

std::tuple<Tensor, Tensor> adaptive_max_pool3d(const Tensor& self, IntList output_size) {
  return adaptive_max(self, 3, output_size);
}

/// Maxima of windows that share the volume evenly; see `adaptive_max_pool2d`.
///
/// Args:
///     self: (N, C, D, H, W) or (C, D, H, W), floating point
///     output_size: D', H' and W'
///
/// Returns:
///     The values and their positions in the flattened volume (int64), both (N, C, D', H', W').
///
/// >>> x = torch.arange(8.0).reshape(1, 2, 2, 2)
/// >>> torch._C._nn.adaptive_max_pool3d(x, [1, 1, 2])[1].tolist()
/// [[[[6, 7]]]]
EXPOSE("adaptive_max_pool3d(Tensor self, int[] output_size) -> (Tensor, Tensor)", adaptive_max_pool3d,
       nn | Forms::float32);

std::tuple<Tensor, Tensor> adaptive_max_pool1d(const Tensor& self, IntList output_size) {
  check_signal(self, "adaptive_max_pool1d");
  check_single(output_size, "adaptive_max_pool1d", "output_size");
  check_filled(self, "adaptive_max_pool1d");
  constexpr int64_t height = -2;
  const std::array<int64_t, 2> size = {1, output_size[0]};
  const auto [values, index] = adaptive_max(unsqueeze(self, -2), 2, size);
  return {squeeze(values, IntList(&height, 1)), squeeze(index, IntList(&height, 1))};
}

/// Maxima of windows that share the signal evenly: output i covers floor(i L / L') to ceil((i + 1) L / L').
///
/// Args:
///     self: (N, C, L) or (C, L), floating point
///     output_size: L'
///
/// Returns:
///     The values and their positions (int64), both (N, C, L').
///
/// Raises:
///     RuntimeError: a signal without elements, a negative size.
///
/// >>> torch.adaptive_max_pool1d(torch.tensor([[1.0, 3.0, 2.0]]), 2)[1].tolist()
/// [[1, 1]]
EXPOSE("adaptive_max_pool1d(Tensor self, int[] output_size) -> (Tensor, Tensor)", adaptive_max_pool1d,
       function | nn);

namespace {

// ---- fractional

constexpr Kind kFractional2d{"FractionalMaxPool2DBackward0", "FractionalMaxPool2DBackwardBackward0",
                             "fractional_max_pool2d_out_frame", false, false};
constexpr Kind kFractional3d{"FractionalMaxPool3DBackward0", "FractionalMaxPool3DBackwardBackward0",
                             "fractional_max_pool3d_out_frame", false, false};

// Arithmetic of an element type: a result of half precision is rounded at every step.
float rounded(float x, DType dtype) {
  if (dtype == DType::Float16) return math::Half::of(x);
  if (dtype == DType::BFloat16) return math::BFloat16::of(x);
  return x;
}
double rounded(double x, DType) { return x; }

// Where the windows along an axis start: at steps of alpha = (in - pool) / (out - 1), all moved by a random
// part of one, and the last one at the end.
template <class T>
void draw_starts(T sample, DType dtype, int64_t in, int64_t out, int64_t pool, int64_t* starts) {
  if (out > 1) {
    const T alpha =
        rounded(rounded(static_cast<T>(in - pool), dtype) / rounded(static_cast<T>(out - 1), dtype), dtype);
    const auto base = static_cast<int64_t>(rounded(sample * alpha, dtype));
    for (int64_t i = 0; i + 1 < out; ++i) {
      const T moved = rounded(rounded(static_cast<T>(i), dtype) + sample, dtype);
      starts[i] = static_cast<int64_t>(rounded(moved * alpha, dtype)) - base;
    }
  }
  if (out > 0) starts[out - 1] = in - pool;
}

void check_samples(const Tensor& self, const Tensor& samples, int axes, int64_t batch, int64_t channels) {
  check(self.dtype() == samples.dtype(), "Expect _random_samples to have the same dtype as input");
  check(samples.dim() == 3, "Expect _random_samples to have 3 dimensions, got ", samples.dim());
  check(samples.sizes()[0] >= batch, "Expect _random_samples.size(0) no less then input batch size.");
  check(samples.sizes()[1] == channels, "Expect _random_samples.size(1) equals to input channel size.");
  check(samples.sizes()[2] == axes, "Expect _random_samples.size(2) equals to ", axes, "; got ",
        samples.sizes()[2], ".");
}

std::tuple<Tensor, Tensor> fractional_max(const Tensor& self, int axes, IntList kernel_size,
                                          IntList output_size, const Tensor& samples) {
  const char* name = axes == 2 ? "fractional_max_pool2d" : "fractional_max_pool3d";
  const char* place = axes == 2 ? "fractional_max_pool2d()" : "fractional_max_pool3d_out()";
  const char* ints = axes == 2 ? "a single Int or tuple of Ints" : "a single Int or tuple of three Ints";
  const auto per_axis = [&](IntList values, const char* what) {
    check(values.size() == 1 || values.size() == static_cast<size_t>(axes), name, ": ", what,
          " must either be ", ints, ", but got ", Listed{values});
    Axes all = {1, 1, 1};
    for (int d = 0; d < axes; ++d)
      all[static_cast<size_t>(kPoolAxes - axes + d)] =
          values[values.size() == 1 ? 0 : static_cast<size_t>(d)];
    return all;
  };
  const Axes kernel = per_axis(kernel_size, "kernel_size"), output = per_axis(output_size, "output_size");
  const Dims& sizes = self.sizes();
  check(self.dim() == axes + 1 || self.dim() == axes + 2, place, ": Expected ", axes + 1, "D or ", axes + 2,
        "D tensor, but got: ", sizes);
  const int lead = self.dim() - axes;
  for (int i = lead - 1; i < self.dim(); ++i)
    check(sizes[i] > 0, place, ": Expected input to have non-zero size for non-batch dimensions, but got",
          sizes, " with dimension ", i, " being empty.");
  WindowGeometry g{axes == 2 ? &kFractional2d : &kFractional3d, {}, sizes, sizes, false, Tensor()};
  backend::PoolWindows& w = g.windows;
  const int64_t batch = lead == 2 ? sizes[0] : 1, channels = sizes[lead - 1];
  w.planes = batch * channels;
  w.own_tables = true;
  constexpr std::array<const char*, kPoolAxes> kAxisNames = {"time", "height", "width"};
  for (int i = 0; i < axes; ++i) g.output[lead + i] = output[static_cast<size_t>(kPoolAxes - axes + i)];
  for (int i = 0; i < axes; ++i)
    check(g.output[lead + i] >= 0, "Trying to create tensor with negative dimension ", g.output[lead + i],
          ": ", g.output);
  for (int d = 0; d < kPoolAxes; ++d) {
    const auto at = static_cast<size_t>(d);
    const int axis = d - (kPoolAxes - axes);
    w.input[d] = axis < 0 ? 1 : sizes[lead + axis];
    w.output[d] = output[at];
    check(output[at] <= w.input[d] && kernel[at] <= w.input[d] - output[at] + 1, place, ": pool ",
          kAxisNames[at], " ", kernel[at], " too large relative to input ", kAxisNames[at], " ", w.input[d]);
    check(kernel[at] > 0, place, ": kernel_size must be greater than zero, but got ", kernel[at]);
  }
  check_samples(self, samples, axes, batch, channels);
  if (!is_floating(self.dtype()))
    fail<NotImplementedError>('"', g.kind->kernel, "\" not implemented for '", scalar_type_name(self.dtype()),
                              "'");
  // Where tensors have no values, any windows will do.
  const Tensor wide =
      backend::current().has_values ? as_contiguous(widened(on_host(samples, name))) : Tensor();
  make_tables(g, [&](int d, int64_t* first, int64_t* last, int64_t*) {
    // PyTorch draws for the width first where there are two axes, for the depth where there are three.
    const int64_t column = axes == 2 ? kPoolAxes - 1 - d : d;
    for (int64_t plane = 0; plane < w.planes; ++plane) {
      int64_t* starts = first + plane * w.output[d];
      const int64_t at = plane * axes + column;
      if (d < kPoolAxes - axes)
        starts[0] = 0;
      else if (!wide)
        std::fill(starts, starts + w.output[d], 0);
      else if (wide.dtype() == DType::Float64)
        draw_starts(wide.data<double>()[at], self.dtype(), w.input[d], w.output[d],
                    kernel[static_cast<size_t>(d)], starts);
      else
        draw_starts(wide.data<float>()[at], self.dtype(), w.input[d], w.output[d],
                    kernel[static_cast<size_t>(d)], starts);
      for (int64_t o = 0; o < w.output[d]; ++o) {
        // A sample outside of [0, 1) must not lead out of the input.
        starts[o] = std::clamp<int64_t>(starts[o], 0, w.input[d] - kernel[static_cast<size_t>(d)]);
        last[plane * w.output[d] + o] = starts[o] + kernel[static_cast<size_t>(d)];
      }
    }
  });
  return max_of_windows(self, g);
}

}  // namespace

std::tuple<Tensor, Tensor> fractional_max_pool2d(const Tensor& self, IntList kernel_size, IntList output_size,
                                                 const Tensor& random_samples) {
  return fractional_max(self, 2, kernel_size, output_size, random_samples);
}

/// The largest element of windows at random places, so that the image shrinks by a fraction.
///
/// Args:
///     self: (N, C, H, W) or (C, H, W), floating point
///     kernel_size: the windows, a number or two
///     output_size: H' and W', a number or two
///     random_samples: (N, C, 2), where in [0, 1) the windows of each image lie
///
/// Returns:
///     The values and their positions in the flattened image (int64), both (N, C, H', W').
///
/// Raises:
///     RuntimeError: windows that do not fit, samples of another shape or element type.
///
/// >>> x = torch.arange(9.0).reshape(1, 3, 3)
/// >>> torch._C._nn.fractional_max_pool2d(x, 2, 2, torch.zeros(1, 1, 2))[0].tolist()
/// [[[4.0, 5.0], [7.0, 8.0]]]
///
/// Source: Graham, Fractional max-pooling, 2014.
EXPOSE(
    "fractional_max_pool2d(Tensor self, int[] kernel_size, int[] output_size, Tensor random_samples) -> "
    "(Tensor, Tensor)",
    fractional_max_pool2d, nn | Forms::float32);

std::tuple<Tensor, Tensor> fractional_max_pool3d(const Tensor& self, IntList kernel_size, IntList output_size,
                                                 const Tensor& random_samples) {
  return fractional_max(self, 3, kernel_size, output_size, random_samples);
}

/// The largest element of windows at random places; see `fractional_max_pool2d`.
///
/// Args:
///     self: (N, C, D, H, W) or (C, D, H, W), floating point
///     kernel_size, output_size: a number or three
///     random_samples: (N, C, 3)
///
/// Returns:
///     The values and their positions in the flattened volume (int64), both (N, C, D', H', W').
///
/// >>> x = torch.arange(8.0).reshape(1, 2, 2, 2)
/// >>> torch._C._nn.fractional_max_pool3d(x, 2, 1, torch.zeros(1, 1, 3))[0].tolist()
/// [[[[7.0]]]]
EXPOSE(
    "fractional_max_pool3d(Tensor self, int[] kernel_size, int[] output_size, Tensor random_samples) -> "
    "(Tensor, Tensor)",
    fractional_max_pool3d, nn | Forms::float32);

}  // namespace flambeau
