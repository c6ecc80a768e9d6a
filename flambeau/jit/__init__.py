"""Modules and functions that can be saved with their programs, and loaded where their classes are not there.

``trace`` runs a module once and keeps what it computed; ``script`` keeps the text of its methods. Both run at the speed of
the original: nothing is compiled. ``save`` writes a file in this package's own form, ``load`` reads it.

>>> import flambeau as torch
>>> torch.jit.is_scripting()
False
"""

from __future__ import annotations

from typing import Any

from flambeau._missing import missing
from flambeau.futures import Future

from ._marks import (
    Attribute,
    Error,
    Final,
    annotate,
    export,
    ignore,
    is_scripting,
    is_tracing,
    isinstance,
    optimized_execution,
    script_if_tracing,
    unused,
)
from ._marks import _overload as _overload
from ._marks import _overload_method as _overload_method

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "Future",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "fork",
    "ignore",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "onednn_fusion_enabled",
    "optimized_execution",
    "script_if_tracing",
    "set_fusion_strategy",
    "unused",
    "wait",
]

# What needs nn is loaded when it is used.
_PLACES = {
    **dict.fromkeys(
        "RecursiveScriptModule ScriptFunction ScriptModule TopLevelTracedModule TracedModule script_method".split(),
        "_modules",
    ),
    **dict.fromkeys("trace trace_module TracerWarning TracingCheckError".split(), "_trace"),
    **dict.fromkeys("script NotSupportedError".split(), "_script"),
    **dict.fromkeys("save load".split(), "_archive"),
    **dict.fromkeys(
        "freeze optimize_for_inference run_frozen_optimizations export_opnames".split(), "_frozen"
    ),
}
_KNOWN = frozenset("CompilationUnit fuser interface last_executed_optimized_graph strict_fusion".split())


def fork(func: Any, *args: Any, **kwargs: Any) -> Future:
    """Calls a function and returns a Future of its result, which is there at once: operators use all threads already."""
    future: Future[Any] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Any) -> Any:
    """The result of a Future."""
    return future.wait()


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted for programs that ask for it: there is no such library here."""


def onednn_fusion_enabled() -> bool:
    """Whether that library joins operators: False."""
    return False


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Accepted for programs that ask for it: nothing is compiled, hence nothing is compiled anew."""
    return []


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = value
        return value
    raise missing("torch.jit", name, _KNOWN)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
