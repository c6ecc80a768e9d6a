// The parts of random number generation that vectorise: the Mersenne Twister's recurrence and tempering, and
// the maps from its 32-bit words to uniforms, normals and coin tosses.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// The degree of the Mersenne Twister's recurrence: the words of its state.
inline constexpr int kTwisterWords = 624;
// Normals come in blocks of this many (see box_muller).
inline constexpr int kNormalBlock = 16;

struct RandomKernels {
  // The next kTwisterWords words of the recurrence, in place.
  void (*twist)(uint32_t* state);
  // n words of the state to n words of output; the arrays do not overlap.
  void (*temper)(const uint32_t* state, uint32_t* out, int64_t n);
  // from + u * (to - from), where u is the low 24 bits of a word over 2^24; a result rounded up to `to`
  // becomes `from`.
  void (*uniform_float)(const uint32_t* words, float* out, int64_t n, float from, float to);
  // The same with the low 53 bits of 64, made of two words, the high one first: 2 n words.
  void (*uniform_double)(const uint32_t* words, double* out, int64_t n, double from, double to);
  // Whole blocks of kNormalBlock uniforms in [0, 1) to as many normals, in place: the radius comes from a
  // block's first half, the angle from its second; cosines stand in the first half, sines in the second.
  void (*box_muller_float)(float* data, int64_t blocks, float mean, float std);
  void (*box_muller_double)(double* data, int64_t blocks, double mean, double std);
  // `one`, as bits of an item of 1, 2, 4 or 8 bytes (the index is their logarithm), where the low 53 bits of
  // two words are below the threshold, else 0: 2 n words.
  void (*bernoulli[4])(const uint32_t* words, void* out, int64_t n, int64_t threshold, uint64_t one);
};

// Each sets every member.
namespace baseline {
void fill(RandomKernels& kernels);
}
namespace v3 {
void fill(RandomKernels& kernels);
}
namespace v4 {
void fill(RandomKernels& kernels);
}

}  // namespace flambeau::cpu
