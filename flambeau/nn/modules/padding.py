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
    r"""Pads series with a constant.

    Args:
        padding: ``(left, right)``, or one number for both ends; negative ones take away.
        value: the constant.

    Shape:
        Input and output ``(N, C, W)`` or ``(C, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ConstantPad1d((1, 0), 9.0)(torch.ones(1, 2))
        tensor([[9., 1., 1.]])
    """


class ConstantPad2d(_ConstantPad):
    r"""Pads images with a constant.

    Args:
        padding: ``(left, right, top, bottom)``, or one number for all ends; negative ones take away.
        value: the constant.

    Shape:
        Input and output ``(N, C, H, W)`` or ``(C, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ConstantPad2d((1, 0, 0, 1), 9.0)(torch.ones(1, 1, 2)).tolist()
        [[[9.0, 1.0, 1.0], [9.0, 9.0, 9.0]]]
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    r"""Pads volumes with a constant.

    Args:
        padding: ``(left, right, top, bottom, front, back)``, or one number for all ends; negative ones take away.
        value: the constant.

    Shape:
        Input and output ``(N, C, D, H, W)`` or ``(C, D, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ConstantPad3d((1, 0, 0, 0, 0, 0), 9.0)(torch.ones(1, 1, 1, 2)).tolist()
        [[[[9.0, 1.0, 1.0]]]]
    """

    axes = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    r"""Pads series with zeros.

    Args:
        padding: ``(left, right)``, or one number for both ends; negative ones take away.

    Shape:
        Input and output ``(N, C, W)`` or ``(C, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ZeroPad1d((1, 0))(torch.ones(1, 2))
        tensor([[0., 1., 1.]])
    """


class ZeroPad2d(_ZeroPad):
    r"""Pads images with zeros.

    Args:
        padding: ``(left, right, top, bottom)``, or one number for all ends; negative ones take away.

    Shape:
        Input and output ``(N, C, H, W)`` or ``(C, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ZeroPad2d((1, 0, 0, 1))(torch.ones(1, 1, 2))
        tensor([[[0., 1., 1.],
                 [0., 0., 0.]]])
    """

    axes = 2


class ZeroPad3d(_ZeroPad):
    r"""Pads volumes with zeros.

    Args:
        padding: ``(left, right, top, bottom, front, back)``, or one number for all ends; negative ones take away.

    Shape:
        Input and output ``(N, C, D, H, W)`` or ``(C, D, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ZeroPad3d((1, 0, 0, 0, 0, 0))(torch.ones(1, 1, 1, 2)).tolist()
        [[[[0.0, 1.0, 1.0]]]]
    """

    axes = 3


class ReflectionPad1d(_Pad):
    r"""Pads series with their mirror image.

    :math:`y_i = x_{|i - l|}` at the start of the axis, behind :math:`l` elements, and likewise at its end.

    Args:
        padding: ``(left, right)``, or one number for both ends; less than the axis.

    Shape:
        Input and output ``(N, C, W)`` or ``(C, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReflectionPad1d(2)(torch.tensor([[0.0, 1.0, 2.0]]))
        tensor([[2., 1., 0., 1., 2., 1., 0.]])
    """

    mode = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    r"""Pads images with their mirror image.

    :math:`y_i = x_{|i - l|}` at the start of each axis, behind :math:`l` elements, and likewise at its end.

    Args:
        padding: ``(left, right, top, bottom)``, or one number for all ends; less than the axis.

    Shape:
        Input and output ``(N, C, H, W)`` or ``(C, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReflectionPad2d((1, 0, 1, 0))(torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])).tolist()
        [[[3.0, 2.0, 3.0], [1.0, 0.0, 1.0], [3.0, 2.0, 3.0]]]
    """

    axes = 2


class ReflectionPad3d(ReflectionPad1d):
    r"""Pads volumes with their mirror image.

    :math:`y_i = x_{|i - l|}` at the start of each axis, behind :math:`l` elements, and likewise at its end.

    Args:
        padding: ``(left, right, top, bottom, front, back)``, or one number for all ends; less than the axis.

    Shape:
        Input and output ``(N, C, D, H, W)`` or ``(C, D, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReflectionPad3d((1, 1, 0, 0, 0, 0))(torch.tensor([[[[0.0, 1.0]]]])).tolist()
        [[[[1.0, 0.0, 1.0, 0.0]]]]
    """

    axes = 3


class ReplicationPad1d(_Pad):
    r"""Pads series with the elements at their ends.

    :math:`y_i = x_{\min(\max(i - l, 0), n - 1)}` along the axis of :math:`n` elements, with :math:`l` more before them.

    Args:
        padding: ``(left, right)``, or one number for both ends; negative ones take away.

    Shape:
        Input and output ``(N, C, W)`` or ``(C, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReplicationPad1d((2, 1))(torch.tensor([[0.0, 1.0]]))
        tensor([[0., 0., 0., 1., 1.]])
    """

    mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    r"""Pads images with the elements at their ends.

    :math:`y_i = x_{\min(\max(i - l, 0), n - 1)}` along each axis of :math:`n` elements, with :math:`l` more before them.

    Args:
        padding: ``(left, right, top, bottom)``, or one number for all ends; negative ones take away.

    Shape:
        Input and output ``(N, C, H, W)`` or ``(C, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReplicationPad2d((1, 0, 0, 1))(torch.tensor([[[0.0, 1.0]]])).tolist()
        [[[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]]
    """

    axes = 2


class ReplicationPad3d(ReplicationPad1d):
    r"""Pads volumes with the elements at their ends.

    :math:`y_i = x_{\min(\max(i - l, 0), n - 1)}` along each axis of :math:`n` elements, with :math:`l` more before them.

    Args:
        padding: ``(left, right, top, bottom, front, back)``, or one number for all ends; negative ones take away.

    Shape:
        Input and output ``(N, C, D, H, W)`` or ``(C, D, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReplicationPad3d((1, 1, 0, 0, 0, 0))(torch.tensor([[[[0.0, 1.0]]]])).tolist()
        [[[[0.0, 0.0, 1.0, 1.0]]]]
    """

    axes = 3


class CircularPad1d(_Pad):
    r"""Pads series as if they went on at their other ends.

    :math:`y_i = x_{(i - l) \bmod n}` along the axis of :math:`n` elements, with :math:`l` more before them.

    Args:
        padding: ``(left, right)``, or one number for both ends; at most the axis.

    Shape:
        Input and output ``(N, C, W)`` or ``(C, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CircularPad1d((1, 2))(torch.tensor([[0.0, 1.0, 2.0]]))
        tensor([[2., 0., 1., 2., 0., 1.]])
    """

    mode = "circular"


class CircularPad2d(CircularPad1d):
    r"""Pads images as if they went on at their other ends.

    :math:`y_i = x_{(i - l) \bmod n}` along each axis of :math:`n` elements, with :math:`l` more before them.

    Args:
        padding: ``(left, right, top, bottom)``, or one number for all ends; at most the axis.

    Shape:
        Input and output ``(N, C, H, W)`` or ``(C, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CircularPad2d((1, 0, 1, 0))(torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])).tolist()
        [[[3.0, 2.0, 3.0], [1.0, 0.0, 1.0], [3.0, 2.0, 3.0]]]
    """

    axes = 2


class CircularPad3d(CircularPad1d):
    r"""Pads volumes as if they went on at their other ends.

    :math:`y_i = x_{(i - l) \bmod n}` along each axis of :math:`n` elements, with :math:`l` more before them.

    Args:
        padding: ``(left, right, top, bottom, front, back)``, or one number for all ends; at most the axis.

    Shape:
        Input and output ``(N, C, D, H, W)`` or ``(C, D, H, W)``; the output is larger by the padding.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CircularPad3d((1, 0, 0, 0, 0, 0))(torch.tensor([[[[0.0, 1.0]]]])).tolist()
        [[[[1.0, 0.0, 1.0]]]]
    """

    axes = 3


class PixelShuffle(Module):
    r"""Makes images ``upscale_factor`` times as wide and high out of their channels.

    :math:`y_{c, r h + i, r w + j} = x_{c r^2 + i r + j, h, w}` with :math:`r` the factor.

    Args:
        upscale_factor: :math:`r`.

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
    r"""Undoes :class:`PixelShuffle`: :math:`y_{c r^2 + i r + j, h, w} = x_{c, r h + i, r w + j}` with :math:`r` the factor.

    Args:
        downscale_factor: :math:`r`.

    Shape:
        Input ``(*, C, H * r, W * r)``, output ``(*, C * r ** 2, H, W)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.PixelUnshuffle(2)(torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])).flatten()
        tensor([0., 1., 2., 3.])

    Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", 2016.
    """

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
    r"""Deals the channels out: those of each of the :math:`g` groups come to stand :math:`g` apart.

    :math:`y_{k g + j} = x_{j C / g + k}` for group :math:`j` and its channel :math:`k`.

    Args:
        groups: :math:`g`, which divides the channels.

    Shape:
        Input and output ``(N, C, *)``.

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
