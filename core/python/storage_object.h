#pragma once
#include "core/python/python.h"

namespace flambeau::python {

void make_storage_type(PyObject* module);

}  // namespace flambeau::python
