// LAPACK's routines, of the OpenBLAS that blas.h opens, in one table for each element type. They run on the
// calling thread; several threads may call them at once.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/math/complex.h"

namespace flambeau::cpu {

using LapackInt = int64_t;

template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<Complex<T>> {
  using type = T;
};
template <class T>
using Real = typename RealOf<T>::type;

// By their names for real numbers (orgqr stands for ungqr too, sytrf for symmetric matrices, hetrf for
// Hermitian ones). The lengths of Fortran's strings come last.
template <class T>
struct LapackTable {
  using Int = LapackInt;
  void (*potrf)(const char* uplo, const Int* n, T* a, const Int* lda, Int* info, size_t);
  void (*potri)(const char* uplo, const Int* n, T* a, const Int* lda, Int* info, size_t);
  void (*potrs)(const char* uplo, const Int* n, const Int* columns, const T* a, const Int* lda, T* b,
                const Int* ldb, Int* info, size_t);
  void (*getrf)(const Int* m, const Int* n, T* a, const Int* lda, Int* pivots, Int* info);
  void (*getri)(const Int* n, T* a, const Int* lda, const Int* pivots, T* work, const Int* work_size,
                Int* info);
  void (*getrs)(const char* op, const Int* n, const Int* columns, const T* a, const Int* lda,
                const Int* pivots, T* b, const Int* ldb, Int* info, size_t);
  void (*trsm)(const char* side, const char* uplo, const char* op, const char* diagonal, const Int* m,
               const Int* n, const T* alpha, const T* a, const Int* lda, T* b, const Int* ldb, size_t, size_t,
               size_t, size_t);
  void (*gemm)(const char* op_a, const char* op_b, const Int* m, const Int* n, const Int* k, const T* alpha,
               const T* a, const Int* lda, const T* b, const Int* ldb, const T* beta, T* c, const Int* ldc,
               size_t, size_t);
  void (*laswp)(const Int* n, T* a, const Int* lda, const Int* first, const Int* last, const Int* pivots,
                const Int* step);
  void (*sytrf)(const char* uplo, const Int* n, T* a, const Int* lda, Int* pivots, T* work,
                const Int* work_size, Int* info, size_t);
  void (*hetrf)(const char* uplo, const Int* n, T* a, const Int* lda, Int* pivots, T* work,
                const Int* work_size, Int* info, size_t);
  void (*sytrs)(const char* uplo, const Int* n, const Int* columns, const T* a, const Int* lda,
                const Int* pivots, T* b, const Int* ldb, Int* info, size_t);
  void (*hetrs)(const char* uplo, const Int* n, const Int* columns, const T* a, const Int* lda,
                const Int* pivots, T* b, const Int* ldb, Int* info, size_t);
  void (*geqrf)(const Int* m, const Int* n, T* a, const Int* lda, T* tau, T* work, const Int* work_size,
                Int* info);
  void (*larft)(const char* order, const char* storage, const Int* n, const Int* reflectors, const T* v,
                const Int* ldv, const T* tau, T* t, const Int* ldt, size_t, size_t);
  void (*larfb)(const char* side, const char* op, const char* order, const char* storage, const Int* m,
                const Int* n, const Int* reflectors, const T* v, const Int* ldv, const T* t, const Int* ldt,
                T* c, const Int* ldc, T* work, const Int* work_rows, size_t, size_t, size_t, size_t);
  void (*orgqr)(const Int* m, const Int* n, const Int* reflectors, T* a, const Int* lda, const T* tau,
                T* work, const Int* work_size, Int* info);
  void (*ormqr)(const char* side, const char* op, const Int* m, const Int* n, const Int* reflectors,
                const T* a, const Int* lda, const T* tau, T* c, const Int* ldc, T* work, const Int* work_size,
                Int* info, size_t, size_t);
};

// Filled at first use; throws RuntimeError where the library cannot be opened.
template <class T>
const LapackTable<T>& lapack();

}  // namespace flambeau::cpu
