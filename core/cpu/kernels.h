// Every kernel of this CPU, for the best instruction set it has; chosen once at load.
#pragma once
#include "core/cpu/attention/attention.h"
#include "core/cpu/convolution/conv.h"
#include "core/cpu/fft/fft.h"
#include "core/cpu/indexing/mask.h"
#include "core/cpu/linalg/distances.h"
#include "core/cpu/linalg/gemm.h"
#include "core/cpu/linalg/half_gemm.h"
#include "core/cpu/loss/ctc.h"
#include "core/cpu/normalisation/normalisation.h"
#include "core/cpu/optim/optim.h"
#include "core/cpu/pointwise/pointwise.h"
#include "core/cpu/pooling/pool.h"
#include "core/cpu/random/random.h"
#include "core/cpu/recurrent/recurrent.h"
#include "core/cpu/reduce/reduce.h"
#include "core/cpu/resample/resample.h"
#include "core/cpu/softmax/softmax.h"
#include "core/cpu/sort/sort.h"
#include "core/cpu/views/transpose.h"

namespace flambeau::cpu {

struct Kernels {
  const char* instruction_set;
  PointwiseKernels pointwise;
  ReduceKernels reduce;
  SoftmaxKernels softmax;
  NormKernels normalisation;
  RecurrentKernels recurrent;
  AttentionKernels attention;
  GemmKernels gemm;
  BrainKernels brain;  // null where the CPU has no AVX512-BF16
  TransposeKernels transpose;
  ConvKernels conv;
  PoolKernels pool;
  MeanPoolKernels mean_pool;
  PixelKernels pixels;
  ResampleKernels resample;
  OptimKernels optim;
  RandomKernels random;
  MaskKernels mask;
  FftKernels fft;
  SortKernels sort;
  DistanceKernels distances;
};
extern const Kernels chosen_kernels;
inline const Kernels& kernels() { return chosen_kernels; }

}  // namespace flambeau::cpu
