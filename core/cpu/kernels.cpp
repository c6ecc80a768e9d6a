#include "core/cpu/kernels.h"

namespace flambeau::cpu {

namespace {

template <class... Family>
void fill_baseline(Family&... family) {
  (baseline::fill(family), ...);
}
#ifdef FLAMBEAU_HAS_V3
template <class... Family>
void fill_v3(Family&... family) {
  (v3::fill(family), ...);
}
#endif
#ifdef FLAMBEAU_HAS_V4
template <class... Family>
void fill_v4(Family&... family) {
  (v4::fill(family), ...);
}
#endif

Kernels choose() {
  Kernels k{};
  auto all = [&](auto fill) {
    fill(k.pointwise, k.reduce, k.softmax, k.normalisation, k.attention, k.recurrent, k.gemm, k.transpose,
         k.conv, k.pool, k.mean_pool, k.pixels, k.resample, k.optim, k.random, k.mask, k.fft, k.sort,
         k.distances);
  };
#if defined(__x86_64__)
#ifdef FLAMBEAU_HAS_V4
  if (__builtin_cpu_supports("x86-64-v4")) {
    k.instruction_set = "x86-64-v4";
    all([](auto&... family) { fill_v4(family...); });
    return k;
  }
#endif
#ifdef FLAMBEAU_HAS_V3
  if (__builtin_cpu_supports("x86-64-v3")) {
    k.instruction_set = "x86-64-v3";
    all([](auto&... family) { fill_v3(family...); });
    return k;
  }
#endif
#endif
#ifdef FLAMBEAU_HAS_BASELINE
  k.instruction_set = "baseline";
  all([](auto&... family) { fill_baseline(family...); });
#endif
  return k;
}

}  // namespace

const Kernels chosen_kernels = [] {
  Kernels k = choose();
  fill_complex(k.pointwise);
  fill_special_once(k.pointwise);
#ifdef FLAMBEAU_HAS_BRAIN
  if (__builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16")) brain::fill(k.brain);
#endif
  return k;
}();

}  // namespace flambeau::cpu
