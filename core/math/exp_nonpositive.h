// The exponential of rows from which their largest element was taken: softmax and attention.
#pragma once
#include "core/math/exp.h"

namespace flambeau::math {

// exp(x) for x <= 0 or a little above; 0 where the result would not be a normal number, NaN for NaN.
template <class T>
FLAMBEAU_MATH T exp_of_nonpositive(T x) {
  constexpr T kLowest = sizeof(T) == 4 ? T(-87) : T(-708);
  const auto [n, r] = reduce_by_ln2(x < kLowest ? kLowest : x);
  const T y = (T(1) + expm1_reduced(r)) * power_of_two(n);
  return x < kLowest ? T(0) : y;
}

}  // namespace flambeau::math
