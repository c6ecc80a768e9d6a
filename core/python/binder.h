// From a Python call to boxed values: schemas become tables once, and every call goes through bind().
#pragma once
#include "core/python/python.h"

#include <string>
#include <vector>

namespace flambeau::python {

enum class ParameterType : uint8_t {
  Tensor,
  Tensors,
  TensorOrNumber,
  Number,
  Int,
  Ints,
  Float,
  Bool,
  String,
  DType,
  Device,
  Layout,
  MemoryFormat,
  Generator,
  Object  // anything; operators written in Python check it themselves
};

struct Parameter {
  PyObject* name = nullptr;   // interned, immortal
  PyObject* alias = nullptr;  // axis for dim, keepdims for keepdim, input for self
  ParameterType type = ParameterType::Tensor;
  bool optional = false;  // None is a value
  bool has_default = false;
  bool spread = false;      // may be given as several positional arguments
  bool as_given = false;    // the caller's object itself is the value
  bool any_layout = false;  // the operator refuses layouts itself, in words of its own
  Value default_value{};
  std::vector<int64_t> default_list;
  std::string default_text;
};

struct Overload {
  const char* schema = nullptr;
  std::vector<Parameter> parameters;
  int positional = 0;  // the first so many may be given by position
  bool takes_out = false;
  bool writes_out = true;     // by itself; otherwise results are copied to out=
  bool deprecated = false;    // "... -> Tensor|deprecated"
  int device_parameter = -1;  // the place of a parameter of type device
  unsigned forms = 0;
  const OutRule* out_rule = nullptr;
  BoxedCall call = nullptr;
  BoxedCallMany call_many = nullptr;
  PyTypeObject* result_type = nullptr;  // a named tuple
  PyObject* body = nullptr;  // of an operator written in Python, immortal; in place of call and call_many
  PyObject* body_keywords = nullptr;  // the names of its keyword-only parameters
};

Overload parse_schema(const Exposed& exposed, std::string& name);
const char* type_text(const Parameter& parameter);  // as error messages say: "Tensor", "tuple of ints"

constexpr int kMaxParameters = 24;  // more are refused at registration
static_assert(kMaxParameters <= 32, "bind() notes in the bits of an unsigned which parameters it has");
constexpr int kMaxInts = 96;
constexpr int kMaxComplex = 4;

// The values of one call. Left uninitialised beyond what bind() sets.
struct Frame {
  Value values[kMaxParameters];
  int64_t integers[kMaxInts];
  int integers_used;
  Complex<double> complex_numbers[kMaxComplex];
  int complex_used;
  PyObject* out_argument;       // out=, borrowed; null if absent
  uint8_t elsewhere;            // not 0: some tensor lies on another device than the CPU, or autocast is on
  PyObject* special;            // an argument whose type is a subclass of Tensor
  std::vector<Tensor> tensors;  // owners of a list's elements
  struct MoreItems {
    std::unique_ptr<int64_t[]> integers;  // beyond the space above
    std::vector<Tensor> tensors;          // of a second list
  };
  std::vector<MoreItems> more_lists;
};

// Null on success, else why this overload does not take the arguments (an empty text where nobody asked).
enum class Bound { Yes, No };
// self: the receiver of a method, which is then parameter 0.
Bound bind(const Overload& overload, PyObject* self, PyObject* const* args, Py_ssize_t count,
           PyObject* keywords, Frame& frame);
// The text of the TypeError for a call that no overload takes.
std::string explain_mismatch(const std::string& name, const std::vector<Overload>& overloads, PyObject* self,
                             PyObject* const* args, Py_ssize_t count, PyObject* keywords);

}  // namespace flambeau::python
