"""Trees of Python containers: taking them apart into leaves and a structure, and putting them together again.

Containers are tuples, lists, dictionaries (also ordered ones and those with a default), deques, named tuples, and
classes that were registered; anything else, None included, is a leaf.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import types
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from flambeau._core import Size

__all__ = [
    "PyTree",
    "Context",
    "FlattenFunc",
    "UnflattenFunc",
    "TreeSpec",
    "PyTreeSpec",
    "LeafSpec",
    "SequenceKey",
    "MappingKey",
    "GetAttrKey",
    "keystr",
    "key_get",
    "register_pytree_node",
    "register_dataclass",
    "register_constant",
    "tree_is_leaf",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_unflatten",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_structure",
    "tree_map",
    "tree_map_with_path",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_all",
    "tree_any",
    "tree_all_only",
    "tree_any_only",
    "treespec_dumps",
    "treespec_loads",
    "treespec_leaf",
    "treespec_tuple",
    "treespec_list",
    "treespec_dict",
    "treespec_pprint",
    "is_namedtuple",
    "is_namedtuple_class",
    "is_namedtuple_instance",
    "is_structseq",
    "is_structseq_class",
    "is_structseq_instance",
]

PyTree: TypeAlias = Any
Context: TypeAlias = Any
KeyPath: TypeAlias = "tuple[Any, ...]"
FlattenFunc: TypeAlias = Callable[[Any], "tuple[list[Any], Any]"]
UnflattenFunc: TypeAlias = Callable[[Iterable[Any], Any], Any]
T = TypeVar("T")


# ---- where a leaf is found: keys


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """The way to an item of a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The item."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """The way to a value of a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The value."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """The way to an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The attribute."""
        return getattr(obj, self.name)


def keystr(kp: KeyPath) -> str:
    """A path as Python would write it: ``['a'][0].x``."""
    return "".join(str(key) for key in kp)


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What a path leads to."""
    for key in kp:
        obj = key.get(obj)
    return obj


# ---- kinds of containers


class NodeDef(NamedTuple):
    """How containers of a kind are taken apart and put together."""

    type: Any
    flatten_fn: FlattenFunc
    unflatten_fn: UnflattenFunc
    flatten_with_keys_fn: Callable[[Any], tuple[list[Any], Any]] | None
    serialized_type_name: str | None = None
    to_dumpable_context: Callable[[Any], Any] | None = None
    from_dumpable_context: Callable[[Any], Any] | None = None


SUPPORTED_NODES: dict[Any, NodeDef] = {}
CONSTANT_NODES: set[type] = set()


def register_pytree_node(
    cls: type[Any],
    flatten_fn: FlattenFunc,
    unflatten_fn: UnflattenFunc,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[Any], Any]] | None = None,
) -> None:
    """Makes instances of a class containers.

    Args:
        cls: the class; instances of subclasses are leaves
        flatten_fn: gives a list of children and a context
        unflatten_fn: gives an instance for children and context
        serialized_type_name: how :func:`treespec_dumps` calls the class
        to_dumpable_context: turns the context into what JSON can write
        from_dumpable_context: its inverse
        flatten_with_keys_fn: like `flatten_fn`, with pairs of a key and a child

    Raises:
        ValueError: if the class is registered already, or one of the two conversions is missing.

    >>> from flambeau.utils import _pytree as pytree
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> pytree.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda children, _: Pair(*children))
    >>> pytree.tree_leaves([Pair(1, 2), 3])
    [1, 2, 3]
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls!r} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(
            f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered."
        )
    SUPPORTED_NODES[cls] = NodeDef(
        cls,
        flatten_fn,
        unflatten_fn,
        flatten_with_keys_fn,
        serialized_type_name,
        to_dumpable_context,
        from_dumpable_context,
    )


def _register_pytree_node(
    cls: type[Any],
    flatten_fn: FlattenFunc,
    unflatten_fn: UnflattenFunc,
    to_str_fn: Any = None,
    maybe_from_str_fn: Any = None,
    **keywords: Any,
) -> None:
    """The former name of :func:`register_pytree_node`; a class may be registered again."""
    SUPPORTED_NODES.pop(cls, None)
    register_pytree_node(cls, flatten_fn, unflatten_fn, **keywords)


def _deregister_pytree_node(cls: type[Any]) -> None:
    del SUPPORTED_NODES[cls]
    CONSTANT_NODES.discard(cls)


def register_dataclass(
    cls: type[Any],
    *,
    field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None,
    serialized_type_name: str | None = None,
) -> None:
    """Makes instances of a data class containers of their fields; fields that are None are left out.

    Args:
        cls: the data class
        field_names: the fields that are children; default: those that the class's ``__init__`` takes
        drop_field_names: fields that get their default back
        serialized_type_name: how :func:`treespec_dumps` calls the class
    """
    dropped = drop_field_names or []
    if field_names is None:
        if not dataclasses.is_dataclass(cls):
            raise ValueError(
                "field_names must be specified with a list of all fields for classes without dataclass"
            )
        field_names = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in dropped]
    if dataclasses.is_dataclass(cls):
        known = {f.name for f in dataclasses.fields(cls) if f.init}
        if known != {*field_names, *dropped}:
            raise ValueError(
                "field_names does not include all dataclass fields and drop_field_names: "
                f"missing {sorted(known - {*field_names, *dropped})}, "
                f"unknown {sorted({*field_names, *dropped} - known)}"
            )
    names = field_names

    def flatten(obj: Any) -> tuple[list[Any], Any]:
        present = [name for name in names if getattr(obj, name) is not None]
        absent = [name for name in names if getattr(obj, name) is None]
        return [getattr(obj, name) for name in present], [present, absent]

    def unflatten(children: Iterable[Any], context: Any) -> Any:
        present, absent = context
        return cls(**dict(zip(present, children, strict=True)), **dict.fromkeys(absent))

    def flatten_with_keys(obj: Any) -> tuple[list[Any], Any]:
        children, context = flatten(obj)
        return [(GetAttrKey(name), child) for name, child in zip(context[0], children, strict=True)], context

    register_pytree_node(
        cls,
        flatten,
        unflatten,
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=flatten_with_keys,
    )


def register_constant(cls: type[Any]) -> None:
    """Makes instances of a class part of the structure: they have no leaves, and must be equal where trees are compared.

    Raises:
        TypeError: if the class does not define equality and a hash.
    """
    if cls.__eq__ is object.__eq__:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__eq__` implementation.")
    if cls.__hash__ is None:  # type: ignore[comparison-overlap]
        raise TypeError(
            "register_constant(cls) expects `cls` to have a non-default `__hash__` implementation."
        )

    def no_children(value: Any) -> tuple[list[Any], Any]:
        return [], value

    register_pytree_node(cls, no_children, lambda _, value: value, flatten_with_keys_fn=no_children)
    CONSTANT_NODES.add(cls)


def is_constant_class(cls: type[Any]) -> bool:
    """Whether :func:`register_constant` was called for a class."""
    return isinstance(cls, type) and cls in CONSTANT_NODES


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class was made by ``collections.namedtuple`` or derives from such a one."""
    fields = getattr(cls, "_fields", None)
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(fields, tuple)
        and all(type(field) is str for field in fields)
        and callable(getattr(cls, "_make", None))
    )


def is_namedtuple(obj: Any) -> bool:
    """Whether an object is a named tuple, or a class of named tuples."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether an object is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_structseq_class(cls: Any) -> bool:
    """Whether a class is one of the named results of operators, such as ``torch.return_types.max``."""
    return (
        isinstance(cls, type)
        and cls.__bases__ == (tuple,)
        and isinstance(getattr(cls, "n_fields", None), int)
        and isinstance(getattr(cls, "n_sequence_fields", None), int)
    )


def is_structseq(obj: Any) -> bool:
    """Whether an object is a named result, or a class of named results."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_instance(obj: Any) -> bool:
    """Whether an object is a named result."""
    return is_structseq_class(type(obj))


def _sequence_keys(children: Iterable[Any]) -> list[Any]:
    return [(SequenceKey(i), child) for i, child in enumerate(children)]


def _mapping_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    return [(MappingKey(key), value) for key, value in mapping.items()]


def _register_builtin(
    cls: Any,
    flatten: FlattenFunc,
    unflatten: UnflattenFunc,
    flatten_with_keys: Callable[[Any], tuple[list[Any], Any]],
    to_dumpable: Callable[[Any], Any] | None = None,
    from_dumpable: Callable[[Any], Any] | None = None,
) -> None:
    name = f"{cls.__module__}.{cls.__qualname__}".replace("flambeau.", "torch.")  # as PyTorch writes it
    SUPPORTED_NODES[cls] = NodeDef(
        cls, flatten, unflatten, flatten_with_keys, name, to_dumpable, from_dumpable
    )


def _qualified(cls: type) -> dict[str, str]:
    return {"default_factory_module": cls.__module__, "default_factory_name": cls.__qualname__}


def _factory(context: Any) -> Any:
    parts, keys = context
    return [
        getattr(importlib.import_module(parts["default_factory_module"]), parts["default_factory_name"]),
        keys,
    ]


_register_builtin(
    tuple, lambda t: (list(t), None), lambda c, _: tuple(c), lambda t: (_sequence_keys(t), None)
)
_register_builtin(Size, lambda t: (list(t), None), lambda c, _: tuple(c), lambda t: (_sequence_keys(t), None))
_register_builtin(list, lambda t: (t, None), lambda c, _: list(c), lambda t: (_sequence_keys(t), None))
_register_builtin(
    dict,
    lambda d: (list(d.values()), list(d)),
    lambda c, keys: dict(zip(keys, c, strict=True)),
    lambda d: (_mapping_keys(d), list(d)),
)
_register_builtin(
    namedtuple,
    lambda t: (list(t), type(t)),
    lambda c, cls: cls(*c),
    lambda t: ([(GetAttrKey(name), getattr(t, name)) for name in t._fields], type(t)),
)
_register_builtin(
    OrderedDict,
    lambda d: (list(d.values()), list(d)),
    lambda c, keys: OrderedDict(zip(keys, c, strict=True)),
    lambda d: (_mapping_keys(d), list(d)),
)
_register_builtin(
    defaultdict,
    lambda d: (list(d.values()), [d.default_factory, list(d)]),
    lambda c, context: defaultdict(context[0], zip(context[1], c, strict=True)),
    lambda d: (_mapping_keys(d), [d.default_factory, list(d)]),
    lambda context: [_qualified(context[0]), context[1]],
    _factory,
)
_register_builtin(
    deque,
    lambda d: (list(d), d.maxlen),
    lambda c, maxlen: deque(c, maxlen=maxlen),
    lambda d: (_sequence_keys(d), d.maxlen),
)
_MAPPINGS = (dict, OrderedDict, defaultdict)


def _node_type(tree: Any) -> Any:
    """The key under which a container's kind is registered; not a key for a leaf."""
    kind = type(tree)
    if kind in SUPPORTED_NODES:
        return kind
    if is_namedtuple_class(kind):
        return namedtuple
    if is_structseq_class(kind):
        return tuple
    return kind


def tree_is_leaf(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> bool:
    """Whether a tree is a leaf: no container, or one that `is_leaf` says to leave whole."""
    return (is_leaf is not None and is_leaf(tree)) or _node_type(tree) not in SUPPORTED_NODES


# ---- structures


class TreeSpec:
    """The structure of a tree: kind and context of a container and the structures of its children; a leaf has none.

    Args:
        type: the kind of container; None for a leaf
        context: what the kind needs besides the children, such as a dictionary's keys
        children_specs: the children's structures
    """

    __slots__ = ("type", "_context", "_children", "num_nodes", "num_leaves", "num_children")

    def __init__(self, type: Any, context: Context, children_specs: Iterable[TreeSpec]) -> None:
        self.type = type
        self._context = context
        self._children = list(children_specs)
        self.num_children = len(self._children)
        self.num_nodes: int = 1 + sum(child.num_nodes for child in self._children)
        self.num_leaves: int = 1 if type is None else sum(child.num_leaves for child in self._children)

    @property
    def context(self) -> Context:
        """What the kind needs besides the children."""
        return self._context

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The children's structures."""
        return self._children

    def children(self) -> list[TreeSpec]:
        """The children's structures."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """A child's structure."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether it is the structure of a leaf."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (
            self.type is other.type and self._context == other._context and self._children == other._children
        )

    def __hash__(self) -> int:
        def frozen(context: Any) -> Hashable:
            return tuple(map(frozen, context)) if isinstance(context, list) else context

        return hash((self.type, frozen(self._context), tuple(map(hash, self._children))))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        space = " " * (indent + 2)
        children = f",\n{space}".join(child.__repr__(indent + 2) for child in self._children)
        return f"TreeSpec({self.type.__name__}, {self._context}, [{children}])"

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree of this structure with the leaves.

        Raises:
            ValueError: if their number is not the structure's.
        """
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a "
                f"pytree that holds {self.num_leaves} items ({self})."
            )
        return self._built(iter(leaves))

    def _built(self, leaves: Iterator[Any]) -> PyTree:
        if self.type is None:
            return next(leaves)
        children = [child._built(leaves) for child in self._children]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self._context)

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """The parts of a tree that stand where this structure has its leaves.

        Raises:
            ValueError: if the tree's containers differ from the structure's.
        """
        parts: list[PyTree] = []
        self._collect(tree, parts)
        return parts

    def _collect(self, tree: PyTree, parts: list[PyTree]) -> None:
        if self.type is None:
            parts.append(tree)
            return
        kind = _node_type(tree)
        context = self._context
        mappings = self.type in _MAPPINGS
        if kind is not self.type and not (mappings and kind in _MAPPINGS):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {kind!r}.")
        if mappings:
            keys = context[1] if self.type is defaultdict else context
            if set(keys) != set(tree):
                lost, extra = set(keys) - set(tree), set(tree) - set(keys)
                said = (f" missing key(s): {lost};" if lost else "") + (
                    f" extra key(s): {extra};" if extra else ""
                )
                raise ValueError(f"Node keys mismatch;{said.removesuffix(';')}.")
            children = [tree[key] for key in keys]
        else:
            children, other = SUPPORTED_NODES[kind].flatten_fn(tree)
            if len(children) != self.num_children:
                raise ValueError(
                    f"Node arity mismatch; expected {self.num_children}, but got {len(children)}."
                )
            if self.type is not deque and other != context:  # the maximal length of a deque does not matter
                raise ValueError(
                    f"Node context mismatch for node type {self.type!r}; expected {context!r}, but got {other!r}."
                )
        for spec, child in zip(self._children, children, strict=True):
            spec._collect(child, parts)


PyTreeSpec = TreeSpec


class _LeafType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return type.__instancecheck__(TreeSpec, instance) and instance.is_leaf()


class LeafSpec(TreeSpec, metaclass=_LeafType):
    """The structure of a leaf."""

    __slots__ = ()

    def __new__(cls) -> TreeSpec:  # type: ignore[misc]
        return _LEAF


_LEAF = TreeSpec(None, None, [])


def treespec_leaf() -> TreeSpec:
    """The structure of a leaf."""
    return _LEAF


def treespec_tuple(iterable: Iterable[TreeSpec] = (), /) -> TreeSpec:
    """The structure of a tuple of children."""
    return TreeSpec(tuple, None, iterable)


def treespec_list(iterable: Iterable[TreeSpec] = (), /) -> TreeSpec:
    """The structure of a list of children."""
    return TreeSpec(list, None, iterable)


def treespec_dict(
    mapping: Mapping[Any, TreeSpec] | Iterable[tuple[Any, TreeSpec]] = (), /, **kwargs: TreeSpec
) -> TreeSpec:
    """The structure of a dictionary of children."""
    children = dict(mapping, **kwargs)
    return TreeSpec(dict, list(children), children.values())


# ---- taking apart and putting together


def _flatten(tree: PyTree, leaves: list[Any], is_leaf: Callable[[PyTree], bool] | None) -> TreeSpec:
    if is_leaf is not None and is_leaf(tree):
        leaves.append(tree)
        return _LEAF
    kind = _node_type(tree)
    node = SUPPORTED_NODES.get(kind)
    if node is None:
        leaves.append(tree)
        return _LEAF
    children, context = node.flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_flatten(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree from left to right, and its structure.

    >>> from flambeau.utils import _pytree as pytree
    >>> leaves, spec = pytree.tree_flatten({"a": [1, 2], "b": (3,)})
    >>> leaves
    [1, 2, 3]
    >>> pytree.tree_unflatten([4, 5, 6], spec)
    {'a': [4, 5], 'b': (6,)}
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of a structure with the leaves.

    Raises:
        TypeError: if `treespec` is no structure.
        ValueError: if the number of leaves is not the structure's.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> Iterator[Any]:
    """The leaves, one after the other."""
    if tree_is_leaf(tree, is_leaf):
        yield tree
        return
    children, _ = SUPPORTED_NODES[_node_type(tree)].flatten_fn(tree)
    for child in children:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> list[Any]:
    """The leaves of a tree from left to right."""
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> TreeSpec:
    """The structure of a tree."""
    return _flatten(tree, [], is_leaf)


def tree_map(
    func: Callable[..., Any],
    tree: PyTree,
    *rests: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> PyTree:
    """A tree of the same structure, whose leaves are `func` of the leaves (and of the same places in other trees).

    Raises:
        ValueError: if the other trees' containers differ.

    >>> from flambeau.utils import _pytree as pytree
    >>> pytree.tree_map(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten(map(func, leaves, *others))


def tree_map_(
    func: Callable[..., Any],
    tree: PyTree,
    *rests: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> PyTree:
    """Calls `func` on the leaves, for what it does to them; returns the tree."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    deque(map(func, leaves, *others), maxlen=0)
    return tree


def _predicate(chosen: Any) -> Callable[[Any], bool]:
    if isinstance(chosen, (type, tuple, types.UnionType)):
        return lambda x: isinstance(x, chosen)
    if callable(chosen):
        return chosen
    raise TypeError("Argument must be a type, a tuple of types, or a callable.")


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator: the function is called on values of a type, or those a predicate holds for; others stay."""
    chosen = _predicate(type_or_types_or_pred)

    def decorate(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: func(x) if chosen(x) else x

    return decorate


def tree_map_only(
    type_or_types_or_pred: Any,
    /,
    func: Callable[[Any], Any],
    tree: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> PyTree:
    """:func:`tree_map` on leaves of a type (or types, or those a predicate holds for); others stay."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any,
    /,
    func: Callable[[Any], Any],
    tree: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> PyTree:
    """:func:`tree_map_` on leaves of a type (or types, or those a predicate holds for)."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(
    pred: Callable[[Any], bool], tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> bool:
    """Whether a predicate holds for every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(
    pred: Callable[[Any], bool], tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> bool:
    """Whether a predicate holds for some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(
    type_or_types_or_pred: Any,
    /,
    pred: Callable[[Any], bool],
    tree: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> bool:
    """Whether a predicate holds for every leaf of a type."""
    chosen = _predicate(type_or_types_or_pred)
    return all(pred(x) for x in tree_iter(tree, is_leaf) if chosen(x))


def tree_any_only(
    type_or_types_or_pred: Any,
    /,
    pred: Callable[[Any], bool],
    tree: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> bool:
    """Whether a predicate holds for some leaf of a type."""
    chosen = _predicate(type_or_types_or_pred)
    return any(pred(x) for x in tree_iter(tree, is_leaf) if chosen(x))


def _broadcast_to_and_flatten(
    tree: PyTree, treespec: TreeSpec, is_leaf: Callable[[PyTree], bool] | None = None
) -> list[Any] | None:
    """The leaves of a tree that ends earlier than a structure, each repeated; None if they do not fit."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _node_type(tree)
    if treespec.is_leaf() or kind is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    leaves: list[Any] = []
    for child, spec in zip(children, treespec.children(), strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        leaves += part
    return leaves


# ---- with paths


def _walk(
    path: KeyPath, tree: PyTree, is_leaf: Callable[[PyTree], bool] | None
) -> Iterator[tuple[KeyPath, Any]]:
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    node = SUPPORTED_NODES[_node_type(tree)]
    if node.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {node.type}. Please pass a flatten_with_keys_fn "
            "argument to register_pytree_node."
        )
    for key, child in node.flatten_with_keys_fn(tree)[0]:
        yield from _walk((*path, key), child, is_leaf)


def tree_leaves_with_path(
    tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> list[tuple[KeyPath, Any]]:
    """Pairs of a path and a leaf."""
    return list(_walk((), tree, is_leaf))


def tree_flatten_with_path(
    tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """Pairs of a path and a leaf, and the structure.

    >>> from flambeau.utils import _pytree as pytree
    >>> pairs, _ = pytree.tree_flatten_with_path({"a": [1, 2]})
    >>> [(pytree.keystr(path), leaf) for path, leaf in pairs]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(
    func: Callable[..., Any],
    tree: PyTree,
    *rests: PyTree,
    is_leaf: Callable[[PyTree], bool] | None = None,
) -> PyTree:
    """Like :func:`tree_map`; `func` gets a leaf's path first."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten(func(path, leaf, *rest) for (path, leaf), *rest in zip(pairs, *others, strict=True))


# ---- structures as text

_PROTOCOL = 1


def _dumpable(spec: TreeSpec) -> dict[str, Any]:
    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    node = SUPPORTED_NODES[spec.type]
    if spec.type is namedtuple:
        raise NotImplementedError(
            f"Can't serialize TreeSpec of namedtuple class {spec.context} because we didn't register a "
            "serializated_type_name. Please register using `_register_namedtuple`."
        )
    if node.serialized_type_name is None:
        raise NotImplementedError(
            f"No registered serialization name for {spec.type} found. Please update your "
            "_register_pytree_node call with a `serialized_type_name` kwarg."
        )
    context = spec.context if node.to_dumpable_context is None else node.to_dumpable_context(spec.context)
    try:
        text = json.dumps(context)
    except TypeError as error:
        raise TypeError(
            "Unable to serialize context. Please make the context json dump-able, or register a custom "
            "serializer using _register_pytree_node."
        ) from error
    return {
        "type": node.serialized_type_name,
        "context": text,
        "children_spec": [_dumpable(child) for child in spec.children()],
    }


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A structure as JSON, which PyTorch reads too.

    Raises:
        ValueError: for a protocol other than 1.
        NotImplementedError: if a class has no `serialized_type_name`.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"treespec_dumps(treespec, protocol): Expected `treespec` to be instance of PyTreeSpec but got "
            f"item of type {type(treespec)}."
        )
    if protocol not in (None, _PROTOCOL):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [{_PROTOCOL}]")
    return json.dumps([_PROTOCOL, _dumpable(treespec)])


def _loaded(parts: dict[str, Any]) -> TreeSpec:
    name = parts["type"]
    if name is None:
        return _LEAF
    node = next((node for node in SUPPORTED_NODES.values() if node.serialized_type_name == name), None)
    if node is None:
        raise NotImplementedError(f"Can't deserialize {name}: no class is registered under that name")
    context = json.loads(parts["context"])
    if node.from_dumpable_context is not None:
        context = node.from_dumpable_context(context)
    return TreeSpec(node.type, context, map(_loaded, parts["children_spec"]))


def treespec_loads(serialized: str) -> TreeSpec:
    """The structure that :func:`treespec_dumps` has written.

    >>> from flambeau.utils import _pytree as pytree
    >>> spec = pytree.tree_structure([1, {"a": 2}])
    >>> pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec
    True
    """
    protocol, parts = json.loads(serialized)
    if protocol != _PROTOCOL:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [{_PROTOCOL}]")
    return _loaded(parts)


class _Star:
    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """A structure as the tree, with a star for every leaf."""
    return repr(treespec.unflatten([_Star() for _ in range(treespec.num_leaves)]))


def arg_tree_leaves(*args: PyTree, **kwargs: PyTree) -> list[Any]:
    """The leaves of the arguments."""
    return [leaf for arg in (*args, *kwargs.values()) for leaf in tree_iter(arg)]
