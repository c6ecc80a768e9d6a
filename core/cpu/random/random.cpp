// Kernel source: compiled once per instruction set.
#include "core/cpu/random/random.h"

#include "core/cpu/lanes.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Matsumoto and Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random
// number generator", ACM TOMACS 8(1), 1998.
constexpr int kShift = 397;

inline uint32_t next_word(uint32_t current, uint32_t following, uint32_t shifted) {
  const uint32_t mixed = (current & 0x80000000u) | (following & 0x7fffffffu);
  return shifted ^ (mixed >> 1) ^ ((0u - (following & 1u)) & 0x9908b0dfu);
}

void twist(uint32_t* state) {
  constexpr int kTail = kTwisterWords - kShift;
  for (int i = 0; i < kTail; ++i) state[i] = next_word(state[i], state[i + 1], state[i + kShift]);
  // Each word depends on one kTail words before, which is far enough for any vector.
#pragma GCC ivdep
  for (int i = kTail; i < kTwisterWords - 1; ++i)
    state[i] = next_word(state[i], state[i + 1], state[i - kTail]);
  state[kTwisterWords - 1] = next_word(state[kTwisterWords - 1], state[0], state[kShift - 1]);
}

void temper(const uint32_t* __restrict state, uint32_t* __restrict out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t y = state[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    out[i] = y ^ (y >> 18);
  }
}

// a * b + c, rounded once where the instruction set can.
template <class T>
inline T multiply_add(T a, T b, T c) {
#ifdef __FMA__
  if constexpr (sizeof(T) == 4)
    return __builtin_fmaf(a, b, c);
  else
    return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

void uniform_float(const uint32_t* __restrict words, float* __restrict out, int64_t n, float from, float to) {
  const float width = to - from;
  for (int64_t i = 0; i < n; ++i) {
    const float u = static_cast<float>(static_cast<int32_t>(words[i] & 0xffffffu)) * 0x1p-24f;
    const float x = multiply_add(u, width, from);
    out[i] = x == to ? from : x;
  }
}

// Two words as the 53-bit integer they stand for.
inline uint64_t low_53_bits(const uint32_t* words) {
  return static_cast<uint64_t>(words[0] & 0x1fffffu) << 32 | words[1];
}

// An integer below 2^52 as a double; AVX2 has no such conversion, but setting the exponent of 2^52 is one.
inline double to_double(uint64_t integer) {
  return __builtin_bit_cast(double, integer | 0x4330000000000000u) - 0x1p52;
}

void uniform_double(const uint32_t* __restrict words, double* __restrict out, int64_t n, double from,
                    double to) {
  const double width = to - from;
  for (int64_t i = 0; i < n; ++i) {
    const double high = to_double(words[2 * i] & 0x1fffffu), low = to_double(words[2 * i + 1]);
    const double x = multiply_add((high * 0x1p32 + low) * 0x1p-53, width, from);
    out[i] = x == to ? from : x;
  }
}

template <class Item>
void bernoulli(const uint32_t* __restrict words, void* __restrict out, int64_t n, int64_t threshold,
               uint64_t one) {
  Item* items = static_cast<Item*>(out);
  for (int64_t i = 0; i < n; ++i) {
    items[i] =
        static_cast<int64_t>(low_53_bits(words + 2 * i)) < threshold ? static_cast<Item>(one) : Item{0};
  }
}

// At most half a block of normals.
template <class T>
constexpr int kWidth = smaller(kLanes<T>, kNormalBlock / 2);
template <class T>
using Real = Vec<T, kWidth<T>>;
template <class T>
using Integer = Vec<MaskItem<T>, kWidth<T>>;

template <class T>
inline Integer<T> bits(Real<T> x) {
  return reinterpret_cast<Integer<T>>(x);
}
template <class T>
inline Real<T> real(Integer<T> x) {
  return reinterpret_cast<Real<T>>(x);
}
template <class V>
inline V polynomial(V, V sum) {
  return sum;
}
template <class V, class C, class... Cs>
inline V polynomial(V x, V sum, C next, Cs... rest) {
  return polynomial(x, sum * x + next, rest...);
}

// Logarithm, sine and cosine for the few arguments that occur here, so without the range checks of core/math.
// They follow the Cephes library (Moshier, "Methods and Programs for Mathematical Functions", 1989), as
// PyTorch's do.
template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int kMantissaBits = 23;
  static constexpr int32_t kOneBits = 0x3f800000, kHalfRootBits = 0x3f3504f3;  // 1, sqrt(1/2)
  static constexpr float kRounder = 0x1.8p23f;
  // pi/2 in three parts; the first two have so few bits that a product with 4 is exact.
  static constexpr float kHalfPi[3] = {1.5703125f, 4.837512969970703125e-4f, 7.54978995489188216e-8f};
  static constexpr float kTwoOverPi = 0.636619772367581343f;
  static constexpr float kLogTwo[2] = {0.693359375f, -2.12194440e-4f};
};
template <>
struct Format<double> {
  static constexpr int kMantissaBits = 52;
  static constexpr int64_t kOneBits = 0x3ff0000000000000, kHalfRootBits = 0x3fe6a09e667f3bcd;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr double kHalfPi[3] = {2 * 7.85398125648498535156e-1, 2 * 3.77489470793079817668e-8,
                                        2 * 2.69515142907905952645e-15};
  static constexpr double kTwoOverPi = 0.636619772367581343;
  static constexpr double kLogTwo[2] = {0.693359375, -2.121944400546905827679e-4};
};

// log(1 + f) = f - f^2/2 + f^3 R(f) for f in [sqrt(1/2) - 1, sqrt(2) - 1]: this is R.
inline Real<float> log_tail(Real<float> f) {
  return polynomial(f, f * 7.0376836292e-2f - 1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f,
                    1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f,
                    3.3333331174e-1f);
}
inline Real<double> log_tail(Real<double> f) {
  const Real<double> p =
      polynomial(f, f * 1.01875663804580931796e-4 + 4.97494994976747001425e-1, 4.70579119878881725854,
                 1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666);
  const Real<double> q =
      polynomial(f, f + 1.12873587189167450590e1, 4.52279145837532221105e1, 8.29875266912776603211e1,
                 7.11544750618563894466e1, 2.31251620126765340583e1);
  return p / q;
}

// The logarithm of numbers in (0, 1], none of them subnormal.
template <class T>
inline Real<T> log_unit(Real<T> x) {
  using F = Format<T>;
  // x = 2^exponent * (1 + f), sqrt(1/2) <= 1 + f < sqrt(2).
  const Integer<T> offset = bits<T>(x) - F::kHalfRootBits;
  const Integer<T> exponent = offset >> F::kMantissaBits;
  const Real<T> f = real<T>(bits<T>(x) - (exponent << F::kMantissaBits)) - T{1};
  const Real<T> e = real<T>(exponent + bits<T>(Real<T>{} + F::kRounder)) - F::kRounder;
  const Real<T> square = f * f;
  const Real<T> tail = f * square * log_tail(f) + e * F::kLogTwo[1] - square * T(0.5);
  return e * F::kLogTwo[0] + (f + tail);
}

inline Real<float> sine_tail(Real<float> z) {
  return polynomial(z, z * -1.9515295891e-4f + 8.3321608736e-3f, -1.6666654611e-1f);
}
inline Real<float> cosine_tail(Real<float> z) {
  return polynomial(z, z * 2.443315711809948e-5f - 1.388731625493765e-3f, 4.166664568298827e-2f);
}
inline Real<double> sine_tail(Real<double> z) {
  return polynomial(z, z * 1.58962301576546568060e-10 - 2.50507477628578072866e-8, 2.75573136213857245213e-6,
                    -1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1);
}
inline Real<double> cosine_tail(Real<double> z) {
  return polynomial(z, z * -1.13585365213876817300e-11 + 2.08757008419747316778e-9,
                    -2.75573141792967388112e-7, 2.48015872888517045348e-5, -1.38888888888730564116e-3,
                    4.16666666666665929218e-2);
}

template <class T>
struct SineCosine {
  Real<T> sine, cosine;
};

// Of angles in [0, 2 pi].
template <class T>
inline SineCosine<T> sine_cosine(Real<T> angle) {
  using F = Format<T>;
  const Real<T> rounded = angle * F::kTwoOverPi + F::kRounder;
  const Integer<T> quadrant = bits<T>(rounded);
  const Real<T> turns = rounded - F::kRounder;
  const Real<T> r = angle - turns * F::kHalfPi[0] - turns * F::kHalfPi[1] - turns * F::kHalfPi[2];
  const Real<T> z = r * r;
  const Real<T> sine = sine_tail(z) * z * r + r;
  const Real<T> cosine = cosine_tail(z) * z * z - z * T(0.5) + T{1};
  const Integer<T> odd = (quadrant & 1) != 0;
  constexpr int kSignShift = 8 * sizeof(T) - 2;
  const Integer<T> sign_of_sine = (quadrant & 2) << kSignShift, sign_of_cosine = ((quadrant + 1) & 2)
                                                                                 << kSignShift;
  return {real<T>(bits<T>(odd ? cosine : sine) ^ sign_of_sine),
          real<T>(bits<T>(odd ? sine : cosine) ^ sign_of_cosine)};
}

template <class T>
inline Real<T> square_root(Real<T> x) {
  for (unsigned i = 0; i < sizeof(x) / sizeof(T); ++i) {
    if constexpr (sizeof(T) == 4)
      x[i] = __builtin_sqrtf(x[i]);
    else
      x[i] = __builtin_sqrt(x[i]);
  }
  return x;
}

// Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
template <class T>
void box_muller(T* data, int64_t blocks, T mean, T std) {
  constexpr int kHalf = kNormalBlock / 2;
  constexpr T kTwoPi = T(6.283185307179586476925);
  for (T* block = data; block != data + blocks * kNormalBlock; block += kNormalBlock) {
    for (int i = 0; i < kHalf; i += kWidth<T>) {
      const Real<T> u1 = load_lanes<kWidth<T>>(block + i), u2 = load_lanes<kWidth<T>>(block + kHalf + i);
      const Real<T> radius = square_root<T>(log_unit<T>(T{1} - u1) * T{-2});
      const SineCosine<T> direction = sine_cosine<T>(u2 * kTwoPi);
      store(block + i, radius * direction.cosine * std + mean);
      store(block + kHalf + i, radius * direction.sine * std + mean);
    }
  }
}

}  // namespace

void fill(RandomKernels& kernels) {
  kernels = {twist,
             temper,
             uniform_float,
             uniform_double,
             box_muller<float>,
             box_muller<double>,
             {bernoulli<uint8_t>, bernoulli<uint16_t>, bernoulli<uint32_t>, bernoulli<uint64_t>}};
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
