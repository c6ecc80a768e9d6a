"""Statistics of samples: covariances, counts and histograms."""

from __future__ import annotations

import math
import warnings
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, method, operator, out
from flambeau.ops._refusals import HALVES, is_integral, need_floating, refuse, scalar_type


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
            f"cov(): expected input to have two or fewer dimensions but got an input with {self.dim()}"
        )
    if self.dtype == torch.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    observations = self.reshape(1, -1) if self.dim() < 2 else self
    count = observations.size(1)
    weights = None
    if fweights is not None:
        _check_weights("fweights", fweights, count)
        if fweights.is_floating_point() or fweights.is_complex() or fweights.dtype == torch.bool:
            raise RuntimeError("cov(): expected fweights to have integral dtype")
        if count and bool((fweights < 0).any()):
            raise RuntimeError("cov(): fweights cannot be negative")
        weights = fweights
    if aweights is not None:
        _check_weights("aweights", aweights, count)
        if not aweights.is_floating_point():
            raise RuntimeError("cov(): expected aweights to have floating point dtype")
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


def _check_weights(name: str, weights: Tensor, observations: int) -> None:
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.dim()}"
        )
    if weights.numel() != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same number of observations as the input but got {weights.numel()} "
            f"!= {observations}"
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


@operator("bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor", function, method)
def bincount(self: Tensor, weights: Tensor | None, minlength: int) -> Tensor:
    """How often each number from 0 occurs, or the sum of the weights of its occurrences.

    Args:
        self: (n,), integers not below 0
        weights: (n,); sums are float64 unless the weights are float32
        minlength: the least length of the result

    Returns:
        (max(largest number + 1, minlength),).

    Raises:
        RuntimeError: not a vector of non-negative integers, weights of another shape, a negative minlength.
        NotImplementedError: other types than integers.

    >>> import flambeau as torch
    >>> torch.bincount(torch.tensor([0, 2, 2])).tolist()
    [1, 0, 2]
    """
    if not is_integral(self):
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{scalar_type(self.dtype)}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if self.dim() == 1 and self.numel() == 0:
        return torch.zeros((minlength,), dtype=torch.int64, device=self.device)
    if self.dim() != 1 or bool(self.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != self.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    length = max(int(self.max()) + 1, minlength)
    if weights is None:
        addends = torch.ones(self.shape, dtype=torch.int64, device=self.device)
    else:
        addends = weights.detach() if weights.dtype == torch.float32 else weights.detach().to(torch.float64)
    return torch.zeros((length,), dtype=addends.dtype, device=self.device).index_add_(
        0, self.to(torch.int64), addends
    )


def _limits(self: Tensor, low: float, high: float, name: str) -> tuple[float, float]:
    """The range of a histogram: the data's where none is given, widened where it is a point."""
    if low == high and self.numel() and not self.is_meta:
        low, high = float(self.min()), float(self.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    return (low - 1, high + 1) if low == high else (low, high)


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
        NotImplementedError: integers.

    >>> import flambeau as torch
    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), 4, 0, 3).tolist()
    [0.0, 2.0, 1.0, 0.0]
    """
    need_floating("histogram_cpu", self.dtype)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    values = self.detach().reshape(-1)
    low, high = _limits(values, min, max, "torch.histc")
    values = values[(values >= low) & (values <= high)]
    place = ((values - low) * (bins / (high - low))).to(torch.int64).clamp(0, bins - 1)
    return torch.zeros((bins,), dtype=self.dtype, device=self.device).index_add_(
        0, place, torch.ones_like(values)
    )


def _histogram(values: Tensor, edges: Tensor, weight: Tensor | None, density: bool) -> Tensor:
    need_floating("histogramdd", values.dtype)
    if weight is not None and weight.shape != values.shape:
        raise RuntimeError(
            f"torch.histogram(): if weight tensor is provided it should have the same shape as the input tensor, but got "
            f"{list(weight.shape)} and {list(values.shape)}"
        )
    if edges.dtype != values.dtype or (weight is not None and weight.dtype != values.dtype):
        raise RuntimeError("torch.histogram(): input, bins and weight should have the same dtype")
    flat = values.detach().reshape(-1)
    weights = torch.ones_like(flat) if weight is None else weight.detach().reshape(-1)
    count = edges.numel() - 1
    inside = (flat >= edges[0]) & (flat <= edges[-1])
    flat, weights = flat[inside], weights[inside]
    place = (torch.searchsorted(edges, flat, right=True) - 1).clamp(0, count - 1)
    hist = torch.zeros((count,), dtype=values.dtype, device=values.device).index_add_(0, place, weights)
    return hist / (hist.sum() * (edges[1:] - edges[:-1])) if density else hist


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
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if range is None:
        low, high = (float(self.min()), float(self.max())) if self.numel() else (0.0, 1.0)
    else:
        low, high = (float(limit) for limit in range)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histogram(): dimension 0's range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.histogram(): min should not exceed max, but got {low} and {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = torch.linspace(low, high, bins + 1, dtype=self.dtype, device=self.device)
    return _histogram(self, edges, weight, density), edges


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
    if bins.dim() != 1 or bins.numel() < 2:
        raise RuntimeError("torch.histogram(): bins tensor should have one dimension and at least two edges")
    return _histogram(self, bins, weight, density), bins.clone()
