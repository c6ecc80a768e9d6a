"""Gradients of complex tensors: the derivatives by the real and the imaginary part, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gradients import check_gradient

import flambeau as torch


def parts(*shape: int, seed: int = 0) -> Any:
    """Real and imaginary parts in a last dimension, away from 0 and from the usual branch cuts."""
    torch.manual_seed(seed)
    return torch.rand(*shape, 2, dtype=torch.float64) + 0.3


def reals(*shape: int, seed: int = 5) -> Any:
    torch.manual_seed(seed)
    return torch.rand(*shape, dtype=torch.float64) + 0.5


def check(function: Callable[..., Any], *inputs: Any, real: tuple[int, ...] = ()) -> None:
    """Finite differences over the parts of every input that is not in `real`."""

    def on_parts(*xs: Any) -> Any:
        y = function(*(x if i in real else torch.view_as_complex(x) for i, x in enumerate(xs)))
        if y.is_complex():
            # Both parts, weighted apart, so that neither hides the other.
            return 0.7 * y.real - 0.4 * y.imag
        return y

    check_gradient(on_parts, *inputs)


UNARY = (
    "abs angle sgn conj neg square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos "
    "atan sinh cosh tanh asinh acosh atanh sigmoid conj_physical nan_to_num"
).split()


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_tensor(name: str) -> None:
    check(getattr(torch, name), parts(2, 2))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "logaddexp"])
def test_functions_of_two(name: str) -> None:
    function = getattr(torch, name)
    check(function, parts(2, 1), parts(3, seed=1))
    if name != "logaddexp":
        check(function, parts(3), reals(2, 1), real=(1,))
        check(function, reals(3), parts(2, 1), real=(0,))


def test_complex_numbers_as_operands() -> None:
    z = 0.5 - 1.5j
    for function in (
        lambda x: x * z,
        lambda x: z - x,
        lambda x: x / z,
        lambda x: z / x,
        lambda x: x**z,
        lambda x: z**x,
        lambda x: (-2.0) ** x,
        lambda x: torch.add(x, x, alpha=z),
        lambda x: torch.sub(x, x.conj(), alpha=z),
        lambda x: torch.rsub(x, 2.0, alpha=z),
    ):
        check(function, parts(3))


def test_a_real_input_beside_a_complex_one_gets_a_real_gradient() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * torch.tensor([1 + 2j, 3 - 1j])).sum().real.backward()
    assert x.grad.dtype == torch.float32
    assert x.grad.tolist() == [1.0, 3.0]
    y = torch.tensor(2.0, requires_grad=True)
    torch.where(torch.tensor([True, False]), y, torch.tensor([1j, 2j])).sum().imag.backward()
    assert y.grad.item() == 0.0


def test_gradient_of_a_modulus_is_pytorchs() -> None:
    # dL/dx + i dL/dy of |z|^2 is 2 z.
    z = torch.tensor([3 + 4j, -1j], requires_grad=True)
    z.abs().square().sum().backward()
    assert z.grad.tolist() == pytest.approx([6 + 8j, -2j])
    zero = torch.tensor(0j, requires_grad=True)
    zero.abs().backward()
    assert zero.grad.item() == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(0),
        lambda x: x.mean(),
        lambda x: x.prod(),
        lambda x: x.prod(1),
        lambda x: (x * torch.tensor([[1, 0, 1], [1, 1, 1]])).prod(1),
        lambda x: x.var(1),
        lambda x: x.std(),
        lambda x: torch.var_mean(x, 0)[0],
        lambda x: torch.std_mean(x, 0)[1],
        lambda x: x.cumsum(1),
        lambda x: x.cumprod(1),
        lambda x: (x * torch.tensor([1, 0, 1])).cumprod(1),
        lambda x: torch.logsumexp(x, 1),
        lambda x: torch.logcumsumexp(x, 1),
        lambda x: torch.linalg.vector_norm(x, dim=1),
        lambda x: x.norm(1),
        lambda x: x.norm(3),
        lambda x: x.norm(1.5),
        lambda x: x.norm(float("inf"), dim=0),
    ],
)
def test_reductions(function: Callable[[Any], Any]) -> None:
    check(function, parts(2, 3))


def test_products() -> None:
    a, b, v, w = parts(2, 3), parts(3, 2, seed=1), parts(3, seed=2), parts(3, seed=3)
    check(torch.mm, a, b)
    check(torch.mv, a, v)
    check(torch.dot, v, w)
    check(torch.vdot, v, w)
    check(torch.outer, v, w)
    check(torch.matmul, parts(2, 2, 3), b)
    check(torch.bmm, parts(2, 2, 3), parts(2, 3, 2, seed=1))
    check(lambda s, x, y: torch.addmm(s, x, y, beta=1j, alpha=2 - 1j), parts(2, 2), a, b)
    check(lambda s, x, y: torch.addmv(s, x, y, beta=1j, alpha=2 - 1j), parts(2), a, v)
    check(
        lambda s, x, y: torch.baddbmm(s, x, y, alpha=2j),
        parts(2, 2, 2),
        parts(2, 2, 3),
        parts(2, 3, 2, seed=1),
    )
    check(torch.nn.functional.linear, parts(4, 3), parts(2, 3, seed=1), parts(2, seed=2))


def test_combinations() -> None:
    a, b, c = parts(3), parts(3, seed=1), parts(3, seed=2)
    check(lambda x, y, z: torch.addcmul(x, y, z, value=2j), a, b, c)
    check(lambda x, y, z: torch.addcdiv(x, y, z, value=2j), a, b, c)
    check(torch.lerp, a, b, c)
    check(lambda x, y: torch.lerp(x, y, 0.3), a, b)


def test_parts_and_what_is_made_of_them() -> None:
    check(lambda z: z.real * z.imag, parts(3))
    check(torch.complex, reals(3), reals(2, 1), real=(0, 1))
    check(torch.polar, reals(3), reals(3, seed=6), real=(0, 1))
    check(lambda z: z.H, parts(2, 3))
    check(lambda z: z.to(torch.complex128).real.to(torch.complex128), parts(3))


def test_indexing() -> None:
    index = torch.tensor([2, 0, 2])
    check(lambda z: z[index], parts(3))
    check(lambda z: torch.gather(z, 0, index), parts(3))
    check(lambda z, s: z.index_add(0, index, s, alpha=2j), parts(3), parts(3, seed=1))
    check(lambda z, v: torch.where(torch.tensor([True, False, True]), z, v), parts(3), parts(3, seed=1))
    check(lambda z: z.masked_fill(torch.tensor([True, False, True]), 1j), parts(3))
    check(lambda z, w: torch.cat([z, w]), parts(3), parts(2, seed=1))


def test_overlapping_windows() -> None:
    check(lambda z: z.as_strided((2, 2), (1, 1)), parts(3))
    check(lambda z: z.unfold(0, 2, 1), parts(4))


def test_in_place_writes_to_the_parts_reach_the_whole() -> None:
    def write(z: Any) -> Any:
        w = z * 1
        w.real.mul_(3)
        w.imag[0] = w.real[1]
        return w * w

    check(write, parts(3))

    def write_as_complex(x: Any) -> Any:
        y = x * 1
        torch.view_as_complex(y).mul_(2j)
        return y * y

    check(write_as_complex, reals(3, 2), real=(0,))


def test_convolution() -> None:
    conv1d, conv2d = torch.nn.functional.conv1d, torch.nn.functional.conv2d
    check(
        lambda x, w, b: conv1d(x, w, b, padding=1), parts(1, 2, 4), parts(3, 2, 2, seed=1), parts(3, seed=2)
    )
    check(lambda x, w: conv2d(x, w, stride=2), parts(1, 1, 4, 4), parts(1, 1, 2, 2, seed=1))
