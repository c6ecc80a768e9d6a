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


def test_an_implicit_gradient_must_be_real() -> None:
    z = torch.tensor(1j, requires_grad=True)
    with pytest.raises(
        RuntimeError, match="implicitly created only for real scalar outputs but got torch.complex64"
    ):
        (z * z).backward()


def test_reductions_are_numpys() -> None:
    array = np.array([[1 + 2j, 3 - 1j, 0.5j], [2, -1j, 1 - 1j]])
    x = torch.tensor(array)
    for name in ("sum", "mean", "prod"):
        assert getattr(torch, name)(x).item() == pytest.approx(getattr(array, name)())
        got = getattr(torch, name)(x, 1, keepdim=True).numpy()
        np.testing.assert_allclose(got, getattr(array, name)(1, keepdims=True))
    np.testing.assert_allclose(x.var(1, correction=0).numpy(), array.var(1))
    np.testing.assert_allclose(x.std(correction=0).numpy(), array.std())
    np.testing.assert_allclose(x.cumsum(1).numpy(), array.cumsum(1))
    np.testing.assert_allclose(x.cumprod(1).numpy(), array.cumprod(1))
    np.testing.assert_allclose(torch.logsumexp(x, 1).exp().numpy(), np.exp(array).sum(1))
    for order in (1, 2, 3, math.inf, -math.inf):
        got = torch.linalg.vector_norm(x, order)
        assert got.dtype == torch.float64
        assert got.item() == pytest.approx(np.linalg.norm(array.ravel(), order))
    assert torch.count_nonzero(torch.tensor([0, 1j, 1])).item() == 2
    assert torch.any(torch.tensor([0, 1j])).item() and not torch.all(torch.tensor([0, 1j])).item()


def test_reductions_of_no_dimensions_and_of_nothing() -> None:
    z = torch.tensor(1 + 2j)
    for name in ("sum", "mean", "prod", "logsumexp"):
        assert getattr(torch, name)(z, 0).item() == pytest.approx(1 + 2j)
    product = torch.tensor([[1j]]).prod(0)
    assert product.tolist() == [1j]
    nothing = torch.zeros(0, 2, dtype=torch.complex64)
    assert nothing.sum(0).tolist() == [0, 0]
    assert nothing.prod(0).tolist() == [1, 1]


def test_products_are_numpys() -> None:
    torch.manual_seed(0)
    for m, k, n in [(2, 3, 4), (40, 50, 60)]:
        a, b = torch.randn(m, k, dtype=torch.complex128), torch.randn(k, n, dtype=torch.complex128)
        expected = a.numpy() @ b.numpy()
        np.testing.assert_allclose((a @ b).numpy(), expected)
        np.testing.assert_allclose((b.t() @ a.t()).t().numpy(), expected)
        strided = torch.randn(k, 2 * n, dtype=torch.complex128)[:, ::2]
        np.testing.assert_allclose((a @ strided).numpy(), a.numpy() @ strided.numpy())
        np.testing.assert_allclose((a @ b[:, 0]).numpy(), a.numpy() @ b.numpy()[:, 0])
        single = (a.to(torch.complex64) @ b.to(torch.complex64)).numpy()
        np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-4)
    v, w = torch.tensor([1 + 1j, 2]), torch.tensor([1j, 3 - 1j])
    assert torch.dot(v, w).item() == (1 + 1j) * 1j + 2 * (3 - 1j)
    assert torch.vdot(v, w).item() == (1 - 1j) * 1j + 2 * (3 - 1j)
    batches = torch.randn(3, 2, 4, dtype=torch.complex128), torch.randn(3, 4, 2, dtype=torch.complex128)
    np.testing.assert_allclose(torch.bmm(*batches).numpy(), batches[0].numpy() @ batches[1].numpy())


def test_random_numbers_are_pytorchs() -> None:
    torch.manual_seed(0)
    assert torch.rand(2, dtype=torch.complex64).tolist() == pytest.approx(
        [0.4963 + 0.7682j, 0.0885 + 0.1320j], abs=1e-4
    )
    torch.manual_seed(0)
    assert torch.randn(2, dtype=torch.complex64).tolist() == pytest.approx(
        [1.0896 - 0.2075j, -1.5406 + 0.4019j], abs=1e-4
    )


def test_progressions() -> None:
    assert torch.linspace(1j, 2, 5).tolist() == [1j, 0.5 + 0.75j, 1 + 0.5j, 1.5 + 0.25j, 2]
    assert torch.linspace(0, 1, 3, dtype=torch.complex128).tolist() == [0, 0.5, 1]
    assert torch.logspace(1j, 2, 2).tolist() == pytest.approx([10**1j, 100], rel=1e-5)
    with pytest.raises(NotImplementedError, match="\"arange_cpu\" not implemented for 'ComplexFloat'"):
        torch.arange(3, dtype=torch.complex64)


def test_indexing_and_fills() -> None:
    x = torch.zeros(4, dtype=torch.complex64)
    x[1] = 2j
    x[torch.tensor([2, 3])] = torch.tensor([1 + 0j, 2])
    assert x.tolist() == [0, 2j, 1, 2]
    assert x.index_fill(0, torch.tensor([0]), 1 - 1j)[0].item() == 1 - 1j
    assert x.masked_fill(x == 0, 1j).tolist() == [1j, 2j, 1, 2]
    assert torch.where(x == 0, 1j, x).tolist() == [1j, 2j, 1, 2]
    assert torch.cat([x[:1], torch.tensor([1.0])]).tolist() == [0, 1]
    assert torch.nonzero(x).tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: x < x, NotImplementedError, "\"lt_cpu\" not implemented for 'ComplexFloat'"),
        (lambda x: x >= 1, NotImplementedError, "\"ge_cpu\" not implemented for 'ComplexFloat'"),
        (lambda x: x.clamp(0), NotImplementedError, "clamp is not supported for complex types"),
        (lambda x: x.max(), NotImplementedError, "\"max_all\" not implemented for 'ComplexFloat'"),
        (lambda x: x.max(0), RuntimeError, "does not support complex input"),
        (lambda x: x.argmin(), RuntimeError, "does not support complex input"),
        (lambda x: x.floor(), NotImplementedError, "floor is not supported for complex inputs"),
        (lambda x: x // 2, NotImplementedError, "\"div_floor_cpu\" not implemented for 'ComplexFloat'"),
        (lambda x: x % 2, NotImplementedError, "\"remainder_cpu\" not implemented for 'ComplexFloat'"),
        (lambda x: x.sign(), NotImplementedError, "Please use torch.sgn instead"),
        (lambda x: x.abs_(), RuntimeError, "In-place abs is not supported for complex tensors"),
        (lambda x: torch.maximum(x, x), RuntimeError, "maximum not implemented for complex tensors"),
        (lambda x: torch.erf(x), NotImplementedError, "\"erf_vml_cpu\" not implemented for 'ComplexFloat'"),
        (lambda x: torch.nn.functional.gelu(x), NotImplementedError, "not implemented for 'ComplexFloat'"),
        (lambda x: torch.softmax(x, 0), NotImplementedError, "not implemented for 'ComplexFloat'"),
        (
            lambda x: torch.nn.functional.max_pool2d(x.reshape(1, 1, 1, 2), 1),
            NotImplementedError,
            "not implemented for 'ComplexFloat'",
        ),
        (lambda x: torch.fmax(x, x.real), RuntimeError, "fmax not implemented for complex tensors"),
        (lambda x: torch.nansum(x), RuntimeError, "nansum on CPU does not support complex inputs"),
        (lambda x: torch.logit(x), NotImplementedError, "\"logit_cpu\" not implemented for 'ComplexFloat'"),
        (lambda x: torch.clamp(x.real, 1j), RuntimeError, "value cannot be converted to type double"),
        (lambda x: torch.lerp(x.real, x.real, 1j), RuntimeError, "value cannot be converted to type"),
        (lambda x: torch.isin(x, x), RuntimeError, "Unsupported input type encountered for isin"),
        (lambda x: torch.add(x.real, x.real, alpha=1j), RuntimeError, "alpha must not be a complex number"),
        (
            lambda x: torch.sin(x, out=torch.zeros(2)),
            RuntimeError,
            "can't be cast to the desired output type",
        ),
    ],
)
def test_what_orders_or_rounds_refuses_complex_numbers(call: object, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        call(torch.tensor([1 + 1j, 2]))  # type: ignore[operator]


def test_convolution_is_the_sum_of_products() -> None:
    x, w = torch.tensor([[[1 + 1j, 2, 3j]]]), torch.tensor([[[1j, 2 - 1j]]])
    got = torch.nn.functional.conv1d(x, w, torch.tensor([1j])).tolist()
    assert got == [[[(1 + 1j) * 1j + 2 * (2 - 1j) + 1j, 2 * 1j + 3j * (2 - 1j) + 1j]]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SGD", [0.51200 + 1.02400j, 0.02400 - 0.00800j]),
        ("Adam", [0.70159 + 1.70062j, 2.70038 - 0.70159j]),
        ("AdamW", [0.69891 + 1.69494j, 2.69170 - 0.69891j]),
        ("RMSprop", [0.30969j, 1.06899]),
        ("Adagrad", [0.78046 + 1.77582j, 2.77436 - 0.78046j]),
        ("Adadelta", [0.99903 + 1.99903j, 2.99903 - 0.99903j]),
        ("Adamax", [0.71550 + 1.70765j, 2.70501 - 0.71550j]),
        ("NAdam", [0.75273 + 1.74751j, 2.74588 - 0.75273j]),
        ("Rprop", [0.63600 + 1.63600j, 2.63600 - 0.63600j]),
    ],
)
def test_optimizers_update_the_parts(name: str, expected: list[complex]) -> None:
    parameter = torch.nn.Parameter(torch.tensor([1 + 2j, 3 - 1j]))
    optimizer = getattr(torch.optim, name)([parameter], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (parameter * torch.tensor([1j, 2])).abs().square().sum().backward()
        optimizer.step()
    assert parameter.tolist() == pytest.approx(expected, abs=1e-4)


def test_a_complex_number_does_not_fill_a_real_tensor():
    x = torch.zeros(2)
    with pytest.raises(RuntimeError, match="value cannot be converted to type float without overflow"):
        x.masked_fill(x == 0, 1j)
