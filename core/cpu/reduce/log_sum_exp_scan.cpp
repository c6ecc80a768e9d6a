// The running log-sum-exp.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cpu/reduce/reduce.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

template <class T>
T log_add_exp(T a, T b) {
  const T low = std::min(a, b), high = std::max(a, b);
  if (std::isnan(a) || std::isnan(b)) return a + b;
  return std::isfinite(low) || low != high ? high + std::log1p(std::exp(low - high)) : high;
}

template <class T>
void log_sum_exp_scan(const backend::SoftmaxShape& s, const T* x, T* y) {
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t c = 0; c < s.inner; ++c) {
      T run = -std::numeric_limits<T>::infinity();
      for (int64_t i = 0; i < s.size; ++i) {
        const int64_t at = (o * s.size + i) * s.inner + c;
        y[at] = run = log_add_exp(run, x[at]);
      }
    }
}

}  // namespace

void log_sum_exp_scan(DType dtype, SoftmaxShape shape, const void* x, void* y) {
  visit_floating(dtype, "logcumsumexp_out_cpu",
                 [&]<class T>() { log_sum_exp_scan(shape, static_cast<const T*>(x), static_cast<T*>(y)); });
}

}  // namespace flambeau::cpu
