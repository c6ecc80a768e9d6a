// What the kernels of normalisation share: how lanes are summed, and for how long in the operands' dtype. For
// kernel sources only.
#pragma once
#include "core/cpu/columns.h"
#include "core/cpu/normalisation/normalisation.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// Sums of so many elements are made in their dtype, and added up in float64.
constexpr int64_t kStretch = 4096;

// The sums of the two numbers, vectors of them, that items(i, kind of number, a, b) adds to a and b.
template <class T, class Items>
[[gnu::always_inline]] inline TwoSums sum_two(int64_t n, Items items) {
  constexpr int kL = kLanes<T>;
  TwoSums total{0, 0};
  for (int64_t start = 0; start < n; start += kStretch) {
    const int64_t end = smaller(n, start + kStretch);
    Vec<T> a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
    int64_t i = start;
    for (; i + 4 * kL <= end; i += 4 * kL) {
      items(i, a0, b0);
      items(i + kL, a1, b1);
      items(i + 2 * kL, a2, b2);
      items(i + 3 * kL, a3, b3);
    }
    for (; i + kL <= end; i += kL) items(i, a0, b0);
    T a = sum_of_lanes<T, kL>((a0 + a1) + (a2 + a3)), b = sum_of_lanes<T, kL>((b0 + b1) + (b2 + b3));
    for (; i < end; ++i) items(i, a, b);
    total.first += static_cast<double>(a);
    total.second += static_cast<double>(b);
  }
  return total;
}

template <class T>
double sum_of(const T* x, int64_t n) {
  return sum_two<T>(n,
                    [x](int64_t i, auto& a, auto&) __attribute__((always_inline)) { a += item<T>(x + i, a); })
      .first;
}

// The sum, and the sum of squares, about a shift.
template <class T>
TwoSums sums_about(const T* x, int64_t n, T shift) {
  return sum_two<T>(n, [x, shift](int64_t i, auto& a, auto& b) __attribute__((always_inline)) {
    const auto d = item<T>(x + i, a) - shift;
    a += d;
    b += d * d;
  });
}

// Joins the moments of `count` elements (mean, and sum of squares about it) to those of `before` others.
struct Join {
  double of_mean, of_square;
  Join(int64_t before, int64_t count)
      : of_mean(static_cast<double>(count) / static_cast<double>(before + count)),
        of_square(static_cast<double>(before) * of_mean) {}
  [[gnu::always_inline]] void operator()(double piece_mean, double piece_squares, double& mean,
                                         double& squares) const {
    const double step = piece_mean - mean;
    mean += step * of_mean;
    squares += piece_squares + step * step * of_square;
  }
};

struct Moments {
  double mean, squares;  // the sum of squares about the mean
};
// A row is read from memory once; see channels.cpp.
template <class T>
Moments moments_of(const T* x, int64_t n) {
  Moments all{0, 0};
  for (int64_t start = 0; start < n; start += kStretch) {
    const int64_t count = smaller(n - start, kStretch);
    const double part = static_cast<double>(count);
    if (start == 0) all.mean = sum_of(x, count) / part;
    // The shift's own rounding is taken out of the sum of squares.
    const T shift = static_cast<T>(all.mean);
    const TwoSums about = sums_about(x + start, count, shift);
    Join(start, count)(static_cast<double>(shift) + about.first / part,
                       about.second - about.first * about.first / part, all.mean, all.squares);
  }
  return all;
}

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
