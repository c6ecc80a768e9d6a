"""The operators that PyTorch keeps in ``torch.functional``, and indices of several dimensions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from flambeau import _core
from flambeau._core import Tensor
from flambeau._missing import missing

__all__ = ["unravel_index"]

_OPERATORS = frozenset(
    "atleast_1d atleast_2d atleast_3d align_tensors block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist "
    "chain_matmul einsum istft lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique "
    "unique_consecutive".split()
)


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The indices in each dimension for indices into the flattened tensor.

    Args:
        indices: integers, any shape
        shape: the sizes of the tensor

    Returns:
        A tensor of `indices`' shape per dimension.

    Raises:
        TypeError: if `indices` are no integers, or `shape` is no shape.
        ValueError: if `shape` has negative sizes.

    >>> import flambeau as torch
    >>> torch.unravel_index(torch.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    if indices.is_complex() or indices.is_floating_point() or indices.dtype == _core.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if isinstance(shape, int) and not isinstance(shape, bool):
        shape = (shape,)
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    for size in shape:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    found: list[Tensor] = []
    for size in reversed(shape):
        found.insert(0, _core.remainder(indices, size))
        indices = _core.div(indices, size, rounding_mode="floor")
    return tuple(found)


def __getattr__(name: str) -> Any:
    if name in _OPERATORS:
        operator = getattr(sys.modules["flambeau"], name, None)
        if operator is not None:
            return operator
    raise missing("torch.functional", name, _OPERATORS)
