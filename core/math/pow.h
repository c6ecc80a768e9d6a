// pow: exp(y log|x|), with the logarithm in double-double for double and in double for float; then the
// special values.
#pragma once
#include "core/math/exp.h"
#include "core/math/log.h"

namespace flambeau::math {

// log(x) to about 2^-64 of itself; x > 0. Zero and infinity give -inf and inf.
FLAMBEAU_MATH DoubleDouble log_double_double(double x) {
  const auto [e, m] = reduce_by_two(x);
  // s = (m - 1) / (m + 1)
  const double numerator = m - 1;
  const DoubleDouble denominator = fast_two_sum(1, m);
  const double s = numerator / denominator.high;
  const DoubleDouble back = two_product(s, denominator.high);
  const double s_low = (((numerator - back.high) - back.low) - s * denominator.low) / denominator.high;
  // 2 s + s^3 (2/3 + s^2 P)
  const DoubleDouble square = two_product(s, s);
  const double z = square.high, z_low = square.low + 2 * s * s_low;
  const double tail =
      z * polynomial(z, 0.4, 0.2857142857142937, 0.22222222221652765, 0.18181818336099848, 0.1538459488700718,
                     0.1333480879881234, 0.11706126464563398, 0.11724327060846747);
  const DoubleDouble inner = fast_two_sum(0.6666666666666666, tail);
  const double inner_low = inner.low + 3.700743415417188e-17;
  const DoubleDouble cube = two_product(z, inner.high);
  const double cube_low = cube.low + z * inner_low + z_low * inner.high;  // s^2 (2/3 + ...)
  const DoubleDouble product = two_product(s, cube.high);
  const double product_low = product.low + s * cube_low + s_low * cube.high;
  const DoubleDouble leading = two_sum(e * kLn2High<double>, 2 * s);
  const DoubleDouble high = two_sum(leading.high, product.high);
  const double low = high.low + (leading.low + (e * kLn2Low<double> + (2 * s_low + product_low)));
  const DoubleDouble result = fast_two_sum(high.high, low);
  const double limit = x == 0 ? -kInfinity<double> : x;
  const bool ordinary = x > 0 && x < kInfinity<double>;
  return {ordinary ? result.high : limit, ordinary ? result.low : 0.0};
}

FLAMBEAU_MATH double pow_magnitude(double a, double y) {
  const DoubleDouble logarithm = log_double_double(a);
  const DoubleDouble product = two_product(y, logarithm.high);
  const double low = product.low + y * logarithm.low;
  return exp(DoubleDouble{product.high, abs(product.high) < 1000 ? low : 0.0});
}
// 2^(y log2(a)) in double, to 2^-32 of itself: shorter series than double's own functions need.
FLAMBEAU_MATH float pow_magnitude(float a, float y) {
  const double x = a;
  const auto [e, m] = reduce_by_two(x);
  const double s = (m - 1) / (m + 1), z = s * s;
  const double series = polynomial(z, 2.0, 0.6666666666737868, 0.3999999879244169, 0.28571755535032944,
                                   0.22191337428065783, 0.19363884986633198);
  const double logarithm = log_limits(x, e + s * series * 1.4426950408889634);
  const double t = clamp_exponent(static_cast<double>(y) * logarithm, -200.0, 200.0);
  const double n = nearest_small(t), r = (t - n) * 0.69314718055994530942;
  const double power = polynomial(r, 1.0, 1.0, 0.5000000013866818, 0.1666666668206858, 0.04166646093850131,
                                  0.008333310482738776, 0.0013934090352815372, 0.0001989147984135547);
  return static_cast<float>(power * power_of_two(n));
}

template <class T>
FLAMBEAU_MATH T pow(T x, T y) {
  const T a = abs(x);
  T result = pow_magnitude(a, y);
  result = a == T(1) ? T(1) : result;  // also for y = +-inf
  const T half = y * T(0.5);
  const bool integral = trunc(y) == y;
  const bool odd = integral & (trunc(half) != half);
  result = odd ? copysign(result, x) : result;
  result = ((x < T(0)) & !integral & (a < kInfinity<T>)) ? kNaN<T> : result;
  result = is_nan(x) | is_nan(y) ? kNaN<T> : result;
  return ((y == T(0)) | (x == T(1))) ? T(1) : result;
}

}  // namespace flambeau::math
