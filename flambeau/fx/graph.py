"""Graphs of calls: building them, changing them, and the Python program that each one is."""

from __future__ import annotations

import builtins
import contextlib
import copy
import keyword
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from flambeau.utils import _pytree as pytree

from .node import Argument, Node, Target, _type_text, map_arg, nodes_in, qualified_name

__all__ = ["CodeGen", "Graph", "PythonCode"]

_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**", "lshift": "<<",
    "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "matmul": "@", "eq": "==", "ne": "!=", "lt": "<", "gt": ">",
    "le": "<=", "ge": ">=", "getitem": None,
}  # fmt: skip
_INPLACE = {
    "iadd": "+=", "isub": "-=", "imul": "*=", "ifloordiv": "//=", "itruediv": "/=", "imod": "%=", "ipow": "**=",
    "ilshift": "<<=", "irshift": ">>=", "iand": "&=", "ior": "|=", "ixor": "^=", "imatmul": "@=",
}  # fmt: skip
_UNARY = {"neg": "-", "pos": "+", "invert": "~", "not_": "not "}


class _Namespace:
    """Names of one program, each given once."""

    def __init__(self) -> None:
        self._objects: dict[Any, str] = {}
        self._unassociated: set[str] = set()
        self._used: set[str] = set()
        self._base_count: dict[str, int] = {}

    def create_name(self, candidate: str, obj: Any = None) -> str:
        """A name that is no keyword, no builtin and not in use, after `candidate`."""
        if obj is not None and obj in self._objects:
            return self._objects[obj]
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        match = re.match(r"(.*)_(\d+)$", candidate)
        base, number = (match.group(1), int(match.group(2))) if match else (candidate, None)
        if match and candidate not in self._used and not self._reserved(candidate):
            name = candidate
        else:
            number = self._base_count.get(base, 0) if number is None else number
            name = base if not match and number == 0 else f"{base}_{number}"
            while name in self._used or self._reserved(name):
                number += 1
                name = f"{base}_{number}"
        self._used.add(name)
        self._base_count[base] = max(self._base_count.get(base, 0), number or 0)
        if obj is not None:
            self._objects[obj] = name
        return name

    @staticmethod
    def _reserved(name: str) -> bool:
        return (
            keyword.iskeyword(name)
            or name in builtins.__dict__
            or name in ("inf", "nan", "torch", "device", "self")
        )


class PythonCode:
    """The text of a graph's ``forward``, and the objects that its names stand for."""

    def __init__(self, src: str, globals: dict[str, Any]) -> None:
        self.src = src
        self.globals = globals


class _NodeList:
    """The nodes of a graph in their order; a node may be erased, and nodes inserted, while it is walked."""

    def __init__(self, graph: Graph, backward: bool = False) -> None:
        self.graph = graph
        self.backward = backward

    def __len__(self) -> int:
        return self.graph._len

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        node = root._prev if self.backward else root._next
        while node is not root:
            following = node._prev if self.backward else node._next
            if not node._erased:
                yield node
                following = node._prev if self.backward else node._next
                if node._erased:
                    following = node._resume[0 if self.backward else 1]  # type: ignore[attr-defined]
            node = following

    def __reversed__(self) -> Iterator[Node]:
        return iter(_NodeList(self.graph, not self.backward))


class CodeGen:
    """How a graph's inputs and outputs appear in its ``forward``: as they are."""

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The line that begins the function."""
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        return f"def forward({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args: Argument) -> str:
        """The line that ends it."""
        return f"return {output_args}"

    def process_inputs(self, *args: Any) -> Any:
        """The values of the placeholders for the arguments of ``forward``."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """What ``forward`` returns for the value of the output."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """Further names of the program."""
        return []


class PyTreeCodeGen(CodeGen):
    """Inputs that are structures: flattened at the beginning, and the output put together at the end."""

    def __init__(self, names: list[str], in_spec: Any, out_spec: Any) -> None:
        self.names = names
        self.in_spec = in_spec
        self.out_spec = out_spec

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The line that begins the function, and the one that flattens its arguments."""
        own = [name for name in self.names if name != "self"]
        head = f"def forward({', '.join(['self', *own])}){maybe_return_annotation}:"
        flat = [name.split(":")[0].split("=")[0].strip() for name in free_vars if name != "self"]
        if not flat:
            return head
        return (
            f"{head}\n    {', '.join(flat)}, = fx_pytree.tree_flatten_spec([{', '.join(own)}], self._in_spec)"
        )

    def generate_output(self, output_args: Argument) -> str:
        """The line that ends it."""
        if self.out_spec is None:
            return f"return {output_args}"
        return f"return pytree.tree_unflatten({output_args}, self._out_spec)"

    def process_inputs(self, *args: Any) -> Any:
        """The leaves of the arguments."""
        return flatten_by(list(args), self.in_spec)

    def process_outputs(self, outputs: Any) -> Any:
        """The structure of the output."""
        return outputs if self.out_spec is None else pytree.tree_unflatten(outputs, self.out_spec)

    def additional_globals(self) -> list[tuple[str, Any]]:
        """The functions on structures."""
        return [("pytree", pytree), ("fx_pytree", _FxPytree)]


def flatten_by(values: Any, spec: Any) -> list[Any]:
    """The leaves of a structure, which has to be the one of `spec`."""
    leaves, own = pytree.tree_flatten(values)
    if own != spec:
        raise ValueError(
            f"the arguments have another structure than those of the trace: {own} instead of {spec}"
        )
    return leaves


class _FxPytree:
    tree_flatten_spec = staticmethod(flatten_by)


def _snake_case(text: str) -> str:
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text).lower()


class Graph:
    """A list of nodes, each a call that may use the results of those before it.

    Args:
        owning_module: the module whose calls and attributes the nodes name
        tracer_cls: the tracer that made it

    Example:
        >>> import flambeau as torch
        >>> graph = torch.fx.Graph()
        >>> x = graph.placeholder("x")
        >>> _ = graph.output(graph.call_function(torch.relu, (x,)))
        >>> torch.fx.GraphModule(torch.nn.Module(), graph)(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(
        self,
        owning_module: Any = None,
        tracer_cls: type | None = None,
    ) -> None:
        self._root = Node(self, "", "root", "", (), {})
        self._len = 0
        self._namespace = _Namespace()
        self._insert: Callable[[Node], None] = self._root.prepend
        self.owning_module = owning_module
        self._tracer_cls = tracer_cls
        self._codegen: CodeGen = CodeGen()

    @property
    def nodes(self) -> _NodeList:
        """The nodes in their order."""
        return _NodeList(self)

    def output_node(self) -> Node:
        """The node of the output."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes of a kind, and with a target where one is given."""
        if op == "call_function" and target is None:
            return [node for node in self.nodes if node.op == op]
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    # ---- making nodes

    def create_node(
        self,
        op: str,
        target: Target,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Adds a node of any kind, at the end or where ``inserting_before`` says."""
        args = () if args is None else args
        kwargs = {} if kwargs is None else kwargs
        if not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise AssertionError("args must be a tuple and kwargs must be a dict")
        for each in nodes_in((args, kwargs)):
            if each.graph is not self:
                raise RuntimeError(
                    f"Argument '{each}' of Node '{name or target}' does not belong to this Graph!"
                )
        candidate = name if name is not None else self._target_name(target)
        node = Node(self, self._namespace.create_name(candidate), op, target, args, kwargs, type_expr)
        self._insert(node)
        self._len += 1
        return node

    @staticmethod
    def _target_name(target: Target) -> str:
        name = getattr(target, "__name__", type(target).__name__) if callable(target) else target
        return _snake_case(name.replace("**", "_").replace("*", "_"))

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """An input; without a default where none is given."""
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """A parameter, buffer or other attribute of the module, by its path."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(
        self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None
    ) -> Node:
        """A call of a submodule, by its path."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(
        self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None
    ) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable[..., Any],
        args: Any = None,
        kwargs: Any = None,
        type_expr: Any = None,
        name: str | None = None,
    ) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name=name, type_expr=type_expr)

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """The result of the graph."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Argument] = lambda x: x) -> Node:
        """Adds a copy of a node of another graph; `arg_transform` says what stands for each of its arguments here."""
        args = map_arg(node.args, arg_transform)
        kwargs = map_arg(node.kwargs, arg_transform)
        copied = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        copied.meta = copy.copy(node.meta)
        return copied

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Adds copies of all nodes of another graph; `val_map` takes which copy is of which node.

        Returns:
            What the other graph's output returns, in copies; the output is not copied.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def erase_node(self, to_erase: Node) -> None:
        """Takes a node out.

        Raises:
            RuntimeError: others use its result; replace their uses first.
        """
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: "
                f"{to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._resume = (to_erase._prev, to_erase._next)  # type: ignore[attr-defined]  # where a walk goes on
        to_erase._unlink()
        to_erase._erased = True
        to_erase._set((), {})
        self._len -= 1

    @contextlib.contextmanager
    def _inserting(self, insert: Callable[[Node], None]) -> Iterator[None]:
        outer, self._insert = self._insert, insert
        try:
            yield
        finally:
            self._insert = outer

    def inserting_before(self, n: Node | None = None) -> contextlib.AbstractContextManager[None]:
        """A block whose new nodes come before `n`; without one, at the beginning of the graph."""
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return self._inserting(n.prepend)

    def inserting_after(self, n: Node | None = None) -> contextlib.AbstractContextManager[None]:
        """A block whose new nodes come after `n`, in their order; without one, at the end of the graph."""
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        last = n

        def insert(node: Node) -> None:
            nonlocal last
            last.append(node)
            last = node

        return self._inserting(insert)

    # ---- work on the whole

    def lint(self) -> None:
        """Checks that the graph is in order.

        Raises:
            RuntimeError: a node uses one of another graph or one that comes later, two have one name, or the module lacks
                what a node names.
        """
        seen: dict[Node, None] = {}
        names: set[str] = set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node.name}' does not belong to this Graph!")
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            for used in node.all_input_nodes:
                if used.graph is not self:
                    raise RuntimeError(
                        f"Argument '{used}' of Node '{node.name}' does not belong to this Graph!"
                    )
                if used not in seen:
                    raise RuntimeError(
                        f"Argument '{used}' of Node '{node.name}' was used before it has been defined! Please "
                        f"check that Nodes in the graph are topologically ordered\n{self}"
                    )
            seen[node] = None
            names.add(node.name)
        if self.owning_module is None:
            return
        for node in self.nodes:
            if node.op not in ("get_attr", "call_module"):
                continue
            place = self.owning_module
            for atom in str(node.target).split("."):
                if not hasattr(place, atom):
                    raise RuntimeError(
                        f"Node {node} target {node.target} references nonexistent attribute {atom} of {type(place).__name__}"
                    )
                place = getattr(place, atom)

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Erases the nodes whose results nobody uses, except those that do more; whether there were any."""
        self.lint()
        impure = is_impure_node or (lambda node: node.is_impure())
        changed = False
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
                changed = True
        return changed

    def set_codegen(self, codegen: CodeGen) -> None:
        """Sets how inputs and outputs appear."""
        self._codegen = codegen

    def process_inputs(self, *args: Any) -> Any:
        """The values of the placeholders for the arguments of ``forward``."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """What ``forward`` returns for the value of the output."""
        return self._codegen.process_outputs(out)

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        copied = Graph(tracer_cls=self._tracer_cls)
        copied._codegen = copy.copy(self._codegen)
        memo[id(self)] = copied
        made: dict[Node, Node] = {}
        for node in self.nodes:
            twin = copied.node_copy(node, lambda n: made[n])
            made[node] = twin
        return copied

    def __reduce__(self) -> Any:
        order = {node: i for i, node in enumerate(self.nodes)}
        rows = [
            (node.op, node.name, node.target, map_arg(node.args, lambda n: _Ref(order[n])),
             map_arg(node.kwargs, lambda n: _Ref(order[n])), node.type)
            for node in self.nodes
        ]  # fmt: skip
        return _graph_from_rows, (rows, self._codegen)

    # ---- text

    def __str__(self) -> str:
        names: list[str] = []
        lines = [line for node in self.nodes if (line := node.format_node(names)) is not None]
        return "graph():" + "".join(f"\n    {line}" for line in lines)

    def print_tabular(self) -> None:
        """Prints the nodes as a table."""
        head = ("opcode", "name", "target", "args", "kwargs")
        rows = [head] + [(n.op, n.name, str(n.target), str(n.args), str(n.kwargs)) for n in self.nodes]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
            for row in rows
        ]
        print("\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]]))

    def python_code(self, root_module: str, *, verbose: bool = False, **_: Any) -> PythonCode:
        """The program of the graph.

        Args:
            root_module: the name by which it calls the module, as ``self``

        Returns:
            ``src``, the text of a function ``forward``, and ``globals``, what its names stand for.
        """
        return _Writer(self, root_module).write()

    def on_generate_code(self, make_transformer: Callable[..., Any]) -> Any:
        """Changing the text of programs is not implemented."""
        raise NotImplementedError("torch.fx.Graph.on_generate_code is not implemented yet; work on the nodes")


class _Ref:
    """The place of a node in a pickled graph."""

    def __init__(self, index: int) -> None:
        self.index = index


def _graph_from_rows(rows: list[Any], codegen: CodeGen) -> Graph:
    from .node import map_aggregate

    graph = Graph()
    graph._codegen = codegen
    made: list[Node] = []
    for op, name, target, args, kwargs, kind in rows:
        args = map_aggregate(args, lambda x: made[x.index] if isinstance(x, _Ref) else x)
        kwargs = map_aggregate(kwargs, lambda x: made[x.index] if isinstance(x, _Ref) else x)
        made.append(graph.create_node(op, target, args, kwargs, name, kind))
    return graph


class _Writer:
    """Writes one graph as a Python function."""

    def __init__(self, graph: Graph, root: str) -> None:
        import flambeau

        self.graph = graph
        self.root = root
        self.globals: dict[str, Any] = {
            "torch": flambeau,
            "inf": math.inf,
            "nan": math.nan,
            "NoneType": type(None),
        }
        self.free: list[str] = []
        self.returns = ""
        self.last_use: dict[Node, list[Node]] = {}
        last: dict[Node, Node] = {}
        for node in reversed(graph.nodes):
            for used in node.all_input_nodes:
                if used not in last:
                    last[used] = node
                    self.last_use.setdefault(node, []).append(used)

    def name(self, obj: Any, wanted: str) -> str:
        """A global name for an object."""
        wanted = re.sub(r"[^0-9a-zA-Z_]+", "_", wanted)
        name, n = wanted, 0
        while name in self.globals and self.globals[name] is not obj:
            n += 1
            name = f"{wanted}_{n}"
        self.globals[name] = obj
        return name

    def function(self, target: Callable[..., Any]) -> str:
        """How the program names a function: by its public path, or by a global of its own."""
        module = getattr(target, "__module__", "") or ""
        path = qualified_name(target)
        if hasattr(builtins, path) and getattr(builtins, path) is target:
            return path
        if path.startswith("torch.") and module.startswith("flambeau"):
            if _at_path(self.globals["torch"], path.split(".")[1:]) is target:
                return path
        return self.name(target, path.replace(".", "_"))

    def value(self, v: Any) -> str:
        import enum

        import flambeau

        if isinstance(v, Node):
            return v.name
        if isinstance(v, tuple):
            if hasattr(v, "_fields"):
                return f"{self.name(type(v), type(v).__name__)}({', '.join(map(self.value, v))})"
            if isinstance(v, flambeau.Size):
                return f"torch.Size([{', '.join(map(self.value, v))}])"
            return f"({', '.join(map(self.value, v))}{',' if len(v) == 1 else ''})"
        if isinstance(v, list):
            return f"[{', '.join(map(self.value, v))}]"
        if isinstance(v, dict):
            return f"{{{', '.join(f'{k!r}: {self.value(each)}' for k, each in v.items())}}}"
        if isinstance(v, slice):
            return f"slice({self.value(v.start)}, {self.value(v.stop)}, {self.value(v.step)})"
        if isinstance(v, enum.Enum):
            return f"{self.name(type(v), type(v).__name__)}.{v.name}"
        if v is ...:
            return "Ellipsis"
        if isinstance(v, flambeau.device):
            return f"torch.device({str(v)!r})"
        if isinstance(v, (bool, int, float, complex, str, bytes, type(None))):
            return repr(v)
        if isinstance(v, (flambeau.dtype, flambeau.memory_format, flambeau.layout)):
            return repr(v)
        if isinstance(v, type):
            name = str(v.__name__)
            return name if getattr(builtins, name, None) is v else self.name(v, name)
        if callable(v):
            return self.function(v)
        return self.name(v, f"_{type(v).__name__}_value")

    def arguments(self, node: Node, skip: int = 0) -> str:
        texts = [self.value(each) for each in node.args[skip:]]
        texts += [f"{key} = {self.value(each)}" for key, each in node.kwargs.items()]
        return ", ".join(texts)

    def path(self, target: str) -> str:
        text = self.root
        for atom in target.split("."):
            text = (
                f"{text}.{atom}"
                if atom.isidentifier() and not keyword.iskeyword(atom)
                else f'getattr({text}, "{atom}")'
            )
        return text

    def call(self, node: Node) -> str:
        target = node.target
        if node.op == "get_attr":
            return self.path(str(target))
        if node.op == "call_module":
            return f"{self.path(str(target))}({self.arguments(node)})"
        if node.op == "call_method":
            return f"{self.value(node.args[0])}.{target}({self.arguments(node, 1)})"
        assert callable(target)
        args = node.args
        if getattr(target, "__module__", "") == "_operator" and not node.kwargs:
            name = target.__name__
            if name == "getitem" and len(args) == 2:
                return f"{self.value(args[0])}[{self.value(args[1])}]"
            if name in _BINARY and len(args) == 2:
                return f"{self.value(args[0])} {_BINARY[name]} {self.value(args[1])}"
            if name in _UNARY and len(args) == 1:
                return f"{_UNARY[name]}{self.value(args[0])}"
        if target is getattr and len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier():
            return f"{self.value(args[0])}.{args[1]}"
        return f"{self.function(target)}({self.arguments(node)})"

    def line(self, node: Node) -> str | None:
        annotation = f" : {self.annotation(node.type)}" if node.type is not None else ""
        if node.op == "placeholder":
            target = str(node.target)
            default = f" = {self.value(node.args[0])}" if node.args else ""
            self.free.append(f"{target}{annotation}{default}")
            raw = target.lstrip("*")
            return None if raw == node.name else f"{node.name} = {raw}"
        if node.op == "output":
            if node.type is not None:
                self.returns = f" -> {self.annotation(node.type)}"
            return self.graph._codegen.generate_output(self.value(node.args[0]))
        if (
            node.op == "call_function"
            and getattr(node.target, "__module__", "") == "_operator"
            and getattr(node.target, "__name__", "") in _INPLACE
            and len(node.args) == 2
            and not node.kwargs
        ):
            left, right = self.value(node.args[0]), self.value(node.args[1])
            return f"{left} {_INPLACE[getattr(node.target, '__name__', '')]} {right};  {node.name}{annotation} = {left}"  # type: ignore[union-attr]
        return f"{node.name}{annotation} = {self.call(node)}"

    def annotation(self, kind: Any) -> str:
        if isinstance(kind, type):
            if kind.__module__ == "builtins":
                return kind.__name__
            if kind.__module__.startswith("flambeau") and hasattr(self.globals["torch"], kind.__name__):
                return f"torch.{kind.__name__}"
            return self.name(kind, kind.__name__)
        return repr(_type_text(kind))

    def write(self) -> PythonCode:
        lines: list[str] = []
        for node in self.graph.nodes:
            line = self.line(node)
            if line is None:
                continue
            if node.op not in ("placeholder", "output"):
                done = [used.name for used in self.last_use.get(node, ())]
                if not node.users and node.op != "placeholder":
                    done.append(node.name)
                if done:
                    line += f";  {' = '.join(done)} = None"
            lines.append(line)
        for name, obj in self.graph._codegen.additional_globals():
            self.globals[name] = obj
        head = self.graph._codegen.gen_fn_def(self.free, self.returns)
        body = "".join(f"\n    {line}" for line in lines) or "\n    pass"
        return PythonCode(f"\n\n\n{head}{body}\n", self.globals)


def _at_path(place: Any, names: list[str]) -> Any:
    for name in names:
        place = getattr(place, name, None)
    return place
