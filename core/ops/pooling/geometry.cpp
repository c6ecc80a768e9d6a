// Sizes and windows of poolings, and PyTorch's words about arguments that do not fit.
#include "core/ops/pooling/pooling.h"

#include <limits>

#include "core/ops/operators.h"
#include "core/tensor/listed.h"

namespace flambeau::pooling {
namespace {

// "kH: 2 kW: 3", for the last axes; written where a check fails, as the following ones.
struct ByLetter {
  const char* prefix;
  const Axes& values;
  int axes;
};
std::ostream& operator<<(std::ostream& stream, const ByLetter& v) {
  for (int d = kPoolAxes - v.axes; d < kPoolAxes; ++d)
    stream << (d > kPoolAxes - v.axes ? " " : "") << v.prefix << "THW"[d] << ": "
           << v.values[static_cast<size_t>(d)];
  return stream;
}

// "(3x10x10)".
struct ByX {
  int64_t channels;
  const int64_t* sizes;
  int axes;
};
std::ostream& operator<<(std::ostream& stream, const ByX& v) {
  stream << '(' << v.channels;
  for (int d = 0; d < v.axes; ++d) stream << 'x' << v.sizes[d];
  return stream << ')';
}

// One value for every axis, or one each; axes that are not there get `absent`.
Axes spread(IntList values, int axes, int64_t absent) {
  Axes all;
  all.fill(absent);
  for (int d = 0; d < axes; ++d)
    all[static_cast<size_t>(kPoolAxes - axes + d)] = values[values.size() == 1 ? 0 : static_cast<size_t>(d)];
  return all;
}

bool all_above(const Axes& values, int64_t bound) {
  return values[0] > bound && values[1] > bound && values[2] > bound;
}

void check_numbers(const Arguments& a) {
  const auto& [name, axes, kernel, stride, padding, dilation, ceil_mode] = a;
  for (size_t d = 0; d < kPoolAxes; ++d) {
    constexpr int64_t kLimit = std::numeric_limits<int32_t>::max();
    check(stride[d] != 0, "stride should not be zero");
    check(kernel[d] <= kLimit && stride[d] <= kLimit && padding[d] <= kLimit && dilation[d] <= kLimit &&
              kernel[d] >= -kLimit && dilation[d] >= -kLimit,
          name, ": an argument is too large");
    check(padding[d] >= 0, "pad must be non-negative, but got pad: ", padding[d]);
    check(padding[d] <= ((kernel[d] - 1) * dilation[d] + 1) / 2,
          "pad should be at most half of effective kernel size, but got pad=", padding[d],
          ", kernel_size=", kernel[d], " and dilation=", dilation[d]);
  }
  check(all_above(kernel, 0), "kernel size should be greater than zero, but got ",
        ByLetter{"k", kernel, axes});
  check(all_above(stride, 0), "stride should be greater than zero, but got ", ByLetter{"d", stride, axes});
  check(all_above(dilation, 0), "dilation should be greater than zero, but got ",
        ByLetter{"dilation", dilation, axes});
}

bool is_shaped(const Tensor& self, int axes) { return self.dim() == axes + 1 || self.dim() == axes + 2; }

bool averages(const Arguments& a) { return a.name[0] == 'a'; }

void check_rank(const Tensor& self, const Arguments& a) {
  if (averages(a) && a.axes == 2)
    self.size(-3);  // an IndexError; of more dimensions check_filled speaks
  else
    check(is_shaped(self, a.axes), "non-empty ", a.axes + 1, "D or ", a.axes + 2,
          "D (batch mode) tensor expected for input, but got ", self.sizes());
}

void check_filled(const Tensor& self, const Arguments& a) {
  bool filled = is_shaped(self, a.axes);
  for (int i = self.dim() == a.axes + 2; filled && i < self.dim(); ++i) filled &= self.sizes()[i] > 0;
  if (a.axes == 2)
    check(filled, "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:",
          self.sizes());
  else
    check(filled, averages(a) ? "avg_pool3d" : "max_pool3d_with_indices_out_cpu_template",
          "(): Expected input's non-batch dimensions to have positive length, but input has a shape of ",
          self.sizes(), " and non-batch dimension 0 has length zero!");
}

}  // namespace

int64_t pooled_size(int64_t size, int64_t kernel, int64_t padding, int64_t stride, int64_t dilation,
                    bool ceil_mode) {
  const int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1 + (ceil_mode ? stride - 1 : 0);
  int64_t windows = (room >= 0 ? room / stride : -((-room + stride - 1) / stride)) + 1;
  if (ceil_mode && (windows - 1) * stride >= size + padding) --windows;
  return windows;
}

Tensor in_order(const Tensor& result, bool channels_last) {
  return channels_last ? with_channels_last(result) : result;
}

Arguments arguments(const char* name, int axes, IntList kernel_size, std::optional<IntList> stride,
                    IntList padding, IntList dilation, bool ceil_mode) {
  // PyTorch says it one way for avg_pool3d, another for the rest.
  const char* either = axes == 3 && name[0] == 'a' ? "" : "either ";
  const auto fits = [&](IntList values) {
    return values.size() == 1 || values.size() == static_cast<size_t>(axes);
  };
  const char* ints =
      axes == 2 ? "a single int, or a tuple of two ints" : "a single int, or a tuple of three ints";
  check(fits(kernel_size), name, ": kernel_size must ", either, "be ", ints, ", but got ",
        Listed{kernel_size});
  const IntList steps = stride && !stride->empty() ? *stride : kernel_size;
  check(fits(steps), name, ": stride must ", either, "be omitted, ", ints, ", but got ", Listed{steps});
  check(fits(padding), name, ": padding must ", either, "be ", ints, ", but got ", Listed{padding});
  check(fits(dilation), name, ": dilation must be either ", ints, ", but got ", Listed{dilation});
  return {name,
          axes,
          spread(kernel_size, axes, 1),
          spread(steps, axes, 1),
          spread(padding, axes, 0),
          spread(dilation, axes, 1),
          ceil_mode};
}

Geometry geometry(const Tensor& self, const Arguments& a, const Kind& kind) {
  check_rank(self, a);
  check_numbers(a);
  check_filled(self, a);
  Geometry g{&kind, {}, self.sizes(), self.sizes(), kind.keeps_channels_last && has_channels_last(self)};
  backend::PoolShape& s = g.shape;
  const int first = kPoolAxes - a.axes, lead = self.dim() - a.axes;
  s.planes = lead == 2 ? self.sizes()[0] * self.sizes()[1] : self.sizes()[0];
  bool some = true, dilated = false;
  int64_t window = 1;
  for (int d = 0; d < kPoolAxes; ++d) {
    const auto at = static_cast<size_t>(d);
    s.kernel[d] = a.kernel[at];
    window *= std::min<int64_t>(s.kernel[d], 256);
    dilated |= a.dilation[at] != 1;
    s.stride[d] = a.stride[at];
    s.padding[d] = a.padding[at];
    s.dilation[d] = a.dilation[at];
    s.input[d] = s.output[d] = 1;
    if (d < first) continue;
    s.input[d] = self.sizes()[lead + d - first];
    s.output[d] = pooled_size(s.input[d], s.kernel[d], s.padding[d], s.stride[d], s.dilation[d], a.ceil_mode);
    some &= s.output[d] > 0;
    g.output[lead + d - first] = s.output[d];
  }
  if (a.axes == 3 && averages(a)) {
    const Axes sizes = {s.input[0], s.input[1], s.input[2]};
    bool reaches = true;
    for (size_t d = 0; d < kPoolAxes; ++d) reaches &= sizes[d] >= a.kernel[d];
    check(reaches, "input image (", ByLetter{"", sizes, 3}, ") smaller than kernel size (",
          ByLetter{"k", a.kernel, 3}, ")");
  }
  const int64_t channels = self.sizes()[lead - 1];
  check(some, "Given input size: ", ByX{channels, s.input + first, a.axes},
        ". Calculated output size: ", ByX{channels, s.output + first, a.axes}, ". Output size is too small");
  if (g.channels_last && !dilated && window <= 255 && channels >= kFewChannels) s.channels = channels;
  return g;
}

WindowGeometry adaptive_windows(const Tensor& self, int axes, IntList output_size, const Kind& kind) {
  WindowGeometry g{
      &kind, {}, self.sizes(), self.sizes(), kind.keeps_channels_last && has_channels_last(self), Tensor()};
  const int lead = self.dim() - axes;
  backend::PoolWindows& w = g.windows;
  w.planes = lead == 2 ? self.sizes()[0] * self.sizes()[1] : self.sizes()[0];
  w.own_tables = false;
  for (int d = 0; d < kPoolAxes; ++d) {
    const int axis = d - (kPoolAxes - axes);
    w.input[d] = axis < 0 ? 1 : self.sizes()[lead + axis];
    w.output[d] = axis < 0 ? 1 : output_size[static_cast<size_t>(axis)];
    if (axis >= 0) g.output[lead + axis] = w.output[d];
  }
  for (int d = 0; d < kPoolAxes; ++d)
    check(w.output[d] >= 0, "Trying to create tensor with negative dimension ", w.output[d], ": ", g.output);
  make_tables(g, [&](int d, int64_t* first, int64_t* last, int64_t* count) {
    const int64_t in = w.input[d], out = w.output[d];
    for (int64_t o = 0; o < out; ++o) {
      first[o] = o / out * in + o % out * in / out;
      last[o] = (o + 1) / out * in + ((o + 1) % out * in + out - 1) / out;
      count[o] = last[o] - first[o];
    }
  });
  return g;
}

}  // namespace flambeau::pooling
