// The gates of recurrent layers. A kernel source: compiled once per instruction set.
//
// Every loop goes over the hidden units of one sequence; the arrays that it writes overlap none that it reads
// but at the same place.
#include "core/cpu/recurrent/recurrent.h"
#include "core/math/exp.h"

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// 1 / (1 + exp(-x)) to the last bits but where it is below the smallest normal number.
template <class T>
[[gnu::always_inline]] inline T gate(T x) {
  constexpr T kLargest = math::is_float32<T> ? T(87) : T(708);
  const T a = math::abs(x), e = math::exp_normal(-(a > kLargest ? kLargest : a));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

template <class T>
void lstm_forward(const RecurrentRows<T>& r) {
  const int64_t n = r.hidden;
  for (int64_t row = 0; row < r.rows; ++row) {
    T* const input = r.gates + row * r.gates_row;
    T* const forget = input + n;
    T* const candidate = forget + n;
    T* const output = candidate + n;
    T* const cell = r.c + row * n;
    T* const h = r.h + row * r.h_row;
#pragma GCC ivdep
    for (int64_t u = 0; u < n; ++u) {
      const T i = gate(input[u]), f = gate(forget[u]), g = math::tanh(candidate[u]), o = gate(output[u]);
      const T c = f * cell[u] + i * g;
      input[u] = i;
      forget[u] = f;
      candidate[u] = g;
      output[u] = o;
      cell[u] = c;
      h[u] = o * math::tanh(c);
    }
    if (r.cells) __builtin_memcpy(r.cells + row * n, cell, static_cast<size_t>(n) * sizeof(T));
    if (r.y) __builtin_memcpy(r.y + row * r.y_row, h, static_cast<size_t>(n) * sizeof(T));
  }
}

template <class T>
void gru_forward(const RecurrentRows<T>& r) {
  const int64_t n = r.hidden;
  for (int64_t row = 0; row < r.rows; ++row) {
    T* const candidate = r.gates + row * r.gates_row;
    T* const reset = candidate + n;
    T* const update = reset + n;
    const T* const of_state = update + n;
    T* const h = r.h + row * r.h_row;
#pragma GCC ivdep
    for (int64_t u = 0; u < n; ++u) {
      const T s = gate(reset[u]), z = gate(update[u]), c = math::tanh(candidate[u] + s * of_state[u]);
      candidate[u] = c;
      reset[u] = s;
      update[u] = z;
      h[u] = c + z * (h[u] - c);
    }
    if (r.y) __builtin_memcpy(r.y + row * r.y_row, h, static_cast<size_t>(n) * sizeof(T));
  }
}

// Networks without gates: the new state is a function of the sum, its slope one of the state.
struct Tanh {
  template <class T>
  static T value(T x) {
    return math::tanh(x);
  }
  template <class T>
  static T slope(T grad, T h) {
    return grad * (T(1) - h * h);
  }
};
struct Relu {
  template <class T>
  static T value(T x) {
    return x < T(0) ? T(0) : x;
  }
  template <class T>
  static T slope(T grad, T h) {
    return h <= T(0) ? T(0) : grad;
  }
};

template <class Function, class T>
void plain_forward(const RecurrentRows<T>& r) {
  const int64_t n = r.hidden;
  for (int64_t row = 0; row < r.rows; ++row) {
    const T* const sum = r.gates + row * r.gates_row;
    T* const h = r.h + row * r.h_row;
#pragma GCC ivdep
    for (int64_t u = 0; u < n; ++u) h[u] = Function::value(sum[u]);
    if (r.y) __builtin_memcpy(r.y + row * r.y_row, h, static_cast<size_t>(n) * sizeof(T));
  }
}

// grad_h += grad_y, of one row.
template <class T>
[[gnu::always_inline]] inline T* whole_gradient(const RecurrentGradientRows<T>& r, int64_t row) {
  T* const grad = r.grad_h + row * r.grad_h_row;
  if (r.grad_y) {
    const T* const more = r.grad_y + row * r.grad_y_row;
#pragma GCC ivdep
    for (int64_t u = 0; u < r.hidden; ++u) grad[u] += more[u];
  }
  return grad;
}

template <class T>
void lstm_backward(const RecurrentGradientRows<T>& r) {
  const int64_t n = r.hidden;
  for (int64_t row = 0; row < r.rows; ++row) {
    const T* const input = r.kept + row * r.kept_row;
    const T* const forget = input + n;
    const T* const candidate = forget + n;
    const T* const output = candidate + n;
    const T* const cell = r.cells + row * n;
    const T* const previous = r.previous_cells + row * n;
    const T* const grad = whole_gradient(r, row);
    T* const grad_c = r.grad_c + row * n;
    T* const grad_input = r.grad_gates + row * r.grad_gates_row;
    T* const grad_forget = grad_input + n;
    T* const grad_candidate = grad_forget + n;
    T* const grad_output = grad_candidate + n;
#pragma GCC ivdep
    for (int64_t u = 0; u < n; ++u) {
      const T i = input[u], f = forget[u], g = candidate[u], o = output[u], d = grad[u];
      const T t = math::tanh(cell[u]);
      const T dc = grad_c[u] + d * o * (T(1) - t * t);
      grad_input[u] = dc * g * i * (T(1) - i);
      grad_forget[u] = dc * previous[u] * f * (T(1) - f);
      grad_candidate[u] = dc * i * (T(1) - g * g);
      grad_output[u] = d * t * o * (T(1) - o);
      grad_c[u] = dc * f;
    }
    if (r.unprojected) {
      T* const h = r.unprojected + row * n;
#pragma GCC ivdep
      for (int64_t u = 0; u < n; ++u) h[u] = output[u] * math::tanh(cell[u]);
    }
  }
}

template <class T>
void gru_backward(const RecurrentGradientRows<T>& r) {
  const int64_t n = r.hidden;
  for (int64_t row = 0; row < r.rows; ++row) {
    const T* const candidate = r.kept + row * r.kept_row;
    const T* const reset = candidate + n;
    const T* const update = reset + n;
    const T* const of_state = update + n;
    const T* const previous = r.previous_h + row * r.previous_row;
    T* const grad = whole_gradient(r, row);
    T* const grad_candidate = r.grad_gates + row * r.grad_gates_row;
    T* const grad_reset = grad_candidate + n;
    T* const grad_update = grad_reset + n;
    T* const grad_of_state = grad_update + n;
#pragma GCC ivdep
    for (int64_t u = 0; u < n; ++u) {
      const T c = candidate[u], s = reset[u], z = update[u], d = grad[u];
      const T dc = d * (T(1) - z) * (T(1) - c * c);
      grad_candidate[u] = dc;
      grad_reset[u] = dc * of_state[u] * s * (T(1) - s);
      grad_update[u] = d * (previous[u] - c) * z * (T(1) - z);
      grad_of_state[u] = dc * s;
      grad[u] = d * z;
    }
  }
}

template <class Function, class T>
void plain_backward(const RecurrentGradientRows<T>& r) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const T* const h = r.h + row * r.h_row;
    const T* const grad = whole_gradient(r, row);
    T* const grad_sum = r.grad_gates + row * r.grad_gates_row;
#pragma GCC ivdep
    for (int64_t u = 0; u < r.hidden; ++u) grad_sum[u] = Function::slope(grad[u], h[u]);
  }
}

template <class T>
void fill_type(RecurrentKernelsOf<T>& kernels) {
  const auto set = [&](Recurrence kind, void (*forward)(const RecurrentRows<T>&),
                       void (*backward)(const RecurrentGradientRows<T>&)) __attribute__((always_inline)) {
    kernels.forward[static_cast<int>(kind)] = forward;
    kernels.backward[static_cast<int>(kind)] = backward;
  };
  set(Recurrence::Tanh, plain_forward<Tanh, T>, plain_backward<Tanh, T>);
  set(Recurrence::Relu, plain_forward<Relu, T>, plain_backward<Relu, T>);
  set(Recurrence::Lstm, lstm_forward<T>, lstm_backward<T>);
  set(Recurrence::Gru, gru_forward<T>, gru_backward<T>);
}

}  // namespace

void fill(RecurrentKernels& kernels) {
  fill_type(kernels.f32);
  fill_type(kernels.f64);
}

}  // namespace flambeau::cpu::FLAMBEAU_ISA
