// Geometry of softmax and its relatives, and of the losses over class scores.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// The middle axis of a contiguous array [outer][size][inner] is the one that is normalised.
struct SoftmaxShape {
  int64_t outer, size, inner;
};

enum class LossReduction : uint8_t { None, Mean, Sum };

// Class scores [outer][classes][inner] and int64 targets [outer][inner].
struct ClassLoss {
  SoftmaxShape shape;  // size is the number of classes
  const int64_t* targets;
  const void* weight = nullptr;  // per class, or null: all ones
  int64_t ignore_index = -100;   // targets of this value count for nothing
  double label_smoothing = 0;    // cross entropy only
  LossReduction reduction = LossReduction::Mean;
};

}  // namespace flambeau::backend
