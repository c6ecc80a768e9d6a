"""Types for annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TypeAlias

from flambeau import _core
from flambeau._core import Size as Size
from flambeau._core import Tensor as Tensor
from flambeau._core import UntypedStorage as Storage

__all__ = ["Device", "FileLike", "Number", "Storage"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = _core.device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]

# As annotations of operators name Python's types and PyTorch's.
_int = int
_float = float
_bool = bool
_str = str
_bytes = bytes
_complex = complex
_Number = (int, float, bool)
_dtype = _core.dtype
_device = _core.device
_layout = _core.layout
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
