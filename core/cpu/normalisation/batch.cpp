// Batch normalisation: the work of its kernels, shared out in blocks.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {
namespace {

// Elements that are worth a thread of their own.
constexpr int64_t kGrain = 16384;
// Few channels are cut into parts, and so are rows of all channels. How many depends on the shape alone, and
// with it the result.
constexpr int64_t kParts = 32, kManyChannels = 16;
// Elements of a plane that are worth a call.
constexpr int64_t kPlane = 1024;

struct Blocks {
  const ChannelShape& shape;
  int64_t parts, count;

  explicit Blocks(const ChannelShape& s) : shape(s) {
    const int64_t length = s.channels_last ? s.size() : s.samples;
    const int64_t wanted = s.channels_last              ? kParts
                           : s.channels < kManyChannels ? 1 + kManyChannels / s.channels
                                                        : 1;
    // What joining the parts takes is to be little beside them.
    const int64_t grain = s.channels_last ? 4 * kGrain : kGrain;
    parts = std::max<int64_t>(1, std::min({length, wanted, 1 + s.size() * s.channels / grain}));
    count = s.channels_last ? parts : parts * s.channels;
  }
  ChannelBlock operator[](int64_t i) const {
    const int64_t length = shape.channels_last ? shape.size() : shape.samples;
    const int64_t p = part(i);
    return {i / parts, length * p / parts, length * (p + 1) / parts};
  }
  int64_t part(int64_t i) const { return i % parts; }
  int64_t elements(const ChannelBlock& block) const {
    return (block.last - block.first) * (shape.channels_last ? 1 : shape.inner);
  }
  // The first elements of the arrays of a block's results, of which every part has its own.
  int64_t offset(int64_t i) const { return part(i) * shape.channels; }
  template <class Body>
  void for_each(Body body) const {
    const int64_t each = std::max<int64_t>(1, shape.size() * shape.channels / count);
    parallel_for(0, count, 1 + kGrain / each, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) body(i, (*this)[i]);
    });
  }
  // Other blocks, in the order of the memory, for work in which every plane, or row, is alone.
  template <class Body>
  void for_each_plane(Body body) const {
    if (shape.channels_last)
      return parallel_for(0, shape.size(), 1 + kGrain / shape.channels,
                          [&](int64_t first, int64_t last) { body(ChannelBlock{0, first, last}); });
    if (shape.inner < kPlane) return for_each([&](int64_t, const ChannelBlock& block) { body(block); });
    parallel_for(0, shape.samples * shape.channels, 1 + kGrain / shape.inner,
                 [&](int64_t first, int64_t last) {
                   for (int64_t i = first; i < last; ++i)
                     body(ChannelBlock{i % shape.channels, i / shape.channels, i / shape.channels + 1});
                 });
  }
  // One block holds the whole of a channel, and while it is in the cache two kernels may go over it.
  bool whole() const { return parts == 1; }
};

// The arrays that kernels want beside the tensors, an element for every channel.
template <class T>
struct Factors {
  std::vector<T> memory;
  T *first, *second, *third;
  explicit Factors(int64_t channels)
      : memory(static_cast<size_t>(3 * channels)),
        first(memory.data()),
        second(first + channels),
        third(second + channels) {}
};

template <class T>
struct Forward {
  const ChannelShape& shape;
  const ChannelNorm& norm;
  const ChannelKernels& kernels;
  Factors<T> factors;

  // Mean and variance of channel c are known.
  void set(int64_t c, double mean, double variance) {
    const double scale = 1 / std::sqrt(variance + shape.eps);
    const auto* const weight = static_cast<const T*>(norm.weight);
    const auto* const bias = static_cast<const T*>(norm.bias);
    static_cast<T*>(norm.means)[c] = static_cast<T>(mean);
    static_cast<T*>(norm.scales)[c] = static_cast<T>(scale);
    factors.first[c] = static_cast<T>(weight ? scale * static_cast<double>(weight[c]) : scale);
    factors.second[c] = bias ? bias[c] : T(0);
  }
  // Of a channel of the batch: from the sum of squares about the mean.
  void finish(int64_t c, double mean, double squares) {
    const double n = static_cast<double>(shape.size());
    set(c, mean, std::max(squares, 0.0) / n);
    const auto move = [&](void* running, double to) {
      if (!running) return;
      T& value = static_cast<T*>(running)[c];
      value = static_cast<T>(norm.momentum * to + (1 - norm.momentum) * static_cast<double>(value));
    };
    move(norm.running_mean, mean);
    move(norm.running_var, squares / (n - 1));
  }
  void scale(DType dtype, const ChannelBlock& block, const void* x, void* y) const {
    kernels.scale[static_cast<int>(dtype)](shape, block, x, norm.means, factors.first, factors.second, y);
  }
};

template <class T>
void forward(DType dtype, const ChannelShape& shape, const ChannelNorm& norm, const void* x, void* y) {
  const ChannelKernels& kernels = cpu::kernels().normalisation.channels[shape.channels_last];
  const auto moments = kernels.moments[static_cast<int>(dtype)];
  const Blocks blocks(shape);
  const int64_t channels = shape.channels;
  Forward<T> of{shape, norm, kernels, Factors<T>(channels)};
  if (!norm.training) {
    for (int64_t c = 0; c < channels; ++c)
      of.set(c, static_cast<double>(static_cast<const T*>(norm.running_mean)[c]),
             static_cast<double>(static_cast<const T*>(norm.running_var)[c]));
    return blocks.for_each_plane([&](const ChannelBlock& block) { of.scale(dtype, block, x, y); });
  }
  std::vector<double> memory(static_cast<size_t>(2 * blocks.parts * channels));
  double* const means = memory.data();
  double* const squares = means + blocks.parts * channels;
  if (blocks.whole() && !shape.channels_last) {
    return blocks.for_each([&](int64_t c, const ChannelBlock& block) {
      moments(shape, block, x, means, squares);
      of.finish(c, means[c], squares[c]);
      of.scale(dtype, block, x, y);
    });
  }
  blocks.for_each([&](int64_t i, const ChannelBlock& block) {
    moments(shape, block, x, means + blocks.offset(i), squares + blocks.offset(i));
  });
  double before = static_cast<double>(blocks.elements(blocks[0]));
  for (int64_t p = 1; p < blocks.parts; ++p) {
    const double more = static_cast<double>(blocks.elements(blocks[p]));
    const double of_mean = more / (before + more), of_square = before * of_mean;
    for (int64_t c = 0; c < channels; ++c) {
      const double distance = means[p * channels + c] - means[c];
      means[c] += distance * of_mean;
      squares[c] += squares[p * channels + c] + distance * distance * of_square;
    }
    before += more;
  }
  for (int64_t c = 0; c < channels; ++c) of.finish(c, means[c], squares[c]);
  blocks.for_each_plane([&](const ChannelBlock& block) { of.scale(dtype, block, x, y); });
}

// With h = (x - mean) * scale: dweight = sum(g * h), dbias = sum(g) and, in training,
// dx = scale * weight * (g - mean(g) - h * mean(g * h)), otherwise dx = scale * weight * g.
template <class T>
struct Backward {
  const ChannelShape& shape;
  const ChannelNorm& norm;
  Factors<T> factors;
  T *grad_weight, *grad_bias;

  double scale_of(int64_t c) const { return static_cast<double>(static_cast<const T*>(norm.scales)[c]); }
  void set_factor(int64_t c) {
    const auto* const weight = static_cast<const T*>(norm.weight);
    factors.first[c] = static_cast<T>(weight ? scale_of(c) * static_cast<double>(weight[c]) : scale_of(c));
  }
  void finish(int64_t c, double sum, double product) {
    set_factor(c);
    const double scale = scale_of(c), n = static_cast<double>(std::max<int64_t>(shape.size(), 1));
    if (grad_weight) grad_weight[c] = static_cast<T>(product * scale);
    if (grad_bias) grad_bias[c] = static_cast<T>(sum);
    const double factor = static_cast<double>(factors.first[c]);
    factors.second[c] = static_cast<T>(-factor * (product * scale * scale / n));
    factors.third[c] = static_cast<T>(-factor * (sum / n));
  }
};

template <class T>
void backward(DType dtype, const ChannelShape& shape, const ChannelNorm& norm, const void* g, const void* x,
              void* grad_input, T* grad_weight, T* grad_bias) {
  const ChannelKernels& kernels = cpu::kernels().normalisation.channels[shape.channels_last];
  const auto products_of = kernels.products[static_cast<int>(dtype)];
  const auto combine = kernels.combine[static_cast<int>(dtype)];
  const Blocks blocks(shape);
  const int64_t channels = shape.channels;
  Backward<T> of{shape, norm, Factors<T>(channels), grad_weight, grad_bias};
  const auto fill = [&](const ChannelBlock& block) {
    if (grad_input)
      combine(shape, block, g, x, norm.means, of.factors.first, norm.training ? of.factors.second : nullptr,
              of.factors.third, grad_input);
  };
  if (!norm.training && !grad_weight && !grad_bias) {
    for (int64_t c = 0; c < channels; ++c) of.set_factor(c);
    return blocks.for_each_plane([&](const ChannelBlock& block) { fill(block); });
  }
  std::vector<double> memory(static_cast<size_t>(2 * blocks.parts * channels));
  double* const sums = memory.data();
  double* const products = sums + blocks.parts * channels;
  if (blocks.whole() && !shape.channels_last) {
    return blocks.for_each([&](int64_t c, const ChannelBlock& block) {
      products_of(shape, block, g, x, norm.means, sums, products);
      of.finish(c, sums[c], products[c]);
      fill(block);
    });
  }
  blocks.for_each([&](int64_t i, const ChannelBlock& block) {
    products_of(shape, block, g, x, norm.means, sums + blocks.offset(i), products + blocks.offset(i));
  });
  for (int64_t p = 1; p < blocks.parts; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      sums[c] += sums[p * channels + c];
      products[c] += products[p * channels + c];
    }
  }
  for (int64_t c = 0; c < channels; ++c) of.finish(c, sums[c], products[c]);
  blocks.for_each_plane([&](const ChannelBlock& block) { fill(block); });
}

}  // namespace

void normalize_channels(DType dtype, const ChannelShape& shape, const ChannelNorm& norm, const void* x,
                        void* y) {
  if (shape.channels == 0 || shape.size() == 0) return;
  visit_floating(dtype, "batch_norm", [&]<class T>() { forward<T>(dtype, shape, norm, x, y); });
}

void normalize_channels_backward(DType dtype, const ChannelShape& shape, const ChannelNorm& norm,
                                 const void* grad_output, const void* x, void* grad_input, void* grad_weight,
                                 void* grad_bias) {
  if (shape.channels == 0) return;
  visit_floating(dtype, "batch_norm_backward", [&]<class T>() {
    backward<T>(dtype, shape, norm, grad_output, x, grad_input, static_cast<T*>(grad_weight),
                static_cast<T*>(grad_bias));
  });
}

}  // namespace flambeau::cpu
