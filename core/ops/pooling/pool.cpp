// Max pooling: max_pool1d, max_pool2d, max_pool2d_with_indices.
#include <algorithm>
#include <array>
#include <limits>

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"
#include "core/tensor/listed.h"

namespace flambeau {
namespace {

struct PoolGeometry {
  backend::PoolShape shape;
  Dims input, output;
  bool channels_last = false;  // the results' order in memory, those of the derivatives too
};

Tensor in_order(const Tensor& result, const PoolGeometry& g) {
  return g.channels_last ? with_channels_last(result) : result;
}

void check_pool_dtype(DType dtype) {
  if (!backend::current().has_max_pool(compute_dtype(dtype)))
    fail<NotImplementedError>("\"max_pool2d\" not implemented for '", scalar_type_name(dtype), "'");
}

// How `index` tells where a maximum was.
backend::PoolIndex kind_of(const Tensor& index) {
  if (!index) return backend::PoolIndex::None;
  return index.dtype() == DType::UInt8 ? backend::PoolIndex::Choice : backend::PoolIndex::Position;
}

int64_t estimated_nanoseconds(const backend::PoolShape& s) {
  const int64_t window = std::min(s.kernel[0], s.input[0]) * std::min(s.kernel[1], s.input[1]);
  return s.planes * s.output[0] * s.output[1] * window / 4;
}

// Where each maximum came from: its position in the plane (int64, which users may see) or its place in the
// window (uint8).
bool fits_choice(const backend::PoolShape& s) {
  return s.kernel[0] <= 255 && s.kernel[1] <= 255 / s.kernel[0];
}

Tensor empty_index(const PoolGeometry& g) {
  return empty(g.output, fits_choice(g.shape) ? DType::UInt8 : DType::Int64);
}

// Fills `index` if it is defined.
Tensor pool_forward(const Tensor& self, const Tensor& index, const PoolGeometry& g) {
  const Tensor x = as_contiguous_padded(widened(self));
  Tensor output = empty(g.output, x.dtype());
  check_pool_dtype(self.dtype());
  {
    const WithoutGil guard(estimated_nanoseconds(g.shape));
    backend::current().max_pool(x.dtype(), g.shape, x->data, output->data, index ? index->data : nullptr,
                                kind_of(index));
  }
  return in_order(narrowed(output, self.dtype()), g);
}

// The place of `self` in the graph without its memory: what a derivative that is zero, yet recorded, has to
// keep.
Tensor history_of(const Tensor& self) {
  const Edge edge = gradient_edge(self);
  if (!edge.node) return Tensor(edge.leaf);
  Tensor place = empty({}, self.dtype());
  place->grad_fn = edge.node;
  place->output_nr = edge.output_nr;
  return place;
}

Tensor pool_gather(const Tensor& input, const Tensor& index, const PoolGeometry& g);

// As in PyTorch the result depends on the pooled tensor too, with derivative zero: differentiating a gradient
// that passed through a pooling alone gives zeros, not an error.
Tensor pool_backward(const Tensor& grad_output, const Tensor& index, const Tensor& pooled,
                     const PoolGeometry& g) {
  return differentiable(
      "MaxPool2DWithIndicesBackwardBackward0", Out{},
      [&] {
        const Tensor dy = as_contiguous_padded(widened(grad_output));
        Tensor grad_input = empty(g.input, dy.dtype());
        check_pool_dtype(grad_output.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(g.shape));
          backend::current().max_pool_backward(dy.dtype(), g.shape, dy->data, index->data, kind_of(index),
                                               grad_input->data);
        }
        return in_order(narrowed(grad_input, grad_output.dtype()), g);
      },
      wrt(grad_output,
          [g, where = saved(index)](const Tensor& grad) { return pool_gather(grad, where(), g); }),
      wrt(pooled, [g](const Tensor& grad) { return zeros(g.input, grad.dtype()); }));
}

// input at the places of the maxima: the derivative of pool_backward, which in turn is its own.
Tensor pool_gather(const Tensor& input, const Tensor& index, const PoolGeometry& g) {
  return differentiable(
      "GatherBackward0", Out{},
      [&] {
        const Tensor x = as_contiguous_padded(widened(input));
        Tensor output = empty(g.output, x.dtype());
        check_pool_dtype(input.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(g.shape));
          backend::current().max_pool_gather(x.dtype(), g.shape, x->data, index->data, kind_of(index),
                                             output->data);
        }
        return in_order(narrowed(output, input.dtype()), g);
      },
      wrt(input, [g, where = saved(index)](const Tensor& grad) {
        return pool_backward(grad, where(), Tensor(), g);
      }));
}

Tensor record_pool(const Tensor& self, const Tensor& index, const PoolGeometry& g) {
  return differentiable(
      "MaxPool2DWithIndicesBackward0", Out{}, [&] { return pool_forward(self, index, g); },
      wrt(self, [g, where = saved(index), pooled = history_of(self)](const Tensor& grad) {
        return pool_backward(grad, where(), pooled, g);
      }));
}

// One value for both axes, or one each; `expected` ends PyTorch's sentence about it.
std::array<int64_t, 2> pair_of(IntList values, const char* name, const char* expected) {
  check(values.size() == 1 || values.size() == 2, "max_pool2d: ", name, expected, ", but got ",
        Listed{values});
  return {values[0], values[values.size() - 1]};
}

// (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded up in ceil mode, where the last window
// must start inside of the input or its left padding.
int64_t pooled_size(int64_t size, int64_t kernel, int64_t padding, int64_t stride, int64_t dilation,
                    bool ceil_mode) {
  const int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1 + (ceil_mode ? stride - 1 : 0);
  int64_t windows = (room >= 0 ? room / stride : -((-room + stride - 1) / stride)) + 1;
  if (ceil_mode && (windows - 1) * stride >= size + padding) --windows;
  return windows;
}

PoolGeometry pool_geometry(const Tensor& self, IntList kernel_size, IntList stride_arg, IntList padding_arg,
                           IntList dilation_arg, bool ceil_mode) {
  const auto kernel =
      pair_of(kernel_size, "kernel_size", " must either be a single int, or a tuple of two ints");
  const auto stride =
      stride_arg.empty()
          ? kernel
          : pair_of(stride_arg, "stride", " must either be omitted, a single int, or a tuple of two ints");
  const auto padding =
      pair_of(padding_arg, "padding", " must either be a single int, or a tuple of two ints");
  const auto dilation =
      pair_of(dilation_arg, "dilation", " must be either a single int, or a tuple of two ints");
  check(self.dim() == 3 || self.dim() == 4,
        "non-empty 3D or 4D (batch mode) tensor expected for input, but got ", self.sizes());
  check(stride[0] != 0 && stride[1] != 0, "stride should not be zero");
  check(kernel[0] > 0 && kernel[1] > 0, "kernel size should be greater than zero, but got kH: ", kernel[0],
        " kW: ", kernel[1]);
  check(stride[0] > 0 && stride[1] > 0, "stride should be greater than zero, but got dH: ", stride[0],
        " dW: ", stride[1]);
  check(dilation[0] > 0 && dilation[1] > 0,
        "dilation should be greater than zero, but got dilationH: ", dilation[0],
        " dilationW: ", dilation[1]);
  const Dims& sizes = self.sizes();
  bool filled = true;
  for (int i = self.dim() == 4 ? 1 : 0; i < self.dim(); ++i) filled &= sizes[i] > 0;
  check(filled,
        "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:", sizes);

  PoolGeometry g{};
  g.input = g.output = sizes;
  g.channels_last = has_channels_last(self);
  const int axis = self.dim() - 2;
  for (int d = 0; d < 2; ++d) {
    const auto at = static_cast<size_t>(d);
    constexpr int64_t kLimit = std::numeric_limits<int32_t>::max();
    check(kernel[at] <= kLimit && stride[at] <= kLimit && padding[at] <= kLimit && dilation[at] <= kLimit,
          "max_pool2d: an argument is too large");
    check(padding[at] >= 0, "pad must be non-negative, but got pad: ", padding[at]);
    check(padding[at] <= ((kernel[at] - 1) * dilation[at] + 1) / 2,
          "pad should be at most half of effective kernel size, but got pad=", padding[at],
          ", kernel_size=", kernel[at], " and dilation=", dilation[at]);
    g.shape.input[d] = sizes[axis + d];
    g.shape.kernel[d] = kernel[at];
    g.shape.stride[d] = stride[at];
    g.shape.padding[d] = padding[at];
    g.shape.dilation[d] = dilation[at];
    g.shape.output[d] =
        pooled_size(sizes[axis + d], kernel[at], padding[at], stride[at], dilation[at], ceil_mode);
    g.output[axis + d] = g.shape.output[d];
  }
  check(g.shape.output[0] > 0 && g.shape.output[1] > 0, "Given input size: (", sizes[axis - 1], "x",
        sizes[axis], "x", sizes[axis + 1], "). Calculated output size: (", sizes[axis - 1], "x",
        g.shape.output[0], "x", g.shape.output[1], "). Output size is too small");
  g.shape.planes = self.dim() == 4 ? sizes[0] * sizes[1] : sizes[0];
  return g;
}

}  // namespace

// torch.nn.functional.max_pool2d without indices: the gradient's way back is kept as one byte per window.
Tensor max_pool2d(const Tensor& self, IntList kernel_size, IntList stride, IntList padding, IntList dilation,
                  bool ceil_mode) {
  const PoolGeometry g = pool_geometry(self, kernel_size, stride, padding, dilation, ceil_mode);
  if (!grad_enabled() || !requires_grad(self)) return pool_forward(self, Tensor(), g);
  return record_pool(self, empty_index(g), g);
}

/// The largest element of each window.
///
/// Args:
///     self: (N, C, H, W) or (C, H, W)
///     kernel_size: the window, a number or two
///     stride: its step, the window's size by default
///     padding: how much -inf is put around the input, at most half the window
///     dilation: the distance of a window's elements
///     ceil_mode: whether windows may reach beyond the end
///
/// Returns:
///     (N, C, H', W') with H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1.
///
/// Raises:
///     RuntimeError: padding above half the window, or an output without elements.
///
/// >>> torch.max_pool2d(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 2).tolist()
/// [[[4.0]]]
EXPOSE(
    "max_pool2d(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, int[] dilation=1, "
    "bool ceil_mode=False) -> Tensor",
    max_pool2d, function | nn);

// The same with the position h * width + w of each maximum in its plane.
std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor& self, IntList kernel_size, IntList stride,
                                                   IntList padding, IntList dilation, bool ceil_mode) {
  const PoolGeometry g = pool_geometry(self, kernel_size, stride, padding, dilation, ceil_mode);
  const Tensor index = empty(g.output, DType::Int64);
  const Tensor output = record_pool(self, index, g);
  return {output, in_order(index, g)};
}

/// `max_pool2d`, and where in each flattened plane the largest elements stand.
///
/// Args:
///     self: (N, C, H, W) or (C, H, W)
///     kernel_size, stride, padding, dilation, ceil_mode: as of `max_pool2d`
///
/// Returns:
///     The values and their indices (int64), both (N, C, H', W').
///
/// >>> x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
/// >>> values, indices = torch.nn.functional.max_pool2d_with_indices(x, 2)
/// >>> indices.tolist()
/// [[[3]]]
EXPOSE(
    "max_pool2d_with_indices(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, int[] "
    "dilation=1, "
    "bool ceil_mode=False) -> (Tensor, Tensor)",
    max_pool2d_with_indices, nn);

namespace {

// A one-dimensional pooling as a two-dimensional one of height 1.
struct Pool1d {
  Tensor image;
  std::array<int64_t, 2> kernel, stride, padding, dilation;

  Pool1d(const Tensor& self, IntList kernel_size, IntList stride_arg, IntList padding_arg,
         IntList dilation_arg) {
    const Dims& sizes = self.sizes();
    const bool shape = self.dim() == 2 || self.dim() == 3;
    check(shape && sizes[self.dim() - 1] > 0 && sizes[self.dim() - 2] > 0,
          "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but "
          "got:",
          sizes);
    kernel = {1, single(kernel_size, "kernel_size")};
    stride = {1, stride_arg.empty() ? kernel[1] : single(stride_arg, "stride")};
    padding = {0, single(padding_arg, "padding")};
    dilation = {1, single(dilation_arg, "dilation")};
    check(kernel[1] > 0, "max_pool1d() kernel_size must be greater than zero, but got ", kernel[1]);
    check(stride[1] > 0, "max_pool1d() stride must be greater than zero, but got ", stride[1]);
    check(padding[1] >= 0, "max_pool1d() padding must be non-negative, but got ", padding[1]);
    check(padding[1] <= kernel[1] / 2,
          "max_pool1d() padding should be at most half of kernel size, but got padding=", padding[1],
          " and kernel_size=", kernel[1]);
    check(dilation[1] > 0, "max_pool1d() dilation must be greater than zero, but got ", dilation[1]);
    image = unsqueeze(self, -2);
  }
  static int64_t single(IntList values, const char* name) {
    check(values.size() == 1, "max_pool1d() ", name,
          " must be an int, list of ints or tuple of ints of size 1 but got size ", values.size());
    return values[0];
  }
  static Tensor flat(const Tensor& t) {
    constexpr int64_t height_axis = -2;
    return squeeze(t, IntList(&height_axis, 1));
  }
};

}  // namespace

// torch.nn.functional.max_pool1d.
Tensor max_pool1d(const Tensor& self, IntList kernel_size, IntList stride, IntList padding, IntList dilation,
                  bool ceil_mode) {
  const Pool1d p(self, kernel_size, stride, padding, dilation);
  if (!is_floating(self.dtype()))
    fail<NotImplementedError>("\"max_pool1d_impl\" not implemented for '", scalar_type_name(self.dtype()),
                              "'");
  return Pool1d::flat(max_pool2d(p.image, p.kernel, p.stride, p.padding, p.dilation, ceil_mode));
}

/// The largest element of each window.
///
/// Args:
///     self: (N, C, L) or (C, L)
///     kernel_size, stride, padding, dilation, ceil_mode: as of `max_pool2d`
///
/// Returns:
///     (N, C, L').
///
/// >>> torch.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
/// [[3.0, 2.0]]
EXPOSE(
    "max_pool1d(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, int[] dilation=1, "
    "bool ceil_mode=False) -> Tensor",
    max_pool1d, function | nn);

std::tuple<Tensor, Tensor> max_pool1d_with_indices(const Tensor& self, IntList kernel_size, IntList stride,
                                                   IntList padding, IntList dilation, bool ceil_mode) {
  const Pool1d p(self, kernel_size, stride, padding, dilation);
  auto [values, index] =
      max_pool2d_with_indices(p.image, p.kernel, p.stride, p.padding, p.dilation, ceil_mode);
  return {Pool1d::flat(values), Pool1d::flat(index)};
}

/// `max_pool1d`, and where the largest elements stand.
///
/// Args:
///     self: (N, C, L) or (C, L)
///     kernel_size, stride, padding, dilation, ceil_mode: as of `max_pool2d`
///
/// Returns:
///     The values and their indices (int64), both (N, C, L').
///
/// >>> torch.max_pool1d_with_indices(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)[1].tolist()
/// [[1, 2]]
EXPOSE(
    "max_pool1d_with_indices(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, int[] "
    "dilation=1, "
    "bool ceil_mode=False) -> (Tensor, Tensor)",
    max_pool1d_with_indices, function | nn);

}  // namespace flambeau
