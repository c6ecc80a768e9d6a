// Reductions of the elements, or of the slices, that an index sends to one place.
#include <limits>

#include "core/ops/creation/creation.h"
#include "core/ops/indexing/indexing.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/dispatch.h"

namespace flambeau {

namespace {
using backend::ScatterOp;

enum class Reduction : uint8_t { Sum, Prod, Mean, Amax, Amin };
bool is_extreme(Reduction r) { return r == Reduction::Amax || r == Reduction::Amin; }

ScatterOp scatter_op(Reduction r) {
  switch (r) {
    case Reduction::Prod:
      return ScatterOp::Multiply;
    case Reduction::Amax:
      return ScatterOp::Max;
    case Reduction::Amin:
      return ScatterOp::Min;
    default:
      return ScatterOp::Add;
  }
}

// What changes nothing: where the elements of self do not take part, the reduction starts from it.
Scalar identity_of(Reduction r, DType dtype) {
  if (r == Reduction::Prod) return 1;
  if (!is_extreme(r)) return 0;
  if (is_floating(dtype))
    return std::numeric_limits<double>::infinity() * (r == Reduction::Amax ? -1.0 : 1.0);
  return visit_real(dtype, "scatter_reduce", [&]<class T>() {
    using Limits = std::numeric_limits<T>;
    return Scalar(static_cast<int64_t>(r == Reduction::Amax ? Limits::lowest() : Limits::max()));
  });
}

// What forward and derivative share: which element goes where. The index has an entry for each element, or,
// of whole slices, one for each slice.
struct ScatterReduction {
  Reduction kind;
  int dim;
  bool include_self;
  bool slices = false;

  // The elements that the reduction's places send to their sources.
  Tensor taken(const Tensor& t, const Tensor& index) const {
    return slices ? index_select(t, dim, index) : gather(t, dim, index);
  }
  Tensor added(const Tensor& t, const Tensor& index, const Tensor& more) const {
    return slices ? index_add(t, dim, index, more) : scatter_add(t, dim, index, more);
  }
  Tensor zeroed(const Tensor& t, const Tensor& index) const {
    return slices ? index_fill(t, dim, index, Scalar(0)) : scatter_to(t, dim, index, Scalar(0), {});
  }
  // Raw: no history.
  Tensor combined(ScatterOp op, const Tensor& self, const Tensor& index, const Tensor& more,
                  const Out& out) const {
    return slices ? combined_slices(op, self, dim, index, more, out)
                  : scattered(op, self, dim, index, more, out);
  }
  Tensor filled(const Tensor& self, const Tensor& index, const Scalar& value, const Out& out) const {
    if (!slices) return scattered(ScatterOp::Assign, self, dim, index, value, out);
    Dims sizes = with_dims(self.sizes());
    sizes[dim] = index.numel();
    const Tensor block = empty(sizes, self.dtype());
    fill_raw(block, value);
    return combined_slices(ScatterOp::Assign, self, dim, index, block, out);
  }
};

// How many elements each mean is of, at least 1; broadcasts with self.
Tensor counts(const ScatterReduction& r, const Dims& sizes, const Tensor& index) {
  const Scalar own(r.include_self ? 1 : 0);
  Tensor start = empty(r.slices ? Dims{with_dims(sizes)[r.dim]} : sizes, DType::Int64);
  fill_raw(start, own);
  Tensor n = scattered(ScatterOp::Add, start, r.slices ? 0 : r.dim, index, Scalar(1), {});
  if (r.slices && sizes.count > 1) {
    Dims column;
    for (int i = 0; i < sizes.count; ++i) column.push_back(i == r.dim ? sizes[i] : 1);
    n = view(n, column);
  }
  return clamp(n, Operand(Scalar(1)), {});
}

Tensor scatter_reduce(const char* node, const ScatterReduction& r, const Tensor& self, const Tensor& index,
                      const Tensor& src, const Out& out);

// The elements of src that the index uses.
Tensor reached(const ScatterReduction& r, const Tensor& src, const Tensor& index) {
  Tensor part = src;
  if (r.slices) return part;
  for (int i = 0; i < part.dim(); ++i)
    if (part.sizes()[i] != index.sizes()[i]) part = narrow(part, i, 0, index.sizes()[i]);
  return part;
}

Tensor as_type_of(const Tensor& mask, const Tensor& t) { return to_dtype(mask, t.dtype()); }

// Each extreme's gradient in equal parts for all elements that have its value, those of self among them.
Tensor share_of_extremes(const ScatterReduction& r, const Tensor& grad, const Tensor& self,
                         const Tensor& index, const Tensor& src, const Tensor& result) {
  Tensor ties =
      r.added(as_type_of(eq(self, result), grad), index, as_type_of(eq(src, r.taken(result, index)), grad));
  return div(grad, ties);
}

Tensor gradient_by_self(const ScatterReduction& r, const Tensor& grad, const Tensor& self,
                        const Tensor& index, const Tensor& src, const Tensor& result) {
  Tensor g = grad;
  switch (r.kind) {
    case Reduction::Sum:
      break;
    case Reduction::Mean:
      g = div(grad, counts(r, self.sizes(), index));
      break;
    case Reduction::Prod: {  // the product of the others, where self is 0 as well
      Tensor others = where(eq(self, Scalar(0)), Scalar(1), self);
      g = mul(grad, div(scatter_reduce("ScatterReduceBackward0", r, others, index, src, {}), others));
      break;
    }
    case Reduction::Amax:
    case Reduction::Amin:
      g = mul(as_type_of(eq(self, result), grad), share_of_extremes(r, grad, self, index, src, result));
      break;
  }
  return r.include_self ? g : r.zeroed(g, index);
}

// A gradient whose own derivative is not known.
Tensor not_differentiable(const Tensor& grad) {
  return differentiable(
      "NotImplemented", {}, [&] { return contiguous_copy(grad); }, wrt(grad, [](const Tensor&) -> Tensor {
        fail<RuntimeError>(
            "scatter_reduce(): Double backward is unsupported for src when >1 zeros in src are scattered to "
            "the same position in self");
      }));
}

// The product of the others: result / src; where src is the only 0 of its place, the product without it.
Tensor product_by_src(const ScatterReduction& r, const Tensor& grad, const Tensor& self, const Tensor& index,
                      const Tensor& src, const Tensor& result) {
  const Tensor zero = eq(src, Scalar(0));
  const Tensor zeros_here =
      r.taken(r.added(zeros(self.sizes(), DType::Int64), index, to_dtype(zero, DType::Int64)), index);
  const Tensor alone = logical_and(zero, eq(zeros_here, Scalar(1)));
  Tensor without = scatter_reduce("ScatterReduceBackward0", r, self, index, where(alone, Scalar(1), src), {});
  Tensor g = where(alone, r.taken(mul(grad, without), index),
                   div(r.taken(mul(grad, result), index), where(zero, Scalar(1), src)));
  if (grad_enabled() && requires_grad(g) && src.device() != Device::Type::Meta) {
    const Tensor several = masked_select(zeros_here, gt(zeros_here, Scalar(1)));
    if (several.numel()) return not_differentiable(g);
  }
  return g;
}

Tensor gradient_by_src(const ScatterReduction& r, const Tensor& grad, const Tensor& self, const Tensor& index,
                       const Tensor& src, const Tensor& result) {
  switch (r.kind) {
    case Reduction::Mean:
      return r.taken(div(grad, counts(r, self.sizes(), index)), index);
    case Reduction::Prod:
      return product_by_src(r, grad, self, index, src, result);
    case Reduction::Amax:
    case Reduction::Amin: {
      Tensor share = share_of_extremes(r, grad, self, index, src, result);
      return mul(as_type_of(eq(src, r.taken(result, index)), grad), r.taken(share, index));
    }
    default:
      return r.taken(grad, index);
  }
}

// Into a fresh tensor or, where `out` says so, elsewhere; not for half precision.
Tensor reduced(const ScatterReduction& r, const Tensor& self, const Tensor& index, const Tensor& src,
               const Out& out) {
  Tensor from = out.target && shares_storage(src, Tensor(out.target)) ? contiguous_copy(src) : src;
  Tensor at = out.target && shares_storage(index, Tensor(out.target)) ? contiguous_copy(index) : index;
  Out place = out;
  Tensor start = self;
  auto go_on_in = [&](const Tensor& t) {
    start = t;
    place = Out{t.get(), nullptr, true};
  };
  if (!r.include_self) go_on_in(r.filled(self, at, identity_of(r.kind, self.dtype()), place));
  Tensor result = r.combined(scatter_op(r.kind), start, at, from, place);
  if (r.kind != Reduction::Mean) return result;
  const Tensor divisor = counts(r, result.sizes(), at);
  const Tensor means = is_floating(result.dtype()) || is_complex(result.dtype())
                           ? div(result, divisor)
                           : pointwise({}, Pointwise::FloorDiv, {result, divisor});
  copy_into(result, means);
  return result;
}

Tensor scatter_reduce(const char* node, const ScatterReduction& r, const Tensor& self, const Tensor& index,
                      const Tensor& src, const Out& out) {
  using Gradient = decltype(gradient_by_self);
  auto by = [&](Gradient* gradient, bool of_src) {
    return [=, x = saved(self), at = saved(index), s = saved(src)](const Tensor& grad, const Tensor& result) {
      const Tensor own = x(), source = s(), places = at();
      // A 0-d tensor is a row of one element, also among the gradients.
      auto row = [](const Tensor& t) { return t.dim() ? t : reshape(t, Dims{1}); };
      const Tensor where_to = row(places);
      Tensor g = gradient(r, row(grad), row(own), where_to, reached(r, row(source), where_to), row(result));
      if (of_src && !r.slices) g = with_zeros_to(g, row(source).sizes());
      return reshape(g, of_src ? source.sizes() : own.sizes());
    };
  };
  return differentiable(
      node, out,
      [&] {
        if (!is_half(self.dtype())) return reduced(r, self, index, src, out);
        const Tensor wide = reduced(r, widened(self), index, widened(src), {});
        Tensor result = result_for(out, self.sizes(), self.dtype());
        copy_into(result, wide);
        return result;
      },
      wrt(self, by(&gradient_by_self, false)), wrt(src, by(&gradient_by_src, true)));
}

void check_reducible(Reduction r, DType dtype, const char* mean, const char* amax, const char* amin) {
  if (r == Reduction::Mean && dtype == DType::Bool) not_implemented_for(mean, dtype);
  if (is_extreme(r) && is_complex(dtype)) not_implemented_for(r == Reduction::Amax ? amax : amin, dtype);
}

Tensor scatter_reduce_named(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                            std::string_view reduce, bool include_self, const Out& out) {
  const int d = check_scatter("scatter", self, dim, index, src);
  const auto kind = reduce == "sum"    ? Reduction::Sum
                    : reduce == "prod" ? Reduction::Prod
                    : reduce == "mean" ? Reduction::Mean
                    : reduce == "amax" ? Reduction::Amax
                                       : Reduction::Amin;
  check(kind != Reduction::Amin || reduce == "amin",
        "reduce argument must be either sum, prod, mean, amax or amin, got ", reduce);
  check_reducible(kind, self.dtype(), "scatter_gather_tensor_cpu_reduce_mean",
                  "scatter_gather_tensor_cpu_reduce_amax", "scatter_gather_tensor_cpu_reduce_amin");
  if (const Tensor line = src.sizes() == index.sizes() ? slice_numbers(self, index, d) : Tensor())
    return scatter_reduce("ScatterReduceBackward0", {kind, d, include_self, true}, self, line, src, out);
  return scatter_reduce("ScatterReduceBackward0", {kind, d, include_self}, self, index, src, out);
}

Tensor index_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                    std::string_view reduce, bool include_self, const Out& out) {
  const auto kind = reduce == "prod"   ? Reduction::Prod
                    : reduce == "mean" ? Reduction::Mean
                    : reduce == "amax" ? Reduction::Amax
                                       : Reduction::Amin;
  check(kind != Reduction::Amin || reduce == "amin",
        "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ", reduce, ".");
  const int d = static_cast<int>(wrap_dim(dim, self.dim()));
  check_slices("index_reduce_", self, d, index, source);
  check_reducible(kind, self.dtype(), "index_func_mean", "index_func_amax", "index_func_amin");
  const Tensor positions = as_positions(index);
  check<IndexError>(backend::current().wrap_positions(positions.data<int64_t>(), positions.numel(),
                                                      with_dims(self.sizes())[d], false, nullptr) < 0,
                    "index out of range in self");
  return scatter_reduce("IndexReduceBackward0", {kind, d, include_self, true}, self,
                        positions.dim() ? positions : view(positions, Dims{1}), source, out);
}
}  // namespace

/// A copy in which elements are reduced with those that an index sends there: for dim = 0 and 'amax',
/// out[k, j] is the largest of self[k, j] and every src[i, j] with index[i, j] = k.
///
/// Gradients of 'amax' and 'amin' go in equal parts to all elements that have the extreme value.
///
/// Args:
///     self: any shape
///     index: as many dimensions, int32 or int64
///     src: at least as large as the index
///     reduce: 'sum', 'prod', 'mean', 'amax' or 'amin'
///     include_self: whether the elements of self take part; those that nothing is sent to stay in any case
///
/// Raises:
///     RuntimeError: an index out of range, another reduction, or shapes that do not fit.
///
/// >>> torch.zeros(2).scatter_reduce(0, torch.tensor([1, 1]), torch.tensor([3.0, 5.0]), "mean",
/// ...                               include_self=False).tolist()
/// [0.0, 4.0]
EXPOSE(
    "scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) "
    "-> Tensor",
    scatter_reduce_named, function | method | inplace | out);

/// A copy in which slices along `dim` are reduced with those that an index sends there: for 'prod',
/// out[k] is the product of self[k] and every source[i] with index[i] = k.
///
/// Args:
///     self: any shape
///     index: (n,), int32 or int64
///     source: self's shape with size n in `dim`
///     reduce: 'prod', 'mean', 'amax' or 'amin' (index_add sums)
///     include_self: whether the slices of self take part; those that nothing is sent to stay in any case
///
/// Raises:
///     IndexError, RuntimeError: an index out of range, another reduction, or shapes that do not fit.
///
/// >>> torch.ones(2).index_reduce(0, torch.tensor([1, 1]), torch.tensor([3.0, 5.0]), "prod").tolist()
/// [1.0, 15.0]
EXPOSE(
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) "
    "-> Tensor",
    index_reduce, function | method | inplace | out);

}  // namespace flambeau
