"""How :func:`flambeau.nn.functional.linear_cross_entropy` divides its batch."""

from __future__ import annotations

import dataclasses
from typing import Any

import flambeau

__all__ = ["LinearCrossEntropyOptions"]

_POLICIES = ("auto", "accurate", "balanced", "compact")
_FLOATS = (flambeau.float16, flambeau.bfloat16, flambeau.float32, flambeau.float64)


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How :func:`flambeau.nn.functional.linear_cross_entropy` divides its batch, so that the scores of all classes are in
    memory for a part of it only.

    Args:
        allow_retain_graph: whether the gradients of a reduced loss, which are computed with it, are kept for a second
            backward pass.
        batch_chunk_size: rows of a part; None: what `chunking_method` says.
        chunking_method: 'aspect_ratio' makes the scores of a part as large as the input, 'aspect_ratio:N' N times
            smaller; 'auto' chooses between them; None: one part, or `batch_chunk_size`.
        acc_policy: whether halves are multiplied in `acc_dtype` ('accurate') or in their own type ('balanced', 'compact');
            'auto': 'accurate' on the CPU.
        acc_dtype: of the loss and of sums; default: float32 for halves where the policy is 'auto', else the input's.

    Raises:
        ValueError: an argument is none of these.

    Example:
        >>> import flambeau as torch
        >>> options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
        >>> x, weight, target = torch.ones(6, 3), torch.ones(4, 3), torch.zeros(6, dtype=torch.int64)
        >>> torch.nn.functional.linear_cross_entropy(x, weight, target, options=options)
        tensor(1.3863)
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}; it is one of {_POLICIES}")
        if self.chunking_method not in (None, "auto"):
            name, separator, factor = str(self.chunking_method).partition(":")
            if name != "aspect_ratio" or (separator and not (factor.isdigit() and int(factor) > 0)):
                raise ValueError(
                    f"invalid chunking_method: {self.chunking_method!r}; it is 'auto', 'aspect_ratio', "
                    "'aspect_ratio:N' with N >= 1, or None"
                )
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None and self.acc_dtype not in _FLOATS:
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, torch.float64}, got "
                f"{self.acc_dtype!r}. Pass acc_dtype=None to let the op pick automatically."
            )
