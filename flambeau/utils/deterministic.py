"""What ``torch.use_deterministic_algorithms`` asks besides determinism."""

from __future__ import annotations

import sys
from types import ModuleType


class _Deterministic(ModuleType):
    @property
    def fill_uninitialized_memory(self) -> bool:
        """Whether ``torch.empty`` and its kind fill memory in deterministic mode: False, that is not there yet."""
        return False

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError(f"expected a bool, but got {type(value).__name__}")
        if value:
            raise NotImplementedError(
                "torch.utils.deterministic.fill_uninitialized_memory = True is not implemented yet"
            )


sys.modules[__name__].__class__ = _Deterministic
