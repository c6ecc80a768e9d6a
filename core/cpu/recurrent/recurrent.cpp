#include "core/cpu/recurrent/recurrent.h"

#include <algorithm>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/allocator.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

// Multiplications that are worth a thread of their own, in one product and in a whole run through the steps.
constexpr int64_t kProductGrain = 1 << 16, kRunGrain = 1 << 18;
// Gates that are computed before the steps go through them: they should still be in the cache then, but so
// many rows at least are worth packing the input's weight.
constexpr int64_t kChunkBytes = 1 << 20, kChunkRows = 512;
// Weights that each thread may go through by itself in every step, and the sequences for which it may do so
// with larger ones.
constexpr int64_t kSharedWeightBytes = 1 << 20, kManySequences = 48;
// Gates that are worth a thread of their own.
constexpr int64_t kGateGrain = 4096;

template <class T>
const GemmKernelsOf<T>& products() {
  if constexpr (sizeof(T) == sizeof(float))
    return kernels().gemm.f32;
  else
    return kernels().gemm.f64;
}
template <class T>
const RecurrentKernelsOf<T>& steps() {
  if constexpr (sizeof(T) == sizeof(float))
    return kernels().recurrent.f32;
  else
    return kernels().recurrent.f64;
}

// Hands out pieces of one block; run without a block, it says how large that has to be.
class Arena {
 public:
  explicit Arena(void* block) : start_(static_cast<char*>(block)) {}
  template <class T>
  T* take(int64_t items) {
    const size_t bytes = (static_cast<size_t>(items) * sizeof(T) + 63) / 64 * 64;
    char* const piece = start_ ? start_ + taken_ : nullptr;
    taken_ += bytes;
    return reinterpret_cast<T*>(piece);
  }
  size_t taken() const { return taken_ + kReadableTail; }

 private:
  char* start_;
  size_t taken_ = 0;
};

// Gates as they lie in a row: column `column` and so on are the weights' rows `row` and so on. A GRU's are
// n's part from the input, r, z, and n's part from the state: either operand finds its own side by side, or
// nearly.
struct Columns {
  int64_t column, row, count;
};
struct GateLayout {
  int64_t width, of_state;  // of a row; where the state's part begins
  Columns of_input[2];
  int inputs;

  explicit GateLayout(const RecurrentShape& s) : width(s.gates()), of_state(0), inputs(1) {
    const int64_t n = s.hidden;
    of_input[0] = {0, 0, width};
    if (s.kind != Recurrence::Gru) return;
    width = 4 * n;
    of_state = n;
    of_input[0] = {n, 0, 2 * n};
    of_input[1] = {0, 2 * n, n};
    inputs = 2;
  }
  std::span<const Columns> input_columns() const { return {of_input, static_cast<size_t>(inputs)}; }
};

// The part of a run that one thread does: some sequences, in one direction.
struct Share {
  int direction;
  int64_t first, last;
};

// How many rows the first `sequences` sequences have.
int64_t rows_of(const RecurrentShape& s, int64_t sequences) {
  int64_t rows = 0;
  for (int64_t t = 0; t < s.steps; ++t) rows += std::min(sequences, s.first_row[t + 1] - s.first_row[t]);
  return rows;
}

std::vector<Share> shares_of(const RecurrentShape& s, size_t item) {
  const int64_t multiplications = s.rows() * s.gates() * s.state(), directions = s.directions;
  int64_t parts = std::min(std::max<int64_t>(1, num_threads() / directions), multiplications / kRunGrain);
  parts = std::clamp<int64_t>(parts, 1, std::max<int64_t>(1, s.batch));
  const int64_t bytes = s.gates() * s.state() * static_cast<int64_t>(item);
  if (bytes > kSharedWeightBytes && s.batch < kManySequences * parts) parts = 1;
  std::vector<Share> shares;
  for (int direction = 0; direction < directions; ++direction) {
    int64_t first = 0;
    for (int64_t p = 1; p <= parts; ++p) {
      int64_t last = s.batch;
      if (p < parts) {  // sequences that have their share of the rows
        int64_t low = first, high = s.batch;
        while (low < high) {
          const int64_t middle = (low + high) / 2;
          if (rows_of(s, middle) * parts < s.rows() * p)
            low = middle + 1;
          else
            high = middle;
        }
        last = low;
      }
      shares.push_back({direction, first, last});
      first = last;
    }
  }
  return shares;
}

template <class Body>
void for_each_share(const RecurrentShape& s, const std::vector<Share>& shares, Body&& body) {
  const int64_t count = static_cast<int64_t>(shares.size());
  const int64_t work = s.rows() * s.gates() * s.state() * s.directions / count;
  parallel_for(0, count, kRunGrain / std::max<int64_t>(1, work) + 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(shares[static_cast<size_t>(i)]);
  });
}

// A product with a packed b; shares out its columns where the thread is alone.
template <class T>
void packed_product(const Gemm<T>& g) {
  const auto& kernel = products<T>();
  const int64_t panel = kernel.panel, panels = (g.n + panel - 1) / panel;
  parallel_for(0, panels, kProductGrain / (g.m * g.k * panel + 1) + 1, [&](int64_t first, int64_t last) {
    Gemm<T> part = g;
    part.n = std::min(g.n, last * panel) - first * panel;
    part.b += first * panel * g.k;
    part.c += first * panel;
    kernel.packed(part);
  });
}

// A matrix b, n columns of k, or its transpose, that is the right operand of a product in every step.
template <class T>
class StepWeight {
 public:
  StepWeight() = default;
  StepWeight(Arena& arena, const RecurrentShape& s, bool transposed, int64_t n, int64_t k, const void* b)
      : packed_(s.steps > kUnpackedSteps) {
    g_.trans_b = transposed;
    g_.n = n;
    g_.k = k;
    g_.b = static_cast<const T*>(b);
    g_.ldb = transposed ? k : n;
    if (!packed_) return;
    T* const to = arena.take<T>(products<T>().packed_items(n, k));
    if (to) products<T>().pack(g_, to);
    g_.b = to;
  }
  // c = a b + beta * c, for `rows` rows.
  void product(int64_t rows, const T* a, int64_t lda, T beta, T* c, int64_t ldc) const {
    Gemm<T> g = g_;
    g.m = rows;
    g.a = a;
    g.lda = lda;
    g.beta = beta;
    g.c = c;
    g.ldc = ldc;
    packed_ ? packed_product(g) : gemm(g);
  }

 private:
  // Packing costs more than it saves in so few products.
  static constexpr int64_t kUnpackedSteps = 2;
  Gemm<T> g_{};
  bool packed_ = false;
};

// One pass over the gates; shares out its rows where the thread is alone.
template <class T>
void forward_gates(Recurrence kind, const RecurrentRows<T>& all) {
  parallel_for(0, all.rows, kGateGrain / all.hidden + 1, [&](int64_t first, int64_t last) {
    RecurrentRows<T> r = all;
    r.rows = last - first;
    r.gates += first * r.gates_row;
    r.h += first * r.h_row;
    if (r.y) r.y += first * r.y_row;
    if (r.c) r.c += first * r.hidden;
    if (r.cells) r.cells += first * r.hidden;
    steps<T>().forward[static_cast<int>(kind)](r);
  });
}

template <class T>
void backward_gates(Recurrence kind, const RecurrentGradientRows<T>& all) {
  parallel_for(0, all.rows, kGateGrain / all.hidden + 1, [&](int64_t first, int64_t last) {
    RecurrentGradientRows<T> r = all;
    const auto move = [first](auto*& items, int64_t row) {
      if (items) items += first * row;
    };
    r.rows = last - first;
    move(r.kept, r.kept_row);
    move(r.h, r.h_row);
    move(r.previous_h, r.previous_row);
    move(r.cells, r.hidden);
    move(r.previous_cells, r.hidden);
    move(r.grad_y, r.grad_y_row);
    move(r.grad_h, r.grad_h_row);
    move(r.grad_c, r.hidden);
    move(r.grad_gates, r.grad_gates_row);
    move(r.unprojected, r.hidden);
    steps<T>().backward[static_cast<int>(kind)](r);
  });
}

// ---- forward

int64_t chunk_steps(const RecurrentShape& s, const GateLayout& layout, size_t item) {
  const int64_t bytes = s.batch * layout.width * static_cast<int64_t>(item);
  const int64_t chunk =
      std::max(kChunkBytes / std::max<int64_t>(1, bytes), kChunkRows / std::max<int64_t>(1, s.batch));
  return std::clamp<int64_t>(chunk, 1, std::max<int64_t>(1, s.steps));
}

template <class T>
struct ForwardRun {
  struct Direction {
    StepWeight<T> state_weight, projection;
    T *input_bias = nullptr, *gates = nullptr, *unprojected = nullptr;
  };

  const RecurrentShape& s;
  std::span<const RecurrentForward> given;
  const GateLayout layout;
  Direction directions[2] = {};
  int64_t chunk;

  ForwardRun(const RecurrentShape& shape, std::span<const RecurrentForward> operands, bool keeps,
             Arena& arena)
      : s(shape), given(operands), layout(shape), chunk(chunk_steps(shape, layout, sizeof(T))) {
    const int64_t n = s.hidden;
    for (int64_t d = 0; d < s.directions; ++d) {
      Direction& mine = directions[d];
      const RecurrentWeights w = given.empty() ? RecurrentWeights{} : given[static_cast<size_t>(d)].weights;
      mine.state_weight = StepWeight<T>(arena, s, true, s.gates(), s.state(), w.state);
      if (s.projected) mine.projection = StepWeight<T>(arena, s, true, s.projected, n, w.projection);
      if (s.projected) mine.unprojected = arena.take<T>(s.batch * n);
      if (!keeps || !s.kept()) mine.gates = arena.take<T>(chunk * s.batch * layout.width);
      mine.input_bias = arena.take<T>(s.gates());
    }
  }

  T* kept(int64_t d) const { return static_cast<T*>(given[static_cast<size_t>(d)].kept); }

  // Both biases at once, where they are but added.
  const T* input_bias(int64_t d) const {
    const RecurrentWeights& w = given[static_cast<size_t>(d)].weights;
    if (!w.input_bias) return nullptr;
    const T* const of_input = static_cast<const T*>(w.input_bias);
    const T* const of_state = static_cast<const T*>(w.state_bias);
    const int64_t added = s.kind == Recurrence::Gru ? 2 * s.hidden : s.gates();
    T* const sum = directions[d].input_bias;
    for (int64_t i = 0; i < added; ++i) sum[i] = of_input[i] + of_state[i];
    for (int64_t i = added; i < s.gates(); ++i) sum[i] = of_input[i];
    return sum;
  }

  // The input's part of the rows first .. last - 1.
  void input_product(int64_t d, int64_t first, int64_t last, T* gates) const {
    const RecurrentForward& mine = given[static_cast<size_t>(d)];
    const T* const bias = input_bias(d);
    for (const Columns& c : layout.input_columns()) {
      Gemm<T> g{};
      g.trans_b = true;
      g.m = last - first;
      g.n = c.count;
      g.k = s.input;
      g.a = static_cast<const T*>(mine.x) + first * s.input;
      g.lda = s.input;
      g.b = static_cast<const T*>(mine.weights.input) + c.row * s.input;
      g.ldb = s.input;
      g.c = gates + c.column;
      g.ldc = layout.width;
      g.bias = bias ? bias + c.row : nullptr;
      gemm(g);
    }
  }

  // `gates`: of row `first_row` and so on.
  void step(const Share& share, int64_t t, T* gates, int64_t first_row) const {
    const int64_t rows = std::min(share.last, s.first_row[t + 1] - s.first_row[t]) - share.first;
    if (rows <= 0) return;
    const RecurrentForward& mine = given[static_cast<size_t>(share.direction)];
    const Direction& own = directions[share.direction];
    const int64_t n = s.hidden, state = s.state(), row = s.first_row[t] + share.first;
    T* const here = gates + (row - first_row) * layout.width;
    T* const h = static_cast<T*>(mine.h) + share.first * state;
    T* const y = static_cast<T*>(mine.y) + row * s.directions * state;
    if (s.kind == Recurrence::Gru) {
      const T* const bias = static_cast<const T*>(mine.weights.state_bias);
      for (int64_t r = 0; r < rows; ++r) {
        T* const of_state = here + r * layout.width + 3 * n;
        if (bias)
          std::copy(bias + 2 * n, bias + 3 * n, of_state);
        else
          std::fill(of_state, of_state + n, T(0));
      }
    }
    own.state_weight.product(rows, h, state, 1, here + layout.of_state, layout.width);
    RecurrentRows<T> r{};
    r.rows = rows;
    r.hidden = n;
    r.gates = here;
    r.gates_row = layout.width;
    r.h = s.projected ? own.unprojected + share.first * n : h;
    r.h_row = n;
    r.y = s.projected ? nullptr : y;
    r.y_row = s.directions * state;
    if (mine.c) r.c = static_cast<T*>(mine.c) + share.first * n;
    if (mine.cells) r.cells = static_cast<T*>(mine.cells) + row * n;
    forward_gates(s.kind, r);
    if (!s.projected) return;
    own.projection.product(rows, r.h, n, 0, h, state);
    for (int64_t i = 0; i < rows; ++i)
      std::copy(h + i * state, h + (i + 1) * state, y + i * s.directions * state);
  }

  void run() const {
    const std::vector<Share> shares = shares_of(s, sizeof(T));
    for (int64_t first = 0; first < s.steps; first += chunk) {
      const int64_t last = std::min(s.steps, first + chunk);
      T* gates[2];
      int64_t first_row[2];
      for (int64_t d = 0; d < s.directions; ++d) {
        const int64_t from = d ? s.steps - last : first, to = d ? s.steps - first : last;
        const bool keeps = kept(d) != nullptr;
        first_row[d] = s.first_row[from];
        gates[d] = keeps ? kept(d) + first_row[d] * layout.width : directions[d].gates;
        input_product(d, first_row[d], s.first_row[to], gates[d]);
      }
      for_each_share(s, shares, [&](const Share& share) {
        const int d = share.direction;
        for (int64_t i = first; i < last; ++i) step(share, d ? s.steps - 1 - i : i, gates[d], first_row[d]);
      });
    }
  }
};

// ---- backward

template <class T>
struct BackwardRun {
  struct Direction {
    StepWeight<T> state_weight, projection;
    T* grad_gates = nullptr;      // rows x layout.width
    T* grad_projected = nullptr;  // rows x state: of what the projection gives
    T* unprojected = nullptr;     // rows x hidden: what it takes
    T* grad_unprojected = nullptr;
    T* previous = nullptr;  // rows x state: the states before the steps
  };

  const RecurrentShape& s;
  std::span<const RecurrentBackward> given;
  const GateLayout layout;
  Direction directions[2] = {};
  bool even;  // all sequences have all steps

  BackwardRun(const RecurrentShape& shape, std::span<const RecurrentBackward> operands, Arena& arena)
      : s(shape), given(operands), layout(shape), even(shape.rows() == shape.steps * shape.batch) {
    const int64_t rows = s.rows(), n = s.hidden;
    for (int64_t d = 0; d < s.directions; ++d) {
      Direction& mine = directions[d];
      const RecurrentWeights w = given.empty() ? RecurrentWeights{} : given[static_cast<size_t>(d)].weights;
      mine.state_weight = StepWeight<T>(arena, s, false, s.state(), s.gates(), w.state);
      mine.grad_gates = arena.take<T>(rows * layout.width);
      if (!even) mine.previous = arena.take<T>(rows * s.state());
      if (!s.projected) continue;
      mine.projection = StepWeight<T>(arena, s, false, n, s.projected, w.projection);
      mine.grad_projected = arena.take<T>(rows * s.state());
      mine.unprojected = arena.take<T>(rows * n);
      mine.grad_unprojected = arena.take<T>(s.batch * n);
    }
  }

  int64_t rows_at(int64_t t) const { return s.first_row[t + 1] - s.first_row[t]; }
  int64_t y_row() const { return s.directions * s.state(); }

  void step(const Share& share, int64_t t) const {
    const int64_t rows = std::min(share.last, rows_at(t)) - share.first;
    if (rows <= 0) return;
    const RecurrentBackward& mine = given[static_cast<size_t>(share.direction)];
    const Direction& own = directions[share.direction];
    const int64_t n = s.hidden, state = s.state(), row = s.first_row[t] + share.first;
    T* const grad_h = static_cast<T*>(mine.grad_h) + share.first * state;
    RecurrentGradientRows<T> r{};
    r.hidden = n;
    r.kept_row = layout.width;
    r.h_row = y_row();
    r.grad_y = static_cast<const T*>(mine.grad_y);
    if (r.grad_y) r.grad_y += row * y_row();
    r.grad_y_row = y_row();
    r.grad_h = grad_h;
    r.grad_h_row = state;
    r.grad_gates = own.grad_gates + row * layout.width;
    r.grad_gates_row = layout.width;
    if (s.projected) {
      T* const projected = own.grad_projected + row * state;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t u = 0; u < state; ++u)
          projected[i * state + u] = grad_h[i * state + u] + (r.grad_y ? r.grad_y[i * y_row() + u] : T(0));
      T* const unprojected = own.grad_unprojected + share.first * n;
      own.projection.product(rows, projected, state, 0, unprojected, n);
      r.grad_y = nullptr;
      r.grad_h = unprojected;
      r.grad_h_row = n;
      r.unprojected = own.unprojected + row * n;
    }
    // The first rows have a step before this one, the others begin here.
    const int64_t before = share.direction ? t + 1 : t - 1;
    const int64_t went_on =
        before < 0 || before == s.steps
            ? 0
            : std::clamp<int64_t>(std::min(share.last, rows_at(before)) - share.first, 0, rows);
    const int64_t previous_row = went_on ? s.first_row[before] + share.first : 0;
    const auto part = [&](int64_t first, int64_t count, const T* previous_h, int64_t previous_h_row,
                          const T* previous_cells) {
      if (count == 0) return;
      RecurrentGradientRows<T> p = r;
      p.rows = count;
      if (mine.kept) p.kept = static_cast<const T*>(mine.kept) + (row + first) * layout.width;
      p.h = static_cast<const T*>(mine.y) + (row + first) * y_row();
      p.previous_h = previous_h;
      p.previous_row = previous_h_row;
      if (mine.cells) p.cells = static_cast<const T*>(mine.cells) + (row + first) * n;
      p.previous_cells = previous_cells;
      if (p.grad_y) p.grad_y += first * y_row();
      p.grad_h += first * p.grad_h_row;
      if (mine.grad_c) p.grad_c = static_cast<T*>(mine.grad_c) + (share.first + first) * n;
      p.grad_gates += first * layout.width;
      if (p.unprojected) p.unprojected += first * n;
      backward_gates(s.kind, p);
    };
    const auto at = [](const void* items, int64_t offset) {
      return items ? static_cast<const T*>(items) + offset : nullptr;
    };
    part(0, went_on, at(mine.y, previous_row * y_row()), y_row(), at(mine.cells, previous_row * n));
    const int64_t start = share.first + went_on;
    part(went_on, rows - went_on, at(mine.h0, start * state), state, at(mine.c0, start * n));
    own.state_weight.product(rows, own.grad_gates + row * layout.width + layout.of_state, layout.width,
                             s.kind == Recurrence::Gru ? T(1) : T(0), grad_h, state);
  }

  // grad (gates `column` and so on, `count` of them) times items: one gradient of weights.
  void weight_gradient(const T* grad_gates, int64_t column, int64_t count, int64_t rows, const T* items,
                       int64_t items_row, int64_t width, T* to, bool add) const {
    Gemm<T> g{};
    g.trans_a = true;
    g.m = count;
    g.n = width;
    g.k = rows;
    g.a = grad_gates + column;
    g.lda = layout.width;
    g.b = items;
    g.ldb = items_row;
    g.beta = add ? T(1) : T(0);
    g.c = to;
    g.ldc = width;
    gemm(g);
  }

  void state_weight_gradient(int64_t d) const {
    const RecurrentBackward& mine = given[static_cast<size_t>(d)];
    const Direction& own = directions[d];
    const int64_t state = s.state(), rows = s.rows();
    T* const to = static_cast<T*>(mine.grad_state);
    const T* const y = static_cast<const T*>(mine.y);
    const T* const h0 = static_cast<const T*>(mine.h0);
    const auto gradient = [&](int64_t first, int64_t count, const T* items, int64_t items_row, bool add) {
      weight_gradient(own.grad_gates + first * layout.width, layout.of_state, s.gates(), count, items,
                      items_row, state, to, add);
    };
    if (even) {  // the states before the steps are the results, one step off
      const int64_t later = rows - s.batch;
      gradient(d ? later : 0, s.batch, h0, state, false);
      if (later > 0) gradient(d ? 0 : s.batch, later, d ? y + s.batch * y_row() : y, y_row(), true);
      return;
    }
    for (int64_t t = 0; t < s.steps; ++t) {
      const int64_t before = d ? t + 1 : t - 1, count = rows_at(t);
      const int64_t went_on = before < 0 || before == s.steps ? 0 : std::min(count, rows_at(before));
      for (int64_t i = 0; i < count; ++i) {
        const T* const from = i < went_on ? y + (s.first_row[before] + i) * y_row() : h0 + i * state;
        std::copy(from, from + state, own.previous + (s.first_row[t] + i) * state);
      }
    }
    gradient(0, rows, own.previous, state, false);
  }

  // The sums over all rows of the gates `column` and so on.
  void bias_gradient(const T* grad_gates, int64_t column, int64_t count, T* to) const {
    const T one = 1;
    Gemv<T> v{};
    v.trans = true;
    v.m = s.rows();
    v.n = count;
    v.a = grad_gates + column;
    v.lda = layout.width;
    v.x = &one;
    v.x_stride = 0;
    v.y = to;
    gemv(v);
  }

  void weight_gradients(int64_t d) const {
    const RecurrentBackward& mine = given[static_cast<size_t>(d)];
    const Direction& own = directions[d];
    const int64_t rows = s.rows();
    bool add = d > 0;
    for (const Columns& c : layout.input_columns()) {
      if (mine.grad_x) {
        Gemm<T> g{};
        g.m = rows;
        g.n = s.input;
        g.k = c.count;
        g.a = own.grad_gates + c.column;
        g.lda = layout.width;
        g.b = static_cast<const T*>(mine.weights.input) + c.row * s.input;
        g.ldb = s.input;
        g.beta = add ? T(1) : T(0);
        g.c = static_cast<T*>(mine.grad_x);
        g.ldc = s.input;
        gemm(g);
        add = true;
      }
      if (mine.grad_input)
        weight_gradient(own.grad_gates, c.column, c.count, rows, static_cast<const T*>(mine.x), s.input,
                        s.input, static_cast<T*>(mine.grad_input) + c.row * s.input, false);
      if (mine.grad_input_bias)
        bias_gradient(own.grad_gates, c.column, c.count, static_cast<T*>(mine.grad_input_bias) + c.row);
    }
    if (mine.grad_state) state_weight_gradient(d);
    if (mine.grad_state_bias) {
      T* const to = static_cast<T*>(mine.grad_state_bias);
      const T* const of_input = static_cast<const T*>(mine.grad_input_bias);
      const int64_t same = s.kind == Recurrence::Gru ? 2 * s.hidden : s.gates();
      std::copy(of_input, of_input + same, to);
      if (same < s.gates())
        bias_gradient(own.grad_gates, layout.of_state + same, s.gates() - same, to + same);
    }
    if (mine.grad_projection) {
      Gemm<T> g{};
      g.trans_a = true;
      g.m = s.projected;
      g.n = s.hidden;
      g.k = rows;
      g.a = own.grad_projected;
      g.lda = s.projected;
      g.b = own.unprojected;
      g.ldb = s.hidden;
      g.c = static_cast<T*>(mine.grad_projection);
      g.ldc = s.hidden;
      gemm(g);
    }
  }

  void run() const {
    for_each_share(s, shares_of(s, sizeof(T)), [&](const Share& share) {
      for (int64_t i = s.steps - 1; i >= 0; --i) step(share, share.direction ? s.steps - 1 - i : i);
    });
    for (int64_t d = 0; d < s.directions; ++d) weight_gradients(d);
  }
};

}  // namespace

size_t recurrent_workspace(DType dtype, const RecurrentShape& shape, bool keeps) {
  Arena arena(nullptr);
  visit_floating(dtype, "recurrent_layer", [&]<class T>() { ForwardRun<T>(shape, {}, keeps, arena); });
  return arena.taken();
}

void recurrent_layer(DType dtype, const RecurrentShape& shape, std::span<const RecurrentForward> directions,
                     void* workspace) {
  Arena arena(workspace);
  visit_floating(dtype, "recurrent_layer", [&]<class T>() {
    ForwardRun<T>(shape, directions, directions[0].kept != nullptr, arena).run();
  });
}

size_t recurrent_backward_workspace(DType dtype, const RecurrentShape& shape) {
  Arena arena(nullptr);
  visit_floating(dtype, "recurrent_layer_backward", [&]<class T>() { BackwardRun<T>(shape, {}, arena); });
  return arena.taken();
}

void recurrent_layer_backward(DType dtype, const RecurrentShape& shape,
                              std::span<const RecurrentBackward> directions, void* workspace) {
  Arena arena(workspace);
  visit_floating(dtype, "recurrent_layer_backward",
                 [&]<class T>() { BackwardRun<T>(shape, directions, arena).run(); });
}

}  // namespace flambeau::cpu
