"""The shapes and types of every value of a graph, found by running it."""

from __future__ import annotations

import traceback
from typing import Any, NamedTuple

from flambeau._core import Tensor

from ..interpreter import Interpreter
from ..node import Node, map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What is known of a tensor without its values."""

    shape: Any
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Tensor) -> TensorMetadata:
    import flambeau

    formats = [flambeau.contiguous_format]
    if result.dim() == 4:
        formats.append(flambeau.channels_last)
    if result.dim() == 5:
        formats.append(flambeau.channels_last_3d)
    memory_format = next((each for each in formats if result.is_contiguous(memory_format=each)), None)
    return TensorMetadata(
        result.shape, result.dtype, result.requires_grad, result.stride(), memory_format, False, {}
    )


class ShapeProp(Interpreter):
    """Runs a graph and writes into every node's ``meta`` what its value is: ``tensor_meta`` and ``type``.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.fx.passes.shape_prop import ShapeProp
        >>> traced = torch.fx.symbolic_trace(torch.nn.Linear(3, 2))
        >>> _ = ShapeProp(traced).propagate(torch.zeros(5, 3))
        >>> [node.meta["tensor_meta"].shape for node in traced.graph.nodes][-1]
        torch.Size([5, 2])
    """

    def run_node(self, n: Node) -> Any:
        """The value of one node, of which the node's ``meta`` then knows."""
        try:
            result = super().run_node(n)
        except Exception as error:
            traceback.print_exc()
            raise RuntimeError(f"ShapeProp error for: node={n.format_node()} with meta={n.meta}") from error
        found = False

        def extract(value: Any) -> Any:
            nonlocal found
            if isinstance(value, Tensor):
                found = True
                return _extract_tensor_metadata(value)
            return value

        meta = map_aggregate(result, extract)
        if found:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Runs the graph for these arguments; returns its result."""
        return super().run(*args)
