// Comparison, logic and bits, element by element: the functors behind the pointwise operators.
//
// A functor is a struct with a static function template `of<T>`; the output and operand types are those of
// of<T>'s signature. One whose `of` does not serve every argument has `is_hard<T>` and `hard<T>` too. No
// standard header, one mark for host and device: a compiler for GPUs takes this file as it is.
#pragma once
#include "core/math/numeric.h"

namespace flambeau::math {

struct Eq {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return x == y;
  }
};
struct Ne {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return x != y;
  }
};
struct Lt {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return x < y;
  }
};
struct Le {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return x <= y;
  }
};
struct Gt {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return x > y;
  }
};
struct Ge {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return x >= y;
  }
};
struct LogicalAnd {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return (x != T(0)) & (y != T(0));
  }
};
struct LogicalOr {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return (x != T(0)) | (y != T(0));
  }
};
struct LogicalXor {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x, T y) {
    return (x != T(0)) != (y != T(0));
  }
};
struct LogicalNot {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x) {
    return x == T(0);
  }
};
struct IsNan {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x) {
    return math::is_nan(x);
  }
};
struct IsInf {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x) {
    return math::abs(x) == math::kInfinity<T>;
  }
};
struct IsFinite {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x) {
    return math::is_finite(x);
  }
};
struct SignBit {
  template <class T>
  FLAMBEAU_FUNCTOR bool of(T x) {
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
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(x & y);
  }
};
struct BitwiseOr {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(x | y);
  }
};
struct BitwiseXor {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    return static_cast<T>(x ^ y);
  }
};
struct BitwiseNot {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x) {
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
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    const bool inside = (y >= T(0)) & (y < T(kWidth<T>));
    const auto shifted = static_cast<__UINT64_TYPE__>(x) << (inside ? y : T(0));
    return inside ? static_cast<T>(shifted) : T(0);
  }
};
struct ShiftRight {
  template <class T>
  FLAMBEAU_FUNCTOR T of(T x, T y) {
    const bool inside = (y >= T(0)) & (y < T(kWidth<T>));
    const T sign_only = x < T(0) ? static_cast<T>(-1) : T(0);
    return inside ? static_cast<T>(x >> (inside ? y : T(0))) : sign_only;
  }
};

}  // namespace flambeau::math
