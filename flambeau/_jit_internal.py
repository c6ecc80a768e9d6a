"""Marks of TorchScript under the path that libraries import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau._missing import missing
from flambeau.jit import Final as Final
from flambeau.jit import _overload as _overload
from flambeau.jit import _overload_method as _overload_method
from flambeau.jit import export as export
from flambeau.jit import ignore as ignore
from flambeau.jit import is_scripting as is_scripting
from flambeau.jit import unused as unused

_KNOWN = frozenset(
    "FunctionModifiers Future "
    "boolean_dispatched can_compile_class get_torchscript_modifier is_future is_optional "
    "raise_error_container_parameter_missing".split()
)


class BroadcastingListCls:
    """What annotates an argument of TorchScript that may be one number for all axes; it means nothing here."""

    def __getitem__(self, types: Any) -> None:
        return None


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = BroadcastingListCls()


def boolean_dispatch(
    arg_name: str,
    arg_index: int,
    default: bool,
    if_true: Callable[..., Any],
    if_false: Callable[..., Any],
    module_name: str,
    func_name: str,
) -> Callable[..., Any]:
    """A function that calls one of two, as an argument of its says.

    Args:
        arg_name: the argument
        arg_index: its place
        default: what it is where it is not given
        if_true, if_false: the two functions
        module_name, func_name: the function's module and name

    >>> from flambeau._jit_internal import boolean_dispatch
    >>> pick = boolean_dispatch("loud", 1, False, lambda x, loud=True: x.upper(), lambda x, loud=False: x, "m", "say")
    >>> pick("a", loud=True)
    'A'
    """

    def dispatched(*args: Any, **kwargs: Any) -> Any:
        given = (
            kwargs[arg_name] if arg_name in kwargs else args[arg_index] if arg_index < len(args) else default
        )
        return (if_true if given else if_false)(*args, **kwargs)

    dispatched.__module__, dispatched.__name__, dispatched.__doc__ = module_name, func_name, if_true.__doc__
    return dispatched


def __getattr__(name: str) -> Any:
    raise missing("torch._jit_internal", name, _KNOWN)
