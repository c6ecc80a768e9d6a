// Max pooling: max_pool1d, max_pool2d, max_pool3d, with and without indices.
#include <algorithm>
#include <array>

#include "core/ops/channels_last.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pooling/pooling.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace pooling {
namespace {

int64_t volume(const int64_t (&sizes)[kPoolAxes]) { return sizes[0] * sizes[1] * sizes[2]; }

void check_dtype(DType dtype, const Kind& kind) {
  if (!backend::current().has_max_pool(compute_dtype(dtype)))
    fail<NotImplementedError>('"', kind.kernel, "\" not implemented for '", scalar_type_name(dtype), "'");
}

// How `index` tells where a maximum was.
backend::PoolIndex kind_of(const Tensor& index) {
  if (!index) return backend::PoolIndex::None;
  return index.dtype() == DType::UInt8 ? backend::PoolIndex::Choice : backend::PoolIndex::Position;
}

int64_t estimated_nanoseconds(const backend::PoolShape& s) {
  int64_t window = 1;
  for (int d = 0; d < kPoolAxes; ++d) window *= std::min(s.kernel[d], s.input[d]);
  return s.planes * volume(s.output) * window / 4;
}

// Where each maximum came from: its position in the volume (int64, which users may see) or its number in the
// window (uint8).
bool fits_choice(const backend::PoolShape& s) {
  int64_t room = 255;
  for (int d = 0; d < kPoolAxes; ++d) room /= s.kernel[d];
  return room > 0;
}

// Volumes of this dtype are pooled in the order of their memory.
backend::PoolShape shape_for(const Geometry& g, DType dtype) {
  backend::PoolShape shape = g.shape;
  if (!is_floating(dtype)) shape.channels = 0;
  return shape;
}
// What the kernel reads.
Tensor laid(const backend::PoolShape& shape, const Tensor& t) {
  const Tensor wide = widened(t);
  return shape.channels > 0 ? Layout{true}.of(wide, wide.dtype()) : as_contiguous_padded(wide);
}
// What it has written, as it is to be.
Tensor delivered(const backend::PoolShape& shape, const Tensor& t, DType dtype, const Geometry& g) {
  const Tensor result = narrowed(t, dtype);
  return shape.channels > 0 ? result : in_order(result, g.channels_last);
}

Tensor empty_index(const Geometry& g, DType dtype) {
  const Layout layout{shape_for(g, dtype).channels > 0};
  return layout.fresh(g.output, fits_choice(g.shape) ? DType::UInt8 : DType::Int64);
}

// Fills `index` if it is defined.
Tensor max_forward(const Tensor& self, const Tensor& index, const Geometry& g) {
  check_dtype(self.dtype(), *g.kind);
  const backend::PoolShape shape = shape_for(g, self.dtype());
  const Tensor x = laid(shape, self);
  const Tensor output = Layout{shape.channels > 0}.fresh(g.output, x.dtype());
  {
    const WithoutGil guard(estimated_nanoseconds(g.shape));
    backend::current().max_pool(x.dtype(), shape, x->data, output->data, index ? index->data : nullptr,
                                kind_of(index));
  }
  return delivered(shape, output, self.dtype(), g);
}

// input at the places of the maxima: the derivative of max_backward, which in turn is its own.
Tensor max_gather(const Tensor& input, const Tensor& index, const Geometry& g) {
  return differentiable(
      "GatherBackward0", Out{},
      [&] {
        check_dtype(input.dtype(), *g.kind);
        const Tensor x = laid(g.shape, input);
        const Tensor output = Layout{g.shape.channels > 0}.fresh(g.output, x.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(g.shape));
          backend::current().max_pool_gather(x.dtype(), g.shape, x->data, index->data, kind_of(index),
                                             output->data);
        }
        return delivered(g.shape, output, input.dtype(), g);
      },
      wrt(input, [g, where = saved(index)](const Tensor& grad) {
        return max_backward(grad, where(), Tensor(), g);
      }));
}

}  // namespace

Tensor history_of(const Tensor& self) {
  const Edge edge = gradient_edge(self);
  if (!edge.node) return Tensor(edge.leaf);
  Tensor place = empty({}, self.dtype());
  place->grad_fn = edge.node;
  place->output_nr = edge.output_nr;
  return place;
}

Tensor max_backward(const Tensor& grad_output, const Tensor& index, const Tensor& pooled, const Geometry& g) {
  return differentiable(
      g.kind->backward_node, Out{},
      [&] {
        check_dtype(grad_output.dtype(), *g.kind);
        const Tensor dy = laid(g.shape, grad_output);
        const Tensor grad_input = Layout{g.shape.channels > 0}.fresh(g.input, dy.dtype());
        {
          const WithoutGil guard(estimated_nanoseconds(g.shape));
          backend::current().max_pool_backward(dy.dtype(), g.shape, dy->data, index->data, kind_of(index),
                                               grad_input->data);
        }
        return delivered(g.shape, grad_input, grad_output.dtype(), g);
      },
      wrt(grad_output,
          [g, where = saved(index)](const Tensor& grad) { return max_gather(grad, where(), g); }),
      wrt(pooled, [g](const Tensor& grad) { return zeros(g.input, grad.dtype()); }));
}

}  // namespace pooling

namespace {

using namespace pooling;

constexpr Kind kMax2d{"MaxPool2DWithIndicesBackward0", "MaxPool2DWithIndicesBackwardBackward0", "max_pool2d",
                      true, true};
constexpr Kind kMax3d{"MaxPool3DWithIndicesBackward0", "MaxPool3DWithIndicesBackwardBackward0", "max_pool3d",
                      true, true};

Tensor record_max(const Tensor& self, const Tensor& index, const Geometry& g) {
  return differentiable(
      g.kind->node, Out{}, [&] { return max_forward(self, index, g); },
      wrt(self, [g, where = saved(index), pooled = history_of(self)](const Tensor& grad) {
        return max_backward(grad, where(), pooled, g);
      }));
}

// Without indices the gradient's way back is kept as one byte per window.
Tensor max_pool(const Tensor& self, const Arguments& arguments) {
  const Geometry g = geometry(self, arguments, arguments.axes == 2 ? kMax2d : kMax3d);
  if (!grad_enabled() || !requires_grad(self)) return max_forward(self, Tensor(), g);
  return record_max(self, empty_index(g, self.dtype()), g);
}

std::tuple<Tensor, Tensor> max_pool_with_indices(const Tensor& self, const Arguments& arguments) {
  const Geometry g = geometry(self, arguments, arguments.axes == 2 ? kMax2d : kMax3d);
  const bool last = shape_for(g, self.dtype()).channels > 0;
  const Tensor index = Layout{last}.fresh(g.output, DType::Int64);
  const Tensor output = record_max(self, index, g);
  return {output, last ? index : in_order(index, g.channels_last)};
}

}  // namespace

Tensor max_pool2d(const Tensor& self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                  IntList dilation, bool ceil_mode) {
  return max_pool(self, arguments("max_pool2d", 2, kernel_size, stride, padding, dilation, ceil_mode));
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
    "max_pool2d(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, int[] dilation=1, "
    "bool ceil_mode=False) -> Tensor",
    max_pool2d, function | nn);

std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor& self, IntList kernel_size,
                                                   std::optional<IntList> stride, IntList padding,
                                                   IntList dilation, bool ceil_mode) {
  return max_pool_with_indices(self,
                               arguments("max_pool2d", 2, kernel_size, stride, padding, dilation, ceil_mode));
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
    "max_pool2d_with_indices(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, int[] "
    "dilation=1, "
    "bool ceil_mode=False) -> (Tensor, Tensor)",
    max_pool2d_with_indices, nn);

Tensor max_pool3d(const Tensor& self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                  IntList dilation, bool ceil_mode) {
  return max_pool(self, arguments("max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode));
}

/// The largest element of each window.
///
/// Args:
///     self: (N, C, D, H, W) or (C, D, H, W)
///     kernel_size, stride, padding, dilation: a number or three
///     ceil_mode: as of `max_pool2d`
///
/// Returns:
///     (N, C, D', H', W').
///
/// Raises:
///     RuntimeError: padding above half the window, or an output without elements.
///
/// >>> torch.max_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
/// [[[[7.0]]]]
EXPOSE(
    "max_pool3d(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, int[] dilation=1, "
    "bool ceil_mode=False) -> Tensor",
    max_pool3d, function | nn | Forms::float32);

std::tuple<Tensor, Tensor> max_pool3d_with_indices(const Tensor& self, IntList kernel_size,
                                                   std::optional<IntList> stride, IntList padding,
                                                   IntList dilation, bool ceil_mode) {
  return max_pool_with_indices(self,
                               arguments("max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode));
}

/// `max_pool3d`, and where in each flattened volume the largest elements stand.
///
/// Args:
///     self: (N, C, D, H, W) or (C, D, H, W)
///     kernel_size, stride, padding, dilation, ceil_mode: as of `max_pool3d`
///
/// Returns:
///     The values and their indices (int64), both (N, C, D', H', W').
///
/// >>> x = torch.arange(8.0).reshape(1, 2, 2, 2)
/// >>> torch.nn.functional.max_pool3d_with_indices(x, 2)[1].tolist()
/// [[[[7]]]]
EXPOSE(
    "max_pool3d_with_indices(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, int[] "
    "dilation=1, "
    "bool ceil_mode=False) -> (Tensor, Tensor)",
    max_pool3d_with_indices, nn);

namespace {

// A one-dimensional pooling as a two-dimensional one of height 1.
struct Pool1d {
  Tensor image;
  std::array<int64_t, 2> kernel, stride, padding, dilation;

  Pool1d(const Tensor& self, IntList kernel_size, std::optional<IntList> stride_arg, IntList padding_arg,
         IntList dilation_arg, bool ceil_mode) {
    const Dims& sizes = self.sizes();
    const bool shape = self.dim() == 2 || self.dim() == 3;
    check(shape && sizes[self.dim() - 1] > 0 && sizes[self.dim() - 2] > 0,
          "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but "
          "got:",
          sizes);
    constexpr const char* kInts = "an int, list of ints or tuple of ints of size 1";
    kernel = {1, single(kernel_size, "kernel_size", kInts)};
    stride = {1, stride_arg && !stride_arg->empty()
                     ? single(*stride_arg, "stride", "None, an int, list of ints, or tuple of ints of size 1")
                     : kernel[1]};
    padding = {0, single(padding_arg, "padding", "an int, list of ints, or tuple of ints of size 1")};
    dilation = {1, single(dilation_arg, "dilation", kInts)};
    check(kernel[1] > 0, "max_pool1d() kernel_size must be greater than zero, but got ", kernel[1]);
    check(stride[1] > 0, "max_pool1d() stride must be greater than zero, but got ", stride[1]);
    check(padding[1] >= 0, "max_pool1d() padding must be non-negative, but got ", padding[1]);
    check(padding[1] <= kernel[1] / 2,
          "max_pool1d() padding should be at most half of kernel size, but got padding=", padding[1],
          " and kernel_size=", kernel[1]);
    check(dilation[1] > 0, "max_pool1d() dilation must be greater than zero, but got ", dilation[1]);
    const int64_t length =
        pooled_size(sizes[self.dim() - 1], kernel[1], padding[1], stride[1], dilation[1], ceil_mode);
    check(length > 0, "max_pool1d() Invalid computed output size: ", length);
    image = unsqueeze(self, -2);
  }
  static int64_t single(IntList values, const char* name, const char* expected) {
    check(values.size() == 1, "max_pool1d() ", name, " must be ", expected, " but got size ", values.size());
    return values[0];
  }
  static Tensor flat(const Tensor& t) {
    constexpr int64_t height_axis = -2;
    return squeeze(t, IntList(&height_axis, 1));
  }
};

}  // namespace

// torch.nn.functional.max_pool1d.
Tensor max_pool1d(const Tensor& self, IntList kernel_size, std::optional<IntList> stride, IntList padding,
                  IntList dilation, bool ceil_mode) {
  const Pool1d p(self, kernel_size, stride, padding, dilation, ceil_mode);
  if (!is_floating(self.dtype()))
    fail<NotImplementedError>("\"max_pool1d_impl\" not implemented for '", scalar_type_name(self.dtype()),
                              "'");
  return Pool1d::flat(max_pool2d(p.image, p.kernel, IntList(p.stride), p.padding, p.dilation, ceil_mode));
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
    "max_pool1d(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, int[] dilation=1, "
    "bool ceil_mode=False) -> Tensor",
    max_pool1d, function | nn);

std::tuple<Tensor, Tensor> max_pool1d_with_indices(const Tensor& self, IntList kernel_size,
                                                   std::optional<IntList> stride, IntList padding,
                                                   IntList dilation, bool ceil_mode) {
  constexpr const char* kName = "max_pool1d";
  const IntList steps = stride && !stride->empty() ? *stride : kernel_size;
  check_signal(self, kName);
  check_single(kernel_size, kName, "kernel_size");
  check_single(steps, kName, "stride");
  check_single(padding, kName, "padding");
  check_single(dilation, kName, "dilation");
  const std::array<int64_t, 2> kernel = {1, kernel_size[0]}, step = {1, steps[0]}, pad = {0, padding[0]},
                               apart = {1, dilation[0]};
  auto [values, index] =
      max_pool2d_with_indices(unsqueeze(self, -2), kernel, IntList(step), pad, apart, ceil_mode);
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
    "max_pool1d_with_indices(Tensor self, int[] kernel_size, int[]? stride=None, int[] padding=0, int[] "
    "dilation=1, "
    "bool ceil_mode=False) -> (Tensor, Tensor)",
    max_pool1d_with_indices, function | nn);

}  // namespace flambeau
