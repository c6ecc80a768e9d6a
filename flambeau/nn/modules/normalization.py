"""Layers that normalise over layers, groups, and neighbouring channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class _Scaling(Module):
    """Holds a factor, and perhaps a summand, of one shape."""

    weight: Tensor | None
    bias: Tensor | None

    def _make_parameters(
        self, shape: tuple[int, ...], weight: bool, bias: bool | None, **options: Any
    ) -> None:
        """Parameters or places for them; ``bias=None`` makes no place."""
        for name, wanted in (("weight", weight), ("bias", bias)):
            if wanted:
                setattr(self, name, Parameter(_core.empty(shape, **options)))
            elif wanted is not None:
                self.register_parameter(name, None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets factors to 1 and summands to 0."""
        weight, bias = self._parameters["weight"], self._parameters.get("bias")
        if weight is not None:
            init.ones_(weight)
        if bias is not None:
            init.zeros_(bias)


class LayerNorm(_Scaling):
    r"""Normalises over the last axes: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        normalized_shape: sizes of the axes that share a mean and a variance; a number for the last axis.
        eps: :math:`\epsilon`.
        elementwise_affine: whether there are :math:`\gamma` and :math:`\beta`, from 1 and 0.
        bias: whether there is :math:`\beta`.
        device, dtype: of the parameters.

    Shape:
        Input and output ``(*, *normalized_shape)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LayerNorm(2, eps=0.0)(torch.tensor([[1.0, 3.0]])).tolist()
        [[-1.0, 1.0]]

    Source: Ba et al., "Layer normalization", 2016.
    """

    normalized_shape: tuple[int, ...]
    eps: float
    elementwise_affine: bool

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-05,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_parameters(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, device=device, dtype=dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalises the input."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Scaling):
    r"""Divides by the root mean square over the last axes: :math:`y = \gamma x / \sqrt{\overline{x^2} + \epsilon}`.

    Args:
        normalized_shape: sizes of the axes; a number for the last one.
        eps: :math:`\epsilon`; default: the input dtype's distance from 1 to the next number.
        elementwise_affine: whether there is :math:`\gamma`, from 1.
        device, dtype: of the parameter.

    Shape:
        Input and output ``(*, *normalized_shape)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.RMSNorm(2, eps=0.0)(torch.tensor([[3.0, 3.0]])).tolist()
        [[1.0, 1.0]]

    Source: Zhang and Sennrich, "Root mean square layer normalization", 2019.
    """

    normalized_shape: tuple[int, ...]
    eps: float | None
    elementwise_affine: bool

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_parameters(self.normalized_shape, elementwise_affine, None, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Normalises the input."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape and the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Scaling):
    r"""Normalises the channels in groups: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        num_groups: how many groups the channels form.
        num_channels: how many channels there are.
        eps: :math:`\epsilon`.
        affine: whether there are :math:`\gamma` and :math:`\beta`, one for each channel, from 1 and 0.
        device, dtype: of the parameters.
        bias: whether there is :math:`\beta`.

    Shape:
        Input and output ``(N, C, *)``.

    Raises:
        ValueError: the groups do not divide the channels.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.GroupNorm(1, 2, eps=0.0)(torch.tensor([[1.0, 3.0]])).tolist()
        [[-1.0, 1.0]]

    Source: Wu and He, "Group normalization", 2018.
    """

    num_groups: int
    num_channels: int
    eps: float
    affine: bool

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-05,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make_parameters((num_channels,), affine, affine and bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalises the input."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The groups and the options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    r"""Divides by :math:`(k + \alpha \overline{x^2})^\beta`, the mean over neighbouring channels.

    Args:
        size: how many channels count as neighbours.
        alpha, beta, k: the constants of the formula.

    Shape:
        Input and output ``(N, C, *)``, of three axes or more.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LocalResponseNorm(1, alpha=3.0, beta=0.5)(torch.ones(1, 1, 1)).item()
        0.5

    Source: Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012.
    """

    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Normalises the input."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The constants."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    r"""The older form of :class:`LocalResponseNorm`, for images: divides by :math:`(k + \alpha s / \text{size})^\beta`.

    :math:`s` is the sum of the squares of the channels nearer than ``(size + 1) // 2``, and, as in PyTorch, of the first
    channel for all that are further from it. The gradient is that of this formula, which PyTorch's is not.

    Args:
        size: how many channels count as neighbours; an odd number.
        alpha, beta, k: the constants of the formula.

    Shape:
        Input and output ``(N, C, H, W)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CrossMapLRN2d(3, alpha=3.0, beta=1.0)(torch.ones(1, 1, 1, 1)).item()
        0.5

    Source: Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012.
    """

    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Normalises the input."""
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        reach = (self.size + 1) // 2
        channel = _core.arange(input.size(1), device=input.device)
        far = channel.unsqueeze(1) - channel
        counts = (far.abs() < reach) | ((far >= reach) & (channel == 0))
        sums = (input.square().movedim(1, -1) @ counts.to(input.dtype).t()).movedim(-1, 1)
        return input * (sums * (self.alpha / self.size) + self.k).pow(-self.beta)

    def extra_repr(self) -> str:
        """The constants."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
