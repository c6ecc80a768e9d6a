// A recurrent layer written with other operators: what second derivatives and complex numbers go through.
#include "core/ops/recurrent/layer.h"

namespace flambeau {
namespace {

struct DirectionWeights {
  const Tensor &input, &state;
  OptionalTensor input_bias, state_bias;
  Tensor projection;

  DirectionWeights(const LayerKind& kind, TensorList w) : input(w[0]), state(w[1]) {
    if (kind.biased) {
      static_cast<Tensor&>(input_bias) = w[2];
      static_cast<Tensor&>(state_bias) = w[3];
    }
    if (kind.projected) projection = w.back();
  }
};

// One step: `of_input` is the input's part of the gates.
Tensor step(const LayerKind& kind, const DirectionWeights& w, const Tensor& of_input, const Tensor& h,
            Tensor& c) {
  const Tensor of_state = linear(h, w.state, w.state_bias);
  if (kind.recurrence == Recurrence::Tanh) return tanh(add(of_input, of_state));
  if (kind.recurrence == Recurrence::Relu) {
    const Tensor sum = add(of_input, of_state);
    return mul(sum, to_dtype(gt(sum, Scalar(0)), sum.dtype()));
  }
  if (kind.recurrence == Recurrence::Gru) {
    const std::vector<Tensor> i = chunk(of_input, 3, -1), s = chunk(of_state, 3, -1);
    const Tensor reset = sigmoid(add(i[0], s[0])), update = sigmoid(add(i[1], s[1]));
    const Tensor candidate = tanh(add(i[2], mul(reset, s[2])));
    return add(candidate, mul(update, sub(h, candidate)));
  }
  const std::vector<Tensor> gates = chunk(add(of_input, of_state), 4, -1);
  c = add(mul(sigmoid(gates[1]), c), mul(sigmoid(gates[0]), tanh(gates[2])));
  const Tensor result = mul(sigmoid(gates[3]), tanh(c));
  return w.projection ? linear(result, w.projection, OptionalTensor()) : result;
}

// The states of all sequences, of which the first have new ones.
Tensor with_first(const Tensor& fresh, const Tensor& old) {
  const int64_t count = fresh.size(0), all = old.size(0);
  if (count == all) return fresh;
  const Tensor both[] = {fresh, narrow(old, 0, count, all - count)};
  return cat(both, 0);
}

}  // namespace

LayerResults composed_layer(const LayerKind& kind, const Sequences& sequences, const Tensor& x,
                            const Tensor& h, const Tensor& c, TensorList weights, const Dims& y_sizes) {
  const int64_t directions = static_cast<int64_t>(weights.size() / kind.weights());
  const int64_t steps = sequences.steps(), rows = sequences.rows();
  const Tensor x_rows = reshape(x, Dims{rows, x.size(-1)});
  std::vector<Tensor> results, states, cells;
  for (int64_t d = 0; d < directions; ++d) {
    const DirectionWeights w(kind, weights.subspan(static_cast<size_t>(d) * kind.weights(), kind.weights()));
    const auto state_of = [&](const Tensor& all) {
      return select(reshape(all, Dims{directions, sequences.batch, all.size(-1)}), 0, d);
    };
    Tensor state = state_of(h), cell = c ? state_of(c) : Tensor();
    const Tensor of_input = linear(x_rows, w.input, w.input_bias);
    std::vector<Tensor> parts(static_cast<size_t>(steps));
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t t = d ? steps - 1 - i : i, count = sequences.count(t);
      Tensor new_cell = cell ? narrow(cell, 0, 0, count) : Tensor();
      Tensor& result = parts[static_cast<size_t>(t)];
      result = step(kind, w, narrow(of_input, 0, sequences.first_row[static_cast<size_t>(t)], count),
                    narrow(state, 0, 0, count), new_cell);
      state = with_first(result, state);
      if (cell) cell = with_first(new_cell, cell);
    }
    results.push_back(cat(parts, 0));
    states.push_back(state);
    if (cell) cells.push_back(cell);
  }
  LayerResults all;
  all.y = reshape(directions == 1 ? results[0] : cat(results, -1), y_sizes);
  all.h = reshape(stack(states, 0), h.sizes());
  if (c) all.c = reshape(stack(cells, 0), c.sizes());
  return all;
}

}  // namespace flambeau
