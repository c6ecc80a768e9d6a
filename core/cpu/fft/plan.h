// What a transform of one length needs: its factors and roots of unity, computed once and kept.
#pragma once
#include <cstdlib>
#include <memory>

#include "core/cpu/fft/fft.h"

namespace flambeau::cpu {

struct FreeBlock {
  void operator()(void* block) const { std::free(block); }
};
// Uninitialised, aligned for vectors.
template <class T>
using FftArray = std::unique_ptr<T[], FreeBlock>;
template <class T>
FftArray<T> fft_array(int64_t count);  // throws std::bad_alloc

template <class T>
struct ColumnsPlan {
  FftColumns<T> columns;
  FftArray<T> numbers;
  size_t bytes = 0;
};

// One line of complex numbers. It is a matrix, a convolution, or short enough to be one lane of a group.
template <class T>
struct LinePlan {
  int64_t points;
  std::shared_ptr<const ColumnsPlan<T>> first, second;  // a matrix has both, a convolution none
  FftMatrix<T> matrix;
  FftArray<T> lane_roots, block_roots;

  std::shared_ptr<const LinePlan<T>> convolution;
  FftArray<T> chirp, chirp_spectrum;
  size_t bytes = 0;
};

// e^(-pi i k / half), k <= half / 2.
template <class T>
struct RealRoots {
  FftArray<T> numbers;
  size_t bytes = 0;
};

// No prime factor beyond kMaxRadix.
bool is_smooth(int64_t n);

// The plans of this process, kept up to a limit, the least recently used ones going first. Any thread may
// ask.
template <class T>
std::shared_ptr<const ColumnsPlan<T>> columns_plan(int64_t points);
template <class T>
std::shared_ptr<const LinePlan<T>> line_plan(int64_t points);
template <class T>
std::shared_ptr<const RealRoots<T>> real_roots(int64_t half);

// A contiguous line; in and out may be the same.
template <class T>
void transform_line(const LinePlan<T>& plan, const T* in, T* out, bool forward, double scale);

}  // namespace flambeau::cpu
