// One step of an optimizer over all parameters of a group: gradients are read from the parameters, those
// without one are skipped, and everything is updated in place without being recorded.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/ops/operators.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

// A step streams three to seven arrays through memory.
constexpr double kNanosecondsPerItem = 1.0;

using Piece = backend::OptimPiece;
constexpr int kParam = Piece::kParam, kGrad = Piece::kGrad, kState = Piece::kState;

// The pieces of a step, with copies of the arrays that do not lie as a kernel needs them.
class Pieces {
 public:
  explicit Pieces(size_t params) {
    pieces_.reserve(params);
    entered_.reserve(3 * params);
  }

  Piece& add(const Tensor& param) {
    const DType dtype = real_of(param.dtype());  // the parts of complex numbers are parameters of their own
    check<NotImplementedError>(is_floating(dtype), "optimizer step is not implemented for '",
                               scalar_type_name(dtype), "' parameters; floating-point ones work");
    Piece& piece = pieces_.emplace_back();
    piece.first = items_;
    piece.numel = param.numel() * (is_complex(param.dtype()) ? 2 : 1);
    piece.is_double = dtype == DType::Float64;
    items_ += piece.numel;
    return piece;
  }

  // Enters `t`, which belongs to `param`, and remembers it as written unless it is the gradient.
  void set(Piece& piece, int array, TensorImpl* t, TensorImpl* param, const char* what) {
    check(t->sizes == param->sizes, "The size of ", what, " ", t->sizes,
          " must match the size of its parameter ", param->sizes);
    // The binder has seen the parameter and its averages, but not the gradient.
    if (t->device != param->device) [[unlikely]]
      fail<RuntimeError>(what, " lies on ", name(t->device), ", its parameter on ", name(param->device));
    entered_.push_back({t, array != kGrad});
    if (t->dtype == dtype_of(piece) && t->contiguous && param->contiguous) [[likely]]
      piece.arrays[array] = t->data;
    else
      place(piece, array, Tensor(t), Tensor(param));
  }

  // Runs step(all pieces).
  template <class Step>
  void run(const Step& step) {
    for (const Entered& entered : entered_)
      if (entered.written) entered.tensor->bump_version();
    const auto nanoseconds = static_cast<int64_t>(static_cast<double>(items_) * kNanosecondsPerItem);
    if (WithoutGil::releases(nanoseconds)) hold();
    {
      const WithoutGil guard(nanoseconds);
      step(backend::OptimStep{pieces_, items_, items_ <= backend::kOptimGrain || distinct()});
    }
    for (const auto& [t, copy] : returned_) copy_(t, copy);
  }

 private:
  struct Entered {
    TensorImpl* tensor;
    bool written;  // the caller's lists hold these
  };
  static DType dtype_of(const Piece& piece) { return piece.is_double ? DType::Float64 : DType::Float32; }

  // An array that may lie otherwise, or be of another dtype, than the kernel needs it.
  void place(Piece& piece, int array, const Tensor& t, const Tensor& param) {
    hold();  // copies may let other threads run
    if (is_complex(param.dtype())) {
      const NoGrad no_grad;
      place_real(piece, array, is_complex(t.dtype()) ? view_as_real(t) : t, view_as_real(param));
    } else {
      place_real(piece, array, t, param);
    }
  }
  void place_real(Piece& piece, int array, const Tensor& t, const Tensor& param) {
    const DType dtype = dtype_of(piece);
    const bool param_is_dense = param.is_contiguous() || is_dense(param.sizes(), param.strides());
    const bool fits = t.dtype() == dtype && ((t.is_contiguous() && param.is_contiguous()) ||
                                             (param_is_dense && t.strides() == param.strides()));
    if (fits) {
      piece.arrays[array] = t.get()->data;
      return;
    }
    Tensor copy =
        param_is_dense ? empty_strided(param.sizes(), param.strides(), dtype) : empty(param.sizes(), dtype);
    copy_(copy, t);
    piece.arrays[array] = copy.get()->data;
    if (array != kGrad) returned_.emplace_back(t, copy);
    copies_.push_back(std::move(copy));
  }
  // Before other threads may run: one may drop a gradient, or swap a tensor's data, meanwhile.
  void hold() {
    held_.reserve(entered_.capacity());
    while (held_.size() < entered_.size()) held_.push_back(entered_[held_.size()].tensor->storage);
  }
  // Whether no two parameters share memory: two threads must not update one that is listed twice.
  bool distinct() const {
    std::vector<std::pair<const char*, const char*>> ranges;
    ranges.reserve(pieces_.size());
    for (const Piece& piece : pieces_) {
      const char* begin = static_cast<const char*>(piece.arrays[kParam]);
      ranges.emplace_back(begin, begin + piece.numel * static_cast<int64_t>(piece.is_double ? 8 : 4));
    }
    std::sort(ranges.begin(), ranges.end());
    for (size_t i = 1; i < ranges.size(); ++i)
      if (ranges[i].first < ranges[i - 1].second) return false;
    return true;
  }

  std::vector<Piece> pieces_;
  std::vector<Entered> entered_;
  std::vector<Ref<Storage>> held_;  // of the first of them
  std::vector<Tensor> copies_;
  std::vector<std::pair<Tensor, Tensor>> returned_;  // written tensors, and the copies with their new values
  int64_t items_ = 0;
};

// An optimizer's tensors come as one list: all parameters, then for each of their averages one block as long.
class Blocks {
 public:
  Blocks(TensorList tensors, size_t blocks) : tensors_(tensors), length_(tensors.size() / blocks) {
    check<ValueError>(tensors.size() % blocks == 0, "expected ", blocks,
                      " tensors for each parameter, but got ", tensors.size(), " in all");
  }
  size_t length() const { return length_; }
  TensorList operator[](size_t block) const { return tensors_.subspan(block * length_, length_); }

 private:
  TensorList tensors_;
  size_t length_;
};

// A number of a parameter that lives in a tensor of one element: its count of steps, and the like.
class Number {
 public:
  Number(const Tensor& tensor, const char* what) : tensor_(&tensor) {
    check(tensor.numel() == 1 && (tensor.dtype() == DType::Float32 || tensor.dtype() == DType::Float64), "`",
          what, "` must be a floating-point tensor of one element, but has size ", tensor.sizes(),
          " and dtype ", name(tensor.dtype()));
    on_host(tensor, "the optimizer's numbers");
  }
  double get() const {
    return tensor_->dtype() == DType::Float64 ? *tensor_->data<double>() : *tensor_->data<float>();
  }
  // Rounds to the tensor's type, and returns what is there then.
  double set(double value) {
    tensor_->get()->bump_version();
    if (tensor_->dtype() == DType::Float64) return *tensor_->data<double>() = value;
    return *tensor_->data<float>() = static_cast<float>(value);
  }

 private:
  const Tensor* tensor_;
};

// A piece for each parameter with a dense gradient, to which `more(piece, parameter, place)` adds its states.
// Returns how many gradients are sparse.
template <class More>
int64_t gather(Pieces& pieces, const TensorList& params, More more) {
  int64_t sparse = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    TensorImpl* const param = params[i].get();
    if (!param->grad) continue;
    if (param->grad->device == Device::Type::SparseCpu) [[unlikely]] {
      ++sparse;
      continue;
    }
    Piece& piece = pieces.add(params[i]);
    pieces.set(piece, kParam, param, param, "the parameter");
    pieces.set(piece, kGrad, param->grad.get(), param, "the gradient");
    more(piece, param, i);
  }
  return sparse;
}

// `tensors`: parameters; momentum buffers where there is momentum. Returns how many gradients were sparse,
// which are left to the caller.
int64_t sgd_(TensorList tensors, double lr, double momentum, double dampening, double weight_decay,
             bool nesterov, bool maximize) {
  const bool has_momentum = momentum != 0;
  const Blocks blocks(tensors, has_momentum ? 2 : 1);
  const TensorList params = blocks[0];
  const NoGrad no_grad;
  Pieces pieces(params.size());
  const int64_t sparse = gather(pieces, params, [&](Piece& piece, TensorImpl* param, size_t i) {
    if (has_momentum) pieces.set(piece, kState, blocks[1][i].get(), param, "the momentum buffer");
  });
  const backend::SgdOptions options{lr, momentum, dampening, weight_decay, nesterov, maximize};
  pieces.run([&](const backend::OptimStep& step) { backend::current().sgd(step, options); });
  return sparse;
}

// `tensors`: parameters, counts of steps, averages, averages of squares, and with amsgrad the largest of
// these. Returns how many gradients were sparse.
int64_t adam_(TensorList tensors, double lr, double beta1, double beta2, double eps, double weight_decay,
              bool amsgrad, bool maximize, bool decoupled_weight_decay) {
  const Blocks blocks(tensors, amsgrad ? 5 : 4);
  const TensorList params = blocks[0], steps = blocks[1];
  const NoGrad no_grad;
  Pieces pieces(params.size());
  std::vector<std::pair<Piece*, const Tensor*>> counts;
  counts.reserve(params.size());
  const int64_t sparse = gather(pieces, params, [&](Piece& piece, TensorImpl* param, size_t i) {
    pieces.set(piece, kState, blocks[2][i].get(), param, "exp_avg");
    pieces.set(piece, kState + 1, blocks[3][i].get(), param, "exp_avg_sq");
    if (amsgrad) pieces.set(piece, kState + 2, blocks[4][i].get(), param, "max_exp_avg_sq");
    counts.emplace_back(&piece, &steps[i]);
  });
  // Nearly always every parameter is at the same step, and the powers are computed once.
  double known_step = 0;
  backend::AdamScales scales = {};
  for (const auto& [piece, count] : counts) {
    Number number(*count, "step");
    const double step = number.set(number.get() + 1);
    if (step != known_step)
      scales = {lr / (1 - std::pow(beta1, step)), 1 / std::sqrt(1 - std::pow(beta2, step))};
    known_step = step;
    piece->scales = scales;
  }
  const backend::AdamOptions options{lr,           beta1,   beta2,    eps,
                                     weight_decay, amsgrad, maximize, decoupled_weight_decay};
  pieces.run([&](const backend::OptimStep& step) { backend::current().adam(step, options); });
  return sparse;
}

// The factors of parameters at one step are computed once where they depend on nothing else.
template <class Compute>
class AtStep {
 public:
  explicit AtStep(Compute compute) : compute_(std::move(compute)) {}
  void operator()(double step, double* k) {
    if (step != known_) {
      compute_(step, factors_);
      known_ = step;
    }
    std::copy_n(factors_, 3, k);
  }

 private:
  Compute compute_;
  double known_ = 0, factors_[3] = {};
};

// A step by `options.rule`. `tensors` are the parameters, and after them one block for each name: the count
// of steps, `numbers` more such numbers, then the states, null where the setting has none.
// `factors(parameter's place, t, k)` sets the k of a parameter. Returns how many gradients were sparse, which
// are left to the caller.
template <class Factors>
int64_t update(TensorList tensors, size_t numbers, std::initializer_list<const char*> states,
               const backend::UpdateOptions& options, Factors factors) {
  const auto present = static_cast<size_t>(
      std::count_if(states.begin(), states.end(), [](const char* state) { return state != nullptr; }));
  const Blocks blocks(tensors, 2 + numbers + present);
  const TensorList params = blocks[0], steps = blocks[1];
  const NoGrad no_grad;
  Pieces pieces(params.size());
  std::vector<std::pair<Piece*, size_t>> updated;
  updated.reserve(params.size());
  const int64_t sparse = gather(pieces, params, [&](Piece& piece, TensorImpl* param, size_t i) {
    size_t block = 2 + numbers;
    int array = kState;
    for (const char* state : states) {
      if (state) pieces.set(piece, array, blocks[block++][i].get(), param, state);
      ++array;
    }
    Number(steps[i], "step");  // refuses before anything is written
    updated.emplace_back(&piece, i);
  });
  for (const auto& [piece, i] : updated) {
    Number step(steps[i], "step");
    factors(i, step.set(step.get() + 1), piece->factors);
  }
  pieces.run([&](const backend::OptimStep& step) { backend::current().update(step, options); });
  return sparse;
}

using backend::UpdateOptions;
using backend::UpdateRule;

int64_t adagrad_(TensorList tensors, double lr, double lr_decay, double eps, double weight_decay,
                 bool maximize) {
  const UpdateOptions options{UpdateRule::Adagrad, lr, weight_decay, false, maximize, {eps}};
  return update(tensors, 0, {"sum"}, options,
                [&](size_t, double t, double* k) { k[0] = lr / (1 + (t - 1) * lr_decay); });
}

int64_t adadelta_(TensorList tensors, double lr, double rho, double eps, double weight_decay, bool maximize) {
  const UpdateOptions options{UpdateRule::Adadelta, lr, weight_decay, false, maximize, {lr, rho, eps}};
  return update(tensors, 0, {"square_avg", "acc_delta"}, options, [](size_t, double, double*) {});
}

int64_t adamax_(TensorList tensors, double lr, double beta1, double beta2, double eps, double weight_decay,
                bool maximize) {
  const UpdateOptions options{UpdateRule::Adamax, lr, weight_decay, false, maximize, {beta1, beta2, eps}};
  AtStep factors([&](double t, double* k) { k[0] = lr / (1 - std::pow(beta1, t)); });
  return update(tensors, 0, {"exp_avg", "exp_inf"}, options,
                [&](size_t, double t, double* k) { factors(t, k); });
}

int64_t asgd_(TensorList tensors, double lr, double lambd, double alpha, double t0, double weight_decay,
              bool maximize) {
  const UpdateOptions options{UpdateRule::ASGD, lr, weight_decay, false, maximize, {lambd}};
  const Blocks blocks(tensors, 5);
  return update(tensors, 2, {"ax"}, options, [&](size_t i, double t, double* k) {
    Number eta(blocks[2][i], "eta"), mu(blocks[3][i], "mu");
    k[0] = eta.get();
    k[1] = mu.get();
    eta.set(lr / std::pow(1 + lambd * lr * t, alpha));
    mu.set(1 / std::max(1.0, t - t0));
  });
}

int64_t nadam_(TensorList tensors, double lr, double beta1, double beta2, double eps, double weight_decay,
               double momentum_decay, bool decoupled_weight_decay, bool maximize) {
  const UpdateOptions options{UpdateRule::NAdam,      lr,       weight_decay,
                              decoupled_weight_decay, maximize, {beta1, beta2, eps}};
  const Blocks blocks(tensors, 5);
  AtStep momenta([&](double t, double* k) {
    k[0] = beta1 * (1 - 0.5 * std::pow(0.96, t * momentum_decay));
    k[1] = beta1 * (1 - 0.5 * std::pow(0.96, (t + 1) * momentum_decay));
    k[2] = 1 / (1 - std::pow(beta2, t));
  });
  return update(tensors, 1, {"exp_avg", "exp_avg_sq"}, options, [&](size_t i, double t, double* k) {
    momenta(t, k);
    const double now = k[0], next = k[1];
    Number product(blocks[2][i], "mu_product");
    const double so_far = product.set(product.get() * now);
    k[0] = lr * (1 - now) / (1 - so_far);
    k[1] = lr * next / (1 - so_far * next);
  });
}

int64_t radam_(TensorList tensors, double lr, double beta1, double beta2, double eps, double weight_decay,
               bool decoupled_weight_decay, bool maximize) {
  const UpdateOptions options{UpdateRule::RAdam,      lr,       weight_decay,
                              decoupled_weight_decay, maximize, {beta1, beta2, eps}};
  AtStep factors([&](double t, double* k) {
    // The length of the simple moving average that the exponential one is compared with; the variance of the
    // step is not tractable while it is short.
    constexpr double kLeastLength = 5;
    const double power = std::pow(beta2, t), longest = 2 / (1 - beta2) - 1;
    const double length = longest - 2 * t * power / (1 - power);
    k[0] = lr / (1 - std::pow(beta1, t));
    k[1] = 0;
    if (length > kLeastLength)
      k[1] = std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length) *
                       (1 - power));
  });
  return update(tensors, 0, {"exp_avg", "exp_avg_sq"}, options,
                [&](size_t, double t, double* k) { factors(t, k); });
}

int64_t rmsprop_(TensorList tensors, double lr, double alpha, double eps, double weight_decay,
                 double momentum, bool centered, bool maximize) {
  const UpdateOptions options{UpdateRule::RMSprop,       lr, weight_decay, false, maximize,
                              {lr, alpha, eps, momentum}};
  return update(tensors, 0,
                {"square_avg", momentum > 0 ? "momentum_buffer" : nullptr, centered ? "grad_avg" : nullptr},
                options, [](size_t, double, double*) {});
}

int64_t rprop_(TensorList tensors, double shrink, double grow, double least, double largest, bool maximize) {
  const UpdateOptions options{UpdateRule::Rprop, 0, 0, false, maximize, {shrink, grow, least, largest}};
  return update(tensors, 0, {"prev", "step_size"}, options, [](size_t, double, double*) {});
}

}  // namespace

/// A step of stochastic gradient descent on many parameters at once; `flambeau.optim.SGD` calls it.
///
/// Args:
///     tensors: parameters, gradients and momentum buffers, one after another
///     lr, momentum, dampening, weight_decay, nesterov, maximize: as of the optimizer
EXPOSE(
    "sgd_(Tensor[] tensors, float lr, float momentum, float dampening, float weight_decay, bool nesterov, "
    "bool maximize) -> int",
    sgd_, optim);

/// A step of Adam or AdamW on many parameters at once; `flambeau.optim.Adam` calls it.
///
/// Args:
///     tensors: parameters, gradients, averages and step counts, one after another
///     lr, beta1, beta2, eps, weight_decay, amsgrad, maximize: as of the optimizer
///     decoupled_weight_decay: AdamW's
///
/// Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015.
EXPOSE(
    "adam_(Tensor[] tensors, float lr, float beta1, float beta2, float eps, float weight_decay, bool "
    "amsgrad, "
    "bool maximize, bool decoupled_weight_decay) -> int",
    adam_, optim);

/// A step of Adagrad on many parameters at once; `flambeau.optim.Adagrad` calls it.
///
/// Args:
///     tensors: parameters, step counts and sums of squares, one after another
///     lr, lr_decay, eps, weight_decay, maximize: as of the optimizer
///
/// Source: Duchi, Hazan and Singer, Adaptive subgradient methods, 2011.
EXPOSE(
    "adagrad_(Tensor[] tensors, float lr, float lr_decay, float eps, float weight_decay, bool maximize) -> "
    "int",
    adagrad_, optim);

/// A step of Adadelta on many parameters at once; `flambeau.optim.Adadelta` calls it.
///
/// Args:
///     tensors: parameters, step counts, averages of squared gradients and of squared steps, one after
///     another lr, rho, eps, weight_decay, maximize: as of the optimizer
///
/// Source: Zeiler, ADADELTA: an adaptive learning rate method, 2012.
EXPOSE(
    "adadelta_(Tensor[] tensors, float lr, float rho, float eps, float weight_decay, bool maximize) -> int",
    adadelta_, optim);

/// A step of Adamax on many parameters at once; `flambeau.optim.Adamax` calls it.
///
/// Args:
///     tensors: parameters, step counts, averages and running maxima, one after another
///     lr, beta1, beta2, eps, weight_decay, maximize: as of the optimizer
///
/// Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015.
EXPOSE(
    "adamax_(Tensor[] tensors, float lr, float beta1, float beta2, float eps, float weight_decay, bool "
    "maximize) -> int",
    adamax_, optim);

/// A step of ASGD on many parameters at once; `flambeau.optim.ASGD` calls it.
///
/// Args:
///     tensors: parameters, step counts, etas, mus and averages, one after another
///     lr, lambd, alpha, t0, weight_decay, maximize: as of the optimizer
///
/// Source: Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
EXPOSE(
    "asgd_(Tensor[] tensors, float lr, float lambd, float alpha, float t0, float weight_decay, bool "
    "maximize) -> int",
    asgd_, optim);

/// A step of NAdam on many parameters at once; `flambeau.optim.NAdam` calls it.
///
/// Args:
///     tensors: parameters, step counts, products of momenta, averages and averages of squares, one after
///     another lr, beta1, beta2, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize: as of
///     the optimizer
///
/// Source: Dozat, Incorporating Nesterov momentum into Adam, 2016.
EXPOSE(
    "nadam_(Tensor[] tensors, float lr, float beta1, float beta2, float eps, float weight_decay, float "
    "momentum_decay, bool decoupled_weight_decay, bool maximize) -> int",
    nadam_, optim);

/// A step of RAdam on many parameters at once; `flambeau.optim.RAdam` calls it.
///
/// Args:
///     tensors: parameters, step counts, averages and averages of squares, one after another
///     lr, beta1, beta2, eps, weight_decay, decoupled_weight_decay, maximize: as of the optimizer
///
/// Source: Liu and others, On the variance of the adaptive learning rate and beyond, 2020.
EXPOSE(
    "radam_(Tensor[] tensors, float lr, float beta1, float beta2, float eps, float weight_decay, bool "
    "decoupled_weight_decay, bool maximize) -> int",
    radam_, optim);

/// A step of RMSprop on many parameters at once; `flambeau.optim.RMSprop` calls it.
///
/// Args:
///     tensors: parameters, step counts, averages of squares, with momentum its buffers, and where centered
///     averages, one after another lr, alpha, eps, weight_decay, momentum, centered, maximize: as of the
///     optimizer
///
/// Source: Hinton, Neural networks for machine learning, lecture 6e, 2012.
EXPOSE(
    "rmsprop_(Tensor[] tensors, float lr, float alpha, float eps, float weight_decay, float momentum, bool "
    "centered, bool maximize) -> int",
    rmsprop_, optim);

/// A step of Rprop on many parameters at once; `flambeau.optim.Rprop` calls it.
///
/// Args:
///     tensors: parameters, step counts, last gradients and step sizes, one after another
///     shrink, grow, least, largest, maximize: as of the optimizer
///
/// Source: Riedmiller and Braun, A direct adaptive method for faster backpropagation learning, 1993.
EXPOSE("rprop_(Tensor[] tensors, float shrink, float grow, float least, float largest, bool maximize) -> int",
       rprop_, optim);

}  // namespace flambeau
