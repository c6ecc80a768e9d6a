// What the poolings share: their arguments, the sizes that follow from them, and the way a gradient takes
// back to the maxima.
#pragma once
#include <array>
#include <optional>

#include "core/backend/backend.h"
#include "core/ops/expose.h"

namespace flambeau::pooling {

using backend::kPoolAxes;
using Axes = std::array<int64_t, kPoolAxes>;

// What differs between the operators of one kind.
struct Kind {
  const char *node, *backward_node;  // as the graph shows them
  const char* kernel;                // as PyTorch says it where an element type has none
  bool keeps_channels_last;          // whether such an input gives such an output and gradient
  bool takes_integers;
  bool gradient_knows_input = true;  // whether the gradient depends on the input, with derivative zero
};

// The arguments of a pooling over the last `axes` dimensions, two or three.
struct Arguments {
  const char* name;
  int axes;
  Axes kernel, stride, padding, dilation;
  bool ceil_mode;
};
Arguments arguments(const char* name, int axes, IntList kernel_size, std::optional<IntList> stride,
                    IntList padding, IntList dilation, bool ceil_mode);

// (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded up in ceil mode, where the last window
// must start inside of the input or its left padding.
int64_t pooled_size(int64_t size, int64_t kernel, int64_t padding, int64_t stride, int64_t dilation,
                    bool ceil_mode);

// Images of fewer channels that lie last are pooled as if they lay in order.
inline constexpr int64_t kFewChannels = 8;

// A contiguous result in the order that it is to have.
Tensor in_order(const Tensor& result, bool channels_last);

struct Geometry {
  const Kind* kind;
  backend::PoolShape shape;
  Dims input, output;
  bool channels_last;
};
// Checks everything and works out the sizes.
Geometry geometry(const Tensor& self, const Arguments& arguments, const Kind& kind);

// The same where each window has its own bounds: the tables that `windows` points into are shared by whoever
// keeps the geometry.
struct WindowGeometry {
  const Kind* kind;
  backend::PoolWindows windows;
  Dims input, output;
  bool channels_last;
  Tensor tables;
};
// The geometry without its tables: room for them, on the host, is made by make_tables once the sizes are
// known, and fill(d, first, last, count) writes those of axis d.
template <class Fill>
void make_tables(WindowGeometry& g, Fill fill) {
  backend::PoolWindows& w = g.windows;
  const int64_t copies = w.own_tables ? w.planes : w.planes > 0;
  int64_t room = 0;
  for (int d = 0; d < kPoolAxes; ++d) room += 3 * copies * w.output[d];
  g.tables = empty_on_host({room}, DType::Int64);
  int64_t* next = g.tables.data<int64_t>();
  for (int d = 0; d < kPoolAxes; ++d) {
    const int64_t n = copies * w.output[d];
    if (copies > 0) fill(d, next, next + n, next + 2 * n);
    w.first[d] = next, w.last[d] = next + n, w.count[d] = next + 2 * n;
    next += 3 * n;
  }
}
// Windows of an output of the given size that share the input evenly; the input has `axes` axes of images.
WindowGeometry adaptive_windows(const Tensor& self, int axes, IntList output_size, const Kind& kind);

// The gradient of a max pooling whose maxima are at `index`, and its derivative. As in PyTorch the result
// depends on the pooled tensor too, with derivative zero: differentiating a gradient that passed through a
// pooling alone gives zeros, not an error.
Tensor max_backward(const Tensor& grad_output, const Tensor& index, const Tensor& pooled, const Geometry& g);
// The place of `self` in the graph without its memory: what a derivative that is zero, yet recorded, has to
// keep.
Tensor history_of(const Tensor& self);

// One-dimensional poolings, which run as two-dimensional ones of height 1.
void check_signal(const Tensor& self, const char* name);
void check_single(IntList values, const char* name, const char* argument);

}  // namespace flambeau::pooling
