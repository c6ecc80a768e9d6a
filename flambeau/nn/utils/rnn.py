"""Sequences of several lengths in one tensor: padded, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import flambeau

from ... import _core
from ..._core import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class PackedSequence_(NamedTuple):  # noqa: N801
    """The fields of a :class:`PackedSequence`, by PyTorch's name."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences of several lengths without padding: all first elements, all second ones, and so on.

    The sequences stand sorted by their lengths, the longest first.

    Args:
        data: the elements, ``(sum of lengths, *)``.
        batch_sizes: how many sequences reach each step, on the CPU.
        sorted_indices: which sequence each of the sorted ones was; None: they were sorted already.
        unsorted_indices: where each sequence stands among the sorted; default: found from the former.

    Example:
        >>> import flambeau as torch
        >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])])
        >>> packed.data, packed.batch_sizes
        (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:  # called with a pair, as of old
            assert isinstance(data, (list, tuple)) and len(data) == 2, (
                "Expected data to be a list or tuple of length 2"
            )
            data, batch_sizes = data
        assert batch_sizes is not None
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created "
                "manually. They should be instantiated by functions like pack_sequence and "
                "pack_padded_sequences in nn.utils.rnn."
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Converts the data, and moves the indices along; the arguments are those of `Tensor.to`."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = (
            None if index is None else index.to(data.device)
            for index in (self.sorted_indices, self.unsorted_indices)
        )
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self) -> PackedSequence:
        """Moves the data to the CPU."""
        return self.to("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Moves the data to a CUDA device."""
        return type(self)(
            self.data.cuda(*args, **kwargs), self.batch_sizes, self.sorted_indices, self.unsorted_indices
        )

    def pin_memory(self) -> PackedSequence:
        """Copies the data to pinned memory."""
        return type(self)(
            self.data.pin_memory(), self.batch_sizes, self.sorted_indices, self.unsorted_indices
        )

    def double(self) -> PackedSequence:
        """Converts the data to float64."""
        return self.to(dtype=flambeau.double)

    def float(self) -> PackedSequence:
        """Converts the data to float32."""
        return self.to(dtype=flambeau.float)

    def half(self) -> PackedSequence:
        """Converts the data to float16."""
        return self.to(dtype=flambeau.half)

    def long(self) -> PackedSequence:
        """Converts the data to int64."""
        return self.to(dtype=flambeau.long)

    def int(self) -> PackedSequence:
        """Converts the data to int32."""
        return self.to(dtype=flambeau.int)

    def short(self) -> PackedSequence:
        """Converts the data to int16."""
        return self.to(dtype=flambeau.short)

    def char(self) -> PackedSequence:
        """Converts the data to int8."""
        return self.to(dtype=flambeau.int8)

    def byte(self) -> PackedSequence:
        """Converts the data to uint8."""
        return self.to(dtype=flambeau.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data lies on a CUDA device."""
        return bool(self.data.device.type == "cuda")

    def is_pinned(self) -> bool:
        """Whether the data lies in pinned memory."""
        return bool(self.data.is_pinned())


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another.

    >>> import flambeau as torch
    >>> torch.nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    places = flambeau.arange(permutation.numel(), device=permutation.device)
    return flambeau.empty_like(permutation).scatter_(0, permutation, places)


def _steps_and_rows(batch_sizes: Tensor) -> tuple[Tensor, Tensor]:
    """For each packed element, its step and which of the sorted sequences it belongs to."""
    rows = flambeau.arange(int(batch_sizes[0]))
    steps, rows = (rows < batch_sizes.unsqueeze(1)).nonzero().unbind(1)
    return steps, rows


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs sequences that are padded to one length.

    Args:
        input: ``(T, B, *)``, or ``(B, T, *)`` with `batch_first`.
        lengths: of the sequences, 1 to T each.
        batch_first: which of the two.
        enforce_sorted: whether the lengths must not grow; otherwise the sequences are sorted.

    Raises:
        RuntimeError: the lengths are unsorted, below 1, above T, or not one for each sequence.

    >>> import flambeau as torch
    >>> padded = torch.tensor([[1, 4], [2, 0], [3, 0]])
    >>> torch.nn.utils.rnn.pack_padded_sequence(padded, [3, 1]).data
    tensor([1, 4, 2, 3])
    """
    counts = flambeau.as_tensor(lengths, dtype=flambeau.int64)
    if counts.dim() != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {counts.dim()}D "
            f"{counts.device} Long tensor"
        )
    order = None
    if not enforce_sorted:
        order = _core._nn.longest_first(counts)
        counts, order = counts.index_select(0, order), order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    if batch_first:
        input = input.transpose(0, 1)
    steps, batch = input.size(0), input.size(1)
    sizes = counts.tolist()
    if len(sizes) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={batch})"
        )
    if not sizes:
        raise RuntimeError("Cannot pack empty tensors.")
    if min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(shorter < longer for shorter, longer in zip(sizes, sizes[1:], strict=False)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
            "requirement if you do not need ONNX exportability."
        )
    if sizes[0] > steps:
        raise RuntimeError(f"'lengths' has {sizes[0]}, but the padded sequences have {steps} steps")
    batch_sizes = (counts > flambeau.arange(sizes[0]).unsqueeze(1)).sum(1)
    step, row = _steps_and_rows(batch_sizes)
    return PackedSequence(input[step, row], batch_sizes, order, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undoes :func:`pack_padded_sequence`.

    Args:
        sequence: what was packed.
        batch_first: whether the result is ``(B, T, *)`` instead of ``(T, B, *)``.
        padding_value: what stands behind a sequence's end.
        total_length: T, where it shall be more than the longest length.

    Returns:
        The padded sequences in their first order, and their lengths.
    """
    batch_sizes = sequence.batch_sizes
    steps, batch = batch_sizes.numel(), int(batch_sizes[0])
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data = sequence.data
    step, row = _steps_and_rows(batch_sizes)
    padded = data.new_full((steps, batch, *data.shape[1:]), padding_value)
    padded[step, row] = data
    lengths = (batch_sizes > flambeau.arange(batch).unsqueeze(1)).sum(1)
    if batch_first:
        padded = padded.transpose(0, 1)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices.cpu())
    return padded, lengths


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Brings sequences to one length and stacks them.

    Args:
        sequences: ``(length, *)`` each.
        batch_first: whether the result is ``(B, T, *)`` instead of ``(T, B, *)``.
        padding_value: what is added.
        padding_side: ``"right"`` or ``"left"``: the end at which it is added.

    >>> import flambeau as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    parts = list(sequences)
    if not parts:
        raise RuntimeError("received an empty list of sequences")
    longest = max(part.size(0) for part in parts)
    sizes = (len(parts), longest) if batch_first else (longest, len(parts))
    padded = parts[0].new_full((*sizes, *parts[0].shape[1:]), padding_value)
    for row, part in zip(padded.unbind(0 if batch_first else 1), parts, strict=True):
        first = longest - part.size(0) if padding_side == "left" else 0
        row.narrow(0, first, part.size(0)).copy_(part)
    return padded


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Undoes :func:`pad_sequence`: the sequences without their padding at the end."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:length].clone() for row, length in zip(rows.unbind(0), lengths.tolist(), strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences of several lengths, ``(length, *)`` each; see :func:`pack_padded_sequence`."""
    lengths = flambeau.tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undoes :func:`pack_sequence`."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
