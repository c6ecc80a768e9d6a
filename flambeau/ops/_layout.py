"""How tensors lie in memory, as operators written in Python ask."""

from __future__ import annotations

from typing import Any

import flambeau as torch
from flambeau import Tensor


def memory_format_of(tensor: Tensor) -> Any:
    """The format that a result of the same number of dimensions should have: with the channels last, or contiguous."""
    if not tensor.is_contiguous():
        for dims, format in ((4, torch.channels_last), (5, torch.channels_last_3d)):
            if tensor.dim() == dims and tensor.is_contiguous(memory_format=format):
                return format
    return torch.contiguous_format
