// Discrete Fourier transforms of lines of numbers.
//
// Everything is built from one kernel, `columns`: as many transforms as a vector has lanes, side by side, so
// that the butterflies are the scalar algorithm on vectors (Stockham's autosort, mixed radix). Its layout is
// [point][real lanes | imaginary lanes], "lanes" below. It runs on
//   - groups of lines: those of a batch, or adjacent columns; two real lines make one complex one;
//   - one long line of n1 n2 points, as n1 x n2 matrix (Bailey's four steps): transform the columns, multiply
//     by the roots of unity, transform the rows. Columns are lanes on the way in, rows on the way out, and
//     the transposition between them is done in registers.
// A length with a prime factor beyond kMaxRadix becomes a convolution of a smooth length (Bluestein).
// Inverse transforms are forward ones of numbers whose parts are exchanged.
#pragma once
#include <cstdint>

#include "core/backend/fft.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

void fourier(DType real, const FourierLines& lines, const void* in, void* out);

// ---- what the kernels get of a plan

inline constexpr int kMaxRadix = 127, kMaxPasses = 40;

template <class T>
struct FftPass {
  int radix;
  int64_t stride;     // of the points that are already transformed together
  int64_t blocks;     // points / (radix * stride) of what is left
  const T* twiddles;  // blocks x (radix - 1) pairs
  const T* roots;     // radix pairs, of radices without a butterfly of their own
};

// A transform of `points` points in every lane.
template <class T>
struct FftColumns {
  int64_t points;
  int count;
  FftPass<T> passes[kMaxPasses];
};

// Four steps: n1 x n2 points.
template <class T>
struct FftMatrix {
  const FftColumns<T>* first;   // n1 points
  const FftColumns<T>* second;  // n2 points
  const T* lane_roots;          // w^(k1 lane), n1 x lanes in layout of lanes; w is the n-th root
  const T* block_roots;         // w^(k1 lanes block), blocks of columns x n1 pairs
};

// Lines whose items start at in[in_offsets[line] * in_stride...]; no more than the lanes (twice as many where
// they are real).
struct FftGroup {
  Fourier kind;
  bool forward;
  double scale;
  int lines;
  const int64_t *in_offsets, *out_offsets;
  int64_t in_stride, out_stride;
};

template <class T>
struct FftFunctions {
  int lanes;
  // scratch: 6 * points * lanes numbers
  void (*group)(const FftColumns<T>& columns, const FftGroup& group, const T* in, T* out, T* scratch);
  // Complex lines of 2, 4, 8 or 16 points (other numbers: false) that lie one behind the other, on both
  // sides; as many as the lanes make a group.
  bool (*short_lines)(int64_t points, bool forward, T scale, int64_t groups, const T* in, T* out);
  // Steps one and two for column blocks first to last - 1 of a contiguous complex line; temp: 2 * lanes *
  // ceil(n1 / lanes) * n2 numbers, scratch: 4 * lanes * n1.
  void (*matrix_columns)(const FftMatrix<T>& matrix, const T* in, bool forward, T* temp, int64_t first,
                         int64_t last, T* scratch);
  // Steps three and four for blocks of rows; scratch: 2 * lanes * n2 numbers.
  void (*matrix_rows)(const FftMatrix<T>& matrix, T* temp, T* out, bool forward, T scale, int64_t first,
                      int64_t last, T* scratch);
  // The transform of 2 h real numbers from that of the h complex ones they are read as, in place: h to h + 1
  // items; the spectrum is conjugated where it is not forward. roots: e^(-pi i k / h), k <= h / 2.
  void (*real_split)(int64_t h, const T* roots, bool forward, T* data);
  // Back: h + 1 items to h others.
  void (*real_merge)(int64_t h, const T* roots, bool forward, const T* in, T* out);
  // out[k] = scale in[k] factor[k], for n complex numbers; the parts of in, or of the result, may change
  // places.
  void (*multiply)(int64_t n, const T* in, const T* factor, bool exchange_in, bool exchange_out, T scale,
                   T* out);
};

struct FftKernels {
  FftFunctions<float> f32;
  FftFunctions<double> f64;
};

namespace baseline {
void fill(FftKernels& kernels);
}
namespace v3 {
void fill(FftKernels& kernels);
}
namespace v4 {
void fill(FftKernels& kernels);
}

}  // namespace flambeau::cpu
