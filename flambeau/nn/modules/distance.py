"""Distances between vectors."""

from __future__ import annotations

from ..._core import Tensor
from .. import functional as F
from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    r"""Gives :math:`\lVert x_1 - x_2 + \epsilon \rVert_p` over the last dimension.

    Args:
        p: the norm.
        eps: keeps the derivative finite at equal vectors.
        keepdim: whether the last dimension stays, with size 1.

    Shape:
        Inputs ``(*, D)``, which broadcast; output ``(*)``, or ``(*, 1)`` with ``keepdim``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.PairwiseDistance()(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Computes the distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    r"""Gives :math:`\frac{x_1 \cdot x_2}{\max(\lVert x_1 \rVert, \epsilon) \max(\lVert x_2 \rVert, \epsilon)}`,
    the cosine of the angle between vectors along a dimension.

    Args:
        dim: the dimension.
        eps: :math:`\epsilon`, the least length a vector counts with.

    Shape:
        Inputs ``(*, D, *)`` with ``D`` at ``dim``, which broadcast; output without it.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CosineSimilarity(dim=0)(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 0.0]))
        tensor(1.)
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Computes the cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
