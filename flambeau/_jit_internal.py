"""Marks of TorchScript under the path that libraries import."""

from __future__ import annotations

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
    "BroadcastingList1 BroadcastingList2 BroadcastingList3 FunctionModifiers Future boolean_dispatch "
    "boolean_dispatched can_compile_class get_torchscript_modifier is_future is_optional "
    "raise_error_container_parameter_missing".split()
)


def __getattr__(name: str) -> Any:
    raise missing("torch._jit_internal", name, _KNOWN)
