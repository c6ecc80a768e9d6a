"""Questions about the processor."""

from __future__ import annotations

from flambeau import _core

__all__ = ["get_cpu_capability"]

_NAMES = {"baseline": "DEFAULT", "x86-64-v3": "AVX2", "x86-64-v4": "AVX512"}


def get_cpu_capability() -> str:
    """The widest vector instructions that the kernels use: 'DEFAULT', 'AVX2' or 'AVX512'."""
    return _NAMES[_core._build_info()["isa"]]
