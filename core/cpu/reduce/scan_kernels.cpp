// The kernels of running sums, products, maxima and minima. A kernel source: compiled once per instruction
// set.
#include "core/cpu/lanes.h"
#include "core/cpu/reduce/reduce.h"
#include "core/cpu/reduce/truth.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kScanTile = 512;

// Floating numbers accumulate in double, integers wrap in 64 bits.
template <class T>
struct Accumulator {
  using type = uint64_t;
};
template <>
struct Accumulator<float> {
  using type = double;
};
template <>
struct Accumulator<double> {
  using type = double;
};
template <class T>
struct OutputOf {
  using type = int64_t;
};
template <>
struct OutputOf<float> {
  using type = float;
};
template <>
struct OutputOf<double> {
  using type = double;
};

struct Plus {
  static constexpr int kIdentity = 0;
  template <class A>
  static A apply(A a, A b) {
    return a + b;
  }
};
struct Times {
  static constexpr int kIdentity = 1;
  template <class A>
  static A apply(A a, A b) {
    return a * b;
  }
};

// Eight elements a step: their own running values do not wait for the carry, so the chain of dependent
// operations is one per step. Returns the accumulator; y may be null.
template <class T, class Fold>
typename Accumulator<T>::type scan_row(const T* x, typename OutputOf<T>::type* y, int64_t n,
                                       typename Accumulator<T>::type carry) {
  using Out = typename OutputOf<T>::type;
  using A = typename Accumulator<T>::type;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    A run[8];
    run[0] = static_cast<A>(x[i]);
    for (int k = 1; k < 8; ++k) run[k] = Fold::apply(run[k - 1], static_cast<A>(x[i + k]));
    if (y)
      for (int k = 0; k < 8; ++k) y[i + k] = static_cast<Out>(Fold::apply(carry, run[k]));
    carry = Fold::apply(carry, run[7]);
  }
  for (; i < n; ++i) {
    carry = Fold::apply(carry, static_cast<A>(x[i]));
    if (y) y[i] = static_cast<Out>(carry);
  }
  return carry;
}

template <class T, class Fold>
void scan(const ScanRange& range, const void* input, void* output, int64_t*, void* carry) {
  using Out = typename OutputOf<T>::type;
  using A = typename Accumulator<T>::type;
  const T* const x = static_cast<const T*>(input);
  Out* const y = static_cast<Out*>(output);
  if (carry) {
    A* const start = static_cast<A*>(carry);
    *start = scan_row<T, Fold>(x, y, range.size, *start);
    return;
  }
  for (int64_t o = 0; o < range.outer; ++o) {
    const int64_t base = o * range.size * range.row_stride;
    if (range.inner == 1 && range.row_stride == 1) {
      scan_row<T, Fold>(x + base, y + base, range.size, static_cast<A>(Fold::kIdentity));
      continue;
    }
    A run[kScanTile];
    for (int64_t column = 0; column < range.inner; column += kScanTile) {
      const int64_t width = smaller(kScanTile, range.inner - column);
      for (int64_t c = 0; c < width; ++c) run[c] = static_cast<A>(Fold::kIdentity);
      for (int64_t i = 0; i < range.size; ++i) {
        const T* const from = x + base + i * range.row_stride + column;
        Out* const to = y + base + i * range.row_stride + column;
        for (int64_t c = 0; c < width; ++c) {
          run[c] = Fold::apply(run[c], static_cast<A>(from[c]));
          to[c] = static_cast<Out>(run[c]);
        }
      }
    }
  }
}

struct NotBelow {
  template <class T>
  static bool replaces(T x, T best) {
    return (x >= best) & (best == best);
  }
};
struct NotAbove {
  template <class T>
  static bool replaces(T x, T best) {
    return (x <= best) & (best == best);
  }
};

// The extreme seldom changes in a long row: a block in which nothing replaces it is filled at once.
template <class T, class Order>
void scan_extreme_row(const T* x, T* y, int64_t* indices, int64_t n) {
  constexpr int64_t kBlock = 32;
  T best = n ? x[0] : T{};
  int64_t at = 0;
  for (int64_t i = 0; i < n;) {
    const int64_t length = smaller(kBlock, n - i);
    if (length == kBlock) {
      MaskItem<T> any = 0;
      for (int64_t k = 0; k < kBlock; ++k)
        any |= static_cast<MaskItem<T>>((x[i + k] != x[i + k]) | Order::replaces(x[i + k], best));
      if (!any) {
        for (int64_t k = 0; k < kBlock; ++k) y[i + k] = best;
        for (int64_t k = 0; k < kBlock; ++k) indices[i + k] = at;
        i += kBlock;
        continue;
      }
    }
    for (const int64_t end = i + length; i < end; ++i) {
      const T item = x[i];
      if ((item != item) | Order::replaces(item, best)) {
        best = item;
        at = i;
      }
      y[i] = best;
      indices[i] = at;
    }
  }
}

template <class T, class Order>
void scan_extreme(const ScanRange& range, const void* input, void* output, int64_t* indices, void*) {
  const T* const x = static_cast<const T*>(input);
  T* const y = static_cast<T*>(output);
  for (int64_t o = 0; o < range.outer; ++o) {
    const int64_t base = o * range.size * range.row_stride;
    if (range.inner == 1 && range.row_stride == 1) {
      scan_extreme_row<T, Order>(x + base, y + base, indices + base, range.size);
      continue;
    }
    // Whole tiles of columns at a time, as memory lies.
    for (int64_t column = 0; column < range.inner; column += kScanTile) {
      const int64_t width = smaller(kScanTile, range.inner - column);
      T best[kScanTile];
      int64_t at[kScanTile];
      for (int64_t c = 0; c < width; ++c) {
        best[c] = range.size ? x[base + column + c] : T{};
        at[c] = 0;
      }
      for (int64_t i = 0; i < range.size; ++i) {
        const int64_t row = base + i * range.row_stride + column;
        for (int64_t c = 0; c < width; ++c) {
          const T item = x[row + c];
          const bool replaces = (item != item) | Order::replaces(item, best[c]);
          best[c] = replaces ? item : best[c];
          at[c] = replaces ? i : at[c];
          y[row + c] = best[c];
          indices[row + c] = at[c];
        }
      }
    }
  }
}

template <class T>
void fill_type(ReduceKernels& kernels, DType dtype) {
  const auto set = [&](Scan op, ScanKernel kernel) {
    kernels.scan[static_cast<int>(op)][static_cast<int>(dtype)] = kernel;
  };
  set(Scan::Sum, scan<T, Plus>);
  set(Scan::Prod, scan<T, Times>);
  set(Scan::Max, scan_extreme<T, NotBelow>);
  set(Scan::Min, scan_extreme<T, NotAbove>);
}

}  // namespace

void fill_scan(ReduceKernels& kernels) {
  fill_type<Truth>(kernels, DType::Bool);
  fill_type<uint8_t>(kernels, DType::UInt8);
  fill_type<int8_t>(kernels, DType::Int8);
  fill_type<int16_t>(kernels, DType::Int16);
  fill_type<int32_t>(kernels, DType::Int32);
  fill_type<int64_t>(kernels, DType::Int64);
  fill_type<float>(kernels, DType::Float32);
  fill_type<double>(kernels, DType::Float64);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
