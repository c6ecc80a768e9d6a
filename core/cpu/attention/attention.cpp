#include "core/cpu/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/cpu/kernels.h"
#include "core/math/half.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

// Multiplications that are worth a thread of their own.
constexpr int64_t kGrain = 1 << 18;
// Scores worked on at a time. Short sequences get smaller blocks, so that a causal mask saves work.
constexpr int64_t kBlockKeys = 256, kGradientKeys = 128;
int64_t query_block(int64_t queries) { return queries >= 256 ? 64 : 32; }
constexpr int64_t kStrideUnit = 16;  // the lanes of the longest vector
constexpr int kScratch = 0;

int64_t ceil_div(int64_t n, int64_t d) { return (n + d - 1) / d; }
int64_t padded(int64_t n) { return ceil_div(n, kStrideUnit) * kStrideUnit; }

const AttentionKernelsOf<float>& kernels_of(float) { return kernels().attention.f32; }
const AttentionKernelsOf<double>& kernels_of(double) { return kernels().attention.f64; }
void multiply(const Gemm<float>& g) { kernels().gemm.f32.gemm(g); }
void multiply(const Gemm<double>& g) { kernels().gemm.f64.gemm(g); }

template <class T>
struct Rows {
  T* data;
  int64_t stride;
  Rows from(int64_t row) const { return {data + row * stride, stride}; }
};

// c = alpha op(a) op(b), or that added to c.
template <class T>
void product(int64_t m, int64_t n, int64_t k, Rows<const T> a, bool transpose_a, Rows<const T> b,
             bool transpose_b, Rows<T> c, bool add, T alpha = 1) {
  Gemm<T> g{};
  g.trans_a = transpose_a;
  g.trans_b = transpose_b;
  g.m = m;
  g.n = n;
  g.k = k;
  g.alpha = alpha;
  g.a = a.data;
  g.lda = a.stride;
  g.b = b.data;
  g.ldb = b.stride;
  g.beta = add ? T(1) : T(0);
  g.c = c.data;
  g.ldc = c.stride;
  multiply(g);
}

template <class T>
Rows<const T> as_const(Rows<T> rows) {
  return {rows.data, rows.stride};
}

// The rows of one head.
template <class Item>
Rows<Item> head_of(const HeadRows& rows, int64_t batch, int64_t head) {
  return {reinterpret_cast<Item*>(rows.data) + batch * rows.batch + head * rows.head, rows.row};
}

// What a kernel that computes in T does to items in memory: reads rows where they lie, or widens them.
template <class Item, class T>
struct Memory {
  static constexpr bool kWidens = true;
  static Rows<const T> read(Rows<const Item> rows, int64_t count, int64_t width, T* buffer) {
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < width; ++i)
        buffer[r * width + i] = static_cast<T>(rows.data[r * rows.stride + i]);
    return {buffer, width};
  }
  static void write(const T* buffer, int64_t count, int64_t width, Rows<Item> rows) {
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < width; ++i) rows.data[r * rows.stride + i] = Item::of(buffer[r * width + i]);
  }
};
template <class T>
struct Memory<T, T> {
  static constexpr bool kWidens = false;
  static Rows<const T> read(Rows<const T> rows, int64_t, int64_t, T*) { return rows; }
};

// Scratch memory of a thread, handed out in pieces.
template <class T>
class Arena {
 public:
  explicit Arena(std::initializer_list<int64_t> pieces) {
    int64_t total = 0;
    for (int64_t piece : pieces) total += padded(piece);
    next_ = static_cast<T*>(thread_scratch(kScratch, static_cast<size_t>(total) * sizeof(T)));
  }
  T* take(int64_t items) {
    T* const piece = next_;
    next_ += padded(items);
    return piece;
  }

 private:
  T* next_;
};

template <class T>
void apply_mask(const AttentionMask& mask, int64_t batch, int64_t head, int64_t query, int64_t key,
                const ScoreBlock<T>& b) {
  if (!mask.data) return;
  const int64_t origin = batch * mask.batch + head * mask.head + query * mask.row + key * mask.column;
  for (int64_t r = 0; r < b.rows; ++r) {
    T* const x = b.scores + r * b.stride;
    const int64_t at = origin + r * mask.row;
    if (mask.adds) {
      const T* const added = reinterpret_cast<const T*>(mask.data) + at;
      if (mask.column == 1)
        for (int64_t j = 0; j < b.columns; ++j) x[j] += added[j];
      else
        for (int64_t j = 0; j < b.columns; ++j) x[j] += added[j * mask.column];
    } else {
      const char* const allowed = mask.data + at;
      for (int64_t j = 0; j < b.columns; ++j)
        if (!allowed[j * mask.column]) x[j] = -std::numeric_limits<T>::infinity();
    }
  }
}

// Columns that the first row of a block may attend to.
int64_t seen_by(const Attention& a, int64_t query, int64_t key) {
  return a.causal ? query + 1 - key : std::numeric_limits<int64_t>::max() / 2;
}

// 0, n - 1, 1, n - 2, ...: any range of these has its share of long and of short blocks of a causal mask.
int64_t from_both_ends(int64_t i, int64_t n) { return i % 2 ? n - 1 - i / 2 : i / 2; }

// ---- forward

template <class Item, class T>
class Forward {
 public:
  Forward(const Attention& a, const HeadRows& output, T* normalizers)
      : a_(a),
        output_(output),
        normalizers_(normalizers),
        block_(query_block(a.queries)),
        keys_(std::min(kBlockKeys, a.keys)),
        stride_(padded(keys_)),
        arena_{block_ * stride_,
               3 * block_,
               wide(block_ * a.width),
               wide(keys_ * a.width),
               wide(keys_ * a.value_width),
               wide(block_ * a.value_width)} {
    scores_ = arena_.take(block_ * stride_);
    statistics_ = arena_.take(3 * block_);
    query_ = arena_.take(wide(block_ * a.width));
    key_ = arena_.take(wide(keys_ * a.width));
    value_ = arena_.take(wide(keys_ * a.value_width));
    found_ = arena_.take(wide(block_ * a.value_width));
  }

  void block(int64_t batch, int64_t head, int64_t first) {
    const AttentionKernelsOf<T>& k = kernels_of(T());
    const int64_t rows = std::min(block_, a_.queries - first);
    const int64_t shared = head / (a_.heads / a_.key_heads);
    const Rows<const T> query =
        M::read(head_of<const Item>(a_.query, batch, head).from(first), rows, a_.width, query_);
    const Rows<Item> output = head_of<Item>(output_, batch, head).from(first);
    Rows<T> found{found_, a_.value_width};
    if constexpr (!M::kWidens) found = output;
    T *const maxima = statistics_, *const sums = maxima + block_, *const factors = sums + block_;
    std::fill(maxima, maxima + rows, -std::numeric_limits<T>::infinity());
    std::fill(sums, sums + rows, T(0));
    const int64_t last = a_.causal ? std::min(a_.keys, first + rows) : a_.keys;
    for (int64_t at = 0; at < last; at += keys_) {
      const int64_t columns = std::min(keys_, last - at);
      const Rows<const T> key =
          M::read(head_of<const Item>(a_.key, batch, shared).from(at), columns, a_.width, key_);
      const Rows<const T> value =
          M::read(head_of<const Item>(a_.value, batch, shared).from(at), columns, a_.value_width, value_);
      const Rows<T> scores{scores_, stride_};
      product<T>(rows, columns, a_.width, query, false, key, true, scores, false, static_cast<T>(a_.scale));
      const ScoreBlock<T> b{scores_, rows, columns, stride_, seen_by(a_, first, at)};
      apply_mask(a_.mask, batch, head, first, at, b);
      k.online_softmax(b, maxima, sums, factors);
      if (at > 0) k.scale_rows(found.data, rows, a_.value_width, found.stride, factors);
      product<T>(rows, a_.value_width, columns, as_const(scores), false, value, false, found, at > 0);
    }
    for (int64_t r = 0; r < rows; ++r) factors[r] = sums[r] == 0 ? T(1) : T(1) / sums[r];
    k.scale_rows(found.data, rows, a_.value_width, found.stride, factors);
    if constexpr (M::kWidens) M::write(found_, rows, a_.value_width, output);
    if (!normalizers_) return;
    T* const to = normalizers_ + (batch * a_.heads + head) * a_.queries + first;
    for (int64_t r = 0; r < rows; ++r) to[r] = maxima[r] + std::log(sums[r]);
  }

 private:
  using M = Memory<Item, T>;
  static int64_t wide(int64_t items) { return M::kWidens ? items : 0; }

  const Attention& a_;
  const HeadRows& output_;
  T* const normalizers_;
  const int64_t block_, keys_, stride_;
  Arena<T> arena_;
  T *scores_, *statistics_, *query_, *key_, *value_, *found_;
};

template <class Item, class T>
void forward(const Attention& a, const HeadRows& output, T* normalizers) {
  const int64_t block = query_block(a.queries), blocks = ceil_div(a.queries, block);
  const int64_t work = std::min(block, a.queries) * a.keys * (a.width + a.value_width);
  parallel_for(0, a.batch * a.heads * blocks, kGrain / work + 1, [&](int64_t first, int64_t last) {
    Forward<Item, T> forward(a, output, normalizers);
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t head = unit / blocks;
      forward.block(head / a.heads, head % a.heads, from_both_ends(unit % blocks, blocks) * block);
    }
  });
}

// ---- backward

// The weighted mean of the gradients of a row's weights is the product of its output and its gradient.
template <class Item, class T>
void gradient_means(const Attention& a, const AttentionGradients& g, T* means) {
  const AttentionKernelsOf<T>& k = kernels_of(T());
  parallel_for(
      0, a.batch * a.heads, kGrain / 8 / (a.queries * a.value_width) + 1, [&](int64_t first, int64_t last) {
        Arena<T> arena{a.value_width, a.value_width};
        T *const one = arena.take(a.value_width), *const other = arena.take(a.value_width);
        for (int64_t head = first; head < last; ++head) {
          const Rows<const Item> gradient =
              head_of<const Item>(g.grad_output, head / a.heads, head % a.heads);
          const Rows<const Item> output = head_of<const Item>(g.output, head / a.heads, head % a.heads);
          for (int64_t r = 0; r < a.queries; ++r)
            means[head * a.queries + r] =
                k.dot(Memory<Item, T>::read(gradient.from(r), 1, a.value_width, one).data,
                      Memory<Item, T>::read(output.from(r), 1, a.value_width, other).data, a.value_width);
        }
      });
}

template <class Item, class T>
class Backward {
 public:
  Backward(const Attention& a, const AttentionGradients& g, const T* means)
      : a_(a),
        g_(g),
        means_(means),
        block_(query_block(a.queries)),
        keys_(std::min(kGradientKeys, a.keys)),
        stride_(padded(keys_)),
        arena_{block_ * stride_,
               block_ * stride_,
               keys_ * a.width,
               keys_ * a.value_width,
               wide(block_ * a.width),
               wide(keys_ * a.width),
               wide(keys_ * a.value_width),
               wide(block_ * a.value_width)} {
    weights_ = arena_.take(block_ * stride_);
    gradients_ = arena_.take(block_ * stride_);
    grad_key_ = arena_.take(keys_ * a.width);
    grad_value_ = arena_.take(keys_ * a.value_width);
    query_ = arena_.take(wide(block_ * a.width));
    key_ = arena_.take(wide(keys_ * a.width));
    value_ = arena_.take(wide(keys_ * a.value_width));
    grad_output_ = arena_.take(wide(block_ * a.value_width));
  }

  // The gradients of a block of keys and values, and what it adds to those of the queries, of which
  // `grad_query` tells the rows of a head.
  template <class GradQuery>
  void block(int64_t batch, int64_t shared, int64_t at, GradQuery grad_query) {
    const int64_t columns = std::min(keys_, a_.keys - at), group = a_.heads / a_.key_heads;
    const Rows<const T> key =
        M::read(head_of<const Item>(a_.key, batch, shared).from(at), columns, a_.width, key_);
    const Rows<const T> value =
        M::read(head_of<const Item>(a_.value, batch, shared).from(at), columns, a_.value_width, value_);
    const Rows<Item> key_out = head_of<Item>(g_.key, batch, shared).from(at);
    const Rows<Item> value_out = head_of<Item>(g_.value, batch, shared).from(at);
    Rows<T> grad_key{grad_key_, a_.width}, grad_value{grad_value_, a_.value_width};
    if constexpr (!M::kWidens) {
      grad_key = key_out;
      grad_value = value_out;
    }
    bool started = false;
    const int64_t start = a_.causal ? at / block_ * block_ : 0;
    for (int64_t head = shared * group; head < (shared + 1) * group; ++head)
      for (int64_t first = start; first < a_.queries; first += block_) {
        pair(batch, head, first, at, columns, key, value, grad_query(head), grad_key, grad_value, started);
        started = true;
      }
    if (!started) {  // keys that no query reaches
      clear(grad_key, columns, a_.width);
      clear(grad_value, columns, a_.value_width);
    }
    if constexpr (M::kWidens) {
      M::write(grad_key_, columns, a_.width, key_out);
      M::write(grad_value_, columns, a_.value_width, value_out);
    }
  }

  static void clear(Rows<T> rows, int64_t count, int64_t width) {
    for (int64_t r = 0; r < count; ++r) std::fill_n(rows.data + r * rows.stride, width, T(0));
  }

 private:
  using M = Memory<Item, T>;
  static int64_t wide(int64_t items) { return M::kWidens ? items : 0; }

  void pair(int64_t batch, int64_t head, int64_t first, int64_t at, int64_t columns, Rows<const T> key,
            Rows<const T> value, Rows<T> grad_query, Rows<T> grad_key, Rows<T> grad_value, bool add) {
    const AttentionKernelsOf<T>& k = kernels_of(T());
    const int64_t rows = std::min(block_, a_.queries - first);
    const int64_t statistics = (batch * a_.heads + head) * a_.queries + first;
    const Rows<const T> query =
        M::read(head_of<const Item>(a_.query, batch, head).from(first), rows, a_.width, query_);
    const Rows<const T> grad_output = M::read(head_of<const Item>(g_.grad_output, batch, head).from(first),
                                              rows, a_.value_width, grad_output_);
    const Rows<T> weights{weights_, stride_}, gradients{gradients_, stride_};
    product<T>(rows, columns, a_.width, query, false, key, true, weights, false, static_cast<T>(a_.scale));
    const ScoreBlock<T> b{weights_, rows, columns, stride_, seen_by(a_, first, at)};
    apply_mask(a_.mask, batch, head, first, at, b);
    k.weights(b, static_cast<const T*>(g_.normalizers) + statistics);
    product<T>(columns, a_.value_width, rows, as_const(weights), true, grad_output, false, grad_value, add);
    product<T>(rows, columns, a_.value_width, grad_output, false, value, true, gradients, false);
    k.score_gradients(b, gradients_, means_ + statistics, static_cast<T>(a_.scale));
    product<T>(columns, a_.width, rows, as_const(gradients), true, query, false, grad_key, add);
    product<T>(rows, a_.width, columns, as_const(gradients), false, key, false, grad_query.from(first), true);
  }

  const Attention& a_;
  const AttentionGradients& g_;
  const T* const means_;
  const int64_t block_, keys_, stride_;
  Arena<T> arena_;
  T *weights_, *gradients_, *grad_key_, *grad_value_, *query_, *key_, *value_, *grad_output_;
};

// A thread takes whole heads of keys; where they are fewer than the threads, several share a head's blocks of
// keys, and each has its own sums for the queries.
template <class Item, class T>
void backward(const Attention& a, const AttentionGradients& g) {
  const auto means = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(a.batch * a.heads * a.queries));
  gradient_means<Item, T>(a, g, means.get());
  const int64_t units = a.batch * a.key_heads, group = a.heads / a.key_heads;
  const int64_t keys = std::min(kGradientKeys, a.keys), blocks = ceil_div(a.keys, keys);
  const int64_t work = group * a.queries * a.keys * (a.width + a.value_width) * 5 / 2;
  const int64_t wanted = work > 8 * kGrain ? ceil_div(num_threads(), units) : 1;
  const int64_t parts = std::min(wanted, blocks);
  const bool in_place = parts == 1 && std::is_same_v<Item, T>;
  const int64_t head_size = a.queries * a.width, part_size = a.batch * a.heads * head_size;
  const auto sums =
      std::make_unique_for_overwrite<T[]>(in_place ? 0 : static_cast<size_t>(parts * part_size));
  parallel_for(0, units * parts, kGrain * parts / work + 1, [&](int64_t first, int64_t last) {
    Backward<Item, T> backward(a, g, means.get());
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t part = unit / units, batch = unit % units / a.key_heads, shared = unit % a.key_heads;
      const auto grad_query = [&](int64_t head) {
        if constexpr (std::is_same_v<Item, T>)
          if (in_place) return head_of<T>(g.query, batch, head);
        return Rows<T>{sums.get() + part * part_size + (batch * a.heads + head) * head_size, a.width};
      };
      for (int64_t head = shared * group; head < (shared + 1) * group; ++head)
        Backward<Item, T>::clear(grad_query(head), a.queries, a.width);
      for (int64_t block = part; block < blocks; block += parts)
        backward.block(batch, shared, block * keys, grad_query);
    }
  });
  if (in_place) return;
  parallel_for(0, a.batch * a.heads, kGrain / 8 / (parts * head_size) + 1, [&](int64_t first, int64_t last) {
    for (int64_t head = first; head < last; ++head) {
      const Rows<Item> to = head_of<Item>(g.query, head / a.heads, head % a.heads);
      for (int64_t r = 0; r < a.queries; ++r)
        for (int64_t i = 0; i < a.width; ++i) {
          T sum = 0;
          for (int64_t part = 0; part < parts; ++part)
            sum += sums[static_cast<size_t>(part * part_size + head * head_size + r * a.width + i)];
          if constexpr (std::is_same_v<Item, T>)
            to.data[r * to.stride + i] = sum;
          else
            to.data[r * to.stride + i] = Item::of(sum);
        }
    }
  });
}

// Calls visit.operator()<Item, T>(): the items in memory and the type to compute in.
template <class Visitor>
void visit_attention(DType dtype, Visitor visit) {
  if (dtype == DType::Float16) return visit.template operator()<math::Half, float>();
  if (dtype == DType::BFloat16) return visit.template operator()<math::BFloat16, float>();
  visit_floating(dtype, "scaled_dot_product_attention",
                 [&]<class T>() { visit.template operator()<T, T>(); });
}

}  // namespace

void attention(DType dtype, const Attention& a, const HeadRows& output, void* normalizers) {
  visit_attention(dtype,
                  [&]<class Item, class T>() { forward<Item, T>(a, output, static_cast<T*>(normalizers)); });
}

void attention_backward(DType dtype, const Attention& a, const AttentionGradients& g) {
  visit_attention(dtype, [&]<class Item, class T>() { backward<Item, T>(a, g); });
}

}  // namespace flambeau::cpu
