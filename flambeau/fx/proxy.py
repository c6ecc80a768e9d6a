"""Stand-ins for values: what is done with them becomes nodes of a graph."""

from __future__ import annotations

import enum
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

from flambeau._core import Tensor

from .graph import Graph
from .node import Argument, Node, Target, map_aggregate

__all__ = ["Attribute", "GraphAppendingTracer", "ParameterProxy", "Proxy", "TraceError", "TracerBase"]


class TraceError(ValueError):
    """A program does what a graph cannot hold: a choice by a value that is not known while it is traced."""


class TracerBase:
    """Makes nodes of calls, and proxies for their results."""

    graph: Graph
    root: Any = None
    record_stack_traces: bool = False
    check_mutable_operations: bool = False
    trace_asserts: bool = False
    proxy_buffer_attributes: bool = False
    traced_func_name: str = "forward"

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Adds a node to the graph; a place to say what else belongs to every node."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """The stand-in for a node's result."""
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:
        """A node of a call whose arguments may hold proxies, and the stand-in for its result."""
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs), name, type_expr)
        if self.record_stack_traces:
            node.stack_trace = _stack()
        return proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)

    def create_arg(self, a: Any) -> Argument:
        """A value as an argument of a node: nodes for proxies, plain values as they are.

        Raises:
            NotImplementedError: for a value that no graph can hold.
        """
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple):
            if hasattr(a, "_fields"):
                return self.create_node(
                    "call_function", type(a), tuple(self.create_arg(each) for each in a), {}
                )
            return type(a)([self.create_arg(each) for each in a])
        if isinstance(a, list):
            return [self.create_arg(each) for each in a]
        if isinstance(a, dict):
            for key in a:
                if isinstance(key, (Proxy, Node)) or _holds_node(key):
                    raise RuntimeError(
                        f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {_shown(key)}"
                    )
            return {key: self.create_arg(value) for key, value in a.items()}
        if isinstance(a, slice):
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, range):
            return range(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, (str, int, float, bool, complex, bytes, enum.Enum, type(None), type(...))):
            return a
        import flambeau

        if isinstance(a, (flambeau.dtype, flambeau.device, flambeau.memory_format, flambeau.layout, Node)):
            return a
        if callable(a) and not isinstance(a, type):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """What an ``if`` on a proxy does: a graph has no branches."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """What a loop over a proxy does; unpacking ``a, b = proxy`` knows how many it wants."""
        import dis

        frame = sys._getframe(2)
        instructions = list(dis.get_instructions(frame.f_code))
        at = next((i for i in instructions if i.offset == frame.f_lasti), None)
        if at is not None and at.opname == "UNPACK_SEQUENCE" and at.argval is not None:
            return (obj[i] for i in range(at.argval))  # type: ignore[index]
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or "
            "**kwargs function argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what types "
            "of control flow can be traced, and check out the Proxy docstring for help troubleshooting Proxy iteration "
            "errors"
        )

    def keys(self, obj: Proxy) -> Any:
        """What ``**proxy`` asks for."""
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """The tracer of proxies that somebody makes by hand: it adds to the graph of the node."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


def _stack() -> str:
    import traceback

    frames = [f for f in traceback.extract_stack() if not f.filename.startswith(_HERE)]
    return "".join(traceback.StackSummary.from_list(frames).format()).strip()


_HERE = __file__.rpartition("/")[0]


def _holds_node(key: Any) -> bool:
    return isinstance(key, tuple) and any(
        isinstance(each, (Proxy, Node)) or _holds_node(each) for each in key
    )


def _shown(key: Any) -> Any:
    return map_aggregate(key, lambda x: x.node if isinstance(x, Proxy) else x)


class Proxy:
    """A stand-in for a value while a program is traced.

    Operators, methods, attributes, subscripts and functions of this package that meet one become nodes; its value is not
    known, so that it has no truth, no length and no elements.

    Args:
        node: the node whose result it stands for
        tracer: who makes further nodes; default: they are added to the node's graph
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = tracer if tracer is not None else GraphAppendingTracer(node.graph)
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Attribute:
        if k.startswith("__") and k.endswith("__"):
            raise AttributeError(f"'Proxy' object has no attribute {k!r}")
        return Attribute(self, k)

    def __deepcopy__(self, memo: dict[int, Any]) -> Proxy:
        raise AssertionError("Tried to copy a Proxy; a traced program cannot do so")

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        return self.tracer.iter(self)

    def __abs__(self) -> Proxy:
        return self.tracer.create_proxy("call_function", abs, (self,), {})

    def __bool__(self) -> bool:
        if self.tracer.trace_asserts:
            import dis

            frame = sys._getframe(1)
            code = list(dis.get_instructions(frame.f_code))
            at = next((n for n, i in enumerate(code) if i.offset == frame.f_lasti), -1)
            if (
                at >= 0
                and code[at].opname.startswith("POP_JUMP")
                and at + 1 < len(code)
                and code[at + 1].opname == "LOAD_ASSERTION_ERROR"
            ):
                import flambeau

                self.tracer.create_proxy("call_function", flambeau._assert, (self, ""), {})
                return True
        return self.tracer.to_bool(self)

    def keys(self) -> Any:
        """What ``**proxy`` asks for."""
        return self.tracer.keys(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    @classmethod
    def __torch_function__(cls, orig_method: Any, types: Any, args: Any = None, kwargs: Any = None) -> Any:
        args = args or ()
        kwargs = kwargs or {}
        tracer = _tracer_of((args, kwargs))
        if isinstance(orig_method, _METHOD):
            return tracer.create_proxy("call_method", orig_method.__name__, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs)


_METHOD = type(Tensor.add)


def _tracer_of(values: Any) -> TracerBase:
    found: list[TracerBase] = []
    map_aggregate(values, lambda x: found.append(x.tracer) if isinstance(x, Proxy) else None)
    if any(each is not found[0] for each in found):
        raise RuntimeError(
            f"Found multiple different tracers {list(dict.fromkeys(found))} while trying to trace operations"
        )
    return found[0]


class Attribute(Proxy):
    """A stand-in for an attribute of a value; calling it is calling the method."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root = root
        self.attr = attr
        self.tracer = root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node of the look-up, made when somebody needs it: a call of the method needs none."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """A stand-in for a parameter whose shape is known, so that a program may ask for it."""

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Any) -> None:
        super().__init__(node, tracer)
        self.param = param
        self.name = name

    def __repr__(self) -> str:
        return f"ParameterProxy({self.name})"

    @property
    def shape(self) -> Any:
        """The parameter's sizes."""
        return self.param.shape

    def size(self, dim: int | None = None) -> Any:
        """The parameter's sizes, or one of them."""
        return self.param.size() if dim is None else self.param.size(dim)

    def dim(self) -> int:
        """The number of its dimensions."""
        return int(self.param.dim())

    @property
    def ndim(self) -> int:
        """The number of its dimensions."""
        return int(self.param.dim())

    def numel(self) -> int:
        """The number of its elements."""
        return int(self.param.numel())

    def nelement(self) -> int:
        """The number of its elements."""
        return int(self.param.numel())


def _define(name: str, function: Callable[..., Any], reflected: bool = False) -> None:
    def method(self: Proxy, *args: Any) -> Proxy:
        operands = (*args, self) if reflected else (self, *args)
        return self.tracer.create_proxy("call_function", function, operands, {})

    method.__name__ = name
    method.__doc__ = f"Becomes a node of {function.__name__}."
    setattr(Proxy, name, method)


for _name in "add sub mul floordiv truediv mod pow lshift rshift and_ or_ xor matmul".split():
    _function = getattr(operator, _name)
    _define(f"__{_name.rstrip('_')}__", _function)
    _define(f"__r{_name.rstrip('_')}__", _function, reflected=True)
for _name in "iadd isub imul ifloordiv itruediv imod ipow ilshift irshift iand ior ixor imatmul".split():
    _define(f"__{_name}__", getattr(operator, _name))
for _name in "eq ne lt gt le ge getitem setitem neg pos invert".split():
    _define(f"__{_name}__", getattr(operator, _name))
Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]
