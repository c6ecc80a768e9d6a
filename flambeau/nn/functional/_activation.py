"""Activation functions; those with ``inplace`` may write to their input."""

from __future__ import annotations

import warnings
from typing import Any

import flambeau

from ... import _core
from ..._core import Tensor
from ...ops._refusals import need_floating
from ._operators import operator

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "hardtanh_", "leaky_relu", "leaky_relu_", "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6",
    "relu_", "rrelu", "rrelu_", "selu", "selu_", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
]  # fmt: skip

_relu, relu_ = operator("relu"), operator("relu_")
_relu6, _relu6_ = operator("relu6"), operator("relu6_")
_hardtanh, hardtanh_ = operator("hardtanh"), operator("hardtanh_")
_threshold, threshold_ = operator("threshold"), operator("threshold_")
_leaky_relu, leaky_relu_ = operator("leaky_relu"), operator("leaky_relu_")
_elu, elu_ = operator("elu"), operator("elu_")
_selu, selu_ = operator("selu"), operator("selu_")
_celu, celu_ = operator("celu"), operator("celu_")
_silu, _silu_ = operator("silu"), operator("silu_")
_mish, _mish_ = operator("mish"), operator("mish_")
_hardsigmoid, _hardsigmoid_ = operator("hardsigmoid"), operator("hardsigmoid_")
_hardswish, _hardswish_ = operator("hardswish"), operator("hardswish_")
_softmax, _log_softmax = operator("softmax"), operator("log_softmax")
gelu = operator("gelu")
hardshrink = operator("hardshrink")
logsigmoid = operator("log_sigmoid")
prelu = operator("prelu")
softplus = operator("softplus")
softshrink = operator("softshrink")


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Computes :math:`\max(0, x)`.

    Args:
        input: any shape, floating point.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return relu_(input) if inplace else _relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Computes :math:`\min(\max(0, x), 6)`.

    Args:
        input: any shape, floating point.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.relu6(torch.tensor([-1.0, 7.0])).tolist()
        [0.0, 6.0]
    """
    return _relu6_(input) if inplace else _relu6(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    r"""Computes :math:`\min(\max(x, \text{min\_val}), \text{max\_val})`.

    Args:
        input: any shape, floating point.
        min_val, max_val: the bounds.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.hardtanh(torch.tensor([-3.0, 0.5])).tolist()
        [-1.0, 0.5]
    """
    return hardtanh_(input, min_val, max_val) if inplace else _hardtanh(input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    r"""Computes :math:`x` where it is greater than ``threshold``, else ``value``.

    Args:
        input: any shape, floating point.
        threshold: the threshold.
        value: what stands for the rest.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.threshold(torch.tensor([0.0, 1.0]), 0.5, 20.0).tolist()
        [20.0, 1.0]
    """
    return threshold_(input, threshold, value) if inplace else _threshold(input, threshold, value)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    r"""Computes :math:`x` where it is positive, else ``negative_slope`` times it.

    Args:
        input: any shape, floating point.
        negative_slope: the slope below zero.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]), 0.5).tolist()
        [-0.5, 2.0]
    """
    return leaky_relu_(input, negative_slope) if inplace else _leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    r"""Computes :math:`x` where it is positive, else :math:`\alpha (e^x - 1)` (Clevert et al., 2016).

    Args:
        input: any shape, floating point.
        alpha: :math:`\alpha`.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.elu(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    return elu_(input, alpha) if inplace else _elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Computes :math:`\lambda x` where it is positive, else :math:`\lambda \alpha (e^x - 1)`.

    Args:
        input: any shape, floating point.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.selu(torch.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])

    Source: Klambauer et al., "Self-normalizing neural networks", 2017.
    """
    return selu_(input) if inplace else _selu(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    r"""Computes :math:`x` where it is positive, else :math:`\alpha (e^{x / \alpha} - 1)` (Barron, 2017).

    Args:
        input: any shape, floating point.
        alpha: :math:`\alpha`.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.celu(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    return celu_(input, alpha) if inplace else _celu(input, alpha)


def rrelu(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    r"""Computes :math:`x` where it is positive, else :math:`a x` with :math:`a` drawn between two bounds.

    Args:
        input: any shape, floating point.
        lower, upper: the bounds.
        training: whether slopes are drawn, for each element; otherwise each is the bounds' mean.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.rrelu(torch.tensor([-8.0, 2.0]), 0.125, 0.375)
        tensor([-2.,  2.])

    Source: Xu et al., "Empirical evaluation of rectified activations in convolutional network", 2015.
    """
    return (flambeau.rrelu_ if inplace else flambeau.rrelu)(input, lower, upper, training)


def rrelu_(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """In-place form of :func:`rrelu`.

    Args:
        input: any shape, floating point.
        lower, upper: the bounds.
        training: whether slopes are drawn.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.rrelu_(torch.tensor([-8.0, 2.0]), 0.125, 0.375)
        tensor([-2.,  2.])
    """
    return flambeau.rrelu_(input, lower, upper, training)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    r"""Splits the input into halves :math:`a, b` along ``dim`` and computes :math:`a \, \sigma(b)`.

    Args:
        input: any shape, of an even size in ``dim``.
        dim: the dimension to split.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.glu(torch.tensor([4.0, 0.0])).tolist()
        [2.0]

    Source: Dauphin et al., "Language modeling with gated convolutional networks", 2017.
    """
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    size = input.size(dim)
    if size % 2 != 0:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % input.dim()} is size {size}"
        )
    need_floating("glu_cpu", input.dtype)
    value, gate = input.narrow(dim, 0, size // 2), input.narrow(dim, size // 2, size // 2)
    return value * gate.sigmoid()


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Computes :math:`x \, \sigma(x)` (Elfwing et al., 2017).

    Args:
        input: any shape, floating point.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.silu(torch.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """
    return _silu_(input) if inplace else _silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Computes :math:`x \tanh(\log(1 + e^x))` (Misra, 2019).

    Args:
        input: any shape, floating point.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.mish(torch.tensor([-1.0, 2.0]))
        tensor([-0.3034,  1.9440])
    """
    return _mish_(input) if inplace else _mish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Computes :math:`\min(\max(x + 3, 0), 6) / 6`.

    Args:
        input: any shape, floating point.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.hardsigmoid(torch.tensor([-4.0, 0.0])).tolist()
        [0.0, 0.5]
    """
    return _hardsigmoid_(input) if inplace else _hardsigmoid(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Computes :math:`x \min(\max(x + 3, 0), 6) / 6` (Howard et al., 2019).

    Args:
        input: any shape, floating point.
        inplace: whether to write to the input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.hardswish(torch.tensor([-4.0, 3.0])).tolist()
        [-0.0, 3.0]
    """
    return _hardswish_(input) if inplace else _hardswish(input)


def tanhshrink(input: Tensor) -> Tensor:
    r"""Computes :math:`x - \tanh x`.

    Args:
        input: any shape, floating point.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.tanhshrink(torch.tensor([-1.0, 2.0]))
        tensor([-0.2384,  1.0360])
    """
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    r"""Computes :math:`x / (1 + |x|)`.

    Args:
        input: any shape, floating point.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.softsign(torch.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """
    return input / (input.abs() + 1)


def sigmoid(input: Tensor) -> Tensor:
    r"""Computes :math:`1 / (1 + e^{-x})`.

    Args:
        input: any shape, floating point.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.sigmoid(torch.zeros(1)).tolist()
        [0.5]
    """
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    r"""Computes :math:`\tanh x`.

    Args:
        input: any shape, floating point.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.tanh(torch.zeros(1)).tolist()
        [0.0]
    """
    return input.tanh()


def _implicit_dim(name: str, input: Tensor, stacklevel: int) -> int:
    """The dimension that calls without one used to mean."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
        "argument.",
        stacklevel=stacklevel,
    )
    return 0 if input.dim() in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    r"""Computes :math:`e^{x_i} / \sum_j e^{x_j}` along a dimension.

    Args:
        input: any shape.
        dim: the dimension along which the results add up to one.
        dtype: what the input is converted to first.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.softmax(torch.zeros(4), dim=0)
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input, _stacklevel)
    return _softmax(input, dim) if dtype is None else _softmax(input, dim, dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    r"""Computes :math:`e^{-x_i} / \sum_j e^{-x_j}` along a dimension; arguments: see :func:`softmax`.

    Args:
        input: any shape.
        dim: the dimension along which the results add up to one.
        dtype: converted to first.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.softmin(torch.zeros(2), dim=0).tolist()
        [0.5, 0.5]
    """
    if dim is None:
        dim = _implicit_dim("softmin", input, _stacklevel)
    return _softmax(-input, dim) if dtype is None else _softmax(-input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    r"""Computes :math:`x_i - \log \sum_j e^{x_j}` along a dimension; arguments: see :func:`softmax`.

    Args:
        input: any shape.
        dim: the dimension.
        dtype: converted to first.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.log_softmax(torch.zeros(2), dim=0)
        tensor([-0.6931, -0.6931])
    """
    if dim is None:
        dim = _implicit_dim("log_softmax", input, _stacklevel)
    return _log_softmax(input, dim) if dtype is None else _log_softmax(input, dim, dtype=dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    r"""Draws from classes so that gradients flow: the softmax of :math:`(x + g) / \tau`, with Gumbel noise
    :math:`g`.

    Args:
        logits: unnormalised log-probabilities, any shape.
        tau: temperature; the lower, the nearer to one class.
        hard: whether to give the class drawn as a one-hot vector, with the soft one's gradient.
        eps: has no effect, and a warning says so.
        dim: the dimension of the classes.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.gumbel_softmax(torch.zeros(2, 3), hard=True).shape
        torch.Size([2, 3])

    Sources: Jang et al., "Categorical reparameterization with Gumbel-softmax", and Maddison et al., "The
    concrete distribution", both 2017.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -logits.detach().clone(memory_format=_core.contiguous_format).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    drawn = soft.max(dim, keepdim=True)[1]
    one_hot = soft.detach().new_zeros(soft.shape).scatter_(dim, drawn, 1.0)
    return one_hot - soft.detach() + soft
