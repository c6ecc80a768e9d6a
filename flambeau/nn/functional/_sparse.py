"""Rows of a table by their numbers: embedding, embedding_bag and one_hot."""

from __future__ import annotations

import flambeau

from ..._core import Tensor
from ._operators import operator

__all__ = ["embedding", "embedding_bag", "one_hot"]

_embedding = operator("embedding")
_embedding_bags = operator("embedding_bags")
_MODES = {"sum": 0, "mean": 1, "max": 2}
_ONLY_SUMS = (
    "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
    "(got mode='{}'). Please open a feature request on GitHub."
)


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
        sparse: whether the table gets a sparse gradient.

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
    if padding_idx is not None:
        rows = weight.size(0)
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if max_norm is not None:
        with flambeau.no_grad():
            flambeau.embedding_renorm_(weight, input, max_norm, norm_type)
    return _embedding(weight, input, -1 if padding_idx is None else padding_idx, scale_grad_by_freq, sparse)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of bags of a table's rows.

    Args:
        input: numbers of rows, int64 or int32: ``(bags, n)``, or ``(n)`` with `offsets`.
        weight: the table, ``(rows, width)``.
        offsets: where each bag begins, ``(bags)``.
        max_norm: rows in use that are longer are first scaled to this length, in place.
        norm_type: the norm that is meant.
        scale_grad_by_freq: divides a row's gradient by how often it was looked up; not for maxima.
        mode: 'sum', 'mean' or 'max'; an empty bag gives 0.
        sparse: whether the table gets a sparse gradient.
        per_sample_weights: factors of the rows, shaped as `input`, for sums.
        include_last_offset: whether the last offset is the end of the last bag.
        padding_idx: a row that counts for nothing.

    Returns:
        ``(bags, width)``.

    Raises:
        ValueError, RuntimeError: arguments that do not fit each other, numbers out of range.

    Example:
        >>> import flambeau as torch
        >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> torch.nn.functional.embedding_bag(torch.tensor([[1, 0], [1, 1]]), table)
        tensor([[2., 3.],
                [3., 4.]])
    """
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        # Its last offset would be where the last bag begins.
        include_last_offset = False
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    code = _MODES.get(mode)
    if code is None:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(_ONLY_SUMS.format(mode))
    if max_norm is not None:
        with flambeau.no_grad():
            flambeau.embedding_renorm_(weight, input, max_norm, norm_type)
    bagged: Tensor = _embedding_bags(
        weight,
        input,
        offsets,
        scale_grad_by_freq,
        code,
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )
    return bagged


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
