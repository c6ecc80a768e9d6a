// From a functor on numbers to a kernel on arrays. Included by kernel sources only: it stands in the
// instruction set's namespace.
//
// A functor is a struct with a static function template `of<T>`; the kernel's output and operand types are
// those of of<T>'s signature. One whose `of` does not serve every argument has `is_hard<T>` and `hard<T>`
// too.
#pragma once
#include <cstdint>

#include "core/cpu/pointwise/pointwise.h"

// Lets a loop vectorise without a check for overlap: the output is apart from every input, or the very same
// array.
#if defined(__clang__)
#define FLAMBEAU_INDEPENDENT_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define FLAMBEAU_INDEPENDENT_LOOP _Pragma("GCC ivdep")
#endif

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

template <class... T>
struct Types {};
using Floating = Types<float, double>;
using Signed = Types<int8_t, int16_t, int32_t, int64_t, float, double>;
using Numbers = Types<uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;
using Any = Types<bool, uint8_t, int8_t, int16_t, int32_t, int64_t, float, double>;
using Integers = Types<uint8_t, int8_t, int16_t, int32_t, int64_t>;
using Bits = Types<bool, uint8_t, int8_t, int16_t, int32_t, int64_t>;

// A bool in memory is a byte, true if it is not 0.
template <class T>
struct Memory {
  using Type = T;
};
template <>
struct Memory<bool> {
  using Type = uint8_t;
};
template <class T>
using InMemory = typename Memory<T>::Type;

template <auto kFunction, class Signature = decltype(kFunction)>
struct Loop;

template <auto kFunction, class R, class A>
struct Loop<kFunction, R (*)(A)> {
  [[gnu::flatten]] static void run(void* output, const void* const* inputs, int64_t n) {
    auto* out = static_cast<InMemory<R>*>(output);
    const auto* a = static_cast<const InMemory<A>*>(inputs[0]);
    FLAMBEAU_INDEPENDENT_LOOP
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<InMemory<R>>(kFunction(static_cast<A>(a[i])));
  }
};

template <auto kFunction, class R, class A, class B>
struct Loop<kFunction, R (*)(A, B)> {
  [[gnu::flatten]] static void run(void* output, const void* const* inputs, int64_t n) {
    auto* out = static_cast<InMemory<R>*>(output);
    const auto* a = static_cast<const InMemory<A>*>(inputs[0]);
    const auto* b = static_cast<const InMemory<B>*>(inputs[1]);
    FLAMBEAU_INDEPENDENT_LOOP
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<InMemory<R>>(kFunction(static_cast<A>(a[i]), static_cast<B>(b[i])));
    }
  }
};

template <auto kFunction, class R, class A, class B, class C>
struct Loop<kFunction, R (*)(A, B, C)> {
  [[gnu::flatten]] static void run(void* output, const void* const* inputs, int64_t n) {
    auto* out = static_cast<InMemory<R>*>(output);
    const auto* a = static_cast<const InMemory<A>*>(inputs[0]);
    const auto* b = static_cast<const InMemory<B>*>(inputs[1]);
    const auto* c = static_cast<const InMemory<C>*>(inputs[2]);
    FLAMBEAU_INDEPENDENT_LOOP
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<InMemory<R>>(
          kFunction(static_cast<A>(a[i]), static_cast<B>(b[i]), static_cast<C>(c[i])));
    }
  }
};

template <auto kFunction, class R, class A, class B, class C, class D>
struct Loop<kFunction, R (*)(A, B, C, D)> {
  [[gnu::flatten]] static void run(void* output, const void* const* inputs, int64_t n) {
    auto* out = static_cast<InMemory<R>*>(output);
    const auto* a = static_cast<const InMemory<A>*>(inputs[0]);
    const auto* b = static_cast<const InMemory<B>*>(inputs[1]);
    const auto* c = static_cast<const InMemory<C>*>(inputs[2]);
    const auto* d = static_cast<const InMemory<D>*>(inputs[3]);
    FLAMBEAU_INDEPENDENT_LOOP
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<InMemory<R>>(
          kFunction(static_cast<A>(a[i]), static_cast<B>(b[i]), static_cast<C>(c[i]), static_cast<D>(d[i])));
    }
  }
};

// Blocks without a hard argument run vectorised; the others item by item.
template <class F, class T, class Signature>
struct GuardedLoop;
inline constexpr int64_t kGuardedBlock = 256;

template <class F, class T, class R, class A>
struct GuardedLoop<F, T, R (*)(A)> {
  [[gnu::flatten]] static void run(void* output, const void* const* inputs, int64_t n) {
    auto* out = static_cast<R*>(output);
    const auto* a = static_cast<const A*>(inputs[0]);
    for (int64_t first = 0; first < n; first += kGuardedBlock) {
      const int64_t last = n - first < kGuardedBlock ? n : first + kGuardedBlock;
      int any_hard = 0;
      for (int64_t i = first; i < last; ++i) any_hard |= F::template is_hard<T>(a[i]) ? 1 : 0;
      if (any_hard != 0) {
        for (int64_t i = first; i < last; ++i) {
          out[i] = F::template is_hard<T>(a[i]) ? F::template hard<T>(a[i]) : F::template of<T>(a[i]);
        }
      } else {
        FLAMBEAU_INDEPENDENT_LOOP
        for (int64_t i = first; i < last; ++i) out[i] = F::template of<T>(a[i]);
      }
    }
  }
};

template <class F, class T, class R, class A, class B>
struct GuardedLoop<F, T, R (*)(A, B)> {
  [[gnu::flatten]] static void run(void* output, const void* const* inputs, int64_t n) {
    auto* out = static_cast<R*>(output);
    const auto* a = static_cast<const A*>(inputs[0]);
    const auto* b = static_cast<const B*>(inputs[1]);
    for (int64_t first = 0; first < n; first += kGuardedBlock) {
      const int64_t last = n - first < kGuardedBlock ? n : first + kGuardedBlock;
      int any_hard = 0;
      for (int64_t i = first; i < last; ++i) any_hard |= F::template is_hard<T>(a[i], b[i]) ? 1 : 0;
      if (any_hard != 0) {
        for (int64_t i = first; i < last; ++i) {
          out[i] = F::template is_hard<T>(a[i], b[i]) ? F::template hard<T>(a[i], b[i])
                                                      : F::template of<T>(a[i], b[i]);
        }
      } else {
        FLAMBEAU_INDEPENDENT_LOOP
        for (int64_t i = first; i < last; ++i) out[i] = F::template of<T>(a[i], b[i]);
      }
    }
  }
};

template <class F, class T>
constexpr PointwiseKernel kernel_of() {
  if constexpr (requires { &F::template hard<T>; }) {
    return GuardedLoop<F, T, decltype(&F::template of<T>)>::run;
  } else {
    return Loop<&F::template of<T>>::run;
  }
}

// The kernels of one operator for each of the types.
template <class F, class... T>
void set(PointwiseKernels& kernels, Pointwise op, Types<T...>) {
  ((kernels.table[static_cast<int>(op)][static_cast<int>(dtype_of<T>)] = kernel_of<F, T>()), ...);
}

}  // namespace

// The parts of `fill(PointwiseKernels&)`, one per kernel source.
void fill_arithmetic(PointwiseKernels& kernels);
void fill_comparison(PointwiseKernels& kernels);
void fill_elementary(PointwiseKernels& kernels);
void fill_activation(PointwiseKernels& kernels);
void fill_special(PointwiseKernels& kernels);
void fill_copy(PointwiseKernels& kernels);

}  // namespace flambeau::cpu::FLAMBEAU_ISA
