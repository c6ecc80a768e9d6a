"""A model at a glance: what `flambeau.summary` finds out by running a copy of it without memory."""

from __future__ import annotations

import copy
import types
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flambeau

from . import _core
from ._core import Tensor
from .nn.modules.module import Module
from .nn.parameter import Parameter, is_lazy
from .nn.utils.rnn import PackedSequence
from .utils._pytree import tree_leaves

__all__ = ["LayerSummary", "ModelSummary", "summary"]

# What only watches a module: no copy of it is made, nor of what it belongs to.
_WATCHING = ("_forward_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")


@dataclass
class LayerSummary:
    """A call of a layer.

    Attributes:
        name: the dotted name in the model.
        type: the name of the class.
        depth: 0 for the model, 1 for what it calls, and so on.
        output: the sizes of the output, in the structure that the layer gives; None: the layer was not called.
        parameters: the elements of the layer's own parameters, those of an earlier row not counted again.
        trainable_parameters: as many of them as require gradients.
        multiply_adds: those of the call, without those of the calls within.
    """

    name: str
    type: str
    depth: int
    output: Any = None
    parameters: int = 0
    trainable_parameters: int = 0
    multiply_adds: int = 0


@dataclass
class ModelSummary:
    """What :func:`summary` returns; its text is a table.

    Attributes:
        layers: the calls in their order, each followed by those within.
        parameters: the elements of all parameters, shared ones counted once.
        trainable_parameters: as many of them as require gradients.
        multiply_adds: the multiplications of products and convolutions, each with its addition, of a forward pass.
        input_bytes: the memory of the inputs.
        parameter_bytes: that of parameters and buffers.
        forward_bytes: the most that a forward pass without gradients holds beside them at a time.
        saved_bytes: what a forward pass in training leaves behind for the backward pass, the output included.
        depth: how many levels the table shows.
    """

    layers: list[LayerSummary] = field(default_factory=list)
    parameters: int = 0
    trainable_parameters: int = 0
    multiply_adds: int = 0
    input_bytes: int = 0
    parameter_bytes: int = 0
    forward_bytes: int = 0
    saved_bytes: int = 0
    depth: int = 3

    def __str__(self) -> str:
        rows = [("Layer", "Output", "Parameters", "Multiply-adds")]
        rows += [
            (label, _sizes_text(layer.output), _count_text(layer), f"{layer.multiply_adds:,}")
            for label, layer in _drawn(_down_to(self.layers, self.depth))
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{label:{widths[0]}}  {sizes:{widths[1]}}  {count:>{widths[2]}}  {work:>{widths[3]}}"
            for label, sizes, count, work in rows
        ]
        rule = "─" * max(map(len, lines))
        frozen = self.parameters - self.trainable_parameters
        return "\n".join(
            [
                lines[0],
                rule,
                *lines[1:],
                rule,
                f"Parameters     {self.parameters:,}"
                + (f", of which {frozen:,} are frozen" if frozen else ""),
                f"Multiply-adds  {self.multiply_adds:,}",
                f"Memory         inputs {_bytes_text(self.input_bytes)}, parameters and buffers "
                f"{_bytes_text(self.parameter_bytes)}, forward pass {_bytes_text(self.forward_bytes)},",
                f"               kept for the backward pass {_bytes_text(self.saved_bytes)}",
            ]
        )

    __repr__ = __str__


# ---- the table


def _down_to(layers: Sequence[LayerSummary], depth: int) -> list[LayerSummary]:
    """The rows up to a depth, each with the numbers of those below it that are not shown."""
    shown: list[LayerSummary] = []
    for layer in layers:
        if layer.depth <= depth:
            shown.append(copy.copy(layer))
        else:
            for name in ("parameters", "trainable_parameters", "multiply_adds"):
                setattr(shown[-1], name, getattr(shown[-1], name) + getattr(layer, name))
    return shown


def _drawn(layers: Sequence[LayerSummary]) -> Iterator[tuple[str, LayerSummary]]:
    """The rows with their branches."""
    open_levels: set[int] = set()
    labels: list[str] = []
    for layer in reversed(layers):  # whether a branch goes on, the rows below say
        branches = "".join("│  " if level in open_levels else "   " for level in range(1, layer.depth))
        if layer.depth:
            branches += "├─ " if layer.depth in open_levels else "└─ "
        open_levels = {level for level in open_levels if level < layer.depth} | {layer.depth}
        labels.append(branches)
    path: list[str] = []  # the names of the calls around a row
    for layer, branches in zip(layers, reversed(labels), strict=True):
        del path[layer.depth :]
        name = layer.name.removeprefix(f"{path[-1]}." if path and path[-1] else "")
        path.append(layer.name)
        yield f"{branches}{name}: {layer.type}" if name else f"{branches}{layer.type}", layer


def _sizes_text(sizes: Any) -> str:
    if sizes is None:
        return "not called"
    if isinstance(sizes, flambeau.Size):
        return str(list(sizes))
    if isinstance(sizes, Mapping):
        inner = ", ".join(f"{key}: {_sizes_text(value)}" for key, value in sizes.items())
        return _shortened("{" + inner + "}")
    if isinstance(sizes, (list, tuple)):
        return _shortened("(" + ", ".join(map(_sizes_text, sizes)) + ")")
    return str(sizes)


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _count_text(layer: LayerSummary) -> str:
    frozen = layer.parameters - layer.trainable_parameters
    if not frozen:
        return f"{layer.parameters:,}"
    return (
        f"{layer.parameters:,} frozen"
        if not layer.trainable_parameters
        else f"{layer.parameters:,} partly frozen"
    )


def _bytes_text(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


# ---- the copy


def _reachable(root: Any) -> Iterator[Any]:
    """The objects that a copy of a module would copy, as far as containers and attributes show them."""
    waiting, seen = [root], {id(root)}
    while waiting:
        thing = waiting.pop()
        yield thing
        inner: Iterable[Any] = ()
        if isinstance(thing, Mapping):
            inner = thing.values()
        elif isinstance(thing, (list, tuple, set, frozenset)):
            inner = thing
        elif hasattr(thing, "__dict__") and not isinstance(
            thing, (type, Tensor, types.ModuleType, types.FunctionType)
        ):
            inner = vars(thing).values()
        for part in inner:
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)


def _without_memory(tensor: Tensor) -> Tensor:
    """A tensor of the same kind and form on the device meta."""
    if is_lazy(tensor):
        lazy: Any = type(tensor)
        return lazy(tensor.requires_grad, "meta", tensor.dtype)  # type: ignore[no-any-return]
    empty = flambeau.empty_like(tensor.detach(), device="meta")
    if isinstance(tensor, Parameter):
        return Parameter(empty, tensor.requires_grad)
    return empty.requires_grad_(tensor.requires_grad)


def _copy_without_memory(model: Module) -> Module:
    memo: dict[int, Any] = {}
    for thing in _reachable(model):
        if isinstance(thing, Tensor):
            memo[id(thing)] = _without_memory(thing)
        elif isinstance(thing, Module):
            for name in _WATCHING:
                memo[id(thing.__dict__.get(name))] = OrderedDict()
    memo.pop(id(None), None)
    return copy.deepcopy(model, memo)


# ---- the run


class _Run:
    """Notes the calls of modules while the model runs."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.rows: list[LayerSummary] = []
        self.modules: list[Module] = []  # the one of each row
        self.calls: list[
            tuple[int, int]
        ] = []  # the open ones: the row, and what the calls within have multiplied
        self.starts: list[int] = []
        self.names = {module: name for name, module in model.named_modules()}
        self.handles = [
            handle
            for module in self.names
            for handle in (
                module.register_forward_pre_hook(self._begin, prepend=True),
                module.register_forward_hook(self._end),
            )
        ]

    def _begin(self, module: Module, args: Any) -> None:
        self.rows.append(LayerSummary(self.names[module], type(module).__name__, len(self.calls)))
        self.modules.append(module)
        self.calls.append((len(self.rows) - 1, 0))
        self.starts.append(_multiply_adds())

    def _end(self, module: Module, args: Any, output: Any) -> None:
        row, within = self.calls.pop()
        total = _multiply_adds() - self.starts.pop()
        self.rows[row].output = _described(output)
        self.rows[row].multiply_adds = total - within
        self.rows[row].type = type(module).__name__  # a lazy one has become another
        if self.calls:
            above, others = self.calls[-1]
            self.calls[-1] = above, others + total

    def where(self) -> str:
        """Which layer was running."""
        if not self.calls:
            return "the model"
        row = self.rows[self.calls[-1][0]]
        return f"{row.name!r} ({row.type})" if row.name else row.type

    def layers(self) -> list[LayerSummary]:
        """All rows with their parameters, and rows for modules with parameters that were not called."""
        for handle in self.handles:
            handle.remove()
        rows, modules = list(self.rows), list(self.modules)
        called = set(modules)
        for module, name in self.names.items():
            if module not in called and any(p is not None for p in module._parameters.values()):
                place, depth = self._place_of(name, rows)
                rows.insert(place, LayerSummary(name, type(module).__name__, depth))
                modules.insert(place, module)
        seen: set[int] = set()
        for row, module in zip(rows, modules, strict=True):
            for parameter in module._parameters.values():
                if parameter is None or id(parameter) in seen or is_lazy(parameter):
                    continue
                seen.add(id(parameter))
                row.parameters += parameter.numel()
                row.trainable_parameters += parameter.numel() * parameter.requires_grad
        return rows

    @staticmethod
    def _place_of(name: str, rows: Sequence[LayerSummary]) -> tuple[int, int]:
        """Behind the calls within the nearest module around it that was called."""
        path = name
        while path:
            path = path.rpartition(".")[0]
            for i, row in enumerate(rows):
                if row.name == path:
                    end = i + 1
                    while end < len(rows) and rows[end].depth > row.depth:
                        end += 1
                    return end, row.depth + 1
        return len(rows), 1


def _multiply_adds() -> int:
    return _core._meta_stats()[0]


def _described(value: Any) -> Any:
    """The sizes of an output, in its structure."""
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, Mapping):
        return {key: _described(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(_described, value))
    return "None" if value is None else type(value).__name__


def _is_size(value: Any) -> bool:
    return isinstance(value, Sequence) and all(type(n) is int for n in value) and not isinstance(value, str)


class _Inputs:
    """The arguments of forward, of sizes and tensors."""

    def __init__(self, given: Any, dtypes: Any, default: Any) -> None:
        self.dtypes = None if dtypes is None else dtypes if isinstance(dtypes, Sequence) else [dtypes]
        self.default = default
        self.sizes = 0
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        if isinstance(given, Mapping):
            self.kwargs = {name: self._made(value) for name, value in given.items()}
        elif isinstance(given, Tensor) or _is_size(given):
            self.args = (self._made(given),)
        elif isinstance(given, (list, tuple)):
            self.args = tuple(self._made(value) for value in given)
        else:
            raise TypeError(
                "summary() takes the sizes of an input as (1, 3, 224, 224), a tensor, or a list or dict of such, not "
                f"{type(given).__name__}"
            )
        if self.dtypes is not None and self.sizes != len(self.dtypes):
            raise ValueError(
                f"summary() got {len(self.dtypes)} dtypes for {self.sizes} sizes; give one for each"
            )

    def _made(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return flambeau.empty_like(value.detach(), device="meta")
        if _is_size(value):
            if any(n < 0 for n in value):
                raise ValueError(
                    f"summary() needs every size of an input, got {list(value)}; give a batch of 1"
                )
            dtype = self.default
            if self.dtypes is not None and self.sizes < len(self.dtypes):
                dtype = self.dtypes[self.sizes]
            self.sizes += 1
            return flambeau.empty(tuple(value), dtype=dtype, device="meta")
        if isinstance(value, PackedSequence):  # how many sequences each step has is read on the host
            data, order, back = map(self._made, (value.data, value.sorted_indices, value.unsorted_indices))
            return PackedSequence(data, value.batch_sizes, order, back)
        if isinstance(value, (list, tuple)):
            return tuple(self._made(part) for part in value)
        return value

    def tensors(self) -> list[Tensor]:
        """Those among the arguments."""
        return [leaf for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Tensor)]


def summary(model: Module, input_size: Any, *, dtypes: Any = None, depth: int = 3) -> ModelSummary:
    """Finds out the layers of a model, their outputs, parameters and multiply-adds, and the memory of a pass.

    A copy of the model runs on the device ``meta``, which computes and stores nothing: it takes no more time and memory
    for a large model. The model itself, its hooks behind the forward pass and the stream of random numbers are left
    alone. A layer in training runs as in training, so a norm over a batch wants more than one value of each channel.

    Args:
        model: the module; lazy ones find out their sizes in the copy.
        input_size: the sizes of the input with its batch, as ``(1, 3, 224, 224)``, or a tensor like it; for several
            inputs a list of these (a tuple of them is one argument), for keyword arguments a dict. What is neither is
            handed on as it is.
        dtypes: the element type of each input given by its sizes, or the only one; default: that of the parameters.
        depth: how many levels of modules in modules the table shows; the numbers of what is deeper are added to the
            row above.

    Returns:
        The counts, with a table as text.

    Raises:
        TypeError, ValueError: the inputs are not of these forms.
        RuntimeError: the model asks for values, which the device does not have.

    Example:
        >>> import flambeau as torch
        >>> from flambeau import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(3456, 10))
        >>> report = torch.summary(net, (1, 1, 28, 28))
        >>> print(report)
        Layer          Output          Parameters  Multiply-adds
        ────────────────────────────────────────────────────────
        Sequential     [1, 10]                  0              0
        ├─ 0: Conv2d   [1, 6, 24, 24]         156         86,400
        ├─ 1: ReLU     [1, 6, 24, 24]           0              0
        ├─ 2: Flatten  [1, 3456]                0              0
        └─ 3: Linear   [1, 10]             34,570         34,560
        ────────────────────────────────────────────────────────
        Parameters     34,726
        Multiply-adds  120,960
        Memory         inputs 3.1 KiB, parameters and buffers 135.6 KiB, forward pass 27.0 KiB,
                       kept for the backward pass 13.5 KiB
        >>> report.layers[1].output
        torch.Size([1, 6, 24, 24])
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary() takes a module, not {type(model).__name__}")
    with flambeau.inference_mode(False):
        return _summary(model, input_size, dtypes, depth)


def _summary(model: Module, input_size: Any, dtypes: Any, depth: int) -> ModelSummary:
    twin = _copy_without_memory(model)
    floating = (p.dtype for p in twin.parameters() if p.is_floating_point() or p.is_complex())
    inputs = _Inputs(input_size, dtypes, next(floating, None))
    with flambeau.random.fork_rng(), flambeau.device("meta"):
        run = _Run(twin)
        first = _multiply_adds()
        with flambeau.no_grad():
            _pass(twin, inputs, run)  # a lazy one has its parameters from here on
            work = _multiply_adds() - first
            layers = run.layers()
            forward_bytes = _pass(twin, inputs, run)[1]
        with flambeau.enable_grad():
            saved_bytes = _pass(twin, inputs, run)[0]
    held = {id(tensor): tensor for tensor in (*twin.parameters(), *twin.buffers())}
    return ModelSummary(
        layers,
        sum(layer.parameters for layer in layers),
        sum(layer.trainable_parameters for layer in layers),
        work,
        sum(tensor.nbytes for tensor in inputs.tensors()),
        sum(tensor.nbytes for tensor in held.values()),
        forward_bytes,
        saved_bytes,
        depth,
    )


def _pass(model: Module, inputs: _Inputs, run: _Run) -> tuple[int, int]:
    """Runs the model; returns the bytes that it leaves behind, and the most that it has held at a time."""
    _core._reset_meta_peak()
    before = _core._meta_stats()[1]
    try:
        output = model(*inputs.args, **inputs.kwargs)  # noqa: F841  (it is held while the bytes are read)
    except Exception as error:
        if hasattr(error, "add_note"):
            error.add_note(f"summary() was running {run.where()} on the device meta")
        raise
    _, live, peak = _core._meta_stats()
    return live - before, peak - before
