// A Python number on its way into an operator.
#pragma once
#include <cstdint>
#include <cstring>
#include <ostream>

#include "core/tensor/dtype.h"

namespace flambeau {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float, Complex };
  Scalar() : Scalar(int64_t{0}) {}
  Scalar(bool value) : kind_(Kind::Bool) { int_ = value; }
  Scalar(int value) : Scalar(static_cast<int64_t>(value)) {}
  Scalar(int64_t value) : kind_(Kind::Int) { int_ = value; }
  // An Int as well, whose upper half int64 lacks.
  Scalar(uint64_t value) : Scalar(static_cast<int64_t>(value)) { unsigned_ = int_ < 0; }
  Scalar(double value) : kind_(Kind::Float) { float_ = value; }
  Scalar(Complex<double> value) : imag_(value.imag), kind_(Kind::Complex) { float_ = value.real; }

  Kind kind() const { return kind_; }
  bool is_floating() const { return kind_ == Kind::Float; }
  bool is_complex() const { return kind_ == Kind::Complex; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  // An integer of 2^63 or more: to_int() gives what is left of it modulo 2^64.
  bool is_beyond_int() const { return unsigned_; }
  // Throws RuntimeError where the imaginary part is not 0.
  double to_double() const {
    return kind_ == Kind::Float     ? float_
           : kind_ == Kind::Complex ? real_only("double")
           : unsigned_              ? static_cast<double>(static_cast<uint64_t>(int_))
                                    : static_cast<double>(int_);
  }
  int64_t to_int() const {
    return kind_ == Kind::Float     ? saturated(float_)
           : kind_ == Kind::Complex ? saturated(real_only("int64_t"))
                                    : int_;
  }
  bool to_bool() const {
    return kind_ == Kind::Float     ? float_ != 0
           : kind_ == Kind::Complex ? float_ != 0 || imag_ != 0
                                    : int_ != 0;
  }
  Complex<double> to_complex() const {
    return kind_ == Kind::Complex ? Complex<double>(float_, imag_) : Complex<double>(to_double());
  }
  template <class T>
  T to() const {
    if constexpr (math::is_complex_type<T>)
      return T(to_complex());
    else if constexpr (sizeof(T) == 1 && static_cast<T>(2) == static_cast<T>(1))
      return to_bool();  // bool
    else if (kind_ == Kind::Float || kind_ == Kind::Complex) {
      if constexpr (static_cast<T>(0.5) != T(0))
        return static_cast<T>(kind_ == Kind::Complex ? real_only(sizeof(T) == 4 ? "float" : "double")
                                                     : float_);
      else
        return static_cast<T>(to_int());
    } else
      return unsigned_ ? static_cast<T>(static_cast<uint64_t>(int_)) : static_cast<T>(int_);
  }
  bool equals(double value) const {
    return kind_ == Kind::Complex ? float_ == value && imag_ == 0 : to_double() == value;
  }
  Scalar conj() const { return kind_ == Kind::Complex ? Scalar(Complex<double>(float_, -imag_)) : *this; }
  Scalar operator-() const {
    if (kind_ == Kind::Complex) return Scalar(-to_complex());
    if (unsigned_ && int_ != INT64_MIN) return Scalar(-to_double());
    return kind_ == Kind::Float ? Scalar(-float_)
                                : Scalar(static_cast<int64_t>(-static_cast<uint64_t>(int_)));
  }
  // Writes the value as one element of dtype d (kernels take scalars as broadcast operands).
  void store(void* out, DType d) const;

 private:
  static int64_t saturated(double v) {  // out of range is undefined in C++: give what x86 gives
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? static_cast<int64_t>(v) : INT64_MIN;
  }
  double real_only(const char* type) const;
  union {
    int64_t int_;
    double float_;  // a complex number's real part too
  };
  double imag_ = 0;
  Kind kind_;
  bool unsigned_ = false;
};
std::ostream& operator<<(std::ostream& stream, const Scalar& scalar);  // as Python prints it

// The dtype of `tensor op scalar`: the scalar matters only where its kind is higher than the tensor's.
DType promote_scalar(DType tensor, Scalar::Kind kind);
// x as an item of this floating dtype holds it.
double as_stored(DType dtype, double x);
DType default_dtype();
inline DType default_complex() { return complex_of(default_dtype()); }
void set_default_dtype(DType d);

}  // namespace flambeau
