"""Looking for what a utility has hung on a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..modules._hooks import _BoundHook


def find_hook(hooks: Mapping[int, Any], kind: type, name: str) -> int | None:
    """The key of the hook of a class that belongs to a parameter, or None."""
    for key, bound in hooks.items():
        hook = bound.hook if isinstance(bound, _BoundHook) else bound
        if isinstance(hook, kind) and getattr(hook, "name", None) == name:
            return key
    return None
