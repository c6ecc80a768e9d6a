"""Operators on indices, over other operators."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, method, operator, writes_self


@operator("unravel_index(Tensor indices, object shape) -> Tensor[]", function)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates of flat indices into an array of a given shape, the last dimension varying fastest.

    Args:
        indices: integers, any shape
        shape: an integer or a sequence of integers

    Returns:
        A tensor of the shape of `indices` for each dimension.

    Raises:
        ValueError: indices that are no integers, a negative size, an index beyond the array.
        TypeError: a shape that is neither an integer nor a sequence of integers.

    >>> import flambeau as torch
    >>> [c.tolist() for c in torch.unravel_index(torch.tensor([3, 5]), (2, 3))]
    [[1, 1], [0, 2]]
    """
    if indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes: list[int] = []
    for size in [shape] if isinstance(shape, int) else list(shape):
        if isinstance(size, Tensor) and size.numel() == 1:
            size = int(size)
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(
                f"expected 'shape' sequence to have only int values, but got {type(size).__name__}"
            )
        if size < 0:
            raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
        sizes.append(size)
    total = 1
    for size in sizes:
        total *= size
    if indices.numel() and bool(((indices < -total) | (indices >= total)).any()):
        raise ValueError(f"some of the indices lie beyond an array of shape {tuple(sizes)}")
    coordinates: list[Tensor] = []
    step = total
    for size in sizes:
        step //= max(size, 1)
        coordinates.append(
            torch.div(indices.to(torch.int64), max(step, 1), rounding_mode="floor") % max(size, 1)
        )
    return tuple(coordinates)


@operator("nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor", function, method)
def nonzero_static(self: Tensor, *, size: int, fill_value: int) -> Tensor:
    """The places of the elements that are not zero, in a result whose length is known beforehand.

    Args:
        self: any shape
        size: how many places there is room for: more are left out, the rest is filled
        fill_value: what fills

    Returns:
        (size, dimensions), int64.

    Raises:
        RuntimeError: a negative size.

    >>> import flambeau as torch
    >>> torch.nonzero_static(torch.tensor([0, 1, 1]), size=3).flatten().tolist()
    [1, 2, -1]
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    places = self.nonzero()[:size]
    rest = torch.full((size - places.size(0), self.dim()), fill_value, dtype=torch.int64, device=self.device)
    return torch.cat([places, rest], 0)


@operator(
    "resize_as_(Tensor self, Tensor the_template, *, memory_format? memory_format=None) -> Tensor",
    function,
    method,
    writes_self,
)
def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any) -> Tensor:
    """`resize_` to another tensor's shape; new elements are not set.

    Args:
        the_template: any shape
        memory_format: how the dimensions lie in memory

    >>> import flambeau as torch
    >>> torch.arange(4).resize_as_(torch.ones(2)).tolist()
    [0, 1]
    """
    return self.resize_(the_template.shape, memory_format=memory_format)
