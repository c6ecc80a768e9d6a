#pragma once

// A correlation with vectors along the output channels: weights are packed in columns, and the image is read
// where it lies, an element at a time. Best for maps that fill no tile of positions, which need no panels
// this way. For kernel sources only.

#include "core/cpu/convolution/correlation.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Positions of one tile. One vector's sums need more of them to hide the latency of a multiplication.
template <int64_t Vectors>
constexpr int64_t kTilePositions = Vectors == 1                  ? 10
                                   : kAccumulators / Vectors < 8 ? kAccumulators / Vectors
                                                                 : 8;

template <class T>
class ByChannels {
 public:
  explicit ByChannels(const Correlation<T>& p)
      : p_(p),
        taps_(p.taps()),
        vectors_(ceil_div(p.out_channels, L)),
        panels_(ceil_div(vectors_, kTileVectors)),
        span_(span_size(p)),
        spans_(ceil_div(p.batch * p.positions(), span_)),
        frame_(p, span_),
        offset_(scratch<int64_t>(kOffsetSlot, taps_)),
        weights_(scratch<T>(kWeightSlot, p.groups * vectors_ * L * taps_)) {
    frame_.tap_offsets(p, offset_);
  }

  void run() const {
    parallel_items(p_.groups * vectors_, taps_ * L, [&](int64_t i) { pack(i / vectors_, i % vectors_); });
    // Few spans: threads share the channels. Each of them makes its own copy of the image.
    const int64_t shares = smaller(panels_, ceil_div(2 * num_threads(), spans_ * p_.groups));
    parallel_items(spans_ * p_.groups * shares, span_ * taps_ * p_.out_channels / shares, [&](int64_t item) {
      const int64_t share = item % shares, group = item / shares % p_.groups;
      run_span(item / shares / p_.groups, group, panels_ * share / shares, panels_ * (share + 1) / shares);
    });
  }

  // Whole output rows lie one after the other, and a span holds one of them.
  static bool possible(const Correlation<T>& p) {
    return p.out_step[1] == 1 && p.out_step[0] == p.output[1] && p.output[1] <= kMaxSpan &&
           (p.groups == 1 || p.out_channels > L);
  }

  // As flat_cost.
  static double cost(const Correlation<T>& p) {
    const auto padded = static_cast<double>(round_up(p.out_channels, L)),
               taps = static_cast<double>(p.taps());
    // A lone vector of channels is bound by its loads, and taps of one channel alone lie pages apart.
    const double slower = (p.out_channels <= L ? 1.15 : 1.0) * (p.kernel[0] * p.kernel[1] == 1 ? 1.1 : 1.0);
    return slower * taps * padded * kTileVectors / 2.0 + 25 * padded + 100;
  }

 private:
  static constexpr int64_t L = kLanes<T>, kMaxSpan = 256;

  // Whole images, where they are small.
  static int64_t span_size(const Correlation<T>& p) {
    const int64_t positions = p.positions();
    return positions <= kMaxSpan ? positions * larger<int64_t>(1, kMaxSpan / 2 / positions)
                                 : larger<int64_t>(1, kMaxSpan / p.output[1]) * p.output[1];
  }

  int64_t first_vector(int64_t panel) const { return vectors_ * panel / panels_; }

  // The panel of one group: [tap][vector of channels].
  T* panel(int64_t group, int64_t i) const {
    return weights_ + (group * vectors_ + first_vector(i)) * L * taps_;
  }

  void pack(int64_t group, int64_t vector) const {
    int64_t i = 0;
    while (first_vector(i + 1) <= vector) ++i;
    const int64_t first = first_vector(i), step = (first_vector(i + 1) - first) * L;
    const TapWeights<T>& w = p_.weights;
    const int64_t valid = smaller(L, p_.out_channels - vector * L);
    T* to = panel(group, i) + (vector - first) * L;
    const T* from = w.first + group * w.group + vector * L * w.row;
    int64_t k = 0;
    if (w.contiguous(p_)) {
      for (; k + L <= taps_; k += L) {
        Vec<T> block[L];
#pragma GCC unroll 16
        for (int64_t m = 0; m < L; ++m) block[m] = load(from + smaller(m, valid - 1) * w.row + k);
        transpose_square<kLanes<T>>(block);
#pragma GCC unroll 16
        for (int64_t j = 0; j < L; ++j) store(to + (k + j) * step, block[j]);
      }
      for (; k < taps_; ++k)
        for (int64_t m = 0; m < L; ++m) to[k * step + m] = from[smaller(m, valid - 1) * w.row + k];
      return;
    }
    for (int64_t c = 0; c < p_.channels; ++c)
      for (int64_t r = 0; r < p_.kernel[0]; ++r)
        for (int64_t s = 0; s < p_.kernel[1]; ++s, to += step) {
          const T* tap = from + w.offset(p_, c) + r * w.tap[0] + s * w.tap[1];
          if (w.row == 1 && valid == L)
            store(to, load(tap));
          else
            for (int64_t m = 0; m < L; ++m) to[m] = tap[smaller(m, valid - 1) * w.row];
        }
  }

  void run_span(int64_t index, int64_t group, int64_t panel_first, int64_t panel_end) const {
    const int64_t plane = p_.positions(), total = p_.batch * plane, first = index * span_;
    const Span span{first, smaller(span_, total - first), first / plane, first % plane / p_.output[1]};
    const T* base = frame_.prepare(p_, group, span, scratch<T>(kFrameSlot, frame_.copy_size()));
    int64_t position[kMaxSpan + 1];
    int64_t n = span.batch, u = span.row, v = 0;
    for (int64_t i = 0; i < span.count; ++i) {
      position[i] = frame_.position_offset(p_, span, n, u, v);
      if (++v == p_.output[1]) {
        v = 0;
        if (++u == p_.output[0]) u = 0, ++n;
      }
    }
    T* sums = scratch<T>(kTileSlot, kTileVectors * L * (kMaxSpan + L));
    for (int64_t i = panel_first; i < panel_end; ++i) {
      const T* weights = panel(group, i);
      with_constant<kTileVectors>(first_vector(i + 1) - first_vector(i), [&](auto vectors) {
        multiply<decltype(vectors)::value>(base, position, span.count, weights, sums);
        for (int64_t j = 0; j < decltype(vectors)::value; ++j)
          write(span, group, (first_vector(i) + j) * L, sums + j * L, decltype(vectors)::value * L);
      });
    }
  }

  template <int64_t Vectors>
  void multiply(const T* base, const int64_t* position, int64_t count, const T* weights, T* sums) const {
    constexpr int64_t kMost = kTilePositions<Vectors>;
    const int64_t block = depth_block(taps_), tiles = ceil_div(count, kMost);
    for (int64_t k0 = 0; k0 == 0 || k0 < taps_; k0 += block)
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t first = count * t / tiles;
        with_constant<kMost>(count * (t + 1) / tiles - first, [&](auto size) {
          constexpr int64_t kSize = decltype(size)::value;
          static constexpr T kZeros[kSize] = {};
          GatheredRows<T, kSize> a;
          for (int i = 0; i < kSize; ++i) a.row[i] = base + position[first + i];
          a.position = offset_ + k0;
          const PackedColumns<T, Vectors * L> b{weights + k0 * Vectors * L};
          multiply_tile<kSize, Vectors, T>(a, b, smaller(block, taps_ - k0), k0 > 0, kZeros,
                                           sums + first * Vectors * L, Vectors * L);
        });
      }
  }

  // Writes output channels [m, m + L) of a span; sums are [position][channel].
  void write(const Span& span, int64_t group, int64_t m, const T* sums, int64_t step) const {
    const int64_t plane = p_.positions(), channels = smaller(L, p_.out_channels - m);
    Vec<T> bias{};
    for (int64_t i = 0; p_.bias && i < channels; ++i) bias[i] = p_.bias[group * p_.out_channels + m + i];
    for (int64_t done = 0; done < span.count;) {
      const int64_t at = (span.first + done) % plane, n = (span.first + done) / plane;
      const int64_t length = smaller(plane - at, span.count - done);
      T* out = p_.out + p_.out_offset(n) + (group * p_.out_channels + m) * p_.out_channel + at;
      for (int64_t i = 0; i < length; i += L) {
        const int64_t first = length < L ? 0 : smaller(i, length - L);
        Vec<T> row[L];
#pragma GCC unroll 16
        for (int64_t j = 0; j < L; ++j) row[j] = load(sums + (done + first + j) * step) + bias;
        transpose_square<kLanes<T>>(row);
        if (length >= L && channels == L) {
#pragma GCC unroll 16
          for (int64_t j = 0; j < L; ++j) store(out + j * p_.out_channel + first, row[j]);
        } else {
          alignas(64) T spilt[L * L];
#pragma GCC unroll 16
          for (int64_t j = 0; j < L; ++j) store(spilt + j * L, row[j]);
          for (int64_t j = 0; j < channels; ++j)
            copy_row(out + j * p_.out_channel + first, spilt + j * L, smaller(L, length));
        }
      }
      done += length;
    }
  }

  const Correlation<T>& p_;
  const int64_t taps_, vectors_, panels_, span_, spans_;
  const Frame<T> frame_;
  int64_t* const offset_;
  T* const weights_;
};

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
