"""The switches of cuDNN, which this build does not have: they are kept, and change nothing."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

from flambeau import _core
from flambeau._switches import Precision, PrecisionGroup, Switch, set_all, settings

__all__ = ["flags", "is_acceptable", "is_available", "set_flags", "version"]

CUDNN_TENSOR_DTYPES = {_core.float16, _core.float32, _core.float64}


class _Cudnn(ModuleType):
    enabled = Switch("set_enabled_cudnn", True)
    deterministic = Switch("set_deterministic_cudnn", False)
    benchmark = Switch("set_benchmark_cudnn", False)
    allow_tf32 = Switch("set_allow_tf32_cublas", True)
    fp32_precision = Precision("none")
    benchmark_limit: int | None = None
    depthwise_kernel = "auto"
    conv = PrecisionGroup("tf32")
    rnn = PrecisionGroup("tf32")


sys.modules[__name__].__class__ = _Cudnn


def version() -> int | None:
    """The version of cuDNN: None, it is not there."""
    return None


def is_available() -> bool:
    """Whether cuDNN is there: False."""
    return False


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN could work on a tensor: False, it is not there."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str | None = "none",
    _depthwise_kernel: str | None = None,
) -> tuple[Any, ...]:
    """Sets the switches that are not None; returns the values that they had."""
    return set_all(
        __name__,
        enabled=_enabled,
        benchmark=_benchmark,
        benchmark_limit=_benchmark_limit,
        deterministic=_deterministic,
        allow_tf32=_allow_tf32,
        fp32_precision=_fp32_precision,
        depthwise_kernel=_depthwise_kernel,
    )


def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int | None = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
    depthwise_kernel: str = "auto",
) -> AbstractContextManager[None]:
    """Sets the switches for a block.

    >>> import flambeau as torch
    >>> with torch.backends.cudnn.flags(deterministic=True):
    ...     torch.backends.cudnn.deterministic
    True
    >>> torch.backends.cudnn.deterministic
    False
    """
    return settings(
        __name__,
        enabled=enabled,
        benchmark=benchmark,
        benchmark_limit=benchmark_limit,
        deterministic=deterministic,
        allow_tf32=allow_tf32,
        fp32_precision=fp32_precision,
        depthwise_kernel=depthwise_kernel,
    )
