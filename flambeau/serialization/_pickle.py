"""Turns an object into the pickle of a checkpoint: tensors by reference to their storages, names as PyTorch
has them."""

from __future__ import annotations

import codecs
import io
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

from flambeau import _utils
from flambeau._utils import TypedStorage
from flambeau.serialization._names import STORAGE_NAMES, dtype_name


class _Name:
    """Stands for a class that exists under this name in PyTorch only."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class CheckpointPickler(pickle._Pickler):
    """A pickler that collects the storages it meets in `storages`, a list of typed storages by key.

    It is the pickler written in Python, for only that one lets the names of classes be translated.
    """

    # What the base class has, but its type stub does not mention.
    proto: int
    save: Callable[[Any], None]
    write: Callable[[bytes], Any]
    memoize: Callable[[Any], None]

    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        import flambeau

        super().__init__(file, protocol)
        self.storages: list[TypedStorage] = []
        self._keys: dict[tuple[int, int], int] = {}
        self._storage_names: dict[str, _Name] = {}
        self._storage_type = type(flambeau.empty(0).untyped_storage())
        self._dtype_type = type(flambeau.float32)
        self._public = {
            flambeau.Tensor: ("torch", "Tensor"),
            flambeau.Size: ("torch", "Size"),
            flambeau.device: ("torch", "device"),
            flambeau.nn.Parameter: ("torch.nn.parameter", "Parameter"),
            _utils._rebuild_from_type_v2: ("torch._tensor", "_rebuild_from_type_v2"),
        }

    def _key(self, storage: TypedStorage) -> int:
        """The number of a storage; the same for all that share its memory."""
        place = (storage.untyped.data_ptr(), storage.untyped.nbytes())
        key = self._keys.get(place) if storage.untyped.nbytes() else None
        if key is None:
            key = self._keys[place] = len(self.storages)
            self.storages.append(storage)  # also keeps the memory, hence its address, from being used again
        elif self.storages[key].dtype != storage.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{self.storages[key].dtype} and {storage.dtype}; clone one of them first"
            )
        return key

    def _storage_name(self, dtype: Any) -> _Name:
        name = "UntypedStorage" if dtype is None else STORAGE_NAMES[dtype_name(dtype)]
        module = "torch.storage" if dtype is None else "torch"
        return self._storage_names.setdefault(name, _Name(module, name))

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) is self._storage_type:
            obj = TypedStorage(obj, None)
        if type(obj) is not TypedStorage:
            return None
        key = self._key(obj)
        size = obj.untyped.nbytes() // (1 if obj.dtype is None else obj.dtype.itemsize)
        return ("storage", self._storage_name(obj.dtype), str(key), "cpu", size)

    def reducer_override(self, obj: Any) -> Any:
        import flambeau

        kind = type(obj)
        if kind is _Name or kind is self._dtype_type:
            return dtype_name(obj) if kind is self._dtype_type else obj.name
        if kind is bytes and not obj and self.proto < 3:
            return codecs.encode, ("", "latin1")  # PyTorch reads no other form of it
        if isinstance(obj, flambeau.Tensor):
            return obj.__reduce_ex__(self.proto)
        if kind is flambeau.Size:
            return flambeau.Size, (tuple(obj),)
        if kind is flambeau.device:
            return flambeau.device, ((obj.type,) if obj.index is None else (obj.type, obj.index))
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Writes a class or function by reference, Flambeau's own under the name of its counterpart in
        PyTorch."""
        module: str
        qualified: str
        if type(obj) is _Name:
            module, qualified = obj.module, obj.name
        elif type(obj) is self._dtype_type:
            module, qualified = "torch", dtype_name(obj)
        elif isinstance(obj, type | type(_utils._rebuild_storage)) and obj in self._public:
            module, qualified = self._public[obj]
        else:
            module = getattr(obj, "__module__", None) or ""
            qualified = name or getattr(obj, "__qualname__", None) or ""
            if module != "flambeau" and not module.startswith("flambeau."):
                super().save_global(obj, name)  # type: ignore[misc]
                return
            module = "torch" + module.removeprefix("flambeau").removeprefix("._core")
        if self.proto >= 4:
            self.save(module)
            self.save(qualified)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{qualified}\n".encode())
        self.memoize(obj)

    # The base class finds what to do with classes and functions in this table, not by the method's name.
    dispatch: ClassVar[dict[type, Any]] = {
        **pickle._Pickler.dispatch,
        type(_utils._rebuild_storage): save_global,
    }

    def save_type(self, obj: Any) -> None:
        if obj in (type(None), type(NotImplemented), type(...)):
            super().save_type(obj)  # type: ignore[misc]
        else:
            self.save_global(obj)

    dispatch[type] = save_type


def dump(obj: object, protocol: int) -> tuple[bytes, list[TypedStorage]]:
    """The pickle of `obj`, and the storages it refers to, in the order of their keys."""
    buffer = io.BytesIO()
    pickler = CheckpointPickler(buffer, protocol)
    pickler.dump(obj)
    return buffer.getvalue(), pickler.storages
