"""The part of Python that a saved program may use, and the only names it can reach.

A saved program is text that somebody else may have written. Its syntax is checked before it is compiled: no imports, no
classes, no name with leading underscores. It sees operators, layers' functions, ``math`` and a few builtins, and of its
values only those attributes that tensors' operators, containers or the program's own module have. So it computes; it
reads no file and reaches nothing of the interpreter.
"""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from flambeau import _core
from flambeau._core import Tensor

__all__ = ["UnsafeProgram", "allowed_attributes", "check", "namespace", "path_of", "resolve"]


class UnsafeProgram(RuntimeError):
    """A program uses what a saved program may not."""


_SYNTAX: tuple[type[ast.AST], ...] = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If,
    ast.For, ast.While, ast.Break, ast.Continue, ast.Pass, ast.Expr, ast.Assert, ast.Raise, ast.Delete, ast.With,
    ast.withitem, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.keyword, ast.IfExp, ast.Attribute,
    ast.Subscript, ast.Slice, ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.SetComp,
    ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.Lambda,
    ast.NamedExpr, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip

# The builtins of a saved program. What takes names (getattr), runs text or opens files is not among them.
BUILTINS = {
    name: getattr(builtins, name)
    for name in (
        "abs all any bool complex dict divmod enumerate filter float frozenset int isinstance len list map max min print "
        "range reversed round set slice sorted str sum tuple zip None True False Ellipsis NotImplementedError "
        "AssertionError IndexError KeyError RuntimeError TypeError ValueError Exception"
    ).split()
}

_CONTAINERS = frozenset(
    "append clear copy count difference discard endswith extend get index insert intersection isdigit items join keys "
    "lower lstrip pop popitem remove replace reverse rstrip setdefault sort split startswith strip title union update "
    "upper values add real imag is_integer bit_length start stop step eps tiny bits smallest_normal resolution".split()
)
_TENSOR = frozenset(
    "shape dtype device layout ndim T H mT mH data grad requires_grad is_leaf is_sparse is_cuda is_meta itemsize nbytes "
    "size dim numel nelement element_size stride storage_offset item tolist is_contiguous is_floating_point is_complex "
    "is_signed contiguous to float double half bfloat16 int long short char byte bool cpu type type_as new_zeros "
    "new_ones new_full new_empty detach requires_grad_ backward values indices eigenvalues eigenvectors "
    "names training weight bias forward".split()
)
# Operators that reach outside the memory of tensors.
_NO_OPERATORS = frozenset({"from_file", "apply_", "map_", "map2_", "set_"})
_NAMES = frozenset(
    "Tensor Size device finfo iinfo pi e inf nan newaxis no_grad enable_grad inference_mode tensor as_tensor _assert "
    "is_tensor is_grad_enabled broadcast_shapes numel is_floating_point is_complex get_default_dtype promote_types "
    "result_type".split()
)
_SPACES = {
    "torch": "",
    "torch.nn.functional": "nn.functional",
    "torch.linalg": "linalg",
    "torch.fft": "fft",
    "torch.special": "special",
    "torch.nn": None,
    "torch.jit": None,
}
_JIT = frozenset("annotate isinstance is_scripting is_tracing".split())


@lru_cache(maxsize=1)
def _tensor_attributes() -> frozenset[str]:
    kind = type(_core.Tensor.add)
    operators = {
        name
        for name, value in vars(_core.Tensor).items()
        if isinstance(value, kind) and not name.startswith("_") and name not in _NO_OPERATORS
    }
    return frozenset(operators) | _TENSOR


def allowed_attributes(own: Iterable[str]) -> frozenset[str]:
    """The attributes that a program may name: those of tensors and containers, and its modules' own names.

    Raises:
        UnsafeProgram: an own name is one that tensors or modules have for something else.
    """
    from flambeau.nn import Module

    known = _tensor_attributes() | _CONTAINERS
    mine = set()
    for name in own:
        if name in known:
            continue
        if name.startswith("__") or not name.isidentifier() or hasattr(Tensor, name) or hasattr(Module, name):
            raise UnsafeProgram(f"a saved module may not have an attribute named {name!r}")
        mine.add(name)
    return known | mine


class _Space:
    """A part of this package as a saved program sees it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return resolve(f"{self._path}.{name}")

    def __repr__(self) -> str:
        return f"<{self._path} of a saved program>"


def resolve(path: str) -> Any:
    """What a path from ``torch``, ``math`` or ``builtins`` names, of the things that a saved program may use.

    Raises:
        UnsafeProgram: it may not.
    """
    if path in _SPACES:
        return _Space(path)
    space, _, name = path.rpartition(".")
    if name.startswith("_") and path != "torch._assert":
        raise UnsafeProgram(f"a saved program may not use {path}")
    if path == "math" or space == "math":
        return math if path == "math" else getattr(math, name)
    if space == "builtins" and name in BUILTINS:
        return BUILTINS[name]
    if space == "operator" and name != "attrgetter" and name != "methodcaller" and name != "itemgetter":
        import operator

        return getattr(operator, name)
    value = _public(space, name)
    if value is None:
        raise UnsafeProgram(f"a saved program may not use {path}")
    return value


def _public(space: str, name: str) -> Any:
    import flambeau

    if space == "core":  # an operator without a public name
        value = getattr(_core._nn, name, None) or getattr(_core, name, None)
        return value if isinstance(value, type(_core.add)) and name not in _NO_OPERATORS else None
    if space == "torch.jit":
        return getattr(flambeau.jit, name) if name in _JIT else None
    if space == "torch":
        if name in _NAMES:
            return getattr(flambeau, name)
        value = getattr(flambeau, name, None)
        if isinstance(value, (flambeau.dtype, flambeau.layout, flambeau.memory_format)):
            return value
        return value if isinstance(value, type(_core.add)) and name not in _NO_OPERATORS else None
    if space not in _SPACES or _SPACES[space] is None:
        return None
    place: Any = flambeau
    for part in str(_SPACES[space]).split("."):
        place = getattr(place, part)
    value = getattr(place, name, None)
    kinds = (
        type(_core.add),
        type(flambeau.nn.functional.softmax),
    )  # operators, functions that offer themselves
    return value if isinstance(value, kinds) and name not in _NO_OPERATORS else None


def path_of(value: Any) -> str | None:
    """The path by which :func:`resolve` finds a function, class or module; None where it does not."""
    import flambeau

    if value is math:
        return "math"
    for path, inner in _SPACES.items():
        place: Any = flambeau
        for part in (inner if inner is not None else path.partition(".")[2]).split("."):
            place = getattr(place, part) if part else place
        if value is place:
            return path
    name = getattr(value, "__name__", None)
    candidates = [f"{space}.{name}" for space in _SPACES]
    candidates += [f"{space}.{name}" for space in ("math", "builtins", "operator")]
    candidates.append(f"core.{name}")
    for candidate in candidates:
        try:
            if resolve(candidate) is value:
                return candidate
        except (UnsafeProgram, AttributeError):
            continue
    return None


def check(source: str, attributes: frozenset[str], spaces: dict[str, str]) -> ast.Module:
    """The syntax tree of a function's text.

    Args:
        source: the text of one function
        attributes: what may stand behind a dot
        spaces: the global names that stand for parts of this package, and their paths

    Raises:
        UnsafeProgram: it uses what a saved program may not.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeProgram(f"a saved program does not parse: {error}") from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        raise UnsafeProgram("a saved program is one function")
    for node in ast.walk(tree):

        def refuse(what: str, at: ast.AST = node) -> UnsafeProgram:
            return UnsafeProgram(
                f"line {getattr(at, 'lineno', '?')} of a saved program {what}, which it may not"
            )

        if not isinstance(node, _SYNTAX):
            raise refuse(f"uses {type(node).__name__}")
        if isinstance(node, ast.Attribute) and node.attr not in attributes and not _in_space(node, spaces):
            raise refuse(f"uses the attribute {node.attr!r}")
        bound = (
            node.arg
            if isinstance(node, ast.arg)
            else node.name
            if isinstance(node, ast.FunctionDef)
            else None
        )
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound = node.id
        if bound in spaces or bound in _RESERVED:
            raise refuse(f"gives the name {bound!r} to something else")
        if isinstance(node, ast.Name) and node.id.startswith("__"):
            raise refuse(f"uses the name {node.id!r}")
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            raise refuse("has a decorator")
    return tree


# Looked up by check() as what they are.
_RESERVED = frozenset({"getattr", "isinstance"})


def _in_space(node: ast.Attribute, spaces: dict[str, str]) -> bool:
    """Whether an attribute is a member of a part of this package, which itself says what it shows."""
    names: list[str] = []
    place: ast.expr = node.value
    while isinstance(place, ast.Attribute):
        names.append(place.attr)
        place = place.value
    if (
        not isinstance(place, ast.Name)
        or place.id not in spaces
        or node.attr.startswith("_")
        and node.attr != "_assert"
    ):
        return False
    path = ".".join([spaces[place.id], *reversed(names)])
    return path in _SPACES or path == "math"


def _child(module: Any, name: str) -> Any:
    """The numbered child of a container, for programs that name it so."""
    if not isinstance(name, str) or not name.isdigit():
        raise UnsafeProgram(f"a saved program may not read the attribute {name!r}")
    return getattr(module, name)


def namespace() -> dict[str, Any]:
    """The globals that every saved program has."""
    return {
        "__builtins__": dict(BUILTINS),
        "getattr": _child,
        "torch": _Space("torch"),
        "math": math,
        "inf": math.inf,
        "nan": math.nan,
    }
