// Recurrent networks: layers upon layers, and single steps.
#include "core/ops/recurrent/layer.h"

namespace flambeau {
namespace {

using Pair = std::tuple<Tensor, Tensor>;
using Triple = std::tuple<Tensor, Tensor, Tensor>;

void check_state(const char* name, const char* which, const Tensor& state, const Dims& expected,
                 const Tensor& x) {
  check(state.sizes() == expected, name, ": Expected ", which, " size ", expected, ", got ", state.sizes());
  check(state.dtype() == x.dtype(), name, ": input has dtype ", scalar_type_name(x.dtype()), ", but ", which,
        " has ", scalar_type_name(state.dtype()), "; convert one of them");
}

// A network as it is called.
struct Call {
  const char* name;
  Recurrence recurrence;
  TensorList params;
  bool has_biases;
  int64_t num_layers;
  double dropout;
  bool train, bidirectional;
};

// x: (steps, batch, input), or packed rows. h and c: (layers * directions, batch, width).
LayerResults run(const Call& call, const Tensor& input, const Sequences& sequences, const Tensor& h_given,
                 const Tensor& c_given) {
  const bool lstm = call.recurrence == Recurrence::Lstm;
  const int64_t directions = call.bidirectional ? 2 : 1;
  check(call.num_layers > 0, "Expected more hidden states in stacked_rnn: ", call.name, " has ",
        call.num_layers, " layers");
  check(h_given.dim() == 3 && (!lstm || c_given.dim() == 3), call.name,
        ": hidden states must have 3 dimensions: layers * directions, batch, and their width");
  const LayerKind kind{call.recurrence, call.has_biases, lstm && h_given.size(2) != c_given.size(2)};
  const size_t each = kind.weights(), layer_weights = each * static_cast<size_t>(directions);
  check(call.params.size() % each == 0, "MatrixRef: ArrayRef size ", call.params.size(),
        " not divisible by stride ", each);
  const size_t wanted = layer_weights * static_cast<size_t>(call.num_layers);
  check(call.params.size() >= wanted, "ArrayRef: invalid slice, N = ", call.params.size(), "; ", call.name,
        " with ", call.num_layers, " layers needs ", wanted, " weights");
  check_recurrent_places(call.name, input, call.params);
  const Tensor states[] = {h_given, c_given ? c_given : h_given};
  check_recurrent_places(call.name, input, states);
  check(can_carry_gradient(input), '"', call.name, "\" not implemented for '",
        scalar_type_name(input.dtype()), "'");

  // Halves are computed in float32.
  const DType dtype = input.dtype(), compute = compute_dtype(dtype);
  const auto computed = [&](const Tensor& t) { return t && dtype != compute ? to_dtype(t, compute) : t; };
  const auto weights_of = [&](int64_t layer) {
    return call.params.subspan(static_cast<size_t>(layer) * layer_weights, layer_weights);
  };
  Dims sizes = input.sizes();
  for (int64_t layer = 0; layer < call.num_layers; ++layer) {
    for (size_t d = 0; d < static_cast<size_t>(directions); ++d)
      check_recurrent_weights(call.name, kind, weights_of(layer).subspan(d * each, each), sizes, dtype);
    sizes.back() = directions * (kind.projected ? h_given.size(2) : weights_of(layer)[1].size(1));
  }
  const int64_t count = call.num_layers * directions;
  check(h_given.size(0) >= count, "Expected more hidden states in stacked_rnn: ", count, " for ",
        call.num_layers, " layers, got ", h_given.size(0));
  const int64_t hidden = call.params[0].size(0) / backend::gates_of(kind.recurrence);
  const int64_t width = kind.projected ? h_given.size(2) : hidden;
  for (size_t i = 0; i < wanted; i += each)
    check(call.params[i].size(0) == call.params[0].size(0) && call.params[i + 1].size(1) == width, call.name,
          ": expected a state of ", width, " numbers in every layer and direction, got weights of shapes ",
          call.params[i].sizes(), " and ", call.params[i + 1].sizes());
  check_state(call.name, lstm ? "hidden[0]" : "hidden", h_given, {count, sequences.batch, width}, input);
  if (lstm) check_state(call.name, "hidden[1]", c_given, {count, sequences.batch, hidden}, input);
  const Tensor h = computed(h_given), c = computed(c_given);
  Tensor x = computed(input);
  std::vector<Tensor> last_h, last_c;
  for (int64_t layer = 0; layer < call.num_layers; ++layer) {
    const TensorList given = weights_of(layer);
    std::vector<Tensor> widened_weights;
    if (dtype != compute)
      for (const Tensor& w : given) widened_weights.push_back(computed(w));
    const TensorList weights = dtype != compute ? TensorList(widened_weights) : given;
    const auto of_layer = [&](const Tensor& state) {
      return !state || call.num_layers == 1 ? state : narrow(state, 0, layer * directions, directions);
    };
    Dims y_sizes = x.sizes();
    y_sizes[y_sizes.count - 1] = directions * width;
    LayerResults results = recurrent_layer(kind, sequences, x, of_layer(h), of_layer(c), weights, y_sizes);
    x = std::move(results.y);
    if (call.dropout != 0 && call.train && layer + 1 < call.num_layers) x = dropout(x, call.dropout, true);
    last_h.push_back(std::move(results.h));
    if (lstm) last_c.push_back(std::move(results.c));
  }
  const auto all = [&](const std::vector<Tensor>& states) {
    const Tensor whole = states.size() == 1 ? states[0] : cat(states, 0);
    return to_dtype(whole, dtype);
  };
  return {to_dtype(x, dtype), all(last_h), lstm ? all(last_c) : Tensor()};
}

LayerResults run_padded(const Call& call, const Tensor& input, const Tensor& h, const Tensor& c,
                        bool batch_first) {
  check(input.dim() == 3, call.name, ": input must have 3 dimensions, got ", input.dim());
  const Tensor x = batch_first ? transpose(input, 0, 1) : input;
  check(x.size(0) > 0, "Expected sequence length to be larger than 0 in RNN");
  LayerResults results = run(call, x, Sequences::even(x.size(0), x.size(1)), h, c);
  if (batch_first) results.y = transpose(results.y, 0, 1);
  return results;
}

LayerResults run_packed(const Call& call, const Tensor& data, const Tensor& batch_sizes, const Tensor& h,
                        const Tensor& c) {
  check(data.dim() == 2, call.name, ": packed data must have 2 dimensions, got ", data.dim());
  check(batch_sizes.dim() == 1 && batch_sizes.dtype() == DType::Int64 &&
            batch_sizes.device() == Device::Type::Cpu,
        "batch_sizes should be a 1D CPU int64 tensor");
  const int64_t steps = batch_sizes.numel();
  check(steps > 0, "Expected sequence length to be larger than 0 in RNN");
  const Tensor sizes = contiguous(batch_sizes);
  const int64_t* const size = on_host(sizes, call.name).data<int64_t>();
  Sequences sequences{{0}, size[0]};
  for (int64_t t = 0; t < steps; ++t) {
    check(size[t] > 0 && (t == 0 || size[t] <= size[t - 1]), call.name,
          ": batch_sizes must be positive and must not grow, got ", size[t], " at step ", t);
    check(size[t] <= data.size(0) - sequences.first_row.back(), call.name,
          ": batch_sizes count more than the ", data.size(0), " rows of data");
    sequences.first_row.push_back(sequences.first_row.back() + size[t]);
  }
  check(sequences.rows() == data.size(0), call.name, ": batch_sizes count ", sequences.rows(),
        " rows, but data has ", data.size(0));
  return run(call, data, sequences, h, c);
}

Triple lstm(const Tensor& input, TensorList hx, TensorList params, bool has_biases, int64_t num_layers,
            double dropout, bool train, bool bidirectional, bool batch_first) {
  check(hx.size() == 2, "lstm expects two hidden states");
  LayerResults r =
      run_padded({"lstm", Recurrence::Lstm, params, has_biases, num_layers, dropout, train, bidirectional},
                 input, hx[0], hx[1], batch_first);
  return {std::move(r.y), std::move(r.h), std::move(r.c)};
}
Triple lstm_packed(const Tensor& data, const Tensor& batch_sizes, TensorList hx, TensorList params,
                   bool has_biases, int64_t num_layers, double dropout, bool train, bool bidirectional) {
  check(hx.size() == 2, "lstm expects two hidden states");
  LayerResults r =
      run_packed({"lstm", Recurrence::Lstm, params, has_biases, num_layers, dropout, train, bidirectional},
                 data, batch_sizes, hx[0], hx[1]);
  return {std::move(r.y), std::move(r.h), std::move(r.c)};
}

constexpr const char* name_of(Recurrence recurrence) {
  return recurrence == Recurrence::Gru ? "gru" : recurrence == Recurrence::Tanh ? "rnn_tanh" : "rnn_relu";
}
template <Recurrence recurrence>
Pair network(const Tensor& input, const Tensor& hx, TensorList params, bool has_biases, int64_t num_layers,
             double dropout, bool train, bool bidirectional, bool batch_first) {
  LayerResults r = run_padded(
      {name_of(recurrence), recurrence, params, has_biases, num_layers, dropout, train, bidirectional}, input,
      hx, Tensor(), batch_first);
  return {std::move(r.y), std::move(r.h)};
}
template <Recurrence recurrence>
Pair network_packed(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx, TensorList params,
                    bool has_biases, int64_t num_layers, double dropout, bool train, bool bidirectional) {
  LayerResults r = run_packed(
      {name_of(recurrence), recurrence, params, has_biases, num_layers, dropout, train, bidirectional}, data,
      batch_sizes, hx, Tensor());
  return {std::move(r.y), std::move(r.h)};
}

}  // namespace

/// A network of long short-term memories over whole sequences: what `torch.nn.LSTM` computes.
///
/// Args:
///     data: the rows of packed sequences, (sum of lengths, input); or `input`, (T, N, input)
///     batch_sizes: how many sequences reach each step
///     hx: h, (layers * directions, N, hidden or projection), and c, (layers * directions, N, hidden)
///     params: of each layer and direction the weights of input and state, both biases, and the projection
///     has_biases: whether there are biases
///     num_layers: how many layers
///     dropout: probability with which elements between layers become 0 in training
///     train: whether this is training
///     bidirectional: whether a second direction runs from the last step to the first
///
/// Returns:
///     the outputs of the last layer, and h and c behind the last step.
///
/// >>> h, w = torch.zeros(1, 1, 1), [torch.zeros(4, 1), torch.zeros(4, 1)]
/// >>> torch.lstm(torch.ones(2, 1, 1), (h, h + 1), w, False, 1, 0.0, False, False, False)[2].item()
/// 0.25
///
/// Source: Hochreiter and Schmidhuber, Long short-term memory, 1997; Gers et al., Learning to forget, 2000.
EXPOSE(
    "lstm(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, "
    "float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)",
    lstm_packed, function | any_device | lower_precision);
EXPOSE(
    "lstm(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool "
    "train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)",
    lstm, function | lower_precision);

/// A network of gated recurrent units over whole sequences: what `torch.nn.GRU` computes.
///
/// Args:
///     data: the rows of packed sequences, (sum of lengths, input); or `input`, (T, N, input)
///     batch_sizes: how many sequences reach each step
///     hx: (layers * directions, N, hidden)
///     params: of each layer and direction the weights of input and state, and both biases
///     has_biases: whether there are biases
///     num_layers: how many layers
///     dropout: probability with which elements between layers become 0 in training
///     train: whether this is training
///     bidirectional: whether a second direction runs from the last step to the first
///
/// Returns:
///     the outputs of the last layer, and the states behind the last step.
///
/// >>> h, w = torch.ones(1, 1, 1), [torch.zeros(3, 1), torch.zeros(3, 1)]
/// >>> torch.gru(torch.ones(2, 1, 1), h, w, False, 1, 0.0, False, False, False)[1].item()
/// 0.25
///
/// Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
EXPOSE(
    "gru(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float "
    "dropout, bool train, bool bidirectional) -> (Tensor, Tensor)",
    network_packed<Recurrence::Gru>, function | any_device | float32);
EXPOSE(
    "gru(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool "
    "train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
    network<Recurrence::Gru>, function | float32);

/// Elman's network with tanh over whole sequences: what `torch.nn.RNN` computes.
///
/// Args:
///     data: the rows of packed sequences, (sum of lengths, input); or `input`, (T, N, input)
///     batch_sizes: how many sequences reach each step
///     hx: (layers * directions, N, hidden)
///     params: of each layer and direction the weights of input and state, and both biases
///     has_biases: whether there are biases
///     num_layers: how many layers
///     dropout: probability with which elements between layers become 0 in training
///     train: whether this is training
///     bidirectional: whether a second direction runs from the last step to the first
///
/// Returns:
///     the outputs of the last layer, and the states behind the last step.
///
/// >>> h, w = torch.ones(1, 1, 1), [torch.zeros(1, 1), torch.zeros(1, 1)]
/// >>> torch.rnn_tanh(torch.ones(2, 1, 1), h, w, False, 1, 0.0, False, False, False)[1].item()
/// 0.0
///
/// Source: Elman, Finding structure in time, 1990.
EXPOSE(
    "rnn_tanh(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, "
    "float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)",
    network_packed<Recurrence::Tanh>, function | any_device | lower_precision);
EXPOSE(
    "rnn_tanh(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool "
    "train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
    network<Recurrence::Tanh>, function | lower_precision);

/// Elman's network with rectifiers over whole sequences: what `torch.nn.RNN` computes.
///
/// Args:
///     data: the rows of packed sequences, (sum of lengths, input); or `input`, (T, N, input)
///     batch_sizes: how many sequences reach each step
///     hx: (layers * directions, N, hidden)
///     params: of each layer and direction the weights of input and state, and both biases
///     has_biases: whether there are biases
///     num_layers: how many layers
///     dropout: probability with which elements between layers become 0 in training
///     train: whether this is training
///     bidirectional: whether a second direction runs from the last step to the first
///
/// Returns:
///     the outputs of the last layer, and the states behind the last step.
///
/// >>> h, w = torch.ones(1, 1, 1), [torch.ones(1, 1), torch.ones(1, 1)]
/// >>> torch.rnn_relu(torch.ones(2, 1, 1), h, w, False, 1, 0.0, False, False, False)[1].item()
/// 3.0
///
/// Source: Elman, Finding structure in time, 1990.
EXPOSE(
    "rnn_relu(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, "
    "float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)",
    network_packed<Recurrence::Relu>, function | any_device | lower_precision);
EXPOSE(
    "rnn_relu(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool "
    "train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
    network<Recurrence::Relu>, function | lower_precision);

}  // namespace flambeau
