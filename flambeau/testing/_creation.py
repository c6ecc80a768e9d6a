"""Random tensors of any shape and dtype for tests."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from flambeau import _core
from flambeau._core import Tensor
from flambeau._type_info import finfo, iinfo

__all__ = ["make_tensor"]


def _limits(dtype: Any) -> tuple[float, float]:
    """The least value and the greatest (one past it for integers)."""
    if dtype == _core.bool:
        return 0, 2
    if dtype.is_floating_point or dtype.is_complex:
        return finfo(dtype).min, finfo(dtype).max
    return iinfo(dtype).min, iinfo(dtype).max + 1


def _interval(dtype: Any, low: float | None, high: float | None) -> tuple[Any, Any]:
    inexact = dtype.is_floating_point or dtype.is_complex
    least, greatest = _limits(dtype)
    if dtype == _core.bool:
        defaults: tuple[float, float] = (0, 2)
    elif dtype == _core.uint8:
        defaults = (0, 10)
    else:
        defaults = (-9, 9) if inexact else (-9, 10)
    low = defaults[0] if low is None else low
    high = defaults[1] if high is None else high
    if any(isinstance(value, float) and math.isnan(value) for value in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and inexact:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated "
            "since 2.1 and will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= greatest:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), "
            f"but {dtype} only supports [{least}, {greatest})"
        )
    low, high = max(low, least), min(high, greatest)
    return (low, high) if inexact else (math.ceil(low), math.ceil(high))


def make_tensor(
    *shape: int | Sequence[int],
    dtype: Any,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of random values, uniform in [low, high).

    Args:
        shape: its sizes, as numbers or one sequence
        dtype: its dtype
        device: where it is made
        low: the least value; default: -9, and 0 for bool and uint8
        high: the bound; default: 9 for floating types, 10 for integers, 2 for bool
        requires_grad: whether operations on it are recorded
        noncontiguous: whether its elements have gaps between them
        exclude_zero: zeros become the smallest positive value
        memory_format: the order of its elements in memory

    Raises:
        ValueError: if the interval is empty or holds no value of the dtype, or two arguments exclude each other.

    >>> import flambeau as torch
    >>> x = torch.testing.make_tensor(3, dtype=torch.float32, device="cpu", low=0, high=1)
    >>> bool((x >= 0).all()) and bool((x < 1).all())
    True
    """
    sizes: Any = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    sizes = tuple(sizes)
    inexact = dtype.is_floating_point or dtype.is_complex
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got {noncontiguous=} and {memory_format=}"
        )
    if requires_grad and not inexact:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}"
        )
    low, high = _interval(dtype, low, high)
    # Every other element is dropped where gaps are wanted.
    gaps = noncontiguous and math.prod(sizes) > 1
    whole = (*sizes[:-1], 2 * sizes[-1]) if gaps else sizes
    if dtype.is_complex:
        real, imaginary = (
            _core.empty(whole, dtype=dtype.to_real(), device=device).uniform_(low, high) for _ in range(2)
        )
        result = sys.modules["flambeau"].complex(real, imaginary)
    elif inexact:
        result = _core.empty(whole, dtype=dtype, device=device).uniform_(low, high)
    else:
        result = _core.randint(int(low), int(high), whole, dtype=dtype, device=device)
    if gaps:
        result = result[..., ::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = finfo(dtype).tiny if inexact else 1
    return result.requires_grad_(requires_grad) if requires_grad else result
