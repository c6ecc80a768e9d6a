// Layer and group normalisation.
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::NormShape;

int64_t nanoseconds(const Tensor& x) { return x.numel(); }

// Without a copy where it has the dtype already.
Tensor in_dtype(const Tensor& x, DType dtype) {
  return !x ? Tensor() : as_contiguous(x.dtype() == dtype ? x : cast_copy(x, dtype));
}

void* data_of(const Tensor& x) { return x ? x->data : nullptr; }

struct Gradients {
  Tensor input, weight, bias;
};

Gradients fused(const NormShape& shape, const Tensor& grad, const Tensor& input, const Tensor& weight,
                const Tensor& bias, const Tensor& means, const Tensor& scales, std::array<bool, 3> wanted) {
  const DType compute = means.dtype();
  const Tensor g = in_dtype(grad, input.dtype()), x = as_contiguous(input), w = in_dtype(weight, compute);
  Gradients result;
  if (wanted[0]) result.input = empty(input.sizes(), input.dtype());
  if (wanted[1]) result.weight = empty(weight.sizes(), compute);
  if (wanted[2]) result.bias = empty(bias.sizes(), compute);
  {
    const WithoutGil guard(2 * nanoseconds(x));
    backend::current().normalize_rows_backward(input.dtype(), shape, g->data, x->data, data_of(w),
                                               means->data, scales->data, data_of(result.input),
                                               data_of(result.weight), data_of(result.bias));
  }
  const auto narrow_to = [](Tensor& t, const Tensor& like) {
    if (t && t.dtype() != like.dtype()) t = cast_copy(t, like.dtype());
  };
  narrow_to(result.weight, weight);
  narrow_to(result.bias, bias);
  return result;
}

// The same by operators that are themselves differentiated.
Gradients composed(const NormShape& shape, const Tensor& grad, const Tensor& input, const Tensor& weight,
                   const Tensor& bias, DType compute, std::array<bool, 3> wanted) {
  const int64_t samples = shape.rows / shape.groups;
  const int64_t sizes[] = {samples, shape.groups, shape.channels, shape.inner};
  const int64_t of_row[] = {2, 3}, of_parameter[] = {0, 3};
  const auto row_mean = [&](const Tensor& t) { return mean_dims(t, of_row, true); };
  const Tensor g = reshape(to_dtype(grad, compute), sizes), x = reshape(to_dtype(input, compute), sizes);
  const Tensor centred = sub(x, row_mean(x));
  const Tensor scale = rsqrt(add(row_mean(square(centred)), Scalar(shape.eps)));
  const Tensor h = mul(centred, scale);
  Gradients result;
  if (wanted[0]) {
    Tensor u = g;
    if (weight) {
      const int64_t parameters[] = {1, shape.groups, shape.channels, 1};
      u = mul(g, reshape(to_dtype(weight, compute), parameters));
    }
    const Tensor inner = sub(sub(u, row_mean(u)), mul(h, row_mean(mul(u, h))));
    result.input = to_dtype(reshape(mul(scale, inner), input.sizes()), input.dtype());
  }
  if (wanted[1])
    result.weight = to_dtype(reshape(sum_dims(mul(g, h), of_parameter), weight.sizes()), weight.dtype());
  if (wanted[2]) result.bias = to_dtype(reshape(sum_dims(g, of_parameter), bias.sizes()), bias.dtype());
  return result;
}

// The gradients of input, weight and bias come out of one pass.
struct NormNode final : Node {
  NormShape shape;
  std::array<Edge, 3> edge_storage;
  std::optional<Saved> input, weight, bias, means, scales;

  NormNode(const char* name, const NormShape& shape, const Tensor& x, const Tensor& w, const Tensor& b,
           const Tensor& mean, const Tensor& scale)
      : Node(name), shape(shape), edge_storage{edge_of(x), edge_of(w), edge_of(b)} {
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
    Gradients result = grad_enabled() ? composed(shape, grads[0], x, w, b, mean.dtype(), wanted)
                                      : fused(shape, grads[0], x, w, b, mean, scale, wanted);
    grad_inputs[0] = std::move(result.input);
    grad_inputs[1] = std::move(result.weight);
    grad_inputs[2] = std::move(result.bias);
  }
  ~NormNode() override { saved = nullptr; }  // the captures die with their places
};

Tensor normalize(const char* kernel, const char* node_name, const NormShape& shape, const Tensor& input,
                 const Tensor& weight, const Tensor& bias, bool keep_order) {
  if (!is_floating(input.dtype()) || !is_supported(input.dtype())) not_implemented_for(kernel, input.dtype());
  const DType compute = compute_dtype(input.dtype());
  for (const Tensor* parameter : {&weight, &bias})
    check(!*parameter || is_floating(parameter->dtype()),
          "mixed dtype (CPU): expect parameter to have scalar type of Float");
  const Tensor means = empty({shape.rows}, compute), scales = empty({shape.rows}, compute);
  Ref<Node> node;
  if (grad_enabled() && (requires_grad(input) || requires_grad(weight) || requires_grad(bias)))
    node = Ref<Node>(new NormNode(node_name, shape, input, weight, bias, means, scales));
  Tensor y;
  {
    const InsideForward inside;
    const Tensor x = as_contiguous(input), w = in_dtype(weight, compute), b = in_dtype(bias, compute);
    y = empty(input.sizes(), input.dtype());
    {
      const WithoutGil guard(nanoseconds(x));
      backend::current().normalize_rows(input.dtype(), shape, x->data, data_of(w), data_of(b), y->data,
                                        means->data, scales->data);
    }
    if (keep_order && !input.is_contiguous() && has_channels_last(input)) y = with_channels_last(y);
  }
  if (node) {
    pack_captures(*node);
    set_history(y, std::move(node));
  }
  return y;
}

Tensor layer_norm_rows(const Tensor& input, int64_t axes, const OptionalTensor& weight,
                       const OptionalTensor& bias, double eps) {
  NormShape shape{1, 1, 1, 1, eps};
  const Dims& sizes = input.sizes();
  check(axes >= 0 && axes <= sizes.count, "layer_norm_rows: a tensor of ", sizes.count, " axes has no last ",
        axes);
  for (int i = 0; i < sizes.count; ++i) (i < sizes.count - axes ? shape.rows : shape.channels) *= sizes[i];
  for (const Tensor* parameter : {static_cast<const Tensor*>(&weight), static_cast<const Tensor*>(&bias)})
    check(!*parameter || parameter->numel() == shape.channels, "layer_norm_rows: expected a parameter of ",
          shape.channels, " elements");
  return normalize("LayerNormKernelImpl", "NativeLayerNormBackward0", shape, input, weight, bias, false);
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
  return normalize("GroupNormKernelImpl", "NativeGroupNormBackward0", shape, input, weight, bias, true);
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

}  // namespace flambeau
