"""The switch of the fast path of nn.MultiheadAttention and the transformer layers at inference."""

from __future__ import annotations

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]

_enabled = True


def get_fastpath_enabled() -> bool:
    """The value that :func:`set_fastpath_enabled` has set; both paths give the same result."""
    return _enabled


def set_fastpath_enabled(value: bool) -> None:
    """Allows the fast path."""
    global _enabled
    _enabled = value
