// Complex numbers: the pair and its arithmetic.
#pragma once

#if defined(__CUDACC__)
#define FLAMBEAU_MATH_MEMBER __host__ __device__
#else
#define FLAMBEAU_MATH_MEMBER
#endif

namespace flambeau {

template <class T>
struct alignas(2 * sizeof(T)) Complex {
  T real, imag;

  Complex() = default;
  FLAMBEAU_MATH_MEMBER constexpr Complex(T r, T i = T(0)) : real(r), imag(i) {}
  template <class U>
  FLAMBEAU_MATH_MEMBER explicit constexpr Complex(const Complex<U>& z)
      : real(static_cast<T>(z.real)), imag(static_cast<T>(z.imag)) {}

  FLAMBEAU_MATH_MEMBER constexpr Complex operator-() const { return {-real, -imag}; }
  FLAMBEAU_MATH_MEMBER friend constexpr Complex operator+(Complex a, Complex b) {
    return {a.real + b.real, a.imag + b.imag};
  }
  FLAMBEAU_MATH_MEMBER friend constexpr Complex operator-(Complex a, Complex b) {
    return {a.real - b.real, a.imag - b.imag};
  }
  FLAMBEAU_MATH_MEMBER friend constexpr Complex operator*(Complex a, Complex b) {
    return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
  }
  FLAMBEAU_MATH_MEMBER friend constexpr Complex operator*(Complex a, T b) { return {a.real * b, a.imag * b}; }
  FLAMBEAU_MATH_MEMBER friend constexpr bool operator==(Complex a, Complex b) {
    return (a.real == b.real) & (a.imag == b.imag);
  }
  FLAMBEAU_MATH_MEMBER friend constexpr bool operator!=(Complex a, Complex b) { return !(a == b); }

  // Smith's division (1962): the quotient of the divisor's parts keeps squares from overflowing.
  FLAMBEAU_MATH_MEMBER friend constexpr Complex operator/(Complex a, Complex b) {
    const T c = b.real < 0 ? -b.real : b.real, d = b.imag < 0 ? -b.imag : b.imag;
    if (c == 0 && d == 0) return {a.real / c, a.imag / c};
    if (c >= d) {
      const T ratio = b.imag / b.real, divisor = b.real + b.imag * ratio;
      return {(a.real + a.imag * ratio) / divisor, (a.imag - a.real * ratio) / divisor};
    }
    const T ratio = b.real / b.imag, divisor = b.real * ratio + b.imag;
    return {(a.real * ratio + a.imag) / divisor, (a.imag * ratio - a.real) / divisor};
  }
};

}  // namespace flambeau

namespace flambeau::math {

template <class T>
inline constexpr bool is_complex_type = false;
template <class T>
inline constexpr bool is_complex_type<Complex<T>> = true;

}  // namespace flambeau::math
