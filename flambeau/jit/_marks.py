"""Questions and marks of TorchScript's language, which run as plain Python."""

from __future__ import annotations

import contextlib
import typing
import warnings
from builtins import isinstance as _isinstance
from collections.abc import Iterator
from types import UnionType
from typing import Any, Final, TypeVar

from flambeau._tracing import unchanged

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "optimized_execution",
    "script_if_tracing",
    "unused",
]

F = TypeVar("F")
_UNIONS = (typing.Union, UnionType)


class Error(RuntimeError):
    """TorchScript's error, for programs that catch it."""


class Attribute(typing.NamedTuple):
    """A value and its TorchScript type, for the attributes of scripted modules."""

    value: Any
    type: Any


def is_scripting() -> bool:
    """Whether TorchScript runs the code: False."""
    return False


def is_tracing() -> bool:
    """Whether the code runs inside :func:`torch.jit.trace`."""
    import sys

    tracing = sys.modules.get("flambeau.jit._trace")
    return tracing is not None and tracing.current() is not None


def export(fn: F) -> F:
    """Marks a method that is saved beside ``forward``; returns it."""
    fn._jit_export = True  # type: ignore[attr-defined]
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Marks a function to be left to Python; returns it. Used with or without arguments."""
    return drop if callable(drop) else unchanged


def unused(fn: F) -> F:
    """Marks a function that compiled code does not call; returns it."""
    return fn


def script_if_tracing(fn: F) -> F:
    """Marks a function whose choices a trace should keep; a trace here keeps those of its run. Returns it."""
    return fn


def annotate(the_type: Any, the_value: F) -> F:
    """Tells TorchScript a type; returns the value."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether an object has a type, which may be ``list[int]``, ``dict[str, Tensor]``, ``tuple[int, ...]`` or a union.

    >>> import flambeau as torch
    >>> torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance([1.0], list[int])
    (True, False)
    """
    if type(target_type) is tuple:
        return any(isinstance(obj, each) for each in target_type)
    origin, arguments = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        if target_type is None:
            return obj is None
        return target_type is Any or _isinstance(obj, target_type)
    if origin in _UNIONS:
        return any(isinstance(obj, each) for each in arguments)
    if not _isinstance(obj, origin):
        return False
    if not obj and origin in (list, dict):
        warnings.warn(
            "The inner type of a container is lost when calling torch.jit.isinstance in eager mode. For "
            "example, List[int] would become list and therefore falsely return True for List[float] or List[str].",
            stacklevel=2,
        )
        return True
    if origin is dict:
        return all(isinstance(k, arguments[0]) and isinstance(v, arguments[1]) for k, v in obj.items())
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(isinstance(each, arguments[0]) for each in obj)
    if origin is tuple:
        return len(obj) == len(arguments) and all(map(isinstance, obj, arguments))
    return all(isinstance(each, arguments[0]) for each in obj)


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A block in which scripted code is optimised or not; there is no such code."""
    yield


def _overload(func: F) -> F:
    return func


def _overload_method(func: F) -> F:
    return func
