// Eight masks at a time become a byte of bits, which looks up the permutation that brings the chosen items to
// the front (Lemire & Kurz, "Vectorized VByte decoding", 2015, use such tables; the idea is older).
#include <cstdint>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "core/cpu/indexing/mask.h"

namespace flambeau::cpu::FLAMBEAU_ISA {

namespace {

uint64_t eight(const uint8_t* mask) {
  uint64_t word;
  std::memcpy(&word, mask, 8);
  return word;
}

template <int item>
void compress_slowly(const char* in, const uint8_t* mask, int64_t from, int64_t n, char* out, int64_t k,
                     int64_t count) {
  int64_t i = from;
  // Without a branch for each element: every item is written, and stays where it is true. While eight more
  // fit.
  for (; i + 8 <= n && k + 8 <= count; i += 8) {
    if (!eight(mask + i)) continue;
    for (int64_t j = i; j < i + 8; ++j) {
      std::memcpy(out + k * item, in + j * item, item);
      k += mask[j] != 0;
    }
  }
  for (; i < n && k < count; ++i)
    if (mask[i]) std::memcpy(out + k++ * item, in + i * item, item);
}

#if defined(__AVX2__)

// For each byte of bits: the places of the set ones, in order.
struct Places {
  alignas(64) int8_t of[256][8];
  constexpr Places() : of{} {
    for (int bits = 0; bits < 256; ++bits) {
      int k = 0;
      for (int b = 0; b < 8; ++b)
        if (bits >> b & 1) of[bits][k++] = static_cast<int8_t>(b);
    }
  }
};
constexpr Places kPlaces;

// One bit for each byte that is not 0.
int bits_of(uint64_t word) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7fULL;
  const uint64_t set = ((((word & kLow) + kLow) | word) >> 7) & 0x0101010101010101ULL;
  return static_cast<int>((set * 0x0102040810204080ULL) >> 56);
}
__m128i places(int bits) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kPlaces.of[bits])); }

void compress_eight(const char* in, int bits, char* out, int64_t& k, char (*)[4]) {
  const __m256i items = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
  const __m256i chosen = _mm256_permutevar8x32_epi32(items, _mm256_cvtepi8_epi32(places(bits)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + k * 4), chosen);
  k += __builtin_popcount(static_cast<unsigned>(bits));
}
void compress_eight(const char* in, int bits, char* out, int64_t& k, char (*)[8]) {
  for (int half = 0; half < 2; ++half, bits >>= 4) {
    // Four items as pairs of 32-bit lanes.
    const __m256i place = _mm256_cvtepi8_epi64(places(bits & 15));
    const __m256i low = _mm256_add_epi64(place, place);
    const __m256i lanes =
        _mm256_or_si256(low, _mm256_slli_epi64(_mm256_add_epi64(low, _mm256_set1_epi64x(1)), 32));
    const __m256i items = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + half * 32));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + k * 8), _mm256_permutevar8x32_epi32(items, lanes));
    k += __builtin_popcount(static_cast<unsigned>(bits & 15));
  }
}

template <int item>
void compress(const void* from, const uint8_t* mask, int64_t n, void* to, int64_t count) {
  const auto* in = static_cast<const char*>(from);
  auto* out = static_cast<char*>(to);
  int64_t i = 0, k = 0;
  if constexpr (item == 4 || item == 8) {
    for (; i + 8 <= n && k + 8 <= count; i += 8)
      if (const uint64_t word = eight(mask + i))
        compress_eight(in + i * item, bits_of(word), out, k, static_cast<char (*)[item]>(nullptr));
  }
  compress_slowly<item>(in, mask, i, n, out, k, count);
}

#else

template <int item>
void compress(const void* from, const uint8_t* mask, int64_t n, void* to, int64_t count) {
  compress_slowly<item>(static_cast<const char*>(from), mask, 0, n, static_cast<char*>(to), 0, count);
}

#endif

void positions(const uint8_t* mask, int64_t n, int64_t first, int64_t* out, int64_t count) {
  int64_t i = 0, k = 0;
#if defined(__AVX2__)
  for (; i + 8 <= n && k + 8 <= count; i += 8) {
    const uint64_t word = eight(mask + i);
    if (!word) continue;
    const int bits = bits_of(word);
    const __m128i place = places(bits);
    const __m256i base = _mm256_set1_epi64x(first + i);
    auto* to = reinterpret_cast<__m256i*>(out + k);
    _mm256_storeu_si256(to, _mm256_add_epi64(base, _mm256_cvtepi8_epi64(place)));
    _mm256_storeu_si256(to + 1, _mm256_add_epi64(base, _mm256_cvtepi8_epi64(_mm_srli_si128(place, 4))));
    k += __builtin_popcount(static_cast<unsigned>(bits));
  }
#endif
  for (; i < n && k < count; ++i)
    if (mask[i]) out[k++] = first + i;
}

int64_t count_true(const uint8_t* mask, int64_t n) {
  int64_t total = 0;
  for (int64_t i = 0; i < n;) {
    const int64_t end = n < i + 128 ? n : i + 128;
    uint8_t part = 0;  // at most 128: a byte per lane suffices
    for (; i < end; ++i) part = static_cast<uint8_t>(part + (mask[i] != 0));
    total += part;
  }
  return total;
}

bool any_outside(const int64_t* positions, int64_t n, int64_t lift, int64_t size) {
  // The sign of p + lift or of size - 1 - p is set where p lies outside.
  uint64_t signs = 0;
  for (int64_t j = 0; j < n; ++j) {
    const uint64_t p = static_cast<uint64_t>(positions[j]);
    signs |= (p + static_cast<uint64_t>(lift)) | (static_cast<uint64_t>(size - 1) - p);
  }
  return signs >> 63;
}

}  // namespace

void fill(MaskKernels& kernels) {
  kernels.compress[0] = compress<1>;
  kernels.compress[1] = compress<2>;
  kernels.compress[2] = compress<4>;
  kernels.compress[3] = compress<8>;
  kernels.compress[4] = compress<16>;
  kernels.positions = positions;
  kernels.count = count_true;
  kernels.any_outside = any_outside;
  fill(kernels.bags);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
