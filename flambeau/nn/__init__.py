"""Layers, losses and what they are made of."""

from __future__ import annotations

import importlib
from typing import Any

from flambeau._missing import missing

from . import functional, init, modules, parameter, utils
from .modules import *  # noqa: F403
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
]
__all__ += ["parameter", "utils"]
__all__ += modules.__all__

_NOT_YET = """
    AdaptiveLogSoftmaxWithLoss CrossMapLRN2d GRU LSTM RNN RNNBase SyncBatchNorm attention qat quantized
"""
_KNOWN = frozenset(_NOT_YET.split())


def __getattr__(name: str) -> Any:
    if name == "grad":
        return importlib.import_module(".grad", __name__)
    if name in ("parallel", "DataParallel"):
        parallel = importlib.import_module(".parallel", __name__)
        return parallel if name == "parallel" else parallel.DataParallel
    raise missing("nn", name, _KNOWN)
