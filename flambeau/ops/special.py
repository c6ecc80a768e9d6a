"""Special functions over other operators: orthogonal polynomials, the entropy, the normal distribution, mvlgamma."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, inplace, method, operator, out, special
from flambeau.ops._refusals import COMPLEX, HALVES, refuse


@operator("entr(Tensor self) -> Tensor", special, out)
def entr(self: Tensor) -> Tensor:
    """The entropy function: -x log(x) above zero, 0 at zero, -inf below; NaN stays.

    Args:
        self: any shape; integers are converted to the default dtype

    Raises:
        NotImplementedError: complex numbers.

    >>> import flambeau as torch
    >>> torch.special.entr(torch.tensor([-1.0, 0.0, 1.0])).tolist()
    [-inf, 0.0, -0.0]
    """
    refuse("entr_cpu", self.dtype, COMPLEX)
    if not self.is_floating_point():
        self = self.to(torch.get_default_dtype())
    positive = self > 0
    inside = torch.where(positive, self, torch.ones_like(self))
    outside = torch.where(self == 0, torch.zeros_like(self), torch.full_like(self, -math.inf))
    outside = torch.where(self.isnan(), self, outside)
    return torch.where(positive, -inside * inside.log(), outside)


def _multigammaln(self: Tensor, p: int) -> Tensor:
    if self.dtype == torch.bool:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    refuse("arange_cpu", self.dtype, COMPLEX)
    dtype = self.dtype if self.is_floating_point() else torch.get_default_dtype()
    steps = torch.arange(p, dtype=dtype, device=self.device) * -0.5
    return torch.lgamma(self.unsqueeze(-1) + steps).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)


@operator("mvlgamma(Tensor self, int p) -> Tensor", function, method, inplace, out)
def mvlgamma(self: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function: p (p - 1) / 4 log(pi) + the sum of lgamma(x - i / 2), i < p.

    Args:
        self: any shape; above (p - 1) / 2 for a meaning; integers are converted to the default dtype
        p: the dimension, at least 1

    Raises:
        RuntimeError: p below 1, or booleans.
        NotImplementedError: complex numbers.

    >>> import flambeau as torch
    >>> torch.mvlgamma(torch.tensor([3.0]), 2)
    tensor([1.5502])

    Source: Muirhead, Aspects of Multivariate Statistical Theory, 1982, theorem 2.1.12.
    """
    return _multigammaln(self, p)


@operator("multigammaln(Tensor self, int p) -> Tensor", special, out)
def multigammaln(self: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function; the same as `torch.mvlgamma`.

    >>> import flambeau as torch
    >>> torch.special.multigammaln(torch.tensor([3.0]), 2)
    tensor([1.5502])
    """
    return _multigammaln(self, p)


@operator("ndtr(Tensor self) -> Tensor", special, out)
def ndtr(self: Tensor) -> Tensor:
    """The distribution function of the standard normal: erfc(-x / sqrt(2)) / 2.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.special.ndtr(torch.tensor([0.0])).tolist()
    [0.5]
    """
    return torch.erfc(self * -math.sqrt(0.5)) * 0.5


@operator("xlog1py(Tensor|Number self, Tensor|Number other) -> Tensor", special, out)
def xlog1py(self: Any, other: Any) -> Tensor:
    """x log(1 + y), and 0 where x is 0, whatever the logarithm; NaN where y is NaN.

    Args:
        self, other: tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.xlog1py(torch.tensor([0.0, 1.0]), torch.tensor([-1.0, 0.0])).tolist()
    [0.0, 0.0]
    """
    if not isinstance(self, Tensor) and not isinstance(other, Tensor):
        raise TypeError("xlog1py(): one of the arguments must be a Tensor")
    if not isinstance(other, Tensor):
        other = torch.full((), other, dtype=torch.result_type(self, other), device=self.device)
    dtype = torch.result_type(self, other)
    if not (dtype.is_floating_point or dtype.is_complex):
        self, other = (torch.as_tensor(side, dtype=torch.get_default_dtype()) for side in (self, other))
    masked = torch.where(torch.as_tensor(self == 0) & ((other <= -1) | (other == math.inf)), 0, other)
    return self * torch.log1p(masked)


# A recurrence with no closed form that is still finite after the trial is followed this far and no further.
_HIGHEST_DEGREE = 1 << 20
_TRIAL = 1 << 13
_STEPS_BETWEEN_LOOKS = 64


class _Family(NamedTuple):
    """Polynomials with a three-term recurrence: p[0] = 1, p[k + 1] = ((a x + b) p[k] - c p[k - 1]) / d."""

    coefficients: Callable[[int], tuple[float, float, float, float]]  # of k: a, b, c, d
    # p[1] = slope x + offset, where the recurrence does not give it
    first: tuple[float, float] | None = None
    # (x, degree) -> a mask, and values where it is set: nothing is repeated there
    closed: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None


def _polynomial(name: str, x: Any, n: Any, family: _Family, shifted: bool = False) -> Tensor:
    """The n-th polynomial of a family at x, or at 2 x - 1.

    A recurrence that has become nan stays so. Degrees are rounded towards zero; below zero the polynomial is 0. There is
    no derivative.
    """
    if not isinstance(x, Tensor) and not isinstance(n, Tensor):
        raise TypeError("one of the arguments must be a Tensor")
    device = x.device if isinstance(x, Tensor) else n.device
    dtype = torch.result_type(x, n)
    refuse(f"{name}_cpu", dtype, HALVES, COMPLEX)
    dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
    x = torch.as_tensor(x, dtype=dtype, device=device).detach()
    if shifted:
        x = 2 * x - 1
    degree = torch.as_tensor(n, device=device).detach().to(torch.int64)
    x, degree = torch.broadcast_tensors(x, degree)
    result = torch.where(degree < 0, torch.zeros_like(x), torch.ones_like(x))
    if degree.is_meta:
        return result
    repeated = degree > 0
    if family.closed is not None:
        known, values = family.closed(x, degree)
        result = torch.where(known & repeated, values, result)
        repeated = repeated & ~known
    if repeated.any():
        result[repeated] = _repeated(name, x[repeated], degree[repeated], family)
    return result


def _repeated(name: str, x: Tensor, degree: Tensor, family: _Family) -> Tensor:
    before = torch.ones_like(x)
    now = _step(x, before, before, (*family.first, 0, 1) if family.first else family.coefficients(0))
    result = torch.full_like(x, float("nan"))
    left = sorted(set(degree.tolist()), reverse=True)
    k = 1
    while True:
        if k == left[-1]:
            result = torch.where(degree == k, now, result)
            left.pop()
            if not left:
                return result
        if k % _STEPS_BETWEEN_LOOKS == 0:
            open_ends = degree[(degree > k) & ~(now.isnan() & before.isnan())]
            if not open_ends.numel():
                return result
            highest = int(open_ends.max())
            if k >= _TRIAL and highest > _HIGHEST_DEGREE:
                raise NotImplementedError(
                    f"{name}() of degree {highest} is not implemented where the polynomial stays finite; "
                    f"the limit is {_HIGHEST_DEGREE}"
                )
        before, now = now, _step(x, now, before, family.coefficients(k))
        k += 1


def _step(x: Tensor, now: Tensor, before: Tensor, coefficients: tuple[float, float, float, float]) -> Tensor:
    a, b, c, d = coefficients
    factor = x if a == 1 else a * x
    value = (factor + b if b else factor) * now
    if c:
        value = value - (before if c == 1 else c * before)
    return value if d == 1 else value / d


def _chebyshev(
    first: tuple[float, float],
    numerator: Callable[[Tensor, Tensor], Tensor],
    denominator: Callable[[Tensor], Tensor] | None,
    at_one: Callable[[Tensor], Tensor],
    at_minus_one: Callable[[Tensor], Tensor],
) -> _Family:
    """The trigonometric form for |x| <= 1 and degrees beyond 6: a quotient of functions of n and the angle acos(x)."""

    def closed(x: Tensor, degree: Tensor) -> tuple[Tensor, Tensor]:
        n, angle = degree.to(x.dtype), x.acos()
        values = numerator(n, angle)
        if denominator is not None:
            values = values / denominator(angle)
        sign = torch.where(degree % 2 == 0, torch.ones_like(x), -torch.ones_like(x))
        values = torch.where(x == 1, at_one(n), torch.where(x == -1, sign * at_minus_one(n), values))
        return (x.abs() <= 1) & (degree > 6), values

    return _Family(lambda k: (2, 0, 1, 1), first, closed)


_CHEBYSHEV_T = _chebyshev((1, 0), lambda n, a: (n * a).cos(), None, torch.ones_like, torch.ones_like)
_CHEBYSHEV_U = _chebyshev(
    (2, 0), lambda n, a: ((n + 1) * a).sin(), lambda a: a.sin(), lambda n: n + 1, lambda n: n + 1
)
_CHEBYSHEV_V = _chebyshev(
    (2, -1),
    lambda n, a: ((n + 0.5) * a).cos(),
    lambda a: (a / 2).cos(),
    torch.ones_like,
    lambda n: 2 * n + 1,
)
_CHEBYSHEV_W = _chebyshev(
    (2, 1), lambda n, a: ((n + 0.5) * a).sin(), lambda a: (a / 2).sin(), lambda n: 2 * n + 1, torch.ones_like
)
_HERMITE_H = _Family(lambda k: (2, 0, 2 * k, 1))
_HERMITE_HE = _Family(lambda k: (1, 0, k, 1))
_LAGUERRE = _Family(
    lambda k: (-1, 2 * k + 1, k, k + 1), closed=lambda x, degree: (x == 0, torch.ones_like(x))
)
_LEGENDRE = _Family(
    lambda k: (2 * k + 1, 0, k, k + 1),
    closed=lambda x, degree: (x.abs() == 1, torch.where(degree % 2 == 0, torch.ones_like(x), x)),
)


@operator("chebyshev_polynomial_t(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def chebyshev_polynomial_t(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the first kind: T[k + 1] = 2 x T[k] - T[k - 1], T[1] = x.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.chebyshev_polynomial_t(torch.tensor([2.0]), 2).tolist()
    [7.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("chebyshev_polynomial_t", x, n, _CHEBYSHEV_T)


@operator("chebyshev_polynomial_u(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def chebyshev_polynomial_u(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the second kind: U[k + 1] = 2 x U[k] - U[k - 1], U[1] = 2 x.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.chebyshev_polynomial_u(torch.tensor([2.0]), 2).tolist()
    [15.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("chebyshev_polynomial_u", x, n, _CHEBYSHEV_U)


@operator("chebyshev_polynomial_v(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def chebyshev_polynomial_v(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the third kind: V[k + 1] = 2 x V[k] - V[k - 1], V[1] = 2 x - 1.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.chebyshev_polynomial_v(torch.tensor([2.0]), 2).tolist()
    [11.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("chebyshev_polynomial_v", x, n, _CHEBYSHEV_V)


@operator("chebyshev_polynomial_w(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def chebyshev_polynomial_w(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the fourth kind: W[k + 1] = 2 x W[k] - W[k - 1], W[1] = 2 x + 1.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.chebyshev_polynomial_w(torch.tensor([2.0]), 2).tolist()
    [19.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("chebyshev_polynomial_w", x, n, _CHEBYSHEV_W)


@operator("shifted_chebyshev_polynomial_t(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def shifted_chebyshev_polynomial_t(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the first kind at 2 x - 1.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.shifted_chebyshev_polynomial_t(torch.tensor([2.0]), 2).tolist()
    [17.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("shifted_chebyshev_polynomial_t", x, n, _CHEBYSHEV_T, shifted=True)


@operator("shifted_chebyshev_polynomial_u(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def shifted_chebyshev_polynomial_u(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the second kind at 2 x - 1.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.shifted_chebyshev_polynomial_u(torch.tensor([2.0]), 2).tolist()
    [35.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("shifted_chebyshev_polynomial_u", x, n, _CHEBYSHEV_U, shifted=True)


@operator("shifted_chebyshev_polynomial_v(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def shifted_chebyshev_polynomial_v(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the third kind at 2 x - 1.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.shifted_chebyshev_polynomial_v(torch.tensor([2.0]), 2).tolist()
    [29.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("shifted_chebyshev_polynomial_v", x, n, _CHEBYSHEV_V, shifted=True)


@operator("shifted_chebyshev_polynomial_w(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def shifted_chebyshev_polynomial_w(x: Any, n: Any) -> Tensor:
    """The Chebyshev polynomial of the fourth kind at 2 x - 1.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.shifted_chebyshev_polynomial_w(torch.tensor([2.0]), 2).tolist()
    [41.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("shifted_chebyshev_polynomial_w", x, n, _CHEBYSHEV_W, shifted=True)


@operator("hermite_polynomial_h(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def hermite_polynomial_h(x: Any, n: Any) -> Tensor:
    """The physicist's Hermite polynomial: H[k + 1] = 2 x H[k] - 2 k H[k - 1], H[1] = 2 x.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.hermite_polynomial_h(torch.tensor([2.0]), 2).tolist()
    [14.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("hermite_polynomial_h", x, n, _HERMITE_H)


@operator("hermite_polynomial_he(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def hermite_polynomial_he(x: Any, n: Any) -> Tensor:
    """The probabilist's Hermite polynomial: He[k + 1] = x He[k] - k He[k - 1], He[1] = x.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.hermite_polynomial_he(torch.tensor([2.0]), 2).tolist()
    [3.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("hermite_polynomial_he", x, n, _HERMITE_HE)


@operator("laguerre_polynomial_l(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def laguerre_polynomial_l(x: Any, n: Any) -> Tensor:
    """The Laguerre polynomial: (k + 1) L[k + 1] = (2 k + 1 - x) L[k] - k L[k - 1], L[1] = 1 - x.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    Raises:
        NotImplementedError: a degree beyond 2^20 where the polynomial stays finite.

    >>> import flambeau as torch
    >>> torch.special.laguerre_polynomial_l(torch.tensor([2.0]), 2).tolist()
    [-1.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("laguerre_polynomial_l", x, n, _LAGUERRE)


@operator("legendre_polynomial_p(Tensor|Number x, Tensor|Number n) -> Tensor", special, out)
def legendre_polynomial_p(x: Any, n: Any) -> Tensor:
    """The Legendre polynomial: (k + 1) P[k + 1] = (2 k + 1) x P[k] - k P[k - 1], P[1] = x.

    Args:
        x, n: the argument and the degree, tensors or numbers, one tensor at least; shapes broadcast

    Raises:
        NotImplementedError: a degree beyond 2^20 where the polynomial stays finite.

    >>> import flambeau as torch
    >>> torch.special.legendre_polynomial_p(torch.tensor([2.0]), 2).tolist()
    [5.5]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 22.
    """
    return _polynomial("legendre_polynomial_p", x, n, _LEGENDRE)
