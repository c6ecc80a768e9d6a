"""Reads the pickle of a checkpoint as Python does: with whatever classes and functions it names, and whatever
they do. For files whose origin the caller trusts (`weights_only=False`)."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from flambeau import _core
from flambeau._counterparts import own_name
from flambeau._utils import TypedStorage
from flambeau.serialization._checks import StorageType
from flambeau.serialization._names import STORAGE_DTYPES


def _find(find_class: Callable[[str, str], Any], module: str, name: str) -> Any:
    """The class or function of that name: Flambeau's for PyTorch's."""
    if (module, name) == ("torch.storage", "UntypedStorage"):
        return StorageType(None)
    if module in ("torch", "torch.cuda") and name in STORAGE_DTYPES:
        return StorageType(getattr(_core, STORAGE_DTYPES[name]))
    own = own_name(module)
    if own is None:
        return find_class(module, name)
    try:
        return find_class(own, name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise pickle.UnpicklingError(
            f"the file needs {module}.{name}, and Flambeau has no {own}.{name} yet"
        ) from error


def _storage(reference: Any, load_storage: Callable[..., Any]) -> Any:
    """The storage that a persistent id means; in old files also the class of a module."""
    kind, *rest = reference
    if kind == "module":
        return rest[0]
    if kind != "storage" or len(rest) not in (4, 5):
        raise RuntimeError(f"Unknown typename for persistent_load, expected 'storage' but got {kind!r}")
    storage_type, key, location, count, *view = rest
    # Picklers that are not written in Python name the element type, or nothing.
    dtype = storage_type.dtype if isinstance(storage_type, StorageType) else storage_type
    storage = load_storage(key, dtype, count, location, *view)
    return storage if dtype is None else TypedStorage(storage, dtype)


def storage_reader(load_storage: Callable[..., Any]) -> Callable[[Any], Any]:
    """`persistent_load` that fetches storages from `load_storage(key, dtype, count, location[, view])`."""
    return lambda reference: _storage(reference, load_storage)


def load(
    file: Any, persistent_load: Callable[[Any], Any], pickle_module: Any = pickle, **arguments: Any
) -> Any:
    """Loads with the unpickler of `pickle_module`, which gets to know PyTorch's names."""
    persistent = persistent_load

    class Unpickler(pickle_module.Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return _find(super().find_class, module, name)

        def persistent_load(self, reference: Any) -> Any:
            return persistent(reference)

    return Unpickler(file, **arguments).load()
