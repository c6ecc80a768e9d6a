"""Questions about tensors whose answers are no tensors."""

from __future__ import annotations

from flambeau import Tensor
from flambeau.ops._operator import function, method, operator


@operator("is_nonzero(Tensor self) -> bool", function, method)
def is_nonzero(self: Tensor) -> bool:
    """Whether the one element is not zero.

    Raises:
        RuntimeError: for no element, or several.

    >>> import flambeau as torch
    >>> torch.is_nonzero(torch.tensor([0.0]))
    False
    """
    return bool(self)


@operator("is_same_size(Tensor self, Tensor other) -> bool", function, method)
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> import flambeau as torch
    >>> torch.is_same_size(torch.ones(2, 3), torch.ones(3, 2))
    False
    """
    return self.shape == other.shape


@operator("is_signed(Tensor self) -> bool", function)
def is_signed(self: Tensor) -> bool:
    """Whether the dtype has a sign.

    >>> import flambeau as torch
    >>> torch.is_signed(torch.tensor([1.0]))
    True
    """
    return self.dtype.is_signed


@operator("is_inference(Tensor self) -> bool", function)
def is_inference(self: Tensor) -> bool:
    """Whether the tensor was made in inference mode.

    >>> import flambeau as torch
    >>> torch.is_inference(torch.tensor([1.0]))
    False
    """
    return self.is_inference()


@operator("get_device(Tensor self) -> int", function)
def get_device(self: Tensor) -> int:
    """The number of the tensor's GPU; -1 for a tensor that is on none.

    >>> import flambeau as torch
    >>> torch.get_device(torch.tensor([1.0]))
    -1
    """
    return self.get_device()
