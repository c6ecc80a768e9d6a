"""How tensors are taken apart and put together again: for `pickle`, `copy` and `save` / `load`.

The functions `_rebuild_*` bear the names and take the arguments that PyTorch writes into its files, so that
either framework reads what the other has saved.
"""

from __future__ import annotations

import copy
import copyreg
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flambeau import _core

if TYPE_CHECKING:
    from flambeau import Tensor


class TypedStorage(NamedTuple):
    """The bytes of a tensor together with the type of their elements."""

    untyped: Any
    dtype: Any


_WITHOUT_STORAGE_CLASS = ("torch.uint16", "torch.uint32", "torch.uint64")


def storage_bytes(storage: Any) -> memoryview:
    """The bytes of a storage, not copied."""
    return memoryview(storage) if storage.nbytes() else memoryview(bytearray())


def new_storage(data: bytes | memoryview) -> Any:
    """A storage with a copy of `data`."""
    storage = _core._new_storage(len(data))
    storage_bytes(storage)[:] = data
    return storage


def meta_storage(nbytes: int) -> Any:
    """A storage without memory."""
    return _core.empty(nbytes, dtype=_core.uint8, device="meta").untyped_storage()


def _rebuild_storage(data: bytes) -> Any:
    return new_storage(data)


def _rebuild_tensor(
    storage: TypedStorage, storage_offset: int, size: Sequence[int], stride: Sequence[int]
) -> Tensor:
    size = tuple(size)
    if 0 in size:  # may lie behind the end of its storage, where there is nothing to point to
        storage_offset = min(storage_offset, storage.untyped.nbytes() // storage.dtype.itemsize)
    return _core._rebuild(storage.untyped, storage.dtype, storage_offset, size, tuple(stride))


def _rebuild_tensor_v2(
    storage: TypedStorage,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    tensor = _rebuild_tensor(storage, storage_offset, size, stride)
    # PyTorch can leave these two operations undone until the values are needed; here they are done at once.
    for name, pending in (metadata or {}).items():
        if name not in ("conj", "neg"):
            raise NotImplementedError(f"tensors saved with {name} are not supported")
        if pending:
            tensor = getattr(tensor, name)()
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
    untyped = storage.untyped if isinstance(storage, TypedStorage) else storage
    typed = TypedStorage(untyped, dtype)
    return _rebuild_tensor_v2(typed, storage_offset, size, stride, requires_grad, backward_hooks, metadata)


def _rebuild_meta_tensor_no_storage(
    dtype: Any, size: Sequence[int], stride: Sequence[int], requires_grad: bool
) -> Tensor:
    return _core.empty_strided(
        tuple(size), tuple(stride), dtype=dtype, device="meta", requires_grad=requires_grad
    )


def _rebuild_sparse_tensor(layout: Any, data: tuple[Any, ...]) -> Tensor:
    """Of (indices, values, size) and, in newer files, whether the places are in order and come once.

    Raises:
        NotImplementedError: the layout is not COO.
        RuntimeError: the parts do not belong together, or an index lies outside of the size.
    """
    import flambeau

    if layout != flambeau.sparse_coo:
        raise NotImplementedError(
            f"rebuilding sparse tensor for layout {layout}: only torch.sparse_coo is there"
        )
    indices, values, size, *coalesced = data
    tensor = flambeau.sparse_coo_tensor(indices, values, tuple(size))
    if not (coalesced and coalesced[0]):
        return tensor
    ordered = tensor.coalesce()  # the file's word alone is not enough
    if not flambeau.equal(ordered.indices(), indices):
        raise RuntimeError(
            "the indices of a tensor that is said to be coalesced are out of order or repeated"
        )
    return ordered


def reduce_sparse(tensor: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`__reduce_ex__` of sparse tensors."""
    parts = (tensor._indices(), tensor._values(), tensor.shape, tensor.is_coalesced())
    return _rebuild_sparse_tensor, (tensor.layout, parts)


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Tensor:
    import flambeau

    return flambeau.nn.Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> Tensor:
    parameter = _rebuild_parameter(data, requires_grad, backward_hooks)
    set_object_state(parameter, state)
    return parameter


def _rebuild_from_type_v2(
    rebuild: Callable[..., Tensor], kind: type[Tensor], arguments: tuple[Any, ...], state: Any
) -> Tensor:
    """A tensor with attributes of its own, or of a subclass."""
    return finish_tensor(rebuild(*arguments), kind, state)


def finish_tensor(tensor: Tensor, kind: type[Tensor], state: Any) -> Tensor:
    """The tensor as one of the class `kind`, with its attributes."""
    if type(tensor) is not kind:
        tensor = tensor.as_subclass(kind)
    set_object_state(tensor, state)
    return tensor


def object_state(obj: Any) -> Any:
    """What a program has put on an object, in its dictionary and slots, or what its class hands out."""
    hand_out = getattr(type(obj), "__getstate__", None)
    if hand_out is not None and hand_out is not getattr(object, "__getstate__", None):
        return obj.__getstate__()
    attributes = dict(getattr(obj, "__dict__", {}))
    slots = {
        name: getattr(obj, name)
        for name in copyreg._slotnames(type(obj))  # type: ignore[attr-defined]
        if hasattr(obj, name)
    }
    return (attributes or None, slots) if slots else attributes


def set_object_state(obj: Any, state: Any) -> None:
    """Puts on an object what `object_state` has given."""
    take_in = getattr(type(obj), "__setstate__", None)
    if take_in is not None and take_in is not vars(_core.Tensor).get(
        "__setstate__"
    ):  # that one knows older states only
        take_in(obj, state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        vars(obj).update(attributes)
    for name, value in (slots or {}).items():
        setattr(obj, name, value)


def reduce_tensor(tensor: Tensor) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`__reduce_ex__` of tensors: the function that rebuilds one, and its arguments.

    >>> import pickle
    >>> import flambeau as torch
    >>> pickle.loads(pickle.dumps(torch.tensor([1.0, 2.0])))
    tensor([1., 2.])
    """
    if str(tensor.layout) != "torch.strided":
        raise NotImplementedError(f"saving tensors of layout {tensor.layout} is not supported")
    rebuild, arguments = _reduce_plainly(tensor)
    state = object_state(tensor)
    if type(tensor) is _core.Tensor and not state:
        return rebuild, arguments
    return _rebuild_from_type_v2, (rebuild, type(tensor), arguments, state)


def _reduce_plainly(tensor: Tensor) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
    """Without class and attributes."""
    size, stride = tuple(tensor.size()), tuple(tensor.stride())
    if tensor.device.type == "meta":
        return _rebuild_meta_tensor_no_storage, (tensor.dtype, size, stride, tensor.requires_grad)
    # Files name an element type by the class of its storages; younger types have none.
    named = str(tensor.dtype) not in _WITHOUT_STORAGE_CLASS
    storage = TypedStorage(tensor.untyped_storage(), tensor.dtype if named else None)
    rest: tuple[Any, ...] = (tensor.storage_offset(), size, stride, tensor.requires_grad, OrderedDict())
    if named:
        return _rebuild_tensor_v2, (storage, *rest)
    return _rebuild_tensor_v3, (storage, *rest, tensor.dtype)


def reduce_parameter(parameter: Tensor) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`__reduce_ex__` of parameters."""
    state = object_state(parameter)
    arguments: tuple[Any, ...] = (parameter.data, parameter.requires_grad, OrderedDict())
    return (_rebuild_parameter_with_state, (*arguments, state)) if state else (_rebuild_parameter, arguments)


def reduce_storage(storage: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return _rebuild_storage, (bytes(storage_bytes(storage)),)


def deepcopy_extras(tensor: Tensor, result: Tensor, memo: dict[int, Any]) -> None:
    """Copies what goes along with a tensor's values: its gradient, and its attributes."""
    grad = tensor.grad if tensor.is_leaf else None
    if grad is not None:
        # One that backward(create_graph=True) left is copied without its history, which is not the copy's.
        result.grad = copy.deepcopy(grad if grad.is_leaf else grad.detach(), memo)
    state = object_state(tensor)
    if state:
        set_object_state(result, copy.deepcopy(state, memo))


def _copied_storage(storage: Any) -> Any:
    if storage.device.type == "meta":
        return meta_storage(storage.nbytes())
    return new_storage(storage_bytes(storage))


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
            "the moment: copy tensor.detach() instead. In a module it may be a weight that nn.utils.weight_norm, "
            "spectral_norm or prune computes before each forward: remove that first, or use nn.utils.parametrizations"
        )
    storage = tensor.untyped_storage()
    # One copy of every storage. The key -1 is no id of an object, so it meets none that deepcopy itself enters.
    copies = memo.setdefault(-1, {})
    if storage not in copies:
        copies[storage] = _copied_storage(storage)
    typed = TypedStorage(copies[storage], tensor.dtype)
    result = _rebuild_tensor(typed, tensor.storage_offset(), tensor.size(), tensor.stride())
    if type(result) is not type(tensor):
        result = result.as_subclass(type(tensor))
    if tensor.requires_grad:
        result.requires_grad_()
    memo[id(tensor)] = result
    deepcopy_extras(tensor, result, memo)
    return result


# What programs that send many tensors at once take from here.


def _element_size(dtype: Any) -> int:
    """The bytes of an element."""
    size: int = dtype.itemsize
    return size


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """The elements of all tensors, which are of one dtype, one after the other."""
    return _core.cat([tensor.contiguous().view(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Views of `flat`, as `_flatten_dense_tensors` makes it, in the shapes of `tensors`."""
    pieces = _core.split(flat, [tensor.numel() for tensor in tensors])
    return tuple(piece.view(tensor.size()) for piece, tensor in zip(pieces, tensors, strict=True))


def _take_tensors(tensors: Iterable[Tensor], size_limit: int) -> Iterator[list[Tensor]]:
    """Tensors in groups of one type, each of `size_limit` bytes or little more."""
    groups: dict[str, tuple[list[Tensor], int]] = {}
    for tensor in tensors:
        kind = tensor.type()
        group, size = groups.get(kind, ([], 0))
        nbytes = tensor.numel() * tensor.element_size()
        if size + nbytes > size_limit and size > 0:
            yield group
            group, size = [], 0
        group.append(tensor)
        groups[kind] = (group, size + nbytes)
    yield from (group for group, _ in groups.values() if group)
