// Python's own operators and protocols on tensors: a + b, a < b, bool(a), int(a), len(a), iteration.
#include "core/python/operator.h"

#include <algorithm>

#include "core/ops/operators.h"
#include "core/python/autocast.h"

namespace flambeau::python {

namespace {

template <size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&from)[N]) { std::copy_n(from, N, text); }
};
template <Name name>
const Operator& named() {
  static const Operator& op = find_operator(name.text);
  return op;
}

// One operand of a binary operator, where it is a plain tensor of the CPU or a Python number.
inline bool set_plain(PyObject* o, Value& v) {
  if (Py_TYPE(o) == tensor_type) [[likely]] {
    v.tensor = impl_of(o);
    v.kind = ValueKind::Tensor;
    return v.tensor->device == Device::Type::Cpu;
  }
  if (PyFloat_CheckExact(o)) {
    v.real = PyFloat_AS_DOUBLE(o);
    v.kind = ValueKind::Float;
    return true;
  }
  if (PyLong_CheckExact(o)) {
    v.kind = ValueKind::Int;
    return parse_int(o, v.integer);
  }
  return false;
}

// NumPy takes `tensor + array` over and hands the result to __array_wrap__; on the left, and in comparisons,
// an array is met as the tensor of its values.
enum class Arrays { OnTheLeft, OnBothSides };

PyObject* call_binary(const Operator& op, PyObject* a, PyObject* b, Arrays arrays = Arrays::OnTheLeft) {
  const Overload& overload = op.overloads[0];
  Value values[4];
  const size_t n = overload.parameters.size();
  if (!autocast_mark && overload.call && n <= 4 && set_plain(a, values[0]) && set_plain(b, values[1]) &&
      (overload.parameters[1].type == ParameterType::TensorOrNumber ||
       (overload.parameters[1].type == ParameterType::Tensor && values[1].kind == ValueKind::Tensor)) &&
      (overload.parameters[0].type == ParameterType::TensorOrNumber || values[0].kind == ValueKind::Tensor))
      [[likely]] {
    for (size_t i = 2; i < n; ++i) values[i] = overload.parameters[i].default_value;
    try {
      if (op.inplace) {
        const Tensor& self = reinterpret_cast<const Tensor&>(values[0].tensor);
        check_inplace(self);
        return wrap(overload.call(values, Out{self.get(), nullptr, true}));
      }
      return wrap(overload.call(values, Out{}));
    } catch (...) {
      return raise_from_cpp();
    }
  }
  Object converted;
  PyObject* args[] = {a, b};
  for (PyObject*& o : args) {
    if (is_tensor(o) || (&o != args && arrays == Arrays::OnTheLeft) || !is_array(o)) continue;
    converted = owned(wrap(tensor_from_data(o, std::nullopt)));  // the other operand is a tensor
    o = converted.get();
  }
  PyObject* result = is_tensor(args[0]) && (op.inplace || op.forms & Forms::method)
                         ? try_invoke(op, args[0], args + 1, 1, nullptr)
                         : try_invoke(op, nullptr, args, 2, nullptr);
  if (result || PyErr_Occurred()) return result;
  Py_RETURN_NOTIMPLEMENTED;
}

template <Name name>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  return guarded([&] { return call_binary(named<name>(), a, b); });
}
template <Name name, Name reversed>
PyObject* binary_slot_reversed(PyObject* a, PyObject* b) {
  return guarded([&] {
    return is_tensor(a) || is_array(a) ? call_binary(named<name>(), a, b)
                                       : call_binary(named<reversed>(), b, a);
  });
}
// number / tensor is reciprocal(tensor) * number, as PyTorch computes (and rounds) it.
PyObject* divide_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (is_tensor(a)) return call_binary(named<"div">(), a, b);
    if (is_array(a)) return call_binary(named<"div">(), a, b);
    Object inverse = owned(invoke(named<"reciprocal">(), b, nullptr, 0, nullptr));
    return call_binary(named<"mul">(), inverse.get(), a);
  });
}
template <Name name>
PyObject* power_slot(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary_slot<name>(a, b);
}
template <Name name>
PyObject* unary_slot(PyObject* a) {
  return guarded([&] { return invoke(named<name>(), a, nullptr, 0, nullptr); });
}
PyObject* invert(PyObject* a) {
  return guarded([&] {
    check<TypeError>(is_integral(impl_of(a)->dtype),
                     "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
    return invoke(named<"bitwise_not">(), a, nullptr, 0, nullptr);
  });
}
PyObject* positive(PyObject* a) { return Py_NewRef(a); }

template <Name name>
PyObject* compare_slot(PyObject* a, PyObject* b) {
  return call_binary(named<name>(), a, b, Arrays::OnBothSides);
}
PyObject* compare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_LT:
      return compare_slot<"lt">(a, b);
    case Py_LE:
      return compare_slot<"le">(a, b);
    case Py_EQ:
      return compare_slot<"eq">(a, b);
    case Py_NE:
      return compare_slot<"ne">(a, b);
    case Py_GT:
      return compare_slot<"gt">(a, b);
    case Py_GE:
      return compare_slot<"ge">(a, b);
  }
  Py_RETURN_NOTIMPLEMENTED;
}

int truth(PyObject* o) {
  return guarded([&] {
    Tensor t = tensor_of(o);
    if (t.numel() != 1)
      fail<RuntimeError>("Boolean value of Tensor with ",
                         t.numel() == 0 ? "no values" : "more than one value", " is ambiguous; its shape is ",
                         t.sizes(), ", use .any() or .all()");
    Object value = owned(item(t));
    return PyObject_IsTrue(value.get());
  });
}
// The only item as a real number: a complex one's imaginary part must be 0.
Object only_item(PyObject* o) {
  check<ValueError>(impl_of(o)->numel == 1, "only one element tensors can be converted to Python scalars");
  Object value = owned(item(tensor_of(o)));
  if (!PyComplex_Check(value.get())) return value;
  Scalar number;
  parse_number(value.get(), number);
  return owned(PyFloat_FromDouble(number.to_double()));
}
PyObject* as_float(PyObject* o) { return PyNumber_Float(only_item(o).get()); }
PyObject* as_int(PyObject* o) { return PyNumber_Long(only_item(o).get()); }
PyObject* as_index(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor t = tensor_of(o);
    check<TypeError>(t.numel() == 1 && is_integral(t.dtype()),
                     "only integer tensors of a single element can be converted to an "
                     "index; this one is torch.",
                     name(t.dtype()), " of shape ", t.sizes());
    return PyNumber_Long(owned(item(t)).get());
  });
}
Py_ssize_t length(PyObject* o) {
  if (impl_of(o)->sizes.count == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return static_cast<Py_ssize_t>(impl_of(o)->sizes[0]);
}
PyObject* iterate(PyObject* o) {
  return guarded([&]() -> PyObject* {
    check<TypeError>(impl_of(o)->sizes.count > 0, "iteration over a 0-d tensor");
    Object parts = owned(invoke(named<"unbind">(), o, nullptr, 0, nullptr));
    return PyObject_GetIter(parts.get());
  });
}
Py_hash_t hash(PyObject* o) { return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(o) >> 4); }
int contains(PyObject* o, PyObject* element) {
  return guarded([&] {
    Object equal = owned(compare(o, element, Py_EQ));
    if (!is_tensor(equal.get()))
      fail<RuntimeError>("Tensor.__contains__ only supports Tensor or scalar, but you passed in a ",
                         Py_TYPE(element)->tp_name, ".");
    Object any = owned(invoke(named<"any">(), equal.get(), nullptr, 0, nullptr));
    return truth(any.get());
  });
}

}  // namespace

PyType_Slot tensor_number_slots[] = {{Py_nb_add, slot<binary_slot<"add">>()},
                                     {Py_nb_subtract, slot<binary_slot_reversed<"sub", "rsub">>()},
                                     {Py_nb_multiply, slot<binary_slot<"mul">>()},
                                     {Py_nb_true_divide, slot<divide_slot>()},
                                     {Py_nb_floor_divide, slot<binary_slot<"floor_divide">>()},
                                     {Py_nb_remainder, slot<binary_slot<"remainder">>()},
                                     {Py_nb_power, slot<power_slot<"pow">>()},
                                     {Py_nb_matrix_multiply, slot<binary_slot<"matmul">>()},
                                     {Py_nb_and, slot<binary_slot<"bitwise_and">>()},
                                     {Py_nb_lshift, slot<binary_slot<"bitwise_left_shift">>()},
                                     {Py_nb_rshift, slot<binary_slot<"bitwise_right_shift">>()},
                                     {Py_nb_inplace_lshift, slot<binary_slot<"bitwise_left_shift_">>()},
                                     {Py_nb_inplace_rshift, slot<binary_slot<"bitwise_right_shift_">>()},
                                     {Py_nb_or, slot<binary_slot<"bitwise_or">>()},
                                     {Py_nb_xor, slot<binary_slot<"bitwise_xor">>()},
                                     {Py_nb_inplace_add, slot<binary_slot<"add_">>()},
                                     {Py_nb_inplace_subtract, slot<binary_slot<"sub_">>()},
                                     {Py_nb_inplace_multiply, slot<binary_slot<"mul_">>()},
                                     {Py_nb_inplace_true_divide, slot<binary_slot<"div_">>()},
                                     {Py_nb_inplace_floor_divide, slot<binary_slot<"floor_divide_">>()},
                                     {Py_nb_inplace_remainder, slot<binary_slot<"remainder_">>()},
                                     {Py_nb_inplace_power, slot<power_slot<"pow_">>()},
                                     {Py_nb_inplace_and, slot<binary_slot<"bitwise_and_">>()},
                                     {Py_nb_inplace_or, slot<binary_slot<"bitwise_or_">>()},
                                     {Py_nb_inplace_xor, slot<binary_slot<"bitwise_xor_">>()},
                                     {Py_nb_negative, slot<unary_slot<"neg">>()},
                                     {Py_nb_positive, slot<positive>()},
                                     {Py_nb_absolute, slot<unary_slot<"abs">>()},
                                     {Py_nb_invert, slot<invert>()},
                                     {Py_nb_bool, slot<truth>()},
                                     {Py_nb_float, slot<as_float>()},
                                     {Py_nb_int, slot<as_int>()},
                                     {Py_nb_index, slot<as_index>()},
                                     {Py_tp_richcompare, slot<compare>()},
                                     {Py_tp_hash, slot<hash>()},
                                     {Py_tp_iter, slot<iterate>()},
                                     {Py_mp_length, slot<length>()},
                                     {Py_sq_contains, slot<contains>()},
                                     {0, nullptr}};

}  // namespace flambeau::python
