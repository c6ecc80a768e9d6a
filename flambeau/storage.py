"""Memory of tensors under the path that PyTorch gives it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from flambeau import _core
from flambeau._core import UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]

_warned = False


def warn_once() -> None:
    """Says, once in a process, that typed storages are deprecated; to the caller of its caller."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage "
            "class. This should only matter to you if you are using storages directly.  To access UntypedStorage "
            "directly, use tensor.untyped_storage() instead of tensor.storage()",
            stacklevel=3,
        )


class TypedStorage:
    """The elements of a storage, in the order in which they lie: what `Tensor.storage()` gives. Deprecated.

    Args:
        wrap_storage: the bytes
        dtype: the type of the elements

    >>> import flambeau as torch
    >>> storage = torch.tensor([[1, 2], [3, 4]]).t().storage()
    >>> storage.tolist(), len(storage), storage.dtype
    ([1, 2, 3, 4], 4, torch.int64)
    """

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: Any) -> None:
        if not isinstance(wrap_storage, UntypedStorage):
            raise TypeError(
                f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrap_storage).__name__}"
            )
        self._untyped_storage = wrap_storage
        self.dtype = dtype

    def _elements(self) -> Any:
        return _core._rebuild(self._untyped_storage, self.dtype, 0, (len(self),), (1,))

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return self._untyped_storage

    @property
    def device(self) -> Any:
        """Where the bytes lie."""
        return self._untyped_storage.device

    def __len__(self) -> int:
        return self._untyped_storage.nbytes() // int(self.dtype.itemsize)

    def size(self) -> int:
        """The number of elements."""
        return len(self)

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._untyped_storage.nbytes()

    def element_size(self) -> int:
        """Bytes of one element."""
        return int(self.dtype.itemsize)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped_storage.data_ptr()

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        values: list[Any] = self._elements().tolist()
        return values

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        return self._elements()[index].item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if not isinstance(index, (int, slice)):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        self._elements()[index] = value

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TypedStorage)
            and self.dtype == other.dtype
            and self._untyped_storage == other._untyped_storage
        )

    def __hash__(self) -> int:
        return hash((self._untyped_storage, self.dtype))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NotImplementedError("pickling a TypedStorage is not implemented yet: pickle its tensor")

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


def set_tensor(
    tensor: Any, source: Any = None, storage_offset: Any = None, size: Any = None, stride: Any = None
) -> Any:
    """What `Tensor.set_` does."""
    if source is None:
        if storage_offset is not None or size is not None or stride is not None:
            raise TypeError("set_() received an invalid combination of arguments: no source")
        return _core._set_window(tensor, UntypedStorage(device=tensor.device), 0, (0,), (1,))
    if isinstance(source, TypedStorage):
        if source.dtype != tensor.dtype:
            raise RuntimeError(f"Expected a Storage of type {tensor.dtype} but got {source.dtype}")
        storage: Any = source.untyped()
    elif isinstance(source, _core.Tensor):
        if source.dtype != tensor.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {source.dtype} to a tensor of type {tensor.dtype}"
            )
        if source.requires_grad and _core.is_grad_enabled():
            raise NotImplementedError(
                "the derivative of set_() is not implemented; use no_grad() or detach()"
            )
        storage = source.untyped_storage()
    elif isinstance(source, UntypedStorage):
        storage = source
    else:
        raise TypeError(
            f"set_() received an invalid combination of arguments - got ({type(source).__name__}), but expected no "
            "arguments, a Tensor or a storage, and with either storage_offset, size and stride"
        )
    if storage_offset is None and size is None and stride is None:
        if isinstance(source, _core.Tensor):
            return _core._set_window(
                tensor, storage, source.storage_offset(), tuple(source.shape), source.stride()
            )
        count = storage.nbytes() // tensor.element_size()
        return _core._set_window(tensor, storage, 0, (count,), (1,))
    if storage_offset is None or size is None:
        raise TypeError(
            "set_() received an invalid combination of arguments: storage_offset and size go together"
        )
    size = tuple(size)
    if stride is None or (len(stride) == 0 and size):
        stride = _core.empty(size, device="meta").stride()
    return _core._set_window(tensor, storage, storage_offset, size, tuple(stride))


def _load_from_bytes(data: bytes) -> Any:
    """The storage that PyTorch's `pickle` of a tensor holds as a checkpoint of its own."""
    from io import BytesIO

    from flambeau.serialization import load

    return load(BytesIO(data), weights_only=False)
