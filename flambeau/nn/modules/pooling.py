"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._core import Tensor
from .. import functional as F
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "FractionalMaxPool2d", "FractionalMaxPool3d",
    "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d",
    "MaxUnpool3d",
]  # fmt: skip


def _each(values: Any, axes: int) -> tuple[Any, ...]:
    """One value for every axis, or one each."""
    return tuple(values) if isinstance(values, Sequence) else (values,) * axes


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


class MaxPool3d(_MaxPoolNd):
    r"""Takes the maximum over a sliding window of three axes, as :class:`MaxPool2d` does over two.

    Args:
        kernel_size, stride, padding, dilation: one number or (depth, height, width), as of :class:`MaxPool2d`.
        return_indices: whether to return the maxima's positions in the flattened volume too.
        ceil_mode: whether last, partial windows count.

    Shape:
        Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; output the same with sizes as of :class:`MaxPool2d`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.MaxPool3d(2)(torch.zeros(4, 8, 6, 6, 6)).shape
        torch.Size([4, 8, 3, 3, 3])
    """

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.max_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class _AvgPoolNd(Module):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    r"""Takes the mean over a sliding window: :math:`y_{n, c, t} = \frac1k \sum_{j < k} x_{n, c, s t + j - p}`.

    Args:
        kernel_size: length of the window.
        stride: step between windows; default: ``kernel_size``.
        padding: zeros added at both ends, half a window at the most.
        ceil_mode: whether a last, partial window counts.
        count_include_pad: whether the zeros count in the mean.

    Shape:
        Input ``(N, C, L)`` or ``(C, L)``; output the same with
        ``L_out = (L + 2 * padding - kernel_size) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            _each(kernel_size, 1),
            _each(kernel_size if stride is None else stride, 1),
            _each(padding, 1),
            ceil_mode,
            count_include_pad,
        )
        del self.divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        pooled: Tensor = F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )
        return pooled


class AvgPool2d(_AvgPoolNd):
    r"""Takes the mean over a sliding window of two axes.

    Args:
        kernel_size, stride, padding: one number or (height, width), as of :class:`AvgPool1d`.
        ceil_mode: whether last, partial windows count.
        count_include_pad: whether the zeros count in the mean.
        divisor_override: what sums are divided by instead of the number of elements.

    Shape:
        Input ``(N, C, H, W)`` or ``(C, H, W)``; output the same with
        ``H_out = (H + 2 * padding - kernel_size) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AvgPool2d(2)(torch.arange(4.0).view(1, 2, 2))
        tensor([[[1.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        pooled: Tensor = F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
        return pooled


class AvgPool3d(_AvgPoolNd):
    r"""Takes the mean over a sliding window of three axes.

    Args:
        kernel_size, stride, padding: one number or (depth, height, width), as of :class:`AvgPool1d`.
        ceil_mode, count_include_pad, divisor_override: as of :class:`AvgPool2d`.

    Shape:
        Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; output the same with sizes as of :class:`AvgPool2d`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AvgPool3d(2)(torch.arange(8.0).view(1, 2, 2, 2))
        tensor([[[[3.5000]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        pooled: Tensor = F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
        return pooled


class _AdaptiveAvgPoolNd(Module):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """The size of the result."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    r"""Takes means over as many windows as are asked for, which share the input evenly: output ``i`` is the mean
    from ``floor(i L / L_out)`` to ``ceil((i + 1) L / L_out)``.

    Args:
        output_size: the length ``L_out`` of the result.

    Shape:
        Input ``(N, C, L)`` or ``(C, L)``; output ``(N, C, L_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AdaptiveAvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0]]))
        tensor([[2.0000, 2.5000]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        pooled: Tensor = F.adaptive_avg_pool1d(input, self.output_size)
        return pooled


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    r"""Takes means over as many windows of two axes as are asked for; see :class:`AdaptiveAvgPool1d`.

    Args:
        output_size: one number or (height, width); None keeps a size.

    Shape:
        Input ``(N, C, H, W)`` or ``(C, H, W)``; output ``(N, C, H_out, W_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AdaptiveAvgPool2d((5, None))(torch.zeros(1, 64, 10, 9)).shape
        torch.Size([1, 64, 5, 9])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    r"""Takes means over as many windows of three axes as are asked for; see :class:`AdaptiveAvgPool1d`.

    Args:
        output_size: one number or (depth, height, width); None keeps a size.

    Shape:
        Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; output ``(N, C, D_out, H_out, W_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AdaptiveAvgPool3d((5, None, 1))(torch.zeros(1, 64, 10, 9, 8)).shape
        torch.Size([1, 64, 5, 9, 1])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPoolNd(_AdaptiveAvgPoolNd):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    r"""Takes maxima over as many windows as are asked for, which share the input as those of
    :class:`AdaptiveAvgPool1d` do.

    Args:
        output_size: the length of the result.
        return_indices: whether to return the positions of the maxima too.

    Shape:
        Input ``(N, C, L)`` or ``(C, L)``; output ``(N, C, L_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AdaptiveMaxPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 4.0]]))
        tensor([[3., 4.]])
    """

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    r"""Takes maxima over as many windows of two axes as are asked for; see :class:`AdaptiveMaxPool1d`.

    Args:
        output_size: one number or (height, width); None keeps a size.
        return_indices: whether to return the positions of the maxima in the flattened plane too.

    Shape:
        Input ``(N, C, H, W)`` or ``(C, H, W)``; output ``(N, C, H_out, W_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AdaptiveMaxPool2d((5, 7))(torch.zeros(1, 64, 8, 9)).shape
        torch.Size([1, 64, 5, 7])
    """

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    r"""Takes maxima over as many windows of three axes as are asked for; see :class:`AdaptiveMaxPool1d`.

    Args:
        output_size: one number or (depth, height, width); None keeps a size.
        return_indices: whether to return the positions of the maxima in the flattened volume too.

    Shape:
        Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; output ``(N, C, D_out, H_out, W_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AdaptiveMaxPool3d((1, 7, 9))(torch.zeros(1, 64, 8, 9, 10)).shape
        torch.Size([1, 64, 1, 7, 9])
    """

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _FractionalMaxPoolNd(Module):
    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
        *,
        axes: int,
    ) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, axes)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _each(output_size, axes)
        self.output_ratio = None if output_ratio is None else _each(output_ratio, axes)
        name = type(self).__name__
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < self.output_ratio[d] < 1 for d in range(axes)):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    r"""Takes maxima over windows that overlap and lie at random places, so that an image shrinks by a fraction.

    Args:
        kernel_size: the windows, one number or (height, width).
        output_size: the size of the result, one number or (height, width); or else
        output_ratio: its share of the input's size, between 0 and 1, one number or two.
        return_indices: whether to return the positions of the maxima in the flattened plane too.

    Raises:
        ValueError: both a size and a ratio, or neither; a ratio outside of (0, 1).

    Shape:
        Input ``(N, C, H, W)`` or ``(C, H, W)``; output ``(N, C, H_out, W_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.FractionalMaxPool2d(3, output_ratio=0.5)(torch.zeros(20, 16, 50, 32)).shape
        torch.Size([20, 16, 25, 16])

    Source: Graham, "Fractional max-pooling", 2014.
    """

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__(kernel_size, output_size, output_ratio, return_indices, _random_samples, axes=2)

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.fractional_max_pool2d(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    r"""Takes maxima over windows of three axes at random places; see :class:`FractionalMaxPool2d`.

    Args:
        kernel_size, output_size, output_ratio: one number or (depth, height, width).
        return_indices: whether to return the positions of the maxima in the flattened volume too.

    Raises:
        ValueError: both a size and a ratio, or neither; a ratio outside of (0, 1).

    Shape:
        Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; output ``(N, C, D_out, H_out, W_out)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.FractionalMaxPool3d(2, output_size=(3, 4, 5))(torch.zeros(1, 2, 7, 8, 9)).shape
        torch.Size([1, 2, 3, 4, 5])
    """

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__(kernel_size, output_size, output_ratio, return_indices, _random_samples, axes=3)

    def forward(self, input: Tensor) -> Any:
        """Pools the input."""
        return F.fractional_max_pool3d(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class _LPPoolNd(Module):
    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """The power and the window."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    r"""Pools by power sums: :math:`y = \left(\sum_{x \in \text{window}} x^p\right)^{1/p}`.

    Args:
        norm_type: the power p; 1 sums, infinity would be the maximum.
        kernel_size: length of the window.
        stride: step between windows; default: ``kernel_size``.
        ceil_mode: whether a last, partial window counts.

    Shape:
        Input ``(N, C, L)`` or ``(C, L)``; output the same with ``L_out = (L - kernel_size) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LPPool1d(2, 2)(torch.tensor([[3.0, 4.0]]))
        tensor([[5.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPoolNd):
    r"""Pools by power sums over windows of two axes; see :class:`LPPool1d`.

    Args:
        norm_type: the power p.
        kernel_size, stride: one number or (height, width), as of :class:`LPPool1d`.
        ceil_mode: whether last, partial windows count.

    Shape:
        Input ``(N, C, H, W)`` or ``(C, H, W)``; output the same with ``H_out = (H - kernel_size) // stride + 1``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LPPool2d(1, 2)(torch.ones(1, 2, 2))
        tensor([[[4.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPoolNd):
    r"""Pools by power sums over windows of three axes; see :class:`LPPool1d`.

    Args:
        norm_type: the power p.
        kernel_size, stride: one number or (depth, height, width), as of :class:`LPPool1d`.
        ceil_mode: whether last, partial windows count.

    Shape:
        Input ``(N, C, D, H, W)`` or ``(C, D, H, W)``; output the same with sizes as of :class:`LPPool2d`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LPPool3d(1, 2)(torch.ones(1, 2, 2, 2))
        tensor([[[[8.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pools the input."""
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class _MaxUnpoolNd(Module):
    def __init__(self, kernel_size: Any, stride: Any, padding: Any, axes: int) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, axes)
        self.stride = _each(kernel_size if stride is None else stride, axes)
        self.padding = _each(padding, axes)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    r"""Puts maxima back where :class:`MaxPool1d` found them, zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape:
        Input and indices ``(N, C, L)`` or ``(C, L)``; output the same with
        ``L_out = (L - 1) * stride - 2 * padding + kernel_size``, or as ``output_size`` says.

    Example:
        >>> import flambeau as torch
        >>> pool, unpool = torch.nn.MaxPool1d(2, return_indices=True), torch.nn.MaxUnpool1d(2)
        >>> unpool(*pool(torch.tensor([[1.0, 3.0, 2.0, 0.0]])))
        tensor([[0., 3., 2., 0.]])
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__(kernel_size, stride, padding, 1)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Puts the input back at its indices."""
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpoolNd):
    r"""Puts maxima back where :class:`MaxPool2d` found them, zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape:
        Input and indices ``(N, C, H, W)`` or ``(C, H, W)``; output the same with
        ``H_out = (H - 1) * stride - 2 * padding + kernel_size``, or as ``output_size`` says.

    Example:
        >>> import flambeau as torch
        >>> pool, unpool = torch.nn.MaxPool2d(2, return_indices=True), torch.nn.MaxUnpool2d(2)
        >>> unpool(*pool(torch.tensor([[[1.0, 2.0], [4.0, 3.0]]])))
        tensor([[[0., 0.],
                 [4., 0.]]])
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__(kernel_size, stride, padding, 2)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Puts the input back at its indices."""
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpoolNd):
    r"""Puts maxima back where :class:`MaxPool3d` found them, zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape:
        Input and indices ``(N, C, D, H, W)`` or ``(C, D, H, W)``; output the same with sizes as of
        :class:`MaxUnpool2d`.

    Example:
        >>> import flambeau as torch
        >>> pool, unpool = torch.nn.MaxPool3d(2, return_indices=True), torch.nn.MaxUnpool3d(2)
        >>> unpool(*pool(torch.zeros(1, 1, 4, 4, 4))).shape
        torch.Size([1, 1, 4, 4, 4])
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__(kernel_size, stride, padding, 3)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Puts the input back at its indices."""
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)
