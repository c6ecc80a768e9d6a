// Factorizations of small column-major matrices, where a call of LAPACK would cost more than its work. Plain
// right-looking loops down the columns. Source: Golub and Van Loan, Matrix Computations, 4th edition,
// chapters 3 and 4.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/cpu/linalg/lapack.h"

namespace flambeau::cpu::small {

template <class T>
Real<T> real_part(T x) {
  if constexpr (math::is_complex_type<T>)
    return x.real;
  else
    return x;
}
template <class T>
T conjugate(T x) {
  if constexpr (math::is_complex_type<T>)
    return {x.real, -x.imag};
  else
    return x;
}
// A magnitude good enough to choose pivots by: LAPACK's |re| + |im|.
template <class T>
Real<T> pivot_size(T x) {
  if constexpr (math::is_complex_type<T>)
    return std::abs(x.real) + std::abs(x.imag);
  else
    return std::abs(x);
}

// y -= factor x
template <class T>
void subtract(int64_t n, T factor, const T* __restrict x, T* __restrict y) {
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] - factor * x[i];
}
template <bool conjugated, class T>
T dot(int64_t n, const T* x, const T* y) {
  T sum(0);
  for (int64_t i = 0; i < n; ++i) sum = sum + (conjugated ? conjugate(x[i]) : x[i]) * y[i];
  return sum;
}

// A = L L^H of the lower triangle, with the steps given: exchanged, they give A = U^H U of the upper one.
template <class T>
int32_t cholesky(int64_t n, T* a, int64_t row, int64_t column) {
  for (int64_t j = 0; j < n; ++j) {
    T* const pivot = a + j * (row + column);
    const Real<T> square = real_part(*pivot);
    if (!(square > 0)) return static_cast<int32_t>(j + 1);
    const Real<T> root = std::sqrt(square), inverse = 1 / root;
    *pivot = T(root);
    for (int64_t i = 1; i < n - j; ++i) pivot[i * row] = pivot[i * row] * inverse;
    for (int64_t k = 1; k < n - j; ++k) {
      const T factor = conjugate(pivot[k * row]);
      const T* const x = pivot;
      T* const y = pivot + k * column;
      if (row == 1)
        subtract(n - j - k, factor, x + k, y + k);
      else
        for (int64_t i = k; i < n - j; ++i) y[i * row] = y[i * row] - factor * x[i * row];
    }
  }
  return 0;
}

// P A = L U with the pivots counted from 1.
template <class T>
int32_t lu_factor(int64_t m, int64_t n, T* a, int64_t lda, int32_t* pivots) {
  int32_t info = 0;
  for (int64_t k = 0; k < std::min(m, n); ++k) {
    T* const column = a + k * lda;
    int64_t chosen = k;
    Real<T> largest = pivot_size(column[k]);
    for (int64_t i = k + 1; i < m; ++i)
      if (const Real<T> size = pivot_size(column[i]); size > largest) {
        largest = size;
        chosen = i;
      }
    pivots[k] = static_cast<int32_t>(chosen + 1);
    if (column[chosen] == T(0)) {
      if (!info) info = static_cast<int32_t>(k + 1);
      continue;
    }
    if (chosen != k)
      for (int64_t j = 0; j < n; ++j) std::swap(a[k + j * lda], a[chosen + j * lda]);
    const T pivot = column[k];
    for (int64_t i = k + 1; i < m; ++i) column[i] = column[i] / pivot;
    for (int64_t j = k + 1; j < n; ++j)
      subtract(m - k - 1, a[k + j * lda], column + k + 1, a + k + 1 + j * lda);
  }
  return info;
}

// T x = b, or its transpose, for one right side of n items.
template <class T>
void solve_lower(int64_t n, const T* a, int64_t lda, bool unit, T* x) {
  for (int64_t k = 0; k < n; ++k) {
    if (!unit) x[k] = x[k] / a[k + k * lda];
    subtract(n - k - 1, x[k], a + k + 1 + k * lda, x + k + 1);
  }
}
template <class T>
void solve_upper(int64_t n, const T* a, int64_t lda, bool unit, T* x) {
  for (int64_t k = n - 1; k >= 0; --k) {
    if (!unit) x[k] = x[k] / a[k + k * lda];
    subtract(k, x[k], a + k * lda, x);
  }
}
template <bool conjugated, class T>
void solve_lower_transposed(int64_t n, const T* a, int64_t lda, bool unit, T* x) {
  for (int64_t k = n - 1; k >= 0; --k) {
    x[k] = x[k] - dot<conjugated>(n - k - 1, a + k + 1 + k * lda, x + k + 1);
    if (!unit) x[k] = x[k] / (conjugated ? conjugate(a[k + k * lda]) : a[k + k * lda]);
  }
}
template <bool conjugated, class T>
void solve_upper_transposed(int64_t n, const T* a, int64_t lda, bool unit, T* x) {
  for (int64_t k = 0; k < n; ++k) {
    x[k] = x[k] - dot<conjugated>(k, a + k * lda, x);
    if (!unit) x[k] = x[k] / (conjugated ? conjugate(a[k + k * lda]) : a[k + k * lda]);
  }
}

// The inverse from an LU decomposition without zeros on U's diagonal: that of U in place, then inv(A) L =
// inv(U) from the last column on. `work` has n items.
template <class T>
void inverse_of_lu(int64_t n, T* a, int64_t lda, const int32_t* pivots, T* work) {
  for (int64_t j = 0; j < n; ++j) {
    T* const x = a + j * lda;
    x[j] = T(1) / x[j];
    for (int64_t k = 0; k < j; ++k) {
      const T factor = x[k];
      subtract(k, -factor, a + k * lda, x);
      x[k] = factor * a[k + k * lda];
    }
    for (int64_t i = 0; i < j; ++i) x[i] = T(0) - x[i] * x[j];  // no -0 of zeros
  }
  for (int64_t j = n - 1; j >= 0; --j) {
    T* const x = a + j * lda;
    for (int64_t k = j + 1; k < n; ++k) {
      work[k] = x[k];
      x[k] = T(0);
    }
    for (int64_t k = j + 1; k < n; ++k) subtract(n, work[k], a + k * lda, x);
  }
  for (int64_t j = n - 1; j >= 0; --j)
    if (const int64_t other = pivots[j] - 1; other != j)
      std::swap_ranges(a + j * lda, a + j * lda + n, a + other * lda);
}

}  // namespace flambeau::cpu::small
