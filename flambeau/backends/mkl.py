"""Questions about Intel's MKL, which this build does not use: OpenBLAS takes its place."""

from __future__ import annotations

from flambeau._missing import dummy

__all__ = ["is_available", "verbose"]

VERBOSE_OFF = 0
VERBOSE_ON = 1


def is_available() -> bool:
    """Whether this build uses MKL: False."""
    return False


verbose = dummy(
    __name__, "verbose", RuntimeError, "Failed to set MKL into verbose mode: this build does not use it"
)
