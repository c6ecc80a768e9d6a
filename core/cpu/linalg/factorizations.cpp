#include "core/cpu/linalg/factorizations.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cpu/linalg/batches.h"
#include "core/cpu/linalg/small.h"
#include "core/parallel/scratch.h"

namespace flambeau::cpu {
namespace {

using Int = LapackInt;

using small::kMost, small::kMostCholesky, small::kMostOther, small::kMostSolve, small::with_constant;
// A slot of thread_scratch, besides those of products and batches.h.
constexpr int kPivotScratch = 6;

// body(i, first, columns) for parts of the `columns` right sides of `count` systems, which take about `flops`
// operations each: all of them at once where there are systems enough for every thread.
template <class Body>
void for_each_share(int64_t count, int64_t columns, int64_t flops, const Body& body) {
  constexpr int64_t kWorthSharing = 1 << 17, kFewest = 16;
  const int64_t threads = num_threads();
  int64_t shares = 1;
  if (count < threads && flops > kWorthSharing) shares = std::clamp<int64_t>(columns / kFewest, 1, threads);
  for_each_matrix(count * shares, flops / shares, [&](int64_t share) {
    const int64_t part = share % shares, first = columns * part / shares;
    body(share / shares, first, columns * (part + 1) / shares - first);
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

// ---- one large matrix on several threads, by columns of blocks (Golub and Van Loan, sections 3.2.11, 4.2.9)

constexpr int64_t kPanel = 64;

// From which size on that is faster than LAPACK on one thread, depends on what a panel leaves to the others.
constexpr int64_t kLargeForFactors = 512, kLargeForColumns = 192;
bool worth_panels(int64_t count, int64_t n, int64_t large) { return count < num_threads() && n >= large; }

template <class T>
Int cholesky_in_panels(const LapackTable<T>& routines, Int n, T* a, Int lda) {
  const T one(1), minus(-1);
  for (Int j = 0; j < n; j += kPanel) {
    const Int width = std::min<Int>(kPanel, n - j), below = j + width, rest = n - below;
    T* const corner = a + j * (lda + 1);
    Int info = 0;
    routines.potrf("L", &width, corner, &lda, &info, 1);
    if (info) return info + j;
    parallel_for(0, rest, kPanel / 2, [&](int64_t first, int64_t last) {
      const Int rows = last - first;
      routines.trsm("R", "L", "C", "N", &rows, &width, &one, corner, &lda, corner + width + first, &lda, 1, 1,
                    1, 1);
    });
    // Columns get shorter: a long one and a short one beside each other make even shares.
    constexpr Int kBlock = kPanel / 2;
    const Int blocks = (rest + kBlock - 1) / kBlock;
    parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const Int start = below + (i % 2 ? blocks - 1 - i / 2 : i / 2) * kBlock;
        const Int rows = n - start, columns = std::min<Int>(kBlock, rows);
        const T* const left = a + start + j * lda;
        routines.gemm("N", "C", &rows, &columns, &width, &minus, left, &lda, left, &lda, &one,
                      a + start * (lda + 1), &lda, 1, 1);
      }
    });
  }
  return 0;
}

template <class T>
Int lu_in_panels(const LapackTable<T>& routines, Int m, Int n, T* a, Int lda, Int* pivots) {
  const T one(1), minus(-1);
  const Int first_pivot = 1, step = 1, count = std::min(m, n);
  Int info = 0;
  for (Int j = 0; j < count; j += kPanel) {
    const Int width = std::min<Int>(kPanel, count - j), rows = m - j, below = rows - width;
    T* const corner = a + j * (lda + 1);
    Int failed = 0;
    routines.getrf(&rows, &width, corner, &lda, pivots + j, &failed);
    if (failed && !info) info = failed + j;
    parallel_for(0, n - width, kPanel / 2, [&](int64_t first, int64_t last) {
      if (first < j) {  // to the left of the panel
        const Int columns = std::min<Int>(last, j) - first;
        routines.laswp(&columns, a + j + first * lda, &lda, &first_pivot, &width, pivots + j, &step);
      }
      if (last <= j) return;
      const Int begin = std::max<Int>(first, j) + width, columns = last + width - begin;
      T* const top = a + j + begin * lda;
      routines.laswp(&columns, top, &lda, &first_pivot, &width, pivots + j, &step);
      routines.trsm("L", "L", "N", "U", &width, &columns, &one, corner, &lda, top, &lda, 1, 1, 1, 1);
      if (below)
        routines.gemm("N", "N", &below, &columns, &width, &minus, corner + width, &lda, top, &lda, &one,
                      top + width, &lda, 1, 1);
    });
    for (Int k = j; k < j + width; ++k) pivots[k] += j;
  }
  return info;
}

// Column by column of the identity, for threads to share; LAPACK's way has fewer operations, but on one
// thread.
template <class T>
Int inverse_in_panels(const LapackTable<T>& routines, Int n, T* a, Int lda, Int* pivots) {
  Int info = 0;
  if (n >= kLargeForFactors)
    info = lu_in_panels(routines, n, n, a, lda, pivots);
  else
    routines.getrf(&n, &n, a, &lda, pivots, &info);
  if (info) return info;
  T* const factors = work_of<T>(n * n);
  for (Int j = 0; j < n; ++j) {
    std::copy_n(a + j * lda, n, factors + j * n);
    std::fill_n(a + j * lda, n, T(0));
    a[j * (lda + 1)] = T(1);
  }
  parallel_for(0, n, kPanel / 2, [&](int64_t first, int64_t last) {
    const Int columns = last - first;
    Int unused = 0;
    routines.getrs("N", &n, &columns, factors, &n, pivots, a + first * lda, &lda, &unused, 1);
  });
  return 0;
}

// The reflections of a panel, and how a thread applies them to columns to the right of it.
template <class T>
class ReflectionPanel {
 public:
  ReflectionPanel(const LapackTable<T>& routines, Int rows, Int width, const T* v, Int ldv, const T* tau)
      : routines_(routines), rows_(rows), width_(width), v_(v), ldv_(ldv) {
    routines_.larft("F", "C", &rows_, &width_, v_, &ldv_, tau, t_, &width_, 1, 1);
  }
  void apply(const char* op, T* c, Int ldc, int64_t columns) const {
    parallel_for(0, columns, kReflections, [&](int64_t first, int64_t last) {
      const Int count = last - first;
      routines_.larfb("L", op, "F", "C", &rows_, &count, &width_, v_, &ldv_, t_, &width_, c + first * ldc,
                      &ldc, work_of<T>(count * width_), &count, 1, 1, 1, 1);
    });
  }
  static constexpr Int kReflections = 32;

 private:
  const LapackTable<T>& routines_;
  Int rows_, width_;
  const T* v_;
  Int ldv_;
  T t_[kReflections * kReflections];
};

template <class T>
void qr_in_panels(const LapackTable<T>& routines, Int m, Int n, T* a, Int lda, T* tau) {
  constexpr Int kWidth = ReflectionPanel<T>::kReflections, kWork = kWidth * kWidth;
  const Int count = std::min(m, n);
  for (Int j = 0; j < count; j += kWidth) {
    const Int width = std::min<Int>(kWidth, count - j), rows = m - j, behind = n - j - width;
    T* const corner = a + j * (lda + 1);
    Int info = 0;
    routines.geqrf(&rows, &width, corner, &lda, tau + j, work_of<T>(kWork), &kWork, &info);
    if (behind)
      ReflectionPanel<T>(routines, rows, width, corner, lda, tau + j)
          .apply(math::is_complex_type<T> ? "C" : "T", corner + width * lda, lda, behind);
  }
}

template <class T>
void qr_columns_in_panels(const LapackTable<T>& routines, Int m, Int n, Int k, T* a, Int lda, const T* tau) {
  constexpr Int kWidth = ReflectionPanel<T>::kReflections, kWork = kWidth * kWidth;
  for (Int j = k; j < n; ++j) {
    std::fill_n(a + j * lda, m, T(0));
    a[j * (lda + 1)] = T(1);
  }
  for (Int j = (k - 1) / kWidth * kWidth; j >= 0; j -= kWidth) {
    const Int width = std::min<Int>(kWidth, k - j), rows = m - j, behind = n - j - width;
    T* const corner = a + j * (lda + 1);
    if (behind)
      ReflectionPanel<T>(routines, rows, width, corner, lda, tau + j)
          .apply("N", corner + width * lda, lda, behind);
    Int info = 0;
    routines.orgqr(&rows, &width, &width, corner, &lda, tau + j, work_of<T>(kWork), &kWork, &info);
    for (Int c = j; c < j + width; ++c) std::fill_n(a + c * lda, j, T(0));
  }
}

}  // namespace

void cholesky(DType dtype, const MatrixBatch& a, bool upper, int32_t* infos) {
  visit_lapack(dtype, "cholesky_cpu", [&]<class T>() {
    const Int n = a.rows;
    const LapackTable<T>* const routines = n > kMostCholesky ? &lapack<T>() : nullptr;
    for_each_matrix(a.count, n * n * n / 3, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      if (routines) {
        Int info = 0;
        if (!upper && worth_panels(a.count, n, kLargeForFactors))
          info = cholesky_in_panels(*routines, n, x, a.leading);
        else
          routines->potrf(triangle(upper), &n, x, &a.leading, &info, 1);
        infos[i] = static_cast<int32_t>(info);
      } else {
        infos[i] = upper ? small::cholesky_upper(n, x, a.leading) : with_constant<T>(n, [&](auto order) {
          return small::cholesky_lower(order, x, a.leading);
        });
      }
      if (routines || upper || infos[i]) zero_triangle(x, n, a.leading, !upper);
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
    for_each_share(b.count, columns, 2 * n * n * columns, [&](int64_t i, int64_t first, Int width) {
      Int info = 0;
      routines.potrs(triangle(upper), &n, &width, matrix<T>(factor, i), &factor.leading,
                     matrix<T>(b, i) + first * b.leading, &b.leading, &info, 1);
    });
  });
}

void lu_factor(DType dtype, const MatrixBatch& a, int32_t* pivots, int32_t* infos) {
  visit_lapack(dtype, "lu_cpu", [&]<class T>() {
    const Int m = a.rows, n = a.columns, exchanges = std::min(m, n);
    const bool ours = exchanges <= kMost && std::max(m, n) <= kMostOther;
    const LapackTable<T>* const routines = ours ? nullptr : &lapack<T>();
    for_each_matrix(a.count, m * n * exchanges * 2 / 3, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      int32_t* const to = pivots + i * exchanges;
      if (!routines) {
        infos[i] = with_constant<T>(m == n ? n : 0, [&](auto order) {
          return order ? small::lu_factor(order, order, x, a.leading, to)
                       : small::lu_factor<int64_t>(m, n, x, a.leading, to);
        });
        return;
      }
      Int* const longer = long_pivots(exchanges);
      Int info = 0;
      if (worth_panels(a.count, exchanges, kLargeForFactors))
        info = lu_in_panels(*routines, m, n, x, a.leading, longer);
      else
        routines->getrf(&m, &n, x, &a.leading, longer, &info);
      store_pivots(longer, exchanges, to);
      infos[i] = static_cast<int32_t>(info);
    });
  });
}

namespace {

// call.operator()<op>() with the operation as a constant.
template <class T, class Call>
void with_op(MatrixOp op, const Call& call) {
  if (op == MatrixOp::Plain) return call.template operator()<MatrixOp::Plain>();
  if constexpr (math::is_complex_type<T>)
    if (op == MatrixOp::Adjoint) return call.template operator()<MatrixOp::Adjoint>();
  call.template operator()<MatrixOp::Transposed>();
}

}  // namespace

void lu_solve(DType dtype, const MatrixBatch& lu, const int32_t* pivots, const MatrixBatch& b, MatrixOp op) {
  visit_lapack(dtype, "linalg.lu_solve_cpu", [&]<class T>() {
    const Int n = b.rows, columns = b.columns;
    const int64_t pivot_step = lu.batch_stride ? n : 0;
    const LapackTable<T>* const routines = n > kMostSolve ? &lapack<T>() : nullptr;
    for_each_share(b.count, columns, 2 * n * n * columns, [&](int64_t i, int64_t first, Int width) {
      const T* const factors = matrix<T>(lu, i);
      const int32_t* const from = pivots + i * pivot_step;
      T* const x = matrix<T>(b, i) + first * b.leading;
      if (!routines) {
        with_op<T>(op, [&]<MatrixOp constant_op>() {
          with_constant<T>(n, [&](auto order) {
            small::lu_solve<constant_op>(order, factors, lu.leading, from, x, b.leading, width);
          });
        });
        return;
      }
      Int info = 0;
      routines->getrs(letter(op), &n, &width, factors, &lu.leading, long_pivots(from, n), x, &b.leading,
                      &info, 1);
    });
  });
}

void inverse(DType dtype, const MatrixBatch& a, int32_t* infos) {
  visit_lapack(dtype, "lu_cpu", [&]<class T>() {
    const Int n = a.rows;
    const LapackTable<T>* const routines = n > kMost ? &lapack<T>() : nullptr;
    Int size = 0;
    if (routines)
      size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
        routines->getri(&n, matrix<T>(a, 0), &a.leading, nullptr, work, wanted, info);
      });
    for_each_matrix(a.count, 2 * n * n * n, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      if (routines) {
        Int* const pivots = long_pivots(n);
        Int info = 0;
        if (worth_panels(a.count, n, kLargeForColumns)) {
          info = inverse_in_panels(*routines, n, x, a.leading, pivots);
        } else {
          routines->getrf(&n, &n, x, &a.leading, pivots, &info);
          Int unused = 0;
          if (!info) routines->getri(&n, x, &a.leading, pivots, work_of<T>(size), &size, &unused);
        }
        infos[i] = static_cast<int32_t>(info);
      } else {
        int32_t pivots[kMost];
        infos[i] = with_constant<T>(n, [&](auto order) {
          const int32_t info = small::lu_factor(order, order, x, a.leading, pivots);
          if (!info) small::inverse_of_lu(order, x, a.leading, pivots, work_of<T>(n));
          return info;
        });
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
    const bool ours = how.left && order <= kMostSolve;
    const LapackTable<T>* const routines = ours ? nullptr : &lapack<T>();
    const T one(1);
    const int64_t sides = how.left ? n : m;
    for_each_share(b.count, sides, m * n * order, [&](int64_t i, int64_t first, Int width) {
      const T* const factor = matrix<T>(a, i);
      T* const x = matrix<T>(b, i) + first * (how.left ? b.leading : 1);
      if (routines)
        return routines->trsm(how.left ? "L" : "R", triangle(how.upper), letter(how.op),
                              how.unit_diagonal ? "U" : "N", how.left ? &m : &width, how.left ? &width : &n,
                              &one, factor, &a.leading, x, &b.leading, 1, 1, 1, 1);
      with_op<T>(how.op, [&]<MatrixOp constant_op>() {
        with_constant<T>(order, [&](auto count) {
          small::solve_triangular<constant_op>(count, factor, a.leading, how.upper, how.unit_diagonal, x,
                                               b.leading, width);
        });
      });
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
    if (n <= kMost && m <= kMostOther)
      return for_each_matrix(a.count, 2 * m * n * reflectors, [&](int64_t i) {
        T *const x = matrix<T>(a, i), *const to = static_cast<T*>(tau) + i * reflectors;
        with_constant<T>(m == n ? n : 0, [&](auto order) {
          if (order)
            small::qr_factor(order, order, x, a.leading, to);
          else
            small::qr_factor<int64_t>(m, n, x, a.leading, to);
        });
      });
    const auto& routines = lapack<T>();
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      routines.geqrf(&m, &n, matrix<T>(a, 0), &a.leading, static_cast<T*>(tau), work, wanted, info);
    });
    for_each_matrix(a.count, 2 * m * n * reflectors, [&](int64_t i) {
      if (worth_panels(a.count, reflectors, kLargeForColumns))
        return qr_in_panels(routines, m, n, matrix<T>(a, i), a.leading,
                            static_cast<T*>(tau) + i * reflectors);
      Int info = 0;
      routines.geqrf(&m, &n, matrix<T>(a, i), &a.leading, static_cast<T*>(tau) + i * reflectors,
                     work_of<T>(size), &size, &info);
    });
  });
}

void qr_columns(DType dtype, const MatrixBatch& a, int64_t reflectors, const void* tau) {
  visit_lapack(dtype, "orgqr_cpu", [&]<class T>() {
    const Int m = a.rows, n = a.columns, k = reflectors;
    if (n <= kMost && m <= kMostOther)
      return for_each_matrix(a.count, 4 * m * n * k, [&](int64_t i) {
        T* const x = matrix<T>(a, i);
        const T* const from = static_cast<const T*>(tau) + i * k;
        with_constant<T>(m == n ? n : 0, [&](auto order) {
          if (order)
            small::qr_columns(order, order, k, x, a.leading, from);
          else
            small::qr_columns<int64_t>(m, n, k, x, a.leading, from);
        });
      });
    const auto& routines = lapack<T>();
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      routines.orgqr(&m, &n, &k, matrix<T>(a, 0), &a.leading, static_cast<const T*>(tau), work, wanted, info);
    });
    for_each_matrix(a.count, 4 * m * n * k, [&](int64_t i) {
      if (worth_panels(a.count, k, kLargeForColumns))
        return qr_columns_in_panels(routines, m, n, k, matrix<T>(a, i), a.leading,
                                    static_cast<const T*>(tau) + i * k);
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
