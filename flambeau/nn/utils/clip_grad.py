"""Limiting gradients before an optimizer's step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

from ..._core import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _as_list(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as if they were one vector.

    Args:
        tensors: one or several.
        norm_type: the p-norm; may be infinity.
        error_if_nonfinite: whether a norm that is not finite raises.
        foreach: has no effect here.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
        tensor(5.)
    """
    import flambeau

    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return flambeau.tensor(0.0)
    with flambeau.no_grad():
        norms = flambeau.stack([tensor.norm(norm_type) for tensor in tensors])
        total = norms.norm(norm_type)
        if error_if_nonfinite and not math.isfinite(total.item()):
            raise RuntimeError(
                f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
                "cannot be clipped. To disable this error and scale the gradients by the non-finite norm "
                "anyway, set `error_if_nonfinite=False`"
            )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiplies the gradients by ``max_norm / total_norm`` where that is below one.

    Args:
        parameters: those whose gradients to scale in place.
        max_norm: the bound.
        total_norm: the gradients' norm, as :func:`get_total_norm` gives it.
        foreach: has no effect here.

    Example:
        >>> import flambeau as torch
        >>> x = torch.zeros(1, requires_grad=True)
        >>> x.grad = torch.tensor([4.0])
        >>> torch.nn.utils.clip_grads_with_norm_(x, 1.0, torch.tensor(4.0))
        >>> x.grad
        tensor([1.0000])
    """
    import flambeau

    with flambeau.no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for param in _as_list(parameters):
            if param.grad is not None:
                param.grad.mul_(factor.to(param.grad.dtype))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    r"""Scales the gradients so that their common norm is at most ``max_norm``.

    Args:
        parameters: those whose gradients to scale in place.
        max_norm: the bound.
        norm_type: the p-norm; may be infinity.
        error_if_nonfinite: whether a norm that is not finite raises.
        foreach: has no effect here.

    Returns:
        The norm before.

    Example:
        >>> import flambeau as torch
        >>> x = torch.zeros(2, requires_grad=True)
        >>> x.grad = torch.tensor([3.0, 4.0])
        >>> torch.nn.utils.clip_grad_norm_([x], max_norm=1.0)
        tensor(5.)

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks", 2013.
    """
    if isinstance(parameters, GeneratorType):
        parameters = list(parameters)
        if not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
            )
    params = _as_list(parameters)
    grads = [param.grad for param in params if param.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(params, max_norm, total, foreach)
    return total


def clip_grad_norm(parameters: Any, max_norm: float, *args: Any, **kwargs: Any) -> Tensor:
    """Deprecated: the same as :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, *args, **kwargs)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    r"""Clamps every gradient to :math:`[-\text{clip\_value}, \text{clip\_value}]` in place.

    Args:
        parameters: those whose gradients to clamp.
        clip_value: the bound.
        foreach: has no effect here.

    Example:
        >>> import flambeau as torch
        >>> x = torch.zeros(2, requires_grad=True)
        >>> x.grad = torch.tensor([-4.0, 0.5])
        >>> torch.nn.utils.clip_grad_value_(x, 1.0)
        >>> x.grad.tolist()
        [-1.0, 0.5]
    """
    import flambeau

    bound = float(clip_value)
    with flambeau.no_grad():
        for param in _as_list(parameters):
            if param.grad is not None:
                param.grad.clamp_(min=-bound, max=bound)
