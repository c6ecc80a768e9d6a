// grad_fn and its relatives as Python sees them: one type per node name, all of them derived from Node.
#include "core/python/python.h"

#include <structmember.h>

#include <map>
#include <string>

#include "core/autograd/differentiable.h"
#include "core/python/arguments.h"

namespace flambeau::python {

namespace {

struct NodeObject {
  PyObject_HEAD Node* node;
  PyObject* metadata;
  PyObject* weak_references;
};
// The place where gradients enter a leaf. Leaves need no node of their own to record; this is its face.
struct AccumulateGradObject {
  PyObject_HEAD PyObject* variable;
};

PyTypeObject* node_base_type = nullptr;
PyTypeObject* accumulate_type = nullptr;
std::map<std::string, PyTypeObject*, std::less<>> node_types;

Node* node_of(PyObject* o) { return reinterpret_cast<NodeObject*>(o)->node; }

void node_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<NodeObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (self->weak_references) PyObject_ClearWeakRefs(o);
  Py_CLEAR(self->metadata);
  if (Node* node = std::exchange(self->node, nullptr)) {
    node->take_from_python();
    destroy(node);
  }
  type->tp_free(o);
  Py_DECREF(type);
}
int node_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(reinterpret_cast<NodeObject*>(o)->metadata);
  Node* node = node_of(o);
  return node ? traverse(nullptr, node, visit, arg) : 0;
}
int node_clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<NodeObject*>(o)->metadata);
  if (Node* node = node_of(o)) {
    // Only drops: nothing that a user wrote runs but destructors.
    auto hooks = std::move(node->hooks);
    for (Saved* s = node->saved; s; s = s->next()) s->drop();
    node->released = true;
    node->clear();
  }
  return 0;
}

PyObject* node_repr(PyObject* o) {
  const char* name = Py_TYPE(o) == accumulate_type ? "AccumulateGrad" : node_of(o)->name;
  return PyUnicode_FromFormat("<%s object at %p>", name, o);
}
PyObject* node_name(PyObject* o, PyObject*) { return PyUnicode_FromString(node_of(o)->name); }
PyObject* node_next(PyObject* o, void*) {
  Node* node = node_of(o);
  Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(node->edges.size())));
  for (size_t i = 0; i < node->edges.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), owned(wrap_edge(node->edges[i])).release());
  return tuple.release();
}
PyObject* node_metadata(PyObject* o, void*) {
  auto* self = reinterpret_cast<NodeObject*>(o);
  if (!self->metadata) self->metadata = PyDict_New();
  return Py_XNewRef(self->metadata);
}
PyObject* node_sequence(PyObject* o, PyObject*) { return PyLong_FromUnsignedLongLong(node_of(o)->sequence); }

PyObject* handle_for(PyObject* owner, uint64_t id) {
  Object module = owned(PyImport_ImportModule("flambeau._tensor"));
  return PyObject_CallMethod(module.get(), "_hook_handle", "OK", owner, static_cast<unsigned long long>(id));
}
PyObject* node_register_hook(PyObject* o, PyObject* callable) {
  auto hook = make_hook(callable);
  node_of(o)->make_hooks().post.push_back(hook);
  return handle_for(o, hook->id);
}
PyObject* node_register_prehook(PyObject* o, PyObject* callable) {
  auto hook = make_hook(callable);
  node_of(o)->make_hooks().pre.push_back(hook);
  return handle_for(o, hook->id);
}
PyObject* node_remove_hook(PyObject* o, PyObject* id_object) {
  const uint64_t id = PyLong_AsUnsignedLongLong(id_object);
  if (PyErr_Occurred()) return nullptr;
  if (auto& hooks = node_of(o)->hooks) {
    std::erase_if(hooks->post, [id](const auto& hook) { return hook->id == id; });
    std::erase_if(hooks->pre, [id](const auto& hook) { return hook->id == id; });
    std::erase_if(hooks->tensor, [id](const auto& entry) { return entry.hook->id == id; });
  }
  Py_RETURN_NONE;
}

// node(*grad_outputs) -> grad_inputs: the derivative by itself, without the engine.
PyObject* node_call(PyObject* o, PyObject* args, PyObject* keywords) {
  const Ref<Node> node(node_of(o));
  check<TypeError>(!keywords || PyDict_GET_SIZE(keywords) == 0, node->name, "() takes no keyword arguments");
  const auto count = static_cast<uint32_t>(PyTuple_GET_SIZE(args));
  if (count != node->outputs)
    fail<TypeError>("expected ", node->outputs, " arguments, got ", count, " instead");
  std::vector<Tensor> grads(count), results(node->edges.size());
  for (uint32_t i = 0; i < count; ++i) {
    PyObject* grad = PyTuple_GET_ITEM(args, i);
    if (grad == Py_None) continue;
    if (!is_tensor(grad))
      fail<TypeError>("argument ", i, " must be Tensor or None, not ", Py_TYPE(grad)->tp_name);
    grads[i] = tensor_of(grad);
  }
  struct Running {
    Node* previous;
    explicit Running(Node* node) : previous(std::exchange(running_node, node)) {}
    ~Running() { running_node = previous; }
  } running(node.get());
  node->backward(grads, results);
  Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(results.size())));
  for (size_t i = 0; i < results.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), owned(wrap(results[i])).release());
  return results.size() == 1 ? Py_NewRef(PyTuple_GET_ITEM(tuple.get(), 0)) : tuple.release();
}

PyMethodDef node_methods[] = {
    {"name", entry<node_name>, METH_NOARGS, "The node's name, e.g. 'AddBackward0'."},
    {"register_hook", entry<node_register_hook>, METH_O,
     "hook(grad_inputs, grad_outputs) -> tuple or None, after the node ran."},
    {"register_prehook", entry<node_register_prehook>, METH_O,
     "hook(grad_outputs) -> tuple or None, before the node runs."},
    {"_remove_hook", entry<node_remove_hook>, METH_O, "Takes a hook away by its id."},
    {"_sequence_nr", entry<node_sequence>, METH_NOARGS, "The order of creation."},
    {nullptr, nullptr, 0, nullptr}};
PyMemberDef node_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(NodeObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef node_attributes[] = {
    {"next_functions", entry<node_next>, nullptr,
     "((node, output_nr), ...) of the nodes that its gradients flow to.", nullptr},
    {"metadata", entry<node_metadata>, nullptr, "A dict for the user.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// ---- AccumulateGrad
void accumulate_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  Py_CLEAR(reinterpret_cast<AccumulateGradObject*>(o)->variable);
  type->tp_free(o);
  Py_DECREF(type);
}
int accumulate_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(reinterpret_cast<AccumulateGradObject*>(o)->variable);
  return 0;
}
int accumulate_clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<AccumulateGradObject*>(o)->variable);
  return 0;
}
PyObject* accumulate_name(PyObject*, PyObject*) {
  return PyUnicode_FromString("torch::autograd::AccumulateGrad");
}
PyObject* accumulate_next(PyObject*, void*) { return PyTuple_New(0); }
LeafHooks& hooks_of_leaf(PyObject* o) {
  TensorImpl* leaf = impl_of(reinterpret_cast<AccumulateGradObject*>(o)->variable);
  if (!leaf->hooks) leaf->hooks.reset(new LeafHooks);
  return *leaf->hooks;
}
PyObject* accumulate_register_hook(PyObject* o, PyObject* callable) {
  auto hook = make_hook(callable);
  hooks_of_leaf(o).node_post.push_back(hook);
  return handle_for(reinterpret_cast<AccumulateGradObject*>(o)->variable, hook->id);
}
PyObject* accumulate_register_prehook(PyObject* o, PyObject* callable) {
  auto hook = make_hook(callable);
  hooks_of_leaf(o).node_pre.push_back(hook);
  return handle_for(reinterpret_cast<AccumulateGradObject*>(o)->variable, hook->id);
}
PyObject* accumulate_compare(PyObject* a, PyObject* b, int op) {
  if (Py_TYPE(a) != accumulate_type || Py_TYPE(b) != accumulate_type || (op != Py_EQ && op != Py_NE))
    Py_RETURN_NOTIMPLEMENTED;
  bool same = reinterpret_cast<AccumulateGradObject*>(a)->variable ==
              reinterpret_cast<AccumulateGradObject*>(b)->variable;
  return PyBool_FromLong(same == (op == Py_EQ));
}
Py_hash_t accumulate_hash(PyObject* o) {
  return static_cast<Py_hash_t>(
             reinterpret_cast<uintptr_t>(reinterpret_cast<AccumulateGradObject*>(o)->variable) >> 4) +
         1;
}
PyMethodDef accumulate_methods[] = {{"name", entry<accumulate_name>, METH_NOARGS, "The node's name."},
                                    {"register_hook", entry<accumulate_register_hook>, METH_O,
                                     "hook(grad_inputs, grad_outputs), after accumulation."},
                                    {"register_prehook", entry<accumulate_register_prehook>, METH_O,
                                     "hook(grad_outputs), before accumulation."},
                                    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef accumulate_attributes[] = {
    {"next_functions", entry<accumulate_next>, nullptr, "Always empty.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef accumulate_members[] = {
    {"variable", T_OBJECT, offsetof(AccumulateGradObject, variable), READONLY, "The leaf."},
    {nullptr, 0, 0, 0, nullptr}};

PyTypeObject* type_for(const char* name) {
  auto at = node_types.find(name);
  if (at != node_types.end()) return at->second;
  PyType_Slot slots[] = {{0, nullptr}};
  auto [entry, fresh] = node_types.emplace(name, nullptr);
  const std::string qualified = concat("flambeau.autograd.", name);
  PyType_Spec spec = {qualified.c_str(), 0, 0, Py_TPFLAGS_DEFAULT,
                      slots};  // size and collection as the base's
  Object bases = owned(PyTuple_Pack(1, node_base_type));
  entry->second =
      reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpecWithBases(&spec, bases.get())).release());
  return entry->second;
}

// ---- Python callables as hooks
class PythonHook final : public Hook {
 public:
  explicit PythonHook(PyObject* callable) : callable_(Object::borrow(callable)) { id = next_hook_id(); }
  void on_gradient(Tensor& grad) override { take(grad, call(Object(wrap(grad))).get()); }
  void on_tensor(const Tensor& tensor) override {
    Object result = call(Object(wrap(tensor)));
    if (result.get() == Py_None) return;
    if (!is_tensor(result.get()))
      fail<TypeError>("expected Variable, but hook returned '", Py_TYPE(result.get())->tp_name, "'");
    fail<RuntimeError>("Tensor post accumulate grad hooks should return None.");
  }
  void on_node(std::vector<Tensor>& grad_inputs, const std::vector<Tensor>& grad_outputs) override {
    Object ins = tuple_of(grad_inputs), outs = tuple_of(grad_outputs);
    Object result = owned(PyObject_CallFunctionObjArgs(callable_.get(), ins.get(), outs.get(), nullptr));
    replace(grad_inputs, result.get(), false);
  }
  void on_node_pre(std::vector<Tensor>& grad_outputs) override {
    replace(grad_outputs, call(tuple_of(grad_outputs)).get(), true);
  }
  int visit(int (*visitor)(void*, void*), void* arg) override { return visitor(callable_.get(), arg); }

 private:
  Object call(Object argument) const {
    return owned(PyObject_CallOneArg(callable_.get(), owned(argument.release()).get()));
  }
  static Object tuple_of(const std::vector<Tensor>& tensors) {
    Object tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(tensors.size())));
    for (size_t i = 0; i < tensors.size(); ++i)
      PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), owned(wrap(tensors[i])).release());
    return tuple;
  }
  std::string name() const {
    Object text(PyObject_GetAttrString(callable_.get(), "__name__"));
    if (!text) PyErr_Clear();
    const char* utf8 = text && PyUnicode_Check(text.get()) ? PyUnicode_AsUTF8(text.get()) : nullptr;
    if (!utf8) PyErr_Clear();
    return utf8 ? utf8 : "<unknown>";
  }
  // The value that a hook gave back takes the gradient's place; it has to be of the same form.
  void take(Tensor& grad, PyObject* value) const {
    if (value == Py_None) return;
    check(static_cast<bool>(grad), "can't replace a None gradient with a non-None value");
    if (!is_tensor(value))
      fail<TypeError>("expected Variable, but hook returned '", Py_TYPE(value)->tp_name, "'");
    Tensor replaced = tensor_of(value);
    if (replaced.dtype() != grad.dtype() || replaced.device() != grad.device())
      fail<RuntimeError>("hook '", name(), "' has changed the type of value (was ", type_name(grad), " got ",
                         type_name(replaced), ")");
    check(replaced.sizes() == grad.sizes(), "hook '", name(), "' has changed the size of value");
    grad = std::move(replaced);
  }
  static std::string type_name(const Tensor& t) {
    return concat("torch.", t.device() == Device::Type::Cpu ? "" : concat(flambeau::name(t.device()), "."),
                  scalar_type_name(t.dtype()), "Tensor");
  }
  // A prehook may give back a lone tensor for a lone gradient.
  void replace(std::vector<Tensor>& tensors, PyObject* result, bool lone) const {
    if (result == Py_None) return;
    if (lone && is_tensor(result)) {
      check(tensors.size() == 1, "hook '", name(),
            "' has returned an incorrect number of values (got 1, but expected ", tensors.size(), ")");
      take(tensors[0], result);
      return;
    }
    if (!PyTuple_Check(result))
      fail<TypeError>("expected tuple, but hook returned '", Py_TYPE(result)->tp_name, "'");
    const auto count = static_cast<size_t>(PyTuple_GET_SIZE(result));
    check(count == tensors.size(), "hook '", name(), "' has returned an incorrect number of values (got ",
          count, ", but expected ", tensors.size(), ")");
    for (size_t i = 0; i < count; ++i) {
      PyObject* value = PyTuple_GET_ITEM(result, static_cast<Py_ssize_t>(i));
      if (value == Py_None)
        tensors[i] = Tensor();  // in a tuple, None takes the gradient away
      else
        take(tensors[i], value);
    }
  }
  Object callable_;
};

}  // namespace

std::shared_ptr<Hook> make_hook(PyObject* callable) {
  if (!PyCallable_Check(callable))
    fail<TypeError>("a hook must be callable, got ", Py_TYPE(callable)->tp_name);
  return std::make_shared<PythonHook>(callable);
}

Node* node_from(PyObject* o) { return PyObject_TypeCheck(o, node_base_type) ? node_of(o) : nullptr; }

Edge edge_at(PyObject* o, int64_t output_nr) {
  if (Py_TYPE(o) == accumulate_type)
    return {{}, Ref<TensorImpl>(impl_of(reinterpret_cast<AccumulateGradObject*>(o)->variable)), 0};
  Node* node = node_from(o);
  if (!node) fail<TypeError>("expected a node of the graph, not ", Py_TYPE(o)->tp_name);
  check<IndexError>(output_nr >= 0 && output_nr < static_cast<int64_t>(node->outputs), node->name, " has ",
                    node->outputs, " outputs, not one of number ", output_nr);
  return {Ref<Node>(node), {}, static_cast<uint32_t>(output_nr)};
}

PyObject* wrap_node(Node* node) {
  if (void* object = node->python_object()) return Py_NewRef(static_cast<PyObject*>(object));
  PyTypeObject* type = type_for(node->name);
  auto* self = reinterpret_cast<NodeObject*>(type->tp_alloc(type, 0));
  if (!self) throw PythonError();
  self->node = node;
  // Every C++ reference becomes one to the object; the caller gets one more.
  for (size_t n = node->owners(); n > 0; --n) Py_INCREF(self);
  node->give_to_python(self);
  return reinterpret_cast<PyObject*>(self);
}

PyObject* wrap_edge(const Edge& edge) {
  if (edge.node) return Py_BuildValue("(NI)", wrap_node(edge.node.get()), edge.output_nr);
  if (!edge.leaf) return Py_BuildValue("(OI)", Py_None, 0u);
  Object variable = owned(wrap(Tensor(edge.leaf)));
  auto* self = reinterpret_cast<AccumulateGradObject*>(accumulate_type->tp_alloc(accumulate_type, 0));
  if (!self) throw PythonError();
  self->variable = variable.release();
  return Py_BuildValue("(NI)", self, 0u);
}

void make_node_types(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_dealloc, slot<node_dealloc>()},
                         {Py_tp_traverse, slot<node_traverse>()},
                         {Py_tp_clear, slot<node_clear>()},
                         {Py_tp_repr, slot<node_repr>()},
                         {Py_tp_call, slot<node_call>()},
                         {Py_tp_methods, node_methods},
                         {Py_tp_getset, node_attributes},
                         {Py_tp_members, node_members},
                         {0, nullptr}};
  PyType_Spec spec = {
      "flambeau.autograd.graph.Node", sizeof(NodeObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
      slots};
  node_base_type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
  PyType_Slot accumulate_slots[] = {
      {Py_tp_dealloc, slot<accumulate_dealloc>()}, {Py_tp_traverse, slot<accumulate_traverse>()},
      {Py_tp_clear, slot<accumulate_clear>()},     {Py_tp_richcompare, slot<accumulate_compare>()},
      {Py_tp_hash, slot<accumulate_hash>()},       {Py_tp_repr, slot<node_repr>()},
      {Py_tp_methods, accumulate_methods},         {Py_tp_getset, accumulate_attributes},
      {Py_tp_members, accumulate_members},         {0, nullptr}};
  PyType_Spec accumulate_spec = {"flambeau.autograd.graph.AccumulateGrad", sizeof(AccumulateGradObject), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                 accumulate_slots};
  accumulate_type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&accumulate_spec)).release());
  if (PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(node_base_type)) < 0 ||
      PyModule_AddObjectRef(module, "AccumulateGrad", reinterpret_cast<PyObject*>(accumulate_type)) < 0)
    throw PythonError();
}

}  // namespace flambeau::python
