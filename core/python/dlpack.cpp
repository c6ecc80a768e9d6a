// Memory shared with other array libraries by DLPack capsules, old and versioned.
#include "core/python/dlpack.h"

#include <memory>

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"
#include "core/tensor/alignment.h"

namespace flambeau::python {

namespace {

// ---- the binary interface of DLPack 1.0

struct DlDevice {
  int32_t type, id;
};
struct DlDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DlTensor {
  void* data;
  DlDevice device;
  int32_t ndim;
  DlDataType dtype;
  int64_t* shape;
  int64_t* strides;  // in items; null: elements in order
  uint64_t byte_offset;
};
struct DlManaged {
  DlTensor tensor;
  void* context;
  void (*deleter)(DlManaged*);
};
struct DlVersion {
  uint32_t major, minor;
};
struct DlVersioned {
  DlVersion version;
  void* context;
  void (*deleter)(DlVersioned*);
  uint64_t flags;
  DlTensor tensor;
};
static_assert(sizeof(void*) == 8 && sizeof(DlTensor) == 48 && sizeof(DlManaged) == 64 &&
                  sizeof(DlVersioned) == 80,
              "DLPack's layout");

constexpr int32_t kDlCpu = 1;
constexpr uint64_t kIsCopied = 2;
enum DlCode : uint8_t { Int = 0, UInt = 1, Float = 2, BFloat = 4, ComplexNumber = 5, Boolean = 6 };

template <class Managed>
struct Names;
template <>
struct Names<DlManaged> {
  static constexpr const char *fresh = "dltensor", *used = "used_dltensor";
};
template <>
struct Names<DlVersioned> {
  static constexpr const char *fresh = "dltensor_versioned", *used = "used_dltensor_versioned";
};

[[noreturn]] void refuse(const std::string& why) {
  PyErr_SetString(PyExc_BufferError, why.c_str());
  throw PythonError();
}

DlDataType dl_type(DType dtype) {
  const auto bits = static_cast<uint8_t>(item_size(dtype) * 8);
  if (dtype == DType::Bool) return {Boolean, bits, 1};
  if (dtype == DType::BFloat16) return {BFloat, bits, 1};
  if (is_complex(dtype)) return {ComplexNumber, bits, 1};
  if (is_floating(dtype)) return {Float, bits, 1};
  return {is_signed(dtype) ? Int : UInt, bits, 1};
}
DType dtype_of_dl(DlDataType type) {
  if (type.lanes != 1) refuse("from_dlpack: elements of several lanes are not supported");
  for (int i = 0; i < kDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    const DlDataType candidate = dl_type(dtype);
    if (candidate.code == type.code && candidate.bits == type.bits) return dtype;
  }
  refuse(concat("from_dlpack: unsupported element type: code ", static_cast<int>(type.code), ", ",
                static_cast<int>(type.bits), " bits"));
}

// ---- to DLPack

// Holds the tensor until the consumer is done; the geometry is copied, the tensor's own may change.
template <class Managed>
struct Exported {
  Managed managed{};
  Tensor tensor;
  int64_t shape[kMaxDims], strides[kMaxDims];
};

// Consumers call it from any thread, with or without the interpreter's lock.
template <class Managed>
void delete_exported(Managed* managed) {
  if (!Py_IsInitialized()) return;  // at the process's end nothing is left to free it with
  const PyGILState_STATE state = PyGILState_Ensure();
  delete static_cast<Exported<Managed>*>(managed->context);
  PyGILState_Release(state);
}

// A capsule that nobody has consumed frees what it carries.
template <class Managed>
void destroy_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, Names<Managed>::fresh)) return;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Names<Managed>::fresh));
  if (managed->deleter) managed->deleter(managed);
}

template <class Managed>
PyObject* make_capsule(const Tensor& t, bool copied) {
  auto exported = std::make_unique<Exported<Managed>>();
  exported->tensor = alias(t);
  for (int i = 0; i < t.dim(); ++i) {
    exported->shape[i] = t.sizes()[i];
    exported->strides[i] = t.strides()[i];
  }
  exported->managed.tensor = {t->data,         {kDlCpu, 0},       t.dim(), dl_type(t.dtype()),
                              exported->shape, exported->strides, 0};
  exported->managed.context = exported.get();
  exported->managed.deleter = delete_exported<Managed>;
  if constexpr (std::is_same_v<Managed, DlVersioned>) {
    exported->managed.version = {1, 0};
    exported->managed.flags = copied ? kIsCopied : 0;
  }
  Object capsule = owned(PyCapsule_New(&exported->managed, Names<Managed>::fresh, destroy_capsule<Managed>));
  (void)exported.release();  // the capsule's now
  return capsule.release();
}

PyObject* to_dlpack(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [tensor, versioned, copied] =
      parse_arguments<3>("_to_dlpack", {"tensor", "versioned", "copied"}, 1, args, count, keywords);
  const Tensor t = need_tensor(tensor, "to_dlpack", "tensor");
  if (!host_readable(t.device())) refuse(concat("Cannot pack tensors on ", name(t.device())));
  const bool is_copy = given(copied) && is_true(copied);
  return given(versioned) && is_true(versioned) ? make_capsule<DlVersioned>(t, is_copy)
                                                : make_capsule<DlManaged>(t, is_copy);
}

// ---- from DLPack

template <class Managed>
void release_managed(void* owner) noexcept {
  auto* managed = static_cast<Managed*>(owner);
  if (managed->deleter) managed->deleter(managed);
}

// Everything is checked before the capsule is marked as used: until then it owns the memory.
template <class Managed>
PyObject* consume(PyObject* capsule) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Names<Managed>::fresh));
  if (!managed) throw PythonError();
  if constexpr (std::is_same_v<Managed, DlVersioned>)
    if (managed->version.major > 1)
      refuse(concat("from_dlpack: DLPack ", managed->version.major, ".", managed->version.minor,
                    " is newer than what is understood here, 1.0"));
  const DlTensor& from = managed->tensor;
  if (from.device.type != kDlCpu)
    refuse(concat("from_dlpack: the memory lies on a device of DLPack's type ", from.device.type,
                  "; this build reads main memory only"));
  const DType dtype = dtype_of_dl(from.dtype);
  const auto item = static_cast<int64_t>(item_size(dtype));
  check<ValueError>(from.ndim >= 0 && from.ndim <= kMaxDims, "from_dlpack: ", from.ndim,
                    " dimensions are too many; the limit is ", kMaxDims);
  Dims sizes, strides;
  for (int i = 0; i < from.ndim; ++i) sizes.push_back(from.shape[i]);
  const int64_t numel = checked_numel(sizes);
  strides = contiguous_strides(sizes);
  int64_t last = 0;
  bool overflow = false;
  for (int i = 0; i < from.ndim; ++i) {
    if (from.strides) strides[i] = from.strides[i];
    check<ValueError>(strides[i] >= 0 || sizes[i] <= 1 || numel == 0,
                      "from_dlpack: tensors with negative strides are not supported; copy the array first");
    if (strides[i] < 0) strides[i] = 1;  // of a dimension along which nothing moves
    int64_t reach = 0;
    overflow |= __builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  int64_t bytes = 0;
  overflow |= __builtin_add_overflow(last, 1, &last) || __builtin_mul_overflow(last, item, &bytes);
  check(!overflow, "from_dlpack: sizes ", sizes, " and strides ", strides, " are too large");
  char* data = static_cast<char*>(from.data) + (from.data ? from.byte_offset : 0);
  if (numel && !is_aligned(data, dtype))
    refuse("from_dlpack: the memory is not aligned to its elements; copy it first");

  Tensor t(new TensorImpl);
  t->dtype = dtype;
  set_geometry(t.get(), sizes, strides);
  if (PyCapsule_SetName(capsule, Names<Managed>::used) < 0) throw PythonError();
  t->storage =
      Storage::foreign(data, numel ? static_cast<size_t>(bytes) : 0, managed, release_managed<Managed>);
  t->data = data;
  return wrap(std::move(t));
}

PyObject* from_dlpack(PyObject*, PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, Names<DlVersioned>::fresh)) return consume<DlVersioned>(capsule);
  if (PyCapsule_IsValid(capsule, Names<DlManaged>::fresh)) return consume<DlManaged>(capsule);
  fail<RuntimeError>(
      "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so "
      "you might have already constructed a tensor from it once.");
}

PyMethodDef functions[] = {
    {"_to_dlpack", fast<to_dlpack>(), METH_FASTCALL | METH_KEYWORDS,
     "_to_dlpack(tensor, versioned=False, copied=False): a capsule with the tensor's memory."},
    {"_from_dlpack", entry<from_dlpack>, METH_O, "A tensor on the memory of a capsule, which is used up."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_dlpack(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace flambeau::python
