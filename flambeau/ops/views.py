"""Operators that arrange, join and repeat tensors, over other operators."""

from __future__ import annotations

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, operator


@operator("block_diag(Tensor[] tensors...) -> Tensor", function)
def block_diag(tensors: tuple[Tensor, ...]) -> Tensor:
    """The matrix with the given matrices along its diagonal, and zeros elsewhere.

    Args:
        tensors: each (rows, columns); vectors are single rows, scalars (1, 1)

    Returns:
        (sum of rows, sum of columns), of the promoted dtype.

    Raises:
        RuntimeError: a tensor of more than two dimensions.

    >>> import flambeau as torch
    >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    for i, tensor in enumerate(tensors):
        if tensor.dim() > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {tensor.dim()} dimensions"
            )
    if not tensors:
        return torch.empty((1, 0))
    blocks = [t if t.dim() == 2 else t.reshape(1, -1) for t in tensors]
    columns = sum(b.size(1) for b in blocks)
    rows, before = [], 0
    for block in blocks:
        left = block.new_zeros((block.size(0), before))
        right = block.new_zeros((block.size(0), columns - before - block.size(1)))
        rows.append(torch.cat([left, block, right], 1))
        before += block.size(1)
    return torch.cat(rows, 0)


@operator("cartesian_prod(Tensor[] tensors...) -> Tensor", function)
def cartesian_prod(tensors: tuple[Tensor, ...]) -> Tensor:
    """All combinations of one element of each vector, the last vector's elements varying fastest; as itertools.product.

    Args:
        tensors: vectors of one dtype

    Returns:
        (product of lengths, number of vectors); a single vector comes back as it is.

    Raises:
        RuntimeError: a tensor that is no vector, or no tensor at all.

    >>> import flambeau as torch
    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([5, 6])).tolist()
    [[1, 5], [1, 6], [2, 5], [2, 6]]
    """
    for tensor in tensors:
        if tensor.dim() != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(tensor.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    sizes = [t.size(0) for t in tensors]
    grids = []
    for i, tensor in enumerate(tensors):
        grids.append(
            tensor.reshape([-1 if k == i else 1 for k in range(len(sizes))]).expand(sizes).reshape(-1)
        )
    return torch.stack(grids, 1)
