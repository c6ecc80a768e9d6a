// UntypedStorage: the bytes under tensors, for saving, loading and looking at.
#include "core/python/python.h"

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"
#include "core/python/storage_object.h"

namespace flambeau::python {

namespace {

struct StorageObject {
  PyObject_HEAD Storage* storage;  // counted
};
PyTypeObject* storage_type = nullptr;
Storage* storage_of(PyObject* o) { return reinterpret_cast<StorageObject*>(o)->storage; }

void storage_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Ref<Storage> drop = Ref<Storage>::adopt(storage_of(o));
  type->tp_free(o);
  Py_DECREF(type);
}
Object make_storage(Ref<Storage> storage) {
  Object o = owned(storage_type->tp_alloc(storage_type, 0));
  reinterpret_cast<StorageObject*>(o.get())->storage = storage.release();
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

PyMethodDef methods[] = {{"data_ptr", entry<storage_data_ptr>, METH_NOARGS, "The address of the first byte."},
                         {"nbytes", entry<storage_nbytes>, METH_NOARGS, "The number of bytes."},
                         {"size", entry<storage_nbytes>, METH_NOARGS, "The number of bytes."},
                         {nullptr, nullptr, 0, nullptr}};
PyGetSetDef attributes[] = {{"device", entry<storage_device>, nullptr, "Where the bytes lie.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyObject* new_storage(PyObject*, PyObject* size) {
  return guarded([&]() -> PyObject* {
    int64_t bytes;
    check<TypeError>(parse_int(size, bytes), "_new_storage(): the number of bytes must be an int");
    check<ValueError>(bytes >= 0, "_new_storage(): the number of bytes must not be negative");
    return make_storage(Storage::make(static_cast<size_t>(bytes))).release();
  });
}

PyObject* storage_of_tensor(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    return make_storage(need_tensor(o, "_storage_of", "tensor")->storage).release();
  });
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
  return guarded([&] {
    auto [storage, dtype, offset, size, stride] = parse_arguments<5>(
        "_rebuild", {"storage", "dtype", "storage_offset", "size", "stride"}, 5, args, count, keywords);
    check<TypeError>(Py_TYPE(storage) == storage_type,
                     "_rebuild(): argument 'storage' must be UntypedStorage");
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
    Tensor t(new TensorImpl);
    t->storage = Ref<Storage>(storage_of(storage));
    t->dtype = d;
    t->device = t->storage->device;
    t->data = t->storage->data + start * static_cast<int64_t>(item_size(d));
    set_geometry(t.get(), sizes, strides);
    return wrap(std::move(t));
  });
}

PyMethodDef functions[] = {
    {"_new_storage", entry<new_storage>, METH_O, "An uninitialised storage of so many bytes."},
    {"_storage_of", entry<storage_of_tensor>, METH_O, "The storage under a tensor."},
    {"_rebuild", fast<rebuild>(), METH_FASTCALL | METH_KEYWORDS,
     "_rebuild(storage, dtype, storage_offset, size, stride)"},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void make_storage_type(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_dealloc, slot<storage_dealloc>()},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, attributes},
                         {Py_tp_richcompare, slot<storage_compare>()},
                         {Py_tp_hash, slot<storage_hash>()},
                         {Py_mp_length, slot<storage_length>()},
                         {Py_bf_getbuffer, slot<storage_buffer>()},
                         {0, nullptr}};
  PyType_Spec spec = {"flambeau.UntypedStorage", sizeof(StorageObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  storage_type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
  if (PyModule_AddObjectRef(module, "UntypedStorage", reinterpret_cast<PyObject*>(storage_type)) < 0 ||
      PyModule_AddFunctions(module, functions) < 0)
    throw PythonError();
}

}  // namespace flambeau::python
