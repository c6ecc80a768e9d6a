"""How tensors are taken apart and put together again: for `pickle`, `copy` and `save` / `load`.

The functions `_rebuild_*` bear the names and take the arguments that PyTorch writes into its files, so that
either framework reads what the other has saved.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flambeau import _core

if TYPE_CHECKING:
    from flambeau import Tensor


class TypedStorage(NamedTuple):
    """The bytes of a tensor together with the type of their elements."""

    untyped: Any
    dtype: Any


def storage_bytes(storage: Any) -> memoryview:
    """The bytes of a storage, not copied."""
    return memoryview(storage) if storage.nbytes() else memoryview(bytearray())


def new_storage(data: bytes | memoryview) -> Any:
    """A storage with a copy of `data`."""
    storage = _core._new_storage(len(data))
    storage_bytes(storage)[:] = data
    return storage


def _rebuild_storage(data: bytes) -> Any:
    return new_storage(data)


def _rebuild_tensor_v2(
    storage: TypedStorage,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    if metadata:
        raise NotImplementedError(f"tensors saved with {', '.join(map(str, metadata))} are not supported")
    tensor = _core._rebuild(storage.untyped, storage.dtype, storage_offset, tuple(size), tuple(stride))
    return tensor.requires_grad_() if requires_grad else tensor


def _rebuild_tensor_v3(
    storage: TypedStorage,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    typed = TypedStorage(storage.untyped, dtype)
    return _rebuild_tensor_v2(typed, storage_offset, size, stride, requires_grad, backward_hooks, metadata)


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Tensor:
    import flambeau

    return flambeau.nn.Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: dict[str, Any]
) -> Tensor:
    parameter = _rebuild_parameter(data, requires_grad, backward_hooks)
    vars(parameter).update(state)
    return parameter


def _rebuild_from_type_v2(
    rebuild: Callable[..., Tensor], kind: type[Tensor], arguments: tuple[Any, ...], state: dict[str, Any]
) -> Tensor:
    """A tensor with attributes of its own, or of a subclass."""
    tensor = rebuild(*arguments)
    if type(tensor) is not kind:
        tensor = tensor.as_subclass(kind)
    vars(tensor).update(state)
    return tensor


def attributes(tensor: Tensor) -> dict[str, Any]:
    """What a program has put on a tensor."""
    return dict(getattr(tensor, "__dict__", {}))


def reduce_tensor(tensor: Tensor) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`__reduce_ex__` of tensors: the function that rebuilds one, and its arguments.

    >>> import pickle
    >>> import flambeau as torch
    >>> pickle.loads(pickle.dumps(torch.tensor([1.0, 2.0])))
    tensor([1., 2.])
    """
    if str(tensor.layout) != "torch.strided":
        raise NotImplementedError(f"saving tensors of layout {tensor.layout} is not supported")
    state = attributes(tensor)
    storage = TypedStorage(tensor.untyped_storage(), tensor.dtype)
    parts = (storage, tensor.storage_offset(), tuple(tensor.size()), tuple(tensor.stride()))
    arguments = (*parts, tensor.requires_grad, OrderedDict())
    if type(tensor) is _core.Tensor and not state:
        return _rebuild_tensor_v2, arguments
    return _rebuild_from_type_v2, (_rebuild_tensor_v2, type(tensor), arguments, state)


def reduce_parameter(parameter: Tensor) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`__reduce_ex__` of parameters."""
    state = attributes(parameter)
    arguments = (parameter.data, parameter.requires_grad, OrderedDict())
    return (_rebuild_parameter_with_state, (*arguments, state)) if state else (_rebuild_parameter, arguments)


def reduce_storage(storage: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return _rebuild_storage, (bytes(storage_bytes(storage)),)


def deepcopy_extras(tensor: Tensor, result: Tensor, memo: dict[int, Any]) -> None:
    """Copies what goes along with a tensor's values: its gradient, and its attributes."""
    if tensor.grad is not None:
        result.grad = copy.deepcopy(tensor.grad, memo)
    state = attributes(tensor)
    if state:
        vars(result).update(copy.deepcopy(state, memo))


def deepcopy_tensor(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    """`__deepcopy__` of tensors: tensors that shared memory share memory in the copy, too.

    Raises:
        RuntimeError: `tensor` is the result of an operation that autograd recorded.

    >>> import copy
    >>> import flambeau as torch
    >>> copy.deepcopy(torch.ones(2, requires_grad=True))
    tensor([1., 1.], requires_grad=True)
    """
    if id(tensor) in memo:
        return memo[id(tensor)]
    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
            "the moment: copy tensor.detach() instead"
        )
    storage = tensor.untyped_storage()
    # One copy of every storage. The key is no id of an object, so it cannot meet one that deepcopy itself
    # enters.
    copies = memo.setdefault(-1, {})
    key = (storage.data_ptr(), storage.nbytes())
    if key not in copies or storage.nbytes() == 0:
        copies[key] = new_storage(storage_bytes(storage))
    size, stride = tuple(tensor.size()), tuple(tensor.stride())
    result = _core._rebuild(copies[key], tensor.dtype, tensor.storage_offset(), size, stride)
    if type(result) is not type(tensor):
        result = result.as_subclass(type(tensor))
    if tensor.requires_grad:
        result.requires_grad_()
    memo[id(tensor)] = result
    deepcopy_extras(tensor, result, memo)
    return result
