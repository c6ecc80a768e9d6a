"""Attributes of the graph's nodes: what a derivative captured, by the names of its operator's arguments."""

from __future__ import annotations

import re
from typing import Any

from flambeau import _core
from flambeau._core import Tensor

__all__: list[str] = []


def _unknown(node: Any, name: str) -> AttributeError:
    return AttributeError(f"'{type(node).__name__}' object has no attribute '{name}'")


def _tensor_arguments(node: Any) -> list[str]:
    """The names of the tensors that the operator of a node takes, in order."""
    operation = re.sub(r"Backward\d*$", "", node.name())
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()
    operator = getattr(_core, snake, None) or getattr(Tensor, snake, None)
    schemas = getattr(operator, "schemas", ())
    if not schemas:
        return []
    inside = schemas[0].partition("(")[2].rpartition(") ->")[0]
    return [
        part.split("=")[0].split()[-1]
        for part in inside.split(", ")
        if part.lstrip("*").split(" ")[0].rstrip("?") in ("Tensor", "Tensor|Number")
    ]


def _edge(tensor: Any) -> Any:
    return _core._gradient_edge(tensor) if tensor is not None and tensor.requires_grad else (None, 0)


def _captured(node: Any, name: str) -> Any:
    wanted = name.removeprefix("_saved_")
    captures = node._captures
    if wanted == "result":
        for tensor, number in captures:
            if number >= 0:
                return tensor
        raise _unknown(node, name)
    arguments = _tensor_arguments(node)
    edges = node.next_functions
    if wanted not in arguments or arguments.index(wanted) >= len(edges):
        raise _unknown(node, name)
    edge = edges[arguments.index(wanted)]
    # A capture is the argument through which its gradient would flow; a constant one is told by being the only one.
    found = [tensor for tensor, number in captures if number < 0 and _edge(tensor) == edge]
    if not found or (edge[0] is None and len(found) > 1):
        raise _unknown(node, name)
    return found[0]


def attribute(node: Any, name: str) -> Any:
    """What a node has besides its own attributes: captures as `_saved_<argument>`; the context of a Function.

    Raises:
        AttributeError: where it has none of that name.
        RuntimeError: where what was captured is freed.
    """
    if name.startswith("_saved_"):
        return _captured(node, name)
    context = getattr(_core._function_run(node), "context", None)
    if context is None or name.startswith("_"):
        raise _unknown(node, name)
    return getattr(context, name)
