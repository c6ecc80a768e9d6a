// Kernels over bags of a table's rows, for float32 and float64: sums and maxima, and the derivatives of sums.
#pragma once
#include "core/backend/indexing.h"

namespace flambeau::cpu {

using namespace backend;

struct BagKernels {
  void (*sum[2])(const RowBags& bags, const void* table, const void* factors, void* sums);
  void (*max[2])(const RowBags& bags, const void* table, void* maxima, int64_t* chosen);
  void (*spread[2])(const RowBags& bags, const void* grad_sums, const void* factors, void* grad_table);
  void (*dot[2])(const RowBags& bags, const void* grad_sums, const void* table, void* dots);
};

namespace baseline {
void fill(BagKernels& kernels);
}
namespace v3 {
void fill(BagKernels& kernels);
}
namespace v4 {
void fill(BagKernels& kernels);
}

}  // namespace flambeau::cpu
