"""Names of the top level whose modules are loaded when they are first used."""

from __future__ import annotations

import importlib
import sys
from typing import Any

_MODULES = (
    "optim",
    "utils",
    "serialization",
    "hub",
    "distributions",
    "amp",
    "linalg",
    "fft",
    "special",
    "cuda",
    "vision",
)
_NAMES = {
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "get_printoptions": "_tensor_str",
    "install_as_torch": "_install",
    "_VF": "_core",
}


def __getattr__(name: str) -> Any:
    package = sys.modules["flambeau"]
    if name in _NAMES:
        module = importlib.import_module(f"flambeau.{_NAMES[name]}")
        value = module if name == "_VF" else getattr(module, name)
    elif name in _MODULES:
        try:
            value = importlib.import_module(f"flambeau.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau.{name}":
                raise
            raise AttributeError(f"module 'flambeau' has no attribute {name!r} yet") from None
    else:
        raise AttributeError(f"module 'flambeau' has no attribute {name!r}")
    setattr(package, name, value)
    return value
