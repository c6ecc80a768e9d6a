// The inverse error function and the normal distribution's quantiles and tails.
//
// Those of a float, and the inverses in double, do not branch, for vectors; the others in double do.
//
// Giles, "Approximating the erfinv function" (2010): erfinv(x) / x as a function of w = -log(1 - x^2), or of
// its root; erfcx as erfc in erf.h. The polynomials interpolate at Chebyshev nodes.
#pragma once
#include "core/math/chebyshev.h"
#include "core/math/erf.h"
#include "core/math/log.h"

namespace flambeau::math {

// erfinv(x) / x of w = -log(1 - x^2), up to 750: for tails far beyond what 1 - x^2 can express.
FLAMBEAU_MATH double erfinv_ratio(double w) {
  const double near = polynomial(
      w - 3.125, 1.6536545626831027, 0.24015818242558834, -0.006033670871426908, -0.0007407025341546572,
      0.00018673420802008554, -1.3882523393920442e-05, -1.3654691764001387e-06, 4.2347881677716927e-07,
      -2.9070390761936884e-08, -4.1126604066482585e-09, 1.0512230784674892e-09, -5.4143045472080583e-11,
      -1.2978695334656446e-11, 2.6305301926231066e-12, -8.074595688729043e-14, -4.0020617748552674e-14,
      6.525655141401077e-15, -3.933508641199522e-17, -1.2261848463709764e-16, 1.5506009496679205e-17,
      6.38844750019161e-19, -3.4715307676023003e-19, 1.877151678052992e-20, 3.1905586173417536e-21,
      -3.3850330157210103e-22);
  const double s = sqrt(w);
  const double middle = polynomial(s - 3.25, 3.0838856104922208, 1.0052589676941655, 0.005370914553555201,
                                   -0.003751208508224261, 0.0024914420979470237, -0.0016882755354636595,
                                   0.0009532893418069925, -0.0003550378135746499, 2.4031510221694095e-05,
                                   6.828711576985263e-05, -4.7320663035945735e-05, 1.2465035568283125e-05,
                                   2.932506943526351e-06, -3.985726034382243e-06, 1.4817772244790875e-06,
                                   -2.7584506876359507e-08, -2.4577015472044047e-07, 1.3155760748321638e-07,
                                   -2.0686402109195944e-08, -1.5294532436152358e-08, 7.598895200781737e-09);
  const double far = polynomial(s - 5.25, 5.102469766505421, 1.0101951772794833, -0.000274322687600899,
                                -0.00015004600198151866, 5.514872646708798e-05, -1.4023132753049982e-05,
                                3.118799306572949e-06, -6.473484135387695e-07, 1.3091798258990185e-07,
                                -2.8154476661606647e-08, 7.819907051404764e-09, -3.202803979625705e-09,
                                1.63088072502576e-09, -8.308166993713266e-10, 3.7211671314257746e-10,
                                -1.3688791283997804e-10, 4.442935133670912e-11, -1.294042999627973e-11,
                                2.9067665036731056e-13, 2.060967480899247e-12, -6.008503906552342e-13);
  static constexpr double kTail[] = {
      0.9892546917976031,      -0.009486447310673194,  -0.0006869570318505476,  9.407994121814382e-05,
      -8.086126735435631e-06,  1.0803568870896144e-06, -1.881994611064941e-07,  3.717595209323745e-08,
      -8.030581405456283e-09,  1.8546393993379223e-09, -4.5052577186634706e-10, 1.1385000447522346e-10,
      -2.969877458133831e-11,  7.95201339179206e-12,   -2.176174990945636e-12,  6.066735234757731e-13,
      -1.7184221770259484e-13, 4.9352643529082215e-14, -1.434685590425421e-14,  4.2155845641944e-15,
      -1.2505558592435334e-15, 3.741639017458119e-16,  -1.1281505464482295e-16, 3.4253406557017896e-17,
      -1.0466441983301517e-17};
  const double tail = s * chebyshev(kTail, 16.930232558139537 / s - 1.6046511627906976);
  return w < 6.25 ? near : (s < 4 ? middle : (s < 6.5 ? far : tail));
}

// w up to 105
FLAMBEAU_MATH float erfinv_ratio(float w) {
  const float s = sqrt(w);
  const float near =
      polynomial(w - 2.5f, 1.50140936f, 0.246640289f, -0.00417738976f, -0.00125274842f, 0.000218346915f,
                 -4.9597435e-06f, -3.46335617e-06f, 4.6542873e-07f, 2.32858445e-08f, -8.73983097e-09f);
  const float middle = polynomial(s - 3.36803399f, 3.20260944f, 1.00638515f, 0.00422599822f, -0.00278433353f,
                                  0.00167189371f, -0.00109816205f, 0.000684471082f, -0.000337507277f,
                                  6.09820944e-05f, 5.24142576e-05f, -2.61981089e-05f);
  const float far =
      polynomial(s - 7.4f, 7.27237643f, 1.00819008f, -0.000500307868f, 1.34297605e-05f, 3.53823091e-06f,
                 -8.92041301e-07f, 1.72005117e-07f, -5.10773062e-08f, 7.99597829e-09f);
  return w < 5.0f ? near : (s < 4.5f ? middle : far);
}

FLAMBEAU_MATH float erfinv(float x) {
  const float a = abs(x);
  const float inside = x * erfinv_ratio(-log((1.0f - a) * (1.0f + a)));
  const float outside = a == 1.0f ? copysign(kInfinity<float>, x) : kNaN<float>;
  return a < 1.0f ? inside : outside;
}
FLAMBEAU_MATH double erfinv(double x) {
  const double a = abs(x);
  const double inside = x * erfinv_ratio(-log((1 - a) * (1 + a)));
  const double outside = a == 1 ? copysign(kInfinity<double>, x) : kNaN<double>;
  return a < 1 ? inside : outside;
}

// The quantile of the standard normal: sqrt(2) erfinv(2 p - 1), with 1 - (2 p - 1)^2 = 4 p (1 - p).
FLAMBEAU_MATH float ndtri(float p) {
  const float ratio = erfinv_ratio(-log(4.0f * p * (1.0f - p)));
  const float inside = (2.0f * p - 1.0f) * ratio * 1.41421356f;
  const float outside = p == 0.0f ? -kInfinity<float> : (p == 1.0f ? kInfinity<float> : kNaN<float>);
  return (p > 0.0f) & (p < 1.0f) ? inside : outside;
}
FLAMBEAU_MATH double ndtri(double p) {
  const double inside = (2 * p - 1) * erfinv_ratio(-log(4 * p * (1 - p))) * 1.4142135623730951;
  const double outside = p == 0 ? -kInfinity<double> : (p == 1 ? kInfinity<double> : kNaN<double>);
  return (p > 0) & (p < 1) ? inside : outside;
}

// exp(x^2) erfc(x)
FLAMBEAU_MATH_OUT_OF_LINE double erfcx(double x) {
  if (x < -27) return kInfinity<double>;
  const double a = abs(x);
  if (a > 1e8) return 0.56418958354775628695 / a;
  const double t = (a - 4) / (a + 4);
  const double positive =
      polynomial(t, 1.2329951186255526, -0.1396211168405625, 0.015379652102619604, 0.0680970542546904,
                 -0.10103906603630056, 0.09373283499843826, -0.06633036581218696, 0.03716751553592919,
                 -0.016197734059799403, 0.0050319699926693095, -0.0007577732613722743,
                 -0.00019925677576013916, 0.00015062149000932373, -2.439894455613098e-05,
                 -1.1221287004773295e-05, 5.709206077525319e-06, 2.919733253972769e-07, -8.24919879966886e-07,
                 7.74699406242296e-08, 1.1009741069206475e-07, -2.0560658370168606e-08,
                 -1.4709575293186051e-08, 3.1695917398628955e-09, 1.7903417395556402e-09,
                 -2.6596057315005596e-10, -1.3746679518782657e-10) /
      (1 + 2 * a);
  if (!(x < 0)) return positive;
  const DoubleDouble square = two_product(x, x);
  return 2 * exp(square) - positive;
}

// log of the standard normal's distribution function, erfc(-x / sqrt(2)) / 2.
FLAMBEAU_MATH_OUT_OF_LINE double log_ndtr(double x) {
  const double t = x * 0.70710678118654752440;
  if (x < -1) return log(0.5 * erfcx(-t)) - 0.5 * x * x;
  return log1p(-0.5 * erfc(t));
}

// ---- the same of a float

// exp(a^2) erfc(a) for a >= 0
FLAMBEAU_MATH double erfcx_for_float(double a) {
  const double t = (a - 4) / (a + 4);
  const double f =
      polynomial(t, 1.232995118611571, -0.13962111385426867, 0.015379653887989312, 0.06809694141727524,
                 -0.10103910340588869, 0.09373407344401906, -0.06633006827928196, 0.037161482871081446,
                 -0.01619889429680608, 0.005047229283105441, -0.0007553293942287283, -0.00022040449439390147,
                 0.0001478057051921227, -8.62530335285587e-06, -9.59929495706329e-06);
  return a < kInfinity<double> ? f / (1 + 2 * a) : 1 / a;
}
FLAMBEAU_MATH float erfcx(float value) {
  const double x = value, positive = erfcx_for_float(abs(x));
  const double result = x < 0 ? 2 * exp(x * x) - positive : positive;
  return is_nan(value) ? value : static_cast<float>(result);
}
FLAMBEAU_MATH float log_ndtr(float value) {
  const double x = value, half_square = 0.5 * x * x;
  const double scaled = 0.5 * erfcx_for_float(abs(x) * 0.70710678118654752440);
  const double below = log(scaled) - half_square, above = log1p(-scaled * exp(-half_square));
  return static_cast<float>(x < 0 ? below : above);
}

}  // namespace flambeau::math
