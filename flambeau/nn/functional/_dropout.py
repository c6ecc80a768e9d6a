"""Dropout of elements and of channels."""

from __future__ import annotations

import warnings
from typing import Any

from ..._core import Tensor
from ._operators import operator

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

_dropout, _dropout_ = operator("dropout"), operator("dropout_")
_alpha_dropout, _alpha_dropout_ = operator("alpha_dropout"), operator("alpha_dropout_")
_feature_alpha_dropout = operator("feature_alpha_dropout")
_feature_alpha_dropout_ = operator("feature_alpha_dropout_")
_feature_dropout, _feature_dropout_ = operator("feature_dropout"), operator("feature_dropout_")


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""In training, sets elements to 0 with probability ``p`` and multiplies the others by :math:`1/(1-p)`.

    Args:
        input: any shape.
        p: the probability of an element to be dropped.
        training: whether to drop at all.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.dropout(torch.ones(2), training=False).tolist()
        [1.0, 1.0]

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """
    _check(p)
    return _dropout_(input, p, training) if inplace else _dropout(input, p, training)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Drops elements so that mean and variance stay; see :class:`AlphaDropout`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.alpha_dropout(torch.ones(2)).tolist()
        [1.0, 1.0]
    """
    _check(p)
    return _alpha_dropout_(input, p, training) if inplace else _alpha_dropout(input, p, training)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Drops channels so that mean and variance stay; see :class:`FeatureAlphaDropout`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.feature_alpha_dropout(torch.ones(2, 1)).tolist()
        [[1.0], [1.0]]
    """
    _check(p)
    return (_feature_alpha_dropout_ if inplace else _feature_alpha_dropout)(input, p, training)


def _drop_channels(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Any:
    """Drops channels of ``(N, C, *)``, or of ``(C, *)`` where ``batched`` is False."""
    drop = _feature_dropout_ if inplace else _feature_dropout
    if batched:
        return drop(input, p, training)
    dropped = drop(input.unsqueeze(0), p, training)
    return input if inplace else dropped.squeeze(0)


def _warn_of_rank(axes: int, rank: int) -> None:
    name = f"dropout{axes}d"
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an error in a future "
        "release. To retain the behavior and silence this warning, please use dropout instead. Note that "
        f"{name} exists to provide channel-wise dropout on inputs with {axes} spatial dimensions, a channel dimension, "
        f"and an optional batch dimension (i.e. {axes + 1}D or {axes + 2}D inputs).",
        stacklevel=3,
    )


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of ``(N, C, L)`` or ``(C, L)``; the arguments are those of :func:`dropout`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.dropout1d(torch.ones(1, 2), 1.0).tolist()
        [[0.0, 0.0]]
    """
    _check(p)
    rank = input.dim()
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. Note that dropout1d exists "
            "to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and "
            "an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    dropped: Tensor = _drop_channels(input, p, training, inplace, batched=rank == 3)
    return dropped


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of ``(N, C, H, W)``; the arguments are those of :func:`dropout`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.dropout2d(torch.ones(1, 1, 1, 2), 1.0).tolist()
        [[[[0.0, 0.0]]]]
    """
    _check(p)
    rank = input.dim()
    if rank not in (3, 4):
        _warn_of_rank(2, rank)
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel dim. "
            "This behavior will change in a future release to interpret the input as one without a batch "
            "dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please "
            "switch to using dropout1d instead.",
            stacklevel=2,
        )
    dropped: Tensor = _drop_channels(input, p, training, inplace, batched=True)
    return dropped


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; arguments: see :func:`dropout`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.dropout3d(torch.ones(1, 1, 1, 1, 2), 1.0).tolist()
        [[[[[0.0, 0.0]]]]]
    """
    _check(p)
    rank = input.dim()
    if rank not in (4, 5):
        _warn_of_rank(3, rank)
    dropped: Tensor = _drop_channels(input, p, training, inplace, batched=rank != 4)
    return dropped
