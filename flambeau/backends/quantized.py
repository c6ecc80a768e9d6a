"""The switch of the engine of quantized operators; this build has none."""

from __future__ import annotations

import sys
from types import ModuleType

__all__: list[str] = []

_NAMES = ("none", "fbgemm", "qnnpack", "onednn", "x86")


class _Quantized(ModuleType):
    supported_engines: list[str] = []

    @property
    def engine(self) -> str:
        """The engine of quantized operators: 'none'."""
        return "none"

    @engine.setter
    def engine(self, value: str) -> None:
        if value not in _NAMES:
            raise RuntimeError(f"{value} is not a valid value for quantized engine")
        raise RuntimeError(f"quantized engine {value} is not supported")


sys.modules[__name__].__class__ = _Quantized
