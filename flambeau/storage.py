"""Memory of tensors under the path that PyTorch gives it."""

from __future__ import annotations

from typing import Any

from flambeau._core import UntypedStorage
from flambeau._missing import missing

__all__ = ["UntypedStorage"]

_KNOWN = frozenset({"TypedStorage"})


def __getattr__(name: str) -> Any:
    raise missing("torch.storage", name, _KNOWN)
