// The graph that backward walks: a node per recorded operation.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "core/autograd/hooks.h"
#include "core/tensor/tensor.h"

namespace flambeau {

struct GraphTask;
class Saved;

// Where a gradient flows: into an output of a node, or into a leaf.
struct Edge {
  Ref<Node> node;
  Ref<TensorImpl> leaf;
  uint32_t output_nr = 0;
  explicit operator bool() const { return node || leaf; }
};

struct Node : Counted {
  const char* name;        // PyTorch's, e.g. "AddBackward0"
  uint64_t sequence;       // creation order: an edge always leads to a node with a smaller one
  std::span<Edge> edges;   // one per differentiable input; storage is the derived class's
  Saved* saved = nullptr;  // the tensors that its closures hold
  uint32_t outputs = 1;
  bool released = false;  // its captures are gone
  // State of the pass that is running (see engine.cpp).
  bool queued = false;
  GraphTask* task = nullptr;
  Tensor pending;                          // gradient of output 0 so far
  std::unique_ptr<Tensor[]> more_pending;  // of outputs 1.. , where there are several
  std::unique_ptr<NodeHooks> hooks;

  explicit Node(const char* name);
  virtual ~Node();
  // grad_outputs: one per output, undefined where nothing flowed; fills grad_inputs, one per edge.
  virtual void backward(std::span<const Tensor> grad_outputs, std::span<Tensor> grad_inputs) = 0;
  virtual void release_captures();
  // Python objects held beyond hooks and saved tensors (a Function's context).
  virtual int visit(int (*)(void*, void*), void*) { return 0; }
  virtual void clear() {}

  Tensor& pending_for(uint32_t output_nr) { return output_nr == 0 ? pending : more_pending[output_nr - 1]; }
  void set_outputs(uint32_t n) {
    outputs = n;
    if (n > 1) more_pending = std::make_unique<Tensor[]>(n - 1);
  }
  NodeHooks& make_hooks() {
    if (!hooks) hooks = std::make_unique<NodeHooks>();
    return *hooks;
  }
  void* operator new(size_t bytes) { return SmallPool::take(bytes); }
  void operator delete(void* block, size_t bytes) noexcept { SmallPool::give(block, bytes); }
};

// Thread-local switches of the recording.
struct GradState {
  bool enabled = true;
  bool inference = false;
  bool inside_forward =
      false;  // an operator's own forward: not recorded, yet its views count as recorded ones
};
extern thread_local GradState grad_state;
inline bool grad_enabled() { return grad_state.enabled; }

class NoGrad {
 public:
  NoGrad() : previous_(grad_state.enabled) { grad_state.enabled = false; }
  ~NoGrad() { grad_state.enabled = previous_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

// Around the forward of an operator that is being recorded as one node.
class InsideForward {
 public:
  InsideForward() : previous_(grad_state) {
    grad_state.enabled = false;
    grad_state.inside_forward = true;
  }
  ~InsideForward() { grad_state = previous_; }
  InsideForward(const InsideForward&) = delete;
  InsideForward& operator=(const InsideForward&) = delete;

 private:
  GradState previous_;
};

// A view whose base was written in place has a stale grad_fn; this rebuilds it.
void refresh_view_slow(TensorImpl* view);
inline void refresh_view(TensorImpl* t) {
  if (t->view_base && t->view_version != t->version()) [[unlikely]]
    refresh_view_slow(t);
}
inline bool requires_grad(const Tensor& t) {
  if (!t) return false;
  if (t->requires_grad_leaf) return true;
  refresh_view(t.get());
  return static_cast<bool>(t->grad_fn);
}
// The place where t's gradient flows; empty if it needs none.
Edge gradient_edge(const Tensor& t);

// Takes t off the list of tensors whose gradient its node keeps: before t dies or loses its history.
void forget_retained_grad(TensorImpl* t) noexcept;

// Makes `node` the history of t (just computed, or just overwritten in place).
void set_history(const Tensor& t, Ref<Node> node, uint32_t output_nr = 0);
// The same for a tensor that may be a view: the history of its base is rewritten (CopySlices).
void rebase_history(const Tensor& t, Ref<Node> node);
// Throws RuntimeError where writing to t in place would break the graph: leaves that require grad, views of
// them, one of many views, inference tensors.
void check_inplace(const Tensor& t);

struct BackwardOptions {
  bool retain_graph = false, create_graph = false;
  bool accumulate = true;  // false: autograd.grad, which returns gradients instead
};
// The engine. `inputs` empty: gradients go to every leaf reached. With accumulate off, returns one gradient
// per input (undefined where unreached).
std::vector<Tensor> run_backward(std::span<const Tensor> roots, std::span<const Tensor> grad_roots,
                                 std::span<const Tensor> inputs, const BackwardOptions& options);

}  // namespace flambeau
