// The transforms' kernels; see core/cpu/fft/fft.h.
#include "core/cpu/fft/butterflies.h"
#include "core/cpu/fft/fft.h"
#include "core/cpu/fft/tiles.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// ---- passes of Stockham's algorithm

// y[q + stride (radix p + j)] = w^(p j) sum over k of x[q + stride (p + blocks k)] e^(-2 pi i j k / radix)
template <int kRadix, class T>
void pass(const FftPass<T>& f, const T* x, T* y) {
  constexpr int kPoint = 2 * kLanes<T>;
  const int64_t step = kPoint * f.stride, jump = step * f.blocks;
  for (int64_t p = 0; p < f.blocks; ++p) {
    const T *from = x + p * step, *const end = from + step;
    T* to = y + p * kRadix * step;
    if (p == 0)
      for (; from < end; from += kPoint, to += kPoint) {
        Pair<T> a[kRadix];
#pragma GCC unroll 16
        for (int k = 0; k < kRadix; ++k) a[k] = load_pair(from + k * jump);
        butterfly(a);
#pragma GCC unroll 16
        for (int j = 0; j < kRadix; ++j) store_pair(to + j * step, a[j]);
      }
    else {
      Pair<T> w[kRadix];
#pragma GCC unroll 16
      for (int j = 1; j < kRadix; ++j) {
        const T* twiddle = f.twiddles + 2 * (p * (kRadix - 1) + j - 1);
        w[j] = {broadcast(twiddle[0]), broadcast(twiddle[1])};
      }
      for (; from < end; from += kPoint, to += kPoint) {
        Pair<T> a[kRadix];
#pragma GCC unroll 16
        for (int k = 0; k < kRadix; ++k) a[k] = load_pair(from + k * jump);
        butterfly(a);
        store_pair(to, a[0]);
#pragma GCC unroll 16
        for (int j = 1; j < kRadix; ++j) store_pair(to + j * step, a[j] * w[j]);
      }
    }
  }
}

// The same for an odd radix without a butterfly of its own: the sums and differences of the inputs k and
// radix - k serve the outputs j and radix - j.
template <class T>
void pass_any(const FftPass<T>& f, const T* x, T* y) {
  constexpr int kPoint = 2 * kLanes<T>;
  const int radix = f.radix, half = (radix - 1) / 2;
  const int64_t step = kPoint * f.stride, jump = step * f.blocks;
  Pair<T> sum[(kMaxRadix - 1) / 2 + 1], difference[(kMaxRadix - 1) / 2 + 1];
  for (int64_t p = 0; p < f.blocks; ++p)
    for (int64_t q = 0; q < f.stride; ++q) {
      const T* from = x + p * step + q * kPoint;
      T* to = y + p * radix * step + q * kPoint;
      const Pair<T> first = load_pair(from);
      Pair<T> total = first;
      for (int k = 1; k <= half; ++k) {
        const Pair<T> a = load_pair(from + k * jump), b = load_pair(from + (radix - k) * jump);
        sum[k] = a + b;
        difference[k] = minus_i(a - b);
        total = total + sum[k];
      }
      store_pair(to, total);
      for (int j = 1; j <= half; ++j) {
        Pair<T> even = first, odd = {};
        for (int k = 1, at = j; k <= half; ++k) {
          even = even + f.roots[2 * at] * sum[k];
          odd = odd + f.roots[2 * at + 1] * difference[k];
          at += j;
          if (at >= radix) at -= radix;
        }
        const T* w = f.twiddles + 2 * (p * (radix - 1) + j - 1);
        const T* v = f.twiddles + 2 * (p * (radix - 1) + radix - j - 1);
        store_pair(to + j * step, (even + odd) * Pair<T>{broadcast(w[0]), broadcast(w[1])});
        store_pair(to + (radix - j) * step, (even - odd) * Pair<T>{broadcast(v[0]), broadcast(v[1])});
      }
    }
}

// Transforms a; b is as large. Returns which of them has the result.
template <class T>
T* run_columns(const FftColumns<T>& columns, T* a, T* b) {
  for (int i = 0; i < columns.count; ++i) {
    const FftPass<T>& f = columns.passes[i];
    switch (f.radix) {
      case 2:
        pass<2>(f, a, b);
        break;
      case 3:
        pass<3>(f, a, b);
        break;
      case 4:
        pass<4>(f, a, b);
        break;
      case 5:
        pass<5>(f, a, b);
        break;
      case 7:
        pass<7>(f, a, b);
        break;
      case 8:
        pass<8>(f, a, b);
        break;
      default:
        pass_any(f, a, b);
    }
    T* const result = b;
    b = a;
    a = result;
  }
  return a;
}

// ---- groups of lines

// Lines a and b were the parts of the complex line z. Their spectra, from that of z; half of them, or all.
template <class T>
void separate(const T* z, int64_t points, int64_t wanted, T* a, T* b) {
  constexpr int kPoint = 2 * kLanes<T>;
  for (int64_t k = 0; k < wanted; ++k) {
    const Pair<T> u = load_pair(z + k * kPoint), v = load_pair(z + (k ? points - k : 0) * kPoint);
    store_pair(a + k * kPoint, T(0.5) * Pair<T>{u.re + v.re, u.im - v.im});
    store_pair(b + k * kPoint, T(0.5) * Pair<T>{u.im + v.im, v.re - u.re});
  }
}

// The spectrum of a + i b from the first halves of those of the real a and b, with its parts exchanged: the
// transform that follows is the inverse.
template <class T>
void join(const T* a, const T* b, int64_t points, bool conjugated, T* z) {
  constexpr int kPoint = 2 * kLanes<T>;
  const T sign = conjugated ? T(-1) : T(1);
  for (int64_t k = 0; k <= points / 2; ++k) {
    const Pair<T> u = load_pair(a + k * kPoint), v = load_pair(b + k * kPoint);
    const bool is_real = k == 0 || 2 * k == points;
    const Vec<T> u_im = is_real ? Vec<T>{} : sign * u.im, v_im = is_real ? Vec<T>{} : sign * v.im;
    store_pair(z + k * kPoint, Pair<T>{u_im + v.re, u.re - v_im});
    if (!is_real) store_pair(z + (points - k) * kPoint, Pair<T>{v.re - u_im, u.re + v_im});
  }
}

template <class T>
void run_group(const FftColumns<T>& columns, const FftGroup& g, const T* in, T* out, T* scratch) {
  constexpr int kW = kLanes<T>;
  const int64_t n = columns.points, half = n / 2 + 1, size = 2 * kW * n;
  T *const first = scratch, *const second = first + size, *const third = second + size;
  const T scale = static_cast<T>(g.scale);
  if (g.kind == Fourier::Complex) {
    load_complex(in, g.in_offsets, g.lines, g.in_stride, n, !g.forward, first);
    const T* z = run_columns(columns, first, second);
    store_complex(z, g.out_offsets, g.lines, g.out_stride, n, !g.forward, scale, T(1), out);
    return;
  }
  const int a_lines = smaller(g.lines, kW), b_lines = g.lines - a_lines;
  if (g.kind == Fourier::HalfToReal) {
    load_complex(in, g.in_offsets, a_lines, g.in_stride, half, false, second);
    if (b_lines > 0)
      load_complex(in, g.in_offsets + kW, b_lines, g.in_stride, half, false, third);
    else
      for (int64_t i = 0; i < 2 * kW * half; ++i) third[i] = 0;
    join(second, third, n, g.forward, first);
    const T* z = run_columns(columns, first, second);
    store_real(z + kW, g.out_offsets, a_lines, g.out_stride, n, scale, out);  // the parts are still exchanged
    if (b_lines > 0) store_real(z, g.out_offsets + kW, b_lines, g.out_stride, n, scale, out);
    return;
  }
  load_real(in, g.in_offsets, a_lines, g.in_stride, n, first);
  if (b_lines > 0)
    load_real(in, g.in_offsets + kW, b_lines, g.in_stride, n, first + kW);
  else
    for (int64_t p = 0; p < n; ++p) store(first + p * 2 * kW + kW, Vec<T>{});
  T* const z = run_columns(columns, first, second);
  T* const a = z == first ? second : first;
  const int64_t wanted = g.kind == Fourier::RealToHalf ? half : n;
  separate(z, n, wanted, a, third);
  const T sign = g.forward ? T(1) : T(-1);
  store_complex(a, g.out_offsets, a_lines, g.out_stride, wanted, false, scale, sign, out);
  if (b_lines > 0)
    store_complex(third, g.out_offsets + kW, b_lines, g.out_stride, wanted, false, scale, sign, out);
}

// Lines of kN points, as many as there are lanes, one behind the other.
template <int kN, class T>
void transform_lines(bool forward, T scale, int64_t groups, const T* in, T* out) {
  constexpr int kW = kLanes<T>;
  for (; groups > 0; --groups, in += 2 * kW * kN, out += 2 * kW * kN) {
    Vec<T> re[kN], im[kN];
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) {
      const Pair<T> v = load_alternating(in + 2 * kW * i);
      re[i] = v.re;
      im[i] = v.im;
    }
    lines_to_points<kN, T>(re);
    lines_to_points<kN, T>(im);
    Pair<T> a[kN];
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) {
      const int at = reversed_bits(i, kN);
      a[i] = forward ? Pair<T>{re[at], im[at]} : Pair<T>{im[at], re[at]};
    }
    butterfly(a);
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) {
      const int at = reversed_bits(i, kN);
      re[at] = scale * (forward ? a[i].re : a[i].im);
      im[at] = scale * (forward ? a[i].im : a[i].re);
    }
    points_to_lines<kN, T>(re);
    points_to_lines<kN, T>(im);
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) store_alternating(out + 2 * kW * i, Pair<T>{re[i], im[i]});
  }
}

template <class T>
bool short_lines(int64_t points, bool forward, T scale, int64_t groups, const T* in, T* out) {
  const auto run = [&](auto transform) {
    transform(forward, scale, groups, in, out);
    return true;
  };
  switch (points) {
    case 2:
      return run(transform_lines<2, T>);
    case 4:
      return run(transform_lines<4, T>);
    case 8:
      return run(transform_lines<8, T>);
    case 16:
      return run(transform_lines<16, T>);
    default:
      return false;
  }
}

// ---- one long line

// The first `lanes` lanes of a row; the others get what lies behind, or zeros where the line ends.
template <class T>
[[gnu::always_inline]] inline Pair<T> load_row(const T* from, const T* end, int lanes) {
  constexpr int kW = kLanes<T>;
  if (from + 2 * kW <= end) [[likely]]
    return load_alternating(from);
  alignas(64) T re[kW] = {}, im[kW] = {};
  for (int i = 0; i < lanes; ++i) {
    re[i] = from[2 * i];
    im[i] = from[2 * i + 1];
  }
  return {load(re), load(im)};
}

template <class T>
void matrix_columns(const FftMatrix<T>& f, const T* in, bool forward, T* temp, int64_t first, int64_t last,
                    T* scratch) {
  constexpr int kW = kLanes<T>, kPoint = 2 * kW;
  const int64_t n1 = f.first->points, n2 = f.second->points;
  const T* const end = in + 2 * n1 * n2;
  const Parts<T> parts(!forward);
  for (int64_t block = first; block < last; ++block) {
    const int lanes = static_cast<int>(smaller<int64_t>(kW, n2 - block * kW));
    const T* row = in + 2 * block * kW;
    for (int64_t j = 0; j < n1; ++j, row += 2 * n2) {
      const Pair<T> v = load_row(row, end, lanes);
      store(scratch + j * kPoint + parts.re, v.re);
      store(scratch + j * kPoint + parts.im, v.im);
    }
    const T* z = run_columns(*f.first, scratch, scratch + n1 * kPoint);
    const T* base = f.block_roots + 2 * block * n1;
    for (int64_t k = 0; k < n1; k += kW) {
      Vec<T> re[kW], im[kW];
      const auto turned = [&](int i) {
        const Pair<T> root = Pair<T>{broadcast(base[2 * (k + i)]), broadcast(base[2 * (k + i) + 1])} *
                             load_pair(f.lane_roots + (k + i) * kPoint);
        const Pair<T> v = load_pair(z + (k + i) * kPoint) * root;
        re[i] = v.re;
        im[i] = v.im;
      };
      if (k + kW <= n1) {
#pragma GCC unroll 64
        for (int i = 0; i < kW; ++i) turned(i);
      } else {
        for (int i = 0; i < kW; ++i)
          if (k + i < n1)
            turned(i);
          else
            re[i] = im[i] = Vec<T>{};
      }
      transpose_square<kW>(re);
      transpose_square<kW>(im);
      T* to = temp + (k / kW * n2 + block * kW) * kPoint;
      if (lanes == kW) {
#pragma GCC unroll 64
        for (int i = 0; i < kW; ++i) store_pair(to + i * kPoint, Pair<T>{re[i], im[i]});
      } else {
        for (int i = 0; i < lanes; ++i) store_pair(to + i * kPoint, Pair<T>{re[i], im[i]});
      }
    }
  }
}

template <class T>
void matrix_rows(const FftMatrix<T>& f, T* temp, T* out, bool forward, T scale, int64_t first, int64_t last,
                 T* scratch) {
  constexpr int kW = kLanes<T>, kPoint = 2 * kW;
  const int64_t n1 = f.first->points, n2 = f.second->points;
  const Parts<T> parts(!forward);
  for (int64_t block = first; block < last; ++block) {
    const T* z = run_columns(*f.second, temp + block * n2 * kPoint, scratch);
    const int lanes = static_cast<int>(smaller<int64_t>(kW, n1 - block * kW));
    T* to = out + 2 * block * kW;
    for (int64_t k = 0; k < n2; ++k, z += kPoint, to += 2 * n1) {
      const Pair<T> v = {scale * load(z + parts.re), scale * load(z + parts.im)};
      if (lanes == kW) {
        store_alternating(to, v);
      } else {
        alignas(64) T some[kPoint];
        store_alternating(some, v);
        for (int i = 0; i < 2 * lanes; ++i) to[i] = some[i];
      }
    }
  }
}

// ---- real lines of even length

template <class T>
[[gnu::always_inline]] inline Pair<T> reversed(Pair<T> v) {
  return {reverse(v.re, Indices<T>{}), reverse(v.im, Indices<T>{})};
}

// Items k and h - k of the spectrum, from those of the half-length transform: with E = (Z[k] + Z*[h-k]) / 2
// and D = -i w^k (Z[k] - Z*[h-k]) / 2 they are E + D and (E - D)*.
template <class V>
[[gnu::always_inline]] inline void split(V& a_re, V& a_im, V& b_re, V& b_im, V w_re, V w_im) {
  using T = std::remove_cvref_t<decltype(a_re[0])>;
  const V e_re = T(0.5) * (a_re + b_re), e_im = T(0.5) * (a_im - b_im);
  const V d_re = T(0.5) * (a_im + b_im), d_im = T(0.5) * (b_re - a_re);  // -i (Z[k] - Z*[h-k]) / 2
  const V o_re = d_re * w_re - d_im * w_im, o_im = d_re * w_im + d_im * w_re;
  a_re = e_re + o_re;
  a_im = e_im + o_im;
  b_re = e_re - o_re;
  b_im = o_im - e_im;
}

template <class T>
void real_split(int64_t h, const T* roots, bool forward, T* z) {
  constexpr int kW = kLanes<T>;
  using One = Vec<T, 1>;
  const T sign = forward ? T(1) : T(-1);
  const T re = z[0], im = z[1];
  z[0] = re + im;
  z[2 * h] = re - im;
  z[1] = z[2 * h + 1] = 0;
  int64_t k = 1;
  for (; k + kW <= h - k - kW + 1; k += kW) {
    T *const low = z + 2 * k, *const high = z + 2 * (h - k - kW + 1);
    Pair<T> a = load_alternating(low), b = reversed(load_alternating(high));
    const Pair<T> w = load_alternating(roots + 2 * k);
    split(a.re, a.im, b.re, b.im, w.re, w.im);
    store_alternating(low, Pair<T>{a.re, sign * a.im});
    store_alternating(high, reversed(Pair<T>{b.re, sign * b.im}));
  }
  for (; k < h - k; ++k) {
    T *const low = z + 2 * k, *const high = z + 2 * (h - k);
    One a_re = {low[0]}, a_im = {low[1]}, b_re = {high[0]}, b_im = {high[1]};
    split(a_re, a_im, b_re, b_im, One{roots[2 * k]}, One{roots[2 * k + 1]});
    low[0] = a_re[0];
    low[1] = sign * a_im[0];
    high[0] = b_re[0];
    high[1] = sign * b_im[0];
  }
  if (h > 0 && k == h - k) z[2 * k + 1] *= -sign;
}

// With E = X[k] + X*[h-k] and O = w^-k (X[k] - X*[h-k]), items k and h - k are E + i O and E* + i O*.
template <class V>
[[gnu::always_inline]] inline void merge(V& a_re, V& a_im, V& b_re, V& b_im, V w_re, V w_im) {
  const V e_re = a_re + b_re, e_im = a_im - b_im, d_re = a_re - b_re, d_im = a_im + b_im;
  const V o_re = d_re * w_re + d_im * w_im, o_im = d_im * w_re - d_re * w_im;
  a_re = e_re - o_im;
  a_im = e_im + o_re;
  b_re = e_re + o_im;
  b_im = o_re - e_im;
}

template <class T>
void real_merge(int64_t h, const T* roots, bool forward, const T* in, T* out) {
  constexpr int kW = kLanes<T>;
  using One = Vec<T, 1>;
  const T sign = forward ? T(-1) : T(1);
  out[0] = in[0] + in[2 * h];
  out[1] = in[0] - in[2 * h];
  int64_t k = 1;
  for (; k + kW <= h - k - kW + 1; k += kW) {
    const int64_t high = 2 * (h - k - kW + 1);
    Pair<T> a = load_alternating(in + 2 * k), b = reversed(load_alternating(in + high));
    const Pair<T> w = load_alternating(roots + 2 * k);
    a.im = sign * a.im;
    b.im = sign * b.im;
    merge(a.re, a.im, b.re, b.im, w.re, w.im);
    store_alternating(out + 2 * k, a);
    store_alternating(out + high, reversed(b));
  }
  for (; k < h - k; ++k) {
    const int64_t high = 2 * (h - k);
    One a_re = {in[2 * k]}, a_im = {sign * in[2 * k + 1]}, b_re = {in[high]}, b_im = {sign * in[high + 1]};
    merge(a_re, a_im, b_re, b_im, One{roots[2 * k]}, One{roots[2 * k + 1]});
    out[2 * k] = a_re[0];
    out[2 * k + 1] = a_im[0];
    out[high] = b_re[0];
    out[high + 1] = b_im[0];
  }
  if (k == h - k) {
    out[2 * k] = 2 * in[2 * k];
    out[2 * k + 1] = -2 * sign * in[2 * k + 1];
  }
}

template <class T>
void multiply(int64_t n, const T* in, const T* factor, bool exchange_in, bool exchange_out, T scale, T* out) {
  constexpr int kW = kLanes<T>;
  int64_t k = 0;
  for (; k + kW <= n; k += kW) {
    Pair<T> v = load_alternating(in + 2 * k);
    if (exchange_in) v = {v.im, v.re};
    v = v * load_alternating(factor + 2 * k);
    v = scale * v;
    if (exchange_out) v = {v.im, v.re};
    store_alternating(out + 2 * k, v);
  }
  for (; k < n; ++k) {
    const T a = in[2 * k + exchange_in], b = in[2 * k + !exchange_in];
    const T c = factor[2 * k], d = factor[2 * k + 1];
    out[2 * k + exchange_out] = scale * (a * c - b * d);
    out[2 * k + !exchange_out] = scale * (a * d + b * c);
  }
}

template <class T>
void set(FftFunctions<T>& f) {
  f = {kLanes<T>,      run_group<T>,  short_lines<T>, matrix_columns<T>,
       matrix_rows<T>, real_split<T>, real_merge<T>,  multiply<T>};
}

}  // namespace

void fill(FftKernels& kernels) {
  set(kernels.f32);
  set(kernels.f64);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
