"""Questions about the package opt_einsum, which this build does not use."""

from __future__ import annotations

from typing import Any

__all__ = ["get_opt_einsum", "is_available"]

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """Whether einsum asks opt_einsum for the best order of its products: False."""
    return False


def get_opt_einsum() -> Any:
    """The package opt_einsum: None."""
    return None
