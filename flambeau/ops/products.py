"""Products of tensors: inner, outer and cross products, sums in Einstein's notation, chains of matrices."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._dims import wrap_dim
from flambeau.ops._operator import function, linalg, lower_precision, method, operator, out
from flambeau.ops._refusals import WIDE_UNSIGNED, refuse, scalar_type


@operator("kron(Tensor self, Tensor other) -> Tensor", function, method, out)
def kron(self: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: blocks of `other`, each scaled by an element of `self`.

    Args:
        self, other: any shapes; the one of fewer dimensions gets leading ones

    Returns:
        In each dimension the product of the sizes.

    >>> import flambeau as torch
    >>> torch.kron(torch.tensor([1, 10]), torch.tensor([1, 2])).tolist()
    [1, 2, 10, 20]
    """
    count = max(self.dim(), other.dim())
    a = [1] * (count - self.dim()) + list(self.shape)
    b = [1] * (count - other.dim()) + list(other.shape)
    left = self.reshape([n for size in a for n in (size, 1)])
    right = other.reshape([n for size in b for n in (1, size)])
    return (left * right).reshape([m * n for m, n in zip(a, b, strict=True)])


@operator("inner(Tensor self, Tensor other) -> Tensor", function, method, out)
def inner(self: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimensions; a plain product where one is a scalar.

    Args:
        self: (..., n)
        other: (..., n)

    Returns:
        The leading dimensions of self, then those of other.

    Raises:
        RuntimeError: last dimensions that differ.

    >>> import flambeau as torch
    >>> torch.inner(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    if self.dim() == 0 or other.dim() == 0:
        return self * other
    if self.size(-1) != other.size(-1):
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(self.shape)} and "
            f"{list(other.shape)}"
        )
    if self.dim() == other.dim() == 1:
        return torch.dot(self, other)
    return torch.tensordot(self, other, [[-1], [-1]])


@operator("tensordot(Tensor a, Tensor b, object dims=2) -> Tensor", function, out)
def tensordot(a: Tensor, b: Tensor, dims: Any) -> Tensor:
    """The contraction of two tensors: sums of products over pairs of dimensions.

    Args:
        a, b: tensors of one dtype
        dims: n, for the last n dimensions of a and the first n of b; or two lists of dimensions of the same sizes

    Returns:
        The dimensions of a that are left, then those of b.

    Raises:
        RuntimeError: a negative number, more dimensions than there are, or sizes that differ.

    >>> import flambeau as torch
    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), 1).shape
    torch.Size([2, 4])
    """
    if isinstance(dims, Tensor):
        dims = int(dims) if dims.numel() == 1 else dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b (a.dim()={a.dim()}, b.dim()={b.dim()}), but got dims={dims}"
            )
        of_a, of_b = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        of_a, of_b = ([d] if isinstance(d, int) else list(d) for d in dims)
        of_a, of_b = [wrap_dim(d, a.dim()) for d in of_a], [wrap_dim(d, b.dim()) for d in of_b]
    if len(of_a) != len(of_b):
        raise RuntimeError("both dimension lists should have same length")
    summed_alone: list[int] = []
    for i, j in zip(of_a, of_b, strict=True):
        if a.size(i) == b.size(j):
            continue
        if 1 not in (a.size(i), b.size(j)):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.size(i)} in dim {i} and second has size "
                f"{b.size(j)} in dim {j}"
            )
        summed_alone.append(i)
        # A size of one broadcasts: the other side is summed by itself.
        a, b = (a.sum(i, True), b) if b.size(j) == 1 else (a, b.sum(j, True))
    left = [d for d in range(a.dim()) if d not in of_a]
    right = [d for d in range(b.dim()) if d not in of_b]
    inside = math.prod(a.size(d) for d in of_a)
    first = a.permute([*left, *of_a]).reshape(math.prod(a.size(d) for d in left), inside)
    second = b.permute([*of_b, *right]).reshape(inside, math.prod(b.size(d) for d in right))
    one = first.size(0) == 1 and second.size(1) == 1
    product = torch.dot(first[0], second[:, 0]) if one else torch.mm(first, second)
    return product.reshape([*(a.size(d) for d in left), *(b.size(d) for d in right)])


def _best_split(sizes: list[int]) -> list[list[int]]:
    """Where the cheapest order of a chain of products splits it: Cormen et al., Introduction to Algorithms, section 15.2."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = [
                cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)
            ]
            cost[i][j] = min(costs)
            split[i][j] = i + costs.index(cost[i][j])
    return split


@operator("multi_dot(Tensor[] tensors) -> Tensor", linalg, out)
def multi_dot(tensors: tuple[Tensor, ...]) -> Tensor:
    """The product of a chain of matrices, in the order that takes the fewest multiplications.

    Args:
        tensors: at least two matrices; the first and the last may be vectors

    Raises:
        RuntimeError: fewer than two tensors, or shapes that do not chain.

    >>> import flambeau as torch
    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)]).tolist()
    [12.0, 12.0]

    Source: Cormen, Leiserson, Rivest, Stein, Introduction to Algorithms, 3rd edition, section 15.2.
    """
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0], tensors[-1]
    for i, t in enumerate(tensors):
        if t.dim() != 2 and not (t.dim() == 1 and i in (0, len(tensors) - 1)):
            raise RuntimeError(
                f"multi_dot(): tensor {i} must be 2D{' or 1D' if i in (0, len(tensors) - 1) else ''} but got {t.dim()}D"
            )
        if t.dtype != first.dtype:
            raise RuntimeError(
                f"multi_dot(): expected tensors of one dtype but tensor 0 is {first.dtype} and tensor {i} {t.dtype}"
            )
    chain = list(tensors)
    if first.dim() == 1:
        chain[0] = first.unsqueeze(0)
    if last.dim() == 1:
        chain[-1] = last.unsqueeze(1)
    for i, (a, b) in enumerate(zip(chain, chain[1:], strict=False)):
        if a.size(1) != b.size(0):
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} cannot be multiplied"
            )
    split = _best_split([*(t.size(0) for t in chain), chain[-1].size(1)])

    def product(i: int, j: int) -> Tensor:
        return chain[i] if i == j else torch.mm(product(i, split[i][j]), product(split[i][j] + 1, j))

    result = product(0, len(chain) - 1)
    if first.dim() == 1:
        result = result.squeeze(0)
    return result.squeeze(-1) if last.dim() == 1 else result


@operator("chain_matmul(Tensor[] matrices...) -> Tensor", function, out)
def chain_matmul(matrices: tuple[Tensor, ...]) -> Tensor:
    """The product of a chain of matrices in the cheapest order; see `linalg.multi_dot`.

    Args:
        matrices: at least one

    Raises:
        RuntimeError: a tensor that is no matrix, or shapes that do not chain.

    >>> import flambeau as torch
    >>> torch.chain_matmul(torch.ones(1, 2), torch.ones(2, 1)).tolist()
    [[2.0]]
    """
    for matrix in matrices:
        if matrix.dim() != 2:
            raise RuntimeError(f"Tensor dimension is {matrix.dim()}, expected 2 instead.")
    return matrices[0].clone() if len(matrices) == 1 else torch.linalg.multi_dot(matrices)


def _cross(self: Tensor, other: Tensor, dim: int) -> Tensor:
    if self.dim() != other.dim():
        raise RuntimeError(
            f"linalg.cross: inputs must have the same number of dimensions. Got {self.dim()} and {other.dim()}"
        )
    if self.dtype != other.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_type(self.dtype)} but found {scalar_type(other.dtype)}"
        )
    given, dim = dim, wrap_dim(dim, self.dim())
    if self.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {given} must have length 3. Got {self.size(dim)} and {other.size(dim)}"
        )
    refuse("cross", self.dtype, "Bool", WIDE_UNSIGNED)
    a, b = torch.broadcast_tensors(self, other)
    return a.roll(-1, dim) * b.roll(-2, dim) - a.roll(-2, dim) * b.roll(-1, dim)


@operator("cross(Tensor self, Tensor other, int? dim=None) -> Tensor", function, method, out)
def cross(self: Tensor, other: Tensor, dim: int | None) -> Tensor:
    """The cross product of vectors of three elements.

    Args:
        self, other: shapes broadcast
        dim: where the vectors lie; by default the first dimension of size 3

    Raises:
        RuntimeError: numbers of dimensions that differ, or a dimension of another size than 3.

    >>> import flambeau as torch
    >>> torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), dim=0).tolist()
    [0, 0, 1]
    """
    if dim is None:
        if self.shape != other.shape and self.dim() == other.dim():
            self, other = torch.broadcast_tensors(self, other)
        threes = [k for k, size in enumerate(self.shape) if size == 3]
        if not threes:
            raise RuntimeError("no dimension of size 3 in input")
        dim = threes[0]
    return _cross(self, other, dim)


@operator("cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", linalg, out)
def linalg_cross(self: Tensor, other: Tensor, *, dim: int) -> Tensor:
    """The cross product of vectors of three elements along a dimension.

    Args:
        self, other: shapes broadcast; size 3 in `dim`

    Raises:
        RuntimeError: numbers of dimensions that differ, or another size than 3.

    >>> import flambeau as torch
    >>> torch.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0])).tolist()
    [0, 0, 1]
    """
    return _cross(self, other, dim)


@operator("vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor", linalg, out, lower_precision)
def vecdot(x: Tensor, y: Tensor, *, dim: int) -> Tensor:
    """The dot products of vectors along a dimension: sum conj(x) y.

    Args:
        x, y: of one dtype, floating point or complex; shapes broadcast

    Returns:
        The shape without `dim`.

    Raises:
        RuntimeError: integers, dtypes that differ.

    >>> import flambeau as torch
    >>> torch.linalg.vecdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {scalar_type(x.dtype)}"
        )
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {scalar_type(x.dtype)} and "
            f"y of type {scalar_type(y.dtype)} instead"
        )
    return ((x.conj() if x.is_complex() else x) * y).sum(dim)


@operator("matmul(Tensor self, Tensor other) -> Tensor", linalg, out, lower_precision)
def linalg_matmul(self: Tensor, other: Tensor) -> Tensor:
    """The matrix product; as `flambeau.matmul`.

    Args:
        self: (..., m, k)
        other: (..., k, n)

    >>> import flambeau as torch
    >>> torch.linalg.matmul(torch.ones(1, 2), torch.ones(2, 1)).tolist()
    [[2.0]]
    """
    return torch.matmul(self, other)
