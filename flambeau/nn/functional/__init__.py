"""The layers' functions without their state.

``linear`` and the convolutions are the core's own operators.
"""

from __future__ import annotations

from typing import Any

from flambeau._missing import missing

from ._activation import *  # noqa: F403
from ._attention import *  # noqa: F403
from ._dropout import *  # noqa: F403
from ._fold import *  # noqa: F403
from ._loss import *  # noqa: F403
from ._norm import *  # noqa: F403
from ._operators import operator
from ._padding import *  # noqa: F403
from ._pooling import *  # noqa: F403
from ._resample import *  # noqa: F403
from ._sparse import *  # noqa: F403

linear = operator("linear")
conv1d = operator("conv1d")
conv2d = operator("conv2d")
conv3d = operator("conv3d")
conv_transpose1d = operator("conv_transpose1d")
conv_transpose2d = operator("conv_transpose2d")
conv_transpose3d = operator("conv_transpose3d")

_NOT_YET = """
    ctc_loss embedding_bag grouped_mm linear_cross_entropy
    multi_head_attention_forward rrelu rrelu_ scaled_grouped_mm scaled_mm
"""
_KNOWN = frozenset(_NOT_YET.split())

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
    raise missing("nn.functional", name, _KNOWN)
