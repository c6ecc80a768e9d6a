// Attention: fused, in blocks, where the shapes allow it; else composed of products and a softmax.
#include "core/ops/attention/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

std::atomic<unsigned> allowed_backends{AttentionBackends::kMath | AttentionBackends::kFlash};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What is computed, beside the tensors.
struct How {
  bool causal;
  double scale;
};

// ---- composed of operators, each of which records its own history

Tensor transposed(const Tensor& x) { return transpose(x, -2, -1); }

// Each head of `shared` as often as the heads of the queries outnumber them.
Tensor repeated_heads(const Tensor& query, const Tensor& shared) {
  const int64_t heads = query.size(-3), own = shared.size(-3);
  check(own > 0 && heads % own == 0,
        "Number of heads in key and value must divide the number of heads in query: there are ", own, " and ",
        heads);
  if (heads == own) return shared;
  Dims sizes = shared.sizes();
  const int at = sizes.count - 3;
  Dims wide;
  for (int i = 0; i < sizes.count; ++i) {
    wide.push_back(sizes[i]);
    if (i == at) wide.push_back(heads / own);
  }
  sizes[at] = heads;
  return reshape(expand(unsqueeze(shared, -3), wide), sizes);
}

Tensor sum_last(const Tensor& x) {
  const int64_t last[] = {-1};
  return sum_dims(x, last, true);
}

// Softmax of the scores; a query that may attend to nothing gets zeros.
Tensor weights_of(const Tensor& query, const Tensor& key, const Tensor& mask, const How& how) {
  Tensor scores = matmul(mul(query, Scalar(how.scale)), transposed(key));
  const int64_t queries = query.size(-2), keys = key.size(-2);
  if (how.causal) {
    const Tensor later = logical_not(tril(fill_raw(empty({queries, keys}, DType::Bool), 1)));
    scores = masked_fill(scores, later, Scalar(-kInfinity));
  }
  if (mask)
    scores = mask.dtype() == DType::Bool ? masked_fill(scores, logical_not(mask), Scalar(-kInfinity))
                                         : add(scores, mask);
  if (!mask || keys == 0) return softmax(scores, -1);
  const int64_t last[] = {-1};
  const Tensor shut = eq(amax(detach(scores), last, true), Scalar(-kInfinity));
  return masked_fill(softmax(masked_fill(scores, shut, Scalar(0)), -1), shut, Scalar(0));
}

Tensor composed(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask,
                double dropout_p, const How& how) {
  Tensor weights = weights_of(query, key, mask, how);
  if (dropout_p != 0) weights = dropout(weights, dropout_p, true);
  return matmul(to_dtype(weights, value.dtype()), value);
}

// The sum over the queries' heads that share one.
Tensor summed_heads(const Tensor& grad, const Tensor& shared) {
  const int64_t heads = grad.size(-3), own = shared.size(-3);
  if (heads == own) return grad;
  Dims sizes;
  for (int i = 0; i < grad.dim(); ++i) {
    if (i == grad.dim() - 3) sizes.push_back(own);
    sizes.push_back(i == grad.dim() - 3 ? heads / own : grad->sizes[i]);
  }
  const int64_t group[] = {-3};
  return sum_dims(reshape(grad, sizes), group);
}

struct Gradients {
  Tensor query, key, value;
};

Gradients composed_gradients(const Tensor& grad, const Tensor& query, const Tensor& key, const Tensor& value,
                             const Tensor& mask, const How& how) {
  const DType compute = compute_dtype(query.dtype());
  const auto wide = [&](const Tensor& x) { return to_dtype(x, compute); };
  const bool shares = query.dim() > 2 && query.size(-3) != key.size(-3);
  const auto heads = [&](const Tensor& x) { return shares ? repeated_heads(query, wide(x)) : wide(x); };
  const auto narrow_to = [&](const Tensor& x, const Tensor& like) {
    return to_dtype(shares ? summed_heads(x, like) : x, like.dtype());
  };
  const Tensor g = wide(grad), q = wide(query), k = heads(key), v = heads(value);
  const Tensor p = weights_of(q, k, mask && mask.dtype() != DType::Bool ? wide(mask) : mask, how);
  const Tensor of_weights = matmul(g, transposed(v));
  const Tensor of_scores = mul(mul(p, sub(of_weights, sum_last(mul(p, of_weights)))), Scalar(how.scale));
  return {to_dtype(matmul(of_scores, k), query.dtype()), narrow_to(matmul(transposed(of_scores), q), key),
          narrow_to(matmul(transposed(p), g), value)};
}

// ---- fused

// (batch, heads, rows, width) with adjacent items in rows: a view where that is possible.
Tensor in_heads(const Tensor& x) {
  const Dims& s = x.sizes();
  Tensor four = x;
  if (s.count != 4) {
    Dims sizes{1, 1, s[s.count - 2], s[s.count - 1]};
    if (s.count > 2) sizes[1] = s[s.count - 3];
    for (int i = 0; i < s.count - 3; ++i) sizes[0] *= s[i];
    four = reshape(x, sizes);
  }
  return four->strides[3] == 1 || four->sizes[3] == 1 ? four : contiguous(four);
}

backend::HeadRows rows_of(const Tensor& four) {
  return {four->data, four->strides[0], four->strides[1], four->strides[2]};
}

// Uninitialised and without gaps: the items of a row adjacent, the other axes in the order of x's.
Tensor in_order_of(const Tensor& x) {
  int axes[] = {0, 1, 2};
  std::stable_sort(axes, axes + 3, [&](int a, int b) { return x->strides[a] > x->strides[b]; });
  Dims strides = x.sizes();
  strides[3] = 1;
  int64_t step = x->sizes[3];
  for (int i = 2; i >= 0; --i) {
    strides[axes[i]] = step;
    step *= x->sizes[axes[i]];
  }
  return empty_strided(x.sizes(), strides, x.dtype());
}

// What the backend is told, and the tensors that keep the memory.
struct Inputs {
  Tensor query, key, value, mask;
  backend::Attention shape;

  Inputs(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& m, const How& how)
      : query(in_heads(q)), key(in_heads(k)), value(in_heads(v)) {
    shape = {query->sizes[0],
             query->sizes[1],
             key->sizes[1],
             query->sizes[2],
             key->sizes[2],
             query->sizes[3],
             value->sizes[3],
             how.scale,
             how.causal,
             rows_of(query),
             rows_of(key),
             rows_of(value),
             {}};
    if (!m) return;
    mask = m.dtype() == DType::Bool ? m : to_dtype(m, compute_dtype(q.dtype()));
    Dims scores = q.sizes();
    scores[scores.count - 1] = k.size(-2);
    mask = expand(mask, scores);
    if (scores.count != 4) mask = reshape(mask, Dims{shape.batch, shape.heads, shape.queries, shape.keys});
    shape.mask = {mask->data,       mask.dtype() != DType::Bool,
                  mask->strides[0], mask->strides[1],
                  mask->strides[2], mask->strides[3]};
  }
  int64_t nanoseconds() const {
    return shape.batch * shape.heads * shape.queries * shape.keys * (shape.width + shape.value_width) / 32;
  }
};

Gradients fused_gradients(const Tensor& grad, const Tensor& query, const Tensor& key, const Tensor& value,
                          const Tensor& mask, const Tensor& output, const Tensor& normalizers,
                          const How& how) {
  const Inputs in(query, key, value, mask, how);
  const Tensor g = in_heads(to_dtype(grad, query.dtype())), y = in_heads(output);
  const Tensor q = in_order_of(in.query), k = in_order_of(in.key), v = in_order_of(in.value);
  {
    const WithoutGil guard(3 * in.nanoseconds());
    backend::current().attention_backward(
        query.dtype(), in.shape,
        {rows_of(g), rows_of(y), normalizers->data, rows_of(q), rows_of(k), rows_of(v)});
  }
  const auto shaped = [](const Tensor& x, const Tensor& like) {
    return like.dim() == 4 ? x : reshape(x, like.sizes());
  };
  return {shaped(q, query), shaped(k, key), shaped(v, value)};
}

struct AttentionNode final : Node {
  How how;
  std::array<Edge, 3> edge_storage;
  std::optional<Saved> query, key, value, mask, output, normalizers;

  AttentionNode(const How& how, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& m)
      : Node("ScaledDotProductFlashAttentionForCpuBackward0"),
        how(how),
        edge_storage{edge_of(q), edge_of(k), edge_of(v)} {
    edges = edge_storage;
    const RecordingScope scope(this, nullptr);
    query.emplace(flambeau::saved(q));
    key.emplace(flambeau::saved(k));
    value.emplace(flambeau::saved(v));
    mask.emplace(flambeau::saved(m));
  }
  void save_results(const Tensor& y, const Tensor& normalizer) {
    const RecordingScope scope(this, nullptr);
    output.emplace(Saved(y, 0));
    normalizers.emplace(flambeau::saved(normalizer));
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    if (!grads[0]) return;
    const Tensor q = (*query)(), k = (*key)(), v = (*value)(), m = (*mask)(), y = (*output)(),
                 n = (*normalizers)();
    Gradients result = grad_enabled() ? composed_gradients(grads[0], q, k, v, m, how)
                                      : fused_gradients(grads[0], q, k, v, m, y, n, how);
    if (edge_storage[0]) grad_inputs[0] = std::move(result.query);
    if (edge_storage[1]) grad_inputs[1] = std::move(result.key);
    if (edge_storage[2]) grad_inputs[2] = std::move(result.value);
  }
  ~AttentionNode() override { saved = nullptr; }  // the captures die with their places
};

Tensor fused(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask,
             const How& how) {
  AttentionNode* node = nullptr;
  if (grad_enabled() && (requires_grad(query) || requires_grad(key) || requires_grad(value)))
    node = new AttentionNode(how, query, key, value, mask);
  Ref<Node> holder(node);
  Tensor result, normalizers;
  {
    const InsideForward inside;
    const Inputs in(query, key, value, mask, how);
    Dims sizes = query.sizes();
    sizes.back() = value.size(-1);
    const bool keeps_order = sizes.count == 4 && sizes == query.sizes() && query->strides[3] == 1;
    result = keeps_order ? in_order_of(query) : empty(sizes, query.dtype());
    const backend::Attention& s = in.shape;
    if (node) normalizers = empty({s.batch, s.heads, s.queries}, compute_dtype(query.dtype()));
    const Tensor rows = in_heads(result);  // a view: its items are adjacent, and there are no gaps
    const WithoutGil guard(in.nanoseconds());
    backend::current().attention(query.dtype(), s, rows_of(rows), node ? normalizers->data : nullptr);
  }
  if (node) {
    node->save_results(result, normalizers);
    pack_captures(*node);
    set_history(result, std::move(holder));
  }
  return result;
}

// ---- the choice

// Query, key and value fit each other without broadcasting, and nothing is empty.
bool suits_blocks(const Tensor& query, const Tensor& key, const Tensor& value, bool shares_heads) {
  if (!is_floating(query.dtype()) || !is_supported(query.dtype())) return false;
  if (query.dim() != key.dim() || key.dim() != value.dim()) return false;
  if (query.numel() == 0 || key.numel() == 0 || value.numel() == 0) return false;
  if (query.size(-1) != key.size(-1) || key.size(-2) != value.size(-2)) return false;
  for (int i = 0; i < query.dim() - 2; ++i) {
    const bool heads = shares_heads && i == query.dim() - 3;
    if (key->sizes[i] != value->sizes[i]) return false;
    if (heads ? query->sizes[i] % key->sizes[i] != 0 : query->sizes[i] != key->sizes[i]) return false;
  }
  return true;
}

bool mask_fits(const Tensor& mask, const Tensor& query, const Tensor& key) {
  Dims scores = query.sizes();
  scores.back() = key.size(-2);
  return !requires_grad(mask) && broadcast_sizes(scores, mask.sizes()) == scores;
}

void check_inputs(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask) {
  check(query.dim() >= 2 && key.dim() >= 2 && value.dim() >= 2,
        "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ", query.dim(),
        " key.dim: ", key.dim(), " and value.dim: ", value.dim(), " instead.");
  check(query.dtype() == key.dtype() && key.dtype() == value.dtype(),
        "Expected query, key, and value to have the same dtype, but got query.dtype: ",
        c_type_name(query.dtype()), " key.dtype: ", c_type_name(key.dtype()),
        " and value.dtype: ", c_type_name(value.dtype()), " instead.");
  check(
      !mask || mask.dtype() == DType::Bool || mask.dtype() == DType::Float32 || mask.dtype() == query.dtype(),
      "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ",
      mask ? c_type_name(mask.dtype()) : "", " and  query.dtype: ", c_type_name(query.dtype()), " instead.");
  check(is_floating(query.dtype()) || is_complex(query.dtype()), "expected scalar type Float but found ",
        scalar_type_name(query.dtype()));
}

Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const OptionalTensor& attn_mask, double dropout_p, bool is_causal,
                                    std::optional<double> scale, bool enable_gqa) {
  const Tensor& mask = attn_mask;
  check_inputs(query, key, value, mask);
  const How how{is_causal, scale ? *scale : 1 / std::sqrt(static_cast<double>(query.size(-1)))};
  const bool blocks = dropout_p == 0 && suits_blocks(query, key, value, enable_gqa && query.dim() > 2) &&
                      (!mask || mask_fits(mask, query, key));
  // What PyTorch has its own kernel for, and what it composes.
  const bool flash = blocks && query.dim() == 4 && query.size(-1) == value.size(-1);
  const unsigned allowed = allowed_backends.load(std::memory_order_relaxed);
  if (allowed != (AttentionBackends::kMath | AttentionBackends::kFlash)) [[unlikely]] {
    check(allowed != 0,
          "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off "
          "both the "
          "math kernel and the fused kernels.");
    check(allowed & AttentionBackends::kMath || flash, "No available kernel.  Aborting execution.");
  }
  check(!is_causal || !mask || (flash && !enable_gqa),
        "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True");
  if (blocks) return fused(query, key, value, mask, how);
  if (!enable_gqa) return composed(query, key, value, mask, dropout_p, how);
  return composed(query, repeated_heads(query, key), repeated_heads(query, value), mask, dropout_p, how);
}

}  // namespace

void set_attention_backends(unsigned allowed) { allowed_backends.store(allowed, std::memory_order_relaxed); }

/// Weighs values by the likeness of keys to queries: softmax(scale Q K^T + mask) V.
///
/// In blocks of queries and keys, so that the matrix of scores is never in memory; with dropout, a mask that
/// asks for a gradient, or batches that broadcast, by products and a softmax.
///
/// Args:
///     query: (..., L, E)
///     key: (..., S, E)
///     value: (..., S, F)
///     attn_mask: broadcasts to (..., L, S): of bools, True where attention is allowed, or what is added to
///     the scores; a
///         query that may attend to nothing gets zeros
///     dropout_p: probability with which a weight is dropped, whether in training or not
///     is_causal: whether query i attends to the keys up to i only
///     scale: 1 / sqrt(E) if None
///     enable_gqa: whether the heads, the third axis from the end, of key and value may be fewer than the
///     query's and are
///         shared
///
/// Returns:
///     (..., L, F).
///
/// Raises:
///     RuntimeError: the arguments do not fit each other.
///
/// >>> query, value = torch.zeros(1, 1, 4), torch.tensor([[[1.0], [3.0]]])
/// >>> torch.nn.functional.scaled_dot_product_attention(query, torch.ones(1, 2, 4), value)
/// tensor([[[2.]]])
///
/// Source: A. Vaswani et al., Attention is all you need, 2017; T. Dao et al., FlashAttention, 2022; J.
/// Ainslie et al., GQA, 2023.
EXPOSE(
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
    "dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
    scaled_dot_product_attention, Forms::nn | Forms::lower_precision);

}  // namespace flambeau
