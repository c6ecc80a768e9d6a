"""Sparse tensors: making them, and what dense tensors answer when asked for their parts."""

from __future__ import annotations

from typing import Any, NoReturn

import flambeau as torch
from flambeau import Tensor

from ._operator import function, method, operator


def _refuse(what: str) -> NoReturn:
    raise RuntimeError(f"{what} expected sparse coordinate tensor layout but got Strided")


@operator(
    "sparse_coo_tensor(object indices=None, object values=None, object size=None, *, dtype? dtype=None, "
    "device? device=None, bool? pin_memory=False, bool requires_grad=False, bool? check_invariants=None, "
    "bool? is_coalesced=None) -> Tensor",
    function,
)
def sparse_coo_tensor(
    indices: Any,
    values: Any,
    size: Any,
    *,
    dtype: Any,
    device: Any,
    pin_memory: Any,
    requires_grad: bool,
    check_invariants: bool | None,
    is_coalesced: bool | None,
) -> Tensor:
    """A sparse tensor in coordinate layout: out[indices[:, k]] = values[k], summed where places come twice.

    Args:
        indices: (sparse_dim, nnz), integers
        values: (nnz, *dense sizes)
        size: sparse_dim sizes and the dense ones; by default as small as the indices allow
        dtype, device, requires_grad: as of every new tensor
        check_invariants: whether indices are checked to lie within the size; True by default
        is_coalesced: the caller's word that places are in order and come once

    Raises:
        RuntimeError: shapes that do not belong together, or an index outside of the size.

    >>> import flambeau as torch
    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense().tolist()
    [[0.0, 0.0, 3.0], [4.0, 0.0, 0.0]]
    """
    from flambeau.sparse._coo import _make

    if indices is not None and values is None:
        indices, size = None, indices  # sparse_coo_tensor(size)
    if indices is None:
        if size is None:
            raise TypeError("sparse_coo_tensor(): the indices and values, or the size, must be given")
        size = torch.Size(size)
        i, v = torch.empty((len(size), 0), dtype=torch.int64), torch.empty((0,), dtype=dtype, device=device)
        return _make(i, v, size, True).requires_grad_(requires_grad)
    i = torch.as_tensor(indices)
    if i.numel() == 0 and not isinstance(indices, Tensor):
        i = i.to(torch.int64)
    if i.is_floating_point() or i.is_complex() or i.dtype == torch.bool:
        raise RuntimeError(f"indices must be an int64 tensor, but got {i.dtype}")
    i = i.detach().to(torch.int64)
    if isinstance(values, Tensor):
        v = values.to(dtype=dtype or values.dtype, device=device)
        if not v.requires_grad and requires_grad:
            v = v.detach()
    else:
        v = torch.as_tensor(values, dtype=dtype, device=device)
    if i.dim() != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(i.shape)}")
    if v.dim() == 0 or v.size(0) != i.size(1):
        nnz = v.size(0) if v.dim() else 0
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {i.size(1)}, nnz from values: {nnz}"
        )
    if size is None:
        largest = (i.amax(1) + 1).tolist() if i.size(1) else [0] * i.size(0)
        size = [*largest, *v.shape[1:]]
    size = [int(s) for s in size]
    if len(size) != i.size(0) + v.dim() - 1:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
            f"{i.size(0)}, dense_dim = {v.dim() - 1}"
        )
    if list(v.shape[1:]) != size[i.size(0) :]:
        raise RuntimeError(
            f"values has incorrect size, expected {[v.size(0), *size[i.size(0) :]]}, got {list(v.shape)}"
        )
    if check_invariants is not False and i.numel():
        low, high = i.amin(1).tolist(), i.amax(1).tolist()
        for dim, (least, most) in enumerate(zip(low, high, strict=True)):
            if least < 0:
                raise RuntimeError(f"found negative index {least} for dim {dim}")
            if most >= size[dim]:
                raise RuntimeError(
                    f"size is inconsistent with indices: for dim {dim}, size is {size[dim]} but found index {most}"
                )
    result = _make(i, v, size, bool(is_coalesced))
    return result.requires_grad_() if requires_grad else result


@operator("to_sparse(Tensor self, int sparse_dim) -> Tensor", method)
def to_sparse_dim(self: Tensor, sparse_dim: int) -> Tensor:
    """The elements that are not zero, as a sparse tensor.

    Args:
        self: any shape
        sparse_dim: how many dimensions are sparse, all by default; the rest of a row is kept whole

    >>> import flambeau as torch
    >>> torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse().values().tolist()
    [2.0]
    """
    from flambeau.sparse._coo import _from_dense

    return _from_dense(self, sparse_dim)


@operator(
    "to_sparse(Tensor self, *, layout? layout=None, object blocksize=None, int? dense_dim=None) -> Tensor",
    method,
)
def to_sparse(self: Tensor, *, layout: Any, blocksize: Any, dense_dim: int | None) -> Tensor:
    from flambeau.sparse._coo import _from_dense

    if layout not in (None, torch.sparse_coo) or blocksize is not None:
        raise NotImplementedError(
            f"to_sparse: the layout {layout} is not implemented yet; torch.sparse_coo is there"
        )
    return _from_dense(self, None if dense_dim is None else self.dim() - dense_dim)


@operator("to_sparse_coo(Tensor self) -> Tensor", method)
def to_sparse_coo(self: Tensor) -> Tensor:
    """`to_sparse` by its layout's name.

    >>> import flambeau as torch
    >>> torch.tensor([0.0, 2.0]).to_sparse_coo().indices().tolist()
    [[1]]
    """
    from flambeau.sparse._coo import _from_dense

    return _from_dense(self)


@operator("to_dense(Tensor self, dtype? dtype=None, *, bool? masked_grad=None) -> Tensor", method)
def to_dense(self: Tensor, dtype: Any, *, masked_grad: bool | None) -> Tensor:
    """The tensor with all its elements in memory; a dense one is returned as it is.

    Args:
        self: sparse or dense
        dtype: of the result, for dense tensors
        masked_grad: without effect: the gradient of a sparse tensor is that of its values

    >>> import flambeau as torch
    >>> torch.sparse_coo_tensor([[1]], [2.0], (3,)).to_dense().tolist()
    [0.0, 2.0, 0.0]
    """
    return self if dtype is None else self.to(dtype)


@operator("coalesce(Tensor self) -> Tensor", method)
def coalesce(self: Tensor) -> Tensor:
    """A sparse tensor whose places are in row-major order and come once; values of one place are summed.

    Args:
        self: sparse

    Raises:
        RuntimeError: a dense tensor.

    >>> import flambeau as torch
    >>> torch.sparse_coo_tensor([[1, 1]], [2.0, 3.0], (3,)).coalesce().values().tolist()
    [5.0]
    """
    _refuse("coalesce")


@operator("is_coalesced(Tensor self) -> bool", method)
def is_coalesced(self: Tensor) -> bool:
    """Whether the places of a sparse tensor are in order and come once.

    >>> import flambeau as torch
    >>> torch.eye(2).to_sparse().is_coalesced()
    True
    """
    _refuse("is_coalesced")


@operator("indices(Tensor self) -> Tensor", method)
def indices(self: Tensor) -> Tensor:
    """The places of a coalesced sparse tensor, (sparse_dim, nnz).

    >>> import flambeau as torch
    >>> torch.eye(2).to_sparse().indices().tolist()
    [[0, 1], [0, 1]]
    """
    _refuse("indices")


@operator("values(Tensor self) -> Tensor", method)
def values(self: Tensor) -> Tensor:
    """The values of a coalesced sparse tensor, (nnz, *dense sizes).

    >>> import flambeau as torch
    >>> torch.eye(2).to_sparse().values().tolist()
    [1.0, 1.0]
    """
    raise RuntimeError("values expected sparse tensor layout but got Strided")


@operator("sparse_dim(Tensor self) -> int", method)
def sparse_dim(self: Tensor) -> int:
    """How many dimensions are sparse; 0 of a dense tensor.

    >>> import flambeau as torch
    >>> torch.eye(2).to_sparse().sparse_dim()
    2
    """
    return 0


@operator("dense_dim(Tensor self) -> int", method)
def dense_dim(self: Tensor) -> int:
    """How many dimensions are dense; all of a dense tensor.

    >>> import flambeau as torch
    >>> torch.eye(2).dense_dim()
    2
    """
    return self.dim()


@operator("sparse_mask(Tensor self, Tensor mask) -> Tensor", method)
def sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    """The elements at the places of a sparse tensor, as a sparse tensor.

    Args:
        self: any shape
        mask: sparse, of the same shape

    >>> import flambeau as torch
    >>> torch.ones(2, 2).sparse_mask(torch.eye(2).to_sparse()).values().tolist()
    [1.0, 1.0]
    """
    raise RuntimeError("sparse_mask expected the mask to be a sparse tensor, but got Strided")
