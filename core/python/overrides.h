// __torch_function__: who among the arguments of a call takes it over.
#pragma once
#include "core/python/python.h"

#include <string>

namespace flambeau::python {

// The class's hook (Tensor's default gives results of the subclass), or null where it has none or has
// switched it off.
PyObject* override_of(PyTypeObject* type);

// Whether an argument has a hook that is not switched off.
bool takes_over(PyObject* argument);
// The same, but for Tensor's default.
bool takes_over_by_its_own(PyObject* argument);

// Offers a call to the hooks of its arguments and of what their lists hold, subclasses before their bases.
// Null without an exception: nobody has a hook. `function` is what the hook is told was called; null: None.
PyObject* call_override(const std::string& name, PyObject* function, PyObject* self, PyObject* const* args,
                        Py_ssize_t count, PyObject* keywords);

// Puts into the module what switches the hooks off, and what gives hooks to functions written in Python.
void install_overrides(PyObject* module);

}  // namespace flambeau::python
