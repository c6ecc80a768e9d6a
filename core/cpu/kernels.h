// Every kernel of this CPU, for the best instruction set it has; chosen once at load.
#pragma once
#include "core/cpu/conv.h"
#include "core/cpu/gemm.h"
#include "core/cpu/mask.h"
#include "core/cpu/optim.h"
#include "core/cpu/pointwise.h"
#include "core/cpu/pool.h"
#include "core/cpu/random.h"
#include "core/cpu/reduce.h"
#include "core/cpu/softmax.h"
#include "core/cpu/transpose.h"

namespace flambeau::cpu {

struct Kernels {
  const char* instruction_set;
  PointwiseKernels pointwise;
  ReduceKernels reduce;
  SoftmaxKernels softmax;
  GemmKernels gemm;
  TransposeKernels transpose;
  ConvKernels conv;
  PoolKernels pool;
  OptimKernels optim;
  RandomKernels random;
  MaskKernels mask;
};
extern const Kernels& kernels_reference;
inline const Kernels& kernels() { return kernels_reference; }

}  // namespace flambeau::cpu
