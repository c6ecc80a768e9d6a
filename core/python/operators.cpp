// Exposed operators as Python callables: functions, methods, in-place and out= forms, number slots,
// __torch_function__.
#include "core/python/python.h"

#include <structmember.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "core/ops/operators.h"
#include "core/python/arguments.h"
#include "core/python/binder.h"

namespace flambeau::python {

struct Operator {
  std::string name;
  std::vector<Overload> overloads;
  std::vector<Overload> deprecated;  // tried where none of those takes a call; neither documented nor offered
  bool inplace = false;
  unsigned forms = 0;
  std::string doc;               // the schemas
  PyObject* function = nullptr;  // the public callables, for __torch_function__
  PyObject* method = nullptr;
};

namespace {

std::map<std::string, std::unique_ptr<Operator>, std::less<>>
    operators;  // by public name, namespace included

// ---- calling

PyObject* wrap_results(const Overload& overload, Results&& results) {
  switch (results.kind) {
    case Results::Kind::Bool:
    case Results::Kind::Int:
    case Results::Kind::Float:
      return wrap(results.scalar);
    case Results::Kind::Tensor:
      return wrap(std::move(results.tensors[0]));
    case Results::Kind::Tuple:
    case Results::Kind::List:
      break;
  }
  const auto n = static_cast<Py_ssize_t>(results.tensors.size());
  Object tuple = owned(overload.result_type ? PyStructSequence_New(overload.result_type) : PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = wrap(std::move(results.tensors[static_cast<size_t>(i)]));
    if (!item) throw PythonError();
    if (overload.result_type)
      PyStructSequence_SetItem(tuple.get(), i, item);
    else
      PyTuple_SET_ITEM(tuple.get(), i, item);
  }
  return tuple.release();
}

// ---- operators whose body is a Python function

PyObject* wrap_value(const Value& v) {
  switch (v.kind) {
    case ValueKind::None:
      Py_RETURN_NONE;
    case ValueKind::Tensor:
      return wrap(Tensor(v.tensor));
    case ValueKind::Tensors: {
      Object tuple = owned(PyTuple_New(v.count));
      for (uint32_t i = 0; i < v.count; ++i)
        PyTuple_SET_ITEM(tuple.get(), i, owned(wrap(v.tensors[i])).release());
      return tuple.release();
    }
    case ValueKind::Bool:
    case ValueKind::Int:
    case ValueKind::Unsigned:
    case ValueKind::Float:
    case ValueKind::Complex:
      return wrap(to_scalar(v));
    case ValueKind::Ints: {
      Object tuple = owned(PyTuple_New(v.count));
      for (uint32_t i = 0; i < v.count; ++i)
        PyTuple_SET_ITEM(tuple.get(), i, owned(PyLong_FromLongLong(v.integers[i])).release());
      return tuple.release();
    }
    case ValueKind::String:
      return PyUnicode_FromStringAndSize(v.text, v.count);
    case ValueKind::DType:
      return wrap(v.dtype);
    case ValueKind::Device:
      return wrap(v.device);
    case ValueKind::Object:
      return Py_NewRef(static_cast<PyObject*>(v.object));
    case ValueKind::Layout:
    case ValueKind::MemoryFormat:
    case ValueKind::Generator:
      break;  // as_given, hence of kind Object
  }
  fail<RuntimeError>("a value without a Python object");
}

Object call_body(const Overload& overload, const Frame& frame) {
  Object values[kMaxParameters];
  PyObject* args[kMaxParameters];
  const size_t n = overload.parameters.size();
  for (size_t i = 0; i < n; ++i) {
    values[i] = owned(wrap_value(frame.values[i]));
    args[i] = values[i].get();
  }
  Object result = owned(PyObject_Vectorcall(overload.body, args, static_cast<size_t>(overload.positional),
                                            overload.body_keywords));
  if (!overload.result_type || !PyTuple_CheckExact(result.get())) return result;
  Object tuple = owned(PyStructSequence_New(overload.result_type));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result.get()); ++i)
    PyStructSequence_SetItem(tuple.get(), i, Py_NewRef(PyTuple_GET_ITEM(result.get(), i)));
  return tuple;
}

bool any_requires_grad(const Overload& overload, const Frame& frame) {
  bool tracked = false;
  for (size_t i = 0; i < overload.parameters.size(); ++i) {
    const Value& v = frame.values[i];
    if (v.kind == ValueKind::Tensor) tracked |= requires_grad(Tensor(v.tensor));
    if (v.kind == ValueKind::Tensors)
      for (uint32_t k = 0; k < v.count; ++k) tracked |= requires_grad(v.tensors[k]);
  }
  return tracked;
}

// Writes what a body computed to where the caller wants it.
void deliver(const Operator& op, PyObject* value, const Out& out) {
  const Tensor result = need_tensor(value, op.name.c_str(), "out");
  copy_(result_for(out, result.sizes(), result.dtype()), result);
}

PyObject* run_body_inplace(const Operator& op, const Overload& overload, Frame& frame) {
  const Tensor self(frame.values[0].tensor);
  Tensor
      copy;  // for what the body captures of itself: a later backward must not meet the value written below
  if (grad_enabled() && any_requires_grad(overload, frame)) {
    copy = clone(self);
    frame.values[0].tensor = copy.get();
  }
  Object result = call_body(overload, frame);
  deliver(op, result.get(), Out{self.get(), nullptr, true});
  return wrap(self);
}

PyObject* run_body_out(const Operator& op, const Overload& overload, Frame& frame) {
  PyObject* given = frame.out_argument;
  Object result = call_body(overload, frame);
  if (is_tensor(given)) {
    deliver(op, result.get(), Out{impl_of(given), nullptr, false, overload.out_rule});
    return Py_NewRef(given);
  }
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(given);
  check<TypeError>(PyTuple_Check(result.get()) && PyTuple_GET_SIZE(result.get()) == n, op.name,
                   "(): out= takes as many tensors as there are results, got ", n);
  for (Py_ssize_t i = 0; i < n; ++i)
    deliver(op, PyTuple_GET_ITEM(result.get(), i),
            Out{impl_of(PySequence_Fast_GET_ITEM(given, i)), nullptr, false, overload.out_rule});
  if (!overload.result_type) return PySequence_Tuple(given);
  Object tuple = owned(PyStructSequence_New(overload.result_type));
  for (Py_ssize_t i = 0; i < n; ++i)
    PyStructSequence_SetItem(tuple.get(), i, Py_NewRef(PySequence_Fast_GET_ITEM(given, i)));
  return tuple.release();
}

// The device on which a call works: the one it names, or its tensors', which must agree; 0-d tensors of the
// CPU may stand beside tensors of any other. A call without tensors makes its result on the default device.
Device::Type device_of_call(const Operator& op, const Overload& overload, const Frame& frame,
                            const Out& out) {
  const int named = overload.device_parameter;
  if (named >= 0 && frame.values[named].kind == ValueKind::Device) return frame.values[named].device.type;
  const TensorImpl* first = nullptr;
  const auto consider = [&](const TensorImpl* t) {
    if (!t || (t->device == Device::Type::Cpu && t->sizes.count == 0)) return;
    if (!first) first = t;
    if (t->device == first->device || overload.forms & Forms::any_device) return;
    fail<RuntimeError>("Expected all tensors to be on the same device, but found at least two devices, ",
                       name(first->device), " and ", name(t->device), "! (when calling ", op.name,
                       "(); move them with .to(device))");
  };
  bool tensors = false;
  for (size_t i = 0; i < overload.parameters.size(); ++i) {
    const Value& v = frame.values[i];
    tensors |= v.kind == ValueKind::Tensor || v.kind == ValueKind::Tensors;
    if (v.kind == ValueKind::Tensor) consider(v.tensor);
    if (v.kind == ValueKind::Tensors)
      for (uint32_t k = 0; k < v.count; ++k) consider(v.tensors[k].get());
  }
  consider(out.target);
  consider(out.second);
  if (first) return first->device;
  return named >= 0 && !tensors ? default_device : Device::Type::Cpu;
}

// Whether that needs finding out: nearly every call works on the CPU.
bool works_elsewhere(const Overload& overload, const Frame& frame, const Out& out) {
  if (frame.elsewhere || (out.target && out.target->device != Device::Type::Cpu)) return true;
  if (overload.device_parameter < 0) return false;
  const Value& named = frame.values[overload.device_parameter];
  return (named.kind == ValueKind::Device ? named.device.type : default_device) != Device::Type::Cpu;
}

PyObject* dispatch_here(const Overload& overload, const Frame& frame, const Out& out) {
  if (overload.call) [[likely]]
    return wrap(overload.call(frame.values, out));
  if (overload.body) return call_body(overload, frame).release();
  return wrap_results(overload, overload.call_many(frame.values, out));
}

PyObject* dispatch(const Operator& op, const Overload& overload, const Frame& frame, const Out& out) {
  if (!works_elsewhere(overload, frame, out)) [[likely]]
    return dispatch_here(overload, frame, out);
  const Device::Type device = device_of_call(op, overload, frame, out);
  if (overload.body) return call_body(overload, frame).release();  // what it calls finds its own devices
  const DeviceScope scope(device);
  return dispatch_here(overload, frame, out);
}

template <class F>
void for_each_tensor(const Overload& overload, const Frame& frame, F&& visit) {
  for (size_t i = 0; i < overload.parameters.size(); ++i) {
    const Value& v = frame.values[i];
    if (v.kind == ValueKind::Tensor) visit(*v.tensor);
    if (v.kind == ValueKind::Tensors)
      for (uint32_t k = 0; k < v.count; ++k) visit(*v.tensors[k].get());
  }
}

bool same_window(const TensorImpl& a, const TensorImpl& b) {
  return a.storage == b.storage && a.data == b.data && a.dtype == b.dtype && a.sizes == b.sizes &&
         a.strides == b.strides;
}

// Whether a call may write to its out= at once. Where out= shares memory with an input, the operator would
// resize or write what it still has to read; unless the call is what its in-place form does: the result takes
// the exact place of self, and every other input keeps clear of it or lies exactly there.
bool may_write_at_once(const Overload& overload, const Frame& frame, const Out& out) {
  bool shares = false, in_place = true;
  Dims sizes;
  for_each_tensor(overload, frame, [&](const TensorImpl& input) {
    for (const TensorImpl* target : {out.target, out.second})
      if (target && input.storage == target->storage) {
        shares = true;
        in_place &= same_window(input, *target);
      }
    in_place &= input.sizes.count <= out.target->sizes.count;
    for (int i = 1; i <= input.sizes.count && in_place; ++i) {
      const int64_t size = input.sizes[input.sizes.count - i];
      in_place &= size == 1 || size == out.target->sizes[out.target->sizes.count - i];
    }
  });
  const Value& self = frame.values[0];
  return !shares || (in_place && !out.second && overload.forms & Forms::inplace &&
                     self.kind == ValueKind::Tensor && same_window(*self.tensor, *out.target));
}

// An empty tensor in the place of an out=, so that the operator applies its rules for the target's dtype.
Tensor stand_in(const TensorImpl* target) {
  if (!target) return {};
  const DeviceScope scope(target->device);
  return empty(Dims{0}, target->dtype);
}

// Computes first, and delivers to out= what is then complete.
Results compute_then_deliver(const Operator& op, const Overload& overload, const Frame& frame,
                             const Out& out) {
  const Tensor first = stand_in(out.target), second = stand_in(out.second);
  const Out fresh{first.get(), second.get(), false, out.rule};
  const DeviceScope scope(works_elsewhere(overload, frame, out) ? device_of_call(op, overload, frame, out)
                                                                : Device::Type::Cpu);
  Results results;
  if (overload.call) {
    results.kind = Results::Kind::Tensor;
    results.tensors.push_back(overload.call(frame.values, fresh));
  } else {
    results = overload.call_many(frame.values, fresh);
  }
  const auto deliver_to = [&out](const Tensor& result, const Tensor& target) {
    copy_(result_for(Out{target.get(), nullptr, false, out.rule}, result.sizes(), result.dtype()), result);
    return target;
  };
  for (Tensor& result : results.tensors)
    if (result == first)
      result = deliver_to(first, Tensor(out.target));
    else if (second && result == second)
      result = deliver_to(second, Tensor(out.second));
  return results;
}

PyObject* run_out(const Operator& op, const Overload& overload, Frame& frame) {
  PyObject* given = frame.out_argument;
  Object held;
  if (PyList_Check(given)) {  // a warning may run Python, which may change the list
    held = owned(PyList_AsTuple(given));
    frame.out_argument = given = held.get();
  }
  Out out;
  out.rule = overload.out_rule;
  if (PyTuple_Check(given)) {
    const Py_ssize_t n = PyTuple_GET_SIZE(given);
    check<TypeError>(n >= 1 && (n <= 2 || overload.body), op.name,
                     "(): out= takes one or two tensors here, got ", n);
    for (Py_ssize_t i = 0; i < n; ++i)
      check<TypeError>(is_tensor(PySequence_Fast_GET_ITEM(given, i)), op.name,
                       "(): argument 'out' must be Tensors, not ",
                       Py_TYPE(PySequence_Fast_GET_ITEM(given, i))->tp_name);
    out.target = impl_of(PyTuple_GET_ITEM(given, 0));
    if (n >= 2) out.second = impl_of(PyTuple_GET_ITEM(given, 1));
  } else {
    check<TypeError>(is_tensor(given), op.name, "(): argument 'out' must be Tensor, not ",
                     Py_TYPE(given)->tp_name);
    out.target = impl_of(given);
  }
  check_inference_write(out.target);
  if (out.second) check_inference_write(out.second);
  if (grad_enabled()) {
    if (requires_grad(Tensor(out.target)) || (out.second && requires_grad(Tensor(out.second))) ||
        any_requires_grad(overload, frame))
      fail<RuntimeError>(
          op.name,
          "(): functions with out=... arguments don't support automatic differentiation, but one of the "
          "arguments requires grad. Leave out= away, or work under torch.no_grad().");
  }
  NoGrad no_grad;
  if (overload.body) return run_body_out(op, overload, frame);
  if (!may_write_at_once(overload, frame, out)) [[unlikely]]
    return wrap_results(overload, compute_then_deliver(op, overload, frame, out));
  return dispatch(op, overload, frame, out);
}

PyObject* run(const Operator& op, const Overload& overload, Frame& frame) {
  if (frame.out_argument) [[unlikely]]
    return run_out(op, overload, frame);
  if (op.inplace) {
    const Tensor& self = reinterpret_cast<const Tensor&>(frame.values[0].tensor);
    check_inplace(self);
    if (overload.body) [[unlikely]]
      return run_body_inplace(op, overload, frame);
    return dispatch(op, overload, frame, Out{self.get(), nullptr, true});
  }
  if (overload.forms & Forms::writes_self)
    check_inplace(reinterpret_cast<const Tensor&>(frame.values[0].tensor));
  return dispatch(op, overload, frame, Out{});
}

// ---- __torch_function__

PyObject* torch_function_name() {
  static PyObject* name = PyUnicode_InternFromString("__torch_function__");
  return name;
}

PyObject* disabled_torch_function = nullptr;  // what a subclass sets to have no hook

// The class's hook (Tensor's default gives results of the subclass), or null where it is switched off.
PyObject* override_of(PyTypeObject* type) {
  static PyTypeObject* plain[4] = {};  // subclasses known to have none
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

thread_local bool overrides_disabled = false;

// Calls the hooks of the arguments that have one; null without an exception: nobody took the call.
PyObject* call_override(const Operator& op, PyObject* self, PyObject* const* args, Py_ssize_t count,
                        PyObject* keywords) {
  if (overrides_disabled) return nullptr;
  std::vector<Object> takers;  // owned: a hook may change the list an argument came from
  auto consider = [&](PyObject* o) {
    if (Py_TYPE(o) == tensor_type || PyType_HasFeature(Py_TYPE(o), Py_TPFLAGS_LONG_SUBCLASS) ||
        PyFloat_CheckExact(o))
      return;
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
  PyObject* function = self && op.method ? op.method : op.function ? op.function : op.method;
  for (const Object& taker : takers) {
    Object hook =
        owned(PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(taker.get())), torch_function_name()));
    Object result = owned(PyObject_CallFunctionObjArgs(hook.get(), function ? function : Py_None, types.get(),
                                                       positional.get(), by_name.get(), nullptr));
    if (result.get() != Py_NotImplemented) return result.release();
  }
  fail<TypeError>("no implementation found for '", op.name, "' on types that implement __torch_function__");
}

// An overload as PyTorch's messages write it: "add(Tensor input, Tensor other, *, Number alpha = 1)".
std::string signature_text(std::string_view name, const Overload& overload, bool method) {
  const std::string_view schema = overload.schema;
  std::string_view rest = schema.substr(schema.find('(') + 1);
  rest = rest.substr(0, rest.find(')'));
  std::string text;
  const auto append = [&text](std::string_view part) { text.append(text.empty() ? "" : ", ").append(part); };
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(", "), rest.size());
    std::string part(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 2, rest.size()));
    if (const size_t either = part.find("|Number"); either != part.npos) part.erase(either, 7);
    if (const size_t equals = part.find('='); equals != part.npos) part.replace(equals, 1, " = ");
    if (!part.ends_with(" self"))
      append(part);
    else if (!method)
      append("Tensor input");
  }
  if (!method && overload.takes_out) {
    if (text.find('*') == text.npos) append("*");
    append("Tensor out = None");
  }
  return concat(std::string(name), "(", text, ")");
}

std::string_view short_name(const Operator& op);

// As in PyTorch, one warning stands for all deprecated overloads.
void warn_deprecated(const Operator& op, const Overload& used, unsigned wanted) {
  static bool warned = false;
  if (std::exchange(warned, true)) return;
  const std::string_view name = short_name(op);
  const bool method = wanted == Forms::method;
  std::string text =
      concat("This overload of ", std::string(name), " is deprecated:\n\t",
             signature_text(name, used, method), "\nConsider using one of the following signatures instead:");
  for (const Overload& overload : op.overloads)
    if (op.inplace || overload.forms & wanted) text += concat("\n\t", signature_text(name, overload, method));
  warn(text);
}

// Null without an exception: none of the overloads takes the arguments.
PyObject* try_overloads(const Operator& op, const std::vector<Overload>& overloads, unsigned wanted,
                        PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  Frame frame;
  for (const Overload& overload : overloads) {
    if (!op.inplace && !(overload.forms & wanted)) continue;
    if (bind(overload, self, args, count, keywords, frame) == Bound::No) continue;
    if (overload.deprecated) [[unlikely]]
      warn_deprecated(op, overload, wanted);
    if (frame.special) [[unlikely]]
      if (override_of(Py_TYPE(frame.special)) || !frame.tensors.empty())
        if (PyObject* result = call_override(op, self, args, count, keywords)) return result;
    return run(op, overload, frame);
  }
  return nullptr;
}

PyObject* try_invoke(const Operator& op, PyObject* self, PyObject* const* args, Py_ssize_t count,
                     PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    const unsigned wanted = self ? Forms::method
                                 : Forms::function | Forms::nn | Forms::special | Forms::linalg |
                                       Forms::optim | Forms::fft | Forms::windows;
    PyObject* result = try_overloads(op, op.overloads, wanted, self, args, count, keywords);
    if (result) [[likely]]
      return result;
    if (PyErr_Occurred()) return nullptr;
    if (!op.deprecated.empty())
      if ((result = try_overloads(op, op.deprecated, wanted, self, args, count, keywords)) ||
          PyErr_Occurred())
        return result;
    return call_override(op, self, args, count, keywords);
  });
}

// ---- the callable object

struct OperatorObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  const Operator* op;
};

PyObject* call_function(PyObject* callable, PyObject* const* args, size_t flags, PyObject* keywords) {
  return invoke(*reinterpret_cast<OperatorObject*>(callable)->op, nullptr, args, PyVectorcall_NARGS(flags),
                keywords);
}
PyObject* call_method(PyObject* callable, PyObject* const* args, size_t flags, PyObject* keywords) {
  const Operator& op = *reinterpret_cast<OperatorObject*>(callable)->op;
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  if (count < 1 || !is_tensor(args[0])) {
    PyErr_Format(PyExc_TypeError,
                 "descriptor '%s' for 'Tensor' objects needs a Tensor as its first argument, got '%s'",
                 op.name.c_str(), count < 1 ? "nothing" : Py_TYPE(args[0])->tp_name);
    return nullptr;
  }
  return invoke(op, args[0], args + 1, count - 1, keywords);
}
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
std::string_view short_name(const Operator& op) {
  std::string_view name = op.name;
  size_t dot = name.rfind('.');
  return dot == name.npos ? name : name.substr(dot + 1);
}
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
  return reinterpret_cast<OperatorObject*>(o)->vectorcall == entry<call_method>;
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

PyObject* invoke(const Operator& op, PyObject* self, PyObject* const* args, Py_ssize_t count,
                 PyObject* keywords) {
  if (PyObject* result = try_invoke(op, self, args, count, keywords)) [[likely]]
    return result;
  if (PyErr_Occurred()) return nullptr;
  return guarded([&]() -> PyObject* {
    fail<TypeError>(explain_mismatch(std::string(short_name(op)), op.overloads, self, args, count, keywords));
  });
}

const Operator& find_operator(const char* name) {
  auto at = operators.find(name);
  if (at == operators.end()) fail<NotImplementedError>("the operator ", name, " is not implemented yet");
  return *at->second;
}

namespace {
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
PyMethodDef override_functions[] = {{"_disabled_torch_function_impl", entry<run_without_overrides>,
                                     METH_VARARGS, "The __torch_function__ of classes without one."},
                                    {"_set_overrides_disabled", entry<set_overrides_disabled>, METH_O,
                                     "Switches __torch_function__ off; returns what it was."},
                                    {nullptr, nullptr, 0, nullptr}};
}  // namespace

namespace {

// Gives an operator its place: in the module, in the home of its forms, on Tensor.
void publish(PyObject* module, Operator& op) {
  static PyTypeObject* function_type = make_operator_type("flambeau._core.Function", false);
  static PyTypeObject* method_type = make_operator_type("flambeau._core.Method", true);
  const std::string name(short_name(op));
  const Home* home = home_of(op.name);
  if (home || op.forms & Forms::function) {
    if (!op.function) op.function = make_callable(function_type, op, entry<call_function>);
    PyObject* place = home ? submodule(module, home->inner) : module;
    if (PyObject_SetAttrString(place, name.c_str(), op.function) < 0) throw PythonError();
    // The function of an operator with a home stands in the module too, unless another has that name.
    if (home && op.forms & Forms::function && !PyDict_GetItemString(PyModule_GetDict(module), name.c_str()))
      if (PyModule_AddObjectRef(module, name.c_str(), op.function) < 0) throw PythonError();
  }
  if (op.forms & Forms::method && !(home && name.ends_with('_') && operators.contains(name))) {
    if (!op.method) op.method = make_callable(method_type, op, entry<call_method>);
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
    for (Parameter& p : overload.parameters)
      p.as_given = p.type == ParameterType::Layout || p.type == ParameterType::MemoryFormat ||
                   p.type == ParameterType::Generator;
  }
  const Home* home = home_of_forms(exposed.forms);
  const std::string prefix = home ? concat(home->inner, ".") : "";
  if (overload.takes_out) {
    PyObject* second = overload.parameters.size() > 1 ? overload.parameters[1].name : nullptr;
    overload.out_rule = &out_rule_of(prefix + name, second ? PyUnicode_AsUTF8(second) : "");
  }
  auto add = [&](Operator& op, unsigned forms, const std::string& schema, Overload&& added) {
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
    op.doc += schema + "\n";
    op.overloads.push_back(std::move(added));
    changed(op);
  };
  const unsigned forms = exposed.forms;
  Overload twin_overload = overload;
  add(operator_named(prefix + name), forms, exposed.schema, std::move(overload));
  if (forms & (Forms::inplace | Forms::inplace_function)) {
    Operator& twin = operator_named(prefix + name + "_");
    twin.inplace = true;
    std::string schema = exposed.schema;
    schema.insert(schema.find('('), "_");
    twin_overload.takes_out = false;
    if (twin_overload.parameters[0].type == ParameterType::TensorOrNumber)
      twin_overload.parameters[0].type = ParameterType::Tensor;
    unsigned twin_forms = forms & Forms::nn;
    if (forms & Forms::inplace) twin_forms |= Forms::method;
    if (forms & Forms::inplace_function) twin_forms |= Forms::function;
    add(twin, twin_forms, schema, std::move(twin_overload));
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
  return Py_BuildValue("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "function", Forms::function,
                       "method", Forms::method, "inplace", Forms::inplace, "out", Forms::out, "nn", Forms::nn,
                       "inplace_function", Forms::inplace_function, "writes_self", Forms::writes_self,
                       "special", Forms::special, "linalg", Forms::linalg, "optim", Forms::optim,
                       "any_device", Forms::any_device, "fft", Forms::fft, "windows", Forms::windows);
}
PyMethodDef registration_functions[] = {
    {"_register_operator", fast<register_operator>(), METH_FASTCALL | METH_KEYWORDS,
     "Makes an operator of a schema and a Python function."},
    {"_operator_forms", entry<operator_forms>, METH_NOARGS, "The names and bits of an operator's forms."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void install_operators(PyObject* module) {
  if (PyModule_AddFunctions(module, override_functions) < 0) throw PythonError();
  if (PyModule_AddFunctions(module, registration_functions) < 0) throw PythonError();
  disabled_torch_function = owned(PyObject_GetAttrString(module, "_disabled_torch_function_impl")).release();
  std::vector<const Exposed*> all;
  for (const Exposed* e = Exposed::head(); e; e = e->next) all.push_back(e);
  std::reverse(all.begin(), all.end());
  for (const Exposed* e : all) enter(module, *e, nullptr, [](Operator&) {});
  for (auto& [full_name, op] : operators) publish(module, *op);
}

// ---- number protocol

namespace {

template <size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&from)[N]) { std::copy_n(from, N, text); }
};
template <Name name>
const Operator& named() {
  static const Operator& op = find_operator(name.text);
  return op;
}

// One operand of a binary operator, where it is a plain tensor of the CPU or a Python number.
inline bool set_plain(PyObject* o, Value& v) {
  if (Py_TYPE(o) == tensor_type) [[likely]] {
    v.tensor = impl_of(o);
    v.kind = ValueKind::Tensor;
    return v.tensor->device == Device::Type::Cpu;
  }
  if (PyFloat_CheckExact(o)) {
    v.real = PyFloat_AS_DOUBLE(o);
    v.kind = ValueKind::Float;
    return true;
  }
  if (PyLong_CheckExact(o)) {
    v.kind = ValueKind::Int;
    return parse_int(o, v.integer);
  }
  return false;
}

// NumPy takes `tensor + array` over and hands the result to __array_wrap__; on the left, and in comparisons,
// an array is met as the tensor of its values.
enum class Arrays { OnTheLeft, OnBothSides };

PyObject* call_binary(const Operator& op, PyObject* a, PyObject* b, Arrays arrays = Arrays::OnTheLeft) {
  const Overload& overload = op.overloads[0];
  Value values[4];
  const size_t n = overload.parameters.size();
  if (overload.call && n <= 4 && set_plain(a, values[0]) && set_plain(b, values[1]) &&
      (overload.parameters[1].type == ParameterType::TensorOrNumber ||
       (overload.parameters[1].type == ParameterType::Tensor && values[1].kind == ValueKind::Tensor)) &&
      (overload.parameters[0].type == ParameterType::TensorOrNumber || values[0].kind == ValueKind::Tensor))
      [[likely]] {
    for (size_t i = 2; i < n; ++i) values[i] = overload.parameters[i].default_value;
    try {
      if (op.inplace) {
        const Tensor& self = reinterpret_cast<const Tensor&>(values[0].tensor);
        check_inplace(self);
        return wrap(overload.call(values, Out{self.get(), nullptr, true}));
      }
      return wrap(overload.call(values, Out{}));
    } catch (...) {
      return raise_from_cpp();
    }
  }
  Object converted;
  PyObject* args[] = {a, b};
  for (PyObject*& o : args) {
    if (is_tensor(o) || (&o != args && arrays == Arrays::OnTheLeft) || !is_array(o)) continue;
    converted = owned(wrap(tensor_from_data(o, std::nullopt)));  // the other operand is a tensor
    o = converted.get();
  }
  PyObject* result = is_tensor(args[0]) && (op.inplace || op.forms & Forms::method)
                         ? try_invoke(op, args[0], args + 1, 1, nullptr)
                         : try_invoke(op, nullptr, args, 2, nullptr);
  if (result || PyErr_Occurred()) return result;
  Py_RETURN_NOTIMPLEMENTED;
}

template <Name name>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  return guarded([&] { return call_binary(named<name>(), a, b); });
}
template <Name name, Name reversed>
PyObject* binary_slot_reversed(PyObject* a, PyObject* b) {
  return guarded([&] {
    return is_tensor(a) || is_array(a) ? call_binary(named<name>(), a, b)
                                       : call_binary(named<reversed>(), b, a);
  });
}
// number / tensor is reciprocal(tensor) * number, as PyTorch computes (and rounds) it.
PyObject* divide_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (is_tensor(a)) return call_binary(named<"div">(), a, b);
    if (is_array(a)) return call_binary(named<"div">(), a, b);
    Object inverse = owned(invoke(named<"reciprocal">(), b, nullptr, 0, nullptr));
    return call_binary(named<"mul">(), inverse.get(), a);
  });
}
template <Name name>
PyObject* power_slot(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary_slot<name>(a, b);
}
template <Name name>
PyObject* unary_slot(PyObject* a) {
  return guarded([&] { return invoke(named<name>(), a, nullptr, 0, nullptr); });
}
PyObject* positive(PyObject* a) { return Py_NewRef(a); }

template <Name name>
PyObject* compare_slot(PyObject* a, PyObject* b) {
  return call_binary(named<name>(), a, b, Arrays::OnBothSides);
}
PyObject* compare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_LT:
      return compare_slot<"lt">(a, b);
    case Py_LE:
      return compare_slot<"le">(a, b);
    case Py_EQ:
      return compare_slot<"eq">(a, b);
    case Py_NE:
      return compare_slot<"ne">(a, b);
    case Py_GT:
      return compare_slot<"gt">(a, b);
    case Py_GE:
      return compare_slot<"ge">(a, b);
  }
  Py_RETURN_NOTIMPLEMENTED;
}

int truth(PyObject* o) {
  return guarded([&] {
    Tensor t = tensor_of(o);
    if (t.numel() != 1)
      fail<RuntimeError>("Boolean value of Tensor with ",
                         t.numel() == 0 ? "no values" : "more than one value", " is ambiguous; its shape is ",
                         t.sizes(), ", use .any() or .all()");
    Object value = owned(item(t));
    return PyObject_IsTrue(value.get());
  });
}
// The only item as a real number: a complex one's imaginary part must be 0.
Object only_item(PyObject* o) {
  check<ValueError>(impl_of(o)->numel == 1, "only one element tensors can be converted to Python scalars");
  Object value = owned(item(tensor_of(o)));
  if (!PyComplex_Check(value.get())) return value;
  Scalar number;
  parse_number(value.get(), number);
  return owned(PyFloat_FromDouble(number.to_double()));
}
PyObject* as_float(PyObject* o) { return PyNumber_Float(only_item(o).get()); }
PyObject* as_int(PyObject* o) { return PyNumber_Long(only_item(o).get()); }
PyObject* as_index(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor t = tensor_of(o);
    check<TypeError>(t.numel() == 1 && is_integral(t.dtype()),
                     "only integer tensors of a single element can be converted to an "
                     "index; this one is torch.",
                     name(t.dtype()), " of shape ", t.sizes());
    return PyNumber_Long(owned(item(t)).get());
  });
}
Py_ssize_t length(PyObject* o) {
  if (impl_of(o)->sizes.count == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return static_cast<Py_ssize_t>(impl_of(o)->sizes[0]);
}
PyObject* iterate(PyObject* o) {
  return guarded([&]() -> PyObject* {
    check<TypeError>(impl_of(o)->sizes.count > 0, "iteration over a 0-d tensor");
    Object parts = owned(invoke(named<"unbind">(), o, nullptr, 0, nullptr));
    return PyObject_GetIter(parts.get());
  });
}
Py_hash_t hash(PyObject* o) { return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(o) >> 4); }
int contains(PyObject* o, PyObject* element) {
  return guarded([&] {
    Object equal = owned(compare(o, element, Py_EQ));
    if (!is_tensor(equal.get()))
      fail<RuntimeError>("Tensor.__contains__ only supports Tensor or scalar, but you passed in a ",
                         Py_TYPE(element)->tp_name, ".");
    Object any = owned(invoke(named<"any">(), equal.get(), nullptr, 0, nullptr));
    return truth(any.get());
  });
}

}  // namespace

PyType_Slot tensor_number_slots[] = {{Py_nb_add, slot<binary_slot<"add">>()},
                                     {Py_nb_subtract, slot<binary_slot_reversed<"sub", "rsub">>()},
                                     {Py_nb_multiply, slot<binary_slot<"mul">>()},
                                     {Py_nb_true_divide, slot<divide_slot>()},
                                     {Py_nb_floor_divide, slot<binary_slot<"floor_divide">>()},
                                     {Py_nb_remainder, slot<binary_slot<"remainder">>()},
                                     {Py_nb_power, slot<power_slot<"pow">>()},
                                     {Py_nb_matrix_multiply, slot<binary_slot<"matmul">>()},
                                     {Py_nb_and, slot<binary_slot<"bitwise_and">>()},
                                     {Py_nb_lshift, slot<binary_slot<"bitwise_left_shift">>()},
                                     {Py_nb_rshift, slot<binary_slot<"bitwise_right_shift">>()},
                                     {Py_nb_inplace_lshift, slot<binary_slot<"bitwise_left_shift_">>()},
                                     {Py_nb_inplace_rshift, slot<binary_slot<"bitwise_right_shift_">>()},
                                     {Py_nb_or, slot<binary_slot<"bitwise_or">>()},
                                     {Py_nb_xor, slot<binary_slot<"bitwise_xor">>()},
                                     {Py_nb_inplace_add, slot<binary_slot<"add_">>()},
                                     {Py_nb_inplace_subtract, slot<binary_slot<"sub_">>()},
                                     {Py_nb_inplace_multiply, slot<binary_slot<"mul_">>()},
                                     {Py_nb_inplace_true_divide, slot<binary_slot<"div_">>()},
                                     {Py_nb_inplace_floor_divide, slot<binary_slot<"floor_divide_">>()},
                                     {Py_nb_inplace_remainder, slot<binary_slot<"remainder_">>()},
                                     {Py_nb_inplace_power, slot<power_slot<"pow_">>()},
                                     {Py_nb_inplace_and, slot<binary_slot<"bitwise_and_">>()},
                                     {Py_nb_inplace_or, slot<binary_slot<"bitwise_or_">>()},
                                     {Py_nb_inplace_xor, slot<binary_slot<"bitwise_xor_">>()},
                                     {Py_nb_negative, slot<unary_slot<"neg">>()},
                                     {Py_nb_positive, slot<positive>()},
                                     {Py_nb_absolute, slot<unary_slot<"abs">>()},
                                     {Py_nb_invert, slot<unary_slot<"bitwise_not">>()},
                                     {Py_nb_bool, slot<truth>()},
                                     {Py_nb_float, slot<as_float>()},
                                     {Py_nb_int, slot<as_int>()},
                                     {Py_nb_index, slot<as_index>()},
                                     {Py_tp_richcompare, slot<compare>()},
                                     {Py_tp_hash, slot<hash>()},
                                     {Py_tp_iter, slot<iterate>()},
                                     {Py_mp_length, slot<length>()},
                                     {Py_sq_contains, slot<contains>()},
                                     {0, nullptr}};

}  // namespace flambeau::python
