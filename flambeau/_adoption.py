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

from flambeau._counterparts import own_name, public_home, public_name


def adopt(module: ModuleType) -> None:
    """Gives the classes of a module of Flambeau the names of their counterparts, under which the module is found,
    too: who looks for the source or the annotations of a class asks `sys.modules`."""
    sys.modules.setdefault(public_name(module.__name__), module)
    for value in list(vars(module).values()):
        if isinstance(value, type) and _is_public(value.__module__):
            value.__module__ = public_home(value)
            if not issubclass(value, type):
                copyreg.pickle(value, reduce_adopted)  # type: ignore[arg-type]


def _is_public(module: str) -> bool:
    top, *parts = module.split(".")
    return top == "flambeau" and not any(part.startswith("_") and part != "_core" for part in parts)


class _Class:
    """Stands for an adopted class in what `pickle` writes."""

    def __init__(self, adopted: type) -> None:
        self.adopted = adopted

    def __reduce__(self) -> Any:
        return find_named, (own_name(self.adopted.__module__), self.adopted.__qualname__)


def _is_adopted(value: Any) -> bool:
    return isinstance(value, type) and copyreg.dispatch_table.get(value) is reduce_adopted


def reduce_adopted(obj: Any) -> Any:
    """The `__reduce__` of objects of adopted classes."""
    reduced = obj.__reduce_ex__(2)
    if isinstance(reduced, str):  # a constant of its module
        return find_named, (own_name(type(obj).__module__), reduced)
    function, arguments, *rest = reduced
    parts = (function, *arguments)
    if not any(map(_is_adopted, parts)):
        return reduced
    return (build, tuple(_Class(part) if _is_adopted(part) else part for part in parts), *rest)


def build(function: Any, *arguments: Any) -> Any:
    """Calls a function, or a class. What `pickle` has read are the classes themselves; `copy` hands over what stands
    for them."""
    function, *arguments = (  # type: ignore[assignment]
        part.adopted if isinstance(part, _Class) else part for part in (function, *arguments)
    )
    return function(*arguments)


def find_named(module: str, name: str) -> Any:
    """A class or constant of a module."""
    __import__(module)
    found = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    return found
