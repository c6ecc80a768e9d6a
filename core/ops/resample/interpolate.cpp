// Images of another size: every method is a linear map along each axis, so that forward and gradient are one
// kernel with different tables.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::AxisMap;
using backend::kImageAxes;

enum class Method : uint8_t { Nearest, NearestExact, Linear, Cubic, Lanczos };

struct Mode {
  std::string_view name;
  int axes;  // 0: any
  bool antialias;
  Method method;
  std::array<const char*, 3> nodes;  // by the number of axes
  std::array<const char*, 3> kernels;
  bool takes_bytes;
};

constexpr const char* kLinearKernel = "compute_indices_weights_linear";
constexpr const char* kNearestKernel = "compute_indices_weights_nearest";
constexpr const char* kAntialiasKernel = "compute_index_ranges_weights";
constexpr std::array<const char*, 3> kNearestKernels = {kNearestKernel, "upsample_nearest2d_channels_last",
                                                        kNearestKernel};
constexpr Mode kModes[] = {
    {"nearest",
     0,
     false,
     Method::Nearest,
     {"UpsampleNearest1DBackward0", "UpsampleNearest2DBackward0", "UpsampleNearest3DBackward0"},
     kNearestKernels,
     true},
    {"nearest-exact",
     0,
     false,
     Method::NearestExact,
     {"UpsampleNearestExact1DBackward0", "UpsampleNearestExact2DBackward0",
      "UpsampleNearestExact3DBackward0"},
     kNearestKernels,
     true},
    {"linear", 1, false, Method::Linear, {"UpsampleLinear1DBackward0"}, {kLinearKernel}, false},
    {"bilinear",
     2,
     false,
     Method::Linear,
     {"", "UpsampleBilinear2DBackward0"},
     {"", "upsample_bilinear2d_channels_last"},
     true},
    {"trilinear",
     3,
     false,
     Method::Linear,
     {"", "", "UpsampleTrilinear3DBackward0"},
     {"", "", kLinearKernel},
     false},
    {"bicubic",
     2,
     false,
     Method::Cubic,
     {"", "UpsampleBicubic2DBackward0"},
     {"", "compute_indices_weights_cubic"},
     true},
    {"bilinear",
     2,
     true,
     Method::Linear,
     {"", "UpsampleBilinear2DAaBackward0"},
     {"", kAntialiasKernel},
     true},
    {"bicubic", 2, true, Method::Cubic, {"", "UpsampleBicubic2DAaBackward0"}, {"", kAntialiasKernel}, true},
    {"lanczos", 2, true, Method::Lanczos, {"", "UpsampleLanczos2DAaBackward0"}, {"", kAntialiasKernel}, true},
};

// What a map weighs, output by output; the same numbers as PyTorch's, which for other element types than
// double are computed in float.
template <class T>
struct Weights {
  struct Tap {
    int64_t index;
    T weight;
  };
  std::vector<std::vector<Tap>> taps;

  void add(size_t o, int64_t index, T weight) { taps[o].push_back({index, weight}); }
};

// How far apart neighbouring outputs are in the input.
template <class T>
T step_of(int64_t in, int64_t out, bool align_corners, std::optional<double> scale) {
  if (align_corners) return out > 1 ? static_cast<T>(in - 1) / static_cast<T>(out - 1) : T(0);
  return scale && *scale > 0 ? static_cast<T>(1.0 / *scale) : static_cast<T>(in) / static_cast<T>(out);
}

template <class T>
T cubic(T x, T a) {  // Keys, Cubic convolution interpolation for digital image processing, 1981
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}
template <class T>
T sinc(T x) {
  constexpr T kPi = T(3.14159265358979323846);
  return x == 0 ? T(1) : std::sin(kPi * x) / (kPi * x);
}

// A filter that grows with the step, so that every input counts where the image shrinks.
template <class T>
void antialiased(Weights<T>& w, Method method, int64_t in, int64_t out, T step) {
  const T radius = method == Method::Linear ? 1 : method == Method::Cubic ? 2 : 3;
  const T support = step >= 1 ? radius * step : radius, shrink = step >= 1 ? 1 / step : T(1);
  for (int64_t o = 0; o < out; ++o) {
    const T center = step * (static_cast<T>(o) + T(0.5));
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + T(0.5)), 0);
    const int64_t last = std::min(static_cast<int64_t>(center + support + T(0.5)), in);
    auto& taps = w.taps[static_cast<size_t>(o)];
    T total = 0;
    for (int64_t i = first; i < last; ++i) {
      const T x = (static_cast<T>(i) - center + T(0.5)) * shrink;
      const T value = method == Method::Linear  ? std::max(T(0), 1 - std::abs(x))
                      : method == Method::Cubic ? cubic(x, T(-0.5))
                      : std::abs(x) < 3         ? sinc(x) * sinc(x / 3)
                                                : T(0);
      taps.push_back({i, value});
      total += value;
    }
    if (total != 0)
      for (auto& tap : taps) tap.weight /= total;
  }
}

template <class T>
void interpolated(Weights<T>& w, Method method, int64_t in, int64_t out, T step, bool align_corners) {
  for (int64_t o = 0; o < out; ++o) {
    const auto at = static_cast<size_t>(o);
    T source = align_corners ? step * static_cast<T>(o) : step * (static_cast<T>(o) + T(0.5)) - T(0.5);
    if (method == Method::Linear) {
      if (in == out) {
        w.add(at, o, 1);
        continue;
      }
      source = std::max(source, T(0));
      const int64_t i = std::min(static_cast<int64_t>(source), in - 1);
      const T part = std::clamp(source - static_cast<T>(i), T(0), T(1));
      w.add(at, i, 1 - part);
      w.add(at, i + (i < in - 1), part);
      continue;
    }
    const T below = std::floor(source), part = std::clamp(source - below, T(0), T(1));
    const auto i = static_cast<int64_t>(below);
    for (int64_t k = -1; k <= 2; ++k)
      w.add(at, std::clamp<int64_t>(i + k, 0, in - 1), cubic(part - static_cast<T>(k), T(-0.75)));
  }
}

template <class T>
Weights<T> weights_of(const Mode& mode, int64_t in, int64_t out, bool align_corners,
                      std::optional<double> scale) {
  Weights<T> w;
  w.taps.resize(static_cast<size_t>(out));
  if (mode.method == Method::Nearest || mode.method == Method::NearestExact) {
    const float step = step_of<float>(in, out, false, scale),
                half = mode.method == Method::Nearest ? 0 : 0.5f;
    for (int64_t o = 0; o < out; ++o)
      w.add(static_cast<size_t>(o),
            std::min(static_cast<int64_t>(std::floor((static_cast<float>(o) + half) * step)), in - 1), 1);
  } else if (mode.antialias) {
    antialiased(w, mode.method, in, out, step_of<T>(in, out, align_corners, scale));
  } else {
    interpolated(w, mode.method, in, out, step_of<T>(in, out, align_corners, scale), align_corners);
  }
  return w;
}

template <class T>
Weights<T> transposed(const Weights<T>& w, int64_t in) {
  Weights<T> t;
  t.taps.resize(static_cast<size_t>(in));
  for (size_t o = 0; o < w.taps.size(); ++o)
    for (const auto& tap : w.taps[o]) {
      auto& found = t.taps[static_cast<size_t>(tap.index)];
      if (!found.empty() && found.back().index == static_cast<int64_t>(o))
        found.back().weight += tap.weight;  // borders that are repeated
      else
        found.push_back({static_cast<int64_t>(o), tap.weight});
    }
  return t;
}

// One axis' map as the backend reads it.
struct Table {
  AxisMap map;
  Tensor index, count, weight;
};

template <class T>
Table table_of(const Weights<T>& w, int64_t in) {
  const auto out = static_cast<int64_t>(w.taps.size());
  size_t taps = 1;
  for (const auto& list : w.taps) taps = std::max(taps, list.size());
  const auto n = static_cast<int64_t>(taps);
  Table t{{in, out, n, nullptr, nullptr, nullptr},
          empty_on_host({n, out}, DType::Int32),
          empty_on_host({out}, DType::Int64),
          empty_on_host({n, out}, std::is_same_v<T, double> ? DType::Float64 : DType::Float32)};
  auto* index = t.index.template data<int32_t>();
  auto* weight = t.weight.template data<T>();
  for (int64_t o = 0; o < out; ++o) {
    const auto& list = w.taps[static_cast<size_t>(o)];
    const auto count = static_cast<int64_t>(list.size());
    t.count.template data<int64_t>()[o] = count;
    for (int64_t k = 0; k < n; ++k) {
      // Beyond the last tap the same element is read again.
      const auto at = static_cast<size_t>(std::min(k, count - 1));
      index[k * out + o] = count ? static_cast<int32_t>(list[at].index) : 0;
      weight[k * out + o] = k < count ? list[at].weight : T(0);
    }
  }
  t.map.index = index;
  t.map.count = t.count.template data<int64_t>();
  t.map.weight = weight;
  return t;
}

struct Geometry {
  const Mode* mode;
  int axes;
  bool align_corners;
  std::array<std::optional<double>, kImageAxes> scales;
  Dims input, output;
  bool channels_last;

  int64_t planes() const { return input[0] * input[1]; }
  const char* node() const { return mode->nodes[static_cast<size_t>(axes - 1)]; }
};

// Runs the maps, or their transposes, over `input`, a contiguous tensor.
Tensor run(const Tensor& input, const Geometry& g, bool adjoint) {
  const bool bytes = input.dtype() == DType::UInt8;
  backend::Resampling r{g.planes(), {}};
  std::array<Table, kImageAxes> tables;
  for (int d = 0; d < kImageAxes; ++d) {
    const int axis = d - (kImageAxes - g.axes);
    AxisMap& m = r.axes[d];
    m = {1, 1, 0, nullptr, nullptr, nullptr};
    if (axis < 0) continue;
    const int64_t in = g.input[2 + axis], out = g.output[2 + axis];
    const auto make = [&]<class T>(T) {
      const Weights<T> w =
          weights_of<T>(*g.mode, in, out, g.align_corners, g.scales[static_cast<size_t>(axis)]);
      return adjoint ? table_of(transposed(w, in), out) : table_of(w, in);
    };
    Table& t = tables[static_cast<size_t>(d)];
    t = bytes || input.dtype() == DType::Float64 ? make(double{}) : make(float{});
    m = t.map;
    const bool nearest = g.mode->method == Method::Nearest || g.mode->method == Method::NearestExact;
    if (in == out && !bytes && !g.mode->antialias && (nearest || g.mode->method == Method::Linear) &&
        !g.scales[static_cast<size_t>(axis)])
      m.taps = 0;  // the identity
  }
  Tensor output = empty(adjoint ? g.input : g.output, input.dtype());
  {
    const WithoutGil guard((input.numel() + output.numel()) * (g.axes + 1));
    backend::current().resample(input.dtype(), r, input->data, output->data);
  }
  return output;
}

Tensor resample_adjoint(const Tensor& grad_output, const Geometry& g);

Tensor resample(const Tensor& self, const Geometry& g) {
  return differentiable(
      g.node(), Out{},
      [&] {
        const Tensor result = narrowed(run(as_contiguous(widened(self)), g, false), self.dtype());
        return g.channels_last ? with_channels_last(result) : result;
      },
      wrt(self, [g](const Tensor& grad) { return resample_adjoint(grad, g); }));
}

Tensor resample_adjoint(const Tensor& grad_output, const Geometry& g) {
  return differentiable(
      "UpsampleBackwardBackward0", Out{},
      [&] { return narrowed(run(as_contiguous(widened(grad_output)), g, true), grad_output.dtype()); },
      wrt(grad_output, [g](const Tensor& grad) { return resample(grad, g); }));
}

// "(H: 8, W: 8)".
struct Sizes {
  const Dims& sizes;
  int axes;
};
std::ostream& operator<<(std::ostream& stream, const Sizes& s) {
  for (int d = 0; d < s.axes; ++d)
    stream << (d ? ", " : "(") << "DHW"[kImageAxes - s.axes + d] << ": " << s.sizes[2 + d];
  return stream << ')';
}

}  // namespace

Tensor upsample(const Tensor& self, std::string_view mode_name, IntList output_size, bool align_corners,
                bool antialias, std::optional<double> scale_1, std::optional<double> scale_2,
                std::optional<double> scale_3) {
  const int axes = static_cast<int>(output_size.size());
  const Mode* mode = std::find_if(std::begin(kModes), std::end(kModes), [&](const Mode& m) {
    return m.name == mode_name && m.antialias == antialias && (m.axes == 0 || m.axes == axes);
  });
  check(mode != std::end(kModes) && axes >= 1 && axes <= kImageAxes && self.dim() == axes + 2,
        "there is no interpolation '", mode_name, "' of ", self.dim(), "-dimensional input");
  Geometry g{mode,         axes,         align_corners,          {scale_1, scale_2, scale_3},
             self.sizes(), self.sizes(), has_channels_last(self)};
  bool some = true;
  for (int d = 0; d < axes; ++d) {
    g.output[2 + d] = output_size[static_cast<size_t>(d)];
    some &= g.output[2 + d] > 0 && g.input[2 + d] > 0;
    check(g.output[2 + d] <= std::numeric_limits<int32_t>::max() &&
              g.input[2 + d] <= std::numeric_limits<int32_t>::max(),
          "interpolate: a size is too large");
  }
  check(some, "Input and output sizes should be greater than 0, but got input ", Sizes{g.input, axes},
        " output ", Sizes{g.output, axes});
  check(self.sizes()[1] > 0, "Non-empty ", axes + 2, "D data tensor expected but got a tensor with sizes ",
        self.sizes());
  if (!is_floating(self.dtype()) && !(self.dtype() == DType::UInt8 && mode->takes_bytes))
    fail<NotImplementedError>('"', mode->kernels[static_cast<size_t>(axes - 1)], "\" not implemented for '",
                              scalar_type_name(self.dtype()), "'");
  return resample(self, g);
}

/// An image of another size; `torch.nn.functional.interpolate` says how.
///
/// Args:
///     self: (N, C, ...) with one, two or three axes of an image; floating point, or uint8
///     mode: 'nearest', 'nearest-exact', 'linear', 'bilinear', 'trilinear', 'bicubic' or 'lanczos'
///     output_size: the size of each axis
///     align_corners: whether the outermost pixels keep their place, rather than the outermost borders
///     antialias: whether the filter grows where the image shrinks
///     scale_1, scale_2, scale_3: by what the axes grow, where that is not the ratio of the sizes
///
/// Returns:
///     (N, C, *output_size).
///
/// Raises:
///     RuntimeError: sizes of 0.
///     NotImplementedError: an element type without resampling.
///
/// >>> torch._C._nn.upsample(torch.tensor([[[1.0, 3.0]]]), 'linear', [4]).tolist()
/// [[[1.0, 1.5, 2.5, 3.0]]]
EXPOSE(
    "upsample(Tensor self, str mode, int[] output_size, bool align_corners=False, bool antialias=False, "
    "float? scale_1=None, float? scale_2=None, float? scale_3=None) -> Tensor",
    upsample, nn);

}  // namespace flambeau
