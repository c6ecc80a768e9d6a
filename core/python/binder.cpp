#include "core/python/binder.h"

#include <cstdlib>
#include <string_view>

#include "core/python/autocast.h"

namespace flambeau::python {

namespace {

PyObject* intern(std::string_view text) {
  return PyUnicode_InternFromString(std::string(text).c_str());  // kept for the life of the process
}

ParameterType parameter_type(std::string_view text) {
  static const std::pair<std::string_view, ParameterType> types[] = {
      {"Tensor", ParameterType::Tensor},
      {"Tensor[]", ParameterType::Tensors},
      {"Tensor|Number", ParameterType::TensorOrNumber},
      {"Number", ParameterType::Number},
      {"int", ParameterType::Int},
      {"int[]", ParameterType::Ints},
      {"float", ParameterType::Float},
      {"bool", ParameterType::Bool},
      {"str", ParameterType::String},
      {"dtype", ParameterType::DType},
      {"device", ParameterType::Device},
      {"layout", ParameterType::Layout},
      {"memory_format", ParameterType::MemoryFormat},
      {"Generator", ParameterType::Generator},
      {"object", ParameterType::Object}};
  for (auto [name, type] : types)
    if (name == text) return type;
  fail<RuntimeError>("unknown type in a schema: ", std::string(text));
}

void parse_default(Parameter& p, std::string_view text) {
  p.has_default = true;
  Value& v = p.default_value;
  if (text == "None") return;
  if (text == "True" || text == "False") {
    v.kind = ValueKind::Bool;
    v.boolean = text == "True";
  } else if (text.front() == '\'') {
    p.default_text = text.substr(1, text.size() - 2);
    v.kind = ValueKind::String;
  } else if (text.front() == '[' || p.type == ParameterType::Ints) {
    std::string inner(text.front() == '[' ? text.substr(1, text.size() - 2) : text);
    const char* at = inner.c_str();
    for (char* end; *at; at = *end == ',' ? end + 1 : end) {
      p.default_list.push_back(std::strtoll(at, &end, 10));
      if (end == at) fail<RuntimeError>("bad default in a schema: ", std::string(text));
    }
    v.kind = ValueKind::Ints;
  } else if (text.find_first_of(".e") != text.npos || p.type == ParameterType::Float) {
    v.kind = ValueKind::Float;
    v.real = std::strtod(std::string(text).c_str(), nullptr);
  } else {
    v.kind = ValueKind::Int;
    v.integer = std::strtoll(std::string(text).c_str(), nullptr, 10);
  }
}

}  // namespace

Overload parse_schema(const Exposed& exposed, std::string& name) {
  std::string schema = exposed.schema;
  if (size_t at = schema.find("options"); at != schema.npos) schema.replace(at, 7, kOptionsSchema);
  Overload overload;
  overload.schema = exposed.schema;
  overload.call = exposed.call;
  overload.call_many = exposed.call_many;
  overload.forms = exposed.forms;
  overload.deprecated = schema.ends_with("|deprecated");
  overload.takes_out = (exposed.forms & Forms::out) != 0;
  overload.writes_out = exposed.writes_out;
  std::string_view s = schema;
  size_t p = s.find('(');
  name = s.substr(0, p++);
  bool keyword_only = false;
  while (s[p] != ')') {
    while (s[p] == ' ' || s[p] == ',') ++p;
    if (s[p] == ')') break;
    if (s[p] == '*') {
      keyword_only = true;
      ++p;
      continue;
    }
    size_t blank = s.find(' ', p);
    std::string_view type = s.substr(p, blank - p);
    Parameter parameter;
    if (type.back() == '?') {
      parameter.optional = true;
      type.remove_suffix(1);
    }
    parameter.type = parameter_type(type);
    if (parameter.type == ParameterType::Device)
      overload.device_parameter = static_cast<int>(overload.parameters.size());
    p = blank + 1;
    size_t end = s.find_first_of("=,)", p);
    std::string_view id = s.substr(p, end - p);
    if (id.ends_with("...")) {  // "Tensor[] tensors...": f(a, b) and f([a, b])
      parameter.spread = true;
      id.remove_suffix(3);
    }
    parameter.name = intern(id);
    if (id == "dim") parameter.alias = intern("axis");
    if (id == "keepdim") parameter.alias = intern("keepdims");
    if (id == "self") parameter.alias = intern("input");
    if (id == "exponent" || id == "other") parameter.alias = intern("x2");
    p = end;
    if (s[p] == '=') {
      size_t start = ++p;
      int depth = 0;
      bool quoted = false;
      while (quoted || depth || (s[p] != ',' && s[p] != ')')) {
        if (s[p] == '\'') quoted = !quoted;
        if (!quoted && s[p] == '[') ++depth;
        if (!quoted && s[p] == ']') --depth;
        ++p;
      }
      parse_default(parameter, s.substr(start, p - start));
    }
    if (!keyword_only) ++overload.positional;
    overload.parameters.push_back(std::move(parameter));
  }
  if (overload.parameters.size() > kMaxParameters)
    fail<RuntimeError>("too many parameters in the schema ", exposed.schema);
  return overload;
}

const char* type_text(const Parameter& parameter) {
  switch (parameter.type) {
    case ParameterType::Tensor:
      return "Tensor";
    case ParameterType::Tensors:
      return "tuple of Tensors";
    case ParameterType::TensorOrNumber:
      return "Tensor or Number";
    case ParameterType::Number:
      return "Number";
    case ParameterType::Int:
      return "int";
    case ParameterType::Ints:
      return "tuple of ints";
    case ParameterType::Float:
      return "float";
    case ParameterType::Bool:
      return "bool";
    case ParameterType::String:
      return "str";
    case ParameterType::DType:
      return "torch.dtype";
    case ParameterType::Device:
      return "torch.device";
    case ParameterType::Layout:
      return "torch.layout";
    case ParameterType::MemoryFormat:
      return "torch.memory_format";
    case ParameterType::Generator:
      return "torch.Generator";
    case ParameterType::Object:
      return "object";
  }
  return "object";
}

namespace {

inline void set_number(const Scalar& scalar, Value& v, Frame& frame) {
  switch (scalar.kind()) {
    case Scalar::Kind::Bool:
      v.boolean = scalar.to_bool();
      v.kind = ValueKind::Bool;
      break;
    case Scalar::Kind::Int:
      v.integer = scalar.to_int();
      v.kind = scalar.is_beyond_int() ? ValueKind::Unsigned : ValueKind::Int;
      break;
    case Scalar::Kind::Float:
      v.real = scalar.to_double();
      v.kind = ValueKind::Float;
      break;
    case Scalar::Kind::Complex:
      check<TypeError>(frame.complex_used < kMaxComplex, "more than ", kMaxComplex,
                       " complex numbers in one call");
      v.complex = &(frame.complex_numbers[frame.complex_used++] = scalar.to_complex());
      v.kind = ValueKind::Complex;
      break;
  }
}

inline bool set_tensor(PyObject* o, Value& v, Frame& frame) {
  if (Py_TYPE(o) != tensor_type) [[unlikely]] {
    if (!PyType_IsSubtype(Py_TYPE(o), tensor_type)) return false;
    frame.special = o;
  }
  v.tensor = impl_of(o);
  v.kind = ValueKind::Tensor;
  frame.elsewhere |= static_cast<uint8_t>(v.tensor->device);
  return true;
}

[[gnu::noinline, gnu::cold]] int64_t* more_integers(Py_ssize_t n, Frame& frame) {
  frame.more_lists.push_back({std::make_unique<int64_t[]>(static_cast<size_t>(n)), {}});
  return frame.more_lists.back().integers.get();
}
[[gnu::noinline, gnu::cold]] std::vector<Tensor>& more_tensors(Frame& frame) {
  return frame.more_lists.emplace_back().tensors;
}

bool set_ints(PyObject* const* items, Py_ssize_t n, Value& v, Frame& frame) {
  const bool fits = frame.integers_used + n <= kMaxInts;
  int64_t* list = fits ? frame.integers + frame.integers_used : more_integers(n, frame);
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!parse_int(items[i], list[i])) return false;
  v.integers = list;
  v.count = static_cast<uint32_t>(n);
  v.kind = ValueKind::Ints;
  if (fits) frame.integers_used += static_cast<int>(n);
  return true;
}

bool set_tensors(PyObject* const* items, Py_ssize_t n, Value& v, Frame& frame) {
  // A second list would move the first.
  std::vector<Tensor>& list = frame.tensors.empty() ? frame.tensors : more_tensors(frame);
  list.reserve(static_cast<size_t>(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    Value ignored;
    if (!set_tensor(items[i], ignored, frame)) {
      list.clear();
      return false;
    }
    list.push_back(tensor_of(items[i]));
  }
  v.tensors = list.data();
  v.count = static_cast<uint32_t>(n);
  v.kind = ValueKind::Tensors;
  return true;
}

inline bool set_object(PyObject* o, Value& v) {
  v.object = o;
  v.kind = ValueKind::Object;
  return true;
}

bool convert(const Parameter& p, PyObject* o, Value& v, Frame& frame) {
  if (o == Py_None && p.optional) {
    v = Value{};
    return true;
  }
  switch (p.type) {
    case ParameterType::Tensor:
      return set_tensor(o, v, frame);
    case ParameterType::TensorOrNumber: {
      if (set_tensor(o, v, frame)) return true;
      Scalar number;
      if (!parse_number(o, number)) return false;
      set_number(number, v, frame);
      return true;
    }
    case ParameterType::Number: {
      Scalar number;
      if (!parse_number(o, number)) return false;
      set_number(number, v, frame);
      return true;
    }
    case ParameterType::Int:
      if (!parse_int(o, v.integer)) return false;
      v.kind = ValueKind::Int;
      return true;
    case ParameterType::Float: {
      Scalar number;
      if (PyBool_Check(o) || !parse_number(o, number) || number.is_complex()) return false;
      v.real = number.to_double();
      v.kind = ValueKind::Float;
      return true;
    }
    case ParameterType::Bool:
      if (!PyBool_Check(o)) {
        if (std::string_view(Py_TYPE(o)->tp_name).substr(0, 10) != "numpy.bool") return false;
        v.boolean = PyObject_IsTrue(o) == 1;
      } else {
        v.boolean = o == Py_True;
      }
      v.kind = ValueKind::Bool;
      return true;
    case ParameterType::Ints:
      if (PyTuple_Check(o)) return set_ints(PySequence_Fast_ITEMS(o), PyTuple_GET_SIZE(o), v, frame);
      if (PyList_Check(o)) {  // __index__ might change the list
        const Object items = owned(PyList_AsTuple(o));
        return set_ints(PySequence_Fast_ITEMS(items.get()), PyTuple_GET_SIZE(items.get()), v, frame);
      }
      return set_ints(&o, 1, v, frame);
    case ParameterType::Tensors:
      if (p.spread && is_tensor(o)) return set_tensors(&o, 1, v, frame);
      if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
      return set_tensors(PySequence_Fast_ITEMS(o), PySequence_Fast_GET_SIZE(o), v, frame);
    case ParameterType::String: {
      if (!PyUnicode_Check(o)) return false;
      const std::string_view text = text_of(o);
      v.text = text.data();
      v.count = static_cast<uint32_t>(text.size());
      v.kind = ValueKind::String;
      return true;
    }
    case ParameterType::DType:
      v.kind = ValueKind::DType;
      return parse_dtype(o, v.dtype);
    case ParameterType::Device:
      v.kind = ValueKind::Device;
      if (!parse_device(o, v.device)) return false;
      check_device(v.device);
      return true;
    case ParameterType::Layout:
      v.kind = ValueKind::Layout;
      if (!parse_layout(o, p.any_layout)) return false;
      return !p.as_given || set_object(o, v);
    case ParameterType::MemoryFormat:
      v.kind = ValueKind::MemoryFormat;
      return parse_memory_format(o, v.memory_format) && (!p.as_given || set_object(o, v));
    case ParameterType::Generator:
      v.kind = ValueKind::Generator;
      v.generator = generator_of(o);
      return v.generator != nullptr && (!p.as_given || set_object(o, v));
    case ParameterType::Object:
      return set_object(o, v);
  }
  return false;
}

PyObject* out_name() {
  static PyObject* name = PyUnicode_InternFromString("out");
  return name;
}

// Index of the parameter called `key`, or -1.
int find_parameter(const Overload& overload, PyObject* key) {
  const int n = static_cast<int>(overload.parameters.size());
  for (int i = 0; i < n; ++i)
    if (overload.parameters[static_cast<size_t>(i)].name == key) return i;
  for (int i = 0; i < n; ++i) {  // keywords made at run time are not interned
    const Parameter& p = overload.parameters[static_cast<size_t>(i)];
    if (p.alias == key || PyUnicode_Compare(p.name, key) == 0 ||
        (p.alias && PyUnicode_Compare(p.alias, key) == 0))
      return i;
  }
  return -1;
}

inline void set_default(const Parameter& p, Value& v) {
  v = p.default_value;
  if (v.kind == ValueKind::Ints) {
    v.integers = p.default_list.data();
    v.count = static_cast<uint32_t>(p.default_list.size());
  } else if (v.kind == ValueKind::String) {
    v.text = p.default_text.data();
    v.count = static_cast<uint32_t>(p.default_text.size());
  }
}

// A trailing list of integers may be spread over the arguments, as in x.view(2, 3); so may tensors where the
// schema says so.
inline bool spreads(const Overload& overload, int k, Py_ssize_t arguments_left) {
  if (k != overload.positional - 1 || arguments_left < 2) return false;
  const Parameter& p = overload.parameters[static_cast<size_t>(k)];
  return p.type == ParameterType::Ints || p.spread;
}

}  // namespace

Bound bind(const Overload& overload, PyObject* self, PyObject* const* args, Py_ssize_t count,
           PyObject* keywords, Frame& frame) {
  frame.integers_used = 0;
  frame.complex_used = 0;
  frame.out_argument = nullptr;
  frame.special = nullptr;
  frame.elsewhere = autocast_mark;
  if (!frame.tensors.empty()) frame.tensors.clear();
  const auto& parameters = overload.parameters;
  const int n = static_cast<int>(parameters.size());
  uint32_t have = 0;
  int k = 0;
  if (self) {
    if (n == 0 || !set_tensor(self, frame.values[0], frame)) return Bound::No;
    have = 1;
    k = 1;
  }
  for (Py_ssize_t i = 0; i < count; ++i, ++k) {
    if (k >= overload.positional) return Bound::No;
    Value& v = frame.values[k];
    if (spreads(overload, k, count - i)) {
      const bool ints = parameters[static_cast<size_t>(k)].type == ParameterType::Ints;
      if (!(ints ? set_ints(args + i, count - i, v, frame) : set_tensors(args + i, count - i, v, frame)))
        return Bound::No;
      have |= 1u << k;
      break;
    }
    if (!convert(parameters[static_cast<size_t>(k)], args[i], v, frame)) return Bound::No;
    have |= 1u << k;
  }
  if (keywords) {
    for (Py_ssize_t j = 0, m = PyTuple_GET_SIZE(keywords); j < m; ++j) {
      PyObject* key = PyTuple_GET_ITEM(keywords, j);
      PyObject* value = args[count + j];
      if (overload.takes_out && (key == out_name() || PyUnicode_Compare(key, out_name()) == 0)) {
        if (value != Py_None) frame.out_argument = value;
        continue;
      }
      int at = find_parameter(overload, key);
      if (at < 0 || (have >> at & 1)) return Bound::No;
      if (!convert(parameters[static_cast<size_t>(at)], value, frame.values[at], frame)) return Bound::No;
      have |= 1u << at;
    }
  }
  for (int i = 0; i < n; ++i) {
    if (have >> i & 1) continue;
    const Parameter& p = parameters[static_cast<size_t>(i)];
    if (!p.has_default) return Bound::No;
    set_default(p, frame.values[i]);
  }
  return Bound::Yes;
}

namespace {

std::string describe(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::string text = "(";
  const Py_ssize_t total = count + (keywords ? PyTuple_GET_SIZE(keywords) : 0);
  for (Py_ssize_t i = 0; i < total; ++i) {
    if (i) text += ", ";
    if (i >= count) text += concat(text_of(PyTuple_GET_ITEM(keywords, i - count)), "=");
    text += Py_TYPE(args[i])->tp_name;
  }
  return text + ")";
}

// The first of a list's elements that does not fit, or -1.
Py_ssize_t first_misfit(const Parameter& p, PyObject* const* items, Py_ssize_t n, Frame& frame) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    Value ignored;
    int64_t number;
    frame.tensors.clear();
    if (!(p.type == ParameterType::Ints ? parse_int(items[i], number) : set_tensor(items[i], ignored, frame)))
      return i;
  }
  return -1;
}

// Where the messages place an argument; `position` counts from 1, and is 0 for one that was named.
std::string argument_text(const std::string& name, const Parameter& p, Py_ssize_t position) {
  return concat(name, "(): argument '", text_of(p.name), "' ",
                position ? concat("(position ", position, ") ") : "");
}

std::string explain_element(const std::string& name, const Parameter& p, Py_ssize_t position, Py_ssize_t at,
                            PyObject* element) {
  const char* const type = Py_TYPE(element)->tp_name;
  if (p.type == ParameterType::Tensors)
    return concat("expected Tensor as element ", at, " in argument ", position ? position - 1 : 0,
                  ", but got ", type, " (", name, "(): argument '", text_of(p.name), "')");
  return concat(argument_text(name, p, position), "must be ", type_text(p), ", but found element of type ",
                type, " at pos ", at);
}

std::string explain_misfit(const std::string& name, const Parameter& p, Py_ssize_t position, PyObject* value,
                           Frame& frame) {
  const bool takes_list = p.type == ParameterType::Ints || p.type == ParameterType::Tensors;
  if (takes_list && (PyList_Check(value) || PyTuple_Check(value))) {
    const Object items = owned(PySequence_Tuple(value));  // an __index__ may change the list
    const Py_ssize_t at =
        first_misfit(p, PySequence_Fast_ITEMS(items.get()), PyTuple_GET_SIZE(items.get()), frame);
    if (at >= 0) return explain_element(name, p, position, at, PyTuple_GET_ITEM(items.get(), at));
  }
  return concat(argument_text(name, p, position), "must be ", type_text(p), ", not ",
                Py_TYPE(value)->tp_name);
}

// Why the only overload of an operator does not take a call.
std::string explain_one(const std::string& name, const Overload& overload, PyObject* self,
                        PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  Frame frame;
  frame.integers_used = 0;
  frame.complex_used = 0;
  const auto& parameters = overload.parameters;
  int k = self ? 1 : 0;
  uint32_t have = self ? 1 : 0;
  if (count + k > overload.positional &&
      !(overload.positional && spreads(overload, overload.positional - 1, 2)))
    return concat(name, "() takes ", overload.positional - k, " positional argument",
                  overload.positional - k == 1 ? "" : "s", " but ", count, count == 1 ? " was" : " were",
                  " given");
  for (Py_ssize_t i = 0; i < count; ++i, ++k) {
    const Parameter& p = parameters[static_cast<size_t>(k)];
    if (spreads(overload, k, count - i)) {
      if (const Py_ssize_t at = first_misfit(p, args + i, count - i, frame); at >= 0)
        return explain_element(name, p, i + 1, at, args[i + at]);
      have |= 1u << k;
      break;
    }
    frame.tensors.clear();
    if (!convert(p, args[i], frame.values[k], frame)) return explain_misfit(name, p, i + 1, args[i], frame);
    have |= 1u << k;
  }
  for (Py_ssize_t j = 0; keywords && j < PyTuple_GET_SIZE(keywords); ++j) {
    PyObject* key = PyTuple_GET_ITEM(keywords, j);
    int at = find_parameter(overload, key);
    if (at < 0) {
      if (overload.takes_out && PyUnicode_Compare(key, out_name()) == 0) continue;
      return concat(name, "() got an unexpected keyword argument '", text_of(key), "'");
    }
    const Parameter& p = parameters[static_cast<size_t>(at)];
    if (have >> at & 1) return concat(name, "() got multiple values for argument '", text_of(p.name), "'");
    frame.tensors.clear();
    if (!convert(p, args[count + j], frame.values[at], frame))
      return explain_misfit(name, p, 0, args[count + j], frame);
    have |= 1u << at;
  }
  std::string missing;
  int absent = 0;
  for (size_t i = 0; i < parameters.size(); ++i)
    if (!(have >> i & 1) && !parameters[i].has_default) {
      missing += concat(absent++ ? ", " : "", "\"", text_of(parameters[i].name), "\"");
    }
  return concat(name, "() missing ", absent, " required positional argument", absent == 1 ? "" : "s", ": ",
                missing);
}

}  // namespace

std::string explain_mismatch(const std::string& name, const std::vector<Overload>& overloads, PyObject* self,
                             PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (overloads.size() == 1) return explain_one(name, overloads[0], self, args, count, keywords);
  std::string text = concat(name, "() received an invalid combination of arguments - got ",
                            describe(args, count, keywords), ", but expected one of:");
  for (const Overload& overload : overloads) text += concat("\n * ", overload.schema);
  return text;
}

}  // namespace flambeau::python
