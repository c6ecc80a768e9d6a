// The elementary functions of complex numbers.
//
// They compute in double whatever the precision of the argument, and follow Kahan's "Branch cuts for complex
// elementary functions, or much ado about nothing's sign bit" (1987): branch cuts are C99's, and a zero's
// sign tells the sides of a cut apart. They branch.
#pragma once
#include "core/math/complex.h"
#include "core/math/exp.h"
#include "core/math/inverse_trigonometric.h"
#include "core/math/log.h"
#include "core/math/numeric.h"
#include "core/math/trigonometric.h"

namespace flambeau::math {

template <class T>
FLAMBEAU_MATH Complex<T> conj(Complex<T> z) {
  return {z.real, -z.imag};
}
template <class T>
FLAMBEAU_MATH Complex<T> times_i(Complex<T> z) {
  return {-z.imag, z.real};
}
template <class T>
FLAMBEAU_MATH Complex<T> over_i(Complex<T> z) {
  return {z.imag, -z.real};
}
template <class T>
FLAMBEAU_MATH bool is_nan(Complex<T> z) {
  return is_nan(z.real) | is_nan(z.imag);
}
template <class T>
FLAMBEAU_MATH bool is_finite(Complex<T> z) {
  return is_finite(z.real) & is_finite(z.imag);
}

namespace complex_detail {

using Z = Complex<double>;

FLAMBEAU_MATH double sin_any(double x) { return is_large_angle(x) ? sin_large(x) : sin(x); }
FLAMBEAU_MATH double cos_any(double x) { return is_large_angle(x) ? cos_large(x) : cos(x); }
FLAMBEAU_MATH double tan_any(double x) { return is_large_angle(x) ? tan_large(x) : tan(x); }

FLAMBEAU_MATH_OUT_OF_LINE double modulus(double x, double y) {
  double a = abs(x), b = abs(y);
  if (a == kInfinity<double> || b == kInfinity<double>) return kInfinity<double>;
  if (a < b) {
    const double swap = a;
    a = b;
    b = swap;
  }
  if (!(b > 0)) return a + b;  // NaN stays
  if (a < 0x1p500 && b > 0x1p-500) return sqrt(a * a + b * b);
  const double scale = a > 1 ? 0x1p-600 : 0x1p600;
  return sqrt((a * scale) * (a * scale) + (b * scale) * (b * scale)) / scale;
}

// A product with 0 is 0, also where the other factor is infinite: for imaginary parts that are exactly 0.
FLAMBEAU_MATH double times(double factor, double part) { return part == 0 ? part : factor * part; }

FLAMBEAU_MATH_OUT_OF_LINE Z exp(Z z) {
  if (z.imag == 0) return {math::exp(z.real), z.imag};
  if (z.real == -kInfinity<double> && !is_finite(z.imag)) return {0.0, 0.0};
  const double c = cos_any(z.imag), s = sin_any(z.imag);
  if (z.real > 709 && z.real < 1500) {  // exp may overflow where the parts do not
    const double half = math::exp(0.5 * z.real);
    return {half * c * half, half * s * half};
  }
  if (z.real == kInfinity<double> && !is_finite(z.imag)) return {kInfinity<double>, kNaN<double>};
  const double e = math::exp(z.real);
  return {e * c, e * s};
}

FLAMBEAU_MATH_OUT_OF_LINE Z expm1(Z z) {
  if (z.imag == 0) return {math::expm1(z.real), z.imag};
  const double half = sin_any(0.5 * z.imag);
  return {math::expm1(z.real) * cos_any(z.imag) - 2 * half * half, math::exp(z.real) * sin_any(z.imag)};
}

// log |z|, accurate near |z| = 1 too.
FLAMBEAU_MATH_OUT_OF_LINE double log_modulus(double x, double y) {
  double a = abs(x), b = abs(y);
  if (a < b) {
    const double swap = a;
    a = b;
    b = swap;
  }
  if (a > 0.5 && a < 3) {  // a^2 + b^2 - 1, its first product exactly
    const DoubleDouble square = two_product(a, a), other = two_product(b, b);
    const DoubleDouble sum = two_sum(square.high - 1, other.high);
    return 0.5 * log1p(sum.high + (sum.low + square.low + other.low));
  }
  if (a > 0x1p-1000 && a < kInfinity<double>) {
    const double ratio = b / a;
    return math::log(a) + 0.5 * log1p(ratio * ratio);
  }
  return math::log(modulus(x, y));
}

FLAMBEAU_MATH_OUT_OF_LINE Z log(Z z) { return {log_modulus(z.real, z.imag), atan2(z.imag, z.real)}; }

FLAMBEAU_MATH_OUT_OF_LINE Z log1p(Z z) {
  const double angle = atan2(z.imag, z.real + 1);
  if (modulus(z.real, z.imag) < 0.5) {
    const double r = z.real * (2 + z.real) + z.imag * z.imag;
    return {r == 0 ? z.real : 0.5 * math::log1p(r), angle};
  }
  return {log_modulus(z.real + 1, z.imag), angle};
}

FLAMBEAU_MATH_OUT_OF_LINE Z sqrt(Z z) {
  if (z.real == 0 && z.imag == 0) return {0.0, z.imag};
  if (abs(z.imag) == kInfinity<double>) return {kInfinity<double>, z.imag};
  if (z.imag == 0)
    return z.real < 0 ? Z(0.0, copysign(math::sqrt(-z.real), z.imag)) : Z(math::sqrt(z.real), z.imag);
  if (z.real == -kInfinity<double>)
    return {is_nan(z.imag) ? z.imag : 0.0, copysign(kInfinity<double>, z.imag)};
  // Scaled by a power of four, so that the modulus neither overflows nor loses digits.
  const double size = abs(z.real) > abs(z.imag) ? abs(z.real) : abs(z.imag);
  const double scale = size > 0x1p1000 ? 0x1p-100 : size < 0x1p-900 ? 0x1p200 : 1.0;
  const double unscale = size > 0x1p1000 ? 0x1p50 : size < 0x1p-900 ? 0x1p-100 : 1.0;
  const double x = z.real * scale, y = z.imag * scale;
  const double root = math::sqrt(0.5 * (modulus(x, y) + abs(x)));
  if (x >= 0) return {root * unscale, y / (2 * root) * unscale};
  return {abs(y) / (2 * root) * unscale, copysign(root, y) * unscale};
}

FLAMBEAU_MATH_OUT_OF_LINE Z sinh(Z z) {
  if (abs(z.real) > 709 && abs(z.real) < 1500) {
    const Z e = exp(Z(abs(z.real), z.imag));
    return {copysign(1.0, z.real) * 0.5 * e.real, 0.5 * e.imag};
  }
  return {times(cos_any(z.imag), math::sinh(z.real)),
          times(math::cosh(z.real), z.imag == 0 ? z.imag : sin_any(z.imag))};
}
FLAMBEAU_MATH_OUT_OF_LINE Z cosh(Z z) {
  if (abs(z.real) > 709 && abs(z.real) < 1500) {
    const Z e = exp(Z(abs(z.real), z.imag));
    return {0.5 * e.real, copysign(1.0, z.real) * 0.5 * e.imag};
  }
  const double s = z.imag == 0 ? z.imag : sin_any(z.imag);
  return {math::cosh(z.real) * cos_any(z.imag), z.real == 0 ? z.real * s : times(math::sinh(z.real), s)};
}
FLAMBEAU_MATH_OUT_OF_LINE Z tanh(Z z) {
  if (abs(z.real) > 20) {
    const double damped = is_finite(z.imag) ? 4 * sin_any(z.imag) * cos_any(z.imag) : 0.0;
    return {copysign(1.0, z.real), damped * math::exp(-2 * abs(z.real))};
  }
  if (z.imag == 0) return {math::tanh(z.real), z.imag};
  const double t = tan_any(z.imag), s = math::sinh(z.real);
  const double beta = 1 + t * t, rho = math::sqrt(1 + s * s);
  if (abs(t) > 1e150) return {rho / s, (1 / t) / (s * s)};
  const double divisor = 1 + beta * s * s;
  return {beta * rho * s / divisor, t / divisor};
}

FLAMBEAU_MATH_OUT_OF_LINE Z asin(Z z) {
  const Z below = sqrt(Z(1 - z.real, -z.imag)), above = sqrt(Z(1 + z.real, z.imag));
  return {atan2(z.real, (below * above).real), asinh((conj(below) * above).imag)};
}
FLAMBEAU_MATH_OUT_OF_LINE Z acos(Z z) {
  const Z below = sqrt(Z(1 - z.real, -z.imag)), above = sqrt(Z(1 + z.real, z.imag));
  return {2 * atan2(below.real, above.real), asinh((conj(above) * below).imag)};
}
FLAMBEAU_MATH_OUT_OF_LINE Z acosh(Z z) {
  const Z below = sqrt(Z(z.real - 1, z.imag)), above = sqrt(Z(z.real + 1, z.imag));
  return {asinh((conj(below) * above).real), 2 * atan2(below.imag, above.real)};
}
FLAMBEAU_MATH_OUT_OF_LINE Z atanh(Z z) {
  const double x = z.real, y = z.imag, a = abs(x);
  if (a > 1e150 || abs(y) > 1e150) {  // 1 / z, and a quarter turn
    const Z inverse = Z(1.0) / z;
    return {inverse.real, copysign(0.5 * kPi<double>, y)};
  }
  const double below = 1 - a, square = y * y;
  const double real = 0.25 * math::log1p(4 * a / (below * below + square));
  const double imag = 0.5 * atan2(2 * y, (1 - x) * (1 + x) - square);
  return {copysign(real, x), imag};
}

// exp(w log z); a zero base gives 0.
FLAMBEAU_MATH_OUT_OF_LINE Z pow(Z z, Z w) {
  if (w == Z(0.0)) return {1.0, 0.0};
  if (z == Z(0.0)) {
    if (w.real > 0) return {0.0, 0.0};
    return w.imag == 0 ? Z(kInfinity<double>, kNaN<double>) : Z(kNaN<double>, kNaN<double>);
  }
  if (w == Z(1.0)) return z;
  return exp(w * log(z));
}

}  // namespace complex_detail

// The same at either precision.
#define FLAMBEAU_COMPLEX_UNARY(name, expression) \
  template <class T>                             \
  FLAMBEAU_MATH Complex<T> name(Complex<T> x) {  \
    const Complex<double> z(x);                  \
    return Complex<T>(expression);               \
  }
FLAMBEAU_COMPLEX_UNARY(exp, complex_detail::exp(z))
FLAMBEAU_COMPLEX_UNARY(exp2, complex_detail::exp(z * 0.69314718055994530942))
FLAMBEAU_COMPLEX_UNARY(expm1, complex_detail::expm1(z))
FLAMBEAU_COMPLEX_UNARY(log, complex_detail::log(z))
FLAMBEAU_COMPLEX_UNARY(log2, complex_detail::log(z) * 1.4426950408889634074)
FLAMBEAU_COMPLEX_UNARY(log10, complex_detail::log(z) * 0.43429448190325182765)
FLAMBEAU_COMPLEX_UNARY(log1p, complex_detail::log1p(z))
FLAMBEAU_COMPLEX_UNARY(sqrt, complex_detail::sqrt(z))
FLAMBEAU_COMPLEX_UNARY(rsqrt, Complex<double>(1.0) / complex_detail::sqrt(z))
FLAMBEAU_COMPLEX_UNARY(sinh, complex_detail::sinh(z))
FLAMBEAU_COMPLEX_UNARY(cosh, complex_detail::cosh(z))
FLAMBEAU_COMPLEX_UNARY(tanh, complex_detail::tanh(z))
FLAMBEAU_COMPLEX_UNARY(sin, over_i(complex_detail::sinh(times_i(z))))
FLAMBEAU_COMPLEX_UNARY(cos, complex_detail::cosh(times_i(z)))
FLAMBEAU_COMPLEX_UNARY(tan, over_i(complex_detail::tanh(times_i(z))))
FLAMBEAU_COMPLEX_UNARY(asin, complex_detail::asin(z))
FLAMBEAU_COMPLEX_UNARY(acos, complex_detail::acos(z))
FLAMBEAU_COMPLEX_UNARY(atan, over_i(complex_detail::atanh(times_i(z))))
FLAMBEAU_COMPLEX_UNARY(asinh, over_i(complex_detail::asin(times_i(z))))
FLAMBEAU_COMPLEX_UNARY(acosh, complex_detail::acosh(z))
FLAMBEAU_COMPLEX_UNARY(atanh, complex_detail::atanh(z))
FLAMBEAU_COMPLEX_UNARY(reciprocal, Complex<double>(1.0) / z)
FLAMBEAU_COMPLEX_UNARY(sigmoid, Complex<double>(1.0) / (Complex<double>(1.0) + complex_detail::exp(-z)))
#undef FLAMBEAU_COMPLEX_UNARY

template <class T>
FLAMBEAU_MATH T abs(Complex<T> z) {
  return static_cast<T>(complex_detail::modulus(z.real, z.imag));
}
template <class T>
FLAMBEAU_MATH T angle(Complex<T> z) {
  return static_cast<T>(atan2(static_cast<double>(z.imag), static_cast<double>(z.real)));
}
// z / |z|, and 0 for 0.
template <class T>
FLAMBEAU_MATH Complex<T> sgn(Complex<T> z) {
  if (z == Complex<T>(T(0))) return {T(0), T(0)};
  const T size = abs(z);
  return {z.real / size, z.imag / size};
}
template <class T>
FLAMBEAU_MATH Complex<T> pow(Complex<T> z, Complex<T> w) {
  return Complex<T>(complex_detail::pow(Complex<double>(z), Complex<double>(w)));
}

}  // namespace flambeau::math
