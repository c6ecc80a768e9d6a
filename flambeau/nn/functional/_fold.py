"""Blocks of images as columns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import flambeau

from ..._core import Tensor
from ._padding import pad

__all__ = ["fold", "unfold"]

Pair: TypeAlias = int | Sequence[int]


def _pair(values: Pair, name: str) -> tuple[int, int]:
    if isinstance(values, int):
        return values, values
    if len(values) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(values)}")
    return values[0], values[1]


class _Blocks(NamedTuple):
    """Where blocks of an image lie."""

    kernel: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    stride: tuple[int, int]

    @classmethod
    def of(cls, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair) -> _Blocks:
        blocks = cls(
            _pair(kernel_size, "kernel_size"),
            _pair(dilation, "dilation"),
            _pair(padding, "padding"),
            _pair(stride, "stride"),
        )
        for name, what, least, wish in (
            ("kernel", blocks.kernel, 1, "kernel size should be greater than zero"),
            ("stride", blocks.stride, 1, "stride should be greater than zero"),
            ("dilation", blocks.dilation, 1, "dilation should be greater than zero"),
            ("pad", blocks.padding, 0, "padding should be non-negative"),
        ):
            if min(what) < least:
                raise RuntimeError(f"{wish}, but got {name}_height: {what[0]} {name}_width: {what[1]}")
        return blocks

    def numbers(self, image: Sequence[int]) -> tuple[int, int]:
        """How many blocks an image has, down and across."""
        down, across = (
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, kernel, dilation, padding, stride in zip(image, *self, strict=True)
        )
        return down, across

    def places(self, image: Sequence[int]) -> Tensor:
        """The elements of the padded image that the blocks hold: ``(kernel elements * blocks)``."""
        (down, across), width = self.numbers(image), image[1] + 2 * self.padding[1]
        rows, columns = (
            flambeau.arange(kernel).unsqueeze(1) * dilation + flambeau.arange(blocks) * stride
            for kernel, dilation, blocks, stride in zip(
                self.kernel, self.dilation, (down, across), self.stride, strict=True
            )
        )
        # (kernel height, kernel width, blocks down, blocks across)
        return (rows[:, None, :, None] * width + columns[None, :, None, :]).reshape(-1)


def unfold(
    input: Tensor, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Tensor:
    """Lays the blocks of images out as columns.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: height and width of a block, or one number for both, as for the following ones.
        dilation: step between the elements of a block.
        padding: zeros added at every border.
        stride: step between blocks.

    Returns:
        ``(N, C * kernel elements, blocks)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.unfold(torch.arange(6.0).view(1, 2, 3), 2)
        tensor([[0., 1.],
                [1., 2.],
                [3., 4.],
                [4., 5.]])
    """
    blocks = _Blocks.of(kernel_size, dilation, padding, stride)
    if input.dim() not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
            f"for input, but got: {list(input.shape)}"
        )
    image = input.shape[-2:]
    count = blocks.numbers(image)
    if min(count) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(image)}, kernel_size={blocks.kernel}, "
            f"dilation={blocks.dilation}, padding={blocks.padding}, calculated shape of the array of sliding "
            f"blocks as {count}, but its components must be at least one."
        )
    high, wide = blocks.padding
    flat = pad(input, (wide, wide, high, high)).flatten(-2)
    columns = flat.index_select(-1, blocks.places(image).to(input.device))
    elements = blocks.kernel[0] * blocks.kernel[1]
    return columns.reshape(*input.shape[:-3], input.size(-3) * elements, count[0] * count[1])


def fold(
    input: Tensor,
    output_size: Pair,
    kernel_size: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
) -> Tensor:
    """Puts columns back as blocks of images, and adds up where blocks overlap.

    Args:
        input: ``(N, C * kernel elements, blocks)``, or without N.
        output_size: height and width of the images.
        kernel_size, dilation, padding, stride: as those of :func:`unfold`.

    Returns:
        ``(N, C, H, W)``, or without N.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.fold(torch.ones(4, 2), (2, 3), 2)
        tensor([[[1., 2., 1.],
                 [1., 2., 1.]]])
    """
    image = _pair(output_size, "output_size")
    blocks = _Blocks.of(kernel_size, dilation, padding, stride)
    if input.dim() not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    elements = blocks.kernel[0] * blocks.kernel[1]
    if input.size(-2) % elements:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={input.size(-2)} and kernel_size={blocks.kernel}."
        )
    down, across = (max(count, 0) for count in blocks.numbers(image))
    if down * across != input.size(-1):
        raise RuntimeError(
            f"Given output_size={image}, kernel_size={blocks.kernel}, dilation={blocks.dilation}, "
            f"padding={blocks.padding}, stride={blocks.stride}, expected size of input's dimension 2 to match "
            f"the calculated number of sliding blocks {down} * {across} = {down * across}, but got "
            f"input.size(2)={input.size(-1)}."
        )
    high, wide = (size + 2 * padding for size, padding in zip(image, blocks.padding, strict=True))
    lead = (*input.shape[:-2], input.size(-2) // elements)
    flat = input.new_zeros((*lead, high * wide))
    flat = flat.index_add(-1, blocks.places(image).to(input.device), input.reshape(*lead, -1))
    padded = flat.view(*lead, high, wide)
    return pad(padded, (-blocks.padding[1],) * 2 + (-blocks.padding[0],) * 2)
