#include "core/tensor/scalar.h"

#include <charconv>
#include <cmath>

#include "core/math/half.h"
#include "core/tensor/error.h"

namespace flambeau {

namespace {
DType default_dtype_ = DType::Float32;
template <class T>
void put(void* out, T value) {
  std::memcpy(out, &value, sizeof(T));
}
}  // namespace

double as_stored(DType dtype, double x) {
  const float single = static_cast<float>(x);
  switch (dtype) {
    case DType::Float16:
      return math::Half::of(single);
    case DType::BFloat16:
      return math::BFloat16::of(single);
    case DType::Float32:
      return single;
    default:
      return x;
  }
}
DType default_dtype() { return default_dtype_; }
void set_default_dtype(DType d) {
  check<TypeError>(is_floating(d), "only floating-point types are supported as the default type, not torch.",
                   name(d));
  default_dtype_ = d;
}

namespace {
// As PyTorch's messages about numbers that do not fit spell the types.
const char* item_type_name(DType d) {
  switch (d) {
    case DType::UInt8:
      return "uint8_t";
    case DType::Int8:
      return "int8_t";
    case DType::Int16:
      return "int16_t";
    case DType::Int32:
      return "int";
    case DType::Int64:
      return "int64_t";
    case DType::UInt16:
      return "uint16_t";
    case DType::UInt32:
      return "uint32_t";
    case DType::Float16:
      return "at::Half";
    case DType::BFloat16:
      return "at::BFloat16";
    case DType::Float32:
      return "float";
    default:
      return "double";
  }
}
}  // namespace

void Scalar::store(void* out, DType d) const {
  if (is_complex() && !flambeau::is_complex(d) && d != DType::Bool) real_only(item_type_name(d));
  if (is_beyond_int() && is_integral(d) && d != DType::Bool && d != DType::UInt64)
    fail<RuntimeError>("value cannot be converted to type ", item_type_name(d), " without overflow: ", *this);
  switch (d) {
    case DType::Bool:
      return put(out, to_bool());
    case DType::UInt8:
      return put(out, static_cast<uint8_t>(to_int()));
    case DType::Int8:
      return put(out, static_cast<int8_t>(to_int()));
    case DType::Int16:
      return put(out, static_cast<int16_t>(to_int()));
    case DType::Int32:
      return put(out, static_cast<int32_t>(to_int()));
    case DType::Int64:
      return put(out, to_int());
    case DType::UInt16:
      return put(out, static_cast<uint16_t>(to_int()));
    case DType::UInt32:
      return put(out, static_cast<uint32_t>(to_int()));
    case DType::UInt64:
      if (is_floating() && to_double() >= 0x1p63 && to_double() < 0x1p64)
        return put(out, static_cast<uint64_t>(to_double()));
      return put(out, static_cast<uint64_t>(to_int()));
    case DType::Float16:
      return put(out, math::Half::of(static_cast<float>(to_double())));
    case DType::BFloat16:
      return put(out, math::BFloat16::of(static_cast<float>(to_double())));
    case DType::Float32:
      return put(out, static_cast<float>(to_double()));
    case DType::Float64:
      return put(out, to_double());
    case DType::Complex64:
      return put(out, Complex<float>(to_complex()));
    case DType::Complex128:
      return put(out, to_complex());
  }
}

double Scalar::real_only(const char* type) const {
  check(imag_ == 0, "value cannot be converted to type ", type, " without overflow");
  return real();
}

namespace {
void write_number(std::ostream& stream, double v) {
  if (std::isnan(v)) {
    stream << "nan";
  } else if (std::isinf(v)) {
    stream << (v < 0 ? "-inf" : "inf");
  } else {
    char text[32];
    stream << std::string(text, std::to_chars(text, text + sizeof text, v).ptr);
  }
}
}  // namespace

std::ostream& operator<<(std::ostream& stream, const Scalar& scalar) {
  switch (scalar.kind()) {
    case Scalar::Kind::Bool:
      return stream << (scalar.to_bool() ? "True" : "False");
    case Scalar::Kind::Int:
      if (scalar.is_beyond_int()) return stream << static_cast<uint64_t>(scalar.to_int());
      return stream << scalar.to_int();
    case Scalar::Kind::Complex: {
      const Complex<double> z = scalar.to_complex();
      stream << '(';
      write_number(stream, z.real);
      if (!std::signbit(z.imag)) stream << '+';
      write_number(stream, z.imag);
      return stream << "j)";
    }
    case Scalar::Kind::Float:
      break;
  }
  const double v = scalar.to_double();
  write_number(stream, v);
  return std::isfinite(v) && v == std::floor(v) && std::fabs(v) < 1e16 ? stream << ".0" : stream;
}

DType promote_scalar(DType tensor, Scalar::Kind kind) {
  switch (kind) {
    case Scalar::Kind::Bool:
      return tensor;
    case Scalar::Kind::Int:
      return tensor == DType::Bool ? DType::Int64 : tensor;
    case Scalar::Kind::Float:
      return is_integral(tensor) ? default_dtype() : tensor;
    case Scalar::Kind::Complex:
      return is_complex(tensor) ? tensor : is_floating(tensor) ? complex_of(tensor) : default_complex();
  }
  return tensor;
}

}  // namespace flambeau
