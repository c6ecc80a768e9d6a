"""Norms of vectors and matrices, and what they scale."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._dims import wrap_dim
from flambeau.ops._operator import float32, function, inplace, linalg, method, operator, out
from flambeau.ops._refusals import HALVES, scalar_type


def _pair(dim: tuple[int, ...], count: int, name: str) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    first, second = wrap_dim(dim[0], count), wrap_dim(dim[1], count)
    if first == second:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _check_norm_dtype(a: Tensor, dtype: Any, name: str) -> None:
    if dtype is None:
        return
    kind = "complex" if a.is_complex() else "real"
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {scalar_type(dtype)}")
    if dtype.is_complex != a.is_complex():
        raise RuntimeError(f"{name}: dtype should be {kind} for {kind} inputs, but got {scalar_type(dtype)}")
    if torch.promote_types(a.dtype, dtype) != dtype:
        raise RuntimeError(
            f"{name}: the dtype of the input ({scalar_type(a.dtype)}) should be convertible without narrowing to the "
            f"specified dtype ({scalar_type(dtype)})"
        )


def _matrix_norm(a: Tensor, order: Any, dim: tuple[int, ...], keepdim: bool, dtype: Any) -> Tensor:
    name = "linalg.matrix_norm"
    if order not in ("fro", "nuc") if isinstance(order, str) else abs(order) not in (1, 2, math.inf):
        raise RuntimeError(f"{name}: Order {order} not supported.")
    if a.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    by_values = order == "nuc" or order in (2, -2)
    if not (a.is_floating_point() or a.is_complex()):
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {scalar_type(a.dtype)}"
        )
    if by_values and scalar_type(a.dtype) in HALVES:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {scalar_type(a.dtype)}")
    rows, columns = _pair(dim, a.dim(), name)
    _check_norm_dtype(a, dtype, name)
    if order == "fro":
        return torch.linalg.vector_norm(a, 2, (rows, columns), keepdim, dtype=dtype)
    if dtype is not None:
        a = a.to(dtype)
    if by_values:
        values = torch.linalg.svdvals(a.movedim((rows, columns), (-2, -1)))
        if order == "nuc" or (order == 2 and values.size(-1) == 0):
            value = values.sum(-1)
        else:
            value = values.amax(-1) if order == 2 else values.amin(-1)
        if keepdim:
            for d in sorted((rows, columns)):
                value = value.unsqueeze(d)
        return value
    summed, extreme = (rows, columns) if order in (1, -1) else (columns, rows)
    sums = torch.linalg.vector_norm(a, 1, summed, True)
    if order > 0 and a.size(extreme) == 0:
        value = sums.sum(extreme, keepdim=True)
    else:
        value = sums.amax(extreme, True) if order > 0 else sums.amin(extreme, True)
    return value if keepdim else value.squeeze((rows, columns))


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


@operator("frobenius_norm(Tensor self, int[] dim, bool keepdim=False) -> Tensor", function, out)
def frobenius_norm(self: Tensor, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    """The root of the sum of squares over at most two dimensions, or over all where none is named.

    Args:
        self: any shape, floating point or complex
        dim: up to two dimensions
        keepdim: leaves these dimensions with size 1

    Raises:
        RuntimeError: integers, or more than two dimensions.

    >>> import flambeau as torch
    >>> torch.frobenius_norm(torch.tensor([[3.0, 4.0]]), (0, 1))
    tensor(5.)
    """
    if len(dim) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(dim)} dimensions instead.")
    return torch.norm(self, 2, dim or None, keepdim)


def _check_condition_matrices(a: Tensor, order: Any) -> None:
    if a.dim() < 2:
        raise RuntimeError(f"linalg.cond(ord={order}): The input tensor A must have at least 2 dimensions.")
    if a.size(-1) != a.size(-2):
        raise RuntimeError(
            f"linalg.cond(ord={order}): A must be batches of square matrices, but they are {a.size(-2)} by {a.size(-1)} "
            "matrices"
        )


def _real_zeros(a: Tensor) -> Tensor:
    return a.new_zeros(a.shape[:-2], dtype=a.dtype.to_real())


def _condition_by_inverse(a: Tensor, order: Any) -> Tensor:
    inverse, infos = torch.linalg.inv_ex(a)
    if order == "nuc":
        # NaN has no singular values; a singular matrix has infinite ones in its inverse.
        singular = (infos != 0).unsqueeze(-1).unsqueeze(-1)
        norm = _matrix_norm(inverse.masked_fill(singular, 0), order, (-2, -1), False, None)
        inverse_norm = norm.masked_fill(infos != 0, math.inf)
        return _matrix_norm(a, order, (-2, -1), False, None) * inverse_norm
    product = _matrix_norm(a, order, (-2, -1), False, None) * _matrix_norm(
        inverse, order, (-2, -1), False, None
    )
    return product.nan_to_num(math.inf, math.inf, -math.inf)


@operator("cond(Tensor A, Number? p=None) -> Tensor", linalg, out, float32)
def cond(A: Tensor, p: float | None) -> Tensor:
    """The condition number of matrices: norm(A) norm(inv(A)), how much a relative error of A may grow in solving with it.

    Args:
        A: (..., n, n), float32, float64 or complex; (..., m, n) for p = None, 2 and -2
        p: the order of the norm: None or 2 (the largest singular value by the smallest), -2 (the smallest by the largest),
            1, -1, inf, -inf, 'fro' or 'nuc'

    Returns:
        (...), real; inf for singular matrices.

    Raises:
        RuntimeError: no matrices, matrices that are not square, integers, or another norm.

    >>> import flambeau as torch
    >>> torch.linalg.cond(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), 1)
    tensor(2.)

    Source: Golub and Van Loan, Matrix Computations, 4th edition, section 2.6.
    """
    if A.dim() < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is not None and abs(p) not in (1, 2, math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if A.numel() == 0:
        return _real_zeros(A)
    if p is None or abs(p) == 2:
        values = torch.linalg.svdvals(A)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    _check_condition_matrices(A, p)
    return _condition_by_inverse(A, p)


@operator("cond(Tensor A, str p) -> Tensor", linalg, out, float32)
def cond_by_name(A: Tensor, p: str) -> Tensor:
    _check_condition_matrices(A, p)
    if p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if A.numel() == 0:
        return _real_zeros(A)
    return _condition_by_inverse(A, p)
