// The node of a user-defined autograd.Function: its derivative is a Python callable, its context a Python
// object.
#include "core/python/python.h"

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"
#include "core/python/function_node.h"

namespace flambeau::python {

namespace {

struct FunctionNode final : Node {
  std::vector<Edge> edge_storage;
  std::string own_name;
  Object run;      // run(grad_outputs) -> one gradient or None per edge
  Object release;  // release(): drops what the context saved

  FunctionNode(std::string node_name, Object run_backward, Object release_saved)
      : Node(nullptr),
        own_name(std::move(node_name)),
        run(std::move(run_backward)),
        release(std::move(release_saved)) {
    name = own_name.c_str();
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    check(static_cast<bool>(run), "the function ", own_name, " was already freed");
    Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(grads.size())));
    for (size_t i = 0; i < grads.size(); ++i)
      PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), owned(wrap(grads[i])).release());
    Object result = owned(PyObject_CallOneArg(run.get(), tuple.get()));
    std::vector<Tensor> list = tensor_list(result.get(), own_name.c_str(), "gradient");
    check(list.size() == grad_inputs.size(), "function ", own_name,
          " returned an incorrect number of gradients (expected ", grad_inputs.size(), ", got ", list.size(),
          ")");
    for (size_t i = 0; i < list.size(); ++i)
      if (edge_storage[i]) grad_inputs[i] = std::move(list[i]);
  }
  void release_captures() override {
    Node::release_captures();
    if (release) owned(PyObject_CallNoArgs(release.get()));
  }
  int visit(int (*visitor)(void*, void*), void* arg) override {
    for (const Object* o : {&run, &release})
      if (*o)
        if (int stop = visitor(o->get(), arg)) return stop;
    return 0;
  }
  void clear() override { Object drop_run = std::move(run), drop_release = std::move(release); }
};

// _record_function(name, run, release, inputs, outputs, dirty) -> the node. `inputs`: the arguments of
// forward, None where they are no tensors. `outputs`: the differentiable results. `dirty`: whether the first
// output is an input written in place.
PyObject* record_function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    auto [name, run, release, inputs, outputs] = parse_arguments<5>(
        "_record_function", {"name", "run", "release", "inputs", "outputs"}, 5, args, count, keywords);
    const char* text = PyUnicode_AsUTF8(name);
    if (!text) throw PythonError();
    auto* node = new FunctionNode(text, Object::borrow(run), Object::borrow(release));
    Ref<Node> holder(node);
    for (const Tensor& input : tensor_list(inputs, "_record_function", "inputs"))
      node->edge_storage.push_back(edge_of(input));
    node->edges = node->edge_storage;
    std::vector<Tensor> results = tensor_list(outputs, "_record_function", "outputs");
    node->set_outputs(static_cast<uint32_t>(results.size()));
    Object face = owned(wrap_node(node));  // the collector has to see the context
    for (size_t i = 0; i < results.size(); ++i)
      if (results[i]) set_history(results[i], holder, static_cast<uint32_t>(i));
    return face.release();
  });
}

// _attach(tensor, node, output_nr): an alias of the tensor with that history (a saved output of the function
// itself).
PyObject* attach(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    auto [tensor, owner, number] =
        parse_arguments<3>("_attach", {"tensor", "owner", "output_nr"}, 3, args, count, keywords);
    int64_t nr;
    check<TypeError>(parse_int(number, nr), "_attach(): output_nr must be int");
    Tensor t = alias(need_tensor(tensor, "_attach", "tensor"));
    if (Node* node = node_from(owner)) {
      t->grad_fn = Ref<Node>(node);
      t->output_nr = static_cast<uint32_t>(nr);
    }
    return wrap(std::move(t));
  });
}

PyObject* check_inplace_function(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    check_inplace(need_tensor(o, "_check_inplace", "tensor"));
    Py_RETURN_NONE;
  });
}

template <auto function>
PyCFunction fast() {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function));
}
PyMethodDef functions[] = {{"_record_function", fast<record_function>(), METH_FASTCALL | METH_KEYWORDS,
                            "Records a user-defined function."},
                           {"_attach", fast<attach>(), METH_FASTCALL | METH_KEYWORDS,
                            "An alias of a tensor with the history of a node."},
                           {"_check_inplace", check_inplace_function, METH_O,
                            "Raises where writing to the tensor would break the graph."},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_function_node(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace flambeau::python
