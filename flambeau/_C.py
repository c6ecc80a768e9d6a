"""What libraries reach for in PyTorch's extension module; the rest is :mod:`flambeau._core`'s."""

from __future__ import annotations

import builtins
from typing import Any

from flambeau import _core
from flambeau._core import *  # noqa: F403
from flambeau._core import Tensor as TensorBase
from flambeau._tensor import _disabled_torch_dispatch_impl as _disabled_torch_dispatch_impl

__all__ = ["TensorBase"]

_TensorBase = TensorBase


def _log_api_usage_once(event: str) -> None:
    """Counts a use of the interface where PyTorch was built to; nothing is counted here."""


class DisableTorchFunctionSubclass:
    """A block in which operators do not ask subclasses of Tensor, but compute."""

    def __enter__(self) -> None:
        self._outer = _core._set_overrides_disabled(True)

    def __exit__(self, *_: Any) -> None:
        _core._set_overrides_disabled(self._outer)


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """A block in which operators ask nobody; there are no modes, so that it is the same."""


def _is_torch_function_enabled() -> builtins.bool:
    """Whether operators ask subclasses of Tensor."""
    outer = _core._set_overrides_disabled(False)
    _core._set_overrides_disabled(outer)
    return not outer


def _get_tracing_state() -> None:
    """The tracer that is at work: none."""
    return None


def _is_tracing() -> builtins.bool:
    """Whether the code runs inside :func:`torch.jit.trace`."""
    from flambeau.jit import is_tracing

    return is_tracing()


def __getattr__(name: str) -> Any:
    try:
        return getattr(_core, name)
    except AttributeError:
        raise AttributeError(f"module 'torch._C' has no attribute {name!r}") from None
