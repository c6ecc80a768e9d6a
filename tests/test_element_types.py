"""Which element types operators take and which they refuse, by the exceptions that PyTorch raises."""

from __future__ import annotations

import pytest

import flambeau as torch

WIDE = (torch.uint16, torch.uint32, torch.uint64)
HALVES = (torch.float16, torch.bfloat16)
COMPLEX = (torch.complex64, torch.complex128)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

REFUSALS = [
    ("bincount_cpu", torch.bincount, HALVES + COMPLEX + (torch.bool,)),
    ("logaddexp2_cpu", lambda x: torch.logaddexp2(x, x), INTEGERS + COMPLEX + (torch.bool,)),
    ("entr_cpu", torch.special.entr, COMPLEX),
    ("cross", lambda x: torch.linalg.cross(x, x), WIDE + (torch.bool,)),
    ("cdist", lambda x: torch.cdist(x[None], x[None]), HALVES),
    ("pdist", lambda x: torch.pdist(x[None]), HALVES),
    ("trace", lambda x: torch.trace(x[None]), WIDE + (torch.bool,)),
    ("histogramdd", lambda x: torch.histogram(x, 3), HALVES + INTEGERS),
    ("searchsorted_out_cpu", lambda x: torch.searchsorted(x, x), WIDE + (torch.bool,)),
    ("isin_default_cpu", lambda x: torch.isin(x, x), WIDE),
    ("rms_norm", lambda x: torch.nn.functional.rms_norm(x, x.shape), INTEGERS + (torch.bool,)),
    ("LayerNormKernelImpl", lambda x: torch.nn.functional.layer_norm(x, x.shape), INTEGERS + COMPLEX),
    (
        "avg_pool2d",
        lambda x: torch.nn.functional.local_response_norm(x[None, :, None], 2),
        COMPLEX + (torch.int32,),
    ),
    ("hardshrink_cpu", torch.nn.functional.hardshrink, INTEGERS),
    ("softshrink_check", torch.nn.functional.softshrink, INTEGERS),
    ("prelu_cpu", lambda x: torch.prelu(x, x[:1]), INTEGERS),
    ("max_pool1d_impl", lambda x: torch.nn.functional.max_pool1d(x[None], 2), INTEGERS),
    ("round_vml_cpu", lambda x: torch.round(x, decimals=0), INTEGERS),
    ("round_cpu", lambda x: torch.round(x, decimals=1), INTEGERS + COMPLEX),
    ("chebyshev_polynomial_t_cpu", lambda x: torch.special.chebyshev_polynomial_t(x, 2), HALVES + COMPLEX),
    ("laguerre_polynomial_l_cpu", lambda x: torch.special.laguerre_polynomial_l(x, 2), HALVES + COMPLEX),
    (
        "log_sigmoid_cpu",
        lambda x: torch.nn.functional.binary_cross_entropy_with_logits(x, torch.rand(3)),
        INTEGERS + COMPLEX,
    ),
]


@pytest.mark.parametrize(("kernel", "call", "dtypes"), REFUSALS, ids=[case[0] for case in REFUSALS])
def test_refused_types_are_named_with_the_kernel(kernel, call, dtypes):
    for dtype in dtypes:
        with pytest.raises(NotImplementedError, match=f'"{kernel}" not implemented for \''):
            call(torch.tensor([0, 1, 2]).to(dtype))


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (RuntimeError, "found x of type Float and y of type Long", lambda f, i: torch.linalg.vecdot(f, i)),
        (RuntimeError, "Expected a floating point or complex tensor", lambda f, i: torch.linalg.vecdot(i, i)),
        (RuntimeError, "expected scalar type Long but found Float", lambda f, i: torch.linalg.cross(i, f)),
        (RuntimeError, "integer tensors, but got Half", lambda f, i: torch.linalg.vander(f.half())),
        (RuntimeError, r"isin\(\): Bool", lambda f, i: torch.isin(i, True)),
        (RuntimeError, "does not support uint8", lambda f, i: torch.gradient(i.byte())),
        (RuntimeError, "unsigned type with negative", lambda f, i: torch.nn.functional.hardtanh(i.byte())),
        (RuntimeError, "integral, floating-point and boolean", lambda f, i: (f + 1j).random_(0, 2)),
        (ValueError, "dtypes for prob, got: Long", lambda f, i: torch.binomial(f, i)),
        (TypeError, "to be integer dtype", lambda f, i: torch.unravel_index(f, (3, 1))),
        (IndexError, "Expected dtype int64 for index", lambda f, i: i.index_fill(0, i.int(), 1)),
    ],
)
def test_other_exceptions_of_refused_types(error, text, call):
    with pytest.raises(error, match=text):
        call(torch.rand(3), torch.tensor([0, 1, 2]))


@pytest.mark.parametrize("dtype", WIDE)
def test_what_wide_unsigned_integers_can(dtype):
    x = torch.tensor([0, 1, 2]).to(dtype)
    assert (x.any().item(), x.all().item()) == (True, False)
    assert torch.isin(x, 2).tolist() == [False, False, True]
    assert torch.special.xlog1py(x, x).dtype == torch.float32
    assert torch.linalg.vander(x).tolist() == [[1, 0, 0], [1, 1, 1], [1, 2, 4]]


def test_rounding_to_decimals_rounds_halves_once():
    x = torch.tensor(0.349609375, dtype=torch.bfloat16)  # ten times it is 3.496..., in bfloat16 3.5
    assert torch.round(x, decimals=1).item() == 0.30078125


def odd_bools(*shape: int) -> torch.Tensor:
    """Bools whose bytes are 0, 1, 2, 3, 128, 255, over and over."""
    count = torch.Size(shape).numel()
    return (
        torch.tensor(([0, 1, 2, 3, 128, 255] * count)[:count], dtype=torch.uint8).view(torch.bool).view(shape)
    )


def stored(x: torch.Tensor) -> list[int]:
    return x.view(torch.uint8).tolist()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (torch.sum, 5),
        (lambda x: x.view(2, 3).sum(0), [1, 2, 2]),
        (lambda x: x.view(2, 3).sum(1), [2, 3]),
        (lambda x: x.sum(dtype=torch.int8), 5),
        (torch.nansum, 5),
        (lambda x: x[1:].prod(), 1),
        (lambda x: x.cumsum(0), [0, 1, 2, 3, 4, 5]),
        (lambda x: x.view(2, 3).cumsum(0), [[0, 1, 1], [1, 2, 2]]),
        (lambda x: x[1:].cumprod(0), [1, 1, 1, 1, 1]),
        (lambda x: x.cummax(0).indices, [0, 1, 2, 3, 4, 5]),
        (lambda x: x.max(0).indices, 1),
        (lambda x: stored(x.max().view(1))[0], 1),
        (lambda x: stored(x.amax(0, keepdim=True))[0], 1),
        (lambda x: stored(x.max(0, keepdim=True).values)[0], 1),
        (lambda x: stored(x[1:].min().view(1))[0], 1),
    ],
)
def test_a_bool_counts_as_one_whatever_its_byte(call, expected):
    result = call(odd_bools(6))
    assert (result.tolist() if isinstance(result, torch.Tensor) else result) == expected


def test_sums_of_many_bools_count_the_true_ones():
    assert odd_bools(600000).sum().item() == 500000
    assert odd_bools(1000, 600).sum(0).tolist() == [0 if i % 6 == 0 else 1000 for i in range(600)]
    assert odd_bools(600000).cumsum(0)[-1].item() == 500000


@pytest.mark.parametrize(
    "copy",
    [
        torch.clone,
        lambda x: x.to(torch.bool, copy=True),
        lambda x: torch.zeros_like(x).copy_(x),
        lambda x: x.t().clone(),
        lambda x: x.t().contiguous(),
        lambda x: x[:, ::2].clone(),
        lambda x: torch.tensor(x.numpy()),
    ],
)
@pytest.mark.parametrize("shape", [(2, 3), (48, 60)])
def test_copies_of_bools_hold_zeros_and_ones(copy, shape):
    x = odd_bools(*shape)
    made = copy(x)
    assert set(torch.flatten(made.contiguous().view(torch.uint8)).tolist()) == {0, 1}
    assert made.sum() == (x[:, ::2] if made.numel() < x.numel() else x).sum()


@pytest.mark.parametrize(
    ("kernel", "call", "dtype"),
    [
        ("add_stub", lambda x: x + x, torch.uint16),
        ("add_stub", lambda x: 1 - x, torch.uint32),
        ("neg_cpu", torch.neg, torch.uint64),
        ("pow", torch.square, torch.uint16),
        ("sign_cpu", torch.sgn, torch.uint16),
        ("logical_not_cpu", torch.logical_not, torch.uint16),
        ("logical_xor_cpu", lambda x: torch.logical_xor(x, x), torch.uint16),
        ("bitwise_not_cpu", torch.bitwise_not, torch.uint16),
        ("lshift_cpu", lambda x: x << 1, torch.uint16),
        ("maximum_cpu", lambda x: torch.fmax(x, x), torch.uint16),
        ("clamp_scalar_cpu", lambda x: x.clamp(0, 1), torch.uint16),
        ("clamp_cpu", lambda x: x.clamp(x, x), torch.bool),
        ("clamp_min_scalar_cpu", lambda x: x.clamp_min(0), torch.uint16),
        ("minimum_cpu", lambda x: x.clamp_max(x), torch.uint16),
        ("clamp_min_scalar_cpu", torch.relu, torch.uint16),
        ("addcmul_cpu_out", lambda x: torch.addcmul(x, x, x), torch.uint16),
        ("prelu_cpu", lambda x: torch.prelu(x, x[:1]), torch.complex64),
        ("glu_cpu", lambda x: torch.nn.functional.glu(x, 0), torch.int64),
    ],
)
def test_a_refusal_names_the_kernel(kernel, call, dtype):
    with pytest.raises(NotImplementedError, match=f'"{kernel}" not implemented for'):
        call(torch.tensor([1, 2]).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.complex64])
def test_only_integers_and_bools_are_inverted(dtype):
    with pytest.raises(TypeError, match="only implemented on integer and Boolean-type tensors"):
        ~torch.ones(2, dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "value", "spelled"),
    [
        (torch.int8, 300, "int8_t"),
        (torch.uint8, -300, "uint8_t"),
        (torch.int32, 2**40, "int"),
        (torch.float32, 1e39, "float"),
        (torch.uint16, 70000, "uint16_t"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda x, value: torch.where(torch.tensor([True, False]), x, value),
        lambda x, value: torch.where(torch.tensor([True, False]), value, x),
        lambda x, value: x.where(torch.tensor([True, False]), value),
        lambda x, value: x.index_fill(0, torch.tensor([0]), value),
        lambda x, value: x.scatter(0, torch.tensor([0]), value),
        lambda x, value: x.__setitem__(torch.tensor([0]), value),
        lambda x, value: torch.scalar_tensor(value, dtype=x.dtype),
    ],
)
def test_a_number_that_a_tensor_cannot_hold_is_not_written(call, dtype, value, spelled):
    with pytest.raises(RuntimeError, match=f"value cannot be converted to type {spelled} without overflow"):
        call(torch.tensor([1, 2]).to(dtype), value)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, value: x.clamp(max=value),
        lambda x, value: x.clamp_(0, value),
        lambda x, value: x.t().clamp_min(value),
        lambda x, value: torch.nn.functional.threshold(x, 0, value),
        lambda x, value: torch.add(x, x, alpha=value),
        lambda x, value: torch.addcmul(x, x, x, value=value),
    ],
)
@pytest.mark.parametrize(("dtype", "value"), [(torch.int8, 300), (torch.int32, 2**40), (torch.float32, 1e39)])
def test_a_number_that_cannot_take_part_is_refused(call, dtype, value):
    with pytest.raises(RuntimeError, match="cannot be converted to type .* without overflow"):
        call(torch.ones(2, 3, dtype=dtype), value)


def test_numbers_that_take_part_in_arithmetic_wrap_around():
    x = torch.tensor([1, 2], dtype=torch.int8)
    assert (x + 300).tolist() == [45, 46]
    assert (x * 300).tolist() == [44, 88]


def test_large_floats_fill_unsigned_integers():
    assert torch.full((1,), 1e19, dtype=torch.uint64).item() == 10**19
    assert torch.zeros(1, dtype=torch.uint64).fill_(2.0**63).item() == 2**63


def test_addr_of_booleans_is_or_and_and():
    true, vec = torch.ones(2, 2, dtype=torch.bool), torch.tensor([True, False])
    product = torch.tensor([[True, False], [False, False]])
    assert torch.equal(torch.addr(~true, vec, vec, alpha=2), product)
    assert torch.equal(torch.addr(true, vec, vec, beta=0), product)
    assert torch.equal(torch.addr(true, vec, vec, beta=2, alpha=0), true)
    with pytest.raises(RuntimeError, match="argument beta must not be a floating point number"):
        torch.addr(true, vec, vec, beta=1.5)


def test_histc_of_halves_rounds_after_each_step():
    x = torch.linspace(-3, 4, 40).bfloat16()
    assert torch.histc(x, 9).tolist() == [5, 4, 4, 5, 4, 4, 5, 4, 5]
    assert torch.histc(x.float(), 9).tolist() == [5, 4, 5, 4, 4, 5, 4, 4, 5]


def test_margin_ranking_of_unsigned_integers_wraps_around():
    first, second = torch.tensor([3, 200], dtype=torch.uint8), torch.tensor([9, 5], dtype=torch.uint8)
    target = torch.tensor([2, 0], dtype=torch.uint8)
    loss = torch.nn.functional.margin_ranking_loss(first, second, target, 0.5, reduction="none")
    assert loss.tolist() == [12.5, 0.5]


def test_rms_norm_of_complex_numbers_squares_them():
    x = torch.tensor([[1 + 2j, -0.5 + 1j, 2 - 1j]], dtype=torch.complex128)
    expected = x / ((x * x).mean() + torch.finfo(x.dtype).eps).sqrt()
    assert torch.allclose(torch.nn.functional.rms_norm(x, (3,)), expected)


def test_local_response_norm_of_integers_divides_to_integers():
    x = torch.arange(-3, 5).reshape(1, 4, 2) * 3
    means = torch.tensor([[[40, 18], [45, 18], [9, 18], [45, 90]]])
    expected = x / (means * 0.5 + 1) ** 0.75
    assert torch.allclose(torch.nn.functional.local_response_norm(x, 2, alpha=0.5), expected)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_coordinates_are_int64(dtype):
    found = torch.unravel_index(torch.tensor([3, 5], dtype=dtype), (2, 1000))
    assert [c.dtype for c in found] == [torch.int64] * 2
    assert [c.tolist() for c in found] == [[0, 0], [3, 5]]
