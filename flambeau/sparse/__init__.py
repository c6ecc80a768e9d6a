"""Sparse tensors in coordinate layout, as far as training uses them: `flambeau.sparse`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flambeau as torch
from flambeau import Tensor

from . import _coo

__all__ = ["addmm", "log_softmax", "mm", "softmax", "sum"]


def mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, of which one or both are sparse.

    Args:
        mat1: (n, k)
        mat2: (k, m)

    Returns:
        (n, m), sparse where both are.

    Raises:
        RuntimeError: the shapes do not fit.

    >>> import flambeau as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0], (2, 2))
    >>> torch.sparse.mm(s, torch.eye(2)).tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """
    return torch.mm(mat1, mat2)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """beta * mat + alpha * (mat1 @ mat2), where mat1 is sparse.

    Args:
        mat: (n, m), dense
        mat1: (n, k), sparse
        mat2: (k, m), dense
        beta, alpha: numbers

    Returns:
        (n, m), dense.

    >>> import flambeau as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0], (2, 2))
    >>> torch.sparse.addmm(torch.ones(2, 2), s, torch.eye(2)).tolist()
    [[1.0, 3.0], [4.0, 1.0]]
    """
    return torch.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: int | Sequence[int] | None = None, dtype: Any = None) -> Tensor:
    """Sums a sparse tensor over dimensions, or over all.

    Args:
        input: sparse
        dim: which dimensions; all by default
        dtype: of the result

    Returns:
        Sparse, unless all sparse dimensions are summed.

    >>> import flambeau as torch
    >>> s = torch.sparse_coo_tensor([[0, 1], [1, 1]], [2.0, 3.0], (2, 2))
    >>> torch.sparse.sum(s), torch.sparse.sum(s, 0).to_dense().tolist()
    (tensor(5.), [0.0, 5.0])
    """
    return _coo._sum(_sparse(input, "sum"), dim, dtype=dtype)


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x_i) / sum_j exp(x_j) along a dimension, where what is not specified counts as minus infinity.

    Args:
        input: sparse, without dense dimensions
        dim: which dimension
        dtype: converted to first

    Returns:
        Sparse, at the same places.

    >>> import flambeau as torch
    >>> s = torch.sparse_coo_tensor([[0, 0], [0, 2]], [1.0, 1.0], (1, 3))
    >>> torch.sparse.softmax(s, 1).to_dense().tolist()
    [[0.5, 0.0, 0.5]]
    """
    return _normalized(input, dim, dtype, "softmax", lambda shifted, total: shifted.exp() / total)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`.

    Args:
        input: sparse, without dense dimensions
        dim: which dimension
        dtype: converted to first

    Returns:
        Sparse, at the same places.

    >>> import flambeau as torch
    >>> s = torch.sparse_coo_tensor([[0], [2]], [1.0], (1, 3))
    >>> torch.sparse.log_softmax(s, 1).values().tolist()
    [0.0]
    """
    return _normalized(input, dim, dtype, "log_softmax", lambda shifted, total: shifted - total.log())


def _sparse(input: Tensor, name: str) -> Any:
    if not isinstance(input, _coo.SparseTensor):
        raise NotImplementedError(
            f"torch.sparse.{name} takes a sparse tensor, got a strided one; use torch.{name}"
        )
    return input


def _normalized(input: Tensor, dim: int, dtype: Any, name: str, value: Any) -> Tensor:
    x = _coo._coalesce(_sparse(input, name))
    if x.dense_dim():
        raise NotImplementedError(
            f"torch.sparse.{name} of tensors with dense dimensions is not implemented yet"
        )
    values = x._v if dtype is None else x._v.to(dtype)
    d = _coo._wrap(x, dim)
    # Lines along `dim` are the places without that row.
    rest = [r for r in range(x.sparse_dim()) if r != d]
    lines = _coo._numbered([x._i[r] for r in rest], [x.shape[r] for r in rest], x._nnz())
    _, line, counts = torch.unique(lines, return_inverse=True, return_counts=True)
    # In order of lines, and of values within each, the last of a line is its largest.
    order = values.detach().argsort()
    order = order.index_select(0, line.index_select(0, order).argsort(stable=True))
    largest = values.detach().index_select(0, order.index_select(0, counts.cumsum(0) - 1))
    shifted = values - largest.index_select(0, line)
    total = values.new_zeros((counts.numel(),)).index_add(0, line, shifted.exp())
    return _coo._like(x, value(shifted, total.index_select(0, line)))


_NOT_YET = frozenset(
    "SparseSemiStructuredTensor SparseSemiStructuredTensorCUSPARSELT SparseSemiStructuredTensorCUTLASS "
    "as_sparse_gradcheck check_sparse_tensor_invariants sampled_addmm spdiags spsolve to_sparse_semi_structured".split()
)


def __getattr__(name: str) -> Any:
    from flambeau._missing import missing

    raise missing(__name__, name, _NOT_YET)
