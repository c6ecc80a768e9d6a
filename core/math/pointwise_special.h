// Special functions, element by element: the functors behind the pointwise operators.
//
// A functor is a struct with a static function template `of<T>`; the output and operand types are those of
// of<T>'s signature. One whose `of` does not serve every argument has `is_hard<T>` and `hard<T>` too. No
// standard header, one mark for host and device: a compiler for GPUs takes this file as it is.
#pragma once
#include "core/math/bessel.h"
#include "core/math/erf_inverse.h"
#include "core/math/gamma.h"
#include "core/math/incomplete_gamma.h"

namespace flambeau::math {

// Functions with a version for floats.
template <float (*of_float)(float), double (*of_double)(double)>
struct Overloaded {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    if constexpr (is_float32<T>)
      return of_float(x);
    else
      return of_double(x);
  }
};
using Lgamma = Overloaded<&lgamma, &lgamma>;
using Digamma = Overloaded<&digamma, &digamma>;
using Erfinv = Overloaded<&erfinv, &erfinv>;
using Ndtri = Overloaded<&ndtri, &ndtri>;
using BesselI0 = Overloaded<&bessel_i0, &bessel_i0>;
using BesselI1 = Overloaded<&bessel_i1, &bessel_i1>;
using ScaledBesselI0 = Overloaded<&scaled_bessel_i0, &scaled_bessel_i0>;
using ScaledBesselI1 = Overloaded<&scaled_bessel_i1, &scaled_bessel_i1>;

using BesselK0 = Overloaded<&bessel_k0, &bessel_k0>;
using BesselK1 = Overloaded<&bessel_k1, &bessel_k1>;
using ScaledBesselK0 = Overloaded<&scaled_bessel_k0, &scaled_bessel_k0>;
using ScaledBesselK1 = Overloaded<&scaled_bessel_k1, &scaled_bessel_k1>;
using Erfcx = Overloaded<&erfcx, &erfcx>;
using LogNdtr = Overloaded<&log_ndtr, &log_ndtr>;

// The same, where that for floats ends at kTrigonometricLimit.
template <float (*of_float)(float), double (*of_double)(double)>
struct Oscillating : Overloaded<of_float, of_double> {
  template <class T>
  FLAMBEAU_FUNCTOR bool is_hard(T x) {
    return is_float32<T> && is_large_angle(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR T hard(T x) {
    return static_cast<T>(of_double(static_cast<double>(x)));
  }
};
using BesselJ0 = Oscillating<&bessel_j0, &bessel_j0>;
using BesselJ1 = Oscillating<&bessel_j1, &bessel_j1>;
using BesselY0 = Oscillating<&bessel_y0, &bessel_y0>;
using BesselY1 = Oscillating<&bessel_y1, &bessel_y1>;
using SphericalBesselJ0 = Oscillating<&spherical_bessel_j0, &spherical_bessel_j0>;

// A float's are computed in double and rounded once.
template <double (*function)(double)>
struct InDouble {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return static_cast<T>(function(static_cast<double>(x)));
  }
};
// At a pole as PyTorch, whose sin(pi x), in the operand's precision, is a rounding error there.
struct Trigamma {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
    return trigamma(x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR bool is_hard(T x) {
    return (x < T(0)) & (trunc(x) == x);
  }
  template <class T>
  FLAMBEAU_FUNCTOR T hard(T x) {
    const T angle = kPi<T> * x;
    const T ratio = kPi<T> / (is_large_angle(angle) ? sin_large(angle) : sin(angle));
    return ratio * ratio;
  }
};

// Where the sums of a function end whose result is a T.
template <class T>
inline constexpr double kTolerance = is_float32<T> ? 1e-9 : 1e-16;
template <double (*function)(double, double, double)>
struct Summed {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(function(static_cast<double>(x), static_cast<double>(y), kTolerance<T>));
  }
};

}  // namespace flambeau::math
