"""Activation layers."""

from __future__ import annotations

import warnings
from typing import Any

import flambeau

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .. import init as _init
from ..functional._attention import canonical_mask
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
    "LogSigmoid", "LogSoftmax", "Mish", "MultiheadAttention", "PReLU", "RReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid",
    "Softmax", "Softmax2d",
    "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold",
]  # fmt: skip


class _InPlace(Module):
    """An activation whose only argument says whether it writes to its input."""

    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Whether it works in place."""
        return "inplace=True" if self.inplace else ""


def _in_place_suffix(module: Any) -> str:
    return ", inplace=True" if module.inplace else ""


class ReLU(_InPlace):
    r"""Applies :math:`\max(0, x)`.

    Args:
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.relu(input, self.inplace)


class SiLU(_InPlace):
    r"""Applies :math:`x \, \sigma(x)`.

    Args:
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.SiLU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311])

    Source: Elfwing et al., "Sigmoid-weighted linear units for neural network function approximation", 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.silu(input, self.inplace)


class Mish(_InPlace):
    r"""Applies :math:`x \tanh(\log(1 + e^x))`.

    Args:
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Mish()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8651])

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.mish(input, self.inplace)


class Hardswish(_InPlace):
    r"""Applies :math:`x \min(\max(x + 3, 0), 6) / 6`.

    Args:
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Hardswish()(torch.tensor([-4.0, 3.0]))
        tensor([-0., 3.])

    Source: Howard et al., "Searching for MobileNetV3", 2019.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing."""
        return ""


class Hardsigmoid(_InPlace):
    r"""Applies :math:`\min(\max(x + 3, 0), 6) / 6`.

    Args:
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Hardsigmoid()(torch.tensor([-4.0, 0.0, 3.0]))
        tensor([0.0000, 0.5000, 1.0000])

    Source: Courbariaux et al., "BinaryConnect", 2015.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing."""
        return ""


class SELU(_InPlace):
    r"""Applies :math:`\lambda x` where it is positive, else :math:`\lambda \alpha (e^x - 1)`.

    With :math:`\alpha \approx 1.6733` and :math:`\lambda \approx 1.0507`, activations keep mean 0 and
    variance 1.

    Args:
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.SELU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.0507])

    Source: Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.selu(input, self.inplace)


class Threshold(Module):
    r"""Applies :math:`x` where it is greater than a threshold, else a value.

    Args:
        threshold: the threshold.
        value: what stands for the rest.
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Threshold(0.5, 20.0)(torch.tensor([0.0, 1.0]))
        tensor([20.,  1.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The threshold and the value."""
        return f"threshold={self.threshold}, value={self.value}{_in_place_suffix(self)}"


class Hardtanh(Module):
    r"""Applies :math:`\min(\max(x, \text{min\_val}), \text{max\_val})`.

    Args:
        min_val: the lower bound.
        max_val: the upper bound.
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Hardtanh()(torch.tensor([-2.0, 0.5, 2.0]))
        tensor([-1.0000,  0.5000,  1.0000])
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        for name, old in (("min", min_value), ("max", max_value)):
            if old is not None:
                warnings.warn(
                    f"keyword argument `{name}_value` is deprecated and renamed to `{name}_val`",
                    FutureWarning,
                    stacklevel=2,
                )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """The bounds."""
        return f"min_val={self.min_val}, max_val={self.max_val}{_in_place_suffix(self)}"


class ReLU6(Hardtanh):
    r"""Applies :math:`\min(\max(0, x), 6)`.

    Args:
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ReLU6()(torch.tensor([-1.0, 7.0]))
        tensor([0., 6.])

    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Whether it works in place."""
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    r"""Applies :math:`x` where it is positive, else ``negative_slope`` times it.

    Args:
        negative_slope: the slope.
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LeakyReLU(0.1)(torch.tensor([-1.0, 2.0]))
        tensor([-0.1000,  2.0000])

    Source: Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}{_in_place_suffix(self)}"


class PReLU(Module):
    r"""Applies :math:`x` where it is positive, else :math:`w x` with a learnable :math:`w`.

    Args:
        num_parameters: 1, or the number of channels (dimension 1 of the input).
        init: where the slopes start.
        device: where the parameter is made.
        dtype: its type.

    Shape:
        Input and output ``(*)``, or ``(N, num_parameters, *)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.PReLU()(torch.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]

    Source: He et al., "Delving deep into rectifiers", 2015.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(_core.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the slopes to where they start."""
        _init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    r"""Applies :math:`x` where it is positive, else :math:`\alpha (e^x - 1)`.

    Args:
        alpha: minus the limit at minus infinity.
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.ELU()(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])

    Source: Clevert et al., "Fast and accurate deep network learning by exponential linear units", 2016.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The limit."""
        return f"alpha={self.alpha}{_in_place_suffix(self)}"


class CELU(ELU):
    r"""Applies :math:`x` where it is positive, else :math:`\alpha (e^{x / \alpha} - 1)`.

    Args:
        alpha: minus the limit at minus infinity.
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CELU(2.0)(torch.tensor([-2.0, 2.0]))
        tensor([-1.2642,  2.0000])

    Source: Barron, "Continuously differentiable exponential linear units", 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.celu(input, self.alpha, self.inplace)


class GELU(Module):
    r"""Applies :math:`x \Phi(x)` with the normal distribution function :math:`\Phi`.

    Args:
        approximate: ``"none"``, or ``"tanh"`` for an approximation without it.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.GELU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8413])

    Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """The approximation."""
        return f"approximate={self.approximate!r}"


class GLU(Module):
    r"""Splits the input into halves :math:`a, b` and gives :math:`a \, \sigma(b)`.

    Args:
        dim: the dimension to split.

    Shape:
        Input ``(*, N, *)`` with an even ``N``; output ``(*, N / 2, *)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.GLU()(torch.zeros(4, 6)).shape
        torch.Size([4, 3])

    Source: Dauphin et al., "Language modeling with gated convolutional networks", 2017.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Applies the gate."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Hardshrink(Module):
    r"""Applies :math:`x` where :math:`|x| > \lambda`, else 0.

    Args:
        lambd: the threshold.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Hardshrink()(torch.tensor([-0.5, 0.6]))
        tensor([0.0000, 0.6000])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The threshold."""
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    r"""Moves the input towards zero by :math:`\lambda`, and to zero where it is nearer than that.

    Args:
        lambd: how far.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Softshrink()(torch.tensor([-2.0, 0.3]))
        tensor([-1.5000,  0.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.softshrink(input, self.lambd)


class Sigmoid(Module):
    r"""Applies :math:`1 / (1 + e^{-x})`.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Sigmoid()(torch.zeros(2))
        tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return input.sigmoid()


class LogSigmoid(Module):
    r"""Applies :math:`-\log(1 + e^{-x})`.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LogSigmoid()(torch.zeros(2))
        tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.logsigmoid(input)


class Tanh(Module):
    r"""Applies :math:`\tanh x`.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Tanh()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return input.tanh()


class Tanhshrink(Module):
    r"""Applies :math:`x - \tanh x`.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Tanhshrink()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2384])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.tanhshrink(input)


class Softsign(Module):
    r"""Applies :math:`x / (1 + |x|)`.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Softsign()(torch.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.softsign(input)


class Softplus(Module):
    r"""Applies :math:`\log(1 + e^{\beta x}) / \beta`, and :math:`x` itself where :math:`\beta x` is large.

    Args:
        beta: :math:`\beta`.
        threshold: from where :math:`\beta x` is large.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Softplus()(torch.zeros(2))
        tensor([0.6931, 0.6931])

    Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"beta={self.beta}, threshold={self.threshold}"


class _AlongDim(Module):
    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)  # states from before it existed

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    r"""Applies :math:`e^{x_i} / \sum_j e^{x_j}` along a dimension.

    Args:
        dim: the dimension along which the results add up to one.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Softmax(dim=1)(torch.zeros(1, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.softmax(input, self.dim, _stacklevel=5)


class Softmin(_AlongDim):
    r"""Applies :math:`e^{-x_i} / \sum_j e^{-x_j}` along a dimension.

    Args:
        dim: the dimension along which the results add up to one.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Softmin(dim=0)(torch.zeros(2))
        tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.softmin(input, self.dim, _stacklevel=5)


class LogSoftmax(_AlongDim):
    r"""Applies :math:`x_i - \log \sum_j e^{x_j}` along a dimension.

    Args:
        dim: the dimension.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LogSoftmax(dim=0)(torch.zeros(2))
        tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.log_softmax(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    r"""Applies :math:`e^{x_c} / \sum_k e^{x_k}` over the channels.

    Shape:
        Input and output ``(N, C, H, W)`` or ``(C, H, W)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Softmax2d()(torch.zeros(2, 1, 1))
        tensor([[[0.5000]],
        <BLANKLINE>
                [[0.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3, _stacklevel=5)


class RReLU(Module):
    r"""Applies :math:`x` where it is positive, else :math:`a x` with :math:`a` drawn for each element in training.

    Args:
        lower, upper: the bounds between which slopes are drawn; out of training each is their mean.
        inplace: whether to write to the input.

    Shape:
        Input and output ``(*)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.RReLU(0.125, 0.375).eval()(torch.tensor([-8.0, 2.0]))
        tensor([-2.,  2.])
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Applies the function."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The bounds."""
        return f"lower={self.lower}, upper={self.upper}{_in_place_suffix(self)}"


def forward_only(*tensors: Tensor) -> bool:
    """Whether plain tensors, of a device with kernels for inference, are given and none of them asks for a gradient."""
    if flambeau.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return False
    return not any(t.is_meta for t in tensors) and not flambeau.overrides.has_torch_function(tensors)


class MultiheadAttention(Module):
    r"""Attention in several heads, each in its own projections of query, key and value.

    The projections start from Glorot's uniform distribution, biases from 0, the keys and values of `add_bias_kv` from
    Glorot's normal one.

    Args:
        embed_dim: width of the query and of the result.
        num_heads: how many heads, a divisor of `embed_dim`.
        dropout: the probability with which a weight is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: whether there is one more key and value, which are learnt.
        add_zero_attn: whether there is one more key and value of zeros.
        kdim: width of the key; default: `embed_dim`.
        vdim: width of the value; default: `embed_dim`.
        batch_first: whether the first axis is that of the samples.
        device, dtype: of the parameters.

    Shape:
        Query ``(L, N, E)``, key ``(S, N, kdim)``, value ``(S, N, vdim)``, without N for one sample; result as the query,
        weights ``(N, L, S)``, or ``(N, num_heads, L, S)`` where they are not averaged.

    Example:
        >>> import flambeau as torch
        >>> attention, x = torch.nn.MultiheadAttention(8, 2), torch.ones(5, 3, 8)
        >>> y, weights = attention(x, x, x)
        >>> y.shape, weights.shape
        (torch.Size([5, 3, 8]), torch.Size([3, 5, 5]))

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    embed_dim: int
    num_heads: int
    head_dim: int
    batch_first: bool
    in_proj_weight: Tensor | None
    q_proj_weight: Tensor | None
    k_proj_weight: Tensor | None
    v_proj_weight: Tensor | None
    in_proj_bias: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None
    out_proj: NonDynamicallyQuantizableLinear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def table(*size: int) -> Parameter:
            return Parameter(_core.empty(size, device=device, dtype=dtype))

        if self._qkv_same_embed_dim:
            self.in_proj_weight = table(3 * embed_dim, embed_dim)
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = table(embed_dim, embed_dim)
            self.k_proj_weight = table(embed_dim, self.kdim)
            self.v_proj_weight = table(embed_dim, self.vdim)
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = table(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, device=device, dtype=dtype
        )
        if add_bias_kv:
            self.bias_k, self.bias_v = table(1, 1, embed_dim), table(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                _init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            _init.constant_(self.in_proj_bias, 0.0)
            assert self.out_proj.bias is not None
            _init.constant_(self.out_proj.bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                _init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """What the queries find among the values, and the weights where they are needed; masks are True, or added to
        the scores, where nobody may attend."""
        floats = any(m is not None and m.is_floating_point() for m in (attn_mask, key_padding_mask))
        fast = (
            query is key
            and key is value
            and query.dim() == 3
            and not floats
            and self._may_take_fast_path()
            and query.dtype == self.out_proj.weight.dtype
            and forward_only(query, *self.parameters())
        )
        padding = canonical_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask, "attn_mask")
        mask = canonical_mask(attn_mask, "attn_mask", query.dtype)
        return self._forward(
            query, key, value, padding, need_weights, mask, average_attn_weights, is_causal, fast=fast
        )

    def _may_take_fast_path(self, training: bool | None = None) -> bool:
        """Whether PyTorch has a kernel for the whole of a layer made like this; `training` stands for the layer's own."""
        return (
            not (self.training if training is None else training)
            and self.batch_first
            and self.num_heads % 2 == 0
            and self._qkv_same_embed_dim
            and self.in_proj_bias is not None
            and self.bias_k is None
            and not self.add_zero_attn
            and flambeau.backends.mha.get_fastpath_enabled()
            and not flambeau.is_autocast_enabled()
        )

    def _forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None,
        need_weights: bool,
        attn_mask: Tensor | None,
        average_attn_weights: bool,
        is_causal: bool,
        *,
        fast: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Attention with masks that are added. `fast`: as PyTorch's kernel for inference has it, which takes no hint, and
        whose queries that may attend to nothing find NaN, as they do where weights are returned."""
        masked = attn_mask is not None or key_padding_mask is not None
        batched = query.dim() == 3
        if self.batch_first and batched:
            query, key, value = (x.transpose(0, 1) if x.dim() == 3 else x for x in (query, key, value))
        result, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights or (fast and masked),
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal and not fast,
        )
        if self.batch_first and batched:
            result = result.transpose(0, 1)
        return result, (weights if need_weights else None)

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """One mask of the two, and its kind.

        Args:
            attn_mask: ``(L, L)`` or ``(N num_heads, L, L)``.
            key_padding_mask: ``(N, L)``.
            query: ``(N, L, E)``.

        Returns:
            None and None without masks; `key_padding_mask` alone and 1; else their sum ``(N, num_heads, L, L)`` and 2.
        """
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        samples, length, _ = query.shape
        if attn_mask.dim() == 3:
            merged = attn_mask.view(samples, -1, length, length)
        else:
            merged = attn_mask.view(1, 1, length, length).expand(samples, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            merged = merged + key_padding_mask.view(samples, 1, 1, length).expand(-1, self.num_heads, -1, -1)
        return merged, 2

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault(
            "_qkv_same_embed_dim", True
        )  # states from before keys could have widths of their own
