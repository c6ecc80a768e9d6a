// The regularised incomplete gamma functions. Sums in double, to about `tolerance` of the result; branching.
//
// Sources: the series and the continued fraction of Abramowitz and Stegun, 6.5.29 and 6.5.31; for large a and
// x near to it Temme's uniform expansion (DLMF 8.12); which serves where follows Gautschi, ACM TOMS 5, 1979.
#pragma once
#include "core/math/erf.h"
#include "core/math/gamma.h"

namespace flambeau::math {

// m - log(1 + m), for m > -1, without cancellation near 0; `ratio` is 1 + m, which may be known better.
FLAMBEAU_MATH double log1p_defect(double m, double ratio) {
  if (abs(m) > 0.5) return m - log(ratio);
  const double s = m / (2 + m), z = s * s;  // log(1 + m) = 2 (s + s^3 / 3 + s^5 / 5 + ...)
  double power = 1, sum = 1.0 / 3;
  for (int k = 5; power > 1e-18; k += 2) {
    power *= z;
    sum += power / k;
  }
  return s * (m - 2 * z * sum);
}

// x^a e^-x / gamma(a + 1). Where a float is wanted, a small a's factors are taken together.
FLAMBEAU_MATH_OUT_OF_LINE double gamma_density(double a, double x, double tolerance) {
  if (tolerance > 1e-12 && a < 16) {
    const double z = a + 5, rising = (a + 1) * (a + 2) * (a + 3) * (a + 4);  // gamma(z) / gamma(a + 1)
    return exp(a * log(x) - x - stirling_for_float(z, log(z))) * rising;
  }
  if (a >= 8) {
    const double exponent = a * log1p_defect((x - a) / a, x / a) + stirling_remainder(a);
    return exp(-exponent) / sqrt(2 * kPi<double> * a);
  }
  const double decay = exp(two_sum(-x, -lgamma_positive(a + 1)));
  return decay == 0 ? 0 : pow(x, a) * decay;
}

// The lower function: x^a e^-x / gamma(a + 1) (1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + ...).
FLAMBEAU_MATH_OUT_OF_LINE double gamma_series(double a, double x, double tolerance) {
  const double density = gamma_density(a, x, tolerance);
  if (density == 0) return 0;
  double term = 1, sum = 1;
  for (double k = a + 1; term > tolerance * sum; k += 4) {  // four terms over one denominator
    const double last = k + 3, two = (k + 2) * last, three = (k + 1) * two;
    const double share = x / (k * three);
    sum += term * (share * (three + x * (two + x * (last + x))));
    term *= share * (x * x * x);
  }
  const double product = density * sum;
  return product > 1 ? 1 : product;  // by a rounding error
}

// The upper function by its continued fraction: numerators and denominators of the convergents, compared
// without a division.
FLAMBEAU_MATH_OUT_OF_LINE double gamma_fraction(double a, double x, double tolerance) {
  const double density = gamma_density(a, x, tolerance) * a;
  if (density == 0) return 0;
  double b = x + 1 - a, p_before = 0, p = 1, q_before = 1, q = b;
  for (int k = 1; k < 10000; ++k) {
    const double numerator = k * (a - k);
    b += 2;
    const double p_next = numerator * p_before + b * p, q_next = numerator * q_before + b * q;
    const double cross = p_next * q;
    const bool converged = abs(cross - p * q_next) <= tolerance * abs(cross);
    p_before = p;
    q_before = q;
    p = p_next;
    q = q_next;
    if (converged) break;
    if (abs(q) > 1e100) {
      p *= 1e-100;
      q *= 1e-100;
      p_before *= 1e-100;
      q_before *= 1e-100;
    }
  }
  return density * (p / q);
}

// The upper function for small x: 1 - x^a / gamma(a + 1) + x^a / gamma(a) (x / (a + 1) - x^2 / (2! (a + 2)) +
// ...).
FLAMBEAU_MATH_OUT_OF_LINE double gamma_small(double a, double x, double tolerance) {
  double power = 1, sum = 0;
  for (int k = 1; abs(power) > tolerance * abs(sum); ++k) {
    power *= -x / k;
    sum += power / (a + k);
  }
  // lgamma(a + 1), also where a + 1 has lost a's digits.
  const double moved = a < 0.5 ? lgamma_near_two(a) - log1p(a) : lgamma_positive(a + 1);
  const double exponent = a * log(x) - moved;
  return -expm1(exponent) - a * exp(exponent) * sum;
}

// Temme's expansion: erfc(-+eta sqrt(a / 2)) / 2 -+ e^(-a eta^2 / 2) / sqrt(2 pi a) times the sum of c_k(eta)
// / a^k, where eta^2 / 2 = m - log(1 + m), m = (x - a) / a; the c_k as power series.
FLAMBEAU_MATH_OUT_OF_LINE double gamma_uniform(double a, double x, bool upper) {
  static constexpr double kSeries[][16] = {
      {-0.3333333333333333, 0.08333333333333333, -0.014814814814814815, 0.0011574074074074073,
       0.0003527336860670194, -0.0001787551440329218, 3.919263178522438e-05, -2.185448510679992e-06,
       -1.85406221071516e-06, 8.296711340953087e-07, -1.7665952736826078e-07, 6.707853543401498e-09,
       1.0261809784240309e-08, -4.382036018453353e-09, 9.14769958223679e-10, -2.5514193994946248e-11},
      {-0.001851851851851852, -0.003472222222222222, 0.0026455026455026454, -0.0009902263374485596,
       0.00020576131687242798, -4.018775720164609e-07, -1.8098550334489977e-05, 7.64916091608111e-06,
       -1.6120900894563446e-06, 4.647127802807434e-09, 1.378633446915721e-07, -5.752545603517705e-08,
       1.1951628599778148e-08, -1.7543241719747647e-11, -1.0091543710600413e-09},
      {0.004133597883597883, -0.0026813271604938273, 0.0007716049382716049, 2.0093878600823047e-06,
       -0.0001073665322636516, 5.2923448829120125e-05, -1.2760635188618728e-05, 3.423578734096138e-08,
       1.3721957309062934e-06, -6.298992138380055e-07, 1.4280614206064242e-07, -2.0477098421990866e-10,
       -1.409252991086752e-08},
      {0.0006494341563786008, 0.00022947209362139917, -0.0004691894943952557, 0.00026772063206283885,
       -7.561801671883977e-05, -2.396505113867297e-07, 1.1082654115347302e-05, -5.6749528269915965e-06,
       1.4230900732435883e-06, -2.7861080291528143e-11, -1.6958404091930278e-07, 8.099464905388083e-08},
      {-0.0008618882909167117, 0.0007840392217200666, -0.0002990724803031902, -1.4638452578843418e-06,
       6.641498215465122e-05, -3.968365047179435e-05, 1.1375726970678419e-05, 2.507497226237533e-10,
       -1.6954149536558305e-06, 8.907507532205309e-07},
      {-0.00033679855336635813, -6.972813758365857e-05, 0.0002772753244959392, -0.00019932570516188847,
       6.797780477937208e-05, 1.419062920643967e-07, -1.3594048189768693e-05, 8.018470256334202e-06},
      {0.0005313079364639922, -0.0005921664373536939, 0.0002708782096718045, 7.902353232660328e-07,
       -8.153969367561969e-05, 5.61168275310625e-05},
      {0.00034436760689237765, 5.171790908260592e-05, -0.00033493161081142234, 0.0002812695154763237},
      {-0.0006526239185953094},
  };
  const double m = (x - a) / a, half_square = log1p_defect(m, x / a);
  const double eta = copysign(sqrt(2 * half_square), m);
  double sum = 0;
  for (int k = sizeof(kSeries) / sizeof(kSeries[0]) - 1; k >= 0; --k) {
    double inner = 0;
    for (int n = 15; n >= 0; --n) inner = inner * eta + kSeries[k][n];
    sum = sum / a + inner;
  }
  const double rest = exp(-a * half_square) / sqrt(2 * kPi<double> * a) * sum;
  const double argument = eta * sqrt(0.5 * a);
  return upper ? 0.5 * erfc(argument) + rest : 0.5 * erfc(-argument) - rest;
}

// Whether x is far enough below a, or small enough, for 1 minus the lower function's series to keep its
// digits.
FLAMBEAU_MATH bool is_upper_near_one(double a, double x) {
  if (x > 1.1) return x < a;
  return x > 0.5 ? 1.1 * x < a : a * log(x) < -0.4;
}

// 1 - x^a ... for `upper`, else the lower function; a and x positive and finite.
FLAMBEAU_MATH_OUT_OF_LINE double regularized_gamma(double a, double x, bool upper, double tolerance) {
  if (a >= 64 && abs(x - a) < 0.3 * a) return gamma_uniform(a, x, upper);
  if (!upper) {
    return x > 1 && x > a ? 1 - regularized_gamma(a, x, true, tolerance) : gamma_series(a, x, tolerance);
  }
  if (is_upper_near_one(a, x)) return 1 - gamma_series(a, x, tolerance);
  return x > 1.1 ? gamma_fraction(a, x, tolerance) : gamma_small(a, x, tolerance);
}

// The limits: all of the mass lies at 0 for a = 0, at infinity for a = inf.
FLAMBEAU_MATH double incomplete_gamma(double a, double x, bool upper, double tolerance) {
  const double none = upper ? 1 : 0, all = upper ? 0 : 1;
  if (x < 0 || a < 0) return kNaN<double>;
  if (a == 0) return x > 0 ? all : kNaN<double>;
  if (x == 0) return none;
  if (a == kInfinity<double>) return x == kInfinity<double> ? kNaN<double> : none;
  if (x == kInfinity<double>) return all;
  if (is_nan(a) || is_nan(x)) return kNaN<double>;
  return regularized_gamma(a, x, upper, tolerance);
}
FLAMBEAU_MATH_OUT_OF_LINE double lower_gamma(double a, double x, double tolerance) {
  return incomplete_gamma(a, x, false, tolerance);
}
FLAMBEAU_MATH_OUT_OF_LINE double upper_gamma(double a, double x, double tolerance) {
  return incomplete_gamma(a, x, true, tolerance);
}

}  // namespace flambeau::math
