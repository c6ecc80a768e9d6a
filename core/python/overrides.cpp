// __torch_function__, for operators and for Python functions that offer themselves to it.
#include "core/python/overrides.h"

#include <cstddef>
#include <vector>

#include <structmember.h>

namespace flambeau::python {

namespace {

PyObject* torch_function_name() {
  static PyObject* name = PyUnicode_InternFromString("__torch_function__");
  return name;
}

PyObject* disabled_torch_function = nullptr;  // what a subclass sets to have no hook

thread_local bool overrides_disabled = false;

// Types of ordinary arguments, which need no look-up.
bool is_plain(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  return type == tensor_type || type == &PyLong_Type || type == &PyFloat_Type || type == &PyBool_Type ||
         o == Py_None || type == &PyUnicode_Type;
}

bool has_override(PyObject* o) { return !is_plain(o) && override_of(Py_TYPE(o)); }

// Whether an argument, or an element of one that is a tuple or list, has a hook.
bool any_override(PyObject* const* args, Py_ssize_t count) {
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* o = args[i];
    if (is_plain(o)) continue;
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); ++k)
        if (has_override(PySequence_Fast_GET_ITEM(o, k))) return true;
    } else if (override_of(Py_TYPE(o))) {
      return true;
    }
  }
  return false;
}

}  // namespace

PyObject* override_of(PyTypeObject* type) {
  static PyTypeObject* plain[4] = {};  // types known to have none
  static unsigned plain_version[4] = {};
  for (int i = 0; i < 4; ++i)
    if (plain[i] == type && plain_version[i] == type->tp_version_tag && type->tp_version_tag) return nullptr;
  PyObject* found = _PyType_Lookup(type, torch_function_name());
  bool disabled = !found || found == Py_None || found == disabled_torch_function;
  if (!disabled) return found;
  static int next = 0;
  plain[next] = type;
  plain_version[next] = type->tp_version_tag;
  next = (next + 1) % 4;
  return nullptr;
}

bool takes_over(PyObject* argument) { return !overrides_disabled && override_of(Py_TYPE(argument)); }

bool takes_over_by_its_own(PyObject* argument) {
  return takes_over(argument) &&
         override_of(Py_TYPE(argument)) != _PyType_Lookup(tensor_type, torch_function_name());
}

PyObject* call_override(const std::string& name, PyObject* function, PyObject* self, PyObject* const* args,
                        Py_ssize_t count, PyObject* keywords) {
  if (overrides_disabled) return nullptr;
  std::vector<Object> takers;  // owned: a hook may change the list an argument came from
  auto consider = [&](PyObject* o) {
    if (Py_TYPE(o) == tensor_type || PyLong_CheckExact(o) || PyFloat_CheckExact(o)) return;
    if (!override_of(Py_TYPE(o))) return;
    for (const Object& other : takers)
      if (Py_TYPE(other.get()) == Py_TYPE(o)) return;
    auto at = takers.begin();  // subclasses before their bases
    while (at != takers.end() && !PyType_IsSubtype(Py_TYPE(o), Py_TYPE(at->get()))) ++at;
    takers.insert(at, Object::borrow(o));
  };
  auto consider_all = [&](PyObject* o) {
    consider(o);
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o))
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) consider(PySequence_Fast_GET_ITEM(o, i));
  };
  const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  if (self) consider(self);
  for (Py_ssize_t i = 0; i < count + named; ++i) consider_all(args[i]);
  if (takers.empty()) return nullptr;

  Object positional = owned(PyTuple_New(count + (self != nullptr)));
  Py_ssize_t k = 0;
  if (self) PyTuple_SET_ITEM(positional.get(), k++, Py_NewRef(self));
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(positional.get(), k++, Py_NewRef(args[i]));
  Object by_name = owned(PyDict_New());
  for (Py_ssize_t i = 0; i < named; ++i)
    if (PyDict_SetItem(by_name.get(), PyTuple_GET_ITEM(keywords, i), args[count + i]) < 0)
      throw PythonError();
  Object types = owned(PyTuple_New(static_cast<Py_ssize_t>(takers.size())));
  for (size_t i = 0; i < takers.size(); ++i)
    PyTuple_SET_ITEM(types.get(), static_cast<Py_ssize_t>(i),
                     Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(takers[i].get()))));
  for (const Object& taker : takers) {
    Object hook =
        owned(PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(taker.get())), torch_function_name()));
    Object result = owned(PyObject_CallFunctionObjArgs(hook.get(), function ? function : Py_None, types.get(),
                                                       positional.get(), by_name.get(), nullptr));
    if (result.get() != Py_NotImplemented) return result.release();
  }
  fail<TypeError>("no implementation found for '", name, "' on types that implement __torch_function__");
}

namespace {

// ---- Python functions that offer themselves to their arguments before they run

struct OverridableObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* function;  // owned
  PyObject* dict;      // what is said of this object and not of the function: its public module
  PyObject* weak_references;
};
OverridableObject* overridable_of(PyObject* o) { return reinterpret_cast<OverridableObject*>(o); }

PyObject* call_overridable(PyObject* o, PyObject* const* args, size_t flags, PyObject* keywords) {
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  PyObject* function = overridable_of(o)->function;
  if (any_override(args, count + (keywords ? PyTuple_GET_SIZE(keywords) : 0))) [[unlikely]] {
    Object name = owned(PyObject_GetAttrString(function, "__name__"));
    if (PyObject* result = call_override(std::string(text_of(name.get())), o, nullptr, args, count, keywords))
      return result;
  }
  return PyObject_Vectorcall(function, args, flags, keywords);
}

// What the object itself does not say, the function says: __name__, __doc__, __defaults__, __code__ ...
PyObject* overridable_attribute(PyObject* o, PyObject* name) {
  if (PyObject* found = PyObject_GenericGetAttr(o, name)) return found;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
  PyErr_Clear();
  return PyObject_GetAttr(overridable_of(o)->function, name);
}
PyObject* bind_overridable(PyObject* o, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(o, instance) : Py_NewRef(o);
}
PyObject* overridable_repr(PyObject* o) { return PyObject_Repr(overridable_of(o)->function); }
PyObject* overridable_doc(PyObject* o, void*) {
  return PyObject_GetAttrString(overridable_of(o)->function, "__doc__");
}
PyObject* overridable_reduce(PyObject* o, PyObject*) {
  return PyObject_GetAttrString(overridable_of(o)->function, "__qualname__");
}
int traverse_overridable(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(overridable_of(o)->function);
  Py_VISIT(overridable_of(o)->dict);
  return 0;
}
int clear_overridable(PyObject* o) {
  Py_CLEAR(overridable_of(o)->dict);  // the function stays: a call may be under way
  return 0;
}
void free_overridable(PyObject* o) {
  PyObject_GC_UnTrack(o);
  PyTypeObject* type = Py_TYPE(o);
  if (overridable_of(o)->weak_references) PyObject_ClearWeakRefs(o);
  Py_CLEAR(overridable_of(o)->dict);
  Py_CLEAR(overridable_of(o)->function);
  type->tp_free(o);
  Py_DECREF(type);
}

PyMemberDef overridable_members[] = {
    {"__wrapped__", T_OBJECT, offsetof(OverridableObject, function), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(OverridableObject, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(OverridableObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(OverridableObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef overridable_attributes[] = {
    {"__doc__", entry<overridable_doc>, nullptr, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef overridable_methods[] = {
    {"__reduce__", entry<overridable_reduce>, METH_NOARGS, "Pickled by name."},
    {nullptr, nullptr, 0, nullptr}};

// _overridable(function, module): the function as a callable that offers itself to __torch_function__ of its
// arguments. `module` is where its users find it.
PyObject* make_overridable(PyObject*, PyObject* args) {
  static PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                {Py_tp_members, overridable_members},
                                {Py_tp_methods, overridable_methods},
                                {Py_tp_getset, overridable_attributes},
                                {Py_tp_getattro, slot<overridable_attribute>()},
                                {Py_tp_descr_get, slot<bind_overridable>()},
                                {Py_tp_repr, slot<overridable_repr>()},
                                {Py_tp_traverse, slot<traverse_overridable>()},
                                {Py_tp_clear, slot<clear_overridable>()},
                                {Py_tp_dealloc, slot<free_overridable>()},
                                {0, nullptr}};
  static PyType_Spec spec = {"flambeau._core.Overridable", sizeof(OverridableObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC |
                                 Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  static PyTypeObject* type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
  PyObject *function, *module;
  if (!PyArg_ParseTuple(args, "OO:_overridable", &function, &module)) return nullptr;
  Object made = owned(type->tp_alloc(type, 0));
  overridable_of(made.get())->vectorcall = entry<call_overridable>;
  overridable_of(made.get())->function = Py_NewRef(function);
  overridable_of(made.get())->dict = owned(Py_BuildValue("{s:O}", "__module__", module)).release();
  return made.release();
}

// ---- switching the hooks off

PyObject* set_overrides_disabled(PyObject*, PyObject* value) {
  return PyBool_FromLong(std::exchange(overrides_disabled, value == Py_True));
}
// (func, types, args, kwargs): runs func without hooks.
PyObject* run_without_overrides(PyObject*, PyObject* args) {
  PyObject *function, *types, *positional = nullptr, *keywords = nullptr;
  if (!PyArg_ParseTuple(args, "OO|OO:_disabled_torch_function_impl", &function, &types, &positional,
                        &keywords))
    return nullptr;
  Object none(PyTuple_New(0));
  bool previous = std::exchange(overrides_disabled, true);
  PyObject* result =
      PyObject_Call(function, positional ? positional : none.get(), keywords == Py_None ? nullptr : keywords);
  overrides_disabled = previous;
  return result;
}
PyMethodDef override_functions[] = {
    {"_disabled_torch_function_impl", entry<run_without_overrides>, METH_VARARGS,
     "The __torch_function__ of classes without one."},
    {"_set_overrides_disabled", entry<set_overrides_disabled>, METH_O,
     "Switches __torch_function__ off; returns what it was."},
    {"_overridable", entry<make_overridable>, METH_VARARGS,
     "A Python function as one that offers itself to __torch_function__ of its arguments."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void install_overrides(PyObject* module) {
  if (PyModule_AddFunctions(module, override_functions) < 0) throw PythonError();
  disabled_torch_function = owned(PyObject_GetAttrString(module, "_disabled_torch_function_impl")).release();
}

}  // namespace flambeau::python
