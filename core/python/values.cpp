// dtype, device, layout, memory_format and Size: small immutable objects with PyTorch's names and reprs.
#include "core/python/python.h"

#include "core/python/overrides.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace flambeau::python {

PyTypeObject *dtype_type = nullptr, *device_type = nullptr, *layout_type = nullptr,
             *memory_format_type = nullptr, *size_type = nullptr;

namespace {

// One layout serves the three enumerations.
struct EnumObject {
  PyObject_HEAD int value;
  const char* name;  // without "torch."
};
int enum_value(PyObject* o) { return reinterpret_cast<EnumObject*>(o)->value; }
PyObject* enum_repr(PyObject* o) {
  return PyUnicode_FromFormat("torch.%s", reinterpret_cast<EnumObject*>(o)->name);
}
PyObject* enum_reduce(PyObject* o, PyObject*) {
  return PyUnicode_FromString(reinterpret_cast<EnumObject*>(o)->name);
}
PyMethodDef enum_methods[] = {{"__reduce__", entry<enum_reduce>, METH_NOARGS, "Pickled by name."},
                              {nullptr, nullptr, 0, nullptr}};

PyObject* dtypes[kDTypes];

// Types that can be named and compared, as programs do, but have no tensors: their numbers follow the real
// ones.
struct NamedType {
  const char* name;
  uint8_t size;
  bool floating, complex, sign;
};
constexpr NamedType named_types[] = {{"complex32", 4, false, true, true},
                                     {"float8_e4m3fn", 1, true, false, true},
                                     {"float8_e4m3fnuz", 1, true, false, true},
                                     {"float8_e5m2", 1, true, false, true},
                                     {"float8_e5m2fnuz", 1, true, false, true},
                                     {"float8_e8m0fnu", 1, true, false, false},
                                     {"float4_e2m1fn_x2", 1, true, false, true},
                                     {"quint8", 1, false, false, false},
                                     {"qint8", 1, false, false, true},
                                     {"qint32", 4, false, false, true},
                                     {"quint4x2", 1, false, false, false},
                                     {"quint2x4", 1, false, false, false},
                                     {"uint1", 1, false, false, false},
                                     {"uint2", 1, false, false, false},
                                     {"uint3", 1, false, false, false},
                                     {"uint4", 1, false, false, false},
                                     {"uint5", 1, false, false, false},
                                     {"uint6", 1, false, false, false},
                                     {"uint7", 1, false, false, false},
                                     {"int1", 1, false, false, true},
                                     {"int2", 1, false, false, true},
                                     {"int3", 1, false, false, true},
                                     {"int4", 1, false, false, true},
                                     {"int5", 1, false, false, true},
                                     {"int6", 1, false, false, true},
                                     {"int7", 1, false, false, true}};
PyObject* complex_half;  // of complex32, what to_complex() of float16 gives

const NamedType* named_type(PyObject* o) {
  return enum_value(o) < kDTypes ? nullptr : &named_types[enum_value(o) - kDTypes];
}
DType dtype_value(PyObject* o) {
  const NamedType* named = named_type(o);
  if (named) fail<NotImplementedError>("torch.", named->name, " is not implemented yet");
  return static_cast<DType>(enum_value(o));
}
PyObject* get_is_floating_point(PyObject* o, void*) {
  const NamedType* named = named_type(o);
  return PyBool_FromLong(named ? named->floating : is_floating(dtype_value(o)));
}
PyObject* get_is_complex(PyObject* o, void*) {
  const NamedType* named = named_type(o);
  return PyBool_FromLong(named ? named->complex : is_complex(dtype_value(o)));
}
PyObject* get_is_signed(PyObject* o, void*) {
  const NamedType* named = named_type(o);
  return PyBool_FromLong(named ? named->sign : is_signed(dtype_value(o)));
}
PyObject* get_itemsize(PyObject* o, void*) {
  const NamedType* named = named_type(o);
  return PyLong_FromSize_t(named ? named->size : item_size(dtype_value(o)));
}
PyObject* to_real(PyObject* o, PyObject*) {
  const NamedType* named = named_type(o);
  return named && !named->complex ? Py_NewRef(o) : wrap(named ? DType::Float16 : real_of(dtype_value(o)));
}
PyObject* to_complex(PyObject* o, PyObject*) {
  const NamedType* named = named_type(o);
  if (named && named->complex) return Py_NewRef(o);
  const DType d = dtype_value(o);
  if (d == DType::Float16) return Py_NewRef(complex_half);
  check(!is_integral(d), "Unknown Complex ScalarType for ", scalar_type_name(d));
  return wrap(complex_of(d));
}
PyGetSetDef dtype_attributes[] = {
    {"is_floating_point", entry<get_is_floating_point>, nullptr, "Whether it is a floating-point type.",
     nullptr},
    {"is_complex", entry<get_is_complex>, nullptr, "Whether it is a complex type.", nullptr},
    {"is_signed", entry<get_is_signed>, nullptr, "Whether it has a sign.", nullptr},
    {"itemsize", entry<get_itemsize>, nullptr, "Bytes of one element.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef dtype_methods[] = {
    {"__reduce__", entry<enum_reduce>, METH_NOARGS, "Pickled by name."},
    {"to_real", entry<to_real>, METH_NOARGS, "The real type of the same precision."},
    {"to_complex", entry<to_complex>, METH_NOARGS, "The complex type of the same precision."},
    {nullptr, nullptr, 0, nullptr}};

void free_plain(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}

PyTypeObject* make_enum_type(PyObject* module, const char* qualified, PyMethodDef* methods,
                             PyGetSetDef* attributes) {
  PyType_Slot slots[] = {{Py_tp_repr, slot<enum_repr>()},
                         {Py_tp_dealloc, slot<free_plain>()},
                         {Py_tp_methods, methods},
                         {attributes ? Py_tp_getset : 0, attributes},
                         {0, nullptr}};
  PyType_Spec spec = {qualified, sizeof(EnumObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  Object type = owned(PyType_FromSpec(&spec));
  if (PyModule_AddObjectRef(module, std::strrchr(qualified, '.') + 1, type.get()) < 0) throw PythonError();
  return reinterpret_cast<PyTypeObject*>(type.release());
}
Object make_enum(PyTypeObject* type, int value, const char* name) {
  Object o = owned(type->tp_alloc(type, 0));
  reinterpret_cast<EnumObject*>(o.get())->value = value;
  reinterpret_cast<EnumObject*>(o.get())->name = name;
  return o;
}
void add(PyObject* module, const char* name, PyObject* o) {
  if (PyModule_AddObjectRef(module, name, o) < 0) throw PythonError();
}

// ---- device
struct DeviceObject {
  PyObject_HEAD Device device;
};
Device& device_of(PyObject* o) { return reinterpret_cast<DeviceObject*>(o)->device; }

constexpr int kMaxDeviceIndex = 127;
void check_index(int64_t index) {
  check(index >= 0, "Device index must not be negative");
  check(index <= kMaxDeviceIndex, "Device index must be at most ", kMaxDeviceIndex, ", got ", index);
}

// "cuda" or "cuda:1": letters and underscores, then perhaps a colon and digits without a leading zero.
Device device_from_text(const std::string& text) {
  check(!text.empty(), "Device string must not be empty");
  size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
  const std::string name = text.substr(0, end), digits = end == text.npos ? "" : text.substr(end + 1);
  bool well_formed = !name.empty() && (end == text.npos || text[end] == ':');
  if (end != text.npos)
    well_formed = well_formed && !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos &&
                  (digits[0] != '0' || digits.size() == 1);
  check(well_formed, "Invalid device string: '", text, "'");
  Device device{Device::Type::Cpu, -1};
  int type = 0;
  while (type < kDeviceTypes && name != flambeau::name(static_cast<Device::Type>(type))) ++type;
  check(type < kDeviceTypes,
        "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, "
        "vulkan, "
        "mps, meta, hpu, mtia, privateuseone device type at start of device string: ",
        name);
  device.type = static_cast<Device::Type>(type);
  if (!digits.empty()) {
    auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), device.index);
    check(error == std::errc(), "Could not parse device index '", digits, "' in device string '", text, "'");
    check_index(device.index);
  }
  if (device.type == Device::Type::Mkldnn)
    warn(
        "'mkldnn' is no longer used as device type. So torch.device('mkldnn') will be deprecated and removed "
        "in the "
        "future. Please use other valid device types instead. ");
  return device;
}
PyObject* device_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  PyObject *first = nullptr, *index = nullptr;
  static const char* names[] = {"type", "index", nullptr};
  static const char* whole[] = {"device", nullptr};
  const bool named = keywords && PyDict_GetItemString(keywords, "device");
  if (named ? !PyArg_ParseTupleAndKeywords(args, keywords, "O:device", const_cast<char**>(whole), &first)
            : !PyArg_ParseTupleAndKeywords(args, keywords, "O|O:device", const_cast<char**>(names), &first,
                                           &index))
    return nullptr;
  Device device;
  check<TypeError>(parse_device(first, device),
                   "device() received an invalid combination of arguments - got (", Py_TYPE(first)->tp_name,
                   "), but expected one of:\n * (torch.device device)\n * (str type, int index = -1)\n");
  if (index && index != Py_None) {
    int64_t i;
    check<TypeError>(PyUnicode_Check(first), "device(): argument 'type' (position 1) must be str, not ",
                     Py_TYPE(first)->tp_name);
    check<TypeError>(parse_int(index, i), "device(): argument 'index' (position 2) must be int, not ",
                     Py_TYPE(index)->tp_name);
    check(device.index < 0, "type (string) must not include an index because index was passed explicitly: ",
          flambeau::name(device.type), ":", device.index);
    check_index(i);
    device.index = static_cast<int>(i);
  }
  PyObject* o = type->tp_alloc(type, 0);
  if (o) device_of(o) = device;
  return o;
}
PyObject* device_repr(PyObject* o) {
  const Device& d = device_of(o);
  const char* name = flambeau::name(d.type);
  return d.index < 0 ? PyUnicode_FromFormat("device(type='%s')", name)
                     : PyUnicode_FromFormat("device(type='%s', index=%d)", name, d.index);
}
PyObject* device_str(PyObject* o) {
  const Device& d = device_of(o);
  const char* name = flambeau::name(d.type);
  return d.index < 0 ? PyUnicode_FromString(name) : PyUnicode_FromFormat("%s:%d", name, d.index);
}
PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if (!PyObject_TypeCheck(a, device_type) || !PyObject_TypeCheck(b, device_type) ||
      (op != Py_EQ && op != Py_NE))
    Py_RETURN_NOTIMPLEMENTED;
  bool equal = device_of(a).type == device_of(b).type && device_of(a).index == device_of(b).index;
  return PyBool_FromLong(equal == (op == Py_EQ));
}
Py_hash_t device_hash(PyObject* o) {
  return static_cast<Py_hash_t>(device_of(o).type) * 1000 + device_of(o).index + 7;
}
PyObject* device_get_type(PyObject* o, void*) {
  return PyUnicode_FromString(flambeau::name(device_of(o).type));
}
PyObject* device_get_index(PyObject* o, void*) {
  if (device_of(o).index < 0) Py_RETURN_NONE;
  return PyLong_FromLong(device_of(o).index);
}
PyObject* device_reduce(PyObject* o, PyObject*) {
  Object text(device_str(o));
  return text ? Py_BuildValue("(O(O))", Py_TYPE(o), text.get()) : nullptr;
}
thread_local std::vector<Device::Type>
    outer_devices;  // what the `with torch.device` blocks entered so far replaced
PyObject* device_enter(PyObject* o, PyObject*) {
  check_device(device_of(o));
  outer_devices.push_back(std::exchange(default_device, device_of(o).type));
  return Py_NewRef(o);
}
PyObject* device_exit(PyObject*, PyObject*) {
  check(!outer_devices.empty(), "a device was left that had not been entered");
  default_device = outer_devices.back();
  outer_devices.pop_back();
  Py_RETURN_NONE;
}
PyObject* set_default_device(PyObject*, PyObject* o) {
  Device device;
  check<TypeError>(parse_device(o, device),
                   "set_default_device(): argument 'device' must be torch.device, str or None");
  check_device(device);
  default_device = device.type;
  Py_RETURN_NONE;
}
PyObject* get_default_device(PyObject*, PyObject*) { return wrap(Device{default_device, -1}); }
PyMethodDef device_functions[] = {{"_set_default_device", entry<set_default_device>, METH_O,
                                   "Where tensors that come from no other are made."},
                                  {"get_default_device", entry<get_default_device>, METH_NOARGS,
                                   "The device on which tensors are made where none is named."},
                                  {nullptr, nullptr, 0, nullptr}};
PyGetSetDef device_attributes[] = {
    {"type", entry<device_get_type>, nullptr, "'cpu', 'cuda' or 'meta'.", nullptr},
    {"index", entry<device_get_index>, nullptr, "The device's number, or None.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef device_methods[] = {
    {"__reduce__", entry<device_reduce>, METH_NOARGS, "Pickled by its text."},
    {"__enter__", entry<device_enter>, METH_NOARGS, "Makes it the default device."},
    {"__exit__", entry<device_exit>, METH_VARARGS, "Restores the default device."},
    {nullptr, nullptr, 0, nullptr}};

// ---- Size
PyObject* size_repr(PyObject* o) {
  std::string text = "torch.Size([";
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) {
    const Object part = owned(PyObject_Repr(PyTuple_GET_ITEM(o, i)));
    if (i) text += ", ";
    text += text_of(part.get());
  }
  text += "])";
  return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  Object made(PyTuple_Type.tp_new(type, args, keywords));
  if (!made) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(made.get()); ++i) {
    PyObject* item = PyTuple_GET_ITEM(made.get(), i);
    if (PyLong_Check(item)) continue;
    Object index(PyIndex_Check(item) ? PyNumber_Index(item) : nullptr);
    if (!index) {
      PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                   Py_TYPE(item)->tp_name);
      return nullptr;
    }
    PyTuple_SET_ITEM(made.get(), i, index.release());
    Py_DECREF(item);
  }
  return made.release();
}
// Slicing and joining sizes gives sizes.
PyObject* as_size(PyObject* tuple) {
  Object holder(tuple);
  if (!tuple || !PyTuple_CheckExact(tuple)) return holder.release();
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(size_type), tuple);
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
// A tuple joins from the left, too: of the number slots, unlike those of sequences, both operands' are asked.
PyObject* size_add(PyObject* a, PyObject* b) {
  if (PyTuple_Check(a) && PyTuple_Check(b)) return size_concat(a, b);
  if (!PyObject_TypeCheck(a, size_type)) Py_RETURN_NOTIMPLEMENTED;
  return PyErr_Format(PyExc_TypeError, "can only concatenate tuple (not %.200s) to torch.Size",
                      Py_TYPE(b)->tp_name);
}
PyObject* size_repeat(PyObject* a, Py_ssize_t n) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(a, n));
}
PyObject* size_subscript(PyObject* a, PyObject* key) {
  return as_size(PyTuple_Type.tp_as_mapping->mp_subscript(a, key));
}
PyObject* size_numel(PyObject* o, PyObject*) {
  int64_t n = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) n *= PyLong_AsLongLong(PyTuple_GET_ITEM(o, i));
  return PyErr_Occurred() ? nullptr : PyLong_FromLongLong(n);
}
PyObject* size_reduce(PyObject* o, PyObject*) {
  Object plain(PySequence_Tuple(o));
  Object list(PySequence_List(o));
  return list ? Py_BuildValue("(O(N))", Py_TYPE(o), PyList_AsTuple(list.get())) : nullptr;
}
PyMethodDef size_methods[] = {{"numel", entry<size_numel>, METH_NOARGS, "The product of the sizes."},
                              {"__reduce__", entry<size_reduce>, METH_NOARGS, "Pickled as a tuple."},
                              {nullptr, nullptr, 0, nullptr}};

}  // namespace

void make_value_types(PyObject* module) {
  dtype_type = make_enum_type(module, "flambeau.dtype", dtype_methods, dtype_attributes);
  static const std::pair<const char*, DType> aliases[] = {
      {"float", DType::Float32},    {"double", DType::Float64},    {"half", DType::Float16},
      {"short", DType::Int16},      {"int", DType::Int32},         {"long", DType::Int64},
      {"cfloat", DType::Complex64}, {"cdouble", DType::Complex128}};
  for (int i = 0; i < kDTypes; ++i) {
    const char* text = name(static_cast<DType>(i));
    dtypes[i] = make_enum(dtype_type, i, text).release();
    add(module, text, dtypes[i]);
  }
  for (auto [alias, d] : aliases) add(module, alias, dtypes[static_cast<int>(d)]);
  int number = kDTypes;
  for (const NamedType& type : named_types) {
    Object made = make_enum(dtype_type, number++, type.name);
    if (!PyObject_HasAttrString(module, type.name)) add(module, type.name, made.get());
    if (&type == named_types) complex_half = made.release();
  }
  add(module, "chalf", complex_half);

  layout_type = make_enum_type(module, "flambeau.layout", enum_methods, nullptr);
  static const char* const layouts[] = {"strided",    "sparse_coo", "sparse_csr", "sparse_csc",
                                        "sparse_bsr", "sparse_bsc", "jagged",     "_mkldnn"};
  for (int i = 0; i < 8; ++i) add(module, layouts[i], make_enum(layout_type, i, layouts[i]).get());
  memory_format_type = make_enum_type(module, "flambeau.memory_format", enum_methods, nullptr);
  static const char* const formats[] = {"contiguous_format", "preserve_format", "channels_last",
                                        "channels_last_3d"};
  for (int i = 0; i < 4; ++i) add(module, formats[i], make_enum(memory_format_type, i, formats[i]).get());

  PyType_Slot device_slots[] = {{Py_tp_new, slot<device_new>()},
                                {Py_tp_dealloc, slot<free_plain>()},
                                {Py_tp_repr, slot<device_repr>()},
                                {Py_tp_str, slot<device_str>()},
                                {Py_tp_richcompare, slot<device_compare>()},
                                {Py_tp_hash, slot<device_hash>()},
                                {Py_tp_getset, device_attributes},
                                {Py_tp_methods, device_methods},
                                {0, nullptr}};
  PyType_Spec device_spec = {"flambeau.device", sizeof(DeviceObject), 0, Py_TPFLAGS_DEFAULT, device_slots};
  device_type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&device_spec)).release());
  add(module, "device", reinterpret_cast<PyObject*>(device_type));
  if (PyModule_AddFunctions(module, device_functions) < 0) throw PythonError();

  PyType_Slot size_slots[] = {{Py_tp_new, slot<size_new>()},       {Py_tp_repr, slot<size_repr>()},
                              {Py_nb_add, slot<size_add>()},       {Py_sq_concat, slot<size_concat>()},
                              {Py_sq_repeat, slot<size_repeat>()}, {Py_mp_subscript, slot<size_subscript>()},
                              {Py_tp_methods, size_methods},       {0, nullptr}};
  PyType_Spec size_spec = {"flambeau.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, size_slots};
  Object bases = owned(PyTuple_Pack(1, &PyTuple_Type));
  size_type =
      reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpecWithBases(&size_spec, bases.get())).release());
  add(module, "Size", reinterpret_cast<PyObject*>(size_type));
}

PyObject* wrap(DType dtype) { return Py_NewRef(dtypes[static_cast<int>(dtype)]); }

PyObject* wrap(const Device& device) {
  PyObject* o = device_type->tp_alloc(device_type, 0);
  if (o) device_of(o) = device;
  return o;
}

PyObject* wrap_size(IntList sizes) {
  PyObject* o = size_type->tp_alloc(size_type, static_cast<Py_ssize_t>(sizes.size()));
  if (!o) return nullptr;
  for (size_t i = 0; i < sizes.size(); ++i) {
    PyObject* item = PyLong_FromLongLong(sizes[i]);
    if (!item) {
      Py_DECREF(o);
      return nullptr;
    }
    PyTuple_SET_ITEM(o, static_cast<Py_ssize_t>(i), item);
  }
  return o;
}

bool parse_dtype(PyObject* o, DType& dtype) {
  if (Py_TYPE(o) == dtype_type) {
    dtype = dtype_value(o);
    return true;
  }
  // Python's own types mean what their values hold, whatever the default dtype is.
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type))
    dtype = DType::Float64;
  else if (o == reinterpret_cast<PyObject*>(&PyComplex_Type))
    dtype = DType::Complex128;
  else if (o == reinterpret_cast<PyObject*>(&PyLong_Type))
    dtype = DType::Int64;
  else if (o == reinterpret_cast<PyObject*>(&PyBool_Type))
    dtype = DType::Bool;
  else
    return false;
  return true;
}

bool parse_device(PyObject* o, Device& device) {
  if (Py_TYPE(o) == device_type) {
    device = device_of(o);
    return true;
  }
  if (PyUnicode_Check(o)) {
    device = device_from_text(std::string(text_of(o)));
    return true;
  }
  int64_t index;
  if (!is_tensor(o) && parse_int(o, index)) {  // a number counts accelerators, of which there is none
    check_index(index);
    fail<RuntimeError>("Cannot access accelerator device when none is available.");
  }
  return false;
}

void check_device(const Device& device) {
  if (device.type == Device::Type::Cpu) {
    check(device.index <= 0, "CPU device index must be -1 or zero, got ", device.index);
    return;
  }
  if (device.type == Device::Type::Cuda || device.type == Device::Type::Xpu) {
    PyErr_Format(PyExc_AssertionError,
                 "Torch not compiled with %s enabled: this build of Flambeau has the device 'cpu' only",
                 device.type == Device::Type::Cuda ? "CUDA" : "XPU");
    throw PythonError();
  }
  check<NotImplementedError>(device.type == Device::Type::Meta, "the device '", flambeau::name(device.type),
                             "' is not there: this build of Flambeau has 'cpu' and 'meta'");
}

bool parse_layout(PyObject* o, bool any) {
  if (Py_TYPE(o) != layout_type) return false;
  check<NotImplementedError>(any || enum_value(o) == 0, "tensors of layout torch.",
                             reinterpret_cast<EnumObject*>(o)->name, " are not implemented yet");
  return true;
}

bool parse_memory_format(PyObject* o, MemoryFormat& format) {
  if (Py_TYPE(o) != memory_format_type) return false;
  format = static_cast<MemoryFormat>(enum_value(o));
  return true;
}

namespace {
// By name, so that NumPy is not imported to ask about objects that are none of its own.
bool has_base(PyTypeObject* type, const char* name) {
  PyObject* line = type->tp_mro;
  for (Py_ssize_t i = 0; line && i < PyTuple_GET_SIZE(line); ++i)
    if (std::strcmp(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(line, i))->tp_name, name) == 0)
      return true;
  return false;
}
}  // namespace

bool is_array(PyObject* o) {
  return !PyLong_Check(o) && !PyFloat_Check(o) && has_base(Py_TYPE(o), "numpy.ndarray");
}
bool is_numpy_scalar(PyObject* o) { return has_base(Py_TYPE(o), "numpy.generic"); }

// What is no plain int.
[[gnu::noinline]] static bool parse_other_int(PyObject* o, int64_t& value) {
  if (PyBool_Check(o) || PyFloat_Check(o) || !PyIndex_Check(o)) return false;
  if (!is_tensor(o) && takes_over(o)) return false;  // a number that wants to know of the call
  if (is_tensor(o) && (impl_of(o)->numel != 1 || impl_of(o)->sizes.count != 0 ||
                       !is_integral(impl_of(o)->dtype) || impl_of(o)->dtype == DType::Bool))
    return false;
  Object index(PyNumber_Index(o));
  if (!index) {
    PyErr_Clear();
    return false;
  }
  int overflow;
  value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  return !overflow;
}

bool parse_int(PyObject* o, int64_t& value) {
  if (!PyLong_CheckExact(o)) [[unlikely]]
    return parse_other_int(o, value);
  int overflow;
  value = PyLong_AsLongLongAndOverflow(o, &overflow);
  return !overflow;
}

bool parse_number(PyObject* o, Scalar& value) {
  if (PyFloat_CheckExact(o)) {
    value = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyBool_Check(o)) {
    value = Scalar(o == Py_True);
    return true;
  }
  int64_t integer;
  if (parse_int(o, integer)) {
    value = Scalar(integer);
    return true;
  }
  if (PyLong_Check(o)) {
    if (takes_over(o)) return false;
    const uint64_t natural = PyLong_AsUnsignedLongLong(o);
    if (PyErr_Occurred()) throw PythonError();
    value = Scalar(natural);
    return true;
  }
  if (PyFloat_Check(o)) {
    value = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyComplex_Check(o)) {
    value = Scalar(Complex<double>(PyComplex_RealAsDouble(o), PyComplex_ImagAsDouble(o)));
    return true;
  }
  if (is_tensor(o)) {
    const TensorImpl* t = impl_of(o);
    if (t->sizes.count != 0 || t->requires_grad_leaf || t->grad_fn) return false;
    const Object number = owned(item(tensor_of(o)));
    return parse_number(number.get(), value);
  }
  if (is_numpy_scalar(o)) {
    if (std::strncmp(Py_TYPE(o)->tp_name, "numpy.bool", 10) == 0) {
      value = Scalar(PyObject_IsTrue(o) == 1);
      return true;
    }
    if (std::strncmp(Py_TYPE(o)->tp_name, "numpy.complex", 13) == 0) {
      const Py_complex z = PyComplex_AsCComplex(o);
      value = Scalar(Complex<double>(z.real, z.imag));
      return true;
    }
    Object number(PyNumber_Float(o));
    if (number) {
      value = Scalar(PyFloat_AS_DOUBLE(number.get()));
      return true;
    }
    PyErr_Clear();
  }
  return false;
}

PyObject* wrap(const Scalar& scalar) {
  switch (scalar.kind()) {
    case Scalar::Kind::Bool:
      return PyBool_FromLong(scalar.to_bool());
    case Scalar::Kind::Int:
      if (scalar.is_beyond_int()) return PyLong_FromUnsignedLongLong(static_cast<uint64_t>(scalar.to_int()));
      return PyLong_FromLongLong(scalar.to_int());
    case Scalar::Kind::Float:
      return PyFloat_FromDouble(scalar.to_double());
    case Scalar::Kind::Complex:
      return PyComplex_FromDoubles(scalar.to_complex().real, scalar.to_complex().imag);
  }
  Py_RETURN_NONE;
}

}  // namespace flambeau::python
