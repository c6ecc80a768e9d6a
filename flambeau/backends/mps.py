"""Questions about Apple's Metal, which this build does not use."""

from __future__ import annotations

from flambeau._missing import refusing

__all__ = [
    "get_core_count",
    "get_name",
    "is_available",
    "is_built",
    "is_macos13_or_newer",
    "is_macos_or_newer",
]


def is_built() -> bool:
    """Whether this build could use Metal: False."""
    return False


def is_available() -> bool:
    """Whether Metal can be used: False.

    >>> import flambeau as torch
    >>> torch.backends.mps.is_available()
    False
    """
    return False


def _refusing(name: str, asked: str):  # type: ignore[no-untyped-def]
    return refusing(__name__, name, RuntimeError, f"Cannot execute {asked}() without MPS backend.")


is_macos_or_newer = _refusing("is_macos_or_newer", "isOnMacOSorNewer")
is_macos13_or_newer = _refusing("is_macos13_or_newer", "isOnMacOSorNewer")
get_core_count = _refusing("get_core_count", "getCoreCount")
get_name = _refusing("get_name", "getName")
