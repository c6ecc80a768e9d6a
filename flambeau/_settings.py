"""Settings of the whole program: precision of products, determinism, warnings; and the module of a device."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType
from typing import Any

from flambeau import _core
from flambeau._switches import check_bool

_PRECISIONS = ("highest", "high", "medium")
_deterministic = False
_warn_only = False
_warn_always = False
_float32_precision = "highest"


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for operators that give the same result for the same input.

    Every operator here does so for a given number of threads, so that the setting is only remembered.

    >>> import flambeau as torch
    >>> torch.use_deterministic_algorithms(True)
    >>> torch.are_deterministic_algorithms_enabled()
    True
    >>> torch.use_deterministic_algorithms(False)
    """
    global _deterministic, _warn_only
    for name, value, position in (("mode", mode, " (position 1)"), ("warn_only", warn_only, "")):
        if not isinstance(value, bool):
            raise TypeError(
                f"_set_deterministic_algorithms(): argument '{name}'{position} must be bool, "
                f"not {type(value).__name__}"
            )
    _deterministic, _warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether :func:`use_deterministic_algorithms` asked for determinism."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether :func:`use_deterministic_algorithms` asked for warnings in the place of errors."""
    return _warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Asks for determinism by a number or name: 0 'default', 1 'warn', 2 'error'."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in ("default", "warn", "error"):
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, "
                f"but got {debug_mode}"
            )
        debug_mode = ("default", "warn", "error").index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: see :func:`set_deterministic_debug_mode`."""
    return 0 if not _deterministic else 1 if _warn_only else 2


def set_float32_matmul_precision(precision: str) -> None:
    """Says how far products of float32 matrices may round: 'highest', 'high' or 'medium'.

    'high' and 'medium' allow less than float32; products here are computed in float32 all the same.
    """
    global _float32_precision
    if not isinstance(precision, str):
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}")
    if precision not in _PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    _float32_precision = precision


def get_float32_matmul_precision() -> str:
    """The value that :func:`set_float32_matmul_precision` has set; 'highest' at first."""
    return _float32_precision


def set_warn_always(b: bool, /) -> None:
    """Asks for every warning each time; here each is handed to :mod:`warnings`, whose filters decide."""
    global _warn_always
    check_bool("setWarnOnlyOnce", b)
    _warn_always = b


def is_warn_always_enabled() -> bool:
    """The value that :func:`set_warn_always` has set."""
    return _warn_always


def set_flush_denormal(mode: bool, /) -> bool:
    """Asks for numbers below the smallest normal one to become zero; returns whether that is so: False, it is not here."""
    check_bool("flush_denormal", mode)
    return False


def get_device_module(device: Any = None) -> ModuleType:
    """The module of a device type: ``torch.cpu``, ``torch.cuda`` ...; of the current device by default.

    >>> import flambeau as torch
    >>> torch.get_device_module("cpu") is torch.cpu
    True
    """
    if isinstance(device, _core.device):
        kind = device.type
    elif isinstance(device, str):
        kind = _core.device(device).type
    elif device is None:
        kind = "cpu"
    else:
        raise RuntimeError(f"Invalid value of device '{device}', expect torch.device, str, or None")
    module = getattr(sys.modules["flambeau"], kind, None)
    if module is None:
        raise RuntimeError(
            f"Device '{device}' does not have a corresponding module registered as 'torch.{kind}'."
        )
    return module


has_mkl = False
has_openmp = False


def _has(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(f"flambeau.{module}") is not None


def __getattr__(name: str) -> bool:
    """What was asked before ``torch.backends`` was there to ask."""
    if name == "has_lapack":
        return _has("linalg")
    if name == "has_spectral":
        return _has("fft")
    if name in ("has_cuda", "has_cudnn", "has_mps", "has_mkldnn"):
        backend = name.removeprefix("has_")
        question = "is_built" if backend in ("cuda", "mps") else "is_available"
        warnings.warn(
            f"'{name}' is deprecated, please use 'torch.backends.{backend}.{question}()'", stacklevel=4
        )
        return False
    raise AttributeError(name)
