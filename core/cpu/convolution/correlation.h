#pragma once

// The correlation engine under forward and input gradient: out = weight * image as an outer product of packed
// weight rows and image positions. For kernel sources only.

#include "core/cpu/convolution/frame.h"
#include "core/cpu/lanes_transpose.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Which scratch block holds what; the first three belong to the thread that calls the operator.
enum Slot { kWeightSlot, kOffsetSlot, kSumSlot, kFrameSlot, kPanelSlot, kTileSlot, kPositionSlot };

constexpr int64_t kDepthBlock = 384;   // taps of one pass: a panel of B stays in the first-level cache
constexpr int64_t kMinWork = 1 << 16;  // multiplications worth waking another thread for
constexpr int64_t kSpanTiles = kTileVectors == 2 ? 16 : 8;  // tiles that share one pass over the weights
constexpr int64_t kChunkBlocks =
    128 / kTileRows + 1;  // row blocks whose weights stay in the second-level cache

template <class T>
T* scratch(int slot, int64_t count) {
  return static_cast<T*>(thread_scratch(slot, static_cast<size_t>(count) * sizeof(T)));
}

// Calls f(item) for every item; idle threads take the next one.
template <class F>
void parallel_items(int64_t items, int64_t work_per_item, const F& f) {
  int64_t next = 0;
  const int64_t useful = larger<int64_t>(1, smaller(items, items * work_per_item / kMinWork));
  parallel_for(0, smaller<int64_t>(useful, num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t i; (i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < items;) f(i);
  });
}

constexpr int64_t depth_block(int64_t taps) {
  const int64_t blocks = larger<int64_t>(1, ceil_div(taps, kDepthBlock));
  return larger<int64_t>(1, ceil_div(taps, blocks));
}

// One row block of packed weights, as [tap][row].
template <int64_t Rows, class T>
void pack_rows(const Correlation<T>& p, const T* from, T* to) {
  constexpr int64_t L = kLanes<T>;
  const TapWeights<T>& w = p.weights;
  int64_t k = 0;
  if (w.contiguous(p)) {
    const int64_t taps = p.taps();
    if constexpr (Rows == kTileRows && L >= Rows)
      // Each vector spills over what the next one overwrites.
      for (; k + L < taps; k += L) {
        Vec<T> block[L];
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) block[i] = load(from + smaller<int64_t>(i, Rows - 1) * w.row + k);
        transpose_square<kLanes<T>>(block);
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) store(to + (k + j) * Rows, block[j]);
      }
    for (; k < taps; ++k)
      for (int64_t i = 0; i < Rows; ++i) to[k * Rows + i] = from[i * w.row + k];
    return;
  }
  for (int64_t c = 0; c < p.channels; ++c)
    for (int64_t r = 0; r < p.kernel[0]; ++r)
      for (int64_t s = 0; s < p.kernel[1]; ++s, to += Rows) {
        const T* tap = from + w.offset(p, c) + r * w.tap[0] + s * w.tap[1];
#pragma GCC unroll 8
        for (int64_t i = 0; i < Rows; ++i) to[i] = tap[i * w.row];
      }
}

// The weights in row blocks of output channels, each as [tap][channel], one group after the other.
template <class T>
const T* pack_weights(const Correlation<T>& p) {
  const int64_t taps = p.taps();
  const RowBlocks blocks(p.out_channels);
  T* packed = scratch<T>(kWeightSlot, p.groups * p.out_channels * taps);
  parallel_for(0, p.groups * blocks.count, larger<int64_t>(1, (1 << 14) / (kTileRows * taps + 1)),
               [&](int64_t first, int64_t last) {
                 for (int64_t i = first; i < last; ++i) {
                   const int64_t group = i / blocks.count, b = i % blocks.count, m = blocks.first(b);
                   with_constant<kTileRows>(blocks.size(b), [&](auto rows) {
                     pack_rows<decltype(rows)::value>(
                         p, p.weights.first + group * p.weights.group + m * p.weights.row,
                         packed + (group * p.out_channels + m) * taps);
                   });
                 }
               });
  return packed;
}

// The bias of `rows` output channels, or zeros.
template <class T>
const T* bias_or_zero(const T* bias, int64_t m) {
  static constexpr T kZeros[kTileRows] = {};
  return bias ? bias + m : kZeros;
}

// --- Flat: B is the image itself. Output positions run on through the gaps between rows of the frame, whose
// results are dropped. Best for few output channels, which would not repay packing the image.

template <class T>
void correlate_flat(const Correlation<T>& p) {
  constexpr int64_t L = kLanes<T>;
  const int64_t taps = p.taps(), block = depth_block(taps);
  // Rows of output in one item: enough work, a result that stays in the first-level cache, an image in the
  // second.
  const int64_t strip = smaller<int64_t>(
      1024, larger<int64_t>(256, (1 << 14) / larger<int64_t>(1, p.channels * p.stride[0] * p.stride[1])));
  const int64_t rows = smaller(p.output[0], larger<int64_t>(1, strip / p.output[1]));
  const int64_t strips = ceil_div(p.output[0], rows);
  const Frame<T> frame(p, rows * p.output[1]);
  const RowBlocks blocks(p.out_channels);
  int64_t* offset = scratch<int64_t>(kOffsetSlot, taps);
  frame.tap_offsets(p, offset);
  const T* weights = pack_weights(p);
  const bool gapless = frame.width == p.output[1] && p.out_step[1] == 1 && p.out_step[0] == frame.width;
  const int64_t result_stride = round_up(rows * frame.width, L) + L;

  const int64_t items = p.batch * p.groups * strips;
  parallel_items(items, rows * p.output[1] * taps * p.out_channels, [&](int64_t item) {
    const int64_t u0 = item % strips * rows, group = item / strips % p.groups, n = item / strips / p.groups;
    const int64_t u_count = smaller(rows, p.output[0] - u0);
    const Span span{n * p.positions() + u0 * p.output[1], u_count * p.output[1], n, u0};
    const T* base = frame.prepare(p, group, span, scratch<T>(kFrameSlot, frame.copy_size()));
    base += frame.position_offset(p, span, n, u0, 0);
    const int64_t length = (u_count - 1) * frame.width + p.output[1];
    T* result = scratch<T>(kTileSlot, kTileRows * result_stride);

    for (int64_t i_block = 0; i_block < blocks.count; ++i_block) {
      const int64_t m0 = blocks.first(i_block), m_count = blocks.size(i_block);
      const T* weight = weights + (group * p.out_channels + m0) * taps;
      const T* bias = bias_or_zero(p.bias, group * p.out_channels + m0);
      T* out = p.out + p.out_offset(n) + (group * p.out_channels + m0) * p.out_channel + u0 * p.out_step[0];
      with_constant<kTileRows>(m_count, [&](auto row_constant) {
        constexpr int64_t kRows = decltype(row_constant)::value, kVectors = flat_vectors(kRows);
        for (int64_t k0 = 0; k0 == 0 || k0 < taps; k0 += block) {
          const int64_t depth = smaller(block, taps - k0);
          const PackedRows<T, kRows> a{weight + k0 * kRows};
          for (int64_t q = 0; q < length; q += kVectors * L) {
            const OffsetColumns<T> b{base + q, offset + k0};
            with_constant<kVectors>(smaller(kVectors, ceil_div(length - q, L)), [&](auto vector_constant) {
              constexpr int64_t kUsed = decltype(vector_constant)::value;
              const bool direct = gapless && q + kUsed * L <= length;
              multiply_tile<kRows, kUsed, T>(a, b, depth, k0 > 0, bias, (direct ? out : result) + q,
                                             direct ? p.out_channel : result_stride);
            });
          }
        }
        if (gapless) {
          const int64_t done = length % L == 0 ? length : length / (kVectors * L) * (kVectors * L);
          for (int i = 0; i < kRows; ++i)
            for (int64_t q = done; q < length; ++q)
              out[i * p.out_channel + q] = result[i * result_stride + q];
          return;
        }
        for (int i = 0; i < kRows; ++i)
          for (int64_t u = 0; u < u_count; ++u) {
            const T* from = result + i * result_stride + u * frame.width;
            T* to = out + i * p.out_channel + u * p.out_step[0];
            write_row(to, from, p.output[1], p.out_step[1]);
          }
      });
    }
  });
}

// --- Packed: B is copied into panels [tap][kTileColumns] of consecutive output positions, across rows and
// images.

// How one tile of positions is read and written.
template <class T>
struct TilePlan {
  static constexpr int64_t kColumns = kTileColumns<T>;
  struct Chunk {
    int64_t column, source;  // a vector's place in the panel and in the image
  };
  struct Run {
    int64_t column, length, out;  // consecutive positions of one output row
  };
  int chunks, runs;
  bool direct;  // the whole tile is one contiguous piece of every output plane
  Chunk chunk[kColumns];
  Run run[kColumns];

  void build(const Correlation<T>& p, const Frame<T>& frame, const Span& span, int64_t first, int64_t count) {
    chunks = runs = 0;
    int64_t n = first / p.positions();
    direct = count == kColumns && p.out_step[1] == 1 && p.out_step[0] == p.output[1] &&
             (first + count - 1) / p.positions() == n;
    int64_t u = first % p.positions() / p.output[1], v = first % p.output[1];
    for (int64_t column = 0; column < count;) {
      // Where the rows follow one another without gaps, on both sides, a run goes on to the end of the image.
      const bool gapless = frame.width == p.output[1] && p.out_step[1] == 1 && p.out_step[0] == p.output[1];
      const int64_t left = gapless ? p.positions() - u * p.output[1] - v : p.output[1] - v;
      const int64_t length = smaller(left, count - column);
      const int64_t source = frame.position_offset(p, span, n, u, v);
      for (int64_t i = 0; i < length; i += kLanes<T>) chunk[chunks++] = {column + i, source + i};
      run[runs++] = {column, length, p.out_offset(n) + u * p.out_step[0] + v * p.out_step[1]};
      column += length;
      v = 0;
      if (gapless || ++u == p.output[0]) u = 0, ++n;
    }
  }

  // Chunks are written in ascending order: what one spills over, the next one, or the next row, overwrites.
  void pack(const T* base, const int64_t* offset, int64_t depth, T* panel) const {
    if (chunks <= 4)
      with_constant<4>(chunks,
                       [&](auto count) { pack_chunks<decltype(count)::value>(base, offset, depth, panel); });
    else
      for (int64_t k = 0; k < depth; ++k, panel += kColumns)
        for (int c = 0; c < chunks; ++c)
          store(panel + chunk[c].column, load(base + offset[k] + chunk[c].source));
  }

  // Writes output channels [first, last) of the finished tile [m][kColumns].
  void write(const Correlation<T>& p, int64_t first, int64_t last, const T* result, T* out) const {
    for (int64_t m = first; m < last; ++m)
      for (int r = 0; r < runs; ++r) {
        const T* from = result + m * kColumns + run[r].column;
        T* to = out + m * p.out_channel + run[r].out;
        write_row(to, from, run[r].length, p.out_step[1]);
      }
  }

 private:
  template <int Count>
  void pack_chunks(const T* base, const int64_t* offset, int64_t depth, T* panel) const {
    int64_t column[Count], source[Count];
    for (int c = 0; c < Count; ++c) column[c] = chunk[c].column, source[c] = chunk[c].source;
    for (int64_t k = 0; k < depth; ++k, panel += kColumns) {
      const T* from = base + offset[k];
#pragma GCC unroll 8
      for (int c = 0; c < Count; ++c) store(panel + column[c], load(from + source[c]));
    }
  }
};

template <class T>
void correlate_packed(const Correlation<T>& p) {
  constexpr int64_t kColumns = kTileColumns<T>, kSpan = kSpanTiles * kColumns;
  const int64_t taps = p.taps(), block = depth_block(taps), total = p.batch * p.positions();
  const int64_t spans = ceil_div(total, kSpan);
  const RowBlocks blocks(p.out_channels);
  // Few positions and many channels: threads share the channels of a span.
  const int64_t shares =
      spans * p.groups >= 2 * num_threads() ? 1 : smaller<int64_t>(num_threads(), ceil_div(blocks.count, 2));
  const Frame<T> frame(p, smaller(kSpan, total));
  int64_t* offset = scratch<int64_t>(kOffsetSlot, taps);
  frame.tap_offsets(p, offset);
  const T* weights = pack_weights(p);

  parallel_items(spans * p.groups * shares, kSpan * taps * p.out_channels / shares, [&](int64_t item) {
    const int64_t first = item / (p.groups * shares) * kSpan, group = item / shares % p.groups;
    const int64_t share = item % shares;
    const int64_t block_first = blocks.count * share / shares,
                  block_end = blocks.count * (share + 1) / shares;
    // Chunks of row blocks as even as can be; a panel that only one chunk needs is not kept.
    const int64_t chunks = ceil_div(block_end - block_first, kChunkBlocks);
    const int64_t chunk_size = ceil_div(block_end - block_first, chunks);
    const int64_t panel_stride = chunks > 1 ? kTileColumns<T> * block : 0;
    const Span span{first, smaller(kSpan, total - first), first / p.positions(),
                    first % p.positions() / p.output[1]};
    const T* base = frame.prepare(p, group, span, scratch<T>(kFrameSlot, frame.copy_size()));
    const T* weight = weights + group * p.out_channels * taps;
    T* out = p.out + group * p.out_channels * p.out_channel;
    T* panels = scratch<T>(kPanelSlot, kSpan * block);
    T* results = scratch<T>(kTileSlot, kSpan * p.out_channels);

    TilePlan<T> plan[kSpanTiles];
    const int64_t tiles = ceil_div(span.count, kColumns);
    for (int64_t t = 0; t < tiles; ++t)
      plan[t].build(p, frame, span, first + t * kColumns, smaller(kColumns, span.count - t * kColumns));

    for (int64_t k0 = 0; k0 == 0 || k0 < taps; k0 += block) {
      const int64_t depth = smaller(block, taps - k0);
      for (int64_t chunk = block_first; chunk < block_end; chunk += chunk_size)
        for (int64_t t = 0; t < tiles; ++t) {
          T* panel = panels + t * panel_stride;
          if (chunk == block_first) plan[t].pack(base, offset + k0, depth, panel);
          T* c = plan[t].direct ? out + plan[t].run[0].out : results + t * kColumns * p.out_channels;
          const int64_t c_stride = plan[t].direct ? p.out_channel : kColumns;
          for (int64_t i = chunk; i < smaller(chunk + chunk_size, block_end); ++i)
            with_constant<kTileRows>(blocks.size(i), [&](auto row_constant) {
              constexpr int64_t kRows = decltype(row_constant)::value;
              const int64_t m = blocks.first(i);
              const PackedRows<T, kRows> a{weight + m * taps + k0 * kRows};
              const PackedColumns<T, kTileColumns<T>> b{panel};
              const T* bias = bias_or_zero(p.bias, group * p.out_channels + m);
              multiply_tile<kRows, kTileVectors, T>(a, b, depth, k0 > 0, bias, c + m * c_stride, c_stride);
            });
        }
    }
    for (int64_t t = 0; t < tiles; ++t)
      if (!plan[t].direct)
        plan[t].write(p, blocks.first(block_first), blocks.first(block_end),
                      results + t * kColumns * p.out_channels, out);
  });
}

// Estimated cycles per tile of output positions, fitted to measurements. Flat pays for the gaps between the
// rows, for loads across cache lines, and for copying its result out; packed pays for the copy of every tap,
// and for what the last tile has too many.
template <class T>
double flat_cost(const Correlation<T>& p) {
  const double rows = static_cast<double>(p.out_channels), width = static_cast<double>(p.output[1]);
  const double frame_width = static_cast<double>(Frame<T>(p, 1).width);
  const double positions = static_cast<double>(p.output[0] - 1) * frame_width + width;
  const double multiply = static_cast<double>(p.taps()) * rows * kTileVectors / 2.0;
  return 1.05 * multiply * positions / static_cast<double>(p.positions()) +
         (frame_width == width ? 0 : 7 * rows * kTileVectors);
}

template <class T>
double packed_cost(const Correlation<T>& p) {
  const double rows = static_cast<double>(p.out_channels), taps = static_cast<double>(p.taps());
  const bool gapless = Frame<T>(p, 1).width == p.output[1];
  const double columns = static_cast<double>(kTileColumns<T>);
  const double chunks = kTileVectors + (gapless ? 0 : columns / static_cast<double>(p.output[1]));
  const int64_t total = p.batch * p.positions();
  const double fill = static_cast<double>(total) / static_cast<double>(round_up(total, kTileColumns<T>));
  return (taps * rows * kTileVectors / 2.0 + 1.5 * taps * chunks + 6 * rows + 80) / fill;
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
