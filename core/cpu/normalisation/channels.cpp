// The kernels of normalisation by channel. A kernel source: compiled once per instruction set.
//
// Statistics are read once: the moments of pieces are joined in float64 (Chan, Golub and LeVeque, 1979). The
// first piece is summed for its mean, and every piece about the mean of those before it. Where that is far
// from its own, squares cancel, but then the distance of the means, and not they, makes the variance.
#include "core/cpu/normalisation/sums.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <class V>
struct Pair {
  V first, second;
};

// ---- channels that lie in planes

// Calls use(first sample, last sample, first element, last element) over pieces of kStretch elements at most.
template <class Use>
[[gnu::always_inline]] inline void each_piece(const ChannelShape& s, const ChannelBlock& block, Use use) {
  if (s.inner > kStretch) {
    for (int64_t n = block.first; n < block.last; ++n)
      for (int64_t i = 0; i < s.inner; i += kStretch) use(n, n + 1, i, smaller(s.inner, i + kStretch));
  } else {
    const int64_t step = kStretch / larger<int64_t>(s.inner, 1);
    for (int64_t n = block.first; n < block.last; n += step)
      use(n, smaller(block.last, n + step), int64_t{0}, s.inner);
  }
}

template <class T>
constexpr MaskItem<T> kCounting[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// The sums of the two numbers that items(place, like) gives, vectors or single ones, over elements
// [i0, i1) of the channel's samples [n0, n1).
template <class T, class Items>
[[gnu::always_inline]] inline TwoSums sum_planes(const ChannelShape& s, int64_t channel, int64_t n0,
                                                 int64_t n1, int64_t i0, int64_t i1, Items items) {
  constexpr int kL = kLanes<T>;
  using V = Vec<T>;
  const int64_t rest = (i1 - i0) % kL;
  // The rest of a plane is the end of its last whole vector.
  const auto keep = load(kCounting<T>) >= static_cast<MaskItem<T>>(kL - rest) - Vec<MaskItem<T>>{};
  V a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
  T a = 0, b = 0;
  const auto add = [&](int64_t place, V& to_a, V& to_b) __attribute__((always_inline)) {
    const Pair<V> p = items(place, V{});
    to_a += p.first;
    to_b += p.second;
  };
  for (int64_t n = n0; n < n1; ++n) {
    const int64_t plane = (n * s.channels + channel) * s.inner;
    int64_t i = plane + i0;
    const int64_t end = plane + i1;
    for (; i + 4 * kL <= end; i += 4 * kL) {
      add(i, a0, b0);
      add(i + kL, a1, b1);
      add(i + 2 * kL, a2, b2);
      add(i + 3 * kL, a3, b3);
    }
    for (; i + kL <= end; i += kL) add(i, a0, b0);
    if (i == end) continue;
    if (i1 - i0 >= kL) {
      const Pair<V> p = items(end - kL, V{});
      a1 += keep ? p.first : V{};
      b1 += keep ? p.second : V{};
    } else {
      for (; i < end; ++i) {
        const Pair<T> p = items(i, T{});
        a += p.first;
        b += p.second;
      }
    }
  }
  a += sum_of_lanes<T, kL>((a0 + a1) + (a2 + a3));
  b += sum_of_lanes<T, kL>((b0 + b1) + (b2 + b3));
  return {static_cast<double>(a), static_cast<double>(b)};
}

template <class T>
void plane_moments(const ChannelShape& s, const ChannelBlock& block, const void* input, double* means,
                   double* squares) {
  const T* const x = static_cast<const T*>(input);
  const int64_t c = block.channel;
  double mean = 0, square = 0;
  int64_t before = 0;
  each_piece(s, block, [&](int64_t n0, int64_t n1, int64_t i0, int64_t i1) __attribute__((always_inline)) {
    const int64_t count = (n1 - n0) * (i1 - i0);
    if (count == 0) return;
    const double n = static_cast<double>(count);
    if (before == 0)
      mean = sum_planes<T>(s, c, n0, n1, i0, i1,
                           [x](int64_t i, const auto& like) __attribute__((always_inline)) {
                             const auto v = item<T>(x + i, like);
                             return Pair<decltype(v + v)>{v, v};
                           })
                 .first /
             n;
    const T about = static_cast<T>(mean);
    const TwoSums sums = sum_planes<T>(
        s, c, n0, n1, i0, i1, [x, about](int64_t i, const auto& like) __attribute__((always_inline)) {
          const auto d = item<T>(x + i, like) - about;
          return Pair<decltype(d + d)>{d, d * d};
        });
    Join(before, count)(static_cast<double>(about) + sums.first / n,
                        sums.second - sums.first * sums.first / n, mean, square);
    before += count;
  });
  means[c] = mean;
  squares[c] = square;
}

template <class T>
void plane_products(const ChannelShape& s, const ChannelBlock& block, const void* gradient, const void* input,
                    const void* means, double* sums, double* products) {
  const T* const g = static_cast<const T*>(gradient);
  const T* const x = static_cast<const T*>(input);
  const int64_t c = block.channel;
  const T mean = static_cast<const T*>(means)[c];
  double sum = 0, product = 0;
  each_piece(s, block, [&](int64_t n0, int64_t n1, int64_t i0, int64_t i1) __attribute__((always_inline)) {
    const TwoSums piece = sum_planes<T>(
        s, c, n0, n1, i0, i1, [g, x, mean](int64_t i, const auto& like) __attribute__((always_inline)) {
          const auto v = item<T>(g + i, like);
          return Pair<decltype(v + v)>{v, v * (item<T>(x + i, like) - mean)};
        });
    sum += piece.first;
    product += piece.second;
  });
  sums[c] = sum;
  products[c] = product;
}

// to[i] = of(i, like) for the elements of [first, end), in vectors. Where the last one is not whole it begins
// earlier, and some elements are computed twice.
template <class T, class Of>
[[gnu::always_inline]] inline void fill_vectors(T* to, int64_t first, int64_t end, Of of) {
  constexpr int kL = kLanes<T>;
  int64_t i = first;
  for (; i + kL <= end; i += kL) store(to + i, of(i, Vec<T>{}));
  if (i == end) return;
  if (end - first >= kL)
    store(to + end - kL, of(end - kL, Vec<T>{}));
  else
    for (; i < end; ++i) to[i] = of(i, T{});
}

template <class T, class Of>
[[gnu::always_inline]] inline void fill_planes(const ChannelShape& s, const ChannelBlock& block, T* to,
                                               Of of) {
  for (int64_t n = block.first; n < block.last; ++n) {
    const int64_t plane = (n * s.channels + block.channel) * s.inner;
    fill_vectors(to, plane, plane + s.inner, of);
  }
}

template <class T>
void plane_scale(const ChannelShape& s, const ChannelBlock& block, const void* input, const void* means,
                 const void* factors, const void* summands, void* result) {
  const T* const x = static_cast<const T*>(input);
  const T mean = static_cast<const T*>(means)[block.channel];
  const T factor = static_cast<const T*>(factors)[block.channel];
  const T summand = static_cast<const T*>(summands)[block.channel];
  fill_planes(s, block, static_cast<T*>(result),
              [=](int64_t i, const auto& like) __attribute__((always_inline)) {
                return (item<T>(x + i, like) - mean) * factor + summand;
              });
}

template <class T>
void plane_combine(const ChannelShape& s, const ChannelBlock& block, const void* gradient, const void* input,
                   const void* means, const void* of_gradient, const void* of_input, const void* summands,
                   void* result) {
  const T* const g = static_cast<const T*>(gradient);
  const T* const x = static_cast<const T*>(input);
  const T a = static_cast<const T*>(of_gradient)[block.channel];
  T* const to = static_cast<T*>(result);
  if (!of_input)
    return fill_planes(s, block, to, [=](int64_t i, const auto& like) __attribute__((always_inline)) {
      return item<T>(g + i, like) * a;
    });
  const T mean = static_cast<const T*>(means)[block.channel];
  const T b = static_cast<const T*>(of_input)[block.channel];
  const T constant = static_cast<const T*>(summands)[block.channel];
  fill_planes(s, block, to, [=](int64_t i, const auto& like) __attribute__((always_inline)) {
    return item<T>(g + i, like) * a + ((item<T>(x + i, like) - mean) * b + constant);
  });
}

// ---- channels that lie last, in columns

constexpr int64_t kRows = 64;

// Calls tile(first column, first column that no tile before had, whatever tells the width) over all columns,
// in tiles of four vectors, one, or, where there are fewer columns than lanes, single numbers.
template <int kVectors, class V>
struct Width {};
template <class T, class Tile>
[[gnu::always_inline]] inline void each_tile(int64_t columns, Tile tile) {
  constexpr int kL = kLanes<T>;
  int64_t c = 0;
  for (; c + 4 * kL <= columns; c += 4 * kL) tile(c, c, Width<4, Vec<T>>{});
  for (; c + kL <= columns; c += kL) tile(c, c, Width<1, Vec<T>>{});
  if (c == columns) return;
  if (columns >= kL)
    tile(columns - kL, c, Width<1, Vec<T>>{});
  else
    for (; c < columns; ++c) tile(c, c, Width<1, T>{});
}

// The sums over `rows` rows of the two numbers that items(place, column of the tile, like) gives, one of each
// for a column.
template <class T, int kVectors, class V, class Items>
[[gnu::always_inline]] inline void sum_rows(int64_t first, int64_t rows, int64_t columns, T* a, T* b,
                                            Items items) {
  constexpr int kL = static_cast<int>(sizeof(V) / sizeof(T));
  V sums[kVectors] = {}, products[kVectors] = {};
  for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Pair<V> p = items(first + r * columns + v * kL, v, V{});
      sums[v] += p.first;
      products[v] += p.second;
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    store(a + v * kL, sums[v]);
    store(b + v * kL, products[v]);
  }
}

template <class T>
void column_moments(const ChannelShape& s, const ChannelBlock& block, const void* input, double* means,
                    double* squares) {
  const T* const x = static_cast<const T*>(input);
  const int64_t columns = s.channels;
  for (int64_t c = 0; c < columns; ++c) means[c] = squares[c] = 0;
  for (int64_t r = block.first; r < block.last; r += kRows) {
    const int64_t rows = smaller(kRows, block.last - r);
    const double n = static_cast<double>(rows);
    const Join join(r - block.first, rows);
    each_tile<T>(columns, [&]<int kVectors, class V>(int64_t c, int64_t fresh,
                                                     Width<kVectors, V>) __attribute__((always_inline)) {
      constexpr int kL = static_cast<int>(sizeof(V) / sizeof(T)), kWidth = kVectors * kL;
      alignas(kVectorBytes) T about[kWidth], a[kWidth], b[kWidth];
      const int64_t place = r * columns + c;
      if (r == block.first) {
        sum_rows<T, kVectors, V>(place, rows, columns, a, b,
                                 [x](int64_t i, int, const V& like) __attribute__((always_inline)) {
                                   const V v = item<T>(x + i, like);
                                   return Pair<V>{v, v};
                                 });
        for (int i = 0; i < kWidth; ++i) about[i] = a[i] * static_cast<T>(1 / n);
      } else {
        for (int i = 0; i < kWidth; ++i) about[i] = static_cast<T>(means[c + i]);
      }
      V mean[kVectors];
      for (int v = 0; v < kVectors; ++v) mean[v] = item<T>(about + v * kL, V{});
      sum_rows<T, kVectors, V>(place, rows, columns, a, b,
                               [x, &mean](int64_t i, int v, const V& like) __attribute__((always_inline)) {
                                 const V d = item<T>(x + i, like) - mean[v];
                                 return Pair<V>{d, d * d};
                               });
      for (int64_t i = fresh - c; i < kWidth; ++i) {
        const double sum = static_cast<double>(a[i]);
        join(static_cast<double>(about[i]) + sum * (1 / n), static_cast<double>(b[i]) - sum * sum * (1 / n),
             means[c + i], squares[c + i]);
      }
    });
  }
}

template <class T>
void column_products(const ChannelShape& s, const ChannelBlock& block, const void* gradient,
                     const void* input, const void* means, double* sums, double* products) {
  const T* const g = static_cast<const T*>(gradient);
  const T* const x = static_cast<const T*>(input);
  const T* const mean_of = static_cast<const T*>(means);
  const int64_t columns = s.channels;
  for (int64_t c = 0; c < columns; ++c) sums[c] = products[c] = 0;
  for (int64_t r = block.first; r < block.last; r += kRows) {
    const int64_t rows = smaller(kRows, block.last - r);
    each_tile<T>(columns, [&]<int kVectors, class V>(int64_t c, int64_t fresh,
                                                     Width<kVectors, V>) __attribute__((always_inline)) {
      constexpr int kL = static_cast<int>(sizeof(V) / sizeof(T)), kWidth = kVectors * kL;
      alignas(kVectorBytes) T a[kWidth], b[kWidth];
      V mean[kVectors];
      for (int v = 0; v < kVectors; ++v) mean[v] = item<T>(mean_of + c + v * kL, V{});
      sum_rows<T, kVectors, V>(r * columns + c, rows, columns, a, b,
                               [g, x, &mean](int64_t i, int v, const V& like) __attribute__((always_inline)) {
                                 const V u = item<T>(g + i, like);
                                 return Pair<V>{u, u * (item<T>(x + i, like) - mean[v])};
                               });
      for (int64_t i = fresh - c; i < kWidth; ++i) {
        sums[c + i] += static_cast<double>(a[i]);
        products[c + i] += static_cast<double>(b[i]);
      }
    });
  }
}

template <class T, class Of>
[[gnu::always_inline]] inline void fill_columns(const ChannelShape& s, const ChannelBlock& block, T* to,
                                                Of of) {
  for (int64_t r = block.first; r < block.last; ++r) {
    const int64_t row = r * s.channels;
    fill_vectors(to + row, 0, s.channels,
                 [row, of](int64_t c, const auto& like)
                     __attribute__((always_inline)) { return of(row + c, c, like); });
  }
}

template <class T>
void column_scale(const ChannelShape& s, const ChannelBlock& block, const void* input, const void* means,
                  const void* factors, const void* summands, void* result) {
  const T* const x = static_cast<const T*>(input);
  const T* const mean = static_cast<const T*>(means);
  const T* const factor = static_cast<const T*>(factors);
  const T* const summand = static_cast<const T*>(summands);
  fill_columns(s, block, static_cast<T*>(result),
               [=](int64_t i, int64_t c, const auto& like) __attribute__((always_inline)) {
                 return (item<T>(x + i, like) - item<T>(mean + c, like)) * item<T>(factor + c, like) +
                        item<T>(summand + c, like);
               });
}

template <class T>
void column_combine(const ChannelShape& s, const ChannelBlock& block, const void* gradient, const void* input,
                    const void* means, const void* of_gradient, const void* of_input, const void* summands,
                    void* result) {
  const T* const g = static_cast<const T*>(gradient);
  const T* const x = static_cast<const T*>(input);
  const T* const a = static_cast<const T*>(of_gradient);
  T* const to = static_cast<T*>(result);
  if (!of_input)
    return fill_columns(s, block, to,
                        [=](int64_t i, int64_t c, const auto& like) __attribute__((always_inline)) {
                          return item<T>(g + i, like) * item<T>(a + c, like);
                        });
  const T* const mean = static_cast<const T*>(means);
  const T* const b = static_cast<const T*>(of_input);
  const T* const constant = static_cast<const T*>(summands);
  fill_columns(s, block, to, [=](int64_t i, int64_t c, const auto& like) __attribute__((always_inline)) {
    return item<T>(g + i, like) * item<T>(a + c, like) +
           ((item<T>(x + i, like) - item<T>(mean + c, like)) * item<T>(b + c, like) +
            item<T>(constant + c, like));
  });
}

template <class T>
void fill_type(ChannelKernels (&layouts)[2], DType dtype) {
  const int i = static_cast<int>(dtype);
  layouts[0].moments[i] = plane_moments<T>;
  layouts[0].products[i] = plane_products<T>;
  layouts[0].scale[i] = plane_scale<T>;
  layouts[0].combine[i] = plane_combine<T>;
  layouts[1].moments[i] = column_moments<T>;
  layouts[1].products[i] = column_products<T>;
  layouts[1].scale[i] = column_scale<T>;
  layouts[1].combine[i] = column_combine<T>;
}

}  // namespace

void fill_channels(ChannelKernels (&layouts)[2]) {
  fill_type<float>(layouts, DType::Float32);
  fill_type<double>(layouts, DType::Float64);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
