// One layer of a recurrent network over whole sequences, recorded as one node.
#pragma once
#include <array>
#include <vector>

#include "core/backend/recurrent.h"
#include "core/ops/operators.h"

namespace flambeau {

using backend::Recurrence;

// Which rows of a layer's input are whose: step t has the rows first_row[t] ... first_row[t + 1] - 1, of the
// first, longest sequences.
struct Sequences {
  std::vector<int64_t> first_row;
  int64_t batch;

  int64_t steps() const { return static_cast<int64_t>(first_row.size()) - 1; }
  int64_t rows() const { return first_row.back(); }
  int64_t count(int64_t step) const {
    return first_row[static_cast<size_t>(step) + 1] - first_row[static_cast<size_t>(step)];
  }
  static Sequences even(int64_t steps, int64_t batch);
};

struct LayerKind {
  Recurrence recurrence;
  bool biased, projected;

  size_t weights() const { return 2 + 2 * biased + projected; }  // of a direction
};
// The results and the states behind the last step; of anything but an LSTM no cell.
struct LayerResults {
  Tensor y, h, c;
};

// Refuses weights (of one direction) that do not fit an input of such sizes and dtype.
void check_recurrent_weights(const char* name, const LayerKind& kind, TensorList weights, const Dims& input,
                             DType dtype);
// Refuses tensors that lie elsewhere than x.
void check_recurrent_places(const char* name, const Tensor& x, TensorList others);

// x: (..., input), rows by steps. h and c: one state for each direction and sequence, in any shape.
// `weights`, for each direction: input, state, both biases if there are, projection if there is. y gets the
// sizes `y_sizes`. Everything is float32, float64 or complex, of one dtype and of sizes that fit.
LayerResults recurrent_layer(const LayerKind& kind, const Sequences& sequences, const Tensor& x,
                             const Tensor& h, const Tensor& c, TensorList weights, const Dims& y_sizes);
// The same by operators, each of which is recorded.
LayerResults composed_layer(const LayerKind& kind, const Sequences& sequences, const Tensor& x,
                            const Tensor& h, const Tensor& c, TensorList weights, const Dims& y_sizes);

}  // namespace flambeau
