// Tensors from Python data and arrays, and arrays from tensors. Arrays are met through the buffer protocol,
// so that NumPy is needed only where an array is asked for.
#include "core/python/python.h"

#include <cstring>
#include <vector>

#include "core/autograd/differentiable.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/python/arguments.h"
#include "core/tensor/alignment.h"
#include "core/tensor/dispatch.h"

namespace flambeau::python {

namespace {

// ---- buffers

class Buffer {
 public:
  // False where o offers no such buffer; leaves no exception behind.
  bool open(PyObject* o, bool writable, int flags = PyBUF_FORMAT | PyBUF_STRIDES) {
    if (!PyObject_CheckBuffer(o)) return false;
    open_ = PyObject_GetBuffer(o, &view_, (writable ? PyBUF_WRITABLE : 0) | flags) == 0;
    if (!open_) PyErr_Clear();
    return open_;
  }
  // The same, or the exporter's exception.
  void open_bytes(PyObject* o) {
    if (PyObject_GetBuffer(o, &view_, PyBUF_SIMPLE) != 0) throw PythonError();
    open_ = true;
  }
  ~Buffer() {
    if (open_) PyBuffer_Release(&view_);
  }
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  const Py_buffer& view() const { return view_; }
  // The export outlives this object: its holder is released by `release_buffer`.
  Py_buffer* detach() {
    auto* holder = new Py_buffer(view_);
    open_ = false;
    return holder;
  }

 private:
  Py_buffer view_{};
  bool open_ = false;
};

void release_buffer(void* owner) noexcept {
  auto* view = static_cast<Py_buffer*>(owner);
  PyBuffer_Release(view);
  delete view;
}

std::optional<DType> dtype_of_format(const Py_buffer& view) {
  std::string_view format = view.format ? view.format : "B";
  if (!format.empty() && (format[0] == '=' || format[0] == '@' || format[0] == '<')) format.remove_prefix(1);
  if (format.size() == 2 && format[0] == 'Z') return format[1] == 'f' ? DType::Complex64 : DType::Complex128;
  if (format.size() != 1) return std::nullopt;
  switch (format[0]) {
    case '?':
      return DType::Bool;
    case 'B':
      return DType::UInt8;
    case 'b':
      return DType::Int8;
    case 'h':
      return DType::Int16;
    case 'H':
      return DType::UInt16;
    case 'I':
    case 'L':
    case 'Q':
      return view.itemsize == 4 ? DType::UInt32 : std::optional(DType::UInt64);
    case 'e':
      return DType::Float16;
    case 'f':
      return DType::Float32;
    case 'd':
      return DType::Float64;
    case 'i':
    case 'l':
    case 'q':
      return view.itemsize == 4   ? DType::Int32
             : view.itemsize == 8 ? std::optional(DType::Int64)
                                  : std::nullopt;
    default:
      return std::nullopt;
  }
}

void check_byte_order(const Py_buffer& view) {
  check<ValueError>(
      !view.format || (view.format[0] != '>' && view.format[0] != '!'),
      "given numpy array has byte order different from the native byte order. Conversion between "
      "byte orders is currently not supported.");
}

std::string array_type_name(PyObject* o) {
  Object dtype(PyObject_GetAttrString(o, "dtype"));
  Object text(dtype ? PyObject_Str(dtype.get()) : nullptr);
  if (!text) {
    PyErr_Clear();
    return Py_TYPE(o)->tp_name;
  }
  return concat("numpy.", text_of(text.get()));
}

// Whether the sharing of read-only memory is worth a warning: not where it is copied at once.
enum class ReadOnly { Warn, Allow };

// A tensor on an array's memory.
Tensor share_buffer(PyObject* o, const char* function, ReadOnly read_only = ReadOnly::Warn) {
  Buffer buffer;
  bool writable = buffer.open(o, true);
  if (!writable) {
    check<TypeError>(buffer.open(o, false), function, ": expected an array with accessible memory (got ",
                     Py_TYPE(o)->tp_name, " of type ", array_type_name(o), ")");
    if (warn && read_only == ReadOnly::Warn)
      warn(
          "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This "
          "means writing to this "
          "tensor will result in undefined behavior. You may want to copy the array to protect its data or "
          "make it writable "
          "before converting it to a tensor. This type of warning will be suppressed for the rest of this "
          "program.");
  }
  const Py_buffer& view = buffer.view();
  std::optional<DType> dtype = dtype_of_format(view);
  check_byte_order(view);
  if (!dtype)
    fail<TypeError>("can't convert np.ndarray of type ", array_type_name(o),
                    ". The only supported types are: float64, float32, "
                    "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, "
                    "uint8, and bool.");
  check<ValueError>(view.ndim <= kMaxDims, "an array of ", view.ndim,
                    " dimensions has too many; the limit is ", kMaxDims);
  Dims sizes, strides;
  auto item = static_cast<int64_t>(item_size(*dtype));
  int64_t numel = 1;
  for (int i = 0; i < view.ndim; ++i) {
    check<ValueError>(view.strides[i] >= 0 || view.shape[i] <= 1,
                      "At least one stride in the given numpy array is negative, and "
                      "tensors with negative strides are not currently supported. (You can probably work "
                      "around this by making a "
                      "copy of your array  with array.copy().)");
    check<ValueError>(view.strides[i] % item == 0 || view.shape[i] <= 1,
                      "given numpy array strides not a multiple of the element byte size. Copy the numpy "
                      "array to reallocate the "
                      "memory.");
    sizes.push_back(view.shape[i]);
    strides.push_back(view.shape[i] <= 1 ? 0 : view.strides[i] / item);
    numel *= view.shape[i];
  }
  int64_t run = 1;  // dimensions of one get the stride they would have
  for (int i = sizes.count - 1; i >= 0; --i) {
    if (sizes[i] <= 1)
      strides[i] = run;
    else
      run = strides[i] * sizes[i];
  }
  int64_t last = 0;
  for (int i = 0; i < sizes.count; ++i) last += numel ? (sizes[i] - 1) * strides[i] : 0;
  Tensor t(new TensorImpl);
  void* data = view.buf;
  check<ValueError>(is_aligned(data, *dtype) || numel == 0, function,
                    ": the array's memory is not aligned to its items, which a tensor's must be; copy the "
                    "array first, for example with array.copy()");
  t->storage = Storage::foreign(data, numel ? static_cast<size_t>((last + 1) * item) : 0, buffer.detach(),
                                release_buffer);
  t->data = static_cast<char*>(data);
  t->dtype = *dtype;
  set_geometry(t.get(), sizes, strides);
  return t;
}

// A copy of an array, whatever its strides, byte order aside.
Tensor copy_buffer(PyObject* o) {
  Buffer probe;
  if (probe.open(o, false) && dtype_of_format(probe.view())) {
    const Py_buffer& view = probe.view();
    bool plain = is_aligned(view.buf, *dtype_of_format(view));
    for (int i = 0; i < view.ndim; ++i) plain &= view.strides[i] >= 0 && view.strides[i] % view.itemsize == 0;
    if (plain) return contiguous_copy(share_buffer(o, "tensor()", ReadOnly::Allow));
    Object ordered = owned(PyObject_CallMethod(o, "copy", nullptr));
    return contiguous_copy(share_buffer(ordered.get(), "tensor()"));
  }
  check_byte_order(probe.view());
  fail<TypeError>(
      "can't convert np.ndarray of type ", array_type_name(o),
      ". The only supported types are: float64, float32, "
      "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.");
}

// Whether no tensor can lie on an array's memory for its address alone.
bool is_misaligned(PyObject* o) {
  Buffer probe;
  if (!probe.open(o, false)) return false;
  const std::optional<DType> dtype = dtype_of_format(probe.view());
  return dtype && !is_aligned(probe.view().buf, *dtype);
}

// ---- nested sequences

bool is_sequence(PyObject* o) {
  return PyList_Check(o) || PyTuple_Check(o) ||
         (PySequence_Check(o) && !PyUnicode_Check(o) && !PyBytes_Check(o) && !is_tensor(o) &&
          !is_numpy_scalar(o) && !is_array(o)) ||
         is_array(o) || (is_tensor(o) && impl_of(o)->sizes.count > 0);
}
Py_ssize_t sequence_length(PyObject* o) {
  Py_ssize_t n = PySequence_Size(o);
  if (n < 0) throw PythonError();
  return n;
}

Dims sequence_sizes(PyObject* data) {
  Dims sizes;
  Object held;
  while (is_sequence(data)) {
    Py_ssize_t n = sequence_length(data);
    check<ValueError>(sizes.count < kMaxDims, "too many dimensions '", Py_TYPE(data)->tp_name, "'");
    sizes.push_back(n);
    if (n == 0) break;
    Object first = owned(PySequence_GetItem(data, 0));
    held = std::move(first);
    data = held.get();
  }
  check<ValueError>(sizes.count == 0 || !PyUnicode_Check(data), "too many dimensions '",
                    Py_TYPE(data)->tp_name, "'");
  return sizes;
}

struct Inferred {
  bool any = false;
  DType dtype = DType::Bool;
  void add(DType d) {
    dtype = any ? promote(dtype, d) : d;
    any = true;
  }
};

void infer(PyObject* data, Inferred& inferred, int depth = 0) {
  check<ValueError>(depth <= kMaxDims, "too many dimensions '", Py_TYPE(data)->tp_name, "'; the limit is ",
                    kMaxDims);
  if (PyFloat_CheckExact(data)) return inferred.add(default_dtype());
  if (PyBool_Check(data)) return inferred.add(DType::Bool);
  if (PyLong_Check(data)) return inferred.add(DType::Int64);
  if (is_tensor(data)) return inferred.add(impl_of(data)->dtype);
  if (is_numpy_scalar(data) || is_array(data)) {
    Buffer buffer;
    if (buffer.open(data, false))
      if (auto d = dtype_of_format(buffer.view())) return inferred.add(*d);
    fail<TypeError>("can't convert np.ndarray of type ", array_type_name(data));
  }
  if (PyFloat_Check(data)) return inferred.add(default_dtype());
  if (PyComplex_Check(data)) return inferred.add(default_complex());
  if (PyUnicode_Check(data)) fail<TypeError>("new(): invalid data type 'str'");
  if (is_sequence(data)) {
    Object sequence = owned(PySequence_Fast(data, "expected a sequence"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.get()); ++i) {
      const Object held = Object::borrow(PySequence_Fast_GET_ITEM(sequence.get(), i));  // Python may run
      infer(held.get(), inferred, depth + 1);
      if (is_complex(inferred.dtype)) return;
    }
    return;
  }
  if (PyIndex_Check(data)) return inferred.add(DType::Int64);
  fail<RuntimeError>("Could not infer dtype of ", Py_TYPE(data)->tp_name);
}

template <class T>
T element(PyObject* o) {
  if constexpr (std::is_floating_point_v<T>)
    if (PyFloat_CheckExact(o)) return static_cast<T>(PyFloat_AS_DOUBLE(o));
  if constexpr (std::is_same_v<T, uint64_t>)
    if (PyLong_Check(o)) {
      const uint64_t value = PyLong_AsUnsignedLongLong(o);
      if (PyErr_Occurred()) throw PythonError();
      return value;
    }
  int overflow = 0;
  if (PyLong_Check(o)) (void)PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow) {
    if constexpr (std::is_floating_point_v<T> || math::is_complex_type<T>) {
      double v = PyLong_AsDouble(o);
      if (v == -1 && PyErr_Occurred()) throw PythonError();
      return static_cast<T>(v);
    }
    fail<ValueError>("Overflow when unpacking long long: the integer does not fit into 64 bits");
  }
  Scalar number;
  if (!parse_number(o, number)) {
    if (is_tensor(o)) {
      Object value = owned(item(tensor_of(o)));
      return element<T>(value.get());
    }
    fail<TypeError>("must be real number, not ", Py_TYPE(o)->tp_name);
  }
  if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    check<TypeError>(!number.is_complex() || std::is_integral_v<T>, "must be real number, not ",
                     Py_TYPE(o)->tp_name);
    check<TypeError>(!number.is_complex(), '\'', Py_TYPE(o)->tp_name,
                     "' object cannot be interpreted as an integer");
  }
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    int64_t v = number.to_int();
    constexpr int64_t kLargest =
        std::is_same_v<T, uint64_t> ? std::numeric_limits<int64_t>::max() : std::numeric_limits<T>::max();
    // What is negative wraps to unsigned integers, as in PyTorch.
    constexpr int64_t kSmallest = std::is_unsigned_v<T> ? -kLargest : std::numeric_limits<T>::min();
    const bool fits = v >= kSmallest && v <= kLargest;
    if (!fits)
      fail<RuntimeError>("value cannot be converted to type ", name(dtype_of<T>), " without overflow: ", v);
    return static_cast<T>(v);
  } else {
    return number.to<T>();
  }
}

template <class T>
void fill_from(PyObject* data, const Dims& sizes, int depth, T*& out) {
  if (depth == sizes.count) {
    *out++ = element<T>(data);
    return;
  }
  check<TypeError>(is_sequence(data), "not a sequence");
  const Py_ssize_t n = sequence_length(data);
  if (n != sizes[depth])
    fail<ValueError>("expected sequence of length ", sizes[depth], " at dim ", depth, " (got ", n, ")");
  Object sequence = owned(PySequence_Fast(data, "expected a sequence"));
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (PySequence_Fast_GET_SIZE(sequence.get()) != n)
      fail<RuntimeError>("the sequence changed its length while it was read");
    const Object held = Object::borrow(PySequence_Fast_GET_ITEM(sequence.get(), i));  // Python may run
    fill_from<T>(held.get(), sizes, depth + 1, out);
  }
}

// ---- functions

struct CommonOptions {
  std::optional<DType> dtype;
  std::optional<Device::Type> device;
  bool requires_grad = false;
};
CommonOptions common_options(const char* function, PyObject* dtype, PyObject* device, PyObject* require) {
  CommonOptions options;
  if (given(dtype)) {
    DType d;
    check<TypeError>(parse_dtype(dtype, d), function, "(): argument 'dtype' must be torch.dtype, not ",
                     Py_TYPE(dtype)->tp_name);
    options.dtype = d;
  }
  if (given(device)) {
    Device d;
    check<TypeError>(parse_device(device, d), function, "(): argument 'device' must be torch.device, not ",
                     Py_TYPE(device)->tp_name);
    check_device(d);
    options.device = d.type;
  }
  options.requires_grad = given(require) && is_true(require);
  return options;
}
PyObject* finish(Tensor t, const CommonOptions& options) {
  t = to_device(t, options.device.value_or(default_device));
  if (options.requires_grad) {
    check(can_carry_gradient(t), "Only Tensors of floating point and complex dtype can require gradients");
    t->requires_grad_leaf = true;
  }
  return wrap(std::move(t));
}

PyObject* make_tensor(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [data, dtype, device, require, pin] = parse_arguments<5>(
      "tensor", {"data", "dtype", "device", "requires_grad", "pin_memory"}, 1, args, count, keywords);
  check<TypeError>(count <= 1, "tensor() takes 1 positional argument but ", count, " were given");
  check(!(given(pin) && is_true(pin)),
        "Need to provide pin_memory allocator to use pin memory: this build has no CUDA");
  CommonOptions options = common_options("tensor", dtype, device, require);
  if (is_tensor(data) && warn)
    warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
        "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).");
  return finish(tensor_from_data(data, options.dtype), options);
}

PyObject* as_tensor(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [data, dtype, device] =
      parse_arguments<3>("as_tensor", {"data", "dtype", "device"}, 1, args, count, keywords);
  CommonOptions options = common_options("as_tensor", dtype, device, nullptr);
  if (is_tensor(data)) {
    const Tensor t = tensor_of(data);
    const DeviceScope scope(options.device.value_or(t.device()));
    return wrap(to_dtype(t, options.dtype.value_or(t.dtype())));
  }
  if (is_array(data)) {
    // Elements that are not aligned cannot be shared; as_tensor may copy.
    Tensor t = is_misaligned(data) ? copy_buffer(data) : share_buffer(data, "as_tensor()");
    if (options.dtype && *options.dtype != t.dtype()) t = cast_copy(t, *options.dtype);
    return finish(t, options);
  }
  return finish(tensor_from_data(data, options.dtype), options);
}

PyObject* from_numpy(PyObject*, PyObject* array) {
  check<TypeError>(is_array(array), "expected np.ndarray (got ", Py_TYPE(array)->tp_name, ")");
  return wrap(share_buffer(array, "from_numpy()"));
}

PyObject* from_buffer(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [object, dtype, number, offset, require] = parse_arguments<5>(
      "frombuffer", {"buffer", "dtype", "count", "offset", "requires_grad"}, 2, args, count, keywords);
  CommonOptions options = common_options("frombuffer", dtype, nullptr, require);
  check<TypeError>(options.dtype.has_value(), "frombuffer() missing required argument 'dtype'");
  int64_t n = -1, start = 0;
  check<TypeError>(!given(number) || parse_int(number, n), "frombuffer(): argument 'count' must be int");
  check<TypeError>(!given(offset) || parse_int(offset, start), "frombuffer(): argument 'offset' must be int");
  Buffer buffer;
  if (!buffer.open(object, true, PyBUF_SIMPLE)) {
    buffer.open_bytes(object);
    if (warn)
      warn(
          "The given buffer is not writable; writing to the tensor is undefined. Copy it to protect its "
          "data.");
  }
  auto item = static_cast<int64_t>(item_size(*options.dtype));
  const int64_t bytes = buffer.view().len;
  if (start < 0 || start > bytes || (bytes == 0))
    fail<ValueError>("offset (", start, " bytes) must be non-negative and no greater than buffer length (",
                     bytes, " bytes) - 1");
  if (n < 0 && (bytes - start) % item)
    fail<ValueError>("buffer length (", bytes - start, " bytes) after offset (", start,
                     " bytes) must be a multiple of element size (", item, ")");
  if (n < 0) n = (bytes - start) / item;
  if (n > (bytes - start) / item)
    fail<ValueError>("requested buffer length (", n, " * ", item, " bytes) after offset (", start,
                     " bytes) must not be greater than actual buffer length (", bytes, " bytes)");
  char* data = static_cast<char*>(buffer.view().buf) + start;
  if (!is_aligned(data, *options.dtype)) {  // kernels read whole elements, which such an address forbids
    Tensor copy = empty(Dims{n}, *options.dtype);
    if (n) std::memcpy(copy->data, data, static_cast<size_t>(n * item));
    if (warn)
      warn(
          "frombuffer(): the elements are not aligned in the buffer, so they are copied: the tensor does "
          "not "
          "share its memory.");
    return finish(std::move(copy), options);
  }
  Tensor t(new TensorImpl);
  t->storage = Storage::foreign(data, static_cast<size_t>(n * item), buffer.detach(), release_buffer);
  t->data = data;
  t->dtype = *options.dtype;
  set_geometry(t.get(), Dims{n}, Dims{1});
  return finish(t, options);
}

// ---- an exporter that numpy.asarray accepts

struct ExporterObject {
  PyObject_HEAD Tensor* tensor;
};
PyTypeObject* exporter_type = nullptr;

void exporter_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  delete reinterpret_cast<ExporterObject*>(o)->tensor;
  type->tp_free(o);
  Py_DECREF(type);
}
struct ExportedGeometry {
  Py_ssize_t shape[kMaxDims], strides[kMaxDims];
};
// A consumer that asks for no strides gets elements in order or nothing.
bool grants(const Tensor& t, int flags) {
  const auto wants = [flags](int bits) { return (flags & bits) == bits; };
  Dims sizes, strides;
  for (int i = t.dim() - 1; i >= 0; --i) {
    sizes.push_back(t.sizes()[i]);
    strides.push_back(t.strides()[i]);
  }
  const bool in_order = t.is_contiguous(), reversed = is_contiguous(sizes, strides);
  if (wants(PyBUF_C_CONTIGUOUS) || !wants(PyBUF_STRIDES)) return in_order;
  if (wants(PyBUF_F_CONTIGUOUS)) return reversed;
  return !wants(PyBUF_ANY_CONTIGUOUS) || in_order || reversed;
}
int exporter_get(PyObject* o, Py_buffer* view, int flags) {
  const Tensor& t = *reinterpret_cast<ExporterObject*>(o)->tensor;
  // NumPy's int64 is the platform's long where that has 64 bits.
  static const char* const int64_format = sizeof(long) == 8 ? "l" : "q";
  static const char* const uint64_format = sizeof(long) == 8 ? "L" : "Q";
  static const char* const formats[kDTypes] = {"?",           "B", "b",     "h", "i", int64_format, "H", "I",
                                               uint64_format, "e", nullptr, "f", "d", "Zf",         "Zd"};
  view->obj = nullptr;
  if (!grants(t, flags)) {
    PyErr_SetString(PyExc_BufferError, "the tensor's elements do not lie in the order that was asked for");
    return -1;
  }
  auto geometry = std::make_unique<ExportedGeometry>();
  auto item = static_cast<Py_ssize_t>(item_size(t.dtype()));
  for (int i = 0; i < t.dim(); ++i) {
    geometry->shape[i] = static_cast<Py_ssize_t>(t.sizes()[i]);
    // The stride of a dimension that is never stepped along may be anything.
    geometry->strides[i] =
        static_cast<Py_ssize_t>(static_cast<size_t>(t.strides()[i]) * item_size(t.dtype()));
  }
  view->obj = Py_NewRef(o);
  view->buf = t->data;
  view->len = static_cast<Py_ssize_t>(t.numel()) * item;
  view->itemsize = item;
  view->readonly = 0;
  view->ndim = t.dim();
  const auto wants = [flags](int bits) { return (flags & bits) == bits; };
  view->format = wants(PyBUF_FORMAT) ? const_cast<char*>(formats[static_cast<int>(t.dtype())]) : nullptr;
  view->shape = wants(PyBUF_ND) ? geometry->shape : nullptr;
  view->strides = wants(PyBUF_STRIDES) ? geometry->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = geometry.release();
  return 0;
}
void exporter_release(PyObject*, Py_buffer* view) { delete static_cast<ExportedGeometry*>(view->internal); }

PyTypeObject* get_exporter_type() {
  if (exporter_type) return exporter_type;
  PyType_Slot slots[] = {{Py_tp_dealloc, slot<exporter_dealloc>()},
                         {Py_bf_getbuffer, slot<exporter_get>()},
                         {Py_bf_releasebuffer, slot<exporter_release>()},
                         {0, nullptr}};
  PyType_Spec spec = {"flambeau._core.TensorMemory", sizeof(ExporterObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  exporter_type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
  return exporter_type;
}

PyObject* export_memory(const Tensor& t) {
  on_host(t, "exporting memory");
  PyTypeObject* type = get_exporter_type();
  Object o = owned(type->tp_alloc(type, 0));
  reinterpret_cast<ExporterObject*>(o.get())->tensor = new Tensor(alias(t));
  return o.release();
}

PyObject* tensor_memory(PyObject*, PyObject* o) {
  Object memory = owned(export_memory(need_tensor(o, "_tensor_memory", "tensor")));
  return PyMemoryView_FromObject(memory.get());
}

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (is_tensor(data)) {
    NoGrad no_grad;
    Tensor t = tensor_of(data);
    return dtype && *dtype != t.dtype() ? cast_copy(t, *dtype) : contiguous_copy(t);
  }
  if (is_array(data) || (is_numpy_scalar(data) && PyObject_CheckBuffer(data))) {
    Tensor t = copy_buffer(data);
    return dtype && *dtype != t.dtype() ? cast_copy(t, *dtype) : t;
  }
  check<TypeError>(!PyUnicode_Check(data) && !PyBytes_Check(data), "new(): invalid data type '",
                   Py_TYPE(data)->tp_name, "'");
  const Dims sizes = sequence_sizes(data);
  if (!dtype) {
    Inferred inferred;
    infer(data, inferred);
    dtype = inferred.any ? inferred.dtype : default_dtype();
  }
  const DType stored = compute_dtype(*dtype);
  Tensor t = empty(sizes, stored);
  if (!(t.numel() == 0 && sizes.count > 0))
    visit_any(stored, "tensor", [&]<class T>() {
      T* out = t.data<T>();
      fill_from<T>(data, sizes, 0, out);
    });
  return stored == *dtype ? t : cast_copy(t, *dtype);
}

PyObject* to_numpy(const Tensor& t) {
  check<TypeError>(host_readable(t.device()), "can't convert ", name(t.device()),
                   " device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.");
  if (t.dtype() == DType::BFloat16)
    fail<TypeError>("Got unsupported ScalarType BFloat16; NumPy has no such type, convert with .float()");
  Object numpy(PyImport_ImportModule("numpy"));
  if (!numpy) {
    PyErr_Clear();
    fail<RuntimeError>("Numpy is not available: pip install numpy");
  }
  Object memory = owned(export_memory(t));
  return PyObject_CallMethod(numpy.get(), "asarray", "O", memory.get());
}

PyMethodDef construction_functions[] = {
    {"tensor", fast<make_tensor>(), METH_FASTCALL | METH_KEYWORDS,
     "tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False): a copy of the data."},
    {"as_tensor", fast<as_tensor>(), METH_FASTCALL | METH_KEYWORDS,
     "as_tensor(data, dtype=None, device=None): shares memory where it can."},
    {"from_numpy", entry<from_numpy>, METH_O, "from_numpy(array): a tensor on the array's memory."},
    {"frombuffer", fast<from_buffer>(), METH_FASTCALL | METH_KEYWORDS,
     "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False): a tensor on the buffer's "
     "memory; where the elements are not aligned to their size there, a copy of it, with a warning."},
    {"_tensor_memory", entry<tensor_memory>, METH_O, "A memoryview of a tensor's elements."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace flambeau::python
