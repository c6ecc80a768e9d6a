// Factorizations of small column-major matrices, where a call of LAPACK would cost more than its work. Plain
// right-looking loops down the columns. Source: Golub and Van Loan, Matrix Computations, 4th edition,
// chapters 3 and 4.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/backend/linalg.h"
#include "core/cpu/linalg/lapack.h"

namespace flambeau::cpu::small {

using backend::MatrixOp;

// What is small: with more rows or columns LAPACK's blocks pay for its calls. The other dimension of matrices
// that are not square may have some more.
constexpr int64_t kMost = 32, kMostCholesky = 24, kMostSolve = 24, kMostOther = 64;

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
[[gnu::always_inline]] inline void subtract(int64_t n, T factor, const T* __restrict x, T* __restrict y) {
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] - factor * x[i];
}
// The same for several columns of y, with a factor each, `step` items apart: four at a time share what is
// read of x.
template <class T>
[[gnu::always_inline]] inline void subtract_columns(int64_t n, int64_t columns, const T* factors,
                                                    int64_t factor_step, const T* __restrict x, T* y,
                                                    int64_t step) {
  int64_t j = 0;
  for (; j + 4 <= columns; j += 4) {
    const T f0 = factors[j * factor_step], f1 = factors[(j + 1) * factor_step],
            f2 = factors[(j + 2) * factor_step], f3 = factors[(j + 3) * factor_step];
    T* __restrict y0 = y + j * step, * __restrict y1 = y0 + step, * __restrict y2 = y1 + step, * __restrict y3 = y2 + step;
    for (int64_t i = 0; i < n; ++i) {
      const T item = x[i];
      y0[i] = y0[i] - f0 * item;
      y1[i] = y1[i] - f1 * item;
      y2[i] = y2[i] - f2 * item;
      y3[i] = y3[i] - f3 * item;
    }
  }
  for (; j < columns; ++j) subtract(n, factors[j * factor_step], x, y + j * step);
}
template <bool conjugated, class T>
[[gnu::always_inline]] inline T dot(int64_t n, const T* x, const T* y) {
  T sum(0);
  int64_t i = 0;
  if constexpr (!math::is_complex_type<T>)
    if (n >= 8) {
      T sums[8] = {};
      for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; ++k) sums[k] += x[i + k] * y[i + k];
      sum = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
    }
  for (; i < n; ++i) sum = sum + (conjugated ? conjugate(x[i]) : x[i]) * y[i];
  return sum;
}

// call(n) with n as a constant where matrices of real numbers are tiny, so that its loops come unrolled.
template <class T, class Call>
[[gnu::always_inline]] inline auto with_constant(int64_t n, const Call& call) {
  if constexpr (math::is_complex_type<T>) return call(n);
  switch (n) {
    case 2:
      return call(std::integral_constant<int64_t, 2>());
    case 3:
      return call(std::integral_constant<int64_t, 3>());
    case 4:
      return call(std::integral_constant<int64_t, 4>());
    default:
      return call(n);
  }
}

// A = L L^H of the lower triangle, the other one zeroed.
template <class N, class T>
[[gnu::always_inline]] inline int32_t cholesky_lower(N n, T* a, int64_t lda) {
  T factors[kMostCholesky];
  for (int64_t j = 0; j < n; ++j) {
    T* const column = a + j * (lda + 1);
    const Real<T> square = real_part(*column);
    if (!(square > 0)) return static_cast<int32_t>(j + 1);
    const Real<T> root = std::sqrt(square), inverse = 1 / root;
    *column = T(root);
    const int64_t rest = n - j - 1;
    for (int64_t i = 1; i <= rest; ++i) {
      column[i] = column[i] * inverse;
      factors[i - 1] = conjugate(column[i]);
    }
    // Four columns at a time, which share the first one's rows.
    for (int64_t k = 1; k <= rest; k += 4)
      subtract_columns(rest + 1 - k, std::min<int64_t>(4, rest + 1 - k), factors + k - 1, 1, column + k,
                       column + k + k * lda, lda);
  }
  for (int64_t j = 1; j < n; ++j)
    for (int64_t i = 0; i < j; ++i) a[i + j * lda] = T(0);
  return 0;
}
// A = U^H U of the upper triangle: row by row, the same on the transpose.
template <class T>
int32_t cholesky_upper(int64_t n, T* a, int64_t lda) {
  for (int64_t j = 0; j < n; ++j) {
    T* const column = a + j * lda;
    for (int64_t i = 0; i <= j; ++i) {
      const T* const other = a + i * lda;
      const T rest = column[i] - dot<true>(i, other, column);
      if (i < j) {
        column[i] = rest * (1 / real_part(other[i]));
      } else {
        const Real<T> square = real_part(rest);
        column[i] = rest;
        if (!(square > 0)) return static_cast<int32_t>(j + 1);
        column[i] = T(std::sqrt(square));
      }
    }
  }
  return 0;
}

// P A = L U with the pivots counted from 1.
template <class N, class T>
[[gnu::always_inline]] inline int32_t lu_factor(N m, N n, T* a, int64_t lda, int32_t* pivots) {
  int32_t info = 0;
  for (int64_t k = 0; k < std::min<int64_t>(m, n); ++k) {
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
    const T inverse = T(1) / column[k];
    const bool tiny = pivot_size(column[k]) < std::numeric_limits<Real<T>>::min();  // has no inverse
    for (int64_t i = k + 1; i < m; ++i) column[i] = tiny ? column[i] / column[k] : column[i] * inverse;
    subtract_columns(m - k - 1, n - k - 1, column + k + lda, lda, column + k + 1, column + k + 1 + lda, lda);
  }
  return info;
}

// Item (i, k) of op(A).
template <MatrixOp op, class T>
[[gnu::always_inline]] inline T item(const T* a, int64_t lda, int64_t i, int64_t k) {
  if constexpr (op == MatrixOp::Plain)
    return a[i + k * lda];
  else if constexpr (op == MatrixOp::Transposed)
    return a[k + i * lda];
  else
    return conjugate(a[k + i * lda]);
}

// Right sides beside each other: a step of a solution is then the same operation on contiguous rows, which no
// store before it straddles.
template <class T>
constexpr int kBeside = 32 / sizeof(T);
template <class T>
struct RightSides {
  alignas(32) T rows[kMostSolve][kBeside<T>];

  // Some columns of B, in the order given if any.
  void load(int64_t n, int64_t columns, const T* b, int64_t ldb, const int32_t* order) {
    for (int64_t i = 0; i < n; ++i) {
      const T* const from = b + (order ? order[i] : i);
      for (int64_t j = 0; j < kBeside<T>; ++j) rows[i][j] = j < columns ? from[j * ldb] : T(0);
    }
  }
  void store(int64_t n, int64_t columns, T* b, int64_t ldb, const int32_t* order) const {
    for (int64_t i = 0; i < n; ++i) {
      T* const to = b + (order ? order[i] : i);
      for (int64_t j = 0; j < columns; ++j) to[j * ldb] = rows[i][j];
    }
  }
  void divide(int64_t i, T divisor) {
    for (int j = 0; j < kBeside<T>; ++j) rows[i][j] = rows[i][j] / divisor;
  }
  // Row i minus factor times row k.
  [[gnu::always_inline]] void subtract(int64_t i, T factor, int64_t k) {
    for (int j = 0; j < kBeside<T>; ++j) rows[i][j] = rows[i][j] - factor * rows[k][j];
  }
  // op(A) X = B for a triangular A.
  template <MatrixOp op, class N>
  [[gnu::always_inline]] void solve(N n, const T* a, int64_t lda, bool upper, bool unit) {
    if (upper == (op == MatrixOp::Plain)) {
      for (int64_t k = n - 1; k >= 0; --k) {
        if (!unit) divide(k, item<op>(a, lda, k, k));
        for (int64_t i = 0; i < k; ++i) subtract(i, item<op>(a, lda, i, k), k);
      }
    } else {
      for (int64_t k = 0; k < n; ++k) {
        if (!unit) divide(k, item<op>(a, lda, k, k));
        for (int64_t i = k + 1; i < n; ++i) subtract(i, item<op>(a, lda, i, k), k);
      }
    }
  }
};

// The same for one right side.
template <MatrixOp op, class T>
void solve_one(int64_t n, const T* a, int64_t lda, bool upper, bool unit, T* x) {
  constexpr bool conjugated = op == MatrixOp::Adjoint;
  const bool backward = upper == (op == MatrixOp::Plain);
  for (int64_t step = 0; step < n; ++step) {
    const int64_t k = backward ? n - 1 - step : step;
    const T* const column = a + k * lda;
    if constexpr (op != MatrixOp::Plain)
      x[k] = x[k] - (backward ? dot<conjugated>(n - k - 1, column + k + 1, x + k + 1)
                              : dot<conjugated>(k, column, x));
    if (!unit) x[k] = x[k] / item<op>(a, lda, k, k);
    if constexpr (op == MatrixOp::Plain) {
      if (backward)
        subtract(k, x[k], column, x);
      else
        subtract(n - k - 1, x[k], column + k + 1, x + k + 1);
    }
  }
}

// op(A) X = B in the place of B, for a triangular A.
template <MatrixOp op, class N, class T>
[[gnu::always_inline]] inline void solve_triangular(N n, const T* a, int64_t lda, bool upper, bool unit, T* b,
                                                    int64_t ldb, int64_t columns) {
  if (columns == 1) return solve_one<op>(n, a, lda, upper, unit, b);
  RightSides<T> sides;
  for (int64_t j = 0; j < columns; j += kBeside<T>) {
    const int64_t width = std::min<int64_t>(kBeside<T>, columns - j);
    sides.load(n, width, b + j * ldb, ldb, nullptr);
    sides.template solve<op>(n, a, lda, upper, unit);
    sides.store(n, width, b + j * ldb, ldb, nullptr);
  }
}

// op(A) X = B in the place of B, A = P L U.
template <MatrixOp op, class N, class T>
[[gnu::always_inline]] inline void lu_solve(N n, const T* lu, int64_t lda, const int32_t* pivots, T* b,
                                            int64_t ldb, int64_t columns) {
  constexpr bool plain = op == MatrixOp::Plain;
  if (columns == 1) {
    if (plain)
      for (int64_t k = 0; k < n; ++k) std::swap(b[k], b[pivots[k] - 1]);
    solve_one<op>(n, lu, lda, !plain, plain, b);
    solve_one<op>(n, lu, lda, plain, !plain, b);
    if (!plain)
      for (int64_t k = n - 1; k >= 0; --k) std::swap(b[k], b[pivots[k] - 1]);
    return;
  }
  int32_t order[kMostSolve];
  for (int64_t k = 0; k < n; ++k) order[k] = static_cast<int32_t>(k);
  for (int64_t k = 0; k < n; ++k) std::swap(order[k], order[pivots[k] - 1]);
  RightSides<T> sides;
  for (int64_t j = 0; j < columns; j += kBeside<T>) {
    const int64_t width = std::min<int64_t>(kBeside<T>, columns - j);
    sides.load(n, width, b + j * ldb, ldb, plain ? order : nullptr);
    sides.template solve<op>(n, lu, lda, !plain, plain);
    sides.template solve<op>(n, lu, lda, plain, !plain);
    sides.store(n, width, b + j * ldb, ldb, plain ? nullptr : order);
  }
}

// The inverse from an LU decomposition without zeros on U's diagonal: that of U in place, then inv(A) L =
// inv(U) from the last column on. `work` has n items.
template <class N, class T>
[[gnu::always_inline]] inline void inverse_of_lu(N n, T* a, int64_t lda, const int32_t* pivots, T* work) {
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

// ---- QR by Householder's reflections H = I - tau v v^H, v starting with a one

// The norm of n items; scaled where their squares leave the range.
template <class T>
Real<T> norm(int64_t n, const T* x) {
  using R = Real<T>;
  R sum(0), largest(0);
  for (int64_t i = 0; i < n; ++i) {
    sum += real_part(conjugate(x[i]) * x[i]);
    largest = std::max(largest, pivot_size(x[i]));
  }
  constexpr R kLeast = std::numeric_limits<R>::min() / std::numeric_limits<R>::epsilon();
  if ((sum >= kLeast && sum <= std::numeric_limits<R>::max()) || largest == 0 || !(largest < R(INFINITY)))
    return std::sqrt(sum);
  sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T scaled = x[i] * (1 / largest);
    sum += real_part(conjugate(scaled) * scaled);
  }
  return largest * std::sqrt(sum);
}

// y -= factor v (v^H y) for each of the columns.
template <class T>
[[gnu::always_inline]] inline void reflect(int64_t n, const T* v, T factor, T* y, int64_t step,
                                           int64_t columns) {
  for (int64_t j = 0; j < columns; ++j) {
    T* const column = y + j * step;
    subtract(n, factor * dot<true>(n, v, column), v, column);
  }
}

template <class N, class T>
[[gnu::always_inline]] inline void qr_factor(N m, N n, T* a, int64_t lda, T* tau) {
  for (int64_t k = 0; k < std::min<int64_t>(m, n); ++k) {
    T* const v = a + k * (lda + 1);
    const int64_t length = m - k;
    const T head = *v;
    const Real<T> tail = norm(length - 1, v + 1);
    const bool real_head = head == T(real_part(head));
    if (tail == 0 && real_head) {
      tau[k] = T(0);
      continue;
    }
    Real<T> size;
    if constexpr (math::is_complex_type<T>)
      size = std::hypot(std::hypot(head.real, head.imag), tail);
    else
      size = std::hypot(head, tail);
    const Real<T> beta = real_part(head) < 0 ? size : -size;
    tau[k] = (T(beta) - head) * (1 / beta);
    const T scale = T(1) / (head - T(beta));
    for (int64_t i = 1; i < length; ++i) v[i] = v[i] * scale;
    *v = T(1);
    reflect(length, v, conjugate(tau[k]), v + lda, lda, n - k - 1);
    *v = T(beta);
  }
}

// The first n columns of the product of the first k reflections, in their place.
template <class N, class T>
[[gnu::always_inline]] inline void qr_columns(N m, N n, int64_t k, T* a, int64_t lda, const T* tau) {
  for (int64_t j = k; j < n; ++j) {
    std::fill_n(a + j * lda, static_cast<int64_t>(m), T(0));
    a[j * (lda + 1)] = T(1);
  }
  for (int64_t i = k - 1; i >= 0; --i) {
    T* const v = a + i * (lda + 1);
    *v = T(1);
    reflect(m - i, v, tau[i], v + lda, lda, n - i - 1);
    for (int64_t r = 1; r < m - i; ++r) v[r] = T(0) - v[r] * tau[i];
    *v = T(1) - tau[i];
    std::fill_n(a + i * lda, i, T(0));
  }
}

}  // namespace flambeau::cpu::small
