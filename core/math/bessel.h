// Bessel's functions of orders 0 and 1, modified and not, and Airy's function.
//
// In double they branch; those of a float are computed in double by shorter, branch-free formulas, for
// vectors, but for Airy's and arguments beyond kTrigonometricLimit.
//
// Near zero power series, beyond a modulus and a phase or an exponential with Hankel's expansions in 1 / x
// (Abramowitz and Stegun, chapters 9 and 10), all of them as polynomials through Chebyshev nodes.
#pragma once
#include "core/math/chebyshev.h"
#include "core/math/exp.h"
#include "core/math/log.h"
#include "core/math/trigonometric.h"

namespace flambeau::math {

// ---- modified, of the first kind: exp(-|x|) I(x)

FLAMBEAU_MATH_OUT_OF_LINE double scaled_bessel_i0(double x) {
  static constexpr double kNear[] = {
      0.33839763720473803,    -0.3046826723431984,     0.17162090152220877,    -0.09490109704804764,
      0.04930528423967071,    -0.02373741480589947,    0.010546460394594998,   -0.004324309995050576,
      0.0016394756169413357,  -0.0005763755745385824,  0.00018850288509584165, -5.754195010082104e-05,
      1.6448448070728896e-05, -4.4167383584587505e-06, 1.1173875391201037e-06, -2.670793853940612e-07,
      6.046995022541919e-08,  -1.300025009986248e-08,  2.6598237246823866e-09, -5.189795601635263e-10,
      9.675809035373237e-11,  -1.726826291441556e-11,  2.95505266312964e-12,   -4.856446783111929e-13,
      7.676185498604936e-14,  -1.1685332877993451e-14, 1.715391285555133e-15,  -2.431279846547955e-16,
      3.3307945188222384e-17, -4.4153416464793395e-18};
  static constexpr double kFar[] = {
      0.4022452055070544,      0.0033691164782556943,   6.889758346916825e-05,   2.8913705208347567e-06,
      2.0489185894690638e-07,  2.266668990498178e-08,   3.3962320257083865e-09,  4.94060238822497e-10,
      1.1889147107846439e-11,  -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
      7.180124451383666e-13,   3.8527783827421426e-13,  1.54008621752141e-14,    -4.150569347287222e-14,
      -9.554846698828307e-15,  3.8116806693526224e-15,  1.7725601330565263e-15,  -3.425485619677219e-16,
      -2.8276239805165836e-16, 3.461222867697461e-17,   4.46562142029676e-17,    -4.830504485944182e-18,
      -7.233180487874754e-18};
  const double a = abs(x);
  return a <= 8 ? chebyshev(kNear, 0.25 * a - 1) : chebyshev(kFar, 16 / a - 1) / sqrt(a);
}

FLAMBEAU_MATH_OUT_OF_LINE double scaled_bessel_i1(double x) {
  static constexpr double kNear[] = {
      0.12629359322181682,    -0.17641651835783406,    0.1026436586898471,     -0.05294598120809499,
      0.024726449030626516,   -0.010564084894626197,   0.004156422944312888,   -0.0015135724506312532,
      0.0005122859561685758,  -0.00016176081582589674, 4.781565107550054e-05,  -1.3273163656039436e-05,
      3.4702513081376785e-06, -8.568720264695455e-07,  2.0032947535521353e-07, -4.445059128796328e-08,
      9.381537386495773e-09,  -1.8872497517228294e-09, 3.625590281552117e-10,  -6.663489723502027e-11,
      1.1736186298890901e-11, -1.9839743977649436e-12, 3.223793365945575e-13,  -5.042185504727912e-14,
      7.600684294735408e-15,  -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17,
      2.7779141127610464e-18};
  static constexpr double kFar[] = {
      0.38928811750914005,     -0.009761097491361469,   -0.00011058893876262371, -3.882564808877691e-06,
      -2.512236237870209e-07,  -2.6314688468895196e-08, -3.835380385964237e-09,  -5.589743462196584e-10,
      -1.8974958123505413e-11, 3.2526035830154884e-11,  1.4125807436613782e-11,  2.0356285441470896e-12,
      -7.198551776245908e-13,  -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
      1.0420276984128802e-14,  -3.8144030724370075e-15, -1.8803547755107825e-15, 3.3082023109209285e-16,
      2.96262899764595e-16,    -3.209525921993424e-17,  -4.6503053684893586e-17, 4.414348323071708e-18,
      7.517296310842105e-18};
  const double a = abs(x);
  const double result = a <= 8 ? a * chebyshev(kNear, 0.25 * a - 1) : chebyshev(kFar, 16 / a - 1) / sqrt(a);
  return x < 0 ? -result : result;
}

// scaled exp(a); in two steps, as the exponential overflows earlier than the product.
FLAMBEAU_MATH double unscaled(double scaled, double a) {
  if (a <= 700) return scaled * exp(a);
  const double root = exp(0.5 * a);
  return scaled * root * root;
}

FLAMBEAU_MATH double scaled_bessel_i0_for_float(double a) {
  const double t = 0.25 * a - 1, v = 16 / a - 1;
  const double near = polynomial(
      t, 0.20700192113010857, -0.11300432653445609, 0.09451564719798702, -0.08904346700054298,
      0.08734280515487007, -0.08496283115339737, 0.0792829727721399, -0.0695465912494123, 0.05672728830188167,
      -0.042956915743848974, 0.030360637139794717, -0.019776206071507256, 0.01155406559808401,
      -0.006604619497155474, 0.004169273658126491, -0.002047345079767122, 0.00041265146039947195,
      -0.00020575934590192718, 0.0003486284152415698, -0.00013604737781950743);
  const double far =
      polynomial(v, 0.4021765094192122, 0.0033605557001427145, 0.00013621716424322397, 1.111214828523939e-05,
                 1.4761157343412484e-06, 3.626670384797085e-07, 1.0867942482266837e-07) /
      sqrt(a);
  return a <= 8 ? near : far;
}
FLAMBEAU_MATH double scaled_bessel_i1_for_float(double a) {
  const double t = 0.25 * a - 1, v = 16 / a - 1;
  const double near =
      a * polynomial(t, 0.044687709864187575, -0.0611243392551985, 0.06805760218087063, -0.06848253319811619,
                     0.06376732927373735, -0.055281312761999025, 0.044675517297251575, -0.033661282866740416,
                     0.02367994377156157, -0.015614300990375514, 0.009606306452167214, -0.005427421324892723,
                     0.0029560039669504078, -0.0016985943146705425, 0.0008124034742045471,
                     -0.0002026265888141342, 9.356820085807386e-05, -0.00012368279972890735,
                     4.752133693835991e-05);
  const double far = polynomial(v, 0.3893984590596593, -0.00974958137037718, -0.00021923712538189863,
                                -1.5003965466132858e-05, -1.8256907317698838e-06, -4.2103501550232313e-07,
                                -1.2273217235085558e-07) /
                     sqrt(a);
  return a <= 8 ? near : far;
}
FLAMBEAU_MATH float scaled_bessel_i0(float x) {
  return static_cast<float>(scaled_bessel_i0_for_float(abs(x)));
}
FLAMBEAU_MATH float scaled_bessel_i1(float x) {
  const float result = static_cast<float>(scaled_bessel_i1_for_float(abs(x)));
  return x < 0.0f ? -result : result;
}
FLAMBEAU_MATH float bessel_i0(float x) {
  const double a = abs(x);
  return static_cast<float>(scaled_bessel_i0_for_float(a) * exp(a));
}
FLAMBEAU_MATH float bessel_i1(float x) {
  const double a = abs(x);
  const float result = static_cast<float>(scaled_bessel_i1_for_float(a) * exp(a));
  return x < 0.0f ? -result : result;
}

FLAMBEAU_MATH double bessel_i0(double x) { return unscaled(scaled_bessel_i0(x), abs(x)); }
FLAMBEAU_MATH double bessel_i1(double x) { return unscaled(scaled_bessel_i1(x), abs(x)); }

// ---- modified, of the second kind: inf at 0, NaN below

// K0(x) and K1(x) for 0 < x <= 2: log(x / 2) times I, and a series.
FLAMBEAU_MATH double bessel_k0_near(double x) {
  const double z = x * x;
  const double i0 = polynomial(z, 1.0, 0.25, 0.015624999999999938, 0.00043402777777797714,
                               6.781684027454118e-06, 6.781684057951957e-08, 4.709501085333947e-10,
                               2.4028675998327848e-12, 9.373256627857504e-15, 3.045258253029478e-17);
  const double rest =
      polynomial(z, -0.5772156649015329, 0.1056960837746168, 0.014418505235913402, 0.0005451899602573274,
                 1.0214014135195478e-05, 1.157035101258446e-07, 8.819879032945209e-10, 4.843339979085721e-12,
                 2.006206182166274e-14, 6.872327179403754e-17);
  return rest - log(0.5 * x) * i0;
}
FLAMBEAU_MATH double bessel_k1_near(double x) {
  const double z = x * x;
  const double i1 = polynomial(z, 0.5, 0.0625, 0.002604166666666664, 5.425347222223125e-05,
                               6.781684027631159e-07, 5.651403370151725e-09, 3.3639297937413604e-11,
                               1.5017819327972883e-13, 5.208663983398136e-16, 1.5157510610466776e-18);
  const double rest = polynomial(z, 0.03860783245076643, -0.042049020943654196, -0.0028371119837633627,
                                 -7.493042905990668e-05, -1.0892182538383673e-06, -1.0112909430448375e-08,
                                 -6.540195367941831e-11, -3.1209240863127064e-13, -1.1438079485682081e-15,
                                 -3.495436865621284e-18);
  return 1 / x + x * (rest + log(0.5 * x) * i1);
}
// exp(x) K(x) for x >= 2
FLAMBEAU_MATH double scaled_bessel_k0_far(double x) {
  static constexpr double kFar[] = {
      1.2201515410329777,     -0.0314481013119645,     0.0015698838857300533,  -0.00012849549581627802,
      1.39498137188765e-05,   -1.8317555227191195e-06, 2.766813639445015e-07,  -4.660489897687948e-08,
      8.574034017414225e-09,  -1.6975345093890614e-09, 3.5773972814003283e-10, -7.957489244477396e-11,
      1.8559491149549264e-11, -4.514597883374519e-12,  1.1403405882073441e-12, -2.9800969231481784e-13,
      8.032890775068375e-14,  -2.2275133267462965e-14, 6.340076476276646e-15,  -1.848593377920907e-15,
      5.5120559994043335e-16, -1.6782311257549006e-16, 5.2103917776435543e-17, -1.6475805939842632e-17,
      5.3004337711773354e-18};
  return chebyshev(kFar, 4 / x - 1) / sqrt(x);
}
FLAMBEAU_MATH double scaled_bessel_k1_far(double x) {
  static constexpr double kFar[] = {
      1.3603130952422213,      0.10392373657681724,    -0.002857816859622779,   0.00019521551847135162,
      -1.936197974166083e-05,  2.406484947837217e-06,  -3.5019606030878126e-07, 5.7410841254500495e-08,
      -1.0345762465678097e-08, 2.0150497551970347e-09, -4.1903547593419254e-10, 9.218315187605315e-11,
      -2.129967838427791e-11,  5.139639673482343e-12,  -1.2891739609498229e-12, 3.348419666052243e-13,
      -8.976705182010146e-14,  2.4771544242195988e-14, -7.0198370892147685e-15, 2.038703166239861e-15,
      -6.057047270643018e-16,  1.8380935752430455e-16, -5.689462849193648e-17,  1.7940510478863572e-17,
      -5.7567444820733025e-18};
  return chebyshev(kFar, 4 / x - 1) / sqrt(x);
}

FLAMBEAU_MATH_OUT_OF_LINE double bessel_k0(double x) {
  if (x == 0) return kInfinity<double>;
  if (x < 0) return kNaN<double>;
  return x <= 2 ? bessel_k0_near(x) : scaled_bessel_k0_far(x) * exp(-x);
}
FLAMBEAU_MATH_OUT_OF_LINE double scaled_bessel_k0(double x) {
  if (x == 0) return kInfinity<double>;
  if (x < 0) return kNaN<double>;
  return x <= 2 ? bessel_k0_near(x) * exp(x) : scaled_bessel_k0_far(x);
}
FLAMBEAU_MATH_OUT_OF_LINE double bessel_k1(double x) {
  if (x == 0) return kInfinity<double>;
  if (x < 0) return kNaN<double>;
  return x <= 2 ? bessel_k1_near(x) : scaled_bessel_k1_far(x) * exp(-x);
}
FLAMBEAU_MATH_OUT_OF_LINE double scaled_bessel_k1(double x) {
  if (x == 0) return kInfinity<double>;
  if (x < 0) return kNaN<double>;
  return x <= 2 ? bessel_k1_near(x) * exp(x) : scaled_bessel_k1_far(x);
}

// Of a float: 0 and negative arguments put in place.
FLAMBEAU_MATH float bessel_k_limits(float x, double result) {
  const double limit = x == 0.0f ? kInfinity<double> : kNaN<double>;
  return static_cast<float>(x > 0.0f ? result : limit);
}
// K(x) near zero, exp(x) K(x) beyond.
struct NearAndFar {
  double near, far;
};
FLAMBEAU_MATH NearAndFar bessel_k0_for_float(double x) {
  const double z = x * x, logarithm = log_for_float(0.5 * x);
  const double i0 = polynomial(z, 0.9999999989936155, 0.25000001808195127, 0.015624947395263607,
                               0.0004340836753665049, 6.754904654042454e-06, 7.369224504211924e-08);
  const double rest =
      polynomial(z, -0.5772156648912257, 0.10569608352240685, 0.014418506243064157, 0.0005451884530698563,
                 1.021508691826913e-05, 1.1531245568798622e-07, 9.522581886101045e-10);
  const double far = polynomial(4 / x - 1, 1.2185953388536366, -0.03107146264564701, 0.0030328751571715384,
                                -0.00047975304301230826, 9.96896497244622e-05, -2.4821674586151484e-05,
                                6.658850937766007e-06, -2.004933657112187e-06, 1.0974763542290208e-06,
                                -4.345688344035997e-07) /
                     sqrt(x);
  return {rest - logarithm * i0, far};
}
FLAMBEAU_MATH NearAndFar bessel_k1_for_float(double x) {
  const double z = x * x, logarithm = log_for_float(0.5 * x);
  const double i1 = polynomial(z, 0.4999999999287053, 0.06250000128125571, 0.0026041629380161076,
                               5.425743613750926e-05, 6.762678811109517e-07, 6.069037484370461e-09);
  const double rest = polynomial(z, 0.0386078325899297, -0.042049023444324506, -0.002837104707529259,
                                 -7.49381626450519e-05, -1.0855117452790554e-06, -1.0926784512274847e-08);
  const double far = polynomial(4 / x - 1, 1.3631518899724002, 0.10334973870570138, -0.005566710345998928,
                                0.0007357055760682905, -0.00013974174903297364, 3.2944246439136535e-05,
                                -8.557758738667407e-06, 2.5136251812945398e-06, -1.3242575956067964e-06,
                                5.158527373304409e-07) /
                     sqrt(x);
  return {1 / x + x * (rest + logarithm * i1), far};
}
FLAMBEAU_MATH float bessel_k0(float x) {
  const NearAndFar k = bessel_k0_for_float(x);
  return bessel_k_limits(x, x <= 2.0f ? k.near : k.far * exp(-static_cast<double>(x)));
}
FLAMBEAU_MATH float scaled_bessel_k0(float x) {
  const NearAndFar k = bessel_k0_for_float(x);
  return bessel_k_limits(x, x <= 2.0f ? k.near * exp(static_cast<double>(x)) : k.far);
}
FLAMBEAU_MATH float bessel_k1(float x) {
  const NearAndFar k = bessel_k1_for_float(x);
  return bessel_k_limits(x, x <= 2.0f ? k.near : k.far * exp(-static_cast<double>(x)));
}
FLAMBEAU_MATH float scaled_bessel_k1(float x) {
  const NearAndFar k = bessel_k1_for_float(x);
  return bessel_k_limits(x, x <= 2.0f ? k.near * exp(static_cast<double>(x)) : k.far);
}

// ---- of the first and the second kind

// sin(x) + cos(x) and sin(x) - cos(x): sqrt(2) times cos and sin of x - pi/4, also where they nearly vanish.
struct Waves {
  double sum, difference;
};
FLAMBEAU_MATH double rounded_sum(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble high = two_sum(a.high, b.high);
  return high.high + (high.low + (a.low + b.low));
}
FLAMBEAU_MATH_OUT_OF_LINE Waves waves(double x) {
  if (!(abs(x) < kInfinity<double>)) return {kNaN<double>, kNaN<double>};
  const ReducedAngle angle = is_large_angle(x) ? reduce_large_angle(x) : reduce_angle(x);
  const DoubleDouble s = sin_double_double(angle.high, angle.low),
                     c = cos_double_double(angle.high, angle.low);
  const double sum = rounded_sum(s, c), difference = rounded_sum(s, {-c.high, -c.low});
  // A quarter turn takes the sine to the cosine and that to the sine's negative.
  switch (quarter_bits(angle.quarters) & 3) {
    case 0:
      return {sum, difference};
    case 1:
      return {-difference, sum};
    case 2:
      return {-sum, -difference};
    default:
      return {difference, -sum};
  }
}

// For x > 5: sqrt(pi x / 2) J = P cos(p) - Q sin(p), sqrt(pi x / 2) Y = P sin(p) + Q cos(p), with the phase
// p = x - pi/4 for order 0, x - 3 pi/4 for order 1.
struct Hankel {
  double p, q;
};
FLAMBEAU_MATH Hankel hankel_0(double x) {
  static constexpr double kP[] = {
      0.9986523398776954,     -0.00132937162125028,    1.761305551290559e-05,  -6.319367118733069e-07,
      3.948825587093808e-08,  -3.5409678948019087e-09, 4.103246366872386e-10,  -5.765747662655223e-11,
      9.423105578391987e-12,  -1.7401405706283885e-12, 3.5557750052411783e-13, -7.914641501338115e-14,
      1.8959456362961828e-14, -4.841483019175697e-15,  1.3078555195901338e-15, -3.714050821413154e-16,
      1.103023177871277e-16,  -3.410936210498114e-17,  1.0942187869810236e-17};
  static constexpr double kQ[] = {
      -0.12364702582167493,    0.0013190194049922607,  -3.218799121266175e-05,  1.6237093205642789e-06,
      -1.2743289742032805e-07, 1.3513032763134409e-08, -1.785075905119705e-09,  2.79085713479036e-10,
      -4.988908027652833e-11,  9.950713667806645e-12,  -2.1751206043008833e-12, 5.140127162427605e-13,
      -1.2993242656059178e-13, 3.4837635776889786e-14, -9.84005757254373e-15,   2.9115274918592e-15,
      -8.982151171303344e-16,  2.877768906557925e-16,  -9.542905011731343e-17,  3.2658161943648366e-17,
      -1.150518178532616e-17,  4.16320426537859e-18,   -1.544369143900366e-18,  5.8629592355191775e-19};
  const double w = 5 / x, t = 2 * w * w - 1;
  return {chebyshev(kP, t), chebyshev(kQ, t) / x};
}
FLAMBEAU_MATH Hankel hankel_1(double x) {
  static constexpr double kP[] = {
      1.00226762068534,        0.0022437352958079985,  -2.3071018862548286e-05, 7.639181732533905e-07,
      -4.589685232343401e-08,  4.020515478419001e-09,  -4.586773977170972e-10,  6.373158962859246e-11,
      -1.0327344567640412e-11, 1.8943274995111034e-12, -3.849703387824105e-13,  8.529914525779044e-14,
      -2.03544697865723e-14,   5.180421738900549e-15,  -1.3953502148258493e-15, 3.9523601713314257e-16,
      -1.171117080126803e-16,  3.614078564738109e-17,  -1.1572356053251518e-17};
  static constexpr double kQ[] = {
      0.37308734621468637,    -0.0018705189681051477,  4.0056994520460306e-05, -1.914402839085632e-06,
      1.458816510742199e-07,  -1.5183398644673165e-08, 1.979922260589517e-09,  -3.065981449437696e-10,
      5.440233592059753e-11,  -1.0786652192538468e-11, 2.346352831758894e-12,  -5.522046856541826e-13,
      1.390972848139383e-13,  -3.7181516752164614e-14, 1.0474063117829167e-14, -3.091784202917912e-15,
      9.518051831081499e-16,  -3.0436450667050517e-16, 1.0075487579997493e-16, -3.4426306619813246e-17,
      1.2110503970221687e-17, -4.376388902428328e-18,  1.6214444005747313e-18};
  const double w = 5 / x, t = 2 * w * w - 1;
  return {chebyshev(kP, t), chebyshev(kQ, t) / x};
}
FLAMBEAU_MATH double wave_amplitude(double x) { return 0.56418958354775628695 / sqrt(x); }

// x^2 - r^2 for a root r = high + low, with all its digits near the root.
FLAMBEAU_MATH double from_root(double x, double high, double low) { return ((x - high) - low) * (x + high); }
// J0(x) and J1(x) / x for 0 <= x <= 5: their first two roots taken out.
FLAMBEAU_MATH double bessel_j0_near(double x) {
  const double first = from_root(x, 0x1.33d152e971b40p+1, -0x1.0f539d7da258ep-53);
  const double second = from_root(x, 0x1.6148f5b2c2e45p+2, 0x1.75054cd60a517p-54);
  return first * second *
         polynomial(x * x * 0.08 - 1, 0.0031873556303932387, -0.0019210870437164043, 0.00048768271776558413,
                    -7.121705240575853e-05, 6.854954847199373e-06, -4.70629166457061e-07,
                    2.428622038025423e-08, -9.781438946726354e-10, 3.163723989196272e-11,
                    -8.404184719394778e-13, 1.8688672744978886e-14, -3.52449113008727e-16);
}
FLAMBEAU_MATH double bessel_j1_near(double x) {
  const double first = from_root(x, 0x1.ea75575af6f09p+1, -0x1.60155a9d1b256p-53);
  const double second = from_root(x, 0x1.c0ff5f3b47250p+2, -0x1.b226d9d243827p-54);
  return first * second *
         polynomial(x * x * 0.08 - 1, 0.0004323698734106474, -0.00020932672214860176, 4.42186880710148e-05,
                    -5.515494459601969e-06, 4.625979215164964e-07, -2.8111472529722005e-08,
                    1.3002918729585578e-09, -4.742877795752643e-11, 1.4012939606655873e-12,
                    -3.425082917113122e-14, 7.050885612374614e-16, -1.2377862900889621e-17);
}

FLAMBEAU_MATH_OUT_OF_LINE double bessel_j0(double x) {
  const double a = abs(x);
  if (a <= 5) return bessel_j0_near(a);
  const Waves wave = waves(a);
  const Hankel h = hankel_0(a);
  return wave_amplitude(a) * (h.p * wave.sum - h.q * wave.difference);
}
FLAMBEAU_MATH_OUT_OF_LINE double bessel_j1(double x) {
  const double a = abs(x);
  if (a <= 5) return x * bessel_j1_near(a);
  const Waves wave = waves(a);
  const Hankel h = hankel_1(a);
  const double result = wave_amplitude(a) * (h.p * wave.difference + h.q * wave.sum);
  return x < 0 ? -result : result;
}
FLAMBEAU_MATH_OUT_OF_LINE double bessel_y0(double x) {
  if (x == 0) return -kInfinity<double>;
  if (x < 0) return kNaN<double>;
  if (x <= 5) {
    const double rest = polynomial(x * x * 0.08 - 1, 0.4837248578102995, -0.4326558222855125,
                                   -0.47057636552972876, 0.38851639956570944, -0.11151682184328655,
                                   0.01763534538933876, -0.0018028096665503853, 0.0001299462909208217,
                                   -6.985504374077061e-06, 2.9142206889637085e-07, -9.7209552080454e-09,
                                   2.6539975248625817e-10, -6.04993694723965e-12, 1.166603953074689e-13);
    return kTwoOverPi * log(x) * bessel_j0_near(x) + rest;
  }
  const Waves wave = waves(x);
  const Hankel h = hankel_0(x);
  return wave_amplitude(x) * (h.p * wave.difference + h.q * wave.sum);
}
FLAMBEAU_MATH_OUT_OF_LINE double bessel_y1(double x) {
  if (x == 0) return -kInfinity<double>;
  if (x < 0) return kNaN<double>;
  if (x <= 5) {
    const double rest = polynomial(x * x * 0.08 - 1, 0.13974939033568806, 0.09108650838448444,
                                   -0.16312020358118715, 0.06634695354779108, -0.013433433740818165,
                                   0.0016688031328635942, -0.00014141835794484212, 8.733098304848775e-06,
                                   -4.1137780795312436e-07, 1.528890182573714e-08, -4.6013010745475043e-10,
                                   1.1448943838049981e-11, -2.397782341669183e-13, 4.277907601247645e-15);
    return x * rest + kTwoOverPi * (log(x) * (x * bessel_j1_near(x)) - 1 / x);
  }
  const Waves wave = waves(x);
  const Hankel h = hankel_1(x);
  return wave_amplitude(x) * (h.q * wave.difference - h.p * wave.sum);
}

// sin(x) / x
FLAMBEAU_MATH_OUT_OF_LINE double spherical_bessel_j0(double x) {
  if (abs(x) == kInfinity<double>) return 0;
  if (x == 0) return 1;
  return (is_large_angle(x) ? sin_large(x) : sin(x)) / x;
}

// ---- the same of a float; |x| <= kTrigonometricLimit

FLAMBEAU_MATH Waves waves_for_float(double x) {
  const double n = nearest_small(x * kTwoOverPi);
  const double r = (x - n * kHalfPi1) - n * kHalfPi2Rest;
  const double s = sin_double_double(r, 0).high, c = cos_double_double(r, 0).high;
  const auto bits = quarter_bits(n);
  const double sum = s + c, difference = s - c;
  const double first = (bits & 1) != 0 ? -difference : sum, second = (bits & 1) != 0 ? sum : difference;
  return {(bits & 2) != 0 ? -first : first, (bits & 2) != 0 ? -second : second};
}
FLAMBEAU_MATH Hankel hankel_0_for_float(double x) {
  const double w = 25 / (x * x);
  const double p = polynomial(w, 0.9999999995203943, -0.0028124632200001343, 0.0001789719143704343,
                              -3.4296852325084105e-05, 9.586935656826517e-06, -1.8129755621385773e-06);
  const double q = polynomial(w, -0.1249999996582065, 0.0029296515372767484, -0.0003627359175411862,
                              0.00010611382873632046, -4.5946537462801434e-05, 1.7886179135780287e-05,
                              -3.655835453685156e-06);
  return {p, q / x};
}
FLAMBEAU_MATH Hankel hankel_1_for_float(double x) {
  const double w = 25 / (x * x);
  const double p = polynomial(w, 1.0000000005351284, 0.004687458994683215, -0.0002301879257796661,
                              4.069795307473688e-05, -1.1021056909775874e-05, 2.0585039249505286e-06);
  const double q = polynomial(w, 0.3749999976452008, -0.004101380526244128, 0.0004417617160695372,
                              -0.00011561200000777447, 3.81076016026818e-05, -7.77390010607266e-06);
  return {p, q / x};
}
FLAMBEAU_MATH double bessel_j0_near_for_float(double x) {
  const double z = x * x;
  return (z - 5.783185962946784) * (z - 30.471262343662087) *
         polynomial(z * 0.08 - 1, 0.003187355630145744, -0.0019210870436868282, 0.00048768272568474946,
                    -7.12170528000833e-05, 6.854915256847931e-06, -4.706277470393458e-07,
                    2.434954742193025e-08, -9.80036047778325e-10);
}
FLAMBEAU_MATH double bessel_j1_near_for_float(double x) {
  const double z = x * x;
  return (z - 14.681970642123893) * (z - 49.2184563216946) *
         polynomial(z * 0.08 - 1, 0.0004323698733996874, -0.00020932672734335272, 4.4218688421710116e-05,
                    -5.515452908021079e-06, 4.6259616824649426e-07, -2.819454998742499e-08,
                    1.3030964439414675e-09);
}

FLAMBEAU_MATH float bessel_j0(float x) {
  const double a = abs(x);
  const Waves wave = waves_for_float(a);
  const Hankel h = hankel_0_for_float(a);
  const double far = wave_amplitude(a) * (h.p * wave.sum - h.q * wave.difference);
  return static_cast<float>(a <= 5 ? bessel_j0_near_for_float(a) : far);
}
FLAMBEAU_MATH float bessel_j1(float x) {
  const double a = abs(x);
  const Waves wave = waves_for_float(a);
  const Hankel h = hankel_1_for_float(a);
  const double far = wave_amplitude(a) * (h.p * wave.difference + h.q * wave.sum);
  const float result = static_cast<float>(a <= 5 ? a * bessel_j1_near_for_float(a) : far);
  return is_negative(x) ? -result : result;
}
FLAMBEAU_MATH float bessel_y_limits(float x, double result) {
  const double limit = x == 0.0f ? -kInfinity<double> : kNaN<double>;
  return static_cast<float>(x > 0.0f ? result : limit);
}
FLAMBEAU_MATH float bessel_y0(float value) {
  const double x = value;
  const Waves wave = waves_for_float(x);
  const Hankel h = hankel_0_for_float(x);
  const double far = wave_amplitude(x) * (h.p * wave.difference + h.q * wave.sum);
  const double rest =
      polynomial(x * x * 0.08 - 1, 0.48372485779128077, -0.43265582228265786, -0.470576364578857,
                 0.3885163995086188, -0.11151682944948092, 0.017635345709021057, -0.0018027883728455462,
                 0.0001299455603132098, -7.009831718087082e-06, 2.921524869351352e-07);
  const double near = kTwoOverPi * log(x) * bessel_j0_near_for_float(x) + rest;
  return bessel_y_limits(value, x <= 5 ? near : far);
}
FLAMBEAU_MATH float bessel_y1(float value) {
  const double x = value;
  const Waves wave = waves_for_float(x);
  const Hankel h = hankel_1_for_float(x);
  const double far = wave_amplitude(x) * (h.q * wave.difference - h.p * wave.sum);
  const double rest =
      polynomial(x * x * 0.08 - 1, 0.13974939033478806, 0.09108650838460756, -0.16312020353619075,
                 0.06634695354532873, -0.013433434100758446, 0.0016688031466517907, -0.00014141735025629932,
                 8.733066792446822e-06, -4.125291223069772e-07, 1.5320407276091334e-08);
  const double near = x * rest + kTwoOverPi * (log(x) * (x * bessel_j1_near_for_float(x)) - 1 / x);
  return bessel_y_limits(value, x <= 5 ? near : far);
}
FLAMBEAU_MATH float spherical_bessel_j0(float value) {
  const double x = value, ratio = sin(x) / x;
  const double limit = abs(x) == kInfinity<double> ? 0 : ratio;
  return static_cast<float>(x == 0 ? 1 : limit);
}

// ---- Airy's function of the first kind

// 2/3 a^(3/2)
FLAMBEAU_MATH DoubleDouble airy_argument(double a) {
  constexpr double kThird = 0.66666666666666663, kThirdLow = 3.7007434154171883e-17;
  const double root = sqrt(a);
  const DoubleDouble square = two_product(root, root);
  const double root_low = ((a - square.high) - square.low) / (2 * root);
  const DoubleDouble power = two_product(a, root);
  const DoubleDouble product = two_product(power.high, kThird);
  return fast_two_sum(product.high,
                      product.low + (power.high * kThirdLow + (power.low + a * root_low) * kThird));
}

FLAMBEAU_MATH_OUT_OF_LINE double airy_ai(double x) {
  if (!(abs(x) < kInfinity<double>)) return kNaN<double>;
  if (x > 110) return 0;       // below the smallest number
  if (x < -0x1p600) return 0;  // its phase is beyond a double's digits; an amplitude of 2^-150 is left
  if (x >= 2) {
    static constexpr double kFar[] = {
        0.9844053049171552,     -0.014792784850104199,   0.0007327177465426715,  -6.12595423417825e-05,
        6.83476697557269e-06,   -9.237229735403982e-07,  1.436225340438052e-07,  -2.489319422322096e-08,
        4.709793440054328e-09,  -9.583863708112733e-10,  2.0745855483677591e-10, -4.737267332192277e-11,
        1.1336099808224236e-11, -2.827706782319351e-12,  7.320712095125598e-13,  -1.9599793911089723e-13,
        5.4101162570683925e-14, -1.5356466802223836e-14, 4.472340393300025e-15,  -1.3338094674756683e-15,
        4.066582046456231e-16,  -1.265583225645289e-16,  4.015126334015871e-17,  -1.2969972135960937e-17,
        4.2613499074124e-18};
    const DoubleDouble z = airy_argument(x);
    const double modulus = chebyshev(kFar, 3.7712361663282534 / z.high - 1);
    return exp(DoubleDouble{-z.high, -z.low}) * modulus * 0.28209479177387814347 / sqrt(sqrt(x));
  }
  if (x > -4) {
    static constexpr double kNear[] = {
        0.06078525685079726,     0.18996030881729123,     -0.250924387032336,      -0.09512014013503055,
        0.20236324198370076,     -0.06418728306305249,    -0.026814703186039963,   0.024051904281273857,
        -0.00413259164974895,    -0.0020196817905494225,  0.0011250768750654559,   -0.00011697538709676606,
        -7.125499253060682e-05,  2.8167833107042442e-05,  -1.7594742389691562e-06, -1.4587201524168717e-06,
        4.388747958436033e-07,   -1.4627095866197506e-08, -1.9495992841846798e-08, 4.660552774163884e-09,
        -5.106245117904234e-11,  -1.8343326708789198e-10, 3.5857642041278925e-11,  2.658241327479573e-13,
        -1.2805447574198059e-12, 2.0885896604502407e-13,  4.8741837202287105e-15,  -6.895080927885035e-15,
        9.51965014570017e-16,    3.5978991422145034e-17,  -2.9502705833721254e-17, 3.483989442459416e-18};
    return chebyshev(kNear, (x + 1) * (1.0 / 3));
  }
  static constexpr double kP[] = {0.9993708890742778,     -0.0006216836584374116,  7.181193774368645e-06,
                                  -2.316269813501758e-07, 1.3216283888528755e-08,  -1.0938736172758127e-09,
                                  1.1794620737908535e-10, -1.5518841909929856e-11, 2.386927411492466e-12,
                                  -4.16552889201035e-13,  8.071678110741467e-14,   -1.708757321110567e-14,
                                  3.902945148540815e-15,  -9.523976784907064e-16,  2.4632810885752603e-16,
                                  -6.709077463464858e-17, 1.913939683718707e-17,   -5.69308436211377e-18};
  static constexpr double kQ[] = {
      0.06882170556308001,    -0.0006089151840832694,  1.3174151014089972e-05, -6.014071912908298e-07,
      4.327537342298499e-08,  -4.247731732954726e-09,  5.232285376834493e-10,  -7.672290975115024e-11,
      1.2923809452698712e-11, -2.43852975710829e-12,   5.059047237872084e-13,  -1.1378513792256329e-13,
      2.7441377308322258e-14, -7.03448211263258e-15,   1.9032114367198917e-15, -5.403040541409308e-16,
      1.6016711026585234e-16, -4.9375274403528065e-17, 1.5773435797781153e-17, -5.206129581838458e-18,
      1.7706787947400164e-18, -6.191669620783275e-19};
  const DoubleDouble z = airy_argument(-x);
  const double w = (16.0 / 3) / z.high, t = 2 * w * w - 1;
  const double p = chebyshev(kP, t), q = chebyshev(kQ, t) / z.high;
  const Waves wave = waves(z.high);
  // Turns the phase by what z.high leaves.
  const bool large = is_large_angle(z.low);
  const double c = large ? cos_large(z.low) : cos(z.low), s = large ? sin_large(z.low) : sin(z.low);
  const double sum = wave.sum * c - wave.difference * s, difference = wave.difference * c + wave.sum * s;
  return (p * sum + q * difference) * 0.39894228040143267794 / sqrt(sqrt(-x));
}

}  // namespace flambeau::math
