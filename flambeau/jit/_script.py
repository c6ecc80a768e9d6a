"""Scripting: modules and functions that can be saved with the text of their methods."""

from __future__ import annotations

import ast
import inspect
import symtable
import textwrap
import types
from collections.abc import Callable
from typing import Any

from flambeau._core import Tensor
from flambeau.nn import Module

from . import _language
from ._modules import RecursiveScriptModule, ScriptFunction, ScriptModule

__all__ = ["Capture", "NotSupportedError", "script"]


class NotSupportedError(RuntimeError):
    """A program cannot be saved: its text is not there, or uses what a saved program may not."""


def script(
    obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None
) -> Any:
    """A module or function that runs as it stands and can be saved with its program.

    Nothing is compiled: the original runs. When it is saved, the texts of the methods and functions that it calls go with
    it; a saved program may use operators, layers, ``math``, containers and control flow.

    Args:
        obj: a module, or a function as a decorator would take it; a class or enumeration is returned as it is
        optimize: not used, as in PyTorch
        example_inputs: not used: types need not be found out

    Returns:
        A :class:`ScriptModule` that shares the module's tensors, or a :class:`ScriptFunction`.

    Raises:
        RuntimeError: what it is given is neither.

    Example:
        >>> import flambeau as torch
        >>> @torch.jit.script
        ... def clipped(x: torch.Tensor, low: float):
        ...     return x if float(x.min()) >= low else x.clamp(min=low)
        >>> clipped(torch.tensor([-1.0, 2.0]), 0.0)
        tensor([0., 2.])
    """
    if isinstance(obj, (ScriptModule, ScriptFunction)):
        return obj
    if isinstance(obj, Module):
        obj = _prepared(obj)
        return RecursiveScriptModule(obj)
    if isinstance(obj, type):
        return obj
    if isinstance(obj, (dict, list)):
        return obj
    if isinstance(obj, types.FunctionType):
        return ScriptFunction(obj)
    raise RuntimeError(f"torch.jit.script takes a module, a function or a class, not {type(obj).__name__}")


def _prepared(module: Module) -> Module:
    prepare = getattr(module, "__prepare_scriptable__", None)
    return prepare() if prepare is not None else module


_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class _Plainer(ast.NodeTransformer):
    """A function's text without what does not run: annotations, decorators, documentation."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.decorator_list = []
        node.returns = None
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            node.body = node.body[1:] or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)


class Capture:
    """Collects a module or function as data: texts of functions, and what their names stand for.

    ``functions`` is a list of ``{"name", "source", "globals"}``; a global is ``{"path": ...}`` (of this package),
    ``{"function": number}`` or ``{"value": plain data or a tensor}``.
    """

    def __init__(self) -> None:
        self.functions: list[dict[str, Any]] = []
        self._numbers: dict[Any, int] = {}

    # ---- functions

    def function(self, function: Callable[..., Any]) -> int:
        """The number of a Python function.

        Raises:
            NotSupportedError: its text is not there, or it uses what a saved program may not.
        """
        function = inspect.unwrap(getattr(function, "__func__", function))
        if isinstance(function, ScriptFunction):
            function = function._original
        if function in self._numbers:
            return self._numbers[function]
        source, _ = self._parsed(function)
        number = self._numbers[function] = len(self.functions)
        entry = {"name": function.__name__, "source": source, "globals": {}}
        self.functions.append(entry)
        entry["globals"] = {
            name: self._reference(value, f"the name {name!r} in {function.__qualname__}")
            for name, value in self._free(function, source)
        }
        entry["defaults"] = [self._plain(value) for value in function.__defaults__ or ()]
        entry["keyword_defaults"] = {
            key: self._plain(value) for key, value in (function.__kwdefaults__ or {}).items()
        }
        return number

    def graph(self, graph: Any) -> int:
        """The number of a recorded graph's program."""
        text = graph.python_code("self")
        number = len(self.functions)
        names = {
            name: self._reference(value, f"the name {name!r} of a traced program")
            for name, value in text.globals.items()
            if name not in ("torch", "inf", "nan", "NoneType")
        }
        self.functions.append(
            {
                "name": "forward",
                "source": text.src.strip(),
                "globals": names,
                "defaults": [],
                "keyword_defaults": {},
            }
        )
        return number

    def function_source(self, function: Callable[..., Any]) -> str:
        """The text of a function as it is saved."""
        return self._parsed(inspect.unwrap(function))[0] + "\n"

    def method_source(self, module: Module, name: str) -> str:
        """The text of a method as it is saved."""
        return self.function_source(getattr(type(module), name))

    def _parsed(self, function: Any) -> tuple[str, ast.FunctionDef]:
        try:
            text = textwrap.dedent(inspect.getsource(function))
            tree = ast.parse(text)
        except (OSError, TypeError, SyntaxError) as error:
            raise NotSupportedError(
                f"the text of {getattr(function, '__qualname__', function)} cannot be read: {error}"
            ) from None
        definition = tree.body[0]
        if not isinstance(definition, ast.FunctionDef):
            raise NotSupportedError(f"{function.__qualname__} is no plain function, and cannot be saved")
        plain = _Plainer().visit(definition)
        # Defaults were computed where the function was defined; they are saved as values.
        plain.args.defaults = [ast.Constant(None) for _ in plain.args.defaults]
        plain.args.kw_defaults = [None if d is None else ast.Constant(None) for d in plain.args.kw_defaults]
        return ast.unparse(ast.fix_missing_locations(plain)), plain

    @staticmethod
    def _free(function: Any, source: str) -> list[tuple[str, Any]]:
        """The names of a function that are not its own, and their values."""
        names: set[str] = set()
        tables = [symtable.symtable(source, "<program>", "exec").get_children()[0]]
        while tables:
            table = tables.pop()
            names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
            tables += table.get_children()
        if "super" in names:
            raise NotSupportedError(f"{function.__qualname__} calls super(), which a saved program cannot")
        known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        return [(name, known[name]) for name in sorted(names) if name in known]

    def _reference(self, value: Any, where: str) -> dict[str, Any]:
        path = _language.path_of(value) if callable(value) or isinstance(value, types.ModuleType) else None
        if path is not None:
            return {"path": path}
        if isinstance(value, (types.FunctionType, ScriptFunction)):
            return {"function": self.function(value)}
        try:
            return {"value": self._plain(value)}
        except NotSupportedError:
            raise NotSupportedError(f"{where} stands for {value!r}, which cannot be saved") from None

    def _plain(self, value: Any) -> Any:
        """A value of plain data and tensors.

        Raises:
            NotSupportedError: it is something else.
        """
        import flambeau

        if type(value) in _PLAIN or isinstance(
            value, (Tensor, flambeau.dtype, flambeau.device, flambeau.Size)
        ):
            return value
        if type(value) in (list, tuple):
            return type(value)(self._plain(each) for each in value)
        if type(value) in (dict, types.MappingProxyType):
            return {self._plain(key): self._plain(each) for key, each in value.items()}
        raise NotSupportedError(f"{value!r} is no plain data")

    # ---- modules

    def module(self, module: Module) -> dict[str, Any]:
        """A module and its children as data.

        Raises:
            NotSupportedError: a part of it cannot be saved.
        """
        from ._archive import LoadedModule
        from ._modules import TopLevelTracedModule, TracedModule

        if isinstance(module, RecursiveScriptModule):
            module = module._original
        if module._forward_hooks or module._forward_pre_hooks:
            raise NotSupportedError(
                f"{module._get_name()} has forward hooks, which are not saved yet; remove them first"
            )
        record: dict[str, Any] = {
            "name": getattr(module, "original_name", None) or module._get_name(),
            "training": module.training,
            "parameters": {name: value for name, value in module._parameters.items()},
            "buffers": {name: value for name, value in module._buffers.items()},
            "not_saved": sorted(module._non_persistent_buffers_set),
            "children": {
                name: self.module(child) if child is not None else None
                for name, child in module._modules.items()
            },
        }
        library = _library_path(type(module))
        if library is not None:
            record["library"] = library
        elif isinstance(module, TopLevelTracedModule):
            record["methods"] = {name: self.graph(graph) for name, graph in module._graphs.items()}
        elif isinstance(module, TracedModule):
            record["methods"] = {}
        elif isinstance(module, LoadedModule):
            record["methods"] = {name: self._again(entry) for name, entry in module._entries.items()}
            record["static"] = [
                name for name in module._entries if isinstance(vars(type(module))[name], staticmethod)
            ]
        else:
            record["methods"] = self._methods(module)
            record["static"] = [
                name
                for name in record["methods"]
                if isinstance(inspect.getattr_static(module, name), staticmethod)
            ]
        record["attributes"] = self._attributes(module)
        return record

    def _again(self, entry: dict[str, Any]) -> int:
        """The number of a function that was loaded, with those that it calls."""
        key = id(entry)
        if key not in self._numbers:
            self._numbers[key] = len(self.functions)
            copied = dict(entry)
            self.functions.append(copied)
            copied["globals"] = {
                name: {"function": self._again(value["entry"])} if "entry" in value else value
                for name, value in entry["globals"].items()
            }
        return self._numbers[key]

    def _methods(self, module: Module) -> dict[str, int]:
        """``forward``, exported methods, and the methods of the module that these call."""
        cls = type(module)
        wanted = [name for name in dir(cls) if getattr(getattr(cls, name, None), "_jit_export", False)]
        if cls.forward is not Module.forward:
            wanted.append("forward")
        found: dict[str, int] = {}
        while wanted:
            name = wanted.pop()
            if name in found:
                continue
            method = inspect.getattr_static(cls, name)
            if isinstance(method, (property, classmethod)):
                raise NotSupportedError(
                    f"{cls.__name__}.{name} is a {type(method).__name__}, which a saved module cannot have yet"
                )
            function = getattr(cls, name)
            found[name] = self.function(function)
            _, tree = self._parsed(inspect.unwrap(function))
            me = tree.args.args[0].arg if tree.args.args and not isinstance(method, staticmethod) else None
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id == me
                ):
                    own = inspect.getattr_static(cls, node.attr, None)
                    if isinstance(
                        own, (types.FunctionType, staticmethod, property, classmethod)
                    ) and not hasattr(Module, node.attr):
                        wanted.append(node.attr)
        return found

    def _attributes(self, module: Module) -> dict[str, Any]:
        """The plain attributes of a module, and the functions of this package among them; others are left out."""
        kept: dict[str, Any] = {}
        constants = {
            name: getattr(module, name)
            for name in getattr(module, "__constants__", ())
            if hasattr(module, name)
        }
        classwide = {
            name: value
            for cls in reversed(type(module).__mro__)
            if not cls.__module__.startswith("flambeau") and cls is not object
            for name, value in vars(cls).items()
            if not name.startswith("__") and type(value) in (*_PLAIN, list, tuple, dict)
        }
        for name, value in {**classwide, **constants, **module.__dict__}.items():
            if name in _STATE or name.endswith("_hooks") or name.startswith(("_run_", "__")):
                continue
            try:
                kept[name] = {"value": self._plain(value)}
            except NotSupportedError:
                path = _language.path_of(value) if callable(value) else None
                if path is not None:
                    kept[name] = {"path": path}
        return kept


_STATE = frozenset(
    "training _parameters _buffers _modules _non_persistent_buffers_set _is_full_backward_hook _hooked _original "
    "original_name _graphs _programs _entries".split()
)


def _library_path(cls: type) -> str | None:
    """The name of a layer's class in ``torch.nn``."""
    import flambeau

    if cls.__module__.startswith("flambeau.nn.") and getattr(flambeau.nn, cls.__name__, None) is cls:
        return cls.__name__
    return None
