"""Attributes of modules and objects that are settings: what is assigned is checked and remembered."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any


class Switch:
    """A boolean attribute; `setter` is the name by which PyTorch's error calls it."""

    def __init__(self, setter: str, value: bool) -> None:
        self.setter = setter
        self.value = value

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else self.value

    def __set__(self, owner: Any, value: Any) -> None:
        check_bool(self.setter, value)
        self.value = value


class Precision:
    """The attribute ``fp32_precision``: how precise products of float32 must be at least. Ours are always exact float32."""

    def __init__(self, value: str, allowed: tuple[str, ...] = ("none", "ieee", "tf32", "bf16")) -> None:
        self.value = value
        self.allowed = allowed

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else self.value

    def __set__(self, owner: Any, value: str) -> None:
        if value not in self.allowed:
            raise RuntimeError(f"Unknown precision: {value}")
        self.value = value


class PrecisionGroup:
    """The precision of one kind of operator, as in ``torch.backends.cudnn.conv.fp32_precision``."""

    def __init__(self, value: str) -> None:
        self._precision = Precision(value)

    @property
    def fp32_precision(self) -> str:
        """'none', 'ieee', 'tf32' or 'bf16'."""
        return self._precision.value

    @fp32_precision.setter
    def fp32_precision(self, value: str) -> None:
        self._precision.__set__(self, value)


def check_bool(setter: str, value: Any) -> None:
    """Refuses what is no bool, in PyTorch's words."""
    if not isinstance(value, bool):
        raise RuntimeError(f"{setter} expects a bool, but got {type(value).__name__}")


def set_all(module: str, **values: Any) -> tuple[Any, ...]:
    """Sets the settings of a module whose value is not None; returns those that held before."""
    home = sys.modules[module]
    before = tuple(getattr(home, name) for name in values)
    for name, value in values.items():
        if value is not None:
            setattr(home, name, value)
    return before


@contextlib.contextmanager
def settings(module: str, **values: Any) -> Iterator[None]:
    """Sets settings for a block."""
    before = set_all(module, **values)
    try:
        yield
    finally:
        for name, value in zip(values, before, strict=True):
            if values[name] is not None:
                setattr(sys.modules[module], name, value)
