"""One module in many processes."""

from __future__ import annotations

from typing import Any

from ..modules import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Averages gradients over processes: not there yet.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("torch.nn.parallel.DistributedDataParallel is not implemented yet")
