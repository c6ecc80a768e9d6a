"""Reductions: values over any dimensions and strides, types, empty input, NaN, errors and derivatives."""

import math
from functools import partial

import numpy as np
import pytest
from gradients import check_gradient
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau as torch

INF = math.inf
NAN = math.nan


def array(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(*shape, seed=0):
    return torch.tensor(array(*shape, seed=seed).tolist(), dtype=torch.float64, requires_grad=True)


def close(got, expected, rtol=1e-6, atol=1e-6):
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=rtol, atol=atol)


# ---- sum and mean


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.integers(0, 15),
    st.booleans(),
    st.sampled_from(["plain", "transposed", "strided"]),
)
@settings(max_examples=150, deadline=None)
def test_sum_over_any_dimensions_of_any_view_agrees_with_numpy(shape, mask, keepdim, view):
    x = array(*shape)
    t = torch.tensor(x.tolist(), dtype=torch.float64)
    if view == "transposed":
        x, t = x.swapaxes(0, -1), t.transpose(0, -1)
    elif view == "strided":
        x, t = x[..., ::2], t[..., ::2]
    dims = tuple(i for i in range(len(shape)) if mask >> i & 1)
    if dims:
        close(t.sum(dims, keepdim=keepdim), x.sum(dims, keepdims=keepdim), 1e-12)


@pytest.mark.parametrize(
    "shape, dim", [((300, 1000), 0), ((300, 1000), 1), ((100000, 3), 0), ((7, 50, 60), (0, 2))]
)
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin"])
def test_large_reductions_agree_with_numpy(shape, dim, name):
    x = array(*shape).astype(np.float32)
    close(
        getattr(torch.from_numpy(x), name)(dim),
        getattr(x.astype(np.float64), {"amax": "max", "amin": "min"}.get(name, name))(dim),
        1e-5,
        2e-5,
    )


def test_the_error_of_a_sum_does_not_grow_with_its_length():
    n = 1_000_003
    x = torch.full((n,), 0.1)
    assert abs(x.sum().item() / (n * float(np.float32(0.1))) - 1) < 4e-7
    assert abs(torch.full((n,), 0.1, dtype=torch.float64).sum().item() - 0.1 * n) < 2e-11


def test_sums_of_integers_and_bools_are_int64():
    assert torch.tensor([200, 100], dtype=torch.uint8).sum().item() == 300
    assert torch.tensor([True, True]).sum().dtype is torch.int64
    assert torch.tensor([2**31 - 1, 1], dtype=torch.int32).sum().item() == 2**31
    assert torch.tensor([1, 2]).sum(dtype=torch.float32).dtype is torch.float32


def test_sum_meets_infinities_as_addition_does():
    assert torch.tensor([1.0, INF, 2.0]).sum().item() == INF
    assert math.isnan(torch.tensor([INF, -INF], dtype=torch.float64).sum().item())
    assert torch.tensor([1.0, NAN]).nansum().item() == 1.0


def test_reductions_of_nothing_give_the_identity():
    x = torch.empty(0, 3)
    assert x.sum(0).tolist() == [0, 0, 0]
    assert x.prod(0).tolist() == [1, 1, 1]
    assert x.any(0).tolist() == [False] * 3 and x.all(0).tolist() == [True] * 3
    assert all(map(math.isnan, x.mean(0).tolist()))
    assert x.sum(1).shape == (0,)


def test_mean_wants_a_floating_dtype():
    with pytest.raises(RuntimeError, match=r"mean\(\): could not infer output dtype.*Got: Long"):
        torch.tensor([1, 2]).mean()
    assert torch.tensor([1, 2]).mean(dtype=torch.float64).item() == 1.5


def test_a_dimension_named_twice_or_out_of_range_is_refused():
    x = torch.ones(2, 3)
    with pytest.raises(RuntimeError, match="dim 0 appears multiple times in the list of dims"):
        x.sum((0, -2))
    with pytest.raises(IndexError, match=r"expected to be in range of \[-2, 1\], but got 2"):
        x.sum(2)


def test_out_receives_the_result():
    out = torch.empty(3)
    assert torch.sum(torch.ones(2, 3), 0, out=out) is out
    assert out.tolist() == [2, 2, 2]


# ---- max and min


def test_max_along_a_dimension_names_values_and_indices():
    result = torch.tensor([[1.0, 5.0, 5.0], [7.0, 2.0, 7.0]]).max(1)
    assert result.values.tolist() == [5, 7]
    assert result.indices.tolist() == [1, 0]  # the first of equals


@pytest.mark.parametrize("n", [3, 40, 5000, 300_000])
def test_a_nan_is_the_largest_and_the_smallest(n):
    x = torch.arange(float(n))
    x[n // 2] = NAN
    for value in (x.max(), x.min(), x.amax(0), x.max(0).values, x.min(0).values):
        assert math.isnan(value.item())
    assert x.argmax().item() == x.argmin().item() == n // 2


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int8, torch.int32, torch.int64, torch.float32, torch.float64]
)
@pytest.mark.parametrize("shape, dim", [((5, 700), 0), ((5, 700), 1), ((700, 5), 0)])
def test_argmax_agrees_with_numpy(dtype, shape, dim):
    x = np.abs(array(*shape) * 10).astype(str(dtype).split(".")[1])
    t = torch.from_numpy(x)
    assert t.argmax(dim).tolist() == x.argmax(dim).tolist()
    assert t.argmin(dim).tolist() == x.argmin(dim).tolist()
    assert t.t().argmax().item() == x.T.argmax()


def test_extremes_of_nothing_are_refused():
    x = torch.empty(0, 3)
    with pytest.raises(
        RuntimeError, match=r"max\(\): Expected reduction dim to be specified for input.numel\(\) == 0"
    ):
        x.max()
    with pytest.raises(IndexError, match=r"max\(\): Expected reduction dim 0 to have non-zero size"):
        x.max(0)
    with pytest.raises(IndexError, match=r"argmax\(\): Expected reduction dim to be specified"):
        x.argmax()
    assert x.max(1).values.shape == (0,)


def test_the_gradient_of_max_goes_to_one_element_along_a_dimension_and_to_all_equals_without():
    x = torch.tensor([2.0, 3.0, 3.0], requires_grad=True)
    x.max(0).values.backward()
    assert x.grad.tolist() == [0, 1, 0]
    x.grad = None
    x.max().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5]


# ---- any, all, counts, products


def test_any_and_all_keep_uint8_and_are_bool_otherwise():
    assert torch.tensor([0, 2]).any().dtype is torch.bool
    assert torch.tensor([0, 2], dtype=torch.uint8).any().dtype is torch.uint8
    assert torch.tensor([[1.0, 0.0], [1.0, 2.0]]).all(1).tolist() == [False, True]
    assert torch.count_nonzero(torch.tensor([[1.0, 0.0], [NAN, 2.0]]), 0).tolist() == [2, 1]


@pytest.mark.parametrize("values", [[2.0, 3.0, -4.0], [2.0, 0.0, -4.0], [0.0, 0.0, 3.0]])
def test_the_gradient_of_prod_survives_zeros(values):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    x.prod().backward()
    others = [math.prod(values[:i] + values[i + 1 :]) for i in range(3)]
    assert x.grad.tolist() == others


# ---- spread and norms


@pytest.mark.parametrize("correction", [0, 1, 2])
@pytest.mark.parametrize("dim", [0, 1, (0, 2), None])
def test_variance_agrees_with_numpy(correction, dim):
    x = array(20, 30, 9) + 100
    t = torch.tensor(x.tolist(), dtype=torch.float64)
    close(t.var(dim, correction=correction), x.var(dim, ddof=correction), 1e-10)
    close(t.std(dim, correction=correction), x.std(dim, ddof=correction), 1e-10)
    close(torch.var_mean(t, dim, correction=correction)[1], x.mean(dim), 1e-12)


def test_the_variance_of_numbers_far_from_zero_is_not_lost():
    x = array(100_000).astype(np.float32) + np.float32(10_000)
    assert abs(torch.from_numpy(x).var().item() / x.astype(np.float64).var(ddof=1) - 1) < 1e-5


def test_the_variance_of_one_number_is_nan():
    assert math.isnan(torch.ones(1).var().item())
    assert torch.ones(1).var(correction=0).item() == 0


@pytest.mark.parametrize("order", [0, 1, 2, 3, 0.5, INF, -INF])
def test_norms_agree_with_numpy(order):
    x = array(50)
    close(torch.tensor(x.tolist(), dtype=torch.float64).norm(order), np.linalg.norm(x, order), 1e-10)


# ---- running totals


@pytest.mark.parametrize(
    "shape, dim", [((5,), 0), ((300_000,), 0), ((4, 1000), 1), ((1000, 4), 0), ((3, 40, 5), 1)]
)
def test_cumsum_agrees_with_numpy(shape, dim):
    x = array(*shape)
    close(torch.tensor(x.tolist(), dtype=torch.float64).cumsum(dim), x.cumsum(dim), 1e-9)
    whole = (np.arange(math.prod(shape)) % 7).reshape(shape)
    assert torch.from_numpy(whole).cumsum(dim).tolist() == whole.cumsum(dim).tolist()


def test_cummax_keeps_the_last_of_equals_and_nan():
    values, indices = torch.tensor([1.0, 3.0, 3.0, 2.0, NAN, 5.0]).cummax(0)
    assert values.tolist()[:4] == [1, 3, 3, 3] and all(map(math.isnan, values.tolist()[4:]))
    assert indices.tolist() == [0, 1, 2, 2, 4, 4]


# ---- derivatives


REDUCTIONS = {
    "sum": lambda x: x.sum(1),
    "mean": lambda x: x.mean((0, 1)) ** 2,
    "prod": lambda x: x.prod(0),
    "amax": lambda x: x.amax(1) ** 2,
    "max": lambda x: x.max(1).values ** 2,
    "var": lambda x: x.var(0),
    "std": lambda x: x.std(1),
    "std_mean": lambda x: torch.std_mean(x, 1)[0] * torch.std_mean(x, 1)[1],
    "norm": lambda x: x.norm(dim=1),
    "norm_3": lambda x: x.norm(3),
    "norm_1": lambda x: x.norm(1, dim=0) ** 2,
    "logsumexp": lambda x: x.logsumexp((0, 1)),
    "softmax": lambda x: x.softmax(1) ** 2,
    "log_softmax": lambda x: x.log_softmax(0) ** 2,
    "cumsum": lambda x: x.cumsum(1) ** 2,
    "cumprod": lambda x: x.cumprod(1),
    "logcumsumexp": lambda x: x.logcumsumexp(1),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_first_and_second_derivatives(name):
    check_gradient(REDUCTIONS[name], leaf(3, 4))


# ---- softmax


@pytest.mark.parametrize(
    "shape, dim", [((64, 10), 1), ((7, 3), 1), ((5, 300), 1), ((5, 300), 0), ((3, 8, 20), 1), ((9,), 0)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_agrees_with_its_formula(shape, dim, dtype):
    x = (array(*shape) * 5).astype(dtype)
    t, exact = torch.from_numpy(x), x.astype(np.float64)
    e = np.exp(exact - exact.max(dim, keepdims=True))
    total = e.sum(dim, keepdims=True)
    close(t.softmax(dim), e / total, 1e-5)
    close(t.log_softmax(dim), np.log(e / total), 1e-5)
    close(t.logsumexp(dim), (exact.max(dim, keepdims=True) + np.log(total)).squeeze(dim), 1e-5)


def test_softmax_of_masked_and_huge_scores():
    assert torch.tensor([0.0, -INF, 0.0]).softmax(0).tolist() == [0.5, 0, 0.5]
    assert torch.tensor([1e30, 0.0]).softmax(0).tolist() == [1, 0]
    assert all(map(math.isnan, torch.tensor([-INF, -INF]).softmax(0).tolist()))
    assert torch.tensor([-INF, -INF]).logsumexp(0).item() == -INF


def test_softmax_of_integers_needs_a_dtype():
    x = torch.tensor([[1, 2]])
    with pytest.raises(
        NotImplementedError, match="\"softmax_lastdim_kernel_impl\" not implemented for 'Long'"
    ):
        x.softmax(1)
    assert x.softmax(0, dtype=torch.float32).tolist() == [[1, 1]]


def test_results_do_not_depend_on_the_number_of_threads():
    x = torch.from_numpy(array(1_000_000).astype(np.float32))
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append((x.sum().item(), x.var().item(), x.reshape(1000, 1000).sum(0).tolist()))
    torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


# ---- values near the ends of float32's range

SHAPES = [((1000,), None), ((3, 700), 1), ((700, 3), 0), ((64, 600), 0), ((300000,), None)]


@pytest.mark.parametrize("scale", [1e-38, 1e-25, 1e-21, 1e19, 1e30, 3e38])
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_moments_and_norms_are_right_whenever_they_are_representable(shape, dim, scale):
    values = (np.random.default_rng(0).uniform(0.5, 1, shape) * scale).astype(np.float32)
    x, exact = torch.from_numpy(values), values.astype(np.float64)
    options = {} if dim is None else {"dim": dim}
    with np.errstate(over="ignore"):
        for got, expected in (
            (x.mean(**options), exact.mean(dim)),
            (x.std(**options), exact.std(dim, ddof=1)),
            (x.var(**options), exact.var(dim, ddof=1)),
            (x.norm(**options), np.sqrt((exact**2).sum(dim))),
            (x.norm(3, **options), (exact**3).sum(dim) ** (1 / 3)),
        ):
            # What is below the least normal number keeps fewer digits.
            np.testing.assert_allclose(got.numpy(), np.float32(expected), rtol=1e-6, atol=2e-45)


def test_what_cancels_may_overflow_on_the_way():
    large = torch.full((100000,), 3e38)
    assert torch.cat([large, -large]).sum().item() == 0
    assert large.mean().item() == pytest.approx(3e38, rel=1e-6)


def test_gradients_of_huge_norms_are_finite():
    values = np.random.default_rng(0).uniform(-1, 1, 50) * 1e25
    for reduce in (torch.std, torch.norm, lambda x: x.norm(3), lambda x: x.norm(1.5)):
        gradients = []
        for dtype in (torch.float32, torch.float64):
            x = torch.tensor(values.tolist(), dtype=dtype, requires_grad=True)
            gradients.append(torch.autograd.grad(reduce(x), x)[0].double())
        np.testing.assert_allclose(gradients[0].numpy(), gradients[1].numpy(), rtol=1e-5, atol=1e-7)


def test_infinities_and_nans_stay():
    assert math.isnan(torch.tensor([math.inf, 1.0]).std())
    assert torch.tensor([math.inf, 1.0]).mean().item() == math.inf
    assert math.isnan(torch.tensor([math.nan, 1.0]).norm())
    assert torch.tensor([3e38, 3e38]).sum().item() == math.inf


def test_no_dimensions_are_all_of_them():
    x = torch.tensor([[1.0, 5.0], [7.0, 3.0]])
    assert torch.amax(x, None).item() == 7.0 and x.amin(dim=None).item() == 1.0
    assert torch.amax(x, dim=None, keepdim=True).tolist() == [[7.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("order", [0.5, 2, 3, 4, 20, -1, -2, -20])
@pytest.mark.parametrize("huge", [True, False])
def test_a_norm_is_right_where_it_fits_though_the_powers_do_not(
    dtype: torch.dtype, order: float, huge: bool
) -> None:
    info = torch.finfo(dtype)
    unit = 2.0 ** math.floor(math.log2(info.max) - 9) if huge else info.tiny * 2**9
    x = torch.tensor([[3.0, -4.0, 5.0], [0.5, 0.25, 1.0]], dtype=torch.float64) * unit
    expected = [sum(abs(v) ** order for v in row) ** (1 / order) for row in ((3, 4, 5), (0.5, 0.25, 1))]
    norms = torch.linalg.vector_norm(x.to(dtype), order, 1)
    assert (norms.double() / unit).tolist() == pytest.approx(expected, rel=2 * info.eps)
    assert torch.linalg.vector_norm(x.to(dtype).t(), order, 0).tolist() == norms.tolist()


@pytest.mark.parametrize("order", [2, 3])
def test_the_norm_of_huge_halves_is_right(order: float) -> None:
    norm = torch.linalg.vector_norm(torch.tensor([30000.0, -30000.0], dtype=torch.float16), order)
    assert norm.item() == pytest.approx(30000 * 2 ** (1 / order), rel=1e-3)


@pytest.mark.parametrize("unit", [1e300, 1e-300, 2.0**-1060])
def test_norms_and_deviations_of_doubles_near_the_ends_of_their_range(unit: float) -> None:
    x = torch.tensor([3.0, -4.0, 12.0], dtype=torch.float64) * unit
    assert torch.linalg.vector_norm(x).item() / unit == pytest.approx(13, rel=1e-4)
    assert torch.std(x).item() / unit == pytest.approx(math.sqrt((169 - 11 * 11 / 3) / 2), rel=1e-4)
    deviation, mean = torch.std_mean(torch.stack([x, x / unit]), 1)
    assert deviation[0].item() == torch.std(x).item()
    assert mean[0].item() / unit == pytest.approx(11 / 3, rel=1e-4)
    z = torch.complex(x, 2 * x)
    assert torch.linalg.vector_norm(z).item() / unit == pytest.approx(13 * math.sqrt(5), rel=1e-4)
    assert torch.std(z).item() / unit == pytest.approx(math.sqrt(5 * (169 - 121 / 3) / 2), rel=1e-4)


def test_means_of_doubles_whose_sum_overflows() -> None:
    x = torch.full((5,), 1.5e308, dtype=torch.float64)
    assert torch.mean(x).item() == pytest.approx(1.5e308)
    deviation, mean = torch.std_mean(x)
    assert (deviation.item(), mean.item()) == (0, pytest.approx(1.5e308))


def test_a_long_norm_of_huge_doubles_that_threads_share() -> None:
    x = torch.full((300_000,), 1e200, dtype=torch.float64)
    assert torch.linalg.vector_norm(x).item() == pytest.approx(1e200 * math.sqrt(300_000))
    x[::2] = -1e200
    assert torch.std(x, correction=0).item() == pytest.approx(1e200)


@pytest.mark.parametrize("order", [0.5, 2, 3, -1])
def test_norms_and_deviations_of_zeros_infinities_and_nan(order: float) -> None:
    inf, nan = math.inf, math.nan
    norm = partial(torch.linalg.vector_norm, ord=order)
    assert norm(torch.zeros(3, dtype=torch.float64)).item() == 0
    assert norm(torch.tensor([inf, -inf], dtype=torch.float64)).item() == inf
    assert math.isnan(norm(torch.tensor([1.0, nan], dtype=torch.float64)).item())
    assert torch.std(torch.zeros(3, dtype=torch.float64)).item() == 0
    assert math.isnan(torch.std(torch.tensor([1.0, inf], dtype=torch.float64)).item())
    assert math.isnan(torch.std(torch.ones(1, dtype=torch.float64)).item())
    assert torch.mean(torch.tensor([1.0, inf], dtype=torch.float64)).item() == inf


@pytest.mark.parametrize(
    ("dtype", "unit"), [(torch.float64, 1e-300), (torch.float64, 1e300), (torch.float16, 2.0**-20)]
)
def test_the_gradient_of_a_norm_out_of_the_range_of_its_inverse(dtype: torch.dtype, unit: float) -> None:
    x = (torch.tensor([3.0, 4.0], dtype=torch.float64) * unit).to(dtype).requires_grad_()
    torch.linalg.vector_norm(x).backward()
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-3)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "cumsum", "cummax", "sort", "argsort"])
def test_rows_without_elements_take_no_time_however_many(name: str) -> None:
    x = torch.empty(2**31, 2**31 - 1, 0)
    result = getattr(torch, name)(x, -1)
    assert (result[0] if isinstance(result, tuple) else result).shape == x.shape
