#include "core/cpu/linalg/spectral.h"

#include <array>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "core/cpu/linalg/batches.h"
#include "core/cpu/linalg/jacobi.h"

namespace flambeau::cpu {
namespace {

using Int = LapackInt;

// The calling thread's working memory, in pieces of several types.
template <class... T>
std::tuple<T*...> work_pieces(const std::array<Int, sizeof...(T)>& counts) {
  const std::array<size_t, sizeof...(T)> sizes{sizeof(T)...};
  std::array<size_t, sizeof...(T)> at{};
  size_t total = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    at[i] = total;
    total += (static_cast<size_t>(std::max<Int>(counts[i], 1)) * sizes[i] + 63) & ~size_t{63};
  }
  char* const block = static_cast<char*>(thread_scratch(kWorkScratch, total));
  return [&]<size_t... I>(std::index_sequence<I...>) {
    return std::tuple<T*...>(reinterpret_cast<T*>(block + at[I])...);
  }(std::index_sequence_for<T...>{});
}

enum class Content { Finite, Infinite, Nan };

template <class T>
Content content(const T* a, int64_t rows, int64_t columns, int64_t leading) {
  using R = Real<T>;
  constexpr int64_t parts = sizeof(T) / sizeof(R);
  R sum = 0;  // of zeros, and NaN where something is not finite
  for (int64_t j = 0; j < columns; ++j) {
    const R* const column = reinterpret_cast<const R*>(a + j * leading);
    for (int64_t i = 0; i < rows * parts; ++i) sum += column[i] * R(0);
  }
  if (sum == 0) return Content::Finite;
  for (int64_t j = 0; j < columns; ++j) {
    const R* const column = reinterpret_cast<const R*>(a + j * leading);
    for (int64_t i = 0; i < rows * parts; ++i)
      if (std::isnan(column[i])) return Content::Nan;
  }
  return Content::Infinite;
}

template <class T>
void fill_nan(T* x, int64_t n) {
  std::fill_n(x, n, T(std::numeric_limits<Real<T>>::quiet_NaN()));
}
template <class T>
void fill_nan(T* x, const MatrixBatch& like) {
  for (int64_t j = 0; j < like.columns; ++j) fill_nan(x + j * like.leading, like.rows);
}

// What LAPACK returned, as the operators read it: arguments are never wrong.
int32_t stored(Int info) { return static_cast<int32_t>(info); }

}  // namespace

void svd(DType dtype, const MatrixBatch& a, void* values, const MatrixBatch& u, const MatrixBatch& vh,
         int32_t* infos) {
  if (a.count == 0) return;
  visit_lapack(dtype, "linalg_svd_cpu", [&]<class T>() {
    using R = Real<T>;
    constexpr bool is_complex = math::is_complex_type<T>;
    const Int m = a.rows, n = a.columns, k = std::min(m, n), larger = std::max(m, n);
    const bool vectors = u.data;
    const char* const job = !vectors ? "N" : u.columns == m && vh.rows == n ? "A" : "S";
    const bool tiny = k <= jacobi::kMost && larger <= 2 * jacobi::kMost;
    const auto run = [&](T* x, R* s, T* left, T* right, T* work, const Int* size, R* reals, Int* integers,
                         Int* info) {
      if constexpr (is_complex)
        lapack<T>().gesdd(job, &m, &n, x, &a.leading, s, left, &u.leading, right, &vh.leading, work, size,
                          reals, integers, info, 1);
      else
        lapack<T>().gesdd(job, &m, &n, x, &a.leading, s, left, &u.leading, right, &vh.leading, work, size,
                          integers, info, 1);
    };
    const auto wanted_size = [&] {
      return work_size<T>([&](T* work, const Int* wanted, Int* info) {
        run(nullptr, nullptr, nullptr, nullptr, work, wanted, nullptr, nullptr, info);
      });
    };
    const Int known_size = tiny ? 0 : wanted_size();
    const Int reals_size = !is_complex ? 0
                           : vectors   ? k * std::max(5 * k + 7, 2 * larger + 2 * k + 1)
                                       : 7 * k;
    for_each_matrix(a.count, (vectors ? 20 : 6) * m * n * k, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      R* const s = static_cast<R*>(values) + i * k;
      T* const left = vectors ? matrix<T>(u, i) : nullptr;
      T* const right = vectors ? matrix<T>(vh, i) : nullptr;
      const Content there = content(x, m, n, a.leading);
      if (there == Content::Finite) {
        Int info = 0;
        if (tiny &&
            jacobi::svd(m, n, x, a.leading, s, left, u.leading, u.columns, right, vh.leading, vh.rows)) {
          infos[i] = 0;
          return;
        }
        const Int size = tiny ? wanted_size() : known_size;
        const auto [work, reals, integers] = work_pieces<T, R, Int>({size, reals_size, 8 * k});
        run(x, s, left, right, work, &size, reals, integers, &info);
        infos[i] = stored(info);
        return;
      }
      infos[i] = there == Content::Nan ? -4 : 0;  // the place of A, as LAPACK has it
      fill_nan(s, k);
      if (vectors) {
        fill_nan(left, u);
        fill_nan(right, vh);
      }
    });
  });
}

namespace {

// From this order on the three steps of syevd are taken one by one.
constexpr Int kSteps = 64;
constexpr int kShareScratch = 6;  // a slot of thread_scratch besides kWorkScratch

// Whether squares of the elements stay in range: syevd scales others.
template <class T>
bool is_ordinary(Int n, const T* a, Int lda, bool upper) {
  using R = Real<T>;
  R largest = 0;
  for (Int j = 0; j < n; ++j)
    for (Int i = upper ? 0 : j; i < (upper ? j + 1 : n); ++i)
      largest = std::max(largest, small::pivot_size(a[i + j * lda]));
  const R far = std::ldexp(R(1), std::numeric_limits<R>::max_exponent / 4);
  return largest == 0 || (largest < far && largest > 1 / far);
}

// What syevd does, with the last step, the vectors' way back from the tridiagonal matrix, shared by threads.
template <class T>
Int eigh_in_steps(Int n, T* a, Int lda, bool upper, Real<T>* values) {
  using R = Real<T>;
  constexpr bool is_complex = math::is_complex_type<T>;
  constexpr Int kBlock = 64;
  const auto& routines = lapack<T>();
  const Int work_size = std::max(kBlock * n, is_complex ? 1 : 1 + 4 * n + n * n);
  const Int reals_size = is_complex ? 1 + 4 * n + 2 * n * n : 0, integers_size = 3 + 5 * n;
  const auto pieces = work_pieces<T, T, T, R, R, Int>({n * n, n, work_size, n, reals_size, integers_size});
  T* const z = std::get<0>(pieces);
  T* const tau = std::get<1>(pieces);
  T* const work = std::get<2>(pieces);
  R* const beside = std::get<3>(pieces);
  R* const reals = std::get<4>(pieces);
  Int* const integers = std::get<5>(pieces);
  Int info = 0;
  routines.sytrd(triangle(upper), &n, a, &lda, values, beside, tau, work, &work_size, &info, 1);
  if constexpr (is_complex)
    routines.stedc("I", &n, values, beside, z, &n, work, &work_size, reals, &reals_size, integers,
                   &integers_size, &info, 1);
  else
    routines.stedc("I", &n, values, beside, z, &n, work, &work_size, integers, &integers_size, &info, 1);
  if (info) return info;
  parallel_for(0, n, kSteps, [&](int64_t first, int64_t last) {
    const Int columns = last - first, size = kBlock * columns;
    T* const share = static_cast<T*>(thread_scratch(kShareScratch, static_cast<size_t>(size) * sizeof(T)));
    Int ignored = 0;  // it fails for wrong arguments alone
    routines.ormtr("L", triangle(upper), "N", &n, &columns, a, &lda, tau, z + first * n, &n, share, &size,
                   &ignored, 1, 1, 1);
  });
  for (Int j = 0; j < n; ++j) std::copy_n(z + j * n, n, a + j * lda);
  return 0;
}

}  // namespace

void eigh(DType dtype, const MatrixBatch& a, void* values, bool upper, bool vectors, int32_t* infos) {
  if (a.count == 0) return;
  visit_lapack(dtype, "linalg_eigh_cpu", [&]<class T>() {
    using R = Real<T>;
    constexpr bool is_complex = math::is_complex_type<T>;
    const Int n = a.rows;
    const char* const job = vectors ? "V" : "N";
    const bool tiny = n <= jacobi::kMost;
    const auto run = [&](T* x, R* w, T* work, const Int* size, R* reals, const Int* reals_size, Int* integers,
                         const Int* integers_size, Int* info) {
      if constexpr (is_complex)
        lapack<T>().syevd(job, triangle(upper), &n, x, &a.leading, w, work, size, reals, reals_size, integers,
                          integers_size, info, 1, 1);
      else
        lapack<T>().syevd(job, triangle(upper), &n, x, &a.leading, w, work, size, integers, integers_size,
                          info, 1, 1);
    };
    struct Sizes {
      Int work, reals, integers;
    };
    const auto wanted_sizes = [&]() -> Sizes {
      R reals{};
      Int integers = 0;
      const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
        run(nullptr, nullptr, work, wanted, &reals, wanted, &integers, wanted, info);
      });
      return {size, is_complex ? std::max<Int>(1, static_cast<Int>(reals)) : 0, integers};
    };
    const Sizes known_sizes = tiny ? Sizes{} : wanted_sizes();
    for_each_matrix(a.count, (vectors ? 9 : 2) * n * n * n, [&](int64_t i) {
      T* const x = matrix<T>(a, i);
      R* const w = static_cast<R*>(values) + i * n;
      Content there = Content::Finite;
      for (int64_t j = 0; j < n; ++j)  // the triangle that counts
        there = std::max(there,
                         content(x + j * a.leading + (upper ? 0 : j), upper ? j + 1 : n - j, 1, a.leading));
      if (there == Content::Finite) {
        if (tiny && jacobi::eigh(n, x, a.leading, upper, w, vectors)) {
          infos[i] = 0;
          return;
        }
        if (vectors && n >= kSteps && is_ordinary(n, x, a.leading, upper)) {
          infos[i] = stored(eigh_in_steps(n, x, a.leading, upper, w));
          return;
        }
        const Sizes sizes = tiny ? wanted_sizes() : known_sizes;
        const auto [work, reals, integers] =
            work_pieces<T, R, Int>({sizes.work, sizes.reals, sizes.integers});
        Int info = 0;
        run(x, w, work, &sizes.work, reals, &sizes.reals, integers, &sizes.integers, &info);
        infos[i] = stored(info);
        return;
      }
      infos[i] = there == Content::Nan || !vectors ? std::max(stored(vectors ? n - 1 : 1), 1) : 0;
      fill_nan(w, n);
      fill_nan(x, a);
    });
  });
}

namespace {

// Real matrices have eigenvectors in conjugate pairs, of which LAPACK gives the parts in two columns.
template <class R>
void join_pairs(int64_t n, const R* im, const R* packed, Complex<R>* vectors) {
  for (int64_t j = 0; j < n; ++j) {
    const R* const column = packed + j * n;
    Complex<R>* const to = vectors + j * n;
    if (im[j] == 0 || j + 1 == n) {
      for (int64_t i = 0; i < n; ++i) to[i] = column[i];
      continue;
    }
    for (int64_t i = 0; i < n; ++i) {
      to[i] = {column[i], column[i + n]};
      to[i + n] = {column[i], -column[i + n]};
    }
    ++j;
  }
}

}  // namespace

void eig(DType dtype, const MatrixBatch& a, void* values, void* vectors, int32_t* infos) {
  if (a.count == 0) return;
  visit_lapack(dtype, "linalg_eig_out_cpu", [&]<class T>() {
    using R = Real<T>;
    constexpr bool is_complex = math::is_complex_type<T>;
    const Int n = a.rows, one = 1;
    const char* const job = vectors ? "V" : "N";
    const auto& routines = lapack<T>();
    // w: the real parts, then the imaginary ones, of a real matrix.
    const auto run = [&](T* x, T* w, T* to, T* work, const Int* size, R* reals, Int* info) {
      if constexpr (is_complex)
        routines.geev("N", job, &n, x, &a.leading, w, nullptr, &one, to, &n, work, size, reals, info, 1, 1);
      else
        routines.geev("N", job, &n, x, &a.leading, w, w + n, nullptr, &one, to, &n, work, size, info, 1, 1);
    };
    T none[2];
    R no_reals;  // written in passing
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      run(nullptr, none, nullptr, work, wanted, &no_reals, info);
    });
    for_each_matrix(a.count, (vectors ? 25 : 10) * n * n * n, [&](int64_t i) {
      Complex<R>* const w = static_cast<Complex<R>*>(values) + i * n;
      Complex<R>* const to = vectors ? static_cast<Complex<R>*>(vectors) + i * n * n : nullptr;
      Int info = 0;
      if constexpr (is_complex) {
        const auto [work, reals] = work_pieces<T, R>({size, 2 * n});
        run(matrix<T>(a, i), w, to, work, &size, reals, &info);
      } else {
        const auto [work, parts, packed] = work_pieces<T, T, T>({size, 2 * n, to ? n * n : 0});
        run(matrix<T>(a, i), parts, packed, work, &size, nullptr, &info);
        for (int64_t j = 0; j < n; ++j) w[j] = {parts[j], parts[n + j]};
        if (to) join_pairs(n, parts + n, packed, to);
      }
      infos[i] = stored(info);
    });
  });
}

void lstsq(DType dtype, const MatrixBatch& a, const MatrixBatch& b, LeastSquares method, double rcond,
           int64_t* ranks, void* values, int32_t* infos) {
  if (a.count == 0) return;
  visit_lapack(dtype, "torch.linalg.lstsq", [&]<class T>() {
    using R = Real<T>;
    constexpr bool is_complex = math::is_complex_type<T>;
    const Int m = a.rows, n = a.columns, k = std::min(m, n), columns = b.columns;
    const R limit = static_cast<R>(rcond);
    const auto& routines = lapack<T>();
    const auto run = [&](T* x, T* y, R* s, Int* rank, T* work, const Int* size, R* reals, Int* integers,
                         Int* info) {
      const Int *lda = &a.leading, *ldb = &b.leading;
      switch (method) {
        case LeastSquares::Gels:
          return routines.gels("N", &m, &n, &columns, x, lda, y, ldb, work, size, info, 1);
        case LeastSquares::Gelsy:
          if constexpr (is_complex)
            return routines.gelsy(&m, &n, &columns, x, lda, y, ldb, integers, &limit, rank, work, size, reals,
                                  info);
          else
            return routines.gelsy(&m, &n, &columns, x, lda, y, ldb, integers, &limit, rank, work, size, info);
        case LeastSquares::Gelsd:
          if constexpr (is_complex)
            return routines.gelsd(&m, &n, &columns, x, lda, y, ldb, s, &limit, rank, work, size, reals,
                                  integers, info);
          else
            return routines.gelsd(&m, &n, &columns, x, lda, y, ldb, s, &limit, rank, work, size, integers,
                                  info);
        case LeastSquares::Gelss:
          if constexpr (is_complex)
            return routines.gelss(&m, &n, &columns, x, lda, y, ldb, s, &limit, rank, work, size, reals, info);
          else
            return routines.gelss(&m, &n, &columns, x, lda, y, ldb, s, &limit, rank, work, size, info);
      }
    };
    R reals_wanted = 0;
    Int integers_wanted = 0, no_rank = 0;
    const Int size = work_size<T>([&](T* work, const Int* wanted, Int* info) {
      run(matrix<T>(a, 0), matrix<T>(b, 0), nullptr, &no_rank, work, wanted, &reals_wanted, &integers_wanted,
          info);
    });
    const bool divides = method == LeastSquares::Gelsd;
    const Int reals_size = divides ? static_cast<Int>(reals_wanted) : std::max(2 * n, 5 * k);
    const Int integers_size = divides ? integers_wanted : n;
    for_each_matrix(a.count, (method == LeastSquares::Gels ? 2 : 8) * m * n * k, [&](int64_t i) {
      if (content(matrix<T>(a, i), m, n, a.leading) != Content::Finite) {
        infos[i] = -4;
        return;
      }
      const auto [work, reals, integers] = work_pieces<T, R, Int>({size, reals_size, integers_size});
      if (method == LeastSquares::Gelsy) std::fill_n(integers, n, 0);  // every column may be exchanged
      Int rank = 0, info = 0;
      run(matrix<T>(a, i), matrix<T>(b, i), values ? static_cast<R*>(values) + i * k : nullptr, &rank, work,
          &size, reals, integers, &info);
      if (ranks) ranks[i] = rank;
      infos[i] = stored(info);
    });
  });
}

}  // namespace flambeau::cpu
