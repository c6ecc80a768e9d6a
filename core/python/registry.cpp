// The operators there are: their registration, the objects that stand for them, and where these stand.
#include "core/python/operator.h"
#include "core/python/overrides.h"

#include <structmember.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "core/python/arguments.h"

namespace flambeau::python {

namespace {

// By public name, namespace included.
std::map<std::string, std::unique_ptr<Operator>, std::less<>> operators;

// ---- the callable object

PyObject* bind_method(PyObject* callable, PyObject* object, PyObject*) {
  if (!object || object == Py_None) return Py_NewRef(callable);
  return PyMethod_New(callable, object);
}
void free_operator(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}
const Operator& operator_of(PyObject* o) { return *reinterpret_cast<OperatorObject*>(o)->op; }
PyObject* get_name(PyObject* o, void*) {
  std::string_view name = short_name(operator_of(o));
  return PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
}
// Where the public finds operators that are kept apart.
struct Home {
  unsigned form;
  const char* inner;   // in flambeau._core, and before the dot in the operator's name
  const char* module;  // the public module
};
constexpr Home homes[] = {
    {Forms::nn, "_nn", "flambeau.nn.functional"},  {Forms::special, "_special", "flambeau.special"},
    {Forms::linalg, "_linalg", "flambeau.linalg"}, {Forms::optim, "_optim", "flambeau.optim"},
    {Forms::fft, "_fft", "flambeau.fft"},          {Forms::windows, "_windows", "flambeau.signal.windows"}};
const Home* home_of(std::string_view full_name) {
  for (const Home& home : homes)
    if (full_name.starts_with(std::string(home.inner) + ".")) return &home;
  return nullptr;
}
const Home* home_of_forms(unsigned forms) {
  for (const Home& home : homes)
    if (forms & home.form) return &home;
  return nullptr;
}

bool is_method_object(PyObject* o) {
  return reinterpret_cast<OperatorObject*>(o)->vectorcall == call_as_method;
}
PyObject* get_qualified_name(PyObject* o, void*) {
  Object name(get_name(o, nullptr));
  return name && is_method_object(o) ? PyUnicode_FromFormat("Tensor.%U", name.get()) : name.release();
}
PyObject* get_module(PyObject* o, void*) {
  const Home* home = is_method_object(o) ? nullptr : home_of(operator_of(o).name);
  return PyUnicode_FromString(home ? home->module : "flambeau");
}
// Documentation and signatures are made by Python code that is loaded when somebody asks.
PyObject* describe_with(const char* function, PyObject* o) {
  Object module(PyImport_ImportModule("flambeau.ops._describe"));
  return module ? PyObject_CallMethod(module.get(), function, "O", o) : nullptr;
}
PyObject* get_doc(PyObject* o, void*) { return describe_with("documentation", o); }
PyObject* get_signature(PyObject* o, void*) { return describe_with("signature", o); }
PyObject* get_bodies(PyObject* o, void*) {
  Object list(PyList_New(0));
  for (const Overload& overload : operator_of(o).overloads)
    if (!list || PyList_Append(list.get(), overload.body ? overload.body : Py_None) < 0) return nullptr;
  return list.release();
}
PyObject* get_full_name(PyObject* o, void*) { return PyUnicode_FromString(operator_of(o).name.c_str()); }
PyObject* get_schemas(PyObject* o, void*) {
  const Operator& op = operator_of(o);
  Object list(PyList_New(0));
  for (const Overload& overload : op.overloads) {
    Object text(PyUnicode_FromString(overload.schema));
    if (!text || PyList_Append(list.get(), text.get()) < 0) return nullptr;
  }
  return list.release();
}
PyObject* get_takes_out(PyObject* o, void*) {
  Object list(PyList_New(0));
  for (const Overload& overload : operator_of(o).overloads)
    if (!list || PyList_Append(list.get(), overload.takes_out ? Py_True : Py_False) < 0) return nullptr;
  return list.release();
}
PyObject* operator_repr(PyObject* o) {
  std::string name(short_name(operator_of(o)));
  return PyUnicode_FromFormat("<flambeau operator %s>", name.c_str());
}
PyObject* operator_reduce(PyObject* o, PyObject*) {
  Object name(get_name(o, nullptr));
  if (!name || !is_method_object(o)) return name.release();
  Object builtins(PyImport_ImportModule("builtins"));
  Object getattr(builtins ? PyObject_GetAttrString(builtins.get(), "getattr") : nullptr);
  return getattr ? Py_BuildValue("O(OO)", getattr.get(), tensor_type, name.get()) : nullptr;
}

PyGetSetDef operator_attributes[] = {
    {"__name__", entry<get_name>, nullptr, nullptr, nullptr},
    {"__qualname__", entry<get_qualified_name>, nullptr, nullptr, nullptr},
    {"__module__", entry<get_module>, nullptr, nullptr, nullptr},
    {"__doc__", entry<get_doc>, nullptr, nullptr, nullptr},
    {"__signature__", entry<get_signature>, nullptr, nullptr, nullptr},
    {"full_name", entry<get_full_name>, nullptr, "Its name with its home, as _linalg.det.", nullptr},
    {"bodies", entry<get_bodies>, nullptr, "The Python functions of its overloads, None where it is C++.",
     nullptr},
    {"schemas", entry<get_schemas>, nullptr, "The schemas of its overloads.", nullptr},
    {"takes_out", entry<get_takes_out>, nullptr, "Which overloads take out=.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef operator_methods[] = {{"__reduce__", entry<operator_reduce>, METH_NOARGS, "Pickled by name."},
                                  {nullptr, nullptr, 0, nullptr}};
PyMemberDef operator_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(OperatorObject, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyTypeObject* make_operator_type(const char* name, bool is_method) {
  PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_members, operator_members},
                         {Py_tp_methods, operator_methods},
                         {Py_tp_getset, operator_attributes},
                         {Py_tp_repr, slot<operator_repr>()},
                         {Py_tp_dealloc, slot<free_operator>()},
                         {is_method ? static_cast<int>(Py_tp_descr_get) : 0, slot<bind_method>()},
                         {0, nullptr}};
  unsigned long flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  if (is_method) flags |= Py_TPFLAGS_METHOD_DESCRIPTOR;
  PyType_Spec spec = {name, sizeof(OperatorObject), 0, static_cast<unsigned>(flags), slots};
  return reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
}

PyObject* make_callable(PyTypeObject* type, const Operator& op, vectorcallfunc call) {
  Object o = owned(type->tp_alloc(type, 0));
  reinterpret_cast<OperatorObject*>(o.get())->op = &op;
  reinterpret_cast<OperatorObject*>(o.get())->vectorcall = call;
  return o.release();
}

// ---- named tuples for results: flambeau.return_types.max(values=..., indices=...)

// A line for each field, as tensors have lines of their own.
PyObject* result_repr(PyObject* o, PyObject*) {
  std::string text = concat(Py_TYPE(o)->tp_name, "(\n");
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) {
    const Object value = owned(PyObject_Repr(PyTuple_GET_ITEM(o, i)));
    text += concat(i ? ",\n" : "", Py_TYPE(o)->tp_members[i].name, "=", text_of(value.get()));
  }
  text += ")";
  return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

PyTypeObject* make_result_type(PyObject* module, const char* names) {
  static std::map<std::string, PyTypeObject*> made;
  auto& type = made[names];
  if (type) return type;
  std::vector<std::string> words;
  for (const char* at = names; *at;) {
    const char* end = at;
    while (*end && *end != ' ') ++end;
    words.emplace_back(at, end);
    at = *end ? end + 1 : end;
  }
  // The field names live as long as the type: for the life of the process.
  static std::vector<std::unique_ptr<std::string>> kept;
  auto keep = [](std::string text) {
    return kept.emplace_back(std::make_unique<std::string>(std::move(text)))->c_str();
  };
  std::vector<PyStructSequence_Field> fields;
  for (size_t i = 1; i < words.size(); ++i) fields.push_back({keep(words[i]), nullptr});
  fields.push_back({nullptr, nullptr});
  PyStructSequence_Desc description = {keep("torch.return_types." + words[0]), nullptr, fields.data(),
                                       static_cast<int>(words.size() - 1)};
  type = PyStructSequence_NewType(&description);
  if (!type) throw PythonError();
  static PyMethodDef repr = {"__repr__", entry<result_repr>, METH_NOARGS, "The fields, a line for each."};
  const Object method = owned(PyDescr_NewMethod(type, &repr));
  if (PyObject_SetAttrString(reinterpret_cast<PyObject*>(type), "__repr__", method.get()) < 0)
    throw PythonError();
  Object home(PyObject_GetAttrString(module, "return_types"));
  if (!home) {
    PyErr_Clear();
    home = owned(PyModule_New("flambeau.return_types"));
    if (PyModule_AddObjectRef(module, "return_types", home.get()) < 0) throw PythonError();
  }
  if (PyObject_SetAttrString(home.get(), words[0].c_str(), reinterpret_cast<PyObject*>(type)) < 0)
    throw PythonError();
  return type;
}

Operator& operator_named(const std::string& name) {
  auto& op = operators[name];
  if (!op) {
    op = std::make_unique<Operator>();
    op->name = name;
  }
  return *op;
}

PyObject* submodule(PyObject* module, const char* name) {
  Object existing(PyObject_GetAttrString(module, name));
  if (existing) return existing.get();  // the module keeps it alive
  PyErr_Clear();
  Object made = owned(PyModule_New(concat("flambeau._core.", name).c_str()));
  if (PyModule_AddObjectRef(module, name, made.get()) < 0) throw PythonError();
  return made.get();
}

}  // namespace

const Operator& find_operator(const char* name) {
  auto at = operators.find(name);
  if (at == operators.end()) fail<NotImplementedError>("the operator ", name, " is not implemented yet");
  return *at->second;
}

namespace {

// Gives an operator its place: in the module, in the home of its forms, on Tensor.
void publish(PyObject* module, Operator& op) {
  static PyTypeObject* function_type = make_operator_type("flambeau._core.Function", false);
  static PyTypeObject* method_type = make_operator_type("flambeau._core.Method", true);
  const std::string name(short_name(op));
  const Home* home = home_of(op.name);
  if (home || op.forms & Forms::function) {
    if (!op.function) op.function = make_callable(function_type, op, call_as_function);
    PyObject* place = home ? submodule(module, home->inner) : module;
    if (PyObject_SetAttrString(place, name.c_str(), op.function) < 0) throw PythonError();
    // The function of an operator with a home stands in the module too, unless another has that name.
    if (home && op.forms & Forms::function && !PyDict_GetItemString(PyModule_GetDict(module), name.c_str()))
      if (PyModule_AddObjectRef(module, name.c_str(), op.function) < 0) throw PythonError();
  }
  if (op.forms & Forms::method && !(home && name.ends_with('_') && operators.contains(name))) {
    if (!op.method) op.method = make_callable(method_type, op, call_as_method);
    if (PyObject_SetAttrString(reinterpret_cast<PyObject*>(tensor_type), name.c_str(), op.method) < 0)
      throw PythonError();
  }
}

// Enters an overload and its in-place twin; calls changed(op) for each operator that it touches.
template <class F>
void enter(PyObject* module, const Exposed& exposed, PyObject* body, F changed) {
  std::string name;
  Overload overload = parse_schema(exposed, name);
  if (exposed.result_names) overload.result_type = make_result_type(module, exposed.result_names);
  if (body) {
    overload.body = Py_NewRef(body);
    const auto n = static_cast<Py_ssize_t>(overload.parameters.size());
    Object keywords = owned(PyTuple_New(n - overload.positional));
    for (Py_ssize_t i = overload.positional; i < n; ++i)
      PyTuple_SET_ITEM(keywords.get(), i - overload.positional,
                       Py_NewRef(overload.parameters[static_cast<size_t>(i)].name));
    if (n > overload.positional) overload.body_keywords = keywords.release();
    for (Parameter& p : overload.parameters) {
      p.as_given = p.type == ParameterType::Layout || p.type == ParameterType::MemoryFormat ||
                   p.type == ParameterType::Generator;
      p.any_layout = exposed.forms & Forms::windows;
    }
  }
  const Home* home = home_of_forms(exposed.forms);
  const std::string prefix = home ? concat(home->inner, ".") : "";
  if (overload.takes_out) {
    PyObject* second = overload.parameters.size() > 1 ? overload.parameters[1].name : nullptr;
    overload.out_rule = &out_rule_of(prefix + name, second ? PyUnicode_AsUTF8(second) : "");
  }
  auto add = [&](Operator& op, unsigned forms, Overload&& added) {
    if (added.deprecated) {
      op.deprecated.push_back(std::move(added));
      return changed(op);
    }
    op.forms |= forms;
    for (Overload& present : op.overloads) {
      if (!body) break;
      if (!present.body)
        fail<RuntimeError>("the operator ", op.name, " is there already, in C++: one operator, one place");
      if (std::string_view(present.schema) == added.schema) {  // its module was loaded again
        present = std::move(added);
        return changed(op);
      }
    }
    op.overloads.push_back(std::move(added));
    changed(op);
  };
  const unsigned forms = exposed.forms;
  Overload twin_overload = overload;
  add(operator_named(prefix + name), forms, std::move(overload));
  if (forms & (Forms::inplace | Forms::inplace_function)) {
    Operator& twin = operator_named(prefix + name + "_");
    twin.inplace = true;
    twin_overload.takes_out = false;
    if (twin_overload.parameters[0].type == ParameterType::TensorOrNumber)
      twin_overload.parameters[0].type = ParameterType::Tensor;
    unsigned twin_forms = forms & Forms::nn;
    if (forms & Forms::inplace) twin_forms |= Forms::method;
    if (forms & Forms::inplace_function) twin_forms |= Forms::function;
    add(twin, twin_forms, std::move(twin_overload));
  }
}

// _register_operator(schema, forms, body, result_names=None) -> the operator's function, or its method.
PyObject* register_operator(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    auto [schema, forms, body, result_names] = parse_arguments<4>(
        "_register_operator", {"schema", "forms", "body", "result_names"}, 3, args, count, keywords);
    static std::deque<std::string> kept;  // schemas live as long as the process
    auto text = [](PyObject* o) {
      const char* utf8 = PyUnicode_AsUTF8(o);
      if (!utf8) throw PythonError();
      return kept.emplace_back(utf8).c_str();
    };
    const unsigned long bits = PyLong_AsUnsignedLong(forms);
    if (PyErr_Occurred()) throw PythonError();
    const Exposed exposed{text(schema),
                          nullptr,
                          nullptr,
                          static_cast<unsigned>(bits),
                          given(result_names) ? text(result_names) : nullptr,
                          nullptr};
    Operator* first = nullptr;
    enter(module, exposed, body, [&](Operator& op) {
      publish(module, op);
      if (!first) first = &op;
    });
    return Py_NewRef(first->function ? first->function : first->method);
  });
}

// The names of the forms and their bits, for flambeau/ops.
PyObject* operator_forms(PyObject*, PyObject*) {
  return Py_BuildValue("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "function",
                       Forms::function, "method", Forms::method, "inplace", Forms::inplace, "out", Forms::out,
                       "nn", Forms::nn, "inplace_function", Forms::inplace_function, "writes_self",
                       Forms::writes_self, "special", Forms::special, "linalg", Forms::linalg, "optim",
                       Forms::optim, "any_device", Forms::any_device, "fft", Forms::fft, "windows",
                       Forms::windows, "lower_precision", Forms::lower_precision, "float32", Forms::float32,
                       "widest", Forms::widest);
}
PyMethodDef registration_functions[] = {
    {"_register_operator", fast<register_operator>(), METH_FASTCALL | METH_KEYWORDS,
     "Makes an operator of a schema and a Python function."},
    {"_operator_forms", entry<operator_forms>, METH_NOARGS, "The names and bits of an operator's forms."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void install_operators(PyObject* module) {
  install_overrides(module);
  if (PyModule_AddFunctions(module, registration_functions) < 0) throw PythonError();
  std::vector<const Exposed*> all;
  for (const Exposed* e = Exposed::head(); e; e = e->next) all.push_back(e);
  std::reverse(all.begin(), all.end());
  for (const Exposed* e : all) enter(module, *e, nullptr, [](Operator&) {});
  for (auto& [full_name, op] : operators) publish(module, *op);
}

}  // namespace flambeau::python
