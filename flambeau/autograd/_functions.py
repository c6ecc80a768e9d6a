"""The functions behind deprecated methods of tensors."""

from __future__ import annotations

import functools
import operator
from typing import Any

from flambeau._core import Tensor
from flambeau.autograd.function import Function

__all__: list[str] = []


class Resize(Function):
    """Another shape with as many elements: a view, or of a tensor that is not contiguous a copy."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, sizes: tuple[Any, ...]) -> Tensor:
        count = functools.reduce(operator.mul, sizes, 1)
        if count != tensor.numel():
            raise RuntimeError(
                f"requested resize to {'x'.join(map(str, sizes))} ({count} elements in total), but the given tensor "
                f"has a size of {'x'.join(map(str, tensor.size()))} ({tensor.numel()} elements). autograd's resize "
                "can only change the shape of a given tensor, while preserving the number of elements. "
            )
        ctx.sizes = tensor.size()
        return tensor.contiguous().view(sizes)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad.contiguous().view(ctx.sizes), None
