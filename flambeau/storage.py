"""Memory of tensors under the path that PyTorch gives it."""

from __future__ import annotations

from typing import Any

from flambeau._core import UntypedStorage
from flambeau._missing import missing

__all__ = ["UntypedStorage"]


def _load_from_bytes(data: bytes) -> Any:
    """The storage that PyTorch's `pickle` of a tensor holds as a checkpoint of its own."""
    from io import BytesIO

    from flambeau.serialization import load

    return load(BytesIO(data), weights_only=False)


_KNOWN = frozenset({"TypedStorage"})


def __getattr__(name: str) -> Any:
    raise missing("torch.storage", name, _KNOWN)
