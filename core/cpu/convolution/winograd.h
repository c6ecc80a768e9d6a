#pragma once

// Winograd's minimal filtering F(2x2, 3x3) for convolutions whose stride is their dilation: 16
// multiplications where the sum has 36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2016). For kernel sources only.
//
// Every 2 x 2 block of outputs is Y = A' [(G g G') * (B' d B)] A, d being the 4 x 4 inputs it depends on, g
// the 3 x 3 weights, * elementwise; over channels, the products sum up to 16 independent matrix products. All
// factors are 1 or 1/2, so the rounding error is that of the plain sum; but a NaN or an infinity reaches all
// four outputs of the blocks whose inputs it is among.

#include "core/cpu/convolution/correlation.h"
#include "core/cpu/lanes_transpose.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kBlockSize = 2, kWindow = 4, kProducts = kWindow * kWindow;

// B' d along one axis.
template <class V>
[[gnu::always_inline]] inline void transform_input(V (&d)[kWindow]) {
  const V a = d[0] - d[2], b = d[1] + d[2], c = d[2] - d[1], e = d[1] - d[3];
  d[0] = a, d[1] = b, d[2] = c, d[3] = e;
}

// A' m along one axis.
template <class V>
[[gnu::always_inline]] inline void transform_output(const V (&m)[kWindow], V (&y)[kBlockSize]) {
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] - m[3];
}

// G g along one axis.
template <class V>
[[gnu::always_inline]] inline void transform_weight(const V (&g)[3], V (&u)[kWindow]) {
  const V outer = (g[0] + g[2]) * 0.5f, inner = g[1] * 0.5f;
  u[0] = g[0], u[1] = outer + inner, u[2] = outer - inner, u[3] = g[2];
}

// Consecutive blocks of one row of blocks, and where they stand among those of a span.
struct BlockRun {
  int64_t column, length;
  int64_t batch, row, first;
};

// The blocks of a correlation's outputs: they count along the rows, the columns, and the batch.
template <class T>
class WinogradBlocks {
 public:
  static constexpr int64_t L = kLanes<T>;
  static constexpr int64_t kMost = 128;  // blocks of one span

  explicit WinogradBlocks(const Correlation<T>& p)
      : image_(p), rows_(ceil_div(p.output[0], kBlockSize)), columns_(ceil_div(p.output[1], kBlockSize)) {
    // The image as it is seen by 4 x 4 windows that start at the blocks' first outputs.
    for (int d = 0; d < 2; ++d) {
      image_.kernel[d] = kWindow;
      image_.output[d] = kBlockSize * ceil_div(p.output[d], kBlockSize) - 1;
    }
  }

  int64_t total() const { return image_.batch * rows_ * columns_; }

  // The runs of blocks [first, first + count); returns how many.
  int runs(int64_t first, int64_t count, BlockRun* run) const {
    const int64_t blocks = rows_ * columns_;
    int64_t n = first / blocks, row = first % blocks / columns_, column = first % columns_;
    int made = 0;
    for (int64_t done = 0; done < count;) {
      const int64_t length = smaller(columns_ - column, count - done);
      run[made++] = {done, length, n, row, column};
      done += length;
      column = 0;
      if (++row == rows_) row = 0, ++n;
    }
    return made;
  }

  // The inputs of some blocks, ready to be read.
  struct Inputs {
    Correlation<T> image;
    Span span;
    Frame<T> frame;
    const T* base;
  };

  // Of blocks [first, first + count) and of channels [c0, c1), which are whole channels of the image; until
  // the thread asks for others.
  Inputs inputs(int64_t first, int64_t count, int64_t c0, int64_t c1) const {
    Correlation<T> part = image_;
    part.channels = c1 - c0;
    part.image += c0 / part.depth_taps * part.image_channel;
    const int64_t blocks = rows_ * columns_, last = first + count - 1;
    const int64_t n = first / blocks, row = kBlockSize * (first % blocks / columns_);
    const int64_t last_row = kBlockSize * (last % blocks / columns_);
    const int64_t begin = n * part.positions() + row * part.output[1];
    const int64_t end = last / blocks * part.positions() + (last_row + 1) * part.output[1];
    const Span span{begin, end - begin, n, row};
    const Frame<T> frame(part, span.count);
    return {part, span, frame, frame.prepare(part, 0, span, scratch<T>(kFrameSlot, frame.copy_size()))};
  }

  // to[product][channel][block] = B' d B of the blocks in `run`. Up to L - 1 elements behind a channel's
  // blocks are overwritten.
  static void transform(const Inputs& in, const BlockRun* run, int runs, T* to, int64_t product_step,
                        int64_t channel_step) {
    int64_t source[kMost];
    for (int i = 0; i < runs; ++i)
      source[i] = in.frame.position_offset(in.image, in.span, run[i].batch, kBlockSize * run[i].row,
                                           kBlockSize * run[i].first);
    for (int64_t c = 0; c < in.image.channels; ++c, to += channel_step) {
      const T* channel = in.base + in.frame.channel_offset(in.image, c);
      for (int i = 0; i < runs; ++i)
        for (int64_t j = 0; j < run[i].length; j += L)
          transform_blocks(channel + source[i] + kBlockSize * j, in.frame.width, to + run[i].column + j,
                           product_step);
    }
  }

 private:
  static void transform_blocks(const T* from, int64_t width, T* to, int64_t product_step) {
    Vec<T> d[kWindow][kWindow];
#pragma GCC unroll 4
    for (int r = 0; r < kWindow; ++r) {
      load_pairs(from + r * width, d[r][0], d[r][1]);
      load_pairs(from + r * width + 2, d[r][2], d[r][3]);
      transform_input(d[r]);
    }
#pragma GCC unroll 4
    for (int s = 0; s < kWindow; ++s) {
      Vec<T> column[kWindow] = {d[0][s], d[1][s], d[2][s], d[3][s]};
      transform_input(column);
#pragma GCC unroll 4
      for (int r = 0; r < kWindow; ++r) store(to + (r * kWindow + s) * product_step, column[r]);
    }
  }

  Correlation<T> image_;
  int64_t rows_, columns_;
};

// The 3 x 3 weights of kLanes rows from `from` on, one vector for each tap: row i lies at from + row[i], its
// taps one after the other, up from there or down.
template <int N, class T>
[[gnu::always_inline]] inline void load_windows(const T* from, const int64_t (&row)[N], const int64_t* tap,
                                                Vec<T, N> (&g)[9]) {
  const bool up = tap[1] == 1 && tap[0] == 3, down = tap[1] == -1 && tap[0] == -3;
  if constexpr (N == 8) {
    if (up || down) {
      const T* low = up ? from : from - 8;
      Vec<T, N> block[N], shifted[N];  // taps 0 to 7, and 1 to 8, of which the last is used alone
#pragma GCC unroll 8
      for (int i = 0; i < N; ++i) {
        block[i] = load_lanes<N>(low + row[i]);
        shifted[i] = load_lanes<N>(low + row[i] + 1);
      }
      transpose_square<N>(block);
      transpose_square<N>(shifted);
#pragma GCC unroll 9
      for (int k = 0; k < 9; ++k) {
        const int t = up ? k : 8 - k;
        g[k] = t == 8 ? shifted[7] : block[t];
      }
      return;
    }
  }
  for (int k = 0; k < 9; ++k)
    for (int i = 0; i < N; ++i) g[k][i] = from[row[i] + k / 3 * tap[0] + k % 3 * tap[1]];
}

// to[product][channel][kTileRows] = G g G' of output channels [m, m + rows), at most kTileRows, and of
// channels [c0, c1). Up to 7 elements behind a product's channels are overwritten.
template <class T>
void transform_weights(const Correlation<T>& p, int64_t m, int64_t rows, int64_t c0, int64_t c1, T* to,
                       int64_t product_step) {
  constexpr int N = smaller(kLanes<T>, 8);
  constexpr int64_t kGroups = ceil_div(kTileRows, N);
  const TapWeights<T>& w = p.weights;
  int64_t row[kGroups][N];  // rows beyond the last repeat it; nobody reads their products
  for (int64_t i = 0; i < kGroups * N; ++i) row[i / N][i % N] = (m + smaller(i, rows - 1)) * w.row;
  // What a group spills over, the next one, or the next channel, overwrites.
  for (int64_t c = c0; c < c1; ++c)
    for (int64_t group = 0; group < kGroups; ++group) {
      Vec<T, N> g[9], half[kWindow][3];
      load_windows<N>(w.first + w.offset(p, c), row[group], w.tap, g);
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) {
        const Vec<T, N> column[3] = {g[s], g[3 + s], g[6 + s]};
        Vec<T, N> u[kWindow];
        transform_weight(column, u);
#pragma GCC unroll 4
        for (int r = 0; r < kWindow; ++r) half[r][s] = u[r];
      }
      T* at = to + (c - c0) * kTileRows + group * N;
#pragma GCC unroll 4
      for (int r = 0; r < kWindow; ++r) {
        Vec<T, N> u[kWindow];
        transform_weight(half[r], u);
#pragma GCC unroll 4
        for (int s = 0; s < kWindow; ++s) store(at + (r * kWindow + s) * product_step, u[s]);
      }
    }
}

template <class T>
class Winograd {
 public:
  explicit Winograd(const Correlation<T>& p) : p_(p), blocks_(p) {}

  void run() const {
    if (few_blocks(p_, blocks_.total()))
      for (int64_t i = 0; i < blocks_.total(); i += kMost)
        run_by_rows(i, smaller(kMost, blocks_.total() - i));
    else
      run_by_blocks();
  }

  // Few blocks, or more transformed weights than a cache holds: they are made while they are needed.
  static bool few_blocks(const Correlation<T>& p, int64_t blocks) {
    constexpr int64_t kMaxWeightBytes = 8 << 20, kItem = static_cast<int64_t>(sizeof(T));
    return blocks <= 2 * kMost || kProducts * kItem * p.channels * p.out_channels > kMaxWeightBytes;
  }

 private:
  static constexpr int64_t L = kLanes<T>, kColumns = kTileColumns<T>, kMost = WinogradBlocks<T>::kMost;
  // Of a pass over the channels, whose transformed weights and inputs stay in the second-level cache.
  static constexpr int64_t kChannels = 128, kRows = 32 / kTileRows * kTileRows;

  // products[product][row][block] = the sums over channels, of one block of rows and one of columns.
  template <int64_t Vectors>
  static void multiply(const T* weight, const T* input, int64_t channel_step, int64_t channels,
                       bool accumulate, T* product, int64_t row_step) {
    const PackedRows<T, kTileRows> a{weight};
    const StridedColumns<T> b{input, channel_step};
    multiply_tile<kTileRows, Vectors, T>(a, b, channels, accumulate, bias_or_zero<T>(nullptr, 0), product,
                                         row_step);
  }

  // Many blocks: all weights are transformed first, then threads take a span of blocks each.
  void run_by_blocks() const {
    const int64_t step = p_.channels * kTileRows + 8, row_blocks = ceil_div(p_.out_channels, kTileRows);
    T* weights = scratch<T>(kSumSlot, row_blocks * kProducts * step);
    parallel_for(0, row_blocks, 1 + (1 << 12) / (kTileRows * p_.channels), [&](int64_t first, int64_t last) {
      for (int64_t b = first; b < last; ++b)
        transform_weights(p_, b * kTileRows, smaller(kTileRows, p_.out_channels - b * kTileRows), 0,
                          p_.channels, weights + b * kProducts * step, step);
    });
    const int64_t total = blocks_.total();
    const int64_t size = kColumns * smaller<int64_t>(8, ceil_div(total, 4 * num_threads() * kColumns));
    parallel_items(ceil_div(total, size), size * kProducts * p_.channels * p_.out_channels,
                   [&](int64_t item) {
                     const int64_t first = item * size, end = smaller(total, first + size);
                     const auto inputs = blocks_.inputs(first, end - first, 0, p_.channels);
                     for (int64_t t = first; t < end; t += kColumns)
                       run_columns(inputs, t, smaller(kColumns, end - t), weights, step);
                   });
  }

  void run_columns(const typename WinogradBlocks<T>::Inputs& in, int64_t first, int64_t count,
                   const T* weights, int64_t weight_step) const {
    const int64_t input_step = (p_.channels + 1) * kColumns;
    T* inputs = scratch<T>(kPanelSlot, kProducts * input_step);
    BlockRun run[kMost];
    const int runs = blocks_.runs(first, count, run);
    blocks_.transform(in, run, runs, inputs, input_step, kColumns);
    with_constant<kTileVectors>(ceil_div(count, L), [&](auto vectors) {
      constexpr int64_t kVectors = decltype(vectors)::value;
      alignas(64) T products[kProducts * kTileRows * kColumns];
      for (int64_t m = 0; m < p_.out_channels; m += kTileRows, weights += kProducts * weight_step) {
        for (int64_t x = 0; x < kProducts; ++x)
          multiply<kVectors>(weights + x * weight_step, inputs + x * input_step, kColumns, p_.channels, false,
                             products + x * kTileRows * kColumns, kColumns);
        for (int64_t i = 0; i < smaller(kTileRows, p_.out_channels - m); ++i)
          finish(m + i, products + i * kColumns, kTileRows * kColumns, count, run, runs);
      }
    });
  }

  // All blocks of one span: threads share first the channels, then the rows.
  void run_by_rows(int64_t first, int64_t count) const {
    const int64_t stride = round_up(count, L) + L;  // a vector that is spilt into; whole pages apart is slow
    const int64_t step = p_.channels * stride + L;
    T* inputs = scratch<T>(kPanelSlot, kProducts * step);
    const int64_t share = round_up(16, p_.depth_taps);
    BlockRun run[kMost];
    const int runs = blocks_.runs(first, count, run);
    parallel_items(ceil_div(p_.channels, share), share * kProducts * count, [&](int64_t item) {
      const int64_t c = item * share;
      blocks_.transform(blocks_.inputs(first, count, c, smaller(p_.channels, c + share)), run, runs,
                        inputs + c * stride, step, stride);
    });
    parallel_items(ceil_div(p_.out_channels, kRows), kRows * kProducts * p_.channels * count,
                   [&](int64_t item) {
                     run_rows(item * kRows, smaller(kRows, p_.out_channels - item * kRows), inputs, step,
                              stride, count, run, runs);
                   });
  }

  void run_rows(int64_t m, int64_t rows, const T* inputs, int64_t input_step, int64_t stride, int64_t count,
                const BlockRun* run, int runs) const {
    const int64_t vectors = ceil_div(count, L), groups = ceil_div(vectors, kTileVectors);
    const int64_t row_blocks = ceil_div(rows, kTileRows), row_step = vectors * L;
    const int64_t product_step = row_blocks * kTileRows * row_step;
    const int64_t weight_step = smaller(kChannels, p_.channels) * kTileRows + 8;
    T* weights = scratch<T>(kPositionSlot, row_blocks * kProducts * weight_step);
    T* products = scratch<T>(kTileSlot, kProducts * product_step);
    for (int64_t c = 0; c < p_.channels; c += kChannels) {
      const int64_t channels = smaller(kChannels, p_.channels - c);
      for (int64_t b = 0; b < row_blocks; ++b)
        transform_weights(p_, m + b * kTileRows, smaller(kTileRows, rows - b * kTileRows), c, c + channels,
                          weights + b * kProducts * weight_step, weight_step);
      for (int64_t x = 0; x < kProducts; ++x)
        for (int64_t g = 0; g < groups; ++g) {
          const int64_t v = vectors * g / groups;
          const T* input = inputs + x * input_step + c * stride + v * L;
          with_constant<kTileVectors>(vectors * (g + 1) / groups - v, [&](auto size) {
            for (int64_t b = 0; b < row_blocks; ++b)
              multiply<decltype(size)::value>(
                  weights + (b * kProducts + x) * weight_step, input, stride, channels, c > 0,
                  products + x * product_step + b * kTileRows * row_step + v * L, row_step);
          });
        }
    }
    for (int64_t i = 0; i < rows; ++i) finish(m + i, products + i * row_step, product_step, count, run, runs);
  }

  // From the products of one output channel to its outputs.
  void finish(int64_t m, const T* products, int64_t product_step, int64_t count, const BlockRun* run,
              int runs) const {
    constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
    alignas(64) T rows[kBlockSize][kBlockSize * (kMost + L)];
    const Vec<T> bias = broadcast(p_.bias ? p_.bias[m] : T(0));
    for (int64_t v = 0; v < count; v += L) {
      Vec<T> half[kBlockSize][kWindow];
#pragma GCC unroll 4
      for (int s = 0; s < kWindow; ++s) {
        const T* at = products + s * product_step + v;
        const Vec<T> column[kWindow] = {load(at), load(at + kWindow * product_step),
                                        load(at + 2 * kWindow * product_step),
                                        load(at + 3 * kWindow * product_step)};
        Vec<T> y[kBlockSize];
        transform_output(column, y);
        half[0][s] = y[0], half[1][s] = y[1];
      }
#pragma GCC unroll 2
      for (int r = 0; r < kBlockSize; ++r) {
        Vec<T> y[kBlockSize];
        transform_output(half[r], y);
        store(&rows[r][2 * v], interleave_low(y[0] + bias, y[1] + bias, lanes));
        store(&rows[r][2 * v + L], interleave_high(y[0] + bias, y[1] + bias, lanes));
      }
    }
    T* out = p_.out + m * p_.out_channel;
    for (int i = 0; i < runs; ++i) {
      const int64_t v = kBlockSize * run[i].first, u = kBlockSize * run[i].row;
      const int64_t length = smaller(kBlockSize * run[i].length, p_.output[1] - v);
      T* to = out + p_.out_offset(run[i].batch) + u * p_.out_step[0] + v * p_.out_step[1];
      write_row(to, rows[0] + kBlockSize * run[i].column, length, p_.out_step[1]);
      if (u + 1 < p_.output[0])
        write_row(to + p_.out_step[0], rows[1] + kBlockSize * run[i].column, length, p_.out_step[1]);
    }
  }

  const Correlation<T> p_;
  const WinogradBlocks<T> blocks_;
};

// Worth it where the multiplications saved outweigh the transforms: many channels on both sides, maps that
// are not mostly rounding up to whole blocks, and blocks enough to fill a vector.
template <class T>
bool winograd_is_cheaper(const Correlation<T>& p) {
  if (p.groups != 1 || p.channels < 32 || p.out_channels < 16) return false;
  for (int d = 0; d < 2; ++d)
    if (p.kernel[d] != 3 || p.stride[d] != p.dilation[d]) return false;
  const int64_t blocks = ceil_div(p.output[0], kBlockSize) * ceil_div(p.output[1], kBlockSize);
  return p.batch * blocks >= 16 && 3 * kProducts * blocks < 2 * 9 * p.positions();
}
// The part of a dilated correlation of stride 1 whose outputs begin at (a, b) and lie one dilation apart.
// They see every dilation-th element of the image alone: a correlation without gaps.
template <class T>
Correlation<T> undilated_part(const Correlation<T>& p, int64_t a, int64_t b) {
  Correlation<T> part = p;
  const int64_t first[2] = {a, b};
  for (int d = 0; d < 2; ++d) {
    part.stride[d] = p.dilation[d];
    part.padding[d] = p.padding[d] - first[d];
    part.output[d] = ceil_div(p.output[d] - first[d], p.dilation[d]);
    part.out_step[d] = p.out_step[d] * p.dilation[d];
    part.out += first[d] * p.out_step[d];
  }
  return part;
}

template <class T>
bool winograd_of_parts_is_cheaper(const Correlation<T>& p) {
  if (p.stride[0] != 1 || p.stride[1] != 1) return false;
  constexpr int64_t kMinWidth = 12;  // shorter rows of blocks leave most of a tile's vectors empty
  if (p.output[0] < p.dilation[0] || p.output[1] < kMinWidth * p.dilation[1]) return false;
  return winograd_is_cheaper(undilated_part(p, p.dilation[0] - 1, p.dilation[1] - 1));
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
