"""What both spectral normalisations share: which matrix a weight is, and the iteration for its largest singular value."""

from __future__ import annotations

from ..._core import Tensor
from .. import functional as F
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module


def output_dim(module: Module, dim: int | None) -> int:
    """The dimension of a layer's weight that counts its outputs, unless one is given."""
    if dim is not None:
        return dim
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with a row for each index of a dimension."""
    rows = weight if dim == 0 else weight.permute(dim, *(d for d in range(weight.dim()) if d != dim))
    return rows.reshape(rows.size(0), -1)


def check_iterations(count: int) -> None:
    """Raises unless there is at least one."""
    if count <= 0:
        raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={count}")


def random_direction(like: Tensor, length: int, eps: float) -> Tensor:
    """A unit vector to begin with."""
    return F.normalize(like.new_empty(length).normal_(0, 1), dim=0, eps=eps)
