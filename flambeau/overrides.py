"""Other classes in the place of tensors: who has ``__torch_function__``, and calling it.

A function offers itself to the ``__torch_function__`` of its arguments before it does anything (NumPy's enhancement
proposal 18 has the protocol); operators do so by themselves.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from flambeau import _core
from flambeau._C import _is_torch_function_enabled
from flambeau._core import Tensor
from flambeau._missing import missing

__all__ = [
    "get_overridable_functions",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

F = TypeVar("F", bound=Callable[..., Any])
_KNOWN = frozenset(
    "TorchFunctionMode BaseTorchFunctionMode enable_reentrant_dispatch get_default_nowrap_functions get_ignored_functions "
    "get_testing_overrides redispatch_function".split()
)


def _overrides(kind: type) -> bool:
    """Whether a class has a ``__torch_function__`` of its own: not Tensor's, nor one that is switched off."""
    if kind is Tensor:
        return False
    function = getattr(kind, "__torch_function__", None)
    disabled = getattr(_core, "_disabled_torch_function_impl", None)
    return function is not None and function is not disabled


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments wants to take a call over.

    >>> import flambeau as torch
    >>> class Logged(torch.Tensor):
    ...     pass
    >>> torch.overrides.has_torch_function([torch.ones(2)])
    False
    >>> torch.overrides.has_torch_function([torch.ones(2).as_subclass(Logged)])
    True
    """
    return _is_torch_function_enabled() and any(_overrides(type(arg)) for arg in relevant_args)


def has_torch_function_unary(x: Any) -> bool:
    """:func:`has_torch_function` for one argument."""
    return has_torch_function((x,))


def has_torch_function_variadic(*args: Any) -> bool:
    """:func:`has_torch_function` for arguments one by one."""
    return has_torch_function(args)


def _in_order(relevant_args: Iterable[Any]) -> list[Any]:
    """One argument per overriding class, subclasses before their bases, else in the order given."""
    found: list[Any] = []
    for arg in relevant_args:
        kind = type(arg)
        if not _overrides(kind) or any(type(other) is kind for other in found):
            continue
        place = next((i for i, other in enumerate(found) if issubclass(kind, type(other))), len(found))
        found.insert(place, arg)
    return found


def _name(function: Any) -> str:
    return f"{getattr(function, '__module__', None)}.{getattr(function, '__name__', function)}"


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Hands a call to the ``__torch_function__`` of the arguments, in order, until one does not return NotImplemented.

    Args:
        public_api: the function that was called
        relevant_args: the arguments that may take it over
        args, kwargs: all arguments of the call

    Raises:
        TypeError: if every one returns NotImplemented.
    """
    overloaded = _in_order(relevant_args)
    kinds = tuple(type(arg) for arg in overloaded)
    if not overloaded:
        return public_api(*args, **kwargs)
    for arg in overloaded:
        result = type(arg).__torch_function__(public_api, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{_name(public_api)}' on types that implement __torch_function__: {list(kinds)}"
    )


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[F], F]:
    """A decorator: the function offers itself to the arguments that `dispatcher` returns for a call."""

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def offered(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(offered, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return offered  # type: ignore[return-value]

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether something is a tensor or has ``__torch_function__``."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def _is_operator(value: Any) -> bool:
    return callable(value) and not isinstance(value, (type, types.ModuleType))


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The functions that offer themselves to ``__torch_function__``, by the module or class that holds them."""
    from flambeau.nn import functional

    package = sys.modules["flambeau"]
    operator = type(_core.add)
    function = [value for name, value in vars(_core).items() if isinstance(value, operator)]
    methods = [
        value
        for name, value in vars(_core.Tensor).items()
        if not name.startswith("_") and _is_operator(value)
    ]
    return {
        package: function,
        Tensor: methods,
        functional: [
            value
            for name, value in vars(functional).items()
            if not name.startswith("_") and isinstance(value, (operator, types.FunctionType))
        ],
    }


def _spaces() -> Sequence[tuple[str, Any]]:
    from flambeau.nn import functional

    return (
        ("torch", sys.modules["flambeau"]),
        ("torch.Tensor", Tensor),
        ("torch.nn.functional", functional),
    )


def resolve_name(f: Callable[..., Any]) -> str | None:
    """The path at which a function can be found, as ``torch.Tensor.add``; None for one that is not PyTorch's."""
    for path, space in _spaces():
        for name in (getattr(f, "__name__", ""), *dir(space)):
            if name and vars(space).get(name) is f:
                return f"{path}.{name}"
    return None


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is a method of Tensor, or the getter of one of its properties."""
    if getattr(func, "__name__", None) == "__get__":
        return True
    return any(vars(kind).get(getattr(func, "__name__", "")) is func for kind in Tensor.__mro__)


def __getattr__(name: str) -> Any:
    raise missing("torch.overrides", name, _KNOWN)
