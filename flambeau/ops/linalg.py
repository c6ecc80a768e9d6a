"""Functions of matrices, over other operators."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau._precision import precision
from flambeau.ops._operator import float32, function, linalg, method, operator, out
from flambeau.ops._refusals import HALVES, is_integral, scalar_type


def _vander(x: Tensor, columns: int | None) -> Tensor:
    n = x.size(-1) if columns is None else columns
    ones = x.new_ones((*x.shape, 1))
    return torch.cat([ones, x.unsqueeze(-1).expand((*x.shape, n - 1)).cumprod(-1)], -1)


@operator("vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", function)
def vander(x: Tensor, N: int | None, increasing: bool) -> Tensor:
    """The Vandermonde matrix: powers of the elements of a vector, in columns.

    Args:
        x: (n,)
        N: the number of columns, n by default
        increasing: whether powers grow from left to right

    Returns:
        (n, N).

    Raises:
        RuntimeError: x is no vector, or N is negative.

    >>> import flambeau as torch
    >>> torch.vander(torch.tensor([1, 2, 3])).tolist()
    [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.size(0) if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    dtype = (
        torch.int64 if x.dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32) else x.dtype
    )
    if n == 0:
        return torch.empty((x.size(0), 0), dtype=dtype, device=x.device)
    powers = _vander(x.to(dtype), n)
    return powers if increasing else powers.flip(-1)


@operator("vander(Tensor x, *, int? N=None) -> Tensor", linalg)
def linalg_vander(x: Tensor, *, N: int | None) -> Tensor:
    """Vandermonde matrices: increasing powers of the last dimension's elements, in columns.

    Args:
        x: (..., n)
        N: the number of columns, n by default

    Returns:
        (..., n, N).

    Raises:
        RuntimeError: N below 2, a scalar, booleans or half precision.

    >>> import flambeau as torch
    >>> torch.linalg.vander(torch.tensor([1, 2, 3])).tolist()
    [[1, 1, 1], [1, 2, 4], [1, 3, 9]]
    """
    if scalar_type(x.dtype) in {"Bool", *HALVES}:
        raise RuntimeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {scalar_type(x.dtype)}"
        )
    if is_integral(x):
        x = x.to(torch.int64)
    x = torch.atleast_1d(x)
    if (x.size(-1) if N is None else N) <= 1:
        raise RuntimeError("N must be greater than 1.")
    return _vander(x, N)


def _check_square(a: Tensor, name: str) -> None:
    if a.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if a.size(-1) != a.size(-2):
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {a.size(-2)} by {a.size(-1)} matrices"
        )


@operator("matrix_power(Tensor A, int n) -> Tensor", linalg, out)
@operator("matrix_power(Tensor self, int n) -> Tensor", function, method, out)
def matrix_power(self: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices, by repeated squaring; the identity for n = 0, powers of the inverse below it.

    Args:
        self: (..., k, k)

    Raises:
        RuntimeError: matrices that are not square, or singular ones for a negative n.

    >>> import flambeau as torch
    >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 5).tolist()
    [[1.0, 5.0], [0.0, 1.0]]

    Source: Knuth, The Art of Computer Programming, volume 2, section 4.6.3.
    """
    _check_square(self, "linalg.matrix_power")
    if n == 0:
        return self.clone().copy_(torch.eye(self.size(-1), dtype=self.dtype, device=self.device))
    if n < 0:
        self, n = torch.linalg.inv(self), -n
    result: Any = None
    while True:
        if n % 2:
            result = self if result is None else torch.matmul(result, self)
        n //= 2
        if n == 0:
            return result.clone() if result is self else result
        self = torch.matmul(self, self)


@operator("diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", linalg)
def linalg_diagonal(A: Tensor, *, offset: int, dim1: int, dim2: int) -> Tensor:
    """A view of matrices' diagonals; `Tensor.diagonal` for the last two dimensions.

    Args:
        A: (..., m, n)

    >>> import flambeau as torch
    >>> torch.linalg.diagonal(torch.eye(2)).tolist()
    [1.0, 1.0]
    """
    return A.diagonal(offset, dim1, dim2)


@operator("matrix_exp(Tensor A) -> Tensor", linalg)
@operator("matrix_exp(Tensor self) -> Tensor", function, method)
@precision("own")
def matrix_exp(self: Tensor) -> Tensor:
    """The exponential of square matrices: I + A + A^2 / 2! + ...

    A is halved until its 1-norm is small, the series summed to the power that the precision asks for, with a product for
    every few terms, and the result squared as often.

    Args:
        self: (..., n, n), floating point or complex

    Raises:
        RuntimeError: matrices that are not square, integers.

    >>> import flambeau as torch
    >>> torch.matrix_exp(torch.zeros(2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Source: Moler and Van Loan, Nineteen dubious ways to compute the exponential of a matrix, 2003, method 3; Paterson and
    Stockmeyer, On the number of nonscalar multiplications necessary to evaluate polynomials, 1973.
    """
    if not (self.is_floating_point() or self.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {scalar_type(self.dtype)}"
        )
    _check_square(self, "linalg.matrix_exp")
    if self.numel() == 0:
        return self.clone()
    largest = 0.0 if self.is_meta else float(self.detach().abs().sum(-2).amax())
    # 1.5^21 / 21! and 2.5^17 / 17! are below the rounding errors.
    terms, bound = (5, 1.5) if torch.finfo(self.dtype).eps < 1e-9 else (4, 2.5)
    halvings = max(0, math.ceil(math.log2(largest / bound))) if 0 < largest < math.inf else 0
    a = self.reshape(-1, self.size(-1), self.size(-1)) / 2.0**halvings
    total = _exponential_series(a, terms, 4)
    for _ in range(halvings):
        total = torch.bmm(total, total)
    return total.reshape(self.shape)


def _exponential_series(a: Tensor, terms: int, groups: int) -> Tensor:
    """The sum of a^k / k! for k <= terms * groups, by Horner's rule in powers of a^terms."""
    powers = [torch.eye(a.size(-1), dtype=a.dtype, device=a.device).expand(a.shape), a, torch.bmm(a, a)]
    while len(powers) <= terms:
        k = len(powers)
        powers.append(torch.bmm(powers[k // 2], powers[k - k // 2]))
    factors = [[1 / math.factorial(g * terms + k) for k in range(terms)] for g in range(groups)]
    weights = torch.tensor(factors, dtype=a.dtype, device=a.device)
    sums = torch.mm(weights, torch.stack(powers[:terms]).reshape(terms, -1)).reshape(groups, *a.shape)
    total = sums[-1] + powers[terms] / math.factorial(terms * groups)
    for group in range(groups - 2, -1, -1):
        total = torch.baddbmm(sums[group], total, powers[terms])
    return total


@operator("tensorinv(Tensor self, int ind=2) -> Tensor", linalg, out, float32)
def tensorinv(self: Tensor, ind: int) -> Tensor:
    """The inverse of a tensor as a linear map, for `tensordot`: tensordot(tensorinv(A, ind), A, ind) is the identity.

    Args:
        self: the sizes of the first `ind` dimensions multiply to what those of the others do; float32, float64 or complex
        ind: how many dimensions make the rows

    Returns:
        The sizes of the last dimensions, then those of the first.

    Raises:
        RuntimeError: `ind` below 1, or products that differ.
        LinAlgError: a singular map.

    >>> import flambeau as torch
    >>> torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = list(self.shape[:ind]), list(self.shape[ind:])
    if math.prod(last) != math.prod(first):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(last)} != {math.prod(first)}"
        )
    n = math.prod(first)
    return torch.linalg.inv(self.reshape(n, n)).reshape(last + first)


@operator("tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor", linalg, out, float32)
def tensorsolve(self: Tensor, other: Tensor, dims: tuple[int, ...] | None) -> Tensor:
    """The solution X of tensordot(A, X, X.ndim) = B.

    Args:
        self: the A: B's sizes, then those of X, whose product is the same
        other: the B
        dims: dimensions of A that are moved to the end first

    Returns:
        X, of the sizes that A has behind B's.

    Raises:
        RuntimeError: products that differ.
        LinAlgError: a singular map.

    >>> import flambeau as torch
    >>> torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    a = self if dims is None else self.movedim(dims, tuple(range(self.dim() - len(dims), self.dim())))
    rows, columns = math.prod(a.shape[: other.dim()]), math.prod(a.shape[other.dim() :])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but "
            f"got {columns} != {rows}"
        )
    return torch.linalg.solve(a.reshape(rows, columns), other.reshape(-1)).reshape(a.shape[other.dim() :])


@operator(
    "lu(Tensor A, bool pivot=True, bool get_infos=False) -> (Tensor, Tensor)",
    function,
    method,
    out,
    float32,
)
def lu(A: Tensor, pivot: bool, get_infos: bool) -> tuple[Tensor, ...]:
    """The LU decomposition in one matrix; deprecated for `linalg.lu_factor` and `linalg.lu_factor_ex`.

    Args:
        A: (..., m, n), float32, float64 or complex
        pivot: True; there is no decomposition without pivoting on the CPU
        get_infos: whether the infos are wanted too

    Returns:
        LU and the pivots, as of `linalg.lu_factor_ex`, and perhaps its infos.

    >>> import flambeau as torch
    >>> torch.lu(torch.tensor([[2.0]]))[0].tolist()
    [[2.0]]
    """
    if get_infos:
        with_infos: tuple[Tensor, ...] = torch._lu_with_info(A, pivot, check_errors=False)
        return with_infos
    factors, pivots, _ = torch.linalg.lu_factor_ex(A, pivot=pivot)
    return factors, pivots


@operator(
    "_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor, Tensor, Tensor)",
    function,
    result="_lu_with_info LU pivots info",
)
def _lu_with_info(self: Tensor, pivot: bool, check_errors: bool) -> tuple[Tensor, Tensor, Tensor]:
    """`linalg.lu_factor_ex` by its older name.

    Args:
        self: (..., m, n), float32, float64 or complex
        pivot: True; there is no decomposition without pivoting on the CPU
        check_errors: whether a decomposition that fails raises

    Returns:
        The named tuple (LU, pivots, info).

    >>> import flambeau as torch
    >>> torch._lu_with_info(torch.tensor([[2.0]])).info.item()
    0
    """
    factors, pivots, infos = torch.linalg.lu_factor_ex(self, pivot=pivot, check_errors=check_errors)
    return factors, pivots, infos


def _range_basis(a: Tensor, q: int, niter: int, shift: Tensor | None) -> Tensor:
    """Orthonormal columns that nearly span the q leading left singular vectors of a - shift."""

    def times(x: Tensor, adjoint: bool) -> Tensor:
        product = (a.mH if adjoint else a) @ x
        return product if shift is None else product - (shift.mH if adjoint else shift) @ x

    basis = torch.linalg.qr(times(torch.randn(a.size(-1), q, dtype=a.dtype, device=a.device), False)).Q
    for _ in range(niter):
        basis = torch.linalg.qr(times(basis, True)).Q
        basis = torch.linalg.qr(times(basis, False)).Q
    return basis


@operator(
    "svd_lowrank(Tensor A, int? q=6, int? niter=2, Tensor? M=None) -> (Tensor, Tensor, Tensor)", function
)
def svd_lowrank(A: Tensor, q: int | None, niter: int | None, M: Tensor | None) -> tuple[Tensor, ...]:
    """The leading singular values and vectors of A - M, from a random projection: A - M is about U diag(S) V^H.

    Args:
        A: (..., m, n), float32, float64 or complex
        q: how many are wanted, a little more than the rank; min(m, n) at most are found
        niter: how many times the projection is multiplied by A and its adjoint, which makes it better
        M: broadcasts with A; subtracted from it

    Returns:
        U (..., m, q), S (..., q), V (..., n, q).

    Raises:
        RuntimeError: a negative q, integers or half precision.

    >>> import flambeau as torch
    >>> torch.svd_lowrank(torch.ones(4, 9), q=1)[1]
    tensor([6.])

    Source: Halko, Martinsson and Tropp, Finding structure with randomness, 2009, algorithms 4.4 and 5.1.
    """
    rows, columns = A.shape[-2:]
    shift = None if M is None else M.expand(A.shape)
    if rows < columns:
        A, shift = A.mH, None if shift is None else shift.mH
    basis = _range_basis(A, 6 if q is None else q, 2 if niter is None else niter, shift)
    inner = basis.mH @ A
    if shift is not None:
        inner = inner - basis.mH @ shift
    u, s, vh = torch.linalg.svd(inner, full_matrices=False)
    u, v = basis @ u, vh.mH
    return (v, s, u) if rows < columns else (u, s, v)


@operator(
    "pca_lowrank(Tensor A, int? q=None, bool center=True, int niter=2) -> (Tensor, Tensor, Tensor)", function
)
def pca_lowrank(A: Tensor, q: int | None, center: bool, niter: int) -> tuple[Tensor, ...]:
    """Principal components: the leading singular vectors of a data matrix, less the mean of each column.

    Args:
        A: (..., m, n), m samples of n features; float32, float64 or complex
        q: how many components, by default min(6, m, n)
        center: whether the columns' means are subtracted
        niter: as in `svd_lowrank`

    Returns:
        U (..., m, q), S (..., q), V (..., n, q): the columns of V are the principal directions.

    Raises:
        ValueError: q outside of 0 to min(m, n), or a negative niter.

    >>> import flambeau as torch
    >>> torch.pca_lowrank(torch.tensor([[0.0, 3.0], [0.0, 5.0]]), q=1)[2].abs().round()
    tensor([[0.],
            [1.]])

    Source: Halko, Martinsson and Tropp, Finding structure with randomness, 2009.
    """
    rows, columns = A.shape[-2:]
    most = min(rows, columns)
    if q is None:
        q = min(6, most)
    elif not 0 <= q <= most:
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={most}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return torch.svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
