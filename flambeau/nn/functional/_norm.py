"""Normalisation by batch, layer, group, instance, root mean square and neighbouring channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import flambeau

from ..._core import Tensor
from ...ops._refusals import need_floating
from ._operators import operator
from ._padding import pad

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]

_layer_norm_rows, _group_norm_rows = operator("layer_norm_rows"), operator("group_norm_rows")
_rms_norm_rows = operator("rms_norm_rows")
_batch_norm_channels, _instance_norm_channels = (
    operator("batch_norm_channels"),
    operator("instance_norm_channels"),
)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    r"""Normalises every channel: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        input: ``(N, C, *)``.
        running_mean, running_var: ``(C)``; in training they move towards the batch's mean and unbiased
            variance by the share ``momentum``, otherwise they are :math:`\mu` and :math:`\sigma^2`.
        weight, bias: :math:`\gamma` and :math:`\beta`, ``(C)``; default: 1 and 0.
        training: whether :math:`\mu` and :math:`\sigma^2` are those of the batch.

    Raises:
        ValueError: one value in a channel, in training; a negative ``eps``, or one of 0 in training.
        RuntimeError: a statistic or parameter is missing or of the wrong size.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True).round().tolist()
        [[-1.0], [1.0]]

    Source: Ioffe and Szegedy, "Batch normalization", 2015.
    """
    if training and input.dim() > 1 and input.numel() == input.size(1) > 0:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.size()}"
        )
    if eps < 0 or (training and eps == 0):
        need = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {need}, but got {eps}")
    result: Tensor = _batch_norm_channels(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    return result


def _wide(x: Tensor) -> Tensor:
    """Half precision is normalised in float32."""
    return x.float() if x.dtype in (flambeau.float16, flambeau.bfloat16) else x


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    r"""Normalises every channel of every sample of ``(N, C, *)`` by its own mean and variance.

    The arguments are those of :func:`batch_norm`; ``use_input_stats=False`` takes the running statistics
    instead, which otherwise move towards the mean of the samples' statistics.

    Args:
        input: ``(N, C, *)``.
        running_mean, running_var: ``(C)``, moved towards those of the input, or taken for them.
        weight, bias: ``(C)``.
        use_input_stats: whether the input's own statistics are taken.
        momentum: the share of the input in the running statistics.
        eps: added to the variance.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0]]]), eps=0.0).tolist()
        [[[-1.0, 1.0]]]

    Source: Ulyanov et al., "Instance normalization", 2016.
    """
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    result: Tensor = _instance_norm_channels(input, running_mean, running_var, weight, bias, momentum, eps)
    return result


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    r"""Normalises over the last axes: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        input: ``(*, *normalized_shape)``.
        normalized_shape: sizes of the axes that share a mean and a variance.
        weight, bias: :math:`\gamma` and :math:`\beta`, of that shape; default: 1 and 0.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0]]), (2,), eps=0.0)
        tensor([[-1.,  1.]])

    Source: Ba et al., "Layer normalization", 2016.
    """
    shape = _checked_shape(input, normalized_shape, "[*, ", weight, bias)
    result: Tensor = _layer_norm_rows(input, len(shape), weight, bias, eps)
    return result


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    r"""Divides by the root mean square over the last axes: :math:`y = \gamma x / \sqrt{\overline{x^2} + \epsilon}`.

    The arguments are those of :func:`layer_norm`; ``eps`` is by default the input dtype's distance from 1 to
    the next number.

    Args:
        input: ``(*, *normalized_shape)``.
        normalized_shape: the sizes of the last axes, over which the mean goes.
        weight: of that shape.
        eps: default: the input dtype's distance from 1 to the next number.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.rms_norm(torch.tensor([[3.0, 3.0]]), [2], eps=0.0).tolist()
        [[1.0, 1.0]]

    Source: Zhang and Sennrich, "Root mean square layer normalization", 2019.
    """
    shape = _checked_shape(input, normalized_shape, "[*", weight, None)
    if not input.is_complex():
        need_floating("rms_norm", input.dtype)
    x = _wide(input)
    if eps is None:
        eps = flambeau.finfo(x.dtype).eps
    if x.is_floating_point() and (weight is None or _wide(weight).dtype == x.dtype):
        result: Tensor = _rms_norm_rows(input, len(shape), weight, eps)
        return result
    y = x * (x.square().mean(_last_axes(shape), keepdim=True) + eps).rsqrt()
    return (y if weight is None else y * weight).to(input.dtype)


def _last_axes(shape: Sequence[int]) -> list[int]:
    return list(range(-len(shape), 0))


def _checked_shape(
    input: Tensor, normalized_shape: Sequence[int], start: str, weight: Tensor | None, bias: Tensor | None
) -> list[int]:
    shape = list(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            "but got normalized_shape = []"
        )
    for name, values in (("weight", weight), ("bias", bias)):
        if values is not None and list(values.shape) != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(values.shape)} and normalized_shape = {shape}"
            )
    if list(input.shape[-len(shape) :]) != shape:
        sizes = ", ".join(map(str, shape))
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape {start}{sizes}], but got input of "
            f"size{list(input.shape)}"
        )
    return shape


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    r"""Normalises the channels of ``(N, C, *)`` in groups, each sample by itself.

    Args:
        input: ``(N, C, *)``.
        num_groups: how many groups the channels form.
        weight, bias: a factor and a summand of each channel, ``(C)``; default: 1 and 0.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0]]), 1, eps=0.0).tolist()
        [[-1.0, 1.0]]

    Source: Wu and He, "Group normalization", 2018.
    """
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    batch, channels, *image = input.shape
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    if batch * channels // num_groups * math.prod(image) == 1:
        raise ValueError(
            "Expected more than 1 value per channel when training, got input size "
            f"{[batch * channels // num_groups, num_groups, *image]}"
        )
    for name, values in (("weight", weight), ("bias", bias)):
        if values is not None and (values.dim() != 1 or values.numel() != channels):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got "
                f"{name} of shape {list(values.shape)} and input of shape {list(input.shape)}"
            )
    result: Tensor = _group_norm_rows(input, num_groups, weight, bias, eps)
    return result


def local_response_norm(
    input: Tensor, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    r"""Divides by :math:`(k + \alpha \overline{x^2})^\beta`, the mean over ``size`` neighbouring channels.

    Channels beyond the first and the last count as 0. The input is ``(N, C, *)``, of three axes or more.

    Args:
        input: ``(N, C, *)``, of three axes or more.
        size: how many channels count as neighbours.
        alpha, beta, k: the constants of the formula.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.local_response_norm(torch.ones(1, 1, 1), 1, alpha=3.0, beta=0.5).item()
        0.5

    Source: Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012.
    """
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.dim()} dimensions)"
        )
    kernel = "avg_pool2d" if input.dim() == 3 else "avg_pool3d_out_frame"
    if input.numel() == 0:
        return input
    if input.dtype != flambeau.int64:
        need_floating(kernel, input.dtype)
    squares = input.square().movedim(1, -1)
    sums = pad(squares, (size // 2, (size - 1) // 2)).unfold(-1, size, 1)
    means = sums.mean(-1) if input.is_floating_point() else sums.sum(-1) // size
    return input / (means.movedim(-1, 1) * alpha + k).pow(beta)
