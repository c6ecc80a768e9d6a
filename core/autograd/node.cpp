#include "core/autograd/node.h"

#include "core/autograd/differentiable.h"
#include "core/autograd/freed.h"
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

std::string operation_name(const char* node) {
  std::string text(node);
  const size_t at = text.rfind("Backward");
  if (at != std::string::npos && at > 0 && text.find_first_not_of("0123456789", at + 8) == std::string::npos)
    text.resize(at);
  return text;
}

uint64_t next_hook_id() { return ++hook_counter; }

int threads_with_capture_hooks = 0;
thread_local CaptureHooks* capture_hooks = nullptr;
AnomalyMode anomaly_mode;
void (*note_origin)(Node* node) = nullptr;
void (*report_origin)(const Node& node) = nullptr;

Node::Node(const char* name) : name(name), sequence(++node_counter) {
  if (anomaly_mode.enabled) [[unlikely]]
    note_origin(this);
}
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

namespace {

uint32_t generation_of(const TensorImpl* t) { return t->former ? t->former->generation : 0; }

// `t`, which has no history, as the value that edge leads to.
Tensor attach(Tensor t, const Edge& edge) {
  if (edge.leaf)
    return differentiable(
        "AliasBackward0", {}, [&] { return alias(t); },
        wrt(Tensor(edge.leaf), [](const Tensor& grad) { return grad; }));
  t->grad_fn = edge.node;
  t->output_nr = edge.output_nr;
  return t;
}

// A result of the node that a write to a view left inside CopySlices, with the history that the view has
// since then; undefined where `owner` is no such node.
Tensor result_of_running_slices(const Tensor& value, const Node* owner);

}  // namespace

void fail_freed() {
  fail<RuntimeError>(
      "Trying to backward through the graph a second time (or directly access saved tensors after they have "
      "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
      "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
      "if you need to access saved tensors after calling backward.");
}

void Saved::settle() {
  check(!impl_->inference || result_nr_ >= 0,
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode "
        "in "
        "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor "
        "and use "
        "it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`.");
  state_ = State::Absent;
  if (result_nr_ >= 0) {
    own(alias(Tensor(impl_)).release());  // without history: no cycle from the node to itself
  } else if (recording_target && recording_target->storage == impl_->storage) {
    const Tensor original(impl_);
    Tensor copy;
    {
      const RecordingScope nothing(nullptr, nullptr);
      const NoGrad no_grad;  // the forward is about to overwrite it
      copy = clone(original);
    }
    if (const Edge edge = gradient_edge(original); edge.node) copy = attach(std::move(copy), edge);
    own(copy.release());
  } else {
    impl_->incref();
    own(impl_);
    had_history_ = static_cast<bool>(impl_->grad_fn);
  }
  next_ = recording_node->saved;
  recording_node->saved = this;
}

void Saved::pack(CaptureHooks& hooks) {
  if (state_ != State::Owned) return;
  const Tensor value = window();
  Edge edge = result_nr_ >= 0 ? Edge{} : gradient_edge(value);
  std::unique_ptr<PackedValue> packed;
  {
    // The hook's own operations are none of this node's captures.
    const RecordingScope nothing(nullptr, nullptr);
    const NoGrad no_grad;
    packed = hooks.pack(value);
  }
  check(
      value->version() == version_,
      "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
      "cannot be modified by in-place operations as this can lead to unexpected side-effects. Please open an "
      "issue if you need to perform in-place operations on the input to a pack hook.");
  drop();
  packed_ = new Packed{std::move(packed), std::move(edge)};
  state_ = State::Packed;
}

void pack_captures_slow(Node& node) {
  std::vector<Saved*> captures;
  for (Saved* s = node.saved; s; s = s->next()) captures.push_back(s);
  while (!captures.empty()) {  // the first that was captured is the last in the list
    captures.back()->pack(*capture_hooks);
    captures.pop_back();
  }
}

void Saved::fail_not_copyable() const {
  if (state_ == State::Dropped) fail_freed();
  fail<RuntimeError>("a derivative tried to hand on a captured tensor that a saved_tensors_hooks has packed");
}

void Saved::own(TensorImpl* counted) {
  impl_ = counted;
  state_ = State::Owned;
  version_ = impl_->version();
  ++impl_->captures;
  generation_ = generation_of(impl_);
}

void Saved::drop() noexcept {
  if (state_ == State::Packed) {
    state_ = State::Dropped;
    delete std::exchange(packed_, nullptr);
    return;
  }
  if (state_ != State::Owned) return;
  state_ = State::Dropped;
  TensorImpl* impl = std::exchange(impl_, nullptr);
  --impl->captures;
  Tensor window;  // dies last
  if (generation_ != generation_of(impl)) [[unlikely]] {
    auto& entries = impl->former->entries;
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i].generation == generation_ && --entries[i].captures == 0) {
        window = std::move(entries[i].window);
        entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      }
  }
  if (impl->decref()) destroy(impl);
}

Edge Saved::edge() const {
  if (state_ == State::Packed) return packed_->edge;
  return state_ == State::Owned && result_nr_ < 0 ? gradient_edge(window()) : Edge{};
}

Tensor Saved::window() const {
  if (generation_ == generation_of(impl_)) [[likely]]
    return Tensor(impl_);
  for (const auto& entry : impl_->former->entries)
    if (entry.generation == generation_) {
      const Edge edge = gradient_edge(Tensor(impl_));
      return edge ? attach(alias(entry.window), edge) : entry.window;
    }
  fail<RuntimeError>("a captured tensor has lost its former data");
}

Tensor Saved::get(Node* owner) const {
  switch (state_) {
    case State::Borrowed:
      return Tensor(impl_);
    case State::Absent:
      return {};  // an undefined tensor was captured
    case State::Dropped:
      fail_freed();
    case State::Packed: {
      Tensor value = packed_->value->unpack();
      const Edge edge = result_nr_ >= 0 && owner
                            ? Edge{Ref<Node>(owner), {}, static_cast<uint32_t>(result_nr_)}
                            : packed_->edge;
      return edge ? attach(alias(value), edge) : value;
    }
    case State::Owned:
      break;
  }
  Tensor value = window();
  if (value->version() != version_) {
    std::string origin;
    if (result_nr_ >= 0 && owner)
      origin = concat(", which is output ", result_nr_, " of ", operation_name(owner->name), ",");
    else if (impl_->grad_fn)
      origin =
          concat(", which is output ", impl_->output_nr, " of ", operation_name(impl_->grad_fn->name), ",");
    fail<RuntimeError>(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.",
        scalar_type_name(impl_->dtype), "Tensor ", impl_->sizes, "]", origin, " is at version ",
        value->version(), "; expected version ", version_, " instead.",
        anomaly_mode.enabled ? " Hint: the backtrace further above shows the operation that failed to "
                               "compute its gradient. The "
                               "variable in question was changed in there or anywhere later. Good luck!"
                             : " Hint: enable anomaly detection to find the operation that failed to compute "
                               "its gradient, with "
                               "torch.autograd.set_detect_anomaly(True, check_nan=False).");
  }
  if (result_nr_ < 0) {
    check(!had_history_ || value->grad_fn,
          "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_(). This is not "
          "supported, please use out-of-place `.detach()` instead");
    return value;
  }
  if (!owner || !grad_enabled()) return value;
  if (Tensor slice = result_of_running_slices(value, owner)) return slice;
  return attach(alias(value), {Ref<Node>(owner), {}, static_cast<uint32_t>(result_nr_)});
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

void retain_grad(const Tensor& t) {
  check(requires_grad(t), "can't retain_grad on Tensor that has requires_grad=False");
  refresh_view(t.get());
  if (!t->grad_fn || t->retains_grad) return;
  t->retains_grad = true;
  t->grad_fn->make_hooks().retain_grad.push_back({t->output_nr, t.get()});
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
  if (node) node->note_form(t, output_nr);
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
  DType dtype;
};
Window window_of(const TensorImpl* view) {
  return {view->sizes, view->strides, view->storage_offset(), view->dtype};
}
// The base of a view of another dtype, seen in that: complex numbers as pairs, or pairs as complex numbers.
Tensor seen_as(const Tensor& base, DType dtype) {
  if (is_complex(base.dtype()) == is_complex(dtype)) return base;
  return is_complex(dtype) ? view_as_complex(base) : view_as_real(base);
}

struct CopySlices;
thread_local CopySlices* running_slices = nullptr;

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
    foreign = inner->foreign;
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    if (!grads[0]) return;
    check(static_cast<bool>(inner),
          "Trying to backward through the graph a second time. Specify retain_graph=True the first time.");
    // The base's own layout, so that the view's window means the same in it.
    Tensor result = empty_strided(base.sizes, base.strides, grads[0].dtype());
    result = copy_(result, grads[0]);
    const int64_t base_offset = base.offset * static_cast<int64_t>(item_size(base.dtype)) /
                                static_cast<int64_t>(item_size(view.dtype));
    Tensor slice =
        as_strided(seen_as(result, view.dtype), view.sizes, view.strides, view.offset - base_offset);
    std::vector<Tensor> inner_grads(inner->edges.size());
    Tensor grad_slice = clone(slice);
    {
      struct Running {
        Node* node = running_node;
        CopySlices* slices = running_slices;
        ~Running() {
          running_node = node;
          running_slices = slices;
        }
      } outer;
      running_node = inner.get();
      running_slices = this;
      inner->backward(std::span<const Tensor>(&grad_slice, 1), inner_grads);
    }
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
  Node* inner_node() const override { return inner.get(); }
  void clear() override { Ref<Node> drop = std::move(inner); }
};

Tensor result_of_running_slices(const Tensor& value, const Node* owner) {
  CopySlices* slices = running_slices;
  if (!slices || slices->inner.get() != owner) return {};
  const Window &base = slices->base, &view = slices->view;
  Tensor whole = alias(value, base.sizes, base.strides, base.offset - view.offset);
  whole->grad_fn = Ref<Node>(slices);
  return as_strided(whole, view.sizes, view.strides, view.offset);
}

}  // namespace

namespace {

// Throws where the history of a view cannot be rewritten: for a write to it or, `indirect`, to its base or
// another view of that.
void refuse_view(const TensorImpl* view, bool indirect) {
  const ViewKind kind = view->view_kind;
  if (kind == ViewKind::None || kind == ViewKind::Plain) return;
  const char* what =
      indirect ? "its base or another view of its base has been modified" : "is being modified";
  const bool inference = kind == ViewKind::MadeInInference;
  std::string message;
  if (!view->grad_fn || inference || kind == ViewKind::MadeWithoutGrad)
    message =
        concat(view->grad_fn ? concat("Output ", view->output_nr, " of ", operation_name(view->grad_fn->name),
                                      " is a view of a view which was created in ")
                             : "A view was created in ",
               inference ? "inference mode and " : "no_grad mode and ", what,
               inference ? " inplace in normal mode. " : " inplace with grad mode enabled. ");
  else
    message = concat("Output ", view->output_nr, " of ", operation_name(view->grad_fn->name),
                     " is a view and ", what, " inplace. ");
  if (kind == ViewKind::OneOfMany)
    message +=
        "This view is the output of a function that returns multiple views. Such functions do not allow the "
        "output "
        "views to be modified inplace. You should replace the inplace operation by an out-of-place one.";
  else if (kind == ViewKind::MadeByFunction)
    message +=
        "This view was created inside a custom Function (or because an input was returned as-is) and the "
        "autograd "
        "logic to handle view+inplace would override the custom backward associated with the custom "
        "Function, "
        "leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output "
        "of the "
        "custom Function.";
  else
    message += concat(
        "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code "
        "by moving "
        "both the view and the inplace either both inside the ",
        kind == ViewKind::MadeInInference ? "inference_mode" : "no_grad",
        " block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be "
        "tracked).");
  fail<RuntimeError>(message);
}

}  // namespace

bool view_requires_grad(TensorImpl* view) {
  // Refreshed before whoever asks makes a node: that of a view has to be older. One that cannot be refreshed
  // says so when its history is asked for, not when this is.
  if (view->view_kind == ViewKind::Plain) refresh_view(view);
  const TensorImpl* base = view->view_base.get();
  return view->grad_fn || base->requires_grad_leaf || base->grad_fn;
}

void refresh_view_slow(TensorImpl* view) {
  Tensor base = view->view_base;
  if (!requires_grad(base)) return;
  refuse_view(view, true);
  if (base->requires_grad_leaf && !base->grad_fn && view->grad_fn) {
    // A leaf written under no_grad: the view's own history is still right.
    view->view_version = view->version();
    return;
  }
  Tensor fresh;
  {
    GradState previous = grad_state;
    grad_state = {};
    fresh = as_strided(seen_as(base, view->dtype), view->sizes, view->strides, view->storage_offset());
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
  node->note_form(t);  // a second derivative may enter it by itself, through a result that it saved
  Ref<Node> slices(new CopySlices(base, t.get(), std::move(node)));
  set_history(base, slices);
  // The view's own node is rebuilt from the base's when it is next asked for.
  t->requires_grad_leaf = false;
  t->view_version = t->version() - 1;
  refresh_view(t.get());
}

void check_inference_write(const TensorImpl* t) {
  check(
      !t->inference || grad_state.inference,
      "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
      "normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more "
      "details.");
}

void check_recorded_write(const Tensor& t) {
  if (t->view_base) {
    refuse_view(t.get(), false);
    check(!requires_grad(t) || t->view_base->grad_fn,
          "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  }
  check(!t->requires_grad_leaf, "a leaf Variable that requires grad is being used in an in-place operation.");
}

void check_inplace(const Tensor& t) {
  if (t->inference) [[unlikely]]
    check_inference_write(t.get());
  if (grad_enabled() && requires_grad(t)) check_recorded_write(t);
}

Tensor make_view(const Tensor& self, const Dims& sizes, const Dims& strides, int64_t offset, ViewKind kind) {
  Tensor view = alias(self, sizes, strides, offset);
  if (self->inference) return view;  // nothing is kept of how it came about
  TensorImpl* impl = view.get();
  if (self->view_base) {
    impl->view_base = self->view_base;
    // What forbids an in-place write to a view forbids it to a view of that view.
    if (kind == ViewKind::Plain && self->view_kind != ViewKind::Plain) kind = self->view_kind;
  } else {
    impl->view_base = self;
  }
  if (!grad_state.enabled && !grad_state.inside_forward)
    kind = grad_state.inference ? ViewKind::MadeInInference : ViewKind::MadeWithoutGrad;
  impl->view_kind = kind;
  impl->view_version = impl->version();
  return view;
}

Tensor result_for(const Out& out, const Dims& sizes, DType dtype) {
  if (!out.target) [[likely]]
    return empty(sizes, dtype);
  Tensor target(out.target);
  (out.rule ? *out.rule : castable_rule()).check(dtype, target.dtype());
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
