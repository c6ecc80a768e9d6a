"""Affine layers."""

from __future__ import annotations

import math
from typing import Any

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


class Identity(Module):
    """Returns its input; takes and ignores any arguments.

    Shape:
        Any.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Identity(54, unused=0.1)(torch.ones(2))
        tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Returns the input."""
        return input


class Linear(Module):
    r"""Applies an affine map: :math:`y = x W^\top + b`.

    Weights and bias start from :math:`U(-\sqrt{k}, \sqrt{k})`, :math:`k = 1/\text{in\_features}` (LeCun et
    al., "Efficient BackProp", 1998).

    Args:
        in_features: size of the input's last dimension.
        out_features: size of the output's last dimension.
        bias: whether to add a learnable bias.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Input ``(*, in_features)``, output ``(*, out_features)``; ``weight`` is ``(out_features,
        in_features)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Linear(20, 30)(torch.zeros(128, 20)).shape
        torch.Size([128, 30])
    """

    in_features: int
    out_features: int
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(_core.empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_core.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        init._reset_affine(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Computes the affine map."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """:class:`Linear` whose ``in_features`` the first input decides.

    Args:
        out_features: size of the output's last dimension.
        bias: whether to add a learnable bias.
        device: where the parameters will be made.
        dtype: their type.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyLinear(3)
        >>> layer(torch.zeros(2, 7)).shape, layer
        (torch.Size([2, 3]), Linear(in_features=7, out_features=3, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, bias=False, device=device, dtype=dtype)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:  # type: ignore[override]
        """Makes weight and bias for the input's last dimension.

        Args:
            input: ``(*, in_features)``.
        """
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            for parameter, shape in (
                (self.weight, (self.out_features, self.in_features)),
                (self.bias, (self.out_features,)),
            ):
                if isinstance(parameter, UninitializedParameter):
                    parameter.materialize(shape)
            self.reset_parameters()
        if self.in_features == 0:
            self.in_features = input.shape[-1]


class Bilinear(Module):
    r"""Applies a bilinear map: :math:`y_o = x_1^\top A_o x_2 + b_o`.

    Weights and bias start from :math:`U(-\sqrt{k}, \sqrt{k})`, :math:`k = 1/\text{in1\_features}`.

    Args:
        in1_features: width of :math:`x_1`.
        in2_features: width of :math:`x_2`.
        out_features: width of :math:`y`.
        bias: whether there is :math:`b`.
        device: where the parameters are made.
        dtype: their type.

    Shape:
        Inputs ``(*, in1_features)`` and ``(*, in2_features)``, output ``(*, out_features)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Bilinear(20, 30, 40)(torch.ones(8, 20), torch.ones(8, 30)).shape
        torch.Size([8, 40])
    """

    in1_features: int
    in2_features: int
    out_features: int
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(_core.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_core.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Computes the bilinear map."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """A linear layer by the name that attention's last projection has in PyTorch."""
