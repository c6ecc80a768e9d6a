// Calls of operators: overloads, devices, out= and in-place forms, bodies written in Python.
#include "core/python/operator.h"

#include <algorithm>
#include <string>

#include "core/ops/operators.h"
#include "core/python/arguments.h"
#include "core/python/autocast.h"
#include "core/python/overrides.h"

namespace flambeau::python {

namespace {

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
  if (result.device() != out.target->device)
    fail<RuntimeError>(op.name, "(): Expected out tensor to have device ", name(result.device()),
                       ", but got ", name(out.target->device), " instead");
  const DeviceScope scope(result.device());  // the body found its own devices
  copy_(result_for(out, result.sizes(), result.dtype()), result);
}

[[gnu::cold]] PyObject* run_body_inplace(const Operator& op, const Overload& overload, Frame& frame) {
  const Tensor self(frame.values[0].tensor);
  Tensor
      copy;  // for what the body captures of itself: a later backward must not meet the value written below
  if (grad_enabled() && any_requires_grad(overload, frame)) {
    const DeviceScope scope(self.device());
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
  if (first && first->device == Device::Type::SparseCpu)
    fail<NotImplementedError>("Could not run 'aten::", op.name,
                              "' with arguments from the 'SparseCPU' backend: there is no such operator for "
                              "sparse tensors; convert with .to_dense()");
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

// Another device than the CPU, or a precision that autocast chooses.
[[gnu::noinline]] PyObject* dispatch_elsewhere(const Operator& op, const Overload& overload, Frame& frame,
                                               const Out& out) {
  if (frame.elsewhere & kAutocastMark) {
    frame.elsewhere &= static_cast<uint8_t>(~kAutocastMark);
    if (!out.target) {  // else where a result goes decides its precision
      const AutocastCall casts(overload, frame);
      return works_elsewhere(overload, frame, out) ? dispatch_elsewhere(op, overload, frame, out)
                                                   : dispatch_here(overload, frame, out);
    }
    if (!works_elsewhere(overload, frame, out)) return dispatch_here(overload, frame, out);
  }
  const Device::Type device = device_of_call(op, overload, frame, out);
  if (overload.body) return call_body(overload, frame).release();  // what it calls finds its own devices
  const DeviceScope scope(device);
  return dispatch_here(overload, frame, out);
}

inline PyObject* dispatch(const Operator& op, const Overload& overload, Frame& frame, const Out& out) {
  if (!works_elsewhere(overload, frame, out)) [[likely]]
    return dispatch_here(overload, frame, out);
  return dispatch_elsewhere(op, overload, frame, out);
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

// An operator that leaves out= to its caller: each result is copied to its target.
[[gnu::cold]] PyObject* run_then_copy(const Operator& op, const Overload& overload, const Frame& frame,
                                      const Out& out) {
  const DeviceScope scope(works_elsewhere(overload, frame, out) ? device_of_call(op, overload, frame, out)
                                                                : Device::Type::Cpu);
  Results results;
  if (overload.call)
    results.tensors.push_back(overload.call(frame.values, Out{}));
  else
    results = overload.call_many(frame.values, Out{});
  PyObject* const given = frame.out_argument;
  const bool several = PyTuple_Check(given);
  const auto n = static_cast<Py_ssize_t>(results.tensors.size());
  check<TypeError>(several ? PyTuple_GET_SIZE(given) == n : n == 1, op.name,
                   "(): out= takes as many tensors as there are results, which are ", n);
  for (Py_ssize_t i = 0; i < n; ++i) {
    Tensor& result = results.tensors[static_cast<size_t>(i)];
    const Tensor target(impl_of(several ? PyTuple_GET_ITEM(given, i) : given));
    copy_(result_for(Out{target.get(), nullptr, false, out.rule}, result.sizes(), result.dtype()), result);
    result = target;
  }
  return wrap_results(overload, std::move(results));
}

[[gnu::cold]] PyObject* run_out(const Operator& op, const Overload& overload, Frame& frame) {
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
    check<TypeError>(n >= 1 && (n <= 2 || overload.body || !overload.writes_out), op.name,
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
  if (!overload.writes_out) return run_then_copy(op, overload, frame, out);
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

// Gives the call to the hook of an argument; null without an exception: nobody took it.
[[gnu::cold]] PyObject* offer(const Operator& op, PyObject* self, PyObject* const* args, Py_ssize_t count,
                              PyObject* keywords) {
  PyObject* function = self && op.method ? op.method : op.function ? op.function : op.method;
  return call_override(op.name, function, self, args, count, keywords);
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

// As in PyTorch, one warning stands for all deprecated overloads.
[[gnu::cold]] void warn_deprecated(const Operator& op, const Overload& used, unsigned wanted) {
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
        if (PyObject* result = offer(op, self, args, count, keywords)) return result;
    return run(op, overload, frame);
  }
  return nullptr;
}

}  // namespace

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
    return offer(op, self, args, count, keywords);
  });
}

PyObject* invoke(const Operator& op, PyObject* self, PyObject* const* args, Py_ssize_t count,
                 PyObject* keywords) {
  if (PyObject* result = try_invoke(op, self, args, count, keywords)) [[likely]]
    return result;
  if (PyErr_Occurred()) return nullptr;
  return guarded([&]() -> PyObject* {
    fail<TypeError>(explain_mismatch(std::string(short_name(op)), op.overloads, self, args, count, keywords));
  });
}

namespace {

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

}  // namespace

const vectorcallfunc call_as_function = entry<call_function>, call_as_method = entry<call_method>;

}  // namespace flambeau::python
