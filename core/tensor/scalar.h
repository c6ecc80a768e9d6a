// A Python number on its way into an operator.
#pragma once
#include <cstdint>
#include <cstring>
#include <ostream>

#include "core/tensor/dtype.h"

namespace flambeau {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float };
  Scalar() : Scalar(int64_t{0}) {}
  Scalar(bool value) : kind_(Kind::Bool) { int_ = value; }
  Scalar(int value) : Scalar(static_cast<int64_t>(value)) {}
  Scalar(int64_t value) : kind_(Kind::Int) { int_ = value; }
  Scalar(double value) : kind_(Kind::Float) { float_ = value; }

  Kind kind() const { return kind_; }
  bool is_floating() const { return kind_ == Kind::Float; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  double to_double() const { return kind_ == Kind::Float ? float_ : static_cast<double>(int_); }
  int64_t to_int() const { return kind_ == Kind::Float ? saturated(float_) : int_; }
  bool to_bool() const { return kind_ == Kind::Float ? float_ != 0 : int_ != 0; }
  template <class T>
  T to() const {
    if constexpr (sizeof(T) == 1 && static_cast<T>(2) == static_cast<T>(1))
      return to_bool();  // bool
    else if (kind_ == Kind::Float) {
      if constexpr (static_cast<T>(0.5) != T(0))
        return static_cast<T>(float_);
      else
        return static_cast<T>(saturated(float_));
    } else
      return static_cast<T>(int_);
  }
  bool equals(double value) const { return to_double() == value; }
  Scalar operator-() const {
    return kind_ == Kind::Float ? Scalar(-float_)
                                : Scalar(static_cast<int64_t>(-static_cast<uint64_t>(int_)));
  }
  // Writes the value as one element of dtype d (kernels take scalars as broadcast operands).
  void store(void* out, DType d) const;

 private:
  static int64_t saturated(double v) {  // out of range is undefined in C++: give what x86 gives
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? static_cast<int64_t>(v) : INT64_MIN;
  }
  union {
    int64_t int_;
    double float_;
  };
  Kind kind_;
};
std::ostream& operator<<(std::ostream& stream, const Scalar& scalar);  // as Python prints it

// The dtype of `tensor op scalar`: the scalar matters only where its kind is higher than the tensor's.
DType promote_scalar(DType tensor, Scalar::Kind kind);
DType default_dtype();
void set_default_dtype(DType d);

}  // namespace flambeau
