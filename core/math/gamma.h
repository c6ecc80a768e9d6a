// The gamma function's logarithm, its derivatives, and Hurwitz's zeta function; sums are taken to about
// `tolerance` of the result.
//
// In double they branch; those of a float are computed in double by shorter, branch-free formulas, for
// vectors.
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

// ---- of a float

// sin(pi r) for |r| <= 1/2
FLAMBEAU_MATH double sin_pi_for_float(double r) {
  return r * polynomial(r * r, 3.1415926535362897, -5.167712764624538, 2.550163318947079, -0.5992521978240785,
                        0.08205040180920087, -0.007028386408774963);
}

// lgamma(a) for a >= 4.5 by Stirling's formula, given log(a).
FLAMBEAU_MATH double stirling_for_float(double a, double logarithm) {
  return (a - 0.5) * (logarithm - 1) + (kHalfLogTwoPi - 0.5) +
         polynomial(1 / (a * a), 0.08333333330217813, -0.0027777573071096438, 0.0007915288784298236,
                    -0.0005231248434438033) /
             a;
}
FLAMBEAU_MATH double lgamma_positive_for_float(double a) {
  const double large = stirling_for_float(a, log_for_float(a));
  // Below 4.5 a is brought near two; the logarithm of the factor is added, or subtracted if a was moved up.
  const bool up = a < 1.5, twice = a < 0.5, down = a >= 2.5, far = a >= 3.5;
  const double moved = up ? (twice ? a + 2 : a + 1) : (down ? (far ? a - 2 : a - 1) : a);
  const double factor = up ? (twice ? a * (a + 1) : a) : (down ? (far ? (a - 1) * (a - 2) : a - 1) : 1);
  const double d = moved - 2, logarithm = log_for_float(factor);
  const double near = d * polynomial(d, 0.4227843349991114, 0.32246701788359344, -0.06735228129865486,
                                     0.020581630642947785, -0.007386177637204783, 0.002878826909956992,
                                     -0.0011858376980732241, 0.0005703469213916325, -0.0002538618465087723);
  const double small = up ? near - logarithm : near + logarithm;
  return a >= 4.5 ? large : small;
}
FLAMBEAU_MATH float lgamma(float value) {
  const double x = value, a = abs(x), positive = lgamma_positive_for_float(a);
  const double sine = sin_pi_for_float(abs(a - round_even(a)));
  const double reflected = log_for_float(kPi<double> / (a * sine)) - positive;
  const float result = static_cast<float>(x < 0 ? reflected : positive);
  return a < kInfinity<double> || is_nan(value) ? result : kInfinity<float>;
}

// 1 / y + 1 / (y + 1) + ... is p' / p of p = y (y + 1) (y + 2) (y + 3) = u (u + 2) with u = y (y + 3).
FLAMBEAU_MATH float digamma(float value) {
  const double x = value, y = x < 0 ? 1 - x : x, r = x - round_even(x);
  const double u = y * (y + 3), slope = (2 * y + 3) * (2 * u + 2), product = u * (u + 2);
  const double sum = y > 1e10 ? 0 : slope / product;
  const double z = y + 4, inverse = 1 / z, w = inverse * inverse;
  const double series = polynomial(w, 0.083333333333333, -0.008333333332425771, 0.0039682535686573145,
                                   -0.004166598232732248, 0.007569792341382933, -0.0207928238317612,
                                   0.07403173502995951, -0.2576966036433573, 0.54055253563691);
  const double positive = log(z) - sum - (0.5 * inverse + w * series);
  const double cosine = sin_pi_for_float(0.5 - abs(r)), sine = sin_pi_for_float(r);
  const double result = x < 0 ? positive - kPi<double> * cosine / sine : positive;
  return static_cast<float>((x < 0) & (r == 0) ? kNaN<double> : result);
}

// The sum of 1 / (y + k)^2 is (p' / p)^2 - p'' / p.
FLAMBEAU_MATH float trigamma(float value) {
  const double x = value, y = x < 0 ? 1 - x : x, r = x - round_even(x);
  const double u = y * (y + 3), slope = (2 * y + 3) * (2 * u + 2), product = u * (u + 2);
  const double curvature = 4 * (u + 1) + 2 * (2 * y + 3) * (2 * y + 3);
  const double sum = y > 1e10 ? 0 : (slope * slope - product * curvature) / (product * product);
  const double z = y > 1e10 ? y : y + 4, inverse = 1 / z, w = inverse * inverse;
  const double series =
      polynomial(w, 0.16666666060840757, -0.03333015517696605, 0.023544508150750088, -0.025948392327689997);
  const double positive = sum + (inverse + 0.5 * w + inverse * w * series);
  const double ratio = kPi<double> / sin_pi_for_float(r);
  const double result = x < 0 ? ratio * ratio - positive : positive;
  return static_cast<float>(result);
}

// ---- Hurwitz's zeta function

// x^-s for x > 0. A small integral s costs a few products.
FLAMBEAU_MATH double inverse_power(double x, double s, double tolerance) {
  if (tolerance > 1e-12) return exp(-s * log(x));
  if (s > 64 || trunc(s) != s) return pow(x, -s);
  double power = 1;
  for (int bits = static_cast<int>(s);;) {
    if ((bits & 1) != 0) power *= x;
    bits >>= 1;
    if (bits == 0) return 1 / power;
    x *= x;
  }
}

// The sum of (q + k)^-s over k >= 0, for s > 1 and q > 0: the first terms, then Euler and Maclaurin's
// formula.
FLAMBEAU_MATH_OUT_OF_LINE double zeta_positive(double s, double q, double tolerance) {
  // B(2 j) / (2 j)!
  constexpr double kFactors[] = {1.0 / 12,
                                 -1.0 / 720,
                                 1.0 / 30240,
                                 -1.0 / 1209600,
                                 1.0 / 47900160,
                                 -691.0 / 1307674368000.0,
                                 1.0 / 74724249600.0,
                                 -3617.0 / 10670622842880000.0,
                                 43867.0 / 5109094217170944000.0,
                                 -174611.0 / 802857662698291200000.0,
                                 77683.0 / 14101100039391805440000.0,
                                 -236364091.0 / 1693824136731743669452800000.0};
  const int first = tolerance > 1e-12 ? 5 : 9;
  double term = inverse_power(q, s, tolerance), sum = term;
  for (int k = 0; k < first || q <= first; ++k) {
    q += 1;
    term = inverse_power(q, s, tolerance);
    sum += term;
    if (term < tolerance * sum) return sum;
  }
  sum += term * q / (s - 1) - 0.5 * term;
  const double inverse = 1 / q;
  term *= inverse * s;
  double k = s + 1;
  for (const double factor : kFactors) {
    const double correction = term * factor;
    sum += correction;
    if (abs(correction) < tolerance * sum) break;
    term *= (k * inverse) * ((k + 1) * inverse);
    k += 2;
  }
  return sum;
}

// Hurwitz's zeta function. inf at its poles (s = 1; q = 0, -1, ...), NaN where it is not real. Below q = 0
// the negative terms are the difference of two sums of positive ones.
FLAMBEAU_MATH_OUT_OF_LINE double zeta(double s, double q, double tolerance) {
  if (s == 1) return kInfinity<double>;
  if (s < 1) return kNaN<double>;
  if (q > 0 || is_nan(q)) return zeta_positive(s, q, tolerance);
  if (floor(q) == q) return kInfinity<double>;
  if (floor(s) != s) return kNaN<double>;
  const double negative = zeta_positive(s, ceil(q) - q, tolerance) - zeta_positive(s, 1 - q, tolerance);
  const double half = s * 0.5;
  return zeta_positive(s, q - floor(q), tolerance) + (trunc(half) == half ? negative : -negative);
}

// The n-th derivative of digamma for integral n >= 2: (-1)^(n + 1) n! zeta(n + 1, x).
FLAMBEAU_MATH_OUT_OF_LINE double polygamma(double n, double x, double tolerance) {
  double factorial = n > 170 ? kInfinity<double> : 1;
  for (double k = 2; k <= n && k <= 170; ++k) factorial *= k;
  const double half = n * 0.5;
  return (trunc(half) == half ? -factorial : factorial) * zeta(n + 1, x, tolerance);
}

}  // namespace flambeau::math
