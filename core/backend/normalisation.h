// Geometry of the normalisation of rows: layer and group normalisation.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// Contiguous rows of channels * inner elements, each with a mean and a variance of its own. Row r has the
// channels (r % groups) * channels ... of the `groups * channels` that the factors and summands count.
struct NormShape {
  int64_t rows, groups, channels, inner;
  double eps;

  int64_t size() const { return channels * inner; }
  int64_t parameters() const { return groups * channels; }
};

}  // namespace flambeau::backend
