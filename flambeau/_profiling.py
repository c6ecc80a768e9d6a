"""Blocks with a name for a profiler; there is none, so that they only run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["record_function"]

F = TypeVar("F", bound=Callable[..., Any])


class record_function:
    """A block, or as a decorator a function, with a name that profilers show.

    >>> import flambeau as torch
    >>> with torch.profiler.record_function("forward"):
    ...     y = torch.ones(2) * 2
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args

    def __enter__(self) -> record_function:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def named(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.name, self.args):
                return function(*args, **kwargs)

        return named  # type: ignore[return-value]
