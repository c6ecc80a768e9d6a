// Places in sorted rows, and counts by value or by interval.
#pragma once
#include <cstdint>

#include "core/backend/sort.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

void search_sorted(DType dtype, const SortedSearch& search, int64_t* places);
SmallCounts count_small(const int64_t* numbers, int64_t n, int64_t limit, int64_t* counts);
void count_values(const int64_t* numbers, int64_t n, DType dtype, const void* weights, void* counts);
void histogram(DType dtype, const Histogram& histogram, void* counts);
int64_t unique_rows(DType dtype, int64_t rows, int64_t columns, const void* items,
                    const UniqueResults& results);

}  // namespace flambeau::cpu
