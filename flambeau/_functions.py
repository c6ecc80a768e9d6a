"""Functions of the top level that need no operator."""

from __future__ import annotations

from flambeau import _core
from flambeau._core import Tensor

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "broadcast_shapes",
    "is_tensor",
    "is_storage",
    "numel",
    "is_floating_point",
    "is_complex",
    "typename",
    "asarray",
    "set_default_device",
    "get_num_interop_threads",
]


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape to which all given shapes broadcast.

    Args:
        shapes: sequences of integers, or integers

    Raises:
        RuntimeError: shapes that do not broadcast.
        ValueError: a negative size.

    >>> import flambeau as torch
    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    sizes: list[int] = []  # from the right
    for i, shape in enumerate(shapes):
        for k, size in enumerate(reversed((shape,) if isinstance(shape, int) else tuple(shape))):
            if size < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if k == len(sizes):
                sizes.append(size)
            elif sizes[k] == 1:
                sizes[k] = size
            elif size not in (1, sizes[k]):
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {size} at {-1 - k}! Mismatching argument at index {i} "
                    f"had {shape}; but expected shape should be broadcastable to {sizes[::-1]}"
                )
    return _core.Size(sizes[::-1])


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    from flambeau.storage import TypedStorage

    return isinstance(obj, (_core.UntypedStorage, TypedStorage))


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating-point type."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


def typename(obj: Any) -> str:
    """The name of an object's type, `torch.FloatTensor` for a tensor."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = type(obj)
    return f"{kind.__module__}.{kind.__qualname__}"


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of `obj`'s data, sharing its memory where possible unless `copy` is true."""
    if type(obj).__name__ == "PyCapsule" or (
        hasattr(obj, "__dlpack__") and not isinstance(obj, Tensor) and not hasattr(obj, "__array_interface__")
    ):
        from flambeau.utils.dlpack import from_dlpack

        obj = from_dlpack(obj)
    if copy is False:
        if not isinstance(obj, Tensor) and not hasattr(obj, "__array_interface__"):
            raise ValueError(
                f"can't alias arbitrary sequence of type {type(obj).__name__}; pass copy=None or copy=True"
            )
        own = (obj if isinstance(obj, Tensor) else _core.from_numpy(obj)).dtype
        if dtype is not None and own != dtype:
            from flambeau.ops._refusals import scalar_type

            raise ValueError(
                f"can't alias tensor with dtype '{scalar_type(own)}' into dtype '{scalar_type(dtype)}'."
            )
    shared = _core.as_tensor(obj, dtype=dtype, device=device)
    if copy:
        shared = shared.detach().clone()
    return shared.requires_grad_(True) if requires_grad else shared


def set_default_device(device: Any) -> None:
    """Sets the device on which this thread makes tensors where none is named; None is the CPU.

    Raises:
        AssertionError: this build has no such device.

    >>> import flambeau as torch
    >>> torch.set_default_device("meta")
    >>> torch.zeros(2).device
    device(type='meta')
    >>> torch.set_default_device(None)
    """
    _core._set_default_device("cpu" if device is None else device)


def get_num_interop_threads() -> int:
    """Always one: operators run one after another, each on all threads."""
    return 1
