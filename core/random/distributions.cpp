#include "core/random/distributions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/cpu/kernels.h"
#include "core/tensor/dispatch.h"

namespace flambeau::random {
namespace {

// Samples are made in pieces of this many, whose words stay in the first-level cache.
constexpr int64_t kPiece = 1024;

// Calls body(words, first, count) for successive pieces of n samples of `words_each` 32-bit words.
template <int words_each, class Body>
void for_each_piece(Generator& generator, int64_t n, Body body) {
  alignas(64) uint32_t words[kPiece * words_each];
  for (int64_t first = 0; first < n; first += kPiece) {
    const int64_t count = std::min(kPiece, n - first);
    generator.fill(words, count * words_each);
    body(words, first, count);
  }
}

template <class T>
constexpr int kWordsPerUniform = sizeof(T) / sizeof(uint32_t);

void uniform_from_words(const uint32_t* words, float* out, int64_t n, float from = 0, float to = 1) {
  cpu::kernels().random.uniform_float(words, out, n, from, to);
}
void uniform_from_words(const uint32_t* words, double* out, int64_t n, double from = 0, double to = 1) {
  cpu::kernels().random.uniform_double(words, out, n, from, to);
}

template <class T>
void fill_uniform(Generator& generator, T* out, int64_t n, T from = 0, T to = 1) {
  for_each_piece<kWordsPerUniform<T>>(generator, n, [&](const uint32_t* words, int64_t first, int64_t count) {
    uniform_from_words(words, out + first, count, from, to);
  });
}

// Calls transform(index, u) for n uniforms u in [0, 1).
template <class U, class Transform>
void for_each_uniform(Generator& generator, int64_t n, Transform transform) {
  for_each_piece<kWordsPerUniform<U>>(generator, n, [&](const uint32_t* words, int64_t first, int64_t count) {
    U u[kPiece];
    uniform_from_words(words, u, count);
    for (int64_t i = 0; i < count; ++i) transform(first + i, u[i]);
  });
}

// A C++ conversion, with values the type cannot hold saturated rather than undefined.
template <class T>
T saturated(double x) {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(x);
  else if (x >= static_cast<double>(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  else
    return static_cast<T>(x);
}

void box_muller(float* data, int64_t blocks, float mean, float std) {
  cpu::kernels().random.box_muller_float(data, blocks, mean, std);
}
void box_muller(double* data, int64_t blocks, double mean, double std) {
  cpu::kernels().random.box_muller_double(data, blocks, mean, std);
}

template <class T>
void normal_blocks(Generator& generator, DType dtype, T* out, int64_t n, T mean, T std) {
  constexpr int64_t kBlock = cpu::kNormalBlock;
  // PyTorch draws what does not make up a block only once for half precision.
  const int64_t drawn = is_half(dtype) ? n - n % kBlock : n;
  for (int64_t first = 0; first < drawn; first += kPiece) {  // a piece is a whole number of blocks
    const int64_t count = std::min(kPiece, drawn - first);
    fill_uniform(generator, out + first, count);
    box_muller(out + first, count / kBlock, mean, std);
  }
  // The last 16 items are drawn once more if they do not make up a block of their own.
  if (n % kBlock != 0) {
    fill_uniform(generator, out + n - kBlock, kBlock);
    box_muller(out + n - kBlock, 1, mean, std);
  }
}

// x mod `divisor` by two multiplications (Lemire, Kaser and Kurz, "Faster remainder by direct computation",
// 2019).
class Remainder {
 public:
  explicit Remainder(uint32_t divisor) : divisor_(divisor), inverse_(UINT64_MAX / divisor + 1) {}
  uint32_t operator()(uint32_t x) const {
    return static_cast<uint32_t>((static_cast<unsigned __int128>(inverse_ * x) * divisor_) >> 64);
  }

 private:
  uint64_t divisor_, inverse_;
};

uint64_t word64(const uint32_t* words) { return static_cast<uint64_t>(words[0]) << 32 | words[1]; }

// The end of the range that integers() without bounds draws from.
template <class T>
constexpr uint64_t integer_end(DType dtype) {
  if constexpr (std::is_same_v<T, bool>)
    return 2;
  else if constexpr (std::is_floating_point_v<T>)
    return (uint64_t{1} << significant_bits(dtype)) + 1;
  else
    return static_cast<uint64_t>(std::numeric_limits<T>::max()) + 1;
}

// Modular sums are PyTorch's: the sum of base and remainder may pass through the end of int64.
template <class T>
T offset(uint64_t remainder, int64_t base) {
  return static_cast<T>(static_cast<int64_t>(remainder + static_cast<uint64_t>(base)));
}

template <class T>
void integers_of_32_bits(Generator& generator, T* out, int64_t n, uint32_t range, int64_t base) {
  const Remainder remainder(range);
  for_each_piece<1>(generator, n, [&](const uint32_t* words, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; ++i) out[first + i] = offset<T>(remainder(words[i]), base);
  });
}

// A range of 0 stands for 2^64.
template <class T>
void integers_of_64_bits(Generator& generator, T* out, int64_t n, uint64_t range, int64_t base) {
  for_each_piece<2>(generator, n, [&](const uint32_t* words, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t word = word64(words + 2 * i);
      out[first + i] = offset<T>(range == 0 ? word : word % range, base);
    }
  });
}

}  // namespace

void uniform(Generator& generator, DType dtype, void* out, int64_t n, double from, double to) {
  visit_floating(compute_dtype(dtype), "check_uniform_bounds", [&]<class T>() {
    fill_uniform(generator, static_cast<T*>(out), n, static_cast<T>(from), static_cast<T>(to));
  });
}

double standard_uniform(Generator& generator) {
  return static_cast<double>(generator.random64() & 0x1fffffffffffff) * 0x1p-53;
}

double standard_normal(Generator& generator) {
  std::optional<double>& spare = generator.spare_double_normal();
  if (spare) {
    const double sample = *spare;
    spare.reset();
    return sample;
  }
  const double u1 = standard_uniform(generator), u2 = standard_uniform(generator);
  const double radius = std::sqrt(-2.0 * std::log1p(-u2)), angle = 2.0 * M_PI * u1;
  spare = radius * std::sin(angle);
  return radius * std::cos(angle);
}

void normal(Generator& generator, DType dtype, void* out, int64_t n, double mean, double std,
            NormalOrder order) {
  visit_floating(compute_dtype(dtype), "normal_kernel_cpu", [&]<class T>() {
    T* items = static_cast<T*>(out);
    if (order == NormalOrder::Blocks) {
      normal_blocks(generator, dtype, items, n, static_cast<T>(mean), static_cast<T>(std));
    } else {
      for (int64_t i = 0; i < n; ++i)
        items[i] = static_cast<T>(std::fma(standard_normal(generator), std, mean));
    }
  });
}

void log_normal(Generator& generator, DType dtype, void* out, int64_t n, double mean, double std) {
  visit_floating(compute_dtype(dtype), "log_normal_cpu", [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) {
      static_cast<T*>(out)[i] = static_cast<T>(std::exp(std::fma(standard_normal(generator), std, mean)));
    }
  });
}

void cauchy(Generator& generator, DType dtype, void* out, int64_t n, double median, double sigma) {
  visit_floating(compute_dtype(dtype), "cauchy_cpu", [&]<class T>() {
    for_each_uniform<double>(generator, n, [&](int64_t i, double u) {
      static_cast<T*>(out)[i] = static_cast<T>(std::fma(sigma, std::tan(M_PI * (u - 0.5)), median));
    });
  });
}

void exponential(Generator& generator, DType dtype, void* out, int64_t n, double rate) {
  const double scale = -1.0 / rate;
  visit_floating(compute_dtype(dtype), "exponential_cpu", [&]<class T>() {
    for_each_uniform<double>(generator, n, [&](int64_t i, double u) {
      static_cast<T*>(out)[i] = static_cast<T>(scale * std::log1p(-u));
    });
  });
}

void geometric(Generator& generator, DType dtype, void* out, int64_t n, double p) {
  const double log_failure = std::log1p(-p);
  visit_number(compute_dtype(dtype), "geometric_cpu", [&]<class T>() {
    for_each_uniform<double>(generator, n, [&](int64_t i, double u) {
      static_cast<T*>(out)[i] = saturated<T>(std::ceil(std::log(u) / log_failure));
    });
  });
}

void bernoulli(Generator& generator, DType dtype, void* out, int64_t n, double p, double one) {
  // u < p, for u = k / 2^53.
  const int64_t threshold = static_cast<int64_t>(std::ceil(p * 0x1p53));
  visit_real(compute_dtype(dtype), "bernoulli_scalar_cpu_", [&]<class T>() {
    const T item = static_cast<T>(one);
    uint64_t bits = 0;
    std::memcpy(&bits, &item, sizeof(T));
    const auto kernel = cpu::kernels().random.bernoulli[std::bit_width(sizeof(T)) - 1];
    for_each_piece<2>(generator, n, [&](const uint32_t* words, int64_t first, int64_t count) {
      kernel(words, static_cast<T*>(out) + first, count, threshold, bits);
    });
  });
}

void bernoulli(Generator& generator, DType dtype, void* out, int64_t n, DType p_dtype, const void* p) {
  visit_real(compute_dtype(dtype), "bernoulli_scalar_cpu_", [&]<class T>() {
    visit_floating(p_dtype, "bernoulli_tensor_cpu_p_", [&]<class P>() {
      for_each_uniform<P>(generator, n, [&](int64_t i, P u) {
        static_cast<T*>(out)[i] = static_cast<T>(u < static_cast<const P*>(p)[i]);
      });
    });
  });
}

void integers(Generator& generator, DType dtype, void* out, int64_t n, uint64_t range, int64_t base) {
  // Below this, the remainder's skew is under a sixteenth of a part.
  constexpr uint64_t kLargestFor32Bits = uint64_t{1} << 28;
  visit_item(compute_dtype(dtype), "random_from_to_kernel_cpu", [&]<class T>() {
    T* items = static_cast<T*>(out);
    if (range != 0 && range < kLargestFor32Bits) {
      integers_of_32_bits(generator, items, n, static_cast<uint32_t>(range), base);
    } else {
      integers_of_64_bits(generator, items, n, range, base);
    }
  });
}

void integers(Generator& generator, DType dtype, void* out, int64_t n) {
  visit_real(compute_dtype(dtype), "random_kernel_cpu", [&]<class T>() {
    if constexpr (sizeof(T) == 8) {
      integers_of_64_bits(generator, static_cast<T*>(out), n, integer_end<T>(dtype), 0);
    } else {
      integers_of_32_bits(generator, static_cast<T*>(out), n, static_cast<uint32_t>(integer_end<T>(dtype)),
                          0);
    }
  });
}

void permutation(Generator& generator, DType dtype, void* out, int64_t n) {
  // From here on the remainders of 32-bit words would be skewed.
  constexpr int64_t kFirstFor64Bits = UINT32_MAX / 20;
  visit_real(compute_dtype(dtype), "randperm", [&]<class T>() {
    T* items = static_cast<T*>(out);
    for (int64_t i = 0; i < n; ++i) items[i] = static_cast<T>(i);
    // Fisher and Yates' shuffle (Durstenfeld, "Algorithm 235", 1964).
    if (n < kFirstFor64Bits) {
      for_each_piece<1>(generator, n - 1, [&](const uint32_t* words, int64_t first, int64_t count) {
        for (int64_t k = 0; k < count; ++k) {
          const int64_t i = first + k;
          std::swap(items[i], items[i + words[k] % static_cast<uint32_t>(n - i)]);
        }
      });
    } else {
      for (int64_t i = 0; i < n - 1; ++i) {
        std::swap(items[i], items[i + generator.random64() % static_cast<uint64_t>(n - i)]);
      }
    }
  });
}

void multinomial(Generator& generator, DType dtype, const void* weights, void* cumulative,
                 int64_t n_categories, int64_t* out, int64_t n_samples) {
  visit_floating(compute_dtype(dtype), "multinomial", [&]<class T>() {
    T* distribution = static_cast<T*>(cumulative);
    const T* const weight = static_cast<const T*>(weights);
    T sum = 0;
    for (int64_t i = 0; i < n_categories; ++i) distribution[i] = sum += weight[i];
    for (int64_t i = 0; i < n_categories; ++i) distribution[i] /= sum;
    distribution[n_categories - 1] = 1;
    for_each_uniform<double>(generator, n_samples, [&](int64_t i, double u) {
      const T* found =
          std::partition_point(distribution, distribution + n_categories, [u](T x) { return x < u; });
      int64_t category = found - distribution;
      // A draw of exactly 0 finds leading categories of weight 0.
      while (weight[category] == 0 && category + 1 < n_categories) ++category;
      out[i] = category;
    });
  });
}

}  // namespace flambeau::random
