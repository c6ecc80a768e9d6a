"""Runs of neighbours taken together: segments of a dimension, and bags of a table's rows."""

from __future__ import annotations

import math

import flambeau as torch
from flambeau import Tensor

from ._dims import wrap_dim
from ._operator import function, operator, out
from ._refusals import need_floating, scalar_type

_REDUCTIONS = {"sum": "sum", "mean": "mean", "max": "amax", "amax": "amax", "min": "amin", "amin": "amin"}
_EMPTY = {"sum": 0.0, "mean": 0.0, "amax": -math.inf, "amin": math.inf, "prod": 1.0}


@operator(
    "segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, "
    "int axis=0, bool unsafe=False, Number? initial=None) -> Tensor",
    function,
    out,
)
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None,
    indices: Tensor | None,
    offsets: Tensor | None,
    axis: int,
    unsafe: bool,
    initial: float | None,
) -> Tensor:
    """Reduces the segments, one after another, that a dimension consists of.

    Args:
        data: any shape, floating point
        reduce: 'sum', 'mean', 'max', 'min' or 'prod'
        lengths: (..., segments), the segments' sizes in each row; or
        offsets: (..., segments + 1), where they begin, and where the last one ends
        indices: not supported
        axis: the dimension of data that is the last one of lengths or offsets
        unsafe: whether to leave out the check that the segments fill the dimension
        initial: what each reduction begins with; empty segments give it, or NaN for means without it

    Returns:
        The size of `axis` is the number of segments.

    >>> import flambeau as torch
    >>> torch.segment_reduce(torch.tensor([1.0, 2.0, 3.0]), "max", lengths=torch.tensor([2, 1])).tolist()
    [2.0, 3.0]
    """
    axis = wrap_dim(axis, data.dim())
    kind = _REDUCTIONS.get(reduce, reduce)
    if kind not in _EMPTY:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    given = lengths if lengths is not None else offsets
    if given is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    name = "lengths" if lengths is not None else "offsets"
    if axis != given.dim() - 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {name} but got {axis}."
        )
    need_floating("_segment_reduce_cpu", data.dtype)
    if given.dtype not in (torch.int32, torch.int64):
        raise NotImplementedError(
            f"\"_segment_reduce_{name}_cpu_kernel1\" not implemented for '{scalar_type(given.dtype)}'"
        )
    if list(given.shape[:-1]) != list(data.shape[:axis]):
        raise RuntimeError(
            f"segment_reduce(): Expected {name} and data to have the same sizes before axis {axis}, but got "
            f"{list(given.shape)} and {list(data.shape)}."
        )
    size = data.size(axis)
    if lengths is not None:
        spans = lengths.long()
        begins = spans.cumsum(-1) - spans
        if not spans.is_meta and spans.numel():
            if bool((spans < 0).any()):
                raise RuntimeError("lengths contains negative value!")
            fills = spans.sum(-1)
            if bool((fills > size).any()) or (not unsafe and bool((fills != size).any())):
                raise RuntimeError(
                    "segment_reduce(): Expected all rows of lengths along axis to sum to "
                    "data.size(lengths.dim()-1) when !unsafe."
                )
    else:
        begins, spans = given.long()[..., :-1], given.long().diff(dim=-1)
        if not given.is_meta and spans.numel():
            if bool((spans < 0).any()) or bool((given < 0).any()) or bool((given > size).any()):
                raise RuntimeError(
                    f"segment_reduce(): Expected offsets that do not decrease, from 0 to {size}, but got "
                    f"{given.tolist()}."
                )
    segments = spans.size(-1)
    # An element's segment: the last one that begins at or before it and has not ended; the rest goes to one behind all.
    places = torch.arange(size, device=data.device).expand(*given.shape[:-1], size).contiguous()
    ends = (begins + spans).contiguous()
    owner = torch.searchsorted(ends, places, right=True)
    before = torch.zeros_like(owner) if segments == 0 else begins.gather(-1, owner.clamp(max=segments - 1))
    owner = owner.masked_fill(places < before, segments)
    rest = data.shape[axis + 1 :]
    owner = owner.view(*owner.shape, *(1 for _ in rest)).expand(data.shape)
    extreme = kind in ("amax", "amin")
    start = _EMPTY[kind] if initial is None or extreme else initial
    base = data.new_full((*data.shape[:axis], segments + 1, *rest), start)
    result = base.scatter_reduce(axis, owner, data, "sum" if kind == "mean" else kind)
    result = result.narrow(axis, 0, segments)
    if extreme and initial is not None:
        inside = result >= initial if kind == "amax" else result <= initial
        return torch.where(inside | result.isnan(), result, initial)
    if kind != "mean":
        return result
    counts = spans.view(*spans.shape, *(1 for _ in rest))
    if initial is None:
        return result / counts
    return result / counts.clamp(min=1)


@operator(
    "embedding_renorm_(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor", function
)
def embedding_renorm_(self: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Shortens, in place, the rows of a table that are used and longer than `max_norm`.

    Args:
        self: (rows, width)
        indices: any shape, numbers of rows, int32 or int64
        max_norm: the largest length
        norm_type: the norm that measures it

    >>> import flambeau as torch
    >>> torch.embedding_renorm_(torch.tensor([[3.0, 4.0], [3.0, 4.0]]), torch.tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000],
            [3.0000, 4.0000]])
    """
    if self.dim() != 2:
        raise RuntimeError(
            f"Expected 2-dimensional tensor, but got {self.dim()}-dimensional tensor for argument #1 'self' "
            "(while checking arguments for embedding_renorm_)"
        )
    _check_index_type("embedding_renorm_", indices)
    numbers = indices.reshape(-1).long()
    used = torch.zeros(self.size(0), dtype=torch.bool, device=self.device).index_fill_(0, numbers, True)
    lengths = self.norm(norm_type, 1)
    # PyTorch adds the small number, so that a length rounded up does not stay above the limit.
    scale = torch.where(used & (lengths > max_norm), max_norm / (lengths + 1e-7), 1.0)
    return self.mul_(scale.to(self.dtype).unsqueeze(1))


def _check_index_type(name: str, indices: Tensor) -> None:
    if indices.dtype not in (torch.int64, torch.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
            f"but got {indices.type()} instead (while checking arguments for {name})"
        )
