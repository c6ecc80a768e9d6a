"""User-defined differentiable functions."""

from __future__ import annotations

from typing import Any

__all__ = ["Function"]


class Function:
    """Base of user-defined functions with their own derivative."""

    @classmethod
    def apply(cls, *args: Any, **keywords: Any) -> Any:
        raise NotImplementedError("autograd.Function is not implemented yet")
