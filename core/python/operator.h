// An operator as Python knows it, between its registration (registry.cpp) and its calls (operators.cpp).
#pragma once
#include "core/python/python.h"

#include <string>
#include <vector>

#include "core/python/binder.h"

namespace flambeau::python {

struct Operator {
  std::string name;
  std::vector<Overload> overloads;
  std::vector<Overload> deprecated;  // tried where none of those takes a call; neither documented nor offered
  bool inplace = false;
  unsigned forms = 0;
  PyObject* function = nullptr;  // the public callables, for __torch_function__
  PyObject* method = nullptr;
};

// The name without its home.
inline std::string_view short_name(const Operator& op) {
  const std::string_view name = op.name;
  const size_t dot = name.rfind('.');
  return dot == name.npos ? name : name.substr(dot + 1);
}

struct OperatorObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  const Operator* op;
};
// What the two kinds of operator objects are called by.
extern const vectorcallfunc call_as_function, call_as_method;

// invoke(), but null without an exception where no overload takes the arguments.
PyObject* try_invoke(const Operator& op, PyObject* self, PyObject* const* args, Py_ssize_t count,
                     PyObject* keywords);

}  // namespace flambeau::python
