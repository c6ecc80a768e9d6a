"""Dimensions as operators written in Python take them."""

from __future__ import annotations


def wrap_dim(dim: int, count: int) -> int:
    """The place of a dimension that may count from the end; a tensor without dimensions is taken to have one.

    Raises:
        IndexError: no such dimension.
    """
    count = max(count, 1)
    if not -count <= dim < count:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], but got {dim})"
        )
    return dim % count
