"""Operators of linear algebra over other operators."""

from __future__ import annotations

import warnings
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, method, operator


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
