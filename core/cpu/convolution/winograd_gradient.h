#pragma once

// The weight gradient by Winograd's minimal filtering, the adjoint of winograd.h in the weights: G' [sum over
// blocks of (B' d B) * (A y A')] G, y being the 2 x 2 output gradients of a block. For kernel sources only.

#include "core/cpu/convolution/weight_gradient.h"
#include "core/cpu/convolution/winograd.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// A y along one axis.
template <class V>
[[gnu::always_inline]] inline void spread_output(V a, V b, V (&m)[kWindow]) {
  m[0] = a, m[1] = a + b, m[2] = a - b, m[3] = -b;
}

// G' u along one axis.
template <class V>
[[gnu::always_inline]] inline void gather_weight(const V (&u)[kWindow], V (&g)[3]) {
  const V outer = (u[1] + u[2]) * 0.5f;
  g[0] = u[0] + outer, g[1] = (u[1] - u[2]) * 0.5f, g[2] = outer + u[3];
}

template <class T>
class WinogradGradient {
 public:
  // Only the image's side of `p` is used, and where its outputs lie, in grad_output.
  WinogradGradient(const Correlation<T>& p, const T* grad_output, T* grad_weight)
      : p_(p),
        blocks_(p),
        grad_output_(grad_output),
        grad_weight_(grad_weight),
        total_(blocks_.total()),
        span_(smaller(total_, span_size(p))),
        spans_(ceil_div(total_, span_)),
        vectors_(ceil_div(p.out_channels, L)),
        column_blocks_(ceil_div(vectors_, kTileVectors)),
        row_blocks_(p.channels),
        parts_(spans_ < 2 * num_threads() || sums_size() > kMaxSums ? 1 : num_threads()) {}

  void run() const {
    T* sums = spans_ == 1 ? nullptr : scratch<T>(kSumSlot, parts_ * sums_size());
    parallel_for(0, parts_, 1, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part)
        for (int64_t i = spans_ * part / parts_; i < spans_ * (part + 1) / parts_; ++i)
          add_span(i, i == spans_ * part / parts_, sums ? sums + part * sums_size() : nullptr);
    });
    if (!sums) return;
    parallel_items(row_blocks_.count * column_blocks_, kProducts * kTileRows * kColumns * (parts_ + 4),
                   [&](int64_t item) {
                     T* sum = sums + item * kSumSize;
                     for (int64_t part = 1; part < parts_; ++part)
                       for (int64_t i = 0; i < kSumSize; i += L)
                         store(sum + i, load(sum + i) + load(sum + part * sums_size() + i));
                     finish(item, sum);
                   });
  }

 private:
  static constexpr int64_t L = kLanes<T>, kColumns = kTileColumns<T>;
  // The sums of a block of rows (channels) and one of columns (output channels).
  static constexpr int64_t kSumSize = kProducts * kTileRows * kColumns;
  static constexpr int64_t kMaxSums = (4 << 20) / sizeof(T);

  // Blocks of one span: its transformed inputs and gradients stay in the second-level cache.
  static int64_t span_size(const Correlation<T>& p) {
    return p.channels + p.out_channels > 2 * 96 ? WinogradBlocks<T>::kMost : WinogradBlocks<T>::kMost / 2;
  }

  int64_t sums_size() const { return row_blocks_.count * column_blocks_ * kSumSize; }
  int64_t first_vector(int64_t column_block) const { return vectors_ * column_block / column_blocks_; }

  // Adds what one span contributes to `sums`, or writes it as the result if there are none.
  void add_span(int64_t span, bool fresh, T* sums) const {
    const int64_t first = span * span_, count = smaller(span_, total_ - first);
    const int64_t row_step = round_up(count, L) + L, input_step = p_.channels * row_step + L;
    const int64_t block_step = vectors_ * L + L, grad_step = count * block_step + L;
    T* inputs = scratch<T>(kPanelSlot, kProducts * input_step);
    T* grads = scratch<T>(kTileSlot, kProducts * grad_step);
    BlockRun run[WinogradBlocks<T>::kMost];
    const int runs = blocks_.runs(first, count, run);
    const int64_t share = round_up(16, p_.depth_taps), shares = ceil_div(p_.channels, share);
    parallel_items(shares + vectors_, 2 * kProducts * L * count, [&](int64_t item) {
      if (item >= shares) return spread((item - shares) * L, run, runs, grads, grad_step, block_step);
      const int64_t c = item * share;
      blocks_.transform(blocks_.inputs(first, count, c, smaller(p_.channels, c + share)), run, runs,
                        inputs + c * row_step, input_step, row_step);
    });
    // Row blocks change fastest: the gradients of one block of columns stay near.
    parallel_items(row_blocks_.count * column_blocks_, kSumSize * count, [&](int64_t item) {
      const int64_t c = row_blocks_.first(item % row_blocks_.count),
                    rows = row_blocks_.size(item % row_blocks_.count);
      const int64_t column_block = item / row_blocks_.count, v = first_vector(column_block);
      alignas(64) T local[kSumSize];
      T* sum = sums ? sums + item * kSumSize : local;
      with_constant<kTileVectors>(first_vector(column_block + 1) - v, [&](auto size) {
        constexpr int64_t kVectors = decltype(size)::value;
        with_constant<kTileRows>(rows, [&](auto row_count) {
          constexpr int64_t kRows = decltype(row_count)::value;
          for (int64_t x = 0; x < kProducts; ++x) {
            const StridedRows<T> a{inputs + x * input_step + c * row_step, row_step};
            const StridedColumns<T> b{grads + x * grad_step + v * L, block_step};
            multiply_tile<kRows, kVectors, T>(a, b, count, !fresh, bias_or_zero<T>(nullptr, 0),
                                              sum + x * kTileRows * kColumns, kColumns);
          }
        });
      });
      if (!sums) finish(item, local);
    });
  }

  // grads[product][block][channel] = A y A' of output channels [m, m + L).
  void spread(int64_t m, const BlockRun* run, int runs, T* grads, int64_t grad_step,
              int64_t block_step) const {
    const int64_t rows = smaller(L, p_.out_channels - m);
    for (int r = 0; r < runs; ++r) {
      const int64_t u = kBlockSize * run[r].row;
      const T* from = grad_output_ + p_.out_offset(run[r].batch) + m * p_.out_channel + u * p_.output[1];
      for (int64_t j = 0; j < run[r].length; j += L / 2) {
        const int64_t v = kBlockSize * (run[r].first + j), width = smaller(L, p_.output[1] - v);
        alignas(64) T y[kBlockSize][L * L];  // [row][column][channel]
        for (int64_t i = 0; i < kBlockSize; ++i) {
          const int64_t columns = u + i < p_.output[0] ? width : 0;
          if (columns > 0)
            transpose_block(from + i * p_.output[1] + v, p_.out_channel, rows, columns, y[i], L);
          for (int64_t k = columns; k < round_up(width, kBlockSize); ++k) store(y[i] + k * L, Vec<T>{});
        }
        for (int64_t b = 0; b < smaller(L / 2, run[r].length - j); ++b)
          spread_block(y[0] + 2 * b * L, y[1] + 2 * b * L, grads + (run[r].column + j + b) * block_step + m,
                       grad_step);
      }
    }
  }

  static void spread_block(const T* upper, const T* lower, T* to, int64_t grad_step) {
    Vec<T> left[kWindow], right[kWindow];
    spread_output(load(upper), load(lower), left);
    spread_output(load(upper + L), load(lower + L), right);
#pragma GCC unroll 4
    for (int r = 0; r < kWindow; ++r) {
      Vec<T> m[kWindow];
      spread_output(left[r], right[r], m);
#pragma GCC unroll 4
      for (int s = 0; s < kWindow; ++s) store(to + (r * kWindow + s) * grad_step, m[s]);
    }
  }

  // From the sums of products to the gradients of weights.
  void finish(int64_t item, const T* sum) const {
    const int64_t c = row_blocks_.first(item % row_blocks_.count),
                  rows = row_blocks_.size(item % row_blocks_.count);
    const int64_t column_block = item / row_blocks_.count, taps = 9 * rows;
    for (int64_t v = first_vector(column_block); v < first_vector(column_block + 1); ++v) {
      alignas(64) T windows[9 * kTileRows * L];  // [channel][tap][output channel]
      for (int64_t i = 0; i < rows; ++i)
        gather_windows(sum + i * kColumns + (v - first_vector(column_block)) * L, windows + 9 * i * L);
      const int64_t columns = smaller(L, p_.out_channels - v * L);
      T* to = grad_weight_ + v * L * p_.taps() + c * 9;
      if (taps >= L)
        for (int64_t k = 0; k < taps; k += L) {
          const int64_t first = smaller(k, taps - L);
          transpose_block(windows + first * L, L, L, columns, to + first, p_.taps());
        }
      else
        for (int64_t o = 0; o < columns; ++o)
          for (int64_t k = 0; k < taps; ++k) to[o * p_.taps() + k] = windows[k * L + o];
    }
  }

  static void gather_windows(const T* sum, T* window) {
    Vec<T> half[3][kWindow];
#pragma GCC unroll 4
    for (int s = 0; s < kWindow; ++s) {
      Vec<T> u[kWindow], g[3];
#pragma GCC unroll 4
      for (int r = 0; r < kWindow; ++r) u[r] = load(sum + (r * kWindow + s) * kTileRows * kColumns);
      gather_weight(u, g);
      half[0][s] = g[0], half[1][s] = g[1], half[2][s] = g[2];
    }
#pragma GCC unroll 3
    for (int r = 0; r < 3; ++r) {
      Vec<T> g[3];
      gather_weight(half[r], g);
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) store(window + (3 * r + s) * L, g[s]);
    }
  }

  const Correlation<T> p_;
  const WinogradBlocks<T> blocks_;
  const T* grad_output_;
  T* grad_weight_;
  const int64_t total_, span_, spans_, vectors_, column_blocks_;
  const RowBlocks row_blocks_;
  const int64_t parts_;
};

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
