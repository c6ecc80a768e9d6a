// LAPACK's routines, of the OpenBLAS that blas.h opens, in one table for each element type. They run on the
// calling thread; several threads may call them at once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

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

// Complex numbers take room for real ones besides.
template <class T, class OfReal, class OfComplex>
using RealOrComplex = std::conditional_t<math::is_complex_type<T>, OfComplex, OfReal>;

// By their names for real numbers (orgqr stands for ungqr too, syevd for heevd, sytrf for symmetric matrices,
// hetrf for Hermitian ones). The lengths of Fortran's strings come last.
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
  using R = Real<T>;
  RealOrComplex<T,
                void (*)(const char* vectors, const Int* m, const Int* n, T* a, const Int* lda, R* s, T* u,
                         const Int* ldu, T* vh, const Int* ldvh, T* work, const Int* work_size, Int* integers,
                         Int* info, size_t),
                void (*)(const char* vectors, const Int* m, const Int* n, T* a, const Int* lda, R* s, T* u,
                         const Int* ldu, T* vh, const Int* ldvh, T* work, const Int* work_size, R* reals,
                         Int* integers, Int* info, size_t)>
      gesdd;
  RealOrComplex<T,
                void (*)(const char* vectors, const char* uplo, const Int* n, T* a, const Int* lda, R* w,
                         T* work, const Int* work_size, Int* integers, const Int* integers_size, Int* info,
                         size_t, size_t),
                void (*)(const char* vectors, const char* uplo, const Int* n, T* a, const Int* lda, R* w,
                         T* work, const Int* work_size, R* reals, const Int* reals_size, Int* integers,
                         const Int* integers_size, Int* info, size_t, size_t)>
      syevd;
  void (*sytrd)(const char* uplo, const Int* n, T* a, const Int* lda, R* diagonal, R* beside, T* tau, T* work,
                const Int* work_size, Int* info, size_t);
  RealOrComplex<T,
                void (*)(const char* vectors, const Int* n, R* diagonal, R* beside, T* z, const Int* ldz,
                         T* work, const Int* work_size, Int* integers, const Int* integers_size, Int* info,
                         size_t),
                void (*)(const char* vectors, const Int* n, R* diagonal, R* beside, T* z, const Int* ldz,
                         T* work, const Int* work_size, R* reals, const Int* reals_size, Int* integers,
                         const Int* integers_size, Int* info, size_t)>
      stedc;
  void (*ormtr)(const char* side, const char* uplo, const char* op, const Int* m, const Int* n, const T* a,
                const Int* lda, const T* tau, T* c, const Int* ldc, T* work, const Int* work_size, Int* info,
                size_t, size_t, size_t);
  RealOrComplex<T,
                void (*)(const char* left, const char* right, const Int* n, T* a, const Int* lda, T* re,
                         T* im, T* vl, const Int* ldvl, T* vr, const Int* ldvr, T* work, const Int* work_size,
                         Int* info, size_t, size_t),
                void (*)(const char* left, const char* right, const Int* n, T* a, const Int* lda, T* w, T* vl,
                         const Int* ldvl, T* vr, const Int* ldvr, T* work, const Int* work_size, R* reals,
                         Int* info, size_t, size_t)>
      geev;
  void (*gels)(const char* op, const Int* m, const Int* n, const Int* columns, T* a, const Int* lda, T* b,
               const Int* ldb, T* work, const Int* work_size, Int* info, size_t);
  RealOrComplex<
      T,
      void (*)(const Int* m, const Int* n, const Int* columns, T* a, const Int* lda, T* b, const Int* ldb,
               Int* pivots, const R* rcond, Int* rank, T* work, const Int* work_size, Int* info),
      void (*)(const Int* m, const Int* n, const Int* columns, T* a, const Int* lda, T* b, const Int* ldb,
               Int* pivots, const R* rcond, Int* rank, T* work, const Int* work_size, R* reals, Int* info)>
      gelsy;
  RealOrComplex<T,
                void (*)(const Int* m, const Int* n, const Int* columns, T* a, const Int* lda, T* b,
                         const Int* ldb, R* s, const R* rcond, Int* rank, T* work, const Int* work_size,
                         Int* integers, Int* info),
                void (*)(const Int* m, const Int* n, const Int* columns, T* a, const Int* lda, T* b,
                         const Int* ldb, R* s, const R* rcond, Int* rank, T* work, const Int* work_size,
                         R* reals, Int* integers, Int* info)>
      gelsd;
  RealOrComplex<
      T,
      void (*)(const Int* m, const Int* n, const Int* columns, T* a, const Int* lda, T* b, const Int* ldb,
               R* s, const R* rcond, Int* rank, T* work, const Int* work_size, Int* info),
      void (*)(const Int* m, const Int* n, const Int* columns, T* a, const Int* lda, T* b, const Int* ldb,
               R* s, const R* rcond, Int* rank, T* work, const Int* work_size, R* reals, Int* info)>
      gelss;
};

// Filled at first use; throws RuntimeError where the library cannot be opened.
template <class T>
const LapackTable<T>& lapack();

}  // namespace flambeau::cpu
