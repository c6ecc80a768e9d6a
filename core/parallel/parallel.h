#pragma once

#include <cstdint>

#include "core/parallel/function_ref.h"

namespace flambeau {

// The number of threads an operator may use, the calling one included. It starts as OMP_NUM_THREADS where
// that is set, otherwise as the number of CPUs this process may use (affinity mask and cgroup quota).
int num_threads();
void set_num_threads(int n);

// Calls body(first, last) over disjoint ranges that cover [begin, end), at most num_threads() of them, each
// of at least `grain` items unless it is the only one. Runs inline if one range suffices, when called inside
// a parallel region, and while another thread is using the pool. `body` must not throw.
void parallel_for(int64_t begin, int64_t end, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

// True on a thread that is running the body of a parallel_for.
bool in_parallel_region();

}  // namespace flambeau
