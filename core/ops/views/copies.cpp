// Copies, conversions and fills: what gives a tensor another layout, dtype or content.
#include "core/ops/creation/creation.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/layout.h"
#include "core/tensor/resize.h"

namespace flambeau {

// ---- memory formats and copies

namespace {
// The strides of a dense tensor in this format; throws RuntimeError where its number of dimensions does not
// fit.
Dims strides_in_format(const Dims& sizes, MemoryFormat format) {
  if (format == MemoryFormat::Contiguous) return contiguous_strides(sizes);
  const bool flat = format == MemoryFormat::ChannelsLast;
  const int n = flat ? 4 : 5;
  check(sizes.count == n, "required rank ", n, " tensor to use ", flat ? "channels_last" : "channels_last_3d",
        " format, but the shape is ", sizes);
  return channels_last_strides(sizes);
}

bool has_format(const Tensor& t, MemoryFormat format) {
  if (format == MemoryFormat::Contiguous) return t.is_contiguous();
  const Dims strides = strides_in_format(t.sizes(), format);
  for (int i = 0; i < t.dim(); ++i)
    if (t.sizes()[i] != 1 && t.strides()[i] != strides[i]) return false;
  return true;
}

MemoryFormat channels_last_of(const Tensor& t) {
  return t.dim() == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::ChannelsLast3d;
}
MemoryFormat own_format(const Tensor& t) {
  return has_channels_last(t) ? channels_last_of(t) : MemoryFormat::Contiguous;
}

Tensor raw_copy(const Tensor& self, DType dtype, MemoryFormat format) {
  Tensor result = format == MemoryFormat::Preserve ? empty_like(self, dtype)
                  : format == MemoryFormat::Contiguous
                      ? empty(self.sizes(), dtype)
                      : empty_strided(self.sizes(), strides_in_format(self.sizes(), format), dtype);
  copy_into(result, self);
  return result;
}
}  // namespace

Tensor clone(const Tensor& self, std::optional<MemoryFormat> format) {
  return differentiable(
      "CloneBackward0", {},
      [&] { return raw_copy(self, self.dtype(), format.value_or(MemoryFormat::Preserve)); },
      wrt(self, [](const Tensor& grad) { return grad; }));
}
Tensor clone(const Tensor& self) { return clone(self, MemoryFormat::Preserve); }

bool has_channels_last(const Tensor& self) {
  const int rank = self.dim();
  if (self->contiguous || (rank != 4 && rank != 5) || self.strides()[1] == 0) return false;
  // Strides grow from the channels over the axes of the image, the last one first, to the batch.
  int64_t least = 0;
  for (int i = 0; i < rank; ++i) {
    const int d = i == 0 ? 1 : i == rank - 1 ? 0 : rank - i;
    if (self.sizes()[d] == 0 || self.strides()[d] < least) return false;
    if (d == 0 && least == self.strides()[1]) return false;  // one channel of one pixel says nothing
    least = wrapping_mul(self.strides()[d], self.sizes()[d]);
  }
  return true;
}
Tensor with_channels_last(const Tensor& self) { return raw_copy(self, self.dtype(), channels_last_of(self)); }

Tensor contiguous(const Tensor& self) {
  return self->contiguous ? self : clone(self, MemoryFormat::Contiguous);
}

namespace {
Tensor contiguous_in(const Tensor& self, std::optional<MemoryFormat> format) {
  check(format != MemoryFormat::Preserve, "preserve memory format is unsupported by the contiguous operator");
  const MemoryFormat wanted = format.value_or(MemoryFormat::Contiguous);
  return has_format(self, wanted) ? self : clone(self, wanted);
}
Tensor clone_in(const Tensor& self, std::optional<MemoryFormat> format) { return clone(self, format); }
}  // namespace

/// A copy; gradients flow through it.
///
/// Args:
///     self: any shape
///     memory_format: how the dimensions lie in memory, as self's by default
///
/// >>> torch.clone(torch.tensor([1])).tolist()
/// [1]
EXPOSE("clone(Tensor self, *, memory_format? memory_format=None) -> Tensor", clone_in, function | method);

/// The tensor itself if its elements lie in order, else a copy in which they do.
///
/// Args:
///     memory_format: which order
///
/// >>> torch.ones(2, 3).t().contiguous().stride()
/// (2, 1)
EXPOSE("contiguous(Tensor self, memory_format? memory_format=None) -> Tensor", contiguous_in, method);

// ---- conversions

namespace {
Tensor converted(const Tensor& self, DType dtype, bool copy, std::optional<MemoryFormat> format) {
  const MemoryFormat wanted = format.value_or(MemoryFormat::Preserve);
  // What lies in neither order counts as contiguous here, as in PyTorch.
  const auto lies_so = [&] { return wanted == MemoryFormat::Preserve || wanted == own_format(self); };
  if (self.dtype() == dtype && self.device() == current_device && !copy && lies_so()) return self;
  return differentiable(
      "ToCopyBackward0", {}, [&] { return raw_copy(self, dtype, wanted); },
      wrt(self, [d = self.dtype(), device = self.device()](const Tensor& grad) {
        const DeviceScope scope(device);
        return to_dtype(grad, d);
      }));
}

}  // namespace

Tensor to_dtype(const Tensor& self, DType dtype) {
  if (self.dtype() == dtype && self.device() == current_device) return self;
  return converted(self, dtype, false, {});
}

Tensor to_device(const Tensor& self, Device::Type device) {
  const DeviceScope scope(device);
  return to_dtype(self, self.dtype());
}

namespace {
// As PyTorch warns, once: what is asked for by name loses imaginary parts; gradients do so silently.
void warn_of_real(const Tensor& self, DType dtype) {
  static bool warned = false;
  if (warned || !is_complex(self.dtype()) || is_complex(dtype) || dtype == DType::Bool || !warn) return;
  warned = true;
  warn("Casting complex values to real discards the imaginary part");
}
Tensor asked_for(const Tensor& self, DType dtype, bool copy, std::optional<MemoryFormat> format) {
  if (dtype != self.dtype()) warn_of_real(self, dtype);
  return converted(self, dtype, copy, format);
}

Tensor to_by_dtype(const Tensor& self, DType dtype, bool, bool copy, std::optional<MemoryFormat> format) {
  return asked_for(self, dtype, copy, format);
}
Tensor to_by_device(const Tensor& self, std::optional<Device>, std::optional<DType> dtype, bool, bool copy,
                    std::optional<MemoryFormat> format) {
  return asked_for(self, dtype.value_or(self.dtype()), copy, format);
}
Tensor to_like(const Tensor& self, const Tensor& other, bool, bool copy, std::optional<MemoryFormat> format) {
  const DeviceScope scope(other.device());
  return asked_for(self, other.dtype(), copy, format);
}
Tensor type_as(const Tensor& self, const Tensor& other) {
  const DeviceScope scope(other.device());
  return asked_for(self, other.dtype(), false, {});
}
Tensor to_cpu(const Tensor& self, std::optional<MemoryFormat> format) {
  const DeviceScope scope(Device::Type::Cpu);
  return converted(self, self.dtype(), false, format);
}
template <DType dtype>
Tensor as_type(const Tensor& self, std::optional<MemoryFormat> format) {
  return asked_for(self, dtype, false, format);
}
}  // namespace

/// The tensor converted to a dtype or a device; itself where nothing changes.
///
/// Args:
///     dtype, device: or a tensor that has them
///     non_blocking: allowed, without effect on the CPU
///     copy: whether to copy even where nothing changes
///     memory_format: how the dimensions lie in memory
///
/// >>> torch.tensor([1.7]).to(torch.int64).tolist()
/// [1]
EXPOSE(
    "to(Tensor self, dtype dtype, bool non_blocking=False, bool copy=False, *, memory_format? "
    "memory_format=None) -> Tensor",
    to_by_dtype, method);
EXPOSE(
    "to(Tensor self, device? device=None, dtype? dtype=None, bool non_blocking=False, bool copy=False, *, "
    "memory_format? memory_format=None) -> Tensor",
    to_by_device, method);
EXPOSE(
    "to(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, *, memory_format? "
    "memory_format=None) -> Tensor",
    to_like, method | any_device);

/// The tensor converted to another's dtype.
///
/// >>> torch.tensor([1]).type_as(torch.tensor([0.5])).tolist()
/// [1.0]
EXPOSE("type_as(Tensor self, Tensor other) -> Tensor", type_as, method | any_device);

/// The tensor in the memory of the CPU.
///
/// >>> torch.tensor([1]).cpu().device.type
/// 'cpu'
EXPOSE("cpu(Tensor self, memory_format? memory_format=None) -> Tensor", to_cpu, method);

/// The tensor as bool: whether elements differ from zero.
///
/// >>> torch.tensor([0, 2]).bool().tolist()
/// [False, True]
EXPOSE("bool(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Bool>, method);

/// The tensor as uint8.
///
/// >>> torch.tensor([1.5]).byte().tolist()
/// [1]
EXPOSE("byte(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::UInt8>, method);

/// The tensor as int8.
///
/// >>> torch.tensor([1.5]).char().tolist()
/// [1]
EXPOSE("char(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Int8>, method);

/// The tensor as int16.
///
/// >>> torch.tensor([1.5]).short().tolist()
/// [1]
EXPOSE("short(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Int16>, method);

/// The tensor as int32.
///
/// >>> torch.tensor([1.5]).int().tolist()
/// [1]
EXPOSE("int(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Int32>, method);

/// The tensor as int64.
///
/// >>> torch.tensor([1.5]).long().tolist()
/// [1]
EXPOSE("long(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Int64>, method);

/// The tensor as float16.
///
/// >>> torch.tensor([1.5]).half().dtype
/// torch.float16
EXPOSE("half(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Float16>, method);

/// The tensor as bfloat16.
///
/// >>> torch.tensor([1.5]).bfloat16().dtype
/// torch.bfloat16
EXPOSE("bfloat16(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::BFloat16>,
       method);

/// The tensor as float32.
///
/// >>> torch.tensor([1]).float().tolist()
/// [1.0]
EXPOSE("float(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Float32>, method);

/// The tensor as float64.
///
/// >>> torch.tensor([1]).double().dtype
/// torch.float64
EXPOSE("double(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Float64>, method);

/// The tensor as complex64.
///
/// >>> torch.tensor([1.0]).cfloat().tolist()
/// [(1+0j)]
EXPOSE("cfloat(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Complex64>, method);

/// The tensor as complex128.
///
/// >>> torch.tensor([1.0]).cdouble().dtype
/// torch.complex128
EXPOSE("cdouble(Tensor self, memory_format? memory_format=None) -> Tensor", as_type<DType::Complex128>,
       method);

// ---- writing

namespace {
Out in_place(const Tensor& self) { return Out{self.get(), nullptr, true}; }

void write(const Tensor& self, const Tensor& source) {
  const bool shared = shares_storage(self, source);
  const bool same_window = shared && self->data == source->data && self.dtype() == source.dtype() &&
                           self.sizes() == source.sizes() && self.strides() == source.strides();
  if (!same_window) check_no_internal_overlap(self);  // onto itself anything may be copied
  if (!same_window) copy_into(self, source);
  self->bump_version();
}
}  // namespace

Tensor copy_(const Tensor& self, const Operand& source) {
  if (!source.is_tensor()) return fill_(self, source);
  const Tensor& src = source.tensor();
  const Dims sizes = broadcast_sizes(self.sizes(), src.sizes());
  check(sizes == self.sizes(), "output with shape ", self.sizes(), " doesn't match the broadcast shape ",
        sizes);
  return differentiable(
      "CopyBackwards", in_place(self),
      [&] {
        write(self, src);
        return self;
      },
      wrt(self, [sizes, d = self.dtype()](const Tensor&) { return zeros(sizes, d); }),
      wrt(src, [sizes = src.sizes(), d = src.dtype(), device = src.device()](const Tensor& grad) {
        return to_device(gradient_for(grad, sizes, d), device);
      }));
}

namespace {
Tensor copy_method(const Tensor& self, const Tensor& src, bool) {
  warn_of_real(src, self.dtype());
  return copy_(self, src);
}

void fill_with(const Tensor& target, const Operand& value) {
  if (value.is_tensor()) {
    // The value may lie inside the target.
    copy_into(target,
              shares_storage(target, value.tensor()) ? contiguous_copy(value.tensor()) : value.tensor());
  } else {
    fill_raw(target, value.scalar());
  }
}
void check_fill(const Tensor& self, const Operand& value) {
  if (!value.is_tensor()) return check_fits(value.scalar(), self.dtype());
  check(value.tensor().dim() == 0, "fill_ only supports 0-dimension value tensor but got tensor with ",
        value.tensor().dim(), " dimensions.");
}
auto total_for(const Operand& value) {
  return [d = value.dtype()](const Tensor& grad) { return to_dtype(sum(grad), d); };
}
}  // namespace

Tensor fill_(const Tensor& self, const Operand& value) {
  check_fill(self, value);
  return differentiable(
      value.is_tensor() ? "FillBackward3" : "FillBackward2", in_place(self),
      [&] {  // writing one value twice to an address does no harm: expanded tensors may be filled
        self->bump_version();
        fill_with(self, value);
        return self;
      },
      wrt(self, [sizes = self.sizes(), d = self.dtype()](const Tensor&) { return zeros(sizes, d); }),
      wrt(value, total_for(value)));
}

namespace {
Tensor fill(const Tensor& self, const Operand& value) {
  check_fill(self, value);
  return differentiable(
      value.is_tensor() ? "FillBackward1" : "FillBackward0", {},
      [&] {
        Tensor result = empty_like(self, self.dtype());
        fill_with(result, value);
        return result;
      },
      wrt(self, [sizes = self.sizes(), d = self.dtype()](const Tensor&) { return zeros(sizes, d); }),
      wrt(value, total_for(value)));
}
}  // namespace

Tensor zero_(const Tensor& self) {
  return differentiable(
      "ZeroBackward0", in_place(self),
      [&] {
        self->bump_version();
        fill_raw(self, 0);
        return self;
      },
      wrt(self, [sizes = self.sizes(), d = self.dtype()](const Tensor&) { return zeros(sizes, d); }));
}

/// Copies another tensor's elements into this one, converting their dtype.
///
/// Args:
///     src: broadcasts with this tensor
///     non_blocking: allowed, without effect on the CPU
///
/// Raises:
///     RuntimeError: a shape that does not broadcast.
///
/// >>> torch.zeros(2).copy_(torch.tensor([1, 2])).tolist()
/// [1.0, 2.0]
EXPOSE("copy_(Tensor self, Tensor src, bool non_blocking=False) -> Tensor", copy_method,
       method | writes_self | any_device);

/// Sets all elements to one value.
///
/// Args:
///     value: a number, or a tensor without dimensions
///
/// >>> torch.empty(2).fill_(3).tolist()
/// [3.0, 3.0]
EXPOSE("fill_(Tensor self, Tensor|Number value) -> Tensor", fill_, function | method | writes_self);

/// A tensor of this one's shape and dtype with one value everywhere.
///
/// Args:
///     value: a number, or a tensor without dimensions
///
/// >>> torch.fill(torch.zeros(2), 3).tolist()
/// [3.0, 3.0]
EXPOSE("fill(Tensor self, Tensor|Number value) -> Tensor", fill, function);

/// Sets all elements to zero.
///
/// >>> torch.ones(2).zero_().tolist()
/// [0.0, 0.0]
EXPOSE("zero_(Tensor self) -> Tensor", zero_, function | method | writes_self);

namespace {
// Keeps the first elements; a grown storage is a new one, which other tensors on the old storage do not see.
Tensor resize_(const Tensor& self, IntList size, std::optional<MemoryFormat> format) {
  // No `writes_self`, whose refusals would come first.
  check(!requires_grad(self), "cannot resize variables that require grad");
  check_inplace(self);
  Dims sizes{size};
  const int64_t numel = checked_numel(size);
  if (sizes == self.sizes()) return self;
  const Dims strides = strides_in_format(sizes, format.value_or(MemoryFormat::Contiguous));
  const size_t needed = static_cast<size_t>(numel) * item_size(self.dtype());
  const auto offset = static_cast<size_t>(self->data - self->storage->data);
  self->storage = with_room(self->storage, numel ? offset + needed : 0);
  self->data = self->storage->data + offset;
  set_geometry(self.get(), sizes, strides);
  self->bump_version();
  return self;
}
}  // namespace

/// Changes the shape in place; the storage grows where it must, new elements are not set.
///
/// Args:
///     size: the new shape
///     memory_format: how the dimensions lie in memory
///
/// >>> torch.arange(4).resize_(2).tolist()
/// [0, 1]
EXPOSE("resize_(Tensor self, int[] size, *, memory_format? memory_format=None) -> Tensor", resize_, method);

}  // namespace flambeau
