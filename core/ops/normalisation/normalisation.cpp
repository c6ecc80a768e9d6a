// Layer, root-mean-square, group, batch and instance normalisation.
#include "core/ops/channels_last.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::ChannelNorm;
using backend::ChannelShape;
using backend::NormShape;

int64_t nanoseconds(const Tensor& x) { return x.numel(); }

// Without a copy where it has the dtype already.
Tensor in_dtype(const Tensor& x, DType dtype) {
  return !x ? Tensor() : as_contiguous(x.dtype() == dtype ? x : cast_copy(x, dtype));
}

void* data_of(const Tensor& x) { return x ? x->data : nullptr; }

struct Gradients {
  Tensor input, weight, bias;

  Gradients(const Layout& layout, DType dtype, DType compute, const Tensor& x, const Tensor& w,
            const Tensor& b, std::array<bool, 3> wanted) {
    if (wanted[0]) input = layout.fresh(x.sizes(), dtype);
    if (wanted[1]) weight = empty(w.sizes(), compute);
    if (wanted[2]) bias = empty(b.sizes(), compute);
  }
  Gradients() = default;
  void narrow(const Tensor& x, const Tensor& w, const Tensor& b) {
    if (input) input = narrowed(input, x.dtype());
    if (weight) weight = narrowed(weight, w.dtype());
    if (bias) bias = narrowed(bias, b.dtype());
  }
};

// The input as [samples, groups, channels, inner]. The means go over two of these axes; the factors belong
// to two of them, and their gradients are sums over the other two.
struct FourAxes {
  std::array<int64_t, 4> sizes;
  std::array<int64_t, 2> of_row;
};
FourAxes four_axes(const NormShape& s) {
  return {{s.rows / s.groups, s.groups, s.channels, s.inner}, {2, 3}};
}
bool is_centred(const NormShape& s) { return s.centred; }
bool is_centred(const ChannelShape&) { return true; }
FourAxes four_axes(const ChannelShape& s) { return {{s.samples, 1, s.channels, s.inner}, {0, 3}}; }

// The same by operators that are themselves differentiated. `mean` and `scale` are given where they are
// constants, not those of the input.
template <class Shape>
Gradients composed(const Shape& shape, const Tensor& grad, const Tensor& input, const Tensor& weight,
                   const Tensor& bias, DType compute, std::array<bool, 3> wanted, const Tensor& mean = {},
                   const Tensor& scale = {}) {
  const FourAxes axes = four_axes(shape);
  const auto& sizes = axes.sizes;
  const int64_t of_parameter[] = {0, 3}, parameters[] = {1, sizes[1], sizes[2], 1};
  const auto row_mean = [&](const Tensor& t) { return mean_dims(t, axes.of_row, true); };
  const Tensor g = reshape(to_dtype(grad, compute), sizes), x = reshape(to_dtype(input, compute), sizes);
  const Tensor centred = !is_centred(shape) ? x : sub(x, mean ? view(mean, parameters) : row_mean(x));
  const Tensor k = scale ? view(scale, parameters) : rsqrt(add(row_mean(square(centred)), Scalar(shape.eps)));
  const Tensor h = mul(centred, k);
  Gradients result;
  if (wanted[0]) {
    Tensor u = g;
    if (weight) u = mul(g, reshape(to_dtype(weight, compute), parameters));
    const Tensor along = mean ? Tensor() : mul(h, row_mean(mul(u, h)));
    if (!mean && is_centred(shape)) u = sub(u, row_mean(u));
    if (along) u = sub(u, along);
    result.input = to_dtype(reshape(mul(k, u), input.sizes()), input.dtype());
  }
  if (wanted[1])
    result.weight = to_dtype(reshape(sum_dims(mul(g, h), of_parameter), weight.sizes()), weight.dtype());
  if (wanted[2]) result.bias = to_dtype(reshape(sum_dims(g, of_parameter), bias.sizes()), bias.dtype());
  return result;
}

// The gradients of input, weight and bias come out of one pass.
template <class Rule>
struct NormNode final : Node {
  Rule rule;
  std::array<Edge, 3> edge_storage;
  std::optional<Saved> input, weight, bias, means, scales;

  NormNode(const char* name, const Rule& rule, const Tensor& x, const Tensor& w, const Tensor& b,
           const Tensor& mean, const Tensor& scale)
      : Node(name), rule(rule), edge_storage{edge_of(x), edge_of(w), edge_of(b)} {
    edges = edge_storage;
    const RecordingScope scope(this, nullptr);
    input.emplace(flambeau::saved(x));
    weight.emplace(flambeau::saved(w));
    bias.emplace(flambeau::saved(b));
    means.emplace(flambeau::saved(mean));
    scales.emplace(flambeau::saved(scale));
  }
  void backward(std::span<const Tensor> grads, std::span<Tensor> grad_inputs) override {
    if (!grads[0]) return;
    std::array<bool, 3> wanted;
    for (size_t i = 0; i < 3; ++i) wanted[i] = static_cast<bool>(edge_storage[i]);
    const Tensor x = (*input)(), w = (*weight)(), b = (*bias)(), mean = (*means)(), scale = (*scales)();
    Gradients result = grad_enabled() ? rule.composed(grads[0], x, w, b, mean, scale, wanted)
                                      : rule.fused(grads[0], x, w, b, mean, scale, wanted);
    grad_inputs[0] = std::move(result.input);
    grad_inputs[1] = std::move(result.weight);
    grad_inputs[2] = std::move(result.bias);
  }
  ~NormNode() override { saved = nullptr; }  // the captures die with their places
};

struct RowRule {
  NormShape shape;
  Layout layout() const { return {shape.channels_last}; }
  // What the kernel takes: with the channels last, no halves.
  DType dtype(const Tensor& input) const {
    return shape.channels_last ? compute_dtype(input.dtype()) : input.dtype();
  }
  Gradients composed(const Tensor& grad, const Tensor& input, const Tensor& weight, const Tensor& bias,
                     const Tensor& means, const Tensor&, std::array<bool, 3> wanted) const {
    return flambeau::composed(shape, grad, input, weight, bias, means.dtype(), wanted);
  }
  Gradients fused(const Tensor& grad, const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const Tensor& means, const Tensor& scales, std::array<bool, 3> wanted) const {
    const DType rows = dtype(input), compute = means.dtype();
    const Tensor g = layout().of(grad, rows), x = layout().of(input, rows), w = in_dtype(weight, compute);
    Gradients result(layout(), rows, compute, input, weight, bias, wanted);
    {
      const WithoutGil guard(2 * nanoseconds(x));
      backend::current().normalize_rows_backward(rows, shape, g->data, x->data, data_of(w), means->data,
                                                 scales->data, data_of(result.input), data_of(result.weight),
                                                 data_of(result.bias));
    }
    result.narrow(input, weight, bias);
    return result;
  }
};

void check_floating(const char* kernel, const Tensor& input) {
  if (!is_floating(input.dtype()) || !is_supported(input.dtype())) not_implemented_for(kernel, input.dtype());
}

Tensor normalize(const char* node_name, const NormShape& shape, const Tensor& input, const Tensor& weight,
                 const Tensor& bias) {
  const DType compute = compute_dtype(input.dtype());
  for (const Tensor* parameter : {&weight, &bias})
    check(!*parameter || is_floating(parameter->dtype()),
          "mixed dtype (CPU): expect parameter to have scalar type of Float");
  const RowRule rule{shape};
  const Tensor means = empty({shape.rows}, compute), scales = empty({shape.rows}, compute);
  Ref<Node> node;
  if (grad_enabled() && (requires_grad(input) || requires_grad(weight) || requires_grad(bias)))
    node = Ref<Node>(new NormNode<RowRule>(node_name, rule, input, weight, bias, means, scales));
  Tensor y;
  {
    const InsideForward inside;
    const DType rows = rule.dtype(input);
    const Tensor x = rule.layout().of(input, rows), w = in_dtype(weight, compute),
                 b = in_dtype(bias, compute);
    y = rule.layout().fresh(input.sizes(), rows);
    {
      const WithoutGil guard(nanoseconds(x));
      backend::current().normalize_rows(rows, shape, x->data, data_of(w), data_of(b), y->data, means->data,
                                        scales->data);
    }
    y = narrowed(y, input.dtype());
  }
  if (node) {
    pack_captures(*node);
    set_history(y, std::move(node));
  }
  return y;
}

// The rows over the last axes.
NormShape over_last_axes(const char* name, const Tensor& input, int64_t axes, double eps,
                         std::initializer_list<const Tensor*> parameters) {
  NormShape shape{1, 1, 1, 1, eps};
  const Dims& sizes = input.sizes();
  check(axes >= 0 && axes <= sizes.count, name, ": a tensor of ", sizes.count, " axes has no last ", axes);
  for (int i = 0; i < sizes.count; ++i) (i < sizes.count - axes ? shape.rows : shape.channels) *= sizes[i];
  for (const Tensor* parameter : parameters)
    check(!*parameter || parameter->numel() == shape.channels, name, ": expected a parameter of ",
          shape.channels, " elements");
  return shape;
}

Tensor layer_norm_rows(const Tensor& input, int64_t axes, const OptionalTensor& weight,
                       const OptionalTensor& bias, double eps) {
  const NormShape shape = over_last_axes("layer_norm_rows", input, axes, eps, {&weight, &bias});
  check_floating("LayerNormKernelImpl", input);
  return normalize("NativeLayerNormBackward0", shape, input, weight, bias);
}

Tensor rms_norm_rows(const Tensor& input, int64_t axes, const OptionalTensor& weight, double eps) {
  NormShape shape = over_last_axes("rms_norm_rows", input, axes, eps, {&weight});
  shape.centred = false;
  check_floating("rms_norm", input);
  return normalize("FusedRmsNormBackward0", shape, input, weight, {});
}

Tensor group_norm_rows(const Tensor& input, int64_t groups, const OptionalTensor& weight,
                       const OptionalTensor& bias, double eps) {
  const Dims& sizes = input.sizes();
  check(sizes.count >= 2 && groups > 0 && sizes[1] % groups == 0,
        "group_norm_rows: expected channels that form ", groups, " groups, but got input of shape ", sizes);
  NormShape shape{sizes[0] * groups, groups, sizes[1] / groups, 1, eps};
  for (int i = 2; i < sizes.count; ++i) shape.inner *= sizes[i];
  for (const Tensor* parameter : {static_cast<const Tensor*>(&weight), static_cast<const Tensor*>(&bias)})
    check(!*parameter || parameter->numel() == sizes[1], "group_norm_rows: expected a parameter of ",
          sizes[1], " elements");
  check_floating("GroupNormKernelImpl", input);
  shape.channels_last = !input.is_contiguous() && has_channels_last(input);
  return normalize("NativeGroupNormBackward0", shape, input, weight, bias);
}

// ---- batch normalisation

struct ChannelRule {
  ChannelShape shape;
  bool training;
  Layout layout;

  ChannelRule(const Tensor& input, bool training, double eps)
      : shape{1, 1, 1, false, eps},
        training(training),
        layout{!input.is_contiguous() && has_channels_last(input)} {
    const Dims& sizes = input.sizes();
    shape.samples = sizes[0];
    shape.channels = sizes[1];
    for (int i = 2; i < sizes.count; ++i) shape.inner *= sizes[i];
    shape.channels_last = layout.channels_last || shape.inner == 1;
  }
  Gradients composed(const Tensor& grad, const Tensor& input, const Tensor& weight, const Tensor& bias,
                     const Tensor& means, const Tensor& scales, std::array<bool, 3> wanted) const {
    if (training) return flambeau::composed(shape, grad, input, weight, bias, means.dtype(), wanted);
    return flambeau::composed(shape, grad, input, weight, bias, means.dtype(), wanted, means, scales);
  }
  Gradients fused(const Tensor& grad, const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const Tensor& means, const Tensor& scales, std::array<bool, 3> wanted) const {
    const DType compute = means.dtype();
    const Tensor g = layout.of(grad, compute), x = layout.of(input, compute), w = in_dtype(weight, compute);
    Gradients result(layout, compute, compute, input, weight, bias, wanted);
    const ChannelNorm norm{training, 0, data_of(w), nullptr, nullptr, nullptr, means->data, scales->data};
    {
      const WithoutGil guard(nanoseconds(x));
      backend::current().normalize_channels_backward(compute, shape, norm, g->data, x->data,
                                                     data_of(result.input), data_of(result.weight),
                                                     data_of(result.bias));
    }
    result.narrow(input, weight, bias);
    return result;
  }
};

// A running statistic as the kernel writes it, and back.
struct Running {
  const Tensor& statistic;
  Tensor values;

  Running(const Tensor& statistic, DType compute)
      : statistic(statistic), values(in_dtype(statistic, compute)) {}
  void store() const {
    if (!statistic) return;
    if (values->data != statistic->data) copy_into(statistic, values);
    statistic->bump_version();
  }
};

Tensor batch_norm(const Tensor& input, const OptionalTensor& running_mean, const OptionalTensor& running_var,
                  const OptionalTensor& weight, const OptionalTensor& bias, bool training, double momentum,
                  double eps) {
  const int64_t channels = input.dim() > 1 ? input.sizes()[1] : 0;
  const struct {
    const char* name;
    const Tensor& tensor;
  } given[] = {
      {"running_mean", running_mean}, {"running_var", running_var}, {"weight", weight}, {"bias", bias}};
  for (const auto& [name, tensor] : given) {
    const bool running = &tensor == &running_mean || &tensor == &running_var;
    check(tensor || training || !running, name, " must be defined in evaluation mode");
    if (!tensor) continue;
    check(tensor.numel() == channels, name, " should contain ", channels, " elements not ", tensor.numel());
    check(!running || !grad_enabled() || !requires_grad(tensor),
          "The function 'native_batch_norm' is not differentiable with respect to argument '", name,
          "'. This input cannot have requires_grad True.");
  }
  check<ValueError>(!running_mean == !running_var,
                    "running_mean and running_var must either both be None or neither be None");
  check_floating("batch_norm", input);
  const DType compute = compute_dtype(input.dtype());
  for (const auto& [name, tensor] : given) {
    if (!tensor || tensor.dtype() == input.dtype()) continue;
    check(tensor.dtype() == DType::Float32,
          "mixed dtype (CPU): expect parameter to have scalar type of Float");
    check(is_half(input.dtype()), "mixed dtype (CPU): all inputs must share same datatype.");
  }
  if (input.dim() < 2) return clone(input);  // without an axis of channels it has no channel

  const ChannelRule rule(input, training, eps);
  const Tensor means = empty({channels}, compute), scales = empty({channels}, compute);
  Ref<Node> node;
  if (grad_enabled() && (requires_grad(input) || requires_grad(weight) || requires_grad(bias)))
    node = Ref<Node>(
        new NormNode<ChannelRule>("NativeBatchNormBackward0", rule, input, weight, bias, means, scales));
  Tensor y;
  {
    const InsideForward inside;
    const Tensor x = rule.layout.of(input, compute), w = in_dtype(weight, compute),
                 b = in_dtype(bias, compute);
    const Running mean(running_mean, compute), variance(running_var, compute);
    y = rule.layout.fresh(input.sizes(), compute);
    const ChannelNorm norm{
        training,    momentum,    data_of(w), data_of(b), data_of(mean.values), data_of(variance.values),
        means->data, scales->data};
    {
      const WithoutGil guard(nanoseconds(x));
      backend::current().normalize_channels(compute, rule.shape, norm, x->data, y->data);
    }
    if (training && input.numel() > 0) {
      mean.store();
      variance.store();
    }
    y = narrowed(y, input.dtype());
  }
  if (node) {
    pack_captures(*node);
    set_history(y, std::move(node));
  }
  return y;
}

// The channels of all samples are the channels of one.
Tensor instance_norm(const Tensor& input, const OptionalTensor& running_mean,
                     const OptionalTensor& running_var, const OptionalTensor& weight,
                     const OptionalTensor& bias, double momentum, double eps) {
  const Dims& sizes = input.sizes();
  check(sizes.count >= 2, "instance_norm: expected a batch of channels, but got input of shape ", sizes);
  const int64_t samples = sizes[0], channels = sizes[1];
  Dims one = sizes;
  one[0] = 1;
  one[1] = samples * channels;
  const int64_t all[] = {samples * channels}, each[] = {samples, channels}, over[] = {0};
  const auto repeated = [&](const char* name, const Tensor& t) -> OptionalTensor {
    OptionalTensor result;
    check(!t || t.numel() == channels, name, " should contain ", channels, " elements not ",
          t ? t.numel() : 0);
    if (t) static_cast<Tensor&>(result) = contiguous(reshape(expand(t, each), all));
    return result;
  };
  const OptionalTensor mean = repeated("running_mean", running_mean),
                       variance = repeated("running_var", running_var), w = repeated("weight", weight),
                       b = repeated("bias", bias);
  const Tensor y = batch_norm(reshape(contiguous(input), one), mean, variance, w, b, true, momentum, eps);
  if (running_mean) copy_(running_mean, mean_dims(view(mean, each), over));
  if (running_var) copy_(running_var, mean_dims(view(variance, each), over));
  return reshape(y, sizes);
}

}  // namespace

/// The rows over the last axes, normalised: what `flambeau.nn.functional.layer_norm` computes.
///
/// Args:
///     input: any shape, floating point
///     axes: how many of the last axes share a mean and a variance
///     weight: factors, of those axes' shape
///     bias: summands, of that shape
///     eps: added to the variance
///
/// >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0]]), (2,), eps=0.0).tolist()
/// [[-1.0, 1.0]]
EXPOSE("layer_norm_rows(Tensor input, int axes, Tensor? weight, Tensor? bias, float eps) -> Tensor",
       layer_norm_rows, Forms::nn);

/// Groups of channels, normalised: what `flambeau.nn.functional.group_norm` computes.
///
/// Args:
///     input: (N, C, ...), floating point
///     groups: how many groups; divides C
///     weight: factors, (C,)
///     bias: summands, (C,)
///     eps: added to the variance
///
/// >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0]]), 1, eps=0.0).tolist()
/// [[-1.0, 1.0]]
EXPOSE("group_norm_rows(Tensor input, int groups, Tensor? weight, Tensor? bias, float eps) -> Tensor",
       group_norm_rows, Forms::nn);

/// Channels, normalised: what `flambeau.nn.functional.batch_norm` computes.
///
/// Args:
///     input: (N, C, ...), floating point
///     running_mean: (C,); in training it moves towards the batch's means, otherwise it is what is subtracted
///     running_var: (C,); likewise of the variances, the batch's by one element less
///     weight: factors, (C,)
///     bias: summands, (C,)
///     training: whether the batch's own statistics are taken
///     momentum: the share of the batch in the running statistics
///     eps: added to the variance
///
/// >>> x = torch.tensor([[1.0], [3.0]])
/// >>> torch.nn.functional.batch_norm(x, None, None, training=True).round().tolist()
/// [[-1.0], [1.0]]
EXPOSE(
    "batch_norm_channels(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight, Tensor? "
    "bias, bool training, float momentum, float eps) -> Tensor",
    batch_norm, Forms::nn);

/// Channels of every sample, normalised: what `flambeau.nn.functional.instance_norm` computes.
///
/// Args:
///     input: (N, C, ...), floating point
///     running_mean: (C,); moves towards the mean of the samples' means
///     running_var: (C,); moves towards the mean of the samples' variances, by one element less
///     weight: factors, (C,)
///     bias: summands, (C,)
///     momentum: the share of the batch in the running statistics
///     eps: added to the variance
///
/// >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0]]]), eps=0.0).tolist()
/// [[[-1.0, 1.0]]]
EXPOSE(
    "instance_norm_channels(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight, Tensor? "
    "bias, float momentum, float eps) -> Tensor",
    instance_norm, Forms::nn);

/// The rows over the last axes, divided by their root mean square: what `flambeau.nn.functional.rms_norm`
/// computes.
///
/// Args:
///     input: any shape, floating point
///     axes: how many of the last axes share a mean
///     weight: factors, of those axes' shape
///     eps: added to the mean square
///
/// >>> torch.nn.functional.rms_norm(torch.tensor([[3.0, 3.0]]), (2,), eps=0.0).tolist()
/// [[1.0, 1.0]]
EXPOSE("rms_norm_rows(Tensor input, int axes, Tensor? weight, float eps) -> Tensor", rms_norm_rows,
       Forms::nn);

}  // namespace flambeau
