"""Sorted order: sort and its kin, ranks, distinct elements, quantiles, searches and histograms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(0)

# Rows of every kind of key: narrow, wide, wide with equal upper halves, small ranges, many equals.
KEYS = {
    "float32": lambda n: RNG.standard_normal(n).astype("float32"),
    "float64": lambda n: RNG.standard_normal(n),
    "nearly equal float64": lambda n: 1 + RNG.integers(0, 50, n) * 2.0**-50,
    "float16": lambda n: RNG.standard_normal(n).astype("float16"),
    "bool": lambda n: RNG.random(n) < 0.5,
    "uint8": lambda n: RNG.integers(0, 256, n, dtype="uint8"),
    "int16": lambda n: RNG.integers(-(2**15), 2**15, n, dtype="int16"),
    "int32": lambda n: RNG.integers(-(2**31), 2**31, n, dtype="int32"),
    "int64": lambda n: RNG.integers(-(2**63), 2**63 - 1, n),
    "uint32": lambda n: RNG.integers(0, 2**32, n, dtype="uint32"),
    "few int64": lambda n: RNG.integers(-3, 3, n),
    "sparse int64": lambda n: RNG.integers(0, 4, n) * 2**40 + RNG.integers(0, 9, n),
}


def same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("n", [1, 7, 130, 1000, 5000, 40000])
@pytest.mark.parametrize("kind", KEYS)
def test_a_sort_is_numpys_stable_one(kind: str, n: int) -> None:
    x = KEYS[kind](n)
    order = np.argsort(x, kind="stable")
    values, places = torch.sort(torch.from_numpy(x))
    same(places, order)
    same(values, x[order])
    same(torch.argsort(torch.from_numpy(x), stable=True), order)


@pytest.mark.parametrize("descending", [False, True])
def test_nan_is_above_everything_and_the_zeros_are_equal(descending: bool) -> None:
    x = torch.tensor([NAN, 0.0, -INF, -0.0, INF, NAN, -1.0])
    places = torch.sort(x, stable=True, descending=descending).indices.tolist()
    assert places == ([0, 5, 4, 1, 3, 6, 2] if descending else [2, 6, 1, 3, 4, 0, 5])


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("shape", [(5, 6, 40), (3, 50, 2), (2, 0, 3), (1, 33000, 2)])
def test_a_sort_runs_along_any_dimension(shape: tuple[int, ...], dim: int) -> None:
    x = RNG.integers(0, 9, shape)
    values, places = torch.sort(torch.from_numpy(x), dim)
    same(places, np.argsort(x, dim, kind="stable"))
    same(values, np.sort(x, dim))


def test_a_sort_keeps_the_order_in_memory() -> None:
    x = torch.rand(3, 4, 5).permute(2, 0, 1)
    values, places = torch.sort(x, 1)
    assert values.stride() == places.stride() == x.stride()
    assert values.equal(x.contiguous().sort(1).values)
    spaced = torch.rand(6, 8)[::2, ::2]
    assert spaced.sort(0).values.equal(spaced.contiguous().sort(0).values)
    assert torch.ones(3).expand(2, 3).sort(0).indices.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_bfloat16_has_its_own_keys() -> None:
    x = torch.tensor([1.5, NAN, -2.0, 0.25]).bfloat16()
    assert x.sort().indices.tolist() == [2, 3, 0, 1]
    assert x.topk(2).indices.tolist() == [1, 0]
    assert x.nanmedian().item() == 0.25


def test_results_go_where_they_are_asked_for() -> None:
    x, places = torch.tensor([3.0, 1.0, 2.0]), torch.empty(0, dtype=torch.int64)
    assert torch.sort(x, out=(x, places))[0] is x
    assert x.tolist() == [1, 2, 3] and places.tolist() == [1, 2, 0]
    assert isinstance(torch.sort(x), torch.return_types.sort)
    assert repr(torch.sort(x)) == (
        "torch.return_types.sort(\nvalues=tensor([1., 2., 3.]),\nindices=tensor([0, 1, 2]))"
    )
    assert torch.msort(torch.tensor([[3, 1], [2, 4]])).tolist() == [[2, 1], [3, 4]]
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype float, but got double instead"):
        torch.sort(x, out=(torch.empty(0, dtype=torch.float64), places))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k", [0, 1, 5, 60, 1500])
@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind not in ("bool", "uint32")])
def test_topk_begins_the_sorted_row(kind: str, k: int, largest: bool) -> None:
    x = torch.from_numpy(KEYS[kind](3000).reshape(2, 1500))
    expected = torch.sort(x, stable=True, descending=largest)
    found = torch.topk(x, k, largest=largest)
    assert found.values.equal(expected.values[:, :k]) and found.indices.equal(expected.indices[:, :k])
    across = torch.topk(x.t(), k, 0, largest)
    assert across.indices.equal(expected.indices[:, :k].t())


def test_topk_of_rows_that_get_better_and_of_equal_ones() -> None:
    rising = torch.arange(5000)
    assert rising.topk(3).values.tolist() == [4999, 4998, 4997]
    assert rising.topk(3, largest=False).indices.tolist() == [0, 1, 2]
    assert torch.zeros(5000).topk(3).indices.tolist() == [0, 1, 2]
    assert torch.tensor([1, NAN, 3, NAN]).topk(3).indices.tolist() == [1, 3, 2]
    assert torch.tensor(3.0).topk(1).indices.tolist() == 0


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind not in ("bool", "uint32")])
@pytest.mark.parametrize("n", [1, 50, 999, 40000])
def test_ranks_are_elements_of_the_sorted_row(kind: str, n: int) -> None:
    x = KEYS[kind](n)
    ordered = np.sort(x)
    for k in (1, n // 3 + 1, n):
        value, place = torch.kthvalue(torch.from_numpy(x), k)
        assert value.item() == ordered[k - 1]
        assert x[place.item()] == ordered[k - 1]
    assert torch.median(torch.from_numpy(x)).item() == ordered[(n - 1) // 2]


def test_the_kth_of_equal_elements_is_the_one_that_exchanges_leave_there() -> None:
    x = torch.tensor([2, 1, 2, 0, 2, 1, 2, 2, 0, 1])
    assert [torch.kthvalue(x, k).indices.item() for k in range(1, 11)] == [8, 3, 1, 5, 9, 7, 0, 2, 6, 4]


def test_medians_and_nan() -> None:
    x = torch.tensor([[1, NAN, 2], [2, 2, 1], [NAN, NAN, NAN]])
    assert torch.median(x, 1).indices.tolist() == [1, 0, 0]
    assert torch.median(x, 1).values.isnan().tolist() == [True, False, True]
    values, places = torch.nanmedian(x, 1)
    assert values[:2].tolist() == [1, 2] and places.tolist() == [0, 0, 0]
    assert torch.nanmedian(x).item() == 2 and math.isnan(torch.median(x).item())
    assert math.isnan(torch.median(torch.empty(0)).item())
    assert torch.median(torch.empty(0, dtype=torch.int32)).item() == -(2**31)
    assert torch.median(torch.ones(2, 3), 0, True).values.shape == (1, 3)


def test_the_mode_is_the_smallest_of_the_commonest() -> None:
    x = torch.tensor([[1, 2, 2, 1], [5, 5, 5, 4]])
    assert torch.mode(x).values.tolist() == [1, 5]
    assert torch.mode(x).indices.tolist() == [3, 2]
    assert torch.mode(x, 0, True).values.tolist() == [[1, 2, 2, 1]]
    assert torch.mode(torch.tensor([NAN, 2.0, NAN])).values.item() == 2


@pytest.mark.parametrize("kind", KEYS)
def test_distinct_elements_are_numpys(kind: str) -> None:
    x = KEYS[kind](1200).reshape(30, 40)
    values, inverse, counts = torch.unique(torch.from_numpy(x), return_inverse=True, return_counts=True)
    expected = np.unique(x, return_inverse=True, return_counts=True)
    same(values, expected[0])
    same(inverse, expected[1].reshape(x.shape))
    same(counts, expected[2])


def test_distinct_slices() -> None:
    x = torch.tensor([[2, 1, 2], [0, 5, 0], [2, 1, 2]])
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=0)
    assert values.tolist() == [[0, 5, 0], [2, 1, 2]]
    assert inverse.tolist() == [1, 0, 1] and counts.tolist() == [1, 2]
    assert x.unique(dim=1).tolist() == [[1, 2], [5, 0], [1, 2]]
    rows = torch.tensor([[NAN, 1.0], [NAN, 1.0], [0.0, 1.0], [-0.0, 1.0]])
    assert torch.unique(rows, dim=0).shape == (3, 2)
    assert torch.unique(torch.zeros(0, 3), dim=0).shape == (0, 3)


def test_no_nan_is_another() -> None:
    values, inverse = torch.unique(torch.tensor([NAN, 1.0, NAN]), return_inverse=True)
    assert values.isnan().tolist() == [False, True, True] and inverse.tolist() == [1, 0, 2]


def test_runs_of_equal_elements() -> None:
    x = torch.tensor([1, 1, 2, 2, 1])
    values, inverse, counts = torch.unique_consecutive(x, return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 1]
    assert inverse.tolist() == [0, 0, 1, 1, 2] and counts.tolist() == [2, 2, 1]
    rows = torch.tensor([[1, 1], [1, 1], [2, 1]])
    assert rows.unique_consecutive(dim=0, return_counts=True)[1].tolist() == [2, 1]
    assert torch.unique_consecutive(torch.empty(0), return_counts=True)[1].shape == (0,)


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles_are_numpys(interpolation: str) -> None:
    x, q = RNG.standard_normal((6, 7)), np.array([0.0, 0.1, 0.5, 0.6, 1.0])
    for dim in (None, 0, 1):
        found = torch.quantile(
            torch.from_numpy(x), torch.from_numpy(q), dim, keepdim=True, interpolation=interpolation
        )
        expected = np.quantile(x, q, dim, method=interpolation, keepdims=True)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_quantiles_and_nan() -> None:
    x = torch.tensor([[1.0, NAN, 3.0], [1.0, 2.0, 3.0], [NAN, NAN, NAN]])
    assert torch.quantile(x, 0.5, 1).isnan().tolist() == [True, False, True]
    assert torch.nanquantile(x, 0.5, 1)[:2].tolist() == [2.0, 2.0]
    assert torch.nanquantile(x, torch.tensor([0.0, 1.0]), 1)[:, :2].tolist() == [[1, 1], [3, 3]]


def test_gradients_go_to_what_was_selected() -> None:
    x = torch.tensor([[0.3, -1.2, 2.0, 0.9], [1.1, 0.1, -0.4, 0.8]], dtype=torch.float64)
    for function in (
        lambda x: torch.sort(x, 0).values ** 2,
        lambda x: torch.msort(x) ** 3,
        lambda x: torch.topk(x, 2).values ** 2,
        lambda x: torch.kthvalue(x, 2, 0).values ** 2,
        lambda x: torch.median(x) ** 2,
        lambda x: torch.median(x, 1).values ** 2,
        lambda x: torch.nanmedian(x, 0, True).values ** 2,
        lambda x: torch.mode(x, 1).values ** 2,
        lambda x: torch.quantile(x, 0.3) ** 2,
        lambda x: torch.nanquantile(x, torch.tensor([0.3, 0.9], dtype=torch.float64), 1) ** 2,
    ):
        check_gradient(function, x)


def test_equal_medians_share_the_gradient() -> None:
    x = torch.tensor([1.0, 2.0, 2.0, 5.0], requires_grad=True)
    torch.median(x).backward()
    assert x.grad.tolist() == [0, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (IndexError, "Dimension out of range", lambda x: torch.sort(x, 2)),
        (RuntimeError, " Sort does not support complex dtypes on CPU", lambda x: torch.sort(x + 1j)),
        (RuntimeError, "selected index k out of range", lambda x: torch.topk(x, 4)),
        (RuntimeError, "topk does not support bool dtypes on CPU", lambda x: torch.topk(x > 0, 1)),
        (
            RuntimeError,
            r"kthvalue\(\): selected number k out of range for dimension 1",
            lambda x: torch.kthvalue(x, 0),
        ),
        (
            IndexError,
            r"median\(\): Expected reduction dim 0 to have non-zero size.",
            lambda x: torch.median(x[:0], 0),
        ),
        (NotImplementedError, "\"median_cpu\" not implemented for 'Bool'", lambda x: torch.median(x > 0)),
        (
            NotImplementedError,
            "\"unique\" not implemented for 'ComplexFloat'",
            lambda x: torch.unique(x + 1j),
        ),
        (RuntimeError, "There are 0 sized dimensions", lambda x: torch.unique(torch.zeros(0, 3), dim=1)),
        (RuntimeError, r"must be in the range \[0, 1\] but got 1.5", lambda x: torch.quantile(x, 1.5)),
        (RuntimeError, "interpolation must be one of", lambda x: torch.quantile(x, 0.5, interpolation="no")),
        (RuntimeError, "either float or double", lambda x: torch.quantile(x.int(), 0.5)),
        (RuntimeError, "non-empty", lambda x: torch.quantile(x[:0], 0.5)),
        (RuntimeError, "Unknown hash_tensor mode: 1", lambda x: torch.hash_tensor(x, mode=1)),
        (RuntimeError, "side can only be 'left' or 'right'", lambda x: torch.searchsorted(x, x, side="up")),
    ],
)
def test_bad_arguments_are_refused_in_pytorchs_words(error: Any, words: str, call: Any) -> None:
    with pytest.raises(error, match=words):
        call(torch.rand(2, 3))


def test_searches_in_rows() -> None:
    rows, values = np.sort(RNG.integers(0, 20, (3, 9)), 1), RNG.integers(-2, 22, (3, 5))
    for side in ("left", "right"):
        found = torch.searchsorted(torch.from_numpy(rows), torch.from_numpy(values), side=side)
        same(found, [np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)])
    crooked = torch.tensor([5.0, 1.0, 3.0])
    assert torch.searchsorted(crooked, torch.tensor(4.0), sorter=crooked.argsort()).item() == 2
    with pytest.raises(RuntimeError, match="sorter index out of range"):
        torch.searchsorted(crooked, 4.0, sorter=torch.tensor([0, 1, 3]))
    assert torch.searchsorted(torch.tensor([1, 2, 3]), 2.5).item() == 2
    assert torch.bucketize(2, torch.tensor([1.5, 2.0]), out_int32=True, right=True).dtype == torch.int32
    assert torch.searchsorted(torch.empty(0), torch.rand(2)).tolist() == [0, 0]


def test_membership_in_many_elements() -> None:
    x, tests = RNG.integers(0, 100, (20, 30)), RNG.integers(0, 100, 40)
    same(torch.isin(torch.from_numpy(x), torch.from_numpy(tests)), np.isin(x, tests))
    assert torch.isin(torch.tensor([1.5, NAN]), torch.tensor([NAN] * 9 + [1.5])).tolist() == [True, False]
    extreme = torch.tensor([-(2**63), 2**63 - 1, 5])
    assert torch.isin(extreme, torch.arange(20)).tolist() == [False, False, True]
    assert torch.isin(extreme, torch.cat([torch.arange(8), extreme[:1]])).tolist() == [True, False, True]
    assert torch.isin(torch.tensor([1, 2]), torch.arange(2, 20, dtype=torch.float64)).tolist() == [
        False,
        True,
    ]


def test_counts_of_numbers() -> None:
    x, w = RNG.integers(0, 50, 4000), RNG.standard_normal(4000)
    same(torch.bincount(torch.from_numpy(x)), np.bincount(x))
    np.testing.assert_allclose(
        torch.bincount(torch.from_numpy(x).int(), torch.from_numpy(w), 60).numpy(), np.bincount(x, w, 60)
    )


@pytest.mark.parametrize("limit", [3, 5000])
def test_counts_of_many_numbers(limit: int) -> None:
    x = RNG.integers(0, limit, 70000)
    same(torch.bincount(torch.from_numpy(x)), np.bincount(x))
    with pytest.raises(RuntimeError, match="non-negative"):
        torch.bincount(torch.from_numpy(np.append(x, -1)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_histograms_of_many_numbers(dtype: str) -> None:
    x = RNG.integers(-40, 40, 70000).astype(dtype) / 8  # on the edges, where rounding would show
    hist, edges = torch.histogram(torch.from_numpy(x), 16, range=(-4.0, 4.0))
    same(hist, np.histogram(x, 16, (-4, 4))[0].astype(dtype))
    same(torch.histogram(torch.from_numpy(x), edges).hist, hist.numpy())
    same(torch.histc(torch.from_numpy(x), 16, -4, 4), hist.numpy())


def test_a_histogram_of_halves_rounds_as_they_do() -> None:
    x = torch.tensor([0.5, 1.0, 2.0, NAN, 9.0]).bfloat16()
    assert torch.histc(x, 4, 0, 2).tolist() == [0, 1, 1, 1]


def test_grids_of_points() -> None:
    points, weights = RNG.standard_normal((40, 2)), RNG.random(40)
    found = torch.histogramdd(
        torch.from_numpy(points), [3, 4], weight=torch.from_numpy(weights), density=True
    )
    expected, edges = np.histogramdd(points, [3, 4], weights=weights, density=True)
    np.testing.assert_allclose(found.hist.numpy(), expected)
    for have, want in zip(found.bin_edges, edges, strict=True):
        np.testing.assert_allclose(have.numpy(), want)
    own = [torch.tensor([0.0, 0.5, 2.0]), torch.tensor([-1.0, 1.0])]
    x = torch.tensor([[0.5, 0.0], [2.0, 1.0], [3.0, 0.0], [0.1, NAN]])
    assert torch.histogramdd(x, own).hist.tolist() == [[0], [2]]


def test_hashes_are_exclusive_ors_of_bits() -> None:
    x = RNG.standard_normal((3, 5))
    expected = np.bitwise_xor.reduce(x.view("uint64"), 1)
    same(torch.hash_tensor(torch.from_numpy(x), 1), expected)
    assert torch.hash_tensor(torch.from_numpy(x)).item() == np.bitwise_xor.reduce(expected)
    assert torch.hash_tensor(torch.tensor([6, 5]), 0, keepdim=True).tolist() == [3]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "int64", "float32"])
@pytest.mark.parametrize("n", [5000, 70000])
def test_few_different_keys_are_counted(dtype: str, n: int) -> None:
    # Equal elements keep their order; below zero, above, and in rows.
    x = (torch.arange(n) * 7919 % 201 - 100).to(getattr(torch, dtype))
    for descending in (False, True):
        values, places = torch.sort(x, descending=descending)
        expected = np.argsort(-x.numpy().astype("int64") if descending else x.numpy(), kind="stable")
        assert places.tolist() == expected.tolist() and torch.equal(values, x[places])
    rows = torch.stack([x, x.flip(0)])
    assert torch.equal(rows.sort(-1)[0], torch.stack([x.sort()[0]] * 2))


def test_distinct_truths() -> None:
    for bits in ([True, False, True], [True, True], [False], []):
        x = torch.tensor(bits, dtype=torch.bool)
        values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
        assert values.tolist() == sorted(set(bits)) and torch.equal(values[inverse], x)
        assert counts.tolist() == [bits.count(v) for v in sorted(set(bits))]


def test_extremes_of_truths_are_the_first() -> None:
    x = torch.zeros(3, 1000, dtype=torch.bool)
    x[0, 700:] = True
    x[1] = True
    x[1, 300] = False
    assert x.max(1).indices.tolist() == [700, 0, 0] and x.max(1).values.tolist() == [True, True, False]
    assert x.min(1).indices.tolist() == [0, 300, 0] and x.min(1).values.tolist() == [False, False, False]
