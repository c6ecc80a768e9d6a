"""Padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flambeau

from ..._core import Tensor
from ..._precision import precision
from ...ops._layout import memory_format_of

__all__ = ["pad"]


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
    amounts = [int(amount) for amount in pad]
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    axes = len(amounts) // 2
    if axes > input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(amounts)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return flambeau.constant_pad_nd(input, amounts, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in _SOURCES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if axes not in (1, 2, 3) or input.dim() - axes not in (1, 2):
        raise NotImplementedError(
            f"Padding size {len(amounts)} is not supported for {input.dim()}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if mode == "replicate" or (mode == "reflect" and axes < 3):
        return _widened_beyond_edges(input, amounts, mode)
    return _beyond_edges(input, amounts, mode)


def _beyond_edges(input: Tensor, amounts: Sequence[int], mode: str) -> Tensor:
    """What :func:`pad` makes of sources that depend on the place."""
    axes = len(amounts) // 2
    result = input
    for i in range(axes):
        axis, before, after = input.dim() - 1 - i, amounts[2 * i], amounts[2 * i + 1]
        size = input.size(axis)
        _check_padding(input, mode, axis, before, after)
        if mode == "circular":  # what goes round is what the negative paddings leave
            first, last = max(-before, 0), size - max(-after, 0)
            result = result.narrow(axis, first, max(last - first, 0))
            size, before, after = result.size(axis), max(before, 0), max(after, 0)
        if before or after:
            result = _extended(result, _SOURCES[mode], axis, before, after)
    layout = flambeau.contiguous_format if mode == "circular" else memory_format_of(input)
    if result._is_view() or result is input:  # nothing but negative paddings
        return result.clone(memory_format=layout)
    return result.contiguous(memory_format=layout)


_widened_beyond_edges = precision("float32")(_beyond_edges)


def _extended(
    input: Tensor, source: Callable[[Tensor, int], Tensor], axis: int, before: int, after: int
) -> Tensor:
    size = input.size(axis)

    def part(start: int, end: int) -> Tensor:
        return input.index_select(axis, source(flambeau.arange(start, end, device=input.device), size))

    if min(before, after) < 0:
        return part(-before, size + after)
    # The middle is copied as it lies; positions are worked out for what is new.
    return flambeau.cat([part(-before, 0), input, part(size, size + after)], axis)


def _check_padding(input: Tensor, mode: str, axis: int, before: int, after: int) -> None:
    size, sizes = input.size(axis), list(input.shape)
    if mode == "reflect" and (before >= size or after >= size):
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: "
            f"padding ({before}, {after}) at dimension {axis} of input {sizes}"
        )
    if mode == "circular":
        if before > size or after > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if size + before + after < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
    elif size + before + after < 1:
        raise RuntimeError(
            f"input ({'WHD'[input.dim() - 1 - axis]}: {size}) is too small. Calculated output "
            f"{'WHD'[input.dim() - 1 - axis]}: {size + before + after}"
        )


# Where the element at a position before, in or behind an axis comes from.
_SOURCES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "reflect": lambda at, size: (size - 1) - ((size - 1) - at.abs()).abs(),
    "replicate": lambda at, size: at.clamp(0, size - 1),
    "circular": lambda at, size: at % size if size else at,
}
