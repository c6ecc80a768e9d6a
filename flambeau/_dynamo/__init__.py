"""Marks of the compiler's front end under the path that libraries import; nothing is compiled here."""

from __future__ import annotations

from typing import Any

from flambeau._missing import missing
from flambeau._tracing import mark
from flambeau.compiler import allow_in_graph as allow_in_graph
from flambeau.compiler import assume_constant_result as assume_constant_result
from flambeau.compiler import disable as disable
from flambeau.compiler import is_compiling as is_compiling
from flambeau.compiler import list_backends as list_backends
from flambeau.compiler import reset as reset
from flambeau.compiler import set_stance as set_stance

from . import config as config

_KNOWN = frozenset(
    "explain export lookup_backend optimize optimize_assert register_backend replay run".split()
)

disallow_in_graph = mark(
    "disallow_in_graph", "Marks a function that compiled code does not hold; returns it."
)
forbid_in_graph = mark("forbid_in_graph", "Marks a function that compiled code must not call; returns it.")
nonstrict_trace = mark(
    "nonstrict_trace", "Marks a function that the compiler does not look into; returns it."
)


def graph_break(msg: str = "") -> None:
    """Tells the compiler to stop here; nothing is compiled."""


def mark_dynamic(t: Any, index: Any, **_: Any) -> None:
    """Tells the compiler that a size varies; nothing is compiled."""


def maybe_mark_dynamic(t: Any, index: Any) -> None:
    """Tells the compiler that a size may vary; nothing is compiled."""


def mark_static(t: Any, index: Any = None) -> None:
    """Tells the compiler that a size does not vary; nothing is compiled."""


def mark_static_address(t: Any, guard: bool = True) -> None:
    """Tells the compiler that a tensor stays where it is; nothing is compiled."""


def __getattr__(name: str) -> Any:
    if name == "OptimizedModule":
        from .eval_frame import OptimizedModule

        return OptimizedModule
    raise missing("torch._dynamo", name, _KNOWN)
