// A Python number on its way into an operator.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <ostream>

#include "core/tensor/dtype.h"

namespace flambeau {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float, Complex };
  Scalar() : Scalar(int64_t{0}) {}
  Scalar(bool value) : int_(value), tag_(static_cast<uint64_t>(Kind::Bool)) {}
  Scalar(int value) : Scalar(static_cast<int64_t>(value)) {}
  Scalar(int64_t value) : int_(value), tag_(static_cast<uint64_t>(Kind::Int)) {}
  // An Int as well, whose upper half int64 lacks.
  Scalar(uint64_t value) : Scalar(static_cast<int64_t>(value)) {
    if (int_ < 0) tag_ |= kBeyondInt;
  }
  Scalar(double value) : int_(std::bit_cast<int64_t>(value)), tag_(static_cast<uint64_t>(Kind::Float)) {}
  Scalar(Complex<double> value)
      : int_(std::bit_cast<int64_t>(value.real)),
        imag_(value.imag),
        tag_(static_cast<uint64_t>(Kind::Complex)) {}
  // Member by member, as it was written: a copy of two at once would have to wait until both are in the
  // cache.
  Scalar(const Scalar& other) : int_(other.int_), imag_(other.imag_), tag_(other.tag_) {}
  Scalar& operator=(const Scalar& other) {
    int_ = other.int_;
    imag_ = other.imag_;
    tag_ = other.tag_;
    return *this;
  }

  Kind kind() const { return static_cast<Kind>(tag_ & 0xff); }
  bool is_floating() const { return kind() == Kind::Float; }
  bool is_complex() const { return kind() == Kind::Complex; }
  bool is_bool() const { return kind() == Kind::Bool; }
  // An integer of 2^63 or more: to_int() gives what is left of it modulo 2^64.
  bool is_beyond_int() const { return tag_ & kBeyondInt; }
  // Throws RuntimeError where the imaginary part is not 0.
  double to_double() const {
    return kind() == Kind::Float     ? real()
           : kind() == Kind::Complex ? real_only("double")
           : is_beyond_int()         ? static_cast<double>(static_cast<uint64_t>(int_))
                                     : static_cast<double>(int_);
  }
  int64_t to_int() const {
    return kind() == Kind::Float     ? saturated(real())
           : kind() == Kind::Complex ? saturated(real_only("int64_t"))
                                     : int_;
  }
  bool to_bool() const {
    return kind() == Kind::Float     ? real() != 0
           : kind() == Kind::Complex ? real() != 0 || imag_ != 0
                                     : int_ != 0;
  }
  Complex<double> to_complex() const {
    return kind() == Kind::Complex ? Complex<double>(real(), imag_) : Complex<double>(to_double());
  }
  template <class T>
  T to() const {
    if constexpr (math::is_complex_type<T>)
      return T(to_complex());
    else if constexpr (sizeof(T) == 1 && static_cast<T>(2) == static_cast<T>(1))
      return to_bool();  // bool
    else if (kind() == Kind::Float || kind() == Kind::Complex) {
      if constexpr (static_cast<T>(0.5) != T(0))
        return static_cast<T>(kind() == Kind::Complex ? real_only(sizeof(T) == 4 ? "float" : "double")
                                                      : real());
      else
        return static_cast<T>(to_int());
    } else
      return is_beyond_int() ? static_cast<T>(static_cast<uint64_t>(int_)) : static_cast<T>(int_);
  }
  bool equals(double value) const {
    return kind() == Kind::Complex ? real() == value && imag_ == 0 : to_double() == value;
  }
  Scalar conj() const { return kind() == Kind::Complex ? Scalar(Complex<double>(real(), -imag_)) : *this; }
  Scalar operator-() const {
    if (kind() == Kind::Complex) return Scalar(-to_complex());
    if (is_beyond_int() && int_ != INT64_MIN) return Scalar(-to_double());
    return kind() == Kind::Float ? Scalar(-real())
                                 : Scalar(static_cast<int64_t>(-static_cast<uint64_t>(int_)));
  }
  // Writes the value as one element of dtype d (kernels take scalars as broadcast operands).
  void store(void* out, DType d) const;

 private:
  static int64_t saturated(double v) {  // out of range is undefined in C++: give what x86 gives
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? static_cast<int64_t>(v) : INT64_MIN;
  }
  double real_only(const char* type) const;
  double real() const { return std::bit_cast<double>(int_); }  // of Float and Complex
  int64_t int_;                                                // their bits, or the integer
  double imag_ = 0;
  // Written as one word: copied as one right after, a byte written by itself would hold the copy up.
  static constexpr uint64_t kBeyondInt = 0x100;
  uint64_t tag_;
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
