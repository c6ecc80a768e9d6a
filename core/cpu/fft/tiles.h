// Between lines in memory and lanes: [point][real lanes | imaginary lanes]. For kernel sources only.
#pragma once
#include <cstdint>
#include <utility>

#include "core/cpu/fft/butterflies.h"
#include "core/cpu/lanes_transpose.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <int kStart, class V, int... i>
[[gnu::always_inline]] inline V every_second(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (2 * i + kStart)...);
}
template <int kStart, class V, int... i>
[[gnu::always_inline]] inline V alternate(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int kN = sizeof...(i);
  return __builtin_shufflevector(a, b, (kStart + i / 2 + (i % 2 ? kN : 0))...);
}
template <class V, int... i>
[[gnu::always_inline]] inline V reverse(V a, std::integer_sequence<int, i...>) {
  constexpr int kN = sizeof...(i);
  return __builtin_shufflevector(a, a, (kN - 1 - i)...);
}
template <class T>
using Indices = std::make_integer_sequence<int, kLanes<T>>;

// As many complex numbers as there are lanes, from and to memory where the parts alternate.
template <class T>
[[gnu::always_inline]] inline Pair<T> load_alternating(const T* p) {
  const Vec<T> a = load(p), b = load(p + kLanes<T>);
  return {every_second<0>(a, b, Indices<T>{}), every_second<1>(a, b, Indices<T>{})};
}
template <class T>
[[gnu::always_inline]] inline void store_alternating(T* p, Pair<T> v) {
  store(p, alternate<0>(v.re, v.im, Indices<T>{}));
  store(p + kLanes<T>, alternate<kLanes<T> / 2>(v.re, v.im, Indices<T>{}));
}

// Vectors that hold lines of kN points one after the other, as many lines as there are lanes, become one
// vector a point, in the order of reversed bits: every stage takes the even elements of all, then the odd
// ones.
template <int kN, class T>
[[gnu::always_inline]] inline void lines_to_points(Vec<T> (&v)[kN]) {
#pragma GCC unroll 8
  for (int stage = 1; stage < kN; stage *= 2) {
    Vec<T> next[kN];
    const int span = kN / stage;  // vectors that are one sequence
#pragma GCC unroll 16
    for (int i = 0; i < kN / 2; ++i) {
      const int first = i / (span / 2) * span, at = i % (span / 2);
      next[first + at] = every_second<0>(v[first + 2 * at], v[first + 2 * at + 1], Indices<T>{});
      next[first + span / 2 + at] = every_second<1>(v[first + 2 * at], v[first + 2 * at + 1], Indices<T>{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) v[i] = next[i];
  }
}
// And back.
template <int kN, class T>
[[gnu::always_inline]] inline void points_to_lines(Vec<T> (&v)[kN]) {
#pragma GCC unroll 8
  for (int span = 2; span <= kN; span *= 2) {
    Vec<T> next[kN];
#pragma GCC unroll 16
    for (int i = 0; i < kN / 2; ++i) {
      const int first = i / (span / 2) * span, at = i % (span / 2);
      const Vec<T> even = v[first + at], odd = v[first + span / 2 + at];
      next[first + 2 * at] = alternate<0>(even, odd, Indices<T>{});
      next[first + 2 * at + 1] = alternate<kLanes<T> / 2>(even, odd, Indices<T>{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) v[i] = next[i];
  }
}
constexpr int reversed_bits(int i, int n) {
  int result = 0;
  for (int bit = 1; bit < n; bit *= 2) result = 2 * result + (i & bit ? 1 : 0);
  return result;
}

// Which half of a point the real parts go to, and which the imaginary ones.
template <class T>
struct Parts {
  int re, im;
  explicit Parts(bool exchanged) : re(exchanged ? kLanes<T> : 0), im(exchanged ? 0 : kLanes<T>) {}
};

inline bool adjacent(const int64_t* offsets, int lines) {
  for (int i = 1; i < lines; ++i)
    if (offsets[i] != offsets[0] + i) return false;
  return true;
}

// Whether the lines lie one behind the other.
inline bool follow(const int64_t* offsets, int lines, int64_t points) {
  for (int i = 1; i < lines; ++i)
    if (offsets[i] != offsets[i - 1] + points) return false;
  return true;
}

// Where each lane reads: the lanes without a line read the last one's.
template <class T, int kItem>
struct LanePointers {
  const T* at[kLanes<T>];
  LanePointers(const T* in, const int64_t* offsets, int lines) {
    for (int i = 0; i < kLanes<T>; ++i) at[i] = in + kItem * offsets[i < lines ? i : lines - 1];
  }
};

template <class T>
void load_complex(const T* in, const int64_t* offsets, int lines, int64_t stride, int64_t points,
                  bool exchange, T* to) {
  constexpr int kW = kLanes<T>;
  const Parts<T> parts(exchange);
  if (lines == kW && adjacent(offsets, lines)) {
    const T* from = in + 2 * offsets[0];
    for (int64_t p = 0; p < points; ++p, from += 2 * stride, to += 2 * kW) {
      const Pair<T> v = load_alternating(from);
      store(to + parts.re, v.re);
      store(to + parts.im, v.im);
    }
    return;
  }
  const LanePointers<T, 2> lane(in, offsets, lines);
  int64_t p = 0;
  if (stride == 1)
    for (; p + kW <= points; p += kW) {
      Vec<T> re[kW], im[kW];
#pragma GCC unroll 64
      for (int i = 0; i < kW; ++i) {
        const Pair<T> v = load_alternating(lane.at[i] + 2 * p);
        re[i] = v.re;
        im[i] = v.im;
      }
      transpose_square<kW>(re);
      transpose_square<kW>(im);
#pragma GCC unroll 64
      for (int i = 0; i < kW; ++i) {
        store(to + (p + i) * 2 * kW + parts.re, re[i]);
        store(to + (p + i) * 2 * kW + parts.im, im[i]);
      }
    }
  for (; p < points; ++p)
    for (int i = 0; i < kW; ++i) {
      const T* from = lane.at[i] + 2 * p * stride;
      to[p * 2 * kW + parts.re + i] = from[0];
      to[p * 2 * kW + parts.im + i] = from[1];
    }
}

template <class T>
void store_complex(const T* from, const int64_t* offsets, int lines, int64_t stride, int64_t points,
                   bool exchange, T scale, T sign, T* out) {
  constexpr int kW = kLanes<T>;
  const Parts<T> parts(exchange);
  const T im_scale = scale * sign;
  if (lines == kW && adjacent(offsets, lines)) {
    T* to = out + 2 * offsets[0];
    for (int64_t p = 0; p < points; ++p, to += 2 * stride, from += 2 * kW)
      store_alternating(to, Pair<T>{scale * load(from + parts.re), im_scale * load(from + parts.im)});
    return;
  }
  int64_t p = 0;
  if (stride == 1)
    for (; p + kW <= points; p += kW) {
      Vec<T> re[kW], im[kW];
#pragma GCC unroll 64
      for (int i = 0; i < kW; ++i) {
        re[i] = scale * load(from + (p + i) * 2 * kW + parts.re);
        im[i] = im_scale * load(from + (p + i) * 2 * kW + parts.im);
      }
      transpose_square<kW>(re);
      transpose_square<kW>(im);
      for (int i = 0; i < lines; ++i) store_alternating(out + 2 * (offsets[i] + p), Pair<T>{re[i], im[i]});
    }
  if (stride == 1 && points < kW && points > kW / 8 && follow(offsets, lines, points)) {
    // What a line's vectors hold too much is overwritten by the lines behind it.
    Vec<T> re[kW], im[kW];
#pragma GCC unroll 64
    for (int i = 0; i < kW; ++i) {
      re[i] = i < points ? scale * load(from + i * 2 * kW + parts.re) : Vec<T>{};
      im[i] = i < points ? im_scale * load(from + i * 2 * kW + parts.im) : Vec<T>{};
    }
    transpose_square<kW>(re);
    transpose_square<kW>(im);
    T* const end = out + 2 * (offsets[lines - 1] + points);
    for (int i = 0; i < lines; ++i) {
      T* const to = out + 2 * offsets[i];
      if (to + 2 * kW <= end) {
        store_alternating(to, Pair<T>{re[i], im[i]});
      } else {
        alignas(64) T line[2 * kW];
        store_alternating(line, Pair<T>{re[i], im[i]});
        for (int64_t k = 0; k < 2 * points; ++k) to[k] = line[k];
      }
    }
    return;
  }
  for (; p < points; ++p)
    for (int i = 0; i < lines; ++i) {
      T* to = out + 2 * (offsets[i] + p * stride);
      to[0] = scale * from[p * 2 * kW + parts.re + i];
      to[1] = im_scale * from[p * 2 * kW + parts.im + i];
    }
}

// Real lines of kN points that lie one behind the other.
template <int kN, class T>
[[gnu::always_inline]] inline void load_lines(const T* from, T* to) {
  constexpr int kW = kLanes<T>;
  Vec<T> v[kN];
#pragma GCC unroll 16
  for (int i = 0; i < kN; ++i) v[i] = load(from + i * kW);
  lines_to_points<kN, T>(v);
#pragma GCC unroll 16
  for (int i = 0; i < kN; ++i) store(to + i * 2 * kW, v[reversed_bits(i, kN)]);
}

// Real lines to one half of the points.
template <class T>
void load_real(const T* in, const int64_t* offsets, int lines, int64_t stride, int64_t points, T* to) {
  constexpr int kW = kLanes<T>;
  if (lines == kW && adjacent(offsets, lines)) {
    for (int64_t p = 0; p < points; ++p) store(to + p * 2 * kW, load(in + offsets[0] + p * stride));
    return;
  }
  if (stride == 1 && lines == kW && follow(offsets, lines, points)) {
    const T* const from = in + offsets[0];
    if (points == 4) return load_lines<4>(from, to);
    if (points == 8) return load_lines<8>(from, to);
  }
  const LanePointers<T, 1> lane(in, offsets, lines);
  int64_t p = 0;
  if (stride == 1)
    for (; p + kW <= points; p += kW) {
      Vec<T> rows[kW];
#pragma GCC unroll 64
      for (int i = 0; i < kW; ++i) rows[i] = load(lane.at[i] + p);
      transpose_square<kW>(rows);
#pragma GCC unroll 64
      for (int i = 0; i < kW; ++i) store(to + (p + i) * 2 * kW, rows[i]);
    }
  for (; p < points; ++p)
    for (int i = 0; i < kW; ++i) to[p * 2 * kW + i] = lane.at[i][p * stride];
}

template <class T>
void store_real(const T* from, const int64_t* offsets, int lines, int64_t stride, int64_t points, T scale,
                T* out) {
  constexpr int kW = kLanes<T>;
  if (lines == kW && adjacent(offsets, lines)) {
    for (int64_t p = 0; p < points; ++p)
      store(out + offsets[0] + p * stride, scale * load(from + p * 2 * kW));
    return;
  }
  int64_t p = 0;
  if (stride == 1)
    for (; p + kW <= points; p += kW) {
      Vec<T> rows[kW];
#pragma GCC unroll 64
      for (int i = 0; i < kW; ++i) rows[i] = scale * load(from + (p + i) * 2 * kW);
      transpose_square<kW>(rows);
#pragma GCC unroll 64
      for (int i = 0; i < kW; ++i)
        if (i < lines) store(out + offsets[i] + p, rows[i]);
    }
  for (; p < points; ++p)
    for (int i = 0; i < lines; ++i) out[offsets[i] + p * stride] = scale * from[p * 2 * kW + i];
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
