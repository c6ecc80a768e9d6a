// Backward: nodes leave a heap newest first. An edge always leads to an older node, so the newest one waiting
// has all of its gradient. No recursion: a chain of any length runs in a loop.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/autograd/differentiable.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {

// One run of the engine. Nodes carry its state, so that a small graph allocates nothing; a node that an outer
// run (a hook calls backward) is using hands its state over and gets it back at the end.
struct GraphTask {
  struct LeafGradient {
    Ref<TensorImpl> leaf;
    Tensor grad;
  };
  struct Displaced {
    Ref<Node> node;
    GraphTask* task;
    bool queued;
    std::vector<Tensor> pending;
  };
  struct Capture {
    const Node* node;
    const TensorImpl* leaf;
    uint32_t output_nr;
    Tensor grad;
  };

  BackwardOptions options;
  std::vector<Ref<Node>> heap;
  std::vector<LeafGradient> leaves;
  std::vector<Displaced> displaced;
  std::vector<Capture> captures;  // of autograd.grad and backward(inputs=)
  bool restricted = false;        // only what leads to the captures is computed
  std::unordered_set<const Node*> needed;
  std::unordered_map<const Node*, size_t> first_capture;

  GraphTask() = default;
  GraphTask(const GraphTask&) = delete;
  GraphTask& operator=(const GraphTask&) = delete;
  ~GraphTask();
  void find_needed(std::span<const Edge> roots);
  void accept(const Edge& edge, Tensor grad);
  void claim(Node* node);
  void run();
  void step(Node* node);
  void finish_leaves();
};

namespace {

bool older(const Ref<Node>& a, const Ref<Node>& b) { return a->sequence < b->sequence; }

// Whether nobody else can see this gradient's memory, so that it may be added to in place or kept.
bool is_exclusive(const Tensor& t) {
  return t->owners() == 1 && t->storage->owners() == 1 && !t->view_base && !t->storage->release;
}

void add_to(Tensor& sum, Tensor grad, bool create_graph) {
  if (!sum) {
    sum = std::move(grad);
    return;
  }
  if (create_graph) {
    sum = add(sum, grad);
    return;
  }
  if (is_exclusive(sum) && sum->contiguous && sum.sizes() == grad.sizes() && sum.dtype() == grad.dtype()) {
    pointwise(Out{sum.get(), nullptr, true}, Pointwise::Add, {sum, grad});
    return;
  }
  sum = add(sum, grad);
}

}  // namespace

GraphTask::~GraphTask() {
  for (auto& node : heap) {
    node->queued = false;
    node->task = nullptr;
    for (uint32_t i = 0; i < node->outputs; ++i) node->pending_for(i) = Tensor();
  }
  for (auto it = displaced.rbegin(); it != displaced.rend(); ++it) {
    it->node->task = it->task;
    it->node->queued = it->queued;
    for (uint32_t i = 0; i < it->node->outputs; ++i) it->node->pending_for(i) = std::move(it->pending[i]);
  }
}

// Marks the nodes from which a captured place can be reached; iterative depth-first search.
void GraphTask::find_needed(std::span<const Edge> roots) {
  for (size_t i = 0; i < captures.size(); ++i)
    if (captures[i].node) {
      needed.insert(captures[i].node);
      first_capture.emplace(captures[i].node, i);
    }
  std::unordered_set<const TensorImpl*> leaf_set;
  for (const Capture& capture : captures)
    if (capture.leaf) leaf_set.insert(capture.leaf);
  struct Visit {
    Node* node;
    size_t next = 0;
    bool hit = false;
  };
  std::unordered_set<const Node*> seen;
  std::vector<Visit> stack;
  for (const Edge& root : roots) {
    if (!root.node || !seen.insert(root.node.get()).second) continue;
    stack.push_back({root.node.get()});
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next == top.node->edges.size()) {
        bool hit = top.hit;
        if (hit) needed.insert(top.node);
        hit |= needed.contains(top.node);
        stack.pop_back();
        if (!stack.empty() && hit) stack.back().hit = true;
        continue;
      }
      const Edge& edge = top.node->edges[top.next++];
      if (edge.leaf)
        top.hit |= leaf_set.contains(edge.leaf.get());
      else if (edge.node) {
        if (seen.insert(edge.node.get()).second)
          stack.push_back({edge.node.get()});
        else if (needed.contains(edge.node.get()))
          top.hit = true;
      }
    }
  }
}

void GraphTask::claim(Node* node) {
  if (node->task == this) return;
  if (node->task) {  // an outer run is in the middle of it
    Displaced saved{Ref<Node>(node), node->task, node->queued, {}};
    for (uint32_t i = 0; i < node->outputs; ++i) saved.pending.push_back(std::move(node->pending_for(i)));
    displaced.push_back(std::move(saved));
  }
  node->task = this;
  node->queued = false;
  for (uint32_t i = 0; i < node->outputs; ++i) node->pending_for(i) = Tensor();
}

void GraphTask::accept(const Edge& edge, Tensor grad) {
  if (!grad) return;
  if (edge.leaf) {
    TensorImpl* leaf = edge.leaf.get();
    if (restricted && std::none_of(captures.begin(), captures.end(), [&](auto& c) { return c.leaf == leaf; }))
      return;
    // Few leaves hang on one graph without many nodes; the newest is the likeliest to come again.
    for (size_t i = leaves.size(), looked = 0; i-- > 0 && looked < 8; ++looked)
      if (leaves[i].leaf.get() == leaf) {
        add_to(leaves[i].grad, std::move(grad), options.create_graph);
        return;
      }
    leaves.push_back({edge.leaf, std::move(grad)});
    return;
  }
  Node* node = edge.node.get();
  if (restricted && !needed.contains(node)) return;
  claim(node);
  add_to(node->pending_for(edge.output_nr), std::move(grad), options.create_graph);
  if (!node->queued) {
    node->queued = true;
    heap.push_back(edge.node);
    if (heap.size() > 1) std::push_heap(heap.begin(), heap.end(), older);
  }
}

void GraphTask::step(Node* node) {
  constexpr uint32_t kInline = 4;
  Tensor grad_storage[kInline], input_storage[kInline];
  std::vector<Tensor> grad_vector, input_vector;
  const uint32_t outputs = node->outputs;
  const size_t edges = node->edges.size();
  if (outputs > kInline) grad_vector.resize(outputs);
  if (edges > kInline) input_vector.resize(edges);
  std::span<Tensor> grads = outputs > kInline ? std::span(grad_vector) : std::span(grad_storage, outputs);
  std::span<Tensor> inputs = edges > kInline ? std::span(input_vector) : std::span(input_storage, edges);
  for (uint32_t i = 0; i < outputs; ++i) grads[i] = std::move(node->pending_for(i));
  node->queued = false;
  node->task = nullptr;

  Node* previous = std::exchange(running_node, node);
  struct Restore {
    Node* previous;
    ~Restore() { running_node = previous; }
  } restore{previous};

  if (node->hooks) [[unlikely]] {
    NodeHooks& hooks = *node->hooks;
    for (size_t i = 0; i < hooks.tensor.size(); ++i) {
      auto [output_nr, hook] = hooks.tensor[i];
      if (!grads[output_nr]) continue;
      if (Tensor replaced = hook->on_gradient(grads[output_nr])) grads[output_nr] = std::move(replaced);
    }
    if (!hooks.pre.empty()) {
      std::vector<Tensor> list(grads.begin(), grads.end());
      for (auto& hook : HookList(hooks.pre)) hook->on_node_pre(list);
      std::copy(list.begin(), list.end(), grads.begin());
    }
    for (auto& [output_nr, tensor] : hooks.retain_grad) {
      if (!grads[output_nr]) continue;
      Tensor holder(tensor);
      if (options.accumulate || !restricted)
        add_to(reinterpret_cast<Tensor&>(tensor->grad), grads[output_nr], true);
    }
  }
  if (restricted) {
    if (auto it = first_capture.find(node); it != first_capture.end())
      for (size_t i = it->second; i < captures.size(); ++i)
        if (captures[i].node == node && grads[captures[i].output_nr])
          add_to(captures[i].grad, grads[captures[i].output_nr], options.create_graph);
  }
  // A node computes where its results lay.
  for (const Tensor& grad : grads)
    if (grad) {
      current_device = grad.device();
      break;
    }
  node->backward(grads, inputs);
  if (node->hooks && !node->hooks->post.empty()) [[unlikely]] {
    std::vector<Tensor> list(inputs.begin(), inputs.end()), outs(grads.begin(), grads.end());
    for (auto& hook : HookList(node->hooks->post)) hook->on_node(list, outs);
    std::copy(list.begin(), list.end(), inputs.begin());
  }
  if (!options.retain_graph) node->release_captures();
  for (uint32_t i = 0; i < outputs; ++i)
    grads[i] = Tensor();  // before accept: a gradient passed on may be exclusive
  for (size_t i = 0; i < edges; ++i)
    if (inputs[i]) accept(node->edges[i], std::move(inputs[i]));
}

void GraphTask::run() {
  while (!heap.empty()) {
    if (heap.size() > 1) std::pop_heap(heap.begin(), heap.end(), older);
    Ref<Node> node = std::move(heap.back());
    heap.pop_back();
    step(node.get());
  }
}

namespace {

// A gradient that can be kept as leaf.grad: laid out like the leaf, its memory nobody else's.
Tensor keep(Tensor grad, const Tensor& leaf) {
  bool layout = grad.strides() == leaf.strides() || (grad->contiguous && leaf->contiguous) ||
                (!is_dense(leaf.sizes(), leaf.strides()) && grad->contiguous);
  if (layout && is_exclusive(grad) && grad.sizes() == leaf.sizes()) {
    if (grad->grad_fn) return detach(grad);
    return grad;
  }
  Tensor copy = empty_like(leaf, grad.dtype());
  copy_into(copy, grad);
  return copy;
}

void accumulate(const Tensor& leaf, Tensor grad, bool create_graph) {
  if (!(grad.sizes() == leaf.sizes())) grad = sum_to(grad, leaf.sizes());
  if (grad.dtype() != leaf.dtype()) grad = to_dtype(grad, leaf.dtype());
  Tensor& current = reinterpret_cast<Tensor&>(leaf->grad);
  if (!current) {
    current =
        create_graph ? (grad->owners() == 1 ? std::move(grad) : clone(grad)) : keep(std::move(grad), leaf);
  } else if (create_graph) {
    current = add(current, grad);
  } else {
    NoGrad no_grad;
    pointwise(Out{current.get(), nullptr, true}, Pointwise::Add, {current, grad});
  }
}

}  // namespace

void GraphTask::finish_leaves() {
  // A leaf may stand in the list more than once (accept looks back a few places only).
  if (leaves.size() > 8) {
    std::unordered_map<TensorImpl*, size_t> first;
    for (size_t i = 0; i < leaves.size(); ++i) {
      auto [it, fresh] = first.emplace(leaves[i].leaf.get(), i);
      if (!fresh) add_to(leaves[it->second].grad, std::move(leaves[i].grad), options.create_graph);
    }
  }
  for (LeafGradient& entry : leaves) {
    if (!entry.grad) continue;
    Tensor leaf(entry.leaf), grad = std::move(entry.grad);
    if (leaf->hooks) [[unlikely]]
      for (auto& hook : HookList(leaf->hooks->tensor))
        if (Tensor replaced = hook->on_gradient(grad)) grad = std::move(replaced);
    if (restricted)
      for (Capture& capture : captures)
        if (capture.leaf == leaf.get()) add_to(capture.grad, grad, options.create_graph);
    if (!options.accumulate) continue;
    if (leaf->hooks && !leaf->hooks->node_pre.empty()) [[unlikely]] {
      std::vector<Tensor> list{grad};
      for (auto& hook : HookList(leaf->hooks->node_pre)) hook->on_node_pre(list);
      grad = list[0];
    }
    std::vector<Tensor> outputs;
    if (leaf->hooks && !leaf->hooks->node_post.empty()) outputs.push_back(grad);
    accumulate(leaf, std::move(grad), options.create_graph);
    if (leaf->hooks) [[unlikely]] {
      std::vector<Tensor> none;
      for (auto& hook : HookList(leaf->hooks->node_post)) hook->on_node(none, outputs);
      for (auto& hook : HookList(leaf->hooks->post_accumulate)) hook->on_tensor(leaf);
    }
  }
}

std::vector<Tensor> run_backward(std::span<const Tensor> roots, std::span<const Tensor> grad_roots,
                                 std::span<const Tensor> inputs, const BackwardOptions& options) {
  GraphTask task;
  task.options = options;
  constexpr size_t kInline = 4;
  Edge edge_storage[kInline];
  std::vector<Edge> edge_vector;
  if (roots.size() > kInline) edge_vector.resize(roots.size());
  std::span<Edge> edges =
      roots.size() > kInline ? std::span(edge_vector) : std::span(edge_storage, roots.size());
  for (size_t i = 0; i < roots.size(); ++i) {
    edges[i] = gradient_edge(roots[i]);
    if (!edges[i])
      fail<RuntimeError>(
          "element ", i,
          " of tensors does not require grad and does not have a grad_fn; set requires_grad on "
          "the tensors it was computed from, outside torch.no_grad()");
  }
  for (const Tensor& input : inputs) {
    Edge edge = gradient_edge(input);
    check(static_cast<bool>(edge), "One of the differentiated Tensors does not require grad");
    task.captures.push_back({edge.node.get(), edge.leaf.get(), edge.output_nr, {}});
  }
  task.restricted = !inputs.empty();
  if (task.restricted) task.find_needed(edges);

  const DeviceScope device(roots.empty() ? current_device : roots[0].device());
  GradState previous = grad_state;
  grad_state = {options.create_graph, false, false};
  struct Restore {
    GradState previous;
    ~Restore() { grad_state = previous; }
  } restore{previous};
  for (size_t i = 0; i < roots.size(); ++i) {
    Tensor grad = i < grad_roots.size() ? grad_roots[i] : Tensor();
    if (!grad) {
      if (roots[i].numel() != 1)
        fail<RuntimeError>("grad can be implicitly created only for scalar outputs, but element ", i,
                           " has shape ", roots[i].sizes(),
                           "; reduce it (for example with .sum()) or pass its gradient");
      grad = empty_like(roots[i], roots[i].dtype());
      fill_raw(grad, Scalar(1));
    } else {
      if (!(grad.sizes() == roots[i].sizes()))
        fail<RuntimeError>("Mismatch in shape: grad_output[", i, "] has a shape of torch.Size(", grad.sizes(),
                           ") and output[", i, "] has a shape of torch.Size(", roots[i].sizes(), ").");
      if (grad.dtype() != roots[i].dtype()) grad = to_dtype(grad, roots[i].dtype());
    }
    task.accept(edges[i], std::move(grad));
  }
  task.run();
  task.finish_leaves();
  std::vector<Tensor> results;
  if (!options.accumulate)
    for (auto& capture : task.captures) results.push_back(std::move(capture.grad));
  return results;
}

}  // namespace flambeau
