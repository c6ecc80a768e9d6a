"""Variable, which wrapped tensors before PyTorch 0.4 and is a way to write tensors since."""

from __future__ import annotations

import warnings
from typing import Any

from flambeau import _core
from flambeau._core import Tensor

__all__ = ["Variable", "VariableMeta"]


class VariableMeta(type):
    """The type of :class:`Variable`: every tensor counts as one."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=VariableMeta):
    """Makes a tensor that shares `data`'s memory and is a leaf of its own.

    Args:
        data: a tensor; default: an empty one
        requires_grad: whether operations on it are recorded
        volatile: was removed from PyTorch; warns when true

    Raises:
        TypeError: if `data` is no tensor.

    >>> import flambeau as torch
    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(  # type: ignore[misc]
        cls,
        data: Any = None,
        requires_grad: bool | None = None,
        volatile: bool | None = None,
        _grad_fn: Any = None,
        name: str | None = None,
    ) -> Tensor:
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                stacklevel=2,
            )
            if requires_grad:
                raise ValueError("Variable can't be volatile and require_grad at the same time!")
        if _grad_fn is not None:
            raise NotImplementedError("Variable(_grad_fn=...) is not implemented yet")
        if data is None:
            data = _core.empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(bool(requires_grad))
