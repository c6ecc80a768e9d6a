#pragma once
#include "core/python/python.h"

#include <nanobind/nanobind.h>

namespace flambeau::python {

// The class Generator and the object default_generator.
void bind_generator(nanobind::module_& module);

}  // namespace flambeau::python
