"""Padding."""

from __future__ import annotations

from collections.abc import Sequence

from ..._core import Tensor
from ._operators import operator

__all__ = ["pad"]

_pad = operator("pad")
_pad_edges = operator("pad_edges")


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    r"""Adds elements at the ends of the last axes, or with negative numbers takes some away.

    Args:
        input: any shape ``(*)`` for a constant; else up to three axes to pad behind one or two that are not.
        pad: ``(before, after)`` of the last axis, then of the one before it, and so on.
        mode: ``"constant"``; ``"reflect"``, which leaves the end itself out; ``"replicate"``, which repeats
            it; or ``"circular"``, which goes on at the other end.
        value: the constant; default: 0.

    Returns:
        The input's shape, each padded size larger by ``before + after``.

    Raises:
        RuntimeError: the padding does not fit the input.
        NotImplementedError: a mode that does not exist, or not for so many axes.

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[1, 2, 3]])
        >>> torch.nn.functional.pad(x, (1, 1)).tolist()
        [[0, 1, 2, 3, 0]]
        >>> torch.nn.functional.pad(x, (2, 1), mode="reflect").tolist()
        [[3, 2, 1, 2, 3, 2]]
    """
    # Autocast widens the edges of lines and images that go on.
    edges = mode == "replicate" or (mode == "reflect" and len(pad) < 6)
    padded: Tensor = (_pad_edges if edges else _pad)(input, pad, mode, value)
    return padded
