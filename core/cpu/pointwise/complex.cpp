// The pointwise operators and conversions of complex numbers.
//
// Compiled once, not per instruction set: elementary functions of complex numbers branch, and what does not
// is bound by memory.
#define FLAMBEAU_ISA any_set
#include <utility>

#include "core/cpu/kernels.h"
#include "core/cpu/pointwise/loops.h"
#include "core/math/complex_functions.h"

namespace flambeau::cpu::any_set {
namespace {

using ComplexTypes = Types<Complex<float>, Complex<double>>;

struct Add {
  template <class T>
  static T of(T x, T y) {
    return x + y;
  }
};
struct Sub {
  template <class T>
  static T of(T x, T y) {
    return x - y;
  }
};
struct Mul {
  template <class T>
  static T of(T x, T y) {
    return x * y;
  }
};
struct Div {
  template <class T>
  static T of(T x, T y) {
    return x / y;
  }
};
struct AddScaled {
  template <class T>
  static T of(T x, T y, T alpha) {
    return x + alpha * y;
  }
};
struct AddCMul {
  template <class T>
  static T of(T x, T a, T b, T value) {
    return x + value * a * b;
  }
};
struct AddCDiv {
  template <class T>
  static T of(T x, T a, T b, T value) {
    return x + value * a / b;
  }
};
struct Lerp {
  template <class T>
  static T of(T x, T y, T weight) {
    const T difference = y - x;
    const bool near = weight.real * weight.real + weight.imag * weight.imag < 0.25;
    return near ? x + weight * difference : y - difference * (T(1) - weight);
  }
};
struct Pow {
  template <class T>
  static T of(T x, T y) {
    return math::pow(x, y);
  }
};
struct Neg {
  template <class T>
  static T of(T x) {
    return -x;
  }
};
struct Conj {
  template <class T>
  static T of(T x) {
    return math::conj(x);
  }
};
struct Abs {
  template <class T>
  static auto of(Complex<T> x) -> T {
    return math::abs(x);
  }
};
struct Angle {
  template <class T>
  static auto of(Complex<T> x) -> T {
    return math::angle(x);
  }
};
struct Sign {
  template <class T>
  static T of(T x) {
    return math::sgn(x);
  }
};
struct Square {
  template <class T>
  static T of(T x) {
    return x * x;
  }
};
struct Cube {
  template <class T>
  static T of(T x) {
    return x * x * x;
  }
};
struct Reciprocal {
  template <class T>
  static T of(T x) {
    return math::reciprocal(x);
  }
};

struct Eq {
  template <class T>
  static bool of(T x, T y) {
    return x == y;
  }
};
struct Ne {
  template <class T>
  static bool of(T x, T y) {
    return x != y;
  }
};
struct LogicalAnd {
  template <class T>
  static bool of(T x, T y) {
    return (x != T(0)) & (y != T(0));
  }
};
struct LogicalOr {
  template <class T>
  static bool of(T x, T y) {
    return (x != T(0)) | (y != T(0));
  }
};
struct LogicalXor {
  template <class T>
  static bool of(T x, T y) {
    return (x != T(0)) != (y != T(0));
  }
};
struct LogicalNot {
  template <class T>
  static bool of(T x) {
    return x == T(0);
  }
};
struct IsNan {
  template <class T>
  static bool of(T x) {
    return math::is_nan(x);
  }
};
struct IsFinite {
  template <class T>
  static bool of(T x) {
    return math::is_finite(x);
  }
};
struct IsInf {
  template <class T>
  static bool of(Complex<T> x) {
    return (math::abs(x.real) == math::kInfinity<T>) | (math::abs(x.imag) == math::kInfinity<T>);
  }
};
struct Where {
  template <class T>
  static T of(bool condition, T x, T y) {
    return condition ? x : y;
  }
};

// A function of core/math/complex_functions.h as an operator.
#define FLAMBEAU_FUNCTION(Name, function) \
  struct Name {                           \
    template <class T>                    \
    static T of(T x) {                    \
      return math::function(x);           \
    }                                     \
  }
FLAMBEAU_FUNCTION(Sqrt, sqrt);
FLAMBEAU_FUNCTION(Rsqrt, rsqrt);
FLAMBEAU_FUNCTION(Exp, exp);
FLAMBEAU_FUNCTION(Exp2, exp2);
FLAMBEAU_FUNCTION(Expm1, expm1);
FLAMBEAU_FUNCTION(Log, log);
FLAMBEAU_FUNCTION(Log2, log2);
FLAMBEAU_FUNCTION(Log10, log10);
FLAMBEAU_FUNCTION(Log1p, log1p);
FLAMBEAU_FUNCTION(Sin, sin);
FLAMBEAU_FUNCTION(Cos, cos);
FLAMBEAU_FUNCTION(Tan, tan);
FLAMBEAU_FUNCTION(Asin, asin);
FLAMBEAU_FUNCTION(Acos, acos);
FLAMBEAU_FUNCTION(Atan, atan);
FLAMBEAU_FUNCTION(Sinh, sinh);
FLAMBEAU_FUNCTION(Cosh, cosh);
FLAMBEAU_FUNCTION(Tanh, tanh);
FLAMBEAU_FUNCTION(Asinh, asinh);
FLAMBEAU_FUNCTION(Acosh, acosh);
FLAMBEAU_FUNCTION(Atanh, atanh);
FLAMBEAU_FUNCTION(Sigmoid, sigmoid);
#undef FLAMBEAU_FUNCTION

// A complex number's dtype is the index in the table; functors with parts as results say Complex<T>.
template <class F, class T>
void set_parts(PointwiseKernels& kernels, Pointwise op) {
  kernels.table[static_cast<int>(op)][static_cast<int>(dtype_of<Complex<T>>)] = Loop<&F::template of<T>>::run;
}
template <class F>
void set_parts(PointwiseKernels& kernels, Pointwise op) {
  set_parts<F, float>(kernels, op);
  set_parts<F, double>(kernels, op);
}

// ---- conversions: real parts pass through the real dtypes' own casts, a block at a time

constexpr int64_t kBlock = 256;

template <class T, DType to>
void cast_to_real(void* output, const void* input, int64_t n) {
  const auto cast = kernels().pointwise.cast[static_cast<int>(to)][static_cast<int>(dtype_of<T>)];
  auto* out = static_cast<char*>(output);
  const auto* in = static_cast<const Complex<T>*>(input);
  T parts[kBlock];
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t m = n - first < kBlock ? n - first : kBlock;
    for (int64_t i = 0; i < m; ++i) parts[i] = in[first + i].real;
    cast(out + first * static_cast<int64_t>(item_size(to)), parts, m);
  }
}
template <class T>
void cast_to_bool(void* output, const void* input, int64_t n) {
  auto* out = static_cast<uint8_t*>(output);
  const auto* in = static_cast<const Complex<T>*>(input);
  for (int64_t i = 0; i < n; ++i) out[i] = in[i] != Complex<T>(0);
}
template <class T, DType from>
void cast_from_real(void* output, const void* input, int64_t n) {
  const auto cast = kernels().pointwise.cast[static_cast<int>(dtype_of<T>)][static_cast<int>(from)];
  auto* out = static_cast<Complex<T>*>(output);
  const auto* in = static_cast<const char*>(input);
  T parts[kBlock];
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t m = n - first < kBlock ? n - first : kBlock;
    cast(parts, in + first * static_cast<int64_t>(item_size(from)), m);
    for (int64_t i = 0; i < m; ++i) out[first + i] = Complex<T>(parts[i]);
  }
}
template <class To, class From>
void cast_complex(void* output, const void* input, int64_t n) {
  auto* out = static_cast<Complex<To>*>(output);
  const auto* in = static_cast<const Complex<From>*>(input);
  for (int64_t i = 0; i < n; ++i) out[i] = Complex<To>(in[i]);
}

template <class T, int... d>
void set_real_casts(PointwiseKernels& kernels, std::integer_sequence<int, d...>) {
  constexpr int complex = static_cast<int>(dtype_of<Complex<T>>);
  const auto one = [&]<int real>() {
    if constexpr (!is_complex(static_cast<DType>(real))) {
      kernels.cast[real][complex] = cast_to_real<T, static_cast<DType>(real)>;
      kernels.cast[complex][real] = cast_from_real<T, static_cast<DType>(real)>;
    }
  };
  (one.template operator()<d>(), ...);
  kernels.cast[static_cast<int>(DType::Bool)][complex] = cast_to_bool<T>;
}

}  // namespace
}  // namespace flambeau::cpu::any_set

namespace flambeau::cpu {

void fill_complex(PointwiseKernels& kernels) {
  using namespace any_set;
  const ComplexTypes types;
  set<Add>(kernels, Pointwise::Add, types);
  set<Sub>(kernels, Pointwise::Sub, types);
  set<Mul>(kernels, Pointwise::Mul, types);
  set<Div>(kernels, Pointwise::Div, types);
  set<AddScaled>(kernels, Pointwise::AddScaled, types);
  set<AddCMul>(kernels, Pointwise::AddCMul, types);
  set<AddCDiv>(kernels, Pointwise::AddCDiv, types);
  set<Lerp>(kernels, Pointwise::Lerp, types);
  set<Pow>(kernels, Pointwise::Pow, types);
  set<Neg>(kernels, Pointwise::Neg, types);
  set<Conj>(kernels, Pointwise::Conj, types);
  set_parts<Abs>(kernels, Pointwise::Abs);
  set_parts<Angle>(kernels, Pointwise::Angle);
  set<Sign>(kernels, Pointwise::Sign, types);
  set<Square>(kernels, Pointwise::Square, types);
  set<Cube>(kernels, Pointwise::Cube, types);
  set<Reciprocal>(kernels, Pointwise::Reciprocal, types);
  set<Eq>(kernels, Pointwise::Eq, types);
  set<Ne>(kernels, Pointwise::Ne, types);
  set<LogicalAnd>(kernels, Pointwise::LogicalAnd, types);
  set<LogicalOr>(kernels, Pointwise::LogicalOr, types);
  set<LogicalXor>(kernels, Pointwise::LogicalXor, types);
  set<LogicalNot>(kernels, Pointwise::LogicalNot, types);
  set<IsNan>(kernels, Pointwise::IsNan, types);
  set<IsFinite>(kernels, Pointwise::IsFinite, types);
  set_parts<IsInf>(kernels, Pointwise::IsInf);
  set<Where>(kernels, Pointwise::Where, types);
  set<Sqrt>(kernels, Pointwise::Sqrt, types);
  set<Rsqrt>(kernels, Pointwise::Rsqrt, types);
  set<Exp>(kernels, Pointwise::Exp, types);
  set<Exp2>(kernels, Pointwise::Exp2, types);
  set<Expm1>(kernels, Pointwise::Expm1, types);
  set<Log>(kernels, Pointwise::Log, types);
  set<Log2>(kernels, Pointwise::Log2, types);
  set<Log10>(kernels, Pointwise::Log10, types);
  set<Log1p>(kernels, Pointwise::Log1p, types);
  set<Sin>(kernels, Pointwise::Sin, types);
  set<Cos>(kernels, Pointwise::Cos, types);
  set<Tan>(kernels, Pointwise::Tan, types);
  set<Asin>(kernels, Pointwise::Asin, types);
  set<Acos>(kernels, Pointwise::Acos, types);
  set<Atan>(kernels, Pointwise::Atan, types);
  set<Sinh>(kernels, Pointwise::Sinh, types);
  set<Cosh>(kernels, Pointwise::Cosh, types);
  set<Tanh>(kernels, Pointwise::Tanh, types);
  set<Asinh>(kernels, Pointwise::Asinh, types);
  set<Acosh>(kernels, Pointwise::Acosh, types);
  set<Atanh>(kernels, Pointwise::Atanh, types);
  set<Sigmoid>(kernels, Pointwise::Sigmoid, types);

  constexpr auto dtypes = std::make_integer_sequence<int, kDTypes>();
  set_real_casts<float>(kernels, dtypes);
  set_real_casts<double>(kernels, dtypes);
  constexpr int single = static_cast<int>(DType::Complex64), wide = static_cast<int>(DType::Complex128);
  kernels.cast[single][single] = cast_complex<float, float>;
  kernels.cast[single][wide] = cast_complex<float, double>;
  kernels.cast[wide][single] = cast_complex<double, float>;
  kernels.cast[wide][wide] = cast_complex<double, double>;
}

}  // namespace flambeau::cpu
