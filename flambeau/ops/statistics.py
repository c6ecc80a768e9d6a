"""Statistics of samples: covariances, counts and histograms."""

from __future__ import annotations

import math
import warnings
from typing import Any

import flambeau as torch
from flambeau import Tensor, _core
from flambeau.ops._operator import function, method, operator, out
from flambeau.ops._refusals import HALVES, need_floating, refuse, scalar_type


@operator(
    "cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor",
    function,
    method,
)
def cov(self: Tensor, *, correction: int, fweights: Tensor | None, aweights: Tensor | None) -> Tensor:
    """The covariance matrix of variables in rows and observations in columns.

    With weights w = fweights * aweights, V1 = sum(w) and the weighted means mu:

        C[i, j] = sum_k w[k] (x[i, k] - mu[i]) conj(x[j, k] - mu[j]) / (V1 - correction * sum(w * aweights) / V1)

    Args:
        self: (variables, observations), or (observations,) for one variable
        correction: what the number of observations is reduced by; 1 is Bessel's correction, 0 the plain mean
        fweights: (observations,), integers: how often each observation was made
        aweights: (observations,), floating point: the importance of each observation

    Returns:
        (variables, variables); a scalar for one variable.

    Raises:
        RuntimeError: more than two dimensions, a bool input, weights of a wrong shape or dtype, or negative ones.

    >>> import flambeau as torch
    >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if self.dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {self.dim()} dimensions"
        )
    if self.dtype == torch.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    observations = self.reshape(1, -1) if self.dim() < 2 else self
    count = observations.size(1)
    weights = None
    if fweights is not None:
        _check_dims("fweights", fweights)
        if fweights.is_floating_point() or fweights.is_complex() or fweights.dtype == torch.bool:
            raise RuntimeError(
                f"cov(): expected fweights to have integral dtype but got fweights with {scalar_type(fweights.dtype)} dtype"
            )
        _check_count("fweights", fweights, count)
        if count and bool((fweights < 0).any()):
            raise RuntimeError("cov(): fweights cannot be negative")
        weights = fweights
    if aweights is not None:
        _check_dims("aweights", aweights)
        if not aweights.is_floating_point():
            raise RuntimeError(
                "cov(): expected aweights to have floating point dtype but got aweights with "
                f"{scalar_type(aweights.dtype)} dtype"
            )
        _check_count("aweights", aweights, count)
        if count and bool((aweights < 0).any()):
            raise RuntimeError("cov(): aweights cannot be negative")
        weights = aweights if weights is None else weights * aweights
    if weights is None:
        total: Any = count
        mean = observations.sum(1, keepdim=True) / count
    else:
        total = weights.sum()
        if bool(total == 0):
            raise ZeroDivisionError("cov(): weights sum to zero, can't be normalized")
        mean = (observations * weights).sum(1, keepdim=True) / total
    norm = total - correction
    if aweights is not None and correction != 0:
        norm = total - correction * (weights * aweights).sum() / total
    if bool(norm <= 0):
        warnings.warn("cov(): degrees of freedom is <= 0", stacklevel=2)
        norm = norm * 0
    centred = observations - mean
    weighted = centred if weights is None else centred * weights
    return (torch.mm(centred, _adjoint(weighted)) / norm).squeeze()


def _check_dims(name: str, weights: Tensor) -> None:
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.dim()} "
            "dimensions"
        )


def _check_count(name: str, weights: Tensor, observations: int) -> None:
    if weights.numel() != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {observations}"
        )


def _adjoint(matrix: Tensor) -> Tensor:
    return matrix.t().conj() if matrix.is_complex() else matrix.t()


@operator("corrcoef(Tensor self) -> Tensor", function, method)
def corrcoef(self: Tensor) -> Tensor:
    """Pearson's correlation coefficients of variables in rows: C[i, j] / sqrt(C[i, i] C[j, j]), C the covariances.

    Args:
        self: (variables, observations), or (observations,) for one variable

    Returns:
        (variables, variables), values clipped to [-1, 1]; a scalar for one variable.

    Raises:
        RuntimeError: more than two dimensions, a bool input.

    >>> import flambeau as torch
    >>> torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])).round().tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if self.dim() > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {self.dim()} dimensions"
        )
    c = torch.cov(self)
    if c.dim() == 0:
        return c / c
    deviation = (c.diagonal().real if c.is_complex() else c.diagonal()).sqrt()
    c = c / deviation.unsqueeze(-1) / deviation.unsqueeze(0)
    return torch.complex(c.real.clamp(-1, 1), c.imag.clamp(-1, 1)) if c.is_complex() else c.clamp(-1, 1)


# ---- histograms

# How the interval of an element is found: `find` of `_count_in_bins`.
_BY_EDGES, _BY_WIDTH, _BY_WIDTH_AND_EDGES = 0, 1, 2


def _check_limits(name: str, low: float, high: float, crossed: str) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{name} range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(crossed)


def _extent(values: Tensor) -> tuple[float, float]:
    low, high = values.aminmax()
    return float(low), float(high)


@operator("histc(Tensor self, int bins=100, Number min=0, Number max=0) -> Tensor", function, method, out)
def histc(self: Tensor, bins: int, min: float, max: float) -> Tensor:
    """How many elements lie in each of `bins` intervals of equal width; the last one is closed at both ends.

    Args:
        self: any shape, floating point; elements outside of the range and NaN do not count
        bins: how many
        min, max: the range; the data's where they are equal

    Returns:
        (bins,), of self's dtype.

    Raises:
        RuntimeError: bins < 1, max < min, a range that is not finite.
        NotImplementedError: integers, or the meta device: the range is one of values.

    >>> import flambeau as torch
    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), 4, 0, 3).tolist()
    [0.0, 2.0, 1.0, 0.0]
    """
    need_floating("histogram_cpu", self.dtype)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    values = self.detach().reshape(-1)
    low, high = min, max
    if low == high and self.numel() and not self.is_meta:
        low, high = _extent(values)
    _check_limits("torch.histc:", low, high, "torch.histc: max must be larger than min")
    if low == high:
        low, high = low - 1, high + 1
    if values.dtype in (torch.float16, torch.bfloat16):  # rounded at every step
        values = values[(values >= low) & (values <= high)]
        places = ((values - low) * bins / (high - low)).to(torch.int64).clamp_(0, bins - 1)
        return torch.bincount(places, minlength=bins).to(self.dtype)
    edges = torch.linspace(low, high, bins + 1, dtype=values.dtype, device=self.device)
    return _core._count_in_bins(values.unsqueeze(1), [edges], None, _BY_WIDTH)


def _range_edges(values: Tensor, bins: int, limits: tuple[float, float] | None, axis: int) -> Tensor:
    """The edges of intervals of equal width along one axis: over the limits given, or over the values."""
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension {axis}")
    if limits is None:
        low, high = _extent(values) if values.numel() else (0.0, 1.0)
    else:
        low, high = limits
    _check_limits(
        f"torch.histogram(): dimension {axis}'s",
        low,
        high,
        f"torch.histogram(): min should not exceed max, but got min {low} max {high} for dimension {axis}",
    )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return torch.linspace(low, high, bins + 1, dtype=values.dtype, device=values.device)


def _density(counts: Tensor, edges: list[Tensor], density: bool) -> Tensor:
    if not density:
        return counts
    counts = counts / counts.sum()
    for axis, e in enumerate(edges):
        counts = counts / (e[1:] - e[:-1]).reshape([-1 if k == axis else 1 for k in range(counts.dim())])
    return counts


def _histogram(values: Tensor, edges: Tensor, weight: Tensor | None, density: bool, find: int) -> Tensor:
    if weight is not None and weight.shape != values.shape:
        raise RuntimeError(
            f"torch.histogram(): if weight tensor is provided it should have the same shape as the input tensor, but got "
            f"{list(weight.shape)} and {list(values.shape)}"
        )
    if edges.dtype != values.dtype or (weight is not None and weight.dtype != values.dtype):
        raise RuntimeError("torch.histogram(): input, bins and weight should have the same dtype")
    weights = None if weight is None else weight.detach().reshape(-1)
    counts = _core._count_in_bins(values.detach().reshape(-1, 1), [edges.detach()], weights, find)
    return _density(counts, [edges], density)


@operator(
    "histogram(Tensor self, int bins=100, *, object range=None, Tensor? weight=None, bool density=False)"
    " -> (Tensor, Tensor)",
    function,
    method,
    out,
    result="histogram hist bin_edges",
)
def histogram(
    self: Tensor, bins: int, *, range: Any, weight: Tensor | None, density: bool
) -> tuple[Tensor, Tensor]:
    """The weight of the elements in each interval, and the intervals' edges; the last one is closed at both ends.

    Args:
        self: any shape, floating point; elements outside of the edges do not count
        bins: how many intervals of equal width, or a vector of increasing edges
        range: two numbers, the data's smallest and largest by default; not with edges
        weight: of self's shape, ones by default
        density: whether sums are divided by the whole and the widths, so that the integral is 1

    Returns:
        The named tuple (hist, bin_edges), of n and n + 1 elements.

    Raises:
        RuntimeError: bins < 1, a range that is not finite, shapes or dtypes that differ.
        NotImplementedError: integers.

    >>> import flambeau as torch
    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0)).hist.tolist()
    [0.0, 2.0, 1.0, 0.0]
    """
    need_floating("histogramdd", self.dtype)
    refuse("histogramdd", self.dtype, HALVES)
    limits = None if range is None else (float(range[0]), float(range[1]))
    edges = _range_edges(self.detach(), bins, limits, 0)
    return _histogram(self, edges, weight, density, _BY_WIDTH_AND_EDGES), edges


@operator(
    "histogram(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor, Tensor)",
    function,
    method,
    out,
    result="histogram hist bin_edges",
)
def histogram_of_edges(
    self: Tensor, bins: Tensor, *, weight: Tensor | None, density: bool
) -> tuple[Tensor, Tensor]:
    need_floating("histogramdd", self.dtype)
    if bins.dim() != 1 or bins.numel() < 2:
        raise RuntimeError("torch.histogram(): bins tensor should have one dimension and at least two edges")
    return _histogram(self, bins, weight, density, _BY_EDGES), bins.clone()


@operator(
    "histogramdd(Tensor self, object bins, *, object range=None, Tensor? weight=None, bool density=False)"
    " -> (Tensor, Tensor)",
    function,
    result="histogramdd hist bin_edges",
)
def histogramdd(
    self: Tensor, bins: Any, *, range: Any, weight: Tensor | None, density: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The weight of points in each cell of a grid, and the edges of its intervals along each axis.

    Args:
        self: (..., d), floating point: points with d coordinates; those outside of the grid do not count
        bins: how many intervals of equal width along every axis, or along each, or vectors of increasing edges
        range: the lower and upper limit along each axis, one after another; the data's by default
        weight: (...), ones by default
        density: whether sums are divided by the whole and the cells' volumes, so that the integral is 1

    Returns:
        The named tuple (hist, bin_edges): a tensor with d dimensions, and d vectors.

    Raises:
        RuntimeError: bins, limits or weights that do not fit the points; fewer than two dimensions.
        NotImplementedError: integers and halves.

    >>> import flambeau as torch
    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), bins=[2, 2]).hist.tolist()
    [[0.0, 1.0], [1.0, 1.0]]
    """
    need_floating("histogramdd", self.dtype)
    refuse("histogramdd", self.dtype, HALVES)
    if self.dim() < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    axes = self.size(-1)
    if isinstance(bins, int):
        bins = [bins] * axes
    if len(bins) != axes:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    if weight is not None and weight.shape != self.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding "
            f"its innermost dimension, but got input with shape {list(self.shape)} and weight with shape "
            f"{list(weight.shape)}"
        )
    points = self.detach().reshape(-1, axes)
    if isinstance(bins[0], Tensor) if axes else False:
        edges, find = [_own_edges(e, axis) for axis, e in enumerate(bins)], _BY_EDGES
    else:
        if range is not None and len(range) != 2 * axes:
            raise RuntimeError(
                f"torch.histogramdd: for a {axes}-dimensional histogram range should have {2 * axes} elements, but got "
                f"{len(range)}"
            )
        edges, find = [], _BY_WIDTH_AND_EDGES
        for axis, count in enumerate(bins):
            limits = None if range is None else (float(range[2 * axis]), float(range[2 * axis + 1]))
            edges.append(_range_edges(points[:, axis], count, limits, axis))
    weights = None if weight is None else weight.detach().reshape(-1)
    counts = _core._count_in_bins(points, edges, weights, find)
    return _density(counts, edges, density), tuple(edges)


def _own_edges(edges: Any, axis: int) -> Tensor:
    if not isinstance(edges, Tensor):
        raise TypeError(f"expected Tensor as element {axis} in argument 1, but got {type(edges).__name__}")
    if edges.dim() != 1:
        raise RuntimeError(
            f"torch.histogramdd: bins tensor should have one dimension, but got {edges.dim()} dimensions in the bins tensor "
            f"for dimension {axis}"
        )
    return edges.detach()
