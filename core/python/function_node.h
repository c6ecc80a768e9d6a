#pragma once
#include "core/python/python.h"

namespace flambeau::python {

void add_function_node(PyObject* module);

}  // namespace flambeau::python
