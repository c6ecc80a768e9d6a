// Discrete Fourier transforms: flambeau.fft.
#include <algorithm>
#include <cmath>

#include "core/ops/fft/transforms.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {
namespace {

constexpr unsigned kForms = Forms::fft | Forms::out;
using Norm = std::optional<std::string_view>;
using Size = std::optional<int64_t>;
using Sizes = std::optional<IntList>;

// What a transform of `points` points in all is multiplied by.
double scale_of(Norm norm, int64_t points, bool forward) {
  const double n = static_cast<double>(points);
  if (!norm || *norm == "backward") return forward ? 1 : 1 / n;
  if (*norm == "forward") return forward ? 1 / n : 1;
  check(*norm == "ortho", "Invalid normalization mode: \"", *norm, "\"");
  return 1 / std::sqrt(n);
}

void check_points(int64_t points) {
  check(points >= 1, "Invalid number of data points (", points, ") specified");
}

// To a dtype that can be transformed: integers go to the default one.
Tensor transformable(const Tensor& self, bool to_complex) {
  const DType given = self.dtype(), dtype = is_integral(given) ? default_dtype() : given;
  check(!is_half(dtype), "Unsupported dtype ", scalar_type_name(dtype));
  return to_dtype(self, to_complex ? complex_of(dtype) : dtype);
}

// Cut off, or filled up with zeros, to `size` items.
Tensor resized(const Tensor& self, int64_t dim, int64_t size) {
  const int64_t present = self.sizes()[static_cast<int>(dim)];
  if (present == size) return self;
  if (present > size) return narrow(self, dim, 0, size);
  Dims sizes = self.sizes();
  sizes[static_cast<int>(dim)] = size;
  return differentiable(
      "ConstantPadNdBackward0", {},
      [&] {
        const Tensor result = zeros(sizes, self.dtype());
        copy_into(narrow(result, dim, 0, present), self);
        return result;
      },
      wrt(self, [dim, present](const Tensor& grad) { return narrow(grad, dim, 0, present); }));
}

Tensor deliver(const Tensor& result, const Out& out) {
  if (!out.target) return result;
  const Tensor target = result_for(out, result.sizes(), result.dtype());
  copy_into(target, result);
  return target;
}

void check_complex_out(const char* name, const Out& out) {
  if (out.target)
    check(is_complex(out.target->dtype), name, " expects a complex output tensor, but got ",
          scalar_type_name(out.target->dtype));
}
void check_real_out(const char* name, const Out& out) {
  if (out.target)
    check(is_floating(out.target->dtype), name, " expects a floating point output tensor, but got ",
          scalar_type_name(out.target->dtype));
}

// ---- along one dimension

int64_t wrap_transformed(int64_t dim, const Tensor& self) {
  check<IndexError>(self.dim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  return wrap_dim(dim, self.dim());
}

Tensor one_complex(const char* name, const Tensor& self, Size n, int64_t dim, Norm norm, bool forward,
                   const Out& out) {
  check_complex_out(name, out);
  const Tensor input = transformable(self, false);
  const int64_t along = wrap_transformed(dim, self), points = n.value_or(self.size(along));
  check_points(points);
  const double scale = scale_of(norm, points, forward);
  const Tensor x = resized(input, along, points);
  return deliver(is_complex(x.dtype()) ? fourier_complex(x, {along}, scale, forward)
                                       : fourier_real(x, {along}, scale, forward, true),
                 out);
}

Tensor one_real(const char* name, const Tensor& self, Size n, int64_t dim, Norm norm, bool forward,
                const Out& out) {
  check(!is_complex(self.dtype()), name, " expects a real input tensor, but got ",
        scalar_type_name(self.dtype()));
  check_complex_out(name, out);
  const Tensor input = transformable(self, false);
  const int64_t along = wrap_transformed(dim, self), points = n.value_or(self.size(along));
  check_points(points);
  const double scale = scale_of(norm, points, forward);
  return deliver(fourier_real(resized(input, along, points), {along}, scale, forward, false), out);
}

Tensor one_to_real(const char* name, const Tensor& self, Size n, int64_t dim, Norm norm, bool forward,
                   const Out& out) {
  check_real_out(name, out);
  const Tensor input = transformable(self, true);
  const int64_t along = wrap_transformed(dim, self), points = n.value_or(2 * (self.size(along) - 1));
  check_points(points);
  const double scale = scale_of(norm, points, forward);
  const Tensor x = resized(input, along, points / 2 + 1);
  return deliver(fourier_to_real(x, {along}, scale, forward, points), out);
}

// ---- along several

struct Axes {
  Dims dims, sizes;
};

Axes axes_of(const Tensor& self, Sizes s, Sizes dim) {
  Axes axes;
  if (dim) {
    for (const int64_t d : *dim) {
      const int64_t wrapped = wrap_transformed(d, self);
      check(std::find(axes.dims.begin(), axes.dims.end(), wrapped) == axes.dims.end(),
            "FFT dims must be unique");
      axes.dims.push_back(wrapped);
    }
    check(!s || s->size() == dim->size(), "When given, dim and shape arguments must have the same length");
  } else {
    const int count = s ? static_cast<int>(s->size()) : self.dim();
    check(count <= self.dim(), "Got shape with ", count, " values but input tensor only has ", self.dim(),
          " dimensions.");
    for (int64_t d = self.dim() - count; d < self.dim(); ++d) axes.dims.push_back(d);
  }
  for (int i = 0; i < axes.dims.count; ++i) {
    const int64_t wanted = s ? (*s)[static_cast<size_t>(i)] : -1;
    axes.sizes.push_back(wanted == -1 ? self.sizes()[static_cast<int>(axes.dims[i])] : wanted);
  }
  for (const int64_t size : axes.sizes) check_points(size);
  return axes;
}

Tensor resized(Tensor x, const Axes& axes) {
  for (int i = 0; i < axes.dims.count; ++i) x = resized(x, axes.dims[i], axes.sizes[i]);
  return x;
}

Tensor many_complex(const Tensor& self, Sizes s, Sizes dim, Norm norm, bool forward, const Out& out) {
  const Axes axes = axes_of(self, s, dim);
  check_complex_out("fftn", out);
  const double scale = scale_of(norm, checked_numel(axes.sizes), forward);
  const Tensor x = resized(transformable(self, true), axes);
  return deliver(axes.dims.count ? fourier_complex(x, axes.dims, scale, forward) : clone(x), out);
}

// A copy with one dimension fewer, the last.
Dims but_last(const Dims& dims) { return dims.without(dims.count - 1); }

Tensor many_real(const char* name, const Tensor& self, Sizes s, Sizes dim, Norm norm, bool forward,
                 const Out& out) {
  if (forward)
    check(!is_complex(self.dtype()), name, " expects a real-valued input tensor, but got ",
          scalar_type_name(self.dtype()));
  const Axes axes = axes_of(self, s, dim);
  check(axes.dims.count > 0, name, " must transform at least one axis");
  check(!is_complex(self.dtype()),
        "Only supports floating-point dtypes, but found: ", scalar_type_name(self.dtype()));
  check_complex_out(name, out);
  const double scale = scale_of(norm, checked_numel(axes.sizes), forward);
  const Tensor x = resized(transformable(self, false), axes);
  if (forward) return deliver(fourier_real(x, axes.dims, scale, true, false), out);
  // As in PyTorch two steps, which leave the result in another order in memory.
  const Tensor half = fourier_real(x, {axes.dims.back()}, scale, false, false);
  return deliver(axes.dims.count > 1 ? fourier_complex(half, but_last(axes.dims), 1, false) : half, out);
}

Tensor many_to_real(const char* name, const Tensor& self, Sizes s, Sizes dim, Norm norm, bool forward,
                    const Out& out) {
  Axes axes = axes_of(self, s, dim);
  check(axes.dims.count > 0, name, " must transform at least one axis");
  check_real_out(name, out);
  const bool given = s && s->back() != -1;
  const int64_t points = given ? axes.sizes.back() : 2 * (axes.sizes.back() - 1);
  check_points(points);
  axes.sizes.back() = points;
  const double scale = scale_of(norm, checked_numel(axes.sizes), forward);
  axes.sizes.back() = points / 2 + 1;
  const Tensor x = resized(transformable(self, true), axes);
  return deliver(fourier_to_real(x, axes.dims, scale, forward, points), out);
}

// ---- the names

Tensor fft_(const Tensor& self, Size n, int64_t dim, Norm norm, const Out& out) {
  return one_complex("fft", self, n, dim, norm, true, out);
}
Tensor ifft(const Tensor& self, Size n, int64_t dim, Norm norm, const Out& out) {
  return one_complex("ifft", self, n, dim, norm, false, out);
}
Tensor rfft(const Tensor& self, Size n, int64_t dim, Norm norm, const Out& out) {
  return one_real("rfft", self, n, dim, norm, true, out);
}
Tensor ihfft(const Tensor& self, Size n, int64_t dim, Norm norm, const Out& out) {
  return one_real("ihfft", self, n, dim, norm, false, out);
}
Tensor irfft(const Tensor& self, Size n, int64_t dim, Norm norm, const Out& out) {
  return one_to_real("irfft", self, n, dim, norm, false, out);
}
Tensor hfft(const Tensor& self, Size n, int64_t dim, Norm norm, const Out& out) {
  return one_to_real("hfft", self, n, dim, norm, true, out);
}

Tensor fftn(const Tensor& self, Sizes s, Sizes dim, Norm norm, const Out& out) {
  return many_complex(self, s, dim, norm, true, out);
}
Tensor ifftn(const Tensor& self, Sizes s, Sizes dim, Norm norm, const Out& out) {
  return many_complex(self, s, dim, norm, false, out);
}
Tensor rfftn(const Tensor& self, Sizes s, Sizes dim, Norm norm, const Out& out) {
  return many_real("rfftn", self, s, dim, norm, true, out);
}
Tensor ihfftn(const Tensor& self, Sizes s, Sizes dim, Norm norm, const Out& out) {
  return many_real("ihfftn", self, s, dim, norm, false, out);
}
Tensor irfftn(const Tensor& self, Sizes s, Sizes dim, Norm norm, const Out& out) {
  return many_to_real("irfftn", self, s, dim, norm, false, out);
}
Tensor hfftn(const Tensor& self, Sizes s, Sizes dim, Norm norm, const Out& out) {
  return many_to_real("hfftn", self, s, dim, norm, true, out);
}

template <auto function>
Tensor two(const Tensor& self, Sizes s, IntList dim, Norm norm, const Out& out) {
  return function(self, s, dim, norm, out);
}

}  // namespace

/// The discrete Fourier transform along a dimension: X[k] = sum over j of x[j] e^(-2 pi i j k / n).
///
/// Args:
///     self: any shape, real or complex; integers are converted to the default dtype
///     n: the number of points: the input is cut off, or filled up with zeros, to so many; its size by
///           default
///     dim: which dimension
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: no points, half precision, or an unknown norm.
///
/// >>> torch.fft.fft(torch.tensor([1.0, 2.0, 3.0, 4.0])).tolist()
/// [(10+0j), (-2+2j), (-2+0j), (-2-2j)]
EXPOSE("fft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor", fft_, kForms | Forms::float32);

/// The inverse of `fft`: x[j] = 1 / n times the sum over k of X[k] e^(2 pi i j k / n).
///
/// Args:
///     self: any shape, real or complex; integers are converted to the default dtype
///     n: the number of points: the input is cut off, or filled up with zeros, to so many; its size by
///           default
///     dim: which dimension
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: no points, half precision, or an unknown norm.
///
/// >>> torch.fft.ifft(torch.tensor([10, -2 + 2j, -2, -2 - 2j])).tolist()
/// [(1+0j), (2+0j), (3+0j), (4+0j)]
EXPOSE("ifft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor", ifft, kForms | Forms::float32);

/// The first n // 2 + 1 items of the Fourier transform of real numbers; the others are their conjugates.
///
/// Args:
///     self: any shape, real; integers are converted to the default dtype
///     n: the number of points: the input is cut off, or filled up with zeros, to so many; its size by
///           default
///     dim: which dimension
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: a complex input, no points, half precision, or an unknown norm.
///
/// >>> torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0, 4.0])).tolist()
/// [(10+0j), (-2+2j), (-2+0j)]
EXPOSE("rfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor", rfft, kForms | Forms::float32);

/// The inverse of `rfft`: real numbers from the first half of their spectrum.
///
/// Args:
///     self: any shape, real or complex; imaginary parts of what must be real do not count; integers are
///           converted to the default dtype
///     n: the number of points of the result; 2 (size - 1) by default, which is right for even ones
///     dim: which dimension
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: no points, half precision, or an unknown norm.
///
/// >>> torch.fft.irfft(torch.tensor([10, -2 + 2j, -2])).tolist()
/// [1.0, 2.0, 3.0, 4.0]
EXPOSE("irfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor", irfft,
       kForms | Forms::float32);

/// The Fourier transform of a Hermitian signal, x[-j] = x[j]*, of which the first half is given; it is real.
///
/// Args:
///     self: any shape, real or complex; imaginary parts of what must be real do not count; integers are
///           converted to the default dtype
///     n: the number of points of the result; 2 (size - 1) by default, which is right for even ones
///     dim: which dimension
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: no points, half precision, or an unknown norm.
///
/// >>> torch.fft.hfft(torch.tensor([10, -2 - 2j, -2])).tolist()
/// [4.0, 8.0, 12.0, 16.0]
EXPOSE("hfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor", hfft, kForms | Forms::float32);

/// The inverse of `hfft`: the first half of a Hermitian signal from its real spectrum.
///
/// Args:
///     self: any shape, real; integers are converted to the default dtype
///     n: the number of points: the input is cut off, or filled up with zeros, to so many; its size by
///           default
///     dim: which dimension
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: a complex input, no points, half precision, or an unknown norm.
///
/// >>> torch.fft.ihfft(torch.tensor([4.0, 8.0, 12.0, 16.0])).tolist()
/// [(10-0j), (-2-2j), (-2-0j)]
EXPOSE("ihfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor", ihfft,
       kForms | Forms::float32);

/// The discrete Fourier transform along several dimensions.
///
/// Args:
///     self: any shape, real or complex; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the dimensions: by default as many of the last ones as s has, or all
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.fftn(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
/// [[(10+0j), (-2+0j)], [(-4+0j), 0j]]
EXPOSE("fftn(Tensor self, int[]? s=None, int[]? dim=None, str? norm=None) -> Tensor", fftn,
       kForms | Forms::float32);

/// The inverse of `fftn`.
///
/// Args:
///     self: any shape, real or complex; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the dimensions: by default as many of the last ones as s has, or all
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.ifftn(torch.tensor([[10, -2], [-4, 0j]])).real.tolist()
/// [[1.0, 2.0], [3.0, 4.0]]
EXPOSE("ifftn(Tensor self, int[]? s=None, int[]? dim=None, str? norm=None) -> Tensor", ifftn,
       kForms | Forms::float32);

/// The Fourier transform of real numbers along several dimensions: the first half of it along the last of
///   them.
///
/// Args:
///     self: any shape, real; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the dimensions: by default as many of the last ones as s has, or all
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: a complex input, no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.rfftn(torch.ones(2, 4)).real.tolist()
/// [[8.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
EXPOSE("rfftn(Tensor self, int[]? s=None, int[]? dim=None, str? norm=None) -> Tensor", rfftn,
       kForms | Forms::float32);

/// The inverse of `rfftn`.
///
/// Args:
///     self: any shape, real or complex; imaginary parts of what must be real do not count; integers are
///           converted to the default dtype
///     s: the number of points along each dimension; -1 for the input's size, or 2 (size - 1) along the last
///           one
///     dim: the dimensions: by default as many of the last ones as s has, or all
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.irfftn(torch.tensor([[8.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).tolist()
/// [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
EXPOSE("irfftn(Tensor self, int[]? s=None, int[]? dim=None, str? norm=None) -> Tensor", irfftn,
       kForms | Forms::float32);

/// The Fourier transform of a Hermitian signal along several dimensions, of which the first half along the
///   last of them is given; it is real.
///
/// Args:
///     self: any shape, real or complex; imaginary parts of what must be real do not count; integers are
///           converted to the default dtype
///     s: the number of points along each dimension; -1 for the input's size, or 2 (size - 1) along the last
///           one
///     dim: the dimensions: by default as many of the last ones as s has, or all
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.hfftn(torch.ones(1, 3)).tolist()
/// [[4.0, 0.0, 0.0, 0.0]]
EXPOSE("hfftn(Tensor self, int[]? s=None, int[]? dim=None, str? norm=None) -> Tensor", hfftn, kForms);

/// The inverse of `hfftn`.
///
/// Args:
///     self: any shape, real; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the dimensions: by default as many of the last ones as s has, or all
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: a complex input, no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.ihfftn(torch.tensor([[4.0, 0.0, 0.0, 0.0]])).real.tolist()
/// [[1.0, 1.0, 1.0]]
EXPOSE("ihfftn(Tensor self, int[]? s=None, int[]? dim=None, str? norm=None) -> Tensor", ihfftn, kForms);

/// The discrete Fourier transform along two dimensions.
///
/// Args:
///     self: any shape, real or complex; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the two dimensions
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.fft2(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
/// [[(10+0j), (-2+0j)], [(-4+0j), 0j]]
EXPOSE("fft2(Tensor self, int[]? s=None, int[] dim=[-2, -1], str? norm=None) -> Tensor", two<fftn>,
       kForms | Forms::float32);

/// The inverse of `fft2`.
///
/// Args:
///     self: any shape, real or complex; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the two dimensions
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.ifft2(torch.tensor([[10, -2], [-4, 0j]])).real.tolist()
/// [[1.0, 2.0], [3.0, 4.0]]
EXPOSE("ifft2(Tensor self, int[]? s=None, int[] dim=[-2, -1], str? norm=None) -> Tensor", two<ifftn>,
       kForms | Forms::float32);

/// The Fourier transform of real numbers along two dimensions: the first half of it along the second.
///
/// Args:
///     self: any shape, real; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the two dimensions
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: a complex input, no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.rfft2(torch.ones(2, 4)).real.tolist()
/// [[8.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
EXPOSE("rfft2(Tensor self, int[]? s=None, int[] dim=[-2, -1], str? norm=None) -> Tensor", two<rfftn>,
       kForms | Forms::float32);

/// The inverse of `rfft2`.
///
/// Args:
///     self: any shape, real or complex; imaginary parts of what must be real do not count; integers are
///           converted to the default dtype
///     s: the number of points along each dimension; -1 for the input's size, or 2 (size - 1) along the last
///           one
///     dim: the two dimensions
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.irfft2(torch.tensor([[8.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).tolist()
/// [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
EXPOSE("irfft2(Tensor self, int[]? s=None, int[] dim=[-2, -1], str? norm=None) -> Tensor", two<irfftn>,
       kForms | Forms::float32);

/// The Fourier transform of a Hermitian signal along two dimensions, of which the first half along the second
///   is given; it is real.
///
/// Args:
///     self: any shape, real or complex; imaginary parts of what must be real do not count; integers are
///           converted to the default dtype
///     s: the number of points along each dimension; -1 for the input's size, or 2 (size - 1) along the last
///           one
///     dim: the two dimensions
///     norm: "backward" (the default) multiplies by nothing, "ortho" by 1 / sqrt(points), "forward" by 1 /
///           points
///
/// Raises:
///     RuntimeError: no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.hfft2(torch.ones(1, 3)).tolist()
/// [[4.0, 0.0, 0.0, 0.0]]
EXPOSE("hfft2(Tensor self, int[]? s=None, int[] dim=[-2, -1], str? norm=None) -> Tensor", two<hfftn>, kForms);

/// The inverse of `hfft2`.
///
/// Args:
///     self: any shape, real; integers are converted to the default dtype
///     s: the number of points along each dimension, to which the input is cut off or filled up with zeros;
///           -1 for its size
///     dim: the two dimensions
///     norm: "backward" (the default) multiplies by 1 / points, "ortho" by 1 / sqrt(points), "forward" by
///           nothing
///
/// Raises:
///     RuntimeError: a complex input, no points, a dimension twice, half precision, or an unknown norm.
///
/// >>> torch.fft.ihfft2(torch.tensor([[4.0, 0.0, 0.0, 0.0]])).real.tolist()
/// [[1.0, 1.0, 1.0]]
EXPOSE("ihfft2(Tensor self, int[]? s=None, int[] dim=[-2, -1], str? norm=None) -> Tensor", two<ihfftn>,
       kForms);

}  // namespace flambeau
