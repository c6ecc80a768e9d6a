// Backward: nodes leave a heap newest first. An edge always leads to an older node, so the newest one waiting
// has all of its gradient. No recursion: a chain of any length runs in a loop.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "core/autograd/differentiable.h"
#include "core/autograd/sparse.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"

namespace flambeau {

SparseBridge sparse_bridge;

// One run of the engine. Nodes carry its state, so that a small graph allocates nothing. Where another run
// holds a node's place (a hook calls backward, or a thread shares the graph) this one keeps its gradients of
// that node aside. All of it happens with the GIL held; only kernels let other threads run.
struct GraphTask {
  struct LeafGradient {
    Ref<TensorImpl> leaf;
    Tensor grad;               // the sum of what came so far
    uint32_t outstanding = 0;  // edges that have yet to deliver; counted for leaves with hooks alone
    bool done = false;
  };
  struct Capture {
    const Node* node;
    const TensorImpl* leaf;
    uint32_t output_nr;
    Tensor grad;
  };
  static constexpr size_t kNowhere = static_cast<size_t>(-1);

  BackwardOptions options;
  std::vector<Ref<Node>> heap;
  std::unordered_map<const Node*, std::vector<Tensor>> aside;  // gradients of nodes that another run holds
  std::vector<LeafGradient> leaves;
  std::vector<size_t> ready;               // leaves with hooks whose gradient is complete
  std::vector<Capture> captures;           // of autograd.grad and backward(inputs=)
  bool restricted = false;                 // only what leads to the captures is computed
  std::unordered_set<const Node*> needed;  // the nodes that run
  std::unordered_map<const Node*, size_t> first_capture;
  std::span<const Edge> roots;
  const TensorImpl* accumulating =
      nullptr;  // the leaf whose `grad` is being written, perhaps without the GIL

  GraphTask();
  GraphTask(const GraphTask&) = delete;
  GraphTask& operator=(const GraphTask&) = delete;
  ~GraphTask();
  void find_needed(std::span<const Edge> roots);
  void count_dependencies(std::span<const Edge> roots);
  size_t slot_of(TensorImpl* leaf) const;
  size_t add_slot(const Ref<TensorImpl>& leaf);
  bool wanted(const Edge& edge) const;
  void accept(const Edge& edge, Tensor grad);
  void run();
  void step(Node* node);
  [[gnu::noinline]] void call_output_hooks(const Node& node, std::span<Tensor> grads);
  [[gnu::noinline]] bool capture(const Node* node, std::span<const Tensor> grads);
  [[gnu::noinline]] void take_aside(const Node* node, std::span<Tensor> grads);
  [[gnu::noinline]] void make_fit(const Node& node, size_t index, Tensor& grad);
  void finish_leaf(size_t slot);
  void finish_ready();
  void accumulate(const Tensor& leaf, Tensor grad);

  uint64_t number() const { return number_; }

 private:
  uint64_t number_;
  bool alone_;  // no other run was under way when this one began
  const void* thread_;
};

namespace {

std::vector<GraphTask*> running_tasks;  // of all threads
uint64_t tasks_begun = 0;
thread_local GraphTask* current_task = nullptr;  // of this thread, the innermost
thread_local char thread_mark;                   // its address tells threads apart

// The memory of this thread's last run: most graphs are small, and two allocations would be felt.
struct SpareLists {
  static constexpr size_t kKept = 256;
  std::vector<Ref<Node>> heap;
  std::vector<GraphTask::LeafGradient> leaves;
};
thread_local SpareLists spare;

// Threads that wait for another to finish with a leaf.
std::mutex leaf_mutex;
std::condition_variable leaf_is_free;
int leaf_waiters = 0;

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
  if (is_sparse(sum) || is_sparse(grad)) [[unlikely]] {
    sum = sparse_bridge.add(sum, grad, create_graph, false);
    return;
  }
  current_device = grad.device();  // a run's gradients may lie on several; its scope restores what was
  if (create_graph) {
    sum = add(sum, grad);
    return;
  }
  if (is_exclusive(sum) && sum->contiguous) {
    pointwise(Out{sum.get(), nullptr, true}, Pointwise::Add, {sum, grad});
    return;
  }
  sum = add(sum, grad);
}

GradientForm form_at(const Edge& edge) {
  if (edge.node) return edge.node->output(edge.output_nr).form;
  return {edge.leaf->sizes, edge.leaf->dtype, edge.leaf->device};
}

// Makes a gradient that node `from` returned fit the place it flows to: what broadcasts is summed, another
// dtype is cast, all else is refused.
void fit_gradient(const Node& from, size_t index, const Edge& edge, Tensor& grad) {
  const GradientForm form = form_at(edge);
  const auto& [sizes, dtype, layout] = form;
  const Device::Type device = place_of(layout);
  if (is_sparse(grad)) {
    if (grad.sizes() == sizes && grad.dtype() == dtype && device == Device::Type::Cpu) return;
    grad = sparse_bridge.to_dense(grad);
  }
  if (!(grad.sizes() == sizes)) {
    const int extra = grad.dim() - sizes.count;
    bool expands = extra >= 0;
    for (int i = 0; expands && i < sizes.count; ++i)
      expands = sizes[i] == grad.sizes()[extra + i] || sizes[i] == 1;
    if (!expands)
      fail<RuntimeError>("Function ", from.name, " returned an invalid gradient at index ", index, " - got ",
                         grad.sizes(), " but expected shape compatible with ", sizes);
  }
  if (grad.device() != device)
    fail<RuntimeError>("Function ", from.name, " returned an invalid gradient at index ", index,
                       " - expected device ", name(device), " but got ", name(grad.device()));
  check(!from.foreign || !is_complex(grad.dtype()) || is_complex(dtype), "Function ", from.name,
        " returned an invalid gradient at index ", index, " - got a complex gradient for a real tensor");
  current_device = device;
  grad = gradient_for(grad, sizes, dtype);
}
// Whether it fits as it is.
inline bool fits(const Edge& edge, const Tensor& grad) {
  if (edge.node) {
    const GradientForm& form = edge.node->output(edge.output_nr).form;
    return grad->sizes == form.sizes && grad->dtype == form.dtype && grad->device == form.device;
  }
  const TensorImpl* leaf = edge.leaf.get();
  return leaf && grad->sizes == leaf->sizes && grad->dtype == leaf->dtype && grad->device == leaf->device;
}

bool has_nan(const Tensor& t) {
  if (!(is_floating(t.dtype()) || is_complex(t.dtype())) || !host_readable(t.device()) || !t.numel())
    return false;
  const NoGrad no_grad;
  return nonzero(ne(t, t)).size(0) > 0;
}

[[gnu::noinline]] void call_pre_hooks(const Node& node, std::span<Tensor> grads) {
  std::vector<Tensor> list(grads.begin(), grads.end());
  for (auto& hook : HookList(node.hooks->pre)) hook->on_node_pre(list);
  std::copy(list.begin(), list.end(), grads.begin());
}
[[gnu::noinline]] void call_post_hooks(const Node& node, std::span<Tensor> inputs,
                                       std::span<const Tensor> grads) {
  std::vector<Tensor> list(inputs.begin(), inputs.end()), outs(grads.begin(), grads.end());
  for (auto& hook : HookList(node.hooks->post)) hook->on_node(list, outs);
  std::copy(list.begin(), list.end(), inputs.begin());
}

// A node in anomaly mode.
[[gnu::noinline]] void backward_watched(Node& node, std::span<const Tensor> grads, std::span<Tensor> inputs) {
  try {
    node.backward(grads, inputs);
    for (size_t i = 0; anomaly_mode.check_nan && i < inputs.size(); ++i)
      if (inputs[i] && has_nan(inputs[i]))
        fail<RuntimeError>("Function '", node.name, "' returned nan values in its ", i, "th output.");
  } catch (...) {
    report_origin(node);
    throw;
  }
}

}  // namespace

GraphTask::GraphTask() : number_(++tasks_begun), alone_(running_tasks.empty()), thread_(&thread_mark) {
  running_tasks.push_back(this);
  heap.swap(spare.heap);
  leaves.swap(spare.leaves);
}

GraphTask::~GraphTask() {
  std::erase(running_tasks, this);
  for (auto& node : heap)
    if (node->task == this) {
      node->task = nullptr;
      for (uint32_t i = 0; i < node->outputs; ++i) node->output(i).pending = Tensor();
    }
  heap.clear();
  leaves.clear();
  if (heap.capacity() <= SpareLists::kKept) heap.swap(spare.heap);
  if (leaves.capacity() <= SpareLists::kKept) leaves.swap(spare.leaves);
}

// Marks the nodes from which a captured place can be reached; iterative depth-first search.
void GraphTask::find_needed(std::span<const Edge> roots) {
  for (size_t i = 0; i < captures.size(); ++i) {
    if (captures[i].node) first_capture.emplace(captures[i].node, i);
    if (captures[i].leaf && slot_of(const_cast<TensorImpl*>(captures[i].leaf)) == kNowhere)
      add_slot(Ref<TensorImpl>(const_cast<TensorImpl*>(captures[i].leaf)));
  }
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
        const bool hit = top.hit;
        if (hit) needed.insert(top.node);
        const bool passes = hit || first_capture.contains(top.node);
        stack.pop_back();
        if (!stack.empty() && passes) stack.back().hit = true;
        continue;
      }
      const Edge& edge = top.node->edges[top.next++];
      if (edge.leaf)
        top.hit |= slot_of(edge.leaf.get()) != kNowhere;
      else if (edge.node) {
        if (seen.insert(edge.node.get()).second)
          stack.push_back({edge.node.get()});
        else if (needed.contains(edge.node.get()) || first_capture.contains(edge.node.get()))
          top.hit = true;
      }
    }
  }
}

// How many edges lead to each leaf that has hooks: they run as soon as the last of these has delivered.
void GraphTask::count_dependencies(std::span<const Edge> roots) {
  const auto count = [&](const Edge& edge) {
    if (!edge.leaf->hooks) return;
    size_t slot = slot_of(edge.leaf.get());
    if (slot == kNowhere) {
      if (restricted) return;
      slot = add_slot(edge.leaf);
    }
    ++leaves[slot].outstanding;
  };
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> stack;
  const auto follow = [&](const Edge& edge) {
    if (edge.leaf)
      count(edge);
    else if (edge.node && (!restricted || needed.contains(edge.node.get())) &&
             seen.insert(edge.node.get()).second)
      stack.push_back(edge.node.get());
  };
  for (const Edge& root : roots) follow(root);
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    for (const Edge& edge : node->edges) follow(edge);
  }
}

// The leaf knows its slot, unless another run has written its own there.
size_t GraphTask::slot_of(TensorImpl* leaf) const {
  const size_t slot = leaf->leaf_slot;
  if (slot < leaves.size() && leaves[slot].leaf.get() == leaf) [[likely]]
    return slot;
  if (alone_ && tasks_begun == number_) return kNowhere;
  for (size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].leaf.get() == leaf) {
      leaf->leaf_slot = static_cast<uint32_t>(i);
      return i;
    }
  return kNowhere;
}
size_t GraphTask::add_slot(const Ref<TensorImpl>& leaf) {
  leaf->leaf_slot = static_cast<uint32_t>(leaves.size());
  leaves.push_back({leaf, {}});
  return leaves.size() - 1;
}

// `grad` may be undefined: what it flows to runs nevertheless, as in PyTorch, or a Function would not be
// called.
void GraphTask::accept(const Edge& edge, Tensor grad) {
  if (edge.leaf) {
    size_t slot = slot_of(edge.leaf.get());
    if (slot == kNowhere) {
      if (restricted || !grad) return;
      slot = add_slot(edge.leaf);
    }
    if (grad) add_to(leaves[slot].grad, std::move(grad), options.create_graph);
    if (leaves[slot].outstanding && --leaves[slot].outstanding == 0) [[unlikely]]
      ready.push_back(slot);
    return;
  }
  Node* node = edge.node.get();
  if (restricted && !wanted(edge)) return;
  bool fresh = false;
  Tensor* place;
  if (auto found = aside.empty() ? aside.end() : aside.find(node); found != aside.end()) [[unlikely]] {
    place = &found->second[edge.output_nr];
  } else if (!node->task || node->task == this) {
    fresh = !node->task;
    node->task = this;
    place = &node->output(edge.output_nr).pending;
  } else {
    fresh = true;
    place = &aside.emplace(node, node->outputs).first->second[edge.output_nr];
  }
  if (fresh) {
    heap.push_back(edge.node);
    if (heap.size() > 1) std::push_heap(heap.begin(), heap.end(), older);
  }
  if (grad) add_to(*place, std::move(grad), options.create_graph);
}

// Whether a gradient that flows there is of use to this run.
bool GraphTask::wanted(const Edge& edge) const {
  if (!edge) return false;
  if (!restricted) return true;
  if (edge.leaf) return slot_of(edge.leaf.get()) != kNowhere;
  return needed.contains(edge.node.get()) || first_capture.contains(edge.node.get());
}

// What few nodes and few runs need stands outside of step, whose variables then stay in registers.

void GraphTask::call_output_hooks(const Node& node, std::span<Tensor> grads) {
  // Hooks may change the lists.
  for (auto& [output_nr, hook] : std::vector(node.hooks->tensor)) hook->on_gradient(grads[output_nr]);
  std::vector<std::pair<uint32_t, Tensor>> retaining;
  for (auto& [output_nr, tensor] : node.hooks->retain_grad) retaining.emplace_back(output_nr, Tensor(tensor));
  for (auto& [output_nr, tensor] : retaining)
    if (grads[output_nr]) {
      Tensor sum(tensor->grad);
      const bool shared = options.create_graph || is_sparse(grads[output_nr]);
      add_to(sum, shared ? grads[output_nr] : clone(grads[output_nr]), true);
      tensor->grad = sum;
    }
}

// Of a restricted run; false where nothing behind the node is asked for.
bool GraphTask::capture(const Node* node, std::span<const Tensor> grads) {
  const auto it = first_capture.find(node);
  if (it == first_capture.end()) return true;
  for (size_t i = it->second; i < captures.size(); ++i)
    if (captures[i].node == node && grads[captures[i].output_nr])
      add_to(captures[i].grad, grads[captures[i].output_nr], options.create_graph);
  return needed.contains(node);
}

void GraphTask::take_aside(const Node* node, std::span<Tensor> grads) {
  auto held = aside.extract(node);
  std::move(held.mapped().begin(), held.mapped().end(), grads.begin());
}

// A gradient that is not what the place it flows to asks for.
void GraphTask::make_fit(const Node& node, size_t index, Tensor& grad) {
  if (wanted(node.edges[index]))
    fit_gradient(node, index, node.edges[index], grad);
  else
    grad = Tensor();
}

void GraphTask::step(Node* node) {
  const uint32_t outputs = node->outputs;
  const size_t edges = node->edges.size();
  Tensor few[6];
  std::vector<Tensor> many;
  if (outputs + edges > std::size(few)) [[unlikely]]
    many.resize(outputs + edges);
  Tensor* const all = many.empty() ? few : many.data();
  const std::span<Tensor> grads(all, outputs), inputs(all + outputs, edges);
  if (node->task == this) [[likely]] {
    for (uint32_t i = 0; i < outputs; ++i) grads[i] = std::move(node->output(i).pending);
    node->task = nullptr;
  } else {
    take_aside(node, grads);
  }

  Node* previous = std::exchange(running_node, node);
  struct Restore {
    Node* previous;
    ~Restore() { running_node = previous; }
  } restore{previous};

  if (node->hooks) [[unlikely]]
    call_output_hooks(*node, grads);
  if (restricted && !capture(node, grads)) return;
  if (node->hooks && !node->hooks->pre.empty()) [[unlikely]]
    call_pre_hooks(*node, grads);
  // A node computes where its results lay.
  bool flows = node->takes_undefined;
  for (Tensor& grad : grads)
    if (grad) {
      // A Function of Python's may know sparse gradients; the derivatives of the core do not.
      if (is_sparse(grad) && !node->foreign) [[unlikely]]
        grad = sparse_bridge.to_dense(grad);
      current_device = place_of(grad.device());
      flows = true;
    }
  if (flows) [[likely]] {
    if (anomaly_mode.enabled) [[unlikely]]
      backward_watched(*node, grads, inputs);
    else
      node->backward(grads, inputs);
    for (size_t i = 0; i < edges; ++i)
      if (inputs[i] && !fits(node->edges[i], inputs[i])) [[unlikely]]
        make_fit(*node, i, inputs[i]);
  }
  if (node->hooks && !node->hooks->post.empty()) [[unlikely]]
    call_post_hooks(*node, inputs, grads);
  if (!options.retain_graph) node->release_captures();
  for (uint32_t i = 0; i < outputs; ++i)
    grads[i] = Tensor();  // before accept: a gradient passed on may be exclusive
  for (size_t i = 0; i < edges; ++i)
    if (node->edges[i]) accept(node->edges[i], std::move(inputs[i]));
}

void GraphTask::run() {
  finish_ready();
  while (!heap.empty()) {
    if (heap.size() > 1) std::pop_heap(heap.begin(), heap.end(), older);
    Ref<Node> node = std::move(heap.back());
    heap.pop_back();
    step(node.get());
    if (!ready.empty()) [[unlikely]]
      finish_ready();
  }
  for (size_t i = 0; i < leaves.size(); ++i) finish_leaf(i);
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

}  // namespace

void GraphTask::accumulate(const Tensor& leaf, Tensor grad) {
  // Another thread may be in the middle of adding to the same gradient, without the GIL.
  const auto taken = [&](const GraphTask* other) {
    return other->accumulating == leaf.get() && other->thread_ != thread_;
  };
  while (running_tasks.size() > 1 && std::ranges::any_of(running_tasks, taken)) [[unlikely]] {
    ++leaf_waiters;
    void* state = python_bridge.release_gil();
    {
      std::unique_lock lock(leaf_mutex);
      leaf_is_free.wait_for(lock, std::chrono::milliseconds(1));
    }
    python_bridge.acquire_gil(state);
    --leaf_waiters;
  }
  accumulating = leaf.get();
  struct Free {
    const TensorImpl*& place;
    ~Free() {
      place = nullptr;
      if (leaf_waiters) leaf_is_free.notify_all();
    }
  } free{accumulating};
  if (is_sparse(grad) || (leaf->grad && is_sparse(Tensor(leaf->grad)))) [[unlikely]] {
    leaf->grad = sparse_bridge.add(Tensor(leaf->grad), grad, options.create_graph, !options.create_graph);
    return;
  }
  current_device = grad.device();
  // The leaf's form may have changed since the gradient was checked (x.data = y), or since `grad` was set.
  for (const TensorImpl* other : {leaf.get(), leaf->grad.get()})
    if (other && other->device != grad.device())
      fail<RuntimeError>("the gradient of a leaf is on device ", name(grad.device()), ", but ",
                         other == leaf.get() ? "the leaf" : "its grad", " is on ", name(other->device));
  if (!(grad.sizes() == leaf.sizes())) grad = sum_to(grad, leaf.sizes());
  if (grad.dtype() != leaf.dtype()) grad = to_dtype(grad, leaf.dtype());
  Tensor current(leaf->grad);  // held: another thread may drop it
  if (!current) {
    leaf->grad = options.create_graph ? (grad->owners() == 1 ? std::move(grad) : clone(grad))
                                      : keep(std::move(grad), leaf);
  } else if (options.create_graph) {
    leaf->grad = add(current, grad);
  } else {
    const NoGrad no_grad;
    check_inference_write(current.get());
    pointwise(Out{current.get(), nullptr, true}, Pointwise::Add, {current, grad});
  }
}

void GraphTask::finish_leaf(size_t slot) {
  if (leaves[slot].done) return;
  leaves[slot].done = true;
  const Tensor leaf(leaves[slot].leaf);
  Tensor grad = std::move(leaves[slot].grad);
  if (!leaf->hooks) [[likely]] {
    if (!grad) return;
    if (!restricted) {
      accumulate(leaf, std::move(grad));
      return;
    }
  }
  if (leaf->hooks)
    for (auto& hook : HookList(leaf->hooks->tensor)) hook->on_gradient(grad);
  if (restricted && grad)
    for (Capture& capture : captures)
      if (capture.leaf == leaf.get()) add_to(capture.grad, grad, options.create_graph);
  if (!options.accumulate) return;
  if (leaf->hooks && !leaf->hooks->node_pre.empty()) {
    std::vector<Tensor> list{grad};
    for (auto& hook : HookList(leaf->hooks->node_pre)) hook->on_node_pre(list);
    grad = list[0];
  }
  std::vector<Tensor> outputs;
  if (leaf->hooks && !leaf->hooks->node_post.empty()) outputs.push_back(grad);
  if (grad) accumulate(leaf, std::move(grad));
  if (leaf->hooks)
    for (auto& hook : HookList(leaf->hooks->post_accumulate)) hook->on_tensor(leaf);
  if (leaf->hooks) {
    std::vector<Tensor> none;
    for (auto& hook : HookList(leaf->hooks->node_post)) hook->on_node(none, outputs);
  }
}

void GraphTask::finish_ready() {
  while (!ready.empty()) {
    std::vector<size_t> slots = std::move(ready);
    ready.clear();
    for (size_t slot : slots) finish_leaf(slot);
  }
}

uint64_t current_run() { return current_task ? current_task->number() : 0; }
bool run_is_restricted() { return current_task && current_task->restricted; }
bool is_running(uint64_t run) {
  return std::ranges::any_of(running_tasks, [run](const GraphTask* task) { return task->number() == run; });
}
std::vector<bool> will_run(std::span<const Edge> places) {
  std::vector<bool> reached(places.size());
  if (!current_task) return reached;
  std::unordered_set<const void*> seen;
  std::vector<const Node*> stack;
  const auto follow = [&](const Edge& edge) {
    if (!current_task->wanted(edge)) return;
    if (edge.leaf)
      seen.insert(edge.leaf.get());
    else if (seen.insert(edge.node.get()).second)
      stack.push_back(edge.node.get());
  };
  for (const Edge& root : current_task->roots) follow(root);
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    for (const Edge& edge : node->edges) follow(edge);
  }
  for (size_t i = 0; i < places.size(); ++i)
    reached[i] = seen.contains(places[i].leaf ? static_cast<const void*>(places[i].leaf.get())
                                              : static_cast<const void*>(places[i].node.get()));
  return reached;
}

Edge input_edge(const Tensor& input, size_t index, bool accumulate) {
  if (!input) fail<TypeError>("element ", index, " of inputs is None");
  if (accumulate) retain_grad(input);
  Edge edge = gradient_edge(input);
  check(static_cast<bool>(edge), "One of the differentiated Tensors does not require grad");
  return edge;
}

Edge root_edge(const Tensor& root, size_t index) {
  Edge edge = gradient_edge(root);
  if (!edge)
    fail<RuntimeError>("element ", index, " of tensors does not require grad and does not have a grad_fn");
  return edge;
}

Tensor root_gradient(const Tensor& root, Tensor grad, size_t index) {
  if (!grad) {
    if (root.numel() != 1) fail<RuntimeError>("grad can be implicitly created only for scalar outputs");
    check(!is_complex(root.dtype()),
          "grad can be implicitly created only for real scalar outputs but got torch.", name(root.dtype()));
    check<NotImplementedError>(!is_sparse(root), "backward from a sparse tensor needs a gradient");
    const DeviceScope device(root.device());
    grad = empty_like(root, root.dtype());
    fill_raw(grad, Scalar(1));
    return grad;
  }
  if (!(grad.sizes() == root.sizes()))
    fail<RuntimeError>("Mismatch in shape: grad_output[", index, "] has a shape of torch.Size(", grad.sizes(),
                       ") and output[", index, "] has a shape of torch.Size(", root.sizes(), ").");
  if (is_complex(grad.dtype()) != is_complex(root.dtype()))
    fail<RuntimeError>(
        "For complex Tensors, both grad_output and output are required to have the same dtype. "
        "Mismatch in dtype: grad_output[",
        index, "] has a dtype of torch.", name(grad.dtype()), " and output[", index,
        "] has a dtype of torch.", name(root.dtype()), ".");
  if (grad.dtype() != root.dtype()) {
    if (is_sparse(grad)) grad = sparse_bridge.to_dense(grad);
    grad = to_dtype(grad, root.dtype());
  }
  return grad;
}

std::vector<Tensor> run_backward(std::span<const Edge> roots, std::span<Tensor> grad_roots,
                                 std::span<const Edge> inputs, const BackwardOptions& options) {
  GraphTask task;
  struct Current {
    GraphTask* previous;
    explicit Current(GraphTask* task) : previous(std::exchange(current_task, task)) {}
    ~Current() { current_task = previous; }
  } current(&task);
  task.options = options;
  task.roots = roots;
  task.restricted = !inputs.empty();
  if (task.restricted) {
    for (const Edge& input : inputs)
      task.captures.push_back({input.node.get(), input.leaf.get(), input.output_nr, {}});
    task.find_needed(roots);
  }
  if (LeafHooks::leaves) [[unlikely]]
    task.count_dependencies(roots);

  const DeviceScope device(grad_roots.empty() ? current_device : place_of(grad_roots[0].device()));
  GradState previous = grad_state;
  // Gradients that come about in inference mode are inference tensors.
  grad_state = {options.create_graph && !previous.inference, previous.inference};
  struct Restore {
    GradState previous;
    ~Restore() { grad_state = previous; }
  } restore{previous};
  for (size_t i = 0; i < roots.size(); ++i) task.accept(roots[i], std::move(grad_roots[i]));
  task.run();
  std::vector<Tensor> results;
  if (!options.accumulate)
    for (auto& capture : task.captures) results.push_back(std::move(capture.grad));
  return results;
}

}  // namespace flambeau
