"""Small helpers that the modules share."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

from ..._core import Tensor

__all__ = ["consume_prefix_in_state_dict_if_present", "factory_kwargs"]


def _ntuple(n: int, value: Any) -> tuple[Any, ...]:
    """A tuple of the iterable's items, or the value ``n`` times."""
    return tuple(value) if isinstance(value, Iterable) else tuple(repeat(value, n))


def _single(value: Any) -> tuple[Any, ...]:
    return _ntuple(1, value)


def _pair(value: Any) -> tuple[Any, ...]:
    return _ntuple(2, value)


def _triple(value: Any) -> tuple[Any, ...]:
    return _ntuple(3, value)


def _reverse_repeat_tuple(values: Iterable[Any], n: int) -> tuple[Any, ...]:
    """``(a, b)`` to ``(b, b, a, a)``: the order in which ``functional.pad`` wants its paddings."""
    return tuple(value for value in reversed(tuple(values)) for _ in range(n))


def _indent_tail(text: str, spaces: int = 2) -> str:
    """The text with every line but the first moved to the right; blank lines stay blank."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])


def _type_name(obj: Any) -> str:
    """The type's name as error messages give it: ``torch.FloatTensor``, ``int``, ``package.Class``."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    described = obj if hasattr(obj, "__qualname__") else type(obj)
    module = described.__module__
    return (
        described.__qualname__ if module in ("", "builtins", None) else f"{module}.{described.__qualname__}"
    )


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Strips ``prefix`` from the keys of a state_dict in place, such as ``module.`` from a wrapped model.

    Args:
        state_dict: what ``state_dict()`` of the wrapped module gave.
        prefix: the prefix, with its dot.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.modules.utils import consume_prefix_in_state_dict_if_present
        >>> state = {"module.weight": torch.zeros(1)}
        >>> consume_prefix_in_state_dict_if_present(state, "module.")
        >>> list(state)
        ['weight']
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", {})
    for key in list(metadata):
        if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The keyword arguments of a module's constructor that say how its tensors are made.

    Args:
        kwargs: ``device``, ``dtype``, ``memory_format``; or these within ``factory_kwargs``, where an argument of the
            constructor has one of the names.

    Returns:
        What can be handed to ``flambeau.empty`` and the like.

    Raises:
        TypeError: another name, or one that is given twice.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": torch.float64}})
        {'dtype': torch.float64, 'device': 'cpu'}
    """
    if kwargs is None:
        return {}
    names = {"device", "dtype", "memory_format"}
    unexpected = kwargs.keys() - names - {"factory_kwargs"}
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    result = dict(kwargs.get("factory_kwargs", {}))
    for name in kwargs.keys() & names:
        if name in result:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        result[name] = kwargs[name]
    return result
