// Tensors as Python objects, and the way back. Included first, before any standard header (Python.h asks for
// it).
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/autograd/node.h"
#include "core/ops/expose.h"
#include "core/tensor/tensor.h"

namespace flambeau::python {

// ---- owned references
struct DecRef {
  void operator()(PyObject* o) const { Py_XDECREF(o); }
};
class Object : public std::unique_ptr<PyObject, DecRef> {
 public:
  using unique_ptr::unique_ptr;
  static Object borrow(PyObject* o) {
    Py_XINCREF(o);
    return Object(o);
  }
};
// The result of a CPython call; throws PythonError where it failed.
inline Object owned(PyObject* o) {
  if (!o) throw PythonError();
  return Object(o);
}

// ---- errors: C++ exceptions become Python's at the boundary
PyObject* raise_from_cpp();  // in a catch block; returns null
PyObject* linalg_error();    // the type of LinAlgError
template <class F>
auto guarded(F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (...) {
    raise_from_cpp();
    if constexpr (std::is_pointer_v<decltype(body())>)
      return nullptr;
    else
      return -1;
  }
}

// What CPython calls: no exception may pass it. entry<f> is f behind that wall, as a function pointer that
// cannot throw; slot<f>() is the same for tables of void pointers, fast<f>() for METH_FASTCALL methods.
template <auto function>
struct Entry;
template <class R, class... A, R (*function)(A...)>
struct Entry<function> {
  static R call(A... arguments) noexcept {
    try {
      return function(arguments...);
    } catch (...) {
      raise_from_cpp();
      if constexpr (std::is_void_v<R>)
        PyErr_WriteUnraisable(nullptr);
      else if constexpr (std::is_pointer_v<R>)
        return nullptr;
      else
        return static_cast<R>(-1);
    }
  }
};
template <auto function>
inline constexpr auto entry = &Entry<function>::call;
template <auto function>
void* slot() {
  return reinterpret_cast<void*>(entry<function>);
}
template <auto function>
PyCFunction fast() {
  return reinterpret_cast<PyCFunction>(slot<function>());
}

// The text of a Python string, which lives as long as the string; throws where it is no valid Unicode.
inline std::string_view text_of(PyObject* string) {
  Py_ssize_t n;
  const char* text = PyUnicode_AsUTF8AndSize(string, &n);
  if (!text) throw PythonError();
  return {text, static_cast<size_t>(n)};
}

// ---- Tensor
struct TensorObject {
  PyObject_HEAD TensorImpl* impl;  // counted by this object; the object is the tensor's one Python face
  PyObject* dict;
  PyObject* weak_references;
};
extern PyTypeObject* tensor_type;
void make_tensor_type(PyObject* module);

inline bool is_tensor(PyObject* o) {
  return Py_TYPE(o) == tensor_type || PyType_IsSubtype(Py_TYPE(o), tensor_type);
}
inline TensorImpl* impl_of(PyObject* o) { return reinterpret_cast<TensorObject*>(o)->impl; }
inline Tensor tensor_of(PyObject* o) { return Tensor(impl_of(o)); }
PyObject* wrap_new(TensorImpl* impl);  // the first Python object of a tensor; takes over the C++ reference
// A new reference to the tensor's object (None if undefined).
inline PyObject* wrap(Tensor&& t) {
  if (!t) Py_RETURN_NONE;
  TensorImpl* impl = t.release();
  if (void* object = impl->python_object())
    return static_cast<PyObject*>(object);  // its reference is handed over
  return wrap_new(impl);
}
inline PyObject* wrap(const Tensor& t) { return wrap(Tensor(t)); }
// A new tensor of a Python subclass over the same storage, without history.
PyObject* make_subclass(PyTypeObject* type, const Tensor& data, bool requires_grad);

// What the collector sees of a tensor's or node's C++ references: one with a Python object is visited as
// such; one all of whose owners were met on the walk belongs to it and is walked through; one with an
// owner elsewhere is opaque.
int traverse(TensorImpl* tensor, Node* node, visitproc visit, void* arg);

// ---- nodes
PyObject* wrap_node(Node* node);        // grad_fn; new reference
PyObject* wrap_edge(const Edge& edge);  // (node or AccumulateGrad, nr) or (None, 0)
void make_node_types(PyObject* module);
Node* node_from(PyObject* o);                     // null if it is none
Edge edge_at(PyObject* node, int64_t output_nr);  // of a node or AccumulateGrad; throws where it is neither
void make_module_base(PyObject* module);          // the base type of nn.Module
std::shared_ptr<Hook> make_hook(PyObject* callable);

// ---- small immutable objects: dtype, device, layout, memory_format, Size
extern PyTypeObject *dtype_type, *device_type, *layout_type, *memory_format_type, *size_type, *generator_type;
void make_value_types(PyObject* module);
PyObject* wrap(DType dtype);  // new reference; one object per dtype
PyObject* wrap(const Device& device);
PyObject* wrap_size(IntList sizes);           // torch.Size
bool parse_dtype(PyObject* o, DType& dtype);  // also Python's float, int, bool, complex; false if it is none
bool parse_device(PyObject* o,
                  Device& device);  // object, string or index; false if it is none; throws on a bad string
bool parse_layout(PyObject* o, bool any);  // refuses any but strided, or takes any; false if it is none
bool parse_memory_format(PyObject* o, MemoryFormat& format);
Generator* generator_of(PyObject* o);  // null if it is none
// Throws where this build has no such device.
void check_device(const Device& device);

// ---- numbers
bool parse_int(PyObject* o, int64_t& value);    // int, __index__; not bool; no exception left behind
bool parse_number(PyObject* o, Scalar& value);  // bool, int, float, NumPy scalars
PyObject* wrap(const Scalar& scalar);
bool is_array(PyObject* o);         // numpy.ndarray or a subclass
bool is_numpy_scalar(PyObject* o);  // an instance of numpy.generic
PyObject* item(const Tensor& t);    // a Python number; throws RuntimeError unless it has one element

// ---- operators
void install_operators(PyObject* module);
struct Operator;
const Operator& find_operator(const char* name);
PyObject* invoke(const Operator& op, PyObject* self, PyObject* const* args, Py_ssize_t count,
                 PyObject* keywords);
extern PyType_Slot tensor_number_slots[];

// ---- the rest of Tensor
extern PyGetSetDef tensor_attributes[];
extern PyMethodDef tensor_methods[];
PyObject* subscript(PyObject* self, PyObject* key);
int assign_subscript(PyObject* self, PyObject* key, PyObject* value);
extern PyMethodDef construction_functions[];  // tensor, as_tensor, from_numpy, ...
extern PyMethodDef autograd_functions[];
extern PyMethodDef sparse_functions[];
void connect_sparse();  // what the engine asks of sparse gradients
PyObject* to_numpy(const Tensor& t);
// A tensor from Python data (numbers, nested sequences, arrays, tensors): copies.
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);

}  // namespace flambeau::python
