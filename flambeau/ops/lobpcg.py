"""Extreme eigenpairs of large matrices."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, operator

_MOST_STEPS = 1000


def _apply(matrix: Tensor | None, x: Tensor) -> Tensor:
    return x if matrix is None else matrix @ x


def _orthonormal(s: Tensor, b: Tensor | None) -> Tensor:
    """A basis of the space of s's columns, orthonormal with respect to b; directions lost in rounding are left out."""
    for _ in range(2):  # the second pass takes away what rounding left in the first
        norms = (s.conj() * _apply(b, s)).sum(-2).real.clamp_min(0).sqrt()
        s = s[:, norms > 0] / norms[norms > 0]
        gram = s.mH @ _apply(b, s)
        values, vectors = torch.linalg.eigh((gram + gram.mH) / 2)
        kept = values > values.amax() * s.size(-1) * torch.finfo(values.dtype).eps
        s = s @ (vectors[:, kept] / values[kept].sqrt())
    return s


def _rayleigh_ritz(a: Tensor, basis: Tensor, count: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The extreme eigenvalues of a in the space of the basis, and the vectors' coordinates."""
    inner = basis.mH @ (a @ basis)
    values, vectors = torch.linalg.eigh((inner + inner.mH) / 2)
    if largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    return values[:count], vectors[:, :count]


def _iterate(
    a: Tensor,
    b: Tensor | None,
    x: Tensor,
    k: int,
    preconditioner: Tensor | None,
    steps: int,
    tol: float,
    largest: bool,
) -> tuple[Tensor, Tensor]:
    count = x.size(-1)
    basis = _orthonormal(x, b)
    values, coordinates = _rayleigh_ritz(a, basis, count, largest)
    x = basis @ coordinates
    a_norm = torch.linalg.norm(a) if a.numel() else torch.zeros(())
    b_norm = 1.0 if b is None else torch.linalg.norm(b)
    direction: Tensor | None = None
    for _ in range(steps):
        bx = _apply(b, x)
        residual = a @ x - bx * values
        error = torch.linalg.vector_norm(residual, dim=0) / (
            torch.linalg.vector_norm(x, dim=0) * (a_norm + values.abs() * b_norm)
        )
        if bool((error[:k] <= tol).all()):
            break
        residual = _apply(preconditioner, residual)
        residual = residual - x @ (bx.mH @ residual)
        parts = [residual] if direction is None else [residual, direction]
        new = torch.cat(parts, -1)
        new = _orthonormal(new - x @ (bx.mH @ new), b)
        basis = torch.cat([x, new], -1)
        values, coordinates = _rayleigh_ritz(a, basis, count, largest)
        direction = new @ coordinates[count:]
        x = _orthonormal_as(basis @ coordinates, b)
    return values[:k], x[:, :k].clone(memory_format=torch.contiguous_format)


def _orthonormal_as(x: Tensor, b: Tensor | None) -> Tensor:
    """Columns that are orthonormal but for rounding, made so: x inv(L)^H of its Gram matrix L L^H."""
    gram = x.mH @ _apply(b, x)
    lower = torch.linalg.cholesky((gram + gram.mH) / 2)
    return torch.linalg.solve_triangular(lower.mH, x, upper=True, left=False)


class _Eigenpairs(torch.autograd.Function):
    """The iteration, with the derivative of the pairs that it found; the others come from a full decomposition."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, find: Any) -> tuple[Tensor, Tensor]:
        values, vectors = find(a)
        ctx.save_for_backward(a, values, vectors)
        return values, vectors

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_values: Tensor, of_vectors: Tensor) -> tuple[Tensor, None]:
        a, values, x = ctx.saved_tensors
        found = x.mH @ of_vectors
        distances = values.unsqueeze(-2) - values.unsqueeze(-1)
        inner = (found - found.mH) / 2 / distances.masked_fill(distances == 0, torch.inf)
        result = x @ (inner + torch.diag_embed(of_values.to(x.dtype))) @ x.mH
        # dX leaves the found space by (l_j - A)^-1 on the rest: the eigenvectors farthest from it span that.
        projector = torch.eye(a.size(-1), dtype=a.dtype, device=a.device) - x @ x.mH
        rest = torch.linalg.svd(projector).U[..., : a.size(-1) - x.size(-1)]
        other_values, turn = torch.linalg.eigh(rest.mH @ a @ rest)
        rest = rest @ turn
        gaps = values.unsqueeze(-2) - other_values.unsqueeze(-1)
        outside = rest @ ((rest.mH @ of_vectors) / gaps) @ x.mH
        return result + (outside + outside.mH) / 2, None


@operator(
    "lobpcg(Tensor A, int? k=None, Tensor? B=None, Tensor? X=None, int? n=None, Tensor? iK=None, int? niter=None, "
    "float? tol=None, bool? largest=None, str? method=None, object tracker=None, object ortho_iparams=None, "
    "object ortho_fparams=None, object ortho_bparams=None) -> (Tensor, Tensor)",
    function,
)
def lobpcg(
    A: Tensor,
    k: int | None,
    B: Tensor | None,
    X: Tensor | None,
    n: int | None,
    iK: Tensor | None,
    niter: int | None,
    tol: float | None,
    largest: bool | None,
    method: str | None,
    tracker: Any,
    ortho_iparams: Any,
    ortho_fparams: Any,
    ortho_bparams: Any,
) -> tuple[Tensor, ...]:
    """The k largest, or smallest, eigenvalues of A x = l B x with their vectors, by products with A alone.

    Locally optimal block preconditioned conjugate gradients: from step to step the best vectors are taken from the space of
    the present ones, of their residuals and of the last step's directions. The gradient, with respect to A and without B,
    is that of the pairs found, and takes a full decomposition.

    Args:
        A: (..., m, m), symmetric or Hermitian
        k: how many pairs; the columns of X, or 1, by default
        B: (..., m, m), positive definite; the identity by default
        X: (..., m, n), where to start; random by default
        n: how many vectors to iterate, k by default, 3 n <= m
        iK: (..., m, m), approximates the inverse of A
        niter: the most steps, 1000 by default; below 0, no limit
        tol: of residuals, relative; by default the root of the dtype's epsilon
        largest: whether the largest eigenvalues are wanted, True by default
        method: 'ortho', the default, or 'basic': both make the space orthonormal in each step

    Returns:
        The eigenvalues (..., k) and, in columns, the vectors (..., m, k).

    Raises:
        ValueError: m < 3 n, or another method.
        AssertionError: A is not square.
        NotImplementedError: a tracker, or parameters of the orthogonalization.

    >>> import flambeau as torch
    >>> torch.lobpcg(torch.diag(torch.arange(1.0, 10)), k=1)[0].round()
    tensor([9.])

    Source: Knyazev, Toward the optimal preconditioned eigensolver, 2001; Duersch et al., A robust and efficient
    implementation of LOBPCG, 2018.
    """
    if A.size(-2) != A.size(-1):
        raise AssertionError(f"A must be square, got shape {A.shape}")
    for name, value in (
        ("tracker", tracker),
        ("ortho_iparams", ortho_iparams),
        ("ortho_fparams", ortho_fparams),
        ("ortho_bparams", ortho_bparams),
    ):
        if value is not None:
            raise NotImplementedError(f"lobpcg: {name} is not implemented; leave it out")
    if method not in (None, "ortho", "basic"):
        raise ValueError(f"lobpcg: method must be 'ortho' or 'basic', got {method!r}")
    m = A.size(-1)
    pairs = k if k is not None else 1 if X is None else X.size(-1)
    count = n if n is not None else pairs if X is None else X.size(-1)
    if m < 3 * count:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of "
            f"requested eigenpairs (={count})"
        )
    dtype = A.dtype if A.is_floating_point() or A.is_complex() else torch.get_default_dtype()
    if A.is_meta:
        values = torch.empty((*A.shape[:-2], pairs), dtype=dtype.to_real(), device=A.device)
        return values, torch.empty((*A.shape[:-1], pairs), dtype=dtype, device=A.device)
    limit = torch.finfo(dtype).eps ** 0.5 if tol is None else tol
    steps = _MOST_STEPS if niter is None else niter if niter >= 0 else 2**62
    wanted = True if largest is None else largest

    def one(
        a: Tensor, b: Tensor | None, x: Tensor | None, preconditioner: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        start = torch.randn(m, count, dtype=dtype, device=A.device) if x is None else x
        return _iterate(a, b, start, pairs, preconditioner, steps, limit, wanted)

    def find(a: Tensor) -> tuple[Tensor, Tensor]:
        a = a.to(dtype)
        if a.dim() == 2:
            return one(a, B, X, iK)
        flat = a.reshape(-1, m, m)

        def part(t: Tensor | None, i: int) -> Tensor | None:
            return None if t is None else t.expand(*a.shape[:-2], *t.shape[-2:]).reshape(-1, *t.shape[-2:])[i]

        found = [one(flat[i], part(B, i), part(X, i), part(iK, i)) for i in range(flat.size(0))]
        values = torch.stack([pair[0] for pair in found]).reshape(*a.shape[:-2], pairs)
        return values, torch.stack([pair[1] for pair in found]).reshape(*a.shape[:-2], m, pairs)

    if torch.is_grad_enabled() and A.requires_grad:
        if B is not None:
            raise ValueError("lobpcg: the derivative of the generalized problem, with B, is not implemented")
        return _Eigenpairs.apply(A, find)
    with torch.no_grad():
        return find(A)
