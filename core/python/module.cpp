// The extension module flambeau._core.
#include "core/python/python.h"

#include <unistd.h>

#include <nanobind/nanobind.h>

#include "core/backend/backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/linalg/blas.h"
#include "core/ops/attention/attention.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/parallel/parallel.h"
#include "core/python/arguments.h"
#include "core/python/autocast.h"
#include "core/python/dlpack.h"
#include "core/python/function_node.h"
#include "core/python/generator.h"
#include "core/python/storage_object.h"
#include "core/tensor/allocator.h"

namespace flambeau::python {

namespace {

// A daemon thread that asks for the GIL while the interpreter ends is unwound by CPython (up to 3.13),
// through frames that must not throw. It stays where it is instead, as from 3.14 on.
void acquire_gil(void* state) {
  struct StayWhenUnwound {
    bool unwound = true;
    ~StayWhenUnwound() {
      while (unwound) pause();
    }
  } guard;
  PyEval_RestoreThread(static_cast<PyThreadState*>(state));
  guard.unwound = false;
}

void connect_bridge() {
  python_bridge.incref = [](void* o) noexcept { Py_INCREF(static_cast<PyObject*>(o)); };
  python_bridge.decref = [](void* o) noexcept { Py_DECREF(static_cast<PyObject*>(o)); };
  python_bridge.release_gil = []() -> void* { return PyEval_SaveThread(); };
  python_bridge.acquire_gil = acquire_gil;
  connect_sparse();
  warn = [](const std::string& message) {
    if (PyErr_WarnEx(PyExc_UserWarning, message.c_str(), 1) < 0) throw PythonError();
  };
}

PyObject* get_num_threads(PyObject*, PyObject*) { return PyLong_FromLong(num_threads()); }
PyObject* set_num_threads_function(PyObject*, PyObject* value) {
  int64_t n;
  check<TypeError>(parse_int(value, n), "set_num_threads expects an int, but got ", Py_TYPE(value)->tp_name);
  check<RuntimeError>(n > 0 && n <= 4096, "set_num_threads expects a positive integer, got ", n);
  set_num_threads(static_cast<int>(n));
  Py_RETURN_NONE;
}
PyObject* get_default_dtype(PyObject*, PyObject*) { return wrap(default_dtype()); }
PyObject* set_default_dtype_function(PyObject*, PyObject* value) {
  DType d;
  check<TypeError>(Py_TYPE(value) == dtype_type && parse_dtype(value, d) && is_floating(d),
                   "invalid dtype object: only floating-point types are supported as the default type");
  check<NotImplementedError>(is_supported(d), "torch.", name(d),
                             " as the default type is not implemented yet");
  set_default_dtype(d);
  Py_RETURN_NONE;
}
PyObject* promote_types(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [a, b] = parse_arguments<2>("promote_types", {"type1", "type2"}, 2, args, count, keywords);
  DType x, y;
  check<TypeError>(parse_dtype(a, x),
                   "promote_types(): argument 'type1' (position 1) must be torch.dtype, not ",
                   Py_TYPE(a)->tp_name);
  check<TypeError>(parse_dtype(b, y),
                   "promote_types(): argument 'type2' (position 2) must be torch.dtype, not ",
                   Py_TYPE(b)->tp_name);
  return wrap(promote(x, y));
}
PyObject* result_type_function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [a, b] = parse_arguments<2>("result_type", {"tensor1", "tensor2"}, 2, args, count, keywords);
  auto operand = [](PyObject* o) -> Operand {
    if (is_tensor(o)) return Operand(impl_of(o));
    Scalar number;
    check<TypeError>(parse_number(o, number), "result_type(): expected a Tensor or Number, not ",
                     Py_TYPE(o)->tp_name);
    return Operand(number);
  };
  return wrap(result_type({operand(a), operand(b)}));
}
PyObject* can_cast(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [from, to] = parse_arguments<2>("can_cast", {"from_", "to"}, 2, args, count, keywords);
  DType a, b;
  check<TypeError>(parse_dtype(from, a),
                   "can_cast(): argument 'from_' (position 1) must be torch.dtype, not ",
                   Py_TYPE(from)->tp_name);
  check<TypeError>(parse_dtype(to, b), "can_cast(): argument 'to' (position 2) must be torch.dtype, not ",
                   Py_TYPE(to)->tp_name);
  bool ok = !(is_complex(a) && !is_complex(b)) && !(is_floating(a) && is_integral(b)) &&
            (a == DType::Bool || b != DType::Bool);
  return PyBool_FromLong(ok);
}
PyObject* memory_stats_function(PyObject*, PyObject*) {
  MemoryStats s = memory_stats();
  return Py_BuildValue(
      "{s:n,s:n,s:n,s:K,s:K,s:n}", "allocated_bytes", static_cast<Py_ssize_t>(s.allocated_bytes),
      "peak_allocated_bytes", static_cast<Py_ssize_t>(s.peak_allocated_bytes), "cached_bytes",
      static_cast<Py_ssize_t>(s.cached_bytes), "allocations", static_cast<unsigned long long>(s.allocations),
      "cache_hits", static_cast<unsigned long long>(s.cache_hits), "limit_bytes",
      static_cast<Py_ssize_t>(memory_limit()));
}
PyObject* meta_stats_function(PyObject*, PyObject*) {
  const backend::MetaStats& s = backend::meta_stats;
  return Py_BuildValue("(KKK)", static_cast<unsigned long long>(s.multiply_adds),
                       static_cast<unsigned long long>(s.live_bytes),
                       static_cast<unsigned long long>(s.peak_bytes));
}
PyObject* reset_meta_peak(PyObject*, PyObject*) {
  backend::meta_stats.peak_bytes = backend::meta_stats.live_bytes;
  Py_RETURN_NONE;
}
PyObject* reset_peak(PyObject*, PyObject*) {
  reset_peak_memory_stats();
  Py_RETURN_NONE;
}
PyObject* empty_cache_function(PyObject*, PyObject*) {
  empty_cache();
  Py_RETURN_NONE;
}
PyObject* set_blas_library(PyObject*, PyObject* path) {
  blas::set_library_path(std::string(text_of(path)).c_str());
  Py_RETURN_NONE;
}
PyObject* set_attention_backends_function(PyObject*, PyObject* bits) {
  const long allowed = PyLong_AsLong(bits);
  if (allowed == -1 && PyErr_Occurred()) throw PythonError();
  set_attention_backends(static_cast<unsigned>(allowed));
  Py_RETURN_NONE;
}
PyObject* build_info(PyObject*, PyObject*) {
  blas::ensure_loaded();
  return Py_BuildValue("{s:s,s:s,s:s,s:i,s:n}", "isa", cpu::kernels().instruction_set, "blas", blas::config(),
                       "blas_core", blas::core_name(), "threads", num_threads(), "memory_limit",
                       static_cast<Py_ssize_t>(memory_limit()));
}

PyMethodDef functions[] = {
    {"get_num_threads", entry<get_num_threads>, METH_NOARGS, "The number of threads that operators use."},
    {"set_num_threads", entry<set_num_threads_function>, METH_O,
     "Sets the number of threads that operators use."},
    {"get_default_dtype", entry<get_default_dtype>, METH_NOARGS, "The dtype of new floating-point tensors."},
    {"set_default_dtype", entry<set_default_dtype_function>, METH_O,
     "Sets the dtype of new floating-point tensors."},
    {"promote_types", fast<promote_types>(), METH_FASTCALL | METH_KEYWORDS,
     "The smallest dtype that both convert to."},
    {"result_type", fast<result_type_function>(), METH_FASTCALL | METH_KEYWORDS,
     "The dtype of an operation on both."},
    {"can_cast", fast<can_cast>(), METH_FASTCALL | METH_KEYWORDS, "Whether promotion allows the conversion."},
    {"memory_stats", entry<memory_stats_function>, METH_NOARGS,
     "What the allocator holds, in bytes and counts."},
    {"reset_peak_memory_stats", entry<reset_peak>, METH_NOARGS, "Restarts the peak at the present use."},
    {"empty_cache", entry<empty_cache_function>, METH_NOARGS, "Gives cached memory back to the system."},
    {"_meta_stats", entry<meta_stats_function>, METH_NOARGS,
     "What the device meta was asked for: multiply-adds, live bytes, and their peak."},
    {"_reset_meta_peak", entry<reset_meta_peak>, METH_NOARGS, "Restarts that peak at the present use."},
    {"_set_blas_library", entry<set_blas_library>, METH_O, "Where OpenBLAS is; it is opened at first use."},
    {"_set_attention_backends", entry<set_attention_backends_function>, METH_O,
     "Which of composing (1) and blocks (2) scaled_dot_product_attention may choose."},
    {"_build_info", entry<build_info>, METH_NOARGS, "Instruction set, BLAS, threads, memory limit."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

}  // namespace flambeau::python

NB_MODULE(_core, m) {
  using namespace flambeau::python;
  nanobind::set_leak_warnings(false);
  nanobind::register_exception_translator([](const std::exception_ptr& error, void*) {
    try {
      std::rethrow_exception(error);
    } catch (...) {
      raise_from_cpp();
    }
  });
  PyObject* module = m.ptr();
  try {
    connect_bridge();
    make_value_types(module);
    make_tensor_type(module);
    make_node_types(module);
    make_storage_type(module);
    add_dlpack(module);
    make_module_base(module);
    add_function_node(module);
    install_operators(module);
    for (PyMethodDef* list :
         {construction_functions, autograd_functions, sparse_functions, autocast_functions, functions})
      if (PyModule_AddFunctions(module, list) < 0) throw flambeau::PythonError();
    if (PyModule_AddObjectRef(module, "_LinAlgError", linalg_error()) < 0) throw flambeau::PythonError();
    bind_generator(m);
  } catch (const flambeau::PythonError&) {
    throw nanobind::python_error();
  }
}
