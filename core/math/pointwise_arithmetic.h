// Arithmetic, rounding and selection, element by element: the functors behind the pointwise operators.
//
// A functor is a struct with a static function template `of<T>`; the output and operand types are those of
// of<T>'s signature. One whose `of` does not serve every argument has `is_hard<T>` and `hard<T>` too. No
// standard header, one mark for host and device: a compiler for GPUs takes this file as it is.
#pragma once
#include "core/math/numeric.h"
#include "core/math/pow.h"

namespace flambeau::math {

template <class T>
inline constexpr bool is_floating_type = false;
template <>
inline constexpr bool is_floating_type<float> = true;
template <>
inline constexpr bool is_floating_type<double> = true;
template <class T>
inline constexpr bool is_signed_type = static_cast<T>(-1) < static_cast<T>(1);

// Integers compute in an unsigned type of at least 32 bits: that wraps where a signed one would be undefined.
template <class T, int kSize = sizeof(T)>
struct Wrapping {
  using Type = __UINT32_TYPE__;
};
template <class T>
struct Wrapping<T, 8> {
  using Type = __UINT64_TYPE__;
};
template <>
struct Wrapping<float, 4> {
  using Type = float;
};
template <>
struct Wrapping<double, 8> {
  using Type = double;
};
template <class T>
FLAMBEAU_MATH typename Wrapping<T>::Type wrap(T x) {
  return static_cast<typename Wrapping<T>::Type>(x);
}

struct Add {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(wrap(x) + wrap(y));
  }
};
struct Sub {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(wrap(x) - wrap(y));
  }
};
struct Mul {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(wrap(x) * wrap(y));
  }
};
struct MulOrZero {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T factor) {
    return factor == T(0) ? T(0) : x * factor;
  }
};
struct AddScaled {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y, T alpha) {
    return static_cast<T>(wrap(x) + wrap(alpha) * wrap(y));
  }
};
struct AddCMul {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T a, T b, T value) {
    return static_cast<T>(wrap(x) + wrap(value) * wrap(a) * wrap(b));
  }
};
struct AddCDiv {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T a, T b, T value) {
    return x + value * a / b;
  }
};
struct SquaredDifference {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    const auto difference = wrap(x) - wrap(y);
    return static_cast<T>(difference * difference);
  }
};
struct Lerp {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y, T weight) {
    const T difference = y - x;
    return math::abs(weight) < T(0.5) ? x + weight * difference : y - difference * (T(1) - weight);
  }
};
struct Div {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return x / y;
  }
};
struct Reciprocal {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return T(1) / x;
  }
};
struct Neg {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    if constexpr (is_floating_type<T>)
      return -x;
    else
      return static_cast<T>(0 - wrap(x));
  }
};
struct Abs {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    if constexpr (is_floating_type<T>)
      return math::abs(x);
    else
      return x < T(0) ? static_cast<T>(0 - wrap(x)) : x;
  }
};
struct Sign {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>((T(0) < x) - (x < T(0)));
  }
};
struct Square {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>(wrap(x) * wrap(x));
  }
};
struct Cube {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>(wrap(x) * wrap(x) * wrap(x));
  }
};
struct Sqrt {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::sqrt(x);
  }
};
struct Rsqrt {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return T(1) / math::sqrt(x);
  }
};
struct Floor {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::floor(x);
  }
};
struct Ceil {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::ceil(x);
  }
};
struct Round {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::round_even(x);
  }
};
struct Trunc {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::trunc(x);
  }
};
struct Frac {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return x - math::trunc(x);
  }
};

// The quotient towards zero; 0 for a zero divisor.
template <class T>
FLAMBEAU_MATH T divide_integers(T x, T y) {
  if constexpr (sizeof(T) == 8) {
    if (y == 0) return 0;
    return y == -1 ? static_cast<T>(0 - wrap(x)) : x / y;
  } else {
    // A double's quotient is off by less than an integer's distance to the next fraction, and vectorises.
    const double quotient = static_cast<double>(x) / static_cast<double>(y == 0 ? T(1) : y);
    const double bounded = quotient > 2147483647.0 ? -2147483648.0 : quotient;  // -2^31 / -1 wraps
    return y == 0 ? T(0) : static_cast<T>(static_cast<__INT32_TYPE__>(bounded));
  }
}
template <class T>
FLAMBEAU_MATH T integer_remainder(T x, T y) {
  return y == 0 ? T(0) : static_cast<T>(wrap(x) - wrap(divide_integers(x, y)) * wrap(y));
}

// fmod exactly, where the quotient is one correctly rounded division away: |x| < 2^50 |y|, and no product
// overflows.
template <class T>
FLAMBEAU_MATH T fmod_near(T x, T y) {
  const double a = math::abs(x), b = math::abs(y);
  const double quotient = math::trunc(a / b);
  const math::DoubleDouble product = math::two_product(quotient, b);
  double r = (a - product.high) - product.low;
  r = r < 0 ? r + b : r;
  r = r >= b ? r - b : r;
  return math::copysign(static_cast<T>(a < b ? a : r), x);
}
template <class T>
FLAMBEAU_MATH bool is_fmod_far(T x, T y) {
  const double a = math::abs(x), b = math::abs(y);
  return !((a < b * 0x1p50) & (a < 0x1p990)) & (a < math::kInfinity<double>)&(b > 0);
}
FLAMBEAU_MATH float fmod_far(float x, float y) { return __builtin_fmodf(x, y); }
FLAMBEAU_MATH double fmod_far(double x, double y) { return __builtin_fmod(x, y); }

// A remainder with the dividend's sign, given the divisor's.
template <class T>
FLAMBEAU_MATH T with_sign_of_divisor(T remainder, T y) {
  const bool opposite = (remainder != T(0)) & ((remainder < T(0)) != (y < T(0)));
  return opposite ? static_cast<T>(wrap(remainder) + wrap(y)) : remainder;
}
// floor(x / y) by way of the exact remainder, as Python's float floor division.
template <class T>
FLAMBEAU_MATH T floor_quotient(T x, T y, T remainder) {
  const bool lower = (remainder != T(0)) & ((y < T(0)) != (remainder < T(0)));
  T quotient = (x - remainder) / y;
  quotient = lower ? quotient - T(1) : quotient;
  T floored = math::floor(quotient);
  floored = quotient - floored > T(0.5) ? floored + T(1) : floored;
  const T direct = x / y;
  floored = quotient == T(0) ? math::copysign(T(0), direct) : floored;
  return y == T(0) ? direct : floored;
}

struct Fmod {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    if constexpr (is_floating_type<T>)
      return fmod_near(x, y);
    else
      return integer_remainder(x, y);
  }
  template <class T>
    requires is_floating_type<T>
  FLAMBEAU_FUNCTOR bool is_hard(T x, T y) {
    return is_fmod_far(x, y);
  }
  template <class T>
    requires is_floating_type<T>
  FLAMBEAU_FUNCTOR T hard(T x, T y) {
    return fmod_far(x, y);
  }
};
struct Remainder {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return with_sign_of_divisor(Fmod::of<T>(x, y), y);
  }
  template <class T>
    requires is_floating_type<T>
  FLAMBEAU_FUNCTOR bool is_hard(T x, T y) {
    return is_fmod_far(x, y);
  }
  template <class T>
    requires is_floating_type<T>
  FLAMBEAU_FUNCTOR T hard(T x, T y) {
    return with_sign_of_divisor(fmod_far(x, y), y);
  }
};
struct FloorDiv {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    if constexpr (is_floating_type<T>) {
      return floor_quotient(x, y, fmod_near(x, y));
    } else {
      const T quotient = divide_integers(x, y), remainder = integer_remainder(x, y);
      const bool lower = (remainder != T(0)) & ((remainder < T(0)) != (y < T(0)));
      return static_cast<T>(wrap(quotient) - (lower ? 1u : 0u));
    }
  }
  template <class T>
    requires is_floating_type<T>
  FLAMBEAU_FUNCTOR bool is_hard(T x, T y) {
    return is_fmod_far(x, y);
  }
  template <class T>
    requires is_floating_type<T>
  FLAMBEAU_FUNCTOR T hard(T x, T y) {
    return floor_quotient(x, y, fmod_far(x, y));
  }
};
struct TruncDiv {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    if constexpr (is_floating_type<T>)
      return math::trunc(x / y);
    else
      return divide_integers(x, y);
  }
};

struct Pow {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    if constexpr (is_floating_type<T>) {
      return math::pow(x, y);
    } else {
      if (y < T(0))
        return x == T(1) ? T(1) : (wrap(x) + 1 == 0 ? static_cast<T>((y & 1) != 0 ? -1 : 1) : T(0));
      auto power = wrap(T(1)), base = wrap(x);
      for (auto rest = wrap(y); rest != 0; rest >>= 1) {
        power = (rest & 1) != 0 ? power * base : power;
        base *= base;
      }
      return static_cast<T>(power);
    }
  }
};

struct Maximum {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return (x > y) | is_nan(x) ? x : y;
  }
};
struct Minimum {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return (x < y) | is_nan(x) ? x : y;
  }
};
struct Fmax {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return (x > y) | is_nan(y) ? x : y;
  }
};
struct Fmin {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return (x < y) | is_nan(y) ? x : y;
  }
};
// Written so that each choice is one select: a chain of maximum and minimum becomes branches, which do not
// vectorise.
struct Clamp {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T low, T high) {
    const T raised = x < low ? low : x;
    const T clamped = raised > high ? high : raised;
    if constexpr (is_floating_type<T>)
      return is_nan(low) | is_nan(high) ? math::kNaN<T> : clamped;
    else
      return clamped;
  }
};
struct Where {
  template <class T>
  FLAMBEAU_FUNCTOR T of(bool condition, T x, T y) {
    if constexpr (__is_same(T, bool))
      return (condition & x) | (!condition & y);
    else
      return condition ? x : y;
  }
};

}  // namespace flambeau::math
