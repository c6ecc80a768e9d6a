// Special functions, element by element: the functors behind the pointwise operators.
//
// A functor is a struct with a static function template `of<T>`; the output and operand types are those of
// of<T>'s signature. A float's are computed in double and rounded once. No standard header, one mark for host
// and device: a compiler for GPUs takes this file as it is.
#pragma once
#include "core/math/bessel.h"
#include "core/math/erf_inverse.h"
#include "core/math/gamma.h"
#include "core/math/incomplete_gamma.h"

namespace flambeau::math {

template <double (*function)(double)>
struct InDouble {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>(function(static_cast<double>(x)));
  }
};
template <double (*function)(double, double)>
struct PairInDouble {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(function(static_cast<double>(x), static_cast<double>(y)));
  }
};

// At a pole as PyTorch, whose sin(pi x), in the operand's precision, is a rounding error there.
struct Trigamma {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    if (!(x < T(0) && trunc(x) == x)) return static_cast<T>(trigamma(static_cast<double>(x)));
    const T angle = kPi<T> * x;
    const T ratio = kPi<T> / (is_large_angle(angle) ? sin_large(angle) : sin(angle));
    return ratio * ratio;
  }
};

// Sums that end where a result of type T is full.
template <bool upper>
struct IncompleteGamma {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T a, T x) {
    constexpr double kTolerance = is_float32<T> ? 1e-9 : 1e-16;
    return static_cast<T>(
        incomplete_gamma(static_cast<double>(a), static_cast<double>(x), upper, kTolerance));
  }
};

}  // namespace flambeau::math
