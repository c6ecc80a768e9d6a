"""Tensors that modules register when they are assigned: parameters and buffers."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    """Counts a parameter of another tensor type, marked by ``_is_param``, as a Parameter."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a module lists among its parameters once it is assigned as an attribute.

    Args:
        data: the tensor; the parameter shares its memory. Default: an empty tensor.
        requires_grad: whether backward accumulates a gradient in it, also inside ``no_grad``.

    Example:
        >>> import flambeau as torch
        >>> module = torch.nn.Module()
        >>> module.scale = torch.nn.Parameter(torch.ones(2))
        >>> list(module.parameters())
        [Parameter containing:
        tensor([1., 1.], requires_grad=True)]
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = _core.empty(0)
        kind = type(data)
        if kind is Tensor or kind is Parameter:
            return Tensor._make_subclass(cls, data, requires_grad)
        # A subclass of Tensor stays what it is and is only marked.
        marked = data.detach().requires_grad_(requires_grad)
        if type(marked) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that detach() "
                f"returns an instance of the same type, but return type {type(marked).__name__} was found "
                "instead. To use the type as a Parameter, please correct the detach() semantics defined by "
                "its __torch_dispatch__() implementation."
            )
        marked._is_param = True
        return marked

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        from .._utils import deepcopy_extras

        copied = memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        deepcopy_extras(self, copied, memo)
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        from .._utils import reduce_parameter

        return reduce_parameter(self)

    __torch_function__ = _core._disabled_torch_function_impl


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    """Counts every tensor that :class:`Buffer` made as one of its instances."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a module registers as a buffer once it is assigned as an attribute.

    Args:
        data: the tensor; the buffer shares its memory. Default: an empty tensor.
        persistent: whether the buffer belongs to the module's state_dict.

    Example:
        >>> import flambeau as torch
        >>> module = torch.nn.Module()
        >>> module.steps = torch.nn.Buffer(torch.zeros(1))
        >>> list(module.state_dict())
        ['steps']
    """

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = _core.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked

    __torch_function__ = _core._disabled_torch_function_impl


class UninitializedParameter(Parameter):
    """A parameter whose shape the first forward pass decides; not implemented yet."""

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        raise NotImplementedError(
            "UninitializedParameter (lazy modules) is not implemented yet; give the sizes"
        )


class UninitializedBuffer(Buffer):
    """A buffer whose shape the first forward pass decides; not implemented yet."""

    def __new__(  # type: ignore[override]
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        raise NotImplementedError("UninitializedBuffer (lazy modules) is not implemented yet; give the sizes")


def is_lazy(param: Any) -> bool:
    """Whether a parameter still waits for its shape."""
    return isinstance(param, (UninitializedParameter, UninitializedBuffer))
