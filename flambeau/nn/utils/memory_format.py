"""The order in memory of the weights of convolutions."""

from __future__ import annotations

from typing import Any, TypeVar

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module

_M = TypeVar("_M", bound=Module)


def _convert(module: _M, memory_format: Any, layers: tuple[type[Module], ...]) -> _M:
    for layer in module.modules():
        if isinstance(layer, layers):
            weight: Any = layer.weight
            weight.data = weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Brings the weights of all ``Conv2d`` and ``ConvTranspose2d`` into an order in memory.

    The results of a convolution lie in memory as its input or its weight does: with channels last here, they
    stay so through the network.

    Args:
        module: the layer, or what contains it; changed in place.
        memory_format: ``channels_last`` or ``contiguous_format``.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Conv2d(8, 4, 3)
        >>> convert = torch.nn.utils.convert_conv2d_weight_memory_format
        >>> convert(layer, torch.channels_last).weight.stride()
        (72, 1, 24, 8)
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Brings the weights of all ``Conv3d`` and ``ConvTranspose3d`` into an order in memory.

    Args:
        module: the layer, or what contains it; changed in place.
        memory_format: ``channels_last_3d`` or ``contiguous_format``.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Conv3d(8, 4, 3)
        >>> convert = torch.nn.utils.convert_conv3d_weight_memory_format
        >>> convert(layer, torch.channels_last_3d).weight.stride()
        (216, 1, 72, 24, 8)
    """
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))
