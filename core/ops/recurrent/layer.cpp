#include "core/ops/recurrent/layer.h"

#include <algorithm>

#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/gil.h"

namespace flambeau {

Sequences Sequences::even(int64_t steps, int64_t batch) {
  Sequences s{std::vector<int64_t>(static_cast<size_t>(steps) + 1), batch};
  for (int64_t t = 0; t <= steps; ++t) s.first_row[static_cast<size_t>(t)] = t * batch;
  return s;
}

void check_recurrent_weights(const char* name, const LayerKind& kind, TensorList w, const Dims& input,
                             DType dtype) {
  const int64_t gates = backend::gates_of(kind.recurrence), features = input[input.count - 1];
  for (const Tensor& one : w)
    check(one.dtype() == dtype, "mat1 and mat2 must have the same dtype, but got ", scalar_type_name(dtype),
          " and ", scalar_type_name(one.dtype()), ": convert the input of ", name, " or its weights");
  check(w[0].dim() == 2 && w[1].dim() == 2, name, ": weights of input and state must have 2 dimensions, got ",
        w[0].dim(), " and ", w[1].dim());
  const int64_t rows = w[0].size(0), hidden = rows / gates;
  check(w[0].size(1) == features, "mat1 and mat2 shapes cannot be multiplied (",
        checked_numel(input) / std::max<int64_t>(1, features), "x", features, " and ", w[0].size(1), "x",
        rows, "): the input of ", name, " does not fit its weight");
  check(rows > 0 && rows % gates == 0 && w[1].size(0) == rows, name, ": expected weights of ", gates,
        " * hidden_size rows, got shapes ", w[0].sizes(), " and ", w[1].sizes());
  check(kind.projected || w[1].size(1) == hidden, name, ": expected a square matrix for each gate, got ",
        w[1].sizes());
  if (kind.biased)
    for (size_t i = 2; i < 4; ++i)
      check(w[i].dim() == 1 && w[i].size(0) == rows, name, ": expected a bias of shape [", rows, "], got ",
            w[i].sizes());
  if (kind.projected)
    check(w.back().dim() == 2 && w.back().size(0) == w[1].size(1) && w.back().size(1) == hidden, name,
          ": expected a projection of shape [", w[1].size(1), ", ", hidden, "], got ", w.back().sizes());
}

void check_recurrent_places(const char* name, const Tensor& x, TensorList others) {
  for (const Tensor& other : others)
    check(other.device() == x.device(), name,
          ": Input, hidden and parameter tensors must lie on one device, found ", flambeau::name(x.device()),
          " and ", flambeau::name(other.device()));
}

namespace {

using backend::RecurrentBackward;
using backend::RecurrentForward;
using backend::RecurrentShape;
using backend::RecurrentWeights;

void* data_of(const Tensor& t) { return t ? t->data : nullptr; }
// The part of the direction d, of equal ones that lie one after the other.
void* part_of(const Tensor& t, int64_t d, int64_t directions) {
  return t ? t->data + d * (t.numel() / directions) * static_cast<int64_t>(item_size(t.dtype())) : nullptr;
}

Tensor workspace(size_t bytes) { return empty({static_cast<int64_t>(bytes)}, DType::UInt8); }

// Multiplications of the products in a run, which take about so many times 1/16 ns.
int64_t nanoseconds(const RecurrentShape& s) {
  return s.directions * s.rows() * s.gates() * (s.input + s.state()) / 16;
}

// What a layer works on, contiguous.
struct Operands {
  RecurrentShape shape;
  Tensor x, h, c;
  std::vector<Tensor> weights;

  Operands(const LayerKind& kind, const Sequences& sequences, const Tensor& x_given, const Tensor& h_given,
           const Tensor& c_given, TensorList given)
      : x(as_contiguous(x_given)), h(as_contiguous(h_given)), c(c_given ? as_contiguous(c_given) : Tensor()) {
    for (const Tensor& w : given) weights.push_back(as_contiguous(w));
    const int64_t gates = given[0].size(0);
    shape = {kind.recurrence,
             sequences.steps(),
             sequences.batch,
             sequences.first_row.data(),
             given[0].size(1),
             gates / backend::gates_of(kind.recurrence),
             kind.projected ? given[1].size(1) : 0,
             static_cast<int64_t>(given.size() / kind.weights())};
  }
  RecurrentWeights of(const LayerKind& kind, int64_t direction) const {
    const Tensor* const w = weights.data() + static_cast<size_t>(direction) * kind.weights();
    RecurrentWeights result{w[0]->data, w[1]->data, nullptr, nullptr, nullptr};
    if (kind.biased) {
      result.input_bias = w[2]->data;
      result.state_bias = w[3]->data;
    }
    if (kind.projected) result.projection = w[kind.weights() - 1]->data;
    return result;
  }
};

// What the derivative needs of the forward; undefined where nothing is recorded. The states are y, which
// itself belongs to the caller, who may write to it.
struct Kept {
  Tensor states, gates, cells;
};

void run_forward(const LayerKind& kind, const Operands& o, const LayerResults& results, const Kept& kept) {
  const RecurrentShape& s = o.shape;
  std::array<RecurrentForward, 2> directions;
  for (int64_t d = 0; d < s.directions; ++d)
    directions[static_cast<size_t>(d)] = {
        o.of(kind, d),
        o.x->data,
        results.y->data + d * s.state() * static_cast<int64_t>(item_size(o.x.dtype())),
        part_of(results.h, d, s.directions),
        part_of(results.c, d, s.directions),
        part_of(kept.gates, d, s.directions),
        part_of(kept.cells, d, s.directions)};
  const backend::Row& row = backend::current();
  const Tensor room = workspace(row.recurrent_workspace(o.x.dtype(), s, kept.gates || kept.cells));
  const WithoutGil guard(nanoseconds(s));
  row.recurrent_layer(o.x.dtype(), s, {directions.data(), static_cast<size_t>(s.directions)}, room->data);
}

struct LayerNode final : Node {
  const LayerKind kind;
  const Sequences sequences;
  const Dims y_sizes;
  std::vector<Edge> edge_storage;              // of x, h, c and the weights
  std::vector<std::optional<Saved>> operands;  // the same
  std::optional<Saved> states, gates, cells;

  LayerNode(const char* name, const LayerKind& kind, const Sequences& sequences, const Dims& y_sizes,
            const Tensor& x, const Tensor& h, const Tensor& c, TensorList weights, const Kept& kept)
      : Node(name), kind(kind), sequences(sequences), y_sizes(y_sizes), operands(3 + weights.size()) {
    const RecordingScope scope(this, nullptr);
    const auto take = [&](const Tensor& t) {
      operands[edge_storage.size()].emplace(flambeau::saved(t));
      edge_storage.push_back(edge_of(t));
    };
    take(x);
    take(h);
    take(c);
    for (const Tensor& w : weights) take(w);
    edges = edge_storage;
    states.emplace(flambeau::saved(kept.states));
    gates.emplace(flambeau::saved(kept.gates));
    cells.emplace(flambeau::saved(kept.cells));
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    if (std::none_of(grads.begin(), grads.end(), [](const Tensor& g) { return static_cast<bool>(g); }))
      return;
    std::vector<Tensor> given;
    for (const std::optional<Saved>& operand : operands) given.push_back((*operand)());
    if (grad_enabled())
      by_operators(given, grads, grad_inputs);
    else
      fused(given, grads, grad_inputs);
  }
  ~LayerNode() override { saved = nullptr; }  // the captures die with their places

 private:
  void fused(const std::vector<Tensor>& given, std::span<const Tensor> grads, std::span<Tensor> grad_inputs);
  void by_operators(std::vector<Tensor>& given, std::span<const Tensor> grads, std::span<Tensor> grad_inputs);
};

void LayerNode::fused(const std::vector<Tensor>& given, std::span<const Tensor> grads,
                      std::span<Tensor> grad_inputs) {
  const Operands o(kind, sequences, given[0], given[1], given[2], TensorList(given).subspan(3));
  const RecurrentShape& s = o.shape;
  const DType dtype = o.x.dtype();
  const Tensor result = (*states)(), kept_gates = (*gates)(), kept_cells = (*cells)();
  const Tensor grad_y = grads[0] ? as_contiguous(grads[0]) : Tensor();
  const auto state_gradient = [&](const Tensor& grad, const Tensor& of) {
    return !of ? Tensor() : grad ? contiguous_copy(grad) : zeros(of.sizes(), dtype);
  };
  const Tensor grad_h = state_gradient(grads[1], o.h),
               grad_c = state_gradient(o.c ? grads[2] : Tensor(), o.c);
  // A bias's gradient is the other's, or nearly.
  const auto wanted = [&](size_t i) {
    const size_t weight = i < 3 ? 0 : (i - 3) % kind.weights();
    if (i >= 3 && kind.biased && (weight == 2 || weight == 3))
      return edge_storage[i - weight + 2] || edge_storage[i - weight + 3];
    return static_cast<bool>(edge_storage[i]);
  };
  for (size_t i = 0; i < edge_storage.size(); ++i) {
    if (!wanted(i)) continue;
    grad_inputs[i] = i == 1 ? grad_h : i == 2 ? grad_c : empty(given[i].sizes(), dtype);
  }
  const int64_t item = static_cast<int64_t>(item_size(dtype));
  std::array<RecurrentBackward, 2> directions{};
  for (int64_t d = 0; d < s.directions; ++d) {
    RecurrentBackward& one = directions[static_cast<size_t>(d)];
    const Tensor* const grad = grad_inputs.data() + 3 + static_cast<size_t>(d) * kind.weights();
    one.weights = o.of(kind, d);
    one.x = o.x->data;
    one.y = result->data + d * s.state() * item;
    one.h0 = part_of(o.h, d, s.directions);
    one.c0 = part_of(o.c, d, s.directions);
    one.kept = part_of(kept_gates, d, s.directions);
    one.cells = part_of(kept_cells, d, s.directions);
    one.grad_y = grad_y ? grad_y->data + d * s.state() * item : nullptr;
    one.grad_h = part_of(grad_h, d, s.directions);
    one.grad_c = part_of(grad_c, d, s.directions);
    one.grad_x = data_of(grad_inputs[0]);
    one.grad_input = data_of(grad[0]);
    one.grad_state = data_of(grad[1]);
    if (kind.biased) {
      one.grad_input_bias = data_of(grad[2]);
      one.grad_state_bias = data_of(grad[3]);
    }
    if (kind.projected) one.grad_projection = data_of(grad[kind.weights() - 1]);
  }
  const backend::Row& row = backend::current();
  const Tensor room = workspace(row.recurrent_backward_workspace(dtype, s));
  {
    const WithoutGil guard(2 * nanoseconds(s));
    row.recurrent_layer_backward(dtype, s, {directions.data(), static_cast<size_t>(s.directions)},
                                 room->data);
  }
  for (size_t i = 0; i < edge_storage.size(); ++i)
    if (!edge_storage[i]) grad_inputs[i] = Tensor();
}

// The layer once more, as operators, and their derivatives, recorded. The operands stand in as aliases: what
// they depend on is not differentiated here.
void LayerNode::by_operators(std::vector<Tensor>& given, std::span<const Tensor> grads,
                             std::span<Tensor> grad_inputs) {
  std::vector<Edge> inputs;
  for (size_t i = 0; i < given.size(); ++i) {
    if (!edge_storage[i]) continue;
    given[i] = view_alias(given[i]);
    inputs.push_back(gradient_edge(given[i]));
  }
  const LayerResults results =
      composed_layer(kind, sequences, given[0], given[1], given[2], TensorList(given).subspan(3), y_sizes);
  std::vector<Edge> roots;
  std::vector<Tensor> grad_roots;
  const Tensor* const each[] = {&results.y, &results.h, &results.c};
  for (size_t i = 0; i < grads.size(); ++i)
    if (grads[i]) {
      roots.push_back(gradient_edge(*each[i]));
      grad_roots.push_back(grads[i]);
    }
  BackwardOptions options;
  options.retain_graph = options.create_graph = true;
  options.accumulate = false;
  std::vector<Tensor> found = run_backward(roots, grad_roots, inputs, options);
  for (size_t i = 0, k = 0; i < given.size(); ++i)
    if (edge_storage[i]) grad_inputs[i] = std::move(found[k++]);
}

const char* node_name(Recurrence recurrence) {
  switch (recurrence) {
    case Recurrence::Tanh:
      return "RnnTanhBackward0";
    case Recurrence::Relu:
      return "RnnReluBackward0";
    case Recurrence::Lstm:
      return "LstmBackward0";
    default:
      return "GruBackward0";
  }
}

}  // namespace

LayerResults recurrent_layer(const LayerKind& kind, const Sequences& sequences, const Tensor& x,
                             const Tensor& h, const Tensor& c, TensorList weights, const Dims& y_sizes) {
  if (is_complex(x.dtype())) return composed_layer(kind, sequences, x, h, c, weights, y_sizes);
  bool recorded = requires_grad(x) || requires_grad(h) || (c && requires_grad(c));
  for (const Tensor& w : weights) recorded = recorded || requires_grad(w);
  recorded = recorded && grad_enabled();
  const DType dtype = x.dtype();
  LayerNode* node = nullptr;
  Ref<Node> history;
  Kept kept;
  if (recorded) {
    const int64_t directions = static_cast<int64_t>(weights.size() / kind.weights());
    const int64_t hidden = weights[0].size(0) / backend::gates_of(kind.recurrence);
    const int64_t gates = backend::kept_gates(kind.recurrence) * hidden;
    kept.states = empty(y_sizes, dtype);
    if (gates) kept.gates = empty({directions, sequences.rows(), gates}, dtype);
    if (c) kept.cells = empty({directions, sequences.rows(), hidden}, dtype);
    node = new LayerNode(node_name(kind.recurrence), kind, sequences, y_sizes, x, h, c, weights, kept);
    history = Ref<Node>(node);
  }
  LayerResults results;
  {
    const InsideForward inside;
    const Operands o(kind, sequences, x, h, c, weights);
    results.y = kept.states ? kept.states : empty(y_sizes, dtype);
    results.h = contiguous_copy(h);
    if (c) results.c = contiguous_copy(c);
    run_forward(kind, o, results, kept);
    if (kept.states) results.y = contiguous_copy(kept.states);
  }
  if (!node) return results;
  pack_captures(*node);
  history->set_outputs(c ? 3 : 2);
  set_history(results.y, history, 0);
  set_history(results.h, history, 1);
  if (results.c) set_history(results.c, history, 2);
  return results;
}

}  // namespace flambeau
