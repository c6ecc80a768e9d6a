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


class UninitializedTensorMixin(Tensor):
    """What parameters and buffers without a shape have in common: they refuse to be computed with."""

    # What a module without shapes does to them all the same: moving, converting, loading.
    _ALLOWED = frozenset(
        """
        __hash__ size copy_ is_complex is_floating_point half float double char short int long cuda cpu to
        get_device __get__ __set__ requires_grad_ _has_compatible_shallow_copy_type
        """.split()
    )
    cls_to_become: Any = None

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Makes an ordinary parameter or buffer of it, with memory that is not initialised.

        Args:
            shape: the sizes.
            device: where it is made; default: where it was to be made.
            dtype: its type; default: the one it was to have.

        Example:
            >>> import flambeau as torch
            >>> p = torch.nn.UninitializedParameter()
            >>> p.materialize((2, 3))
            >>> p.shape
            torch.Size([2, 3])
        """
        like = self.data
        self.data = _core.empty(
            tuple(shape),
            device=like.device if device is None else device,
            dtype=like.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:  # type: ignore[override]
        """Refused: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        """Refused: there is nothing to share yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
            "parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, self.data.device, self.data.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in cls._ALLOWED:
            return _core._disabled_torch_function_impl(func, types, args, kwargs or {})
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. This error happens when you are using a "
            f"`LazyModule` or explicitly manipulating `torch.nn.parameter.{cls.__name__}` objects. When "
            "using LazyModules Call `forward` with a dummy batch to initialize the parameters before calling "
            "torch functions"
        )


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet: the first forward pass of a lazy module decides it.

    Args:
        requires_grad: whether backward accumulates a gradient in it, once it has a shape.
        device: where it will be made.
        dtype: the type it will have.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.UninitializedParameter()
        <UninitializedParameter>
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return Tensor._make_subclass(cls, _core.empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin):
    """A buffer whose shape is not known yet: the first forward pass of a lazy module decides it.

    Args:
        requires_grad: whether it is to be differentiated, once it has a shape.
        device: where it will be made.
        dtype: the type it will have.
        persistent: whether it belongs to the module's state_dict.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.UninitializedBuffer()
        <UninitializedBuffer>
    """

    persistent: bool
    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        empty = _core.empty(0, device=device, dtype=dtype)
        made: Any = Tensor._make_subclass(cls, empty, requires_grad)  # type: ignore[arg-type]
        made.persistent = persistent
        made._is_buffer = True
        return made


def is_lazy(param: Any) -> bool:
    """Whether a parameter still waits for its shape."""
    return isinstance(param, (UninitializedParameter, UninitializedBuffer))
