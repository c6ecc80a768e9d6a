"""Products of groups of matrices, and products of scaled 8-bit numbers, which this build lacks."""

from __future__ import annotations

from typing import Any

import flambeau

from ..._core import Tensor
from ..._missing import refusing

__all__ = ["grouped_mm", "scaled_grouped_mm", "scaled_mm"]

_DTYPES = (flambeau.float32, flambeau.bfloat16, flambeau.float16)


def grouped_mm(
    mat_a: Tensor,
    mat_b: Tensor,
    *,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: flambeau.dtype | None = None,
) -> Tensor:
    """A product for each group; a matrix with two axes holds the groups side by side, and `offs` says where each ends.

    Args:
        mat_a: ``(G, m, k)``; ``(M, k)``, whose rows are divided, if `mat_b` has three axes; else ``(m, K)``, whose columns
            are.
        mat_b: ``(G, k, n)``; ``(k, N)``, whose columns are divided, if `mat_a` has three axes; else ``(K, n)``, whose rows
            are.
        offs: the end of each group along the divided axis, ``(G)`` of int32; not with three axes each.
        bias: not supported, as in PyTorch.
        out_dtype: `mat_a`'s.

    Returns:
        ``(G, m, n)`` of two operands with as many axes, else ``(M, n)`` or ``(m, N)``, 0 behind the last group.

    Raises:
        RuntimeError: operands that do not fit each other or the offsets.

    Example:
        >>> import flambeau as torch
        >>> rows, weights = torch.ones(3, 2), torch.stack([torch.ones(2, 1), 5 * torch.ones(2, 1)])
        >>> ends = torch.tensor([1, 3], dtype=torch.int32)
        >>> torch.nn.functional.grouped_mm(rows, weights, offs=ends).flatten().tolist()
        [2.0, 10.0, 10.0]
    """
    for name, matrix in (("mat_a", mat_a), ("mat_b", mat_b)):
        if matrix.dim() not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d: it has {matrix.dim()} axes")
        if matrix.dtype not in _DTYPES:
            raise RuntimeError(
                f"Expected {name} to be Float32, BFloat16 or Float16 matrix, got {matrix.dtype}: convert it with .to(dtype)"
            )
    if mat_a.size(-1) != mat_b.size(-2):
        raise RuntimeError(
            f"contraction dimension of mat_a and mat_b must match: they have {mat_a.size(-1)} columns and "
            f"{mat_b.size(-2)} rows"
        )
    flat = mat_a.dim() == 2, mat_b.dim() == 2
    if any(flat) != (offs is not None):
        raise RuntimeError(
            "Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d"
        )
    if bias is not None:
        raise RuntimeError("Bias not supported yet: add it to the result")
    if out_dtype is not None and out_dtype != mat_a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype: convert the result")
    if offs is None:
        if mat_a.size(0) != mat_b.size(0):
            raise RuntimeError(
                f"batched dimension has to match: {mat_a.size(0)} and {mat_b.size(0)} matrices"
            )
        return mat_a.bmm(mat_b)
    if offs.dim() != 1:
        raise RuntimeError("offs has to be 1D")
    if offs.dtype != flambeau.int32:
        raise RuntimeError("Offsets have to be int32")
    ends = offs.tolist()
    starts = [0, *ends[:-1]]
    divided = mat_b.size(0) if all(flat) else mat_a.size(0) if flat[0] else mat_b.size(1)
    if any(not 0 <= s <= e <= divided for s, e in zip(starts, ends, strict=True)):
        raise RuntimeError(f"offs has to grow from 0 to {divided} at most, but is {ends}")
    parts = [slice(s, e) for s, e in zip(starts, ends, strict=True)]
    if all(flat):
        return flambeau.stack([mat_a[:, part].mm(mat_b[part]) for part in parts])
    if len(parts) != (mat_b if flat[0] else mat_a).size(0):
        raise RuntimeError(
            "matrix batch sizes have to match: an offset for each of the matrices of the 3d operand"
        )
    rest = divided - (ends[-1] if ends else 0)
    if flat[0]:
        found = [mat_a[part].mm(b) for part, b in zip(parts, mat_b, strict=True)]
        return flambeau.cat([*found, mat_a.new_zeros(rest, mat_b.size(2))])
    found = [a.mm(mat_b[:, part]) for part, a in zip(parts, mat_a, strict=True)]
    return flambeau.cat([*found, mat_a.new_zeros(mat_a.size(1), rest)], 1)


def scaled_mm(mat_a: Tensor, mat_b: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The product of matrices of scaled 8-bit numbers, a type that this build lacks: any other is refused as in PyTorch.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        "Invalid scaling configuration.\n- For TensorWise scaling, a and b should be float8, scales should be float and "
        f"singletons.\nGot mat_a.dtype()={mat_a.dtype}, mat_b.dtype()={mat_b.dtype}: this build has no float8; use matmul"
    )


scaled_grouped_mm = refusing(
    __name__,
    "scaled_grouped_mm",
    NotImplementedError,
    "Could not run 'aten::_scaled_grouped_mm_v2' with arguments from the 'CPU' backend; use grouped_mm",
)
