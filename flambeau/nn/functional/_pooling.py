"""Pooling over sliding windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import flambeau

from ..._core import Tensor
from ..._precision import precision
from ._operators import operator

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
    "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip

avg_pool1d, avg_pool2d, avg_pool3d = operator("avg_pool1d"), operator("avg_pool2d"), operator("avg_pool3d")
adaptive_avg_pool1d = operator("adaptive_avg_pool1d")

_MAX = {axes: operator(f"max_pool{axes}d") for axes in (1, 2, 3)}
_MAX_WITH_INDICES = {axes: operator(f"max_pool{axes}d_with_indices") for axes in (1, 2, 3)}
_ADAPTIVE_AVG = {axes: operator(f"adaptive_avg_pool{axes}d") for axes in (2, 3)}
_ADAPTIVE_MAX = {axes: operator(f"adaptive_max_pool{axes}d") for axes in (1, 2, 3)}
_FRACTIONAL_MAX = {axes: operator(f"fractional_max_pool{axes}d") for axes in (2, 3)}


def _each(values: Any, axes: int) -> tuple[Any, ...]:
    """One value for every axis, or one each."""
    return tuple(values) if isinstance(values, Sequence) else (values,) * axes


# ---- max pooling


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`max_pool1d` and their positions."""
    found: tuple[Tensor, Tensor] = _MAX_WITH_INDICES[1](
        input, kernel_size, stride, padding, dilation, ceil_mode
    )
    return found


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Takes the maximum over a sliding window of ``(N, C, L)`` or ``(C, L)``; see :class:`MaxPool1d`."""
    pool = (_MAX_WITH_INDICES if return_indices else _MAX)[1]
    return pool(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`max_pool2d` and their positions in the flattened plane."""
    found: tuple[Tensor, Tensor] = _MAX_WITH_INDICES[2](
        input, kernel_size, stride, padding, dilation, ceil_mode
    )
    return found


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Takes the maximum over a sliding window of ``(N, C, H, W)`` or ``(C, H, W)``: :class:`MaxPool2d`."""
    pool = (_MAX_WITH_INDICES if return_indices else _MAX)[2]
    return pool(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`max_pool3d` and their positions in the flattened volume."""
    found: tuple[Tensor, Tensor] = _MAX_WITH_INDICES[3](
        input, kernel_size, stride, padding, dilation, ceil_mode
    )
    return found


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Takes the maximum over a sliding window of ``(N, C, D, H, W)`` or ``(C, D, H, W)``: :class:`MaxPool3d`."""
    pool = (_MAX_WITH_INDICES if return_indices else _MAX)[3]
    return pool(input, kernel_size, stride, padding, dilation, ceil_mode)


# ---- adaptive pooling


def _adaptive_size(output_size: Any, input: Tensor, axes: int) -> Any:
    """The size to pool to, where None keeps that of the input."""
    if isinstance(output_size, int):
        return (output_size,) * axes
    if input.dim() <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    sizes = input.shape[-len(output_size) :] if len(output_size) else ()
    return [size if wanted is None else wanted for wanted, size in zip(output_size, sizes, strict=True)]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over as many windows as are asked for; see :class:`AdaptiveAvgPool2d`.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        output_size: one number or ``(height, width)``; None keeps a size.
    """
    pooled: Tensor = _ADAPTIVE_AVG[2](input, _adaptive_size(output_size, input, 2))
    return pooled


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over as many windows as are asked for; see :class:`AdaptiveAvgPool3d`.

    Args:
        input: ``(N, C, D, H, W)`` or ``(C, D, H, W)``.
        output_size: one number or ``(depth, height, width)``; None keeps a size.
    """
    pooled: Tensor = _ADAPTIVE_AVG[3](input, _adaptive_size(output_size, input, 3))
    return pooled


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`adaptive_max_pool1d` and their positions."""
    found: tuple[Tensor, Tensor] = _ADAPTIVE_MAX[1](input, output_size)
    return found


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over as many windows of ``(N, C, L)`` as are asked for; see :class:`AdaptiveMaxPool1d`."""
    found = adaptive_max_pool1d_with_indices(input, output_size)
    return found if return_indices else found[0]


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`adaptive_max_pool2d` and their positions in the flattened plane."""
    found: tuple[Tensor, Tensor] = _ADAPTIVE_MAX[2](input, _adaptive_size(output_size, input, 2))
    return found


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over as many windows of ``(N, C, H, W)`` as are asked for; see :class:`AdaptiveMaxPool2d`."""
    found = adaptive_max_pool2d_with_indices(input, output_size)
    return found if return_indices else found[0]


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`adaptive_max_pool3d` and their positions in the flattened volume."""
    found: tuple[Tensor, Tensor] = _ADAPTIVE_MAX[3](input, _adaptive_size(output_size, input, 3))
    return found


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over as many windows of ``(N, C, D, H, W)`` as are asked for; see :class:`AdaptiveMaxPool3d`."""
    found = adaptive_max_pool3d_with_indices(input, output_size)
    return found if return_indices else found[0]


# ---- fractional pooling


def _fractional_max_pool(
    axes: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:
    if output_size is None:
        if output_ratio is None:
            raise ValueError(
                f"fractional_max_pool{axes}d requires specifying either an output_size or an output_ratio"
            )
        if axes == 2 and len(output_ratio) > 2:
            raise ValueError(
                "fractional_max_pool2d requires output_ratio to either be a single Int or tuple of Ints."
            )
        ratios = _each(output_ratio, axes)
        output_size = [int(size * ratio) for size, ratio in zip(input.shape[-axes:], ratios, strict=True)]
    if samples is None:
        batch = 1 if input.dim() == axes + 1 else input.size(0)
        samples = flambeau.rand(batch, input.size(-axes - 1), axes, dtype=input.dtype, device=input.device)
    found: tuple[Tensor, Tensor] = _FRACTIONAL_MAX[axes](input, kernel_size, output_size, samples)
    return found


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`fractional_max_pool2d` and their positions in the flattened plane."""
    return _fractional_max_pool(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Takes maxima over windows at random places; see :class:`FractionalMaxPool2d`.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: the windows, one number or ``(height, width)``.
        output_size: the size of the result; or else
        output_ratio: its share of the input's size, ``(height, width)``.
        return_indices: whether to return the positions of the maxima too.

    Raises:
        ValueError: neither a size nor a ratio.
    """
    found = _fractional_max_pool(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The maxima of :func:`fractional_max_pool3d` and their positions in the flattened volume."""
    return _fractional_max_pool(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Takes maxima over windows at random places; see :class:`FractionalMaxPool3d`.

    Args:
        input: ``(N, C, D, H, W)`` or ``(C, D, H, W)``.
        kernel_size, output_size, output_ratio, return_indices: as of :func:`fractional_max_pool2d`.

    Raises:
        ValueError: neither a size nor a ratio.
    """
    found = _fractional_max_pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


# ---- power means


def _lp_pool(
    pool: Callable[..., Tensor],
    elements: Any,
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any,
    ceil_mode: bool,
) -> Tensor:
    mean = pool(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    magnitude = flambeau.sign(mean) * flambeau.relu(flambeau.abs(mean))
    return magnitude.mul(elements).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: int, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Pools ``(N, C, L)`` by power sums: :class:`LPPool1d`."""
    return _lp_pool(avg_pool1d, kernel_size, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Pools ``(N, C, H, W)`` by power sums: :class:`LPPool2d`."""
    height, width = _each(kernel_size, 2)
    return _lp_pool(avg_pool2d, height * width, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Pools ``(N, C, D, H, W)`` by power sums: :class:`LPPool3d`."""
    depth, height, width = _each(kernel_size, 3)
    return _lp_pool(avg_pool3d, depth * height * width, input, norm_type, kernel_size, stride, ceil_mode)


# ---- undoing max pooling


def _unpooled_size(
    input: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output_size: Sequence[int] | None,
) -> list[int]:
    axes = len(kernel_size)
    default = [(input.shape[d - axes] - 1) * stride[d] + kernel_size[d] - 2 * padding[d] for d in range(axes)]
    if output_size is None:
        for d, size in enumerate(default):
            if size < 0:
                raise ValueError(
                    "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                    f"output_size[{d}]={size}"
                )
        return default
    if len(output_size) == axes + 2:
        output_size = output_size[2:]
    if len(output_size) != axes:
        raise ValueError(
            f"output_size should be a sequence containing {axes} or {axes + 2} elements, but it has a length "
            f"of '{len(output_size)}'"
        )
    for d, size in enumerate(output_size):
        least, most = default[d] - stride[d], default[d] + stride[d]
        if not least < size < most:
            raise ValueError(
                f'invalid output_size "{output_size}" (dim {d} must be between {least} and {most})'
            )
    return list(output_size)


def _unpool(input: Tensor, indices: Tensor, output_size: Sequence[int]) -> Tensor:
    """Each element at its position of a flattened image or volume of zeros."""
    axes = len(output_size)
    if indices.dtype != flambeau.int64:
        name = indices.type().rsplit(".", 1)[1].removesuffix("Tensor")
        raise RuntimeError(f"elements in indices should be type int64 but got: {name}")
    if input.dim() not in (axes + 1, axes + 2):
        raise RuntimeError(
            f"Input to max_unpooling{axes}d should be a {axes + 1}d or {axes + 2}d Tensor, but got a tensor with "
            f"{input.dim()} dimensions."
        )
    if input.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    if 0 in input.shape[1:]:
        raise RuntimeError(
            f"max_unpooling{axes}d_forward_out_cpu(): Expected input to have non-zero size for non-batch "
            f"dimensions, but got {list(input.shape)} with dimension {input.shape[1:].index(0) + 1} being empty."
        )
    if not input.is_floating_point():
        name = input.type().rsplit(".", 1)[1].removesuffix("Tensor")
        raise NotImplementedError(f"\"max_unpool{axes}d\" not implemented for '{name}'")
    volume = math.prod(output_size)
    places = indices.flatten(-axes)
    if indices.numel() and not indices.is_meta:
        least, most = (int(place) for place in flambeau.aminmax(places))
        if least < 0 or most >= volume:
            raise RuntimeError(
                f"Found an invalid max index: {least if least < 0 else most} (output volumes are of size "
                f"{'x'.join(map(str, output_size))})"
            )
    lead = input.shape[:-axes]
    flat = input.new_zeros((*lead, volume)).scatter(-1, places, input.flatten(-axes))
    result = flat.view(*lead, *output_size)
    last = flambeau.channels_last
    if (
        axes == 2
        and input.dim() == 4
        and input.is_contiguous(memory_format=last)
        and not input.is_contiguous()
    ):
        return result.contiguous(memory_format=last)
    return result


@precision("float32")
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Puts the maxima of ``(N, C, L)`` back where they were: :class:`MaxUnpool1d`."""
    kernel, steps, pads = (
        _each(values, 1) for values in (kernel_size, kernel_size if stride is None else stride, padding)
    )
    size = _unpooled_size(input, kernel, steps, pads, output_size)
    return _unpool(input.unsqueeze(-1), indices.unsqueeze(-1), [*size, 1]).squeeze(-1)


@precision("float32")
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Puts the maxima of ``(N, C, H, W)`` back where they were: :class:`MaxUnpool2d`."""
    kernel, steps, pads = (
        _each(values, 2) for values in (kernel_size, kernel_size if stride is None else stride, padding)
    )
    return _unpool(input, indices, _unpooled_size(input, kernel, steps, pads, output_size))


@precision("float32")
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Puts the maxima of ``(N, C, D, H, W)`` back where they were: :class:`MaxUnpool3d`."""
    kernel, steps, pads = (
        _each(values, 3) for values in (kernel_size, kernel_size if stride is None else stride, padding)
    )
    size = _unpooled_size(input, kernel, steps, pads, output_size)
    if min(steps) < 1:
        raise RuntimeError(f"strides should be greater than zero, but got stride: {list(steps)}")
    return _unpool(input, indices, size)
