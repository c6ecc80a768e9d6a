"""Operators on indices, over other operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, method, operator, writes_self
from flambeau.ops._refusals import is_integral


@operator("unravel_index(Tensor indices, object shape) -> Tensor[]", function)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates of flat indices into an array of a given shape, the last dimension varying fastest.

    Args:
        indices: integers, any shape; one beyond the array wraps around
        shape: an integer or a sequence of integers

    Returns:
        A tensor of the shape of `indices` for each dimension, int64.

    Raises:
        ValueError: a negative size.
        TypeError: indices that are no integers, a shape that is neither an integer nor a sequence of integers.

    >>> import flambeau as torch
    >>> [c.tolist() for c in torch.unravel_index(torch.tensor([3, 5]), (2, 3))]
    [[1, 1], [0, 2]]
    """
    if not is_integral(indices):
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sizes, Sequence):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    for size in sizes:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    coordinates: list[Tensor] = []
    left = indices.to(torch.int64)
    for size in reversed(sizes):
        coordinates.append(left % size)
        left = torch.div(left, size, rounding_mode="floor")
    return tuple(reversed(coordinates))


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
    if self.is_meta:
        return torch.empty((size, self.dim()), dtype=torch.int64, device=self.device)
    places = self.nonzero()[:size]
    rest = torch.full((size - places.size(0), self.dim()), fill_value, dtype=torch.int64, device=self.device)
    return torch.cat([places, rest], 0)


@operator(
    "resize_as_(Tensor self, Tensor the_template, *, memory_format? memory_format=None) -> Tensor",
    function,
    method,
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


@operator("fill_diagonal_(Tensor self, Number fill_value, bool wrap=False) -> Tensor", method, writes_self)
def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool) -> Tensor:
    """Sets the main diagonal to one value.

    Args:
        fill_value: a number
        wrap: whether the diagonal of a tall matrix starts again behind each row that it leaves out

    Raises:
        RuntimeError: fewer than two dimensions, or more than two of different sizes.

    >>> import flambeau as torch
    >>> torch.zeros(3, 2).fill_diagonal_(5).tolist()
    [[5.0, 0.0], [0.0, 5.0], [0.0, 0.0]]
    """
    if self.dim() < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step, offset, width = sum(self.stride()), self.storage_offset(), self.size(1)
    length = min(self.shape)
    self.as_strided((length,), (step,), offset).fill_(fill_value)
    if wrap and self.dim() == 2 and width and self.size(0) > width + 1:
        for top in range(width + 1, self.size(0), width + 1):
            length = min(width, self.size(0) - top)
            self.as_strided((length,), (step,), offset + top * self.stride(0)).fill_(fill_value)
    return self


@operator("map_(Tensor self, Tensor tensor, object callable) -> Tensor", method, writes_self)
def map_(self: Tensor, tensor: Tensor, callable: Any) -> Tensor:
    """Replaces each element by callable(element, element of the other tensor); slow, for scripts.

    Args:
        tensor: broadcasts with this tensor
        callable: takes two numbers and gives one

    >>> import flambeau as torch
    >>> torch.tensor([1, 2]).map_(torch.tensor([10, 20]), lambda a, b: a + b).tolist()
    [11, 22]
    """
    return _mapped("map_", self, callable, tensor)


@operator("map2_(Tensor self, Tensor x, Tensor y, object callable) -> Tensor", method, writes_self)
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Any) -> Tensor:
    """Replaces each element by callable(element, element of x, element of y); slow, for scripts.

    Args:
        x, y: broadcast with this tensor
        callable: takes three numbers and gives one

    >>> import flambeau as torch
    >>> torch.tensor([1]).map2_(torch.tensor([2]), torch.tensor([3]), lambda a, b, c: a + b * c).tolist()
    [7]
    """
    return _mapped("map2_", self, callable, x, y)


def _mapped(name: str, self: Tensor, function: Any, *others: Tensor) -> Tensor:
    if self.requires_grad or any(t.requires_grad for t in others):
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
        )
    for other in others:
        if other.dtype != self.dtype:
            raise TypeError(f"{name}: expected a tensor of {self.dtype} (got {other.dtype})")
    rows = zip(*(t.expand(self.shape).reshape(-1).tolist() for t in (self, *others)), strict=True)
    values = [function(*row) for row in rows]
    return self.copy_(torch.tensor(values, dtype=self.dtype, device=self.device).reshape(self.shape))
