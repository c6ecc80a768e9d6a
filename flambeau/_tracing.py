"""What the modules about tracing and compiling share: decorators that change nothing, as nothing here traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flambeau._core import _overridable

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


def _asserted(condition: Any, message: str) -> None:
    """Raises AssertionError(message) unless `condition` holds: what ``assert`` is in a traced program."""
    if not condition:
        raise AssertionError(message)


_asserted.__name__ = _asserted.__qualname__ = "_assert"
_assert = _overridable(_asserted, "flambeau")
