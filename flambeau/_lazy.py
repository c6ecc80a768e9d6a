"""Names of the top level whose modules are loaded when they are first used."""

from __future__ import annotations

import sys

from flambeau.ops import FUNCTIONS

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from typing import Any

_NAMES = {
    "bilinear": "nn.functional",
    "cosine_similarity": "nn.functional",
    "pairwise_distance": "nn.functional",
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "get_printoptions": "_tensor_str",
    "install_as_torch": "_install",
    "summary": "_summary",
    "manual_seed": "random",
    "seed": "random",
    "initial_seed": "random",
    "get_rng_state": "random",
    "set_rng_state": "random",
    "fork_rng": "random",
    "use_deterministic_algorithms": "_settings",
    "are_deterministic_algorithms_enabled": "_settings",
    "is_deterministic_algorithms_warn_only_enabled": "_settings",
    "set_deterministic_debug_mode": "_settings",
    "get_deterministic_debug_mode": "_settings",
    "set_float32_matmul_precision": "_settings",
    "get_float32_matmul_precision": "_settings",
    "set_warn_always": "_settings",
    "is_warn_always_enabled": "_settings",
    "get_device_module": "_settings",
    "has_lapack": "_settings",
    "has_mkl": "_settings",
    "has_openmp": "_settings",
    "has_spectral": "_settings",
    "has_cuda": "_settings",
    "has_cudnn": "_settings",
    "has_mkldnn": "_settings",
    "has_mps": "_settings",
    "finfo": "_type_info",
    "iinfo": "_type_info",
    "autocast": "amp",
    "GradScaler": "amp",
    "is_autocast_enabled": "amp.autocast_mode",
    "set_autocast_enabled": "amp.autocast_mode",
    "get_autocast_dtype": "amp.autocast_mode",
    "set_autocast_dtype": "amp.autocast_mode",
    "is_autocast_cache_enabled": "amp.autocast_mode",
    "set_autocast_cache_enabled": "amp.autocast_mode",
    "clear_autocast_cache": "amp.autocast_mode",
    "autocast_increment_nesting": "amp.autocast_mode",
    "autocast_decrement_nesting": "amp.autocast_mode",
    "is_autocast_cpu_enabled": "amp.autocast_mode",
    "set_autocast_cpu_enabled": "amp.autocast_mode",
    "get_autocast_gpu_dtype": "amp.autocast_mode",
    "get_autocast_cpu_dtype": "amp.autocast_mode",
    "set_autocast_gpu_dtype": "amp.autocast_mode",
    "set_autocast_cpu_dtype": "amp.autocast_mode",
    "set_anomaly_enabled": "autograd.anomaly_mode",
    "from_dlpack": "utils.dlpack",
    "TypedStorage": "storage",
    "Stream": "_streams",
    "Event": "_streams",
    "Future": "futures",
    "DisableTorchFunction": "_C",
    "DisableTorchFunctionSubclass": "_C",
    "set_flush_denormal": "_settings",
    "SymBool": "_symbolic",
    "SymFloat": "_symbolic",
    "SymInt": "_symbolic",
    "sym_float": "_symbolic",
    "sym_int": "_symbolic",
    "sym_ite": "_symbolic",
    "sym_max": "_symbolic",
    "sym_min": "_symbolic",
    "sym_not": "_symbolic",
    "sym_sqrt": "_symbolic",
    "sym_sum": "_symbolic",
    "_assert": "_tracing",
    "compile": "_compile",
    "AcceleratorError": "_exceptions",
    "OutOfMemoryError": "_exceptions",
    "solve": "_removed",
    "symeig": "_removed",
    "eig": "_removed",
    "lstsq": "_removed",
    "matrix_rank": "_removed",
}
# Modules whose names Python would look up on any object.
_DUNDER_MODULES = ("__config__", "__future__")


def __getattr__(name: str) -> Any:
    from importlib import import_module

    package = sys.modules["flambeau"]
    if name in _NAMES:
        value = getattr(import_module(f"flambeau.{_NAMES[name]}"), name)
    elif name in FUNCTIONS:
        value = getattr(import_module("flambeau._core"), name)
    elif name.startswith("_foreach_"):
        try:
            value = getattr(import_module("flambeau._foreach"), name)
        except AttributeError:
            raise AttributeError(f"module 'flambeau' has no attribute {name!r}") from None
    elif name == "_VF":
        value = import_module("flambeau._core")
    elif name.startswith("__") and name not in _DUNDER_MODULES:
        raise AttributeError(f"module 'flambeau' has no attribute {name!r}")
    else:
        try:
            value = import_module(f"flambeau.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau.{name}":
                raise
            from flambeau._missing import missing
            from flambeau._not_yet import NOT_YET

            raise missing("flambeau", name, NOT_YET) from None
    setattr(package, name, value)
    return value


def __dir__() -> list[str]:
    from pkgutil import iter_modules

    package = sys.modules["flambeau"]
    modules = [m.name for m in iter_modules(package.__path__) if not m.name.startswith("_")]
    return sorted({*vars(package), *modules, *_NAMES, *FUNCTIONS})
