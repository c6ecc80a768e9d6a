"""Replacing one pattern of calls by another, wherever it stands in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flambeau.nn import Module

from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, map_arg

__all__ = ["Match", "replace_pattern"]


class Match(NamedTuple):
    """Where a pattern was found: its last node in the graph, and which node there is which of the pattern."""

    anchor: Node
    nodes_map: dict[Node, Node]


def _graph_of(what: Any) -> Graph:
    if isinstance(what, Graph):
        return what
    if isinstance(what, GraphModule):
        return what.graph
    return symbolic_trace(what).graph


def _same(pattern: Any, value: Any, found: dict[Node, Any]) -> bool:
    """Whether an argument of the pattern is this argument; `found` grows by what its nodes are."""
    if isinstance(pattern, Node):
        if pattern in found:
            return found[pattern] is value
        if pattern.op == "placeholder":
            found[pattern] = value
            return True
        return isinstance(value, Node) and _matches(pattern, value, found)
    if isinstance(pattern, (tuple, list)):
        return (
            isinstance(value, (tuple, list))
            and len(pattern) == len(value)
            and all(_same(p, v, found) for p, v in zip(pattern, value, strict=False))
        )
    if isinstance(pattern, dict):
        return (
            isinstance(value, dict)
            and pattern.keys() == value.keys()
            and all(_same(p, value[k], found) for k, p in pattern.items())
        )
    if isinstance(pattern, slice):
        return isinstance(value, slice) and _same(
            (pattern.start, pattern.stop, pattern.step), (value.start, value.stop, value.step), found
        )
    return type(pattern) is type(value) and bool(pattern == value)


def _matches(pattern: Node, node: Node, found: dict[Node, Any]) -> bool:
    if pattern.op != node.op or not _same_target(pattern, node):
        return False
    found[pattern] = node
    return _same(pattern.args, node.args, found) and _same(pattern.kwargs, node.kwargs, found)


def _same_target(pattern: Node, node: Node) -> bool:
    if pattern.op == "call_module":  # by kind: the pattern's modules have paths of their own
        a, b = pattern.graph.owning_module, node.graph.owning_module
        if a is not None and b is not None and pattern.target != node.target:
            return type(a.get_submodule(str(pattern.target))) is type(b.get_submodule(str(node.target)))
    return pattern.target == node.target


def replace_pattern(
    gm: GraphModule, pattern: Callable[..., Any] | GraphModule, replacement: Callable[..., Any] | GraphModule
) -> list[Match]:
    """Replaces every place where a pattern of calls stands, without overlaps, by another.

    Args:
        gm: the module whose graph is changed, and compiled anew
        pattern: a function or module whose calls are looked for; its arguments are any values
        replacement: what stands there then, a function of the same arguments

    Returns:
        The matches that were replaced.

    Raises:
        ValueError: pattern and replacement take different numbers of arguments.

    Example:
        >>> import flambeau as torch
        >>> traced = torch.fx.symbolic_trace(lambda x, y: torch.relu(x) + torch.relu(y))
        >>> len(torch.fx.replace_pattern(traced, lambda a: torch.relu(a), lambda a: torch.tanh(a)))
        2
    """
    wanted, instead = _graph_of(pattern), _graph_of(replacement)
    inputs = [node for node in wanted.nodes if node.op == "placeholder"]
    outputs = [node for node in instead.nodes if node.op == "placeholder"]
    if len(inputs) != len(outputs):
        raise ValueError(f"the pattern takes {len(inputs)} arguments, the replacement {len(outputs)}")
    result = wanted.output_node().args[0]
    ends = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(ends) != 1 or not isinstance(ends[0], Node):
        raise NotImplementedError("replace_pattern: a pattern with several results is not implemented yet")
    end = ends[0]
    matches: list[Match] = []
    taken: set[Node] = set()
    for node in list(gm.graph.nodes):
        found: dict[Node, Any] = {}
        if end.op == "placeholder" or not _matches(end, node, found):
            continue
        inner = {found[p] for p in found if p.op not in ("placeholder",)}
        if inner & taken or any(
            user not in inner for each in inner if each is not node for user in each.users
        ):
            continue
        taken |= inner
        matches.append(Match(node, {p: v for p, v in found.items() if isinstance(v, Node)}))
        _replace(gm, node, found, inner, inputs, outputs, instead, replacement)
    gm.recompile()
    return matches


def _replace(
    gm: GraphModule,
    anchor: Node,
    found: dict[Node, Any],
    inner: set[Any],
    inputs: list[Node],
    outputs: list[Node],
    instead: Graph,
    replacement: Any,
) -> None:
    values: dict[Node, Any] = {theirs: found.get(own) for own, theirs in zip(inputs, outputs, strict=False)}
    with gm.graph.inserting_before(anchor):
        for node in instead.nodes:
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: values[n])
                break
            if node not in values:
                values[node] = gm.graph.node_copy(node, lambda n: values[n])
                if node.op in ("call_module", "get_attr"):
                    _adopt(gm, str(node.target), instead.owning_module)
    if not isinstance(result, Node):
        raise NotImplementedError(
            "replace_pattern: a replacement that returns no single value of a node is not implemented yet"
        )
    new = result
    anchor.replace_all_uses_with(new, delete_user_cb=lambda user: user is not new)
    for node in reversed(gm.graph.nodes):
        if node in inner and not node.users:
            gm.graph.erase_node(node)


def _adopt(gm: GraphModule, path: str, owner: Module | None) -> None:
    from .graph_module import _attribute, _put

    try:
        _attribute(gm, path)
    except AttributeError:
        if owner is not None:
            _put(gm, path, _attribute(owner, path))
