// Selecting by boolean masks, and where masks are true.
#include <algorithm>

#include "core/ops/indexing/indexing.h"
#include "core/tensor/gil.h"

namespace flambeau {

MaskCount count_mask(const Tensor& mask) {
  on_host(mask, "counting the true elements of a mask");
  const DeviceScope scope(mask.device());
  MaskCount result{as_contiguous(mask.dtype() == DType::Bool || mask.dtype() == DType::UInt8
                                     ? mask
                                     : cast_copy(mask, DType::Bool)),
                   {}};
  const uint8_t* bytes = result.data();
  const int64_t n = mask.numel();
  WithoutGil guard(n / 16);
  result.starts = backend::current().mask_starts(bytes, n);
  return result;
}

Tensor mask_positions(const MaskCount& mask) {
  Tensor positions = empty(Dims{mask.total()}, DType::Int64);
  auto* out = positions.data<int64_t>();
  WithoutGil guard(mask.bytes.numel());
  backend::current().true_positions(mask.data(), mask.bytes.numel(), mask.starts, out);
  return positions;
}

// ---- nonzero

Tensor nonzero(const Tensor& self, const Out& out) {
  const MaskCount mask = count_mask(self);
  Destination result(out, Dims{mask.total(), self.dim()}, DType::Int64, {self});
  if (result.tensor().numel()) {
    auto* coordinates = result.tensor().data<int64_t>();
    const Dims sizes = self.sizes();
    WithoutGil guard(self.numel());
    backend::current().true_coordinates(mask.data(), mask.bytes.numel(), mask.starts, sizes.count,
                                        sizes.values, coordinates);
  }
  return result.finish();
}

std::vector<Tensor> nonzero_tuple(const Tensor& self) {
  return unbind(nonzero(self.dim() ? self : detach(reshape(self, Dims{1}))), 1);
}

namespace {
Results nonzero_either(const Tensor& self, bool as_tuple, const Out& out) {
  check(!as_tuple || !out.target, "nonzero does not support the out kwarg when as_tuple is True");
  if (as_tuple) return {Results::Kind::List, nonzero_tuple(self), {}};
  return {Results::Kind::Tensor, {nonzero(self, out)}, {}};
}
Tensor argwhere(const Tensor& self) { return nonzero(self); }
}  // namespace

/// The places of the elements that are not zero, in order.
///
/// Args:
///     self: any shape
///     as_tuple: whether there is a vector for each dimension instead
///
/// Returns:
///     (number of elements, dimensions), int64.
///
/// >>> torch.nonzero(torch.tensor([0, 3, 5])).tolist()
/// [[1], [2]]
EXPOSE("nonzero(Tensor self, *, bool as_tuple=False) -> Tensor[]", nonzero_either, function | method | out);

/// The places of the elements that are not zero: (number of elements, dimensions), int64.
///
/// >>> torch.argwhere(torch.tensor([0, 3])).tolist()
/// [[1]]
EXPOSE("argwhere(Tensor self) -> Tensor", argwhere, function | method);

/// `self` where the condition holds, `other` elsewhere; with the condition alone, the places where it holds.
///
/// Args:
///     condition: bool; shapes broadcast
///     self, other: tensors or numbers
///
/// Raises:
///     RuntimeError: a condition that is neither bool nor uint8.
///
/// >>> torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), 0).tolist()
/// [1, 0]
EXPOSE("where(Tensor condition) -> Tensor[]", nonzero_tuple, function);

// ---- masked_select and masked_scatter

Tensor masked_spread(const Tensor& grad, const Tensor& mask) {
  return differentiable(
      "MaskedScatterBackward0", {},
      [&] {
        const MaskCount where = count_mask(mask);
        check(where.total() == grad.numel(), "the mask has ", where.total(), " true elements, but ",
              grad.numel(), " values belong to them: it was changed behind autograd's back");
        Tensor result = zeros(mask.sizes(), grad.dtype()), items = as_contiguous(grad);
        const char* in = items.data<char>();
        char* out = result.data<char>();
        const size_t item = item_size(grad.dtype());
        WithoutGil guard(move_nanoseconds(mask.numel(), grad.dtype()));
        backend::current().decompress(item, in, where.data(), where.bytes.numel(), where.starts, out);
        return result;
      },
      wrt(grad, [m = saved(mask)](const Tensor& g) { return masked_select(g, m()); }));
}

Tensor masked_select(const Tensor& self, const Tensor& mask, const Out& out) {
  check(mask.dtype() == DType::Bool, "masked_select: expected BoolTensor for mask, but got ",
        scalar_type_name(mask.dtype()));
  // The mask first, as PyTorch's error message has it.
  const Dims sizes = broadcast_sizes(mask.sizes(), self.sizes());
  return differentiable(
      "MaskedSelectBackward0", out,
      [&] {
        Tensor from = as_contiguous(self.sizes() == sizes ? self : expand(self, sizes));
        const MaskCount where = count_mask(mask.sizes() == sizes ? mask : expand(mask, sizes));
        check(!out.target || out.target->dtype == self.dtype(),
              "masked_select(): self and result must have the same scalar type");
        Destination result(out, Dims{where.total()}, self.dtype(), {self, mask});
        const char* in = from.data<char>();
        char* to = result.tensor().data<char>();
        const size_t item = item_size(self.dtype());
        {
          WithoutGil guard(move_nanoseconds(from.numel(), self.dtype()));
          backend::current().compress(item, in, where.data(), from.numel(), where.starts, to);
        }
        return result.finish();
      },
      wrt(self, [m = saved(mask), sizes, own = self.sizes()](const Tensor& grad) {
        Tensor where = m();
        return sum_to(masked_spread(grad, where.sizes() == sizes ? where : expand(where, sizes)), own);
      }));
}

namespace {
Tensor masked_scatter(const Tensor& self, const Tensor& mask, const Tensor& source, const Out& out) {
  check(mask.dtype() == DType::Bool, "masked_scatter_ only supports boolean masks, but got mask with dtype ",
        scalar_type_name(mask.dtype()));
  check(self.dtype() == source.dtype(),
        "masked_scatter: expected self and source to have same dtypes but got ",
        scalar_type_name(self.dtype()), " and ", scalar_type_name(source.dtype()));
  const Dims sizes = broadcast_sizes(self.sizes(), mask.sizes());
  check(!out.inplace || sizes == self.sizes(), "output with shape ", self.sizes(),
        " doesn't match the broadcast shape ", sizes);
  return differentiable(
      "MaskedScatterBackward0", out,
      [&] {
        const MaskCount where = count_mask(mask.sizes() == sizes ? mask : expand(mask, sizes));
        check(source.numel() >= where.total(),
              "Number of elements of source < number of ones in mask: ", source.numel(), " < ",
              where.total());
        Tensor items = as_contiguous(source), result = empty(sizes, self.dtype());
        copy_into(result, self);
        const char* in = items.data<char>();
        char* to = result.data<char>();
        const size_t item = item_size(self.dtype());
        {
          WithoutGil guard(move_nanoseconds(result.numel(), self.dtype()));
          backend::current().decompress(item, in, where.data(), where.bytes.numel(), where.starts, to);
        }
        if (!out.target) return result;
        Tensor target = result_for(out, sizes, self.dtype());
        copy_into(target, result);
        return target;
      },
      wrt(self, [m = saved(mask), own = self.sizes()](
                    const Tensor& grad) { return sum_to(masked_fill(grad, m(), Scalar(0)), own); }),
      wrt(source, [m = saved(mask), own = source.sizes(), n = source.numel()](const Tensor& grad) {
        Tensor taken = masked_select(grad, m());
        if (taken.numel() < n) {
          Tensor parts[] = {taken, zeros(Dims{n - taken.numel()}, grad.dtype())};
          taken = cat(parts, 0);
        }
        return reshape(taken, own);
      }));
}
}  // namespace

/// The elements where a mask holds, as a vector.
///
/// Args:
///     self: any shape
///     mask: bool, broadcasts with self
///
/// Raises:
///     RuntimeError: a mask that is not bool.
///
/// >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True])).tolist()
/// [1, 3]
EXPOSE("masked_select(Tensor self, Tensor mask) -> Tensor", masked_select, function | method | out);

/// A copy in which the elements where a mask holds are replaced by the source's, in order.
///
/// Args:
///     self: any shape
///     mask: bool, broadcasts with self
///     source: at least as many elements as the mask holds
///
/// Raises:
///     RuntimeError: too few elements, a mask that is not bool, dtypes that differ.
///
/// >>> torch.zeros(3).masked_scatter(torch.tensor([True, False, True]), torch.tensor([1.0, 2.0])).tolist()
/// [1.0, 0.0, 2.0]
EXPOSE("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor", masked_scatter,
       function | method | inplace);

}  // namespace flambeau
