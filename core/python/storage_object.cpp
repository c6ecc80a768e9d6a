// UntypedStorage: the bytes under tensors, for saving, loading and looking at.
#include "core/python/python.h"

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"
#include "core/python/storage_object.h"
#include "core/tensor/alignment.h"
#include "core/tensor/resize.h"

#include <structmember.h>

#include <cstring>

namespace flambeau::python {

namespace {

// Like a tensor's object: the one Python face of a storage, which holds the count while it lives.
struct StorageObject {
  PyObject_HEAD Storage* storage;
  PyObject* weak_references;
};
PyTypeObject* storage_type = nullptr;
Storage* storage_of(PyObject* o) { return reinterpret_cast<StorageObject*>(o)->storage; }

void storage_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<StorageObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  if (self->weak_references) PyObject_ClearWeakRefs(o);
  if (Storage* storage = std::exchange(self->storage, nullptr)) {
    storage->take_from_python();
    destroy(storage);
  }
  type->tp_free(o);
  Py_DECREF(type);
}
Object make_storage(Ref<Storage> storage) {
  if (void* object = storage->python_object()) {
    (void)storage.release();  // its reference is handed over
    return Object(static_cast<PyObject*>(object));
  }
  Object o = owned(storage_type->tp_alloc(storage_type, 0));
  // The reference that was handed over becomes the object's first; C++ may hold others.
  for (size_t others = storage->owners(); others > 1; --others) Py_INCREF(o.get());
  Storage* counted = storage.release();
  counted->give_to_python(o.get());
  reinterpret_cast<StorageObject*>(o.get())->storage = counted;
  return o;
}
int storage_buffer(PyObject* o, Py_buffer* view, int flags) {
  if (!host_readable(storage_of(o)->device)) {
    PyErr_SetString(PyExc_BufferError, "the storage lies on a device whose memory cannot be read");
    return -1;
  }
  return PyBuffer_FillInfo(view, o, storage_of(o)->data, static_cast<Py_ssize_t>(storage_of(o)->bytes), 0,
                           flags);
}
PyObject* storage_data_ptr(PyObject* o, PyObject*) {
  return PyLong_FromVoidPtr(storage_of(o)->device == Device::Type::Meta ? nullptr : storage_of(o)->data);
}
PyObject* storage_nbytes(PyObject* o, PyObject*) { return PyLong_FromSize_t(storage_of(o)->bytes); }
Py_ssize_t storage_length(PyObject* o) { return static_cast<Py_ssize_t>(storage_of(o)->bytes); }
PyObject* storage_compare(PyObject* a, PyObject* b, int op) {
  if (Py_TYPE(a) != storage_type || Py_TYPE(b) != storage_type || (op != Py_EQ && op != Py_NE))
    Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((storage_of(a) == storage_of(b)) == (op == Py_EQ));
}
Py_hash_t storage_hash(PyObject* o) {
  return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(storage_of(o)) >> 4);
}
PyObject* storage_device(PyObject* o, void*) { return wrap(Device{storage_of(o)->device, -1}); }

// ---- single bytes

uint8_t* bytes_of(PyObject* o) {
  check<NotImplementedError>(host_readable(storage_of(o)->device), "Not available for '",
                             name(storage_of(o)->device), "' device type");
  return reinterpret_cast<uint8_t*>(storage_of(o)->data);
}
uint8_t byte_from(PyObject* value) {
  int64_t byte;
  check(PyBool_Check(value) || parse_int(value, byte),
        "can only set storage content with a int types, but got ", Py_TYPE(value)->tp_name, " instead");
  return PyBool_Check(value) ? value == Py_True : static_cast<uint8_t>(byte);  // wraps, as in PyTorch
}
struct ByteRange {
  Py_ssize_t first, count;
};
ByteRange range_of(PyObject* o, PyObject* slice) {
  Py_ssize_t first, last, step;
  if (PySlice_Unpack(slice, &first, &last, &step) < 0) throw PythonError();
  const Py_ssize_t count = PySlice_AdjustIndices(storage_length(o), &first, &last, step);
  check(step == 1, "Trying to slice with a step of ", step, ", but only a step of 1 is supported");
  return {first, count};
}
// -1 where there is no such byte.
Py_ssize_t place_of(PyObject* o, int64_t at) {
  const Py_ssize_t n = storage_length(o);
  return at >= -n && at < n ? static_cast<Py_ssize_t>(at < 0 ? at + n : at) : -1;
}
PyObject* storage_item(PyObject* o, Py_ssize_t at) {
  check<IndexError>(at >= 0 && at < storage_length(o), "index ", at, " out of range for storage of size ",
                    storage_length(o));
  return PyLong_FromLong(bytes_of(o)[at]);
}
void release_part(void* whole) noexcept {
  Ref<Storage> drop = Ref<Storage>::adopt(static_cast<Storage*>(whole));
}
PyObject* storage_subscript(PyObject* o, PyObject* key) {
  if (PySlice_Check(key)) {  // a storage on the same bytes
    const ByteRange range = range_of(o, key);
    uint8_t* bytes = bytes_of(o);
    Ref<Storage> whole(storage_of(o));
    return make_storage(Storage::foreign(bytes + range.first, static_cast<size_t>(range.count),
                                         whole.release(), release_part))
        .release();
  }
  int64_t at;
  check<TypeError>(parse_int(key, at), "can't index a torch.UntypedStorage with ", Py_TYPE(key)->tp_name);
  const Py_ssize_t place = place_of(o, at);
  check<IndexError>(place >= 0, "index ", at, " out of range for storage of size ", storage_length(o));
  return storage_item(o, place);
}
int assign_storage(PyObject* o, PyObject* key, PyObject* value) {
  check<TypeError>(value != nullptr, "bytes of a storage cannot be deleted");
  const uint8_t byte = byte_from(value);
  if (PySlice_Check(key)) {
    const ByteRange range = range_of(o, key);
    if (range.count) std::memset(bytes_of(o) + range.first, byte, static_cast<size_t>(range.count));
    return 0;
  }
  int64_t at;
  check(parse_int(key, at), "can't index a torch.UntypedStorage with ", Py_TYPE(key)->tp_name);
  const Py_ssize_t place = place_of(o, at);
  check(place >= 0, "out of bounds");
  bytes_of(o)[place] = byte;
  return 0;
}
PyObject* storage_tolist(PyObject* o, PyObject*) {
  const uint8_t* bytes = bytes_of(o);
  Object list = owned(PyList_New(storage_length(o)));
  for (Py_ssize_t i = 0; i < storage_length(o); ++i)
    PyList_SET_ITEM(list.get(), i, PyLong_FromLong(bytes[i]));
  return list.release();
}
PyObject* storage_fill(PyObject* o, PyObject* value) {
  const uint8_t byte = byte_from(value);
  if (storage_length(o)) std::memset(bytes_of(o), byte, storage_of(o)->bytes);
  return Py_NewRef(o);
}
PyObject* storage_copy(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [source, non_blocking] =
      parse_arguments<2>("copy_", {"source", "non_blocking"}, 1, args, count, keywords);
  check<TypeError>(Py_TYPE(source) == storage_type, "copy_(): argument 'source' must be UntypedStorage, not ",
                   Py_TYPE(source)->tp_name);
  check(storage_length(o) == storage_length(source), "size does not match, self was ", storage_length(o),
        " bytes but src was ", storage_length(source), " bytes");
  if (storage_length(o)) std::memmove(bytes_of(o), bytes_of(source), storage_of(o)->bytes);
  return Py_NewRef(o);
}
PyObject* storage_clone(PyObject* o, PyObject*) {
  const uint8_t* bytes = bytes_of(o);
  Ref<Storage> copy = Storage::make(storage_of(o)->bytes, storage_of(o)->device);
  if (copy->bytes) std::memcpy(copy->data, bytes, copy->bytes);
  return make_storage(std::move(copy)).release();
}
PyObject* storage_cpu(PyObject* o, PyObject*) {
  bytes_of(o);  // refuses other devices
  return Py_NewRef(o);
}
PyObject* storage_untyped(PyObject* o, PyObject*) { return Py_NewRef(o); }
PyObject* storage_element_size(PyObject*, PyObject*) { return PyLong_FromLong(1); }
PyObject* storage_resizable(PyObject* o, PyObject*) { return PyBool_FromLong(!storage_of(o)->release); }
PyObject* storage_resize(PyObject*, PyObject*) {
  fail<NotImplementedError>("UntypedStorage.resize_ is not implemented yet: tensors hold on to the bytes");
}
PyObject* storage_repr(PyObject* o) {
  std::string text;
  if (!host_readable(storage_of(o)->device))
    text = "...\n";
  else
    for (Py_ssize_t i = 0; i < storage_length(o); ++i)
      text += concat(' ', static_cast<int>(bytes_of(o)[i]), '\n');
  text += concat("[torch.storage.UntypedStorage(device=", name(storage_of(o)->device), ") of size ",
                 storage_length(o), "]");
  return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

PyMethodDef methods[] = {
    {"data_ptr", entry<storage_data_ptr>, METH_NOARGS, "The address of the first byte."},
    {"nbytes", entry<storage_nbytes>, METH_NOARGS, "The number of bytes."},
    {"size", entry<storage_nbytes>, METH_NOARGS, "The number of bytes."},
    {"tolist", entry<storage_tolist>, METH_NOARGS, "The bytes as a list."},
    {"fill_", entry<storage_fill>, METH_O, "Sets every byte to one value."},
    {"copy_", fast<storage_copy>(), METH_FASTCALL | METH_KEYWORDS,
     "copy_(source, non_blocking=None): takes over the bytes of a storage of the same size."},
    {"clone", entry<storage_clone>, METH_NOARGS, "A storage with a copy of the bytes."},
    {"cpu", entry<storage_cpu>, METH_NOARGS, "The storage itself: it lies in main memory."},
    {"untyped", entry<storage_untyped>, METH_NOARGS, "The storage itself."},
    {"element_size", entry<storage_element_size>, METH_NOARGS, "One: elements are bytes."},
    {"resizable", entry<storage_resizable>, METH_NOARGS, "Whether the memory is not another's."},
    {"resize_", entry<storage_resize>, METH_O, "Not there yet."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef attributes[] = {{"device", entry<storage_device>, nullptr, "Where the bytes lie.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyObject* new_storage(PyObject*, PyObject* size) {
  int64_t bytes;
  check<TypeError>(parse_int(size, bytes), "_new_storage(): the number of bytes must be an int");
  check<ValueError>(bytes >= 0, "_new_storage(): the number of bytes must not be negative");
  return make_storage(Storage::make(static_cast<size_t>(bytes))).release();
}

// UntypedStorage(size or sequence of byte values, *, device=None)
PyObject* construct_storage(PyTypeObject*, PyObject* args, PyObject* keywords) {
  PyObject *source = nullptr, *device = nullptr;
  static const char* names[] = {"size", "device", nullptr};
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$O:UntypedStorage", const_cast<char**>(names), &source,
                                   &device))
    throw PythonError();
  Device where{default_device, -1};
  if (given(device)) {
    check<TypeError>(parse_device(device, where),
                     "UntypedStorage(): argument 'device' must be torch.device, not ",
                     Py_TYPE(device)->tp_name);
    check_device(where);
  }
  int64_t bytes = 0;
  if (!source || parse_int(source, bytes)) {
    check(bytes >= 0, "UntypedStorage(): the number of bytes must not be negative, got ", bytes);
    return make_storage(Storage::make(static_cast<size_t>(bytes), where.type)).release();
  }
  check<TypeError>(PySequence_Check(source),
                   "UntypedStorage(): expected a number of bytes or a sequence, not ",
                   Py_TYPE(source)->tp_name);
  check<NotImplementedError>(host_readable(where.type), "UntypedStorage() of a sequence on ",
                             name(where.type));
  Object values = owned(PySequence_Tuple(source));
  const Py_ssize_t n = PyTuple_GET_SIZE(values.get());
  Ref<Storage> storage = Storage::make(static_cast<size_t>(n), where.type);
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* value = PyTuple_GET_ITEM(values.get(), i);
    int64_t byte;
    check(parse_int(value, byte), "torch.UntypedStorage(): tried to construct a storage from a sequence (",
          Py_TYPE(source)->tp_name, "), but one of the items was of type ", Py_TYPE(value)->tp_name,
          " instead of int");
    storage->data[i] = static_cast<char>(byte);
  }
  return make_storage(std::move(storage)).release();
}

PyObject* storage_of_tensor(PyObject*, PyObject* o) {
  return make_storage(need_tensor(o, "_storage_of", "tensor")->storage).release();
}

Dims parse_dims(PyObject* o, const char* argument) {
  Object sequence = owned(PySequence_Fast(o, "expected a sequence of ints"));
  Dims dims;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.get()); ++i) {
    int64_t value;
    check<TypeError>(parse_int(PySequence_Fast_GET_ITEM(sequence.get(), i), value), "_rebuild(): argument '",
                     argument, "' must be a sequence of ints");
    check<ValueError>(dims.count < kMaxDims, "_rebuild(): more than ", kMaxDims, " dimensions");
    dims.push_back(value);
  }
  return dims;
}

// A tensor on a storage; every element has to lie inside it.
PyObject* rebuild(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [storage, dtype, offset, size, stride] = parse_arguments<5>(
      "_rebuild", {"storage", "dtype", "storage_offset", "size", "stride"}, 5, args, count, keywords);
  check<TypeError>(Py_TYPE(storage) == storage_type, "_rebuild(): argument 'storage' must be UntypedStorage");
  DType d;
  int64_t start;
  check<TypeError>(parse_dtype(dtype, d), "_rebuild(): argument 'dtype' must be torch.dtype");
  check<TypeError>(parse_int(offset, start), "_rebuild(): argument 'storage_offset' must be int");
  Dims sizes = parse_dims(size, "size"), strides = parse_dims(stride, "stride");
  check<ValueError>(sizes.count == strides.count, "_rebuild(): size and stride differ in length");
  const int64_t numel = checked_numel(sizes);
  int64_t last = start;
  bool overflow = start < 0;
  for (int i = 0; i < sizes.count; ++i) {
    int64_t reach;
    overflow |= strides[i] < 0;
    overflow |= __builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  const auto items = static_cast<int64_t>(storage_of(storage)->bytes / item_size(d));
  if (overflow || (numel > 0 && last >= items) || start > items)
    fail<RuntimeError>("setStorage: sizes ", sizes, ", strides ", strides, ", storage offset ", start,
                       " of torch.", name(d), " reach outside of a storage of ", storage_of(storage)->bytes,
                       " bytes");
  check_aligned(storage_of(storage)->data, d, "set_()");
  Tensor t(new TensorImpl);
  t->storage = Ref<Storage>(storage_of(storage));
  t->dtype = d;
  t->device = t->storage->device;
  t->data = t->storage->data + start * static_cast<int64_t>(item_size(d));
  set_geometry(t.get(), sizes, strides);
  return wrap(std::move(t));
}

// What set_ does once its arguments are read: another window on another storage, in place.
PyObject* set_window(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [self, storage, offset, size, stride] = parse_arguments<5>(
      "set_", {"self", "source", "storage_offset", "size", "stride"}, 5, args, count, keywords);
  const Tensor t = need_tensor(self, "set_", "self");
  check<TypeError>(Py_TYPE(storage) == storage_type,
                   "set_(): argument 'source' must be Tensor or a storage, not ", Py_TYPE(storage)->tp_name);
  check_inplace(t);
  const Tensor base = t->view_base;
  check<NotImplementedError>(!requires_grad(t) || (!t->grad_fn && !base),
                             "set_() of a result or view with history is not implemented");
  check<NotImplementedError>(!base || !requires_grad(base),
                             "set_() of a view of a tensor that requires grad is not implemented");
  int64_t start;
  check<TypeError>(parse_int(offset, start), "set_(): argument 'storage_offset' must be int, not ",
                   Py_TYPE(offset)->tp_name);
  check(start >= 0, "Tensor: invalid storage offset ", start);
  const Dims sizes = parse_dims(size, "size"), strides = parse_dims(stride, "stride");
  check(sizes.count == strides.count, "unequal size length (", sizes.count, ") and stride length (",
        strides.count, ")");
  Ref<Storage> target(storage_of(storage));
  if (target->device != t.device())
    fail<RuntimeError>("Attempted to set the storage of a tensor on device \"", name(t.device()),
                       "\" to a storage on different device \"", name(target->device),
                       "\".  This is no longer allowed; the devices must match.");
  const auto item = static_cast<int64_t>(item_size(t.dtype()));
  int64_t end = start, bytes = 0;
  bool overflow = false;
  const int64_t numel = checked_numel(sizes);
  for (int i = 0; i < sizes.count; ++i) {
    int64_t reach;
    overflow |= strides[i] < 0;
    overflow |= __builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &reach);
    overflow |= __builtin_add_overflow(end, reach, &end);
  }
  overflow |= __builtin_add_overflow(end, 1, &end) || __builtin_mul_overflow(end, item, &bytes);
  check(!overflow, "Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  target = with_room(target, numel ? static_cast<size_t>(bytes) : 0);
  check_aligned(target->data, t.dtype(), "set_()");
  // The counter stays the tensor's own, as with x.data = y; but this counts as a write, so what captured
  // the tensor refuses to go on.
  t->keep_counter();
  t->bump_version();
  t->view_base = {};  // it shares nothing with what it was a view of any more
  t->view_kind = ViewKind::None;
  t->storage = std::move(target);
  t->data = t->storage->data + start * item;
  set_geometry(t.get(), sizes, strides);
  return Py_NewRef(self);
}

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(StorageObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyMethodDef functions[] = {
    {"_new_storage", entry<new_storage>, METH_O, "An uninitialised storage of so many bytes."},
    {"_storage_of", entry<storage_of_tensor>, METH_O, "The storage under a tensor."},
    {"_rebuild", fast<rebuild>(), METH_FASTCALL | METH_KEYWORDS,
     "_rebuild(storage, dtype, storage_offset, size, stride)"},
    {"_set_window", fast<set_window>(), METH_FASTCALL | METH_KEYWORDS,
     "_set_window(self, storage, storage_offset, size, stride)"},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void make_storage_type(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_dealloc, slot<storage_dealloc>()},
                         {Py_tp_new, slot<construct_storage>()},
                         {Py_tp_members, members},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, attributes},
                         {Py_tp_richcompare, slot<storage_compare>()},
                         {Py_tp_hash, slot<storage_hash>()},
                         {Py_mp_length, slot<storage_length>()},
                         {Py_sq_length, slot<storage_length>()},
                         {Py_sq_item, slot<storage_item>()},
                         {Py_mp_subscript, slot<storage_subscript>()},
                         {Py_mp_ass_subscript, slot<assign_storage>()},
                         {Py_tp_repr, slot<storage_repr>()},
                         {Py_bf_getbuffer, slot<storage_buffer>()},
                         {0, nullptr}};
  PyType_Spec spec = {"flambeau.UntypedStorage", sizeof(StorageObject), 0, Py_TPFLAGS_DEFAULT, slots};
  storage_type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
  if (PyModule_AddObjectRef(module, "UntypedStorage", reinterpret_cast<PyObject*>(storage_type)) < 0 ||
      PyModule_AddFunctions(module, functions) < 0)
    throw PythonError();
}

}  // namespace flambeau::python
