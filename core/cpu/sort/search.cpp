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
  parallel_for(0, search.rows * search.per_row, 4096, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last;) {
      const int64_t row = i / search.per_row, end = std::min(last, (row + 1) * search.per_row);
      const T* const boundaries =
          static_cast<const T*>(search.boundaries) + (search.one_row ? 0 : row * search.size);
      for (; i < end; ++i) places[i] = place_of<T, kRight>(boundaries, search.size, values[i]);
    }
  });
}

constexpr int64_t kCountGrain = 1 << 14;

// How many threads count, each in a table of its own.
int64_t counting_parts(int64_t n, int64_t bins) {
  return std::clamp<int64_t>(n / std::max(kCountGrain, 2 * bins), 1,
                             in_parallel_region() ? 1 : num_threads());
}

// work(first, last, table) over parts of 0 .. n, and the sums to `sums`. Each part's table is `copies` times
// bins and one more, which is not summed.
template <class T, class Out, class Work>
void count_in_parts(int64_t n, int64_t bins, int64_t copies, Out* sums, Work work) {
  const int64_t parts = counting_parts(n, bins), length = (n + parts - 1) / parts, room = bins + 1;
  std::vector<T> tables(static_cast<size_t>(parts * copies * room));
  parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p)
      work(std::min(n, p * length), std::min(n, (p + 1) * length), tables.data() + p * copies * room);
  });
  for (int64_t b = 0; b < bins; ++b) {
    T sum{};
    for (int64_t p = 0; p < parts * copies; ++p) sum += tables[static_cast<size_t>(p * room + b)];
    sums[b] = static_cast<Out>(sum);
  }
}

// ---- histograms

// The interval of an x that lies in one.
template <class T, Histogram::Find kFind>
[[gnu::always_inline]] inline int64_t bin_of(const Histogram::Axis& axis, T low, T high, T bins, T x) {
  const T* const edges = static_cast<const T*>(axis.edges);
  int64_t bin;
  if constexpr (kFind == Histogram::Find::Search) {
    bin = place_of<T, true>(edges, axis.bins + 1, x) - 1;
  } else {
    bin = static_cast<int64_t>((x - low) * bins / (high - low));
    if constexpr (kFind == Histogram::Find::DivideNear) {
      // One step to either side is as far as rounding leads.
      bin = std::min(bin, axis.bins);
      bin -= bin > 0 && x < edges[bin];
      bin += bin < axis.bins && x >= edges[bin + 1];
    }
  }
  return std::min(bin, axis.bins - 1);
}

template <class T, Histogram::Find kFind>
void count_points(const Histogram& h, int64_t first, int64_t last, double* sums) {
  const T* const values = static_cast<const T*>(h.values);
  const T* const weights = static_cast<const T*>(h.weights);
  for (int64_t i = first; i < last; ++i) {
    int64_t place = 0;
    bool inside = true;
    for (int a = 0; a < h.axes; ++a) {
      const Histogram::Axis& axis = h.axis[a];
      const T low = static_cast<T>(axis.low), high = static_cast<T>(axis.high), x = values[i * h.axes + a];
      inside &= x >= low && x <= high;
      if (!inside) break;
      place = place * axis.bins + bin_of<T, kFind>(axis, low, high, static_cast<T>(axis.bins), x);
    }
    if (inside) sums[place] += weights ? static_cast<double>(weights[i]) : 1.0;
  }
}

constexpr int64_t kTables = 4;
// Numbers on one axis, each counting one: four tables in turn, so that equal neighbours do not wait for each
// other; behind the intervals there is one for what lies outside.
template <class T, Histogram::Find kFind>
void count_numbers(const Histogram& h, int64_t first, int64_t last, int64_t* tables) {
  constexpr int64_t kBlock = 256;
  const Histogram::Axis& axis = h.axis[0];
  const T* const x = static_cast<const T*>(h.values);
  const T low = static_cast<T>(axis.low), high = static_cast<T>(axis.high), bins = static_cast<T>(axis.bins);
  const int64_t room = axis.bins + 1;
  int32_t places[kBlock];
  for (int64_t i = first; i < last; i += kBlock) {
    const int64_t length = std::min(kBlock, last - i);
    const T* const block = x + i;
    if constexpr (kFind == Histogram::Find::Divide) {
      const int32_t end = static_cast<int32_t>(axis.bins), most = end - 1;
      for (int64_t k = 0; k < length; ++k) {
        const bool inside = (block[k] >= low) & (block[k] <= high);
        const T moved = inside ? block[k] - low : T(0);
        const int32_t bin = static_cast<int32_t>(moved * bins / (high - low));
        places[k] = inside ? (bin < most ? bin : most) : end;
      }
    } else {
      for (int64_t k = 0; k < length; ++k) {
        const bool inside = (block[k] >= low) & (block[k] <= high);
        places[k] =
            static_cast<int32_t>(inside ? bin_of<T, kFind>(axis, low, high, bins, block[k]) : axis.bins);
      }
    }
    for (int64_t k = 0; k < length; ++k) ++tables[k % kTables * room + places[k]];
  }
}

template <class T, Histogram::Find kFind>
void histogram_of(const Histogram& h, void* counts) {
  T* const to = static_cast<T*>(counts);
  int64_t cells = 1;
  for (int a = 0; a < h.axes; ++a) cells *= h.axis[a].bins;
  if (h.axes == 1 && !h.weights && cells <= 1 << 20)
    return count_in_parts<int64_t>(
        h.points, cells, kTables, to,
        [&](int64_t first, int64_t last, int64_t* table) { count_numbers<T, kFind>(h, first, last, table); });
  count_in_parts<double>(h.points, cells, 1, to, [&](int64_t first, int64_t last, double* table) {
    count_points<T, kFind>(h, first, last, table);
  });
}

}  // namespace

void search_sorted(DType dtype, const SortedSearch& search, int64_t* places) {
  visit_number(dtype, "searchsorted_out_cpu", [&]<class T>() {
    return search.right ? search_rows<T, true>(search, places) : search_rows<T, false>(search, places);
  });
}

SmallCounts count_small(const int64_t* numbers, int64_t n, int64_t limit, int64_t* counts) {
  std::vector<SmallCounts> found(static_cast<size_t>(counting_parts(n, limit)), {numbers[0], numbers[0]});
  const int64_t length = (n + static_cast<int64_t>(found.size()) - 1) / static_cast<int64_t>(found.size());
  count_in_parts<int64_t>(n, limit, 1, counts, [&](int64_t first, int64_t last, int64_t* table) {
    if (first == last) return;
    SmallCounts own{numbers[first], numbers[first]};
    for (int64_t i = first; i < last; ++i) {
      const int64_t number = numbers[i];
      own.low = std::min(own.low, number);
      own.high = std::max(own.high, number);
      if (static_cast<uint64_t>(number) < static_cast<uint64_t>(limit)) ++table[number];
    }
    found[static_cast<size_t>(first / length)] = own;
  });
  for (const SmallCounts& part : found)
    found[0] = {std::min(found[0].low, part.low), std::max(found[0].high, part.high)};
  return found[0];
}

void count_values(const int64_t* numbers, int64_t n, DType dtype, const void* weights, void* counts) {
  if (weights)
    return visit_floating(dtype, "bincount_cpu", [&]<class T>() {
      const T* const w = static_cast<const T*>(weights);
      T* const sums = static_cast<T*>(counts);
      for (int64_t i = 0; i < n; ++i) sums[numbers[i]] += w[i];
    });
  int64_t* const to = static_cast<int64_t*>(counts);
  for (int64_t i = 0; i < n; ++i) ++to[numbers[i]];
}

void histogram(DType dtype, const Histogram& h, void* counts) {
  visit_floating(dtype, "histogramdd", [&]<class T>() {
    switch (h.find) {
      case Histogram::Find::Search:
        return histogram_of<T, Histogram::Find::Search>(h, counts);
      case Histogram::Find::Divide:
        return histogram_of<T, Histogram::Find::Divide>(h, counts);
      case Histogram::Find::DivideNear:
        return histogram_of<T, Histogram::Find::DivideNear>(h, counts);
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
