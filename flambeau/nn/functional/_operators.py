"""Finding the core's operators for the functions of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import _core
from ..._core import Tensor

_nn = _core._nn


def operator(name: str) -> Callable[..., Any]:
    """The core's operator, or a function that says it is missing when it is called."""
    for place in (_nn, _core, Tensor) if name.endswith("_") else (_nn, _core):
        found: Callable[..., Any] | None = getattr(place, name, None)
        if found is not None:
            return found

    def absent(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"nn.functional needs the operator '{name}', which is not implemented yet")

    return absent
