// Images looked up at the places of a grid.
//
// S(x, places) is a sum of pixels with weights that depend on the places, one factor for each axis. With the
// factors differentiated a number of times along each axis it is S_orders; the derivative by a coordinate of
// the grid is the same sum with one order more, and the derivative by x is the transposed sum, which has the
// same derivatives: two operators state all orders by each other.
#include <limits>

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::GridSampling;
using backend::kImageAxes;

// Contiguous but for the channels, which lie innermost.
bool lies_in_pixels(const Tensor& image) {
  int64_t step = image.sizes()[1];
  for (int d = image.dim() - 1; d > 1; --d) {
    if (image.sizes()[d] != 1 && image.strides()[d] != step) return false;
    step *= image.sizes()[d];
  }
  return image.strides()[1] == 1 && (image.sizes()[0] == 1 || image.strides()[0] == step);
}

// The image in a form that the kernels take; `s` says which.
Tensor placed(const Tensor& input, GridSampling& s) {
  Tensor image = widened(input);
  s.channels_last = s.channels > 2 && !image.is_contiguous() && lies_in_pixels(image);
  return s.channels_last ? image : as_contiguous(image);
}

Dims image_sizes(const GridSampling& s) {
  Dims sizes{s.batch, s.channels};
  for (int d = kImageAxes - s.axes; d < kImageAxes; ++d) sizes.push_back(s.sizes[d]);
  return sizes;
}
Dims sampled_sizes(const GridSampling& s, const Tensor& grid) {
  Dims sizes{s.batch, s.channels};
  for (int d = 1; d <= s.axes; ++d) sizes.push_back(grid.sizes()[d]);
  return sizes;
}

int64_t nanoseconds(const GridSampling& s) {
  return s.batch * (s.points * (s.channels + 4) + s.channels * s.sizes[0] * s.sizes[1] * s.sizes[2]);
}

Tensor sample_raw(GridSampling s, const Tensor& input, const Tensor& grid) {
  const Tensor x = placed(input, s), places = as_contiguous(widened(grid));
  Tensor y = empty(sampled_sizes(s, grid), x.dtype());
  {
    const WithoutGil guard(nanoseconds(s));
    backend::current().grid_sample(x.dtype(), s, x->data, places->data, y->data);
  }
  return narrowed(y, input.dtype());
}

struct Gradients {
  Tensor input, grid;
};
Gradients gradients_raw(GridSampling s, const Tensor& grad, const Tensor& input, const Tensor& grid,
                        bool wants_input, bool wants_grid) {
  Tensor x;
  if (wants_grid) x = placed(input, s);
  const Tensor g = as_contiguous(widened(grad)), places = as_contiguous(widened(grid));
  Gradients result;
  if (wants_input) result.input = empty(image_sizes(s), g.dtype());
  if (wants_grid) result.grid = empty(grid.sizes(), g.dtype());
  {
    const WithoutGil guard(2 * nanoseconds(s));
    backend::current().grid_sample_backward(g.dtype(), s, g->data, x ? x->data : nullptr, places->data,
                                            result.input ? result.input->data : nullptr,
                                            result.grid ? result.grid->data : nullptr);
  }
  result.input = narrowed(result.input, grad.dtype());
  result.grid = narrowed(result.grid, grid.dtype());
  return result;
}

Tensor sample(const GridSampling& s, const Tensor& input, const Tensor& grid);

// How the sum over all of S_orders(input, grid) * grad changes with the grid.
Tensor grid_gradient(const GridSampling& s, const Tensor& grad, const Tensor& input, const Tensor& grid) {
  std::vector<Tensor> coordinates;
  for (int d = kImageAxes - 1; d >= kImageAxes - s.axes; --d) {
    GridSampling steeper = s;
    ++steeper.orders[d];
    const int64_t channels[] = {1};
    coordinates.push_back(sum_dims(mul(grad, sample(steeper, input, grid)), channels));
  }
  return stack(coordinates, -1);
}

// The transposed sum: an image of `grad` spread over the pixels that each place reads.
Tensor spread(const GridSampling& s, const Tensor& grad, const Tensor& grid) {
  return differentiable(
      "GridSamplerBackwardBackward0", {}, [&] { return gradients_raw(s, grad, {}, grid, true, false).input; },
      wrt(grad, [s, at = saved(grid)](const Tensor& g) { return sample(s, g, at()); }),
      wrt(grid, [s, x = saved(grad), at = saved(grid)](const Tensor& g) {
        return grid_gradient(s, x(), g, at());
      }));
}

// Both gradients come out of one pass.
struct GridNode final : Node {
  GridSampling sampling;
  std::array<Edge, 2> edge_storage;
  std::optional<Saved> input, grid;

  GridNode(const GridSampling& s, const Tensor& x, const Tensor& places)
      : Node(s.axes == 3 ? "GridSampler3DBackward0" : "GridSampler2DBackward0"),
        sampling(s),
        edge_storage{edge_of(x), edge_of(places)} {
    edges = edge_storage;
    const RecordingScope scope(this, nullptr);
    input.emplace(flambeau::saved(x));
    grid.emplace(flambeau::saved(places));
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    if (!grads[0]) return;
    const bool wants_input = static_cast<bool>(edge_storage[0]),
               wants_grid = static_cast<bool>(edge_storage[1]);
    const Tensor x = (*input)(), places = (*grid)();
    if (grad_enabled()) {
      if (wants_input) grad_inputs[0] = spread(sampling, grads[0], places);
      if (wants_grid) grad_inputs[1] = grid_gradient(sampling, grads[0], x, places);
      return;
    }
    Gradients result = gradients_raw(sampling, grads[0], x, places, wants_input, wants_grid);
    grad_inputs[0] = std::move(result.input);
    grad_inputs[1] = std::move(result.grid);
  }
  ~GridNode() override { saved = nullptr; }  // the captures die with their places
};

Tensor sample(const GridSampling& s, const Tensor& input, const Tensor& grid) {
  if (!grad_enabled() || !(requires_grad(input) || requires_grad(grid))) return sample_raw(s, input, grid);
  Ref<Node> node(new GridNode(s, input, grid));
  Tensor y;
  {
    const InsideForward inside;
    y = sample_raw(s, input, grid);
  }
  pack_captures(*node);
  set_history(y, std::move(node));
  return y;
}

Tensor grid_sampler(const Tensor& input, const Tensor& grid, int64_t mode, int64_t padding,
                    bool align_corners) {
  const int axes = input.dim() - 2;
  check(input.dim() > 0 && grid.dim() > 0 && input.sizes()[0] == grid.sizes()[0],
        "grid_sampler(): expected grid and input to have same batch size, but got input with sizes ",
        input.sizes(), " and grid with sizes ", grid.sizes());
  check(grid.sizes()[grid.dim() - 1] == axes, "grid_sampler(): expected grid to have size ", axes,
        " in last dimension, but got grid with sizes ", grid.sizes());
  int64_t pixels = 1;
  for (int d = 2; d < input.dim(); ++d) {
    check(input.sizes()[d] > 0,
          "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes ",
          input.sizes(), " with dimension ", d, " being empty");
    pixels *= input.sizes()[d];
  }
  check((axes == 2 || axes == 3) && input.dim() == grid.dim(),
        "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with "
        "sizes ",
        input.sizes(), " and grid with sizes ", grid.sizes());
  if (!is_floating(input.dtype()))
    not_implemented_for(axes == 3 ? "grid_sampler3d_cpu" : "grid_sampler_2d_cpu_kernel_impl", input.dtype());
  check(input.dtype() == grid.dtype(), "expected scalar type ", scalar_type_name(input.dtype()),
        " but found ", scalar_type_name(grid.dtype()));
  check(axes == 2 || mode != 2, "grid_sampler(): bicubic interpolation only supports 4D input");
  check(mode >= 0 && mode <= 2, "grid_sampler(): interpolation_mode must be 0, 1 or 2, but got ", mode);
  check(padding >= 0 && padding <= 2, "grid_sampler(): padding_mode must be 0, 1 or 2, but got ", padding);
  check<NotImplementedError>(pixels <= std::numeric_limits<int32_t>::max(),
                             "grid_sampler(): an image of 2^31 pixels or more is not implemented");
  GridSampling s{input.sizes()[0],
                 input.sizes()[1],
                 1,
                 axes,
                 {1, 1, 1},
                 static_cast<backend::GridMode>(mode),
                 static_cast<backend::GridPadding>(padding),
                 align_corners,
                 input.dtype() == DType::BFloat16  ? 16
                 : input.dtype() == DType::Float16 ? 13
                                                   : 0,
                 false,
                 {}};
  for (int d = 0; d < axes; ++d) {
    s.sizes[kImageAxes - axes + d] = input.sizes()[2 + d];
    s.points *= grid.sizes()[1 + d];
  }
  return sample(s, input, grid);
}

}  // namespace

/// Looks images up at the places of a grid; `torch.nn.functional.grid_sample` says how.
///
/// Args:
///     input: (N, C, H, W) or (N, C, D, H, W), floating point
///     grid: (N, H', W', 2) or (N, D', H', W', 3), from -1 to 1
///     interpolation_mode: 0 (linear), 1 (nearest) or 2 (bicubic)
///     padding_mode: what is outside: 0 (zeros), 1 (the border) or 2 (the reflected image)
///     align_corners: whether -1 and 1 are the centres of the outermost pixels
///
/// Returns:
///     (N, C, H', W') or (N, C, D', H', W').
///
/// Raises:
///     RuntimeError: shapes or element types that do not fit each other.
///
/// >>> x, grid = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[0.5, 0.0]]]])
/// >>> torch.grid_sampler(x, grid, 0, 0, True)
/// tensor([[[[2.5000]]]])
EXPOSE(
    "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) "
    "-> "
    "Tensor",
    grid_sampler, function | Forms::float32);

/// `grid_sampler` of images, (N, C, H, W).
///
/// >>> torch.grid_sampler_2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, False)
/// tensor([[[[1.]]]])
EXPOSE(
    "grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool "
    "align_corners) -> "
    "Tensor",
    grid_sampler, function | Forms::float32);

/// `grid_sampler` of volumes, (N, C, D, H, W).
///
/// >>> torch.grid_sampler_3d(torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 1, 1, 1, 3), 0, 0, False).item()
/// 1.0
EXPOSE(
    "grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool "
    "align_corners) -> "
    "Tensor",
    grid_sampler, function | Forms::float32);

}  // namespace flambeau
