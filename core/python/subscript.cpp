// x[key] and x[key] = value: the key's integers, slices, None and Ellipsis become views; masks and index
// tensors what is left to index().
#include "core/python/python.h"

#include <vector>

#include "core/autograd/differentiable.h"
#include "core/ops/operators.h"
#include "core/python/arguments.h"

namespace flambeau::python {

namespace {

bool is_index_tensor(PyObject* o) { return is_tensor(o); }

// How many dimensions of self a part of the key uses up.
int dims_used(PyObject* part) {
  if (part == Py_None || part == Py_Ellipsis || PyBool_Check(part)) return 0;
  if (is_index_tensor(part)) {
    DType d = impl_of(part)->dtype;
    if (d == DType::Bool || d == DType::UInt8) return impl_of(part)->sizes.count;
  }
  return 1;
}

int64_t slice_bound(PyObject* o) {
  int64_t value;
  if (is_tensor(o)) {
    Object number = owned(item(tensor_of(o)));
    check<TypeError>(parse_int(number.get(), value),
                     "slice indices must be integers or None or have an __index__ method");
    return value;
  }
  if (PyLong_Check(o)) {  // out-of-range values are clamped, as Python's own slices do
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    return overflow > 0 ? INT64_MAX : overflow < 0 ? INT64_MIN : v;
  }
  check<TypeError>(parse_int(o, value), "slice indices must be integers or None or have an __index__ method");
  return value;
}

struct Subscript {
  Tensor view;                  // self after the basic parts
  std::vector<Tensor> indices;  // for index(), by dimension of view; undefined for ':'
  bool advanced = false;
};

Tensor take_slice(const Tensor& t, int64_t dim, PyObject* part) {
  auto* s = reinterpret_cast<PySliceObject*>(part);
  std::optional<int64_t> start, stop;
  int64_t step = 1;
  if (s->start != Py_None) start = slice_bound(s->start);
  if (s->stop != Py_None) stop = slice_bound(s->stop);
  if (s->step != Py_None) step = slice_bound(s->step);
  check<ValueError>(step != 0, "slice step cannot be zero");
  check<ValueError>(step > 0, "step must be greater than zero, got ", step, "; use flip() to reverse");
  if (!start && !stop && step == 1) return t;
  return slice(t, dim, start, stop, step);
}

// Lists hold indices, unless they hold parts of a key, as the oldest NumPy programs wrote.
bool is_key_list(PyObject* list) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    PyObject* o = PyList_GET_ITEM(list, i);
    if (o == Py_None || o == Py_Ellipsis || PySlice_Check(o)) return true;
  }
  return false;
}

Subscript parse(const Tensor& self, PyObject* key) {
  Object holder;
  PyObject* const* parts = &key;
  Py_ssize_t count = 1;
  if (PyTuple_Check(key) || (PyList_Check(key) && is_key_list(key))) {
    holder = owned(PySequence_Fast(key, "a key"));
    parts = PySequence_Fast_ITEMS(holder.get());
    count = PySequence_Fast_GET_SIZE(holder.get());
  }
  int used = 0, ellipses = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    used += dims_used(parts[i]);
    ellipses += parts[i] == Py_Ellipsis;
  }
  if (used > self.dim())
    fail<IndexError>("too many indices for tensor of dimension ", self.dim(), "; the key has ", used);
  check<IndexError>(ellipses <= 1, "an index can only have a single ellipsis ('...')");

  Subscript result;
  Tensor& view = result.view;
  view = self;
  int64_t dim = 0;
  int64_t folded = 0;  // dimensions beyond one that masks take up: a mask is one entry for index()
  auto add_index = [&](Tensor index, int64_t width) {
    result.indices.resize(static_cast<size_t>(dim - folded));
    result.indices.push_back(std::move(index));
    result.advanced = true;
    dim += width;
    folded += width - 1;
  };
  auto one_item_mask = [](bool value) {
    Tensor mask = empty(Dims{1}, DType::Bool);
    *mask.data<bool>() = value;
    return mask;
  };
  bool changed = false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* part = parts[i];
    int64_t integer;
    if (PyBool_Check(part)) {
      view = unsqueeze(view, dim);  // a mask for the dimension of one that was put in
      add_index(one_item_mask(part == Py_True), 1);
    } else if (part == Py_None) {
      view = unsqueeze(view, dim);
      changed = true;
      ++dim;
    } else if (part == Py_Ellipsis) {
      dim += self.dim() - used;
    } else if (PySlice_Check(part)) {
      Tensor sliced = take_slice(view, dim, part);
      changed |= !(sliced == view);
      view = std::move(sliced);
      ++dim;
    } else if (is_index_tensor(part)) {
      Tensor index = tensor_of(part);
      if (index.dim() == 0 && is_integral(index.dtype()) && index.dtype() != DType::Bool &&
          index.dtype() != DType::UInt8) {
        Object number = owned(item(index));
        parse_int(number.get(), integer);
        view = select_item(view, dim, integer);
        changed = true;
        continue;
      }
      check<IndexError>(is_integral(index.dtype()),
                        "tensors used as indices must be long, int, byte or bool tensors, not torch.",
                        name(index.dtype()));
      const int width = index.dtype() == DType::Bool || index.dtype() == DType::UInt8 ? index.dim() : 1;
      if (width == 0) {  // a 0-d mask
        view = unsqueeze(view, dim);
        add_index(reshape(to_dtype(index, DType::Bool), Dims{1}), 1);
        continue;
      }
      add_index(std::move(index), width);
    } else if (parse_int(part, integer)) {
      view = select_item(view, dim, integer);
      changed = true;
    } else if (!PyUnicode_Check(part) && !PyBytes_Check(part) &&
               (PySequence_Check(part) || PyObject_CheckBuffer(part))) {
      Tensor index = tensor_from_data(part, std::nullopt);
      if (index.numel() == 0 && is_floating(index.dtype())) index = empty(index.sizes(), DType::Int64);
      check<IndexError>(is_integral(index.dtype()),
                        "tensors used as indices must be long, int, byte or bool tensors, not torch.",
                        name(index.dtype()));
      int width = index.dtype() == DType::Bool ? index.dim() : 1;
      if (width > 1 && used - 1 + width > self.dim())
        fail<IndexError>("too many indices for tensor of dimension ", self.dim());
      add_index(std::move(index), width);
    } else {
      fail<TypeError>(
          "tensor indices must be integers, slices (`:`), ellipsis (`...`), None, or tensors and lists of "
          "integers "
          "or booleans, not ",
          Py_TYPE(part)->tp_name);
    }
  }
  if (!changed && !result.advanced && view == self) view = view_alias(self);
  return result;
}

}  // namespace

PyObject* subscript(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    const Tensor t(impl_of(self));
    int64_t integer;
    if (PyLong_CheckExact(key) && parse_int(key, integer)) [[likely]] {
      if (t.dim() == 0)
        fail<IndexError>(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a "
            "number");
      return wrap(select_item(t, 0, integer));
    }
    Subscript s = parse(t, key);
    const DeviceScope scope(t.device());
    return wrap(s.advanced ? index(s.view, s.indices) : s.view);
  });
}

int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  return guarded([&] {
    check<TypeError>(value != nullptr, "Tensor does not support deleting items");
    const Tensor t(impl_of(self));
    Scalar number;
    Tensor tensor;
    bool is_number = false;
    if (is_tensor(value))
      tensor = tensor_of(value);
    else if (parse_number(value, number))
      is_number = true;
    else if (PySequence_Check(value) || PyObject_CheckBuffer(value))
      tensor = tensor_from_data(value, t.dtype());
    else
      fail<TypeError>("can't assign a ", Py_TYPE(value)->tp_name, " to a torch.", scalar_type_name(t.dtype()),
                      "Tensor");
    if (t.dim() == 0 && PyLong_CheckExact(key))
      fail<IndexError>(
          "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a "
          "number");
    Subscript s = parse(t, key);
    check_inplace(s.view);
    const DeviceScope scope(t.device());
    if (s.advanced) {
      index_put_(s.view, s.indices, is_number ? Operand(number) : Operand(tensor), false);
      return 0;
    }
    if (is_number) {
      fill_(s.view, number);
      return 0;
    }
    // Leading dimensions of one may be dropped: x[0] = row of shape (1, n).
    while (tensor.dim() > s.view.dim() && tensor.sizes()[0] == 1) tensor = squeeze(tensor, Dims{0});
    if (tensor.dim() > s.view.dim())
      fail<RuntimeError>("expand(torch.", scalar_type_name(tensor.dtype()), "Tensor{", tensor.sizes(),
                         "}, size=", s.view.sizes(), "): the number of sizes provided (", s.view.dim(),
                         ") must be greater or equal to the number of dimensions in the tensor (",
                         tensor.dim(), ")");
    copy_(s.view, tensor);
    return 0;
  });
}

}  // namespace flambeau::python
