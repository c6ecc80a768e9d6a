// Tensors from sizes and numbers.
#include "core/ops/creation/creation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/ops/indexing/indexing.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/layout.h"

namespace flambeau {

DType chosen_dtype(const Options& options, const Out& out, DType fallback) {
  if (!out.target) return options.dtype.value_or(fallback);
  const DType target = out.target->dtype;
  check(!options.dtype || *options.dtype == target, "dtype ",
        scalar_type_name(options.dtype.value_or(target)), " does not match dtype of out parameter (",
        scalar_type_name(target), "): leave out one of the two");
  return target;
}

Tensor creation_result(const Out& out, const Dims& sizes, DType dtype) {
  return out.target ? result_for(out, sizes, dtype) : empty(sizes, dtype);
}

Tensor sequence_result(const Out& out, int64_t n, DType dtype) {
  if (!out.target) return empty({n}, dtype);
  const Tensor target(out.target);
  if (target.numel() != n) resize_out(target, {n}, true);
  return result_for(out, target.sizes(), dtype);
}

Tensor empty_like(const Tensor& like, DType dtype, std::optional<MemoryFormat> format) {
  const auto channels_last = [&](int dims, const char* name) {
    check(like.dim() == dims, "required rank ", dims, " tensor to use ", name,
          " format, but got one of rank ", like.dim());
    return empty_strided(like.sizes(), channels_last_strides(like.sizes()), dtype);
  };
  switch (format.value_or(MemoryFormat::Preserve)) {
    case MemoryFormat::Contiguous:
      return empty(like.sizes(), dtype);
    case MemoryFormat::ChannelsLast:
      return channels_last(4, "channels_last");
    case MemoryFormat::ChannelsLast3d:
      return channels_last(5, "channels_last_3d");
    default:
      return empty_like(like, dtype);
  }
}

Tensor finished(Tensor tensor, const Options& options) {
  if (options.requires_grad) {
    check(can_carry_gradient(tensor),
          "Only Tensors of floating point and complex dtype can require gradients");
    tensor->requires_grad_leaf = true;
  }
  return tensor;
}

namespace {

DType dtype_of_number(const Scalar& value) {
  switch (value.kind()) {
    case Scalar::Kind::Bool:
      return DType::Bool;
    case Scalar::Kind::Int:
      return DType::Int64;
    case Scalar::Kind::Complex:
      return default_complex();
    default:
      return default_dtype();
  }
}

template <class T>
constexpr const char* item_type_name() {
  if constexpr (std::is_same_v<T, uint8_t>)
    return "uint8_t";
  else if constexpr (std::is_same_v<T, int8_t>)
    return "int8_t";
  else if constexpr (std::is_same_v<T, int16_t>)
    return "int16_t";
  else if constexpr (std::is_same_v<T, int32_t>)
    return "int";
  else if constexpr (std::is_same_v<T, int64_t>)
    return "int64_t";
  else if constexpr (std::is_same_v<T, uint16_t>)
    return "uint16_t";
  else if constexpr (std::is_same_v<T, uint32_t>)
    return "uint32_t";
  else if constexpr (std::is_same_v<T, uint64_t>)
    return "uint64_t";
  else if constexpr (std::is_same_v<T, float>)
    return "float";
  else
    return "double";
}

// ---- one value everywhere

}  // namespace

void check_fits(const Scalar& value, DType dtype) {
  if (value.is_bool() || dtype == DType::Bool || is_half(dtype)) return;
  if (is_complex(dtype)) {
    if (dtype == DType::Complex128) return;
    const auto fits = [](double part) {
      return !std::isfinite(part) || std::abs(part) <= double{std::numeric_limits<float>::max()};
    };
    const Complex<double> z = value.to_complex();
    check(fits(z.real) && fits(z.imag),
          "value cannot be converted to type c10::complex<float> without overflow: ", value);
    return;
  }
  if (value.is_complex())
    check(value.to_complex().imag == 0, "value cannot be converted to type ",
          visit_item(dtype, "fill", []<class T>() { return item_type_name<T>(); }), " without overflow");
  visit_item(dtype, "fill", [&]<class T>() {
    constexpr T kLargest = std::numeric_limits<T>::max(), kSmallest = std::numeric_limits<T>::lowest();
    const double x = value.to_double();
    bool fits;
    if constexpr (std::is_floating_point_v<T>) {
      fits = !std::isfinite(x) || (x <= double{kLargest} && x >= double{kSmallest});
    } else if (value.is_floating()) {
      fits = x >= static_cast<double>(kSmallest) && x < static_cast<double>(kLargest) + 1;
    } else {
      if constexpr (std::is_same_v<T, uint64_t>) return;
      const int64_t smallest =
          std::is_unsigned_v<T> ? -static_cast<int64_t>(kLargest) : static_cast<int64_t>(kSmallest);
      fits = !value.is_beyond_int() && value.to_int() >= smallest &&
             value.to_int() <= static_cast<int64_t>(kLargest);
    }
    check(fits, "value cannot be converted to type ", item_type_name<T>(), " without overflow: ", value);
  });
}

namespace {

Tensor filled(const Dims& sizes, const Scalar& value, DType dtype, const Options& options, const Out& out) {
  check_fits(value, dtype);
  const Tensor result = creation_result(out, sizes, dtype);
  fill_raw(result, value);
  return finished(result, options);
}

Tensor zeros_sized(IntList size, const Options& options, const Out& out) {
  const DType dtype = chosen_dtype(options, out, default_dtype());
  if (!out.target) return finished(zeros(Dims(size), dtype), options);
  return filled(Dims(size), 0, dtype, options, out);
}

/// A tensor of zeros.
///
/// Args:
///     size: numbers, or a sequence of them
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// Raises:
///     RuntimeError: a negative size.
///
/// >>> torch.zeros(2, 2).tolist()
/// [[0.0, 0.0], [0.0, 0.0]]
EXPOSE("zeros(int[] size, *, options) -> Tensor", zeros_sized, function | out);

Tensor ones_sized(IntList size, const Options& options, const Out& out) {
  return filled(Dims(size), 1, chosen_dtype(options, out, default_dtype()), options, out);
}

/// A tensor of ones.
///
/// Args:
///     size: numbers, or a sequence of them
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// >>> torch.ones(2).tolist()
/// [1.0, 1.0]
EXPOSE("ones(int[] size, *, options) -> Tensor", ones_sized, function | out);

Tensor full(IntList size, const Scalar& fill_value, const Options& options, const Out& out) {
  return filled(Dims(size), fill_value, chosen_dtype(options, out, dtype_of_number(fill_value)), options,
                out);
}

/// A tensor with one value everywhere.
///
/// Args:
///     size: a sequence of numbers
///     fill_value: a number, whose kind gives the dtype unless one is named; or a tensor of one element
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// >>> torch.full((2,), 7).tolist()
/// [7, 7]
EXPOSE("full(int[] size, Number fill_value, *, options) -> Tensor", full, function | out);

// A value held by a 0-d tensor.
Tensor full_tensor(IntList size, const Tensor& fill_value, const Options& options) {
  check(fill_value.dim() == 0, "full(): fill_value must be a number or a 0-dimensional tensor, not one of ",
        fill_value.dim(), " dimensions");
  const Tensor result = empty(Dims(size), options.dtype.value_or(fill_value.dtype()));
  copy_into(result, fill_value);
  return finished(result, options);
}
EXPOSE("full(int[] size, Tensor fill_value, *, options) -> Tensor", full_tensor, function);

Tensor empty_sized(IntList size, const Options& options, std::optional<MemoryFormat> memory_format,
                   const Out& out) {
  const DType dtype = chosen_dtype(options, out, default_dtype());
  const Tensor result = creation_result(out, Dims(size), dtype);
  if (!memory_format || *memory_format == MemoryFormat::Contiguous) return finished(result, options);
  check(*memory_format != MemoryFormat::Preserve,
        "empty(): argument 'memory_format' must not be torch.preserve_format: there is no tensor to take it "
        "from");
  return finished(empty_like(result, dtype, memory_format), options);
}

/// A tensor whose elements have not been set.
///
/// Args:
///     size: numbers, or a sequence of them
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///     memory_format: how the dimensions lie in memory
///
/// >>> torch.empty(2, 3).shape
/// torch.Size([2, 3])
EXPOSE("empty(int[] size, *, options, memory_format? memory_format=None) -> Tensor", empty_sized,
       function | out);

Tensor empty_strided_sized(IntList size, IntList stride, const Options& options) {
  check(size.size() == stride.size(), "mismatch in length of strides and shape: got ", size.size(),
        " sizes and ", stride.size(), " strides");
  for (const int64_t s : stride)
    check(s >= 0, "as_strided: Negative strides are not supported at the moment, got ", s);
  return finished(empty_strided(Dims(size), Dims(stride), options.dtype.value_or(default_dtype())), options);
}

/// A tensor of given strides whose elements have not been set.
///
/// Args:
///     size, stride: sequences of one length
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// Raises:
///     RuntimeError: lengths that differ, negative strides.
///
/// >>> torch.empty_strided((2, 3), (1, 2)).stride()
/// (1, 2)
EXPOSE("empty_strided(int[] size, int[] stride, *, options) -> Tensor", empty_strided_sized, function);

// The dimensions from the outermost in memory to the innermost are physical_layout.
Tensor empty_permuted(IntList size, IntList physical_layout, const Options& options) {
  const int64_t dims = static_cast<int64_t>(size.size());
  check(physical_layout.size() == size.size(),
        "Number of dimensions in size does not match the length of the "
        "physical_layout; i.e. len(size) = ",
        dims, " is not equal to len(physical_layout) = ", physical_layout.size());
  checked_numel(size);
  Dims strides(size);
  int64_t stride = 1, seen = 0;
  for (int64_t i = dims - 1; i >= 0; --i) {
    const int64_t d = physical_layout[static_cast<size_t>(i)];
    check(d >= 0 && d < dims, "Dimension out of range (expected to be between 0 and ", dims - 1, ", but got ",
          d, " at index ", i, ").  NB: negative dims not currently supported");
    check((seen >> d & 1) == 0, "Duplicate dim not allowed: ", d);
    seen |= int64_t{1} << d;
    strides[static_cast<int>(d)] = stride;
    stride *= std::max<int64_t>(size[static_cast<size_t>(d)], 1);
  }
  return empty_strided_sized(Dims(size), strides, options);
}

/// A dense tensor whose dimensions lie in memory in a given order; its elements have not been set.
///
/// Args:
///     size: a sequence of numbers
///     physical_layout: the dimensions, outermost first
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// Raises:
///     RuntimeError: an order that is no permutation.
///
/// >>> torch.empty_permuted((2, 3), (1, 0)).stride()
/// (1, 2)
EXPOSE("empty_permuted(int[] size, int[] physical_layout, *, options) -> Tensor", empty_permuted, function);

Tensor scalar_tensor_of(const Scalar& s, const Options& options) {
  const DType dtype = options.dtype.value_or(default_dtype());
  check_fits(s, dtype);
  return finished(scalar_tensor(s, dtype), options);
}

/// A tensor without dimensions.
///
/// Args:
///     s: its value; the dtype is the default one unless one is named
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// >>> torch.scalar_tensor(3)
/// tensor(3.)
EXPOSE("scalar_tensor(Number s, *, options) -> Tensor", scalar_tensor_of, function);

// ---- like another tensor

Tensor filled_like(const Tensor& self, const Scalar& value, const Options& options,
                   std::optional<MemoryFormat> memory_format) {
  const Tensor result = empty_like(self, options.dtype.value_or(self.dtype()), memory_format);
  check_fits(value, result.dtype());
  fill_raw(result, value);
  return finished(result, options);
}

Tensor empty_like_self(const Tensor& self, const Options& options,
                       std::optional<MemoryFormat> memory_format) {
  return finished(empty_like(self, options.dtype.value_or(self.dtype()), memory_format), options);
}

/// A tensor of another's shape and dtype whose elements have not been set.
///
/// Args:
///     self: any shape
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///     memory_format: how the dimensions lie in memory, as self's by default
///
/// >>> torch.empty_like(torch.ones(2, 3)).shape
/// torch.Size([2, 3])
EXPOSE("empty_like(Tensor self, *, options, memory_format? memory_format=None) -> Tensor", empty_like_self,
       function);

Tensor zeros_like(const Tensor& self, const Options& options, std::optional<MemoryFormat> memory_format) {
  return filled_like(self, 0, options, memory_format);
}

/// Zeros of another tensor's shape and dtype.
///
/// Args:
///     self: any shape
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///     memory_format: how the dimensions lie in memory, as self's by default
///
/// >>> torch.zeros_like(torch.tensor([1, 2])).tolist()
/// [0, 0]
EXPOSE("zeros_like(Tensor self, *, options, memory_format? memory_format=None) -> Tensor", zeros_like,
       function);

Tensor ones_like(const Tensor& self, const Options& options, std::optional<MemoryFormat> memory_format) {
  return filled_like(self, 1, options, memory_format);
}

/// Ones of another tensor's shape and dtype.
///
/// Args:
///     self: any shape
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///     memory_format: how the dimensions lie in memory, as self's by default
///
/// >>> torch.ones_like(torch.tensor([1.5])).tolist()
/// [1.0]
EXPOSE("ones_like(Tensor self, *, options, memory_format? memory_format=None) -> Tensor", ones_like,
       function);

Tensor full_like(const Tensor& self, const Scalar& fill_value, const Options& options,
                 std::optional<MemoryFormat> memory_format) {
  return filled_like(self, fill_value, options, memory_format);
}

/// One value everywhere, in another tensor's shape and dtype.
///
/// Args:
///     self: any shape
///     fill_value: a number
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///     memory_format: how the dimensions lie in memory, as self's by default
///
/// >>> torch.full_like(torch.tensor([1, 2]), 5).tolist()
/// [5, 5]
EXPOSE("full_like(Tensor self, Number fill_value, *, options, memory_format? memory_format=None) -> Tensor",
       full_like, function);

Options with_dtype_of(const Tensor& self, const Options& options) {
  return {options.dtype.value_or(self.dtype()), options.requires_grad};
}

Tensor new_empty(const Tensor& self, IntList size, const Options& options) {
  return empty_sized(size, with_dtype_of(self, options), std::nullopt, {});
}

/// A tensor of this one's dtype and device whose elements have not been set.
///
/// Args:
///     size: numbers, or a sequence of them
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///
/// >>> torch.ones(1, dtype=torch.int8).new_empty(2).dtype
/// torch.int8
EXPOSE("new_empty(Tensor self, int[] size, *, options) -> Tensor", new_empty, method);

Tensor new_empty_strided(const Tensor& self, IntList size, IntList stride, const Options& options) {
  return empty_strided_sized(size, stride, with_dtype_of(self, options));
}

/// A tensor of this one's dtype and device, of given strides, whose elements have not been set.
///
/// Args:
///     size, stride: sequences of one length
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///
/// >>> torch.ones(1).new_empty_strided((2, 2), (1, 2)).stride()
/// (1, 2)
EXPOSE("new_empty_strided(Tensor self, int[] size, int[] stride, *, options) -> Tensor", new_empty_strided,
       method);

Tensor new_zeros(const Tensor& self, IntList size, const Options& options) {
  return zeros_sized(size, with_dtype_of(self, options), {});
}

/// Zeros of this tensor's dtype and device.
///
/// Args:
///     size: numbers, or a sequence of them
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///
/// >>> torch.tensor([1, 2]).new_zeros(2).tolist()
/// [0, 0]
EXPOSE("new_zeros(Tensor self, int[] size, *, options) -> Tensor", new_zeros, method);

Tensor new_ones(const Tensor& self, IntList size, const Options& options) {
  return ones_sized(size, with_dtype_of(self, options), {});
}

/// Ones of this tensor's dtype and device.
///
/// Args:
///     size: numbers, or a sequence of them
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///
/// >>> torch.tensor([5, 6]).new_ones(2).tolist()
/// [1, 1]
EXPOSE("new_ones(Tensor self, int[] size, *, options) -> Tensor", new_ones, method);

Tensor new_full(const Tensor& self, IntList size, const Scalar& fill_value, const Options& options) {
  return full(size, fill_value, with_dtype_of(self, options), {});
}

/// One value everywhere, in this tensor's dtype and device.
///
/// Args:
///     size: a sequence of numbers
///     fill_value: a number
///     dtype, layout, device, pin_memory, requires_grad: instead of self's
///
/// >>> torch.tensor([5, 6]).new_full((2,), 3).tolist()
/// [3, 3]
EXPOSE("new_full(Tensor self, int[] size, Number fill_value, *, options) -> Tensor", new_full, method);

// ---- matrices

Tensor eye_rectangular(int64_t n, int64_t m, const Options& options, const Out& out) {
  check(n >= 0, "n must be greater or equal to 0, got ", n);
  check(m >= 0, "m must be greater or equal to 0, got ", m);
  const DType dtype = chosen_dtype(options, out, default_dtype());
  const Tensor result = zeros_sized(Dims{n, m}, {dtype, false}, out);
  const Dims& strides = result.strides();
  fill_raw(alias(result, {std::min(n, m)}, {strides[0] + strides[1]}, 0), 1);
  return finished(result, options);
}
Tensor eye_square(int64_t n, const Options& options, const Out& out) {
  return eye_rectangular(n, n, options, out);
}

/// The identity: ones on the main diagonal, zeros elsewhere.
///
/// Args:
///     n: rows
///     m: columns, n by default
///     dtype, layout, device, pin_memory, requires_grad: as of every new tensor
///
/// Raises:
///     RuntimeError: a negative size.
///
/// >>> torch.eye(2).tolist()
/// [[1.0, 0.0], [0.0, 1.0]]
EXPOSE("eye(int n, int m, *, options) -> Tensor", eye_rectangular, function | out);
EXPOSE("eye(int n, *, options) -> Tensor", eye_square, function | out);

using backend::Triangle;

Tensor triangle_of(Triangle triangle, const Tensor& self, int64_t diagonal, const Out& out, bool recorded) {
  const char* name = triangle == Triangle::Lower ? "tril" : "triu";
  check(self.dim() >= 2, name, ": input tensor must have at least 2 dimensions, got ", self.dim());
  const int64_t rows = self.size(-2), columns = self.size(-1), matrix = rows * columns;
  // Beyond the corners nothing changes, and border sums cannot overflow.
  diagonal = std::clamp(diagonal, -rows - 1, columns + 1);
  if (out.inplace && !recorded && is_expanded(self)) {  // where one element that shares memory goes, all go
    const Tensor every = empty(Dims{rows, columns}, DType::Bool);
    fill_raw(every, true);
    const Tensor kept = triangle_of(triangle, every, diagonal, Out{}, false);
    fill_expanded(self, logical_not(kept), Scalar(0));
    return self;
  }
  const bool in_order = out.inplace && self.is_contiguous();
  const Tensor work = in_order ? self : contiguous_copy(self);
  if (matrix != 0)
    backend::current().keep_triangle(triangle, work->data, self.numel() / matrix, rows, columns, diagonal,
                                     item_size(work.dtype()));
  if (!out.target) return work;
  const Tensor result = result_for(out, self.sizes(), self.dtype());
  if (!in_order) copy_into(result, work);
  return result;
}

}  // namespace

Tensor tril(const Tensor& self, int64_t diagonal, const Out& out) {
  const bool recorded = grad_enabled() && requires_grad(self);
  return differentiable(
      "TrilBackward0", out, [&] { return triangle_of(Triangle::Lower, self, diagonal, out, recorded); },
      wrt(self, [diagonal](const Tensor& grad) { return tril(grad, diagonal); }));
}

/// The lower triangle of matrices; zeros above it.
///
/// Args:
///     self: (..., m, n)
///     diagonal: the last diagonal that is kept: above the main one if positive, below if negative
///
/// Raises:
///     RuntimeError: fewer than two dimensions.
///
/// >>> torch.tril(torch.ones(2, 2)).tolist()
/// [[1.0, 0.0], [1.0, 1.0]]
EXPOSE("tril(Tensor self, int diagonal=0) -> Tensor", tril, function | method | inplace | out);

Tensor triu(const Tensor& self, int64_t diagonal, const Out& out) {
  const bool recorded = grad_enabled() && requires_grad(self);
  return differentiable(
      "TriuBackward0", out, [&] { return triangle_of(Triangle::Upper, self, diagonal, out, recorded); },
      wrt(self, [diagonal](const Tensor& grad) { return triu(grad, diagonal); }));
}

/// The upper triangle of matrices; zeros below it.
///
/// Args:
///     self: (..., m, n)
///     diagonal: the first diagonal that is kept: above the main one if positive, below if negative
///
/// Raises:
///     RuntimeError: fewer than two dimensions.
///
/// >>> torch.triu(torch.ones(2, 2)).tolist()
/// [[1.0, 1.0], [0.0, 1.0]]
EXPOSE("triu(Tensor self, int diagonal=0) -> Tensor", triu, function | method | inplace | out);

namespace {

// Row and column indices of a triangle's elements, row by row.
Tensor triangle_indices(Triangle triangle, int64_t rows, int64_t columns, int64_t offset,
                        const Options& options) {
  check(rows >= 0, "row must be non-negative, got", rows);
  check(columns >= 0, "col must be non-negative, got", columns);
  const DType dtype = options.dtype.value_or(DType::Int64);
  check(dtype == DType::Int64 || dtype == DType::Int32, "only int32 and int64 indices are supported, got ",
        name(dtype));
  offset = std::clamp(offset, -rows, columns);
  const auto span = [&](int64_t row) {
    const int64_t border = std::clamp<int64_t>(row + offset + (triangle == Triangle::Lower), 0, columns);
    return triangle == Triangle::Lower ? std::pair<int64_t, int64_t>{0, border} : std::pair{border, columns};
  };
  // Elements of the lower triangle up to the diagonal `at`: rows that reach it part of the way, then whole
  // ones.
  const auto lower_count = [&](int64_t at) -> __int128 {
    const int64_t first = std::clamp<int64_t>(-at, 0, rows);
    const int64_t whole = std::clamp<int64_t>(columns - 1 - at, first, rows);
    const __int128 partial = whole - first;
    return partial * (2 * (static_cast<__int128>(first) + at) + partial + 1) / 2 +
           static_cast<__int128>(rows - whole) * columns;
  };
  const __int128 elements = triangle == Triangle::Lower
                                ? lower_count(offset)
                                : static_cast<__int128>(rows) * columns - lower_count(offset - 1);
  check(elements < INT64_MAX >> 5, "the indices of a triangle of ", rows, " rows and ", columns,
        " columns are more than memory can hold");
  const auto count = static_cast<int64_t>(elements);
  const int64_t first_row = triangle == Triangle::Lower ? std::clamp<int64_t>(-offset, 0, rows) : 0;
  const int64_t last_row = count == 0 ? first_row
                           : triangle == Triangle::Lower || offset < columns - rows
                               ? rows
                               : columns - offset;  // the rows below are empty
  const Tensor result = empty_on_host({2, count}, dtype);
  const auto write = [&]<class T>(T* items) {
    int64_t k = 0;
    for (int64_t row = first_row; row < last_row; ++row) {
      for (auto [column, end] = span(row); column < end; ++column, ++k) {
        items[k] = static_cast<T>(row);
        items[count + k] = static_cast<T>(column);
      }
    }
  };
  if (dtype == DType::Int64)
    write(result.data<int64_t>());
  else
    write(result.data<int32_t>());
  return finished(to_device(result, current_device), options);
}

Tensor tril_indices(int64_t row, int64_t col, int64_t offset, const Options& options) {
  return triangle_indices(Triangle::Lower, row, col, offset, options);
}

/// The rows and columns of a lower triangle's elements, row by row.
///
/// Args:
///     row, col: the matrix
///     offset: the last diagonal that is kept
///     dtype, layout, device, pin_memory: int64 by default
///
/// Returns:
///     (2, number of elements).
///
/// >>> torch.tril_indices(2, 2).tolist()
/// [[0, 1, 1], [0, 0, 1]]
EXPOSE("tril_indices(int row, int col, int offset=0, *, options) -> Tensor", tril_indices, function);

Tensor triu_indices(int64_t row, int64_t col, int64_t offset, const Options& options) {
  return triangle_indices(Triangle::Upper, row, col, offset, options);
}

/// The rows and columns of an upper triangle's elements, row by row.
///
/// Args:
///     row, col: the matrix
///     offset: the first diagonal that is kept
///     dtype, layout, device, pin_memory: int64 by default
///
/// Returns:
///     (2, number of elements).
///
/// >>> torch.triu_indices(2, 2).tolist()
/// [[0, 0, 1], [0, 1, 1]]
EXPOSE("triu_indices(int row, int col, int offset=0, *, options) -> Tensor", triu_indices, function);

}  // namespace

}  // namespace flambeau
