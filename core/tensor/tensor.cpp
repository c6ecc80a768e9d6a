#include "core/tensor/tensor.h"

#include <cstring>

#include "core/autograd/hooks.h"
#include "core/autograd/node.h"
#include "core/tensor/layout.h"

namespace flambeau {

void (*warn)(const std::string& message) = nullptr;

void DropRare::operator()(LeafHooks* hooks) const noexcept { delete hooks; }
void DropRare::operator()(FormerWindows* former) const noexcept { delete former; }

TensorImpl::TensorImpl() = default;
TensorImpl::~TensorImpl() {
  if (retains_grad) forget_retained_grad(this);
}

template <>
void destroy(TensorImpl* impl) noexcept {
  delete impl;
}

Tensor empty(const Dims& sizes, DType dtype) {
  auto* impl = new TensorImpl;
  Tensor t(impl);
  const int n = sizes.count;
  impl->sizes.resize(n);
  impl->strides.resize(n);
  int64_t numel = 1;
  bool odd = false;  // a size of zero, a negative one or an overflow: settle it the slow way
  const int64_t* wanted = sizes.begin();
  int64_t *size = impl->sizes.begin(), *stride = impl->strides.begin();
  for (int i = n - 1; i >= 0; --i) {
    size[i] = wanted[i];
    stride[i] = numel;
    odd |= wanted[i] <= 0 || __builtin_mul_overflow(numel, wanted[i], &numel);
  }
  if (odd || numel > (INT64_MAX >> 4)) [[unlikely]] {
    numel = checked_numel(sizes);
    impl->strides = contiguous_strides(sizes);
  }
  impl->numel = numel;
  impl->dtype = dtype;
  impl->device = current_device;
  impl->storage = Storage::make(static_cast<size_t>(numel) * item_size(dtype), impl->device);
  impl->data = impl->storage->data;
  return t;
}

Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype) {
  int64_t numel = checked_numel(sizes), last = 0;
  bool overflow = false;
  for (int i = 0; i < sizes.count && numel; ++i) {
    int64_t reach;
    check(strides[i] >= 0,
          "as_strided: Negative strides are not supported at the moment, got strides: ", strides);
    overflow |= __builtin_mul_overflow(sizes[i] - 1, strides[i], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  check(!overflow && last < (INT64_MAX >> 4), "Storage size calculation overflowed with sizes=", sizes,
        " and strides=", strides);
  Tensor t(new TensorImpl);
  t->dtype = dtype;
  t->device = current_device;
  t->storage = Storage::make(numel ? static_cast<size_t>(last + 1) * item_size(dtype) : 0, t->device);
  t->data = t->storage->data;
  set_geometry(t.get(), sizes, strides);
  return t;
}

Tensor empty_like(const Tensor& like, DType dtype) {
  if (like->contiguous) [[likely]]
    return empty(like.sizes(), dtype);
  const Dims &sizes = like.sizes(), &strides = like.strides();
  if (is_dense(sizes, strides)) return empty_strided(sizes, strides, dtype);
  const auto compare = [&](int a, int b) { return compare_axes(sizes, strides[a], strides[b], a, b); };
  return empty_strided(sizes, ordered_strides(sizes, compare), dtype);
}

Tensor zeros(const Dims& sizes, DType dtype) {
  Tensor t = empty(sizes, dtype);
  if (!t.numel()) return t;
  const size_t bytes = static_cast<size_t>(t.numel()) * item_size(dtype);
  if (host_readable(t.device())) [[likely]]
    std::memset(t->data, 0, bytes);
  else
    device_memory[static_cast<int>(t.device())]->zero(t->data, bytes);
  return t;
}

Tensor scalar_tensor(const Scalar& value, DType dtype) {
  Tensor t = empty(Dims{}, dtype);
  if (host_readable(t.device())) [[likely]] {
    value.store(t->data, dtype);
    return t;
  }
  alignas(16) char item[16];
  value.store(item, dtype);
  device_memory[static_cast<int>(t.device())]->upload(t->data, item, item_size(dtype));
  return t;
}

Tensor empty_on_host(const Dims& sizes, DType dtype) {
  const DeviceScope host(Device::Type::Cpu);
  return empty(sizes, dtype);
}

const Tensor& on_host(const Tensor& t, const char* what) {
  if (!host_readable(t.device())) [[unlikely]]
    fail<NotImplementedError>(what, " needs the values of its tensor, and a tensor on the device '",
                              name(t.device()), "' has none to read");
  return t;
}

Tensor wrapped_number(const Scalar& value) {
  const DeviceScope host(Device::Type::Cpu);  // numbers mix with tensors of every device
  DType d = value.is_complex()    ? DType::Complex128
            : value.is_floating() ? DType::Float64
            : value.is_bool()     ? DType::Bool
                                  : DType::Int64;
  Tensor t = scalar_tensor(value, d);
  t->wrapped_number = true;
  return t;
}

void keep_captured_window_slow(TensorImpl* t) {
  if (!t->former) t->former.reset(new FormerWindows);
  uint32_t elsewhere = 0;  // captures of still older windows
  for (const auto& entry : t->former->entries) elsewhere += entry.captures;
  if (t->captures > elsewhere)
    t->former->entries.push_back({t->former->generation, t->captures - elsewhere, alias(Tensor(t))});
  ++t->former->generation;
}

void set_geometry(TensorImpl* impl, const Dims& sizes, const Dims& strides) {
  impl->sizes = sizes;
  impl->strides = strides;
  int64_t numel = 1;
  bool contiguous = true;
  const int64_t *size = sizes.begin(), *stride = strides.begin();
  for (int i = sizes.count - 1; i >= 0; --i) {
    contiguous &= size[i] == 1 || stride[i] == numel;
    numel = wrapping_mul(numel, size[i]);
  }
  impl->numel = numel;
  impl->contiguous = contiguous || numel == 0;
}

Tensor alias(const Tensor& t) {
  auto* impl = new TensorImpl;
  Tensor result(impl);
  impl->storage = t->storage;
  impl->own_version = t->own_version;
  impl->inference = t->inference;  // what is made in inference mode is memory, not the windows on it
  impl->data = t->data;
  impl->dtype = t->dtype;
  impl->device = t->device;
  impl->numel = t->numel;
  impl->contiguous = t->contiguous;
  impl->sizes = t->sizes;
  impl->strides = t->strides;
  return result;
}

Tensor alias(const Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset) {
  auto* impl = new TensorImpl;
  Tensor result(impl);
  impl->storage = t->storage;
  impl->own_version = t->own_version;
  impl->inference = t->inference;  // what is made in inference mode is memory, not the windows on it
  const int64_t bytes = wrapping_mul(offset, static_cast<int64_t>(item_size(t->dtype)));
  impl->data = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(t->data) + static_cast<uintptr_t>(bytes));
  impl->dtype = t->dtype;
  impl->device = t->device;
  set_geometry(impl, sizes, strides);
  return result;
}

bool shares_storage(const Tensor& a, const Tensor& b) { return a->storage == b->storage; }

void check_no_internal_overlap(const Tensor& t) {
  if (t->contiguous) [[likely]]
    return;
  for (int i = 0; i < t.dim(); ++i)
    if (t.strides()[i] == 0 && t.sizes()[i] > 1)
      fail<RuntimeError>(
          "unsupported operation: more than one element of the written-to tensor refers to a single memory "
          "location. Please clone() the tensor before performing the operation. Its shape is ",
          t.sizes(), " with strides ", t.strides());
}

void resize_out(const Tensor& out, const Dims& sizes, bool silently) {
  if (out.sizes() == sizes) return;
  if (out.numel() != 0 && !silently && warn)
    warn(concat(
        "An output with one or more elements was resized since it had shape ", out.sizes(),
        ", which does not match the required output shape ", sizes,
        ". This behavior is deprecated, and in a future release outputs will not be resized unless they have "
        "zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements "
        "with "
        "t.resize_(0)."));
  // Views of the old storage keep it as it is; they stop sharing memory with `out`.
  size_t needed = static_cast<size_t>(checked_numel(sizes)) * item_size(out.dtype());
  auto offset = static_cast<size_t>(out->data - out->storage->data);
  if (out->storage->bytes < offset + needed) {
    check(!out->storage->release, "Trying to resize storage that is not resizable");
    out->storage = Storage::make(needed, out.device());
    out->data = out->storage->data;
  }
  set_geometry(out.get(), sizes, contiguous_strides(sizes));
}

}  // namespace flambeau
