"""Batch normalisations, as evaluation sees them, taken into the affine map before them."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from ..._core import Tensor
from ..modules import Module
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

Layer = TypeVar("Layer", bound=Module)


def _fused(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
    scale: Tensor | None,
    shift: Tensor | None,
    axis: int,
) -> tuple[Parameter, Parameter]:
    """The map y = scale (W x + b - mean) / sqrt(var + eps) + shift; outputs lie along an axis of W."""
    factor = (var + eps).rsqrt()
    if scale is not None:
        factor = factor * scale
    shape = [1] * weight.dim()
    shape[axis] = -1
    new_bias = -mean * factor if bias is None else (bias - mean) * factor
    if shift is not None:
        new_bias = new_bias + shift
    trained = bias is not None and bias.requires_grad
    return (
        Parameter((weight * factor.reshape(shape)).detach().to(weight.dtype), weight.requires_grad),
        Parameter(new_bias.detach().to(weight.dtype if bias is None else bias.dtype), trained),
    )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    r"""Weight and bias of the convolution that does what a convolution and a batch normalisation do.

    Args:
        conv_w, conv_b: weight and bias of the convolution; the bias may be None.
        bn_rm, bn_rv, bn_eps: running mean and variance of the normalisation, and its :math:`\epsilon`.
        bn_w, bn_b: its factors and summands, or None.
        transpose: whether the convolution is transposed, its outputs along the second axis.
    """
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    r"""Weight and bias of the affine map that does what one and a batch normalisation do.

    Args:
        linear_w, linear_b: weight and bias of the map; the bias may be None.
        bn_rm, bn_rv, bn_eps, bn_w, bn_b: as those of :func:`fuse_conv_bn_weights`.

    Example:
        >>> import flambeau as torch
        >>> one, zero = torch.ones(1), torch.zeros(1)
        >>> weight, bias = torch.nn.utils.fuse_linear_bn_weights(one[None], None, one, one, 0.0, 2 * one, zero)
        >>> weight.tolist(), bias.tolist()
        ([[2.0]], [-2.0])
    """
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _fuse(layer: Layer, norm: Any, axis: int) -> Layer:
    if layer.training or norm.training:
        raise AssertionError("Fusion only for eval!")
    if norm.running_mean is None or norm.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused: Any = copy.deepcopy(layer)
    fused.weight, fused.bias = _fused(
        fused.weight, fused.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias, axis
    )
    return fused  # type: ignore[no-any-return]


def fuse_conv_bn_eval(conv: Layer, bn: Any, transpose: bool = False) -> Layer:
    """A copy of a convolution that does the batch normalisation behind it, too; both in evaluation.

    Args:
        conv: the convolution.
        bn: the normalisation, of as many features as the convolution has output channels.
        transpose: whether the convolution is transposed.

    Raises:
        AssertionError: one is in training, or the normalisation has no running statistics.

    Example:
        >>> import flambeau as torch
        >>> conv, norm = torch.nn.Conv2d(1, 2, 3).eval(), torch.nn.BatchNorm2d(2).eval()
        >>> x = torch.ones(1, 1, 4, 4)
        >>> fused = torch.nn.utils.fuse_conv_bn_eval(conv, norm)
        >>> torch.allclose(fused(x), norm(conv(x)), atol=1e-6)
        True
    """
    return _fuse(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: Layer, bn: Any) -> Layer:
    """A copy of an affine layer that does the batch normalisation behind it, too; both in evaluation.

    Args:
        linear: the layer.
        bn: the normalisation, of as many features as the layer gives, or of one.

    Raises:
        AssertionError: one is in training, the features differ, or the normalisation has no running statistics.

    Example:
        >>> import flambeau as torch
        >>> linear, norm = torch.nn.Linear(2, 3).eval(), torch.nn.BatchNorm1d(3).eval()
        >>> x = torch.ones(4, 2)
        >>> torch.allclose(torch.nn.utils.fuse_linear_bn_eval(linear, norm)(x), norm(linear(x)), atol=1e-6)
        True
    """
    outputs = getattr(linear, "out_features", bn.num_features)
    if bn.num_features not in (outputs, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={outputs} and bn.num_features={bn.num_features}"
        )
    return _fuse(linear, bn, 0)
