"""Attributes of the graph's nodes: what a derivative captured, by the names of its operator's arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
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


class SavedTensor:
    """A tensor that a node keeps for its derivative, or kept; None where there was none."""

    __slots__ = ("_node", "_number")
    _node: Any
    _number: int | None

    def __init__(self) -> None:
        raise RuntimeError("Trying to create a SavedTensor object from Python is forbidden.")

    def __repr__(self) -> str:
        return f"<SavedTensor {self._number} of {self._node.name()}>"

    def unpack(self) -> Any:
        """The tensor, which an unpack hook has made again where there is one.

        Raises:
            RuntimeError: where it is freed, or was written in place since.
        """
        return None if self._number is None else _core._capture(self._node, self._number)

    @property
    def data(self) -> Any:
        """What is kept: the tensor, or what the pack hook made of it; None where it is freed."""
        return None if self._number is None else _core._capture_as_kept(self._node, self._number)[0]

    @property
    def unpack_hook(self) -> Any:
        """The hook that makes the tensor again, or None."""
        return None if self._number is None else _core._capture_as_kept(self._node, self._number)[1]

    def register_hooks(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        """Keeps `pack_hook(tensor)` instead of the tensor, which `unpack_hook` makes of it again.

        Raises:
            RuntimeError: where hooks are there already, or nothing is kept.
        """
        if self._number is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        _core._pack_capture(self._node, self._number, pack_hook, unpack_hook)


def _saved_tensor(node: Any, number: int | None) -> SavedTensor:
    saved = SavedTensor.__new__(SavedTensor)
    saved._node, saved._number = node, number
    return saved


def _number_of(node: Any, wanted: str) -> int:
    """The number of the capture that is the argument `wanted`, or the result."""
    captures = _core._captures(node)
    arguments = _tensor_arguments(node)
    if None in captures and (wanted == "result" or wanted in arguments):
        return 0  # one is freed with all others
    if wanted == "result":
        for number, (_, output) in enumerate(captures):
            if output >= 0:
                return number
        raise LookupError
    edges = node.next_functions
    if wanted not in arguments or arguments.index(wanted) >= len(edges):
        raise LookupError
    at = arguments.index(wanted)
    edge = edges[at]
    # A capture is the argument through which its gradient would flow; a constant one is told by being the only one.
    found = [number for number, (place, output) in enumerate(captures) if output < 0 and place == edge]
    if not found or (edge[0] is None and len(found) > 1):
        raise LookupError
    return found[min(edges[:at].count(edge), len(found) - 1)]


def _captured(node: Any, name: str) -> Any:
    try:
        number = _number_of(node, name.partition("saved_")[2])
    except LookupError:
        raise _unknown(node, name) from None
    return _saved_tensor(node, number) if name.startswith("_raw") else _core._capture(node, number)


def attribute(node: Any, name: str) -> Any:
    """What a node has besides its own attributes: captures as `_saved_<argument>`; the context of a Function.

    Raises:
        AttributeError: where it has none of that name.
        RuntimeError: where what was captured is freed.
    """
    context = getattr(_core._function_run(node), "context", None)
    if context is None and name.startswith(("_saved_", "_raw_saved_")):
        return _captured(node, name)
    if context is not None and name == "_raw_saved_tensors":
        return tuple(_saved_tensor(node, number) for number in _core._function_captures(node))
    if context is None or name.startswith("_"):
        raise _unknown(node, name)
    return getattr(context, name)


def directory(node: Any) -> list[str]:
    """The names that `attribute` knows."""
    context = getattr(_core._function_run(node), "context", None)
    if context is not None:
        return ["_raw_saved_tensors", *(name for name in dir(context) if not name.startswith("_"))]
    names = []
    for argument in ["result", *_tensor_arguments(node)]:
        try:
            _number_of(node, argument)
        except LookupError:
            continue
        names += [f"_saved_{argument}", f"_raw_saved_{argument}"]
    return names
