"""Numbers of traced programs, of which there are none, and the functions that take them or plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from flambeau._missing import dummy

__all__ = [
    "SymBool",
    "SymFloat",
    "SymInt",
    "sym_float",
    "sym_int",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_not",
    "sym_sqrt",
    "sym_sum",
]

# Programs ask isinstance(n, (int, torch.SymInt)): nothing is one.
_WHY = "symbolic numbers belong to tracing, which is not implemented yet"
SymInt = dummy("torch", "SymInt", NotImplementedError, _WHY)
SymFloat = dummy("torch", "SymFloat", NotImplementedError, _WHY)
SymBool = dummy("torch", "SymBool", NotImplementedError, _WHY)


def _check_number(value: Any) -> None:
    if not isinstance(value, (int, float)) and type(value).__module__ != "numpy":
        raise AssertionError(f"expected a number, got {type(value)}")


def sym_int(a: Any) -> int:
    """A number as an integer, cut towards zero."""
    return int(a)


def sym_float(a: Any) -> float:
    """A number as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """The opposite of a truth value."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The greater of two numbers; a float if one of them is.

    >>> import flambeau as torch
    >>> torch.sym_max(3, 2.0)
    3.0
    """
    return _extreme(max, a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller of two numbers; a float if one of them is."""
    return _extreme(min, a, b)


def _extreme(choose: Any, a: Any, b: Any) -> Any:
    _check_number(a)
    _check_number(b)
    chosen = choose(a, b)
    return float(chosen) if isinstance(a, float) or isinstance(b, float) else chosen


def sym_ite(b: bool, t: Any, f: Any) -> Any:
    """`t` if `b` holds, else `f`; both of one type."""
    if not isinstance(b, bool):
        raise AssertionError(f"expected SymBool or bool, got {type(b)}")
    if type(t) is not type(f):
        raise AssertionError(f"type mismatch: {type(t)} vs {type(f)}")
    return t if b else f


def sym_sum(args: Iterable[Any]) -> Any:
    """The sum of numbers."""
    return sum(args)


def sym_sqrt(a: Any) -> float:
    """The square root of a number."""
    return math.sqrt(a)
