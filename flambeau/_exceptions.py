"""Exceptions of accelerators, for programs that catch them."""

from __future__ import annotations

__all__ = ["AcceleratorError", "OutOfMemoryError"]


class AcceleratorError(RuntimeError):
    """An accelerator failed; this build has none, and never raises it."""


class OutOfMemoryError(RuntimeError):
    """An accelerator has no memory left; this build has none, and never raises it.

    The CPU running out of memory is a plain RuntimeError, as in PyTorch.
    """


for _kind in (AcceleratorError, OutOfMemoryError):
    _kind.__module__ = "torch"
del _kind
