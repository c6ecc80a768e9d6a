"""A batch split over the GPUs of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..modules import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Splits batches over GPUs; without a GPU, as here, the module itself is called.

    Parameters are those of `module`, with names that start with ``module.``, as in checkpoints of this class.

    Args:
        module: what is called
        device_ids: GPUs; there are none
        output_device: where results are gathered
        dim: along which inputs are split

    >>> import flambeau as torch
    >>> layer = torch.nn.DataParallel(torch.nn.Linear(2, 3))
    >>> layer(torch.ones(4, 2)).shape
    torch.Size([4, 3])
    >>> list(layer.state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The module's result."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """Calls a module on inputs split over GPUs.

    Raises:
        RuntimeError: always, as there is no GPU.
    """
    raise RuntimeError("device type could not be determined")
