// Convolutions: conv1d, conv2d. Forward, input gradient and weight gradient are each linear in both of their
// arguments and derivatives of one another, so the three operators close under differentiation of any order.
#include <array>
#include <limits>

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"
#include "core/tensor/listed.h"

namespace flambeau {
namespace {

struct ConvGeometry {
  backend::ConvShape shape;
  Dims input, weight, output;  // sizes of the tensors, batched
  bool channels_last = false;  // the results' order in memory, those of the derivatives too
};

Tensor in_order(const Tensor& result, const ConvGeometry& geometry) {
  return geometry.channels_last ? with_channels_last(result) : result;
}

// The dtype in which a convolution is computed: sums of integers wrap around alike in a wider type.
DType convolution_dtype(DType dtype, const backend::ConvShape& shape) {
  const bool dilated = shape.dilation[0] != 1 || shape.dilation[1] != 1;
  const bool integer = is_integral(dtype) && dtype != DType::Bool && !is_wide_unsigned(dtype) &&
                       (!dilated || dtype == DType::Int64);
  const DType compute = integer ? DType::Int64 : compute_dtype(dtype);
  if (!backend::current().has_convolution(compute))
    fail<NotImplementedError>(dilated ? "\"slow_conv_dilated<>\"" : "\"slow_conv2d_cpu\"",
                              " not implemented for '", scalar_type_name(dtype), "'");
  return compute;
}

// About 30 multiplications in a nanosecond.
int64_t estimated_nanoseconds(const backend::ConvShape& s) {
  const double multiplications = static_cast<double>(s.batch * s.output[0] * s.output[1]) *
                                 static_cast<double>(s.out_channels * s.kernel[0] * s.kernel[1]) *
                                 static_cast<double>(s.in_channels / s.groups);
  return static_cast<int64_t>(multiplications / 30);
}

Tensor convolution_input_gradient(const Tensor& grad_output, const Tensor& weight,
                                  const ConvGeometry& geometry);
Tensor convolution_weight_gradient(const Tensor& input, const Tensor& grad_output,
                                   const ConvGeometry& geometry);

Tensor convolution(const Tensor& input, const Tensor& weight, const Tensor& bias,
                   const ConvGeometry& geometry) {
  return differentiable(
      "ConvolutionBackward0", Out{},
      [&] {
        const DType compute = convolution_dtype(input.dtype(), geometry.shape);
        const Tensor x = as_contiguous_padded(narrowed(input, compute)),
                     w = as_contiguous(narrowed(weight, compute)),
                     b = bias ? as_contiguous(narrowed(bias, compute)) : Tensor();
        Tensor output = empty(geometry.output, compute);
        {
          const WithoutGil guard(estimated_nanoseconds(geometry.shape));
          backend::current().convolution(x.dtype(), geometry.shape, x->data, w->data, b ? b->data : nullptr,
                                         output->data);
        }
        return in_order(narrowed(output, input.dtype()), geometry);
      },
      wrt(input, [geometry, w = saved(weight)](
                     const Tensor& grad) { return convolution_input_gradient(grad, w(), geometry); }),
      wrt(weight, [geometry, x = saved(input)](
                      const Tensor& grad) { return convolution_weight_gradient(x(), grad, geometry); }),
      wrt(bias, [](const Tensor& grad) {
        constexpr std::array<int64_t, 3> all_but_channels = {0, 2, 3};
        return sum_dims(grad, IntList(all_but_channels.data(), static_cast<size_t>(grad.dim() - 1)));
      }));
}

Tensor convolution_input_gradient(const Tensor& grad_output, const Tensor& weight,
                                  const ConvGeometry& geometry) {
  return differentiable(
      "ConvolutionBackwardBackward0", Out{},
      [&] {
        const Tensor dy = as_contiguous_padded(widened(grad_output)), w = as_contiguous(widened(weight));
        Tensor grad_input = empty(geometry.input, dy.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(geometry.shape));
          backend::current().convolution_input_gradient(dy.dtype(), geometry.shape, dy->data, w->data,
                                                        grad_input->data);
        }
        return in_order(narrowed(grad_input, grad_output.dtype()), geometry);
      },
      wrt(grad_output, [geometry, w = saved(weight)](
                           const Tensor& grad) { return convolution(grad, w(), Tensor(), geometry); }),
      wrt(weight, [geometry, dy = saved(grad_output)](const Tensor& grad) {
        return convolution_weight_gradient(grad, dy(), geometry);
      }));
}

Tensor convolution_weight_gradient(const Tensor& input, const Tensor& grad_output,
                                   const ConvGeometry& geometry) {
  return differentiable(
      "ConvolutionBackwardBackward0", Out{},
      [&] {
        const Tensor x = as_contiguous_padded(widened(input)),
                     dy = as_contiguous_padded(widened(grad_output));
        Tensor grad_weight = empty(geometry.weight, x.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(geometry.shape));
          backend::current().convolution_weight_gradient(x.dtype(), geometry.shape, x->data, dy->data,
                                                         grad_weight->data);
        }
        return in_order(narrowed(grad_weight, input.dtype()), geometry);
      },
      wrt(input, [geometry, dy = saved(grad_output)](
                     const Tensor& grad) { return convolution_input_gradient(dy(), grad, geometry); }),
      wrt(grad_output, [geometry, x = saved(input)](const Tensor& grad) {
        return convolution(x(), grad, Tensor(), geometry);
      }));
}

// The arguments shared by the forms of one convolution; `axes` is 1 or 2.
struct ConvArguments {
  const char* name;
  int axes;
  IntList stride, dilation;
  int64_t groups;
};

// One value for every axis, or one each.
std::array<int64_t, 2> per_axis(IntList values, size_t axes, const char* name) {
  check(values.size() == 1 || values.size() == axes, "expected ", name,
        " to be a single integer value or a list of ", axes,
        " values to match the convolution dimensions, but got ", name, "=", Listed{values});
  return {values[0], values[values.size() - 1]};
}

void check_range(const std::array<int64_t, 2>& values, const char* name) {
  for (const int64_t v : values)
    check(v <= std::numeric_limits<int32_t>::max(), name, " is too large for a convolution: ", v);
}

void check_dtypes(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  auto lower = [](const Tensor& t) {
    return t.dtype() == DType::Float32 ? "float" : t.dtype() == DType::Float64 ? "double" : name(t.dtype());
  };
  check(!bias || input.dtype() == bias.dtype(), "Input type (", lower(input), ") and bias type (",
        bias ? lower(bias) : "", ") should be the same: convert one of them with .to()");
  check(input.dtype() == weight.dtype(), "expected scalar type ", scalar_type_name(input.dtype()),
        " but found ", scalar_type_name(weight.dtype()),
        ": input and weight of a convolution must have one dtype");
}

void check_channels(const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t groups) {
  const Dims &w = weight.sizes(), &x = input.sizes();
  check(w.size() == x.size(), "Expected ", w.size(), "-dimensional input for ", w.size(),
        "-dimensional weight ", w, ", but got ", x.size(), "-dimensional input of size ", x, " instead");
  check(w[0] >= groups, "Given groups=", groups, ", expected weight to be at least ", groups,
        " at dimension 0, but got weight of size ", w, " instead");
  check(w[0] % groups == 0, "Given groups=", groups, ", expected weight to be divisible by ", groups,
        " at dimension 0, but got weight of size [", w, "] instead");
  check(x[1] == w[1] * groups, "Given groups=", groups, ", weight of size ", w, ", expected input", x,
        " to have ", w[1] * groups, " channels, but got ", x[1], " channels instead");
  check(!bias || (bias.dim() == 1 && bias.size(0) == w[0]), "Given weight of size ", w,
        ", expected bias to be 1-dimensional with ", w[0], " elements, but got bias of size ",
        bias ? bias.sizes() : Dims{}, " instead");
}

// Sizes per axis as PyTorch prints them: "5 x 7".
std::string by(const int64_t* values, int axes) {
  return axes == 1 ? std::to_string(values[0])
                   : std::to_string(values[0]) + " x " + std::to_string(values[1]);
}

enum class Padding { Explicit, Same };

// Checks everything and works out the sizes; a convolution of one axis has a first axis of size 1.
ConvGeometry conv_geometry(const Tensor& input, const Tensor& weight, const Tensor& bias,
                           const ConvArguments& arguments, Padding mode, IntList padding) {
  check(arguments.groups > 0, "non-positive groups is not supported");
  const size_t weight_axes = static_cast<size_t>(std::max(weight.dim() - 2, 1));
  const auto stride = per_axis(arguments.stride, weight_axes, "stride");
  const auto pad = per_axis(padding, weight_axes, "padding");
  const auto dilation = per_axis(arguments.dilation, weight_axes, "dilation");
  check(pad[0] >= 0 && pad[1] >= 0, "negative padding is not supported");
  check(stride[0] > 0 && stride[1] > 0, "non-positive stride is not supported");
  check(dilation[0] > 0 && dilation[1] > 0, "dilation should be greater than zero, but got ",
        Listed{arguments.dilation});
  check_channels(input, weight, bias, arguments.groups);
  check_dtypes(input, weight, bias);
  check_range(stride, "stride");
  check_range(pad, "padding");
  check_range(dilation, "dilation");

  ConvGeometry g{};
  backend::ConvShape& s = g.shape;
  s.batch = input.size(0);
  s.in_channels = input.size(1);
  s.out_channels = weight.size(0);
  s.groups = arguments.groups;
  const int first = 2 - arguments.axes;
  if (first == 1) s.input[0] = s.kernel[0] = s.stride[0] = s.dilation[0] = s.output[0] = 1, s.padding[0] = 0;
  g.input = input.sizes();
  g.weight = weight.sizes();
  g.channels_last = has_channels_last(input) || has_channels_last(weight);
  g.output = {s.batch, s.out_channels};
  int64_t padded[2] = {}, reach[2] = {};
  for (int d = first; d < 2; ++d) {
    const int64_t i = d - first;
    s.input[d] = input.size(2 + i);
    s.kernel[d] = weight.size(2 + i);
    s.stride[d] = stride[static_cast<size_t>(i)];
    s.dilation[d] = dilation[static_cast<size_t>(i)];
    reach[i] = s.dilation[d] * (s.kernel[d] - 1) + 1;
    check(s.kernel[d] > 0, "kernel size should be greater than zero, but got weight of size ", g.weight);
    s.padding[d] = mode == Padding::Same ? (reach[i] - 1) / 2 : pad[static_cast<size_t>(i)];
    padded[i] = mode == Padding::Same ? s.input[d] + reach[i] - 1 : s.input[d] + 2 * s.padding[d];
    s.output[d] = (padded[i] - reach[i]) / s.stride[d] + 1;
  }
  bool fits = true;
  for (int i = 0; i < arguments.axes; ++i) fits &= padded[i] >= reach[i];
  check(fits, "Calculated padded input size per channel: (", by(padded, arguments.axes), "). Kernel size: (",
        by(reach, arguments.axes), "). Kernel size can't be greater than actual input size");
  for (int d = first; d < 2; ++d) g.output.push_back(s.output[d]);
  return g;
}

Tensor convolve_complex(const Tensor& input, const Tensor& weight, const Tensor& bias,
                        const ConvArguments& arguments, Padding mode, IntList padding);

Tensor convolve(const Tensor& input, const Tensor& weight, const Tensor& bias, const ConvArguments& arguments,
                Padding mode, IntList padding) {
  check(input.dim() == arguments.axes + 1 || input.dim() == arguments.axes + 2, "Expected ",
        arguments.axes + 1, "D (unbatched) or ", arguments.axes + 2, "D (batched) input to ", arguments.name,
        ", but got input of size: ", input.sizes());
  if (is_complex(input.dtype())) return convolve_complex(input, weight, bias, arguments, mode, padding);
  if (input.dim() == arguments.axes + 2)
    return convolution(input, weight, bias, conv_geometry(input, weight, bias, arguments, mode, padding));
  const Tensor batched = unsqueeze(input, 0);
  const int64_t batch_axis = 0;
  return squeeze(
      convolution(batched, weight, bias, conv_geometry(batched, weight, bias, arguments, mode, padding)),
      IntList(&batch_axis, 1));
}

// Complex numbers: three convolutions of real ones, as Gauss multiplied. (a + ib) * (c + id) is
// ac - bd + i ((a + b) (c + d) - ac - bd).
Tensor convolve_complex(const Tensor& input, const Tensor& weight, const Tensor& bias,
                        const ConvArguments& arguments, Padding mode, IntList padding) {
  check_dtypes(input, weight, bias);
  const Tensor a = real(input), b = imag(input), c = real(weight), d = imag(weight);
  const auto part = [&](const Tensor& x, const Tensor& w) {
    return convolve(x, w, Tensor(), arguments, mode, padding);
  };
  const Tensor ac = part(a, c), bd = part(b, d);
  Tensor real_part = sub(ac, bd), imag_part = sub(part(add(a, b), add(c, d)), add(ac, bd));
  if (bias) {
    Dims channels{bias.numel()};
    for (int i = 0; i < arguments.axes; ++i) channels.push_back(1);
    real_part = add(real_part, view(contiguous(real(bias)), channels));
    imag_part = add(imag_part, view(contiguous(imag(bias)), channels));
  }
  return complex(real_part, imag_part);
}

// padding='valid' and padding='same'.
Tensor convolve(const Tensor& input, const Tensor& weight, const Tensor& bias, const ConvArguments& arguments,
                std::string_view padding) {
  constexpr int64_t none = 0;
  if (padding == "valid")
    return convolve(input, weight, bias, arguments, Padding::Explicit, IntList(&none, 1));
  check(padding == "same", "Invalid padding string: '", padding, "': use 'valid', 'same' or numbers");
  for (const int64_t stride : arguments.stride)
    check(stride == 1, "padding='same' is not supported for strided convolutions");
  return convolve(input, weight, bias, arguments, Padding::Same, IntList(&none, 1));
}

template <int kAxes>
constexpr const char* kName = kAxes == 1 ? "conv1d" : "conv2d";

// torch.nn.functional.conv1d and conv2d.
template <int kAxes>
Tensor conv(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, IntList stride,
            IntList padding, IntList dilation, int64_t groups) {
  return convolve(input, weight, bias, {kName<kAxes>, kAxes, stride, dilation, groups}, Padding::Explicit,
                  padding);
}
template <int kAxes>
Tensor conv_named_padding(const Tensor& input, const Tensor& weight, const OptionalTensor& bias,
                          IntList stride, std::string_view padding, IntList dilation, int64_t groups) {
  return convolve(input, weight, bias, {kName<kAxes>, kAxes, stride, dilation, groups}, padding);
}

}  // namespace

/// Cross-correlation over two dimensions: out[n, o, y, x] = bias[o] + sum_{c, i, j} weight[o, c, i, j]
/// in[n, c, y stride + i dilation - padding, x stride + j dilation - padding].
///
/// Args:
///     input: (N, C, H, W) or (C, H, W)
///     weight: (O, C / groups, kh, kw)
///     bias: (O,)
///     stride, padding, dilation: a number, or one for each dimension; padding may be 'valid' or 'same'
///     groups: into how many parts the channels fall; each sees its own inputs alone
///
/// Returns:
///     (N, O, H', W') with H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1.
///
/// Raises:
///     RuntimeError: shapes that do not fit, a kernel larger than the padded input, 'same' with a stride.
///
/// >>> torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).tolist()
/// [[[[4.0, 4.0], [4.0, 4.0]]]]
EXPOSE(
    "conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, int[] padding=0, int[] "
    "dilation=1, "
    "int groups=1) -> Tensor",
    conv<2>, function | nn);
EXPOSE(
    "conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, str padding='valid', "
    "int[] dilation=1, int groups=1) -> Tensor",
    conv_named_padding<2>, function | nn);

/// Cross-correlation over one dimension: out[n, o, x] = bias[o] + sum_{c, j} weight[o, c, j]
/// in[n, c, x stride + j dilation - padding].
///
/// Args:
///     input: (N, C, L) or (C, L)
///     weight: (O, C / groups, k)
///     bias: (O,)
///     stride, padding, dilation: numbers; padding may be 'valid' or 'same'
///     groups: into how many parts the channels fall
///
/// Returns:
///     (N, O, L') with L' = (L + 2 padding - dilation (k - 1) - 1) // stride + 1.
///
/// Raises:
///     RuntimeError: shapes that do not fit, a kernel longer than the padded input.
///
/// >>> torch.conv1d(torch.ones(1, 1, 3), torch.ones(1, 1, 2)).tolist()
/// [[[2.0, 2.0]]]
EXPOSE(
    "conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, int[] padding=0, int[] "
    "dilation=1, "
    "int groups=1) -> Tensor",
    conv<1>, function | nn);
EXPOSE(
    "conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, str padding='valid', "
    "int[] dilation=1, int groups=1) -> Tensor",
    conv_named_padding<1>, function | nn);

}  // namespace flambeau
