"""What views show, in memory of its own."""

from __future__ import annotations

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, operator, out


def _own(view: Tensor) -> Tensor:
    return view.clone(memory_format=torch.contiguous_format)


@operator("alias_copy(Tensor self) -> Tensor", function, out)
def alias_copy(self: Tensor) -> Tensor:
    """What the view `alias` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.alias_copy(torch.arange(2)).tolist()
    [0, 1]
    """
    return _own(self[...])


@operator(
    "as_strided_copy(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
    function,
    out,
)
def as_strided_copy(
    self: Tensor, size: tuple[int, ...], stride: tuple[int, ...], storage_offset: int | None
) -> Tensor:
    """What the view `as_strided` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.as_strided_copy(torch.arange(4), (2,), (2,)).tolist()
    [0, 2]
    """
    return _own(self.as_strided(size, stride, storage_offset))


@operator("diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", function, out)
def diagonal_copy(self: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    """What the view `diagonal` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.diagonal_copy(torch.eye(2)).tolist()
    [1.0, 1.0]
    """
    return _own(self.diagonal(offset, dim1, dim2))


@operator("expand_copy(Tensor self, int[] size, *, bool implicit=False) -> Tensor", function, out)
def expand_copy(self: Tensor, size: tuple[int, ...], *, implicit: bool) -> Tensor:
    """What the view `expand` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.expand_copy(torch.tensor([1]), (2, 1)).tolist()
    [[1], [1]]
    """
    return _own(self.expand(size))


@operator("permute_copy(Tensor self, int[] dims) -> Tensor", function, out)
def permute_copy(self: Tensor, dims: tuple[int, ...]) -> Tensor:
    """What the view `permute` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.permute_copy(torch.tensor([[1, 2]]), (1, 0)).tolist()
    [[1], [2]]
    """
    return _own(self.permute(dims))


@operator("squeeze_copy(Tensor self) -> Tensor", function, out)
def squeeze_copy(self: Tensor) -> Tensor:
    """What the view `squeeze` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.squeeze_copy(torch.tensor([[1]])).item()
    1
    """
    return _own(self.squeeze())


@operator("t_copy(Tensor self) -> Tensor", function, out)
def t_copy(self: Tensor) -> Tensor:
    """What the view `t` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.t_copy(torch.tensor([[1, 2]])).tolist()
    [[1], [2]]
    """
    return _own(self.t())


@operator("transpose_copy(Tensor self, int dim0, int dim1) -> Tensor", function, out)
def transpose_copy(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """What the view `transpose` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.transpose_copy(torch.tensor([[1, 2]]), 0, 1).tolist()
    [[1], [2]]
    """
    return _own(self.transpose(dim0, dim1))


@operator("unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor", function, out)
def unfold_copy(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """What the view `unfold` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.unfold_copy(torch.arange(3), 0, 2, 1).tolist()
    [[0, 1], [1, 2]]
    """
    return _own(self.unfold(dimension, size, step))


@operator("unsqueeze_copy(Tensor self, int dim) -> Tensor", function, out)
def unsqueeze_copy(self: Tensor, dim: int) -> Tensor:
    """What the view `unsqueeze` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.unsqueeze_copy(torch.tensor(1), 0).tolist()
    [1]
    """
    return _own(self.unsqueeze(dim))


@operator("view_copy(Tensor self, int[] size) -> Tensor", function, out)
def view_copy(self: Tensor, size: tuple[int, ...]) -> Tensor:
    """What the view `view` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.view_copy(torch.arange(2), (2, 1)).tolist()
    [[0], [1]]
    """
    return _own(self.reshape(size))


@operator("select_copy(Tensor self, int dim, int index) -> Tensor", function, out)
def select_copy(self: Tensor, dim: int, index: int) -> Tensor:
    """What the view `select` shows, in memory of its own.

    >>> import flambeau as torch
    >>> torch.select_copy(torch.eye(2), 0, 1).tolist()
    [0.0, 1.0]
    """
    return _own(self.select(dim, index))


@operator("squeeze_copy(Tensor self, int[] dim) -> Tensor", function, out)
def squeeze_copy_dims(self: Tensor, dim: tuple[int, ...]) -> Tensor:
    return _own(self.squeeze(dim))


@operator("unbind_copy(Tensor self, int dim=0) -> Tensor[]", function, out)
def unbind_copy(self: Tensor, dim: int) -> tuple[Tensor, ...]:
    """The slices of a dimension, each in memory of its own.

    >>> import flambeau as torch
    >>> [t.tolist() for t in torch.unbind_copy(torch.eye(2))]
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return tuple(_own(t) for t in self.unbind(dim))


@operator("split_with_sizes_copy(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]", function, out)
def split_with_sizes_copy(self: Tensor, split_sizes: tuple[int, ...], dim: int) -> tuple[Tensor, ...]:
    """Parts of the given sizes of a dimension, each in memory of its own.

    >>> import flambeau as torch
    >>> [t.tolist() for t in torch.split_with_sizes_copy(torch.arange(3), [1, 2])]
    [[0], [1, 2]]
    """
    return tuple(_own(t) for t in self.split_with_sizes(split_sizes, dim))
