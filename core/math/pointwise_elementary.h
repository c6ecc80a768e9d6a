// Elementary functions, element by element: the functors behind the pointwise operators.
//
// A functor is a struct with a static function template `of<T>`; the output and operand types are those of
// of<T>'s signature. One whose `of` does not serve every argument has `is_hard<T>` and `hard<T>` too. No
// standard header, one mark for host and device: a compiler for GPUs takes this file as it is.
#pragma once
#include "core/math/erf.h"
#include "core/math/exp.h"
#include "core/math/inverse_trigonometric.h"
#include "core/math/log.h"
#include "core/math/numeric.h"
#include "core/math/trigonometric.h"

namespace flambeau::math {

struct Exp {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::exp(x);
  }
};
struct Exp2 {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::exp2(x);
  }
};
struct Expm1 {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::expm1(x);
  }
};
struct Log {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::log(x);
  }
};
struct Log2 {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::log2(x);
  }
};
struct Log10 {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::log10(x);
  }
};
struct Log1p {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::log1p(x);
  }
};
struct Sin {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::sin(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR bool is_hard(T x) {
    return math::is_large_angle(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR T hard(T x) {
    return math::sin_large(x);
  }
};
struct Cos {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::cos(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR bool is_hard(T x) {
    return math::is_large_angle(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR T hard(T x) {
    return math::cos_large(x);
  }
};
struct Tan {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::tan(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR bool is_hard(T x) {
    return math::is_large_angle(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR T hard(T x) {
    return math::tan_large(x);
  }
};
struct Asin {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::asin(x);
  }
};
struct Acos {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::acos(x);
  }
};
struct Atan {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::atan(x);
  }
};
struct Sinh {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::sinh(x);
  }
};
struct Cosh {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::cosh(x);
  }
};
struct Tanh {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::tanh(x);
  }
};
// Composed of several roundings: a float's are done in double.
struct Asinh {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>(math::asinh(static_cast<double>(x)));
  }
};
struct Acosh {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>(math::acosh(static_cast<double>(x)));
  }
};
struct Atanh {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>(math::atanh(static_cast<double>(x)));
  }
};
struct Sigmoid {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::sigmoid(x);
  }
};
struct LogSigmoid {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return (x < T(0) ? x : T(0)) - math::log1p(math::exp(-math::abs(x)));
  }
};
struct Erf {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::erf(x);
  }
};
struct Erfc {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return math::erfc(x);
  }
};
struct Atan2 {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T y, T x) {
    return math::atan2(y, x);
  }
};
struct Hypot {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    const T a = math::abs(x), b = math::abs(y), large = a > b ? a : b, small = a > b ? b : a;
    const T ratio = large > T(0) ? small / large : T(0);
    const T result = large * math::sqrt(T(1) + ratio * ratio);
    const T finite = math::is_nan(x) | math::is_nan(y) ? math::kNaN<T> : result;
    return (a == math::kInfinity<T>) | (b == math::kInfinity<T>) ? math::kInfinity<T> : finite;
  }
};
struct Copysign {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return math::copysign(x, y);
  }
};
struct LogAddExp {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    const T large = (x > y) | math::is_nan(x) ? x : y;
    const T result = large + math::log1p(math::exp(-math::abs(x - y)));
    return (x == y) & (math::abs(x) == math::kInfinity<T>) ? x : result;
  }
};
struct Xlogy {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    const T product = x * math::log(y);
    return (x == T(0)) & !math::is_nan(y) ? T(0) : product;
  }
};

}  // namespace flambeau::math
