// The base of nn.Module: what every layer of every forward pass does. Attribute lookup knows the registries
// of parameters, submodules and buffers: in Python, __getattr__ runs only after an ordinary lookup has failed
// with an exception, 0.5 us for every `self.weight`. A call without hooks goes straight to forward.
#include "core/python/python.h"

namespace flambeau::python {

namespace {

PyTypeObject* module_base;
PyObject* registries[3];
PyObject *forward_name, *hooked_name, *call_hooked_name;

// The parameter, submodule or buffer of that name (new reference); null, without an exception, if there is
// none.
PyObject* registered_in(PyObject* state, PyObject* name) {
  for (PyObject* key : registries) {
    PyObject* registry = PyDict_GetItemWithError(state, key);
    if (registry && PyDict_Check(registry)) {
      if (PyObject* found = PyDict_GetItemWithError(registry, name)) return Py_NewRef(found);
    }
    if (PyErr_Occurred()) return nullptr;
  }
  return nullptr;
}

PyObject* registered(PyObject* self, PyObject* name) {
  Object state(PyObject_GenericGetDict(self, nullptr));
  return state ? registered_in(state.get(), name) : nullptr;
}

// The parameter, submodule or buffer of that name, in place of the pending AttributeError; null with that
// error if there is none.
PyObject* registered_instead_of_error(PyObject* self, PyObject* name) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* found = registered(self, name);
  if (found || PyErr_Occurred()) {
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
  } else {
    PyErr_Restore(type, value, traceback);
  }
  return found;
}

// The method __getattr__. An attribute of the class that could not be read is a property whose own code
// failed: it is read again, so that the error tells of its cause and not of the property.
PyObject* registered_or_raise(PyObject* self, PyObject* name) {
  PyObject* found = registered(self, name);
  return found || PyErr_Occurred() ? found : PyObject_GenericGetAttr(self, name);
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
  if (PyUnicode_Check(name) && !_PyType_Lookup(Py_TYPE(self), name)) {
    Object state(PyObject_GenericGetDict(self, nullptr));
    if (!state) return nullptr;
    if (PyObject* own = PyDict_GetItemWithError(state.get(), name)) return Py_NewRef(own);
    if (PyErr_Occurred()) return nullptr;
    PyObject* found = registered_in(state.get(), name);
    return found || PyErr_Occurred() ? found : PyObject_GenericGetAttr(self, name);
  }
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  return registered_instead_of_error(self, name);
}

// Whether hooks may want to know of the call: `_hooked` in the instance, else in its class.
int is_hooked(PyObject* self) {
  Object state(PyObject_GenericGetDict(self, nullptr));
  if (!state) return -1;
  PyObject* hooked = PyDict_GetItemWithError(state.get(), hooked_name);
  if (!hooked && PyErr_Occurred()) return -1;
  if (!hooked) hooked = _PyType_Lookup(Py_TYPE(self), hooked_name);
  return hooked == Py_True;
}

PyObject* call(PyObject* self, PyObject* args, PyObject* keywords) {
  const int hooked = is_hooked(self);
  if (hooked < 0) return nullptr;
  if (hooked) {
    Object given(keywords ? Py_NewRef(keywords) : PyDict_New());
    return given ? PyObject_CallMethodObjArgs(self, call_hooked_name, args, given.get(), nullptr) : nullptr;
  }
  Object forward(PyObject_GetAttr(self, forward_name));
  return forward ? PyObject_Call(forward.get(), args, keywords) : nullptr;
}

// The method __getattr__ is there for a subclass's `super().__getattr__(name)`, but its mere presence makes
// CPython route every lookup of a subclass through it. A subclass that does not override it gets the direct
// slot back.
PyObject* init_subclass(PyObject* cls, PyObject* args, PyObject* keywords) {
  Object super(
      PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(&PySuper_Type), module_base, cls, nullptr));
  Object next(super ? PyObject_GetAttrString(super.get(), "__init_subclass__") : nullptr);
  Object done(next ? PyObject_Call(next.get(), args, keywords) : nullptr);
  if (!done) return nullptr;
  for (const char* name : {"__getattr__", "__getattribute__"}) {
    Object theirs(PyObject_GetAttrString(cls, name));
    Object ours(PyObject_GetAttrString(reinterpret_cast<PyObject*>(module_base), name));
    if (!theirs || !ours) return nullptr;
    if (theirs != ours) Py_RETURN_NONE;
  }
  reinterpret_cast<PyTypeObject*>(cls)->tp_getattro = entry<get_attribute>;
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"__getattr__", entry<registered_or_raise>, METH_O, nullptr},
    {"__init_subclass__", fast<init_subclass>(), METH_CLASS | METH_VARARGS | METH_KEYWORDS, nullptr},
    {}};
PyType_Slot slots[] = {{Py_tp_getattro, slot<get_attribute>()},
                       {Py_tp_call, slot<call>()},
                       {Py_tp_methods, methods},
                       {0, nullptr}};
PyType_Spec spec = {"flambeau._core.ModuleBase", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

void make_module_base(PyObject* module) {
  int i = 0;
  for (const char* name : {"_parameters", "_modules", "_buffers"}) {
    registries[i++] = owned(PyUnicode_InternFromString(name)).release();
  }
  forward_name = owned(PyUnicode_InternFromString("forward")).release();
  hooked_name = owned(PyUnicode_InternFromString("_hooked")).release();
  call_hooked_name = owned(PyUnicode_InternFromString("_call_hooked")).release();
  module_base = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
  if (PyModule_AddObjectRef(module, "ModuleBase", reinterpret_cast<PyObject*>(module_base)) < 0)
    throw PythonError();
}

}  // namespace flambeau::python
