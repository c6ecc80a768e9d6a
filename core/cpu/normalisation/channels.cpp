// The kernels of normalisation by channel. A kernel source: compiled once per instruction set.
//
// Statistics are read once: the moments of pieces are joined in float64 (Chan, Golub and LeVeque, 1979). The
// first piece is summed for its mean, and every piece about the mean of those before it. Where that is far
// from its own, squares cancel, but then the distance of the means, and not they, makes the variance.
#include "core/cpu/columns.h"
#include "core/cpu/normalisation/sums.h"
#include "core/parallel/scratch.h"

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

// Sums of so many rows are made in their dtype.
constexpr int64_t kRows = 64;
// So many rows are walked side by side, each a stream from memory.
constexpr int64_t kStreams = 8;
constexpr int kColumnSlot = 3;  // of thread_scratch

// Adds to a[c] and b[c] the two numbers that items(place, shift[c]) gives for the rows [first, last).
template <class T, class Items>
[[gnu::always_inline]] inline void sum_rows(int64_t first, int64_t last, int64_t columns, const T* shift,
                                            T* a, T* b, Items items) {
  for (int64_t start = first; start < last; start += kStreams) {
    const int64_t end = smaller(last, start + kStreams);
    each_tile<T>(columns, [&]<int kVectors, class V>(int64_t c, int64_t fresh, Width<kVectors, V>)
                              __attribute__((always_inline)) {
                                constexpr int kL = static_cast<int>(sizeof(V) / sizeof(T));
                                V from[kVectors], sums[kVectors] = {}, products[kVectors] = {};
#pragma GCC unroll 4
                                for (int v = 0; v < kVectors; ++v) from[v] = item<T>(shift + c + v * kL, V{});
                                for (int64_t r = start; r < end; ++r) {
#pragma GCC unroll 4
                                  for (int v = 0; v < kVectors; ++v) {
                                    const Pair<V> p = items(r * columns + c + v * kL, from[v]);
                                    sums[v] += p.first;
                                    products[v] += p.second;
                                  }
                                }
                                if (fresh == c) {
#pragma GCC unroll 4
                                  for (int v = 0; v < kVectors; ++v) {
                                    store(a + c + v * kL, item<T>(a + c + v * kL, V{}) + sums[v]);
                                    store(b + c + v * kL, item<T>(b + c + v * kL, V{}) + products[v]);
                                  }
                                } else {  // one vector, some of whose columns have been added
                                  alignas(kVectorBytes) T of_a[kL], of_b[kL];
                                  store(of_a, sums[0]);
                                  store(of_b, products[0]);
                                  for (int64_t i = fresh - c; i < kL; ++i) {
                                    a[c + i] += of_a[i];
                                    b[c + i] += of_b[i];
                                  }
                                }
                              });
  }
}

template <class T>
void clear(T* first, T* second, int64_t n) {
  for (int64_t i = 0; i < n; ++i) first[i] = second[i] = 0;
}

template <class T>
void column_moments(const ChannelShape& s, const ChannelBlock& block, const void* input, double* means,
                    double* squares) {
  const T* const x = static_cast<const T*>(input);
  const int64_t columns = s.channels;
  T* const shift = static_cast<T*>(thread_scratch(kColumnSlot, 3 * static_cast<size_t>(columns) * sizeof(T)));
  T* const a = shift + columns;
  T* const b = a + columns;
  clear(means, squares, columns);
  for (int64_t r = block.first; r < block.last; r += kRows) {
    const int64_t end = smaller(block.last, r + kRows);
    const double share = 1 / static_cast<double>(end - r);
    clear(a, b, columns);
    if (r == block.first) {
      for (int64_t c = 0; c < columns; ++c) shift[c] = 0;
      sum_rows(r, end, columns, shift, a, b, [x](int64_t i, const auto& like) __attribute__((always_inline)) {
        const auto v = item<T>(x + i, like);
        return Pair<decltype(v + v)>{v, v};
      });
      for (int64_t c = 0; c < columns; ++c) shift[c] = a[c] * static_cast<T>(share);
      clear(a, b, columns);
    } else {
      for (int64_t c = 0; c < columns; ++c) shift[c] = static_cast<T>(means[c]);
    }
    sum_rows(r, end, columns, shift, a, b, [x](int64_t i, const auto& from) __attribute__((always_inline)) {
      const auto d = item<T>(x + i, from) - from;
      return Pair<decltype(d + d)>{d, d * d};
    });
    const Join join(r - block.first, end - r);
    for (int64_t c = 0; c < columns; ++c) {
      const double sum = static_cast<double>(a[c]);
      join(static_cast<double>(shift[c]) + sum * share, static_cast<double>(b[c]) - sum * sum * share,
           means[c], squares[c]);
    }
  }
}

template <class T>
void column_products(const ChannelShape& s, const ChannelBlock& block, const void* gradient,
                     const void* input, const void* means, double* sums, double* products) {
  const T* const g = static_cast<const T*>(gradient);
  const T* const x = static_cast<const T*>(input);
  const int64_t columns = s.channels;
  T* const a = static_cast<T*>(thread_scratch(kColumnSlot, 2 * static_cast<size_t>(columns) * sizeof(T)));
  T* const b = a + columns;
  clear(sums, products, columns);
  for (int64_t r = block.first; r < block.last; r += kRows) {
    clear(a, b, columns);
    sum_rows(r, smaller(block.last, r + kRows), columns, static_cast<const T*>(means), a, b,
             [g, x](int64_t i, const auto& mean) __attribute__((always_inline)) {
               const auto v = item<T>(g + i, mean);
               return Pair<decltype(v + v)>{v, v * (item<T>(x + i, mean) - mean)};
             });
    for (int64_t c = 0; c < columns; ++c) {
      sums[c] += static_cast<double>(a[c]);
      products[c] += static_cast<double>(b[c]);
    }
  }
}

// to[place] = of(place, what the arrays have for its column)
template <class T, int kArrays, class Of>
[[gnu::always_inline]] inline void fill_columns(const ChannelShape& s, const ChannelBlock& block, T* to,
                                                const T* const (&arrays)[kArrays], Of of) {
  const int64_t columns = s.channels;
  for (int64_t start = block.first; start < block.last; start += kStreams) {
    const int64_t end = smaller(block.last, start + kStreams);
    each_tile<T>(columns, [&]<int kVectors, class V>(int64_t c, int64_t, Width<kVectors, V>)
                              __attribute__((always_inline)) {
                                constexpr int kL = static_cast<int>(sizeof(V) / sizeof(T));
                                V values[kVectors][kArrays];
#pragma GCC unroll 4
                                for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 4
                                  for (int k = 0; k < kArrays; ++k)
                                    values[v][k] = item<T>(arrays[k] + c + v * kL, V{});
                                for (int64_t r = start; r < end; ++r) {
#pragma GCC unroll 4
                                  for (int v = 0; v < kVectors; ++v) {
                                    const int64_t place = r * columns + c + v * kL;
                                    store(to + place, of(place, values[v]));
                                  }
                                }
                              });
  }
}

template <class T>
void column_scale(const ChannelShape& s, const ChannelBlock& block, const void* input, const void* means,
                  const void* factors, const void* summands, void* result) {
  const T* const x = static_cast<const T*>(input);
  const T* const arrays[] = {static_cast<const T*>(means), static_cast<const T*>(factors),
                             static_cast<const T*>(summands)};
  fill_columns<T>(s, block, static_cast<T*>(result), arrays,
                  [x](int64_t i, const auto& column) __attribute__((always_inline)) {
                    return (item<T>(x + i, column[0]) - column[0]) * column[1] + column[2];
                  });
}

template <class T>
void column_combine(const ChannelShape& s, const ChannelBlock& block, const void* gradient, const void* input,
                    const void* means, const void* of_gradient, const void* of_input, const void* summands,
                    void* result) {
  const T* const g = static_cast<const T*>(gradient);
  const T* const x = static_cast<const T*>(input);
  T* const to = static_cast<T*>(result);
  if (!of_input) {
    const T* const arrays[] = {static_cast<const T*>(of_gradient)};
    return fill_columns<T>(s, block, to, arrays,
                           [g](int64_t i, const auto& column) __attribute__((always_inline)) {
                             return item<T>(g + i, column[0]) * column[0];
                           });
  }
  const T* const arrays[] = {static_cast<const T*>(means), static_cast<const T*>(of_gradient),
                             static_cast<const T*>(of_input), static_cast<const T*>(summands)};
  fill_columns<T>(s, block, to, arrays, [g, x](int64_t i, const auto& column) __attribute__((always_inline)) {
    return item<T>(g + i, column[0]) * column[1] +
           ((item<T>(x + i, column[0]) - column[0]) * column[2] + column[3]);
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
