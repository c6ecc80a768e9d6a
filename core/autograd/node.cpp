#include "core/autograd/node.h"

#include "core/autograd/differentiable.h"
#include "core/ops/operators.h"

namespace flambeau {

thread_local GradState grad_state;
thread_local Node* recording_node = nullptr;
thread_local TensorImpl* recording_target = nullptr;
thread_local Node* running_node = nullptr;

namespace {
uint64_t node_counter = 0;
uint64_t hook_counter = 0;
// Nodes waiting to be deleted while one is: a chain of a million frees itself in a loop, not by recursion.
thread_local std::vector<Node*>* graveyard = nullptr;
}  // namespace

uint64_t next_hook_id() { return ++hook_counter; }

Node::Node(const char* name) : name(name), sequence(++node_counter) {}
Node::~Node() = default;

template <>
void destroy(Node* node) noexcept {
  if (graveyard) {
    graveyard->push_back(node);
    return;
  }
  static thread_local std::vector<Node*> waiting;
  graveyard = &waiting;
  delete node;
  while (!waiting.empty()) {
    Node* next = waiting.back();
    waiting.pop_back();
    delete next;
  }
  graveyard = nullptr;
}

void Node::release_captures() {
  for (Saved* s = saved; s; s = s->next()) s->drop();
  released = true;
}

// ---- captures

void Saved::settle() {
  if (!recording_node || !impl_) return;
  check(!impl_->inference || is_result_,
        "Inference tensors cannot be saved for backward. To work around you can make a clone to get a normal "
        "tensor and use it "
        "in autograd.");
  present_ = true;
  if (is_result_) {
    impl_ = alias(Tensor(impl_)).release();  // without history: no cycle from the node to itself
  } else if (recording_target && recording_target->storage == impl_->storage) {
    NoGrad no_grad;  // the forward is about to overwrite it
    Tensor copy = clone(Tensor(impl_));
    impl_ = copy.release();
  } else {
    impl_->incref();
  }
  owned_ = true;
  version_ = impl_->version();
  next_ = recording_node->saved;
  recording_node->saved = this;
}

void Saved::drop() noexcept {
  if (!owned_) return;
  owned_ = false;
  TensorImpl* impl = std::exchange(impl_, nullptr);
  if (impl->decref()) destroy(impl);
}

Tensor Saved::operator()() const {
  if (!owned_) {
    if (!present_) return Tensor(impl_);  // an undefined tensor was captured
    fail<RuntimeError>(
        "Trying to backward through the graph a second time (or directly access saved tensors after they "
        "have already been "
        "freed). Saved intermediate values of the graph are freed when you call .backward() or "
        "autograd.grad(). Specify "
        "retain_graph=True if you need to backward through the graph a second time or if you need to access "
        "saved tensors "
        "after calling backward.");
  }
  if (impl_->version() != version_) {
    std::string origin;
    if (is_result_ && running_node)
      origin = concat(", which is output 0 of ", running_node->name, ",");
    else if (impl_->grad_fn)
      origin = concat(", which is output ", impl_->output_nr, " of ", impl_->grad_fn->name, ",");
    fail<RuntimeError>(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.",
        scalar_type_name(impl_->dtype), "Tensor ", impl_->sizes, "]", origin, " is at version ",
        impl_->version(), "; expected version ", version_, " instead. It was saved by ",
        running_node ? running_node->name : "an operation",
        ". Hint: replace the in-place operation by one that makes a new tensor, or clone() before it.");
  }
  if (!is_result_) return Tensor(impl_);
  if (!grad_enabled() || !running_node) return Tensor(impl_);
  Tensor attached = alias(Tensor(impl_));
  attached->grad_fn = Ref<Node>(running_node);
  return attached;
}

// ---- histories

Edge gradient_edge(const Tensor& t) {
  if (t->requires_grad_leaf) return {{}, t, 0};
  refresh_view(t.get());
  if (t->grad_fn) return {t->grad_fn, {}, t->output_nr};
  return {};
}

void forget_retained_grad(TensorImpl* t) noexcept {
  if (t->retains_grad && t->grad_fn && t->grad_fn->hooks)
    std::erase_if(t->grad_fn->hooks->retain_grad, [t](const auto& entry) { return entry.tensor == t; });
}

namespace {
// The retained gradient follows a tensor to its new node.
void move_retained_grad(TensorImpl* t, Node* to, uint32_t output_nr) {
  forget_retained_grad(t);
  if (to) to->make_hooks().retain_grad.push_back({output_nr, t});
}
}  // namespace

void set_history(const Tensor& t, Ref<Node> node, uint32_t output_nr) {
  if (t->retains_grad) move_retained_grad(t.get(), node.get(), output_nr);
  t->grad_fn = std::move(node);
  t->output_nr = output_nr;
  t->requires_grad_leaf = false;
  if (t->view_base) t->view_version = t->version();
}

namespace {

// The window of a view in its base's memory, in items.
struct Window {
  Dims sizes, strides;
  int64_t offset;
};
Window window_of(const TensorImpl* view) { return {view->sizes, view->strides, view->storage_offset()}; }

// The history of a base after one of its views was written in place: the gradient flows through `inner` on
// the window and around it elsewhere.
struct CopySlices final : Node {
  std::vector<Edge> edge_storage;
  Window base, view;
  Ref<Node> inner;

  CopySlices(const Tensor& base_tensor, const TensorImpl* view_impl, Ref<Node> inner_node)
      : Node("CopySlices"),
        base(window_of(base_tensor.get())),
        view(window_of(view_impl)),
        inner(std::move(inner_node)) {
    edge_storage.push_back(gradient_edge(base_tensor));
    for (size_t i = 1; i < inner->edges.size(); ++i) edge_storage.push_back(inner->edges[i]);
    edges = edge_storage;
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    if (!grads[0]) return;
    check(static_cast<bool>(inner),
          "Trying to backward through the graph a second time. Specify retain_graph=True the first time.");
    // The base's own layout, so that the view's window means the same in it.
    Tensor result = empty_strided(base.sizes, base.strides, grads[0].dtype());
    result = copy_(result, grads[0]);
    Tensor slice = as_strided(result, view.sizes, view.strides, view.offset - base.offset);
    std::vector<Tensor> inner_grads(inner->edges.size());
    Tensor grad_slice = clone(slice);
    Node* outer = running_node;
    running_node = inner.get();
    inner->backward(std::span<const Tensor>(&grad_slice, 1), inner_grads);
    running_node = outer;
    for (size_t i = 1; i < inner_grads.size(); ++i) grad_inputs[i] = std::move(inner_grads[i]);
    if (edge_storage[0]) {
      if (inner_grads[0])
        copy_(slice, inner_grads[0]);
      else
        zero_(slice);
      grad_inputs[0] = std::move(result);
    }
  }
  void release_captures() override {
    if (inner) inner->release_captures();
    Node::release_captures();
  }
};

}  // namespace

void refresh_view_slow(TensorImpl* view) {
  Tensor base = view->view_base;
  if (!requires_grad(base)) return;
  if (base->requires_grad_leaf && !base->grad_fn && view->grad_fn) {
    // A leaf written under no_grad: the view's own history is still right.
    view->view_version = view->version();
    return;
  }
  Tensor fresh;
  {
    GradState previous = grad_state;
    grad_state = {true, false, false};
    fresh = as_strided(base, view->sizes, view->strides, view->storage_offset());
    grad_state = previous;
  }
  if (view->retains_grad) move_retained_grad(view, fresh->grad_fn.get(), 0);
  view->grad_fn = fresh->grad_fn;
  view->output_nr = 0;
  view->view_version = view->version();
}

void rebase_history(const Tensor& t, Ref<Node> node) {
  if (!t->view_base) {
    set_history(t, std::move(node));
    return;
  }
  Tensor base = t->view_base;
  check(node->edges.size() > 0, "in-place operation without a derivative for self: ", node->name);
  Ref<Node> slices(new CopySlices(base, t.get(), std::move(node)));
  set_history(base, slices);
  // The view's own node is rebuilt from the base's when it is next asked for.
  t->requires_grad_leaf = false;
  t->view_version = t->version() - 1;
  refresh_view(t.get());
}

void check_inplace(const Tensor& t) {
  if (t->inference) {
    check(grad_state.inference,
          "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a "
          "clone to get a normal tensor before doing inplace update.");
    return;
  }
  if (!grad_enabled()) return;
  if (t->requires_grad_leaf)
    fail<RuntimeError>(
        "a leaf Variable that requires grad is being used in an in-place operation. Wrap it in "
        "torch.no_grad(), or work on a clone().");
  if (!t->view_base) return;
  const Tensor base = t->view_base;
  bool graph = requires_grad(base) || requires_grad(t);
  if (graph && base->requires_grad_leaf)
    fail<RuntimeError>(
        "a view of a leaf Variable that requires grad is being used in an in-place operation. Wrap it in "
        "torch.no_grad(), or work on a clone().");
  if (!graph) return;
  if (t->view_kind == ViewKind::OneOfMany)
    fail<RuntimeError>(
        "Output ", t->output_nr, " of ", t->grad_fn ? t->grad_fn->name : "a function",
        " is a view and is being modified inplace. This view is the output of a function that returns "
        "multiple "
        "views. Such functions do not allow the output views to be modified inplace. You should replace the "
        "inplace operation by an out-of-place one.");
  if (t->view_kind == ViewKind::MadeWithoutGrad)
    fail<RuntimeError>(
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that "
        "this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving "
        "both "
        "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
        "tracked) or both outside (if you want the inplace to be tracked).");
}

Tensor make_view(const Tensor& self, const Dims& sizes, const Dims& strides, int64_t offset, ViewKind kind) {
  Tensor view = alias(self, sizes, strides, offset);
  TensorImpl* impl = view.get();
  impl->inference = self->inference;
  if (self->view_base) {
    impl->view_base = self->view_base;
    // What forbids an in-place write to a view forbids it to a view of that view.
    if (kind == ViewKind::Plain && self->view_kind != ViewKind::Plain) kind = self->view_kind;
  } else {
    impl->view_base = self;
  }
  if (!grad_state.enabled && !grad_state.inside_forward) kind = ViewKind::MadeWithoutGrad;
  impl->view_kind = kind;
  impl->view_version = impl->version();
  return view;
}

Tensor result_for(const Out& out, const Dims& sizes, DType dtype) {
  if (!out.target) [[likely]]
    return empty(sizes, dtype);
  Tensor target(out.target);
  auto castable = [](DType from, DType to) {
    if (is_floating(from) && is_integral(to)) return false;
    if (is_complex(from) && !is_complex(to)) return false;
    return from == DType::Bool || to != DType::Bool;
  };
  if (!castable(dtype, target.dtype()))
    fail<RuntimeError>("result type ", scalar_type_name(dtype), " can't be cast to the desired output type ",
                       scalar_type_name(target.dtype()), "; convert it with .to() first");
  if (!(target.sizes() == sizes)) {
    if (out.inplace)
      fail<RuntimeError>("output with shape ", target.sizes(), " doesn't match the broadcast shape ", sizes,
                         "; an in-place operation cannot grow its tensor");
    resize_out(target, sizes);
  }
  check_no_internal_overlap(target);
  target->bump_version();
  return target;
}

}  // namespace flambeau
