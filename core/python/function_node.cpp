// The node of a user-defined autograd.Function: its derivative is a Python callable, its context a Python
// object.
#include "core/python/python.h"

#include "core/autograd/differentiable.h"
#include "core/autograd/freed.h"
#include "core/python/arguments.h"
#include "core/python/function_node.h"

namespace flambeau::python {

namespace {

struct FunctionNode final : Node {
  std::vector<Edge> edge_storage;
  std::vector<Saved> captures;
  std::string own_name;
  Object run;  // run(grad_outputs) -> one gradient or None per edge

  FunctionNode(std::string node_name, Object run_backward)
      : Node("Function"), own_name(std::move(node_name)), run(std::move(run_backward)) {
    name = own_name.c_str();
    takes_undefined = foreign = true;
  }
  ~FunctionNode() override { saved = nullptr; }  // the captures die with the vector
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    check(static_cast<bool>(run), "the function ", own_name, " was already freed");
    Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(grads.size())));
    for (size_t i = 0; i < grads.size(); ++i)
      PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), owned(wrap(grads[i])).release());
    const Object held = Object::borrow(run.get());  // the call may clear the node
    Object result = owned(PyObject_CallOneArg(held.get(), tuple.get()));
    check<TypeError>(PyTuple_Check(result.get()), "expected a tuple of gradients");
    const auto count = static_cast<size_t>(PyTuple_GET_SIZE(result.get()));
    check(count == grad_inputs.size(), "function ", own_name,
          " returned an incorrect number of gradients (expected ", grad_inputs.size(), ", got ", count, ")");
    for (size_t i = 0; i < count; ++i) {
      PyObject* gradient = PyTuple_GET_ITEM(result.get(), static_cast<Py_ssize_t>(i));
      if (gradient == Py_None) continue;
      check(is_tensor(gradient), "expected Variable or None (got ", Py_TYPE(gradient)->tp_name, ")");
      if (edge_storage[i]) grad_inputs[i] = tensor_of(gradient);
    }
  }
  int visit(int (*visitor)(void*, void*), void* arg) override { return run ? visitor(run.get(), arg) : 0; }
  void clear() override { Object drop_run = std::move(run); }
};

// _record_function(name, run, inputs, outputs, saved, saved_outputs) -> the node. `inputs`: the arguments of
// forward, None where they are no tensors. `outputs`: the differentiable results, None where there is none.
// `saved`: what backward needs; saved_outputs[i] is the number of the output that saved[i] is, or -1.
PyObject* record_function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [name, run, inputs, outputs, dirty, saved, saved_outputs] = parse_arguments<7>(
      "_record_function", {"name", "run", "inputs", "outputs", "dirty", "saved", "saved_outputs"}, 7, args,
      count, keywords);
  Object written = owned(PySequence_Fast(dirty, "_record_function(): dirty must be a sequence"));
  const std::string text(text_of(name));
  auto* node = new FunctionNode(text, Object::borrow(run));
  Ref<Node> holder(node);
  const std::vector<Tensor> arguments = tensor_list(inputs, "_record_function", "inputs");
  for (const Tensor& input : arguments) node->edge_storage.push_back(edge_of(input));
  const Tensor first_input = arguments.empty() ? Tensor() : arguments[0];
  node->edges = node->edge_storage;
  std::vector<Tensor> results = tensor_list(outputs, "_record_function", "outputs");
  check(static_cast<size_t>(PySequence_Fast_GET_SIZE(written.get())) == results.size(),
        "_record_function(): dirty and outputs must be as long");
  node->set_outputs(static_cast<uint32_t>(results.size()));
  Object face = owned(wrap_node(node));  // the collector has to see the context
  for (size_t i = 0; i < results.size(); ++i) {
    const Tensor& result = results[i];
    if (!result) continue;
    if (is_true(PySequence_Fast_GET_ITEM(written.get(), static_cast<Py_ssize_t>(i)))) {
      if (result->view_base) {
        check(results.size() == 1,
              "If your Function modifies inplace an input that is a view of another Tensor, your Function "
              "cannot "
              "return more than one Tensor. This is not supported by the current autograd engine. You "
              "should either "
              "make sure the input is not a view (using .clone() for example) or make your Function only "
              "return one "
              "Tensor (potentially splitting it into two Functions: one doing the inplace that returns a "
              "single "
              "Tensor and a second one that does the other operations). You can ask on the forum if you "
              "need help "
              "to do this change.");
        check<NotImplementedError>(node->edge_storage[0] && first_input == result,
                                   "mark_dirty on a view that is not the first argument of forward");
        rebase_history(result, holder);
        continue;
      }
    } else if (result->view_base && result->view_kind != ViewKind::OneOfMany) {
      result->view_kind = results.size() > 1 ? ViewKind::OneOfMany : ViewKind::MadeByFunction;
    }
    set_history(result, holder, static_cast<uint32_t>(i));
  }
  const std::vector<Tensor> captured = tensor_list(saved, "_record_function", "saved");
  Object numbers = owned(PySequence_Tuple(saved_outputs));
  node->captures.reserve(captured.size());
  const RecordingScope scope(node, nullptr);
  for (size_t i = 0; i < captured.size(); ++i) {
    int64_t number;
    check<TypeError>(parse_int(PyTuple_GET_ITEM(numbers.get(), static_cast<Py_ssize_t>(i)), number),
                     "_record_function(): saved_outputs must be ints");
    node->captures.emplace_back(Saved(captured[i], static_cast<int32_t>(number)));
  }
  pack_captures(*node);
  return face.release();
}

// _function_saved(node): what backward needs, or the error that tells why it is gone.
PyObject* function_saved(PyObject*, PyObject* o) {
  auto* node = dynamic_cast<FunctionNode*>(node_from(o));
  check<TypeError>(node != nullptr, "_function_saved(): not the node of a Function");
  if (node->released) fail_freed();  // also where nothing, or None, was saved
  Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(node->captures.size())));
  for (size_t i = 0; i < node->captures.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i),
                     owned(wrap(node->captures[i].get(node))).release());
  return tuple.release();
}

// _function_captures(node) -> for each tensor that forward saved its number among the node's captures, None
// for a None.
PyObject* function_captures(PyObject*, PyObject* o) {
  auto* node = dynamic_cast<FunctionNode*>(node_from(o));
  check<TypeError>(node != nullptr, "_function_captures(): not the node of a Function");
  if (node->released) fail_freed();
  Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(node->captures.size())));
  long number = 0;
  for (size_t i = 0; i < node->captures.size(); ++i) {
    PyObject* item = node->captures[i].is_absent() ? Py_NewRef(Py_None) : PyLong_FromLong(number++);
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), owned(item).release());
  }
  return tuple.release();
}

// _returned_as_is(tensor): another tensor on the same memory, a view whose history nothing may rewrite.
PyObject* returned_as_is(PyObject*, PyObject* o) {
  Tensor t = need_tensor(o, "_returned_as_is", "tensor");
  return wrap(make_view(t, t.sizes(), t.strides(), 0, ViewKind::MadeByFunction));
}

// _function_run(node) -> the callable given to _record_function; None for other nodes.
PyObject* function_run(PyObject*, PyObject* o) {
  auto* node = dynamic_cast<FunctionNode*>(node_from(o));
  if (!node || !node->run) Py_RETURN_NONE;
  return Py_NewRef(node->run.get());
}

PyObject* check_inplace_function(PyObject*, PyObject* o) {
  check_inplace(need_tensor(o, "_check_inplace", "tensor"));
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"_record_function", fast<record_function>(), METH_FASTCALL | METH_KEYWORDS,
     "Records a user-defined function."},
    {"_function_saved", entry<function_saved>, METH_O, "What the node of a Function saved for backward."},
    {"_function_captures", entry<function_captures>, METH_O, "Which captures forward saved, by number."},
    {"_returned_as_is", entry<returned_as_is>, METH_O, "A view of an input that a Function returned."},
    {"_function_run", entry<function_run>, METH_O, "What the node of a Function calls."},
    {"_check_inplace", entry<check_inplace_function>, METH_O,
     "Raises where writing to the tensor would break the graph."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_function_node(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace flambeau::python
