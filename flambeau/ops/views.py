"""Operators that arrange, join and repeat tensors, over other operators."""

from __future__ import annotations

from collections.abc import Callable

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._dims import wrap_dim
from flambeau.ops._operator import function, method, operator, out


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


@operator("meshgrid(Tensor[] tensors..., *, str? indexing=None) -> Tensor[]", function)
def meshgrid(tensors: tuple[Tensor, ...], *, indexing: str | None) -> tuple[Tensor, ...]:
    """The coordinates of a grid whose axes are the given vectors: result i varies along dimension i alone.

    Args:
        tensors: vectors or scalars of one dtype, of lengths n0, n1, ...
        indexing: 'ij', the default, gives (n0, n1, ...); 'xy' gives (n1, n0, ...), as in pictures

    Returns:
        As many views of that shape.

    Raises:
        RuntimeError: dtypes that differ, a tensor of two dimensions or more, another indexing.

    >>> import flambeau as torch
    >>> x, y = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")
    >>> x.tolist(), y.tolist()
    ([[1, 1], [2, 2]], [[3, 4], [3, 4]])
    """
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for tensor in tensors:
        if tensor.dim() > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {tensor}"
            )
        if tensor.dtype != tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    sizes = [t.numel() for t in tensors]
    grids = []
    for i, tensor in enumerate(tensors):
        grids.append(tensor.view([-1 if k == i else 1 for k in range(len(sizes))]).expand(sizes))
    if swap:
        grids = [grids[1], grids[0], *grids[2:]]
    return tuple(grids)


@operator("combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", function)
def combinations(self: Tensor, r: int, with_replacement: bool) -> Tensor:
    """All choices of r elements of a vector in order, as itertools.combinations (or combinations_with_replacement).

    Args:
        self: (n,)
        r: the length of a choice
        with_replacement: whether an element may be chosen again

    Returns:
        (number of choices, r); (0,) for r = 0.

    Raises:
        RuntimeError: self is no vector, or r is negative.

    >>> import flambeau as torch
    >>> torch.combinations(torch.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    if self.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(self.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return self.new_empty((0,))
    n = self.size(0)
    place = torch.arange(n, device=self.device)
    grids = torch.meshgrid(*[place] * r, indexing="ij")
    mask = torch.ones([n] * r, dtype=torch.bool, device=self.device)
    for a, b in zip(grids, grids[1:], strict=False):
        mask = mask & (a <= b if with_replacement else a < b)
    chosen = torch.stack([g[mask] for g in grids], 1)
    return self[chosen] if n else self.new_empty((0, r))


@operator("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", function, method)
def diag_embed(self: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    """Matrices whose diagonals are the last dimension of the input, zero elsewhere; the inverse of `diagonal`.

    Args:
        self: (..., n)
        offset: which diagonal: above the main one if positive, below if negative
        dim1, dim2: where the matrices' rows and columns stand in the result

    Returns:
        One dimension more, with n + abs(offset) in both places.

    Raises:
        IndexError: a dimension out of range.
        RuntimeError: dim1 and dim2 are the same.

    >>> import flambeau as torch
    >>> torch.diag_embed(torch.tensor([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    count = self.dim() + 1
    first, second = wrap_dim(dim1, count), wrap_dim(dim2, count)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = self.size(-1) + abs(offset)
    sizes = list(self.shape[:-1])
    for dim in sorted((first, second)):
        sizes.insert(dim, side)
    result = torch.zeros(sizes, dtype=self.dtype, device=self.device)
    result.diagonal(offset, first, second).copy_(self)
    return result


@operator("diag(Tensor self, int diagonal=0) -> Tensor", function, method, out)
def diag(self: Tensor, diagonal: int) -> Tensor:
    """The diagonal of a matrix, or the matrix with the given diagonal.

    Args:
        self: (m, n) or (n,)
        diagonal: which one: above the main diagonal if positive, below if negative

    Returns:
        A new vector, or a square matrix of n + abs(diagonal).

    Raises:
        RuntimeError: self is neither a vector nor a matrix.

    >>> import flambeau as torch
    >>> torch.diag(torch.tensor([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """
    if self.dim() not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {self.dim()}D")
    return torch.diag_embed(self, diagonal) if self.dim() == 1 else self.diagonal(diagonal).clone()


@operator("diagflat(Tensor self, int offset=0) -> Tensor", function, method)
def diagflat(self: Tensor, offset: int) -> Tensor:
    """The matrix with all elements of the input, in order, on its diagonal.

    Args:
        self: any shape, n elements
        offset: which diagonal: above the main one if positive, below if negative

    Returns:
        (n + abs(offset), n + abs(offset)).

    >>> import flambeau as torch
    >>> torch.diagflat(torch.tensor([[1], [2]])).tolist()
    [[1, 0], [0, 2]]
    """
    return torch.diag_embed(self.reshape(-1), offset)


def _written(self: Tensor, source: Tensor, view: Callable[[Tensor], Tensor], name: str) -> Tensor:
    """A copy of `self` whose part view(copy) is `source`."""
    result = self.clone()
    part = view(result)
    if part.shape != source.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(source.shape)}, slice size = "
            f"{list(part.shape)} in {name}()"
        )
    part.copy_(source)
    return result


@operator("select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor", function, method)
def select_scatter(self: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of a tensor in which `select(dim, index)` is replaced by `src`.

    Args:
        self: any shape
        src: the shape of self.select(dim, index)

    Raises:
        RuntimeError: src has another shape.
        IndexError: dim or index out of range.

    >>> import flambeau as torch
    >>> torch.zeros(2, 2).select_scatter(torch.ones(2), 0, 1).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    return _written(self, src, lambda t: t.select(dim, index), "select_scatter")


@operator(
    "slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
    function,
    method,
    out,
)
def slice_scatter(
    self: Tensor, src: Tensor, dim: int, start: int | None, end: int | None, step: int
) -> Tensor:
    """A copy of a tensor in which the slice start:end:step of a dimension is replaced by `src`.

    Args:
        self: any shape
        src: the shape of that slice

    Raises:
        RuntimeError: src has another shape, or step is not positive.
        IndexError: dim out of range.

    >>> import flambeau as torch
    >>> torch.zeros(4).slice_scatter(torch.ones(2), start=1, end=3).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    place = wrap_dim(dim, self.dim())
    key = (*[slice(None)] * place, slice(start, end, step))
    return _written(self, src, lambda t: t[key], "slice_scatter")


@operator(
    "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    function,
    method,
)
def diagonal_scatter(self: Tensor, src: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    """A copy of a tensor in which `diagonal(offset, dim1, dim2)` is replaced by `src`.

    Args:
        self: at least two dimensions
        src: the shape of that diagonal

    Raises:
        RuntimeError: src has another shape.

    >>> import flambeau as torch
    >>> torch.zeros(2, 2).diagonal_scatter(torch.ones(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _written(self, src, lambda t: t.diagonal(offset, dim1, dim2), "diagonal_scatter")


@operator(
    "as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
    function,
    method,
)
def as_strided_scatter(
    self: Tensor, src: Tensor, size: tuple[int, ...], stride: tuple[int, ...], storage_offset: int | None
) -> Tensor:
    """A copy of a tensor in which `as_strided(size, stride, storage_offset)` is replaced by `src`.

    Args:
        self: any shape
        src: of shape `size`

    Raises:
        RuntimeError: src has another shape, or the strides lead out of the storage.

    >>> import flambeau as torch
    >>> torch.zeros(4).as_strided_scatter(torch.ones(2), (2,), (2,)).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    if not self.is_contiguous() or self.storage_offset():
        # The strides speak of the storage, gaps included.
        count = self.untyped_storage().nbytes() // self.element_size()
        whole = self.as_strided((count,), (1,), 0)
        place = self.storage_offset() if storage_offset is None else storage_offset
        written = _written(whole, src, lambda t: t.as_strided(size, stride, place), "as_strided_scatter")
        return written.as_strided(self.shape, self.stride(), self.storage_offset())
    return _written(self, src, lambda t: t.as_strided(size, stride, storage_offset), "as_strided_scatter")


def _rearranged(self: Tensor, order: list[int]) -> Tensor:
    return self.permute(order).clone(memory_format=torch.contiguous_format)


@operator("pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", function)
def pixel_shuffle(self: Tensor, upscale_factor: int) -> Tensor:
    """Turns blocks of r * r channels into blocks of r x r pixels: out[c, h r + i, w r + j] = in[c r^2 + i r + j, h, w].

    Args:
        self: (..., C * r^2, H, W)
        upscale_factor: r

    Returns:
        (..., C, H * r, W * r).

    Raises:
        RuntimeError: fewer than three dimensions, r < 1, or channels that r^2 does not divide.

    >>> import flambeau as torch
    >>> torch.pixel_shuffle(torch.arange(4).reshape(4, 1, 1), 2).tolist()
    [[[0, 1], [2, 3]]]

    Source: Shi et al., Real-Time Single Image and Video Super-Resolution, 2016, section 3.
    """
    r = upscale_factor
    if self.dim() < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {self.dim()} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *batch, channels, height, width = self.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(batch)
    blocks = self.reshape([*batch, channels // (r * r), r, r, height, width])
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return _rearranged(blocks, order).view([*batch, channels // (r * r), height * r, width * r])


@operator("pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", function)
def pixel_unshuffle(self: Tensor, downscale_factor: int) -> Tensor:
    """Undoes `pixel_shuffle`: blocks of r x r pixels become r * r channels.

    Args:
        self: (..., C, H * r, W * r)
        downscale_factor: r

    Returns:
        (..., C * r^2, H, W).

    Raises:
        RuntimeError: fewer than three dimensions, r < 1, or sides that r does not divide.

    >>> import flambeau as torch
    >>> torch.pixel_unshuffle(torch.arange(4).reshape(1, 2, 2), 2).flatten().tolist()
    [0, 1, 2, 3]
    """
    r = downscale_factor
    if self.dim() < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {self.dim()} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *batch, channels, height, width = self.shape
    if height % r or width % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but {height} x {width} is not "
            f"divisible by {r}"
        )
    n = len(batch)
    blocks = self.reshape([*batch, channels, height // r, r, width // r, r])
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return _rearranged(blocks, order).view([*batch, channels * r * r, height // r, width // r])


@operator("channel_shuffle(Tensor self, int groups) -> Tensor", function)
def channel_shuffle(self: Tensor, groups: int) -> Tensor:
    """Interleaves groups of channels: the channels, seen as (groups, C / groups), are transposed.

    Args:
        self: (N, C, ...)
        groups: a divisor of C

    Raises:
        RuntimeError: fewer than three dimensions, groups < 1, or groups that do not divide C.

    >>> import flambeau as torch
    >>> torch.channel_shuffle(torch.arange(4).reshape(1, 4, 1), 2).flatten().tolist()
    [0, 2, 1, 3]

    Source: Zhang et al., ShuffleNet, 2017, section 3.1.
    """
    if self.dim() < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(self.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    batch, channels = self.shape[:2]
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    if self.numel() == 0:
        return self.clone()
    return (
        self.reshape([batch, groups, channels // groups, *self.shape[2:]]).transpose(1, 2).reshape(self.shape)
    )
