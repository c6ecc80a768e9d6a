"""Programs as graphs: modules and functions traced into nodes that can be printed, changed and run.

``symbolic_trace`` makes a :class:`GraphModule`, whose ``graph`` may be edited; ``Interpreter`` and ``Transformer`` walk it.

Source: Reed et al., torch.fx: Practical Program Capture and Transformation for Deep Learning in Python, 2022.
"""

from __future__ import annotations

import importlib
from typing import Any

from flambeau._missing import missing

from ._symbolic_trace import PH, Tracer, symbolic_trace, wrap
from .graph import CodeGen, Graph
from .graph_module import GraphModule
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Proxy
from .subgraph_rewriter import replace_pattern

__all__ = [
    "PH",
    "CodeGen",
    "Graph",
    "GraphModule",
    "Interpreter",
    "Node",
    "Proxy",
    "Tracer",
    "Transformer",
    "has_side_effect",
    "map_arg",
    "replace_pattern",
    "symbolic_trace",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name in ("passes", "experimental"):
        return importlib.import_module(f"{__name__}.{name}")
    raise missing("torch.fx", name, frozenset())
