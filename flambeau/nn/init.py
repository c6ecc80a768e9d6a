"""Filling parameters with their initial values; every function writes to its argument and returns it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from .._core import Tensor

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal",
    "kaiming_normal_", "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal",
    "orthogonal_", "sparse", "sparse_", "trunc_normal_", "uniform", "uniform_", "xavier_normal",
    "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_",
]  # fmt: skip

_LINEAR = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "sigmoid",
)  # fmt: skip


def _no_grad() -> Any:
    import flambeau

    return flambeau.no_grad()


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    r"""The factor by which a standard deviation makes up for what an activation takes away.

    1 for linear maps and sigmoid, 5/3 for tanh, :math:`\sqrt 2` for relu, :math:`\sqrt{2 / (1 + a^2)}` for
    leaky_relu, 3/4 for selu.

    Args:
        nonlinearity: the name of the function in ``nn.functional``.
        param: the negative slope ``a`` of leaky_relu; default 0.01.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.calculate_gain("tanh")
        1.6666666666666667
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fills with draws from :math:`U(a, b)`.

    Args:
        tensor: filled in place, and returned.
        a, b: the bounds.
        generator: the source of random numbers.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.uniform_(torch.empty(2, 3)).max().item() <= 1.0
        True
    """
    with _no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    r"""Fills with draws from :math:`N(\text{mean}, \text{std}^2)`.

    Args:
        tensor: filled in place, and returned.
        mean, std: of the distribution.
        generator: the source of random numbers.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.normal_(torch.empty(2, 3)).shape
        torch.Size([2, 3])
    """
    with _no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    r"""Fills with draws from :math:`N(\text{mean}, \text{std}^2)` restricted to :math:`[a, b]`.

    Where the interval holds more than 0.3 of the distribution, normal draws outside are drawn again; else
    uniform draws from the interval are accepted with probability proportional to the density (rejection
    sampling, von Neumann, 1951).

    Args:
        tensor: what to fill.
        mean: of the normal distribution before it is cut.
        std: likewise.
        a: the lower bound.
        b: the upper bound.
        generator: the source of random numbers.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.trunc_normal_(torch.empty(2, 3)).abs().max().item() <= 2.0
        True
    """
    import flambeau

    def below(x: float) -> float:
        return (1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )
    with _no_grad():
        if below(b) - below(a) > 0.3:
            low, high = (
                tensor.new_tensor(a).item(),
                tensor.new_tensor(b).item(),
            )  # as the tensor's type rounds them
            draws = tensor.normal_(mean, std, generator=generator)
            outside = (draws < low) | (draws > high)
            while outside.any():
                again = flambeau.empty_like(draws).normal_(mean, std, generator=generator)
                draws = flambeau.where(outside, again, draws)
                outside = (draws < low) | (draws > high)
        else:
            mode = max(a, min(mean, b))  # where the density peaks inside the interval
            log_peak = -0.5 * ((mode - mean) / std) ** 2

            def rejected(candidates: Tensor) -> Tensor:
                log_ratio = ((candidates - mean) / std) ** 2 * -0.5 - log_peak
                return flambeau.empty_like(candidates).uniform_(generator=generator).log_() > log_ratio

            draws = tensor.uniform_(a, b, generator=generator)
            pending = rejected(draws)
            while pending.any():
                candidates = flambeau.empty_like(draws).uniform_(a, b, generator=generator)
                draws = flambeau.where(pending, candidates, draws)
                pending = pending & rejected(candidates)
        return tensor if draws is tensor else tensor.copy_(draws)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with one value.

    Args:
        tensor: filled in place, and returned.
        val: the value.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.constant_(torch.empty(2), 3.0).tolist()
        [3.0, 3.0]
    """
    with _no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with ones.

    Args:
        tensor: filled in place, and returned.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.ones_(torch.empty(2)).tolist()
        [1.0, 1.0]
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with zeros.

    Args:
        tensor: filled in place, and returned.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.zeros_(torch.empty(2)).tolist()
        [0.0, 0.0]
    """
    with _no_grad():
        return tensor.zero_()


def eye_(tensor: Tensor) -> Tensor:
    """Makes a matrix the identity, so that a linear layer keeps as many inputs as it can.

    Raises:
        ValueError: the tensor is no matrix.

    Args:
        tensor: a matrix, filled in place, and returned.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.eye_(torch.empty(2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    import flambeau

    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with _no_grad():
        return tensor.copy_(flambeau.eye(*tensor.shape, dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Makes a convolution's weight the identity: the centre tap of channel ``i`` of each group passes channel
    ``i``.

    Args:
        tensor: a weight of 3, 4 or 5 dimensions.
        groups: the groups of the convolution.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.dirac_(torch.empty(1, 1, 3)).tolist()
        [[[0.0, 1.0, 0.0]]]
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = out_channels // groups
    centre = tuple(size // 2 for size in kernel)
    with _no_grad():
        tensor.zero_()
        for first in range(0, out_channels, per_group):
            for channel in range(min(per_group, in_channels)):
                tap = (first + channel, channel, *centre)
                tensor[tap] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output of a layer with this weight sees, and the other way round."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    fan_out, fan_in, *kernel = tensor.shape
    receptive_field = math.prod(kernel)
    return fan_in * receptive_field, fan_out * receptive_field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    r"""Fills from :math:`U(-a, a)` with :math:`a = \text{gain} \sqrt{6 / (\text{fan\_in} +
    \text{fan\_out})}`.

    Args:
        tensor: the weight, of two dimensions at least.
        gain: a factor.
        generator: the source of random numbers.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.xavier_uniform_(torch.empty(3, 3)).abs().max().item() <= 1.0
        True

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        2010.
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    r"""Fills from :math:`N(0, \sigma^2)` with :math:`\sigma =
    \text{gain}\sqrt{2/(\text{fan\_in}+\text{fan\_out})}`.

    Args:
        tensor: the weight, of two dimensions at least.
        gain: a factor.
        generator: the source of random numbers.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.xavier_normal_(torch.empty(2, 3)).shape
        torch.Size([2, 3])

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        2010.
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    r"""Fills from :math:`U(-b, b)` with :math:`b = \text{gain} \sqrt{3 / \text{fan}}`.

    Args:
        tensor: the weight.
        a: the negative slope of the leaky_relu that follows.
        mode: ``"fan_in"`` keeps the variance of the forward pass, ``"fan_out"`` that of the backward pass.
        nonlinearity: the activation that follows, as :func:`calculate_gain` knows it.
        generator: the source of random numbers.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.kaiming_uniform_(torch.empty(2, 3), nonlinearity="relu").shape
        torch.Size([2, 3])

    Source: He et al., "Delving deep into rectifiers", 2015.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    r"""Fills from :math:`N(0, \sigma^2)` with :math:`\sigma = \text{gain} / \sqrt{\text{fan}}`.

    The variance of what passes a layer then stays as it is, forward or backward.

    Args:
        tensor: the weight, (outputs, inputs, ...).
        a: the slope below zero of the leaky rectifier behind the layer.
        mode: ``"fan_in"``, the inputs of an output, or ``"fan_out"``: which of them is the fan.
        nonlinearity: the function behind the layer, which decides the gain; see :func:`calculate_gain`.
        generator: the source of the draws.

    Returns:
        The tensor.

    Raises:
        ValueError: another mode or function, or less than two dimensions.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.init.kaiming_normal_(torch.empty(2, 3), nonlinearity="relu").shape
        torch.Size([2, 3])

    Source: He et al., "Delving deep into rectifiers", 2015.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


def _reset_affine(weight: Tensor, bias: Tensor | None) -> None:
    r"""Fills both from :math:`U(-b, b)`, :math:`b = 1/\sqrt{fan\_in}`: the default of Linear and Conv."""
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = _calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        uniform_(bias, -bound, bound)


def _orthonormal_columns(matrix: Tensor) -> Tensor:
    """The Q of a QR decomposition whose R has a positive diagonal."""
    import flambeau

    wide = matrix.float() if matrix.dtype in (flambeau.float16, flambeau.bfloat16) else matrix
    q, r = flambeau.linalg.qr(wide)
    return (q * r.diagonal().sgn()).to(matrix.dtype)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    r"""Fills with a random matrix whose columns (or rows, if there are fewer) are orthonormal, times ``gain``.

    It is the factor Q of normal draws, where R has a positive diagonal, which makes its distribution uniform.

    Args:
        tensor: of two dimensions or more; the first one counts the rows, all others together the columns.
        gain: what the matrix is multiplied by.
        generator: the source of the draws.

    Returns:
        The tensor.

    Raises:
        ValueError: less than two dimensions.

    Example:
        >>> import flambeau as torch
        >>> w = torch.nn.init.orthogonal_(torch.empty(3, 5))
        >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-6)
        True

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear networks",
    2014; Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    cols = tensor.numel() // rows
    with _no_grad():
        draws = tensor.new_empty((rows, cols)).normal_(0, 1, generator=generator)
        if rows < cols:
            basis = _orthonormal_columns(draws.t()).t()
        else:
            basis = _orthonormal_columns(draws)
        return tensor.copy_(basis.reshape(tensor.shape)).mul_(gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    r"""Fills a matrix from :math:`N(0, \text{std}^2)` and sets a fraction of each column to zero.

    Args:
        tensor: the matrix.
        sparsity: the fraction.
        std: the standard deviation.
        generator: the source of the normal draws.

    Example:
        >>> import flambeau as torch
        >>> (torch.nn.init.sparse_(torch.empty(4, 2), 0.5) == 0).sum(0).tolist()
        [2, 2]

    Source: Martens, "Deep learning via Hessian-free optimization", 2010.
    """
    import flambeau

    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with _no_grad():
        tensor.normal_(0, std, generator=generator)
        for col in range(cols):
            tensor[flambeau.randperm(rows)[:zeros], col] = 0
    return tensor


def _deprecated(new: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The name without the underscore, from before 0.4."""
    old_name = new.__name__[:-1]

    def old(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old_name}` is now deprecated in favor of `nn.init.{new.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        return new(*args, **kwargs)

    old.__name__ = old.__qualname__ = old_name
    old.__doc__ = f"Deprecated: the same as :func:`{new.__name__}`."
    return old


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
