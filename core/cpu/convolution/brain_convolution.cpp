// The windows of an image, copied into the columns of a matrix (Chellapilla et al., 2006): rows of the
// image's output at a time, so that the matrix stays in the second-level cache. Gradients are summed in
// float32.
#include "core/cpu/convolution/brain_convolution.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"
#include "core/tensor/allocator.h"

namespace flambeau::cpu {
namespace {

constexpr int64_t kBlockItems = 1 << 18;  // of columns held at a time
constexpr int kScratchColumns = 5;

auto to_float() {
  return kernels().pointwise.cast[static_cast<int>(DType::Float32)][static_cast<int>(DType::BFloat16)];
}
auto to_brain() {
  return kernels().pointwise.cast[static_cast<int>(DType::BFloat16)][static_cast<int>(DType::Float32)];
}

// One group of a convolution.
struct Group {
  const ConvShape& s;
  int64_t in, out;     // channels
  int64_t rows;        // of the output: (depth, height)
  int64_t width;       // elements of one
  int64_t depth;       // elements of a window over all channels
  int64_t block_rows;  // so many rows of columns are held at a time

  explicit Group(const ConvShape& shape)
      : s(shape),
        in(shape.in_channels / shape.groups),
        out(shape.out_channels / shape.groups),
        rows(shape.output[0] * shape.output[1]),
        width(shape.output[2]),
        depth(in * shape.window()) {
    block_rows = std::clamp<int64_t>(kBlockItems / std::max<int64_t>(1, depth * width), 1, rows);
  }
  int64_t blocks() const { return (rows + block_rows - 1) / block_rows; }
  // What the elements of a kernel see of rows [first, last), as runs of outputs: visit(to, from, count), the
  // first output's place in the columns and in the image; zero(to, count) for what lies outside. Where rows
  // of the image and of the output are alike, a run goes on over several rows, and margin(to, count) is what
  // of it lies outside.
  template <class Visit, class Zero, class Margin>
  void for_each_run(int64_t first, int64_t last, Visit&& visit, Zero&& zero, Margin&& margin) const {
    const int64_t outputs = (last - first) * width, step = s.stride[2], height = s.output[1];
    const bool alike = step == 1 && s.stride[1] == 1 && s.input[2] == width;
    const auto inside = [](int64_t start, int64_t stride, int64_t size, int64_t count) {
      const int64_t begin = start >= 0 ? 0 : std::min(count, (-start + stride - 1) / stride);
      const int64_t end = size <= start ? 0 : std::min(count, (size - start + stride - 1) / stride);
      return std::pair{begin, std::max(begin, end)};
    };
    int64_t element = 0;
    for (int64_t c = 0; c < in; ++c)
      for (int64_t kd = 0; kd < s.kernel[0]; ++kd)
        for (int64_t kh = 0; kh < s.kernel[1]; ++kh)
          for (int64_t kw = 0; kw < s.kernel[2]; ++kw, ++element) {
            const int64_t left = kw * s.dilation[2] - s.padding[2], top = kh * s.dilation[1] - s.padding[1];
            const auto [begin, end] = inside(left, step, s.input[2], width);
            const auto [upper, lower] = inside(top, s.stride[1], s.input[1], height);
            for (int64_t slice = first / height; slice * height < last; ++slice) {
              const int64_t d = slice * s.stride[0] + kd * s.dilation[0] - s.padding[0];
              const int64_t h0 = std::max<int64_t>(0, first - slice * height),
                            h1 = std::min(height, last - slice * height);
              const bool there = d >= 0 && d < s.input[0] && begin < end;
              const int64_t v0 = there ? std::clamp(upper, h0, h1) : h1,
                            v1 = there ? std::clamp(lower, v0, h1) : h1;
              const int64_t to = element * outputs + (slice * height - first) * width;
              const int64_t from = c * s.image() + (d * s.input[1] + top) * s.input[2] + left;
              zero(to + h0 * width, (v0 - h0) * width);
              zero(to + v1 * width, (h1 - v1) * width);
              if (alike && v0 < v1) {
                zero(to + v0 * width, begin);
                visit(to + v0 * width + begin, from + v0 * width + begin,
                      (v1 - 1 - v0) * width + end - begin);
                zero(to + (v1 - 1) * width + end, width - end);
                if (const int64_t out = width - end + begin)
                  for (int64_t h = v0; h + 1 < v1; ++h) margin(to + h * width + end, out);
                continue;
              }
              for (int64_t h = v0; h < v1; ++h) {
                zero(to + h * width, begin);
                visit(to + h * width + begin, from + h * s.stride[1] * s.input[2] + begin * step,
                      end - begin);
                zero(to + h * width + end, width - end);
              }
            }
          }
  }
  // columns[element][output] for rows [first, last).
  void gather(const uint16_t* image, int64_t first, int64_t last, uint16_t* columns) const {
    const int64_t step = s.stride[2];
    const auto zero = [&](int64_t to, int64_t count) {
      for (int64_t i = 0; i < count; ++i) columns[to + i] = 0;
    };
    for_each_run(
        first, last,
        [&](int64_t to, int64_t from, int64_t count) {
          if (step == 1)
            std::memcpy(columns + to, image + from, static_cast<size_t>(count) * sizeof(uint16_t));
          else
            for (int64_t i = 0; i < count; ++i) columns[to + i] = image[from + i * step];
        },
        zero, zero);
  }
  // Adds such columns to where they come from. What of them lies outside is lost.
  void scatter(float* columns, int64_t first, int64_t last, float* image) const {
    const int64_t step = s.stride[2];
    const auto nothing = [](int64_t, int64_t) {};
    if (step == 1 && s.stride[1] == 1 && s.input[2] == width)
      for_each_run(
          first, last, [](int64_t, int64_t, int64_t) {}, nothing,
          [&](int64_t to, int64_t count) { std::fill(columns + to, columns + to + count, 0.0f); });
    for_each_run(
        first, last,
        [&](int64_t to, int64_t from, int64_t count) {
          if (step == 1)
            for (int64_t i = 0; i < count; ++i) image[from + i] += columns[to + i];
          else
            for (int64_t i = 0; i < count; ++i) image[from + i * step] += columns[to + i];
        },
        nothing, nothing);
  }
};

}  // namespace

bool has_brain_convolution() { return kernels().brain.pack != nullptr; }

void brain_convolution(const ConvShape& s, const uint16_t* input, const uint16_t* weight,
                       const uint16_t* bias, uint16_t* output) {
  const Group group(s);
  const int64_t blocks = group.blocks(), positions = s.positions();
  parallel_for(0, s.batch * s.groups * blocks, 1, [&](int64_t begin, int64_t end) {
    auto* const columns = static_cast<uint16_t*>(
        thread_scratch(kScratchColumns,
                       static_cast<size_t>(group.depth * group.block_rows * group.width) * sizeof(uint16_t)));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t member = i / blocks, first = i % blocks * group.block_rows;
      const int64_t last = std::min(group.rows, first + group.block_rows);
      group.gather(input + member * group.in * s.image(), first, last, columns);
      const int64_t channel = member % s.groups * group.out;
      HalfGemm g{};
      g.m = group.out;
      g.n = (last - first) * group.width;
      g.k = group.depth;
      g.a = weight + channel * group.depth;
      g.a_row = group.depth;
      g.a_column = 1;
      g.b = columns;
      g.b_row = g.n;
      g.b_column = 1;
      g.c = output + member * group.out * positions + first * group.width;
      g.ldc = positions;
      if (bias) {
        g.beta = 1;
        for (int64_t row = 0; row < g.m; ++row)
          std::fill(g.c + row * g.ldc, g.c + row * g.ldc + g.n, bias[channel + row]);
      }
      brain_gemm_here(g);
    }
  });
}

void brain_input_gradient(const ConvShape& s, const uint16_t* grad_output, const uint16_t* weight,
                          const uint16_t* bias, uint16_t* grad_input) {
  const Group group(s);
  const int64_t positions = s.positions(), image = group.in * s.image();
  const int64_t columns_size = group.depth * group.block_rows * group.width;
  parallel_for(0, s.batch * s.groups, 1, [&](int64_t begin, int64_t end) {
    auto* const sums = static_cast<float*>(
        thread_scratch(kScratchColumns, static_cast<size_t>(image + columns_size) * sizeof(float)));
    float* const columns = sums + image;
    for (int64_t member = begin; member < end; ++member) {
      const int64_t of = member % s.groups;
      for (int64_t c = 0; c < group.in; ++c) {
        float value = 0;
        if (bias) to_float()(&value, bias + of * group.in + c, 1);
        std::fill(sums + c * s.image(), sums + (c + 1) * s.image(), value);
      }
      for (int64_t first = 0; first < group.rows; first += group.block_rows) {
        const int64_t last = std::min(group.rows, first + group.block_rows);
        HalfGemm g{};
        g.m = group.depth;
        g.n = (last - first) * group.width;
        g.k = group.out;
        g.a = weight + of * group.out * group.depth;
        g.a_row = 1;
        g.a_column = group.depth;
        g.b = grad_output + member * group.out * positions + first * group.width;
        g.b_row = positions;
        g.b_column = 1;
        g.sums = columns;
        g.ldc = g.n;
        std::fill(columns, columns + g.m * g.n, 0.0f);
        brain_gemm_here(g);
        group.scatter(columns, first, last, sums);
      }
      to_brain()(grad_input + member * image, sums, image);
    }
  });
}

void brain_weight_gradient(const ConvShape& s, const uint16_t* input, const uint16_t* grad_output,
                           uint16_t* grad_weight) {
  const Group group(s);
  const int64_t positions = s.positions(), size = s.out_channels * group.depth, blocks = group.blocks();
  const int64_t units = s.batch * blocks,
                threads = std::max<int64_t>(1, std::min<int64_t>(num_threads(), units));
  check_memory_left(static_cast<size_t>(threads * size) * sizeof(float));
  std::vector<float> parts(static_cast<size_t>(threads * size));  // float32 sums of each thread
  parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    auto* const columns = static_cast<uint16_t*>(
        thread_scratch(kScratchColumns,
                       static_cast<size_t>(group.depth * group.block_rows * group.width) * sizeof(uint16_t)));
    for (int64_t unit = units * begin / threads; unit < units * end / threads; ++unit) {
      const int64_t first = unit % blocks * group.block_rows;
      const int64_t last = std::min(group.rows, first + group.block_rows);
      for (int64_t of = 0; of < s.groups; ++of) {
        const int64_t member = unit / blocks * s.groups + of;
        group.gather(input + member * group.in * s.image(), first, last, columns);
        HalfGemm g{};
        g.m = group.out;
        g.n = group.depth;
        g.k = (last - first) * group.width;
        g.a = grad_output + member * group.out * positions + first * group.width;
        g.a_row = positions;
        g.a_column = 1;
        g.b = columns;
        g.b_row = 1;
        g.b_column = g.k;
        g.sums = parts.data() + begin * size + of * group.out * group.depth;
        g.ldc = group.depth;
        brain_gemm_here(g);
      }
    }
  });
  for (int64_t t = 1; t < threads; ++t)
    for (int64_t i = 0; i < size; ++i) parts.data()[i] += parts.data()[t * size + i];
  to_brain()(grad_weight, parts.data(), size);
}

}  // namespace flambeau::cpu
