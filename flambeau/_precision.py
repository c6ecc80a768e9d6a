"""The word that says what autocast brings operands to, for functions that are no operators of the core."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flambeau import _core

F = TypeVar("F", bound=Callable[..., Any])


def converted(value: Any, device_type: str, dtype: Any) -> Any:
    """The same with every floating tensor on the device, but those of double precision, in the dtype; containers as well."""
    if isinstance(value, _core.Tensor):
        lies_there = value.is_floating_point() and value.device.type == device_type
        return value.to(dtype) if lies_there and value.dtype != _core.float64 else value
    if isinstance(value, (str, bytes)):
        return value
    if isinstance(value, dict):
        return {converted(k, device_type, dtype): converted(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [converted(each, device_type, dtype) for each in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def precision(word: str) -> Callable[[F], F]:
    """Makes a function bring its tensors to a precision within a block of autocast, and compute in what it got.

    Args:
        word: 'lower_precision', the block's dtype; 'float32'; or 'own', what the operands have
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            if not _core._autocast_on_cpu():
                return function(*args, **kwargs)
            if word != "own":
                dtype = _core.float32 if word == "float32" else _core._autocast_get_dtype("cpu")
                args, kwargs = converted(args, "cpu", dtype), converted(kwargs, "cpu", dtype)
            _core._autocast_set_enabled("cpu", False)
            try:
                return function(*args, **kwargs)
            finally:
                _core._autocast_set_enabled("cpu", True)

        return inside  # type: ignore[return-value]

    return decorate
