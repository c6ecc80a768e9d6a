// Geometry of normalisation: of rows (layer, group and root-mean-square normalisation), and of channels
// (batch normalisation).
#pragma once
#include <cstdint>

namespace flambeau::backend {

// Contiguous rows of channels * inner elements, each with a mean and a variance of its own. Row r has the
// channels (r % groups) * channels ... of the `groups * channels` that the factors and summands count. With
// the channels last, a sample's `inner` elements of all its groups' channels stand beside each other.
struct NormShape {
  int64_t rows, groups, channels, inner;
  double eps;
  bool centred = true;  // the mean is subtracted
  bool channels_last = false;

  int64_t size() const { return channels * inner; }
  int64_t parameters() const { return groups * channels; }
};

// Channels of samples * inner elements, each with a mean and a variance of its own. Element i of channel c of
// sample n lies at (n * channels + c) * inner + i; or, where the channels lie last, at
// (n * inner + i) * channels + c.
struct ChannelShape {
  int64_t samples, channels, inner;
  bool channels_last;
  double eps;

  int64_t size() const { return samples * inner; }
};

// What batch normalisation has beside its input: `channels` elements each. Factors and summands may be null;
// so may the running statistics in training, when they move by the share `momentum` towards those of the
// input, of which the variance is divided by one element less.
struct ChannelNorm {
  bool training;
  double momentum;
  const void *weight, *bias;
  void *running_mean, *running_var;
  void *means, *scales;  // results: what was subtracted, and 1 / sqrt(variance + eps)
};

}  // namespace flambeau::backend
