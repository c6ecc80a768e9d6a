// Geometry of a recurrent layer: what its steps are, and where its arrays lie.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// h' = tanh(x W + h U), relu(x W + h U), the long short-term memory, the gated recurrent unit.
enum class Recurrence : uint8_t { Tanh, Relu, Lstm, Gru };

// Rows of weights, in units of the width of the state.
constexpr int64_t gates_of(Recurrence kind) {
  return kind == Recurrence::Lstm ? 4 : kind == Recurrence::Gru ? 3 : 1;
}
// What is kept of a step for the derivative, in the same units: of an LSTM the gates i, f, g, o; of a GRU
// n, r, z, and the state's part of n; of the others nothing, for the result says it all.
constexpr int64_t kept_gates(Recurrence kind) {
  return kind == Recurrence::Lstm || kind == Recurrence::Gru ? 4 : 0;
}

// Sequences side by side, the longest first: step t has rows first_row[t] ... first_row[t + 1] - 1 of the
// input, which belong to the first sequences.
struct RecurrentShape {
  Recurrence kind;
  int64_t steps, batch;
  const int64_t* first_row;  // steps + 1 of them, in the host's memory
  int64_t input, hidden;
  int64_t projected;   // width of the state where it is a projection of `hidden` numbers, else 0
  int64_t directions;  // their results stand side by side in a row of the output

  int64_t rows() const { return first_row[steps]; }
  int64_t state() const { return projected ? projected : hidden; }
  int64_t gates() const { return gates_of(kind) * hidden; }
  int64_t kept() const { return kept_gates(kind) * hidden; }
};

// One direction of a layer; the second one runs from the last step to the first. Contiguous all.
struct RecurrentWeights {
  const void* input;       // gates x input
  const void* state;       // gates x state
  const void* input_bias;  // gates, or null, and then both are
  const void* state_bias;
  const void* projection;  // projected x hidden, or null
};
struct RecurrentForward {
  RecurrentWeights weights;
  const void* x;  // rows x input
  void* y;        // rows x (directions * state): where this direction's part begins
  void* h;        // batch x state: before the first step, and overwritten by those behind the last
  void* c;        // batch x hidden, of an LSTM
  void* kept;     // rows x kept, or null where no derivative is wanted
  void* cells;    // rows x hidden, of an LSTM, likewise
};
struct RecurrentBackward {
  RecurrentWeights weights;
  const void *x, *y, *h0, *c0, *kept, *cells;
  const void* grad_y;  // as y, or null
  void* grad_h;        // batch x state: of the states behind the last step, overwritten by that of h0
  void* grad_c;
  // Each may be null, but for those of a pair of biases.
  void* grad_x;  // rows x input, one for all directions
  void *grad_input, *grad_state, *grad_input_bias, *grad_state_bias, *grad_projection;
};

}  // namespace flambeau::backend
