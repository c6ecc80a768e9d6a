#include "core/cpu/fft/plan.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <numbers>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/tensor/allocator.h"

namespace flambeau::cpu {
namespace {

struct Root {
  double re, im;
};

// e^(-2 pi i k / n), each part to the last bit or nearly: the angle is brought below pi / 4 in integers.
Root root_of_unity(int64_t k, int64_t n) {
  k %= n;
  const int64_t quarter = 4 * k / n, rest = 4 * k - quarter * n;
  const bool steep = 2 * rest > n;
  const double angle =
      std::numbers::pi / 2 * static_cast<double>(steep ? n - rest : rest) / static_cast<double>(n);
  double c = std::cos(angle), s = std::sin(angle);
  if (steep) std::swap(c, s);
  switch (quarter) {
    case 0:
      return {c, -s};
    case 1:
      return {-s, -c};
    case 2:
      return {-c, s};
    default:
      return {s, c};
  }
}

template <class T>
void put(T* pair, Root root) {
  pair[0] = static_cast<T>(root.re);
  pair[1] = static_cast<T>(root.im);
}

// The radices of the passes; the last pass has no twiddles, so the widest butterfly comes last.
std::vector<int> radices_of(int64_t n) {
  std::vector<int> radices;
  for (int64_t p = 3; p <= kMaxRadix && p <= n; p += 2)
    for (; n % p == 0; n /= p) radices.push_back(static_cast<int>(p));
  const int twos = __builtin_ctzll(static_cast<uint64_t>(n));
  n >>= twos;
  if (n > 1) return {};
  std::reverse(radices.begin(), radices.end());
  const int fours = twos % 3 == 1 ? (twos >= 4 ? 2 : 0) : twos % 3 == 2 ? 1 : 0;
  if (twos == 1) radices.push_back(2);
  radices.insert(radices.end(), static_cast<size_t>(fours), 4);
  radices.insert(radices.end(), static_cast<size_t>((twos - 2 * fours) / 3), 8);
  return radices;
}

// The work of a pass for each of its points, in vector instructions.
double cost_of(int radix) {
  switch (radix) {
    case 2:
      return 5;
    case 3:
      return 7;
    case 4:
      return 6.5;
    case 5:
      return 9;
    case 7:
      return 12;
    case 8:
      return 8;
    default:
      return 6.0 + radix;
  }
}

double columns_cost(int64_t n, int64_t item, int64_t lanes) {
  double cost = 5;  // in and out
  for (const int radix : radices_of(n)) cost += cost_of(radix);
  const int64_t bytes = 4 * n * lanes * item;  // of the data and its copy
  return cost * (bytes > (1 << 20) ? 2 : bytes > (1 << 18) ? 1.2 : 1);
}

// The factor n1 of n = n1 n2 that makes the cheapest matrix; 0: none is worth it.
template <class T>
int64_t choose_rows(int64_t n, int64_t lanes, double* best_cost = nullptr) {
  constexpr int64_t kItem = sizeof(T), kShortest = 64;
  if (n < kShortest) return 0;
  const auto padded = [&](int64_t m) { return static_cast<double>((m + lanes - 1) / lanes * lanes); };
  double best = static_cast<double>(n * lanes) * columns_cost(n, kItem, lanes);
  int64_t rows = 0;
  for (int64_t d = 2; d * d <= n; ++d) {
    if (n % d) continue;
    const double a = columns_cost(d, kItem, lanes), b = columns_cost(n / d, kItem, lanes);
    const double plain =
        padded(n / d) * static_cast<double>(d) * a + padded(d) * static_cast<double>(n / d) * b;
    const auto consider = [&](int64_t n1, double cost) {
      if (cost < best) {
        best = cost;
        rows = n1;
      }
    };
    consider(d, plain);
    consider(n / d, plain * 1.001);
  }
  if (best_cost) *best_cost = best;
  return rows;
}

template <class T>
int64_t lanes_of() {
  if constexpr (sizeof(T) == 4)
    return kernels().fft.f32.lanes;
  else
    return kernels().fft.f64.lanes;
}

// The length of the cyclic convolution that Bluestein's algorithm runs: at least 2 n - 1.
template <class T>
int64_t convolution_length(int64_t n) {
  int64_t power = 1;
  while (power < 2 * n - 1) power *= 2;
  int64_t best = power;
  double best_cost = 1e300;
  for (int64_t five = 1; five <= 25; five *= 5)
    for (int64_t three = five; three <= 27 * five; three *= 3) {
      int64_t m = three;
      while (m < 2 * n - 1) m *= 2;
      double cost = 0;
      if (!choose_rows<T>(m, lanes_of<T>(), &cost)) continue;
      if (cost < best_cost) {
        best_cost = cost;
        best = m;
      }
    }
  return best;
}

// ---- making plans

template <class T>
std::shared_ptr<ColumnsPlan<T>> make(int64_t n, ColumnsPlan<T>*) {
  auto plan = std::make_shared<ColumnsPlan<T>>();
  const std::vector<int> radices = radices_of(n);
  const auto has_butterfly = [](int radix) { return radix <= 8; };
  int64_t count = 0, left = n;
  for (const int radix : radices) {
    left /= radix;
    count += 2 * left * (radix - 1) + (has_butterfly(radix) ? 0 : 2 * radix);
  }
  plan->numbers = fft_array<T>(count);
  plan->bytes = static_cast<size_t>(count) * sizeof(T);
  plan->columns.points = n;
  plan->columns.count = static_cast<int>(radices.size());
  T* next = plan->numbers.get();
  left = n;
  int64_t stride = 1;
  for (size_t i = 0; i < radices.size(); ++i) {
    const int radix = radices[i];
    const int64_t blocks = left / radix;
    FftPass<T>& pass = plan->columns.passes[i];
    pass = {radix, stride, blocks, next, nullptr};
    for (int64_t p = 0; p < blocks; ++p)
      for (int j = 1; j < radix; ++j, next += 2) put(next, root_of_unity(p * j, left));
    if (!has_butterfly(radix)) {
      pass.roots = next;
      for (int j = 0; j < radix; ++j, next += 2) {
        const Root root = root_of_unity(j, radix);
        put(next, {root.re, -root.im});
      }
    }
    left = blocks;
    stride *= radix;
  }
  return plan;
}

template <class T>
std::shared_ptr<RealRoots<T>> make(int64_t half, RealRoots<T>*) {
  auto plan = std::make_shared<RealRoots<T>>();
  const int64_t count = half / 2 + 1;
  plan->numbers = fft_array<T>(2 * count);
  plan->bytes = static_cast<size_t>(2 * count) * sizeof(T);
  for (int64_t k = 0; k < count; ++k) put(plan->numbers.get() + 2 * k, root_of_unity(k, 2 * half));
  return plan;
}

template <class T>
void make_matrix(LinePlan<T>& plan, int64_t n1, int64_t n2) {
  const int64_t n = plan.points, lanes = lanes_of<T>(), blocks = (n2 + lanes - 1) / lanes;
  plan.first = columns_plan<T>(n1);
  plan.second = columns_plan<T>(n2);
  plan.lane_roots = fft_array<T>(2 * n1 * lanes);
  plan.block_roots = fft_array<T>(2 * n1 * blocks);
  for (int64_t k = 0; k < n1; ++k) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Root root = root_of_unity(k * lane, n);
      plan.lane_roots[2 * k * lanes + lane] = static_cast<T>(root.re);
      plan.lane_roots[(2 * k + 1) * lanes + lane] = static_cast<T>(root.im);
    }
    for (int64_t b = 0; b < blocks; ++b)
      put(plan.block_roots.get() + 2 * (b * n1 + k), root_of_unity(k * lanes * b, n));
  }
  plan.matrix = {&plan.first->columns, &plan.second->columns, plan.lane_roots.get(), plan.block_roots.get()};
  plan.bytes = static_cast<size_t>(2 * n1 * (lanes + blocks)) * sizeof(T);
}

// X[k] = c[k] sum of (x[j] c[j]) c*[k - j] with c[j] = e^(-pi i j^2 / n).
template <class T>
void make_convolution(LinePlan<T>& plan) {
  const int64_t n = plan.points, m = convolution_length<T>(n);
  check_memory_left(static_cast<size_t>(2 * (n + m)) * sizeof(T) +
                    static_cast<size_t>(4 * m) * sizeof(double));
  plan.convolution = line_plan<T>(m);
  plan.chirp = fft_array<T>(2 * n);
  plan.chirp_spectrum = fft_array<T>(2 * m);
  const FftArray<double> kernel = fft_array<double>(2 * m);
  std::fill_n(kernel.get(), 2 * m, 0.0);
  for (int64_t j = 0; j < n; ++j) {
    const Root root = root_of_unity(j * j % (2 * n), 2 * n);
    put(plan.chirp.get() + 2 * j, root);
    put(kernel.get() + 2 * j, {root.re, -root.im});
    if (j > 0) put(kernel.get() + 2 * (m - j), {root.re, -root.im});
  }
  transform_line(*line_plan<double>(m), kernel.get(), kernel.get(), true, 1.0 / static_cast<double>(m));
  for (int64_t i = 0; i < 2 * m; ++i) plan.chirp_spectrum[i] = static_cast<T>(kernel[i]);
  plan.bytes = static_cast<size_t>(2 * (n + m)) * sizeof(T);
}

template <class T>
std::shared_ptr<LinePlan<T>> make(int64_t n, LinePlan<T>*) {
  auto plan = std::make_shared<LinePlan<T>>();
  plan->points = n;
  if (!is_smooth(n))
    make_convolution(*plan);
  else if (const int64_t rows = choose_rows<T>(n, lanes_of<T>()))
    make_matrix(*plan, rows, n / rows);
  else
    plan->first = columns_plan<T>(n);
  return plan;
}

// ---- keeping them

template <class Plan>
class Kept {
 public:
  std::shared_ptr<const Plan> get(int64_t points) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = index_.find(points); found != index_.end()) {
        plans_.splice(plans_.begin(), plans_, found->second);
        return found->second->plan;
      }
    }
    std::shared_ptr<const Plan> plan = make(points, static_cast<Plan*>(nullptr));  // perhaps by two threads
    const std::lock_guard lock(mutex_);
    if (index_.contains(points)) return plan;
    plans_.push_front({points, plan});
    index_[points] = plans_.begin();
    bytes_ += plan->bytes;
    while (plans_.size() > kMostPlans || (bytes_ > kMostBytes && plans_.size() > 1)) {
      bytes_ -= plans_.back().plan->bytes;
      index_.erase(plans_.back().points);
      plans_.pop_back();
    }
    return plan;
  }

 private:
  static constexpr size_t kMostPlans = 128, kMostBytes = size_t{64} << 20;
  struct Entry {
    int64_t points;
    std::shared_ptr<const Plan> plan;
  };
  std::mutex mutex_;
  std::list<Entry> plans_;  // the most recently used one first
  std::map<int64_t, typename std::list<Entry>::iterator> index_;
  size_t bytes_ = 0;
};

// Never destroyed: a daemon thread may transform while the process ends.
template <class Plan>
Kept<Plan>& kept() {
  static auto* plans = new Kept<Plan>;
  return *plans;
}

}  // namespace

template <class T>
FftArray<T> fft_array(int64_t count) {
  constexpr size_t kHugePage = size_t{2} << 20;
  size_t bytes = static_cast<size_t>(std::max<int64_t>(count, 1)) * sizeof(T);
  const size_t align = bytes >= 2 * kHugePage ? kHugePage : 64;
  bytes = (bytes + align - 1) / align * align;
  void* block = std::aligned_alloc(align, bytes);
  if (!block) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (align == kHugePage) madvise(block, bytes, MADV_HUGEPAGE);  // fewer page faults; advice only
#endif
  return FftArray<T>(static_cast<T*>(block));
}

bool is_smooth(int64_t n) { return n == 1 || !radices_of(n).empty(); }

template <class T>
std::shared_ptr<const ColumnsPlan<T>> columns_plan(int64_t points) {
  return kept<ColumnsPlan<T>>().get(points);
}
template <class T>
std::shared_ptr<const LinePlan<T>> line_plan(int64_t points) {
  return kept<LinePlan<T>>().get(points);
}
template <class T>
std::shared_ptr<const RealRoots<T>> real_roots(int64_t half) {
  return kept<RealRoots<T>>().get(half);
}

template FftArray<float> fft_array(int64_t);
template FftArray<double> fft_array(int64_t);
template std::shared_ptr<const ColumnsPlan<float>> columns_plan(int64_t);
template std::shared_ptr<const ColumnsPlan<double>> columns_plan(int64_t);
template std::shared_ptr<const LinePlan<float>> line_plan(int64_t);
template std::shared_ptr<const LinePlan<double>> line_plan(int64_t);
template std::shared_ptr<const RealRoots<float>> real_roots(int64_t);
template std::shared_ptr<const RealRoots<double>> real_roots(int64_t);

}  // namespace flambeau::cpu
