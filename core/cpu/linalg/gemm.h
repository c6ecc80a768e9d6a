// Products of matrices and vectors, row-major, threaded.
//
// Small and skinny products, and all products of vectors, go to kernels of our own, large ones to OpenBLAS,
// one call per thread (see gemm.cpp for where the line is drawn).
#pragma once
#include <cstdint>

#include "core/tensor/dtype.h"

namespace flambeau::cpu {

// c = alpha * op(a) op(b) + beta * c + bias, op being the transpose where the flag is set.
// op(a): [m][k], op(b): [k][n], c: [m][n]; each leading dimension is the stored matrix's row stride, at least
// its row length. With beta 0, c is not read. m, n and k may be 0.
template <class T>
struct Gemm {
  bool trans_a = false, trans_b = false;
  int64_t m, n, k;
  T alpha = 1;
  const T* a;
  int64_t lda;
  const T* b;
  int64_t ldb;
  T beta = 0;
  T* c;
  int64_t ldc;
  const T* bias = nullptr;  // [n], added to every row (beta must be 0)
};
void gemm(const Gemm<float>& g);
void gemm(const Gemm<double>& g);
void gemm(const Gemm<Complex<float>>& g);
void gemm(const Gemm<Complex<double>>& g);

// `batch` products of one shape, their matrices at fixed distances (0 shares one).
void gemm_batched(const Gemm<float>& g, int64_t batch, int64_t a_step, int64_t b_step, int64_t c_step);
void gemm_batched(const Gemm<double>& g, int64_t batch, int64_t a_step, int64_t b_step, int64_t c_step);
void gemm_batched(const Gemm<Complex<float>>& g, int64_t batch, int64_t a_step, int64_t b_step,
                  int64_t c_step);
void gemm_batched(const Gemm<Complex<double>>& g, int64_t batch, int64_t a_step, int64_t b_step,
                  int64_t c_step);

// y = alpha * op(a) x + beta * y; op(a): [m][n]. Strides of x and y are in elements and not 0 (x may have 0).
template <class T>
struct Gemv {
  bool trans = false;
  int64_t m, n;
  T alpha = 1;
  const T* a;
  int64_t lda;
  const T* x;
  int64_t x_stride = 1;
  T beta = 0;
  T* y;
  int64_t y_stride = 1;
};
void gemv(const Gemv<float>& g);
void gemv(const Gemv<double>& g);

// Accumulates in many lanes (double for float).
float dot(int64_t n, const float* x, int64_t x_stride, const float* y, int64_t y_stride);
double dot(int64_t n, const double* x, int64_t x_stride, const double* y, int64_t y_stride);

// Integer products, wrapping: UInt8, Int8, Int16, Int32, Int64. Any strides; c = alpha * a b + beta * c.
struct IntegerGemm {
  int64_t m, n, k;
  const void* a;
  int64_t a_row, a_column;
  const void* b;
  int64_t b_row, b_column;
  void* c;
  int64_t c_row, c_column;
  int64_t alpha = 1, beta = 0;
  int64_t batch = 1, a_step = 0, b_step = 0, c_step = 0;
};
void gemm_integer(DType dtype, const IntegerGemm& g);

// ---- the kernels, one set per instruction set

template <class T>
struct GemmKernelsOf {
  // A whole product on one thread, without packing where the operands allow it.
  void (*gemm)(const Gemm<T>& g);
  void (*gemv)(const Gemv<T>& g);
  T (*dot)(int64_t n, const T* x, int64_t x_stride, const T* y, int64_t y_stride);
  // For a b that serves many products: how many items it has when packed (readable past the end by a vector),
  // and the packing itself, of g.n columns and g.k rows of g.b.
  int64_t (*packed_items)(int64_t n, int64_t k);
  void (*pack)(const Gemm<T>& g, T* to);
  // The product on one thread, a not transposed and g.b packed; its columns come in blocks of `panel`, each
  // of k * panel items in g.b.
  void (*packed)(const Gemm<T>& g);
  int64_t panel;
};
struct GemmKernels {
  GemmKernelsOf<float> f32;
  GemmKernelsOf<double> f64;
  void (*integer[kDTypes])(const IntegerGemm& g);  // null where there is none
};

namespace baseline {
void fill(GemmKernels& kernels);
}
namespace v3 {
void fill(GemmKernels& kernels);
}
namespace v4 {
void fill(GemmKernels& kernels);
}

}  // namespace flambeau::cpu
