// Complex numbers from their parts, their parts, and what belongs to complex numbers alone.
//
// conj() computes at once: there is no lazy bit, and is_conj() is always false.
#include "core/ops/pointwise/rules.h"
#include "core/tensor/alignment.h"

namespace flambeau {

namespace {

constexpr unsigned kEveryForm = function | method | inplace | out | inplace_function;

// The same memory as items of another dtype.
Tensor reinterpreted(const Tensor& self, DType dtype, const Dims& sizes, const Dims& strides) {
  Tensor view = make_view(self, sizes, strides, 0);
  view->dtype = dtype;
  return view;
}

}  // namespace

// ---- views of the parts

Tensor view_as_real(const Tensor& self) {
  check(is_complex(self.dtype()), "view_as_real is only supported for complex tensors");
  check(self.dim() < kMaxDims, "the parts of a complex tensor are one more dimension than its ", self.dim(),
        ", and the limit is ", kMaxDims);
  return differentiable(
      "ViewAsRealBackward0", {},
      [&] {
        Dims sizes = self.sizes(), strides = self.strides();
        for (int64_t& stride : strides) stride = wrapping_mul(stride, 2);
        sizes.push_back(2);
        strides.push_back(1);
        return reinterpreted(self, real_of(self.dtype()), sizes, strides);
      },
      wrt(self, [](const Tensor& grad) { return view_as_complex(contiguous(grad)); }));
}

/// A view of complex numbers as pairs of real and imaginary parts, in a new last dimension.
///
/// Args:
///     self: any shape, complex
///
/// Raises:
///     RuntimeError: a real input.
///
/// >>> torch.view_as_real(torch.tensor([1 + 2j])).tolist()
/// [[1.0, 2.0]]
EXPOSE("view_as_real(Tensor self) -> Tensor", view_as_real, function);

Tensor view_as_complex(const Tensor& self) {
  check(self.dtype() == DType::Float32 || self.dtype() == DType::Float64,
        "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar "
        "type: ",
        scalar_type_name(self.dtype()));
  check(self.dim() > 0, "Input tensor must have one or more dimensions");
  check(self.sizes().back() == 2, "Tensor must have a last dimension of size 2");
  check(self.strides().back() == 1, "Tensor must have a last dimension with stride 1");
  check(self->storage_offset() % 2 == 0, "Tensor must have a storage_offset divisible by 2");
  check_aligned(self->data, complex_of(self.dtype()), "view_as_complex()");
  Dims sizes = self.sizes(), strides = self.strides();
  sizes.erase(sizes.count - 1);
  strides.erase(strides.count - 1);
  for (int64_t& stride : strides) {
    check(stride % 2 == 0, "Tensor must have a stride divisible by 2 for all but last dimension");
    stride /= 2;
  }
  return differentiable(
      "ViewAsComplexBackward0", {},
      [&] { return reinterpreted(self, complex_of(self.dtype()), sizes, strides); },
      wrt(self, [](const Tensor& grad) { return view_as_real(grad); }));
}

/// A view of pairs as complex numbers.
///
/// Args:
///     self: (..., 2), floating point, the pairs contiguous
///
/// Raises:
///     RuntimeError: another last dimension, strides that do not allow it, an integer input.
///
/// >>> torch.view_as_complex(torch.tensor([[1.0, 2.0]])).tolist()
/// [(1+2j)]
EXPOSE("view_as_complex(Tensor self) -> Tensor", view_as_complex, function | Forms::float32);

Tensor real(const Tensor& self) {
  return is_complex(self.dtype()) ? select(view_as_real(self), -1, 0) : self;
}

/// A view of the real parts; a real tensor itself.
///
/// Args:
///     self: any shape
///
/// >>> torch.real(torch.tensor([1 + 2j])).tolist()
/// [1.0]
EXPOSE("real(Tensor self) -> Tensor", real, function);

Tensor imag(const Tensor& self) {
  check(is_complex(self.dtype()), "imag is not implemented for tensors with non-complex dtypes.");
  return select(view_as_real(self), -1, 1);
}

/// A view of the imaginary parts.
///
/// Args:
///     self: any shape, complex
///
/// Raises:
///     RuntimeError: a real input.
///
/// >>> torch.imag(torch.tensor([1 + 2j])).tolist()
/// [2.0]
EXPOSE("imag(Tensor self) -> Tensor", imag, function);

// ---- from parts

namespace {

void check_parts(const Tensor& first, const Tensor& second) {
  const auto fits = [](DType d) { return d == DType::Float32 || d == DType::Float64; };
  check(fits(first.dtype()) && fits(second.dtype()),
        "Expected both inputs to be Half, Float or Double tensors but got ", scalar_type_name(first.dtype()),
        " and ", scalar_type_name(second.dtype()));
  check(first.dtype() == second.dtype(), "Expected object of scalar type ", scalar_type_name(first.dtype()),
        " but got scalar type ", scalar_type_name(second.dtype()), " for second argument");
}

// real + i imag, without history.
Tensor from_parts(const Tensor& real_part, const Tensor& imag_part, const Out& out) {
  const DType dtype = complex_of(real_part.dtype());
  if (out.target)
    check(out.target->dtype == dtype, "Expected object of scalar type ", scalar_type_name(dtype),
          " but got scalar type ", scalar_type_name(out.target->dtype), " for argument 'out'");
  const NoGrad no_grad;
  const Tensor result = result_for(out, broadcast_sizes(real_part.sizes(), imag_part.sizes()), dtype);
  copy_into(real(result), real_part);
  copy_into(imag(result), imag_part);
  return result;
}

}  // namespace

Tensor complex(const Tensor& real_part, const Tensor& imag_part, const Out& out) {
  check_parts(real_part, imag_part);
  return differentiable(
      "ComplexBackward0", out, [&] { return from_parts(real_part, imag_part, out); },
      wrt(real_part, [](const Tensor& grad) { return real(grad); }),
      wrt(imag_part, [](const Tensor& grad) { return imag(grad); }));
}

/// Complex numbers of their real and imaginary parts.
///
/// Args:
///     real, imag: of one floating-point dtype; shapes broadcast
///
/// Raises:
///     RuntimeError: dtypes that differ, or integers.
///
/// >>> torch.complex(torch.tensor([1.0]), torch.tensor([2.0])).tolist()
/// [(1+2j)]
EXPOSE("complex(Tensor real, Tensor imag) -> Tensor", complex, function | out);

namespace {
Tensor polar(const Tensor& abs, const Tensor& angle, const Out& out) {
  check_parts(abs, angle);
  return differentiable(
      "PolarBackward0", out, [&] { return from_parts(mul(abs, cos(angle)), mul(abs, sin(angle)), out); },
      wrt(abs,
          [phase = saved(angle)](const Tensor& grad) {
            const Tensor theta = phase();
            return add(mul(real(grad), cos(theta)), mul(imag(grad), sin(theta)));
          }),
      wrt(angle, [radius = saved(abs), phase = saved(angle)](const Tensor& grad) {
        const Tensor theta = phase();
        return mul(radius(), sub(mul(imag(grad), cos(theta)), mul(real(grad), sin(theta))));
      }));
}
}  // namespace

/// Complex numbers of their magnitudes and angles: abs (cos(angle) + i sin(angle)).
///
/// Args:
///     abs, angle: of one floating-point dtype; shapes broadcast
///
/// Raises:
///     RuntimeError: dtypes that differ, or integers.
///
/// >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0])).tolist()
/// [(2+0j)]
EXPOSE("polar(Tensor abs, Tensor angle) -> Tensor", polar, function | out | Forms::float32);

// ---- conjugates

Tensor conj(const Tensor& self) {
  if (!is_complex(self.dtype())) return self;
  return unary("ConjBackward0", Pointwise::Conj, self, {}, [](const Tensor& grad) { return conj(grad); });
}

/// The complex conjugate, computed at once; a real tensor itself.
///
/// Args:
///     self: any shape
///
/// >>> torch.conj(torch.tensor([1 + 2j])).tolist()
/// [(1-2j)]
EXPOSE("conj(Tensor self) -> Tensor", conj, function | method);

namespace {
Tensor conj_physical(const Tensor& self, const Out& out) {
  if (!is_complex(self.dtype()) && (!out.target || out.inplace)) return self;
  return differentiable(
      "ConjPhysicalBackward0", out,
      [&] {
        if (is_complex(self.dtype())) return pointwise(out, Pointwise::Conj, {self});
        const Tensor result = result_for(out, self.sizes(), self.dtype());
        copy_into(result, self);
        return result;
      },
      wrt(self, [](const Tensor& grad) { return conj(grad); }));
}
// Nothing is ever conjugated or negated lazily.
Tensor resolved(const Tensor& self) { return self; }
bool is_lazy(const Tensor&) { return false; }
}  // namespace

/// The complex conjugate in memory of its own.
///
/// Args:
///     self: any shape
///
/// >>> torch.conj_physical(torch.tensor([1 + 2j])).tolist()
/// [(1-2j)]
EXPOSE("conj_physical(Tensor self) -> Tensor", conj_physical, kEveryForm);

/// The tensor itself: conjugates are computed at once here.
///
/// >>> torch.resolve_conj(torch.tensor([1 + 2j])).tolist()
/// [(1+2j)]
EXPOSE("resolve_conj(Tensor self) -> Tensor", resolved, function | method);

/// The tensor itself: negatives are computed at once here.
///
/// >>> torch.resolve_neg(torch.tensor([1.0])).tolist()
/// [1.0]
EXPOSE("resolve_neg(Tensor self) -> Tensor", resolved, function | method);

/// Whether a conjugate waits to be computed: never, conjugates are computed at once here.
///
/// >>> torch.is_conj(torch.tensor([1 + 2j]).conj())
/// False
EXPOSE("is_conj(Tensor self) -> bool", is_lazy, function | method);

/// Whether a negative waits to be computed: never, negatives are computed at once here.
///
/// >>> torch.is_neg(torch.tensor([1.0]))
/// False
EXPOSE("is_neg(Tensor self) -> bool", is_lazy, function | method);

// ---- direction

namespace {

// 0 where x is not negative, pi where it is; NaN stays.
Tensor angle_of_real(const Tensor& self, const Out& out) {
  const DType dtype = is_integral(self.dtype()) ? default_dtype() : self.dtype();
  const Tensor x = cast_copy(self, dtype);
  const Tensor turned = pointwise(
      {}, Pointwise::Mul, {pointwise({}, Pointwise::Lt, {x, Scalar(0)}), Scalar(3.14159265358979323846)});
  return pointwise_as(out, Pointwise::Where, dtype, {pointwise({}, Pointwise::IsNan, {x}), x, turned});
}

Tensor angle(const Tensor& self, const Out& out) {
  return differentiable(
      "AngleBackward0", out,
      [&] {
        return is_complex(self.dtype()) ? pointwise(out, Pointwise::Angle, {self}) : angle_of_real(self, out);
      },
      wrt(self, [x = saved(self)](const Tensor& grad) {
        const Tensor z = x();
        if (!is_complex(z.dtype())) return no_slope(grad);
        const Tensor slope = div(mul(z, Scalar(Complex<double>(0, 1))), square(abs(z)));
        return mul(grad, masked_fill(slope, eq(z, Scalar(0)), Scalar(0)));
      }));
}

}  // namespace

/// The angle of complex numbers in (-pi, pi]; of real ones 0 or pi, NaN of NaN.
///
/// Args:
///     self: any shape; integers are converted to the default dtype
///
/// >>> torch.angle(torch.tensor([1.0])).tolist()
/// [0.0]
EXPOSE("angle(Tensor self) -> Tensor", angle, function | method | out);

Tensor sgn(const Tensor& self, const Out& out) {
  return unary("SgnBackward0", Pointwise::Sign, self, out,
               [x = saved(self)](const Tensor& grad, const Tensor& y) {
                 const Tensor z = x();
                 if (!is_complex(z.dtype())) return no_slope(grad);
                 const Tensor along = real(mul(grad, conj(y)));  // the length of z is what sgn forgets
                 const Tensor slope = div(sub(grad, mul(y, along)), abs(z));
                 return masked_fill(slope, eq(z, Scalar(0)), Scalar(0));
               });
}

/// The sign of a real element; x / abs(x) of a complex one, 0 at zero.
///
/// Args:
///     self: any shape
///
/// >>> torch.sgn(torch.tensor([-3.0])).tolist()
/// [-1.0]
EXPOSE("sgn(Tensor self) -> Tensor", sgn, function | method | inplace | out);

}  // namespace flambeau
