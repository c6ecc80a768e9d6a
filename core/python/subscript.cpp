// x[key] and x[key] = value: the key's integers, slices, None and Ellipsis become views; masks and index
// tensors what is left to index().
#include "core/python/python.h"

#include <vector>

#include "core/autograd/differentiable.h"
#include "core/ops/operators.h"
#include "core/python/arguments.h"

namespace flambeau::python {

namespace {

// One part of a key, read out of its Python object. All parts are read before the tensor is looked at:
// __index__ and the conversion of sequences may run any Python, which may change the key and the tensor.
struct Part {
  enum class Kind : uint8_t { None, Ellipsis, Bool, Int, Slice, Index } kind = Kind::None;
  bool truth = false;
  bool has_start = false, has_stop = false;
  int64_t start = 0;  // or the integer
  int64_t stop = 0, step = 1;
  Tensor index;  // int64, int32, ..., or bool or uint8: a mask

  bool is_mask() const {
    return kind == Kind::Index && (index.dtype() == DType::Bool || index.dtype() == DType::UInt8);
  }
  // How many dimensions of the tensor it uses up.
  int width() const {
    if (kind == Kind::Int || kind == Kind::Slice) return 1;
    if (kind != Kind::Index) return 0;
    return is_mask() ? index.dim() : 1;
  }
};

int64_t integer_of(PyObject* o) {
  const Object held = PyLong_CheckExact(o) ? Object::borrow(o) : owned(PyNumber_Index(o));
  int overflow;
  const int64_t value = PyLong_AsLongLongAndOverflow(held.get(), &overflow);
  check<ValueError>(!overflow, "Overflow when unpacking long long");
  return value;
}

int64_t slice_bound(PyObject* o) {
  Object held = Object::borrow(o);
  if (is_tensor(o)) held = owned(item(tensor_of(o)));
  check<TypeError>(PyIndex_Check(held.get()),
                   "slice indices must be integers or None or have an __index__ method");
  const Object index = owned(PyNumber_Index(held.get()));
  int overflow;  // out-of-range values are clamped, as Python's own slices do
  const long long v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  return overflow > 0 ? INT64_MAX : overflow < 0 ? INT64_MIN : v;
}

void read_slice(PyObject* o, Part& part) {
  auto* s = reinterpret_cast<PySliceObject*>(o);
  part.kind = Part::Kind::Slice;
  if (s->step != Py_None) part.step = slice_bound(s->step);
  check<ValueError>(part.step != 0, "slice step cannot be zero");
  check<ValueError>(part.step > 0, "step must be greater than zero, got ", part.step,
                    "; use flip() to reverse");
  part.has_start = s->start != Py_None;
  part.has_stop = s->stop != Py_None;
  if (part.has_start) part.start = slice_bound(s->start);
  if (part.has_stop) part.stop = slice_bound(s->stop);
}

void read_index(Tensor index, Part& part) {
  const DType d = index.dtype();
  check<IndexError>(is_integral(d),
                    "tensors used as indices must be long, int, byte or bool tensors, not torch.", name(d));
  if (index.dim() == 0 && d != DType::Bool && d != DType::UInt8) {
    part.kind = Part::Kind::Int;
    part.start = integer_of(owned(item(index)).get());
    return;
  }
  if (d == DType::UInt8 && index.dim() == 0) index = to_dtype(index, DType::Bool);
  part.kind = Part::Kind::Index;
  part.index = std::move(index);
}

void read_part(PyObject* o, Part& part) {
  if (o == Py_None) {
    part.kind = Part::Kind::None;
  } else if (o == Py_Ellipsis) {
    part.kind = Part::Kind::Ellipsis;
  } else if (PyBool_Check(o)) {
    part.kind = Part::Kind::Bool;
    part.truth = o == Py_True;
  } else if (PySlice_Check(o)) {
    read_slice(o, part);
  } else if (is_tensor(o)) {
    read_index(tensor_of(o), part);
  } else if (PySequence_Check(o)) {  // arrays among them
    const Object held = Object::borrow(o);
    Tensor index = tensor_from_data(o, std::nullopt);
    if (index.dtype() != DType::Bool && index.dtype() != DType::UInt8) index = to_dtype(index, DType::Int64);
    read_index(std::move(index), part);
  } else if (PyIndex_Check(o)) {
    part.kind = Part::Kind::Int;
    part.start = integer_of(o);
  } else {
    fail<IndexError>(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        "(got ",
        Py_TYPE(o)->tp_name, ")");
  }
}

// A short sequence that holds more than numbers is a key, as a tuple of its items would be.
bool is_key_sequence(PyObject* key) {
  if (PyTuple_Check(key) || is_tensor(key) || !PySequence_Check(key) || is_array(key) ||
      PyUnicode_Check(key) || PyBytes_Check(key))
    return false;
  const Py_ssize_t n = PySequence_Size(key);
  if (n < 0) throw PythonError();
  if (n >= 32) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Object o = owned(PySequence_GetItem(key, i));
    if (is_tensor(o.get()) || PySequence_Check(o.get()) || PySlice_Check(o.get()) || o.get() == Py_Ellipsis ||
        o.get() == Py_None)
      return true;
  }
  return false;
}

class Parts {
 public:
  explicit Parts(PyObject* key) {
    Object held;
    PyObject* const* items = &key;
    if (is_key_sequence(key)) {
      if (warn)
        warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] "
            "instead "
            "of x[seq].");
      held = owned(PySequence_Tuple(key));
      key = held.get();
    }
    if (PyTuple_Check(key)) {
      items = PySequence_Fast_ITEMS(key);
      count_ = static_cast<size_t>(PyTuple_GET_SIZE(key));
    }
    if (count_ > std::size(few_)) many_ = std::make_unique<Part[]>(count_);
    for (size_t i = 0; i < count_; ++i) read_part(items[i], begin()[i]);
  }
  Part* begin() { return many_ ? many_.get() : few_; }
  Part* end() { return begin() + count_; }

 private:
  size_t count_ = 1;
  Part few_[4];
  std::unique_ptr<Part[]> many_;
};

struct Subscript {
  Tensor view;                  // self after the basic parts
  std::vector<Tensor> indices;  // for index(), by dimension of view; undefined for ':'
  bool advanced = false;
};

Subscript parse(const Tensor& self, PyObject* key) {
  Parts parts(key);
  int64_t used = 0, ellipses = 0;
  for (const Part& part : parts) {
    used += part.width();
    ellipses += part.kind == Part::Kind::Ellipsis;
  }
  if (used > self.dim()) fail<IndexError>("too many indices for tensor of dimension ", self.dim());
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
  for (Part& part : parts) {
    switch (part.kind) {
      case Part::Kind::Bool:
        view = unsqueeze(view, dim);  // a mask for the dimension of one that was put in
        add_index(one_item_mask(part.truth), 1);
        break;
      case Part::Kind::None:
        view = unsqueeze(view, dim);
        changed = true;
        ++dim;
        break;
      case Part::Kind::Ellipsis:
        dim += self.dim() - used;
        break;
      case Part::Kind::Slice:
        if (part.has_start || part.has_stop || part.step != 1) {
          view = slice(view, dim, part.has_start ? std::optional(part.start) : std::nullopt,
                       part.has_stop ? std::optional(part.stop) : std::nullopt, part.step);
          changed = true;
        }
        ++dim;
        break;
      case Part::Kind::Int: {
        const int64_t size = view.size(dim);
        if (part.start < -size || part.start >= size)
          fail<IndexError>("index ", part.start, " is out of bounds for dimension ", &part - parts.begin(),
                           " with size ", size);
        view = select_item(view, dim, part.start);
        changed = true;
        break;
      }
      case Part::Kind::Index:
        if (part.width() == 0) {  // a 0-d mask
          view = unsqueeze(view, dim);
          add_index(reshape(part.index, Dims{1}), 1);
        } else {
          add_index(part.index, part.width());
        }
        break;
    }
  }
  if (!changed && !result.advanced && view == self) view = view_alias(self);
  return result;
}

}  // namespace

PyObject* subscript(PyObject* self, PyObject* key) {
  const Tensor t(impl_of(self));
  int64_t integer;
  if (PyLong_CheckExact(key) && parse_int(key, integer)) [[likely]] {
    if (t.dim() == 0)
      fail<IndexError>(
          "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
          "convert a 0-dim tensor to a number");
    return wrap(select_item(t, 0, integer));
  }
  Subscript s = parse(t, key);
  const DeviceScope scope(t.device());
  return wrap(s.advanced ? index(s.view, s.indices) : s.view);
}

int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  check<TypeError>(value != nullptr, "Tensor does not support deleting items");
  const Tensor t(impl_of(self));
  Scalar number;
  Tensor tensor;
  bool is_number = false;
  if (is_tensor(value))
    tensor = tensor_of(value);
  else if (parse_number(value, number))
    is_number = true;
  else if (!PyUnicode_Check(value) && !PyBytes_Check(value) &&
           (PySequence_Check(value) || PyObject_CheckBuffer(value)))
    tensor = tensor_from_data(value, t.dtype());
  else
    fail<TypeError>("can't assign a ", Py_TYPE(value)->tp_name, " to a torch.", scalar_type_name(t.dtype()),
                    "Tensor");
  if (t.dim() == 0 && PyLong_CheckExact(key))
    fail<IndexError>(
        "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
        "convert a 0-dim tensor to a number");
  Subscript s = parse(t, key);
  check_inplace(s.view);
  const DeviceScope scope(t.device());
  if (s.advanced) {
    index_put_(s.view, s.indices, is_number ? Operand(number) : Operand(tensor), false);
    return 0;
  }
  if (is_number) {
    check_no_internal_overlap(s.view);  // which fill_ itself would let pass
    fill_(s.view, number);
    return 0;
  }
  // Leading dimensions of one may be dropped: x[0] = row of shape (1, n).
  while (tensor.dim() > s.view.dim() && tensor.sizes()[0] == 1) tensor = squeeze(tensor, Dims{0});
  if (tensor.dim() > s.view.dim())
    fail<RuntimeError>("expand(torch.", scalar_type_name(tensor.dtype()), "Tensor{", tensor.sizes(),
                       "}, size=", s.view.sizes(), "): the number of sizes provided (", s.view.dim(),
                       ") must be greater or equal to the number of dimensions in the tensor (", tensor.dim(),
                       ")");
  copy_(s.view, tensor);
  return 0;
}

}  // namespace flambeau::python
