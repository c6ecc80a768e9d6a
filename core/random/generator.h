#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/cpu/random/random.h"

namespace flambeau {

// A stream of pseudo-random numbers: the Mersenne Twister MT19937, seeded and serialised as PyTorch's CPU
// generator is. Users lock its mutex around every use, because long draws run without Python's lock.
class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  // PyTorch's layout of a generator's state, in bytes.
  static constexpr size_t kStateBytes = 5056;
  using State = std::array<uint8_t, kStateBytes>;

  explicit Generator(uint64_t seed = kDefaultSeed);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const { return initial_seed_; }
  // Seeds from the operating system's entropy; returns the seed (of 53 bits).
  uint64_t seed();

  uint32_t random() {
    if (--left_ == 0) refill();
    return words_[next_++];
  }
  uint64_t random64() {
    const uint64_t high = random();
    return high << 32 | random();
  }
  // The next n results of random().
  void fill(uint32_t* out, int64_t n);

  // Box-Muller makes normals in pairs; these are the second ones, kept for the next call.
  std::optional<double>& spare_double_normal() { return spare_double_normal_; }

  std::mutex& mutex() { return mutex_; }

  State state() const;
  // Throws RuntimeError if these are not the bytes of a state.
  void set_state(const uint8_t* bytes, size_t size);

 private:
  void refill();
  void temper();
  // In a forked child: a lock that another thread of the parent held would never be released.
  static void renew_locks();

  std::mutex mutex_;
  Generator* next_living_ = nullptr;  // all generators, for renew_locks
  Generator* previous_living_ = nullptr;
  uint64_t initial_seed_;
  // random() may be called left_ - 1 times before the recurrence has to be advanced.
  int left_;
  uint32_t next_;
  std::optional<double> spare_double_normal_;
  // Nothing here draws one: kept because PyTorch's state has it.
  std::optional<float> spare_float_normal_;
  std::array<uint32_t, cpu::kTwisterWords> state_;
  std::array<uint32_t, cpu::kTwisterWords> words_;  // state_, tempered
};

// The generator used where none is given.
Generator& default_generator();

}  // namespace flambeau
