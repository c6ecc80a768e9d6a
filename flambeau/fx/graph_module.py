"""Modules whose ``forward`` is the program of a graph."""

from __future__ import annotations

import copy
import itertools
import linecache
from pathlib import Path
from typing import Any

from flambeau._core import Tensor
from flambeau.nn import Module, Parameter

from .graph import Graph, PyTreeCodeGen

__all__ = ["GraphModule"]

_serial = itertools.count()


def _compiled(src: str, names: dict[str, Any]) -> Any:
    """The function of a generated program; its lines are found by tracebacks and debuggers."""
    filename = f"<eval_with_key>.{next(_serial)}"
    linecache.cache[filename] = (len(src), None, src.splitlines(keepends=True), filename)
    space = dict(names)
    exec(compile(src, filename, "exec"), space)
    return space["forward"]


def _attribute(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def _put(root: Module, path: str, value: Any) -> None:
    """Sets what a path names; the modules on the way are made where they are missing."""
    *prefix, last = path.split(".")
    place = root
    for name in prefix:
        following = getattr(place, name, None)
        if following is None:
            following = Module()
            place.add_module(name, following)
        place = following
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        if last in vars(place):
            delattr(place, last)
        place.register_buffer(last, value)
    else:
        setattr(place, last, value)


class GraphModule(Module):
    """A module whose ``forward`` is written from a graph.

    Args:
        root: the module that has the parameters and submodules that the graph names, or a dictionary of them by path
        graph: the graph, which becomes :attr:`graph`; after changing its nodes, call :meth:`recompile`
        class_name: the name that the class shows

    Raises:
        RuntimeError: a path of the graph is not in the dictionary.

    Example:
        >>> import flambeau as torch
        >>> traced = torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()))
        >>> for node in traced.graph.nodes:
        ...     if node.target == "1":
        ...         traced.add_submodule("gelu", torch.nn.GELU())
        ...         node.target = "gelu"
        True
        >>> _ = traced.recompile()
        >>> traced(torch.ones(1, 2)).shape
        torch.Size([1, 2])
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        # Every instance has a forward of its own, hence a class of its own.
        for base in cls.__mro__:
            if base.__qualname__ == "GraphModuleImpl":
                continue
            own = type("GraphModuleImpl", (base,), {"__module__": cls.__module__})
            return super().__new__(own)
        raise AssertionError

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = class_name
        wanted = sorted(
            {str(node.target) for node in graph.nodes if node.op in ("get_attr", "call_module")},
            key=lambda path: path.count("."),
        )
        if isinstance(root, Module):
            self.training = root.training
            for path in wanted:
                try:
                    value = _attribute(root, path)
                except AttributeError:
                    continue  # lint() says so
                self._adopt(root, path, value)
        elif isinstance(root, dict):
            for path in wanted:
                if path not in root:
                    raise RuntimeError(
                        f"Node target {path} is not in the dictionary of modules and attributes that GraphModule was given"
                    )
                _put(self, path, root[path])
        else:
            raise RuntimeError(
                "Unsupported type for root. Please pass a module or a dictionary of attributes by path"
            )
        self.graph = graph
        self.meta: dict[str, Any] = {}

    def _adopt(self, root: Module, path: str, value: Any) -> None:
        """Takes over an attribute; a buffer that is not saved there is not saved here."""
        _put(self, path, value)
        *prefix, last = path.split(".")
        home = root.get_submodule(".".join(prefix))
        if last in home._buffers and last in home._non_persistent_buffers_set:
            self.get_submodule(".".join(prefix))._non_persistent_buffers_set.add(last)

    @property
    def graph(self) -> Graph:
        """The graph; assigning another one compiles it."""
        return self._graph

    @graph.setter
    def graph(self, g: Graph) -> None:
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        if g.owning_module is not None and g.owning_module is not self:
            g = copy.deepcopy(g)
        self._graph = g
        g.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The program of ``forward``."""
        return self._code

    def recompile(self) -> Any:
        """Writes ``forward`` anew from the graph, as its nodes now are."""
        codegen = self._graph._codegen
        if isinstance(codegen, PyTreeCodeGen):
            self._in_spec, self._out_spec = codegen.in_spec, codegen.out_spec
        program = self._graph.python_code("self")
        self._code = program.src
        type(self).forward = _compiled(program.src, program.globals)  # type: ignore[method-assign]
        return program

    def add_submodule(self, target: str, m: Module) -> bool:
        """Adds a module under a path; False where something else stands on the way."""
        *prefix, last = target.split(".")
        place: Any = self
        for name in prefix:
            following = getattr(place, name, None)
            if following is None:
                following = Module()
                place.add_module(name, following)
            if not isinstance(following, Module):
                return False
            place = following
        place.add_module(last, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Takes a module out; False where there is none."""
        *prefix, last = target.split(".")
        place: Any = self
        for name in prefix:
            place = getattr(place, name, None)
            if not isinstance(place, Module):
                return False
        if not isinstance(getattr(place, last, None), Module):
            return False
        delattr(place, last)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Takes out the modules that no node calls or reads from."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                atoms = str(node.target).split(".")
                used |= {".".join(atoms[:i]) for i in range(1, len(atoms) + 1)}
                if node.op == "call_module":
                    called = self.get_submodule(str(node.target))
                    used |= {f"{node.target}.{name}" for name, _ in called.named_modules()}
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    def print_readable(self, print_output: bool = True, **_: Any) -> str:
        """The program of this module and of those inside it, as text; printed unless told otherwise."""
        name = self._get_name()
        body = "\n".join(
            f"    {line}" if line.strip() else "" for line in self._code.strip("\n").splitlines()
        )
        text = f"class {name}(torch.nn.Module):\n{body}\n"
        for child in self.children():
            if isinstance(child, GraphModule):
                inner = child.print_readable(print_output=False)
                text += "\n" + "\n".join(f"    {line}" if line.strip() else "" for line in inner.splitlines())
        if print_output:
            print(text)
        return text

    def to_folder(self, folder: Any, module_name: str = "FxModule") -> None:
        """Writes the program as a Python package with its weights beside it."""
        import flambeau

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        flambeau.save(self.state_dict(), place / "state_dict.pt")
        lines = ["import torch", "from math import inf, nan", "from torch import device", "", ""]
        lines += [
            f"class {module_name}(torch.nn.Module):",
            "    def __init__(self):",
            "        super().__init__()",
        ]
        for name, child in self.named_children():
            flambeau.save(child, place / f"{name}.pt")
            lines.append(f"        self.{name} = torch.load(r'{place / f'{name}.pt'}', weights_only=False)")
        for name, parameter in self._parameters.items():
            if parameter is not None:
                lines.append(
                    f"        self.{name} = torch.nn.Parameter("
                    f"torch.empty({list(parameter.shape)}, dtype={parameter.dtype}))"
                )
        for name, buffer in self._buffers.items():
            if buffer is not None:
                lines.append(
                    f"        self.register_buffer('{name}', torch.empty({list(buffer.shape)}, dtype={buffer.dtype}))"
                )
        lines.append(f"        self.load_state_dict(torch.load(r'{place / 'state_dict.pt'}'))")
        body = "\n".join(
            f"    {line}" if line.strip() else "" for line in self._code.strip("\n").splitlines()
        )
        (place / "module.py").write_text("\n".join(lines) + "\n\n" + body + "\n")
        (place / "__init__.py").write_text("from .module import *\n")

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        state = {key: value for key, value in self.__dict__.items() if key != "_graph"}
        return _rebuilt(
            copy.deepcopy(state, memo),
            copy.deepcopy(self._graph, memo),
            type(self).__name__,
            _plain_class(self),
        )

    def __copy__(self) -> GraphModule:
        return _rebuilt(
            {key: value for key, value in self.__dict__.items() if key != "_graph"},
            copy.deepcopy(self._graph),
            type(self).__name__,
            _plain_class(self),
        )

    def __reduce__(self) -> Any:
        state = {key: value for key, value in self.__dict__.items() if key != "_graph"}
        return _rebuilt, (state, self._graph, type(self).__name__, _plain_class(self))

    def __str__(self) -> str:
        head = super().__repr__()
        return "\n".join(
            [head, self._code, "# To see more debug info, please use `graph_module.print_readable()`"]
        )


def _plain_class(module: GraphModule) -> type[GraphModule]:
    return type(module).__mro__[1]


def _rebuilt(state: dict[str, Any], graph: Graph, class_name: str, cls: type[GraphModule]) -> GraphModule:
    """A graph module from the parts that copies and pickles have of it."""
    made = cls.__new__(cls)
    made.__dict__.update(state)
    type(made).__name__ = class_name
    graph.owning_module = None
    made.graph = graph
    return made
