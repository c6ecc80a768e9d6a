// One step of an optimizer over all parameters of a group: gradients are read from the parameters, those
// without one are skipped, and everything is updated in place without being recorded.
#include <algorithm>
#include <cmath>

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

// Adds one to a parameter's count of steps, a tensor of one floating-point number, and returns it.
double advance(const Tensor& step) {
  on_host(step, "the optimizer's count of steps").get()->bump_version();
  if (step.dtype() == DType::Float64) return *step.data<double>() += 1;
  return *step.data<float>() += 1;
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
  int64_t sparse = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    const Tensor& param = params[i];
    if (!param.get()->grad) continue;
    if (param->grad->device == Device::Type::SparseCpu) [[unlikely]] {
      ++sparse;
      continue;
    }
    Piece& piece = pieces.add(param);
    pieces.set(piece, kParam, param.get(), param.get(), "the parameter");
    pieces.set(piece, kGrad, param->grad.get(), param.get(), "the gradient");
    if (has_momentum) pieces.set(piece, kState, blocks[1][i].get(), param.get(), "the momentum buffer");
  }
  const backend::SgdOptions options{lr, momentum, dampening, weight_decay, nesterov, maximize};
  pieces.run([&](const backend::OptimStep& step) { backend::current().sgd(step, options); });
  return sparse;
}

// `tensors`: parameters, counts of steps, averages, averages of squares, and with amsgrad the largest of
// these.
int64_t adam_(TensorList tensors, double lr, double beta1, double beta2, double eps, double weight_decay,
              bool amsgrad, bool maximize, bool decoupled_weight_decay) {
  const Blocks blocks(tensors, amsgrad ? 5 : 4);
  const TensorList params = blocks[0], steps = blocks[1];
  const NoGrad no_grad;
  Pieces pieces(params.size());
  std::vector<std::pair<Piece*, const Tensor*>> counts;
  counts.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const Tensor& param = params[i];
    if (!param.get()->grad) continue;
    check(param->grad->device != Device::Type::SparseCpu,
          "Adam does not support sparse gradients, please consider SparseAdam instead");
    check(steps[i].numel() == 1 && (steps[i].dtype() == DType::Float32 || steps[i].dtype() == DType::Float64),
          "`step` must be a floating-point tensor of one element, but has size ", steps[i].sizes(),
          " and dtype ", name(steps[i].dtype()));
    Piece& piece = pieces.add(param);
    pieces.set(piece, kParam, param.get(), param.get(), "the parameter");
    pieces.set(piece, kGrad, param->grad.get(), param.get(), "the gradient");
    pieces.set(piece, kState, blocks[2][i].get(), param.get(), "exp_avg");
    pieces.set(piece, kState + 1, blocks[3][i].get(), param.get(), "exp_avg_sq");
    if (amsgrad) pieces.set(piece, kState + 2, blocks[4][i].get(), param.get(), "max_exp_avg_sq");
    counts.emplace_back(&piece, &steps[i]);
  }
  // Nearly always every parameter is at the same step, and the powers are computed once.
  double known_step = 0;
  backend::AdamScales scales = {};
  for (const auto& [piece, count] : counts) {
    const double step = advance(*count);
    if (step != known_step)
      scales = {lr / (1 - std::pow(beta1, step)), 1 / std::sqrt(1 - std::pow(beta2, step))};
    known_step = step;
    piece->scales = scales;
  }
  const backend::AdamOptions options{lr,           beta1,   beta2,    eps,
                                     weight_decay, amsgrad, maximize, decoupled_weight_decay};
  pieces.run([&](const backend::OptimStep& step) { backend::current().adam(step, options); });
  return static_cast<int64_t>(counts.size());
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

}  // namespace flambeau
