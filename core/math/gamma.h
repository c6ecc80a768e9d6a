// The gamma function's logarithm, its derivatives, and Hurwitz's zeta function. In double only, and
// branching.
//
// Sources: Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 6 and 23; the zeta function is
// summed by Euler and Maclaurin's formula. The polynomials interpolate at Chebyshev nodes.
#pragma once
#include "core/math/log.h"
#include "core/math/pow.h"
#include "core/math/trigonometric.h"

namespace flambeau::math {

inline constexpr double kHalfLogTwoPi = 0.91893853320467274178;

// |sin(pi x)|
FLAMBEAU_MATH double sin_pi_magnitude(double x) {
  const double r = abs(x - round_even(x));
  return r > 0.25 ? cos_double_double(kPi<double> * (0.5 - r), 0).high
                  : sin_double_double(kPi<double> * r, 0).high;
}

// What Stirling's formula leaves of log(gamma(x)), x >= 8: about 1 / (12 x).
FLAMBEAU_MATH double stirling_remainder(double x) {
  const double inverse = 1 / x;
  return inverse * polynomial(inverse * inverse, 0.08333333333333333, -0.002777777777777677,
                              0.0007936507935137147, -0.0005952380241882842, 0.0008417326650883611,
                              -0.001914978852147625, 0.006208737504473091, -0.020866781773141933);
}

// lgamma(2 + d) for |d| <= 1/2
FLAMBEAU_MATH double lgamma_near_two(double d) {
  return d * polynomial(d, 0.42278433509846713, 0.32246703342411326, -0.06735230105319814,
                        0.020580808427780335, -0.007385551028668096, 0.002890510331036772,
                        -0.0011927539120033873, 0.0005096695153484373, -0.00022315475069647703,
                        9.945767440096764e-05, -4.492635166770342e-05, 2.0505584372896933e-05,
                        -9.438454884054723e-06, 4.3847319318293745e-06, -2.044935323180052e-06,
                        9.199898075671394e-07, -4.303234692956732e-07, 2.7880013392491846e-07,
                        -1.341570273460026e-07);
}

FLAMBEAU_MATH_OUT_OF_LINE double lgamma_positive(double x) {
  if (x >= 8) return (x - 0.5) * (log(x) - 1) + (kHalfLogTwoPi - 0.5) + stirling_remainder(x);
  if (x < 0.5) return lgamma_near_two(x) - log(x * (x + 1));
  if (x < 1.5) return lgamma_near_two(x - 1) - log(x);
  double product = 1;
  while (x >= 2.5) {
    x -= 1;
    product *= x;
  }
  return product == 1 ? lgamma_near_two(x - 2) : lgamma_near_two(x - 2) + log(product);
}

// log |gamma(x)|; inf at its poles, and at either infinity. Below zero by gamma(x) gamma(-x) = -pi / (x
// sin(pi x)).
FLAMBEAU_MATH_OUT_OF_LINE double lgamma(double x) {
  if (is_nan(x)) return x;
  const double a = abs(x);
  if (a == kInfinity<double> || (x <= 0 && trunc(x) == x)) return kInfinity<double>;
  if (a < 0x1p-60) return -log(a);
  const double positive = lgamma_positive(a);
  return x > 0 ? positive : log(kPi<double> / (a * sin_pi_magnitude(a))) - positive;
}

// The derivative of lgamma; NaN at the poles but 0, where it is an infinity. Between 1 and 2 a multiple of
// the distance from its root.
FLAMBEAU_MATH_OUT_OF_LINE double digamma(double x) {
  constexpr double kRoot = 1.4616321449683622, kRootLow = 9.549995429965697e-17;
  if (x == 0) return copysign(kInfinity<double>, -x);
  double result = 0;
  if (x < 0) {
    if (trunc(x) == x) return kNaN<double>;
    result = -kPi<double> / tan(kPi<double> * (x - round_even(x)));
    x = 1 - x;
  }
  if (x >= 10 || is_nan(x)) {
    const double inverse = 1 / x, w = inverse * inverse;
    const double series = polynomial(w, 0.08333333333333333, -0.008333333333333248, 0.003968253968073781,
                                     -0.0041666665212038755, 0.007575699693536212, -0.021080206147785573,
                                     0.08179604308458058, -0.3422336361526371);
    return result + (log(x) - 0.5 * inverse - w * series);
  }
  if (x < 1) {
    result -= 1 / x;
    x += 1;
  }
  while (x > 2) {
    x -= 1;
    result += 1 / x;
  }
  return result + ((x - kRoot) - kRootLow) *
                      polynomial(x - 1.5, 0.9510558760318328, -0.4236274212814606, 0.24054248424078736,
                                 -0.14840492305388006, 0.09498872445282817, -0.06192213327556183,
                                 0.040760833944741226, -0.02697579665686472, 0.01790724819228875,
                                 -0.011908220169786002, 0.007927024136843637, -0.0052799364178857415,
                                 0.0035180792717028125, -0.0023455016279107115, 0.0015635739915515125,
                                 -0.0010364227247828023, 0.0006899428514219089, -0.00048606417050412354,
                                 0.00032689316473621455, -0.00014460384609240088, 9.158816882117e-05,
                                 -0.00017837342400462423, 0.00012241591000024265);
}

// The derivative of digamma; inf at the poles.
FLAMBEAU_MATH_OUT_OF_LINE double trigamma(double x) {
  double sum = 0, sign = 1;
  if (x < 0) {
    if (x == -kInfinity<double>) return kNaN<double>;
    const double ratio = kPi<double> / sin_pi_magnitude(x);
    sum = -ratio * ratio;
    sign = -1;
    x = 1 - x;
  }
  while (x < 10) {
    sum += 1 / (x * x);
    x += 1;
  }
  const double inverse = 1 / x, w = inverse * inverse;
  const double series =
      polynomial(w, 0.16666666666666666, -0.033333333333331855, 0.02380952380639116, -0.03333333080194853,
                 0.07575656709229792, -0.25289369888315366, 1.1397259754656335, -5.309011171719279);
  return sign * (sum + (inverse + 0.5 * w + inverse * w * series));
}

// x^-s for x > 0. A small integral s costs a few products.
FLAMBEAU_MATH double inverse_power(double x, double s) {
  if (s > 64 || trunc(s) != s) return pow(x, -s);
  double power = 1;
  for (int bits = static_cast<int>(s);;) {
    if ((bits & 1) != 0) power *= x;
    bits >>= 1;
    if (bits == 0) return 1 / power;
    x *= x;
  }
}

// The sum of (q + k)^-s over k >= 0, for s > 1 and q > 0: terms up to q + k > 9, then Euler and Maclaurin's
// formula.
FLAMBEAU_MATH_OUT_OF_LINE double zeta_positive(double s, double q) {
  // (2 j)! / B(2 j)
  constexpr double kFactors[] = {12.0,
                                 -720.0,
                                 30240.0,
                                 -1209600.0,
                                 47900160.0,
                                 -1307674368000.0 / 691,
                                 74724249600.0,
                                 -10670622842880000.0 / 3617,
                                 5109094217170944000.0 / 43867,
                                 -802857662698291200000.0 / 174611,
                                 14101100039391805440000.0 / 77683,
                                 -1693824136731743669452800000.0 / 236364091};
  constexpr double kNegligible = 0x1p-53;
  double term = inverse_power(q, s), sum = term;
  for (int k = 0; k < 9 || q <= 9; ++k) {
    q += 1;
    term = inverse_power(q, s);
    sum += term;
    if (term < kNegligible * sum) return sum;
  }
  sum += term * q / (s - 1) - 0.5 * term;
  double rising = 1, k = 0;
  for (const double factor : kFactors) {
    rising *= s + k;
    term /= q;
    const double correction = rising * term / factor;
    sum += correction;
    if (abs(correction) < kNegligible * sum) break;
    rising *= s + k + 1;
    term /= q;
    k += 2;
  }
  return sum;
}

// Hurwitz's zeta function. inf at its poles (s = 1; q = 0, -1, ...), NaN where it is not real. Below q = 0
// the negative terms are the difference of two sums of positive ones.
FLAMBEAU_MATH_OUT_OF_LINE double zeta(double s, double q) {
  if (s == 1) return kInfinity<double>;
  if (s < 1) return kNaN<double>;
  if (q > 0 || is_nan(q)) return zeta_positive(s, q);
  if (floor(q) == q) return kInfinity<double>;
  if (floor(s) != s) return kNaN<double>;
  const double negative = zeta_positive(s, ceil(q) - q) - zeta_positive(s, 1 - q);
  const double half = s * 0.5;
  return zeta_positive(s, q - floor(q)) + (trunc(half) == half ? negative : -negative);
}

// The n-th derivative of digamma for integral n >= 2: (-1)^(n + 1) n! zeta(n + 1, x).
FLAMBEAU_MATH_OUT_OF_LINE double polygamma(double n, double x) {
  double factorial = n > 170 ? kInfinity<double> : 1;
  for (double k = 2; k <= n && k <= 170; ++k) factorial *= k;
  const double half = n * 0.5;
  return (trunc(half) == half ? -factorial : factorial) * zeta(n + 1, x);
}

}  // namespace flambeau::math
