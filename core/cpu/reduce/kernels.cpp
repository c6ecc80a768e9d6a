// The kernels of sums, products, extremes and moments. A kernel source: compiled once per instruction set.
//
// An *operation* folds elements into accumulators in two ways: along contiguous memory (`row`), and many
// columns side by side (`columns`); `walk` picks one by the strides and walks the other axes.
#include "core/cpu/lanes.h"
#include "core/cpu/reduce/reduce.h"
#include "core/cpu/reduce/truth.h"
#include "core/cpu/reduce/walk.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// ---- sums of floating numbers
//
// Elements add up in 4 vectors over blocks of 32 vectors, so that a partial sum is the result of few
// additions; the blocks' sums add up in double (for float) or with their rounding errors kept (for double).
// The error stays near that of the final rounding, however long the row. Floats whose partial sums leave the
// range in which that holds, though the result may be an ordinary number, are added up again in double.

// Knuth's TwoSum, with the error kept apart so that infinities stay infinite. V is double or a vector of it.
template <class V>
struct CompensatedSum {
  V sum{}, error{};
  [[gnu::always_inline]] void add(V x) {
    const V total = sum + x, part = total - sum;
    error += (sum - (total - part)) + (x - part);
    sum = total;
  }
};
struct Compensated : CompensatedSum<double> {
  double value() const {
    const double total = sum + error;
    return total == total ? total : sum;
  }
};
struct Plain {
  double sum = 0;
  void add(double x) { sum += x; }
  double value() const { return sum; }
};

// Adds up the blocks' vectors.
template <class T>
struct BlockSums;
template <>
struct BlockSums<float> {
  static constexpr int kHalf = kLanes<double>;
  Vec<double> low{}, high{};
  [[gnu::always_inline]] void add(Vec<float> v) {
    alignas(kVectorBytes) float items[2 * kHalf];
    store(items, v);
    low += __builtin_convertvector(load_lanes<kHalf>(items), Vec<double>);
    high += __builtin_convertvector(load_lanes<kHalf>(items + kHalf), Vec<double>);
  }
  void finish(Plain& acc) const {
    const Vec<double> sum = low + high;
    for (int i = 0; i < kHalf; ++i) acc.add(sum[i]);
  }
};
template <>
struct BlockSums<double> {
  CompensatedSum<Vec<double>> lanes;
  [[gnu::always_inline]] void add(Vec<double> v) { lanes.add(v); }
  void finish(Compensated& acc) const {
    for (int i = 0; i < kLanes<double>; ++i) {
      acc.add(lanes.sum[i]);
      acc.error += lanes.error[i];
    }
  }
};
template <class T>
struct AccumulatorOf {
  using type = Compensated;
};
template <>
struct AccumulatorOf<float> {
  using type = Plain;
};

// Each maps a number or a vector.
struct Identity {
  template <class V>
  [[gnu::always_inline]] static V map(V x) {
    return x;
  }
};
struct Squared {
  template <class V>
  [[gnu::always_inline]] static V map(V x) {
    return x * x;
  }
};
struct Absolute {
  template <class V>
  [[gnu::always_inline]] static V map(V x) {
    return x < 0 ? -x : x;
  }
};
struct NanAsZero {
  template <class V>
  [[gnu::always_inline]] static V map(V x) {
    return x == x ? x : V{};
  }
};

// One number or a vector of them.
template <class V, class T>
[[gnu::always_inline]] inline V get(const T* x) {
  if constexpr (sizeof(V) == sizeof(T))
    return *x;
  else
    return load(x);
}

// Sums of squares of floats below the first bound may miss squares that were rounded to 0, above the second
// one squares are near the overflow.
constexpr double kLeastSquares = 0x1p-80, kMostSquares = 0x1p120;

template <class T>
[[gnu::always_inline]] inline bool is_finite(T x) {
  return x - x == 0;
}

template <class T>
[[gnu::always_inline]] inline Vec<double> load_wide(const T* x) {
  return __builtin_convertvector(load_lanes<kLanes<double>>(x), Vec<double>);
}

template <class T>
T horizontal_sum(Vec<T> v) {
  T sum = 0;
  for (int i = 0; i < kLanes<T>; ++i) sum += v[i];
  return sum;
}

enum class Finish { Sum, Mean, Root };

template <class T, class Map, Finish kFinish = Finish::Sum>
struct FloatSum {
  using In = T;
  using Out = T;
  using Acc = typename AccumulatorOf<T>::type;
  static constexpr int kL = kLanes<T>;
  static constexpr int kBlock = 32 * kL;

  static Acc identity() { return {}; }
  static void combine(Acc& acc, const Acc& other) { acc.add(other.value()); }
  static bool done(const Acc&) { return false; }
  static Out finish(const Acc& acc, int64_t count) {
    const double value = acc.value();
    if constexpr (kFinish == Finish::Mean) return static_cast<T>(value / static_cast<double>(count));
    if constexpr (kFinish == Finish::Root) return static_cast<T>(__builtin_sqrt(value));
    return static_cast<T>(value);
  }

  static Acc row(const T* x, int64_t n) {
    const Acc acc = narrow_row(x, n);
    return is_certain(acc.value()) ? acc : wide_row(x, n);
  }
  [[gnu::noinline]] static void columns(const T* x, int64_t rows, int64_t row_stride, int64_t width,
                                        Acc* acc) {
    alignas(64) T sums[kTileColumns];
    for (int64_t c = 0; c < width; ++c) sums[c] = 0;
    const T* tile = x;
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8, x += 8 * row_stride) {
      int64_t c = 0;
      for (; c + kL <= width; c += kL) store(sums + c, load(sums + c) + sum_of_8<Vec<T>>(x + c, row_stride));
      for (; c < width; ++c) sums[c] += sum_of_8<T>(x + c, row_stride);
    }
    for (; r < rows; ++r, x += row_stride)
      for (int64_t c = 0; c < width; ++c) sums[c] += Map::map(x[c]);
    int uncertain = 0;
    for (int64_t c = 0; c < width; ++c) uncertain |= !is_certain(sums[c]);
    if (!uncertain) {
      for (int64_t c = 0; c < width; ++c) acc[c].add(sums[c]);
      return;
    }
    alignas(64) double wide[kTileColumns];
    for (int64_t c = 0; c < width; ++c) wide[c] = 0;
    for (r = 0; r < rows; ++r, tile += row_stride)
      for (int64_t c = 0; c < width; ++c) wide[c] += Map::map(static_cast<double>(tile[c]));
    for (int64_t c = 0; c < width; ++c) acc[c].add(wide[c]);
  }

 private:
  template <class V>
  [[gnu::always_inline]] static bool is_certain(V sum) {
    if constexpr (sizeof(T) == sizeof(double)) return true;
    if constexpr (__is_same(Map, Squared)) return sum > V(kLeastSquares) && is_finite(sum);
    return is_finite(sum);
  }
  [[gnu::noinline]] static Acc wide_row(const T* x, int64_t n) {
    constexpr int kWide = kLanes<double>;
    const auto item = [x](int64_t i) { return Map::map(load_wide(x + i)); };
    Vec<double> s0{}, s1{}, s2{}, s3{};
    int64_t i = 0;
    for (; i + 4 * kWide <= n; i += 4 * kWide) {
      s0 += item(i);
      s1 += item(i + kWide);
      s2 += item(i + 2 * kWide);
      s3 += item(i + 3 * kWide);
    }
    Acc acc;
    acc.add(horizontal_sum<double>((s0 + s1) + (s2 + s3)));
    for (; i < n; ++i) acc.add(Map::map(static_cast<double>(x[i])));
    return acc;
  }
  [[gnu::noinline]] static Acc narrow_row(const T* x, int64_t n) {
    Acc acc;
    BlockSums<T> sums;
    const bool any_block = n >= kL;
    while (n >= kL) {
      const int64_t block = smaller<int64_t>(n, kBlock) / kL * kL;
      Vec<T> s0{}, s1{}, s2{}, s3{};
      int64_t i = 0;
      for (; i + 4 * kL <= block; i += 4 * kL) {
        s0 += Map::map(load(x + i));
        s1 += Map::map(load(x + i + kL));
        s2 += Map::map(load(x + i + 2 * kL));
        s3 += Map::map(load(x + i + 3 * kL));
      }
      for (; i < block; i += kL) s0 += Map::map(load(x + i));
      sums.add((s0 + s1) + (s2 + s3));
      x += block;
      n -= block;
    }
    if (any_block) sums.finish(acc);
    for (int64_t i = 0; i < n; ++i) acc.add(Map::map(x[i]));
    return acc;
  }
  template <class V>
  [[gnu::always_inline]] static V sum_of_8(const T* x, int64_t stride) {
    const auto item = [&](int r) { return Map::map(get<V>(x + r * stride)); };
    return ((item(0) + item(1)) + (item(2) + item(3))) + ((item(4) + item(5)) + (item(6) + item(7)));
  }
};

// ---- extremes of floating numbers

struct Largest {
  template <class T>
  static constexpr T start() {
    return -__builtin_huge_val();
  }
  // A NaN on either side is the result.
  template <class V>
  [[gnu::always_inline]] static V pick(V a, V b) {
    return a != a ? a : b <= a ? a : b;
  }
};
struct Smallest {
  template <class T>
  static constexpr T start() {
    return __builtin_huge_val();
  }
  template <class V>
  [[gnu::always_inline]] static V pick(V a, V b) {
    return a != a ? a : b >= a ? a : b;
  }
};

template <class T, class Choice, class Map>
struct FloatExtreme {
  using In = T;
  using Out = T;
  using Acc = T;
  static constexpr int kL = kLanes<T>;

  static Acc identity() { return __is_same(Map, Absolute) ? T(0) : Choice::template start<T>(); }
  static void combine(Acc& acc, Acc other) { acc = Choice::pick(acc, other); }
  static bool done(Acc acc) { return acc != acc; }
  static Out finish(Acc acc, int64_t) { return acc; }

  [[gnu::noinline]] static Acc row(const T* x, int64_t n) {
    Acc acc = identity();
    int64_t i = 0;
    if (n >= kL) {
      Vec<T> m0 = broadcast(acc), m1 = m0, m2 = m0, m3 = m0;
      for (; i + 4 * kL <= n; i += 4 * kL) {
        m0 = Choice::pick(m0, Map::map(load(x + i)));
        m1 = Choice::pick(m1, Map::map(load(x + i + kL)));
        m2 = Choice::pick(m2, Map::map(load(x + i + 2 * kL)));
        m3 = Choice::pick(m3, Map::map(load(x + i + 3 * kL)));
      }
      for (; i + kL <= n; i += kL) m0 = Choice::pick(m0, Map::map(load(x + i)));
      m0 = Choice::pick(Choice::pick(m0, m1), Choice::pick(m2, m3));
      for (int l = 0; l < kL; ++l) acc = Choice::pick(acc, T(m0[l]));
    }
    for (; i < n; ++i) acc = Choice::pick(acc, Map::map(x[i]));
    return acc;
  }
  [[gnu::noinline]] static void columns(const T* x, int64_t rows, int64_t row_stride, int64_t width,
                                        Acc* acc) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * row_stride) {
      int64_t c = 0;
      for (; c + kL <= width; c += kL) {
        const T* p = x + c;
        const Vec<T> low = Choice::pick(Map::map(load(p)), Map::map(load(p + row_stride)));
        const Vec<T> high =
            Choice::pick(Map::map(load(p + 2 * row_stride)), Map::map(load(p + 3 * row_stride)));
        store(acc + c, Choice::pick(load(acc + c), Choice::pick(low, high)));
      }
      for (; c < width; ++c)
        for (int k = 0; k < 4; ++k) acc[c] = Choice::pick(acc[c], Map::map(x[c + k * row_stride]));
    }
    for (; r < rows; ++r, x += row_stride)
      for (int64_t c = 0; c < width; ++c) acc[c] = Choice::pick(acc[c], Map::map(x[c]));
  }
};

// ---- products of floating numbers, in double

template <class T>
struct FloatProduct {
  using In = T;
  using Out = T;
  using Acc = double;
  static constexpr int kL = kLanes<double>;

  static Acc identity() { return 1; }
  static void combine(Acc& acc, Acc other) { acc *= other; }
  static bool done(Acc) { return false; }
  static Out finish(Acc acc, int64_t) { return static_cast<T>(acc); }

  [[gnu::noinline]] static Acc row(const T* x, int64_t n) {
    Vec<double> p0 = broadcast(1.0), p1 = p0;
    int64_t i = 0;
    for (; i + 2 * kL <= n; i += 2 * kL) {
      p0 *= __builtin_convertvector(load_lanes<kL>(x + i), Vec<double>);
      p1 *= __builtin_convertvector(load_lanes<kL>(x + i + kL), Vec<double>);
    }
    p0 *= p1;
    Acc acc = 1;
    for (int l = 0; l < kL; ++l) acc *= p0[l];
    for (; i < n; ++i) acc *= x[i];
    return acc;
  }
  [[gnu::noinline]] static void columns(const T* __restrict x, int64_t rows, int64_t row_stride,
                                        int64_t width, Acc* __restrict acc) {
    for (int64_t r = 0; r < rows; ++r, x += row_stride)
      for (int64_t c = 0; c < width; ++c) acc[c] *= x[c];
  }
};

// ---- exact folds: the compiler may reorder them, and vectorises the plain loops

// Fold::step(accumulator, element).
template <class T, class Fold>
struct ExactFold {
  using In = T;
  using Acc = typename Fold::template Acc<T>;
  using Out = Acc;

  static Acc identity() { return Fold::template identity<T>(); }
  static void combine(Acc& acc, Acc other) { acc = Fold::combine(acc, other); }
  static bool done(Acc acc) { return Fold::done(acc); }
  static Out finish(Acc acc, int64_t) { return acc; }

  [[gnu::noinline]] static Acc row(const T* x, int64_t n) {
    Acc acc = identity();
    for (int64_t begin = 0; begin < n && !done(acc); begin += 4096) {
      const int64_t end = smaller<int64_t>(n, begin + 4096);
      Acc part = identity();
      for (int64_t i = begin; i < end; ++i) part = Fold::step(part, x[i]);
      acc = Fold::combine(acc, part);
    }
    return acc;
  }
  [[gnu::noinline]] static void columns(const T* __restrict x, int64_t rows, int64_t row_stride,
                                        int64_t width, Acc* __restrict acc) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * row_stride)
      for (int64_t c = 0; c < width; ++c) {
        const Acc low = Fold::step(Fold::step(acc[c], x[c]), x[c + row_stride]);
        acc[c] = Fold::step(Fold::step(low, x[c + 2 * row_stride]), x[c + 3 * row_stride]);
      }
    for (; r < rows; ++r, x += row_stride)
      for (int64_t c = 0; c < width; ++c) acc[c] = Fold::step(acc[c], x[c]);
  }
};

// Integers wrap: the arithmetic is unsigned.
struct IntegerSum {
  template <class>
  using Acc = int64_t;
  template <class>
  static int64_t identity() {
    return 0;
  }
  template <class T>
  static int64_t step(int64_t acc, T x) {
    return static_cast<int64_t>(static_cast<uint64_t>(acc) + static_cast<uint64_t>(static_cast<int64_t>(x)));
  }
  static int64_t combine(int64_t a, int64_t b) { return step(a, b); }
  static bool done(int64_t) { return false; }
};
struct IntegerProduct {
  template <class>
  using Acc = int64_t;
  template <class>
  static int64_t identity() {
    return 1;
  }
  template <class T>
  static int64_t step(int64_t acc, T x) {
    return static_cast<int64_t>(static_cast<uint64_t>(acc) * static_cast<uint64_t>(static_cast<int64_t>(x)));
  }
  static int64_t combine(int64_t a, int64_t b) { return step(a, b); }
  static bool done(int64_t) { return false; }
};
struct NonzeroCount {
  template <class>
  using Acc = int64_t;
  template <class>
  static int64_t identity() {
    return 0;
  }
  template <class T>
  static int64_t step(int64_t acc, T x) {
    return acc + (x != 0);
  }
  static int64_t combine(int64_t a, int64_t b) { return a + b; }
  static bool done(int64_t) { return false; }
};
struct AnyOf {
  template <class>
  using Acc = uint8_t;
  template <class>
  static uint8_t identity() {
    return 0;
  }
  template <class T>
  static uint8_t step(uint8_t acc, T x) {
    return acc | static_cast<uint8_t>(x != 0);
  }
  static uint8_t combine(uint8_t a, uint8_t b) { return a | b; }
  static bool done(uint8_t acc) { return acc; }
};
struct AllOf {
  template <class>
  using Acc = uint8_t;
  template <class>
  static uint8_t identity() {
    return 1;
  }
  template <class T>
  static uint8_t step(uint8_t acc, T x) {
    return acc & static_cast<uint8_t>(x != 0);
  }
  static uint8_t combine(uint8_t a, uint8_t b) { return a & b; }
  static bool done(uint8_t acc) { return !acc; }
};
template <class T>
constexpr T kHighest =
    static_cast<T>(-1) < 0 ? static_cast<T>((uint64_t{1} << (8 * sizeof(T) - 1)) - 1) : static_cast<T>(-1);
template <class T>
constexpr T kLowest = static_cast<T>(~kHighest<T>);
struct IntegerMax {
  template <class T>
  using Acc = T;
  template <class T>
  static T identity() {
    return kLowest<T>;
  }
  template <class T>
  static T step(T acc, T x) {
    return x > acc ? x : acc;
  }
  template <class T>
  static T combine(T a, T b) {
    return step(a, b);
  }
  template <class T>
  static bool done(T) {
    return false;
  }
};
struct IntegerMin {
  template <class T>
  using Acc = T;
  template <class T>
  static T identity() {
    return kHighest<T>;
  }
  template <class T>
  static T step(T acc, T x) {
    return x < acc ? x : acc;
  }
  template <class T>
  static T combine(T a, T b) {
    return step(a, b);
  }
  template <class T>
  static bool done(T) {
    return false;
  }
};

// ---- moments

// Mean and sum of squared deviations of `count` numbers; two of them combine by Chan, Golub and LeVeque
// (1979).
struct Moments {
  double count = 0, mean = 0, deviations = 0;
  void add(double other_count, double other_mean, double other_deviations) {
    const double total = count + other_count, delta = other_mean - mean, share = other_count / total;
    mean += delta * share;
    deviations += other_deviations + delta * delta * count * share;
    count = total;
  }
};

template <class T>
struct MomentsOf {
  using In = T;
  using Acc = Moments;
  static constexpr int kL = kLanes<T>;
  static constexpr int kBlock = 128 * kL;

  static Acc identity() { return {}; }
  static void combine(Acc& acc, const Acc& other) {
    if (other.count > 0) acc.add(other.count, other.mean, other.deviations);
  }
  static bool done(const Acc&) { return false; }

  // Within a block: two passes, the second from the cache, corrected for the rounding of the mean.
  [[gnu::noinline]] static Acc row(const T* x, int64_t n) {
    Acc acc;
    for (; n > 0; n -= kBlock, x += kBlock) {
      const int64_t block = smaller<int64_t>(n, kBlock);
      const T mean =
          static_cast<T>(FloatSum<T, Identity>::row(x, block).value() / static_cast<double>(block));
      Vec<T> s0{}, s1{}, q0{}, q1{};
      int64_t i = 0;
      for (; i + 2 * kL <= block; i += 2 * kL) {
        const Vec<T> d0 = load(x + i) - mean, d1 = load(x + i + kL) - mean;
        s0 += d0;
        s1 += d1;
        q0 += d0 * d0;
        q1 += d1 * d1;
      }
      double sum = horizontal_sum<T>(s0 + s1), squares = horizontal_sum<T>(q0 + q1);
      for (; i < block; ++i) {
        const T d = x[i] - mean;
        sum += d;
        squares += d * d;
      }
      if (!is_certain(squares)) {
        add_wide_row(acc, x, block);
        continue;
      }
      const double correction = sum / static_cast<double>(block);
      acc.add(static_cast<double>(block), mean + correction, squares - sum * correction);
    }
    return acc;
  }
  [[gnu::noinline]] static void columns(const T* x, int64_t rows, int64_t row_stride, int64_t width,
                                        Acc* acc) {
    alignas(64) T means[kTileColumns], squares[kTileColumns];
    int64_t r = 0;
    for (; r + kRows <= rows; r += kRows, x += kRows * row_stride) {
      int64_t c = 0;
      for (; c + kL <= width; c += kL) few_rows<Vec<T>>(x + c, row_stride, means + c, squares + c);
      for (; c < width; ++c) few_rows<T>(x + c, row_stride, means + c, squares + c);
      int uncertain = 0;
      for (c = 0; c < width; ++c) uncertain |= !is_certain(squares[c]);
      if (uncertain)
        add_wide_rows(acc, x, row_stride, width);
      else
        for (c = 0; c < width; ++c) acc[c].add(kRows, means[c], squares[c]);
    }
    for (; r < rows; ++r, x += row_stride)
      for (int64_t c = 0; c < width; ++c) acc[c].add(1, x[c], 0);
  }

 private:
  static constexpr int kRows = 16;
  [[gnu::always_inline]] static bool is_certain(T squares) {
    return sizeof(T) == sizeof(double) || (squares > T(kLeastSquares) && squares < T(kMostSquares));
  }
  // The same in double: floats whose squares are out of range, or who do not differ.
  [[gnu::noinline]] static void add_wide_row(Moments& acc, const T* x, int64_t n) {
    constexpr int kWide = kLanes<double>;
    Vec<double> s0{}, s1{}, q0{}, q1{};
    int64_t i = 0;
    for (; i + 2 * kWide <= n; i += 2 * kWide) {
      s0 += load_wide(x + i);
      s1 += load_wide(x + i + kWide);
    }
    double total = horizontal_sum<double>(s0 + s1);
    for (; i < n; ++i) total += x[i];
    const double mean = total / static_cast<double>(n);
    for (i = 0; i + 2 * kWide <= n; i += 2 * kWide) {
      const Vec<double> d0 = load_wide(x + i) - mean, d1 = load_wide(x + i + kWide) - mean;
      q0 += d0 * d0;
      q1 += d1 * d1;
    }
    double squares = horizontal_sum<double>(q0 + q1);
    for (; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
    acc.add(static_cast<double>(n), mean, squares);
  }
  [[gnu::noinline]] static void add_wide_rows(Moments* acc, const T* x, int64_t row_stride, int64_t width) {
    alignas(64) double means[kTileColumns], squares[kTileColumns];
    for (int64_t c = 0; c < width; ++c) means[c] = squares[c] = 0;
    for (int r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < width; ++c) means[c] += x[r * row_stride + c];
    for (int64_t c = 0; c < width; ++c) means[c] /= kRows;
    for (int r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < width; ++c) {
        const double d = x[r * row_stride + c] - means[c];
        squares[c] += d * d;
      }
    for (int64_t c = 0; c < width; ++c) acc[c].add(kRows, means[c], squares[c]);
  }
  template <class V>
  [[gnu::always_inline]] static void few_rows(const T* x, int64_t stride, T* means, T* squares) {
    V s0{}, s1{}, q0{}, q1{};
    for (int r = 0; r < kRows; r += 2) {
      s0 += get<V>(x + r * stride);
      s1 += get<V>(x + (r + 1) * stride);
    }
    const V mean = (s0 + s1) * T(1.0 / kRows);
    for (int r = 0; r < kRows; r += 2) {
      const V d0 = get<V>(x + r * stride) - mean, d1 = get<V>(x + (r + 1) * stride) - mean;
      q0 += d0 * d0;
      q1 += d1 * d1;
    }
    store(means, mean);
    store(squares, q0 + q1);
  }
};

template <class T, class Out>
void moments(const Reduction& r, const void* input, void* deviations, void* means, double divisor,
             bool root) {
  Out* const out_deviations = static_cast<Out*>(deviations);
  Out* const out_means = static_cast<Out*>(means);
  walk<MomentsOf<T>>(r, static_cast<const T*>(input), [&](int64_t at, const Moments& m) {
    const double nan = __builtin_nan(""), value = m.count > 0 ? m.deviations / divisor : nan;
    if (out_deviations) out_deviations[at] = static_cast<Out>(root ? __builtin_sqrt(value) : value);
    if (out_means) out_means[at] = static_cast<Out>(m.count > 0 ? m.mean : nan);
  });
}

template <class Op>
void run(const Reduction& r, const void* input, void* output) {
  auto* const out = static_cast<typename Op::Out*>(output);
  walk<Op>(r, static_cast<const typename Op::In*>(input),
           [&](int64_t at, const typename Op::Acc& acc) { out[at] = Op::finish(acc, r.count); });
}

template <class T>
void fill_integer(ReduceKernels& kernels, DType dtype) {
  const auto set = [&](Reduce op, ReduceKernel kernel) {
    kernels.reduce[static_cast<int>(op)][static_cast<int>(dtype)] = kernel;
  };
  set(Reduce::Sum, run<ExactFold<T, IntegerSum>>);
  set(Reduce::Prod, run<ExactFold<T, IntegerProduct>>);
  set(Reduce::Max, run<ExactFold<T, IntegerMax>>);
  set(Reduce::Min, run<ExactFold<T, IntegerMin>>);
  set(Reduce::Any, run<ExactFold<T, AnyOf>>);
  set(Reduce::All, run<ExactFold<T, AllOf>>);
  set(Reduce::CountNonzero, run<ExactFold<T, NonzeroCount>>);
}

// The largest of truths is whether any is true, the smallest whether all are.
void fill_bool(ReduceKernels& kernels) {
  const auto set = [&](Reduce op, ReduceKernel kernel) {
    kernels.reduce[static_cast<int>(op)][static_cast<int>(DType::Bool)] = kernel;
  };
  set(Reduce::Sum, run<ExactFold<uint8_t, NonzeroCount>>);
  set(Reduce::Prod, run<ExactFold<Truth, IntegerProduct>>);
  set(Reduce::Max, run<ExactFold<uint8_t, AnyOf>>);
  set(Reduce::Min, run<ExactFold<uint8_t, AllOf>>);
  set(Reduce::Any, run<ExactFold<uint8_t, AnyOf>>);
  set(Reduce::All, run<ExactFold<uint8_t, AllOf>>);
  set(Reduce::CountNonzero, run<ExactFold<uint8_t, NonzeroCount>>);
}

template <class T>
void fill_floating(ReduceKernels& kernels, DType dtype) {
  const auto set = [&](Reduce op, ReduceKernel kernel) {
    kernels.reduce[static_cast<int>(op)][static_cast<int>(dtype)] = kernel;
  };
  set(Reduce::Sum, run<FloatSum<T, Identity>>);
  set(Reduce::Mean, run<FloatSum<T, Identity, Finish::Mean>>);
  set(Reduce::Prod, run<FloatProduct<T>>);
  set(Reduce::Max, run<FloatExtreme<T, Largest, Identity>>);
  set(Reduce::Min, run<FloatExtreme<T, Smallest, Identity>>);
  set(Reduce::Any, run<ExactFold<T, AnyOf>>);
  set(Reduce::All, run<ExactFold<T, AllOf>>);
  set(Reduce::CountNonzero, run<ExactFold<T, NonzeroCount>>);
  set(Reduce::Norm, run<FloatSum<T, Squared, Finish::Root>>);
  set(Reduce::SumOfAbs, run<FloatSum<T, Absolute>>);
  set(Reduce::MaxOfAbs, run<FloatExtreme<T, Largest, Absolute>>);
  set(Reduce::NanSum, run<FloatSum<T, NanAsZero>>);
  kernels.moments[static_cast<int>(dtype)] = moments<T, T>;
  kernels.moments_parts[static_cast<int>(dtype)] = moments<T, double>;
}

}  // namespace

void fill_index(ReduceKernels& kernels);  // reduce_index_kernels.cpp
void fill_scan(ReduceKernels& kernels);   // reduce_scan_kernels.cpp

void fill(ReduceKernels& kernels) {
  kernels = {};
  fill_bool(kernels);
  fill_integer<uint8_t>(kernels, DType::UInt8);
  fill_integer<int8_t>(kernels, DType::Int8);
  fill_integer<int16_t>(kernels, DType::Int16);
  fill_integer<int32_t>(kernels, DType::Int32);
  fill_integer<int64_t>(kernels, DType::Int64);
  fill_floating<float>(kernels, DType::Float32);
  fill_floating<double>(kernels, DType::Float64);
  fill_index(kernels);
  fill_scan(kernels);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
