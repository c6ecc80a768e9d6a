#pragma once
#include "core/python/python.h"

namespace flambeau::python {

void add_dlpack(PyObject* module);

}  // namespace flambeau::python
