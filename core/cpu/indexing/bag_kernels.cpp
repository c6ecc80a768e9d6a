// Kernel source: compiled once per instruction set. Bags of a table's rows.
#include <cstring>

#include "core/cpu/indexing/bags.h"
#include "core/cpu/lanes.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;  // items worth waking another thread for
constexpr int kWays = 8;             // vectors that are summed side by side

// Rows lie anywhere: they are asked for some numbers ahead.
constexpr int64_t kAhead = 16;
template <class T>
[[gnu::always_inline]] inline void ask_for(const RowBags& b, const T* table, int64_t i, int64_t end) {
  if (b.looked_up || i + kAhead >= end) return;
  const T* row = table + b.numbers[i + kAhead] * b.width;
  for (int64_t c = 0; c < smaller<int64_t>(b.width, 8 * 64 / static_cast<int64_t>(sizeof(T)));
       c += 64 / static_cast<int64_t>(sizeof(T)))
    __builtin_prefetch(row + c);
}
template <class T>
[[gnu::always_inline]] inline T* row_of(const RowBags& b, T* table, int64_t i) {
  return table + (b.looked_up ? i : b.numbers[i]) * b.width;
}

int64_t size_of_bag(const RowBags& b, int64_t bag) {
  const int64_t first = b.offsets[bag], last = b.offsets[bag + 1];
  int64_t size = last - first;
  if (b.padding >= 0)
    for (int64_t i = first; i < last; ++i) size -= b.numbers[i] == b.padding;
  return size;
}
// What the sum of a bag is multiplied by.
template <class T>
T share(const RowBags& b, int64_t bag) {
  const int64_t size = b.mean ? size_of_bag(b, bag) : 1;
  return T(1) / static_cast<T>(size > 0 ? size : 1);
}

// Columns c .. c + kVectors * lanes of the sum of one bag.
template <int kVectors, bool kFactors, class T>
[[gnu::always_inline]] inline void sum_columns(const RowBags& b, const T* table, const T* factors,
                                               int64_t bag, int64_t c, T scale, T* to) {
  Vec<T> sums[kVectors] = {};
  const int64_t last = b.offsets[bag + 1];
  for (int64_t i = b.offsets[bag]; i < last; ++i) {
    if (b.padding >= 0 && b.numbers[i] == b.padding) continue;
    if (c == 0) ask_for(b, table, i, b.offsets[b.bags]);
    const T* row = row_of(b, table, i) + c;
    for (int v = 0; v < kVectors; ++v) {
      const Vec<T> items = load(row + v * kLanes<T>);
      if constexpr (kFactors)
        sums[v] += items * factors[i];
      else
        sums[v] += items;
    }
  }
  for (int v = 0; v < kVectors; ++v) store(to + c + v * kLanes<T>, b.mean ? sums[v] * scale : sums[v]);
}

template <class T, bool kFactors>
void sum_bag(const RowBags& b, const T* table, const T* factors, int64_t bag, T* to) {
  const T scale = b.mean ? share<T>(b, bag) : T(1);
  int64_t c = 0;
  for (; c + kWays * kLanes<T> <= b.width; c += kWays * kLanes<T>)
    sum_columns<kWays, kFactors>(b, table, factors, bag, c, scale, to);
  for (; c + kWays / 2 * kLanes<T> <= b.width; c += kWays / 2 * kLanes<T>)
    sum_columns<kWays / 2, kFactors>(b, table, factors, bag, c, scale, to);
  for (; c + kLanes<T> <= b.width; c += kLanes<T>)
    sum_columns<1, kFactors>(b, table, factors, bag, c, scale, to);
  if (c == b.width) return;
  for (int64_t k = c; k < b.width; ++k) to[k] = 0;
  const int64_t last = b.offsets[bag + 1];
  for (int64_t i = b.offsets[bag]; i < last; ++i) {
    if (b.padding >= 0 && b.numbers[i] == b.padding) continue;
    const T* row = row_of(b, table, i);
    for (int64_t k = c; k < b.width; ++k) to[k] += kFactors ? row[k] * factors[i] : row[k];
  }
  if (b.mean)
    for (int64_t k = c; k < b.width; ++k) to[k] *= scale;
}

int64_t bags_grain(const RowBags& b) {
  const int64_t items = (b.bags ? b.offsets[b.bags] / b.bags : 0) * b.width + b.width;
  return kGrain / larger<int64_t>(items, 1) + 1;
}

template <class T>
void sum(const RowBags& b, const void* table, const void* factors, void* sums) {
  const T* rows = static_cast<const T*>(table);
  const T* weights = static_cast<const T*>(factors);
  T* to = static_cast<T*>(sums);
  parallel_for(0, b.bags, bags_grain(b), [&](int64_t first, int64_t last) {
    for (int64_t bag = first; bag < last; ++bag)
      if (weights)
        sum_bag<T, true>(b, rows, weights, bag, to + bag * b.width);
      else
        sum_bag<T, false>(b, rows, weights, bag, to + bag * b.width);
  });
}

// The first number of a bag that counts, or `last`.
int64_t first_in_bag(const RowBags& b, int64_t bag) {
  const int64_t last = b.offsets[bag + 1];
  int64_t i = b.offsets[bag];
  while (i < last && b.padding >= 0 && b.numbers[i] == b.padding) ++i;
  return i;
}

template <class T>
void max(const RowBags& b, const void* table, void* maxima, int64_t* chosen) {
  using Places = Vec<MaskItem<T>>;
  const T* rows = static_cast<const T*>(table);
  parallel_for(0, b.bags, bags_grain(b), [&](int64_t first_bag, int64_t last_bag) {
    for (int64_t bag = first_bag; bag < last_bag; ++bag) {
      const int64_t start = first_in_bag(b, bag), last = b.offsets[bag + 1];
      T* to = static_cast<T*>(maxima) + bag * b.width;
      int64_t* whose = chosen + bag * b.width;
      if (start == last) {
        for (int64_t c = 0; c < b.width; ++c) to[c] = 0, whose[c] = -1;
        continue;
      }
      int64_t c = 0;
      for (; c + kLanes<T> <= b.width; c += kLanes<T>) {
        Vec<T> best = load(row_of(b, rows, start) + c);
        Places at = {};
        for (int64_t i = start + 1; i < last; ++i) {
          if (b.padding >= 0 && b.numbers[i] == b.padding) continue;
          if (c == 0) ask_for(b, rows, i, b.offsets[b.bags]);
          const Vec<T> items = load(row_of(b, rows, i) + c);
          const auto better = items > best;
          best = better ? items : best;
          at = better ? Places{} + static_cast<MaskItem<T>>(i - start) : at;
        }
        store(to + c, best);
        for (int k = 0; k < kLanes<T>; ++k) whose[c + k] = b.numbers[start + at[k]];
      }
      for (; c < b.width; ++c) {
        T best = row_of(b, rows, start)[c];
        int64_t at = start;
        for (int64_t i = start + 1; i < last; ++i) {
          if (b.padding >= 0 && b.numbers[i] == b.padding) continue;
          const T item = row_of(b, rows, i)[c];
          if (item > best) best = item, at = i;
        }
        to[c] = best;
        whose[c] = b.numbers[at];
      }
    }
  });
}

template <class T>
[[gnu::always_inline]] inline void add_scaled(T* to, const T* from, T scale, int64_t n) {
  int64_t c = 0;
  for (; c + kLanes<T> <= n; c += kLanes<T>) store(to + c, load(to + c) + load(from + c) * scale);
  for (; c < n; ++c) to[c] += from[c] * scale;
}

// visit(place, bag, factor) for the numbers that count.
template <class T, class Visit>
void for_numbers(const RowBags& b, const T* factors, Visit visit) {
  for (int64_t bag = 0; bag < b.bags; ++bag) {
    const T scale = b.mean ? share<T>(b, bag) : T(1);
    for (int64_t i = b.offsets[bag]; i < b.offsets[bag + 1]; ++i) {
      if (b.padding >= 0 && b.numbers[i] == b.padding) continue;
      visit(i, bag, factors ? factors[i] * scale : scale);
    }
  }
}

// No two threads may meet in a row: each has columns of its own, or rows of its own where they are short.
template <class T>
void spread(const RowBags& b, const void* grad_sums, const void* factors, void* grad_table) {
  const T* from = static_cast<const T*>(grad_sums);
  const T* weights = static_cast<const T*>(factors);
  T* rows = static_cast<T*>(grad_table);
  constexpr int64_t kColumns = 64 / static_cast<int64_t>(sizeof(T));
  const int64_t items = (b.bags ? b.offsets[b.bags] : 0) * b.width;
  if (b.width >= 2 * kColumns) {
    const int64_t parts = (b.width + kColumns - 1) / kColumns;
    parallel_for(0, parts, kGrain * parts / larger<int64_t>(items, 1) + 1, [&](int64_t first, int64_t last) {
      const int64_t begin = first * kColumns, n = smaller(last * kColumns, b.width) - begin;
      for_numbers(b, weights, [&](int64_t i, int64_t bag, T factor) {
        ask_for(b, static_cast<const T*>(rows) + begin, i, b.offsets[b.bags]);
        add_scaled(row_of(b, rows, i) + begin, from + bag * b.width + begin, factor, n);
      });
    });
    return;
  }
  const int64_t count = b.looked_up ? (b.bags ? b.offsets[b.bags] : 0) : b.rows;
  parallel_for(0, count, kGrain * count / larger<int64_t>(items, 1) + 1, [&](int64_t first, int64_t last) {
    for_numbers(b, weights, [&](int64_t i, int64_t bag, T factor) {
      const int64_t row = b.looked_up ? i : b.numbers[i];
      if (row >= first && row < last) add_scaled(rows + row * b.width, from + bag * b.width, factor, b.width);
    });
  });
}

template <class T>
void dot(const RowBags& b, const void* grad_sums, const void* table, void* dots) {
  const T *from = static_cast<const T*>(grad_sums), *rows = static_cast<const T*>(table);
  T* to = static_cast<T*>(dots);
  parallel_for(0, b.bags, bags_grain(b), [&](int64_t first, int64_t last) {
    for (int64_t bag = first; bag < last; ++bag)
      for (int64_t i = b.offsets[bag]; i < b.offsets[bag + 1]; ++i) {
        if (b.padding >= 0 && b.numbers[i] == b.padding) {
          to[i] = 0;
          continue;
        }
        ask_for(b, rows, i, b.offsets[b.bags]);
        const T *x = row_of(b, rows, i), *g = from + bag * b.width;
        Vec<T> sums = {};
        int64_t c = 0;
        for (; c + kLanes<T> <= b.width; c += kLanes<T>) sums += load(x + c) * load(g + c);
        T total = 0;
        for (; c < b.width; ++c) total += x[c] * g[c];
        for (int k = 0; k < kLanes<T>; ++k) total += sums[k];
        to[i] = total;
      }
  });
}

}  // namespace

void fill(BagKernels& kernels) {
  kernels = {{sum<float>, sum<double>},
             {max<float>, max<double>},
             {spread<float>, spread<double>},
             {dot<float>, dot<double>}};
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
