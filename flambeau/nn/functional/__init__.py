"""The layers' functions without their state.

``linear`` and the convolutions are the core's own operators.
"""

from __future__ import annotations

import importlib
from types import FunctionType
from typing import TYPE_CHECKING as TYPE_CHECKING
from typing import Any

from flambeau._core import Tensor as Tensor
from flambeau._core import _overridable
from flambeau._missing import missing

from ._activation import *  # noqa: F403
from ._attention import *  # noqa: F403
from ._dropout import *  # noqa: F403
from ._fold import *  # noqa: F403
from ._grouped import *  # noqa: F403
from ._linear_cross_entropy import *  # noqa: F403
from ._loss import *  # noqa: F403
from ._norm import *  # noqa: F403
from ._operators import operator
from ._padding import *  # noqa: F403
from ._pooling import *  # noqa: F403
from ._resample import *  # noqa: F403
from ._sparse import *  # noqa: F403

# A function in Python offers itself to ``__torch_function__`` of its arguments, as operators do by themselves; those that
# call one another inside this package have been asked already.
for _name, _function in list(globals().items()):
    if (
        isinstance(_function, FunctionType)
        and _function.__module__.startswith(f"{__name__}._")
        and _name != "operator"
    ):
        globals()[_name] = _overridable(_function, __name__)
del _name, _function

linear = operator("linear")
conv1d = operator("conv1d")
conv2d = operator("conv2d")
conv3d = operator("conv3d")
conv_transpose1d = operator("conv_transpose1d")
conv_transpose2d = operator("conv_transpose2d")
conv_transpose3d = operator("conv_transpose3d")

_KNOWN: frozenset[str] = frozenset()

# What PyTorch's module has beside functions of layers.
_ELSEWHERE = {
    **dict.fromkeys(
        (
            "has_torch_function",
            "has_torch_function_unary",
            "has_torch_function_variadic",
            "handle_torch_function",
        ),
        "flambeau.overrides",
    ),
    **dict.fromkeys(
        ("BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "boolean_dispatch"),
        "flambeau._jit_internal",
    ),
}

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}


def assert_int_or_pair(arg: Any, arg_name: str, message: str) -> None:
    """Raises AssertionError(message) unless `arg` is a number or a pair.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.assert_int_or_pair((3, 3), "kernel_size", "a number or a pair")
    """
    if not isinstance(arg, int) and len(arg) != 2:
        raise AssertionError(message.format(arg_name))


# Functions of the top level by the same name.
_TOP_LEVEL = (
    "channel_shuffle",
    "conv_tbc",
    "native_channel_shuffle",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
)


def __getattr__(name: str) -> Any:
    if name in _TOP_LEVEL:
        import flambeau

        return getattr(flambeau, name.removeprefix("native_"))
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise missing("nn.functional", name, _KNOWN)
