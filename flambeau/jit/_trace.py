"""Tracing with real values: running a module once, and keeping what it computed as a graph."""

from __future__ import annotations

import operator
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodDescriptorType
from typing import Any

import flambeau
from flambeau._C import DisableTorchFunctionSubclass
from flambeau._core import Tensor
from flambeau.fx.graph import Graph
from flambeau.fx.node import Node
from flambeau.nn import Module

from ._modules import ScriptFunction, ScriptModule, TopLevelTracedModule, TracedModule

__all__ = ["TracerWarning", "TracingCheckError", "trace", "trace_module"]


class TracerWarning(Warning):
    """A trace may not stand for other inputs: the program looked at a value."""


class TracingCheckError(Exception):
    """A trace does not compute what the program computes."""


_state = threading.local()


def current() -> Recorder | None:
    """The trace that is at work in this thread."""
    return getattr(_state, "recorder", None)


def _warn(what: str) -> None:
    warnings.warn(
        f"Converting a tensor to a {what} might cause the trace to be incorrect. We can't record the data flow of Python "
        "values, so this value will be treated as a constant in the future. This means that the trace might not "
        "generalize to other inputs!",
        TracerWarning,
        stacklevel=3,
    )


class TracedInt(int):
    """A size of a traced tensor: a number, and where it came from, so that it follows the sizes of other inputs."""

    node: Node

    def __new__(cls, value: int, node: Node) -> TracedInt:
        made = super().__new__(cls, value)
        made.node = node
        return made

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return Traced.__torch_function__(func, types, args, kwargs)

    def __reduce__(self) -> Any:
        return int, (int(self),)


def _define_arithmetic() -> None:
    def define(name: str, reflected: bool) -> None:
        compute = getattr(operator, name)
        method = f"__{'r' if reflected else ''}{name}__"
        plain = getattr(int, method)

        def recorded(self: TracedInt, *other: Any) -> Any:
            result = plain(self, *other)
            recorder = current()
            if (
                recorder is None
                or type(result) is not int
                or not all(isinstance(each, int) for each in other)
            ):
                return result
            operands = (*other, self) if reflected else (self, *other)
            node = recorder.graph.call_function(compute, tuple(map(recorder.argument, operands)))
            return TracedInt(result, node)

        setattr(TracedInt, method, recorded)

    for name in ("add", "sub", "mul", "floordiv", "mod"):
        define(name, False)
        define(name, True)
    define("neg", False)


_define_arithmetic()


class TracedSize(tuple):  # type: ignore[type-arg]
    """The sizes of a traced tensor."""

    def numel(self) -> Any:
        """Their product."""
        product = 1
        for size in self:
            product = size * product
        return product


class Traced(Tensor):
    """A tensor of a traced program: what is done with it is recorded."""

    _node: Node

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        recorder = current()
        # Questions to one tensor, and what it is told, are no operators; sizes are followed below.
        if recorder is None or isinstance(func, MethodDescriptorType):
            with DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        return recorder.call(func, args, kwargs or {})

    @property
    def shape(self) -> Any:  # type: ignore[override]
        """The sizes, which follow those of the inputs."""
        return self.size()

    def size(self, dim: int | None = None) -> Any:
        """The sizes, or one of them."""
        recorder = current()
        with DisableTorchFunctionSubclass():
            sizes = Tensor.size(self)
        if recorder is None:
            return sizes if dim is None else sizes[dim]
        wanted = range(len(sizes)) if dim is None else (dim if dim >= 0 else dim + len(sizes),)
        found = [TracedInt(sizes[i], recorder.size(self, i)) for i in wanted]
        return TracedSize(found) if dim is None else found[0]

    def numel(self) -> int:
        """The number of elements."""
        recorder = current()
        with DisableTorchFunctionSubclass():
            n = Tensor.numel(self)
        return n if recorder is None else TracedInt(n, recorder.graph.call_method("numel", (self._node,)))

    nelement = numel

    def __getitem__(self, key: Any) -> Any:
        recorder = current()
        return (
            Tensor.__getitem__(self, key)
            if recorder is None
            else recorder.call(operator.getitem, (self, key), {})
        )

    def __setitem__(self, key: Any, value: Any) -> None:
        recorder = current()
        if recorder is None:
            Tensor.__setitem__(self, key, value)
        else:
            recorder.call(operator.setitem, (self, key, value), {})

    def __iter__(self) -> Iterator[Any]:
        if current() is not None:
            warnings.warn(
                "Iterating over a tensor might cause the trace to be incorrect. Passing a tensor of different shape won't "
                "change the number of iterations executed (and might lead to errors or silently give incorrect results).",
                TracerWarning,
                stacklevel=2,
            )
        return iter(self.unbind(0))

    def __bool__(self) -> bool:
        return self._value(bool, "Python boolean")

    def __float__(self) -> float:
        return self._value(float, "Python float")

    def __int__(self) -> int:
        return self._value(int, "Python integer")

    def __index__(self) -> int:
        return self._value(operator.index, "Python index")

    def item(self) -> Any:
        """The value, which the trace keeps as a constant."""
        return self._value(Tensor.item, "Python number")

    def tolist(self) -> Any:
        """The values, which the trace keeps as constants."""
        return self._value(Tensor.tolist, "Python list")

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        """The values, which the trace keeps as constants."""
        return self._value(lambda x: x.detach().numpy(*args, **kwargs), "NumPy array")

    def _value(self, of: Callable[[Any], Any], what: str) -> Any:
        if current() is not None:
            _warn(what)
        with DisableTorchFunctionSubclass():
            return of(self.as_subclass(Tensor))


class TracedParameter(Traced):
    """A tensor of the traced module, whose node is made when something is done with it."""

    _path: str
    _recorder: Recorder
    _made: Node | None = None

    @property
    def _node(self) -> Node:  # type: ignore[override]
        if self._made is None:
            self._made = self._recorder.graph.get_attr(self._path)
        return self._made

    @_node.setter
    def _node(self, node: Node) -> None:
        self._made = node


def _through(name: str) -> property:
    def get(self: Traced) -> Any:
        recorder = current()
        if recorder is None:
            with DisableTorchFunctionSubclass():
                return getattr(self.as_subclass(Tensor), name)
        return recorder.call(getattr, (self, name), {})

    return property(get)


for _name in ("T", "mT", "H", "mH", "real", "imag", "data"):
    setattr(Traced, _name, _through(_name))


class Recorder:
    """Keeps the calls of one run as the nodes of a graph."""

    def __init__(self, root: Module, paths: dict[int, str]) -> None:
        self.graph = Graph()
        self.root = root
        self.paths = paths  # where the module has a tensor
        self.kept: list[Any] = []  # tensors known by identity live as long as the trace
        self.sizes: dict[tuple[Node, int], Node] = {}

    def size(self, tensor: Traced, dim: int) -> Node:
        """The node of a size."""
        key = (tensor._node, dim)
        if key not in self.sizes:
            self.sizes[key] = self.graph.call_method("size", (tensor._node, dim))
        return self.sizes[key]

    def argument(self, value: Any) -> Any:
        """A value as an argument of a node."""
        if isinstance(value, (Traced, TracedInt)):
            node = value._node if isinstance(value, Traced) else value.node
            return (
                node
                if node.graph is self.graph
                else int(value)
                if isinstance(value, TracedInt)
                else self.constant(value)
            )
        if isinstance(value, Tensor):
            return self.constant(value)
        if isinstance(value, (flambeau.Size, TracedSize)):
            return tuple(map(self.argument, value))
        if isinstance(value, tuple):
            mapped = [self.argument(each) for each in value]
            return type(value)(*mapped) if hasattr(value, "_fields") else tuple(mapped)
        if isinstance(value, list):
            return [self.argument(each) for each in value]
        if isinstance(value, dict):
            return {key: self.argument(each) for key, each in value.items()}
        if isinstance(value, slice):
            return slice(self.argument(value.start), self.argument(value.stop), self.argument(value.step))
        return value

    def constant(self, tensor: Tensor) -> Node:
        """A tensor of the module, or one that the program made of nothing, which the trace keeps."""
        path = self.paths.get(id(tensor))
        if path is None:
            n = 0
            while hasattr(self.root, f"_constant{n}"):
                n += 1
            path = f"_constant{n}"
            with DisableTorchFunctionSubclass():
                self.root.register_buffer(path, tensor.detach().as_subclass(Tensor), persistent=False)
            self.paths[id(tensor)] = path
            self.kept.append(tensor)
        return self.graph.get_attr(path)

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a call and keeps it."""
        node_args, node_kwargs = self.argument(tuple(args)), self.argument(dict(kwargs))
        _state.recorder = None
        try:
            with DisableTorchFunctionSubclass():
                result = func(*args, **kwargs)
        finally:
            _state.recorder = self
        if isinstance(func, type(Tensor.add)):
            node = self.graph.call_method(func.__name__, node_args, node_kwargs)
        else:
            node = self.graph.call_function(func, node_args, node_kwargs)
        return self.wrap(result, node)

    def wrap(self, result: Any, node: Node) -> Any:
        """A result whose tensors know their nodes."""
        if isinstance(result, Traced):  # a write in place
            result._node = node
            return result
        if isinstance(result, Tensor):
            if id(result) in self.paths:
                return result
            with DisableTorchFunctionSubclass():
                traced = result.as_subclass(Traced)
            traced._node = node
            return traced
        if isinstance(result, (tuple, list)) and any(isinstance(each, Tensor) for each in result):
            items = [
                self.wrap(each, self.graph.call_function(operator.getitem, (node, i)))
                if isinstance(each, (Tensor, tuple, list))
                else each
                for i, each in enumerate(result)
            ]
            return type(result)(items) if not hasattr(result, "_fields") else type(result)(*items)
        return result

    def input(self, value: Any, node: Node) -> Any:
        """An argument of the program whose tensors know their nodes."""
        if isinstance(value, Tensor):
            with DisableTorchFunctionSubclass():
                traced = value.detach().as_subclass(Traced)
            traced._node = node
            return traced
        if isinstance(value, dict):
            return {
                key: self.input(each, self.graph.call_function(operator.getitem, (node, key)))
                for key, each in value.items()
            }
        if isinstance(value, (tuple, list)):
            items = [
                self.input(each, self.graph.call_function(operator.getitem, (node, i)))
                for i, each in enumerate(value)
            ]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        return value

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A block whose calls are kept."""
        outer = current()
        _state.recorder = self
        try:
            yield
        finally:
            _state.recorder = outer


def _check_output(value: Any, strict: bool) -> None:
    if isinstance(value, dict):
        if strict:
            raise RuntimeError(
                "Encountering a dict at the output of the tracer might cause the trace to be incorrect, this is only valid "
                "if the container structure does not change based on the module's inputs. Consider using a constant "
                "container instead (e.g. for `list`, use a `tuple` instead. for `dict`, use a `NamedTuple` instead). If you "
                "absolutely need this and know the side effects, pass strict=False to trace() to allow this behavior."
            )
        for each in value.values():
            _check_output(each, strict)
    elif isinstance(value, (tuple, list)):
        if isinstance(value, list) and strict:
            warnings.warn(
                "Encountering a list at the output of the tracer might cause the trace to be incorrect, this is only valid "
                "if the container structure does not change based on the module's inputs.",
                TracerWarning,
                stacklevel=4,
            )
        for each in value:
            _check_output(each, strict)
    elif not isinstance(value, Tensor):
        raise RuntimeError(
            "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions, but got "
            f"{type(value).__name__}"
        )


def _run(
    recorder: Recorder,
    run: Callable[..., Any],
    names: list[str],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    strict: bool,
) -> None:
    """Runs a program on the arguments, and gives the recorder its output."""
    places = [recorder.graph.placeholder(name) for name in names]
    with flambeau.no_grad(), recorder.at_work():
        values = [
            recorder.input(value, place)
            for value, place in zip((*args, *kwargs.values()), places, strict=False)
        ]
        result = run(*values[: len(args)], **dict(zip(kwargs, values[len(args) :], strict=False)))
        _check_output(result, strict)
        recorder.graph.output(recorder.argument(result))


def _parameter_names(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[str]:
    """Names of the inputs, as the function names them."""
    import inspect

    try:
        own = [
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        own = []
    names = [own[i] if i < len(own) else f"argument_{i + 1}" for i in range(len(args))]
    return names + list(kwargs)


def _holder(module: Module, top: bool = False) -> TracedModule:
    """The tensors of a module under their names, shared with it."""
    kind = TopLevelTracedModule if top else TracedModule
    held = kind(getattr(module, "original_name", "") or module._get_name(), module.training)
    for name, parameter in module._parameters.items():
        held.register_parameter(name, parameter)
    for name, buffer in module._buffers.items():
        held.register_buffer(name, buffer, persistent=name not in module._non_persistent_buffers_set)
    for name, child in module._modules.items():
        held.add_module(name, _holder(child) if child is not None else None)
    return held


def _paths(module: Module) -> dict[int, str]:
    named = list(module.named_buffers(remove_duplicate=False)) + list(
        module.named_parameters(remove_duplicate=False)
    )
    return {id(tensor): name for name, tensor in named if tensor is not None}


@contextmanager
def _traced_tensors(module: Module, recorder: Recorder) -> Iterator[None]:
    """The module's parameters and buffers as tensors whose calls are kept, even those without an input."""
    undo: list[tuple[dict[str, Any], str, Any]] = []
    nodes: dict[int, TracedParameter] = {}
    try:
        for part in module.modules():
            for store in (part._parameters, part._buffers):
                for name, value in list(store.items()):
                    if value is None or isinstance(value, flambeau.nn.parameter.UninitializedTensorMixin):
                        continue
                    if id(value) not in nodes:
                        with DisableTorchFunctionSubclass():
                            alias = value.detach().as_subclass(TracedParameter)
                        alias._path = recorder.paths[id(value)]
                        alias._recorder = recorder
                        nodes[id(value)] = alias
                    undo.append((store, name, value))
                    store[name] = nodes[id(value)]  # type: ignore[assignment]
        yield
    finally:
        for store, name, value in undo:
            if store[name] is nodes.get(id(value)):
                store[name] = value


def _trace_methods(
    module: Module, inputs: dict[str, Any], keywords: dict[str, Any], strict: bool
) -> TopLevelTracedModule:
    whole = _holder(module, top=True)
    assert isinstance(whole, TopLevelTracedModule)
    graphs: dict[str, Graph] = {}
    for name, args in inputs.items():
        recorder = Recorder(whole, _paths(module))
        method = getattr(module, name)
        names = _parameter_names(method, args, keywords.get(name, {}))
        with _traced_tensors(module, recorder):
            _run(
                recorder, module if name == "forward" else method, names, args, keywords.get(name, {}), strict
            )
        for node in list(reversed(recorder.graph.nodes)):
            if not node.users and node.op in ("get_attr",):
                recorder.graph.erase_node(node)
            elif not node.users and node.target in ("size", "numel", operator.getitem):
                recorder.graph.erase_node(node)
        graphs[name] = recorder.graph
    whole._install(graphs)
    return whole


def _tuple_of(inputs: Any) -> tuple[Any, ...]:
    if isinstance(inputs, (Tensor, dict)):
        return (inputs,)
    return tuple(inputs)


def _clone(value: Any) -> Any:
    from flambeau.utils import _pytree as pytree

    return pytree.tree_map(lambda x: x.detach().clone() if isinstance(x, Tensor) else x, value)


def _compare(
    run: Callable[..., Any],
    traced: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    tolerance: float,
) -> None:
    """Warns where a trace does not give what the program gives."""
    from flambeau.utils import _pytree as pytree

    with flambeau.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)
        wanted = pytree.tree_leaves(run(*_clone(args), **_clone(kwargs)))
        got = pytree.tree_leaves(traced(*_clone(args), **_clone(kwargs)))
    for i, (a, b) in enumerate(zip(wanted, got, strict=False)):
        if not isinstance(a, Tensor):
            continue
        try:
            flambeau.testing.assert_close(b, a, rtol=tolerance, atol=tolerance, equal_nan=True)
        except AssertionError as error:
            warnings.warn(
                f"Output nr {i + 1}. of the traced function does not match the corresponding output of the Python "
                f"function. Detailed error:\n{error}",
                TracerWarning,
                stacklevel=4,
            )


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: dict[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """Runs a module or function once, and gives one that does what it did.

    What it computes with tensors is kept, sizes follow those of the inputs; its choices and numbers from values of tensors
    are those of this run, of which a :class:`TracerWarning` tells.

    Args:
        func: a module or function of tensors
        example_inputs: the arguments of the run, a tensor or a tuple
        check_trace: whether it is run again to compare
        check_inputs: further tuples of arguments to compare with
        check_tolerance: by how much results may differ
        strict: whether lists and dictionaries of results are refused
        example_kwarg_inputs: arguments by name, in the place of `example_inputs`

    Returns:
        A module that shares the module's tensors, with ``graph`` and ``code``; for a function, a function.

    Raises:
        RuntimeError: there are no example inputs, or results that are no tensors.

    Example:
        >>> import flambeau as torch
        >>> traced = torch.jit.trace(torch.nn.Linear(2, 3), torch.ones(1, 2))
        >>> traced(torch.ones(5, 2)).shape
        torch.Size([5, 3])
    """
    if isinstance(func, (ScriptModule, ScriptFunction)):
        warnings.warn(
            "The input to trace is already a ScriptModule, tracing it is a no-op. Returning the object as is.",
            stacklevel=2,
        )
        return func
    if example_inputs is None and example_kwarg_inputs is None:
        raise RuntimeError(
            "example_kwarg_inputs should be a dict"
            if example_inputs is not None
            else "example_inputs or example_kwarg_inputs must be given"
        )
    args = () if example_kwarg_inputs is not None else _tuple_of(example_inputs)
    kwargs = dict(example_kwarg_inputs or {})
    bound = getattr(func, "__self__", None)
    if isinstance(func, Module):
        traced: Any = _trace_methods(func, {"forward": args}, {"forward": kwargs}, strict)
    elif isinstance(bound, Module) and getattr(func, "__name__", "") == "forward":
        return trace(
            bound,
            example_inputs,
            check_trace=check_trace,
            check_inputs=check_inputs,
            check_tolerance=check_tolerance,
            strict=strict,
            example_kwarg_inputs=example_kwarg_inputs,
        )
    else:
        if not callable(func):
            raise AttributeError(f"torch.jit.trace takes a module or a function, not {type(func).__name__}")
        root = TopLevelTracedModule(getattr(func, "__name__", "function"), True)
        recorder = Recorder(root, {})
        _run(recorder, func, _parameter_names(func, args, kwargs), args, kwargs, strict)
        root._install({"forward": recorder.graph})
        traced = ScriptFunction(root, func, recorder.graph)
        traced._graph_root = root
    if check_trace:
        for each in (
            check_inputs if check_inputs is not None else [args if example_kwarg_inputs is None else kwargs]
        ):
            given = (
                (_tuple_of(each), {})
                if not isinstance(each, dict) or example_kwarg_inputs is None
                else ((), each)
            )
            _compare(func, traced, given[0], given[1], check_tolerance)
    return traced


def trace_module(
    mod: Module,
    inputs: dict[str, Any],
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_inputs_is_kwarg: bool = False,
    _store_inputs: bool = True,
) -> Any:
    """Traces several methods of a module: :func:`trace` with a dictionary of arguments by the methods' names.

    Raises:
        AttributeError: `inputs` is no dictionary, or what is traced no module.
    """
    if not isinstance(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    if example_inputs_is_kwarg:
        traced = _trace_methods(mod, {name: () for name in inputs}, inputs, strict)
    else:
        traced = _trace_methods(mod, {name: _tuple_of(args) for name, args in inputs.items()}, {}, strict)
    if check_trace:
        for given in check_inputs if check_inputs is not None else [inputs]:
            for name, args in given.items():
                run = mod if name == "forward" else getattr(mod, name)
                again = traced if name == "forward" else getattr(traced, name)
                positional, named = ((), args) if example_inputs_is_kwarg else (_tuple_of(args), {})
                _compare(run, again, positional, named, check_tolerance)
    return traced
