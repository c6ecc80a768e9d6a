// What the kernels over LAPACK share: batches of matrices in parallel, element types, working memory.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/backend/linalg.h"
#include "core/cpu/linalg/lapack.h"
#include "core/cpu/linalg/small.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau::cpu {

using namespace backend;

// A slot of thread_scratch, besides those that products use.
constexpr int kWorkScratch = 7;

// visit.operator()<T>() for the four types that LAPACK knows.
template <class Visitor>
void visit_lapack(DType dtype, const char* name, Visitor visit) {
  if (is_complex(dtype))
    visit_complex(dtype, name, visit);
  else
    visit_floating(dtype, name, visit);
}

template <class T>
T* matrix(const MatrixBatch& a, int64_t i) {
  return reinterpret_cast<T*>(a.data) + i * a.batch_stride;
}

// body(i) for each of `count` matrices, which takes about `flops` floating point operations; a thread is
// woken for 50 us of them.
template <class Body>
void for_each_matrix(int64_t count, int64_t flops, const Body& body) {
  const int64_t nanoseconds = flops / 2 + 20;
  const WithoutGil guard(count * nanoseconds);
  parallel_for(0, count, std::max<int64_t>(1, 50'000 / nanoseconds), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(i);
  });
}

// run(work, size, info) of a routine that says by a first call, with size -1, how much it wants to work in:
// the size to pass to call_with_work.
template <class T, class Run>
LapackInt work_size(const Run& run) {
  T wanted{};
  const LapackInt ask = -1;
  LapackInt info = 0;
  run(&wanted, &ask, &info);
  return std::max<LapackInt>(1, static_cast<LapackInt>(small::real_part(wanted)));
}
template <class T>
T* work_of(LapackInt size) {
  return static_cast<T*>(thread_scratch(kWorkScratch, static_cast<size_t>(size) * sizeof(T)));
}

inline const char* letter(MatrixOp op) {
  return op == MatrixOp::Plain ? "N" : op == MatrixOp::Transposed ? "T" : "C";
}
inline const char* triangle(bool upper) { return upper ? "U" : "L"; }

}  // namespace flambeau::cpu
