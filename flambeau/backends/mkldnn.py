"""The switches of oneDNN, which this build does not use: its own kernels take its place."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

from flambeau._missing import dummy
from flambeau._switches import Precision, PrecisionGroup, Switch, set_all, settings

__all__ = ["flags", "is_acl_available", "is_available", "set_flags", "verbose"]

VERBOSE_OFF = 0
VERBOSE_ON = 1
VERBOSE_ON_CREATION = 2


class _Mkldnn(ModuleType):
    enabled = Switch("set_enabled_mkldnn", True)
    deterministic = Switch("set_deterministic_mkldnn", False)
    allow_tf32 = Switch("set_allow_tf32_onednn", True)
    fp32_precision = Precision("none")
    conv = PrecisionGroup("none")
    matmul = PrecisionGroup("none")
    rnn = PrecisionGroup("none")


sys.modules[__name__].__class__ = _Mkldnn


def is_available() -> bool:
    """Whether this build uses oneDNN: False."""
    return False


def is_acl_available() -> bool:
    """Whether this build uses Arm's Compute Library: False."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str | None = "none",
) -> tuple[Any, ...]:
    """Sets the switches that are not None; returns the values that they had."""
    return set_all(
        __name__,
        enabled=_enabled,
        deterministic=_deterministic,
        allow_tf32=_allow_tf32,
        fp32_precision=_fp32_precision,
    )


def flags(
    enabled: bool = False,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> AbstractContextManager[None]:
    """Sets the switches for a block."""
    return settings(
        __name__,
        enabled=enabled,
        deterministic=deterministic,
        allow_tf32=allow_tf32,
        fp32_precision=fp32_precision,
    )


verbose = dummy(
    __name__, "verbose", RuntimeError, "Failed to set MKLDNN into verbose mode: this build does not use it"
)
