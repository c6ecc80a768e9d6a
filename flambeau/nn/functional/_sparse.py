"""Rows of a table by their numbers: embedding and one_hot."""

from __future__ import annotations

from typing import Any

import flambeau

from ..._core import Tensor
from ...autograd import Function

__all__ = ["embedding", "one_hot"]


class _ScaleGradient(Function):
    """Passes its input on, and the gradient back times a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return (grad * factor).masked_fill(factor == 0, 0), None


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Looks up rows of a table.

    Args:
        input: numbers of rows, ``(*)``, int64 or int32.
        weight: the table, ``(rows, width)``.
        padding_idx: a row that gets no gradient.
        max_norm: rows in use that are longer are first scaled to this length, in place.
        norm_type: the norm that is meant.
        scale_grad_by_freq: divides a row's gradient by how often it was looked up.
        sparse: gradients as sparse tensors; not implemented.

    Returns:
        ``(*, width)``.

    Raises:
        IndexError: a number that is no row's.

    Example:
        >>> import flambeau as torch
        >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> torch.nn.functional.embedding(torch.tensor([1, 0, 1]), table)
        tensor([[3., 4.],
                [1., 2.],
                [3., 4.]])
    """
    if sparse:
        raise NotImplementedError("embedding: sparse=True needs sparse tensors, which are not implemented")
    if padding_idx is not None:
        rows = weight.size(0)
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if weight.dim() != 2:
        raise RuntimeError("'weight' must be 2-D")
    if input.dtype not in (flambeau.int64, flambeau.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
            f"but got {input.type()} instead (while checking arguments for embedding)"
        )
    numbers = input.reshape(-1).long()
    if numbers.numel() and (numbers.min() < 0 or numbers.max() >= weight.size(0)):
        raise IndexError("index out of range in self")
    if max_norm is not None:
        with flambeau.no_grad():
            _shorten(weight, numbers, max_norm, norm_type)
    found = weight.index_select(0, numbers)
    if found.requires_grad and (padding_idx is not None or scale_grad_by_freq):
        factor = flambeau.ones(numbers.shape, dtype=weight.dtype, device=weight.device)
        if scale_grad_by_freq:
            counts = flambeau.zeros(weight.size(0), dtype=weight.dtype, device=weight.device)
            counts.index_add_(0, numbers, factor)
            factor = counts.index_select(0, numbers).reciprocal()
        if padding_idx is not None:
            factor = factor.masked_fill(numbers == padding_idx, 0)
        found = _ScaleGradient.apply(found, factor.unsqueeze(1))
    return found.view(*input.shape, weight.size(1))


def _shorten(weight: Tensor, numbers: Tensor, max_norm: float, norm_type: float) -> None:
    used = flambeau.zeros(weight.size(0), dtype=flambeau.bool, device=weight.device)
    used[numbers] = True
    lengths = weight.norm(norm_type, 1)
    long = (used & (lengths > max_norm)).nonzero().view(-1)
    if long.numel():
        # PyTorch adds the small number, so that a length rounded up does not stay above the limit.
        scale = max_norm / (lengths.index_select(0, long) + 1e-7)
        weight.index_copy_(0, long, weight.index_select(0, long) * scale.unsqueeze(1))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 at the place that each class number names, 0 elsewhere.

    Args:
        tensor: class numbers from 0, ``(*)``, int64.
        num_classes: how many there are; -1: one more than the largest number.

    Returns:
        ``(*, num_classes)``, int64.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    if tensor.dtype != flambeau.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_empty((*tensor.shape, num_classes))
    if tensor.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(tensor.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes <= largest:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return tensor.new_zeros((*tensor.shape, num_classes)).scatter_(-1, tensor.unsqueeze(-1), 1)
