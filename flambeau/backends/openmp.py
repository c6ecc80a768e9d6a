"""Questions about OpenMP, which this build does not use: its own threads take its place."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether this build uses OpenMP: False."""
    return False
