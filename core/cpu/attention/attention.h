// Attention in blocks of queries and keys: no matrix of all scores is ever in memory.
//
// Forward: the maximum and the sum of a row's exponentials are carried from block to block, and what was
// found so far is rescaled (Milakov and Gimelshein, 2018; Dao et al., "FlashAttention", 2022). Backward: the
// weights of a block are computed again from the scores and the row's normalizer. Halves are widened block by
// block.
#pragma once
#include <cstdint>

#include "core/backend/attention.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using backend::Attention;
using backend::AttentionGradients;
using backend::AttentionMask;
using backend::HeadRows;

// `normalizers`, (batch, heads, queries) of the computing type, may be null. No size may be 0.
void attention(DType dtype, const Attention& a, const HeadRows& output, void* normalizers);
// The gradients of keys and values are written, head by head, and that of the queries is.
void attention_backward(DType dtype, const Attention& a, const AttentionGradients& g);

// ---- the kernels, one set per instruction set

// A block of scores: `rows` of `columns`, at distances of `stride`, which is a multiple of the longest
// vector's lanes; what lies between the columns and the stride may be overwritten. Row r may attend to the
// first `seen + r` columns at most.
template <class T>
struct ScoreBlock {
  T* scores;
  int64_t rows, columns, stride, seen;
};

template <class T>
struct AttentionKernelsOf {
  // Scores to exp(score - maximum), with the running maxima and sums of the rows; factors[r] is what earlier
  // sums were multiplied by.
  void (*online_softmax)(const ScoreBlock<T>& block, T* maxima, T* sums, T* factors);
  // Scores to weights exp(score - normalizer).
  void (*weights)(const ScoreBlock<T>& block, const T* normalizers);
  // Gradients of weights to those of scores: scale weight (gradient - mean).
  void (*score_gradients)(const ScoreBlock<T>& weights, T* gradients, const T* means, T scale);
  void (*scale_rows)(T* rows, int64_t count, int64_t width, int64_t stride, const T* factors);
  T (*dot)(const T* x, const T* y, int64_t n);
};
struct AttentionKernels {
  AttentionKernelsOf<float> f32;
  AttentionKernelsOf<double> f64;
};

namespace baseline {
void fill(AttentionKernels& kernels);
}
namespace v3 {
void fill(AttentionKernels& kernels);
}
namespace v4 {
void fill(AttentionKernels& kernels);
}

}  // namespace flambeau::cpu
