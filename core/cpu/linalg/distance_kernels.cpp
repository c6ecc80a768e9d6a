#include "core/cpu/lanes.h"
#include "core/cpu/linalg/distances.h"
#include "core/math/numeric.h"
#include "core/math/pow.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// A norm: what a difference adds to `total`, for vectors and single numbers alike, and how totals join.
struct Count {
  template <class V>
  static void step(V& total, V x) {
    total += x != 0 ? V{} + 1 : V{};
  }
  template <class T>
  static void join(T& total, T other) {
    total += other;
  }
};
struct Magnitude {
  template <class V>
  static void step(V& total, V x) {
    total += x < 0 ? -x : x;
  }
  template <class T>
  static void join(T& total, T other) {
    total += other;
  }
};
struct Square {
  template <class V>
  static void step(V& total, V x) {
    total += x * x;
  }
  template <class T>
  static void join(T& total, T other) {
    total += other;
  }
};
struct Largest {
  template <class V>
  static void step(V& total, V x) {
    const V size = x < 0 ? -x : x;
    total = size > total ? size : total;
    total = size != size ? size : total;  // NaN stays
  }
  template <class T>
  static void join(T& total, T other) {
    step(total, other);
  }
};

template <class Norm, class T>
T distance(int64_t n, const T* a, const T* b) {
  constexpr int64_t kStep = kLanes<T>;
  T total = 0;
  int64_t i = 0;
  if (n >= kStep) {
    Vec<T> first{}, second{};
    for (; i + 2 * kStep <= n; i += 2 * kStep) {
      Norm::step(first, load(a + i) - load(b + i));
      Norm::step(second, load(a + i + kStep) - load(b + i + kStep));
    }
    if (i + kStep <= n) {
      Norm::step(first, load(a + i) - load(b + i));
      i += kStep;
    }
    for (int64_t k = 0; k < kStep; ++k) {
      Norm::join(total, first[k]);
      Norm::join(total, second[k]);
    }
  }
  for (; i < n; ++i) Norm::step(total, a[i] - b[i]);
  return total;
}

template <class Norm, class T>
void all(int64_t count, int64_t width, const T* row, const T* others, T* result) {
  for (int64_t j = 0; j < count; ++j) result[j] = distance<Norm>(width, row, others + j * width);
}

constexpr int64_t kChunk = 512;

// x^p in place of each of n numbers. `exponents` are kChunk times p: conditions on one number would keep the
// compiler from vectors.
template <class T>
void raise(int64_t n, const T* __restrict exponents, T* __restrict x) {
  for (int64_t first = 0; first < n; first += kChunk) {
    const int64_t here = smaller(kChunk, n - first);
#pragma GCC ivdep
    for (int64_t i = 0; i < here; ++i) x[first + i] = math::pow(x[first + i], exponents[i]);
  }
}

// As many rows at a time as fill a chunk: short ones, too, are raised in vectors.
template <class T>
void powers(int64_t count, int64_t width, T p, const T* row, const T* others, T* result) {
  T terms[kChunk], exponents[kChunk];
  for (T& exponent : exponents) exponent = p;
  const int64_t rows = width ? larger<int64_t>(1, kChunk / width) : count;
  for (int64_t j = 0; j < count; j += rows) {
    const int64_t there = smaller(rows, count - j);
    for (int64_t k = 0; k < there; ++k) result[j + k] = 0;
    for (int64_t i = 0; i < width; i += kChunk) {  // one part, unless a row is longer than a chunk
      const int64_t n = smaller(kChunk, width - i);
      for (int64_t k = 0; k < there; ++k) {
        const T* const other = others + (j + k) * width + i;
        for (int64_t l = 0; l < n; ++l) {
          const T x = row[i + l] - other[l];
          terms[k * n + l] = x < 0 ? -x : x;
        }
      }
      raise(there * n, exponents, terms);
      for (int64_t k = 0; k < there; ++k) {
        T total = 0;
        for (int64_t l = 0; l < n; ++l) total += terms[k * n + l];
        result[j + k] += total;
      }
    }
  }
  for (T& exponent : exponents) exponent = T(1) / p;
  raise(count, exponents, result);
}

template <class T>
void from_row(int64_t count, int64_t width, double p, const void* row, const void* others, void* result) {
  const T* const a = static_cast<const T*>(row);
  const T* const b = static_cast<const T*>(others);
  T* const to = static_cast<T*>(result);
  if (p == 0) return all<Count>(count, width, a, b, to);
  if (p == 1) return all<Magnitude>(count, width, a, b, to);
  if (p > 1e300) return all<Largest>(count, width, a, b, to);  // infinity
  if (p != 2) return powers(count, width, static_cast<T>(p), a, b, to);
  all<Square>(count, width, a, b, to);
  for (int64_t j = 0; j < count; ++j) to[j] = math::sqrt(to[j]);
}

}  // namespace

void fill(DistanceKernels& kernels) {
  kernels = {};
  kernels.from_row[static_cast<int>(DType::Float32)] = from_row<float>;
  kernels.from_row[static_cast<int>(DType::Float64)] = from_row<double>;
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
