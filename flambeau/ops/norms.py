"""Norms of vectors and matrices, and what they scale."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._dims import wrap_dim
from flambeau.ops._operator import function, inplace, linalg, method, operator, out


def _pair(dim: tuple[int, ...], count: int, name: str) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {list(dim)}")
    first, second = wrap_dim(dim[0], count), wrap_dim(dim[1], count)
    if first == second:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _matrix_norm(a: Tensor, order: Any, dim: tuple[int, ...], keepdim: bool, dtype: Any) -> Tensor:
    if a.dim() < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if not (a.is_floating_point() or a.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {a.dtype}"
        )
    rows, columns = _pair(dim, a.dim(), "linalg.matrix_norm")
    if order == "fro":
        return torch.linalg.vector_norm(a, 2, (rows, columns), keepdim, dtype=dtype)
    if dtype is not None:
        a = a.to(dtype)
    if order == "nuc" or order in (2, -2):
        values = torch.linalg.svdvals(a.movedim((rows, columns), (-2, -1)))
        value = values.sum(-1) if order == "nuc" else values.amax(-1) if order == 2 else values.amin(-1)
        if keepdim:
            for d in sorted((rows, columns)):
                value = value.unsqueeze(d)
        return value
    if isinstance(order, str) or order not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {order} not supported.")
    summed, extreme = (rows, columns) if order in (1, -1) else (columns, rows)
    if not keepdim and extreme > summed:
        extreme -= 1
    sums = torch.linalg.vector_norm(a, 1, summed, keepdim)
    return sums.amax(extreme, keepdim) if order > 0 else sums.amin(extreme, keepdim)


@operator(
    "matrix_norm(Tensor A, Number ord, int[] dim=[-2,-1], bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def matrix_norm(A: Tensor, ord: float, dim: tuple[int, ...], keepdim: bool, *, dtype: Any) -> Tensor:
    """A norm of matrices.

    1 and -1 are the largest and the smallest sum of magnitudes in a column, inf and -inf in a row; 2 and -2 the largest and
    the smallest singular value; 'fro', the default, is the root of the sum of squares, 'nuc' the sum of the singular values.

    Args:
        A: (..., m, n), floating point
        ord: which norm
        dim: where the matrices' rows and columns stand
        dtype: converted to before anything is computed

    Raises:
        RuntimeError: fewer than two dimensions, integers, another norm.

    >>> import flambeau as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    return _matrix_norm(A, ord, dim, keepdim, dtype)


@operator(
    "matrix_norm(Tensor A, str ord='fro', int[] dim=[-2,-1], bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def matrix_norm_by_name(A: Tensor, ord: str, dim: tuple[int, ...], keepdim: bool, *, dtype: Any) -> Tensor:
    return _matrix_norm(A, ord, dim, keepdim, dtype)


@operator(
    "norm(Tensor A, Number? ord=None, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def norm(A: Tensor, ord: float | None, dim: tuple[int, ...] | None, keepdim: bool, *, dtype: Any) -> Tensor:
    """A norm of vectors or matrices: of matrices where `dim` names two dimensions, or `ord` is given for a matrix.

    Args:
        A: any shape, floating point
        ord: as in `vector_norm` or `matrix_norm`; by default the root of the sum of squares
        dim: an integer for vectors, two for matrices, all dimensions by default
        dtype: converted to before anything is computed

    Raises:
        RuntimeError: integers, or a matrix norm of something else than a matrix.

    >>> import flambeau as torch
    >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if ord is not None and dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is not None and dim is None and A.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    if ord is not None and (len(dim) == 2 if dim is not None else A.dim() == 2):
        return _matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype)
    return torch.linalg.vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@operator(
    "norm(Tensor A, str ord, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def norm_by_name(A: Tensor, ord: str, dim: tuple[int, ...] | None, keepdim: bool, *, dtype: Any) -> Tensor:
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if dim is None and A.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    return _matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype)


@operator("renorm(Tensor self, Number p, int dim, Number maxnorm) -> Tensor", function, method, inplace, out)
def renorm(self: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Scales down each slice along a dimension whose p-norm is above a limit; the others stay as they are.

    Args:
        self: at least two dimensions
        p: the order of the norm, positive
        dim: the slices are self.select(dim, i)
        maxnorm: the largest norm allowed, not negative

    Raises:
        RuntimeError: fewer than two dimensions, p <= 0, a negative maxnorm, an integer input.

    >>> import flambeau as torch
    >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if not (self.is_floating_point() or self.is_complex()):
        raise RuntimeError("renorm: expected a floating point or complex input")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if self.dim() < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {self.dim()} dimensions")
    self.size(dim)  # refuses a dimension out of range
    others = [k for k in range(self.dim()) if k != dim % self.dim()]
    norms = torch.linalg.vector_norm(self, p, others, True)
    factor = torch.where(norms > maxnorm, maxnorm / (norms + 1e-7), torch.ones_like(norms))
    return self * factor
