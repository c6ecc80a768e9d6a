// The engine and the grad modes as functions.
#include "core/python/python.h"

#include <algorithm>

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"

namespace flambeau::python {

namespace {

// A place of the graph given as (node, output number).
Edge edge_from(PyObject* pair, const char* argument) {
  if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) < 2)
    fail<RuntimeError>("all ", argument, " have to be Tensors or GradientEdges, but got ",
                       Py_TYPE(pair)->tp_name);
  int64_t number;
  check<TypeError>(parse_int(PyTuple_GET_ITEM(pair, 1), number),
                   "the output number of a GradientEdge must be int");
  return edge_at(PyTuple_GET_ITEM(pair, 0), number);
}
// The gradient of such a place, which has to be given unless it has one element.
Tensor edge_gradient(const Edge& edge, const Tensor& grad, size_t index) {
  GradientForm form;
  if (edge.leaf)
    form = {edge.leaf->sizes, edge.leaf->dtype, edge.leaf->device};
  else
    form = edge.node->output(edge.output_nr).form;
  const DeviceScope device(place_of(form.device));
  return root_gradient(empty(form.sizes, form.dtype), grad, index);
}

// _run_backward(roots, grad_roots, retain_graph, create_graph, inputs, accumulate, allow_unused) -> gradients
// or None
PyObject* run_backward_function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [roots, grads, retain, create, inputs, accumulate, allow_unused] = parse_arguments<7>(
      "_run_backward",
      {"roots", "grad_roots", "retain_graph", "create_graph", "inputs", "accumulate", "allow_unused"}, 7,
      args, count, keywords);
  BackwardOptions options;
  options.retain_graph = is_true(retain);
  options.create_graph = is_true(create);
  options.accumulate = is_true(accumulate);
  // Each root and each input is a tensor or, as a GradientEdge, a pair of a node and the number of its
  // output.
  std::vector<Edge> root_list, input_list;
  std::vector<Tensor> grad_list = tensor_list(grads, "backward", "grad_tensors");
  Object root_sequence = owned(PySequence_Tuple(roots));
  const auto count_roots = static_cast<size_t>(PyTuple_GET_SIZE(root_sequence.get()));
  check(grad_list.size() == count_roots, "got ", count_roots, " tensors and ", grad_list.size(),
        " gradients");
  for (size_t i = 0; i < count_roots; ++i) {
    PyObject* root = PyTuple_GET_ITEM(root_sequence.get(), static_cast<Py_ssize_t>(i));
    if (is_tensor(root)) {
      root_list.push_back(root_edge(tensor_of(root), i));
      grad_list[i] = root_gradient(tensor_of(root), grad_list[i], i);
    } else {
      root_list.push_back(edge_from(root, "tensors"));
      grad_list[i] = edge_gradient(root_list[i], grad_list[i], i);
    }
  }
  if (given(inputs)) {
    Object input_sequence = owned(PySequence_Tuple(inputs));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(input_sequence.get()); ++i) {
      PyObject* input = PyTuple_GET_ITEM(input_sequence.get(), i);
      const auto index = static_cast<size_t>(i);
      input_list.push_back(is_tensor(input) ? input_edge(tensor_of(input), index, options.accumulate)
                                            : edge_from(input, "inputs"));
    }
  }
  std::vector<Tensor> results = run_backward(root_list, grad_list, input_list, options);
  if (options.accumulate) Py_RETURN_NONE;
  Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(results.size())));
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i] && !is_true(allow_unused))
      fail<RuntimeError>("The differentiated Tensor at index ", i,
                         " appears to not have been used in the graph. Set allow_unused=True if this is "
                         "the desired behavior.");
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), owned(wrap(std::move(results[i]))).release());
  }
  return tuple.release();
}

// ---- saved_tensors_hooks

class PythonPacked final : public PackedValue {
 public:
  PythonPacked(Object value, Object unpack) : value_(std::move(value)), unpack_(std::move(unpack)) {}
  Tensor unpack() override {
    Object result = owned(PyObject_CallOneArg(unpack_.get(), value_.get()));
    if (!is_tensor(result.get()))
      fail<TypeError>("Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
                      Py_TYPE(result.get())->tp_name);
    return tensor_of(result.get());
  }
  int visit(int (*visitor)(void*, void*), void* arg) override {
    if (int stop = visitor(value_.get(), arg)) return stop;
    return visitor(unpack_.get(), arg);
  }
  PyObject* value() const { return value_.get(); }
  PyObject* unpack_hook() const { return unpack_.get(); }

 private:
  Object value_, unpack_;
};
class PythonCaptureHooks final : public CaptureHooks {
 public:
  PythonCaptureHooks(PyObject* pack, PyObject* unpack)
      : pack_(Object::borrow(pack)), unpack_(Object::borrow(unpack)) {}
  std::unique_ptr<PackedValue> pack(const Tensor& tensor) override {
    const Object hook = Object::borrow(pack_.get()), unpack = Object::borrow(unpack_.get());
    Object argument = owned(wrap(tensor));
    Object value = owned(PyObject_CallOneArg(hook.get(), argument.get()));
    return std::make_unique<PythonPacked>(std::move(value), Object::borrow(unpack.get()));
  }

 private:
  Object pack_, unpack_;
};
// Those of a thread, the innermost last; the list is given away to the thread's end, where no GIL is held.
struct CaptureHookStack {
  std::vector<CaptureHooks*> hooks;
  std::optional<std::string> disabled;
};
thread_local CaptureHookStack capture_stack;
void set_current_capture_hooks() {
  const bool had = capture_hooks != nullptr;
  capture_hooks = capture_stack.hooks.empty() ? nullptr : capture_stack.hooks.back();
  threads_with_capture_hooks += (capture_hooks != nullptr) - had;
}

PyObject* push_capture_hooks(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [pack, unpack] =
      parse_arguments<2>("saved_tensors_hooks", {"pack_hook", "unpack_hook"}, 2, args, count, keywords);
  for (PyObject* hook : {pack, unpack})
    if (!PyCallable_Check(hook))
      fail<TypeError>("saved_tensors_hooks(): a hook must be callable, not ", Py_TYPE(hook)->tp_name);
  if (capture_stack.disabled) fail<RuntimeError>(*capture_stack.disabled);
  capture_stack.hooks.push_back(new PythonCaptureHooks(pack, unpack));
  set_current_capture_hooks();
  Py_RETURN_NONE;
}
PyObject* pop_capture_hooks(PyObject*, PyObject*) {
  check(!capture_stack.hooks.empty(), "there are no saved_tensors_hooks to leave");
  const std::unique_ptr<CaptureHooks> top(capture_stack.hooks.back());
  capture_stack.hooks.pop_back();
  set_current_capture_hooks();
  Py_RETURN_NONE;
}
// ---- the captures of one node, by number in the order of capture

Node& node_with_captures(PyObject* o) {
  Node* node = node_from(o);
  check<TypeError>(node != nullptr, "expected a node of the graph, not ", Py_TYPE(o)->tp_name);
  return *node;
}
std::vector<Saved*> captures_of(Node& node) {
  std::vector<Saved*> list;
  for (Saved* s = node.saved; s; s = s->next()) list.push_back(s);
  std::reverse(list.begin(), list.end());
  return list;
}
Saved& capture_at(PyObject* node, PyObject* number) {
  int64_t i;
  check<TypeError>(parse_int(number, i), "the number of a capture must be an int");
  const std::vector<Saved*> list = captures_of(node_with_captures(node));
  check<IndexError>(i >= 0 && i < static_cast<int64_t>(list.size()), "there is no capture of number ", i);
  return *list[static_cast<size_t>(i)];
}

// _captures(node) -> for each the place where its gradient flows and which output of the node it is (-1:
// none); None where it was freed.
PyObject* captures(PyObject*, PyObject* o) {
  const std::vector<Saved*> list = captures_of(node_with_captures(o));
  Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(list.size())));
  for (size_t i = 0; i < list.size(); ++i) {
    Object item = Object::borrow(Py_None);
    if (!list[i]->is_dropped()) {
      const Object edge = owned(wrap_edge(list[i]->edge()));
      item = owned(Py_BuildValue("(Oi)", edge.get(), static_cast<int>(list[i]->result_nr())));
    }
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), item.release());
  }
  return tuple.release();
}
// _capture(node, number) -> the tensor, unpacked.
PyObject* capture(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [node, number] = parse_arguments<2>("_capture", {"node", "number"}, 2, args, count, keywords);
  return wrap(capture_at(node, number).get(&node_with_captures(node)));
}
// _capture_as_kept(node, number) -> (the tensor, or what a pack hook made of it; the unpack hook or None).
PyObject* capture_as_kept(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [node, number] = parse_arguments<2>("_capture_as_kept", {"node", "number"}, 2, args, count, keywords);
  const Saved& saved = capture_at(node, number);
  if (saved.is_dropped()) return Py_BuildValue("(OO)", Py_None, Py_None);
  if (const auto* packed = dynamic_cast<PythonPacked*>(saved.packed()))
    return Py_BuildValue("(OO)", packed->value(), packed->unpack_hook());
  const Object tensor = owned(wrap(saved.get(nullptr)));
  return Py_BuildValue("(OO)", tensor.get(), Py_None);
}
// _pack_capture(node, number, pack_hook, unpack_hook)
PyObject* pack_capture(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [node, number, pack, unpack] = parse_arguments<4>(
      "register_hooks", {"node", "number", "pack_hook", "unpack_hook"}, 4, args, count, keywords);
  for (PyObject* hook : {pack, unpack})
    if (!PyCallable_Check(hook))
      fail<TypeError>("register_hooks(): a hook must be callable, not ", Py_TYPE(hook)->tp_name);
  const Object held = Object::borrow(node);  // the hook may drop the last reference
  Saved& saved = capture_at(node, number);
  check(!saved.packed(),
        "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of "
        "hooks is allowed at a time.");
  check(!saved.is_dropped(),
        "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the "
        "graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
        "to backward through the graph a second time or if you need to access saved variables after calling "
        "backward.");
  PythonCaptureHooks hooks(pack, unpack);
  saved.pack(hooks);
  Py_RETURN_NONE;
}

// _disable_capture_hooks(message or None) -> the message before.
PyObject* disable_capture_hooks(PyObject*, PyObject* message) {
  std::optional<std::string> text;
  if (given(message)) {
    const char* utf8 = PyUnicode_AsUTF8(message);
    if (!utf8) throw PythonError();
    text = utf8;
    if (!capture_stack.hooks.empty()) fail<RuntimeError>(*text);
  }
  std::swap(capture_stack.disabled, text);
  if (!text) Py_RETURN_NONE;
  return PyUnicode_FromString(text->c_str());
}

// ---- anomaly mode

// Where a node was recorded: what flambeau/autograd/anomaly_mode.py makes of the stack.
struct PythonOrigin final : Origin {
  explicit PythonOrigin(Object o) : place(std::move(o)) {}
  int visit(int (*visitor)(void*, void*), void* arg) override { return visitor(place.get(), arg); }
  Object place;
};
Object place_of(const Node* node) {
  const auto* origin = node && node->hooks ? static_cast<PythonOrigin*>(node->hooks->origin.get()) : nullptr;
  return Object::borrow(origin ? origin->place.get() : Py_None);
}
void note_python_origin(Node* node) {
  Object support = owned(PyImport_ImportModule("flambeau.autograd.anomaly_mode"));
  Object place = owned(PyObject_CallMethod(
      support.get(), "_place", "sO", running_node ? running_node->name : "", place_of(running_node).get()));
  node->make_hooks().origin = std::make_unique<PythonOrigin>(std::move(place));
}
// An exception is on its way: where it is Python's, it is put aside meanwhile.
void report_python_origin(const Node& node) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  Object support(PyImport_ImportModule("flambeau.autograd.anomaly_mode"));
  Object done(support ? PyObject_CallMethod(support.get(), "_report", "sO", node.name, place_of(&node).get())
                      : nullptr);
  if (!done) PyErr_WriteUnraisable(nullptr);
  PyErr_Restore(type, value, trace);
}

PyObject* set_anomaly_mode(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [enabled, check_nan] =
      parse_arguments<2>("set_detect_anomaly", {"mode", "check_nan"}, 2, args, count, keywords);
  check<TypeError>(PyBool_Check(enabled),
                   "set_anomaly_enabled(): argument 'enabled' (position 1) must be bool, not ",
                   Py_TYPE(enabled)->tp_name);
  check<TypeError>(PyBool_Check(check_nan),
                   "set_anomaly_enabled(): argument 'check_nan' (position 2) must be bool, not ",
                   Py_TYPE(check_nan)->tp_name);
  note_origin = note_python_origin;
  report_origin = report_python_origin;
  anomaly_mode = {is_true(enabled), is_true(check_nan)};
  Py_RETURN_NONE;
}
PyObject* is_anomaly_enabled(PyObject*, PyObject*) { return PyBool_FromLong(anomaly_mode.enabled); }
PyObject* is_anomaly_check_nan_enabled(PyObject*, PyObject*) {
  return PyBool_FromLong(anomaly_mode.check_nan);
}

// _gradient_edge(tensor) -> (node, output_nr).
PyObject* gradient_edge_function(PyObject*, PyObject* o) {
  const Edge edge = gradient_edge(need_tensor(o, "get_gradient_edge", "tensor"));
  check(static_cast<bool>(edge),
        "It is not possible to get the gradient edge for a Tensor that does not require gradients");
  return wrap_edge(edge);
}
PyObject* current_run_function(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(current_run()); }
PyObject* run_is_restricted_function(PyObject*, PyObject*) { return PyBool_FromLong(run_is_restricted()); }
PyObject* is_running_function(PyObject*, PyObject* number) {
  const unsigned long long run = PyLong_AsUnsignedLongLong(number);
  if (PyErr_Occurred()) return nullptr;
  return PyBool_FromLong(is_running(run));
}
// _will_run(edges) -> a bool for each pair of a node and the number of its output.
PyObject* will_run_function(PyObject*, PyObject* edges) {
  Object sequence = owned(PySequence_Tuple(edges));
  std::vector<Edge> places;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(sequence.get()); ++i)
    places.push_back(edge_from(PyTuple_GET_ITEM(sequence.get(), i), "edges"));
  const std::vector<bool> reached = will_run(places);
  Object list = owned(PyList_New(static_cast<Py_ssize_t>(reached.size())));
  for (size_t i = 0; i < reached.size(); ++i)
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), PyBool_FromLong(reached[i]));
  return list.release();
}
PyObject* bump_version(PyObject*, PyObject* o) {
  need_tensor(o, "increment_version", "tensor")->bump_version();
  Py_RETURN_NONE;
}
// _running_node() -> the node whose derivative is being computed, or None.
PyObject* running_node_function(PyObject*, PyObject*) {
  if (!running_node) Py_RETURN_NONE;
  return wrap_node(running_node);
}

bool grad_asked() { return grad_state.inference ? grad_state.asked : grad_state.enabled; }
PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_asked()); }
PyObject* set_grad_enabled(PyObject*, PyObject* value) {
  check<TypeError>(PyBool_Check(value), "_set_grad_enabled(): argument must be bool, not ",
                   Py_TYPE(value)->tp_name);
  const bool previous = grad_asked();
  grad_state.asked = value == Py_True;
  grad_state.enabled = grad_state.asked && !grad_state.inference;
  return PyBool_FromLong(previous);
}
PyObject* is_inference_mode_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_state.inference); }
PyObject* set_inference_mode(PyObject*, PyObject* value) {
  bool previous = grad_state.inference;
  grad_state.inference = value == Py_True;
  grad_state.enabled = grad_state.asked = !grad_state.inference;
  return PyBool_FromLong(previous);
}

}  // namespace

PyMethodDef autograd_functions[] = {
    {"_run_backward", fast<run_backward_function>(), METH_FASTCALL | METH_KEYWORDS,
     "The engine behind backward and grad."},
    {"is_grad_enabled", entry<is_grad_enabled>, METH_NOARGS, "Whether operations are recorded."},
    {"_set_grad_enabled", entry<set_grad_enabled>, METH_O, "Switches recording; returns what it was."},
    {"_push_capture_hooks", fast<push_capture_hooks>(), METH_FASTCALL | METH_KEYWORDS,
     "From now on captured tensors pass through two hooks."},
    {"_pop_capture_hooks", entry<pop_capture_hooks>, METH_NOARGS, "Takes the innermost such hooks away."},
    {"_disable_capture_hooks", entry<disable_capture_hooks>, METH_O,
     "Forbids them with a message; returns the one before."},
    {"_captures", entry<captures>, METH_O, "Where the gradients of a node's captures flow."},
    {"_capture", fast<capture>(), METH_FASTCALL | METH_KEYWORDS, "A tensor that a node captured, unpacked."},
    {"_capture_as_kept", fast<capture_as_kept>(), METH_FASTCALL | METH_KEYWORDS,
     "What a node keeps of a capture, and its unpack hook."},
    {"_pack_capture", fast<pack_capture>(), METH_FASTCALL | METH_KEYWORDS,
     "Puts a pair of hooks on one capture of a node."},
    {"_set_anomaly_mode", fast<set_anomaly_mode>(), METH_FASTCALL | METH_KEYWORDS, "Switches anomaly mode."},
    {"is_anomaly_enabled", entry<is_anomaly_enabled>, METH_NOARGS, "Whether anomaly mode is on."},
    {"is_anomaly_check_nan_enabled", entry<is_anomaly_check_nan_enabled>, METH_NOARGS,
     "Whether anomaly mode looks for NaN."},
    {"_gradient_edge", entry<gradient_edge_function>, METH_O, "(node, output number) of a tensor's history."},
    {"_current_run", entry<current_run_function>, METH_NOARGS,
     "The number of the pass that this thread is in; 0: none."},
    {"_run_is_restricted", entry<run_is_restricted_function>, METH_NOARGS,
     "Whether the pass computes the gradients of given inputs alone."},
    {"_is_running", entry<is_running_function>, METH_O, "Whether the pass of a number is under way."},
    {"_will_run", entry<will_run_function>, METH_O, "Which places of the graph the pass reaches."},
    {"_bump_version", entry<bump_version>, METH_O, "Counts an in-place write."},
    {"_running_node", entry<running_node_function>, METH_NOARGS,
     "The node whose derivative is being computed."},
    {"is_inference_mode_enabled", entry<is_inference_mode_enabled>, METH_NOARGS,
     "Whether inference mode is on."},
    {"_set_inference_mode", entry<set_inference_mode>, METH_O,
     "Switches inference mode; returns what it was."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace flambeau::python
