"""The methods of Tensor that are written in Python; importing this module attaches them."""

from __future__ import annotations

import warnings

from flambeau import _core
from flambeau._core import Tensor

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__: list[str] = []


class _HookHandle:
    """Takes a hook off the tensor or node it was registered on."""

    def __init__(self, owner: Any, hook_id: int) -> None:
        from weakref import ref

        self._owner = ref(owner)
        self.id = hook_id

    def remove(self) -> None:
        """Takes the hook off; a second call does nothing."""
        owner = self._owner()
        if owner is not None:
            owner._remove_hook(self.id)

    def __enter__(self) -> _HookHandle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def _hook_handle(owner: Any, hook_id: int) -> _HookHandle:
    return _HookHandle(owner, hook_id)


def _register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> _HookHandle:
    """Calls hook(grad) whenever the gradient of this tensor is computed; a tensor it returns takes the gradient's place.

    Raises:
        RuntimeError: if the tensor does not require a gradient.

    >>> import flambeau as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 2)
    >>> x.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    # A hook belongs to the value that the tensor has now: to its node, which an in-place write leaves behind.
    owner = self if self.is_leaf else self.grad_fn
    return _HookHandle(owner, self._add_hook(hook))


def _register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> _HookHandle:
    """Calls hook(tensor) after a gradient was accumulated into this leaf's `grad`."""
    return _HookHandle(self, self._add_post_accumulate_hook(hook))


def _repr(self: Tensor) -> str:
    from flambeau._tensor_str import _tensor_str

    return _tensor_str(self)


def _format(self: Tensor, spec: str) -> str:
    if self.dim() == 0 and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    array = self.numpy()
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested: the dtypes differ")
        return array.astype(dtype)
    return array.copy() if copy else array


def _array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
    """What NumPy's functions of a tensor return: a tensor on the array's memory; truth values as uint8."""
    from numpy import asarray, bool_

    array = asarray(array)
    return _core.from_numpy(array.astype("uint8") if array.dtype == bool_ else array)


def _reversed(self: Tensor) -> Tensor:
    return self.flip(0) if self.dim() else self


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    from flambeau._utils import deepcopy_tensor

    return deepcopy_tensor(self, memo)


def _reduce_ex(self: Tensor, protocol: int) -> Any:
    from flambeau._utils import reduce_tensor

    return reduce_tensor(self)


def _disabled_torch_dispatch_impl(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The ``__torch_dispatch__`` of classes without one: calls the function."""
    return func(*args, **(kwargs or {}))


def _no_wrapper_subclass(*args: Any, **keywords: Any) -> Tensor:
    """Refused: there are no tensors that only wrap others."""
    raise NotImplementedError(
        "Tensor._make_wrapper_subclass is not implemented: it rests on __torch_dispatch__; as_subclass() makes tensors of "
        "a class with __torch_function__"
    )


def _setstate(self: Tensor, state: tuple[Any, ...]) -> None:
    """Takes over a state that pickles from before 0.4 hold: a window on a storage, or whether it requires gradients."""
    if not self.is_leaf:
        raise RuntimeError("__setstate__ can be only called on leaf Tensors")
    if len(state) == 4:  # storage, offset, sizes, strides
        self.set_(*state)
        return
    if len(state) == 5:  # a Variable: data, volatile ..., hooks, requires_grad
        self.data = state[0]
        state = (state[3], state[4], state[2])
    self.requires_grad = state[0]


def _type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type without arguments; else the tensor converted to `dtype`."""
    from flambeau._tensor_new import TYPES

    if dtype is None:
        return f"torch.{TYPES[self.dtype].__name__}"
    if isinstance(dtype, str):
        for candidate, kind in TYPES.items():
            if dtype == f"torch.{kind.__name__}":
                return self.to(candidate)
        raise ValueError(f"invalid type: '{dtype}'")
    if isinstance(dtype, _core.dtype):
        return self.to(dtype, non_blocking=non_blocking)
    if dtype in TYPES.values():
        return self.to(dtype.dtype, non_blocking=non_blocking)
    if not isinstance(dtype, type):
        raise TypeError("dtype must be a type, str, or dtype object")
    raise ValueError(f"invalid type: '{dtype.__name__}'")


def _no_cuda(self: Tensor, *args: Any, **keywords: Any) -> Tensor:
    """Raises: this build has no CUDA."""
    raise AssertionError(
        "Torch not compiled with CUDA enabled: this build of Flambeau has the device 'cpu' only"
    )


def _no_pinning(self: Tensor, *args: Any) -> Tensor:
    """Raises: pinned memory needs CUDA."""
    raise RuntimeError("Need to provide pin_memory allocator to use pin memory: this build has no CUDA")


def _new(self: Tensor, *args: Any, **keywords: Any) -> Tensor:
    """A tensor of this one's dtype from sizes or data, as the legacy constructors make it."""
    from flambeau._tensor_new import _legacy_construct

    return _legacy_construct(Tensor, *args, _dtype=self.dtype, **keywords)


def _new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of `data`, of this one's dtype unless another is given."""
    return _core.tensor(
        data, dtype=self.dtype if dtype is None else dtype, device=device, requires_grad=requires_grad
    )


def _untyped_storage(self: Tensor) -> Any:
    """The bytes under the tensor."""
    return _core._storage_of(self)


def _share_memory(self: Tensor) -> Tensor:
    """Not there yet."""
    raise NotImplementedError("share_memory_ is not implemented yet: tensors live in one process")


def _resize(self: Tensor, *sizes: int) -> Tensor:
    """A view in another shape with as many elements; deprecated, see `reshape`."""
    from flambeau.autograd._functions import Resize

    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    return Resize.apply(self, sizes)


def _resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """A view in another tensor's shape; deprecated, see `reshape`."""
    from flambeau.autograd._functions import Resize

    warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
    return Resize.apply(self, tensor.size())


def _reverse_divide(self: Tensor, other: Any) -> Tensor:
    return self.reciprocal() * other


def _apply(self: Tensor, function: Callable[[Any], Any]) -> Tensor:
    """Replaces every element by function(element); slow, meant for scripts."""
    values = [function(v) for v in self.reshape(-1).tolist()]
    return self.copy_(_core.tensor(values, dtype=self.dtype).reshape(self.shape))


def _set(
    self: Tensor, source: Any = None, storage_offset: Any = None, size: Any = None, stride: Any = None
) -> Tensor:
    """Makes this tensor a window on the memory of a tensor or storage, in place; without arguments on none.

    Args:
        source: a tensor of this dtype, or a storage; one that is too small grows into a copy of its own
        storage_offset: where the window begins, in elements
        size: its sizes
        stride: its strides, of elements in order if left out

    Raises:
        RuntimeError: another dtype or device; a negative offset or stride; a leaf that requires grad.
        NotImplementedError: where gradients would flow.

    >>> import flambeau as torch
    >>> torch.zeros(0).set_(torch.arange(6.0), 1, (2, 2), (1, 2)).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    from flambeau.storage import set_tensor

    return set_tensor(self, source, storage_offset, size, stride)


def _typed_storage(self: Tensor) -> Any:
    """The elements under the tensor; deprecated, see `untyped_storage`."""
    from flambeau.storage import TypedStorage, warn_once

    warn_once()
    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)


def _is_shared(self: Tensor) -> bool:
    """Whether other processes see the tensor's memory; none does."""
    return False


def _const_data_ptr(self: Tensor) -> int:
    """The address of the first element, for who only reads."""
    return self.data_ptr()


def _nonzero_as_bool(self: Tensor) -> bool:
    """Python 2's name of `__bool__`."""
    return bool(self)


def _long_as_int(self: Tensor) -> int:
    """Python 2's name of `__int__`."""
    return int(self)


def _reinforce(self: Tensor, *args: Any, **keywords: Any) -> None:
    """Raises: it was removed from PyTorch."""
    raise RuntimeError(
        "reinforce() was removed. Use torch.distributions instead: draw an action with Categorical(probs).sample() and "
        "differentiate -log_prob(action) * reward"
    )


def _volatile(self: Tensor) -> bool:
    """False: it was removed from PyTorch, see `no_grad`."""
    warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
    return False


def _dlpack(
    self: Tensor,
    *,
    stream: Any = -1,
    max_version: Any = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    """A capsule with the tensor's memory, for `from_dlpack` of any array library.

    Args:
        stream: None or -1 on the CPU
        max_version: the newest DLPack that the consumer understands; from (1, 0) on the capsule is a versioned one
        dl_device: where the consumer wants the memory: (1, 0), the CPU
        copy: True copies first

    Raises:
        BufferError: the tensor requires grad or has no data.
    """
    from flambeau.utils.dlpack import tensor_to_dlpack

    return tensor_to_dlpack(self, stream, max_version, dl_device, copy)


def _dlpack_device(self: Tensor) -> tuple[Any, int]:
    """The kind of the device and its number, as DLPack counts them."""
    from flambeau.utils.dlpack import tensor_dlpack_device

    return tensor_dlpack_device(self)


def _removed_method(name: str) -> Callable[..., Any]:
    def method(*arguments: Any, **keywords: Any) -> Any:
        from flambeau import _removed

        return getattr(_removed, name)(*arguments, **keywords)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = (
        "A method that PyTorch has taken away; raises RuntimeError that says what to call instead."
    )
    return method


def _own_function(func: Any) -> Any:
    """Flambeau's function for one of PyTorch's, which hands calls over where it meets a Flambeau tensor; else `func`."""
    from types import BuiltinFunctionType, FunctionType

    home = getattr(func, "__module__", None)
    foreign = isinstance(func, (BuiltinFunctionType, FunctionType)) and (
        home is None or home.split(".")[0] == "torch"
    )
    if not foreign:
        return func
    own = getattr(Tensor, func.__name__, None) or getattr(_core, func.__name__, None)
    if own is None:
        raise NotImplementedError(f"{func.__name__} is not implemented yet")
    return own


def _default_torch_function(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Runs the operation on the data; the result is of the subclass. What a subclass calls by super()."""
    func = _own_function(func)
    previous = _core._set_overrides_disabled(True)
    try:
        result = func(*args, **(kwargs or {}))
    finally:
        _core._set_overrides_disabled(previous)
    if isinstance(result, Tensor) and not isinstance(result, cls):
        return result.as_subclass(cls)
    return result


def _rebuild_from_type_v2(*arguments: Any) -> Tensor:
    """Where the pickles of PyTorch look for it."""
    from flambeau._utils import _rebuild_from_type_v2

    return _rebuild_from_type_v2(*arguments)


def _reduce_storage(self: Any, protocol: int) -> Any:
    from flambeau._utils import reduce_storage

    return reduce_storage(self)


def _node_attribute(self: Any, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
    from flambeau.autograd._node import attribute

    return attribute(self, name)


def _node_directory(self: Any) -> list[str]:
    from flambeau.autograd._node import directory

    return sorted({*object.__dir__(self), *directory(self)})


setattr(_core.Node, "__getattr__", _node_attribute)  # noqa: B010
setattr(_core.Node, "__dir__", _node_directory)  # noqa: B010
setattr(_core.UntypedStorage, "__reduce_ex__", _reduce_storage)  # noqa: B010
for _name, _function in {
    "register_hook": _register_hook,
    "register_post_accumulate_grad_hook": _register_post_accumulate_grad_hook,
    "__repr__": _repr,
    "__format__": _format,
    "__array__": _array,
    "__array_wrap__": _array_wrap,
    "__reversed__": _reversed,
    "__deepcopy__": _deepcopy,
    "__reduce_ex__": _reduce_ex,
    "__setstate__": _setstate,
    "__torch_dispatch__": _disabled_torch_dispatch_impl,
    "_make_wrapper_subclass": staticmethod(_no_wrapper_subclass),
    "type": _type,
    "cuda": _no_cuda,
    "pin_memory": _no_pinning,
    "new": _new,
    "new_tensor": _new_tensor,
    "untyped_storage": _untyped_storage,
    "share_memory_": _share_memory,
    "__rdiv__": _reverse_divide,
    "__div__": Tensor.__truediv__,
    "__idiv__": Tensor.__itruediv__,
    "apply_": _apply,
    "set_": _set,
    "storage": _typed_storage,
    "is_shared": _is_shared,
    "const_data_ptr": _const_data_ptr,
    "__nonzero__": _nonzero_as_bool,
    "__long__": _long_as_int,
    "reinforce": _reinforce,
    "volatile": property(_volatile),
    **{name: _removed_method(name) for name in ("solve", "symeig", "eig", "lstsq")},
    "resize": _resize,
    "resize_as": _resize_as,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "__torch_function__": classmethod(_default_torch_function),
    "__array_priority__": 1000,
}.items():
    if isinstance(_function, type(_resize)):
        _function.__qualname__ = f"Tensor.{_name}"  # what the TypeErrors of wrong calls say
    setattr(Tensor, _name, _function)
