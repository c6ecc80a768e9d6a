"""Makes `import torch` mean Flambeau."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from flambeau._counterparts import COUNTERPARTS, own_name


def _exists(name: str) -> bool:
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class _SameModule(Loader):
    """Answers the import of one name with the module of another, the very same object."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        # The import system is about to put the alias's spec on the module; exec_module puts its own back.
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        counterpart = own_name(name)
        if counterpart is None:
            return None
        if not _exists(counterpart):
            raise ModuleNotFoundError(
                f"No module named {name!r}: Flambeau stands in for PyTorch, and has no {counterpart} yet",
                name=name,
            )
        return ModuleSpec(name, _SameModule(counterpart))


def install_as_torch() -> None:
    """Makes `import torch`, and every import below it, give Flambeau's modules in this process.

    `torch.nn` is then the same object as `flambeau.nn`, and so on; modules are loaded when they are first
    imported. Calling it again changes nothing.

    Raises:
        RuntimeError: PyTorch has been imported already.

    >>> import flambeau
    >>> flambeau.install_as_torch()
    >>> import torch.nn
    >>> torch.nn is flambeau.nn
    True
    """
    import flambeau

    for name, counterpart in COUNTERPARTS.items():
        loaded = sys.modules.get(name)
        if loaded is not None and loaded is not sys.modules.get(counterpart):
            raise RuntimeError(
                f"{name} has been imported already, from {getattr(loaded, '__file__', 'an unknown place')}: "
                "call install_as_torch() before anything imports it, or start the program with `flambeau run`"
            )
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    sys.modules["torch"] = flambeau
