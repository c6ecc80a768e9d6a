"""Layers, losses and what they are made of."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from flambeau._missing import missing as _missing

from . import functional, init, modules, parameter, utils
from .modules import *  # noqa: F403
from .modules.utils import factory_kwargs
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "factory_kwargs",
    "functional",
    "init",
    "modules",
]
__all__ += ["parameter", "utils"]
__all__ += modules.__all__

_NOT_YET = """
    qat quantized
"""
_KNOWN = frozenset(_NOT_YET.split())


def __getattr__(name: str) -> _Any:
    if name in ("attention", "grad"):
        return _import_module(f".{name}", __name__)
    if name in ("parallel", "DataParallel"):
        parallel = _import_module(".parallel", __name__)
        return parallel if name == "parallel" else parallel.DataParallel
    raise _missing("nn", name, _KNOWN)
