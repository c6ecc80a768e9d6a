"""Attention, and the bilinear map."""

from __future__ import annotations

import math

import flambeau

from ..._core import Tensor
from ._operators import operator

__all__ = ["bilinear", "scaled_dot_product_attention"]

_dropout = operator("dropout")


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    r"""Computes :math:`\text{softmax}(s Q K^\top + M) V`.

    Args:
        query: ``(*, L, E)``.
        key: ``(*, S, E)``.
        value: ``(*, S, F)``.
        attn_mask: :math:`M`, which broadcasts to ``(*, L, S)``; of bools, True where attention is allowed. A
            query that may attend to nothing gets zeros.
        dropout_p: probability with which a weight is dropped, whether in training or not.
        is_causal: whether query i attends to the keys up to i only; without `attn_mask`.
        scale: :math:`s`; default: :math:`1 / \sqrt{E}`.
        enable_gqa: whether the heads, the third axis from the end, of key and value may be fewer than the
            query's and are shared.

    Returns:
        ``(*, L, F)``.

    Raises:
        RuntimeError: the arguments do not fit each other.

    Example:
        >>> import flambeau as torch
        >>> query = torch.zeros(1, 1, 4)
        >>> value = torch.tensor([[[1.0], [3.0]]])
        >>> torch.nn.functional.scaled_dot_product_attention(query, torch.ones(1, 2, 4), value)
        tensor([[[2.]]])

    Source: A. Vaswani et al., "Attention is all you need", 2017; J. Ainslie et al., "GQA", 2023.
    """
    dims = [tensor.dim() for tensor in (query, key, value)]
    if min(dims) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{dims[0]} key.dim: {dims[1]} and value.dim: {dims[2]} instead."
        )
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
        )
    if attn_mask is not None and attn_mask.dtype not in (flambeau.bool, flambeau.float, query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {attn_mask.dtype} and  query.dtype: {query.dtype} instead."
        )
    if enable_gqa:
        key, value = _shared_heads(query, key), _shared_heads(query, value)
    if is_causal:
        allowed = (query.size(-2), key.size(-2))
        attn_mask = flambeau.ones(allowed, dtype=flambeau.bool, device=query.device).tril()
    factor = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query * factor).matmul(key.transpose(-2, -1))
    if attn_mask is None:
        weights = scores.softmax(-1)
    else:
        if attn_mask.dtype == flambeau.bool:
            scores = scores.masked_fill(~attn_mask, -math.inf)
        else:
            scores = scores + attn_mask
        shut = (scores.detach() == -math.inf).all(-1, keepdim=True)
        weights = scores.masked_fill(shut, 0.0).softmax(-1).masked_fill(shut, 0.0)
    if dropout_p != 0:
        weights = _dropout(weights, dropout_p, True)
    return weights.to(value.dtype).matmul(value)


def _shared_heads(query: Tensor, shared: Tensor) -> Tensor:
    """Each head as often as the query's heads outnumber them."""
    heads, own = query.size(-3), shared.size(-3)
    if heads % own:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
    return shared.repeat_interleave(heads // own, -3)


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
