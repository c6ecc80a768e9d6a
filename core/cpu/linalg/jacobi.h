// Eigenvalues and singular values of tiny matrices by Jacobi's rotations, which for few rows cost less than
// one call of LAPACK and are at least as accurate. Source: Golub and Van Loan, Matrix Computations, 4th
// edition, sections 8.5 and 8.6.3; Demmel and Veselic, Jacobi's method is more accurate than QR, 1992.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/cpu/linalg/small.h"

namespace flambeau::cpu::jacobi {

// Up to this order; of singular values, that of the smaller side, and twice as many rows.
constexpr int64_t kMost = 8;

constexpr int kSweeps = 30;

// What to multiply by so that fourth powers neither overflow nor vanish: a power of two, 1 for ordinary
// sizes.
template <class R>
R scale_for(R largest) {
  const R far = std::ldexp(R(1), std::numeric_limits<R>::max_exponent / 8);
  if (largest == 0 || (largest < far && largest > 1 / far)) return 1;
  return std::ldexp(R(1), -std::clamp(std::ilogb(largest), std::numeric_limits<R>::min_exponent + 2,
                                      std::numeric_limits<R>::max_exponent - 2));
}

template <class T>
Real<T> squared(T x) {
  if constexpr (math::is_complex_type<T>)
    return x.real * x.real + x.imag * x.imag;
  else
    return x * x;
}

// The rotation that makes [[alpha, gamma], [conj(gamma), beta]] diagonal: the second vector takes gamma's
// phase away, then (x, y) become (c x - s y, s x + c y). The larger of both grows by t |gamma|, the other
// shrinks.
template <class T>
struct Rotation {
  Real<T> c, s, moved;
  T phase;

  Rotation(Real<T> alpha, Real<T> beta, T gamma, Real<T> gamma_squared) {
    using R = Real<T>;
    R size;
    if constexpr (math::is_complex_type<T>) {
      size = std::sqrt(gamma_squared);
      phase = {gamma.real / size, -gamma.imag / size};
    } else {
      size = std::abs(gamma);
      phase = gamma < 0 ? R(-1) : R(1);
    }
    const R zeta = (beta - alpha) / (2 * size);
    const R t = (zeta < 0 ? R(-1) : R(1)) / (std::abs(zeta) + std::sqrt(1 + zeta * zeta));
    c = 1 / std::sqrt(1 + t * t);
    s = t * c;
    moved = t * size;
  }
  void operator()(T& x, T& y) const {
    const T x0 = x, y0 = y * phase;
    x = x0 * c - y0 * s;
    y = x0 * s + y0 * c;
  }
  void columns(int64_t n, T* __restrict x, T* __restrict y) const {
    for (int64_t i = 0; i < n; ++i) (*this)(x[i], y[i]);
  }
};

template <class T>
void set_identity(int64_t n, T* v) {
  std::fill_n(v, n * n, T(0));
  for (int64_t i = 0; i < n; ++i) v[i * (n + 1)] = T(1);
}

// The numbers below n by insertion, in the order that before(i, j) says.
template <class Before>
void order_by(int64_t n, int64_t* order, const Before& before) {
  for (int64_t j = 0; j < n; ++j) {
    int64_t at = j;
    for (; at > 0 && before(j, order[at - 1]); --at) order[at] = order[at - 1];
    order[at] = j;
  }
}

// Hermitian, of finite elements, from one triangle: values growing, vectors in the place of `a` if wanted.
// False, and nothing written, where it does not converge.
template <class T>
bool eigh(int64_t n, T* a, int64_t lda, bool upper, Real<T>* values, bool vectors) {
  using R = Real<T>;
  T x[kMost * kMost], v[kMost * kMost];
  R diagonal[kMost] = {}, largest = 0;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = upper ? 0 : j; i < (upper ? j + 1 : n); ++i) {
      x[i + j * n] = a[i + j * lda];
      largest = std::max(largest, small::pivot_size(x[i + j * n]));
    }
  const R scale = scale_for(largest);
  R norm = 0;
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = upper ? 0 : j; i < (upper ? j + 1 : n); ++i) {
      T& there = x[i + j * n];
      if (scale != 1) there = there * scale;
      norm += squared(there);
      if (i != j) x[j + i * n] = small::conjugate(there);
    }
    diagonal[j] = small::real_part(x[j * (n + 1)]);
  }
  if (vectors) set_identity(n, v);
  const R eps = std::numeric_limits<R>::epsilon() / 4, limit = eps * eps * norm;
  bool turned = true;
  for (int sweep = 0; turned; ++sweep) {
    if (sweep == kSweeps) return false;
    turned = false;
    for (int64_t p = 0; p + 1 < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        const T gamma = x[p + q * n];
        const R square = squared(gamma);
        if (square <= limit) continue;
        turned = true;
        const Rotation<T> rotation(diagonal[p], diagonal[q], gamma, square);
        rotation.columns(n, x + p * n, x + q * n);
        diagonal[p] -= rotation.moved;
        diagonal[q] += rotation.moved;
        for (int64_t k = 0; k < n; ++k) {
          x[p + k * n] = small::conjugate(x[k + p * n]);
          x[q + k * n] = small::conjugate(x[k + q * n]);
        }
        x[p + q * n] = x[q + p * n] = T(0);
        if (vectors) rotation.columns(n, v + p * n, v + q * n);
      }
  }
  int64_t order[kMost] = {};
  order_by(n, order, [&](int64_t i, int64_t j) { return diagonal[i] < diagonal[j]; });
  for (int64_t j = 0; j < n; ++j) {
    values[j] = diagonal[order[j]] / scale;
    if (vectors) std::copy_n(v + order[j] * n, n, a + j * lda);
  }
  return true;
}

// Columns from `known` on, orthonormal to those before: of the unit vectors the one that sticks out most,
// made orthogonal twice.
template <class T>
void complete(int64_t m, int64_t known, int64_t wanted, T* u) {
  using R = Real<T>;
  for (int64_t j = known; j < wanted; ++j) {
    T* const column = u + j * m;
    int64_t chosen = 0;
    R least = std::numeric_limits<R>::infinity();
    for (int64_t i = 0; i < m; ++i) {
      R inside = 0;
      for (int64_t k = 0; k < j; ++k) inside += squared(u[i + k * m]);
      if (inside < least) {
        least = inside;
        chosen = i;
      }
    }
    std::fill_n(column, m, T(0));
    column[chosen] = T(1);
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t k = 0; k < j; ++k)
        small::subtract(m, small::dot<true>(m, u + k * m, column), u + k * m, column);
      R square = 0;
      for (int64_t i = 0; i < m; ++i) square += squared(column[i]);
      const R inverse = 1 / std::sqrt(square);
      for (int64_t i = 0; i < m; ++i) column[i] = column[i] * inverse;
    }
  }
}

// Singular values, falling, of finite elements; u and vh, given, get as many columns and rows as they have
// room for. False, and nothing written, where it does not converge.
template <class T>
bool svd(int64_t rows, int64_t columns, const T* a, int64_t lda, Real<T>* values, T* u, int64_t ldu,
         int64_t u_columns, T* vh, int64_t ldvh, int64_t vh_rows) {
  using R = Real<T>;
  const bool flipped = rows < columns;
  const int64_t m = std::max(rows, columns), n = std::min(rows, columns);
  T w[2 * kMost * kMost], v[kMost * kMost];
  R squares[kMost] = {}, largest = 0;
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) {
      const T there = a[i + j * lda];
      largest = std::max(largest, small::pivot_size(there));
      if (flipped)
        w[j + i * m] = small::conjugate(there);
      else
        w[i + j * m] = there;
    }
  const R scale = scale_for(largest);
  if (scale != 1)
    for (int64_t i = 0; i < m * n; ++i) w[i] = w[i] * scale;
  if (u) set_identity(n, v);
  const R eps = std::numeric_limits<R>::epsilon(), limit = eps * eps * static_cast<R>(m);
  const R nothing = std::numeric_limits<R>::min();
  bool turned = true;
  for (int sweep = 0; turned; ++sweep) {
    if (sweep == kSweeps) return false;
    turned = false;
    for (int64_t j = 0; j < n; ++j) {
      squares[j] = 0;
      for (int64_t i = 0; i < m; ++i) squares[j] += squared(w[i + j * m]);
    }
    for (int64_t p = 0; p + 1 < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        const T gamma = small::dot<true>(m, w + p * m, w + q * m);
        const R square = squared(gamma);
        if (square <= limit * squares[p] * squares[q] || square <= nothing) continue;
        turned = true;
        const Rotation<T> rotation(squares[p], squares[q], gamma, square);
        rotation.columns(m, w + p * m, w + q * m);
        squares[p] = std::max(squares[p] - rotation.moved, R(0));
        squares[q] += rotation.moved;
        if (u) rotation.columns(n, v + p * n, v + q * n);
      }
  }
  int64_t order[kMost] = {};
  order_by(n, order, [&](int64_t i, int64_t j) { return squares[i] > squares[j]; });
  for (int64_t j = 0; j < n; ++j) values[j] = std::sqrt(squares[order[j]]) / scale;
  if (!u) return true;
  // The longer side's vectors: the columns of w by their lengths, then what is missing.
  T longer[4 * kMost * kMost];
  int64_t known = 0;
  for (; known < n && squares[order[known]] > nothing / (eps * eps); ++known) {
    const T* const from = w + order[known] * m;
    const R inverse = 1 / std::sqrt(squares[order[known]]);
    for (int64_t i = 0; i < m; ++i) longer[i + known * m] = from[i] * inverse;
  }
  const int64_t wanted = flipped ? vh_rows : u_columns;
  complete(m, known, wanted, longer);
  for (int64_t j = 0; j < (flipped ? n : wanted); ++j)
    std::copy_n(flipped ? v + order[j] * n : longer + j * m, rows, u + j * ldu);
  for (int64_t j = 0; j < (flipped ? wanted : n); ++j) {
    const T* const from = flipped ? longer + j * m : v + order[j] * n;
    for (int64_t i = 0; i < columns; ++i) vh[j + i * ldvh] = small::conjugate(from[i]);
  }
  return true;
}

}  // namespace flambeau::cpu::jacobi
