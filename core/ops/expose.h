// The meeting point of operators and languages: EXPOSE("schema", function, forms) beside an operator's
// definition gives it its Python function, method, in-place and out= forms. No Python here: a boxed call
// takes an array of values.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/autograd/differentiable.h"

namespace flambeau {

class Generator;

enum class MemoryFormat : uint8_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };

enum class ValueKind : uint8_t {
  None,
  Tensor,
  Tensors,
  Bool,
  Int,
  Unsigned,  // an integer of 2^63 or more
  Float,
  Complex,
  Ints,
  String,
  DType,
  Device,
  Layout,
  MemoryFormat,
  Generator,
  Object  // of an operator written in Python: whatever the caller gave
};
struct Value {
  union {
    TensorImpl* tensor;
    const Tensor* tensors;
    bool boolean;
    int64_t integer;
    double real;
    const Complex<double>* complex;
    const int64_t* integers;
    const char* text;
    DType dtype;
    Device device;
    MemoryFormat memory_format;
    Generator* generator;
    void* object;
  };
  uint32_t count;  // of lists and strings
  ValueKind kind;
  // Trivial on purpose: a call binds a few of a frame's values and must not pay for the rest. Value{} is all
  // zeros: None.
};

// The keyword arguments that every creation function shares; schema type "options".
struct Options {
  std::optional<DType> dtype;  // the device is the current one by the time the operator runs
  bool requires_grad = false;
};
inline constexpr std::string_view kOptionsSchema =
    "dtype? dtype=None, layout? layout=None, device? device=None, bool? pin_memory=False, bool "
    "requires_grad=False";

// ---- from a boxed value to a C++ argument; `schema` is the spelling expected in the schema string
template <class T>
struct Unbox;
template <>
struct Unbox<const Tensor&> {
  static constexpr std::string_view schema = "Tensor";
  static const Tensor& get(const Value* v) { return reinterpret_cast<const Tensor&>(v->tensor); }
};
// Optional tensors arrive as an undefined handle.
struct OptionalTensor : Tensor {
  using Tensor::Tensor;
};
template <>
struct Unbox<const OptionalTensor&> {
  static constexpr std::string_view schema = "Tensor?";
  static const OptionalTensor& get(const Value* v) {
    return reinterpret_cast<const OptionalTensor&>(v->tensor);
  }
};
template <>
struct Unbox<TensorList> {
  static constexpr std::string_view schema = "Tensor[]";
  static TensorList get(const Value* v) { return {v->tensors, v->count}; }
};
inline Scalar to_scalar(const Value& v) {
  return v.kind == ValueKind::Float      ? Scalar(v.real)
         : v.kind == ValueKind::Bool     ? Scalar(v.boolean)
         : v.kind == ValueKind::Complex  ? Scalar(*v.complex)
         : v.kind == ValueKind::Unsigned ? Scalar(static_cast<uint64_t>(v.integer))
                                         : Scalar(v.integer);
}
template <>
struct Unbox<const Scalar&> {
  static constexpr std::string_view schema = "Number";
  static Scalar get(const Value* v) { return to_scalar(*v); }
};
template <>
struct Unbox<std::optional<Scalar>> {
  static constexpr std::string_view schema = "Number?";
  static std::optional<Scalar> get(const Value* v) {
    if (v->kind == ValueKind::None) return std::nullopt;
    return to_scalar(*v);
  }
};
template <>
struct Unbox<const Operand&> {
  static constexpr std::string_view schema = "Tensor|Number";
  static Operand get(const Value* v) {
    return v->kind == ValueKind::Tensor ? Operand(v->tensor) : Operand(to_scalar(*v));
  }
};
template <>
struct Unbox<std::optional<Operand>> {
  static constexpr std::string_view schema = "Tensor|Number?";
  static std::optional<Operand> get(const Value* v) {
    if (v->kind == ValueKind::None) return std::nullopt;
    return Unbox<const Operand&>::get(v);
  }
};
template <>
struct Unbox<int64_t> {
  static constexpr std::string_view schema = "int";
  static int64_t get(const Value* v) { return v->integer; }
};
template <>
struct Unbox<double> {
  static constexpr std::string_view schema = "float";
  static double get(const Value* v) { return v->real; }
};
template <>
struct Unbox<bool> {
  static constexpr std::string_view schema = "bool";
  static bool get(const Value* v) { return v->boolean; }
};
template <>
struct Unbox<std::string_view> {
  static constexpr std::string_view schema = "str";
  static std::string_view get(const Value* v) { return {v->text, v->count}; }
};
template <>
struct Unbox<IntList> {
  static constexpr std::string_view schema = "int[]";
  static IntList get(const Value* v) { return {v->integers, v->count}; }
};
template <>
struct Unbox<DType> {
  static constexpr std::string_view schema = "dtype";
  static DType get(const Value* v) { return v->dtype; }
};
template <>
struct Unbox<Device> {
  static constexpr std::string_view schema = "device";
  static Device get(const Value* v) { return v->device; }
};
template <>
struct Unbox<MemoryFormat> {
  static constexpr std::string_view schema = "memory_format";
  static MemoryFormat get(const Value* v) { return v->memory_format; }
};
template <>
struct Unbox<Generator*> {  // null: the default generator
  static constexpr std::string_view schema = "Generator?";
  static Generator* get(const Value* v) { return v->kind == ValueKind::None ? nullptr : v->generator; }
};
template <class T>
concept OptionalPlain =
    std::is_same_v<T, int64_t> || std::is_same_v<T, double> || std::is_same_v<T, bool> ||
    std::is_same_v<T, std::string_view> || std::is_same_v<T, IntList> || std::is_same_v<T, DType> ||
    std::is_same_v<T, Device> || std::is_same_v<T, MemoryFormat>;
template <OptionalPlain T>
struct Unbox<std::optional<T>> {
  static constexpr size_t length = Unbox<T>::schema.size() + 1;
  static constexpr std::array<char, length> text = [] {
    std::array<char, length> a{};
    for (size_t i = 0; i + 1 < length; ++i) a[i] = Unbox<T>::schema[i];
    a[length - 1] = '?';
    return a;
  }();
  static constexpr std::string_view schema{text.data(), length};
  static std::optional<T> get(const Value* v) {
    if (v->kind == ValueKind::None) return std::nullopt;
    return Unbox<T>::get(v);
  }
};
template <>
struct Unbox<const Options&> {  // five values; layout, device and pin_memory were checked by the binder
  static constexpr std::string_view schema = "options";
  static Options get(const Value* v) {
    return {v[0].kind == ValueKind::None ? std::nullopt : std::optional(v[0].dtype), v[4].boolean};
  }
};
template <class T>
inline constexpr int boxed_values = 1;
template <>
inline constexpr int boxed_values<const Options&> = 5;

// ---- results
struct Results {
  enum class Kind : uint8_t { Tensor, Tuple, List, Bool, Int, Float } kind = Kind::Tensor;
  std::vector<Tensor> tensors;  // Tuple and List
  Scalar scalar;
};
inline Results box_result(std::vector<Tensor>&& list) { return {Results::Kind::List, std::move(list), {}}; }
template <class... T>
Results box_result(std::tuple<T...>&& tuple) {
  Results results{Results::Kind::Tuple, {}, {}};
  std::apply([&](auto&... t) { (results.tensors.push_back(std::move(t)), ...); }, tuple);
  return results;
}
inline Results box_result(Results&& results) { return std::move(results); }
inline Results box_result(bool v) { return {Results::Kind::Bool, {}, Scalar(v)}; }
inline Results box_result(int64_t v) { return {Results::Kind::Int, {}, Scalar(v)}; }
inline Results box_result(double v) { return {Results::Kind::Float, {}, Scalar(v)}; }

using BoxedCall = Tensor (*)(const Value*, const Out&);
using BoxedCallMany = Results (*)(const Value*, const Out&);

template <auto function>
struct Box;
template <class R, class... A, R (*function)(A...)>
struct Box<function> {
  static constexpr bool takes_out = (std::is_same_v<A, const Out&> || ... || false);
  static constexpr bool returns_tensor = std::is_same_v<R, Tensor>;
  static constexpr size_t arguments = sizeof...(A) - takes_out;
  using Types = std::tuple<std::type_identity<A>...>;
  template <size_t I>
  using Argument = typename std::tuple_element_t<I, Types>::type;

  template <size_t... I>
  static constexpr std::array<int, arguments + 1> offsets_for(std::index_sequence<I...>) {
    std::array<int, arguments + 1> at{};
    ((at[I + 1] = at[I] + boxed_values<Argument<I>>), ...);
    return at;
  }
  static constexpr auto offsets = offsets_for(std::make_index_sequence<arguments>{});

  template <size_t... I>
  static R go(const Value* v, const Out& out, std::index_sequence<I...>) {
    if constexpr (takes_out)
      return function(Unbox<Argument<I>>::get(v + offsets[I])..., out);
    else
      return function(Unbox<Argument<I>>::get(v + offsets[I])...);
  }
  static Tensor call(const Value* v, const Out& out)
    requires returns_tensor
  {
    return go(v, out, std::make_index_sequence<arguments>{});
  }
  static Results call_many(const Value* v, const Out& out)
    requires(!returns_tensor)
  {
    return box_result(go(v, out, std::make_index_sequence<arguments>{}));
  }
  // Does the schema name the same types in the same order as the C++ signature?
  static consteval bool agrees(std::string_view schema) {
    return agrees(schema, std::make_index_sequence<arguments>{});
  }
  template <size_t... I>
  static consteval bool agrees(std::string_view s, std::index_sequence<I...>) {
    std::array<std::string_view, arguments + 1> types{Unbox<Argument<I>>::schema..., std::string_view{}};
    size_t p = s.find('('), k = 0;
    if (p == s.npos) return false;
    ++p;
    while (p < s.size() && s[p] != ')') {
      while (s[p] == ' ' || s[p] == ',') ++p;
      if (s[p] == '*') {
        ++p;
        continue;
      }
      size_t e = p;
      while (e < s.size() && s[e] != ' ' && s[e] != ',' && s[e] != ')') ++e;
      if (k >= arguments || s.substr(p, e - p) != types[k]) return false;
      ++k;
      p = e;
      char quote = 0;
      int depth = 0;  // brackets within a default value
      while (p < s.size() && (quote || depth || (s[p] != ',' && s[p] != ')'))) {
        if (s[p] == '\'') quote = quote ? 0 : s[p];
        if (!quote && (s[p] == '[' || s[p] == '(')) ++depth;
        if (!quote && (s[p] == ']' || s[p] == ')')) --depth;
        ++p;
      }
    }
    return k == arguments;
  }
};

// What Python gets of an operator.
enum Forms : unsigned {
  function = 1,           // flambeau.name
  method = 2,             // Tensor.name
  inplace = 4,            // Tensor.name_ (writes to self; the C++ function takes Out)
  out = 8,                // out= (a C++ function that does not take Out has its results copied there)
  nn = 16,                // flambeau._core._nn.name instead of flambeau.name
  inplace_function = 32,  // flambeau.name_ as well
  writes_self =
      64,         // a method whose own name ends in _ (copy_, uniform_): checked and run as an in-place form
  special = 128,  // flambeau._core._special.name
  linalg = 256,   // flambeau._core._linalg.name
  optim = 512,    // flambeau._core._optim.name
  any_device = 1024,  // its tensors may lie on different devices (copy_, to ...)
  fft = 2048,         // flambeau._core._fft.name
  windows = 4096,     // flambeau._core._windows.name
  // What autocast brings the operands to; none of them: they stay as they are.
  lower_precision = 8192,  // the block's dtype
  float32 = 16384,         // float32, where they are narrower
  widest = 32768,          // the widest among them
};

struct Exposed {
  const char* schema;
  BoxedCall call;
  BoxedCallMany call_many;
  unsigned forms;
  const char*
      result_names;  // "max values indices": a named tuple flambeau.return_types.max(values=, indices=)
  const Exposed* next;
  bool writes_out = true;  // false: the function takes no Out, and what it returns is copied to out=
  static const Exposed*& head();
};

namespace detail {
template <auto f>
struct Register {
  Exposed record;
  Register(const char* schema, unsigned forms, const char* result_names = nullptr)
      : record{schema, nullptr, nullptr, forms, result_names, Exposed::head(), Box<f>::takes_out} {
    if constexpr (Box<f>::returns_tensor)
      record.call = &Box<f>::call;
    else
      record.call_many = &Box<f>::call_many;
    Exposed::head() = &record;
  }
};
}  // namespace detail

}  // namespace flambeau

// A macro because the schema has to be checked as a constant expression where it is registered.
#define FLAMBEAU_CONCAT_(a, b) a##b
#define FLAMBEAU_CONCAT(a, b) FLAMBEAU_CONCAT_(a, b)
#define EXPOSE(schema, fn, ...)                                                                         \
  static_assert(::flambeau::Box<&fn>::agrees(schema), "schema and C++ signature differ");               \
  [[gnu::used]] static const ::flambeau::detail::Register<&fn> FLAMBEAU_CONCAT(exposed_, __COUNTER__) { \
    schema, __VA_ARGS__                                                                                 \
  }
