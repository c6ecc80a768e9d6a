"""Turns an object into the pickle of a checkpoint: tensors by reference to their storages, names as PyTorch
has them."""

from __future__ import annotations

import codecs
import copyreg
import io
import pickle
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any

from flambeau import _utils
from flambeau._adoption import reduce_adopted
from flambeau._counterparts import public_home
from flambeau._utils import TypedStorage
from flambeau.serialization._names import STORAGE_NAMES, dtype_name
from flambeau.serialization._places import location_tag


class _Name:
    """Stands for a class that exists under this name in PyTorch only."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class Storages:
    """The storages that a pickle refers to: `found` in the order of their keys."""

    def __init__(self) -> None:
        import flambeau

        self.found: list[TypedStorage] = []
        self._keys: dict[tuple[int, int], int] = {}
        self._names: dict[str, _Name] = {}
        self._storage_type = type(flambeau.empty(0).untyped_storage())

    def key(self, storage: TypedStorage) -> int:
        """The number of a storage; the same for all that share its memory."""
        place = (storage.untyped.data_ptr(), storage.untyped.nbytes())
        key = self._keys.get(place) if storage.untyped.nbytes() else None
        if key is None:
            key = self._keys[place] = len(self.found)
            self.found.append(storage)  # also keeps the memory, hence its address, from being used again
        elif self.found[key].dtype != storage.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{self.found[key].dtype} and {storage.dtype}; clone one of them first"
            )
        return key

    def _kind(self, dtype: Any) -> _Name:
        name = "UntypedStorage" if dtype is None else STORAGE_NAMES[dtype_name(dtype)]
        module = "torch.storage" if dtype is None else "torch"
        return self._names.setdefault(name, _Name(module, name))

    def reference(self, obj: Any, *, by_name: bool) -> tuple[Any, ...] | None:
        """What stands for a storage in the pickle, None for anything else.

        `by_name`: its kind is PyTorch's name of the class, rather than an element type.
        """
        if type(obj) is self._storage_type:
            obj = TypedStorage(obj, None)
        if type(obj) is not TypedStorage:
            return None
        size = obj.untyped.nbytes() // (1 if obj.dtype is None else obj.dtype.itemsize)
        kind = self._kind(obj.dtype) if by_name else obj.dtype
        return ("storage", kind, str(self.key(obj)), location_tag(obj.untyped), size)


class _Translating:
    """Writes Flambeau's classes and functions under the names of their counterparts in PyTorch; for picklers
    written in Python, for only these let names be translated."""

    # What the base class has, but its type stub does not mention.
    proto: int
    save: Callable[[Any], None]
    write: Callable[[bytes], Any]
    memoize: Callable[[Any], None]
    storages: Storages
    legacy: bool

    def _prepare(self, storages: Storages, legacy: bool) -> None:
        import flambeau

        self.storages = storages
        self.legacy = legacy
        self._dtype_type = type(flambeau.float32)
        # Without what keeps Flambeau's names in the pickles of a process in which it stands in for PyTorch.
        self.dispatch_table = {
            kind: reduce for kind, reduce in copyreg.dispatch_table.items() if reduce is not reduce_adopted
        }
        self._homes = {
            flambeau.Tensor: ("torch", "Tensor"),
            flambeau.Size: ("torch", "Size"),
            flambeau.device: ("torch", "device"),
            flambeau.nn.Parameter: ("torch.nn.parameter", "Parameter"),
            _utils._rebuild_from_type_v2: ("torch._tensor", "_rebuild_from_type_v2"),
        }

    def persistent_id(self, obj: Any) -> Any:
        reference = self.storages.reference(obj, by_name=True)
        # The last part of the old form: which piece of the storage is meant, None for all of it.
        return (*reference, None) if reference and self.legacy else reference

    def reducer_override(self, obj: Any) -> Any:
        import flambeau

        kind = type(obj)
        if kind is _Name:
            return obj.name
        if kind is self._dtype_type:
            return dtype_name(obj)
        if kind is bytes and not obj and self.proto < 3:
            return codecs.encode, ("", "latin1")  # PyTorch reads no other form of it
        if kind is flambeau.layout:
            return flambeau.serialization._get_layout, (str(obj),)
        if kind is flambeau.Size:
            return flambeau.Size, (tuple(obj),)
        if kind is flambeau.device:
            return flambeau.device, ((obj.type,) if obj.index is None else (obj.type, obj.index))
        if isinstance(obj, type | FunctionType | BuiltinFunctionType) and self._home(obj):
            return obj.__qualname__
        return NotImplemented

    def _home(self, obj: Any) -> tuple[str, str] | None:
        """Module and name in PyTorch of what is Flambeau's, or a mere name; None for all else."""
        if type(obj) is _Name:
            return obj.module, obj.name
        if type(obj) is self._dtype_type:
            return "torch", dtype_name(obj)
        if isinstance(obj, type | FunctionType) and obj in self._homes:
            return self._homes[obj]
        home = public_home(obj)
        return None if home == (getattr(obj, "__module__", None) or "") else (home, obj.__qualname__)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        home = self._home(obj)
        if home is None:
            super().save_global(obj, name)  # type: ignore[misc]
            return
        module, qualified = home
        if self.proto >= 4:
            self.save(module)
            self.save(qualified)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{qualified}\n".encode())
        self.memoize(obj)


class _Referring:
    """Picklers that are not written in Python: storages by reference, names as they are."""

    storages: Storages
    legacy: bool

    def _prepare(self, storages: Storages, legacy: bool) -> None:
        self.storages = storages
        self.legacy = legacy

    def persistent_id(self, obj: Any) -> Any:
        reference = self.storages.reference(obj, by_name=False)
        return (*reference, None) if reference and self.legacy else reference


def dump(
    obj: object, protocol: int, pickle_module: Any = pickle, legacy: bool = False
) -> tuple[bytes, list[TypedStorage]]:
    """The pickle of `obj`, and the storages it refers to, in the order of their keys.

    `pickle_module` is a module with a class Pickler. `legacy` chooses the references of the format before
    PyTorch 1.6.
    """
    base = pickle._Pickler if pickle_module is pickle else pickle_module.Pickler
    mixin = _Translating if issubclass(base, pickle._Pickler) else _Referring
    buffer, storages = io.BytesIO(), Storages()
    pickler: Any = type("CheckpointPickler", (mixin, base), {})(buffer, protocol=protocol)
    pickler._prepare(storages, legacy)
    pickler.dump(obj)
    return buffer.getvalue(), storages.found
