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
