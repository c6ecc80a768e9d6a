"""Convolution layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module
from .utils import _ntuple, _reverse_repeat_tuple

__all__ = ["Conv1d", "Conv2d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    _convolve: Callable[..., Tensor]
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._padding_by_side()
        channels = (
            (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        )
        self.weight = Parameter(_core.empty((*channels, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_core.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _padding_by_side(self) -> list[int] | tuple[int, ...]:
        """The padding before and behind each dimension, last first, as ``functional.pad`` takes it."""
        if not isinstance(self.padding, str):
            return _reverse_repeat_tuple(self.padding, 2)
        sides: list[int] = []
        for dilation, size in zip(reversed(self.dilation), reversed(self.kernel_size), strict=True):
            total = dilation * (size - 1) if self.padding == "same" else 0
            sides += [total // 2, total - total // 2]
        return sides

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        init._reset_affine(self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * len(self.kernel_size)
        return type(self)._convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        """Convolves the input."""
        return self._conv_forward(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The channels, and what differs from its default."""
        n = len(self.kernel_size)
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        ]
        for name, default in (("padding", (0,) * n), ("dilation", (1,) * n), ("output_padding", (0,) * n)):
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")  # states from before it existed


class _Convolution(_ConvNd):
    """A convolution over ``_axes`` axes; sizes are one number, or one for each axis."""

    _axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        n = self._axes
        super().__init__(
            in_channels,
            out_channels,
            _ntuple(n, kernel_size),
            _ntuple(n, stride),
            padding if isinstance(padding, str) else _ntuple(n, padding),
            _ntuple(n, dilation),
            False,
            _ntuple(n, 0),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )


class Conv1d(_Convolution):
    r"""Applies a 1-d convolution (a cross-correlation, as everywhere in deep learning).

    .. math::
        y_{n, o, t} = b_o + \sum_{c, k} w_{o, c, k} \, x_{n, c, s t + d k - p}

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride: step between outputs.
        padding: positions added at both ends, or ``"same"`` or ``"valid"``.
        dilation: step between the kernel's taps.
        groups: blocks of channels that do not see each other.
        bias: whether to add a learnable bias.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Input ``(N, C_in, L)`` or ``(C_in, L)``; output ``(N, C_out, L_out)`` or ``(C_out, L_out)`` with
        ``L_out = (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.zeros(20, 16, 50)).shape
        torch.Size([20, 33, 24])
    """

    _convolve = F.conv1d
    _axes = 1


class Conv2d(_Convolution):
    r"""Applies a 2-d convolution (a cross-correlation, as everywhere in deep learning).

    .. math::
        y_{n, o, i, j} = b_o + \sum_{c, k, l} w_{o, c, k, l} \, x_{n, c, s i + d k - p, s j + d l - p}

    Weights and bias start from :math:`U(-\sqrt{k}, \sqrt{k})` with
    :math:`k = \text{groups} / (C_\text{in} \prod \text{kernel\_size})`.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel, one number or (height, width), as all sizes below.
        stride: step between outputs.
        padding: rows and columns added on each side, or ``"same"`` or ``"valid"``.
        dilation: step between the kernel's taps.
        groups: blocks of channels that do not see each other; ``in_channels`` of them make it depthwise.
        bias: whether to add a learnable bias.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Input ``(N, C_in, H, W)`` or ``(C_in, H, W)``; output ``(N, C_out, H_out, W_out)`` or without ``N``,
        with ``H_out = (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))(torch.zeros(2, 16, 50, 100)).shape
        torch.Size([2, 33, 28, 100])

    Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """

    _convolve = F.conv2d
    _axes = 2
