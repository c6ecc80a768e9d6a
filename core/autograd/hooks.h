// What tensors and nodes carry beyond the graph itself: Python callables, which the core sees as opaque
// handles, and captured values that hooks have packed away.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"

namespace flambeau {

// A hook that core/python made: callable on gradients, and able to show the Python object it holds to the
// collector. A gradient that a hook returns is of the size, dtype and device of the one it was given; the
// hook itself sees to that.
struct Hook {
  uint64_t id = 0;  // for removal
  virtual ~Hook() = default;
  // Changes the gradient, which may be undefined.
  virtual void on_gradient(Tensor& grad) = 0;
  virtual void on_tensor(const Tensor& tensor) = 0;  // post-accumulate hooks
  // Node hooks: may replace the entries of `grad_inputs` (prehooks: of `grad_outputs`, in `grad_inputs`'
  // place).
  virtual void on_node(std::vector<Tensor>& grad_inputs, const std::vector<Tensor>& grad_outputs) = 0;
  virtual void on_node_pre(std::vector<Tensor>& grad_outputs) = 0;
  virtual int visit(int (*visitor)(void* object, void* arg), void* arg) = 0;
};
using HookList = std::vector<std::shared_ptr<Hook>>;

// Hooks of a leaf, run when its gradient is complete.
struct LeafHooks {
  HookList tensor;               // on the incoming gradient, before it is accumulated
  HookList post_accumulate;      // on the leaf, after
  HookList node_pre, node_post;  // registered on its AccumulateGrad node
  // How many leaves have hooks: while there is none, a pass need not look for them.
  static inline int64_t leaves = 0;

  LeafHooks() { ++leaves; }
  ~LeafHooks() { --leaves; }
  LeafHooks(const LeafHooks&) = delete;
  LeafHooks& operator=(const LeafHooks&) = delete;
  bool empty() const {
    return tensor.empty() && post_accumulate.empty() && node_pre.empty() && node_post.empty();
  }
};

// Where a node was recorded, in anomaly mode; core/python knows what that is.
struct Origin {
  virtual ~Origin() = default;
  virtual int visit(int (*visitor)(void* object, void* arg), void* arg) = 0;
};

// Hooks of a node.
struct NodeHooks {
  struct OnOutput {
    uint32_t output_nr;
    std::shared_ptr<Hook> hook;
  };
  struct RetainGrad {
    uint32_t output_nr;
    TensorImpl*
        tensor;  // alive as long as it owns this node; it takes itself off the list when it dies or moves on
  };
  std::vector<OnOutput> tensor;
  std::vector<RetainGrad> retain_grad;
  HookList pre, post;
  std::unique_ptr<Origin> origin;
};

uint64_t next_hook_id();

// ---- saved_tensors_hooks
// What a pack hook made of a captured tensor.
struct PackedValue {
  virtual ~PackedValue() = default;
  virtual Tensor unpack() = 0;
  virtual int visit(int (*visitor)(void* object, void* arg), void* arg) = 0;
};
struct CaptureHooks {
  virtual ~CaptureHooks() = default;
  virtual std::unique_ptr<PackedValue> pack(const Tensor& tensor) = 0;
};
// How many threads have such hooks: while there is none, a capture need not ask for its thread's.
extern int threads_with_capture_hooks;
extern constinit thread_local CaptureHooks* capture_hooks;

// ---- captured windows
// The windows that a tensor showed when it was captured, before it took another storage or geometry.
struct FormerWindows {
  struct Entry {
    uint32_t generation;
    uint32_t captures;
    Tensor window;  // without history
  };
  uint32_t generation = 0;  // of the present window
  std::vector<Entry> entries;
};

}  // namespace flambeau
