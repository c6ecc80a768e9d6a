"""Pointwise operators: values, types, broadcasting, in-place and out= forms, errors and derivatives."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau as torch

INF = math.inf
NAN = math.nan


def same(got, expected):
    """Equal to the bit, NaN included, and of the same dtype."""
    expected = expected if isinstance(expected, torch.Tensor) else torch.tensor(expected)
    assert got.dtype is expected.dtype
    np.testing.assert_array_equal(got.detach().numpy(), expected.numpy())


def gradients(function, *inputs):
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
    function(*leaves).sum().backward()
    return [leaf.grad.tolist() for leaf in leaves]


# ---- arithmetic


def test_add_scales_its_second_operand_by_alpha():
    same(torch.add(torch.tensor([1, 2]), torch.tensor([10, 20]), alpha=3), [31, 62])
    same(torch.sub(torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0]), alpha=0.5), [-4.0, -8.0])
    same(torch.rsub(torch.tensor([1, 2]), 10), [9, 8])


def test_sum_and_product_of_bools_are_or_and_and():
    a, b = torch.tensor([True, True, False]), torch.tensor([True, False, False])
    same(a + b, [True, True, False])
    same(a * b, [True, False, False])


@pytest.mark.parametrize("dtype, top", [(torch.uint8, 255), (torch.int8, 127), (torch.int32, 2**31 - 1)])
def test_integers_wrap(dtype, top):
    x = torch.tensor([top], dtype=dtype)
    bottom = 0 if dtype is torch.uint8 else -top - 1
    assert (x + 1).item() == bottom
    assert (torch.tensor([bottom], dtype=dtype) - 1).item() == top


def test_the_most_negative_integer_divided_by_minus_one_wraps():
    for dtype, low in ((torch.int32, -(2**31)), (torch.int64, -(2**63))):
        x, minus_one = torch.tensor([low], dtype=dtype), torch.tensor([-1], dtype=dtype)
        assert (x // minus_one).item() == low
        assert (x % minus_one).item() == 0


@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=20),
    st.integers(-(2**31), 2**31 - 1).filter(lambda n: n not in (0, -1)),
)
@settings(deadline=None, max_examples=50)
def test_integer_division_follows_python(values, divisor):
    for dtype in (torch.int32, torch.int64):
        x = torch.tensor(values, dtype=dtype)
        assert (x // divisor).tolist() == [v // divisor for v in values]
        assert (x % divisor).tolist() == [v % divisor for v in values]
        assert torch.fmod(x, divisor).tolist() == [v - int(divisor * _truncated(v, divisor)) for v in values]


def _truncated(a, b):
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


@given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30).filter(lambda y: abs(y) > 1e-30))
@settings(deadline=None, max_examples=200)
def test_remainder_of_floats_is_exact(x, y):
    a, b = torch.tensor([x], dtype=torch.float64), torch.tensor([y], dtype=torch.float64)
    assert torch.fmod(a, b).item() == math.fmod(x, y)
    assert torch.remainder(a, b).item() == np.remainder(x, y)


def test_rounding_modes_of_division():
    x, y = torch.tensor([-7.0, 7.0]), torch.tensor([2.0, 2.0])
    same(torch.div(x, y), [-3.5, 3.5])
    same(torch.div(x, y, rounding_mode="floor"), [-4.0, 3.0])
    same(torch.div(x, y, rounding_mode="trunc"), [-3.0, 3.0])
    with pytest.raises(RuntimeError, match="div expected rounding_mode"):
        torch.div(x, y, rounding_mode="up")


def test_true_division_of_integers_is_floating():
    same(torch.tensor([1, 3]) / torch.tensor([2, 2]), [0.5, 1.5])
    same(torch.tensor([True]) / torch.tensor([True]), [1.0])


@pytest.mark.parametrize("operator", [torch.floor_divide, torch.remainder, torch.fmod])
def test_integer_division_by_zero_raises(operator):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        operator(torch.tensor([1, 2]), torch.tensor([1, 0]))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        operator(torch.tensor([1, 2]), 0)


def test_subtraction_of_bools_is_refused():
    with pytest.raises(RuntimeError, match="two bool tensors is not supported"):
        torch.tensor([True]) - torch.tensor([True])
    with pytest.raises(RuntimeError, match="with a bool tensor is not supported"):
        1 - torch.tensor([True])
    with pytest.raises(RuntimeError, match="Negation"):
        -torch.tensor([True])


def test_alpha_of_integers_is_an_integer():
    with pytest.raises(RuntimeError, match="argument alpha must not be a floating point number"):
        torch.add(torch.tensor([1]), torch.tensor([1]), alpha=0.5)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.5, -0.5, -1, 2.5, -3])
def test_power_by_a_number(exponent):
    x = np.array([0.25, 1.0, 3.0])
    np.testing.assert_allclose((torch.from_numpy(x) ** exponent).numpy(), x**exponent, rtol=1e-15)


def test_power_of_integers():
    same(torch.tensor([2, -3]) ** 3, [8, -27])
    same(torch.tensor([2, 1, -1, -1]) ** torch.tensor([-1, -5, -2, -3]), [0, 1, 1, -1])
    same(2 ** torch.tensor([0, 10]), [1, 1024])
    with pytest.raises(RuntimeError, match="Integers to negative integer powers are not allowed"):
        torch.tensor([2]) ** -1


# ---- types and shapes


@pytest.mark.parametrize(
    "x, y, expected",
    [
        (torch.tensor([1]), 2.5, torch.float32),
        (torch.tensor([1], dtype=torch.int8), 200, torch.int8),
        (torch.tensor([1.0]), torch.tensor(2.0, dtype=torch.float64), torch.float32),
        (torch.tensor([1]), torch.tensor(2.0, dtype=torch.float64), torch.float64),
        (torch.tensor([1], dtype=torch.uint8), torch.tensor([1], dtype=torch.int8), torch.int16),
        (torch.tensor([True]), 1, torch.int64),
    ],
)
def test_promotion(x, y, expected):
    assert (x + y).dtype is expected


def test_broadcasting_of_strided_operands():
    a = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x = torch.from_numpy(a.copy())
    b = np.arange(3, dtype=np.float32)[:, None]
    y = torch.from_numpy(b.copy())
    np.testing.assert_array_equal((x + y).numpy(), a + b)
    np.testing.assert_array_equal(
        (x.transpose(0, 2)[::2] * y.squeeze(1)[:, None]).numpy(), a.transpose(2, 1, 0)[::2] * b
    )
    with pytest.raises(RuntimeError, match=r"size of tensor a \(4\) must match the size of tensor b \(3\)"):
        x + torch.ones(3)


@pytest.mark.parametrize("length", [0, 1, 5, 1000, 100_003])
def test_every_length(length):
    a = np.arange(length, dtype=np.float32)
    x = torch.from_numpy(a.copy())
    np.testing.assert_array_equal((x * 2 + x).numpy(), a * 3)
    np.testing.assert_array_equal((x > 3).numpy(), a > 3)


def test_in_place_writes_into_the_tensor_and_its_views():
    x = torch.zeros(2, 3)
    pointer = x.data_ptr()
    row = x[1]
    x.add_(1).mul_(torch.tensor([1.0, 2.0, 3.0]))
    assert x.data_ptr() == pointer
    same(row, [1.0, 2.0, 3.0])
    row.neg_()
    same(x, [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]])


def test_in_place_on_overlapping_views_reads_before_it_writes():
    x = torch.arange(6.0)
    with pytest.raises(RuntimeError, match="single memory location"):
        x[1:].add_(x[:-1])
    x.add_(x)
    same(x, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0])


def test_in_place_keeps_the_dtype_or_refuses():
    x = torch.tensor([1, 2])
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        x.add_(1.5)
    same(x.add_(torch.tensor([1, 1], dtype=torch.int8)), [2, 3])


def test_out_receives_the_result():
    out = torch.empty(2)
    result = torch.mul(torch.tensor([1.0, 2.0]), 3, out=out)
    assert result is out
    same(out, [3.0, 6.0])


# ---- comparisons, logic, choice


def test_comparisons_with_nan_are_false_but_for_ne():
    x, y = torch.tensor([NAN, 1.0]), torch.tensor([NAN, 1.0])
    same(x == y, [False, True])
    same(x != y, [True, False])
    same(x <= y, [False, True])
    same(x < 2, [False, True])


def test_predicates():
    x = torch.tensor([NAN, INF, -INF, 0.0, -0.0])
    same(torch.isnan(x), [True, False, False, False, False])
    same(torch.isinf(x), [False, True, True, False, False])
    same(torch.isfinite(x), [False, False, False, True, True])
    same(torch.isposinf(x), [False, True, False, False, False])
    same(torch.signbit(x), [False, False, True, False, True])
    same(torch.isfinite(torch.tensor([1])), [True])


def test_logic_takes_every_dtype():
    same(torch.logical_and(torch.tensor([1.0, 0.5, 0.0]), torch.tensor([2, 0, 3])), [True, False, False])
    same(torch.logical_xor(torch.tensor([True, False]), torch.tensor([0, 0])), [True, False])
    same(torch.logical_not(torch.tensor([0.0, NAN])), [True, False])


def test_bits_of_integers_and_bools():
    x, y = torch.tensor([12, -1]), torch.tensor([10, 3])
    same(x & y, [8, 3])
    same(x | y, [14, -1])
    same(x ^ y, [6, -4])
    same(~x, [-13, 0])
    same(~torch.tensor([True, False]), [False, True])
    same(torch.bitwise_left_shift(torch.tensor([1, 1]), torch.tensor([4, 64])), [16, 0])
    same(torch.bitwise_right_shift(torch.tensor([-8, 8]), torch.tensor([1, 70])), [-4, 0])
    with pytest.raises(NotImplementedError, match="bitwise_and_cpu"):
        torch.tensor([1.0]) & torch.tensor([1.0])


def test_equal_and_allclose_judge_whole_tensors():
    x = torch.tensor([1.0, 2.0])
    assert torch.equal(x, torch.tensor([1.0, 2.0]))
    assert not torch.equal(x, torch.tensor([1.0]))
    assert torch.allclose(x, x + 1e-6)
    assert not torch.allclose(x, torch.tensor([1.0, NAN]))
    assert torch.allclose(torch.tensor([NAN, INF]), torch.tensor([NAN, INF]), equal_nan=True)
    same(torch.isclose(torch.tensor([10, 11]), torch.tensor([10, 12])), [True, False])


def test_maximum_hands_nan_on_and_fmax_drops_it():
    x, y = torch.tensor([NAN, 1.0, 2.0]), torch.tensor([1.0, NAN, 3.0])
    same(torch.maximum(x, y), [NAN, NAN, 3.0])
    same(torch.fmax(x, y), [1.0, 1.0, 3.0])
    same(torch.minimum(x, y), [NAN, NAN, 2.0])
    same(torch.fmin(x, y), [1.0, 1.0, 2.0])


def test_clamp():
    x = torch.tensor([-2.0, 0.5, 3.0, NAN])
    same(x.clamp(0, 1), [0.0, 0.5, 1.0, NAN])
    same(x.clamp(max=1), [-2.0, 0.5, 1.0, NAN])
    same(x.clamp(2, 1), [1.0, 1.0, 1.0, NAN])
    same(torch.clamp(torch.tensor([1, 5]), 2.5), [2.5, 5.0])
    same(torch.clamp(torch.tensor([1.0, 5.0]), torch.tensor([2.0]), torch.tensor([3.0, 4.0])), [2.0, 4.0])
    with pytest.raises(RuntimeError, match="At least one of 'min' or 'max' must not be None"):
        x.clamp()


def test_where_promotes_and_broadcasts():
    condition = torch.tensor([[True], [False]])
    same(torch.where(condition, torch.tensor([1, 2]), 0.5), [[1.0, 2.0], [0.5, 0.5]])
    same(torch.tensor([1.0, 2.0]).where(torch.tensor([True, False]), 9), [1.0, 9.0])
    with pytest.raises(RuntimeError, match="expected condition to be a boolean tensor"):
        torch.where(torch.tensor([1.0]), 1, 2)


@pytest.mark.parametrize("value", [1j, 1e30, float("inf"), torch.tensor(1j), torch.tensor(1e30)])
def test_masked_fill_refuses_what_the_dtype_cannot_hold(value):
    with pytest.raises(RuntimeError, match="value cannot be converted to type int64_t without overflow"):
        torch.tensor([1, 2]).masked_fill(torch.tensor([True, False]), value)


def test_masked_fill_refuses_a_tensor_whose_number_is_out_of_range():
    with pytest.raises(RuntimeError, match="value cannot be converted to type uint8_t without overflow"):
        torch.tensor([1, 2], dtype=torch.uint8).masked_fill(torch.tensor([True, False]), torch.tensor(300))


def test_masked_fill_keeps_the_dtype():
    same(torch.tensor([1, 2, 3]).masked_fill(torch.tensor([True, False, True]), 2.5), [2, 2, 2])
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    x.masked_fill_(torch.tensor([True, False]), torch.tensor(-INF))
    same(x, [[-INF, 2.0], [-INF, 4.0]])
    with pytest.raises(RuntimeError, match="only supports boolean masks, but got mask with dtype long int"):
        x.masked_fill(torch.tensor([1, 0]), 0)
    with pytest.raises(RuntimeError, match="0-dimensional value tensor"):
        x.masked_fill(torch.tensor([True, False]), torch.tensor([1.0]))


# ---- rounding and conversions


def test_rounding():
    x = torch.tensor([-2.5, -0.5, 0.5, 1.5, 2.5, 3e9, INF])
    same(torch.round(x), [-2.0, -0.0, 0.0, 2.0, 2.0, 3e9, INF])
    same(torch.floor(x), [-3.0, -1.0, 0.0, 1.0, 2.0, 3e9, INF])
    same(torch.ceil(x), [-2.0, -0.0, 1.0, 2.0, 3.0, 3e9, INF])
    same(torch.trunc(x), [-2.0, -0.0, 0.0, 1.0, 2.0, 3e9, INF])
    same(torch.frac(torch.tensor([1.25, -1.25])), [0.25, -0.25])
    same(torch.round(torch.tensor([1.26, -126.0]), decimals=1), [1.3, -126.0])
    same(torch.floor(torch.tensor([3])), [3])


def test_floats_become_integers_by_truncation():
    x = torch.tensor([1.9, -1.9, 300.7])
    same(x.to(torch.int64), [1, -1, 300])
    assert x.to(torch.uint8).tolist() == [1, 255, 44]
    same(x.to(torch.bool), [True, True, True])
    same(torch.tensor([0.0, NAN]).to(torch.bool), [False, True])


@pytest.mark.parametrize("value", [0.0, 1.0, 1 / 3, 65504.0, 65520.0, 1e-7, 6e-8, -2.0, INF, NAN])
def test_half_precision_rounds_to_nearest_even(value):
    got = torch.tensor([value]).to(torch.float16).to(torch.float32)
    with np.errstate(over="ignore"):
        expected = np.float32(np.float16(np.float32(value)))
    np.testing.assert_array_equal(got.numpy(), [expected])


def test_bfloat16_rounds_to_nearest_even():
    x = torch.tensor([1.0, 1.00390625, 1.01171875, 3.0e38, NAN])
    same(x.to(torch.bfloat16).to(torch.float32), [1.0, 1.0, 1.015625, 3.00405527047391e38, NAN])


# ---- activations, recorded from the formulas


def test_activations():
    x = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)
    functional = torch.nn.functional
    e = math.exp
    cases = {
        functional.relu: [0, 0, 3],
        functional.elu: [e(-2) - 1, 0, 3],
        functional.silu: [-2 / (1 + e(2)), 0, 3 / (1 + e(-3))],
        functional.softplus: [math.log1p(e(-2)), math.log(2), math.log1p(e(3))],
        functional.logsigmoid: [-math.log1p(e(2)), -math.log(2), -math.log1p(e(-3))],
        functional.gelu: [-1 - math.erf(-2 / math.sqrt(2)), 0, 1.5 * (1 + math.erf(3 / math.sqrt(2)))],
        functional.mish: [-2 * math.tanh(math.log1p(e(-2))), 0, 3 * math.tanh(math.log1p(e(3)))],
        functional.hardtanh: [-1, 0, 1],
        functional.hardsigmoid: [1 / 6, 0.5, 1],
        functional.hardswish: [-2 / 6, 0, 3],
    }
    for function, expected in cases.items():
        np.testing.assert_allclose(function(x).numpy(), expected, rtol=1e-14, atol=1e-15)


# ---- derivatives

ELEMENTARY = (
    "exp log sqrt rsqrt sin cos tan tanh sigmoid asin acos atan sinh cosh asinh atanh erf erfc log1p expm1 "
    "log2 log10 exp2 reciprocal square abs celu selu"
).split()
ACTIVATIONS = "gelu silu mish softplus elu logsigmoid hardswish".split()
SMOOTH = {
    **{name: getattr(torch, name) for name in ELEMENTARY},
    **{name: getattr(torch.nn.functional, name) for name in ACTIVATIONS},
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "power": lambda x: x**2.5,
    "base": lambda x: 3**x,
    "quotient": lambda x: (x + 1) / x,
}


@pytest.mark.parametrize("name", SMOOTH)
def test_first_and_second_derivative_agree_with_differences(name):
    function = SMOOTH[name]
    x = torch.tensor([0.3, 0.55, 0.8], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    step = 1e-5
    with torch.no_grad():
        numeric = (function(x + step) - function(x - step)) / (2 * step)
    np.testing.assert_allclose(slope.detach().numpy(), numeric.numpy(), rtol=1e-7, atol=1e-8)

    def slope_at(offset):
        y = (x.detach() + offset).requires_grad_()
        return torch.autograd.grad(function(y).sum(), y)[0]

    if not slope.requires_grad:
        return
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    numeric = (slope_at(step) - slope_at(-step)) / (2 * step)
    np.testing.assert_allclose(curvature.numpy(), numeric.numpy(), rtol=1e-6, atol=1e-7)


def test_gradients_are_summed_over_broadcast_dimensions():
    x, y = gradients(lambda x, y: x * y, [[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0])
    assert x == [[10.0, 20.0], [10.0, 20.0]]
    assert y == [4.0, 6.0]


def test_a_gradient_has_the_dtype_of_its_input():
    x = torch.ones(2, requires_grad=True)
    (x * torch.ones(2, dtype=torch.float64)).sum().backward()
    assert x.grad.dtype is torch.float32


def test_the_gradient_of_a_tie_is_shared():
    assert gradients(torch.maximum, [1.0, 2.0, 3.0], [2.0, 2.0, 1.0]) == [[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]]


def test_clamp_passes_gradients_within_its_bounds():
    assert gradients(lambda x: x.clamp(0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0]) == [[0.0, 1.0, 1.0, 1.0, 0.0]]


def test_where_parts_the_gradient():
    condition = torch.tensor([True, False])
    assert gradients(lambda a, b: torch.where(condition, a, b), [1.0, 2.0], [3.0, 4.0]) == [
        [1.0, 0.0],
        [0.0, 1.0],
    ]


def test_the_gradient_of_a_power_of_zero():
    (x,) = gradients(lambda x: x**2, [0.0])
    assert x == [0.0]
    x, y = gradients(torch.pow, [0.0, 2.0], [2.0, 3.0])
    assert x == [0.0, 12.0]
    assert y == [0.0, pytest.approx(8 * math.log(2))]


def test_in_place_operators_are_recorded():
    x = torch.tensor([0.5, 1.0], dtype=torch.float64, requires_grad=True)
    y = x * 2
    y.sin_().mul_(3)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * np.cos([1.0, 2.0]))


def test_floor_divide_has_no_derivative():
    x = torch.tensor([5.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="derivative for aten::floor_divide is not implemented"):
        (x // 2).sum().backward()


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda x: x + 1, "AddBackward0"),
        (lambda x: 1 - x, "RsubBackward1"),
        (lambda x: x**2, "PowBackward0"),
        (lambda x: 2**x, "PowBackward2"),
        (lambda x: x.relu(), "ReluBackward0"),
        (lambda x: torch.log1p(x), "Log1PBackward0"),
        (lambda x: x.clamp(0, 1), "ClampBackward1"),
    ],
)
def test_nodes_have_the_names_programs_print(make, name):
    assert type(make(torch.ones(1, requires_grad=True)).grad_fn).__name__ == name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gelu_keeps_the_digits_of_small_values(dtype):
    gelu = torch.nn.functional.gelu
    points = [-5.0, -3.0, -1.0, -1e-3, 0.0, 1e-3, 0.7, 4.0, 12.0]
    values = gelu(torch.tensor(points, dtype=dtype)).tolist()
    for x, y in zip(points, values, strict=True):
        # In double, the distribution function is 1 + erf, which loses them.
        tolerance = {"rel": 2e-6, "abs": 1e-12} if dtype == torch.float32 else {"rel": 1e-9, "abs": 1e-9}
        assert y == pytest.approx(x * math.erfc(-x / math.sqrt(2)) / 2, **tolerance)
    x = torch.tensor([*points, -1.5], dtype=dtype, requires_grad=True)
    gelu(x).sum().backward()
    for at, slope in zip(x.tolist(), x.grad.tolist(), strict=True):
        density = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
        assert slope == pytest.approx(math.erfc(-at / math.sqrt(2)) / 2 + at * density, rel=1e-5, abs=1e-6)
    assert gelu(torch.tensor([math.inf, -20.0], dtype=dtype)).tolist() == [math.inf, 0.0]
    assert gelu(torch.tensor([math.nan, -math.inf], dtype=dtype)).isnan().all()


def test_the_approximate_gelu_is_x_times_a_logistic_step():
    gelu = torch.nn.functional.gelu
    for x in (-30.0, -3.0, -0.5, 0.0, 1.0, 6.0, 30.0):
        u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        expected = 0.5 * x * (1 + math.tanh(u))
        for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
            assert gelu(torch.tensor(x, dtype=dtype), approximate="tanh").item() == pytest.approx(
                expected, rel=tolerance, abs=tolerance
            )
