"""Tracing: running a module's ``forward`` on stand-ins, whose graph is then the program."""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flambeau._core import Tensor
from flambeau.nn import Module, Parameter, Sequential
from flambeau.utils import _pytree as pytree

from .graph import Graph, PyTreeCodeGen
from .graph_module import GraphModule
from .node import Argument, Node
from .proxy import ParameterProxy, Proxy, TracerBase, _tracer_of

__all__ = ["PH", "PHBase", "PHWithMeta", "Tracer", "symbolic_trace", "wrap"]

_VARARGS, _KEYWORDS = inspect.CO_VARARGS, inspect.CO_VARKEYWORDS
# The names that wrap() marked, by the globals they stand in.
_wrapped: dict[tuple[int, str], dict[str, Any]] = {}


class PHBase:
    """A leaf of ``concrete_args`` that stays an input."""

    def __repr__(self) -> str:
        return "PH"


class PHWithMeta(PHBase):
    """A leaf of ``concrete_args`` that stays an input, under a name of its own."""

    def __init__(self, ph_key: str | None = None) -> None:
        self.ph_key = ph_key


PH = PHBase()


def wrap(fn_or_name: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """Marks a function of the calling module: while a program is traced, a call with stand-ins becomes a node.

    Use it at the top of a module, on a name (``torch.fx.wrap("len")``) or as a decorator.

    Raises:
        RuntimeError: for what is neither a function nor a name.
        NotImplementedError: not at the top of a module.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def _recording(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose calls with stand-ins become nodes."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if _has_proxy((args, kwargs)):
            return _tracer_of((args, kwargs)).create_proxy("call_function", function, args, kwargs)
        return function(*args, **kwargs)

    return wrapper


def _has_proxy(values: Any) -> bool:
    return any(isinstance(leaf, Proxy) for leaf in pytree.tree_leaves(values))


class Tracer(TracerBase):
    """Traces modules. Subclasses say what is not looked into (:meth:`is_leaf_module`) and how calls become nodes.

    Args:
        autowrap_modules: Python modules whose functions become nodes when they meet stand-ins
        autowrap_functions: further such functions, wherever the traced function's module has them
        param_shapes_constant: whether a program may ask for the sizes of parameters and choose by them

    Example:
        >>> import flambeau as torch
        >>> class Opaque(torch.fx.Tracer):
        ...     def is_leaf_module(self, m, module_qualified_name):
        ...         return True
        >>> graph = Opaque().trace(torch.nn.Sequential(torch.nn.Sequential(torch.nn.ReLU())))
        >>> [node.op for node in graph.nodes]
        ['placeholder', 'call_module', 'output']
    """

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        self._autowrap_functions = {id(f) for f in autowrap_functions}
        for module in autowrap_modules:
            self._autowrap_functions |= {
                id(value)
                for name, value in vars(module).items()
                if not name.startswith("_") and callable(value)
            }
        self._autowrap_search = list(autowrap_modules)
        self.param_shapes_constant = param_shapes_constant

    # ---- what subclasses change

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether calls of a module become one node: those of this package do, except containers."""
        return type(m).__module__.startswith("flambeau.nn") and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The path of a module from the root.

        Raises:
            NameError: it is not in the root.
        """
        for name, module in self.root.named_modules():
            if module is mod:
                return str(name)
        raise NameError("module is not installed as a submodule")

    def call_module(
        self, m: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What a call of a module does while it is traced."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def create_arg(self, a: Any) -> Argument:
        """A value as an argument of a node; tensors and parameters become ``get_attr`` nodes."""
        if isinstance(a, Parameter):
            for name, parameter in self._parameters.items():
                if parameter is a:
                    return self.create_node("get_attr", name, (), {})
            raise NameError("parameter is not a member of this module")
        if isinstance(a, Tensor):
            for name, buffer in self._buffers.items():
                if buffer is a:
                    return self.create_node("get_attr", name, (), {})
        if isinstance(a, (Tensor, Module)) and not isinstance(a, Parameter):
            return self.create_node("get_attr", self._constant(a), (), {})
        if type(a) is tuple or not isinstance(a, tuple) or hasattr(a, "_fields"):
            return super().create_arg(a)
        return super().create_arg(tuple(a))

    def _constant(self, a: Any) -> str:
        """The path of a tensor that is an attribute; a new attribute of the root where it is none."""
        for value, path in self._attributes:
            if value is a:
                return path
        kind = "_tensor_constant" if isinstance(a, Tensor) else "_module_constant"
        i = 0
        while hasattr(self.root, f"{kind}{i}"):
            i += 1
        path = f"{kind}{i}"
        self._attributes.append((a, path))
        setattr(self.root, path, a)
        return path

    # ---- the trace

    def trace(self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> Graph:
        """Runs a module or function on stand-ins.

        Args:
            root: what is traced
            concrete_args: values for arguments that are not to be inputs, or that choose among branches; structures
                may hold :data:`PH` where an input stays

        Returns:
            The graph.

        Raises:
            TraceError: the program chooses by a value that is not known.
        """
        if isinstance(root, Module):
            function: Any = getattr(type(root), self.traced_func_name)
            self.root = root
        else:
            function = root
            self.root = Module()
        self.graph = Graph(tracer_cls=type(self))
        self._parameters = dict(self.root.named_parameters(remove_duplicate=False))
        self._buffers = dict(self.root.named_buffers(remove_duplicate=False))
        self._attributes: list[tuple[Any, str]] = [
            (value, f"{prefix}.{name}" if prefix else name)
            for prefix, module in self.root.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, Tensor)
        ]
        plain = inspect.unwrap(function)
        if not isinstance(plain, FunctionType):
            raise TypeError(f"cannot trace {function!r}: it is no Python function")
        call, args, out_codegen = self._arguments(plain, isinstance(root, Module), concrete_args)
        with self._patched(plain.__globals__):
            result = call(*args)
        if out_codegen is not None:
            leaves, spec = pytree.tree_flatten(result)
            out_codegen.out_spec = spec
            self.graph.set_codegen(out_codegen)
            result = leaves
        self.create_node(
            "output", "output", (self.create_arg(result),), {}, None, _annotation(plain, "return")
        )
        return self.graph

    def _arguments(
        self, function: FunctionType, is_module: bool, concrete: dict[str, Any] | None
    ) -> tuple[Callable[..., Any], list[Any], PyTreeCodeGen | None]:
        """What is run, on which stand-ins, and how the graph takes structures."""
        code: CodeType = function.__code__
        total = code.co_argcount + code.co_kwonlyargcount
        names = list(code.co_varnames[:total])
        values = function.__defaults__ or ()
        defaults = dict(zip(names[code.co_argcount - len(values) : code.co_argcount], values, strict=False))
        defaults.update(function.__kwdefaults__ or {})
        args: list[Any] = []
        if is_module:
            if not names:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            args.append(self.root)
            names = names[1:]
        concrete = dict(concrete or {})
        if unknown := set(concrete) - set(names):
            raise RuntimeError(
                f"concrete_args names no arguments of the function: {', '.join(sorted(unknown))}"
            )
        for name in names:
            if name in concrete:
                args.append(self._concrete(name, concrete[name]))
            else:
                kind = _annotation(function, name)
                default = (defaults[name],) if name in defaults else ()
                args.append(self.create_proxy("placeholder", name, default, {}, type_expr=kind))
        stars = [star for star, flag in (("*", _VARARGS), ("**", _KEYWORDS)) if code.co_flags & flag]
        for star, name in zip(stars, code.co_varnames[total:], strict=False):
            args.append(self.create_proxy("placeholder", f"{star}{name}", (), {}))
        # The stand-ins of *args and **kwargs are the tuple and the dictionary themselves: all parameters are positional.
        flat = FunctionType(
            code.replace(
                co_flags=code.co_flags & ~(_VARARGS | _KEYWORDS),
                co_argcount=total + len(stars),
                co_kwonlyargcount=0,
            ),
            function.__globals__,
            function.__name__,
            None,
            function.__closure__,
        )
        codegen = None
        if any(not isinstance(v, (int, float, str, bool, type(None), PHBase)) for v in concrete.values()):
            codegen = PyTreeCodeGen(
                names, pytree.tree_flatten([concrete.get(name, PH) for name in names])[1], None
            )
        return flat if stars or code.co_kwonlyargcount else function, args, codegen

    def _concrete(self, name: str, value: Any) -> Any:
        import flambeau

        count = 0

        def leaf(x: Any) -> Any:
            nonlocal count
            count += 1
            if isinstance(x, PHBase):
                key = x.ph_key if isinstance(x, PHWithMeta) and x.ph_key else None
                return self.create_proxy(
                    "placeholder", key or (name if x is value else f"{name}_{count}"), (), {}
                )
            stand_in = self.create_proxy("placeholder", f"{name}_{count}", (), {})
            if isinstance(x, (int, float, bool)) and not isinstance(x, Tensor):
                message = f"{name} has been specialized to have value {x} but got another value"
                flambeau._assert(stand_in == x, message)
            elif x is None:
                message = f"{name} has been specialized to have value None but got another value"
                self.create_proxy("call_function", _assert_is_none, (stand_in, message), {})
            return x

        return pytree.tree_map(leaf, value)

    @contextmanager
    def _patched(self, function_globals: dict[str, Any]) -> Iterator[None]:
        """Calls of modules come here, parameters are stand-ins, and marked functions make nodes."""
        undo: list[Callable[[], None]] = []
        original = Module.__call__

        def call(module: Module, *args: Any, **kwargs: Any) -> Any:
            def forward(*a: Any, **k: Any) -> Any:
                self._mark_functions(type(module).forward, undo)
                return original(module, *a, **k)

            return self.call_module(module, forward, args, kwargs)

        def in_place(registry: dict[str, Any], name: str, value: Any) -> None:
            old = registry[name]
            registry[name] = value
            undo.append(lambda: registry.__setitem__(name, old))

        try:
            for prefix, module in self.root.named_modules(remove_duplicate=True):
                stores = [module._parameters]
                if self.proxy_buffer_attributes:
                    stores.append(module._buffers)
                for store in stores:
                    for name, value in list(store.items()):
                        if value is not None:
                            in_place(
                                store,
                                name,
                                _LazyParameter(self, f"{prefix}.{name}" if prefix else name, value),
                            )
            own = "__call__" in vars(Module)
            Module.__call__ = call  # type: ignore[method-assign,assignment]
            undo.append(lambda: setattr(Module, "__call__", original) if own else delattr(Module, "__call__"))
            for place in (*(vars(module) for module in self._autowrap_search), function_globals):
                self._mark_place(place, undo)
            for (_, name), place in list(_wrapped.items()):
                if name in place:
                    in_place(place, name, _recording(place[name]))
                elif hasattr(builtins, name):
                    place[name] = _recording(getattr(builtins, name))
                    undo.append(functools.partial(place.pop, name, None))
            yield
        finally:
            while undo:
                undo.pop()()

    def _mark_functions(self, function: Any, undo: list[Callable[[], None]]) -> None:
        place = getattr(inspect.unwrap(function), "__globals__", None)
        if place is not None:
            self._mark_place(place, undo)

    def _mark_place(self, place: dict[str, Any], undo: list[Callable[[], None]]) -> None:
        for name, value in list(place.items()):
            if not name.startswith("_") and callable(value) and id(value) in self._autowrap_functions:
                place[name] = _recording(value)
                undo.append(functools.partial(place.__setitem__, name, value))


def _annotation(function: FunctionType, name: str) -> Any:
    """The type of a parameter; none where it is only text, whose names the graph does not know."""
    kind = function.__annotations__.get(name)
    return None if isinstance(kind, str) or kind is Any else kind


def _assert_is_none(value: Any, message: str) -> None:
    if value is not None:
        raise AssertionError(message)


class _LazyParameter(ParameterProxy):
    """The stand-in for a parameter, whose node is made when something is done with it."""

    def __init__(self, tracer: Tracer, path: str, param: Any) -> None:
        self.tracer = tracer
        self.path = self.name = path
        self.param = param
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The ``get_attr`` node."""
        if self._node is None:
            self._node = self.tracer.create_node("get_attr", self.path, (), {})
        return self._node

    def __getattribute__(self, name: str) -> Any:
        if name in ("shape", "size", "dim", "ndim", "numel", "nelement"):
            tracer = object.__getattribute__(self, "tracer")
            if not tracer.param_shapes_constant:
                return Proxy.__getattr__(self, name)
        return object.__getattribute__(self, name)


def symbolic_trace(
    root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None
) -> GraphModule:
    """A module whose ``forward`` is the graph of a module's or function's.

    Args:
        root: what is traced; it is not changed
        concrete_args: as in :meth:`Tracer.trace`

    Returns:
        A module that shares parameters, buffers and submodules with `root`, with its graph as ``graph``.

    Raises:
        TraceError: the program chooses by a value that is not known.

    Example:
        >>> import flambeau as torch
        >>> def f(x, y):
        ...     return torch.relu(x) + y
        >>> print(torch.fx.symbolic_trace(f).code.strip())
        def forward(self, x, y):
            relu = torch.relu(x);  x = None
            add = relu + y;  relu = y = None
            return add

    Source: Reed et al., torch.fx: Practical Program Capture and Transformation for Deep Learning in Python, 2022.
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
