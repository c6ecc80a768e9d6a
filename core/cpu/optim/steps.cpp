// A step of an optimizer over all its parameters, on several threads where it pays.
#include <algorithm>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {

namespace {

// Runs update(piece, offset, n) over every item once.
template <class Update>
void for_each_stretch(const OptimStep& step, const Update& update) {
  if (step.items == 0) return;
  // Two threads must not update a parameter that is listed twice.
  const int64_t grain = step.independent ? kOptimGrain : step.items;
  parallel_for(0, step.items, grain, [&](int64_t first, int64_t last) {
    auto after = std::upper_bound(step.pieces.begin(), step.pieces.end(), first,
                                  [](int64_t item, const OptimPiece& piece) { return item < piece.first; });
    for (auto piece = after - 1; piece != step.pieces.end() && piece->first < last; ++piece) {
      const int64_t begin = std::max(first, piece->first);
      const int64_t end = std::min(last, piece->first + piece->numel);
      if (begin < end) update(*piece, begin - piece->first, end - begin);
    }
  });
}

template <class T>
T* at(const OptimPiece& piece, int array, int64_t offset) {
  return piece.arrays[array] ? static_cast<T*>(piece.arrays[array]) + offset : nullptr;
}
template <class T>
AdamArrays<T> adam_arrays(const OptimPiece& piece, int64_t offset) {
  constexpr int kState = OptimPiece::kState;
  return {at<T>(piece, OptimPiece::kParam, offset), at<T>(piece, OptimPiece::kGrad, offset),
          at<T>(piece, kState, offset), at<T>(piece, kState + 1, offset), at<T>(piece, kState + 2, offset)};
}

// One rule over a stretch, in chunks whose gradients, once complete, stay in the first-level cache.
template <class T, class Penalize, class Shrink>
void update_stretch(const OptimPiece& piece, int64_t offset, int64_t n, const UpdateOptions& o,
                    UpdateKernel<T> kernel, Penalize penalize, Shrink shrink) {
  constexpr int64_t kChunk = 1024;
  constexpr int kState = OptimPiece::kState;
  const double penalty = o.decoupled ? 0 : o.weight_decay;
  T complete[kChunk];
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t count = std::min(kChunk, n - i), at_chunk = offset + i;
    UpdateArrays<T> arrays{at<T>(piece, OptimPiece::kParam, at_chunk),
                           at<T>(piece, OptimPiece::kGrad, at_chunk),
                           {at<T>(piece, kState, at_chunk), at<T>(piece, kState + 1, at_chunk),
                            at<T>(piece, kState + 2, at_chunk)}};
    if (o.decoupled && o.weight_decay != 0) shrink(arrays.param, count, 1 - o.lr * o.weight_decay);
    if (o.maximize || penalty != 0) {
      penalize(complete, arrays.grad, arrays.param, count, o.maximize ? -1 : 1, penalty);
      arrays.grad = complete;
    }
    kernel(arrays, count, o.constants, piece.factors);
  }
}

}  // namespace

void sgd_step(const OptimStep& step, const SgdOptions& options) {
  const OptimKernels& table = kernels().optim;
  for_each_stretch(step, [&](const OptimPiece& p, int64_t offset, int64_t n) {
    if (p.is_double)
      table.sgd_double(at<double>(p, OptimPiece::kParam, offset), at<double>(p, OptimPiece::kGrad, offset),
                       at<double>(p, OptimPiece::kState, offset), n, options);
    else
      table.sgd_float(at<float>(p, OptimPiece::kParam, offset), at<float>(p, OptimPiece::kGrad, offset),
                      at<float>(p, OptimPiece::kState, offset), n, options);
  });
}

void adam_step(const OptimStep& step, const AdamOptions& options) {
  const OptimKernels& table = kernels().optim;
  for_each_stretch(step, [&](const OptimPiece& p, int64_t offset, int64_t n) {
    if (p.is_double)
      table.adam_double(adam_arrays<double>(p, offset), n, p.scales, options);
    else
      table.adam_float(adam_arrays<float>(p, offset), n, p.scales, options);
  });
}

void update_step(const OptimStep& step, const UpdateOptions& options) {
  const OptimKernels& table = kernels().optim;
  const auto rule = static_cast<int>(options.rule);
  for_each_stretch(step, [&](const OptimPiece& p, int64_t offset, int64_t n) {
    if (p.is_double)
      update_stretch<double>(p, offset, n, options, table.update_double[rule], table.penalize_double,
                             table.shrink_double);
    else
      update_stretch<float>(p, offset, n, options, table.update_float[rule], table.penalize_float,
                            table.shrink_float);
  });
}

}  // namespace flambeau::cpu
