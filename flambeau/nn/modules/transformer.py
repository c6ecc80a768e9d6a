"""The transformer of Vaswani et al. (2017): encoder, decoder, their layers, and both together."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import flambeau

from ..._core import Tensor
from .. import functional as F
from ..functional._attention import canonical_mask
from ..init import xavier_uniform_
from ._counts import check_layers
from .activation import GELU, MultiheadAttention, ReLU, forward_only
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = Callable[[Tensor], Tensor]


def _subsequent_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    return flambeau.full((size, size), -float("inf"), dtype=dtype, device=device).triu(1)


def _activation(given: str | Activation) -> Activation:
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    chosen: Activation = F.relu if given == "relu" else F.gelu
    return chosen


def _is_causal(mask: Tensor | None, given: bool | None, length: int) -> bool:
    """The hint for the layers: what was given, else whether the mask is that of later keys."""
    if given is not None or mask is None:
        return given is True
    later = _subsequent_mask(length, mask.device, mask.dtype)
    return mask.shape == later.shape and bool((mask == later).all())


def _length(x: Tensor, batch_first: bool) -> int:
    return x.size(1 if batch_first and x.dim() != 2 else 0)


def _copies(layer: Module, count: int) -> ModuleList:
    if not isinstance(layer, Module):
        raise TypeError(f"{flambeau.typename(layer)} is not a Module subclass")
    check_layers(count, sum(p.numel() * p.element_size() for p in layer.parameters()))
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class _Layer(Module):
    """What the layers of both stacks have: attention to themselves and a network of two layers for each position."""

    norm_first: bool
    activation: Activation

    def _make(
        self,
        attentions: tuple[str, ...],
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: str | Activation,
        eps: float,
        batch_first: bool,
        norm_first: bool,
        bias: bool,
        **options: Any,
    ) -> None:
        for name in attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **options
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **options)
        self.norm_first = norm_first
        blocks = len(attentions) + 1
        for i in range(1, blocks + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, eps=eps, bias=bias, **options))
        for i in range(1, blocks + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _activation(activation)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "activation" not in self.__dict__ and "activation" not in self._modules:
            self.activation = F.relu  # states from before it could be chosen

    def _residual(self, x: Tensor, norm: Module, block: Callable[[Tensor], Tensor]) -> Tensor:
        """The block's result added to its input, normalised before the block or after the sum."""
        if self.norm_first:
            return x + block(norm(x))
        result: Tensor = norm(x + block(x))
        return result

    def _feed_forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return result


class TransformerEncoderLayer(_Layer):
    r"""A layer of an encoder: attention of a sequence to itself, then a network of two layers for each position; each
    with dropout, added to its input, and normalised.

    Args:
        d_model: width of the sequence, E.
        nhead: how many heads, a divisor of E.
        dim_feedforward: width between the two layers.
        dropout: the probability with which a number is dropped in training.
        activation: between the two layers: 'relu', 'gelu' or a function of a tensor.
        layer_norm_eps: :math:`\epsilon` of the normalisations.
        batch_first: whether the first axis is that of the samples.
        norm_first: whether a block's input is normalised, rather than the sum.
        bias: whether projections, layers and normalisations have biases.
        device, dtype: of the parameters.

    Shape:
        Input and output ``(S, N, E)``, ``(N, S, E)`` if `batch_first`, or ``(S, E)``.

    Raises:
        RuntimeError: `activation` is another word.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> layer(torch.ones(10, 32, 8)).shape
        torch.Size([10, 32, 8])

    Source: A. Vaswani et al., "Attention is all you need", 2017; `norm_first`: R. Xiong et al., "On layer normalization
    in the transformer architecture", 2020.
    """

    self_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._make(
            ("self_attn",),
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device=device,
            dtype=dtype,
        )
        self.activation_relu_or_gelu = 0
        if self.activation is F.relu or isinstance(self.activation, ReLU):
            self.activation_relu_or_gelu = 1
        elif self.activation is F.gelu or isinstance(self.activation, GELU):
            self.activation_relu_or_gelu = 2

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """The layer's result; masks are True, or added to the scores, where nobody may attend."""
        padding = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", src.dtype, src_mask, "src_mask"
        )
        mask = canonical_mask(src_mask, "src_mask", src.dtype)
        fast = self._takes_fast_path(src)

        def attend(x: Tensor) -> Tensor:
            if fast:
                found = self.self_attn._forward(x, x, x, padding, False, mask, True, False, fast=True)[0]
            else:
                found = self.self_attn(
                    x,
                    x,
                    x,
                    attn_mask=mask,
                    key_padding_mask=padding,
                    need_weights=False,
                    is_causal=is_causal,
                )[0]
            result: Tensor = self.dropout1(found)
            return result

        x = self._residual(src, self.norm1, attend)
        return self._residual(x, self.norm2, lambda y: self.dropout2(self._feed_forward(y)))

    def _takes_fast_path(self, src: Tensor) -> bool:
        """Whether PyTorch's kernel for whole layers would run, whose attention has its own rules."""
        attention = self.self_attn
        return (
            src.dim() == 3
            and attention._may_take_fast_path()
            and bool(self.activation_relu_or_gelu)
            and self.norm1.eps == self.norm2.eps
            and not any(m._forward_hooks or m._forward_pre_hooks for m in self.modules())
            and forward_only(src, *attention.parameters(), *self._outside_attention())
        )

    def _outside_attention(self) -> list[Tensor]:
        modules = (self.norm1, self.norm2, self.linear1, self.linear2)
        return [p for m in modules for p in m.parameters()]


class TransformerDecoderLayer(_Layer):
    r"""A layer of a decoder: attention of a sequence to itself, then to the encoder's result, then a network of two
    layers for each position; each with dropout, added to its input, and normalised.

    Args:
        d_model: width of both sequences, E.
        nhead: how many heads, a divisor of E.
        dim_feedforward: width between the two layers.
        dropout: the probability with which a number is dropped in training.
        activation: between the two layers: 'relu', 'gelu' or a function of a tensor.
        layer_norm_eps: :math:`\epsilon` of the normalisations.
        batch_first: whether the first axis is that of the samples.
        norm_first: whether a block's input is normalised, rather than the sum.
        bias: whether projections, layers and normalisations have biases.
        device, dtype: of the parameters.

    Shape:
        Target and output ``(T, N, E)``, the encoder's result ``(S, N, E)``; ``(N, T, E)`` and ``(N, S, E)`` if
        `batch_first`; ``(T, E)`` and ``(S, E)`` for one sample.

    Raises:
        RuntimeError: `activation` is another word.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> layer(torch.ones(20, 32, 8), torch.ones(10, 32, 8)).shape
        torch.Size([20, 32, 8])

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._make(
            ("self_attn", "multihead_attn"),
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device=device,
            dtype=dtype,
        )

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The layer's result; masks are True, or added to the scores, where nobody may attend."""

        def attend_to_itself(x: Tensor) -> Tensor:
            found: Tensor = self.self_attn(
                x,
                x,
                x,
                attn_mask=tgt_mask,
                key_padding_mask=tgt_key_padding_mask,
                is_causal=tgt_is_causal,
                need_weights=False,
            )[0]
            result: Tensor = self.dropout1(found)
            return result

        def attend_to_memory(x: Tensor) -> Tensor:
            found: Tensor = self.multihead_attn(
                x,
                memory,
                memory,
                attn_mask=memory_mask,
                key_padding_mask=memory_key_padding_mask,
                is_causal=memory_is_causal,
                need_weights=False,
            )[0]
            result: Tensor = self.dropout2(found)
            return result

        x = self._residual(tgt, self.norm1, attend_to_itself)
        x = self._residual(x, self.norm2, attend_to_memory)
        return self._residual(x, self.norm3, lambda y: self.dropout3(self._feed_forward(y)))


class TransformerEncoder(Module):
    r"""Layers of an encoder, one after the other, and perhaps a normalisation.

    Args:
        encoder_layer: the layer, which is copied.
        num_layers: how often.
        norm: what normalises the result.
        enable_nested_tensor: whether, where no gradient is asked for, padded positions are left out, so that the last
            layer's result is 0 there; a warning says why a layer does not allow it.
        mask_check: whether they are left out only where the padding stands behind each sequence; else its place is not
            looked at, but how much of it there is.

    Shape:
        Input and output as the layer's.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)
        >>> torch.nn.TransformerEncoder(layer, num_layers=3)(torch.ones(4, 10, 8)).shape
        torch.Size([4, 10, 8])

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    norm: Module | None

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        obstacle = _obstacle_to_nesting(encoder_layer)
        if enable_nested_tensor and obstacle:
            warnings.warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because encoder_layer"
                f"{obstacle}",
                stacklevel=2,
            )
            self.use_nested_tensor = False

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """The last layer's result; masks are True, or added to the scores, where nobody may attend. `is_causal` says
        that the mask is the causal one; None: the mask is looked at."""
        padding = canonical_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, mask, "mask")
        mask = canonical_mask(mask, "mask", src.dtype)
        first = self.layers[0]
        causal = _is_causal(mask, is_causal, _length(src, first.self_attn.batch_first))
        left_out = None
        if padding is not None and mask is None and self._leaves_padding_out(src, first):
            # PyTorch counts what is kept and takes that many positions from the front.
            kept = padding.logical_not().sum(1, keepdim=True)
            absent = flambeau.arange(padding.size(1), device=padding.device) >= kept
            if not getattr(self, "mask_check", True) or flambeau.equal(
                absent, padding.logical_not().logical_not()
            ):
                left_out = absent
                padding = canonical_mask(absent, "src_key_padding_mask", src.dtype)
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if left_out is not None:
            x = x.masked_fill(left_out.unsqueeze(-1), 0.0)
        return x if self.norm is None else self.norm(x)

    def _leaves_padding_out(self, src: Tensor, first: Any) -> bool:
        """Whether PyTorch would hand the layers a nested tensor."""
        return (
            getattr(self, "use_nested_tensor", False)
            and src.dim() == 3
            and first.self_attn._may_take_fast_path(first.training)
            and forward_only(src, *first.self_attn.parameters(), *first._outside_attention())
        )


def _obstacle_to_nesting(layer: Any) -> str:
    """Why PyTorch would not run the layer on nested tensors, to be read after the layer's name; "" if it would."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    attention = layer.self_attn
    obstacles = [
        (layer.norm_first, ".norm_first was True"),
        (
            not attention.batch_first,
            ".self_attn.batch_first was not True(use batch_first for better inference performance)",
        ),
        (not attention._qkv_same_embed_dim, ".self_attn._qkv_same_embed_dim was not True"),
        (attention.in_proj_bias is None, ".self_attn was passed bias=False"),
        (not layer.activation_relu_or_gelu, ".activation_relu_or_gelu was not True"),
        (layer.norm1.eps != layer.norm2.eps, ".norm1.eps was not equal to encoder_layer.norm2.eps"),
        (attention.num_heads % 2 == 1, ".self_attn.num_heads is odd"),
    ]
    return next((why for met, why in obstacles if met), "")


class TransformerDecoder(Module):
    r"""Layers of a decoder, one after the other, and perhaps a normalisation.

    Args:
        decoder_layer: the layer, which is copied.
        num_layers: how often.
        norm: what normalises the result.

    Shape:
        Inputs and output as the layer's.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> torch.nn.TransformerDecoder(layer, num_layers=2)(torch.ones(20, 4, 8), torch.ones(10, 4, 8)).shape
        torch.Size([20, 4, 8])

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    norm: Module | None

    def __init__(
        self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The last layer's result; masks are True, or added to the scores, where nobody may attend. `tgt_is_causal`
        says that `tgt_mask` is the causal one; None: the mask is looked at."""
        causal = _is_causal(tgt_mask, tgt_is_causal, _length(tgt, self.layers[0].self_attn.batch_first))
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    r"""An encoder, which reads a source, and a decoder, which continues a target with an eye on what was read.

    Matrices start from Glorot's uniform distribution.

    Args:
        d_model: width of both sequences, E.
        nhead: how many heads, a divisor of E.
        num_encoder_layers, num_decoder_layers: how many layers.
        dim_feedforward: width between the two layers of the networks for each position.
        dropout: the probability with which a number is dropped in training.
        activation: in those networks: 'relu', 'gelu' or a function of a tensor.
        custom_encoder, custom_decoder: modules in place of ours.
        layer_norm_eps: :math:`\epsilon` of the normalisations.
        batch_first: whether the first axis is that of the samples.
        norm_first: whether a block's input is normalised, rather than the sum.
        bias: whether projections, layers and normalisations have biases.
        device, dtype: of the parameters.

    Shape:
        Source ``(S, N, E)``, target and output ``(T, N, E)``; ``(N, S, E)`` and ``(N, T, E)`` if `batch_first`; ``(S, E)``
        and ``(T, E)`` for one sample.

    Raises:
        RuntimeError: source and target differ in samples or are not E wide.

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.Transformer(8, 2, 1, 1, dim_feedforward=16)
        >>> model(torch.ones(10, 32, 8), torch.ones(20, 32, 8)).shape
        torch.Size([20, 32, 8])

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    encoder: Any
    decoder: Any

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        of_layers = (
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device,
            dtype,
        )

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, device=device, dtype=dtype)

        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            layer = TransformerEncoderLayer(*of_layers)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            self.decoder = TransformerDecoder(TransformerDecoderLayer(*of_layers), num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The decoder's result; masks are True, or added to the scores, where nobody may attend. `src_is_causal` and
        `tgt_is_causal` say that a mask is the causal one; None: the mask is looked at."""
        samples = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(samples) != tgt.size(samples):
            raise RuntimeError(
                "the batch number of src and tgt must be equal: they have "
                f"{src.size(samples)} and {tgt.size(samples)} samples along axis {samples} "
                f"(batch_first={self.batch_first})"
            )
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError(
                "the feature number of src and tgt must be equal to d_model: their last axes have "
                f"{src.size(-1)} and {tgt.size(-1)} elements, d_model is {self.d_model}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        result: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return result

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The mask ``(sz, sz)`` that keeps a position from attending to later ones: -inf there, else 0.

        Example:
            >>> import flambeau as torch
            >>> torch.nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[0., -inf],
                    [0., 0.]])
        """
        return _subsequent_mask(sz, device, dtype)
