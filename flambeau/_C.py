"""What libraries reach for in PyTorch's extension module; the rest is :mod:`flambeau._core`'s."""

from __future__ import annotations

import builtins
from typing import Any

from flambeau import _core
from flambeau._core import *  # noqa: F403
from flambeau._core import Tensor as TensorBase

__all__ = ["TensorBase"]

_TensorBase = TensorBase


def _log_api_usage_once(event: str) -> None:
    """Counts a use of the interface where PyTorch was built to; nothing is counted here."""


def _get_tracing_state() -> None:
    """The tracer that is at work: none."""
    return None


def _is_tracing() -> builtins.bool:
    """Whether operations are being traced: False."""
    return False


def __getattr__(name: str) -> Any:
    try:
        return getattr(_core, name)
    except AttributeError:
        raise AttributeError(f"module 'torch._C' has no attribute {name!r}") from None
