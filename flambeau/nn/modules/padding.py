"""Layers that pad, and those that rearrange pixels and channels."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from .. import functional as F
from .module import Module

__all__ = [
    "ChannelShuffle", "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d",
    "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Pads the last ``axes`` axes: ``padding`` is one number for all ends, or before and after of each axis."""

    mode = "constant"
    axes = 1
    padding: Any

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.axes) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        """Pads the input."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    value: float

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pads the input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Padding and value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pads ``(N, C, W)`` or ``(C, W)`` with a constant.

    Args:
        padding: ``(left, right)``, or one number for both; negative ones take away.
        value: the constant.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ConstantPad1d((1, 0), 9.0)(torch.ones(1, 2))
        tensor([[9., 1., 1.]])
    """


class ConstantPad2d(_ConstantPad):
    """Pads ``(N, C, H, W)`` or ``(C, H, W)`` with a constant: ``(left, right, top, bottom)``, or one number."""

    axes = 2


class ConstantPad3d(_ConstantPad):
    """Pads ``(N, C, D, H, W)`` or ``(C, D, H, W)`` with a constant.

    The padding is ``(left, right, top, bottom, front, back)``, or one number.
    """

    axes = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Pads ``(N, C, W)`` or ``(C, W)`` with zeros: ``(left, right)``, or one number for both."""


class ZeroPad2d(_ZeroPad):
    """Pads ``(N, C, H, W)`` or ``(C, H, W)`` with zeros: ``(left, right, top, bottom)``, or one number.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ZeroPad2d((1, 0, 0, 1))(torch.ones(1, 1, 2))
        tensor([[[0., 1., 1.],
                 [0., 0., 0.]]])
    """

    axes = 2


class ZeroPad3d(_ZeroPad):
    """Pads ``(N, C, D, H, W)`` or ``(C, D, H, W)`` with zeros.

    The padding is ``(left, right, top, bottom, front, back)``, or one number.
    """

    axes = 3


class ReflectionPad1d(_Pad):
    """Pads ``(N, C, W)`` or ``(C, W)`` with its mirror image, whose axis is the last element.

    Args:
        padding: ``(left, right)``, or one number for both; less than the width.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReflectionPad1d(2)(torch.tensor([[0.0, 1.0, 2.0]]))
        tensor([[2., 1., 0., 1., 2., 1., 0.]])
    """

    mode = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    """Pads ``(N, C, H, W)`` or ``(C, H, W)`` with its mirror image: ``(left, right, top, bottom)``, or one number."""

    axes = 2


class ReflectionPad3d(ReflectionPad1d):
    """Pads ``(N, C, D, H, W)`` or ``(C, D, H, W)`` with its mirror image.

    The padding is ``(left, right, top, bottom, front, back)``, or one number.
    """

    axes = 3


class ReplicationPad1d(_Pad):
    """Pads ``(N, C, W)`` or ``(C, W)`` with the elements at its ends.

    Args:
        padding: ``(left, right)``, or one number for both; negative ones take away.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReplicationPad1d((2, 1))(torch.tensor([[0.0, 1.0]]))
        tensor([[0., 0., 0., 1., 1.]])
    """

    mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """Pads ``(N, C, H, W)`` or ``(C, H, W)`` with its border: ``(left, right, top, bottom)``, or one number."""

    axes = 2


class ReplicationPad3d(ReplicationPad1d):
    """Pads ``(N, C, D, H, W)`` or ``(C, D, H, W)`` with its border.

    The padding is ``(left, right, top, bottom, front, back)``, or one number.
    """

    axes = 3


class CircularPad1d(_Pad):
    """Pads ``(N, C, W)`` or ``(C, W)`` as if it went on at its other end.

    Args:
        padding: ``(left, right)``, or one number for both; at most the width.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CircularPad1d((1, 2))(torch.tensor([[0.0, 1.0, 2.0]]))
        tensor([[2., 0., 1., 2., 0., 1.]])
    """

    mode = "circular"


class CircularPad2d(CircularPad1d):
    """Pads ``(N, C, H, W)`` or ``(C, H, W)`` circularly: ``(left, right, top, bottom)``, or one number."""

    axes = 2


class CircularPad3d(CircularPad1d):
    """Pads ``(N, C, D, H, W)`` or ``(C, D, H, W)`` circularly.

    The padding is ``(left, right, top, bottom, front, back)``, or one number.
    """

    axes = 3


class PixelShuffle(Module):
    """Makes images ``upscale_factor`` times as wide and high out of their channels.

    Shape:
        Input ``(*, C * r ** 2, H, W)``, output ``(*, C, H * r, W * r)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.PixelShuffle(2)(torch.arange(4.0).view(4, 1, 1))
        tensor([[[0., 1.],
                 [2., 3.]]])

    Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", 2016.
    """

    upscale_factor: int

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Rearranges the input."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Undoes :class:`PixelShuffle`: ``(*, C, H * r, W * r)`` becomes ``(*, C * r ** 2, H, W)``."""

    downscale_factor: int

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Rearranges the input."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deals the channels of ``(N, C, *)`` out: those of each of the groups come to stand ``groups`` apart.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ChannelShuffle(2)(torch.arange(4.0).view(1, 4, 1)).view(-1)
        tensor([0., 2., 1., 3.])

    Source: Zhang et al., "ShuffleNet", 2018.
    """

    groups: int

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Rearranges the channels."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The groups."""
        return f"groups={self.groups}"
