// The error function and its complement.
//
// Near zero a polynomial in x^2. Beyond: float fits -log(erfc(x)); double evaluates erfc(x) = exp(-x^2) F(t)
// / (1 + 2 x) with t = (x - 4) / (x + 4) (Shepherd and Laframboise, Math. Comp. 36, 1981).
#pragma once
#include "core/math/exp.h"

namespace flambeau::math {

// erfc of x >= 0.
FLAMBEAU_MATH double erfc_positive(double x) {
  x = x > 28 ? 28 : x;  // the result is 0 from 27.3 on
  const double t = (x - 4) / (x + 4);
  const double f = polynomial(
      t, 1.2329951186255526, -0.1396211168405625, 0.015379652102620026, 0.06809705425469169,
      -0.10103906603632402, 0.09373283499839011, -0.0663303658116766, 0.03716751553676304,
      -0.016197734065523037, 0.005031969984538271, -0.0007577732236198569, -0.00019925672650649988,
      0.0001506213330981676, -2.4399140026230927e-05, -1.1220862532112395e-05, 5.709726919509662e-06,
      2.9122339980031853e-07, -8.258523423432054e-07, 7.831050091974026e-08, 1.1119076968712332e-07,
      -2.111120061783681e-08, -1.5496311015661568e-08, 3.3392273267201993e-09, 2.0902127402466088e-09,
      -2.7473925934455696e-10, -1.7775320787553467e-10);
  const DoubleDouble square = two_product(x, x);
  return exp(DoubleDouble{-square.high, -square.low}) * (f / (1 + 2 * x));
}

// erf(x) / x - 1 of z = x^2 <= 1.
FLAMBEAU_MATH double erf_series(double z) {
  return polynomial(z, 0.1283791670955126, -0.37612638903183754, 0.1128379167095512, -0.02686617064512984,
                    0.0052239776254232985, -0.000854832702193483, 0.00012055332902888736,
                    -1.4925647567519332e-05, 1.6462045441468418e-06, -1.6364642158167616e-07,
                    1.4792401209404813e-08, -1.216456005728345e-09, 8.709045129053106e-11,
                    -4.230945824295338e-12);
}

// erfc of 1 <= x, near enough for 1 - erfc(x): F again, from 1 to 5.95 only.
FLAMBEAU_MATH double erfc_absolute(double x) {
  x = x > 5.95 ? 5.95 : x;  // erf is 1 from there on
  const double sum = x + 4, scale = 1 + 2 * x, inverse = 1 / (sum * scale);
  const double t = (x - 4) * scale * inverse;
  const double f =
      polynomial(t, 1.2329951186255526, -0.13962111684056272, 0.015379652102578625, 0.06809705425458787,
                 -0.10103906602982016, 0.09373283503312407, -0.0663303661155741, 0.0371675128747621,
                 -0.01619773313204764, 0.005032038089069318, -0.0007575634188465235, -0.0001994895430470376,
                 0.0001477482116264965, -3.2017582947895185e-05, -2.099453512050747e-05);
  return exp_normal(-x * x) * (f * (sum * inverse));
}

FLAMBEAU_MATH double erf(double x) {
  const double a = abs(x);
  return copysign(a < 1 ? a + a * erf_series(x * x) : 1 - erfc_absolute(a), x);
}

FLAMBEAU_MATH float erf(float x) {
  const float a = abs(x), z = x * x;
  const float p = polynomial(z, 0.128379166f, -0.37612626f, 0.112835944f, -0.0268542115f, 0.00518908724f,
                             -0.00080168643f, 7.87587487e-05f);
  const float bounded = a > 4.0f ? 4.0f : a;
  const float g =
      polynomial(bounded, -0.000318539649f, 1.13023102f, 0.631823897f, 0.110087164f, -0.0264276378f,
                 0.00476262579f, -0.000597585749f, 4.61638592e-05f, -1.64306368e-06f);
  return copysign(a < 1.0f ? a + a * p : 1.0f - exp_normal(-g), x);
}

FLAMBEAU_MATH double erfc(double x) {
  const double a = abs(x), positive = erfc_positive(a);
  const double far = x < 0 ? 2 - positive : positive;
  return a < 0.5 ? 1 - (x + x * erf_series(x * x)) : far;
}
FLAMBEAU_MATH float erfc(float x) { return static_cast<float>(erfc(static_cast<double>(x))); }

}  // namespace flambeau::math
