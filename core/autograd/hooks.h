// Python callables attached to tensors and nodes; the core sees them as opaque handles.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "core/tensor/tensor.h"

namespace flambeau {

// A hook that core/python made: callable on gradients, and able to show the Python object it holds to the
// collector.
struct Hook {
  uint64_t id = 0;  // for removal
  virtual ~Hook() = default;
  // A replacement for the gradient, or an undefined tensor to keep it.
  virtual Tensor on_gradient(const Tensor& grad) = 0;
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
  bool empty() const {
    return tensor.empty() && post_accumulate.empty() && node_pre.empty() && node_post.empty();
  }
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
};

uint64_t next_hook_id();

}  // namespace flambeau
