// Geometry of the losses over sequences of class scores.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// Log-probabilities [steps][batch][classes] and, for each sample, the labels that its first input_lengths
// steps are to spell.
struct CtcLoss {
  int64_t steps, batch, classes, blank;
  const int64_t* targets;  // sample n's labels: targets[starts[n]] and those behind it
  const int64_t* starts;
  const int64_t* input_lengths;
  const int64_t* target_lengths;
  int64_t states;      // 2 * the longest target + 1
  bool zero_infinity;  // losses that are infinite have no gradient
};

}  // namespace flambeau::backend
