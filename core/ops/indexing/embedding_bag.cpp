// Bags of a table's rows: their sums, means and maxima.
//
// The sums B(table, factors) are linear in either operand. The derivative by the table spreads a gradient
// over the rows, S(grad, factors), the one by the factors is an inner product for each number, D(grad,
// table); the derivatives of these two are the three operators again.
#include "core/autograd/sparse.h"
#include "core/ops/indexing/indexing.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

enum class BagMode : uint8_t { Sum, Mean, Max };

// Which rows stand in which bag.
struct Bags {
  Tensor numbers, offsets;  // (n) and (bags + 1), int64
  Tensor owners;            // the bag of each number, where that is asked for
  int64_t count = 0;        // bags
  int64_t rows = 0, width = 0;
  int64_t padding = -1;
  bool mean = false;
  bool some_empty = true;  // perhaps
  // The rows of numbers[i] is the i-th of the table: of halves, whose rows are looked up before they are
  // widened.
  bool looked_up = false;

  int64_t items() const { return (numbers.numel() + count) * width; }
  backend::RowBags geometry() const {
    return {count, rows, width, numbers.data<int64_t>(), offsets.data<int64_t>(), padding, looked_up, mean};
  }
  Dims table() const { return {looked_up ? numbers.numel() : rows, width}; }
};

void* data_of(const Tensor& t) { return t ? t->data : nullptr; }

// The table as the kernels take it.
Tensor rows_for(const Tensor& table, Bags& bags) {
  if (!is_half(table.dtype())) return as_contiguous(table);
  if (bags.looked_up) return as_contiguous(widened(table));
  bags.looked_up = true;
  return widened(index_select(table, 0, bags.numbers));
}

// A node keeps its bags; that nobody has written to the numbers since is for the capture to tell.
struct SavedBags {
  Bags bags;
  Saved numbers;
  explicit SavedBags(const Bags& b) : bags(b), numbers(saved(bags.numbers)) {}
  const Bags& operator()() const {
    numbers();
    return bags;
  }
};

Tensor bag_sums(const Bags& bags, const Tensor& table, const Tensor& factors);
Tensor spread_bags(const Bags& bags, const Tensor& grad, const Tensor& factors);

Tensor dot_bags(const Bags& bags, const Tensor& grad, const Tensor& table) {
  return differentiable(
      "EmbeddingBagBackwardBackward0", {},
      [&] {
        Bags b = bags;
        const Tensor x = rows_for(table, b), g = as_contiguous(widened(grad));
        const Tensor dots = empty({bags.numbers.numel()}, x.dtype());
        if (bags.offsets->data && bags.numbers.numel())
          fill_raw(dots, Scalar(0));  // what is behind the last bag
        const WithoutGil guard(bags.items() / 4);
        backend::current().dot_bags(x.dtype(), b.geometry(), g->data, x->data, dots->data);
        return narrowed(dots, table.dtype());
      },
      wrt(grad, [b = SavedBags(bags), t = saved(table)](const Tensor& g) { return bag_sums(b(), t(), g); }),
      wrt(table,
          [b = SavedBags(bags), s = saved(grad)](const Tensor& g) { return spread_bags(b(), s(), g); }));
}

Tensor spread_bags(const Bags& bags, const Tensor& grad, const Tensor& factors) {
  return differentiable(
      "EmbeddingBagBackwardBackward0", {},
      [&] {
        const Tensor g = as_contiguous(widened(grad)),
                     f = factors ? as_contiguous(widened(factors)) : Tensor();
        const Tensor table = zeros(bags.table(), g.dtype());
        const WithoutGil guard((bags.items() + table.numel()) / 2);
        backend::current().spread_bags(g.dtype(), bags.geometry(), g->data, data_of(f), table->data);
        return narrowed(table, grad.dtype());
      },
      wrt(grad, [b = SavedBags(bags), f = saved(factors)](const Tensor& g) { return bag_sums(b(), g, f()); }),
      wrt(factors,
          [b = SavedBags(bags), s = saved(grad)](const Tensor& g) { return dot_bags(b(), s(), g); }));
}

// What becomes of the table's gradient.
struct TableGradient {
  bool by_count, sparse;
};

Tensor table_gradient(const Bags& bags, const Tensor& grad, const Tensor& factors, TableGradient how) {
  check(!how.sparse || !how.by_count,
        "embedding_backward: scale_grad_by_freq not supported with sparse gradients");
  if (how.sparse) {
    Bags each = bags;
    each.looked_up = true;
    return sparse_bridge.rows(bags.numbers, spread_bags(each, grad, factors), bags.rows, bags.padding);
  }
  const Tensor g = spread_bags(bags, grad, factors);
  return how.by_count ? divided_by_counts(g, bags.numbers, bags.rows) : g;
}

Tensor bag_sums(const Bags& bags, const Tensor& table, const Tensor& factors, TableGradient how) {
  return differentiable(
      "EmbeddingBagBackward0", {},
      [&] {
        Bags b = bags;
        const Tensor x = rows_for(table, b), f = factors ? as_contiguous(widened(factors)) : Tensor();
        const Tensor sums = empty({bags.count, bags.width}, x.dtype());
        const WithoutGil guard(bags.items() / 4);
        backend::current().sum_bags(x.dtype(), b.geometry(), x->data, data_of(f), sums->data);
        return narrowed(sums, table.dtype());
      },
      wrt(table, [b = SavedBags(bags), f = saved(factors),
                  how](const Tensor& g) { return table_gradient(b(), g, f(), how); }),
      wrt(factors,
          [b = SavedBags(bags), t = saved(table)](const Tensor& g) { return dot_bags(b(), g, t()); }));
}
Tensor bag_sums(const Bags& bags, const Tensor& table, const Tensor& factors) {
  return bag_sums(bags, table, factors, {false, false});
}

// And whose rows the maxima are, -1 in empty bags.
Tensor bag_maxima(const Bags& bags, const Tensor& table, Tensor& chosen) {
  chosen = empty({bags.count, bags.width}, DType::Int64);
  return differentiable(
      "EmbeddingBagBackward0", {},
      [&] {
        Bags b = bags;
        const Tensor x = rows_for(table, b);
        const Tensor maxima = empty({bags.count, bags.width}, x.dtype());
        const WithoutGil guard(bags.items() / 4);
        backend::current().max_bags(x.dtype(), b.geometry(), x->data, maxima->data, chosen.data<int64_t>());
        return narrowed(maxima, table.dtype());
      },
      wrt(table, [whose = saved(chosen), sizes = bags.table(), empty = bags.some_empty](const Tensor& grad) {
        Tensor g = grad, rows = whose();
        if (empty) {
          g = masked_fill(g, lt(rows, Scalar(0)), Scalar(0));
          rows = clamp(rows, Operand(Scalar(0)), {});
        }
        return scatter_add(zeros(sizes, g.dtype()), 0, rows, g);
      }));
}

// ---- the calls' arguments

void check_index_type(const Tensor& t) {
  check(t.dtype() == DType::Int64 || t.dtype() == DType::Int32,
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but "
        "got "
        "torch.",
        scalar_type_name(t.dtype()), "Tensor instead (while checking arguments for embedding_bag)");
}

struct BagOptions {
  bool by_count = false;
  BagMode mode = BagMode::Sum;
  bool sparse = false;
  bool include_last_offset = false;
  std::optional<int64_t> padding;
  bool wants_owners = false;
};

// (bags + 1) offsets on the host, from those given or from the length of each bag.
Tensor ends_of(const Tensor& offsets, int64_t bags, int64_t length, int64_t count, bool include_last) {
  const Tensor ends = empty({bags + 1}, DType::Int64);
  if (ends.device() == Device::Type::Meta) return ends;
  auto* to = on_host(ends, "embedding_bag").data<int64_t>();
  if (!offsets) {
    for (int64_t i = 0; i <= bags; ++i) to[i] = i * length;
    return ends;
  }
  const auto* from = on_host(offsets, "embedding_bag").data<int64_t>();
  const int64_t given = offsets.numel();
  check(given > 0 || count == 0, "offsets has to have a bag for each index, but is empty");
  if (given) {
    check(from[0] == 0,
          "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
          "However, got ",
          from[0]);
    check(from[given - 1] <= count, "offsets[-1] can not be greater than input's length ", count,
          " but got offsets[-1] of ", from[given - 1]);
  }
  for (int64_t i = 1; i < given; ++i)
    check(from[i - 1] <= from[i], "offsets must not decrease, but offsets[", i, "] of ", from[i], " follows ",
          from[i - 1]);
  for (int64_t i = 0; i < bags; ++i) to[i] = from[i];
  to[bags] = include_last ? from[bags] : count;
  return ends;
}

Bags bags_of(const Tensor& weight, const Tensor& indices, const Tensor& offsets, const Tensor& factors,
             const BagOptions& options) {
  check(!options.sparse || options.mode != BagMode::Max,
        "embedding_bag: sparse gradients need mode='sum' or 'mean'");
  check(!factors || options.mode == BagMode::Sum,
        "embedding_bag: per_sample_weights only supported with mode='sum'");
  check(weight.dim() == 2, "'weight' must be 2-D");
  Bags bags;
  bags.rows = weight.sizes()[0];
  bags.width = weight.sizes()[1];
  if (options.padding) {
    check(*options.padding >= -bags.rows && *options.padding < bags.rows,
          "padding_idx must be within the number of embeddings, ", -bags.rows, " through ", bags.rows - 1,
          ", but got ", *options.padding);
    bags.padding = *options.padding < 0 ? *options.padding + bags.rows : *options.padding;
  }
  check_index_type(indices);
  if (offsets) check_index_type(offsets);
  check(is_floating(weight.dtype()),
        "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, "
        "Float, Double; but got torch.",
        scalar_type_name(weight.dtype()), "Tensor instead (while checking arguments for embedding_bag)");
  if (factors) {
    check(factors.dtype() == weight.dtype(),
          "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
          "'per_sample_weights'; but type torch.",
          scalar_type_name(weight.dtype()), "Tensor does not equal torch.", scalar_type_name(factors.dtype()),
          "Tensor (while checking arguments for embedding_bag)");
    check(factors.numel() == indices.numel(), "embedding_bag: expected a per_sample_weight for each of ",
          indices.numel(), " indices, but got ", factors.numel());
  }
  check(!options.include_last_offset || !offsets || offsets.numel() >= 1,
        "include_last_offset: number of offset should be at least 1");
  bags.numbers = reshape(as_positions(indices), Dims{-1});
  const int64_t count = bags.numbers.numel();
  const Tensor begins = offsets ? reshape(as_positions(offsets), Dims{-1}) : Tensor();
  bags.count = offsets ? begins.numel() - options.include_last_offset : indices.sizes()[0];
  const int64_t length = !offsets && bags.count ? count / bags.count : 0;
  bags.offsets = ends_of(begins, bags.count, length, count, options.include_last_offset);
  bags.mean = options.mode == BagMode::Mean;
  const int64_t bad =
      backend::current().wrap_positions(bags.numbers.data<int64_t>(), count, bags.rows, false, nullptr);
  check(bad < 0, "Index ", bad, " of input takes value ", bad < 0 ? 0 : bags.numbers.data<int64_t>()[bad],
        " which is not in the valid range [0, ", bags.rows, ")");
  bags.some_empty = offsets || length == 0 || bags.padding >= 0;
  return bags;
}

BagMode mode_of(int64_t mode) {
  check(mode >= 0 && mode <= 2, "embedding_bag: mode has to be 0, 1 or 2, but got ", mode);
  return static_cast<BagMode>(mode);
}

Tensor flat(const Tensor& t) { return t && t.dim() != 1 ? reshape(t, Dims{-1}) : t; }

Tensor bagged(const Tensor& weight, const Bags& bags, const Tensor& factors, const BagOptions& options,
              Tensor& chosen) {
  if (options.mode == BagMode::Max) return bag_maxima(bags, weight, chosen);
  return bag_sums(bags, weight, flat(factors), {options.by_count, options.sparse});
}

Tensor embedding_bags(const Tensor& weight, const Tensor& input, const OptionalTensor& offsets,
                      bool scale_grad_by_freq, int64_t mode, bool sparse,
                      const OptionalTensor& per_sample_weights, bool include_last_offset,
                      std::optional<int64_t> padding_idx) {
  check(offsets || input.dim() == 2, "embedding_bags: expected (bags, n) numbers, or offsets");
  const BagOptions options{scale_grad_by_freq, mode_of(mode), sparse, include_last_offset, padding_idx};
  Tensor chosen;
  return bagged(weight, bags_of(weight, input, offsets, per_sample_weights, options), per_sample_weights,
                options, chosen);
}

std::tuple<Tensor, Tensor, Tensor, Tensor> embedding_bag(const Tensor& weight, const Tensor& indices,
                                                         const Tensor& offsets, bool scale_grad_by_freq,
                                                         int64_t mode, bool sparse,
                                                         const OptionalTensor& per_sample_weights,
                                                         bool include_last_offset,
                                                         std::optional<int64_t> padding_idx) {
  const BagOptions options{scale_grad_by_freq, mode_of(mode), sparse, include_last_offset, padding_idx};
  const Bags bags = bags_of(weight, indices, offsets, per_sample_weights, options);
  Tensor chosen;
  const Tensor result = bagged(weight, bags, per_sample_weights, options, chosen);
  const Tensor owners = empty(bags.numbers.sizes(), DType::Int64), sizes = empty({bags.count}, DType::Int64);
  if (owners.device() != Device::Type::Meta) {
    const auto* numbers = on_host(bags.numbers, "embedding_bag").data<int64_t>();
    const auto* ends = bags.offsets.data<int64_t>();
    auto *owner = owners.data<int64_t>(), *size = sizes.data<int64_t>();
    std::fill_n(size, bags.count, 0);
    int64_t bag = -1;
    for (int64_t i = 0; i < bags.numbers.numel(); ++i) {
      while (bag + 1 < bags.count && ends[bag + 1] <= i) ++bag;
      owner[i] = bag;
      if (i < ends[bags.count] && numbers[i] != bags.padding) ++size[bag];
    }
  }
  if (!chosen) return {result, owners, sizes, sizes};
  return {result, owners, sizes, clamp(chosen, Operand(Scalar(0)), {})};
}

}  // namespace

/// Looks up rows of a table and takes each bag of them together.
///
/// Args:
///     weight: (rows, width), the table
///     indices: (n,), numbers of rows, bag after bag
///     offsets: (bags,), where each bag begins
///     scale_grad_by_freq: whether a row's gradient is divided by how often it was looked up
///     mode: 0 for sums, 1 for means, 2 for maxima
///     sparse: whether the table's gradient is a sparse tensor; not for maxima
///     per_sample_weights: (n,), factors of the rows, for sums
///     include_last_offset: whether the last offset is no bag's, but the end of the last one
///     padding_idx: a row that counts for nothing
///
/// Returns:
///     (bags, width); the bag of each index; how many rows each bag has; for maxima, (bags, width), whose
///     they are.
///
/// Raises:
///     RuntimeError: numbers or offsets out of range.
///
/// >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
/// >>> torch.embedding_bag(table, torch.tensor([0, 1, 1]), torch.tensor([0, 2]))[0].tolist()
/// [[4.0, 6.0], [3.0, 4.0]]
EXPOSE(
    "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, "
    "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? "
    "padding_idx=None) -> (Tensor, Tensor, Tensor, Tensor)",
    embedding_bag, function);

/// The bags alone: what `flambeau.nn.functional.embedding_bag` computes.
///
/// Args:
///     weight: (rows, width), the table
///     input: numbers of rows, (bags, n), or (n,) with `offsets`
///     offsets, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx: as of `embedding_bag`
///     per_sample_weights: factors of the rows, shaped as `input`, for sums
///
/// >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
/// >>> torch.nn.functional.embedding_bag(torch.tensor([[1, 0], [1, 1]]), table, mode="sum").tolist()
/// [[4.0, 6.0], [6.0, 8.0]]
EXPOSE(
    "embedding_bags(Tensor weight, Tensor input, Tensor? offsets=None, bool scale_grad_by_freq=False, int "
    "mode=0, "
    "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? "
    "padding_idx=None) -> Tensor",
    embedding_bags, nn);

}  // namespace flambeau
