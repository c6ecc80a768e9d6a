// What is asked of sorted order: whole rows, their first elements, one rank, runs of equal elements.
#pragma once
#include <cstdint>

#include "core/backend/softmax.h"

namespace flambeau::backend {

// Rows are the middle axis of a contiguous array [outer][size][inner]. NaN is above everything, -0 equals 0,
// and equal elements keep their order.
using SortShape = SoftmaxShape;

// Which element of a sorted row.
enum class Rank : uint8_t {
  Kth,       // the k-th, from 1
  Median,    // the lower of the middle ones; NaN where there is one
  NanMedian  // the same of what is not NaN
};

// What `unique` fills; any but `values` may be null.
struct UniqueResults {
  void* values;      // room for all n; of rows, the place of the first of equal ones, int64
  int64_t* inverse;  // n: which of the values each element is
  int64_t* counts;   // room for n
};

// Values to be placed in ascending rows of boundaries: a row of values in each, or all in the only one.
struct SortedSearch {
  const void* boundaries;  // [rows or 1][size]
  int64_t size;
  const void* values;  // [rows][per_row]
  int64_t rows, per_row;
  bool one_row;  // of boundaries
  bool right;    // behind equal boundaries instead of before them
};

// Counts of the numbers below a limit, and the smallest and the largest number (of which there is one).
struct SmallCounts {
  int64_t low, high;
};

// Points, and the intervals along each axis in which they are counted; the last one is closed at both ends. A
// point outside counts for nothing.
struct Histogram {
  enum class Find : uint8_t {
    Search,     // by the edges
    Divide,     // by the width, which is the same for all
    DivideNear  // the same, and then by the edges nearby
  };
  struct Axis {
    const void* edges;  // bins + 1, ascending
    int64_t bins;
    double low, high;  // the outermost edges
  };
  Find find;
  int64_t points;
  int axes;
  const Axis* axis;
  const void* values;   // [points][axes]
  const void* weights;  // [points], or null: ones
};

}  // namespace flambeau::backend
