"""Questions about NNPACK, which this build does not use: its own kernels take its place."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether this build uses NNPACK: False."""
    return False
