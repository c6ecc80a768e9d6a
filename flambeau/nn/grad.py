"""Gradients of convolutions as functions of their own, for programs that write a backward pass by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flambeau as torch
from flambeau import Tensor

from .modules.utils import _ntuple


def _input_gradient(
    axes: int,
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    steps, cut, spread = _ntuple(axes, stride), _ntuple(axes, padding), _ntuple(axes, dilation)
    least = [
        (size - 1) * step - 2 * pad + gap * (kernel - 1) + 1
        for size, step, pad, gap, kernel in zip(
            grad_output.shape[-axes:], steps, cut, spread, weight.shape[-axes:], strict=True
        )
    ]
    more = [size - low for size, low in zip(input_size[-axes:], least, strict=True)]
    return torch.convolution(grad_output, weight, None, steps, cut, spread, True, more, groups)


def _weight_gradient(
    axes: int,
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    steps, cut, spread = _ntuple(axes, stride), _ntuple(axes, padding), _ntuple(axes, dilation)
    further = torch.is_grad_enabled() and (input.requires_grad or grad_output.requires_grad)
    with torch.enable_grad():
        # The gradient does not depend on the weight's values: the convolution is linear in them.
        weight = input.new_zeros(tuple(weight_size)).requires_grad_()
        output = torch.convolution(input, weight, None, steps, cut, spread, False, (0,) * axes, groups)
    return torch.autograd.grad(output, weight, grad_output, create_graph=further)[0]


def conv1d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv1d with respect to its input.

    Args:
        input_size: (N, C, L), which a stride leaves open
        weight: (O, C / groups, k)
        grad_output: the gradient of the convolution's result
        stride, padding, dilation, groups: as in conv1d

    Returns:
        A tensor of size ``input_size``.

    Raises:
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.grad.conv1d_input((1, 1, 4), torch.ones(1, 1, 2), torch.ones(1, 1, 3)).sum()
        tensor(6.)
    """
    return _input_gradient(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv1d with respect to its weight.

    Args:
        input: (N, C, L)
        weight_size: (O, C / groups, k)
        grad_output: the gradient of the convolution's result
        stride, padding, dilation, groups: as in conv1d

    Returns:
        A tensor of size ``weight_size``.

    Raises:
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.grad.conv1d_weight(torch.ones(1, 1, 4), (1, 1, 2), torch.ones(1, 1, 3)).flatten()[0]
        tensor(3.)
    """
    return _weight_gradient(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv2d with respect to its input.

    Args:
        input_size: (N, C, H, W), which a stride leaves open
        weight: (O, C / groups, kh, kw)
        grad_output: the gradient of the convolution's result
        stride, padding, dilation, groups: as in conv2d

    Returns:
        A tensor of size ``input_size``.

    Raises:
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.grad.conv2d_input((1, 1, 3, 3), torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).sum()
        tensor(16.)
    """
    return _input_gradient(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv2d with respect to its weight.

    Args:
        input: (N, C, H, W)
        weight_size: (O, C / groups, kh, kw)
        grad_output: the gradient of the convolution's result
        stride, padding, dilation, groups: as in conv2d

    Returns:
        A tensor of size ``weight_size``.

    Raises:
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.grad.conv2d_weight(torch.ones(1, 1, 3, 3), (1, 1, 2, 2), torch.ones(1, 1, 2, 2)).flatten()[0]
        tensor(4.)
    """
    return _weight_gradient(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv3d with respect to its input.

    Args:
        input_size: (N, C, D, H, W), which a stride leaves open
        weight: (O, C / groups, kd, kh, kw)
        grad_output: the gradient of the convolution's result
        stride, padding, dilation, groups: as in conv3d

    Returns:
        A tensor of size ``input_size``.

    Raises:
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.grad.conv3d_input((1, 1, 2, 3, 3), torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 1, 2, 2)).sum()
        tensor(32.)
    """
    return _input_gradient(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv3d with respect to its weight.

    Args:
        input: (N, C, D, H, W)
        weight_size: (O, C / groups, kd, kh, kw)
        grad_output: the gradient of the convolution's result
        stride, padding, dilation, groups: as in conv3d

    Returns:
        A tensor of size ``weight_size``.

    Raises:
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.grad.conv3d_weight(torch.ones(1, 1, 2, 3, 3), (1, 1, 2, 2, 2), torch.ones(1, 1, 1, 2, 2)).flatten()[0]
        tensor(4.)
    """
    return _weight_gradient(3, input, weight_size, grad_output, stride, padding, dilation, groups)
