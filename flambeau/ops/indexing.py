"""Operators on indices, over other operators."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, method, operator, out, writes_self
from flambeau.ops._refusals import WIDE_UNSIGNED, is_integral, refuse


@operator("unravel_index(Tensor indices, object shape) -> Tensor[]", function)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates of flat indices into an array of a given shape, the last dimension varying fastest.

    Args:
        indices: integers, any shape
        shape: an integer or a sequence of integers

    Returns:
        A tensor of the shape of `indices` for each dimension.

    Raises:
        ValueError: a negative size, an index beyond the array.
        TypeError: indices that are no integers, a shape that is neither an integer nor a sequence of integers.

    >>> import flambeau as torch
    >>> [c.tolist() for c in torch.unravel_index(torch.tensor([3, 5]), (2, 3))]
    [[1, 1], [0, 2]]
    """
    if not is_integral(indices):
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
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
    if indices.numel() and not indices.is_meta and bool(((indices < -total) | (indices >= total)).any()):
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


def _lower_bound(boundaries: Tensor, values: Tensor, right: bool) -> Tensor:
    """Where in a row of boundaries the first element stands that is not below (`right`: is above) a value; NaN is above all.

    Source: binary search; Knuth, The Art of Computer Programming, volume 3, section 6.2.1, all values at once.
    """
    refuse("searchsorted_out_cpu", torch.result_type(boundaries, values), "Bool", WIDE_UNSIGNED)
    boundaries, values = boundaries.detach(), values.detach()
    n = boundaries.size(-1)
    low = torch.zeros(values.shape, dtype=torch.int64, device=values.device)
    if n == 0 or values.numel() == 0:
        return low
    high = torch.full_like(low, n)
    for _ in range(n.bit_length()):
        middle = torch.div(low + high, 2, rounding_mode="floor").clamp_max(n - 1)
        found = boundaries.take(middle) if boundaries.dim() == 1 else boundaries.gather(-1, middle)
        behind = ~(found > values if right else found >= values)
        open_ = low < high
        low, high = torch.where(open_ & behind, middle + 1, low), torch.where(open_ & ~behind, middle, high)
    return low


def _search(
    sorted_sequence: Tensor,
    values: Any,
    out_int32: bool,
    right: bool,
    side: str | None,
    sorter: Tensor | None,
) -> Tensor:
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    if sorted_sequence.dim() == 0:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    shape = list(sorted_sequence.shape)
    if not isinstance(values, Tensor) or values.dim() == 0:
        if sorted_sequence.dim() != 1:
            raise RuntimeError(
                "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but "
                f"we got boundaries tensor dim({sorted_sequence.dim()})"
            )
        values = torch.as_tensor(values, device=sorted_sequence.device)
    elif sorted_sequence.dim() != 1 and list(values.shape[:-1]) != shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor "
            f"and input value tensor must match, but we got boundaries tensor {shape} and input value tensor "
            f"{list(values.shape)}"
        )
    if sorter is not None:
        if list(sorter.shape) != shape:
            raise RuntimeError(
                f"torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {shape} and "
                f"got sorter tensor {list(sorter.shape)}"
            )
        if sorter.dtype != torch.int64:
            raise RuntimeError(f"torch.searchsorted(): sorter must be of long dtype but got {sorter.dtype}")
        if sorter.numel() and not sorter.is_meta and bool(((sorter < 0) | (sorter >= shape[-1])).any()):
            raise RuntimeError("torch.searchsorted(): sorter index out of range")
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    places = _lower_bound(sorted_sequence, values, right or side == "right")
    return places.to(torch.int32) if out_int32 else places


@operator(
    "searchsorted(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, "
    "Tensor? sorter=None) -> Tensor",
    function,
    out,
)
def searchsorted(
    sorted_sequence: Tensor,
    self: Tensor,
    *,
    out_int32: bool,
    right: bool,
    side: str | None,
    sorter: Tensor | None,
) -> Tensor:
    """Where values would have to be inserted into sorted rows to keep them sorted.

    Args:
        sorted_sequence: (..., n), rows in ascending order, or (n,) for all values
        self: (..., m), or a number
        out_int32: int32 instead of int64
        right: the last such place among equal elements instead of the first; `side='right'` is the same
        sorter: (..., n), the order that would sort the rows

    Returns:
        The shape of the values: i with row[i - 1] < value <= row[i], or row[i - 1] <= value < row[i] with `right`.

    Raises:
        RuntimeError: shapes that do not fit, another side, a sorter out of range.

    >>> import flambeau as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6])).tolist()
    [1, 3]
    """
    return _search(sorted_sequence, self, out_int32, right, side, sorter)


@operator(
    "searchsorted(Tensor sorted_sequence, Number self, *, bool out_int32=False, bool right=False, str? side=None, "
    "Tensor? sorter=None) -> Tensor",
    function,
    out,
)
def searchsorted_number(
    sorted_sequence: Tensor,
    self: Any,
    *,
    out_int32: bool,
    right: bool,
    side: str | None,
    sorter: Tensor | None,
) -> Tensor:
    return _search(sorted_sequence, self, out_int32, right, side, sorter)


def _bucket(values: Any, boundaries: Tensor, out_int32: bool, right: bool) -> Tensor:
    if boundaries.dim() != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})")
    places = _lower_bound(boundaries, torch.as_tensor(values, device=boundaries.device), right)
    return places.to(torch.int32) if out_int32 else places


@operator(
    "bucketize(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    function,
    out,
)
def bucketize(self: Tensor, boundaries: Tensor, *, out_int32: bool, right: bool) -> Tensor:
    """The number of the interval between boundaries in which each value lies.

    Args:
        self: any shape, or a number
        boundaries: (n,), in ascending order
        out_int32: int32 instead of int64
        right: whether intervals are closed on the left instead of the right

    Returns:
        The shape of the values: i with boundaries[i - 1] < value <= boundaries[i].

    Raises:
        RuntimeError: boundaries that are no vector.

    >>> import flambeau as torch
    >>> torch.bucketize(torch.tensor([0, 3, 9]), torch.tensor([1, 3, 5])).tolist()
    [0, 1, 3]
    """
    return _bucket(self, boundaries, out_int32, right)


@operator(
    "bucketize(Number self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    function,
    out,
)
def bucketize_number(self: Any, boundaries: Tensor, *, out_int32: bool, right: bool) -> Tensor:
    return _bucket(self, boundaries, out_int32, right)


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
