"""Complex numbers: values against Python's own, views of their parts, promotion, and gradients."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

import flambeau as torch

Z = [1 + 2j, -0.5 + 0.25j, 3 - 1j, -1 - 1j]


def test_data_of_complex_numbers_makes_a_complex_tensor() -> None:
    x = torch.tensor([1 + 2j, 3, True])
    assert x.dtype == torch.complex64
    assert x.tolist() == [1 + 2j, 3 + 0j, 1 + 0j]
    assert torch.tensor(Z, dtype=complex).dtype == torch.complex128
    assert torch.full((2,), 1j).tolist() == [1j, 1j]
    assert torch.tensor(2 - 1j).item() == 2 - 1j


def test_real_dtypes_refuse_complex_data() -> None:
    with pytest.raises(TypeError, match="must be real number, not complex"):
        torch.tensor([1j], dtype=torch.float32)
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        torch.tensor([1j], dtype=torch.int64)
    with pytest.raises(RuntimeError, match="value cannot be converted to type float without overflow"):
        torch.zeros(2).fill_(1j)
    with pytest.raises(RuntimeError, match="ComplexFloat can't be cast to the desired output type Float"):
        torch.zeros(2).add_(1j)


def test_python_numbers_of_one_element() -> None:
    assert complex(torch.tensor(1 + 2j)) == 1 + 2j
    assert complex(torch.tensor(1.5)) == 1.5 + 0j
    assert float(torch.tensor(2 + 0j)) == 2.0
    with pytest.raises(RuntimeError, match="without overflow"):
        float(torch.tensor(1 + 2j))


def test_numpy_both_ways_shares_memory() -> None:
    array = np.array(Z)
    x = torch.from_numpy(array)
    assert x.dtype == torch.complex128
    x[0] = 5j
    assert array[0] == 5j
    back = torch.tensor(Z).numpy()
    assert back.dtype == np.complex64
    assert back.tolist() == Z


def test_promotion() -> None:
    wide, single, whole = torch.ones(2, dtype=torch.float64), torch.ones(2), torch.ones(2, dtype=torch.int64)
    assert (wide * 1j).dtype == torch.complex128
    assert (single * 1j).dtype == torch.complex64
    assert (whole * 1j).dtype == torch.complex64
    assert (torch.tensor(Z[:2]) * wide).dtype == torch.complex128
    # A tensor without dimensions makes the result complex, not wider.
    assert torch.result_type(torch.tensor(1j, dtype=torch.complex128), single) == torch.complex64
    assert torch.promote_types(torch.complex64, torch.float64) == torch.complex128
    assert not torch.can_cast(torch.complex64, torch.float32)


def test_number_on_the_left() -> None:
    x = torch.tensor(Z[:2], dtype=torch.complex128)
    assert (1j - x).tolist() == [1j - z for z in Z[:2]]
    assert (2j * x).tolist() == [2j * z for z in Z[:2]]
    assert (1j / x).tolist() == pytest.approx([1j / z for z in Z[:2]])


def test_arithmetic_is_pythons() -> None:
    a, b = torch.tensor(Z, dtype=torch.complex128), torch.tensor(Z[::-1], dtype=torch.complex128)
    pairs = list(zip(Z, Z[::-1], strict=True))
    assert (a + b).tolist() == [x + y for x, y in pairs]
    assert (a - b).tolist() == [x - y for x, y in pairs]
    assert (a * b).tolist() == [x * y for x, y in pairs]
    assert (a / b).tolist() == pytest.approx([x / y for x, y in pairs])
    assert (a**b).tolist() == pytest.approx([x**y for x, y in pairs])
    assert a.abs().tolist() == pytest.approx([abs(x) for x in Z])
    assert a.abs().dtype == torch.float64
    assert torch.angle(a).tolist() == pytest.approx([cmath.phase(x) for x in Z])
    assert (a == b).tolist() == [x == y for x, y in pairs]


@pytest.mark.parametrize(
    "name", "exp log log10 sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh".split()
)
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_elementary_functions_are_pythons(name: str, dtype: torch.dtype) -> None:
    grid = [
        complex(x, y) for x in (-30.0, -2.5, -1.0, -1e-3, 0.0, 0.5, 7.0) for y in (-20.0, -0.75, 0.25, 3.0)
    ]
    got = getattr(torch, name)(torch.tensor(grid, dtype=dtype)).tolist()
    inputs = torch.tensor(grid, dtype=dtype).tolist()
    tolerance = 1e-14 if dtype == torch.complex128 else 1e-6
    for z, value in zip(inputs, got, strict=True):
        expected = getattr(cmath, name)(z)
        assert abs(value - expected) <= tolerance * max(abs(expected), 1e-3), (z, value, expected)


def test_branch_cuts_follow_the_sign_of_zero() -> None:
    above, below = complex(-4.0, 0.0), complex(-4.0, -0.0)
    x = torch.tensor([above, below], dtype=torch.complex128)
    for name in ("sqrt", "log", "acos", "asin", "acosh", "atanh"):
        got = getattr(torch, name)(x).tolist()
        assert got == pytest.approx([getattr(cmath, name)(above), getattr(cmath, name)(below)]), name


def test_the_modulus_neither_overflows_nor_underflows() -> None:
    x = torch.tensor([complex(3e300, 4e300), complex(3e-300, 4e-300)], dtype=torch.complex128)
    assert x.abs().tolist() == pytest.approx([5e300, 5e-300])
    assert torch.tensor([complex(3e30, 4e30)]).abs().item() == pytest.approx(5e30)
    assert (x / x).tolist() == pytest.approx([1, 1])


def test_parts_are_views() -> None:
    x = torch.tensor([1 + 2j, 3 + 4j])
    x.real[0] = 10
    x.imag.add_(1)
    assert x.tolist() == [10 + 3j, 3 + 5j]
    assert torch.view_as_real(x).tolist() == [[10, 3], [3, 5]]
    assert torch.view_as_complex(torch.view_as_real(x)).data_ptr() == x.data_ptr()
    assert x.imag.stride() == (2,)
    real = torch.ones(2)
    assert real.real is real
    with pytest.raises(RuntimeError, match="imag is not implemented for tensors with non-complex dtypes"):
        _ = real.imag


def test_view_as_complex_says_what_it_needs() -> None:
    for bad, text in [
        (torch.zeros(3), "must have a last dimension of size 2"),
        (torch.zeros(2, 2).t(), "must have a last dimension with stride 1"),
        (torch.zeros(3, 3)[:, :2], "stride divisible by 2"),
        (torch.zeros(5)[1:3], "storage_offset divisible by 2"),
        (torch.zeros(2, dtype=torch.int32), "only supported for half, float and double tensors"),
    ]:
        with pytest.raises(RuntimeError, match=text):
            torch.view_as_complex(bad)


def test_from_parts_and_polar() -> None:
    re, im = torch.tensor([1.0, 2.0]), torch.tensor([[3.0], [4.0]])
    assert torch.complex(re, im).tolist() == [[1 + 3j, 2 + 3j], [1 + 4j, 2 + 4j]]
    z = torch.polar(torch.tensor([2.0]), torch.tensor([math.pi / 2])).item()
    assert z == pytest.approx(2j, abs=1e-6)
    with pytest.raises(RuntimeError, match="Expected object of scalar type Float but got scalar type Double"):
        torch.complex(re, im.double())


def test_conjugates_are_computed_at_once() -> None:
    x = torch.tensor([[1 + 2j, 3 - 4j]])
    assert x.conj().tolist() == [[1 - 2j, 3 + 4j]]
    assert not x.conj().is_conj()
    assert x.H.tolist() == [[1 - 2j], [3 + 4j]]
    assert x.mH.tolist() == x.adjoint().tolist() == x.H.tolist()
    real = torch.ones(2)
    assert real.conj() is real


def test_predicates() -> None:
    x = torch.tensor([1 + 0j, 1j, complex("nan"), complex(0, math.inf)])
    assert torch.isreal(x).tolist() == [True, False, True, False]
    assert torch.isnan(x).tolist() == [False, False, True, False]
    assert torch.isinf(x).tolist() == [False, False, False, True]
    assert torch.isfinite(x).tolist() == [True, True, False, False]
    assert x.is_complex() and torch.is_complex(x) and not torch.is_complex(x.real)


def test_casts_to_real_take_the_real_part_and_warn_once() -> None:
    x = torch.tensor([1.5 + 2j, 0j, 1j])
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        assert x.float().tolist() == [1.5, 0, 0]
    assert x.to(torch.int32).tolist() == [1, 0, 0]
    assert x.bool().tolist() == [True, False, True]
    assert torch.tensor([1, 2]).cdouble().tolist() == [1 + 0j, 2 + 0j]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: torch.tensor([1 + 2j, -0.5j]), "tensor([1.+2.0000j, -0.-0.5000j])"),
        (lambda: torch.tensor(1j), "tensor(0.+1.j)"),
        (lambda: torch.zeros(1, dtype=torch.complex128), "tensor([0.+0.j], dtype=torch.complex128)"),
        (lambda: torch.tensor([1e10 + 1j, 2]), "tensor([1.0000e+10+1.j, 2.0000e+00+0.j])"),
    ],
)
def test_printing(make: object, text: str) -> None:
    assert repr(make()) == text  # type: ignore[operator]
