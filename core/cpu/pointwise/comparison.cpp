// Comparisons, predicates and bitwise operators.
#include "core/cpu/pointwise/loops.h"
#include "core/math/numeric.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

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
struct Lt {
  template <class T>
  static bool of(T x, T y) {
    return x < y;
  }
};
struct Le {
  template <class T>
  static bool of(T x, T y) {
    return x <= y;
  }
};
struct Gt {
  template <class T>
  static bool of(T x, T y) {
    return x > y;
  }
};
struct Ge {
  template <class T>
  static bool of(T x, T y) {
    return x >= y;
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
struct IsInf {
  template <class T>
  static bool of(T x) {
    return math::abs(x) == math::kInfinity<T>;
  }
};
struct IsFinite {
  template <class T>
  static bool of(T x) {
    return math::is_finite(x);
  }
};
struct SignBit {
  template <class T>
  static bool of(T x) {
    if constexpr (requires {
                    math::abs(x);
                    typename math::Format<T>::Bits;
                  })
      return math::is_negative(x);
    else
      return x < T(0);
  }
};
struct BitwiseAnd {
  template <class T>
  static T of(T x, T y) {
    return static_cast<T>(x & y);
  }
};
struct BitwiseOr {
  template <class T>
  static T of(T x, T y) {
    return static_cast<T>(x | y);
  }
};
struct BitwiseXor {
  template <class T>
  static T of(T x, T y) {
    return static_cast<T>(x ^ y);
  }
};
struct BitwiseNot {
  template <class T>
  static T of(T x) {
    if constexpr (__is_same(T, bool))
      return !x;
    else
      return static_cast<T>(~x);
  }
};

template <class T>
inline constexpr int kWidth = 8 * static_cast<int>(sizeof(T));
struct ShiftLeft {
  template <class T>
  static T of(T x, T y) {
    const bool inside = (y >= T(0)) & (y < T(kWidth<T>));
    const auto shifted = static_cast<uint64_t>(x) << (inside ? y : T(0));
    return inside ? static_cast<T>(shifted) : T(0);
  }
};
struct ShiftRight {
  template <class T>
  static T of(T x, T y) {
    const bool inside = (y >= T(0)) & (y < T(kWidth<T>));
    const T sign_only = x < T(0) ? static_cast<T>(-1) : T(0);
    return inside ? static_cast<T>(x >> (inside ? y : T(0))) : sign_only;
  }
};

}  // namespace

void fill_comparison(PointwiseKernels& kernels) {
  set<Eq>(kernels, Pointwise::Eq, Any());
  set<Ne>(kernels, Pointwise::Ne, Any());
  set<Lt>(kernels, Pointwise::Lt, Any());
  set<Le>(kernels, Pointwise::Le, Any());
  set<Gt>(kernels, Pointwise::Gt, Any());
  set<Ge>(kernels, Pointwise::Ge, Any());
  set<LogicalAnd>(kernels, Pointwise::LogicalAnd, Any());
  set<LogicalOr>(kernels, Pointwise::LogicalOr, Any());
  set<LogicalXor>(kernels, Pointwise::LogicalXor, Any());
  set<LogicalNot>(kernels, Pointwise::LogicalNot, Any());
  set<IsNan>(kernels, Pointwise::IsNan, Floating());
  set<IsInf>(kernels, Pointwise::IsInf, Floating());
  set<IsFinite>(kernels, Pointwise::IsFinite, Floating());
  set<SignBit>(kernels, Pointwise::SignBit, Any());
  set<BitwiseAnd>(kernels, Pointwise::BitwiseAnd, Bits());
  set<BitwiseOr>(kernels, Pointwise::BitwiseOr, Bits());
  set<BitwiseXor>(kernels, Pointwise::BitwiseXor, Bits());
  set<BitwiseNot>(kernels, Pointwise::BitwiseNot, Bits());
  set<ShiftLeft>(kernels, Pointwise::ShiftLeft, Integers());
  set<ShiftRight>(kernels, Pointwise::ShiftRight, Integers());
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
