"""PyTorch's names on Flambeau's classes, for programs that ask an object where it comes from.

With `install_as_torch`, `type(x).__module__` is `torch.nn.modules.linear` rather than
`flambeau.nn.modules.linear`. What `pickle` writes of an object keeps naming Flambeau, which can be imported in
any process, whether it stands in for PyTorch there or not.
"""

from __future__ import annotations

import copyreg
import sys
from types import ModuleType
from typing import Any

from flambeau._counterparts import own_name, public_name


def adopt(module: ModuleType) -> None:
    """Gives the classes of a public module of Flambeau the names of their counterparts."""
    for value in list(vars(module).values()):
        if isinstance(value, type) and _is_public(value.__module__):
            value.__module__ = public_name(value.__module__)
            if not issubclass(value, type):
                copyreg.pickle(value, reduce_adopted)  # type: ignore[arg-type]


def _is_public(module: str) -> bool:
    top, *parts = module.split(".")
    return top == "flambeau" and not any(part.startswith("_") and part != "_core" for part in parts)


class _Class:
    """Stands for an adopted class in what `pickle` writes."""

    def __init__(self, adopted: type) -> None:
        self._path = (own_name(adopted.__module__), adopted.__qualname__)

    def __reduce__(self) -> Any:
        return find_named, self._path


def _is_adopted(value: Any) -> bool:
    return isinstance(value, type) and copyreg.dispatch_table.get(value) is reduce_adopted


def reduce_adopted(obj: Any) -> Any:
    """The `__reduce__` of objects of adopted classes."""
    reduced = obj.__reduce_ex__(2)
    if isinstance(reduced, str):  # a constant of its module
        return find_named, (own_name(type(obj).__module__), reduced)
    function, arguments, *rest = reduced
    if function is copyreg.__newobj__:  # type: ignore[attr-defined]
        function = new_object
    elif _is_adopted(function):
        function, arguments = call, (function, *arguments)
    return (function, tuple(_Class(a) if _is_adopted(a) else a for a in arguments), *rest)


def find_named(module: str, name: str) -> Any:
    """A class or constant of a module."""
    __import__(module)
    found = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    return found


def new_object(kind: type, *arguments: Any) -> Any:
    """An object that has not been initialised."""
    return kind.__new__(kind, *arguments)


def call(kind: Any, *arguments: Any) -> Any:
    """An object made by its class."""
    return kind(*arguments)
