// Kernel source: compiled once per instruction set. Pooling of images whose channels lie last.
#include <limits>

#include "core/cpu/columns.h"
#include "core/cpu/pooling/pool.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <class V, class T>
constexpr int kWide = static_cast<int>(sizeof(V) / sizeof(T));
// A vector of integers beside a vector of T, or one beside one.
template <class T, int kN>
struct TagsOf {
  using type = Vec<MaskItem<T>, kN>;
};
template <class T>
struct TagsOf<T, 1> {
  using type = MaskItem<T>;
};

template <class T, bool kTagged>
void max_tagged(const T* input, const int64_t* offsets, const int32_t* tags, int64_t taps, int64_t channels,
                T* output, uint8_t* choice, int64_t* position, int64_t start) {
  each_tile<T>(channels, [&]<int kVectors, class V>(int64_t c, int64_t, Width<kVectors, V>)
                             __attribute__((always_inline)) {
                               constexpr int kL = kWide<V, T>;
                               using Tags = typename TagsOf<T, kL>::type;
                               V maximum[kVectors];
                               Tags best[kVectors];
#pragma GCC unroll 4
                               for (int v = 0; v < kVectors; ++v) {
                                 maximum[v] = V{} - std::numeric_limits<T>::infinity();
                                 best[v] = Tags{} + static_cast<MaskItem<T>>(tags[0]);
                               }
                               for (int64_t k = 0; k < taps; ++k) {
                                 const T* const from = input + offsets[k] + c;
                                 const Tags tag = Tags{} + static_cast<MaskItem<T>>(tags[k]);
#pragma GCC unroll 4
                                 for (int v = 0; v < kVectors; ++v) {
                                   const V value = item<T>(from + v * kL, V{});
                                   const auto better = (value > maximum[v]) | (value != value);
                                   maximum[v] = better ? value : maximum[v];
                                   if constexpr (kTagged) best[v] = better ? tag : best[v];
                                 }
                               }
#pragma GCC unroll 4
                               for (int v = 0; v < kVectors; ++v) {
                                 const int64_t at = c + v * kL;
                                 store(output + at, maximum[v]);
                                 if constexpr (kTagged && kL > 1) {
                                   if (choice)
                                     store(choice + at, __builtin_convertvector(best[v], Vec<uint8_t, kL>));
                                   alignas(kVectorBytes) MaskItem<T> items[kL];
                                   if (position) store(items, best[v]);
                                   for (int i = 0; position && i < kL; ++i)
                                     position[at + i] = start + items[i];
                                 } else if constexpr (kTagged) {
                                   if (choice) choice[at] = static_cast<uint8_t>(best[v]);
                                   if (position) position[at] = start + best[v];
                                 }
                               }
                             });
}

template <class T>
void max(const T* input, const int64_t* offsets, const int32_t* tags, int64_t taps, int64_t channels,
         T* output, uint8_t* choice, int64_t* position, int64_t start) {
  if (choice || position)
    max_tagged<T, true>(input, offsets, tags, taps, channels, output, choice, position, start);
  else
    max_tagged<T, false>(input, offsets, tags, taps, channels, output, choice, position, start);
}

// Large windows are added up in stretches, lest their sums round too often.
constexpr int64_t kStretch = 128;

template <class T>
void mean(const T* input, const int64_t* offsets, int64_t taps, int64_t channels, T count, T* output) {
  each_tile<T>(channels, [&]<int kVectors, class V>(int64_t c, int64_t, Width<kVectors, V>)
                             __attribute__((always_inline)) {
                               constexpr int kL = kWide<V, T>;
                               V total[kVectors] = {};
                               for (int64_t start = 0; start < taps; start += kStretch) {
                                 const int64_t end = smaller(taps, start + kStretch);
                                 V sum[kVectors] = {};
                                 for (int64_t k = start; k < end; ++k) {
                                   const T* const from = input + offsets[k] + c;
#pragma GCC unroll 4
                                   for (int v = 0; v < kVectors; ++v) sum[v] += item<T>(from + v * kL, V{});
                                 }
#pragma GCC unroll 4
                                 for (int v = 0; v < kVectors; ++v) total[v] += sum[v];
                               }
#pragma GCC unroll 4
                               for (int v = 0; v < kVectors; ++v)
                                 store(output + c + v * kL, total[v] / count);
                             });
}

template <class T>
void spread(const T* grad_output, const int64_t* offsets, const T* counts, int64_t taps, int64_t channels,
            T* grad_input) {
  each_tile<T>(channels, [&]<int kVectors, class V>(int64_t c, int64_t, Width<kVectors, V>)
                             __attribute__((always_inline)) {
                               constexpr int kL = kWide<V, T>;
                               V sum[kVectors] = {};
                               for (int64_t k = 0; k < taps; ++k) {
                                 const T* const from = grad_output + offsets[k] + c;
                                 const T count = counts[k];
#pragma GCC unroll 4
                                 for (int v = 0; v < kVectors; ++v)
                                   sum[v] += item<T>(from + v * kL, V{}) / count;
                               }
#pragma GCC unroll 4
                               for (int v = 0; v < kVectors; ++v) store(grad_input + c + v * kL, sum[v]);
                             });
}

template <class T>
void chosen(const T* grad_output, const uint8_t* choice, const int64_t* offsets, const int32_t* tags,
            int64_t taps, int64_t channels, T* grad_input) {
  each_tile<T>(channels, [&]<int kVectors, class V>(int64_t c, int64_t,
                                                    Width<kVectors, V>) __attribute__((always_inline)) {
    constexpr int kL = kWide<V, T>;
    V sum[kVectors] = {};
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t from = offsets[k] + c;
      const auto tag = static_cast<MaskItem<T>>(tags[k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const V value = item<T>(grad_output + from + v * kL, V{});
        if constexpr (kL > 1) {
          const auto which =
              __builtin_convertvector(load_lanes<kL>(choice + from + v * kL), Vec<MaskItem<T>, kL>);
          sum[v] += which == tag ? value : V{};
        } else {
          sum[v] += choice[from] == tag ? value : V{};
        }
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(grad_input + c + v * kL, sum[v]);
  });
}

}  // namespace

void fill(PixelKernels& table) {
  table.f32 = {max<float>, mean<float>, spread<float>, chosen<float>};
  table.f64 = {max<double>, mean<double>, spread<double>, chosen<double>};
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
