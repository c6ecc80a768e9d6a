"""The classes and functions that a program has declared safe to load."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from flambeau._counterparts import public_home

# A class or function, or one with the name under which files know it.
SafeGlobal = Callable[..., Any] | tuple[Callable[..., Any], str]
# Modules whose functions no declaration makes safe.
BLOCKED = ("sys", "os", "posix", "nt")

_allowed: dict[str, SafeGlobal] = {}


def _name_of(item: SafeGlobal) -> str:
    if isinstance(item, tuple):
        if len(item) != 2 or not isinstance(item[1], str):
            raise ValueError(
                f"a safe global is a class, a function, or (one of them, its name), not {item!r}"
            )
        return item[1]
    if not hasattr(item, "__module__") or not hasattr(item, "__qualname__"):
        raise TypeError(f"a safe global is a class or a function, not {item!r}")
    return f"{public_home(item)}.{item.__qualname__}"


def find(module: str, name: str) -> Any:
    """What has been declared safe under this name, or None."""
    item = _allowed.get(f"{module}.{name}") if module not in BLOCKED else None
    return item[0] if isinstance(item, tuple) else item


def is_allowed(obj: Any) -> bool:
    """Whether this very object has been declared safe."""
    return any((item[0] if isinstance(item, tuple) else item) is obj for item in _allowed.values())


def add_safe_globals(safe_globals: Iterable[SafeGlobal]) -> None:
    """Declares classes and functions safe to build and to call when a file that `load` reads names them.

    Args:
        safe_globals: classes and functions; a pair (object, "module.name") for one that files know by another
            name.

    >>> import io
    >>> import flambeau as torch
    >>> from collections import deque
    >>> torch.serialization.add_safe_globals([deque])
    >>> deque in torch.serialization.get_safe_globals()
    True
    >>> torch.serialization.clear_safe_globals()
    """
    _allowed.update({_name_of(item): item for item in safe_globals})


def get_safe_globals() -> list[SafeGlobal]:
    """What has been declared safe."""
    return list(_allowed.values())


def clear_safe_globals() -> None:
    """Takes back every declaration."""
    _allowed.clear()


class safe_globals:
    """Declares classes and functions safe within a `with` block; see `add_safe_globals`.

    >>> import flambeau as torch
    >>> from collections import deque
    >>> with torch.serialization.safe_globals([deque]):
    ...     torch.serialization.get_safe_globals()
    [<class 'collections.deque'>]
    >>> torch.serialization.get_safe_globals()
    []
    """

    def __init__(self, safe_globals: Iterable[SafeGlobal]) -> None:
        self.safe_globals = list(safe_globals)
        self._before: list[dict[str, SafeGlobal]] = []

    def __enter__(self) -> None:
        self._before.append(dict(_allowed))
        add_safe_globals(self.safe_globals)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        _allowed.clear()
        _allowed.update(self._before.pop())
