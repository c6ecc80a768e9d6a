"""Names of the tracer of modules, which is not here; marks for it change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau._missing import dummy, missing

__all__ = ["Proxy", "Node", "Graph", "GraphModule", "wrap"]

_KNOWN = frozenset(
    "Interpreter Tracer Transformer has_side_effect map_arg replace_pattern symbolic_trace".split()
)


def _class(name: str) -> Any:
    return dummy(__name__, name, NotImplementedError, f"torch.fx.{name} is not implemented yet")


# Libraries ask isinstance(x, torch.fx.Proxy) and the like: nothing is one.
Proxy = _class("Proxy")
Node = _class("Node")
Graph = _class("Graph")
GraphModule = _class("GraphModule")


def wrap(fn_or_name: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """Marks a function that a tracer does not look into; returns it.

    Raises:
        RuntimeError: for what is neither a function nor a name.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    return fn_or_name


def __getattr__(name: str) -> Any:
    raise missing("torch.fx", name, _KNOWN)
