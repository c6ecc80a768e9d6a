"""Pooling over sliding windows."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from ._operators import operator

__all__ = ["max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices"]

_max_pool1d, _max_pool2d = operator("max_pool1d"), operator("max_pool2d")
_max_pool1d_with_indices = operator("max_pool1d_with_indices")
_max_pool2d_with_indices = operator("max_pool2d_with_indices")


def _steps(stride: Any) -> Any:
    return () if stride is None else stride  # the core reads an empty list as the kernel's size


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
    found: tuple[Tensor, Tensor] = _max_pool1d_with_indices(
        input, kernel_size, _steps(stride), padding, dilation, ceil_mode
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
    pool = _max_pool1d_with_indices if return_indices else _max_pool1d
    return pool(input, kernel_size, _steps(stride), padding, dilation, ceil_mode)


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
    found: tuple[Tensor, Tensor] = _max_pool2d_with_indices(
        input, kernel_size, _steps(stride), padding, dilation, ceil_mode
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
    pool = _max_pool2d_with_indices if return_indices else _max_pool2d
    return pool(input, kernel_size, _steps(stride), padding, dilation, ceil_mode)
