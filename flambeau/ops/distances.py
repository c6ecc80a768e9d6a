"""Distances between the rows of matrices."""

from __future__ import annotations

import flambeau as torch
from flambeau import Tensor, _core
from flambeau.ops._operator import float32, function, operator
from flambeau.ops._refusals import HALVES, refuse, scalar_type


@operator("cdist(Tensor x1, Tensor x2, float p=2, str? compute_mode=None) -> Tensor", function, float32)
def cdist(x1: Tensor, x2: Tensor, p: float, compute_mode: str | None) -> Tensor:
    """The p-norm distances between the rows of two batches: out[i, j] = ||x1[i] - x2[j]||_p.

    For p = 2 and more than 25 rows, |a - b|^2 = |a|^2 - 2 a.b + |b|^2 turns the work into a matrix product, unless
    `compute_mode` is 'donot_use_mm_for_euclid_dist'; 'use_mm_for_euclid_dist' always does.

    Args:
        x1: (..., P, M)
        x2: (..., R, M), floating point as x1
        p: at least 0; 0 counts the elements that differ

    Returns:
        (..., P, R).

    Raises:
        RuntimeError: integers, a negative p, or M that differ.
        NotImplementedError: half precision without the matrix product.
        ValueError: another compute_mode.

    >>> import flambeau as torch
    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])).tolist()
    [[5.0]]
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode is not None and compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.is_floating_point():
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {scalar_type(x.dtype)}"
            )
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    many = x1.size(-2) > 25 or x2.size(-2) > 25
    if p == 2 and x1.size(-1) and (compute_mode == modes[1] or (many and compute_mode != modes[2])):
        squares = x1.square().sum(-1, keepdim=True) + x2.square().sum(-1).unsqueeze(-2)
        return _root((squares - 2 * torch.matmul(x1, x2.transpose(-1, -2))).clamp_min(0))
    refuse("cdist", x1.dtype, HALVES)
    recorded = torch.is_grad_enabled() and (x1.requires_grad or x2.requires_grad)
    if recorded or x1.dtype != x2.dtype:
        return _p_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)
    return _core._nn.cdist_forward(x1, x2, p)


def _root(squares: Tensor) -> Tensor:
    """Square roots whose derivative at zero is zero."""
    zero = squares == 0
    return torch.where(zero, 0, torch.where(zero, 1, squares).sqrt())


def _p_norm(difference: Tensor, p: float) -> Tensor:
    if difference.size(-1) == 0:  # where a largest element is not defined
        return difference.sum(-1)
    return torch.linalg.vector_norm(difference, p, -1)


@operator("pdist(Tensor self, float p=2) -> Tensor", function)
def pdist(self: Tensor, p: float) -> Tensor:
    """The p-norm distances between all pairs of rows, each pair once: the upper triangle of `cdist` in order.

    Args:
        self: (N, M), floating point
        p: at least 0

    Returns:
        (N (N - 1) / 2,).

    Raises:
        RuntimeError: no matrix, integers, a negative p.
        NotImplementedError: half precision.

    >>> import flambeau as torch
    >>> torch.pdist(torch.tensor([[0.0], [1.0], [3.0]])).tolist()
    [1.0, 3.0, 2.0]
    """
    if self.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {self.dim()}D")
    if not self.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    refuse("pdist", self.dtype, HALVES)
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if not (torch.is_grad_enabled() and self.requires_grad):
        return _core._nn.pdist_forward(self, p)
    first, second = torch.triu_indices(self.size(0), self.size(0), 1, device=self.device).unbind()
    return _p_norm(self[first] - self[second], p)
