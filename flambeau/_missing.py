"""The answers to names that PyTorch has and this package lacks: not written yet, or needing hardware that is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class MissingFeature(NotImplementedError, AttributeError):
    """A part of PyTorch's interface that is not written yet.

    It is an AttributeError too, so that ``hasattr`` says False and ``from ... import`` says which name it
    wants.
    """


def missing(module: str, name: str, known: frozenset[str]) -> AttributeError:
    """The exception for an attribute that ``module`` lacks; ``known`` are the names PyTorch has there."""
    if name in known:
        return MissingFeature(f"{module}.{name} is not implemented yet")
    return AttributeError(f"module '{module}' has no attribute '{name}'")


def refusing(module: str, name: str, error: type[Exception], message: str) -> Callable[..., Any]:
    """A function that raises ``error(message)``, for what asks about hardware that this build does not drive."""

    def function(*_: Any, **__: Any) -> Any:
        raise error(message)

    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = f"Raises {error.__name__}: {message}"
    return function


def dummy(module: str, name: str, error: type[Exception], message: str) -> type:
    """A class that is there to be named, as in ``isinstance(x, torch.cuda.Event)``; making one raises ``error(message)``."""

    def new(cls: type, *_: Any, **__: Any) -> Any:
        raise error(message)

    doc = f"Cannot be made: {message}"
    return type(name, (), {"__new__": new, "__module__": module, "__doc__": doc})
