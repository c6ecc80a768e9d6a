"""Functions of `special` that other namespaces have under another name."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import operator, out, special


@operator("erf(Tensor self) -> Tensor", special, out)
def erf(self: Tensor) -> Tensor:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x; as `flambeau.erf`.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.special.erf(torch.tensor([0.0])).tolist()
    [0.0]
    """
    return torch.erf(self)


@operator("erfc(Tensor self) -> Tensor", special, out)
def erfc(self: Tensor) -> Tensor:
    """The complement of the error function: 1 - erf(x); as `flambeau.erfc`.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.special.erfc(torch.tensor([0.0])).tolist()
    [1.0]
    """
    return torch.erfc(self)


@operator("exp2(Tensor self) -> Tensor", special, out)
def exp2(self: Tensor) -> Tensor:
    """2^x; as `flambeau.exp2`.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.special.exp2(torch.tensor([3.0])).tolist()
    [8.0]
    """
    return torch.exp2(self)


@operator("expit(Tensor self) -> Tensor", special, out)
def expit(self: Tensor) -> Tensor:
    """The logistic function: 1 / (1 + exp(-x)); as `flambeau.sigmoid`.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.special.expit(torch.tensor([0.0])).tolist()
    [0.5]
    """
    return torch.sigmoid(self)


@operator("expm1(Tensor self) -> Tensor", special, out)
def expm1(self: Tensor) -> Tensor:
    """Exp(x) - 1, accurate near zero; as `flambeau.expm1`.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.special.expm1(torch.tensor([0.0])).tolist()
    [0.0]
    """
    return torch.expm1(self)


@operator("log1p(Tensor self) -> Tensor", special, out)
def log1p(self: Tensor) -> Tensor:
    """Log(1 + x), accurate near zero; as `flambeau.log1p`.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.special.log1p(torch.tensor([0.0])).tolist()
    [0.0]
    """
    return torch.log1p(self)


@operator("logit(Tensor self, float? eps=None) -> Tensor", special, out)
def logit(self: Tensor, eps: float | None) -> Tensor:
    """log(x / (1 - x)), the inverse of `expit`; as `flambeau.logit`.

    Args:
        self: any shape, values between 0 and 1; others give NaN
        eps: where given, values are brought into [eps, 1 - eps] first

    >>> import flambeau as torch
    >>> torch.special.logit(torch.tensor([0.5])).tolist()
    [0.0]
    """
    return torch.logit(self, eps)


@operator("round(Tensor self, *, int decimals=0) -> Tensor", special, out)
def round(self: Tensor, *, decimals: int) -> Tensor:
    """The nearest integer, halves to the even one; as `flambeau.round`.

    Args:
        self: any shape
        decimals: digits kept behind the point, before it if negative

    >>> import flambeau as torch
    >>> torch.special.round(torch.tensor([0.5, 1.5])).tolist()
    [0.0, 2.0]
    """
    return torch.round(self, decimals=decimals) if decimals else torch.round(self)


@operator("xlogy(Tensor|Number self, Tensor|Number other) -> Tensor", special, out)
def xlogy(self: Any, other: Any) -> Tensor:
    """x log(y), and 0 where x is 0; as `flambeau.xlogy`.

    Args:
        self, other: tensors or numbers, one tensor at least; shapes broadcast

    >>> import flambeau as torch
    >>> torch.special.xlogy(torch.tensor([0.0]), torch.tensor([0.0])).tolist()
    [0.0]
    """
    return torch.xlogy(self, other)
