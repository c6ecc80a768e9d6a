// Tensor's attributes and the methods that are not operators.
#include "core/python/python.h"

#include "core/autograd/differentiable.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/python/arguments.h"
#include "core/python/overrides.h"
#include "core/tensor/dispatch.h"

namespace flambeau::python {

namespace {

// ---- attributes

PyObject* get_shape(PyObject* o, void*) { return wrap_size(impl_of(o)->sizes); }
PyObject* get_dtype(PyObject* o, void*) { return wrap(impl_of(o)->dtype); }
PyObject* get_device(PyObject* o, void*) {
  static PyObject* cpu = wrap(Device{Device::Type::Cpu, -1});
  const Device::Type device = place_of(impl_of(o)->device);
  return device == Device::Type::Cpu ? Py_NewRef(cpu) : wrap(Device{device, -1});
}
bool is_sparse(PyObject* o) { return impl_of(o)->device == Device::Type::SparseCpu; }
PyObject* get_layout(PyObject* o, void*) {
  static PyObject *strided = nullptr, *sparse = nullptr;
  if (!strided) {
    Object module(PyImport_ImportModule("flambeau._core"));
    strided = PyObject_GetAttrString(module.get(), "strided");
    sparse = PyObject_GetAttrString(module.get(), "sparse_coo");
  }
  return Py_NewRef(is_sparse(o) ? sparse : strided);
}
PyObject* get_is_sparse(PyObject* o, void*) { return PyBool_FromLong(is_sparse(o)); }
PyObject* get_ndim(PyObject* o, void*) { return PyLong_FromLong(impl_of(o)->sizes.count); }
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromSize_t(item_size(impl_of(o)->dtype)); }
PyObject* get_nbytes(PyObject* o, void*) {
  return PyLong_FromLongLong(impl_of(o)->numel * static_cast<int64_t>(item_size(impl_of(o)->dtype)));
}
PyObject* get_false(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* get_is_cpu(PyObject* o, void*) {
  return PyBool_FromLong(place_of(impl_of(o)->device) == Device::Type::Cpu);
}
PyObject* get_is_meta(PyObject* o, void*) {
  return PyBool_FromLong(impl_of(o)->device == Device::Type::Meta);
}
PyObject* get_version(PyObject* o, void*) {
  check(!impl_of(o)->inference, "Inference tensors do not track version counter.");
  return PyLong_FromUnsignedLong(impl_of(o)->version());
}
PyObject* get_output_nr(PyObject* o, void*) { return PyLong_FromUnsignedLong(impl_of(o)->output_nr); }
PyObject* get_base(PyObject* o, void*) { return wrap(Tensor(impl_of(o)->view_base)); }
PyObject* get_is_leaf(PyObject* o, void*) {
  refresh_view(impl_of(o));
  return PyBool_FromLong(!impl_of(o)->grad_fn);
}
PyObject* get_retains_grad(PyObject* o, void*) { return PyBool_FromLong(impl_of(o)->retains_grad); }
PyObject* get_grad_fn(PyObject* o, void*) {
  refresh_view(impl_of(o));
  if (!impl_of(o)->grad_fn) Py_RETURN_NONE;
  return wrap_node(impl_of(o)->grad_fn.get());
}
PyObject* get_requires_grad(PyObject* o, void*) { return PyBool_FromLong(requires_grad(tensor_of(o))); }
[[noreturn]] void fail_not_leaf(bool value) {
  fail<RuntimeError>("you can only change requires_grad flags of leaf variables.",
                     value ? ""
                           : " If you want to use a computed variable in a subgraph that doesn't require "
                             "differentiation use var_no_grad = var.detach().");
}
void set_requires_grad(const Tensor& t, bool value, const char* dtypes) {
  check(!value || can_carry_gradient(t), "only Tensors of ", dtypes, " dtype can require gradients");
  check(!(value && t->inference && !grad_state.inference),
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  t->requires_grad_leaf = value;
}
int assign_requires_grad(PyObject* o, PyObject* value, void*) {
  check<RuntimeError>(value && PyBool_Check(value), "requires_grad must be a bool");
  const Tensor t = tensor_of(o);
  refresh_view(t.get());
  if (t->grad_fn) fail_not_leaf(value == Py_True);
  set_requires_grad(t, value == Py_True, "floating point");
  return 0;
}
PyObject* get_grad(PyObject* o, void*) {
  const TensorImpl* t = impl_of(o);
  if (!t->grad && t->grad_fn && !t->retains_grad && warn) [[unlikely]]
    warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
        "won't be "
        "populated during autograd.backward(). If you indeed want the .grad field to be populated for a "
        "non-leaf "
        "Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, "
        "make sure "
        "you access the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more "
        "information.");
  return wrap(Tensor(t->grad));
}
int assign_grad(PyObject* o, PyObject* value, void*) {
  TensorImpl* t = impl_of(o);
  if (!given(value)) {
    t->grad = {};
    return 0;
  }
  if (!is_tensor(value))
    fail<TypeError>("assigned grad expected to be a Tensor or None but got grad of type ",
                    Py_TYPE(value)->tp_name);
  Tensor grad = tensor_of(value);
  check(grad.get() != t, "can't assign Variable as its own grad");
  if (grad.dtype() != t->dtype)
    fail<RuntimeError>("attempting to assign a gradient with dtype '", scalar_type_name(grad.dtype()),
                       "' to a tensor with grad_dtype '", scalar_type_name(t->dtype),
                       "'. The gradient must match the tensor's dtype.");
  if (place_of(grad.device()) != place_of(t->device))
    fail<RuntimeError>("attempting to assign a gradient with device type '", name(grad.device()),
                       "' to a tensor with device type '", name(t->device),
                       "'. Please ensure that the gradient and the tensor are on the same device");
  if (!(grad.sizes() == t->sizes))
    fail<RuntimeError>("attempting to assign a gradient of size '", grad.sizes(), "' to a tensor of size '",
                       t->sizes, "'. Please ensure that the gradient and the tensor are the same size");
  t->grad = grad;
  return 0;
}
PyObject* get_data(PyObject* o, void*) {
  Tensor data = alias(tensor_of(o));
  data->own_version = Ref<VersionCounter>(new VersionCounter);  // shares the memory, not the counter
  return wrap(std::move(data));
}
int assign_data(PyObject* o, PyObject* value, void*) {
  check(value != nullptr, "Deleting tensor data is not allowed. Delete tensor instead!");
  check<TypeError>(is_tensor(value), "Variable data has to be a tensor, but got ", Py_TYPE(value)->tp_name);
  TensorImpl* t = impl_of(o);
  Tensor data = tensor_of(value);
  // What captured the tensor, and its gradient, stay on the device.
  check(data.device() == t->device,
        "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor "
        "type.");
  check(!(t->requires_grad_leaf && !can_carry_gradient(data)),
        "data set to a tensor that requires gradients must be floating point or complex dtype");
  // The counter stays the tensor's and its views': saved values are still checked against it.
  t->keep_counter();
  keep_captured_window(t);
  t->inference = data->inference;
  t->storage = data->storage;
  t->data = data->data;
  t->device = data.device();
  t->dtype = data.dtype();
  set_geometry(t, data.sizes(), data.strides());
  return 0;
}
PyObject* get_T(PyObject* o, void*) { return wrap(numpy_T(tensor_of(o))); }
PyObject* get_mT(PyObject* o, void*) { return wrap(matrix_transpose(tensor_of(o), "mT")); }
PyObject* get_H(PyObject* o, void*) { return wrap(matrix_H(tensor_of(o))); }
PyObject* get_mH(PyObject* o, void*) { return wrap(matrix_transpose(tensor_of(o), "mH")); }
PyObject* get_real(PyObject* o, void*) { return wrap(real(tensor_of(o))); }
PyObject* get_imag(PyObject* o, void*) { return wrap(imag(tensor_of(o))); }

// ---- sizes and memory

PyObject* size(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [dim] = parse_arguments<1>("size", {"dim"}, 0, args, count, keywords);
  if (!given(dim)) return wrap_size(impl_of(o)->sizes);
  int64_t d;
  check<TypeError>(parse_int(dim, d), "size(): argument 'dim' must be int, not ", Py_TYPE(dim)->tp_name);
  if (impl_of(o)->sizes.count == 0)
    fail<IndexError>("Dimension specified as ", d, " but tensor has no dimensions");
  return PyLong_FromLongLong(tensor_of(o).size(d));
}
PyObject* stride(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [dim] = parse_arguments<1>("stride", {"dim"}, 0, args, count, keywords);
  const TensorImpl* t = impl_of(o);
  if (given(dim)) {
    int64_t d;
    check<TypeError>(parse_int(dim, d), "stride(): argument 'dim' must be int, not ", Py_TYPE(dim)->tp_name);
    if (t->sizes.count == 0) fail<IndexError>("Dimension specified as ", d, " but tensor has no dimensions");
    return PyLong_FromLongLong(t->strides[static_cast<int>(wrap_dim(d, t->sizes.count))]);
  }
  Object tuple = owned(PyTuple_New(t->strides.count));
  for (int i = 0; i < t->strides.count; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, PyLong_FromLongLong(t->strides[i]));
  return tuple.release();
}
PyObject* dim(PyObject* o, PyObject*) { return PyLong_FromLong(impl_of(o)->sizes.count); }
PyObject* numel(PyObject* o, PyObject*) { return PyLong_FromLongLong(impl_of(o)->numel); }
PyObject* storage_offset(PyObject* o, PyObject*) { return PyLong_FromLongLong(impl_of(o)->storage_offset()); }
PyObject* is_contiguous_method(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [format] = parse_arguments<1>("is_contiguous", {"memory_format"}, 0, args, count, keywords);
  MemoryFormat f = MemoryFormat::Contiguous;
  if (given(format))
    check<TypeError>(parse_memory_format(format, f),
                     "is_contiguous(): argument 'memory_format' must be torch.memory_format");
  if (f == MemoryFormat::ChannelsLast || f == MemoryFormat::ChannelsLast3d) {
    const TensorImpl* t = impl_of(o);
    const int n = f == MemoryFormat::ChannelsLast ? 4 : 5;
    if (t->sizes.count != n) Py_RETURN_FALSE;
    Dims sizes, strides;  // as (N, spatial..., C)
    for (int i = 0; i < n; ++i) {
      int from = i == 0 ? 0 : i == n - 1 ? 1 : i + 1;
      sizes.push_back(t->sizes[from]);
      strides.push_back(t->strides[from]);
    }
    return PyBool_FromLong(flambeau::is_contiguous(sizes, strides));
  }
  return PyBool_FromLong(impl_of(o)->contiguous);
}
PyObject* data_ptr(PyObject* o, PyObject*) {
  const TensorImpl* t = impl_of(o);
  return PyLong_FromVoidPtr(t->numel && t->device != Device::Type::Meta ? t->data : nullptr);
}
PyObject* element_size(PyObject* o, PyObject*) { return get_itemsize(o, nullptr); }
PyObject* is_floating_point(PyObject* o, PyObject*) {
  return PyBool_FromLong(is_floating(impl_of(o)->dtype));
}
PyObject* is_complex_method(PyObject* o, PyObject*) { return PyBool_FromLong(is_complex(impl_of(o)->dtype)); }
PyObject* is_signed(PyObject* o, PyObject*) { return PyBool_FromLong(is_signed(impl_of(o)->dtype)); }
PyObject* is_view(PyObject* o, PyObject*) {
  return PyBool_FromLong(static_cast<bool>(impl_of(o)->view_base));
}
PyObject* is_inference(PyObject* o, PyObject*) { return PyBool_FromLong(impl_of(o)->inference); }
PyObject* is_pinned(PyObject*, PyObject*) { Py_RETURN_FALSE; }
PyObject* get_device_method(PyObject*, PyObject*) { return PyLong_FromLong(-1); }
PyObject* is_set_to(PyObject* o, PyObject* other) {
  Tensor b = need_tensor(other, "is_set_to", "tensor"), a = tensor_of(o);
  return PyBool_FromLong(a->data == b->data && a.sizes() == b.sizes() && a.strides() == b.strides());
}

// ---- values

PyObject* item_method(PyObject* o, PyObject*) { return item(tensor_of(o)); }

template <class T>
PyObject* number(T value) {
  if constexpr (std::is_same_v<T, bool>)
    return PyBool_FromLong(value);
  else if constexpr (std::is_floating_point_v<T>)
    return PyFloat_FromDouble(static_cast<double>(value));
  else if constexpr (math::is_complex_type<T>)
    return PyComplex_FromDoubles(static_cast<double>(value.real), static_cast<double>(value.imag));
  else if constexpr (std::is_unsigned_v<T>)
    return PyLong_FromUnsignedLongLong(value);
  else
    return PyLong_FromLongLong(static_cast<long long>(value));
}
PyObject* as_complex(PyObject* o, PyObject*) {
  Scalar number;
  check<TypeError>(parse_number(owned(item(tensor_of(o))).get(), number), "a tensor's item is no number");
  const Complex<double> z = number.to_complex();
  return PyComplex_FromDoubles(z.real, z.imag);
}

// The element at an address. A bool may be any byte where its memory is someone else's, and reading such a
// byte as a bool is undefined.
template <class T>
T element(const char* at) {
  if constexpr (std::is_same_v<T, bool>)
    return *at != 0;
  else
    return *reinterpret_cast<const T*>(at);
}

template <class T>
PyObject* nested_list(const char* at, const Dims& sizes, const Dims& strides, int depth) {
  if (depth == sizes.count) return number(element<T>(at));
  Object list = owned(PyList_New(static_cast<Py_ssize_t>(sizes[depth])));
  const int64_t step = wrapping_mul(strides[depth], sizeof(T));  // nobody follows a stride of size 1
  for (int64_t i = 0; i < sizes[depth]; ++i) {
    PyObject* element = nested_list<T>(at + i * step, sizes, strides, depth + 1);
    if (!element) throw PythonError();
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), element);
  }
  return list.release();
}
// Half precision has no C++ type here: its values pass through float32.
Tensor readable(const Tensor& t) {
  check<NotImplementedError>(host_readable(t.device()), "Cannot copy out of ", name(t.device()),
                             " tensor; no data!");
  if (is_half(t.dtype())) return cast_copy(t, DType::Float32);
  return t;
}
PyObject* tolist(PyObject* o, PyObject*) {
  Tensor t = readable(tensor_of(o));
  return visit_any(t.dtype(), "tolist",
                   [&]<class T>() { return nested_list<T>(t->data, t.sizes(), t.strides(), 0); });
}

// ---- autograd

PyObject* backward(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  BackwardOptions options;
  Tensor root = tensor_of(o), grad;
  if (count || keywords) {
    auto [gradient, retain, create, leaves] = parse_arguments<4>(
        "backward", {"gradient", "retain_graph", "create_graph", "inputs"}, 0, args, count, keywords);
    if ((given(gradient) && !is_tensor(gradient)) || (given(retain) && !PyBool_Check(retain)) ||
        (create && create != Py_False) || given(leaves)) {  // the general form has its home in Python
      Object module = owned(PyImport_ImportModule("flambeau.autograd"));
      const auto or_none = [](PyObject* value) { return value ? value : Py_None; };
      return PyObject_CallMethod(module.get(), "backward", "OOOOOO", o, or_none(gradient), or_none(retain),
                                 create ? create : Py_False, Py_None, or_none(leaves));
    }
    if (given(gradient)) grad = tensor_of(gradient);
    options.retain_graph = given(retain) && is_true(retain);
  }
  const Edge edge = root_edge(root, 0);
  grad = root_gradient(root, std::move(grad), 0);
  run_backward({&edge, 1}, {&grad, 1}, {}, options);
  Py_RETURN_NONE;
}

PyObject* requires_grad_(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [value] = parse_arguments<1>("requires_grad_", {"requires_grad"}, 0, args, count, keywords);
  check<TypeError>(!value || PyBool_Check(value),
                   "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not ",
                   value ? Py_TYPE(value)->tp_name : "");
  const bool wanted = !value || value == Py_True;
  const Tensor t = tensor_of(o);
  refresh_view(t.get());
  if (!t->grad_fn)
    set_requires_grad(t, wanted, "floating point and complex");
  else if (!wanted)
    fail_not_leaf(wanted);
  return Py_NewRef(o);
}

PyObject* retain_grad(PyObject* o, PyObject*) {
  Tensor t = tensor_of(o);
  flambeau::retain_grad(t);
  Py_RETURN_NONE;
}

// The id of a hook that was added to the list; core/python's handle takes it away by that.
PyObject* hook_id(const std::shared_ptr<Hook>& hook) { return PyLong_FromUnsignedLongLong(hook->id); }
LeafHooks& leaf_hooks(TensorImpl* t) {
  if (!t->hooks) t->hooks.reset(new LeafHooks);
  return *t->hooks;
}
PyObject* add_hook(PyObject* o, PyObject* callable) {
  Tensor t = tensor_of(o);
  check(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  auto hook = make_hook(callable);
  if (t->grad_fn) {
    t->grad_fn->make_hooks().tensor.push_back({t->output_nr, hook});
    Object face =
        owned(wrap_node(t->grad_fn.get()));  // a node that holds Python objects is one, for the collector
  } else {
    leaf_hooks(t.get()).tensor.push_back(hook);
  }
  return hook_id(hook);
}
PyObject* add_post_accumulate_hook(PyObject* o, PyObject* callable) {
  Tensor t = tensor_of(o);
  check(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  check(!t->grad_fn, "post accumulate grad hooks cannot be registered on non-leaf tensors");
  auto hook = make_hook(callable);
  leaf_hooks(t.get()).post_accumulate.push_back(hook);
  return hook_id(hook);
}
PyObject* remove_hook(PyObject* o, PyObject* id_object) {
  const uint64_t id = PyLong_AsUnsignedLongLong(id_object);
  if (PyErr_Occurred()) throw PythonError();
  TensorImpl* t = impl_of(o);
  auto drop = [id](HookList& hooks) {
    std::erase_if(hooks, [id](const auto& hook) { return hook->id == id; });
  };
  if (t->hooks) {
    drop(t->hooks->tensor);
    drop(t->hooks->post_accumulate);
    drop(t->hooks->node_pre);
    drop(t->hooks->node_post);
  }
  if (t->grad_fn && t->grad_fn->hooks)
    std::erase_if(t->grad_fn->hooks->tensor, [id](const auto& entry) { return entry.hook->id == id; });
  Py_RETURN_NONE;
}

PyObject* as_subclass(PyObject* o, PyObject* cls) {
  check<TypeError>(PyType_Check(cls), "as_subclass(): argument 'cls' must be type, not ",
                   Py_TYPE(cls)->tp_name);
  Tensor t = tensor_of(o);
  PyObject* made = make_subclass(reinterpret_cast<PyTypeObject*>(cls), t, false);
  if (!made) return nullptr;
  TensorImpl* impl = impl_of(made);
  impl->requires_grad_leaf = t->requires_grad_leaf && !t->grad_fn;
  if (requires_grad(t)) {
    Tensor view = view_alias(t);
    impl->grad_fn = view->grad_fn;
    impl->output_nr = view->output_nr;
    impl->requires_grad_leaf = false;
  }
  return made;
}
PyObject* make_subclass_method(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [cls, data, require] =
      parse_arguments<3>("_make_subclass", {"cls", "data", "require_grad"}, 2, args, count, keywords);
  check<TypeError>(PyType_Check(cls), "_make_subclass(): argument 'cls' must be type, not ",
                   Py_TYPE(cls)->tp_name);
  return make_subclass(reinterpret_cast<PyTypeObject*>(cls), need_tensor(data, "_make_subclass", "data"),
                       given(require) && is_true(require));
}

PyObject* numpy_method(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [force] = parse_arguments<1>("numpy", {"force"}, 0, args, count, keywords);
  Tensor t = tensor_of(o);
  if (!(force && is_true(force)) && requires_grad(t))
    fail<RuntimeError>(
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  return to_numpy(t);
}

}  // namespace

PyObject* item(const Tensor& tensor) {
  if (tensor.numel() != 1)
    fail<RuntimeError>("a Tensor with ", tensor.numel(),
                       " elements cannot be converted to Scalar; its shape is ", tensor.sizes());
  check(tensor.device() != Device::Type::Meta, "Tensor.item() cannot be called on meta tensors");
  Tensor t = readable(tensor);
  return visit_any(t.dtype(), "item", [&]<class T>() { return number(element<T>(t->data)); });
}

PyGetSetDef tensor_attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, "The user's attributes.", nullptr},
    {"shape", entry<get_shape>, nullptr, "The sizes.", nullptr},
    {"dtype", entry<get_dtype>, nullptr, "The element type.", nullptr},
    {"device", entry<get_device>, nullptr, "Where the data lies.", nullptr},
    {"layout", entry<get_layout>, nullptr, "torch.strided, or torch.sparse_coo.", nullptr},
    {"ndim", entry<get_ndim>, nullptr, "The number of dimensions.", nullptr},
    {"itemsize", entry<get_itemsize>, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", entry<get_nbytes>, nullptr, "Bytes of all elements.", nullptr},
    {"is_cpu", entry<get_is_cpu>, nullptr, "Whether it lies in main memory.", nullptr},
    {"is_cuda", entry<get_false>, nullptr, "Whether it lies on a CUDA device.", nullptr},
    {"is_sparse", entry<get_is_sparse>, nullptr, "Whether it is sparse.", nullptr},
    {"is_quantized", entry<get_false>, nullptr, "Whether it is quantized.", nullptr},
    {"is_meta", entry<get_is_meta>, nullptr, "Whether it has no data.", nullptr},
    {"is_mkldnn", entry<get_false>, nullptr, "Always false.", nullptr},
    {"is_nested", entry<get_false>, nullptr, "Always false.", nullptr},
    {"_version", entry<get_version>, nullptr, "Counts in-place writes.", nullptr},
    {"output_nr", entry<get_output_nr>, nullptr, "Which output of grad_fn this is.", nullptr},
    {"_base", entry<get_base>, nullptr, "The tensor that this is a view of.", nullptr},
    {"is_leaf", entry<get_is_leaf>, nullptr, "Whether no operation made it.", nullptr},
    {"retains_grad", entry<get_retains_grad>, nullptr, "Whether retain_grad() was called.", nullptr},
    {"grad_fn", entry<get_grad_fn>, nullptr, "The node of the operation that made it.", nullptr},
    {"requires_grad", entry<get_requires_grad>, entry<assign_requires_grad>, "Whether gradients flow to it.",
     nullptr},
    {"grad", entry<get_grad>, entry<assign_grad>, "The accumulated gradient.", nullptr},
    {"_grad", entry<get_grad>, entry<assign_grad>, "The same as grad.", nullptr},
    {"data", entry<get_data>, entry<assign_data>, "The same memory without history.", nullptr},
    {"T", entry<get_T>, nullptr, "Dimensions reversed.", nullptr},
    {"mT", entry<get_mT>, nullptr, "The last two dimensions exchanged.", nullptr},
    {"H", entry<get_H>, nullptr, "The conjugate transpose of a matrix.", nullptr},
    {"mH", entry<get_mH>, nullptr, "The conjugate transpose of a batch of matrices.", nullptr},
    {"real", entry<get_real>, nullptr, "The real part.", nullptr},
    {"imag", entry<get_imag>, nullptr, "The imaginary part.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// Methods that a subclass with a __torch_function__ of its own may take over.
struct MethodName {
  char text[24] = {};
  template <size_t n>
  consteval MethodName(const char (&name)[n]) {
    for (size_t i = 0; i < n; ++i) text[i] = name[i];
  }
};
[[gnu::cold]] PyObject* offer(const char* name, PyObject* self, PyObject* const* args, Py_ssize_t count,
                              PyObject* keywords) {
  if (!takes_over_by_its_own(self)) return nullptr;
  const Object method = owned(PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), name));
  return call_override(concat("Tensor.", name), method.get(), self, args, count, keywords);
}
template <auto function, MethodName name>
struct Offered;
template <PyObject* (*function)(PyObject*, PyObject*), MethodName name>
struct Offered<function, name> {
  static PyObject* call(PyObject* o, PyObject* argument) {
    if (Py_TYPE(o) != tensor_type) [[unlikely]]
      if (PyObject* taken = offer(name.text, o, &argument, argument != nullptr, nullptr)) return taken;
    return function(o, argument);
  }
};
template <PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*), MethodName name>
struct Offered<function, name> {
  static PyObject* call(PyObject* o, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    if (Py_TYPE(o) != tensor_type) [[unlikely]]
      if (PyObject* taken = offer(name.text, o, args, count, keywords)) return taken;
    return function(o, args, count, keywords);
  }
};
template <auto function, MethodName name>
inline constexpr auto offered = &Offered<function, name>::call;

constexpr int kFast = METH_FASTCALL | METH_KEYWORDS;
PyMethodDef tensor_methods[] = {
    {"size", fast<offered<size, "size">>(), kFast, "size(dim=None): the sizes, or one of them."},
    {"stride", fast<offered<stride, "stride">>(), kFast, "stride(dim=None): the strides, or one of them."},
    {"dim", entry<offered<dim, "dim">>, METH_NOARGS, "The number of dimensions."},
    {"ndimension", entry<offered<dim, "ndimension">>, METH_NOARGS, "The number of dimensions."},
    {"numel", entry<offered<numel, "numel">>, METH_NOARGS, "The number of elements."},
    {"nelement", entry<offered<numel, "nelement">>, METH_NOARGS, "The number of elements."},
    {"storage_offset", entry<offered<storage_offset, "storage_offset">>, METH_NOARGS,
     "Elements between the start of the storage and the first one."},
    {"is_contiguous", fast<offered<is_contiguous_method, "is_contiguous">>(), kFast,
     "Whether the elements lie in order without gaps."},
    {"data_ptr", entry<offered<data_ptr, "data_ptr">>, METH_NOARGS, "The address of the first element."},
    {"element_size", entry<offered<element_size, "element_size">>, METH_NOARGS, "Bytes of one element."},
    {"is_floating_point", entry<offered<is_floating_point, "is_floating_point">>, METH_NOARGS,
     "Whether the dtype is floating point."},
    {"is_complex", entry<offered<is_complex_method, "is_complex">>, METH_NOARGS,
     "Whether the dtype is complex."},
    {"is_signed", entry<offered<is_signed, "is_signed">>, METH_NOARGS, "Whether the dtype has a sign."},
    {"is_inference", entry<offered<is_inference, "is_inference">>, METH_NOARGS,
     "Whether it was made in inference mode."},
    {"_is_view", entry<is_view>, METH_NOARGS, "Whether it shares memory and history with a base."},
    {"is_pinned", entry<offered<is_pinned, "is_pinned">>, METH_NOARGS, "Whether it lies in pinned memory."},
    {"get_device", entry<offered<get_device_method, "get_device">>, METH_NOARGS,
     "The number of its CUDA device; -1 in main memory."},
    {"is_set_to", entry<offered<is_set_to, "is_set_to">>, METH_O,
     "Whether both are the same window on the same memory."},
    {"item", entry<offered<item_method, "item">>, METH_NOARGS,
     "The value of a tensor with one element as a Python number."},
    {"__complex__", entry<as_complex>, METH_NOARGS,
     "The value of a tensor with one element as a complex number."},
    {"tolist", entry<offered<tolist, "tolist">>, METH_NOARGS, "The values as nested lists."},
    {"backward", fast<offered<backward, "backward">>(), kFast,
     "backward(gradient=None, retain_graph=None, create_graph=False, inputs=None)"},
    {"requires_grad_", fast<offered<requires_grad_, "requires_grad_">>(), kFast,
     "requires_grad_(requires_grad=True): sets the flag, returns self."},
    {"retain_grad", entry<offered<retain_grad, "retain_grad">>, METH_NOARGS,
     "Keeps the gradient of a tensor that is no leaf."},
    {"_add_hook", entry<add_hook>, METH_O, "Adds a gradient hook; returns its id."},
    {"_add_post_accumulate_hook", entry<add_post_accumulate_hook>, METH_O,
     "Adds a hook to run after accumulation; returns its id."},
    {"_remove_hook", entry<remove_hook>, METH_O, "Takes a hook away by its id."},
    {"as_subclass", entry<as_subclass>, METH_O, "The same data as an object of a subclass."},
    {"_make_subclass", fast<make_subclass_method>(), kFast | METH_STATIC,
     "_make_subclass(cls, data, require_grad=False)"},
    {"numpy", fast<offered<numpy_method, "numpy">>(), kFast,
     "numpy(*, force=False): the same memory as a NumPy array."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace flambeau::python
