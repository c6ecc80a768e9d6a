// The engine and the grad modes as functions.
#include "core/python/python.h"

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"

namespace flambeau::python {

namespace {

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
    std::vector<Tensor> root_list = tensor_list(roots, "backward", "tensors");
    std::vector<Tensor> grad_list = tensor_list(grads, "backward", "grad_tensors");
    std::vector<Tensor> input_list = tensor_list(inputs, "grad", "inputs");
    for (size_t i = 0; i < root_list.size(); ++i)
      if (!root_list[i]) fail<TypeError>("element ", i, " of the tensors to differentiate is None");
    for (size_t i = 0; i < input_list.size(); ++i)
      if (!input_list[i]) fail<TypeError>("element ", i, " of inputs is None");
    std::vector<Tensor> results = run_backward(root_list, grad_list, input_list, options);
    if (options.accumulate) Py_RETURN_NONE;
    Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(results.size())));
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i] && !is_true(allow_unused))
        fail<RuntimeError>(
            "One of the differentiated Tensors appears to not have been used in the graph. Set "
            "allow_unused=True if "
            "this is the desired behavior. It is input ",
            i, ".");
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
