"""uint16, uint32, uint64: storing, converting, comparing, multiplying."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flambeau as torch

WIDE = [torch.uint16, torch.uint32, torch.uint64]


@pytest.mark.parametrize("dtype", WIDE)
def test_limits(dtype: Any) -> None:
    info = torch.iinfo(dtype)
    assert (info.min, info.max, info.bits) == (0, 2 ** (8 * dtype.itemsize) - 1, 8 * dtype.itemsize)
    assert not dtype.is_signed
    assert not dtype.is_floating_point


@pytest.mark.parametrize("dtype", WIDE)
def test_promotion_is_refused_except_with_floats_and_itself(dtype: Any) -> None:
    assert torch.promote_types(dtype, dtype) == dtype
    assert torch.promote_types(torch.float16, dtype) == torch.float16
    for other in {torch.bool, torch.uint8, torch.int64, torch.complex64, *WIDE} - {dtype}:
        with pytest.raises(RuntimeError, match="Promotion for uint16, uint32, uint64 types is not supported"):
            torch.promote_types(dtype, other)


@pytest.mark.parametrize("dtype", WIDE)
def test_arithmetic_that_there_is(dtype: Any) -> None:
    x = torch.tensor([3, 5, 65535], dtype=dtype)
    product = x * x
    assert product.dtype == dtype
    assert product.tolist() == [9, 25, 65535**2 % 2 ** (8 * dtype.itemsize)]
    assert (x / 2).dtype == torch.float32
    assert (x == torch.tensor([3, 4, 65535], dtype=dtype)).tolist() == [True, False, True]
    assert (x != 5).tolist() == [True, False, True]
    assert (x & 6).tolist() == [2, 4, 6]
    assert (x ^ 1).tolist() == [2, 4, 65534]
    assert not torch.signbit(x).any()


@pytest.mark.parametrize("dtype", WIDE)
def test_arithmetic_that_there_is_not(dtype: Any) -> None:
    x = torch.tensor([3, 5], dtype=dtype)
    for operation in (lambda: x + 1, lambda: x < 4, lambda: -x, lambda: x // 2, lambda: torch.amax(x)):
        with pytest.raises(NotImplementedError, match="UInt"):
            operation()


@pytest.mark.parametrize("dtype", WIDE)
def test_numpy_both_ways(dtype: Any) -> None:
    array = np.array([1, 2, 60000], dtype=str(dtype).removeprefix("torch."))
    x = torch.from_numpy(array)
    assert x.dtype == dtype
    assert x.numpy().dtype == array.dtype
    assert x.tolist() == [1, 2, 60000]


def test_conversions() -> None:
    big = torch.from_numpy(np.array([2**64 - 1, 2**63 + 2**40], dtype=np.uint64))
    assert big.tolist() == [2**64 - 1, 2**63 + 2**40]
    assert big.double().tolist() == [2.0**64, 2.0**63 + 2.0**40]
    assert big.to(torch.int64).tolist() == [-1, 2**40 - 2**63]
    assert torch.tensor([-1, 70000]).to(torch.uint16).tolist() == [65535, 4464]
    # values recorded from PyTorch 2.13
    floats = torch.tensor([-1.5, 3.7, 1e10, 1e19])
    assert floats.to(torch.uint64).tolist() == [2**64 - 1, 3, 10000000000, 9999999980506447872]


@pytest.mark.parametrize("name", ["uint16", "uint32", "uint64"])
def test_sums_and_products_are_taken_in_int64(name):
    x = torch.tensor([[1, 2], [3, 4]]).to(getattr(torch, name))
    assert x.sum().dtype == torch.int64 and x.sum().item() == 10
    assert x.prod(1).tolist() == [2, 12]
    assert x.cumsum(0).tolist() == [[1, 2], [4, 6]]
    assert x.cumprod(1).tolist() == [[1, 2], [3, 12]]
    with pytest.raises(NotImplementedError, match="cummax"):
        x.cummax(0)


def test_an_integer_beyond_int64_is_a_number_of_uint64() -> None:
    big = 2**63 + 5
    assert torch.full((2,), big, dtype=torch.uint64).tolist() == [big, big]
    assert torch.full_like(torch.zeros(2, dtype=torch.uint64), 2**64 - 1).tolist() == [2**64 - 1] * 2
    x = torch.tensor([1, big, big + 1], dtype=torch.uint64)
    assert (x == big).tolist() == [False, True, False]
    assert (x != big).tolist() == [True, False, True]
    assert x.clone().fill_(big).tolist() == [big] * 3
    assert torch.scalar_tensor(big, dtype=torch.uint64).item() == big
    assert torch.where(torch.tensor([True, False, True]), x, big).tolist() == [1, big, big + 1]


def test_an_integer_beyond_int64_is_a_number_of_floating_tensors() -> None:
    x = torch.tensor([1.5], dtype=torch.float64)
    assert (x + 2**63).item() == 2.0**63
    assert (x - (2**64 - 1)).item() == 1.5 - 2.0**64
    assert (x * 2**63).item() == 1.5 * 2.0**63
    assert (x < 2**63).item() is True
    assert (torch.tensor([1]) / 2**63).item() == 2.0**-63
    assert torch.full((1,), 2**63, dtype=torch.float32).item() == 2.0**63
    assert torch.scalar_tensor(2**63).item() == 2.0**63


def test_int64_sums_and_products_wrap_around_past_an_integer_beyond_it() -> None:
    x = torch.tensor([1])
    assert (x + 2**63).item() == (2**63 + x).item() == 1 - 2**63
    assert (x * 2**63).item() == -(2**63)
    assert (x & (2**63 + 1)).item() == 1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_no_integer_tensor_reaches_an_integer_beyond_int64(dtype: Any) -> None:
    x = torch.tensor([0, 100, torch.iinfo(dtype).max], dtype=dtype)
    yes, no = [True] * 3, [False] * 3
    assert (x < 2**63).tolist() == (x <= 2**63).tolist() == (x != 2**63).tolist() == yes
    assert (x > 2**63).tolist() == (x >= 2**63).tolist() == (x == 2**63).tolist() == no


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.full((2,), 2**63),
        lambda: torch.full((2,), 2**63, dtype=torch.int32),
        lambda: torch.tensor([1]).fill_(2**63),
        lambda: torch.clamp(torch.tensor([1]), max=2**63),
        lambda: torch.add(torch.tensor([1]), 1, alpha=2**63),
        lambda: torch.masked_fill(torch.tensor([1]), torch.tensor([True]), 2**63),
    ],
)
def test_int64_does_not_take_an_integer_beyond_it(call: Any) -> None:
    with pytest.raises(RuntimeError, match="value cannot be converted to type int(64_t)? without overflow"):
        call()


def test_an_integer_beyond_64_bits_is_no_number() -> None:
    with pytest.raises(OverflowError, match="^int too big to convert$"):
        torch.tensor([1]) + 2**64
    with pytest.raises(OverflowError, match="^can't convert negative int to unsigned$"):
        torch.tensor([1]) + (-(2**63) - 1)
    with pytest.raises(ValueError, match="^Overflow when unpacking long long"):
        torch.tensor([2**63])
