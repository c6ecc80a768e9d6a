"""Frequencies and orders of discrete Fourier transforms, over other operators."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import fft, operator, out


@operator("fftfreq(int n, float d=1.0, *, options) -> Tensor", fft, out)
def fftfreq(n: int, d: float, **options: Any) -> Tensor:
    """The frequencies of a transform's elements: [0, 1, ..., (n - 1) // 2, -(n // 2), ..., -1] / (n d).

    Args:
        n: the length of the transform
        d: the distance of samples
        dtype, layout, device, pin_memory, requires_grad: as of every new tensor

    >>> import flambeau as torch
    >>> torch.fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    grad = options.pop("requires_grad")
    options["dtype"] = torch.get_default_dtype() if options["dtype"] is None else options["dtype"]
    order = torch.cat([torch.arange((n + 1) // 2, **options), torch.arange(-(n // 2), 0, **options)])
    return (order * (1.0 / (n * d))).requires_grad_(grad)


@operator("rfftfreq(int n, float d=1.0, *, options) -> Tensor", fft, out)
def rfftfreq(n: int, d: float, **options: Any) -> Tensor:
    """The frequencies of a real transform's elements: [0, 1, ..., n // 2] / (n d).

    Args:
        n: the length of the real signal
        d: the distance of samples
        dtype, layout, device, pin_memory, requires_grad: as of every new tensor

    >>> import flambeau as torch
    >>> torch.fft.rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    grad = options.pop("requires_grad")
    options["dtype"] = torch.get_default_dtype() if options["dtype"] is None else options["dtype"]
    return (torch.arange(n // 2 + 1, **options) * (1.0 / (n * d))).requires_grad_(grad)


def _rolled(self: Tensor, dim: tuple[int, ...] | None, forth: bool) -> Tensor:
    dims = tuple(range(self.dim())) if dim is None else dim
    shifts = [self.size(d) // 2 if forth else (self.size(d) + 1) // 2 for d in dims]
    return self.roll(shifts, dims) if dims else self.clone()


@operator("fftshift(Tensor self, int[]? dim=None) -> Tensor", fft)
def fftshift(self: Tensor, dim: tuple[int, ...] | None) -> Tensor:
    """Brings the frequency zero from the front to the middle.

    Args:
        self: any shape
        dim: the dimensions to reorder, all by default

    >>> import flambeau as torch
    >>> torch.fft.fftshift(torch.tensor([0, 1, -2, -1])).tolist()
    [-2, -1, 0, 1]
    """
    return _rolled(self, dim, True)


@operator("ifftshift(Tensor self, int[]? dim=None) -> Tensor", fft)
def ifftshift(self: Tensor, dim: tuple[int, ...] | None) -> Tensor:
    """Undoes `fftshift`: brings the frequency zero from the middle to the front.

    Args:
        self: any shape
        dim: the dimensions to reorder, all by default

    >>> import flambeau as torch
    >>> torch.fft.ifftshift(torch.tensor([-2, -1, 0, 1])).tolist()
    [0, 1, -2, -1]
    """
    return _rolled(self, dim, False)
