// The kernels of matrix products. A kernel source: compiled once per instruction set.
//
// Two ways to compute a tile of c. *Outer*: rows of b, in registers across the columns of c, times single
// elements of a (Goto and van de Geijn, 2008). *Dot*: vectors along k of rows of a and rows of transposed b,
// folded at the end; it wastes nothing where c is narrow and needs no packing where both matrices lie along
// k.
#include "core/cpu/lanes.h"
#include "core/cpu/lanes_transpose.h"
#include "core/cpu/linalg/gemm.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// ---- outer products

#if defined(__AVX512F__)
constexpr int kTileRows = 8, kTileVectors = 3;
#else
constexpr int kTileRows = 6, kTileVectors = 2;
#endif
template <class T>
constexpr int kPanel = kTileVectors * kLanes<T>;  // columns of a tile
constexpr int64_t kDepth = 320;  // rows of b worked on at a time: a panel of them fits the first-level cache
constexpr int64_t kBlockRows = 96;  // rows of packed a: kDepth x kBlockRows fits the second-level cache
constexpr int64_t kBlockColumns = 2048;
constexpr int kScratchB = 6, kScratchA = 7;

// What becomes of a tile: c = alpha * product + beta * c + bias.
template <class T>
struct Epilogue {
  T alpha, beta;
  const T* bias;
};

template <class T>
[[gnu::always_inline]] inline T finish(const Epilogue<T>& e, T product, const T* c, int64_t column) {
  T value = e.alpha * product;
  if (e.beta != 0) value += e.beta * *c;
  return e.bias ? value + e.bias[column] : value;
}

// One operand as seen along its two axes.
template <class T>
struct Operand {
  const T* data;
  int64_t row, column;
  const T* at(int64_t i, int64_t j) const { return data + i * row + j * column; }
};

// a: element (row i, k) at a[i * a_row + k * a_k]; b: row k at b + k * b_row; columns < kVectors * lanes of c
// are written.
template <class T, int kRows, int kVectors>
void outer_tile(const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_row, int64_t depth, T* c,
                int64_t ldc, int64_t columns, const Epilogue<T>& e) {
  constexpr int kL = kLanes<T>;
  Vec<T> sums[kRows][kVectors] = {};
  const auto add_row = [&](Vec<T>(&to)[kRows][kVectors]) __attribute__((always_inline)) {
    Vec<T> row[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) row[v] = load(b + v * kL);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> item = broadcast(a[i * a_row]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) to[i][v] += item * row[v];
    }
    a += a_k;
    b += b_row;
  };
  int64_t k = 0;
  // A small tile waits for its own sums; several of each keep the multipliers busy.
  constexpr int kParts = kRows * kVectors >= 8 ? 1 : kRows * kVectors >= 4 ? 2 : 4;
  if constexpr (kParts > 1) {
    Vec<T> more[kParts - 1][kRows][kVectors] = {};
    for (; k + kParts <= depth; k += kParts) {
      add_row(sums);
#pragma GCC unroll 8
      for (int p = 0; p + 1 < kParts; ++p) add_row(more[p]);
    }
#pragma GCC unroll 8
    for (int p = 0; p + 1 < kParts; ++p)
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sums[i][v] += more[p][i][v];
  }
  for (; k < depth; ++k) add_row(sums);
  if (columns == kVectors * kL) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      T* const to = c + i * ldc;
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        Vec<T> value = sums[i][v] * e.alpha;
        if (e.beta != 0) value += load(to + v * kL) * e.beta;
        if (e.bias) value += load(e.bias + v * kL);
        store(to + v * kL, value);
      }
    }
    return;
  }
  alignas(kVectorBytes) T tile[kRows][kVectors * kL];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) store(&tile[i][v * kL], sums[i][v]);
  for (int i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < columns; ++j) c[i * ldc + j] = finish(e, tile[i][j], c + i * ldc + j, j);
}

template <class T>
using OuterTile = void (*)(const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_row, int64_t depth,
                           T* c, int64_t ldc, int64_t columns, const Epilogue<T>& e);

template <class T, int kVectors>
OuterTile<T> outer_tile_of(int64_t rows) {
  switch (rows) {
    case 1:
      return outer_tile<T, 1, kVectors>;
    case 2:
      return outer_tile<T, 2, kVectors>;
    case 3:
      return outer_tile<T, 3, kVectors>;
    case 4:
      return outer_tile<T, 4, kVectors>;
    case 5:
      return outer_tile<T, 5, kVectors>;
    case 7:
      return outer_tile < T, kTileRows < 7 ? 6 : 7, kVectors > ;
    case 6:
      return outer_tile<T, 6, kVectors>;
    default:
      return outer_tile<T, kTileRows, kVectors>;
  }
}
template <class T>
OuterTile<T> outer_tile_of(int64_t rows, int64_t vectors) {
  if (vectors == kTileVectors) return outer_tile_of<T, kTileVectors>(rows);
  if (vectors == 1) return outer_tile_of<T, 1>(rows);
  return outer_tile_of < T, kTileVectors<3 ? 1 : 2>(rows);
}

// to[j * to_row + i] = from[i * from_row + j] for i < rows <= to_row, j < columns. May write other numbers
// beyond the `rows` items of a row of `to`, and as many as a vector holds past its end.
template <class T>
void transpose_panel(const T* from, int64_t from_row, int64_t rows, int64_t columns, T* to, int64_t to_row) {
  constexpr int kL = kLanes<T>;
  const int64_t whole = columns / kL * kL;
  // The last rows first: what they write too much, the first rows put right.
  for (int64_t i = (rows - 1) / kL * kL; i >= 0; i -= kL) {
    const int64_t last = smaller<int64_t>(kL, rows - i) - 1;
    for (int64_t j = 0; j < whole; j += kL) {
      Vec<T> block[kL];
#pragma GCC unroll 64
      for (int r = 0; r < kL; ++r) block[r] = load(from + (i + smaller<int64_t>(r, last)) * from_row + j);
      transpose_square<kL>(block);
#pragma GCC unroll 64
      for (int r = 0; r < kL; ++r) store(to + (j + r) * to_row + i, block[r]);
    }
  }
  for (int64_t j = whole; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) to[j * to_row + i] = from[i * from_row + j];
}

// Panel of b: [depth][kPanel], columns beyond the matrix 0.
template <class T>
void pack_panel(const Operand<T>& b, int64_t k, int64_t depth, int64_t column, int64_t columns, T* to) {
  constexpr int64_t kP = kPanel<T>;
  if (b.column == 1) {
    const T* from = b.at(k, column);
    if (columns == kP) {
      for (int64_t i = 0; i < depth; ++i, from += b.row, to += kP)
        for (int v = 0; v < kTileVectors; ++v) store(to + v * kLanes<T>, load(from + v * kLanes<T>));
      return;
    }
    for (int64_t i = 0; i < depth; ++i, from += b.row, to += kP) {
      for (int64_t j = 0; j < columns; ++j) to[j] = from[j];
      for (int64_t j = columns; j < kP; ++j) to[j] = 0;
    }
    return;
  }
  transpose_panel(b.at(k, column), b.column, columns, depth, to, kP);
  if (columns < kP)
    for (int64_t i = 0; i < depth; ++i)
      for (int64_t j = columns; j < kP; ++j) to[i * kP + j] = 0;
}

// Rows of a as [depth][kTileRows] tiles; rows beyond the matrix are not read.
template <class T>
void pack_rows(const Operand<T>& a, int64_t row, int64_t rows, int64_t k, int64_t depth, T* to) {
  for (int64_t i = 0; i < rows; i += kTileRows, to += depth * kTileRows) {
    const int64_t count = smaller<int64_t>(kTileRows, rows - i);
    if (a.row == 1) {
      for (int64_t j = 0; j < depth; ++j) {
        const T* from = a.at(row + i, k + j);
        for (int64_t l = 0; l < count; ++l) to[j * kTileRows + l] = from[l];
      }
    } else {
      transpose_panel(a.at(row + i, k), a.row, count, depth, to, kTileRows);
    }
  }
}

template <class T>
void outer_gemm(const Gemm<T>& g, const Operand<T>& a, const Operand<T>& b) {
  constexpr int64_t kP = kPanel<T>;
  // Each panel of b serves all rows: worth packing if there are several tiles of them, or if it must be
  // transposed.
  const int64_t tiles = (g.m + kTileRows - 1) / kTileRows;
  const bool pack_b = b.column != 1 || tiles > 2;
  const bool pack_a = tiles > 2 && g.n > 8 * kP && (a.column != 1 || g.n > 16 * kP);
  const int64_t step_rows = pack_a ? kBlockRows : g.m;
  const int64_t depth_blocks = (g.k + kDepth - 1) / kDepth,
                depth_step = (g.k + depth_blocks - 1) / depth_blocks;
  for (int64_t jc = 0; jc < g.n; jc += kBlockColumns) {
    const int64_t block = smaller(kBlockColumns, g.n - jc), panels = (block + kP - 1) / kP;
    for (int64_t k = 0; k < g.k; k += depth_step) {
      const int64_t depth = smaller(depth_step, g.k - k);
      const bool last = k + depth == g.k;
      const Epilogue<T> epilogue{g.alpha, k == 0 ? g.beta : T(1), last ? g.bias : nullptr};
      T* const packed_b = static_cast<T*>(
          thread_scratch(kScratchB, static_cast<size_t>(panels * depth * kP + kP) * sizeof(T)));
      for (int64_t p = 0; p < panels; ++p) {
        const int64_t column = jc + p * kP, columns = smaller(kP, g.n - column);
        if (pack_b || columns % kLanes<T>)
          pack_panel(b, k, depth, column, columns, packed_b + p * depth * kP);
      }
      T* const packed_a =
          pack_a ? static_cast<T*>(thread_scratch(
                       kScratchA, static_cast<size_t>((kBlockRows + kTileRows) * depth + kP) * sizeof(T)))
                 : nullptr;
      for (int64_t ic = 0; ic < g.m; ic += step_rows) {
        const int64_t rows = smaller(step_rows, g.m - ic);
        // Tiles of nearly equal height.
        const int64_t row_tiles = (rows + kTileRows - 1) / kTileRows;
        const int64_t height = pack_a ? kTileRows : (rows + row_tiles - 1) / row_tiles;
        if (pack_a) pack_rows(a, ic, rows, k, depth, packed_a);
        for (int64_t p = 0; p < panels; ++p) {
          const int64_t column = jc + p * kP, columns = smaller(kP, g.n - column);
          const int64_t vectors = (columns + kLanes<T> - 1) / kLanes<T>;
          const bool packed = pack_b || columns % kLanes<T>;
          const T* const panel = packed ? packed_b + p * depth * kP : b.at(k, column);
          const int64_t panel_row = packed ? kP : b.row;
          Epilogue<T> e = epilogue;
          if (e.bias) e.bias += column;
          for (int64_t i = 0; i < rows; i += height) {
            const int64_t count = smaller(height, rows - i);
            T* const c = g.c + (ic + i) * g.ldc + column;
            if (pack_a)
              outer_tile_of<T>(count, vectors)(packed_a + i * depth, 1, kTileRows, panel, panel_row, depth, c,
                                               g.ldc, columns, e);
            else
              outer_tile_of<T>(count, vectors)(a.at(ic + i, k), a.row, a.column, panel, panel_row, depth, c,
                                               g.ldc, columns, e);
          }
        }
      }
    }
  }
}

// ---- products with a packed b

template <class T>
int64_t packed_items(int64_t n, int64_t k) {
  constexpr int64_t kP = kPanel<T>;
  return (n + kP - 1) / kP * kP * k + kP;
}

template <class T>
void pack(const Gemm<T>& g, T* to) {
  const Operand<T> b = g.trans_b ? Operand<T>{g.b, 1, g.ldb} : Operand<T>{g.b, g.ldb, 1};
  constexpr int64_t kP = kPanel<T>;
  for (int64_t column = 0; column < g.n; column += kP)
    pack_panel(b, 0, g.k, column, smaller(kP, g.n - column), to + column * g.k);
}

template <class T>
void packed_gemm(const Gemm<T>& g) {
  constexpr int64_t kP = kPanel<T>;
  const int64_t tiles = (g.m + kTileRows - 1) / kTileRows, height = (g.m + tiles - 1) / tiles;
  // A panel that serves one tile only need not stay in the first-level cache.
  const int64_t depth_blocks = tiles > 1 ? (g.k + kDepth - 1) / kDepth : 1,
                depth_step = (g.k + depth_blocks - 1) / depth_blocks;
  for (int64_t column = 0; column < g.n; column += kP) {
    const int64_t columns = smaller(kP, g.n - column);
    const int64_t vectors = (columns + kLanes<T> - 1) / kLanes<T>;
    const T* const panel = g.b + column * g.k;
    for (int64_t k = 0; k < g.k; k += depth_step) {
      const int64_t depth = smaller(depth_step, g.k - k);
      const T* const bias = g.bias && k + depth == g.k ? g.bias + column : nullptr;
      const Epilogue<T> epilogue{g.alpha, k == 0 ? g.beta : T(1), bias};
      for (int64_t i = 0; i < g.m; i += height)
        outer_tile_of<T>(smaller(height, g.m - i), vectors)(g.a + i * g.lda + k, g.lda, 1, panel + k * kP, kP,
                                                            depth, g.c + i * g.ldc + column, g.ldc, columns,
                                                            epilogue);
    }
  }
}

// ---- dot products

template <class V, int... kIndex>
[[gnu::always_inline]] inline auto fold_half(V v, std::integer_sequence<int, kIndex...>) {
  constexpr int kHalf = sizeof...(kIndex);
  return __builtin_shufflevector(v, v, kIndex...) + __builtin_shufflevector(v, v, (kIndex + kHalf)...);
}
template <int kTo, class T, int N>
[[gnu::always_inline]] inline Vec<T, kTo> fold_to(Vec<T, N> v) {
  if constexpr (N == kTo)
    return v;
  else
    return fold_to<kTo, T, N / 2>(fold_half(v, std::make_integer_sequence<int, N / 2>{}));
}
template <class T, int N>
[[gnu::always_inline]] inline T sum_lanes(Vec<T, N> v) {
  const Vec<T, 2> pair = fold_to<2, T, N>(v);
  return pair[0] + pair[1];
}

constexpr int kDotRows = 3, kDotColumns = 4;

// kRows x kColumns dot products of length k >= N, N lanes at a time.
template <class T, int N, int kRows, int kColumns>
void dot_tile(const T* a, int64_t lda, const T* b, int64_t ldb, int64_t k, T* c, int64_t ldc,
              const Epilogue<T>& e) {
  Vec<T, N> sums[kRows][kColumns] = {};
  const auto step = [&](int64_t at, auto only) __attribute__((always_inline)) {
    Vec<T, N> columns[kColumns];
#pragma GCC unroll 8
    for (int j = 0; j < kColumns; ++j) columns[j] = only(load_lanes<N>(b + j * ldb + at));
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vec<T, N> row = only(load_lanes<N>(a + i * lda + at));
#pragma GCC unroll 8
      for (int j = 0; j < kColumns; ++j) sums[i][j] += row * columns[j];
    }
  };
  int64_t at = 0;
  for (; at + N <= k; at += N) step(at, [](Vec<T, N> v) __attribute__((always_inline)) { return v; });
  if (at < k) {
    // The last, overlapping vector, without the lanes already counted.
    Vec<MaskItem<T>, N> lane;
    for (int l = 0; l < N; ++l) lane[l] = static_cast<MaskItem<T>>(l);
    const Vec<MaskItem<T>, N> fresh = lane >= static_cast<MaskItem<T>>(N - (k - at));
    step(k - N, [fresh](Vec<T, N> v) __attribute__((always_inline)) { return fresh ? v : Vec<T, N>{}; });
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    if constexpr (kColumns == 4 && N >= 4) {
      Vec<T, 4> quarters[4];
#pragma GCC unroll 8
      for (int j = 0; j < 4; ++j) quarters[j] = fold_to<4, T, N>(sums[i][j]);
      transpose_square<4>(quarters);
      T* const to = c + i * ldc;
      Vec<T, 4> value = ((quarters[0] + quarters[1]) + (quarters[2] + quarters[3])) * e.alpha;
      if (e.beta != 0) value += load_lanes<4>(to) * e.beta;
      if (e.bias) value += load_lanes<4>(e.bias);
      store(to, value);
    } else {
#pragma GCC unroll 8
      for (int j = 0; j < kColumns; ++j)
        c[i * ldc + j] = finish(e, sum_lanes<T, N>(sums[i][j]), c + i * ldc + j, j);
    }
  }
}

template <class T, int N, int kRows>
void dot_row_tiles(const T* a, int64_t lda, const T* b, int64_t ldb, int64_t n, int64_t k, T* c, int64_t ldc,
                   Epilogue<T> e) {
  int64_t j = 0;
  const T* const bias = e.bias;
  for (; j + kDotColumns <= n; j += kDotColumns) {
    if (bias) e.bias = bias + j;
    dot_tile<T, N, kRows, kDotColumns>(a, lda, b + j * ldb, ldb, k, c + j, ldc, e);
  }
  for (; j < n; ++j) {
    if (bias) e.bias = bias + j;
    dot_tile<T, N, kRows, 1>(a, lda, b + j * ldb, ldb, k, c + j, ldc, e);
  }
}

template <class T, int N>
void dot_gemm(const Gemm<T>& g, const T* a, int64_t lda, const T* b, int64_t ldb) {
  const Epilogue<T> e{g.alpha, g.beta, g.bias};
  int64_t i = 0;
  for (; i + kDotRows <= g.m; i += kDotRows)
    dot_row_tiles<T, N, kDotRows>(a + i * lda, lda, b, ldb, g.n, g.k, g.c + i * g.ldc, g.ldc, e);
  for (; i < g.m; ++i) dot_row_tiles<T, N, 1>(a + i * lda, lda, b, ldb, g.n, g.k, g.c + i * g.ldc, g.ldc, e);
}

template <class T>
void plain_gemm(const Gemm<T>& g, const Operand<T>& a, const Operand<T>& b) {
  const Epilogue<T> e{g.alpha, g.beta, g.bias};
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) {
      T sum = 0;
      for (int64_t k = 0; k < g.k; ++k) sum += *a.at(i, k) * *b.at(k, j);
      g.c[i * g.ldc + j] = finish(e, sum, g.c + i * g.ldc + j, j);
    }
}

// ---- the choice

// Rough costs in cycles: what a transposed or copied item costs, and what folding a vector of partial sums
// does.
constexpr double kTransposeCost = 0.5, kCopyCost = 0.15, kFoldCost = 3;

template <class T>
void gemm(const Gemm<T>& g) {
  const Operand<T> a = g.trans_a ? Operand<T>{g.a, 1, g.lda} : Operand<T>{g.a, g.lda, 1};
  const Operand<T> b = g.trans_b ? Operand<T>{g.b, 1, g.ldb} : Operand<T>{g.b, g.ldb, 1};
  constexpr int kL = kLanes<T>;
  if (g.m * g.n * g.k <= 64) return plain_gemm(g, a, b);
  if (g.k < (kL > 4 ? 4 : kL)) return outer_gemm(g, a, b);
  const double m = static_cast<double>(g.m), n = static_cast<double>(g.n), k = static_cast<double>(g.k);
  const double a_cost = g.trans_a ? m * k * kTransposeCost : 0,
               b_cost = g.trans_b ? 0 : n * k * kTransposeCost;
  const double vectors_k = static_cast<double>((g.k + kL - 1) / kL),
               vectors_n = static_cast<double>((g.n + kL - 1) / kL);
  const double dot_cost = m * n * (vectors_k * 0.6 + kFoldCost) + a_cost + b_cost;
  const double outer_cost = m * vectors_n * k * 0.5 + n * k *
                                                          (g.trans_b           ? kTransposeCost
                                                           : m > 2 * kTileRows ? kCopyCost
                                                                               : 0);
  if (dot_cost > outer_cost) return outer_gemm(g, a, b);
  const T* rows_a = g.a;
  const T* rows_b = g.b;
  int64_t lda = g.lda, ldb = g.ldb;
  if (g.trans_a) {
    T* const to = static_cast<T*>(thread_scratch(kScratchA, static_cast<size_t>(g.m * g.k) * sizeof(T)));
    transpose_copy(g.a, g.lda, g.k, g.m, to, g.k);
    rows_a = to;
    lda = g.k;
  }
  if (!g.trans_b) {
    T* const to = static_cast<T*>(thread_scratch(kScratchB, static_cast<size_t>(g.n * g.k) * sizeof(T)));
    transpose_copy(g.b, g.ldb, g.k, g.n, to, g.k);
    rows_b = to;
    ldb = g.k;
  }
  if (g.k >= kL) return dot_gemm<T, kL>(g, rows_a, lda, rows_b, ldb);
  if constexpr (kL > 4)
    if (g.k >= kL / 2) return dot_gemm<T, kL / 2>(g, rows_a, lda, rows_b, ldb);
  if constexpr (kL > 8) return dot_gemm<T, kL / 4>(g, rows_a, lda, rows_b, ldb);
}

// Rows of a times x: dot products. Columns: sums of rows, several at a time so that y is read and written
// less often.
template <class T>
void gemv(const Gemv<T>& g) {
  const Epilogue<T> e{g.alpha, g.beta, nullptr};
  if (!g.trans) {
    constexpr int kL = kLanes<T>;
    const T* x = g.x;
    if (g.x_stride != 1) {
      T* const dense = static_cast<T*>(thread_scratch(kScratchB, static_cast<size_t>(g.n) * sizeof(T)));
      for (int64_t i = 0; i < g.n; ++i) dense[i] = x[i * g.x_stride];
      x = dense;
    }
    if (g.n < kL) {
      for (int64_t i = 0; i < g.m; ++i) {
        T sum = 0;
        for (int64_t j = 0; j < g.n; ++j) sum += g.a[i * g.lda + j] * x[j];
        T* const y = g.y + i * g.y_stride;
        *y = finish(e, sum, y, 0);
      }
      return;
    }
    int64_t i = 0;
    for (; i + 4 <= g.m; i += 4)
      dot_tile<T, kL, 4, 1>(g.a + i * g.lda, g.lda, x, 0, g.n, g.y + i * g.y_stride, g.y_stride, e);
    for (; i < g.m; ++i)
      dot_tile<T, kL, 1, 1>(g.a + i * g.lda, g.lda, x, 0, g.n, g.y + i * g.y_stride, g.y_stride, e);
    return;
  }
  constexpr int64_t kWidth = 1024, kRows = 8;
  alignas(64) T sums[kWidth];
  for (int64_t first = 0; first < g.n; first += kWidth) {
    const int64_t width = smaller(kWidth, g.n - first);
    for (int64_t j = 0; j < width; ++j) sums[j] = 0;
    int64_t i = 0;
    for (; i + kRows <= g.m; i += kRows) {
      const T* const a = g.a + i * g.lda + first;
      T x[kRows];
      for (int r = 0; r < kRows; ++r) x[r] = g.x[(i + r) * g.x_stride];
      for (int64_t j = 0; j < width; ++j) {
        const T low =
            (x[0] * a[j] + x[1] * a[j + g.lda]) + (x[2] * a[j + 2 * g.lda] + x[3] * a[j + 3 * g.lda]);
        const T high = (x[4] * a[j + 4 * g.lda] + x[5] * a[j + 5 * g.lda]) +
                       (x[6] * a[j + 6 * g.lda] + x[7] * a[j + 7 * g.lda]);
        sums[j] += low + high;
      }
    }
    for (; i < g.m; ++i) {
      const T x = g.x[i * g.x_stride];
      for (int64_t j = 0; j < width; ++j) sums[j] += x * g.a[i * g.lda + first + j];
    }
    for (int64_t j = 0; j < width; ++j) {
      T* const y = g.y + (first + j) * g.y_stride;
      *y = finish(e, sums[j], y, 0);
    }
  }
}

// Products in T, sums of blocks in double.
template <class T>
T dot(int64_t n, const T* x, int64_t x_stride, const T* y, int64_t y_stride) {
  constexpr int kL = kLanes<T>;
  constexpr int64_t kBlock = 64 * kL;
  double total = 0;
  if (x_stride != 1 || y_stride != 1) {
    for (int64_t i = 0; i < n; ++i)
      total += static_cast<double>(x[i * x_stride]) * static_cast<double>(y[i * y_stride]);
    return static_cast<T>(total);
  }
  for (; n >= 4 * kL;) {
    const int64_t block = smaller(n, kBlock) / (4 * kL) * (4 * kL);
    Vec<T> s0{}, s1{}, s2{}, s3{};
    for (int64_t i = 0; i < block; i += 4 * kL) {
      s0 += load(x + i) * load(y + i);
      s1 += load(x + i + kL) * load(y + i + kL);
      s2 += load(x + i + 2 * kL) * load(y + i + 2 * kL);
      s3 += load(x + i + 3 * kL) * load(y + i + 3 * kL);
    }
    total += static_cast<double>(sum_lanes<T, kL>((s0 + s1) + (s2 + s3)));
    x += block;
    y += block;
    n -= block;
  }
  for (int64_t i = 0; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return static_cast<T>(total);
}

// ---- integers

template <class>
struct UnsignedOf {
  using type = uint32_t;
};
template <>
struct UnsignedOf<int64_t> {
  using type = uint64_t;
};

// GCC 12 takes the register that its own gather instruction starts from for one of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// A row of c at a time: rows of b times elements of a, in unsigned arithmetic, which wraps.
template <class T>
void integer_gemm(const IntegerGemm& g) {
  using U = typename UnsignedOf<T>::type;
  constexpr int64_t kWidth = 512;
  U sums[kWidth] = {};
  for (int64_t p = 0; p < g.batch; ++p) {
    const T* const a = static_cast<const T*>(g.a) + p * g.a_step;
    const T* const b = static_cast<const T*>(g.b) + p * g.b_step;
    T* const c = static_cast<T*>(g.c) + p * g.c_step;
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t first = 0; first < g.n; first += kWidth) {
        const int64_t width = smaller(kWidth, g.n - first);
        for (int64_t j = 0; j < width; ++j) sums[j] = 0;
        for (int64_t k = 0; k < g.k; ++k) {
          const U item = static_cast<U>(a[i * g.a_row + k * g.a_column]);
          const T* const row = b + k * g.b_row + first * g.b_column;
          if (g.b_column == 1)
            for (int64_t j = 0; j < width; ++j) sums[j] += item * static_cast<U>(row[j]);
          else
            for (int64_t j = 0; j < width; ++j) sums[j] += item * static_cast<U>(row[j * g.b_column]);
        }
        for (int64_t j = 0; j < width; ++j) {
          T* const to = c + i * g.c_row + (first + j) * g.c_column;
          U value = static_cast<U>(g.alpha) * sums[j];
          if (g.beta != 0) value += static_cast<U>(g.beta) * static_cast<U>(*to);
          *to = static_cast<T>(value);
        }
      }
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace

void fill(GemmKernels& kernels) {
  kernels = {};
  kernels.f32 = {gemm<float>, gemv<float>,        dot<float>,   packed_items<float>,
                 pack<float>, packed_gemm<float>, kPanel<float>};
  kernels.f64 = {gemm<double>, gemv<double>,        dot<double>,   packed_items<double>,
                 pack<double>, packed_gemm<double>, kPanel<double>};
  kernels.integer[static_cast<int>(DType::UInt8)] = integer_gemm<uint8_t>;
  kernels.integer[static_cast<int>(DType::Int8)] = integer_gemm<int8_t>;
  kernels.integer[static_cast<int>(DType::Int16)] = integer_gemm<int16_t>;
  kernels.integer[static_cast<int>(DType::Int32)] = integer_gemm<int32_t>;
  kernels.integer[static_cast<int>(DType::Int64)] = integer_gemm<int64_t>;
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
