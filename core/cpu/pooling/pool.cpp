// Kernel source: compiled once per instruction set.
#include "core/cpu/pooling/pool.h"

#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/cpu/lanes.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth waking another thread for

// Calls f(plane) for every plane, on several threads where the planes are large.
template <class F>
void for_each_plane(const PoolShape& s, const F& f) {
  const int64_t window = smaller(s.kernel[0], s.input[0]) * smaller(s.kernel[1], s.input[1]);
  const int64_t size = s.input[0] * s.input[1] + s.output[0] * s.output[1] * window;
  parallel_for(0, s.planes, kGrain / (size + 1) + 1, [&](int64_t first, int64_t last) {
    for (int64_t plane = first; plane < last; ++plane) f(plane);
  });
}

template <class T>
constexpr T kLowest =
    std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();

// With padding and dilation a window may hold padding alone: its maximum is the lowest value and comes from
// nowhere.
constexpr int64_t kNoChoice = 255;

// Does `value` replace the maximum so far?
template <class T>
[[gnu::always_inline]] inline bool wins(T value, T maximum) {
  return value > maximum || value != value;
}

// The taps of window `at` along axis d that lie inside of the input.
struct Taps {
  int64_t start, first, last;

  Taps(const PoolShape& s, int d, int64_t at) {
    start = at * s.stride[d] - s.padding[d];
    first = start < 0 ? (-start + s.dilation[d] - 1) / s.dilation[d] : 0;
    last = start < s.input[d] ? smaller(s.kernel[d], (s.input[d] - 1 - start) / s.dilation[d] + 1) : first;
  }
};

// What a forward tells about each maximum: nothing, its position in the plane, or its place in the window.
struct NoIndex {
  void set(int64_t, int64_t, int64_t) const {}
};
struct PositionIndex {
  int64_t* index;
  void set(int64_t i, int64_t position, int64_t) const { index[i] = position; }
};
struct ChoiceIndex {
  uint8_t* index;
  void set(int64_t i, int64_t, int64_t choice) const { index[i] = static_cast<uint8_t>(choice); }
};

template <class T, class Index>
void forward_plane(const PoolShape& s, const T* input, T* output, Index index) {
  int64_t i = 0;
  for (int64_t u = 0; u < s.output[0]; ++u) {
    const Taps rows(s, 0, u);
    for (int64_t v = 0; v < s.output[1]; ++v, ++i) {
      const Taps columns(s, 1, v);
      T maximum = kLowest<T>;
      int64_t best_row = rows.first, best_column = columns.first;
      for (int64_t r = rows.first; r < rows.last; ++r) {
        const T* row = input + (rows.start + r * s.dilation[0]) * s.input[1] + columns.start;
        for (int64_t c = columns.first; c < columns.last; ++c) {
          const T value = row[c * s.dilation[1]];
          if (wins(value, maximum)) maximum = value, best_row = r, best_column = c;
        }
      }
      output[i] = maximum;
      const bool empty = rows.first >= rows.last || columns.first >= columns.last;
      index.set(
          i,
          (rows.start + best_row * s.dilation[0]) * s.input[1] + columns.start + best_column * s.dilation[1],
          empty ? kNoChoice : best_row * s.kernel[1] + best_column);
    }
  }
}

// --- 2 x 2 windows with stride 2, the pooling of nearly every small network: whole vectors of outputs.

bool is_two_by_two(const PoolShape& s) {
  bool matches = true;
  for (int d = 0; d < 2; ++d)
    matches &= s.kernel[d] == 2 && s.stride[d] == 2 && s.padding[d] == 0 && s.dilation[d] == 1 &&
               2 * s.output[d] <= s.input[d];
  return matches;
}

template <class V, size_t... I>
[[gnu::always_inline]] inline V every_second(V a, V b, std::index_sequence<I...>, int odd) {
  return odd ? __builtin_shufflevector(a, b, (2 * I + 1)...) : __builtin_shufflevector(a, b, (2 * I)...);
}

template <class V, size_t... I>
[[gnu::always_inline]] inline V interleave(V a, V b, std::index_sequence<I...>, int high) {
  constexpr size_t n = sizeof...(I);
  return high ? __builtin_shufflevector(a, b, (n / 2 + I / 2 + I % 2 * n)...)
              : __builtin_shufflevector(a, b, (I / 2 + I % 2 * n)...);
}

// kLanes outputs from two rows of inputs.
template <class T, bool Choose>
[[gnu::always_inline]] inline void two_by_two_vector(const T* top, const T* bottom, T* output,
                                                     uint8_t* choice) {
  constexpr int64_t L = kLanes<T>;
  constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
  using Mask = Vec<MaskItem<T>>;
  const Vec<T> a = load(top), b = load(top + L), c = load(bottom), d = load(bottom + L);
  const Vec<T> value[4] = {every_second(a, b, lanes, 0), every_second(a, b, lanes, 1),
                           every_second(c, d, lanes, 0), every_second(c, d, lanes, 1)};
  Vec<T> maximum = value[0];
  Mask which{};
#pragma GCC unroll 4
  for (int k = 1; k < 4; ++k) {
    const Mask better = (value[k] > maximum) | (value[k] != value[k]);
    maximum = better ? value[k] : maximum;
    if constexpr (Choose) which = better ? Mask{} + static_cast<MaskItem<T>>(k) : which;
  }
  store(output, maximum);
  if constexpr (Choose) store(choice, __builtin_convertvector(which, Vec<uint8_t, kLanes<T>>));
}

// One row of outputs. The last vector overlaps the one before it; a row of fewer outputs than lanes is
// computed beyond its end (hence the readable bytes after the input) and cut off.
template <class T, bool Choose>
void two_by_two_row(const T* top, const T* bottom, int64_t count, T* output, uint8_t* choice) {
  constexpr int64_t L = kLanes<T>;
  if (count < L) {
    T values[L];
    uint8_t choices[L];
    two_by_two_vector<T, Choose>(top, bottom, values, choices);
    for (int64_t i = 0; i < count; ++i) output[i] = values[i];
    for (int64_t i = 0; Choose && i < count; ++i) choice[i] = choices[i];
    return;
  }
  for (int64_t start = 0; start < count; start += L) {
    const int64_t i = smaller(start, count - L);
    two_by_two_vector<T, Choose>(top + 2 * i, bottom + 2 * i, output + i, choice + (Choose ? i : 0));
  }
}

template <class T, bool Choose>
void two_by_two_plane(const PoolShape& s, const T* input, T* output, uint8_t* choice) {
  for (int64_t u = 0; u < s.output[0]; ++u, output += s.output[1], choice += Choose ? s.output[1] : 0) {
    const T* top = input + 2 * u * s.input[1];
    two_by_two_row<T, Choose>(top, top + s.input[1], s.output[1], output, choice);
  }
}

// The gradient of kLanes outputs, spread over two rows of inputs.
template <class T>
[[gnu::always_inline]] inline void two_by_two_vector_backward(const T* grad, const uint8_t* choice, T* top,
                                                              T* bottom) {
  constexpr int64_t L = kLanes<T>;
  constexpr auto lanes = std::make_index_sequence<kLanes<T>>{};
  using Mask = Vec<MaskItem<T>>;
  const Vec<T> g = load(grad);
  const Mask which = __builtin_convertvector(load_lanes<kLanes<T>>(choice), Mask);
  Vec<T> part[4];
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) part[k] = which == static_cast<MaskItem<T>>(k) ? g : Vec<T>{};
  store(top, interleave(part[0], part[1], lanes, 0));
  store(top + L, interleave(part[0], part[1], lanes, 1));
  store(bottom, interleave(part[2], part[3], lanes, 0));
  store(bottom + L, interleave(part[2], part[3], lanes, 1));
}

template <class T>
void two_by_two_row_backward(const T* grad, const uint8_t* choice, int64_t count, T* top, T* bottom) {
  constexpr int64_t L = kLanes<T>;
  if (count < L) {
    T tops[2 * L], bottoms[2 * L];
    two_by_two_vector_backward(grad, choice, tops, bottoms);
    for (int64_t i = 0; i < 2 * count; ++i) top[i] = tops[i];
    for (int64_t i = 0; i < 2 * count; ++i) bottom[i] = bottoms[i];
    return;
  }
  for (int64_t start = 0; start < count; start += L) {
    const int64_t i = smaller(start, count - L);
    two_by_two_vector_backward(grad + i, choice + i, top + 2 * i, bottom + 2 * i);
  }
}

template <class T>
void two_by_two_plane_backward(const PoolShape& s, const T* grad_output, const uint8_t* choice,
                               T* grad_input) {
  const int64_t width = s.input[1], covered = 2 * s.output[1];
  auto clear = [](T* from, int64_t n) { std::memset(from, 0, static_cast<size_t>(n) * sizeof(T)); };
  for (int64_t u = 0; u < s.output[0]; ++u, grad_output += s.output[1], choice += s.output[1]) {
    T* top = grad_input + 2 * u * width;
    two_by_two_row_backward(grad_output, choice, s.output[1], top, top + width);
    if (covered < width) {
      clear(top + covered, width - covered);
      clear(top + width + covered, width - covered);
    }
  }
  clear(grad_input + 2 * s.output[0] * width, (s.input[0] - 2 * s.output[0]) * width);
}

// --- The functions of the table.

template <class T>
void forward(const PoolShape& s, const T* input, T* output) {
  const int64_t in = s.input[0] * s.input[1], out = s.output[0] * s.output[1];
  const bool fast = std::is_floating_point_v<T> && is_two_by_two(s);
  for_each_plane(s, [&](int64_t plane) {
    if constexpr (std::is_floating_point_v<T>)
      if (fast) return two_by_two_plane<T, false>(s, input + plane * in, output + plane * out, nullptr);
    forward_plane(s, input + plane * in, output + plane * out, NoIndex{});
  });
}

template <class T>
void forward_with_position(const PoolShape& s, const T* input, T* output, int64_t* position) {
  const int64_t in = s.input[0] * s.input[1], out = s.output[0] * s.output[1];
  for_each_plane(s, [&](int64_t plane) {
    forward_plane(s, input + plane * in, output + plane * out, PositionIndex{position + plane * out});
  });
}

template <class T>
void forward_with_choice(const PoolShape& s, const T* input, T* output, uint8_t* choice) {
  const int64_t in = s.input[0] * s.input[1], out = s.output[0] * s.output[1];
  const bool fast = std::is_floating_point_v<T> && is_two_by_two(s);
  for_each_plane(s, [&](int64_t plane) {
    if constexpr (std::is_floating_point_v<T>)
      if (fast)
        return two_by_two_plane<T, true>(s, input + plane * in, output + plane * out, choice + plane * out);
    forward_plane(s, input + plane * in, output + plane * out, ChoiceIndex{choice + plane * out});
  });
}

// Positions may come from a user: none may lead out of the plane.
bool inside(int64_t position, int64_t size) { return position >= 0 && position < size; }

// Where in the plane the maximum of window (u, v) is; -1 for nowhere.
int64_t position_of(const PoolShape& s, int64_t u, int64_t v, uint8_t choice) {
  if (choice == kNoChoice) return -1;
  const int64_t r = choice / s.kernel[1], c = choice % s.kernel[1];
  return (u * s.stride[0] - s.padding[0] + r * s.dilation[0]) * s.input[1] + v * s.stride[1] - s.padding[1] +
         c * s.dilation[1];
}

template <class T>
void backward_by_position(const PoolShape& s, const T* grad_output, const int64_t* position, T* grad_input) {
  const int64_t in = s.input[0] * s.input[1], out = s.output[0] * s.output[1];
  for_each_plane(s, [&](int64_t plane) {
    T* grad = grad_input + plane * in;
    std::memset(grad, 0, static_cast<size_t>(in) * sizeof(T));
    for (int64_t i = plane * out; i < (plane + 1) * out; ++i)
      if (inside(position[i], in)) grad[position[i]] += grad_output[i];
  });
}

template <class T>
void backward_by_choice(const PoolShape& s, const T* grad_output, const uint8_t* choice, T* grad_input) {
  const int64_t in = s.input[0] * s.input[1], out = s.output[0] * s.output[1];
  const bool fast = is_two_by_two(s);
  for_each_plane(s, [&](int64_t plane) {
    T* grad = grad_input + plane * in;
    if (fast) return two_by_two_plane_backward(s, grad_output + plane * out, choice + plane * out, grad);
    std::memset(grad, 0, static_cast<size_t>(in) * sizeof(T));
    int64_t i = plane * out;
    for (int64_t u = 0; u < s.output[0]; ++u)
      for (int64_t v = 0; v < s.output[1]; ++v, ++i) {
        const int64_t at = position_of(s, u, v, choice[i]);
        if (inside(at, in)) grad[at] += grad_output[i];
      }
  });
}

template <class T>
void gather_by_position(const PoolShape& s, const T* input, const int64_t* position, T* output) {
  const int64_t in = s.input[0] * s.input[1], out = s.output[0] * s.output[1];
  for_each_plane(s, [&](int64_t plane) {
    for (int64_t i = plane * out; i < (plane + 1) * out; ++i)
      output[i] = inside(position[i], in) ? input[plane * in + position[i]] : 0;
  });
}

template <class T>
void gather_by_choice(const PoolShape& s, const T* input, const uint8_t* choice, T* output) {
  const int64_t in = s.input[0] * s.input[1], out = s.output[0] * s.output[1];
  for_each_plane(s, [&](int64_t plane) {
    int64_t i = plane * out;
    for (int64_t u = 0; u < s.output[0]; ++u)
      for (int64_t v = 0; v < s.output[1]; ++v, ++i) {
        const int64_t at = position_of(s, u, v, choice[i]);
        output[i] = inside(at, in) ? input[plane * in + at] : 0;
      }
  });
}

template <class T>
constexpr PoolFunctions<T> kFunctions = {
    forward<T>,
    forward_with_position<T>,
    forward_with_choice<T>,
    backward_by_position<T>,
    backward_by_choice<T>,
    gather_by_position<T>,
    gather_by_choice<T>,
};

template <class T>
constexpr PoolFunctions<T> kIntegerFunctions = {
    forward<T>, forward_with_position<T>, forward_with_choice<T>, nullptr, nullptr, nullptr, nullptr,
};

}  // namespace

void fill(PoolKernels& table) {
  table.f32 = kFunctions<float>;
  table.f64 = kFunctions<double>;
  table.u8 = kIntegerFunctions<uint8_t>;
  table.i8 = kIntegerFunctions<int8_t>;
  table.i16 = kIntegerFunctions<int16_t>;
  table.i32 = kIntegerFunctions<int32_t>;
  table.i64 = kIntegerFunctions<int64_t>;
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
