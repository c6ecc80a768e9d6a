"""Causal masks that are a rule rather than a matrix."""

from __future__ import annotations

import warnings
from enum import IntEnum
from typing import Any

import flambeau
from flambeau._core import Tensor
from flambeau.nn import functional as F

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """From which corner the diagonal of a causal mask starts: with 3 queries and 4 keys, ``UPPER_LEFT`` lets the first
    query attend to the first key, ``LOWER_RIGHT`` the last query to the last key."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A causal mask, for the ``attn_mask`` of :func:`flambeau.nn.functional.scaled_dot_product_attention`. It holds no
    elements.

    Args:
        variant: from which corner the diagonal starts.
        seq_len_q: how many queries.
        seq_len_kv: how many keys.

    Raises:
        AssertionError: `variant` is none.
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        made: CausalBias = flambeau.empty(0, dtype=flambeau.bool).as_subclass(cls)
        made.variant = variant
        made.seq_len_q = seq_len_q
        made.seq_len_kv = seq_len_kv
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv! (Here the queries "
                "that may attend to nothing get zeros.)",
                stacklevel=3,
            )
        return made

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        pass

    def _materialize(self, device: Any = None) -> Tensor:
        """The mask as bools, True where attention is allowed."""
        size = self.seq_len_q, self.seq_len_kv
        diagonal = 0 if self.variant == CausalVariant.UPPER_LEFT else self.seq_len_kv - self.seq_len_q
        return flambeau.ones(size, dtype=flambeau.bool, device=device).tril(diagonal)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            return _attention(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)  # type: ignore[misc]

    def __repr__(self) -> str:  # type: ignore[override]
        return repr(self._materialize())


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: CausalBias,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Tensor:
    if is_causal:
        raise ValueError("CausalBias should not be used with causal=True: the bias is the causal mask")
    if attn_mask.seq_len_q == attn_mask.seq_len_kv or attn_mask.variant == CausalVariant.UPPER_LEFT:
        return F.scaled_dot_product_attention(query, key, value, None, dropout_p, True, **options)
    mask = attn_mask._materialize(query.device)
    return F.scaled_dot_product_attention(query, key, value, mask, dropout_p, False, **options)


def causal_upper_left(*size: int) -> CausalBias:
    """The causal mask whose diagonal starts at the first query and key.

    Args:
        size: how many queries and how many keys.

    Raises:
        AssertionError: not two numbers.

    Example:
        >>> from flambeau.nn.attention.bias import causal_upper_left
        >>> causal_upper_left(2, 3)
        tensor([[ True, False, False],
                [ True,  True, False]])
    """
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size: int) -> CausalBias:
    """The causal mask whose diagonal ends at the last query and key.

    Args:
        size: how many queries and how many keys.

    Raises:
        AssertionError: not two numbers.

    Example:
        >>> from flambeau.nn.attention.bias import causal_lower_right
        >>> causal_lower_right(2, 3)
        tensor([[ True,  True, False],
                [ True,  True,  True]])
    """
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)
