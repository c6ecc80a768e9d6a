"""Attention whose scores and mask are functions of the positions.

The functions get index tensors that broadcast against each other, all positions at once: ``batch`` is of shape
``(B, 1, 1, 1)``, ``head`` ``(1, H, 1, 1)``, ``token_q`` ``(1, 1, Q, 1)``, ``token_kv`` ``(1, 1, 1, K)``, and the scores
``(B, H, Q, K)``. What PyTorch calls under ``vmap``, element by element, means the same here.
"""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypedDict

import flambeau
from flambeau._core import Tensor
from flambeau.nn.functional import pad

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

_DEFAULT_SPARSE_BLOCK_SIZE = 128
_TENSORS = (
    "kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices",
    "q_num_blocks", "q_indices", "full_q_num_blocks", "full_q_indices",
    "dq_write_order", "dq_write_order_full", "dq_kv_order",
)  # fmt: skip
_BACKENDS = ("AUTO", "TRITON", "FLASH", "TRITON_DECODE")


class FlexKernelOptions(TypedDict, total=False):
    """Options of PyTorch's kernels for GPUs; checked, and of no effect here."""

    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int
    BLOCK_M1: int
    BLOCK_N1: int
    BLOCK_M2: int
    BLOCK_N2: int
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    WRITE_DQ: bool
    FORCE_USE_FLEX_ATTENTION: bool
    USE_TMA: bool
    kpack: int
    matrix_instr_nonkdim: int
    waves_per_eu: int
    BACKEND: str


class AuxRequest(NamedTuple):
    """What :func:`flex_attention` returns beside its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for: the logarithms of the sums of the exponentials of the scores, and the largest scores, each
    ``(B, H, Q)``."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


# ---- functions of positions


def _changes_scores(function: Callable[..., Any]) -> bool:
    """Whether it takes a score and four positions, rather than the positions alone."""
    parameters = inspect.signature(function).parameters.values()
    count = sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)
    if count not in (4, 5):
        raise AssertionError(
            f"Expected 4 or 5 positional args, got {count}: a mask takes (batch, head, token_q, token_kv), "
            "a change of scores the score before them"
        )
    return count == 5


def _positions(shape: Sequence[int], device: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Index tensors that broadcast to (batch, heads, queries, keys)."""
    batch, head, query, key = (
        flambeau.arange(size, device=device).view([size if i == axis else 1 for i in range(4)])
        for axis, size in enumerate(shape)
    )
    return batch, head, query, key


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask that lets every query attend to every key."""
    return batch.new_ones((), dtype=flambeau.bool)


def _combined(mask_mods: tuple[MaskMod, ...], every: bool) -> MaskMod:
    if not all(callable(mask) for mask in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def combined(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = b.new_full((), every, dtype=flambeau.bool)
        for mask in mask_mods:
            found = mask(b, h, q_idx, kv_idx)
            result = result & found if every else result | found
        return result

    combined.__name__ = "and_mask" if every else "or_mask"
    return combined


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask of pairs that all of the masks allow.

    Example:
        >>> from flambeau.nn.attention.flex_attention import and_masks, create_mask
        >>> near = lambda b, h, q, kv: q - kv < 2
        >>> create_mask(and_masks(lambda b, h, q, kv: q >= kv, near), 1, 1, 3, 3)[0, 0].int()
        tensor([[1, 0, 0],
                [1, 1, 0],
                [0, 1, 1]], dtype=torch.int32)
    """
    return _combined(mask_mods, True)


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask of pairs that any of the masks allows.

    Example:
        >>> from flambeau.nn.attention.flex_attention import create_mask, or_masks
        >>> prefix = lambda b, h, q, kv: kv < 1
        >>> create_mask(or_masks(prefix, lambda b, h, q, kv: q == kv), 1, 1, 2, 3)[0, 0].int()
        tensor([[1, 0, 0],
                [1, 1, 0]], dtype=torch.int32)
    """
    return _combined(mask_mods, False)


def create_mask(
    mod_fn: ScoreMod | MaskMod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
) -> Tensor:
    """The mask of a function of positions, in full.

    Args:
        mod_fn: a mask of (batch, head, token_q, token_kv), or a change of scores, which forbids where it gives -inf.
        B, H: how many samples and heads; None: one.
        Q_LEN, KV_LEN: how many queries and keys.
        device: where; default: the CPU.

    Returns:
        ``(B, H, Q_LEN, KV_LEN)``, True where attention is allowed.

    Raises:
        AssertionError: a function of other arguments.

    Example:
        >>> from flambeau.nn.attention.flex_attention import create_mask
        >>> create_mask(lambda b, h, q, kv: q >= kv, 1, 1, 2, 3)
        tensor([[[[ True, False, False],
                  [ True,  True, False]]]])
    """
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    positions = _positions(shape, device)
    changes: Callable[..., Tensor] = mod_fn
    if _changes_scores(mod_fn):
        mask = ~flambeau.isneginf(changes(flambeau.zeros(shape, device=device), *positions))
    else:
        mask = changes(*positions)
    return mask.expand(shape).contiguous()


# ---- masks in blocks


def _ordered(dense: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of each row there are, and their columns, before those of the others."""
    counts = dense.sum(-1, dtype=flambeau.int32)
    columns = dense.to(flambeau.int32).argsort(stable=True, dim=-1, descending=True)
    return counts, columns.to(flambeau.int32)


def _dense(counts: Tensor, columns: Tensor, width: int) -> Tensor:
    """Whether a block is among the first `counts` of its row's `columns`."""
    listed = flambeau.arange(columns.size(-1), device=columns.device) < counts.unsqueeze(-1)
    places = flambeau.where(listed, columns, width).long()
    found = columns.new_zeros((*columns.shape[:-1], width + 1))
    return found.scatter(-1, places, 1)[..., :width]


def _transposed(counts: Tensor | None, columns: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    if counts is None or columns is None:
        return None, None
    return _ordered(_dense(counts, columns, columns.size(-1)).transpose(-2, -1))


def _cut(counts: Tensor, columns: Tensor, rows: int, width: int) -> tuple[Tensor, Tensor]:
    """The blocks of the first rows and columns."""
    dense = _dense(counts, columns, columns.size(-1))[..., :rows, :width]
    return _ordered(dense)


def _no_mask_of_a_part(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    raise RuntimeError(
        "Cannot use mask_mod from a sliced BlockMask: its positions count from the slice's start. Set mask_mod to a "
        "function that adds the offset and calls the mask_mod of the whole BlockMask."
    )


class BlockMask:
    """A mask as blocks of pairs: those with some that may attend, and those where all may.

    Args:
        seq_lengths: how many queries and keys.
        kv_num_blocks, kv_indices: how many blocks of keys each block of queries attends to in part, ``(B, H, rows)``, and
            which, ``(B, H, rows, columns)``.
        full_kv_num_blocks, full_kv_indices: the same of blocks that may attend as a whole.
        q_num_blocks, q_indices, full_q_num_blocks, full_q_indices: the same for each block of keys.
        BLOCK_SIZE: how many queries and keys a block has.
        mask_mod: the mask of positions within the blocks.
        dq_write_order, dq_write_order_full, dq_kv_order, dq_kv_order_spt: for kernels of GPUs; kept.

    Source: J. Dong et al., "Flex attention", 2024.
    """

    kv_num_blocks: Tensor
    kv_indices: Tensor
    full_kv_num_blocks: Tensor | None
    full_kv_indices: Tensor | None
    q_num_blocks: Tensor | None
    q_indices: Tensor | None
    full_q_num_blocks: Tensor | None
    full_q_indices: Tensor | None

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE),
        mask_mod: MaskMod = noop_mask,
        *,
        dq_write_order: Tensor | None = None,
        dq_write_order_full: Tensor | None = None,
        dq_kv_order: Tensor | None = None,
        dq_kv_order_spt: bool | None = None,
    ) -> None:
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        for name, counts, columns in (
            ("kv", full_kv_num_blocks, full_kv_indices),
            ("q", full_q_num_blocks, full_q_indices),
        ):
            if (counts is None) != (columns is None):
                raise AssertionError(
                    f"full_{name}_num_blocks and full_{name}_indices must be both provided or omitted"
                )
        if dq_write_order_full is not None and dq_write_order is None:
            raise ValueError("dq_write_order_full requires dq_write_order")
        self.seq_lengths = seq_lengths
        self.kv_num_blocks = kv_num_blocks
        self.kv_indices = kv_indices
        self.full_kv_num_blocks = full_kv_num_blocks
        self.full_kv_indices = full_kv_indices
        self.q_num_blocks = q_num_blocks
        self.q_indices = q_indices
        self.full_q_num_blocks = full_q_num_blocks
        self.full_q_indices = full_q_indices
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod
        self.dq_write_order = dq_write_order
        self.dq_write_order_full = dq_write_order_full
        self.dq_kv_order = dq_kv_order
        self.dq_kv_order_spt = dq_kv_order_spt

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod: MaskMod | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
        *,
        dq_write_order: Tensor | None = None,
        dq_write_order_full: Tensor | None = None,
        dq_kv_order: Tensor | bool | None = None,
    ) -> BlockMask:
        """From the blocks of keys that each block of queries attends to; the arguments are the constructor's.

        Args:
            seq_lengths: default: as many as the blocks have room for.
            compute_q_blocks: whether the blocks of queries of each block of keys are listed too.
        """
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
        if seq_lengths is None:
            seq_lengths = (kv_indices.size(-2) * size[0], kv_indices.size(-1) * size[1])
        of_keys: list[Tensor | None] = [None] * 4
        if compute_q_blocks:
            of_keys[:2] = _transposed(kv_num_blocks, kv_indices)
            of_keys[2:] = _transposed(full_kv_num_blocks, full_kv_indices)
        return cls(
            seq_lengths,
            kv_num_blocks,
            kv_indices,
            full_kv_num_blocks,
            full_kv_indices,
            of_keys[0],
            of_keys[1],
            of_keys[2],
            of_keys[3],
            size,
            noop_mask if mask_mod is None else mask_mod,
            dq_write_order=dq_write_order,
            dq_write_order_full=dq_write_order_full,
            dq_kv_order=dq_kv_order if isinstance(dq_kv_order, Tensor) else None,
            dq_kv_order_spt=dq_kv_order if isinstance(dq_kv_order, bool) else None,
        )

    def as_tuple(self, flatten: bool = True) -> tuple[Any, ...]:
        """Lengths, tensors, block sizes and the mask's function; the pairs among them as pairs unless `flatten`."""
        lengths = self.seq_lengths if flatten else (self.seq_lengths,)
        size = self.BLOCK_SIZE if flatten else (self.BLOCK_SIZE,)
        tensors = (getattr(self, name) for name in _TENSORS)
        return (*lengths, *tensors, self.dq_kv_order_spt, *size, self.mask_mod)

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """How many pairs there are."""
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """The share, in percent, of pairs in blocks without any that may attend."""
        blocks = self.kv_num_blocks.sum().item()
        if self.full_kv_num_blocks is not None:
            blocks += self.full_kv_num_blocks.sum().item()
        return 100 * (1 - blocks * math.prod(self.BLOCK_SIZE) / self.numel())

    def to_dense(self) -> Tensor:
        """1 for each block with pairs that may attend, ``(B, H, rows, columns)`` of blocks."""
        width = self.kv_indices.size(-1)
        found = _dense(self.kv_num_blocks, self.kv_indices, width)
        if self.full_kv_num_blocks is not None and self.full_kv_indices is not None:
            found = found | _dense(self.full_kv_num_blocks, self.full_kv_indices, width)
        return found

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """A picture of the blocks for each head.

        Args:
            grid_size: of how many rows and columns at most; -1: all.
            limit: how many heads are shown.
        """
        dense = self.to_dense().double()
        *leading, rows, columns = dense.shape
        if grid_size == -1:
            grid_size = (rows, columns)
        height, width = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        tall, wide = max(1, -(-rows // height)), max(1, -(-columns // width))
        pictures = []
        for index in itertools.islice(itertools.product(*map(range, leading)), limit):
            lines = [str(index)]
            for r in range(0, rows, tall):
                shares = [
                    dense[index][r : r + tall, c : c + wide].mean().item() for c in range(0, columns, wide)
                ]
                lines.append("".join(2 * ("█" if s == 1 else "░" if s else " ") for s in shares))
            pictures.append("\n".join(lines) + "\n")
        if math.prod(leading) > limit:
            pictures += [
                "...",
                "To print out more, set BlockMask.to_string(limit=N)",
                "You can also index (BlockMask[batch, head]) to choose a specific batch or head",
            ]
        return "\n".join(pictures)

    def __str__(self) -> str:
        return (
            f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string().strip()}\n)"
        )

    def __repr__(self) -> str:
        lines = []
        for name in _TENSORS[:8]:
            tensor = getattr(self, name)
            lines.append(f"    {name}={None if tensor is None else tensor.shape},\n")
        return (
            f"BlockMask(\n{''.join(lines)}    BLOCK_SIZE={self.BLOCK_SIZE},\n    shape={self.shape},\n"
            f"    sparsity={self.sparsity():.2f}%,\n    mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}\n)"
        )

    def _like(
        self, blocks: tuple[Tensor | None, ...], mask_mod: MaskMod, lengths: tuple[int, int]
    ) -> BlockMask:
        counts, columns, full_counts, full_columns = blocks
        assert counts is not None and columns is not None
        return BlockMask.from_kv_blocks(
            counts,
            columns,
            full_counts,
            full_columns,
            self.BLOCK_SIZE,
            mask_mod,
            lengths,
            self.q_indices is not None,
        )

    def __getitem__(self, index: Any) -> BlockMask:
        """The blocks of some samples, heads and rows; dimensions stay, and the mask's function is to be set anew."""
        given = index if isinstance(index, tuple) else (index,)
        sizes = self.kv_num_blocks.shape[:3]
        kept = tuple(
            slice(i % n, i % n + 1) if isinstance(i, int) and -n <= i < n else i
            for i, n in zip((*given, slice(None), slice(None), slice(None)), sizes, strict=False)
        )
        tensors = (getattr(self, name) for name in _TENSORS[:4])
        blocks = tuple(None if tensor is None else tensor[kept] for tensor in tensors)
        return self._like(blocks, _no_mask_of_a_part, self.seq_lengths)

    def _adjust(self, new_q_len: int, new_kv_len: int) -> BlockMask:
        """The upper left corner, for fewer queries and keys."""
        rows, width = (
            -(-length // size) for length, size in zip((new_q_len, new_kv_len), self.BLOCK_SIZE, strict=True)
        )
        blocks: tuple[Tensor | None, ...] = _cut(self.kv_num_blocks, self.kv_indices, rows, width)
        if self.full_kv_num_blocks is None or self.full_kv_indices is None:
            blocks += (None, None)
        else:
            blocks += _cut(self.full_kv_num_blocks, self.full_kv_indices, rows, width)
        return self._like(blocks, self.mask_mod, (new_q_len, new_kv_len))

    def to(self, device: Any) -> BlockMask:
        """The same on a device."""
        moved = {name: getattr(self, name) for name in _TENSORS}
        moved = {name: None if x is None else x.to(device) for name, x in moved.items()}
        return BlockMask(
            self.seq_lengths,
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod,
            dq_kv_order_spt=self.dq_kv_order_spt,
            **moved,
        )


def create_block_mask(
    mask_mod: MaskMod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
    compute_dq_write_order: bool = False,
    dq_kv_order: bool = True,
) -> BlockMask:
    """The blocks of a mask that is a function of the positions.

    Args:
        mask_mod: of (batch, head, token_q, token_kv).
        B, H: how many samples and heads; None: one mask for all.
        Q_LEN, KV_LEN: how many queries and keys.
        device: where; default: the CPU.
        BLOCK_SIZE: how many queries and keys a block has.
        _compile: deprecated in PyTorch; it changes nothing.
        separate_full_blocks: whether blocks that may attend as a whole are listed by themselves.
        compute_dq_write_order: for kernels of GPUs; not implemented.
        dq_kv_order: in which order; of no effect without it.

    Raises:
        AssertionError: a function of other arguments.

    Example:
        >>> from flambeau.nn.attention.flex_attention import create_block_mask
        >>> print(create_block_mask(lambda b, h, q, kv: q >= kv, 1, 1, 6, 6, BLOCK_SIZE=2))
        BlockMask(shape=(1, 1, 6, 6), sparsity=33.33%,
        (0, 0)
        ██
        ████
        ██████
        )
    """
    if _changes_scores(mask_mod):
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    if _compile:
        warnings.warn(
            "_compile flag on create_block_mask is deprecated and changes nothing here",
            DeprecationWarning,
            stacklevel=2,
        )
    if compute_dq_write_order:
        raise NotImplementedError("create_block_mask: compute_dq_write_order is for kernels of GPUs")
    if not isinstance(dq_kv_order, bool):
        raise ValueError("dq_kv_order must be a bool when using create_block_mask")
    rows, columns = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    mask = pad(mask, (0, -KV_LEN % columns, 0, -Q_LEN % rows))
    samples, heads, queries, keys = mask.shape
    blocks = mask.view(samples, heads, queries // rows, rows, keys // columns, columns)
    allowed = blocks.sum((3, 5))
    whole = allowed == rows * columns
    full: tuple[Tensor | None, Tensor | None] = (None, None)
    if separate_full_blocks:
        full = _ordered(whole)
    partial = _ordered((allowed > 0) & ~whole if separate_full_blocks else allowed > 0)
    return BlockMask.from_kv_blocks(*partial, *full, (rows, columns), mask_mod, (Q_LEN, KV_LEN))


# ---- attention


def _check(query: Tensor, key: Tensor, value: Tensor, block_mask: BlockMask | None, enable_gqa: bool) -> None:
    if not query.dtype == key.dtype == value.dtype:
        raise ValueError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype}, key.dtype: "
            f"{key.dtype}, and value.dtype: {value.dtype} instead."
        )
    if query.size(-1) != key.size(-1):
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.size(-1)} and E={key.size(-1)}."
        )
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    heads, own = query.size(1), key.size(1)
    if not enable_gqa and heads != own:
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={own}. "
            "Try setting enable_gqa=True for GQA."
        )
    if heads % own:
        raise ValueError(
            "Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={own}."
        )
    if query.size(0) != key.size(0) and block_mask is None:
        raise ValueError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, but got block_mask=None, "
            f"Bq={query.size(0)}, and Bkv={key.size(0)}."
        )
    if block_mask is None:
        return
    if block_mask.mask_mod is _no_mask_of_a_part:
        raise RuntimeError(
            "Cannot use mask_mod from a sliced BlockMask: set it anew, with the slice's offset"
        )
    lengths, made_for = (query.size(-2), key.size(-2)), block_mask.shape[-2:]
    if lengths != made_for:
        smaller = lengths[0] > made_for[0] or lengths[1] > made_for[1]
        raise ValueError(
            f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={lengths[0]} and "
            f"kv_len={lengths[1]}. As the block mask was created for a {'smaller' if smaller else 'larger'} length than "
            "you're using it for, you likely need to create a new block mask"
            + ("." if smaller else ", or to crop it with block_mask._adjust(q_len, kv_len).")
        )


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: ScoreMod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: FlexKernelOptions | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Tensor | tuple[Tensor, Tensor] | tuple[Tensor, AuxOutput]:
    r"""Attention whose scores a function may change: :math:`\text{softmax}(f(s Q K^\top)) V`.

    The whole matrix of scores is computed, and differentiated, also where PyTorch's version for the CPU does not.

    Args:
        query: ``(B, H, L, E)``.
        key: ``(B, H, S, E)``.
        value: ``(B, H, S, F)``.
        score_mod: :math:`f`, of (score, batch, head, token_q, token_kv); of tensors, see above.
        block_mask: which pairs may attend; a query that may attend to nothing gets zeros.
        scale: :math:`s`; default: :math:`1 / \sqrt{E}`.
        enable_gqa: whether key and value may have fewer heads, which are shared.
        return_lse: deprecated for `return_aux`.
        kernel_options: for GPUs; checked, and of no effect here.
        return_aux: what else is returned.

    Returns:
        ``(B, H, L, F)``; with `return_aux` an :class:`AuxOutput` too.

    Raises:
        ValueError: sizes that do not fit each other or the mask.
        NotImplementedError: other than 4 axes.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.attention.flex_attention import flex_attention
        >>> q = torch.zeros(1, 1, 2, 4)
        >>> v = torch.tensor([[[[1.0], [3.0]]]])
        >>> later_counts_less = lambda score, b, h, q, kv: score - 100 * kv
        >>> flex_attention(q, q, v, later_counts_less)
        tensor([[[[1.],
                  [1.]]]])

    Source: J. Dong et al., "Flex attention", 2024.
    """
    _check(query, key, value, block_mask, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError(
            "Cannot specify both return_lse and return_aux. return_lse is deprecated, please use "
            "return_aux=AuxRequest(lse=True) instead."
        )
    if return_lse:
        warnings.warn(
            "return_lse is deprecated; please use return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
            stacklevel=2,
        )
    backend = (kernel_options or {}).get("BACKEND", "AUTO")
    if backend not in _BACKENDS:
        raise ValueError(f"Invalid BACKEND value '{backend}'. Must be one of {_BACKENDS}")
    wide = flambeau.float64 if query.dtype == flambeau.float64 else flambeau.float32
    group = query.size(1) // key.size(1)
    shared = [x.repeat_interleave(group, 1) if group > 1 else x for x in (key, value)]
    factor = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = query.to(wide).matmul(shared[0].to(wide).transpose(-2, -1)) * factor
    positions = _positions(scores.shape, scores.device)
    if score_mod is not None:
        scores = score_mod(scores, *positions).to(wide).expand(scores.shape)
    if block_mask is not None:
        scores = flambeau.where(block_mask.mask_mod(*positions), scores, -math.inf)
    shut = (scores.detach() == -math.inf).all(-1, keepdim=True)
    weights = scores.masked_fill(shut, 0.0).softmax(-1).masked_fill(shut, 0.0)
    result = weights.to(query.dtype).matmul(shared[1])
    if return_lse:
        return result, scores.logsumexp(-1)
    if return_aux is None:
        return result
    return result, AuxOutput(
        scores.logsumexp(-1) if return_aux.lse else None, scores.amax(-1) if return_aux.max_scores else None
    )
