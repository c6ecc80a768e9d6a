"""Pooling layers."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from .. import functional as F
from .module import Module

__all__ = ["MaxPool1d", "MaxPool2d"]


class _MaxPoolNd(Module):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    r"""Takes the maximum over a sliding window: :math:`y_{n, c, t} = \max_k x_{n, c, s t + d k - p}`.

    Args:
        kernel_size: length of the window.
        stride: step between windows; default: ``kernel_size``.
        padding: positions of minus infinity added at both ends, half a window at the most.
        dilation: step between the positions in a window.
        return_indices: whether to return the positions of the maxima too.
        ceil_mode: whether a last, partial window counts.

    Shape:
        Input ``(N, C, L)`` or ``(C, L)``; output the same with
        ``L_out = (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.MaxPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[3., 2.]])
    """

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.max_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class MaxPool2d(_MaxPoolNd):
    r"""Takes the maximum over a sliding window:
    :math:`y_{n, c, i, j} = \max_{k, l} x_{n, c, s i + d k - p, s j + d l - p}`.

    Args:
        kernel_size: extent of the window, one number or (height, width), as all sizes below.
        stride: step between windows; default: ``kernel_size``.
        padding: rows and columns of minus infinity added on each side, half a window at the most.
        dilation: step between the positions in a window.
        return_indices: whether to return the maxima's positions in the flattened plane too.
        ceil_mode: whether last, partial windows count.

    Shape:
        Input ``(N, C, H, W)`` or ``(C, H, W)``; output the same with
        ``H_out = (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.MaxPool2d(3, stride=2)(torch.zeros(20, 16, 50, 32)).shape
        torch.Size([20, 16, 24, 15])
    """

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )
