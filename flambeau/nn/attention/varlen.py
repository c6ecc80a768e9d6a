"""Attention over sequences of several lengths in one tensor: kernels for GPUs, which this build lacks."""

from __future__ import annotations

from typing import NamedTuple

from flambeau._missing import refusing

__all__ = ["AuxRequest", "varlen_attn", "varlen_attn_out"]


class AuxRequest(NamedTuple):
    """What is returned beside the result: the logarithms of the sums of the exponentials of the scores."""

    lse: bool = False


_ADVICE = "pad the sequences and use nn.functional.scaled_dot_product_attention with a mask"
varlen_attn = refusing(
    __name__,
    "varlen_attn",
    NotImplementedError,
    f"torch.nn.attention.varlen.varlen_attn is not implemented yet: {_ADVICE}",
)
varlen_attn_out = refusing(
    __name__,
    "varlen_attn_out",
    NotImplementedError,
    f"torch.nn.attention.varlen.varlen_attn_out is not implemented yet: {_ADVICE}",
)
