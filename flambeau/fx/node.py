"""The nodes of a graph: one call each, and what it takes from other nodes."""

from __future__ import annotations

import builtins
import operator
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .graph import Graph

__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]

Target = Callable[..., Any] | str
Argument = Any  # nodes, plain values, and tuples, lists, dictionaries and slices of them

_OPCODES = ("placeholder", "get_attr", "call_function", "call_module", "call_method", "output", "root")
_side_effects: set[Callable[..., Any]] = set()


def has_side_effect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a function whose calls stay in a graph even where nobody uses their results; returns it."""
    _side_effects.add(fn)
    return fn


def map_aggregate(a: Argument, fn: Callable[[Any], Any]) -> Any:
    """A structure of tuples, lists, dictionaries and slices with `fn` of every leaf in the leaf's place."""
    if isinstance(a, tuple):
        mapped = [map_aggregate(each, fn) for each in a]
        return type(a)(*mapped) if hasattr(a, "_fields") else tuple(mapped)
    if isinstance(a, list):
        return [map_aggregate(each, fn) for each in a]
    if isinstance(a, dict):
        return {key: map_aggregate(value, fn) for key, value in a.items()}
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Argument, fn: Callable[[Node], Any]) -> Any:
    """The arguments with `fn` of every node in the node's place."""
    if not callable(fn):
        raise AssertionError("torch.fx.map_arg(a, fn): fn must be a callable")
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


def qualified_name(function: Callable[..., Any]) -> str:
    """Where a function is found, as a program names it: ``torch.add``, ``operator.add``, ``torch.nn.functional.relu``.

    Raises:
        RuntimeError: for a function inside another one, which no program can name.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if getattr(builtins, name, None) is function:
        return str(name)
    if isinstance(function, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        return f"{function.__objclass__.__module__}.{function.__objclass__.__name__}.{name}"
    module = getattr(function, "__module__", None) or ""
    if module == "_operator":
        module = "operator"
    if module.startswith("flambeau"):
        qualified = getattr(function, "__qualname__", name)
        module = module.split("._")[0].replace("flambeau", "torch", 1)
        if qualified.startswith("Tensor."):
            return f"torch.{qualified}"
        return f"{module}.{name}"
    return f"{module}.{name}"


def _target_text(target: Target) -> str:
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", None)
    if name is not None and getattr(builtins, name, None) is target:
        return f"builtins.{name}"
    return qualified_name(target)


def _type_text(kind: Any) -> str:
    if not isinstance(kind, type):
        return str(kind).replace("typing.", "").replace("flambeau", "torch", 1)
    if kind.__module__ == "builtins":
        return kind.__name__
    return f"{kind.__module__.replace('flambeau._core', 'torch').replace('flambeau', 'torch', 1)}.{kind.__name__}"


class Node:
    """One step of a graph.

    ``op`` says what kind: ``placeholder`` (an input), ``get_attr`` (a parameter), ``call_function``, ``call_method``,
    ``call_module`` and ``output``. ``target`` is the function, or the name of the method, module or attribute; ``args`` and
    ``kwargs`` may hold other nodes, whose ``users`` then has this one. ``meta`` is for whoever works on the graph.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        op: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        return_type: Any = None,
    ) -> None:
        if op not in _OPCODES:
            raise AssertionError(f"op '{op}' is not one of {_OPCODES}")
        if op == "call_function":
            if not callable(target):
                raise ValueError(
                    f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} "
                    "but a Callable is expected"
                )
        elif not isinstance(target, str):
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a str is expected"
            )
        self.graph = graph
        self.name = name
        self.op = op
        self.target = target
        self.type = return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._input_nodes: dict[Node, None] = {}
        self._prev: Node = self
        self._next: Node = self
        self._erased = False
        self._args: tuple[Argument, ...] = ()
        self._kwargs: dict[str, Argument] = {}
        self._set(args, kwargs)

    def _set(self, args: tuple[Argument, ...], kwargs: dict[str, Argument]) -> None:
        for old in self._input_nodes:
            old.users.pop(self, None)
        self._input_nodes = {}

        def use(node: Node) -> Node:
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args = map_arg(args, use)
        self._kwargs = map_arg(kwargs, use)

    @property
    def args(self) -> tuple[Argument, ...]:
        """The positional arguments; assigning them tells the nodes in them who uses them."""
        return self._args

    @args.setter
    def args(self, args: tuple[Argument, ...]) -> None:
        self._set(tuple(args), self._kwargs)

    @property
    def kwargs(self) -> dict[str, Argument]:
        """The arguments by name; assign a new dictionary to change them."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Argument]) -> None:
        self._set(self._args, dict(kwargs))

    @property
    def next(self) -> Node:
        """The node after this one; the graph's root after the last."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before this one."""
        return self._prev

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    @property
    def stack_trace(self) -> str | None:
        """The lines of the program that made this node, where the tracer recorded them."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def update_arg(self, idx: int, arg: Argument) -> None:
        """Replaces one positional argument."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Argument) -> None:
        """Puts a positional argument before the one at `idx`."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Argument) -> None:
        """Replaces one argument by name."""
        self.kwargs = {**self.kwargs, key: arg}

    def _unlink(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev
        self._prev = self._next = self

    def prepend(self, x: Node) -> None:
        """Moves `x` before this node."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._unlink()
        before = self._prev
        before._next, x._prev = x, before
        x._next, self._prev = self, x

    def append(self, x: Node) -> None:
        """Moves `x` after this node."""
        self._next.prepend(x)

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Puts another node in this one's place in the arguments of its users; returns the users it was done for.

        Args:
            replace_with: the node that they take from now on
            delete_user_cb: whether to do so for a user
            propagate_meta: whether `replace_with`, whose own ``meta`` must be empty, gets this node's
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), but replace_with already "
                    "has .meta keys"
                )
            replace_with.meta.update(self.meta)
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Puts `new_input` in the place of `old_input` in this node's arguments."""

        def swap(node: Node) -> Node:
            return new_input if node is old_input else node

        self._set(map_arg(self.args, swap), map_arg(self.kwargs, swap))

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether the node does more than give a result: inputs, the output, writes, random numbers, marked functions."""
        if self.op in ("placeholder", "output"):
            return True
        name = self.target if isinstance(self.target, str) else getattr(self.target, "__name__", "")
        if self.op == "call_function":
            if self.target in _side_effects or self.target in _impure_functions():
                return True
            if (
                impure_random
                and name in _RANDOM
                and str(getattr(self.target, "__module__", "")).startswith("flambeau")
            ):
                return True
        if self.op in ("call_function", "call_method"):
            return name.endswith("_") and not name.endswith("__")
        if self.op == "call_module":
            root = self.graph.owning_module
            if root is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            module = root.get_submodule(str(self.target))
            return bool(getattr(module, "_is_impure", False))
        return False

    def format_node(
        self, placeholder_names: list[str] | None = None, maybe_return_typename: list[str] | None = None
    ) -> str | None:
        """The node as a line of the printed graph."""
        kind = f" : {_type_text(self.type)}" if self.type else " :"
        head = f"%{self.name}{kind} [num_users={len(self.users)}] = {self.op}[target={_target_text(self.target)}]"
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(
                    f"{self.target}: {_type_text(self.type)}" if self.type else str(self.target)
                )
            default = f"(default={self.args[0]})" if self.args else ""
            return head + default
        if self.op == "get_attr":
            return head
        if self.op == "output":
            return f"return {self.args[0]}"
        return f"{head}(args = {_text(self.args)}, kwargs = {_text(self.kwargs)})"

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Node) -> bool:
        order = {node: i for i, node in enumerate(self.graph.nodes)}
        return order[self] < order[other]

    def __gt__(self, other: Node) -> bool:
        return other < self


_RANDOM = frozenset(
    "rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson dropout "
    "alpha_dropout feature_dropout feature_alpha_dropout rrelu manual_seed".split()
)


def _impure_functions() -> frozenset[Any]:
    import flambeau

    return frozenset(
        (
            operator.setitem, operator.delitem, operator.iadd, operator.isub, operator.imul, operator.itruediv,
            operator.ifloordiv, operator.imod, operator.ipow, operator.iand, operator.ior, operator.ixor, setattr, print,
            flambeau._assert,
        )
    )  # fmt: skip


def _text(value: Any) -> str:
    """A structure of arguments as the printed graph shows it: nodes with %, strings bare."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_text(each)}' for key, each in value.items())}}}"
    if isinstance(value, Node):
        return f"%{value.name}"
    return str(value) if not isinstance(value, slice) else repr(value)


def nodes_in(values: Iterable[Any]) -> list[Node]:
    """The nodes in a structure of arguments."""
    found: list[Node] = []
    map_arg(tuple(values), found.append)
    return found
