#pragma once

// The weight gradient: an outer product of image taps and output channels, summed over output positions. For
// kernel sources only.

#include "core/cpu/convolution/correlation.h"
#include "core/cpu/lanes_transpose.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kPositionChunk =
    384;  // positions of one pass: a panel of the gradient stays in the first-level cache

// to[j][i] = from[i][j] for i < rows, j < columns, both at most kLanes; rows beyond `rows` count as zero.
template <class T>
[[gnu::always_inline]] inline void transpose_block(const T* from, int64_t from_stride, int64_t rows,
                                                   int64_t columns, T* to, int64_t to_stride) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> row[L];
  if (rows == L) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) row[i] = load(from + i * from_stride);
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) row[i] = i < rows ? load(from + i * from_stride) : Vec<T>{};
  }
  transpose_square<kLanes<T>>(row);
  if (columns == L) {
#pragma GCC unroll 16
    for (int j = 0; j < L; ++j) store(to + j * to_stride, row[j]);
  } else {
#pragma GCC unroll 16
    for (int j = 0; j < L; ++j)
      if (j < columns) store(to + j * to_stride, row[j]);
  }
}

// How the work is divided: over groups, over ranges of positions (each with its own sum), and over ranges of
// taps.
struct GradientSplit {
  int64_t position_parts, tap_parts;

  GradientSplit(int64_t groups, int64_t positions, int64_t taps, int64_t out_channels) {
    position_parts = tap_parts = 1;
    const int64_t threads = num_threads();
    if (groups >= threads || groups * positions * taps * out_channels < 2 * kMinWork) return;
    const int64_t sum_size = taps * out_channels;
    // Summing up the parts' results must stay small against computing them.
    if (positions >= 4 * kPositionChunk * threads || sum_size < kMinWork)
      position_parts = smaller(threads, larger<int64_t>(1, positions / 64));
    else
      tap_parts = smaller(threads, ceil_div(taps, 2 * kTileRows));
  }
};

template <class T>
class WeightGradient {
 public:
  // Only the image's side of `image` is used.
  WeightGradient(const Correlation<T>& image, const T* grad_output, T* grad_weight, T* grad_bias)
      : p_(image),
        grad_output_(grad_output),
        grad_weight_(grad_weight),
        grad_bias_(grad_bias),
        taps_(image.taps()),
        positions_(image.batch * image.positions()),
        sum_stride_(round_up(image.out_channels, kLanes<T>)),
        sum_size_((taps_ + 1) * sum_stride_),
        chunk_(position_chunk(image)),
        frame_(image, smaller(chunk_, image.batch * image.positions())),
        split_(image.groups, positions_, taps_, image.out_channels),
        offset_(scratch<int64_t>(kOffsetSlot, taps_)),
        sums_(scratch<T>(kSumSlot, image.groups * split_.position_parts * sum_size_)) {
    frame_.tap_offsets(image, offset_);
  }

  void run() {
    const int64_t parts = split_.position_parts * split_.tap_parts;
    const int64_t work = positions_ * taps_ * p_.out_channels / parts;
    const int64_t grain = larger<int64_t>(1, kMinWork / larger<int64_t>(1, work));
    parallel_for(0, p_.groups * parts, grain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i)
        accumulate(i / parts, i / split_.tap_parts % split_.position_parts, i % split_.tap_parts);
    });
    const int64_t blocks = ceil_div(taps_, kTapBlock);
    parallel_for(0, p_.groups * blocks, larger<int64_t>(1, (1 << 15) / (kTapBlock * p_.out_channels)),
                 [&](int64_t first, int64_t last) {
                   for (int64_t i = first; i < last; ++i) write(i / blocks, i % blocks * kTapBlock);
                 });
    if (grad_bias_) write_bias();
  }

 private:
  static constexpr int64_t L = kLanes<T>;
  static constexpr int64_t kTapBlock = 16;

  // Whole slices or rows, where they fit: parts of them would have what they share copied twice.
  static int64_t position_chunk(const Correlation<T>& p) {
    const int64_t unit = p.positions() <= kPositionChunk ? p.positions() : p.output[1];
    return unit <= kPositionChunk ? kPositionChunk / unit * unit : kPositionChunk;
  }

  // One part's sums are [tap][out_channel], followed by the bias's gradient [out_channel].
  T* sum(int64_t group, int64_t part) const {
    return sums_ + (group * split_.position_parts + part) * sum_size_;
  }

  void accumulate(int64_t group, int64_t position_part, int64_t tap_part) const {
    const int64_t first = positions_ * position_part / split_.position_parts;
    const int64_t last = positions_ * (position_part + 1) / split_.position_parts;
    const int64_t tap_share = round_up(ceil_div(taps_, split_.tap_parts), kTileRows);
    const int64_t tap_first = tap_part * tap_share, tap_last = smaller(taps_, tap_first + tap_share);
    const RowBlocks blocks(larger<int64_t>(0, tap_last - tap_first));
    T* sums = sum(group, position_part);
    T* copy = scratch<T>(kFrameSlot, frame_.copy_size());
    T* panels = scratch<T>(kPanelSlot, kPositionChunk * sum_stride_);
    int64_t* position = scratch<int64_t>(kPositionSlot, kPositionChunk);
    if (grad_bias_ && tap_part == 0)
      for (int64_t o = 0; o < sum_stride_; ++o) sums[taps_ * sum_stride_ + o] = 0;

    for (int64_t q = first; q < last; q += chunk_) {
      const Span span{q, smaller(chunk_, last - q), q / p_.positions(), q % p_.positions() / p_.output[1]};
      const T* base = frame_.prepare(p_, group, span, copy);
      fill_positions(span, position);
      for (int64_t o = 0; o < sum_stride_; o += kTileVectors * L)
        with_constant<kTileVectors>(smaller(kTileVectors, (sum_stride_ - o) / L), [&](auto vector_constant) {
          constexpr int64_t kVectors = decltype(vector_constant)::value;
          T* panel = panels + kPositionChunk * o;
          pack_gradient(group, span, o, kVectors * L, panel);
          if (grad_bias_ && tap_part == 0)
            add_columns<kVectors>(panel, span.count, sums + taps_ * sum_stride_ + o);
          for (int64_t block = 0; block < blocks.count; ++block)
            with_constant<kTileRows>(blocks.size(block), [&](auto row_constant) {
              constexpr int64_t kRows = decltype(row_constant)::value;
              const int64_t k = tap_first + blocks.first(block);
              GatheredRows<T, kRows> a;
              for (int i = 0; i < kRows; ++i) a.row[i] = base + offset_[k + i];
              a.position = position;
              const PackedColumns<T, kVectors * L> b{panel};
              multiply_tile<kRows, kVectors, T>(a, b, span.count, q > first, bias_or_zero<T>(nullptr, 0),
                                                sums + k * sum_stride_ + o, sum_stride_);
            });
        });
    }
  }

  void fill_positions(const Span& span, int64_t* position) const {
    int64_t n = span.batch, u = span.row, v = span.first % p_.output[1];
    for (int64_t i = 0; i < span.count;) {
      const int64_t source = frame_.position_offset(p_, span, n, u, v);
      const int64_t length = smaller(p_.output[1] - v, span.count - i);
      for (int64_t j = 0; j < length; ++j) position[i + j] = source + j;
      i += length;
      v = 0;
      if (++u == p_.output[0]) u = 0, ++n;
    }
  }

  // panel[position][column] = grad_output of `width` output channels from o on.
  void pack_gradient(int64_t group, const Span& span, int64_t o, int64_t width, T* panel) const {
    const int64_t plane = p_.positions();
    for (int64_t done = 0; done < span.count;) {
      const int64_t n = (span.first + done) / plane, at = (span.first + done) % plane;
      const int64_t length = smaller(plane - at, span.count - done);
      const T* from = grad_output_ + p_.out_offset(n) + group * p_.out_channels * p_.out_channel + at;
      for (int64_t j = 0; j < length; j += L)
        for (int64_t i = 0; i < width; i += L)
          transpose_block(from + (o + i) * p_.out_channel + j, p_.out_channel,
                          smaller(L, p_.out_channels - o - i), smaller(L, length - j),
                          panel + (done + j) * width + i, width);
      done += length;
    }
  }

  template <int Vectors>
  static void add_columns(const T* panel, int64_t rows, T* total) {
    Vec<T> sum[Vectors] = {};
    for (int64_t k = 0; k < rows; ++k, panel += Vectors * L)
      for (int j = 0; j < Vectors; ++j) sum[j] += load(panel + j * L);
    for (int j = 0; j < Vectors; ++j) store(total + j * L, load(total + j * L) + sum[j]);
  }

  // Adds up the parts and turns [tap][out_channel] into [out_channel][tap].
  void write(int64_t group, int64_t first) const {
    const int64_t last = smaller(taps_, first + kTapBlock);
    for (int64_t o = 0; o < p_.out_channels; ++o)
      for (int64_t k = first; k < last; ++k) {
        T total = 0;
        for (int64_t part = 0; part < split_.position_parts; ++part)
          total += sum(group, part)[k * sum_stride_ + o];
        grad_weight_[(group * p_.out_channels + o) * taps_ + k] = total;
      }
  }

  void write_bias() const {
    for (int64_t group = 0; group < p_.groups; ++group)
      for (int64_t o = 0; o < p_.out_channels; ++o) {
        T total = 0;
        for (int64_t part = 0; part < split_.position_parts; ++part)
          total += sum(group, part)[taps_ * sum_stride_ + o];
        grad_bias_[group * p_.out_channels + o] = total;
      }
  }

  const Correlation<T>& p_;
  const T* grad_output_;
  T* grad_weight_;
  T* grad_bias_;
  const int64_t taps_, positions_, sum_stride_, sum_size_;
  const int64_t chunk_;
  const Frame<T> frame_;
  const GradientSplit split_;
  int64_t* const offset_;
  T* const sums_;
};

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
