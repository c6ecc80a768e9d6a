// The forward-backward algorithm of Graves et al., "Connectionist temporal classification", 2006,
// section 4.1, in logarithms. A target of n labels has 2 n + 1 states: a blank, a label, a blank, ... , a
// blank.
#include "core/cpu/loss/ctc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/parallel/parallel.h"
#include "core/tensor/dispatch.h"

namespace flambeau::cpu {

namespace {

template <class T>
constexpr T kNever = -std::numeric_limits<T>::infinity();

template <class T>
T log_add(T a, T b) {
  const T larger = std::max(a, b);
  if (larger == kNever<T>) return larger;
  return larger + std::log1p(std::exp(std::min(a, b) - larger));
}
template <class T>
T log_add(T a, T b, T c) {
  const T largest = std::max(a, std::max(b, c));
  if (largest == kNever<T>) return largest;
  return largest + std::log(std::exp(a - largest) + std::exp(b - largest) + std::exp(c - largest));
}

// One sample's labels and its place in the arrays.
template <class T>
struct Sample {
  const CtcLoss& loss;
  int64_t n, steps, states;
  const int64_t* labels;
  const T* scores;

  Sample(const CtcLoss& of, int64_t number, const T* log_probabilities)
      : loss(of),
        n(number),
        steps(of.input_lengths[number]),
        states(2 * of.target_lengths[number] + 1),
        labels(of.targets + of.starts[number]),
        scores(log_probabilities + number * of.classes) {}

  int64_t label(int64_t state) const { return state % 2 ? labels[state / 2] : loss.blank; }
  // A label may follow the one before it without a blank between them, unless they are the same.
  bool skips(int64_t state) const {
    return state % 2 && state > 1 && labels[state / 2] != labels[state / 2 - 1];
  }
  const T* at(int64_t step) const { return scores + step * loss.batch * loss.classes; }
};

template <class T>
void forward(const Sample<T>& s, T* loss, T* alphas) {
  if (s.steps == 0) {
    *loss = s.states == 1 ? T(0) : -kNever<T>;
    return;
  }
  const int64_t width = s.loss.states;
  std::fill(alphas, alphas + s.states, kNever<T>);
  const T* p = s.at(0);
  alphas[0] = p[s.loss.blank];
  if (s.states > 1) alphas[1] = p[s.label(1)];
  for (int64_t t = 1; t < s.steps; ++t) {
    const T* before = alphas + (t - 1) * width;
    T* now = alphas + t * width;
    p = s.at(t);
    for (int64_t i = 0; i < s.states; ++i) {
      const T reached = i == 0       ? before[0]
                        : s.skips(i) ? log_add(before[i], before[i - 1], before[i - 2])
                                     : log_add(before[i], before[i - 1]);
      now[i] = reached + p[s.label(i)];
    }
  }
  const T* last = alphas + (s.steps - 1) * width + s.states - 1;
  *loss = -(s.states == 1 ? last[0] : log_add(last[0], last[-1]));
}

// Row by row from the end: `betas` holds the row behind, the probabilities of what is left from each state.
template <class T>
void backward(const Sample<T>& s, T grad, T loss, const T* alphas, T* grad_input) {
  const int64_t width = s.loss.states, classes = s.loss.classes, row = s.loss.batch * classes;
  T* const gradients = grad_input + s.n * classes;
  const bool none = s.loss.zero_infinity && loss == -kNever<T>;
  for (int64_t t = none ? 0 : s.steps; t < s.loss.steps; ++t)
    std::fill(gradients + t * row, gradients + t * row + classes, T(0));
  if (none) return;
  std::vector<T> betas(static_cast<size_t>(s.states), kNever<T>), occupied(static_cast<size_t>(classes));
  for (int64_t t = s.steps - 1; t >= 0; --t) {
    const T* p = s.at(t);
    const T* alpha = alphas + t * width;
    std::fill(occupied.begin(), occupied.end(), kNever<T>);
    // Upwards: a state's row behind is read before it is overwritten.
    for (int64_t i = 0; i < s.states; ++i) {
      const auto k = static_cast<size_t>(i);
      if (t == s.steps - 1) {
        betas[k] = i + 2 >= s.states ? p[s.label(i)] : kNever<T>;
      } else {
        const T left = i + 1 == s.states                    ? betas[k]
                       : i + 2 < s.states && s.skips(i + 2) ? log_add(betas[k], betas[k + 1], betas[k + 2])
                                                            : log_add(betas[k], betas[k + 1]);
        betas[k] = left + p[s.label(i)];
      }
      T& here = occupied[static_cast<size_t>(s.label(i))];
      here = log_add(here, alpha[i] + betas[k]);
    }
    T* g = gradients + t * row;
    for (int64_t c = 0; c < classes; ++c)
      g[c] = (std::exp(p[c]) - std::exp(occupied[static_cast<size_t>(c)] + loss - p[c])) * grad;
  }
}

int64_t grain(const CtcLoss& loss) {
  return std::max<int64_t>(4096 / std::max<int64_t>(loss.steps * loss.states, 1), 1);
}

}  // namespace

int64_t find_bad_label(const CtcLoss& loss) {
  for (int64_t n = 0; n < loss.batch; ++n)
    for (int64_t i = loss.starts[n]; i < loss.starts[n] + loss.target_lengths[n]; ++i)
      if (loss.targets[i] < 0 || loss.targets[i] >= loss.classes) return i;
  return -1;
}

void ctc_loss(DType dtype, const CtcLoss& loss, const void* log_probabilities, void* losses, void* alphas) {
  visit_floating(dtype, "ctc_loss_cpu", [&]<class T>() {
    parallel_for(0, loss.batch, grain(loss), [&](int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n)
        forward(Sample<T>(loss, n, static_cast<const T*>(log_probabilities)), static_cast<T*>(losses) + n,
                static_cast<T*>(alphas) + n * loss.steps * loss.states);
    });
  });
}

void ctc_loss_backward(DType dtype, const CtcLoss& loss, const void* grad_output,
                       const void* log_probabilities, const void* losses, const void* alphas,
                       void* grad_input) {
  visit_floating(dtype, "ctc_loss_backward_cpu", [&]<class T>() {
    parallel_for(0, loss.batch, grain(loss), [&](int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n)
        backward(Sample<T>(loss, n, static_cast<const T*>(log_probabilities)),
                 static_cast<const T*>(grad_output)[n], static_cast<const T*>(losses)[n],
                 static_cast<const T*>(alphas) + n * loss.steps * loss.states, static_cast<T*>(grad_input));
    });
  });
}

}  // namespace flambeau::cpu
