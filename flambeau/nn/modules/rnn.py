"""Single steps of recurrent networks."""

from __future__ import annotations

import math
from typing import Any

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    r"""What the cells share: weights of input and state, in ``num_chunks`` blocks of ``hidden_size`` rows.

    All start from :math:`U(-\sqrt{k}, \sqrt{k})`, :math:`k = 1/\text{hidden\_size}`.

    Args:
        input_size: width of the input.
        hidden_size: width of the state.
        bias: whether there are ``bias_ih`` and ``bias_hh``, ``(num_chunks * hidden_size)``.
        num_chunks: how many blocks ``weight_ih``, ``(num_chunks * hidden_size, input_size)``, and
            ``weight_hh``, ``(num_chunks * hidden_size, hidden_size)``, have.
        device, dtype: of the parameters.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.RNNCellBase(2, 3, True, num_chunks=4).weight_ih.shape
        torch.Size([12, 2])
    """

    input_size: int
    hidden_size: int
    bias: bool
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(_core.empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(_core.empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            if bias:
                setattr(self, name, Parameter(_core.empty(rows, device=device, dtype=dtype)))
            else:
                self.register_parameter(name, None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and options that differ from their defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else text + ", bias=False"

    def _from_input(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight_ih, self.bias_ih)

    def _from_state(self, state: Tensor) -> Tensor:
        return F.linear(state, self.weight_hh, self.bias_hh)

    def _batched(self, input: Tensor, *states: Tensor | None) -> tuple[Tensor, ...]:
        """Input and states, each as a batch; states that are not given are zero."""
        kind = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for state in states:
            if state is not None and state.dim() not in (1, 2):
                raise ValueError(f"{kind}: Expected hidden to be 1D or 2D, got {state.dim()}D instead")
        batch = input if input.dim() == 2 else input.unsqueeze(0)
        if batch.size(1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {batch.size(1)} expected {self.input_size}"
            )
        result = [batch]
        for i, state in enumerate(states):
            if state is None:
                state = batch.new_zeros((batch.size(0), self.hidden_size))
            elif state.dim() == 1:
                state = state.unsqueeze(0)
            if state.size(0) != batch.size(0):
                raise RuntimeError(
                    f"Input batch size {batch.size(0)} doesn't match hidden{i} batch size {state.size(0)}"
                )
            if state.size(1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {state.size(1)}, expected "
                    f"{self.hidden_size}"
                )
            result.append(state)
        return tuple(result)


class RNNCell(RNNCellBase):
    r"""Elman's cell: :math:`h' = \tanh(W_{ih} x + b_{ih} + W_{hh} h + b_{hh})`.

    Args:
        input_size: width of :math:`x`.
        hidden_size: width of :math:`h`.
        bias: whether there are :math:`b_{ih}` and :math:`b_{hh}`.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        device, dtype: of the parameters.

    Shape:
        Input ``(N, input_size)`` or ``(input_size)``; state, by default zero, and result
        ``(N, hidden_size)`` or ``(hidden_size)``.

    Example:
        >>> import flambeau as torch
        >>> cell, h = torch.nn.RNNCell(10, 20), None
        >>> for x in torch.ones(6, 3, 10):
        ...     h = cell(x, h)
        >>> h.shape
        torch.Size([3, 20])

    Source: Elman, "Finding structure in time", 1990.
    """

    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """One step; returns the new state."""
        x, h = self._batched(input, hx)
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        total = self._from_input(x) + self._from_state(h)
        new = total.tanh() if self.nonlinearity == "tanh" else total.relu()
        return new if input.dim() == 2 else new.squeeze(0)

    def extra_repr(self) -> str:
        """The sizes, and options that differ from their defaults."""
        text = super().extra_repr()
        return text if self.nonlinearity == "tanh" else f"{text}, nonlinearity={self.nonlinearity}"


class LSTMCell(RNNCellBase):
    r"""The long short-term memory: :math:`c' = f c + i g`, :math:`h' = o \tanh c'`.

    The gates :math:`i, f, o = \sigma(\cdot)` and :math:`g = \tanh(\cdot)` are affine in :math:`x` and
    :math:`h`; the weights hold them in the order :math:`i, f, g, o`.

    Args:
        input_size: width of :math:`x`.
        hidden_size: width of :math:`h` and :math:`c`.
        bias: whether the maps have summands.
        device, dtype: of the parameters.

    Shape:
        Input ``(N, input_size)`` or ``(input_size)``; states, by default zero, and results
        ``(N, hidden_size)`` or ``(hidden_size)`` each.

    Example:
        >>> import flambeau as torch
        >>> h, c = torch.nn.LSTMCell(10, 20)(torch.ones(3, 10))
        >>> h.shape
        torch.Size([3, 20])

    Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997; Gers et al., "Learning to forget",
    2000.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """One step; returns the new ``(h, c)``."""
        x, h, c = self._batched(input, *((None, None) if hx is None else hx))
        i, f, g, o = (self._from_input(x) + self._from_state(h)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h, c) if input.dim() == 2 else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    r"""The gated recurrent unit: :math:`h' = (1 - z) n + z h`.

    With the gates :math:`r, z = \sigma(\cdot)`, affine in :math:`x` and :math:`h`, and
    :math:`n = \tanh(W_{in} x + b_{in} + r (W_{hn} h + b_{hn}))`; the weights hold the order
    :math:`r, z, n`.

    Args:
        input_size: width of :math:`x`.
        hidden_size: width of :math:`h`.
        bias: whether the maps have summands.
        device, dtype: of the parameters.

    Shape:
        Input ``(N, input_size)`` or ``(input_size)``; state, by default zero, and result
        ``(N, hidden_size)`` or ``(hidden_size)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.GRUCell(10, 20)(torch.ones(3, 10)).shape
        torch.Size([3, 20])

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """One step; returns the new state."""
        x, h = self._batched(input, hx)
        of_input, of_state = self._from_input(x).chunk(3, 1), self._from_state(h).chunk(3, 1)
        r, z = ((a + b).sigmoid() for a, b in zip(of_input[:2], of_state[:2], strict=True))
        n = (of_input[2] + r * of_state[2]).tanh()
        new = n + z * (h - n)
        return new if input.dim() == 2 else new.squeeze(0)
