"""Dropout layers."""

from __future__ import annotations

from ..._core import Tensor
from .. import functional as F
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    r"""In training, sets each element to 0 with probability ``p`` and multiplies the others by
    :math:`1/(1-p)`.

    Args:
        p: the probability of an element to be dropped.
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Dropout(0.2).eval()(torch.ones(3))
        tensor([1., 1., 1.])

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drops elements."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """In training, drops whole channels of ``(N, C, L)`` or ``(C, L)``, each with probability ``p``.

    Args:
        p: the probability of a channel to be dropped.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Dropout1d(0.2)(torch.ones(20, 16, 32)).shape
        torch.Size([20, 16, 32])

    Source: Tompson et al., "Efficient object localization using convolutional networks", 2015.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drops channels."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """In training, drops whole channels of ``(N, C, H, W)``, each with probability ``p``.

    Args:
        p: the probability of a channel to be dropped.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Dropout2d(0.2)(torch.ones(20, 16, 32, 32)).shape
        torch.Size([20, 16, 32, 32])

    Source: Tompson et al., "Efficient object localization using convolutional networks", 2015.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drops channels."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """In training, drops whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``, each with probability
    ``p``.

    Args:
        p: the probability of a channel to be dropped.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Dropout3d(0.2)(torch.ones(2, 16, 4, 8, 8)).shape
        torch.Size([2, 16, 4, 8, 8])

    Source: Tompson et al., "Efficient object localization using convolutional networks", 2015.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drops channels."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    r"""In training, sets elements to :math:`-\lambda\alpha` of SELU, and rescales: mean and variance stay.

    Args:
        p: the probability of an element to be dropped.
        inplace: has no effect, as in PyTorch.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.AlphaDropout(0.2).eval()(torch.ones(2))
        tensor([1., 1.])

    Source: Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drops elements."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    r"""Does what :class:`AlphaDropout` does, with whole channels.

    Args:
        p: the probability of a channel to be dropped.
        inplace: has no effect, as in PyTorch.

    Shape:
        Input and output ``(N, C, *)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.FeatureAlphaDropout(0.2)(torch.ones(20, 16, 4, 8, 8)).shape
        torch.Size([20, 16, 4, 8, 8])

    Source: Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drops channels."""
        return F.feature_alpha_dropout(input, self.p, self.training)
