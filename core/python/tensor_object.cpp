#include "core/python/python.h"

#include <structmember.h>

#include <unordered_map>
#include <vector>

#include "core/autograd/differentiable.h"

namespace flambeau::python {

PyTypeObject* tensor_type = nullptr;

namespace {

// Blocks of dead plain Tensor objects, for the next ones.
constexpr int kPoolSize = 256;
PyObject* pool[kPoolSize];
int pooled = 0;

void free_object(PyTypeObject* type, PyObject* o) {
  if (type == tensor_type && pooled < kPoolSize)
    pool[pooled++] = o;
  else
    type->tp_free(o);
}

void dealloc(PyObject* o);
constexpr auto guarded_dealloc = entry<dealloc>;
void dealloc(PyObject* o) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  Py_TRASHCAN_BEGIN(o, guarded_dealloc) if (self->weak_references) PyObject_ClearWeakRefs(o);
  Py_CLEAR(self->dict);
  if (TensorImpl* impl = std::exchange(self->impl, nullptr)) {
    impl->take_from_python();
    destroy(impl);
  }
  free_object(type, o);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

int traverse_object(PyObject* o, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self->dict);
  return self->impl ? traverse(self->impl, nullptr, visit, arg) : 0;
}

int clear_object(PyObject* o) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  Py_CLEAR(self->dict);
  if (TensorImpl* impl = self->impl) {
    forget_retained_grad(impl);
    auto grad = std::move(impl->grad);
    auto node = std::move(impl->grad_fn);
    auto base = std::move(impl->view_base);
    auto hooks = std::move(impl->hooks);
    impl->view_kind = ViewKind::None;
  }
  return 0;
}

// Tensor.__new__ alone gives a valid object: an empty tensor.
PyObject* new_object(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  static const Object construct = owned(PyUnicode_InternFromString("_legacy_construct"));
  PyObject* module = PyImport_ImportModule("flambeau._tensor_new");
  Object holder = owned(module);
  Object function = owned(PyObject_GetAttr(module, construct.get()));
  Object all = owned(PyTuple_New(PyTuple_GET_SIZE(args) + 1));
  PyTuple_SET_ITEM(all.get(), 0, Py_NewRef(reinterpret_cast<PyObject*>(type)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i)
    PyTuple_SET_ITEM(all.get(), i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
  return PyObject_Call(function.get(), all.get(), keywords);
}
int init_object(PyObject*, PyObject*, PyObject*) { return 0; }  // everything happens in __new__

PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(TensorObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

}  // namespace

PyObject* wrap_new(TensorImpl* impl) {
  TensorObject* self;
  if (pooled) [[likely]] {
    self = reinterpret_cast<TensorObject*>(pool[--pooled]);
    (void)PyObject_Init(reinterpret_cast<PyObject*>(self), tensor_type);
  } else {
    self = PyObject_GC_New(TensorObject, tensor_type);
    if (!self) {
      Tensor drop = Tensor::adopt(impl);
      return nullptr;
    }
  }
  self->impl = impl;
  self->dict = self->weak_references = nullptr;
  // The reference that was handed over becomes the object's first; C++ may hold others.
  for (size_t others = impl->owners(); others > 1; --others) Py_INCREF(self);
  impl->give_to_python(self);
  PyObject_GC_Track(reinterpret_cast<PyObject*>(self));
  return reinterpret_cast<PyObject*>(self);
}

namespace {
// Nobody would call a __torch_dispatch__, and a class that has one rests on it.
void refuse_dispatch(PyTypeObject* type) {
  static PyObject* const name = PyUnicode_InternFromString("__torch_dispatch__");
  PyObject* const dispatch = _PyType_Lookup(type, name);
  if (dispatch && dispatch != Py_None && dispatch != _PyType_Lookup(tensor_type, name))
    fail<NotImplementedError>(type->tp_name,
                              ".__torch_dispatch__ would never be called: it is not implemented here; "
                              "__torch_function__ sees the calls of operators");
}
}  // namespace

PyObject* make_subclass(PyTypeObject* type, const Tensor& data, bool requires_grad) {
  if (!PyType_IsSubtype(type, tensor_type)) {
    PyErr_Format(PyExc_TypeError, "cls must be a subclass of Tensor, not %s", type->tp_name);
    return nullptr;
  }
  if (requires_grad && !can_carry_gradient(data)) {
    PyErr_SetString(PyExc_RuntimeError,
                    "Only Tensors of floating point and complex dtype can require gradients");
    return nullptr;
  }
  if (type != tensor_type) refuse_dispatch(type);
  Tensor t = alias(data);
  t->requires_grad_leaf = requires_grad;
  if (type == tensor_type) return wrap(std::move(t));
  auto* self = reinterpret_cast<TensorObject*>(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->impl = t.release();
  self->impl->give_to_python(self);
  return reinterpret_cast<PyObject*>(self);
}

int traverse(TensorImpl* tensor, Node* node, visitproc visit, void* arg) {
  struct Item {
    TensorImpl* tensor;
    Node* node;
  };
  static thread_local std::vector<Item> stack;
  const size_t bottom = stack.size();
  int budget =
      4096;  // a long chain is left alone beyond this: the collector then takes what it holds for reachable
  int result = 0;
  std::unordered_map<const void*, size_t> met;  // references found so far to what has several
  auto all_found = [&](const Counted* counted) {
    return counted->owners() == 1 || ++met[counted] == counted->owners();
  };
  auto see_tensor = [&](TensorImpl* t) {
    if (!t || result) return;
    if (void* o = t->python_object())
      result = visit(static_cast<PyObject*>(o), arg);
    else if (all_found(t))
      stack.push_back({t, nullptr});
  };
  auto see_node = [&](Node* n) {
    if (!n || result) return;
    if (void* o = n->python_object())
      result = visit(static_cast<PyObject*>(o), arg);
    else if (all_found(n))
      stack.push_back({nullptr, n});
  };
  auto see_hooks = [&](const HookList& hooks) {
    for (const auto& hook : hooks)
      if (!result && hook.use_count() == 1)
        result = hook->visit(reinterpret_cast<int (*)(void*, void*)>(visit), arg);
  };
  stack.push_back({tensor, node});
  while (stack.size() > bottom && budget-- > 0 && !result) {
    auto [t, n] = stack.back();
    stack.pop_back();
    if (t) {
      see_tensor(t->grad.get());
      see_tensor(t->view_base.get());
      see_node(t->grad_fn.get());
      if (t->hooks) {
        see_hooks(t->hooks->tensor);
        see_hooks(t->hooks->post_accumulate);
        see_hooks(t->hooks->node_pre);
        see_hooks(t->hooks->node_post);
      }
    } else if (n) {
      if (n->hooks) {
        see_hooks(n->hooks->pre);
        see_hooks(n->hooks->post);
        for (const auto& entry : n->hooks->tensor)
          if (!result && entry.hook.use_count() == 1)
            result = entry.hook->visit(reinterpret_cast<int (*)(void*, void*)>(visit), arg);
      }
      if (!result) result = n->visit(reinterpret_cast<int (*)(void*, void*)>(visit), arg);
      if (n->hooks && n->hooks->origin && !result)
        result = n->hooks->origin->visit(reinterpret_cast<int (*)(void*, void*)>(visit), arg);
      for (Saved* s = n->saved; s; s = s->next()) {
        see_tensor(s->owned());
        if (PackedValue* packed = s->packed(); packed && !result)
          result = packed->visit(reinterpret_cast<int (*)(void*, void*)>(visit), arg);
      }
      for (const Edge& edge : n->edges) {
        see_node(edge.node.get());
        see_tensor(edge.leaf.get());
      }
      see_node(n->inner_node());
    }
  }
  stack.resize(bottom);
  return result;
}

void make_tensor_type(PyObject* module) {
  std::vector<PyType_Slot> slots = {
      {Py_tp_dealloc, slot<dealloc>()},     {Py_tp_traverse, slot<traverse_object>()},
      {Py_tp_clear, slot<clear_object>()},  {Py_tp_new, slot<new_object>()},
      {Py_tp_init, slot<init_object>()},    {Py_tp_members, members},
      {Py_tp_getset, tensor_attributes},    {Py_tp_methods, tensor_methods},
      {Py_mp_subscript, slot<subscript>()}, {Py_mp_ass_subscript, slot<assign_subscript>()},
  };
  for (PyType_Slot* slot = tensor_number_slots; slot->slot; ++slot) slots.push_back(*slot);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"flambeau.Tensor", sizeof(TensorObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  tensor_type = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
  if (PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type)) < 0)
    throw PythonError();
}

}  // namespace flambeau::python
