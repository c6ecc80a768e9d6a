"""Operators on sorted order, over other operators: distinct elements, quantiles, hashes."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor, _core
from flambeau.ops._dims import wrap_dim
from flambeau.ops._operator import float32, function, method, operator, out
from flambeau.ops._refusals import COMPLEX, WIDE_UNSIGNED, refuse


@operator(
    "unique(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor",
    function,
    method,
)
def unique(self: Tensor, sorted: bool, return_inverse: bool, return_counts: bool, dim: int | None) -> Any:
    """The distinct elements in ascending order, or the distinct slices along a dimension.

    Args:
        self: any shape, real; no NaN equals another
        sorted: whether they must come in order; they do in any case
        return_inverse: whether to say for each element (or slice) which of the results it is
        return_counts: whether to say how often each occurs
        dim: compare the slices along this dimension, instead of all elements

    Returns:
        The distinct elements, (n,) or self's shape with n in `dim`; with the extra results asked for, a tuple: (values,
        inverse), (values, counts) or (values, inverse, counts).

    Raises:
        IndexError, RuntimeError: a dimension out of range, slices without elements.
        NotImplementedError: complex elements, or the meta device: the result's shape depends on values.

    >>> import flambeau as torch
    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    if dim is None:
        values, inverse, counts = _core._unique2(self, sorted, return_inverse, return_counts)
    else:
        values, inverse, counts = _unique_slices(self, dim)
    return _asked_for(values, inverse if return_inverse else None, counts if return_counts else None)


def _asked_for(values: Tensor, *extra: Tensor | None) -> Any:
    given = [result for result in extra if result is not None]
    return (values, *given) if given else values


def _rows(self: Tensor, dim: int, name: str) -> Tensor:
    """The slices along a dimension as rows of a matrix."""
    if self.dim() == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    count = self.size(dim)
    if self.numel() == 0 and any(n == 0 for k, n in enumerate(self.shape) if k != dim % self.dim()):
        raise RuntimeError(
            f"There are 0 sized dimensions, and they aren't selected, so {name} cannot be applied"
        )
    return self.detach().movedim(dim, 0).reshape(count, self.numel() // count if count else 0)


def _unique_slices(self: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    refuse("unique_dim", self.dtype, COMPLEX)
    firsts, inverse, counts = _core._unique_rows(_rows(self, dim, "unique"))
    return self.index_select(dim, firsts), inverse, counts


@operator(
    "unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor",
    function,
    method,
)
def unique_consecutive(self: Tensor, return_inverse: bool, return_counts: bool, dim: int | None) -> Any:
    """The elements without those that equal the one before, or the slices along a dimension.

    Args:
        self: any shape, real; no NaN equals another
        return_inverse: whether to say for each element (or slice) which of the results it is
        return_counts: whether to say how long each run is
        dim: compare the slices along this dimension, instead of all elements in order

    Returns:
        The first of each run; with the extra results asked for, a tuple: (values, inverse), (values, counts) or (values,
        inverse, counts).

    Raises:
        IndexError, RuntimeError: a dimension out of range, slices without elements.
        NotImplementedError: complex elements, or the meta device: the result's shape depends on values.

    >>> import flambeau as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    refuse("unique", self.dtype, COMPLEX)
    if dim is None:
        items = self.detach().reshape(-1)
        differs = items[1:] != items[:-1]
    else:
        items = _rows(self, dim, "unique_consecutive")
        differs = (items[1:] != items[:-1]).any(1)
    count = items.size(0)
    # Whether a run other than the first begins.
    begins = torch.cat([torch.zeros((min(count, 1),), dtype=torch.bool, device=self.device), differs])
    inverse = begins.cumsum(0) if return_inverse else None
    begins[:1] = True
    places = begins.nonzero().reshape(-1)
    values = self.reshape(-1)[places] if dim is None else self.index_select(dim, places)
    counts = None
    if inverse is not None and dim is None:
        inverse = inverse.reshape(self.shape)
    if return_counts:
        end = torch.tensor([count], device=self.device)
        counts = torch.cat([places[1:], end])[: places.size(0)] - places
    return _asked_for(values, inverse, counts)


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    name: str, self: Tensor, q: Tensor, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    if self.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if self.dtype not in (torch.float32, torch.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if q.dtype != self.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not q.is_meta and not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if dim is None:
        rows, kept = self.reshape(-1), [1] * self.dim()
    else:
        rows = self.movedim(dim, -1) if self.dim() else self.reshape(-1)
        kept = [1 if k == dim % max(self.dim(), 1) else n for k, n in enumerate(self.shape)]
    ordered = rows.sort(-1)[0]
    last = ordered.size(-1) - 1
    if skip_nan:
        numbers = (~ordered.isnan()).sum(-1, keepdim=True)
        ranks = (q.reshape(-1) * (numbers - 1).to(self.dtype)).clamp_min(0)
    else:  # NaN comes last: where there is one, it is the quantile
        ranks = (q.reshape(-1) * last).expand((*ordered.shape[:-1], q.numel()))
        ranks = ranks.masked_fill(ordered.narrow(-1, last, 1).isnan(), last)
    if interpolation == "lower":
        ranks = ranks.floor()
    elif interpolation == "higher":
        ranks = ranks.ceil()
    elif interpolation == "nearest":
        ranks = ranks.round()
    below = ranks.to(torch.int64)
    values = ordered.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weights = torch.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
        values = torch.lerp(values, ordered.gather(-1, ranks.ceil().to(torch.int64)), weights)
    values = values.movedim(-1, 0)
    if keepdim:
        values = values.reshape([q.numel(), *kept])
    return values.squeeze(0) if q.dim() == 0 else values


def _fraction(name: str, q: float, like: Tensor) -> Tensor:
    if not 0 <= q <= 1:
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
    return torch.tensor(q, dtype=like.dtype if like.is_floating_point() else None, device=like.device)


@operator(
    "quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    function,
    method,
    out,
    float32,
)
def quantile(self: Tensor, q: Tensor, dim: int | None, keepdim: bool, *, interpolation: str) -> Tensor:
    """What a fraction q of the elements does not exceed: the element of rank q (n - 1) in sorted order.

    Args:
        self: any shape, float32 or float64; where there is a NaN, the quantile is NaN
        q: a number from 0 to 1, or a vector of them of self's dtype
        dim: which dimension; all elements by default
        keepdim: whether it stays, with size 1
        interpolation: between two elements: 'linear', 'lower', 'higher', 'midpoint' or 'nearest'

    Returns:
        The reduced shape, behind a dimension for q where that is a vector.

    Raises:
        RuntimeError: no elements, another dtype, q out of range, another interpolation.

    >>> import flambeau as torch
    >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile("quantile", self, q, dim, keepdim, interpolation, False)


@operator(
    "quantile(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    function,
    method,
    out,
    float32,
)
def quantile_number(self: Tensor, q: float, dim: int | None, keepdim: bool, *, interpolation: str) -> Tensor:
    return _quantile("quantile", self, _fraction("quantile", q, self), dim, keepdim, interpolation, False)


@operator(
    "nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    function,
    method,
    out,
    float32,
)
def nanquantile(self: Tensor, q: Tensor, dim: int | None, keepdim: bool, *, interpolation: str) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN where there is nothing else.

    Args:
        self: any shape, float32 or float64
        q: a number from 0 to 1, or a vector of them of self's dtype
        dim: which dimension; all elements by default
        keepdim: whether it stays, with size 1
        interpolation: between two elements: 'linear', 'lower', 'higher', 'midpoint' or 'nearest'

    Returns:
        The reduced shape, behind a dimension for q where that is a vector.

    Raises:
        RuntimeError: no elements, another dtype, q out of range, another interpolation.

    >>> import flambeau as torch
    >>> torch.nanquantile(torch.tensor([0.0, float('nan'), 2.0]), 0.5)
    tensor(1.)
    """
    return _quantile("nanquantile", self, q, dim, keepdim, interpolation, True)


@operator(
    "nanquantile(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    function,
    method,
    out,
    float32,
)
def nanquantile_number(
    self: Tensor, q: float, dim: int | None, keepdim: bool, *, interpolation: str
) -> Tensor:
    return _quantile(
        "nanquantile", self, _fraction("nanquantile", q, self), dim, keepdim, interpolation, True
    )


@operator(
    "hash_tensor(Tensor self, int[] dim=[], *, bool keepdim=False, int mode=0) -> Tensor",
    function,
    method,
    out,
)
def hash_tensor(self: Tensor, dim: tuple[int, ...], *, keepdim: bool, mode: int) -> Tensor:
    """The exclusive or of the elements' bits, as float64 or int64.

    Args:
        self: any shape, real
        dim: dimensions, all by default
        keepdim: whether they stay, with size 1
        mode: 0, the exclusive or

    Returns:
        uint64.

    Raises:
        RuntimeError, IndexError: another mode, a dimension that is named twice, no elements.
        NotImplementedError: complex elements, or unsigned ones of more than eight bits.

    >>> import flambeau as torch
    >>> torch.hash_tensor(torch.tensor([5, 3])).item()
    6
    """
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    refuse("xor_sum_cpu", self.dtype, COMPLEX, WIDE_UNSIGNED)
    if self.numel() == 0 and not dim:
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument."
        )
    axes = [wrap_dim(d, self.dim()) for d in dim]
    for axis in axes:
        if axes.count(axis) > 1:
            raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
        if self.dim() and self.size(axis) == 0:
            raise IndexError(f"hash_tensor: Expected reduction dim {axis} to have non-zero size.")
    values = self.detach()
    if values.is_floating_point():
        bits = values.to(torch.float64).view(torch.int64)
    else:
        bits = values.to(torch.int64)
    if self.dim() == 0:
        return bits.view(torch.uint64).clone()
    for axis in axes or range(self.dim()):
        while (n := bits.size(axis)) > 1:
            half = n // 2
            folded = bits.narrow(axis, 0, half) ^ bits.narrow(axis, half, half)
            bits = torch.cat([folded, bits.narrow(axis, n - 1, 1)], axis) if n % 2 else folded
    result = bits if keepdim else bits.squeeze(tuple(axes or range(self.dim())))
    return result.contiguous().view(torch.uint64).clone()
