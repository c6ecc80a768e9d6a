"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ..._core import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Concatenates the flattened parameters, differentiably.

    Args:
        parameters: of any shapes.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.utils.parameters_to_vector(torch.nn.Linear(2, 3).parameters()).shape
        torch.Size([9])
    """
    import flambeau

    return flambeau.cat([param.reshape(-1) for param in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Takes the parameters' data from one vector; they then share its memory.

    Args:
        vec: as :func:`parameters_to_vector` gives it.
        parameters: the parameters, in the same order.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Linear(1, 2)
        >>> torch.nn.utils.vector_to_parameters(torch.arange(4.0), layer.parameters())
        >>> layer.bias.tolist()
        [2.0, 3.0]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    first = 0
    for param in parameters:
        param.data = vec[first : first + param.numel()].view_as(param).data
        first += param.numel()
