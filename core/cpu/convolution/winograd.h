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
template <class T>
[[gnu::always_inline]] inline void transform_weight(const T (&g)[3], T (&u)[kWindow]) {
  const T outer = (g[0] + g[2]) * T(0.5), inner = g[1] * T(0.5);
  u[0] = g[0], u[1] = outer + inner, u[2] = outer - inner, u[3] = g[2];
}

template <class T>
class Winograd {
 public:
  explicit Winograd(const Correlation<T>& p)
      : p_(p),
        image_(window_image(p)),
        tile_rows_(ceil_div(p.output[0], kBlockSize)),
        tile_columns_(ceil_div(p.output[1], kBlockSize)),
        total_(p.batch * tile_rows_ * tile_columns_),
        span_(span_size(total_)),
        frame_(image_, kBlockSize * (ceil_div(span_, tile_columns_) + 1) * image_.output[1]),
        blocks_(p.out_channels) {}

  void run() {
    transform_weights();
    const int64_t spans = ceil_div(total_, span_);
    parallel_items(spans, span_ * kProducts * p_.channels * p_.out_channels,
                   [&](int64_t i) { run_span(i * span_, smaller(span_, total_ - i * span_)); });
  }

 private:
  static constexpr int64_t L = kLanes<T>, kColumns = kTileColumns<T>;

  struct Chunk {
    int64_t column, source;  // a vector of blocks, and the first of its inputs
  };
  struct Run {
    int64_t column, length;  // consecutive blocks of one row of blocks
    int64_t batch, row, first;
  };
  struct Plan {
    int chunks = 0, runs = 0;
    Chunk chunk[kColumns];
    Run run[kColumns];
  };

  // The image as it is seen by 4 x 4 windows that start at the blocks' first outputs.
  static Correlation<T> window_image(const Correlation<T>& p) {
    Correlation<T> image = p;
    for (int d = 0; d < 2; ++d) {
      image.kernel[d] = kWindow;
      image.output[d] = kBlockSize * ceil_div(p.output[d], kBlockSize) - 1;
    }
    return image;
  }

  static int64_t span_size(int64_t total) {
    const int64_t wanted = ceil_div(total, 4 * num_threads() * kColumns);
    return kColumns * smaller<int64_t>(8, wanted);
  }

  // U = G g G' of every pair of channels, as [row block][product][channel][row].
  void transform_weights() {
    T* transformed = scratch<T>(kSumSlot, kProducts * p_.out_channels * p_.channels);
    weight_ = transformed;
    parallel_for(0, blocks_.count, 1 + (1 << 12) / (kTileRows * p_.channels),
                 [&](int64_t first, int64_t last) {
                   for (int64_t b = first; b < last; ++b)
                     with_constant<kTileRows>(blocks_.size(b), [&](auto rows) {
                       transform_block<decltype(rows)::value>(
                           p_.weight + blocks_.first(b) * p_.taps(),
                           transformed + blocks_.first(b) * kProducts * p_.channels);
                     });
                 });
  }

  template <int64_t Rows>
  void transform_block(const T* packed, T* transformed) const {
    for (int64_t c = 0; c < p_.channels; ++c, packed += 9 * Rows)
      for (int64_t i = 0; i < Rows; ++i) {
        T half[kWindow][3];
        for (int s = 0; s < 3; ++s) {
          const T g[3] = {packed[s * Rows + i], packed[(3 + s) * Rows + i], packed[(6 + s) * Rows + i]};
          T u[kWindow];
          transform_weight(g, u);
          for (int r = 0; r < kWindow; ++r) half[r][s] = u[r];
        }
        for (int r = 0; r < kWindow; ++r) {
          T u[kWindow];
          transform_weight(half[r], u);
          for (int s = 0; s < kWindow; ++s)
            transformed[((r * kWindow + s) * p_.channels + c) * Rows + i] = u[s];
        }
      }
  }

  void run_span(int64_t first, int64_t count) const {
    const int64_t blocks = tile_rows_ * tile_columns_;
    const int64_t n = first / blocks, row = first % blocks / tile_columns_;
    const int64_t last = first + count - 1;
    const int64_t begin = n * image_.positions() + kBlockSize * row * image_.output[1];
    const int64_t end = last / blocks * image_.positions() +
                        kBlockSize * (last % blocks / tile_columns_) * image_.output[1] + image_.output[1];
    const Span span{begin, end - begin, n, kBlockSize * row};
    const T* base = frame_.prepare(image_, 0, span, scratch<T>(kFrameSlot, frame_.copy_size()));
    T* inputs = scratch<T>(kPanelSlot, kProducts * input_stride());
    for (int64_t t = first; t <= last; t += kColumns) {
      const Plan plan = make_plan(span, t, smaller(kColumns, last + 1 - t));
      transform_inputs(plan, base, inputs);
      for (int64_t b = 0; b < blocks_.count; ++b)
        with_constant<kTileRows>(blocks_.size(b), [&](auto rows) {
          multiply_block<decltype(rows)::value>(blocks_.first(b), plan, inputs);
        });
    }
  }

  Plan make_plan(const Span& span, int64_t first, int64_t count) const {
    Plan plan;
    const int64_t blocks = tile_rows_ * tile_columns_;
    int64_t n = first / blocks, row = first % blocks / tile_columns_, column = first % tile_columns_;
    for (int64_t done = 0; done < count;) {
      const int64_t length = smaller(tile_columns_ - column, count - done);
      const int64_t source = frame_.position_offset(image_, span, n, kBlockSize * row, kBlockSize * column);
      for (int64_t i = 0; i < length; i += L) plan.chunk[plan.chunks++] = {done + i, source + kBlockSize * i};
      plan.run[plan.runs++] = {done, length, n, row, column};
      done += length;
      column = 0;
      if (++row == tile_rows_) row = 0, ++n;
    }
    return plan;
  }

  // Of one product, with a row to spill into.
  int64_t input_stride() const { return (p_.channels + 1) * kColumns; }

  // inputs[product][channel][block] = B' d B. Chunks are written in ascending order, as when packing.
  void transform_inputs(const Plan& plan, const T* base, T* inputs) const {
    for (int64_t c = 0; c < p_.channels; ++c)
      for (int i = 0; i < plan.chunks; ++i) {
        const T* from = base + frame_.channel_offset(p_, c) + plan.chunk[i].source;
        T* to = inputs + c * kColumns + plan.chunk[i].column;
        Vec<T> d[kWindow][kWindow];
#pragma GCC unroll 4
        for (int r = 0; r < kWindow; ++r) {
          load_pairs(from + r * frame_.width, d[r][0], d[r][1]);
          load_pairs(from + r * frame_.width + 2, d[r][2], d[r][3]);
          transform_input(d[r]);
        }
#pragma GCC unroll 4
        for (int s = 0; s < kWindow; ++s) {
          Vec<T> column[kWindow] = {d[0][s], d[1][s], d[2][s], d[3][s]};
          transform_input(column);
#pragma GCC unroll 4
          for (int r = 0; r < kWindow; ++r) store(to + (r * kWindow + s) * input_stride(), column[r]);
        }
      }
  }

  // The 16 products of one block of output channels, and their way back to outputs.
  template <int64_t Rows>
  void multiply_block(int64_t m, const Plan& plan, const T* inputs) const {
    alignas(64) T products[kProducts][Rows][kColumns];
    const T* weight = weight_ + m * kProducts * p_.channels;
    for (int64_t x = 0; x < kProducts; ++x) {
      const PackedRows<T, Rows> a{weight + x * p_.channels * Rows};
      const PackedColumns<T, kTileColumns<T>> b{inputs + x * input_stride()};
      multiply_tile<Rows, kTileVectors, T>(a, b, p_.channels, false, bias_or_zero<T>(nullptr, 0),
                                           products[x][0], kColumns);
    }
    for (int64_t i = 0; i < Rows; ++i) {
      alignas(64) T rows[kBlockSize][kBlockSize * kColumns];
      const Vec<T> bias = broadcast(p_.bias ? p_.bias[m + i] : T(0));
      for (int64_t v = 0; v < kColumns; v += L) {
        Vec<T> half[kBlockSize][kWindow];
#pragma GCC unroll 4
        for (int s = 0; s < kWindow; ++s) {
          const Vec<T> column[kWindow] = {load(&products[s][i][v]), load(&products[kWindow + s][i][v]),
                                          load(&products[2 * kWindow + s][i][v]),
                                          load(&products[3 * kWindow + s][i][v])};
          Vec<T> y[kBlockSize];
          transform_output(column, y);
          half[0][s] = y[0], half[1][s] = y[1];
        }
#pragma GCC unroll 2
        for (int r = 0; r < kBlockSize; ++r) {
          constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
          Vec<T> y[kBlockSize];
          transform_output(half[r], y);
          store(&rows[r][2 * v], interleave_low(y[0] + bias, y[1] + bias, lanes));
          store(&rows[r][2 * v + L], interleave_high(y[0] + bias, y[1] + bias, lanes));
        }
      }
      write(plan, rows[0], rows[1], p_.out + (m + i) * p_.out_channel);
    }
  }

  void write(const Plan& plan, const T* upper, const T* lower, T* out) const {
    for (int i = 0; i < plan.runs; ++i) {
      const Run& run = plan.run[i];
      const int64_t v = kBlockSize * run.first, u = kBlockSize * run.row;
      const int64_t length = smaller(kBlockSize * run.length, p_.output[1] - v);
      T* to = out + p_.out_offset(run.batch) + u * p_.out_step[0] + v * p_.out_step[1];
      write_row(to, upper + kBlockSize * run.column, length, p_.out_step[1]);
      if (u + 1 < p_.output[0])
        write_row(to + p_.out_step[0], lower + kBlockSize * run.column, length, p_.out_step[1]);
    }
  }

  const Correlation<T> p_;
  const Correlation<T> image_;
  const int64_t tile_rows_, tile_columns_, total_;  // 2 x 2 blocks of outputs
  const int64_t span_;                              // blocks of one work item
  const Frame<T> frame_;
  const RowBlocks blocks_;
  const T* weight_ = nullptr;
};

// Worth it where the multiplications saved outweigh the transforms: many channels on both sides (yet so few
// that the transformed weights, read once for every tile of blocks, stay in a cache), maps that are not
// mostly rounding up to whole blocks, and positions enough to repay the transform of the weights.
template <class T>
bool winograd_is_cheaper(const Correlation<T>& p) {
  constexpr int64_t kMaxWeightBytes = 8 << 20, kItem = static_cast<int64_t>(sizeof(T));
  if (p.groups != 1 || p.channels < 32 || p.out_channels < 16) return false;
  if (kProducts * kItem * p.channels * p.out_channels > kMaxWeightBytes) return false;
  for (int d = 0; d < 2; ++d)
    if (p.kernel[d] != 3 || p.stride[d] != p.dilation[d]) return false;
  const int64_t blocks = ceil_div(p.output[0], kBlockSize) * ceil_div(p.output[1], kBlockSize);
  return p.batch * blocks >= 64 && 3 * kProducts * blocks < 2 * 9 * p.positions();
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
