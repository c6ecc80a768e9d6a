// The tensor: a typed, strided window on a storage, with its place in the autograd graph.
#pragma once
#include <memory>

#include "core/tensor/dims.h"
#include "core/tensor/dtype.h"
#include "core/tensor/error.h"
#include "core/tensor/grad_state.h"
#include "core/tensor/scalar.h"
#include "core/tensor/storage.h"

namespace flambeau {

struct Node;
struct TensorImpl;
template <>
void destroy(Node* node) noexcept;
template <>
void destroy(TensorImpl* impl) noexcept;

// How a view came about, which decides what an in-place write to it means.
enum class ViewKind : uint8_t { None, Plain, OneOfMany, MadeWithoutGrad, MadeInInference, MadeByFunction };

struct LeafHooks;      // core/autograd/hooks.h
struct FormerWindows;  // the same
// Of members that hardly any tensor has: out of line, so that a tensor's end is a test of each.
struct DropRare {
  void operator()(LeafHooks* hooks) const noexcept;
  void operator()(FormerWindows* former) const noexcept;
};

struct TensorImpl : Counted {
  Ref<Storage> storage;
  char* data = nullptr;  // first element
  int64_t numel = 1;
  // What is copied from tensor to tensor stands apart: of neighbours a compiler makes one load, which has to
  // wait where they were just written one by one.
  DType dtype = DType::Float32;
  bool requires_grad_leaf = false;
  bool contiguous = true;
  ViewKind view_kind = ViewKind::None;
  Device::Type device = Device::Type::Cpu;  // its storage's
  bool retains_grad = false;
  bool inference = grad_state.inference;
  bool wrapped_number = false;  // a 0-d tensor made from a Python number: it promotes as one
  uint32_t output_nr = 0;       // which output of grad_fn this is
  uint32_t view_version = 0;    // the version at which a view's grad_fn was right
  uint32_t captures = 0;        // how many nodes hold this very tensor for their derivative
  uint32_t leaf_slot = 0;  // where the running pass adds up this leaf's gradient (a hint, see engine.cpp)
  Ref<Node> grad_fn;
  Ref<TensorImpl> grad;
  Ref<TensorImpl> view_base;        // differentiable views: the tensor whose memory and history this shares
  Ref<VersionCounter> own_version;  // instead of the storage's
  std::unique_ptr<LeafHooks, DropRare> hooks;
  std::unique_ptr<FormerWindows, DropRare>
      former;  // windows that captures still need, see keep_captured_window
  Dims sizes, strides;

  TensorImpl();
  ~TensorImpl();
  uint32_t version() const { return own_version ? own_version->version : storage->counter(); }
  void bump_version() { ++(own_version ? own_version->version : storage->counter()); }
  // Before another storage takes the place of this one: the tensor goes on counting with its views.
  void keep_counter() {
    if (!own_version) own_version = storage->shared_counter();
  }
  // In bytes of dtype's items from the start of the storage.
  int64_t storage_offset() const { return (data - storage->data) / static_cast<int64_t>(item_size(dtype)); }
  void* operator new(size_t bytes) { return SmallPool::take(bytes); }
  void operator delete(void* block, size_t bytes) noexcept { SmallPool::give(block, bytes); }
};

class Tensor : public Ref<TensorImpl> {
 public:
  using Ref::Ref;
  Tensor() = default;
  Tensor(Ref<TensorImpl> impl) : Ref(std::move(impl)) {}
  static Tensor adopt(TensorImpl* impl) { return Ref<TensorImpl>::adopt(impl); }

  const Dims& sizes() const { return get()->sizes; }
  const Dims& strides() const { return get()->strides; }
  int64_t size(int64_t dim) const {
    return get()->sizes[static_cast<int>(wrap_dim(dim, get()->sizes.count))];
  }
  int dim() const { return get()->sizes.count; }
  int64_t numel() const { return get()->numel; }
  DType dtype() const { return get()->dtype; }
  Device::Type device() const { return get()->device; }
  bool is_contiguous() const { return get()->contiguous; }
  bool is_leaf() const { return !get()->grad_fn; }
  template <class T = void>
  T* data() const {
    return reinterpret_cast<T*>(get()->data);
  }
};
// Handles are read through const Tensor& over a TensorImpl* in the boxed calling convention.
static_assert(sizeof(Tensor) == sizeof(TensorImpl*));

using TensorList = std::span<const Tensor>;

// Uninitialised, contiguous, on the current device; throws RuntimeError on negative sizes, overflow and lack
// of memory.
Tensor empty(const Dims& sizes, DType dtype);
Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype);
// The memory order of `like`, where it is dense (PyTorch's preserve_format), else contiguous.
Tensor empty_like(const Tensor& like, DType dtype);
Tensor zeros(const Dims& sizes, DType dtype);
Tensor scalar_tensor(const Scalar& value, DType dtype);
// A tensor whose values the host works on, whatever the device of the call.
Tensor empty_on_host(const Dims& sizes, DType dtype);
// The same tensor, of which the caller is about to read (or write) values on the host: throws
// NotImplementedError naming `what` and the device where the host cannot.
const Tensor& on_host(const Tensor& t, const char* what);
// A number met among tensors: 0-d, and promoting as a number does.
Tensor wrapped_number(const Scalar& value);

// Same storage, sizes and version counter, no history: what detach() gives.
Tensor alias(const Tensor& t);
// Another window on t's storage (offset in items, relative to t's first element), no history; for view
// operators, see make_view in core/autograd/differentiable.h.
Tensor alias(const Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset);
// Sets sizes and strides and what follows from them.
void set_geometry(TensorImpl* impl, const Dims& sizes, const Dims& strides);

// To be called before `t` takes another storage under the same version (x.data = y): nodes that captured it
// go on seeing the window that they captured.
void keep_captured_window_slow(TensorImpl* t);
inline void keep_captured_window(TensorImpl* t) {
  if (t->captures) [[unlikely]]
    keep_captured_window_slow(t);
}

// Whether the memory of the two may overlap.
bool shares_storage(const Tensor& a, const Tensor& b);
// Throws RuntimeError if writing to t would write some address twice.
void check_no_internal_overlap(const Tensor& t);
// Gives an out= tensor the shape of the result (with PyTorch's warning where it was not empty).
void resize_out(const Tensor& out, const Dims& sizes, bool silently = false);

// Warnings reach Python's warnings module; core/python fills it in.
extern void (*warn)(const std::string& message);

}  // namespace flambeau
