"""Layers that lay blocks of images out as columns, and put them back."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from .. import functional as F
from .module import Module

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """Lays the blocks of images out as columns.

    Args:
        kernel_size: height and width of a block, or one number for both, as for the following ones.
        dilation: step between the elements of a block.
        padding: zeros added at every border.
        stride: step between blocks.

    Shape:
        Input ``(N, C, H, W)`` or ``(C, H, W)``; output ``(N, C * kernel elements, blocks)`` or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Unfold((2, 3))(torch.ones(2, 5, 3, 4)).shape
        torch.Size([2, 30, 4])
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Lays the input out."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The blocks."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Unfold):
    """Puts columns back as blocks of images, and adds up where blocks overlap.

    Args:
        output_size: height and width of the images.
        kernel_size, dilation, padding, stride: as those of :class:`Unfold`.

    Shape:
        Input ``(N, C * kernel elements, blocks)`` or without N; output ``(N, C, H, W)`` or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Fold((4, 5), (2, 2))(torch.ones(1, 12, 12)).shape
        torch.Size([1, 3, 4, 5])
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Puts the input back."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The images and the blocks."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
