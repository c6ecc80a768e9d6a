"""Operators written in Python, a module per family; a module is loaded when one of its operators is first named.

An operator is a schema and a body over other operators (flambeau/ops/_operator.py). Which module has which operator says the
index (_index.py, made by tools/make_index.py), so that nothing of this costs anything before it is used.
"""

from __future__ import annotations

from flambeau import _core
from flambeau.ops._index import FUNCTIONS, HOMES, METHODS

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["FUNCTIONS", "HOMES", "METHODS", "namespace"]


def load(family: str) -> None:
    """Loads the module of a family, which enters its operators into the core."""
    from importlib import import_module

    import_module(f"flambeau.ops.{family}")


def load_all() -> None:
    """Loads every family, for those who want to see all operators."""
    for family in {
        *FUNCTIONS.values(),
        *METHODS.values(),
        *(f for home in HOMES.values() for f in home.values()),
    }:
        load(family)


class _Waiting:
    """Stands on Tensor for a method whose module has not been loaded; loading it puts the method in this object's place."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Any, kind: Any = None) -> Any:
        load(METHODS[self.name])
        if _core.Tensor.__dict__[self.name] is self:
            raise AttributeError(f"flambeau.ops.{METHODS[self.name]} does not define Tensor.{self.name}")
        return getattr(kind if tensor is None else tensor, self.name)


def _function(name: str) -> Any:
    if name in FUNCTIONS:
        load(FUNCTIONS[name])
        if name in vars(_core):
            return vars(_core)[name]
    raise AttributeError(f"module 'flambeau._core' has no attribute {name!r}")


def namespace(module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a module of operators, as `flambeau.linalg`: those of C++ and of Python."""
    import sys

    home = "_" + module.rpartition(".")[2]
    python = HOMES.get(home, {})

    def find(name: str) -> Any:
        if name in python:
            load(python[name])
        operators = vars(getattr(_core, home, _core))
        if name.startswith("_") or name not in operators:
            from flambeau._missing import missing

            raise missing(module, name, frozenset())
        setattr(sys.modules[module], name, operators[name])
        return operators[name]

    def names() -> list[str]:
        native = vars(getattr(_core, home)) if hasattr(_core, home) else {}
        return sorted({*vars(sys.modules[module]), *python, *(n for n in native if not n.startswith("_"))})

    return find, names


setattr(_core, "__getattr__", _function)  # noqa: B010
for _name in METHODS:
    if _name not in _core.Tensor.__dict__:
        setattr(_core.Tensor, _name, _Waiting(_name))
