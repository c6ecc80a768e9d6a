"""Names of the top level whose modules are loaded when they are first used."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from typing import Any

_MODULES = (
    "amp",
    "autograd",
    "cuda",
    "distributions",
    "fft",
    "hub",
    "linalg",
    "nn",
    "optim",
    "random",
    "serialization",
    "special",
    "utils",
    "vision",
)
_NAMES = {
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "get_printoptions": "_tensor_str",
    "install_as_torch": "_install",
    "manual_seed": "random",
    "seed": "random",
    "initial_seed": "random",
    "get_rng_state": "random",
    "set_rng_state": "random",
    "fork_rng": "random",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    package = sys.modules["flambeau"]
    if name in _NAMES:
        value = getattr(import_module(f"flambeau.{_NAMES[name]}"), name)
    elif name == "_VF":
        value = import_module("flambeau._core")
    elif name in _MODULES:
        try:
            value = import_module(f"flambeau.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau.{name}":
                raise
            raise AttributeError(f"module 'flambeau' has no attribute {name!r} yet") from None
    else:
        raise AttributeError(f"module 'flambeau' has no attribute {name!r}")
    setattr(package, name, value)
    return value
