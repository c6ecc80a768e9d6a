// The graph that backward walks: a node per recorded operation.
#pragma once
#include <memory>
#include <span>
#include <string>
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

// What a gradient that flows somewhere has to be like.
struct GradientForm {
  Dims sizes;
  DType dtype = DType::Float32;
  Device::Type device = Device::Type::Cpu;
};

struct Node : Counted {
  const char* name;        // PyTorch's, e.g. "AddBackward0"
  uint64_t sequence;       // creation order: an edge always leads to a node with a smaller one
  std::span<Edge> edges;   // one per differentiable input; storage is the derived class's
  Saved* saved = nullptr;  // the tensors that its closures hold
  uint32_t outputs = 1;
  bool released = false;         // its captures are gone
  bool takes_undefined = false;  // runs even where no gradient flowed into it
  bool foreign = false;          // its derivative is a user's: no complex gradient for a real input
  GraphTask* task = nullptr;     // the pass that keeps its gradients here (see engine.cpp)
  struct Output {
    Tensor pending;  // its gradient so far
    GradientForm form;
  };
  Output first;
  std::unique_ptr<Output[]> more;  // outputs 1.. , where there are several
  std::unique_ptr<NodeHooks> hooks;

  explicit Node(const char* name);
  virtual ~Node();
  // grad_outputs: one per output, undefined where nothing flowed; fills grad_inputs, one per edge.
  virtual void backward(std::span<const Tensor> grad_outputs, std::span<Tensor> grad_inputs) = 0;
  virtual void release_captures();
  // Python objects held beyond hooks and saved tensors (a Function's context).
  virtual int visit(int (*)(void*, void*), void*) { return 0; }
  virtual void clear() {}
  // The node that this one owns and runs inside itself, if any.
  virtual Node* inner_node() const { return nullptr; }

  Output& output(uint32_t output_nr) { return output_nr == 0 ? first : more[output_nr - 1]; }
  void set_outputs(uint32_t n) {
    outputs = n;
    if (n > 1) more = std::make_unique<Output[]>(n - 1);
  }
  // Notes what gradients of this output look like: as `t`.
  void note_form(const Tensor& t, uint32_t output_nr = 0) {
    GradientForm& form = output(output_nr).form;
    form.sizes = t.sizes();
    form.dtype = t.dtype();
    form.device = t.device();
  }
  NodeHooks& make_hooks() {
    if (!hooks) hooks = std::make_unique<NodeHooks>();
    return *hooks;
  }
  void* operator new(size_t bytes) { return SmallPool::take(bytes); }
  void operator delete(void* block, size_t bytes) noexcept { SmallPool::give(block, bytes); }
};

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
inline bool is_stale_view(const TensorImpl* t) { return t->view_base && t->view_version != t->version(); }
inline void refresh_view(TensorImpl* t) {
  if (is_stale_view(t)) [[unlikely]]
    refresh_view_slow(t);
}
bool view_requires_grad(TensorImpl* t);
// A view of what requires a gradient requires one too, even where no gradient flows through it because it was
// made under no_grad.
inline bool requires_grad(const Tensor& t) {
  if (!t) return false;
  if (t->requires_grad_leaf) return true;
  if (t->view_base) [[unlikely]]
    return view_requires_grad(t.get());
  return static_cast<bool>(t->grad_fn);
}
// The place where t's gradient flows; empty if it needs none.
Edge gradient_edge(const Tensor& t);

// t.retain_grad(): the gradient of a tensor that is no leaf is kept in t.grad.
void retain_grad(const Tensor& t);
// Takes t off the list of tensors whose gradient its node keeps: before t dies or loses its history.
void forget_retained_grad(TensorImpl* t) noexcept;

// Makes `node` the history of t (just computed, or just overwritten in place).
void set_history(const Tensor& t, Ref<Node> node, uint32_t output_nr = 0);
// The same for a tensor that may be a view: the history of its base is rewritten (CopySlices).
void rebase_history(const Tensor& t, Ref<Node> node);
// Throws RuntimeError where writing to t in place would break the graph: leaves that require grad, views of
// them, one of many views, views made under no_grad, inference tensors.
void check_inplace(const Tensor& t);
// The part of it that counts where the write is recorded, be it for another operand's sake.
void check_recorded_write(const Tensor& t);
// The part of it that always counts.
void check_inference_write(const TensorImpl* t);

// The run of the engine that this thread is in (0: none), whether some run is under way, and which of some
// places the thread's run reaches.
uint64_t current_run();
bool is_running(uint64_t run);
bool run_is_restricted();  // whether it computes the gradients of given inputs alone
std::vector<bool> will_run(std::span<const Edge> places);

// The operation that a node belongs to: "Exp" for "ExpBackward0".
std::string operation_name(const char* node);

// In anomaly mode the engine looks for NaN, and a failure is shown with the place of the forward call.
struct AnomalyMode {
  bool enabled = false, check_nan = true;
};
extern AnomalyMode anomaly_mode;
// Filled in by core/python: notes where a node is recorded, and warns with that place when the node has
// failed.
extern void (*note_origin)(Node* node);
extern void (*report_origin)(const Node& node);

struct BackwardOptions {
  bool retain_graph = false, create_graph = false;
  bool accumulate = true;  // false: autograd.grad, which returns gradients instead
};
// The engine. `inputs` empty: gradients go to every leaf reached. With accumulate off, returns one gradient
// per input (undefined where unreached).
std::vector<Tensor> run_backward(std::span<const Edge> roots, std::span<Tensor> grad_roots,
                                 std::span<const Edge> inputs, const BackwardOptions& options);
// The place of a tensor with respect to which is differentiated. Where gradients accumulate, one that is no
// leaf keeps its own.
Edge input_edge(const Tensor& input, size_t index, bool accumulate);
// The place where the gradient of a tensor to be differentiated enters, and that gradient: ones where none is
// given and the tensor has one element. `index` is its place in the list, for messages.
Edge root_edge(const Tensor& root, size_t index);
Tensor root_gradient(const Tensor& root, Tensor grad, size_t index);

}  // namespace flambeau
