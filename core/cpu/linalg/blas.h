// OpenBLAS, loaded at run time from the library file that the Python package finds (64-bit integers, symbols
// scipy_*64_). It runs single-threaded: threads are ours (core/parallel).
#pragma once
#include <cstdint>

#include "core/math/complex.h"

namespace flambeau::blas {

// Says where the library is. It is opened at first use, so that importing the package does not pay for it.
void set_library_path(const char* path);
// Opens `library_path` now. False, and error() says why, if that fails; a second call does nothing.
bool load(const char* library_path);
// Opens the path given to set_library_path unless that has happened; false if there is none or it cannot be
// opened.
bool ensure_loaded();
bool loaded();
const char* error();      // why the last load failed; "" if it did not
const char* config();     // OpenBLAS's own description of its build; "" before loading
const char* core_name();  // the CPU type OpenBLAS runs as; "" before loading
// A symbol by its plain Fortran or CBLAS name ("dgesdd", "cblas_sgemm"), null if there is none: for LAPACK.
void* symbol(const char* name);

// Row-major, as in CBLAS. Only after ensure_loaded().
void sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
           int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);
void dgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, double alpha, const double* a,
           int64_t lda, const double* b, int64_t ldb, double beta, double* c, int64_t ldc);
void cgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, Complex<float> alpha,
           const Complex<float>* a, int64_t lda, const Complex<float>* b, int64_t ldb, Complex<float> beta,
           Complex<float>* c, int64_t ldc);
void zgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, Complex<double> alpha,
           const Complex<double>* a, int64_t lda, const Complex<double>* b, int64_t ldb, Complex<double> beta,
           Complex<double>* c, int64_t ldc);

}  // namespace flambeau::blas
