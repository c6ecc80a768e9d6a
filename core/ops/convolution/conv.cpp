// Convolutions: conv1d, conv2d, conv3d and transposed ones. Forward, input gradient and weight gradient are
// each linear in both of their arguments and derivatives of one another, so the three operators close under
// differentiation of any order; a transposed convolution is the input gradient, with a bias.
#include <array>
#include <limits>

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"
#include "core/tensor/listed.h"

namespace flambeau {
namespace {

using backend::kConvAxes;

// A convolution, in whichever direction it is taken: `input` is the image of its windows and `output` what
// a convolution that is not transposed makes of it.
struct ConvGeometry {
  backend::ConvShape shape;
  Dims input, weight, output;  // sizes of the tensors, batched
  bool transposed = false;
  bool channels_last = false;  // the results' order in memory, those of the derivatives too

  int axes() const { return static_cast<int>(input.size()) - 2; }
};

Tensor in_order(const Tensor& result, const ConvGeometry& geometry) {
  return geometry.channels_last ? with_channels_last(result) : result;
}

// What a floating convolution is computed in: halves where the device multiplies them, else float32.
DType floating_dtype(DType dtype) {
  return backend::current().has_convolution(dtype) ? dtype : compute_dtype(dtype);
}

// The dtype in which a convolution is computed: sums of integers wrap around alike in a wider type.
DType convolution_dtype(DType dtype, const ConvGeometry& geometry) {
  const auto& dilation = geometry.shape.dilation;
  const bool dilated = dilation[0] != 1 || dilation[1] != 1 || dilation[2] != 1;
  const bool int64_alone = geometry.transposed || dilated;
  const bool integer = is_integral(dtype) && dtype != DType::Bool && !is_wide_unsigned(dtype) &&
                       (!int64_alone || dtype == DType::Int64);
  const DType compute = integer ? DType::Int64 : floating_dtype(dtype);
  if (!backend::current().has_convolution(compute)) {
    const bool deep = geometry.axes() == 3;
    fail<NotImplementedError>(
        geometry.transposed ? deep ? "\"slow_conv_transpose3d_out_cpu\"" : "\"slow_conv_transpose2d_out_cpu\""
        : dilated           ? "\"slow_conv_dilated<>\""
        : deep              ? "\"compute_columns3d\""
                            : "\"slow_conv2d_cpu\"",
        " not implemented for '", scalar_type_name(dtype), "'");
  }
  return compute;
}

// About 30 multiplications in a nanosecond.
int64_t estimated_nanoseconds(const backend::ConvShape& s) {
  const double multiplications = static_cast<double>(s.batch * s.positions()) *
                                 static_cast<double>(s.out_channels * s.window()) *
                                 static_cast<double>(s.in_channels / s.groups);
  return static_cast<int64_t>(multiplications / 30);
}

Tensor bias_gradient(const Tensor& grad) {
  constexpr std::array<int64_t, kConvAxes + 1> all_but_channels = {0, 2, 3, 4};
  return sum_dims(grad, IntList(all_but_channels.data(), static_cast<size_t>(grad.dim() - 1)));
}

Tensor convolution_input_gradient(const char* node, const Tensor& grad_output, const Tensor& weight,
                                  const Tensor& bias, const ConvGeometry& geometry);
Tensor convolution_weight_gradient(const Tensor& input, const Tensor& grad_output,
                                   const ConvGeometry& geometry);

Tensor convolution(const char* node, const Tensor& input, const Tensor& weight, const Tensor& bias,
                   const ConvGeometry& geometry) {
  return differentiable(
      node, Out{},
      [&] {
        const DType compute = convolution_dtype(input.dtype(), geometry);
        const Tensor x = as_contiguous_padded(narrowed(input, compute)),
                     w = as_contiguous(narrowed(weight, compute)),
                     b = bias ? as_contiguous(narrowed(bias, compute)) : Tensor();
        Tensor output = empty(geometry.output, compute);
        {
          const WithoutGil guard(estimated_nanoseconds(geometry.shape));
          backend::current().convolution(compute, geometry.shape, x->data, w->data, b ? b->data : nullptr,
                                         output->data);
        }
        return in_order(narrowed(output, input.dtype()), geometry);
      },
      wrt(input,
          [geometry, w = saved(weight)](const Tensor& grad) {
            return convolution_input_gradient("ConvolutionBackwardBackward0", grad, w(), Tensor(), geometry);
          }),
      wrt(weight, [geometry, x = saved(input)](
                      const Tensor& grad) { return convolution_weight_gradient(x(), grad, geometry); }),
      wrt(bias, bias_gradient));
}

Tensor convolution_input_gradient(const char* node, const Tensor& grad_output, const Tensor& weight,
                                  const Tensor& bias, const ConvGeometry& geometry) {
  return differentiable(
      node, Out{},
      [&] {
        const DType compute = convolution_dtype(grad_output.dtype(), geometry);
        const Tensor dy = as_contiguous_padded(narrowed(grad_output, compute)),
                     w = as_contiguous(narrowed(weight, compute)),
                     b = bias ? as_contiguous(narrowed(bias, compute)) : Tensor();
        Tensor grad_input = empty(geometry.input, compute);
        {
          const WithoutGil guard(estimated_nanoseconds(geometry.shape));
          backend::current().convolution_input_gradient(compute, geometry.shape, dy->data, w->data,
                                                        b ? b->data : nullptr, grad_input->data);
        }
        return in_order(narrowed(grad_input, grad_output.dtype()), geometry);
      },
      wrt(grad_output,
          [geometry, w = saved(weight)](const Tensor& grad) {
            return convolution("ConvolutionBackwardBackward0", grad, w(), Tensor(), geometry);
          }),
      wrt(weight, [geometry, dy = saved(grad_output)](
                      const Tensor& grad) { return convolution_weight_gradient(grad, dy(), geometry); }),
      wrt(bias, bias_gradient));
}

Tensor convolution_weight_gradient(const Tensor& input, const Tensor& grad_output,
                                   const ConvGeometry& geometry) {
  return differentiable(
      "ConvolutionBackwardBackward0", Out{},
      [&] {
        const DType compute = floating_dtype(input.dtype());
        const Tensor x = as_contiguous_padded(narrowed(input, compute)),
                     dy = as_contiguous_padded(narrowed(grad_output, compute));
        Tensor grad_weight = empty(geometry.weight, x.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(geometry.shape));
          backend::current().convolution_weight_gradient(x.dtype(), geometry.shape, x->data, dy->data,
                                                         grad_weight->data);
        }
        return in_order(narrowed(grad_weight, input.dtype()), geometry);
      },
      wrt(input,
          [geometry, dy = saved(grad_output)](const Tensor& grad) {
            return convolution_input_gradient("ConvolutionBackwardBackward0", dy(), grad, Tensor(), geometry);
          }),
      wrt(grad_output, [geometry, x = saved(input)](const Tensor& grad) {
        return convolution("ConvolutionBackwardBackward0", x(), grad, Tensor(), geometry);
      }));
}

enum class Padding { Explicit, Same };

// The arguments shared by the forms of one convolution.
struct ConvArguments {
  IntList stride, padding, dilation, output_padding;
  int64_t groups;
  bool transposed = false;
  Padding mode = Padding::Explicit;
};

// One number for each axis.
using PerAxis = std::array<int64_t, kConvAxes>;

// One value for every axis, or one each.
PerAxis per_axis(IntList values, size_t axes, const char* name) {
  check(values.size() == 1 || values.size() == axes, "expected ", name,
        " to be a single integer value or a list of ", axes,
        " values to match the convolution dimensions, but got ", name, "=", Listed{values});
  PerAxis result{};
  for (size_t i = 0; i < axes; ++i) result[i] = values[values.size() == 1 ? 0 : i];
  return result;
}

// Each of the first `axes` values is at least `least`.
bool all_at_least(const PerAxis& values, int axes, int64_t least) {
  return std::all_of(values.begin(), values.begin() + axes, [&](int64_t v) { return v >= least; });
}

void check_range(const PerAxis& values, const char* name) {
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

void check_channels(const Tensor& input, const Tensor& weight, const Tensor& bias, int64_t groups,
                    bool transposed) {
  const Dims &w = weight.sizes(), &x = input.sizes();
  check(w.size() == x.size(), "Expected ", w.size(), "-dimensional input for ", w.size(),
        "-dimensional weight ", w, ", but got ", x.size(), "-dimensional input of size ", x, " instead");
  check(w[0] >= groups, "Given groups=", groups, ", expected weight to be at least ", groups,
        " at dimension 0, but got weight of size ", w, " instead");
  check(w[0] % groups == 0, "Given groups=", groups, ", expected weight to be divisible by ", groups,
        " at dimension 0, but got weight of size [", w, "] instead");
  const int64_t expected = transposed ? w[0] : w[1] * groups, outputs = transposed ? w[1] * groups : w[0];
  const std::string given = transposed ? "Given transposed=1" : "Given groups=" + std::to_string(groups);
  check(x[1] == expected, given, ", weight of size ", w, ", expected input", x, " to have ", expected,
        " channels, but got ", x[1], " channels instead");
  check(!bias || (bias.dim() == 1 && bias.size(0) == outputs), transposed ? "Given transposed=1, " : "Given ",
        "weight of size ", w, ", expected bias to be 1-dimensional with ", outputs,
        " elements, but got bias of size ", bias ? bias.sizes() : Dims{}, " instead");
}

// Sizes of axes as PyTorch prints them: "5 x 7".
std::string by(const int64_t* values, int axes) {
  std::string text = std::to_string(values[0]);
  for (int i = 1; i < axes; ++i) text += " x " + std::to_string(values[i]);
  return text;
}

// "stride_height: 1 stride_width: 2"; a single axis stands beside a height, as PyTorch computes it.
std::string named(const char* name, const int64_t (&values)[kConvAxes], int axes, const char* between = " ") {
  constexpr const char* kAxis[kConvAxes] = {"depth", "height", "width"};
  std::string text;
  for (int d = axes == 3 ? 0 : 1; d < kConvAxes; ++d)
    text +=
        (text.empty() ? "" : between) + std::string(name) + "_" + kAxis[d] + ": " + std::to_string(values[d]);
  return text;
}

// (size - 1) stride - 2 padding + reach + extra; more than any tensor holds becomes the largest number.
int64_t transposed_size(int64_t size, int64_t stride, int64_t padding, int64_t reach, int64_t extra) {
  int64_t span = 0;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (__builtin_mul_overflow(size - 1, stride, &span) || __builtin_add_overflow(span, reach + extra, &span))
    return kMost;
  return span - 2 * padding;
}

// What is left to check, and the size of the image, of a transposed convolution, whose input is s.output.
void transposed_geometry(ConvGeometry& g, const int64_t (&reach)[kConvAxes],
                         const int64_t (&extra)[kConvAxes]) {
  backend::ConvShape& s = g.shape;
  const int axes = g.axes(), first = axes == 3 ? 0 : 1;
  bool fits = true;
  for (int d = first; d < kConvAxes; ++d) {
    check(extra[d] < s.stride[d] || extra[d] < s.dilation[d],
          "output padding must be smaller than either stride or dilation, but got ",
          named("output_padding", extra, axes), " ", named("stride", s.stride, axes), " ",
          named("dilation", s.dilation, axes));
    check(s.output[d] > 0,
          "Only zero batch or zero channel inputs are supported, but got input shape: ", g.output);
    s.input[d] = transposed_size(s.output[d], s.stride[d], s.padding[d], reach[d], extra[d]);
    fits &= s.input[d] > 0;
  }
  check(fits, "Given input size per channel: (", by(s.output + first, kConvAxes - first),
        "). Calculated output size per channel: (", by(s.input + first, kConvAxes - first),
        "). Output size is too small");
  check(s.in_channels > 0, "non-empty ", axes == 3 ? "5D" : "2D or 4D",
        " weight tensor expected, but got: ", g.weight);
  for (int i = 0; i < axes; ++i) g.input[2 + i] = s.input[kConvAxes - axes + i];
}

// Checks everything and works out the sizes.
ConvGeometry conv_geometry(const Tensor& input, const Tensor& weight, const Tensor& bias,
                           const ConvArguments& arguments) {
  check(arguments.groups > 0, "non-positive groups is not supported");
  check(weight.dim() >= 3, "weight should have at least three dimensions");
  const bool transposed = arguments.transposed;
  const int axes = weight.dim() - 2;
  check(axes <= kConvAxes, "unsupported ConvNd parameters: a weight of size ", weight.sizes(), " has ", axes,
        " axes beside the channels, and at most 3 are possible");
  const auto weight_axes = static_cast<size_t>(axes);
  const PerAxis stride = per_axis(arguments.stride, weight_axes, "stride"),
                pad = per_axis(arguments.padding, weight_axes, "padding"),
                dilation = per_axis(arguments.dilation, weight_axes, "dilation"),
                extra = per_axis(arguments.output_padding, weight_axes, "output_padding");
  check(all_at_least(pad, axes, 0), "negative padding is not supported");
  check(all_at_least(extra, axes, 0), "negative output_padding is not supported");
  check(all_at_least(stride, axes, 1), "non-positive stride is not supported");
  check(transposed || all_at_least(dilation, axes, 1), "dilation should be greater than zero, but got ",
        Listed{IntList(dilation.data(), weight_axes)});
  check_channels(input, weight, bias, arguments.groups, transposed);
  check_dtypes(input, weight, bias);
  check_range(stride, "stride");
  check_range(pad, "padding");
  check_range(dilation, "dilation");
  check_range(extra, "output_padding");

  ConvGeometry g{};
  backend::ConvShape& s = g.shape;
  s.batch = input.size(0);
  s.out_channels = weight.size(0);
  s.in_channels = weight.size(1) * arguments.groups;
  s.groups = arguments.groups;
  g.transposed = transposed;
  g.weight = weight.sizes();
  g.input = g.output = input.sizes();
  g.channels_last = has_channels_last(input) || has_channels_last(weight);
  const int first = kConvAxes - axes;
  int64_t reach[kConvAxes] = {1, 1, 1}, padded[kConvAxes] = {1, 1, 1}, more[kConvAxes] = {};
  for (int d = 0; d < kConvAxes; ++d) {
    s.input[d] = s.kernel[d] = s.stride[d] = s.dilation[d] = s.output[d] = 1;
    s.padding[d] = 0;
    if (d < first) continue;
    const auto i = static_cast<size_t>(d - first);
    s.kernel[d] = weight.size(2 + d - first);
    s.stride[d] = stride[i];
    s.dilation[d] = dilation[i];
    s.padding[d] = pad[i];
    more[d] = extra[i];
    (transposed ? s.output : s.input)[d] = input.size(2 + d - first);
  }
  check(all_at_least(dilation, axes, 1), "dilation should be greater than zero, but got ",
        named("dilation", s.dilation, axes, ", "));
  bool fits = true;
  for (int d = first; d < kConvAxes; ++d) {
    check(s.kernel[d] > 0, "kernel size should be greater than zero, but got",
          axes == 3 ? ": " + by(s.kernel, 3) + " (TxHxW)" : " " + named("kernel", s.kernel, axes));
    reach[d] = s.dilation[d] * (s.kernel[d] - 1) + 1;
    if (transposed) continue;
    if (arguments.mode == Padding::Same) s.padding[d] = (reach[d] - 1) / 2;
    padded[d] = arguments.mode == Padding::Same ? s.input[d] + reach[d] - 1 : s.input[d] + 2 * s.padding[d];
    s.output[d] = (padded[d] - reach[d]) / s.stride[d] + 1;
    g.output[2 + d - first] = s.output[d];
    fits &= padded[d] >= reach[d];
  }
  check(fits, "Calculated padded input size per channel: (", by(padded + first, axes), "). Kernel size: (",
        by(reach + first, axes), "). Kernel size can't be greater than actual input size");
  (transposed ? g.input[1] : g.output[1]) = transposed ? s.in_channels : s.out_channels;
  if (transposed) transposed_geometry(g, reach, more);
  return g;
}

// Complex numbers: three convolutions of real ones, as Gauss multiplied. (a + ib) * (c + id) is
// ac - bd + i ((a + b) (c + d) - ac - bd).
template <class F>
Tensor convolve_complex(const Tensor& input, const Tensor& weight, const Tensor& bias,
                        const F& convolve_real) {
  const Tensor a = real(input), b = imag(input), c = real(weight), d = imag(weight);
  const Tensor ac = convolve_real(a, c), bd = convolve_real(b, d);
  Tensor real_part = sub(ac, bd), imag_part = sub(convolve_real(add(a, b), add(c, d)), add(ac, bd));
  if (bias) {
    Dims channels{bias.numel()};
    for (int i = 2; i < input.dim(); ++i) channels.push_back(1);
    real_part = add(real_part, view(contiguous(real(bias)), channels));
    imag_part = add(imag_part, view(contiguous(imag(bias)), channels));
  }
  return complex(real_part, imag_part);
}

// A convolution of a batch.
Tensor convolve_batch(const Tensor& input, const Tensor& weight, const Tensor& bias,
                      const ConvArguments& arguments) {
  const ConvGeometry geometry = conv_geometry(input, weight, bias, arguments);
  const auto run = [&](const Tensor& x, const Tensor& w, const Tensor& b) {
    return arguments.transposed ? convolution_input_gradient("ConvolutionBackward0", x, w, b, geometry)
                                : convolution("ConvolutionBackward0", x, w, b, geometry);
  };
  if (!is_complex(input.dtype())) return run(input, weight, bias);
  return convolve_complex(input, weight, bias,
                          [&](const Tensor& x, const Tensor& w) { return run(x, w, Tensor()); });
}

Tensor convolve(const char* name, int axes, const Tensor& input, const Tensor& weight, const Tensor& bias,
                const ConvArguments& arguments) {
  check(input.dim() == axes + 1 || input.dim() == axes + 2, "Expected ", axes + 1, "D (unbatched) or ",
        axes + 2, "D (batched) input to ", name, ", but got input of size: ", input.sizes());
  if (input.dim() == axes + 2) return convolve_batch(input, weight, bias, arguments);
  const int64_t batch_axis = 0;
  return squeeze(convolve_batch(unsqueeze(input, 0), weight, bias, arguments), IntList(&batch_axis, 1));
}

constexpr int64_t kNone = 0;
constexpr const char* kNames[] = {"conv1d", "conv2d", "conv3d"};
constexpr const char* kTransposedNames[] = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};

// torch.nn.functional.conv1d, conv2d and conv3d.
template <int kAxes>
Tensor conv(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, IntList stride,
            IntList padding, IntList dilation, int64_t groups) {
  return convolve(kNames[kAxes - 1], kAxes, input, weight, bias,
                  {stride, padding, dilation, IntList(&kNone, 1), groups});
}

// padding='valid' and padding='same'.
template <int kAxes>
Tensor conv_named_padding(const Tensor& input, const Tensor& weight, const OptionalTensor& bias,
                          IntList stride, std::string_view padding, IntList dilation, int64_t groups) {
  check(padding == "valid" || padding == "same", "Invalid padding string: '", padding,
        "': use 'valid', 'same' or numbers");
  const Padding mode = padding == "same" ? Padding::Same : Padding::Explicit;
  for (const int64_t step : stride)
    check(mode != Padding::Same || step == 1, "padding='same' is not supported for strided convolutions");
  return convolve(kNames[kAxes - 1], kAxes, input, weight, bias,
                  {stride, IntList(&kNone, 1), dilation, IntList(&kNone, 1), groups, false, mode});
}

template <int kAxes>
Tensor conv_transpose(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, IntList stride,
                      IntList padding, IntList output_padding, int64_t groups, IntList dilation) {
  return convolve(kTransposedNames[kAxes - 1], kAxes, input, weight, bias,
                  {stride, padding, dilation, output_padding, groups, true});
}

Tensor general_convolution(const Tensor& input, const Tensor& weight, const OptionalTensor& bias,
                           IntList stride, IntList padding, IntList dilation, bool transposed,
                           IntList output_padding, int64_t groups) {
  return convolve_batch(input, weight, bias, {stride, padding, dilation, output_padding, groups, transposed});
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
    conv<2>, function | nn | Forms::lower_precision);
EXPOSE(
    "conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, str padding='valid', "
    "int[] dilation=1, int groups=1) -> Tensor",
    conv_named_padding<2>, function | nn | Forms::lower_precision);

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
    conv<1>, function | nn | Forms::lower_precision);
EXPOSE(
    "conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, str padding='valid', "
    "int[] dilation=1, int groups=1) -> Tensor",
    conv_named_padding<1>, function | nn | Forms::lower_precision);

/// Cross-correlation over three dimensions: out[n, o, z, y, x] = bias[o] + sum_{c, h, i, j}
/// weight[o, c, h, i, j] in[n, c, z stride + h dilation - padding, y stride + i dilation - padding,
/// x stride + j dilation - padding].
///
/// Args:
///     input: (N, C, D, H, W) or (C, D, H, W)
///     weight: (O, C / groups, kd, kh, kw)
///     bias: (O,)
///     stride, padding, dilation: a number, or one for each dimension; padding may be 'valid' or 'same'
///     groups: into how many parts the channels fall; each sees its own inputs alone
///
/// Returns:
///     (N, O, D', H', W') with D' = (D + 2 padding - dilation (kd - 1) - 1) // stride + 1.
///
/// Raises:
///     RuntimeError: shapes that do not fit, a kernel larger than the padded input, 'same' with a stride.
///
/// >>> torch.conv3d(torch.ones(1, 1, 2, 2, 3), torch.ones(1, 1, 2, 2, 2)).tolist()
/// [[[[[8.0, 8.0]]]]]
EXPOSE(
    "conv3d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, int[] padding=0, int[] "
    "dilation=1, "
    "int groups=1) -> Tensor",
    conv<3>, function | nn | Forms::lower_precision);
EXPOSE(
    "conv3d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, str padding='valid', "
    "int[] dilation=1, int groups=1) -> Tensor",
    conv_named_padding<3>, function | nn | Forms::lower_precision);

/// Transposed convolution over one dimension, the adjoint of conv1d: every input adds the kernel, times
/// itself, to the output from its place times stride on. out[n, o, x stride + j dilation - padding] collects
/// weight[c, o, j] in[n, c, x], and bias[o] once.
///
/// Args:
///     input: (N, C, L) or (C, L)
///     weight: (C, O / groups, k)
///     bias: (O,)
///     stride, padding, dilation: those of the convolution whose adjoint this is
///     output_padding: how much longer the output is than the least that fits; below stride or dilation
///     groups: into how many parts the channels fall
///
/// Returns:
///     (N, O, L') with L' = (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.
///
/// Raises:
///     RuntimeError: shapes that do not fit, an output without elements.
///
/// >>> torch.conv_transpose1d(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[1.0, 10.0]]]), stride=2).tolist()
/// [[[1.0, 10.0, 2.0, 20.0]]]
///
/// Source: Zeiler, Krishnan, Taylor and Fergus, Deconvolutional networks, 2010.
EXPOSE(
    "conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, int[] padding=0, int[] "
    "output_padding=0, int groups=1, int[] dilation=1) -> Tensor",
    conv_transpose<1>, function | nn | Forms::lower_precision);

/// Transposed convolution over two dimensions, the adjoint of conv2d: every input adds the kernel, times
/// itself, to the output from its place times stride on.
///
/// Args:
///     input: (N, C, H, W) or (C, H, W)
///     weight: (C, O / groups, kh, kw)
///     bias: (O,)
///     stride, padding, dilation: those of the convolution whose adjoint this is; a number, or one for each
///         dimension
///     output_padding: how much larger the output is than the least that fits; below stride or dilation
///     groups: into how many parts the channels fall
///
/// Returns:
///     (N, O, H', W') with H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
///
/// Raises:
///     RuntimeError: shapes that do not fit, an output without elements.
///
/// >>> torch.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).tolist()
/// [[[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]]
///
/// Source: Zeiler, Krishnan, Taylor and Fergus, Deconvolutional networks, 2010.
EXPOSE(
    "conv_transpose2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, int[] padding=0, int[] "
    "output_padding=0, int groups=1, int[] dilation=1) -> Tensor",
    conv_transpose<2>, function | nn | Forms::lower_precision);

/// Transposed convolution over three dimensions, the adjoint of conv3d: every input adds the kernel, times
/// itself, to the output from its place times stride on.
///
/// Args:
///     input: (N, C, D, H, W) or (C, D, H, W)
///     weight: (C, O / groups, kd, kh, kw)
///     bias: (O,)
///     stride, padding, dilation: those of the convolution whose adjoint this is; a number, or one for each
///         dimension
///     output_padding: how much larger the output is than the least that fits; below stride or dilation
///     groups: into how many parts the channels fall
///
/// Returns:
///     (N, O, D', H', W') with D' = (D - 1) stride - 2 padding + dilation (kd - 1) + output_padding + 1.
///
/// Raises:
///     RuntimeError: shapes that do not fit, an output without elements.
///
/// >>> torch.conv_transpose3d(torch.ones(1, 1, 1, 1, 2), torch.ones(1, 1, 1, 1, 2)).tolist()
/// [[[[[1.0, 2.0, 1.0]]]]]
///
/// Source: Zeiler, Krishnan, Taylor and Fergus, Deconvolutional networks, 2010.
EXPOSE(
    "conv_transpose3d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=1, int[] padding=0, int[] "
    "output_padding=0, int groups=1, int[] dilation=1) -> Tensor",
    conv_transpose<3>, function | nn | Forms::lower_precision);

/// The convolution that conv1d to conv3d, or conv_transpose1d to conv_transpose3d, compute, for as many
/// dimensions as the weight has; the input is a batch.
///
/// Args:
///     input: (N, C, ...)
///     weight: (O, C / groups, ...), or (C, O / groups, ...) if transposed
///     bias: (O,), or None
///     stride, padding, dilation, output_padding: one number, or one for each dimension
///     transposed: whether the adjoint is meant; output_padding counts for it alone
///     groups: into how many parts the channels fall
///
/// Raises:
///     RuntimeError: shapes that do not fit.
///
/// >>> x, w = torch.ones(1, 1, 3), torch.ones(1, 1, 2)
/// >>> torch.convolution(x, w, None, [1], [0], [1], True, [0], 1).tolist()
/// [[[1.0, 2.0, 2.0, 1.0]]]
EXPOSE(
    "convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, "
    "bool "
    "transposed, int[] output_padding, int groups) -> Tensor",
    general_convolution, function);

}  // namespace flambeau
