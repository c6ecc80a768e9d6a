"""torch.testing: what assert_close accepts and says, and what make_tensor makes."""

from __future__ import annotations

import re

import numpy as np
import pytest

import flambeau as torch
from flambeau.testing import assert_allclose, assert_close, make_tensor

T = torch.tensor
NAN = float("nan")


@pytest.mark.parametrize(
    ("actual", "expected", "options"),
    [
        (T([1.0, 2.0]), T([1.0, 2.0 + 1e-6]), {}),
        (T([1e-6]), T([2e-6]), {}),
        (T([1.0], dtype=torch.half), T([1.001], dtype=torch.half), {}),
        (T(NAN), T(NAN), {"equal_nan": True}),
        (None, None, {}),
        (T([1.0]), T([1.1]), {"rtol": 0.2, "atol": 0}),
        (T([1.0]), T([1.0], dtype=torch.double), {"check_dtype": False}),
        (1, 1.0, {"check_dtype": False}),
        (torch.ones(2, 3), torch.ones(3, 2).t(), {}),
        (torch.ones(0), torch.ones(0), {}),
        ((1, [2.0]), [1, (2.0,)], {}),
        ({"a": T([1.0])}, {"a": T([1.0])}, {}),
        (torch.nn.Parameter(T([1.0])), T([1.0]), {}),
        (float("inf"), float("inf"), {}),
        (np.array([1.0]), np.array([1.0]), {}),
        (True, True, {}),
    ],
)
def test_these_are_close(actual, expected, options):
    assert_close(actual, expected, **options)


# Recorded from PyTorch 2.13.
@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        (
            T([1.0, 2.0]),
            T([1.0, 2.1]),
            "Tensor-likes are not close!\n\nMismatched elements: 1 / 2 (50.0%)\n"
            "Greatest absolute difference: 0.09999990463256836 at index (1,) (up to 1e-05 allowed)\n"
            "Greatest relative difference: 0.04761900380253792 at index (1,) (up to 1.3e-06 allowed)",
        ),
        (
            T([[1.0, 2.0], [3.0, 4.0]]),
            T([[1.0, 2.0], [5.0, 4.0]]),
            "Tensor-likes are not close!\n\nMismatched elements: 1 / 4 (25.0%)\n"
            "Greatest absolute difference: 2.0 at index (1, 0) (up to 1e-05 allowed)\n"
            "Greatest relative difference: 0.4000000059604645 at index (1, 0) (up to 1.3e-06 allowed)",
        ),
        (
            T([1, 2]),
            T([1, 3]),
            "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\n"
            "Greatest absolute difference: 1 at index (1,)\n"
            "Greatest relative difference: 0.3333333432674408 at index (1,)",
        ),
        (
            T([True]),
            T([False]),
            "Tensor-likes are not equal!\n\nMismatched elements: 1 / 1 (100.0%)\n"
            "Greatest absolute difference: 1 at index (0,)\nGreatest relative difference: inf at index (0,)",
        ),
        (
            T(1.0),
            T(2.0),
            "Scalars are not close!\n\nExpected 2.0 but got 1.0.\n"
            "Absolute difference: 1.0 (up to 1e-05 allowed)\nRelative difference: 0.5 (up to 1.3e-06 allowed)",
        ),
        (
            [1.0, 2.0],
            [1.0, 2.5],
            "Scalars are not close!\n\nExpected 2.5 but got 2.0.\nAbsolute difference: 0.5 (up to 1e-07 allowed)\n"
            "Relative difference: 0.2 (up to 1e-07 allowed)\n\nThe failure occurred for item [1]",
        ),
        (
            {"a": [[1, 2]]},
            {"a": [[1, 3]]},
            "Scalars are not equal!\n\nExpected 3 but got 2.\nAbsolute difference: 1\n"
            "Relative difference: 0.3333333333333333\n\nThe failure occurred for item ['a'][0][1]",
        ),
        (NAN, NAN, "Scalars are not close!\n\nExpected nan but got nan.\n"),
        (
            {"a": 1.0},
            {"b": 1.0},
            "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['b']\n"
            "Additional keys in the actual mapping: ['a']",
        ),
        ([1], [1, 2], "The length of the sequences mismatch: 1 != 2"),
        (None, 3, "None mismatch: None is not 3"),
        (True, False, "Booleans mismatch: True is not False"),
        (1, 1.0, "The (d)types do not match: <class 'int'> != <class 'float'>."),
        (
            T([1.0]),
            T([1.0, 2.0]),
            "The values for attribute 'shape' do not match: torch.Size([1]) != torch.Size([2]).",
        ),
        (
            T([1.0]),
            T([1], dtype=torch.int),
            "The values for attribute 'dtype' do not match: torch.float32 != torch.int32.",
        ),
    ],
)
def test_differences_are_said(actual, expected, message):
    with pytest.raises(AssertionError, match=re.escape(message)):
        assert_close(actual, expected)


def test_strides_and_devices_can_be_compared():
    with pytest.raises(
        AssertionError, match=re.escape("attribute 'stride()' do not match: (3, 1) != (1, 2).")
    ):
        assert_close(torch.ones(2, 3), torch.ones(3, 2).t(), check_stride=True)
    with pytest.raises(AssertionError, match="attribute 'device' do not match: cpu != meta"):
        assert_close(torch.ones(1), torch.ones(1, device="meta"))


@pytest.mark.parametrize(
    ("actual", "expected"), [("a", "a"), (T(1.0), 1.0), (T([1.0]), np.array([1.0])), ([1, "a"], [1, "b"])]
)
def test_what_holds_no_numbers_cannot_be_compared(actual, expected):
    with pytest.raises(TypeError, match="No comparison pair was able to handle inputs of type"):
        assert_close(actual, expected)


def test_both_tolerances_or_none():
    with pytest.raises(ValueError, match="must be either specified or omitted, but got no atol"):
        assert_close(T([1.0]), T([1.0]), rtol=0.1)


def test_the_message_can_be_replaced():
    with pytest.raises(AssertionError, match="^boo$"):
        assert_close(1, 2, msg="boo")
    with pytest.raises(AssertionError, match="^see: Scalars are not equal!"):
        assert_close(1, 2, msg=lambda text: "see: " + text)


def test_assert_allclose_converts():
    with pytest.warns(FutureWarning):
        assert_allclose([1.0], [1.00005])
    with pytest.warns(FutureWarning), pytest.raises(AssertionError, match="up to 0.0001 allowed"):
        assert_allclose([1.0], [1.1])


# ---- make_tensor


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.int8])
def test_values_lie_in_the_interval(dtype):
    x = make_tensor((50, 4), dtype=dtype, device="cpu", low=2, high=5)
    assert x.dtype == dtype and x.shape == (50, 4)
    assert bool((x >= 2).all()) and bool((x < 5).all())
    assert len(x.unique()) >= 3 if hasattr(x, "unique") else True


def test_default_intervals():
    x = make_tensor(1000, dtype=torch.float32, device="cpu")
    assert -9 <= x.min() < -6 and 6 < x.max() <= 9
    n = make_tensor(1000, dtype=torch.uint8, device="cpu")
    assert int(n.min()) == 0 and int(n.max()) == 9
    b = make_tensor(100, dtype=torch.bool, device="cpu")
    assert bool(b.any()) and not bool(b.all())


def test_floats_draw_as_in_pytorch():
    torch.manual_seed(0)
    torch.testing.assert_close(
        make_tensor((3,), dtype=torch.float32, device="cpu"), T([-0.0674, 4.8280, -7.4074]), rtol=0, atol=1e-4
    )


def test_gaps_and_orders_of_memory():
    x = make_tensor((3, 3), dtype=torch.float32, device="cpu", noncontiguous=True)
    assert x.stride() == (6, 2) and not x.is_contiguous()
    y = make_tensor((2, 2, 3, 3), dtype=torch.float32, device="cpu", memory_format=torch.channels_last)
    assert y.stride() == (18, 1, 6, 2)


def test_zero_can_be_left_out():
    x = make_tensor(200, dtype=torch.int32, device="cpu", low=-1, high=2, exclude_zero=True)
    assert not bool((x == 0).any())


def test_it_may_require_a_gradient():
    assert make_tensor((), dtype=torch.float32, device="cpu", requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 2, "high": 1}, "`low` must be less than `high`, but got 2 >= 1"),
        ({"low": NAN}, "`low` and `high` cannot be NaN, but got low=nan and high=9"),
        ({"dtype": torch.int8, "low": 200, "high": 300}, r"torch.int8 only supports \[-128, 128\)"),
        ({"dtype": torch.int32, "requires_grad": True}, "not supported for boolean and integral dtypes"),
        ({"noncontiguous": True, "memory_format": torch.channels_last}, "are mutually exclusive"),
    ],
)
def test_impossible_requests(options, message):
    with pytest.raises(ValueError, match=message):
        make_tensor((3, 3), **{"dtype": torch.float32, "device": "cpu", **options})
