// Kernel source: compiled once per instruction set.
#include "core/cpu/pooling/pool.h"

#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/cpu/lanes.h"
#include "core/cpu/pooling/strided.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth waking another thread for

int64_t volume(const int64_t (&sizes)[kPoolAxes]) { return sizes[0] * sizes[1] * sizes[2]; }

// Calls f(plane) for every plane, on several threads where the planes are large.
template <class F>
void for_each_plane(const PoolShape& s, const F& f) {
  int64_t window = 1;
  for (int d = 0; d < kPoolAxes; ++d) window *= smaller(s.kernel[d], s.input[d]);
  const int64_t size = volume(s.input) + volume(s.output) * window;
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

// What a forward tells about each maximum: nothing, its position in the plane, or its number in the window.
// While a window is walked, an element is known by a tag: what `tag` makes of its place in the window.
struct NoIndex {
  static constexpr bool wanted = false;
  static int64_t tag(int64_t, int64_t) { return 0; }
  void set(int64_t, int64_t, int64_t, bool) const {}
};
struct PositionIndex {
  static constexpr bool wanted = true;
  int64_t* index;
  static int64_t tag(int64_t offset, int64_t) { return offset; }
  void set(int64_t i, int64_t start, int64_t tag, bool) const { index[i] = start + tag; }
};
struct ChoiceIndex {
  static constexpr bool wanted = true;
  uint8_t* index;
  static int64_t tag(int64_t, int64_t number) { return number; }
  void set(int64_t i, int64_t, int64_t tag, bool empty) const {
    index[i] = static_cast<uint8_t>(empty ? kNoChoice : tag);
  }
};

// A row of windows: they share their depths and rows.
struct Row {
  Taps depths, rows;
  int64_t start;  // of the windows' first rows, in the plane; perhaps outside of it

  Row(const PoolShape& s, int64_t t, int64_t u)
      : depths(s, 0, t),
        rows(s, 1, u),
        start((depths.start * s.input[1] + rows.start) * s.input[2] - s.padding[2]) {}
  bool empty() const { return depths.first >= depths.last || rows.first >= rows.last; }
  static int64_t offset(const PoolShape& s, int64_t d, int64_t r) {
    return (d * s.dilation[0] * s.input[1] + r * s.dilation[1]) * s.input[2];
  }
  static int64_t number(const PoolShape& s, int64_t d, int64_t r) {
    return (d * s.kernel[1] + r) * s.kernel[2];
  }
  // The tag of the first element, which stands for a window of -inf.
  template <class Index>
  int64_t first_tag(const PoolShape& s, int64_t column) const {
    return Index::tag(offset(s, depths.first, rows.first) + column * s.dilation[2],
                      number(s, depths.first, rows.first) + column);
  }
  // Calls f(offset, number) for each row of elements: how far it is from the start, and the number in the
  // window of its first element.
  template <class F>
  [[gnu::always_inline]] void for_each(const PoolShape& s, const F& f) const {
    for (int64_t d = depths.first; d < depths.last; ++d)
      for (int64_t r = rows.first; r < rows.last; ++r) f(offset(s, d, r), number(s, d, r));
  }
};

template <class T, class Index>
void forward_window(const PoolShape& s, const T* input, const Row& row, int64_t v, int64_t i, T* output,
                    Index index) {
  const Taps columns(s, 2, v);
  const int64_t start = row.start + v * s.stride[2];
  const bool empty = row.empty() || columns.first >= columns.last;
  T maximum = kLowest<T>;
  int64_t best = row.first_tag<Index>(s, columns.first);
  row.for_each(s, [&](int64_t offset, int64_t number) {
    for (int64_t c = columns.first; c < columns.last; ++c) {
      const int64_t at = offset + c * s.dilation[2];
      const T value = input[start + at];
      if (wins(value, maximum)) maximum = value, best = Index::tag(at, number + c);
    }
  });
  output[i] = maximum;
  index.set(i, start, best, empty);
}

// kLanes neighbouring windows that lie inside of the rows.
template <int Step, class T, class Index>
[[gnu::always_inline]] inline void forward_vector(const PoolShape& s, const T* input, const Row& row,
                                                  int64_t v, Vec<T>& maximum, Vec<MaskItem<T>>& best) {
  using Mask = Vec<MaskItem<T>>;
  const T* first = input + row.start + v * s.stride[2];
  maximum = broadcast(kLowest<T>);
  best = Mask{} + static_cast<MaskItem<T>>(row.first_tag<Index>(s, 0));
  row.for_each(s, [&](int64_t offset, int64_t number) {
    for (int64_t c = 0; c < s.kernel[2]; ++c) {
      const int64_t at = offset + c * s.dilation[2];
      const Vec<T> value = load_every<Step>(first + at, s.stride[2]);
      const Mask better = (value > maximum) | (value != value);
      if constexpr (Index::wanted)
        best = better ? Mask{} + static_cast<MaskItem<T>>(Index::tag(at, number + c)) : best;
      maximum = better ? value : maximum;
    }
  });
}

// So few windows that lie inside of a row are still worth a vector, most of whose lanes read behind the row.
constexpr int64_t kFewWindows = 3;

// The windows first <= v < last of a row. The last vector overlaps the one before it; where there are fewer
// than lanes, it is cut off.
template <int Step, class T, class Index>
void forward_inside(const PoolShape& s, const T* input, const Row& row, int64_t first, int64_t last,
                    int64_t base, T* output, Index index) {
  constexpr int64_t L = kLanes<T>;
  if (last - first < L) {
    Vec<T> maximum;
    Vec<MaskItem<T>> best;
    forward_vector<Step, T, Index>(s, input, row, first, maximum, best);
    for (int64_t lane = 0; lane < last - first; ++lane) {
      output[base + first + lane] = maximum[lane];
      if constexpr (Index::wanted)
        index.set(base + first + lane, row.start + (first + lane) * s.stride[2], best[lane], false);
    }
    return;
  }
  for (int64_t at = first; at < last; at += L) {
    const int64_t v = smaller(at, last - L);
    Vec<T> maximum;
    Vec<MaskItem<T>> best;
    forward_vector<Step, T, Index>(s, input, row, v, maximum, best);
    store(output + base + v, maximum);
    if constexpr (Index::wanted)
      for (int64_t lane = 0; lane < L; ++lane)
        index.set(base + v + lane, row.start + (v + lane) * s.stride[2], best[lane], false);
  }
}

template <class T, class Index>
void forward_plane(const PoolShape& s, const T* input, T* output, Index index) {
  // The windows first <= v < last lie inside of the rows.
  const int64_t reach = (s.kernel[2] - 1) * s.dilation[2] + 1;
  int64_t first = (s.padding[2] + s.stride[2] - 1) / s.stride[2];
  int64_t last = s.input[2] + s.padding[2] < reach
                     ? 0
                     : smaller(s.output[2], (s.input[2] + s.padding[2] - reach) / s.stride[2] + 1);
  // Of steps beyond two a vector spans more than may be read behind the last row.
  const bool vectors = std::is_floating_point_v<T> &&
                       last - first >= (s.stride[2] <= 2 ? kFewWindows : kLanes<T>) &&
                       volume(s.input) <= std::numeric_limits<int32_t>::max();
  if (!vectors) first = last = s.output[2];
  int64_t base = 0;
  for (int64_t t = 0; t < s.output[0]; ++t)
    for (int64_t u = 0; u < s.output[1]; ++u, base += s.output[2]) {
      const Row row(s, t, u);
      int64_t begin = first, end = last;
      if (row.empty()) begin = end = s.output[2];
      for (int64_t v = 0; v < begin; ++v) forward_window(s, input, row, v, base + v, output, index);
      if constexpr (std::is_floating_point_v<T>) {
        if (begin < end && s.stride[2] == 1)
          forward_inside<1>(s, input, row, begin, end, base, output, index);
        else if (begin < end && s.stride[2] == 2)
          forward_inside<2>(s, input, row, begin, end, base, output, index);
        else if (begin < end && s.stride[2] == 3)
          forward_inside<3>(s, input, row, begin, end, base, output, index);
        else if (begin < end)
          forward_inside<0>(s, input, row, begin, end, base, output, index);
      }
      for (int64_t v = end; v < s.output[2]; ++v) forward_window(s, input, row, v, base + v, output, index);
    }
}

// --- 2 x 2 windows with stride 2, the pooling of nearly every small network: whole vectors of outputs.

bool is_two_by_two(const PoolShape& s) {
  bool matches = s.input[0] == 1 && s.kernel[0] == 1 && s.output[0] == 1;
  for (int d = 1; d < kPoolAxes; ++d)
    matches &= s.kernel[d] == 2 && s.stride[d] == 2 && s.padding[d] == 0 && s.dilation[d] == 1 &&
               2 * s.output[d] <= s.input[d];
  return matches;
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
  for (int64_t u = 0; u < s.output[1]; ++u, output += s.output[2], choice += Choose ? s.output[2] : 0) {
    const T* top = input + 2 * u * s.input[2];
    two_by_two_row<T, Choose>(top, top + s.input[2], s.output[2], output, choice);
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
  const int64_t width = s.input[2], covered = 2 * s.output[2];
  auto clear = [](T* from, int64_t n) { std::memset(from, 0, static_cast<size_t>(n) * sizeof(T)); };
  for (int64_t u = 0; u < s.output[1]; ++u, grad_output += s.output[2], choice += s.output[2]) {
    T* top = grad_input + 2 * u * width;
    two_by_two_row_backward(grad_output, choice, s.output[2], top, top + width);
    if (covered < width) {
      clear(top + covered, width - covered);
      clear(top + width + covered, width - covered);
    }
  }
  clear(grad_input + 2 * s.output[1] * width, (s.input[1] - 2 * s.output[1]) * width);
}

// --- The functions of the table.

template <class T>
void forward(const PoolShape& s, const T* input, T* output) {
  const int64_t in = volume(s.input), out = volume(s.output);
  const bool fast = std::is_floating_point_v<T> && is_two_by_two(s);
  for_each_plane(s, [&](int64_t plane) {
    if constexpr (std::is_floating_point_v<T>)
      if (fast) return two_by_two_plane<T, false>(s, input + plane * in, output + plane * out, nullptr);
    forward_plane(s, input + plane * in, output + plane * out, NoIndex{});
  });
}

template <class T>
void forward_with_position(const PoolShape& s, const T* input, T* output, int64_t* position) {
  const int64_t in = volume(s.input), out = volume(s.output);
  for_each_plane(s, [&](int64_t plane) {
    forward_plane(s, input + plane * in, output + plane * out, PositionIndex{position + plane * out});
  });
}

template <class T>
void forward_with_choice(const PoolShape& s, const T* input, T* output, uint8_t* choice) {
  const int64_t in = volume(s.input), out = volume(s.output);
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

// Where in its window the element of each number lies.
struct Offsets {
  int64_t of[kNoChoice];

  explicit Offsets(const PoolShape& s) {
    int64_t number = 0;
    for (int64_t d = 0; d < s.kernel[0]; ++d)
      for (int64_t r = 0; r < s.kernel[1]; ++r)
        for (int64_t c = 0; c < s.kernel[2]; ++c)
          of[number++] =
              (d * s.dilation[0] * s.input[1] + r * s.dilation[1]) * s.input[2] + c * s.dilation[2];
  }
};

// Calls f(i, position) for the windows of a plane that have a maximum.
template <class F>
[[gnu::always_inline]] inline void for_each_choice(const PoolShape& s, const Offsets& offsets,
                                                   const uint8_t* choice, const F& f) {
  const int64_t size = volume(s.input);
  int64_t i = 0;
  for (int64_t t = 0; t < s.output[0]; ++t)
    for (int64_t u = 0; u < s.output[1]; ++u) {
      const int64_t start =
          ((t * s.stride[0] - s.padding[0]) * s.input[1] + u * s.stride[1] - s.padding[1]) * s.input[2] -
          s.padding[2];
      for (int64_t v = 0; v < s.output[2]; ++v, ++i) {
        const int64_t at = choice[i] == kNoChoice ? -1 : start + v * s.stride[2] + offsets.of[choice[i]];
        f(i, inside(at, size) ? at : -1);
      }
    }
}

template <class T>
void backward_by_position(const PoolShape& s, const T* grad_output, const int64_t* position, T* grad_input) {
  const int64_t in = volume(s.input), out = volume(s.output);
  for_each_plane(s, [&](int64_t plane) {
    T* grad = grad_input + plane * in;
    std::memset(grad, 0, static_cast<size_t>(in) * sizeof(T));
    for (int64_t i = plane * out; i < (plane + 1) * out; ++i)
      if (inside(position[i], in)) grad[position[i]] += grad_output[i];
  });
}

template <class T>
void backward_by_choice(const PoolShape& s, const T* grad_output, const uint8_t* choice, T* grad_input) {
  const int64_t in = volume(s.input), out = volume(s.output);
  const bool fast = is_two_by_two(s);
  const Offsets offsets(s);
  for_each_plane(s, [&](int64_t plane) {
    T* grad = grad_input + plane * in;
    if (fast) return two_by_two_plane_backward(s, grad_output + plane * out, choice + plane * out, grad);
    std::memset(grad, 0, static_cast<size_t>(in) * sizeof(T));
    const T* from = grad_output + plane * out;
    for_each_choice(s, offsets, choice + plane * out, [&](int64_t i, int64_t at) {
      if (at >= 0) grad[at] += from[i];
    });
  });
}

template <class T>
void gather_by_position(const PoolShape& s, const T* input, const int64_t* position, T* output) {
  const int64_t in = volume(s.input), out = volume(s.output);
  for_each_plane(s, [&](int64_t plane) {
    for (int64_t i = plane * out; i < (plane + 1) * out; ++i)
      output[i] = inside(position[i], in) ? input[plane * in + position[i]] : 0;
  });
}

template <class T>
void gather_by_choice(const PoolShape& s, const T* input, const uint8_t* choice, T* output) {
  const int64_t in = volume(s.input), out = volume(s.output);
  const Offsets offsets(s);
  for_each_plane(s, [&](int64_t plane) {
    const T* from = input + plane * in;
    T* to = output + plane * out;
    for_each_choice(s, offsets, choice + plane * out,
                    [&](int64_t i, int64_t at) { to[i] = at >= 0 ? from[at] : 0; });
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
