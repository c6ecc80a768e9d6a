"""Attention, alone and in several heads, and the bilinear map."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import flambeau

from ..._core import Tensor
from ..._precision import precision
from ._operators import operator
from ._padding import pad

__all__ = ["bilinear", "multi_head_attention_forward", "scaled_dot_product_attention"]

_dropout, _linear = operator("dropout"), operator("linear")
scaled_dot_product_attention = operator("scaled_dot_product_attention")


def _check_heads(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    heads: int,
) -> bool:
    """Whether there is an axis of samples; raises AssertionError where the arguments' axes do not fit."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    batched = query.dim() == 3
    kind = "batched (3-D)" if batched else "unbatched (2-D)"
    if not key.dim() == value.dim() == query.dim():
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {query.dim()}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != query.dim() - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {query.dim() - 1}-D but found "
            f"{key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor "
                "instead"
            )
        wanted = (heads, query.shape[0], key.shape[0])
        if not batched and attn_mask.dim() == 3 and tuple(attn_mask.shape) != wanted:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {wanted} but got {tuple(attn_mask.shape)}"
            )
    return batched


def canonical_mask(
    mask: Tensor | None,
    name: str,
    dtype: flambeau.dtype,
    other: Tensor | None = None,
    other_name: str = "",
) -> Tensor | None:
    """A mask as something to add to the scores: bools are -inf where True. Warns where `other` is a mask of another type."""
    if mask is None:
        return None
    if mask.dtype != flambeau.bool and not mask.is_floating_point():
        raise AssertionError(
            f"only bool and floating types of {name} are supported: convert the mask, which is of {mask.dtype}, "
            "with .bool()"
        )
    if other is not None and other.dtype != mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return flambeau.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, -math.inf)


def _projected(
    inputs: tuple[Tensor, Tensor, Tensor], weights: Sequence[Tensor], bias: Tensor | None
) -> list[Tensor]:
    biases: Sequence[Tensor | None] = (None, None, None) if bias is None else bias.chunk(3)
    return [_linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    r"""Attention in several heads: each attends in its own projections of query, key and value, and what they find is
    put side by side and projected once more.

    Args:
        query: ``(L, N, E)`` or ``(L, E)``.
        key: ``(S, N, K)`` or ``(S, K)``.
        value: ``(S, N, V)`` or ``(S, V)``.
        embed_dim_to_check: E.
        num_heads: how many heads, a divisor of E.
        in_proj_weight: the three projections, one below the other, ``(3 E, E)``.
        in_proj_bias: ``(3 E)``.
        bias_k, bias_v: one more key and value, ``(1, 1, E)``.
        add_zero_attn: whether there is one more key and value of zeros.
        dropout_p: the probability with which a weight is dropped in training.
        out_proj_weight: the last projection, ``(E, E)``.
        out_proj_bias: ``(E)``.
        training: whether weights are dropped.
        key_padding_mask: keys that nobody attends to, ``(N, S)`` or ``(S)``: True, or what is added to the scores.
        need_weights: whether the weights are returned.
        attn_mask: pairs that do not attend: True, or what is added to the scores; ``(L, S)`` or ``(N num_heads, L, S)``.
        use_separate_proj_weight: whether the next three stand for `in_proj_weight`.
        q_proj_weight, k_proj_weight, v_proj_weight: ``(E, E)``, ``(E, K)`` and ``(E, V)``.
        static_k, static_v: projected keys and values, ``(N num_heads, S, E / num_heads)``.
        average_attn_weights: whether the returned weights are the heads' mean.
        is_causal: a hint that `attn_mask` is the causal one.

    Returns:
        ``(L, N, E)`` or ``(L, E)``; the weights ``(N, L, S)``, or ``(N, num_heads, L, S)`` for each head, or None.

    Raises:
        AssertionError, RuntimeError: shapes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> x, eye = torch.ones(3, 1, 2), torch.eye(2)
        >>> y, weights = torch.nn.functional.multi_head_attention_forward(
        ...     x, x, x, 2, 1, torch.cat([eye] * 3), None, None, None, False, 0.0, eye, None
        ... )
        >>> y.shape, weights.shape
        (torch.Size([3, 1, 2]), torch.Size([1, 3, 3]))

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """
    batched = _check_heads(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, samples, width = query.shape
    sources = key.size(0)
    padding = canonical_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask, "attn_mask")
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    # The hint is believed where the mask needs no company; the weights that are returned are those of the mask.
    hinted = is_causal and padding is None and not need_weights
    mask = None if hinted else canonical_mask(attn_mask, "attn_mask", query.dtype)
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    head_width = width // num_heads
    if head_width * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    same = key.shape[:2] == value.shape[:2] if use_separate_proj_weight else key.shape == value.shape
    if not same:
        what = "key's sequence and batch dims" if use_separate_proj_weight else "key shape"
        shapes = (key.shape[:2], value.shape[:2]) if use_separate_proj_weight else (key.shape, value.shape)
        that = "value's" if use_separate_proj_weight else "value shape"
        raise AssertionError(f"{what} {shapes[0]} does not match {that} {shapes[1]}")
    if use_separate_proj_weight:
        for name, given in (("q", q_proj_weight), ("k", k_proj_weight), ("v", v_proj_weight)):
            if given is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        assert q_proj_weight is not None and k_proj_weight is not None and v_proj_weight is not None
        weights: Sequence[Tensor] = (q_proj_weight, k_proj_weight, v_proj_weight)
    elif in_proj_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    else:
        weights = in_proj_weight.chunk(3)
    q, k, v = _projected((query, key, value), weights, in_proj_bias)

    if mask is not None:
        if mask.dim() == 2:
            if tuple(mask.shape) != (length, sources):
                raise RuntimeError(
                    f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, sources)}: a row for each "
                    "query, a column for each key"
                )
            mask = mask.unsqueeze(0)
        elif tuple(mask.shape) != (samples * num_heads, length, sources):
            raise RuntimeError(
                f"The shape of the 3D attn_mask is {mask.shape}, but should be "
                f"{(samples * num_heads, length, sources)}: a matrix for each head of each sample, or one 2D mask for all"
            )
    if padding is not None:
        for axis, size in enumerate((samples, sources)):
            if padding.size(axis) != size:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{axis}] to be {size}, but got {padding.size(axis)}: the mask is of "
                    "(samples, keys), whichever axis of the input comes first"
                )

    def one_more() -> None:
        """One more key, that all may attend to."""
        nonlocal mask, padding
        mask = None if mask is None else pad(mask, (0, 1))
        padding = None if padding is None else pad(padding, (0, 1))

    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v must be given together")
    if bias_k is not None and bias_v is not None:
        for name, static in (("key", static_k), ("value", static_v)):
            if static is not None:
                raise AssertionError(f"bias cannot be added to static {name}.")
        k = flambeau.cat([k, bias_k.repeat(1, samples, 1)])
        v = flambeau.cat([v, bias_v.repeat(1, samples, 1)])
        one_more()

    def in_heads(x: Tensor) -> Tensor:
        """(length, samples, width) as (samples, heads, length, width of a head)."""
        return x.reshape(x.size(0), samples, num_heads, head_width).permute(1, 2, 0, 3)

    def given_in_heads(x: Tensor, name: str) -> Tensor:
        if x.size(0) != samples * num_heads:
            raise AssertionError(f"expecting {name}.size(0) of {samples * num_heads}, but got {x.size(0)}")
        if x.size(2) != head_width:
            raise AssertionError(f"expecting {name}.size(2) of {head_width}, but got {x.size(2)}")
        return x.view(samples, num_heads, x.size(1), head_width)

    q = in_heads(q)
    k = in_heads(k) if static_k is None else given_in_heads(static_k, "static_k")
    v = in_heads(v) if static_v is None else given_in_heads(static_v, "static_v")
    if add_zero_attn:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
        one_more()
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.size(0) == 1 else mask.view(samples, num_heads, length, -1)
    if padding is not None:
        padding = padding.view(samples, 1, 1, -1)
        mask = padding if mask is None else mask + padding

    kept = None
    if need_weights:
        scores = (q * (1 / math.sqrt(head_width))).matmul(k.transpose(-2, -1))
        kept = (scores if mask is None else scores + mask).softmax(-1)
        if training and dropout_p > 0:
            kept = _dropout(kept, dropout_p, True)
        found = kept.matmul(v)
    else:
        found = scaled_dot_product_attention(q, k, v, mask, dropout_p if training else 0.0, hinted)
    found = found.permute(2, 0, 1, 3).reshape(length, samples, width)
    result = _linear(found, out_proj_weight, out_proj_bias)
    if kept is not None and average_attn_weights:
        kept = kept.mean(1)
    if not batched:
        result = result.squeeze(1)
        kept = None if kept is None else kept.squeeze(0)
    return result, kept


@precision("own")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    r"""Computes :math:`y_o = x_1^\top A_o x_2 + b_o`.

    Args:
        input1: ``(*, in1)``.
        input2: ``(*, in2)``.
        weight: :math:`A`, ``(out, in1, in2)``.
        bias: :math:`b`, ``(out)``.

    Returns:
        ``(*, out)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.bilinear(torch.ones(1, 2), torch.ones(1, 3), torch.ones(1, 2, 3)).tolist()
        [[6.0]]
    """
    if input1.dim() != input2.dim():
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}"
        )
    for i, (a, b) in enumerate(zip(input1.shape[:-1], input2.shape[:-1], strict=True)):
        if a != b:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {i}: got {a} and {b}")
    out, in1, in2 = weight.shape
    for name, given, expected in (("1", input1.size(-1), in1), ("2", input2.size(-1), in2)):
        if given != expected:
            raise RuntimeError(
                f"bilinear(): input{name} size does not match weight size: got {given} but expected "
                f"{expected}"
            )
    if bias is not None and bias.size(0) != out:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.size(0)} but expected {out}"
        )
    batch = input1.shape[:-1]
    of_first = input1.matmul(weight.transpose(0, 1).reshape(in1, out * in2)).reshape(*batch, out, in2)
    y = of_first.matmul(input2.unsqueeze(-1)).squeeze(-1)
    return y if bias is None else y + bias
