"""Modules without initial values."""

from __future__ import annotations

import inspect
from typing import Any

from ..modules import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """Makes a module whose parameters are not initialised, for those that are loaded afterwards.

    Args:
        module_cls: the module's class, which must take `device`.
        args, kwargs: the constructor's arguments.

    Raises:
        RuntimeError: the class is no module, or takes no `device`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.utils.skip_init(torch.nn.Linear, 2, 3).weight.shape
        torch.Size([3, 2])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, device="meta", **kwargs).to_empty(device=device)
