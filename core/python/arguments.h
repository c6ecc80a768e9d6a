// Arguments of the hand-written functions: by position or keyword, missing ones null.
#pragma once
#include "core/python/python.h"

#include <array>

namespace flambeau::python {

template <size_t N>
using Arguments = std::array<PyObject*, N>;

// names: "gradient", ...; the first `required` must be given. Throws TypeError in CPython's words.
template <size_t N>
Arguments<N> parse_arguments(const char* function, const std::array<const char*, N>& names, size_t required,
                             PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  Arguments<N> found{};
  if (static_cast<size_t>(count) > N)
    fail<TypeError>(function, "() takes at most ", N, " arguments (", count, " given)");
  for (Py_ssize_t i = 0; i < count; ++i) found[static_cast<size_t>(i)] = args[i];
  for (Py_ssize_t j = 0; keywords && j < PyTuple_GET_SIZE(keywords); ++j) {
    PyObject* key = PyTuple_GET_ITEM(keywords, j);
    size_t i = 0;
    while (i < N && PyUnicode_CompareWithASCIIString(key, names[i]) != 0) ++i;
    if (i == N) fail<TypeError>(function, "() got an unexpected keyword argument '", text_of(key), "'");
    if (found[i]) fail<TypeError>(function, "() got multiple values for argument '", names[i], "'");
    found[i] = args[count + j];
  }
  for (size_t i = 0; i < required; ++i)
    if (!found[i])
      fail<TypeError>(function, "() missing required argument '", names[i], "' (pos ", i + 1, ")");
  return found;
}

inline bool given(PyObject* o) { return o && o != Py_None; }
inline bool is_true(PyObject* o) {
  int truth = PyObject_IsTrue(o);
  if (truth < 0) throw PythonError();
  return truth == 1;
}
inline Tensor need_tensor(PyObject* o, const char* function, const char* argument) {
  if (!is_tensor(o))
    fail<TypeError>(function, "(): argument '", argument, "' must be Tensor, not ", Py_TYPE(o)->tp_name);
  return tensor_of(o);
}
inline std::vector<Tensor> tensor_list(PyObject* o, const char* function, const char* argument) {
  std::vector<Tensor> list;
  if (!given(o)) return list;
  if (is_tensor(o)) {
    list.push_back(tensor_of(o));
    return list;
  }
  Object sequence(PySequence_Fast(o, "expected a tensor or a sequence of tensors"));
  if (!sequence) throw PythonError();
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(sequence.get(), i);
    if (item == Py_None)
      list.emplace_back();
    else
      list.push_back(need_tensor(item, function, argument));
  }
  return list;
}

}  // namespace flambeau::python
