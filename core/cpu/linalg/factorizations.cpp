#include "core/cpu/linalg/factorizations.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cpu/linalg/lapack.h"
#include "core/cpu/linalg/small.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau::cpu {
namespace {

using Int = LapackInt;

// Up to this many rows or columns our own loops are faster than LAPACK's blocks and calls.
constexpr int64_t kSmall = 24;
// Slots of thread_scratch, besides those that products use.
constexpr int kPivotScratch = 6, kWorkScratch = 7;

// visit.operator()<T>() for the four types that LAPACK knows.
template <class Visitor>
void visit_lapack(DType dtype, const char* name, Visitor visit) {
  if (is_complex(dtype))
    visit_complex(dtype, name, visit);
  else
    visit_floating(dtype, name, visit);
}

template <class T>
T* matrix(const MatrixBatch& a, int64_t i) {
  return reinterpret_cast<T*>(a.data) + i * a.batch_stride;
}

// body(i) for each of `count` matrices, which takes about `flops` floating point operations.
template <class Body>
void for_each_matrix(int64_t count, int64_t flops, const Body& body) {
  const int64_t nanoseconds = flops / 2 + 20;
  const WithoutGil guard(count * nanoseconds);
  parallel_for(0, count, std::max<int64_t>(1, 20'000 / nanoseconds), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(i);
  });
}

// The calling thread's pivots, as LAPACK takes them.
Int* long_pivots(int64_t n) {
  return static_cast<Int*>(thread_scratch(kPivotScratch, static_cast<size_t>(n) * sizeof(Int)));
}
Int* long_pivots(const int32_t* pivots, int64_t n) {
  Int* const longer = long_pivots(n);
  std::copy_n(pivots, n, longer);
  return longer;
}
void store_pivots(const Int* longer, int64_t n, int32_t* pivots) {
  std::transform(longer, longer + n, pivots, [](Int p) { return static_cast<int32_t>(p); });
}

// run(work, size, info) of a routine that says by a first call, with size -1, how much it wants to work in:
// the size to pass to call_with_work.
template <class T, class Run>
Int work_size(const Run& run) {
  T wanted{};
  const Int ask = -1;
  Int info = 0;
  run(&wanted, &ask, &info);
  return std::max<Int>(1, static_cast<Int>(small::real_part(wanted)));
}
template <class T>
T* work_of(Int size) {
  return static_cast<T*>(thread_scratch(kWorkScratch, static_cast<size_t>(size) * sizeof(T)));
}

const char* letter(MatrixOp op) {
  return op == MatrixOp::Plain ? "N" : op == MatrixOp::Transposed ? "T" : "C";
}
const char* triangle(bool upper) { return upper ? "U" : "L"; }

template <class T>
void zero_triangle(T* a, int64_t n, int64_t lda, bool upper) {
  for (int64_t j = 0; j < n; ++j) {
    T* const column = a + j * lda;
    if (upper)
      std::fill_n(column, j, T(0));
    else
      std::fill(column + j + 1, column + n, T(0));
  }
}

}  // namespace

void cholesky(DType dtype, const MatrixBatch& a, bool upper, int32_t* infos) {
  visit_lapack(dtype, "cholesky_cpu", [&]<class T>() {
    const Int n = a.rows;
    const LapackTable<T>* const routines = n > kSmall ? &lapack<T>() : nullptr;
    for_each_matrix(a.count, n * n * n / 3, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      if (routines) {
        Int info = 0;
        routines->potrf(triangle(upper), &n, x, &a.leading, &info, 1);
        infos[i] = static_cast<int32_t>(info);
      } else {
        infos[i] = upper ? small::cholesky(n, x, a.leading, 1) : small::cholesky(n, x, 1, a.leading);
      }
      zero_triangle(x, n, a.leading, !upper);
    });
  });
}

void cholesky_inverse(DType dtype, const MatrixBatch& a, bool upper, int32_t* infos) {
  visit_lapack(dtype, "cholesky_inverse_out_cpu", [&]<class T>() {
    const Int n = a.rows;
    const auto& routines = lapack<T>();
    for_each_matrix(a.count, n * n * n, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      Int info = 0;
      routines.potri(triangle(upper), &n, x, &a.leading, &info, 1);
      infos[i] = static_cast<int32_t>(info);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t k = j + 1; k < n; ++k) {
          T &below = x[k + j * a.leading], &above = x[j + k * a.leading];
          (upper ? below : above) = small::conjugate(upper ? above : below);
        }
    });
  });
}

void cholesky_solve(DType dtype, const MatrixBatch& factor, const MatrixBatch& b, bool upper) {
  visit_lapack(dtype, "cholesky_solve_cpu", [&]<class T>() {
    const Int n = b.rows, columns = b.columns;
    const auto& routines = lapack<T>();
    for_each_matrix(b.count, 2 * n * n * columns, [&](int64_t i) {
      Int info = 0;
      routines.potrs(triangle(upper), &n, &columns, matrix<T>(factor, i), &factor.leading, matrix<T>(b, i),
                     &b.leading, &info, 1);
    });
  });
}

void lu_factor(DType dtype, const MatrixBatch& a, int32_t* pivots, int32_t* infos) {
  visit_lapack(dtype, "lu_cpu", [&]<class T>() {
    const Int m = a.rows, n = a.columns, exchanges = std::min(m, n);
    const LapackTable<T>* const routines = exchanges > kSmall ? &lapack<T>() : nullptr;
    for_each_matrix(a.count, m * n * exchanges * 2 / 3, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      int32_t* const to = pivots + i * exchanges;
      if (!routines) {
        infos[i] = small::lu_factor(m, n, x, a.leading, to);
        return;
      }
      Int* const longer = long_pivots(exchanges);
      Int info = 0;
      routines->getrf(&m, &n, x, &a.leading, longer, &info);
      store_pivots(longer, exchanges, to);
      infos[i] = static_cast<int32_t>(info);
    });
  });
}

namespace {

template <class T>
void exchange_rows(T* x, const int32_t* pivots, int64_t n) {
  for (int64_t k = 0; k < n; ++k) std::swap(x[k], x[pivots[k] - 1]);
}
template <class T>
void exchange_rows_back(T* x, const int32_t* pivots, int64_t n) {
  for (int64_t k = n - 1; k >= 0; --k) std::swap(x[k], x[pivots[k] - 1]);
}

// One column of the solution of op(A) X = B, A = P L U.
template <class T>
void solve_column(int64_t n, const T* lu, int64_t lda, const int32_t* pivots, T* x, MatrixOp op) {
  switch (op) {
    case MatrixOp::Plain:
      exchange_rows(x, pivots, n);
      small::solve_lower(n, lu, lda, true, x);
      small::solve_upper(n, lu, lda, false, x);
      break;
    case MatrixOp::Transposed:
      small::solve_upper_transposed<false>(n, lu, lda, false, x);
      small::solve_lower_transposed<false>(n, lu, lda, true, x);
      exchange_rows_back(x, pivots, n);
      break;
    case MatrixOp::Adjoint:
      small::solve_upper_transposed<true>(n, lu, lda, false, x);
      small::solve_lower_transposed<true>(n, lu, lda, true, x);
      exchange_rows_back(x, pivots, n);
  }
}

}  // namespace

void lu_solve(DType dtype, const MatrixBatch& lu, const int32_t* pivots, const MatrixBatch& b, MatrixOp op) {
  visit_lapack(dtype, "linalg.lu_solve_cpu", [&]<class T>() {
    const Int n = b.rows, columns = b.columns;
    const int64_t pivot_step = lu.batch_stride ? n : 0;
    const LapackTable<T>* const routines = n > kSmall ? &lapack<T>() : nullptr;
    for_each_matrix(b.count, 2 * n * n * columns, [&](int64_t i) {
      const T* const factors = matrix<T>(lu, i);
      const int32_t* const from = pivots + i * pivot_step;
      T* const x = matrix<T>(b, i);
      if (!routines) {
        for (int64_t j = 0; j < columns; ++j)
          solve_column(n, factors, lu.leading, from, x + j * b.leading, op);
        return;
      }
      Int info = 0;
      routines->getrs(letter(op), &n, &columns, factors, &lu.leading, long_pivots(from, n), x, &b.leading,
                      &info, 1);
    });
  });
}

void inverse(DType dtype, const MatrixBatch& a, int32_t* infos) {
  visit_lapack(dtype, "lu_cpu", [&]<class T>() {
    const Int n = a.rows;
    const LapackTable<T>* const routines = n > kSmall ? &lapack<T>() : nullptr;
    const Int size = routines ? work_size<T>([&](T* work, const Int* wanted, Int* info) {
      routines->getri(&n, matrix<T>(a, 0), &a.leading, nullptr, work, wanted, info);
    })
                              : n;
    for_each_matrix(a.count, 2 * n * n * n, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      T* const work = work_of<T>(size);
      if (routines) {
        Int* const pivots = long_pivots(n);
        Int info = 0;
        routines->getrf(&n, &n, x, &a.leading, pivots, &info);
        infos[i] = static_cast<int32_t>(info);
        if (!info) routines->getri(&n, x, &a.leading, pivots, work, &size, &info);
      } else {
        int32_t pivots[kSmall];
        infos[i] = small::lu_factor(n, n, x, a.leading, pivots);
        if (!infos[i]) small::inverse_of_lu(n, x, a.leading, pivots, work);
      }
      if (infos[i])
        for (int64_t j = 0; j < n; ++j)
          std::fill_n(x + j * a.leading, n, T(std::numeric_limits<Real<T>>::quiet_NaN()));
    });
  });
}

void pivots_to_permutation(const int32_t* pivots, int64_t count, int64_t exchanges, int64_t rows,
                           bool inverse, int64_t* permutation) {
  for_each_matrix(count, rows, [&](int64_t i) {
    int64_t* const order = permutation + i * rows;
    const int32_t* const exchange = pivots + i * exchanges;
    for (int64_t k = 0; k < rows; ++k) order[k] = k;
    if (inverse)
      for (int64_t k = exchanges - 1; k >= 0; --k) std::swap(order[k], order[exchange[k] - 1]);
    else
      for (int64_t k = 0; k < exchanges; ++k) std::swap(order[k], order[exchange[k] - 1]);
  });
}

void lu_determinant(DType dtype, const MatrixBatch& lu, const int32_t* pivots, void* determinants,
                    void* logarithms) {
  visit_lapack(dtype, "lu_cpu", [&]<class T>() {
    const int64_t n = lu.rows;
    T* const products = static_cast<T*>(determinants);
    Real<T>* const logs = static_cast<Real<T>*>(logarithms);
    for_each_matrix(lu.count, logs ? 20 * n : 2 * n, [&](int64_t i) {
      const T* const x = matrix<T>(lu, i);
      T product(1);
      Real<T> log(0);
      for (int64_t k = 0; k < n; ++k) {
        T factor = x[k * (lu.leading + 1)];
        if (logs) {
          Real<T> size;
          if constexpr (math::is_complex_type<T>) {
            size = std::hypot(factor.real, factor.imag);
            factor = size == 0 ? T(0) : T(factor.real / size, factor.imag / size);
          } else {
            size = std::abs(factor);
            factor = std::isnan(factor) ? factor : T((factor > 0) - (factor < 0));
          }
          log += std::log(size);
        }
        product = product * factor;
        if (pivots[i * n + k] != k + 1) product = -product;
      }
      products[i] = product;
      if (logs) logs[i] = log;
    });
  });
}

void solve_triangular(DType dtype, const MatrixBatch& a, const MatrixBatch& b, const TriangularSolve& how) {
  visit_lapack(dtype, "triangular_solve_cpu", [&]<class T>() {
    const Int m = b.rows, n = b.columns, order = a.rows;
    const bool ours = how.left && order <= kSmall;
    const LapackTable<T>* const routines = ours ? nullptr : &lapack<T>();
    const T one(1);
    for_each_matrix(b.count, m * n * order, [&](int64_t i) {
      const T* const factor = matrix<T>(a, i);
      T* const x = matrix<T>(b, i);
      if (routines)
        return routines->trsm(how.left ? "L" : "R", triangle(how.upper), letter(how.op),
                              how.unit_diagonal ? "U" : "N", &m, &n, &one, factor, &a.leading, x, &b.leading,
                              1, 1, 1, 1);
      for (int64_t j = 0; j < n; ++j) {
        T* const column = x + j * b.leading;
        switch (how.op) {
          case MatrixOp::Plain:
            (how.upper ? small::solve_upper<T> : small::solve_lower<T>)(order, factor, a.leading,
                                                                        how.unit_diagonal, column);
            break;
          case MatrixOp::Transposed:
            (how.upper ? small::solve_upper_transposed<false, T>
                       : small::solve_lower_transposed<false, T>)(order, factor, a.leading, how.unit_diagonal,
                                                                  column);
            break;
          case MatrixOp::Adjoint:
            (how.upper ? small::solve_upper_transposed<true, T>
                       : small::solve_lower_transposed<true, T>)(order, factor, a.leading, how.unit_diagonal,
                                                                 column);
        }
      }
    });
  });
}

void ldl_factor(DType dtype, const MatrixBatch& a, bool hermitian, int32_t* pivots, int32_t* infos) {
  visit_lapack(dtype, "ldl_factor_kernel_cpu", [&]<class T>() {
    const Int n = a.rows;
    const auto factor = hermitian ? lapack<T>().hetrf : lapack<T>().sytrf;
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      factor("L", &n, matrix<T>(a, 0), &a.leading, nullptr, work, wanted, info, 1);
    });
    for_each_matrix(a.count, n * n * n / 3, [&](int64_t i) {
      Int* const longer = long_pivots(n);
      Int info = 0;
      factor("L", &n, matrix<T>(a, i), &a.leading, longer, work_of<T>(size), &size, &info, 1);
      store_pivots(longer, n, pivots + i * n);
      infos[i] = static_cast<int32_t>(info);
    });
  });
}

void ldl_solve(DType dtype, const MatrixBatch& ld, const int32_t* pivots, bool hermitian,
               const MatrixBatch& b) {
  visit_lapack(dtype, "ldl_solve_kernel_cpu", [&]<class T>() {
    const Int n = b.rows, columns = b.columns;
    const int64_t pivot_step = ld.batch_stride ? n : 0;
    const auto solve = hermitian ? lapack<T>().hetrs : lapack<T>().sytrs;
    for_each_matrix(b.count, 2 * n * n * columns, [&](int64_t i) {
      Int info = 0;
      solve("L", &n, &columns, matrix<T>(ld, i), &ld.leading, long_pivots(pivots + i * pivot_step, n),
            matrix<T>(b, i), &b.leading, &info, 1);
    });
  });
}

void qr_factor(DType dtype, const MatrixBatch& a, void* tau) {
  visit_lapack(dtype, "geqrf_cpu", [&]<class T>() {
    const Int m = a.rows, n = a.columns, reflectors = std::min(m, n);
    const auto& routines = lapack<T>();
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      routines.geqrf(&m, &n, matrix<T>(a, 0), &a.leading, static_cast<T*>(tau), work, wanted, info);
    });
    for_each_matrix(a.count, 2 * m * n * reflectors, [&](int64_t i) {
      Int info = 0;
      routines.geqrf(&m, &n, matrix<T>(a, i), &a.leading, static_cast<T*>(tau) + i * reflectors,
                     work_of<T>(size), &size, &info);
    });
  });
}

void qr_columns(DType dtype, const MatrixBatch& a, int64_t reflectors, const void* tau) {
  visit_lapack(dtype, "orgqr_cpu", [&]<class T>() {
    const Int m = a.rows, n = a.columns, k = reflectors;
    const auto& routines = lapack<T>();
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      routines.orgqr(&m, &n, &k, matrix<T>(a, 0), &a.leading, static_cast<const T*>(tau), work, wanted, info);
    });
    for_each_matrix(a.count, 4 * m * n * k, [&](int64_t i) {
      Int info = 0;
      routines.orgqr(&m, &n, &k, matrix<T>(a, i), &a.leading, static_cast<const T*>(tau) + i * k,
                     work_of<T>(size), &size, &info);
    });
  });
}

void qr_multiply(DType dtype, const MatrixBatch& reflectors, const void* tau, const MatrixBatch& c, bool left,
                 MatrixOp op) {
  visit_lapack(dtype, "ormqr_cpu", [&]<class T>() {
    const Int m = c.rows, n = c.columns, k = reflectors.columns;
    // The real routine calls the adjoint the transpose.
    const char* const how = op == MatrixOp::Plain ? "N" : math::is_complex_type<T> ? "C" : "T";
    const char* const side = left ? "L" : "R";
    const auto& routines = lapack<T>();
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      routines.ormqr(side, how, &m, &n, &k, matrix<T>(reflectors, 0), &reflectors.leading,
                     static_cast<const T*>(tau), matrix<T>(c, 0), &c.leading, work, wanted, info, 1, 1);
    });
    for_each_matrix(c.count, 4 * m * n * k, [&](int64_t i) {
      Int info = 0;
      routines.ormqr(side, how, &m, &n, &k, matrix<T>(reflectors, i), &reflectors.leading,
                     static_cast<const T*>(tau) + i * k, matrix<T>(c, i), &c.leading, work_of<T>(size), &size,
                     &info, 1, 1);
    });
  });
}

}  // namespace flambeau::cpu
