"""Recurrent networks over sequences, and their single steps."""

from __future__ import annotations

import math
import numbers
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from ... import _core
from ..._core import Tensor
from .. import init
from ..parameter import Parameter
from ._counts import check_layers
from .module import Module

if TYPE_CHECKING:
    from ..utils.rnn import PackedSequence

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _is_unit_number(value: Any) -> bool:
    return isinstance(value, numbers.Number) and not isinstance(value, bool) and 0 <= value <= 1  # type: ignore[operator]


def _is_packed(value: Any) -> TypeGuard[PackedSequence]:
    from ..utils.rnn import PackedSequence

    return isinstance(value, PackedSequence)


def _type_of(value: Any) -> str:
    return type(value).__name__


class RNNBase(Module):
    r"""What :class:`RNN`, :class:`LSTM` and :class:`GRU` share: their weights, and the checks of their operands.

    All weights start from :math:`U(-\sqrt{k}, \sqrt{k})`, :math:`k = 1/\text{hidden\_size}`. Their names end
    in ``_l0``, ``_l1`` and so on for the layers, and in ``_reverse`` for the second direction.

    Args:
        mode: ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``.
        input_size: width of the input.
        hidden_size: width of the state.
        num_layers: how many layers stand upon each other.
        bias: whether there are ``bias_ih`` and ``bias_hh``.
        batch_first: whether input and output are ``(N, T, *)`` instead of ``(T, N, *)``.
        dropout: probability with which, in training, elements between layers become 0.
        bidirectional: whether a second direction runs from the last step to the first.
        proj_size: width to which the state is projected; 0: it is not. LSTM only.
        device, dtype: of the weights.

    Raises:
        ValueError: a size or probability is out of its range, or the mode unknown.
        TypeError: a flag or size is of another type.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.RNNBase("GRU", 2, 4, num_layers=2).weight_ih_l1.shape
        torch.Size([12, 4])
    """

    __constants__ = [
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size",
    ]  # fmt: skip

    mode: str
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int
    _flat_weights: list[Tensor]
    _flat_weights_names: list[str]
    _all_weights: list[list[str]]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._flat_weight_refs: list[weakref.ref[Tensor] | None] = []
        self._check_options(dropout)
        self._flat_weights_names = []
        self._all_weights = []
        rows, state = _GATES[mode] * hidden_size, proj_size or hidden_size
        check_layers(num_layers, 4 * rows * state)
        for layer in range(num_layers):
            width = input_size if layer == 0 else state * self._directions
            for suffix in ("", "_reverse")[: self._directions]:
                sizes = {"weight_ih": (rows, width), "weight_hh": (rows, state)}
                if bias:
                    sizes |= {"bias_ih": (rows,), "bias_hh": (rows,)}  # type: ignore[dict-item]
                if proj_size:
                    sizes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{name}_l{layer}{suffix}" for name in sizes]
                for name, size in zip(names, sizes.values(), strict=True):
                    setattr(self, name, Parameter(_core.empty(size, device=device, dtype=dtype)))
                self._flat_weights_names.extend(names)
                self._all_weights.append(names)
        self._init_flat_weights()
        self.reset_parameters()

    def _check_options(self, dropout: Any) -> None:
        if not _is_unit_number(dropout):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being "
                "zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {_type_of(value)}")
            if kind is int and value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    # ---- the weights as one list, in the order of the functions' `params`

    def _init_flat_weights(self) -> None:
        self._flat_weights = [getattr(self, name, None) for name in self._flat_weights_names]  # type: ignore[misc]
        self._note_weights()
        self.flatten_parameters()

    def _note_weights(self) -> None:
        self._flat_weight_refs = [None if w is None else weakref.ref(w) for w in self._flat_weights]

    def __setattr__(self, name: str, value: Any) -> None:
        names = self.__dict__.get("_flat_weights_names")
        if names and name in names and "_flat_weights" in self.__dict__:
            self._flat_weights[names.index(name)] = value
        super().__setattr__(name, value)

    def flatten_parameters(self) -> None:
        """Does nothing: only cuDNN wants its weights in one block."""

    def _weights_have_changed(self) -> bool:
        parameters = self._parameters
        for ref, name in zip(self._flat_weight_refs, self._flat_weights_names, strict=True):
            weight = parameters.get(name)
            if weight is None:
                weight = getattr(self, name, None)
            if weight is not None and ref is not None and ref() is not weight:
                return True
        return False

    def _update_flat_weights(self) -> None:
        if self._weights_have_changed():
            self._init_flat_weights()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Module:
        self._flat_weight_refs = []
        result = super()._apply(fn, recurse)
        self._init_flat_weights()
        return result

    def __getstate__(self) -> dict[str, Any]:
        self._update_flat_weights()
        state = dict(super().__getstate__())
        del state["_flat_weight_refs"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("proj_size", 0)  # modules from before PyTorch 1.8
        self._note_weights()

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # ---- checks of operands

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises where the input does not fit: ValueError for its dtype, RuntimeError for its sizes."""
        dtype = self._flat_weights[0].dtype
        if input.dtype != dtype and not _core._autocast_is_enabled("cpu"):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 3 if batch_sizes is None else 2
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _batch_size(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        if batch_sizes is not None:
            return int(batch_sizes[0])
        return input.size(0 if self.batch_first else 1)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The sizes that the state h must have."""
        width = self.proj_size or self.hidden_size
        return self.num_layers * self._directions, self._batch_size(input, batch_sizes), width

    def check_hidden_size(
        self,
        hx: Tensor,
        expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:
        """Raises RuntimeError with `msg` where a state has other sizes than expected."""
        if hx.size() != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises where input and state do not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states of the sequences in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    # ---- the run

    def _zeros(self, input: Tensor, batch_sizes: Tensor | None, width: int) -> Tensor:
        sizes = self.num_layers * self._directions, self._batch_size(input, batch_sizes), width
        return input.new_zeros(sizes)

    def _start(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        """The states before the first step where none are given."""
        return self._zeros(input, batch_sizes, self.hidden_size)

    def _batched_state(self, hx: Any, batched: bool) -> Any:
        """The given states with a dimension for the batch."""
        if hx.dim() != (3 if batched else 2):
            raise RuntimeError(
                f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx should also be "
                f"{3 if batched else 2}-D but got {hx.dim()}-D tensor"
            )
        return hx if batched else hx.unsqueeze(1)

    def _single_state(self, hidden: Any) -> Any:
        return hidden.squeeze(1)

    _dimensions_error = "{}: Expected input to be 2D or 3D, got {}D instead"

    def _run(self, function: Callable[..., Any], input: Any, hx: Any) -> tuple[Any, Any]:
        """Output and states behind the last step, in the form of the input."""
        self._update_flat_weights()
        if isinstance(input, tuple) and _is_packed(input):
            return self._run_packed(function, input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(self._dimensions_error.format(type(self).__name__, input.dim()))
        batched, batch_dim = input.dim() == 3, 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
        hx = self._start(input, None) if hx is None else self._batched_state(hx, batched)
        self.check_forward_args(input, hx, None)
        output, *hidden = function(
            input, hx, self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
            self.bidirectional, self.batch_first,
        )  # fmt: skip
        last = tuple(hidden) if len(hidden) > 1 else hidden[0]
        return (output, last) if batched else (output.squeeze(batch_dim), self._single_state(last))

    def _run_packed(
        self, function: Callable[..., Any], packed: PackedSequence, hx: Any
    ) -> tuple[PackedSequence, Any]:
        data, batch_sizes, sorted_indices, unsorted_indices = packed
        if hx is None:
            hx = self._start(data, batch_sizes)
        else:  # one state for each sequence, in the order before they were sorted
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        output, *hidden = function(
            data, batch_sizes, hx, self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
            self.bidirectional,
        )  # fmt: skip
        last = tuple(hidden) if len(hidden) > 1 else hidden[0]
        result = type(packed)(output, batch_sizes, sorted_indices, unsorted_indices)
        return result, self.permute_hidden(last, unsorted_indices)

    def extra_repr(self) -> str:
        """The sizes, and options that differ from their defaults."""
        defaults = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
            "bidirectional": False,
        }  # fmt: skip
        changed = [f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *changed])


def _refuse_projection(options: dict[str, Any]) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    if options:
        raise TypeError(f"__init__() got an unexpected keyword argument '{next(iter(options))}'")


class RNN(RNNBase):
    r"""Elman's network: :math:`h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})`, layer upon layer.

    Args:
        input_size: width of :math:`x`.
        hidden_size: width of :math:`h`.
        num_layers: how many layers stand upon each other.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether there are :math:`b_{ih}` and :math:`b_{hh}`.
        batch_first: whether input and output are ``(N, T, *)`` instead of ``(T, N, *)``.
        dropout: probability with which, in training, elements between layers become 0.
        bidirectional: whether a second direction runs from the last step to the first.
        device, dtype: of the weights.

    Shape:
        Input ``(T, N, input_size)``, ``(T, input_size)`` or a `PackedSequence`; the states before the first
        step, by default zero, and those behind the last one ``(D * num_layers, N, hidden_size)`` with D
        directions; output ``(T, N, D * hidden_size)``.

    Raises:
        ValueError, TypeError: of options, see :class:`RNNBase`; ValueError: of the input's dtype.
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> output, h = torch.nn.RNN(10, 20, num_layers=2)(torch.ones(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))

    Source: Elman, "Finding structure in time", 1990.
    """

    nonlinearity: str
    _dimensions_error = "{}: Expected input to be 2D or 3D, got {}D tensor instead"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        _refuse_projection(others)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, device=device, dtype=dtype,
        )  # fmt: skip

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """Output and the states behind the last step."""
        return self._run(_core.rnn_tanh if self.mode == "RNN_TANH" else _core.rnn_relu, input, hx)


class LSTM(RNNBase):
    r"""The long short-term memory, layer upon layer: :math:`c_t = f c_{t-1} + i g`, :math:`h_t = o \tanh c_t`.

    The gates :math:`i, f, o = \sigma(\cdot)` and :math:`g = \tanh(\cdot)` are affine in :math:`x_t` and
    :math:`h_{t-1}`; the weights hold them in the order :math:`i, f, g, o`. With a projection,
    :math:`h_t = W_{hr} (o \tanh c_t)`.

    Args:
        input_size: width of :math:`x`.
        hidden_size: width of :math:`c`, and of :math:`h` where it is not projected.
        num_layers: how many layers stand upon each other.
        bias: whether the maps have summands.
        batch_first: whether input and output are ``(N, T, *)`` instead of ``(T, N, *)``.
        dropout: probability with which, in training, elements between layers become 0.
        bidirectional: whether a second direction runs from the last step to the first.
        proj_size: width to which :math:`h` is projected; 0: it is not.
        device, dtype: of the weights.

    Shape:
        Input ``(T, N, input_size)``, ``(T, input_size)`` or a `PackedSequence`; the states ``(h, c)`` before
        the first step, by default zero, and those behind the last one ``(D * num_layers, N, width)`` with D
        directions; output ``(T, N, D * width)``.

    Raises:
        ValueError, TypeError: of options, see :class:`RNNBase`; ValueError: of the input's dtype.
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> output, (h, c) = torch.nn.LSTM(10, 20, bidirectional=True)(torch.ones(5, 3, 10))
        >>> output.shape, c.shape
        (torch.Size([5, 3, 40]), torch.Size([2, 3, 20]))

    Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997; Gers et al., "Learning to forget",
    2000; Sak et al., "Long short-term memory based recurrent neural network architectures", 2014.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype,
        )  # fmt: skip

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The sizes that the state c must have."""
        return self.num_layers * self._directions, self._batch_size(input, batch_sizes), self.hidden_size

    def check_forward_args(
        self, input: Tensor, hidden: tuple[Tensor, Tensor], batch_sizes: Tensor | None
    ) -> None:
        """Raises where input and states do not fit."""
        self.check_input(input, batch_sizes)
        h, c = (
            self.get_expected_hidden_size(input, batch_sizes),
            self.get_expected_cell_size(input, batch_sizes),
        )
        self.check_hidden_size(hidden[0], h, "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], c, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: tuple[Tensor, Tensor], permutation: Tensor | None) -> tuple[Tensor, Tensor]:
        """The states of the sequences in another order."""
        if permutation is None:
            return hx
        return hx[0].index_select(1, permutation), hx[1].index_select(1, permutation)

    def _start(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[Tensor, Tensor]:
        h = self._zeros(input, batch_sizes, self.proj_size or self.hidden_size)
        return h, self._zeros(input, batch_sizes, self.hidden_size) if self.proj_size else h

    def _batched_state(self, hx: Any, batched: bool) -> tuple[Tensor, Tensor]:
        h, c = hx[0], hx[1]
        wanted = 3 if batched else 2
        if h.dim() != wanted or c.dim() != wanted:
            raise RuntimeError(
                f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx and cx should also be "
                f"{wanted}-D but got ({h.dim()}-D, {c.dim()}-D) tensors"
            )
        return (h, c) if batched else (h.unsqueeze(1), c.unsqueeze(1))

    def _single_state(self, hidden: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return hidden[0].squeeze(1), hidden[1].squeeze(1)

    def forward(
        self, input: Any, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """Output and the states behind the last step."""
        return self._run(_core.lstm, input, hx)


class GRU(RNNBase):
    r"""Gated recurrent units, layer upon layer: :math:`h_t = (1 - z) n + z h_{t-1}`.

    With the gates :math:`r, z = \sigma(\cdot)`, affine in :math:`x_t` and :math:`h_{t-1}`, and
    :math:`n = \tanh(W_{in} x_t + b_{in} + r (W_{hn} h_{t-1} + b_{hn}))`; the weights hold the order
    :math:`r, z, n`.

    Args:
        input_size: width of :math:`x`.
        hidden_size: width of :math:`h`.
        num_layers: how many layers stand upon each other.
        bias: whether the maps have summands.
        batch_first: whether input and output are ``(N, T, *)`` instead of ``(T, N, *)``.
        dropout: probability with which, in training, elements between layers become 0.
        bidirectional: whether a second direction runs from the last step to the first.
        device, dtype: of the weights.

    Shape:
        Input ``(T, N, input_size)``, ``(T, input_size)`` or a `PackedSequence`; the states before the first
        step, by default zero, and those behind the last one ``(D * num_layers, N, hidden_size)`` with D
        directions; output ``(T, N, D * hidden_size)``.

    Raises:
        ValueError, TypeError: of options, see :class:`RNNBase`; ValueError: of the input's dtype.
        RuntimeError: sizes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> output, h = torch.nn.GRU(10, 20)(torch.ones(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([1, 3, 20]))

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        _refuse_projection(others)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """Output and the states behind the last step."""
        return self._run(_core.gru, input, hx)


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

    def _check_dimensions(self, input: Tensor, *states: Tensor) -> None:
        kind = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for index, state in enumerate(states):
            if state.dim() not in (1, 2):
                name = "hidden" if len(states) == 1 else f"hx[{index}]"
                raise ValueError(f"{kind}: Expected {name} to be 1D or 2D, got {state.dim()}D instead")

    def _step(self, function: Callable[..., Tensor], input: Tensor, hx: Tensor | None) -> Tensor:
        """One step of a cell with one state."""
        self._check_dimensions(input, *(() if hx is None else (hx,)))
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            hx = x.new_zeros((x.size(0), self.hidden_size))
        elif not batched:
            hx = hx.unsqueeze(0)
        new = function(x, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return new if batched else new.squeeze(0)


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
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(
            _core.rnn_tanh_cell if self.nonlinearity == "tanh" else _core.rnn_relu_cell, input, hx
        )

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
        self._check_dimensions(input, *(() if hx is None else (hx[0], hx[1])))
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            zero = x.new_zeros((x.size(0), self.hidden_size))
            hx = (zero, zero)
        elif not batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = _core.lstm_cell(x, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


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
        return self._step(_core.gru_cell, input, hx)
