// Samples into contiguous arrays, in PyTorch's order: the same generator state gives PyTorch's numbers, and
// leaves the state PyTorch leaves. Arguments are the caller's to check (a probability lies in [0, 1], a range
// is not empty, ...). Samples of half precision are drawn as PyTorch draws them for that dtype, yet written
// as float32: the caller rounds them.
#pragma once
#include <cstdint>

#include "core/random/generator.h"
#include "core/tensor/dtype.h"

namespace flambeau::random {

// ---- floating dtypes

// Uniform on [from, to).
void uniform(Generator& generator, DType dtype, void* out, int64_t n, double from, double to);

// How PyTorch draws normals depends on whether the tensor is contiguous (an expression of the tensor, not of
// `out`) and has at least 16 items (blocks of 16) or not (pairs, the second kept in the generator).
enum class NormalOrder : uint8_t { Blocks, Pairs };
constexpr NormalOrder normal_order(int64_t n, bool contiguous_tensor) {
  return n >= cpu::kNormalBlock && contiguous_tensor ? NormalOrder::Blocks : NormalOrder::Pairs;
}
// NormalOrder::Blocks needs n >= 16.
void normal(Generator& generator, DType dtype, void* out, int64_t n, double mean, double std,
            NormalOrder order);

// One uniform of 53 bits in [0, 1).
double standard_uniform(Generator& generator);
// One normal variate of mean 0 and standard deviation 1: the next of a pair.
double standard_normal(Generator& generator);

void log_normal(Generator& generator, DType dtype, void* out, int64_t n, double mean, double std);
void cauchy(Generator& generator, DType dtype, void* out, int64_t n, double median, double sigma);
void exponential(Generator& generator, DType dtype, void* out, int64_t n, double rate);

// ---- every dtype but complex ones

// The number of Bernoulli trials up to the first success.
void geometric(Generator& generator, DType dtype, void* out, int64_t n, double p);

// `one` with probability p, else 0.
void bernoulli(Generator& generator, DType dtype, void* out, int64_t n, double p, double one = 1);
// 1 or 0 with a probability for each item, of dtype float32 or float64.
void bernoulli(Generator& generator, DType dtype, void* out, int64_t n, DType p_dtype, const void* p);

// Uniform on base, base + 1, ..., base + range - 1; a range of 0 stands for 2^64.
void integers(Generator& generator, DType dtype, void* out, int64_t n, uint64_t range, int64_t base);
// Uniform on the dtype's integers from 0: up to the largest of an integer type, up to 2^24 (float32) or 2^53
// (float64); 2^11 and 2^8 for half precision.
void integers(Generator& generator, DType dtype, void* out, int64_t n);

// A random permutation of 0, 1, ..., n - 1.
void permutation(Generator& generator, DType dtype, void* out, int64_t n);

// n_samples categories, drawn with replacement with the given weights (float32 or float64, finite, not
// negative, their sum above 0). `cumulative` is room for n_categories items of the weights' dtype.
void multinomial(Generator& generator, DType dtype, const void* weights, void* cumulative,
                 int64_t n_categories, int64_t* out, int64_t n_samples);

// ---- float32 and float64, one parameter per item (variates.cpp)

// Poisson counts with the given means.
void poisson(Generator& generator, DType dtype, void* out, int64_t n, const void* mean);
// Successes among `count` trials of probability p.
void binomial(Generator& generator, DType dtype, void* out, int64_t n, const void* count, const void* p);
// Gamma variates of the given shapes and scale 1.
void standard_gamma(Generator& generator, DType dtype, void* out, int64_t n, const void* shape);

}  // namespace flambeau::random
