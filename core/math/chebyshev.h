// Sums of Chebyshev polynomials. The coefficients that the special functions use are those of the
// interpolation at Chebyshev's nodes of values computed with 40 digits.
#pragma once
#include "core/math/numeric.h"

namespace flambeau::math {

// c0 + c1 T1(t) + c2 T2(t) + ... for |t| <= 1: Clenshaw's recurrence.
template <int n>
FLAMBEAU_MATH double chebyshev(const double (&c)[n], double t) {
  const double twice = 2 * t;
  double now = 0, before = 0;
#pragma GCC unroll 32
  for (int k = n - 1; k > 0; --k) {
    const double next = (c[k] - before) + twice * now;  // one step of the chain a term
    before = now;
    now = next;
  }
  return c[0] + t * now - before;
}

}  // namespace flambeau::math
