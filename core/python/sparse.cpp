// What the core asks of sparse tensors, which are written in Python (flambeau/sparse).
#include "core/autograd/sparse.h"

#include "core/python/arguments.h"
#include "core/python/python.h"

namespace flambeau::python {

namespace {

Tensor call_sparse(const char* function, std::initializer_list<PyObject*> arguments) {
  Object module = owned(PyImport_ImportModule("flambeau.sparse._coo"));
  Object callable = owned(PyObject_GetAttrString(module.get(), function));
  Object result = owned(PyObject_Vectorcall(callable.get(), std::data(arguments), arguments.size(), nullptr));
  return need_tensor(result.get(), function, "result");
}

// _as_sparse(tensor): a meta tensor becomes the outside of a sparse one.
PyObject* as_sparse(PyObject*, PyObject* o) {
  const Tensor t = need_tensor(o, "_as_sparse", "tensor");
  check(t.device() == Device::Type::Meta && t.is_leaf(), "_as_sparse() takes a leaf on the device 'meta'");
  t->device = Device::Type::SparseCpu;
  return Py_NewRef(o);
}

}  // namespace

void connect_sparse() {
  sparse_bridge.add = [](const Tensor& sum, const Tensor& grad, bool create_graph, bool in_place) {
    Object first = sum ? owned(wrap(sum)) : Object::borrow(Py_None), second = owned(wrap(grad));
    return call_sparse("add_gradients", {first.get(), second.get(), create_graph ? Py_True : Py_False,
                                         in_place ? Py_True : Py_False});
  };
  sparse_bridge.to_dense = [](const Tensor& t) {
    Object held = owned(wrap(t));
    return call_sparse("dense_gradient", {held.get()});
  };
  sparse_bridge.rows = [](const Tensor& index, const Tensor& values, int64_t rows, int64_t padding) {
    Object first = owned(wrap(index)), second = owned(wrap(values));
    Object count = owned(PyLong_FromLongLong(rows)), left_out = owned(PyLong_FromLongLong(padding));
    return call_sparse("gradient_of_rows", {first.get(), second.get(), count.get(), left_out.get()});
  };
  sparse_bridge.elements = [](const Tensor& index, int dim, const Tensor& values, const Dims& sizes) {
    Object first = owned(wrap(index)), second = owned(wrap(values)), along = owned(PyLong_FromLong(dim));
    Object shape = owned(PyTuple_New(sizes.count));
    for (int i = 0; i < sizes.count; ++i) PyTuple_SET_ITEM(shape.get(), i, PyLong_FromLongLong(sizes[i]));
    return call_sparse("gradient_of_elements", {first.get(), along.get(), second.get(), shape.get()});
  };
}

PyMethodDef sparse_functions[] = {
    {"_as_sparse", entry<as_sparse>, METH_O, "Makes a new meta tensor the outside of a sparse one."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace flambeau::python
