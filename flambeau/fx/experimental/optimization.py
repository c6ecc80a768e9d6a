"""Joining convolutions with the batch normalisation behind them, for inference."""

from __future__ import annotations

import copy
from typing import Any

from flambeau.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    Identity,
    Linear,
    Module,
)
from flambeau.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from .._symbolic_trace import Tracer
from ..graph_module import GraphModule
from ..node import Node

__all__ = ["fuse", "remove_dropout"]

_PAIRS = {(Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d), (Conv3d, BatchNorm3d), (Linear, BatchNorm1d)}


def _traced(model: Module) -> GraphModule:
    tracer = Tracer()
    graph = tracer.trace(model)
    return GraphModule(tracer.root, graph, type(model).__name__)


def _set(root: GraphModule, path: str, module: Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, module)


def fuse(model: Module, inplace: bool = False, no_trace: bool = False) -> Module:
    """A model in evaluation mode whose convolutions have the batch normalisation behind them in their weights.

    Args:
        model: the model; modules that are used twice stay as they are
        inplace: whether the given one is changed, else a copy
        no_trace: whether it is a graph module already

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
        >>> fused = torch.fx.experimental.optimization.fuse(model)
        >>> x = torch.rand(1, 1, 5, 5)
        >>> torch.allclose(fused(x), model(x), atol=1e-5)
        True
    """
    if not inplace:
        model = copy.deepcopy(model)
    traced: Any = model if no_trace and isinstance(model, GraphModule) else _traced(model)
    modules = dict(traced.named_modules())
    calls: dict[str, int] = {}
    for node in traced.graph.nodes:
        if node.op == "call_module":
            calls[str(node.target)] = calls.get(str(node.target), 0) + 1
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        first, second = modules[str(before.target)], modules[str(node.target)]
        if (
            (type(first), type(second)) not in _PAIRS
            or calls[str(before.target)] > 1
            or calls[str(node.target)] > 1
        ):
            continue
        if not second.track_running_stats:
            continue
        join: Any = fuse_linear_bn_eval if isinstance(first, Linear) else fuse_conv_bn_eval
        _set(traced, str(before.target), join(first, second))
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def remove_dropout(model: Module) -> Module:
    """A model without its dropout layers."""
    from flambeau.nn import Dropout

    traced = _traced(model)
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op == "call_module" and isinstance(modules[str(node.target)], Dropout):
            _set(traced, str(node.target), Identity())
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    traced.recompile()
    return traced
