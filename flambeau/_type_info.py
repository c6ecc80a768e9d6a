"""The limits of element types."""

from __future__ import annotations

from typing import Any

from flambeau import _core

__all__ = ["as_dtype", "finfo", "iinfo"]

_PYTHON_TYPES = {
    float: _core.float64,
    int: _core.int64,
    bool: _core.bool,
    complex: _core.complex128,
}


def as_dtype(value: Any) -> Any:
    """The dtype that a dtype or one of Python's number types means; None for anything else."""
    if isinstance(value, _core.dtype):
        return value
    return _PYTHON_TYPES.get(value) if isinstance(value, type) else None


def _parse(function: str, value: Any) -> Any:
    dtype = as_dtype(value)
    if dtype is None:
        raise TypeError(
            f"{function}(): argument 'type' (position 1) must be torch.dtype, not {type(value).__name__}"
        )
    return dtype


class _Info:
    """Read-only figures of an element type; equal for equal types."""

    __slots__ = ("_figures",)
    _figures: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name == "_figures" or name not in self._figures:
            raise AttributeError(f"'torch.{type(self).__name__}' object has no attribute '{name}'")
        return self._figures[name]

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *self._figures])

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._figures == self._figures  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle 'torch.{type(self).__name__}' object")

    def _shown(self, *names: str) -> str:
        figures = [f"{name}={self._figures[name]:g}" for name in names]
        return f"{type(self).__name__}({', '.join(figures)}, dtype={self._figures['dtype']})"


class finfo(_Info):
    """Limits of a floating-point type, or of the parts of a complex one.

    ``eps`` is the distance from 1 to the next number, ``tiny`` and ``smallest_normal`` the smallest positive number of
    full precision, ``resolution`` the decimal precision; besides ``bits``, ``max``, ``min`` and the name ``dtype``
    (IEEE 754; bfloat16 is the upper half of float32).

    Args:
        type: a dtype; default: the default dtype

    Raises:
        TypeError: for a type of integers.

    >>> import flambeau as torch
    >>> torch.finfo(torch.float32).bits
    32
    """

    __slots__ = ()

    # eps, max, tiny, resolution
    _LIMITS = {
        "float16": (2.0**-10, 65504.0, 2.0**-14, 1e-3),
        "bfloat16": (2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 1e-2),
        "float32": (2.0**-23, (2 - 2.0**-23) * 2.0**127, 2.0**-126, 1e-6),
        "float8_e4m3fn": (2.0**-3, 448.0, 2.0**-6, 1.0),
        "float8_e4m3fnuz": (2.0**-3, 240.0, 2.0**-7, 1.0),
        "float8_e5m2": (2.0**-2, 57344.0, 2.0**-14, 1.0),
        "float8_e5m2fnuz": (2.0**-3, 57344.0, 2.0**-15, 1.0),
        "float8_e8m0fnu": (1.0, 2.0**127, 2.0**-127, 1.0),
        "float64": (2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, 1e-15),
    }

    def __init__(self, type: Any = _core.get_default_dtype) -> None:
        dtype = _parse("finfo", type() if type is _core.get_default_dtype else type)
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        real = dtype.to_real()
        name = str(real).removeprefix("torch.")
        if name not in self._LIMITS:
            raise NotImplementedError(f"torch.finfo({dtype}) is not implemented yet")
        eps, largest, tiny, resolution = self._LIMITS[name]
        self._figures = {
            "bits": real.itemsize * 8,
            "eps": eps,
            "max": largest,
            "min": -largest if real.is_signed else tiny,
            "tiny": tiny,
            "smallest_normal": tiny,
            "resolution": resolution,
            "dtype": name,
        }

    def __repr__(self) -> str:
        return self._shown("resolution", "min", "max", "eps", "smallest_normal", "tiny")


class iinfo(_Info):
    """Limits of a type of integers: ``bits``, ``max``, ``min`` and the name ``dtype``.

    Args:
        type: a dtype

    Raises:
        TypeError: for a type that does not hold integers.

    >>> import flambeau as torch
    >>> torch.iinfo(torch.int8).max
    127
    """

    __slots__ = ()

    def __init__(self, type: Any) -> None:
        dtype = _parse("iinfo", type)
        if dtype.is_floating_point or dtype.is_complex:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"
            )
        if dtype == _core.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        bits = dtype.itemsize * 8
        self._figures = {
            "bits": bits,
            "max": 2 ** (bits - dtype.is_signed) - 1,
            "min": -(2 ** (bits - 1)) if dtype.is_signed else 0,
            "dtype": str(dtype).removeprefix("torch."),
        }

    def __repr__(self) -> str:
        return self._shown("min", "max")
