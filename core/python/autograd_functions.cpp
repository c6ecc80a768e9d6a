// The engine and the grad modes as functions.
#include "core/python/python.h"

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"

namespace flambeau::python {

namespace {

// A place of the graph given as (node, output number).
Edge edge_from(PyObject* pair, const char* argument, size_t index) {
  if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) < 2)
    fail<TypeError>("element ", index, " of ", argument, " must be a Tensor or a GradientEdge, not ",
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
  const DeviceScope device(form.device);
  return root_gradient(empty(form.sizes, form.dtype), grad, index);
}

// _run_backward(roots, grad_roots, retain_graph, create_graph, inputs, accumulate, allow_unused) -> gradients
// or None
PyObject* run_backward_function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
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
        root_list.push_back(edge_from(root, "tensors", i));
        grad_list[i] = edge_gradient(root_list[i], grad_list[i], i);
      }
    }
    if (given(inputs)) {
      Object input_sequence = owned(PySequence_Tuple(inputs));
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(input_sequence.get()); ++i) {
        PyObject* input = PyTuple_GET_ITEM(input_sequence.get(), i);
        const auto index = static_cast<size_t>(i);
        input_list.push_back(is_tensor(input) ? input_edge(tensor_of(input), index, options.accumulate)
                                              : edge_from(input, "inputs", index));
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
  });
}

PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_state.enabled); }
PyObject* set_grad_enabled(PyObject*, PyObject* value) {
  return guarded([&] {
    check<TypeError>(PyBool_Check(value), "_set_grad_enabled(): argument must be bool, not ",
                     Py_TYPE(value)->tp_name);
    bool previous = grad_state.enabled;
    grad_state.enabled = value == Py_True;
    return PyBool_FromLong(previous);
  });
}
PyObject* is_inference_mode_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_state.inference); }
PyObject* set_inference_mode(PyObject*, PyObject* value) {
  bool previous = grad_state.inference;
  grad_state.inference = value == Py_True;
  if (grad_state.inference) grad_state.enabled = false;
  return PyBool_FromLong(previous);
}

template <auto function>
PyCFunction fast() {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function));
}

}  // namespace

PyMethodDef autograd_functions[] = {
    {"_run_backward", fast<run_backward_function>(), METH_FASTCALL | METH_KEYWORDS,
     "The engine behind backward and grad."},
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS, "Whether operations are recorded."},
    {"_set_grad_enabled", set_grad_enabled, METH_O, "Switches recording; returns what it was."},
    {"is_inference_mode_enabled", is_inference_mode_enabled, METH_NOARGS, "Whether inference mode is on."},
    {"_set_inference_mode", set_inference_mode, METH_O, "Switches inference mode; returns what it was."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace flambeau::python
