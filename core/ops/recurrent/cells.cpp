// Single steps of recurrent networks: a layer with one step.
#include "core/ops/recurrent/layer.h"

namespace flambeau {
namespace {

using Pair = std::tuple<Tensor, Tensor>;

// What one step takes. A bias that is missing beside another counts as zeros.
struct Cell {
  const char* name;
  Recurrence recurrence;
  const Tensor &input, &w_ih, &w_hh;
  const OptionalTensor &b_ih, &b_hh;
};

void check_cell_state(const Cell& cell, const Tensor& state, int64_t hidden, int index) {
  check(cell.input.size(0) == state.size(0), "Input batch size ", cell.input.size(0), " doesn't match hidden",
        index, " batch size ", state.size(0));
  check(state.size(1) == hidden, "hidden", index, " has inconsistent hidden_size: got ", state.size(1),
        ", expected ", hidden);
  check(state.dim() == 2, cell.name, ": Expected hidden", index, " to be 2D, got ", state.dim(), "D");
}

LayerResults step(const Cell& cell, const Tensor& h, const Tensor& c) {
  const Tensor& x = cell.input;
  check(cell.w_ih.dim() == 2 && cell.w_hh.dim() == 2, cell.name,
        ": weights of input and state must have 2 dimensions, got ", cell.w_ih.dim(), " and ",
        cell.w_hh.dim());
  check(x.size(1) == cell.w_ih.size(1), "input has inconsistent input_size: got ", x.size(1), " expected ",
        cell.w_ih.size(1));
  check(x.dim() == 2, cell.name, ": Expected input to be 2D, got ", x.dim(), "D");
  const int64_t gates = backend::gates_of(cell.recurrence), hidden = cell.w_hh.size(1);
  check(cell.w_ih.size(0) == gates * hidden, "weight_ih first dim must be ", gates,
        " * hidden_size = ", gates * hidden, ", but got ", cell.w_ih.size(0));
  check_cell_state(cell, h, hidden, 0);
  if (c) check_cell_state(cell, c, hidden, 1);
  const DType dtype = x.dtype(), compute = compute_dtype(dtype);
  const LayerKind kind{cell.recurrence, cell.b_ih || cell.b_hh, false};
  std::vector<Tensor> weights{cell.w_ih, cell.w_hh};
  if (kind.biased)
    for (const OptionalTensor* bias : {&cell.b_ih, &cell.b_hh})
      weights.push_back(*bias ? static_cast<const Tensor&>(*bias) : zeros({gates * hidden}, dtype));
  check_recurrent_weights(cell.name, kind, weights, x.sizes(), dtype);
  for (const Tensor* state : {&h, &c})
    check(!*state || state->dtype() == dtype, "mat1 and mat2 must have the same dtype, but got ",
          scalar_type_name(dtype), " and ", *state ? scalar_type_name(state->dtype()) : "",
          ": convert the input of ", cell.name, " or its state");
  check(can_carry_gradient(x), '"', cell.name, "\" not implemented for '", scalar_type_name(dtype), "'");
  const auto computed = [&](const Tensor& t) { return t ? to_dtype(t, compute) : t; };
  for (Tensor& w : weights) w = computed(w);
  LayerResults r = recurrent_layer(kind, Sequences::even(1, x.size(0)), computed(x), computed(h), computed(c),
                                   weights, h.sizes());
  r.y = to_dtype(r.y, dtype);
  if (r.c) r.c = to_dtype(r.c, dtype);
  return r;
}

Pair lstm_cell(const Tensor& input, TensorList hx, const Tensor& w_ih, const Tensor& w_hh,
               const OptionalTensor& b_ih, const OptionalTensor& b_hh) {
  check(hx.size() == 2, "lstm_cell expects two hidden states");
  LayerResults r = step({"lstm_cell", Recurrence::Lstm, input, w_ih, w_hh, b_ih, b_hh}, hx[0], hx[1]);
  return {std::move(r.y), std::move(r.c)};
}
Tensor gru_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                const OptionalTensor& b_ih, const OptionalTensor& b_hh) {
  return step({"gru_cell", Recurrence::Gru, input, w_ih, w_hh, b_ih, b_hh}, hx, Tensor()).y;
}
Tensor rnn_tanh_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                     const OptionalTensor& b_ih, const OptionalTensor& b_hh) {
  return step({"rnn_tanh_cell", Recurrence::Tanh, input, w_ih, w_hh, b_ih, b_hh}, hx, Tensor()).y;
}
Tensor rnn_relu_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                     const OptionalTensor& b_ih, const OptionalTensor& b_hh) {
  return step({"rnn_relu_cell", Recurrence::Relu, input, w_ih, w_hh, b_ih, b_hh}, hx, Tensor()).y;
}

}  // namespace

/// A step of a long short-term memory: what `torch.nn.LSTMCell` computes.
///
/// Args:
///     input: (N, input)
///     hx: the states h and c, (N, hidden) each
///     w_ih: (4 * hidden, input), the gates in the order i, f, g, o
///     w_hh: (4 * hidden, hidden)
///     b_ih: (4 * hidden,)
///     b_hh: (4 * hidden,)
///
/// Returns:
///     the new states h and c.
///
/// >>> h, w = torch.zeros(1, 1), torch.zeros(4, 1)
/// >>> torch.lstm_cell(torch.ones(1, 1), (h, h + 1), w, w)[1].item()
/// 0.5
///
/// Source: Hochreiter and Schmidhuber, Long short-term memory, 1997; Gers et al., Learning to forget, 2000.
EXPOSE(
    "lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "
    "(Tensor, Tensor)",
    lstm_cell, function | float32);

/// A step of a gated recurrent unit: what `torch.nn.GRUCell` computes.
///
/// Args:
///     input: (N, input)
///     hx: the state, (N, hidden)
///     w_ih: (3 * hidden, input), the gates in the order r, z, n
///     w_hh: (3 * hidden, hidden)
///     b_ih: (3 * hidden,)
///     b_hh: (3 * hidden,)
///
/// >>> w = torch.zeros(3, 1)
/// >>> torch.gru_cell(torch.ones(1, 1), torch.ones(1, 1), w, w).item()
/// 0.5
///
/// Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
EXPOSE(
    "gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "
    "Tensor",
    gru_cell, function | float32);

/// A step of Elman's network with tanh: what `torch.nn.RNNCell` computes.
///
/// Args:
///     input: (N, input)
///     hx: the state, (N, hidden)
///     w_ih: (hidden, input)
///     w_hh: (hidden, hidden)
///     b_ih: (hidden,)
///     b_hh: (hidden,)
///
/// >>> w = torch.zeros(1, 1)
/// >>> torch.rnn_tanh_cell(torch.ones(1, 1), torch.ones(1, 1), w, w).item()
/// 0.0
///
/// Source: Elman, Finding structure in time, 1990.
EXPOSE(
    "rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) "
    "-> Tensor",
    rnn_tanh_cell, function | lower_precision);

/// A step of Elman's network with rectifiers: what `torch.nn.RNNCell` computes.
///
/// Args:
///     input: (N, input)
///     hx: the state, (N, hidden)
///     w_ih: (hidden, input)
///     w_hh: (hidden, hidden)
///     b_ih: (hidden,)
///     b_hh: (hidden,)
///
/// >>> w = torch.ones(1, 1)
/// >>> torch.rnn_relu_cell(torch.ones(1, 1), torch.ones(1, 1), w, w).item()
/// 2.0
///
/// Source: Elman, Finding structure in time, 1990.
EXPOSE(
    "rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) "
    "-> Tensor",
    rnn_relu_cell, function | lower_precision);

}  // namespace flambeau
