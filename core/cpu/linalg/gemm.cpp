#include "core/cpu/linalg/gemm.h"

#include <algorithm>
#include <string_view>

#include "core/cpu/kernels.h"
#include "core/cpu/linalg/blas.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {
namespace {

// Multiplications that are worth a thread of their own.
constexpr int64_t kGrain = 1 << 18;
// Below, our own kernels are as fast as OpenBLAS or faster (measured on Zen 3), and loading it would cost 10
// ms.
constexpr int64_t kBlasWork = 1 << 25, kBlasSide = 48;
// Threads share rows and columns in multiples of these, which tiles of every instruction set divide.
constexpr int64_t kRowUnit = 6, kColumnUnit = 16;

const GemmKernelsOf<float>& kernels_of(float) { return kernels().gemm.f32; }
const GemmKernelsOf<double>& kernels_of(double) { return kernels().gemm.f64; }

void blas_gemm(const Gemm<float>& g) {
  blas::sgemm(g.trans_a, g.trans_b, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
}
void blas_gemm(const Gemm<double>& g) {
  blas::dgemm(g.trans_a, g.trans_b, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
}

void blas_gemm(const Gemm<Complex<float>>& g) {
  blas::cgemm(g.trans_a, g.trans_b, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
}
void blas_gemm(const Gemm<Complex<double>>& g) {
  blas::zgemm(g.trans_a, g.trans_b, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
}

// OpenBLAS adds no bias: it finds the bias in c, and beta 1.
template <class T>
void blas_gemm_with_bias(Gemm<T> g) {
  if (g.bias) {
    for (int64_t i = 0; i < g.m; ++i) std::copy(g.bias, g.bias + g.n, g.c + i * g.ldc);
    g.beta = 1;
  }
  blas_gemm(g);
}

// With AVX-512 our float32 kernels run away from OpenBLAS, which has none of its own for every CPU (measured
// on Zen 5: 115 against 62 multiplications a nanosecond), but where there are few rows.
template <class T>
bool outruns_blas(int64_t m) {
  static const bool is_wide = std::string_view(kernels().instruction_set) == "x86-64-v4";
  constexpr int64_t kManyRows = 128;
  return sizeof(T) == sizeof(float) && is_wide && m >= kManyRows;
}

template <class T>
bool suits_blas(const Gemm<T>& g) {
  return std::min({g.m, g.n, g.k}) >= kBlasSide && g.m * g.n * g.k >= kBlasWork && !outruns_blas<T>(g.m) &&
         blas::ensure_loaded();
}

// A part of the product on the calling thread.
template <class T>
void gemm_here(const Gemm<T>& g, bool use_blas) {
  if (use_blas) return blas_gemm_with_bias(g);
  // A vector times rows: a sum of rows.
  const bool row = g.m == 1 && !g.trans_b && g.n >= 16, column = g.n == 1 && g.trans_a && g.m >= 16;
  if (!g.bias && (row || column)) {
    Gemv<T> v{};
    v.trans = true;
    v.m = g.k;
    v.n = row ? g.n : g.m;
    v.alpha = g.alpha;
    v.a = row ? g.b : g.a;
    v.lda = row ? g.ldb : g.lda;
    v.x = row ? g.a : g.b;
    v.x_stride = row ? (g.trans_a ? g.lda : 1) : (g.trans_b ? 1 : g.ldb);
    v.beta = g.beta;
    v.y = g.c;
    v.y_stride = row ? 1 : g.ldc;
    return kernels_of(T()).gemv(v);
  }
  kernels_of(T()).gemm(g);
}

template <class T>
Gemm<T> rows_of(Gemm<T> g, int64_t first, int64_t last) {
  g.m = last - first;
  g.a += g.trans_a ? first : first * g.lda;
  g.c += first * g.ldc;
  return g;
}
template <class T>
Gemm<T> columns_of(Gemm<T> g, int64_t first, int64_t last) {
  g.n = last - first;
  g.b += g.trans_b ? first * g.ldb : first;
  g.c += first;
  if (g.bias) g.bias += first;
  return g;
}

// c = beta * c + bias: what is left of a product of nothing.
template <class T>
void scale_only(const Gemm<T>& g) {
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) {
      T& c = g.c[i * g.ldc + j];
      c = (g.beta == 0 ? T(0) : g.beta * c) + (g.bias ? g.bias[j] : T(0));
    }
}

template <class T>
void threaded_gemm(const Gemm<T>& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) return scale_only(g);
  const int64_t work = g.m * g.n * g.k;
  const bool use_blas = suits_blas(g);
  if (work < 2 * kGrain) return gemm_here(g, use_blas);
  // Each thread packs the operand that is not shared out; an element packed costs about as much as kPacking
  // multiplications.
  constexpr int64_t kPacking = 24;
  const int threads = static_cast<int>(std::clamp<int64_t>(work / kGrain, 1, num_threads()));
  const auto part = [&](int64_t side, int64_t unit) {
    return ((side + unit - 1) / unit + threads - 1) / threads * unit;
  };
  const int64_t rows = part(g.m, kRowUnit), columns = part(g.n, kColumnUnit);
  const int64_t row_cost = std::min(rows, g.m) * g.n * g.k + kPacking * g.n * g.k;
  const int64_t column_cost = g.m * std::min(columns, g.n) * g.k + kPacking * g.m * g.k;
  const bool split_rows = row_cost <= column_cost;
  const int64_t side = split_rows ? g.m : g.n, size = split_rows ? rows : columns;
  parallel_for(0, (side + size - 1) / size, 1, [&](int64_t first, int64_t last) {
    const int64_t begin = first * size, end = std::min(side, last * size);
    gemm_here(split_rows ? rows_of(g, begin, end) : columns_of(g, begin, end), use_blas);
  });
}

// Complex products that are not worth loading OpenBLAS for, and all of them where it is missing.
template <class T>
void plain_gemm(const Gemm<T>& g) {
  const int64_t a_row = g.trans_a ? 1 : g.lda, a_column = g.trans_a ? g.lda : 1;
  const int64_t b_row = g.trans_b ? 1 : g.ldb, b_column = g.trans_b ? g.ldb : 1;
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) {
      T sum = 0;
      for (int64_t p = 0; p < g.k; ++p)
        sum = sum + g.a[i * a_row + p * a_column] * g.b[p * b_row + j * b_column];
      T& c = g.c[i * g.ldc + j];
      c = g.alpha * sum + (g.beta == T(0) ? T(0) : g.beta * c) + (g.bias ? g.bias[j] : T(0));
    }
}

template <class T>
void complex_gemm(const Gemm<T>& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) return scale_only(g);
  constexpr int64_t kPlainWork = 1 << 13;
  const bool use_blas = g.m * g.n * g.k > kPlainWork && blas::ensure_loaded();
  const int64_t row_work = g.n * g.k;
  parallel_for(0, g.m, kGrain / 4 / row_work + 1, [&](int64_t first, int64_t last) {
    const Gemm<T> part = rows_of(g, first, last);
    use_blas ? blas_gemm_with_bias(part) : plain_gemm(part);
  });
}

template <class T>
void complex_batched(const Gemm<T>& g, int64_t batch, int64_t a_step, int64_t b_step, int64_t c_step) {
  for (int64_t i = 0; i < batch; ++i) {
    Gemm<T> one = g;
    one.a += i * a_step;
    one.b += i * b_step;
    one.c += i * c_step;
    complex_gemm(one);
  }
}

template <class T>
void batched(const Gemm<T>& g, int64_t batch, int64_t a_step, int64_t b_step, int64_t c_step) {
  if (g.m == 0 || g.n == 0) return;
  const auto member = [&](int64_t i) {
    Gemm<T> one = g;
    one.a += i * a_step;
    one.b += i * b_step;
    one.c += i * c_step;
    return one;
  };
  const int64_t work = std::max<int64_t>(1, g.m * g.n * g.k);
  if (batch < num_threads() && work > 8 * kGrain) {
    for (int64_t i = 0; i < batch; ++i) threaded_gemm(member(i));
    return;
  }
  const bool use_blas = suits_blas(g);
  parallel_for(0, batch, (kGrain + work - 1) / work, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      if (g.k == 0)
        scale_only(member(i));
      else
        gemm_here(member(i), use_blas);
    }
  });
}

template <class T>
void threaded_gemv(const Gemv<T>& g) {
  const int64_t outputs = g.trans ? g.n : g.m, inputs = g.trans ? g.m : g.n;
  const int64_t grain = std::max<int64_t>(64, kGrain / 4 / std::max<int64_t>(1, inputs));
  parallel_for(0, outputs, grain, [&](int64_t first, int64_t last) {
    Gemv<T> part = g;
    (g.trans ? part.n : part.m) = last - first;
    part.a += g.trans ? first : first * g.lda;
    part.y += first * g.y_stride;
    kernels_of(T()).gemv(part);
  });
}

}  // namespace

void gemm(const Gemm<float>& g) { threaded_gemm(g); }
void gemm(const Gemm<double>& g) { threaded_gemm(g); }
void gemm(const Gemm<Complex<float>>& g) { complex_gemm(g); }
void gemm(const Gemm<Complex<double>>& g) { complex_gemm(g); }

void gemm_batched(const Gemm<float>& g, int64_t batch, int64_t a_step, int64_t b_step, int64_t c_step) {
  batched(g, batch, a_step, b_step, c_step);
}
void gemm_batched(const Gemm<double>& g, int64_t batch, int64_t a_step, int64_t b_step, int64_t c_step) {
  batched(g, batch, a_step, b_step, c_step);
}
void gemm_batched(const Gemm<Complex<float>>& g, int64_t batch, int64_t a_step, int64_t b_step,
                  int64_t c_step) {
  complex_batched(g, batch, a_step, b_step, c_step);
}
void gemm_batched(const Gemm<Complex<double>>& g, int64_t batch, int64_t a_step, int64_t b_step,
                  int64_t c_step) {
  complex_batched(g, batch, a_step, b_step, c_step);
}

void gemv(const Gemv<float>& g) { threaded_gemv(g); }
void gemv(const Gemv<double>& g) { threaded_gemv(g); }

float dot(int64_t n, const float* x, int64_t x_stride, const float* y, int64_t y_stride) {
  return kernels().gemm.f32.dot(n, x, x_stride, y, y_stride);
}
double dot(int64_t n, const double* x, int64_t x_stride, const double* y, int64_t y_stride) {
  return kernels().gemm.f64.dot(n, x, x_stride, y, y_stride);
}

void gemm_integer(DType dtype, const IntegerGemm& g) {
  const auto kernel = kernels().gemm.integer[static_cast<int>(dtype)];
  const int64_t item = static_cast<int64_t>(item_size(dtype));
  const auto at = [&](const void* p, int64_t offset) { return static_cast<const char*>(p) + offset * item; };
  if (g.batch > 1)
    return parallel_for(0, g.batch, kGrain / std::max<int64_t>(1, g.m * g.n * g.k) + 1,
                        [&](int64_t first, int64_t last) {
                          IntegerGemm part = g;
                          part.batch = last - first;
                          part.a = at(g.a, first * g.a_step);
                          part.b = at(g.b, first * g.b_step);
                          part.c = const_cast<char*>(at(g.c, first * g.c_step));
                          kernel(part);
                        });
  parallel_for(0, g.m, kGrain / std::max<int64_t>(1, g.n * g.k) + 1, [&](int64_t first, int64_t last) {
    IntegerGemm part = g;
    part.m = last - first;
    part.a = at(g.a, first * g.a_row);
    part.c = const_cast<char*>(at(g.c, first * g.c_row));
    kernel(part);
  });
}

}  // namespace flambeau::cpu
