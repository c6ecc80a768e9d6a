// How an operator states its forward and its derivatives in one place:
//
//   return differentiable("SinBackward0", out, [&] { return pointwise(out, Pointwise::Sin, {self}); },
//                         wrt(self, [x = saved(self)](const Tensor& grad) { return mul(grad, cos(x())); }));
//
// Order: edges and captures first (an in-place forward destroys what they need), then the forward, then the
// history.
#pragma once
#include <array>
#include <optional>
#include <tuple>
#include <type_traits>
#include <vector>

#include "core/autograd/node.h"
#include "core/autograd/out_rule.h"

namespace flambeau {

// Where a result goes: a fresh tensor, the tensor itself (in place), or the tensors given as out=.
struct Out {
  TensorImpl* target = nullptr;
  TensorImpl* second = nullptr;  // out= of operators with two results
  bool inplace = false;
  const OutRule* rule = nullptr;  // which dtypes out= may have; null: whatever the result can be cast to

  Out for_second() const { return {second, nullptr, false, rule}; }
  // The same place for a result of another kind than the rule speaks of.
  Out by_casting() const { return {target, second, inplace, nullptr}; }
  // The dtype of out=, for operators that compute in it.
  std::optional<DType> dtype() const {
    return target && !inplace ? std::optional(target->dtype) : std::nullopt;
  }
};

// A tensor or a Python number, borrowed.
class Operand {
 public:
  Operand(const Tensor& tensor) : tensor_(tensor.get()) {}
  Operand(const Scalar& scalar) : scalar_(scalar) {}
  Operand(TensorImpl* impl) : tensor_(impl) {}
  // Member by member, for the reason that Scalar gives.
  Operand(const Operand& other) : tensor_(other.tensor_) {
    if (!tensor_) scalar_ = other.scalar_;
  }
  Operand& operator=(const Operand&) = default;
  bool is_tensor() const { return tensor_ != nullptr; }
  const Tensor& tensor() const { return reinterpret_cast<const Tensor&>(tensor_); }
  TensorImpl* impl() const { return tensor_; }
  const Scalar& scalar() const { return scalar_; }
  Dims sizes() const { return tensor_ ? tensor_->sizes : Dims{}; }
  DType dtype() const { return tensor_ ? tensor_->dtype : promote_scalar(DType::Bool, scalar_.kind()); }

 private:
  TensorImpl* tensor_ = nullptr;
  Scalar scalar_;
};
inline bool requires_grad(const Operand& operand) {
  return operand.is_tensor() && requires_grad(operand.tensor());
}

// The node under construction, and the tensor its forward will overwrite; the running node, during backward.
extern constinit thread_local Node* recording_node;
extern constinit thread_local TensorImpl* recording_target;
extern constinit thread_local Node* running_node;

// A captured tensor. On the stack it borrows; once moved into a node it owns, notes the version and links
// itself to the node, which can then check and free its captures without knowing the closure's type. Nothing
// is saved when nothing is recorded. What it owns is the window that the tensor showed: x.data = y does not
// change it, and where the forward is about to overwrite the memory, it is a copy with the history of the
// original.
class Saved {
 public:
  static constexpr int32_t kNoResult = -1;
  explicit Saved(const Tensor& tensor, int32_t result_nr = kNoResult) : Saved(tensor.get(), result_nr) {}
  explicit Saved(TensorImpl* impl, int32_t result_nr = kNoResult) : impl_(impl), result_nr_(result_nr) {}
  Saved(const Saved& other) : impl_(other.borrow()), result_nr_(other.result_nr_) {
    if (recording_node && impl_) settle();
  }
  Saved(Saved&& other) noexcept(false) : Saved(static_cast<const Saved&>(other)) {}
  Saved& operator=(const Saved&) = delete;
  ~Saved() {  // on the stack, where it mostly dies, it only borrows
    if (state_ >= State::Owned) drop();
  }
  void drop() noexcept;
  // Hands the tensor to a pack hook and keeps what that makes of it.
  void pack(CaptureHooks& hooks);
  // The tensor; throws RuntimeError if it was freed, or written since it was saved.
  Tensor operator()() const { return get(running_node); }
  Tensor get(Node* owner) const;
  const Saved* next() const { return next_; }
  Saved* next() { return next_; }
  TensorImpl* owned() const { return state_ == State::Owned ? impl_ : nullptr; }
  PackedValue* packed() const { return state_ == State::Packed ? packed_->value.get() : nullptr; }
  int32_t result_nr() const { return result_nr_; }
  bool is_dropped() const { return state_ == State::Dropped; }
  // An undefined tensor was captured.
  bool is_absent() const { return state_ == State::Absent || (state_ == State::Borrowed && !impl_); }
  // Where the gradient of what was captured flows; nowhere for a result of the node itself.
  Edge edge() const;

 private:
  enum class State : uint8_t { Borrowed, Absent, Owned, Packed, Dropped };
  struct Packed {
    std::unique_ptr<PackedValue> value;
    Edge edge;
  };
  void settle();
  TensorImpl* borrow() const {
    if (state_ >= State::Packed) [[unlikely]]
      fail_not_copyable();
    return impl_;
  }
  [[noreturn]] void fail_not_copyable() const;
  void own(TensorImpl* counted);
  Tensor window() const;  // of Owned
  union {
    TensorImpl* impl_;
    Packed* packed_;
  };
  Saved* next_ = nullptr;
  uint32_t version_ = 0, generation_ = 0;
  int32_t result_nr_;  // which output of the node itself this is: held as an alias without history, which is
                       // attached again on use
  State state_ = State::Borrowed;
  bool had_history_ = false;
};
inline Saved saved(const Tensor& tensor) { return Saved(tensor); }

// Captures are packed when the forward is over: it may fill what was captured (dropout's mask, the places of
// maxima), and hooks look at values.
void pack_captures_slow(Node& node);
inline void pack_captures(Node& node) {
  if (threads_with_capture_hooks && capture_hooks) [[unlikely]]
    pack_captures_slow(node);
}

class SavedOperand {
 public:
  explicit SavedOperand(const Operand& operand)
      : tensor_(operand.impl()), scalar_(operand.scalar()), is_tensor_(operand.is_tensor()) {}
  // Valid while the returned object lives.
  struct Value {
    Tensor tensor;
    Scalar scalar;
    operator Operand() const { return tensor ? Operand(tensor) : Operand(scalar); }
  };
  Value operator()() const { return is_tensor_ ? Value{tensor_(), {}} : Value{{}, scalar_}; }

 private:
  Saved tensor_;
  Scalar scalar_;
  bool is_tensor_;
};
inline SavedOperand saved(const Operand& operand) { return SavedOperand(operand); }

// The derivative with respect to one input: closure(grad) or closure(grad, result). Borrowed for the call of
// differentiable(): a closure is moved (where it has a name, copied) only into a node.
template <class Input, class F>
struct Wrt {
  const Input& input;
  F&& closure;
  F&& take() const { return static_cast<F&&>(closure); }
};
template <class F>
Wrt<Tensor, F> wrt(const Tensor& input, F&& closure) {
  return {input, std::forward<F>(closure)};
}
template <class F>
Wrt<Operand, F> wrt(const Operand& input, F&& closure) {
  return {input, std::forward<F>(closure)};
}

inline Edge edge_of(const Tensor& t) { return t ? gradient_edge(t) : Edge{}; }
inline Edge edge_of(const Operand& operand) {
  return operand.is_tensor() ? gradient_edge(operand.tensor()) : Edge{};
}

class RecordingScope {
 public:
  RecordingScope(Node* node, TensorImpl* target) : node_(recording_node), target_(recording_target) {
    recording_node = node;
    recording_target = target;
  }
  ~RecordingScope() {
    recording_node = node_;
    recording_target = target_;
  }
  RecordingScope(const RecordingScope&) = delete;
  RecordingScope& operator=(const RecordingScope&) = delete;

 private:
  Node* node_;
  TensorImpl* target_;
};

template <class F>
inline constexpr bool wants_result = std::is_invocable_v<F&, const Tensor&, const Tensor&>;
template <class F>
inline constexpr bool wants_all = std::is_invocable_v<F&, std::span<const Tensor>>;

template <class... F>
struct OpNode final : Node {
  std::array<Edge, sizeof...(F)> edge_storage;
  std::tuple<std::optional<F>...> closures;
  std::optional<Saved> result;

  template <class... W>
  OpNode(const char* name, const Out& out, W&... inputs)
      : Node(name), edge_storage{edge_of(inputs.input)...} {
    edges = edge_storage;
    RecordingScope scope(this, out.inplace ? out.target : nullptr);
    place(std::index_sequence_for<F...>{}, inputs...);
  }
  template <size_t... I, class... W>
  void place(std::index_sequence<I...>, W&... inputs) {
    ((edge_storage[I] ? (void)std::get<I>(closures).emplace(inputs.take()) : (void)0), ...);
  }
  void save_result(const Tensor& y) {
    RecordingScope scope(this, nullptr);
    result.emplace(Saved(y, 0));
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    run(std::index_sequence_for<F...>{}, grads, grad_inputs);
  }
  template <size_t... I>
  void run(std::index_sequence<I...>, std::span<const Tensor> grads, std::span<Tensor> grad_inputs) {
    (one(std::get<I>(closures), grads, grad_inputs[I]), ...);
  }
  template <class G>
  void one(std::optional<G>& closure, std::span<const Tensor> grads, Tensor& grad_input) {
    if (!closure) return;
    if constexpr (wants_all<G>)
      grad_input = (*closure)(grads);
    else if (!grads[0])
      return;
    else if constexpr (wants_result<G>)
      grad_input = (*closure)(grads[0], (*result)());
    else
      grad_input = (*closure)(grads[0]);
  }
  ~OpNode() override { saved = nullptr; }  // the captures die with the closures
};

// Results that cannot carry a gradient (integers) get no history.
inline bool can_carry_gradient(const Tensor& t) { return is_floating(t.dtype()) || is_complex(t.dtype()); }

template <class Forward, class... Input, class... F>
Tensor differentiable(const char* name, const Out& out, Forward&& forward, Wrt<Input, F>... inputs) {
  if (!grad_enabled() || !(requires_grad(inputs.input) || ...)) [[likely]]
    return forward();
  if (out.inplace) check_recorded_write(Tensor(out.target));
  auto* node = new OpNode<std::decay_t<F>...>(name, out, inputs...);
  Ref<Node> holder(node);
  Tensor y;
  {
    InsideForward inside;
    y = forward();
  }
  if (!can_carry_gradient(y)) return y;
  if constexpr ((wants_result<std::decay_t<F>> || ...)) node->save_result(y);
  pack_captures(*node);
  if (out.inplace)
    rebase_history(y, std::move(holder));
  else {
    node->note_form(y);
    y->grad_fn = std::move(holder);
    y->output_nr = 0;
    if (y->view_base) y->view_version = y->version();
  }
  return y;
}

// The same for an operator over a list: closure(grad, i) is the derivative with respect to inputs[i].
template <class F>
struct ListNode final : Node {
  std::vector<Edge> edge_storage;
  std::optional<F> closure;
  ListNode(const char* name, TensorList inputs, F&& f) : Node(name) {
    edge_storage.reserve(inputs.size());
    for (const Tensor& t : inputs) edge_storage.push_back(edge_of(t));
    edges = edge_storage;
    RecordingScope scope(this, nullptr);
    closure.emplace(std::move(f));
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    for (size_t i = 0; i < edge_storage.size(); ++i)
      if (edge_storage[i] && grads[0]) grad_inputs[i] = (*closure)(grads[0], i);
  }
  ~ListNode() override { saved = nullptr; }
};
template <class Forward, class F>
Tensor differentiable_list(const char* name, const Out&, Forward&& forward, TensorList inputs, F closure) {
  bool record = false;
  if (grad_enabled())
    for (const Tensor& t : inputs) record |= requires_grad(t);
  if (!record) return forward();
  Ref<Node> node(new ListNode<F>(name, inputs, std::move(closure)));
  Tensor y;
  {
    InsideForward inside;
    y = forward();
  }
  if (!can_carry_gradient(y)) return y;
  pack_captures(*node);
  set_history(y, std::move(node));
  return y;
}

// Several differentiable results; the closures take std::span<const Tensor> with one gradient per result,
// some of them perhaps undefined.
template <class Forward, class... Input, class... F>
std::vector<Tensor> differentiable_many(const char* name, Forward&& forward, Wrt<Input, F>... inputs) {
  if (!grad_enabled() || !(requires_grad(inputs.input) || ...)) return forward();
  Ref<Node> node(new OpNode<std::decay_t<F>...>(name, Out{}, inputs...));
  std::vector<Tensor> results;
  {
    InsideForward inside;
    results = forward();
  }
  pack_captures(*node);
  node->set_outputs(static_cast<uint32_t>(results.size()));
  for (size_t i = 0; i < results.size(); ++i)
    if (can_carry_gradient(results[i])) set_history(results[i], node, static_cast<uint32_t>(i));
  return results;
}

// A view operator's forward: another window on self's memory that shares its version and, when gradients are
// recorded, its history (in-place writes to the one show in the gradients of the other). Offset in items from
// self's first element.
Tensor make_view(const Tensor& self, const Dims& sizes, const Dims& strides, int64_t offset,
                 ViewKind kind = ViewKind::Plain);

// The result tensor of an operator: fresh; or out.target, checked in place (shape must match) or resized for
// out=; its version is bumped. Another dtype than `dtype` is
// accepted as out.rule says.
Tensor result_for(const Out& out, const Dims& sizes, DType dtype);

}  // namespace flambeau
