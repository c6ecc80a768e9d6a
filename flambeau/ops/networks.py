"""Functions of layers and losses under torch.*, with the signatures that PyTorch gives them there.

The reductions of losses are numbers: 0 none, 1 mean, 2 sum; others count as none. The work is done by `nn.functional`.
"""

from __future__ import annotations

import importlib
from typing import Any

import flambeau as torch
from flambeau import Tensor

from ._operator import float32, function, inplace_function, operator, out
from ._refusals import need_floating, scalar_type


def _layers() -> Any:
    return importlib.import_module("flambeau.nn.functional")


def _norms() -> Any:
    return importlib.import_module("flambeau.nn.functional._norm")


def _reduction(code: int) -> str:
    return {1: "mean", 2: "sum"}.get(code, "none")


@operator(
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
    "float momentum, float eps, bool cudnn_enabled) -> Tensor",
    function,
)
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Normalises every channel: see `nn.functional.batch_norm`.

    Args:
        input: (N, C, ...)
        weight, bias, running_mean, running_var: (C,), or None
        training: whether the batch's own statistics are taken, towards which the running ones move
        momentum: the share of the batch in the running statistics
        eps: added to the variance
        cudnn_enabled: changes nothing, for there is no cuDNN

    >>> import flambeau as torch
    >>> x = torch.tensor([[1.0], [3.0]])
    >>> torch.batch_norm(x, None, None, None, None, True, 0.1, 0.0, False).tolist()
    [[-1.0], [1.0]]
    """
    result: Tensor = _norms()._batch_norm_channels(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    return result


@operator(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
    "bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
    function,
)
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Normalises every channel of every sample: see `nn.functional.instance_norm`.

    Args:
        input: (N, C, ...)
        weight, bias, running_mean, running_var: (C,), or None
        use_input_stats: whether the input's own statistics are taken
        momentum: the share of the input in the running statistics
        eps: added to the variance
        cudnn_enabled: changes nothing, for there is no cuDNN

    >>> import flambeau as torch
    >>> x = torch.tensor([[[1.0, 3.0]]])
    >>> torch.instance_norm(x, None, None, None, None, True, 0.1, 0.0, False).tolist()
    [[[-1.0, 1.0]]]
    """
    result: Tensor = _layers().instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )
    return result


@operator(
    "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
    "bool cudnn_enable=True) -> Tensor",
    function,
)
def layer_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    cudnn_enable: bool,
) -> Tensor:
    """Normalises over the last dimensions: see `nn.functional.layer_norm`.

    Args:
        input: (..., *normalized_shape)
        normalized_shape: the sizes of the last dimensions
        weight, bias: of that shape, or None
        eps: added to the variance
        cudnn_enable: changes nothing, for there is no cuDNN

    >>> import flambeau as torch
    >>> torch.layer_norm(torch.tensor([[1.0, 3.0]]), (2,), eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    result: Tensor = _layers().layer_norm(input, normalized_shape, weight, bias, eps)
    return result


@operator(
    "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor", function
)
def rms_norm(
    input: Tensor, normalized_shape: tuple[int, ...], weight: Tensor | None, eps: float | None
) -> Tensor:
    """Divides by the root mean square over the last dimensions: see `nn.functional.rms_norm`.

    Args:
        input: (..., *normalized_shape)
        normalized_shape: the sizes of the last dimensions
        weight: of that shape, or None
        eps: default: the dtype's distance from 1 to the next number

    >>> import flambeau as torch
    >>> torch.rms_norm(torch.tensor([[3.0, 3.0]]), (2,), eps=0.0).tolist()
    [[1.0, 1.0]]
    """
    result: Tensor = _layers().rms_norm(input, normalized_shape, weight, eps)
    return result


@operator(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
    "bool cudnn_enabled=True) -> Tensor",
    function,
)
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Normalises groups of channels of every sample: see `nn.functional.group_norm`.

    Args:
        input: (N, C, ...)
        num_groups: how many groups; divides C
        weight, bias: (C,), or None
        eps: added to the variance
        cudnn_enabled: changes nothing, for there is no cuDNN

    >>> import flambeau as torch
    >>> torch.group_norm(torch.tensor([[1.0, 3.0]]), 1, eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    result: Tensor = _layers().group_norm(input, num_groups, weight, bias, eps)
    return result


def _kept_dtype(input: Tensor, weight: Tensor | None) -> torch.dtype:
    return input.dtype if weight is None else torch.promote_types(input.dtype, weight.dtype)


def _statistics(
    input: Tensor, axes: list[int], weight: Tensor | None, eps: float, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """Means over the axes, and the reciprocals of the standard deviations."""
    wide = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
    var, mean = torch.var_mean(wide, axes, correction=0, keepdim=keepdim)
    kept = _kept_dtype(input, weight)
    return mean.to(kept), (var + eps).rsqrt().to(kept)


@operator(
    "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps)"
    " -> (Tensor, Tensor, Tensor)",
    function,
)
def native_layer_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`layer_norm` with the means and the reciprocals of the standard deviations.

    Args:
        input: (..., *normalized_shape)
        normalized_shape: the sizes of the last dimensions
        weight, bias: of that shape, or None
        eps: added to the variance

    Returns:
        The normalised input; means and reciprocals, without gradients, with 1 in the place of the last sizes.

    >>> import flambeau as torch
    >>> torch.native_layer_norm(torch.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)[1].tolist()
    [[2.0]]
    """
    result: Tensor = _layers().layer_norm(input, normalized_shape, weight, bias, eps)
    axes = list(range(-len(normalized_shape), 0))
    return result, *_statistics(input.detach(), axes, weight, eps, keepdim=True)


@operator(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps)"
    " -> (Tensor, Tensor, Tensor)",
    function,
)
def native_group_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`group_norm` with the means and the reciprocals of the standard deviations, (N, group).

    Args:
        input: N * C * HxW elements
        weight, bias: (C,), or None
        N, C, HxW: samples, channels and elements of a channel
        group: how many groups; divides C
        eps: added to the variance

    >>> import flambeau as torch
    >>> torch.native_group_norm(torch.tensor([[1.0, 3.0]]), None, None, 1, 2, 1, 1, 0.0)[1].tolist()
    [[2.0]]
    """
    need_floating("GroupNormKernelImpl", input.dtype)
    if group <= 0 or C % group:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={group}"
        )
    if input.numel() != N * C * HxW:
        raise RuntimeError(f"Expected input of {N} * {C} * {HxW} elements, but got {input.numel()}")
    for values in (weight, bias):
        if values is not None and values.numel() != C:
            raise RuntimeError(
                f"Expected weight and bias to be vectors of size equal to the number of channels {C}"
            )
    y: Tensor = _layers().group_norm(input.reshape(N, C, HxW), group, weight, bias, eps)
    statistics = _statistics(input.reshape(N, group, C // group * HxW), [2], weight, eps)
    return y.reshape(input.shape), *statistics


@operator(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
    "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    function,
)
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`batch_norm` with the batch's means and reciprocals of standard deviations, which are empty out of training.

    Args:
        input: (N, C, ...)
        weight, bias, running_mean, running_var: (C,), or None
        training: whether the batch's own statistics are taken, towards which the running ones move
        momentum: the share of the batch in the running statistics
        eps: added to the variance

    >>> import flambeau as torch
    >>> torch.native_batch_norm(torch.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 0.0)[1].tolist()
    [2.0]
    """
    result: Tensor = _norms()._batch_norm_channels(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    if not training:
        kept = _kept_dtype(input, weight)
        return result, input.new_empty(0, dtype=kept), input.new_empty(0, dtype=kept)
    axes = [axis for axis in range(input.dim()) if axis != 1]
    return result, *_statistics(input.detach(), axes, weight, eps)


@operator(
    "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
    "int reduction=1) -> Tensor",
    function,
    out,
    float32,
)
def binary_cross_entropy_with_logits(
    self: Tensor, target: Tensor, weight: Tensor | None, pos_weight: Tensor | None, reduction: int
) -> Tensor:
    """See `nn.functional.binary_cross_entropy_with_logits`.

    Args:
        self: scores, any shape
        target: of the same shape, from 0 to 1
        weight: broadcasts to them
        pos_weight: the weight of positive examples
        reduction: 0 none, 1 mean, 2 sum

    >>> import flambeau as torch
    >>> torch.binary_cross_entropy_with_logits(torch.zeros(1), torch.ones(1))
    tensor(0.6931)
    """
    result: Tensor = _layers().binary_cross_entropy_with_logits(
        self, target, weight, reduction=_reduction(reduction), pos_weight=pos_weight
    )
    return result


@operator(
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor",
    function,
    float32,
)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float, reduction: int
) -> Tensor:
    """See `nn.functional.cosine_embedding_loss`.

    Args:
        input1, input2: (N, D) or (D,)
        target: (N,) or (), of 1 and -1
        margin: the cosine up to which vectors count as unlike
        reduction: 0 none, 1 mean, 2 sum

    >>> import flambeau as torch
    >>> torch.cosine_embedding_loss(torch.ones(1, 3), torch.ones(1, 3), torch.tensor([-1.0]))
    tensor(1.)
    """
    result: Tensor = _layers().cosine_embedding_loss(
        input1, input2, target, margin=margin, reduction=_reduction(reduction)
    )
    return result


@operator(
    "hinge_embedding_loss(Tensor self, Tensor target, float margin=1.0, int reduction=1) -> Tensor",
    function,
    float32,
)
def hinge_embedding_loss(self: Tensor, target: Tensor, margin: float, reduction: int) -> Tensor:
    """See `nn.functional.hinge_embedding_loss`.

    Args:
        self: distances, any shape
        target: of 1 and -1
        margin: up to which distance unlike pairs count
        reduction: 0 none, 1 mean, 2 sum

    >>> import flambeau as torch
    >>> torch.hinge_embedding_loss(torch.tensor([0.5, 0.5]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """
    result: Tensor = _layers().hinge_embedding_loss(
        self, target, margin=margin, reduction=_reduction(reduction)
    )
    return result


@operator(
    "kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor",
    function,
    float32,
)
def kl_div(self: Tensor, target: Tensor, reduction: int, *, log_target: bool) -> Tensor:
    """See `nn.functional.kl_div`.

    Args:
        self: log-probabilities
        target: probabilities, or their logarithms
        reduction: 0 none, 1 mean, 2 sum
        log_target: whether the target holds logarithms

    >>> import flambeau as torch
    >>> torch.kl_div(torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.)
    """
    losses: Tensor = _layers().kl_div(self, target, reduction="none", log_target=log_target)
    return losses.mean() if reduction == 1 else losses.sum() if reduction == 2 else losses


@operator(
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor",
    function,
    float32,
)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float, reduction: int
) -> Tensor:
    """See `nn.functional.margin_ranking_loss`.

    Args:
        input1, input2, target: the same shape; the target's 1 asks for the first to be larger, its -1 for the second
        margin: by how much
        reduction: 0 none, 1 mean, 2 sum

    >>> import flambeau as torch
    >>> torch.margin_ranking_loss(torch.zeros(1), torch.ones(1), torch.ones(1))
    tensor(1.)
    """
    result: Tensor = _layers().margin_ranking_loss(
        input1, input2, target, margin=margin, reduction=_reduction(reduction)
    )
    return result


@operator(
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor",
    function,
    float32,
)
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """See `nn.functional.poisson_nll_loss`.

    Args:
        input: rates, or their logarithms
        target: counts
        log_input: whether the input holds logarithms
        full: whether to add Stirling's approximation of the factorial
        eps: added to rates before their logarithm
        reduction: 0 none, 1 mean, 2 sum

    >>> import flambeau as torch
    >>> torch.poisson_nll_loss(torch.zeros(1), torch.ones(1), True, False, 1e-8, 1)
    tensor(1.)
    """
    result: Tensor = _layers().poisson_nll_loss(
        input, target, log_input=log_input, full=full, eps=eps, reduction=_reduction(reduction)
    )
    return result


@operator(
    "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2.0, "
    "float eps=1e-06, bool swap=False, int reduction=1) -> Tensor",
    function,
    float32,
)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float,
    p: float,
    eps: float,
    swap: bool,
    reduction: int,
) -> Tensor:
    """See `nn.functional.triplet_margin_loss`.

    Args:
        anchor, positive, negative: (N, D) or (D,)
        margin: how much nearer the positive should be
        p: the norm
        eps: keeps the derivative finite at equal vectors
        swap: whether the negative's distance from the positive counts where it is smaller
        reduction: 0 none, 1 mean, 2 sum

    >>> import flambeau as torch
    >>> torch.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    tensor(1.)
    """
    result: Tensor = _layers().triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=_reduction(reduction)
    )
    return result


@operator("norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor", function)
def norm_except_dim(v: Tensor, pow: int, dim: int) -> Tensor:
    """The norms of the slices along a dimension, with 1 in place of all other sizes; of everything for -1.

    Args:
        v: any shape
        pow: which norm
        dim: -1, the first dimension, or another

    >>> import flambeau as torch
    >>> torch.norm_except_dim(torch.tensor([[3.0, 4.0]])).tolist()
    [[5.0]]
    """
    if dim == -1:
        return v.norm(pow)
    lead = dim if dim >= 0 else dim + v.dim()
    if not 0 <= lead < max(v.dim(), 1):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(v.dim(), 1)}, {max(v.dim(), 1) - 1}], but got "
            f"{dim})"
        )
    rows = v.transpose(0, lead).reshape(v.size(lead), -1)
    return rows.norm(pow, 1).view([-1 if axis == lead else 1 for axis in range(v.dim())])


@operator("_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", function)
def _weight_norm(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """Directions times lengths: g v / |v|, with the norms of `norm_except_dim`.

    Args:
        v: any shape
        g: the shape of `norm_except_dim(v, 2, dim)`
        dim: the dimension along which every slice has its length; -1: everything has one

    >>> import flambeau as torch
    >>> torch._weight_norm(torch.tensor([[3.0, 4.0]]), torch.tensor([[10.0]])).tolist()
    [[6.0, 8.0]]

    Source: Salimans and Kingma, "Weight normalization", 2016.
    """
    return v * (g / torch.norm_except_dim(v, 2, dim))


@operator(
    "rrelu(Tensor self, Number lower=0.125, Number upper=0.3333333333333333, bool training=False, "
    "Generator? generator=None) -> Tensor",
    function,
    inplace_function,
    out,
)
def rrelu(self: Tensor, lower: float, upper: float, training: bool, generator: Any) -> Tensor:
    """What is not positive times a slope: drawn between two bounds for each element, or their mean out of training.

    Args:
        self: any shape, floating point
        lower, upper: the bounds
        training: whether slopes are drawn
        generator: default: the global one

    >>> import flambeau as torch
    >>> torch.rrelu(torch.tensor([-8.0, 2.0]), 0.125, 0.375).tolist()
    [-2.0, 2.0]

    Source: Xu et al., "Empirical evaluation of rectified activations in convolutional network", 2015.
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return torch.nn.functional.leaky_relu(self, (lower + upper) / 2)
    need_floating("rrelu_with_noise_out_cpu", self.dtype)
    if self.dtype == torch.float16:
        raise NotImplementedError(
            f"\"rrelu_with_noise_out_cpu\" not implemented for '{scalar_type(self.dtype)}'"
        )
    shut = self.detach() <= 0
    slopes = torch.ones_like(self)
    if not self.is_meta:
        # PyTorch draws in double, and only for the elements that are not positive.
        drawn = torch.empty(int(shut.sum()), dtype=torch.float64, device=self.device)
        drawn.uniform_(float(lower), float(upper), generator=generator)
        slopes = slopes.masked_scatter(shut, drawn.to(self.dtype))
    return self * slopes
