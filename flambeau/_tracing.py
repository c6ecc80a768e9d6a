"""What the modules about tracing and compiling share: decorators that change nothing, as nothing here traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F")


def unchanged(fn: F) -> F:
    """A mark for a tracer or compiler: returns its argument."""
    return fn


def mark(name: str, doc: str) -> Callable[..., Any]:
    """A decorator with or without arguments that returns what it decorates; the arguments concern a compiler alone."""

    def decorator(fn: Any = None, **_: Any) -> Any:
        return unchanged if fn is None else fn

    decorator.__name__ = decorator.__qualname__ = name
    decorator.__doc__ = doc
    return decorator


def never() -> bool:
    """False: nothing here traces or compiles."""
    return False
