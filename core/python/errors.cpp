#include "core/python/python.h"

namespace flambeau::python {

PyObject* linalg_error() {
  static PyObject* const type =
      owned(PyErr_NewExceptionWithDoc(
                "torch._C._LinAlgError",
                "The numbers of a matrix do not allow what was asked: it is singular, or not positive "
                "definite, or an iteration did not converge.",
                PyExc_RuntimeError, nullptr))
          .release();
  return type;
}

PyObject* raise_from_cpp() {
  try {
    throw;
  } catch (const PythonError&) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "an error was reported without an exception");
  } catch (const TypeError& e) {
    PyErr_SetString(PyExc_TypeError, e.what());
  } catch (const IndexError& e) {
    PyErr_SetString(PyExc_IndexError, e.what());
  } catch (const ValueError& e) {
    PyErr_SetString(PyExc_ValueError, e.what());
  } catch (const NotImplementedError& e) {
    PyErr_SetString(PyExc_NotImplementedError, e.what());
  } catch (const LinAlgError& e) {
    PyErr_SetString(linalg_error(), e.what());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(PyExc_RuntimeError, "not enough memory: the C++ runtime could not allocate");
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return nullptr;
}

}  // namespace flambeau::python
