// Blocks of images as columns, and arrays with margins: rows of items copied or added.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/cpu/indexing/items.h"
#include "core/cpu/views/moves.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {
namespace {

constexpr int64_t kGrainBytes = 128 << 10;  // a thread's share worth waking it for

int64_t grain_of(int64_t bytes) { return std::max<int64_t>(kGrainBytes / std::max<int64_t>(bytes, 1), 1); }

// Along one axis: block j reads pixel `first + j * stride`; from `begin` to `end` of them lie in the image.
struct Span {
  int64_t first, begin, end;
};
Span span_of(const ImageBlocks& b, int axis, int64_t element) {
  const int64_t first = element * b.dilation[axis] - b.padding[axis], stride = b.stride[axis];
  const int64_t begin = first < 0 ? (-first + stride - 1) / stride : 0;
  const int64_t end = first >= b.image[axis] ? 0 : (b.image[axis] - 1 - first) / stride + 1;
  const int64_t last = std::clamp<int64_t>(end, 0, b.blocks[axis]);
  return {first, std::min(begin, last), last};
}

// body(column, down, across, pixel) for the rows of blocks of one element of a plane: `column` is where the
// row begins among the columns' items, `pixel` the row's in the image, or -1.
template <class Body>
void for_block_rows(const ImageBlocks& b, Body body) {
  int64_t column = 0;
  for (int64_t i = 0; i < b.kernel[0]; ++i) {
    const Span down = span_of(b, 0, i);
    for (int64_t j = 0; j < b.kernel[1]; ++j) {
      const Span across = span_of(b, 1, j);
      for (int64_t r = 0; r < b.blocks[0]; ++r, column += b.blocks[1])
        body(column, across,
             r < down.begin || r >= down.end ? -1 : (down.first + r * b.stride[0]) * b.image[1]);
    }
  }
}

}  // namespace

void unfold_images(size_t item, const ImageBlocks& b, const char* images, char* columns) {
  const int64_t size = static_cast<int64_t>(item), out = b.items() * size, in = b.pixels() * size;
  parallel_for(0, b.planes, grain_of(out), [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p)
      for_block_rows(b, [&, x = images + p * in, y = columns + p * out](int64_t column, const Span& across,
                                                                        int64_t pixel) {
        char* to = y + column * size;
        const int64_t count = b.blocks[1];
        if (pixel < 0) {
          std::memset(to, 0, static_cast<size_t>(count * size));
          return;
        }
        std::memset(to, 0, static_cast<size_t>(across.begin * size));
        const char* from = x + (pixel + across.first + across.begin * b.stride[1]) * size;
        if (b.stride[1] == 1) {
          std::memcpy(to + across.begin * size, from,
                      static_cast<size_t>((across.end - across.begin) * size));
        } else {
          with_run(size, [&, step = b.stride[1] * size](auto run) {
            for (int64_t j = across.begin; j < across.end; ++j, from += step)
              std::memcpy(to + j * run, from, static_cast<size_t>(run));
          });
        }
        std::memset(to + across.end * size, 0, static_cast<size_t>((count - across.end) * size));
      });
  });
}

void fold_images(DType dtype, const ImageBlocks& b, const char* columns, char* images) {
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(0, b.planes, grain_of((b.items() + b.pixels()) * static_cast<int64_t>(sizeof(T))),
                 [&](int64_t first, int64_t last) {
                   for (int64_t p = first; p < last; ++p) {
                     const T* x = reinterpret_cast<const T*>(columns) + p * b.items();
                     T* y = reinterpret_cast<T*>(images) + p * b.pixels();
                     std::memset(static_cast<void*>(y), 0, static_cast<size_t>(b.pixels()) * sizeof(T));
                     for_block_rows(b, [&](int64_t column, const Span& across, int64_t pixel) {
                       if (pixel < 0) return;
                       const T* __restrict from = x + column;
                       T* __restrict to = y + pixel + across.first;
                       const int64_t stride = b.stride[1];
                       if (stride == 1)
                         for (int64_t j = across.begin; j < across.end; ++j) to[j] = sum_of(to[j], from[j]);
                       else
                         for (int64_t j = across.begin; j < across.end; ++j)
                           to[j * stride] = sum_of(to[j * stride], from[j]);
                     });
                   }
                 });
  });
}

namespace {

// A stretch of outputs along an axis that are neighbours in the input too, or (input < 0) all constant.
struct Stretch {
  int64_t output, input, length;
};
std::vector<Stretch> stretches(const Extension& e, int axis) {
  std::vector<Stretch> found;
  const int64_t* source = e.source[axis];
  if (!source) return {{0, 0, e.output[axis]}};
  for (int64_t o = 0; o < e.output[axis]; ++o) {
    const int64_t at = std::max<int64_t>(source[o], -1);
    if (!found.empty()) {
      Stretch& s = found.back();
      if (at < 0 ? s.input < 0 : s.input >= 0 && at == s.input + s.length) {
        ++s.length;
        continue;
      }
    }
    found.push_back({o, at, 1});
  }
  return found;
}

// body(output row, input row or -1) for the rows first .. last of the output.
template <class Body>
void for_rows(const Extension& e, int64_t first, int64_t last, Body body) {
  const int n = e.dims - 1;  // the axes that number rows
  int64_t at[kMaxDims], rest = first;
  for (int d = n - 1; d >= 0; --d) {
    at[d] = rest % e.output[d];
    rest /= e.output[d];
  }
  const auto source = [&](int d) { return e.source[d] ? e.source[d][at[d]] : at[d]; };
  for (int64_t row = first; row < last;) {
    // The rows along the last of them share what comes before.
    int64_t base = 0;
    bool constant = false;
    for (int d = 0; d + 1 < n; ++d) {
      const int64_t from = source(d);
      constant |= from < 0;
      base = base * e.input[d] + from;
    }
    if (n == 0) {
      body(row++, 0);
      continue;
    }
    base *= e.input[n - 1];
    for (; at[n - 1] < e.output[n - 1] && row < last; ++at[n - 1], ++row) {
      const int64_t from = source(n - 1);
      body(row, constant || from < 0 ? -1 : base + from);
    }
    for (int d = n - 1; d > 0 && at[d] == e.output[d]; --d) {
      at[d] = 0;
      ++at[d - 1];
    }
  }
}
int64_t rows_of(const Extension& e) {
  int64_t rows = 1;
  for (int d = 0; d + 1 < e.dims; ++d) rows *= e.output[d];
  return rows;
}

template <class Size>
void fill_items(char* to, const char* constant, Size size, int64_t count) {
  if constexpr (std::is_same_v<Size, int64_t>) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * size, constant, static_cast<size_t>(size));
  } else {
    char item[Size::value];
    std::memcpy(item, constant, Size::value);
    for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * size, item, Size::value);
  }
}

}  // namespace

void extend(size_t item, const Extension& e, const char* input, const char* constant, char* output) {
  const int64_t in = e.input[e.dims - 1], out = e.output[e.dims - 1];
  const std::vector<Stretch> parts = stretches(e, e.dims - 1);
  with_run(static_cast<int64_t>(item), [&](auto size) {
    const int64_t run = size;
    parallel_for(0, rows_of(e), grain_of(out * run), [&](int64_t first, int64_t last) {
      for_rows(e, first, last, [&](int64_t row, int64_t from) {
        char* to = output + row * out * size;
        if (from < 0) return fill_items(to, constant, size, out);
        const char* source = input + from * in * size;
        for (const Stretch& s : parts)
          if (s.input < 0)
            fill_items(to + s.output * size, constant, size, s.length);
          else if (s.length == 1)
            std::memcpy(to + s.output * size, source + s.input * size, static_cast<size_t>(size));
          else
            std::memcpy(to + s.output * size, source + s.input * size, static_cast<size_t>(s.length * run));
      });
    });
  });
}

void extend_backward(DType dtype, const Extension& e, const char* grad_output, char* grad_input) {
  const int64_t in = e.input[e.dims - 1], out = e.output[e.dims - 1];
  const std::vector<Stretch> parts = stretches(e, e.dims - 1);
  // Threads share out the first axis where that stays as it is.
  const bool apart = e.dims > 1 && !e.source[0];
  const int64_t slabs = apart ? e.output[0] : 1;
  int64_t inputs = in;
  for (int d = 0; d + 1 < e.dims; ++d) inputs *= e.input[d];
  if (inputs == 0) return;
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    const int64_t rows = rows_of(e) / std::max<int64_t>(slabs, 1),
                  bytes = rows * out * static_cast<int64_t>(sizeof(T));
    T* const to = reinterpret_cast<T*>(grad_input);
    parallel_for(0, slabs, grain_of(bytes), [&](int64_t first, int64_t last) {
      const int64_t slab = inputs / slabs;
      std::memset(static_cast<void*>(to + first * slab), 0,
                  static_cast<size_t>((last - first) * slab) * sizeof(T));
      for_rows(e, first * rows, last * rows, [&](int64_t row, int64_t target) {
        if (target < 0) return;
        const T* from = reinterpret_cast<const T*>(grad_output) + row * out;
        for (const Stretch& s : parts) {
          if (s.input < 0) continue;
          const T* __restrict x = from + s.output;
          T* __restrict y = to + target * in + s.input;
          for (int64_t i = 0; i < s.length; ++i) y[i] = sum_of(y[i], x[i]);
        }
      });
    });
  });
}

}  // namespace flambeau::cpu
