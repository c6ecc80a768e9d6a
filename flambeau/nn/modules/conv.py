"""Convolution layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module
from .utils import _ntuple, _reverse_repeat_tuple

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

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


class Conv3d(_Convolution):
    r"""Applies a 3-d convolution (a cross-correlation, as everywhere in deep learning).

    .. math::
        y_{n, o, h, i, j} = b_o + \sum_{c, q, k, l} w_{o, c, q, k, l} \,
        x_{n, c, s h + d q - p, s i + d k - p, s j + d l - p}

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel, one number or (depth, height, width), as all sizes below.
        stride: step between outputs.
        padding: positions added on each side, or ``"same"`` or ``"valid"``.
        dilation: step between the kernel's taps.
        groups: blocks of channels that do not see each other.
        bias: whether to add a learnable bias.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Input ``(N, C_in, D, H, W)``; output ``(N, C_out, D_out, H_out, W_out)``, or both without ``N``, with
        ``D_out = (D + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Conv3d(2, 3, 3, stride=2)(torch.zeros(1, 2, 5, 7, 9)).shape
        torch.Size([1, 3, 2, 3, 4])

    Source: Tran et al., "Learning spatiotemporal features with 3D convolutional networks", 2015.
    """

    _convolve = F.conv3d
    _axes = 3


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution over ``_axes`` axes; sizes are one number, or one for each axis."""

    _axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        n = self._axes
        super().__init__(
            in_channels,
            out_channels,
            _ntuple(n, kernel_size),
            _ntuple(n, stride),
            _ntuple(n, padding),
            _ntuple(n, dilation),
            True,
            _ntuple(n, output_padding),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _padding_for(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding that gives ``output_size``, of the axes alone or of all dimensions."""
        n = self._axes
        others = input.dim() - n
        wanted = tuple(output_size)
        if len(wanted) == n + others:
            wanted = wanted[others:]
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {n + others} elements "
                f"(got {len(output_size)})"
            )
        sizes = input.shape[others:]
        least = [
            (size - 1) * self.stride[d]
            - 2 * int(self.padding[d])
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d, size in enumerate(sizes)
        ]
        most = [low + stride - 1 for low, stride in zip(least, self.stride, strict=True)]
        if any(not low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} "
                f"(for an input of {sizes})"
            )
        return tuple(size - low for size, low in zip(wanted, least, strict=True))

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Applies the transposed convolution.

        Args:
            input: the batch, or one element of it.
            output_size: which of the sizes that a stride leaves open the output has, of the axes or of all
                dimensions; instead of the module's ``output_padding``.
        """
        padding = self.output_padding if output_size is None else self._padding_for(input, output_size)
        return type(self)._convolve(
            input, self.weight, self.bias, self.stride, self.padding, padding, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTransposeNd):
    r"""Applies a transposed 1-d convolution: the gradient of :class:`Conv1d` with respect to its input.

    Every input adds the kernel, times itself, to the output from its place times the stride on.

    .. math::
        y_{n, o, t} = b_o + \sum_{c, i, k:\ s i + d k - p = t} w_{c, o, k} \, x_{n, c, i}

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride: step between the places of the inputs.
        padding: positions cut off at both ends.
        output_padding: positions added at the end, fewer than stride or dilation.
        groups: blocks of channels that do not see each other.
        bias: whether to add a learnable bias.
        dilation: step between the kernel's taps.
        padding_mode: ``"zeros"``; there is no other.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Input ``(N, C_in, L)`` or ``(C_in, L)``; output ``(N, C_out, L_out)`` or ``(C_out, L_out)`` with
        ``L_out = (L - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``.

    Raises:
        ValueError: channels that the groups do not divide, another padding mode, an output size out of reach.

    Example:
        >>> import flambeau as torch
        >>> m = torch.nn.ConvTranspose1d(16, 8, 3, stride=2)
        >>> m(torch.zeros(20, 16, 50)).shape, m(torch.zeros(20, 16, 50), output_size=[102]).shape
        (torch.Size([20, 8, 101]), torch.Size([20, 8, 102]))

    Source: Zeiler et al., "Deconvolutional networks", 2010.
    """

    _convolve = F.conv_transpose1d
    _axes = 1


class ConvTranspose2d(_ConvTransposeNd):
    r"""Applies a transposed 2-d convolution: the gradient of :class:`Conv2d` with respect to its input.

    Every input adds the kernel, times itself, to the output from its place times the stride on; decoders
    enlarge images with it.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel, one number or (height, width), as all sizes below.
        stride: step between the places of the inputs.
        padding: rows and columns cut off on each side.
        output_padding: rows and columns added at the end, fewer than stride or dilation.
        groups: blocks of channels that do not see each other.
        bias: whether to add a learnable bias.
        dilation: step between the kernel's taps.
        padding_mode: ``"zeros"``; there is no other.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Input ``(N, C_in, H, W)``; output ``(N, C_out, H_out, W_out)``, or both without ``N``, with
        ``H_out = (H - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``.

    Raises:
        ValueError: channels that the groups do not divide, another padding mode, an output size out of reach.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ConvTranspose2d(16, 33, 4, stride=2, padding=1)(torch.zeros(2, 16, 10, 12)).shape
        torch.Size([2, 33, 20, 24])

    Source: Zeiler et al., "Deconvolutional networks", 2010.
    """

    _convolve = F.conv_transpose2d
    _axes = 2


class ConvTranspose3d(_ConvTransposeNd):
    r"""Applies a transposed 3-d convolution: the gradient of :class:`Conv3d` with respect to its input.

    Every input adds the kernel, times itself, to the output from its place times the stride on.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel, one number or (depth, height, width), as all sizes below.
        stride: step between the places of the inputs.
        padding: positions cut off on each side.
        output_padding: positions added at the end, fewer than stride or dilation.
        groups: blocks of channels that do not see each other.
        bias: whether to add a learnable bias.
        dilation: step between the kernel's taps.
        padding_mode: ``"zeros"``; there is no other.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Input ``(N, C_in, D, H, W)``; output ``(N, C_out, D_out, H_out, W_out)``, or both without ``N``, with
        ``D_out = (D - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``.

    Raises:
        ValueError: channels that the groups do not divide, another padding mode, an output size out of reach.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ConvTranspose3d(2, 3, 2, stride=2)(torch.zeros(1, 2, 3, 4, 5)).shape
        torch.Size([1, 3, 6, 8, 10])

    Source: Zeiler et al., "Deconvolutional networks", 2010.
    """

    _convolve = F.conv_transpose3d
    _axes = 3


class _LazyConvXdMixin(LazyModuleMixin):
    """The number of input channels comes from the first input."""

    _axes: int
    transposed: bool
    kernel_size: tuple[int, ...]
    groups: int
    in_channels: int
    out_channels: int
    weight: Any
    bias: Any

    def _start(
        self, out_channels: int, bias: bool, device: Any, dtype: Any, *sizes: Any, **options: Any
    ) -> None:
        # Without channels, and so without memory; the hooks of lazy modules come with it.
        LazyModuleMixin.__init__(self, 0, 0, *sizes, bias=False, device=device, dtype=dtype, **options)
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            parent: Any = super()
            parent.reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Makes weight and bias for the channels of the input.

        Args:
            input: the batch, or one element of it.
            args, kwargs: what else the call was given.

        Raises:
            RuntimeError: an input with another number of dimensions.
            ValueError: channels that the groups do not divide.
        """
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        pair = (self.out_channels, self.in_channels // self.groups)
        if self.transposed:
            pair = (self.in_channels, self.out_channels // self.groups)
        self.weight.materialize((*pair, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input: Tensor) -> int:
        unbatched, batched = self._axes + 1, self._axes + 2
        if input.dim() not in (unbatched, batched):
            raise RuntimeError(
                f"Expected {unbatched}D (unbatched) or {batched}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {input.shape}"
            )
        return int(input.shape[-unbatched])


class _LazyConvolution(_LazyConvXdMixin):
    def __init__(
        self,
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
        sizes = (kernel_size, stride, padding, dilation, groups)
        self._start(out_channels, bias, device, dtype, *sizes, padding_mode=padding_mode)


class _LazyConvTranspose(_LazyConvXdMixin):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        sizes = (kernel_size, stride, padding, output_padding, groups)
        options = {"dilation": dilation, "padding_mode": padding_mode}
        self._start(out_channels, bias, device, dtype, *sizes, **options)


class LazyConv1d(_LazyConvolution, Conv1d):  # type: ignore[misc]
    """:class:`Conv1d` whose ``in_channels`` the first input decides.

    Args:
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride, padding, dilation, groups, bias, padding_mode: as those of
            :class:`Conv1d`.
        device: where the parameters will be made.
        dtype: their type.

    Raises:
        RuntimeError: in the first call, an input with another number of dimensions.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyConv1d(5, 3)
        >>> layer(torch.zeros(2, 3, 8)).shape
        torch.Size([2, 5, 6])
        >>> type(layer).__name__, layer.in_channels
        ('Conv1d', 3)
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvolution, Conv2d):  # type: ignore[misc]
    """:class:`Conv2d` whose ``in_channels`` the first input decides.

    Args:
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride, padding, dilation, groups, bias, padding_mode: as those of
            :class:`Conv2d`.
        device: where the parameters will be made.
        dtype: their type.

    Raises:
        RuntimeError: in the first call, an input with another number of dimensions.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyConv2d(5, 3)
        >>> layer(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 5, 6, 6])
        >>> type(layer).__name__, layer.in_channels
        ('Conv2d', 3)
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvolution, Conv3d):  # type: ignore[misc]
    """:class:`Conv3d` whose ``in_channels`` the first input decides.

    Args:
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride, padding, dilation, groups, bias, padding_mode: as those of
            :class:`Conv3d`.
        device: where the parameters will be made.
        dtype: their type.

    Raises:
        RuntimeError: in the first call, an input with another number of dimensions.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyConv3d(5, 3)
        >>> layer(torch.zeros(2, 3, 8, 8, 8)).shape
        torch.Size([2, 5, 6, 6, 6])
        >>> type(layer).__name__, layer.in_channels
        ('Conv3d', 3)
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):  # type: ignore[misc]
    """:class:`ConvTranspose1d` whose ``in_channels`` the first input decides.

    Args:
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride, padding, output_padding, groups, bias, dilation, padding_mode: as those of
            :class:`ConvTranspose1d`.
        device: where the parameters will be made.
        dtype: their type.

    Raises:
        RuntimeError: in the first call, an input with another number of dimensions.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyConvTranspose1d(5, 3)
        >>> layer(torch.zeros(2, 3, 8)).shape
        torch.Size([2, 5, 10])
        >>> type(layer).__name__, layer.in_channels
        ('ConvTranspose1d', 3)
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):  # type: ignore[misc]
    """:class:`ConvTranspose2d` whose ``in_channels`` the first input decides.

    Args:
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride, padding, output_padding, groups, bias, dilation, padding_mode: as those of
            :class:`ConvTranspose2d`.
        device: where the parameters will be made.
        dtype: their type.

    Raises:
        RuntimeError: in the first call, an input with another number of dimensions.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyConvTranspose2d(5, 3)
        >>> layer(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 5, 10, 10])
        >>> type(layer).__name__, layer.in_channels
        ('ConvTranspose2d', 3)
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):  # type: ignore[misc]
    """:class:`ConvTranspose3d` whose ``in_channels`` the first input decides.

    Args:
        out_channels: channels of the output.
        kernel_size: extent of the kernel.
        stride, padding, output_padding, groups, bias, dilation, padding_mode: as those of
            :class:`ConvTranspose3d`.
        device: where the parameters will be made.
        dtype: their type.

    Raises:
        RuntimeError: in the first call, an input with another number of dimensions.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyConvTranspose3d(5, 3)
        >>> layer(torch.zeros(2, 3, 8, 8, 8)).shape
        torch.Size([2, 5, 10, 10, 10])
        >>> type(layer).__name__, layer.in_channels
        ('ConvTranspose3d', 3)
    """

    cls_to_become = ConvTranspose3d
