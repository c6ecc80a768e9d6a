// Blocks of images as columns and back, and tensors with margins.
#include <algorithm>
#include <memory>
#include <vector>

#include "core/backend/backend.h"
#include "core/ops/creation/creation.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::ImageBlocks;

// ---- blocks of images

void set_pair(int64_t (&pair)[2], IntList values, const char* name) {
  check(values.size() == 1 || values.size() == 2, "It is expected ", name, " equals to 2, but got size ",
        values.size());
  pair[0] = values.front();
  pair[1] = values.back();
}
void check_pair(const int64_t (&pair)[2], int64_t least, const char* wish, const char* name) {
  check(std::min(pair[0], pair[1]) >= least, wish, ", but got ", name, "_height: ", pair[0], " ", name,
        "_width: ", pair[1]);
}

ImageBlocks image_blocks(IntList kernel_size, IntList dilation, IntList padding, IntList stride) {
  ImageBlocks b{};
  set_pair(b.kernel, kernel_size, "kernel_size");
  set_pair(b.dilation, dilation, "dilation");
  set_pair(b.padding, padding, "padding");
  set_pair(b.stride, stride, "stride");
  check_pair(b.kernel, 1, "kernel size should be greater than zero", "kernel");
  check_pair(b.stride, 1, "stride should be greater than zero", "stride");
  check_pair(b.dilation, 1, "dilation should be greater than zero", "dilation");
  check_pair(b.padding, 0, "padding should be non-negative", "pad");
  return b;
}

// How many blocks there are, rounded down also below 0.
void count_blocks(ImageBlocks& b) {
  for (int i = 0; i < 2; ++i) {
    const auto wide =
        static_cast<int64_t>(static_cast<uint64_t>(b.image[i]) + 2 * static_cast<uint64_t>(b.padding[i]));
    const int64_t room =
        static_cast<int64_t>(static_cast<uint64_t>(wide) -
                             static_cast<uint64_t>(wrapping_mul(b.dilation[i], b.kernel[i] - 1)) - 1);
    b.blocks[i] = (room >= 0 ? room / b.stride[i] : -((-room + b.stride[i] - 1) / b.stride[i])) + 1;
  }
}

void check_blocks_type(const char* kernel, DType dtype) {
  if (is_integral(dtype) && dtype != DType::Bool) not_implemented_for(kernel, dtype);
}

Tensor fold_to(const Tensor& columns, const ImageBlocks& b, const Dims& images);

Tensor unfold_from(const Tensor& self, const ImageBlocks& b, const Dims& columns) {
  return differentiable(
      "Im2ColBackward0", {},
      [&] {
        const Tensor x = as_contiguous(self), y = empty(columns, self.dtype());
        {
          const WithoutGil guard(y.numel() / 2);
          backend::current().unfold_images(item_size(self.dtype()), b, x.data<char>(), y.data<char>());
        }
        return y;
      },
      wrt(self, [b, images = self.sizes()](const Tensor& grad) { return fold_to(grad, b, images); }));
}

Tensor fold_to(const Tensor& self, const ImageBlocks& b, const Dims& images) {
  return differentiable(
      "Col2ImBackward0", {},
      [&] {
        const Tensor x = as_contiguous(self), y = empty(images, self.dtype());
        {
          const WithoutGil guard(x.numel());
          backend::current().fold_images(self.dtype(), b, x.data<char>(), y.data<char>());
        }
        return y;
      },
      wrt(self, [b, columns = self.sizes()](const Tensor& grad) { return unfold_from(grad, b, columns); }));
}

Tensor im2col(const Tensor& self, IntList kernel_size, IntList dilation, IntList padding, IntList stride) {
  ImageBlocks b = image_blocks(kernel_size, dilation, padding, stride);
  const Dims& sizes = self.sizes();
  const int n = sizes.count;
  check((n == 3 || n == 4) && sizes[n - 3] && sizes[n - 2] && sizes[n - 1],
        "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
        "input, "
        "but got: ",
        sizes);
  b.image[0] = sizes[n - 2];
  b.image[1] = sizes[n - 1];
  count_blocks(b);
  const auto pair = [](const int64_t (&p)[2]) { return Dims{p[0], p[1]}; };
  check(b.blocks[0] >= 1 && b.blocks[1] >= 1, "Given input with spatial size (", b.image[0], ", ", b.image[1],
        "), kernel_size=(", b.kernel[0], ", ", b.kernel[1], "), dilation=(", b.dilation[0], ", ",
        b.dilation[1], "), padding=(", b.padding[0], ", ", b.padding[1],
        "), calculated shape of the array of sliding blocks as (", pair(b.blocks)[0], ", ", pair(b.blocks)[1],
        "), but its components must be at least one.");
  check_blocks_type("im2col_out_cpu", self.dtype());
  b.planes = sizes[n - 3] * (n == 4 ? sizes[0] : 1);
  Dims columns;
  if (n == 4) columns.push_back(sizes[0]);
  columns.push_back(wrapping_mul(sizes[n - 3], wrapping_mul(b.kernel[0], b.kernel[1])));
  columns.push_back(wrapping_mul(b.blocks[0], b.blocks[1]));
  return unfold_from(self, b, columns);
}

Tensor col2im(const Tensor& self, IntList output_size, IntList kernel_size, IntList dilation, IntList padding,
              IntList stride) {
  int64_t image[2];
  set_pair(image, output_size, "output_size");
  ImageBlocks b = image_blocks(kernel_size, dilation, padding, stride);
  std::copy_n(image, 2, b.image);
  const Dims& sizes = self.sizes();
  const int n = sizes.count;
  check((n == 2 || n == 3) && sizes[n - 2] && sizes[n - 1],
        "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
        "for "
        "input, but got: ",
        sizes);
  const int64_t elements = wrapping_mul(b.kernel[0], b.kernel[1]);
  check(elements > 0 && sizes[n - 2] % elements == 0,
        "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
        "input.size(1)=",
        sizes[n - 2], " and kernel_size=(", b.kernel[0], ", ", b.kernel[1], ").");
  count_blocks(b);
  for (int64_t& count : b.blocks) count = std::max<int64_t>(count, 0);
  const int64_t blocks = wrapping_mul(b.blocks[0], b.blocks[1]);
  check(blocks == sizes[n - 1], "Given output_size=(", image[0], ", ", image[1], "), kernel_size=(",
        b.kernel[0], ", ", b.kernel[1], "), dilation=(", b.dilation[0], ", ", b.dilation[1], "), padding=(",
        b.padding[0], ", ", b.padding[1], "), stride=(", b.stride[0], ", ", b.stride[1],
        "), expected size of input's dimension 2 to match the calculated number of sliding blocks ",
        b.blocks[0], " * ", b.blocks[1], " = ", blocks, ", but got input.size(2)=", sizes[n - 1], ".");
  check_blocks_type("col2im_out_cpu", self.dtype());
  Dims images;
  if (n == 3) images.push_back(sizes[0]);
  images.push_back(sizes[n - 2] / elements);
  images.push_back(image[0]);
  images.push_back(image[1]);
  b.planes = images[n - 2] * (n == 3 ? sizes[0] : 1);
  return fold_to(self, b, images);
}

// ---- margins

// Where the elements of each axis come from; an axis without a table stays.
struct Margins {
  Dims input, output;
  std::vector<std::vector<int64_t>> sources;
};
using SharedMargins = std::shared_ptr<const Margins>;

// The axes in the order in which they lie in memory, neighbours that stay as one.
backend::Extension extension_of(const Margins& m, bool channels_last) {
  backend::Extension e{};
  const int n = m.input.count;
  const auto axis = [&](int i) { return !channels_last || i == 0 ? i : i == n - 1 ? 1 : i + 1; };
  for (int i = 0; i < n; ++i) {
    const int d = axis(i);
    const auto& source = m.sources[static_cast<size_t>(d)];
    const bool stays = source.empty() && m.input[d] == m.output[d];
    if (stays && e.dims && !e.source[e.dims - 1]) {
      e.input[e.dims - 1] *= m.input[d];
      e.output[e.dims - 1] *= m.input[d];
      continue;
    }
    e.input[e.dims] = m.input[d];
    e.output[e.dims] = m.output[d];
    // A table of an axis without outputs has no elements, and is never read.
    static const int64_t none = 0;
    e.source[e.dims] = stays ? nullptr : source.empty() ? &none : source.data();
    ++e.dims;
  }
  return e;
}

Tensor image_like(const Dims& sizes, DType dtype, bool channels_last) {
  if (!channels_last) return empty(sizes, dtype);
  Dims strides = sizes;
  int64_t step = sizes[1];
  strides[1] = 1;
  for (int d = sizes.count - 1; d > 1; --d) {
    strides[d] = step;
    step *= sizes[d];
  }
  strides[0] = step;
  return empty_strided(sizes, strides, dtype);
}

Tensor extended_adjoint(const char* node, const Tensor& grad, const Tensor& self, const SharedMargins& m);

Tensor extended_raw(const Tensor& self, const Margins& m, const Scalar& constant, bool channels_last) {
  const Tensor x = channels_last ? with_channels_last(self) : as_contiguous(self);
  const Tensor y = image_like(m.output, self.dtype(), channels_last), item = empty({}, self.dtype());
  fill_raw(item, constant);
  if (y.numel()) {
    const backend::Extension e = extension_of(m, channels_last);
    const WithoutGil guard(y.numel() / 2);
    backend::current().extend(item_size(self.dtype()), e, x.data<char>(), item.data<char>(), y.data<char>());
  }
  return y;
}

// Like PyTorch's, the gradient of a reflected or replicated border counts as a function of the input
// (`linked`), on which it does not depend.
Tensor extended(const char* node, const Tensor& self, const SharedMargins& m, bool channels_last,
                bool linked) {
  return differentiable(
      node, {}, [&] { return extended_raw(self, *m, Scalar(0), channels_last); },
      wrt(self, [node, m, x = saved(linked ? self : Tensor())](const Tensor& grad) {
        return extended_adjoint(node, grad, x(), m);
      }));
}

Tensor extended_adjoint(const char* node, const Tensor& grad, const Tensor& self, const SharedMargins& m) {
  return differentiable(
      node, {},
      [&] {
        const Tensor g = as_contiguous(widened(grad)), x = empty(m->input, g.dtype());
        if (x.numel()) {
          const backend::Extension e = extension_of(*m, false);
          const WithoutGil guard(g.numel());
          backend::current().extend_backward(g.dtype(), e, g.data<char>(), x.data<char>());
        }
        return narrowed(x, grad.dtype());
      },
      wrt(grad, [node, m](const Tensor& g) { return extended(node, g, m, false, false); }),
      wrt(self, [](const Tensor& g) { return no_slope(g); }));
}

Tensor constant_pad(const Tensor& self, IntList pad, const Scalar& value) {
  check(pad.size() % 2 == 0, "Length of pad must be even but instead it equals ", pad.size());
  const int dims = self.dim(), axes = static_cast<int>(pad.size() / 2);
  check(axes <= dims,
        "Length of pad should be no more than twice the number of dimensions of the input. Pad length is ",
        pad.size(), " while the input has ", dims, " dimensions.");
  const auto m = std::make_shared<Margins>();
  m->input = m->output = self.sizes();
  m->sources.resize(static_cast<size_t>(dims));
  bool grows = false;
  Tensor inner = self;
  for (int k = 0; k < axes; ++k) {
    const int d = dims - 1 - k;
    const int64_t before = pad[static_cast<size_t>(2 * k)], behind = pad[static_cast<size_t>(2 * k + 1)];
    const int64_t size = self.sizes()[d], start = std::max<int64_t>(-before, 0),
                  stop = size - std::max<int64_t>(-behind, 0);
    check(stop >= start, "narrow(): length must be non-negative.");
    grows |= before > 0 || behind > 0;
    if (before == 0 && behind == 0) continue;
    if (start > 0 || stop < size) inner = narrow(inner, d, start, stop - start);
    m->output[d] = size + before + behind;
  }
  if (!grows) return clone(inner, MemoryFormat::Preserve);
  check_fits(value, self.dtype());
  checked_numel(m->output);
  for (int k = 0; k < axes; ++k) {
    const int d = dims - 1 - k;
    const int64_t before = pad[static_cast<size_t>(2 * k)], behind = pad[static_cast<size_t>(2 * k + 1)];
    if (before == 0 && behind == 0) continue;
    auto& source = m->sources[static_cast<size_t>(d)];
    source.reserve(static_cast<size_t>(m->output[d]));
    for (int64_t o = 0; o < m->output[d]; ++o) {
      const int64_t at = o - before;
      source.push_back(at >= 0 && at < self.sizes()[d] ? at : -1);
    }
  }
  std::vector<int64_t> back(pad.size());
  std::transform(pad.begin(), pad.end(), back.begin(), [](int64_t width) { return -width; });
  return differentiable(
      "ConstantPadNdBackward0", {}, [&] { return extended_raw(self, *m, value, has_channels_last(self)); },
      wrt(self, [back](const Tensor& grad) { return constant_pad(grad, back, Scalar(0)); }));
}

enum class PadMode : uint8_t { Reflect, Replicate, Circular };

const char* pad_node(PadMode mode, int axes) {
  constexpr const char* kReflect[] = {"ReflectionPad1DBackward0", "ReflectionPad2DBackward0",
                                      "ReflectionPad3DBackward0"};
  constexpr const char* kReplicate[] = {"ReplicationPad1DBackward0", "ReplicationPad2DBackward0",
                                        "ReplicationPad3DBackward0"};
  return mode == PadMode::Reflect     ? kReflect[axes - 1]
         : mode == PadMode::Replicate ? kReplicate[axes - 1]
                                      : "CircularPadBackward0";
}

void check_padding(const Tensor& self, PadMode mode, int d, int64_t before, int64_t after) {
  const int64_t size = self.sizes()[d];
  if (mode == PadMode::Reflect)
    check(
        before < size && after < size,
        "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (",
        before, ", ", after, ") at dimension ", d, " of input ", self.sizes());
  if (mode == PadMode::Circular) {
    check(before <= size && after <= size, "Padding value causes wrapping around more than once.");
    check(size + before + after >= 0, "Negative padding value is resulting in an empty dimension");
  } else {
    const char axis = "WHD"[self.dim() - 1 - d];
    check(size + before + after >= 1, "input (", axis, ": ", size, ") is too small. Calculated output ", axis,
          ": ", size + before + after);
  }
}

Tensor pad_by_copies(const Tensor& self, IntList pad, PadMode mode) {
  const int dims = self.dim(), axes = static_cast<int>(pad.size() / 2);
  auto m = std::make_shared<Margins>();
  m->input = m->output = self.sizes();
  m->sources.resize(static_cast<size_t>(dims));
  for (int k = 0; k < axes; ++k) {
    const int d = dims - 1 - k;
    const int64_t before = pad[static_cast<size_t>(2 * k)], after = pad[static_cast<size_t>(2 * k + 1)];
    check_padding(self, mode, d, before, after);
    m->output[d] += before + after;
  }
  checked_numel(m->output);
  for (int k = 0; k < axes; ++k) {
    const int d = dims - 1 - k;
    const int64_t before = pad[static_cast<size_t>(2 * k)], after = pad[static_cast<size_t>(2 * k + 1)];
    if (before == 0 && after == 0) continue;
    const int64_t size = self.sizes()[d], last = size - 1;
    // What goes round is what negative widths leave.
    const int64_t first = std::max<int64_t>(-before, 0),
                  round = std::max<int64_t>(size - std::max<int64_t>(-after, 0) - first, 0);
    auto& source = m->sources[static_cast<size_t>(d)];
    source.reserve(static_cast<size_t>(m->output[d]));
    for (int64_t o = 0; o < m->output[d]; ++o) {
      const int64_t at = o - before;
      if (mode == PadMode::Reflect)
        source.push_back(last - std::abs(last - std::abs(at)));
      else if (mode == PadMode::Replicate)
        source.push_back(std::clamp<int64_t>(at, 0, last));
      else
        source.push_back(round ? first + ((at - first) % round + round) % round : -1);
    }
  }
  const bool channels_last = mode != PadMode::Circular && has_channels_last(self);
  return extended(pad_node(mode, axes), self, m, channels_last, mode != PadMode::Circular);
}

Tensor pad(const Tensor& input, IntList pad, std::string_view mode, std::optional<Scalar> value) {
  check(pad.size() % 2 == 0, "Padding length must be divisible by 2");
  const int axes = static_cast<int>(pad.size() / 2), rest = input.dim() - axes;
  check(
      rest >= 0,
      "Padding length should be less than or equal to two times the input dimension but got padding length ",
      pad.size(), " and input of dimension ", input.dim());
  if (mode == "constant") return constant_pad(input, pad, value.value_or(Scalar(0)));
  check(!value || value->equals(0), "Padding mode \"", mode, "\" doesn't take in value argument");
  const auto how = mode == "reflect"     ? std::optional(PadMode::Reflect)
                   : mode == "replicate" ? std::optional(PadMode::Replicate)
                   : mode == "circular"  ? std::optional(PadMode::Circular)
                                         : std::nullopt;
  if (!how) fail<NotImplementedError>("Unrecognised padding mode ", mode);
  if (axes < 1 || axes > 3 || rest < 1 || rest > 2)
    fail<NotImplementedError>("Padding size ", pad.size(), " is not supported for ", input.dim(),
                              "D input tensor.\nSupported combinations for non-constant padding:\n"
                              "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
                              "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
                              "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)");
  return pad_by_copies(input, pad, *how);
}

}  // namespace

/// Lays the blocks of images out as columns; `torch.nn.functional.unfold` by its other name.
///
/// Args:
///     input: (N, C, H, W) or (C, H, W)
///     kernel_size: height and width of a block, or one number for both, as for the following ones
///     dilation: step between the elements of a block
///     padding: zeros added at every border
///     stride: step between blocks
///
/// Returns:
///     (N, C * kernel elements, blocks), or without N.
///
/// Raises:
///     RuntimeError: blocks that do not fit the images.
///
/// >>> torch._C._nn.im2col(torch.arange(6.0).view(1, 2, 3), 2, 1, 0, 1).tolist()
/// [[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]
EXPOSE("im2col(Tensor input, int[] kernel_size, int[] dilation=1, int[] padding=0, int[] stride=1) -> Tensor",
       im2col, nn | out);

/// Puts columns back as blocks of images; `torch.nn.functional.fold` by its other name.
///
/// Args:
///     input: (N, C * kernel elements, blocks), or without N
///     output_size: height and width of the images
///     kernel_size, dilation, padding, stride: as those of `im2col`
///
/// Returns:
///     (N, C, H, W), or without N; blocks that overlap add up.
///
/// Raises:
///     RuntimeError: blocks that do not fit the images.
///
/// >>> torch._C._nn.col2im(torch.ones(4, 2), (2, 3), 2, 1, 0, 1).tolist()
/// [[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]
EXPOSE(
    "col2im(Tensor input, int[] output_size, int[] kernel_size, int[] dilation=1, int[] padding=0, int[] "
    "stride=1) "
    "-> Tensor",
    col2im, nn | out);

/// Puts a value around a tensor; negative widths take elements away.
///
/// Args:
///     self: any shape
///     pad: before and behind the last dimension, then before and behind the one before it, and so on
///     value: a number
///
/// Raises:
///     RuntimeError: an odd number of widths, more than two for each dimension, or more taken away than there
///     is.
///
/// >>> torch.constant_pad_nd(torch.tensor([1, 2]), (1, 2), 9).tolist()
/// [9, 1, 2, 9, 9]
EXPOSE("constant_pad_nd(Tensor self, int[] pad, Number value=0) -> Tensor", constant_pad, function);

/// Adds elements at the ends of the last axes, or with negative numbers takes some away.
///
/// Args:
///     input: any shape for a constant; else up to three axes to pad behind one or two that are not
///     pad: (before, after) of the last axis, then of the one before it, and so on
///     mode: 'constant'; 'reflect', which leaves the end itself out; 'replicate', which repeats it; or
///     'circular',
///         which goes on at the other end
///     value: the constant; default: 0
///
/// Returns:
///     The input's shape, each padded size larger by before + after.
///
/// Raises:
///     RuntimeError: the padding does not fit the input.
///     NotImplementedError: a mode that does not exist, or not for so many axes.
///
/// >>> x = torch.tensor([[1, 2, 3]])
/// >>> torch.nn.functional.pad(x, (1, 1)).tolist()
/// [[0, 1, 2, 3, 0]]
/// >>> torch.nn.functional.pad(x, (2, 1), mode='reflect').tolist()
/// [[3, 2, 1, 2, 3, 2]]
EXPOSE("pad(Tensor input, int[] pad, str mode='constant', Number? value=None) -> Tensor", pad, nn);

/// `torch.nn.functional.pad` as autocast takes it where edges are reflected or repeated: in float32.
///
/// >>> torch.nn.functional.pad(torch.tensor([[1, 2]]), (0, 1), mode='replicate').tolist()
/// [[1, 2, 2]]
EXPOSE("pad_edges(Tensor input, int[] pad, str mode='reflect', Number? value=None) -> Tensor", pad,
       nn | Forms::float32);

}  // namespace flambeau
