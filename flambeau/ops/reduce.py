"""Sums, differences and integrals along dimensions, over other operators."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import float32, function, method, operator, out
from flambeau.ops._refusals import WIDE_UNSIGNED, refuse


@operator("trace(Tensor self) -> Tensor", function, method, float32)
def trace(self: Tensor) -> Tensor:
    """The sum of a matrix's main diagonal.

    Args:
        self: (m, n)

    Raises:
        RuntimeError: self is no matrix.

    >>> import flambeau as torch
    >>> torch.trace(torch.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if self.dim() != 2:
        raise RuntimeError("trace: expected a matrix")
    refuse("trace", self.dtype, "Bool", WIDE_UNSIGNED)
    return self.diagonal().sum()


@operator(
    "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor",
    function,
    method,
    out,
)
def diff(self: Tensor, n: int, dim: int, prepend: Tensor | None, append: Tensor | None) -> Tensor:
    """The n-th forward difference along a dimension: out[i] = in[i + 1] - in[i], n times.

    Args:
        self: at least one dimension
        n: how often, 0 leaves the input as it is
        prepend, append: what is joined to the input beforehand; other dimensions as the input's

    Returns:
        n elements less in that dimension, none if there are fewer; differences of bool are exclusive ors.

    Raises:
        RuntimeError: a scalar, a negative n, shapes that do not fit.

    >>> import flambeau as torch
    >>> torch.diff(torch.tensor([1, 4, 9, 16])).tolist()
    [3, 5, 7]
    """
    if self.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return self.clone()
    parts = [t for t in (prepend, self, append) if t is not None]
    for part in parts:
        if part.dim() != self.dim():
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    joined = torch.cat(parts, dim) if len(parts) > 1 else self
    for _ in range(min(n, joined.size(dim))):
        count = joined.size(dim)
        later, earlier = joined.narrow(dim, 1, count - 1), joined.narrow(dim, 0, count - 1)
        joined = later.logical_xor(earlier) if joined.dtype == torch.bool else later - earlier
    return joined


def _steps(y: Tensor, x: Tensor, dim: int, name: str) -> Tensor:
    """The distances of neighbouring abscissae, shaped for y."""
    if x.dim() == 0:
        raise RuntimeError(f"{name}: x must have at least one dimension")
    if x.dim() == 1:
        if x.size(0) != y.size(dim):
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        distances = x[1:] - x[:-1]
        return distances.reshape([-1 if k == dim % y.dim() else 1 for k in range(y.dim())])
    if x.dim() < y.dim():
        x = x.reshape([1] * (y.dim() - x.dim()) + list(x.shape))
    place = dim if dim < 0 else dim + x.dim() - y.dim()
    count = x.size(place)
    return x.narrow(place, 1, count - 1) - x.narrow(place, 0, count - 1)


def _areas(y: Tensor, width: Any, dim: int) -> Tensor:
    count = y.size(dim)
    return (y.narrow(dim, 0, count - 1) + y.narrow(dim, 1, count - 1)) * width / 2


def _check_samples(y: Tensor, dim: int, name: str) -> None:
    if y.dim() == 0:
        raise IndexError(f"{name}: y must have at least one dimension")
    y.size(dim)  # refuses a dimension out of range


def _trapezoid(y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    _check_samples(y, dim, "trapezoid")
    if y.dtype == torch.bool or (x is not None and x.dtype == torch.bool):
        raise RuntimeError("trapezoid: received a bool input for `x` or `y`, but bool is not supported")
    if y.size(dim) == 0:
        kept = [size for k, size in enumerate(y.shape) if k != dim % y.dim()]
        return torch.zeros(kept, dtype=y.dtype, device=y.device)
    return _areas(y, dx if x is None else _steps(y, x, dim, "trapezoid"), dim).sum(dim)


@operator("trapezoid(Tensor y, Tensor x, *, int dim=-1) -> Tensor", function)
def trapezoid_over(y: Tensor, x: Tensor, *, dim: int) -> Tensor:
    """The integral of samples by the trapezoidal rule: sum_i (x[i + 1] - x[i]) (y[i] + y[i + 1]) / 2.

    Args:
        y: samples; the dimension `dim` is integrated away
        x: where they were taken, a vector or a shape that broadcasts with y's
        dx: the distance of samples where x is not given

    Raises:
        RuntimeError: numbers of samples that differ, or bool samples.
        IndexError: dim out of range.

    >>> import flambeau as torch
    >>> torch.trapezoid(torch.tensor([1.0, 2.0, 3.0]), dx=2)
    tensor(8.)
    """
    return _trapezoid(y, x, 1, dim)


@operator("trapezoid(Tensor y, *, Number dx=1, int dim=-1) -> Tensor", function)
def trapezoid(y: Tensor, *, dx: float, dim: int) -> Tensor:
    return _trapezoid(y, None, dx, dim)


@operator("trapz(Tensor y, Tensor x, *, int dim=-1) -> Tensor", function)
def trapz_over(y: Tensor, x: Tensor, *, dim: int) -> Tensor:
    """`trapezoid` by its older name: the integral of samples by the trapezoidal rule.

    >>> import flambeau as torch
    >>> torch.trapz(torch.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    return _trapezoid(y, x, 1, dim)


@operator("trapz(Tensor y, *, float dx=1, int dim=-1) -> Tensor", function)
def trapz(y: Tensor, *, dx: float, dim: int) -> Tensor:
    return _trapezoid(y, None, dx, dim)


def _cumulative_trapezoid(y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    _check_samples(y, dim, "cumulative_trapezoid")
    if y.dtype == torch.bool or (x is not None and x.dtype == torch.bool):
        raise RuntimeError(
            "cumulative_trapezoid: received a bool input for `x` or `y`, but bool is not supported"
        )
    if y.size(dim) == 0:
        return torch.zeros(y.shape, dtype=y.dtype, device=y.device)
    width = dx if x is None else _steps(y, x, dim, "cumulative_trapezoid")
    return _areas(y, width, dim).cumsum(dim)


@operator("cumulative_trapezoid(Tensor y, Tensor x, *, int dim=-1) -> Tensor", function)
def cumulative_trapezoid_over(y: Tensor, x: Tensor, *, dim: int) -> Tensor:
    """The running integral of samples by the trapezoidal rule: element i is the integral up to sample i + 1.

    Args:
        y: samples
        x: where they were taken, a vector or a shape that broadcasts with y's
        dx: the distance of samples where x is not given

    Returns:
        One element less than y along `dim`.

    Raises:
        RuntimeError: numbers of samples that differ, or bool samples.
        IndexError: dim out of range.

    >>> import flambeau as torch
    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [1.5, 4.0]
    """
    return _cumulative_trapezoid(y, x, 1, dim)


@operator("cumulative_trapezoid(Tensor y, *, Number dx=1, int dim=-1) -> Tensor", function)
def cumulative_trapezoid(y: Tensor, *, dx: float, dim: int) -> Tensor:
    return _cumulative_trapezoid(y, None, dx, dim)


@operator(
    "gradient(Tensor self, *, object spacing=None, int[]? dim=None, int edge_order=1) -> Tensor[]", function
)
def gradient(
    self: Tensor, *, spacing: Any, dim: tuple[int, ...] | None, edge_order: int
) -> tuple[Tensor, ...]:
    """The partial derivatives of sampled values by second-order central differences, one-sided at the edges.

    With distances a before and b behind a sample: f' = (a^2 f(x + b) - b^2 f(x - a) + (b^2 - a^2) f(x)) / (a b (a + b)).

    Args:
        self: samples on a grid
        spacing: a number for all dimensions, a number for each, or a vector of coordinates for each
        dim: the dimensions to differentiate, all by default
        edge_order: 1 or 2: the order of accuracy at the edges

    Returns:
        A tensor of the input's shape for each dimension.

    Raises:
        RuntimeError: fewer than edge_order + 1 samples, an edge_order but 1 and 2, spacings that do not fit, a repeated dim.

    >>> import flambeau as torch
    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0, 16.0]))[0].tolist()
    [3.0, 4.0, 6.0, 7.0]

    Source: Fornberg, Generation of finite difference formulas on arbitrarily spaced grids, 1988.
    """
    if self.dtype == torch.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    for d in dim or ():
        self.size(d)  # refuses a dimension out of range
    dims = list(range(self.dim())) if dim is None else [d % self.dim() for d in dim]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    if isinstance(spacing, (list, tuple)):
        if len(spacing) != len(dims):
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"'self.dim() = {len(dims)}', since dim argument was not given, but got a list of length {len(spacing)}"
                if dim is None
                else "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to "
                f"have the same length, but got a spacing argument of length {len(spacing)} and a dim argument of "
                f"length {len(dims)}."
            )
        spacings = list(spacing)
    elif isinstance(spacing, Tensor):
        raise TypeError("gradient(): argument 'spacing' must be a number or a list, not Tensor")
    else:
        spacings = [1 if spacing is None else spacing] * len(dims)
    for d in dims:
        if self.size(d) < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_derivative(self, h, d, edge_order) for h, d in zip(spacings, dims, strict=True))


def _derivative(f: Tensor, spacing: Any, dim: int, edge_order: int) -> Tensor:
    n = f.size(dim)

    def part(start: int, length: int) -> Tensor:
        return f.narrow(dim, start, length)

    if isinstance(spacing, Tensor):
        if spacing.dim() != 1 or spacing.size(0) != n:
            raise RuntimeError(
                "torch.gradient expected each element of `spacing` to be a vector with one coordinate per sample"
            )
        h = (spacing[1:] - spacing[:-1]).reshape([-1 if k == dim else 1 for k in range(f.dim())])
        a, b = h.narrow(dim, 0, n - 2), h.narrow(dim, 1, n - 2)
        inner = (a * a * part(2, n - 2) - b * b * part(0, n - 2) + (b * b - a * a) * part(1, n - 2)) / (
            a * b * (a + b)
        )
        first, last = h.narrow(dim, 0, 1), h.narrow(dim, n - 2, 1)
    else:
        inner = (part(2, n - 2) - part(0, n - 2)) / (2 * spacing)
        first = last = spacing
    if edge_order == 1:
        head = (part(1, 1) - part(0, 1)) / first
        tail = (part(n - 1, 1) - part(n - 2, 1)) / last
    else:
        second, before = (
            (h.narrow(dim, 1, 1), h.narrow(dim, n - 3, 1)) if isinstance(spacing, Tensor) else (first, last)
        )
        head = _one_sided(part(0, 1), part(1, 1), part(2, 1), first, second)
        tail = -_one_sided(part(n - 1, 1), part(n - 2, 1), part(n - 3, 1), last, before)
    return torch.cat([head, inner, tail], dim)


def _one_sided(f0: Tensor, f1: Tensor, f2: Tensor, a: Any, b: Any) -> Tensor:
    """The derivative at the first of three samples with distances a and b."""
    return -(2 * a + b) / (a * (a + b)) * f0 + (a + b) / (a * b) * f1 - a / (b * (a + b)) * f2
