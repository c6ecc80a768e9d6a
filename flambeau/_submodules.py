"""Submodules that are loaded when they are first named."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any


def submodules(package: str, names: Collection[str] | None = None) -> Callable[[str], Any]:
    """The `__getattr__` of a package, which loads what it is asked for: one of `names`, or any submodule that exists."""

    def find(name: str) -> Any:
        from importlib import import_module

        if name in names if names is not None else not name.startswith("__"):
            try:
                return import_module(f"{package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        public = package.replace("flambeau", "torch", 1)
        raise AttributeError(f"module {public!r} has no attribute {name!r}")

    return find
