#include "core/random/generator.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <random>
#include <type_traits>

#include "core/cpu/kernels.h"
#include "core/tensor/error.h"

namespace flambeau {
namespace {

// What torch.get_rng_state() holds.
struct StateLayout {
  uint64_t initial_seed;
  int32_t left;
  int32_t seeded;
  uint64_t next;
  uint64_t words[cpu::kTwisterWords];
  double unused_x;
  double spare_double_normal;
  double unused_rho;
  int32_t has_spare_double_normal;
  int32_t padding;
  float spare_float_normal;
  uint8_t has_spare_float_normal;
  uint8_t end_padding[3];
};
static_assert(sizeof(StateLayout) == Generator::kStateBytes && std::is_trivially_copyable_v<StateLayout>);

// The list of living generators; changed under the GIL, as a fork from Python is.
Generator* living = nullptr;

}  // namespace

Generator::Generator(uint64_t seed) {
  static const bool registered [[maybe_unused]] = pthread_atfork(nullptr, nullptr, renew_locks) == 0;
  manual_seed(seed);
  next_living_ = living;
  if (living) living->previous_living_ = this;
  living = this;
}

Generator::~Generator() {
  (previous_living_ ? previous_living_->next_living_ : living) = next_living_;
  if (next_living_) next_living_->previous_living_ = previous_living_;
}

void Generator::renew_locks() {
  for (Generator* g = living; g; g = g->next_living_) new (&g->mutex_) std::mutex;
}

void Generator::manual_seed(uint64_t seed) {
  initial_seed_ = seed;
  // Knuth, The Art of Computer Programming, vol. 2, 3rd ed., p. 106.
  state_[0] = static_cast<uint32_t>(seed);
  for (uint32_t i = 1; i < cpu::kTwisterWords; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
  left_ = 1;
  next_ = 0;
  spare_double_normal_.reset();
  spare_float_normal_.reset();
}

uint64_t Generator::seed() {
  std::random_device entropy;
  const uint64_t high = entropy();
  const uint64_t fresh = (high << 32 | entropy()) & 0x1fffffffffffff;
  manual_seed(fresh);
  return fresh;
}

void Generator::refill() {
  cpu::kernels().random.twist(state_.data());
  temper();
  left_ = cpu::kTwisterWords;
  next_ = 0;
}

void Generator::temper() { cpu::kernels().random.temper(state_.data(), words_.data(), cpu::kTwisterWords); }

void Generator::fill(uint32_t* out, int64_t n) {
  while (n > 0) {
    if (left_ == 1) {
      refill();
      ++left_;  // random() counts the word it returns before it looks: refilling ahead of it leaves one more.
    }
    const int64_t count = std::min<int64_t>(n, left_ - 1);
    std::memcpy(out, words_.data() + next_, count * sizeof(uint32_t));
    next_ += static_cast<uint32_t>(count);
    left_ -= static_cast<int>(count);
    out += count;
    n -= count;
  }
}

Generator::State Generator::state() const {
  StateLayout layout{};
  layout.initial_seed = initial_seed_;
  layout.left = left_;
  layout.seeded = 1;
  layout.next = next_;
  std::copy(state_.begin(), state_.end(), layout.words);
  layout.spare_double_normal = spare_double_normal_.value_or(0);
  layout.has_spare_double_normal = spare_double_normal_.has_value();
  layout.spare_float_normal = spare_float_normal_.value_or(0);
  layout.has_spare_float_normal = spare_float_normal_.has_value();
  State bytes;
  std::memcpy(bytes.data(), &layout, sizeof(layout));
  return bytes;
}

void Generator::set_state(const uint8_t* bytes, size_t size) {
  check(size == kStateBytes, "Expected a CPUGeneratorImplState of size ", kStateBytes,
        " but found the input RNG state size to be ", size);
  StateLayout layout;
  std::memcpy(&layout, bytes, sizeof(layout));
  // Words past the end of the state would be read if more were left than there are.
  check(layout.seeded != 0 && layout.left > 0 && layout.left <= cpu::kTwisterWords &&
            layout.next <= static_cast<uint64_t>(cpu::kTwisterWords - (layout.left - 1)),
        "Invalid mt19937 state: these bytes do not come from get_rng_state() or Generator.get_state()");
  initial_seed_ = layout.initial_seed;
  left_ = layout.left;
  next_ = static_cast<uint32_t>(layout.next);
  std::copy(std::begin(layout.words), std::end(layout.words), state_.begin());
  temper();
  spare_double_normal_.reset();
  spare_float_normal_.reset();
  if (layout.has_spare_double_normal) spare_double_normal_ = layout.spare_double_normal;
  if (layout.has_spare_float_normal) spare_float_normal_ = layout.spare_float_normal;
}

Generator& default_generator() {
  static Generator generator;
  return generator;
}

}  // namespace flambeau
