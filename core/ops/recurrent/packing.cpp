// The order of packed sequences.
#include <algorithm>
#include <numeric>

#include "core/ops/operators.h"

namespace flambeau {
namespace {

// PyTorch sorts the lengths with std::sort, which leaves equal ones in an order of its own from seventeen on;
// which elements of a packed sequence dropout takes depends on it.
Tensor longest_first(const Tensor& lengths) {
  check(lengths.dim() == 1 && lengths.dtype() == DType::Int64, "expected lengths in one dimension of int64");
  const Tensor counts = contiguous(on_host(lengths, "the order of lengths"));
  const int64_t* const count = counts.data<int64_t>();
  const Tensor order = empty(counts.sizes(), DType::Int64);
  int64_t* const place = order.data<int64_t>();
  std::iota(place, place + order.numel(), int64_t{0});
  std::sort(place, place + order.numel(), [count](int64_t a, int64_t b) { return count[a] > count[b]; });
  return order;
}

}  // namespace

/// Which sequence is the longest, which the next one, and so on, as `torch.nn.utils.rnn` packs them.
///
/// Args:
///     lengths: (N,), int64
///
/// >>> torch._C._nn.longest_first(torch.tensor([2, 4, 1])).tolist()
/// [1, 0, 2]
EXPOSE("longest_first(Tensor lengths) -> Tensor", longest_first, Forms::nn);

}  // namespace flambeau
