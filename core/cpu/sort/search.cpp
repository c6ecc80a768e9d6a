#include "core/cpu/sort/search.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

// The first place whose boundary is not below the value (`kRight`: is above it); NaN is above all. The number
// of steps depends on the size alone, and no step on the outcome of a branch.
template <class T, bool kRight>
int64_t place_of(const T* boundaries, int64_t size, T value) {
  const auto below = [value](T boundary) { return kRight ? !(boundary > value) : !(boundary >= value); };
  const T* base = boundaries;
  for (int64_t left = size; left > 1;) {
    const int64_t half = left / 2;
    base += below(base[half - 1]) ? half : 0;
    left -= half;
  }
  return base - boundaries + (size && below(*base));
}

template <class T, bool kRight>
void search_rows(const SortedSearch& search, int64_t* places) {
  const T* const values = static_cast<const T*>(search.values);
  parallel_for(0, search.rows * search.per_row, 2048, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last;) {
      const int64_t row = i / search.per_row, end = std::min(last, (row + 1) * search.per_row);
      const T* const boundaries =
          static_cast<const T*>(search.boundaries) + (search.one_row ? 0 : row * search.size);
      for (; i < end; ++i) places[i] = place_of<T, kRight>(boundaries, search.size, values[i]);
    }
  });
}

template <class T>
void add_up(const int64_t* numbers, int64_t n, const T* weights, T* sums) {
  for (int64_t i = 0; i < n; ++i) sums[numbers[i]] += weights[i];
}

// ---- histograms

template <class T>
int64_t bin_of(const Histogram& histogram, const Histogram::Axis& axis, T x) {
  const T low = static_cast<T>(axis.low), high = static_cast<T>(axis.high);
  if (!(x >= low && x <= high)) return -1;
  const T* const edges = static_cast<const T*>(axis.edges);
  int64_t bin;
  if (histogram.find == Histogram::Find::Search) {
    bin = place_of<T, true>(edges, axis.bins + 1, x) - 1;
  } else {
    bin = static_cast<int64_t>((x - low) * static_cast<T>(axis.bins) / (high - low));
    if (histogram.find == Histogram::Find::DivideNear) {
      const int64_t first = std::max<int64_t>(0, bin - 1), last = std::min(bin + 2, axis.bins + 1);
      bin = first + place_of<T, true>(edges + first, last - first, x) - 1;
    }
  }
  return std::min(bin, axis.bins - 1);
}

template <class T>
void count_points(const Histogram& h, int64_t first, int64_t last, double* sums) {
  const T* const values = static_cast<const T*>(h.values);
  const T* const weights = static_cast<const T*>(h.weights);
  for (int64_t i = first; i < last; ++i) {
    int64_t place = 0;
    bool inside = true;
    for (int a = 0; a < h.axes; ++a) {
      const int64_t bin = bin_of(h, h.axis[a], values[i * h.axes + a]);
      inside &= bin >= 0;
      place = place * h.axis[a].bins + bin;
    }
    if (inside) sums[place] += weights ? static_cast<double>(weights[i]) : 1.0;
  }
}

}  // namespace

void search_sorted(DType dtype, const SortedSearch& search, int64_t* places) {
  visit_number(dtype, "searchsorted_out_cpu", [&]<class T>() {
    return search.right ? search_rows<T, true>(search, places) : search_rows<T, false>(search, places);
  });
}

void count_values(const int64_t* numbers, int64_t n, DType dtype, const void* weights, void* counts) {
  if (weights)
    return visit_floating(dtype, "bincount_cpu", [&]<class T>() {
      add_up(numbers, n, static_cast<const T*>(weights), static_cast<T*>(counts));
    });
  int64_t* const to = static_cast<int64_t*>(counts);
  for (int64_t i = 0; i < n; ++i) ++to[numbers[i]];
}

void histogram(DType dtype, const Histogram& h, void* counts) {
  int64_t bins = 1;
  for (int a = 0; a < h.axes; ++a) bins *= h.axis[a].bins;
  constexpr int64_t kGrain = 1 << 14;
  const int64_t parts = std::clamp<int64_t>(h.points / std::max(kGrain, bins), 1, num_threads());
  const int64_t length = (h.points + parts - 1) / parts;
  std::vector<double> sums(static_cast<size_t>(parts * bins));
  visit_floating(dtype, "histogramdd", [&]<class T>() {
    parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t p = first; p < last; ++p)
        count_points<T>(h, p * length, std::min(h.points, (p + 1) * length), sums.data() + p * bins);
    });
    T* const to = static_cast<T*>(counts);
    for (int64_t b = 0; b < bins; ++b) {
      double sum = 0;
      for (int64_t p = 0; p < parts; ++p) sum += sums[static_cast<size_t>(p * bins + b)];
      to[b] = static_cast<T>(sum);
    }
  });
}

namespace {

template <class Key>
int64_t unique_rows_by(DType dtype, int64_t rows, int64_t columns, const void* items,
                       const UniqueResults& results) {
  const std::unique_ptr<Key[]> keys(new Key[static_cast<size_t>(rows * columns)]);
  const KeyRange range =
      kernels().sort.keys[static_cast<int>(dtype)](items, 1, rows * columns, false, keys.get());
  constexpr int kItemBits = 8 * sizeof(Key);
  const int bits = std::min(kItemBits, 8 * static_cast<int>(item_size(dtype)));
  const Key nan = static_cast<Key>(~Key{0}) >> (kItemBits - bits);
  const bool has_nan = is_floating(dtype) && range.high == nan;
  const auto row = [&](int64_t i) { return keys.get() + i * columns; };

  const std::unique_ptr<int64_t[]> order(new int64_t[static_cast<size_t>(rows)]);
  for (int64_t i = 0; i < rows; ++i) order[static_cast<size_t>(i)] = i;
  std::stable_sort(order.get(), order.get() + rows, [&](int64_t a, int64_t b) {
    const auto [x, y] = std::mismatch(row(a), row(a) + columns, row(b));
    return x != row(a) + columns && *x < *y;
  });
  // A row with a NaN equals none.
  const auto same = [&](int64_t a, int64_t b) {
    return std::equal(row(a), row(a) + columns, row(b)) &&
           !(has_nan && std::find(row(a), row(a) + columns, nan) != row(a) + columns);
  };
  int64_t* const firsts = static_cast<int64_t*>(results.values);
  int64_t found = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t at = order[static_cast<size_t>(i)];
    if (i == 0 || !same(at, order[static_cast<size_t>(i - 1)])) {
      firsts[found] = at;
      results.counts[found++] = 0;
    }
    ++results.counts[found - 1];
    results.inverse[at] = found - 1;
  }
  return found;
}

}  // namespace

int64_t unique_rows(DType dtype, int64_t rows, int64_t columns, const void* items,
                    const UniqueResults& results) {
  return item_size(dtype) == 8 ? unique_rows_by<uint64_t>(dtype, rows, columns, items, results)
                               : unique_rows_by<uint32_t>(dtype, rows, columns, items, results);
}

}  // namespace flambeau::cpu
